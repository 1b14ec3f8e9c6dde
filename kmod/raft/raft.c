// SPDX-License-Identifier: GPL-2.0
/*
 * Entry points of the Raft core: start, dispatch, status. Documentation/raft.rst
 * lists the rules and says where each of them lives.
 */
#include "internal.h"

/**
 * rblk_raft_size() - size of a core
 *
 * Return: the number of bytes that rblk_raft_init() needs.
 */
size_t rblk_raft_size(void)
{
	return sizeof(struct raft);
}

static bool cfg_valid(const struct raft_cfg *cfg)
{
	return cfg->self && cfg->sendable && cfg->takes && cfg->can_lead &&
	       cfg->heartbeat_ns && cfg->msg_ents &&
	       cfg->inflight_msgs && cfg->election_ns > cfg->heartbeat_ns &&
	       cfg->election_ns < 1ULL << 43;
}

/*
 * Makes two starts draw different numbers even from one seed, and similar seeds
 * draw unrelated ones.
 */
static u64 mix_seed(u64 x)
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
	if (boot->conf.index ? !rblk_raft_conf_valid(&boot->conf) : boot->conf.n)
		return -EINVAL;
	r->conf = boot->conf;
	/* If both are the same configuration, there is nothing to restore. */
	if (boot->prev_conf.index < boot->conf.index)
		r->prev_conf = boot->prev_conf;
	rblk_raft_peers_sync(r);
	return 0;
}

/**
 * rblk_raft_init() - start a core from what recovery proved durable
 * @r: rblk_raft_size() bytes, 8-byte aligned
 * @cfg: copied
 * @boot: borrowed for the call
 * @now: monotonic time, ns
 *
 * Emits no actions. If metadata has to be written, the first step says so.
 *
 * Return: 0, or -EINVAL if @cfg is invalid or @boot contradicts itself.
 */
int rblk_raft_init(struct raft *r, const struct raft_cfg *cfg, const struct raft_boot *boot,
		   u64 now)
{
	if (!cfg_valid(cfg))
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	r->cfg = *cfg;
	r->cfg.inflight_msgs = min_t(u32, cfg->inflight_msgs, RAFT_WINDOW_MAX);
	r->now = now;
	r->rng = mix_seed(cfg->seed ^ mix_seed(now));
	r->meta = boot->meta;
	r->commit = boot->commit;
	r->durable = boot->last.index;
	r->cut = RAFT_NUM_MAX;
	r->owed = boot->owed;
	if (rblk_raft_runs_init(&r->runs, boot) || r->commit < r->runs.snap.index ||
	    r->commit > r->durable || r->meta.term >= RAFT_NUM_MAX ||
	    !r->owed.index != !r->owed.term || r->owed.term >= RAFT_NUM_MAX ||
	    (!r->meta.term && r->meta.vote) || boot_conf(r, boot))
		return -EINVAL;
	/*
	 * Entries may have become durable before the metadata of their term.
	 * Then this node has said nothing in that term yet; in particular, it
	 * has not voted.
	 */
	if (r->meta.term < boot->last.term)
		rblk_raft_meta_set(r, boot->last.term, 0);
	rblk_raft_arm_election(r);
	return 0;
}

/**
 * rblk_raft_set_timeouts() - change the timeouts
 * @r: the core
 * @heartbeat_ns: period of a leader's heartbeats
 * @election_ns: shortest election timeout
 *
 * The timeouts are a replicated option, so a configuration can bring others. They
 * apply to timers that are armed from now on.
 *
 * Return: 0, or -EINVAL if they are invalid, in which case nothing has changed.
 */
int rblk_raft_set_timeouts(struct raft *r, u64 heartbeat_ns, u64 election_ns)
{
	struct raft_cfg cfg = r->cfg;

	cfg.heartbeat_ns = heartbeat_ns;
	cfg.election_ns = election_ns;
	if (!cfg_valid(&cfg))
		return -EINVAL;
	r->cfg = cfg;
	return 0;
}

