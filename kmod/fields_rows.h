/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Includes the table RBLK_FIELDS with the words that the file around it has given
 * a meaning, and takes their meanings away again. See fields.h.
 *
 * A word without a meaning makes nothing, but for those that stand for a plain
 * value: they mean VALUE(offset, form, name) if that has a meaning.
 */
#ifndef VALUE
#define VALUE(off, form, name)
#endif
#ifndef FIELD_AS
#define FIELD_AS(off, form, name, member, ...)	VALUE(off, form, name)
#endif
#ifndef CODED
#define CODED(off, form, name, bounds)		VALUE(off, form, name)
#endif
#ifndef ZERO
#define ZERO(off, form, name)			VALUE(off, form, name)
#endif
#ifndef SPARE
#define SPARE(off, bytes, name)
#endif
#ifndef NESTED
#define NESTED(off, T, name)
#endif
#ifndef TABLE
#define TABLE(off, T, name, n)
#endif
#ifndef VALUES
#define VALUES(off, form, name, n)
#endif

/* The bounds are two arguments by then. */
#define FIELD(off, form, name, ...)		FIELD_AS(off, form, name, name, __VA_ARGS__)

#include RBLK_FIELDS

#undef FIELDS
#undef VALUE
#undef FIELD
#undef FIELD_AS
#undef CODED
#undef ZERO
#undef SPARE
#undef NESTED
#undef TABLE
#undef VALUES
#undef FIELDS_END
