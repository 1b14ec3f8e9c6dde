// SPDX-License-Identifier: GPL-2.0
/*
 * The network: two connections a pair of nodes, each a stream of frames in both
 * directions, in bytes as the codec makes them. As with TCP, what is in flight
 * is delivered in order or lost with the connection, and both ends learn of a
 * reset at different times. A partition holds frames back; beside that, raw mode
 * loses, repeats and reorders single messages, which raft has to bear as well.
 */
#include "sim.h"

#define SMALL_HEAD	512
#define TX_FRAMES	16

struct frame {
	struct frame *next;
	u8 *head;
	bool small, handshake;
	u32 len, npg;
	u64 sent, due;
	struct page *pg[WIRE_BLOCKS_MAX];
};

struct stream {
	struct frame *head, *tail;
	u64 bytes, last_due;
	u32 n;
	bool starved;
};

struct side {
	bool open;		/* thinks the connection is there */
	bool up;		/* told its member so */
	u32 inc;		/* start of the node that has it */
};

struct conn {
	u8 node[2];
	enum wire_channel ch;
	u32 epoch;
	bool linked;		/* frames still arrive */
	struct side side[2];
	struct stream st[2];	/* [i]: sent by side i */
	bool slow;
};

static struct conn conns[SIM_NODES][SIM_NODES][WIRE_CHANNELS];	/* [low][high] */
static u64 blocked_until[SIM_NODES][SIM_NODES];
static struct frame *free_small, *free_big;
static u8 *tx_room;
static struct wire_frame frame;
static u8 bad_head[WIRE_HEADER_BYTES + WIRE_HEAD_MAX];
static bool quiet;		/* healed: no faults any more */

static void try_event(struct event *e);
static void deliver_event(struct event *e);
static void down_event(struct event *e);

static struct conn *conn_of(u8 a, u8 b, enum wire_channel ch)
{
	return a < b ? &conns[a][b][ch] : &conns[b][a][ch];
}

/* ---- frames ---- */

static struct frame *frame_new(u32 len)
{
	bool small = len <= SMALL_HEAD;
	struct frame **list = small ? &free_small : &free_big;
	struct frame *f = *list;

	if (f) {
		*list = f->next;
	} else {
		f = mem_alloc(sizeof(*f));
		f->head = mem_alloc(small ? SMALL_HEAD : WIRE_HEADER_BYTES + WIRE_HEAD_MAX);
		f->small = small;
	}
	f->next = NULL;
	f->len = len;
	f->npg = 0;
	f->handshake = false;
	f->sent = sim.now;
	return f;
}

static void frame_free(struct frame *f)
{
	u32 i;

	for (i = 0; i < f->npg; i++)
		page_put(f->pg[i]);
	f->next = f->small ? free_small : free_big;
	if (f->small)
		free_small = f;
	else
		free_big = f;
}

static u64 frame_bytes(const struct frame *f)
{
	return f->len + (u64)f->npg * RBLK_BLOCK_SIZE;
}

static void push_deliver(struct conn *c, int from, u64 t)
{
	ev_push(t, deliver_event, SIM_NONE, (u64)from, c->epoch, c);
}

static void stream_add(struct conn *c, int from, struct frame *f)
{
	struct stream *s = &c->st[from];
	u64 delay = rnd_range(R_NET, sim.cfg.delay_min, sim.cfg.delay_max);

	if (!c->linked) {
		frame_free(f);		/* into the void; the sender will learn of it */
		return;
	}
	delay += frame_bytes(f) * MSEC / (quiet ? 4 << 20 : sim.cfg.bandwidth);
	f->due = sim.now + delay * (quiet || !c->slow ? 1 : sim.cfg.slow_link);
	if (f->due <= s->last_due)
		f->due = s->last_due + 1;
	s->last_due = f->due;
	if (s->tail)
		s->tail->next = f;
	else
		s->head = f;
	s->tail = f;
	s->bytes += frame_bytes(f);
	if (++s->n == 1)
		push_deliver(c, from, f->due);
}

