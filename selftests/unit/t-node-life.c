// SPDX-License-Identifier: GPL-2.0
/* The life of a volume, told in cases that a person can follow. */
#include "tap.h"
#include "node-world.h"

/* Two nodes are bootstrapped at once, on connections that were there before. */
static void two_bootstraps(void)
{
	static struct rblk_conf conf[2];
	static struct rblk_node_status st[3];
	u32 slot;
	int i, k, with = 0;

	world(3);
	for (i = 0; i < 2; i++)
		CHECK_EQ(rblk_node_bootstrap_conf(node[i].m, "10.0.0.1:7800", i ? 8192 : 0,
						  4711 + i, &conf[i], &slot),
			 0);
	for (i = 0; i < 2; i++)
		CHECK_EQ(rblk_node_bootstrap(node[i].m, &conf[i], &slot), 0);
	cuts = 0;
	run_ms(3000);
	CHECK(cuts > 0);
	CHECK(leader() >= 0);
	for (k = 0; k < 3; k++)
		rblk_node_status(node[k].m, &st[k]);
	for (k = 0; k < 2; k++)
		with += st[k].conf.cluster == st[2].conf.cluster;
	CHECK_EQ(with, 1);
	for (k = 0; k < 2; k++)
		if (st[k].conf.cluster != st[2].conf.cluster)
			CHECK_EQ(st[k].executed_index, 0);
}

/* Who voted in a cluster that there is already is not blank any more. */
static void no_bootstrap_after_a_vote(void)
{
	static struct rblk_conf conf;
	struct raft_msg msg = { .type = RAFT_MSG_VOTE, .term = 2, .prev = { 1, 1 } };
	static struct wire_frame f = { .type = WIRE_RAFT };
	struct rblk_buf *buf[1];
	u32 slot;

	world(3);
	CHECK_EQ(rblk_node_bootstrap_conf(node[1].m, "10.0.0.1:7800", 0, 1, &conf, &slot), 0);
	msg.from = node[0].cfg.super.store;
	msg.to = node[1].cfg.super.store;
	f.raft = msg;
	CHECK_EQ(rblk_node_recv(node[1].m, 0, &f, buf, tnow), 0);
	run_ms(1);
	CHECK_EQ(rblk_node_bootstrap(node[1].m, &conf, &slot), -EEXIST);
	CHECK_EQ(rblk_node_bootstrap_conf(node[1].m, "10.0.0.1:7800", 0, 1, &conf, &slot), -EEXIST);
}

/* A log or a table of another size: neither side wants the other. */
static void other_sizes(void)
{
	struct wire_hello h;
	int i;

	world(3);
	for (i = 0; i < 3; i++) {
		rblk_node_hello(node[1].m, 0, WIRE_CONSENSUS, &h);
		if (i == 1)
			h.ring_bytes -= 1 << 20;
		if (i == 2)
			h.entries *= 2;
		CHECK_EQ(rblk_node_peer_hello(node[0].m, 0, &h), i ? WIRE_R_SIZES : 0);
	}
}

static void write_read(int n)
{
	int l, r, i;

	opened(n);
	l = leader();
	r = do_write(l, 8, 16, 0xab);
	CHECK(r >= 0);
	run_ms(10);
	CHECK_EQ(end_req(r), 0);
	for (i = 0; i < n; i++) {
		r = do_read(i, 0, 32);
		CHECK(r >= 0);
		run_ms(200);
		CHECK_EQ(end_req(r), 0);
		CHECK_EQ(req[r].data[8 * 512 - 1], 0);
		CHECK_EQ(req[r].data[8 * 512], 0xab);
		CHECK_EQ(req[r].data[24 * 512 - 1], 0xab);
		CHECK_EQ(req[r].data[24 * 512], 0);
	}
}

static void one_node(void)
{
	write_read(1);
}

static void three_nodes(void)
{
	write_read(3);
}

