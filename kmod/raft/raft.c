// SPDX-License-Identifier: GPL-2.0
/*
 * The Raft core's door: start, dispatch, status. See raft.h for the contract
 * and Documentation/raft.rst for the rules and where each one lives.
 */
#include "internal.h"

/**
 * raft_size() - bytes to allocate for a core
 *
 * Return: the size.
 */
size_t raft_size(void)
{
	return sizeof(struct raft);
}

static bool cfg_valid(const struct raft_cfg *cfg)
{
	return cfg->self && cfg->sendable && cfg->heartbeat_ns && cfg->msg_ents &&
	       cfg->inflight_msgs && cfg->election_ns > cfg->heartbeat_ns &&
	       cfg->election_ns < 1ULL << 43;
}

/* Two lives never draw the same numbers, even from one seed; similar seeds differ. */
static u64 mix(u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	x ^= x >> 31;
	return x ?: 1;	/* xorshift never leaves 0 */
}

static int boot_conf(struct raft *r, const struct raft_boot *boot)
{
	if (boot->conf.index > boot->last.index || boot->prev_conf.index > boot->conf.index)
		return -EINVAL;
	if (boot->conf.index ? !raft_conf_valid(&boot->conf) : boot->conf.n)
		return -EINVAL;
	r->conf = boot->conf;
	/* The same one twice says that there is nothing to undo. */
	if (boot->prev_conf.index < boot->conf.index)
		r->prev_conf = boot->prev_conf;
	raft_peers_sync(r);
	return 0;
}

/**
 * raft_init() - start from what recovery proved durable
 * @r: raft_size() bytes
 * @cfg: copied
 * @boot: borrowed for the call
 * @now: ns, monotonic
 *
 * Return: see raft.h
 */
int raft_init(struct raft *r, const struct raft_cfg *cfg, const struct raft_boot *boot, u64 now)
{
	if (!cfg_valid(cfg))
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	r->cfg = *cfg;
	r->cfg.inflight_msgs = min_t(u32, cfg->inflight_msgs, RAFT_WINDOW_MAX);
	r->now = now;
	r->rng = mix(cfg->seed ^ mix(now));
	r->meta = boot->meta;
	r->commit = boot->commit;
	r->durable = boot->last.index;
	r->cut = RAFT_NUM_MAX;
	if (raft_trail_init(&r->trail, boot) || r->commit < r->trail.snap.index ||
	    r->commit > r->durable || r->meta.term >= RAFT_NUM_MAX ||
	    (!r->meta.term && r->meta.vote) || boot_conf(r, boot))
		return -EINVAL;
	/*
	 * Entries may have become durable before the metadata of their term;
	 * then nothing was said in that term yet, in particular no vote given.
	 */
	if (r->meta.term < boot->last.term)
		raft_meta_set(r, boot->last.term, 0);
	raft_arm_election(r);
	return 0;
}

/**
 * raft_set_timeouts() - other timeouts, from the next timer on
 * @r: the core
 * @heartbeat_ns: period of a leader's heartbeats
 * @election_ns: shortest election timeout
 *
 * Return: 0 or -EINVAL
 */
int raft_set_timeouts(struct raft *r, u64 heartbeat_ns, u64 election_ns)
{
	struct raft_cfg cfg = r->cfg;

	cfg.heartbeat_ns = heartbeat_ns;
	cfg.election_ns = election_ns;
	if (!cfg_valid(&cfg))
		return -EINVAL;
	r->cfg = cfg;
	return 0;
}

/**
 * raft_halt() - an invariant is broken: never say anything again
 * @r: the core
 *
 * Return: true.
 */
bool raft_halt(struct raft *r)
{
	r->role = RAFT_HALTED;
	r->leader = 0;
	r->transferee = 0;
	return true;
}

/**
 * raft_act() - append an action to the step's output
 * @r: the core
 * @type: its type
 *
 * Return: the action, zeroed; too many of them halt the member.
 */
