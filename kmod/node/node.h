/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One member of one volume: raft, log and volume composed. Pure, like them: the
 * host (the kernel module, or the simulator) feeds it events through the
 * functions below and does for it what it asks through struct rblk_node_ops.
 *
 * Rules for the host:
 *  - one caller at a time; an operation of member_ops never calls back into
 *    the member and never sleeps waiting for what the member would have to do;
 *  - after any number of events, rblk_node_run() must be called: it proposes,
 *    submits records, sends, applies, checkpoints. It never loops unbounded;
 *  - every asynchronous operation is answered exactly once by its *_done();
 *  - @now is monotonic, in ns, and the same clock everywhere.
 */
#ifndef RBLK_NODE_H
#define RBLK_NODE_H

#include "entry.h"
#include "log/log.h"
#include "raft/raft.h"
#include "volume/volume.h"
#include "wire/wire.h"

#define NODE_PEERS_MAX	(RBLK_MEMBERS_MAX - 1)
/* Of the data device, in one lookup: every other sector is somewhere else. */
#define NODE_SEGS_MAX		(RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT >> 1)
#define NODE_READBACK_BLOCKS	WIRE_BLOCKS_MAX
#define NODE_READBACK_ENTRIES	WIRE_ENTRIES_MAX

struct rblk_node;

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
	NODE_T_NR,
};

enum rblk_node_note {		/* things people want to hear of: events, log lines */
	NODE_N_ROLE,		/* role, leader or term changed */
	NODE_N_PEER,		/* a peer came, went, or needs a resync; arg: slot */
	NODE_N_SESSION,		/* the local session or the holder changed */
	NODE_N_CONF,		/* the configuration changed; size and timeouts are known */
	NODE_N_CHECKPOINT,	/* arg: index */
	NODE_N_HALTED,		/* arg: enum rblk_node_halt */
	NODE_N_READY,		/* arg 1: IO can be served, here or by the leader; 0: no longer */
};

enum rblk_node_halt {
	NODE_RUNNING,
	NODE_HALT_LOG,		/* log write, flush or metadata error */
	NODE_HALT_DATA,		/* data device write error */
	NODE_HALT_ROT,		/* a committed entry is rotten in the own log */
	NODE_HALT_INVARIANT,	/* a broken invariant: see the kernel log */
	NODE_HALT_STOPPED,	/* rblk_node_stop() */
};

enum rblk_session_state {
	NODE_S_NONE,		/* this node holds no session: the device is read-only */
	NODE_S_OPENING,
	NODE_S_HELD,
	NODE_S_FENCED,		/* sticky until rblk_node_session_reset() */
};

/* A read of log payloads, asked by the member: fill bufs[i] from pos[i], ring-wise. */
struct rblk_node_readback {
	u8 id;
	u8 busy;
	u32 n;
	u64 first;			/* entry of bufs[0]; consecutive */
	u64 pos[NODE_READBACK_ENTRIES];
	struct rblk_buf *buf[NODE_READBACK_ENTRIES];	/* NULL: the entry has no payload */
};

struct rblk_node_ops {
	/* -- payload -- */
	/* From the reserve for readbacks; NULL: later. */
	struct rblk_buf *(*buf_alloc)(void *host, u32 nblocks);
	void (*buf_get)(void *host, struct rblk_buf *buf);
	void (*buf_put)(void *host, struct rblk_buf *buf);
	/* Recomputes the block sums of @buf from its data into @crc. */
	void (*buf_sum)(void *host, const struct rblk_buf *buf, u32 *crc);
	/* First block of a buffer, mapped: configuration entries only. */
	void *(*buf_data)(void *host, struct rblk_buf *buf);

	/* -- network: peers are slots, 0 .. NODE_PEERS_MAX - 1, given by the host -- */
	/* Room for a frame to @slot: WIRE_HEADER_BYTES + WIRE_HEAD_MAX; NULL: not now. */
	void *(*tx_begin)(void *host, u32 slot, enum wire_channel ch);
	/* Sends what was encoded there, then the payload of @buf[0..n) (references taken here). */
	void (*tx_end)(void *host, u32 slot, enum wire_channel ch, u32 len,
		       struct rblk_buf *const *buf, u32 n);

