// SPDX-License-Identifier: GPL-2.0
/*
 * Connections to the other nodes: their life, their timers, and which side dials:
 * of two nodes, the one whose name compares lower. See internal.h for the terms.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "net/internal.h"

/* Closes a connection and makes it available again. */
void rblk_conn_free(struct rblk_conn *c)
{
	rblk_sock_close(c);
	c->state = RBLK_C_FREE;
	c->link = NULL;
}

static struct rblk_conn *free_conn(struct rblk_peers *ps)
{
	u32 i;

	for (i = 0; i < ps->nconns; i++)
		if (ps->conn[i].state == RBLK_C_FREE)
			return &ps->conn[i];
	return NULL;
}

static void begin_conn(struct rblk_conn *c, enum rblk_conn_state state, u64 now)
{
	c->state = state;
	c->since = now;
	c->deadline = now + RBLK_HANDSHAKE_NS;
	c->bits = 0;
	c->dialled = false;
	c->readable = false;
	c->broken = false;
	c->spoke = false;
	c->decoded = false;
	c->stage = RBLK_RX_HEAD;
	c->have = 0;
	rblk_peers_arm(c->v->peers, c->deadline);
}

/* Accepted, and from whom is not known yet, or refused. */
static bool is_pending(const struct rblk_conn *c)
{
	return c->state != RBLK_C_FREE && !c->link;
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return ipv6_addr_equal(&((const struct sockaddr_in6 *)a)->sin6_addr,
				       &((const struct sockaddr_in6 *)b)->sin6_addr);
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static u32 pending_from(const struct rblk_peers *ps, const struct sockaddr_storage *addr)
{
	u32 i, n = 0;

	for (i = 0; i < ps->nconns; i++)
		n += is_pending(&ps->conn[i]) && same_host(&ps->conn[i].addr, addr);
	return n;
}

/*
 * Finds a place for a connection from @addr that was accepted. It may be taken still: then that
 * connection is cut. Which node connects is not known before its hello. Pending connections
 * together have RBLK_PENDING_MAX places; if all are taken, the oldest connection of the host
 * that has most of them makes room, the new one counted. So a host cannot keep the nodes on
 * others out, or make them wait, however many connections it opens: nothing stays in
 * the listener's queue. It does not keep this node from dialling either, since dialled
 * connections have places of their own.
 */
static struct rblk_conn *stranger_place(struct rblk_peers *ps, const struct sockaddr_storage *addr)
{
	struct rblk_conn *c, *found = NULL;
	u32 i, n, most = 0, pending = 0;

	for (i = 0; i < ps->nconns; i++) {
		c = &ps->conn[i];
		if (!is_pending(c))
			continue;
		pending++;
		n = pending_from(ps, &c->addr) + same_host(&c->addr, addr);
		if (n > most || (n == most && c->since < found->since)) {
			found = c;
			most = n;
		}
	}
	return pending < RBLK_PENDING_MAX ? free_conn(ps) : found;
}

/* Dials again after between half and all of the backoff, which doubles. */
static void redial_later(struct rblk_link *l, u64 now)
{
	u32 ms = l->backoff_ms / 2 + get_random_u32() % (l->backoff_ms / 2 + 1);

	l->backoff_ms = min_t(u32, 2 * l->backoff_ms, RBLK_BACKOFF_MAX_MS);
	l->dial_at = now + ms * RBLK_NSEC_PER_MSEC;
	rblk_peers_arm(l->peers, l->dial_at);
}

/* A link loses its connection. */
void rblk_link_down(struct rblk_link *l, u64 now)
{
	struct rblk_conn *c = l->conn;

	l->conn = NULL;
	rblk_link_drop_frames(l);
	rblk_link_drop_payload(l);
	rblk_conn_free(c);
	if (l->dial && !l->trying)
		redial_later(l, now);
	rblk_node_peer_down(l->peers->v->m, l->slot, l->ch, now);
}

/*
 * A connection whose hello was accepted becomes the connection of its link. One
 * that the link had before is cut, since the newer one is the live one.
 */
void rblk_conn_adopt(struct rblk_conn *c, struct rblk_link *l, u64 now)
{
	if (l->conn)
		rblk_link_down(l, now);
	l->trying = NULL;
	l->conn = c;
	l->backoff_ms = RBLK_BACKOFF_MIN_MS;
	l->refused = 0;
	l->error = 0;
	l->seen = c->addr;
	c->link = l;
	c->state = RBLK_C_UP;
	if (!c->dialled)
		rblk_sock_reserves(c);
	if (l->ch == WIRE_BULK)
		rblk_sock_keepalive(c);
	rblk_node_peer_up(l->peers->v->m, l->slot, l->ch, now);
}

/* A hello of a later start was accepted: the other connection may still be with that before. */
void rblk_link_cut_outlived(struct rblk_link *l, u64 now)
{
	struct rblk_link *other = rblk_link(l->peers, l->slot, !l->ch);

	if (other->conn && rblk_node_outlived(l->peers->v->m, l->slot, other->ch))
		rblk_link_down(other, now);
}

/*
 * A connection was refused in its handshake: it stays for a moment, so that the
 * peer can read the reason.
 */
void rblk_conn_linger(struct rblk_conn *c, u64 now)
{
	struct rblk_link *l = c->link;

	c->state = RBLK_C_LINGER;
	c->link = NULL;
	c->since = now;
	c->deadline = now + RBLK_LINGER_NS;
	rblk_peers_arm(c->v->peers, c->deadline);
	rblk_sock_end(c);
	if (!l)
		return;
	l->trying = NULL;
	l->backoff_ms = RBLK_BACKOFF_MAX_MS;
	redial_later(l, now);
}

static bool misbehaved(int ret)
{
	return ret == -EBADMSG || ret == -EPROTO || ret == -EPROTONOSUPPORT || ret == -EINVAL;
}

static void end_conn(struct rblk_conn *c, int ret, u64 now)
{
	struct rblk_volume *v = c->v;
	struct rblk_link *l = c->link, *other;

	if (misbehaved(ret)) {
		v->peers->frames_bad++;
		rblk_warn_limited(v,
				  "closed the connection to %pISpc: it sent what no node sends (error %d)\n",
				  &c->addr, -ret);
	}
	if (!l) {
		rblk_conn_free(c);
		return;
	}
	l->error = ret;
	/* Who cannot be reached does not refuse any more. */
	if (ret != -EACCES)
		l->refused = 0;
	if (misbehaved(ret) || ret == -EACCES)
		l->backoff_ms = max_t(u32, l->backoff_ms, RBLK_BACKOFF_MAX_MS / 4);
	if (l->conn == c) {
		rblk_link_down(l, now);
		/*
		 * A peer that is silent on this channel is silent on the other one,
		 * too: do not wait for that.
		 */
		other = rblk_link(v->peers, l->slot, WIRE_BULK);
		if (ret == -ETIMEDOUT && l != other && other->conn)
			end_conn(other->conn, ret, now);
		return;
	}
	l->trying = NULL;
	rblk_conn_free(c);
	redial_later(l, now);
}

static void dial(struct rblk_link *l, u64 now)
{
	struct rblk_peers *ps = l->peers;
	struct rblk_conn *c = free_conn(ps);
	int ret;

	if (!c) {
		redial_later(l, now);
		return;
	}
	begin_conn(c, RBLK_C_CONNECTING, now);
	c->addr = ps->v->up.peer_addr[l->slot];
	c->link = l;
	c->dialled = true;
	l->trying = c;
	ret = rblk_sock_dial(c);
	if (ret)
		end_conn(c, ret, now);
}

static bool accept_some(struct rblk_peers *ps, u64 now)
{
	struct sockaddr_storage addr;
	struct rblk_conn *c;
	struct socket *sock;
	int i, ret;

	for (i = 0; i < RBLK_PENDING_MAX; i++) {
		ret = rblk_sock_accept(ps, &sock, &addr);
		if (ret == -EAGAIN)
			return false;
		if (ret) {
			set_bit(RBLK_CONN_READ, &ps->bits);
			rblk_peers_arm(ps, now + RBLK_BACKOFF_MIN_MS * RBLK_NSEC_PER_MSEC);
			return false;
		}
		c = stranger_place(ps, &addr);
		if (c->state != RBLK_C_FREE)
			rblk_conn_free(c);
		begin_conn(c, RBLK_C_HELLO, now);
		c->addr = addr;
		c->readable = true;
		rblk_sock_attach(c, sock);
	}
	set_bit(RBLK_CONN_READ, &ps->bits);
	return true;
}

/* The TCP state changed. */
static int state_changed(struct rblk_conn *c)
{
	struct sock *sk = c->sock->sk;
	int ret;

	c->readable = true;		/* reading finds the end, or an error */
	if (c->state != RBLK_C_CONNECTING)
		return 0;
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return 0;
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		ret = rblk_conn_greet(c, c->link);
		if (!ret)
			c->state = RBLK_C_HELLO;
		return ret;
	default:
		ret = sock_error(sk);
		return ret ? ret : -ECONNRESET;
	}
}

