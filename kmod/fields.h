/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is stored or sent is described by tables, one row a field. From the same
 * rows come the declaration of each structure, the assertions on it and the code
 * that writes, reads and checks it; in userspace also what dumps, tests and fuzzes
 * it (userspace/lib/fieldtab.c), and the tables in Documentation/ (tools/fields).
 *
 * As with trace events, a table is a header that is included once for each of
 * these purposes, and its words mean something else each time:
 *
 *	#define RBLK_FIELDS "wire/frame_fields.h"
 *	#include "fields.h"
 *
 * FIELDS(S, type), rows in the order of their offsets and FIELDS_END(S, bytes) make
 *
 *	struct S;
 *	S_put(struct S *f, const type *v);	writes every FIELD, ZERO and SPARE
 *	S_get(type *v, const struct S *f);	reads every FIELD
 *	S_ok(const struct S *f);		is every value within its bounds?
 *
 * A row is one of
 *
 *	FIELD(offset, form, name, bounds)		has the same name in memory
 *	FIELD_AS(offset, form, name, member, bounds)	is v->member in memory
 *	CODED(offset, form, name, bounds)		is written and read by hand
 *	ZERO(offset, form, name)			reserved: S_ok() wants it to be 0
 *	SPARE(offset, bytes, name)			reserved: written as 0, never read
 *	NESTED(offset, S, name)				a structure with a table of its own
 *	TABLE(offset, S, name, n)			an array of them
 *	VALUES(offset, form, name, n)			an array of plain values
 *
 * The last three are written, read and checked by hand, and so is whatever the
 * bounds of a single value cannot say: relations, masks, alignment. The comment on
 * a row, or above it, is its description in Documentation/.
 */
#ifndef RBLK_FIELDS_H
#define RBLK_FIELDS_H

#include "state.h"

/* Bounds: the least value, the greatest. A name or uuid that is NOT_ZERO is not empty. */
#define ANY			0, U64_MAX
#define NOT_ZERO		1, U64_MAX
#define BOOL			0, 1
#define UPTO(n)			0, (n)
#define BELOW(n)		0, (n) - 1
#define RANGE(least, most)	(least), (most)

/* Forms. An id, a crc and a time are numbers that people read in another way. */
#define DECLARE_u8(f)		u8 f
#define DECLARE_le16(f)		__le16 f
#define DECLARE_le32(f)		__le32 f
#define DECLARE_le64(f)		__le64 f
#define DECLARE_crc(f)		__le32 f
#define DECLARE_id(f)		__le64 f
#define DECLARE_time(f)		__le64 f
#define DECLARE_uuid(f)		u8 f[RBLK_UUID_LEN]
#define DECLARE_name(f)		char f[RBLK_NAME_MAX]
#define DECLARE_addr(f)		char f[RBLK_ADDR_MAX]

#define PUT_u8(f, v)		((f) = (v))
#define PUT_le16(f, v)		((f) = cpu_to_le16(v))
#define PUT_le32(f, v)		((f) = cpu_to_le32(v))
#define PUT_le64(f, v)		((f) = cpu_to_le64(v))
#define PUT_crc(f, v)		PUT_le32(f, v)
#define PUT_id(f, v)		PUT_le64(f, v)
#define PUT_time(f, v)		PUT_le64(f, v)
#define PUT_uuid(f, v)		memcpy(f, v, RBLK_UUID_LEN)
#define PUT_name(f, v)		rblk_name_put(f, v, RBLK_NAME_MAX)
#define PUT_addr(f, v)		rblk_name_put(f, v, RBLK_ADDR_MAX)

#define GET_u8(v, f)		((v) = (f))
#define GET_le16(v, f)		((v) = le16_to_cpu(f))
#define GET_le32(v, f)		((v) = le32_to_cpu(f))
#define GET_le64(v, f)		((v) = le64_to_cpu(f))
#define GET_crc(v, f)		GET_le32(v, f)
#define GET_id(v, f)		GET_le64(v, f)
#define GET_time(v, f)		GET_le64(v, f)
#define GET_uuid(v, f)		memcpy(v, f, RBLK_UUID_LEN)
#define GET_name(v, f)		memcpy(v, f, RBLK_NAME_MAX)
#define GET_addr(v, f)		memcpy(v, f, RBLK_ADDR_MAX)

