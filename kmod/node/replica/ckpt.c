// SPDX-License-Identifier: GPL-2.0
/*
 * Checkpoints, and the metadata that each of them ends with. The order is what
 * makes trimming safe; each step is durable before the next one begins:
 *
 *   data flushed -> data header (both copies) -> change map -> metadata (both copies) -> trim
 *
 * The metadata of a checkpoint holds the new floor as well. Only when both copies
 * hold it, the ring below it is free, and raft is told.
 */
#include "internal.h"

static bool ckpt_due(const struct rblk_replica *r)
{
	if (rblk_replica_resync_forbids(r) || r->nodata)
		return false;
	if (rblk_replica_resync_due(r))
		return true;
	if (rblk_replica_applied(r) <= r->ckpt_index)
		return false;
	if (r->rotten > r->ckpt_index)
		return true;
	if (r->ckpt_wanted)
		return !rblk_vol_unapplied_entries(r->vol) || rblk_replica_pressure(r);
	if (rblk_replica_pressure(r))
		return true;
	return !r->apply_busy && r->g->now >= r->idle_since + NODE_CKPT_IDLE_NS;
}

/*
 * Writes a copy of the data header. One is durable before the other one is touched, so that a
 * torn write always leaves one of them.
 */
void rblk_replica_write_header(struct rblk_replica *r, u8 copy, bool flush)
{
	r->data_copy = copy;
	rblk_log_data_super_encode(&r->data, r->block);
	rblk_replica_begin(r, RBLK_IO_SYNC);
	r->g->ops->data_sync(r->g->host, rblk_log_data_offset(copy), r->block, flush);
}

/* Flushes the data device, and its header says what it has and lacks; the map follows. */
void rblk_replica_data_sync(struct rblk_replica *r)
{
	r->data.seq++;
	r->data.upto = rblk_replica_resync_upto(r);
	r->ckpt = CKPT_SYNC;
	r->ckpt_busy = true;
	rblk_ground_trace(r->g, NODE_T_CHECKPOINT, r->ckpt_state.index, CKPT_SYNC);
	/* A copy that could not be mended: the good one is not touched before it. */
	r->data_first = !!(r->damaged & LOG_C_BIT(LOG_C_DATA2));
	rblk_replica_write_header(r, r->data_first, true);
}

static void begin_ckpt(struct rblk_replica *r)
{
	rblk_replica_resync_settle(r);
	r->ckpt_state = *rblk_vol_applied(r->vol);
	r->data.index = r->ckpt_state.index;
	r->data.term = r->ckpt_state.term;
	rblk_replica_data_sync(r);
}

/* A checkpoint has begun to flush, and has not written all of the map. */
bool rblk_replica_flushes(const struct rblk_replica *r)
{
	return r->ckpt == CKPT_SYNC || r->ckpt == CKPT_MAP;
}

/*
 * May unwritten regions be filled? Not while a checkpoint flushes, see volume/unwritten.c; nor is
 * one kept waiting by batches that do so, one after the other.
 */
bool rblk_replica_may_fill(const struct rblk_replica *r)
{
	return !rblk_replica_flushes(r) && !r->resync.old && !ckpt_due(r);
}

/*
 * Is the log too full to keep anything for peers that lag? It is at the latest when
 * there is no room for the next entry.
 */
static bool low_space(const struct rblk_replica *r)
{
	return rblk_log_free_bytes(&r->log) * 8 < r->g->cfg.super.ring_bytes ||
	       rblk_replica_free_entries(r) * 8 < r->mask ||
	       rblk_replica_free_entries(r) <= NODE_LEAD_RESERVE;
}

/*
 * The newest entry that the log need not keep. The newest half of the ring (and of
 * the table) stays for peers that lag, even where it is checkpointed. With a
 * checkpoint every quarter, the last quarter remains free.
 */
