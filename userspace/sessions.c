// SPDX-License-Identifier: GPL-2.0
/* raftblk sessions: which nodes may write. */
#include "status.h"
#include "table.h"

static const struct table_column columns[] = {
	{ "VOLUME", "name of the volume" },
	{ "NODE", "the node that has the session" },
	{ "EPOCH", "the log entry that opened it", true },
	{ "WRITES", "how many there were since then", true },
	{ "HERE", "yes, if it is that of this node" },
	{ 0 },
};

static void add_one(struct table *t, struct json_object *o, struct json_object *s)
{
	char title[TITLE_MAX];
	const char *const values[] = {
		volume_title(o, title, sizeof(title)), jstr(s, "node"), jstr(s, "epoch"), jstr(s, "seq"),
		jb(s, "this_node") ? "yes" : "no",
	};

	table_row(t, values);
}

static int print_table(struct table *t, struct json_object *all)
{
	struct json_object *o, *list;
	int err = table_begin(t);
	size_t i, k;

	for (i = 0; !err && i < json_object_array_length(all); i++) {
		o = json_object_array_get_idx(all, i);
		list = js(o, "sessions");
		for (k = 0; list && k < json_object_array_length(list); k++)
			add_one(t, o, json_object_array_get_idx(list, k));
	}
	if (!err)
		table_end(t);
	return err;
}

/* What the table does not say. */
static void print_rest(struct json_object *o)
{
	struct json_object *list = js(o, "sessions");
	char title[TITLE_MAX];

	volume_title(o, title, sizeof(title));
	if (!list || !json_object_array_length(list))
		printf("%s: no session: the next node that opens the device for writing gets one\n",
		       title);
	if (is(o, "session", "fenced"))
		printf("%s: %sthis node is fenced%s: close %s here\n", title, paint(RED, stdout), paint(PLAIN, stdout), jstr(o, "device"));
}

/* Copies the part of the status that is about sessions. */
static struct json_object *extract(struct json_object *o)
{
	static const char *const keys[] = { "volume", "node", "netns", "session", "sessions" };
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
	struct table table = { .columns = columns };
	const char *from = NULL;
	struct cmdline line = {
		.table = &table,
		.volume = MAY_VOLUME,
		.takes_json = true,
		.takes_device = true,
		.options = options,
		.args_doc = "[VOLUME]",
		.parse = status_parse_input,
		.ctx = &from,
		.doc = "Show which nodes hold a session of VOLUME, the right to write, as far as this node knows. "
		       "There is at most one, unless the volume is shared.\v"
		       "Examples:\n  raftblk sessions\n  raftblk sessions r0 --json\n"
		       "  raftblk sessions r0 --noheadings -o node\n",
	};
	struct json_object *all, *list;
	bool asked;
	size_t i;
	int err;

	parse_cmdline(&line, argc, argv);
	asked = table_is_asked_for(&table);
	err = status_get(line.common.volume, from, &all);
	if (err)
		return err;
	if (line.common.json) {
		list = json_object_new_array();
		for (i = 0; i < json_object_array_length(all); i++)
			json_object_array_add(list, extract(json_object_array_get_idx(all, i)));
		print_json(line.common.volume ? json_object_array_get_idx(list, 0) : list);
		json_object_put(list);
	} else {
		err = print_table(&table, all);
	}
	if (!line.common.json && !asked)
		for (i = 0; i < json_object_array_length(all); i++)
			print_rest(json_object_array_get_idx(all, i));
	json_object_put(all);
	return err;
}
