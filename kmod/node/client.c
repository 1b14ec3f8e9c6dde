// SPDX-License-Identifier: GPL-2.0
/*
 * The client of the volume on this node: its session, and the writes that go
 * under it. They wait in a window, in order of their sequence numbers, until
 * their verdict is known; whoever leads meanwhile is sent what it does not have
 * yet, from the oldest on after each change. What reaches the log twice takes
 * effect once, since a sequence number does.
 *
 * What is decided is learned from the own log, or from what a member says of
 * its own: both are true of the log up to an index, and later news never take
 * older ones back. Fenced is sticky: whoever wrote under the lost epoch must be
 * gone before a new one can be had.
 */
#include "internal.h"

/**
 * rblk_client_state() - the session of this node changes
 * @m: member
 * @s: to what
 */
void rblk_client_state(struct rblk_node *m, enum rblk_session_state s)
{
	struct rblk_client *c = &m->client;

	c->state = s;
	rblk_node_trace(m, NODE_T_SESSION, c->epoch, s);
	rblk_node_note(m, NODE_N_SESSION, s);
}

static struct rblk_client_req *request(const struct rblk_client *c, u64 seq)
{
	return &c->req[seq & c->mask];
}

static void end_request(struct rblk_node *m, u64 seq, int error)
{
	struct rblk_client_req *r = request(&m->client, seq);

	if (r->buf)
		m->ops->buf_put(m->host, r->buf);
	r->buf = NULL;
	rblk_node_trace(m, NODE_T_COMPLETE, seq, r->token);
	m->ops->complete(m->host, r->token, error);
}

/**
 * rblk_client_answer() - what was asked for is granted, or given up
 * @m: member
 * @error: 0 or -errno, for whoever asked
 */
void rblk_client_answer(struct rblk_node *m, int error)
{
	struct rblk_client *c = &m->client;
	u64 token = c->token;

	c->asking = 0;
	c->force = false;
	c->token = NODE_NO_TOKEN;
	if (token != NODE_NO_TOKEN)
		m->ops->complete(m->host, token, error);
}

/**
 * rblk_client_fail() - nothing of this node will be answered any more
 * @m: member
 * @error: -errno for all of it
 */
void rblk_client_fail(struct rblk_node *m, int error)
{
	struct rblk_client *c = &m->client;

	while (c->done < c->last)
		end_request(m, ++c->done, error);
	c->sent = c->done;
	if (c->asking)
		rblk_client_answer(m, error);
	if (c->state == NODE_S_OPENING)
		rblk_client_state(m, NODE_S_NONE);
}

/* ---- what is decided ---- */

static void held(struct rblk_node *m, const struct rblk_session *own)
{
	struct rblk_client *c = &m->client;

	c->epoch = own->epoch;
	c->done = own->seq;
	c->last = own->seq;
	c->sent = own->seq;
	c->wanted = false;
	rblk_client_state(m, NODE_S_HELD);
	rblk_reads_anew(m);
	if (c->asking)
		rblk_client_answer(m, 0);
}

static void lost(struct rblk_node *m)
{
	struct rblk_client *c = &m->client;

	if (c->asking == RBLK_E_CLOSE) {
		rblk_client_state(m, NODE_S_NONE);
		rblk_client_answer(m, 0);
		return;
	}
	rblk_client_state(m, NODE_S_FENCED);
	rblk_client_fail(m, -ESTALE);
	rblk_reads_fail(m, -ESTALE, false);
}

static void learn_own(struct rblk_node *m, const struct rblk_session *own)
{
	struct rblk_client *c = &m->client;

	switch (c->state) {
	case NODE_S_HELD:
		/* What was done under it that is not of this node: then it is not its own. */
		if (own->epoch != c->epoch || own->seq > c->last) {
			lost(m);
			return;
		}
		while (c->done < own->seq)
			end_request(m, ++c->done, 0);
		c->sent = max_t(u64, c->sent, c->done);
		return;
	case NODE_S_OPENING:
	case NODE_S_NONE:
		if (c->asking == RBLK_E_CLOSE) {
			if (own->epoch != c->epoch)
				rblk_client_answer(m, 0);
			return;
		}
		/* Also what was granted after its asker had given up. */
		if (own->epoch && c->nonce && own->nonce == c->nonce)
			held(m, own);
		return;
	case NODE_S_FENCED:
		return;
	}
}

/**
 * rblk_client_learn() - where the sessions stood at an index of the executed log
 * @m: member
 * @index: the index
 * @own: the session of this node; epoch 0: none
 * @holder: store of the exclusive session; 0: none
 * @holder_epoch: its epoch
 */
