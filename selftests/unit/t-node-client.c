// SPDX-License-Identifier: GPL-2.0
/* Clients and who serves them: sessions anywhere, writes that outlive leaders. */
#include "node-world.h"

#define SILENT_MS	(5 * 750)	/* session timeout, with the default election timeout */

static int slot_of(int at, int of)
{
	return of < at ? of : of - 1;
}

static void default_world(void)
{
	shared = false;
	follow_ms = 0;
	entries = 1024;
}

/* Three nodes, nobody holds the session; *l leads. */
static void idle(int *l, int *f, int *o)
{
	default_world();
	bootstrapped(3);
	*l = leader();
	*f = (*l + 1) % 3;
	*o = (*l + 2) % 3;
}

static void transfer_to(int n)
{
	int i;

	for (i = 0; i < 20 && leader() != n; i++) {
		if (leader() >= 0)
			rblk_node_transfer(node[leader()].m, node[n].cfg.node, tnow);
		run_ms(50);
	}
	CHECK_EQ(leader(), n);
}

/* Likewise, and *f, which does not lead and is not going to, has the device open. */
static void held_by_follower(int *l, int *f, int *o)
{
	default_world();
	follow_ms = 1000000000;
	bootstrapped(3);
	*o = leader();
	*f = (*o + 1) % 3;
	*l = (*o + 2) % 3;
	rblk_node_use(node[*f].m, true);
	CHECK_EQ(open_on(*f, false, 100), 0);
	CHECK_EQ(rblk_node_session(node[*f].m), NODE_S_HELD);
	transfer_to(*l);
}

/* All have the same, some time after the last write. */
static void alike(void)
{
	run_ms(1500);
	same_digests();
}

/* ---- opening ---- */

static void race(int a, int b)
{
	int r[2], who[2] = { a, b }, e[2], i, won;

	for (i = 0; i < 2; i++) {
		rblk_node_use(node[who[i]].m, true);
		r[i] = new_req();
		CHECK_EQ(rblk_node_open(node[who[i]].m, false, r[i]), 0);
		CHECK_EQ(rblk_node_session(node[who[i]].m), NODE_S_OPENING);
		CHECK_EQ(do_write(who[i], 0, 8, 1), -EBUSY);
	}
	run_ms(500);
	for (i = 0; i < 2; i++)
		e[i] = end_req(r[i]);
	won = e[1] == 0;
	CHECK_EQ(e[won], 0);
	CHECK_EQ(e[!won], -EBUSY);
	CHECK_EQ(rblk_node_session(node[who[won]].m), NODE_S_HELD);
	CHECK_EQ(rblk_node_session(node[who[!won]].m), NODE_S_NONE);
	CHECK_EQ(write_on(who[won], 0, 7, 100), 0);
	CHECK_EQ(do_write(who[!won], 0, 8, 1), -EBUSY);
	alike();
}

/* Two ask at once: exactly one gets it, the other is told that it is in use. */
static void open_race(void)
{
	int l, f, o;

	idle(&l, &f, &o);
	race(f, o);
	idle(&l, &f, &o);
	race(o, f);
	idle(&l, &f, &o);
	race(l, f);
	idle(&l, &f, &o);
	race(o, l);
}

static void open_answers(void)
{
	int l, f, o, r;

	idle(&l, &f, &o);
	CHECK_EQ(rblk_node_close(node[f].m, 0), -ENOENT);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[f].m, false, r), 0);
	CHECK_EQ(rblk_node_open(node[f].m, false, 0), -EAGAIN);
	CHECK_EQ(rblk_node_close(node[f].m, 0), -ENOENT);
	run_ms(100);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_open(node[f].m, false, 0), -EALREADY);
	r = do_write(f, 0, 8, 1);
	CHECK(r >= 0);
	CHECK_EQ(rblk_node_close(node[f].m, 0), -EAGAIN);
	run_ms(100);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(do_write(f, 1ull << 40, 8, 1), -EINVAL);
	CHECK_EQ(do_write(f, 4, 8, 1), -EINVAL);
	r = new_req();
	CHECK_EQ(rblk_node_close(node[f].m, r), 0);
	CHECK_EQ(do_write(f, 0, 8, 1), -EAGAIN);
	CHECK_EQ(rblk_node_close(node[f].m, 0), -EAGAIN);
	CHECK_EQ(rblk_node_open(node[f].m, false, 0), -EAGAIN);
	run_ms(100);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(do_write(f, 0, 8, 1), -EBUSY);
}

/* What is closed anybody may open at once, without force; what was written stays. */
static void close_gives_it_up(void)
{
	static struct rblk_node_status st;
	int l, f, o, r, i;

	held_by_follower(&l, &f, &o);
	CHECK_EQ(write_on(f, 0, 5, 100), 0);
	r = new_req();
	CHECK_EQ(rblk_node_close(node[f].m, r), 0);
	run_ms(100);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
	for (i = 0; i < 3; i++) {
		rblk_node_status(node[i].m, &st);
		CHECK_EQ(st.holder, 0);
		CHECK_EQ(st.nsessions, 0);
	}
	CHECK_EQ(do_write(f, 0, 8, 6), -EBUSY);
	CHECK_EQ(open_on(o, false, 100), 0);
	CHECK_EQ(write_on(o, 8, 6, 100), 0);
	CHECK_EQ(read_on(l, 0), 5);
	CHECK_EQ(read_on(f, 8), 6);
	alike();
}

