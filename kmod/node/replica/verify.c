// SPDX-License-Identifier: GPL-2.0
/*
 * What a replica says about its copy of the image. A VERIFY entry, a mark, changes nothing. Whoever
 * executes it looks up the content of its range at that moment: as of exactly this index, and so
 * it is the same on all replicas, whatever is written meanwhile. What is on the data device may
 * change only when the next entries are applied, so none of them is until the device was read.
 *
 * What cannot be read so is not said to be equal or not: while a part of the image is absent, or
 * may be a mixture; while payload is only in the log; when there is no memory. Marks that were in
 * the log at the start come too late, as the device may hold entries behind them: their payload
 * counts as being only in the log, too.
 *
 * A replica that is told that it differs has that part of its image absent from then on, and pulls
 * it like in a resync, but only from members that agree. First durable metadata says so, as
 * the map must not say what is absent before.
 */
#include "internal.h"

static void say(struct rblk_replica *r, u64 to, u64 id, u64 index, u32 error)
{
	struct rblk_verify *v = &r->verify;

	v->said = (struct wire_sums){ .to = to, .id = id, .index = index, .error = error };
	v->due = true;
}

static void refuse_mark(struct rblk_replica *r, u64 to, u64 id, u64 index)
{
	say(r, to, id, index, r->absent ? WIRE_E_ABSENT : WIRE_E_AGAIN);
}

/* The range was read, or not. Returns the error: nobody waits for it. */
static int range_read(void *owner, struct rblk_read *rd, int error)
{
	struct rblk_replica *r = owner;
	struct rblk_verify *v = &r->verify;

	if (!v->spoiled && error != -ESTALE) {
		say(r, v->store, rd->id, v->index, rblk_wire_error(error));
		if (!error) {
			r->g->ops->buf_sum(r->g->host, rd->buf, rd->buf->crc);
			memcpy(v->said.v, rd->buf->crc, rd->buf->nblocks * sizeof(v->said.v[0]));
			v->said.n = rd->buf->nblocks;
		}
	} else {
		refuse_mark(r, v->store, rd->id, v->index);
	}
	v->index = 0;
	return error;
}

static bool can_read(const struct rblk_replica *r, const struct rblk_entry *e)
{
	return !r->absent && !r->g->remote && !r->rst.owed.index &&
	       r->boot_last <= rblk_replica_applied(r) && rblk_reads_room(r->reads, true) &&
	       rblk_vol_fits(r->g->conf.sectors, r->g->conf.block_size, e->sector, e->nsect);
}

/* A mark was executed, and nothing behind it. */
void rblk_replica_marked(struct rblk_replica *r, const struct rblk_entry *e)
{
	struct rblk_verify *v = &r->verify;
	struct rblk_buf *buf = NULL;
	struct rblk_read *rd;
	u64 token;

	/* A frame that asked for it may have come twice: the first mark counts. */
	if (e->store == v->store && e->seq == v->id)
		return;
	rblk_replica_compare_marked(r, e);
	if (!v->index && can_read(r, e))
		buf = r->g->ops->serve_begin(r->g->host, true,
					     rblk_blocks_touched(e->sector, e->nsect), e->sector,
					     e->nsect, &token);
	if (!buf) {
		refuse_mark(r, e->store, e->seq, e->index);
		return;
	}
	rd = rblk_reads_add(r->reads, token, e->sector, e->nsect, range_read, r, true);
	rd->buf = buf;
	rd->slot = NODE_PEERS_MAX;
	rd->id = e->seq;
	v->index = e->index;
	v->store = e->store;
	v->id = e->seq;
	v->spoiled = false;
	v->reads++;
	rblk_replica_look_up(r, rd);
}

/* Nothing behind this entry may be applied now. */
u64 rblk_replica_verify_limit(const struct rblk_replica *r)
{
	return r->verify.index && !r->nodata ? r->verify.index : U64_MAX;
}