/*
 * An invariant is broken or a device has failed: the core never says anything
 * again.
 */
void rblk_raft_halt(struct raft *r)
{
	r->role = RAFT_HALTED;
	r->leader = 0;
	r->transferee = 0;
}

/*
 * Appends a zeroed action to the output of the current step. Too many of them
 * halt the core.
 */
struct raft_action *rblk_raft_act(struct raft *r, enum raft_act_type type)
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

/*
 * Appends a message to the output of the current step, with its addresses and
 * the current term filled in.
 */
struct raft_msg *rblk_raft_send(struct raft *r, enum raft_msg_type type, u64 to)
{
	struct raft_msg *m = &rblk_raft_act(r, RAFT_ACT_SEND)->msg;

	m->type = type;
	m->from = r->cfg.self;
	m->to = to;
	m->term = r->meta.term;
	return m;
}

void rblk_raft_commit_to(struct raft *r, u64 index)
{
	struct raft_action *a;

	if (RAFT_BROKEN(r, index > r->commit && index <= rblk_raft_last(r)))
		return;
	a = rblk_raft_act(r, RAFT_ACT_COMMIT);
	a->ents.first = r->commit + 1;
	a->ents.last = index;
	a->ents.term = rblk_raft_runs_term(&r->runs, index);
	r->commit = index;
}

/*
 * Forgets the entries from @first on, which the leader does not have. The same
 * indexes are going to be written again, so completions of writes that began
 * before prove nothing about them. Hence the new epoch.
 */
void rblk_raft_trim_log(struct raft *r, u64 first)
{
	struct raft_action *a;

	if (RAFT_BROKEN(r, first > r->commit && first <= rblk_raft_last(r)))
		return;
	rblk_raft_conf_undo(r, first);
	r->trunc_epoch++;
	a = rblk_raft_act(r, RAFT_ACT_TRUNCATE);
	a->trunc_epoch = r->trunc_epoch;
	a->ents.first = first;
	a->ents.last = rblk_raft_last(r);
	rblk_raft_runs_truncate(&r->runs, first);
	r->durable = min_t(u64, r->durable, first - 1);
	r->cut = min_t(u64, r->cut, first);
}

/* Appends @s to the local log. Returns false if that halted the core. */
bool rblk_raft_grow_log(struct raft *r, const struct raft_span *s)
{
	struct raft_action *a;

	if (RAFT_BROKEN(r, s->first == rblk_raft_last(r) + 1) ||
	    RAFT_BROKEN(r, rblk_raft_runs_append(&r->runs, s->last, s->term)))
		return false;
	if (s->conf)
		rblk_raft_conf_activate(r, s->conf, s->first);
	a = rblk_raft_act(r, RAFT_ACT_APPEND);
	a->trunc_epoch = r->trunc_epoch;
	a->ents = *s;
	if (s->conf)
		a->ents.conf = &r->conf;
	return true;
}

static int step_log_done(struct raft *r, u64 index, u64 epoch)
{
	if (epoch > r->trunc_epoch || (epoch == r->trunc_epoch && index > rblk_raft_last(r)))
		return -EINVAL;
	/* Completions arrive in order; one of an older epoch has nothing to add. */
	if (epoch < r->done_trunc_epoch)
		return 0;
	r->done_trunc_epoch = epoch;
	/*
	 * What was truncated since then is not what was written, but everything
	 * below it is. A later completion will say so as well, but it may need
	 * the log space that is freed because of this one.
	 */
	if (epoch < r->trunc_epoch)
		index = min_t(u64, index, r->cut - 1);
	else
		r->cut = RAFT_NUM_MAX;
	if (index <= r->durable)
		return 0;
	r->durable = index;
	if (r->role == RAFT_LEADER)
		rblk_raft_lead_advance(r);
	else
		rblk_raft_ack(r, false);
	return 0;
}

