/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets to the other members: what the peer*.c files share.
 *
 * A *link* is one channel to one peer: it owns the queue of frames to send and
 * the payload being received, and outlives connections. A *connection* is one
 * socket; it starts as a handshake and, once the hello of the other side was
 * accepted, becomes the link's, replacing the one that the link had.
 *
 * Everything here runs as the volume's owner. The socket callbacks run in any
 * context: they set bits of the connection and kick the loop, nothing else.
 * All memory is allocated by rb_peers_start(): what allocates afterwards is the
 * TCP stack.
 */
#ifndef RAFTBLK_PEER_H
#define RAFTBLK_PEER_H

#include <linux/bvec.h>
#include <net/sock.h>

#include "host/host.h"

#define RB_FRAME_HEAD_MAX	(WIRE_HEADER_BYTES + WIRE_HEAD_MAX)

#define RB_TX_FRAMES		16	/* a link; power of two */
#define RB_TX_BVECS		128	/* in one send: >= 1 + WIRE_BLOCKS_MAX */
#define RB_RX_FRAMES		32	/* a connection and poll: others want their turn */
#define RB_STRANGERS		8	/* accepted, hello not yet heard */

#define RB_HANDSHAKE_NS		(2 * RB_NSEC_PER_SEC)	/* connect and both hellos */
#define RB_PATIENCE_NS		(250 * RB_NSEC_PER_MSEC)	/* for a stranger's hello */
#define RB_TX_RETRY_NS		(50 * RB_NSEC_PER_MSEC)
#define RB_ROOM_RETRY_NS	(10 * RB_NSEC_PER_MSEC)
#define RB_LINGER_NS		RB_NSEC_PER_SEC		/* for a REJECT to be read */
#define RB_BACKOFF_MIN_MS	100
#define RB_BACKOFF_MAX_MS	2000

enum rb_conn_state {
	RB_C_FREE,
	RB_C_CONNECTING,
	RB_C_HELLO,			/* the peer's hello is awaited */
	RB_C_UP,			/* the link's connection */
	RB_C_LINGER,			/* refused it: what comes is dropped, until it closes */
};

enum rb_rx_stage {
	RB_RX_HEAD,			/* header and head */
	RB_RX_ROOM,			/* the message is there, pages for its payload are not */
	RB_RX_PAYLOAD,
};

enum rb_conn_bit { RB_CONN_READ, RB_CONN_WRITE, RB_CONN_STATE };

struct rb_conn {
	struct rb_volume *v;
	struct socket *sock;
	struct sockaddr_storage addr;	/* of the other side */
	struct rb_link *link;		/* NULL: accepted, and not known yet who it is */
	unsigned long bits;		/* enum rb_conn_bit, set by the callbacks */
	u64 since;			/* accepted, dialled or refused */
	u64 deadline;			/* of the handshake or of lingering */
	enum rb_conn_state state;
	bool dialled;
	bool readable;			/* the socket was not found empty */
	bool broken;			/* a send failed: cut it at the next poll */
	/* What was received of a frame; the payload goes to the link. */
	enum rb_rx_stage stage;
	bool decoded;			/* @header is valid */
	struct wire_header header;
	u32 have;
	u8 buf[RB_FRAME_HEAD_MAX];
};

struct rb_frame {
	u8 *head;			/* RB_FRAME_HEAD_MAX, physically contiguous */
	u32 len;			/* of what was encoded there */
	u32 nblocks;
	u32 n;
	struct rb_payload *payload[WIRE_ENTRIES_MAX];
};

struct rb_link {
	struct rb_peers *peers;
	struct rb_conn *conn;		/* UP; NULL: down */
	struct rb_conn *trying;		/* dialled, handshake under way */
	u32 slot;
	enum wire_channel ch;
	bool dial;			/* ours to dial, else the peer's */
	u64 dial_at;
	u32 backoff_ms;
	u8 refused;			/* enum wire_reason of the last REJECT; 0 once it is up */
	int error;			/* that ended the last connection; 0 once it is up */

	/* to send: frames [tail, head), @sent bytes of the first are gone */
	struct rb_frame *frame;
	u32 head, tail;
	u32 sent;
	bool starved;			/* tx_begin() found no room */

	/* payload of the frame being received */
	u32 got;			/* bytes */
	struct wire_frame wire;
	struct rb_buf *payload[WIRE_ENTRIES_MAX];
};

struct rb_peers {
	struct rb_volume *v;
	struct socket *listener;
	unsigned long bits;		/* RB_CONN_READ: somebody wants to be accepted */
	/* what TCP's own callbacks are */
	void (*sk_data_ready)(struct sock *sk);
	void (*sk_write_space)(struct sock *sk);
	void (*sk_state_change)(struct sock *sk);
	u32 nlinks, nconns;
	struct rb_link *link;		/* slot * WIRE_CHANNELS + channel */
	struct rb_conn *conn;
	u64 next_timer;			/* nothing is due before */
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	u64 rejected;
	struct bio_vec bvec[RB_TX_BVECS];	/* of the transfer being made */
	u8 scratch[RB_FRAME_HEAD_MAX];
	u32 sums[RB_ENTRY_BLOCKS_MAX];
};

static inline struct rb_link *rb_link(struct rb_peers *ps, u32 slot, enum wire_channel ch)
{
	return &ps->link[slot * WIRE_CHANNELS + ch];
}

/* Something is due at @at. */
static inline void rb_peers_arm(struct rb_peers *ps, u64 at)
{
	if (at < ps->next_timer)
		ps->next_timer = at;
}

/* peer.c */
void rb_conn_free(struct rb_conn *c);
void rb_conn_adopt(struct rb_conn *c, struct rb_link *l, u64 now);
void rb_conn_linger(struct rb_conn *c, u64 now);
void rb_link_down(struct rb_link *l, u64 now);

/* peer_sock.c */
int rb_sock_listen(struct rb_peers *ps, const struct sockaddr_storage *addr);
void rb_sock_unlisten(struct rb_peers *ps);
int rb_sock_accept(struct rb_peers *ps, struct socket **sock);
int rb_sock_dial(struct rb_conn *c);
void rb_sock_attach(struct rb_conn *c, struct socket *sock);
void rb_sock_end(struct rb_conn *c);
void rb_sock_patient(struct rb_conn *c);
void rb_sock_close(struct rb_conn *c);
int rb_sock_say(struct rb_conn *c, void *frame, u32 len);
int rb_sock_recv(struct rb_conn *c, void *buf, u32 len);

/* peer_hello.c: the handshake */
int rb_conn_greet(struct rb_conn *c, struct rb_link *l);
int rb_conn_heard_hello(struct rb_conn *c, u64 now);
int rb_conn_heard_reject(struct rb_conn *c);

/* peer_tx.c */
int rb_link_alloc_frames(struct rb_link *l);
void rb_link_free_frames(struct rb_link *l);
void rb_link_drop_frames(struct rb_link *l);
int rb_link_flush(struct rb_link *l);

/* peer_rx.c */
int rb_conn_receive(struct rb_conn *c, u64 now);
void rb_link_drop_payload(struct rb_link *l);

#endif /* RAFTBLK_PEER_H */
