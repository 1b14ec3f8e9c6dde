/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all parts of a node stand on: the host and its operations, the clock, the
 * configuration, who leads, and the peers with their connections. The parts
 * (replica, client, server) call this, and never each other's callers.
 */
#ifndef RBLK_NODE_GROUND_H
#define RBLK_NODE_GROUND_H

#include "ops.h"

/* A peer asks this node for a leader, though there is one: it does not hear that one. */
struct rblk_sought {
	u64 leader;		/* store of the leader; 0: it never asked */
	u64 at;			/* when it asked last */
	u64 named_at;		/* when the leader was told so last */
};

/* Another start of a peer's store says hello, while the one that is connected may still run. */
struct rblk_rival {
	u64 nonce;		/* number of the start that says hello; 0: none does */
	u64 since;		/* when it did first, or when the connected one could be asked */
	u64 question;		/* number of the question; 0: it could not be asked yet */
	bool late;		/* the time for an answer was over when it came last */
	bool refused;		/* the connected one has answered */
};

/* A peer: the state of its connections, and what it said in its latest hello. */
struct rblk_peer {
	bool up[WIRE_CHANNELS];
	bool known;		/* a hello was accepted */
	bool bootstrapped;
	bool client;		/* it has no disks */
	bool lost;		/* a member whose replica is lost: a device of it has failed */
	bool frees;		/* its data device frees what is zeroed */
	bool tx_blocked;	/* tx_begin() had no room */
	bool needs_resync;	/* this node leads, and its log no longer covers the peer */
	u8 says_impaired;	/* enum rblk_impaired, as it said of late */
	u8 impaired;		/* this node leads; the peer says so, or does not reply */
	bool says_blocked;	/* it said of late that its payload reaches no majority */
	bool says_stuck;	/* ... that its payload does not reach this node */
	bool says_absent;	/* ... that it lacks a part of the image */
	bool blocked;		/* this node leads; the peer says so */
	bool absent;		/* this node leads; the peer says so */
	u64 seeker, seeker_at;	/* who asked it for a leader, and when it said so last */
	u64 seeker_since;	/* since when it says so of nodes that were not heard here */
	struct rblk_sought sought;
	u8 last_reject;
	u64 store;		/* 0: not known yet */
	u64 generation;
	bool owes;		/* in this start, its log lacked what it had acknowledged */
	u64 nonce;		/* number of its start */
	u64 start[WIRE_CHANNELS];	/* ... that each of its connections is with */
	struct rblk_rival rival;
	struct {
		u64 nonce;	/* number of the start that was refused last as one of a copy; 0 */
		u64 at;		/* when it was */
	} copy;
	u64 owed;		/* question that an answer is due to; 0: none is */
	bool established;	/* both sides accepted the other: what it said is remembered */
	u64 up_at;		/* when both of its connections were up */
	u64 down_at[NODE_DOWNS];	/* when it was disconnected of late, in turn */
	u32 downs;		/* ... and how often in all */
	u64 heard_at;		/* when the latest frame came from it */
	/* The newest entry, and the newest term, that it had durably when it said hello. */
	u64 match, match_term, term;
	u64 data_sectors, ring_bytes;
	u32 entries;
	/* What was known of it when this node said hello first; store 0: it did not. */
	struct log_peer_memory asked[WIRE_CHANNELS];
	/* The path to it, see path.c. In bytes since its bulk connection is there: */
	u64 sent, acked;	/* ... sent, and acknowledged when it was looked at */
	u64 large_end;		/* ... up to the end of a large message; 0: none is on the way */
	u64 large_last;		/* ... up to the end of the newest one */
	u64 waits_since;	/* since when such a one waits, and nothing was acknowledged; 0 */
	bool stuck;		/* payload to it does not get through, though it is heard */
	u64 stuck_at;		/* when this was found last */
};

struct rblk_ground {
	struct rblk_node_cfg cfg;
	const struct rblk_node_ops *ops;
	void *host;
	u64 now;
	enum rblk_node_halt halt;
	int halt_error;
	struct rblk_alarm alarm;	/* of all rooms of this node: an invariant is broken */
	const char *invariant;	/* HALT_INVARIANT: the condition that did not hold */
	u64 term, leader;	/* newest term known, and the store that leads it; 0: unknown */
	bool remote;		/* no usable replica here: reads go to the leader */
	bool stalled;		/* the leader cannot commit: too few voters acknowledge */
	bool blocked;		/* this node leads, and just now its payload reaches no majority */
	u64 paths_at;		/* when to look at the paths to the peers again */
	struct rblk_conf conf;	/* active configuration; index 0: none is known */
	struct rblk_buf **bufs;	/* scratch: the payloads of one record or frame */
	u32 npeers;
	struct rblk_peer peer[NODE_PEERS_MAX];
};

static inline void rblk_ground_trace(struct rblk_ground *g, enum rblk_node_trace what, u64 index,
				     u64 arg)
{
	if (g->ops->trace)
		g->ops->trace(g->host, what, index, arg);
}

static inline void rblk_ground_note(struct rblk_ground *g, enum rblk_node_note what, u64 arg)
{
	g->ops->note(g->host, what, arg);
}

/* Both connections are needed: on one alone nothing but hellos is sent. */
static inline bool rblk_peer_connected(const struct rblk_peer *p)
{
	return p->up[WIRE_CONSENSUS] && p->up[WIRE_BULK];
}

static inline bool rblk_peer_sendable(const struct rblk_peer *p)
{
	return rblk_peer_connected(p) && !p->tx_blocked;
}

/* Raft speaks only to a peer that has a replica. */
static inline bool rblk_peer_listens(const struct rblk_peer *p)
{
	return rblk_peer_connected(p) && !p->client && !p->lost;
}

void rblk_ground_init(struct rblk_ground *g, const struct rblk_node_cfg *cfg, u64 now);
void rblk_ground_halt(struct rblk_ground *g, enum rblk_node_halt why, int error);
const struct rblk_member *rblk_ground_member(const struct rblk_ground *g, u64 store);
struct rblk_peer *rblk_ground_peer(struct rblk_ground *g, u64 store, u32 *slot);
void *rblk_ground_tx_begin(struct rblk_ground *g, u32 slot, enum wire_channel ch);
void rblk_ground_tx_end(struct rblk_ground *g, u32 slot, enum wire_channel ch, u32 frame_bytes,
			struct rblk_buf *const *buf, u32 n);
void rblk_ground_sought(struct rblk_ground *g, struct rblk_peer *p);
u64 rblk_ground_seeker(struct rblk_ground *g, u64 leader);
bool rblk_ground_names(const struct rblk_ground *g, const struct rblk_peer *p);
void rblk_ground_path_sent(struct rblk_peer *p, u64 bytes);
void rblk_ground_path_new(struct rblk_peer *p);
void rblk_ground_paths_run(struct rblk_ground *g);
bool rblk_ground_path_stuck(const struct rblk_ground *g, const struct rblk_peer *p);
u64 rblk_ground_heartbeat_ns(const struct rblk_ground *g);
u64 rblk_ground_election_ns(const struct rblk_ground *g);

#endif /* RBLK_NODE_GROUND_H */
