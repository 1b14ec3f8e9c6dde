// SPDX-License-Identifier: GPL-2.0
/*
 * A data device that fails to read a block most often has lost a sector, which it replaces as soon
 * as that is written. So the content is had from another member, and written again.
 *
 * The replica stays whole meanwhile, which a block that counts as absent would not let it: what is
 * written is just what the device should hold. For it is written only when all is applied that
 * the content may include, and nothing has changed the block since it was asked for. So it does
 * not matter where a crash comes, nothing has to be durable before, and a leader goes on leading.
 * The price is that a block that users change without end may have to wait until it is read again;
 * but what they write to it mends it as well.
 *
 * A read fails as a whole, so the blocks of its range are read one by one first, and those that can
 * be read are left alone. Once a block is rewritten, it is read again, since only then it is known
 * to be there.
 *
 * A block that cannot be read when it was rewritten, then or within an hour, is left alone until
 * the next start. So is each further one when many were rewritten in an hour. That waits for a
 * person: such a disk is about to die. Users read what is left from the other members.
 */
#include "internal.h"

#define TRIES		8
#define AGAIN_NS	(3600 * RBLK_NSEC_PER_SEC)

static u64 sector_of(const struct rblk_rewrite *w)
{
	return w->range[0].sector + w->range[0].seen;
}

static u64 block_of(const struct rblk_rewrite *w)
{
	return sector_of(w) / RBLK_SECTORS_PER_BLOCK;
}

/* The last block of a volume may be a short one. */
static u32 sectors_of(const struct rblk_replica *r)
{
	return (u32)min_t(u64, RBLK_SECTORS_PER_BLOCK,
			  r->g->conf.sectors - sector_of(&r->rewrite));
}

static void drop_content(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (w->buf)
		r->g->ops->buf_put(r->g->host, w->buf);
	w->buf = NULL;
}

/* This block can be read, or it is left alone. */
static void block_seen(struct rblk_replica *r, bool good)
{
	struct rblk_rewrite *w = &r->rewrite;
	struct rblk_unread *u = &w->range[0], all = *u;

	w->phase = REWRITE_NONE;
	w->wrote = false;
	w->tries = 0;
	w->failed = 0;
	u->seen += RBLK_SECTORS_PER_BLOCK;
	u->in_vain |= !good;
	if (u->seen < u->nsect)
		return;
	good = !u->in_vain;
	w->n--;
	memmove(&w->range[0], &w->range[1], w->n * sizeof(w->range[0]));
	if (good)
		rblk_replica_reads_back(r, all.sector, all.nsect);
}

/* In vain: the same block is looked at again, if that was not done often. */
static void try_later(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;

	drop_content(r);
	w->phase = REWRITE_NONE;
	if (++w->tries >= TRIES)
		block_seen(r, false);
	else
		w->again_at = r->g->now + rblk_ground_heartbeat_ns(r->g);
}

/* ---- what was rewritten ---- */

static struct rblk_rewritten *find_rewritten(struct rblk_rewrite *w, u64 block)
{
	u32 i;

	for (i = 0; i < NODE_REWRITES; i++)
		if (w->done[i].at && w->done[i].block == block)
			return &w->done[i];
	return NULL;
}

/* A free place, or the one of longest ago; NULL: all blocks that are remembered are left alone. */
static struct rblk_rewritten *find_place(struct rblk_rewrite *w)
{
	struct rblk_rewritten *found = NULL;
	u32 i;

	for (i = 0; i < NODE_REWRITES; i++)
		if (!w->done[i].left && (!found || w->done[i].at < found->at))
			found = &w->done[i];
	return found;
}

static bool is_recent(const struct rblk_replica *r, const struct rblk_rewritten *d)
{
	return d->at && r->g->now < d->at + AGAIN_NS;
}

static void note_block(struct rblk_replica *r, bool left)
{
	rblk_ground_note(r->g, NODE_N_BLOCK, block_of(&r->rewrite) << 1 | left);
}

