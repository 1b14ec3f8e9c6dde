// SPDX-License-Identifier: GPL-2.0
/* raftblk status. */
#include "decode.h"
#include "status.h"
#include "table.h"

/* Names the node that has @store: people know names, not numbers. */
static const char *node_of(struct json_object *o, const char *store)
{
	static const char *const lists[] = { "conf.members", "peers" };
	struct json_object *list, *m;
	size_t i, k;

	if (!strcmp(store, jstr(o, "store")))
		return jstr(o, "node");
	for (k = 0; k < ARRAY_SIZE(lists); k++) {
		list = js(o, lists[k]);
		for (i = 0; list && i < json_object_array_length(list); i++) {
			m = json_object_array_get_idx(list, i);
			if (!strcmp(jstr(m, "store"), store))
				return jstr(m, "node");
		}
	}
	return "";
}

/* A node without disks is not in the configuration: its store is shown instead of a name. */
static void add_name_from(struct json_object *o, const char *store, struct json_object *to,
			  const char *key)
{
	const char *name = node_of(o, store);

	if (store[0] && strcmp(store, "0000000000000000"))
		json_object_object_add(to, key, json_object_new_string(name[0] ? name : store));
}

static void add_disk(struct json_object *o)
{
	char device[32];

	if (!js(o, "minor"))
		return;
	snprintf(device, sizeof(device), "/dev/raftblk%llu", (unsigned long long)ju(o, "minor"));
	json_object_object_add(o, "device", json_object_new_string(device));
	if (js(o, "sectors"))
		json_object_object_add(o, "size",
				       json_object_new_uint64(ju(o, "sectors") << RBLK_SECTOR_SHIFT));
}

/* The holder of an exclusive volume is the node that has the only session. */
static void add_sessions(struct json_object *o)
{
	struct json_object *list = js(o, "sessions"), *s;
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		s = json_object_array_get_idx(list, i);
		add_name_from(o, jstr(s, "store"), s, "node");
		json_object_object_add(s, "this_node",
				       json_object_new_boolean(!strcmp(jstr(s, "store"),
								       jstr(o, "store"))));
		if (!jb(o, "conf.shared"))
			add_name_from(o, jstr(s, "store"), o, "holder_node");
	}
}

void status_complete(struct json_object *o)
{
	add_name_from(o, jstr(o, "leader"), o, "leader_node");
	add_sessions(o);
	add_disk(o);
}

static int collect(struct json_object *o, void *ctx)
{
	status_complete(o);
	hold_state_add(o);
	json_object_array_add(ctx, json_object_get(o));
	return 0;
}

struct namesakes {
	const char *volume;
	char devices[160], one[32];
};

static int find_namesake(struct json_object *o, void *ctx)
{
	struct namesakes *s = ctx;
	size_t n = strlen(s->devices), room = sizeof(s->devices) - n;

	add_disk(o);
	if (!js(o, "netns") || !js(o, "device") || strcmp(jstr(o, "volume"), s->volume))
		return 0;
	if (room > sizeof(s->one))
		snprintf(s->devices + n, room, "%s%s", n ? ", " : "", jstr(o, "device"));
	snprintf(s->one, sizeof(s->one), "%s", jstr(o, "device"));
	return 0;
}

/* A volume of another network namespace has a name only there. */
const char *not_up_step(const char *volume, char *buf, size_t size)
{
	struct namesakes s = { .volume = volume };
	struct nl *nl;

	if (parse_device(volume) >= 0) {
		snprintf(buf, size,
			 "only the initial network namespace reaches the volumes of all; see: raftblk status");
		return buf;
	}
	if (!nl_open(&nl, volume)) {
		nl_get(nl, NULL, find_namesake, &s);
		nl_close(nl);
	}
	if (s.one[0])
		snprintf(buf, size,
			 "in other network namespaces this is the name of %s: name the device, as in: raftblk status %s",
			 s.devices, s.one);
	else
		snprintf(buf, size, "to start it: raftblk up %s", volume);
	return buf;
}

static int not_status(const char *volume, const char *from, const char *why)
{
	return fail(EXIT_ABSENT, volume,
		    "cannot read %s: %.*s; it has to be the output of 'raftblk status --json'", from,
		    (int)strcspn(why, "\n"), why);
}

static int take_status(const char *volume, const char *from, struct json_object *o,
		       struct json_object *all)
{
	if (!decode_fits(o, raftblk_attrs))
		return not_status(volume, from, "it is JSON of something else");
	if (!volume || !strcmp(jstr(o, "volume"), volume) || !strcmp(jstr(o, "device"), volume))
		json_object_array_add(all, json_object_get(o));
	return 0;
}

/* One volume, or an array of them. */
static int from_file(const char *volume, const char *from, struct json_object *all)
{
	struct json_object *o = json_object_from_file(from);
	int err = 0;
	size_t i;

	if (!o)
		return not_status(volume, from, json_util_get_last_err() ?: "it is 'null'");
	if (!json_object_is_type(o, json_type_array))
		err = take_status(volume, from, o, all);
	else
		for (i = 0; i < json_object_array_length(o) && !err; i++)
			err = take_status(volume, from, json_object_array_get_idx(o, i), all);
	json_object_put(o);
	return err;
}

