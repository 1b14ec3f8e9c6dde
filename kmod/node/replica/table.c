// SPDX-License-Identifier: GPL-2.0
/* The entry table: the entries of the live log, and references to their payload. */
#include "internal.h"

/**
 * rblk_replica_ent() - finds an entry of the live log in the table
 * @r: replica
 * @index: of the entry
 *
 * Return: its line in the table, or NULL if the live log does not hold it.
 */
struct rblk_ent *rblk_replica_ent(const struct rblk_replica *r, u64 index)
{
	if (index <= r->base.index || index > r->last)
		return NULL;
	return &r->ent[index & r->mask];
}

/* The same for an entry that has to be there; NULL after RBLK_ASSERT fired. */
struct rblk_ent *rblk_replica_live(const struct rblk_replica *r, u64 index)
{
	if (RBLK_ASSERT(&r->g->alarm, index > r->base.index && index <= r->last))
		return NULL;
	return &r->ent[index & r->mask];
}

/**
 * rblk_replica_free_entries() - counts the free lines of the table
 * @r: replica
 *
 * Return: how many entries can be added before the log must be compacted.
 */
u64 rblk_replica_free_entries(const struct rblk_replica *r)
{
	return r->mask + 1 - (r->last - r->base.index);
}

/**
 * rblk_replica_ring() - how much space the log of each member has
 * @r: replica
 *
 * Return: bytes of the smallest ring that the configuration knows; that of this node may
 * be larger, and then keeps more for peers that lag.
 */
u64 rblk_replica_ring(const struct rblk_replica *r)
{
	return r->g->conf.index ? r->g->conf.ring_bytes : r->g->cfg.super.ring_bytes;
}

/**
 * rblk_replica_entries() - how many entries the table of each member has room for
 * @r: replica
 *
 * Return: lines of the smallest table that the configuration knows.
 */
u32 rblk_replica_entries(const struct rblk_replica *r)
{
	return r->g->conf.index ? r->g->conf.entries : (u32)r->mask + 1;
}

/* Lines of the smallest table when everything is given up that is checkpointed here. */
static u64 small_table_end(const struct rblk_replica *r)
{
	return r->ckpt_index + rblk_replica_entries(r);
}

/**
 * rblk_replica_spare_entries() - counts the lines that are free here and in the smallest table
 * @r: replica
 *
 * Return: how many entries this node may add before something is checkpointed, if it leads.
 */
u64 rblk_replica_spare_entries(const struct rblk_replica *r)
{
	u64 end = small_table_end(r);

	return min_t(u64, rblk_replica_free_entries(r), end - min_t(u64, end, r->last));
}

/*
 * Is there room in the table for an entry of this @kind at @index?
 *
 * After a power cut of all nodes, the entries behind the checkpoint make room only once
 * they are known to be committed. For that, some node has to lead, and it and the others
 * have to take in its no-op, perhaps after elections that came to nothing. So no other
 * entry takes the last lines, wherever it comes from: what was taken in here may have to
 * be led by this node.
 */
bool rblk_replica_fits(const struct rblk_replica *r, u64 index, enum rblk_entry_kind kind)
{
	u64 reserve = kind == RBLK_E_NOOP ? 0 : NODE_LEAD_RESERVE;

	return index + reserve <= min_t(u64, r->base.index + r->mask + 1, small_table_end(r));
}

/*
 * Raft's callback, before it campaigns: is there room for the no-op of a new
 * leader, and is it not the turn of others? A candidate takes in nothing else, so the
 * room is still there when it wins. A full table gets room when committed entries have
 * been applied, or when another leader overrules its tail.
 */
bool rblk_replica_can_lead(void *ctx)
{
	const struct rblk_replica *r = ctx;

	return rblk_replica_free_entries(r) > 0 && r->g->now >= r->abstains_until &&
	       !r->resync.installing;
}

/*
 * Puts @e behind the newest entry; its index and its sum are set here. The
 * reference to @buf becomes the table's. Returns 0, or -EAGAIN if the table is
 * full, or -EINVAL after RBLK_ASSERT has fired, because @buf is not what @e
 * says: then the caller keeps @buf.
 */
