// SPDX-License-Identifier: GPL-2.0
/*
 * The network: two connections a pair of nodes, each a stream of frames in both
 * directions, in bytes as the codec makes them. As with TCP, what is in flight
 * is delivered in order or lost with the connection, and both ends learn of a
 * reset at different times. A partition holds frames back; beside that, raw mode
 * loses, repeats and reorders single messages, which raft has to bear as well. A path
 * may swallow what is large: then the connection that sent it stands still, and the
 * other one goes on, until it is sent again on a path that is well, or TCP gives up.
 */
#include "net.h"

static struct conn conns[WORLD_NODES][WORLD_NODES][WIRE_CHANNELS];	/* [low][high] */
u64 net_blocked_until[WORLD_NODES][WORLD_NODES];
u32 net_largest[WORLD_NODES][WORLD_NODES];
static struct frame *free_small, *free_big;
static u8 *tx_room;
bool net_quiet;		/* healed: no faults any more */

static void try_event(struct event *e);
static void down_event(struct event *e);

static struct conn *conn_of(u8 a, u8 b, enum wire_channel ch)
{
	return a < b ? &conns[a][b][ch] : &conns[b][a][ch];
}

/* ---- frames ---- */

struct frame *frame_new(u32 len)
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
	f->sent = world.now;
	return f;
}

void frame_free(struct frame *f)
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

struct frame *frame_copy(const struct frame *from)
{
	struct frame *f = frame_new(from->len);
	u32 i;

	memcpy(f->head, from->head, from->len);
	f->sent = from->sent;
	for (i = 0; i < from->npg; i++)
		f->pg[i] = page_get(from->pg[i]);
	f->npg = from->npg;
	return f;
}

u64 frame_bytes(const struct frame *f)
{
	return f->len + (u64)f->npg * RBLK_BLOCK_SIZE;
}

void net_push_deliver(struct conn *c, int from, u64 t)
{
	ev_push(t, net_deliver_event, WORLD_NONE, (u64)from, c->epoch, c);
}

static u32 slowness(const struct conn *c)
{
	return net_quiet || !c->slow ? 1 : world.cfg.slow_link;
}

u64 net_round_trip(u8 a, u8 b)
{
	return 2 * world.cfg.delay_max * slowness(conn_of(a, b, WIRE_CONSENSUS));
}

static void stream_add(struct conn *c, int from, struct frame *f)
{
	struct stream *s = &c->st[from];
	u64 delay = rnd_range(R_NET, world.cfg.delay_min, world.cfg.delay_max);
	u64 takes = frame_bytes(f) * MSEC / (net_quiet ? 4 << 20 : world.cfg.bandwidth);

	if (!c->linked) {
		frame_free(f);		/* into the void; the sender will learn of it */
		return;
	}
	if (world.cfg.pipe) {
		s->busy = max_t(u64, s->busy, world.now) + takes;
		takes = s->busy - world.now;
	}
	delay += takes;
	f->begun = max_t(u64, s->last_due, world.now);
	f->due = world.now + delay * slowness(c);
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
		net_push_deliver(c, from, f->due);
}

/* Takes the @skip-th frame out. */
struct frame *stream_take(struct stream *s, u32 skip)
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
	return net_blocked_until[from][to] > world.now;
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
	u64 wait = world.cfg.prompt ? MSEC :
		   5 * MSEC + rnd_exp(R_NET, net_quiet ? 20 * MSEC : 80 * MSEC);

	ev_push(world.now + wait, try_event, WORLD_NONE, 0, c->epoch, c);
}

/* The connection breaks: nothing more arrives; each end notices in its own time. */
void conn_break(struct conn *c)
{
	u64 late = world.cfg.prompt ? 1 : rnd_one_in(R_NET, 5) ? 300 * MSEC : 10 * MSEC;
	int i;

	if (!c->linked)
		return;
	TRACE(c->node[0], "conn-break", c->node[1], c->ch);
	WORLD_MARK(CONN_RESET);
	c->linked = false;
	c->epoch++;
	drop_frames(c);
	for (i = 0; i < 2; i++)
		if (c->side[i].open)
			ev_push(world.now + rnd_below(R_NET, late), down_event, WORLD_NONE, (u64)i,
				c->epoch, c);
	retry(c);
}

static void down_event(struct event *e)
{
	struct conn *c = e->p;
	struct side *s = &c->side[e->a];
	struct node *n = &world.node[c->node[e->a]];
	bool was = s->up;

	if (e->b != c->epoch || !s->open)
		return;
	if (node_paused(n)) {
		ev_push(n->resume_t, down_event, WORLD_NONE, e->a, e->b, c);
		return;
	}
	s->open = false;
	s->up = false;
	if (!was || !n->up || n->inc != s->inc)
		return;
	TRACE(n->id, "peer-down", c->node[!e->a], c->ch);
	n->end[c->node[!e->a]][c->ch] = (struct link_end){ .error = -ECONNRESET };
	rblk_node_peer_down(n->m, n->node_slot[c->node[!e->a]], c->ch, node_now(n));
	node_after(n);
}

