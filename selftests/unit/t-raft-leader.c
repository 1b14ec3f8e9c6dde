// SPDX-License-Identifier: GPL-2.0
/* A leader that has just been elected, event by event. */
#include "raft-net.h"

static struct raft_out out;

static int step(struct raft *r, enum raft_event_type type, u64 store)
{
	struct raft_event ev = { .type = type, .now = net.now, .store = store };

	return rblk_raft_step(r, &ev, &out);
}

/* Node 1 of @conf has just become leader. Its log does not reach back to the first entry. */
static struct raft *new_leader(const char *conf)
{
	struct raft_msg vote = { .type = RAFT_MSG_PREVOTE_REPLY, .from = 2, .to = 1, .term = 2 };
	struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &vote };
	struct raft_conf c = net_conf(conf);
	struct raft *r;

	net_start(1, &c, 1);
	net_boot(&net.node[1]);
	r = net.node[1].r;
	net.now += 3000 * MS;
	ev.now = net.now;
	CHECK_EQ(step(r, RAFT_EV_TICK, 0), 0);
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
	ev = (struct raft_event){ .type = RAFT_EV_META_DONE, .now = net.now, .done.meta_version = 1 };
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
	vote.type = RAFT_MSG_VOTE_REPLY;
	ev = (struct raft_event){ .type = RAFT_EV_MSG, .now = net.now, .msg = &vote };
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
	CHECK_EQ(r->role, RAFT_LEADER);
	CHECK(r->runs.snap.index > 0);
	return r;
}

/* What is malformed is not proposed. */
static void proposals(void)
{
	struct raft_event ev = { .type = RAFT_EV_LOG_DONE };
	struct raft_conf c = net_conf("1i 2l");
	struct raft *r = new_leader("1i 2l");

	ev.done.index = rblk_raft_last(r);
	ev.now = net.now;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
	ev = (struct raft_event){ .type = RAFT_EV_PROPOSE, .now = net.now };
	CHECK_EQ(rblk_raft_step(r, &ev, &out), -EINVAL);
	ev.propose.conf = &c;
	ev.propose.count = 2;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), -EINVAL);
	ev.propose.count = 1;
	ev.propose.bytes = 5;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), -EINVAL);
	ev.propose.bytes = 0;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
}

/* What a peer had when another term began, it may have lost since. */
static void reply_of_the_past(void)
{
	struct raft_msg reply = { .type = RAFT_MSG_APPEND_REPLY, .from = 2, .to = 1, .term = 1,
				  .prev = { 1, 1 } };
	struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &reply };
	struct raft *r = new_leader("1i 2i");

	ev.now = net.now;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
	CHECK_EQ(r->peer[0].match, 0);
	reply.term = 2;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
	CHECK_EQ(r->peer[0].match, 1);
	/* A rejection in the leader's own term names what it rejects. */
	reply.reject = 1;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), -EINVAL);
}

/* A peer that shares nothing with what is left of the log needs a resync. */
static void meeting_before_the_log(void)
{
	struct raft_msg reply = { .type = RAFT_MSG_APPEND_REPLY, .from = 2, .to = 1, .term = 2,
				  .reject = 1, .reject_index = 2 };
	struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &reply };
	struct raft *r = new_leader("1i 2i");

	r->peer[0].next = 3;
	ev.now = net.now;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), 0);
	CHECK_EQ(r->peer[0].state, RAFT_PEER_RESYNC);
}

/* The numbers of entries end somewhere. */
static void last_number(void)
{
	struct raft_event ev = { .type = RAFT_EV_PROPOSE, .propose.count = 1 };
	struct raft *r = new_leader("1i 2i");

	r->runs.last = RAFT_NUM_MAX - 2;
	r->runs.run[r->runs.n - 1].index = r->runs.last;
	ev.now = net.now;
	CHECK_EQ(rblk_raft_step(r, &ev, &out), -EINVAL);
	CHECK_EQ(r->role, RAFT_LEADER);
}

/* That a peer of which nothing is known cannot be reached does not mean that it needs a resync. */
static void unreachable_probe(void)
{
	struct raft *r = new_leader("1i 2i");
	struct raft_status st;

	CHECK_EQ(step(r, RAFT_EV_UNREACHABLE, 2), 0);
	rblk_raft_status(r, &st);
	CHECK_EQ(st.peer[0].state, RAFT_PEER_PROBE);
}

/* What is told of a node is true of its role only: what it knew in another one is past. */
static void status_by_role(void)
{
	struct raft *r = new_leader("1i 2i");
	struct raft_status st;

	r->peer[0].match = 2;
	r->resync = true;
	r->stalled = true;
	rblk_raft_status(r, &st);
	CHECK_EQ(st.peer[0].match, 2);
	CHECK(!st.resync);
	CHECK(st.stalled);
	rblk_raft_become_follower(r, 3, 0);
	rblk_raft_status(r, &st);
	CHECK_EQ(st.peer[0].match, 0);
	CHECK(!st.resync);
	CHECK(!st.stalled);
	r->leader = 2;
	rblk_raft_status(r, &st);
	CHECK(st.resync);
	CHECK(st.stalled);
	r->stalled = false;
	rblk_raft_status(r, &st);
	CHECK(!st.stalled);
}

static const struct tap_case cases[] = {
	{ "proposals", proposals },
	{ "reply_of_the_past", reply_of_the_past },
	{ "meeting_before_the_log", meeting_before_the_log },
	{ "last_number", last_number },
	{ "unreachable_probe", unreachable_probe },
	{ "status_by_role", status_by_role },
};

TAP_MAIN(cases)
