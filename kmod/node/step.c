// SPDX-License-Identifier: GPL-2.0
/* Feeding raft, and carrying out what it asks for. */
#include "internal.h"

/**
 * rblk_node_halt() - this member says and does nothing any more
 * @m: member
 * @why: reason, kept for status
 * @error: -errno of the cause
 *
 * What waits here fails at once, but for reads whose parts are still under way
 * in the host: those fail when the parts end.
 */
void rblk_node_halt(struct rblk_node *m, enum rblk_node_halt why, int error)
{
	struct raft_event ev = { .type = RAFT_EV_IO_ERROR, .now = m->now };

	if (m->halt != NODE_RUNNING)
		return;
	m->halt = why;
	m->halt_error = error;
	if (!m->diskless) {
		rblk_raft_step(m->raft, &ev, m->out);
		rblk_raft_status(m->raft, &m->rst);
	}
	rblk_client_fail(m, -EIO);
	rblk_reads_fail(m, -EIO, false);
	m->ready = false;
	rblk_node_note(m, NODE_N_HALTED, why);
}

/**
 * rblk_node_device_lost() - a device below is gone
 * @m: member
 * @why: NODE_HALT_LOG or NODE_HALT_DATA
 * @now: ns
 */
void rblk_node_device_lost(struct rblk_node *m, enum rblk_node_halt why, u64 now)
{
	m->now = now;
	rblk_node_halt(m, why, -ENODEV);
}

/* A configuration entry entered the log: it is active from now on. */
static void conf_appended(struct rblk_node *m, u64 index)
{
	m->prev_conf = m->conf;
	m->conf = m->rx_conf;
	m->conf.index = index;
	if (rblk_replica_volume_init(m))
		rblk_node_halt(m, NODE_HALT_INVARIANT, -EINVAL);
}

/* Entries of the message being stepped move into the table. */
static void take_received(struct rblk_node *m, const struct raft_span *s)
{
	u64 i;

	for (i = s->first; i <= s->last; i++) {
		struct rblk_ent *ent = &m->ent[i & m->mask];
		u64 n = i - m->rx_first;

		ent->e = m->rx->e[n];
		ent->buf = m->rx_buf[n];
		ent->pos = 0;
		m->rx_buf[n] = NULL;
		if (ent->e.kind == RBLK_E_CONF)
			conf_appended(m, i);
	}
	m->last = s->last;
}

static void act_append(struct rblk_node *m, const struct raft_action *act)
{
	m->trunc_epoch = act->trunc_epoch;
	if (act->ents.last <= m->last)
		return;		/* staged before: a proposal, or the no-op of this step */
	if (RBLK_ASSERT(m->rx && act->ents.first == m->last + 1 &&
			act->ents.first >= m->rx_first &&
			act->ents.last < m->rx_first + m->rx->n)) {
		rblk_node_halt(m, NODE_HALT_INVARIANT, -EUCLEAN);
		return;
	}
	take_received(m, &act->ents);
}

static void act_noop(struct rblk_node *m, const struct raft_action *act)
{
	struct rblk_entry e = { .kind = RBLK_E_NOOP, .term = act->ents.term };

	if (RBLK_ASSERT(act->ents.first == m->last + 1) ||
	    rblk_replica_stage(m, &e, NULL))
		rblk_node_halt(m, NODE_HALT_INVARIANT, -EUCLEAN);
}

static void act_meta(struct rblk_node *m, const struct raft_action *act)
{
	m->meta.raft = act->meta;
	m->meta_version = act->meta_version;
	m->meta_dirty = true;
	rblk_node_trace(m, NODE_T_META, act->meta.term, act->meta.vote);
}

static void act_commit(struct rblk_node *m, const struct raft_action *act)
{
	m->commit = act->ents.last;
	rblk_node_trace(m, NODE_T_COMMIT, act->ents.last, act->ents.term);
}

