// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict: what an entry does to sessions and to the image, decided from
 * the entries before it and nothing else. Every replica judges alike.
 */
#include "internal.h"

static struct rblk_session *of_store(struct rblk_state *s, u64 store)
{
	u32 i;

	for (i = 0; i < s->nsessions; i++)
		if (s->session[i].store == store)
			return &s->session[i];
	return NULL;
}

static struct rblk_session *of_epoch(struct rblk_state *s, u64 epoch)
{
	u32 i;

	for (i = 0; i < s->nsessions; i++)
		if (s->session[i].epoch == epoch)
			return &s->session[i];
	return NULL;
}

/*
 * The session that an OPEN would replace: in exclusive mode whoever holds the
 * volume, in shared mode what a node held before. Expected is its epoch.
 */
static int judge_open(struct rblk_state *s, const struct vol_geom *g, const struct rblk_entry *e)
{
	struct rblk_session *cur = g->shared ? of_store(s, e->store) :
				  s->nsessions ? &s->session[0] : NULL;

	if (!e->store)		/* marks a free place */
		return -EPROTO;
	if (e->epoch != (cur ? cur->epoch : 0))
		return -EBUSY;
	if (!cur) {
		if (s->nsessions == RBLK_SESSIONS_MAX)
			return -EBUSY;
		cur = &s->session[s->nsessions++];
	}
	*cur = (struct rblk_session){
		.store = e->store, .epoch = e->index, .nonce = e->seq,
	};
	return 0;
}

/* Sessions stay in order, without holes: all replicas' tables are alike. */
static int judge_close(struct rblk_state *s, const struct rblk_entry *e)
{
	struct rblk_session *cur = of_epoch(s, e->epoch);
	u32 i;

	if (!cur || e->store != cur->store)
		return -ESTALE;
	s->nsessions--;
	for (i = (u32)(cur - s->session); i < s->nsessions; i++)
		s->session[i] = s->session[i + 1];
	memset(&s->session[i], 0, sizeof(s->session[i]));
	return 0;
}

/**
 * rblk_vol_fits() - can a volume have this range?
 * @sectors: size of the volume
 * @block_size: its logical block, bytes
 * @sector: first sector
 * @nsect: how many
 *
 * Return: false: beyond its end, or not aligned to its blocks.
 */
bool rblk_vol_fits(u64 sectors, u32 block_size, u64 sector, u32 nsect)
{
	u32 unit = block_size >> RBLK_SECTOR_SHIFT;	/* a power of two */

	if ((sector | nsect) & (unit - 1))
		return false;
	return nsect <= sectors && sector <= sectors - nsect;
}

static int judge_data(struct rblk_state *s, const struct vol_geom *g, const struct rblk_entry *e)
{
	struct rblk_session *cur = of_epoch(s, e->epoch);

	if (!cur)
		return -ESTALE;
	if (e->seq <= cur->seq)
		return -EALREADY;
	if (e->seq - cur->seq != 1)
		return -EPROTO;
	/*
	 * The order of a session has no holes: a write that cannot be done was
	 * answered too, and the one behind it, sent long before the answer,
	 * must not find a gap in front of it.
	 */
	cur->seq = e->seq;
	return rblk_vol_fits(g->sectors, g->block_size, e->sector, e->nsect) ? 0 : -ERANGE;
}

/* Numbers of errors differ between architectures, the digest must not. */
static u32 verdict_code(int verdict)
{
	switch (verdict) {
	case 0:
		return 0;
	case -ESTALE:
		return 1;
	case -EALREADY:
		return 2;
	case -EPROTO:
		return 3;
	case -EBUSY:
		return 4;
	case -ERANGE:
		return 5;
	default:
		return 6;
	}
}

/*
 * One to one in @h for any @x: two histories that differ once can meet again
 * only by a collision in the entry that differs, not by what follows.
 */
static u64 mix_digest(u64 h, u64 x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15ULL;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ULL;
	return h ^ (h >> 32);
}

/**
 * rblk_vol_verdict() - judges the next entry
 * @s: state after the entry before; moves on by one entry
 * @g: geometry: only what is replicated, size and block size, is looked at
 * @e: the entry, well formed (see rblk_entry_check())
 *
 * Return: see volume.h. -EINVAL after RBLK_ASSERT fired: not the next entry, @s
 * is as it was.
 */
int rblk_vol_verdict(struct rblk_state *s, const struct vol_geom *g, const struct rblk_entry *e)
{
	int verdict;

	if (RBLK_ASSERT(e->index == s->index + 1 && e->term >= s->term))
		return -EINVAL;
	switch (e->kind) {
	case RBLK_E_NOOP:
	case RBLK_E_CONF:
		verdict = 0;
		break;
	case RBLK_E_OPEN:
		verdict = judge_open(s, g, e);
		break;
	case RBLK_E_CLOSE:
		verdict = judge_close(s, e);
		break;
	case RBLK_E_WRITE:
	case RBLK_E_ZEROES:
		verdict = judge_data(s, g, e);
		break;
	default:
		verdict = -EPROTO;
	}
	s->index = e->index;
	s->term = e->term;
	s->digest = mix_digest(s->digest, e->index);
	s->digest = mix_digest(s->digest, e->term);
	s->digest = mix_digest(s->digest, (u64)verdict_code(verdict) << 32 | e->csum);
	return verdict;
}

/**
 * rblk_vol_session() - the exclusive session after every committed entry
 * @v: the volume
 *
 * Return: the session, valid until the next rblk_vol_execute(); NULL: none, or the
 * volume is shared.
 */
const struct rblk_session *rblk_vol_session(const struct vol *v)
{
	return v->executed.nsessions && !v->g.shared ? &v->executed.session[0] : NULL;
}

/**
 * rblk_vol_session_of() - the session of a node after every committed entry
 * @v: the volume
 * @store: the node's
 *
 * Return: the session, valid until the next rblk_vol_execute(); NULL: none.
 */
const struct rblk_session *rblk_vol_session_of(const struct vol *v, u64 store)
{
	return of_store((struct rblk_state *)&v->executed, store);
}

/**
 * rblk_vol_digest() - the replicated state in 64 bits
 * @v: the volume
 *
 * Return: equal on all replicas whose rblk_vol_executed() index is equal.
 */
u64 rblk_vol_digest(const struct vol *v)
{
	return v->executed.digest;
}
