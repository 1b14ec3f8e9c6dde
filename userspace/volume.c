// SPDX-License-Identifier: GPL-2.0
/* raftblk down, bootstrap, transfer, take: what changes a volume that is up. */
#include <time.h>

#include <libmnl/libmnl.h>
#include <unistd.h>

#include "status.h"
#include "uapi/raftblk.h"

#define DOWN_TIMEOUT_MS		120000
#define DOWN_PATIENCE_MS	5000	/* for programs that have a look at the device */
#define DOWN_PAUSE_MS		50
#define OTHER_TIMEOUT_MS	60000
#define BOOTSTRAP_PATIENCE_S	10

struct change {
	u32 timeout_ms;
	u32 patience;			/* seconds to try again, as long as nodes are missing */
	u32 election_ms, wait_ms;
	bool force, shared;
	u64 size;
	const char *to;
};

enum {
	KEY_FORCE = 'f', KEY_SIZE = 's', KEY_WAIT = 'w', KEY_SHARED = 0x100,
	KEY_ELECTION
};

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct change *ch = ctx;
	const char *why;

	switch (key) {
	case 't':
		return parse_time("timeout", arg, 1, TIME_MAX_MS, state, &ch->timeout_ms);
	case KEY_FORCE:
		ch->force = true;
		return 0;
	case KEY_SIZE:
		if (conf_parse_size(arg, &ch->size) || !ch->size || ch->size % 4096)
			argp_error(state,
				   "--size: '%s' is not a valid size; write a multiple of 4096 bytes, such as 512M or 100G",
				   arg);
		return 0;
	case KEY_SHARED:
		ch->shared = true;
		return 0;
	case KEY_ELECTION:
		return parse_time("election-timeout", arg, ELECTION_MIN_MS, ELECTION_MAX_MS, state,
				  &ch->election_ms);
	case KEY_WAIT:
		return parse_time("wait", arg, 1, 30000, state, &ch->wait_ms);
	case ARGP_KEY_ARG:
		if (ch->to || strcmp(program_invocation_short_name, "raftblk transfer"))
			return ARGP_ERR_UNKNOWN;
		if (conf_check_name("node", arg, &why))
			argp_error(state, "'%s' is not a valid name for a node: %s", arg, why);
		ch->to = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* What to do about an error that the kernel reported; VOLUME goes into the %s. */
static const struct {
	const char *what;
	int err;
	int code;
	const char *hint;
} hints[] = {
	{ "up", ENODATA, EXIT_ABSENT,
	  "blkid(8) shows what it holds; to format the devices: raftblk format %s" },
	{ "up", ENOENT, EXIT_ABSENT, "compare the output of lsblk(8) with 'raftblk config %s'" },
	{ "up", EBUSY, EXIT_FAILED, "'raftblk config %s' shows the configured devices and minor" },
	{ "up", EADDRNOTAVAIL, EXIT_FAILED,
	  "compare 'raftblk config %s' with 'ip addr': this may be the wrong node" },
	{ "up", EMEDIUMTYPE, EXIT_FAILED,
	  "compare 'raftblk config %s' with that on the other nodes, and check that the device is the right one" },
	{ "up", ENOSPC, EXIT_FAILED,
	  "give it that size again, for example with lvextend(8); 'raftblk config %s' shows the devices" },
	{ "up", ENOMEM, EXIT_FAILED, "set a smaller pool in the configuration file of %s" },
	{ "attach", EEXIST, EXIT_FAILED, "see: raftblk status %s" },
	{ "attach", EBUSY, EXIT_FAILED, "see: raftblk why %s" },
	{ "attach", ENODATA, EXIT_ABSENT, "blkid(8) shows what it holds; see also: raftblk why %s" },
	{ "attach", EINVAL, EXIT_FAILED, "'raftblk config %s' shows the configured devices" },
	{ "attach", ENOSPC, EXIT_FAILED, "'raftblk config %s' shows the configured devices" },
	{ "attach", ESTALE, EXIT_FAILED,
	  "it has to be as this node left it; see: raftblk why %s" },
	{ "down", EBUSY, EXIT_FAILED,
	  "unmount and close it, or: raftblk down %s --force" },
	{ "down", EALREADY, EXIT_FAILED, "wait, or: raftblk down %s --force" },
	{ "bootstrap", EEXIST, EXIT_FAILED, "there is nothing left to do; see: raftblk status %s" },
	{ "bootstrap", ENOTCONN, EXIT_FAILED, "see: raftblk why %s" },
	{ "bootstrap", ENOTEMPTY, EXIT_FAILED,
	  "if the data of that node is not needed, run there: raftblk down %s, format --force, up" },
	{ "bootstrap", ENOSPC, EXIT_FAILED,
	  "choose a smaller --size, or none: raftblk bootstrap %s" },
	{ "transfer", EREMOTE, EXIT_FAILED, "run it on the leader; to find it: raftblk status %s" },
	{ "take", EBUSY, EXIT_FAILED, "see: raftblk sessions %s" },
	{ "take", ESTALE, EXIT_FAILED,
	  "unmount and close it here ('fuser -vm' shows the openers); see: raftblk why %s" },
	{ "take", EOPNOTSUPP, EXIT_FAILED, "open the device instead; see: raftblk sessions %s" },
	{ "take", ENODATA, EXIT_FAILED, "run on one node, once: raftblk bootstrap %s" },
	{ "take", ETIMEDOUT, EXIT_FAILED, "see: raftblk why %s" },
	{ "transfer", ENOENT, EXIT_FAILED,
	  "it is not a node of the volume; see: raftblk status %s" },
};

int change_failed(const char *volume, const char *what, int err, const char *text, u32 timeout_ms)
{
	const char *cause = text[0] ? text : strerror(-err);
	char hint[STEP_MAX], after[16];
	size_t i;

	switch (err) {
	case -ETIME:
		return fail(EXIT_TIMEOUT, volume,
			    "%s: still in progress after %s; see: raftblk why %s",
			    what, time_text(timeout_ms, after, sizeof(after)), volume);
	case -EPERM:
		return fail(EXIT_FAILED, volume, "%s: %s; %s", what, cause,
			    permission_step());
	case -ENODEV:
		return fail(EXIT_ABSENT, volume, "%s: %s; %s", what, cause,
			    not_up_step(volume, hint, sizeof(hint)));
	}
	for (i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].err != -err || strcmp(hints[i].what, what))
			continue;
		snprintf(hint, sizeof(hint), hints[i].hint, volume);
		return fail(hints[i].code, volume, "%s: %s; %s", what, cause, hint);
	}
	return fail(EXIT_FAILED, volume, "%s: %s; see also: dmesg", what, cause);
}

