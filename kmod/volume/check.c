// SPDX-License-Identifier: GPL-2.0
/* Audit of every invariant of the volume. */
#include "internal.h"

#define MUST(cond)				\
	do {					\
		if (RB_ASSERT(cond))		\
			return -EUCLEAN;	\
	} while (0)

static int check_state(const struct vol *v, const struct log_state *s)
{
	u32 i, k;

	MUST(s->nsessions <= (v->g.shared ? LOG_SESSIONS_MAX : 1));
	for (i = 0; i < LOG_SESSIONS_MAX; i++) {
		const struct log_session *se = &s->session[i];

		if (i < s->nsessions)
			MUST(se->store && se->epoch && se->epoch <= s->index);
		else
			MUST(!se->store && !se->epoch && !se->nonce && !se->seq);
		for (k = 0; k < i && i < s->nsessions; k++)
			MUST(se->store != s->session[k].store && se->epoch != s->session[k].epoch);
	}
	return 0;
}

static int check_slot(const struct vol *v, u32 i)
{
	const struct vol_slot *s = &v->slot[i];
	const struct rb_entry *e;

	MUST(s->index > v->applied.index && s->index <= v->live.index);
	MUST(s->mask && s->block <= (v->g.sectors - 1) / RB_SECTORS_PER_BLOCK);
	if (s->older != VOL_NONE) {
		const struct vol_slot *o = &v->slot[s->older];

		MUST(s->older < v->g.slots && o->newer == i);
		MUST(o->block == s->block && o->index < s->index && o->next == VOL_NONE);
		MUST(!((o->mask | o->below) & ~s->below));
	}
	if (s->newer != VOL_NONE)
		MUST(s->newer < v->g.slots && v->slot[s->newer].older == i);
	e = v->g.entry(v->g.ctx, s->index);
	MUST(e && e->index == s->index && e->kind == RB_E_WRITE && s->nth < e->nblocks);
	MUST(s->block == e->sector / RB_SECTORS_PER_BLOCK + s->nth);
	MUST(s->mask == rb_block_mask(e->sector, e->nsect, s->nth));
	return 0;
}

/* The rings: in log order, all blocks of an entry together. */
static int check_rings(const struct vol *v)
{
	u64 index = 0;
	u32 i, nth = 0;

	MUST(v->nslot <= v->g.slots && v->slot_tail < v->g.slots);
	MUST(v->nrange <= v->g.ranges && v->range_tail < v->g.ranges);
	for (i = 0; i < v->nslot; i++) {
		const struct vol_slot *s = &v->slot[vol_slot_at(v, i)];

		nth = s->index == index ? nth + 1 : 0;
		MUST(s->index >= index && s->nth == nth);
		index = s->index;
		if (check_slot(v, vol_slot_at(v, i)))
			return -EUCLEAN;
	}
	for (i = 0, index = v->applied.index; i < v->nrange; i++) {
		const struct vol_range *r = vol_range_at(v, i);

		MUST(r->index > index && r->index <= v->live.index);
		MUST(r->nsect && r->nsect <= v->g.sectors);
		MUST(r->sector <= v->g.sectors - r->nsect);
		index = r->index;
	}
	return 0;
}

/* The hash leads to every version, once, and to nothing else. */
static int check_hash(const struct vol *v)
{
	u64 b, n = 1ULL << (64 - v->bucket_shift);
	u32 i, k, seen = 0;

	for (b = 0; b < n; b++) {
		for (i = v->bucket[b]; i != VOL_NONE; i = v->slot[i].next) {
			MUST(i < v->g.slots && vol_bucket_of(v, v->slot[i].block) == b);
			MUST(v->slot[i].newer == VOL_NONE);
			MUST(vol_ext_find(v, v->slot[i].block) == i);
			for (k = i; k != VOL_NONE; k = v->slot[k].older)
				MUST(++seen <= v->nslot);
		}
	}
	MUST(seen == v->nslot);
	return 0;
}

/* What is live is what the entries make of what is applied; so are the rings. */
static int check_replay(const struct vol *v)
{
	struct log_state s = v->applied;
	const struct rb_entry *e;
	u32 slots = 0, ranges = 0;

	MUST(v->applied.index <= v->live.index && v->applied.term <= v->live.term);
	while (s.index < v->live.index) {
		e = v->g.entry(v->g.ctx, s.index + 1);
		MUST(e && e->index == s.index + 1 && e->term >= s.term);
		if (vol_verdict(&s, &v->g, e))
			continue;
		slots += e->kind == RB_E_WRITE ? e->nblocks : 0;
		ranges += e->kind == RB_E_ZEROES;
	}
	MUST(s.term == v->live.term && s.digest == v->live.digest);
	MUST(s.nsessions == v->live.nsessions);
	MUST(!memcmp(s.session, v->live.session, sizeof(s.session)));
	MUST(slots == v->nslot && ranges == v->nrange);
	return 0;
}

static int check_plan(const struct vol *v)
{
	const struct vol_plan *p = &v->plan;
	u64 last = p->state.index;

	if (!p->active)
		return 0;
	MUST(last > v->applied.index && last <= v->live.index);
	MUST(p->nslot <= v->nslot && p->nslot <= v->g.batch && p->nrange <= v->nrange);
	MUST(!p->nslot || v->slot[vol_slot_at(v, p->nslot - 1)].index <= last);
	MUST(p->nslot == v->nslot || v->slot[vol_slot_at(v, p->nslot)].index > last);
	MUST(!p->nrange || vol_range_at(v, p->nrange - 1)->index <= last);
	MUST(p->nrange == v->nrange || vol_range_at(v, p->nrange)->index > last);
	return check_state(v, &p->state);
}

static int check_map(const struct vol *v)
{
	u32 i, n = v->map_blocks * LOG_MAP_PER_BLOCK;

	for (i = v->regions; i < n; i++)
		MUST(!v->map[i]);
	for (i = v->map_blocks; i % 64; i++)
		MUST(!(v->map_dirty[i / 64] & (1ULL << (i % 64))));
	return 0;
}

/**
 * vol_check() - audits every invariant
 * @v: the volume
 *
 * O(slots + entries): for tests and debugging.
 *
 * Return: 0, or -EUCLEAN after RB_ASSERT fired.
 */
int vol_check(const struct vol *v)
{
	if (check_state(v, &v->live) || check_state(v, &v->applied) || check_rings(v) ||
	    check_hash(v) || check_replay(v) || check_plan(v) || check_map(v))
		return -EUCLEAN;
	return 0;
}
