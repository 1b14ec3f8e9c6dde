// SPDX-License-Identifier: GPL-2.0
/*
 * The requests of a resync: whom they go to, how many are out, and what is asked for again. An
 * answer belongs to a request by its number, whoever sends it, and whenever it comes.
 */
#include "internal.h"

#define RESYNC_TRY_MORE		16	/* answers until the window grows by one */
#define VAIN_ELECTIONS		16	/* whoever did not answer comes last for so many */

u64 rblk_replica_pull_ns(const struct rblk_replica *r)
{
	return 2 * rblk_ground_election_ns(r->g);
}

void rblk_replica_pull_forget(struct rblk_replica *r, struct rblk_pull *p)
{
	if (p->buf)
		r->g->ops->buf_put(r->g->host, p->buf);
	memset(p, 0, sizeof(*p));
}

/* Gives up all requests. What is being written keeps its place until that has ended. */
void rblk_replica_pulls_forget(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	u32 i;

	for (i = 0; i < NODE_PULLS; i++)
		if (&s->pull[i] != s->landing)
			rblk_replica_pull_forget(r, &s->pull[i]);
	if (s->landing)
		s->landing->stale = true;
}

bool rblk_replica_pull_is_out(const struct rblk_pull *p)
{
	return p->id && !p->came && p->slot < NODE_PEERS_MAX;
}

static u32 count_out(const struct rblk_resync *s)
{
	u32 i, n = 0;

	for (i = 0; i < NODE_PULLS; i++)
		n += rblk_replica_pull_is_out(&s->pull[i]);
	return n;
}

static bool may_ask(const struct rblk_replica *r, u32 slot)
{
	const struct rblk_peer *p = &r->g->peer[slot];

	return slot < r->g->npeers && rblk_peer_listens(p) && rblk_ground_member(r->g, p->store) &&
	       (!r->resync.only || r->resync.only >> slot & 1);
}

/*
 * When a member was last asked in vain, if that is not long ago: else those that are behind
 * themselves would be asked in turn, and nobody else ever.
 */
static u64 asked_in_vain(const struct rblk_replica *r, u32 slot)
{
	u64 until = r->resync.avoid[slot];

	return r->g->now < until + VAIN_ELECTIONS * rblk_ground_election_ns(r->g) ? until : 0;
}

/* Whom to ask: the one that was asked last, else a follower, as the leader has enough to do. */
static u32 find_source(const struct rblk_replica *r)
{
	const struct rblk_resync *s = &r->resync;
	u32 i, found = NODE_PEERS_MAX;

	if (may_ask(r, s->source) && r->g->now >= s->avoid[s->source])
		return s->source;
	for (i = 0; i < r->g->npeers; i++) {
		if (!may_ask(r, i) || r->g->now < s->avoid[i])
			continue;
		if (found == NODE_PEERS_MAX || asked_in_vain(r, i) < asked_in_vain(r, found) ||
		    (asked_in_vain(r, i) == asked_in_vain(r, found) &&
		     r->g->peer[found].store == r->g->leader))
			found = i;
	}
	return found;
}

void rblk_replica_pull_avoid(struct rblk_replica *r, u32 slot)
{
	r->resync.avoid[slot] = r->g->now + rblk_ground_election_ns(r->g);
}

/*
 * What was not answered in time, or not before a connection was gone, goes to another member,
 * if there is one, under the same number: an answer that comes late is as good.
 */
static void look_after(struct rblk_replica *r, struct rblk_pull *p)
{
	bool late = r->g->now >= p->since + rblk_replica_pull_ns(r);

	if (!rblk_replica_pull_is_out(p) || (!late && may_ask(r, p->slot)))
		return;
	rblk_replica_pull_avoid(r, p->slot);
	p->slot = NODE_PEERS_MAX;
}

static u64 least_of(const struct rblk_replica *r, const struct rblk_pull *p)
{
	if (p->what == WIRE_P_STATE)
		return r->commit;
	return p->what == WIRE_P_MAP ? r->resync.base.state.index : r->resync.from;
}

