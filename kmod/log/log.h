/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pure log layer: what a store writes to its two devices, group commit into the
 * ring of records, and recovery. The caller does the I/O. disk_fields.h has the
 * structures on disk, and Documentation/disk-format.rst explains them.
 *
 * Positions in the ring are logical: 64-bit numbers that only grow. Position p lies
 * at ring_off + p % ring_bytes of the device, so a record may straddle the end of the
 * ring and then takes two transfers. Within a start of the node, no position is
 * written twice and no record number is used twice, and every start bumps the
 * generation durably before its first record. So when a leader overrules the tail of
 * the log, nothing is rewritten: a later record whose first index is not above the
 * newest one replaces the tail from there on.
 *
 * The caller writes each record that it is given, answers for it once, and moves the
 * floor only once metadata that says so is durable in both copies. In return, no record
 * is written over what lies from the floor on, and records become durable in the order
 * of their numbers. This is asserted.
 *
 * The functions are described where they are defined.
 */
#ifndef RBLK_LOG_H
#define RBLK_LOG_H

#include "state.h"

#define DISK_VERSION		1

/* Features that this code knows. What a bit means that is not among them depends on the word. */
#define DISK_COMPAT		0u	/* ignored */
#define DISK_RO_COMPAT		0u	/* the store may be looked at, not started */
#define DISK_INCOMPAT		0u	/* refused */

#define LOG_HEADER_BYTES_MAX	RBLK_BLOCK_SIZE	/* of a record header; always, in this version */
#define LOG_RECORD_BYTES_MAX	(LOG_HEADER_BYTES_MAX + RBLK_RECORD_BLOCKS * RBLK_BLOCK_SIZE)
#define LOG_INFLIGHT		16	/* records that may be in flight */
#define LOG_RING_MIN		(4u << 20)	/* bytes of the smallest ring */
#define LOG_RESERVE		(512u << 10)	/* of the ring, for what relieves a full one */
#define LOG_MARKS		512	/* places where the floor may go, see rblk_log_floor() */
#define LOG_SEQ_JUMP		10000	/* of the record number, after a recovery that cut */

/* ---- superblock of the log device, header of the data device ---- */