static bool no_replies(int from, int to, const struct wire_frame *f)
{
	return f->type != WIRE_REPLY;
}

/*
 * Granted after its asker had given up: it is held all the same, nobody is
 * answered twice, and the next node that asks gets it.
 */
static void cancelled_and_granted(void)
{
	int l, f, o, r;

	idle(&l, &f, &o);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[f].m, false, r), 0);
	run_ms(0);
	rblk_node_run(node[f].m, tnow);		/* it is on its way */
	pause_node(&node[f]);
	deliver(&node[f], node[f].fq[0]);
	CHECK_EQ(node[f].nfq, 1);
	node[f].nfq = 0;
	run_ms(50);
	rblk_node_open_cancel(node[f].m);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
	resume_node(&node[f]);
	run_ms(50);
	CHECK_EQ(end_req(r), 1);
	req[r].used = false;
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
	CHECK_EQ(open_on(o, false, 500), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
}

/* Cancelled before anybody heard of it: it never happened. */
static void cancelled_unheard(void)
{
	static struct rblk_node_status st;
	int l, f, o, r;

	idle(&l, &f, &o);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[f].m, true, r), 0);
	rblk_node_open_cancel(node[f].m);
	rblk_node_open_cancel(node[f].m);
	run_ms(500);
	CHECK_EQ(end_req(r), 1);
	req[r].used = false;
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.nsessions, 0);
	rblk_node_use(node[o].m, true);
	CHECK_EQ(open_on(o, false, 100), 0);
	CHECK_EQ(open_on(f, false, 500), -EBUSY);	/* the force was of the other one */
}

/* ---- silence ---- */

/* For how long @n is refused; then it holds the session. */
static int take_over(int n, int limit_ms)
{
	u64 since = tnow;
	int e = -EBUSY;

	while (e == -EBUSY && (tnow - since) / RBLK_NSEC_PER_MSEC < limit_ms)
		e = open_on(n, false, 100);
	CHECK(e == 0 || e == -EBUSY || e == 1);
	return e ? limit_ms : (int)((tnow - since) / RBLK_NSEC_PER_MSEC);
}

static int cut_off = -1;

static bool all_but_one(int from, int to, const struct wire_frame *f)
{
	return from != cut_off && to != cut_off;
}

/* A leader with the session says nothing to itself, and is there all the same. */
static void leader_is_not_silent(void)
{
	int l, f, o;

	idle(&l, &f, &o);
	rblk_node_use(node[l].m, true);
	CHECK_EQ(open_on(l, false, 100), 0);
	run_ms(3 * SILENT_MS);
	CHECK_EQ(open_on(f, false, 500), -EBUSY);
	CHECK_EQ(rblk_node_session(node[l].m), NODE_S_HELD);
}

/* Silence alone takes nothing away; who asks gets it, after the session timeout. */
static void silence_permits_takeover(void)
{
	int l, f, o, ms;

	held_by_follower(&l, &f, &o);
	run_ms(3 * SILENT_MS);
	CHECK_EQ(open_on(o, false, 500), -EBUSY);	/* it keepalives: it is there */
	cut_off = f;
	arrives = all_but_one;
	ms = take_over(o, 3 * SILENT_MS);
	CHECK(ms > SILENT_MS - 300 && ms < SILENT_MS + 300);
	CHECK_EQ(rblk_node_session(node[o].m), NODE_S_HELD);
	CHECK_EQ(write_on(o, 0, 9, 500), 0);
	arrives = NULL;
	run_ms(1000);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_FENCED);
	CHECK_EQ(read_on(f, 0), -1);
	alike();
}

/* Nobody asks: who was silent for long goes on as if nothing had been. */
static void silence_fences_nobody(void)
{
	int l, f, o;

	held_by_follower(&l, &f, &o);
	cut_off = f;
	arrives = all_but_one;
	run_ms(4 * SILENT_MS);
	arrives = NULL;
	run_ms(3000);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
	CHECK_EQ(write_on(f, 0, 9, 3000), 0);
}

/* A keepalive of @from, as one of @term would be, arrives at @to. */
static void say_keepalive(int from, int to, u64 term)
{
	static struct wire_frame w;
	struct rblk_buf *none[1] = { NULL };

	memset(&w, 0, sizeof(w));
	w.type = WIRE_SUBMIT;
	w.submit.from = node[from].cfg.super.store;
	w.submit.term = term;
	w.submit.keepalive = 1;
	CHECK_EQ(rblk_node_recv(node[to].m, slot_of(to, from), &w, none, tnow), 0);
}

/* A new leader has not heard of the holder yet: it waits as long as another did. */
static void new_leader_waits(void)
{
	int l, f, o, old, ms;

	held_by_follower(&l, &f, &o);
	run_ms(2 * SILENT_MS);
	old = leader();
	CHECK(old >= 0);
	stop_node(&node[f]);
	CHECK_EQ(rblk_node_transfer(node[old].m, node[3 - old - f].cfg.node, tnow), 0);
	run_ms(100);
	l = leader();
	CHECK(l >= 0 && l != old);
	say_keepalive(f, l, 1);		/* meant for a leader of long ago */
	ms = take_over(l, 3 * SILENT_MS);
	CHECK(ms > SILENT_MS - 300 && ms < SILENT_MS + 300);
}

