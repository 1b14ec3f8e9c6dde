/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The field tables of kmod/ as data: for what dumps, tests and fuzzes the structures
 * on disk and on the wire as bytes. See kmod/fields.h.
 */
#ifndef RAFTBLK_FIELDTAB_H
#define RAFTBLK_FIELDTAB_H

#include "os.h"

enum field_row {
	ROW_FIELD, ROW_CODED, ROW_ZERO, ROW_SPARE, ROW_NESTED, ROW_TABLE, ROW_VALUES,
};

enum field_form {
	FORM_u8, FORM_le16, FORM_le32, FORM_le64, FORM_crc, FORM_id, FORM_time,
	FORM_uuid, FORM_name, FORM_addr,
};

struct field {
	const char *name;
	enum field_row row;
	u32 off;
	u32 bytes;			/* of one of them */
	u32 n;				/* that lie there one after the other */
	enum field_form form;		/* not of SPARE, NESTED and TABLE */
	const struct fieldtab *of;	/* NESTED, TABLE: what they are */
	u64 least, most;		/* FIELD, CODED */
};

struct fieldtab {
	const char *name;		/* of the structure */
	u32 bytes;
	u32 n;
	const struct field *field;
};

/* All of them; NULL is behind the last. */
extern const struct fieldtab *const fieldtabs[];

/* The table of a structure; it must exist. */
const struct fieldtab *fieldtab_of(const char *name);

/* Is the form a number, which field_get() and field_set() are for? */
bool field_is_number(const struct field *f);
u64 field_get(const struct field *f, const void *at);
void field_set(const struct field *f, void *at, u64 v);

/*
 * For fuzzers. Values in @t, those in nested structures and in each place of a table
 * too; the @n-th of them, whose place is added to *@off; and a change of it, at @at, to where a check may
 * be wrong: around its bounds, its own value, or in a single bit.
 */
u32 fieldtab_values(const struct fieldtab *t);
const struct field *fieldtab_value(const struct fieldtab *t, u32 n, u32 *off);
void field_vary(const struct field *f, u8 *at, u8 choice);

#endif
