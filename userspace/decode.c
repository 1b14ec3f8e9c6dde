// SPDX-License-Identifier: GPL-2.0
/*
 * Translates netlink attributes into JSON, by the tables of decode_gen.c. All other files
 * of the tool work on the JSON. Attributes that only a newer module knows are ignored.
 */
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "decode.h"
#include "tool.h"

struct walk {
	const struct attr *set;
	struct json_object *o;
};

static int on_attr(const struct nlattr *attr, void *data);

static struct json_object *nested(const struct nlattr *attr, const struct attr *set,
				  struct json_object *into)
{
	struct walk w = { .set = set, .o = into };
	const struct attr *a;

	/* An attribute that is false or empty is absent, but JSON always has the key. */
	for (a = set; a->key; a++) {
		if (a->type == ATTR_FLAG)
			json_object_object_add(w.o, a->key, json_object_new_boolean(0));
		if (a->multi)
			json_object_object_add(w.o, a->key, json_object_new_array());
	}
	mnl_attr_parse_nested(attr, on_attr, &w);
	return w.o;
}

static u64 get_u64(const struct nlattr *attr)
{
	u64 v;

	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

static struct json_object *hex(u64 v)
{
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)v);
	return json_object_new_string(text);
}

static struct json_object *enum_name(u32 v, const char *const *names)
{
	u32 i;

	for (i = 0; names[i]; i++)
		if (i == v)
			return json_object_new_string(names[i]);
	return json_object_new_int64(v);
}

static size_t needs(const struct attr *a)
{
	switch (a->type) {
	case ATTR_U32:
	case ATTR_ENUM:
		return sizeof(u32);
	case ATTR_U64:
	case ATTR_HEX:
		return sizeof(u64);
	case ATTR_UUID:
		return RBLK_UUID_LEN;
	case ATTR_STRING:
	case ATTR_FLAG:
	case ATTR_NEST:
		break;
	}
	return 0;
}

static struct json_object *value(const struct nlattr *attr, const struct attr *a)
{
	char text[37];

	switch (a->type) {
	case ATTR_U32:
		return json_object_new_int64(mnl_attr_get_u32(attr));
	case ATTR_U64:
		return json_object_new_uint64(get_u64(attr));
	case ATTR_HEX:
		return hex(get_u64(attr));
	case ATTR_FLAG:
		return json_object_new_boolean(1);
	case ATTR_ENUM:
		return enum_name(mnl_attr_get_u32(attr), a->names);
	case ATTR_UUID:
		uuid_unparse_lower(mnl_attr_get_payload(attr), text);
		return json_object_new_string(text);
	case ATTR_STRING:
		return json_object_new_string_len(mnl_attr_get_payload(attr),
						  strnlen(mnl_attr_get_payload(attr),
							  mnl_attr_get_payload_len(attr)));
	case ATTR_NEST:
		break;
	}
	return nested(attr, a->nest, json_object_new_object());
}

static int on_attr(const struct nlattr *attr, void *data)
{
	struct walk *w = data;
	struct json_object *list;
	const struct attr *a;

	for (a = w->set; a->key; a++) {
		if (a->nr != mnl_attr_get_type(attr) || mnl_attr_get_payload_len(attr) < needs(a))
			continue;
		if (a->flat)
			nested(attr, a->nest, w->o);
		else if (a->multi && json_object_object_get_ex(w->o, a->key, &list))
			json_object_array_add(list, value(attr, a));
		else
			json_object_object_add(w->o, a->key, value(attr, a));
	}
	return MNL_CB_OK;
}

struct json_object *decode(const struct nlmsghdr *nlh)
{
	struct walk w = { .set = raftblk_attrs, .o = json_object_new_object() };

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_attr, &w);
	return w.o;
}

static bool value_fits(struct json_object *v, const struct attr *a)
{
	switch (a->type) {
	case ATTR_U32:
	case ATTR_U64:
		return json_object_is_type(v, json_type_int);
	case ATTR_FLAG:
		return json_object_is_type(v, json_type_boolean);
	case ATTR_ENUM:				/* its name; a number if it has none */
		return json_object_is_type(v, json_type_string) ||
		       json_object_is_type(v, json_type_int);
	case ATTR_HEX:
	case ATTR_UUID:
	case ATTR_STRING:
		return json_object_is_type(v, json_type_string);
	case ATTR_NEST:
		break;
	}
	return decode_fits(v, a->nest);
}

static bool list_fits(struct json_object *list, const struct attr *a)
{
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return false;
	for (i = 0; i < json_object_array_length(list); i++)
		if (!value_fits(json_object_array_get_idx(list, i), a))
			return false;
	return true;
}

bool decode_fits(struct json_object *o, const struct attr *set)
{
	struct json_object *v;
	const struct attr *a;

	if (!json_object_is_type(o, json_type_object))
		return false;
	for (a = set; a->key; a++) {
		if (a->flat && !decode_fits(o, a->nest))
			return false;
		if (a->flat || !json_object_object_get_ex(o, a->key, &v))
			continue;
		if (a->multi ? !list_fits(v, a) : !value_fits(v, a))
			return false;
	}
	return true;
}
