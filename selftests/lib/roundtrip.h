/* SPDX-License-Identifier: GPL-2.0 */
/* What must hold of everything that a field table describes. */
#ifndef RAFTBLK_ROUNDTRIP_H
#define RAFTBLK_ROUNDTRIP_H

#include "fieldtab.h"

struct roundtrip_part {
	const char *name;		/* of the structure; NULL: behind the last part */
	u32 at;				/* where it lies in the buffer */
};

/* A buffer of @len bytes with one or more structures and valid content. */
struct roundtrip {
	u8 *buf;
	u32 len;
	const struct roundtrip_part *part;
	int (*decode)(void);		/* @buf; 0: it was accepted */
	void (*encode)(u8 *to);		/* writes what decode() made of it: @len bytes */
	void (*mend)(void);		/* makes the checksums in @buf right again */
	/* Rows that are special, as "structure.row"; NULL is behind the last: */
	const char *const *fresh;	/* not kept when read, but written again each time */
	const char *const *counts;	/* how much of the rest is in use */
	const char *const *rigid;	/* those whose value follows from the others */
};

/*
 * Changes each field, nested ones too, to many other values. What is accepted is
 * written again exactly as it was read; at least one change of each field is
 * accepted, unless it is rigid, and no value outside of its bounds is. What is
 * reserved is refused or ignored, as the table says.
 */
void roundtrip(const struct roundtrip *rt);

/* The rows of a table lie behind one another and cover all bytes of the structure. */
void roundtrip_cover(const struct fieldtab *t);

#endif
