// SPDX-License-Identifier: GPL-2.0
/* The window of this node's writes, and what of it goes to the leader. See client.c. */
#include "internal.h"

static struct rblk_client_req *request(const struct rblk_client *c, u64 seq)
{
	return &c->req[seq & c->mask];
}

/**
 * rblk_client_write() - accepts a write, or zeroes; see rblk_node_write()
 * @c: client
 * @sector: first sector
 * @nsect: sectors
 * @buf: payload (the reference is taken over on success), NULL for zeroes
 * @token: complete(token) reports the end
 *
 * Return: as rblk_node_write().
 */
int rblk_client_write(struct rblk_client *c, u64 sector, u32 nsect, struct rblk_buf *buf, u64 token)
{
	const struct rblk_conf *conf = &c->g->conf;

	if (c->state == NODE_S_FENCED)
		return -ESTALE;
	if (c->state != NODE_S_HELD)
		return -EBUSY;
	if (!rblk_vol_fits(conf->sectors, conf->block_size, sector, nsect))
		return -EINVAL;
	if (c->asking || c->last - c->done > c->mask)
		return -EAGAIN;
	if (c->done == c->last)
		c->ended_at = c->g->now;
	c->last++;
	*request(c, c->last) = (struct rblk_client_req){
		.token = token, .sector = sector, .nsect = nsect, .buf = buf, .before = c->blocks,
	};
	c->blocks += buf ? buf->nblocks : 0;
	c->writes++;
	rblk_ground_trace(c->g, NODE_T_ACCEPT, c->last, token);
	return 0;
}

/* The verdict on a write is known. */
void rblk_client_end_request(struct rblk_client *c, u64 seq, int error)
{
	struct rblk_client_req *req = request(c, seq);

	if (req->buf)
		c->g->ops->buf_put(c->g->host, req->buf);
	req->buf = NULL;
	c->ended_at = c->g->now;
	rblk_ground_trace(c->g, NODE_T_COMPLETE, seq, req->token);
	c->g->ops->complete(c->g->host, req->token, error);
}

static void asked_entry(const struct rblk_client *c, struct rblk_entry *e)
{
	memset(e, 0, sizeof(*e));
	e->kind = c->asking;
	e->store = c->g->cfg.super.store;
	if (c->asking == RBLK_E_CLOSE) {
		e->epoch = c->epoch;
		return;
	}
	e->epoch = c->g->conf.flags & RBLK_CONF_SHARED ? c->own_epoch : c->holder_epoch;
	e->seq = c->nonce;
}

static void request_entry(const struct rblk_client *c, u64 seq, struct rblk_entry *e)
{
	const struct rblk_client_req *req = request(c, seq);

	memset(e, 0, sizeof(*e));
	e->kind = req->buf ? RBLK_E_WRITE : RBLK_E_ZEROES;
	e->nblocks = req->buf ? req->buf->nblocks : 0;
	e->sector = req->sector;
	e->nsect = req->nsect;
	e->epoch = c->epoch;
	e->seq = seq;
}

/* The blocks of all writes up to @seq, since the start; the one after it is in the window. */
static u64 blocks_upto(const struct rblk_client *c, u64 seq)
{
	return seq == c->last ? c->blocks : request(c, seq + 1)->before;
}

/**
 * rblk_client_credit() - the leader has room for so much of this node
 * @c: client
 * @seq: the newest sequence number that was done when the leader said so
 * @credit: blocks behind it
 *
 * What was done since counts as given: the leader has less room because of it.
 */
void rblk_client_credit(struct rblk_client *c, u64 seq, u32 credit)
{
	c->credit = credit;
	if (seq <= c->last && c->last - seq <= c->mask + 1)
		c->limit = blocks_upto(c, seq) + credit;
}

/*
 * May the leader be given the request @seq, when it has all before? It may be larger
 * than the credit if it is alone.
 */
static bool within_credit(const struct rblk_client *c, u64 seq)
{
	return c->credit && (blocks_upto(c, seq) <= c->limit || seq == c->done + 1);
}

/* ---- to the server of this node ---- */

/**
 * rblk_client_ask() - is the session to be asked for, or given up, now?
 * @c: client of a node that leads
 * @e: the entry, filled when it is
 *
 * Return: whether it is. It is asked again until the outcome is known.
 */
bool rblk_client_ask(struct rblk_client *c, struct rblk_entry *e)
{
	if (!c->asking || c->g->now < c->keepalive_at)
		return false;
	c->keepalive_at = c->g->now + rblk_ground_heartbeat_ns(c->g);
	c->keepalive++;
	asked_entry(c, e);
	return true;
}

/**
 * rblk_client_peek() - the next request that the leader was not given yet
 * @c: client of a node that leads
 * @e: its entry, filled
 * @req: the request
 *
 * rblk_client_taken() follows when the leader has it.
 *
 * Return: whether there is one.
 */
