// SPDX-License-Identifier: GPL-2.0
/*
 * The change map has, for each region, the index of the last applied entry that
 * touched it. It may name a later index than the true one, never an earlier one.
 *
 * Its blocks on disk follow those that say which blocks of a region are absent, see absent.c:
 * no region is said to be absent before it is known which of its blocks are.
 */
#include "internal.h"

/* The region that a sector lies in. */
u32 rblk_vol_region_of(const struct vol *v, u64 sector)
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

/* A map block differs from the disk from now on. */
void rblk_vol_map_differs(struct vol *v, u32 block)
{
	v->map_dirty[block / 64] |= 1ULL << (block % 64);
}

/* Sets a value of the map. */
void rblk_vol_map_put(struct vol *v, u32 region, u64 value)
{
	v->map[region] = value;
	rblk_vol_map_differs(v, v->bit_blocks + region / RBLK_MAP_PER_BLOCK);
}

/* Never lowers a region: a loaded value may be ahead of what was applied so far. */
static void raise_region(struct vol *v, u32 region, u64 index)
{
	if (rblk_vol_changed(v, region) < index)
		rblk_vol_map_put(v, region, index | (v->map[region] & RBLK_MAP_FLAGS));
}

/* The entry @index touched a range, which has at least one sector. */
void rblk_vol_map_touch(struct vol *v, u64 sector, u32 nsect, u64 index)
{
	u32 r, last = rblk_vol_region_of(v, sector + nsect - 1);

	for (r = rblk_vol_region_of(v, sector); r <= last; r++)
		raise_region(v, r, index);
}

/**
 * rblk_vol_map_blocks() - size of the change map on disk
 * @v: the volume
 *
 * Return: its number of map blocks, of RBLK_MAP_PER_BLOCK values each. Those with a value for
 * each region come last, see rblk_vol_bit_blocks().
 */
u32 rblk_vol_map_blocks(const struct vol *v)
{
	return v->map_blocks;
}

/**
 * rblk_vol_bit_blocks() - which map blocks say what is absent
 * @v: the volume
 *
 * They have a bit for each block of the volume, and are of use only while a region is absent.
 *
 * Return: their number; they are the first ones.
 */
u32 rblk_vol_bit_blocks(const struct vol *v)
{
	return v->bit_blocks;
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
 * trimmed only after the write. If the write fails, halt, or have the block
 * written again by rblk_vol_map_redo().
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
 * Return: RBLK_MAP_PER_BLOCK values, zero after the last region or block, or NULL if there
 * is no such map block.
 */
u64 *rblk_vol_map(struct vol *v, u32 block)
{
	if (RBLK_ASSERT(v->g.alarm, block < v->map_blocks))
		return NULL;
	if (block < v->bit_blocks)
		return v->absent + (size_t)block * RBLK_MAP_PER_BLOCK;
	return v->map + (size_t)(block - v->bit_blocks) * RBLK_MAP_PER_BLOCK;
}

/* Values for regions were read from disk, or could not be. */
static bool load_regions(struct vol *v, u32 first, const u64 *val, bool ok, u64 now_index)
{
	u32 r, end = min_t(u32, first + RBLK_MAP_PER_BLOCK, v->regions);
	bool all = true;

	for (r = first; r < end; r++) {
		u64 index = rblk_vol_changed(v, r), was = v->map[r] & RBLK_MAP_ABSENT;
		u64 loaded = ok ? val[r - first] & ~RBLK_MAP_FLAGS : now_index;

		if (ok && index <= v->map_base)
			index = loaded;
		v->map[r] = max_t(u64, index, loaded) | (v->map[r] & RBLK_MAP_FLAGS);
		all &= rblk_vol_region_load(v, r, ok ? val[r - first] & RBLK_MAP_ABSENT : was, ok);
		rblk_vol_flag_unwritten(v, r, ok && val[r - first] & RBLK_MAP_UNWRITTEN);
	}
	return all;
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
 * kept. But a volume that was told to want all of it, or that has unwritten regions, has to know
 * what it has before it wants more, or anything is applied or lands: see rblk_vol_want_all().
 *
 * Return: false if a region counts as absent as a whole only because it is not known what was
 * there: what was applied to it may be in nothing that this replica has.
 */
bool rblk_vol_map_load(struct vol *v, u32 block, const u64 *val, bool ok, u64 now_index)
{
	if (RBLK_ASSERT(v->g.alarm, block < v->map_blocks))
		return true;
	if (block < v->bit_blocks) {
		if (ok)
			rblk_vol_bits_load(v, block, val);
		return true;
	}
	if (!ok)
		rblk_vol_map_differs(v, block);
	return load_regions(v, (block - v->bit_blocks) * RBLK_MAP_PER_BLOCK, val, ok, now_index);
}

/**
 * rblk_vol_map_redo() - a map block has to be written again
 * @v: the volume
 * @block: number of the map block
 */
void rblk_vol_map_redo(struct vol *v, u32 block)
{
	if (!RBLK_ASSERT(v->g.alarm, block < v->map_blocks))
		rblk_vol_map_differs(v, block);
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
	last = rblk_vol_region_of(v, sector + nsect - 1);
	for (i = rblk_vol_region_of(v, sector); i <= last; i++)
		if (rblk_vol_changed(v, i) > index)
			return true;
	for (i = 0; i < v->nrange; i++) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		if (r->index > index && rblk_vol_overlap(r->sector, r->nsect, sector, nsect))
			return true;
	}
	return written_since(v, index, sector, nsect);
}
