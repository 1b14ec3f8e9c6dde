// SPDX-License-Identifier: GPL-2.0
/*
 * What the data device lacks. A replica that was away for longer than the log of the others
 * covers, or that has another data device, goes on from the state of another member at once,
 * and pulls the content that it lacks from there, chunk by chunk. It does not matter which
 * entries the content of a chunk includes, beyond those that came before everything in the
 * own log: entries that it includes already are applied once more, in order, and the last of
 * them decides what a sector holds. So three rules do:
 *
 *  - nothing is applied to a chunk that is absent: its entries stay in the log until then;
 *  - what lands is not older than the beginning of the own log, as it was when the chunk
 *    began to be absent;
 *  - what has landed counts only once everything that it may include is applied. Until then
 *    it is a mixture of what was and what will be.
 *
 * Absence of chunks is known in memory only. On disk, the change map has a flag for each
 * region. It is taken back with a checkpoint that the third rule holds for, which flushes the
 * device in between. A crash before that makes the region absent as a whole, again.
 */
#include "internal.h"

#define CHUNK_SHIFT	17	/* RBLK_WRITE_MAX: one frame, one batch */
#define NEEDED_VERSIONS	64	/* unapplied versions that rblk_vol_needed() looks at */

static_assert(1u << CHUNK_SHIFT == RBLK_WRITE_MAX);

/* log2 of the bytes of a chunk: regions are made of whole ones. */
u32 rblk_vol_chunk_shift(const struct vol_geom *g)
{
	return min_t(u32, g->region_shift, CHUNK_SHIFT);
}

static u32 per_region(const struct vol *v)
{
	return 1u << (v->g.region_shift - rblk_vol_chunk_shift(&v->g));
}

static u32 chunk_of(const struct vol *v, u64 sector)
{
	return (u32)(sector >> (rblk_vol_chunk_shift(&v->g) - RBLK_SECTOR_SHIFT));
}

static bool is_absent(const struct vol *v, u32 chunk)
{
	return v->absent[chunk / 64] & (1ULL << (chunk % 64));
}

static void set_absent(struct vol *v, u32 chunk, bool absent)
{
	if (is_absent(v, chunk) == absent)
		return;
	v->absent[chunk / 64] ^= 1ULL << (chunk % 64);
	if (absent)
		v->nabsent++;
	else
		v->nabsent--;
}

static u32 region_end(const struct vol *v, u32 region)
{
	return min_t(u32, v->chunks, (region + 1) * per_region(v));
}

/* Marks a region as a whole, also in the map, as what a load found; it differs from no disk. */
void rblk_vol_region_absent(struct vol *v, u32 region, bool absent)
{
	bool was = v->map[region] & RBLK_MAP_ABSENT;
	u32 i;

	for (i = region * per_region(v); i < region_end(v, region); i++)
		set_absent(v, i, absent);
	v->map[region] &= ~VOL_MAP_FLAGS;
	if (absent)
		v->map[region] |= RBLK_MAP_ABSENT;
	v->nlacking += absent - was;
}

/**
 * rblk_vol_absent() - counts what has not landed yet
 * @v: the volume
 *
 * Return: chunks.
 */
u32 rblk_vol_absent(const struct vol *v)
{
	return v->nabsent;
}

/**
 * rblk_vol_complete() - does the map say that the data device has all of the image?
 * @v: the volume
 *
 * Return: true if so; but the disk does not before the next checkpoint.
 */
bool rblk_vol_complete(const struct vol *v)
{
	return !v->nlacking;
}

/**
 * rblk_vol_regions() - counts the regions of the change map
 * @v: the volume
 *
 * Return: how many there are.
 */
u32 rblk_vol_regions(const struct vol *v)
{
	return v->regions;
}

static void want_region(struct vol *v, u32 region)
{
	rblk_vol_region_absent(v, region, true);
	rblk_vol_map_put(v, region, v->map[region]);
}

/**
 * rblk_vol_want_all() - nothing of the image is known to be there
 * @v: the volume, to which nothing was applied yet
 *
 * Each map block that is loaded afterwards says what is there all the same.
 */
void rblk_vol_want_all(struct vol *v)
{
	u32 i;

	for (i = 0; i < v->regions; i++)
		want_region(v, i);
}

/**
 * rblk_vol_want() - what another member says of a region
 * @v: the volume
 * @region: which one; one that does not exist is left alone
 * @changed: the newest entry that touched it, or a later one
 * @since: entries up to this one are on the data device of this member, where it is not
 *	absent already
 */
void rblk_vol_want(struct vol *v, u32 region, u64 changed, u64 since)
{
	if (region >= v->regions)
		return;
	changed &= ~VOL_MAP_FLAGS;
	if (rblk_vol_changed(v, region) < changed)
		rblk_vol_map_put(v, region, changed | (v->map[region] & VOL_MAP_FLAGS));
	if (changed > since)
		want_region(v, region);
}

/* Is a part of this range absent? */
bool rblk_vol_lacks(const struct vol *v, u64 sector, u32 nsect)
{
	u32 i, last;

	if (!v->nabsent)
		return false;
	last = chunk_of(v, sector + nsect - 1);
	for (i = chunk_of(v, sector); i <= last; i++)
		if (is_absent(v, i))
			return true;
	return false;
}

/* The first absent chunk of a range that is not to be skipped. */
static bool absent_in(const struct vol *v, u64 sector, u32 nsect,
		      bool (*skip)(void *ctx, u32 chunk), void *ctx, u32 *chunk)
{
	u32 i, last = chunk_of(v, sector + nsect - 1);

	for (i = chunk_of(v, sector); i <= last; i++) {
		if (!is_absent(v, i) || skip(ctx, i))
			continue;
		*chunk = i;
		return true;
	}
	return false;
}

