// SPDX-License-Identifier: GPL-2.0
/*
 * Who had better lead. Any voter can, but not equally well. In this order:
 *
 *   1. A leader with a device that hangs, or whose payload reaches no majority, holds up the
 *      writes of all nodes, so it hands leadership to a voter that does not. So does a
 *      caretaker, which lacks a part of the image.
 *   2. A node that has a session, or a voter, may not hear the leader, or not get payload
 *      through to it, while another voter hears both: one link is broken. That voter is to
 *      lead.
 *   3. The holder of the exclusive session leads, which saves writes a hop.
 *
 * The holder is not followed to where others could not follow: that is remembered for
 * a while by the voter who heard both, and thus leads then.
 */
#include "server.h"

#define SOUGHT_MEMORY_NS	(600 * RBLK_NSEC_PER_SEC)

static u64 follow_ns(const struct rblk_server *sv)
{
	return sv->g->cfg.limits.follow_ms * RBLK_NSEC_PER_MSEC;
}

/* A voter that replies, and holds nobody up. */
static bool well(const struct rblk_server *sv, const struct raft_peer_status *p)
{
	const struct rblk_peer *peer = rblk_ground_peer(sv->g, p->store, NULL);

	return p->flags & RBLK_M_IN && p->active && peer && !peer->impaired && !peer->blocked &&
	       !peer->says_absent;
}

/* Can this voter lead at once? It has all that was committed a heartbeat ago. */
static bool able(const struct rblk_server *sv, const struct raft_peer_status *p)
{
	return well(sv, p) && p->state == RAFT_PEER_REPLICATE && p->match >= sv->level;
}

/*
 * Does this voter hear a node that asked for a leader, and of which nothing was heard here
 * since, or not its payload? It asks when it has heard of none for an election timeout, or
 * when its payload is stuck. Of a node that this one has not met since it was started, nothing
 * was heard.
 */
static bool hears_lost(struct rblk_server *sv, const struct rblk_peer *voter, bool holders)
{
	const struct rblk_peer *lost = rblk_ground_peer(sv->g, voter->seeker, NULL);
	u64 heard_at = lost ? lost->heard_at : 0;

	if (!rblk_ground_names(sv->g, voter))
		return false;
	if (holders)
		return rblk_vol_session_of(sv->r->vol, voter->seeker) &&
		       (heard_at < voter->seeker_at || (lost && lost->says_stuck));
	/* When a network heals, one link may be back well before the other. */
	return heard_at < voter->seeker_since &&
	       sv->g->now >= voter->seeker_since + follow_ns(sv);
}

/* Which voters are looked at. */
enum whom { WHO_REPLIES, WHO_IS_WELL, WHO_IS_ABLE, WHO_HEARS_LOST, WHO_HEARS_LOST_HOLDER };

static bool is_one(struct rblk_server *sv, const struct raft_peer_status *p, enum whom whom)
{
	const struct rblk_peer *peer = rblk_ground_peer(sv->g, p->store, NULL);

	if (whom == WHO_REPLIES)
		return p->flags & RBLK_M_IN && p->active && peer;
	if (whom == WHO_IS_WELL)
		return well(sv, p);
	return able(sv, p) &&
	       (whom == WHO_IS_ABLE || hears_lost(sv, peer, whom == WHO_HEARS_LOST_HOLDER));
}

static bool is_better(struct rblk_server *sv, const struct raft_peer_status *p,
		      const struct raft_peer_status *than)
{
	if (able(sv, p) != able(sv, than))
		return able(sv, p);
	return p->match > than->match;
}

/* The best voter of these: one that can lead at once, then the most up to date. */
static u64 best_of(struct rblk_server *sv, enum whom whom)
{
	const struct raft_status *rst = &sv->r->rst;
	const struct raft_peer_status *p, *found = NULL;

	for (p = rst->peer; p < rst->peer + rst->npeers; p++)
		if (is_one(sv, p, whom) && (!found || is_better(sv, p, found)))
			found = p;
	return found ? found->store : 0;
}

/**
 * rblk_server_successor() - who takes over from a leader that gives up leadership anyway
 * @sv: server, of the leader
 *
 * Return: the store of a voter; 0: none replies.
 */
u64 rblk_server_successor(struct rblk_server *sv)
{
	return best_of(sv, WHO_REPLIES);
}

/* Does payload get through to this member, as far as the leader has some for it? */
static bool rblk_server_feeds(void *ctx, u64 store)
{
	struct rblk_server *sv = ctx;
	const struct raft_peer_status *p = rblk_replica_progress(sv->r, store);
	const struct rblk_peer *peer = rblk_ground_peer(sv->g, store, NULL);

	if (store == sv->g->cfg.super.store)
		return true;
	return p && p->active && p->state != RAFT_PEER_RESYNC && peer &&
	       !rblk_ground_path_stuck(sv->g, peer);
}

/* Right after an election all count as active. */
static bool is_heard(const struct rblk_server *sv, const struct rblk_peer *peer)
{
	return sv->g->now < peer->heard_at + rblk_ground_election_ns(sv->g);
}

