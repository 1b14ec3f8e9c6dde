/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames between members: pure codec. A frame is a fixed header, a head (the
 * message, entry descriptors and block sums) and the payload blocks. Every
 * length is bounded before anything is read or allocated; the sums of the
 * payload are those of the log, end to end.
 */
#ifndef RBLK_WIRE_H
#define RBLK_WIRE_H

#include "entry.h"
#include "raft/raft.h"
#include "state.h"

#define WIRE_VERSION		1
#define WIRE_HEADER_BYTES	32
/* What a record of the log holds, so that an append becomes one record. */
#define WIRE_ENTRIES_MAX	RBLK_RECORD_ENTRIES
#define WIRE_BLOCKS_MAX		RBLK_RECORD_BLOCKS
#define WIRE_HEAD_MAX		(12u << 10)
#define WIRE_HEAD_PAYLOAD	104	/* at least, in front of payload: may be read in one go */

enum wire_type {
	WIRE_HELLO = 1, /* first frame of each side */
	WIRE_REJECT, /* the connection is refused, with a reason; then closed */
	WIRE_RAFT, /* a raft_msg, with entries and payload in appends */
	WIRE_SUBMIT, /* a client to the leader: entries of its session, or just a keepalive */
	WIRE_REPLY, /* a member to a client: what is decided */
	WIRE_READ, /* to the leader, from who has nothing to read from */
	WIRE_DATA, /* the leader to it: what it read */
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
	WIRE_R_SIZES,		/* its log ring or entry table is not as large as ours */
	WIRE_R_NR,
};

const char *rblk_wire_reason_text(u8 reason);

/* Errors in a DATA. Numbers of errno differ between architectures; these never change. */
enum wire_error {
	WIRE_E_NONE	= 0,
	WIRE_E_IO	= 5,	/* the content cannot be read; a code that is not known, too */
	WIRE_E_AGAIN	= 11,	/* it cannot be read now: ask again */
};

u32 rblk_wire_error(int error);
int rblk_wire_errno(u32 code);

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
	u8 volume[RBLK_UUID_LEN];
	u64 cluster;		/* nonce of the cluster; 0: not bootstrapped */
	u64 store;
	u64 generation;		/* of this start */
	u64 match;		/* newest durable index */
	u64 match_term;
	u64 data_sectors;	/* usable size of its data device */
	u64 ring_bytes;		/* of its log */
	u64 entries;		/* of its table: the longest log that it can take in */
	u8 channel;		/* enum wire_channel */
	u8 bootstrapped;
	u8 client;		/* has no disks: no member, and no store but a name */
	char name[RBLK_NAME_MAX];	/* of the volume: a client knows no uuid at first */
	char node[RBLK_NAME_MAX];	/* who speaks */
	char peer[RBLK_NAME_MAX];	/* whom it believes to speak to */
};

struct wire_reject {
	u8 reason;
};

/*
 * What the client part of a node says to the leader. Entries (in an append, see
 * below) have no index and no term yet; without any it is a keepalive: I am here.
 */
struct wire_submit {
	u64 from;		/* store */
	u64 term;		/* of the leader that it is meant for; 0: whoever leads */
	u64 keepalive;		/* grows; the reply echoes it */
	u8 in_use;		/* its device is open */
	u8 force;		/* of an OPEN: take the session over, whoever holds it */
};

/* True of the executed log up to @index, and so at any time later: no reply is ever wrong. */
struct wire_reply {
	u64 to;			/* store */
	u64 term;
	u64 leader;		/* store; 0: not known */
	u64 index;
	u64 epoch, nonce, seq;	/* session of @to: all its writes up to @seq are done; 0: none */
	u64 holder, holder_epoch;	/* of the exclusive session; 0: none */
	u64 sectors;		/* size of the volume */
	u64 cluster;		/* nonce of the cluster */
	u32 block_size;
	u32 flags;		/* of the volume: RBLK_CONF_* */
	u32 election_ms, heartbeat_ms;
	/* from here on: only of a leader that serves, and only as of now */
	u64 keepalive;		/* newest one heard */
	u64 next;		/* sequence number that is expected next */
	u8 serving;		/* it leads, and knows where all sessions stand */
	u8 gap;			/* something was missed: go on from @next */
	u8 busy;		/* an OPEN was refused: the holder uses its session */
	u8 wanted;		/* another node asks for the session of @to */
};

