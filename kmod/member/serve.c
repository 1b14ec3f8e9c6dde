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
 * member_serve_reset() - a reign begins or ends
 * @m: member
 */
void member_serve_reset(struct member *m)
{
	memset(m->served, 0, sizeof(m->served));
	m->seq_synced = false;
	m->place_epoch = 0;
	m->lead_since = m->now;
	m->follow_at = m->now + m->cfg.limits.follow_ms * RB_NSEC_PER_MSEC;
}

/**
 * member_serve_sync() - a leader learns where all sessions stand
 * @m: member
 *
 * Once the leader's own no-op is judged, everything earlier leaders left is
 * decided: what of a session is not in the log by now never will be, and its
 * sequence goes on from there.
 */
void member_serve_sync(struct member *m)
{
	if (!m->seq_synced && m->rst.leader_ready && !m->judge_blocked &&
	    member_judged(m) >= m->commit)
		m->seq_synced = true;
}

static struct member_served *served_of(struct member *m, u64 store)
{
	u32 i;

	for (i = 0; i <= m->npeers; i++)
		if (m->served[i].store == store)
			return &m->served[i];
	return NULL;
}

/* ---- sessions ---- */

static bool silent(struct member *m, u64 store)
{
	const struct member_served *h = served_of(m, store);
	u64 heard = h ? max_t(u64, h->heard, m->lead_since) : m->lead_since;

	return store != m->cfg.super.store &&
	       m->now >= heard + SILENT_ELECTIONS * member_election_ns(m);
}

/*
 * May @s have what @cur holds? Silence fences nobody: it permits a takeover by
 * somebody who asks. A holder that is there is asked to give up what it does
 * not use; @s asks again meanwhile.
 */
static bool may_open(struct member *m, struct member_served *s, const struct log_session *cur,
		     bool force)
{
	struct member_served *h;

	if (!cur || cur->store == s->store || force || silent(m, cur->store))
		return true;
	h = served_of(m, cur->store);
	if (!h || h->in_use || (!h->heard && cur->store != m->cfg.super.store)) {
		s->busy = true;
		return false;
	}
	h->wanted = true;
	h->due = true;
	return false;
}

/* Of a shared volume: one whose node is silent has to go, if there is one; @s asks again. */
static void make_place(struct member *m, struct member_served *s)
{
	const struct log_state *live = vol_live(m->vol);
	struct rb_entry e = { .kind = RB_E_CLOSE };
	u32 i = 0;

	while (i < live->nsessions && !silent(m, live->session[i].store))
		i++;
	if (i == live->nsessions) {
		s->busy = true;
		return;
	}
	e.store = live->session[i].store;
	e.epoch = live->session[i].epoch;
	if (e.epoch != m->place_epoch && !member_propose(m, &e, NULL))
		m->place_epoch = e.epoch;
	s->open_nonce = 0;	/* what it may have asked for already found no place */
}

static void open_session(struct member *m, struct member_served *s, struct rb_entry *e, bool force)
{
	const struct log_session *cur = m->conf.flags & LOG_CONF_SHARED ?
					vol_session_of(m->vol, s->store) : vol_session(m->vol);

	s->due = true;
	s->busy = false;
	if (e->epoch != (cur ? cur->epoch : 0) || !may_open(m, s, cur, force))
		return;
	if (!cur && vol_live(m->vol)->nsessions == LOG_SESSIONS_MAX) {
		make_place(m, s);
		return;
	}
	if (s->open_nonce == e->seq && s->open_epoch == e->epoch)
		return;		/* it is in the log already */
	if (member_propose(m, e, NULL))
		return;
	s->open_nonce = e->seq;
	s->open_epoch = e->epoch;
	/* Leadership may go there soon, but never while sessions come and go. */
	m->follow_at = min_t(u64, m->follow_at, m->now + 2 * member_election_ns(m));
}

