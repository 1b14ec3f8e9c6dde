// SPDX-License-Identifier: GPL-2.0
/*
 * The change map has, for each region, the index of the last applied entry that
 * touched it. It may name a later index than the true one, never an earlier one.
 */
#include "internal.h"

static u32 region_of(const struct vol *v, u64 sector)
{
	return (u32)(sector >> (v->g.region_shift - RBLK_SECTOR_SHIFT));
}

u64 rblk_vol_map_regions(const struct vol_geom *g)
{
	u32 shift = g->region_shift - RBLK_SECTOR_SHIFT;

	return (g->sectors >> shift) + !!(g->sectors & ((1ULL << shift) - 1));
}

/* Until a map block is loaded, its regions count as changed at the checkpoint. */
void rblk_vol_map_init(struct vol *v)
{
	u32 i;

	v->map_base = v->applied.index;
	for (i = 0; i < v->regions; i++)
		v->map[i] = v->map_base;
}

/* Sets a value of the map, which differs from the disk from now on. */
void rblk_vol_map_put(struct vol *v, u32 region, u64 value)
{
	u32 block = region / RBLK_MAP_PER_BLOCK;

	v->map[region] = value;
	v->map_dirty[block / 64] |= 1ULL << (block % 64);
}

/* Never lowers a region: a loaded value may be ahead of what was applied so far. */
static void raise_region(struct vol *v, u32 region, u64 index)
{
	if (rblk_vol_changed(v, region) < index)
		rblk_vol_map_put(v, region, index | (v->map[region] & VOL_MAP_FLAGS));
}

/* The entry @index touched a range, which has at least one sector. */
void rblk_vol_map_touch(struct vol *v, u64 sector, u32 nsect, u64 index)
{
	u32 r, last = region_of(v, sector + nsect - 1);

	for (r = region_of(v, sector); r <= last; r++)
		raise_region(v, r, index);
}

/**
 * rblk_vol_map_blocks() - size of the change map on disk
 * @v: the volume
 *
 * Return: its number of map blocks, of RBLK_MAP_PER_BLOCK regions each.
 */
u32 rblk_vol_map_blocks(const struct vol *v)
{
	return v->map_blocks;
}

/**
 * rblk_vol_map_dirty() - find a map block that differs from the disk
 * @v: the volume
 * @from: first map block to look at
 *
 * Return: the number of the next dirty one, or -1 if there is none.
 */
int rblk_vol_map_dirty(const struct vol *v, u32 from)
{
	u32 b;

	for (b = from; b < v->map_blocks; b++) {
		if (!v->map_dirty[b / 64])
			b |= 63;
		else if (v->map_dirty[b / 64] & (1ULL << (b % 64)))
			return (int)b;
	}
	return -1;
}

/**
 * rblk_vol_map_clean() - a map block is about to be written
 * @v: the volume
 * @block: number of the map block
 *
 * Call it when the content is copied out to be written, not when the write has
 * ended: whatever changes in between makes the block dirty again. The log may be
 * trimmed only after the write. If the write fails, halt, or pass the block to
 * rblk_vol_map_load() as not ok.
 */
void rblk_vol_map_clean(struct vol *v, u32 block)
{
	if (RBLK_ASSERT(v->g.alarm, block < v->map_blocks))
		return;
	v->map_dirty[block / 64] &= ~(1ULL << (block % 64));
}

/**
 * rblk_vol_map() - content of a map block
 * @v: the volume
 * @block: number of the map block
 *
 * Return: RBLK_MAP_PER_BLOCK values, zero after the last region, or NULL if there
 * is no such block. Flags other than RBLK_MAP_ABSENT are not for the disk.
 */
u64 *rblk_vol_map(struct vol *v, u32 block)
{
	if (RBLK_ASSERT(v->g.alarm, block < v->map_blocks))
		return NULL;
	return v->map + (size_t)block * RBLK_MAP_PER_BLOCK;
}

/**
 * rblk_vol_map_load() - a map block was read from disk, or could not be
 * @v: the volume
 * @block: number of the map block
 * @val: its RBLK_MAP_PER_BLOCK values, if @ok
 * @ok: false if it could not be read; then all its regions count as changed at
 *      @now_index, and it is dirty
 * @now_index: if not @ok, an index that is certainly not too low
 *
 * This may come at any time after rblk_vol_init(): what was touched since then is
 * kept. But a volume that was told to want all of it has to know what it has before it
 * wants more, or anything lands: see rblk_vol_want_all().
 */
void rblk_vol_map_load(struct vol *v, u32 block, const u64 *val, bool ok, u64 now_index)
{
	u32 r, first = block * RBLK_MAP_PER_BLOCK, end;

	if (RBLK_ASSERT(v->g.alarm, block < v->map_blocks))
		return;
	end = min_t(u32, first + RBLK_MAP_PER_BLOCK, v->regions);
	for (r = first; r < end; r++) {
		u64 index = rblk_vol_changed(v, r), was = v->map[r] & VOL_MAP_FLAGS;
		u64 loaded = ok ? val[r - first] & ~VOL_MAP_FLAGS : now_index;

		if (ok && index <= v->map_base)
			index = loaded;
		v->map[r] = max_t(u64, index, loaded) | was;
		if (ok)
			rblk_vol_region_absent(v, r, val[r - first] & RBLK_MAP_ABSENT);
	}
	if (!ok)
		v->map_dirty[block / 64] |= 1ULL << (block % 64);
}

static bool slot_touches(const struct vol_version *s, u64 index, u64 sector, u32 nsect)
{
	return s->index > index && (s->mask & rblk_vol_range_mask(sector, nsect, s->block));
}

/* Looks among the unapplied versions, by block or by version, whichever are fewer. */
static bool written_since(const struct vol *v, u64 index, u64 sector, u32 nsect)
{
	u64 block = sector / RBLK_SECTORS_PER_BLOCK;
	u64 last = (sector + nsect - 1) / RBLK_SECTORS_PER_BLOCK;
	u32 i;

	if (last - block >= v->nversion) {
		for (i = 0; i < v->nversion; i++)
			if (slot_touches(&v->version[rblk_vol_version_at(v, i)], index, sector,
					 nsect))
				return true;
		return false;
	}
	for (; block <= last; block++)
		for (i = rblk_vol_ext_find(v, block); i != VOL_NONE; i = v->version[i].older) {
			if (v->version[i].index <= index)
				break;
			if (slot_touches(&v->version[i], index, sector, nsect))
				return true;
		}
	return false;
}

/**
 * rblk_vol_touched_since() - did an entry committed after @index touch a range?
 * @v: the volume
 * @index: of the entry
 * @sector: first sector
 * @nsect: number of sectors
 *
 * What is applied is known by region only, so the answer may be true when only a
 * neighbour was touched. It is never false when the range was.
 *
 * Return: true if an entry did, or if that is not known.
 */
bool rblk_vol_touched_since(const struct vol *v, u64 index, u64 sector, u32 nsect)
{
	u32 i, last;

	if (!nsect)
		return false;
	if (sector >= v->g.sectors || nsect > v->g.sectors - sector)
		return true;
	last = region_of(v, sector + nsect - 1);
	for (i = region_of(v, sector); i <= last; i++)
		if (rblk_vol_changed(v, i) > index)
			return true;
	for (i = 0; i < v->nrange; i++) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		if (r->index > index && rblk_vol_overlap(r->sector, r->nsect, sector, nsect))
			return true;
	}
	return written_since(v, index, sector, nsect);
}
