/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract between a node and its host: the operations that the host carries
 * out, the limits and the configuration that it sets, and what it is told. The
 * rules of node.h apply.
 */
#ifndef RBLK_NODE_OPS_H
#define RBLK_NODE_OPS_H

#include "entry.h"
#include "log/log.h"
#include "raft/raft.h"
#include "volume/volume.h"
#include "wire/wire.h"

#define NODE_PEERS_MAX	(RBLK_MEMBERS_MAX - 1)
/* Parts of one lookup that are on the data device, when every other sector is elsewhere. */
#define NODE_SEGS_MAX		(RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT >> 1)
#define NODE_MAP_RUN		16	/* blocks of the change map that are written at once */
#define NODE_DOWNS		4	/* times that a peer was disconnected, remembered */
#define NODE_PULL_READS		4	/* for members that are resynchronised, and marks */
#define NODE_READBACK_BLOCKS	WIRE_BLOCKS_MAX
#define NODE_READBACK_ENTRIES	WIRE_ENTRIES_MAX

enum rblk_node_trace {		/* what, index, argument */
	NODE_T_ACCEPT,		/* sequence number of a local write, its token */
	NODE_T_SUBMIT,		/* newest sequence number sent to the leader (or 0), slot */
	NODE_T_PROPOSE,		/* index of a local write, its token */
	NODE_T_LOG_SUBMIT,	/* last index, record seq */
	NODE_T_LOG_DURABLE,	/* index, record seq */
	NODE_T_SEND,		/* last index sent (or 0), message type | slot << 8 */
	NODE_T_RECV,		/* last index received (or 0), message type | slot << 8 */
	NODE_T_COMMIT,		/* index, term */
	NODE_T_VERDICT,		/* index, verdict as unsigned errno */
	NODE_T_COMPLETE,	/* sequence number of a local write, token */
	NODE_T_READ_START,	/* committed index at lookup, token */
	NODE_T_READ_OK,		/* index to wait for, read_id */
	NODE_T_APPLY,		/* last index of the batch, blocks */
	NODE_T_APPLIED,		/* applied index, 0 */
	NODE_T_CHECKPOINT,	/* index, phase */
	NODE_T_TRIM,		/* first index retained, ring bytes used */
	NODE_T_META,		/* term, vote */
	NODE_T_ROLE,		/* term, enum raft_role */
	NODE_T_TRUNCATE,	/* first index given up, 0 */
	NODE_T_SESSION,		/* epoch, enum rblk_session_state */
	NODE_T_INSTALL,		/* index that the log goes on behind, last index it had */
	NODE_T_NR,
};

enum rblk_node_note {		/* what is worth an event, or a line in the kernel log */
	NODE_N_ROLE,		/* role, leader or term changed */
	NODE_N_PEER,		/* a peer connected, left, or needs a resync; arg: slot */
	NODE_N_SESSION,		/* the local session or the holder changed */
	NODE_N_CONF,		/* the configuration changed; size and timeouts are known */
	NODE_N_CHECKPOINT,	/* arg: index */
	NODE_N_HALTED,		/* arg: enum rblk_node_halt */
	NODE_N_READY,		/* arg 1: I/O can be served, here or by the leader; 0: no longer */
	NODE_N_DEVICE,		/* a device hangs, or responds again; arg: enum rblk_device */
	/*
	 * A damaged copy was rewritten from the other one, or that failed; arg: enum
	 * log_copy, and in the bits from NODE_N_COPY_ERROR on the errno.
	 */
	NODE_N_COPY,
	NODE_N_PATH,		/* payload to a peer is stuck, or gets through; arg: slot */
	NODE_N_RESYNC,		/* arg: enum rblk_resync_step */
	/* The replica is lost; arg: enum rblk_node_halt of the device. NODE_RUNNING: attached. */
	NODE_N_REPLICA,
	NODE_N_VERIFY,		/* a comparison ended; arg: enum rblk_verify_outcome */
	/*
	 * Rot in the log; arg: an entry that it took, and that peers are not fed from here any
	 * more. 0: all that a start had found lost is there again.
	 */
	NODE_N_ROT,
	/*
	 * A block of the data device that could not be read was rewritten; arg: which one << 1.
	 * With the lowest bit, it cannot be read all the same, and is left alone.
	 */
	NODE_N_BLOCK,
	NODE_N_COPIED,		/* a copy of a peer, or its original, is refused; arg: slot */
};

