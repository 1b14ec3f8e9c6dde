// SPDX-License-Identifier: GPL-2.0
/*
 * The parts of the Raft core one by one: the quorum against counting, configurations,
 * boot states, timers, and a flood of random messages.
 */
#include "raft-net.h"

static u64 count_majority(const struct raft_conf *c, const u64 *val, u8 half)
{
	u64 best = 0;
	u32 i, k, n = 0, has;

	for (i = 0; i < c->n; i++)
		n += !!(c->m[i].flags & half);
	if (!n)
		return U64_MAX;
	for (i = 0; i < c->n; i++) {
		has = 0;
		for (k = 0; k < c->n; k++)
			has += c->m[k].flags & half && val[k] >= val[i];
		if (has > n / 2 && val[i] > best)
			best = val[i];
	}
	return best;
}

static void quorum_by_counting(void)
{
	struct raft_conf c;
	u64 val[RBLK_MEMBERS_MAX], want;
	u32 step, i;

	net.rng = 99;
	for (step = 0; step < 20000; step++) {
		memset(&c, 0, sizeof(c));
		c.n = net_rand(RBLK_MEMBERS_MAX + 1);
		for (i = 0; i < c.n; i++) {
			c.m[i].store = i + 1;
			c.m[i].flags = net_rand(2) ? 1 + net_rand(4) : RBLK_M_IN;
			val[i] = net_rand(2) ? net_rand(6) : net_rand(1000);
		}
		want = min_t(u64, count_majority(&c, val, RBLK_M_IN),
			     count_majority(&c, val, RBLK_M_OUT));
		CHECK_EQ(rblk_raft_quorum(&c, val), want == U64_MAX ? 0 : want);
	}
}

static void quorum_examples(void)
{
	struct raft_conf c = net_conf("1i 2i 3i 4l 5l");
	struct raft_conf j = net_conf("1io 2o 3o 4i 5i");

	CHECK_EQ(rblk_raft_quorum(&c, (u64[]){ 9, 1, 5, 9, 9 }), 5);
	CHECK_EQ(rblk_raft_quorum(&j, (u64[]){ 9, 9, 1, 2, 2 }), 2);
	CHECK_EQ(rblk_raft_quorum(&j, (u64[]){ 9, 1, 1, 9, 9 }), 1);
	c = net_conf("1i 2i 3i 4i");
	CHECK_EQ(rblk_raft_quorum(&c, (u64[]){ 9, 9, 1, 1 }), 1);
	c = net_conf("1i 2w");
	CHECK(!rblk_raft_conf_valid(&c));
	c.n = 0;
	CHECK_EQ(rblk_raft_quorum(&c, NULL), 0);
}

static bool valid(const char *s)
{
	struct raft_conf c = net_conf(s);

	return rblk_raft_conf_valid(&c);
}

static bool follows(const char *a, const char *b)
{
	struct raft_conf x = net_conf(a), y = net_conf(b);

	return rblk_raft_conf_follows(&x, &y);
}

static void conf_rules(void)
{
	struct raft_conf c;

	CHECK(valid("1i"));
	CHECK(valid("1i 2io 3o 4l 5lo 6iw"));
	CHECK(!valid(""));
	CHECK(!valid("1l"));
	CHECK(!valid("1o"));
	CHECK(!valid("1i 1l"));
	CHECK(!valid("1i 0i"));
	CHECK(!valid("1il"));
	CHECK(!valid("1i 2"));
	CHECK(follows("1i 2i", "2i 1i 3l"));
	CHECK(!follows("1i 2i", "1i"));
	CHECK(!follows("1i 2i", "1i 2i 3i"));
	CHECK(follows("1i 2i", "1io 2o 3i"));
	CHECK(!follows("1i 2i", "1io 3i"));
	CHECK(!follows("1i 2i", "1io 2o 3io"));
	CHECK(follows("1io 2o 3i", "1i 3i 2l"));
	CHECK(!follows("1io 2o 3i", "1i 2i"));
	CHECK(!follows("1io 2o 3i", "1io 2o 3i"));
	CHECK(!follows("1io 2o 3i", "1o 3io 4i"));
	c = net_conf("1i 2i");
	c.m[1].flags |= 0x80;
	CHECK(!rblk_raft_conf_valid(&c));
}

