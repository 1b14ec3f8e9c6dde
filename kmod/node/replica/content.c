// SPDX-License-Identifier: GPL-2.0
/*
 * The content that a resync pulls: which chunks are asked for, and what becomes of what comes. See
 * volume/absent.c for the rules.
 */
#include "internal.h"

#define RESYNC_BATCHES	4	/* batches of entries that are applied for each chunk */

/* Is this chunk on its way? */
static bool rblk_replica_pulls(void *ctx, u32 chunk)
{
	const struct rblk_resync *s = ctx;
	u32 i;

	for (i = 0; i < NODE_PULLS; i++)
		if (s->pull[i].id && s->pull[i].what == WIRE_P_CHUNK && s->pull[i].at == chunk)
			return true;
	return false;
}

static void ask_chunks(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	bool needed;
	u32 chunk;

	for (;;) {
		needed = rblk_vol_needed(r->vol, rblk_replica_pulls, s, &chunk);
		if (!needed &&
		    !rblk_vol_next_absent(r->vol, s->next, rblk_replica_pulls, s, &chunk))
			return;
		/* What the log is pinned by, or writers wait for, comes at any rate. */
		if (!needed && !rblk_replica_pace_allows(r))
			return;
		if (!rblk_replica_pull_new(r, WIRE_P_CHUNK, chunk))
			return;
		rblk_replica_paced(r);
		if (!needed)
			s->next = chunk + 1;
	}
}

/* Is this what was asked for, all of it? */
static bool answer_fits(const struct rblk_replica *r, const struct rblk_pull *p,
			const struct wire_chunk *c, const struct wire_append *a)
{
	u32 nsect, sent;
	u64 sector;

	rblk_vol_chunk(r->vol, p->at, &sector, &nsect);
	sent = rblk_wire_chunk_sectors(nsect, c->same);
	if (c->same && (p->own != OWN_HASHED ||
			c->same >> (DIV_ROUND_UP(nsect, RBLK_SECTORS_PER_BLOCK) - 1) > 1))
		return false;
	if (!a->n)
		return !sent;
	return a->e[0].sector == sector &&
	       a->e[0].nsect == (a->e[0].kind == RBLK_E_ZEROES ? nsect : sent);
}

/**
 * rblk_replica_resync_chunk() - a member sends content
 * @r: replica
 * @slot: the member
 * @c: what it says
 * @a: the range, if anything follows
 * @buf: the content; what is taken over becomes NULL
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_replica_resync_chunk(struct rblk_replica *r, u32 slot, const struct wire_chunk *c,
			      const struct wire_append *a, struct rblk_buf **buf)
{
	struct rblk_resync *s = &r->resync;
	struct rblk_pull *p = rblk_replica_pull_find(r, c->id, WIRE_P_CHUNK);

	if (rblk_replica_rewrite_asks(r, c->id))
		return rblk_replica_rewrite_chunk(r, c, a, buf);
	if (!p || s->phase != RESYNC_PULL)
		return 0;
	if (!answer_fits(r, p, c, a))
		return -EINVAL;
	/* Entries that the own log does not have could be missing. */
	if (c->index < s->from) {
		rblk_replica_resync_refused(r, slot, c->id);
		return 0;
	}
	rblk_replica_pull_answered(s);
	p->came = true;
	p->upto = c->upto;
	p->same = c->same;
	p->zeroes = a->n && a->e[0].kind == RBLK_E_ZEROES;
	if (a->n) {
		p->buf = buf[0];
		buf[0] = NULL;
	}
	rblk_replica_own_compared(r, p);
	if (p->zeroes)
		rblk_replica_paced_zeroes(r);
	return 0;
}

