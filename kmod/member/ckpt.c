// SPDX-License-Identifier: GPL-2.0
/*
 * Checkpoints, and the metadata they end in. The order is what makes trimming
 * safe, each step durable before the next begins:
 *
 *   data flushed -> data header -> change map -> metadata (both slots) -> trim
 *
 * The metadata of a checkpoint carries the new floor as well; the ring below it
 * is free, and raft told, only when both slots hold it.
 */
#include "internal.h"

static bool ckpt_due(const struct member *m)
{
	if (member_applied(m) <= m->ckpt_index)
		return false;
	if (m->ckpt_wanted)
		return !vol_unapplied_entries(m->vol) || member_pressure(m);
	if (member_pressure(m))
		return true;
	return !m->apply_busy && m->now >= m->idle_since + MEMBER_CKPT_IDLE_NS;
}

static void begin(struct member *m)
{
	struct data_super ds = {
		.store = m->cfg.super.store,
		.seq = m->data_seq + 1,
	};

	m->ckpt_state = *vol_applied(m->vol);
	ds.index = m->ckpt_state.index;
	ds.term = m->ckpt_state.term;
	memcpy(ds.volume, m->cfg.super.volume, sizeof(ds.volume));
	memcpy(ds.volume_name, m->cfg.super.volume_name, sizeof(ds.volume_name));
	memcpy(ds.node, m->cfg.super.node, sizeof(ds.node));
	data_super_encode(&ds, m->block);
	m->ckpt = CKPT_SYNC;
	m->ckpt_busy = true;
	member_trace(m, MEMBER_T_CHECKPOINT, m->ckpt_state.index, CKPT_SYNC);
	m->ops->data_sync(m->host, m->block);
}

/*
 * So full that nothing can be kept for those who lag. A message is taken whole
 * or not at all: without room for the largest, none may ever come in.
 */
static bool cramped(const struct member *m)
{
	return log_room(&m->log) * 8 < m->cfg.super.ring_bytes ||
	       member_room(m) * 8 < m->mask ||
	       member_room(m) < WIRE_ENTRIES_MAX + MEMBER_LEAD_RESERVE;
}

/*
 * The newest entry that the log need not keep: of what is checkpointed, the last
 * half of the ring (and of the table) stays for peers that lag. With a
 * checkpoint every quarter, a quarter is left to breathe.
 */
static u64 floor_index(const struct member *m, u64 ckpt)
{
	u64 keep = m->cfg.super.ring_bytes / 2;
	u64 lo = m->base.index, hi = ckpt, newest;

	if (cramped(m))
		return ckpt;
	if (m->log.head_pos <= m->log.floor_pos + keep && member_room(m) > m->mask / 2)
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

static void set_floor(struct member *m)
{
	u64 floor = floor_index(m, m->ckpt_state.index);

	if (floor <= m->base.index)
		return;
	/* The ring's floor is coarser, and may stay: the table is relieved all the same. */
	log_floor(&m->log, floor, &m->meta);
	m->meta.floor.index = floor;
	m->meta.floor.term = raft_term_at(m->raft, floor);
}

static void write_meta_state(struct member *m)
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
static void trim_only(struct member *m)
{
	u64 floor = m->meta.floor.index;

	m->ckpt_state = m->meta.state;
	set_floor(m);
	if (m->meta.floor.index == floor)
		return;
	m->ckpt = CKPT_META;
	m->meta_dirty = true;
}

static void next_map_block(struct member *m)
{
	int n = vol_map_dirty(m->vol, m->map_next);

	if (n < 0) {
		write_meta_state(m);
		return;
	}
	log_map_encode(&m->cfg.super, n, vol_map(m->vol, n), m->block);
	/* Clean before the write: a change during it makes the block dirty again. */
	vol_map_clean(m->vol, n);
	m->map_next = n + 1;
	m->ckpt_busy = true;
	m->ops->map_write(m->host, member_map_offset(m, n), m->block);
}

/**
 * member_ckpt_run() - starts or continues a checkpoint
 * @m: member
 */
void member_ckpt_run(struct member *m)
{
	if (m->ckpt == CKPT_IDLE && ckpt_due(m))
		begin(m);
	else if (m->ckpt == CKPT_IDLE && cramped(m))
		trim_only(m);
	else if (m->ckpt == CKPT_IDLE && m->ckpt_wanted && !vol_unapplied_entries(m->vol))
		m->ckpt_wanted = false;
}

/**
 * member_ckpt_deadline() - when an idle volume wants to checkpoint
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 member_ckpt_deadline(const struct member *m)
{
	if (m->ckpt != CKPT_IDLE || m->apply_busy || member_applied(m) <= m->ckpt_index)
		return U64_MAX;
	/* Wanted at once: what it waits for are events, and time would only be spun away. */
	if (m->ckpt_wanted)
		return U64_MAX;
	return m->idle_since + MEMBER_CKPT_IDLE_NS;
}

