// SPDX-License-Identifier: GPL-2.0
/* What a member tells of itself, and the audit of its invariants. */
#include "internal.h"

static void fill_peer_status(const struct rblk_node *m, u32 slot, struct rblk_node_peer_status *ps)
{
	const struct rblk_node_peer *p = &m->peer[slot];
	u32 i;

	memset(ps, 0, sizeof(*ps));
	memcpy(ps->node, m->cfg.peer[slot].node, sizeof(ps->node));
	ps->store = p->store;
	ps->generation = p->generation;
	ps->up[WIRE_CONSENSUS] = p->up[WIRE_CONSENSUS];
	ps->up[WIRE_BULK] = p->up[WIRE_BULK];
	ps->bootstrapped = p->bootstrapped;
	ps->client = p->client;
	ps->needs_resync = p->needs_resync;
	ps->last_reject = p->last_reject;
	ps->match = p->match;
	for (i = 0; i < m->rst.npeers; i++)
		if (p->store && m->rst.peer[i].store == p->store)
			ps->match = m->rst.peer[i].match;
}

static void counters(const struct rblk_node *m, struct rblk_node_status *st)
{
	st->writes = m->writes;
	st->reads = m->reads;
	st->reads_retried = m->reads_retried;
	st->proposals_refused = m->proposals_refused;
	st->truncated = m->truncated;
	st->readbacks = m->readbacks;
	st->records = m->records;
	st->log_bytes = m->log_bytes;
	st->applies = m->applies;
	st->applied_blocks = m->applied_blocks;
	st->checkpoints = m->checkpoints;
	st->meta_writes = m->meta_writes;
}

static void log_status(const struct rblk_node *m, struct rblk_node_status *st)
{
	const struct rblk_state *live = rblk_vol_executed(m->vol);

	st->executed_index = rblk_replica_executed(m);
	st->digest = rblk_vol_digest(m->vol);
	st->applied_index = rblk_replica_applied(m);
	st->checkpoint_index = m->ckpt_index;
	st->unapplied_bytes = rblk_vol_unapplied(m->vol);
	st->ring_bytes = m->cfg.super.ring_bytes;
	st->ring_used = rblk_log_used_bytes(&m->log);
	st->log_entries = m->last - m->base.index;
	st->log_entries_max = m->mask + 1;
	st->inflight_records = m->log.nrec;
	st->nsessions = live->nsessions;
	memcpy(st->sessions, live->session, sizeof(st->sessions));
}

/**
 * rblk_node_status() - a snapshot
 * @m: member
 * @st: filled
 */
void rblk_node_status(const struct rblk_node *m, struct rblk_node_status *st)
{
	u32 i;

	memset(st, 0, sizeof(*st));
	st->diskless = m->diskless;
	st->raft = m->rst;
	st->halt = m->halt;
	st->halt_error = m->halt_error;
	st->ready = m->ready;
	st->needs_resync = m->needs_resync;
	st->conf = m->conf;
	st->generation = m->meta.generation;
	if (m->diskless)
		st->executed_index = m->client.index;
	else
		log_status(m, st);
	st->session = m->client.state;
	st->session_epoch = m->client.epoch;
	st->session_seq = m->client.last;
	st->session_done = m->client.done;
	st->holder = m->client.holder;
	st->holder_epoch = m->client.holder_epoch;
	counters(m, st);
	st->npeers = m->npeers;
	for (i = 0; i < m->npeers; i++)
		fill_peer_status(m, i, &st->peer[i]);
}

static bool cursors_ok(const struct rblk_node *m)
{
	u64 applied = rblk_replica_applied(m), executed = rblk_replica_executed(m);

	if (RBLK_ASSERT(m->base.index <= m->ckpt_index) ||
	    RBLK_ASSERT(m->ckpt_index <= applied) ||
	    RBLK_ASSERT(applied <= executed) ||
	    RBLK_ASSERT(executed <= m->commit) ||
	    RBLK_ASSERT(m->commit <= m->last))
		return false;
	if (RBLK_ASSERT(applied <= m->rst.durable) ||
	    RBLK_ASSERT(m->released <= applied) ||
	    RBLK_ASSERT(m->log_next <= m->last + 1) ||
	    RBLK_ASSERT(m->last - m->base.index <= m->mask + 1))
		return false;
	if (m->bootstrapping)
		return true;
	return !RBLK_ASSERT(m->last == m->rst.last.index) &&
	       !RBLK_ASSERT(m->commit == m->rst.commit) &&
	       !RBLK_ASSERT(m->base.index == m->rst.snap.index);
}

/* Payload is held from the append to the application, and by nothing longer. */
static bool payloads_ok(const struct rblk_node *m)
{
	u64 i;

	for (i = m->base.index + 1; i <= m->last; i++) {
		const struct rblk_ent *ent = &m->ent[i & m->mask];
		bool needed = ent->e.nblocks && i > rblk_replica_applied(m) && i > m->boot_last;

		if (RBLK_ASSERT(ent->e.index == i) ||
		    RBLK_ASSERT(!needed || ent->buf) ||
		    RBLK_ASSERT(!ent->buf || i > m->released) ||
		    RBLK_ASSERT(!ent->buf || ent->buf->nblocks == ent->e.nblocks))
			return false;
	}
	return true;
}

/* What is under way is in order, and the window holds it. */
static bool client_ok(const struct rblk_node *m)
{
	const struct rblk_client *c = &m->client;

	return !RBLK_ASSERT(c->done <= c->sent) && !RBLK_ASSERT(c->sent <= c->last) &&
	       !RBLK_ASSERT(c->last - c->done <= c->mask + 1) &&
	       !RBLK_ASSERT(c->done == c->last || c->state == NODE_S_HELD) &&
	       !RBLK_ASSERT((c->state == NODE_S_OPENING) == (c->asking == RBLK_E_OPEN));
}

static bool log_cursors_ok(const struct rblk_node *m, bool deep)
{
	if (rblk_raft_check(m->raft) || rblk_log_check(&m->log) || !cursors_ok(m))
		return false;
	return !deep || (!rblk_vol_check(m->vol) && payloads_ok(m));
}

/**
 * rblk_node_check() - audits every invariant of all layers
 * @m: member; it halts when one is broken
 * @deep: also what takes time in proportion to the log and the index
 *
 * Return: 0 or -EUCLEAN.
 */
int rblk_node_check(struct rblk_node *m, bool deep)
{
	bool ok;

	if (m->halt != NODE_RUNNING)
		return 0;
	ok = client_ok(m);
	if (ok && !m->diskless)
		ok = log_cursors_ok(m, deep);
	if (ok)
		return 0;
	rblk_node_halt(m, NODE_HALT_INVARIANT, -EUCLEAN);
	return -EUCLEAN;
}
