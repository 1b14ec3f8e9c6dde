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

#include "node/ground/ops.h"

struct rblk_node;

/* Fills every 0 field of @l with its default for a pool of @pool_bytes. */
void rblk_node_limits_default(struct rblk_node_limits *l, u64 pool_bytes,
			      const struct log_super *s);

size_t rblk_node_size(const struct rblk_node_cfg *cfg);
/* Page-aligned memory that the member needs beside: record headers. */
size_t rblk_node_pages_size(void);

/*
 * Recovery and start, synchronous (may sleep in @rd). The host has flushed both
 * devices before: what recovery finds counts as durable. @n: rblk_node_size()
 * zeroed bytes. @data: the decoded header of the data device. On return *@rep
 * tells what was found in the ring, also on errors:
 *  -EBADMSG	rot in the log (see @rep), or it ends before what the data device holds
 *  -EUCLEAN	both metadata copies are bad
 *  -ESTALE	the data device is older than the log's checkpoint (swapped or rolled back)
 *  -EINVAL	log and data belong to different volumes or stores, or limits are absurd
 *  -E2BIG	more live entries than limits.entries, or more terms than raft can hold
 * The new generation still has to be written: nothing is sent before it is.
 */
int rblk_node_start(struct rblk_node *n, const struct rblk_node_cfg *cfg, void *pages,
		    const struct log_reader *rd, const struct data_super *data, u64 now,
		    struct log_report *rep);

/*
 * Starts a client without disks: no device, no log, no vote; it sends its
 * requests to the leader. Of @cfg->super only volume_name, node and store count:
 * the store is its name for ever, so that after a reboot it is the same client.
 * 0 or -EINVAL.
 */
int rblk_node_start_client(struct rblk_node *n, const struct rblk_node_cfg *cfg, u64 now);
/* The store of the client on a node. */
u64 rblk_client_store(const char *volume, const char *node);
size_t rblk_client_size(const struct rblk_node_cfg *cfg);

/* The change map is loaded by the host, block by block, before the first rblk_node_run(). */
u32 rblk_node_map_blocks(const struct rblk_node *n);
u64 rblk_node_map_offset(const struct rblk_node *n, u32 block);
void rblk_node_map_load(struct rblk_node *n, u32 block, const void *data, int error);

/* Ends every request with -@error and drops every reference. No event may follow. */
void rblk_node_stop(struct rblk_node *n, int error);

/* ---- driving ---- */

void rblk_node_run(struct rblk_node *n, u64 now);
u64 rblk_node_deadline(struct rblk_node *n);	/* ns; call rblk_node_run() then */

/* ---- peers ---- */

/* What this member says at the start of a connection to @slot. */
void rblk_node_hello(const struct rblk_node *n, u32 slot, enum wire_channel ch,
		     struct wire_hello *h);
/*
 * A peer said hello. 0: the connection may be used, raft messages may flow once
 * both channels are up; else the enum wire_reason to refuse with.
 */
int rblk_node_peer_hello(struct rblk_node *n, u32 slot, const struct wire_hello *h);
void rblk_node_peer_up(struct rblk_node *n, u32 slot, enum wire_channel ch, u64 now);
void rblk_node_peer_down(struct rblk_node *n, u32 slot, enum wire_channel ch, u64 now);
/* Room to send to @slot came back after tx_begin() had returned NULL. */
void rblk_node_tx_ready(struct rblk_node *n, u32 slot, u64 now);
/* Slot of a node's name, or -ENOENT. */
int rblk_node_peer_slot(const struct rblk_node *n, const char *node);

/*
 * A decoded frame; @buf[i] is the payload of entry i (NULL: none), verified
 * against the sums; the references become the member's. -EINVAL: hostile or
 * absurd, the connection should be cut; -ECONNRESET: cut it for a new hello; else 0.
 */
