// SPDX-License-Identifier: GPL-2.0
/*
 * Transcripts for the cluster of raft-net.h, one file for each rule, in
 * raft-transcripts/. See transcript.h for their form.
 */
#include "raft-net.h"
#include "transcript.h"

static u32 started;

static struct net_node *node(int i)
{
	u64 id = ts_num(i);

	CHECK(id >= 1 && id <= NET_NODES);
	return &net.node[id];
}

/* Members are written 1i,2io here: words end at blanks. */
static struct raft_conf conf_of(const char *s)
{
	char buf[256], *p;

	snprintf(buf, sizeof(buf), "%s", s);
	for (p = buf; *p; p++)
		if (*p == ',')
			*p = ' ';
	return net_conf(buf);
}

/* start COUNT [conf=1i,2i] [window=N] [bytes=N] [seed=N] [greedy=1]: nodes are not booted */
static void cmd_start(void)
{
	char buf[128] = "", *p = buf;
	struct raft_conf conf;
	u32 i;

	started = ts_num(1);
	for (i = 1; i <= started; i++)
		p += sprintf(p, "%ui ", i);
	conf = ts_text("conf") ? conf_of(ts_text("conf")) : net_conf(buf);
	net_start(started, &conf, ts_option("seed", 1));
	for (i = 1; i <= started; i++) {
		net.node[i].cfg.inflight_msgs = ts_option("window", 4);
		net.node[i].cfg.uncommitted_bytes = ts_option("bytes", 1000);
		net.node[i].greedy = ts_option("greedy", 0);
	}
}

/* log ID TERM,TERM,...: durable entries 2, 3, ... before its boot */
static void cmd_log(void)
{
	struct net_node *n = node(1);
	char *s = ts_word[2];
	u64 term;

	while (*s) {
		term = strtoull(s, &s, 10);
		n->disk[++n->disk_last] = (struct net_ent){ term, 1000 + term, NULL };
		n->meta.term = max_t(u64, n->meta.term, term);
		s += *s == ',';
	}
}

static void cmd_boot(void)
{
	u32 i;

	for (i = 1; i <= started; i++)
		if (!net.node[i].up && (ts_words == 1 || ts_num(1) == i))
			net_boot(&net.node[i]);
}

static void cmd_tick(void)
{
	net_event(node(1), RAFT_EV_TICK, 0, 0);
}

/* timeout ID: the clock goes to its deadline, and only it notices */
static void cmd_timeout(void)
{
	u64 at = rblk_raft_deadline(node(1)->r);

	CHECK(at != U64_MAX);
	net.now = max_t(u64, net.now, at);
	cmd_tick();
}

static void cmd_settle(void)
{
	bool verbose = net.verbose;

	net.verbose = false;
	net_settle();
	net.verbose = verbose;
}

/* elect ID: it times out and wins, and all messages are delivered */
static void cmd_elect(void)
{
	struct raft_status st;
	bool verbose = net.verbose;

	net.verbose = false;
	net.now += 3000 * MS;
	cmd_tick();
	net_settle();
	net.verbose = verbose;
	rblk_raft_status(node(1)->r, &st);
	fprintf(net_out, "  %llu: %s of term %llu\n", U(ts_num(1)), net_role(st.role), U(st.term));
}

/* The @nth message that matches "A->B", "A->" or "all" */
static int find(const char *what, int nth)
{
	u64 from = strtoull(what, (char **)&what, 10), to = 0;
	u32 i;

	if (!strncmp(what, "->", 2))
		to = strtoull(what + 2, NULL, 10);
	for (i = 0; i < net.nmsg; i++)
		if ((!from || net.msg[i].m.from == from) && (!to || net.msg[i].m.to == to) &&
		    !nth--)
			return i;
	return -1;
}

static void print_err(u64 id, int err)
{
	static const struct { int err; const char *name; } names[] = {
		{ -EREMOTE, "EREMOTE" }, { -EAGAIN, "EAGAIN" }, { -EBUSY, "EBUSY" },
		{ -EINVAL, "EINVAL" }, { -ESHUTDOWN, "ESHUTDOWN" },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].err == err)
			fprintf(net_out, "  %llu: error %s\n", U(id), names[i].name);
}

