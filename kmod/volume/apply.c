// SPDX-License-Identifier: GPL-2.0
/*
 * Background application, batch by batch. A batch is a prefix of what is
 * committed and not applied. So "applied up to index X" always has a meaning: the
 * replicated state that belongs to it follows from the entries.
 *
 * Execution goes on while a batch is planned. Newer versions are only added at
 * the head of the rings, which the plan, being a prefix, does not cover.
 */
#include "internal.h"

/* Can the data device take what this entry changes? Without one, nothing has to. */
static bool plan_changes(struct vol *v, const struct rblk_entry *e, bool writes, bool zeroes)
{
	if (v->forgone)
		return true;
	if ((writes || zeroes) && rblk_vol_waits(v, e->sector, e->nsect))
		return false;
	return !writes || rblk_vol_plan_fills(v, e->sector, e->nsect);
}

/*
 * Extends the plan by one entry. Returns false if the entry does not fit, is not in the
 * log, changed a part of a block that the data device lacks, or wrote to an unwritten region that
 * may not be filled now.
 */
static bool plan_entry(struct vol *v)
{
	struct vol_plan *p = &v->plan;
	u64 index = p->state.index + 1;
	const struct rblk_entry *e = v->g.entry(v->g.ctx, index);
	u32 at = rblk_vol_version_at(v, p->nversion);
	bool zeroes = p->nrange < v->nrange && rblk_vol_range_at(v, p->nrange)->index == index;
	u32 n = 0;
	int verdict;

	if (RBLK_ASSERT(v->g.alarm, e && e->index == index && e->term >= p->state.term))
		return false;
	/* A write that takes effect is in the index: this is known before the state moves on. */
	if (p->nversion < v->nversion && v->version[at].index == index)
		n = e->nblocks;
	if (n > v->g.batch - p->nversion)
		return false;
	if (!plan_changes(v, e, n, zeroes))
		return false;
	verdict = rblk_vol_verdict(&p->state, &v->g, e);
	if (RBLK_ASSERT(v->g.alarm,
			n == (!verdict && e->kind == RBLK_E_WRITE ? e->nblocks : 0))) {
		p->state = v->applied;	/* no batch at all */
		return false;
	}
	p->nversion += n;
	p->nrange += !verdict && e->kind == RBLK_E_ZEROES;
	return true;
}

/* Sectors of a planned version that nothing else in the plan supersedes. */
static u8 surviving(const struct vol *v, const struct vol_version *s)
{
	u64 last = v->plan.state.index;
	u8 mask = s->mask;
	u32 i;

	for (i = s->newer; i != VOL_NONE && mask; i = v->version[i].newer) {
		if (v->version[i].index > last)
			break;
		mask &= ~v->version[i].mask;
	}
	for (i = v->plan.nrange; i-- && mask; ) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		if (r->index < s->index)
			break;
		mask &= ~rblk_vol_range_mask(r->sector, r->nsect, s->block);
	}
	return mask;
}

static void sift(struct vol_item *item, u32 root, u32 n)
{
	struct vol_item top = item[root];
	u32 child;

	while ((child = 2 * root + 1) < n) {
		if (child + 1 < n && item[child + 1].block > item[child].block)
			child++;
		if (item[child].block <= top.block)
			break;
		item[root] = item[child];
		root = child;
	}
	item[root] = top;
}

/*
 * Heap sort: it works in place, without recursion, and has no bad case. Items
 * of one block are disjoint, so their order does not matter.
 */
static void sort_items(struct vol_item *item, u32 n)
{
	struct vol_item last;
	u32 i;

	for (i = n / 2; i--; )
		sift(item, i, n);
	for (i = n; i-- > 1; ) {
		last = item[i];
		item[i] = item[0];
		item[0] = last;
		sift(item, 0, i);
	}
}

static u32 fill_items(struct vol *v)
{
	u32 i, n = 0;

	for (i = 0; i < v->plan.nversion; i++) {
		const struct vol_version *s = &v->version[rblk_vol_version_at(v, i)];
		u8 mask = surviving(v, s);

		if (mask)
			v->item[n++] = (struct vol_item){
				.block = s->block, .index = s->index, .nth = s->nth, .mask = mask,
			};
	}
	sort_items(v->item, n);
	return n;
}

/**
 * rblk_vol_apply_plan() - plan the next batch
 * @v: the volume; no batch is planned
 * @limit: last entry that the batch may cover
 * @b: the batch; its arrays are valid until rblk_vol_apply_done() or
 *     rblk_vol_apply_abort()
 *
 * A batch may have nothing to write, if its entries are no-ops or had no effect. It
 * is a batch all the same, so that the applied index moves on.
 *
 * Return: false if there is nothing to do, or after RBLK_ASSERT has fired.
 */
bool rblk_vol_apply_plan(struct vol *v, u64 limit, struct vol_batch *b)
{
	struct vol_plan *p = &v->plan;

	memset(b, 0, sizeof(*b));
	if (RBLK_ASSERT(v->g.alarm, !p->active))
		return false;
	limit = min_t(u64, limit, v->executed.index);
	p->state = v->applied;
	p->nversion = 0;
	p->nrange = 0;
	p->nfill = 0;
	while (p->state.index < limit)
		if (!plan_entry(v))
			break;
	if (p->state.index == v->applied.index)
		return false;
	p->active = true;
	b->last = p->state.index;
	/* The arrays may be those of a batch that the device that failed has not ended. */
	if (v->forgone)
		return true;
	b->nzero = rblk_vol_zero_batch(v);
	b->zero = v->zero;
	b->nitem = fill_items(v);
	b->item = v->item;
	return true;
}

/**
 * rblk_vol_apply_done() - the planned batch is on the data device
 * @v: the volume
 *
 * The device need not have been flushed. The memory of the batch's versions is free
 * again. The change map learns of the entries before the index forgets them: at
 * every moment, one of the two knows of an entry.
 */
void rblk_vol_apply_done(struct vol *v)
{
	struct vol_plan *p = &v->plan;
	u32 i;

	if (RBLK_ASSERT(v->g.alarm, p->active))
		return;
	for (i = 0; i < p->nversion; i++) {
		const struct vol_version *s = &v->version[rblk_vol_version_at(v, i)];

		rblk_vol_map_touch(v, s->block * RBLK_SECTORS_PER_BLOCK, 1, s->index);
		if (!v->forgone)
			rblk_vol_written(v, s->block * RBLK_SECTORS_PER_BLOCK, 1);
	}
	for (i = 0; i < p->nrange; i++) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		rblk_vol_map_touch(v, r->sector, r->nsect, r->index);
		if (!v->forgone)
			rblk_vol_written(v, r->sector, r->nsect);
	}
	rblk_vol_filled(v);
	rblk_vol_ext_release(v, p->nversion, p->nrange);
	v->applied = p->state;
	p->active = false;
}

/**
 * rblk_vol_apply_abort() - the planned batch failed
 * @v: the volume
 *
 * Forgets the plan; the volume is as it was before. The data device may hold any
 * part of the batch.
 */
void rblk_vol_apply_abort(struct vol *v)
{
	RBLK_ASSERT(v->g.alarm, v->plan.active);
	v->plan.active = false;
}

/**
 * rblk_vol_forgo() - there is no data device any more
 * @v: the volume; no batch is planned
 *
 * From now on batches cover entries as before, but have nothing to write, and wait for no content.
 * The change map says what they have changed, and so what a data device lacks that was left
 * behind.
 */
void rblk_vol_forgo(struct vol *v)
{
	if (!RBLK_ASSERT(v->g.alarm, !v->plan.active))
		v->forgone = true;
}
