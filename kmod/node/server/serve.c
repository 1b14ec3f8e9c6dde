// SPDX-License-Identifier: GPL-2.0
/*
 * The leader's side of sessions: requests of clients, here and on other nodes,
 * become entries. Whether an entry takes effect is decided in the log
 * (volume/session.c). So nothing here is needed for safety except the order of
 * sequence numbers, which keeps duplicates from being proposed.
 */
#include "server.h"

/* The term has changed, or this node leads it now: nothing known before counts. */
static void reset(struct rblk_server *sv)
{
	memset(sv->client, 0, sizeof(sv->client));
	sv->term = sv->g->term;
	sv->leads = rblk_replica_leads(sv->r);
	sv->synced = false;
	sv->seen = rblk_replica_executed(sv->r);
	sv->evicted_epoch = 0;
	sv->lead_since = sv->g->now;
	sv->follow_at = sv->g->now + sv->g->cfg.limits.follow_ms * RBLK_NSEC_PER_MSEC;
	sv->level = sv->r->commit;
	sv->next_level = sv->r->commit;
	sv->sample_at = 0;
	sv->g->blocked = false;
}

/* To be called first by everything that depends on who leads, since only raft knows that. */
static void refresh(struct rblk_server *sv)
{
	if (sv->term != sv->g->term || sv->leads != rblk_replica_leads(sv->r))
		reset(sv);
}

/**
 * rblk_server_init() - sets up a server, before the first event
 * @sv: zeroed
 * @g: ground
 * @r: the replica of this node, started
 * @reads: reads of this node
 */
void rblk_server_init(struct rblk_server *sv, struct rblk_ground *g, struct rblk_replica *r,
		      struct rblk_reads *reads)
{
	sv->g = g;
	sv->r = r;
	sv->reads = reads;
	reset(sv);
}

/**
 * rblk_server_serves() - does this node lead, and know where all sessions stand?
 * @sv: server
 *
 * Return: true if it does, and clients are served.
 */
bool rblk_server_serves(struct rblk_server *sv)
{
	refresh(sv);
	return sv->leads && sv->synced;
}

/* Entry @e was executed: a reply to the client that asked for it is due. */
static void note_executed(struct rblk_server *sv, const struct rblk_entry *e)
{
	u32 i;

	for (i = 0; i < sv->g->npeers; i++) {
		struct rblk_server_client *s = &sv->client[i];

		if (e->epoch && (e->kind == RBLK_E_WRITE || e->kind == RBLK_E_ZEROES))
			s->due |= s->epoch == e->epoch;
		else if (e->kind == RBLK_E_OPEN || e->kind == RBLK_E_CLOSE)
			s->due |= !!s->store;
	}
	if (e->kind == RBLK_E_OPEN)
		rblk_server_open_executed(sv, e);
}

/**
 * rblk_server_executed() - entries may have been executed
 * @sv: server
 *
 * Once the leader's own no-op is executed, everything that earlier leaders left
 * behind is decided. What a session has not got into the log by then never will be
 * there, and its sequence goes on after what is.
 */
void rblk_server_executed(struct rblk_server *sv)
{
	const struct rblk_replica *r = sv->r;

	refresh(sv);
	if (!sv->leads)
		return;
	for (; sv->seen < rblk_replica_executed(r); sv->seen++) {
		const struct rblk_ent *ent = rblk_replica_ent(r, sv->seen + 1);

		if (ent)
			note_executed(sv, &ent->e);
	}
	/* A caretaker serves nobody: it makes itself whole, or hands over to a voter that is. */
	if (r->absent)
		sv->synced = false;
	else if (!sv->synced && r->rst.leader_ready && !r->execute_blocked &&
		 rblk_replica_executed(r) >= r->commit)
		sv->synced = true;
}

/*
 * A write is missing. The client is told once, since the writes behind the gap are
 * on the way as well. If a write found no room, the client is not told before there
 * is some, else the two would go in circles.
 */
static void missed(struct rblk_server_client *s)
{
	if (s->stalled || s->gap_at == s->next)
		return;
	s->gap_at = s->next;
	s->gap = true;
	s->due = true;
}

/*
 * Did the write of another client find no room before that of @s did? Then that one goes first:
 * else whoever is near, the client of this node above all, takes any room there is, and who
 * is far gets none. A client tries again with its next keepalive at the latest; nobody waits
 * for one that does not.
 */
static bool others_first(const struct rblk_server *sv, const struct rblk_server_client *s)
{
	u64 patience = rblk_ground_election_ns(sv->g);
	const struct rblk_server_client *c;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sv->client); i++) {
		c = &sv->client[i];
		if (c != s && c->refused_at && sv->g->now < c->tried_at + patience &&
		    (!s->refused_at || c->refused_at < s->refused_at))
			return true;
	}
	return false;
}

static void no_room(struct rblk_server *sv, struct rblk_server_client *s)
{
	s->stalled = true;
	s->stalled_at = sv->r->commit;
	s->tried_at = max_t(u64, sv->g->now, 1);
	if (!s->refused_at)
		s->refused_at = s->tried_at;
}

