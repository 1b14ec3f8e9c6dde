/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the kernel host share. Locking and lifetime are described
 * in Documentation/locking.rst; the short form:
 *
 * rb_volume.owner (mutex) is held around every call into the pure member, and
 * by nothing that waits for I/O, the network or a quorum. Normally the volume's
 * loop thread is the owner. Interrupt-context producers (bio ends, socket
 * callbacks) and submitters never take it: they queue on lock-free lists or set
 * bits, and rb_volume_kick() the loop.
 */
#ifndef RAFTBLK_H
#define RAFTBLK_H

#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/refcount.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "member/member.h"

#define RB_NAME			"raftblk"
#define RB_PATH_MAX		256

struct rb_volume;

/* ---- pool.c: payload pages, preallocated; nothing here sleeps or can recurse ---- */

enum rb_budget { RB_BUDGET_SUBMIT, RB_BUDGET_RECEIVE, RB_BUDGET_READBACK, RB_BUDGETS };

struct rb_payload {
	struct rb_buf buf;		/* what the pure layers see */
	refcount_t ref;
	struct rb_pool *pool;
	u8 budget;
	struct llist_node free;
	struct page *page[RB_ENTRY_BLOCKS_MAX];
};

static inline struct rb_payload *rb_payload(const struct rb_buf *buf)
{
	return container_of((struct rb_buf *)buf, struct rb_payload, buf);
}

struct rb_pool *rb_pool_create(struct rb_volume *v, u32 pages[RB_BUDGETS]);
void rb_pool_destroy(struct rb_pool *pool);	/* all payloads are back: waits for the last */
/* Any context. NULL: the budget is spent; rb_volume_kick() comes when some is freed. */
struct rb_payload *rb_payload_alloc(struct rb_pool *pool, u32 nblocks, enum rb_budget budget);
void rb_payload_get(struct rb_payload *p);
void rb_payload_put(struct rb_payload *p);	/* any context */
void rb_payload_sum(const struct rb_payload *p, u32 *crc);
u32 rb_pool_free(const struct rb_pool *pool, enum rb_budget budget);	/* pages */
u32 rb_pool_size(const struct rb_pool *pool, enum rb_budget budget);

/* ---- volume.c: one volume on this node: life, loop ---- */

struct rb_up {				/* what "up" asks for */
	char volume[LOG_NAME_MAX];
	char node[LOG_NAME_MAX];
	char log_path[RB_PATH_MAX];
	char data_path[RB_PATH_MAX];
	struct sockaddr_storage listen;
	u32 npeers;
	struct member_peer_cfg peer[MEMBER_PEERS_MAX];	/* node names and addresses as text */
	struct sockaddr_storage peer_addr[MEMBER_PEERS_MAX];
	int minor;			/* /dev/raftblkN; -1: the first free one */
	u32 pool_mib;			/* 0: default */
	u32 io_timeout_ms;		/* 0: wait for ever (default) */
};

enum rb_volume_state {
	RB_V_STARTING,			/* devices, recovery: in a worker */
	RB_V_RUNNING,
	RB_V_STOPPING,
	RB_V_FAILED,			/* start failed: vanishes once reported */
};

enum rb_kick { RB_KICK_SUBMIT, RB_KICK_DONE, RB_KICK_NET, RB_KICK_POOL, RB_KICK_CTL, RB_KICK_STOP };

struct rb_volume {
	struct kref ref;
	struct list_head list;		/* rb_volumes, under rb_volumes_lock */
	enum rb_volume_state state;
	char name[LOG_NAME_MAX];
	struct rb_up up;
	struct net *net;		/* held: sockets live in it */
	struct log_super super;

	struct mutex owner;		/* around every call into @m */
	struct member *m;
	void *member_pages;
	struct rb_pool *pool;

	struct task_struct *loop;
	wait_queue_head_t wait;
	unsigned long kicks;		/* enum rb_kick bits */
	struct llist_head done;		/* struct rb_done: ended I/O, any context */

	struct rb_disk *disk;		/* disk.c */
	struct rb_logio *logio;		/* logio.c */
	struct rb_dataio *dataio;	/* dataio.c */
	struct rb_peers *peers;		/* peer.c */
	struct dentry *debugfs;
	struct work_struct start_work, stop_work;
	u64 up_ticket, down_ticket;
	bool force;			/* down --force: end every request now */
	bool down_started;
};

/* An ended asynchronous operation, queued from any context and run by the loop as owner. */
struct rb_done {
	struct llist_node node;
	void (*run)(struct rb_volume *v, struct rb_done *done, u64 now);
};

/* Any context, any number of times. */
void rb_volume_kick(struct rb_volume *v, enum rb_kick why);
void rb_volume_done(struct rb_volume *v, struct rb_done *done);
void rb_volume_get(struct rb_volume *v);
void rb_volume_put(struct rb_volume *v);	/* may sleep (last one) */
struct rb_volume *rb_volume_find(const struct net *net, const char *name);	/* referenced; NULL */
/* Calls @fn on every volume of @net; stops at non-zero. May sleep. */
int rb_volumes_each(const struct net *net, int (*fn)(struct rb_volume *v, void *ctx), void *ctx);
u64 rb_now(void);				/* ns, boot time clock */

/*
 * Administration: none of these waits. On 0 the operation is under way and
 * rb_ctl_ticket() tells its end; @err (size RB_ERR_MAX) is a sentence for
 * people when the result is not 0.
 */
