// SPDX-License-Identifier: GPL-2.0
/* The entry table: descriptors, payload references and tokens of the live log. */
#include "internal.h"

/**
 * rblk_replica_ent() - the table's line of an entry
 * @m: member
 * @index: of the entry
 *
 * Return: the line, or NULL when the entry is not in the live log.
 */
struct rblk_ent *rblk_replica_ent(const struct rblk_node *m, u64 index)
{
	if (index <= m->base.index || index > m->last)
		return NULL;
	return &m->ent[index & m->mask];
}

/**
 * rblk_node_entry() - an entry of the live log
 * @m: member
 * @index: of the entry
 *
 * Return: the entry, or NULL; valid until the next call that drives the member.
 */
const struct rblk_entry *rblk_node_entry(const struct rblk_node *m, u64 index)
{
	const struct rblk_ent *ent = rblk_replica_ent(m, index);

	return ent ? &ent->e : NULL;
}

/**
 * rblk_replica_free_entries() - lines still free in the table
 * @m: member
 *
 * Return: how many entries can be added before the log must be compacted.
 */
u64 rblk_replica_free_entries(const struct rblk_node *m)
{
	return m->mask + 1 - (m->last - m->base.index);
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
 * @m: member; there is room
 * @e: the entry, with its index, term and sum set here
 * @buf: its payload, NULL for none; the reference becomes the table's
 *
 * Return: 0, or -EAGAIN when the table is full; the caller keeps @buf then.
 */
int rblk_replica_stage(struct rblk_node *m, struct rblk_entry *e, struct rblk_buf *buf)
{
	struct rblk_ent *ent;

	if (!rblk_replica_free_entries(m))
		return -EAGAIN;
	e->index = m->last + 1;
	e->csum = rblk_entry_csum(e, buf ? buf->crc : NULL);
	ent = &m->ent[e->index & m->mask];
	ent->e = *e;
	ent->buf = buf;
	ent->pos = 0;
	m->last = e->index;
	return 0;
}

/**
 * rblk_replica_unstage() - takes the newest entry back: raft did not accept it
 * @m: member
 * @index: of the entry, the newest
 *
 * The payload's reference goes back to whoever staged it.
 */
void rblk_replica_unstage(struct rblk_node *m, u64 index)
{
	if (RBLK_ASSERT(index == m->last && index >= m->log_next))
		return;
	m->ent[index & m->mask].buf = NULL;
	m->last = index - 1;
}

/**
 * rblk_replica_drop() - an entry gives up its payload
 * @m: member
 * @ent: line of the table
 */
void rblk_replica_drop(struct rblk_node *m, struct rblk_ent *ent)
{
	if (ent->buf)
		m->ops->buf_put(m->host, ent->buf);
	ent->buf = NULL;
}

/**
 * rblk_replica_truncate() - gives up entries that a leader overruled
 * @m: member
 * @first: oldest entry given up
 *
 * What of them is of this node waits in its client's window, and goes to the new
 * leader. Another node may still hold these very entries, win a later election
 * and commit them: then the second ones are duplicates.
 */
void rblk_replica_truncate(struct rblk_node *m, u64 first)
{
	u64 i;

	if (first > m->last)
		return;
	if (RBLK_ASSERT(first > m->commit)) {
		rblk_node_halt(m, NODE_HALT_INVARIANT, -EUCLEAN);
		return;
	}
	rblk_node_trace(m, NODE_T_TRUNCATE, first, 0);
	for (i = m->last; i >= first; i--)
		rblk_replica_drop(m, &m->ent[i & m->mask]);
	m->truncated += m->last - first + 1;
	m->last = first - 1;
	if (m->log_next > first) {
		rblk_log_truncate(&m->log, first);
		m->log_next = first;
	}
	if (m->conf.index >= first)
		m->conf = m->prev_conf;
	rblk_replica_readbacks_drop(m, 0, first);
}

/**
 * rblk_replica_shed() - puts payload that the own log holds and nobody waits for
 * @m: member
 *
 * A new leader tells of no commit before all that it inherited is on a quorum.
 * A follower that catches up would hold all of it until then, with memory for
 * less: it would stop receiving what has to come first. So it keeps no more than
 * the newest apply_bytes of what is not executed; the rest is read back to be applied.
 */
void rblk_replica_shed(struct rblk_node *m)
{
	u64 executed = rblk_replica_executed(m), bytes = 0, i;

	if (rblk_replica_leads(m))
		return;
	for (i = m->rst.durable; i > executed; i--) {
		struct rblk_ent *ent = rblk_replica_ent(m, i);

		if (!ent->e.nblocks)
			continue;
		if (!ent->buf)
			return;		/* and so are those before it */
		bytes += (u64)ent->e.nblocks << RBLK_BLOCK_SHIFT;
		if (bytes <= m->cfg.limits.apply_bytes)
			continue;
		m->boot_last = max_t(u64, m->boot_last, i);
		m->ops->buf_put(m->host, ent->buf);
		ent->buf = NULL;
	}
}

/**
 * rblk_replica_release_next() - puts the payload of the oldest applied entry that has it still
 * @m: member, with one that was not released yet
 */
void rblk_replica_release_next(struct rblk_node *m)
{
	struct rblk_ent *ent = &m->ent[++m->released & m->mask];

	if (!ent->buf)
		return;
	m->held_bytes -= ent->buf->nblocks * RBLK_BLOCK_SIZE;
	m->ops->buf_put(m->host, ent->buf);
	ent->buf = NULL;
}

/**
 * rblk_replica_compact() - forgets entries that the log no longer holds
 * @m: member
 * @base: the newest of them
 */
void rblk_replica_compact(struct rblk_node *m, const struct rblk_id *base)
{
	if (base->index <= m->base.index)
		return;
	while (m->released < base->index)
		rblk_replica_release_next(m);
	m->base = *base;
	rblk_replica_readbacks_drop(m, base->index + 1, U64_MAX);
}