#define NODE_N_COPY_ERROR	8

enum rblk_device { RBLK_LOG_DEVICE, RBLK_DATA_DEVICE, RBLK_DEVICES };

/* What a device of a member, or its silence, holds up; also in its replies to the leader. */
enum rblk_impaired {
	NODE_P_WELL,
	NODE_P_IMPAIRED,	/* what it would lead, see rblk_replica_impaired() */
	NODE_P_MUTE,		/* its acknowledgments: its log device hangs, or it is silent */
};

/* What a leader finds about the writes of its users, and tells those that are resynchronised. */
enum rblk_strain_found {
	NODE_ST_NONE,		/* nobody writes */
	NODE_ST_WELL,		/* they take as long as usual */
	NODE_ST_SLOW,		/* they take longer */
	NODE_ST_REST,		/* how long is usual has to be measured: nothing is to be pulled */
};

/* What the rate of a resync is bounded by. */
enum rblk_rate_bound {
	NODE_B_NONE,
	NODE_B_MAX,		/* the rate that was set */
	NODE_B_USERS,		/* those who write meanwhile */
};

enum rblk_node_halt {
	NODE_RUNNING,
	NODE_HALT_LOG,		/* log write, flush or metadata error */
	NODE_HALT_DATA,		/* data device write error */
	NODE_HALT_ROT,		/* the own log lacks what has yet to be applied: it is damaged */
	NODE_HALT_INVARIANT,	/* a broken invariant: the status names it */
	NODE_HALT_SET_BACK,	/* a member saw more of its store than it has now */
	NODE_HALT_COPY,		/* a member knows another start of its store: one is a copy */
	NODE_HALT_STOPPED,	/* rblk_node_stop() */
};

enum rblk_resync_step {
	NODE_RESYNC_BEGAN,	/* a part of the image is absent */
	NODE_RESYNC_INSTALLED,	/* this node goes on from the state of another member */
	NODE_RESYNC_WHOLE,	/* nothing is absent any more */
};

enum rblk_session_state {
	NODE_S_NONE,		/* this node holds no session: the device is read-only */
	NODE_S_OPENING,
	NODE_S_HELD,
	NODE_S_FENCED,		/* sticky until rblk_node_session_reset() */
};

/* How an opener waits for the session, see rblk_node_open(). */
#define NODE_OPEN_FORCE		0x01	/* takes it from the holder, used or not */
#define NODE_OPEN_WAIT		0x02	/* also while another node uses it */
#define NODE_OPEN_SERVED	0x04	/* until I/O is served as well */

/* What came of the newest comparison of the copies of the image. */
enum rblk_verify_outcome {
	NODE_V_NONE,		/* nothing yet */
	NODE_V_EQUAL,		/* all that could be read are alike */
	NODE_V_MENDED,		/* a range differed, and is alike now */
	NODE_V_DIFFERS,		/* some differ from what more than half of all voters have */
	NODE_V_SPLIT,		/* copies differ, and nobody is more than half of the voters */
	NODE_V_ALONE,		/* fewer than two could be read */
	NODE_V_NO_ANSWER,	/* there was no leader, or no mark of it, for too long */
};

/* A read of payload from the log: the host fills buf[i] from position pos[i] of the ring. */
struct rblk_node_readback {
	u8 id;
	u8 busy;
	u32 n;
	u64 first;			/* index of the entry of buf[0]; they are consecutive */
	u64 pos[NODE_READBACK_ENTRIES];
	struct rblk_buf *buf[NODE_READBACK_ENTRIES];	/* NULL: the entry has no payload */
};

struct rblk_node_ops {
	/* -- payload -- */
	/* Allocates from the budget for readbacks. NULL: none is free, the node tries again. */
	struct rblk_buf *(*buf_alloc)(void *host, u32 nblocks);
	void (*buf_get)(void *host, struct rblk_buf *buf);
	void (*buf_put)(void *host, struct rblk_buf *buf);
	/* Recomputes the block sums of @buf from its data into @crc. */
	void (*buf_sum)(void *host, const struct rblk_buf *buf, u32 *crc);
	/* Is the whole of @buf zeroes? */
	bool (*buf_zero)(void *host, const struct rblk_buf *buf);
	/* Computes the SipHash-2-4 of each block of @buf with the key (@k0, @k1) into @hash. */
	void (*buf_hash)(void *host, const struct rblk_buf *buf, u64 k0, u64 k1, u64 *hash);
	/* Drops the blocks of @drop, a bit each, but not all; the others move together. */
	void (*buf_cut)(void *host, struct rblk_buf *buf, u32 drop);
	/* The address of the first block of @buf; for configuration entries only. */
	void *(*buf_data)(void *host, struct rblk_buf *buf);

