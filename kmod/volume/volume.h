/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pure volume layer: the replicated state machine of a block device. It is
 * fed committed entries in log order and answers each with a verdict. It knows
 * which blocks are committed and not yet on the data device, plans how they get
 * there, says where a read finds its data, and keeps the change map.
 *
 * It refers to payload as block n of entry i; who holds it is the caller's
 * business. The replicated state (sessions and digest) depends on the entries and
 * on nothing else. All memory is one arena of rblk_vol_size() bytes.
 *
 * The caller gives each committed entry once, in the order of the log, keeps those that
 * are not applied, ends a batch before it asks for the next, and looks up what is within
 * the volume. In return, a batch covers all that its entries wrote. This is asserted.
 *
 * The data device of a replica that is resynchronised lacks blocks of the image. A batch never
 * covers an entry that wrote a part of such a block: it waits until the block has landed.
 *
 * The functions are described where they are defined.
 */
#ifndef RBLK_VOLUME_H
#define RBLK_VOLUME_H

#include "state.h"

struct vol_geom {
	u64 sectors;		/* size of the volume, in 512-byte sectors */
	u32 block_size;		/* logical block: 512 or 4096 bytes */
	bool shared;		/* several sessions at the same time */
	u32 region_shift;	/* log2 of the bytes in a region of the change map */
	u32 versions;		/* block versions committed and not applied, at most */
	u32 ranges;		/* zero ranges committed and not applied, at most */
	u32 batch;		/* blocks in one batch, at most; <= versions */
	/*
	 * Returns the entry at @index, or NULL if it is not in the log. Every
	 * entry that is committed and not applied must be there.
	 */
	const struct rblk_entry *(*entry)(void *ctx, u64 index);
	void *ctx;
	struct rblk_alarm *alarm;	/* an invariant is broken; may be NULL */
};

struct vol;

size_t rblk_vol_size(const struct vol_geom *g);
struct vol *rblk_vol_init(void *mem, const struct vol_geom *g, const struct rblk_state *at);
void rblk_vol_install(struct vol *v, const struct rblk_state *at);

int rblk_vol_verdict(struct rblk_state *s, const struct vol_geom *g, const struct rblk_entry *e);
int rblk_vol_execute(struct vol *v, const struct rblk_entry *e);
const struct rblk_state *rblk_vol_executed(const struct vol *v);
const struct rblk_state *rblk_vol_applied(const struct vol *v);
const struct rblk_session *rblk_vol_session(const struct vol *v);
const struct rblk_session *rblk_vol_session_of(const struct vol *v, u64 store);
bool rblk_vol_fits(u64 sectors, u32 block_size, u64 sector, u32 nsect);

/* ---- reads ---- */

enum vol_seg_kind {
	VOL_SEG_DATA,		/* on the data device */
	VOL_SEG_PAYLOAD,	/* in block @nth of entry @index, from sector @off on */
	VOL_SEG_ZERO,		/* nowhere: it reads as zeroes */
};

struct vol_seg {
	u8 kind;		/* enum vol_seg_kind */
	u8 off;			/* PAYLOAD: first sector within the 4 KiB block */
	u32 nsect;
	u64 sector;		/* first sector, on the volume */
	u64 index;		/* PAYLOAD: the entry */
	u32 nth;		/* PAYLOAD: which of its blocks, from 0 */
};

int rblk_vol_lookup(const struct vol *v, u64 sector, u32 nsect, struct vol_seg *seg, int max,
		    u32 *done);
bool rblk_vol_touched_since(const struct vol *v, u64 index, u64 sector, u32 nsect);

/* ---- background application ---- */

/* A block of payload to be written. */
struct vol_item {
	u64 block;		/* 4 KiB block of the volume */
	u64 index;		/* entry that has the payload */
	u32 nth;		/* which of its blocks, from 0 */
	u8 mask;		/* sectors to write, lowest bit first */
};

/* A range to be zeroed. */
struct vol_zero {
	u64 sector;
	u32 nsect;
};

/*
 * A batch covers the entries after the applied one, up to @last. All of @zero must
 * be on the device before any of @item is written; within each, any order will
 * do. Items are disjoint and sorted by block; superseded versions are left out.
 */
struct vol_batch {
	u64 last;
	u32 nzero, nitem;
	const struct vol_zero *zero;
	const struct vol_item *item;
};

u64 rblk_vol_unapplied(const struct vol *v);
u64 rblk_vol_unapplied_entries(const struct vol *v);
bool rblk_vol_apply_plan(struct vol *v, u64 limit, struct vol_batch *b);
void rblk_vol_apply_done(struct vol *v);
void rblk_vol_apply_abort(struct vol *v);
void rblk_vol_forgo(struct vol *v);

/* ---- change map: for each region, the index of the last entry that touched it ---- */

u32 rblk_vol_map_blocks(const struct vol *v);
u32 rblk_vol_bit_blocks(const struct vol *v);
int rblk_vol_map_dirty(const struct vol *v, u32 from);
void rblk_vol_map_clean(struct vol *v, u32 block);
void rblk_vol_map_redo(struct vol *v, u32 block);
u64 *rblk_vol_map(struct vol *v, u32 block);
bool rblk_vol_map_load(struct vol *v, u32 block, const u64 *val, bool ok, u64 now_index);

/* ---- what the data device lacks, see absent.c ---- */

u64 rblk_vol_absent(const struct vol *v);
bool rblk_vol_complete(const struct vol *v);
void rblk_vol_want_all(struct vol *v);
void rblk_vol_want(struct vol *v, u32 region, u64 changed, u64 since);
void rblk_vol_want_like(struct vol *v, u32 shift, u32 region, u64 changed, u64 since);
u32 rblk_vol_regions(const struct vol *v);
bool rblk_vol_needed(const struct vol *v, bool (*skip)(void *ctx, u32 chunk), void *ctx,
		     u32 *chunk);
bool rblk_vol_next_absent(const struct vol *v, u32 from, bool (*skip)(void *ctx, u32 chunk),
			  void *ctx, u32 *chunk);
void rblk_vol_chunk(const struct vol *v, u32 chunk, u64 *sector, u32 *nsect);
bool rblk_vol_block_absent(const struct vol *v, u64 block);
void rblk_vol_landed(struct vol *v, u32 chunk);
void rblk_vol_settle(struct vol *v);
u64 rblk_vol_map_value(const struct vol *v, u32 region);

/* ---- regions that nothing was written to, see unwritten.c ---- */

void rblk_vol_set_unwritten(struct vol *v, u32 region, bool tell);
void rblk_vol_keep_unwritten(struct vol *v, bool keep);
u32 rblk_vol_unwritten(const struct vol *v);
bool rblk_vol_fills(const struct vol *v);

/* ---- for checks ---- */

u64 rblk_vol_digest(const struct vol *v);
int rblk_vol_check(const struct vol *v);

#endif /* RBLK_VOLUME_H */
