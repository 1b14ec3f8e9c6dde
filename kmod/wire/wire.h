/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pure wire layer: it encodes the frames that nodes send each other, and decodes
 * what may be hostile. A frame is
 *
 *	header (WIRE_HEADER_BYTES)  head (head_len)  payload (payload_blocks * 4 KiB)
 *
 * The head is a message, and in some frames the descriptors of entries and the
 * checksums of their blocks of payload, which are those of the log, end to end. Every
 * length is bounded before anything is read or allocated. frame_fields.h has the
 * structures, and Documentation/protocol.rst explains them.
 *
 * Encoders assert what they are given, since it comes from this node, and make no frame
 * of what does not fit. Decoders assert nothing: they refuse.
 *
 * The functions are described where they are defined.
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
/* A head in front of payload is not shorter, so a receiver may read that much in one go. */
#define WIRE_HEAD_PAYLOAD	104

enum wire_type {
	WIRE_HELLO = 1,		/* the first frame of each side */
	WIRE_REJECT,		/* the connection is refused and will be closed */
	WIRE_RAFT,		/* a message of Raft, with the entries of an append */
	WIRE_SUBMIT,		/* from a client to the leader: entries, or a keepalive */
	WIRE_REPLY,		/* from a member to a client: what is decided */
	WIRE_READ,		/* to the leader, from a node without a readable replica */
	WIRE_DATA,		/* the answer to a READ */
	WIRE_PULL,		/* to a member, from one that is resynchronised */
	WIRE_STATE,		/* the answer to a PULL: the replicated state */
	WIRE_MAP,		/* ...: a part of the change map */
	WIRE_CHUNK,		/* ...: content of the image, or a refusal of any PULL */
	WIRE_MARK,		/* from a member that compares the copies of the image */
	WIRE_SUMS,		/* to that member: what a replica has read of a range */
	WIRE_ALIVE,		/* asks whether a start still runs, since another one said hello */
	WIRE_TYPE_NR,
};

enum wire_channel { WIRE_CONSENSUS, WIRE_BULK, WIRE_CHANNELS };

/* Why a connection is refused. */
enum wire_reason {
	WIRE_R_VERSION = 1,	/* no common version of the protocol, or features */
	WIRE_R_VOLUME,		/* the uuid is that of another volume */
	WIRE_R_CLUSTER,		/* the stores were bootstrapped separately */
	WIRE_R_NODE,		/* the node is not known, or not the one at this address */
	WIRE_R_STORE,		/* the store is no member: wiped, swapped, or not added yet */
	WIRE_R_ROLLBACK,	/* the store is older than it was seen to be */
	WIRE_R_DUPLICATE,	/* the same store is connected already */
	WIRE_R_SIZES,		/* ring or entry table smaller than the configuration says */
	WIRE_R_ABSURD,		/* more starts, or terms, than there can have been */
	WIRE_R_ROLE,		/* a client under the name of a replica, or the reverse */
	WIRE_R_COPY,		/* another start of the store is known: one is a copy */
	WIRE_R_NR,
};

const char *rblk_wire_reason_text(u8 reason);
const char *rblk_wire_reason_step(u8 reason);

/* Why there is no content. Numbers of errno differ between architectures, these do not. */
enum wire_error {
	WIRE_E_NONE	= 0,
	WIRE_E_IO	= 5,	/* it cannot be read; so is every code that is not known */
	WIRE_E_AGAIN	= 11,	/* it cannot be read now; the client asks again */
	WIRE_E_ABSENT	= 61,	/* in SUMS: a part of the image is absent, or a mixture */
};

u32 rblk_wire_error(int error);
int rblk_wire_errno(u32 code);

struct wire_header {
	u8 type;		/* enum wire_type */
	u32 head_len;		/* bytes of the head, <= WIRE_HEAD_MAX */
	u32 payload_blocks;	/* 4 KiB blocks behind the head, <= WIRE_BLOCKS_MAX */
	u32 head_crc;		/* CRC-32C of the head */
	u64 term;		/* term of a RAFT, SUBMIT, REPLY or HELLO */
};