static void leader_dies(void)
{
	int l, old, r, i;

	opened(3);
	old = leader();
	for (i = 0; i < 50; i++) {
		r = do_write(old, i * 8, 8, i + 1);
		CHECK(r >= 0);
		run_ms(1);
		CHECK_EQ(end_req(r), 0);
	}
	stop_node(&node[old]);
	run_ms(4000);
	l = leader();
	CHECK(l >= 0 && l != old);
	CHECK_EQ(do_write(l, 0, 8, 1), -EBUSY);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[l].m, true, r), 0);
	run_ms(10);
	CHECK_EQ(end_req(r), 0);
	r = do_read(l, 49 * 8, 8);
	CHECK(r >= 0);
	run_ms(10);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(req[r].data[0], 50);
	r = do_write(l, 0, 8, 0x77);
	CHECK(r >= 0);
	run_ms(10);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(start_node(&node[old]), 0);
	connect_all();
	run_ms(3000);
	CHECK_EQ(node[old].data[DATA_HEADER_BYTES], 0x77);
	same_digests();
}

/* The ring is 22 MiB: 6000 writes wrap it; the table has 1024 lines. */
static void wraps_and_restarts(void)
{
	struct rblk_node_status st;
	int l, r, i;

	opened(3);
	l = leader();
	for (i = 0; i < 6000; i++) {
		r = do_write(l, i * 56 % 16000 / 8 * 8, 8 * (1 + i % 4), i);
		if (r == -EAGAIN) {
			run_ms(1);
			i--;
			continue;
		}
		CHECK(r >= 0);
		if (i % 10 == 0)
			run_ms(1);
		else
			run_ms(0);
		req[r].used = !req[r].done;
		if (i % 64 == 0) {
			int k;

			run_ms(2);
			for (k = 0; k < REQS; k++)
				if (req[k].used && req[k].done)
					req[k].used = false;
		}
	}
	run_ms(1500);
	rblk_node_status(node[l].m, &st);
	CHECK(st.checkpoints > 3);
	CHECK_EQ(st.applied_index, st.executed_index);
	CHECK_EQ(st.checkpoint_index, st.executed_index);
	same_digests();
	for (i = 0; i < 3; i++)
		stop_node(&node[i]);
	for (i = 0; i < 3; i++)
		CHECK_EQ(start_node(&node[i]), 0);
	connect_all();
	run_ms(4000);
	CHECK(leader() >= 0);
	same_digests();
}

/* A session can be taken from who uses it by force only; that node is fenced until reset. */
static void fenced_is_sticky(void)
{
	int a, b, r, w;

	opened(3);
	a = leader();
	b = (a + 1) % 3;
	rblk_node_use(node[a].m, true);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[b].m, false, r), 0);
	run_ms(500);
	CHECK_EQ(end_req(r), -EBUSY);
	CHECK_EQ(rblk_node_session(node[b].m), NODE_S_NONE);
	CHECK_EQ(do_write(b, 0, 8, 1), -EBUSY);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[b].m, true, r), 0);
	run_ms(500);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_session(node[b].m), NODE_S_HELD);
	CHECK_EQ(rblk_node_session(node[a].m), NODE_S_FENCED);
	CHECK_EQ(do_write(a, 0, 8, 1), -ESTALE);
	CHECK_EQ(do_read(a, 0, 8), -ESTALE);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[a].m, false, r), -ESTALE);
	rblk_node_session_reset(node[a].m);
	CHECK_EQ(rblk_node_open(node[a].m, true, r), 0);
	run_ms(500);
	CHECK_EQ(end_req(r), 0);
	w = do_write(a, 0, 8, 9);
	CHECK(w >= 0);
	run_ms(500);
	CHECK_EQ(end_req(w), 0);
	same_digests();
}

/* What nobody uses is given up when another node asks for it. */
static void unused_is_given_up(void)
{
	int a, b, r;

	opened(3);
	a = leader();
	b = (a + 1) % 3;
	r = new_req();
	CHECK_EQ(rblk_node_open(node[b].m, false, r), 0);
	run_ms(500);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_session(node[b].m), NODE_S_HELD);
	CHECK_EQ(rblk_node_session(node[a].m), NODE_S_NONE);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[a].m, false, r), 0);
	run_ms(500);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_session(node[a].m), NODE_S_HELD);
	CHECK_EQ(rblk_node_session(node[b].m), NODE_S_NONE);
}

