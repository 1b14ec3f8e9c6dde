// SPDX-License-Identifier: GPL-2.0
/*
 * The leader's side of sessions: what clients, here and on other nodes, ask
 * for becomes entries. Whether an entry takes effect is decided in the log
 * (volume/session.c), so nothing here is needed for safety but the order of
 * sequence numbers, which keeps a duplicate from being proposed: here is who
 * may ask for what, who is told, and where leadership had better be.
 */
#include "internal.h"

#define SILENT_ELECTIONS	5	/* session timeout, in election timeouts */

/**
 * rblk_server_reset() - a term begins or ends
 * @m: member
 */
void rblk_server_reset(struct rblk_node *m)
{
	memset(m->served, 0, sizeof(m->served));
	m->seq_synced = false;
	m->evicted_epoch = 0;
	m->lead_since = m->now;
	m->follow_at = m->now + m->cfg.limits.follow_ms * RBLK_NSEC_PER_MSEC;
}

/**
 * rblk_server_sync() - a leader learns where all sessions stand
 * @m: member
 *
 * Once the leader's own no-op is executed, everything earlier leaders left is
 * decided: what of a session is not in the log by now never will be, and its
 * sequence goes on from there.
 */
void rblk_server_sync(struct rblk_node *m)
{
	if (!m->seq_synced && m->rst.leader_ready && !m->execute_blocked &&
	    rblk_replica_executed(m) >= m->commit)
		m->seq_synced = true;
}

static struct rblk_server_client *served_of(struct rblk_node *m, u64 store)
{
	u32 i;

	for (i = 0; i <= m->npeers; i++)
		if (m->served[i].store == store)
			return &m->served[i];
	return NULL;
}

/* ---- sessions ---- */

static bool silent(struct rblk_node *m, u64 store)
{
	const struct rblk_server_client *h = served_of(m, store);
	u64 heard = h ? max_t(u64, h->last_contact, m->lead_since) : m->lead_since;

	return store != m->cfg.super.store &&
	       m->now >= heard + SILENT_ELECTIONS * rblk_node_election_ns(m);
}

/*
 * May @s have what @cur holds? Silence fences nobody: it permits a takeover by
 * somebody who asks. A holder that is there is asked to give up what it does
 * not use; @s asks again meanwhile.
 */
static bool may_open(struct rblk_node *m, struct rblk_server_client *s,
		     const struct rblk_session *cur, bool force)
{
	struct rblk_server_client *h;

	if (!cur || cur->store == s->store || force || silent(m, cur->store))
		return true;
	h = served_of(m, cur->store);
	if (!h || h->in_use || (!h->last_contact && cur->store != m->cfg.super.store)) {
		s->busy = true;
		return false;
	}
	h->wanted = true;
	h->due = true;
	return false;
}

/* Of a shared volume: one whose node is silent has to go, if there is one; @s asks again. */
static void evict_silent(struct rblk_node *m, struct rblk_server_client *s)
{
	const struct rblk_state *live = rblk_vol_executed(m->vol);
	struct rblk_entry e = { .kind = RBLK_E_CLOSE };
	u32 i = 0;

	while (i < live->nsessions && !silent(m, live->session[i].store))
		i++;
	if (i == live->nsessions) {
		s->busy = true;
		return;
	}
	e.store = live->session[i].store;
	e.epoch = live->session[i].epoch;
	if (e.epoch != m->evicted_epoch && !rblk_replica_propose(m, &e, NULL))
		m->evicted_epoch = e.epoch;
	s->open_nonce = 0;	/* what it may have asked for already found no place */
}

static void open_session(struct rblk_node *m, struct rblk_server_client *s, struct rblk_entry *e,
			 bool force)
{
	const struct rblk_session *cur = m->conf.flags & RBLK_CONF_SHARED ?
						 rblk_vol_session_of(m->vol, s->store) :
						 rblk_vol_session(m->vol);

	s->due = true;
	s->busy = false;
	if (e->epoch != (cur ? cur->epoch : 0) || !may_open(m, s, cur, force))
		return;
	if (!cur && rblk_vol_executed(m->vol)->nsessions == RBLK_SESSIONS_MAX) {
		evict_silent(m, s);
		return;
	}
	if (s->open_nonce == e->seq && s->open_epoch == e->epoch)
		return;		/* it is in the log already */
	if (rblk_replica_propose(m, e, NULL))
		return;
	s->open_nonce = e->seq;
	s->open_epoch = e->epoch;
	/* Leadership may go there soon, but never while sessions come and go. */
	m->follow_at = min_t(u64, m->follow_at, m->now + 2 * rblk_node_election_ns(m));
}

