// SPDX-License-Identifier: GPL-2.0
/* Raft messages from peers. */
#include "internal.h"

/*
 * A peer that was blank when it said hello may have been bootstrapped since, and into
 * another cluster than this node. The first entries of two clusters have the same term
 * and index, so only the name of the cluster tells. A reply is to a request of this
 * node, which the peer has judged.
 */
static bool of_other_cluster(const struct rblk_replica *r, const struct raft_msg *m)
{
	return r->g->conf.index && m->cluster != r->g->conf.cluster &&
	       (m->type == RAFT_MSG_PREVOTE || m->type == RAFT_MSG_VOTE ||
		m->type == RAFT_MSG_APPEND);
}

/* The peer names a node that has asked it for a leader. */
static void heed_seeker(struct rblk_replica *r, struct rblk_peer *p, u64 seeker)
{
	const struct rblk_peer *lost = rblk_ground_peer(r->g, seeker, NULL);

	/* It may name several in turn. */
	if (!rblk_ground_names(r->g, p) || (lost && lost->heard_at >= p->seeker_since))
		p->seeker_since = r->g->now;
	p->seeker = seeker;
	p->seeker_at = r->g->now;
}

/* What a reply says beside raft, which has not refused it. */
static void heed_reply(struct rblk_replica *r, struct rblk_peer *p, const struct raft_msg *msg)
{
	if (msg->type != RAFT_MSG_APPEND_REPLY)
		return;
	p->says_impaired = msg->impaired;
	p->says_blocked = msg->blocked;
	p->says_stuck = msg->stuck;
	p->says_absent = msg->absent;
	if (msg->seeker)
		heed_seeker(r, p, msg->seeker);
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
	    r->rx_conf.block_size != super->block_size ||
	    r->rx_conf.ring_bytes > super->ring_bytes ||
	    r->rx_conf.entries > r->g->cfg.limits.entries)
		return -EINVAL;
	r->rx_conf.index = a->e[0].index;
	rblk_replica_raft_conf(&r->rx_conf, &r->raft_conf);
	r->raft_conf.index = a->e[0].index;
	msg->ents.conf = &r->raft_conf;
	return 0;
}

/* What an entry takes of the ring at the most; those that relieve a full one have a reserve. */
static u64 ring_need(const struct rblk_entry *e)
{
	if (e->kind != RBLK_E_WRITE && e->kind != RBLK_E_ZEROES)
		return 0;
	return LOG_HEADER_BYTES_MAX + (u64)e->nblocks * RBLK_BLOCK_SIZE;
}

/*
 * Where the apply waits for content of others, what the ring has no room for has to wait
 * outside: here it would keep memory that the content needs, and that is what makes room.
 */
static u64 ring_room(const struct rblk_replica *r)
{
	u64 room = rblk_log_free_bytes(&r->log), need = 0, i;

	if (!r->absent)
		return U64_MAX;
	for (i = r->log_next; i <= r->last; i++)
		need += ring_need(&r->ent[i & r->mask].e);
	return room > need ? room - need : 0;
}

/*
 * Raft's callback: the last of the entries @first to @last of the message that it is being
 * fed that there is room for, or @first - 1 for none.
 */
u64 rblk_replica_takes(void *ctx, u64 first, u64 last)
{
	struct rblk_replica *r = ctx;
	u64 room = ring_room(r), need, i;

	/* The log is about to be given up. */
	if (r->resync.installing)
		return first - 1;
	for (i = first; i <= last; i++) {
		const struct rblk_entry *e = &r->rx->e[i - r->rx_first];

		need = ring_need(e);
		if (!rblk_replica_fits(r, i, e->kind) || need > room)
			break;
		room -= need;
	}
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
	int ret;

	if (msg->from != p->store || msg->to != r->g->cfg.super.store)
		return -EINVAL;
	if (of_other_cluster(r, msg))
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
	if (msg->type == RAFT_MSG_APPEND && msg->resync)
		r->resync.spared = msg->spared;
	if (msg->type == RAFT_MSG_APPEND) {
		rblk_replica_led(r, p, min_t(u64, msg->durable, msg->commit));
		if (msg->term == r->rst.term) {
			rblk_replica_spare_led(r, msg);
			rblk_replica_pace_heed(r, msg->strain, msg->strain_no);
		}
	}
	if (msg->cluster)
		p->bootstrapped = true;
	return 0;
}