/* Sends a request. Returns false if that is not possible now. */
static bool send_pull(struct rblk_replica *r, struct rblk_pull *p)
{
	struct rblk_resync *s = &r->resync;
	struct wire_pull w = {
		.from = r->g->cfg.super.store, .id = p->id, .what = p->what, .at = p->at,
		.least = least_of(r, p),
	};
	u32 slot = find_source(r);
	void *frame;

	if (slot == NODE_PEERS_MAX || !rblk_peer_sendable(&r->g->peer[slot]))
		return false;
	frame = rblk_ground_tx_begin(r->g, slot, WIRE_BULK);
	if (!frame)
		return false;
	if (p->what == WIRE_P_CHUNK)
		rblk_vol_chunk(r->vol, p->at, &w.at, &w.nsect);
	w.compare = p->own == OWN_HASHED;
	memcpy(w.hash, p->hash, sizeof(w.hash));
	rblk_ground_tx_end(r->g, slot, WIRE_BULK, rblk_wire_encode_pull(frame, &w), NULL, 0);
	s->source = slot;
	p->slot = slot;
	p->since = r->g->now;
	return true;
}

/* A place for another request; NULL: enough are out. */
struct rblk_pull *rblk_replica_pull_new(struct rblk_replica *r, u8 what, u32 at)
{
	struct rblk_resync *s = &r->resync;
	u32 i, used = 0;

	for (i = 0; i < NODE_PULLS; i++)
		used += !!s->pull[i].id;
	for (i = 0; used < s->window && i < NODE_PULLS; i++) {
		struct rblk_pull *p = &s->pull[i];

		if (p->id)
			continue;
		p->id = r->g->cfg.boot_nonce + ++s->ids;
		p->what = what;
		p->at = at;
		p->slot = NODE_PEERS_MAX;
		return p;
	}
	return NULL;
}

/* Sends what is not out, as far as it may be. */
void rblk_replica_pulls_send(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	u32 i;

	for (i = 0; i < NODE_PULLS; i++)
		look_after(r, &s->pull[i]);
	for (i = 0; i < NODE_PULLS; i++) {
		struct rblk_pull *p = &s->pull[i];

		if (!p->id || p->came || rblk_replica_pull_is_out(p) ||
		    rblk_replica_own_read(r, p))
			continue;
		if (count_out(s) >= s->window || !send_pull(r, p))
			return;
	}
}

/* Finds what an answer belongs to; NULL: it is no longer waited for. */
struct rblk_pull *rblk_replica_pull_find(struct rblk_replica *r, u64 id, u8 what)
{
	struct rblk_resync *s = &r->resync;
	u32 i;

	for (i = 0; id && i < NODE_PULLS; i++)
		if (s->pull[i].id == id && !s->pull[i].came && (!what || s->pull[i].what == what))
			return &s->pull[i];
	return NULL;
}

/**
 * rblk_replica_resync_refused() - a member cannot answer now
 * @r: replica
 * @slot: the member
 * @id: of the request
 *
 * If it has others to answer, fewer at once are enough for it. Otherwise, somebody else is
 * asked.
 */
void rblk_replica_resync_refused(struct rblk_replica *r, u32 slot, u64 id)
{
	struct rblk_resync *s = &r->resync;
	struct rblk_pull *p = rblk_replica_pull_find(r, id, 0);

	rblk_replica_rewrite_refused(r, id);
	if (!p || p->slot != slot)
		return;
	p->slot = NODE_PEERS_MAX;
	s->window = max_t(u32, count_out(s), 1);
	if (!count_out(s))
		rblk_replica_pull_avoid(r, slot);
}

/* Now and then, one more at once is tried. */
void rblk_replica_pull_answered(struct rblk_resync *s)
{
	if (++s->answers % RESYNC_TRY_MORE == 0 && s->window < NODE_PULLS)
		s->window++;
}