static void say_hello(struct conn *c, int from)
{
	struct node *n = &world.node[c->node[from]];
	struct frame *f = frame_new(SMALL_HEAD);
	struct wire_hello h;

	rblk_node_hello(n->m, n->node_slot[c->node[!from]], c->ch, &h);
	if (world.on.hello)
		world.on.hello(n, c->node[!from], &h);
	f->len = rblk_wire_encode_hello(f->head, &h);
	f->handshake = true;
	c->side[from].inc = n->inc;
	c->side[from].open = true;
	stream_add(c, from, f);
}

static void try_event(struct event *e)
{
	struct conn *c = e->p;
	struct node *a = &world.node[c->node[0]], *b = &world.node[c->node[1]];

	if (e->b != c->epoch || c->linked)
		return;
	if (!a->up || !b->up || node_paused(a) || node_paused(b) || a->halted || b->halted ||
	    !rblk_node_greets(a->m) || !rblk_node_greets(b->m) ||
	    c->side[0].open || c->side[1].open || net_blocked(a->id, b->id) ||
	    net_blocked(b->id, a->id) || (world.on.may_meet && !world.on.may_meet(a, b))) {
		a->end[b->id][c->ch] =
			(struct link_end){ .error = b->up ? -ETIMEDOUT : -ECONNREFUSED };
		retry(c);
		return;
	}
	c->epoch++;
	c->linked = true;
	rblk_node_dialled(a->m, a->node_slot[b->id], c->ch);
	say_hello(c, 0);
}

static bool node_runs(const struct node *n)
{
	return n->up && !n->halted;
}

static bool conn_whole(const struct conn *c)
{
	return c->linked && c->side[0].up && c->side[1].up;
}

/* Are all nodes connected that are up, whatever they think? */
bool net_whole(void)
{
	u8 a, b;

	for (a = 0; a < world.cfg.all; a++)
		for (b = a + 1; b < world.cfg.all; b++)
			if (node_runs(&world.node[a]) && node_runs(&world.node[b]) &&
			    !(conn_whole(&conns[a][b][0]) && conn_whole(&conns[a][b][1])))
				return false;
	return true;
}

void net_reset(u8 a, u8 b, enum wire_channel ch)
{
	conn_break(conn_of(a, b, ch));
}

void net_reset_all(void)
{
	u8 a, b;
	int ch;

	for (a = 0; a < world.cfg.all; a++)
		for (b = a + 1; b < world.cfg.all; b++)
			for (ch = 0; ch < WIRE_CHANNELS; ch++)
				conn_break(&conns[a][b][ch]);
}

void net_node_down(u8 node)
{
	int ch, i;
	u8 b;

	net_drop(node, WORLD_NONE);
	net_drop(WORLD_NONE, node);
	for (b = 0; b < world.cfg.all; b++)
		for (ch = 0; b != node && ch < WIRE_CHANNELS; ch++) {
			struct conn *c = conn_of(node, b, ch);

			i = c->node[1] == node;
			c->side[i].open = false;
			c->side[i].up = false;
			conn_break(c);
		}
}

/* ---- handshake ---- */

static void reject(struct conn *c, int from, u8 reason, const struct wire_hello *h)
{
	struct frame *f = frame_new(SMALL_HEAD);
	struct wire_reject r;

	rblk_node_reject(world.node[c->node[from]].m, reason, h, &r);
	TRACE(c->node[from], "reject", c->node[!from], reason);
	if (reason == WIRE_R_ROLLBACK || reason == WIRE_R_COPY) {
		WORLD_CHECK(world.node[c->node[!from]].set_back,
			    "node %c refuses node %c, whose store was not set back",
			    'a' + c->node[from], 'a' + c->node[!from]);
		WORLD_MARK(HELLO_ROLLBACK);
	}
	if (reason == WIRE_R_STORE)
		WORLD_MARK(HELLO_STORE);
	world.rejects[reason]++;
	if (world.on.rejected)
		world.on.rejected(c->node[from], c->node[!from], reason);
	f->len = rblk_wire_encode_reject(f->head, &r);
	f->handshake = true;
	stream_add(c, from, f);
	c->side[from].open = false;
}

/* The other connection is still one with the start before: its end is seen now at the latest. */
static void cut_outlived(struct conn *c, int at)
{
	struct node *n = &world.node[c->node[at]];
	u8 other = c->node[!at];
	struct conn *o = conn_of(n->id, other, !c->ch);

	if (!rblk_node_outlived(n->m, n->node_slot[other], o->ch))
		return;
	TRACE(n->id, "outlived", other, o->ch);
	o->side[at].open = false;
	o->side[at].up = false;
	conn_break(o);
	rblk_node_peer_down(n->m, n->node_slot[other], o->ch, node_now(n));
}

