// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: the ring of frames of a link. The node encodes a frame in place, and it
 * is sent by copying it into the socket. The socket never references payload pages,
 * so they can be reused as soon as the last byte was accepted. Frames that the
 * socket has no room for are sent when it reports some.
 */
#include <linux/sched/mm.h>
#include <net/tcp.h>

#include "net/internal.h"

static_assert(RBLK_TX_BVECS >= 1 + WIRE_BLOCKS_MAX);

/*
 * Allocates the ring. Returns 0 or -ENOMEM; in either case rblk_link_free_frames()
 * frees what there is.
 */
int rblk_link_alloc_frames(struct rblk_link *l)
{
	u32 i;

	l->frame = kvcalloc(RBLK_TX_FRAMES, sizeof(*l->frame), GFP_KERNEL);
	if (!l->frame)
		return -ENOMEM;
	for (i = 0; i < RBLK_TX_FRAMES; i++) {
		l->frame[i].head = alloc_pages_exact(RBLK_FRAME_HEAD_MAX, GFP_KERNEL);
		if (!l->frame[i].head)
			return -ENOMEM;
	}
	return 0;
}

void rblk_link_free_frames(struct rblk_link *l)
{
	u32 i;

	for (i = 0; l->frame && i < RBLK_TX_FRAMES; i++)
		if (l->frame[i].head)
			free_pages_exact(l->frame[i].head, RBLK_FRAME_HEAD_MAX);
	kvfree(l->frame);
	l->frame = NULL;
}

static struct rblk_frame *frame_at(struct rblk_link *l, u32 pos)
{
	return &l->frame[pos & (RBLK_TX_FRAMES - 1)];
}

static u32 frame_bytes(const struct rblk_frame *f)
{
	return f->len + f->nblocks * RBLK_BLOCK_SIZE;
}

static void drop_oldest(struct rblk_link *l)
{
	struct rblk_frame *f = frame_at(l, l->tail++);
	u32 i;

	for (i = 0; i < f->n; i++)
		rblk_payload_put(f->payload[i]);
	f->n = 0;
	l->sent = 0;
}

/* Drops all frames that were not sent. */
void rblk_link_drop_frames(struct rblk_link *l)
{
	while (l->tail != l->head)
		drop_oldest(l);
	l->starved = false;
}

static u32 gather_frame(struct bio_vec *vec, const struct rblk_frame *f)
{
	u32 i, b, n = 0;

	bvec_set_page(&vec[n++], virt_to_page(f->head), f->len, offset_in_page(f->head));
	for (i = 0; i < f->n; i++)
		for (b = 0; b < f->payload[i]->buf.nblocks; b++)
			rblk_payload_bvec(&vec[n++], f->payload[i], b);
	return n;
}

/* Gathers as many whole frames as fit into one send. Returns their number. */
static u32 gather(struct rblk_link *l, struct msghdr *msg)
{
	struct bio_vec *vec = l->peers->bvec;
	u32 n = 0, pos = l->tail;
	size_t bytes = 0;

	while (pos != l->head) {
		struct rblk_frame *f = frame_at(l, pos);

		if (n + 1 + f->nblocks > RBLK_TX_BVECS)
			break;
		n += gather_frame(vec + n, f);
		bytes += frame_bytes(f);
		pos++;
	}
	msg->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | (pos != l->head ? MSG_MORE : 0);
	iov_iter_bvec(&msg->msg_iter, ITER_SOURCE, vec, n, bytes);
	iov_iter_advance(&msg->msg_iter, l->sent);
	return pos - l->tail;
}

static void consume(struct rblk_link *l, u32 bytes)
{
	struct rblk_peers *ps = l->peers;

	ps->bytes_sent += bytes;
	l->sent += bytes;
	while (l->tail != l->head && l->sent >= frame_bytes(frame_at(l, l->tail))) {
		u32 rest = l->sent - frame_bytes(frame_at(l, l->tail));

		drop_oldest(l);
		l->sent = rest;
		ps->frames_sent++;
	}
}

/*
 * Gives the socket as much as it takes. Returns 0, or -errno if the connection is
 * broken.
 *
 * The socket itself may use the reserves of memory, see rblk_sock_reserves(). What is
 * below it (neighbours, queues, tunnels) may only if the task may: hence
 * PF_MEMALLOC around the send, as in nbd and nvme-tcp. It also means that nothing
 * is reclaimed with the socket locked. How much memory this can take is bounded by
 * the socket's send buffer, and by the RBLK_TX_FRAMES that wait to be copied there.
 */