void rblk_client_learn(struct rblk_node *m, u64 index, const struct rblk_session *own, u64 holder,
		       u64 holder_epoch)
{
	struct rblk_client *c = &m->client;

	if (index < c->index)
		return;
	if (c->holder != holder || c->holder_epoch != holder_epoch)
		rblk_node_note(m, NODE_N_SESSION, c->state);
	c->index = index;
	c->own_epoch = own->epoch;
	c->holder = holder;
	c->holder_epoch = holder_epoch;
	learn_own(m, own);
}

/**
 * rblk_client_executed() - the own log was executed on
 * @m: member
 */
void rblk_client_executed(struct rblk_node *m)
{
	static const struct rblk_session none;
	const struct rblk_session *own = rblk_vol_session_of(m->vol, m->cfg.super.store);
	const struct rblk_session *holder = rblk_vol_session(m->vol);

	rblk_client_learn(m, rblk_replica_executed(m), own ? own : &none,
			  holder ? holder->store : 0, holder ? holder->epoch : 0);
}

/* ---- what goes to the leader ---- */

/* Whoever has the device open without a session, for reading, keeps nobody from one. */
static bool uses(const struct rblk_client *c)
{
	return c->in_use && c->state != NODE_S_NONE;
}

/* Of before a restart, or granted when nobody waited any more: only the log says it is here. */
static bool left_over(const struct rblk_node *m)
{
	const struct rblk_client *c = &m->client;

	return c->state == NODE_S_NONE && c->own_epoch && !(m->conf.flags & RBLK_CONF_SHARED);
}

static void asked_entry(const struct rblk_node *m, struct rblk_entry *e)
{
	const struct rblk_client *c = &m->client;

	memset(e, 0, sizeof(*e));
	e->kind = c->asking;
	e->store = m->cfg.super.store;
	if (c->asking == RBLK_E_CLOSE) {
		e->epoch = c->epoch;
		return;
	}
	e->epoch = m->conf.flags & RBLK_CONF_SHARED ? c->own_epoch : c->holder_epoch;
	e->seq = c->nonce;
}

static void request_entry(const struct rblk_node *m, u64 seq, struct rblk_entry *e)
{
	const struct rblk_client_req *r = request(&m->client, seq);

	memset(e, 0, sizeof(*e));
	e->kind = r->buf ? RBLK_E_WRITE : RBLK_E_ZEROES;
	e->nblocks = r->buf ? r->buf->nblocks : 0;
	e->sector = r->sector;
	e->nsect = r->nsect;
	e->epoch = m->client.epoch;
	e->seq = seq;
}

static bool due(const struct rblk_node *m)
{
	const struct rblk_client *c = &m->client;

	return c->asking || c->state == NODE_S_HELD || left_over(m) || c->last > c->done ||
	       m->diskless || (m->needs_resync && m->nreads);
}

/* This node leads: no detour. */
static void run_local(struct rblk_node *m)
{
	struct rblk_client *c = &m->client;
	struct rblk_server_client *s = &m->served[m->npeers];
	struct rblk_entry e;

	if (!m->seq_synced)
		return;
	s->store = m->cfg.super.store;
	s->in_use = uses(c);
	if (c->asking && m->now >= c->keepalive_at) {
		c->keepalive_at = m->now + rblk_node_heartbeat_ns(m);
		asked_entry(m, &e);
		s->busy = false;
		rblk_server_session(m, s, &e, c->force);
		if (s->busy)
			rblk_client_refused(m);
	}
	while (c->sent < c->last) {
		struct rblk_buf *buf = request(c, c->sent + 1)->buf;
		int ret;

		request_entry(m, c->sent + 1, &e);
		if (buf)
			m->ops->buf_get(m->host, buf);
		ret = rblk_server_write(m, s, &e, buf);
		if (!ret)
			rblk_node_trace(m, NODE_T_PROPOSE, m->last,
					request(c, c->sent + 1)->token);
		else if (buf)
			m->ops->buf_put(m->host, buf);
		if (ret && ret != -EALREADY)
			break;
		c->sent++;
	}
}

struct submit {
	struct rblk_node *m;
	u64 first;		/* 0: what is asked for instead */
	u32 nbufs;
	struct rblk_entry e;
};

static const struct rblk_entry *submit_entry(void *ctx, u32 i, const u32 **crc)
{
	struct submit *s = ctx;
	struct rblk_buf *buf;

	if (!s->first) {
		asked_entry(s->m, &s->e);
		return &s->e;
	}
	request_entry(s->m, s->first + i, &s->e);
	buf = request(&s->m->client, s->first + i)->buf;
	if (buf) {
		*crc = buf->crc;
		s->m->bufs[s->nbufs++] = buf;
	}
	return &s->e;
}

