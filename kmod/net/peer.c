// SPDX-License-Identifier: GPL-2.0
/*
 * Connections to the other members: who dials, timers, life. Of two nodes, the
 * one whose name compares lower dials. See peer.h for the terms.
 */
#include <linux/random.h>
#include <linux/slab.h>

#include "peer.h"

/**
 * rb_conn_free() - closes a connection and makes it available again
 * @c: connection
 */
void rb_conn_free(struct rb_conn *c)
{
	rb_sock_close(c);
	c->state = RB_C_FREE;
	c->link = NULL;
}

static struct rb_conn *free_conn(struct rb_peers *ps)
{
	u32 i;

	for (i = 0; i < ps->nconns; i++)
		if (ps->conn[i].state == RB_C_FREE)
			return &ps->conn[i];
	return NULL;
}

static void begin_conn(struct rb_conn *c, enum rb_conn_state state, u64 now)
{
	c->state = state;
	c->since = now;
	c->deadline = now + RB_HANDSHAKE_NS;
	c->bits = 0;
	c->dialled = false;
	c->readable = false;
	c->broken = false;
	c->decoded = false;
	c->stage = RB_RX_HEAD;
	c->have = 0;
	rb_peers_arm(c->v->peers, c->deadline);
}

/*
 * A place for whoever wants to be accepted; it may be taken still. Who connects is
 * not known before the hello, so of those who have not said it none is better
 * than another. Together they have RB_STRANGERS places, and each has
 * RB_PATIENCE_NS to speak: then the one that was silent for longest has to make
 * room. Who comes while all are new waits in the listener's queue, in order and
 * bounded by its backlog. So a flood delays a member, but does not cut it off in
 * mid-sentence, nor keep us from dialling: those places are counted apart.
 */
static struct rb_conn *stranger_place(struct rb_peers *ps, u64 now)
{
	struct rb_conn *c, *oldest = NULL;
	u32 i, n = 0;

	for (i = 0; i < ps->nconns; i++) {
		c = &ps->conn[i];
		if (c->state == RB_C_FREE || c->link)
			continue;
		n++;
		if (!oldest || c->since < oldest->since)
			oldest = c;
	}
	c = n < RB_STRANGERS ? free_conn(ps) : NULL;
	if (c || !oldest)
		return c;
	if (now >= oldest->since + RB_PATIENCE_NS)
		return oldest;
	rb_peers_arm(ps, oldest->since + RB_PATIENCE_NS);
	return NULL;
}

/* Between half and all of the backoff, which doubles. */
static void redial_later(struct rb_link *l, u64 now)
{
	u32 ms = l->backoff_ms / 2 + get_random_u32() % (l->backoff_ms / 2 + 1);

	l->backoff_ms = min_t(u32, 2 * l->backoff_ms, RB_BACKOFF_MAX_MS);
	l->dial_at = now + ms * RB_NSEC_PER_MSEC;
	rb_peers_arm(l->peers, l->dial_at);
}

/**
 * rb_link_down() - the link loses its connection
 * @l: link that has one
 * @now: ns
 */
void rb_link_down(struct rb_link *l, u64 now)
{
	struct rb_conn *c = l->conn;

	l->conn = NULL;
	rb_link_drop_frames(l);
	rb_link_drop_payload(l);
	rb_conn_free(c);
	if (l->dial && !l->trying)
		redial_later(l, now);
	member_peer_down(l->peers->v->m, l->slot, l->ch, now);
}

/**
 * rb_conn_adopt() - a connection whose hello was accepted becomes its link's
 * @c: connection
 * @l: link; a connection that it had is cut: the newer one is the live one
 * @now: ns
 */
void rb_conn_adopt(struct rb_conn *c, struct rb_link *l, u64 now)
{
	if (l->conn)
		rb_link_down(l, now);
	l->trying = NULL;
	l->conn = c;
	l->backoff_ms = RB_BACKOFF_MIN_MS;
	l->refused = 0;
	l->error = 0;
	c->link = l;
	c->state = RB_C_UP;
	if (l->ch == WIRE_BULK)
		rb_sock_patient(c);
	member_peer_up(l->peers->v->m, l->slot, l->ch, now);
}

