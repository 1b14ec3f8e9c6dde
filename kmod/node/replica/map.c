// SPDX-License-Identifier: GPL-2.0
/*
 * The change map on the log device. A checkpoint writes what differs, in runs of blocks, and each
 * run twice, so that a torn or rotten block leaves the other one. What both copies lack counts as
 * changed, or as absent.
 */
#include "internal.h"

/* Which block of the disk is this one of the volume? There, regions come first. */
static u32 on_disk(const struct rblk_replica *r, u32 block)
{
	u32 bits = rblk_vol_bit_blocks(r->vol);

	if (block >= bits)
		return block - bits;
	return rblk_log_map_regions(&r->g->cfg.super) + block;
}

static void write_blocks(struct rblk_replica *r)
{
	const struct log_super *s = &r->g->cfg.super;

	r->ckpt_busy = true;
	rblk_replica_begin(r, RBLK_IO_BLOCK);
	r->g->ops->block_write(r->g->host,
			       rblk_log_map_offset(s, on_disk(r, r->map_block), r->map_copy),
			       r->block, r->map_run);
}

/* Adds a block to those that are written at once, behind them. */
static void add_block(struct rblk_replica *r, u32 block)
{
	rblk_log_map_encode(&r->g->cfg.super, on_disk(r, block), rblk_vol_map(r->vol, block),
			    r->block + r->map_run++ * RBLK_BLOCK_SIZE);
	/* Clean before the write: a change during it makes the block dirty again. */
	rblk_vol_map_clean(r->vol, block);
}

/*
 * Writes the next blocks that differ from the disk, as many as lie there one behind the other.
 * Returns false if there are none.
 */
static bool next_blocks(struct rblk_replica *r, u32 from)
{
	int n = rblk_vol_map_dirty(r->vol, from);

	if (n < 0)
		return false;
	r->map_block = n;
	r->map_copy = 0;
	r->map_run = 0;
	do {
		add_block(r, n++);
	} while (r->map_run < NODE_MAP_RUN && n != rblk_vol_bit_blocks(r->vol) &&
		 rblk_vol_map_dirty(r->vol, n) == n);
	write_blocks(r);
	return true;
}

/* Begins to write what differs from the disk. Returns false if nothing does. */
bool rblk_replica_map_begin(struct rblk_replica *r)
{
	return next_blocks(r, 0);
}

/* A copy of these blocks is written. Returns false if it was the last one. */
bool rblk_replica_map_next(struct rblk_replica *r)
{
	if (r->map_copy == LOG_COPIES - 1)
		return next_blocks(r, r->map_block + r->map_run);
	r->map_copy++;
	write_blocks(r);
	return true;
}

/* @sum: set to a checksum of what was read */
static bool read_copy(struct rblk_replica *r, const struct log_reader *rd, u32 block, int copy,
		      u32 *sum)
{
	const struct log_super *s = &r->g->cfg.super;
	u64 *val = (u64 *)r->block;	/* RBLK_MAP_PER_BLOCK values fit in a block */
	u32 n = on_disk(r, block);

	if (rd->read(rd->ctx, rblk_log_map_offset(s, n, copy), rd->scratch, RBLK_BLOCK_SIZE) ||
	    rblk_log_map_decode(s, n, val, rd->scratch))
		return false;
	*sum = rblk_crc32c(0, val, RBLK_MAP_PER_BLOCK * sizeof(*val));
	return true;
}

/* It is not known any more whether the device holds these regions, or they are unwritten. */
static void lose_regions(struct rblk_replica *r, u32 block)
{
	u32 i, first = block * RBLK_MAP_PER_BLOCK;

	for (i = first; i < first + RBLK_MAP_PER_BLOCK; i++)
		if (r->last)
			rblk_vol_want(r->vol, i, r->last, 0);
		else
			rblk_vol_set_unwritten(r->vol, i, true);
	if (!r->last)
		return;
	r->resync.from = max_t(u64, r->resync.from, r->ckpt_index);
	r->meta.absent_from = r->resync.from;
}

static void load_block(struct rblk_replica *r, const struct log_reader *rd, u32 block,
		       struct rblk_map_report *rep)
{
	bool is_bits = block < rblk_vol_bit_blocks(r->vol);
	u32 sum[LOG_COPIES] = {};
	bool second = read_copy(r, rd, block, 1, &sum[1]);
	bool first = read_copy(r, rd, block, 0, &sum[0]);
	bool ok = first || (second && read_copy(r, rd, block, 1, &sum[1]));

	if (!rblk_vol_map_load(r->vol, block, (u64 *)r->block, ok, r->last)) {
		/* What was applied to it since it became absent may have gone with that. */
		r->resync.from = max_t(u64, r->resync.from, r->ckpt_index);
		r->meta.absent_from = r->resync.from;
	}
	if (!ok && !is_bits && r->meta.flags & LOG_META_UNWRITTEN)
		lose_regions(r, block - rblk_vol_bit_blocks(r->vol));
	if (!is_bits)
		rblk_replica_resync_loaded(r, block - rblk_vol_bit_blocks(r->vol));
	/* Bits that were never of use were never written. */
	rep->lost += !ok && !is_bits;
	/* If they differ, power was cut between the two: the first one is newer. */
	if (!ok || (first && second && sum[0] == sum[1]))
		return;
	rep->mended += !first || !second;
	rblk_vol_map_redo(r->vol, block);
}

/**
 * rblk_replica_map_load() - reads the change map
 * @r: replica, started, that did nothing yet
 * @rd: reads the log device
 * @rep: filled: what was found
 *
 * The blocks with bits are not read unless something is absent.
 *
 * Context: may sleep in @rd.
 */
void rblk_replica_map_load(struct rblk_replica *r, const struct log_reader *rd,
			   struct rblk_map_report *rep)
{
	u32 i = rblk_replica_resync_bits(r) ? 0 : rblk_vol_bit_blocks(r->vol);

	memset(rep, 0, sizeof(*rep));
	for (; i < rblk_vol_map_blocks(r->vol); i++) {
		load_block(r, rd, i, rep);
		rep->blocks++;
	}
	if (r->absent || rblk_vol_complete(r->vol))
		return;
	/* The map was written, and power was cut before the metadata was. */
	r->absent = true;
	r->meta.flags |= LOG_META_ABSENT;
	r->meta.absent_from = r->resync.from;
}