/* A holder that starts again has its own session at once, whatever the timeout says. */
static void restarted_holder(void)
{
	static struct rblk_node_status st;
	int l, f, o;
	u64 epoch;

	held_by_follower(&l, &f, &o);
	CHECK_EQ(write_on(f, 0, 3, 100), 0);
	rblk_node_status(node[f].m, &st);
	epoch = st.session_epoch;
	stop_node(&node[f]);
	run_ms(50);
	CHECK_EQ(start_node(&node[f]), 0);
	connect_all();
	run_ms(200);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);	/* that was another boot */
	CHECK_EQ(do_write(f, 0, 8, 4), -EBUSY);
	CHECK_EQ(open_on(f, false, 200), 0);
	rblk_node_status(node[f].m, &st);
	CHECK(st.session_epoch > epoch);
	CHECK_EQ(write_on(f, 8, 4, 100), 0);
	CHECK_EQ(read_on(f, 0), 3);
	CHECK_EQ(read_on(l, 8), 4);
}

/* A holder that restarted has nothing open: whoever asks gets the session, and it does, too. */
static void left_over_is_given_up(void)
{
	int l, f, o, who, asks, r;

	for (who = 0; who < 2; who++) {
		held_by_follower(&l, &f, &o);
		if (who) {		/* the holder leads when it is back */
			CHECK_EQ(rblk_node_transfer(node[l].m, node[f].cfg.node, tnow), 0);
			run_ms(500);
			CHECK_EQ(leader(), f);
		}
		CHECK_EQ(write_on(f, 0, 3, 100), 0);
		for (asks = 0; asks < 3; asks++)
			stop_node(&node[asks]);
		for (asks = 0; asks < 3; asks++)
			CHECK_EQ(start_node(&node[asks]), 0);
		connect_all();
		run_ms(3000);
		if (who && leader() != f) {
			CHECK_EQ(rblk_node_transfer(node[leader()].m, node[f].cfg.node, tnow), 0);
			run_ms(500);
			CHECK_EQ(leader(), f);
		}
		rblk_node_use(node[f].m, true);	/* to read */
		asks = leader() == o ? l : o;
		CHECK_EQ(open_on(asks, false, 1000), 0);
		CHECK_EQ(write_on(asks, 8, 4, 100), 0);
		r = new_req();
		CHECK_EQ(rblk_node_close(node[asks].m, r), 0);
		run_ms(100);
		CHECK_EQ(end_req(r), 0);
		CHECK_EQ(open_on(f, false, 300), 0);
	}
}

/* An unused session goes to who asks, also when holder or asker lead. */
static void given_up_everywhere(void)
{
	int l, f, o, i, order[6];

	idle(&l, &f, &o);
	order[0] = f;
	order[1] = o;
	order[2] = l;
	order[3] = o;
	order[4] = f;
	order[5] = l;
	for (i = 0; i < 6; i++) {
		CHECK_EQ(open_on(order[i], false, 500), 0);
		CHECK_EQ(write_on(order[i], 8 * i, i + 1, 500), 0);
	}
	for (i = 0; i < 6; i++)
		CHECK_EQ(read_on(f, 8 * i), i + 1);
}

/* Not while writes are under way, used or not. */
static void not_given_up_under_writes(void)
{
	int l, f, o, r, a;

	held_by_follower(&l, &f, &o);
	rblk_node_use(node[f].m, false);
	run_ms(200);
	arrives = no_replies;
	pause_node(&node[o]);
	r = do_write(f, 0, 8, 1);
	CHECK(r >= 0);
	run_ms(1);
	a = new_req();
	CHECK_EQ(rblk_node_open(node[l].m, false, a), 0);
	run_ms(200);
	arrives = NULL;
	resume_node(&node[o]);
	run_ms(600);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(end_req(a), 0);
	CHECK_EQ(rblk_node_session(node[l].m), NODE_S_HELD);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
}

/* ---- writes ---- */

/* The window is full: later, and in order. */
static void window_full(void)
{
	int l, f, o, r[64], i, last = 0;

	held_by_follower(&l, &f, &o);
	cut(&node[f], &node[l]);
	cut(&node[f], &node[o]);
	for (i = 0; i < 64; i++) {
		r[i] = do_write(f, 8 * (i % 4), 8, i + 1);
		CHECK(r[i] >= 0);
	}
	CHECK_EQ(do_write(f, 0, 8, 99), -EAGAIN);
	run_ms(200);
	CHECK_EQ(do_write(f, 0, 8, 99), -EAGAIN);
	connect_all();
	run_ms(3000);
	for (i = 0; i < 64; i++) {
		CHECK(req[r[i]].done);
		CHECK(req[r[i]].nth > last);
		last = req[r[i]].nth;
		CHECK_EQ(end_req(r[i]), 0);
	}
	for (i = 0; i < 4; i++)
		CHECK_EQ(read_on(o, 8 * i), 61 + i);
	CHECK_EQ(write_on(f, 0, 99, 1000), 0);
}

static int submits;

static bool count_submits(int from, int to, const struct wire_frame *f)
{
	submits += f->type == WIRE_SUBMIT;
	return true;
}

static int lose;		/* so many of the SUBMITs with entries */

