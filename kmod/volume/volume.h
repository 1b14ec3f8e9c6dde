/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pure volume layer: the replicated state machine of a block device. It is fed
 * committed entries in log order and answers with verdicts; it knows which
 * blocks are committed but not yet in the data device, plans their background
 * application, answers where a read finds its data, and keeps the change map.
 *
 * Payload is named (entry index, n-th block of the entry); who holds it is the
 * caller's business. Replicated state (sessions, digest) depends on nothing but
 * the entries. Memory is one arena, sized by rblk_vol_size().
 */
#ifndef RBLK_VOLUME_H
#define RBLK_VOLUME_H

#include "state.h"

struct vol_geom {
	u64 sectors;		/* of the volume, 512-byte */
	u32 block_size;		/* 512 or 4096 */
	bool shared;		/* several sessions at once */
	u32 region_shift;	/* bytes of a change-map region, log2 */
	u32 versions;		/* block versions committed and not applied, at most */
	u32 ranges;		/* zero ranges committed and not applied, at most */
	u32 batch;		/* blocks in one apply batch, at most (<= versions) */
	/*
	 * The entry of @index, NULL when it is no longer (or not yet) in the log.
	 * Every entry that is committed and not applied must be there.
	 */
	const struct rblk_entry *(*entry)(void *ctx, u64 index);
	void *ctx;
};

struct vol;

/* 0: the geometry makes no sense (batch < RBLK_ENTRY_BLOCKS_MAX, batch > versions, ...). */
size_t rblk_vol_size(const struct vol_geom *g);

/*
 * @mem: rblk_vol_size() zeroed bytes, 8-byte aligned. @at: state at the checkpoint.
 * The entries after it are committed again. NULL: geometry or state make no sense.
 */
struct vol *rblk_vol_init(void *mem, const struct vol_geom *g, const struct rblk_state *at);

/*
 * Pure verdict on the next entry (index must be s->index + 1), updating @s:
 * shared by the live and the checkpointed state.
 *  0		takes effect
 *  -ESTALE	its session is not the current one: no effect, on any replica
 *  -EALREADY	a duplicate (seq <= last): no effect
 *  -EPROTO	a gap in the session's sequence, an OPEN without a store: no effect
 *  -EBUSY	OPEN: the expected epoch is not the current one, or (shared) no place
 *  -ERANGE	beyond the end of the volume, or not aligned to its blocks; it has
 *		used up its sequence number all the same
 *  -EINVAL	RBLK_ASSERT fired: not the next entry; @s is as it was
 */
int rblk_vol_verdict(struct rblk_state *s, const struct vol_geom *g, const struct rblk_entry *e);

/*
 * Commits the next entry. A verdict, or -EAGAIN: the index has no room for it;
 * nothing changed, apply first.
 */
int rblk_vol_execute(struct vol *v, const struct rblk_entry *e);

/* State after every committed entry, and as of the applied index. */
const struct rblk_state *rblk_vol_executed(const struct vol *v);
const struct rblk_state *rblk_vol_applied(const struct vol *v);

/* The exclusive session; NULL: none, or the volume is shared. */
const struct rblk_session *rblk_vol_session(const struct vol *v);
const struct rblk_session *rblk_vol_session_of(const struct vol *v, u64 store);

/* Is the range within the volume, and aligned to its blocks? */
bool rblk_vol_fits(u64 sectors, u32 block_size, u64 sector, u32 nsect);

/* ---- reads ---- */

enum vol_seg_kind {
	VOL_SEG_DATA,		/* in the data device */
	VOL_SEG_PAYLOAD,	/* block @nth of entry @index, sectors from @off in it */
	VOL_SEG_ZERO,
};

struct vol_seg {
	u8 kind;
	u8 off;			/* PAYLOAD: first sector within the 4 KiB block */
	u32 nsect;
	u64 sector;		/* of the volume */
	u64 index;		/* PAYLOAD: entry */
	u32 nth;		/* PAYLOAD: which of its blocks */
};

/*
 * Where the committed content of a range is. Fills at most @max segments, in
 * order; returns their number; *done tells how many sectors they cover.
 * Adjacent segments of the same kind on the data device (or zero) are merged.
 */
int rblk_vol_lookup(const struct vol *v, u64 sector, u32 nsect, struct vol_seg *seg, int max,
		    u32 *done);

/* Did an entry committed after @index touch the range (or is that unknown)? */
bool rblk_vol_touched_since(const struct vol *v, u64 index, u64 sector, u32 nsect);

/* ---- background application ---- */

struct vol_item {
	u64 block;		/* of the volume, 4 KiB */
	u64 index;		/* entry and block of the payload */
	u32 nth;
	u8 mask;		/* sectors to write */
};

struct vol_zero {
	u64 sector;
	u32 nsect;
};

/*
 * A batch covers the entries (applied, last]. Everything in @zero must be on the
 * device before anything in @item is written; within each, any order will do:
 * items are disjoint, sorted by block, and superseded versions are left out.
 */
struct vol_batch {
	u64 last;
	u32 nzero, nitem;
	const struct vol_zero *zero;
	const struct vol_item *item;
};

/* Bytes of payload committed and not applied. */
u64 rblk_vol_unapplied(const struct vol *v);
u64 rblk_vol_unapplied_entries(const struct vol *v);

/* Plans the next batch, up to entry @limit. False: nothing to do. One batch at a time. */
bool rblk_vol_apply_plan(struct vol *v, u64 limit, struct vol_batch *b);

/* The planned batch is on the device (not necessarily flushed): versions are free again. */
void rblk_vol_apply_done(struct vol *v);

/* The planned batch failed: forget the plan; everything is as before it. */
void rblk_vol_apply_abort(struct vol *v);

/* ---- change map: per region, the index of the last entry that touched it ---- */

u32 rblk_vol_map_blocks(const struct vol *v);
/* Next dirty map block from @from on; -1: none. */
int rblk_vol_map_dirty(const struct vol *v, u32 from);
/*
 * Call it when the block's content is copied out to be written, not when the
 * write is done: what changes in between makes the block dirty again. Trim only
 * after the write; if it fails, halt (or rblk_vol_map_load() the block as not ok).
 */
void rblk_vol_map_clean(struct vol *v, u32 block);
u64 *rblk_vol_map(struct vol *v,
		  u32 block); /* RBLK_MAP_PER_BLOCK values, 0 behind the last region */
/*
 * Until it is loaded, a block counts as changed at the checkpoint. May come at
 * any time after rblk_vol_init(): what was touched since stays. @ok false: the block
 * could not be read: all its regions count as changed at @now_index.
 */
void rblk_vol_map_load(struct vol *v, u32 block, const u64 *val, bool ok, u64 now_index);

/* Replicated state only: equal on all replicas at the same index. */
u64 rblk_vol_digest(const struct vol *v);

/* Every invariant. 0, or -EUCLEAN after RBLK_ASSERT fired. O(versions): for tests and debugging. */
int rblk_vol_check(const struct vol *v);

#endif /* RBLK_VOLUME_H */
