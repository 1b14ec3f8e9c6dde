/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of the reads in progress on a node, by age and by token. Each read has
 * an owner that is called at its end: the client of this node, or the server, which
 * reads for other nodes. How a read is carried out is not decided here: by the own
 * replica (replica/read.c) or by the leader (client/remote.c).
 */
#ifndef RBLK_NODE_READS_H
#define RBLK_NODE_READS_H

#include "ground.h"

#define NODE_READ_BUCKETS	256
#define NODE_READ_ROUNDS	3	/* until what nobody can read is an error */

enum rblk_read_flags {
	NODE_R_PARTS		= 1,	/* the host has parts of it that have not ended yet */
	NODE_R_FOUND		= 2,	/* the last lookup was read in full */
	NODE_R_CONFIRMED	= 4,	/* by a round of the leader: wait_index is valid */
	NODE_R_SENT		= 8,	/* the leader was asked for its content */
	NODE_R_GIVEN		= 16,	/* the parts in progress were sent by another node */
	NODE_R_AWAY		= 32,	/* the data device failed it: another member is asked */
	NODE_R_NOT_AWAY		= 64,	/* it is for a member whose device failed it */
	NODE_R_PULL		= 128,	/* for a member that is resynchronised: needs no leader */
	NODE_R_RAW		= 256,	/* what is on the data device, even if that is no image */
};

struct rblk_read;

/* Tells the owner that a read ends, before complete(). Returns the error to be reported. */
typedef int (*rblk_read_end_fn)(void *owner, struct rblk_read *rd, int error);

struct rblk_read {
	u64 token;
	u64 sector;
	u32 nsect;
	u32 flags;		/* enum rblk_read_flags */
	u64 read_id;		/* of the round that confirms it */
	u64 lookup_index;	/* executed index when its content was looked up */
	u64 since;		/* when that was */
	u64 wait_index;		/* content must be at least as new as this */
	int error;
	rblk_read_end_fn end;
	void *owner;
	struct rblk_buf *buf;	/* for its content, if another node reads; else NULL */
	u64 id;			/* by which the other node knows it */
	u32 slot;		/* of the other node */
	u32 asked, failed;	/* AWAY: slot asked last, + 1; those that failed, a bit each */
	u32 rounds;		/* ... how often it began again with all of them, or here */
	u32 hash_next;		/* in its bucket; place + 1 */
	u32 prev, next;		/* by age; place + 1, 0 for none */
};

struct rblk_reads {
	struct rblk_ground *g;
	struct rblk_read *read;
	u32 hash[NODE_READ_BUCKETS];
	u32 free, head, tail;	/* place + 1; 0: none */
	u32 n;			/* in progress */
	u32 npulls;		/* of these, NODE_R_PULL */
	u64 read_id;		/* newest read id that a round was asked for */
	bool fresh;		/* some were not put to raft, or to the leader, yet */
	bool away;		/* there may be some of which another member is asked */
	u32 sent, sent_max;	/* reads put to the leader, and the most at once */
	u64 total, retried;
};

/* The next read by age; @next is where to go on. The caller may end this read, and no other. */
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
bool rblk_reads_room(const struct rblk_reads *rds, bool pull);
struct rblk_read *rblk_reads_add(struct rblk_reads *rds, u64 token, u64 sector, u32 nsect,
				 rblk_read_end_fn end, void *owner, bool pull);
void rblk_reads_end(struct rblk_reads *rds, struct rblk_read *rd, int error);
void rblk_reads_unsent(struct rblk_reads *rds, struct rblk_read *rd);
void rblk_reads_again(struct rblk_reads *rds);
void rblk_reads_fail(struct rblk_reads *rds, int error, bool stopping);

#endif /* RBLK_NODE_READS_H */