static void leave(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;
	struct rblk_rewritten *d = find_rewritten(w, block_of(w)) ?: find_place(w);

	if (d) {
		d->at = max_t(u64, r->g->now, 1);
		d->block = block_of(w);
		d->left = true;
		note_block(r, true);
	}
	block_seen(r, false);
}

/* ---- looking ---- */

/* It could not be read, and is rewritten now, or left alone. */
static void found_unreadable(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;
	struct rblk_rewritten *d = find_rewritten(w, block_of(w)) ?: find_place(w);

	if (w->wrote || !d || is_recent(r, d))
		leave(r);
	else
		w->phase = REWRITE_ASK;
	w->slot = NODE_PEERS_MAX;
}

/* A block was read, or not. Returns the error: nobody waits for it. */
static int block_read(void *owner, struct rblk_read *rd, int error)
{
	struct rblk_replica *r = owner;
	struct rblk_rewrite *w = &r->rewrite;
	bool stale = w->stale;

	w->phase = REWRITE_NONE;
	w->stale = false;
	if (stale || r->g->halt != NODE_RUNNING)
		return error;
	if (error == -ESTALE) {
		try_later(r);
	} else if (error) {
		found_unreadable(r);
	} else {
		if (w->wrote) {
			w->rewritten++;
			note_block(r, false);
		}
		block_seen(r, true);
	}
	return error;
}

static void look_at_block(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;
	struct rblk_buf *buf = NULL;
	struct rblk_read *rd;
	u64 token;

	if (rblk_reads_room(r->reads, true))
		buf = r->g->ops->serve_begin(r->g->host, true, 1, sector_of(w), sectors_of(r),
					     &token);
	if (!buf) {
		try_later(r);
		return;
	}
	rd = rblk_reads_add(r->reads, token, sector_of(w), sectors_of(r), block_read, r, true);
	rd->buf = buf;
	rd->slot = NODE_PEERS_MAX;
	w->phase = REWRITE_LOOK;
	rblk_replica_look_up(r, rd);
}

static void keep_range(struct rblk_rewrite *w, u64 sector, u32 nsect)
{
	u64 first = sector - sector % RBLK_SECTORS_PER_BLOCK;
	u32 i;

	nsect += (u32)(sector - first);
	for (i = 0; i < w->n; i++)
		if (w->range[i].sector <= first &&
		    first + nsect <= w->range[i].sector + w->range[i].nsect)
			return;
	if (w->n == NODE_UNREAD)
		return;		/* whoever reads it again will tell */
	w->range[w->n++] = (struct rblk_unread){ .sector = first, .nsect = nsect };
}

/**
 * rblk_replica_read_failed() - the data device has failed to read something
 * @r: replica
 * @rd: the read; its error is set
 */
void rblk_replica_read_failed(struct rblk_replica *r, const struct rblk_read *rd)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (rd->error == -ESTALE || rd->end == block_read)
		return;
	w->failures++;
	if (!r->absent && r->g->conf.n > 1)
		keep_range(w, rd->sector, rd->nsect);
}

/* ---- content ---- */

static bool may_be_asked(const struct rblk_replica *r, u32 slot)
{
	const struct rblk_peer *p = &r->g->peer[slot];

	return rblk_peer_listens(p) && rblk_ground_member(r->g, p->store) &&
	       !(r->rewrite.failed >> slot & 1);
}

static void send_question(struct rblk_replica *r, u32 slot, void *frame)
{
	struct rblk_rewrite *w = &r->rewrite;
	struct wire_pull pull = {
		.from = r->g->cfg.super.store, .id = r->g->cfg.boot_nonce + ++r->resync.ids,
		.what = WIRE_P_EXACT, .at = sector_of(w), .nsect = sectors_of(r),
		.least = rblk_replica_executed(r),
	};

	rblk_ground_tx_end(r->g, slot, WIRE_BULK, rblk_wire_encode_pull(frame, &pull), NULL, 0);
	w->id = pull.id;
	w->slot = slot;
	w->since = r->g->now;
	w->from = pull.least;
	w->touched = false;
}