int rblk_link_flush(struct rblk_link *l)
{
	unsigned int noreclaim = memalloc_noreclaim_save();
	int ret = 0;

	while (l->tail != l->head) {
		struct msghdr msg = {};

		gather(l, &msg);
		ret = sock_sendmsg(l->conn->sock, &msg);
		if (ret <= 0)
			break;
		consume(l, ret);
	}
	memalloc_noreclaim_restore(noreclaim);
	/*
	 * Without memory TCP refuses to send, and reports in the same breath that
	 * it has room. To believe it would be to spin.
	 */
	if (ret == -EAGAIN && tcp_rtx_and_write_queues_empty(l->conn->sock->sk))
		clear_bit(RBLK_CONN_WRITE, &l->conn->bits);
	/* There was no room, or no memory, and nothing reports when there is memory again. */
	if (l->tail != l->head)
		rblk_peers_arm(l->peers, rblk_now() + RBLK_TX_RETRY_NS);
	return ret < 0 && ret != -EAGAIN ? ret : 0;
}

/**
 * rblk_peer_tx_begin() - struct rblk_node_ops: get room for a frame
 * @host: the volume
 * @slot: peer
 * @ch: channel
 *
 * Return: RBLK_FRAME_HEAD_MAX bytes to encode into, or NULL.
 */
void *rblk_peer_tx_begin(void *host, u32 slot, enum wire_channel ch)
{
	struct rblk_volume *v = host;
	struct rblk_link *l = rblk_link(v->peers, slot, ch);

	lockdep_assert_held(&v->owner);
	if (!l->conn || l->conn->broken)
		return NULL;
	if (l->head - l->tail == RBLK_TX_FRAMES) {
		l->starved = true;
		return NULL;
	}
	return frame_at(l, l->head)->head;
}

/**
 * rblk_peer_tx_end() - struct rblk_node_ops: send what was encoded
 * @host: the volume
 * @slot: peer
 * @ch: channel
 * @len: bytes encoded
 * @buf: payload, NULL where an entry has none
 * @n: number of elements in @buf
 */
void rblk_peer_tx_end(void *host, u32 slot, enum wire_channel ch, u32 len,
		      struct rblk_buf *const *buf, u32 n)
{
	struct rblk_volume *v = host;
	struct rblk_link *l = rblk_link(v->peers, slot, ch);
	struct rblk_frame *f = frame_at(l, l->head);
	bool was_empty = l->tail == l->head;
	u32 i;

	lockdep_assert_held(&v->owner);
	if (WARN_ON_ONCE(!len || len > RBLK_FRAME_HEAD_MAX || n > WIRE_ENTRIES_MAX))
		return;
	f->len = len;
	f->nblocks = 0;
	f->n = 0;
	for (i = 0; i < n; i++) {
		if (!buf[i])
			continue;
		f->payload[f->n] = rblk_payload(buf[i]);
		rblk_payload_get(f->payload[f->n++]);
		f->nblocks += buf[i]->nblocks;
	}
	l->head++;
	if (WARN_ON_ONCE(f->nblocks > WIRE_BLOCKS_MAX)) {
		l->conn->broken = true;
		return;
	}

	/* If frames were waiting already, there is no room in the socket. */
	if (!was_empty || l->conn->broken || !rblk_link_flush(l))
		return;
	l->conn->broken = true;
	rblk_volume_kick(v, RBLK_KICK_NET);
}

/*
 * Is an acknowledgment due: is something on the way, or could it be? What a filter or queue of
 * this node swallows, TCP does not count as sent. What the peer has no room for has to wait.
 */
static bool ack_is_due(const struct tcp_sock *tp)
{
	u32 next = READ_ONCE(tp->snd_nxt), unsent = READ_ONCE(tp->write_seq) - next;
	s32 room = READ_ONCE(tp->snd_una) + READ_ONCE(tp->snd_wnd) - next;

	if (READ_ONCE(tp->packets_out))
		return true;
	return unsent && room >= (s32)min_t(u32, unsent, READ_ONCE(tp->mss_cache));
}

/**
 * rblk_peer_tx_unacked() - struct rblk_node_ops: what the peer's TCP has not acknowledged
 * @host: the volume
 * @slot: peer
 * @waits: whether an acknowledgment is due; not of what the peer has no room for
 *
 * What is read without the socket's lock may be a moment old.
 *
 * Return: bytes of the bulk connection; U64_MAX if it is broken, or not there.
 */
u64 rblk_peer_tx_unacked(void *host, u32 slot, bool *waits)
{
	struct rblk_volume *v = host;
	struct rblk_link *l = rblk_link(v->peers, slot, WIRE_BULK);
	const struct tcp_sock *tp;
	u64 bytes = 0;
	u32 pos;

	lockdep_assert_held(&v->owner);
	*waits = false;
	if (!l->conn || l->conn->broken)
		return U64_MAX;		/* nothing more will be */
	for (pos = l->tail; pos != l->head; pos++)
		bytes += frame_bytes(frame_at(l, pos));
	tp = tcp_sk(l->conn->sock->sk);
	*waits = ack_is_due(tp);
	return bytes - l->sent + (u32)(READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_una));
}
