// SPDX-License-Identifier: GPL-2.0
/*
 * What a member that is resynchronised pulls from this one, which need not lead: see
 * replica/resync.c. Who lacks a part of the image itself has nothing to offer.
 */
#include "server.h"

static void send_chunk(struct rblk_server *sv, u32 slot, const struct wire_chunk *c,
		       const struct rblk_entry *e, struct rblk_buf *buf)
{
	struct rblk_ground *g = sv->g;
	u32 n = e && e->nblocks;
	void *frame;

	if (g->halt != NODE_RUNNING || !g->peer[slot].up[WIRE_BULK])
		return;
	frame = g->ops->tx_begin(g->host, slot, WIRE_BULK);
	if (frame)
		rblk_ground_tx_end(g, slot, WIRE_BULK,
				   rblk_wire_encode_chunk(frame, c, e, n ? buf->crc : NULL), &buf,
				   n);
}

static void refuse_pull(struct rblk_server *sv, u32 slot, const struct wire_pull *w)
{
	struct wire_chunk c = { .to = w->from, .id = w->id, .error = WIRE_E_AGAIN };

	send_chunk(sv, slot, &c, NULL, NULL);
}

static void send_state(struct rblk_server *sv, u32 slot, const struct wire_pull *w)
{
	const struct rblk_replica *r = sv->r;
	struct wire_state *st = &sv->said.state;
	void *frame = sv->g->ops->tx_begin(sv->g->host, slot, WIRE_BULK);

	if (!frame)
		return;
	st->to = w->from;
	st->id = w->id;
	st->region_shift = sv->g->cfg.super.region_shift;
	st->state = *rblk_vol_applied(r->vol);
	st->conf = sv->g->conf.index <= st->state.index ? sv->g->conf : r->prev_conf;
	rblk_ground_tx_end(sv->g, slot, WIRE_BULK, rblk_wire_encode_state(frame, st), NULL, 0);
}

static void send_map(struct rblk_server *sv, u32 slot, const struct wire_pull *w)
{
	struct wire_map *m = &sv->said.map;
	void *frame = sv->g->ops->tx_begin(sv->g->host, slot, WIRE_BULK);
	u32 i;

	if (!frame)
		return;
	m->to = w->from;
	m->id = w->id;
	m->first = w->at;
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		m->v[i] = rblk_vol_map_value(sv->r->vol, (u32)w->at + i);
	rblk_ground_tx_end(sv->g, slot, WIRE_BULK, rblk_wire_encode_map(frame, m), NULL, 0);
}

static struct rblk_server_compared *find_compared(struct rblk_server *sv, u64 token)
{
	u32 i;

	for (i = 0; i < NODE_PULL_READS; i++)
		if (sv->compared[i].token == token)
			return &sv->compared[i];
	return NULL;
}

/* Which blocks does the member have? Without a place, it is sent all of them. */
static u32 compare(struct rblk_server *sv, const struct rblk_read *rd, bool ok)
{
	struct rblk_server_compared *cp = find_compared(sv, rd->token);
	u64 hash[WIRE_HASHES_MAX];
	u32 i, same = 0;

	if (!cp)
		return 0;
	cp->token = 0;
	if (!ok)
		return 0;
	sv->g->ops->buf_hash(sv->g->host, rd->buf, rd->id, sv->g->peer[rd->slot].store, hash);
	for (i = 0; i < rd->buf->nblocks; i++)
		same |= (u32)(hash[i] == cp->hash[i]) << i;
	return same;
}

/* Returns what follows, and leaves in the buffer only what is sent; NULL: nothing. */
static struct rblk_entry *cut_content(struct rblk_server *sv, struct rblk_read *rd, u32 same,
				      struct rblk_entry *e)
{
	const struct rblk_node_ops *ops = sv->g->ops;

