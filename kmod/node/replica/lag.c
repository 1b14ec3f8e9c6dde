// SPDX-License-Identifier: GPL-2.0
/*
 * How much may be written before a member that lags, or is about to be away, is behind what the log
 * keeps, and how much is written at present. The leader alone knows how far the others have got.
 */
#include "internal.h"

#define RATE_NS		(10 * RBLK_NSEC_PER_SEC)	/* the present is as long as this */

/**
 * rblk_replica_rate_run() - sees how much was written to the log of late
 * @r: replica
 */
void rblk_replica_rate_run(struct rblk_replica *r)
{
	struct rblk_rate *t = &r->rate;

	if (t->at && r->g->now < t->at + RATE_NS)
		return;
	if (t->at) {
		t->ns = r->g->now - t->at;
		t->bytes = r->log.head_pos - t->pos;
		t->entries = r->last > t->last ? r->last - t->last : 0;
	}
	t->at = r->g->now;
	t->pos = r->log.head_pos;
	t->last = r->last;
}

/* What the voter has that lags most and is still covered. Of some, nothing is known yet. */
static u64 least_match(const struct rblk_replica *r)
{
	const struct raft_peer_status *p;
	u64 least = r->last;

	for (p = r->rst.peer; p < r->rst.peer + r->rst.npeers; p++)
		if (p->flags & RBLK_M_IN && p->state != RAFT_PEER_RESYNC && p->match)
			least = min_t(u64, least, p->match);
	return least;
}

/* For the status. See floor_index() of ckpt.c, which is where the log is cut off. */
void rblk_replica_lag_status(const struct rblk_replica *r, struct rblk_node_status *st)
{
	u64 has = least_match(r), pos = r->log.head_pos;

	memset(&st->away, 0, sizeof(st->away));
	if (!rblk_replica_leads(r))
		return;
	st->away.rate_ns = r->rate.ns;
	st->away.rate_bytes = r->rate.bytes;
	st->away.rate_entries = r->rate.entries;
	if (has < r->base.index)
		return;
	if (has + 1 < r->log_next)
		pos = rblk_replica_ent(r, has + 1)->pos;
	st->away.entries = has + rblk_replica_kept_entries(r) -
			   min_t(u64, r->last, has + rblk_replica_kept_entries(r));
	st->away.bytes = pos + rblk_replica_kept_bytes(r) -
			 min_t(u64, r->log.head_pos, pos + rblk_replica_kept_bytes(r));
}
