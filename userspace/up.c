// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk up. What may pass by itself, as when a machine boots, is tried again for a while; and a
 * volume that is up already as its file says is what was asked for.
 */
#include <libmnl/libmnl.h>
#include <unistd.h>

#include "status.h"
#include "uapi/raftblk.h"

#define UP_TIMEOUT_MS		300000
#define UP_RETRY_MS		10000
#define PAUSE_MIN_MS		250
#define PAUSE_MAX_MS		2000

struct up {
	struct conf conf;
	struct nl *nl;
	u32 timeout_ms, retry_ms;
	bool forget;
	u32 patience_ms;		/* for how long what failed last is tried again */
};

/* ---- the request ---- */

static int put_peer(struct nlmsghdr *nlh, const struct conf *c, const struct conf_node *n)
{
	struct sockaddr_in6 addr;
	struct nlattr *nest;
	int err = conf_resolve(c, n, &addr);

	if (err)
		return err;
	nest = mnl_attr_nest_start(nlh, RAFTBLK_A_PEER);
	mnl_attr_put_strz(nlh, RAFTBLK_A_PEER_NODE, n->name);
	mnl_attr_put_strz(nlh, RAFTBLK_A_PEER_ADDRESS, n->address);
	mnl_attr_put(nlh, RAFTBLK_A_PEER_SOCKADDR, sizeof(addr), &addr);
	if (n->client)
		mnl_attr_put(nlh, RAFTBLK_A_PEER_CLIENT, 0, NULL);
	mnl_attr_nest_end(nlh, nest);
	return 0;
}

static int put_up(struct nlmsghdr *nlh, const struct conf *c, u64 op_id)
{
	struct sockaddr_in6 addr;
	int err = conf_resolve(c, c->me, &addr);
	u32 log, data, i;

	if (!err && !c->me->client)
		err = device_number("log", c->me->log, c->volume, &log);
	if (!err && !c->me->client)
		err = device_number("data", c->me->data, c->volume, &data);
	if (err)
		return err;

	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME, c->volume);
	mnl_attr_put(nlh, RAFTBLK_A_UUID, sizeof(c->uuid), c->uuid);
	mnl_attr_put_strz(nlh, RAFTBLK_A_NODE, c->me->name);
	mnl_attr_put_u64(nlh, RAFTBLK_A_OP_ID, op_id);
	if (!c->me->client) {
		mnl_attr_put_strz(nlh, RAFTBLK_A_LOG_PATH, c->me->log);
		mnl_attr_put_strz(nlh, RAFTBLK_A_DATA_PATH, c->me->data);
		mnl_attr_put_u32(nlh, RAFTBLK_A_LOG_DEVICE, log);
		mnl_attr_put_u32(nlh, RAFTBLK_A_DATA_DEVICE, data);
	}
	mnl_attr_put(nlh, RAFTBLK_A_LISTEN, sizeof(addr), &addr);
	if (c->minor >= 0)
		mnl_attr_put_u32(nlh, RAFTBLK_A_MINOR, c->minor);
	if (c->pool)
		mnl_attr_put_u32(nlh, RAFTBLK_A_POOL_MIB, c->pool >> 20);
	if (c->io_timeout_ms)
		mnl_attr_put_u32(nlh, RAFTBLK_A_IO_TIMEOUT_MS, c->io_timeout_ms);
	if (c->resync_min)
		mnl_attr_put_u32(nlh, RAFTBLK_A_RESYNC_RATE_MIN, c->resync_min);
	if (c->resync_max)
		mnl_attr_put_u32(nlh, RAFTBLK_A_RESYNC_RATE_MAX, c->resync_max);
	if (c->election_ms)
		mnl_attr_put_u32(nlh, RAFTBLK_A_ELECTION_MS, c->election_ms);
	for (i = 0; i < c->nnodes && !err; i++)
		if (&c->node[i] != c->me)
			err = put_peer(nlh, c, &c->node[i]);
	return err;
}

/* ---- one attempt ---- */

static int keep(struct json_object *o, void *ctx)
{
	struct json_object **to = ctx;

	status_complete(o);
	json_object_put(*to);
	*to = json_object_get(o);
	return 0;
}

static int tell_up(struct json_object *o, void *ctx)
{
	printf("%s is up as /dev/raftblk%llu%s\n", jstr(o, "volume"),
	       (unsigned long long)ju(o, "minor"),
	       js(o, "conf") || is_client(o) ? "" :
	       "; it is not bootstrapped yet: when it is up on all nodes, run 'raftblk bootstrap' on one");
	return 0;
}

/* It is up, or was about to be, or is about to end. */
static int is_here(struct up *u, struct json_object *o)
{
	const struct conf *c = &u->conf;
	char differs[1024];

	if (!js(o, "role") || !is(o, "state", "running")) {
		u->patience_ms = u->timeout_ms;
		return fail(EXIT_TIMEOUT, c->volume, "up: the volume is %s on this node; see: raftblk why %s",
			    js(o, "state") ? jstr(o, "state") : "busy", c->volume);
	}
	running_differs(c, o, differs, sizeof(differs));
	if (differs[0])
		return fail(EXIT_CONFIG, c->volume,
			    "up: it is up already, but not as %s says: %s; to start it as the file says: raftblk down %s, then up",
			    c->path, differs, c->volume);
	running_adjustable(c, o, differs, sizeof(differs));
	if (differs[0])
		return fail(EXIT_CONFIG, c->volume,
			    "up: it is up already, but not as %s says: %s; to change that: raftblk adjust %s",
			    c->path, differs, c->volume);
	if (u->forget)
		return fail(EXIT_FAILED, c->volume,
			    "up: it is up already, and can forget only when it starts: raftblk down %s, then up --forget",
			    c->volume);
	printf("%s is up already as /dev/raftblk%llu, and as %s says\n", c->volume,
	       (unsigned long long)ju(o, "minor"), c->path);
	return 0;
}

