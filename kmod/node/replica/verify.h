/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparing the copies of the image: what every replica does about a mark (verify.c), and what
 * the member does that compares (compare.c).
 */
#ifndef RBLK_NODE_VERIFY_H
#define RBLK_NODE_VERIFY_H

#include "node/ground/ops.h"

/* What this replica says of a range, and what it does if that is not what the others say. */
struct rblk_verify {
	u64 index;		/* mark whose range is being read; 0: none */
	u64 store, id;		/* ... or was read last: for this member, and its number */
	bool spoiled;		/* ... and what is read counts for nothing */
	struct wire_sums said;	/* the newest answer */
	bool due;		/* ... is not sent yet */

	bool mends;		/* content is to be had again */
	bool told;		/* ... and metadata that says so is on its way to the disk */
	struct wire_mark mend;	/* of this range, from these members */
	u64 reads, mends_begun;	/* since the start */
};

/* What a member has said of a range. */
struct rblk_copy {
	bool heard;
	u64 index;		/* of the entry at which it was read */
	u32 error;		/* enum wire_error */
	u32 n;
	u32 sum[WIRE_SUMS_MAX];
};

/* One range after the other, each with looks at all copies, until they end alike. */
struct rblk_compare {
	bool busy;
	bool mend;		/* what differs from a majority is to be mended */
	u64 end;		/* sectors that are asked for end here */
	u64 sector;		/* the range that is looked at */
	u32 nsect;
	u64 ids;		/* marks since the start */
	u64 id;			/* the mark of this look; 0: it is not asked for yet */
	bool asks;		/* the leader is to be asked for the mark */
	u64 conf;		/* configuration that the places below are of */
	u64 index;		/* of its entry; 0: not executed here yet */
	u64 next_at;		/* when to look, to ask again, or to wait no longer */
	u64 give_up_at;		/* when this range is given up */
	struct rblk_copy copy[RBLK_MEMBERS_MAX];	/* by place in the configuration */
	u32 tries;		/* looks that were in vain, as too few could read just then */
	u32 silent;		/* members, by place, that did not answer the last time */
	u64 silent_at;		/* ... and for whom it is not waited for longer than that */
	u32 differed;		/* as the look before has found; 0: none, or nothing */
	u32 sent;		/* members that were told to mend */
	struct rblk_verify_status st;
};

#endif /* RBLK_NODE_VERIFY_H */
