// SPDX-License-Identifier: GPL-2.0
/*
 * Linearizable reads without a clock (ReadIndex). The leader takes its commit
 * index, then has a quorum confirm that it still is the leader, in a round that
 * began after the read arrived. One round is in progress at a time, and covers
 * whatever had arrived when it began. Rounds are numbered within a term, so
 * nothing said in another term counts, and a deposed leader confirms nothing.
 *
 * A follower asks the leader under a random nonce: the answer to a question from
 * before a restart of this node must not confirm a read from after it.
 */
#include "internal.h"

static bool wanted(const struct raft *r)
{
	u32 i;

	if (r->read_want > r->read_ok)
		return true;
	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].read_want)
			return true;
	return false;
}

static void begin_round(struct raft *r)
{
	struct raft_peer *p;

	r->round++;
	r->round_busy = true;
	r->round_index = r->commit;
	r->round_read_id = r->read_want;
	for (p = r->peer; p < r->peer + RBLK_MEMBERS_MAX; p++) {
		p->read_round = p->read_want;
		p->read_want = 0;
	}
}

static void confirm(struct raft *r)
{
	struct raft_action *a;
	struct raft_peer *p;
	struct raft_msg *m;

	r->round_busy = false;
	if (r->round_read_id > r->read_ok) {
		r->read_ok = r->round_read_id;
		a = rblk_raft_act(r, RAFT_ACT_READ_OK);
		a->read_id = r->read_ok;
		a->id.index = r->round_index;
	}
	for (p = r->peer; p < r->peer + RBLK_MEMBERS_MAX; p++) {
		if (!p->read_round)
			continue;
		m = rblk_raft_send(r, RAFT_MSG_READ_REPLY, p->store);
		m->read_seq = p->read_round;
		m->prev.index = r->round_index;
		m->prev.term = rblk_raft_runs_term(&r->runs, r->round_index);
	}
}

/*
 * The heartbeats of a round tell everyone the commit index that it confirms. A
 * round that needs no messages tells those who asked.
 */
static void tell_commit(struct raft *r)
{
	struct raft_peer *p;

	for (p = r->peer; p < r->peer + RBLK_MEMBERS_MAX; p++)
		if (p->read_round && p->commit_sent < r->round_index)
			rblk_raft_heartbeat(r, p);
}

/* Confirms the round in progress and begins the next one, as far as is possible now. */
void rblk_raft_read_lead(struct raft *r)
{
	bool confirmed = false;

	/* Until this term's no-op is committed, commit may lag behind that of older terms. */
	if (r->commit < r->noop)
		return;
	if (r->round_busy) {
		if (rblk_raft_tally(r, RAFT_TALLY_READ) < r->round)
			return;
		confirm(r);
		confirmed = true;
	}
	if (!wanted(r))
		return;
	begin_round(r);
	/* A second confirmation could overflow the output: leave it to the replies. */
	if (confirmed || rblk_raft_tally(r, RAFT_TALLY_READ) < r->round) {
		rblk_raft_heartbeat_all(r);
		return;
	}
	confirm(r);
	tell_commit(r);
}

/*
 * Asks the leader to confirm the reads that wait. A question without an answer
 * is repeated as it was, so that a slow answer still counts.
 */
void rblk_raft_read_ask(struct raft *r)
{
	if (r->role != RAFT_FOLLOWER || !r->leader || r->read_want <= r->read_ok)
		return;
	if (!r->read_asked) {
		r->read_asked = rblk_raft_random(r);
		r->read_asked_id = r->read_want;
	}
	r->read_retry_at = r->now + r->cfg.heartbeat_ns;
	rblk_raft_send(r, RAFT_MSG_READ, r->leader)->read_seq = r->read_asked;
}

/* The leader or the term has changed: any question has to be asked again. */
void rblk_raft_read_reset(struct raft *r)
{
	r->read_asked = 0;
	rblk_raft_read_ask(r);
}

int rblk_raft_read_event(struct raft *r, u64 read_id)
{
	if (!read_id)
		return -EINVAL;
	r->read_want = max_t(u64, r->read_want, read_id);
	if (r->role == RAFT_LEADER)
		rblk_raft_read_lead(r);
	else if (!r->read_asked)
		rblk_raft_read_ask(r);
	return 0;
}

int rblk_raft_on_read(struct raft *r, const struct raft_msg *m)
{
	if (m->term > r->meta.term)
		rblk_raft_become_follower(r, m->term, 0);
	if (m->term != r->meta.term || r->role != RAFT_LEADER)
		return 0;
	rblk_raft_peer_find(r, m->from)->read_want = m->read_seq;
	rblk_raft_read_lead(r);
	return 0;
}

int rblk_raft_on_read_reply(struct raft *r, const struct raft_msg *m)
{
	struct raft_action *a;

	if (m->term != r->meta.term || r->role != RAFT_FOLLOWER || m->from != r->leader ||
	    m->read_seq != r->read_asked)
		return 0;
	r->read_ok = r->read_asked_id;
	r->read_asked = 0;
	a = rblk_raft_act(r, RAFT_ACT_READ_OK);
	a->read_id = r->read_ok;
	a->id = m->prev;
	rblk_raft_read_ask(r);
	return 0;
}