struct raft_action *raft_act(struct raft *r, enum raft_act_type type)
{
	struct raft_out *out = r->out;
	struct raft_action *a;

	if (RAFT_BROKEN(r, out->n < RAFT_ACTS_MAX))
		out->n = 0;
	a = &out->act[out->n++];
	memset(a, 0, sizeof(*a));
	a->type = type;
	return a;
}

/**
 * raft_send() - append a message to the step's output
 * @r: the core
 * @type: its type
 * @to: store id
 *
 * Return: the message, with its addresses and the own term filled in.
 */
struct raft_msg *raft_send(struct raft *r, enum raft_msg_type type, u64 to)
{
	struct raft_msg *m = &raft_act(r, RAFT_ACT_SEND)->msg;

	m->type = type;
	m->from = r->cfg.self;
	m->to = to;
	m->term = r->meta.term;
	return m;
}

/**
 * raft_commit_to() - entries became committed
 * @r: the core
 * @index: the newest of them
 */
void raft_commit_to(struct raft *r, u64 index)
{
	struct raft_action *a;

	if (RAFT_BROKEN(r, index > r->commit && index <= raft_last(r)))
		return;
	a = raft_act(r, RAFT_ACT_COMMIT);
	a->ents.first = r->commit + 1;
	a->ents.last = index;
	a->ents.term = raft_trail_term(&r->trail, index);
	r->commit = index;
}

/**
 * raft_trim_log() - forget entries that the leader does not have
 * @r: the core
 * @first: the oldest one to go
 *
 * From here on, completions of writes begun before prove nothing: the same
 * indexes are going to be written again. Hence the new epoch.
 */
void raft_trim_log(struct raft *r, u64 first)
{
	struct raft_action *a;

	if (RAFT_BROKEN(r, first > r->commit && first <= raft_last(r)))
		return;
	raft_conf_undo(r, first);
	r->epoch++;
	a = raft_act(r, RAFT_ACT_TRUNCATE);
	a->ticket = r->epoch;
	a->ents.first = first;
	a->ents.last = raft_last(r);
	raft_trail_truncate(&r->trail, first);
	r->durable = min_t(u64, r->durable, first - 1);
	r->cut = min_t(u64, r->cut, first);
}

/**
 * raft_grow_log() - append entries to the own log
 * @r: the core
 * @s: the entries; the first is after the end of the log
 *
 * Return: false if that halted the member.
 */
bool raft_grow_log(struct raft *r, const struct raft_span *s)
{
	struct raft_action *a;

	if (RAFT_BROKEN(r, s->first == raft_last(r) + 1) ||
	    RAFT_BROKEN(r, raft_trail_append(&r->trail, s->last, s->term)))
		return false;
	if (s->conf)
		raft_conf_activate(r, s->conf, s->first);
	a = raft_act(r, RAFT_ACT_APPEND);
	a->ticket = r->epoch;
	a->ents = *s;
	if (s->conf)
		a->ents.conf = &r->conf;
	return true;
}

static int step_log_done(struct raft *r, u64 index, u64 epoch)
{
	if (epoch > r->epoch || (epoch == r->epoch && index > raft_last(r)))
		return -EINVAL;
	/* Completions come in order; an older one has nothing to add. */
	if (epoch < r->done_epoch)
		return 0;
	r->done_epoch = epoch;
	/*
	 * What was truncated since is not what was written. The rest is: a later
	 * completion says so as well, but may need what this one frees of the log.
	 */
	if (epoch < r->epoch)
		index = min_t(u64, index, r->cut - 1);
	else
		r->cut = RAFT_NUM_MAX;
	if (index <= r->durable)
		return 0;
	r->durable = index;
	if (r->role == RAFT_LEADER)
		raft_lead_advance(r);
	else
		raft_ack(r, false);
	return 0;
}

