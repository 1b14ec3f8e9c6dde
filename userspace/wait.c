// SPDX-License-Identifier: GPL-2.0
/* raftblk wait: returns when the volume is in a certain state on this node, for scripts. */
#include <poll.h>

#include "status.h"

#define LOOK_MS	200	/* not every change of the status is an event */

/* @committed: what was committed when the wait began. More comes all the time. */
struct condition {
	const char *name;
	const char *(*lacks)(struct json_object *o, u64 committed);	/* NULL: it is true */
};

struct wait {
	const struct condition *on;
	u32 timeout_ms;				/* 0: none */
	struct json_object *o;			/* the last status; NULL: not up */
	u64 committed;
};

static const char *lacks_up(struct json_object *o, u64 committed)
{
	return o && js(o, "role") && is(o, "state", "running") ?
		       NULL : "the volume is not up on this node";
}

static const char *lacks_leader(struct json_object *o, u64 committed)
{
	const char *lacks = lacks_up(o, committed);

	if (!lacks && !jb(o, "ready"))
		lacks = "no leader serves this node";
	return lacks;
}

static const char *lacks_connected(struct json_object *o, u64 committed)
{
	const char *lacks = lacks_up(o, committed);

	if (!lacks && !is_client(o) && !js(o, "conf.members"))
		lacks = "the volume is not bootstrapped yet";
	if (!lacks && peer_with(o, replica_is_down, NULL))
		lacks = "not all members are connected to this node";
	return lacks;
}

static bool has_all(struct json_object *o, const char *node, u64 committed)
{
	struct json_object *p = node_in_list(js(o, "peers"), node);

	return p && !peer_is_down(o, p) && !jb(p, "needs_resync") && ju(p, "match") >= committed;
}

/* The status of a leader: nobody else knows how far the members are, nor what is committed by now. */
static const char *lacks_synced(struct json_object *o, u64 committed)
{
	struct json_object *members, *m;
	const char *lacks = lacks_leader(o, committed);
	size_t i;

	if (lacks)
		return lacks;
	members = js(o, "conf.members");
	for (i = 0; i < json_object_array_length(members); i++) {
		m = json_object_array_get_idx(members, i);
		if (!is(o, "node", jstr(m, "node")) && !has_all(o, jstr(m, "node"), committed))
			return "not all members have all that is committed";
	}
	return NULL;
}

static const char *lacks_held(struct json_object *o, u64 committed)
{
	const char *lacks = lacks_up(o, committed);

	if (!lacks && !is(o, "session", "held"))
		lacks = "this node does not hold the session";
	return lacks;
}

static const struct condition conditions[] = {
	{ "up", lacks_up },
	{ "leader", lacks_leader },
	{ "connected", lacks_connected },
	{ "synced", lacks_synced },
	{ "held", lacks_held },
};

enum { KEY_FOR = 0x100 };

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct wait *w = ctx;
	size_t i;

	switch (key) {
	case KEY_FOR:
		for (i = 0; i < ARRAY_SIZE(conditions); i++)
			if (!strcmp(arg, conditions[i].name))
				w->on = &conditions[i];
		if (!w->on)
			argp_error(state, "--for: '%s' is none of up, leader, connected, synced and held", arg);
		return 0;
	case 't':
		return parse_time("timeout", arg, 1, TIME_MAX_MS, state, &w->timeout_ms);
	case ARGP_KEY_END:
		if (!w->on)
			argp_error(state, "--for is missing: up, leader, connected, synced or held");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int keep(struct json_object *o, void *ctx)
{
	struct wait *w = ctx;

	status_complete(o);
	json_object_put(w->o);
	w->o = json_object_get(o);
	return 0;
}

static int look(struct wait *w, struct nl *nl, const char *volume)
{
	int err;

	json_object_put(w->o);
	w->o = NULL;
	err = nl_get(nl, volume, keep, w);
	return err == -ENODEV ? 0 : err;
}

static int ignore(struct json_object *o, void *ctx)
{
	return 0;
}

static int wait_for(struct wait *w, struct nl *nl, const char *volume)
{
	struct pollfd pfd = { .fd = nl_event_fd(nl), .events = POLLIN };
	u64 end = now_ms() + w->timeout_ms;
	const char *lacks;
	char after[16];
	int err;

	for (;;) {
		err = look(w, nl, volume);
		if (err)
			return fail(EXIT_FAILED, volume, "wait: %s", strerror(-err));
		if (!w->committed && w->o && jb(w->o, "ready"))
			w->committed = ju(w->o, "commit_index");
		if (w->on->lacks == lacks_synced && w->o && jb(w->o, "ready") &&
		    !is(w->o, "role", "leader"))
			return fail(EXIT_FAILED, volume,
				    "wait: only the leader knows who has what is committed; run it on %s",
				    jstr(w->o, "leader_node"));
		lacks = w->on->lacks(w->o, w->committed);
		if (!lacks)
			return 0;
		/* Nothing that this waits for comes before the volume is stopped and started. */
		if (w->o && js(w->o, "halt") && !is(w->o, "halt", "none"))
			return fail(EXIT_FAILED, volume, "wait: this node is halted; see: raftblk why %s",
				    volume);
		if (w->timeout_ms && now_ms() >= end)
			return fail(EXIT_TIMEOUT, volume, "wait: %s, after %s; see: raftblk why %s", lacks,
				    time_text(w->timeout_ms, after, sizeof(after)), volume);
		if (poll(&pfd, 1, LOOK_MS) > 0)
			nl_read_events(nl, ignore, NULL);
	}
}

int cmd_wait(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "for", KEY_FOR, "STATE", 0,
		  "up: it runs on this node; leader: I/O is served here; connected: to all other members; "
		  "synced, on the leader: all members have what is committed; held: this node has the session",
		  1 },
		{ "timeout", 't', "TIME", 0, "fail after TIME (default: wait forever)", 2 },
		{ 0 },
	};
	struct wait w = {};
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_device = true,
		.options = options,
		.args_doc = "VOLUME",
		.parse = parse,
		.ctx = &w,
		.doc = "Wait until VOLUME is in STATE on this node. It need not be up yet.\v"
		       "Examples:\n  raftblk wait r0 --for leader --timeout 60s\n  raftblk wait r0 --for synced --timeout 1h\n",
	};
	struct nl *nl;
	int err;

	parse_cmdline(&line, argc, argv);
	err = nl_open(&nl, line.common.volume);
	if (err)
		return err;
	err = wait_for(&w, nl, line.common.volume);
	json_object_put(w.o);
	nl_close(nl);
	return err;
}