static u64 sound_floor(const struct rblk_replica *r, u64 ckpt)
{
	u64 keep = rblk_replica_kept_bytes(r), kept = rblk_replica_kept_entries(r);
	u64 lo = r->base.index, hi = ckpt, newest;

	if (low_space(r))
		return ckpt;
	if (r->log.head_pos <= r->log.floor_pos + keep &&
	    rblk_replica_free_entries(r) > kept)
		return r->base.index;
	newest = r->last > kept ? r->last - kept : 0;
	/* Positions ascend with the index: find the last one below head - keep. */
	while (lo < hi) {
		u64 mid = lo + (hi - lo + 1) / 2;

		if (r->ent[mid & r->mask].pos + keep <= r->log.head_pos || mid < newest)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

static void set_floor(struct rblk_replica *r)
{
	u64 ckpt = r->ckpt_state.index;
	u64 floor = max_t(u64, sound_floor(r, ckpt), min_t(u64, r->rotten, ckpt));

	if (floor <= r->base.index)
		return;
	/*
	 * The floor of the ring is coarser, and may stay: the table gets its room
	 * all the same.
	 */
	rblk_log_floor(&r->log, floor, &r->meta);
	r->meta.floor.index = floor;
	r->meta.floor.term = rblk_raft_term_at(r->raft, floor);
}

/* The state of another member: the log begins again behind it. */
static void write_installed(struct rblk_replica *r)
{
	struct rblk_id id = { .index = r->ckpt_state.index, .term = r->ckpt_state.term };

	r->meta.conf = r->resync.base.conf;
	r->meta.prev_conf = r->meta.conf;
	r->meta.absent_from = id.index;
	rblk_log_restart(&r->log, &id, &r->meta);
}

static void write_checkpoint(struct rblk_replica *r)
{
	if (rblk_vol_complete(r->vol)) {
		r->meta.flags &= ~LOG_META_ABSENT;
		r->meta.absent_from = 0;
	}
	if (r->g->conf.index <= r->ckpt_state.index) {
		r->meta.conf = r->g->conf;
		r->meta.prev_conf = r->g->conf;
	} else {
		r->meta.conf = r->prev_conf;
		r->meta.prev_conf = r->prev_conf;
	}
	set_floor(r);
}

static void write_meta_state(struct rblk_replica *r)
{
	r->meta.state = r->ckpt_state;
	/* A device that is older does not bring back numbers that another one has had. */
	if (!r->resync.marking)
		r->meta.image_seq = r->data.seq;
	if (r->resync.installing)
		write_installed(r);
	else if (!r->resync.marking)
		write_checkpoint(r);
	r->ckpt = CKPT_META;
	r->ckpt_busy = false;
	r->meta_dirty = true;
}

/*
 * Something checkpointed is rotten, or space is low because of entries that cannot be
 * checkpointed before they are committed. Then everything that the newest checkpoint covers is
 * given up, or as much as is rotten, even if peers lack it: it may take up the room for the very
 * entry that commits the others.
 */
static void trim_only(struct rblk_replica *r)
{
	u64 floor = r->meta.floor.index;

	r->ckpt_state = r->meta.state;
	set_floor(r);
	if (r->meta.floor.index == floor)
		return;
	r->ckpt = CKPT_META;
	r->meta_dirty = true;
}

/* Writes what differs from the disk of the change map, and then the metadata. */
void rblk_replica_map_write(struct rblk_replica *r)
{
	r->ckpt = CKPT_MAP;
	if (!rblk_replica_map_begin(r))
		write_meta_state(r);
}

/**
 * rblk_replica_ckpt_run() - starts or continues a checkpoint
 * @r: replica
 */
void rblk_replica_ckpt_run(struct rblk_replica *r)
{
	/* Who asks for one is not kept waiting for what cannot be. */
	r->ckpt_wanted &= !r->nodata;
	if (rblk_replica_mends(r))
		return;
	if (r->ckpt == CKPT_IDLE && ckpt_due(r) && !rblk_vol_fills(r->vol))
		begin_ckpt(r);
	else if (r->ckpt == CKPT_IDLE && (low_space(r) || r->rotten > r->base.index) &&
		 !rblk_replica_resync_forbids(r))
		trim_only(r);
	else if (r->ckpt == CKPT_IDLE && r->ckpt_wanted && !rblk_vol_unapplied_entries(r->vol))
		r->ckpt_wanted = false;
}

u64 rblk_replica_ckpt_deadline(const struct rblk_replica *r)
{
	if (r->ckpt != CKPT_IDLE || r->apply_busy || rblk_replica_applied(r) <= r->ckpt_index)
		return U64_MAX;
	/*
	 * A checkpoint that is wanted at once waits for events, and so does one that
	 * may not begin yet. A deadline would make the loop spin.
	 */
	if (r->ckpt_wanted || rblk_replica_mends(r) || rblk_replica_resync_forbids(r) || r->nodata)
		return U64_MAX;
	return r->idle_since + NODE_CKPT_IDLE_NS;
}

/**
 * rblk_replica_data_sync_done() - a copy of the data header is written
 * @r: replica
 * @error: 0 or -errno
 */
void rblk_replica_data_sync_done(struct rblk_replica *r, int error)
{
	if (rblk_replica_data_ended(r, RBLK_IO_SYNC) ||
	    rblk_replica_mend_done(r, RBLK_IO_SYNC, error))
		return;
	if (RBLK_ASSERT(&r->g->alarm, r->ckpt_busy && r->ckpt == CKPT_SYNC))
		return;
	rblk_replica_end(r, RBLK_IO_SYNC);
	if (error) {
		rblk_replica_data_failed(r, error);
		return;
	}
	rblk_replica_copy_written(r, LOG_C_DATA + r->data_copy);
	if (r->g->halt == NODE_RUNNING && r->data_copy == r->data_first) {
		rblk_replica_write_header(r, !r->data_first, false);
		return;
	}
	r->ckpt_busy = false;
	if (r->g->halt != NODE_RUNNING)
		return;
	rblk_replica_map_write(r);
}

/**
 * rblk_replica_block_done() - a block of the change map, or a superblock, is written
 * @r: replica
 * @error: 0 or -errno
 */
void rblk_replica_block_done(struct rblk_replica *r, int error)
{
	if (rblk_replica_mend_done(r, RBLK_IO_BLOCK, error))
		return;
	if (RBLK_ASSERT(&r->g->alarm, r->ckpt_busy && r->ckpt == CKPT_MAP))
		return;
	r->ckpt_busy = false;
	rblk_replica_end(r, RBLK_IO_BLOCK);
	if (r->g->halt != NODE_RUNNING)
		return;
	if (error) {
		rblk_ground_halt(r->g, NODE_HALT_LOG, error);
		return;
	}
	if (!rblk_replica_map_next(r))
		write_meta_state(r);
}

static void ckpt_ended(struct rblk_replica *r)
{
	struct raft_event ev = { .type = RAFT_EV_COMPACTED, .now = r->g->now };

	r->ckpt = CKPT_IDLE;
	r->ckpt_index = r->ckpt_state.index;
	r->checkpoints++;
	r->idle_since = r->g->now;
	rblk_ground_trace(r->g, NODE_T_CHECKPOINT, r->ckpt_index, CKPT_IDLE);
	if (r->resync.installing) {
		rblk_replica_resync_installed(r);
		return;
	}
	if (r->resync.marking) {
		rblk_replica_resync_marked(r);
		return;
	}
	if (r->meta.floor.index > r->base.index) {
		rblk_log_trim(&r->log, &r->meta);
		rblk_replica_compact(r, &r->meta.floor);
		rblk_replica_feeds_drop(r, r->base.index + 1, U64_MAX);
		ev.done.index = r->base.index;
		rblk_replica_step(r, &ev);
		rblk_ground_trace(r->g, NODE_T_TRIM, r->base.index + 1,
				  rblk_log_used_bytes(&r->log));
	}
	rblk_ground_note(r->g, NODE_N_CHECKPOINT, r->ckpt_index);
}

/*
 * What a start found damaged or older is written first: the newest version that there is must
 * not be lost with a write that the power cuts.
 */
static void write_meta_copy(struct rblk_replica *r, u8 copy)
{
	r->meta_copy = copy;
	rblk_replica_begin(r, RBLK_IO_META);
	r->g->ops->meta_write(r->g->host, rblk_log_meta_offset(copy), r->meta_buf);
}

/**
 * rblk_replica_meta_run() - writes the metadata when it changed
 * @r: replica
 *
 * One version at a time; what changes meanwhile goes into the next.
 */
void rblk_replica_meta_run(struct rblk_replica *r)
{
	if (!r->meta_dirty || r->meta_busy)
		return;
	rblk_replica_remember(r);
	r->meta.owed = r->rst.owed;
	r->meta.version++;
	rblk_log_watermark(&r->log, &r->meta);
	if (RBLK_ASSERT(&r->g->alarm,
			!rblk_log_meta_encode(&r->meta, &r->g->cfg.super, r->meta_buf)))
		return;
	r->meta_dirty = false;
	r->meta_busy = true;
	r->meta_version_written = r->meta_version;
	r->meta_has_ckpt = r->ckpt == CKPT_META;
	r->meta_has_seen = r->meta.seen.store;
	r->meta_absent = r->meta.flags & LOG_META_ABSENT;
	r->meta_term = r->meta.raft.term;
	r->meta_writes++;
	write_meta_copy(r, r->meta_first);
}

/**
 * rblk_replica_meta_done() - a copy of the metadata is written
 * @r: replica
 * @error: 0 or -errno
 */
void rblk_replica_meta_done(struct rblk_replica *r, int error)
{
	struct raft_event ev = { .type = RAFT_EV_META_DONE, .now = r->g->now };

	if (RBLK_ASSERT(&r->g->alarm, r->meta_busy))
		return;
	rblk_replica_end(r, RBLK_IO_META);
	if (error)
		rblk_ground_halt(r->g, NODE_HALT_LOG, error);
	else
		rblk_replica_copy_written(r, LOG_C_META + r->meta_copy);
	if (r->g->halt != NODE_RUNNING) {
		r->meta_busy = false;
		return;
	}
	if (r->meta_copy == r->meta_first) {
		write_meta_copy(r, !r->meta_first);
		return;
	}
	r->meta_busy = false;
	/* If the start gave up a part of the log, its floor is durable now. */
	if (!r->started)
		rblk_log_trim(&r->log, &r->meta);
	r->started = true;
	r->term_durable = r->meta_term;
	if (r->absent && !r->nodata && !r->meta_absent && !(r->meta.flags & LOG_META_ABSENT)) {
		r->absent = false;
		rblk_ground_note(r->g, NODE_N_RESYNC, NODE_RESYNC_WHOLE);
	}
	if (r->meta_has_seen) {
		rblk_ground_halt(r->g, r->meta.seen.nonce ? NODE_HALT_COPY : NODE_HALT_SET_BACK,
				 -ESTALE);
		return;
	}
	/* It was told while this was written: nothing goes on, and the next version says why. */
	if (r->meta.seen.store)
		return;
	if (r->meta_has_ckpt)
		ckpt_ended(r);
	if (r->bootstrapping || !r->meta_version_written)
		return;
	ev.done.meta_version = r->meta_version_written;
	rblk_replica_step(r, &ev);
}
