// SPDX-License-Identifier: GPL-2.0
/*
 * Background application of committed entries to the data device. It lags on
 * purpose: blocks that are overwritten meanwhile are written only once.
 */
#include "internal.h"

static u64 since_checkpoint(const struct rblk_replica *r)
{
	const struct rblk_ent *ent = rblk_replica_ent(r, r->ckpt_index);

	return r->log.head_pos - (ent ? ent->pos : r->log.floor_pos);
}

/*
 * Is a checkpoint needed to make room in the log or its table? Entries older than
 * the checkpoint can go at any time, but half of the log stays for peers that lag.
 * So a checkpoint is needed once a quarter of either was used since the last one.
 */
bool rblk_replica_pressure(const struct rblk_replica *r)
{
	return since_checkpoint(r) * 4 > rblk_replica_ring(r) ||
	       (r->last - r->ckpt_index) * 4 >= rblk_replica_entries(r);
}

/**
 * rblk_replica_log_full() - must writes wait for a checkpoint?
 * @r: replica
 *
 * After a power cut of all nodes, nothing is known to be committed until a quorum has in its
 * rings all that a new leader inherited, from the checkpoint on, and the leader's no-op. On
 * another member the same entries may take up to twice the space: each in a record of its
 * own, where here many shared one. So less than half of the ring may be used.
 *
 * Return: true if more than two fifths were used since the checkpoint.
 */
bool rblk_replica_log_full(const struct rblk_replica *r)
{
	return since_checkpoint(r) * 5 > rblk_replica_ring(r) * 2;
}

/**
 * rblk_replica_room() - how much may be on its way to the log of this leader
 * @r: replica, the leader
 * @sessions: who share it; each may send one write, however large
 *
 * What the log has and is not executed counts as on its way, too: clients know of no
 * other end. Within this bound, all of it finds memory, space in the ring, even if each
 * block takes twice its size, and lines in the table, one for each block. (Zeroes have no
 * blocks. Windows bound them, and if there are too many of them, they are dropped.)
 *
 * Return: blocks; 0: writes have to wait.
 */
u64 rblk_replica_room(const struct rblk_replica *r, u32 sessions)
{
	u64 executed = rblk_replica_executed(r);
	const struct rblk_ent *next = executed + 1 < r->log_next ?
				      rblk_replica_ent(r, executed + 1) : NULL;
	u64 used = since_checkpoint(r) - (next ? r->log.head_pos - next->pos : 0);
	u64 lines = rblk_replica_spare_entries(r) + r->last - executed;
	u64 reserve = NODE_LEAD_RESERVE + NODE_SESSION_RESERVE;
	u64 ring = rblk_replica_ring(r) * 2 / 5, room;

	if (used >= ring || lines <= reserve)
		return 0;
	room = (ring - used) / 2;
	/* Rather wait for the checkpoint, which is due by now, than drop what is too large. */
	if (room < (u64)sessions * RBLK_WRITE_MAX && used * 4 > rblk_replica_ring(r))
		return 0;
	room = min_t(u64, room, r->g->cfg.limits.uncommitted_bytes);
	return max_t(u64, min_t(u64, room >> RBLK_BLOCK_SHIFT, lines - reserve), 1);
}

/**
 * rblk_replica_apply_urgent() - does something wait for entries to be applied?
 * @r: replica
 *
 * Return: true if it does, or will soon.
 */
bool rblk_replica_apply_urgent(const struct rblk_replica *r)
{
	if (!rblk_vol_unapplied_entries(r->vol))
		return false;
	return r->execute_blocked || r->reads_stalled || r->ckpt_wanted ||
	       rblk_replica_pressure(r) || rblk_replica_rewrite_waits(r) ||
	       rblk_vol_unapplied(r->vol) >= r->g->cfg.limits.apply_bytes;
}

static bool apply_wanted(const struct rblk_replica *r)
{
	if (rblk_replica_apply_urgent(r))
		return true;
	return rblk_vol_unapplied_entries(r->vol) &&
	       r->g->now >= r->idle_since + NODE_APPLY_IDLE_NS;
}

/*
 * How far a batch may go: up to what is durable in the own log (so that a
 * checkpoint never passes it, and payload may be dropped once it is applied), and
 * not beyond an entry from before the start whose payload has yet to be read back.
 */
static u64 apply_limit(struct rblk_replica *r)
{
	u64 limit = min_t(u64, rblk_replica_executed(r), r->rst.durable);
	u64 first = rblk_replica_applied(r) + 1;
	u64 end = min_t(u64, limit, min_t(u64, r->boot_last, first + r->g->cfg.limits.batch));
	u64 i;

	if (r->nodata)
		return limit;
	for (i = first; i <= end; i++) {
		struct rblk_ent *ent = rblk_replica_ent(r, i);

		if (!ent->e.nblocks || ent->buf)
			continue;
		rblk_replica_feed_want(&r->apply_feed, i, min_t(u64, limit, r->boot_last));
		return i - 1;
	}
	return first > r->boot_last || end == r->boot_last ? limit : end;
}

/* The newest entry that all peers being fed have. Payload after it should stay in memory. */
static u64 slowest_peer(const struct rblk_replica *r)
{
	u64 slowest = U64_MAX;
	u32 i;

	if (!rblk_replica_leads(r))
		return slowest;
	for (i = 0; i < r->rst.npeers; i++)
		if (r->rst.peer[i].active && r->rst.peer[i].state != RAFT_PEER_RESYNC)
			slowest = min_t(u64, slowest, r->rst.peer[i].match);
	return slowest;
}

