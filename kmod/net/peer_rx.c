// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: header and head go into the buffer of the connection, payload directly
 * into pool pages. Nothing is trusted before it has passed the decoders of wire/
 * and its checksums; if they refuse it, the connection is cut.
 *
 * While there are no pages for a payload, the socket is not read, so TCP slows the
 * sender down. A frame gets either all its pages or none, so two connections never
 * wait for each other.
 */
#include "net/internal.h"

/* Bytes to read first: most heads arrive in one call, and payload is never read with them. */
#define RBLK_RX_FIRST	(WIRE_HEADER_BYTES + WIRE_HEAD_PAYLOAD)

static_assert(RBLK_RX_FIRST <= RBLK_FRAME_HEAD_MAX);
static_assert(RBLK_TX_BVECS >= WIRE_BLOCKS_MAX);

/* Drops the payload of a frame that will not be completed. */
void rblk_link_drop_payload(struct rblk_link *l)
{
	u32 i;

	for (i = 0; i < WIRE_ENTRIES_MAX; i++) {
		if (l->payload[i])
			rblk_payload_put(rblk_payload(l->payload[i]));
		l->payload[i] = NULL;
	}
}

static int receive_head(struct rblk_conn *c)
{
	u32 want;
	int ret;

	for (;;) {
		if (!c->decoded && c->have >= WIRE_HEADER_BYTES) {
			ret = rblk_wire_decode_header(&c->header, c->buf);
			if (ret)
				return ret;
			c->decoded = true;
		}
		want = c->decoded ? WIRE_HEADER_BYTES + c->header.head_len : RBLK_RX_FIRST;
		if (c->decoded && c->have >= want)
			return rblk_wire_check_head(&c->header, c->buf + WIRE_HEADER_BYTES);
		ret = rblk_sock_recv(c, c->buf + c->have, want - c->have);
		if (ret < 0)
			return ret;
		c->have += ret;
	}
}

/* What was read beyond a short frame is the start of the next one. */
static void next_frame(struct rblk_conn *c)
{
	u32 used = WIRE_HEADER_BYTES + c->header.head_len;

	c->have -= used;
	memmove(c->buf, c->buf + used, c->have);
	c->decoded = false;
	c->stage = RBLK_RX_HEAD;
	c->v->peers->frames_received++;
}

/* The first message on a connection: what was told of refusals before is over. */
static void spoke(struct rblk_conn *c)
{
	c->spoke = true;
	c->v->peers->told_refused[c->link->slot] = 0;
	c->v->peers->told_refusal[c->link->slot] = 0;
}

static int heard(struct rblk_conn *c, u64 now)
{
	int ret;

	switch (c->header.type) {
	case WIRE_HELLO:
		ret = rblk_conn_recv_hello(c, now);
		if (!ret)
			next_frame(c);
		return ret;
	case WIRE_REJECT:
		return rblk_conn_recv_reject(c, now);
	default:
		if (c->state != RBLK_C_UP)
			return -EPROTO;
		if (!c->spoke)
			spoke(c);
		c->stage = RBLK_RX_MEMORY;
		return rblk_wire_decode(&c->link->wire, &c->header, c->buf + WIRE_HEADER_BYTES);
	}
}

static int take_pages(struct rblk_link *l, u64 now)
{
	struct rblk_pool *pool = l->peers->v->pool;
	u32 total = l->wire.append.nblocks, i, nblocks;
	struct rblk_payload *p;

	l->got = 0;
	if (rblk_pool_free(pool, RBLK_BUDGET_RECEIVE) < total) {
		/* Try all the same: an allocation that fails is what brings the kick later. */
		p = rblk_payload_alloc(pool, min_t(u32, total, RBLK_ENTRY_BLOCKS_MAX),
				       RBLK_BUDGET_RECEIVE);
		if (p)
			rblk_payload_put(p);
		rblk_peers_arm(l->peers, now + RBLK_RX_RETRY_NS);
		return -ENOBUFS;
	}
	for (i = 0; i < l->wire.append.n; i++) {
		nblocks = l->wire.append.e[i].nblocks;
		if (!nblocks)
			continue;
		/* Only this function takes from the budget, so this does not fail. */
		p = rblk_payload_alloc(pool, nblocks, RBLK_BUDGET_RECEIVE);
		if (!p) {
			rblk_link_drop_payload(l);
			rblk_peers_arm(l->peers, now + RBLK_RX_RETRY_NS);
			return -ENOBUFS;
		}
		l->payload[i] = &p->buf;
	}
	return 0;
}

