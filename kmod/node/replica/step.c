// SPDX-License-Identifier: GPL-2.0
/* Feeding raft, and carrying out what it asks for. */
#include "internal.h"

static void take_status(struct rblk_replica *r)
{
	bool owed = r->rst.owed.index;

	rblk_raft_status(r->raft, &r->rst);
	if (owed && !r->rst.owed.index) {
		/* What is applied already may include all that was lost. */
		r->boot_last = max_t(u64, r->boot_last, r->rst.durable);
		r->meta_dirty = true;
		rblk_ground_note(r->g, NODE_N_ROT, 0);
	}
	r->g->term = r->rst.term;
	r->g->leader = r->rst.leader;
}

/* Hands raft the timeouts of the active configuration. */
void rblk_replica_timeouts(struct rblk_replica *r)
{
	rblk_raft_set_timeouts(r->raft, rblk_ground_heartbeat_ns(r->g),
			       rblk_ground_election_ns(r->g));
}

/* Starts the Raft core, or starts it again on a first configuration. Returns 0 or -EINVAL. */
int rblk_replica_raft_init(struct rblk_replica *r, const struct raft_boot *boot)
{
	const struct rblk_node_limits *l = &r->g->cfg.limits;
	struct raft_cfg cfg = {
		.self = r->g->cfg.super.store,
		.seed = r->g->cfg.seed,
		.heartbeat_ns = rblk_ground_heartbeat_ns(r->g),
		.election_ns = rblk_ground_election_ns(r->g),
		.msg_ents = l->msg_ents,
		.inflight_msgs = l->inflight_msgs,
		.uncommitted_bytes = l->uncommitted_bytes,
		.sendable = rblk_replica_sendable,
		.takes = rblk_replica_takes,
		.can_lead = rblk_replica_can_lead,
		.alarm = &r->alarm,
		.ctx = r,
	};
	int ret = rblk_raft_init(r->raft, &cfg, boot, r->g->now);

	take_status(r);
	return ret;
}

/**
 * rblk_replica_halt() - silences the raft of a halted node
 * @r: replica
 */
void rblk_replica_halt(struct rblk_replica *r)
{
	struct raft_event ev = { .type = RAFT_EV_IO_ERROR, .now = r->g->now };

	rblk_raft_step(r->raft, &ev, r->out);
	take_status(r);
}

/* A configuration entry was appended: it is active from now on. */
static void conf_appended(struct rblk_replica *r, u64 index)
{
	r->prev_conf = r->g->conf;
	r->g->conf = r->rx_conf;
	r->g->conf.index = index;
	RBLK_ASSERT(&r->g->alarm, !rblk_replica_volume_init(r));
}

/* The entries of the message that raft is being fed move into the table. */
static void take_received(struct rblk_replica *r, const struct raft_span *s)
{
	u64 i;

	for (i = s->first; i <= s->last; i++) {
		struct rblk_ent *ent = &r->ent[i & r->mask];
		u64 n = i - r->rx_first;

		ent->e = r->rx->e[n];
		ent->buf = r->rx_buf[n];
		ent->pos = 0;
		r->rx_buf[n] = NULL;
		if (ent->e.kind == RBLK_E_CONF)
			conf_appended(r, i);
	}
	r->last = s->last;
}

static void act_append(struct rblk_replica *r, const struct raft_action *act)
{
	r->trunc_epoch = act->trunc_epoch;
	if (act->ents.last <= r->last)
		return;		/* staged before: a proposal, or the no-op of this step */
	if (RBLK_ASSERT(&r->g->alarm, r->rx && act->ents.first == r->last + 1) ||
	    RBLK_ASSERT(&r->g->alarm, act->ents.first >= r->rx_first) ||
	    RBLK_ASSERT(&r->g->alarm, act->ents.last < r->rx_first + r->rx->n))
		return;
	take_received(r, &act->ents);
}

static void act_noop(struct rblk_replica *r, const struct raft_action *act)
{
	struct rblk_entry e = { .kind = RBLK_E_NOOP, .term = act->ents.term };

	if (!RBLK_ASSERT(&r->g->alarm, act->ents.first == r->last + 1))
		RBLK_ASSERT(&r->g->alarm, !rblk_replica_stage(r, &e, NULL));
}

static void act_meta(struct rblk_replica *r, const struct raft_action *act)
{
	r->meta.raft = act->meta;
	r->meta_version = act->meta_version;
	r->meta_dirty = true;
	rblk_ground_trace(r->g, NODE_T_META, act->meta.term, act->meta.vote);
}

static void act_commit(struct rblk_replica *r, const struct raft_action *act)
{
	r->commit = act->ents.last;
	rblk_replica_strain_committed(r);
	rblk_ground_trace(r->g, NODE_T_COMMIT, act->ents.last, act->ents.term);
}

