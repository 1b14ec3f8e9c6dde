// SPDX-License-Identifier: GPL-2.0
/* Frames from peers: each is handed to the part of the node that it is meant for. */
#include "internal.h"

static void put_received(struct rblk_node *n, struct rblk_buf **buf, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (buf[i])
			n->g.ops->buf_put(n->g.host, buf[i]);
		buf[i] = NULL;
	}
}

static int recv_raft(struct rblk_node *n, u32 slot, struct wire_frame *f, struct rblk_buf **buf)
{
	if (n->g.peer[slot].client)
		return -EINVAL;
	/* The peer does not know yet: the next hello says that this node is a client now. */
	if (n->lost)
		return -ECONNRESET;
	if (!n->replica)
		return -EINVAL;
	return rblk_replica_recv(n->replica, slot, &f->raft, &f->append, buf);
}

static int recv_submit(struct rblk_node *n, u32 slot, struct wire_frame *f, struct rblk_buf **buf)
{
	if (f->submit.from != n->g.peer[slot].store)
		return -EINVAL;
	if (!n->replica)
		return 0;
	return rblk_server_submit(&n->server, slot, &f->submit, &f->append, buf);
}

static int recv_reply(struct rblk_node *n, u32 slot, const struct wire_reply *r)
{
	const struct rblk_peer *p = &n->g.peer[slot];
	struct wire_reply heard = *r;

	if (r->to != n->g.cfg.super.store || p->client ||
	    (n->g.conf.cluster && r->cluster != n->g.conf.cluster))
		return -EINVAL;
	if (!n->replica)
		rblk_client_found(&n->client, r);
	/*
	 * Only the leader itself can say that it serves: others may pass on what is
	 * out of date.
	 */
	if (p->store != r->leader)
		heard.serving = false;
	rblk_client_reply(&n->client, &heard);
	return 0;
}

static int recv_read(struct rblk_node *n, u32 slot, const struct wire_read *w)
{
	if (w->from != n->g.peer[slot].store)
		return -EINVAL;
	if (n->replica)
		return rblk_server_read(&n->server, slot, w);
	rblk_server_read_refuse(&n->g, slot, w);
	return 0;
}

static int recv_data(struct rblk_node *n, u32 slot, struct wire_frame *f, struct rblk_buf **buf)
{
	if (f->data.to != n->g.cfg.super.store || n->g.peer[slot].client)
		return -EINVAL;
	return rblk_client_data(&n->client, slot, &f->data, &f->append, buf);
}

static int recv_pull(struct rblk_node *n, u32 slot, const struct wire_pull *w)
{
	if (w->from != n->g.peer[slot].store || n->g.peer[slot].client || !n->replica)
		return -EINVAL;
	return rblk_server_pull(&n->server, slot, w);
}

/* What this node has asked a member for. */
static int recv_pulled(struct rblk_node *n, u32 slot, struct wire_frame *f, struct rblk_buf **buf)
{
	u64 to = f->type == WIRE_STATE ? f->state.to :
		 f->type == WIRE_MAP   ? f->map.to :
					 f->chunk.to;

	if (to != n->g.cfg.super.store || n->g.peer[slot].client || !n->replica)
		return -EINVAL;
	if (f->type == WIRE_STATE)
		return rblk_replica_resync_state(n->replica, slot, &f->state);
	if (f->type == WIRE_MAP)
		return rblk_replica_resync_map(n->replica, &f->map);
	if (!f->chunk.error)
		return rblk_replica_resync_chunk(n->replica, slot, &f->chunk, &f->append, buf);
	rblk_replica_resync_refused(n->replica, slot, f->chunk.id);
	return 0;
}

/* A member compares the copies of the image. */
static int recv_mark(struct rblk_node *n, u32 slot, const struct wire_mark *w)
{
	if (w->from != n->g.peer[slot].store || n->g.peer[slot].client || !n->replica ||
	    !rblk_ground_member(&n->g, w->from))
		return -EINVAL;
	return w->what == WIRE_M_VERIFY ? rblk_server_mark(&n->server, w) :
					  rblk_replica_mend_range(n->replica, w);
}

static int recv_sums(struct rblk_node *n, u32 slot, const struct wire_sums *s)
{
	if (s->to != n->g.cfg.super.store || n->g.peer[slot].client || !n->replica)
		return -EINVAL;
	rblk_replica_compare_heard(n->replica, n->g.peer[slot].store, s);
	return 0;
}

static int dispatch_frame(struct rblk_node *n, u32 slot, struct wire_frame *f,
			  struct rblk_buf **buf)
{
	switch (f->type) {
	case WIRE_RAFT:
		return recv_raft(n, slot, f, buf);
	case WIRE_SUBMIT:
		return recv_submit(n, slot, f, buf);
	case WIRE_REPLY:
		return recv_reply(n, slot, &f->reply);
	case WIRE_READ:
		return recv_read(n, slot, &f->read);
	case WIRE_DATA:
		return recv_data(n, slot, f, buf);
	case WIRE_PULL:
		return recv_pull(n, slot, &f->pull);
	case WIRE_STATE:
	case WIRE_MAP:
	case WIRE_CHUNK:
		return recv_pulled(n, slot, f, buf);
	case WIRE_MARK:
		return recv_mark(n, slot, &f->mark);
	case WIRE_SUMS:
		return recv_sums(n, slot, &f->sums);
	case WIRE_ALIVE:
		return rblk_node_alive(n, slot, &f->alive);
	default:
		return -EINVAL;
	}
}

/* Does a peer say that it does not hear the leader of this term? */
static bool seeks(const struct rblk_node *n, const struct wire_frame *f)
{
	return (f->type == WIRE_RAFT && f->raft.type == RAFT_MSG_PREVOTE &&
		f->raft.term == n->g.term + 1) ||
	       (f->type == WIRE_SUBMIT && f->submit.seeks && f->submit.term == n->g.term);
}

/* Whether each of two nodes hears the other is what follow.c of the server decides by. */
static void heed(struct rblk_node *n, struct rblk_peer *p, const struct wire_frame *f)
{
	if (seeks(n, f))
		rblk_ground_sought(&n->g, p);
	else
		p->heard_at = n->g.now;
}

/**
 * rblk_node_recv() - a frame has arrived from a peer
 * @n: node
 * @slot: the peer
 * @f: the decoded frame; the configuration pointer of a raft message is set here
 * @buf: payload of entry i, NULL for none; all references are taken over
 * @now: ns
 *
 * Return: 0; -EINVAL: the frame is hostile or absurd, and the connection should be cut;
 * -ECONNRESET: the connection should be cut, so that the peer says hello again.
 */
int rblk_node_recv(struct rblk_node *n, u32 slot, struct wire_frame *f, struct rblk_buf **buf,
		   u64 now)
{
	int ret = 0;

	n->g.now = now;
	if (RBLK_ASSERT(&n->g.alarm, f->append.n <= WIRE_ENTRIES_MAX))
		return -EINVAL;
	if (RBLK_ASSERT(&n->g.alarm, slot < n->g.npeers)) {
		ret = -EINVAL;
	} else if (n->g.halt == NODE_RUNNING &&
		   (!n->replica || rblk_replica_listens(n->replica))) {
		heed(n, &n->g.peer[slot], f);
		ret = dispatch_frame(n, slot, f, buf);
		if (n->replica)
			rblk_server_heard(&n->server, slot);
	}
	put_received(n, buf, f->append.n);
	return ret;
}
