// SPDX-License-Identifier: GPL-2.0
/* What the host asks of this node's session: close, use, reset. See client.c, opener.c. */
#include "internal.h"

/**
 * rblk_client_close() - gives the session up; see rblk_node_close()
 * @c: client
 * @token: complete(token) reports the end
 *
 * Return: as rblk_node_close().
 */
int rblk_client_close(struct rblk_client *c, u64 token)
{
	if (c->state != NODE_S_HELD)
		return -ENOENT;
	if (c->asking || c->done < c->last)
		return -EAGAIN;
	c->asking = RBLK_E_CLOSE;
	c->close_token = token;
	c->keepalive_at = 0;
	return 0;
}

/**
 * rblk_client_closed() - the session is given up, or that has failed
 * @c: client that asks for the CLOSE
 * @error: 0 or -errno
 */
void rblk_client_closed(struct rblk_client *c, int error)
{
	u64 token = c->close_token;

	c->asking = 0;
	c->close_token = NODE_NO_TOKEN;
	if (token != NODE_NO_TOKEN)
		c->g->ops->complete(c->g->host, token, error);
}

/**
 * rblk_client_use() - is the device open on this node?
 * @c: client
 * @in_use: then the session is not given up when another node asks
 */
void rblk_client_use(struct rblk_client *c, bool in_use)
{
	if (c->in_use == in_use)
		return;
	c->in_use = in_use;
	if (c->state == NODE_S_HELD)
		c->keepalive_at = 0;
}

/**
 * rblk_client_session_reset() - all openers are gone, cached pages dropped
 * @c: client
 */
void rblk_client_session_reset(struct rblk_client *c)
{
	if (c->state != NODE_S_FENCED)
		return;
	c->nonce = 0;	/* a session that is still granted to it is not wanted */
	rblk_client_state(c, NODE_S_NONE);
}

/**
 * rblk_client_uses() - does this node use its session?
 * @c: client
 *
 * A device that is open for reading, without a session, keeps nobody from one.
 *
 * Return: whether it does.
 */
bool rblk_client_uses(const struct rblk_client *c)
{
	return c->in_use && c->state != NODE_S_NONE;
}

/**
 * rblk_client_left_over() - does the log have a session of this node that it does not?
 * @c: client
 *
 * A session left over from before a restart, or granted after its requester gave
 * up: only the log knows of it.
 *
 * Return: whether it does.
 */
bool rblk_client_left_over(const struct rblk_client *c)
{
	return c->state == NODE_S_NONE && c->own_epoch &&
	       !(c->g->conf.flags & RBLK_CONF_SHARED);
}
