// SPDX-License-Identifier: GPL-2.0
/* Reads: where the committed content of a range is, sector by sector. */
#include "internal.h"

#define FROM_DATA	VOL_NONE
#define FROM_ZERO	(VOL_NONE - 1)

/* The source of one sector: @from is a version, FROM_ZERO or FROM_DATA. */
struct piece {
	u64 index;
	u32 from;
};

struct cursor {
	struct vol_seg *seg;
	int n, max;
	u64 sector;		/* everything before it is in @seg */
};

/*
 * For each wanted sector, finds the newest version or zero range, whichever has
 * the higher index. Below them is what @below says.
 */
static void compose(const struct vol *v, u64 block, u8 want, u32 newest, bool zeroes, u32 below,
		    struct piece *p)
{
	u8 need = want, hit;
	u32 i, b;

	for (b = 0; b < RBLK_SECTORS_PER_BLOCK; b++)
		p[b] = (struct piece){ .from = below };
	for (i = newest; i != VOL_NONE && need; i = v->version[i].older) {
		const struct vol_version *s = &v->version[i];

		hit = s->mask & need;
		need &= ~hit;
		for (b = 0; b < RBLK_SECTORS_PER_BLOCK; b++)
			if (hit & (1u << b))
				p[b] = (struct piece){ .index = s->index, .from = i };
		if (!(need & s->below))
			break;
	}
	need = zeroes ? want : 0;
	for (i = v->nrange; i-- && need; ) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		hit = rblk_vol_range_mask(r->sector, r->nsect, block) & need;
		need &= ~hit;
		for (b = 0; b < RBLK_SECTORS_PER_BLOCK; b++)
			if ((hit & (1u << b)) && r->index > p[b].index)
				p[b] = (struct piece){ .index = r->index, .from = FROM_ZERO };
	}
}

/* Adds @nsect sectors from one source. Returns false if no segment is left. */
static bool emit(const struct vol *v, struct cursor *c, u32 from, u32 nsect)
{
	struct vol_seg *last = c->n ? &c->seg[c->n - 1] : NULL;
	u8 kind = from == FROM_DATA ? VOL_SEG_DATA :
		  from == FROM_ZERO ? VOL_SEG_ZERO : VOL_SEG_PAYLOAD;

	if (last && last->kind == kind && kind != VOL_SEG_PAYLOAD) {
		last->nsect += nsect;
	} else if (c->n == c->max) {
		return false;
	} else {
		last = &c->seg[c->n++];
		*last = (struct vol_seg){ .kind = kind, .sector = c->sector, .nsect = nsect };
		if (kind == VOL_SEG_PAYLOAD) {
			last->off = (u8)(c->sector % RBLK_SECTORS_PER_BLOCK);
			last->index = v->version[from].index;
			last->nth = v->version[from].nth;
		}
	}
	c->sector += nsect;
	return true;
}

/* Adds the sectors up to @end, all of which are in one block. */
static bool emit_block(const struct vol *v, struct cursor *c, u64 end, bool zeroes)
{
	u64 block = c->sector / RBLK_SECTORS_PER_BLOCK;
	u32 below = rblk_vol_block_unwritten(v, block) ? FROM_ZERO : FROM_DATA;
	u32 newest = rblk_vol_ext_find(v, block), b, run;
	struct piece p[RBLK_SECTORS_PER_BLOCK];
	u32 n = (u32)(end - c->sector);

	if (newest == VOL_NONE && !zeroes)
		return emit(v, c, below, n);
	compose(v, block, rblk_vol_range_mask(c->sector, n, block), newest, zeroes, below, p);
	b = (u32)(c->sector % RBLK_SECTORS_PER_BLOCK);
	for (; n; n -= run, b += run) {
		for (run = 1; run < n && p[b + run].from == p[b].from; run++)
			;
		if (!emit(v, c, p[b].from, run))
			return false;
	}
	return true;
}

static bool any_zeroes(const struct vol *v, u64 sector, u32 nsect)
{
	u32 i;

	for (i = 0; i < v->nrange; i++) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		if (rblk_vol_overlap(r->sector, r->nsect, sector, nsect))
			return true;
	}
	return false;
}

/**
 * rblk_vol_lookup() - find out where the committed content of a range is
 * @v: the volume
 * @sector: first sector
 * @nsect: number of sectors, within the volume
 * @seg: filled with segments, in order
 * @max: number of segments that fit into @seg
 * @done: set to the number of sectors that the segments cover
 *
 * Adjacent parts are merged where they are on the data device, or zero.
 *
 * The answer holds until the next rblk_vol_execute() or rblk_vol_apply_done(). A
 * caller that reads later must hold on to the payload that it names. A segment on
 * the data device may by then show what was committed since; a read that began
 * before that may return it.
 *
 * Return: the number of segments.
 */
int rblk_vol_lookup(const struct vol *v, u64 sector, u32 nsect, struct vol_seg *seg, int max,
		    u32 *done)
{
	struct cursor c = { .seg = seg, .max = max, .sector = sector };
	u64 end = sector + nsect, stop;
	bool zeroes;

	*done = 0;
	if (RBLK_ASSERT(v->g.alarm, sector <= v->g.sectors && nsect <= v->g.sectors - sector))
		return 0;
	zeroes = any_zeroes(v, sector, nsect);
	if (nsect && !v->nversion && !zeroes && !v->nunwritten)
		emit(v, &c, FROM_DATA, nsect);
	while (c.sector < end) {
		stop = (c.sector / RBLK_SECTORS_PER_BLOCK + 1) * RBLK_SECTORS_PER_BLOCK;
		if (!emit_block(v, &c, stop < end ? stop : end, zeroes))
			break;
	}
	*done = (u32)(c.sector - sector);
	return c.n;
}
