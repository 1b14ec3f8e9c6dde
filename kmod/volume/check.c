// SPDX-License-Identifier: GPL-2.0
/* The audit: what holds between any two calls. */
#include "internal.h"

#define MUST(cond)				\
	do {					\
		if (RBLK_ASSERT(v->g.alarm, cond))		\
			return -EUCLEAN;	\
	} while (0)

static int check_state(const struct vol *v, const struct rblk_state *s)
{
	u32 i, k;

	MUST(s->nsessions <= (v->g.shared ? RBLK_SESSIONS_MAX : 1));
	for (i = 0; i < RBLK_SESSIONS_MAX; i++) {
		const struct rblk_session *se = &s->session[i];

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
	const struct vol_version *s = &v->version[i];
	const struct rblk_entry *e;

	MUST(s->index > v->applied.index && s->index <= v->executed.index);
	MUST(s->mask && s->block <= (v->g.sectors - 1) / RBLK_SECTORS_PER_BLOCK);
	if (s->older != VOL_NONE) {
		const struct vol_version *o = &v->version[s->older];

		MUST(s->older < v->g.versions && o->newer == i);
		MUST(o->block == s->block && o->index < s->index && o->next == VOL_NONE);
		MUST(!((o->mask | o->below) & ~s->below));
	}
	if (s->newer != VOL_NONE)
		MUST(s->newer < v->g.versions && v->version[s->newer].older == i);
	e = v->g.entry(v->g.ctx, s->index);
	MUST(e && e->index == s->index && e->kind == RBLK_E_WRITE && s->nth < e->nblocks);
	MUST(s->block == e->sector / RBLK_SECTORS_PER_BLOCK + s->nth);
	MUST(s->mask == rblk_block_mask(e->sector, e->nsect, s->nth));
	return 0;
}

/* The rings are in log order, and have all blocks of an entry in sequence. */
static int check_rings(const struct vol *v)
{
	u64 index = 0;
	u32 i, nth = 0;

	MUST(v->nversion <= v->g.versions && v->version_tail < v->g.versions);
	MUST(v->nrange <= v->g.ranges && v->range_tail < v->g.ranges);
	for (i = 0; i < v->nversion; i++) {
		const struct vol_version *s = &v->version[rblk_vol_version_at(v, i)];

		nth = s->index == index ? nth + 1 : 0;
		MUST(s->index >= index && s->nth == nth);
		index = s->index;
		if (check_slot(v, rblk_vol_version_at(v, i)))
			return -EUCLEAN;
	}
	for (i = 0, index = v->applied.index; i < v->nrange; i++) {
		const struct vol_range *r = rblk_vol_range_at(v, i);

		MUST(r->index > index && r->index <= v->executed.index);
		MUST(r->nsect && r->nsect <= v->g.sectors);
		MUST(r->sector <= v->g.sectors - r->nsect);
		index = r->index;
	}
	return 0;
}

/* The hash leads to every version exactly once, and to nothing else. */
static int check_hash(const struct vol *v)
{
	u64 b, n = 1ULL << (64 - v->bucket_shift);
	u32 i, k, seen = 0;

	for (b = 0; b < n; b++) {
		for (i = v->bucket[b]; i != VOL_NONE; i = v->version[i].next) {
			MUST(i < v->g.versions && rblk_vol_bucket_of(v, v->version[i].block) == b);
			MUST(v->version[i].newer == VOL_NONE);
			MUST(rblk_vol_ext_find(v, v->version[i].block) == i);
			for (k = i; k != VOL_NONE; k = v->version[k].older)
				MUST(++seen <= v->nversion);
		}
	}
	MUST(seen == v->nversion);
	return 0;
}

/* Replayed from the applied state, the entries give the executed state and the rings. */
static int check_replay(const struct vol *v)
{
	struct rblk_state s = v->applied;
	const struct rblk_entry *e;
	u32 versions = 0, ranges = 0;

	MUST(v->applied.index <= v->executed.index && v->applied.term <= v->executed.term);
	while (s.index < v->executed.index) {
		e = v->g.entry(v->g.ctx, s.index + 1);
		MUST(e && e->index == s.index + 1 && e->term >= s.term);
		if (rblk_vol_verdict(&s, &v->g, e))
			continue;
		versions += e->kind == RBLK_E_WRITE ? e->nblocks : 0;
		ranges += e->kind == RBLK_E_ZEROES;
	}
	MUST(s.term == v->executed.term && s.digest == v->executed.digest);
	MUST(s.nsessions == v->executed.nsessions);
	MUST(!memcmp(s.session, v->executed.session, sizeof(s.session)));
	MUST(versions == v->nversion && ranges == v->nrange);
	return 0;
}

static int check_plan(const struct vol *v)
{
	const struct vol_plan *p = &v->plan;
	u64 last = p->state.index;

	if (!p->active)
		return 0;
	MUST(last > v->applied.index && last <= v->executed.index);
	MUST(p->nversion <= v->nversion && p->nversion <= v->g.batch && p->nrange <= v->nrange);
	MUST(!p->nversion || v->version[rblk_vol_version_at(v, p->nversion - 1)].index <= last);
	MUST(p->nversion == v->nversion ||
	     v->version[rblk_vol_version_at(v, p->nversion)].index > last);
	MUST(!p->nrange || rblk_vol_range_at(v, p->nrange - 1)->index <= last);
	MUST(p->nrange == v->nrange || rblk_vol_range_at(v, p->nrange)->index > last);
	return check_state(v, &p->state);
}

static int check_map(const struct vol *v)
{
	u32 i, n = (v->map_blocks - v->bit_blocks) * RBLK_MAP_PER_BLOCK;

	for (i = v->regions; i < n; i++)
		MUST(!v->map[i]);
	for (i = v->map_blocks; i % 64; i++)
		MUST(!(v->map_dirty[i / 64] & (1ULL << (i % 64))));
	return 0;
}

/**
 * rblk_vol_check() - audit every invariant
 * @v: the volume
 *
 * Takes time proportional to the versions and unapplied entries: for tests and
 * debugging.
 *
 * Return: 0, or -EUCLEAN after RBLK_ASSERT() has fired.
 */
int rblk_vol_check(const struct vol *v)
{
	if (check_state(v, &v->executed) || check_state(v, &v->applied) || check_rings(v) ||
	    check_hash(v) || check_replay(v) || check_plan(v) || check_map(v) ||
	    rblk_vol_absent_check(v) || rblk_vol_unwritten_check(v))
		return -EUCLEAN;
	return 0;
}
