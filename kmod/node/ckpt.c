// SPDX-License-Identifier: GPL-2.0
/*
 * Checkpoints, and the metadata they end in. The order is what makes trimming
 * safe, each step durable before the next begins:
 *
 *   data flushed -> data header -> change map -> metadata (both copies) -> trim
 *
 * The metadata of a checkpoint carries the new floor as well; the ring below it
 * is free, and raft told, only when both copies hold it.
 */
#include "internal.h"

static bool ckpt_due(const struct rblk_node *m)
{
	if (rblk_replica_applied(m) <= m->ckpt_index)
		return false;
	if (m->ckpt_wanted)
		return !rblk_vol_unapplied_entries(m->vol) || rblk_replica_pressure(m);
	if (rblk_replica_pressure(m))
		return true;
	return !m->apply_busy && m->now >= m->idle_since + NODE_CKPT_IDLE_NS;
}

static void begin_ckpt(struct rblk_node *m)
{
	struct data_super ds = {
		.store = m->cfg.super.store,
		.seq = m->data_seq + 1,
	};

	m->ckpt_state = *rblk_vol_applied(m->vol);
	ds.index = m->ckpt_state.index;
	ds.term = m->ckpt_state.term;
	memcpy(ds.volume, m->cfg.super.volume, sizeof(ds.volume));
	memcpy(ds.volume_name, m->cfg.super.volume_name, sizeof(ds.volume_name));
	memcpy(ds.node, m->cfg.super.node, sizeof(ds.node));
	rblk_log_data_super_encode(&ds, m->block);
	m->ckpt = CKPT_SYNC;
	m->ckpt_busy = true;
	rblk_node_trace(m, NODE_T_CHECKPOINT, m->ckpt_state.index, CKPT_SYNC);
	m->ops->data_sync(m->host, m->block);
}

/*
 * So full that nothing can be kept for those who lag. A message is taken whole
 * or not at all: without room for the largest, none may ever come in.
 */
static bool low_space(const struct rblk_node *m)
{
	return rblk_log_free_bytes(&m->log) * 8 < m->cfg.super.ring_bytes ||
	       rblk_replica_free_entries(m) * 8 < m->mask ||
	       rblk_replica_free_entries(m) < WIRE_ENTRIES_MAX + NODE_LEAD_RESERVE;
}

/*
 * The newest entry that the log need not keep: of what is checkpointed, the last
 * half of the ring (and of the table) stays for peers that lag. With a
 * checkpoint every quarter, a quarter is left to breathe.
 */
