// SPDX-License-Identifier: GPL-2.0
/*
 * Reading back from the log what is no longer in memory: for a peer that lags,
 * and for entries from before the start that still have to be applied.
 */
#include "internal.h"

/*
 * The payload of entry @index: from the table, or read back for this peer; NULL:
 * neither has it.
 */
struct rblk_buf *rblk_replica_payload_for(struct rblk_replica *r, u32 slot, u64 index)
{
	struct rblk_ent *ent = rblk_replica_ent(r, index);
	struct rblk_feed *f = &r->feed[slot];

	if (ent->buf)
		return ent->buf;
	if (f->ready && index >= f->rb.first && index < f->rb.first + f->rb.n)
		return f->rb.buf[index - f->rb.first];
	return NULL;
}

static void drop_feed(struct rblk_replica *r, struct rblk_feed *f)
{
	u32 i;

	for (i = 0; i < f->rb.n; i++) {
		if (f->rb.buf[i])
			r->g->ops->buf_put(r->g->host, f->rb.buf[i]);
		f->rb.buf[i] = NULL;
	}
	f->rb.n = 0;
	f->ready = false;
	f->stale = false;
}

/*
 * Entries from @first on are needed that are only in the log; @last is the last one
 * of use. Nothing changes while something is being read for @f: the caller asks
 * again afterwards.
 */
void rblk_replica_feed_want(struct rblk_feed *f, u64 first, u64 last)
{
	if (f->rb.busy)
		return;
	f->wanted = true;
	f->first = first;
	f->last = last;
}

/*
 * Entries up to @last were sent to a peer. What was read back for it may have
 * served its purpose.
 */
void rblk_replica_feed_sent(struct rblk_replica *r, u32 slot, u64 last)
{
	struct rblk_feed *f = &r->feed[slot];

	if (f->ready && last >= f->rb.first + f->rb.n - 1)
		drop_feed(r, f);
}

/*
 * Without memory, the next pass tries again. An entry that is in memory again (it
 * was read back for the apply) can be sent. One that was trimmed or truncated
 * meanwhile is not wanted any more, as raft knows.
 */
static void nothing_to_read(struct rblk_replica *r, struct rblk_feed *f)
{
	const struct rblk_ent *ent = rblk_replica_ent(r, f->first);

	if (ent && ent->buf)
		f->sendable = true;
	else
		f->wanted = !!ent;
}

/* Starts to read what @f wants, or as much of it as the budgets allow. */
static void start_readback(struct rblk_replica *r, struct rblk_feed *f)
{
	struct rblk_node_readback *rb = &f->rb;
	u32 blocks = 0;
	u64 i;

	drop_feed(r, f);
	f->wanted = false;
	for (i = f->first; i <= f->last && rb->n < NODE_READBACK_ENTRIES; i++) {
		struct rblk_ent *ent = rblk_replica_ent(r, i);

		if (!ent || ent->buf || i >= r->log_next ||
		    i > r->rst.durable || blocks + ent->e.nblocks > NODE_READBACK_BLOCKS)
			break;
		rb->buf[rb->n] = NULL;
		rb->pos[rb->n] = ent->pos;
		if (ent->e.nblocks) {
			rb->buf[rb->n] = r->g->ops->buf_alloc(r->g->host, ent->e.nblocks);
			if (!rb->buf[rb->n]) {
				r->readback_starved |= !rb->n;
				break;
			}
		}
		blocks += ent->e.nblocks;
		rb->n++;
	}
	rb->first = f->first;
	if (!rb->n) {
		nothing_to_read(r, f);
		return;
	}
	rb->busy = 1;
	r->readbacks++;
	rblk_replica_begin(r, RBLK_IO_READBACK);
	r->g->ops->log_read(r->g->host, rb);
}

/* Does the peer in @slot have the entries up to @last, by whatever way they came? */
static bool peer_has(const struct rblk_replica *r, u32 slot, u64 last)
{
	const struct raft_peer_status *p = rblk_replica_progress(r, r->g->peer[slot].store);

	return p && p->match >= last;
}

/* Memory for a peer that is not fed any more may be what the apply waits for. */
static void feed_peer(struct rblk_replica *r, u32 slot)
{
	struct rblk_feed *f = &r->feed[slot];
	bool leads = rblk_replica_leads(r);

	if (f->ready && (!leads || peer_has(r, slot, f->rb.first + f->rb.n - 1)))
		drop_feed(r, f);
	if (f->wanted && (!leads || peer_has(r, slot, f->last)))
		f->wanted = false;
	if (f->wanted)
		start_readback(r, f);
}

/**
 * rblk_replica_readbacks_run() - starts the readbacks that are wanted
 * @r: replica
 */