struct log_super {
	u8 volume[RBLK_UUID_LEN];	/* uuid of the volume */
	char volume_name[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	u64 store;			/* store id, drawn at format and never 0 */
	u64 created;			/* time of the format, in seconds since 1970 */
	u64 dev_bytes;			/* size of the log device at format */
	u64 data_bytes;			/* size of the data device without its header */
	u64 map_off, map_bytes;		/* where the change map lies */
	u64 ring_off, ring_bytes;	/* where the ring lies */
	u32 block_size;			/* logical block of the volume: 512 or 4096 bytes */
	u32 region_shift;		/* log2 of the bytes in a region of the change map */
	bool mbr;			/* the first sector of either device ends in an MBR */
	bool read_only;			/* an unknown feature forbids to start the store */
};

#define DATA_UNWRITTEN		1u	/* nothing was written to the image since the format */
#define DATA_FLAGS		DATA_UNWRITTEN	/* all that are known */

struct data_super {
	u8 volume[RBLK_UUID_LEN];	/* uuid of the volume */
	char volume_name[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	u64 store;			/* store id */
	u64 seq;			/* number of the checkpoint */
	u64 index;			/* the image holds every entry up to this one */
	u64 term;			/* term of that entry */
	/*
	 * 0: it has all of the image. Otherwise it lacks a part, and what has landed of it may
	 * include entries up to this one.
	 */
	u64 upto;
	u32 flags;			/* DATA_* */
	bool mbr;			/* as that of the superblock */
};

/* ---- metadata: two copies, and each version is written to both, in turn, with FUA ---- */

/* What this node has seen of another store. */
struct log_peer_memory {
	u64 store;			/* store id */
	u64 generation;			/* highest one that it was seen in */
	u64 match;			/* highest index that it acknowledged */
	u64 term;			/* highest one that it had durably */
	u64 nonce;			/* number of the start with that generation; 0: not known */
};

#define LOG_META_ABSENT		1u	/* the data device lacks a part of the image */
#define LOG_META_UNWRITTEN	2u	/* the change map may say that regions are unwritten */
#define LOG_META_FLAGS		(LOG_META_ABSENT | LOG_META_UNWRITTEN)	/* all that are known */

struct log_meta {
	u32 flags;			/* LOG_META_* */
	u64 image_seq;			/* number in the header of the data device, at the least */
	/*
	 * With LOG_META_ABSENT: what other members send of the image has to include the entries
	 * up to this one. Later ones are in the log, or in blocks that are not absent.
	 */
	u64 absent_from;
	u64 version;			/* grows with each write; the highest valid one counts */
	u64 generation;			/* grows with each start */
	u64 line[RBLK_LINE];		/* numbers of the newest starts, the present one first */
	struct rblk_hard_state raft;
	struct rblk_id floor;		/* the entry before the first that is retained */
	u64 floor_pos, floor_seq;	/* the first record that is retained */
	u32 floor_chain;		/* header checksum of the record before that one */
	u64 watermark;			/* number up to which all records were durable */
	struct rblk_id durable;		/* newest entry in these records; index 0: unknown */
	/*
	 * Generation of the newest start, and position and number of its first record.
	 * Everything before that position was durable when it began. Only
	 * rblk_log_start() sets them.
	 */
	u64 start_generation;
	u64 start_pos;
	u64 start_seq;
	struct rblk_conf conf;		/* configuration as of state.index */
	struct rblk_conf prev_conf;	/* configuration before that one */
	struct rblk_state state;	/* checkpoint */
	/*
	 * What member @seen.store saw of this store, and it no longer has: it was set back.
	 * With a nonce, that is of a start that is none of this store: this is a copy. Either
	 * takes no part until an administrator says so. 0: nobody did.
	 */
	struct log_peer_memory seen;
	/*
	 * The newest entry that this store acknowledged and that rot has taken; 0, 0: it has all
	 * that it acknowledged.
	 */
	struct rblk_id owed;
	u32 npeers;
	struct log_peer_memory peer[RBLK_MEMBERS_MAX];
};

#define LOG_SUPER_BYTES		RBLK_BLOCK_SIZE
#define LOG_META_BYTES		(16u << 10)
#define DATA_HEADER_BYTES	0x100000u	/* where the image begins on the data device */
#define DATA_COPY_OFF		0x10000u	/* of the header */
#define DATA_TAIL_BYTES		0x100000u	/* at the end of the data device, without content */
#define LOG_FRONT_BYTES		0x30000u	/* of a log device, before the change map */
#define LOG_COPIES		2		/* of all but the ring and the image */

u64 rblk_log_super_offset(const struct log_super *s, int copy);
u64 rblk_log_super_offset2(u64 dev_bytes);
u64 rblk_log_meta_offset(int copy);
u64 rblk_log_data_offset(int copy);
u32 rblk_log_map_regions(const struct log_super *s);
u32 rblk_log_map_blocks(const struct log_super *s);
u64 rblk_log_map_offset(const struct log_super *s, u32 n, int copy);
int rblk_log_layout(struct log_super *s, u64 dev_bytes, u64 data_bytes, u64 *need);

/*
 * Encoders fill the whole buffer. Decoders check magic, checksum, version, features
 * and every field. If one fails, it has changed nothing, and returns
 *  -ENODATA		the magic is another one: this is something else
 *  -EBADMSG		the checksum does not match
 *  -EPROTONOSUPPORT	version or features are not known
 *  -EINVAL		the checksum is right, but the content is absurd, or
 *			belongs to another volume or store
 */
void rblk_log_meta_init(struct log_meta *m);
void rblk_log_super_encode(const struct log_super *s, void *buf);
int rblk_log_super_decode(struct log_super *s, const void *buf);
void rblk_log_data_super_encode(const struct data_super *s, void *buf);
int rblk_log_data_super_decode(struct data_super *s, const void *buf);
int rblk_log_meta_encode(const struct log_meta *m, const struct log_super *s, void *buf);
int rblk_log_meta_decode(struct log_meta *m, const struct log_super *s, const void *buf);
void rblk_log_conf_encode(const struct rblk_conf *c, void *block);
int rblk_log_conf_decode(struct rblk_conf *c, const void *block);
void rblk_log_map_encode(const struct log_super *s, u32 n, const u64 *v, void *block);
int rblk_log_map_decode(const struct log_super *s, u32 n, u64 *v, const void *block);

/* What a store has twice, so that what happens to one of them leaves the other. */
enum log_copy {
	LOG_C_SUPER, LOG_C_SUPER2, LOG_C_META, LOG_C_META2, LOG_C_DATA, LOG_C_DATA2,
	LOG_C_NR
};

#define LOG_C_BIT(c)		(1u << (c))

/* What was found out while they were read. Zeroed first; all of that is for one store. */
struct log_copies {
	u32 damaged;		/* LOG_C_BIT() of each that is, while the other one is whole */
	u8 meta_first;		/* copy of the metadata that is damaged, or older than the other */
};

/* ---- the ring: group commit ---- */

/* The identity of a record, which later headers carry. */
struct log_record_id {
	u64 seq;		/* number */
	u64 pos;		/* position */
	u32 bytes;		/* header and payload */
	u32 chain;		/* checksum of the header */
	u64 first, last;	/* indexes of its entries; without any, first > last */
	u64 term;		/* term of its last entry */
	u32 csum;		/* checksum of its last entry */
};

enum log_record_state { LOG_R_FREE, LOG_R_OPEN, LOG_R_WRITING, LOG_R_DONE };

struct log_record {
	u8 *header;		/* LOG_HEADER_BYTES_MAX from the caller, 4 KiB aligned */
	u32 header_bytes;
	u32 payload_blocks;
	u64 pos;		/* position; the payload follows the header without a gap */
	u64 seq;		/* number */
	u64 generation;
	u64 first;		/* index of its first entry; 0: it has none */
	u64 trunc_epoch;	/* newest truncation epoch of Raft among its entries */
	struct log_record_id id;
	u8 state;		/* enum log_record_state */
	u8 closing;		/* it has no entries and was written because the log is idle */
};

/* A record with entries, where the floor may go. */
struct log_mark {
	u64 first;		/* index of its first entry */
	u64 pos, seq;
	u32 chain;		/* header checksum of the record before it */
};

struct log {
	struct log_super super;
	u64 generation;		/* 0 until rblk_log_start() */
	u64 head_pos;		/* position of the next record */
	u64 next_seq;		/* number of the next record */
	u64 last_seq;		/* number of the newest record submitted; 0: none */
	u32 chain;		/* header checksum of the newest record */
	u64 floor_pos;		/* what lies from here on is never overwritten */
	u64 floor_seq;
	u64 floor_index;
	u64 durable_seq;	/* all records up to this number are durable */
	u64 durable_index;	/* newest entry in these records, as the last of them has it */
	u64 durable_term;	/* term of that entry */
	u64 durable_trunc_epoch;	/* truncation epoch of that record */
	u64 announced_seq;	/* watermark in the newest header */
	u64 last_index;		/* newest entry that was added */
	/*
	 * Records in flight, the oldest at rec[tail], in the order of their numbers.
	 * The open record, if there is one, follows them.
	 */
	u32 nrec;
	u32 tail;
	struct log_record rec[LOG_INFLIGHT];
	/* Records that became durable since the newest header was made. */
	struct log_record_id durable_ids[LOG_INFLIGHT];
	u32 ndurable;
	u32 nmarks;
	struct log_mark mark[LOG_MARKS];	/* in the order of their positions */
	bool closed;		/* the newest record is a closing one */
	bool failed;		/* for good: a write failed, or recovery did */
	struct rblk_alarm *alarm;	/* an invariant is broken; NULL after rblk_log_init() */
};

struct log_extent {
	u64 off;		/* on the log device */
	u32 len;
};

void rblk_log_init(struct log *l, const struct log_super *s, u8 *headers);
void rblk_log_start(struct log *l, struct log_meta *m);
void rblk_log_watermark(const struct log *l, struct log_meta *m);
u64 rblk_log_free_bytes(const struct log *l);
u64 rblk_log_used_bytes(const struct log *l);
int rblk_log_add(struct log *l, const struct rblk_entry *e, const u32 *block_crc, u64 trunc_epoch,
		 u64 *payload_pos);
void rblk_log_truncate(struct log *l, u64 index);
struct log_record *rblk_log_submit(struct log *l);
struct log_record *rblk_log_close_record(struct log *l);
bool rblk_log_done(struct log *l, struct log_record *rec, int error);
bool rblk_log_floor(const struct log *l, u64 index, struct log_meta *m);
void rblk_log_restart(struct log *l, const struct rblk_id *id, struct log_meta *m);
void rblk_log_trim(struct log *l, const struct log_meta *m);
int rblk_log_extents(const struct log_super *s, u64 pos, u32 len, struct log_extent ext[2]);
int rblk_log_check(const struct log *l);

/* ---- recovery ---- */

#define LOG_SCRATCH_BYTES	LOG_RECORD_BYTES_MAX

struct log_reader {
	/* Reads @len bytes at @off of the log device; returns 0 or -errno. */
	int (*read)(void *ctx, u64 off, void *buf, u32 len);
	void *ctx;
	u8 *scratch;		/* LOG_SCRATCH_BYTES, 4 KiB aligned */
	/*
	 * Payload need not be verified if the image has all entries of the record,
	 * which are those up to this index, and the watermark of the metadata covers
	 * it. 0: all payload is verified.
	 */
	u64 skip_index;
};

/* How the scan of the ring ended, see the table in recover.c. */
enum log_finding {
	LOG_F_OK,		/* a whole record in chain: the scan goes on */
	LOG_F_END,		/* nothing was written there since the ring came by last */
	LOG_F_TORN,		/* it was written, but was not durable when the power went */
	LOG_F_ROT,		/* it was durable, and it is known what it was */
	LOG_F_ROT_UNKNOWN,	/* it was durable, and it is not known what it was */
	LOG_F_UNREADABLE,	/* the device cannot read it, so nothing is known */
	LOG_F_NR,
};

struct log_report {
	enum log_finding finding;
	u64 records, entries, bytes;	/* found to be whole */
	u64 end_pos;			/* position where the scan ended */
	u64 end_seq;			/* number of the record that was expected there */
	u64 cut_records;		/* TORN: sound records behind that place, given up */
	u64 highest_seq;		/* highest number of a record behind that place */
	u64 unreadable;			/* blocks that the device could not read */
	/*
	 * ROT: the record that is missing. ROT_UNKNOWN and UNREADABLE: first is the
	 * lowest index in doubt, and last the highest, or U64_MAX if nothing tells.
	 */
	struct log_record_id rot;
	/*
	 * ... and the newest entry that may have been acknowledged. Term 0: nothing is damaged, or
	 * reading failed for an unknown reason, or the metadata is older than the ring.
	 */
	struct rblk_id owed;
};

/*
 * Is called for each entry in the order of the log. An index that is not above an
 * earlier one truncates from there, even if it is not above that of the floor.
 * @payload_pos is a logical position; @conf_block is the payload of a configuration
 * entry, else NULL. Returns 0, or an error, which ends the recovery.
 */
typedef int (*rblk_log_entry_fn)(void *ctx, const struct rblk_entry *e, const u32 *block_crc,
				 u64 payload_pos, const struct log_record *rec,
				 const void *conf_block);

int rblk_log_read_super(const struct log_reader *rd, u64 dev_bytes, struct log_super *s,
			struct log_copies *c);
int rblk_log_read_data(const struct log_reader *rd, u64 store, struct data_super *s,
		       struct log_copies *c);
char rblk_log_claim(const void *block, struct data_super *s);
int rblk_log_read_meta(const struct log_reader *rd, const struct log_super *s, struct log_meta *m,
		       struct log_copies *c);
int rblk_log_recover(struct log *l, const struct log_reader *rd, const struct log_meta *m,
		     rblk_log_entry_fn fn, void *ctx, struct log_report *rep);
bool rblk_log_cut(struct log *l, const struct log_report *rep);
const char *rblk_log_finding_name(enum log_finding v);

#endif /* RBLK_LOG_H */