/* Asks the next member that may have the content. */
static void ask_member(struct rblk_replica *r)
{
	bool any = false;
	void *frame;
	u32 i;

	for (i = 0; i < r->g->npeers; i++) {
		if (!may_be_asked(r, i))
			continue;
		any = true;
		frame = rblk_peer_sendable(&r->g->peer[i]) ?
			rblk_ground_tx_begin(r->g, i, WIRE_BULK) : NULL;
		if (!frame)
			continue;
		send_question(r, i, frame);
		return;
	}
	if (any) {
		r->rewrite.again_at = r->g->now + rblk_ground_heartbeat_ns(r->g);
		return;
	}
	r->rewrite.failed = 0;
	try_later(r);
}

static void look_after_question(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (w->slot < NODE_PEERS_MAX &&
	    (r->g->now >= w->since + rblk_replica_pull_ns(r) || !may_be_asked(r, w->slot)))
		rblk_replica_rewrite_refused(r, w->id);
	if (w->slot == NODE_PEERS_MAX)
		ask_member(r);
}

/**
 * rblk_replica_rewrite_asks() - was this question asked for a block that is to be rewritten?
 * @r: replica
 * @id: of the question
 *
 * Return: true if so, and nobody has answered yet.
 */
bool rblk_replica_rewrite_asks(const struct rblk_replica *r, u64 id)
{
	const struct rblk_rewrite *w = &r->rewrite;

	return w->phase == REWRITE_ASK && w->slot < NODE_PEERS_MAX && w->id == id;
}

/**
 * rblk_replica_rewrite_refused() - a member cannot answer, or cannot read it, either
 * @r: replica
 * @id: of the question
 */
void rblk_replica_rewrite_refused(struct rblk_replica *r, u64 id)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (!rblk_replica_rewrite_asks(r, id))
		return;
	w->failed |= 1u << w->slot;
	w->slot = NODE_PEERS_MAX;
}

/**
 * rblk_replica_rewrite_chunk() - a member sends the content of a block
 * @r: replica
 * @c: what it says; the question was asked
 * @a: the range
 * @buf: the content; what is taken over becomes NULL
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_replica_rewrite_chunk(struct rblk_replica *r, const struct wire_chunk *c,
			       const struct wire_append *a, struct rblk_buf **buf)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (a->e[0].sector != sector_of(w) || a->e[0].nsect != sectors_of(r))
		return -EINVAL;
	if (c->index < w->from) {
		rblk_replica_rewrite_refused(r, c->id);
		return 0;
	}
	w->phase = REWRITE_CAME;
	w->upto = c->upto;
	w->buf = buf[0];
	buf[0] = NULL;
	return 0;
}

/* An entry was executed. What was asked for before that may be older, or not. */
void rblk_replica_rewrite_executed(struct rblk_replica *r, const struct rblk_entry *e)
{
	struct rblk_rewrite *w = &r->rewrite;

	if ((w->phase == REWRITE_ASK || w->phase == REWRITE_CAME) &&
	    (e->kind == RBLK_E_WRITE || e->kind == RBLK_E_ZEROES) &&
	    e->sector < sector_of(w) + sectors_of(r) && sector_of(w) < e->sector + e->nsect)
		w->touched = true;
}

/* Does content wait for entries to be applied? */
bool rblk_replica_rewrite_waits(const struct rblk_replica *r)
{
	const struct rblk_rewrite *w = &r->rewrite;

	return w->phase == REWRITE_CAME && !w->touched && rblk_replica_applied(r) < w->upto;
}

/* ---- writing ---- */

static void write_content(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;
	struct vol_batch b = { .zero = &w->zero, .item = &w->item };

	w->phase = REWRITE_WRITE;
	if (w->buf) {
		w->item = (struct vol_item){
			.block = block_of(w), .mask = (u8)((1u << sectors_of(r)) - 1),
		};
		r->apply_buf[b.nitem++] = w->buf;
	} else {
		w->zero.sector = sector_of(w);
		w->zero.nsect = sectors_of(r);
		b.nzero = 1;
	}
	r->apply_busy = true;
	rblk_replica_begin(r, RBLK_IO_APPLY);
	r->g->ops->data_apply(r->g->host, &b, r->apply_buf);
}

