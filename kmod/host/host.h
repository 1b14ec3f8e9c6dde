/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the kernel host share. Locking and lifetime are described
 * in Documentation/locking.rst; the short form:
 *
 * rblk_volume.owner (mutex) is held around every call into the pure member, and
 * by nothing that waits for I/O, the network or a quorum. Normally the volume's
 * loop thread is the owner. Interrupt-context producers (bio ends, socket
 * callbacks) and submitters never take it: they queue on lock-free lists or set
 * bits, and rblk_volume_kick() the loop.
 */
#ifndef RAFTBLK_H
#define RAFTBLK_H

#undef pr_fmt
#define pr_fmt(fmt)	"raftblk: " fmt

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

/* Behind the kernel's headers: it renames some of what they declare. */
#include "compat.h"
#include "node/node.h"

#define RBLK_NAME			"raftblk"
#define RBLK_PATH_MAX		256
#define RBLK_TEXT_MAX		160
#define RBLK_ELECTION_MS_MIN	50

struct rblk_volume;
struct genl_family;
struct seq_file;

extern struct workqueue_struct *rblk_wq;	/* unbound, reclaim-safe: up, down, disk state */
extern struct mutex rblk_volumes_lock;	/* the list of volumes, and their states */

/* Each line names the volume and the node. */
#define rblk_printk(pr, vol, fmt, ...)						\
do {										\
	const struct rblk_volume *v_ = (vol);					\
										\
	pr("%s@%s: " fmt, v_->name, v_->up.node, ##__VA_ARGS__);		\
} while (0)
#define rblk_info(v, fmt, ...)	rblk_printk(pr_info, v, fmt, ##__VA_ARGS__)
#define rblk_warn(v, fmt, ...)	rblk_printk(pr_warn, v, fmt, ##__VA_ARGS__)
#define rblk_err(v, fmt, ...)	rblk_printk(pr_err, v, fmt, ##__VA_ARGS__)
#define rblk_warn_limited(v, fmt, ...)	rblk_printk(pr_warn_ratelimited, v, fmt, ##__VA_ARGS__)
#define rblk_err_limited(v, fmt, ...)	rblk_printk(pr_err_ratelimited, v, fmt, ##__VA_ARGS__)

/* ---- pool.c: payload pages, preallocated; nothing here sleeps or can recurse ---- */

enum rblk_budget {
	RBLK_BUDGET_SUBMIT,		/* writes of this node */
	RBLK_BUDGET_RECEIVE,		/* from peers */
	RBLK_BUDGET_READBACK,		/* from the own log */
	RBLK_BUDGET_SERVE,		/* reads for nodes without a replica of use */
	RBLK_BUDGETS
};

struct rblk_payload {
	struct rblk_buf buf;		/* what the pure layers see */
	refcount_t ref;
	struct rblk_pool *pool;
	u8 budget;
	struct page *page[RBLK_ENTRY_BLOCKS_MAX];
};

static inline struct rblk_payload *rblk_payload(const struct rblk_buf *buf)
{
	return container_of((struct rblk_buf *)buf, struct rblk_payload, buf);
}

struct rblk_pool *rblk_pool_create(struct rblk_volume *v, u32 pages[RBLK_BUDGETS]);
void rblk_pool_destroy(struct rblk_pool *pool);	/* all payloads are back: waits for the last */
/* Any context. NULL: the budget is spent; rblk_volume_kick() comes when some is freed. */
struct rblk_payload *rblk_payload_alloc(struct rblk_pool *pool, u32 nblocks,
					enum rblk_budget budget);
void rblk_payload_get(struct rblk_payload *p);
void rblk_payload_put(struct rblk_payload *p);	/* any context */
void rblk_payload_sum(const struct rblk_payload *p, u32 *crc);
u32 rblk_pool_free(const struct rblk_pool *pool, enum rblk_budget budget);	/* pages */
u32 rblk_pool_size(const struct rblk_pool *pool, enum rblk_budget budget);

/* ---- host.c, life.c: one volume on this node: loop, administration, life ---- */

struct rblk_up {			/* what "up" asks for; without log and data: a client */
	char volume[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	char log_path[RBLK_PATH_MAX];
	char data_path[RBLK_PATH_MAX];	/* for people */
	dev_t log_dev, data_dev;
	struct sockaddr_storage listen;
	u32 npeers;
	struct rblk_node_peer_cfg peer[NODE_PEERS_MAX];	/* node names and addresses as text */
	struct sockaddr_storage peer_addr[NODE_PEERS_MAX];
	int minor;			/* /dev/raftblkN; -1: the first free one */
	u32 pool_mib;			/* 0: default */
	u32 io_timeout_ms;		/* 0: wait for ever (default) */
	u32 election_ms;		/* before and at bootstrap; 0: default */
};

enum rblk_volume_state {
	RBLK_V_STARTING,		/* devices, recovery: in a worker */
	RBLK_V_RUNNING,
	RBLK_V_STOPPING,
	RBLK_V_FAILED,			/* start failed: vanishes once reported */
};

struct rblk_bootstrap {			/* what "bootstrap" asks for */
	u64 sectors;			/* 0: what the smallest data device allows */
	bool shared;			/* a session for each node */
	u32 election_ms;		/* 0: what "up" said */
};

struct rblk_take {			/* take.c; owner */
	bool on, force;
	u64 op_id, deadline, ask_at, next;
	char from[RBLK_NAME_MAX];	/* who is being fenced */
	bool over;			/* only to be told */
	int error;
	char text[RBLK_TEXT_MAX];
};

#define RBLK_NOTES_MAX	32

struct rblk_note {
	enum rblk_node_note what;
	u64 arg;
};

struct rblk_op {			/* an operation whose end somebody waits for */
	u64 id;				/* 0: none, or nobody waits */
	u64 deadline;
};

enum rblk_kick { RBLK_KICK_SUBMIT, RBLK_KICK_DONE, RBLK_KICK_NET, RBLK_KICK_POOL, RBLK_KICK_CTL };

struct rblk_volume {
	struct kref ref;
	struct list_head list;		/* rblk_volumes, under rblk_volumes_lock */
	u64 id;				/* never given twice */
	enum rblk_volume_state state;	/* written under rblk_volumes_lock */
	int minor;			/* of its disk; -1: none */
	char name[RBLK_NAME_MAX];
	struct rblk_up up;
	struct net *net;		/* held: sockets live in it */
	struct log_super super;
	struct rblk_node_limits limits;

	struct mutex owner;		/* around every call into @m */
	atomic_t lock_waiters;		/* who wait for it in rblk_volume_lock_timeout() */
	struct rblk_node *m;
	void *member_pages;		/* vmalloc */
	struct rblk_pool *pool;
	struct rblk_node_status st;	/* owner: scratch, as of the latest notes */
	struct rblk_note note[RBLK_NOTES_MAX];	/* owner: told during the current run */
	u32 nnotes, notes_lost;
	bool stopped; /* after rblk_node_stop(): ended I/O is released, not told */

	struct task_struct *loop;
	wait_queue_head_t wait;
	wait_queue_head_t noted;	/* woken after notes: bounded waits of down and open */
	unsigned long kicks;		/* enum rblk_kick bits */
	struct llist_head done;		/* struct rblk_done: ended I/O, any context */

	struct rblk_disk *disk;		/* disk.c */
	struct rblk_logio *logio;	/* logio.c */
	struct rblk_dataio *dataio;	/* dataio.c */
	struct rblk_peers *peers;	/* peer.c */
	struct dentry *debugfs, *debugfs_link;
	struct work_struct start_work, stop_work;
	u64 up_op, down_op;
	struct rblk_op bootstrap, transfer;	/* owner */
	struct rblk_take take;
	char session_noted[RBLK_TEXT_MAX];	/* owner: of the session, last told */
	bool force;			/* down --force: end every request now */
};

/* An ended asynchronous operation, queued from any context and run by the loop as owner. */
struct rblk_done {
	struct llist_node node;
	/* As owner. When v->stopped, it only releases what the operation held. */
	void (*run)(struct rblk_volume *v, struct rblk_done *done, u64 now);
};

/* A client: neither a log nor a data device. */
static inline bool rblk_volume_diskless(const struct rblk_volume *v)
{
	return !v->up.log_path[0];
}

/* Any context, any number of times. */
void rblk_volume_kick(struct rblk_volume *v, enum rblk_kick why);
void rblk_volume_done(struct rblk_volume *v, struct rblk_done *done);
void rblk_volume_get(struct rblk_volume *v);
void rblk_volume_put(struct rblk_volume *v);	/* may sleep (last one) */
/* Referenced; NULL: not up here. */
struct rblk_volume *rblk_volume_find(const struct net *net, const char *name);
/* The one behind the volume with the id @after, referenced; NULL: no more. */
struct rblk_volume *rblk_volume_next(const struct net *net, u64 after);
u64 rblk_now(void);				/* ns, boot time clock */
int rblk_volume_minor(const struct rblk_volume *v);
void rblk_volume_run_done(struct rblk_volume *v, u64 now);	/* owner */
int rblk_volume_loop(void *arg);		/* the loop's kthread */
int rblk_volumes_init(void);
void rblk_volumes_exit(void);
void rblk_volume_set_state(struct rblk_volume *v, enum rblk_volume_state state);
/* NULL: no memory. Its state is "starting", and it is not in the list yet. */
struct rblk_volume *rblk_volume_alloc(struct net *net, const struct rblk_up *up);
/* -EEXIST: the namespace has a volume of this name. */
int rblk_volume_enlist(struct rblk_volume *v);
/* Forgets the volume: rblk_volume_find() no longer finds it. */
void rblk_volume_unlist(struct rblk_volume *v);
/* Takes the owner's lock, waiting one second at most: -ETIMEDOUT. For looking, not for acting. */
int rblk_volume_lock_timeout(struct rblk_volume *v);
const char *rblk_store_name(const struct rblk_volume *v, const struct rblk_node_status *st,
			    u64 store);
const char *rblk_leader_name(const struct rblk_volume *v, const struct rblk_node_status *st);
const char *rblk_role_name(enum raft_role role);
const char *rblk_volume_state_name(enum rblk_volume_state state);
void rblk_volume_start_work(struct work_struct *work);	/* life.c */
void rblk_volume_stop_work(struct work_struct *work);
/* Writes a sentence to @err (RBLK_ERR_MAX) and returns @code. */
__printf(3, 4) int rblk_error_text(char *err, int code, const char *fmt, ...);

/*
 * Administration: none of these waits. On 0 the operation is under way and
 * rblk_notify_end() tells its end; @err (size RBLK_ERR_MAX) is a sentence for
 * people when the result is not 0.
 */
#define RBLK_ERR_MAX	192
int rblk_volume_up(struct net *net, const struct rblk_up *up, u64 op_id, char *err);
int rblk_volume_down(struct rblk_volume *v, bool force, u64 op_id, char *err);
int rblk_volume_bootstrap(struct rblk_volume *v, const struct rblk_bootstrap *b, u64 op_id,
			  char *err);
int rblk_volume_transfer(struct rblk_volume *v, const char *node, u64 op_id, char *err);
int rblk_volume_take(struct rblk_volume *v, bool force, u32 wait_ms, u64 op_id, char *err);
/* Takes the owner's lock of a volume that runs, or says why not. */
int rblk_volume_lock_running(struct rblk_volume *v, char *err);
void rblk_volume_teardown(struct rblk_volume *v);
void rblk_volume_gone(struct rblk_volume *v, u64 op_id, int error, const char *text);
void rblk_volume_notes(struct rblk_volume *v, u64 now);
u64 rblk_volume_ops_deadline(const struct rblk_volume *v);
extern const struct rblk_node_ops rblk_host_ops;
void rblk_take_step(struct rblk_volume *v, u64 now);	/* owner */
u64 rblk_take_deadline(const struct rblk_volume *v);	/* owner */

struct rblk_volume_info {		/* a snapshot for status; about 3 KiB */
	char volume[RBLK_NAME_MAX], node[RBLK_NAME_MAX];
	char log_path[RBLK_PATH_MAX], data_path[RBLK_PATH_MAX];
	enum rblk_volume_state state;
	int minor;			/* -1: no disk yet */
	u64 sectors;
	u64 openers, inflight;		/* of the disk; requests not ended */
	u32 pool_free[RBLK_BUDGETS], pool_size[RBLK_BUDGETS];
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	u8 peer_refused[NODE_PEERS_MAX];	/* enum wire_reason of its REJECT to us; 0: none */
	int peer_error[NODE_PEERS_MAX];		/* what ended the last connection to it; 0: none */
	struct rblk_node_status member;
};

/* May sleep, a second at most. 0, -ENODEV, -ETIMEDOUT; the names are filled in any case. */
int rblk_volume_info(struct rblk_volume *v, struct rblk_volume_info *info);

/* ---- ctl.c: generic netlink ---- */

int rblk_ctl_init(void);
void rblk_ctl_exit(void);
void rblk_notify_init(const struct genl_family *family, unsigned int group);
/* Multicasts the end of the operation @op_id (0: nobody asked). False: no memory. */
bool rblk_notify_end(struct net *net, const char *volume, u64 op_id, int error, const char *text,
		     gfp_t gfp);
/* Multicasts an event of a volume, and says it in the kernel log. Called by the loop; does not
 * sleep for memory (an event that cannot be allocated is counted and lost). @text: for people.
 */
void rblk_notify_event(struct rblk_volume *v, enum rblk_node_note note, u64 arg, const char *text);

/* ---- disk.c, request.c: the gendisk, its requests ---- */

int rblk_disk_init(void);		/* module: major number */
void rblk_disk_exit(void);		/* waits until the last gendisk is gone */
bool rblk_disk_is_ours(dev_t dev);
int rblk_disk_create(struct rblk_volume *v, int minor);	/* capacity 0, not yet added */
int rblk_disk_add(struct rblk_volume *v);	/* makes it appear; outside the owner's lock */
/* The order of Documentation/locking.rst: new IO fails; see also rblk_disk_del(). */
void rblk_disk_fail_new(struct rblk_volume *v);
/* del_gendisk; outside the owner's lock; may sleep long */
void rblk_disk_del(struct rblk_volume *v);
void rblk_disk_put(struct rblk_volume *v);
/* Owner: feeds queued requests to the member; how many it took. */
u32 rblk_disk_drain(struct rblk_volume *v, u64 now);
u64 rblk_disk_deadline(const struct rblk_volume *v);	/* io-timeout; U64_MAX: none */
/* After the loop has stopped and rblk_node_stop(): ends what was never given to the member. */
void rblk_disk_abort(struct rblk_volume *v);
u64 rblk_disk_openers(const struct rblk_volume *v);
/* No open succeeds from now on; -EBUSY when there are openers and not @force. */
int rblk_disk_set_closing(struct rblk_volume *v, bool force);
void rblk_disk_show(struct rblk_volume *v, struct seq_file *m);	/* owner: requests in flight */
/* Owner, after notes: capacity and read-only follow, in a worker. */
void rblk_disk_state_changed(struct rblk_volume *v);
void rblk_disk_info(struct rblk_volume *v, struct rblk_volume_info *info);
/* member_ops */
struct rblk_buf *rblk_disk_serve_begin(void *host, u32 nblocks, u64 sector, u32 nsect, u64 *token);
void rblk_disk_read_copy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
			 u32 nsect);
void rblk_disk_read_zero(void *host, u64 token, u32 off, u32 nsect);
void rblk_disk_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect);
void rblk_disk_read_issued(void *host, u64 token);
void rblk_disk_complete(void *host, u64 token, int error);

