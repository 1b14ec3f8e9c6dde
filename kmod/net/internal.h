/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets to the other nodes: shared by the peer*.c files.
 *
 * A *link* is one channel to one peer. It has the queue of frames to send and the
 * payload being received, and outlives connections. A *connection* is one socket.
 * It begins with a handshake and, once the hello of the other side was accepted,
 * becomes the connection of its link, replacing the one that the link had.
 *
 * Everything here runs as the volume's owner, except for the socket callbacks,
 * which run in any context: they set bits of the connection and kick the loop,
 * nothing else. All memory is allocated by rblk_peers_start(); afterwards only the
 * TCP stack allocates.
 */
#ifndef RBLK_NET_INTERNAL_H
#define RBLK_NET_INTERNAL_H

#include <linux/bvec.h>
#include <linux/ratelimit.h>
#include <net/sock.h>

#include "host/pool.h"
#include "net/net.h"

#define RBLK_FRAME_HEAD_MAX	(WIRE_HEADER_BYTES + WIRE_HEAD_MAX)

#define RBLK_TX_FRAMES		16	/* queued in a link; power of two */
#define RBLK_TX_BVECS		128	/* in one send; at least 1 + WIRE_BLOCKS_MAX */
#define RBLK_RX_FRAMES		32	/* of a connection before others get their turn */
#define RBLK_PENDING_MAX		8	/* pending connections: accepted, no hello yet */
#define RBLK_BACKLOG		512	/* connections to be accepted, in a burst */

#define RBLK_HANDSHAKE_NS		(2 * RBLK_NSEC_PER_SEC)	/* for the handshake */
#define RBLK_TX_RETRY_NS		(50 * RBLK_NSEC_PER_MSEC)
#define RBLK_RX_RETRY_NS	(10 * RBLK_NSEC_PER_MSEC)
#define RBLK_LINGER_NS		RBLK_NSEC_PER_SEC	/* for a REJECT to be read */
#define RBLK_BACKOFF_MIN_MS	100
#define RBLK_BACKOFF_MAX_MS	2000

enum rblk_conn_state {
	RBLK_C_FREE,
	RBLK_C_CONNECTING,
	RBLK_C_HELLO,			/* waits for the peer's hello */
	RBLK_C_UP,			/* the connection of its link */
	RBLK_C_LINGER,			/* it was refused: input is dropped until it is closed */
};

enum rblk_rx_stage {
	RBLK_RX_HEAD,			/* header and head */
	RBLK_RX_MEMORY,			/* the message is there, but no pages for its payload */
	RBLK_RX_PAYLOAD,
};

enum rblk_conn_bit { RBLK_CONN_READ, RBLK_CONN_WRITE, RBLK_CONN_STATE };

struct rblk_conn {
	struct rblk_volume *v;
	struct socket *sock;
	struct sockaddr_storage addr;	/* of the other side */
	struct rblk_link *link;		/* NULL: accepted, and its peer is not known yet */
	unsigned long bits;		/* enum rblk_conn_bit, set by the callbacks */
	u64 since;			/* when it was accepted, dialled or refused */
	u64 deadline;			/* for the handshake, or for lingering */
	enum rblk_conn_state state;
	bool dialled;
	bool readable;			/* the socket may have something to read */
	bool broken;			/* a send failed: cut it at the next poll */
	bool spoke;			/* a message came on it: each side let the other in */
	/* What was received of a frame, except for its payload, which goes to the link. */
	enum rblk_rx_stage stage;
	bool decoded;			/* @header is valid */
	struct wire_header header;
	u32 have;
	u8 buf[RBLK_FRAME_HEAD_MAX];
};

struct rblk_frame {
	u8 *head;			/* RBLK_FRAME_HEAD_MAX, physically contiguous */
	u32 len;			/* bytes encoded in @head */
	u32 nblocks;
	u32 n;
	struct rblk_payload *payload[WIRE_ENTRIES_MAX];
};

struct rblk_link {
	struct rblk_peers *peers;
	struct rblk_conn *conn;		/* UP; NULL: down */
	struct rblk_conn *trying;	/* dialled, and in its handshake */
	u32 slot;
	enum wire_channel ch;
	bool dial;			/* this node dials, not the peer */
	struct sockaddr_storage seen;	/* address of the latest one; no family: none yet */
	u64 dial_at;
	u32 backoff_ms;
	u8 refused;			/* enum wire_reason of the latest REJECT; 0 once it is up */
	int error;			/* what ended the latest connection; 0 once it is up */