static int step_compacted(struct raft *r, u64 index)
{
	struct raft_peer *p;

	if (index > min_t(u64, r->commit, r->durable))
		return -EINVAL;
	if (index <= r->trail.snap.index)
		return 0;
	raft_trail_compact(&r->trail, index);
	for (p = r->peer; p < r->peer + RAFT_MEMBERS_MAX; p++)
		if (p->store && p->next <= index)
			raft_peer_probe(r, p, p->next);
	return 0;
}

/* Waits for REACHABLE or the next heartbeat: not in a circle with the caller. */
static int step_unreachable(struct raft *r, u64 store)
{
	struct raft_peer *p = raft_peer_find(r, store);

	if (!p || r->role != RAFT_LEADER)
		return 0;
	raft_peer_probe(r, p, p->state == RAFT_PEER_REPLICATE ? p->match + 1 : p->next);
	p->probing = p->state == RAFT_PEER_PROBE;
	return 0;
}

static int step_reachable(struct raft *r, u64 store)
{
	struct raft_peer *p = raft_peer_find(r, store);

	if (r->role == RAFT_FOLLOWER && store == r->leader)
		raft_read_ask(r);
	if (!p)
		return 0;
	if (r->role != RAFT_LEADER) {
		raft_elect_ask(r, store);
		return 0;
	}
	p->probing = false;
	if (!raft_pump_peer(r, p, false) && p->state != RAFT_PEER_REPLICATE)
		raft_heartbeat(r, p);
	return 0;
}

static int step_tick(struct raft *r)
{
	if (r->role == RAFT_LEADER)
		raft_lead_tick(r);
	else
		raft_elect_tick(r);
	return 0;
}

static int step_msg(struct raft *r, const struct raft_msg *m)
{
	if (!m || !raft_msg_valid(r, m))
		return -EINVAL;
	switch (m->type) {
	case RAFT_MSG_PREVOTE:
	case RAFT_MSG_VOTE:
		raft_on_vote(r, m);
		return 0;
	case RAFT_MSG_APPEND:
		return raft_on_append(r, m);
	case RAFT_MSG_READ_REPLY:
		return raft_on_read_reply(r, m);
	case RAFT_MSG_TIMEOUT_NOW:
		return raft_on_timeout_now(r, m);
	}
	/* The rest answers a member, or comes from one. */
	if (!raft_peer_find(r, m->from))
		return -EINVAL;
	switch (m->type) {
	case RAFT_MSG_APPEND_REPLY:
		return raft_on_append_reply(r, m);
	case RAFT_MSG_READ:
		return raft_on_read(r, m);
	default:
		raft_on_vote_reply(r, m);
		return 0;
	}
}

static int dispatch(struct raft *r, const struct raft_event *ev)
{
	switch (ev->type) {
	case RAFT_EV_TICK:
		return step_tick(r);
	case RAFT_EV_MSG:
		return step_msg(r, ev->msg);
	case RAFT_EV_PROPOSE:
		return raft_propose(r, ev);
	case RAFT_EV_PUMP:
		return raft_pump(r);
	case RAFT_EV_READ:
		return raft_read(r, ev->done.ticket);
	case RAFT_EV_TRANSFER:
		return raft_transfer(r, ev->store);
	case RAFT_EV_META_DONE:
		return raft_meta_done(r, ev->done.ticket);
	case RAFT_EV_LOG_DONE:
		return step_log_done(r, ev->done.index, ev->done.ticket);
	case RAFT_EV_COMPACTED:
		return step_compacted(r, ev->done.index);
	case RAFT_EV_UNREACHABLE:
		return step_unreachable(r, ev->store);
	case RAFT_EV_REACHABLE:
		return step_reachable(r, ev->store);
	case RAFT_EV_IO_ERROR:
		raft_halt(r);
		return 0;
	}
	return -EINVAL;
}

/**
 * raft_step() - feed one event
 * @r: the core
 * @ev: the event
 * @out: what to do
 *
 * Return: see raft.h
 */