/**
 * rblk_replica_release_run() - drops the payload of entries that nobody needs soon
 * @r: replica
 *
 * An applied entry keeps its payload until the connected peers have it, or until
 * the payload kept for them exceeds its bound: then the peers are fed from the log.
 * Nothing is kept when a readback found no memory, since what is kept may be what
 * takes it up.
 */
void rblk_replica_release_run(struct rblk_replica *r)
{
	u64 slowest;

	if (r->released >= rblk_replica_applied(r))
		return;
	slowest = r->readback_starved ? U64_MAX : slowest_peer(r);
	r->readback_starved = false;
	while (r->released < rblk_replica_applied(r)) {
		struct rblk_ent *ent = &r->ent[(r->released + 1) & r->mask];

		if (ent->e.index > slowest && r->held_bytes <= r->g->cfg.limits.apply_bytes)
			return;
		rblk_replica_release_next(r);
	}
}

static void applied(struct rblk_replica *r, u64 from, u64 to)
{
	u64 i;

	for (i = from; i <= to; i++)
		if (r->ent[i & r->mask].buf)
			r->held_bytes += r->ent[i & r->mask].buf->nblocks * RBLK_BLOCK_SIZE;
	rblk_replica_release_run(r);
	r->applies++;
	r->idle_since = r->g->now;
	rblk_ground_trace(r->g, NODE_T_APPLIED, to, 0);
}

/* Collects the payload of a batch. apply_limit() has seen to it that all of it is there. */
static bool payload_in_memory(struct rblk_replica *r, const struct vol_batch *b)
{
	u32 i;

	for (i = 0; i < b->nitem; i++) {
		r->apply_buf[i] = r->ent[b->item[i].index & r->mask].buf;
		if (!r->apply_buf[i])
			return false;
	}
	return true;
}

/**
 * rblk_replica_apply_run() - plans a batch and hands it to the host
 * @r: replica
 *
 * A batch with nothing to write is done at once, and the next one planned. Each covers at
 * least one entry that was executed, so there are no more of them than the table has lines.
 */
void rblk_replica_apply_run(struct rblk_replica *r)
{
	struct vol_batch b;
	u64 limit, from;

	while (!r->apply_busy && apply_wanted(r) && !rblk_replica_resync_holds(r) &&
	       !rblk_replica_content_turn(r)) {
		from = rblk_replica_applied(r) + 1;
		limit = min_t(u64, apply_limit(r), rblk_replica_verify_limit(r));
		if (limit < from)
			return;
		rblk_vol_keep_unwritten(r->vol, !rblk_replica_may_fill(r));
		if (!rblk_vol_apply_plan(r->vol, limit, &b)) {
			r->resync.waits = true;
			return;
		}
		r->resync.waits = false;
		rblk_ground_trace(r->g, NODE_T_APPLY, b.last, b.nitem);
		if (!b.nzero && !b.nitem) {
			rblk_vol_apply_done(r->vol);
			applied(r, from, b.last);
			continue;
		}
		if (RBLK_ASSERT(&r->g->alarm, payload_in_memory(r, &b)))
			return;
		r->applied_blocks += b.nitem;
		r->resync.batches++;
		r->apply_busy = true;
		rblk_replica_begin(r, RBLK_IO_APPLY);
		r->g->ops->data_apply(r->g->host, &b, r->apply_buf);
	}
}

/**
 * rblk_replica_apply_done() - the host has applied a batch, or failed to
 * @r: replica
 * @error: 0 or -errno
 */
void rblk_replica_apply_done(struct rblk_replica *r, int error)
{
	u64 from = rblk_replica_applied(r) + 1;

	if (rblk_replica_data_ended(r, RBLK_IO_APPLY) ||
	    RBLK_ASSERT(&r->g->alarm, r->apply_busy))
		return;
	r->apply_busy = false;
	rblk_replica_end(r, RBLK_IO_APPLY);
	if (r->g->halt != NODE_RUNNING)
		return;
	if (rblk_replica_resync_landed(r, error) || rblk_replica_rewrite_done(r, error)) {
		if (error)
			rblk_replica_data_failed(r, error);
		return;
	}
	if (error) {
		rblk_vol_apply_abort(r->vol);
		rblk_replica_data_failed(r, error);
		return;
	}
	rblk_vol_apply_done(r->vol);
	applied(r, from, rblk_replica_applied(r));
	r->reads_stalled = false;
	r->reads_due = true;
}

u64 rblk_replica_apply_deadline(const struct rblk_replica *r)
{
	if (r->apply_busy || !rblk_vol_unapplied_entries(r->vol) ||
	    rblk_replica_applied(r) >= min_t(u64, r->rst.durable, rblk_replica_verify_limit(r)))
		return U64_MAX;
	if (r->apply_feed.rb.busy || r->apply_feed.wanted)
		return U64_MAX;
	/* Until a chunk has landed, or there is room to apply something else, nothing can be. */
	if (r->resync.waits || rblk_replica_resync_holds(r))
		return U64_MAX;
	return r->idle_since + NODE_APPLY_IDLE_NS;
}