static int from_kernel(const char *volume, struct json_object *all)
{
	char step[STEP_MAX];
	struct nl *nl;
	int err = nl_open(&nl, volume);

	if (err)
		return err;
	err = nl_get(nl, volume, collect, all);
	nl_close(nl);
	if (err == -ENODEV)
		return fail(EXIT_ABSENT, volume, "the volume is not up on this node; %s",
			    not_up_step(volume, step, sizeof(step)));
	return err ? fail(EXIT_FAILED, volume, "status: %s", strerror(-err)) : 0;
}

int status_get(const char *volume, const char *from, struct json_object **o)
{
	struct json_object *all = json_object_new_array();
	int err = from ? from_file(volume, from, all) : from_kernel(volume, all);

	if (!err && volume && !json_object_array_length(all))
		err = fail(EXIT_ABSENT, volume, "%s has no status of this volume",
			   from ? from : "the kernel");
	if (err) {
		json_object_put(all);
		return err;
	}
	*o = all;
	return 0;
}

error_t status_parse_input(int key, char *arg, struct argp_state *state, void *ctx)
{
	if (key != 'i')
		return ARGP_ERR_UNKNOWN;
	*(const char **)ctx = arg;
	return 0;
}

struct args {
	const char *from, *field;
};

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct args *a = ctx;

	if (key != 'F')
		return status_parse_input(key, arg, state, &a->from);
	a->field = arg;
	return 0;
}

/* For scripts: the value alone, of a text without its quotes. */
static int print_field(struct json_object *all, const char *field)
{
	size_t i;

	for (i = 0; i < json_object_array_length(all); i++) {
		struct json_object *o = json_object_array_get_idx(all, i);

		if (!js(o, field))
			return fail(EXIT_ABSENT, jstr(o, "volume"),
				    "the status has no '%s' now; to see what it has: raftblk status %s --json",
				    field, jstr(o, "volume"));
		puts(jstr(o, field));
	}
	return 0;
}

/* Each column is a value of the status. */
static const struct table_column columns[] = {
	{ "VOLUME", "name of the volume" },
	{ "NODE", "name of this node" },
	{ "DEVICE", "/dev/raftblkN" },
	{ "SIZE", "in bytes", true },
	{ "STATE", "of the volume on this node" },
	{ "ROLE", "of this node" },
	{ "LEADER", "the node that leads" },
	{ "READY", "true, if I/O is served" },
	{ "SESSION", "of this node" },
	{ "HOLDER", "the node that has the session" },
	{ "HALT", "why this node is halted, or none" },
	{ "NETNS", "inode number of its network namespace, if that is another one" },
	{ 0 },
};

static int print_table(struct table *t, struct json_object *all)
{
	static const char *const paths[] = {
		"volume", "node", "device", "size", "state", "role", "leader_node", "ready",
		"session", "holder_node", "halt", "netns",
	};
	const char *values[ARRAY_SIZE(paths)];
	int err = table_begin(t);
	size_t i, k;

	_Static_assert(ARRAY_SIZE(paths) == ARRAY_SIZE(columns) - 1, "a path for each column");
	for (i = 0; !err && i < json_object_array_length(all); i++) {
		for (k = 0; k < ARRAY_SIZE(paths); k++)
			values[k] = jstr(json_object_array_get_idx(all, i), paths[k]);
		table_row(t, values);
	}
	if (!err)
		table_end(t);
	return err;
}

int cmd_status(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "field", 'F', "NAME", 0, "print the value alone that 'status --json' has as NAME, such as role or conf.index", 1 },
		{ "input", 'i', "FILE", 0, "show the status that 'status --json' saved in FILE", 1 },
		{ 0 },
	};
	struct table table = { .columns = columns };
	struct args args = {};
	struct cmdline line = {
		.table = &table,
		.volume = MAY_VOLUME,
		.takes_json = true,
		.takes_device = true,
		.options = options,
		.args_doc = "[VOLUME]",
		.parse = parse,
		.ctx = &args,
		.doc = "Show the status of VOLUME, or of all volumes that are up in this network namespace, or, in the initial one, in any.\v"
		       "Examples:\n  raftblk status\n  raftblk status r0\n  raftblk status /dev/raftblk0\n"
		       "  raftblk status -o volume,role,leader\n"
		       "  raftblk status r0 --field role\n  raftblk status --json | jq '.[].role'\n",
	};
	struct json_object *all;
	size_t i;
	int err;

	parse_cmdline(&line, argc, argv);
	err = status_get(line.common.volume, args.from, &all);
	if (err)
		return err;
	if (args.field || table_is_asked_for(&table)) {
		err = args.field ? print_field(all, args.field) : print_table(&table, all);
		json_object_put(all);
		return err;
	}
	if (line.common.json)
		print_json(line.common.volume ? json_object_array_get_idx(all, 0) : all);
	else if (!json_object_array_length(all))
		puts("no volume is up in this network namespace");
	for (i = 0; !line.common.json && i < json_object_array_length(all); i++)
		print_status(json_object_array_get_idx(all, i));
	json_object_put(all);
	return 0;
}