#define OK_u8(f, least, most)	rblk_within(f, least, most)
#define OK_le16(f, least, most)	rblk_within(le16_to_cpu(f), least, most)
#define OK_le32(f, least, most)	rblk_within(le32_to_cpu(f), least, most)
#define OK_le64(f, least, most)	rblk_within(le64_to_cpu(f), least, most)
#define OK_crc(f, least, most)	OK_le32(f, least, most)
#define OK_id(f, least, most)	OK_le64(f, least, most)
#define OK_time(f, least, most)	OK_le64(f, least, most)
#define OK_uuid(f, least, most)	rblk_uuid_ok(f, least)
#define OK_name(f, least, most)	rblk_name_ok(f, RBLK_NAME_MAX, least)
#define OK_addr(f, least, most)	rblk_name_ok(f, RBLK_ADDR_MAX, least)

/* A function: compared in a macro, the bounds of ANY would be warned of as always true. */
static inline bool rblk_within(u64 v, u64 least, u64 most)
{
	return v >= least && v <= most;
}

bool rblk_uuid_ok(const u8 *uuid, bool set);
bool rblk_name_ok(const char *name, u32 size, bool set);
void rblk_name_put(char *to, const char *from, u32 size);

#endif /* RBLK_FIELDS_H */

#ifdef RBLK_FIELDS

/* The structures. */
#define FIELDS(S, type)				struct S {
#define VALUE(off, form, name)			DECLARE_##form(name);
#define SPARE(off, bytes, name)			u8 name[bytes];
#define NESTED(off, T, name)			struct T name;
#define TABLE(off, T, name, n)			struct T name[n];
#define VALUES(off, form, name, n)		DECLARE_##form(name[n]);
#define FIELDS_END(S, bytes)			} RBLK_FIELDS_ATTR;
#include "fields_rows.h"

/* Every row is where it says that it is. */
#define FIELDS(S, type)				static inline void S##_assert(void)	\
						{ typedef struct S s;
#define VALUE(off, form, name)			static_assert(offsetof(s, name) == (off));
#define SPARE(off, bytes, name)			VALUE(off, , name)
#define NESTED(off, T, name)			VALUE(off, , name)
#define TABLE(off, T, name, n)			VALUE(off, , name)
#define VALUES(off, form, name, n)		VALUE(off, , name)
#define FIELDS_END(S, bytes)			static_assert(sizeof(s) == (bytes)); }
#include "fields_rows.h"

/* Writing. */
#define FIELDS(S, type)				static inline void S##_put(struct S *f,	\
								   const type *v) {
#define FIELD_AS(off, form, name, member, ...)	PUT_##form(f->name, v->member);
#define CODED(off, form, name, bounds)
#define ZERO(off, form, name)			f->name = 0;
#define SPARE(off, bytes, name)			memset(f->name, 0, bytes);
#define FIELDS_END(S, bytes)			}
#include "fields_rows.h"

/* Reading. */
#define FIELDS(S, type)				static inline void S##_get(type *v,	\
								   const struct S *f) {
#define FIELD_AS(off, form, name, member, ...)	GET_##form(v->member, f->name);
#define CODED(off, form, name, bounds)
#define ZERO(off, form, name)
#define FIELDS_END(S, bytes)			}
#include "fields_rows.h"

/* Checking. */
#define FIELDS(S, type)				static inline bool S##_ok(const struct S *f)	\
						{ return true
#define FIELD_AS(off, form, name, member, ...)	&& OK_##form(f->name, __VA_ARGS__)
#define CODED(off, form, name, bounds)		&& OK_##form(f->name, bounds)
#define ZERO(off, form, name)			&& !f->name
#define FIELDS_END(S, bytes)			; }
#include "fields_rows.h"

#undef RBLK_FIELDS
#undef RBLK_FIELDS_ATTR

#endif /* RBLK_FIELDS */