static void close_session(struct rblk_node *m, struct rblk_server_client *s, struct rblk_entry *e)
{
	const struct rblk_session *own = rblk_vol_session_of(m->vol, s->store);

	s->due = true;
	if (!own || own->epoch != e->epoch || s->close_epoch == e->epoch)
		return;
	if (!rblk_replica_propose(m, e, NULL))
		s->close_epoch = e->epoch;
}

/**
 * rblk_server_session() - a client asks for its session to be opened or closed
 * @m: member, the leader, and synced
 * @s: the client
 * @e: OPEN or CLOSE
 * @force: of an OPEN
 *
 * It asks again until it learns the outcome.
 */
void rblk_server_session(struct rblk_node *m, struct rblk_server_client *s, struct rblk_entry *e,
			 bool force)
{
	e->store = s->store;
	if (e->kind == RBLK_E_OPEN)
		open_session(m, s, e, force);
	else
		close_session(m, s, e);
}

/* ---- writes ---- */

/*
 * Told once: what is behind it is on the way, and would be told of as well. For
 * want of room: not before there is some, else the two would go in circles.
 */
static void missed(struct rblk_server_client *s)
{
	if (s->stalled || s->gap_at == s->next)
		return;
	s->gap_at = s->next;
	s->gap = true;
	s->due = true;
}

/**
 * rblk_server_write() - the next write or zeroes of a client
 * @m: member, the leader, and synced
 * @s: the client
 * @e: the entry
 * @buf: its payload; the reference is taken over on success only
 *
 * Return: 0: it is in the log; else it is not, or was before: the client learns
 * from a reply where to go on.
 */
int rblk_server_write(struct rblk_node *m, struct rblk_server_client *s, struct rblk_entry *e,
		      struct rblk_buf *buf)
{
	const struct rblk_session *own = rblk_vol_session_of(m->vol, s->store);
	int ret;

	if (!own || own->epoch != e->epoch) {
		s->due = true;
		return -ESTALE;
	}
	if (s->epoch != e->epoch) {
		s->epoch = e->epoch;
		s->next = own->seq + 1;
	}
	if (e->seq < s->next) {
		s->due = true;
		return -EALREADY;
	}
	if (e->seq > s->next) {
		missed(s);
		return -EPROTO;
	}
	if (rblk_replica_free_entries(m) <= NODE_ENTRIES_RESERVE || rblk_replica_log_full(m))
		ret = -EAGAIN;
	else
		ret = rblk_replica_propose(m, e, buf);
	if (ret) {
		s->stalled = true;
		s->stalled_at = m->commit;
		return ret;
	}
	s->next++;
	s->stalled = false;
	return 0;
}

static int serve_entry(struct rblk_node *m, struct rblk_server_client *s,
		       const struct wire_submit *w, struct rblk_entry *e, struct rblk_buf **buf)
{
	if (e->kind == RBLK_E_OPEN || e->kind == RBLK_E_CLOSE) {
		rblk_server_session(m, s, e, w->force);
		return 0;
	}
	if (!rblk_vol_fits(m->conf.sectors, m->conf.block_size, e->sector, e->nsect))
		return -EINVAL;
	if (!rblk_server_write(m, s, e, *buf))
		*buf = NULL;
	return 0;
}

/**
 * rblk_server_submit() - a client on another node speaks
 * @m: member
 * @slot: its node
 * @w: what it says
 * @a: its entries
 * @buf: their payload; what is not taken over stays
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_server_submit(struct rblk_node *m, u32 slot, const struct wire_submit *w,
		       struct wire_append *a, struct rblk_buf **buf)
{
	struct rblk_server_client *s = &m->served[slot];
	u32 i;
	int ret = 0;

	if (w->from != m->peer[slot].store)
		return -EINVAL;
	if (m->diskless)
		return 0;
	s->store = w->from;
	s->due |= w->keepalive > s->keepalive;
	s->keepalive = max_t(u64, s->keepalive, w->keepalive);
	if (!rblk_replica_leads(m) || !m->seq_synced || w->term != m->rst.term)
		return 0;
	s->spoke = true;
	s->in_use = w->in_use;
	for (i = 0; i < a->n && !ret; i++)
		ret = serve_entry(m, s, w, &a->e[i], &buf[i]);
	return ret;
}

/* ---- replies ---- */

/**
 * rblk_server_executed() - an entry was executed: whoever asked for it is told
 * @m: member, the leader
 * @e: the entry
 */