/**
 * rb_conn_linger() - a connection was refused: let the reason be read
 * @c: connection in its handshake
 * @now: ns
 */
void rb_conn_linger(struct rb_conn *c, u64 now)
{
	struct rb_link *l = c->link;

	c->state = RB_C_LINGER;
	c->link = NULL;
	c->since = now;
	c->deadline = now + RB_LINGER_NS;
	rb_peers_arm(c->v->peers, c->deadline);
	rb_sock_end(c);
	if (!l)
		return;
	l->trying = NULL;
	l->backoff_ms = RB_BACKOFF_MAX_MS;
	redial_later(l, now);
}

static bool misbehaved(int err)
{
	return err == -EBADMSG || err == -EPROTO || err == -EPROTONOSUPPORT || err == -EINVAL;
}

static void end_conn(struct rb_conn *c, int err, u64 now)
{
	struct rb_volume *v = c->v;
	struct rb_link *l = c->link, *other;

	if (misbehaved(err)) {
		v->peers->frames_bad++;
		rb_warn_limited(v, "hung up on %pISpc: it sent what no member sends (%d)\n",
				&c->addr, err);
	}
	if (!l) {
		rb_conn_free(c);
		return;
	}
	l->error = err;
	if (misbehaved(err) || err == -EACCES)
		l->backoff_ms = max_t(u32, l->backoff_ms, RB_BACKOFF_MAX_MS / 4);
	if (l->conn == c) {
		rb_link_down(l, now);
		/* A peer that is silent here is so on its other channel: do not wait for that. */
		other = rb_link(v->peers, l->slot, WIRE_BULK);
		if (err == -ETIMEDOUT && l != other && other->conn)
			end_conn(other->conn, err, now);
		return;
	}
	l->trying = NULL;
	rb_conn_free(c);
	redial_later(l, now);
}

static void dial(struct rb_link *l, u64 now)
{
	struct rb_peers *ps = l->peers;
	struct rb_conn *c = free_conn(ps);
	int err;

	if (!c) {
		redial_later(l, now);
		return;
	}
	begin_conn(c, RB_C_CONNECTING, now);
	c->addr = ps->v->up.peer_addr[l->slot];
	c->link = l;
	c->dialled = true;
	l->trying = c;
	err = rb_sock_dial(c);
	if (err)
		end_conn(c, err, now);
}

static bool accept_some(struct rb_peers *ps, u64 now)
{
	struct rb_conn *c;
	struct socket *sock;
	int i, err;

	for (i = 0; i < RB_STRANGERS; i++) {
		c = stranger_place(ps, now);
		if (!c) {
			set_bit(RB_CONN_READ, &ps->bits);
			return false;
		}
		err = rb_sock_accept(ps, &sock);
		if (err == -EAGAIN)
			return false;
		if (err) {
			set_bit(RB_CONN_READ, &ps->bits);
			rb_peers_arm(ps, now + RB_BACKOFF_MIN_MS * RB_NSEC_PER_MSEC);
			return false;
		}
		if (c->state != RB_C_FREE)
			rb_conn_free(c);
		begin_conn(c, RB_C_HELLO, now);
		c->readable = true;
		rb_sock_attach(c, sock);
	}
	set_bit(RB_CONN_READ, &ps->bits);
	return true;
}

/* The TCP state changed. */
static int state_changed(struct rb_conn *c)
{
	struct sock *sk = c->sock->sk;
	int err;

	c->readable = true;		/* an end or an error is found by reading */
	if (c->state != RB_C_CONNECTING)
		return 0;
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return 0;
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		err = rb_conn_greet(c, c->link);
		if (!err)
			c->state = RB_C_HELLO;
		return err;
	default:
		err = sock_error(sk);
		return err ? err : -ECONNRESET;
	}
}

