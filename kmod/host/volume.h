/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A volume, as far as every room of the kernel host knows it. Locking and lifetime
 * are described in Documentation/locking.rst; the short form:
 *
 * rblk_volume.owner (mutex) is held around every call into the pure node, and by
 * nothing that waits for I/O, the network or a quorum. Normally the volume's loop
 * thread is the owner. Interrupt-context producers (ends of bios, socket callbacks)
 * and submitters never take it: they queue on lock-free lists or set bits, and call
 * rblk_volume_kick() for the loop.
 *
 * What only one room needs to know is in a structure of that room, to which the
 * volume has a pointer.
 */
#ifndef RBLK_HOST_VOLUME_H
#define RBLK_HOST_VOLUME_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/socket.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "host/info.h"

#define RBLK_NAME		"raftblk"
#define RBLK_TEXT_MAX		160	/* a line for people */
#define RBLK_ERR_MAX		192	/* an error text */

struct rblk_pool;
struct rblk_disk;
struct rblk_logio;
struct rblk_dataio;
struct rblk_peers;
struct rblk_life;
struct rblk_snapshot;
struct rblk_events;
struct rblk_volume;

/* Each line in the kernel log names the volume and the node. */
#define rblk_printk(pr, vol, fmt, ...)						\
do {										\
	const struct rblk_volume *v_ = (vol);					\
										\
	pr(RBLK_NAME ": %s@%s: " fmt, v_->name, v_->up.node, ##__VA_ARGS__);	\
} while (0)
#define rblk_info(v, fmt, ...)	rblk_printk(pr_info, v, fmt, ##__VA_ARGS__)
#define rblk_warn(v, fmt, ...)	rblk_printk(pr_warn, v, fmt, ##__VA_ARGS__)
#define rblk_err(v, fmt, ...)	rblk_printk(pr_err, v, fmt, ##__VA_ARGS__)
#define rblk_warn_limited(v, fmt, ...)	rblk_printk(pr_warn_ratelimited, v, fmt, ##__VA_ARGS__)
#define rblk_err_limited(v, fmt, ...)	rblk_printk(pr_err_ratelimited, v, fmt, ##__VA_ARGS__)

struct rblk_up {			/* what "up" asks for; without log and data: a client */
	char volume[RBLK_NAME_MAX];
	u8 uuid[RBLK_UUID_LEN];		/* of the volume */
	char node[RBLK_NAME_MAX];
	char log_path[RBLK_PATH_MAX];
	char data_path[RBLK_PATH_MAX];	/* the paths are for messages only */
	dev_t log_dev, data_dev;
	struct sockaddr_storage listen;
	u32 npeers;
	struct rblk_node_peer_cfg peer[NODE_PEERS_MAX];	/* node names, and addresses as text */
	struct sockaddr_storage peer_addr[NODE_PEERS_MAX];
	int minor;			/* /dev/raftblkN; -1: the first free one */
	u32 pool_mib;			/* 0: default */
	u32 io_timeout_ms;		/* 0: the default, wait forever */
	u32 election_ms;		/* before and at bootstrap; 0: default */
	u32 resync_min;			/* MiB in a second; 0: default */
	u32 resync_max;			/* MiB in a second; 0: no bound */
	bool forget;			/* what nodes saw of each other's stores */
};

enum rblk_kick {
	RBLK_KICK_SUBMIT,
	RBLK_KICK_DONE,
	RBLK_KICK_NET,
	RBLK_KICK_POOL,
	RBLK_KICK_CTL,
	RBLK_KICK_LOOK,			/* a snapshot of the status is asked for */
};

struct rblk_volume {
	struct kref ref;
	struct list_head list;		/* of all volumes, under rblk_volumes_lock */
	u64 id;				/* never given twice */
	enum rblk_volume_state state;	/* written under rblk_volumes_lock */
	int minor;			/* minor number of its disk; -1: none */
	char name[RBLK_NAME_MAX];
	struct rblk_up up;
	struct net *net;		/* referenced until it is down, for its sockets */
	u32 netns;			/* the inode number of @net, for people */
	struct log_super super;
	struct rblk_node_limits limits;

	struct mutex owner;		/* around every call into @m */
	struct rblk_node *m;
	struct rblk_node_status st;	/* owner: as of the latest notes, and scratch */
	bool stopped;		/* after rblk_node_stop(): I/O that ends is not reported */

	wait_queue_head_t wait;		/* the loop sleeps here */
	unsigned long kicks;		/* enum rblk_kick bits */
	struct llist_head done;		/* struct rblk_done: ended I/O, any context */

	struct rblk_snapshot *snapshot;	/* status.c */
	struct rblk_events *events;	/* notify.c */
	struct rblk_pool *pool;
	struct rblk_disk *disk;		/* block/ */
	struct rblk_logio *logio;	/* store/ */
	struct rblk_dataio *dataio;
	struct rblk_peers *peers;	/* net/ */
	struct rblk_life *life;		/* life/; freed with the volume */
};

/* An ended asynchronous operation, queued from any context and run by the loop as owner. */
struct rblk_done {
	struct llist_node node;
	/* Called as owner. If v->stopped, it only releases what the operation held. */
	void (*run)(struct rblk_volume *v, struct rblk_done *done, u64 now);
};

/*
 * By what their work waits for, see "Workers" in Documentation/locking.rst. On the first,
 * for no other work and no I/O; on the second, for work on the others; on the third, for
 * I/O that the volume itself serves, maybe for ever.
 */
extern struct workqueue_struct *rblk_wq, *rblk_life_wq, *rblk_io_wq;
extern struct mutex rblk_volumes_lock;	/* the list of volumes, and their states */

int rblk_volumes_init(void);
void rblk_volumes_exit(void);
int rblk_volumes_hibernate(void);
void rblk_volumes_hibernated(void);

struct rblk_volume *rblk_volume_alloc(struct net *net, const struct rblk_up *up,
				      struct rblk_life *life);
void rblk_volume_get(struct rblk_volume *v);
void rblk_volume_put(struct rblk_volume *v);
int rblk_volume_enlist(struct rblk_volume *v);
void rblk_volume_unlist(struct rblk_volume *v);
struct rblk_volume *rblk_volume_find(const struct net *net, const char *name);
struct rblk_volume *rblk_volume_find_minor(const struct net *net, int minor);
struct rblk_volume *rblk_volume_next(const struct net *net, u64 after);
void rblk_volume_set_state(struct rblk_volume *v, enum rblk_volume_state state);
int rblk_volume_minor(const struct rblk_volume *v);

u64 rblk_now(void);
void rblk_volume_kick(struct rblk_volume *v, enum rblk_kick why);
void rblk_volume_done(struct rblk_volume *v, struct rblk_done *done);
void rblk_volume_run_done(struct rblk_volume *v, u64 now);

__printf(3, 4) int rblk_error_text(char *err, int code, const char *fmt, ...);
const char *rblk_store_name(const struct rblk_volume *v, const struct rblk_node_status *st,
			    u64 store);
const char *rblk_leader_name(const struct rblk_volume *v, const struct rblk_node_status *st);
const char *rblk_role_name(enum raft_role role);
const char *rblk_volume_state_name(enum rblk_volume_state state);

/* A client: neither a log nor a data device. */
static inline bool rblk_volume_diskless(const struct rblk_volume *v)
{
	return !v->up.log_path[0];
}

#endif /* RBLK_HOST_VOLUME_H */
