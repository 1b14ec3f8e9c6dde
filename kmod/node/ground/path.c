// SPDX-License-Identifier: GPL-2.0
/*
 * Whether payload gets through to each peer. A path may let pass what is small and
 * swallow the rest (its MTU is smaller than was agreed on, and nobody says so). Then the
 * bulk connection stands still, and the consensus connection goes on: the peer is heard,
 * and hears this node.
 *
 * What counts is whether TCP of the peer acknowledges anything of what is on the way,
 * not what the peer makes of it: its devices may be slow, or its memory full. A link
 * that is merely slow acknowledges packet by packet.
 *
 * That a path is well shows only when something large gets through. Who has nothing to
 * send remembers for a while what was the matter.
 */
#include "ground.h"

/* By then TCP has sent twice again what is lost, on a path that is not long. */
#define STUCK_MIN_NS		(600 * RBLK_NSEC_PER_MSEC)
#define LARGE_BYTES		2048	/* of a message: more than a packet of Ethernet */
#define STUCK_MEMORY_NS		(30 * RBLK_NSEC_PER_SEC)
#define STUCK_LATELY		3	/* times the patience: a new connection takes a while */

static u64 path_patience(const struct rblk_ground *g)
{
	return max_t(u64, rblk_ground_election_ns(g), STUCK_MIN_NS);
}

/**
 * rblk_ground_path_sent() - something was sent on the bulk connection of a peer
 * @p: the peer
 * @bytes: of it
 */
void rblk_ground_path_sent(struct rblk_peer *p, u64 bytes)
{
	p->sent += bytes;
	if (bytes < LARGE_BYTES)
		return;
	p->large_last = p->sent;
	if (!p->large_end)
		p->large_end = p->sent;
}

/**
 * rblk_ground_path_new() - the next bulk connection of a peer begins with nothing on the way
 * @p: the peer
 */
void rblk_ground_path_new(struct rblk_peer *p)
{
	p->sent = 0;
	p->acked = 0;
	p->large_end = 0;
	p->large_last = 0;
	p->waits_since = 0;
}

static void tell(struct rblk_ground *g, u32 slot, bool stuck)
{
	struct rblk_peer *p = &g->peer[slot];

	if (stuck)
		p->stuck_at = g->now;
	if (p->stuck == stuck)
		return;
	p->stuck = stuck;
	rblk_ground_note(g, NODE_N_PATH, slot);
}

/*
 * What the peer's TCP has acknowledged since this was looked at last. Somebody who is not heard
 * either is down, or cut off: that is another matter, and what waited meanwhile may take a while.
 */
static void look_at(struct rblk_ground *g, u32 slot)
{
	struct rblk_peer *p = &g->peer[slot];
	bool waits;
	u64 unacked = g->ops->tx_unacked(g->host, slot, &waits);
	u64 acked = p->sent - min_t(u64, p->sent, unacked);
	bool heard = g->now < p->heard_at + path_patience(g) / 2;

	if (p->large_end && acked >= p->large_end) {
		p->large_end = p->large_last > acked ? p->large_last : 0;
		tell(g, slot, false);
	}
	if (!waits || !p->large_end)
		p->waits_since = 0;
	else if (!p->waits_since || acked > p->acked || !heard)
		p->waits_since = g->now;
	p->acked = acked;
}

/**
 * rblk_ground_paths_run() - notices to whom payload does not get through, or does again
 * @g: ground
 *
 * Once a heartbeat is often enough, and there is a pass as often.
 */
void rblk_ground_paths_run(struct rblk_ground *g)
{
	u32 i;

	if (g->now < g->paths_at)
		return;
	g->paths_at = g->now + rblk_ground_heartbeat_ns(g);
	for (i = 0; i < g->npeers; i++) {
		struct rblk_peer *p = &g->peer[i];

		if (p->up[WIRE_BULK])
			look_at(g, i);
		if (p->waits_since && g->now >= p->waits_since + path_patience(g))
			tell(g, i, true);
		else if (p->stuck && g->now >= p->stuck_at + STUCK_MEMORY_NS)
			p->stuck = false;
	}
}

/**
 * rblk_ground_path_stuck() - has payload to a peer just now not got through?
 * @g: ground
 * @p: the peer
 *
 * Return: true if it has not of late; not what is only remembered.
 */
bool rblk_ground_path_stuck(const struct rblk_ground *g, const struct rblk_peer *p)
{
	return p->stuck && g->now < p->stuck_at + STUCK_LATELY * path_patience(g);
}