static void send_pending(struct rblk_link *l, u64 now)
{
	if (rblk_link_flush(l)) {
		l->conn->broken = true;
		return;
	}
	/* Not after each frame that was sent, since batches are cheaper. */
	if (l->starved && l->head - l->tail <= RBLK_TX_FRAMES / 2) {
		l->starved = false;
		rblk_node_tx_ready(l->peers->v->m, l->slot, now);
	}
}

static bool poll_conn(struct rblk_conn *c, u64 now)
{
	int ret = 0;

	if (test_and_clear_bit(RBLK_CONN_STATE, &c->bits))
		ret = state_changed(c);
	if (test_and_clear_bit(RBLK_CONN_READ, &c->bits))
		c->readable = true;
	if (!ret && test_and_clear_bit(RBLK_CONN_WRITE, &c->bits) && c->state == RBLK_C_UP)
		send_pending(c->link, now);
	if (!ret && c->readable && c->state != RBLK_C_CONNECTING)
		ret = rblk_conn_receive(c, now);
	if (c->state == RBLK_C_UP && c->broken && (!ret || ret == -EAGAIN || ret == -ENOBUFS))
		ret = -EPIPE;
	if (!ret)
		return c->readable && c->state != RBLK_C_CONNECTING;
	if (ret != -EAGAIN && ret != -ENOBUFS)
		end_conn(c, ret, now);
	return false;
}

