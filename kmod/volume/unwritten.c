// SPDX-License-Identifier: GPL-2.0
/*
 * Regions that nothing was written to. A data device need not be zeroed as a whole before it is
 * used, which takes hours for a large one: the change map has a flag for each region that reads as
 * zeroes, whatever the device holds there. The first batch that writes to such a region zeroes it
 * first, as a whole, and takes the flag back.
 *
 * On disk, the flag is taken back by a checkpoint, which flushes the device before it writes the
 * map. What is filled while it does so would be on disk as written, and perhaps not as zeroes:
 * the log has what was written, but not that the rest of the region was zeroed. So nothing is
 * filled meanwhile, see rblk_vol_keep_unwritten(), nor when it begins, see rblk_vol_fills(). If
 * power is cut after a region was filled, and before the next checkpoint, it is unwritten again.
 * The entries that are applied again fill it again: what it holds was written by them alone.
 *
 * Zeroes that are written to an unwritten region leave it unwritten.
 */
#include "internal.h"

/* Sets the flag in memory. */
void rblk_vol_flag_unwritten(struct vol *v, u32 region, bool unwritten)
{
	bool was = v->map[region] & RBLK_MAP_UNWRITTEN;

	v->map[region] &= ~RBLK_MAP_UNWRITTEN;
	if (unwritten)
		v->map[region] |= RBLK_MAP_UNWRITTEN;
	v->nunwritten += unwritten - was;
}

/**
 * rblk_vol_unwritten() - counts the regions that are unwritten
 * @v: the volume
 *
 * Return: how many there are.
 */
u32 rblk_vol_unwritten(const struct vol *v)
{
	return v->nunwritten;
}

/**
 * rblk_vol_keep_unwritten() - may a batch fill unwritten regions?
 * @v: the volume
 * @keep: not until this is called again
 */
void rblk_vol_keep_unwritten(struct vol *v, bool keep)
{
	v->keeps_unwritten = keep;
}

/**
 * rblk_vol_fills() - does the planned batch fill unwritten regions?
 * @v: the volume
 *
 * Return: true if there is one that does: no flush may begin until it is done.
 */
bool rblk_vol_fills(const struct vol *v)
{
	return v->plan.active && v->plan.nfill;
}

/* Does a block lie in an unwritten region? */
bool rblk_vol_block_unwritten(const struct vol *v, u64 block)
{
	u64 sector = block * RBLK_SECTORS_PER_BLOCK;

	return v->nunwritten && v->map[rblk_vol_region_of(v, sector)] & RBLK_MAP_UNWRITTEN;
}

static bool is_planned(const struct vol_plan *p, u32 region)
{
	u32 i;

	for (i = 0; i < p->nfill; i++)
		if (p->fill[i] == region)
			return true;
	return false;
}

/*
 * A write is about to be planned: the unwritten regions that it touches are filled by the same
 * batch. Returns false if that cannot be.
 */
bool rblk_vol_plan_fills(struct vol *v, u64 sector, u32 nsect)
{
	struct vol_plan *p = &v->plan;
	u32 r, last, n = p->nfill;

	if (!v->nunwritten)
		return true;
	last = rblk_vol_region_of(v, sector + nsect - 1);
	for (r = rblk_vol_region_of(v, sector); r <= last; r++) {
		if (!(v->map[r] & RBLK_MAP_UNWRITTEN) || is_planned(p, r))
			continue;
		if (v->keeps_unwritten || p->nfill == VOL_FILLS) {
			p->nfill = n;
			return false;
		}
		p->fill[p->nfill++] = r;
	}
	return true;
}

static bool all_unwritten(const struct vol *v, const struct vol_range *range)
{
	u32 r = rblk_vol_region_of(v, range->sector);
	u32 last = rblk_vol_region_of(v, range->sector + range->nsect - 1);

	for (; r <= last; r++)
		if (!(v->map[r] & RBLK_MAP_UNWRITTEN))
			return false;
	return true;
}

/*
 * Lists what a batch zeroes: what entries zeroed, unless it is unwritten, and all of what it fills.
 * Returns how many ranges there are.
 */
u32 rblk_vol_zero_batch(struct vol *v)
{
	u64 per = 1ULL << (v->g.region_shift - RBLK_SECTOR_SHIFT);
	const struct vol_plan *p = &v->plan;
	u32 i, n = 0;

	for (i = 0; i < p->nrange; i++) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		if (!v->nunwritten || !all_unwritten(v, r))
			v->zero[n++] = (struct vol_zero){ .sector = r->sector, .nsect = r->nsect };
	}
	for (i = 0; i < p->nfill; i++) {
		u64 at = p->fill[i] * per;

		v->zero[n++] = (struct vol_zero){
			.sector = at, .nsect = (u32)min_t(u64, per, v->g.sectors - at),
		};
	}
	return n;
}

/* What the batch filled is on the data device. The entries that did so have changed the map. */
void rblk_vol_filled(struct vol *v)
{
	u32 i;

	for (i = 0; i < v->plan.nfill; i++)
		rblk_vol_flag_unwritten(v, v->plan.fill[i], false);
}

/* Does the counter agree with the map, and is nothing both unwritten and absent? For the audit. */
int rblk_vol_unwritten_check(const struct vol *v)
{
	u32 i, unwritten = 0, both = 0;

	for (i = 0; i < v->regions; i++) {
		unwritten += !!(v->map[i] & RBLK_MAP_UNWRITTEN);
		both += (v->map[i] & RBLK_MAP_FLAGS) == RBLK_MAP_FLAGS;
	}
	if (RBLK_ASSERT(v->g.alarm, unwritten == v->nunwritten) || RBLK_ASSERT(v->g.alarm, !both))
		return -EUCLEAN;
	return 0;
}