/**
 * rblk_vol_needed() - finds a chunk that the oldest unapplied entries wait for
 * @v: the volume
 * @skip: leaves out those that are on their way
 * @ctx: of @skip
 * @chunk: set if there is one
 *
 * They keep the log from being trimmed, so these chunks come first.
 *
 * Return: true if there is one.
 */
bool rblk_vol_needed(const struct vol *v, bool (*skip)(void *ctx, u32 chunk), void *ctx,
		     u32 *chunk)
{
	const struct vol_range *r;
	u32 i;

	if (!v->nabsent)
		return false;
	for (i = 0; i < min_t(u32, v->nversion, NEEDED_VERSIONS); i++) {
		u64 block = v->version[rblk_vol_version_at(v, i)].block;

		if (absent_in(v, block * RBLK_SECTORS_PER_BLOCK, 1, skip, ctx, chunk))
			return true;
	}
	if (!v->nrange)
		return false;
	r = rblk_vol_range_at(v, 0);
	return absent_in(v, r->sector, r->nsect, skip, ctx, chunk);
}

/**
 * rblk_vol_next_absent() - finds the next absent chunk
 * @v: the volume
 * @from: where to begin; after the last chunk comes the first one
 * @skip: leaves out those that are on their way
 * @ctx: of @skip
 * @chunk: set if there is one
 *
 * Return: true if there is one.
 */
bool rblk_vol_next_absent(const struct vol *v, u32 from, bool (*skip)(void *ctx, u32 chunk),
			  void *ctx, u32 *chunk)
{
	u32 i, at;

	for (i = 0; v->nabsent && i < v->chunks; i++) {
		at = from < v->chunks ? from : 0;
		from = at + 1;
		if (!(at % 64) && !v->absent[at / 64]) {
			i += min_t(u32, v->chunks - at, 64) - 1;
			from = at + 64;
			continue;
		}
		if (!is_absent(v, at) || skip(ctx, at))
			continue;
		*chunk = at;
		return true;
	}
	return false;
}

/**
 * rblk_vol_chunk() - where a chunk lies
 * @v: the volume
 * @chunk: which one
 * @sector: set to its first sector
 * @nsect: set to the number of its sectors; the last one may have fewer than others
 */
void rblk_vol_chunk(const struct vol *v, u32 chunk, u64 *sector, u32 *nsect)
{
	u32 shift = rblk_vol_chunk_shift(&v->g) - RBLK_SECTOR_SHIFT;

	*sector = (u64)chunk << shift;
	*nsect = (u32)min_t(u64, 1u << shift, v->g.sectors - *sector);
}

/**
 * rblk_vol_landed() - the content of a chunk is on the data device
 * @v: the volume
 * @chunk: which one
 */
void rblk_vol_landed(struct vol *v, u32 chunk)
{
	if (!RBLK_ASSERT(v->g.alarm, chunk < v->chunks && is_absent(v, chunk)))
		set_absent(v, chunk, false);
}

static bool region_landed(const struct vol *v, u32 region)
{
	u32 i;

	for (i = region * per_region(v); i < region_end(v, region); i++)
		if (is_absent(v, i))
			return false;
	return true;
}

/**
 * rblk_vol_settle() - has the map say of regions that they are there
 * @v: the volume
 *
 * Of those that had landed at the previous call, of which everything is applied by now that
 * they may include. Of those that have landed since, the next call does. To be called when a
 * checkpoint begins, before the device is flushed.
 */
void rblk_vol_settle(struct vol *v)
{
	u32 i;

	for (i = 0; v->nlacking && i < v->regions; i++) {
		if (v->map[i] & RBLK_MAP_SETTLING) {
			rblk_vol_map_put(v, i, rblk_vol_changed(v, i));
			v->nlacking--;
		} else if (v->map[i] & RBLK_MAP_ABSENT && region_landed(v, i)) {
			v->map[i] |= RBLK_MAP_SETTLING;
		}
	}
}

/**
 * rblk_vol_map_value() - what the change map says of a region
 * @v: the volume
 * @region: which one
 *
 * Return: the newest entry that touched it, or a later one; RBLK_MAP_ABSENT may be set. 0: no
 * such region, or nothing touched it.
 */
u64 rblk_vol_map_value(const struct vol *v, u32 region)
{
	return region < v->regions ? v->map[region] & ~RBLK_MAP_SETTLING : 0;
}

/* Do bits, counters and the map agree? For the audit. */
int rblk_vol_absent_check(const struct vol *v)
{
	u32 i, absent = 0, lacking = 0;

	for (i = 0; i < v->chunks; i++)
		absent += is_absent(v, i);
	for (i = 0; i < v->regions; i++) {
		bool lacks = v->map[i] & RBLK_MAP_ABSENT;

		lacking += lacks;
		if (RBLK_ASSERT(v->g.alarm, lacks || region_landed(v, i)) ||
		    RBLK_ASSERT(v->g.alarm, !(v->map[i] & RBLK_MAP_SETTLING) ||
				(lacks && region_landed(v, i))))
			return -EUCLEAN;
	}
	if (RBLK_ASSERT(v->g.alarm, absent == v->nabsent) ||
	    RBLK_ASSERT(v->g.alarm, lacking == v->nlacking))
		return -EUCLEAN;
	return 0;
}
