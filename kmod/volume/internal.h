/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the volume layer share. Block versions and zero ranges come
 * and go in log order. They live in two rings, oldest first: new ones are added
 * at the head, and a batch always frees a prefix.
 */
#ifndef RBLK_VOLUME_INTERNAL_H
#define RBLK_VOLUME_INTERNAL_H

#include "volume.h"

#define VOL_NONE	U32_MAX

/* A block version: what one entry wrote to one 4 KiB block. */
struct vol_version {
	u64 block;
	u64 index;	/* of the entry */
	u32 next;	/* in a newest version: that of the next block in the bucket */
	u32 older;	/* next older version of the same block; indexes go down, so it ends */
	u32 newer;	/* next newer version of the same block */
	u8 nth;		/* which block of the entry, from 0 */
	u8 mask;	/* sectors that were written, lowest bit first */
	u8 below;	/* sectors that older versions have; may have too many, never too few */
};

/* What one entry zeroed. */
struct vol_range {
	u64 index;
	u64 sector;
	u32 nsect;
};

#define VOL_FILLS	16	/* unwritten regions that one batch fills, at most */

/* The batch that is being applied. */
struct vol_plan {
	bool active;
	u32 nversion, nrange;	/* how much of each ring the batch covers */
	u32 nfill, fill[VOL_FILLS];	/* unwritten regions that it writes to */
	struct rblk_state state;	/* replicated state after its last entry */
};

struct vol {
	struct vol_geom g;
	struct rblk_state executed;	/* after every committed entry */
	struct rblk_state applied;	/* after the last entry whose data is on the data device */
	struct vol_plan plan;
	bool forgone;		/* there is no data device: batches go nowhere */

	struct vol_version *version;	/* ring, in log order */
	u32 version_tail, nversion;
	u32 *bucket;		/* newest version of some block; VOL_NONE: empty */
	u32 bucket_shift;	/* 64 - log2 of the number of buckets */

	struct vol_range *range;	/* ring, in log order */
	u32 range_tail, nrange;

	struct vol_item *item;	/* of the planned batch */
	struct vol_zero *zero;

	/* An index per region, and a flag; the last map block is padded with zeroes. */
	u64 *map;
	u64 *map_dirty;		/* one bit per map block */
	u32 regions;
	u32 map_blocks, bit_blocks;	/* map blocks, and how many of them are those of @absent */
	u64 map_base;		/* applied index at the start; higher values are newer */

	u64 *absent;		/* one bit per 4 KiB block, in whole map blocks: see absent.c */
	u32 *absent_in;		/* how many there are in each of these map blocks */
	u64 *bits_known;	/* one bit per such map block: it was loaded */
	u64 nabsent;		/* blocks that are absent */
	u32 chunks;		/* of the volume */
	u32 nlacking;		/* regions with RBLK_MAP_ABSENT */

	u32 nunwritten;		/* regions with RBLK_MAP_UNWRITTEN: see unwritten.c */
	bool keeps_unwritten;	/* none of them may be filled now */
};

/* The newest entry that touched a region, or a later one. */
static inline u64 rblk_vol_changed(const struct vol *v, u32 region)
{
	return v->map[region] & ~RBLK_MAP_FLAGS;
}

/* Place of the @i-th oldest version, counting from 0. */
static inline u32 rblk_vol_version_at(const struct vol *v, u32 i)
{
	u64 at = (u64)v->version_tail + i;

	return (u32)(at < v->g.versions ? at : at - v->g.versions);
}

/* The @i-th oldest zero range, counting from 0. */
static inline const struct vol_range *rblk_vol_range_at(const struct vol *v, u32 i)
{
	u64 at = (u64)v->range_tail + i;

	return &v->range[at < v->g.ranges ? at : at - v->g.ranges];
}

static inline u32 rblk_vol_bucket_of(const struct vol *v, u64 block)
{
	return (u32)((block * 0x9e3779b97f4a7c15ULL) >> v->bucket_shift);
}

static inline bool rblk_vol_overlap(u64 a, u32 na, u64 b, u32 nb)
{
	return a < b + nb && b < a + na;
}

/* Sectors of @block that a range covers, as a bit mask. */
static inline u8 rblk_vol_range_mask(u64 sector, u32 nsect, u64 block)
{
	u64 base = block * RBLK_SECTORS_PER_BLOCK;
	u32 lo, hi;

	if (!rblk_vol_overlap(sector, nsect, base, RBLK_SECTORS_PER_BLOCK))
		return 0;
	lo = sector > base ? (u32)(sector - base) : 0;
	hi = sector + nsect < base + RBLK_SECTORS_PER_BLOCK ? (u32)(sector + nsect - base) :
							    RBLK_SECTORS_PER_BLOCK;
	return (u8)((0xffu << lo) & (0xffu >> (RBLK_SECTORS_PER_BLOCK - hi)));
}

/* extent.c */
void rblk_vol_ext_init(struct vol *v);
u32 rblk_vol_ext_find(const struct vol *v, u64 block);
bool rblk_vol_ext_fits(const struct vol *v, const struct rblk_entry *e);
void rblk_vol_ext_insert(struct vol *v, const struct rblk_entry *e);
void rblk_vol_ext_release(struct vol *v, u32 nversion, u32 nrange);

/* change.c */
u32 rblk_vol_region_of(const struct vol *v, u64 sector);
u64 rblk_vol_map_regions(const struct vol_geom *g);
void rblk_vol_map_init(struct vol *v);
void rblk_vol_map_touch(struct vol *v, u64 sector, u32 nsect, u64 index);
void rblk_vol_map_differs(struct vol *v, u32 block);
void rblk_vol_map_put(struct vol *v, u32 region, u64 value);

/* absent.c */
u32 rblk_vol_chunk_shift(const struct vol_geom *g);
u64 rblk_vol_bit_words(const struct vol_geom *g);
void rblk_vol_bits_load(struct vol *v, u32 block, const u64 *val);
bool rblk_vol_region_load(struct vol *v, u32 region, bool absent, bool ok);
bool rblk_vol_waits(const struct vol *v, u64 sector, u32 nsect);
void rblk_vol_written(struct vol *v, u64 sector, u32 nsect);
int rblk_vol_absent_check(const struct vol *v);

/* unwritten.c */
void rblk_vol_flag_unwritten(struct vol *v, u32 region, bool unwritten);
bool rblk_vol_block_unwritten(const struct vol *v, u64 block);
bool rblk_vol_plan_fills(struct vol *v, u64 sector, u32 nsect);
u32 rblk_vol_zero_batch(struct vol *v);
void rblk_vol_filled(struct vol *v);
int rblk_vol_unwritten_check(const struct vol *v);

#endif /* RBLK_VOLUME_INTERNAL_H */