struct wire_read {
	u64 from;		/* store */
	u64 id;			/* echoed */
	u64 sector;
	u32 nsect;
};

/* The content is the payload, in the form of a WRITE entry of the range. */
struct wire_data {
	u64 to;			/* store */
	u64 id;
	u64 epoch;		/* of the session of @to; 0: none, or what was read is older */
	u32 error;		/* enum wire_error; if it is not 0 there is no payload */
};

/* Reads a header: 0, -EBADMSG (magic or checksum), -EPROTONOSUPPORT, -EINVAL (lengths). */
int rblk_wire_decode_header(struct wire_header *h, const void *buf);

/* Checks the head against the header's sum. 0 or -EBADMSG. */
int rblk_wire_check_head(const struct wire_header *h, const void *head);

/*
 * Encoders return the bytes of header and head together, at most
 * WIRE_HEADER_BYTES + WIRE_HEAD_MAX. Decoders return 0 or -EINVAL, and leave
 * the result unspecified on failure; the head was checked before. Buffers may
 * have any alignment. HELLO and REJECT may be longer than we know: the end is
 * ignored, so that versions can be compared.
 */
u32 rblk_wire_encode_hello(void *buf, const struct wire_hello *hello);
int rblk_wire_decode_hello(struct wire_hello *hello, const struct wire_header *h, const void *head);
u32 rblk_wire_encode_reject(void *buf, const struct wire_reject *r);
int rblk_wire_decode_reject(struct wire_reject *r, const struct wire_header *h, const void *head);

/*
 * An append's entries, decoded. Big (about 13 KiB): the host keeps one a
 * connection. crc[] holds the sums of all payload blocks, entry after entry.
 */
struct wire_append {
	u32 n;
	u32 nblocks;
	struct rblk_entry e[WIRE_ENTRIES_MAX];
	u32 crc[WIRE_BLOCKS_MAX];
};

/*
 * @entry returns the @i-th entry of the message's span and its block sums.
 * Not an append, or an empty one: n = 0. The caller has cut the span to
 * WIRE_ENTRIES_MAX and WIRE_BLOCKS_MAX. 0 after RBLK_ASSERT fired: it has not.
 */
u32 rblk_wire_encode_raft(void *buf, const struct raft_msg *m, u32 n,
			  const struct rblk_entry *(*entry)(void *ctx, u32 i, const u32 **crc),
			  void *ctx);

/* Likewise; an entry's index and term are not looked at, and the sums are @crc[] of the payload. */
u32 rblk_wire_encode_submit(void *buf, const struct wire_submit *s, u32 n,
			    const struct rblk_entry *(*entry)(void *ctx, u32 i, const u32 **crc),
			    void *ctx);
u32 rblk_wire_encode_reply(void *buf, const struct wire_reply *r);
u32 rblk_wire_encode_read(void *buf, const struct wire_read *r);
/* @e: kind, sector, nsect and nblocks of the content; NULL: an error. */
u32 rblk_wire_encode_data(void *buf, const struct wire_data *d, const struct rblk_entry *e,
			  const u32 *crc);

/* What came in a frame that is neither HELLO nor REJECT. Big: the host keeps one a connection. */
struct wire_frame {
	u8 type;		/* enum wire_type */
	union {
		struct raft_msg raft;
		struct wire_submit submit;
		struct wire_reply reply;
		struct wire_read read;
		struct wire_data data;
	};
	struct wire_append append;	/* of RAFT, SUBMIT and DATA; empty in others */
};

/*
 * 0; -EINVAL: anything inconsistent: kinds, ranges, indexes not consecutive,
 * identity sums wrong, block counts not matching the header, terms not those
 * of the span, a span that does not follow prev. A configuration entry must be
 * alone. raft.ents.conf is left NULL: the caller sets it once it has the payload.
 */
int rblk_wire_decode(struct wire_frame *f, const struct wire_header *h, const void *head);

#endif /* RBLK_WIRE_H */