/**
 * rblk_client_send() - one frame to the leader, or whoever it may be
 * @m: member
 * @slot: to whom
 * @first: first request; 0: a keepalive instead
 * @n: requests
 *
 * Return: false: there is no room to send.
 */
bool rblk_client_send(struct rblk_node *m, u32 slot, u64 first, u32 n)
{
	struct rblk_client *c = &m->client;
	struct wire_submit w = {
		.from = m->cfg.super.store,
		.term = c->term,
		.keepalive = c->keepalive + !first,
		.in_use = uses(c),
		.force = c->force,
	};
	struct submit s = { .m = m, .first = first };
	void *frame = m->ops->tx_begin(m->host, slot, WIRE_BULK);
	u32 len;

	if (!frame) {
		m->peer[slot].tx_blocked = true;
		return false;
	}
	len = rblk_wire_encode_submit(frame, &w, first ? n : !!c->asking, submit_entry, &s);
	rblk_node_trace(m, NODE_T_SUBMIT, first ? first + n - 1 : 0, slot);
	m->ops->tx_end(m->host, slot, WIRE_BULK, len, m->bufs, s.nbufs);
	c->keepalive = w.keepalive;
	return true;
}

static u32 frame_full(const struct rblk_client *c)
{
	u64 seq = c->sent + 1;
	u32 n = 0, blocks = 0;

	for (; seq <= c->last && n < WIRE_ENTRIES_MAX; seq++, n++) {
		const struct rblk_buf *buf = request(c, seq)->buf;

		if (buf && blocks + buf->nblocks > WIRE_BLOCKS_MAX)
			break;
		blocks += buf ? buf->nblocks : 0;
	}
	return n;
}

static void keepalive(struct rblk_node *m, u32 slot)
{
	struct rblk_client *c = &m->client;

	if (m->now < c->keepalive_at || !due(m) || !rblk_client_send(m, slot, 0, 0))
		return;
	if (!c->keepalive_marked) {
		c->keepalive_marked = c->keepalive;
		c->keepalive_sent = c->sent;
	}
	c->keepalive_at = m->now + rblk_node_heartbeat_ns(m);
}

static void run_remote(struct rblk_node *m, u32 slot)
{
	struct rblk_client *c = &m->client;
	u32 n;

	while (c->sent < c->last) {
		n = frame_full(c);
		if (!rblk_client_send(m, slot, c->sent + 1, n))
			return;
		c->sent += n;
	}
	if (rblk_node_remote(m))
		rblk_remote_run(m, slot);
	keepalive(m, slot);
}

/**
 * rblk_client_restart() - what was sent may be lost: another leader, or connection
 * @m: member
 */
void rblk_client_restart(struct rblk_node *m)
{
	struct rblk_client *c = &m->client;

	c->sent = c->done;
	c->keepalive_at = 0;
	c->keepalive_marked = 0;
	if (rblk_node_remote(m))
		rblk_remote_restart(m);
}

/* The session is given up when another node asks for it and nobody here uses it. */
static void give_up(struct rblk_node *m)
{
	struct rblk_client *c = &m->client;

	if (!c->wanted)
		return;
	c->wanted = false;
	if (uses(c) || c->asking || c->done < c->last)
		return;
	if (left_over(m))
		c->epoch = c->own_epoch;
	else if (c->state != NODE_S_HELD)
		return;
	c->asking = RBLK_E_CLOSE;
	c->token = NODE_NO_TOKEN;
	c->keepalive_at = 0;
}

/**
 * rblk_client_run() - sends the leader what it does not have yet
 * @m: member
 */
void rblk_client_run(struct rblk_node *m)
{
	struct rblk_client *c = &m->client;
	u32 slot;

	if (m->diskless)
		rblk_remote_seek(m);
	if (c->leader != m->rst.leader || c->term != m->rst.term) {
		c->leader = m->rst.leader;
		c->term = m->rst.term;
		rblk_client_restart(m);
	}
	give_up(m);
	if (!c->leader || !m->conf.index)
		return;
	if (c->leader == m->cfg.super.store)
		run_local(m);
	else if (rblk_node_peer_of(m, c->leader, &slot) && rblk_node_connected(&m->peer[slot]) &&
		 !m->peer[slot].tx_blocked)
		run_remote(m, slot);
}

