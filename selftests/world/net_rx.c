// SPDX-License-Identifier: GPL-2.0
/* What arrives: taken apart as the module does it, or lost, repeated, spoiled, late. */
#include "net.h"

static struct wire_frame frame;
static u8 bad_head[WIRE_HEADER_BYTES + WIRE_HEAD_MAX];

static void put_payload(struct rblk_buf **buf, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (buf[i])
			sbuf_put(sbuf_of(buf[i]), false);
}

static int take_payload(struct node *n, const struct frame *f, const struct wire_append *a,
			struct rblk_buf **buf)
{
	u32 i, b, at = 0;

	for (i = 0; i < a->n; i++) {
		struct sbuf *sb;

		buf[i] = NULL;
		if (!a->e[i].nblocks)
			continue;
		sb = sbuf_new(n->id, a->e[i].nblocks, B_RECEIVE);
		buf[i] = &sb->buf;
		for (b = 0; b < a->e[i].nblocks; b++, at++) {
			sb->pg[b] = page_get(f->pg[at]);
			sb->buf.crc[b] = a->crc[at];
			if (page_crc(f->pg[at]) != a->crc[at])
				goto bad;
		}
	}
	return 0;
bad:
	put_payload(buf, i + 1);
	return -EBADMSG;
}

static int refused(struct node *n, u8 by, enum wire_channel ch, const struct wire_header *h,
		   const u8 *head)
{
	struct wire_reject r;
	int err = rblk_wire_decode_reject(&r, h, head);

	if (err)
		return err;
	if (world.on.refused)
		world.on.refused(n, by, &r);
	n->end[by][ch] = (struct link_end){ .refused = r.reason, .error = -EACCES };
	rblk_node_peer_refused(n->m, n->node_slot[by], &r, node_now(n));
	return -ECONNREFUSED;
}

/* One frame, as rblk_conn_receive() of the module takes it apart. */
static int receive(struct conn *c, int at, const struct frame *f, const u8 *bytes)
{
	struct node *n = &world.node[c->node[at]];
	u8 from = c->node[!at];
	const u8 *head = bytes + WIRE_HEADER_BYTES;
	struct rblk_buf *buf[WIRE_ENTRIES_MAX];
	enum net_fate fate;
	struct wire_header h;
	int err;

	err = rblk_wire_decode_header(&h, bytes);
	if (!err && WIRE_HEADER_BYTES + h.head_len != f->len)
		err = -EPROTO;
	if (!err)
		err = rblk_wire_check_head(&h, head);
	if (err)
		return err;
	if (h.payload_blocks != f->npg)
		return -EPROTO;
	if (h.type == WIRE_HELLO)
		return net_hello(c, at, &h, head);
	if (h.type == WIRE_REJECT)
		return refused(n, from, c->ch, &h, head);
	if (!c->side[at].up)
		return -ECONNREFUSED;
	err = rblk_wire_decode(&frame, &h, head);
	if (!err)
		err = take_payload(n, f, &frame.append, buf);
	if (err)
		return err;
	fate = net_fate(from, n->id, &frame);
	if (fate >= NET_TWICE)
		net_keep(c, !at, f, fate == NET_HOLD);
	if (fate == NET_HOLD || fate == NET_LOSE) {
		put_payload(buf, frame.append.n);
		return 0;
	}
	n->heard[from] = max_t(u64, n->heard[from], f->sent);
	return rblk_node_recv(n->m, n->node_slot[from], &frame, buf, node_now(n));
}

/* Flips one bit somewhere; it has to be noticed. */
static int receive_bad(struct conn *c, int at, struct frame *f)
{
	u64 bit = rnd_below(R_NET, frame_bytes(f) * 8);
	struct page *p;
	int err;

	memcpy(bad_head, f->head, f->len);
	if (bit / 8 < f->len) {
		bad_head[bit / 8] ^= (u8)(1 << bit % 8);
	} else {
		bit -= f->len * 8ull;
		p = page_copy(f->pg[bit / 8 / RBLK_BLOCK_SIZE]);
		p->data[bit / 8 % RBLK_BLOCK_SIZE] ^= (u8)(1 << bit % 8);
		page_put(f->pg[bit / 8 / RBLK_BLOCK_SIZE]);
		f->pg[bit / 8 / RBLK_BLOCK_SIZE] = p;
	}
	err = receive(c, at, f, bad_head);
	WORLD_CHECK(err, "node %c: a frame with bit %llu of %u flipped was accepted",
		    'a' + c->node[at], (unsigned long long)bit, f->len);
	WORLD_MARK(BAD_FRAME);
	return err;
}

static void room_event(struct event *e)
{
	struct node *n = &world.node[e->node];

	rblk_node_tx_ready(n->m, (u32)e->a, node_now(n));
	node_after(n);
}

static void sender_room(struct conn *c, int from)
{
	struct stream *s = &c->st[from];
	struct node *n = &world.node[c->node[from]];

	if (!s->starved || s->n > TX_FRAMES / 2 || s->bytes > world.cfg.sndbuf / 2)
		return;
	s->starved = false;
	if (n->up && c->side[from].up)
		ev_push(world.now, room_event, n->id, n->node_slot[c->node[!from]], 0, NULL);
}

/* Which frame comes now; raw mode may lose it, repeat it, or let a later one overtake. */
static struct frame *next_frame(struct conn *c, int from, bool *again)
{
	struct stream *s = &c->st[from];
	bool raw = !net_quiet && c->side[0].up && c->side[1].up && !s->head->handshake;
	struct frame *f;
	u32 skip = 0;