/* Takes the @skip-th frame out. */
static struct frame *stream_take(struct stream *s, u32 skip)
{
	struct frame **at = &s->head, *prev = NULL, *f;

	while (skip--) {
		prev = *at;
		at = &(*at)->next;
	}
	f = *at;
	*at = f->next;
	if (s->tail == f)
		s->tail = prev;
	s->n--;
	s->bytes -= frame_bytes(f);
	return f;
}

/* ---- connections ---- */

bool net_blocked(u8 from, u8 to)
{
	return blocked_until[from][to] > sim.now;
}

static void drop_frames(struct conn *c)
{
	int i;

	for (i = 0; i < 2; i++) {
		while (c->st[i].n)
			frame_free(stream_take(&c->st[i], 0));
		memset(&c->st[i], 0, sizeof(c->st[i]));
	}
}

static void retry(struct conn *c)
{
	ev_push(sim.now + 5 * MSEC + rnd_exp(R_NET, quiet ? 20 * MSEC : 80 * MSEC), try_event,
		SIM_NONE, 0, c->epoch, c);
}

/* The connection breaks: nothing more arrives; each end notices in its own time. */
static void conn_break(struct conn *c)
{
	u64 late = rnd_one_in(R_NET, 5) ? 300 * MSEC : 10 * MSEC;
	int i;

	if (!c->linked)
		return;
	TRACE(c->node[0], "conn-break", c->node[1], c->ch);
	SIM_MARK(CONN_RESET);
	c->linked = false;
	c->epoch++;
	drop_frames(c);
	for (i = 0; i < 2; i++)
		if (c->side[i].open)
			ev_push(sim.now + rnd_below(R_NET, late), down_event, SIM_NONE, (u64)i,
				c->epoch, c);
	retry(c);
}

static void down_event(struct event *e)
{
	struct conn *c = e->p;
	struct side *s = &c->side[e->a];
	struct node *n = &sim.node[c->node[e->a]];
	bool was = s->up;

	if (e->b != c->epoch || !s->open)
		return;
	if (node_paused(n)) {
		ev_push(n->resume_t, down_event, SIM_NONE, e->a, e->b, c);
		return;
	}
	s->open = false;
	s->up = false;
	if (!was || !n->up || n->inc != s->inc)
		return;
	TRACE(n->id, "peer-down", c->node[!e->a], c->ch);
	rblk_node_peer_down(n->m, n->node_slot[c->node[!e->a]], c->ch, node_now(n));
	node_after(n);
}

static void say_hello(struct conn *c, int from)
{
	struct node *n = &sim.node[c->node[from]];
	struct frame *f = frame_new(SMALL_HEAD);
	struct wire_hello h;

	rblk_node_hello(n->m, n->node_slot[c->node[!from]], c->ch, &h);
	f->len = rblk_wire_encode_hello(f->head, &h);
	f->handshake = true;
	c->side[from].inc = n->inc;
	c->side[from].open = true;
	stream_add(c, from, f);
}

static void try_event(struct event *e)
{
	struct conn *c = e->p;
	struct node *a = &sim.node[c->node[0]], *b = &sim.node[c->node[1]];

	if (e->b != c->epoch || c->linked)
		return;
	if (!a->up || !b->up || node_paused(a) || node_paused(b) || a->halted || b->halted ||
	    c->side[0].open || c->side[1].open || net_blocked(a->id, b->id) ||
	    net_blocked(b->id, a->id)) {
		retry(c);
		return;
	}
	c->epoch++;
	c->linked = true;
	say_hello(c, 0);
}

void net_reset(u8 a, u8 b, enum wire_channel ch)
{
	conn_break(conn_of(a, b, ch));
}