int rblk_replica_stage(struct rblk_replica *r, struct rblk_entry *e, struct rblk_buf *buf)
{
	struct rblk_ent *ent;

	if (RBLK_ASSERT(&r->g->alarm, e->nblocks == (buf ? buf->nblocks : 0)))
		return -EINVAL;
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

/*
 * Takes back the newest entry, which raft did not accept. The caller that staged it
 * has the reference to its payload again.
 */
void rblk_replica_unstage(struct rblk_replica *r, u64 index)
{
	if (RBLK_ASSERT(&r->g->alarm, index == r->last && index >= r->log_next))
		return;
	r->ent[index & r->mask].buf = NULL;
	r->last = index - 1;
}

/* Drops the payload of an entry. */
void rblk_replica_drop(struct rblk_replica *r, struct rblk_ent *ent)
{
	if (ent->buf)
		r->g->ops->buf_put(r->g->host, ent->buf);
	ent->buf = NULL;
}

/*
 * Gives up the entries from @first on, which a leader overruled. Writes of this
 * node among them wait in its client's window, and go to the new leader. Another
 * node may still hold these very entries, win a later election and commit them:
 * then the second ones are duplicates.
 */
void rblk_replica_truncate(struct rblk_replica *r, u64 first)
{
	u64 i;

	if (first > r->last)
		return;
	if (RBLK_ASSERT(&r->g->alarm, first > r->commit))
		return;
	rblk_ground_trace(r->g, NODE_T_TRUNCATE, first, 0);
	for (i = r->last; i >= first; i--)
		rblk_replica_drop(r, &r->ent[i & r->mask]);
	r->truncated += r->last - first + 1;
	r->last = first - 1;
	r->boot_last = min_t(u64, r->boot_last, r->last);
	if (r->log_next > first) {
		rblk_log_truncate(&r->log, first);
		r->log_next = first;
	}
	if (r->g->conf.index >= first)
		r->g->conf = r->prev_conf;
}

/*
 * Drops payload on a follower that its own log holds and that is not needed soon. A
 * new leader announces no commit before all that it inherited is on a quorum. A
 * follower that catches up would hold all of it until then, in memory for less: it
 * would stop receiving what has to come first. So it keeps no more than the newest
 * apply_bytes of what is not executed; the rest is read back to be applied. Where the apply
 * waits for content of others, which needs memory itself, it keeps no more of what is
 * not applied.
 */
void rblk_replica_shed(struct rblk_replica *r)
{
	bool waits = r->absent || rblk_replica_resync_holds(r);
	u64 done = waits ? rblk_replica_applied(r) : rblk_replica_executed(r), bytes = 0, i;

	if (rblk_replica_leads(r))
		return;
	for (i = r->rst.durable; i > done; i--) {
		struct rblk_ent *ent = rblk_replica_ent(r, i);

		if (!ent->e.nblocks)
			continue;
		if (!ent->buf)
			return;		/* those before it were dropped as well */
		bytes += (u64)ent->e.nblocks << RBLK_BLOCK_SHIFT;
		if (bytes <= r->g->cfg.limits.apply_bytes)
			continue;
		r->boot_last = max_t(u64, r->boot_last, i);
		r->g->ops->buf_put(r->g->host, ent->buf);
		ent->buf = NULL;
	}
}

/* Drops the payload of the oldest applied entry that was not released yet; there is one. */
void rblk_replica_release_next(struct rblk_replica *r)
{
	struct rblk_ent *ent = &r->ent[++r->released & r->mask];

	if (!ent->buf)
		return;
	r->held_bytes -= ent->buf->nblocks * RBLK_BLOCK_SIZE;
	r->g->ops->buf_put(r->g->host, ent->buf);
	ent->buf = NULL;
}

/* Forgets the entries up to @base, which the checkpoint covers and the log no longer holds. */
void rblk_replica_compact(struct rblk_replica *r, const struct rblk_id *base)
{
	if (base->index <= r->base.index ||
	    RBLK_ASSERT(&r->g->alarm, base->index <= r->ckpt_index))
		return;
	while (r->released < base->index)
		rblk_replica_release_next(r);
	r->base = *base;
}