static bool lose_submits(int from, int to, const struct wire_frame *f)
{
	return f->type != WIRE_SUBMIT || !f->append.n || lose-- <= 0;
}

/* One is lost without a word: the one behind it shows the gap, and all go again. */
static void gap_is_told(void)
{
	int l, f, o, r[4], i, last = 0;
	static struct rblk_node_status st;

	held_by_follower(&l, &f, &o);
	submits = 0;
	arrives = count_submits;
	while (!submits)		/* a keepalive just now: none soon */
		run_ms(1);
	lose = 1;
	arrives = lose_submits;
	for (i = 0; i < 4; i++) {
		r[i] = do_write(f, 8 * i, 8, i + 1);
		CHECK(r[i] >= 0);
		rblk_node_run(node[f].m, tnow);	/* a frame each */
	}
	run_ms(5);			/* long before the next keepalive */
	for (i = 0; i < 4; i++) {
		CHECK(req[r[i]].done && req[r[i]].nth > last);
		last = req[r[i]].nth;
		CHECK_EQ(end_req(r[i]), 0);
	}
	rblk_node_status(node[f].m, &st);
	CHECK_EQ(st.session_done, 4);
}

/* Nothing comes behind the lost one: the next keepalive asks for it. */
static void tail_is_found_by_keepalive(void)
{
	int l, f, o, r;

	held_by_follower(&l, &f, &o);
	run_ms(200);
	lose = 1;
	arrives = lose_submits;
	r = do_write(f, 0, 8, 1);
	CHECK(r >= 0);
	run_ms(2);
	CHECK(!req[r].done);
	run_ms(2 * 150);
	CHECK_EQ(end_req(r), 0);
}

/* Lost over and over: a write waits as long as it has to. */
static void losses(void)
{
	int l, f, o, r[40], i, last = 0;

	held_by_follower(&l, &f, &o);
	lose = 30;
	arrives = lose_submits;
	for (i = 0; i < 40; i++) {
		r[i] = do_write(f, 0, 8, i + 1);
		CHECK(r[i] >= 0);
		run_ms(i % 3);
	}
	run_ms(10000);
	for (i = 0; i < 40; i++) {
		CHECK(req[r[i]].done && req[r[i]].nth > last);
		last = req[r[i]].nth;
		CHECK_EQ(end_req(r[i]), 0);
	}
	CHECK_EQ(read_on(o, 0), 40);
}

static bool twice_reentered;

/* Every SUBMIT arrives twice. */
static bool submits_twice(int from, int to, const struct wire_frame *f)
{
	static struct wire_frame w;
	struct rblk_buf *bufs[WIRE_ENTRIES_MAX] = { NULL };
	u32 i, b, at = 0;

	if (f->type != WIRE_SUBMIT || twice_reentered)
		return true;
	w = *f;
	for (i = 0; i < w.append.n; i++) {
		if (!w.append.e[i].nblocks)
			continue;
		bufs[i] = h_alloc(&node[to], w.append.e[i].nblocks);
		for (b = 0; b < bufs[i]->nblocks; b++)
			bufs[i]->crc[b] = w.append.crc[at++];
		memset(tb(bufs[i])->data, 0x5a, sizeof(tb(bufs[i])->data));
		h_sum(&node[to], bufs[i], bufs[i]->crc);
	}
	CHECK_EQ(rblk_node_recv(node[to].m, slot_of(to, from), &w, bufs, tnow), 0);
	return true;
}

/* What comes twice is proposed once: the sequence is the leader's business, too. */
static void duplicates(void)
{
	static struct rblk_node_status st;
	int l, f, o, i;
	u64 before;

	held_by_follower(&l, &f, &o);
	CHECK_EQ(write_on(f, 0, 0x5a, 100), 0);
	arrives = submits_twice;
	rblk_node_status(node[l].m, &st);
	before = st.raft.last.index;
	for (i = 0; i < 10; i++)
		CHECK_EQ(write_on(f, 0, 0x5a, 100), 0);
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.raft.last.index, before + 10);
	alike();
}

/* A leader frozen with writes of its own under way: the world went on without it. */
static void paused_leader(void)
{
	int l, f, o, r[4], i, n;

	default_world();
	opened(3);
	l = leader();
	rblk_node_use(node[l].m, true);
	CHECK_EQ(write_on(l, 0, 1, 100), 0);
	for (i = 0; i < 4; i++) {
		r[i] = do_write(l, 0, 8, 100 + i);
		CHECK(r[i] >= 0);
	}
	rblk_node_run(node[l].m, tnow);	/* proposed, in frames that nobody got yet */
	pause_node(&node[l]);
	run_ms(3000);
	n = leader();
	CHECK(n >= 0 && n != l);
	f = n;
	o = 3 - l - n;
	CHECK_EQ(open_on(o, true, 500), 0);
	CHECK_EQ(write_on(o, 0, 7, 500), 0);
	resume_node(&node[l]);
	CHECK(!req[r[0]].done);
	run_ms(3000);
	for (i = 0; i < 4; i++)
		CHECK_EQ(end_req(r[i]), -ESTALE);
	CHECK_EQ(rblk_node_session(node[l].m), NODE_S_FENCED);
	for (i = 0; i < 3; i++)
		CHECK_EQ(read_on(i, 0), i == l ? -1 : 7);
	CHECK_EQ(node[f].m != NULL, 1);
	rblk_node_session_reset(node[l].m);
	CHECK_EQ(read_on(l, 0), 7);
	alike();
}

