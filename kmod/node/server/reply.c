// SPDX-License-Identifier: GPL-2.0
/* Replies of the server to its clients: what is decided, and where to go on. */
#include "server.h"

/**
 * rblk_server_credit() - the credit of each session, this node's own included
 * @sv: server
 *
 * An equal share of the room in the log. A client that keeps to it needs to send nothing
 * twice. It bounds what was given to the leader and is not done, so nothing adds up if
 * replies are lost.
 *
 * Return: blocks; 0: nothing may be sent. If it is less than a write takes, that write
 * may be sent while there is no other.
 */
u32 rblk_server_credit(const struct rblk_server *sv)
{
	u32 sessions = rblk_vol_executed(sv->r->vol)->nsessions;
	u64 room = rblk_replica_room(sv->r, sessions);

	if (sessions > 1)
		room = max_t(u64, (u32)min_t(u64, room, U32_MAX) / sessions, !!room);
	return min_t(u64, room, U16_MAX);
}

static void fill_reply(struct rblk_server *sv, struct rblk_server_client *s, struct wire_reply *r)
{
	const struct rblk_session *own = rblk_vol_session_of(sv->r->vol, s->store);
	const struct rblk_session *holder = rblk_vol_session(sv->r->vol);
	const struct rblk_conf *conf = &sv->g->conf;

	memset(r, 0, sizeof(*r));
	r->to = s->store;
	r->term = sv->g->term;
	r->leader = sv->g->leader;
	r->index = rblk_replica_executed(sv->r);
	if (own) {
		r->epoch = own->epoch;
		r->nonce = own->nonce;
		r->seq = own->seq;
	}
	if (holder) {
		r->holder = holder->store;
		r->holder_epoch = holder->epoch;
	}
	r->sectors = conf->sectors;
	r->cluster = conf->cluster;
	r->block_size = conf->block_size;
	r->flags = conf->flags;
	r->election_ms = conf->election_ms;
	r->heartbeat_ms = conf->heartbeat_ms;
	r->keepalive = s->keepalive;
	r->next = own && s->epoch == own->epoch ? s->next : r->seq + 1;
	r->serving = rblk_server_serves(sv);
	r->stalled = sv->g->stalled;
	r->gap = s->gap;
	r->busy = s->busy;
	r->wanted = s->wanted;
	r->credit = rblk_server_credit(sv);
	s->waits = !r->credit;
}

static void replied(struct rblk_server_client *s)
{
	s->due = false;
	s->gap = false;
	s->busy = false;
	s->wanted = false;
}

static void reply(struct rblk_server *sv, u32 slot, struct rblk_server_client *s)
{
	struct rblk_ground *g = sv->g;
	struct wire_reply r;
	void *frame;

	frame = g->ops->tx_begin(g->host, slot, WIRE_CONSENSUS);
	if (!frame)
		return;		/* it stays due */
	fill_reply(sv, s, &r);
	rblk_ground_tx_end(g, slot, WIRE_CONSENSUS, rblk_wire_encode_reply(frame, &r), NULL, 0);
	replied(s);
}

/**
 * rblk_server_run() - sends the clients on other nodes the replies that are due
 * @sv: server
 */
void rblk_server_run(struct rblk_server *sv)
{
	u32 i;

	if (!sv->g->conf.index)
		return;
	for (i = 0; i < sv->g->npeers; i++) {
		struct rblk_server_client *s = &sv->client[i];

		/*
		 * There was no room before that commit. Only another attempt shows
		 * if there is now.
		 */
		if (s->stalled && s->stalled_at != sv->r->commit) {
			s->stalled = false;
			s->gap = true;
			s->due = true;
		}
		if (s->waits && rblk_server_credit(sv))
			s->due = true;
		if (s->due && s->store && rblk_peer_connected(&sv->g->peer[i]))
			reply(sv, i, s);
	}
}

/**
 * rblk_server_own_reply() - the reply to this node's own client, if one is due
 * @sv: server
 * @r: filled if one is due
 *
 * Return: true if one is due.
 */
bool rblk_server_own_reply(struct rblk_server *sv, struct wire_reply *r)
{
	struct rblk_server_client *s = &sv->client[NODE_SLOT_SELF];

	if (!s->due || !s->store)
		return false;
	fill_reply(sv, s, r);
	replied(s);
	return true;
}
