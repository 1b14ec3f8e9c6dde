/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pure log layer: the format of a member's two devices, group commit into the
 * ring of records, and recovery. The caller does the I/O. What is on disk is
 * described in format.h and Documentation/disk-format.rst.
 *
 * Positions in the ring are logical: a u64 that only grows, whose place on the
 * device is ring_off + pos % ring_bytes. A record may straddle the ring's end
 * (two transfers). A position is never written twice within a start of the
 * member, and a sequence number never used twice within one; every start bumps
 * the generation durably before its first record. Truncation (a leader
 * overrules our tail) therefore rewrites nothing: a later record whose first
 * index is <= the newest index replaces the tail from there on.
 */
#ifndef RBLK_LOG_H
#define RBLK_LOG_H

#include "state.h"

#define DISK_VERSION		1

/* Features that this code knows. What a bit means that is not among them depends on the word. */
#define DISK_COMPAT		0u	/* ignored */
#define DISK_RO_COMPAT		0u	/* the store may be looked at, not started */
#define DISK_INCOMPAT		0u	/* refused */

#define LOG_HEADER_BYTES_MAX	RBLK_BLOCK_SIZE	/* always, in this version */
#define LOG_RECORD_BYTES_MAX	(LOG_HEADER_BYTES_MAX + RBLK_RECORD_BLOCKS * RBLK_BLOCK_SIZE)
#define LOG_INFLIGHT		16	/* records being written */
#define LOG_RING_MIN		(4u << 20)	/* bytes; below that: refused */
#define LOG_RESERVE		(512u << 10)	/* of the ring, for what relieves a full one */
#define LOG_MARKS		512	/* places where the floor may go, see rblk_log_floor() */
#define LOG_SEQ_JUMP		10000	/* after a recovery that cut */

/* ---- superblock of the log device, header of the data device ---- */

