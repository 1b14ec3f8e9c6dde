// SPDX-License-Identifier: GPL-2.0
/* The status of a replica, and the audit of its invariants. */
#include "internal.h"

static void resync_status(const struct rblk_replica *r, struct rblk_resync_status *st)
{
	const struct rblk_resync *s = &r->resync;

	st->installs = s->installs;
	rblk_replica_pace_status(r, st);
	st->bytes = s->bytes;
	st->zero_bytes = s->zero_bytes;
	st->same_bytes = s->same_bytes;
	st->pulled_bytes = s->bytes - s->bytes_before;
	st->absent_bytes = rblk_vol_absent(r->vol) << RBLK_BLOCK_SHIFT;
	st->source = s->phase == RESYNC_NONE ? NODE_PEERS_MAX : s->source;
	if (r->rst.resync || r->absent)
		st->ns = max_t(u64, r->g->now - s->since_ns, 1);
}

static void replica_counters(const struct rblk_replica *r, struct rblk_node_status *st)
{
	st->proposals_refused = r->proposals_refused;
	st->truncated = r->truncated;
	st->readbacks = r->readbacks;
	st->records = r->records;
	st->log_bytes = r->log_bytes;
	st->applies = r->applies;
	st->applied_blocks = r->applied_blocks;
	st->checkpoints = r->checkpoints;
	st->meta_writes = r->meta_writes;
	st->copies_mended = r->copies_mended;
	st->rots = r->rots;
	st->unwritten_bytes = (u64)rblk_vol_unwritten(r->vol) << r->g->cfg.super.region_shift;
}

/**
 * rblk_replica_progress() - finds what raft knows of another member
 * @r: replica
 * @store: of the member
 *
 * Return: its progress, as of the newest rblk_replica_report(); NULL: no such member.
 */
const struct raft_peer_status *rblk_replica_progress(const struct rblk_replica *r, u64 store)
{
	u32 i;

	for (i = 0; i < r->rst.npeers; i++)
		if (r->rst.peer[i].store == store)
			return &r->rst.peer[i];
	return NULL;
}

/**
 * rblk_replica_suffice() - are these members a quorum?
 * @r: replica
 * @is: whether the member with this store is one of them
 * @ctx: of @is
 *
 * Return: true if they are.
 */
bool rblk_replica_suffice(const struct rblk_replica *r, bool (*is)(void *ctx, u64 store),
			  void *ctx)
{
	return rblk_raft_suffice(r->raft, is, ctx);
}

/**
 * rblk_replica_status() - fills in the replica's part of a node's status
 * @r: replica
 * @st: filled in part
 */
void rblk_replica_status(const struct rblk_replica *r, struct rblk_node_status *st)
{
	const struct rblk_state *executed = rblk_vol_executed(r->vol);
	u32 i;

	st->raft = r->rst;
	st->generation = r->meta.generation;
	st->executed_index = executed->index;
	st->digest = rblk_vol_digest(r->vol);
	st->applied_index = rblk_replica_applied(r);
	st->checkpoint_index = r->ckpt_index;
	st->unapplied_bytes = rblk_vol_unapplied(r->vol);
	st->ring_bytes = r->g->cfg.super.ring_bytes;
	st->ring_used = rblk_log_used_bytes(&r->log);
	st->log_entries = r->last - r->base.index;
	st->log_entries_max = r->mask + 1;
	st->inflight_records = r->log.nrec;
	for (i = 0; i < RBLK_DEVICES; i++)
		if (r->late_since[i])
			st->late_ns[i] = r->g->now - r->late_since[i];
	st->nsessions = executed->nsessions;
	memcpy(st->sessions, executed->session, sizeof(st->sessions));
	st->absent = r->absent;
	resync_status(r, &st->resync);
	rblk_replica_compare_status(r, &st->verify);
	rblk_replica_rewrite_status(r, st);
	rblk_replica_lag_status(r, st);
	replica_counters(r, st);
}

static bool cursors_ok(const struct rblk_replica *r)
{
	u64 applied = rblk_replica_applied(r), executed = rblk_replica_executed(r);
	struct rblk_alarm *alarm = &r->g->alarm;

	if (RBLK_ASSERT(alarm, r->base.index <= r->ckpt_index) ||
	    RBLK_ASSERT(alarm, r->ckpt_index <= applied) ||
	    RBLK_ASSERT(alarm, applied <= executed) ||
	    RBLK_ASSERT(alarm, executed <= r->commit) ||
	    RBLK_ASSERT(alarm, r->commit <= r->last))
		return false;
	if (RBLK_ASSERT(alarm, applied <= r->rst.durable) ||
	    RBLK_ASSERT(alarm, r->released <= applied) ||
	    RBLK_ASSERT(alarm, r->log_next <= r->last + 1) ||
	    RBLK_ASSERT(alarm, r->last - r->base.index <= r->mask + 1))
		return false;
	if (r->bootstrapping)
		return true;
	return !RBLK_ASSERT(alarm, r->last == r->rst.last.index) &&
	       !RBLK_ASSERT(alarm, r->commit == r->rst.commit) &&
	       !RBLK_ASSERT(alarm, r->base.index == r->rst.snap.index);
}

/* Is payload in memory until it is applied, and not after it was released? */
static bool payloads_ok(const struct rblk_replica *r)
{
	struct rblk_alarm *alarm = &r->g->alarm;
	u64 i;

	for (i = r->base.index + 1; i <= r->last; i++) {
		const struct rblk_ent *ent = &r->ent[i & r->mask];
		bool needed = ent->e.nblocks && i > rblk_replica_applied(r) && i > r->boot_last;

		if (RBLK_ASSERT(alarm, ent->e.index == i) ||
		    RBLK_ASSERT(alarm, !needed || ent->buf) ||
		    RBLK_ASSERT(alarm, !ent->buf || i > r->released) ||
		    RBLK_ASSERT(alarm, !ent->buf || ent->buf->nblocks == ent->e.nblocks))
			return false;
	}
	return true;
}

/**
 * rblk_replica_ok() - audits raft, the log, the volume and the cursors between them
 * @r: replica
 * @deep: also what takes time in proportion to the log and the index
 *
 * Return: false after RBLK_ASSERT fired.
 */
bool rblk_replica_ok(const struct rblk_replica *r, bool deep)
{
	if (rblk_raft_check(r->raft) || rblk_log_check(&r->log) || !cursors_ok(r))
		return false;
	return !deep || (!rblk_vol_check(r->vol) && payloads_ok(r));
}