static int step_compacted(struct raft *r, u64 index)
{
	struct raft_peer *p;

	if (index > min_t(u64, r->commit, r->durable))
		return -EINVAL;
	if (index <= r->runs.snap.index)
		return 0;
	rblk_raft_runs_compact(&r->runs, index);
	for (p = r->peer; p < r->peer + RBLK_MEMBERS_MAX; p++)
		if (p->next <= index)
			rblk_raft_peer_probe(r, p, p->next);
	return 0;
}

/**
 * rblk_raft_installable() - may the log of this node go on behind an entry of another member?
 * @r: the core
 * @id: the entry, which is committed
 *
 * Not if this node has it, since then it has acknowledged what follows, perhaps. If it does not,
 * whatever follows in its own log is not committed.
 *
 * Return: true if so.
 */
bool rblk_raft_installable(const struct raft *r, const struct rblk_id *id)
{
	return r->role == RAFT_FOLLOWER && id->index > r->commit && id->term &&
	       id->term <= r->meta.term && id->index < RAFT_NUM_MAX &&
	       rblk_raft_runs_term(&r->runs, id->index) != id->term;
}

/*
 * Everything up to @id is committed, so it equals the log of any leader from now on. The
 * completions of what was written before prove nothing about what comes.
 */
static int step_installed(struct raft *r, const struct rblk_id *id, const struct raft_conf *conf)
{
	if (!rblk_raft_installable(r, id) || !rblk_raft_conf_valid(conf) ||
	    conf->index > id->index)
		return -EINVAL;
	r->runs.snap = *id;
	r->runs.last = id->index;
	r->runs.n = 0;
	r->durable = id->index;
	r->commit = id->index;
	r->verified = *id;
	r->acked = 0;
	r->resync = false;	/* as far as is known; the leader says so if not */
	r->trunc_epoch++;
	r->cut = RAFT_NUM_MAX;
	rblk_raft_conf_activate(r, conf, conf->index);
	memset(&r->prev_conf, 0, sizeof(r->prev_conf));
	rblk_raft_ack(r, true);
	return 0;
}

/*
 * The next append waits for REACHABLE or a heartbeat. Sent at once, it could
 * fail at once, and the core and its caller would run in a circle.
 */
static int step_unreachable(struct raft *r, u64 store)
{
	struct raft_peer *p = rblk_raft_peer_find(r, store);

	if (!p)
		return 0;
	rblk_raft_peer_probe(r, p, p->state == RAFT_PEER_REPLICATE ? p->match + 1 : p->next);
	p->probing = p->state == RAFT_PEER_PROBE;
	return 0;
}

/* What was sent before is on its way. The rest goes once it can, which REACHABLE says. */
static int step_unsent(struct raft *r, u64 store, u64 first)
{
	struct raft_peer *p = rblk_raft_peer_find(r, store);

	if (p)
		rblk_raft_peer_unsent(r, p, first);
	return 0;
}

/*
 * What the peer acknowledged before counts no more, until it says so again. What was committed
 * because of it stays committed.
 */
static int step_forgot(struct raft *r, u64 store)
{
	struct raft_peer *p = rblk_raft_peer_find(r, store);

	if (p && r->role == RAFT_LEADER)
		rblk_raft_peer_reset(r, p);
	return 0;
}

static int step_reachable(struct raft *r, u64 store)
{
	struct raft_peer *p = rblk_raft_peer_find(r, store);

	if (store == r->leader)
		rblk_raft_read_ask(r);
	if (!p)
		return 0;
	if (r->role != RAFT_LEADER) {
		rblk_raft_elect_ask(r, store);
		return 0;
	}
	p->probing = false;
	if (!rblk_raft_pump_peer(r, p, false) && p->state != RAFT_PEER_REPLICATE)
		rblk_raft_heartbeat(r, p);
	return 0;
}

static int step_tick(struct raft *r)
{
	if (r->role == RAFT_LEADER)
		rblk_raft_lead_tick(r);
	else
		rblk_raft_elect_tick(r);
	return 0;
}