static int boots(void (*change)(struct raft_boot *, struct raft_cfg *))
{
	static struct rblk_id runs[2];
	struct raft_boot b;
	struct raft_cfg cfg = { .self = 1, .heartbeat_ns = 1, .election_ns = 10, .msg_ents = 1,
				.inflight_msgs = 1, .sendable = net_sendable, .takes = net_takes,
				.can_lead = net_can_lead };

	memset(&b, 0, sizeof(b));
	runs[0] = (struct rblk_id){ 3, 7 };
	runs[1] = (struct rblk_id){ 5, 9 };
	b.meta.term = 6;
	b.snap = (struct rblk_id){ 2, 4 };
	b.last = (struct rblk_id){ 5, 9 };
	b.commit = 5;
	b.conf = net_conf("1i 2i");
	b.conf.index = 3;
	b.runs = runs;
	b.nruns = 2;
	change(&b, &cfg);
	if (!net.node[1].r)
		net.node[1].r = malloc(rblk_raft_size());
	return rblk_raft_init(net.node[1].r, &cfg, &b, 5);
}

#define CHANGE(name, what)						\
	static void name(struct raft_boot *b, struct raft_cfg *c) { what; }
CHANGE(nothing, )
CHANGE(no_self, c->self = 0)
CHANGE(no_sendable, c->sendable = NULL)
CHANGE(no_takes, c->takes = NULL)
CHANGE(no_can_lead, c->can_lead = NULL)
CHANGE(no_heart, c->heartbeat_ns = 0)
CHANGE(slow_heart, c->heartbeat_ns = 10)
CHANGE(slow_election, c->election_ns = 1ULL << 43)
CHANGE(no_ents, c->msg_ents = 0)
CHANGE(no_window, c->inflight_msgs = 0)
CHANGE(commit_low, b->commit = 3)
CHANGE(commit_high, b->commit = 10)
CHANGE(last_other, b->last.index = 8)
CHANGE(last_term, b->last.term = 4)
CHANGE(no_runs, b->nruns = 0)
CHANGE(many_runs, b->nruns = RAFT_RUNS_MAX + 1)
CHANGE(lost_runs, b->runs = NULL)
CHANGE(blank, (memset(b, 0, sizeof(*b))))
CHANGE(conf_before, b->prev_conf = net_conf("1i"))
CHANGE(conf_again, (b->prev_conf = net_conf("1i"), b->prev_conf.index = 3))
CHANGE(log_ahead, b->meta.term = 4)
CHANGE(runs_down, ((struct rblk_id *)b->runs)[0].term = 5)
CHANGE(runs_back, ((struct rblk_id *)b->runs)[0].index = 9)
CHANGE(snap_newer, b->snap.term = 4)
CHANGE(snap_half, b->snap.term = 0)
CHANGE(conf_late, b->conf.index = 10)
CHANGE(conf_prev_late, b->prev_conf.index = 4)
CHANGE(conf_bad, b->conf.m[0].flags = 0)
CHANGE(conf_none, b->conf.index = 0)
CHANGE(vote_in_0, (b->meta.term = 0, b->meta.vote = 2))
CHANGE(term_wild, b->meta.term = U64_MAX)

static void boot_states(void)
{
	static void (*const bad[])(struct raft_boot *, struct raft_cfg *) = {
		no_self, no_sendable, no_takes, no_can_lead, no_heart, slow_heart, slow_election,
		no_ents, no_window, commit_low, commit_high, last_other, last_term,
		no_runs, many_runs, lost_runs, runs_down, runs_back, snap_newer, snap_half, conf_late,
		conf_prev_late, conf_bad, conf_none, vote_in_0, term_wild,
	};
	u32 i;

	CHECK_EQ(boots(nothing), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (boots(bad[i]) != -EINVAL)
			printf("# bad[%u]\n", i);
		CHECK_EQ(boots(bad[i]), -EINVAL);
	}
	CHECK_EQ(boots(blank), 0);
}

/* The configuration before the newest one is there to go back to, unless both are the same. */
static void boot_confs(void)
{
	CHECK_EQ(boots(conf_before), 0);
	CHECK_EQ(net.node[1].r->prev_conf.n, 1);
	CHECK_EQ(boots(conf_again), 0);
	CHECK_EQ(net.node[1].r->prev_conf.n, 0);
	CHECK_EQ(rblk_raft_check(net.node[1].r), 0);
}

