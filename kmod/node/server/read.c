// SPDX-License-Identifier: GPL-2.0
/* Reads for other nodes are carried out like those of this node; then the content is sent. */
#include "server.h"

/**
 * rblk_server_read_refuse() - tells a node that its read cannot be served now
 * @g: ground
 * @slot: that node, which asks again
 * @w: the range
 */
void rblk_server_read_refuse(struct rblk_ground *g, u32 slot, const struct wire_read *w)
{
	struct wire_data d = { .to = w->from, .id = w->id, .error = WIRE_E_AGAIN };
	void *frame = g->ops->tx_begin(g->host, slot, WIRE_BULK);

	if (frame)
		rblk_ground_tx_end(g, slot, WIRE_BULK,
				   rblk_wire_encode_data(frame, &d, NULL, NULL), NULL, 0);
}

/**
 * rblk_server_reads() - is a read for another node in progress?
 * @reads: reads of this node
 * @slot: the other node
 * @id: by which it knows the read
 * @pull: it pulls; its reads have ids of their own, which may be the same
 *
 * It asks again when the device here is slow.
 *
 * Return: true if so.
 */
bool rblk_server_reads(struct rblk_reads *reads, u32 slot, u64 id, bool pull)
{
	struct rblk_read *rd;
	u32 next;

	for (rd = rblk_reads_first(reads, &next); rd; rd = rblk_reads_next(reads, &next))
		if (rd->buf && rd->slot == slot && rd->id == id &&
		    !!(rd->flags & NODE_R_PULL) == pull)
			return true;
	return false;
}

/* Sends the content, or the error. On -ESTALE nothing is sent: the node asks another leader. */
static int rblk_server_read_end(void *owner, struct rblk_read *rd, int error)
{
	struct rblk_server *sv = owner;
	struct rblk_ground *g = sv->g;
	const struct rblk_peer *p = &g->peer[rd->slot];
	const struct rblk_session *own = rblk_vol_session_of(sv->r->vol, p->store);
	struct wire_data d = {
		.to = p->store,
		/* An OPEN may have been executed since: what was read may be older than it. */
		.epoch = own && own->epoch <= rd->wait_index ? own->epoch : 0,
		.id = rd->id,
		.error = rblk_wire_error(error),
	};
	struct rblk_entry e = {
		.kind = RBLK_E_WRITE, .sector = rd->sector, .nsect = rd->nsect,
		.nblocks = rd->buf->nblocks,
	};
	void *frame = NULL;

	if (error != -ESTALE && g->halt == NODE_RUNNING && p->up[WIRE_BULK])
		frame = g->ops->tx_begin(g->host, rd->slot, WIRE_BULK);
	if (!frame)
		return error;
	if (!error)
		g->ops->buf_sum(g->host, rd->buf, rd->buf->crc);
	rblk_ground_tx_end(g, rd->slot, WIRE_BULK,
			   rblk_wire_encode_data(frame, &d, error ? NULL : &e, rd->buf->crc),
			   &rd->buf, !error);
	return error;
}

/*
 * Who does not lead has the leader confirm how new the content has to be, as for its own users,
 * and answers other members whose data device fails.
 */
static bool may_answer(struct rblk_server *sv, const struct wire_read *w)
{
	return w->anyone ? !sv->g->remote && sv->g->conf.index : rblk_server_serves(sv);
}

/**
 * rblk_server_read() - begins a read of a node without a usable replica, or whose device fails
 * @sv: server
 * @slot: that node
 * @w: the range, asked for by the store of that node
 *
 * A read that cannot be served now is refused, and the client asks again.
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_server_read(struct rblk_server *sv, u32 slot, const struct wire_read *w)
{
	struct rblk_ground *g = sv->g;
	struct rblk_read *rd;
	struct rblk_buf *buf;
	u64 token;

	if (!may_answer(sv, w) || !rblk_reads_room(sv->reads, false)) {
		rblk_server_read_refuse(g, slot, w);
		return 0;
	}
	if (!rblk_vol_fits(g->conf.sectors, g->conf.block_size, w->sector, w->nsect))
		return -EINVAL;
	if (rblk_server_reads(sv->reads, slot, w->id, false))
		return 0;
	buf = g->ops->serve_begin(g->host, false, rblk_blocks_touched(w->sector, w->nsect),
				  w->sector, w->nsect, &token);
	if (!buf) {
		rblk_server_read_refuse(g, slot, w);
		return 0;
	}
	rd = rblk_reads_add(sv->reads, token, w->sector, w->nsect, rblk_server_read_end, sv,
			    false);
	rd->buf = buf;
	rd->slot = slot;
	rd->id = w->id;
	rd->flags = w->anyone ? NODE_R_NOT_AWAY : 0;
	rblk_replica_look_up(sv->r, rd);
	return 0;
}