struct log_super {
	u8 volume[RBLK_UUID_LEN];	/* the same on all members */
	char volume_name[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	u64 store;			/* minted at format, never 0 */
	u64 created;			/* seconds since the epoch, for people */
	u64 dev_bytes;			/* of the log device at format */
	u64 data_bytes;			/* usable size of the data device, after its header */
	u64 map_off, map_bytes;		/* change map */
	u64 ring_off, ring_bytes;
	u32 block_size;			/* logical block of the volume: 512 or 4096 */
	u32 region_shift;		/* log2 of the bytes of a change-map region */
	bool read_only;			/* decoded: unknown ro-compat feature: look, do not start */
};

struct data_super {
	u8 volume[RBLK_UUID_LEN];
	char volume_name[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	u64 store;
	u64 seq;			/* grows with each checkpoint */
	u64 index;			/* the checkpoint's: data holds every entry <= index */
	u64 term;
};

/* ---- metadata: two copies, each version written to both, in turn, FUA ---- */

struct log_peer_memory {		/* what this member has seen of another store */
	u64 store;
	u64 generation;
	u64 match;			/* highest index it acknowledged */
};

struct log_meta {
	u64 version;			/* grows with each write; the highest valid copy wins */
	u64 generation;			/* grows with each start */
	struct rblk_hard_state raft;
	struct rblk_id floor;		/* entry before the first retained one */
	u64 floor_pos, floor_seq;	/* the first retained record */
	u32 floor_chain;		/* header checksum of the record before it */
	u64 watermark;			/* log.durable_seq: set it before each write */
	u64 start_generation;		/* these three: rblk_log_start() sets them, nobody else */
	u64 start_pos;			/* place and number of the generation's first record; */
	u64 start_seq;			/* all before start_pos was durable when it began */
	struct rblk_conf conf;		/* as of state.index */
	struct rblk_conf prev_conf;
	struct rblk_state state;
	u32 npeers;
	struct log_peer_memory peer[RBLK_MEMBERS_MAX];
};

#define LOG_SUPER_BYTES		RBLK_BLOCK_SIZE
#define LOG_META_BYTES		(16u << 10)
#define DATA_HEADER_BYTES	0x100000u	/* the image starts here on the data device */
#define LOG_SUPER_COPIES	2

u64 rblk_log_super_offset(const struct log_super *s, int copy);
u64 rblk_log_super_offset2(u64 dev_bytes);
u64 rblk_log_meta_offset(int copy);

/*
 * Lays out a log device of @dev_bytes for a volume of @data_bytes: fills the
 * sizes and offsets of @s; block_size and region_shift are set before (0: 4096
 * and 20). 0; -ENOSPC: too small, @need says the smallest that would do;
 * -EINVAL: absurd sizes.
 */
int rblk_log_layout(struct log_super *s, u64 dev_bytes, u64 data_bytes, u64 *need);

/*
 * Encoders fill the whole buffer. Decoders check magic, checksum, version,
 * feature words and every field, and change nothing on failure:
 *  -ENODATA		not ours (wrong magic)
 *  -EBADMSG		ours, but the checksum does not match
 *  -EPROTONOSUPPORT	an incompatible feature or version
 *  -EINVAL		checksum right, content absurd, or another volume's or store's
 */
void rblk_log_meta_init(struct log_meta *m);	/* that of a fresh store */
void rblk_log_super_encode(const struct log_super *s, void *buf);
int rblk_log_super_decode(struct log_super *s, const void *buf);
void rblk_log_data_super_encode(const struct data_super *s, void *buf);	/* one block */
int rblk_log_data_super_decode(struct data_super *s, const void *buf);
void rblk_log_meta_encode(const struct log_meta *m, const struct log_super *s, void *buf);
int rblk_log_meta_decode(struct log_meta *m, const struct log_super *s, const void *buf);
void rblk_log_conf_encode(const struct rblk_conf *c, void *block);	/* payload of RBLK_E_CONF */
int rblk_log_conf_decode(struct rblk_conf *c, const void *block);

/* Change-map block @n: header and as many u64 as fit (RBLK_MAP_PER_BLOCK). */
void rblk_log_map_encode(const struct log_super *s, u32 n, const u64 *v, void *block);
int rblk_log_map_decode(const struct log_super *s, u32 n, u64 *v, const void *block);

/* ---- the ring: group commit ---- */

/* Identity of a record, carried by later headers. */
struct log_record_id {
	u64 seq;
	u64 pos;
	u32 bytes;		/* header and payload */
	u32 chain;		/* its header checksum */
	u64 first, last;	/* entries; first > last: none */
	u64 term;		/* of the last entry */
	u32 csum;		/* of the last entry */
};

/* A record in flight. */
struct log_record {
	u8 *header;		/* LOG_HEADER_BYTES_MAX, 4 KiB aligned, from the caller */
	u32 header_bytes;
	u32 payload_blocks;
	u64 pos;		/* logical; payload follows the header without a gap */
	u64 seq;
	u64 generation;
	u64 first;		/* index of its first entry; 0: none */
	u64 trunc_epoch;	/* the caller's (raft's truncation epoch), newest of its entries */
	struct log_record_id id;
	u8 state;		/* enum log_record_state */
	u8 closing;		/* empty record written when idle: raises the watermark */
};

enum log_record_state { LOG_R_FREE, LOG_R_OPEN, LOG_R_WRITING, LOG_R_DONE };

/* The floor may be put here: a record with entries, and the checksum of the one before. */
struct log_mark {
	u64 first;
	u64 pos, seq;
	u32 chain;
};

struct log {
	struct log_super super;
	u64 generation;		/* 0: not started */
	u64 head_pos;		/* next record's place */
	u64 next_seq;
	u64 last_seq;		/* of the newest record submitted; 0: none */
	u32 chain;		/* header checksum of the newest record */
	u64 floor_pos;		/* nothing at or above is ever overwritten */
	u64 floor_seq;
	u64 floor_index;
	u64 durable_seq;	/* contiguous */
	u64 durable_index;	/* newest entry of the contiguous prefix, as recorded */
	u64 durable_trunc_epoch;
	u64 announced_seq;	/* watermark of the newest header written */
	u64 last_index;		/* newest entry given to the log */
	u32 nrec;		/* records in flight, oldest at rec[tail]; the open one follows */
	u32 tail;
	struct log_record rec[LOG_INFLIGHT];
	struct log_record_id durable_ids[LOG_INFLIGHT];	/* since the newest header */
	u32 ndurable;
	u32 nmarks;
	struct log_mark mark[LOG_MARKS];	/* oldest first, ascending pos */
	bool closed;		/* the newest record is a closing one */
	bool resetting;		/* rblk_log_reset() waits for its rblk_log_trim() */
	bool failed;
};

/* @headers: LOG_INFLIGHT * LOG_HEADER_BYTES_MAX, 4 KiB aligned, used until the end. */
void rblk_log_init(struct log *l, const struct log_super *s, u8 *headers);

/*
 * Begins a generation, after rblk_log_recover() and a cache flush of the device:
 * updates @m, which must be durable in both copies before the first record is
 * written. Nothing can be added before this call.
 */
void rblk_log_start(struct log *l, struct log_meta *m);

/* Bytes that can still be appended before the floor must move. */
u64 rblk_log_free_bytes(const struct log *l);
u64 rblk_log_used_bytes(const struct log *l);

/*
 * Adds an entry to the open record (opening one if there is none).
 * @trunc_epoch: raft's. @payload_pos: where its payload will be (logical).
 * 0; -EAGAIN: the open record is full or all records are in flight: submit, or
 * wait for one to finish; -ENOSPC: the ring is full; -EIO: the log has failed;
 * -EINVAL: malformed, its sum is wrong, or it does not follow the newest entry.
 * NOOP, CONF, OPEN and CLOSE may use a reserve that other kinds may not.
 */
int rblk_log_add(struct log *l, const struct rblk_entry *e, const u32 *block_crc, u64 trunc_epoch,
		 u64 *payload_pos);

/*
 * Entries >= @index are truncated: drops those of the open record, whose places
 * are used again; what is in flight stays. The next entry is @index.
 */
void rblk_log_truncate(struct log *l, u64 index);

/*
 * Closes the open record: encodes its header and returns it, to be written
 * (header, then its payload blocks in order) with FUA semantics; NULL: nothing open.
 */
struct log_record *rblk_log_submit(struct log *l);

/*
 * An empty record that raises the watermark, when one is useful (nothing open,
 * nothing in flight, newest header announces less than what is durable); else NULL.
 */
struct log_record *rblk_log_close_record(struct log *l);

/*
 * The write of @rec ended. Returns true when the contiguous prefix grew: see
 * durable_index, durable_trunc_epoch. @error != 0: the log has failed, for good.
 */
bool rblk_log_done(struct log *l, struct log_record *rec, int error);

/*
 * Where the floor may go once entries <= @index are no longer needed from the
 * log: sets floor_pos, floor_seq and floor_chain of @m (floor, the entry, is the
 * caller's to set). False: nothing to gain yet.
 */
bool rblk_log_floor(const struct log *l, u64 index, struct log_meta *m);

/* Frees what is below the floor of @m. Only after @m is durable in both copies. */
void rblk_log_trim(struct log *l, const struct log_meta *m);

/*
 * The log no longer matters, all of it: a resync put a checkpoint of @index in
 * its place, and the next entry is @index + 1. Nothing may be open or in flight
 * (-EBUSY). Sets the floor of @m; the order is rblk_log_reset(), write @m, rblk_log_trim();
 * until then rblk_log_add() says -EAGAIN.
 */
int rblk_log_reset(struct log *l, u64 index, struct log_meta *m);

/* Physical parts of a logical range: 1 or 2 extents. Returns their number. */
struct log_extent { u64 off; u32 len; };
int rblk_log_extents(const struct log_super *s, u64 pos, u32 len, struct log_extent ext[2]);

int rblk_log_check(const struct log *l);

/* ---- recovery ---- */

struct log_reader {
	/* Reads @len bytes at @off of the log device; 0 or -errno. */
	int (*read)(void *ctx, u64 off, void *buf, u32 len);
	void *ctx;
	u8 *scratch;		/* LOG_SCRATCH_BYTES, 4 KiB aligned */
	/*
	 * Payload of records that hold only entries <= this and are below the
	 * metadata's watermark is not verified. 0: verify everything.
	 */
	u64 skip_index;
};

#define LOG_SCRATCH_BYTES	LOG_RECORD_BYTES_MAX

/* What was found at a bad place of the ring: the rows of the decision table, recover.c. */
enum log_finding {
	LOG_F_OK,		/* whole record, in chain */
	LOG_F_END,		/* nothing was ever written here in this life of the ring */
	LOG_F_TORN,		/* written, not durable when the power went: cut */
	LOG_F_ROT,		/* was durable, identity known: report, never cut */
	LOG_F_ROT_UNKNOWN,	/* was durable, identity lost too: report, abstain */
	LOG_F_UNREADABLE,	/* the device refuses to read it: report, abstain */
	LOG_F_NR,
};

struct log_report {
	enum log_finding finding;	/* how the scan ended */
	u64 records, entries, bytes;	/* accepted */
	u64 end_pos;			/* where the scan ended */
	u64 end_seq;
	u64 cut_records;		/* torn: later valid-looking records given up */
	u64 highest_seq;		/* of the newer records found behind the bad place */
	u64 unreadable;			/* blocks the device refused to read */
	/*
	 * ROT: what is missing. ROT_UNKNOWN: first is the lowest index in doubt,
	 * last the highest that can be told (U64_MAX: none can).
	 */
	struct log_record_id rot;
};

struct log_recovered {
	struct log_meta meta;		/* newest valid */
	int bad_copies;			/* 0 or 1; 2 is an error */
	struct log_report report;
};

/*
 * Called for each entry in log order; an index <= an earlier one truncates from
 * there, also when it is at or below the floor's. @payload_pos: logical.
 * @conf_block: payload of a configuration entry, else NULL. A negative return
 * ends the recovery with that error.
 */
typedef int (*rblk_log_entry_fn)(void *ctx, const struct rblk_entry *e, const u32 *block_crc,
				 u64 payload_pos, const struct log_record *rec,
				 const void *conf_block);

/*
 * Reads superblock copies and metadata. 0; errors as the decoders; -ENOSPC: the
 * device is smaller than it was; -EUCLEAN: both copies are bad.
 */
int rblk_log_read_super(const struct log_reader *rd, u64 dev_bytes, struct log_super *s);
int rblk_log_read_meta(const struct log_reader *rd, const struct log_super *s, struct log_meta *m,
		       int *bad_copies);

/*
 * Scans the ring from the floor, hands over entries, and leaves @l ready for
 * rblk_log_start(), with everything found counted as durable. Some of it may have
 * been read from the device's volatile cache: flush before acting on it.
 * 0; -EBADMSG: rot or unreadable (see report; @l cannot be appended to);
 * -EPROTONOSUPPORT: records of a newer version; else -errno of read/fn.
 */
int rblk_log_recover(struct log *l, const struct log_reader *rd, const struct log_meta *m,
		     rblk_log_entry_fn fn, void *ctx, struct log_report *rep);

const char *rblk_log_finding_name(enum log_finding v);

#endif /* RBLK_LOG_H */