/* A holder that is silent, and one that asks: not before the session timeout. */
static void silent_is_taken_over(void)
{
	int a, b, r, t;

	opened(3);
	a = leader();
	b = (a + 1) % 3;
	rblk_node_use(node[a].m, true);
	stop_node(&node[a]);
	for (t = 0; t < 200; t++) {
		r = new_req();
		CHECK_EQ(rblk_node_open(node[b].m, false, r), 0);
		run_ms(100);
		if (!req[r].done)	/* no leader yet */
			rblk_node_open_cancel(node[b].m);
		req[r].used = false;
		if (rblk_node_session(node[b].m) == NODE_S_HELD)
			break;
	}
	CHECK(t >= 30 && t < 100);
	CHECK_EQ(rblk_node_session(node[b].m), NODE_S_HELD);
}

/* Writes under way on a follower while the leader dies complete, once and in order. */
static void leader_dies_under_a_follower(void)
{
	int l, f, o, r[20], w, i;

	opened(3);
	l = leader();
	f = (l + 1) % 3;
	o = (l + 2) % 3;
	w = new_req();
	CHECK_EQ(rblk_node_open(node[f].m, false, w), 0);
	run_ms(500);
	CHECK_EQ(end_req(w), 0);
	w = do_write(f, 0, 8, 1);
	CHECK(w >= 0);
	run_ms(50);
	CHECK_EQ(end_req(w), 0);
	for (i = 0; i < 20; i++) {
		if (i == 10) {
			run_ms(1);
			stop_node(&node[leader()]);
		}
		r[i] = do_write(f, 0, 8, 100 + i);
		CHECK(r[i] >= 0);
	}
	run_ms(5000);
	for (i = 0; i < 20; i++)
		CHECK_EQ(end_req(r[i]), 0);
	w = do_read(f, 0, 8);
	CHECK(w >= 0);
	run_ms(500);
	CHECK_EQ(end_req(w), 0);
	CHECK_EQ(req[w].data[0], 119);
	CHECK(node[f].up && (node[l].up + node[o].up == 1));
}

static void no_buffer_leaks(void)
{
	int l, r, i;

	opened(3);
	l = leader();
	for (i = 0; i < 20; i++) {
		r = do_write(l, i * 64, 64, i);
		CHECK(r >= 0);
		run_ms(1);
		CHECK_EQ(end_req(r), 0);
	}
	run_ms(2000);
	for (i = 0; i < 3; i++)
		CHECK_EQ(node[i].bufs, 0);
}

/* Writes until the tables of the followers, who do not get to apply, are full; their leader dies. */
static int full_tables(void)
{
	int old, r, i, k;

	opened(3);
	old = leader();
	for (i = 0; i < 3; i++)
		node[i].slow_data = i != old;
	for (i = 0; i < 1500; i++) {
		r = do_write(old, i % 128 * 8, 8, i);
		if (r == -EAGAIN)
			break;
		CHECK(r >= 0);
		run_ms(1);
		for (k = 0; k < REQS; k++)
			if (req[k].used && req[k].done)
				req[k].used = false;
	}
	run_ms(20);
	stop_node(&node[old]);
	return old;
}

static void full_table_can_lead(void)
{
	static struct rblk_node_status st;
	int old = full_tables(), l, i;

	run_ms(4000);
	for (i = 0; i < 3; i++) {
		if (i == old)
			continue;
		rblk_node_status(node[i].m, &st);
		CHECK_EQ(st.halt, NODE_RUNNING);
		CHECK(st.log_entries > 900);
		node[i].slow_data = false;
	}
	run_ms(4000);
	l = leader();
	CHECK(l >= 0);
	CHECK_EQ(start_node(&node[old]), 0);
	connect_all();
	run_ms(4000);
	same_digests();
}

/* Each election that leads to nothing leaves a no-op: they must not fill the table. */
static void lost_elections_fill_nothing(void)
{
	static struct rblk_node_status st;
	int old = full_tables(), i, k;

	for (k = 0; k < 20; k++) {
		run_ms(1600);
		disconnect_all();
		run_ms(1600);
		connect_all();
	}
	for (i = 0; i < 3; i++) {
		if (i == old)
			continue;
		rblk_node_status(node[i].m, &st);
		CHECK_EQ(st.halt, NODE_RUNNING);
		node[i].slow_data = false;
	}
	run_ms(8000);
	CHECK(leader() >= 0);
	CHECK_EQ(start_node(&node[old]), 0);
	connect_all();
	run_ms(4000);
	same_digests();
}

