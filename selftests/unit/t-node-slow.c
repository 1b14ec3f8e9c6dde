// SPDX-License-Identifier: GPL-2.0
/*
 * What is slow, or full, for a while: a network whose round trip is longer than
 * the heartbeat, a leader without room, devices that take their time. Nothing may
 * hang afterwards, and nobody may be taken for gone.
 */
#include "node-world.h"

#define SLOW_MS		100	/* one way; the heartbeat is 150, the election timeout 750 */

/* @l leads and stays leader, @f has the session. */
static void apart(int *l, int *f, int *o)
{
	int i;

	follow_ms = 1000000000;
	bootstrapped(3);
	*f = (leader() + 1) % 3;
	*l = (leader() + 2) % 3;
	*o = leader();
	rblk_node_use(node[*f].m, true);
	CHECK_EQ(open_on(*f, false, 100), 0);
	run_ms(2500);
	for (i = 0; i < 20 && leader() != *l; i++) {
		rblk_node_transfer(node[leader()].m, node[*l].cfg.node, tnow);
		run_ms(100);
	}
	CHECK_EQ(leader(), *l);
	follow_ms = 0;
}

static void slow_network(int l)
{
	latency_ms = SLOW_MS;
	run_ms(3000);
	CHECK_EQ(leader(), l);
}

static void refused_open_is_told(void)
{
	int l, f, r;

	opened(3);
	l = leader();
	f = (l + 1) % 3;
	rblk_node_use(node[l].m, true);
	run_ms(500);
	slow_network(l);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[f].m, false, r), 0);
	run_ms(1000);
	CHECK_EQ(end_req(r), -EBUSY);
}

static void refused_read_is_asked_again(void)
{
	int l, p, o, r;

	left_behind(&l, &p, &o);
	slow_network(l);
	serve_max = 4;
	nserving += 4;
	r = do_read(p, 8 * 3, 8);
	CHECK(r >= 0);
	run_ms(1000);
	CHECK(!req[r].done);
	CHECK(nrefused > 0);
	nserving -= 4;
	run_ms(1000);
	CHECK_EQ(end_req(r), 0);
}

/* They found no room; when there is some, everything has been committed. */
static void refused_writes_are_sent_again(void)
{
	int l, f, o, i, r[60];

	entries = 64;
	apart(&l, &f, &o);
	entries = 1024;
	follow_ms = 1000000000;
	slow_network(l);
	for (i = 0; i < 3; i++)
		node[i].slow_data = true;
	for (i = 0; i < 60; i++) {
		r[i] = do_write(f, 8 * (i % 32), 8, i + 1);
		CHECK(r[i] >= 0);
	}
	run_ms(3000);
	for (i = 0; i < 3; i++)
		node[i].slow_data = false;
	run_ms(10000);
	for (i = 0; i < 60; i++)
		CHECK_EQ(end_req(r[i]), 0);
	follow_ms = 0;
}

/* It reaches the next leader before that one serves: it is dropped there, and sent again. */
static void write_outlives_a_leader(void)
{
	int l, f, o, r;

	apart(&l, &f, &o);
	slow_network(l);
	CHECK_EQ(write_on(f, 0, 1, 3000), 0);
	stop_node(&node[l]);
	r = do_write(f, 8, 8, 2);
	CHECK(r >= 0);
	run_ms(8000);
	CHECK(leader() >= 0);
	CHECK_EQ(end_req(r), 0);
}

static int stalled_from = -1;

static bool payload_stands_still(int from, int to, const struct wire_frame *f)
{
	return from != stalled_from || f->type != WIRE_SUBMIT;
}

/* The leader has no memory for what the holder writes, whose keepalives are behind that. */
static void holder_without_room_is_there(void)
{
	int l, f, o, ms;

	apart(&l, &f, &o);
	run_ms(8000);
	CHECK_EQ(open_on(o, false, 500), -EBUSY);
	stalled_from = f;
	arrives = payload_stands_still;
	for (ms = 0; ms < 9500; ms += 600) {
		run_ms(500);
		CHECK_EQ(open_on(o, false, 100), -EBUSY);
	}
	arrives = NULL;
	run_ms(500);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
	CHECK_EQ(write_on(f, 8, 3, 1000), 0);
}

/* A holder that started again says nothing of the session it had: what it acknowledges is raft's. */
static void restarted_holder_is_silent(void)
{
	int l, f, o;

	apart(&l, &f, &o);
	run_ms(1000);
	arrives = payload_stands_still;
	stalled_from = f;
	stop_node(&node[f]);
	CHECK_EQ(start_node(&node[f]), 0);
	connect_all();
	run_ms(8000);
	CHECK_EQ(open_on(o, false, 1000), 0);
	arrives = NULL;
}