	/* -- log device -- */
	/* Header of @rec, then payload of @buf[0..n), at rec->pos, FUA. -> rblk_node_log_done() */
	void (*log_write)(void *host, struct log_record *rec, struct rblk_buf *const *buf, u32 n);
	/* LOG_META_BYTES at @off, FUA. One at a time. -> rblk_node_meta_done() */
	void (*meta_write)(void *host, u64 off, const void *data);
	/* One change-map block at @off. One at a time, FUA. -> rblk_node_map_done() */
	void (*map_write)(void *host, u64 off, const void *block);
	/* -> rblk_node_readback_done() */
	void (*log_read)(void *host, struct rblk_node_readback *rb);

	/* -- data device -- */
	/*
	 * Zero ranges first, then blocks: see vol_batch; @buf[i] belongs to item i.
	 * -> rblk_node_apply_done()
	 */
	void (*data_apply)(void *host, const struct vol_batch *b, struct rblk_buf *const *buf);
	/* Flush, then write the header block, FUA. -> rblk_node_data_sync_done() */
	void (*data_sync)(void *host, const void *header_block);

	/* -- requests: tokens are the host's names of them -- */
	/*
	 * A read for another node: room for @nblocks, into which the
	 * range goes at its natural offset; it is the request of *@token from
	 * now on, until complete(). NULL: not now.
	 */
	struct rblk_buf *(*serve_begin)(void *host, u32 nblocks, u64 sector, u32 nsect, u64 *token);
	/* Starts reading the data device into the request at byte @off; the host counts. */
	void (*read_data)(void *host, u64 token, u32 off, u64 sector, u32 nsect);
	void (*read_copy)(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
			  u32 nsect);
	void (*read_zero)(void *host, u64 token, u32 off, u32 nsect);
	/* All parts of one lookup were handed out: -> rblk_node_read_done() once they all ended. */
	void (*read_issued)(void *host, u64 token);
	/*
	 * The end of a request, of any kind. On halt and stop it may come while
	 * parts of a read are still under way: the host then ends the request
	 * after them (and need not say rblk_node_read_done()).
	 */
	void (*complete)(void *host, u64 token, int error);

	/* -- telling -- */
	void (*note)(void *host, enum rblk_node_note what, u64 arg);
	/* May be NULL. */
	void (*trace)(void *host, enum rblk_node_trace what, u64 index, u64 arg);
};

struct rblk_node_limits {
	/*
	 * In the live log, power of two; equal on all members: a smaller table
	 * cannot take in what a leader must bring it before anything commits.
	 */
	u32 entries;
	u32 versions;		/* blocks committed and not applied */
	u32 ranges;		/* zero ranges likewise */
	u32 reads;		/* at once */
	u32 batch;		/* blocks in an apply batch */
	u32 uncommitted_bytes;	/* proposed by this leader, not committed */
	u32 apply_bytes;	/* unapplied payload that starts the background apply */
	u32 msg_ents, inflight_msgs;	/* see raft_cfg */
	u32 window;		/* writes of this node under way, power of two */
	u32 follow_ms;		/* leadership follows the session so long after an election */
	u32 records_inflight;	/* submit at once below that, then group: 1 .. LOG_INFLIGHT */
	u32 default_election_ms, default_heartbeat_ms;	/* until a configuration is known */
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
	u64 boot_nonce;		/* random, of this start */
	const struct rblk_node_ops *ops;
	void *host;
};

/* Fills every 0 field of @l with its default for a pool of @pool_bytes. */
void rblk_node_limits_default(struct rblk_node_limits *l, u64 pool_bytes,
			      const struct log_super *s);

size_t rblk_node_size(const struct rblk_node_cfg *cfg);
/* Page-aligned memory that the member needs beside: record headers. */
size_t rblk_node_pages_size(void);

/*
 * Recovery and start, synchronous (may sleep in @rd). The host has flushed both
 * devices before: what recovery finds counts as durable. @m: rblk_node_size()
 * zeroed bytes. @data: the decoded header of the data device. On return *@rep
 * tells what was found in the ring, also on errors:
 *  -EBADMSG	rot in the log (see @rep), or it ends before what the data device holds
 *  -EUCLEAN	both metadata copies are bad
 *  -ESTALE	the data device is older than the log's checkpoint (swapped or rolled back)
 *  -EINVAL	log and data belong to different volumes or stores, or limits are absurd
 *  -E2BIG	more live entries than limits.entries, or more terms than raft can hold
 * The new generation still has to be written: nothing is sent before it is.
 */