/* Says hello to @n for @from, whose newest durable entry would be @match. */
static int hello_with(int n, int from, u64 match)
{
	int slot = from < n ? from : from - 1;
	struct wire_hello h;

	rblk_node_hello(node[from].m, n < from ? n : n - 1, WIRE_CONSENSUS, &h);
	h.match = match;
	return rblk_node_peer_hello(node[n].m, slot, &h);
}

/* Nobody said hello since the writes: what the leader saw acknowledged it remembers. */
static void rollback_is_remembered(void)
{
	static struct rblk_node_status st;
	int l, p, q, r, i;

	opened(3);
	l = leader();
	p = (l + 1) % 3;
	q = (l + 2) % 3;
	for (i = 0; i < 10; i++) {
		r = do_write(l, i * 8, 8, i);
		CHECK(r >= 0);
		run_ms(1);
		CHECK_EQ(end_req(r), 0);
	}
	rblk_node_status(node[l].m, &st);
	/* It no longer leads. */
	CHECK_EQ(rblk_node_transfer(node[l].m, node[p].cfg.node, tnow), 0);
	run_ms(300);
	CHECK_EQ(leader(), p);
	CHECK_EQ(hello_with(l, q, st.raft.commit - 1), WIRE_R_ROLLBACK);
	CHECK_EQ(hello_with(l, q, st.raft.commit), 0);
	/* Nor does the other one, who led until it was stopped, after some metadata. */
	run_ms(2000);
	rblk_node_status(node[p].m, &st);
	stop_node(&node[p]);
	CHECK_EQ(start_node(&node[p]), 0);
	CHECK_EQ(hello_with(p, q, st.raft.commit - 1), WIRE_R_ROLLBACK);
	CHECK_EQ(hello_with(p, q, st.raft.commit), 0);
}

/* Away for longer than the log reaches back: it learns so from the leader, and reads there. */
static void resync_is_known(void)
{
	static struct rblk_node_status st;
	int l, p, o, r;

	left_behind(&l, &p, &o);
	rblk_node_status(node[l].m, &st);
	CHECK(st.peer[p < l ? p : p - 1].needs_resync);
	CHECK(st.ready);
	CHECK(!st.needs_resync);
	rblk_node_status(node[p].m, &st);
	CHECK(st.needs_resync);
	CHECK(st.ready);
	CHECK_EQ(read_on(p, 8 * 99), read_on(l, 8 * 99));
	CHECK_EQ(read_on(p, 8 * 3), read_on(l, 8 * 3));
	r = do_read(p, 8 * 2, 24);
	CHECK(r >= 0);
	run_ms(10);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(req[r].data[RBLK_BLOCK_SIZE], read_on(l, 8 * 3));
	CHECK_EQ(open_on(p, true, 1000), 0);
	CHECK_EQ(write_on(p, 8 * 5, 0x77, 1000), 0);
	CHECK_EQ(read_on(p, 8 * 5), 0x77);
	/* Under another leader, too, whose log goes back no further. */
	CHECK_EQ(rblk_node_transfer(node[l].m, node[o].cfg.node, tnow), 0);
	r = do_read(p, 8 * 5, 8);
	CHECK(r >= 0);
	run_ms(3000);
	CHECK_EQ(leader(), o);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(req[r].data[0], 0x77);
}

/* What it was reading itself when it learned that goes to the leader. */
static void resync_under_a_read(void)
{
	static struct rblk_node_status st;
	int l, p, o, r, ms = 0;

	outlived(&l, &p, &o);
	CHECK_EQ(start_node(&node[p]), 0);
	r = do_read(p, 8 * 3, 8);	/* before it hears of anybody */
	CHECK(r >= 0);
	connect_all();
	do {
		run_ms(1);
		rblk_node_status(node[p].m, &st);
	} while (!st.needs_resync && ++ms < 2000);
	run_ms(20);		/* at once: not when what may be lost is asked for again */
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(req[r].data[0], read_on(l, 8 * 3));
}

static int lost_reads;

static bool lose_reads(int from, int to, const struct wire_frame *f)
{
	return f->type != WIRE_READ || !lost_reads || !lost_reads--;
}