	/* Frames to send: [tail, head); @sent bytes of the first are sent. */
	struct rblk_frame *frame;
	u32 head, tail;
	u32 sent;
	bool starved;			/* tx_begin() found no room */

	/* Payload of the frame being received. */
	u32 got;			/* bytes received */
	struct wire_frame wire;
	struct rblk_buf *payload[WIRE_ENTRIES_MAX];
};

/*
 * Lines about refusals in the kernel log: so many, of one volume, in so many jiffies. As
 * many again about strangers, so that these cannot keep a line about a node back.
 */
#define RBLK_TELL_INTERVAL	(60 * HZ)
#define RBLK_TELL_BURST		10

struct rblk_peers {
	struct rblk_volume *v;
	struct socket *listener;
	unsigned long bits;		/* RBLK_CONN_READ: a connection can be accepted */
	/* TCP's own callbacks, to be put back */
	void (*sk_data_ready)(struct sock *sk);
	void (*sk_write_space)(struct sock *sk);
	void (*sk_state_change)(struct sock *sk);
	u32 nlinks, nconns;
	struct rblk_link *link;		/* slot * WIRE_CHANNELS + channel */
	struct rblk_conn *conn;
	u64 next_timer;			/* nothing is due before then */
	/*
	 * What the kernel log has been told, enum wire_reason by slot. Whoever is configured
	 * wrongly tries again and again, and says nothing new. Forgotten once a message comes.
	 */
	u8 told_refused[NODE_PEERS_MAX], told_refusal[NODE_PEERS_MAX];
	char told_stranger[RBLK_NAME_MAX];	/* a node that is not configured */
	/* Start that was refused last as one of a copy, by slot, and both as text. */
	u64 told_copy[NODE_PEERS_MAX];
	char copy[NODE_PEERS_MAX][RBLK_COPY_MAX];
	/* What they hold back is told at a later attempt. */
	struct ratelimit_state tell, tell_strangers;
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	struct bio_vec bvec[RBLK_TX_BVECS];	/* of the send or receive in progress */
	u8 scratch[RBLK_FRAME_HEAD_MAX];
	u32 sums[RBLK_ENTRY_BLOCKS_MAX];
};

static inline struct rblk_link *rblk_link(struct rblk_peers *ps, u32 slot, enum wire_channel ch)
{
	return &ps->link[slot * WIRE_CHANNELS + ch];
}

/* Makes sure that rblk_peers_poll() is called at @at. */
static inline void rblk_peers_arm(struct rblk_peers *ps, u64 at)
{
	if (at < ps->next_timer)
		ps->next_timer = at;
}

/* peer.c */
void rblk_conn_free(struct rblk_conn *c);
void rblk_conn_adopt(struct rblk_conn *c, struct rblk_link *l, u64 now);
void rblk_conn_linger(struct rblk_conn *c, u64 now);
void rblk_link_down(struct rblk_link *l, u64 now);
void rblk_link_cut_outlived(struct rblk_link *l, u64 now);

/* peer_sock.c */
int rblk_sock_listen(struct rblk_peers *ps, const struct sockaddr_storage *addr);
void rblk_sock_unlisten(struct rblk_peers *ps);
int rblk_sock_accept(struct rblk_peers *ps, struct socket **sock, struct sockaddr_storage *addr);
int rblk_sock_dial(struct rblk_conn *c);
void rblk_sock_attach(struct rblk_conn *c, struct socket *sock);
void rblk_sock_end(struct rblk_conn *c);
void rblk_sock_reserves(struct rblk_conn *c);
void rblk_sock_keepalive(struct rblk_conn *c);
void rblk_sock_close(struct rblk_conn *c);
int rblk_sock_send(struct rblk_conn *c, void *frame, u32 len);
int rblk_sock_recv(struct rblk_conn *c, void *buf, u32 len);

/* peer_hello.c: the handshake */
int rblk_conn_greet(struct rblk_conn *c, struct rblk_link *l);
int rblk_conn_recv_hello(struct rblk_conn *c, u64 now);
int rblk_conn_recv_reject(struct rblk_conn *c, u64 now);

/* peer_tx.c */
int rblk_link_alloc_frames(struct rblk_link *l);
void rblk_link_free_frames(struct rblk_link *l);
void rblk_link_drop_frames(struct rblk_link *l);
int rblk_link_flush(struct rblk_link *l);

/* peer_rx.c */
int rblk_conn_receive(struct rblk_conn *c, u64 now);
void rblk_link_drop_payload(struct rblk_link *l);

#endif /* RBLK_NET_INTERNAL_H */
