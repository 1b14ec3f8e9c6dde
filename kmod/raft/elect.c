// SPDX-License-Identifier: GPL-2.0
/*
 * Terms, votes and elections. Term and vote form one piece of metadata, which
 * has a version. At most one version is being written at a time. Whatever
 * depends on the newest one (own vote requests, a grant, an acknowledgment)
 * waits until it is durable.
 */
#include "internal.h"

/* The next number of the core's own generator; never 0. */
u64 rblk_raft_random(struct raft *r)
{
	r->rng ^= r->rng << 13;
	r->rng ^= r->rng >> 7;
	r->rng ^= r->rng << 17;
	return r->rng;
}

void rblk_raft_arm_election(struct raft *r)
{
	u64 spread = ((rblk_raft_random(r) >> 44) * r->cfg.election_ns) >> 21;

	r->election_at = r->now + r->cfg.election_ns + spread;
}

/*
 * Adopts a term that is not below the current one, or a vote in it. What a leader
 * said before counts no more: who votes has given it up, even in its own term. At
 * the end of the step rblk_raft_meta_flush() has it written.
 */
void rblk_raft_meta_set(struct raft *r, u64 term, u64 vote)
{
	memset(&r->verified, 0, sizeof(r->verified));
	r->acked = 0;
	r->told_commit = 0;
	r->read_echo = 0;
	r->ack_held = false;
	r->grant_held = false;
	r->meta.term = term;
	r->meta.vote = vote;
	r->meta_version++;
}

/* Whether the current term and vote would survive a restart. */
bool rblk_raft_meta_is_durable(const struct raft *r)
{
	return r->meta_durable == r->meta_version;
}

/* Has the newest metadata written, unless an older version is still being written. */
void rblk_raft_meta_flush(struct raft *r)
{
	struct raft_action *a;

	if (r->meta_inflight || rblk_raft_meta_is_durable(r))
		return;
	r->meta_inflight = r->meta_version;
	a = rblk_raft_act(r, RAFT_ACT_META);
	a->meta_version = r->meta_version;
	a->meta = r->meta;
}

static void grant(struct raft *r)
{
	if (!rblk_raft_meta_is_durable(r)) {
		r->grant_held = true;
		return;
	}
	r->grant_held = false;
	rblk_raft_send(r, RAFT_MSG_VOTE_REPLY, r->meta.vote);
}

static void ask(struct raft *r, u64 store)
{
	struct raft_msg *m;

	if (r->role == RAFT_PRECANDIDATE) {
		m = rblk_raft_send(r, RAFT_MSG_PREVOTE, store);
		m->term = r->meta.term + 1;
	} else {
		m = rblk_raft_send(r, RAFT_MSG_VOTE, store);
		m->force = r->forced;
	}
	m->prev.index = rblk_raft_last(r);
	m->prev.term = rblk_raft_last_term(r);
}

/* Asks every other voter. */
static void ask_all(struct raft *r)
{
	u32 i;

	for (i = 0; i < r->conf.n; i++)
		if (r->conf.m[i].store != r->cfg.self && rblk_raft_is_voter(r, r->conf.m[i].store))
			ask(r, r->conf.m[i].store);
}

/*
 * A write of metadata is durable. If it was the newest version, what waited for
 * it goes on. Returns -EINVAL if @version is not being written.
 */
int rblk_raft_meta_done(struct raft *r, u64 version)
{
	if (!r->meta_inflight || version != r->meta_inflight)
		return -EINVAL;
	r->meta_inflight = 0;
	r->meta_durable = version;
	if (!rblk_raft_meta_is_durable(r))
		return 0;
	if (r->grant_held)
		grant(r);
	if (r->ack_held)
		rblk_raft_ack(r, true);
	if (r->role != RAFT_CANDIDATE)
		return 0;
	if (rblk_raft_tally(r, RAFT_TALLY_VOTE))
		rblk_raft_lead(r);
	else
		ask_all(r);
	return 0;
}

/*
 * Follows @leader, or waits for one if it is 0, in a term that is not below the
 * current one. This is also how a deposed leader forgets that it was the
 * leader.
 *
 * A running election timer is left alone: a candidate that cannot win must not
 * keep those that can from trying.
 */
void rblk_raft_become_follower(struct raft *r, u64 term, u64 leader)
{
	if (term > r->meta.term)
		rblk_raft_meta_set(r, term, 0);
	if (r->role == RAFT_LEADER) {
		r->transferee = 0;
		r->round_busy = false;
		rblk_raft_arm_election(r);
	}
	r->role = RAFT_FOLLOWER;
	r->leader = leader;
	r->forced = false;
}

/* Does a log that ends with @tail have all that is committed of one that ends with @other? */
static bool ends_as_late(const struct rblk_id *tail, const struct rblk_id *other)
{
	return tail->term > other->term ||
	       (tail->term == other->term && tail->index >= other->index);
}

/*
 * Does this follower have all that its leader has committed? A leader that has committed an entry
 * of its own term knows of everything that was committed, also because of what this node had
 * acknowledged: it learned that this was lost before it said a word to this start of the node.
 */
static bool has_committed(const struct raft *r)
{
	return r->leader && rblk_raft_runs_term(&r->runs, r->told_commit) == r->meta.term &&
	       r->told_commit <= min_t(u64, r->durable, r->verified.index);
}

/*
 * What was acknowledged and lost is owed until a leader has brought it, or the entry that shows
 * that it was overruled: a log that ends as late has all of it that was committed.
 */