/*
 * Proposes a write or zeroes of a client. 0: it is in the log, and the reference to
 * its payload was taken over; -EALREADY: it was in the log before. On other errors,
 * the client learns from a reply where to go on.
 */
static int serve_write(struct rblk_server *sv, struct rblk_server_client *s, struct rblk_entry *e,
		       struct rblk_buf *buf)
{
	struct rblk_replica *r = sv->r;
	const struct rblk_session *own = rblk_vol_session_of(r->vol, s->store);
	int ret;

	if (!own || own->epoch != e->epoch) {
		s->due = true;
		return -ESTALE;
	}
	if (s->epoch != e->epoch) {
		s->epoch = e->epoch;
		s->next = own->seq + 1;
	}
	/* What the log has is not proposed again. */
	if (RBLK_ASSERT(&sv->g->alarm, s->next > own->seq))
		return -EINVAL;
	if (e->seq < s->next) {
		s->due = true;
		return -EALREADY;
	}
	if (e->seq > s->next) {
		missed(s);
		return -EPROTO;
	}
	ret = others_first(sv, s) ? -EAGAIN : rblk_replica_propose(r, e, buf);
	if (ret) {
		no_room(sv, s);
		return ret;
	}
	s->next++;
	s->stalled = false;
	s->refused_at = 0;
	return 0;
}

/**
 * rblk_server_take() - takes an entry that a client asks for
 * @sv: server that serves
 * @slot: the client's node, or NODE_SLOT_SELF
 * @force: an OPEN gets the session even if it is in use
 * @e: the entry, without index and term
 * @buf: its payload; NULL afterwards if the reference was taken over
 *
 * Return: 0; -EINVAL: hostile or absurd; -EALREADY: the log has it already; else
 * why the write cannot be taken now.
 */
int rblk_server_take(struct rblk_server *sv, u32 slot, bool force, struct rblk_entry *e,
		     struct rblk_buf **buf)
{
	struct rblk_server_client *s = &sv->client[slot];
	const struct rblk_conf *conf = &sv->g->conf;
	int ret;

	if (RBLK_ASSERT(&sv->g->alarm, sv->leads && sv->synced))
		return -EINVAL;
	if (e->kind == RBLK_E_OPEN || e->kind == RBLK_E_CLOSE) {
		rblk_server_session(sv, s, e, force);
		return 0;
	}
	if (!rblk_vol_fits(conf->sectors, conf->block_size, e->sector, e->nsect))
		return -EINVAL;
	ret = serve_write(sv, s, e, *buf);
	if (!ret)
		*buf = NULL;
	return ret;
}

/**
 * rblk_server_submit() - a message of a client on another node
 * @sv: server
 * @slot: its node
 * @w: the message; it is from the store of that node
 * @a: its entries
 * @buf: their payload; what was taken over becomes NULL
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_server_submit(struct rblk_server *sv, u32 slot, const struct wire_submit *w,
		       struct wire_append *a, struct rblk_buf **buf)
{
	struct rblk_server_client *s = &sv->client[slot];
	u32 i;
	int ret = 0;

	refresh(sv);
	s->store = w->from;
	s->due |= w->keepalive > s->keepalive;
	s->keepalive = max_t(u64, s->keepalive, w->keepalive);
	if (!sv->leads || !sv->synced || w->term != sv->term)
		return 0;
	s->spoke = true;
	s->in_use = w->in_use;
	for (i = 0; i < a->n && ret != -EINVAL; i++)
		ret = rblk_server_take(sv, slot, w->force, &a->e[i], &buf[i]);
	return ret == -EINVAL ? ret : 0;
}

/**
 * rblk_server_present() - notes the state of this node's own client
 * @sv: server
 * @in_use: it uses its session
 * @keepalive: number of its newest keepalive
 */
void rblk_server_present(struct rblk_server *sv, bool in_use, u64 keepalive)
{
	struct rblk_server_client *s = &sv->client[NODE_SLOT_SELF];

	s->store = sv->g->cfg.super.store;
	s->in_use = in_use;
	s->keepalive = keepalive;
}

/**
 * rblk_server_peer_up() - a node is connected
 * @sv: server
 * @slot: the node
 *
 * It may have been restarted, and then it numbers its keepalives from 1 again.
 */
void rblk_server_peer_up(struct rblk_server *sv, u32 slot)
{
	sv->client[slot].keepalive = 0;
	sv->client[slot].spoke = false;
}

/**
 * rblk_server_heard() - a frame of any kind came from a node
 * @sv: server
 * @slot: the node
 *
 * Any frame counts as contact, since keepalives may be stuck behind payload that
 * there is no memory for.
 */
void rblk_server_heard(struct rblk_server *sv, u32 slot)
{
	if (sv->client[slot].spoke)
		sv->client[slot].last_contact = sv->g->now;
}