/* The device is slow over one read, which is asked for again and again. */
static void slow_read_takes_one_place(void)
{
	int l, p, o, r, before;

	left_behind(&l, &p, &o);
	hold_served = true;
	before = nserving;
	r = do_read(p, 8 * 3, 8);
	CHECK(r >= 0);
	run_ms(20000);
	CHECK_EQ(nserving - before, 1);
	hold_served = false;
	end_held();
	run_ms(20);
	CHECK_EQ(end_req(r), 0);
}

/* An open by force is not answered with the refusal of the one before it. */
static void force_after_a_refusal(void)
{
	int l, f, r, q;

	opened(3);
	l = leader();
	f = (l + 1) % 3;
	rblk_node_use(node[l].m, true);
	run_ms(500);
	pause_node(&node[l]);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[f].m, false, r), 0);
	run_ms(1);
	rblk_node_open_cancel(node[f].m);
	req[r].used = false;
	q = new_req();
	CHECK_EQ(rblk_node_open(node[f].m, true, q), 0);
	run_ms(1);
	resume_node(&node[l]);
	run_ms(1000);
	CHECK_EQ(end_req(q), 0);
	CHECK_EQ(rblk_node_session(node[f].m), NODE_S_HELD);
}

/* Says hello to @l in the place of @f, as a client of another name would, and asks for a session. */
static void stranger_opens(int l, int f, u64 store)
{
	static struct rblk_node_status st;
	static struct wire_frame w;
	struct rblk_buf *none[1] = { NULL };
	struct wire_hello h = {
		.version_min = WIRE_VERSION, .version_max = WIRE_VERSION, .store = store,
		.client = 1, .name = "vol",
	};
	int slot = f < l ? f : f - 1, ch;

	rblk_node_status(node[l].m, &st);
	strcpy(h.node, node[f].cfg.node);
	strcpy(h.peer, node[l].cfg.node);
	for (ch = 0; ch < WIRE_CHANNELS; ch++)
		rblk_node_peer_down(node[l].m, slot, ch, tnow);
	for (ch = 0; ch < WIRE_CHANNELS; ch++) {
		h.channel = ch;
		CHECK_EQ(rblk_node_peer_hello(node[l].m, slot, &h), 0);
		rblk_node_peer_up(node[l].m, slot, ch, tnow);
	}
	memset(&w, 0, sizeof(w));
	w.type = WIRE_SUBMIT;
	w.submit.from = store;
	w.submit.term = st.raft.term;
	w.submit.keepalive = 1;
	w.append.n = 1;
	w.append.e[0] = (struct rblk_entry){ .kind = RBLK_E_OPEN, .store = store, .seq = store };
	CHECK_EQ(rblk_node_recv(node[l].m, slot, &w, none, tnow), 0);
	run_ms(20);
}

/* Shared: all places are taken by nodes that went without a word. */
static void places_of_the_silent_are_given_on(void)
{
	static struct rblk_node_status st;
	int l, f, o, i, r;

	shared = true;
	bootstrapped(3);
	shared = false;
	l = leader();
	f = (l + 1) % 3;
	o = (l + 2) % 3;
	stop_node(&node[f]);
	for (i = 0; i < RBLK_SESSIONS_MAX; i++)
		stranger_opens(l, f, 9000 + i);
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.nsessions, RBLK_SESSIONS_MAX);
	CHECK_EQ(open_on(o, false, 500), -EBUSY);	/* they may come back yet */
	run_ms(5000);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[o].m, false, r), 0);
	run_ms(1000);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_session(node[o].m), NODE_S_HELD);
	rblk_node_status(node[l].m, &st);
	CHECK_EQ(st.nsessions, RBLK_SESSIONS_MAX);
	CHECK_EQ(write_on(o, 8, 1, 100), 0);
}

/* Blocks of 512 bytes: every other one is in memory yet, the rest on the device. */
static void read_of_many_parts(void)
{
	int l, r, i;

	block_size = 512;
	opened(1);
	block_size = 4096;
	l = leader();
	node[l].slow_data = true;
	for (i = 0; i < 128; i++) {
		r = do_write(l, 2 * i, 1, i + 1);
		CHECK(r >= 0);
		if (i % 16 == 15)
			run_ms(1);
	}
	run_ms(2);
	r = do_read(l, 0, 256);
	CHECK(r >= 0);
	run_ms(20);
	CHECK(parts_most > 64);
	CHECK(parts_most <= NODE_SEGS_MAX);
	CHECK_EQ(end_req(r), 0);
	for (i = 0; i < 256; i++)
		CHECK_EQ(req[r].data[512 * i], i % 2 ? 0 : i / 2 + 1);
	node[l].slow_data = false;
}