void rblk_raft_settle_owed(struct raft *r)
{
	struct rblk_id durable = {
		.index = r->durable, .term = rblk_raft_runs_term(&r->runs, r->durable),
	};

	if (ends_as_late(&durable, &r->owed) || has_committed(r))
		memset(&r->owed, 0, sizeof(r->owed));
}

/*
 * A blank member, a learner or a removed member never campaigns. Neither does one that
 * has lost what it acknowledged, as only others can bring that back, nor a
 * node without room for the no-op of a new leader: each leadership, however
 * short, leaves one in the log.
 */
static bool may_campaign(const struct raft *r)
{
	return rblk_raft_is_voter(r, r->cfg.self) && !r->owed.index &&
	       r->meta.term + 1 < RAFT_NUM_MAX &&
	       rblk_raft_runs_fits(&r->runs, rblk_raft_last(r) + 1, r->meta.term + 1, 0) &&
	       r->cfg.can_lead(r->cfg.ctx);
}

static void stand(struct raft *r, enum raft_role role)
{
	u32 i;

	r->role = role;
	r->leader = 0;
	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		r->peer[i].granted = false;
	rblk_raft_arm_election(r);
}

/*
 * Begins a real election. With @force the leader has asked for it, and voters
 * ignore their stickiness.
 *
 * The requests leave once this node's vote is durable. Otherwise a restarted
 * node could count grants that were given to a longer log, which it has lost
 * since.
 */
void rblk_raft_campaign(struct raft *r, bool force)
{
	if (!may_campaign(r))
		return;
	rblk_raft_meta_set(r, r->meta.term + 1, r->cfg.self);
	stand(r, RAFT_CANDIDATE);
	r->forced = force;
	r->elections++;
}

static void prevote(struct raft *r)
{
	stand(r, RAFT_PRECANDIDATE);
	r->forced = false;
	if (rblk_raft_tally(r, RAFT_TALLY_VOTE))
		rblk_raft_campaign(r, false);
	else
		ask_all(r);
}

/* The timers of a node that does not lead. */
void rblk_raft_elect_tick(struct raft *r)
{
	if (r->now >= r->read_retry_at)
		rblk_raft_read_ask(r);
	if (r->now < r->election_at)
		return;
	if (may_campaign(r)) {
		prevote(r);
	} else {
		r->leader = 0;
		rblk_raft_arm_election(r);
	}
}

/* A voter can be reached again: repeats the request for its vote. */
void rblk_raft_elect_ask(struct raft *r, u64 store)
{
	if (!rblk_raft_is_voter(r, store))
		return;
	if (r->role == RAFT_PRECANDIDATE ||
	    (r->role == RAFT_CANDIDATE && rblk_raft_meta_is_durable(r)))
		ask(r, store);
}

/* A live leader is not voted out by nodes that merely cannot hear it. */
static bool sticky(const struct raft *r)
{
	if (r->role == RAFT_LEADER)
		return true;
	return r->leader && r->now < r->leader_contact + r->cfg.election_ns;
}

/* Whoever gets this vote has what this node has acknowledged, also what it has lost of that. */
static bool up_to_date(const struct raft *r, const struct rblk_id *tail)
{
	struct rblk_id last = { .index = rblk_raft_last(r), .term = rblk_raft_last_term(r) };

	return ends_as_late(tail, &last) && ends_as_late(tail, &r->owed);
}

/*
 * Granting a pre-vote is no promise: it changes nothing, not even a timer. A
 * rejection carries the voter's term, so that a candidate that fell behind can
 * catch up.
 */
static void on_prevote(struct raft *r, const struct raft_msg *m)
{
	bool ok = !sticky(r) && m->term > r->meta.term && up_to_date(r, &m->prev);
	struct raft_msg *reply = rblk_raft_send(r, RAFT_MSG_PREVOTE_REPLY, m->from);

	if (ok)
		reply->term = m->term;
	reply->reject = !ok;
}

/*
 * Answers a request for a vote or a pre-vote. The candidate need not be a
 * member of the active configuration, and a learner answers as well, since this
 * node may be behind.
 */
void rblk_raft_on_vote(struct raft *r, const struct raft_msg *m)
{
	bool stick = sticky(r) && !m->force;

	if (m->type == RAFT_MSG_PREVOTE) {
		on_prevote(r, m);
		return;
	}
	if (m->term > r->meta.term && !stick)
		rblk_raft_become_follower(r, m->term, 0);
	if (m->term != r->meta.term || stick || !up_to_date(r, &m->prev) ||
	    (r->meta.vote && r->meta.vote != m->from)) {
		rblk_raft_send(r, RAFT_MSG_VOTE_REPLY, m->from)->reject = 1;
		return;
	}
	if (!r->meta.vote) {
		rblk_raft_meta_set(r, m->term, m->from);
		rblk_raft_become_follower(r, m->term, 0);
		rblk_raft_arm_election(r);
	}
	grant(r);
}

void rblk_raft_on_vote_reply(struct raft *r, const struct raft_msg *m)
{
	bool pre = m->type == RAFT_MSG_PREVOTE_REPLY;

	if (m->reject && m->term > r->meta.term)
		rblk_raft_become_follower(r, m->term, 0);
	if (m->reject || r->role != (pre ? RAFT_PRECANDIDATE : RAFT_CANDIDATE) ||
	    m->term != r->meta.term + pre)
		return;
	rblk_raft_peer_find(r, m->from)->granted = true;
	if (!rblk_raft_tally(r, RAFT_TALLY_VOTE))
		return;
	if (pre)
		rblk_raft_campaign(r, false);
	else
		rblk_raft_lead(r);
}