	/* -- network: a peer is named by its slot, 0 .. NODE_PEERS_MAX - 1 -- */
	/*
	 * Gets room to encode a frame to @slot: WIRE_HEADER_BYTES + WIRE_HEAD_MAX
	 * bytes. NULL: there is none, and rblk_node_tx_ready() follows.
	 */
	void *(*tx_begin)(void *host, u32 slot, enum wire_channel ch);
	/*
	 * Sends the @len bytes encoded there, then the payload of @buf[0..n). The
	 * host takes its own references.
	 */
	void (*tx_end)(void *host, u32 slot, enum wire_channel ch, u32 len,
		       struct rblk_buf *const *buf, u32 n);
	/*
	 * How many bytes of the bulk connection to @slot its transport has not seen
	 * acknowledged yet. *@waits: some of them were sent, and the peer has room for them,
	 * so that an acknowledgment is due. U64_MAX: nothing more is going to be.
	 */
	u64 (*tx_unacked)(void *host, u32 slot, bool *waits);

	/* -- log device -- */
	/*
	 * Writes the header of @rec and the payload of @buf[0..n) at rec->pos, FUA.
	 * -> rblk_node_log_done()
	 */
	void (*log_write)(void *host, struct log_record *rec, struct rblk_buf *const *buf, u32 n);
	/* Writes LOG_META_BYTES at @off, FUA; one at a time. -> rblk_node_meta_done() */
	void (*meta_write)(void *host, u64 off, const void *data);
	/*
	 * Writes @n blocks of the change map, NODE_MAP_RUN at most, or a superblock, at @off,
	 * FUA; one such write at a time. -> rblk_node_block_done()
	 */
	void (*block_write)(void *host, u64 off, const void *data, u32 n);
	/* Reads what @rb lists. -> rblk_node_readback_done() */
	void (*log_read)(void *host, struct rblk_node_readback *rb);

	/* -- data device -- */
	/*
	 * Writes first the zero ranges of @b and then its blocks, see struct
	 * vol_batch; @buf[i] belongs to item i. -> rblk_node_apply_done()
	 */
	void (*data_apply)(void *host, const struct vol_batch *b, struct rblk_buf *const *buf);
	/*
	 * Flushes the device if @flush, then writes a copy of its header at @off, FUA.
	 * -> rblk_node_data_sync_done()
	 */
	void (*data_sync)(void *host, u64 off, const void *header_block, bool flush);

	/* -- requests: a token is the host's name for one -- */
	/*
	 * Begins a read for another node. Returns a buffer of @nblocks, in which
	 * the range begins where it does within its first block. It is the request
	 * *@token until complete(). NULL: no request or no memory is free. Unless it
	 * is for a @pull, some of either is left free for those.
	 */
	struct rblk_buf *(*serve_begin)(void *host, bool pull, u32 nblocks, u64 sector, u32 nsect,
					u64 *token);
	/*
	 * Starts a read of the data device into the request, at byte @off; the host
	 * counts these.
	 */
	void (*read_data)(void *host, u64 token, u32 off, u64 sector, u32 nsect);
	void (*read_copy)(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
			  u32 nsect);
	void (*read_zero)(void *host, u64 token, u32 off, u32 nsect);
	/*
	 * A lookup has handed out all its parts; follows each lookup that handed out any, even
	 * if the node has halted. Once all have ended: -> rblk_node_read_done()
	 */
	void (*read_issued)(void *host, u64 token);
	/*
	 * Ends a request of any kind. When the node halts or stops, this may come
	 * while parts of a read are in progress: the host then ends the request
	 * after them, and need not call rblk_node_read_done().
	 */
	void (*complete)(void *host, u64 token, int error);