static u32 payload_bvecs(struct rblk_link *l)
{
	struct bio_vec *vec = l->peers->bvec;
	u32 i, b, n = 0;

	for (i = 0; i < l->wire.append.n; i++)
		for (b = 0; b < l->wire.append.e[i].nblocks; b++)
			rblk_payload_bvec(&vec[n++], rblk_payload(l->payload[i]), b);
	return n;
}

static int receive_payload(struct rblk_conn *c)
{
	struct rblk_link *l = c->link;
	u32 want = l->wire.append.nblocks * RBLK_BLOCK_SIZE;
	int ret;

	while (l->got < want) {
		struct msghdr msg = {};
		u32 n = payload_bvecs(l);

		iov_iter_bvec(&msg.msg_iter, ITER_DEST, l->peers->bvec, n, want);
		iov_iter_advance(&msg.msg_iter, l->got);
		ret = sock_recvmsg(c->sock, &msg, MSG_DONTWAIT);
		if (ret <= 0)
			return ret ? ret : -ECONNRESET;
		l->got += ret;
		l->peers->bytes_received += ret;
	}
	return 0;
}

static int check_payload(struct rblk_link *l)
{
	const u32 *crc = l->wire.append.crc;
	u32 *sums = l->peers->sums;
	u32 i, nblocks;

	for (i = 0; i < l->wire.append.n; i++) {
		nblocks = l->wire.append.e[i].nblocks;
		if (!nblocks)
			continue;
		rblk_payload_sum(rblk_payload(l->payload[i]), sums);
		if (memcmp(sums, crc, nblocks * sizeof(*crc)))
			return -EBADMSG;
		memcpy(l->payload[i]->crc, crc, nblocks * sizeof(*crc));
		crc += nblocks;
	}
	return 0;
}

static int deliver(struct rblk_conn *c, u64 now)
{
	struct rblk_link *l = c->link;
	int ret = check_payload(l);

	if (ret)
		return ret;
	ret = rblk_node_recv(c->v->m, l->slot, &l->wire, l->payload, now);
	/* The node took over the references, even if it refused the message. */
	memset(l->payload, 0, sizeof(l->payload));
	return ret;
}

static int receive_frame(struct rblk_conn *c, u64 now)
{
	int ret;

	if (c->stage == RBLK_RX_HEAD) {
		ret = receive_head(c);
		if (!ret)
			ret = heard(c, now);
		if (ret || c->stage == RBLK_RX_HEAD)
			return ret;
	}
	if (c->stage == RBLK_RX_MEMORY) {
		ret = take_pages(c->link, now);
		if (ret)
			return ret;
		c->stage = RBLK_RX_PAYLOAD;
	}
	ret = receive_payload(c);
	if (!ret)
		ret = deliver(c, now);
	if (!ret)
		next_frame(c);
	return ret;
}

static int drain(struct rblk_conn *c)
{
	struct rblk_peers *ps = c->v->peers;
	int ret = rblk_sock_recv(c, ps->scratch, sizeof(ps->scratch));

	return ret < 0 ? ret : 0;
}

/*
 * Reads what the socket holds and acts on it, in state HELLO, UP or LINGER. Returns
 * 0: there may be more, but others get their turn first; -EAGAIN: there is no more
 * for now; -ENOBUFS: no pages are free. On other errors the connection has to be
 * cut: -EACCES: the peer refused this node; -EBADMSG, -EPROTO, -EPROTONOSUPPORT,
 * -EINVAL: it sent what no node sends; else an error of the socket.
 */
int rblk_conn_receive(struct rblk_conn *c, u64 now)
{
	u32 frames = RBLK_RX_FRAMES;
	int ret = 0;

	while (!ret && frames--)
		ret = c->state == RBLK_C_LINGER ? drain(c) : receive_frame(c, now);
	if (ret == -EAGAIN)
		c->readable = false;
	return ret;
}
