/* SPDX-License-Identifier: GPL-2.0 */
/* The block device that a volume shows: /dev/raftblkN. */
#ifndef RBLK_BLOCK_H
#define RBLK_BLOCK_H

#include "host/status.h"
#include "host/volume.h"

struct seq_file;

#define RBLK_TAGS		128	/* requests at once, over all hardware queues */
#define RBLK_SERVES		64	/* reads for other nodes at once */

/* What the node calls an open, and a take, by; the tokens of requests are smaller. */
#define RBLK_TOKEN_OPEN		BIT_ULL(62)
#define RBLK_TOKEN_TAKE		BIT_ULL(63)

int rblk_disk_init(void);		/* module: major number */
void rblk_disk_exit(void);		/* waits until the last gendisk is gone */
bool rblk_disk_is_ours(dev_t dev);
int rblk_disk_create(struct rblk_volume *v, int minor);	/* capacity 0, not yet added */
int rblk_disk_add(struct rblk_volume *v);	/* makes it appear; outside the owner's lock */
/* The order of Documentation/locking.rst: new I/O fails; see also rblk_disk_del(). */
void rblk_disk_fail_new(struct rblk_volume *v);
/* del_gendisk; outside the owner's lock; may sleep long */
void rblk_disk_del(struct rblk_volume *v);
void rblk_disk_put(struct rblk_volume *v);
/* Owner: feeds queued requests to the node; how many it took. */
u32 rblk_disk_drain(struct rblk_volume *v, u64 now);
u64 rblk_disk_deadline(const struct rblk_volume *v);	/* io-timeout; U64_MAX: none */
/* After the loop has stopped and rblk_node_stop(): ends what was never given to the node. */
void rblk_disk_abort(struct rblk_volume *v);
u64 rblk_disk_openers(const struct rblk_volume *v);
void rblk_disk_unfence(struct rblk_volume *v, int self);	/* owner */
/* No open succeeds from now on; -EBUSY when there are openers and not @force. */
int rblk_disk_set_closing(struct rblk_volume *v, bool force);
void rblk_disk_show(struct rblk_volume *v, struct seq_file *m);	/* owner: requests in flight */
/* Owner, after notes: capacity and read-only follow, in a worker. */
void rblk_disk_state_changed(struct rblk_volume *v);
void rblk_disk_info(struct rblk_volume *v, struct rblk_volume_info *info);

/* struct rblk_node_ops */
struct rblk_buf *rblk_disk_serve_begin(void *host, u32 nblocks, u64 sector, u32 nsect, u64 *token);
void rblk_disk_read_copy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
			 u32 nsect);
void rblk_disk_read_zero(void *host, u64 token, u32 off, u32 nsect);
void rblk_disk_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect);
void rblk_disk_read_issued(void *host, u64 token);
void rblk_disk_complete(void *host, u64 token, int error);

#endif /* RBLK_BLOCK_H */
