/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node of a volume: the client that every node has and, where there are disks, a
 * replica and the server that stands on it. Pure, like the rooms below: the host
 * (the kernel module, or the simulator) feeds it events through the functions of
 * this file, and does what it is asked through struct rblk_node_ops. The contract
 * of each function is at its definition.
 *
 * Rules for the host:
 *  - There is one caller at a time. An operation of struct rblk_node_ops never
 *    calls back into the node, and never waits for what the node would have to do.
 *  - After any number of events, rblk_node_run() must be called: it proposes,
 *    submits records, sends, applies, makes checkpoints. Its loops are bounded.
 *  - Every asynchronous operation is answered exactly once by its *_done(), and none
 *    that was not asked for.
 *  - A slot is one of the peers of the configuration that the node was started with.
 *  - @now is monotonic, in ns, and of the same clock everywhere.
 *
 * Answers and slots are asserted: a host that does not keep to it halts the node.
 */
#ifndef RBLK_NODE_H
#define RBLK_NODE_H

#include "node/ground/ops.h"

struct rblk_node;

/* ---- start and stop ---- */

void rblk_node_limits_default(struct rblk_node_limits *l, u64 pool_bytes,
			      const struct log_super *s);

size_t rblk_node_size(const struct rblk_node_cfg *cfg);
size_t rblk_node_pages_size(void);

int rblk_node_start(struct rblk_node *n, const struct rblk_node_cfg *cfg, void *pages,
		    const struct log_reader *rd, const struct data_super *data, u64 now,
		    struct log_report *rep);

int rblk_node_start_client(struct rblk_node *n, const struct rblk_node_cfg *cfg, u64 now);
u64 rblk_client_store(const char *volume, const char *node);
size_t rblk_client_size(const struct rblk_node_cfg *cfg);

void rblk_node_map_load(struct rblk_node *n, const struct log_reader *rd,
			struct rblk_map_report *rep);

void rblk_node_stop(struct rblk_node *n, int error);

/* ---- driving ---- */

void rblk_node_run(struct rblk_node *n, u64 now);
u64 rblk_node_deadline(struct rblk_node *n);

/* ---- peers ---- */

bool rblk_node_outlived(const struct rblk_node *n, u32 slot, enum wire_channel ch);
bool rblk_node_greets(const struct rblk_node *n);
void rblk_node_hello(const struct rblk_node *n, u32 slot, enum wire_channel ch,
		     struct wire_hello *h);
void rblk_node_dialled(struct rblk_node *n, u32 slot, enum wire_channel ch);
int rblk_node_peer_hello(struct rblk_node *n, u32 slot, const struct wire_hello *h, u64 now);
void rblk_node_reject(struct rblk_node *n, u8 reason, const struct wire_hello *h,
		      struct wire_reject *reject);
void rblk_node_peer_refused(struct rblk_node *n, u32 slot, const struct wire_reject *reject,
			    u64 now);
void rblk_node_peer_up(struct rblk_node *n, u32 slot, enum wire_channel ch, u64 now);
void rblk_node_peer_down(struct rblk_node *n, u32 slot, enum wire_channel ch, u64 now);
void rblk_node_tx_ready(struct rblk_node *n, u32 slot, u64 now);
int rblk_node_peer_slot(const struct rblk_node *n, const char *node);

int rblk_node_recv(struct rblk_node *n, u32 slot, struct wire_frame *f, struct rblk_buf **buf,
		   u64 now);

/* ---- requests ---- */

int rblk_node_write(struct rblk_node *n, u64 sector, u32 nsect, struct rblk_buf *buf, u64 token);
int rblk_node_read(struct rblk_node *n, u64 sector, u32 nsect, u64 token, u64 now);
void rblk_node_read_done(struct rblk_node *n, u64 token, int error, u64 now);

/* ---- session of this node ---- */

int rblk_node_open(struct rblk_node *n, u32 flags, u64 deadline, u64 token);
void rblk_node_open_cancel(struct rblk_node *n, u64 token);
int rblk_node_close(struct rblk_node *n, u64 token);
void rblk_node_use(struct rblk_node *n, bool in_use);
void rblk_node_session_reset(struct rblk_node *n);
enum rblk_session_state rblk_node_session(const struct rblk_node *n);

/* ---- administration ---- */

int rblk_node_bootstrap(struct rblk_node *n, struct rblk_conf *conf, u32 *slot);
int rblk_node_bootstrap_conf(const struct rblk_node *n, const char *self_addr, u64 sectors,
			     u64 cluster, struct rblk_conf *conf, u32 *slot);
int rblk_node_transfer(struct rblk_node *n, const char *node, u64 now);
void rblk_node_checkpoint(struct rblk_node *n);
void rblk_node_adjust(struct rblk_node *n, const struct rblk_node_tuning *to);

/* ---- events of the devices ---- */

void rblk_node_log_done(struct rblk_node *n, struct log_record *rec, int error, u64 now);
void rblk_node_meta_done(struct rblk_node *n, int error, u64 now);
void rblk_node_block_done(struct rblk_node *n, int error, u64 now);
void rblk_node_readback_done(struct rblk_node *n, struct rblk_node_readback *rb, int error,
			     u64 now);
void rblk_node_apply_part(struct rblk_node *n, u64 now);
void rblk_node_apply_done(struct rblk_node *n, int error, u64 now);
void rblk_node_data_sync_done(struct rblk_node *n, int error, u64 now);

int rblk_node_verify(struct rblk_node *n, u64 sector, u64 nsect, bool mend, u64 now);

void rblk_node_device_lost(struct rblk_node *n, enum rblk_node_halt why, u64 now);

/* ---- a lost replica is given back ---- */

int rblk_node_may_attach(const struct rblk_node *n);
bool rblk_node_left_data(const struct rblk_node *n);
int rblk_node_give_up(struct rblk_node *n, u64 now);
int rblk_node_attach(struct rblk_node *n, struct rblk_node *from, u64 now);

/* ---- looking at it ---- */

void rblk_node_status(const struct rblk_node *n, struct rblk_node_status *st);

const struct rblk_entry *rblk_node_entry(const struct rblk_node *n, u64 index);

bool rblk_node_old_data(const struct rblk_node *n);
bool rblk_node_lacks(const struct rblk_node *n, u64 sector);
bool rblk_node_unwritten(const struct rblk_node *n, u64 sector);

int rblk_node_check(struct rblk_node *n, bool deep);

#endif /* RBLK_NODE_H */
