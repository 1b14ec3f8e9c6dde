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
#define FIELD(off, form, name, member, bounds) \
	{ #name, ROW_FIELD, off, BYTES_##form, 1, FORM_##form, NULL, bounds },
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
