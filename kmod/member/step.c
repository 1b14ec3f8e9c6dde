// SPDX-License-Identifier: GPL-2.0
/* Feeding raft, and carrying out what it asks for. */
#include "internal.h"

/**
 * member_halt() - this member says and does nothing any more
 * @m: member
 * @why: reason, kept for status
 * @error: -errno of the cause
 *
 * What waits here fails at once, but for reads whose parts are still under way
 * in the host: those fail when the parts end.
 */
void member_halt(struct member *m, enum member_halt why, int error)
{
	struct raft_event ev = { .type = RAFT_EV_IO_ERROR, .now = m->now };

	if (m->halt != MEMBER_RUNNING)
		return;
	m->halt = why;
	m->halt_error = error;
	if (!m->diskless) {
		raft_step(m->raft, &ev, m->out);
		raft_status(m->raft, &m->rst);
	}
	member_client_fail(m, -EIO);
	member_reads_fail(m, -EIO, false);
	m->ready = false;
	member_note(m, MEMBER_N_HALTED, why);
}

/**
 * member_device_lost() - a device below is gone
 * @m: member
 * @why: MEMBER_HALT_LOG or MEMBER_HALT_DATA
 * @now: ns
 */
void member_device_lost(struct member *m, enum member_halt why, u64 now)
{
	m->now = now;
	member_halt(m, why, -ENODEV);
}

/* A configuration entry entered the log: it is active from now on. */
static void conf_appended(struct member *m, u64 index)
{
	m->prev_conf = m->conf;
	m->conf = m->rx_conf;
	m->conf.index = index;
	if (member_volume_init(m))
		member_halt(m, MEMBER_HALT_INVARIANT, -EINVAL);
}

/* Entries of the message being stepped move into the table. */
static void take_received(struct member *m, const struct raft_span *s)
{
	u64 i;

	for (i = s->first; i <= s->last; i++) {
		struct member_ent *ent = &m->ent[i & m->mask];
		u64 n = i - m->rx_first;

		ent->e = m->rx->e[n];
		ent->buf = m->rx_buf[n];
		ent->pos = 0;
		m->rx_buf[n] = NULL;
		if (ent->e.kind == RB_E_CONF)
			conf_appended(m, i);
	}
	m->last = s->last;
}

static void act_append(struct member *m, const struct raft_action *act)
{
	m->epoch = act->ticket;
	if (act->ents.last <= m->last)
		return;		/* staged before: a proposal, or the no-op of this step */
	if (RB_ASSERT(m->rx && act->ents.first == m->last + 1 &&
		      act->ents.first >= m->rx_first &&
		      act->ents.last < m->rx_first + m->rx->n)) {
		member_halt(m, MEMBER_HALT_INVARIANT, -EUCLEAN);
		return;
	}
	take_received(m, &act->ents);
}

static void act_noop(struct member *m, const struct raft_action *act)
{
	struct rb_entry e = { .kind = RB_E_NOOP, .term = act->ents.term };

	if (RB_ASSERT(act->ents.first == m->last + 1) ||
	    member_stage(m, &e, NULL))
		member_halt(m, MEMBER_HALT_INVARIANT, -EUCLEAN);
}

static void act_meta(struct member *m, const struct raft_action *act)
{
	m->meta.raft = act->meta;
	m->meta_ticket = act->ticket;
	m->meta_dirty = true;
	member_trace(m, MEMBER_T_META, act->meta.term, act->meta.vote);
}

static void act_commit(struct member *m, const struct raft_action *act)
{
	m->commit = act->ents.last;
	member_trace(m, MEMBER_T_COMMIT, act->ents.last, act->ents.term);
}

static void carry_out(struct member *m, const struct raft_action *act)
{
	switch (act->type) {
	case RAFT_ACT_META:
		act_meta(m, act);
		break;
	case RAFT_ACT_TRUNCATE:
		member_truncate(m, act->ents.first);
		break;
	case RAFT_ACT_APPEND:
		act_append(m, act);
		break;
	case RAFT_ACT_SEND:
		member_send(m, &act->msg);
		break;
	case RAFT_ACT_COMMIT:
		act_commit(m, act);
		break;
	case RAFT_ACT_READ_OK:
		member_reads_confirm(m, act->ticket, act->id.index);
		break;
	case RAFT_ACT_NOOP:
		act_noop(m, act);
		break;
	case RAFT_ACT_ROLE:
		member_serve_reset(m);
		member_trace(m, MEMBER_T_ROLE, m->rst.term, m->rst.role);
		member_note(m, MEMBER_N_ROLE, 0);
		break;
	case RAFT_ACT_CONF:
		member_timeouts(m);
		member_note(m, MEMBER_N_CONF, m->conf.index);
		break;
	}
}

/* Who led knows of its peers what nobody will know afterwards: before the status is renewed. */
static void remember_deposed(struct member *m)
{
	if (!member_leads(m) || !m->out->n || m->out->act[m->out->n - 1].type != RAFT_ACT_ROLE)
		return;
	member_remember(m);
	m->meta_dirty = true;
}

/**
 * member_step() - one event into raft, its actions out
 * @m: member
 * @ev: the event; @ev->now must be @m->now
 *
 * Return: raft_step()'s result.
 */
int member_step(struct member *m, const struct raft_event *ev)
{
	u32 i;
	int ret;

	if (m->halt != MEMBER_RUNNING || m->diskless)
		return -ESHUTDOWN;
	ret = raft_step(m->raft, ev, m->out);
	remember_deposed(m);
	raft_status(m->raft, &m->rst);
	for (i = 0; i < m->out->n && m->halt == MEMBER_RUNNING; i++)
		carry_out(m, &m->out->act[i]);
	if (m->halt == MEMBER_RUNNING && m->rst.role == RAFT_HALTED)
		member_halt(m, MEMBER_HALT_INVARIANT, -EUCLEAN);
	return ret;
}

/**
 * member_step_store() - an event that is about one store
 * @m: member
 * @type: TRANSFER, UNREACHABLE or REACHABLE
 * @store: which one
 *
 * Return: raft_step()'s result.
 */
int member_step_store(struct member *m, enum raft_event_type type, u64 store)
{
	struct raft_event ev = { .type = type, .now = m->now, .store = store };

	return member_step(m, &ev);
}

/**
 * member_propose() - stages an entry and offers it to raft
 * @m: member, the leader
 * @e: kind and fields; index, term and sum are set here
 * @buf: payload or NULL; the reference is taken over on success only
 *
 * Return: 0; -EAGAIN: over a bound; -EREMOTE: not the leader; -ESHUTDOWN.
 */
int member_propose(struct member *m, struct rb_entry *e, struct rb_buf *buf)
{
	struct raft_event ev = {
		.type = RAFT_EV_PROPOSE,
		.now = m->now,
		/* Memory, that is: what has no payload is bounded by the table and the ring. */
		.propose = { .count = 1, .bytes = e->nblocks * RB_BLOCK_SIZE },
	};
	int ret;

	if (m->halt != MEMBER_RUNNING)
		return -ESHUTDOWN;
	if (!member_leads(m))
		return -EREMOTE;
	e->term = m->rst.term;
	ret = member_stage(m, e, buf);
	if (ret)
		return ret;
	ret = member_step(m, &ev);
	if (ret) {
		member_unstage(m, e->index);
		m->proposals_refused++;
	}
	return ret;
}