/* The same, but nobody took the session: its writes take effect, late, once. */
static void paused_leader_keeps_session(void)
{
	int l, r[4], i;

	default_world();
	opened(3);
	l = leader();
	for (i = 0; i < 4; i++) {
		r[i] = do_write(l, 8 * i, 8, 100 + i);
		CHECK(r[i] >= 0);
	}
	rblk_node_run(node[l].m, tnow);
	pause_node(&node[l]);
	run_ms(3000);
	CHECK(leader() >= 0 && leader() != l);
	resume_node(&node[l]);
	run_ms(3000);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(end_req(r[i]), 0);
		CHECK_EQ(read_on(leader(), 8 * i), 100 + i);
	}
	alike();
}

/* A read under way when the session is lost fails: what it shows, one must not go by. */
static void fenced_under_a_read(void)
{
	int l, f, o, r, q;

	held_by_follower(&l, &f, &o);
	CHECK_EQ(write_on(f, 0, 1, 100), 0);
	pause_node(&node[f]);
	CHECK_EQ(open_on(o, true, 500), 0);
	r = do_read(f, 0, 8);		/* before it learns of it */
	CHECK(r >= 0);
	q = do_write(f, 0, 8, 2);
	CHECK(q >= 0);
	resume_node(&node[f]);
	run_ms(500);
	CHECK_EQ(end_req(r), -ESTALE);
	CHECK_EQ(end_req(q), -ESTALE);
	CHECK_EQ(read_on(o, 0), 1);
}

/*
 * A leader without room drops what comes, and asks for it again when there is
 * some: not over and over meanwhile.
 */
static void leader_full(void)
{
	static struct rblk_node_status st;
	int l, f, o, i, k, done = 0;

	default_world();
	entries = 64;
	bootstrapped(3);
	l = leader();
	f = (l + 1) % 3;
	o = (l + 2) % 3;
	rblk_node_use(node[f].m, true);
	CHECK_EQ(open_on(f, false, 100), 0);
	for (i = 0; i < 3; i++)
		node[i].slow_data = true;
	for (i = 0; i < 60; i++)
		if (do_write(f, 8 * (i % 32), 8, i + 1) < 0)
			break;
	CHECK_EQ(i, 60);
	submits = 0;
	arrives = count_submits;
	run_ms(1000);
	CHECK(submits < 50);
	rblk_node_status(node[l].m, &st);
	CHECK(st.log_entries >= 40 && st.session_seq < 60);
	for (i = 0; i < 3; i++)
		node[i].slow_data = false;
	run_ms(2000);
	for (k = 0; k < REQS; k++)
		if (req[k].used && req[k].done && !end_req(k))
			done++;
	CHECK_EQ(done, 60);
	CHECK_EQ(read_on(o, 0), 33);
	default_world();
}

/* ---- leaders come and go ---- */

static int from_whom, to_whom;

static bool no_raft_between(int from, int to, const struct wire_frame *f)
{
	return f->type != WIRE_RAFT || from != from_whom || to != to_whom;
}

/*
 * Who leads next has its own writes in its log, decided by nobody yet: they are
 * done with its no-op, and what it accepted behind them goes on from there.
 */
static void next_leader_has_them(void)
{
	int l, f, o, r[8], i;

	held_by_follower(&l, &f, &o);
	pause_node(&node[o]);
	from_whom = f;
	to_whom = l;
	arrives = no_raft_between;
	for (i = 0; i < 4; i++) {
		r[i] = do_write(f, 8 * i, 8, i + 1);
		CHECK(r[i] >= 0);
	}
	run_ms(20);
	for (; i < 8; i++) {
		r[i] = do_write(f, 8 * i, 8, i + 1);
		CHECK(r[i] >= 0);
	}
	CHECK(!req[r[0]].done);
	stop_node(&node[l]);
	arrives = NULL;
	resume_node(&node[o]);
	run_ms(5000);
	CHECK_EQ(leader(), f);
	for (i = 0; i < 8; i++) {
		CHECK_EQ(end_req(r[i]), 0);
		CHECK_EQ(read_on(o, 8 * i), i + 1);
	}
}

/* Leadership moves under a stream of writes, again and again: none fails, all in order. */
static void leaders_change_under_writes(void)
{
	int l, f, o, r[60], i, last = 0;

	held_by_follower(&l, &f, &o);
	for (i = 0; i < 60; i++) {
		r[i] = do_write(f, 0, 8, i + 1);
		CHECK(r[i] >= 0);
		if (i % 6 == 0 && leader() >= 0)
			rblk_node_transfer(node[leader()].m, node[i / 6 % 3].cfg.node, tnow);
		run_ms(i % 4);
	}
	run_ms(3000);
	for (i = 0; i < 60; i++) {
		CHECK(req[r[i]].done && req[r[i]].nth > last);
		last = req[r[i]].nth;
		CHECK_EQ(end_req(r[i]), 0);
	}
	CHECK_EQ(read_on(o, 0), 60);
	alike();
}

static int leads_after(int ms)
{
	run_ms(ms);
	return leader();
}