static int change_once(struct nl *nl, const char *volume, u8 cmd, const struct change *ch,
		       char *text, size_t size)
{
	u64 op_id = nl_op_id();
	struct nlmsghdr *nlh;

	nlh = nl_request(nl, cmd, false);
	nl_put_volume(nlh, volume);
	mnl_attr_put_u64(nlh, RAFTBLK_A_OP_ID, op_id);
	if (ch->force)
		mnl_attr_put(nlh, RAFTBLK_A_FORCE, 0, NULL);
	if (ch->size)
		mnl_attr_put_u64(nlh, RAFTBLK_A_SECTORS, ch->size >> RBLK_SECTOR_SHIFT);
	if (ch->to)
		mnl_attr_put_strz(nlh, RAFTBLK_A_NODE, ch->to);
	if (ch->shared)
		mnl_attr_put(nlh, RAFTBLK_A_SHARED, 0, NULL);
	if (ch->election_ms)
		mnl_attr_put_u32(nlh, RAFTBLK_A_ELECTION_MS, ch->election_ms);
	if (ch->wait_ms)
		mnl_attr_put_u32(nlh, RAFTBLK_A_WAIT_MS, ch->wait_ms);
	return nl_do(nl, nlh, op_id, ch->timeout_ms, text, size);
}

static int keep_minor(struct json_object *o, void *ctx)
{
	*(u32 *)ctx = ju(o, "minor");
	return 0;
}

/* Appends who has the device open. Returns true if that may be over in a moment. */
static bool in_use(struct nl *nl, const char *volume, char *text, size_t size)
{
	u32 minor = U32_MAX;
	char who[512];
	bool stay;
	size_t n = strlen(text);

	if (nl_get(nl, volume, keep_minor, &minor) || minor == U32_MAX)
		return false;
	device_users(minor, who, sizeof(who), &stay);
	if (who[0])
		snprintf(text + n, size - n, ": %s", who);
	return !stay;
}

/* Something has a look at every device now and then: a moment later it is closed again. */
static int down(const char *volume, struct change *ch)
{
	u64 end = now_ms() + min_t(u32, ch->timeout_ms, DOWN_PATIENCE_MS);
	char text[1024];
	struct nl *nl;
	int err = nl_open(&nl, volume);

	if (err)
		return err;
	while ((err = change_once(nl, volume, RAFTBLK_CMD_DOWN, ch, text, sizeof(text))) == -EBUSY &&
	       in_use(nl, volume, text, sizeof(text)) && now_ms() < end)
		usleep(DOWN_PAUSE_MS * 1000);
	if (err)
		err = change_failed(volume, "down", err, text, ch->timeout_ms);
	else
		printf("%s: %s\n", volume, text[0] ? text : "down");
	nl_close(nl);
	return err;
}

static int change(const char *volume, const char *what, u8 cmd, const struct change *ch)
{
	struct timespec pause = { .tv_nsec = 250 * 1000 * 1000 };
	u32 tries = 4 * ch->patience;
	char text[256];
	struct nl *nl;
	int err = nl_open(&nl, volume);

	if (err)
		return err;
	/* Peers that were started a moment ago need a moment to connect. */
	while ((err = change_once(nl, volume, cmd, ch, text, sizeof(text))) == -ENOTCONN && tries--)
		nanosleep(&pause, NULL);
	if (err)
		err = change_failed(volume, what, err, text, ch->timeout_ms);
	else
		printf("%s: %s\n", volume, text[0] ? text : what);
	nl_close(nl);
	return err;
}

