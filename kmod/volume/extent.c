// SPDX-License-Identifier: GPL-2.0
/*
 * The unapplied index: it leads from a 4 KiB block to those of its versions that
 * are committed and not on the data device, newest first. A chained hash finds
 * the newest version of a block; the older ones are linked to it.
 */
#include "internal.h"

void rblk_vol_ext_init(struct vol *v)
{
	u64 n = 1ULL << (64 - v->bucket_shift), i;

	for (i = 0; i < n; i++)
		v->bucket[i] = VOL_NONE;
}

/* The newest unapplied version of a block, or VOL_NONE. */
u32 rblk_vol_ext_find(const struct vol *v, u64 block)
{
	u32 i = v->bucket[rblk_vol_bucket_of(v, block)], n;

	for (n = 0; i != VOL_NONE && v->version[i].block != block; n++) {
		if (RBLK_ASSERT(v->g.alarm, n < v->nversion))
			return VOL_NONE;
		i = v->version[i].next;
	}
	return i;
}

/*
 * The pointer in a bucket's chain that leads to version @i, which is the newest
 * of its block. NULL after RBLK_ASSERT has fired: nothing there does.
 */
static u32 *link_to(struct vol *v, u32 i)
{
	u32 *p = &v->bucket[rblk_vol_bucket_of(v, v->version[i].block)], n;

	for (n = 0; *p != i; n++) {
		if (RBLK_ASSERT(v->g.alarm, *p != VOL_NONE && n < v->nversion))
			return NULL;
		p = &v->version[*p].next;
	}
	return p;
}

/* Whether rblk_vol_ext_insert() would find room for this entry. */
bool rblk_vol_ext_fits(const struct vol *v, const struct rblk_entry *e)
{
	if (e->kind == RBLK_E_WRITE)
		return e->nblocks <= v->g.versions - v->nversion;
	if (e->kind == RBLK_E_ZEROES)
		return v->nrange < v->g.ranges;
	return true;
}

static void insert_block(struct vol *v, const struct rblk_entry *e, u32 nth)
{
	u32 i = rblk_vol_version_at(v, v->nversion), old;
	struct vol_version *s = &v->version[i];
	u32 *head;

	s->block = e->sector / RBLK_SECTORS_PER_BLOCK + nth;
	s->index = e->index;
	s->nth = (u8)nth;
	s->mask = rblk_vol_range_mask(e->sector, e->nsect, s->block);
	s->newer = VOL_NONE;
	old = rblk_vol_ext_find(v, s->block);
	s->older = old;
	if (old == VOL_NONE) {
		head = &v->bucket[rblk_vol_bucket_of(v, s->block)];
		s->next = *head;
		s->below = 0;
	} else {
		head = link_to(v, old);
		if (!head)
			return;
		s->next = v->version[old].next;
		s->below = v->version[old].mask | v->version[old].below;
		v->version[old].newer = i;
		v->version[old].next = VOL_NONE;
	}
	*head = i;
	v->nversion++;
}

/*
 * Remembers what a valid entry wrote or zeroed. There is room for it, and it is
 * newer than any other in the index.
 */
void rblk_vol_ext_insert(struct vol *v, const struct rblk_entry *e)
{
	struct vol_range *r;
	u32 n;

	if (e->kind == RBLK_E_WRITE) {
		for (n = 0; n < e->nblocks; n++)
			insert_block(v, e, n);
	} else if (e->kind == RBLK_E_ZEROES) {
		r = &v->range[rblk_vol_range_at(v, v->nrange) - v->range];
		r->index = e->index;
		r->sector = e->sector;
		r->nsect = e->nsect;
		v->nrange++;
	}
}

/* The oldest version of all is also the oldest of its block. */
static void release_oldest(struct vol *v)
{
	u32 i = v->version_tail;
	struct vol_version *s = &v->version[i];
	u32 *link;

	RBLK_ASSERT(v->g.alarm, s->older == VOL_NONE);
	if (s->newer != VOL_NONE) {
		v->version[s->newer].older = VOL_NONE;
	} else {
		link = link_to(v, i);
		if (link)
			*link = s->next;
	}
	v->version_tail = rblk_vol_version_at(v, 1);
	v->nversion--;
}

/* Forgets the oldest @nversion versions and the oldest @nrange zero ranges. */
void rblk_vol_ext_release(struct vol *v, u32 nversion, u32 nrange)
{
	while (nversion--)
		release_oldest(v);
	v->range_tail = (u32)(rblk_vol_range_at(v, nrange) - v->range);
	v->nrange -= nrange;
}
