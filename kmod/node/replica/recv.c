// SPDX-License-Identifier: GPL-2.0
/* Raft messages from peers. */
#include "internal.h"

/*
 * A peer that was blank when it said hello never campaigns or leads, unless it was
 * bootstrapped since, and perhaps into another cluster than this node. Only a new
 * hello tells, since the first entries of both clusters have the same term and
 * index.
 */
static bool unheard_cluster(const struct rblk_replica *r, const struct rblk_peer *p, u8 type)
{
	return r->g->conf.index && !p->bootstrapped &&
	       (type == RAFT_MSG_PREVOTE || type == RAFT_MSG_VOTE || type == RAFT_MSG_APPEND);
}

/* What a reply says beside raft, which has not refused it. */
static void heed_reply(struct rblk_replica *r, struct rblk_peer *p, const struct raft_msg *msg)
{
	if (msg->type != RAFT_MSG_APPEND_REPLY)
		return;
	p->says_impaired = msg->impaired;
	if (!msg->seeker)
		return;
	p->seeker = msg->seeker;
	p->seeker_at = r->g->now;
}

/* A configuration in the message: decode it before raft sees the entry. */
static int receive_conf(struct rblk_replica *r, struct raft_msg *msg, const struct wire_append *a,
			struct rblk_buf **buf)
{
	const struct log_super *super = &r->g->cfg.super;

	if (a->n != 1 || a->e[0].kind != RBLK_E_CONF)
		return 0;
	if (rblk_log_conf_decode(&r->rx_conf, r->g->ops->buf_data(r->g->host, buf[0])))
		return -EINVAL;
	if (r->rx_conf.sectors > super->data_bytes >> RBLK_SECTOR_SHIFT ||
	    r->rx_conf.block_size != super->block_size)
		return -EINVAL;
	r->rx_conf.index = a->e[0].index;
	rblk_replica_raft_conf(&r->rx_conf, &r->raft_conf);
	r->raft_conf.index = a->e[0].index;
	msg->ents.conf = &r->raft_conf;
	return 0;
}

/*
 * Raft's callback: the last of the entries @first to @last of the message that it is being
 * fed that there is room for, or @first - 1 for none.
 */
u64 rblk_replica_takes(void *ctx, u64 first, u64 last)
{
	struct rblk_replica *r = ctx;
	u64 i = first;

	while (i <= last && rblk_replica_fits(r, i, r->rx->e[i - r->rx_first].kind))
		i++;
	return i - 1;
}

/**
 * rblk_replica_recv() - feeds raft a message from a peer, with its entries
 * @r: replica
 * @slot: the peer
 * @msg: the message; its configuration pointer is set here
 * @a: entries
 * @buf: payload of entry i; what is taken over becomes NULL
 *
 * Return: 0; -EINVAL: hostile or absurd; -ECONNRESET: a new hello is needed.
 */
int rblk_replica_recv(struct rblk_replica *r, u32 slot, struct raft_msg *msg,
		      const struct wire_append *a, struct rblk_buf **buf)
{
	struct raft_event ev = { .type = RAFT_EV_MSG, .now = r->g->now, .msg = msg };
	struct rblk_peer *p = &r->g->peer[slot];
	bool blank = !r->g->conf.index;
	int ret;

	if (msg->from != p->store || msg->to != r->g->cfg.super.store)
		return -EINVAL;
	if (unheard_cluster(r, p, msg->type))
		return -ECONNRESET;
	rblk_replica_met(r, p);
	if (a->n) {
		ret = receive_conf(r, msg, a, buf);
		if (ret)
			return ret;
		r->rx = a;
		r->rx_buf = buf;
		r->rx_first = msg->ents.first;
	}
	rblk_ground_trace(r->g, NODE_T_RECV, a->n ? msg->ents.last : 0,
			  msg->type | (u64)slot << 8);
	ret = rblk_replica_step(r, &ev);
	r->rx = NULL;
	if (ret == -EINVAL)
		return ret;
	heed_reply(r, p, msg);
	/* It gave this node its configuration, or accepted that of this node. */
	if ((blank && r->g->conf.index) ||
	    (msg->type == RAFT_MSG_APPEND_REPLY && !msg->reject && msg->prev.index))
		p->bootstrapped = true;
	return 0;
}