enum wire_role {
	WIRE_REPLICA,
	WIRE_CLIENT,		/* no disks, no member; the store id is made of names */
	WIRE_LOST,		/* a member whose replica is lost: a device of it has failed */
	WIRE_OWES,		/* a replica whose log lacks what it has acknowledged */
};

struct wire_hello {
	u16 version_min, version_max;	/* of the protocol */
	u64 features;
	u8 volume[RBLK_UUID_LEN];	/* uuid of the volume */
	u64 cluster;		/* number that names the cluster; 0: not bootstrapped */
	u64 store;		/* store id */
	u64 generation;		/* counts the starts of the store */
	u64 match;		/* newest durable index; WIRE_OWES: newest acknowledged one */
	u64 match_term;		/* term of that entry */
	u64 term;		/* newest term that is durable; in the header of the frame */
	u64 data_sectors;	/* sectors that the data device has room for */
	u64 ring_bytes;		/* size of the ring */
	u64 entries;		/* longest live log that the node can take in */
	u8 channel;		/* enum wire_channel */
	u8 bootstrapped;
	u8 role;		/* enum wire_role */
	u8 frees;		/* its data device frees what is zeroed, and quickly */
	char name[RBLK_NAME_MAX];	/* name of the volume, for people: the uuid counts */
	char node[RBLK_NAME_MAX];	/* name of the node that speaks */
	char peer[RBLK_NAME_MAX];	/* name of the node that it believes to speak to */
	u64 line[RBLK_LINE];	/* numbers of its newest starts; without a replica: of this one */
};

struct wire_reject {
	u8 reason;		/* enum wire_reason, or one of a later version */
	/* WIRE_R_ROLLBACK, WIRE_R_COPY: what was seen of the store, perhaps since its hello. */
	u64 generation, match, term;
	/* ... and who says so, of which store: there may be no hello of the other side. */
	u8 volume[RBLK_UUID_LEN];
	u64 from, to;
	u64 from_generation, from_nonce;	/* start of the member that says so */
	/*
	 * WIRE_R_COPY: numbers of the start that is known, and of the one that is refused.
	 * WIRE_R_DUPLICATE: the latter, while an earlier one is asked whether it still runs.
	 */
	u64 nonce, start;
	u8 alive;		/* WIRE_R_COPY: the start that is known says that it runs */
	char addr[RBLK_ADDR_MAX];	/* ... from where; empty: not known */
};

/* From the client of a node to the leader. Without entries it is a keepalive. */
struct wire_submit {
	u64 from;		/* store id of the client */
	u64 term;		/* of the leader that it is meant for; 0: any leader */
	u64 keepalive;		/* grows; the reply repeats it */
	u8 in_use;		/* the device is open on that node */
	u8 force;		/* the OPEN takes the session from any node that has it */
	u8 seeks;		/* the client has not heard of the leader of @term for some time */
};

/* True of the executed log up to @index, and so at any later time: no reply is ever wrong. */
struct wire_reply {
	u64 to;			/* store id of the client */
	u64 term;		/* of the sender */
	u64 leader;		/* store id; 0: not known */
	u64 index;
	/* The session of the client, all writes of which are done up to @seq; epoch 0: none. */
	u64 epoch, nonce, seq;
	u64 holder, holder_epoch;	/* of the exclusive session; 0: there is none */
	u64 sectors;		/* size of the volume */
	u64 cluster;		/* number that names the cluster */
	u32 block_size;		/* logical block of the volume */
	u32 flags;		/* RBLK_CONF_* */
	u32 election_ms, heartbeat_ms;
	/* The rest counts only if the sender serves, and only for the moment. */
	u64 keepalive;		/* newest one that was received */
	u64 next;		/* sequence number that is expected next */
	u8 serving;		/* it leads, and knows where all sessions stand */
	u8 gap;			/* something was missed: the client goes on from @next */
	u8 busy;		/* an OPEN is refused: the holder uses its session */
	u8 wanted;		/* another node asks for the session of the client */
	u8 stalled;		/* too few voters can acknowledge entries */
	u16 credit;		/* blocks that the client may have given it and not done */
};

