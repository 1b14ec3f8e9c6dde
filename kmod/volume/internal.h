/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the volume layer share. Versions and zero ranges come and
 * go in log order: they live in two rings, oldest first, and a batch always
 * frees a prefix of each. Nothing is ever allocated but at the head.
 */
#ifndef RBLK_VOLUME_INTERNAL_H
#define RBLK_VOLUME_INTERNAL_H

#include "volume.h"

#define VOL_NONE	U32_MAX

/* A block version: what one entry wrote to one 4 KiB block. */
struct vol_version {
	u64 block;
	u64 index;
	u32 next;	/* newest version of another block in this bucket; newest versions only */
	u32 older;	/* of the same block */
	u32 newer;
	u8 nth;
	u8 mask;
	u8 below;	/* sectors of all older versions; may say too much, never too little */
};

struct vol_range {
	u64 index;
	u64 sector;
	u32 nsect;
};

struct vol_plan {
	bool active;
	u32 nversion, nrange;	/* prefixes of the rings that the batch covers */
	struct rblk_state state;	/* after its last entry */
};

struct vol {
	struct vol_geom g;
	struct rblk_state executed;
	struct rblk_state applied;
	struct vol_plan plan;

	struct vol_version *version;
	u32 version_tail, nversion;
	u32 *bucket;
	u32 bucket_shift;	/* 64 - log2 of their number */

	struct vol_range *range;
	u32 range_tail, nrange;

	struct vol_item *item;	/* of the planned batch */
	struct vol_zero *zero;

	u64 *map;		/* whole map blocks: the last one is padded */
	u64 *map_dirty;		/* a bit a map block */
	u32 regions, map_blocks;
	u64 map_base;		/* values above it are of this start */
};

/* The @i-th oldest. */
static inline u32 rblk_vol_version_at(const struct vol *v, u32 i)
{
	u64 at = (u64)v->version_tail + i;

	return (u32)(at < v->g.versions ? at : at - v->g.versions);
}

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
u64 rblk_vol_map_regions(const struct vol_geom *g);
void rblk_vol_map_init(struct vol *v);
void rblk_vol_map_touch(struct vol *v, u64 sector, u32 nsect, u64 index);

#endif /* RBLK_VOLUME_INTERNAL_H */