void rblk_replica_readbacks_run(struct rblk_replica *r)
{
	u32 i;

	for (i = 0; i < r->g->npeers; i++)
		if (!r->feed[i].rb.busy)
			feed_peer(r, i);
	if (r->apply_feed.wanted && !r->apply_feed.rb.busy)
		start_readback(r, &r->apply_feed);
}

/**
 * rblk_replica_feed_forget() - a peer is gone: nothing is read back for it
 * @r: replica
 * @slot: the peer
 *
 * Memory kept for its return may be what the apply waits for meanwhile.
 */
void rblk_replica_feed_forget(struct rblk_replica *r, u32 slot)
{
	struct rblk_feed *f = &r->feed[slot];

	f->wanted = false;
	f->unsent = 0;
	f->sendable = false;
	if (f->rb.busy)
		f->stale = true;
	else
		drop_feed(r, f);
}

static void invalidate(struct rblk_replica *r, struct rblk_feed *f, u64 below, u64 above)
{
	u64 last = f->rb.first + f->rb.n - 1;

	if (f->wanted && (f->first < below || f->last >= above))
		f->wanted = false;
	if (!f->rb.n || (f->rb.first >= below && last < above))
		return;
	if (f->rb.busy)
		f->stale = true;
	else
		drop_feed(r, f);
}

/*
 * Entries below @below were trimmed, and those from @above on truncated: what was
 * read of them is void.
 */
void rblk_replica_feeds_drop(struct rblk_replica *r, u64 below, u64 above)
{
	u32 i;

	for (i = 0; i < r->g->npeers; i++)
		invalidate(r, &r->feed[i], below, above);
	invalidate(r, &r->apply_feed, below, above);
}

void rblk_replica_feeds_put(struct rblk_replica *r)
{
	u32 i;

	for (i = 0; i < r->g->npeers; i++)
		drop_feed(r, &r->feed[i]);
	drop_feed(r, &r->apply_feed);
}

/* Does what was read match the table? Returns the newest entry that does not, or 0. */
static u64 readback_bad(struct rblk_replica *r, struct rblk_node_readback *rb)
{
	u64 bad = 0;
	u32 i;

	for (i = 0; i < rb->n; i++) {
		struct rblk_ent *ent = rblk_replica_ent(r, rb->first + i);

		if (!rb->buf[i])
			continue;
		r->g->ops->buf_sum(r->g->host, rb->buf[i], rb->buf[i]->crc);
		if (rblk_entry_csum(&ent->e, rb->buf[i]->crc) != ent->e.csum)
			bad = rb->first + i;
	}
	return bad;
}

/*
 * The log has entry @index no more, or all up to it. What is applied is not needed there: after
 * the next checkpoint it is given up, and peers that lack it need a resync. Without a data device
 * all that follows the checkpoint is in the log alone. What is needed stops the replica, and its
 * next start has other members bring the entry again.
 */
static void lost_entry(struct rblk_replica *r, u64 index, int error)
{
	if (index > (r->nodata ? r->ckpt_index : rblk_replica_applied(r))) {
		rblk_ground_halt(r->g, error ? NODE_HALT_LOG : NODE_HALT_ROT, error ?: -EBADMSG);
		return;
	}
	r->rotten = max_t(u64, r->rotten, index);
	r->rots++;
	rblk_ground_note(r->g, NODE_N_ROT, index);
}

static void apply_readback_done(struct rblk_replica *r)
{
	struct rblk_node_readback *rb = &r->apply_feed.rb;
	u32 i;

	for (i = 0; i < rb->n; i++) {
		struct rblk_ent *ent = rblk_replica_ent(r, rb->first + i);

		if (!rb->buf[i])
			continue;
		ent->buf = rb->buf[i];	/* the reference moves */
		rb->buf[i] = NULL;
	}
	rb->n = 0;
}

/**
 * rblk_replica_readback_done() - the host has read payload from the log
 * @r: replica
 * @rb: as given to rblk_node_ops.log_read()
 * @error: 0 or -errno
 */
void rblk_replica_readback_done(struct rblk_replica *r, struct rblk_node_readback *rb, int error)
{
	struct rblk_feed *f = container_of(rb, struct rblk_feed, rb);
	u64 bad;

	if (RBLK_ASSERT(&r->g->alarm, rb->busy))
		return;
	rb->busy = 0;
	rblk_replica_end(r, RBLK_IO_READBACK);
	if (f->stale || r->g->halt != NODE_RUNNING) {
		drop_feed(r, f);
		f->sendable = true;
		return;
	}
	bad = error ? rb->first + rb->n - 1 : readback_bad(r, rb);
	if (bad) {
		drop_feed(r, f);
		lost_entry(r, bad, error);
		return;
	}
	if (f == &r->apply_feed) {
		apply_readback_done(r);
		return;
	}
	f->ready = true;
	f->sendable = true;
}
