// SPDX-License-Identifier: GPL-2.0
/*
 * The unapplied index: from a 4 KiB block to its versions that are committed
 * and not in the data device, newest first. A chained hash leads to the newest
 * version of a block only; older ones hang off it.
 */
#include "internal.h"

/**
 * vol_ext_init() - empties the index
 * @v: the volume, its arrays carved
 */
void vol_ext_init(struct vol *v)
{
	u64 n = 1ULL << (64 - v->bucket_shift), i;

	for (i = 0; i < n; i++)
		v->bucket[i] = VOL_NONE;
}

/**
 * vol_ext_find() - the newest unapplied version of a block
 * @v: the volume
 * @block: 4 KiB block
 *
 * Return: its slot, or VOL_NONE.
 */
u32 vol_ext_find(const struct vol *v, u64 block)
{
	u32 i = v->bucket[vol_bucket_of(v, block)];

	while (i != VOL_NONE && v->slot[i].block != block)
		i = v->slot[i].next;
	return i;
}

/* Where the bucket's chain points to slot @i (the newest of its block). */
static u32 *link_to(struct vol *v, u32 i)
{
	u32 *p = &v->bucket[vol_bucket_of(v, v->slot[i].block)];

	while (*p != i)
		p = &v->slot[*p].next;
	return p;
}

/**
 * vol_ext_room() - is there room for an entry, if it turns out valid?
 * @v: the volume
 * @e: the entry
 *
 * Return: whether vol_ext_insert() can take it.
 */
bool vol_ext_room(const struct vol *v, const struct rb_entry *e)
{
	if (e->kind == RB_E_WRITE)
		return e->nblocks <= v->g.slots - v->nslot;
	if (e->kind == RB_E_ZEROES)
		return v->nrange < v->g.ranges;
	return true;
}

static void insert_block(struct vol *v, const struct rb_entry *e, u32 nth)
{
	u32 i = vol_slot_at(v, v->nslot), old;
	struct vol_slot *s = &v->slot[i];
	u32 *head;

	s->block = e->sector / RB_SECTORS_PER_BLOCK + nth;
	s->index = e->index;
	s->nth = (u8)nth;
	s->mask = vol_range_mask(e->sector, e->nsect, s->block);
	s->newer = VOL_NONE;
	old = vol_ext_find(v, s->block);
	s->older = old;
	if (old == VOL_NONE) {
		head = &v->bucket[vol_bucket_of(v, s->block)];
		s->next = *head;
		s->below = 0;
	} else {
		head = link_to(v, old);
		s->next = v->slot[old].next;
		s->below = v->slot[old].mask | v->slot[old].below;
		v->slot[old].newer = i;
		v->slot[old].next = VOL_NONE;
	}
	*head = i;
	v->nslot++;
}

/**
 * vol_ext_insert() - remembers what a valid entry wrote or zeroed
 * @v: the volume; there is room
 * @e: the entry, newer than any in the index
 */
void vol_ext_insert(struct vol *v, const struct rb_entry *e)
{
	struct vol_range *r;
	u32 n;

	if (e->kind == RB_E_WRITE) {
		for (n = 0; n < e->nblocks; n++)
			insert_block(v, e, n);
	} else if (e->kind == RB_E_ZEROES) {
		r = &v->range[vol_range_at(v, v->nrange) - v->range];
		r->index = e->index;
		r->sector = e->sector;
		r->nsect = e->nsect;
		v->nrange++;
	}
}

/* The oldest version of all is the oldest of its block, too. */
static void release_oldest(struct vol *v)
{
	u32 i = v->slot_tail;
	struct vol_slot *s = &v->slot[i];

	RB_ASSERT(s->older == VOL_NONE);
	if (s->newer == VOL_NONE)
		*link_to(v, i) = s->next;
	else
		v->slot[s->newer].older = VOL_NONE;
	v->slot_tail = vol_slot_at(v, 1);
	v->nslot--;
}

/**
 * vol_ext_release() - forgets the oldest versions and zero ranges
 * @v: the volume
 * @nslot: how many versions, at most what there are
 * @nrange: how many ranges, likewise
 */
void vol_ext_release(struct vol *v, u32 nslot, u32 nrange)
{
	while (nslot--)
		release_oldest(v);
	v->range_tail = (u32)(vol_range_at(v, nrange) - v->range);
	v->nrange -= nrange;
}
