// SPDX-License-Identifier: GPL-2.0
/*
 * The member that compares the copies of the image. It has the leader put a mark into the log for
 * one range after the other; every replica reads the range exactly there (verify.c) and says
 * which checksums its blocks have. All of them are equal, or a copy is wrong.
 *
 * Only more than half of all voters decide which one. Who did not say anything is not compared,
 * and never taken to be equal. A member is told to mend what it has when two looks, one after
 * the other, find the same; and it counts as mended when a later look finds all alike.
 */
#include "internal.h"

#define ASK_ELECTIONS		1	/* until the leader is asked for another mark */
#define HEAR_ELECTIONS		8	/* for so long a member that is connected is waited for */
#define LATER_ELECTIONS		1	/* until the next look, if none at once is of use */
#define TRIES			8	/* so often it is looked again if somebody could not read */
#define GIVE_UP_ELECTIONS	100	/* for so long a range is looked at */

static u64 after(const struct rblk_replica *r, u32 elections)
{
	return r->g->now + elections * rblk_ground_election_ns(r->g);
}

static void count_in(const struct rblk_conf *conf, u32 mask, u32 *voters, u32 *n)
{
	u32 i;

	*voters = 0;
	*n = 0;
	for (i = 0; i < conf->n; i++) {
		*voters += !!(conf->m[i].flags & RBLK_M_IN);
		*n += mask >> i & 1;
	}
}

/* ---- one look ---- */

static void look_again(struct rblk_replica *r)
{
	struct rblk_compare *c = &r->compare;

	memset(c->copy, 0, sizeof(c->copy));
	c->id = r->g->cfg.boot_nonce + ++c->ids;
	c->index = 0;
	c->conf = r->g->conf.index;
	c->asks = true;
	c->next_at = after(r, ASK_ELECTIONS);
}

static void look_later(struct rblk_replica *r)
{
	struct rblk_compare *c = &r->compare;

	c->id = 0;
	c->index = 0;
	c->next_at = after(r, LATER_ELECTIONS);
}

/**
 * rblk_replica_compare_asks() - is the leader to be asked for a mark?
 * @r: replica, which compares
 * @w: what it is asked for
 *
 * Return: true if so. It is not asked again for this one.
 */
bool rblk_replica_compare_asks(struct rblk_replica *r, struct wire_mark *w)
{
	struct rblk_compare *c = &r->compare;

	if (!c->busy || !c->asks)
		return false;
	c->asks = false;
	*w = (struct wire_mark){
		.from = r->g->cfg.super.store, .id = c->id, .sector = c->sector,
		.nsect = c->nsect, .what = WIRE_M_VERIFY,
	};
	return true;
}

/* A mark was executed here. Of a frame that came twice, the first one counts. */
void rblk_replica_compare_marked(struct rblk_replica *r, const struct rblk_entry *e)
{
	struct rblk_compare *c = &r->compare;
	u32 i;

	if (!c->busy || c->index || e->store != r->g->cfg.super.store || e->seq != c->id)
		return;
	c->index = e->index;
	c->next_at = after(r, HEAR_ELECTIONS);
	c->silent_at = r->g->now + rblk_ground_heartbeat_ns(r->g);
	for (i = 0; i < ARRAY_SIZE(c->copy); i++)
		c->copy[i].heard &= c->copy[i].index == e->index;
}

/**
 * rblk_replica_compare_heard() - a member says what it has read
 * @r: replica
 * @from: store of the member
 * @s: what it says
 */
void rblk_replica_compare_heard(struct rblk_replica *r, u64 from, const struct wire_sums *s)
{
	struct rblk_compare *c = &r->compare;
	struct rblk_copy *copy;
	u32 i;

	for (i = 0; i < r->g->conf.n; i++)
		if (r->g->conf.m[i].store == from)
			break;
	if (i == r->g->conf.n)
		return;
	c->silent &= ~(1u << i);
	copy = &c->copy[i];
	if (!c->busy || !c->id || s->id != c->id || r->g->conf.index != c->conf ||
	    (c->index && s->index != c->index) || copy->heard)
		return;
	copy->heard = true;
	copy->index = s->index;
	copy->error = s->error;
	copy->n = s->n;
	memcpy(copy->sum, s->v, sizeof(copy->sum));
}

/* Has everybody answered who can? Who did not the last time has less time to do so. */
static bool all_heard(const struct rblk_replica *r)
{
	u32 silent = r->g->now >= r->compare.silent_at ? r->compare.silent : 0;
	const struct rblk_compare *c = &r->compare;
	const struct rblk_conf *conf = &r->g->conf;
	const struct rblk_peer *p;
	u32 i;

	for (i = 0; i < conf->n; i++) {
		if (!(conf->m[i].flags & RBLK_M_IN) || c->copy[i].heard || silent >> i & 1)
			continue;
		if (conf->m[i].store == r->g->cfg.super.store)
			return false;
		p = rblk_ground_peer(r->g, conf->m[i].store, NULL);
		if (p && rblk_peer_listens(p))
			return false;
	}
	return true;
}

