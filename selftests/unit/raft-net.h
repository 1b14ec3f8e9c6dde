/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small cluster of Raft cores in memory: a network that keeps every message
 * until told what to do with it, disks that write when told to, and a referee
 * that knows every committed entry. Used by transcripts and random runs.
 */
#ifndef RAFT_NET_H
#define RAFT_NET_H

#include "raft/internal.h"
#include "tap.h"

#define NET_NODES	7		/* store ids 1..NET_NODES */
#define NET_LOG		4096
#define NET_MSGS	1024
#define NET_OPS		512
#define NET_READS	4096
#define NET_MSG_ENTS	8
#define MS		RBLK_NSEC_PER_MSEC

struct net_ent {
	u64 term, val;
	const struct raft_conf *conf;	/* interned */
};

struct net_msg {
	struct raft_msg m;
	struct net_ent e[NET_MSG_ENTS];
};

/* A write to a node's own log that is in progress: entries, or a truncation. */
struct net_op {
	bool cut;
	u64 first, last, trunc_epoch;
	struct net_ent e[NET_MSG_ENTS];
};

struct net_node {
	u64 id;
	bool up;
	struct raft *r;
	struct raft_cfg cfg;
	/* Survives a crash. */
	struct rblk_hard_state meta;
	struct rblk_id snap;
	struct raft_conf snap_conf;
	u64 ckpt;			/* known committed at a restart */
	u64 disk_last;
	struct rblk_id owed;		/* newest entry that rot has taken; 0, 0: none */
	struct net_ent disk[NET_LOG];
	/* Does not. */
	u64 last;
	struct net_ent log[NET_LOG];
	struct rblk_hard_state meta_new;
	u64 meta_version;		/* a write is out */
	bool meta_written;
	u32 op_n, done_n;
	struct net_op op[NET_OPS];
	struct rblk_id done[NET_OPS];	/* {read id, index} written, not yet told */
	bool greedy;			/* leaves it to the core to keep configurations alone */
	bool cut_off[NET_NODES + 1];	/* nothing is sendable to this peer */
	u64 room;			/* no entry after this one is taken in; 0: no bound */
	bool crowded;			/* no room for the no-op of a new leader */
	u64 reads, answered;
	u64 need[NET_READS];		/* a read may not be served below */
};

struct net {
	u64 now, rng;
	struct net_node node[NET_NODES + 1];
	u32 nmsg;
	struct net_msg msg[NET_MSGS];
	const struct net_msg *handling;
	/* The referee. */
	u64 commit;
	struct net_ent hist[NET_LOG];
	u64 leader_of[NET_LOG];		/* by term */
	u64 val;
	bool verbose;
	bool blind;			/* input is forged, and the referee checks nothing */
};

extern struct net net;
extern FILE *net_out;		/* where a verbose run is told */

u64 net_rand(u64 n);
const struct raft_conf *net_intern(const struct raft_conf *c);
/* "1i 2io 3o 4l": members with their flags. */
struct raft_conf net_conf(const char *s);
const char *net_role(enum raft_role role);

#define U(x) ((unsigned long long)(x))

void net_print_msg(const struct raft_msg *m);
u64 net_sendable(void *ctx, u64 peer, u64 first, u64 last);
u64 net_takes(void *ctx, u64 first, u64 last);
bool net_can_lead(void *ctx);
void net_judge_commit(struct net_node *n, const struct raft_span *s);
/* What is said must be durable already. */
void net_judge_msg(struct net_node *n, const struct raft_msg *m);
void net_judge_role(struct net_node *n);
int net_step(struct net_node *n, struct raft_event *ev);
int net_event(struct net_node *n, enum raft_event_type type, u64 x, u64 id);
void net_boot(struct net_node *n);
void net_crash(struct net_node *n);
/* Its disk loses what is behind entry @keep, and it knows that. It is not up. */
void net_lose(struct net_node *n, u64 keep);
/* Nodes 1..@count with entry (1,1) as their common past. */
void net_start(u32 count, const struct raft_conf *conf, u64 seed);
void net_msg_drop(u32 i);
int net_handle(const struct net_msg *w);
int net_deliver(u32 i);
/* The head of the own log's writes reaches the disk. */
bool net_disk_one(struct net_node *n);
bool net_done_one(struct net_node *n);
bool net_meta_write(struct net_node *n);
bool net_meta_done(struct net_node *n);
/* Everything that the disk owes this node. */
bool net_disk_all(struct net_node *n);
int net_propose(struct net_node *n, u32 count, u32 bytes, const struct raft_conf *conf);
int net_read(struct net_node *n);
struct net_node *net_leader(void);
void net_tick_due(void);
/* Nothing is late, nothing is lost, until nothing happens any more. */
void net_settle(void);
/* Common past up to (term, index) implies equal entries there. */
void net_judge_logs(void);

#endif
