// SPDX-License-Identifier: GPL-2.0
/*
 * The handshake. The side that dials says hello first. The other side checks that,
 * and answers with its own hello or a reject, which the first side checks in turn.
 * A side that has said hello and accepted that of the other one may send messages
 * at once: TCP keeps them behind the hello. See Documentation/protocol.rst.
 */
#include "net/internal.h"

/* Says hello on a connection that is meant for @l. Returns 0 or -errno of the socket. */
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
				  "refused the connection of node '%s' at %pISpc: its log has %llu bytes and %llu entries, the one here %llu and %u, and they must be equal\n",
				  h->node, &c->addr, h->ring_bytes, h->entries, v->super.ring_bytes,
				  v->limits.entries);
}

static int refuse_conn(struct rblk_conn *c, u8 reason, const struct wire_hello *h, u64 now)
{
	struct rblk_volume *v = c->v;
	struct rblk_peers *ps = v->peers;
	struct wire_reject r;
	int ret;

	rblk_node_reject(v->m, reason, h, &r);
	tell_refused(c, reason, h);
	ret = rblk_sock_send(c, ps->scratch, rblk_wire_encode_reject(ps->scratch, &r));
	if (!ret)
		rblk_conn_linger(c, now);
	return ret;
}

/* The link that a connection from a peer is for, by its hello; NULL: it has to be refused. */
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

/*
 * Checks the hello in the buffer of a connection. Returns 0 if the connection is up
 * now, or was refused and lingers; on an error it has to be cut.
 */
int rblk_conn_recv_hello(struct rblk_conn *c, u64 now)
{
	struct wire_hello h;
	struct rblk_link *l;
	int reason, ret;

	if (c->state != RBLK_C_HELLO)
		return -EPROTO;
	ret = rblk_wire_decode_hello(&h, &c->header, c->buf + WIRE_HEADER_BYTES);
	if (ret)
		return ret;
	l = expected(c, &h);
	if (!l)
		return refuse_conn(c, WIRE_R_NODE, &h, now);
	reason = rblk_node_peer_hello(c->v->m, l->slot, &h);
	if (reason)
		return refuse_conn(c, reason, &h, now);
	if (!c->dialled) {
		ret = rblk_conn_greet(c, l);
		if (ret)
			return ret;
	}
	rblk_conn_adopt(c, l, now);
	return 0;
}

/* The peer refuses this node. Returns the error to cut the connection with. */
int rblk_conn_recv_reject(struct rblk_conn *c, u64 now)
{
	struct rblk_volume *v = c->v;
	struct wire_reject r;
	int ret = rblk_wire_decode_reject(&r, &c->header, c->buf + WIRE_HEADER_BYTES);

	if (ret)
		return ret;
	if (c->link) {
		c->link->refused = r.reason;
		rblk_node_peer_refused(v->m, c->link->slot, &r, now);
	}
	rblk_warn_limited(v, "%pISpc refused the connection of this node: %s\n",
			  &c->addr, rblk_wire_reason_text(r.reason));
	return -EACCES;
}