/* ---- the verdict ---- */

struct verdict {
	u32 good;		/* members that have the same, and are the most */
	u32 differs;		/* those that have something else */
	u32 missing;		/* those that did not say */
	u32 again;		/* of these, those that could not read just then */
};

static bool alike(const struct rblk_copy *a, const struct rblk_copy *b)
{
	return b->heard && !b->error && a->n == b->n &&
	       !memcmp(a->sum, b->sum, a->n * sizeof(a->sum[0]));
}

static enum rblk_verify_outcome compare_sums(const struct rblk_replica *r, struct verdict *v)
{
	const struct rblk_conf *conf = &r->g->conf;
	const struct rblk_copy *copy = r->compare.copy;
	u32 i, k, voters, n, most = 0, read = 0;

	memset(v, 0, sizeof(*v));
	for (i = 0; i < conf->n; i++) {
		u32 same = 0;

		if (!(conf->m[i].flags & RBLK_M_IN))
			continue;
		if (!copy[i].heard || copy[i].error) {
			v->missing |= 1u << i;
			v->again |= (u32)(copy[i].error == WIRE_E_AGAIN) << i;
			continue;
		}
		read |= 1u << i;
		for (k = 0; k < conf->n; k++)
			if (conf->m[k].flags & RBLK_M_IN && alike(&copy[i], &copy[k]))
				same |= 1u << k;
		count_in(conf, same, &voters, &n);
		if (n > most) {
			most = n;
			v->good = same;
		}
	}
	v->differs = read & ~v->good;
	count_in(conf, read, &voters, &n);
	if (n < 2)
		return NODE_V_ALONE;
	if (!v->differs)
		return NODE_V_EQUAL;
	return 2 * most > voters ? NODE_V_DIFFERS : NODE_V_SPLIT;
}

/* ---- the ranges ---- */

static void begin_range(struct rblk_replica *r)
{
	struct rblk_compare *c = &r->compare;
	u32 per, shift = 0;
	u64 first;

	rblk_vol_chunk(r->vol, 0, &first, &per);
	while (1u << shift < per)
		shift++;
	rblk_vol_chunk(r->vol, (u32)(c->sector >> shift), &c->sector, &c->nsect);
	c->differed = 0;
	c->sent = 0;
	c->give_up_at = after(r, GIVE_UP_ELECTIONS);
	look_again(r);
}

static void end(struct rblk_replica *r, enum rblk_verify_outcome outcome)
{
	struct rblk_compare *c = &r->compare;
	struct rblk_verify_status *st = &c->st;

	c->busy = false;
	st->outcome = outcome;
	st->sector = c->sector;
	st->nsect = c->nsect;
	st->at = r->g->now;
	if (outcome == NODE_V_DIFFERS || outcome == NODE_V_SPLIT) {
		st->open = outcome;
		st->open_sector = c->sector;
		st->open_nsect = c->nsect;
		st->open_members = st->differs;
		st->open_at = r->g->now;
	}
	rblk_ground_note(r->g, NODE_N_VERIFY, outcome);
}

/* The copies of this range are alike. */
static void range_equal(struct rblk_replica *r)
{
	struct rblk_compare *c = &r->compare;
	struct rblk_verify_status *st = &c->st;

	st->ranges++;
	if (st->open && st->open_sector == c->sector)
		st->open = NODE_V_NONE;
	if (c->sent) {
		st->mended++;
		end(r, NODE_V_MENDED);
		return;
	}
	st->differs = 0;
	if (c->end - c->sector <= c->nsect) {
		end(r, NODE_V_EQUAL);
		return;
	}
	c->sector += c->nsect;
	begin_range(r);
}

/**
 * rblk_replica_mark_send() - sends a member what is asked of it for a comparison
 * @r: replica, which compares
 * @slot: the member; if there is no room for the frame, it is asked again some time later
 * @w: what is asked
 */
void rblk_replica_mark_send(struct rblk_replica *r, u32 slot, const struct wire_mark *w)
{
	void *frame = rblk_peer_sendable(&r->g->peer[slot]) ?
		      rblk_ground_tx_begin(r->g, slot, WIRE_BULK) : NULL;

	if (frame)
		rblk_ground_tx_end(r->g, slot, WIRE_BULK, rblk_wire_encode_mark(frame, w), NULL, 0);
}

