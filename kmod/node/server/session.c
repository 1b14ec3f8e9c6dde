// SPDX-License-Identifier: GPL-2.0
/* Who may have a session, as the leader sees it. The log decides: volume/session.c. */
#include "server.h"

#define SILENT_ELECTIONS	5	/* session timeout, in election timeouts */

static struct rblk_server_client *client_of(struct rblk_server *sv, u64 store)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sv->client); i++)
		if (sv->client[i].store == store)
			return &sv->client[i];
	return NULL;
}

static bool silent(struct rblk_server *sv, u64 store)
{
	const struct rblk_server_client *h = client_of(sv, store);
	u64 contact = h ? max_t(u64, h->last_contact, sv->lead_since) : sv->lead_since;

	return store != sv->g->cfg.super.store &&
	       sv->g->now >= contact + SILENT_ELECTIONS * rblk_ground_election_ns(sv->g);
}

/* Was the holder heard a moment ago, so that what it said of its session is so? */
static bool heard_of_late(struct rblk_server *sv, const struct rblk_server_client *h)
{
	return h->store == sv->g->cfg.super.store ||
	       sv->g->now < h->last_contact + rblk_ground_election_ns(sv->g);
}

/*
 * May @s have the session that @cur holds? Silence alone fences nobody, but it
 * permits a takeover by a client that asks. A holder that responds is asked to give
 * up a session that it does not use; meanwhile @s asks again. It does so, too, while
 * the holder is not heard: nobody knows whether it uses the session, and before long
 * it is heard or was silent for long enough.
 */
static bool may_open(struct rblk_server *sv, struct rblk_server_client *s,
		     const struct rblk_session *cur, bool force)
{
	struct rblk_server_client *h;

	if (!cur || cur->store == s->store || force || silent(sv, cur->store))
		return true;
	h = client_of(sv, cur->store);
	if (!h || !heard_of_late(sv, h))
		return false;
	if (h->in_use) {
		s->busy = true;
		return false;
	}
	h->wanted = true;
	h->due = true;
	return false;
}

/* A shared volume has no session left: closes that of a silent node, if there is one. */
static void evict_silent(struct rblk_server *sv, struct rblk_server_client *s)
{
	const struct rblk_state *state = rblk_vol_executed(sv->r->vol);
	struct rblk_entry e = { .kind = RBLK_E_CLOSE };
	u32 i = 0;

	while (i < state->nsessions && !silent(sv, state->session[i].store))
		i++;
	if (i == state->nsessions) {
		s->busy = true;
		return;
	}
	e.store = state->session[i].store;
	e.epoch = state->session[i].epoch;
	if (e.epoch != sv->evicted_epoch && !rblk_replica_propose(sv->r, &e, NULL))
		sv->evicted_epoch = e.epoch;
}

static void open_session(struct rblk_server *sv, struct rblk_server_client *s, struct rblk_entry *e,
			 bool force)
{
	const struct vol *vol = sv->r->vol;
	const struct rblk_session *cur = sv->g->conf.flags & RBLK_CONF_SHARED ?
					 rblk_vol_session_of(vol, s->store) :
					 rblk_vol_session(vol);

	s->due = true;
	s->busy = false;
	if (e->epoch != (cur ? cur->epoch : 0) || !may_open(sv, s, cur, force))
		return;
	if (!cur && rblk_vol_executed(vol)->nsessions == RBLK_SESSIONS_MAX) {
		evict_silent(sv, s);
		return;
	}
	if (s->open_nonce == e->seq)
		return;		/* it is in the log, and what comes of it is not known yet */
	if (rblk_replica_propose(sv->r, e, NULL))
		return;
	s->open_nonce = e->seq;
	/* Leadership may follow soon, but not while sessions come and go. */
	sv->follow_at = min_t(u64, sv->follow_at,
			      sv->g->now + 2 * rblk_ground_election_ns(sv->g));
}

/**
 * rblk_server_open_executed() - what came of an OPEN is known
 * @sv: server that leads
 * @e: the OPEN
 *
 * If it had no effect, since another one came before it or there was no room, its client
 * may ask again with the same one.
 */
void rblk_server_open_executed(struct rblk_server *sv, const struct rblk_entry *e)
{
	struct rblk_server_client *s = client_of(sv, e->store);

	if (s && s->open_nonce == e->seq)
		s->open_nonce = 0;
}

static void close_session(struct rblk_server *sv, struct rblk_server_client *s,
			  struct rblk_entry *e)
{
	const struct rblk_session *own = rblk_vol_session_of(sv->r->vol, s->store);

	s->due = true;
	if (!own || own->epoch != e->epoch || s->close_epoch == e->epoch)
		return;
	if (!rblk_replica_propose(sv->r, e, NULL))
		s->close_epoch = e->epoch;
}

/**
 * rblk_server_session() - a client asks to open or close its session
 * @sv: server that serves
 * @s: the client
 * @e: OPEN or CLOSE
 * @force: an OPEN gets the session even if it is in use
 *
 * The client asks again until it learns the outcome.
 */
void rblk_server_session(struct rblk_server *sv, struct rblk_server_client *s,
			 struct rblk_entry *e, bool force)
{
	e->store = s->store;
	if (e->kind == RBLK_E_OPEN)
		open_session(sv, s, e, force);
	else
		close_session(sv, s, e);
}