#define RB_ERR_MAX	192
int rb_volume_up(struct net *net, const struct rb_up *up, u64 ticket, char *err);
int rb_volume_down(struct rb_volume *v, bool force, u64 ticket, char *err);
int rb_volume_bootstrap(struct rb_volume *v, u64 sectors, u64 ticket, char *err);
int rb_volume_transfer(struct rb_volume *v, const char *node, u64 ticket, char *err);

struct rb_volume_info {			/* a snapshot for status; about 3 KiB */
	char volume[LOG_NAME_MAX], node[LOG_NAME_MAX];
	char log_path[RB_PATH_MAX], data_path[RB_PATH_MAX];
	enum rb_volume_state state;
	int minor;			/* -1: no disk yet */
	u64 sectors;
	u64 openers, inflight;		/* of the disk; requests not ended */
	u32 pool_free[RB_BUDGETS], pool_size[RB_BUDGETS];
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	struct member_status member;
};
/* May sleep for as long as the owner's lock is held (bounded). 0 or -ENODEV. */
int rb_volume_info(struct rb_volume *v, struct rb_volume_info *info);

/* ---- ctl.c: generic netlink ---- */

int rb_ctl_init(void);
void rb_ctl_exit(void);
/* Multicasts the end of the operation @ticket (0: nobody asked). May sleep. */
void rb_ctl_ticket(struct net *net, const char *volume, u64 ticket, int error, const char *text);
/* Multicasts an event of a volume, and says it in the kernel log. Called by the loop; does not
 * sleep for memory (an event that cannot be allocated is counted and lost). @text: for people.
 */
void rb_ctl_event(struct rb_volume *v, enum member_note note, u64 arg, const char *text);

/* ---- disk.c: the gendisk ---- */

int rb_disk_init(void);			/* module: major number */
void rb_disk_exit(void);
int rb_disk_create(struct rb_volume *v, int minor);	/* capacity 0, not yet added */
int rb_disk_add(struct rb_volume *v);	/* makes it appear; outside the owner's lock */
/* The order of Documentation/locking.rst: new IO fails; see also rb_disk_del(). */
void rb_disk_fail_new(struct rb_volume *v);
void rb_disk_del(struct rb_volume *v);	/* del_gendisk; outside the owner's lock; may sleep long */
void rb_disk_put(struct rb_volume *v);
void rb_disk_drain(struct rb_volume *v, u64 now);	/* owner: feed queued requests to the member */
void rb_disk_state_changed(struct rb_volume *v);	/* owner, from notes: capacity, read-only, in a worker */
void rb_disk_info(struct rb_volume *v, struct rb_volume_info *info);
int rb_disk_minor(const struct rb_volume *v);
/* member_ops */
void rb_disk_read_copy(void *host, u64 token, u32 off, struct rb_buf *buf, u32 nth, u32 sect, u32 nsect);
void rb_disk_read_zero(void *host, u64 token, u32 off, u32 nsect);
void rb_disk_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect);
void rb_disk_read_issued(void *host, u64 token);
void rb_disk_complete(void *host, u64 token, int error);

/* ---- logio.c, dataio.c: the lower devices ---- */

/* Opens exclusively (holder), refuses what is mounted or used; *err is a sentence. May sleep. */
int rb_logio_open(struct rb_volume *v, const char *path, char *err);
int rb_dataio_open(struct rb_volume *v, const char *path, char *err);
void rb_logio_wait(struct rb_volume *v);	/* until no bio is in flight */
void rb_dataio_wait(struct rb_volume *v);
void rb_logio_close(struct rb_volume *v);
void rb_dataio_close(struct rb_volume *v);
int rb_logio_reader(struct rb_volume *v, struct log_reader *rd);	/* synchronous, for member_start() */
int rb_dataio_header(struct rb_volume *v, struct data_super *ds);
/* member_ops */
void rb_log_write(void *host, struct log_record *rec, struct rb_buf *const *buf, u32 n);
void rb_meta_write(void *host, u64 off, const void *data);
void rb_map_write(void *host, u64 off, const void *block);
void rb_log_read(void *host, struct member_readback *rb);
void rb_data_apply(void *host, const struct vol_batch *b, struct rb_buf *const *buf);
void rb_data_sync(void *host, const void *header_block);

/* ---- peer.c: sockets to the other members; everything by the loop, never blocking ---- */

int rb_peers_start(struct rb_volume *v, char *err);	/* listens; may sleep */
void rb_peers_shutdown(struct rb_volume *v);	/* cuts every socket; loop has stopped */
void rb_peers_free(struct rb_volume *v);	/* when no payload is referenced any more */
bool rb_peers_poll(struct rb_volume *v, u64 now);	/* owner; true: more to do at once */
u64 rb_peers_deadline(const struct rb_volume *v);	/* reconnects, handshake timeouts */
void rb_peers_info(struct rb_volume *v, struct rb_volume_info *info);
/* member_ops */
void *rb_peer_tx_begin(void *host, u32 slot, enum wire_channel ch);
void rb_peer_tx_end(void *host, u32 slot, enum wire_channel ch, u32 len, struct rb_buf *const *buf,
		    u32 n);

/* ---- debugfs.c, trace.c ---- */
void rb_debugfs_init(void);
void rb_debugfs_exit(void);
void rb_debugfs_add(struct rb_volume *v);
void rb_debugfs_del(struct rb_volume *v);
void rb_trace(void *host, enum member_trace what, u64 index, u64 arg);

#endif /* RAFTBLK_H */
