// SPDX-License-Identifier: GPL-2.0
/* The entry table: descriptors, payload references and tokens of the live log. */
#include "internal.h"

/**
 * member_ent() - the table's line of an entry
 * @m: member
 * @index: of the entry
 *
 * Return: the line, or NULL when the entry is not in the live log.
 */
struct member_ent *member_ent(const struct member *m, u64 index)
{
	if (index <= m->base.index || index > m->last)
		return NULL;
	return &m->ent[index & m->mask];
}

/**
 * member_entry() - an entry of the live log
 * @m: member
 * @index: of the entry
 *
 * Return: the entry, or NULL; valid until the next call that drives the member.
 */
const struct rb_entry *member_entry(const struct member *m, u64 index)
{
	const struct member_ent *ent = member_ent(m, index);

	return ent ? &ent->e : NULL;
}

/**
 * member_room() - lines still free in the table
 * @m: member
 *
 * Return: how many entries can be added before the log must be compacted.
 */
u64 member_room(const struct member *m)
{
	return m->mask + 1 - (m->last - m->base.index);
}

/**
 * member_can_lead() - is there room for the no-op of a new leader?
 * @ctx: the member
 *
 * Raft's callback, before it campaigns: a candidate takes in nothing else, so the
 * room is still there when it wins. A table that is full is relieved when what is
 * committed has been applied, or when another leader overrules its tail.
 *
 * Return: whether there is.
 */
bool member_can_lead(void *ctx)
{
	return member_room(ctx) > 0;
}

/**
 * member_stage() - puts a new entry behind the newest one
 * @m: member; there is room
 * @e: the entry, with its index, term and sum set here
 * @buf: its payload, NULL for none; the reference becomes the table's
 *
 * Return: 0, or -EAGAIN when the table is full; the caller keeps @buf then.
 */
int member_stage(struct member *m, struct rb_entry *e, struct rb_buf *buf)
{
	struct member_ent *ent;

	if (!member_room(m))
		return -EAGAIN;
	e->index = m->last + 1;
	e->csum = rb_entry_csum(e, buf ? buf->crc : NULL);
	ent = &m->ent[e->index & m->mask];
	ent->e = *e;
	ent->buf = buf;
	ent->pos = 0;
	m->last = e->index;
	return 0;
}

/**
 * member_unstage() - takes the newest entry back: raft did not accept it
 * @m: member
 * @index: of the entry, the newest
 *
 * The payload's reference goes back to whoever staged it.
 */
void member_unstage(struct member *m, u64 index)
{
	if (RB_ASSERT(index == m->last && index >= m->log_next))
		return;
	m->ent[index & m->mask].buf = NULL;
	m->last = index - 1;
}

/**
 * member_drop() - an entry gives up its payload
 * @m: member
 * @ent: line of the table
 */
void member_drop(struct member *m, struct member_ent *ent)
{
	if (ent->buf)
		m->ops->buf_put(m->host, ent->buf);
	ent->buf = NULL;
}

/**
 * member_truncate() - gives up entries that a leader overruled
 * @m: member
 * @first: oldest entry given up
 *
 * What of them is of this node waits in its client's window, and goes to the new
 * leader. Another node may still hold these very entries, win a later election
 * and commit them: then the second ones are duplicates.
 */
void member_truncate(struct member *m, u64 first)
{
	u64 i;

	if (first > m->last)
		return;
	if (RB_ASSERT(first > m->commit)) {
		member_halt(m, MEMBER_HALT_INVARIANT, -EUCLEAN);
		return;
	}
	member_trace(m, MEMBER_T_TRUNCATE, first, 0);
	for (i = m->last; i >= first; i--)
		member_drop(m, &m->ent[i & m->mask]);
	m->truncated += m->last - first + 1;
	m->last = first - 1;
	if (m->log_next > first) {
		log_truncate(&m->log, first);
		m->log_next = first;
	}
	if (m->conf.index >= first)
		m->conf = m->prev_conf;
	member_readbacks_drop(m, 0, first);
}

/**
 * member_lean() - puts payload that the own log holds and nobody waits for
 * @m: member
 *
 * A new leader tells of no commit before all that it inherited is on a quorum.
 * A follower that catches up would hold all of it until then, with memory for
 * less: it would stop receiving what has to come first. So it keeps no more than
 * the newest apply_bytes of what is not judged; the rest is read back to be applied.
 */
void member_lean(struct member *m)
{
	u64 judged = member_judged(m), bytes = 0, i;

	if (member_leads(m))
		return;
	for (i = m->rst.durable; i > judged; i--) {
		struct member_ent *ent = member_ent(m, i);

		if (!ent->e.nblocks)
			continue;
		if (!ent->buf)
			return;		/* and so are those before it */
		bytes += (u64)ent->e.nblocks << RB_BLOCK_SHIFT;
		if (bytes <= m->cfg.limits.apply_bytes)
			continue;
		m->boot_last = max_t(u64, m->boot_last, i);
		m->ops->buf_put(m->host, ent->buf);
		ent->buf = NULL;
	}
}

/**
 * member_release_next() - puts the payload of the oldest applied entry that has it still
 * @m: member, with one that was not released yet
 */
void member_release_next(struct member *m)
{
	struct member_ent *ent = &m->ent[++m->released & m->mask];

	if (!ent->buf)
		return;
	m->held_bytes -= ent->buf->nblocks * RB_BLOCK_SIZE;
	m->ops->buf_put(m->host, ent->buf);
	ent->buf = NULL;
}

/**
 * member_compact() - forgets entries that the log no longer holds
 * @m: member
 * @base: the newest of them
 */
void member_compact(struct member *m, const struct raft_id *base)
{
	if (base->index <= m->base.index)
		return;
	while (m->released < base->index)
		member_release_next(m);
	m->base = *base;
	member_readbacks_drop(m, base->index + 1, U64_MAX);
}