static void close_session(struct member *m, struct member_served *s, struct rb_entry *e)
{
	const struct log_session *own = vol_session_of(m->vol, s->store);

	s->due = true;
	if (!own || own->epoch != e->epoch || s->close_epoch == e->epoch)
		return;
	if (!member_propose(m, e, NULL))
		s->close_epoch = e->epoch;
}

/**
 * member_serve_session() - a client asks for its session to be opened or closed
 * @m: member, the leader, and synced
 * @s: the client
 * @e: OPEN or CLOSE
 * @force: of an OPEN
 *
 * It asks again until it learns the outcome.
 */
void member_serve_session(struct member *m, struct member_served *s, struct rb_entry *e,
			  bool force)
{
	e->store = s->store;
	if (e->kind == RB_E_OPEN)
		open_session(m, s, e, force);
	else
		close_session(m, s, e);
}

/* ---- writes ---- */

/*
 * Told once: what is behind it is on the way, and would be told of as well. For
 * want of room: not before there is some, else the two would go in circles.
 */
static void missed(struct member_served *s)
{
	if (s->stalled || s->gap_at == s->next)
		return;
	s->gap_at = s->next;
	s->gap = true;
	s->due = true;
}

/**
 * member_serve_write() - the next write or zeroes of a client
 * @m: member, the leader, and synced
 * @s: the client
 * @e: the entry
 * @buf: its payload; the reference is taken over on success only
 *
 * Return: 0: it is in the log; else it is not, or was before: the client learns
 * from a reply where to go on.
 */
int member_serve_write(struct member *m, struct member_served *s, struct rb_entry *e,
		       struct rb_buf *buf)
{
	const struct log_session *own = vol_session_of(m->vol, s->store);
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
	if (member_room(m) <= MEMBER_ENTRIES_RESERVE || member_log_full(m))
		ret = -EAGAIN;
	else
		ret = member_propose(m, e, buf);
	if (ret) {
		s->stalled = true;
		s->stalled_at = m->commit;
		return ret;
	}
	s->next++;
	s->stalled = false;
	return 0;
}

static int serve_entry(struct member *m, struct member_served *s, const struct wire_submit *w,
		       struct rb_entry *e, struct rb_buf **buf)
{
	if (e->kind == RB_E_OPEN || e->kind == RB_E_CLOSE) {
		member_serve_session(m, s, e, w->force);
		return 0;
	}
	if (!vol_fits(m->conf.sectors, m->conf.block_size, e->sector, e->nsect))
		return -EINVAL;
	if (!member_serve_write(m, s, e, *buf))
		*buf = NULL;
	return 0;
}

/**
 * member_serve() - a client on another node speaks
 * @m: member
 * @slot: its node
 * @w: what it says
 * @a: its entries
 * @buf: their payload; what is not taken over stays
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int member_serve(struct member *m, u32 slot, const struct wire_submit *w, struct wire_append *a,
		 struct rb_buf **buf)
{
	struct member_served *s = &m->served[slot];
	u32 i;
	int ret = 0;

	if (w->from != m->peer[slot].store)
		return -EINVAL;
	if (m->diskless)
		return 0;
	s->store = w->from;
	s->due |= w->beat > s->beat;
	s->beat = max_t(u64, s->beat, w->beat);
	if (!member_leads(m) || !m->seq_synced || w->term != m->rst.term)
		return 0;
	s->spoke = true;
	s->in_use = w->in_use;
	for (i = 0; i < a->n && !ret; i++)
		ret = serve_entry(m, s, w, &a->e[i], &buf[i]);
	return ret;
}

/* ---- replies ---- */

/**
 * member_serve_judged() - an entry was judged: whoever asked for it is told
 * @m: member, the leader
 * @e: the entry
 */
