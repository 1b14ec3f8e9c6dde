// SPDX-License-Identifier: GPL-2.0
/*
 * The handshake. The side that dials says hello first, the other one judges it
 * and answers with its own hello or a reject, then the first one judges that.
 * From its own accepted hello on, a side may send messages: TCP keeps them
 * behind the hello. See Documentation/protocol.rst.
 */
#include "peer.h"

/**
 * rb_conn_greet() - says our hello
 * @c: connection
 * @l: link that it is meant to serve
 *
 * Return: 0 or -errno of the socket.
 */
int rb_conn_greet(struct rb_conn *c, struct rb_link *l)
{
	struct rb_peers *ps = l->peers;
	struct wire_hello hello = {};

	member_hello(ps->v->m, l->slot, l->ch, &hello);
	return rb_sock_say(c, ps->scratch, wire_encode_hello(ps->scratch, &hello));
}

static void tell_refused(struct rb_conn *c, u8 reason, const struct wire_hello *h)
{
	struct rb_volume *v = c->v;

	if (reason != WIRE_R_SIZES)
		rb_warn_limited(v, "refused the connection of node '%s' at %pISpc: %s\n", h->node,
				&c->addr, wire_reason_text(reason));
	else
		rb_warn_limited(v,
				"refused the connection of node '%s' at %pISpc: its log has %llu bytes and %llu entries, ours %llu and %u: they have to be equal\n",
				h->node, &c->addr, h->ring_bytes, h->entries,
				v->super.ring_bytes, v->limits.entries);
}

static int refuse(struct rb_conn *c, u8 reason, const struct wire_hello *h, u64 now)
{
	struct wire_reject r = { .reason = reason };
	struct rb_volume *v = c->v;
	struct rb_peers *ps = v->peers;
	int err;

	ps->rejected++;
	tell_refused(c, reason, h);
	err = rb_sock_say(c, ps->scratch, wire_encode_reject(ps->scratch, &r));
	if (!err)
		rb_conn_linger(c, now);
	return err;
}

/* Whom is the hello of a connection that we did not dial from? NULL: refuse it. */
static struct rb_link *link_of(struct rb_conn *c, const struct wire_hello *h)
{
	struct rb_peers *ps = c->v->peers;
	struct rb_link *l;
	int slot = member_peer_slot(c->v->m, h->node);

	if (slot < 0 || slot * WIRE_CHANNELS >= ps->nlinks)
		return NULL;
	l = rb_link(ps, slot, h->channel);
	return l->dial ? NULL : l;
}

static struct rb_link *expected(struct rb_conn *c, const struct wire_hello *h)
{
	if (!c->dialled)
		return link_of(c, h);
	if (member_peer_slot(c->v->m, h->node) != c->link->slot || h->channel != c->link->ch)
		return NULL;
	return c->link;
}

/**
 * rb_conn_heard_hello() - judges the hello in the connection's buffer
 * @c: connection
 * @now: ns
 *
 * Return: 0: it is up, or refused and lingering; else it has to be cut.
 */
int rb_conn_heard_hello(struct rb_conn *c, u64 now)
{
	struct wire_hello h;
	struct rb_link *l;
	int reason, err;

	if (c->state != RB_C_HELLO)
		return -EPROTO;
	err = wire_decode_hello(&h, &c->header, c->buf + WIRE_HEADER_BYTES);
	if (err)
		return err;
	l = expected(c, &h);
	if (!l)
		return refuse(c, WIRE_R_NODE, &h, now);
	reason = member_peer_hello(c->v->m, l->slot, &h);
	if (reason)
		return refuse(c, reason, &h, now);
	if (!c->dialled) {
		err = rb_conn_greet(c, l);
		if (err)
			return err;
	}
	rb_conn_adopt(c, l, now);
	return 0;
}

/**
 * rb_conn_heard_reject() - the peer refuses us
 * @c: connection
 *
 * Return: the error to cut the connection with.
 */
int rb_conn_heard_reject(struct rb_conn *c)
{
	struct rb_volume *v = c->v;
	struct wire_reject r;
	int err = wire_decode_reject(&r, &c->header, c->buf + WIRE_HEADER_BYTES);

	if (err)
		return err;
	if (c->link)
		c->link->refused = r.reason;
	rb_warn_limited(v, "%pISpc refuses our connection: %s\n",
			&c->addr, wire_reason_text(r.reason));
	return -EACCES;
}