/* Does a voter that is heard hear this member ask for a leader? */
static bool is_sought(struct rblk_server *sv, u64 store)
{
	const struct raft_status *rst = &sv->r->rst;
	const struct raft_peer_status *p;
	const struct rblk_peer *peer;

	for (p = rst->peer; p < rst->peer + rst->npeers; p++) {
		peer = rblk_ground_peer(sv->g, p->store, NULL);
		if (peer && is_heard(sv, peer) && peer->seeker == store &&
		    rblk_ground_names(sv->g, peer))
			return true;
	}
	return false;
}

/*
 * Would this member be there to elect somebody else, and to acknowledge what that one sends?
 * One that is not heard here may be heard by who would lead.
 */
static bool rblk_server_elects(void *ctx, u64 store)
{
	struct rblk_server *sv = ctx;
	const struct raft_peer_status *p = rblk_replica_progress(sv->r, store);
	const struct rblk_peer *peer = rblk_ground_peer(sv->g, store, NULL);

	if (!p || p->state == RAFT_PEER_RESYNC || !peer)
		return false;
	return is_sought(sv, store) || (is_heard(sv, peer) && !peer->impaired);
}

/*
 * Payload does not get through to enough of the others, or a device here holds up the writes,
 * and perhaps what the others lack. This node, which has more than they, would not vote for
 * them: they have to be enough without it. Then one of them has what is committed, whoever
 * is told to campaign.
 */
static u64 to_yield_to(struct rblk_server *sv)
{
	sv->g->blocked = !rblk_replica_suffice(sv->r, rblk_server_feeds, sv);
	if (!sv->g->blocked && !rblk_replica_must_yield(sv->r))
		return 0;
	if (!rblk_replica_suffice(sv->r, rblk_server_elects, sv))
		return 0;
	return best_of(sv, WHO_IS_WELL);
}

/* Could others not hear that member when it led? */
static bool is_out_of_reach(const struct rblk_server *sv, u64 store)
{
	const struct rblk_ground *g = sv->g;
	const struct rblk_peer *p;

	for (p = g->peer; p < g->peer + g->npeers; p++)
		if (p->sought.leader == store && g->now < p->sought.at + SOUGHT_MEMORY_NS)
			return true;
	return false;
}

static u64 holder_to_follow(struct rblk_server *sv)
{
	const struct rblk_session *holder = rblk_vol_session(sv->r->vol);
	const struct raft_peer_status *p;

	if (!holder || holder->store == sv->g->cfg.super.store ||
	    is_out_of_reach(sv, holder->store))
		return 0;
	p = rblk_replica_progress(sv->r, holder->store);
	return p && able(sv, p) ? holder->store : 0;
}

/* Who has to lead at once, since this node holds up others or is not heard by them. */
static u64 relief(struct rblk_server *sv)
{
	if (rblk_replica_must_yield(sv->r) || sv->r->absent)
		return best_of(sv, WHO_IS_ABLE);
	if (!sv->synced)
		return 0;
	return best_of(sv, WHO_HEARS_LOST_HOLDER) ?: best_of(sv, WHO_HEARS_LOST);
}

/* What was committed a heartbeat ago is what a successor has to have. */
static void sample_level(struct rblk_server *sv)
{
	sv->level = sv->next_level;
	sv->next_level = sv->r->commit;
	sv->sample_at = sv->g->now + rblk_ground_heartbeat_ns(sv->g);
}

static bool may_move(struct rblk_server *sv)
{
	rblk_server_serves(sv);		/* sees a change of the leader */
	return sv->leads && !sv->r->rst.transferee;
}

/**
 * rblk_server_follow_run() - hands leadership to a voter that had better lead
 * @sv: server
 *
 * Leadership follows the session not right after an election, so that a node that was made
 * leader on purpose stays leader for a while. Whether it has to leave this node at once is
 * looked at once a heartbeat; there is a pass for each.
 */
void rblk_server_follow_run(struct rblk_server *sv)
{
	u64 store = 0;

	if (!may_move(sv))
		return;
	if (sv->g->now >= sv->sample_at) {
		sample_level(sv);
		store = to_yield_to(sv);
		if (store) {
			rblk_replica_yield(sv->r, store);
			return;
		}
		store = relief(sv);
	}
	if (!store && sv->synced && sv->g->now >= sv->follow_at)
		store = holder_to_follow(sv);
	if (!store)
		return;
	sv->follow_at = sv->g->now + follow_ns(sv);
	rblk_replica_step_store(sv->r, RAFT_EV_TRANSFER, store);
}

/**
 * rblk_server_follow_deadline() - when leadership should follow the session
 * @sv: server
 *
 * Each heartbeat brings a pass, which is often enough for the other reasons.
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_server_follow_deadline(struct rblk_server *sv)
{
	if (!may_move(sv) || !sv->synced || !holder_to_follow(sv))
		return U64_MAX;
	return sv->follow_at;
}