static void send_pending(struct rb_link *l, u64 now)
{
	if (rb_link_flush(l)) {
		l->conn->broken = true;
		return;
	}
	/* Not for each frame that went: a batch is cheaper. */
	if (l->starved && l->head - l->tail <= RB_TX_FRAMES / 2) {
		l->starved = false;
		member_tx_room(l->peers->v->m, l->slot, now);
	}
}

static bool poll_conn(struct rb_conn *c, u64 now)
{
	int err = 0;

	if (test_and_clear_bit(RB_CONN_STATE, &c->bits))
		err = state_changed(c);
	if (test_and_clear_bit(RB_CONN_READ, &c->bits))
		c->readable = true;
	if (!err && test_and_clear_bit(RB_CONN_WRITE, &c->bits) && c->state == RB_C_UP)
		send_pending(c->link, now);
	if (!err && c->readable && c->state != RB_C_CONNECTING)
		err = rb_conn_receive(c, now);
	if (c->state == RB_C_UP && c->broken && (!err || err == -EAGAIN || err == -ENOBUFS))
		err = -EPIPE;
	if (!err)
		return c->readable && c->state != RB_C_CONNECTING;
	if (err != -EAGAIN && err != -ENOBUFS)
		end_conn(c, err, now);
	return false;
}

static void run_timers(struct rb_peers *ps, u64 now)
{
	struct rb_link *l;
	struct rb_conn *c;
	u32 i;

	ps->next_timer = U64_MAX;
	for (i = 0; i < ps->nconns; i++) {
		c = &ps->conn[i];
		if (c->state == RB_C_FREE || c->state == RB_C_UP)
			continue;
		if (now >= c->deadline)
			end_conn(c, -ETIMEDOUT, now);
		else
			rb_peers_arm(ps, c->deadline);
	}
	for (i = 0; i < ps->nlinks; i++) {
		l = &ps->link[i];
		if (l->conn && l->head != l->tail)
			set_bit(RB_CONN_WRITE, &l->conn->bits);
		if (!l->dial || l->conn || l->trying)
			continue;
		if (now >= l->dial_at)
			dial(l, now);
		else
			rb_peers_arm(ps, l->dial_at);
	}
}

/**
 * rb_peers_poll() - does everything that is to do on the sockets now
 * @v: volume
 * @now: ns
 *
 * Return: true: there is more, call again before sleeping.
 */
bool rb_peers_poll(struct rb_volume *v, u64 now)
{
	struct rb_peers *ps = v->peers;
	bool more = false;
	u32 i;

	lockdep_assert_held(&v->owner);
	if (now >= ps->next_timer)
		run_timers(ps, now);
	if (test_and_clear_bit(RB_CONN_READ, &ps->bits))
		more = accept_some(ps, now);
	for (i = 0; i < ps->nconns; i++)
		if (ps->conn[i].state != RB_C_FREE)
			more |= poll_conn(&ps->conn[i], now);
	return more;
}

/**
 * rb_peers_deadline() - when rb_peers_poll() has to be called at the latest
 * @v: volume
 *
 * Return: ns; U64_MAX: never.
 */
u64 rb_peers_deadline(const struct rb_volume *v)
{
	return v->peers->next_timer;
}

/**
 * rb_peers_info() - counters and what is wrong with whom, for status
 * @v: volume
 * @info: filled in part
 */
void rb_peers_info(struct rb_volume *v, struct rb_volume_info *info)
{
	struct rb_peers *ps = v->peers;
	struct rb_link *l;
	u32 i;

	info->frames_bad = ps->frames_bad;
	info->frames_sent = ps->frames_sent;
	info->frames_received = ps->frames_received;
	info->bytes_sent = ps->bytes_sent;
	info->bytes_received = ps->bytes_received;
	for (i = 0; i < ps->nlinks; i++) {
		l = &ps->link[i];
		if (l->refused || l->ch == WIRE_CONSENSUS)
			info->peer_refused[l->slot] = l->refused;
		if (l->error || l->ch == WIRE_CONSENSUS)
			info->peer_error[l->slot] = l->error;
	}
}

