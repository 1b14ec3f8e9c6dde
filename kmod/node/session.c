// SPDX-License-Identifier: GPL-2.0
/* What the host asks of this node's session: open, close, use, reset. See client.c. */
#include "internal.h"

/**
 * rblk_node_open() - takes the volume's session for this node
 * @m: member
 * @force: from whoever holds it, used or not
 * @token: complete(token) tells the end
 *
 * Return: 0; -EALREADY: held; -ESTALE: fenced; -EAGAIN: one is being opened or
 * closed; -ESHUTDOWN.
 */
int rblk_node_open(struct rblk_node *m, bool force, u64 token)
{
	struct rblk_client *c = &m->client;

	if (m->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (c->state == NODE_S_FENCED)
		return -ESTALE;
	if (c->asking)
		return -EAGAIN;
	if (c->state == NODE_S_HELD)
		return -EALREADY;
	c->asking = RBLK_E_OPEN;
	c->force = force;
	c->token = token;
	c->nonce = m->cfg.boot_nonce + ++c->opens;
	c->keepalive_at = 0;
	c->keepalive_open = c->keepalive + 1;
	rblk_client_state(m, NODE_S_OPENING);
	return 0;
}

/**
 * rblk_node_open_cancel() - whoever asked for the session no longer waits
 * @m: member
 *
 * It may be granted all the same, and is then held until another node asks.
 */
void rblk_node_open_cancel(struct rblk_node *m)
{
	if (m->client.asking != RBLK_E_OPEN)
		return;
	m->client.token = NODE_NO_TOKEN;
	rblk_client_refused(m);
}

/**
 * rblk_node_close() - gives the session up
 * @m: member
 * @token: complete(token) tells the end
 *
 * Return: 0; -ENOENT: none is held; -EAGAIN: requests are under way; -ESHUTDOWN.
 */
int rblk_node_close(struct rblk_node *m, u64 token)
{
	struct rblk_client *c = &m->client;

	if (m->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (c->state != NODE_S_HELD)
		return -ENOENT;
	if (c->asking || c->done < c->last)
		return -EAGAIN;
	c->asking = RBLK_E_CLOSE;
	c->token = token;
	c->keepalive_at = 0;
	return 0;
}

/**
 * rblk_node_use() - is the device open on this node?
 * @m: member
 * @in_use: then the session is not given up when another node asks
 */
void rblk_node_use(struct rblk_node *m, bool in_use)
{
	struct rblk_client *c = &m->client;

	if (c->in_use == in_use)
		return;
	c->in_use = in_use;
	if (c->state == NODE_S_HELD)
		c->keepalive_at = 0;
}

/**
 * rblk_node_session_reset() - all openers are gone, cached pages dropped
 * @m: member
 */
void rblk_node_session_reset(struct rblk_node *m)
{
	if (m->client.state != NODE_S_FENCED)
		return;
	m->client.nonce = 0;	/* whatever is granted to it still, nobody wants */
	rblk_client_state(m, NODE_S_NONE);
}

/**
 * rblk_node_session() - where this node's session stands
 * @m: member
 *
 * Return: the state.
 */
enum rblk_session_state rblk_node_session(const struct rblk_node *m)
{
	return m->client.state;
}