/* The other side's hello has reached side @at. 0, or the connection has to be cut. */
int net_hello(struct conn *c, int at, const struct wire_header *h, const u8 *head)
{
	struct node *n = &world.node[c->node[at]];
	u8 other = c->node[!at];
	struct wire_hello hello;
	int reason;

	if (c->side[at].up || rblk_wire_decode_hello(&hello, h, head))
		return -EPROTO;
	if (rblk_node_peer_slot(n->m, hello.node) != n->node_slot[other] || hello.channel != c->ch)
		return -EPROTO;
	reason = rblk_node_peer_hello(n->m, n->node_slot[other], &hello, node_now(n));
	if (reason) {
		reject(c, at, (u8)reason, &hello);
		return 0;
	}
	if (world.on.met)
		world.on.met(n, other, &hello);
	cut_outlived(c, at);
	if (at == 1)
		say_hello(c, 1);
	c->side[at].up = true;
	n->end[other][c->ch] = (struct link_end){};
	TRACE(n->id, "peer-up", other, c->ch);
	rblk_node_peer_up(n->m, n->node_slot[other], c->ch, node_now(n));
	return 0;
}

/* ---- sending ---- */

void *net_tx_begin(struct node *n, u32 slot, enum wire_channel ch)
{
	struct conn *c = conn_of(n->id, n->slot_node[slot], ch);
	int from = c->node[1] == n->id;
	struct stream *s = &c->st[from];

	WORLD_CHECK(!n->tx_open, "node %c: two frames begun at once", 'a' + n->id);
	WORLD_CHECK(slot < world.cfg.all - 1, "node %c: no such slot", 'a' + n->id);
	if (!c->side[from].up || s->bytes > world.cfg.sndbuf || s->n >= TX_FRAMES) {
		s->starved = true;
		WORLD_MARK(TX_FULL);
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
	const struct wire_frame *decoded;
	u32 i, b;

	WORLD_CHECK(n->tx_open && len <= WIRE_HEADER_BYTES + WIRE_HEAD_MAX,
		    "node %c: a frame of %u bytes", 'a' + n->id, len);
	n->tx_open = false;
	decoded = check_frame(n, tx_room, len);
	if (world.on.sent)
		world.on.sent(n, n->slot_node[slot], decoded);
	memcpy(f->head, tx_room, len);
	for (i = 0; i < nbuf; i++)
		for (b = 0; buf[i] && b < buf[i]->nblocks; b++) {
			WORLD_CHECK(f->npg < WIRE_BLOCKS_MAX, "a frame with too much payload");
			f->pg[f->npg++] = page_get(sbuf_of(buf[i])->pg[b]);
		}
	stream_add(c, c->node[1] == n->id, f);
}

/* A frame is acknowledged bit by bit on its way, and its last byte once it was taken. */
u64 net_tx_unacked(struct node *n, u32 slot, bool *waits)
{
	const struct conn *c = conn_of(n->id, n->slot_node[slot], WIRE_BULK);
	const struct stream *s = &c->st[c->node[1] == n->id];
	const struct frame *f = s->head;

	*waits = f && !s->unread;
	if (!f || world.now <= f->begun)
		return s->bytes;
	return s->bytes - (frame_bytes(f) - 1) *
	       (min_t(u64, world.now, f->due) - f->begun) / (f->due - f->begun);
}

/* ---- faults ---- */

void net_swallow(u8 from, u8 to, u32 above)
{
	net_largest[from][to] = above;
}

bool net_swallows(u8 from, u8 to)
{
	return net_largest[from][to];
}

void net_block(u8 from, u8 to, u64 until)
{
	net_blocked_until[from][to] = max_t(u64, net_blocked_until[from][to], until);
}

void net_unblock(u8 from, u8 to)
{
	net_blocked_until[from][to] = 0;
	ev_wake(ev_forever);
}

/* A frame that is due waits for the end of a cut. */
static bool held_back(const struct event *e)
{
	const struct conn *c = e->p;

	if (e->fn != net_deliver_event || e->b != c->epoch || !c->st[e->a].n)
		return false;
	return c->st[e->a].head->due <= world.now &&
	       net_blocked(c->node[e->a], c->node[!e->a]);
}

void net_heal(void)
{
	u8 a, b;

	net_quiet = true;
	ev_wake(held_back);
	memset(net_largest, 0, sizeof(net_largest));
	for (a = 0; a < WORLD_NODES; a++)
		for (b = 0; b < WORLD_NODES; b++)
			if (net_blocked_until[a][b] > world.now)
				net_blocked_until[a][b] = world.now;
}

void net_init(void)
{
	u8 a, b, slow_a, slow_b;
	int ch;

	memset(conns, 0, sizeof(conns));
	memset(net_blocked_until, 0, sizeof(net_blocked_until));
	memset(net_largest, 0, sizeof(net_largest));
	free_small = NULL;
	free_big = NULL;
	tx_room = mem_alloc(WIRE_HEADER_BYTES + WIRE_HEAD_MAX);
	net_quiet = false;
	slow_a = (u8)rnd_below(R_NET, WORLD_NODES);
	slow_b = (u8)rnd_below(R_NET, WORLD_NODES);
	for (a = 0; a < world.cfg.all; a++)
		for (b = (u8)(a + 1); b < world.cfg.all; b++)
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
