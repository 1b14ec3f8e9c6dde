// SPDX-License-Identifier: GPL-2.0
/*
 * The leader: its log, what it sends, and what becomes committed by that. Appends
 * are sent while its own log is still being written. The leader is one voter among
 * others, and counts itself only once that log is durable.
 */
#include "internal.h"

/*
 * The election is won. The no-op of the new term makes it possible to commit
 * what earlier terms left behind.
 */
void rblk_raft_lead(struct raft *r)
{
	struct raft_span s = { .first = rblk_raft_last(r) + 1, .last = rblk_raft_last(r) + 1 };
	u32 i;

	s.term = r->meta.term;
	r->role = RAFT_LEADER;
	r->leader = r->cfg.self;
	r->heartbeat_at = r->now + r->cfg.heartbeat_ns;
	r->stalled = false;
	r->quorum_at = r->now + r->cfg.election_ns;
	r->noop = s.first;
	r->transferee = 0;
	r->round = 0;
	r->round_busy = false;
	memset(&r->bytes, 0, sizeof(r->bytes));
	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		rblk_raft_peer_reset(r, &r->peer[i]);
	rblk_raft_act(r, RAFT_ACT_NOOP)->ents = s;
	rblk_raft_grow_log(r, &s);
}

static struct raft_msg *send_append(struct raft *r, struct raft_peer *p, u64 prev, u64 last)
{
	struct raft_msg *m = rblk_raft_send(r, RAFT_MSG_APPEND, p->store);

	m->prev.index = prev;
	m->prev.term = rblk_raft_runs_term(&r->runs, prev);
	m->ents.first = prev + 1;
	m->ents.last = last;
	if (last > prev)
		m->ents.term = rblk_raft_runs_term(&r->runs, last);
	m->commit = r->commit;
	m->read_seq = r->round;
	m->resync = p->state == RAFT_PEER_RESYNC;
	m->stalled = r->stalled;
	m->ordered = last > prev;
	p->commit_sent = r->commit;
	if (p->state == RAFT_PEER_PROBE)
		p->probing = true;
	return m;
}

/*
 * Sends an append without entries, whatever the window.
 *
 * It may overtake entries that are in flight, and would be rejected if it asked for
 * one of them. So a peer that is being fed is asked for what it is known to have, or
 * for nothing if the log no longer holds that. A peer that needs what the log no longer
 * holds is asked for snap, which it can only have if it is the same entry.
 */
void rblk_raft_heartbeat(struct raft *r, struct raft_peer *p)
{
	u64 prev = p->next - 1;

	if (p->state == RAFT_PEER_REPLICATE)
		prev = p->match >= r->runs.snap.index ? p->match : 0;
	else
		prev = max_t(u64, prev, r->runs.snap.index);
	send_append(r, p, prev, prev);
}

/*
 * Asks a peer whether it has all that is in flight, and so finds losses that the
 * transport did not report. The question travels behind the entries: if it is rejected,
 * some of them are lost.
 */
static void check_loss(struct raft *r, struct raft_peer *p)
{
	if (p->state == RAFT_PEER_REPLICATE && p->next - 1 > p->match)
		send_append(r, p, p->next - 1, p->next - 1)->ordered = 1;
}

void rblk_raft_heartbeat_all(struct raft *r)
{
	u32 i;

	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].store)
			rblk_raft_heartbeat(r, &r->peer[i]);
}

/* Whether an election timeout has passed since a quorum last replied. */
static bool quorum_lost(struct raft *r)
{
	r->quorum_at = rblk_raft_tally(r, RAFT_TALLY_CONTACT) + r->cfg.election_ns;
	return r->now >= r->quorum_at;
}

/* The timers of the leader. */
void rblk_raft_lead_tick(struct raft *r)
{
	struct raft_peer *p;

	if (quorum_lost(r)) {
		rblk_raft_become_follower(r, r->meta.term, 0);
		return;
	}
	if (r->now >= r->transfer_at)
		r->transferee = 0;
	if (r->now < r->heartbeat_at)
		return;
	/* Reads or heartbeats, not both in a step; the deadline stays in the past meanwhile. */
	rblk_raft_read_lead(r);
	if (r->out->n)
		return;
	r->heartbeat_at = r->now + r->cfg.heartbeat_ns;
	r->stalled = !rblk_raft_tally(r, RAFT_TALLY_ABLE);
	rblk_raft_heartbeat_all(r);
	for (p = r->peer; p < r->peer + RBLK_MEMBERS_MAX; p++)
		check_loss(r, p);
	rblk_raft_transfer_push(r);
}

static void bytes_add(struct raft_bytes *b, u64 last, u32 bytes)
{
	u32 i;

	if (!bytes)
		return;
	/* If all slots are in use, extend the newest: its bytes are freed later, but only once. */
	i = (b->head + b->n - (b->n == RAFT_BYTES_MAX)) % RAFT_BYTES_MAX;
	if (b->n < RAFT_BYTES_MAX) {
		b->slot[i].bytes = 0;
		b->n++;
	}
	b->slot[i].last = last;
	b->slot[i].bytes += bytes;
	b->total += bytes;
}

static void bytes_free(struct raft_bytes *b, u64 commit)
{
	while (b->n && b->slot[b->head].last <= commit) {
		b->total -= b->slot[b->head].bytes;
		b->head = (b->head + 1) % RAFT_BYTES_MAX;
		b->n--;
	}
}

/*
 * Something became durable somewhere, which may commit entries.
 *
 * Only entries of the current term are committed by counting; older ones become
 * committed with them. (An older one that a majority has can still be
 * overwritten.)
 */