void rblk_server_executed(struct rblk_node *m, const struct rblk_entry *e)
{
	u32 i;

	if (!rblk_replica_leads(m))
		return;
	for (i = 0; i < m->npeers; i++) {
		struct rblk_server_client *s = &m->served[i];

		if (e->epoch && (e->kind == RBLK_E_WRITE || e->kind == RBLK_E_ZEROES))
			s->due |= s->epoch == e->epoch;
		else if (e->kind == RBLK_E_OPEN || e->kind == RBLK_E_CLOSE)
			s->due |= !!s->store;
	}
}

static void fill_reply(const struct rblk_node *m, const struct rblk_server_client *s,
		       struct wire_reply *r)
{
	const struct rblk_session *own = rblk_vol_session_of(m->vol, s->store);
	const struct rblk_session *holder = rblk_vol_session(m->vol);

	memset(r, 0, sizeof(*r));
	r->to = s->store;
	r->term = m->rst.term;
	r->leader = m->rst.leader;
	r->index = rblk_replica_executed(m);
	if (own) {
		r->epoch = own->epoch;
		r->nonce = own->nonce;
		r->seq = own->seq;
	}
	if (holder) {
		r->holder = holder->store;
		r->holder_epoch = holder->epoch;
	}
	r->sectors = m->conf.sectors;
	r->cluster = m->conf.cluster;
	r->block_size = m->conf.block_size;
	r->flags = m->conf.flags;
	r->election_ms = m->conf.election_ms;
	r->heartbeat_ms = m->conf.heartbeat_ms;
	r->keepalive = s->keepalive;
	r->next = own && s->epoch == own->epoch ? s->next : r->seq + 1;
	r->serving = rblk_replica_leads(m) && m->seq_synced;
	r->gap = s->gap;
	r->busy = s->busy;
	r->wanted = s->wanted;
}

static void reply(struct rblk_node *m, u32 slot, struct rblk_server_client *s)
{
	struct wire_reply r;
	void *frame;

	frame = m->ops->tx_begin(m->host, slot, WIRE_CONSENSUS);
	if (!frame)
		return;		/* it stays due */
	fill_reply(m, s, &r);
	m->ops->tx_end(m->host, slot, WIRE_CONSENSUS, rblk_wire_encode_reply(frame, &r), NULL, 0);
	s->due = false;
	s->gap = false;
	s->busy = false;
	s->wanted = false;
}

/**
 * rblk_server_run() - tells the clients what there is to tell
 * @m: member
 */
void rblk_server_run(struct rblk_node *m)
{
	u32 i;

	if (!m->conf.index)
		return;
	for (i = 0; i < m->npeers; i++) {
		struct rblk_server_client *s = &m->served[i];

		/* There was no room: whether there is now shows when it is tried. */
		if (s->stalled && s->stalled_at != m->commit) {
			s->stalled = false;
			s->gap = true;
			s->due = true;
		}
		if (s->due && s->store && rblk_node_connected(&m->peer[i]))
			reply(m, i, s);
	}
	if (!m->served[m->npeers].wanted)
		return;
	m->served[m->npeers].wanted = false;
	m->client.wanted = true;
	rblk_client_run(m);
}

/* ---- leadership follows the exclusive session ---- */

static bool able(const struct rblk_node *m, u64 store)
{
	u32 i;

	for (i = 0; i < m->rst.npeers; i++) {
		const struct raft_peer_status *p = &m->rst.peer[i];

		if (p->store == store)
			return p->flags & RBLK_M_IN && p->active &&
			       p->state == RAFT_PEER_REPLICATE && p->match + 1024 >= m->commit;
	}
	return false;
}

static u64 to_follow(const struct rblk_node *m)
{
	const struct rblk_session *holder = rblk_vol_session(m->vol);

	if (!rblk_replica_leads(m) || !m->seq_synced || m->rst.transferee || !holder ||
	    holder->store == m->cfg.super.store || !able(m, holder->store))
		return 0;
	return holder->store;
}

/**
 * rblk_server_follow_run() - hands leadership to the node that writes
 * @m: member
 *
 * Its writes are then one hop shorter. Not at once after an election: who was
 * made leader on purpose stays it for a while.
 */
void rblk_server_follow_run(struct rblk_node *m)
{
	u64 store;

	if (m->now < m->follow_at)
		return;
	store = to_follow(m);
	if (!store)
		return;
	m->follow_at = m->now + m->cfg.limits.follow_ms * RBLK_NSEC_PER_MSEC;
	rblk_replica_step_store(m, RAFT_EV_TRANSFER, store);
}

/**
 * rblk_server_follow_deadline() - when leadership should move
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_server_follow_deadline(const struct rblk_node *m)
{
	return to_follow(m) ? m->follow_at : U64_MAX;
}
