// SPDX-License-Identifier: GPL-2.0
/*
 * Background application of committed entries to the data device. It lags on
 * purpose: what is overwritten meanwhile is written once.
 */
#include "internal.h"

static u64 since_checkpoint(const struct rblk_node *m)
{
	const struct rblk_ent *ent = rblk_replica_ent(m, m->ckpt_index);

	return m->log.head_pos - (ent ? ent->pos : m->log.floor_pos);
}

/**
 * rblk_replica_pressure() - is a checkpoint needed to relieve the log or its table?
 * @m: member
 *
 * What is older than the checkpoint can go at any time; a half of it stays for
 * peers that lag, so the rest must be checkpointed by the quarter.
 *
 * Return: true when a quarter of either was used since the checkpoint.
 */
bool rblk_replica_pressure(const struct rblk_node *m)
{
	return since_checkpoint(m) * 4 > m->cfg.super.ring_bytes ||
	       (m->last - m->ckpt_index) * 4 > m->mask;
}

/**
 * rblk_replica_log_full() - must writes wait for a checkpoint?
 * @m: member
 *
 * After a blackout nobody knows what is committed until all that a new leader
 * inherited, since the checkpoint, is in the rings of a quorum, and its no-op
 * behind. On another member the same entries may take up to twice the ring, one
 * record each where here many shared one. So not even half of it may be in use.
 *
 * Return: true when more than two fifths were used since the checkpoint.
 */
bool rblk_replica_log_full(const struct rblk_node *m)
{
	return since_checkpoint(m) * 5 > m->cfg.super.ring_bytes * 2;
}

static bool apply_wanted(const struct rblk_node *m)
{
	if (!rblk_vol_unapplied_entries(m->vol))
		return false;
	if (m->execute_blocked || m->reads_stalled || m->ckpt_wanted || rblk_replica_pressure(m))
		return true;
	if (rblk_vol_unapplied(m->vol) >= m->cfg.limits.apply_bytes)
		return true;
	return m->now >= m->idle_since + NODE_APPLY_IDLE_NS;
}

/*
 * How far a batch may go: what is durable in the own log (so that a checkpoint
 * never passes it, and payload may be dropped once applied), and up to the first
 * entry of before the start whose payload has to be read back first.
 */
static u64 apply_limit(struct rblk_node *m)
{
	u64 limit = min_t(u64, rblk_replica_executed(m), m->rst.durable);
	u64 first = rblk_replica_applied(m) + 1;
	u64 end = min_t(u64, limit, min_t(u64, m->boot_last, first + m->cfg.limits.batch));
	u64 i;

	for (i = first; i <= end; i++) {
		struct rblk_ent *ent = rblk_replica_ent(m, i);

		if (!ent->e.nblocks || ent->buf)
			continue;
		if (!m->apply_rb.rb.busy) {
			m->apply_rb.readback_wanted = true;
			m->apply_rb.readback_first = i;
			m->apply_rb.readback_last = min_t(u64, limit, m->boot_last);
		}
		return i - 1;
	}
	return first > m->boot_last || end == m->boot_last ? limit : end;
}

/* The slowest peer that is being fed: its payload had better be in memory. */
static u64 slowest_peer(const struct rblk_node *m)
{
	u64 slowest = U64_MAX;
	u32 i;

	if (!rblk_replica_leads(m))
		return slowest;
	for (i = 0; i < m->rst.npeers; i++)
		if (m->rst.peer[i].active && m->rst.peer[i].state != RAFT_PEER_RESYNC)
			slowest = min_t(u64, slowest, m->rst.peer[i].match);
	return slowest;
}

/**
 * rblk_replica_release_run() - drops the payload of entries that nobody needs soon
 * @m: member
 *
 * An applied entry keeps its payload until the connected peers have it, or until
 * what is kept so exceeds its bound: then the peer is fed from the log. So it is
 * when a readback found no memory: what is kept may be just that.
 */
void rblk_replica_release_run(struct rblk_node *m)
{
	u64 slowest;

	if (m->released >= rblk_replica_applied(m))
		return;
	slowest = m->readback_starved ? U64_MAX : slowest_peer(m);
	m->readback_starved = false;
	while (m->released < rblk_replica_applied(m)) {
		struct rblk_ent *ent = &m->ent[(m->released + 1) & m->mask];

		if (ent->e.index > slowest && m->held_bytes <= m->cfg.limits.apply_bytes)
			return;
		rblk_replica_release_next(m);
	}
}

static void applied(struct rblk_node *m, u64 from, u64 to)
{
	u64 i;

	for (i = from; i <= to; i++)
		if (m->ent[i & m->mask].buf)
			m->held_bytes += m->ent[i & m->mask].buf->nblocks * RBLK_BLOCK_SIZE;
	rblk_replica_release_run(m);
	m->applies++;
	m->idle_since = m->now;
	rblk_node_trace(m, NODE_T_APPLIED, to, 0);
}

/**
 * rblk_replica_apply_run() - plans a batch and hands it to the host
 * @m: member
 */
void rblk_replica_apply_run(struct rblk_node *m)
{
	struct vol_batch b;
	u64 limit, from;
	u32 i;

	while (!m->apply_busy && apply_wanted(m)) {
		from = rblk_replica_applied(m) + 1;
		limit = apply_limit(m);
		if (limit < from || !rblk_vol_apply_plan(m->vol, limit, &b))
			return;
		rblk_node_trace(m, NODE_T_APPLY, b.last, b.nitem);
		if (!b.nzero && !b.nitem) {
			rblk_vol_apply_done(m->vol);
			applied(m, from, b.last);
			continue;
		}
		for (i = 0; i < b.nitem; i++)
			m->apply_buf[i] = m->ent[b.item[i].index & m->mask].buf;
		m->applied_blocks += b.nitem;
		m->apply_busy = true;
		m->ops->data_apply(m->host, &b, m->apply_buf);
	}
}

/**
 * rblk_node_apply_done() - a batch is on the data device
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_apply_done(struct rblk_node *m, int error, u64 now)
{
	u64 from = rblk_replica_applied(m) + 1;

	m->now = now;
	m->apply_busy = false;
	if (m->halt != NODE_RUNNING)
		return;
	if (error) {
		rblk_vol_apply_abort(m->vol);
		rblk_node_halt(m, NODE_HALT_DATA, error);
		return;
	}
	rblk_vol_apply_done(m->vol);
	applied(m, from, rblk_replica_applied(m));
	if (m->execute_blocked)
		rblk_replica_execute(m);
	m->reads_stalled = false;
	rblk_reads_check(m);
}

/**
 * rblk_replica_apply_deadline() - when an idle volume wants to apply
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_replica_apply_deadline(const struct rblk_node *m)
{
	if (m->apply_busy || !rblk_vol_unapplied_entries(m->vol) ||
	    rblk_replica_applied(m) >= m->rst.durable)
		return U64_MAX;
	if (m->apply_rb.rb.busy || m->apply_rb.readback_wanted)
		return U64_MAX;
	return m->idle_since + NODE_APPLY_IDLE_NS;
}
