// SPDX-License-Identifier: GPL-2.0
/*
 * What the leader knows about the log of a peer, and where it looks next.
 *
 *   PROBE      one append at a time, until one fits
 *   REPLICATE  next runs ahead of match, as far as the window allows
 *   RESYNC     the log no longer reaches back to next: heartbeats at snap only
 *
 * A rejected probe moves next back by whole runs of a term, on both sides:
 *
 *   index       1 2 3 4 5 6 7 8 9
 *   leader      1 3 3 3 5 5 5 5 5    probe: prev (5,9)
 *   follower    1 1 1 1 2 2          reject 9, hint (2,6), run_first 5
 *
 * The next probe looks at the leader's newest entry up to index 6 whose term is at
 * most 2, which is (1,1). The follower's run of term 2, which begins at 5, cannot be
 * shared at all, so the probe looks at min(1, 5 - 1).
 */
#include "internal.h"

/*
 * The peer with this store id; NULL if it is 0 or no other member of the active
 * configuration.
 */
struct raft_peer *rblk_raft_peer_find(struct raft *r, u64 store)
{
	u32 i;

	for (i = 0; store && i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].store == store)
			return &r->peer[i];
	return NULL;
}

/*
 * Makes the peers those of the active configuration. A member that stays keeps
 * its progress. A new one starts as recently heard: else adding it could depose
 * the leader.
 */
void rblk_raft_peers_sync(struct raft *r)
{
	u32 i, k;

	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		if (!rblk_raft_conf_flags(&r->conf, r->peer[i].store))
			memset(&r->peer[i], 0, sizeof(r->peer[i]));
	for (i = 0; i < r->conf.n; i++) {
		u64 store = r->conf.m[i].store;

		if (store == r->cfg.self || rblk_raft_peer_find(r, store))
			continue;
		for (k = 0; k < RBLK_MEMBERS_MAX && r->peer[k].store; k++)
			;
		if (RAFT_BROKEN(r, k < RBLK_MEMBERS_MAX))
			return;
		memset(&r->peer[k], 0, sizeof(r->peer[k]));
		r->peer[k].store = store;
		rblk_raft_peer_reset(r, &r->peer[k]);
	}
}

/* Nothing is known about the log of this peer yet. */
void rblk_raft_peer_reset(struct raft *r, struct raft_peer *p)
{
	u64 store = p->store;

	memset(p, 0, sizeof(*p));
	p->store = store;
	p->last_contact = r->now;
	p->next = rblk_raft_last(r) + 1;
}

/*
 * Looks for the point where the logs meet, at @next first. If the log does not
 * reach back that far, the peer needs a resync.
 */
void rblk_raft_peer_probe(struct raft *r, struct raft_peer *p, u64 next)
{
	p->next = max_t(u64, next, p->match + 1);
	p->state = p->next <= r->runs.snap.index ? RAFT_PEER_RESYNC : RAFT_PEER_PROBE;
	p->probing = false;
	p->win_n = 0;
}

/*
 * The peer has durably what the log has up to @match, which is at most its last
 * entry. Returns whether that is news.
 */
bool rblk_raft_peer_accepted(struct raft *r, struct raft_peer *p, u64 match)
{
	bool news = match > p->match;

	p->match = max_t(u64, p->match, match);
	while (p->win_n && p->win[p->win_head % RAFT_WINDOW_MAX] <= p->match) {
		p->win_head++;
		p->win_n--;
	}
	p->next = max_t(u64, p->next, p->match + 1);
	/* RESYNC ends only with a match from which the log can be continued. */
	if (p->next > r->runs.snap.index && p->state != RAFT_PEER_REPLICATE) {
		p->state = RAFT_PEER_REPLICATE;
		p->win_n = 0;
	}
	p->probing = false;
	p->rejected = false;
	return news;
}

/* Where the logs may meet, by the hint of a rejection. */
static u64 meeting_point(const struct raft *r, const struct raft_msg *m)
{
	const struct raft_runs *t = &r->runs;
	u64 i = min_t(u64, m->prev.index, t->last);

	if (i < t->snap.index)
		return i;
	i = rblk_raft_runs_at_most(t, i, m->prev.term);
	/* If no entry here has the term of the hint, nothing of that run is shared. */
	if (rblk_raft_runs_term(t, i) != m->prev.term && m->run_first)
		i = min_t(u64, i, m->run_first - 1);
	return i;
}

/*
 * The peer rejected an append. A rejection of anything but the newest question
 * is stale and is dropped: it could only move next to where it was before.
 */
void rblk_raft_peer_refused(struct raft *r, struct raft_peer *p, const struct raft_msg *m)
{
	u64 asked = m->reject_index;

	if (asked <= p->match)
		return;
	switch (p->state) {
	case RAFT_PEER_REPLICATE:
		if (asked >= p->next)
			return;
		break;
	case RAFT_PEER_PROBE:
		if (asked != p->next - 1)
			return;
		break;
	case RAFT_PEER_RESYNC:
		return;
	}
	rblk_raft_peer_probe(r, p, min_t(u64, meeting_point(r, m) + 1, asked));
	p->rejected = true;
}

/*
 * An append with entries up to @last is in flight. The peer is in REPLICATE,
 * and its window was not full.
 */
void rblk_raft_peer_sent(struct raft_peer *p, u64 last)
{
	p->win[(p->win_head + p->win_n++) % RAFT_WINDOW_MAX] = last;
	p->next = last + 1;
}

/*
 * The entries from @first on did not leave. Meanwhile they may have been acknowledged,
 * since they had been sent before, or next may have moved back below them. A probe
 * counts as in flight until the peer can be reached.
 */
void rblk_raft_peer_unsent(struct raft *r, struct raft_peer *p, u64 first)
{
	if (first <= p->match || first >= p->next)
		return;
	/* Meanwhile the log was compacted beyond it: then it cannot be sent any more. */
	if (first <= r->runs.snap.index) {
		rblk_raft_peer_probe(r, p, first);
		return;
	}
	while (p->win_n && p->win[(p->win_head + p->win_n - 1) % RAFT_WINDOW_MAX] >= first)
		p->win_n--;
	p->next = first;
}

bool rblk_raft_peer_full(const struct raft *r, const struct raft_peer *p)
{
	return p->win_n >= r->cfg.inflight_msgs;
}
