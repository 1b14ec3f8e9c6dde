// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk adjust: a volume that is up follows its configuration file, as far as that is possible
 * while it is up. For the rest, what has to be done is said.
 */
#include <libmnl/libmnl.h>

#include "status.h"
#include "uapi/raftblk.h"

#define ADJUST_TIMEOUT_MS	10000

static int keep_status(struct json_object *o, void *ctx)
{
	struct json_object **to = ctx;

	status_complete(o);
	json_object_put(*to);
	*to = json_object_get(o);
	return 0;
}

static const char *rate_text(u64 mib, char *buf, size_t size)
{
	snprintf(buf, size, mib ? "%lluM" : "no bound", (unsigned long long)mib);
	return buf;
}

/* Asks for all that can be changed, since what is absent gets its default. */
static int ask(struct nl *nl, const struct conf *c)
{
	struct nlmsghdr *nlh = nl_request(nl, RAFTBLK_CMD_ADJUST, false);
	u64 op_id = nl_op_id();
	const struct tunable *t;
	char text[256];
	int err;

	nl_put_volume(nlh, c->volume);
	mnl_attr_put_u64(nlh, RAFTBLK_A_OP_ID, op_id);
	for (t = tunables; t->key; t++)
		mnl_attr_put_u32(nlh, t->attr, tunable_says(t, c));
	err = nl_do(nl, nlh, op_id, ADJUST_TIMEOUT_MS, text, sizeof(text));
	return err ? change_failed(c->volume, "adjust", err, text, ADJUST_TIMEOUT_MS) : 0;
}

static int adjust(struct nl *nl, const struct conf *c, struct json_object *o)
{
	const struct tunable *t;
	char differs[1024], was[32], now[32];
	int changed = 0, err;

	for (t = tunables; t->key; t++)
		changed += tunable_differs(t, c, o);
	err = changed ? ask(nl, c) : 0;
	if (err)
		return err;
	for (t = tunables; t->key; t++)
		if (tunable_differs(t, c, o))
			printf("%s: %s: %s -> %s\n", c->volume, t->key,
			       rate_text(ju(o, t->status), was, sizeof(was)),
			       rate_text(tunable_says(t, c), now, sizeof(now)));
	running_differs(c, o, differs, sizeof(differs));
	if (differs[0])
		return fail(EXIT_CONFIG, c->volume,
			    "adjust: this cannot change while it is up: %s; to start it as %s says: raftblk down %s, then up",
			    differs, c->path, c->volume);
	if (!changed)
		printf("%s: it runs already as %s says\n", c->volume, c->path);
	return 0;
}

int cmd_adjust(int argc, char **argv)
{
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_config = true,
		.args_doc = "VOLUME",
		.doc = "Apply to VOLUME, which is up, what has changed in its configuration file, and say what cannot be changed while it is up.\v"
		       "Example:\n  raftblk adjust r0\n",
	};
	struct json_object *o = NULL;
	struct conf conf;
	struct nl *nl;
	int err;

	parse_cmdline(&line, argc, argv);
	err = conf_load(&conf, &line.common);
	if (!err)
		err = conf_need_me(&conf);
	if (!err)
		err = nl_open(&nl, conf.volume);
	if (err)
		return err;
	err = nl_get(nl, conf.volume, keep_status, &o);
	if (!err && (!o || !js(o, "role")))
		err = -ENODEV;
	err = err ? change_failed(conf.volume, "adjust", err, "", 0) : adjust(nl, &conf, o);
	json_object_put(o);
	nl_close(nl);
	return err;
}
