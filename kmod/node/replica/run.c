// SPDX-License-Identifier: GPL-2.0
/* Raft's share of a pass, and when the replica needs the next one. */
#include "internal.h"

/**
 * rblk_replica_tick() - lets raft act on its timers
 * @r: replica
 */
void rblk_replica_tick(struct rblk_replica *r)
{
	struct raft_event ev = { .type = RAFT_EV_TICK, .now = r->g->now };

	if (!r->bootstrapping && rblk_raft_deadline(r->raft) <= r->g->now)
		rblk_replica_step(r, &ev);
}

/**
 * rblk_replica_report() - tells raft what became of its messages
 * @r: replica
 *
 * Entries that could not be queued were not sent; payload that was read back can be
 * sent. Raft is never told from within its own step.
 */
void rblk_replica_report(struct rblk_replica *r)
{
	struct raft_event ev = { .type = RAFT_EV_UNSENT, .now = r->g->now };
	u32 i;

	for (i = 0; i < r->g->npeers; i++) {
		struct rblk_feed *f = &r->feed[i];

		if (f->unsent) {
			ev.store = r->g->peer[i].store;
			ev.first = f->unsent;
			f->unsent = 0;
			rblk_replica_step(r, &ev);
		}
		if (f->sendable) {
			f->sendable = false;
			if (rblk_peer_connected(&r->g->peer[i]))
				rblk_replica_step_store(r, RAFT_EV_REACHABLE,
							r->g->peer[i].store);
		}
	}
}

/**
 * rblk_replica_pump() - lets raft send new entries
 * @r: replica
 */
void rblk_replica_pump(struct rblk_replica *r)
{
	struct raft_event ev = { .type = RAFT_EV_PUMP, .now = r->g->now };
	int i;

	for (i = 0; i < NODE_PUMPS_MAX && rblk_raft_pending(r->raft); i++)
		if (rblk_replica_step(r, &ev) || !r->out->n)
			break;
}

/**
 * rblk_replica_deadline() - when the replica needs a pass at the latest
 * @r: replica, started
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_replica_deadline(const struct rblk_replica *r)
{
	u64 at = r->bootstrapping ? U64_MAX : rblk_raft_deadline(r->raft);

	at = min_t(u64, at, rblk_replica_writer_deadline(r));
	at = min_t(u64, at, rblk_replica_apply_deadline(r));
	at = min_t(u64, at, rblk_replica_resync_deadline(r));
	at = min_t(u64, at, rblk_replica_compare_deadline(r));
	at = min_t(u64, at, rblk_replica_rewrite_deadline(r));
	return min_t(u64, at, rblk_replica_ckpt_deadline(r));
}
