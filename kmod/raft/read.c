// SPDX-License-Identifier: GPL-2.0
/*
 * Linearizable reads without a clock (ReadIndex). The leader takes its commit
 * index, then has a quorum confirm that it still is the leader: a round that
 * began after the read arrived. One round is under way at a time and covers
 * whatever had arrived when it began. Rounds are numbered per term, so nothing
 * said in another term counts, and a deposed leader confirms nothing.
 *
 * A follower asks the leader by a random nonce: an answer to an earlier life of
 * this node must not confirm reads of this one.
 */
#include "internal.h"

static bool wanted(const struct raft *r)
{
	u32 i;

	if (r->read_want > r->read_ok)
		return true;
	for (i = 0; i < RAFT_MEMBERS_MAX; i++)
		if (r->peer[i].store && r->peer[i].read_want)
			return true;
	return false;
}

static void begin(struct raft *r)
{
	struct raft_peer *p;

	r->round++;
	r->round_busy = true;
	r->round_index = r->commit;
	r->round_ticket = r->read_want;
	for (p = r->peer; p < r->peer + RAFT_MEMBERS_MAX; p++) {
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
	if (r->round_ticket > r->read_ok) {
		r->read_ok = r->round_ticket;
		a = raft_act(r, RAFT_ACT_READ_OK);
		a->ticket = r->read_ok;
		a->id.index = r->round_index;
	}
	for (p = r->peer; p < r->peer + RAFT_MEMBERS_MAX; p++) {
		if (!p->store || !p->read_round)
			continue;
		m = raft_send(r, RAFT_MSG_READ_REPLY, p->store);
		m->read_seq = p->read_round;
		m->prev.index = r->round_index;
		m->prev.term = raft_trail_term(&r->trail, r->round_index);
	}
}

/* A round tells everyone of the commit that it confirms; one without messages does not. */
static void tell_commit(struct raft *r)
{
	struct raft_peer *p;

	for (p = r->peer; p < r->peer + RAFT_MEMBERS_MAX; p++)
		if (p->store && p->read_round && p->commit_sent < r->round_index)
			raft_heartbeat(r, p);
}

/**
 * raft_read_lead() - confirm and begin rounds, as far as it goes now
 * @r: the core, the leader
 */
void raft_read_lead(struct raft *r)
{
	bool confirmed = false;

	/* Before the own no-op is committed, commit may lag behind older terms'. */
	if (r->commit < r->noop)
		return;
	if (r->round_busy) {
		if (raft_tally(r, RAFT_TALLY_READ) < r->round)
			return;
		confirm(r);
		confirmed = true;
	}
	if (!wanted(r))
		return;
	begin(r);
	/* Two confirmations in one step could overflow it: then by the answers. */
	if (confirmed || raft_tally(r, RAFT_TALLY_READ) < r->round) {
		raft_heartbeat_all(r);
		return;
	}
	confirm(r);
	tell_commit(r);
}

/**
 * raft_read_ask() - have the leader confirm the waiting reads
 * @r: the core, a follower
 *
 * Repeats a question that has no answer yet, so a slow answer still counts.
 */
void raft_read_ask(struct raft *r)
{
	if (r->role != RAFT_FOLLOWER || !r->leader || r->read_want <= r->read_ok)
		return;
	if (!r->read_nonce) {
		r->read_nonce = raft_random(r);
		r->read_nonce_ticket = r->read_want;
	}
	r->read_retry_at = r->now + r->cfg.heartbeat_ns;
	raft_send(r, RAFT_MSG_READ, r->leader)->read_seq = r->read_nonce;
}

/**
 * raft_read_reset() - another leader or term: ask anew
 * @r: the core
 */
void raft_read_reset(struct raft *r)
{
	r->read_nonce = 0;
	raft_read_ask(r);
}

/**
 * raft_read() - the caller has reads to confirm
 * @r: the core
 * @ticket: the newest of them
 *
 * Return: 0, or -EINVAL for ticket 0.
 */
int raft_read(struct raft *r, u64 ticket)
{
	if (!ticket)
		return -EINVAL;
	r->read_want = max_t(u64, r->read_want, ticket);
	if (r->role == RAFT_LEADER)
		raft_read_lead(r);
	else if (!r->read_nonce)
		raft_read_ask(r);
	return 0;
}

/**
 * raft_on_read() - a follower has reads to confirm
 * @r: the core
 * @m: READ, from a member
 *
 * Return: 0.
 */
int raft_on_read(struct raft *r, const struct raft_msg *m)
{
	if (m->term > r->meta.term)
		raft_become_follower(r, m->term, 0);
	if (m->term != r->meta.term || r->role != RAFT_LEADER)
		return 0;
	raft_peer_find(r, m->from)->read_want = m->read_seq;
	raft_read_lead(r);
	return 0;
}

/**
 * raft_on_read_reply() - the leader confirmed
 * @r: the core
 * @m: READ_REPLY
 *
 * Return: 0.
 */
int raft_on_read_reply(struct raft *r, const struct raft_msg *m)
{
	struct raft_action *a;

	if (m->term != r->meta.term || r->role != RAFT_FOLLOWER || m->from != r->leader ||
	    m->read_seq != r->read_nonce)
		return 0;
	r->read_ok = r->read_nonce_ticket;
	r->read_nonce = 0;
	a = raft_act(r, RAFT_ACT_READ_OK);
	a->ticket = r->read_ok;
	a->id = m->prev;
	raft_read_ask(r);
	return 0;
}
