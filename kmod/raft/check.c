// SPDX-License-Identifier: GPL-2.0
/*
 * The audit: what holds between any two events. The simulator runs it after
 * each step.
 */
#include "internal.h"

static bool raft_log_ok(const struct raft *r)
{
	const struct raft_runs *t = &r->runs;

	return rblk_raft_runs_ok(t) && rblk_raft_last_term(r) <= r->meta.term &&
	       t->snap.index <= r->commit && r->commit <= t->last &&
	       t->snap.index <= r->durable && r->durable <= t->last;
}

static bool meta_ok(const struct raft *r)
{
	if (r->meta_durable > r->meta_version || r->meta_inflight > r->meta_version)
		return false;
	if (r->meta_inflight && r->meta_inflight <= r->meta_durable)
		return false;
	/* What is not durable is being written, except before the first step. */
	return rblk_raft_meta_is_durable(r) || r->meta_inflight || r->meta_version == 1;
}

static bool conf_ok(const struct raft *r)
{
	u32 i, peers = 0;

	if (r->conf.index > rblk_raft_last(r))
		return false;
	if (!r->conf.index)
		return !r->conf.n;
	if (!rblk_raft_conf_valid(&r->conf) || r->prev_conf.index >= r->conf.index)
		return false;
	for (i = 0; i < RBLK_MEMBERS_MAX; i++) {
		if (r->peer[i].store && !rblk_raft_conf_flags(&r->conf, r->peer[i].store))
			return false;
		peers += !!r->peer[i].store;
	}
	return peers == r->conf.n - !!rblk_raft_conf_flags(&r->conf, r->cfg.self);
}

static bool role_ok(const struct raft *r)
{
	bool leads = r->role == RAFT_LEADER, known = r->leader == r->cfg.self;

	if (leads != known)
		return false;
	if (r->role == RAFT_CANDIDATE || r->role == RAFT_PRECANDIDATE)
		return !r->leader && (r->role == RAFT_PRECANDIDATE || r->meta.vote == r->cfg.self);
	if (r->role == RAFT_FOLLOWER)
		return !r->transferee && !r->round_busy && r->acked <= r->verified.index;
	return r->meta.vote == r->cfg.self && rblk_raft_meta_is_durable(r) &&
	       rblk_raft_last_term(r) == r->meta.term && r->noop <= rblk_raft_last(r) &&
	       (!r->transferee || rblk_raft_is_voter(r, r->transferee));
}

static bool peer_ok(const struct raft *r, const struct raft_peer *p)
{
	bool resync = p->state == RAFT_PEER_RESYNC, gone = p->next <= r->runs.snap.index;

	if (p->next <= p->match || p->next > rblk_raft_last(r) + 1)
		return false;
	if (resync != gone)
		return false;
	if (p->win_n > r->cfg.inflight_msgs || (p->win_n && p->state != RAFT_PEER_REPLICATE))
		return false;
	return p->read_ack <= r->round && p->commit_sent <= r->commit;
}

/**
 * rblk_raft_check() - audit every invariant
 * @r: the core
 *
 * Takes time proportional to the number of members and of runs.
 *
 * Return: 0, or -EUCLEAN after RBLK_ASSERT() has fired.
 */
int rblk_raft_check(const struct raft *r)
{
	struct rblk_alarm *alarm = r->cfg.alarm;
	u32 i;

	if (r->role == RAFT_HALTED)
		return 0;
	if (RBLK_ASSERT(alarm, raft_log_ok(r)) || RBLK_ASSERT(alarm, meta_ok(r)) ||
	    RBLK_ASSERT(alarm, conf_ok(r)) || RBLK_ASSERT(alarm, role_ok(r)) ||
	    RBLK_ASSERT(alarm, r->read_ok <= r->read_want))
		return -EUCLEAN;
	for (i = 0; r->role == RAFT_LEADER && i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].store && RBLK_ASSERT(alarm, peer_ok(r, &r->peer[i])))
			return -EUCLEAN;
	return 0;
}