/* The leader has heard many keepalives of its last start: what is lost in this one is asked again. */
static void beats_start_anew(void)
{
	int l, p, o, r;

	left_behind(&l, &p, &o);
	CHECK_EQ(open_on(p, true, 1000), 0);
	run_ms(60000);
	CHECK_EQ(leader(), l);
	stop_node(&node[p]);
	CHECK_EQ(start_node(&node[p]), 0);
	connect_all();
	run_ms(1000);
	arrives = lose_reads;
	lost_reads = 1;
	r = do_read(p, 8 * 3, 8);
	CHECK(r >= 0);
	run_ms(4000);
	arrives = NULL;
	CHECK_EQ(lost_reads, 0);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(leader(), l);
}

/* Under another leader it is asked for again at once: not only when it may have been lost. */
static void resync_read_follows_the_leader(void)
{
	int l, p, o, r, ms;

	left_behind(&l, &p, &o);
	arrives = lose_reads;
	lost_reads = 1;
	r = do_read(p, 8 * 3, 8);
	CHECK(r >= 0);
	run_ms(20);
	arrives = NULL;
	CHECK_EQ(lost_reads, 0);
	CHECK_EQ(rblk_node_transfer(node[l].m, node[o].cfg.node, tnow), 0);
	for (ms = 0; leader() != o && ms < 3000; ms++)
		run_ms(1);
	CHECK(!req[r].done);
	run_ms(200);
	CHECK_EQ(end_req(r), 0);
}

/* The leader serves few at once: the others are refused, and go when it has answered some. */
static void reads_wait_for_their_turn(void)
{
	int l, p, o, i, ms, r[64], left = 64;

	left_behind(&l, &p, &o);
	hold_served = true;
	serve_max = 4;
	for (i = 0; i < 64; i++) {
		r[i] = do_read(p, 8 * i, 8);
		CHECK(r[i] >= 0);
	}
	for (ms = 0; left && ms < 1000; ms++) {
		run_ms(1);
		end_held();
		for (left = 0, i = 0; i < 64; i++)
			left += !req[r[i]].done;
	}
	CHECK(ms < 100);
	CHECK(nrefused < 2 * 64);
	hold_served = false;
	serve_max = 0;
	for (i = 0; i < 64; i++) {
		CHECK_EQ(end_req(r[i]), 0);
		CHECK_EQ(req[r[i]].data[0], read_on(l, 8 * i));
	}
}

/* None of its own is under way, whose answer would make room: it asks again with each keepalive. */
static void others_have_all_turns(void)
{
	int l, p, o, r;

	left_behind(&l, &p, &o);
	CHECK_EQ(read_on(p, 8 * 3), read_on(l, 8 * 3));
	serve_max = 4;
	nserving += 4;
	r = do_read(p, 8 * 3, 8);
	CHECK(r >= 0);
	run_ms(5000);
	CHECK(!req[r].done);
	CHECK(nrefused >= 5000 / 200 && nrefused < 5000 / 20);
	nserving -= 4;
	run_ms(200);
	CHECK_EQ(end_req(r), 0);
}

static int unreplied = -1;

static bool no_replies(int from, int to, const struct wire_frame *f)
{
	return f->type != WIRE_REPLY || to != unreplied;
}

/* Content comes on one connection, that it is fenced on another: it reads nothing of the next one's. */
static void fenced_reads_nothing_new(void)
{
	int l, p, o, r;

	left_behind(&l, &p, &o);
	rblk_node_use(node[p].m, true);
	CHECK_EQ(open_on(p, true, 1000), 0);
	CHECK_EQ(write_on(p, 8 * 5, 0xaa, 1000), 0);
	unreplied = p;
	arrives = no_replies;
	CHECK_EQ(open_on(o, true, 1000), 0);
	CHECK_EQ(write_on(o, 8 * 5, 0xbb, 1000), 0);
	r = do_read(p, 8 * 5, 8);
	CHECK(r >= 0);
	run_ms(700);
	CHECK(!req[r].done);
	arrives = NULL;
	run_ms(1000);
	CHECK_EQ(end_req(r), -ESTALE);
	CHECK_EQ(rblk_node_session(node[p].m), NODE_S_FENCED);
}

