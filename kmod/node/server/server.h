/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The server of a node: while the node leads, it takes the requests of the clients
 * of all nodes, its own included. It stands on the replica; a node without one has
 * no server. It is asserted that it takes requests only while it serves, and proposes
 * nothing of a session that the log has.
 */
#ifndef RBLK_NODE_SERVER_H
#define RBLK_NODE_SERVER_H

#include "node/ground/ground.h"
#include "node/ground/reads.h"
#include "node/replica/replica.h"

/* What a leader knows of a client, during one term. */
struct rblk_server_client {
	u64 store;		/* 0: it has not spoken */
	u64 epoch, next;	/* its session, and the sequence number to propose next */
	u64 last_contact;	/* latest contact; 0: none in this term */
	u64 keepalive;		/* number of its newest keepalive */
	u64 open_nonce;		/* OPEN that is in the log and was not executed yet; 0: none */
	u64 close_epoch;	/* epoch of the CLOSE proposed in this term */
	u64 gap_at;		/* value of @next when it was last told of a gap */
	u64 stalled_at;		/* commit index when there was no room */
	u64 refused_at;		/* since when its next write finds no room; 0: it was taken */
	u64 tried_at;		/* when it was last tried */
	bool in_use;		/* it says that its device is open */
	bool spoke;		/* on this connection, so that any frame of it counts as contact */
	bool stalled;		/* a write of it was dropped because there was no room */
	bool waits;		/* the newest reply left it no credit */
	bool due;		/* a reply is to be sent */
	bool gap;		/* the reply says: go on from @next */
	bool busy;		/* the reply says: the session is in use */
	bool wanted;		/* the reply says: another node asks for the session */
};

/* What a member has of a chunk that is being read for it. */
struct rblk_server_compared {
	u64 token;		/* of the read; 0: this place is free */
	u64 hash[WIRE_HASHES_MAX];
};

struct rblk_server {
	struct rblk_ground *g;
	struct rblk_replica *r;
	struct rblk_reads *reads;

	/* The term that everything below belongs to, and whether this node leads it. */
	u64 term;
	bool leads;
	bool synced;		/* the state of all sessions is known */
	u64 seen;		/* the replies for entries up to here are due */
	u64 lead_since;
	/* See follow.c. */
	u64 follow_at;		/* from then on leadership may follow the session */
	u64 level, next_level;	/* commit index a heartbeat ago, or at the latest sample */
	u64 sample_at;		/* when to sample it again */
	u64 evicted_epoch;	/* session that was closed to make room for another */
	union {			/* scratch: what is said to a member that is resynchronised */
		struct wire_state state;
		struct wire_map map;
	} said;
	struct rblk_server_compared compared[NODE_PULL_READS];
	struct rblk_server_client client[NODE_PEERS_MAX + 1];	/* by slot; the last: this node */
};

/* The slot of this node's own client. */
#define NODE_SLOT_SELF		NODE_PEERS_MAX

/* serve.c */
void rblk_server_init(struct rblk_server *sv, struct rblk_ground *g, struct rblk_replica *r,
		      struct rblk_reads *reads);
void rblk_server_executed(struct rblk_server *sv);
bool rblk_server_serves(struct rblk_server *sv);
int rblk_server_submit(struct rblk_server *sv, u32 slot, const struct wire_submit *w,
		       struct wire_append *a, struct rblk_buf **buf);
void rblk_server_present(struct rblk_server *sv, bool in_use, u64 keepalive);
int rblk_server_take(struct rblk_server *sv, u32 slot, bool force, struct rblk_entry *e,
		     struct rblk_buf **buf);
void rblk_server_peer_up(struct rblk_server *sv, u32 slot);
void rblk_server_heard(struct rblk_server *sv, u32 slot);

/* session.c: who may have a session */
void rblk_server_session(struct rblk_server *sv, struct rblk_server_client *s,
			 struct rblk_entry *e, bool force);
void rblk_server_open_executed(struct rblk_server *sv, const struct rblk_entry *e);

/* reply.c */
void rblk_server_run(struct rblk_server *sv);
u32 rblk_server_credit(const struct rblk_server *sv);
bool rblk_server_own_reply(struct rblk_server *sv, struct wire_reply *r);

/* follow.c: who had better lead */
void rblk_server_follow_run(struct rblk_server *sv);
u64 rblk_server_successor(struct rblk_server *sv);
u64 rblk_server_follow_deadline(struct rblk_server *sv);

/* pull.c: what a member that is resynchronised asks for */
int rblk_server_pull(struct rblk_server *sv, u32 slot, const struct wire_pull *w);

/* mark.c: marks, for members that compare the copies of the image */
int rblk_server_mark(struct rblk_server *sv, const struct wire_mark *w);

/* read.c: reads for other nodes */
bool rblk_server_reads(struct rblk_reads *reads, u32 slot, u64 id, bool pull);
int rblk_server_read(struct rblk_server *sv, u32 slot, const struct wire_read *w);
void rblk_server_read_refuse(struct rblk_ground *g, u32 slot, const struct wire_read *w);

#endif /* RBLK_NODE_SERVER_H */