static int step_msg(struct raft *r, const struct raft_msg *m)
{
	if (!m || !rblk_raft_msg_valid(r, m))
		return -EINVAL;
	switch (m->type) {
	case RAFT_MSG_PREVOTE:
	case RAFT_MSG_VOTE:
		rblk_raft_on_vote(r, m);
		return 0;
	case RAFT_MSG_APPEND:
		return rblk_raft_on_append(r, m);
	case RAFT_MSG_READ_REPLY:
		return rblk_raft_on_read_reply(r, m);
	case RAFT_MSG_TIMEOUT_NOW:
		return rblk_raft_on_timeout_now(r, m);
	}
	/* All other messages count only if a member sent them. */
	if (!rblk_raft_peer_find(r, m->from))
		return -EINVAL;
	switch (m->type) {
	case RAFT_MSG_APPEND_REPLY:
		return rblk_raft_on_append_reply(r, m);
	case RAFT_MSG_READ:
		return rblk_raft_on_read(r, m);
	default:
		rblk_raft_on_vote_reply(r, m);
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
		return rblk_raft_propose(r, ev);
	case RAFT_EV_PUMP:
		return rblk_raft_pump(r);
	case RAFT_EV_READ:
		return rblk_raft_read_event(r, ev->done.read_id);
	case RAFT_EV_TRANSFER:
		return rblk_raft_transfer(r, ev->store);
	case RAFT_EV_YIELD:
		return rblk_raft_yield(r, ev->store);
	case RAFT_EV_META_DONE:
		return rblk_raft_meta_done(r, ev->done.meta_version);
	case RAFT_EV_LOG_DONE:
		return step_log_done(r, ev->done.index, ev->done.trunc_epoch);
	case RAFT_EV_COMPACTED:
		return step_compacted(r, ev->done.index);
	case RAFT_EV_INSTALLED:
		return step_installed(r, &ev->installed.id, ev->installed.conf);
	case RAFT_EV_UNREACHABLE:
		return step_unreachable(r, ev->store);
	case RAFT_EV_UNSENT:
		return step_unsent(r, ev->store, ev->first);
	case RAFT_EV_REACHABLE:
		return step_reachable(r, ev->store);
	case RAFT_EV_FORGOT:
		return step_forgot(r, ev->store);
	case RAFT_EV_IO_ERROR:
		rblk_raft_halt(r);
		return 0;
	}
	return -EINVAL;
}

/**
 * rblk_raft_step() - feed one event
 * @r: the core
 * @ev: the event, borrowed for the call
 * @out: overwritten with the actions to be taken
 *
 * If this fails, @out is empty and nothing has changed. Whatever the event, neither
 * term nor commit index ever goes back, and the log has what is committed and what is
 * durable; otherwise the core halts, and nothing of what it was about to do is done.
 *
 * Return: 0, or
 *
 * * -EREMOTE: PROPOSE, TRANSFER or YIELD, and this node does not lead
 * * -EAGAIN: PROPOSE over a bound, during a transfer or, with a configuration,
 *   while another one is not committed; try again later
 * * -EBUSY: TRANSFER while another one is in progress
 * * -EINVAL: malformed event or message; a message is ignored and counted
 * * -ESHUTDOWN: the core is halted
 */