static void hand_over(int i, bool keep)
{
	u64 to = net.msg[i].m.to;
	struct net_msg w = net.msg[i];

	fprintf(net_out, "  ");
	net_print_msg(&net.msg[i].m);
	fprintf(net_out, "\n");
	if (to <= NET_NODES && net.node[to].up)
		print_err(to, keep ? net_handle(&w) : net_deliver(i));
	else
		net_msg_drop(i);
}

/* deliver|drop|dup A->B [NTH] (the first is 0), or all that are in flight now */
static void cmd_msgs(void)
{
	u32 i, n = net.nmsg;
	int k, nth = ts_words > 2 ? ts_num(2) : 0;
	bool all = !strncmp(ts_word[0], "all-", 4), drop = strstr(ts_word[0], "drop");

	if (!all) {
		k = find(ts_word[1], nth);
		if (k < 0)
			fprintf(net_out, "  nothing\n");
		else if (drop)
			net_msg_drop(k);
		else
			hand_over(k, !strcmp(ts_word[0], "dup"));
		return;
	}
	for (i = 0; i < n; i++) {
		k = find(ts_words > 1 ? ts_word[1] : "", nth);
		/* Messages that are sent meanwhile come after these. */
		if (k < 0 || k >= n - i)
			return;
		if (drop)
			net_msg_drop(k);
		else
			hand_over(k, false);
	}
}

static void cmd_disk(void)
{
	struct net_node *n = node(1);

	if (!strcmp(ts_word[0], "disk")) {
		net_disk_all(n);
	} else if (!strcmp(ts_word[0], "meta-done")) {
		net_meta_write(n);
		net_meta_done(n);
	} else if (!strcmp(ts_word[0], "log-write")) {
		while (net_disk_one(n))
			;
	} else {
		while (net_disk_one(n))
			;
		while (net_done_one(n))
			;
	}
}

static void cmd_propose(void)
{
	struct raft_conf conf;

	if (!strcmp(ts_word[0], "conf")) {
		conf = conf_of(ts_word[2]);
		print_err(ts_num(1), net_propose(node(1), 1, 0, &conf));
		return;
	}
	print_err(ts_num(1), net_propose(node(1), ts_num(2), ts_words > 3 ? ts_num(3) : 0, NULL));
}

static void cmd_read(void)
{
	print_err(ts_num(1), net_read(node(1)));
}

static void cmd_event(void)
{
	static const struct { const char *name; enum raft_event_type type; } ev[] = {
		{ "pump", RAFT_EV_PUMP }, { "transfer", RAFT_EV_TRANSFER },
		{ "unreachable", RAFT_EV_UNREACHABLE }, { "reachable", RAFT_EV_REACHABLE },
		{ "io-error", RAFT_EV_IO_ERROR }, { "compacted", RAFT_EV_COMPACTED },
		{ "log-told", RAFT_EV_LOG_DONE }, { "meta-told", RAFT_EV_META_DONE },
		{ "unsent", RAFT_EV_UNSENT }, { "yield", RAFT_EV_YIELD },
		{ "forgot", RAFT_EV_FORGOT },
	};
	struct net_node *n = node(1);
	struct rblk_id id;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ev); i++) {
		if (strcmp(ts_word[0], ev[i].name))
			continue;
		id.term = rblk_raft_term_at(n->r, ts_words > 2 ? ts_num(2) : 0);
		id.index = ts_words > 2 ? ts_num(2) : 0;
		print_err(n->id, net_event(n, ev[i].type, id.index, ts_words > 3 ? ts_num(3) : 0));
		if (ev[i].type == RAFT_EV_COMPACTED && n->snap.index < id.index)
			n->snap = id;
	}
}

static void cmd_crash(void)
{
	net_crash(node(1));
}

/* lose ID INDEX [blind]: rot takes what is behind that entry, and the node owes it, or whatever
 * its term may have had; before its boot
 */
static void cmd_lose(void)
{
	net_lose(node(1), ts_num(2));
	if (ts_text("blind"))
		node(1)->owed = (struct rblk_id){ node(1)->meta.term, 1000000 };
}

static void cmd_time(void)
{
	net.now += ts_num(1) * MS;
}

