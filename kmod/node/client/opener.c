// SPDX-License-Identifier: GPL-2.0
/*
 * Those on this node who wait for its session: an open of the device, and a request of
 * administration. The node asks the leader once for all of them, with each keepalive
 * until the outcome is known: so another leader, or a lost frame, is nothing that an
 * opener would have to notice. Each has a deadline, and an answer of its own.
 */
#include "internal.h"

/**
 * rblk_client_opening() - asks for the session, once for all openers, if there are any
 * @c: client that has no session, and is asking for nothing
 */
void rblk_client_opening(struct rblk_client *c)
{
	if (!c->nopeners)
		return;
	c->asking = RBLK_E_OPEN;
	c->ended_at = c->g->now;
	c->nonce = c->g->cfg.boot_nonce + ++c->opens;
	c->keepalive_at = 0;
	rblk_client_state(c, NODE_S_OPENING);
}

/* The last opener that goes takes the question along. */
static void opener_gone(struct rblk_client *c, u32 i)
{
	c->nopeners--;
	memmove(&c->opener[i], &c->opener[i + 1], (c->nopeners - i) * sizeof(c->opener[0]));
	if (c->nopeners || c->asking != RBLK_E_OPEN)
		return;
	c->asking = 0;
	rblk_client_state(c, NODE_S_NONE);
}

static void opener_end(struct rblk_client *c, u32 i, int error)
{
	u64 token = c->opener[i].token;

	opener_gone(c, i);
	c->g->ops->complete(c->g->host, token, error);
}

/**
 * rblk_client_open() - asks for the volume's session; see rblk_node_open()
 * @c: client
 * @flags: NODE_OPEN_*
 * @deadline: ns
 * @token: complete(token) reports the end
 *
 * Return: as rblk_node_open().
 */
int rblk_client_open(struct rblk_client *c, u32 flags, u64 deadline, u64 token)
{
	if (c->state == NODE_S_FENCED)
		return -ESTALE;
	if (c->state == NODE_S_HELD && !c->asking && !(flags & NODE_OPEN_SERVED))
		return -EALREADY;
	if (c->nopeners == NODE_OPENERS)
		return -EAGAIN;
	c->opener[c->nopeners++] = (struct rblk_client_opener){
		.token = token, .deadline = deadline, .flags = flags, .from = c->keepalive + 1,
	};
	c->keepalive_at = 0;
	if (!c->asking && c->state != NODE_S_HELD)
		rblk_client_opening(c);
	return 0;
}

/**
 * rblk_client_open_cancel() - an opener no longer waits; see rblk_node_open_cancel()
 * @c: client
 * @token: of the opener
 */
void rblk_client_open_cancel(struct rblk_client *c, u64 token)
{
	u32 i;

	for (i = 0; i < c->nopeners; i++) {
		if (c->opener[i].token == token) {
			opener_gone(c, i);
			return;
		}
	}
}

/**
 * rblk_client_refused() - another node uses the session
 * @c: client
 * @keepalive: the newest one that the leader had heard when it said so
 *
 * An opener who came later asks something that the leader has not answered yet.
 */
void rblk_client_refused(struct rblk_client *c, u64 keepalive)
{
	u32 i = 0;

	if (c->asking != RBLK_E_OPEN)
		return;
	while (i < c->nopeners) {
		struct rblk_client_opener *o = &c->opener[i];

		if (keepalive >= o->from && !(o->flags & NODE_OPEN_WAIT)) {
			opener_end(c, i, -EBUSY);
			continue;
		}
		o->refused |= keepalive >= o->from;
		i++;
	}
}

/**
 * rblk_client_openers_restart() - another leader, or connection: nothing is answered yet
 * @c: client
 */
void rblk_client_openers_restart(struct rblk_client *c)
{
	u32 i;

	for (i = 0; i < c->nopeners; i++)
		c->opener[i].refused = false;
}

/**
 * rblk_client_openers_run() - openers that have what they wait for go, and those whose
 * time is up
 * @c: client
 * @served: I/O is
 */
void rblk_client_openers_run(struct rblk_client *c, bool served)
{
	u32 i = 0;

	while (i < c->nopeners) {
		const struct rblk_client_opener *o = &c->opener[i];

		if (c->state == NODE_S_HELD && !c->asking &&
		    (served || !(o->flags & NODE_OPEN_SERVED)))
			opener_end(c, i, 0);
		else if (c->g->now >= o->deadline)
			opener_end(c, i, o->refused ? -EBUSY : -ETIMEDOUT);
		else
			i++;
	}
}

/**
 * rblk_client_openers_fail() - no opener gets the session
 * @c: client
 * @error: -errno for all of them
 */
void rblk_client_openers_fail(struct rblk_client *c, int error)
{
	while (c->nopeners)
		opener_end(c, 0, error);
}

/**
 * rblk_client_openers_deadline() - when the first opener stops waiting
 * @c: client
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_client_openers_deadline(const struct rblk_client *c)
{
	u64 at = U64_MAX;
	u32 i;

	for (i = 0; i < c->nopeners; i++)
		at = min_t(u64, at, c->opener[i].deadline);
	return at;
}

/**
 * rblk_client_force() - is the session to be taken from its holder, used or not?
 * @c: client
 *
 * Return: whether an opener wants that.
 */
bool rblk_client_force(const struct rblk_client *c)
{
	u32 i;

	for (i = 0; i < c->nopeners; i++)
		if (c->opener[i].flags & NODE_OPEN_FORCE)
			return true;
	return false;
}
