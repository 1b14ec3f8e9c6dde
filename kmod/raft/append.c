// SPDX-License-Identifier: GPL-2.0
/*
 * The follower: whether an append fits, what of it is new, and what may be
 * acknowledged.
 */
#include "internal.h"

/*
 * Tells the leader what is durable here, with @at_once even if that is no news.
 *
 * It never names more than the appends of this term proved equal: what lies
 * behind may come from an older leader. It waits until the term is durable: a
 * node that forgets the term could help to elect a leader that lacks what was
 * acknowledged.
 */
void rblk_raft_ack(struct raft *r, bool at_once)
{
	struct rblk_id match = r->verified;
	struct raft_msg *m;

	if (!r->leader)
		return;
	if (match.index > r->durable) {
		match.index = r->durable;
		match.term = rblk_raft_runs_term(&r->runs, match.index);
	}
	if (!at_once && match.index <= r->acked)
		return;
	if (!rblk_raft_meta_is_durable(r)) {
		r->ack_held = true;
		return;
	}
	r->ack_held = false;
	r->acked = max_t(u64, r->acked, match.index);
	m = rblk_raft_send(r, RAFT_MSG_APPEND_REPLY, r->leader);
	m->prev = match;
	m->read_seq = r->read_echo;
}

/* The leader of an old term has to learn the new term, or it never follows again. */
static void refuse_old(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg *reply = rblk_raft_send(r, RAFT_MSG_APPEND_REPLY, m->from);

	reply->reject = 1;
}

/* Names the newest local entry that the leader may share; progress.c has an example. */
static void refuse_append(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg *reply = rblk_raft_send(r, RAFT_MSG_APPEND_REPLY, m->from);
	u64 i = min_t(u64, m->prev.index - 1, rblk_raft_last(r));

	/* The leader certainly has what is committed here. */
	i = max_t(u64, rblk_raft_runs_at_most(&r->runs, i, m->prev.term), r->commit);
	reply->reject = 1;
	reply->reject_index = m->prev.index;
	reply->prev.index = i;
	reply->prev.term = rblk_raft_runs_term(&r->runs, i);
	reply->run_first = rblk_raft_run_first(&r->runs, i);
	reply->read_seq = r->read_echo;
}

/*
 * Whether @prev is in the local log. What snap covers is committed, so it is
 * the same on the leader.
 */
static bool fits(const struct raft *r, const struct rblk_id *prev)
{
	if (prev->index < r->runs.snap.index)
		return true;
	return rblk_raft_runs_term(&r->runs, prev->index) == prev->term;
}

/* Whether the append takes back what the leader of this term has said in this term. */
static bool contradicts(const struct raft *r, const struct raft_msg *m)
{
	const struct raft_span *s = &m->ents;
	u64 at;

	if (m->term != r->meta.term)
		return false;
	at = rblk_raft_runs_differs(&r->runs, s);
	if (at > s->last)
		return false;
	return at <= r->verified.index || rblk_raft_runs_term(&r->runs, at) == m->term;
}

/*
 * Stores what is new, and returns the index of the last entry that equals the
 * leader's.
 */
static u64 take(struct raft *r, const struct raft_msg *m)
{
	struct raft_span s = m->ents;
	u32 reserve = s.term < m->term ? RAFT_RUNS_RESERVED : 0;
	u64 at;

	if (s.first <= s.last)
		s.last = r->cfg.takes(r->cfg.ctx, s.first, s.last);
	if (s.first > s.last)
		return m->prev.index;
	at = rblk_raft_runs_differs(&r->runs, &s);
	if (at > s.last)
		return s.last;
	if (!rblk_raft_runs_fits(&r->runs, at, s.term, reserve))
		return at - 1;
	if (at <= rblk_raft_last(r))
		rblk_raft_trim_log(r, at);
	s.first = at;
	rblk_raft_grow_log(r, &s);
	return s.last;
}

static void follow(struct raft *r, const struct raft_msg *m)
{
	rblk_raft_become_follower(r, m->term, m->from);
	r->leader_contact = r->now;
	rblk_raft_arm_election(r);
	r->read_echo = max_t(u64, r->read_echo, m->read_seq);
	r->told_commit = max_t(u64, r->told_commit, m->commit);
	r->resync = m->resync;
	r->stalled = m->stalled;
}

/* No correct leader lacks a committed entry: halt rather than follow this one. */
static bool breaks_committed(struct raft *r, const struct raft_msg *m)
{
	const struct rblk_id *snap = &r->runs.snap;
	const struct raft_span *s = &m->ents;
	bool equal = fits(r, &m->prev) || m->prev.index > r->commit;

	if (s->first <= snap->index && s->last >= snap->index && s->term != snap->term)
		equal = false;
	return RAFT_BROKEN(r, equal);
}

/*
 * Handles the entries or the heartbeat of a leader. The sender need not be a
 * member of the active configuration, since this node may be behind. Returns
 * -EINVAL if no correct leader of that term could have sent it.
 */
int rblk_raft_on_append(struct raft *r, const struct raft_msg *m)
{
	u64 good, last, commit;
	bool empty;

	if (m->term < r->meta.term) {
		refuse_old(r, m);
		return 0;
	}
	if (m->term == r->meta.term && r->leader && r->leader != m->from)
		return -EINVAL;
	if (contradicts(r, m))
		return -EINVAL;
	follow(r, m);
	if (breaks_committed(r, m))
		return 0;
	if (!fits(r, &m->prev)) {
		refuse_append(r, m);
		return 0;
	}
	good = take(r, m);
	empty = m->ents.first > m->ents.last;
	last = empty ? m->prev.index : m->ents.last;
	if (good > r->verified.index) {
		r->verified.index = good;
		r->verified.term = good == m->prev.index ? m->prev.term : m->ents.term;
	}
	/* A heartbeat may name the commit index before the entries that it means are here. */
	commit = min_t(u64, r->told_commit, r->verified.index);
	if (commit > r->commit)
		rblk_raft_commit_to(r, commit);
	/* Without room, stay silent: the leader would answer a refusal with the same append. */
	if (good == last)
		rblk_raft_ack(r, empty || last <= r->durable);
	return 0;
}