bool rblk_client_peek(const struct rblk_client *c, struct rblk_entry *e,
		      const struct rblk_client_req **req)
{
	if (c->sent == c->last || !within_credit(c, c->sent + 1))
		return false;
	*req = request(c, c->sent + 1);
	request_entry(c, c->sent + 1, e);
	return true;
}

/**
 * rblk_client_taken() - the leader has what rblk_client_peek() returned
 * @c: client
 */
void rblk_client_taken(struct rblk_client *c)
{
	c->sent++;
}

/**
 * rblk_client_unsent() - does the leader lack a request?
 * @c: client
 *
 * Return: true if it does, whether or not there is credit.
 */
bool rblk_client_unsent(const struct rblk_client *c)
{
	return c->sent < c->last;
}

/* ---- to another node ---- */

/**
 * rblk_client_due() - does the leader have to hear of this node from time to time?
 * @c: client
 *
 * Nodes without a replica of use always: its replies alone tell them who holds the session.
 *
 * Return: whether it does.
 */
bool rblk_client_due(const struct rblk_client *c)
{
	return c->asking || c->state == NODE_S_HELD || rblk_client_left_over(c) ||
	       c->last > c->done || c->seeks || c->g->remote;
}

struct submit {
	struct rblk_client *c;
	u64 first;		/* 0: what is asked for instead */
	u32 nbufs;
	struct rblk_entry e;
};

static const struct rblk_entry *rblk_client_submit_entry(void *ctx, u32 i, const u32 **crc)
{
	struct submit *s = ctx;
	struct rblk_buf *buf;

	if (!s->first) {
		asked_entry(s->c, &s->e);
		return &s->e;
	}
	request_entry(s->c, s->first + i, &s->e);
	buf = request(s->c, s->first + i)->buf;
	if (buf) {
		*crc = buf->crc;
		s->c->g->bufs[s->nbufs++] = buf;
	}
	return &s->e;
}

/* One frame: requests from @first on, or, with 0, a keepalive. False: there is no room. */
static bool send_frame(struct rblk_client *c, u32 slot, u64 first, u32 n)
{
	struct rblk_ground *g = c->g;
	struct wire_submit w = {
		.from = g->cfg.super.store,
		.term = c->term,
		.keepalive = c->keepalive + !first,
		.in_use = rblk_client_uses(c),
		.force = rblk_client_force(c),
		/* Of whom it is known that payload does not get there, nobody should lead. */
		.seeks = rblk_client_lost(c) && !g->peer[slot].stuck,
	};
	struct submit s = { .c = c, .first = first };
	void *frame = rblk_ground_tx_begin(g, slot, WIRE_BULK);
	u32 len;

	if (!frame)
		return false;
	len = rblk_wire_encode_submit(frame, &w, first ? n : !!c->asking,
				      rblk_client_submit_entry, &s);
	rblk_ground_trace(g, NODE_T_SUBMIT, first ? first + n - 1 : 0, slot);
	rblk_ground_tx_end(g, slot, WIRE_BULK, len, g->bufs, s.nbufs);
	c->keepalive = w.keepalive;
	return true;
}

/**
 * rblk_client_keepalive() - says that this node is here, and what it asks for
 * @c: client
 * @slot: to whom
 *
 * Return: false: there is no room to send.
 */
bool rblk_client_keepalive(struct rblk_client *c, u32 slot)
{
	return send_frame(c, slot, 0, 0);
}

/* How many requests from the first unsent one on go into one frame now. */
static u32 frame_full(const struct rblk_client *c)
{
	u64 seq = c->sent + 1;
	u32 n = 0, blocks = 0;

	for (; seq <= c->last && n < WIRE_ENTRIES_MAX; seq++, n++) {
		const struct rblk_buf *buf = request(c, seq)->buf;

		if (!within_credit(c, seq) || (buf && blocks + buf->nblocks > WIRE_BLOCKS_MAX))
			break;
		blocks += buf ? buf->nblocks : 0;
	}
	return n;
}

static void keepalive(struct rblk_client *c, u32 slot)
{
	if (c->g->now < c->keepalive_at || !rblk_client_due(c) || !rblk_client_keepalive(c, slot))
		return;
	if (!c->keepalive_marked) {
		c->keepalive_marked = c->keepalive;
		c->keepalive_sent = c->sent;
	}
	c->keepalive_at = c->g->now + rblk_ground_heartbeat_ns(c->g);
}

/**
 * rblk_client_send() - sends the leader what it does not have yet
 * @c: client
 * @slot: of the leader, which can be sent to
 */
void rblk_client_send(struct rblk_client *c, u32 slot)
{
	u32 n;

	while (c->sent < c->last) {
		n = frame_full(c);
		if (!n)
			break;
		if (!send_frame(c, slot, c->sent + 1, n))
			return;
		c->sent += n;
	}
	if (c->g->remote)
		rblk_client_reads_send(c, slot);
	keepalive(c, slot);
}