static void run_timers(struct rblk_peers *ps, u64 now)
{
	struct rblk_link *l;
	struct rblk_conn *c;
	u32 i;

	ps->next_timer = U64_MAX;
	for (i = 0; i < ps->nconns; i++) {
		c = &ps->conn[i];
		if (c->state == RBLK_C_FREE || c->state == RBLK_C_UP)
			continue;
		if (now >= c->deadline)
			end_conn(c, -ETIMEDOUT, now);
		else
			rblk_peers_arm(ps, c->deadline);
	}
	for (i = 0; i < ps->nlinks; i++) {
		l = &ps->link[i];
		if (l->conn && l->head != l->tail)
			set_bit(RBLK_CONN_WRITE, &l->conn->bits);
		if (!l->dial || l->conn || l->trying)
			continue;
		if (now >= l->dial_at)
			dial(l, now);
		else
			rblk_peers_arm(ps, l->dial_at);
	}
}

/**
 * rblk_peers_poll() - does everything that can be done on the sockets now
 * @v: volume
 * @now: ns
 *
 * Return: true if there is more to do, and the loop must not sleep before it has
 * called again.
 */
bool rblk_peers_poll(struct rblk_volume *v, u64 now)
{
	struct rblk_peers *ps = v->peers;
	bool more = false;
	u32 i;

	lockdep_assert_held(&v->owner);
	if (!rblk_node_greets(v->m))
		return false;
	if (now >= ps->next_timer)
		run_timers(ps, now);
	if (test_and_clear_bit(RBLK_CONN_READ, &ps->bits))
		more = accept_some(ps, now);
	for (i = 0; i < ps->nconns; i++)
		if (ps->conn[i].state != RBLK_C_FREE)
			more |= poll_conn(&ps->conn[i], now);
	return more;
}

/**
 * rblk_peers_deadline() - when rblk_peers_poll() has to be called at the latest
 * @v: volume
 *
 * Return: ns; U64_MAX: never.
 */
u64 rblk_peers_deadline(const struct rblk_volume *v)
{
	return rblk_node_greets(v->m) ? v->peers->next_timer : U64_MAX;
}

/**
 * rblk_peers_copy() - says of which starts of a peer, and where, one is refused as a copy
 * @v: volume
 * @slot: peer
 *
 * Return: text, empty if none was.
 */
const char *rblk_peers_copy(const struct rblk_volume *v, u32 slot)
{
	return v->peers->copy[slot];
}

/**
 * rblk_peers_info() - fills in the counters, and what is wrong with which peer
 * @v: volume
 * @info: filled in part
 */
void rblk_peers_info(struct rblk_volume *v, struct rblk_volume_info *info)
{
	struct rblk_peers *ps = v->peers;
	struct rblk_link *l;
	u32 i;

	info->frames_bad = ps->frames_bad;
	info->frames_sent = ps->frames_sent;
	info->frames_received = ps->frames_received;
	info->bytes_sent = ps->bytes_sent;
	info->bytes_received = ps->bytes_received;
	for (i = 0; i < v->up.npeers; i++)
		strscpy(info->peer_copy[i], ps->copy[i], sizeof(info->peer_copy[i]));
	for (i = 0; i < ps->nlinks; i++) {
		l = &ps->link[i];
		if (l->refused || l->ch == WIRE_CONSENSUS)
			info->peer_refused[l->slot] = l->refused;
		if (l->error || l->ch == WIRE_CONSENSUS)
			info->peer_error[l->slot] = l->error;
	}
}

