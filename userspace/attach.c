// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk attach: a node that has lost its replica, or the data of it, is given it back, with the
 * volume in use.
 */
#include <libmnl/libmnl.h>

#include "status.h"
#include "uapi/raftblk.h"

#define ATTACH_TIMEOUT_MS	300000

struct attach {
	struct conf conf;
	const char *data;		/* the data device; NULL: that of the configuration */
	u32 timeout_ms;
	bool again;			/* it was lost twice, one time soon after the other */
};

enum { KEY_DATA = 0x100 };

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct attach *a = ctx;

	switch (key) {
	case KEY_DATA:
		if (*arg != '/')
			argp_error(state, "--data: '%s' is not an absolute path", arg);
		a->data = arg;
		return 0;
	case 't':
		return parse_time("timeout", arg, 1, TIME_MAX_MS, state, &a->timeout_ms);
	}
	return ARGP_ERR_UNKNOWN;
}

static int put_store(struct nlmsghdr *nlh, const struct attach *a)
{
	const struct conf *c = &a->conf;
	u32 log, data;
	int err = device_number("log", c->me->log, c->volume, &log);

	if (!err)
		err = device_number("data", a->data, c->volume, &data);
	if (err)
		return err;
	mnl_attr_put_strz(nlh, RAFTBLK_A_LOG_PATH, c->me->log);
	mnl_attr_put_strz(nlh, RAFTBLK_A_DATA_PATH, a->data);
	mnl_attr_put_u32(nlh, RAFTBLK_A_LOG_DEVICE, log);
	mnl_attr_put_u32(nlh, RAFTBLK_A_DATA_DEVICE, data);
	return 0;
}

static int look(struct json_object *o, void *ctx)
{
	struct attach *a = ctx;

	a->again = jb(o, "lost_again");
	return 0;
}

static void tell(const struct attach *a)
{
	const struct conf *c = &a->conf;

	printf("%s: node %s has its replica again, on %s and %s\n", c->volume, c->me->name,
	       c->me->log, a->data);
	if (a->again)
		printf("it was lost twice within ten minutes: if it is lost once more, replace the device\n");
	if (strcmp(a->data, c->me->data))
		printf("%s names %s: before the volume is started the next time, set data = %s there\n",
		       c->path, c->me->data, a->data);
}

static int attach(struct attach *a, struct nl *nl)
{
	const struct conf *c = &a->conf;
	struct nlmsghdr *nlh;
	u64 op_id = nl_op_id();
	char text[256];
	int err = nl_get(nl, c->volume, look, a);

	if (err)
		return change_failed(c->volume, "attach", err, "", 0);
	nlh = nl_request(nl, RAFTBLK_CMD_ATTACH, false);
	nl_put_volume(nlh, c->volume);
	mnl_attr_put_u64(nlh, RAFTBLK_A_OP_ID, op_id);
	err = put_store(nlh, a);
	if (err)
		return err;
	err = nl_do(nl, nlh, op_id, a->timeout_ms, text, sizeof(text));
	if (err)
		return change_failed(c->volume, "attach", err, text, a->timeout_ms);
	tell(a);
	return 0;
}

int cmd_attach(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "data", KEY_DATA, "DEVICE", 0,
		  "the data device, if it is another one than the configuration file names", 1 },
		TIMEOUT_OPTION,
		{ 0 },
	};
	struct attach a = { .timeout_ms = ATTACH_TIMEOUT_MS };
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_config = true,
		.options = options,
		.args_doc = "VOLUME",
		.parse = parse,
		.ctx = &a,
		.doc = "Give this node its replica of VOLUME back, which it has lost since a device failed, or a data device if it votes without one. "
		       "The volume stays up and in use. A data device that was replaced has to be formatted before: raftblk format VOLUME --data.\v"
		       "Examples:\n  raftblk attach r0\n  raftblk attach r0 --data /dev/disk/by-id/new\n",
	};
	struct nl *nl;
	int err;

	parse_cmdline(&line, argc, argv);
	err = conf_load(&a.conf, &line.common);
	if (!err)
		err = conf_need_me(&a.conf);
	if (!err && a.conf.me->client)
		err = fail(EXIT_CONFIG, a.conf.volume,
			   "attach: node %s is a client: it has no replica", a.conf.me->name);
	if (!err && !a.data)
		a.data = a.conf.me->data;
	if (!err)
		err = nl_open(&nl, a.conf.volume);
	if (err)
		return err;
	err = attach(&a, nl);
	nl_close(nl);
	return err;
}
