// SPDX-License-Identifier: GPL-2.0
/*
 * The client of the volume on this node: its session, and the writes that go
 * under it. They wait in a window, in order of their sequence numbers, until
 * their verdict is known; whoever leads meanwhile is sent what it does not have
 * yet, from the oldest on after each change. What reaches the log twice takes
 * effect once, since a sequence number does.
 *
 * What is decided is learned from the own log, or from what a member says of
 * its own: both are true of the log up to an index, and later news never take
 * older ones back. Fenced is sticky: whoever wrote under the lost epoch must be
 * gone before a new one can be had.
 */
#include "internal.h"

/**
 * rblk_client_init() - before the first event
 * @c: zeroed, but for its window
 * @g: ground
 * @reads: reads of this node
 */
void rblk_client_init(struct rblk_client *c, struct rblk_ground *g, struct rblk_reads *reads)
{
	c->g = g;
	c->reads = reads;
	c->mask = g->cfg.limits.window - 1;
	c->close_token = NODE_NO_TOKEN;
}

/* The session of this node changes. */
void rblk_client_state(struct rblk_client *c, enum rblk_session_state s)
{
	c->state = s;
	rblk_ground_trace(c->g, NODE_T_SESSION, c->epoch, s);
	rblk_ground_note(c->g, NODE_N_SESSION, s);
}

/**
 * rblk_client_fail() - nothing of this node will be answered any more
 * @c: client
 * @error: -errno for all of it
 */
void rblk_client_fail(struct rblk_client *c, int error)
{
	while (c->done < c->last)
		rblk_client_end_request(c, ++c->done, error);
	c->sent = c->done;
	if (c->asking == RBLK_E_CLOSE)
		rblk_client_closed(c, error);
	rblk_client_openers_fail(c, error);
}

/* ---- what is decided ---- */

static void held(struct rblk_client *c, const struct rblk_session *own)
{
	c->epoch = own->epoch;
	c->done = own->seq;
	c->last = own->seq;
	c->sent = own->seq;
	c->wanted = false;
	c->asking = 0;
	rblk_client_state(c, NODE_S_HELD);
	rblk_reads_again(c->reads);
}

static void lost(struct rblk_client *c)
{
	if (c->asking == RBLK_E_CLOSE) {
		rblk_client_state(c, NODE_S_NONE);
		rblk_client_closed(c, 0);
		rblk_client_opening(c);
		return;
	}
	rblk_client_state(c, NODE_S_FENCED);
	rblk_client_fail(c, -ESTALE);
	rblk_reads_fail(c->reads, -ESTALE, false);
}

static void learn_own(struct rblk_client *c, const struct rblk_session *own)
{
	switch (c->state) {
	case NODE_S_HELD:
		/* What was done under it that is not of this node: then it is not its own. */
		if (own->epoch != c->epoch || own->seq > c->last) {
			lost(c);
			return;
		}
		while (c->done < own->seq)
			rblk_client_end_request(c, ++c->done, 0);
		c->sent = max_t(u64, c->sent, c->done);
		return;
	case NODE_S_OPENING:
	case NODE_S_NONE:
		if (c->asking == RBLK_E_CLOSE) {
			if (own->epoch != c->epoch) {
				rblk_client_closed(c, 0);
				rblk_client_opening(c);
			}
			return;
		}
		/* Also what was granted after its requester had given up. */
		if (own->epoch && c->nonce && own->nonce == c->nonce)
			held(c, own);
		return;
	case NODE_S_FENCED:
		return;
	}
}

/**
 * rblk_client_learn() - where the sessions stood at an index of the executed log
 * @c: client
 * @index: the index; what is known of a later one is not taken back
 * @own: the session of this node; epoch 0: none
 * @holder: store of the exclusive session; 0: none
 * @holder_epoch: its epoch
 */
void rblk_client_learn(struct rblk_client *c, u64 index, const struct rblk_session *own,
		       u64 holder, u64 holder_epoch)
{
	if (index < c->index)
		return;
	if (c->holder != holder || c->holder_epoch != holder_epoch)
		rblk_ground_note(c->g, NODE_N_SESSION, c->state);
	c->index = index;
	c->own_epoch = own->epoch;
	c->holder = holder;
	c->holder_epoch = holder_epoch;
	learn_own(c, own);
}

/* ---- the leader ---- */

/**
 * rblk_client_restart() - what was sent may be lost: another leader, or connection
 * @c: client
 */
void rblk_client_restart(struct rblk_client *c)
{
	c->sent = c->done;
	c->keepalive_at = 0;
	c->keepalive_marked = 0;
	rblk_client_openers_restart(c);
	if (c->g->remote)
		rblk_client_reads_restart(c);
}