static void cmd_cut(void)
{
	node(1)->cut_off[ts_num(2)] = !strcmp(ts_word[0], "cut");
}

/* room ID INDEX: it takes in nothing after this entry; 0: whatever comes */
static void cmd_room(void)
{
	node(1)->room = ts_num(2);
}

/* crowded ID 0|1: whether it lacks room for the no-op of a new leader */
static void cmd_crowded(void)
{
	node(1)->crowded = ts_num(2);
}

static void cmd_blind(void)
{
	net.blind = true;
}

static void cmd_asserts(void)
{
	tap_expect_asserts();
}

/* fill ID COUNT: entries of COUNT terms from 2 on, durable, before its boot */
static void cmd_fill(void)
{
	struct net_node *n = node(1);
	u64 i, term = n->meta.term;

	for (i = 0; i < ts_num(2); i++)
		n->disk[++n->disk_last] = (struct net_ent){ ++term, 1000 + term, NULL };
	n->meta.term = term;
}

/* meta ID TERM VOTE: durable, before its boot */
static void cmd_meta(void)
{
	node(1)->meta = (struct rblk_hard_state){ ts_num(2), ts_num(3) };
}

static void cmd_status(void)
{
	static const char * const state[] = { "probe", "replicate", "resync" };
	struct raft_status st;
	u32 i;

	rblk_raft_status(node(1)->r, &st);
	fprintf(net_out,
		"  %llu: %s term %llu vote %llu leader %llu snap %llu/%llu last %llu/%llu durable %llu commit %llu%s%s bad %llu\n",
		U(ts_num(1)), net_role(st.role), U(st.term), U(st.vote), U(st.leader), U(st.snap.term),
		U(st.snap.index), U(st.last.term), U(st.last.index), U(st.durable), U(st.commit),
		st.leader_ready ? " ready" : "", st.resync ? " resync" : "", U(st.bad_msgs));
	if (st.owed.index)
		fprintf(net_out, "     owes %llu/%llu\n", U(st.owed.term), U(st.owed.index));
	if (st.rejects)
		fprintf(net_out, "     rejects %llu\n", U(st.rejects));
	if (st.transferee)
		fprintf(net_out, "     transfer to %llu\n", U(st.transferee));
	for (i = 0; st.role == RAFT_LEADER && i < st.npeers; i++)
		fprintf(net_out, "     peer %llu %s match %llu next %llu inflight %u%s\n",
			U(st.peer[i].store), state[st.peer[i].state], U(st.peer[i].match),
			U(st.peer[i].next), st.peer[i].inflight,
			st.peer[i].active ? "" : " silent");
}

static void id_of(const char *s, struct rblk_id *id)
{
	if (!s)
		return;
	id->term = strtoull(s, (char **)&s, 10);
	id->index = *s == '/' ? strtoull(s + 1, NULL, 10) : 0;
}

/* msg TYPE FROM->TO term=N prev=T/I ents=A..B@T conf=... commit=N reject=I ... */
static void cmd_msg(void)
{
	static const char * const name[] = { "?", "prevote", "prevote-reply", "vote",
		"vote-reply", "append", "append-reply", "read", "read-reply", "timeout-now" };
	static struct raft_conf conf;
	struct net_msg w;
	const char *s;
	u64 i;

	memset(&w, 0, sizeof(w));
	for (i = 1; i < ARRAY_SIZE(name); i++)
		if (!strcmp(ts_word[1], name[i]))
			w.m.type = i;
	w.m.from = strtoull(ts_word[2], (char **)&s, 10);
	w.m.to = strtoull(s + 2, NULL, 10);
	w.m.term = ts_option("term", 0);
	id_of(ts_text("prev"), &w.m.prev);
	w.m.ents.first = 1;
	s = ts_text("ents");
	if (s) {
		w.m.ents.first = strtoull(s, (char **)&s, 10);
		w.m.ents.last = strtoull(s + 2, (char **)&s, 10);
		w.m.ents.term = *s == '@' ? strtoull(s + 1, NULL, 10) : 0;
	}
	if (ts_text("conf")) {
		conf = conf_of(ts_text("conf"));
		w.m.ents.conf = &conf;
	}
	w.m.commit = ts_option("commit", 0);
	w.m.reject = !!ts_text("reject");
	w.m.reject_index = ts_option("reject", 0);
	w.m.run_first = ts_option("run", 0);
	w.m.read_seq = ts_option("read", 0);
	w.m.force = ts_option("force", 0);
	w.m.resync = ts_option("resync", 0);
	for (i = 0; i < NET_MSG_ENTS; i++)
		w.e[i] = (struct net_ent){ w.m.ents.term, 1000 + w.m.ents.term,
					   w.m.ents.conf ? net_intern(&conf) : NULL };
	print_err(ts_option("at", w.m.to), w.m.to <= NET_NODES ? net_handle(&w) : -ESHUTDOWN);
}