/* A slow answer to a read of the last start is not one to a read of this, of the same token. */
static void late_content_of_the_last_start(void)
{
	int l, p, o, r, first, i, n;

	left_behind(&l, &p, &o);
	CHECK_EQ(write_on(l, 8 * 5, 0xaa, 1000), 0);
	hold_served = true;
	first = do_read(p, 8 * 5, 8);
	CHECK(first >= 0);
	run_ms(100);
	n = nheld_read;
	CHECK_EQ(n, 1);
	stop_node(&node[p]);
	req[first].used = false;
	CHECK_EQ(start_node(&node[p]), 0);
	connect_all();
	run_ms(1000);
	CHECK_EQ(write_on(l, 8 * 5, 0xbb, 1000), 0);
	r = do_read(p, 8 * 5, 8);
	CHECK_EQ(r, first);
	run_ms(20);
	for (i = 0; i < n; i++)
		read_done(held_read[i]);
	run_ms(20);
	for (; i < nheld_read; i++)
		read_done(held_read[i]);
	nheld_read = 0;
	hold_served = false;
	run_ms(2000);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(req[r].data[0], 0xbb);
}

/* Its log device was pulled out: what waits ends, and somebody else leads. */
static void device_lost(void)
{
	static struct rblk_node_status st;
	int l, r;

	opened(3);
	l = leader();
	r = do_write(l, 0, 8, 1);
	CHECK(r >= 0);
	rblk_node_device_lost(node[l].m, NODE_HALT_LOG, tnow);
	CHECK_EQ(end_req(r), -EIO);
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.halt, NODE_HALT_LOG);
	CHECK_EQ(st.halt_error, -ENODEV);
	run_ms(4000);
	CHECK(leader() >= 0 && leader() != l);
}

/* What no member could read is refused, and nothing has changed. */
static void absurd_bootstrap(void)
{
	static struct rblk_conf conf;
	static struct rblk_node_status st;
	u32 slot;

	world(3);
	CHECK_EQ(rblk_node_bootstrap_conf(node[0].m, "10.0.0.1:7800", 9, 4711, &conf, &slot), 0);
	CHECK_EQ(rblk_node_bootstrap(node[0].m, &conf, &slot), -EINVAL);
	CHECK_EQ(rblk_node_bootstrap_conf(node[0].m, "10.0.0. 1:7800", 0, 4711, &conf, &slot), 0);
	CHECK_EQ(rblk_node_bootstrap(node[0].m, &conf, &slot), -EINVAL);
	run_ms(1000);
	rblk_node_status(node[0].m, &st);
	CHECK_EQ(st.halt, NODE_RUNNING);
	CHECK_EQ(st.log_entries, 0);
	CHECK_EQ(rblk_node_bootstrap_conf(node[0].m, "10.0.0.1:7800", 0, 4711, &conf, &slot), 0);
	CHECK_EQ(rblk_node_bootstrap(node[0].m, &conf, &slot), 0);
	run_ms(3000);
	CHECK(leader() >= 0);
}

static const struct tap_case cases[] = {
	{ "absurd_bootstrap", absurd_bootstrap },
	{ "two_bootstraps", two_bootstraps },
	{ "no_bootstrap_after_a_vote", no_bootstrap_after_a_vote },
	{ "other_sizes", other_sizes },
	{ "one_node", one_node },
	{ "three_nodes", three_nodes },
	{ "leader_dies", leader_dies },
	{ "wraps_and_restarts", wraps_and_restarts },
	{ "fenced_is_sticky", fenced_is_sticky },
	{ "unused_is_given_up", unused_is_given_up },
	{ "silent_is_taken_over", silent_is_taken_over },
	{ "leader_dies_under_a_follower", leader_dies_under_a_follower },
	{ "no_buffer_leaks", no_buffer_leaks },
	{ "full_table_can_lead", full_table_can_lead },
	{ "lost_elections_fill_nothing", lost_elections_fill_nothing },
	{ "rollback_is_remembered", rollback_is_remembered },
	{ "resync_is_known", resync_is_known },
	{ "resync_under_a_read", resync_under_a_read },
	{ "resync_read_follows_the_leader", resync_read_follows_the_leader },
	{ "reads_wait_for_their_turn", reads_wait_for_their_turn },
	{ "others_have_all_turns", others_have_all_turns },
	{ "beats_start_anew", beats_start_anew },
	{ "fenced_reads_nothing_new", fenced_reads_nothing_new },
	{ "late_content_of_the_last_start", late_content_of_the_last_start },
	{ "device_lost", device_lost },
};

TAP_MAIN(cases)
