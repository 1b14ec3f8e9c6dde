// SPDX-License-Identifier: GPL-2.0
/*
 * How fast content is pulled. While nobody writes, only the ceiling bounds it. While somebody
 * does, it begins at the floor and grows as long as the leader finds that writes take no longer
 * than usual (strain.c), and is halved each time that it finds that they do. It never sinks below
 * the floor, so that a resync ends.
 */
#include "internal.h"

#define RATE_MOST	(10000 << 10)	/* KiB in a second */
#define PACE_NS_MOST	(16 * RBLK_NSEC_PER_SEC)
#define FIRST_GROWTH	4		/* until writes were slow, a fourth at a time */
#define GROWTH		16		/* ... afterwards, a sixteenth */

/* What the leader says of the writes of users. Without one, nobody can write. */
static u8 strain_now(const struct rblk_replica *r)
{
	if (!r->g->leader || r->g->leader == r->g->cfg.super.store)
		return NODE_ST_NONE;
	return r->resync.pace.strain;
}

static u32 floor_rate(const struct rblk_replica *r)
{
	return r->g->cfg.limits.resync_min << 10;
}

/* The rate while users write, without the ceiling. */
static u32 users_rate(const struct rblk_replica *r)
{
	return max_t(u32, r->resync.pace.rate, floor_rate(r));
}

/* KiB in a second; 0: no bound. */
static u32 pace_rate(const struct rblk_replica *r, enum rblk_rate_bound *bound)
{
	u32 max = r->g->cfg.limits.resync_max << 10, rate = users_rate(r);

	*bound = max ? NODE_B_MAX : NODE_B_NONE;
	if (strain_now(r) == NODE_ST_NONE || (max && rate >= max))
		return max;
	*bound = NODE_B_USERS;
	return rate;
}

static u32 chunk_kib(const struct rblk_replica *r)
{
	u64 sector;
	u32 nsect;

	rblk_vol_chunk(r->vol, 0, &sector, &nsect);
	return nsect >> (10 - RBLK_SECTOR_SHIFT);
}

/* May another chunk be asked for that nothing waits for? */
bool rblk_replica_pace_allows(const struct rblk_replica *r)
{
	return strain_now(r) != NODE_ST_REST && r->g->now >= r->resync.pace.at;
}

/* The time that a chunk takes at the present rate; 0: there is no bound. */
static u64 chunk_ns(const struct rblk_replica *r, enum rblk_rate_bound *bound)
{
	u32 rate = pace_rate(r, bound);

	return rate ? (u64)((u32)RBLK_NSEC_PER_SEC / rate) * chunk_kib(r) : 0;
}

/*
 * A chunk is asked for. What was not asked for in time may be made up for, as far as the window;
 * but not while users write, who would wait for all of it.
 */
void rblk_replica_paced(struct rblk_replica *r)
{
	struct rblk_pace *p = &r->resync.pace;
	enum rblk_rate_bound bound;
	u64 ns = chunk_ns(r, &bound);
	u64 late = bound == NODE_B_USERS ? 0 : NODE_PULLS * ns;

	p->chunks++;
	p->at = max_t(u64, p->at, r->g->now - min_t(u64, late, r->g->now)) + ns;
}

/*
 * A chunk that came is zeroes. Mostly they were discarded, so the device of the source had nothing
 * to read, and nothing was sent. To those who write they count as a fourth.
 */
void rblk_replica_paced_zeroes(struct rblk_replica *r)
{
	struct rblk_pace *p = &r->resync.pace;
	enum rblk_rate_bound bound;
	u64 ns = chunk_ns(r, &bound);

	if (bound == NODE_B_USERS)
		p->at -= min_t(u64, p->at, ns - ns / 4);
}

/* Was at least half of the rate made use of? Else it is not what bounds the resync. */
static bool made_use(const struct rblk_replica *r)
{
	const struct rblk_pace *p = &r->resync.pace;
	u64 ns = min_t(u64, r->g->now - p->since, PACE_NS_MOST);

	return 2 * RBLK_NSEC_PER_SEC * p->chunks * chunk_kib(r) >= users_rate(r) * ns;
}

static void change_rate(struct rblk_replica *r, u8 strain)
{
	struct rblk_pace *p = &r->resync.pace;
	u32 rate = users_rate(r);

	if (strain == NODE_ST_SLOW) {
		p->rate = rate / 2;
		p->slowed = true;
	} else if (strain == NODE_ST_WELL && p->strain != NODE_ST_NONE && made_use(r)) {
		rate += rate / (p->slowed ? GROWTH : FIRST_GROWTH);
		p->rate = min_t(u32, rate, RATE_MOST);
	}
}

/* The leader says what it found about the writes of users; each finding counts once. */
void rblk_replica_pace_heed(struct rblk_replica *r, u8 strain, u32 no)
{
	struct rblk_pace *p = &r->resync.pace;

	if (p->strain_no == no)
		return;
	if (r->resync.phase == RESYNC_PULL)
		change_rate(r, strain);
	p->strain = strain;
	p->strain_no = no;
	p->since = r->g->now;
	p->chunks = 0;
}

/* For the status. */
void rblk_replica_pace_status(const struct rblk_replica *r, struct rblk_resync_status *st)
{
	enum rblk_rate_bound bound;

	st->rate_min = r->g->cfg.limits.resync_min;
	st->rate_max = r->g->cfg.limits.resync_max;
	st->rate = pace_rate(r, &bound);
	st->bound = bound;
}