int rblk_node_start(struct rblk_node *m, const struct rblk_node_cfg *cfg, void *pages,
		    const struct log_reader *rd, const struct data_super *data, u64 now,
		    struct log_report *rep);

/*
 * Starts a client without disks: no device, no log, no vote; it sends its
 * requests to the leader. Of @cfg->super only volume_name, node and store count:
 * the store is its name for ever, so that after a reboot it is the same client.
 * 0 or -EINVAL.
 */
int rblk_node_start_client(struct rblk_node *m, const struct rblk_node_cfg *cfg, u64 now);
/* The store of the client on a node. */
u64 rblk_client_store(const char *volume, const char *node);
size_t rblk_client_size(const struct rblk_node_cfg *cfg);

/* The change map is loaded by the host, block by block, before the first rblk_node_run(). */
u32 rblk_node_map_blocks(const struct rblk_node *m);
u64 rblk_node_map_offset(const struct rblk_node *m, u32 block);
void rblk_node_map_load(struct rblk_node *m, u32 block, const void *data, int error);

/* Ends every request with -@error and drops every reference. No event may follow. */
void rblk_node_stop(struct rblk_node *m, int error);

/* ---- driving ---- */

void rblk_node_run(struct rblk_node *m, u64 now);
u64 rblk_node_deadline(const struct rblk_node *m);	/* ns; call rblk_node_run() then */

/* ---- peers ---- */

/* What this member says at the start of a connection to @slot. */
void rblk_node_hello(const struct rblk_node *m, u32 slot, enum wire_channel ch,
		     struct wire_hello *h);
/*
 * A peer said hello. 0: the connection may be used, raft messages may flow once
 * both channels are up; else the enum wire_reason to refuse with.
 */
int rblk_node_peer_hello(struct rblk_node *m, u32 slot, const struct wire_hello *h);
void rblk_node_peer_up(struct rblk_node *m, u32 slot, enum wire_channel ch, u64 now);
void rblk_node_peer_down(struct rblk_node *m, u32 slot, enum wire_channel ch, u64 now);
/* Room to send to @slot came back after tx_begin() had returned NULL. */
void rblk_node_tx_ready(struct rblk_node *m, u32 slot, u64 now);
/* Slot of a node's name, or -ENOENT. */
int rblk_node_peer_slot(const struct rblk_node *m, const char *node);

/*
 * A decoded frame; @buf[i] is the payload of entry i (NULL: none), verified
 * against the sums; the references become the member's. -EINVAL: hostile or
 * absurd, the connection should be cut; -ECONNRESET: cut it for a new hello; else 0.
 */
int rblk_node_recv(struct rblk_node *m, u32 slot, struct wire_frame *f, struct rblk_buf **buf,
		   u64 now);

/* ---- requests ---- */

/*
 * Accepts a write (@buf: payload, its reference becomes the member's on 0) or
 * zeroes (@buf NULL), whoever leads. 0: complete(token) follows, perhaps much
 * later: with 0 once it is committed, and has taken effect in order; with an
 * error only when this node is fenced (-ESTALE), halts or stops.
 *  -EAGAIN	too many under way: again after the next event (keep the order)
 *  -EBUSY	no session is held
 *  -ESTALE	the session was fenced
 *  -EINVAL	beyond the end, or not aligned
 *  -ESHUTDOWN	halted
 */
int rblk_node_write(struct rblk_node *m, u64 sector, u32 nsect, struct rblk_buf *buf, u64 token);
/* 0: read_*() calls follow and complete(token) at the end; -EAGAIN, -ESTALE, -ESHUTDOWN. */
int rblk_node_read(struct rblk_node *m, u64 sector, u32 nsect, u64 token, u64 now);
/* Every part handed out for @token ended. */
void rblk_node_read_done(struct rblk_node *m, u64 token, int error, u64 now);

/* ---- session of this node ---- */

/*
 * Asks for the session: 0 and complete(token) follows, perhaps never without a
 * quorum: 0, or -EBUSY: another node uses it. -EALREADY: held already, -EAGAIN:
 * one is being opened or closed, -ESTALE: fenced and not reset. @force: take it
 * from whoever has it: that node is fenced.
 */