	/*
	 * Another node wrote to the first two blocks of the volume: what was read from
	 * there before, which is where a table of partitions begins, may be out of date.
	 */
	void (*head_changed)(void *host);

	/* -- notes and traces -- */
	void (*note)(void *host, enum rblk_node_note what, u64 arg);
	/* May be NULL. */
	void (*trace)(void *host, enum rblk_node_trace what, u64 index, u64 arg);
};

#define NODE_ENTRIES_MIN	64
#define NODE_RESYNC_MIN		4	/* default of limits.resync_min */

struct rblk_node_limits {
	u32 entries;		/* in the live log, a power of two; not less than rblk_conf says */
	u32 versions;		/* blocks committed and not applied */
	u32 ranges;		/* zero ranges committed and not applied */
	u32 reads;		/* in progress at once */
	u32 batch;		/* blocks in an apply batch */
	u32 uncommitted_bytes;	/* payload that a leader has proposed, and that is not committed */
	u32 apply_bytes;	/* unapplied payload that starts the background apply */
	u32 msg_ents, inflight_msgs;	/* see raft_cfg */
	u32 window;		/* writes of this node in progress, power of two */
	u32 follow_ms;		/* time after an election before leadership follows the session */
	u32 resync_min;		/* MiB of content that a resync may always ask for in a second */
	u32 resync_max;		/* ... asks for at most, if nothing waits for it; 0: no bound */
	u32 late_ms;		/* until a device counts as unresponsive; 0: an election timeout */
	u32 records_inflight;	/* from here on, entries wait to share one: 1 .. LOG_INFLIGHT */
	u32 default_election_ms, default_heartbeat_ms;	/* until a configuration is known */
};

/* Of the limits, what may change while a node runs. */
struct rblk_node_tuning {
	u32 resync_min, resync_max;
};

struct rblk_node_peer_cfg {
	char node[RBLK_NAME_MAX];
	char addr[RBLK_ADDR_MAX];
	bool client;		/* has no disks: never part of a first configuration */
};

struct rblk_node_cfg {
	struct log_super super;
	char node[RBLK_NAME_MAX];
	u32 npeers;
	struct rblk_node_peer_cfg peer[NODE_PEERS_MAX];	/* slot i is peer[i] */
	struct rblk_node_limits limits;
	u64 seed;
	u64 boot_nonce;		/* random, never 0, and different at each start */
	/* An administrator says so: what members saw of each other's stores counts no more. */
	bool forget;
	bool frees;		/* the data device frees what is zeroed, and quickly */
	u32 damaged;		/* superblocks and data headers: struct log_copies */
	const struct rblk_node_ops *ops;
	void *host;
};

/* ---- a snapshot, see rblk_node_status() ---- */

struct rblk_node_peer_status {
	char node[RBLK_NAME_MAX];
	u64 store;
	u64 generation;
	u8 up[WIRE_CHANNELS];
	u8 bootstrapped;
	u8 client;		/* has no disks */
	u8 lost;		/* a member whose replica is lost: a device of it has failed */
	u8 needs_resync;	/* this node leads, and its log no longer covers the peer */
	u8 impaired;		/* enum rblk_impaired, if this node leads */
	u8 blocked;		/* this node leads; payload of the peer reaches no majority */
	u8 stuck;		/* payload to it does not get through, though it is heard */
	u8 absent;		/* this node leads; its data device lacks a part of the image */
	u64 start;		/* number of the start that @generation counts; 0: not known */
	u64 copy;		/* the start that was refused as one of a copy of late; 0: none */
	u64 silent_ns;		/* for how long a peer that is connected has said nothing */
	u8 last_reject;		/* enum wire_reason its hello was refused with; 0: none */
	u32 downs;		/* times it was disconnected in a minute, NODE_DOWNS at most */
	u64 match;
};

