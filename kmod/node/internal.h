/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node is composed of the client that every node has and, where there are disks,
 * of the replica and the server that stands on it. Only the files of this directory
 * see all of them. The parts leave marks for each other, and run.c alone knows in
 * which order to act on them.
 */
#ifndef RBLK_NODE_INTERNAL_H
#define RBLK_NODE_INTERNAL_H

#include "node/client/client.h"
#include "node/ground/ground.h"
#include "node/ground/reads.h"
#include "node/node.h"
#include "node/replica/replica.h"
#include "node/server/server.h"

struct rblk_node {
	struct rblk_ground g;
	struct rblk_reads reads;
	struct rblk_client client;
	struct rblk_replica *replica;	/* NULL: no disks, or it is lost */
	struct rblk_replica *lost;	/* what was the replica until a device of it failed */
	enum rblk_node_halt lost_why;	/* which device: its data alone, and the replica goes on */
	int lost_error;
	u32 losses;			/* times that it has lost its replica since the start */
	u64 lost_at;			/* when it did so last */
	bool lost_again;		/* ... and not long after the time before */
	struct rblk_server server;	/* used with a replica only */
	bool halted;			/* everything that waited here has been ended */
	bool ready;
	u64 unready_since;		/* unless it is ready */
	u32 questions;			/* asked so far: see rival.c */
	u32 passes;			/* made so far: every so many there is an audit */
};

/* rival.c */
u8 rblk_node_rival(struct rblk_node *n, u32 slot, const struct wire_hello *h);
int rblk_node_alive(struct rblk_node *n, u32 slot, const struct wire_alive *a);
void rblk_node_alive_owed(struct rblk_node *n, u32 slot);

/* halt.c */
void rblk_node_end_all(struct rblk_node *n);
void rblk_node_lose(struct rblk_node *n);
bool rblk_node_outlives(struct rblk_node *n);

#endif /* RBLK_NODE_INTERNAL_H */