void rblk_raft_lead_advance(struct raft *r)
{
	u64 n = rblk_raft_tally(r, RAFT_TALLY_MATCH);

	if (n <= r->commit || rblk_raft_runs_term(&r->runs, n) != r->meta.term)
		return;
	rblk_raft_commit_to(r, n);
	bytes_free(&r->bytes, r->commit);
	/* A node that is no voter of a committed configuration does not lead it. */
	if (r->conf.index <= r->commit && !rblk_raft_is_voter(r, r->cfg.self))
		rblk_raft_become_follower(r, r->meta.term, 0);
	else
		rblk_raft_read_lead(r);
}

static bool reply_valid(const struct raft *r, const struct raft_msg *m)
{
	u64 term = rblk_raft_runs_term(&r->runs, m->prev.index);

	if (m->read_seq > r->round)
		return false;
	if (m->reject)
		return m->reject_index && m->reject_index <= rblk_raft_last(r);
	return m->prev.index < r->runs.snap.index || term == m->prev.term;
}

/*
 * Handles the reply of a follower. Returns -EINVAL if it speaks of what was
 * never sent.
 */
int rblk_raft_on_append_reply(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = rblk_raft_peer_find(r, m->from);

	if (m->term > r->meta.term) {
		rblk_raft_become_follower(r, m->term, 0);
		return 0;
	}
	if (m->term < r->meta.term || r->role != RAFT_LEADER)
		return 0;
	if (!reply_valid(r, m))
		return -EINVAL;
	p->last_contact = r->now;
	p->read_ack = max_t(u64, p->read_ack, m->read_seq);
	if (m->reject) {
		r->rejects++;
		rblk_raft_peer_refused(r, p, m);
	} else if (rblk_raft_peer_accepted(r, p, m->prev.index)) {
		rblk_raft_lead_advance(r);
		if (p->store == r->transferee)
			rblk_raft_transfer_push(r);
	}
	if (r->role == RAFT_LEADER)
		rblk_raft_read_lead(r);
	return 0;
}

static int propose_conf(const struct raft *r, const struct raft_event *ev)
{
	if (ev->propose.count != 1 || ev->propose.bytes ||
	    !rblk_raft_conf_valid(ev->propose.conf) ||
	    !rblk_raft_conf_follows(&r->conf, ev->propose.conf))
		return -EINVAL;
	/*
	 * Only one change at a time, and none before the no-op of this term is
	 * committed. Other implementations had bugs in both.
	 */
	if (r->conf.index > r->commit || r->commit < r->noop)
		return -EAGAIN;
	return 0;
}

/* The caller staged entries at the end of the leader's log. */
int rblk_raft_propose(struct raft *r, const struct raft_event *ev)
{
	u64 first = rblk_raft_last(r) + 1;
	struct raft_span s = { .first = first, .term = r->meta.term };
	int ret;

	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (!ev->propose.count || first + ev->propose.count >= RAFT_NUM_MAX)
		return -EINVAL;
	if (r->transferee)
		return -EAGAIN;
	/* A lone proposal always fits: a bound below its size must not block forever. */
	if (ev->propose.bytes && r->bytes.total &&
	    r->bytes.total + ev->propose.bytes > r->cfg.uncommitted_bytes)
		return -EAGAIN;
	if (ev->propose.conf) {
		ret = propose_conf(r, ev);
		if (ret)
			return ret;
	}
	s.last = first + ev->propose.count - 1;
	s.conf = ev->propose.conf;
	bytes_add(&r->bytes, s.last, ev->propose.bytes);
	rblk_raft_grow_log(r, &s);
	return 0;
}

/* The last entry that an append beginning at next may have; next - 1 if none can go. */
static u64 sendable(const struct raft *r, const struct raft_peer *p)
{
	u64 last, got;

	last = rblk_raft_run_last(&r->runs, p->next);
	last = min_t(u64, last, p->next + r->cfg.msg_ents - 1);
	/* A configuration entry travels alone. */
	if (p->next == r->conf.index)
		last = p->next;
	else if (p->next < r->conf.index)
		last = min_t(u64, last, r->conf.index - 1);
	got = r->cfg.sendable(r->cfg.ctx, p->store, p->next, last);
	return max_t(u64, min_t(u64, got, last), p->next - 1);
}

/*
 * Whether a probe goes without payload: it is not likely to fit, or there is
 * nothing to send.
 */
static bool blind(const struct raft *r, const struct raft_peer *p)
{
	return (p->rejected && p->next > p->match + 1) || p->next > rblk_raft_last(r);
}

static bool pump_one(struct raft *r, struct raft_peer *p, bool dry)
{
	u64 last;

	if (p->state == RAFT_PEER_RESYNC || p->probing)
		return false;
	if (rblk_raft_peer_full(r, p))
		return false;
	last = blind(r, p) ? p->next - 1 : sendable(r, p);
	if (last < p->next && !(p->state == RAFT_PEER_PROBE && blind(r, p)))
		return false;
	if (dry)
		return true;
	send_append(r, p, p->next - 1, last);
	if (p->state == RAFT_PEER_REPLICATE)
		rblk_raft_peer_sent(p, last);
	return true;
}

/*
 * Sends what a peer lacks and may have now. Returns how many messages were
 * sent; with @dry, nothing is sent, and the result says whether something would
 * be.
 */
u32 rblk_raft_pump_peer(struct raft *r, struct raft_peer *p, bool dry)
{
	u32 n = 0;

	while (n < RAFT_PUMP_MSGS && pump_one(r, p, dry)) {
		n++;
		if (dry)
			break;
	}
	return n;
}

int rblk_raft_pump(struct raft *r)
{
	u32 i;

	for (i = 0; r->role == RAFT_LEADER && i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].store)
			rblk_raft_pump_peer(r, &r->peer[i], false);
	return 0;
}