/* Hands over the answer, or keeps it. */
static void answer(struct rblk_replica *r)
{
	struct rblk_verify *v = &r->verify;
	void *frame;
	u32 slot;

	if (v->said.to == r->g->cfg.super.store) {
		v->due = false;
		rblk_replica_compare_heard(r, v->said.to, &v->said);
		return;
	}
	if (!rblk_ground_peer(r->g, v->said.to, &slot) ||
	    !rblk_peer_connected(&r->g->peer[slot])) {
		v->due = false;
		return;
	}
	frame = rblk_peer_sendable(&r->g->peer[slot]) ?
		rblk_ground_tx_begin(r->g, slot, WIRE_BULK) : NULL;
	if (!frame)
		return;
	v->due = false;
	rblk_ground_tx_end(r->g, slot, WIRE_BULK, rblk_wire_encode_sums(frame, &v->said), NULL, 0);
}

/* ---- mending ---- */

/* The peers, by slot, that these members are; 0: this node is one of them, or not a majority is. */
static u32 sources(const struct rblk_replica *r, u32 good)
{
	const struct rblk_conf *conf = &r->g->conf;
	u32 i, slot, slots = 0, voters = 0, n = 0;

	for (i = 0; i < conf->n; i++) {
		if (!(conf->m[i].flags & RBLK_M_IN))
			continue;
		voters++;
		if (!(good >> i & 1))
			continue;
		if (conf->m[i].store == r->g->cfg.super.store)
			return 0;
		n++;
		if (rblk_ground_peer(r->g, conf->m[i].store, &slot))
			slots |= 1u << slot;
	}
	return 2 * n > voters ? slots : 0;
}

/**
 * rblk_replica_mend_range() - this replica has something else than a majority of the others
 * @r: replica
 * @w: which range, and who has what is right
 *
 * Nothing is done while a part of the image is absent. Who compares will see, and say it again.
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_replica_mend_range(struct rblk_replica *r, const struct wire_mark *w)
{
	struct rblk_verify *v = &r->verify;

	if (r->g->conf.index != w->conf)
		return 0;
	if (!rblk_vol_fits(r->g->conf.sectors, r->g->conf.block_size, w->sector, w->nsect) ||
	    !sources(r, w->good))
		return -EINVAL;
	if (r->absent || r->bootstrapping || v->mends)
		return 0;
	v->mends = true;
	v->told = false;
	v->mend = *w;
	return 0;
}

/* Something else is absent by now, or the members are others: then it is too late. */
static bool too_late(const struct rblk_replica *r)
{
	const struct rblk_verify *v = &r->verify;

	return (r->absent && !v->told) || r->g->conf.index != v->mend.conf;
}

static void want_range(struct rblk_replica *r)
{
	struct rblk_verify *v = &r->verify;
	u32 shift = r->g->cfg.super.region_shift - RBLK_SECTOR_SHIFT, i;

	for (i = (u32)(v->mend.sector >> shift);
	     i <= (v->mend.sector + v->mend.nsect - 1) >> shift; i++)
		rblk_vol_want(r->vol, i, rblk_replica_executed(r), 0);
	rblk_replica_resync_begin(r);
	r->resync.only = sources(r, v->mend.good);
	v->mends_begun++;
}

static void run_mend(struct rblk_replica *r)
{
	struct rblk_verify *v = &r->verify;

	if (!v->mends)
		return;
	if (too_late(r)) {
		v->mends = false;
		return;
	}
	if (r->ckpt != CKPT_IDLE || r->apply_busy || rblk_replica_mends(r))
		return;
	if (!v->told) {
		rblk_replica_resync_begin(r);
		v->told = true;
		return;
	}
	if (r->meta_dirty || r->meta_busy)
		return;
	want_range(r);
	v->mends = false;
}

/**
 * rblk_replica_verify_run() - answers, mends and compares, as far as that is possible now
 * @r: replica, started
 */
void rblk_replica_verify_run(struct rblk_replica *r)
{
	struct rblk_verify *v = &r->verify;

	v->spoiled |= r->absent || r->g->remote;
	if (v->due)
		answer(r);
	run_mend(r);
	rblk_replica_compare_run(r);
}
