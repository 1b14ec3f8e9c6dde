// SPDX-License-Identifier: GPL-2.0
/* raftblk sessions: which nodes may write. */
#include "status.h"

static void print_one(struct json_object *o, struct json_object *s)
{
	printf("%-12s %-12s since entry %llu, %llu writes%s\n", jstr(o, "volume"), jstr(s, "node"),
	       (unsigned long long)ju(s, "epoch"), (unsigned long long)ju(s, "seq"),
	       jb(s, "this_node") ? ", this node" : "");
}

static void print_sessions(struct json_object *o)
{
	struct json_object *list = js(o, "sessions");
	size_t i, n = list ? json_object_array_length(list) : 0;

	if (!n)
		printf("%-12s no session: the next node that opens the device for writing gets one\n", jstr(o, "volume"));
	for (i = 0; i < n; i++)
		print_one(o, json_object_array_get_idx(list, i));
	if (!strcmp(jstr(o, "session"), "fenced"))
		printf("%-12s %sthis node is fenced%s: close %s here\n", jstr(o, "volume"),
		       paint(RED, stdout), paint(PLAIN, stdout), jstr(o, "device"));
}

/* Copies the part of the status that is about sessions. */
static struct json_object *extract(struct json_object *o)
{
	static const char *const keys[] = { "volume", "node", "session", "sessions" };
	struct json_object *r = json_object_new_object(), *v;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		v = js(o, keys[i]);
		if (v)
			json_object_object_add(r, keys[i], json_object_get(v));
	}
	json_object_object_add(r, "shared", json_object_new_boolean(jb(o, "conf.shared")));
	return r;
}

int cmd_sessions(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "input", 'i', "FILE", 0, "show the status that 'status --json' saved in FILE", 1 },
		{ 0 },
	};
	const char *from = NULL;
	struct cmdline line = {
		.volume = MAY_VOLUME,
		.takes_json = true,
		.options = options,
		.args_doc = "[VOLUME]",
		.parse = status_parse_input,
		.ctx = &from,
		.doc = "Show which nodes hold a session of VOLUME, the right to write, as far as this node knows. "
		       "There is at most one, unless the volume is shared.\v"
		       "Examples:\n  raftblk sessions\n  raftblk sessions r0 --json\n",
	};
	struct json_object *all, *list;
	size_t i;
	int err;

	parse_cmdline(&line, argc, argv);
	err = status_get(line.common.volume, from, &all);
	if (err)
		return err;
	list = json_object_new_array();
	for (i = 0; i < json_object_array_length(all); i++) {
		if (line.common.json)
			json_object_array_add(list, extract(json_object_array_get_idx(all, i)));
		else
			print_sessions(json_object_array_get_idx(all, i));
	}
	if (line.common.json)
		print_json(line.common.volume ? json_object_array_get_idx(list, 0) : list);
	json_object_put(list);
	json_object_put(all);
	return 0;
}