struct rblk_node_status {
	enum rblk_node_halt halt;
	int halt_error;
	const char *invariant;	/* HALT_INVARIANT: the condition; text that stays. Else NULL */
	bool diskless;		/* a client */
	enum rblk_node_halt lost;	/* whose failure has cost it its replica; NODE_RUNNING */
	bool votes;		/* ... or its data alone: it votes with its log, see nodata.c */
	int lost_error;
	u32 losses;		/* times that it has lost its replica since the start */
	bool lost_again;	/* the latest was not long after the one before */
	bool ready;		/* I/O is served: bootstrapped, quorum reached, not halted */
	bool needs_resync;	/* the leader's log no longer covers this node */
	bool absent;		/* its data device lacks a part of the image */
	u64 late_ns[RBLK_DEVICES];	/* for how long a device has not responded; 0: it does */
	u64 waiting_ns;		/* for how long it has not been ready; 0: it is */
	u64 writes_ns;		/* for how long writes, or an OPEN, wait, and none has ended */
	bool frees;		/* what is zeroed is freed on all members, as far as is known */
	u64 generation;
	u64 executed_index, digest;	/* the newest executed entry, the digest at it */
	u64 applied_index;
	u64 checkpoint_index;
	u64 unapplied_bytes;
	u64 ring_bytes, ring_used;
	u64 log_entries, log_entries_max;
	u64 inflight_records;
	enum rblk_session_state session;
	u64 session_epoch;
	u64 session_seq;
	u64 session_done;	/* newest sequence number whose write has ended */
	u64 holder, holder_epoch;	/* store of the exclusive session; 0: none */
	u64 writes, reads, reads_retried, proposals_refused, truncated, readbacks;
	u64 records, log_bytes, applies, applied_blocks, checkpoints, meta_writes;
	u64 copies_mended;
	u64 rots;		/* times that rot was found in the log */
	u64 unwritten_bytes;	/* of the image: they read as zeroes, whatever the device holds */
	u64 reads_failed;	/* by the data device */
	u64 blocks_rewritten;	/* that it had failed to read */
	u64 blocks_left;	/* that it cannot read, though they were rewritten */
	/*
	 * What may still be written before the voter that lags most needs a resync, if this node
	 * leads: as many entries, or as many bytes of the log. How much was, in as many ns.
	 */
	struct {
		u64 entries, bytes;
		u64 rate_entries, rate_bytes, rate_ns;
	} away;
	struct rblk_resync_status {
		u64 installs;		/* states of other members that it went on from */
		u64 bytes, zero_bytes;	/* of content that landed; of that, zeroes */
		u64 same_bytes;		/* ... of the rest, what was there, and not sent */
		u64 pulled_bytes;	/* ... since the newest resync began */
		u64 absent_bytes;	/* of the image, not landed yet */
		u64 ns;			/* for how long it has been resynchronised; 0: it is not */
		u64 rate_min, rate_max;	/* as set, in MiB in a second; @rate_max 0: no bound */
		u64 rate;		/* KiB that it may ask for in a second now; 0: no bound */
		u32 bound;		/* enum rblk_rate_bound: what @rate is from */
		u32 source;		/* slot of who is asked; NODE_PEERS_MAX: nobody */
	} resync;
	/* Comparisons of the copies of the image, made by this node; members by place in @conf. */
	struct rblk_verify_status {
		u64 id;			/* counts those that were asked for */
		bool busy;		/* the newest one has not ended */
		u8 outcome;		/* enum rblk_verify_outcome of the newest one */
		u64 sector;		/* range that it has got to, or ended with */
		u32 nsect;
		u32 differs;		/* members that differ; SPLIT: that were compared */
		u32 missing;		/* members that were not compared, or not everywhere */
		u64 at, age_ns;		/* when it ended, and how long ago that is; 0: none did */
		u64 ranges;		/* found to be alike */
		u64 differing, mended;	/* ranges */
		/* The newest difference that was found, and not since then to be gone. */
		u8 open;		/* DIFFERS, SPLIT, or NONE: there is none */
		u64 open_sector;
		u32 open_nsect, open_members;
		u64 open_at, open_age_ns;
		u64 reads, mends;	/* by this replica: ranges read, and begun to be mended */
	} verify;
	u32 nsessions, npeers;
	/* what is large, and copied as a whole */
	struct raft_status raft;
	struct rblk_conf conf;
	struct rblk_session sessions[RBLK_SESSIONS_MAX];	/* as executed here */
	struct rblk_node_peer_status peer[NODE_PEERS_MAX];
};

/* What was found when the change map was read. */
struct rblk_map_report {
	u32 blocks;
	u32 mended;	/* one of two copies is damaged: the next checkpoint rewrites it */
	u32 lost;	/* both are */
};

#endif /* RBLK_NODE_OPS_H */
