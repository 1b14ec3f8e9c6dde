// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "fieldtab.h"
#include "log/format.h"
#include "wire/wire_frame.h"

#define BYTES_u8	sizeof(u8)
#define BYTES_le16	sizeof(__le16)
#define BYTES_le32	sizeof(__le32)
#define BYTES_le64	sizeof(__le64)
#define BYTES_crc	sizeof(__le32)
#define BYTES_id	sizeof(__le64)
#define BYTES_time	sizeof(__le64)
#define BYTES_uuid	RBLK_UUID_LEN
#define BYTES_name	RBLK_NAME_MAX
#define BYTES_addr	RBLK_ADDR_MAX

#define FIELDS(S, type)		static const struct field S##_rows[] = {
#define FIELD_AS(off, form, name, member, ...) \
	{ #name, ROW_FIELD, off, BYTES_##form, 1, FORM_##form, NULL, __VA_ARGS__ },
#define CODED(off, form, name, bounds) \
	{ #name, ROW_CODED, off, BYTES_##form, 1, FORM_##form, NULL, bounds },
#define ZERO(off, form, name) \
	{ #name, ROW_ZERO, off, BYTES_##form, 1, FORM_##form, NULL, 0, 0 },
#define SPARE(off, bytes, name) \
	{ #name, ROW_SPARE, off, 1, bytes, FORM_u8, NULL, 0, 0 },
#define NESTED(off, T, name) \
	{ #name, ROW_NESTED, off, sizeof(struct T), 1, FORM_u8, &T##_tab, 0, 0 },
#define TABLE(off, T, name, n) \
	{ #name, ROW_TABLE, off, sizeof(struct T), n, FORM_u8, &T##_tab, 0, 0 },
#define VALUES(off, form, name, n) \
	{ #name, ROW_VALUES, off, BYTES_##form, n, FORM_##form, NULL, 0, 0 },
#define FIELDS_END(S, bytes) \
	}; \
	static const struct fieldtab S##_tab = { #S, bytes, ARRAY_SIZE(S##_rows), S##_rows };
#define RBLK_FIELDS		"all_fields.h"
#include "fields_rows.h"

#define FIELDS(S, type)		&S##_tab,
#define FIELDS_END(S, bytes)

const struct fieldtab *const fieldtabs[] = {
#include "fields_rows.h"
	NULL
};

const struct fieldtab *fieldtab_of(const char *name)
{
	const struct fieldtab *const *t;

	for (t = fieldtabs; *t; t++)
		if (!strcmp((*t)->name, name))
			return *t;
	abort();
}

bool field_is_number(const struct field *f)
{
	return f->row != ROW_SPARE && f->row != ROW_NESTED && f->row != ROW_TABLE &&
	       f->form < FORM_uuid;
}

u64 field_get(const struct field *f, const void *at)
{
	__le64 v = 0;

	memcpy(&v, at, f->bytes);
	return le64_to_cpu(v);
}

void field_set(const struct field *f, void *at, u64 v)
{
	__le64 le = cpu_to_le64(v);

	memcpy(at, &le, f->bytes);
}

static u32 values_in(const struct field *f)
{
	return f->of ? fieldtab_values(f->of) : 1;
}

u32 fieldtab_values(const struct fieldtab *t)
{
	u32 i, n = 0;

	for (i = 0; i < t->n; i++)
		n += t->field[i].n * values_in(&t->field[i]);
	return n;
}

const struct field *fieldtab_value(const struct fieldtab *t, u32 n, u32 *off)
{
	u32 i;

	for (i = 0; i < t->n; i++) {
		const struct field *f = &t->field[i];
		u32 in = values_in(f);

		if (n < f->n * in) {
			*off += f->off + n / in * f->bytes;
			return f->of ? fieldtab_value(f->of, n % in, off) : f;
		}
		n -= f->n * in;
	}
	abort();
}

void field_vary(const struct field *f, u8 *at, u8 choice)
{
	u64 v;

	if (choice & 0x80 || !field_is_number(f)) {
		choice &= 0x7f;
		at[choice / 8 % f->bytes] ^= 1u << choice % 8;
		return;
	}
	v = field_get(f, at);
	switch (choice & 7) {
	case 0:
		v = f->least - (choice >> 3 & 1);
		break;
	case 1:
		v = f->most + (choice >> 3 & 1);
		break;
	case 2:
		v++;
		break;
	case 3:
		v--;
		break;
	case 4:
		v = choice >> 3;
		break;
	case 5:
		v = -(u64)(choice >> 3);
		break;
	case 6:
		v ^= 1ULL << (choice >> 3) * 4;
		break;
	default:
		v = 1ULL << (choice >> 3) * 4;
	}
	field_set(f, at, v);
}
