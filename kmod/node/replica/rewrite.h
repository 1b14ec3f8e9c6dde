/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks that the data device fails to read, see rewrite.c. */
#ifndef RBLK_NODE_REWRITE_H
#define RBLK_NODE_REWRITE_H

#include "node/ground/ops.h"

#define NODE_UNREAD	16	/* ranges that wait to be looked at */
#define NODE_REWRITES	64	/* blocks that are remembered, and rewritten in an hour at most */

enum rblk_rewrite_phase {
	REWRITE_NONE,		/* the next block is to be looked at */
	REWRITE_LOOK,		/* it is being read */
	REWRITE_ASK,		/* a member was asked for its content */
	REWRITE_CAME,		/* content is here, and may include what is not applied yet */
	REWRITE_WRITE,		/* it is being written */
};

/* A block that was rewritten. */
struct rblk_rewritten {
	u64 at;			/* when; 0: this place is free */
	u64 block;
	bool left;		/* and could not be read again: it is left alone from then on */
};

/* A range of which a read has failed: it begins with a block. */
struct rblk_unread {
	u64 sector;
	u32 nsect;
	u32 seen;		/* so many sectors of it were dealt with */
	bool in_vain;		/* not all of these can be read now */
};

struct rblk_rewrite {
	enum rblk_rewrite_phase phase;
	struct rblk_unread range[NODE_UNREAD];	/* the first one is dealt with, by block */
	u32 n;
	u64 again_at;		/* when to go on, if that was not possible; 0: it was */

	/* The first block of the first range. */
	bool stale;		/* ... no longer: what is being read or written is another one */
	bool wrote;		/* it was rewritten: can it be read now? */
	u32 tries;		/* in vain */
	u64 id;			/* of the question */
	u64 since;		/* when it was asked */
	u32 slot, failed;	/* who was asked; who was in vain, a bit each */
	u64 from;		/* what was executed then */
	bool touched;		/* an entry behind that changes the block */
	u64 upto;		/* the content may include entries up to this one */
	struct rblk_buf *buf;	/* one reference; NULL: zeroes */
	struct vol_item item;
	struct vol_zero zero;

	struct rblk_rewritten done[NODE_REWRITES];
	u64 failures, rewritten;	/* reads that failed, and blocks, since the start */
};

#endif /* RBLK_NODE_REWRITE_H */