int rblk_raft_step(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
	enum raft_role role = r->role;
	u64 term = r->meta.term, leader = r->leader, commit = r->commit;
	int ret;

	out->n = 0;
	if (role == RAFT_HALTED)
		return -ESHUTDOWN;
	r->out = out;
	r->now = max_t(u64, r->now, ev->now);
	ret = dispatch(r, ev);
	if (ret == -EINVAL && ev->type == RAFT_EV_MSG)
		r->bad_msgs++;
	if (!ret) {
		if (r->owed.index)
			rblk_raft_settle_owed(r);
		if (term != r->meta.term || leader != r->leader)
			rblk_raft_read_reset(r);
		rblk_raft_meta_flush(r);
	}
	if (RAFT_BROKEN(r, term <= r->meta.term && commit <= r->commit) ||
	    RAFT_BROKEN(r, r->commit <= rblk_raft_last(r) && r->durable <= rblk_raft_last(r)))
		ret = -ESHUTDOWN;
	if (r->role == RAFT_HALTED)
		out->n = 0;
	if (role != r->role || term != r->meta.term || leader != r->leader)
		rblk_raft_act(r, RAFT_ACT_ROLE);
	r->out = NULL;
	return ret;
}

/**
 * rblk_raft_deadline() - when the next TICK is due
 * @r: the core
 *
 * Return: the time in ns, or U64_MAX for never.
 */
u64 rblk_raft_deadline(const struct raft *r)
{
	u64 at = U64_MAX;

	if (r->role == RAFT_HALTED)
		return at;
	if (r->role == RAFT_LEADER)
		return min_t(u64, r->heartbeat_at, r->quorum_at);
	/* A node that cannot campaign needs the timer only to forget its leader. */
	if (r->leader || rblk_raft_is_voter(r, r->cfg.self))
		at = r->election_at;
	return r->read_asked ? min_t(u64, at, r->read_retry_at) : at;
}

/**
 * rblk_raft_pending() - would a PUMP send something now?
 * @r: the core
 *
 * Return: true if it would.
 */
bool rblk_raft_pending(const struct raft *r)
{
	struct raft *w = (struct raft *)r;	/* a dry run only reads */
	u32 i;

	for (i = 0; r->role == RAFT_LEADER && i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].store && rblk_raft_pump_peer(w, &w->peer[i], true))
			return true;
	return false;
}

static void fill_progress(const struct raft *r, const struct raft_peer *p,
			  struct raft_peer_status *st)
{
	st->store = p->store;
	st->flags = rblk_raft_conf_flags(&r->conf, p->store);
	if (r->role != RAFT_LEADER)
		return;
	st->state = p->state;
	st->active = rblk_raft_peer_active(r, p);
	st->match = p->match;
	st->next = p->next;
	st->inflight = p->win_n;
}

/**
 * rblk_raft_status() - copy the state that people may want to see
 * @r: the core
 * @st: filled in
 */
void rblk_raft_status(const struct raft *r, struct raft_status *st)
{
	u32 i;

	memset(st, 0, sizeof(*st));
	st->role = r->role;
	st->term = r->meta.term;
	st->vote = r->meta.vote;
	st->leader = r->leader;
	st->transferee = r->transferee;
	st->snap = r->runs.snap;
	st->last.index = rblk_raft_last(r);
	st->last.term = rblk_raft_last_term(r);
	st->durable = r->durable;
	st->commit = r->commit;
	st->owed = r->owed;
	st->read_ok = r->read_ok;
	st->resync = r->role == RAFT_FOLLOWER && r->leader && r->resync;
	st->stalled = r->leader && r->stalled;
	st->leader_ready = r->role == RAFT_LEADER && r->commit >= r->noop;
	st->elections = r->elections;
	st->bad_msgs = r->bad_msgs;
	st->rejects = r->rejects;
	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].store)
			fill_progress(r, &r->peer[i], &st->peer[st->npeers++]);
}

/**
 * rblk_raft_conf_active() - the active configuration
 * @r: the core
 *
 * Return: the configuration, valid until the next step.
 */
const struct raft_conf *rblk_raft_conf_active(const struct raft *r)
{
	return &r->conf;
}

/**
 * rblk_raft_term_at() - the term of an entry
 * @r: the core
 * @index: of the entry
 *
 * Return: its term, or 0 if the entry is neither in the log nor the one before
 * the first retained entry.
 */
u64 rblk_raft_term_at(const struct raft *r, u64 index)
{
	return rblk_raft_runs_term(&r->runs, index);
}
