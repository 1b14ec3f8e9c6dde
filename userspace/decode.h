/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RAFTBLK_DECODE_H
#define RAFTBLK_DECODE_H

#include <json.h>
#include <stdbool.h>

struct nlmsghdr;

enum attr_type {
	ATTR_U32, ATTR_U64, ATTR_HEX, ATTR_STRING, ATTR_FLAG, ATTR_ENUM, ATTR_UUID, ATTR_NEST
};

/* An attribute, and what becomes of it in JSON. A table of them ends with a NULL key. */
struct attr {
	unsigned short nr;
	enum attr_type type;
	const char *key;
	bool multi;			/* any number of them: an array */
	bool flat;			/* its own attributes go into the object that it is in */
	const struct attr *nest;	/* ATTR_NEST */
	const char *const *names;	/* ATTR_ENUM: of its values, up to a NULL */
};

extern const struct attr raftblk_attrs[];	/* decode_gen.c */

/* Attributes of a message of the family, as JSON. */
struct json_object *decode(const struct nlmsghdr *nlh);

/* Whether JSON from a file could be what decode() gives: of the right types, that is. */
bool decode_fits(struct json_object *o, const struct attr *set);

#endif /* RAFTBLK_DECODE_H */