int rblk_node_recv(struct rblk_node *n, u32 slot, struct wire_frame *f, struct rblk_buf **buf,
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
int rblk_node_write(struct rblk_node *n, u64 sector, u32 nsect, struct rblk_buf *buf, u64 token);
/* 0: read_*() calls follow and complete(token) at the end; -EAGAIN, -ESTALE, -ESHUTDOWN. */
int rblk_node_read(struct rblk_node *n, u64 sector, u32 nsect, u64 token, u64 now);
/* Every part handed out for @token ended. */
void rblk_node_read_done(struct rblk_node *n, u64 token, int error, u64 now);

/* ---- session of this node ---- */

/*
 * Asks for the session: 0 and complete(token) follows, perhaps never without a
 * quorum: 0, or -EBUSY: another node uses it. -EALREADY: held already, -EAGAIN:
 * one is being opened or closed, -ESTALE: fenced and not reset. @force: take it
 * from whoever has it: that node is fenced.
 */
int rblk_node_open(struct rblk_node *n, bool force, u64 token);
/* Whoever asked no longer waits; complete() does not follow. */
void rblk_node_open_cancel(struct rblk_node *n);
/* Gives it up. 0 and complete(token) follows; -ENOENT, -EAGAIN: writes are under way. */
int rblk_node_close(struct rblk_node *n, u64 token);
/* While the device is open on this node, the session is not given up to another that asks. */
void rblk_node_use(struct rblk_node *n, bool in_use);
/* All openers are gone, the page cache is dropped: FENCED becomes NONE. */
void rblk_node_session_reset(struct rblk_node *n);
enum rblk_session_state rblk_node_session(const struct rblk_node *n);

/* ---- administration ---- */

/*
 * First configuration of a volume: on one node, once every peer of @conf said
 * hello and is blank. @conf->index is set here. 0: under way, a NODE_N_CONF
 * note follows; -EEXIST: bootstrapped; -ENOTCONN: a peer was not heard;
 * -ENOTEMPTY: a peer is not blank; -EINVAL: conf absurd; -ENOSPC: too large
 * for a member's data device. *@slot: which peer.
 */
int rblk_node_bootstrap(struct rblk_node *n, struct rblk_conf *conf, u32 *slot);
/* Fills a configuration of this node and its peers from their hellos (all voters). */
int rblk_node_bootstrap_conf(const struct rblk_node *n, const char *self_addr, u64 sectors,
			     u64 cluster, struct rblk_conf *conf, u32 *slot);
/* 0: under way; the ROLE note tells; errors as RAFT_EV_TRANSFER, -ENOENT: no such node. */
int rblk_node_transfer(struct rblk_node *n, const char *node, u64 now);
/* Apply everything committed and checkpoint soon (used before a clean down). */
void rblk_node_checkpoint(struct rblk_node *n);

/* ---- events of the devices ---- */

void rblk_node_log_done(struct rblk_node *n, struct log_record *rec, int error, u64 now);
void rblk_node_meta_done(struct rblk_node *n, int error, u64 now);
void rblk_node_map_done(struct rblk_node *n, int error, u64 now);
void rblk_node_readback_done(struct rblk_node *n, struct rblk_node_readback *rb, int error,
			     u64 now);
void rblk_node_apply_done(struct rblk_node *n, int error, u64 now);
void rblk_node_data_sync_done(struct rblk_node *n, int error, u64 now);

/*
 * A device is gone for good, or an operation will never be answered: the member
 * halts. @why: HALT_LOG or HALT_DATA. What is answered later is ignored.
 */
void rblk_node_device_lost(struct rblk_node *n, enum rblk_node_halt why, u64 now);

/* ---- looking at it ---- */

void rblk_node_status(const struct rblk_node *n, struct rblk_node_status *st);

const struct rblk_entry *rblk_node_entry(const struct rblk_node *n, u64 index);

/* Every invariant of all layers; 0 or -EUCLEAN (and the member halts). @deep: O(slots). */
int rblk_node_check(struct rblk_node *n, bool deep);

#endif /* RBLK_NODE_H */
