// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that the data device of this node has failed, for its users or for other nodes: another
 * member is asked for the content. That may be any of them, since this node may lead. Each makes
 * sure that what it sends is as new as the question. Only what all the others fail to read, too,
 * is an error, and not at once: of a large range each may lack another block, and who has failed
 * to read one has it rewritten.
 */
#include "internal.h"

/* Can it be asked, as far as is known? */
static bool may_have(const struct rblk_client *c, const struct rblk_read *rd, u32 slot)
{
	const struct rblk_peer *p = &c->g->peer[slot];

	return !(rd->failed >> slot & 1) && rblk_peer_listens(p) && rblk_peer_sendable(p);
}

/* Whom to ask next, not the same one again if there is another; -1: nobody. */
static int next_source(const struct rblk_client *c, const struct rblk_read *rd)
{
	u32 i, slot;

	for (i = 0; i < c->g->npeers; i++) {
		slot = (rd->asked + i) % c->g->npeers;
		if (may_have(c, rd, slot))
			return slot;
	}
	return -1;
}

static bool all_failed(const struct rblk_client *c, const struct rblk_read *rd)
{
	u32 i;

	for (i = 0; i < c->g->npeers; i++)
		if (!c->g->cfg.peer[i].client && !(rd->failed >> i & 1))
			return false;
	return true;
}

static void ask_for(struct rblk_client *c, struct rblk_read *rd)
{
	int slot = next_source(c, rd);

	if (slot < 0)
		return;
	rd->asked = slot + 1;
	rblk_client_read_send(c, slot, rd);
}

/**
 * rblk_client_away_run() - asks other members for what the own data device failed to read
 * @c: client
 *
 * Who does not answer within an election timeout is not waited for any longer.
 */
void rblk_client_away_run(struct rblk_client *c)
{
	bool again = c->g->now >= c->away_at;
	struct rblk_read *rd;
	u32 next;

	if (!c->reads->away)
		return;
	c->reads->away = false;
	if (again)
		c->away_at = c->g->now + rblk_ground_election_ns(c->g);
	for (rd = rblk_reads_first(c->reads, &next); rd; rd = rblk_reads_next(c->reads, &next)) {
		if (!(rd->flags & NODE_R_AWAY) || rd->flags & NODE_R_PARTS)
			continue;
		c->reads->away = true;
		if (again)
			rblk_reads_unsent(c->reads, rd);
		if (again && all_failed(c, rd))
			rd->failed = 0;
		if (!(rd->flags & NODE_R_SENT))
			ask_for(c, rd);
	}
}

/**
 * rblk_client_away_deadline() - when those are asked again
 * @c: client
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_client_away_deadline(const struct rblk_client *c)
{
	/* What nobody was asked for yet is, in the pass that follows. */
	return c->reads->away && c->away_at ? c->away_at : U64_MAX;
}

/**
 * rblk_client_away_refused() - a member cannot say now what it was asked for
 * @c: client
 *
 * The next one is asked, but not so fast that two who cannot keep each other busy.
 */
void rblk_client_away_refused(struct rblk_client *c)
{
	c->away_at = min_t(u64, c->away_at, c->g->now + rblk_ground_heartbeat_ns(c->g));
}

/**
 * rblk_client_away_failed() - a member cannot read what it was asked for, either
 * @c: client
 * @rd: the read
 * @slot: the member
 * @error: -errno, with which it ends if nobody is left
 */
void rblk_client_away_failed(struct rblk_client *c, struct rblk_read *rd, u32 slot, int error)
{
	rd->failed |= 1u << slot;
	rblk_reads_unsent(c->reads, rd);
	if (all_failed(c, rd) && ++rd->rounds >= NODE_READ_ROUNDS)
		rblk_reads_end(c->reads, rd, error);
}
