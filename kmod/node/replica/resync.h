/* SPDX-License-Identifier: GPL-2.0 */
/* The state of a resync, see resync.c. */
#ifndef RBLK_NODE_RESYNC_H
#define RBLK_NODE_RESYNC_H

#include "node/ground/ops.h"

#define NODE_PULLS		4	/* requests of a resync that are out at once */
#define NODE_CHUNK_BLOCKS	(RBLK_WRITE_MAX / RBLK_BLOCK_SIZE)

/* A request that is out, or content that came and waits for the data device. */
struct rblk_pull {
	u64 id;			/* 0: this place is free */
	u64 since;		/* when it was sent */
	u32 slot;		/* to this member; NODE_PEERS_MAX: it has to be sent */
	u8 what;		/* enum wire_pulled */
	bool came;		/* the content is here */
	bool written;		/* ... and on the data device, to be counted after a flush */
	bool stale;		/* it is being written, and no longer counts */
	u32 at;			/* MAP: first region; CHUNK: which one */
	u8 own;			/* CHUNK: enum rblk_own */
	bool zeroes;		/* CHUNK that came: all of it */
	u32 same;		/* ... blocks that are the same here, a bit each */
	u64 upto;		/* ... entries up to this one may be included */
	struct rblk_buf *buf;	/* ... one reference; NULL: nothing but zeroes, or all the same */
	u64 hash[WIRE_HASHES_MAX];	/* OWN_HASHED: of what is here */
};

/* What this replica knows of what it has itself of a chunk, see own.c. */
enum rblk_own {
	OWN_NOT_READ,
	OWN_READING,		/* the request is sent when that has ended */
	OWN_HASHED,
	OWN_UNKNOWN,		/* it is not compared, or could not be read */
};

/* How fast content is asked for, see pace.c. */
struct rblk_pace {
	u64 at;			/* when the next chunk may be asked for */
	u32 rate;		/* KiB in a second while users write; below the floor: that */
	bool slowed;		/* they had reason to complain */
	u8 strain;		/* enum rblk_strain_found, as the leader found last */
	u32 strain_no;		/* number of that finding */
	u64 since;		/* when it came */
	u32 chunks;		/* asked for since then */
};

enum rblk_resync_phase {
	RESYNC_NONE,		/* the log meets that of the others, and nothing is absent */
	RESYNC_STATE,		/* asks for a state to go on from */
	RESYNC_MAP,		/* ... and for what has changed up to there */
	RESYNC_INSTALL,		/* that state becomes durable */
	RESYNC_PULL,		/* content of chunks is pulled */
};

struct rblk_resync {
	enum rblk_resync_phase phase;
	bool installing;	/* the checkpoint in progress is that of RESYNC_INSTALL */
	u32 source;		/* slot of the member that was asked last; NODE_PEERS_MAX: none */
	u64 avoid[NODE_PEERS_MAX];	/* until when this member is not asked */
	u32 only;		/* slots, a bit each: nobody else is asked; 0: everybody may be */
	u64 ids;		/* requests since the start */
	u32 window;		/* so many at once */
	u32 answers;		/* with content, since the start */
	struct rblk_pull pull[NODE_PULLS];
	struct rblk_pull *landing;	/* is being written to the data device */
	struct vol_item item[NODE_CHUNK_BLOCKS];	/* ... these blocks of it */
	struct vol_zero zero[DIV_ROUND_UP(NODE_CHUNK_BLOCKS, 2)];	/* ... or these ranges */

	u64 spared;		/* as the leader said last: see spare.c */
	u64 ask_at;		/* when to ask for a state again */
	bool have_base;		/* RESYNC_STATE: @base is one, which may be too new yet */
	struct wire_state base;	/* from RESYNC_MAP on */
	u64 since;		/* entries up to this one were applied when it came */
	u32 map_asked, map_known;	/* regions of its map that were asked for, and came */

	u64 from;		/* content that lands includes the entries up to this one */
	u64 target;		/* content that landed may include entries up to this one */
	u32 next;		/* where to look for the next chunk */
	struct rblk_pace pace;
	u32 vain;		/* chunks in a row that were compared, with no block the same */
	u32 skipped;		/* chunks that were not compared because of that */
	u32 unsettled;		/* chunks that landed since the newest checkpoint began */
	u32 batches;		/* of entries, since a chunk was written */
	bool waits;		/* the apply waits for a chunk */

	/*
	 * The data device is older than the log: what has changed since @old_index is absent, and
	 * the disk is to say so before a header says that the device is as new.
	 */
	bool old;
	u64 old_index;
	bool marking;		/* the checkpoint in progress is the one that says so */

	u64 since_ns;		/* when it began */
	u64 bytes_before;	/* value of @bytes then */
	u64 installs, bytes, zero_bytes, same_bytes;
};

#endif /* RBLK_NODE_RESYNC_H */