/*
 * installed ID TERM/INDEX [conf=1i,2i] [at=INDEX]: its log holds nothing up to there, and
 * goes on behind it; unless the core does not have that.
 */
static void cmd_installed(void)
{
	struct net_node *n = node(1);
	struct raft_conf conf = ts_text("conf") ? conf_of(ts_text("conf")) : n->snap_conf;
	struct raft_event ev = { .type = RAFT_EV_INSTALLED };
	u64 last = n->last, disk_last = n->disk_last;
	u32 ops = n->op_n;
	int err;

	id_of(ts_word[2], &ev.installed.id);
	conf.index = ts_option("at", 1);
	ev.installed.conf = &conf;
	n->last = ev.installed.id.index;
	n->disk_last = n->last;
	n->op_n = 0;
	if (n->last < NET_LOG)
		n->disk[n->last] = n->log[n->last] = (struct net_ent){ .term = ev.installed.id.term };
	err = net_step(n, &ev);
	if (!err) {
		n->snap = ev.installed.id;
		n->snap_conf = conf;
		return;
	}
	n->last = last;
	n->disk_last = disk_last;
	n->op_n = ops;
	print_err(n->id, err);
}

static void cmd_wait(void)
{
	struct net_node *n = node(1);
	u64 at = rblk_raft_deadline(n->r);

	if (at == U64_MAX)
		fprintf(net_out, "  %llu: no deadline\n", U(n->id));
	else
		fprintf(net_out, "  %llu: due in %llu ms\n", U(n->id),
			U(at > net.now ? (at - net.now) / MS : 0));
}

static const struct transcript_command commands[] = {
	{ "start", cmd_start },	     { "log", cmd_log },	 { "meta", cmd_meta },
	{ "fill", cmd_fill },	     { "boot", cmd_boot },	 { "tick", cmd_tick },
	{ "timeout", cmd_timeout },  { "settle", cmd_settle },	 { "elect", cmd_elect },
	{ "deliver", cmd_msgs },     { "drop", cmd_msgs },	 { "dup", cmd_msgs },
	{ "all-deliver", cmd_msgs }, { "all-drop", cmd_msgs },	 { "disk", cmd_disk },
	{ "meta-done", cmd_disk },   { "log-done", cmd_disk },	 { "log-write", cmd_disk },
	{ "propose", cmd_propose },  { "conf", cmd_propose },	 { "read", cmd_read },
	{ "pump", cmd_event },	     { "transfer", cmd_event },	 { "unreachable", cmd_event },
	{ "yield", cmd_event },
	{ "reachable", cmd_event },  { "io-error", cmd_event },	 { "compacted", cmd_event },
	{ "log-told", cmd_event },   { "meta-told", cmd_event }, { "unsent", cmd_event },
	{ "forgot", cmd_event },     { "lose", cmd_lose },
	{ "crash", cmd_crash },	     { "time", cmd_time },	 { "cut", cmd_cut },
	{ "join", cmd_cut },	     { "blind", cmd_blind },	 { "asserts", cmd_asserts },
	{ "status", cmd_status },    { "msg", cmd_msg },	 { "wait", cmd_wait },
	{ "room", cmd_room },	     { "crowded", cmd_crowded }, { "installed", cmd_installed },
};

static void begin(void)
{
	net_out = ts_out;
	net.verbose = true;
}

int main(int argc, char **argv)
{
	static const struct transcripts t = {
		.dir = "raft-transcripts", .begin = begin, .commands = commands,
		.ncommands = ARRAY_SIZE(commands),
	};

	return transcript_main(argc, argv, &t);
}
