/* SPDX-License-Identifier: GPL-2.0 */
/* Inside the network: connections, and the frames in flight on them. */
#ifndef NET_H
#define NET_H

#include "world.h"

#define SMALL_HEAD	512
#define TX_FRAMES	16

struct frame {
	struct frame *next;
	u8 *head;
	bool small, handshake;
	u32 len, npg;
	u64 sent, begun, due;	/* ... when the first byte could leave */
	struct page *pg[WIRE_BLOCKS_MAX];
};

struct stream {
	struct frame *head, *tail;
	u64 bytes, last_due;
	u64 busy;		/* until then, frames before occupy the pipe */
	u64 swallowed_at;	/* when the first frame was too large for the path; 0: it is not */
	u32 n;
	bool starved;
	bool unread;		/* the receiver has no memory for the first frame */
};

struct side {
	bool open;		/* believes that the connection is up */
	bool up;		/* has told its node that it is up */
	u32 inc;		/* start of the node, to which the connection belongs */
};

struct conn {
	u8 node[2];
	enum wire_channel ch;
	u32 epoch;
	bool linked;		/* frames still arrive */
	struct side side[2];
	struct stream st[2];	/* [i]: sent by side i */
	bool slow;
};

extern u64 net_blocked_until[WORLD_NODES][WORLD_NODES];
extern u32 net_largest[WORLD_NODES][WORLD_NODES];	/* bytes of a frame that pass; 0: any */
extern bool net_quiet;		/* healed: no faults any more */

/* net.c */
struct frame *frame_new(u32 len);
void frame_free(struct frame *f);
struct frame *frame_copy(const struct frame *from);
u64 frame_bytes(const struct frame *f);
/* Takes the @skip-th frame out. */
struct frame *stream_take(struct stream *s, u32 skip);
void net_push_deliver(struct conn *c, int from, u64 t);
/* The connection breaks: nothing more arrives; each end notices in its own time. */
void conn_break(struct conn *c);
/* The other side's hello has reached side @at. 0, or the connection has to be cut. */
int net_hello(struct conn *c, int at, const struct wire_header *h, const u8 *head);

/* net_rx.c */
/* Delivers a frame, even out of order; the connection may break. */
void net_arrives(struct conn *c, int from, struct frame *f);
void net_deliver_event(struct event *e);

/* net_rule.c: keeps a copy, to arrive once more: at once, or when it is released */
void net_keep(struct conn *c, int from, const struct frame *f, bool until_released);

#endif /* NET_H */
