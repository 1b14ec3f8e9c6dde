// SPDX-License-Identifier: GPL-2.0
/* The entry table: descriptors, payload references and tokens of the live log. */
#include "internal.h"

/**
 * rblk_replica_ent() - the table's line of an entry
 * @r: replica
 * @index: of the entry
 *
 * Return: the line, or NULL when the entry is not in the live log.
 */
struct rblk_ent *rblk_replica_ent(const struct rblk_replica *r, u64 index)
{
	if (index <= r->base.index || index > r->last)
		return NULL;
	return &r->ent[index & r->mask];
}

/**
 * rblk_replica_free_entries() - lines still free in the table
 * @r: replica
 *
 * Return: how many entries can be added before the log must be compacted.
 */
u64 rblk_replica_free_entries(const struct rblk_replica *r)
{
	return r->mask + 1 - (r->last - r->base.index);
}

/**
 * rblk_replica_can_lead() - is there room for the no-op of a new leader?
 * @ctx: the member
 *
 * Raft's callback, before it campaigns: a candidate takes in nothing else, so the
 * room is still there when it wins. A table that is full is relieved when what is
 * committed has been applied, or when another leader overrules its tail.
 *
 * Return: whether there is.
 */
bool rblk_replica_can_lead(void *ctx)
{
	return rblk_replica_free_entries(ctx) > 0;
}

/**
 * rblk_replica_stage() - puts a new entry behind the newest one
 * @r: replica; there is room
 * @e: the entry, with its index, term and sum set here
 * @buf: its payload, NULL for none; the reference becomes the table's
 *
 * Return: 0, or -EAGAIN when the table is full; the caller keeps @buf then.
 */
int rblk_replica_stage(struct rblk_replica *r, struct rblk_entry *e, struct rblk_buf *buf)
{
	struct rblk_ent *ent;

	if (!rblk_replica_free_entries(r))
		return -EAGAIN;
	e->index = r->last + 1;
	e->csum = rblk_entry_csum(e, buf ? buf->crc : NULL);
	ent = &r->ent[e->index & r->mask];
	ent->e = *e;
	ent->buf = buf;
	ent->pos = 0;
	r->last = e->index;
	return 0;
}

/**
 * rblk_replica_unstage() - takes the newest entry back: raft did not accept it
 * @r: replica
 * @index: of the entry, the newest
 *
 * The payload's reference goes back to whoever staged it.
 */
void rblk_replica_unstage(struct rblk_replica *r, u64 index)
{
	if (RBLK_ASSERT(index == r->last && index >= r->log_next))
		return;
	r->ent[index & r->mask].buf = NULL;
	r->last = index - 1;
}

/**
 * rblk_replica_drop() - an entry gives up its payload
 * @r: replica
 * @ent: line of the table
 */
void rblk_replica_drop(struct rblk_replica *r, struct rblk_ent *ent)
{
	if (ent->buf)
		r->g->ops->buf_put(r->g->host, ent->buf);
	ent->buf = NULL;
}

/**
 * rblk_replica_truncate() - gives up entries that a leader overruled
 * @r: replica
 * @first: oldest entry given up
 *
 * What of them is of this node waits in its client's window, and goes to the new
 * leader. Another node may still hold these very entries, win a later election
 * and commit them: then the second ones are duplicates.
 */
void rblk_replica_truncate(struct rblk_replica *r, u64 first)
{
	u64 i;

	if (first > r->last)
		return;
	if (RBLK_ASSERT(first > r->commit)) {
		rblk_ground_halt(r->g, NODE_HALT_INVARIANT, -EUCLEAN);
		return;
	}
	rblk_ground_trace(r->g, NODE_T_TRUNCATE, first, 0);
	for (i = r->last; i >= first; i--)
		rblk_replica_drop(r, &r->ent[i & r->mask]);
	r->truncated += r->last - first + 1;
	r->last = first - 1;
	if (r->log_next > first) {
		rblk_log_truncate(&r->log, first);
		r->log_next = first;
	}
	if (r->g->conf.index >= first)
		r->g->conf = r->prev_conf;
}

/**
 * rblk_replica_shed() - puts payload that the own log holds and nobody waits for
 * @r: replica
 *
 * A new leader tells of no commit before all that it inherited is on a quorum.
 * A follower that catches up would hold all of it until then, with memory for
 * less: it would stop receiving what has to come first. So it keeps no more than
 * the newest apply_bytes of what is not executed; the rest is read back to be applied.
 */
void rblk_replica_shed(struct rblk_replica *r)
{
	u64 executed = rblk_replica_executed(r), bytes = 0, i;

	if (rblk_replica_leads(r))
		return;
	for (i = r->rst.durable; i > executed; i--) {
		struct rblk_ent *ent = rblk_replica_ent(r, i);

		if (!ent->e.nblocks)
			continue;
		if (!ent->buf)
			return;		/* and so are those before it */
		bytes += (u64)ent->e.nblocks << RBLK_BLOCK_SHIFT;
		if (bytes <= r->g->cfg.limits.apply_bytes)
			continue;
		r->boot_last = max_t(u64, r->boot_last, i);
		r->g->ops->buf_put(r->g->host, ent->buf);
		ent->buf = NULL;
	}
}

/**
 * rblk_replica_release_next() - puts the payload of the oldest applied entry that has it still
 * @r: replica, with one that was not released yet
 */
void rblk_replica_release_next(struct rblk_replica *r)
{
	struct rblk_ent *ent = &r->ent[++r->released & r->mask];

	if (!ent->buf)
		return;
	r->held_bytes -= ent->buf->nblocks * RBLK_BLOCK_SIZE;
	r->g->ops->buf_put(r->g->host, ent->buf);
	ent->buf = NULL;
}

/**
 * rblk_replica_compact() - forgets entries that the log no longer holds
 * @r: replica
 * @base: the newest of them
 */
void rblk_replica_compact(struct rblk_replica *r, const struct rblk_id *base)
{
	if (base->index <= r->base.index)
		return;
	while (r->released < base->index)
		rblk_replica_release_next(r);
	r->base = *base;
}
