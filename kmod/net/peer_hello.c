// SPDX-License-Identifier: GPL-2.0
/*
 * The handshake. The side that dials says hello first, the other one judges it
 * and answers with its own hello or a reject, then the first one judges that.
 * From its own accepted hello on, a side may send messages: TCP keeps them
 * behind the hello. See Documentation/protocol.rst.
 */
#include "net/internal.h"

/**
 * rblk_conn_greet() - says our hello
 * @c: connection
 * @l: link that it is meant to serve
 *
 * Return: 0 or -errno of the socket.
 */
int rblk_conn_greet(struct rblk_conn *c, struct rblk_link *l)
{
	struct rblk_peers *ps = l->peers;
	struct wire_hello hello = {};

	rblk_node_hello(ps->v->m, l->slot, l->ch, &hello);
	return rblk_sock_send(c, ps->scratch, rblk_wire_encode_hello(ps->scratch, &hello));
}

static void tell_refused(struct rblk_conn *c, u8 reason, const struct wire_hello *h)
{
	struct rblk_volume *v = c->v;

	if (reason != WIRE_R_SIZES)
		rblk_warn_limited(v, "refused the connection of node '%s' at %pISpc: %s\n", h->node,
				  &c->addr, rblk_wire_reason_text(reason));
	else
		rblk_warn_limited(v,
				  "refused the connection of node '%s' at %pISpc: its log has %llu bytes and %llu entries, ours %llu and %u: they have to be equal\n",
				  h->node, &c->addr, h->ring_bytes, h->entries, v->super.ring_bytes,
				  v->limits.entries);
}

static int refuse_conn(struct rblk_conn *c, u8 reason, const struct wire_hello *h, u64 now)
{
	struct wire_reject r = { .reason = reason };
	struct rblk_volume *v = c->v;
	struct rblk_peers *ps = v->peers;
	int err;

	tell_refused(c, reason, h);
	err = rblk_sock_send(c, ps->scratch, rblk_wire_encode_reject(ps->scratch, &r));
	if (!err)
		rblk_conn_linger(c, now);
	return err;
}

/* Whom is the hello of a connection that we did not dial from? NULL: refuse it. */
static struct rblk_link *link_of(struct rblk_conn *c, const struct wire_hello *h)
{
	struct rblk_peers *ps = c->v->peers;
	struct rblk_link *l;
	int slot = rblk_node_peer_slot(c->v->m, h->node);

	if (slot < 0 || slot * WIRE_CHANNELS >= ps->nlinks)
		return NULL;
	l = rblk_link(ps, slot, h->channel);
	return l->dial ? NULL : l;
}

static struct rblk_link *expected(struct rblk_conn *c, const struct wire_hello *h)
{
	if (!c->dialled)
		return link_of(c, h);
	if (rblk_node_peer_slot(c->v->m, h->node) != c->link->slot || h->channel != c->link->ch)
		return NULL;
	return c->link;
}

/**
 * rblk_conn_recv_hello() - judges the hello in the connection's buffer
 * @c: connection
 * @now: ns
 *
 * Return: 0: it is up, or refused and lingering; else it has to be cut.
 */
int rblk_conn_recv_hello(struct rblk_conn *c, u64 now)
{
	struct wire_hello h;
	struct rblk_link *l;
	int reason, err;

	if (c->state != RBLK_C_HELLO)
		return -EPROTO;
	err = rblk_wire_decode_hello(&h, &c->header, c->buf + WIRE_HEADER_BYTES);
	if (err)
		return err;
	l = expected(c, &h);
	if (!l)
		return refuse_conn(c, WIRE_R_NODE, &h, now);
	reason = rblk_node_peer_hello(c->v->m, l->slot, &h);
	if (reason)
		return refuse_conn(c, reason, &h, now);
	if (!c->dialled) {
		err = rblk_conn_greet(c, l);
		if (err)
			return err;
	}
	rblk_conn_adopt(c, l, now);
	return 0;
}

/**
 * rblk_conn_recv_reject() - the peer refuses us
 * @c: connection
 *
 * Return: the error to cut the connection with.
 */
int rblk_conn_recv_reject(struct rblk_conn *c)
{
	struct rblk_volume *v = c->v;
	struct wire_reject r;
	int err = rblk_wire_decode_reject(&r, &c->header, c->buf + WIRE_HEADER_BYTES);

	if (err)
		return err;
	if (c->link)
		c->link->refused = r.reason;
	rblk_warn_limited(v, "%pISpc refuses our connection: %s\n",
			  &c->addr, rblk_wire_reason_text(r.reason));
	return -EACCES;
}