int raft_step(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
	enum raft_role role = r->role;
	u64 term = r->meta.term, leader = r->leader;
	int err;

	out->n = 0;
	if (role == RAFT_HALTED)
		return -ESHUTDOWN;
	r->out = out;
	r->now = max_t(u64, r->now, ev->now);
	err = dispatch(r, ev);
	if (err == -EINVAL && ev->type == RAFT_EV_MSG)
		r->bad_msgs++;
	if (!err && r->role != RAFT_HALTED) {
		if (term != r->meta.term || leader != r->leader)
			raft_read_reset(r);
		raft_meta_flush(r);
	}
	if (r->role == RAFT_HALTED)
		out->n = 0;
	if (role != r->role || term != r->meta.term || leader != r->leader)
		raft_act(r, RAFT_ACT_ROLE);
	r->out = NULL;
	return err;
}

/**
 * raft_deadline() - when the next TICK is due
 * @r: the core
 *
 * Return: ns, U64_MAX: never
 */
u64 raft_deadline(const struct raft *r)
{
	u64 at = U64_MAX;

	if (r->role == RAFT_HALTED)
		return at;
	if (r->role == RAFT_LEADER) {
		at = min_t(u64, r->heartbeat_at, r->quorum_at);
		return r->transferee ? min_t(u64, at, r->transfer_at) : at;
	}
	/* Who cannot campaign only has a leader to forget. */
	if (r->leader || raft_is_voter(r, r->cfg.self))
		at = r->election_at;
	return r->read_nonce && r->leader ? min_t(u64, at, r->read_retry_at) : at;
}

/**
 * raft_pending() - would a PUMP send something now?
 * @r: the core
 *
 * Return: whether it would.
 */
bool raft_pending(const struct raft *r)
{
	struct raft *w = (struct raft *)r;	/* only read, in a dry run */
	u32 i;

	for (i = 0; r->role == RAFT_LEADER && i < RAFT_MEMBERS_MAX; i++)
		if (r->peer[i].store && raft_pump_peer(w, &w->peer[i], true))
			return true;
	return false;
}

static void peer_status(const struct raft *r, const struct raft_peer *p,
			struct raft_peer_status *st)
{
	st->store = p->store;
	st->flags = raft_conf_flags(&r->conf, p->store);
	if (r->role != RAFT_LEADER)
		return;
	st->state = p->state;
	st->active = p->heard + r->cfg.election_ns > r->now;
	st->match = p->match;
	st->next = p->next;
	st->inflight = p->win_n;
}

/**
 * raft_status() - what an administrator may want to know
 * @r: the core
 * @st: filled in
 */
void raft_status(const struct raft *r, struct raft_status *st)
{
	u32 i;

	memset(st, 0, sizeof(*st));
	st->role = r->role;
	st->term = r->meta.term;
	st->vote = r->meta.vote;
	st->leader = r->leader;
	st->transferee = r->transferee;
	st->snap = r->trail.snap;
	st->last.index = raft_last(r);
	st->last.term = raft_last_term(r);
	st->durable = r->durable;
	st->commit = r->commit;
	st->read_ok = r->read_ok;
	st->resync = r->role == RAFT_FOLLOWER && r->leader && r->resync;
	st->leader_ready = r->role == RAFT_LEADER && r->commit >= r->noop;
	st->elections = r->elections;
	st->bad_msgs = r->bad_msgs;
	for (i = 0; i < RAFT_MEMBERS_MAX; i++)
		if (r->peer[i].store)
			peer_status(r, &r->peer[i], &st->peer[st->npeers++]);
}

/**
 * raft_conf_active() - the active configuration
 * @r: the core
 *
 * Return: borrowed until the next step.
 */
const struct raft_conf *raft_conf_active(const struct raft *r)
{
	return &r->conf;
}

/**
 * raft_term_at() - the term of an entry
 * @r: the core
 * @index: which one
 *
 * Return: 0 if it is not in (snap .. last] or snap itself.
 */
u64 raft_term_at(const struct raft *r, u64 index)
{
	return raft_trail_term(&r->trail, index);
}