static struct raft_out out;

static int step(struct raft *r, enum raft_event_type type, u64 store)
{
	struct raft_event ev = { .type = type, .now = net.now, .store = store };

	return rblk_raft_step(r, &ev, &out);
}

/* What is refused has no effect, not even that of any step. */
static void refused_events(void)
{
	struct raft *r;

	CHECK_EQ(boots(log_ahead), 0);
	r = net.node[1].r;
	CHECK_EQ(step(r, RAFT_EV_TRANSFER, 2), -EREMOTE);
	CHECK_EQ(out.n, 0);
	CHECK_EQ(step(r, RAFT_EV_MSG, 0), -EINVAL);
	CHECK_EQ(step(r, RAFT_EV_READ, 0), -EINVAL);
	CHECK_EQ(step(r, RAFT_EV_PUMP, 0), 0);
	CHECK_EQ(out.n, 1);
	CHECK_EQ(out.act[0].type, RAFT_ACT_META);
}

/* What no correct peer sends, and no state makes right. */
static void messages(void)
{
	const struct raft_msg read = { .type = RAFT_MSG_READ, .from = 2, .to = 1, .term = 3,
				       .read_seq = 1 };
	const struct raft_msg reply = { .type = RAFT_MSG_APPEND_REPLY, .from = 2, .to = 1,
					.term = 3, .prev = { .term = 3, .index = 5 } };
	struct raft_conf conf = net_conf("1i 2i");
	struct raft_msg m = read, append = { .type = RAFT_MSG_APPEND, .from = 2, .to = 1,
					     .term = 3, .ents = { .first = 1, .last = 1,
								  .term = 1, .conf = &conf } };

	CHECK_EQ(boots(nothing), 0);
	CHECK(rblk_raft_msg_valid(net.node[1].r, &m));
	m.to = 3;
	CHECK(!rblk_raft_msg_valid(net.node[1].r, &m));
	m = read;
	m.term = 0;
	CHECK(!rblk_raft_msg_valid(net.node[1].r, &m));
	m = reply;
	CHECK(rblk_raft_msg_valid(net.node[1].r, &m));
	m.prev.term = 4;
	CHECK(!rblk_raft_msg_valid(net.node[1].r, &m));
	conf.index = 1;
	CHECK(rblk_raft_msg_valid(net.node[1].r, &append));
	conf.index = 2;
	CHECK(!rblk_raft_msg_valid(net.node[1].r, &append));
	append.ents.conf = NULL;
	CHECK(rblk_raft_msg_valid(net.node[1].r, &append));
	append.ents.term = 0;
	CHECK(!rblk_raft_msg_valid(net.node[1].r, &append));
}

/* In [election, 1.5 * election), spread, and different for different seeds. */
static void election_timeouts(void)
{
	struct raft_conf c = net_conf("1i 2i 3i");
	u64 lo = U64_MAX, hi = 0, at, seed;

	for (seed = 1; seed < 500; seed++) {
		net_start(1, &c, seed);
		net_boot(&net.node[1]);
		at = rblk_raft_deadline(net.node[1].r) - net.now;
		CHECK(at >= 1000 * MS && at < 1500 * MS);
		lo = min_t(u64, lo, at);
		hi = max_t(u64, hi, at);
	}
	CHECK(lo < 1025 * MS && hi > 1475 * MS);
}

static u64 odd(u64 near)
{
	static const u64 wild[] = { 0, 1, U64_MAX, U64_MAX - 1, U64_MAX >> 1, U64_MAX >> 2,
				    (U64_MAX >> 2) - 1 };

	return net_rand(8) ? near + net_rand(5) - net_rand(3) : wild[net_rand(ARRAY_SIZE(wild))];
}

/* A message of any content, in @w, with what its entries would be. */
static void junk_msg(struct net_node *n, const struct raft_status *st, const struct raft_conf *c,
		     struct net_msg *w)
{
	static struct raft_conf junk;
	struct raft_msg *m = &w->m;
	u32 k;