static u64 floor_index(const struct rblk_node *m, u64 ckpt)
{
	u64 keep = m->cfg.super.ring_bytes / 2;
	u64 lo = m->base.index, hi = ckpt, newest;

	if (low_space(m))
		return ckpt;
	if (m->log.head_pos <= m->log.floor_pos + keep &&
	    rblk_replica_free_entries(m) > m->mask / 2)
		return m->base.index;
	newest = m->last > m->mask / 2 ? m->last - m->mask / 2 : 0;
	/* Positions ascend with the index: find the last one below head - keep. */
	while (lo < hi) {
		u64 mid = lo + (hi - lo + 1) / 2;

		if (m->ent[mid & m->mask].pos + keep <= m->log.head_pos || mid < newest)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

static void set_floor(struct rblk_node *m)
{
	u64 floor = floor_index(m, m->ckpt_state.index);

	if (floor <= m->base.index)
		return;
	/* The ring's floor is coarser, and may stay: the table is relieved all the same. */
	rblk_log_floor(&m->log, floor, &m->meta);
	m->meta.floor.index = floor;
	m->meta.floor.term = rblk_raft_term_at(m->raft, floor);
}

static void write_meta_state(struct rblk_node *m)
{
	m->meta.state = m->ckpt_state;
	if (m->conf.index <= m->ckpt_state.index) {
		m->meta.conf = m->conf;
		m->meta.prev_conf = m->conf;
	} else {
		m->meta.conf = m->prev_conf;
		m->meta.prev_conf = m->prev_conf;
	}
	set_floor(m);
	m->ckpt = CKPT_META;
	m->ckpt_busy = false;
	m->meta_dirty = true;
}

/*
 * Cramped by entries that cannot be checkpointed before they are committed: what
 * the newest checkpoint covers is given up after all. It may be in the way of the
 * very entry that commits them.
 */
static void trim_only(struct rblk_node *m)
{
	u64 floor = m->meta.floor.index;

	m->ckpt_state = m->meta.state;
	set_floor(m);
	if (m->meta.floor.index == floor)
		return;
	m->ckpt = CKPT_META;
	m->meta_dirty = true;
}

static void next_map_block(struct rblk_node *m)
{
	int n = rblk_vol_map_dirty(m->vol, m->map_next);

	if (n < 0) {
		write_meta_state(m);
		return;
	}
	rblk_log_map_encode(&m->cfg.super, n, rblk_vol_map(m->vol, n), m->block);
	/* Clean before the write: a change during it makes the block dirty again. */
	rblk_vol_map_clean(m->vol, n);
	m->map_next = n + 1;
	m->ckpt_busy = true;
	m->ops->map_write(m->host, rblk_node_map_offset(m, n), m->block);
}

/**
 * rblk_replica_ckpt_run() - starts or continues a checkpoint
 * @m: member
 */
void rblk_replica_ckpt_run(struct rblk_node *m)
{
	if (m->ckpt == CKPT_IDLE && ckpt_due(m))
		begin_ckpt(m);
	else if (m->ckpt == CKPT_IDLE && low_space(m))
		trim_only(m);
	else if (m->ckpt == CKPT_IDLE && m->ckpt_wanted && !rblk_vol_unapplied_entries(m->vol))
		m->ckpt_wanted = false;
}

/**
 * rblk_replica_ckpt_deadline() - when an idle volume wants to checkpoint
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_replica_ckpt_deadline(const struct rblk_node *m)
{
	if (m->ckpt != CKPT_IDLE || m->apply_busy || rblk_replica_applied(m) <= m->ckpt_index)
		return U64_MAX;
	/* Wanted at once: what it waits for are events, and time would only be spun away. */
	if (m->ckpt_wanted)
		return U64_MAX;
	return m->idle_since + NODE_CKPT_IDLE_NS;
}

/**
 * rblk_node_data_sync_done() - the data device is flushed, its header written
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_data_sync_done(struct rblk_node *m, int error, u64 now)
{
	m->now = now;
	m->ckpt_busy = false;
	if (m->halt != NODE_RUNNING)
		return;
	if (error) {
		rblk_node_halt(m, NODE_HALT_DATA, error);
		return;
	}
	m->data_seq++;
	m->ckpt = CKPT_MAP;
	m->map_next = 0;
	next_map_block(m);
}

/**
 * rblk_node_map_done() - a block of the change map is written
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_map_done(struct rblk_node *m, int error, u64 now)
{
	m->now = now;
	m->ckpt_busy = false;
	if (m->halt != NODE_RUNNING)
		return;
	if (error) {
		rblk_node_halt(m, NODE_HALT_LOG, error);
		return;
	}
	next_map_block(m);
}

static void ckpt_ended(struct rblk_node *m)
{
	struct raft_event ev = { .type = RAFT_EV_COMPACTED, .now = m->now };

	m->ckpt = CKPT_IDLE;
	m->ckpt_index = m->ckpt_state.index;
	m->checkpoints++;
	m->idle_since = m->now;
	rblk_node_trace(m, NODE_T_CHECKPOINT, m->ckpt_index, CKPT_IDLE);
	if (m->meta.floor.index > m->base.index) {
		rblk_log_trim(&m->log, &m->meta);
		rblk_replica_compact(m, &m->meta.floor);
		ev.done.index = m->base.index;
		rblk_replica_step(m, &ev);
		rblk_node_trace(m, NODE_T_TRIM, m->base.index + 1, rblk_log_used_bytes(&m->log));
	}
	rblk_node_note(m, NODE_N_CHECKPOINT, m->ckpt_index);
}

/**
 * rblk_replica_meta_run() - writes the metadata when it changed
 * @m: member
 *
 * One version at a time; what changes meanwhile goes into the next.
 */
void rblk_replica_meta_run(struct rblk_node *m)
{
	if (!m->meta_dirty || m->meta_busy)
		return;
	m->meta_dirty = false;
	m->meta_busy = true;
	m->meta_copy = 0;
	m->meta_version_written = m->meta_version;
	m->meta_has_ckpt = m->ckpt == CKPT_META;
	rblk_replica_remember(m);
	m->meta.version++;
	m->meta.watermark = m->log.durable_seq;
	rblk_log_meta_encode(&m->meta, &m->cfg.super, m->meta_buf);
	m->meta_writes++;
	m->ops->meta_write(m->host, rblk_log_meta_offset(0), m->meta_buf);
}

/**
 * rblk_node_meta_done() - a metadata slot is written
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_meta_done(struct rblk_node *m, int error, u64 now)
{
	struct raft_event ev = { .type = RAFT_EV_META_DONE, .now = now };

	m->now = now;
	if (error) {
		m->meta_busy = false;
		rblk_node_halt(m, NODE_HALT_LOG, error);
		return;
	}
	if (m->meta_copy == 0) {
		m->meta_copy = 1;
		m->ops->meta_write(m->host, rblk_log_meta_offset(1), m->meta_buf);
		return;
	}
	m->meta_busy = false;
	if (m->halt != NODE_RUNNING)
		return;
	m->started = true;
	if (m->meta_has_ckpt)
		ckpt_ended(m);
	if (m->bootstrapping || !m->meta_version_written)
		return;
	ev.done.meta_version = m->meta_version_written;
	rblk_replica_step(m, &ev);
}