static void carry_out(struct rblk_node *m, const struct raft_action *act)
{
	switch (act->type) {
	case RAFT_ACT_META:
		act_meta(m, act);
		break;
	case RAFT_ACT_TRUNCATE:
		rblk_replica_truncate(m, act->ents.first);
		break;
	case RAFT_ACT_APPEND:
		act_append(m, act);
		break;
	case RAFT_ACT_SEND:
		rblk_replica_send(m, &act->msg);
		break;
	case RAFT_ACT_COMMIT:
		act_commit(m, act);
		break;
	case RAFT_ACT_READ_OK:
		rblk_reads_confirm(m, act->read_id, act->id.index);
		break;
	case RAFT_ACT_NOOP:
		act_noop(m, act);
		break;
	case RAFT_ACT_ROLE:
		rblk_server_reset(m);
		rblk_node_trace(m, NODE_T_ROLE, m->rst.term, m->rst.role);
		rblk_node_note(m, NODE_N_ROLE, 0);
		break;
	case RAFT_ACT_CONF:
		rblk_replica_timeouts(m);
		rblk_node_note(m, NODE_N_CONF, m->conf.index);
		break;
	}
}

/* Who led knows of its peers what nobody will know afterwards: before the status is renewed. */
static void remember_deposed(struct rblk_node *m)
{
	if (!rblk_replica_leads(m) || !m->out->n ||
	    m->out->act[m->out->n - 1].type != RAFT_ACT_ROLE)
		return;
	rblk_replica_remember(m);
	m->meta_dirty = true;
}

/**
 * rblk_replica_step() - one event into raft, its actions out
 * @m: member
 * @ev: the event; @ev->now must be @m->now
 *
 * Return: rblk_raft_step()'s result.
 */
int rblk_replica_step(struct rblk_node *m, const struct raft_event *ev)
{
	u32 i;
	int ret;

	if (m->halt != NODE_RUNNING || m->diskless)
		return -ESHUTDOWN;
	ret = rblk_raft_step(m->raft, ev, m->out);
	remember_deposed(m);
	rblk_raft_status(m->raft, &m->rst);
	for (i = 0; i < m->out->n && m->halt == NODE_RUNNING; i++)
		carry_out(m, &m->out->act[i]);
	if (m->halt == NODE_RUNNING && m->rst.role == RAFT_HALTED)
		rblk_node_halt(m, NODE_HALT_INVARIANT, -EUCLEAN);
	return ret;
}

/**
 * rblk_replica_step_store() - an event that is about one store
 * @m: member
 * @type: TRANSFER, UNREACHABLE or REACHABLE
 * @store: which one
 *
 * Return: rblk_raft_step()'s result.
 */
int rblk_replica_step_store(struct rblk_node *m, enum raft_event_type type, u64 store)
{
	struct raft_event ev = { .type = type, .now = m->now, .store = store };

	return rblk_replica_step(m, &ev);
}

/**
 * rblk_replica_propose() - stages an entry and offers it to raft
 * @m: member, the leader
 * @e: kind and fields; index, term and sum are set here
 * @buf: payload or NULL; the reference is taken over on success only
 *
 * Return: 0; -EAGAIN: over a bound; -EREMOTE: not the leader; -ESHUTDOWN.
 */
int rblk_replica_propose(struct rblk_node *m, struct rblk_entry *e, struct rblk_buf *buf)
{
	struct raft_event ev = {
		.type = RAFT_EV_PROPOSE,
		.now = m->now,
		/* Memory, that is: what has no payload is bounded by the table and the ring. */
		.propose = { .count = 1, .bytes = e->nblocks * RBLK_BLOCK_SIZE },
	};
	int ret;

	if (m->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (!rblk_replica_leads(m))
		return -EREMOTE;
	e->term = m->rst.term;
	ret = rblk_replica_stage(m, e, buf);
	if (ret)
		return ret;
	ret = rblk_replica_step(m, &ev);
	if (ret) {
		rblk_replica_unstage(m, e->index);
		m->proposals_refused++;
	}
	return ret;
}