	memset(w, 0, sizeof(*w));
	m->type = net_rand(RAFT_MSG_NR + 1);
	m->reject = net_rand(2);
	m->force = !net_rand(4);
	m->from = net_rand(20) ? 1 + net_rand(5) : odd(0);
	m->to = net_rand(20) ? 1 : odd(1);
	m->term = odd(st->term);
	m->prev.index = odd(st->last.index);
	m->prev.term = net_rand(2) ? rblk_raft_term_at(n->r, m->prev.index) : odd(st->last.term);
	m->run_first = odd(st->commit);
	m->reject_index = odd(st->last.index);
	m->ents.first = net_rand(8) ? m->prev.index + 1 : odd(st->last.index);
	m->ents.last = m->ents.first - 1 + net_rand(4);
	m->ents.term = odd(st->term);
	m->commit = odd(st->commit);
	m->read_seq = odd(1);
	junk = *c;
	junk.index = net_rand(4) ? m->ents.first : odd(1);
	junk.n = net_rand(20) ? 4 : net_rand(256);
	junk.m[net_rand(4)].flags = net_rand(32);
	m->ents.conf = net_rand(6) ? NULL : &junk;
	for (k = 0; k < NET_MSG_ENTS; k++) {
		w->e[k].term = m->ents.term;
		w->e[k].conf = m->ents.conf;
	}
}

static void hear(struct net_node *n, const struct net_msg *w)
{
	struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &w->m };

	net.handling = w;
	if (w->m.ents.last < NET_LOG || w->m.ents.first > w->m.ents.last)
		net_step(n, &ev);
	net.handling = NULL;
	n->op_n = 0;
	n->disk_last = n->last;
}

/* Other events of a node: its metadata is written, time passes, its log is durable. */
static void other_events(struct net_node *n, const struct raft_status *st)
{
	u64 version = n->meta_version;

	if (!net_rand(4) && version) {
		n->meta_version = 0;
		net_event(n, RAFT_EV_META_DONE, 0, version);
	}
	net.now += net_rand(300) * MS;
	if (!net_rand(3))
		net_event(n, RAFT_EV_TICK, 0, 0);
	if (!net_rand(5))
		net_event(n, RAFT_EV_LOG_DONE, odd(st->last.index), net_rand(3));
	if (!net_rand(5))
		net_event(n, RAFT_EV_PUMP, 0, 0);
}

/* Whatever arrives, the node does not crash: its state stays consistent, or it halts. */
static void flood(void)
{
	struct raft_conf c = net_conf("1i 2i 3i 4l");
	struct net_node *n = &net.node[1];
	u32 i, seed, halts = 0;
	struct raft_status st;
	struct net_msg w;

	tap_expect_asserts();
	for (seed = 1; seed <= 300; seed++) {
		net_start(1, &c, seed);
		net.blind = true;
		n->cut_off[0] = false;
		net_boot(n);
		for (i = 0; i < 300; i++) {
			rblk_raft_status(n->r, &st);
			if (st.role == RAFT_HALTED) {
				halts++;
				break;
			}
			junk_msg(n, &st, &c, &w);
			hear(n, &w);
			other_events(n, &st);
		}
	}
	printf("# %u of 300 halted\n", halts);
	/* Only a forged leader that denies what is committed makes it halt. */
	CHECK(halts < 250);
}

/* @proto of every peer but node 1 up to @last, with the number of the peer as @read_seq if asked. */
static void from_all(u32 last, struct raft_msg proto, bool numbered)
{
	struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &proto, .now = net.now };
	u32 i;

	proto.to = 1;
	proto.term = 2;
	for (i = 2; i <= last; i++) {
		proto.from = i;
		if (numbered)
			proto.read_seq = i;
		CHECK_EQ(rblk_raft_step(net.node[1].r, &ev, &out), 0);
		CHECK_EQ(rblk_raft_check(net.node[1].r), 0);
	}
}

