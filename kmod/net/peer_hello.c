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

	if (c->dialled)
		rblk_node_dialled(ps->v->m, l->slot, l->ch);
	rblk_node_hello(ps->v->m, l->slot, l->ch, &hello);
	return rblk_sock_send(c, ps->scratch, rblk_wire_encode_hello(ps->scratch, &hello));
}

/* What exactly does not match, where the hello says it. */
static void mismatch(struct rblk_volume *v, u8 reason, const struct wire_hello *h, char *text,
		     size_t size)
{
	switch (reason) {
	case WIRE_R_VOLUME:
		scnprintf(text, size, " (its uuid is %pUb, the one here %pUb)", h->volume,
			  v->super.volume);
		break;
	case WIRE_R_SIZES:
		scnprintf(text, size,
			  " (its ring has %llu bytes and %llu entries)", h->ring_bytes,
			  h->entries);
		break;
	case WIRE_R_ROLE:
		scnprintf(text, size, " (it says that it is a %s)",
			  h->role == WIRE_CLIENT ? "client" : "replica");
		break;
	case WIRE_R_NODE:
		scnprintf(text, size, " (it speaks to node '%s')", h->peer);
		break;
	default:
		*text = 0;
	}
}

/* Whether @told is not @reason yet, and may be told now; it is, then. */
static bool is_news(struct rblk_peers *ps, u8 *told, u8 reason)
{
	if (*told == reason || !__ratelimit(&ps->tell))
		return false;
	*told = reason;
	return true;
}

static bool is_new_stranger(struct rblk_peers *ps, const char *node)
{
	if (!strcmp(ps->told_stranger, node) || !__ratelimit(&ps->tell_strangers))
		return false;
	strscpy(ps->told_stranger, node, sizeof(ps->told_stranger));
	return true;
}

/* Of two machines under one identity, both are named, with their starts and addresses. */
static void tell_copy(struct rblk_conn *c, u32 slot, const struct wire_hello *h,
		      struct wire_reject *r)
{
	struct rblk_volume *v = c->v;
	struct rblk_peers *ps = v->peers;
	const struct sockaddr_storage *seen = &rblk_link(ps, slot, WIRE_CONSENSUS)->seen;

	if (seen->ss_family)
		scnprintf(r->addr, sizeof(r->addr), "%pISpc", seen);
	scnprintf(ps->copy[slot], sizeof(ps->copy[slot]),
		  "start %llu (%016llx) at %pISpc is refused; %s start %llu (%016llx) at %s",
		  h->generation, h->line[0], &c->addr, r->alive ? "still running is" : "known is",
		  r->generation, r->nonce, *r->addr ? r->addr : "an address not known any more");
	if (ps->told_copy[slot] == h->line[0] || !__ratelimit(&ps->tell))
		return;
	ps->told_copy[slot] = h->line[0];
	rblk_warn(v, "two machines have the store of node '%s': %s; %s\n", h->node, ps->copy[slot],
		  rblk_wire_reason_step(WIRE_R_COPY));
}

static void tell_refused(struct rblk_conn *c, u8 reason, const struct wire_hello *h,
			 struct wire_reject *r)
{
	struct rblk_volume *v = c->v;
	int slot = c->link ? c->link->slot : rblk_node_peer_slot(v->m, h->node);
	const char *why = rblk_wire_reason_text(reason);
	char text[RBLK_TEXT_MAX];

	/* It is only asked which of two starts is still there. */
	if (reason == WIRE_R_DUPLICATE && r->start)
		return;
	if (reason == WIRE_R_COPY && slot >= 0) {
		tell_copy(c, (u32)slot, h, r);
		return;
	}
	if (slot < 0 ? !is_new_stranger(v->peers, h->node) :
		       !is_news(v->peers, &v->peers->told_refused[slot], reason))
		return;
	mismatch(v, reason, h, text, sizeof(text));
	rblk_warn(v, "refused the connection of node '%s' at %pISpc: %s%s; %s\n", h->node, &c->addr,
		  slot < 0 ? "not a configured node" : why, text, rblk_wire_reason_step(reason));
}

static int refuse_conn(struct rblk_conn *c, u8 reason, const struct wire_hello *h, u64 now)
{
	struct rblk_volume *v = c->v;
	struct rblk_peers *ps = v->peers;
	struct wire_reject r;
	int ret;

	rblk_node_reject(v->m, reason, h, &r);
	tell_refused(c, reason, h, &r);
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

/* Whether it is the node that was dialled is up to rblk_node_peer_hello(). */
static struct rblk_link *expected(struct rblk_conn *c, const struct wire_hello *h)
{
	if (!c->dialled)
		return link_of(c, h);
	return h->channel == c->link->ch ? c->link : NULL;
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
	reason = rblk_node_peer_hello(c->v->m, l->slot, &h, now);
	if (reason)
		return refuse_conn(c, reason, &h, now);
	rblk_link_cut_outlived(l, now);
	if (!c->dialled) {
		ret = rblk_conn_greet(c, l);
		if (ret)
			return ret;
	}
	rblk_conn_adopt(c, l, now);
	return 0;
}

static void tell_refusal(struct rblk_conn *c, const struct wire_reject *r)
{
	struct rblk_volume *v = c->v;
	u32 slot = c->link->slot;
	u8 reason = r->reason;
	char text[RBLK_TEXT_MAX] = "";

	if (reason == WIRE_R_DUPLICATE && r->start)
		return;
	if (reason == WIRE_R_COPY)
		scnprintf(text, sizeof(text),
			  " (start %016llx is refused; %s start %llu (%016llx) at %s)", r->start,
			  r->alive ? "still running is" : "known is", r->generation,
			  r->nonce, *r->addr ? r->addr : "an address not known any more");
	if (!is_news(v->peers, &v->peers->told_refusal[slot], reason))
		return;
	rblk_warn(v, "node '%s' at %pISpc refused the connection of this node: %s%s; %s\n",
		  v->up.peer[slot].node, &c->addr, rblk_wire_reason_text(reason), text,
		  rblk_wire_reason_step(reason));
}

/* The peer refuses this node. Returns the error to cut the connection with. */
int rblk_conn_recv_reject(struct rblk_conn *c, u64 now)
{
	struct rblk_volume *v = c->v;
	struct wire_reject r;
	int ret = rblk_wire_decode_reject(&r, &c->header, c->buf + WIRE_HEADER_BYTES);

	if (ret)
		return ret;
	/* Who dials has to say hello first. */
	if (!c->link)
		return -EPROTO;
	c->link->refused = r.reason;
	rblk_node_peer_refused(v->m, c->link->slot, &r, now);
	tell_refusal(c, &r);
	return -EACCES;
}