/* Tells those that differ whom they can have the content from. */
static void tell_to_mend(struct rblk_replica *r, const struct verdict *v)
{
	struct rblk_compare *c = &r->compare;
	struct wire_mark w = {
		.from = r->g->cfg.super.store, .id = c->id, .sector = c->sector,
		.nsect = c->nsect, .what = WIRE_M_MEND, .good = v->good, .conf = c->conf,
	};
	u32 i, slot;

	c->sent |= v->differs;
	for (i = 0; i < r->g->conf.n; i++) {
		if (!(v->differs >> i & 1))
			continue;
		if (r->g->conf.m[i].store == w.from)
			rblk_replica_mend_range(r, &w);
		else if (rblk_ground_peer(r->g, r->g->conf.m[i].store, &slot))
			rblk_replica_mark_send(r, slot, &w);
	}
}

/* One copy is wrong. Nothing is mended before the next look has found the same. */
static void mend_range(struct rblk_replica *r, const struct verdict *v)
{
	struct rblk_compare *c = &r->compare;

	if (!c->differed)
		c->st.differing++;
	c->st.differs |= v->differs;
	if (c->differed == v->differs) {
		tell_to_mend(r, v);
		look_later(r);
		return;
	}
	c->differed = v->differs;
	look_again(r);
}

static void conclude(struct rblk_replica *r)
{
	struct rblk_compare *c = &r->compare;
	struct verdict v;
	enum rblk_verify_outcome outcome = compare_sums(r, &v);
	u32 i;

	for (i = 0; i < r->g->conf.n; i++)
		c->silent |= (u32)!c->copy[i].heard << i;
	if (outcome == NODE_V_DIFFERS && c->mend) {
		mend_range(r, &v);
		return;
	}
	if ((c->sent && (outcome != NODE_V_EQUAL || v.missing & c->sent)) ||
	    ((v.again || (outcome == NODE_V_ALONE && r->g->conf.n > 1)) &&
	     ++c->tries < TRIES)) {
		look_later(r);
		return;
	}
	c->st.missing |= v.missing;
	if (outcome == NODE_V_EQUAL) {
		range_equal(r);
		return;
	}
	if (outcome == NODE_V_DIFFERS)
		c->st.differs = v.differs;
	else if (outcome == NODE_V_SPLIT)
		c->st.differs = v.good | v.differs;
	if (outcome != NODE_V_ALONE && !c->differed)
		c->st.differing++;
	end(r, outcome);
}

/* Goes on with what was asked for, as far as that is possible now. */
void rblk_replica_compare_run(struct rblk_replica *r)
{
	struct rblk_compare *c = &r->compare;

	if (!c->busy)
		return;
	if (r->g->now >= c->give_up_at)
		end(r, c->differed ? NODE_V_DIFFERS : NODE_V_NO_ANSWER);
	else if (c->index && c->conf == r->g->conf.index &&
		 (all_heard(r) || r->g->now >= c->next_at))
		conclude(r);
	else if (r->g->now >= c->next_at)
		look_again(r);
}

u64 rblk_replica_compare_deadline(const struct rblk_replica *r)
{
	const struct rblk_compare *c = &r->compare;
	u64 at = min_t(u64, c->next_at, c->give_up_at);

	if (c->index && c->silent && r->g->now < c->silent_at)
		at = min_t(u64, at, c->silent_at);
	return c->busy ? at : U64_MAX;
}

/**
 * rblk_replica_compare() - begins to compare the copies of the image
 * @r: replica
 * @sector: first sector; the range that it is in is compared as a whole
 * @nsect: number of sectors
 * @mend: what differs from a majority is to be mended
 *
 * It ends with the last range, or the first one whose copies are not alike, or were mended:
 * a VERIFY note follows, and the status says what was found.
 *
 * Return: 0; -EBUSY: the last one has not ended; -EAGAIN: there is no configuration yet;
 * -EINVAL: beyond the end of the volume.
 */
int rblk_replica_compare(struct rblk_replica *r, u64 sector, u64 nsect, bool mend)
{
	struct rblk_compare *c = &r->compare;

	if (c->busy)
		return -EBUSY;
	if (!r->g->conf.index)
		return -EAGAIN;
	if (!nsect || sector >= r->g->conf.sectors || nsect > r->g->conf.sectors - sector)
		return -EINVAL;
	c->busy = true;
	c->mend = mend;
	c->sector = sector;
	c->end = sector + nsect;
	c->silent = 0;
	c->tries = 0;
	c->st.id++;
	c->st.outcome = NODE_V_NONE;
	c->st.differs = 0;
	c->st.missing = 0;
	begin_range(r);
	return 0;
}

/* What is known of it, for the status. */
void rblk_replica_compare_status(const struct rblk_replica *r, struct rblk_verify_status *st)
{
	const struct rblk_compare *c = &r->compare;

	*st = c->st;
	st->busy = c->busy;
	st->reads = r->verify.reads;
	st->mends = r->verify.mends_begun;
	if (c->busy)
		st->sector = c->sector;
	st->age_ns = st->at ? r->g->now - st->at : 0;
	st->open_age_ns = st->open ? r->g->now - st->open_at : 0;
}