static void carry_out(struct rblk_replica *r, const struct raft_action *act)
{
	switch (act->type) {
	case RAFT_ACT_META:
		act_meta(r, act);
		break;
	case RAFT_ACT_TRUNCATE:
		rblk_replica_truncate(r, act->ents.first);
		rblk_replica_feeds_drop(r, 0, act->ents.first);
		break;
	case RAFT_ACT_APPEND:
		act_append(r, act);
		break;
	case RAFT_ACT_SEND:
		rblk_replica_send(r, &act->msg);
		break;
	case RAFT_ACT_COMMIT:
		act_commit(r, act);
		break;
	case RAFT_ACT_READ_OK:
		/* A later round covers all reads of an earlier one, at a later index. */
		r->read_ok_id = act->read_id;
		r->read_ok_index = act->id.index;
		break;
	case RAFT_ACT_NOOP:
		act_noop(r, act);
		break;
	case RAFT_ACT_ROLE:
		rblk_ground_trace(r->g, NODE_T_ROLE, r->rst.term, r->rst.role);
		rblk_ground_note(r->g, NODE_N_ROLE, 0);
		break;
	case RAFT_ACT_CONF:
		rblk_replica_timeouts(r);
		rblk_ground_note(r->g, NODE_N_CONF, r->g->conf.index);
		break;
	}
}

/*
 * A leader that is deposed notes what only it knows about its peers. This has to
 * come before the status is renewed, which forgets it.
 */
static void remember_deposed(struct rblk_replica *r)
{
	if (!rblk_replica_leads(r) || !r->out->n ||
	    r->out->act[r->out->n - 1].type != RAFT_ACT_ROLE)
		return;
	rblk_replica_remember(r);
	r->meta_dirty = true;
}

/*
 * Feeds raft an event, whose time is @r->g->now, and carries out what raft asks
 * for. Returns the result of rblk_raft_step().
 */
int rblk_replica_step(struct rblk_replica *r, const struct raft_event *ev)
{
	u32 i;
	int ret;

	if (r->g->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	ret = rblk_raft_step(r->raft, ev, r->out);
	remember_deposed(r);
	take_status(r);
	for (i = 0; i < r->out->n && r->g->halt == NODE_RUNNING; i++)
		carry_out(r, &r->out->act[i]);
	return ret;
}

/**
 * rblk_replica_step_store() - feeds raft an event about one store
 * @r: replica
 * @type: TRANSFER, UNREACHABLE or REACHABLE
 * @store: which one
 *
 * Return: rblk_raft_step()'s result.
 */
int rblk_replica_step_store(struct rblk_replica *r, enum raft_event_type type, u64 store)
{
	struct raft_event ev = { .type = type, .now = r->g->now, .store = store };

	return rblk_replica_step(r, &ev);
}

/**
 * rblk_replica_yield() - gives up leadership in favour of a voter that lacks a part of the log
 * @r: replica, the leader
 * @store: the voter
 *
 * If the voter loses the election, another one has to win the next, not this node, whose log
 * is the longest. But nobody else may be able to, if more has happened: so it is not for ever.
 */
void rblk_replica_yield(struct rblk_replica *r, u64 store)
{
	if (!rblk_replica_step_store(r, RAFT_EV_YIELD, store))
		r->abstains_until = r->g->now +
				    NODE_ABSTAIN_ELECTIONS * rblk_ground_election_ns(r->g);
}

/*
 * Is there room for an entry that a client asks for? A session needs little, and whoever
 * waits for it is not to wait for the writes of others.
 */
static bool has_room(const struct rblk_replica *r, enum rblk_entry_kind kind)
{
	bool data = kind == RBLK_E_WRITE || kind == RBLK_E_ZEROES || kind == RBLK_E_VERIFY;

	return rblk_replica_fits(r, r->last + 1 + (data ? NODE_SESSION_RESERVE : 0), kind) &&
	       !(data && rblk_replica_log_full(r));
}

/**
 * rblk_replica_propose() - stages an entry and offers it to raft
 * @r: replica, the leader
 * @e: kind and fields; index, term and sum are set here
 * @buf: payload or NULL; the reference is taken over on success only
 *
 * Return: 0; -EAGAIN: a limit is reached; -EREMOTE: not the leader; -ESHUTDOWN.
 */
int rblk_replica_propose(struct rblk_replica *r, struct rblk_entry *e, struct rblk_buf *buf)
{
	struct raft_event ev = {
		.type = RAFT_EV_PROPOSE,
		.now = r->g->now,
		/*
		 * Bytes of memory: entries without payload are bounded by the table
		 * and the ring.
		 */
		.propose = { .count = 1, .bytes = e->nblocks * RBLK_BLOCK_SIZE },
	};
	int ret;

	if (r->g->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (!rblk_replica_leads(r))
		return -EREMOTE;
	if (!has_room(r, e->kind))
		return -EAGAIN;
	e->term = r->rst.term;
	ret = rblk_replica_stage(r, e, buf);
	if (ret)
		return ret;
	ret = rblk_replica_step(r, &ev);
	if (ret) {
		rblk_replica_unstage(r, e->index);
		r->proposals_refused++;
	} else {
		rblk_replica_strain_proposed(r, e);
	}
	return ret;
}
