// SPDX-License-Identifier: GPL-2.0
/*
 * Execution: the state machine takes committed entries in log order, without
 * waiting for the data device. Then run.c tells everything that waits for a
 * verdict.
 */
#include "internal.h"

/* Does another node change the first two blocks, which say where partitions are? */
static bool changes_head(const struct rblk_replica *r, const struct rblk_entry *e)
{
	const struct rblk_session *own;

	if ((e->kind != RBLK_E_WRITE && e->kind != RBLK_E_ZEROES) ||
	    e->sector >= 2 * RBLK_SECTORS_PER_BLOCK)
		return false;
	own = rblk_vol_session_of(r->vol, r->g->cfg.super.store);
	return !own || own->epoch != e->epoch;
}

/**
 * rblk_replica_execute() - executes what is committed, as far as the volume has room
 * @r: replica
 */
void rblk_replica_execute(struct rblk_replica *r)
{
	u64 before = rblk_replica_executed(r), i;

	r->execute_blocked = false;
	for (i = before + 1; i <= r->commit; i++) {
		struct rblk_ent *ent = rblk_replica_live(r, i);
		int verdict;

		if (!ent)
			return;
		verdict = rblk_vol_execute(r->vol, &ent->e);
		if (verdict == -EAGAIN) {
			r->execute_blocked = true;
			break;
		}
		if (verdict == -EINVAL)
			return;		/* asserted there: it is not the next entry */
		rblk_ground_trace(r->g, NODE_T_VERDICT, i, (u64)-verdict);
		if (!verdict && changes_head(r, &ent->e))
			r->g->ops->head_changed(r->g->host);
		rblk_replica_rewrite_executed(r, &ent->e);
		if (ent->e.kind == RBLK_E_VERIFY)
			rblk_replica_marked(r, &ent->e);
	}
	if (rblk_replica_executed(r) != before) {
		r->idle_since = r->g->now;
		r->reads_due = true;
	}
}