struct wire_read {
	u64 from;		/* store id of the client */
	u64 id;			/* number of the read, which the answer repeats */
	u64 sector;
	u32 nsect;
	u32 anyone;		/* 1: who does not lead may answer, too */
};

/* The content follows as a WRITE entry of the range. */
struct wire_data {
	u64 to;			/* store id of the client */
	u64 id;			/* number of the read */
	u64 epoch;		/* of its session; 0: it had none in the log that was read */
	u32 error;		/* enum wire_error; if it is not 0, there is no content */
};

/* What a PULL asks for. */
enum wire_pulled {
	WIRE_P_STATE = 1,
	WIRE_P_MAP,
	WIRE_P_CHUNK,
	WIRE_P_EXACT,		/* a chunk without later content from before a start */
	WIRE_P_NR
};

#define WIRE_HASHES_MAX	(RBLK_WRITE_MAX / RBLK_BLOCK_SIZE)

static_assert(WIRE_HASHES_MAX <= 32);	/* wire_chunk.same has a bit for each */

struct wire_pull {
	u64 from;		/* store id of the member that is resynchronised */
	u64 id;			/* number of the request, which the answer repeats */
	u64 least;		/* entries up to this one have to be included; STATE: one more */
	u64 at;			/* MAP: first region; CHUNK: first sector */
	u32 nsect;		/* CHUNK */
	u8 what;		/* enum wire_pulled */
	u8 compare;		/* CHUNK: @hash is that of what the sender has there */
	u64 hash[WIRE_HASHES_MAX];	/* of each block, keyed with @id and @from; else 0 */
};

struct wire_state {
	u64 to;			/* store id of the member that asked */
	u64 id;			/* number of the request */
	u32 region_shift;	/* log2 of the bytes of a region of the change map */
	struct rblk_state state;
	struct rblk_conf conf;	/* as of that state */
};

struct wire_map {
	u64 to;			/* store id of the member that asked */
	u64 id;			/* number of the request */
	u64 first;		/* region of v[0] */
	u64 v[RBLK_MAP_PER_BLOCK];	/* newest entry that touched each region, or a later one */
};

/*
 * The content follows: as ZEROES of the range, or as a WRITE entry of rblk_wire_chunk_sectors()
 * from its beginning, with the blocks that are not the same; as nothing if all are.
 */
struct wire_chunk {
	u64 to;			/* store id of the member that asked */
	u64 id;			/* number of the request */
	u64 index;		/* entries up to this one are included */
	u64 upto;		/* later ones up to this one may be, too */
	u32 error;		/* enum wire_error; if it is not 0, there is no content */
	u32 same;		/* blocks that have the hash that was sent, a bit each */
};

/* What a MARK asks for. */
enum wire_marked {
	WIRE_M_VERIFY = 1,	/* of the leader: a VERIFY entry of this range */
	WIRE_M_MEND,		/* of a replica that differs: content of those that agree */
	WIRE_M_NR,
};

struct wire_mark {
	u64 from;		/* store id of the member that compares */
	u64 id;			/* number of the mark, which the entry and the answers repeat */
	u64 sector;
	u32 nsect;
	u32 good;		/* MEND: members that agree, a bit each, by place in */
	u64 conf;		/* ... the configuration of this index */
	u8 what;		/* enum wire_marked */
};

/* Is the start of this number still running? Its answer is the same with @answer. */
struct wire_alive {
	u64 to;			/* store id of the receiver */
	u64 nonce;		/* number of the start */
	u64 id;			/* number of the question, which the answer repeats */
	u8 answer;
};

