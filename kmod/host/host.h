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
#include "member/member.h"

#define RB_NAME			"raftblk"
#define RB_PATH_MAX		256
#define RB_TEXT_MAX		160
#define RB_ELECTION_MS_MIN	50

struct rb_volume;
struct seq_file;

extern struct workqueue_struct *rb_wq;	/* unbound, reclaim-safe: up, down, disk state */

/* Each line names the volume and the node. */
#define rb_say(pr, vol, fmt, ...)						\
do {										\
	const struct rb_volume *v_ = (vol);					\
										\
	pr("%s@%s: " fmt, v_->name, v_->up.node, ##__VA_ARGS__);		\
} while (0)
#define rb_info(v, fmt, ...)	rb_say(pr_info, v, fmt, ##__VA_ARGS__)
#define rb_warn(v, fmt, ...)	rb_say(pr_warn, v, fmt, ##__VA_ARGS__)
#define rb_err(v, fmt, ...)	rb_say(pr_err, v, fmt, ##__VA_ARGS__)
#define rb_warn_limited(v, fmt, ...)	rb_say(pr_warn_ratelimited, v, fmt, ##__VA_ARGS__)
#define rb_err_limited(v, fmt, ...)	rb_say(pr_err_ratelimited, v, fmt, ##__VA_ARGS__)

/* ---- pool.c: payload pages, preallocated; nothing here sleeps or can recurse ---- */

enum rb_budget {
	RB_BUDGET_SUBMIT,		/* writes of this node */
	RB_BUDGET_RECEIVE,		/* from peers */
	RB_BUDGET_READBACK,		/* from the own log */
	RB_BUDGET_SERVE,		/* reads for nodes without a replica of use */
	RB_BUDGETS
};

struct rb_payload {
	struct rb_buf buf;		/* what the pure layers see */
	refcount_t ref;
	struct rb_pool *pool;
	u8 budget;
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

/* ---- host.c, life.c: one volume on this node: loop, administration, life ---- */

struct rb_up {				/* what "up" asks for; without log and data: a client */
	char volume[LOG_NAME_MAX];
	char node[LOG_NAME_MAX];
	char log_path[RB_PATH_MAX];
	char data_path[RB_PATH_MAX];	/* for people */
	dev_t log_dev, data_dev;
	struct sockaddr_storage listen;
	u32 npeers;
	struct member_peer_cfg peer[MEMBER_PEERS_MAX];	/* node names and addresses as text */
	struct sockaddr_storage peer_addr[MEMBER_PEERS_MAX];
	int minor;			/* /dev/raftblkN; -1: the first free one */
	u32 pool_mib;			/* 0: default */
	u32 io_timeout_ms;		/* 0: wait for ever (default) */
	u32 election_ms;		/* before and at bootstrap; 0: default */
};

enum rb_volume_state {
	RB_V_STARTING,			/* devices, recovery: in a worker */
	RB_V_RUNNING,
	RB_V_STOPPING,
	RB_V_FAILED,			/* start failed: vanishes once reported */
};

struct rb_bootstrap {			/* what "bootstrap" asks for */
	u64 sectors;			/* 0: what the smallest data device allows */
	bool shared;			/* a session for each node */
	u32 election_ms;		/* 0: what "up" said */
};

struct rb_take {			/* take.c; owner */
	bool on, force;
	u64 ticket, deadline, ask_at, next;
	char from[LOG_NAME_MAX];	/* who is being fenced */
	bool over;			/* only to be told */
	int error;
	char text[RB_TEXT_MAX];
};

#define RB_NOTES_MAX	32

struct rb_note {
	enum member_note what;
	u64 arg;
};

struct rb_ticket {			/* an operation whose end somebody waits for */
	u64 id;				/* 0: none, or nobody waits */
	u64 deadline;
};

enum rb_kick { RB_KICK_SUBMIT, RB_KICK_DONE, RB_KICK_NET, RB_KICK_POOL, RB_KICK_CTL };

struct rb_volume {
	struct kref ref;
	struct list_head list;		/* rb_volumes, under rb_volumes_lock */
	u64 id;				/* never given twice */
	enum rb_volume_state state;	/* written under rb_volumes_lock */
	char name[LOG_NAME_MAX];
	struct rb_up up;
	struct net *net;		/* held: sockets live in it */
	struct log_super super;
	struct member_limits limits;

	struct mutex owner;		/* around every call into @m */
	atomic_t lookers;		/* who wait for it in rb_volume_lock_timeout() */
	struct member *m;
	void *member_pages;		/* vmalloc */
	struct rb_pool *pool;
	struct member_status st;	/* owner: scratch, as of the latest notes */
	struct rb_note note[RB_NOTES_MAX];	/* owner: told during the current run */
	u32 nnotes, notes_lost;
	bool stopped;			/* after member_stop(): ended I/O is released, not told */

	struct task_struct *loop;
	wait_queue_head_t wait;
	wait_queue_head_t noted;	/* woken after notes: bounded waits of down and open */
	unsigned long kicks;		/* enum rb_kick bits */
	struct llist_head done;		/* struct rb_done: ended I/O, any context */

	struct rb_disk *disk;		/* disk.c */
	struct rb_logio *logio;		/* logio.c */
	struct rb_dataio *dataio;	/* dataio.c */
	struct rb_peers *peers;		/* peer.c */
	struct dentry *debugfs, *debugfs_link;
	struct work_struct start_work, stop_work;
	u64 up_ticket, down_ticket;
	struct rb_ticket bootstrap, transfer;	/* owner */
	struct rb_take take;
	char session_told[RB_TEXT_MAX];	/* owner: of the session, last told */
	bool force;			/* down --force: end every request now */
};

/* An ended asynchronous operation, queued from any context and run by the loop as owner. */
struct rb_done {
	struct llist_node node;
	/* As owner. When v->stopped, it only releases what the operation held. */
	void (*run)(struct rb_volume *v, struct rb_done *done, u64 now);
};

/* A client: neither a log nor a data device. */
static inline bool rb_volume_diskless(const struct rb_volume *v)
{
	return !v->up.log_path[0];
}

/* Any context, any number of times. */
void rb_volume_kick(struct rb_volume *v, enum rb_kick why);
void rb_volume_done(struct rb_volume *v, struct rb_done *done);
void rb_volume_get(struct rb_volume *v);
void rb_volume_put(struct rb_volume *v);	/* may sleep (last one) */
/* Referenced; NULL: not up here. */
struct rb_volume *rb_volume_find(const struct net *net, const char *name);
/* The one behind the volume with the id @after, referenced; NULL: no more. */
struct rb_volume *rb_volume_next(const struct net *net, u64 after);
u64 rb_now(void);				/* ns, boot time clock */
void rb_volume_run_done(struct rb_volume *v, u64 now);	/* owner */
int rb_volume_loop(void *arg);			/* the loop's kthread */
int rb_volumes_init(void);
void rb_volumes_exit(void);
void rb_volume_set_state(struct rb_volume *v, enum rb_volume_state state);
/* Forgets the volume: rb_volume_find() no longer finds it. */
void rb_volume_unlist(struct rb_volume *v);
/* Takes the owner's lock, waiting one second at most: -ETIMEDOUT. For looking, not for acting. */
int rb_volume_lock_timeout(struct rb_volume *v);
const char *rb_store_name(const struct rb_volume *v, const struct member_status *st, u64 store);
const char *rb_leader_name(const struct rb_volume *v, const struct member_status *st);
const char *rb_role_name(enum raft_role role);
const char *rb_volume_state_name(enum rb_volume_state state);
void rb_volume_start_work(struct work_struct *work);	/* life.c */
void rb_volume_stop_work(struct work_struct *work);
/* Writes a sentence to @err (RB_ERR_MAX) and returns @code. */
__printf(3, 4) int rb_sentence(char *err, int code, const char *fmt, ...);

/*
 * Administration: none of these waits. On 0 the operation is under way and
 * rb_ctl_ticket() tells its end; @err (size RB_ERR_MAX) is a sentence for
 * people when the result is not 0.
 */
#define RB_ERR_MAX	192
int rb_volume_up(struct net *net, const struct rb_up *up, u64 ticket, char *err);
int rb_volume_down(struct rb_volume *v, bool force, u64 ticket, char *err);
int rb_volume_bootstrap(struct rb_volume *v, const struct rb_bootstrap *b, u64 ticket, char *err);
int rb_volume_transfer(struct rb_volume *v, const char *node, u64 ticket, char *err);
int rb_volume_take(struct rb_volume *v, bool force, u32 wait_ms, u64 ticket, char *err);
/* Takes the owner's lock of a volume that runs, or says why not. */
int rb_volume_lock_running(struct rb_volume *v, char *err);
void rb_take_step(struct rb_volume *v, u64 now);	/* owner */
u64 rb_take_deadline(const struct rb_volume *v);	/* owner */

struct rb_volume_info {			/* a snapshot for status; about 3 KiB */
	char volume[LOG_NAME_MAX], node[LOG_NAME_MAX];
	char log_path[RB_PATH_MAX], data_path[RB_PATH_MAX];
	enum rb_volume_state state;
	int minor;			/* -1: no disk yet */
	u64 sectors;
	u64 openers, inflight;		/* of the disk; requests not ended */
	u32 pool_free[RB_BUDGETS], pool_size[RB_BUDGETS];
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	u8 peer_refused[MEMBER_PEERS_MAX];	/* enum wire_reason of its REJECT to us; 0: none */
	int peer_error[MEMBER_PEERS_MAX];	/* what ended the last connection to it; 0: none */
	struct member_status member;
};

/* May sleep, a second at most. 0, -ENODEV, -ETIMEDOUT; the names are filled in any case. */
int rb_volume_info(struct rb_volume *v, struct rb_volume_info *info);

/* ---- ctl.c: generic netlink ---- */

int rb_ctl_init(void);
void rb_ctl_exit(void);
/* Multicasts the end of the operation @ticket (0: nobody asked). False: no memory. */
bool rb_ctl_ticket(struct net *net, const char *volume, u64 ticket, int error, const char *text,
		   gfp_t gfp);
/* Multicasts an event of a volume, and says it in the kernel log. Called by the loop; does not
 * sleep for memory (an event that cannot be allocated is counted and lost). @text: for people.
 */
void rb_ctl_event(struct rb_volume *v, enum member_note note, u64 arg, const char *text);

/* ---- disk.c, request.c: the gendisk, its requests ---- */

int rb_disk_init(void);			/* module: major number */
void rb_disk_exit(void);		/* waits until the last gendisk is gone */
bool rb_disk_is_ours(dev_t dev);
int rb_disk_create(struct rb_volume *v, int minor);	/* capacity 0, not yet added */
int rb_disk_add(struct rb_volume *v);	/* makes it appear; outside the owner's lock */
/* The order of Documentation/locking.rst: new IO fails; see also rb_disk_del(). */
void rb_disk_fail_new(struct rb_volume *v);
void rb_disk_del(struct rb_volume *v);	/* del_gendisk; outside the owner's lock; may sleep long */
void rb_disk_put(struct rb_volume *v);
/* Owner: feeds queued requests to the member; how many it took. */
u32 rb_disk_drain(struct rb_volume *v, u64 now);
u64 rb_disk_deadline(const struct rb_volume *v);	/* io-timeout; U64_MAX: none */
/* After the loop has stopped and member_stop(): ends what was never given to the member. */
void rb_disk_abort(struct rb_volume *v);
u64 rb_disk_openers(const struct rb_volume *v);
/* No open succeeds from now on; -EBUSY when there are openers and not @force. */
int rb_disk_close_door(struct rb_volume *v, bool force);
void rb_disk_show(struct rb_volume *v, struct seq_file *m);	/* owner: requests in flight */
/* Owner, after notes: capacity and read-only follow, in a worker. */
void rb_disk_state_changed(struct rb_volume *v);
void rb_disk_info(struct rb_volume *v, struct rb_volume_info *info);
int rb_disk_minor(const struct rb_volume *v);
/* member_ops */
struct rb_buf *rb_disk_serve_begin(void *host, u32 nblocks, u64 sector, u32 nsect, u64 *token);
void rb_disk_read_copy(void *host, u64 token, u32 off, struct rb_buf *buf, u32 nth, u32 sect,
		       u32 nsect);
void rb_disk_read_zero(void *host, u64 token, u32 off, u32 nsect);
void rb_disk_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect);
void rb_disk_read_issued(void *host, u64 token);
void rb_disk_complete(void *host, u64 token, int error);

/* ---- logio.c, dataio.c: the lower devices ---- */

struct rb_lower {			/* lower.c: an exclusively opened block device */
	struct rb_volume *v;
	struct file *file;
	struct block_device *bdev;
	refcount_t busy;		/* operations in flight, and one until rb_lower_wait() */
	struct completion idle;
	bool waited;
	bool failed;			/* it is gone: the loop halts the member */
};

/* An operation of one or more bios on a lower device; embedded in what is preallocated. */
struct rb_io {
	struct rb_done done;		/* queued when the last bio ended */
	struct rb_volume *v;
	struct rb_lower *lower;
	atomic_t bios;
	int error;			/* -errno, the first one */
	u32 nheld;
	struct rb_payload **held;	/* put when the last bio ended */
};

int rb_lower_open(struct rb_volume *v, struct rb_lower *l, dev_t dev, const char *what,
		  const char *path, char *err);
void rb_lower_wait(struct rb_lower *l);
void rb_lower_close(struct rb_lower *l);
void rb_lower_begin(struct rb_lower *l);
void rb_lower_end(struct rb_lower *l);
int rb_lower_read(struct rb_lower *l, u64 off, void *buf, u32 len);	/* sleeps */
/* Any context: nothing will come of this device any more. */
void rb_lower_fail(struct rb_lower *l);
void rb_io_init(struct rb_io *io, struct rb_volume *v, struct rb_lower *lower,
		void (*run)(struct rb_volume *v, struct rb_done *done, u64 now));
void rb_io_hold(struct rb_io *io, struct rb_buf *buf);
/* Submits @bio[0..n), which end in @io. Under the owner's lock. */
void rb_io_submit(struct rb_io *io, struct bio *bio, u32 n);
struct page *rb_addr_page(const void *addr);	/* lowmem or vmalloc */

/* Opens exclusively (holder), refuses what is mounted or used; *err is a sentence. May sleep. */
int rb_logio_open(struct rb_volume *v, char *err);
int rb_dataio_open(struct rb_volume *v, char *err);
int rb_logio_prepare(struct rb_volume *v);	/* v->super and v->limits are known: allocate */
int rb_dataio_prepare(struct rb_volume *v);
u64 rb_logio_bytes(const struct rb_volume *v);	/* size of the device */
int rb_logio_flush(struct rb_volume *v);	/* sleeps */
u64 rb_dataio_bytes(const struct rb_volume *v);
struct rb_lower *rb_dataio_lower(const struct rb_volume *v);
struct rb_lower *rb_logio_lower(const struct rb_volume *v);
bool rb_logio_flushes(const struct rb_volume *v);	/* each write there costs a flush */
void rb_logio_wait(struct rb_volume *v);	/* until no bio is in flight */
void rb_dataio_wait(struct rb_volume *v);
void rb_logio_close(struct rb_volume *v);
void rb_dataio_close(struct rb_volume *v);
/* Synchronous, for member_start(). @rd->scratch is allocated: vfree() it. */
int rb_logio_reader(struct rb_volume *v, struct log_reader *rd);
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

/* ---- data under a request or record: see member_ops ---- */
struct rb_buf *rb_buf_alloc(void *host, u32 nblocks);
void rb_buf_get(void *host, struct rb_buf *buf);
void rb_buf_put(void *host, struct rb_buf *buf);
void rb_buf_sum(void *host, const struct rb_buf *buf, u32 *crc);
void *rb_buf_data(void *host, struct rb_buf *buf);
void rb_note(void *host, enum member_note what, u64 arg);

#endif /* RAFTBLK_H */
