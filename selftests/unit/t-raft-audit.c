// SPDX-License-Identifier: GPL-2.0
/* rblk_raft_check() must notice each kind of damage. */
#include "raft-net.h"

/*
 * Node 1 leads nodes 2 and 3 in term 2, with entries 2..5 committed everywhere; then
 * node 3 stands for term 3, and its vote is being written.
 */
static void start(void)
{
	struct raft_conf c = net_conf("1i 2i 3i");
	struct net_msg w = { .m = { .type = RAFT_MSG_PREVOTE_REPLY, .from = 2, .to = 3, .term = 3 } };
	u32 i;

	net_start(3, &c, 1);
	for (i = 1; i <= 3; i++)
		net_boot(&net.node[i]);
	net.now += 3000 * MS;
	CHECK_EQ(net_event(&net.node[1], RAFT_EV_TICK, 0, 0), 0);
	net_settle();
	CHECK_EQ(net_propose(&net.node[1], 3, 0, NULL), 0);
	net_settle();
	net.now += 3000 * MS;
	CHECK_EQ(net_event(&net.node[3], RAFT_EV_TICK, 0, 0), 0);
	CHECK_EQ(net_handle(&w), 0);
	CHECK_EQ(net.node[1].r->role, RAFT_LEADER);
	CHECK_EQ(net.node[2].r->role, RAFT_FOLLOWER);
	CHECK_EQ(net.node[3].r->role, RAFT_CANDIDATE);
	CHECK_EQ(net.node[1].r->peer[0].match, 5);
	for (i = 1; i <= 3; i++)
		CHECK_EQ(rblk_raft_check(net.node[i].r), 0);
}

enum { LEADER = 1, FOLLOWER, CANDIDATE };	/* the nodes */

/* Damage to a node: its core is @r, @p its first peer, @last its newest entry. */
#define DAMAGES(D)								\
	D(FOLLOWER, runs, r->runs.run[0].term = 0)				\
	D(FOLLOWER, term_below_log, r->meta.term = 1)				\
	D(FOLLOWER, commit_below_snap, r->commit = 0)				\
	D(FOLLOWER, commit_beyond_log, r->commit = last + 1)			\
	D(FOLLOWER, durable_below_snap, r->durable = 0)				\
	D(FOLLOWER, durable_beyond_log, r->durable = last + 1)			\
	D(FOLLOWER, meta_durable_early, r->meta_version = 1; r->meta_durable = 2) \
	D(FOLLOWER, meta_of_no_version, r->meta_inflight = r->meta_version + 1)	\
	D(FOLLOWER, meta_again, r->meta_inflight = r->meta_durable)		\
	D(FOLLOWER, meta_forgotten, r->meta_version++)				\
	D(FOLLOWER, conf_beyond_log, r->conf.index = last + 1)			\
	D(FOLLOWER, conf_of_no_entry, r->conf.index = 0)			\
	D(FOLLOWER, conf_flags, r->conf.m[1].flags |= 0x80)			\
	D(FOLLOWER, conf_order, r->prev_conf.index = r->conf.index)		\
	D(FOLLOWER, peer_stranger, p->store = 77)				\
	D(FOLLOWER, peer_missing, p->store = 0)					\
	D(FOLLOWER, follows_itself, r->leader = 2)				\
	D(FOLLOWER, follower_hands_over, r->transferee = 1)			\
	D(FOLLOWER, follower_confirms, r->round_busy = true)			\
	D(FOLLOWER, acked_unverified, r->acked = r->verified.index + 1)		\
	D(FOLLOWER, read_of_nobody, r->read_ok = r->read_want + 1)		\
	D(CANDIDATE, candidate_follows, r->leader = 1)				\
	D(CANDIDATE, candidate_of_others, r->meta.vote = 1)			\
	D(LEADER, leads_for_others, r->leader = 2)				\
	D(LEADER, leader_of_others, r->meta.vote = 2)				\
	D(LEADER, leader_not_durable, r->meta_durable--; r->meta_inflight = r->meta_version) \
	D(LEADER, leader_without_noop, r->meta.term++)				\
	D(LEADER, noop_beyond_log, r->noop = last + 1)				\
	D(LEADER, hands_to_stranger, r->transferee = 77)			\
	D(LEADER, next_not_after_match, p->next = p->match)			\
	D(LEADER, next_beyond_log, p->next = last + 2)				\
	D(LEADER, match_beyond_log, p->match = last + 1; p->next = last + 2)	\
	D(LEADER, resync_for_nothing, p->state = RAFT_PEER_RESYNC)		\
	D(LEADER, window_over, p->win_n = r->cfg.inflight_msgs + 1)		\
	D(LEADER, window_of_probe, p->state = RAFT_PEER_PROBE; p->win_n = 1)	\
	D(LEADER, round_of_the_future, p->read_ack = r->round + 1)		\
	D(LEADER, commit_told_early, p->commit_sent = r->commit + 1)

#define DAMAGE(node_id, name, what)						\
	static void damage_##name(void)						\
	{									\
		struct raft *r;							\
		struct raft_peer *p;						\
		u64 last;							\
										\
		start();							\
		r = net.node[node_id].r;					\
		p = &r->peer[0];						\
		last = rblk_raft_last(r);					\
		(void)p;							\
		(void)last;							\
		tap_expect_asserts();						\
		what;								\
		CHECK_EQ(rblk_raft_check(r), -EUCLEAN);				\
		CHECK(tap_asserts() > 0);					\
	}
DAMAGES(DAMAGE)

#define CASE(node_id, name, what) { #name, damage_##name },
static const struct tap_case cases[] = {
	DAMAGES(CASE)
};

TAP_MAIN(cases)
