// SPDX-License-Identifier: GPL-2.0
/*
 * Hand-over of leadership: proposals stop, the target gets the whole log, and is
 * then told to campaign at once. It skips the pre-vote, and its requests carry
 * force, since everyone has just heard from the leader.
 *
 * A leader that cannot bring the target the rest of the log yields: what only it has
 * is given up, as when a leader dies.
 */
#include "internal.h"

/* Nobody, which is 0, is not. */
static bool eligible(const struct raft *r, u64 store)
{
	return store != r->cfg.self && rblk_raft_is_voter(r, store);
}

/*
 * Hands over to @store. Returns -EREMOTE if this node does not lead, -EBUSY if a
 * transfer is in progress, -EINVAL if there is no such voter.
 */
int rblk_raft_transfer(struct raft *r, u64 store)
{
	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (r->transferee)
		return -EBUSY;
	if (!eligible(r, store))
		return -EINVAL;
	r->transferee = store;
	r->transfer_at = r->now + r->cfg.election_ns;
	rblk_raft_transfer_push(r);
	return 0;
}

/*
 * Gives up leadership, and tells @store to campaign, whatever it lacks. Returns -EREMOTE if
 * this node does not lead, -EINVAL if there is no such voter.
 */
int rblk_raft_yield(struct raft *r, u64 store)
{
	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (!eligible(r, store))
		return -EINVAL;
	rblk_raft_send(r, RAFT_MSG_TIMEOUT_NOW, store)->force = 1;
	rblk_raft_become_follower(r, r->meta.term, 0);
	return 0;
}

/* Tells the target to campaign, if it has everything. */
void rblk_raft_transfer_push(struct raft *r)
{
	struct raft_peer *p = rblk_raft_peer_find(r, r->transferee);

	if (!p || p->match != rblk_raft_last(r))
		return;
	rblk_raft_send(r, RAFT_MSG_TIMEOUT_NOW, p->store)->force = 1;
}

int rblk_raft_on_timeout_now(struct raft *r, const struct raft_msg *m)
{
	if (m->term == r->meta.term && m->from == r->leader)
		rblk_raft_campaign(r, true);
	return 0;
}