/* Two want the last place of a shared volume, and one is too late. */
static void last_place_is_raced_for(void)
{
	int l, f, o, i, r, q;

	shared = true;
	bootstrapped(3);
	shared = false;
	l = leader();
	f = (l + 1) % 3;
	o = (l + 2) % 3;
	stop_node(&node[f]);
	for (i = 0; i < RBLK_SESSIONS_MAX - 1; i++)
		stranger_opens(l, f, 9000 + i);
	run_ms(8000);
	pause_node(&node[l]);
	r = new_req();
	CHECK_EQ(rblk_node_open(node[l].m, false, r), 0);
	q = new_req();
	CHECK_EQ(rblk_node_open(node[o].m, false, q), 0);
	run_ms(1);
	resume_node(&node[l]);
	run_ms(2000);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(end_req(q), 0);
}

/* The device fails before the round ends that would have confirmed what it has. */
static void remote_read_may_fail(void)
{
	int l, p, o, r;

	left_behind(&l, &p, &o);
	CHECK_EQ(open_on(p, true, 1000), 0);
	run_ms(1000);
	latency_ms = 5;
	hold_served = true;
	r = do_read(p, 8 * 5, 8);
	CHECK(r >= 0);
	run_ms(6);
	CHECK_EQ(nheld_read, 1);
	hold_served = false;
	rblk_node_read_done(node[l].m, (u32)held_read[0], -EIO, tnow);
	nheld_read = 0;
	run_ms(100);
	CHECK_EQ(end_req(r), -EIO);
}

/*
 * A read that is slow when its node gets the session: who asked for that has dropped
 * what he had cached by then, and the read must not bring it back.
 */
static void opened_under(int r, int reader, int writer)
{
	CHECK(r >= 0);
	run_ms(100);
	CHECK_EQ(nheld_read, 1);
	CHECK_EQ(write_on(writer, 8 * 5, 0xbb, 1000), 0);
	CHECK_EQ(open_on(reader, true, 1000), 0);
	hold_own = -1;
	hold_served = false;
	end_held();
	run_ms(1000);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(req[r].data[0], 0xbb);
}

static void open_under_a_read(void)
{
	int l, f;

	opened(3);
	l = leader();
	f = (l + 1) % 3;
	CHECK_EQ(write_on(l, 8 * 5, 0xaa, 1000), 0);
	run_ms(1000);
	hold_own = f;
	opened_under(do_read(f, 8 * 5, 8), f, l);
}

/* Likewise, of a node that reads through the leader: @here: it is slow itself. */
static void open_under_a_remote_read(bool here)
{
	int l, p, o;

	left_behind(&l, &p, &o);
	CHECK_EQ(open_on(o, true, 1000), 0);
	CHECK_EQ(write_on(o, 8 * 5, 0xaa, 1000), 0);
	run_ms(1000);
	if (here)
		hold_own = p;
	else
		hold_served = true;
	opened_under(do_read(p, 8 * 5, 8), p, o);
}

static void open_under_a_read_at_the_leader(void)
{
	open_under_a_remote_read(false);
}

static void open_under_a_read_that_was_sent(void)
{
	open_under_a_remote_read(true);
}

static const struct tap_case cases[] = {
	{ "refused_open_is_told", refused_open_is_told },
	{ "refused_read_is_asked_again", refused_read_is_asked_again },
	{ "refused_writes_are_sent_again", refused_writes_are_sent_again },
	{ "write_outlives_a_leader", write_outlives_a_leader },
	{ "holder_without_room_is_there", holder_without_room_is_there },
	{ "restarted_holder_is_silent", restarted_holder_is_silent },
	{ "slow_read_takes_one_place", slow_read_takes_one_place },
	{ "force_after_a_refusal", force_after_a_refusal },
	{ "places_of_the_silent_are_given_on", places_of_the_silent_are_given_on },
	{ "last_place_is_raced_for", last_place_is_raced_for },
	{ "remote_read_may_fail", remote_read_may_fail },
	{ "read_of_many_parts", read_of_many_parts },
	{ "open_under_a_read", open_under_a_read },
	{ "open_under_a_read_at_the_leader", open_under_a_read_at_the_leader },
	{ "open_under_a_read_that_was_sent", open_under_a_read_that_was_sent },
};

TAP_MAIN(cases)