static int alloc_peers(struct rb_volume *v, struct rb_peers *ps)
{
	struct rb_link *l;
	u32 i;
	int err;

	ps->v = v;
	ps->nlinks = v->up.npeers * WIRE_CHANNELS;
	ps->nconns = 2 * ps->nlinks + RB_STRANGERS;
	ps->link = kvcalloc(max(ps->nlinks, 1U), sizeof(*ps->link), GFP_KERNEL);
	ps->conn = kvcalloc(ps->nconns, sizeof(*ps->conn), GFP_KERNEL);
	if (!ps->link || !ps->conn)
		return -ENOMEM;
	for (i = 0; i < ps->nconns; i++)
		ps->conn[i].v = v;
	for (i = 0; i < ps->nlinks; i++) {
		l = &ps->link[i];
		l->peers = ps;
		l->slot = i / WIRE_CHANNELS;
		l->ch = i % WIRE_CHANNELS;
		l->dial = strcmp(v->up.node, v->up.peer[l->slot].node) < 0;
		l->backoff_ms = RB_BACKOFF_MIN_MS;
		err = rb_link_alloc_frames(l);
		if (err)
			return err;
	}
	return 0;
}

static void free_peers(struct rb_peers *ps)
{
	u32 i;

	if (!ps)
		return;
	for (i = 0; ps->link && i < ps->nlinks; i++)
		rb_link_free_frames(&ps->link[i]);
	kvfree(ps->link);
	kvfree(ps->conn);
	kvfree(ps);
}

/**
 * rb_peers_start() - allocates everything and listens; the first poll dials
 * @v: volume, with its member and pool
 * @err: RB_ERR_MAX bytes, a sentence when the result is not 0
 *
 * Return: 0 or -errno.
 */
int rb_peers_start(struct rb_volume *v, char *err)
{
	struct rb_peers *ps;
	int ret = -ENOMEM;

	if (rb_pool_size(v->pool, RB_BUDGET_RECEIVE) < WIRE_BLOCKS_MAX) {
		snprintf(err, RB_ERR_MAX, "the pool is too small to receive the largest message");
		return -EINVAL;
	}
	ps = kvzalloc(sizeof(*ps), GFP_KERNEL);
	if (ps)
		ret = alloc_peers(v, ps);
	if (ret) {
		snprintf(err, RB_ERR_MAX, "no memory for the connections");
		goto free;
	}
	ret = rb_sock_listen(ps, &v->up.listen);
	if (ret) {
		snprintf(err, RB_ERR_MAX, "cannot listen on %pISpc: %s (%d)", &v->up.listen,
			 ret == -EADDRINUSE ? "the address is in use" :
			 ret == -EADDRNOTAVAIL ? "the address is not one of this node" :
			 "the socket cannot be had", ret);
		goto free;
	}
	/* A status of a volume that starts may be looking: all or nothing. */
	mutex_lock(&v->owner);
	v->peers = ps;
	mutex_unlock(&v->owner);
	return 0;

free:
	free_peers(ps);
	return ret;
}

/**
 * rb_peers_shutdown() - cuts every socket; no callback runs afterwards
 * @v: volume, whose loop has stopped and whose member hears nothing any more
 */
void rb_peers_shutdown(struct rb_volume *v)
{
	struct rb_peers *ps = v->peers;
	u32 i;

	if (!ps)
		return;
	rb_sock_unlisten(ps);
	for (i = 0; i < ps->nconns; i++)
		if (ps->conn[i].state != RB_C_FREE)
			rb_conn_free(&ps->conn[i]);
	for (i = 0; i < ps->nlinks; i++) {
		ps->link[i].conn = NULL;
		ps->link[i].trying = NULL;
		rb_link_drop_frames(&ps->link[i]);
		rb_link_drop_payload(&ps->link[i]);
	}
}

/**
 * rb_peers_free() - frees what rb_peers_start() allocated
 * @v: volume, after rb_peers_shutdown()
 */
void rb_peers_free(struct rb_volume *v)
{
	free_peers(v->peers);
	v->peers = NULL;
}