/**
 * member_data_sync_done() - the data device is flushed, its header written
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void member_data_sync_done(struct member *m, int error, u64 now)
{
	m->now = now;
	m->ckpt_busy = false;
	if (m->halt != MEMBER_RUNNING)
		return;
	if (error) {
		member_halt(m, MEMBER_HALT_DATA, error);
		return;
	}
	m->data_seq++;
	m->ckpt = CKPT_MAP;
	m->map_next = 0;
	next_map_block(m);
}

/**
 * member_map_done() - a block of the change map is written
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void member_map_done(struct member *m, int error, u64 now)
{
	m->now = now;
	m->ckpt_busy = false;
	if (m->halt != MEMBER_RUNNING)
		return;
	if (error) {
		member_halt(m, MEMBER_HALT_LOG, error);
		return;
	}
	next_map_block(m);
}

static void ckpt_ended(struct member *m)
{
	struct raft_event ev = { .type = RAFT_EV_COMPACTED, .now = m->now };

	m->ckpt = CKPT_IDLE;
	m->ckpt_index = m->ckpt_state.index;
	m->checkpoints++;
	m->idle_since = m->now;
	member_trace(m, MEMBER_T_CHECKPOINT, m->ckpt_index, CKPT_IDLE);
	if (m->meta.floor.index > m->base.index) {
		log_trim(&m->log, &m->meta);
		member_compact(m, &m->meta.floor);
		ev.done.index = m->base.index;
		member_step(m, &ev);
		member_trace(m, MEMBER_T_TRIM, m->base.index + 1, log_used(&m->log));
	}
	member_note(m, MEMBER_N_CHECKPOINT, m->ckpt_index);
}

/**
 * member_meta_run() - writes the metadata when it changed
 * @m: member
 *
 * One version at a time; what changes meanwhile goes into the next.
 */
void member_meta_run(struct member *m)
{
	if (!m->meta_dirty || m->meta_busy)
		return;
	m->meta_dirty = false;
	m->meta_busy = true;
	m->meta_slot = 0;
	m->meta_ticket_written = m->meta_ticket;
	m->meta_has_ckpt = m->ckpt == CKPT_META;
	member_remember(m);
	m->meta.version++;
	m->meta.watermark = m->log.durable_seq;
	log_meta_encode(&m->meta, &m->cfg.super, m->meta_buf);
	m->meta_writes++;
	m->ops->meta_write(m->host, log_meta_offset(0), m->meta_buf);
}

/**
 * member_meta_done() - a metadata slot is written
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void member_meta_done(struct member *m, int error, u64 now)
{
	struct raft_event ev = { .type = RAFT_EV_META_DONE, .now = now };

	m->now = now;
	if (error) {
		m->meta_busy = false;
		member_halt(m, MEMBER_HALT_LOG, error);
		return;
	}
	if (m->meta_slot == 0) {
		m->meta_slot = 1;
		m->ops->meta_write(m->host, log_meta_offset(1), m->meta_buf);
		return;
	}
	m->meta_busy = false;
	if (m->halt != MEMBER_RUNNING)
		return;
	m->started = true;
	if (m->meta_has_ckpt)
		ckpt_ended(m);
	if (m->bootstrapping || !m->meta_ticket_written)
		return;
	ev.done.ticket = m->meta_ticket_written;
	member_step(m, &ev);
}
