// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict: what an entry does to sessions and to the image, decided from
 * the entries before it and nothing else. Every replica judges alike.
 */
#include "internal.h"

/* Exclusive mode: at most one session, always in place 0. */
static struct log_session *current_session(struct log_state *s)
{
	return s->nsessions ? &s->session[0] : NULL;
}

static int judge_open(struct log_state *s, const struct rb_entry *e)
{
	const struct log_session *cur = current_session(s);

	if (!e->store)		/* marks a free place */
		return -EPROTO;
	if (e->epoch != (cur ? cur->epoch : 0))
		return -EBUSY;
	s->nsessions = 1;
	s->session[0] = (struct log_session){
		.store = e->store, .epoch = e->index, .nonce = e->seq,
	};
	return 0;
}

static int judge_close(struct log_state *s, const struct rb_entry *e)
{
	const struct log_session *cur = current_session(s);

	if (!cur || e->epoch != cur->epoch || e->store != cur->store)
		return -ESTALE;
	s->nsessions = 0;
	memset(&s->session[0], 0, sizeof(s->session[0]));
	return 0;
}

static bool fits(const struct vol_geom *g, const struct rb_entry *e)
{
	u32 unit = g->block_size >> RB_SECTOR_SHIFT;	/* a power of two */

	if ((e->sector | e->nsect) & (unit - 1))
		return false;
	return e->nsect <= g->sectors && e->sector <= g->sectors - e->nsect;
}

static int judge_data(struct log_state *s, const struct vol_geom *g, const struct rb_entry *e)
{
	struct log_session *cur = current_session(s);

	if (!cur || e->epoch != cur->epoch)
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
	return fits(g, e) ? 0 : -ERANGE;
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
static u64 mix(u64 h, u64 x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15ULL;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ULL;
	return h ^ (h >> 32);
}

/**
 * vol_verdict() - judges the next entry
 * @s: state after the entry before; moves on by one entry
 * @g: geometry: only what is replicated, size and block size, is looked at
 * @e: the entry, well formed (see rb_entry_check())
 *
 * Return: see volume.h. -EINVAL after RB_ASSERT fired: not the next entry, @s
 * is as it was.
 */
int vol_verdict(struct log_state *s, const struct vol_geom *g, const struct rb_entry *e)
{
	int verdict;

	if (RB_ASSERT(e->index == s->index + 1 && e->term >= s->term))
		return -EINVAL;
	switch (e->kind) {
	case RB_E_NOOP:
	case RB_E_CONF:
		verdict = 0;
		break;
	case RB_E_OPEN:
		verdict = judge_open(s, e);
		break;
	case RB_E_CLOSE:
		verdict = judge_close(s, e);
		break;
	case RB_E_WRITE:
	case RB_E_ZEROES:
		verdict = judge_data(s, g, e);
		break;
	default:
		verdict = -EPROTO;
	}
	s->index = e->index;
	s->term = e->term;
	s->digest = mix(s->digest, e->index);
	s->digest = mix(s->digest, e->term);
	s->digest = mix(s->digest, (u64)verdict_code(verdict) << 32 | e->csum);
	return verdict;
}

/**
 * vol_session() - the exclusive session after every committed entry
 * @v: the volume
 *
 * Return: the session, valid until the next vol_commit(); NULL: none.
 */
const struct log_session *vol_session(const struct vol *v)
{
	return v->live.nsessions ? &v->live.session[0] : NULL;
}

/**
 * vol_digest() - the replicated state in 64 bits
 * @v: the volume
 *
 * Return: equal on all replicas whose vol_live() index is equal.
 */
u64 vol_digest(const struct vol *v)
{
	return v->live.digest;
}
