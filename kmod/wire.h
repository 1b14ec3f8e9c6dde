/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames between members: pure codec. A frame is a fixed header, a head (the
 * message, entry descriptors and block sums) and the payload blocks. Every
 * length is bounded before anything is read or allocated; the sums of the
 * payload are those of the log, end to end.
 */
#ifndef WIRE_H
#define WIRE_H

#include "entry.h"
#include "log/log.h"
#include "raft/raft.h"

#define WIRE_VERSION		1
#define WIRE_HEADER_BYTES	32
#define WIRE_ENTRIES_MAX	LOG_RECORD_ENTRIES
#define WIRE_BLOCKS_MAX		LOG_RECORD_BLOCKS
#define WIRE_HEAD_MAX		(12u << 10)

enum wire_type {
	WIRE_HELLO = 1,		/* first frame of each side */
	WIRE_REJECT,		/* the connection is refused, with a reason; then closed */
	WIRE_RAFT,		/* a raft_msg, with entries and payload in appends */
	WIRE_TYPE_NR,
};

enum wire_channel { WIRE_CONSENSUS, WIRE_BULK, WIRE_CHANNELS };

enum wire_reason {		/* of a REJECT */
	WIRE_R_VERSION = 1,	/* no common protocol version or features */
	WIRE_R_VOLUME,		/* another volume uuid */
	WIRE_R_CLUSTER,		/* bootstrapped apart: another cluster nonce */
	WIRE_R_NODE,		/* not the node that this address should be, or an unknown one */
	WIRE_R_STORE,		/* its store is not a member: wiped, swapped or not added yet */
	WIRE_R_ROLLBACK,	/* its store is older than what it was seen to be */
	WIRE_R_DUPLICATE,	/* the same store is connected twice */
	WIRE_R_NR,
};

const char *wire_reason_text(u8 reason);

struct wire_header {
	u8 type;		/* enum wire_type */
	u32 head_len;		/* bytes of head that follow, <= WIRE_HEAD_MAX */
	u32 payload_blocks;	/* 4 KiB blocks behind the head, <= WIRE_BLOCKS_MAX */
	u32 head_crc;
	u64 term;
};

struct wire_hello {
	u16 version_min, version_max;
	u64 features;
	u8 volume[LOG_UUID_LEN];
	u64 nonce;		/* cluster; 0: not bootstrapped */
	u64 store;
	u64 generation;		/* of this start */
	u64 match;		/* newest durable index */
	u64 match_term;
	u64 data_sectors;	/* usable size of its data device */
	u8 channel;		/* enum wire_channel */
	u8 bootstrapped;
	char node[LOG_NAME_MAX];	/* who speaks */
	char peer[LOG_NAME_MAX];	/* whom it believes to speak to */
};

struct wire_reject {
	u8 reason;
};

/* Reads a header: 0, -EBADMSG (magic or checksum), -EPROTONOSUPPORT, -EINVAL (lengths). */
int wire_decode_header(struct wire_header *h, const void *buf);

/* Checks the head against the header's sum. 0 or -EBADMSG. */
int wire_check_head(const struct wire_header *h, const void *head);

/*
 * Encoders return the bytes of header and head together, at most
 * WIRE_HEADER_BYTES + WIRE_HEAD_MAX. Decoders return 0 or -EINVAL, and leave
 * the result unspecified on failure; the head was checked before. Buffers may
 * have any alignment. HELLO and REJECT may be longer than we know: the end is
 * ignored, so that versions can be compared.
 */
u32 wire_encode_hello(void *buf, const struct wire_hello *hello);
int wire_decode_hello(struct wire_hello *hello, const struct wire_header *h, const void *head);
u32 wire_encode_reject(void *buf, const struct wire_reject *r);
int wire_decode_reject(struct wire_reject *r, const struct wire_header *h, const void *head);

/*
 * An append's entries, decoded. Big (about 13 KiB): the host keeps one a
 * connection. crc[] holds the sums of all payload blocks, entry after entry.
 */
struct wire_append {
	u32 n;
	u32 nblocks;
	struct rb_entry e[WIRE_ENTRIES_MAX];
	u32 crc[WIRE_BLOCKS_MAX];
};

/*
 * @entry returns the @i-th entry of the message's span and its block sums.
 * Not an append, or an empty one: n = 0. The caller has cut the span to
 * WIRE_ENTRIES_MAX and WIRE_BLOCKS_MAX. 0 after RB_ASSERT fired: it has not.
 */
u32 wire_encode_raft(void *buf, const struct raft_msg *m, u32 n,
		     const struct rb_entry *(*entry)(void *ctx, u32 i, const u32 **crc), void *ctx);

/*
 * 0; -EINVAL: anything inconsistent: kinds, ranges, indexes not consecutive,
 * identity sums wrong, block counts not matching the header, terms not those
 * of the span, a span that does not follow prev. A configuration entry must be
 * alone. msg->ents.conf is left NULL: the caller sets it once it has the payload.
 */
int wire_decode_raft(struct raft_msg *m, struct wire_append *a, const struct wire_header *h,
		     const void *head);

#endif /* WIRE_H */