void member_serve_judged(struct member *m, const struct rb_entry *e)
{
	u32 i;

	if (!member_leads(m))
		return;
	for (i = 0; i < m->npeers; i++) {
		struct member_served *s = &m->served[i];

		if (e->epoch && (e->kind == RB_E_WRITE || e->kind == RB_E_ZEROES))
			s->due |= s->epoch == e->epoch;
		else if (e->kind == RB_E_OPEN || e->kind == RB_E_CLOSE)
			s->due |= !!s->store;
	}
}

static void fill_reply(const struct member *m, const struct member_served *s, struct wire_reply *r)
{
	const struct log_session *own = vol_session_of(m->vol, s->store);
	const struct log_session *holder = vol_session(m->vol);

	memset(r, 0, sizeof(*r));
	r->to = s->store;
	r->term = m->rst.term;
	r->leader = m->rst.leader;
	r->index = member_judged(m);
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
	r->cluster = m->conf.nonce;
	r->block_size = m->conf.block_size;
	r->flags = m->conf.flags;
	r->election_ms = m->conf.election_ms;
	r->heartbeat_ms = m->conf.heartbeat_ms;
	r->beat = s->beat;
	r->next = own && s->epoch == own->epoch ? s->next : r->seq + 1;
	r->serving = member_leads(m) && m->seq_synced;
	r->gap = s->gap;
	r->busy = s->busy;
	r->wanted = s->wanted;
}

static void reply(struct member *m, u32 slot, struct member_served *s)
{
	struct wire_reply r;
	void *frame;

	frame = m->ops->tx_begin(m->host, slot, WIRE_CONSENSUS);
	if (!frame)
		return;		/* it stays due */
	fill_reply(m, s, &r);
	m->ops->tx_end(m->host, slot, WIRE_CONSENSUS, wire_encode_reply(frame, &r), NULL, 0);
	s->due = false;
	s->gap = false;
	s->busy = false;
	s->wanted = false;
}

/**
 * member_serve_run() - tells the clients what there is to tell
 * @m: member
 */
void member_serve_run(struct member *m)
{
	u32 i;

	if (!m->conf.index)
		return;
	for (i = 0; i < m->npeers; i++) {
		struct member_served *s = &m->served[i];

		/* There was no room: whether there is now shows when it is tried. */
		if (s->stalled && s->stalled_at != m->commit) {
			s->stalled = false;
			s->gap = true;
			s->due = true;
		}
		if (s->due && s->store && member_connected(&m->peer[i]))
			reply(m, i, s);
	}
	if (!m->served[m->npeers].wanted)
		return;
	m->served[m->npeers].wanted = false;
	m->client.wanted = true;
	member_client_run(m);
}

/* ---- leadership follows the exclusive session ---- */

static bool able(const struct member *m, u64 store)
{
	u32 i;

	for (i = 0; i < m->rst.npeers; i++) {
		const struct raft_peer_status *p = &m->rst.peer[i];

		if (p->store == store)
			return p->flags & RAFT_M_IN && p->active &&
			       p->state == RAFT_PEER_REPLICATE && p->match + 1024 >= m->commit;
	}
	return false;
}

static u64 to_follow(const struct member *m)
{
	const struct log_session *holder = vol_session(m->vol);

	if (!member_leads(m) || !m->seq_synced || m->rst.transferee || !holder ||
	    holder->store == m->cfg.super.store || !able(m, holder->store))
		return 0;
	return holder->store;
}

/**
 * member_follow_run() - hands leadership to the node that writes
 * @m: member
 *
 * Its writes are then one hop shorter. Not at once after an election: who was
 * made leader on purpose stays it for a while.
 */
void member_follow_run(struct member *m)
{
	u64 store;

	if (m->now < m->follow_at)
		return;
	store = to_follow(m);
	if (!store)
		return;
	m->follow_at = m->now + m->cfg.limits.follow_ms * RB_NSEC_PER_MSEC;
	member_step_store(m, RAFT_EV_TRANSFER, store);
}

/**
 * member_follow_deadline() - when leadership should move
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 member_follow_deadline(const struct member *m)
{
	return to_follow(m) ? m->follow_at : U64_MAX;
}
