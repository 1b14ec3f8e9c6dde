// SPDX-License-Identifier: GPL-2.0
/* Leadership follows the exclusive session, which saves writes a hop. */
#include "server.h"

#define LAG_MAX		1024	/* entries that the holder may lack when it is handed leadership */

static bool able(const struct rblk_replica *r, u64 store)
{
	const struct raft_peer_status *p = rblk_replica_progress(r, store);

	return p && p->flags & RBLK_M_IN && p->active && p->state == RAFT_PEER_REPLICATE &&
	       p->match + LAG_MAX >= r->commit;
}

static u64 to_follow(struct rblk_server *sv)
{
	const struct rblk_session *holder = rblk_vol_session(sv->r->vol);

	if (!rblk_server_serves(sv) || sv->r->rst.transferee || !holder ||
	    holder->store == sv->g->cfg.super.store || !able(sv->r, holder->store))
		return 0;
	return holder->store;
}

/**
 * rblk_server_follow_run() - hands leadership to the holder of the exclusive session
 * @sv: server
 *
 * Not right after an election, so that a node that was made leader on purpose stays
 * leader for a while.
 */
void rblk_server_follow_run(struct rblk_server *sv)
{
	u64 store;

	if (sv->g->now < sv->follow_at)
		return;
	store = to_follow(sv);
	if (!store)
		return;
	sv->follow_at = sv->g->now + sv->g->cfg.limits.follow_ms * RBLK_NSEC_PER_MSEC;
	rblk_replica_step_store(sv->r, RAFT_EV_TRANSFER, store);
}

/**
 * rblk_server_follow_deadline() - when leadership should move
 * @sv: server
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_server_follow_deadline(struct rblk_server *sv)
{
	return to_follow(sv) ? sv->follow_at : U64_MAX;
}