/* What of raftblk is on a device, if not what the volume needs there. */
static bool holds_another(const struct conf *c, const char *what, const char *path, char *buf,
			  size_t size)
{
	struct device d = { .what = what, .path = path };
	struct found s;

	if (device_open(&d, c->volume, false))
		return false;
	store_find(&d, &s);
	device_close(&d);
	if (!s.kind || (!s.left_over && !strcmp(s.kind, what)))
		return false;
	store_name(&s, buf, size);
	return true;
}

static int refused(struct up *u, int err, const char *text)
{
	const struct conf *c = &u->conf;
	u32 port = ntohs(c->me->at.sin6.sin6_port);
	char held[256];

	switch (err) {
	case -EEXIST:			/* since this program has looked */
		u->patience_ms = u->timeout_ms;
		break;
	case -EADDRINUSE:
	case -EADDRNOTAVAIL:
	case -EBUSY:
	case -ENOENT:
		u->patience_ms = u->retry_ms;
		break;
	}
	if (err == -EADDRINUSE)
		return fail(EXIT_FAILED, c->volume,
			    "up: %s; a program listens there, or it is this end of an outgoing connection: 'ss -tanp sport = :%u' shows which; so that no connection gets the port: sysctl net.ipv4.ip_local_reserved_ports=%u",
			    text[0] ? text : strerror(-err), port, port);
	if (err == -ENODATA && (holds_another(c, "log", c->me->log, held, sizeof(held)) ||
				holds_another(c, "data", c->me->data, held, sizeof(held))))
		return fail(EXIT_ABSENT, c->volume,
			    "up: %s; it holds %s; 'raftblk config %s' shows the configured devices, and blkid(8) what else is there",
			    text, held, c->volume);
	return change_failed(c->volume, "up", err, text, u->timeout_ms);
}

static int start(struct up *u)
{
	struct nlmsghdr *nlh = nl_request(u->nl, RAFTBLK_CMD_UP, false);
	u64 op_id = nl_op_id();
	char text[256];
	int err;

	if (u->forget)
		mnl_attr_put(nlh, RAFTBLK_A_FORGET, 0, NULL);
	err = put_up(nlh, &u->conf, op_id);
	if (err) {
		/* A name that is not resolved, a device or an interface that is not there. */
		u->patience_ms = err == EXIT_ABSENT ? u->retry_ms : 0;
		return err;
	}
	err = nl_do(u->nl, nlh, op_id, u->timeout_ms, text, sizeof(text));
	if (err)
		return refused(u, err, text);
	nl_get(u->nl, u->conf.volume, tell_up, NULL);
	return 0;
}

static int attempt(struct up *u)
{
	struct json_object *o = NULL;
	int err;

	u->patience_ms = 0;
	nl_get(u->nl, u->conf.volume, keep, &o);
	err = o ? is_here(u, o) : start(u);
	json_object_put(o);
	return err;
}

/* ---- all of them ---- */

/* Each failure is told when it is new, and the last one again if it was told long ago. */
static int try_to_start(struct up *u)
{
	u64 begin = now_ms(), pause = PAUSE_MIN_MS, passed;
	char text[2048], told[2048] = "", after[16];
	int err;

	for (;;) {
		fail_keep(text, sizeof(text));
		err = attempt(u);
		fail_keep(NULL, 0);
		passed = now_ms() - begin;
		if (!err || passed >= u->patience_ms)
			break;
		if (strcmp(text, told)) {
			fprintf(stderr, "%s\n", text);
			fail(0, u->conf.volume, "up: trying again for up to %s",
			     time_text(u->patience_ms, after, sizeof(after)));
			strcpy(told, text);
		}
		usleep(1000 * min_t(u64, pause, u->patience_ms - passed));
		pause = min_t(u64, 2 * pause, PAUSE_MAX_MS);
	}
	if (text[0])
		fprintf(stderr, "%s\n", text);
	return err;
}

enum { KEY_FORGET = 0x100, KEY_RETRY };

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct up *u = ctx;

	switch (key) {
	case 't':
		return parse_time("timeout", arg, 1, TIME_MAX_MS, state, &u->timeout_ms);
	case KEY_RETRY:
		return parse_time("retry", arg, 0, TIME_MAX_MS, state, &u->retry_ms);
	case KEY_FORGET:
		u->forget = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_up(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "forget", KEY_FORGET, NULL, 0,
		  "forget what nodes saw of each other's stores: a store that was set back takes part again",
		  1 },
		{ "retry", KEY_RETRY, "TIME", 0,
		  "try again for TIME what may pass: a name that is not resolved, a device or address that is not there, a port that is taken (10s)",
		  2 },
		TIMEOUT_OPTION,
		{ 0 },
	};
	struct up u = { .timeout_ms = UP_TIMEOUT_MS, .retry_ms = UP_RETRY_MS };
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_config = true,
		.options = options,
		.args_doc = "VOLUME",
		.parse = parse,
		.ctx = &u,
		.doc = "Start VOLUME on this node, as its configuration file says. "
		       "If it is up already, and as the file says, nothing is left to do.\v"
		       "Examples:\n  raftblk up r0\n  raftblk up r0 --node n2 --config /tmp/r0.conf\n",
	};
	int err;

	parse_cmdline(&line, argc, argv);
	err = conf_load(&u.conf, &line.common);
	if (!err)
		err = conf_need_me(&u.conf);
	if (!err)
		err = nl_open(&u.nl, u.conf.volume);
	if (err)
		return err;
	err = try_to_start(&u);
	nl_close(u.nl);
	return err;
}