/* The leader moves to where the writes are; not in the middle of opening. */
static void leadership_follows(void)
{
	int l, f, o;

	idle(&l, &f, &o);
	CHECK_EQ(open_on(f, false, 100), 0);
	CHECK_EQ(leads_after(1000), l);		/* two election timeouts */
	CHECK_EQ(leads_after(1000), f);
	CHECK_EQ(write_on(f, 0, 1, 100), 0);
	/* Who was made leader on purpose stays it for a while: follow_ms. */
	transfer_to(o);
	CHECK_EQ(leads_after(20000), o);
	CHECK_EQ(leads_after(15000), f);
}

static void leadership_follows_ms(void)
{
	int l, f, o;

	default_world();
	follow_ms = 4000;
	bootstrapped(3);
	l = leader();
	f = (l + 1) % 3;
	o = (l + 2) % 3;
	CHECK_EQ(open_on(f, false, 100), 0);
	CHECK_EQ(leads_after(2000), f);
	transfer_to(o);
	CHECK_EQ(leads_after(3000), o);
	CHECK_EQ(leads_after(2000), f);
	default_world();
}

/* It does not follow who is not there, nor who lags. */
static void leadership_stays_with_the_able(void)
{
	int l, f, o;

	idle(&l, &f, &o);
	CHECK_EQ(open_on(f, false, 100), 0);
	cut(&node[f], &node[l]);
	cut(&node[f], &node[o]);
	CHECK_EQ(leads_after(20000), l);
	connect_all();
	run_ms(10000);
	CHECK(leader() >= 0);
}

/* ---- shared ---- */

static void shared_world(int *l, int *f, int *o)
{
	default_world();
	shared = true;
	bootstrapped(3);
	*l = leader();
	*f = (*l + 1) % 3;
	*o = (*l + 2) % 3;
}

/* All write at once, none is in another's way; nobody is the holder. */
static void shared_writers(void)
{
	static struct rblk_node_status st;
	int l, f, o, r[3][20], i, k;

	shared_world(&l, &f, &o);
	for (i = 0; i < 3; i++) {
		rblk_node_use(node[i].m, true);
		CHECK_EQ(open_on(i, false, 100), 0);
	}
	for (k = 0; k < 20; k++)
		for (i = 0; i < 3; i++) {
			r[i][k] = do_write(i, 8 * i, 8, k + 1);
			CHECK(r[i][k] >= 0);
			run_ms(k % 2);
		}
	run_ms(500);
	for (k = 0; k < 20; k++)
		for (i = 0; i < 3; i++)
			CHECK_EQ(end_req(r[i][k]), 0);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(rblk_node_session(node[i].m), NODE_S_HELD);
		CHECK_EQ(read_on((i + 1) % 3, 8 * i), 20);
		rblk_node_status(node[i].m, &st);
		CHECK_EQ(st.nsessions, 3);
		CHECK_EQ(st.holder, 0);
	}
	alike();
}

/* One closes, or dies and comes again: the others do not notice. */
static void shared_come_and_go(void)
{
	static struct rblk_node_status st;
	int l, f, o, r;

	shared_world(&l, &f, &o);
	CHECK_EQ(open_on(f, false, 100), 0);
	CHECK_EQ(open_on(o, false, 100), 0);
	CHECK_EQ(write_on(o, 0, 1, 100), 0);
	r = new_req();
	CHECK_EQ(rblk_node_close(node[f].m, r), 0);
	run_ms(100);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(write_on(o, 0, 2, 100), 0);
	CHECK_EQ(open_on(f, false, 100), 0);
	CHECK_EQ(write_on(f, 8, 3, 100), 0);
	stop_node(&node[f]);
	run_ms(100);
	CHECK_EQ(write_on(o, 0, 4, 2000), 0);
	CHECK_EQ(start_node(&node[f]), 0);
	connect_all();
	run_ms(500);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
	CHECK_EQ(open_on(f, false, 500), 0);
	CHECK_EQ(write_on(f, 8, 5, 500), 0);
	CHECK_EQ(rblk_node_session(node[o].m), NODE_S_HELD);
	CHECK_EQ(write_on(o, 0, 6, 500), 0);
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.nsessions, 2);
	CHECK_EQ(read_on(l, 0), 6);
	CHECK_EQ(read_on(l, 8), 5);
	alike();
}

/* Leadership follows nobody: there is no one writer. */
static void shared_leader_stays(void)
{
	int l, f, o;

	shared_world(&l, &f, &o);
	CHECK_EQ(open_on(f, false, 100), 0);
	CHECK_EQ(leads_after(40000), l);
}

/* ---- what is said ---- */

/* A reply that the leader @l could send to @f just now, with nothing urgent in it. */
static struct wire_reply said(int l, int f)
{
	static struct rblk_node_status st;
	struct wire_reply r;

	rblk_node_status(node[f].m, &st);
	memset(&r, 0, sizeof(r));
	r.to = node[f].cfg.super.store;
	r.term = st.raft.term;
	r.leader = node[l].cfg.super.store;
	r.index = st.executed_index;
	r.epoch = st.session_epoch;
	r.nonce = node[f].cfg.boot_nonce + 1;
	r.seq = st.session_done;
	r.holder = st.holder;
	r.holder_epoch = st.holder_epoch;
	r.sectors = st.conf.sectors;
	r.cluster = st.conf.cluster;
	r.block_size = st.conf.block_size;
	r.next = r.seq + 1;
	r.serving = 1;
	return r;
}

