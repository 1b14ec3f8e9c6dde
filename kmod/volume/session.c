// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict: what an entry does to the sessions and to the image. It depends on
 * the entries before it and on nothing else, so all replicas agree.
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
 * An OPEN replaces a session, and has to name its epoch. In exclusive mode that is
 * the session of whoever holds the volume; in shared mode, that of the same node.
 */
static int judge_open(struct rblk_state *s, const struct vol_geom *g, const struct rblk_entry *e)
{
	struct rblk_session *cur = g->shared ? of_store(s, e->store) :
				  s->nsessions ? &s->session[0] : NULL;

	if (!e->store)		/* 0 marks a free place in the table */
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

/* The sessions stay in order, without holes, so the tables of all replicas are alike. */
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
 * rblk_vol_fits() - is a range within a volume, and aligned to its blocks?
 * @sectors: size of the volume
 * @block_size: its logical block, in bytes
 * @sector: first sector of the range
 * @nsect: number of sectors in it
 *
 * Return: true if it is both.
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
	 * The order of a session has no holes. A write that is out of range uses
	 * up its number: the next write may have been sent long before the error
	 * was known, and must not find a gap in front of it.
	 */
	cur->seq = e->seq;
	return rblk_vol_fits(g->sectors, g->block_size, e->sector, e->nsect) ? 0 : -ERANGE;
}

/* Error numbers differ between architectures; the digest must not. */
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
 * For any @x, this is a one-to-one function of @h. So two histories that differ
 * can have equal digests only by a collision at the entry that differs; nothing
 * that follows makes them meet.
 */
static u64 mix_digest(u64 h, u64 x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15ULL;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ULL;
	return h ^ (h >> 32);
}

/**
 * rblk_vol_verdict() - the verdict on the next entry
 * @s: state after the entry before it; moves on by one entry
 * @g: geometry; only what is replicated is looked at: size, block size, shared
 * @e: the entry, well formed (see rblk_entry_check())
 *
 * This is the one function that decides what an entry does, for the executed state
 * as well as for the state of a batch.
 *
 * Return: 0 if the entry takes effect; otherwise it has none on any replica:
 *
 * * -ESTALE: its session is not a current one
 * * -EALREADY: a duplicate: its sequence number is not above the newest one
 * * -EPROTO: a gap in the sequence of the session, an OPEN without a store, or an
 *   unknown kind
 * * -EBUSY: an OPEN that names another epoch than the current one or, on a shared
 *   volume, finds no free place
 * * -ERANGE: beyond the end of the volume, or not aligned to its blocks; the
 *   sequence number is used up all the same
 * * -EINVAL: RBLK_ASSERT() has fired: not the next entry; @s is unchanged
 */
int rblk_vol_verdict(struct rblk_state *s, const struct vol_geom *g, const struct rblk_entry *e)
{
	int verdict;

	if (RBLK_ASSERT(g->alarm, e->index == s->index + 1 && e->term >= s->term))
		return -EINVAL;
	switch (e->kind) {
	case RBLK_E_NOOP:
	case RBLK_E_CONF:
	case RBLK_E_VERIFY:
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
 * Return: the session, valid until the next rblk_vol_execute(), or NULL if there is
 * none or the volume is shared.
 */
const struct rblk_session *rblk_vol_session(const struct vol *v)
{
	return v->executed.nsessions && !v->g.shared ? &v->executed.session[0] : NULL;
}

/**
 * rblk_vol_session_of() - the session of a node after every committed entry
 * @v: the volume
 * @store: store id of the node
 *
 * Return: the session, valid until the next rblk_vol_execute(), or NULL if it has
 * none.
 */
const struct rblk_session *rblk_vol_session_of(const struct vol *v, u64 store)
{
	return of_store((struct rblk_state *)&v->executed, store);
}

/**
 * rblk_vol_digest() - digest of all verdicts so far
 * @v: the volume
 *
 * Return: a number that is equal on all replicas whose rblk_vol_executed() has the
 * same index.
 */
u64 rblk_vol_digest(const struct vol *v)
{
	return v->executed.digest;
}
