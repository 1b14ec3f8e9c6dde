// SPDX-License-Identifier: GPL-2.0
/*
 * What the leader knows of a peer's log, and where to look next.
 *
 *   PROBE      one append at a time, until one fits
 *   REPLICATE  next runs ahead of match, as far as the window allows
 *   RESYNC     the log no longer reaches back to next: heartbeats at snap only
 *
 * A rejected probe moves next by whole runs of a term on both sides:
 *
 *   index       1 2 3 4 5 6 7 8 9
 *   leader      1 3 3 3 5 5 5 5 5    probe: prev (5,9)
 *   follower    1 1 1 1 2 2          reject 9, hint (2,6), run_first 5
 *   next probe: the leader's newest entry <= 6 with a term <= 2 is (1,1); the
 *   follower's run of term 2 cannot be shared at all, so min(1, 5 - 1).
 */
#include "internal.h"

/**
 * rblk_raft_peer_find() - the peer with this store id
 * @r: the core
 * @store: not 0
 *
 * Return: the peer, NULL if it is no other member of the active configuration.
 */
struct raft_peer *rblk_raft_peer_find(struct raft *r, u64 store)
{
	u32 i;

	for (i = 0; store && i < RBLK_MEMBERS_MAX; i++)
		if (r->peer[i].store == store)
			return &r->peer[i];
	return NULL;
}

/**
 * rblk_raft_peers_sync() - make the peers those of the active configuration
 * @r: the core
 *
 * Who stays keeps its progress; who is new starts as recently heard, else
 * adding it could depose the leader.
 */
void rblk_raft_peers_sync(struct raft *r)
{
	u32 i, k;

	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		if (!rblk_raft_conf_flags(&r->conf, r->peer[i].store))
			r->peer[i].store = 0;
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

/**
 * rblk_raft_peer_reset() - a new leader knows nothing of this peer yet
 * @r: the core
 * @p: the peer
 */
void rblk_raft_peer_reset(struct raft *r, struct raft_peer *p)
{
	u64 store = p->store;

	memset(p, 0, sizeof(*p));
	p->store = store;
	p->last_contact = r->now;
	p->next = rblk_raft_last(r) + 1;
}

/**
 * rblk_raft_peer_probe() - look for the point where the logs meet
 * @r: the core
 * @p: the peer
 * @next: where to look; ends in RESYNC if the log does not reach back to it
 */
void rblk_raft_peer_probe(struct raft *r, struct raft_peer *p, u64 next)
{
	p->next = max_t(u64, next, p->match + 1);
	p->state = p->next <= r->runs.snap.index ? RAFT_PEER_RESYNC : RAFT_PEER_PROBE;
	p->probing = false;
	p->win_n = 0;
}

/**
 * rblk_raft_peer_accepted() - the peer took an append
 * @r: the core
 * @p: the peer
 * @match: what is durable there, <= last
 *
 * Return: whether that is news.
 */
bool rblk_raft_peer_accepted(struct raft *r, struct raft_peer *p, u64 match)
{
	bool news = match > p->match;

	if (news)
		p->match = match;
	while (p->win_n && p->win[p->win_head % RAFT_WINDOW_MAX] <= p->match) {
		p->win_head++;
		p->win_n--;
	}
	p->next = max_t(u64, p->next, p->match + 1);
	/* RESYNC ends only by a match that the log can be continued from. */
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
	/* No entry of the hint's term here: nothing of that run is shared. */
	if (rblk_raft_runs_term(t, i) != m->prev.term && m->run_first)
		i = min_t(u64, i, m->run_first - 1);
	return i;
}

/**
 * rblk_raft_peer_refused() - an append did not fit
 * @r: the core
 * @p: the peer
 * @m: the rejection
 *
 * A rejection of anything but the newest question is stale, and stale ones are
 * dropped: they could only move next to where it was before.
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
		if (asked != r->runs.snap.index)
			return;
		break;
	}
	rblk_raft_peer_probe(r, p, min_t(u64, meeting_point(r, m) + 1, asked));
	p->rejected = true;
}

/**
 * rblk_raft_peer_sent() - an append with entries is in flight
 * @p: the peer, in REPLICATE, its window not full
 * @last: the last entry in it
 */
void rblk_raft_peer_sent(struct raft_peer *p, u64 last)
{
	p->win[(p->win_head + p->win_n++) % RAFT_WINDOW_MAX] = last;
	p->next = last + 1;
}

/**
 * rblk_raft_peer_full() - is its window used up?
 * @r: the core
 * @p: the peer
 *
 * Return: whether no further append with entries may go out.
 */
bool rblk_raft_peer_full(const struct raft *r, const struct raft_peer *p)
{
	return p->win_n >= r->cfg.inflight_msgs;
}