/* The session is given up when another node asks for it and nobody here uses it. */
static void give_up(struct rblk_client *c)
{
	if (!c->wanted)
		return;
	c->wanted = false;
	if (rblk_client_uses(c) || c->asking || c->done < c->last)
		return;
	if (rblk_client_left_over(c))
		c->epoch = c->own_epoch;
	else if (c->state != NODE_S_HELD)
		return;
	c->asking = RBLK_E_CLOSE;
	c->keepalive_at = 0;
}

/**
 * rblk_client_run() - follows who leads, and whether another node wants the session
 * @c: client
 *
 * What there is for the leader goes afterwards: rblk_client_send(), or, when
 * this node leads, through rblk_client_ask() and rblk_client_peek().
 */
void rblk_client_run(struct rblk_client *c)
{
	rblk_client_seek(c);
	if (c->leader != c->g->leader || c->term != c->g->term) {
		c->leader = c->g->leader;
		c->term = c->g->term;
		rblk_client_restart(c);
	}
	give_up(c);
	rblk_client_away_run(c);
}

static u64 keepalive_deadline(const struct rblk_client *c)
{
	const struct rblk_peer *p;

	if (!c->leader || c->leader == c->g->cfg.super.store || !c->g->conf.index ||
	    !rblk_client_due(c))
		return U64_MAX;
	p = rblk_ground_peer(c->g, c->leader, NULL);
	return p && rblk_peer_sendable(p) ? c->keepalive_at : U64_MAX;
}

/**
 * rblk_client_deadline() - when another node wants to hear of this one, or an opener
 * stops waiting
 * @c: client
 *
 * Return: ns, U64_MAX for never. What is asked of this very node, as leader, is
 * due at keepalive_at: see rblk_node_deadline().
 */
u64 rblk_client_deadline(const struct rblk_client *c)
{
	u64 at = min_t(u64, keepalive_deadline(c), rblk_client_seek_deadline(c));

	at = min_t(u64, at, rblk_client_away_deadline(c));
	return min_t(u64, at, rblk_client_openers_deadline(c));
}

/*
 * Has the leader heard all that was sent before the marked keepalive? Not before
 * the newest one: others may follow sooner than the replies come.
 */
static bool keepalive_heard(struct rblk_client *c, const struct wire_reply *r)
{
	if (!c->keepalive_marked || r->keepalive < c->keepalive_marked)
		return false;
	c->keepalive_marked = 0;
	return true;
}

/* What is missing at the leader goes again. Duplicates do no harm, so a guess is good enough. */
static void rewind(struct rblk_client *c, const struct wire_reply *r, bool heard)
{
	u64 upto = r->gap ? c->sent : heard ? min_t(u64, c->keepalive_sent, c->last) : 0;

	if (c->state != NODE_S_HELD || r->epoch != c->epoch || r->next > upto)
		return;
	c->sent = max_t(u64, c->done, r->next - 1);
	c->keepalive_sent = 0;	/* once a keepalive: they are on their way again */
}

/**
 * rblk_client_reply() - a member says what is decided, this one's server among them
 * @c: client
 * @r: decoded, meant for this node, from the store that it says leads or from another one
 */
void rblk_client_reply(struct rblk_client *c, const struct wire_reply *r)
{
	struct rblk_session own = { .epoch = r->epoch, .nonce = r->nonce, .seq = r->seq };
	bool heard;

	rblk_client_learn(c, r->index, &own, r->holder, r->holder_epoch);
	if (!r->serving || r->term != c->term || r->leader != c->leader)
		return;
	if (r->epoch == c->epoch)
		rblk_client_credit(c, r->seq, r->credit);
	if (r->wanted)
		c->wanted = true;
	if (r->busy && r->keepalive <= c->keepalive)
		rblk_client_refused(c, r->keepalive);
	heard = keepalive_heard(c, r);
	if (heard && c->g->remote)
		rblk_client_reads_again(c);
	rewind(c, r, heard);
}

/**
 * rblk_client_ok() - is what is under way in order, and does the window hold it?
 * @c: client
 *
 * Return: false after RBLK_ASSERT fired.
 */
bool rblk_client_ok(const struct rblk_client *c)
{
	struct rblk_alarm *alarm = &c->g->alarm;

	return !RBLK_ASSERT(alarm, c->done <= c->sent) && !RBLK_ASSERT(alarm, c->sent <= c->last) &&
	       !RBLK_ASSERT(alarm, c->last - c->done <= c->mask + 1) &&
	       !RBLK_ASSERT(alarm, c->done == c->last || c->state == NODE_S_HELD) &&
	       !RBLK_ASSERT(alarm, (c->state == NODE_S_OPENING) == (c->asking == RBLK_E_OPEN)) &&
	       !RBLK_ASSERT(alarm, c->asking != RBLK_E_OPEN || c->nopeners) &&
	       !RBLK_ASSERT(alarm, !c->nopeners || c->asking || c->state == NODE_S_HELD);
}