static int alloc_peers(struct rblk_volume *v, struct rblk_peers *ps)
{
	struct rblk_link *l;
	u32 i;
	int ret;

	ps->v = v;
	ps->nlinks = v->up.npeers * WIRE_CHANNELS;
	ps->nconns = 2 * ps->nlinks + RBLK_PENDING_MAX;
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
		l->backoff_ms = RBLK_BACKOFF_MIN_MS;
		ret = rblk_link_alloc_frames(l);
		if (ret)
			return ret;
	}
	return 0;
}

static void free_peers(struct rblk_peers *ps)
{
	u32 i;

	if (!ps)
		return;
	for (i = 0; ps->link && i < ps->nlinks; i++)
		rblk_link_free_frames(&ps->link[i]);
	kvfree(ps->link);
	kvfree(ps->conn);
	kvfree(ps);
}

static void limit_lines(struct ratelimit_state *rs)
{
	ratelimit_state_init(rs, RBLK_TELL_INTERVAL, RBLK_TELL_BURST);
	ratelimit_set_flags(rs, RATELIMIT_MSG_ON_RELEASE);
}

/**
 * rblk_peers_start() - allocates everything and listens; the first poll dials
 * @v: volume, with its node and pool
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Return: 0 or -errno.
 */
int rblk_peers_start(struct rblk_volume *v, char *err)
{
	struct rblk_peers *ps;
	int ret = -ENOMEM;

	if (rblk_pool_size(v->pool, RBLK_BUDGET_RECEIVE) < WIRE_BLOCKS_MAX) {
		snprintf(err, RBLK_ERR_MAX,
			 "the pool is too small to receive the largest message: use a larger one");
		return -EINVAL;
	}
	ps = kvzalloc(sizeof(*ps), GFP_KERNEL);
	if (ps) {
		limit_lines(&ps->tell);
		limit_lines(&ps->tell_strangers);
		ret = alloc_peers(v, ps);
	}
	if (ret) {
		snprintf(err, RBLK_ERR_MAX, "no memory for the connections");
		goto free;
	}
	ret = rblk_sock_listen(ps, &v->up.listen);
	if (ret) {
		snprintf(err, RBLK_ERR_MAX, "cannot listen on %pISpc: %s (error %d)", &v->up.listen,
			 ret == -EADDRINUSE ? "the address is in use" :
			 ret == -EADDRNOTAVAIL ? "the address is not one of this node" :
			 "the socket could not be opened", -ret);
		goto free;
	}
	v->peers = ps;
	return 0;

free:
	free_peers(ps);
	return ret;
}

/**
 * rblk_peers_cut() - cuts the connections to all peers, which then say hello anew
 * @v: volume, with its node
 * @now: ns
 *
 * So are those that are being made, on which this node may have said hello. To be called as owner.
 */
void rblk_peers_cut(struct rblk_volume *v, u64 now)
{
	struct rblk_peers *ps = v->peers;
	struct rblk_link *l;
	u32 i;

	lockdep_assert_held(&v->owner);
	for (i = 0; i < ps->nlinks; i++) {
		l = &ps->link[i];
		if (l->trying)
			rblk_conn_free(l->trying);
		l->trying = NULL;
		if (l->conn)
			rblk_link_down(l, now);
		l->backoff_ms = RBLK_BACKOFF_MIN_MS;
		l->dial_at = now;
		rblk_peers_arm(ps, now);
	}
}

/**
 * rblk_peers_shutdown() - cuts all connections; no callback runs afterwards
 * @v: volume, whose loop and node have stopped
 */
void rblk_peers_shutdown(struct rblk_volume *v)
{
	struct rblk_peers *ps = v->peers;
	u32 i;

	if (!ps)
		return;
	rblk_sock_unlisten(ps);
	for (i = 0; i < ps->nconns; i++)
		if (ps->conn[i].state != RBLK_C_FREE)
			rblk_conn_free(&ps->conn[i]);
	for (i = 0; i < ps->nlinks; i++) {
		ps->link[i].conn = NULL;
		ps->link[i].trying = NULL;
		rblk_link_drop_frames(&ps->link[i]);
		rblk_link_drop_payload(&ps->link[i]);
	}
}

/**
 * rblk_peers_free() - frees what rblk_peers_start() allocated
 * @v: volume, after rblk_peers_shutdown()
 */
void rblk_peers_free(struct rblk_volume *v)
{
	free_peers(v->peers);
	v->peers = NULL;
}