static int say(int from, int to, const struct wire_reply *r)
{
	static struct wire_frame f;
	struct rblk_buf *none[1] = { NULL };

	f.type = WIRE_REPLY;
	f.reply = *r;
	f.append.n = 0;
	return rblk_node_recv(node[to].m, slot_of(to, from), &f, none, tnow);
}

/* News true of an older index take nothing back; not meant for us, they are refused. */
static void replies_are_judged(void)
{
	int l, f, o;
	struct wire_reply r;

	held_by_follower(&l, &f, &o);
	CHECK_EQ(write_on(f, 0, 1, 100), 0);
	r = said(l, f);
	r.to++;
	CHECK_EQ(say(l, f, &r), -EINVAL);
	r = said(l, f);
	r.cluster++;
	CHECK_EQ(say(l, f, &r), -EINVAL);
	r = said(l, f);			/* before it was opened */
	r.index--;
	r.epoch = r.seq = r.holder = r.holder_epoch = 0;
	CHECK_EQ(say(l, f, &r), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
	r = said(l, f);			/* another epoch, later: that is news */
	r.index++;
	r.epoch = r.index;
	CHECK_EQ(say(l, f, &r), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_FENCED);
}

/* Something was done in this node's name that it never asked for: it believes nothing more. */
static void never_asked_for(void)
{
	int l, f, o;
	struct wire_reply r;

	held_by_follower(&l, &f, &o);
	CHECK_EQ(write_on(f, 0, 1, 100), 0);
	r = said(l, f);
	r.index++;
	r.seq = 7;
	r.next = 8;
	CHECK_EQ(say(l, f, &r), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_FENCED);
	CHECK_EQ(do_write(f, 0, 8, 2), -ESTALE);
}

/* A grant that comes late is for an open of long ago: whoever asked was fenced since. */
static void late_grant_after_reset(void)
{
	int l, f, o;
	struct wire_reply r;

	held_by_follower(&l, &f, &o);
	CHECK_EQ(open_on(o, true, 500), 0);
	run_ms(10);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_FENCED);
	r = said(l, f);
	r.index++;
	r.epoch = r.index;		/* the open of the session that it lost, once more */
	r.holder = 0;
	r.holder_epoch = 0;
	CHECK_EQ(say(l, f, &r), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_FENCED);
	rblk_node_session_reset(node[f].m);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
	r.index++;
	CHECK_EQ(say(l, f, &r), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
}

/* Asked for just when it is taken into use: then it stays. */
static void wanted_and_used(void)
{
	int l, f, o, r;
	struct wire_reply w;

	held_by_follower(&l, &f, &o);
	w = said(l, f);
	w.wanted = 1;
	CHECK_EQ(say(l, f, &w), 0);
	run_ms(500);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
	rblk_node_use(node[f].m, false);
	run_ms(500);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);	/* nobody asks any more */
	r = do_write(f, 0, 8, 1);
	CHECK(r >= 0);
	w = said(l, f);
	w.wanted = 1;
	CHECK_EQ(say(l, f, &w), 0);
	run_ms(500);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);	/* it was busy */
	w = said(l, f);
	w.wanted = 1;
	CHECK_EQ(say(l, f, &w), 0);
	run_ms(500);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_NONE);
}

/* Done is done, whoever says it; the rest only counts from the leader, of its term. */
static void only_the_leader_serves(void)
{
	static struct rblk_node_status st;
	int l, f, o, r, k;
	struct wire_reply w;

	idle(&l, &f, &o);
	rblk_node_use(node[l].m, true);
	CHECK_EQ(open_on(l, false, 100), 0);
	for (k = 0; k < 4; k++) {
		cut_off = f;
		arrives = all_but_one;
		r = new_req();
		CHECK_EQ(rblk_node_open(node[f].m, false, r), 0);
		run_ms(1);
		w = said(l, f);
		w.epoch = w.nonce = w.seq = 0;
		w.next = 1;
		w.busy = 1;
		w.keepalive = 1000;
		CHECK_EQ(say(l, f, &w), 0);	/* to a keepalive of another time */
		CHECK(!req[r].done);
		rblk_node_status(node[f].m, &st);
		w.keepalive = k + 1;
		w.serving = k != 0;
		w.term -= k == 1;
		w.leader += k == 2;
		CHECK_EQ(say(k == 3 ? o : l, f, &w), 0);
		CHECK(!req[r].done);
		CHECK_EQ(rblk_node_session(node[f].m), NODE_S_OPENING);
		rblk_node_open_cancel(node[f].m);
		req[r].used = false;
		arrives = NULL;
		run_ms(10);
	}
}