#define WIRE_SUMS_MAX	(RBLK_WRITE_MAX / RBLK_BLOCK_SIZE)

struct wire_sums {
	u64 to;			/* store id of the member that compares */
	u64 id;			/* number of the mark */
	u64 index;		/* of its entry: the range was read exactly there */
	u32 error;		/* enum wire_error; if it is not 0, there are no sums */
	u32 n;			/* blocks of the range */
	u32 v[WIRE_SUMS_MAX];	/* CRC-32C of each; unused ones are 0 */
};

/*
 * The entries of a frame. An append has those of its span; those of other frames are not
 * in a log yet and have no index, no term and no checksum. This is large (3 KiB), so
 * the host has one for each connection.
 */
struct wire_append {
	u32 n;
	u32 nblocks;
	struct rblk_entry e[WIRE_ENTRIES_MAX];
	u32 crc[WIRE_BLOCKS_MAX];	/* of all blocks of payload, entry after entry */
};

/* What came in a frame that is neither HELLO nor REJECT. */
struct wire_frame {
	u8 type;		/* enum wire_type */
	union {
		struct raft_msg raft;
		struct wire_submit submit;
		struct wire_reply reply;
		struct wire_read read;
		struct wire_data data;
		struct wire_pull pull;
		struct wire_state state;
		struct wire_map map;
		struct wire_chunk chunk;
		struct wire_mark mark;
		struct wire_sums sums;
		struct wire_alive alive;
	};
	struct wire_append append;	/* of a RAFT, SUBMIT, DATA or CHUNK; else empty */
};

/* Returns entry @i of those to be sent, never NULL, and the checksums of its blocks. */
typedef const struct rblk_entry *rblk_wire_entry_fn(void *ctx, u32 i, const u32 **crc);

/*
 * Encoders write header and head into WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes, and return
 * how many bytes that are. Decoders return 0 or -EINVAL, and the result is unspecified if
 * they fail; the head was checked before. Buffers may have any alignment.
 */
int rblk_wire_decode_header(struct wire_header *h, const void *buf);
int rblk_wire_check_head(const struct wire_header *h, const void *head);
u32 rblk_wire_encode_hello(void *buf, const struct wire_hello *hello);
int rblk_wire_decode_hello(struct wire_hello *hello, const struct wire_header *h, const void *head);
u32 rblk_wire_encode_reject(void *buf, const struct wire_reject *r);
int rblk_wire_decode_reject(struct wire_reject *r, const struct wire_header *h, const void *head);
u32 rblk_wire_encode_raft(void *buf, const struct raft_msg *m, u32 n, rblk_wire_entry_fn *entry,
			  void *ctx);
u32 rblk_wire_encode_submit(void *buf, const struct wire_submit *s, u32 n,
			    rblk_wire_entry_fn *entry, void *ctx);
u32 rblk_wire_encode_reply(void *buf, const struct wire_reply *r);
u32 rblk_wire_encode_read(void *buf, const struct wire_read *r);
u32 rblk_wire_encode_data(void *buf, const struct wire_data *d, const struct rblk_entry *e,
			  const u32 *crc);
u32 rblk_wire_encode_pull(void *buf, const struct wire_pull *p);
u32 rblk_wire_encode_state(void *buf, const struct wire_state *s);
u32 rblk_wire_encode_map(void *buf, const struct wire_map *m);
u32 rblk_wire_chunk_sectors(u32 nsect, u32 same);
u32 rblk_wire_encode_chunk(void *buf, const struct wire_chunk *c, const struct rblk_entry *e,
			   const u32 *crc);
u32 rblk_wire_encode_mark(void *buf, const struct wire_mark *m);
u32 rblk_wire_encode_sums(void *buf, const struct wire_sums *s);
u32 rblk_wire_encode_alive(void *buf, const struct wire_alive *a);
int rblk_wire_decode(struct wire_frame *f, const struct wire_header *h, const void *head);

#endif /* RBLK_WIRE_H */