void net_reset_all(void)
{
	u8 a, b;
	int ch;

	for (a = 0; a < sim.cfg.all; a++)
		for (b = a + 1; b < sim.cfg.all; b++)
			for (ch = 0; ch < WIRE_CHANNELS; ch++)
				conn_break(&conns[a][b][ch]);
}

void net_node_down(u8 node)
{
	int ch, i;
	u8 b;

	for (b = 0; b < sim.cfg.all; b++)
		for (ch = 0; b != node && ch < WIRE_CHANNELS; ch++) {
			struct conn *c = conn_of(node, b, ch);

			i = c->node[1] == node;
			c->side[i].open = false;
			c->side[i].up = false;
			conn_break(c);
		}
}

/* ---- handshake ---- */

static void reject(struct conn *c, int from, u8 reason)
{
	struct frame *f = frame_new(SMALL_HEAD);
	struct wire_reject r = { .reason = reason };

	TRACE(c->node[from], "reject", c->node[!from], reason);
	if (reason == WIRE_R_ROLLBACK)
		SIM_MARK(HELLO_ROLLBACK);
	if (reason == WIRE_R_STORE)
		SIM_MARK(HELLO_STORE);
	sim.rejects[reason]++;
	f->len = rblk_wire_encode_reject(f->head, &r);
	f->handshake = true;
	stream_add(c, from, f);
	c->side[from].open = false;
}

/* Side @at heard the other's hello. 0, or the connection has to be cut. */
static int heard_hello(struct conn *c, int at, const struct wire_header *h, const u8 *head)
{
	struct node *n = &sim.node[c->node[at]];
	u8 other = c->node[!at];
	struct wire_hello hello;
	int reason;

	if (c->side[at].up || rblk_wire_decode_hello(&hello, h, head))
		return -EPROTO;
	if (rblk_node_peer_slot(n->m, hello.node) != n->node_slot[other] || hello.channel != c->ch)
		return -EPROTO;
	reason = rblk_node_peer_hello(n->m, n->node_slot[other], &hello);
	if (reason) {
		reject(c, at, (u8)reason);
		return 0;
	}
	if (at == 1)
		say_hello(c, 1);
	c->side[at].up = true;
	TRACE(n->id, "peer-up", other, c->ch);
	rblk_node_peer_up(n->m, n->node_slot[other], c->ch, node_now(n));
	return 0;
}

/* ---- receiving ---- */

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
	for (b = 0; b <= i; b++)
		if (buf[b])
			sbuf_put(sbuf_of(buf[b]), false);
	return -EBADMSG;
}

/* One frame, as rblk_conn_receive() of the module takes it apart. */
static int receive(struct conn *c, int at, const struct frame *f, const u8 *bytes)
{
	struct node *n = &sim.node[c->node[at]];
	u8 from = c->node[!at];
	const u8 *head = bytes + WIRE_HEADER_BYTES;
	struct rblk_buf *buf[WIRE_ENTRIES_MAX];
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
		return heard_hello(c, at, &h, head);
	if (h.type == WIRE_REJECT || !c->side[at].up)
		return -ECONNREFUSED;
	err = rblk_wire_decode(&frame, &h, head);
	if (!err)
		err = take_payload(n, f, &frame.append, buf);
	if (err)
		return err;
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
	SIM_CHECK(err, "node %c: a frame with bit %llu of %u flipped was accepted",
		  'a' + c->node[at], (unsigned long long)bit, f->len);
	SIM_MARK(BAD_FRAME);
	return err;
}

static void room_event(struct event *e)
{
	struct node *n = &sim.node[e->node];

	rblk_node_tx_ready(n->m, (u32)e->a, node_now(n));
	node_after(n);
}

static void sender_room(struct conn *c, int from)
{
	struct stream *s = &c->st[from];
	struct node *n = &sim.node[c->node[from]];

	if (!s->starved || s->n > TX_FRAMES / 2 || s->bytes > sim.cfg.sndbuf / 2)
		return;
	s->starved = false;
	if (n->up && c->side[from].up)
		ev_push(sim.now, room_event, n->id, n->node_slot[c->node[!from]], 0, NULL);
}