/* Node 1 of all that there can be becomes leader. */
static void biggest_election(struct raft_conf *c)
{
	struct raft_event ev = { .type = RAFT_EV_TICK };
	struct net_node *n = &net.node[1];
	u32 i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		c->m[c->n++] = (struct raft_member){ i + 1, RBLK_M_IN };
	net_start(1, c, 1);
	net_boot(n);
	net.now += 5000 * MS;
	ev.now = net.now;
	CHECK_EQ(rblk_raft_step(n->r, &ev, &out), 0);
	CHECK_EQ(out.n, RBLK_MEMBERS_MAX - 1 + 1);
	from_all(RBLK_MEMBERS_MAX, (struct raft_msg){ .type = RAFT_MSG_PREVOTE_REPLY }, false);
	ev.type = RAFT_EV_META_DONE;
	ev.done.read_id = 1;
	CHECK_EQ(rblk_raft_step(n->r, &ev, &out), 0);
	CHECK_EQ(out.n, RBLK_MEMBERS_MAX - 1);
	from_all(RBLK_MEMBERS_MAX, (struct raft_msg){ .type = RAFT_MSG_VOTE_REPLY }, false);
}

/* With more proposals than the account has slots, it gets coarser, not wrong. */
static void many_proposals(void)
{
	struct raft_conf c = net_conf("1i 2i 3i");
	u32 i, bytes = 20000, rest = bytes - 10 * (RAFT_BYTES_MAX + 40);
	struct net_node *n = &net.node[1];

	net_start(3, &c, 1);
	for (i = 1; i <= 3; i++) {
		net.node[i].cfg.uncommitted_bytes = bytes;
		net_boot(&net.node[i]);
	}
	net.now += 3000 * MS;
	CHECK_EQ(net_event(n, RAFT_EV_TICK, 0, 0), 0);
	net_settle();
	CHECK(net_leader() == n);
	for (i = 0; i < RAFT_BYTES_MAX + 40; i++) {
		CHECK_EQ(net_propose(n, 1, 10, NULL), 0);
		net_disk_all(n);
	}
	CHECK_EQ(net_propose(n, 1, rest, NULL), 0);
	CHECK_EQ(net_propose(n, 1, 1, NULL), -EAGAIN);
	net_settle();
	CHECK_EQ(net_propose(n, 1, bytes, NULL), 0);
	CHECK_EQ(net_propose(n, 1, 1, NULL), -EAGAIN);
}

/* Nothing is left in flight, however full the window was. */
static void unsent_window(void)
{
	struct raft_conf c = net_conf("1i 2i");
	struct net_node *n = &net.node[1];
	struct raft_status st;
	u32 i;

	net_start(2, &c, 1);
	for (i = 1; i <= 2; i++) {
		net.node[i].cfg.inflight_msgs = RAFT_WINDOW_MAX;
		net.node[i].cfg.msg_ents = 1;
		net_boot(&net.node[i]);
	}
	net.now += 3000 * MS;
	CHECK_EQ(net_event(n, RAFT_EV_TICK, 0, 0), 0);
	net_settle();
	CHECK(net_leader() == n);
	for (i = 0; i < RAFT_WINDOW_MAX; i++) {
		CHECK_EQ(net_propose(n, 1, 0, NULL), 0);
		CHECK_EQ(net_event(n, RAFT_EV_PUMP, 0, 0), 0);
	}
	rblk_raft_status(n->r, &st);
	CHECK_EQ(st.peer[0].inflight, RAFT_WINDOW_MAX);
	CHECK_EQ(net_event(n, RAFT_EV_UNSENT, 2, 3), 0);
	rblk_raft_status(n->r, &st);
	CHECK_EQ(st.peer[0].inflight, 0);
	CHECK_EQ(st.peer[0].next, 3);
}

static bool is_in(void *ctx, u64 store)
{
	return *(u64 *)ctx & 1ULL << store;
}

/* A majority of either half, as for everything else. */
static void enough_members(void)
{
	struct raft_conf c = net_conf("1io 2o 3o 4i 5i");
	u64 some;

	net_start(1, &c, 1);
	net_boot(&net.node[1]);
	for (some = 0; some < 64; some += 2) {
		u32 out = !!(some & 2) + !!(some & 4) + !!(some & 8);
		u32 in = !!(some & 2) + !!(some & 16) + !!(some & 32);

		CHECK_EQ(rblk_raft_suffice(net.node[1].r, is_in, &some), out >= 2 && in >= 2);
	}
}