/* ---- logio.c, dataio.c: the lower devices ---- */

struct rblk_lower {			/* lower.c: an exclusively opened block device */
	struct rblk_volume *v;
	struct file *file;
	struct block_device *bdev;
	refcount_t busy;		/* operations in flight, and one until rblk_lower_wait() */
	struct completion idle;
	bool waited;
	bool failed;			/* it is gone: the loop halts the member */
};

/* An operation of one or more bios on a lower device; embedded in what is preallocated. */
struct rblk_io {
	struct rblk_done done;		/* queued when the last bio ended */
	struct rblk_volume *v;
	struct rblk_lower *lower;
	atomic_t bios;
	int error;			/* -errno, the first one */
	u32 nheld;
	struct rblk_payload **held;	/* put when the last bio ended */
};

int rblk_lower_open(struct rblk_volume *v, struct rblk_lower *l, dev_t dev, const char *what,
		    const char *path, char *err);
void rblk_lower_wait(struct rblk_lower *l);
void rblk_lower_close(struct rblk_lower *l);
void rblk_lower_begin(struct rblk_lower *l);
void rblk_lower_end(struct rblk_lower *l);
int rblk_lower_read(struct rblk_lower *l, u64 off, void *buf, u32 len);	/* sleeps */
/* Any context: nothing will come of this device any more. */
void rblk_lower_fail(struct rblk_lower *l);
void rblk_io_init(struct rblk_io *io, struct rblk_volume *v, struct rblk_lower *lower,
		  void (*run)(struct rblk_volume *v, struct rblk_done *done, u64 now));