/* What a client may not say. */
static void hostile_submits(void)
{
	static struct wire_frame w;
	static struct rblk_node_status st;
	struct rblk_buf *none[WIRE_ENTRIES_MAX] = { NULL };
	int l, f, o;
	u64 last;

	held_by_follower(&l, &f, &o);
	rblk_node_status(node[l].m, &st);
	last = st.raft.last.index;
	memset(&w, 0, sizeof(w));
	w.type = WIRE_SUBMIT;
	w.submit.from = node[o].cfg.super.store;
	w.submit.term = st.raft.term;
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, f), &w, none, tnow), -EINVAL);
	w.submit.from = node[f].cfg.super.store;
	w.append.n = 1;
	w.append.e[0] = (struct rblk_entry){
		.kind = RBLK_E_ZEROES, .sector = 1ull << 50, .nsect = 8, .seq = 1,
		.epoch = st.holder_epoch,
	};
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, f), &w, none, tnow), -EINVAL);
	w.append.e[0].sector = 0;
	w.submit.term--;		/* of another term: not hostile, and not heard */
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, f), &w, none, tnow), 0);
	w.submit.term++;
	w.append.e[0].epoch--;		/* of a session that is no more */
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, f), &w, none, tnow), 0);
	w.append.e[0].epoch++;
	w.append.e[0].seq = 5;		/* not its turn */
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, f), &w, none, tnow), 0);
	/* In the name of somebody else: it is the sender's that counts. */
	w.append.e[0] = (struct rblk_entry){
		.kind = RBLK_E_CLOSE, .store = node[f].cfg.super.store, .epoch = st.holder_epoch,
	};
	w.submit.from = node[o].cfg.super.store;
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, o), &w, none, tnow), 0);
	run_ms(10);
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.raft.last.index, last);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
	w.append.e[0].kind = RBLK_E_OPEN;
	w.append.e[0].store = node[l].cfg.super.store;
	w.append.e[0].seq = 1;
	w.submit.force = 1;
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, o), &w, none, tnow), 0);
	run_ms(10);
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.holder, node[o].cfg.super.store);
	rblk_node_session_reset(node[f].m);
	CHECK_EQ(open_on(f, true, 100), 0);
	w.append.e[0].kind = RBLK_E_CLOSE;
	w.submit.from = node[f].cfg.super.store;	/* who does not lead does nothing */
	CHECK_EQ(rblk_node_recv(node[o].m, slot_of(o, f), &w, none, tnow), 0);
	run_ms(10);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
	w.type = WIRE_READ;
	w.append.n = 0;
	w.read = (struct wire_read){ .from = node[o].cfg.super.store, .id = 1, .nsect = 8 };
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, f), &w, none, tnow), -EINVAL);
	w.read.from = node[f].cfg.super.store;
	w.read.sector = 1ull << 50;
	CHECK_EQ(rblk_node_recv(node[l].m, slot_of(l, f), &w, none, tnow), -EINVAL);
}

/* Nothing is left behind by all of that. */
static void no_buffer_leaks(void)
{
	int l, f, o, r[30], i;

	held_by_follower(&l, &f, &o);
	lose = 7;
	arrives = lose_submits;
	for (i = 0; i < 30; i++) {
		r[i] = do_write(f, 8 * i, 8, i);
		CHECK(r[i] >= 0);
		run_ms(i % 5 == 0);
	}
	run_ms(2000);
	for (i = 0; i < 30; i++)
		CHECK_EQ(end_req(r[i]), 0);
	arrives = submits_twice;
	for (i = 0; i < 10; i++)
		CHECK_EQ(write_on(f, 0, 0x5a, 100), 0);
	cut_off = l;
	arrives = all_but_one;
	for (i = 0; i < 5; i++)
		r[i] = do_write(f, 0, 8, i);
	run_ms(5000);
	arrives = NULL;
	run_ms(5000);
	for (i = 0; i < 5; i++)
		CHECK_EQ(end_req(r[i]), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(node[i].bufs, 0);
}

static const struct tap_case cases[] = {
	{ "open_race", open_race },
	{ "open_answers", open_answers },
	{ "close_gives_it_up", close_gives_it_up },
	{ "cancelled_and_granted", cancelled_and_granted },
	{ "cancelled_unheard", cancelled_unheard },
	{ "leader_is_not_silent", leader_is_not_silent },
	{ "silence_permits_takeover", silence_permits_takeover },
	{ "silence_fences_nobody", silence_fences_nobody },
	{ "new_leader_waits", new_leader_waits },
	{ "restarted_holder", restarted_holder },
	{ "left_over_is_given_up", left_over_is_given_up },
	{ "given_up_everywhere", given_up_everywhere },
	{ "not_given_up_under_writes", not_given_up_under_writes },
	{ "window_full", window_full },
	{ "gap_is_told", gap_is_told },
	{ "tail_is_found_by_keepalive", tail_is_found_by_keepalive },
	{ "losses", losses },
	{ "duplicates", duplicates },
	{ "paused_leader", paused_leader },
	{ "paused_leader_keeps_session", paused_leader_keeps_session },
	{ "fenced_under_a_read", fenced_under_a_read },
	{ "leader_full", leader_full },
	{ "leaders_change_under_writes", leaders_change_under_writes },
	{ "next_leader_has_them", next_leader_has_them },
	{ "leadership_follows", leadership_follows },
	{ "leadership_follows_ms", leadership_follows_ms },
	{ "leadership_stays_with_the_able", leadership_stays_with_the_able },
	{ "shared_writers", shared_writers },
	{ "shared_come_and_go", shared_come_and_go },
	{ "shared_leader_stays", shared_leader_stays },
	{ "replies_are_judged", replies_are_judged },
	{ "never_asked_for", never_asked_for },
	{ "late_grant_after_reset", late_grant_after_reset },
	{ "wanted_and_used", wanted_and_used },
	{ "only_the_leader_serves", only_the_leader_serves },
	{ "hostile_submits", hostile_submits },
	{ "no_buffer_leaks", no_buffer_leaks },
};

TAP_MAIN(cases)