/* A block was written. Returns false if it was not one that is rewritten. */
bool rblk_replica_rewrite_done(struct rblk_replica *r, int error)
{
	struct rblk_rewrite *w = &r->rewrite;
	struct rblk_rewritten *d;
	bool stale = w->stale;

	if (w->phase != REWRITE_WRITE)
		return false;
	drop_content(r);
	w->phase = REWRITE_NONE;
	w->stale = false;
	if (error || stale)
		return true;
	w->wrote = true;
	d = find_rewritten(w, block_of(w)) ?: find_place(w);
	if (d) {
		d->block = block_of(w);
		d->at = max_t(u64, r->g->now, 1);
	}
	return true;
}

/* A part of the image is absent, or about to be: that comes first. */
static void forget_all(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (!w->n)
		return;
	w->n = 0;
	w->again_at = 0;
	w->tries = 0;
	w->failed = 0;
	w->wrote = false;
	w->stale = w->phase == REWRITE_LOOK || w->phase == REWRITE_WRITE;
	if (w->stale)
		return;
	w->phase = REWRITE_NONE;
	drop_content(r);
}

/* What was applied before the start is to be applied again: the device may have later content. */
static bool is_ahead(const struct rblk_replica *r)
{
	return rblk_replica_applied(r) < r->boot_last;
}

static bool is_left(struct rblk_rewrite *w)
{
	const struct rblk_rewritten *d = find_rewritten(w, block_of(w));

	return d && d->left;
}

static void take_block(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (is_left(w))
		block_seen(r, false);
	else
		look_at_block(r);
}

/**
 * rblk_replica_rewrite_run() - goes on with the blocks that could not be read
 * @r: replica, started
 *
 * Comes before entries are applied, which it would wait for without end otherwise.
 */
void rblk_replica_rewrite_run(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;

	if (r->absent || r->g->remote) {
		forget_all(r);
		return;
	}
	if (r->g->now < w->again_at || is_ahead(r))
		return;
	w->again_at = 0;
	while (w->n && w->phase == REWRITE_NONE && !w->again_at)
		take_block(r);
	if (w->phase == REWRITE_ASK)
		look_after_question(r);
	if (w->phase != REWRITE_CAME)
		return;
	if (w->touched)
		try_later(r);
	else if (rblk_replica_applied(r) >= w->upto && !r->apply_busy)
		write_content(r);
}

/* There is no data device any more to write to. */
void rblk_replica_rewrite_end(struct rblk_replica *r)
{
	struct rblk_rewrite *w = &r->rewrite;

	forget_all(r);
	if (w->phase != REWRITE_WRITE)
		return;
	w->phase = REWRITE_NONE;
	w->stale = false;
	drop_content(r);
}

u64 rblk_replica_rewrite_deadline(const struct rblk_replica *r)
{
	const struct rblk_rewrite *w = &r->rewrite;

	if (is_ahead(r))
		return U64_MAX;
	if (w->again_at)
		return w->again_at;
	if (w->phase == REWRITE_ASK && w->slot < NODE_PEERS_MAX)
		return w->since + rblk_replica_pull_ns(r);
	return U64_MAX;
}

/* Drops every reference. */
void rblk_replica_rewrite_put(struct rblk_replica *r)
{
	drop_content(r);
}

/* What is known of it, for the status. */
void rblk_replica_rewrite_status(const struct rblk_replica *r, struct rblk_node_status *st)
{
	const struct rblk_rewrite *w = &r->rewrite;
	u32 i;

	st->reads_failed = w->failures;
	st->blocks_rewritten = w->rewritten;
	st->blocks_left = 0;
	for (i = 0; i < NODE_REWRITES; i++)
		st->blocks_left += w->done[i].left;
}
