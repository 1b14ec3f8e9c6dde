// SPDX-License-Identifier: GPL-2.0
/*
 * Do those who write suffer from a resync? The leader measures how long their writes take, from
 * the proposal to the commit, and tells whoever pulls content what it finds: see pace.c.
 *
 * What counts are the few slow writes, and not the average, since it is those that people notice.
 * The usual time is one that about one of 64 writes exceeds. It is learnt while nobody pulls. As
 * nobody knows how long a resync takes, and what users do meanwhile, those who pull rest for one
 * window of so many. A leader that is new has them rest until it knows the usual time.
 *
 * One write is measured at a time: the first one that is proposed after the one before is
 * committed. So it does not matter how many there are at once.
 */
#include "internal.h"

#define WINDOW_BEATS	2	/* heartbeats of a window */
#define WINDOW_MOST	4	/* times as long, if there are few writes */
#define WINDOW_WRITES	64	/* these are not few; about one of so many is slow anyway */
#define REST_WINDOWS	32	/* those who pull rest in one of so many */
#define WRITES_KNOWN	16	/* from here on the usual time is known */
#define WRITES_LEARNT	64	/* ... and changes slowly */

/* The usual time grows by an eighth with each write that takes longer. */
static void learn(struct rblk_strain *t, u64 ns)
{
	u32 shift = t->learnt < WRITES_LEARNT ? 5 : 9;

	if (!t->learnt)
		t->usual = ns;
	else if (ns > t->usual)
		t->usual += (t->usual >> 3) + 1;
	else
		t->usual -= t->usual >> shift;
	if (t->learnt < WRITES_LEARNT)
		t->learnt++;
}

static bool is_slow(const struct rblk_strain *t, u64 ns)
{
	return t->learnt >= WRITES_KNOWN && ns > t->usual + t->usual / 2;
}

static bool somebody_pulls(const struct rblk_replica *r)
{
	u32 i;

	for (i = 0; i < r->g->npeers; i++)
		if (rblk_peer_connected(&r->g->peer[i]) && r->g->peer[i].says_absent)
			return true;
	return false;
}

static u64 window_ns(const struct rblk_replica *r)
{
	return WINDOW_BEATS * rblk_ground_heartbeat_ns(r->g);
}

/* In the first half of a rest, what was asked for before is still coming. */
static bool undisturbed(const struct rblk_replica *r)
{
	const struct rblk_strain *t = &r->strain;

	return !somebody_pulls(r) ||
	       (t->found == NODE_ST_REST && r->g->now >= t->at + window_ns(r) / 2);
}

/* This node leads, and has proposed @e. */
void rblk_replica_strain_proposed(struct rblk_replica *r, const struct rblk_entry *e)
{
	struct rblk_strain *t = &r->strain;

	if (e->kind != RBLK_E_WRITE || t->index || e->index <= r->commit)
		return;
	t->index = e->index;
	t->since = r->g->now;
}

void rblk_replica_strain_committed(struct rblk_replica *r)
{
	struct rblk_strain *t = &r->strain;
	u64 ns = r->g->now - t->since;

	if (!t->index || r->commit < t->index)
		return;
	t->index = 0;
	t->writes++;
	t->slow += is_slow(t, ns);
	if (undisturbed(r))
		learn(t, ns);
}

/* A single slow write says nothing. */
static bool too_many_slow(const struct rblk_strain *t)
{
	return t->slow > 1 + t->writes / WINDOW_WRITES;
}

/* A window ends. */
static u8 find(struct rblk_replica *r)
{
	struct rblk_strain *t = &r->strain;

	if (!t->writes && !t->index)
		return NODE_ST_NONE;
	/* A write that has not ended is as slow as if it ended now. */
	if (!t->writes || (t->index && is_slow(t, r->g->now - t->since)))
		return NODE_ST_SLOW;
	if (!somebody_pulls(r))
		return NODE_ST_WELL;
	if (t->learnt < WRITES_KNOWN)
		return NODE_ST_REST;
	/* What was slow in a rest was so by itself. */
	if (t->found == NODE_ST_REST)
		return NODE_ST_WELL;
	if (++t->windows >= REST_WINDOWS) {
		t->windows = 0;
		return NODE_ST_REST;
	}
	return too_many_slow(t) ? NODE_ST_SLOW : NODE_ST_WELL;
}

/**
 * rblk_replica_strain_run() - finds how long the writes of users take, if this node leads
 * @r: replica, started
 */
void rblk_replica_strain_run(struct rblk_replica *r)
{
	struct rblk_strain *t = &r->strain;
	u64 window = window_ns(r);

	if (!rblk_replica_leads(r)) {
		if (t->at)
			memset(t, 0, sizeof(*t));
		return;
	}
	if (!t->at)
		t->at = r->g->now;
	if (r->g->now < t->at + window ||
	    (t->writes < WINDOW_WRITES && r->g->now < t->at + WINDOW_MOST * window))
		return;
	t->found = find(r);
	t->no++;
	t->at = r->g->now;
	t->writes = 0;
	t->slow = 0;
}