void rblk_io_hold(struct rblk_io *io, struct rblk_buf *buf);
/* Submits @bio[0..n), which end in @io. Under the owner's lock. */
void rblk_io_submit(struct rblk_io *io, struct bio *bio, u32 n);
struct page *rblk_addr_page(const void *addr);	/* lowmem or vmalloc */

/* Opens exclusively (holder), refuses what is mounted or used; *err is a sentence. May sleep. */
int rblk_logio_open(struct rblk_volume *v, char *err);
int rblk_dataio_open(struct rblk_volume *v, char *err);
int rblk_logio_prepare(struct rblk_volume *v);	/* v->super and v->limits are known: allocate */
int rblk_dataio_prepare(struct rblk_volume *v);
u64 rblk_logio_bytes(const struct rblk_volume *v);	/* size of the device */
int rblk_logio_flush(struct rblk_volume *v);	/* sleeps */
u64 rblk_dataio_bytes(const struct rblk_volume *v);
struct rblk_lower *rblk_dataio_lower(const struct rblk_volume *v);
struct rblk_lower *rblk_logio_lower(const struct rblk_volume *v);
bool rblk_logio_flushes(const struct rblk_volume *v);	/* each write there costs a flush */
void rblk_logio_wait(struct rblk_volume *v);	/* until no bio is in flight */
void rblk_dataio_wait(struct rblk_volume *v);
void rblk_logio_close(struct rblk_volume *v);
void rblk_dataio_close(struct rblk_volume *v);
/* Synchronous, for rblk_node_start(). @rd->scratch is allocated: vfree() it. */
int rblk_logio_reader(struct rblk_volume *v, struct log_reader *rd);
int rblk_dataio_header(struct rblk_volume *v, struct data_super *ds);
/* member_ops */
void rblk_log_write(void *host, struct log_record *rec, struct rblk_buf *const *buf, u32 n);
void rblk_meta_write(void *host, u64 off, const void *data);
void rblk_map_write(void *host, u64 off, const void *block);
void rblk_log_read(void *host, struct rblk_node_readback *rb);
void rblk_data_apply(void *host, const struct vol_batch *b, struct rblk_buf *const *buf);
void rblk_data_sync(void *host, const void *header_block);