/* Which frame comes now; raw mode may lose it, repeat it, or let a later one overtake. */
static struct frame *next_frame(struct conn *c, int from, bool *again)
{
	struct stream *s = &c->st[from];
	bool raw = !quiet && c->side[0].up && c->side[1].up && !s->head->handshake;
	struct frame *f;
	u32 skip = 0;

	*again = false;
	if (raw && s->n > 1 && rnd_ppm(R_NET, sim.cfg.raw_reorder)) {
		skip = sim.cfg.pool_pages ? 0 : (u32)rnd_below(R_NET, min_t(u32, s->n, 5));
		if (skip)
			SIM_MARK(FRAME_LATE);
	}
	if (raw && rnd_ppm(R_NET, sim.cfg.raw_dup)) {
		SIM_MARK(FRAME_DUP);
		*again = true;
		for (f = s->head; skip--; f = f->next)
			;
		return f;
	}
	f = stream_take(s, skip);
	if (raw && rnd_ppm(R_NET, sim.cfg.raw_loss)) {
		SIM_MARK(FRAME_LOST);
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

static void ghost_event(struct event *e)
{
	struct ghost *g = e->p;
	struct conn *c = g->c;
	struct node *n = &sim.node[c->node[!g->from]];
	int err;

	if (e->b == c->epoch && !quiet && c->side[!g->from].up && n->up && !node_paused(n) &&
	    sbuf_room(n->id, B_RECEIVE) >= g->f->npg) {
		SIM_MARK(FRAME_GHOST);
		err = receive(c, !g->from, g->f, g->f->head);
		if (err) {
			TRACE(n->id, "cut", c->node[g->from], (u64)-err);
			conn_break(c);
		}
		node_after(n);
	}
	frame_free(g->f);
}

static void leave_ghost(struct conn *c, int from, const struct frame *f)
{
	struct ghost *g;
	u32 i;

	if (!rnd_ppm(R_LATE, sim.cfg.raw_ghost))
		return;
	g = mem_alloc(sizeof(*g));
	g->c = c;
	g->from = from;
	g->f = frame_new(f->len);
	memcpy(g->f->head, f->head, f->len);
	g->f->sent = f->sent;
	for (i = 0; i < f->npg; i++)
		g->f->pg[i] = page_get(f->pg[i]);
	g->f->npg = f->npg;
	ev_push(sim.now + rnd_exp(R_LATE, 500 * MSEC), ghost_event, SIM_NONE, 0, c->epoch, g);
}

static void deliver(struct conn *c, int from)
{
	struct node *n = &sim.node[c->node[!from]];
	struct stream *s = &c->st[from];
	u32 epoch = c->epoch;
	bool again;
	struct frame *f = next_frame(c, from, &again);
	int err = 0;

	if (s->n)
		push_deliver(c, from, s->head->due);
	if (!f)
		return;
	if (!again && !quiet && !f->handshake && rnd_ppm(R_NET, sim.cfg.corrupt))
		err = receive_bad(c, !from, f);
	else
		err = receive(c, !from, f, f->head);
	if (!quiet && !f->handshake && sim.cfg.raw_ghost)
		leave_ghost(c, from, f);
	if (!again || c->epoch != epoch)
		sender_room(c, from);
	if (!again)
		frame_free(f);
	if (err) {
		TRACE(n->id, "cut", c->node[from], (u64)-err);
		sim.cuts += err == -EINVAL || err == -EPROTO;
		conn_break(c);
	}
	node_after(n);
}

static void deliver_event(struct event *e)
{
	struct conn *c = e->p;
	int from = (int)e->a;
	struct node *n = &sim.node[c->node[!from]];
	u8 a = c->node[from], b = c->node[!from];

	if (e->b != c->epoch || !c->st[from].n)
		return;
	if (net_blocked(a, b)) {
		ev_push(blocked_until[a][b] + rnd_below(R_NET, 20 * MSEC), deliver_event, SIM_NONE,
			e->a, e->b, c);
		return;
	}
	if (node_paused(n)) {
		ev_push(n->resume_t, deliver_event, SIM_NONE, e->a, e->b, c);
		return;
	}
	if (sbuf_room(n->id, B_RECEIVE) < c->st[from].head->npg) {
		SIM_MARK(RX_STALLED);	/* not read from the socket until there are pages */
		ev_push(sim.now + 10 * MSEC, deliver_event, SIM_NONE, e->a, e->b, c);
		return;
	}
	deliver(c, from);
}

/* ---- sending ---- */

void *net_tx_begin(struct node *n, u32 slot, enum wire_channel ch)
{
	struct conn *c = conn_of(n->id, n->slot_node[slot], ch);
	int from = c->node[1] == n->id;
	struct stream *s = &c->st[from];

	SIM_CHECK(!n->tx_open, "node %c: two frames begun at once", 'a' + n->id);
	SIM_CHECK(slot < sim.cfg.all - 1, "node %c: no such slot", 'a' + n->id);
	if (!c->side[from].up || s->bytes > sim.cfg.sndbuf || s->n >= TX_FRAMES) {
		s->starved = true;
		SIM_MARK(TX_FULL);
		return NULL;
	}
	n->tx_open = true;
	return tx_room;
}

void net_tx_end(struct node *n, u32 slot, enum wire_channel ch, u32 len,
		struct rblk_buf *const *buf, u32 nbuf)
{
	struct conn *c = conn_of(n->id, n->slot_node[slot], ch);
	struct frame *f = frame_new(len);
	u32 i, b;

	SIM_CHECK(n->tx_open && len <= WIRE_HEADER_BYTES + WIRE_HEAD_MAX,
		  "node %c: a frame of %u bytes", 'a' + n->id, len);
	n->tx_open = false;
	check_frame(n, tx_room, len);
	memcpy(f->head, tx_room, len);
	for (i = 0; i < nbuf; i++)
		for (b = 0; buf[i] && b < buf[i]->nblocks; b++) {
			SIM_CHECK(f->npg < WIRE_BLOCKS_MAX, "a frame with too much payload");
			f->pg[f->npg++] = page_get(sbuf_of(buf[i])->pg[b]);
		}
	stream_add(c, c->node[1] == n->id, f);
}

/* ---- faults ---- */

void net_block(u8 from, u8 to, u64 until)
{
	blocked_until[from][to] = max_t(u64, blocked_until[from][to], until);
}

void net_heal(void)
{
	u8 a, b;

	quiet = true;
	for (a = 0; a < SIM_NODES; a++)
		for (b = 0; b < SIM_NODES; b++)
			if (blocked_until[a][b] > sim.now)
				blocked_until[a][b] = sim.now;
}

void net_init(void)
{
	u8 a, b, slow_a, slow_b;
	int ch;

	memset(conns, 0, sizeof(conns));
	memset(blocked_until, 0, sizeof(blocked_until));
	free_small = NULL;
	free_big = NULL;
	tx_room = mem_alloc(WIRE_HEADER_BYTES + WIRE_HEAD_MAX);
	quiet = false;
	slow_a = (u8)rnd_below(R_NET, SIM_NODES);
	slow_b = (u8)rnd_below(R_NET, SIM_NODES);
	for (a = 0; a < sim.cfg.all; a++)
		for (b = (u8)(a + 1); b < sim.cfg.all; b++)
			for (ch = 0; ch < WIRE_CHANNELS; ch++) {
				struct conn *c = &conns[a][b][ch];

				c->node[0] = a;
				c->node[1] = b;
				c->ch = (enum wire_channel)ch;
				c->slow = (a == slow_a && b == slow_b) ||
					  (a == slow_b && b == slow_a);
				retry(c);
			}
}
