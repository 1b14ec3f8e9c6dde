/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The server of a node: what the clients of all nodes, this one's among them,
 * ask of it while it leads. It stands on the replica; a node without one has no
 * server.
 */
#ifndef RBLK_NODE_SERVER_H
#define RBLK_NODE_SERVER_H

#include "node/ground/ground.h"
#include "node/ground/reads.h"
#include "node/replica/replica.h"

/* A client as its leader knows it, during one term. */
struct rblk_server_client {
	u64 store;		/* 0: it has not spoken */
	u64 epoch, next;	/* of its session: the sequence number to be proposed next */
	u64 last_contact;	/* when it spoke last; 0: not in this term */
	u64 keepalive;		/* number of its newest keepalive */
	u64 open_nonce, open_epoch;	/* OPEN proposed in this term */
	u64 close_epoch;	/* epoch of the CLOSE proposed in this term */
	u64 gap_at;		/* @next when it was told of a gap last */
	u64 stalled_at;		/* commit index when there was no room */
	bool in_use;		/* it says that its device is open */
	bool spoke;		/* on this connection: whatever comes from it shows that it lives */
	bool stalled;		/* something of it was dropped since there was no room */
	bool due;		/* it is to be sent a reply, which says: */
	bool gap;		/* to go on from @next */
	bool busy;		/* that the session it asks for is in use */
	bool wanted;		/* that its session is asked for */
};

struct rblk_server {
	struct rblk_ground *g;
	struct rblk_replica *r;
	struct rblk_reads *reads;

	/* The term that the rest speaks of, and whether this node leads it. */
	u64 term;
	bool leads;
	bool synced;		/* where all sessions stand is known */
	u64 seen;		/* entries up to here were looked at for their clients */
	u64 lead_since;
	u64 follow_at;		/* leadership may follow the session from then on */
	u64 evicted_epoch;	/* session that was closed to make place for another */
	struct rblk_server_client client[NODE_PEERS_MAX + 1];	/* by slot; the last: this node */
};

/* Of this node's own client. */
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

/* reply.c */
void rblk_server_run(struct rblk_server *sv);
bool rblk_server_own_reply(struct rblk_server *sv, struct wire_reply *r);

/* follow.c: leadership follows the exclusive session */
void rblk_server_follow_run(struct rblk_server *sv);
u64 rblk_server_follow_deadline(struct rblk_server *sv);

/* read.c: reads for other nodes */
int rblk_server_read(struct rblk_server *sv, u32 slot, const struct wire_read *w);
void rblk_server_read_refuse(struct rblk_ground *g, u32 slot, const struct wire_read *w);

#endif /* RBLK_NODE_SERVER_H */
