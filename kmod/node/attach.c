// SPDX-License-Identifier: GPL-2.0
/*
 * A node that has lost its replica is given it back while it runs. What the two devices hold is
 * recovered first, beside it, and just as at a start of the store, since that is what it is: a new
 * generation, under a number of its own. Only then does the replica move into the node, whose
 * client, with its session and all that is under way, goes on.
 *
 * One that goes on without its data device has to be lost before. That is done only when all is at
 * hand that it takes to attach another one, as this member has a vote until then.
 *
 * Of the replica that was lost nothing is taken over. It remains the best witness, though: what it
 * had vouched for has to be in the log that is to take its place. So a log that was set back is
 * refused, and nothing changes. Its peers would find that out as well, and then the node halts.
 */
#include "internal.h"

/**
 * rblk_node_may_attach() - can a replica be attached now?
 * @n: node
 *
 * The ends of what the host did for the lost replica must not be taken for those of what it does
 * for the next one.
 *
 * Return: 0; -EEXIST: it has its replica; -EOPNOTSUPP: it never had one; -EBUSY: something that
 * was asked of the devices of the lost one has not ended; -ESHUTDOWN: halted.
 */
int rblk_node_may_attach(const struct rblk_node *n)
{
	if (n->g.halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (!n->lost)
		return n->replica ? -EEXIST : -EOPNOTSUPP;
	return rblk_replica_idle(n->lost) ? 0 : -EBUSY;
}

/**
 * rblk_node_left_data() - has all ended that was asked of a data device that has failed?
 * @n: node
 *
 * Return: true if this node goes on without its data device, and reads nothing there, either.
 */
bool rblk_node_left_data(const struct rblk_node *n)
{
	/* What serves reads here learns of it in the pass that follows. */
	return n->replica && n->replica->nodata && rblk_replica_data_idle(n->replica) &&
	       n->g.remote && !n->server.synced;
}

/**
 * rblk_node_give_up() - loses a replica that has no data device, so that one can be attached
 * @n: node
 * @now: ns
 *
 * Return: 0: it is lost, now or before; -EBUSY: something that was asked of the data device has not
 * ended; else as rblk_node_may_attach(). Nothing has changed then.
 */
int rblk_node_give_up(struct rblk_node *n, u64 now)
{
	if (n->g.halt != NODE_RUNNING || !n->replica || !n->replica->nodata) {
		int ret = rblk_node_may_attach(n);

		return n->lost && ret == -EBUSY ? 0 : ret;
	}
	if (!rblk_node_left_data(n))
		return -EBUSY;
	n->g.now = now;
	rblk_node_lose(n);
	return 0;
}

/* Is it the same store, of the same volume, and as large as what the node was laid out for? */
static bool same_store(const struct rblk_node *n, const struct rblk_node *from)
{
	const struct rblk_node_cfg *a = &n->g.cfg, *b = &from->g.cfg;

	return !memcmp(a->super.volume, b->super.volume, RBLK_UUID_LEN) &&
	       a->super.store == b->super.store && from->g.conf.index &&
	       from->g.conf.cluster == n->g.conf.cluster && a->npeers == b->npeers &&
	       a->limits.window == b->limits.window && a->limits.reads == b->limits.reads;
}

/*
 * Does the log lack what the lost replica had in it? Its newest start has to be the one that this
 * node made: else it is an older state of the log, or one that has gone on elsewhere.
 */
static bool set_back(const struct rblk_node *n, const struct rblk_replica *r)
{
	const struct rblk_replica *was = n->lost;

	return (was->started && r->meta.line[1] != n->g.cfg.boot_nonce) ||
	       r->term_durable < was->term_durable ||
	       rblk_replica_vouches(r).index < rblk_replica_vouches(was).index;
}

/* What was said on these connections, the lost replica has said. */
static void leave_peers(struct rblk_node *n)
{
	u32 i;
	int ch;

	for (i = 0; i < n->g.npeers; i++)
		for (ch = 0; ch < WIRE_CHANNELS; ch++)
			if (n->g.peer[i].up[ch])
				rblk_node_peer_down(n, i, (enum wire_channel)ch, n->g.now);
}

/**
 * rblk_node_attach() - gives a node that has lost its replica another one
 * @n: node
 * @from: node with disks that was started with rblk_node_start(), by the devices of the same
 *	store, and did nothing else yet but to load its change map
 * @now: ns
 *
 * On success @from is no node any more, but its memory, and the pages that it was started with,
 * have to stay as long as this replica does: until the next one is attached, or the node was
 * stopped. Those of the lost one are free. The host cuts all connections to peers, in the same
 * breath; those of before count as gone.
 *
 * Return: 0; -EINVAL: this is not the store that the node had; -ESTALE: its log was set back;
 * -EUCLEAN: an invariant broke in its recovery; else as rblk_node_may_attach().
 */
int rblk_node_attach(struct rblk_node *n, struct rblk_node *from, u64 now)
{
	int ret = rblk_node_may_attach(n);

	if (ret)
		return ret;
	if (from->g.halt != NODE_RUNNING)
		return -EUCLEAN;
	if (!same_store(n, from))
		return -EINVAL;
	if (set_back(n, from->replica))
		return -ESTALE;
	n->g.now = now;
	leave_peers(n);
	n->g.cfg = from->g.cfg;
	n->g.conf = from->g.conf;
	n->replica = from->replica;
	from->replica = NULL;
	n->lost = NULL;
	n->lost_why = NODE_RUNNING;
	n->lost_error = 0;
	rblk_replica_move(n->replica, &n->g, &n->reads);
	memset(&n->server, 0, sizeof(n->server));
	rblk_server_init(&n->server, &n->g, n->replica, &n->reads);
	rblk_client_joined(&n->client);
	rblk_ground_note(&n->g, NODE_N_REPLICA, NODE_RUNNING);
	return 0;
}
