// SPDX-License-Identifier: GPL-2.0
/* What all parts of a node stand on; see ground.h. */
#include "ground.h"

#define SOUGHT_ELECTIONS	3	/* a node that seeks a leader asks again within so many */

/* The one way to NODE_HALT_INVARIANT. What broke first counts; the rest may be its effects. */
static void rblk_ground_broken(struct rblk_alarm *alarm, const char *cond)
{
	struct rblk_ground *g = container_of(alarm, struct rblk_ground, alarm);

	if (g->halt != NODE_RUNNING)
		return;
	g->invariant = cond;
	rblk_ground_halt(g, NODE_HALT_INVARIANT, -EUCLEAN);
}

/**
 * rblk_ground_init() - sets up what all parts of a node stand on
 * @g: zeroed
 * @cfg: copied
 * @now: ns
 */
void rblk_ground_init(struct rblk_ground *g, const struct rblk_node_cfg *cfg, u64 now)
{
	g->cfg = *cfg;
	g->ops = cfg->ops;
	g->host = cfg->host;
	g->now = now;
	g->npeers = cfg->npeers;
	g->alarm.raise = rblk_ground_broken;
}

/**
 * rblk_ground_halt() - marks the node as halted: it does nothing from now on
 * @g: ground
 * @why: kept for the status; the first reason counts. That an invariant is broken
 *	is said with RBLK_ASSERT() only, which gives its name.
 * @error: -errno of the cause
 *
 * Only marks: rblk_node_run() ends what waits here, in the same pass, so that no
 * caller finds its own state changed under its feet.
 */
void rblk_ground_halt(struct rblk_ground *g, enum rblk_node_halt why, int error)
{
	if (g->halt != NODE_RUNNING)
		return;
	g->halt = why;
	g->halt_error = error;
}

/**
 * rblk_ground_member() - finds a member of the active configuration by its store
 * @g: ground
 * @store: identity
 *
 * Return: the member, or NULL.
 */
const struct rblk_member *rblk_ground_member(const struct rblk_ground *g, u64 store)
{
	u32 i;

	for (i = 0; i < g->conf.n; i++)
		if (g->conf.m[i].store == store)
			return &g->conf.m[i];
	return NULL;
}

/**
 * rblk_ground_peer() - finds a peer by its store
 * @g: ground
 * @store: identity, 0 never matches
 * @slot: where to put its slot, may be NULL
 *
 * Return: the peer, or NULL if no node with that store has said hello.
 */
struct rblk_peer *rblk_ground_peer(struct rblk_ground *g, u64 store, u32 *slot)
{
	u32 i;

	for (i = 0; i < g->npeers; i++) {
		if (!store || g->peer[i].store != store)
			continue;
		if (slot)
			*slot = i;
		return &g->peer[i];
	}
	return NULL;
}

/**
 * rblk_ground_tx_begin() - gets room for a frame to a peer
 * @g: ground
 * @slot: peer
 * @ch: which of its connections
 *
 * Return: the room, or NULL: rblk_node_tx_ready() comes once there is some.
 */
void *rblk_ground_tx_begin(struct rblk_ground *g, u32 slot, enum wire_channel ch)
{
	void *frame = g->ops->tx_begin(g->host, slot, ch);

	if (!frame)
		g->peer[slot].tx_blocked = true;
	return frame;
}

/**
 * rblk_ground_tx_end() - sends a frame
 * @g: ground
 * @slot: peer
 * @ch: which of its connections
 * @frame_bytes: what was encoded; 0: it was not possible
 * @buf: payload that follows the frame
 * @n: of @buf
 *
 * The sender knows the bounds of a frame, so what cannot be encoded is a broken
 * invariant, and nothing of it is sent.
 */
void rblk_ground_tx_end(struct rblk_ground *g, u32 slot, enum wire_channel ch, u32 frame_bytes,
			struct rblk_buf *const *buf, u32 n)
{
	u32 i, blocks = 0;

	if (RBLK_ASSERT(&g->alarm, frame_bytes > 0))
		return;
	for (i = 0; i < n; i++)
		blocks += buf[i] ? buf[i]->nblocks : 0;
	if (ch == WIRE_BULK)
		rblk_ground_path_sent(&g->peer[slot], frame_bytes + blocks * RBLK_BLOCK_SIZE);
	g->ops->tx_end(g->host, slot, ch, frame_bytes, buf, n);
}

/**
 * rblk_ground_sought() - a peer seeks a leader
 * @g: ground
 * @p: the peer
 *
 * If this node has heard a leader of late, the peer does not hear that.
 */
void rblk_ground_sought(struct rblk_ground *g, struct rblk_peer *p)
{
	const struct rblk_peer *leader = rblk_ground_peer(g, g->leader, NULL);

	if (!leader || leader == p ||
	    g->now >= leader->heard_at + rblk_ground_election_ns(g))
		return;
	p->sought.leader = g->leader;
	p->sought.at = g->now;
}

/**
 * rblk_ground_seeker() - which peer that does not hear the leader is the next to be named to it?
 * @g: ground
 * @leader: its store
 *
 * Peers are named soon after they have asked: they ask again. Some ask far more often than
 * others, and they take turns.
 *
 * Return: store of the peer; 0: there is none.
 */
u64 rblk_ground_seeker(struct rblk_ground *g, u64 leader)
{
	struct rblk_peer *p, *next = NULL;

	for (p = g->peer; p < g->peer + g->npeers; p++)
		if (p->sought.leader == leader &&
		    g->now < p->sought.at + 2 * rblk_ground_heartbeat_ns(g) &&
		    (!next || p->sought.named_at < next->sought.named_at))
			next = p;
	if (!next)
		return 0;
	next->sought.named_at = g->now;
	return next->store;
}

/**
 * rblk_ground_names() - does a peer say that another node asks it for a leader?
 * @g: ground
 * @p: the peer
 *
 * Return: true if it has said so of late, of p->seeker last.
 */
bool rblk_ground_names(const struct rblk_ground *g, const struct rblk_peer *p)
{
	return g->now < p->seeker_at + SOUGHT_ELECTIONS * rblk_ground_election_ns(g);
}

static u64 timeout_ns(u32 replicated_ms, u32 default_ms)
{
	return (replicated_ms ? replicated_ms : default_ms) * RBLK_NSEC_PER_MSEC;
}

/**
 * rblk_ground_heartbeat_ns() - interval of heartbeats, and of the keepalives of clients
 * @g: ground
 *
 * Return: ns.
 */
u64 rblk_ground_heartbeat_ns(const struct rblk_ground *g)
{
	return timeout_ns(g->conf.heartbeat_ms, g->cfg.limits.default_heartbeat_ms);
}

/**
 * rblk_ground_election_ns() - time without a heartbeat after which a leader is given up
 * @g: ground
 *
 * Return: ns.
 */
u64 rblk_ground_election_ns(const struct rblk_ground *g)
{
	return timeout_ns(g->conf.election_ms, g->cfg.limits.default_election_ms);
}