static u64 keepalive_deadline(const struct rblk_node *m)
{
	const struct rblk_client *c = &m->client;
	struct rblk_node_peer *p;

	if (!c->leader || !m->conf.index || !due(m))
		return U64_MAX;
	/* Until it is synced, events bring it on, and time would only be spun away. */
	if (c->leader == m->cfg.super.store)
		return c->asking && m->seq_synced ? c->keepalive_at : U64_MAX;
	p = rblk_node_peer_of((struct rblk_node *)m, c->leader, NULL);
	if (!p || !rblk_node_connected(p) || p->tx_blocked)
		return U64_MAX;
	return c->keepalive_at;
}

/**
 * rblk_client_deadline() - when the leader wants to hear of this node
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_client_deadline(const struct rblk_node *m)
{
	return min_t(u64, keepalive_deadline(m), rblk_remote_deadline(m));
}

/**
 * rblk_client_refused() - the session that was asked for is in use
 * @m: member
 */
void rblk_client_refused(struct rblk_node *m)
{
	if (m->client.asking != RBLK_E_OPEN)
		return;
	rblk_client_state(m, NODE_S_NONE);
	rblk_client_answer(m, -EBUSY);
}

/*
 * Has the leader heard all that was sent before the marked keepalive? Not before the
 * newest one: others may follow sooner than the replies come.
 */
static bool keepalive_heard(struct rblk_client *c, const struct wire_reply *r)
{
	if (!c->keepalive_marked || r->keepalive < c->keepalive_marked)
		return false;
	c->keepalive_marked = 0;
	return true;
}

/* What is missing at the leader goes again. Duplicates do no harm, so a guess is good enough. */
static void rewind(struct rblk_node *m, const struct wire_reply *r, bool heard)
{
	struct rblk_client *c = &m->client;
	u64 upto = r->gap ? c->sent : heard ? min_t(u64, c->keepalive_sent, c->last) : 0;

	if (c->state != NODE_S_HELD || r->epoch != c->epoch || r->next > upto)
		return;
	c->sent = max_t(u64, c->done, r->next - 1);
	c->keepalive_sent = 0;	/* once a keepalive: they are on their way again */
}

/**
 * rblk_client_reply() - a member says what is decided
 * @m: member
 * @slot: who says it
 * @r: decoded
 *
 * Return: 0; -EINVAL: not meant for this node.
 */
int rblk_client_reply(struct rblk_node *m, u32 slot, const struct wire_reply *r)
{
	struct rblk_client *c = &m->client;
	struct rblk_session own = { .epoch = r->epoch, .nonce = r->nonce, .seq = r->seq };
	bool heard;

	if (r->to != m->cfg.super.store || (m->conf.cluster && r->cluster != m->conf.cluster) ||
	    m->peer[slot].client)
		return -EINVAL;
	if (m->diskless)
		rblk_remote_reply(m, r);
	rblk_client_learn(m, r->index, &own, r->holder, r->holder_epoch);
	if (!r->serving || r->term != c->term || r->leader != c->leader ||
	    m->peer[slot].store != c->leader)
		return 0;
	if (r->wanted)
		c->wanted = true;
	if (r->busy && r->keepalive >= c->keepalive_open && r->keepalive <= c->keepalive)
		rblk_client_refused(m);
	heard = keepalive_heard(c, r);
	if (heard && rblk_node_remote(m))
		rblk_remote_again(m);
	rewind(m, r, heard);
	return 0;
}

/**
 * rblk_node_write() - accepts a write, or zeroes
 * @m: member
 * @sector: first sector
 * @nsect: sectors
 * @buf: payload (the reference is taken over on success), NULL for zeroes
 * @token: complete(token) tells the end
 *
 * Return: 0; -EAGAIN: too much is under way, later, in order; -EBUSY: no
 * session; -ESTALE: fenced; -EINVAL: beyond the volume; -ESHUTDOWN.
 */
int rblk_node_write(struct rblk_node *m, u64 sector, u32 nsect, struct rblk_buf *buf, u64 token)
{
	struct rblk_client *c = &m->client;

	if (m->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (c->state == NODE_S_FENCED)
		return -ESTALE;
	if (c->state != NODE_S_HELD)
		return -EBUSY;
	if (!rblk_vol_fits(m->conf.sectors, m->conf.block_size, sector, nsect))
		return -EINVAL;
	if (c->asking || c->last - c->done > c->mask)
		return -EAGAIN;
	c->last++;
	*request(c, c->last) = (struct rblk_client_req){
		.token = token, .sector = sector, .nsect = nsect, .buf = buf,
	};
	m->writes++;
	rblk_node_trace(m, NODE_T_ACCEPT, c->last, token);
	return 0;
}