	*e = (struct rblk_entry){ .kind = RBLK_E_WRITE, .sector = rd->sector };
	if (ops->buf_zero(sv->g->host, rd->buf)) {
		e->kind = RBLK_E_ZEROES;
		e->nsect = rd->nsect;
		return e;
	}
	e->nsect = rblk_wire_chunk_sectors(rd->nsect, same);
	if (!e->nsect)
		return NULL;
	if (same)
		ops->buf_cut(sv->g->host, rd->buf, same);
	ops->buf_sum(sv->g->host, rd->buf, rd->buf->crc);
	e->nblocks = rd->buf->nblocks;
	return e;
}

/*
 * Sends the content. While it was read, later entries may have been applied, so a part of
 * them may be in it.
 */
static int rblk_server_pull_end(void *owner, struct rblk_read *rd, int error)
{
	struct rblk_server *sv = owner;
	struct rblk_ground *g = sv->g;
	struct wire_chunk c = {
		.to = g->peer[rd->slot].store,
		.id = rd->id,
		.index = rd->lookup_index,
		.upto = rblk_replica_executed(sv->r),
		.error = rblk_wire_error(error),
		.same = compare(sv, rd, !error),
	};
	struct rblk_entry e;

	if (error != -ESTALE)
		send_chunk(sv, rd->slot, &c, error ? NULL : cut_content(sv, rd, c.same, &e),
			   rd->buf);
	return error;
}

static void keep_hashes(struct rblk_server *sv, u64 token, const struct wire_pull *w)
{
	struct rblk_server_compared *cp = w->compare ? find_compared(sv, 0) : NULL;

	if (!cp)
		return;
	cp->token = token;
	memcpy(cp->hash, w->hash, sizeof(cp->hash));
}

/* Reads as for anybody else, but nobody has to confirm it: see volume/absent.c. */
static void read_chunk(struct rblk_server *sv, u32 slot, const struct wire_pull *w)
{
	struct rblk_read *rd;
	struct rblk_buf *buf = NULL;
	u64 token;

	if (rblk_server_reads(sv->reads, slot, w->id, true))
		return;
	if (rblk_reads_room(sv->reads, true))
		buf = sv->g->ops->serve_begin(sv->g->host, true,
					      rblk_blocks_touched(w->at, w->nsect), w->at,
					      w->nsect, &token);
	if (!buf) {
		refuse_pull(sv, slot, w);
		return;
	}
	rd = rblk_reads_add(sv->reads, token, w->at, w->nsect, rblk_server_pull_end, sv, true);
	rd->buf = buf;
	rd->slot = slot;
	rd->id = w->id;
	keep_hashes(sv, token, w);
	rblk_replica_look_up(sv->r, rd);
}

static bool is_content(const struct wire_pull *w)
{
	return w->what == WIRE_P_CHUNK || w->what == WIRE_P_EXACT;
}

/*
 * Can this be answered with what is on the devices now? A device may have been written to before
 * a start by entries that are to be applied again: then its content is newer than can be said.
 */
static bool may_send(const struct rblk_replica *r, const struct wire_pull *w)
{
	u64 applied = rblk_replica_applied(r);

	/* What rot has taken from the log may be in the image all the same. */
	if (r->absent || r->rst.owed.index)
		return false;
	if (w->what == WIRE_P_STATE)
		return applied > w->least;
	if (w->what == WIRE_P_MAP)
		return applied >= w->least;
	return rblk_replica_executed(r) >= w->least &&
	       (w->what == WIRE_P_CHUNK || applied >= r->boot_last);
}

/**
 * rblk_server_pull() - a member that is resynchronised asks for something
 * @sv: server
 * @slot: the member
 * @w: what it asks for; it is from the store of that node
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_server_pull(struct rblk_server *sv, u32 slot, const struct wire_pull *w)
{
	if (!rblk_ground_member(sv->g, w->from))
		return -EINVAL;
	if (is_content(w) &&
	    (w->at >= sv->g->conf.sectors || w->nsect > sv->g->conf.sectors - w->at))
		return -EINVAL;
	if (!may_send(sv->r, w)) {
		refuse_pull(sv, slot, w);
		return 0;
	}
	if (w->what == WIRE_P_STATE)
		send_state(sv, slot, w);
	else if (w->what == WIRE_P_MAP)
		send_map(sv, slot, w);
	else
		read_chunk(sv, slot, w);
	return 0;
}