/* Other timeouts apply to what is armed from now on, unless they are invalid. */
static void other_timeouts(void)
{
	struct raft_conf c = net_conf("1i 2i 3i");
	struct net_node *n = &net.node[1];
	u64 at;

	net_start(1, &c, 1);
	net_boot(n);
	at = rblk_raft_deadline(n->r);
	CHECK_EQ(rblk_raft_set_timeouts(n->r, 20 * MS, 20 * MS), -EINVAL);
	CHECK_EQ(n->r->cfg.election_ns, 1000 * MS);
	CHECK_EQ(rblk_raft_set_timeouts(n->r, 10 * MS, 20 * MS), 0);
	CHECK_EQ(rblk_raft_deadline(n->r), at);
	net.now = at;
	CHECK_EQ(net_event(n, RAFT_EV_TICK, 0, 0), 0);
	CHECK(rblk_raft_deadline(n->r) < net.now + 40 * MS);
}

static u64 all_sendable(void *ctx, u64 peer, u64 first, u64 last)
{
	return last;
}

/* Fits in the output of a step, with every member that there can be. */
static void biggest_steps(void)
{
	struct raft_msg reply = { .type = RAFT_MSG_APPEND_REPLY, .prev = { 2, 2 } };
	struct raft_event ev = { .type = RAFT_EV_PROPOSE };
	struct raft_conf c;

	biggest_election(&c);
	ev.now = net.now;
	/* Everyone reads, then one reply commits, confirms and starts a round. */
	from_all(RBLK_MEMBERS_MAX, (struct raft_msg){ .type = RAFT_MSG_READ }, true);
	from_all(11, reply, false);
	from_all(RBLK_MEMBERS_MAX, (struct raft_msg){ .type = RAFT_MSG_READ }, true);
	reply.read_seq = 1;
	from_all(RBLK_MEMBERS_MAX, reply, false);
	ev.propose.count = 500;
	CHECK_EQ(rblk_raft_step(net.node[1].r, &ev, &out), 0);
	/* Something is in flight to everyone: each gets a heartbeat, and is asked about it. */
	net.node[1].r->cfg.sendable = all_sendable;
	ev.type = RAFT_EV_PUMP;
	CHECK_EQ(rblk_raft_step(net.node[1].r, &ev, &out), 0);
	ev.type = RAFT_EV_TICK;
	ev.now = net.node[1].r->heartbeat_at;
	CHECK_EQ(rblk_raft_step(net.node[1].r, &ev, &out), 0);
	CHECK_EQ(out.n, 2 * (RBLK_MEMBERS_MAX - 1));
}

static const char *heard;

static void raised(struct rblk_alarm *alarm, const char *cond)
{
	heard = cond;
}

/* What a step must leave behind does not hold: the core halts, does nothing, and raises the alarm. */
static void broken_steps(void)
{
	struct rblk_alarm alarm = { .raise = raised };
	struct raft_event ev = { .type = RAFT_EV_PUMP };
	struct raft_status st;
	struct raft_conf c;
	struct raft *r;
	int i;

	tap_expect_asserts();
	for (i = 0; i < 2; i++) {
		biggest_election(&c);
		r = net.node[1].r;
		r->cfg.alarm = &alarm;
		if (i)
			r->durable = rblk_raft_last(r) + 1;
		else
			r->commit = rblk_raft_last(r) + 1;
		heard = NULL;
		ev.now = net.now;
		CHECK_EQ(rblk_raft_step(r, &ev, &out), -ESHUTDOWN);
		CHECK(heard && strstr(heard, "r->durable <= rblk_raft_last(r)"));
		CHECK_EQ(out.n, 1);
		CHECK_EQ(out.act[0].type, RAFT_ACT_ROLE);
		rblk_raft_status(r, &st);
		CHECK_EQ(st.role, RAFT_HALTED);
	}
	CHECK_EQ(tap_asserts(), 2);
}

static const struct tap_case cases[] = {
	{ "quorum_by_counting", quorum_by_counting },
	{ "quorum_examples", quorum_examples },
	{ "conf_rules", conf_rules },
	{ "messages", messages },
	{ "boot_states", boot_states },
	{ "boot_confs", boot_confs },
	{ "refused_events", refused_events },
	{ "election_timeouts", election_timeouts },
	{ "flood", flood },
	{ "many_proposals", many_proposals },
	{ "unsent_window", unsent_window },
	{ "enough_members", enough_members },
	{ "other_timeouts", other_timeouts },
	{ "biggest_steps", biggest_steps },
	{ "broken_steps", broken_steps },
};

TAP_MAIN(cases)