	*again = false;
	if (raw && s->n > 1 && rnd_ppm(R_NET, world.cfg.raw_reorder)) {
		skip = world.cfg.pool_pages ? 0 : (u32)rnd_below(R_NET, min_t(u32, s->n, 5));
		if (skip)
			WORLD_MARK(FRAME_LATE);
	}
	if (raw && rnd_ppm(R_NET, world.cfg.raw_dup)) {
		WORLD_MARK(FRAME_DUP);
		*again = true;
		for (f = s->head; skip--; f = f->next)
			;
		return f;
	}
	f = stream_take(s, skip);
	if (raw && rnd_ppm(R_NET, world.cfg.raw_loss)) {
		WORLD_MARK(FRAME_LOST);
		frame_free(f);
		return NULL;
	}
	return f;
}

/* A frame once more, long after its time: old news, as a late duplicate would bring it. */
struct ghost {
	struct conn *c;
	struct frame *f;
	int from;
};

void net_arrives(struct conn *c, int from, struct frame *f)
{
	struct node *n = &world.node[c->node[!from]];
	int err = receive(c, !from, f, f->head);

	if (err) {
		TRACE(n->id, "cut", c->node[from], (u64)-err);
		conn_break(c);
	}
	node_after(n);
}

static void ghost_event(struct event *e)
{
	struct ghost *g = e->p;
	struct conn *c = g->c;
	struct node *n = &world.node[c->node[!g->from]];

	if (e->b == c->epoch && !net_quiet && c->side[!g->from].up && n->up && !node_paused(n) &&
	    sbuf_room(n->id, B_RECEIVE) >= g->f->npg) {
		WORLD_MARK(FRAME_GHOST);
		net_arrives(c, g->from, g->f);
	}
	frame_free(g->f);
}

static void leave_ghost(struct conn *c, int from, const struct frame *f)
{
	struct ghost *g;

	if (!rnd_ppm(R_LATE, world.cfg.raw_ghost))
		return;
	g = mem_alloc(sizeof(*g));
	g->c = c;
	g->from = from;
	g->f = frame_copy(f);
	ev_push(world.now + rnd_exp(R_LATE, 500 * MSEC), ghost_event, WORLD_NONE, 0, c->epoch, g);
}

static void deliver(struct conn *c, int from)
{
	struct node *n = &world.node[c->node[!from]];
	struct stream *s = &c->st[from];
	u32 epoch = c->epoch;
	bool again;
	struct frame *f = next_frame(c, from, &again);
	int err = 0;

	if (s->n)
		net_push_deliver(c, from, s->head->due);
	if (!f)
		return;
	if (!again && !net_quiet && !f->handshake && rnd_ppm(R_NET, world.cfg.corrupt))
		err = receive_bad(c, !from, f);
	else
		err = receive(c, !from, f, f->head);
	if (!net_quiet && !f->handshake && world.cfg.raw_ghost)
		leave_ghost(c, from, f);
	if (!again || c->epoch != epoch)
		sender_room(c, from);
	if (!again)
		frame_free(f);
	if (err) {
		TRACE(n->id, "cut", c->node[from], (u64)-err);
		world.cuts += err == -EINVAL || err == -EPROTO;
		conn_break(c);
	}
	node_after(n);
}

#define SENT_AGAIN	(100 * MSEC)	/* at most, until TCP sends again what was swallowed */

static u64 tcp_gives_up(const struct conn *c)
{
	return c->ch == WIRE_BULK ? 10 * SEC : 4 * SEC;
}

/* Is the first frame too large for the path? Then it is sent again, and in the end given up. */
static bool swallowed(struct conn *c, int from)
{
	struct stream *s = &c->st[from];
	u32 largest = net_largest[c->node[from]][c->node[!from]];

	if (!largest || frame_bytes(s->head) <= largest) {
		s->swallowed_at = 0;
		return false;
	}
	if (!s->swallowed_at) {
		TRACE(c->node[from], "swallowed", c->node[!from], frame_bytes(s->head));
		WORLD_MARK(SWALLOWED);
		s->swallowed_at = world.now;
	}
	if (world.now >= s->swallowed_at + tcp_gives_up(c))
		conn_break(c);
	else
		ev_push(world.now + rnd_range(R_PATH, MSEC, SENT_AGAIN), net_deliver_event,
			WORLD_NONE, (u64)from, c->epoch, c);
	return true;
}

void net_deliver_event(struct event *e)
{
	struct conn *c = e->p;
	int from = (int)e->a;
	struct node *n = &world.node[c->node[!from]];
	u8 a = c->node[from], b = c->node[!from];

	if (e->b != c->epoch || !c->st[from].n)
		return;
	if (net_blocked(a, b)) {
		ev_push(net_blocked_until[a][b] + rnd_below(R_NET, 20 * MSEC), net_deliver_event, WORLD_NONE,
			e->a, e->b, c);
		return;
	}
	if (swallowed(c, from))
		return;
	if (node_paused(n)) {
		ev_push(n->resume_t, net_deliver_event, WORLD_NONE, e->a, e->b, c);
		return;
	}
	c->st[from].unread = sbuf_room(n->id, B_RECEIVE) < c->st[from].head->npg;
	if (c->st[from].unread) {
		WORLD_MARK(RX_STALLED);	/* not read from the socket until there are pages */
		ev_push(world.now + 10 * MSEC, net_deliver_event, WORLD_NONE, e->a, e->b, c);
		return;
	}
	deliver(c, from);
}