/* ---- peer.c: sockets to the other members; everything by the loop, never blocking ---- */

int rblk_peers_start(struct rblk_volume *v, char *err);	/* listens; may sleep */
void rblk_peers_shutdown(struct rblk_volume *v);	/* cuts every socket; loop has stopped */
void rblk_peers_free(struct rblk_volume *v);	/* when no payload is referenced any more */
bool rblk_peers_poll(struct rblk_volume *v, u64 now);	/* owner; true: more to do at once */
u64 rblk_peers_deadline(const struct rblk_volume *v);	/* reconnects, handshake timeouts */
void rblk_peers_info(struct rblk_volume *v, struct rblk_volume_info *info);
/* member_ops */
void *rblk_peer_tx_begin(void *host, u32 slot, enum wire_channel ch);
void rblk_peer_tx_end(void *host, u32 slot, enum wire_channel ch, u32 len,
		      struct rblk_buf *const *buf, u32 n);

/* ---- debugfs.c, trace.c ---- */
void rblk_debugfs_init(void);
void rblk_debugfs_exit(void);
void rblk_debugfs_add(struct rblk_volume *v);
void rblk_debugfs_del(struct rblk_volume *v);
void rblk_trace(void *host, enum rblk_node_trace what, u64 index, u64 arg);

void rblk_note(void *host, enum rblk_node_note what, u64 arg);

#endif /* RAFTBLK_H */