/* Adds a block of a chunk to what is written. */
static void land_block(struct rblk_replica *r, struct rblk_pull *p, struct vol_batch *b, u32 nth)
{
	struct rblk_resync *s = &r->resync;
	u64 sector, at;
	u32 nsect, n;

	rblk_vol_chunk(r->vol, p->at, &sector, &nsect);
	at = sector + nth * RBLK_SECTORS_PER_BLOCK;
	n = min_t(u32, RBLK_SECTORS_PER_BLOCK, nsect - nth * RBLK_SECTORS_PER_BLOCK);
	if (p->buf) {
		s->item[b->nitem] = (struct vol_item){
			.block = at / RBLK_SECTORS_PER_BLOCK,
			.nth = hweight64(~p->same & (BIT_ULL(nth) - 1)),
			.mask = rblk_block_mask(sector, nsect, nth),
		};
		r->apply_buf[b->nitem++] = p->buf;
	} else if (b->nzero && s->zero[b->nzero - 1].sector + s->zero[b->nzero - 1].nsect == at) {
		s->zero[b->nzero - 1].nsect += n;
	} else {
		s->zero[b->nzero++] = (struct vol_zero){ .sector = at, .nsect = n };
	}
}

/*
 * What was written counts for the next flush, and not for one that has begun. What entries wrote
 * to it in between is as good.
 */
static void count_written(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	u64 sector;
	u32 nsect, i;

	for (i = 0; !rblk_replica_flushes(r) && i < NODE_PULLS; i++) {
		struct rblk_pull *p = &s->pull[i];

		if (!p->written)
			continue;
		rblk_vol_chunk(r->vol, p->at, &sector, &nsect);
		rblk_vol_landed(r->vol, p->at);
		s->target = max_t(u64, s->target, p->upto);
		s->bytes += (u64)nsect << RBLK_SECTOR_SHIFT;
		if (p->zeroes)
			s->zero_bytes += (u64)nsect << RBLK_SECTOR_SHIFT;
		else
			s->same_bytes += (u64)(nsect - rblk_wire_chunk_sectors(nsect, p->same))
					 << RBLK_SECTOR_SHIFT;
		s->unsettled++;
		s->waits = false;
		rblk_replica_pull_forget(r, p);
	}
}

/*
 * Writes content that came to the data device, one chunk at a time, and not during a batch: but
 * only what is absent by now, and is not the same already.
 */
static void land(struct rblk_replica *r, struct rblk_pull *p)
{
	struct rblk_resync *s = &r->resync;
	struct vol_batch b = { .zero = s->zero, .item = s->item };
	u32 i, nsect, lacks = 0;
	u64 sector;

	rblk_vol_chunk(r->vol, p->at, &sector, &nsect);
	for (i = 0; i < DIV_ROUND_UP(nsect, RBLK_SECTORS_PER_BLOCK); i++) {
		if (!rblk_vol_block_absent(r->vol, sector / RBLK_SECTORS_PER_BLOCK + i))
			continue;
		lacks++;
		if (!(p->same >> i & 1))
			land_block(r, p, &b, i);
	}
	if (!lacks) {
		rblk_replica_pull_forget(r, p);
		return;
	}
	if (!b.nitem && !b.nzero) {
		p->written = true;
		count_written(r);
		return;
	}
	s->landing = p;
	s->batches = 0;
	r->apply_busy = true;
	rblk_replica_begin(r, RBLK_IO_APPLY);
	r->g->ops->data_apply(r->g->host, &b, r->apply_buf);
}

/* What was written is there. Returns false if it was not content of a resync that ended. */
bool rblk_replica_resync_landed(struct rblk_replica *r, int error)
{
	struct rblk_resync *s = &r->resync;
	struct rblk_pull *p = s->landing;

	if (!p)
		return false;
	s->landing = NULL;
	if (error || p->stale) {
		rblk_replica_pull_forget(r, p);
		return true;
	}
	p->written = true;
	count_written(r);
	return true;
}

/* After some batches of entries, a chunk that came is written before the next one. */
bool rblk_replica_content_turn(const struct rblk_replica *r)
{
	const struct rblk_resync *s = &r->resync;
	u32 i;

	if (s->batches < RESYNC_BATCHES || s->phase != RESYNC_PULL)
		return false;
	for (i = 0; i < NODE_PULLS; i++)
		if (s->pull[i].came && !s->pull[i].written)
			return true;
	return false;
}

/**
 * rblk_replica_content_run() - asks for chunks, and writes what came
 * @r: replica, started, that lacks a part of the image
 */
void rblk_replica_content_run(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	u32 i;

	count_written(r);
	ask_chunks(r);
	for (i = 0; !r->apply_busy && i < NODE_PULLS; i++)
		if (s->pull[i].came && !s->pull[i].written)
			land(r, &s->pull[i]);
}
