// SPDX-License-Identifier: GPL-2.0
/* What the host asks of this node's session: open, close, use, reset. See client.c. */
#include "internal.h"

/**
 * member_open() - takes the volume's session for this node
 * @m: member
 * @force: from whoever holds it, used or not
 * @token: complete(token) tells the end
 *
 * Return: 0; -EALREADY: held; -ESTALE: fenced; -EAGAIN: one is being opened or
 * closed; -ESHUTDOWN.
 */
int member_open(struct member *m, bool force, u64 token)
{
	struct member_client *c = &m->client;

	if (m->halt != MEMBER_RUNNING)
		return -ESHUTDOWN;
	if (c->state == MEMBER_S_FENCED)
		return -ESTALE;
	if (c->asking)
		return -EAGAIN;
	if (c->state == MEMBER_S_HELD)
		return -EALREADY;
	c->asking = RB_E_OPEN;
	c->force = force;
	c->token = token;
	c->nonce = m->cfg.boot_nonce + ++c->opens;
	c->beat_at = 0;
	c->beat_open = c->beat + 1;
	member_client_state(m, MEMBER_S_OPENING);
	return 0;
}

/**
 * member_open_cancel() - whoever asked for the session no longer waits
 * @m: member
 *
 * It may be granted all the same, and is then held until another node asks.
 */
void member_open_cancel(struct member *m)
{
	if (m->client.asking != RB_E_OPEN)
		return;
	m->client.token = MEMBER_NO_TOKEN;
	member_client_refused(m);
}

/**
 * member_close() - gives the session up
 * @m: member
 * @token: complete(token) tells the end
 *
 * Return: 0; -ENOENT: none is held; -EAGAIN: requests are under way; -ESHUTDOWN.
 */
int member_close(struct member *m, u64 token)
{
	struct member_client *c = &m->client;

	if (m->halt != MEMBER_RUNNING)
		return -ESHUTDOWN;
	if (c->state != MEMBER_S_HELD)
		return -ENOENT;
	if (c->asking || c->done < c->last)
		return -EAGAIN;
	c->asking = RB_E_CLOSE;
	c->token = token;
	c->beat_at = 0;
	return 0;
}

/**
 * member_use() - is the device open on this node?
 * @m: member
 * @in_use: then the session is not given up when another node asks
 */
void member_use(struct member *m, bool in_use)
{
	struct member_client *c = &m->client;

	if (c->in_use == in_use)
		return;
	c->in_use = in_use;
	if (c->state == MEMBER_S_HELD)
		c->beat_at = 0;
}

/**
 * member_session_reset() - all openers are gone, cached pages dropped
 * @m: member
 */
void member_session_reset(struct member *m)
{
	if (m->client.state != MEMBER_S_FENCED)
		return;
	m->client.nonce = 0;	/* whatever is granted to it still, nobody wants */
	member_client_state(m, MEMBER_S_NONE);
}

/**
 * member_session() - where this node's session stands
 * @m: member
 *
 * Return: the state.
 */
enum member_session_state member_session(const struct member *m)
{
	return m->client.state;
}
