/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of reads under way on a node, by age and by token. A read ends
 * through whoever it was begun for: a user of this node, or the server that
 * reads for another one. How it is carried out is not decided here: from the
 * own replica (replica/read.c) or by the leader (client/remote.c).
 */
#ifndef RBLK_NODE_READS_H
#define RBLK_NODE_READS_H

#include "ground.h"

#define NODE_READ_BUCKETS	256

enum rblk_read_flags {
	NODE_R_PARTS		= 1,	/* handed out to the host, not ended yet */
	NODE_R_FOUND		= 2,	/* the last lookup was read in full */
	NODE_R_CONFIRMED	= 4,	/* by a leader round: wait_index is valid */
	NODE_R_SENT		= 8,	/* the leader was asked for it */
	NODE_R_GIVEN		= 16,	/* the parts under way are what the leader sent */
};

struct rblk_read;

/* Ends a read for its owner, before complete(); may change the error that is reported. */
typedef int (*rblk_read_end_fn)(void *owner, struct rblk_read *rd, int error);

struct rblk_read {
	u64 token;
	u64 sector;
	u32 nsect;
	u32 flags;		/* enum rblk_read_flags */
	u64 read_id;		/* of its confirming round */
	u64 lookup_index;	/* executed index when its content was looked up */
	u64 wait_index;		/* content must be at least as new as this */
	int error;
	rblk_read_end_fn end;
	void *owner;
	struct rblk_buf *buf;	/* read for another node: its content goes there */
	u64 id;			/* and this is what that node calls it */
	u32 slot;		/* of that node */
	u32 hash_next;		/* place + 1 */
	u32 prev, next;		/* active list, by age; place + 1 */
};

struct rblk_reads {
	struct rblk_ground *g;
	struct rblk_read *read;
	u32 hash[NODE_READ_BUCKETS];
	u32 free, head, tail;	/* place + 1; 0: none */
	u32 n;			/* under way */
	u64 read_id;		/* newest that a round was asked for */
	bool fresh;		/* some wait to be asked for: of raft, or of the leader */
	u32 sent, sent_max;	/* the leader was asked for, and may be */
	u64 total, retried;
};

/* The next read, by age; @next is the place behind it. It may end, and no other. */
static inline struct rblk_read *rblk_reads_next(struct rblk_reads *rds, u32 *next)
{
	struct rblk_read *rd;

	if (!*next)
		return NULL;
	rd = &rds->read[*next - 1];
	*next = rd->next;
	return rd;
}

static inline struct rblk_read *rblk_reads_first(struct rblk_reads *rds, u32 *next)
{
	*next = rds->head;
	return rblk_reads_next(rds, next);
}

void rblk_reads_init(struct rblk_reads *rds, struct rblk_ground *g);
struct rblk_read *rblk_reads_find(struct rblk_reads *rds, u64 token);
struct rblk_read *rblk_reads_add(struct rblk_reads *rds, u64 token, u64 sector, u32 nsect,
				 rblk_read_end_fn end, void *owner);
void rblk_reads_end(struct rblk_reads *rds, struct rblk_read *rd, int error);
void rblk_reads_unsent(struct rblk_reads *rds, struct rblk_read *rd);
void rblk_reads_again(struct rblk_reads *rds);
void rblk_reads_fail(struct rblk_reads *rds, int error, bool stopping);

#endif /* RBLK_NODE_READS_H */