int rblk_node_open(struct rblk_node *m, bool force, u64 token);
/* Whoever asked no longer waits; complete() does not follow. */
void rblk_node_open_cancel(struct rblk_node *m);
/* Gives it up. 0 and complete(token) follows; -ENOENT, -EAGAIN: writes are under way. */
int rblk_node_close(struct rblk_node *m, u64 token);
/* While the device is open on this node, the session is not given up to another that asks. */
void rblk_node_use(struct rblk_node *m, bool in_use);
/* All openers are gone, the page cache is dropped: FENCED becomes NONE. */
void rblk_node_session_reset(struct rblk_node *m);
enum rblk_session_state rblk_node_session(const struct rblk_node *m);

/* ---- administration ---- */

/*
 * First configuration of a volume: on one node, once every peer of @conf said
 * hello and is blank. @conf->index is set here. 0: under way, a NODE_N_CONF
 * note follows; -EEXIST: bootstrapped; -ENOTCONN: a peer was not heard;
 * -ENOTEMPTY: a peer is not blank; -EINVAL: conf absurd; -ENOSPC: too large
 * for a member's data device. *@slot: which peer.
 */
int rblk_node_bootstrap(struct rblk_node *m, struct rblk_conf *conf, u32 *slot);
/* Fills a configuration of this node and its peers from their hellos (all voters). */
int rblk_node_bootstrap_conf(const struct rblk_node *m, const char *self_addr, u64 sectors,
			     u64 cluster, struct rblk_conf *conf, u32 *slot);
/* 0: under way; the ROLE note tells; errors as RAFT_EV_TRANSFER, -ENOENT: no such node. */
int rblk_node_transfer(struct rblk_node *m, const char *node, u64 now);
/* Apply everything committed and checkpoint soon (used before a clean down). */
void rblk_node_checkpoint(struct rblk_node *m);

/* ---- events of the devices ---- */

void rblk_node_log_done(struct rblk_node *m, struct log_record *rec, int error, u64 now);
void rblk_node_meta_done(struct rblk_node *m, int error, u64 now);
void rblk_node_map_done(struct rblk_node *m, int error, u64 now);
void rblk_node_readback_done(struct rblk_node *m, struct rblk_node_readback *rb, int error,
			     u64 now);
void rblk_node_apply_done(struct rblk_node *m, int error, u64 now);
void rblk_node_data_sync_done(struct rblk_node *m, int error, u64 now);

/*
 * A device is gone for good, or an operation will never be answered: the member
 * halts. @why: HALT_LOG or HALT_DATA. What is answered later is ignored.
 */
void rblk_node_device_lost(struct rblk_node *m, enum rblk_node_halt why, u64 now);

/* ---- looking at it ---- */

struct rblk_node_peer_status {
	char node[RBLK_NAME_MAX];
	u64 store;
	u64 generation;
	u8 up[WIRE_CHANNELS];
	u8 bootstrapped;
	u8 client;		/* has no disks */
	u8 needs_resync;	/* leader's view: the log no longer covers it */
	u8 last_reject;		/* enum wire_reason this node answered its hello with; 0: none */
	u64 match;
};

struct rblk_node_status {
	struct raft_status raft;
	enum rblk_node_halt halt;
	int halt_error;
	bool diskless;		/* a client */
	bool ready;		/* IO is served: bootstrapped, quorum reached, not halted */
	bool needs_resync;	/* own view: the leader's log no longer covers this member */
	struct rblk_conf conf;
	u64 generation;
	u64 executed_index, digest;	/* newest committed and executed */
	u64 applied_index;
	u64 checkpoint_index;
	u64 unapplied_bytes;
	u64 ring_bytes, ring_used;
	u64 log_entries, log_entries_max;
	u64 inflight_records;
	enum rblk_session_state session;
	u64 session_epoch;
	u64 session_seq;
	u64 session_done;	/* newest sequence number done */
	u64 holder, holder_epoch;	/* store of the exclusive session; 0: none */
	u32 nsessions;
	struct rblk_session sessions[RBLK_SESSIONS_MAX];	/* as executed here */
	u64 writes, reads, reads_retried, proposals_refused, truncated, readbacks;
	u64 records, log_bytes, applies, applied_blocks, checkpoints, meta_writes;
	u32 npeers;
	struct rblk_node_peer_status peer[NODE_PEERS_MAX];
};

void rblk_node_status(const struct rblk_node *m, struct rblk_node_status *st);

const struct rblk_entry *rblk_node_entry(const struct rblk_node *m, u64 index);

/* Every invariant of all layers; 0 or -EUCLEAN (and the member halts). @deep: O(slots). */
int rblk_node_check(struct rblk_node *m, bool deep);

#endif /* RBLK_NODE_H */
