/* SPDX-License-Identifier: GPL-2.0 */
/* The block device of a volume: /dev/raftblkN. */
#ifndef RBLK_BLOCK_H
#define RBLK_BLOCK_H

#include "host/status.h"
#include "host/volume.h"

struct seq_file;

#define RBLK_TAGS		128	/* requests in progress, over all hardware queues */
#define RBLK_SERVES		64	/* reads for other nodes in progress */

/* Set in the tokens of an open and of a take; those of requests are smaller. */
#define RBLK_TOKEN_OPEN		BIT_ULL(62)
#define RBLK_TOKEN_TAKE		BIT_ULL(63)

int rblk_disk_init(void);
void rblk_disk_exit(void);
bool rblk_disk_is_ours(dev_t dev);

/* Up, and down in the order of Documentation/locking.rst. */
int rblk_disk_create(struct rblk_volume *v, int minor);
int rblk_disk_add(struct rblk_volume *v);
void rblk_disk_link(struct rblk_volume *v);
bool rblk_disk_suits(const struct rblk_volume *v);
int rblk_disk_set_closing(struct rblk_volume *v, bool force);
void rblk_disk_fail_new(struct rblk_volume *v);
void rblk_disk_abort(struct rblk_volume *v);
void rblk_disk_put(struct rblk_volume *v);

/* For the loop, as owner. */
u32 rblk_disk_drain(struct rblk_volume *v, u64 now);
u64 rblk_disk_deadline(const struct rblk_volume *v);
void rblk_disk_unfence(struct rblk_volume *v, int self);
void rblk_disk_state_changed(struct rblk_volume *v);

u64 rblk_disk_openers(const struct rblk_volume *v);
void rblk_disk_info(struct rblk_volume *v, struct rblk_volume_info *info);
void rblk_disk_show(struct rblk_volume *v, struct seq_file *m);

/* struct rblk_node_ops */
struct rblk_buf *rblk_disk_serve_begin(void *host, bool pull, u32 nblocks, u64 sector, u32 nsect,
				       u64 *token);
void rblk_disk_read_copy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
			 u32 nsect);
void rblk_disk_read_zero(void *host, u64 token, u32 off, u32 nsect);
void rblk_disk_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect);
void rblk_disk_read_issued(void *host, u64 token);
void rblk_disk_complete(void *host, u64 token, int error);
void rblk_disk_head_changed(void *host);

#endif /* RBLK_BLOCK_H */
