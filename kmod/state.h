/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The replicated state of a volume and the limits on it: what raft, log, volume
 * and wire share. These layers stand side by side above this header; none of
 * them includes another, except that frames (wire) carry Raft's messages.
 */
#ifndef RBLK_STATE_H
#define RBLK_STATE_H

#include "entry.h"

#define RBLK_UUID_LEN		16
#define RBLK_NAME_MAX		32	/* node and volume names, NUL included */
#define RBLK_ADDR_MAX		64	/* "host:port" as text, NUL included */

#define RBLK_MEMBERS_MAX	16	/* members of a configuration, at most */
/*
 * That this is the number of members, too, is an accident: clients without disks
 * have sessions, and a member without users has none.
 */
#define RBLK_SESSIONS_MAX	16

/*
 * Each start of a store draws a random number. So many of the newest starts, the present one
 * first, are its line: whoever knows one of them sees whether this is the store that it knew, or
 * another one that was a copy of it.
 */
#define RBLK_LINE		8

#define RBLK_RECORD_ENTRIES	48	/* entries in one record of the log */
/* Payload blocks in one record: those of two unaligned writes of the largest size. */
#define RBLK_RECORD_BLOCKS	(2 * RBLK_WRITE_MAX / RBLK_BLOCK_SIZE + 2)
#define RBLK_MAP_PER_BLOCK	504	/* values in one block of the change map */
/* log2 of the bytes in a region of the change map. */
#define RBLK_REGION_SHIFT_MIN	16
#define RBLK_REGION_SHIFT_MAX	30
/* In the change map: the data device lacks the content of this region, or a part of it. */
#define RBLK_MAP_ABSENT		BIT_ULL(63)
/* ... or it has all of it, which is zeroes, whatever the data device holds there. */
#define RBLK_MAP_UNWRITTEN		BIT_ULL(62)
#define RBLK_MAP_FLAGS		(RBLK_MAP_ABSENT | RBLK_MAP_UNWRITTEN)

/* Identifies an entry: its term and index. */
struct rblk_id {
	u64 term;
	u64 index;
};

/* Persisted together, before any message of that term is sent. */
struct rblk_hard_state {
	u64 term;
	u64 vote;			/* store id; 0: none */
};

/* On disk: values never change. */
enum rblk_member_flags {
	RBLK_M_IN	= 1,	/* voter of the incoming (or only) configuration */
	RBLK_M_OUT	= 2,	/* voter of the outgoing one while a configuration is joint */
	RBLK_M_LEARNER	= 4,	/* receives the log, does not count for majorities */
	RBLK_M_WITNESS	= 8,	/* votes and keeps the log but no data (reserved) */
};

/* A member, as the configuration lists it. */
struct rblk_member {
	u64 store;			/* store id: random, given at format; never 0 */
	u8 flags;			/* enum rblk_member_flags */
	char node[RBLK_NAME_MAX];
	char addr[RBLK_ADDR_MAX];
};

/* Flags of a volume; on disk and on the wire. */
#define RBLK_CONF_SHARED	1u	/* several sessions at once: cluster file systems */
#define RBLK_CONF_FLAGS		RBLK_CONF_SHARED	/* all that are known */

/* What a configuration entry carries, and a checkpoint repeats. */
struct rblk_conf {
	u64 index;			/* index of its entry; 0: not bootstrapped */
	u64 cluster;			/* random number, drawn at bootstrap: names this cluster */
	u64 sectors;			/* volume size, 512-byte sectors */
	u32 block_size;
	u32 election_ms;		/* a replicated option: the same on all nodes */
	u32 heartbeat_ms;
	u32 flags;			/* RBLK_CONF_* */
	/*
	 * The smallest log ring, and the smallest table of entries, of a member: what a
	 * leader may have uncommitted has to fit into those of all.
	 */
	u64 ring_bytes;
	u32 entries;
	u8 n;
	struct rblk_member m[RBLK_MEMBERS_MAX];
};

/* The right of one store to write. */
struct rblk_session {
	u64 store;			/* store of its node; 0: free */
	u64 epoch;			/* index of its open entry */
	u64 nonce;			/* of the OPEN that asked for it */
	u64 seq;			/* newest sequence number that took effect */
};

/* The replicated state, at exactly the index of a checkpoint. */
struct rblk_state {
	u64 index, term;		/* of the newest entry executed */
	u64 digest;			/* of all verdicts up to index, see volume.h */
	u32 nsessions;
	struct rblk_session session[RBLK_SESSIONS_MAX];
};

#endif /* RBLK_STATE_H */