int cmd_down(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "force", KEY_FORCE, NULL, 0,
		  "stop it even if the device is open: all requests fail at once, and nothing is waited for",
		  1 },
		TIMEOUT_OPTION,
		{ 0 },
	};
	struct change ch = { .timeout_ms = DOWN_TIMEOUT_MS };
	struct cmdline line = {
		.volume = WANT_VOLUME, .options = options, .args_doc = "VOLUME",
		.parse = parse, .ctx = &ch,
		.takes_device = true,
		.doc = "Stop VOLUME on this node, after leadership is handed over and the log applied.\v"
		       "Examples:\n  raftblk down r0\n  raftblk down r0 --force\n  raftblk down /dev/raftblk0\n",
	};

	parse_cmdline(&line, argc, argv);
	return down(line.common.volume, &ch);
}

/* Options that are not given are taken from the configuration file, if there is one. */
static int from_file(struct change *ch, const struct common *opt)
{
	char path[512];
	struct conf c;
	FILE *f;
	int err;

	conf_path(path, sizeof(path), opt);
	f = fopen(path, "re");
	if (!f)
		return 0;
	fclose(f);
	err = conf_load(&c, opt);
	ch->size = ch->size ? ch->size : c.size;
	ch->shared |= c.shared;
	return err;
}

int cmd_bootstrap(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "size", KEY_SIZE, "SIZE", 0,
		  "size of the volume (default: that of the file, or else what the smallest data device allows)", 1 },
		{ "shared", KEY_SHARED, NULL, 0,
		  "let all nodes write at once: only for cluster file systems, all others are destroyed by it",
		  1 },
		{ "election-timeout", KEY_ELECTION, "TIME", 0,
		  "how long a leader may be silent (default: the value with which this node was started)",
		  1 },
		TIMEOUT_OPTION,
		{ 0 },
	};
	struct change ch = { .timeout_ms = OTHER_TIMEOUT_MS, .patience = BOOTSTRAP_PATIENCE_S };
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_config = true,
		.options = options,
		.args_doc = "VOLUME",
		.parse = parse,
		.ctx = &ch,
		.doc = "Give a new VOLUME its first configuration. Run it once, on one node, when VOLUME is up on all nodes.\v"
		       "Examples:\n  raftblk bootstrap r0\n  raftblk bootstrap r0 --size 100G\n",
	};
	int err;

	parse_cmdline(&line, argc, argv);
	err = from_file(&ch, &line.common);
	return err ? err : change(line.common.volume, "bootstrap", RAFTBLK_CMD_BOOTSTRAP, &ch);
}

int cmd_transfer(int argc, char **argv)
{
	static const struct argp_option options[] = { TIMEOUT_OPTION, { 0 } };
	struct change ch = { .timeout_ms = OTHER_TIMEOUT_MS };
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.options = options,
		.args_doc = "VOLUME [NODE]",
		.parse = parse,
		.ctx = &ch,
		.takes_device = true,
		.doc = "Hand the leadership of VOLUME to NODE, or to the node that suits best. Run it on the leader.\v"
		       "Examples:\n  raftblk transfer r0\n  raftblk transfer r0 n2\n",
	};

	parse_cmdline(&line, argc, argv);
	return change(line.common.volume, "transfer", RAFTBLK_CMD_TRANSFER, &ch);
}

static void tell_take(const char *volume)
{
	printf("%s: taking the session from the node that holds it, even if it is in use there:\n"
	       "  - that node is fenced: its I/O fails until every opener there has closed the device;\n"
	       "  - no acknowledged write is lost, and a write that arrives late has no effect;\n"
	       "  - what its programs and file systems had not written yet is lost, as in a crash.\n",
	       volume);
}

int cmd_take(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "force", KEY_FORCE, NULL, 0, "take it even if another node uses the volume", 1 },
		{ "wait", KEY_WAIT, "TIME", 0,
		  "wait up to TIME until no other node uses the volume",
		  1 },
		TIMEOUT_OPTION,
		{ 0 },
	};
	struct change ch = { .timeout_ms = OTHER_TIMEOUT_MS };
	struct cmdline line = {
		.volume = WANT_VOLUME, .options = options, .args_doc = "VOLUME",
		.parse = parse, .ctx = &ch,
		.takes_device = true,
		.doc = "Take the session of VOLUME, the right to write, for this node. "
		       "Opening the device for writing takes it, too, unless another node uses the volume.\v"
		       "Examples:\n  raftblk take r0 --force\n  raftblk take r0 --wait 10s\n",
	};
	struct json_object *all;
	int err;

	parse_cmdline(&line, argc, argv);
	err = status_get(line.common.volume, NULL, &all);
	if (err)
		return err;
	json_object_put(all);
	if (ch.force || !ch.wait_ms)
		tell_take(line.common.volume);
	if (!ch.force && !ch.wait_ms)
		return fail(EXIT_USAGE, line.common.volume,
			    "take: nothing was done; if this is what you want: raftblk take %s --force",
			    line.common.volume);
	return change(line.common.volume, "take", RAFTBLK_CMD_TAKE, &ch);
}
