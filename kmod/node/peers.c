// SPDX-License-Identifier: GPL-2.0
/* Peers: their connections, and what they say of themselves when they connect. */
#include "internal.h"

/**
 * rblk_node_peer_slot() - finds a peer by its name
 * @n: node
 * @node: name of the peer
 *
 * Return: its slot, or -ENOENT.
 */
int rblk_node_peer_slot(const struct rblk_node *n, const char *node)
{
	u32 i;

	for (i = 0; i < n->g.npeers; i++)
		if (!strcmp(n->g.cfg.peer[i].node, node))
			return i;
	return -ENOENT;
}

/**
 * rblk_node_greets() - may this node say hello, and answer one?
 * @n: node
 *
 * What it says of its start, others remember: so this has to be durable before. It is once a pass
 * has run after the end of the write.
 *
 * Return: whether it may.
 */
bool rblk_node_greets(const struct rblk_node *n)
{
	return !n->replica || n->replica->started;
}

/**
 * rblk_node_hello() - fills the hello that this node sends to a peer
 * @n: node
 * @slot: the peer
 * @ch: the connection that the hello is sent on
 * @h: filled
 */
void rblk_node_hello(const struct rblk_node *n, u32 slot, enum wire_channel ch,
		     struct wire_hello *h)
{
	memset(h, 0, sizeof(*h));
	h->version_min = WIRE_VERSION;
	h->version_max = WIRE_VERSION;
	memcpy(h->volume, n->g.cfg.super.volume, RBLK_UUID_LEN);
	h->cluster = n->g.conf.cluster;
	h->store = n->g.cfg.super.store;
	h->data_sectors = n->g.cfg.super.data_bytes >> RBLK_SECTOR_SHIFT;
	h->ring_bytes = n->g.cfg.super.ring_bytes;
	h->entries = n->g.cfg.limits.entries;
	h->channel = ch;
	h->bootstrapped = n->g.conf.index != 0;
	h->role = n->replica ? WIRE_REPLICA : n->lost ? WIRE_LOST : WIRE_CLIENT;
	h->frees = n->g.cfg.frees;
	h->line[0] = n->g.cfg.boot_nonce;
	if (n->replica)
		rblk_replica_hello(n->replica, h);
	memcpy(h->name, n->g.cfg.super.volume_name, sizeof(h->name));
	memcpy(h->node, n->g.cfg.node, sizeof(h->node));
	memcpy(h->peer, n->g.cfg.peer[slot].node, sizeof(h->peer));
}

/**
 * rblk_node_dialled() - this node is about to say hello first, on a connection that it dialled
 * @n: node
 * @slot: the peer
 * @ch: which of its connections
 *
 * The answer has to say all that is known of the peer by now.
 */
void rblk_node_dialled(struct rblk_node *n, u32 slot, enum wire_channel ch)
{
	const struct rblk_member *lm = NULL;
	u32 i;

	if (RBLK_ASSERT(&n->g.alarm, slot < n->g.npeers))
		return;
	for (i = 0; i < n->g.conf.n && !lm; i++)
		if (!strcmp(n->g.conf.m[i].node, n->g.cfg.peer[slot].node))
			lm = &n->g.conf.m[i];
	n->g.peer[slot].asked[ch].store = 0;
	if (lm && n->replica)
		n->g.peer[slot].asked[ch] = rblk_replica_known(n->replica, lm->store);
}

/*
 * Is it a replica or a client, as the configuration of this node says of that name? Nor is
 * any member of the volume, whatever a file says, a client: a client has no store, and the
 * id that is made of its names is not that of a member.
 */
static bool in_its_role(const struct rblk_node *n, u32 slot, const struct wire_hello *h)
{
	bool client = h->role == WIRE_CLIENT;
	u32 i;

	if (client != n->g.cfg.peer[slot].client)
		return false;
	for (i = 0; client && i < n->g.conf.n; i++)
		if (!strcmp(n->g.conf.m[i].node, h->node) || n->g.conf.m[i].store == h->store)
			return false;
	return true;
}

static u8 check_hello(struct rblk_node *n, u32 slot, const struct wire_hello *h)
{
	const struct rblk_member *lm;

	if (h->version_min > WIRE_VERSION || h->version_max < WIRE_VERSION || h->features)
		return WIRE_R_VERSION;
	if (memcmp(h->volume, n->g.cfg.super.volume, RBLK_UUID_LEN))
		return WIRE_R_VOLUME;
	if (strcmp(h->node, n->g.cfg.peer[slot].node) || strcmp(h->peer, n->g.cfg.node))
		return WIRE_R_NODE;
	if (!in_its_role(n, slot, h))
		return WIRE_R_ROLE;
	if (!h->store || h->store == n->g.cfg.super.store)
		return WIRE_R_DUPLICATE;
	if (n->g.conf.cluster && h->cluster && n->g.conf.cluster != h->cluster)
		return WIRE_R_CLUSTER;
	if (h->role == WIRE_CLIENT || !n->replica)
		return 0;
	lm = rblk_ground_member(&n->g, h->store);
	if (n->g.conf.index && !lm)
		return WIRE_R_STORE;
	if (lm && strcmp(lm->node, h->node))
		return WIRE_R_NODE;
	/* What is not there any more has nothing to be judged by. */
	if (h->role == WIRE_LOST)
		return n->g.conf.index ? 0 : WIRE_R_ROLE;
	if (rblk_replica_absurd(n->replica, h))
		return WIRE_R_ABSURD;
	if (rblk_replica_other_line(n->replica, h))
		return WIRE_R_COPY;
	if (rblk_replica_rolled_back(n->replica, h, &n->g.peer[slot].asked[h->channel]))
		return WIRE_R_ROLLBACK;
	/*
	 * What can be uncommitted is bounded by the smallest that the configuration
	 * knows. Smaller ones would be full before they received the entry that commits
	 * the rest. With less than the least, nobody could ever lead.
	 */
	if (h->ring_bytes < max_t(u64, n->g.conf.ring_bytes, LOG_RING_MIN) ||
	    h->entries < max_t(u64, n->g.conf.entries, NODE_ENTRIES_MIN))
		return WIRE_R_SIZES;
	return 0;
}

/* It comes again and again, which is worth an event once. */
static void note_copy(struct rblk_node *n, u32 slot, const struct wire_hello *h)
{
	struct rblk_peer *p = &n->g.peer[slot];
	bool news = p->copy.nonce != h->line[0];

	p->copy.nonce = h->line[0];
	p->copy.at = n->g.now;
	if (news)
		rblk_ground_note(&n->g, NODE_N_COPIED, slot);
}

/**
 * rblk_node_peer_hello() - the hello of a peer has arrived
 * @n: node
 * @slot: the peer that the connection is for
 * @h: decoded
 * @now: ns
 *
 * Return: 0: see rblk_node_outlived(); or the enum wire_reason to refuse the connection with.
 */
int rblk_node_peer_hello(struct rblk_node *n, u32 slot, const struct wire_hello *h, u64 now)
{
	struct rblk_peer *p = &n->g.peer[slot];
	u8 reason;

	if (RBLK_ASSERT(&n->g.alarm, slot < n->g.npeers))
		return WIRE_R_NODE;
	n->g.now = now;
	reason = check_hello(n, slot, h);
	if (!reason && p->store && p->store != h->store && (p->up[0] || p->up[1]))
		reason = WIRE_R_DUPLICATE;
	if (!reason)
		reason = rblk_node_rival(n, slot, h);
	p->asked[h->channel].store = 0;
	if (reason == WIRE_R_COPY)
		note_copy(n, slot, h);
	/* While the peer is connected, it is somebody else who comes in its name. */
	p->last_reject = rblk_peer_connected(p) ? 0 : reason;
	if (reason)
		return reason;
	p->known = true;
	p->client = h->role == WIRE_CLIENT;
	p->lost = h->role == WIRE_LOST;
	p->frees = h->frees;
	p->store = h->store;
	p->generation = h->generation;
	p->owes = h->role == WIRE_OWES;
	p->nonce = h->line[0];
	p->match = h->match;
	p->match_term = h->match_term;
	p->term = h->term;
	p->data_sectors = h->data_sectors;
	p->ring_bytes = h->ring_bytes;
	p->entries = (u32)min_t(u64, h->entries, U32_MAX);
	p->bootstrapped = h->bootstrapped;
	return 0;
}

/* Is a store refused for what was seen of it, and so has to compare? */
static bool of_the_store(u8 reason)
{
	return reason == WIRE_R_ROLLBACK || reason == WIRE_R_COPY;
}

/* What has to do with its start: that is another one than the one that runs, or is asked. */
static void reject_start(const struct rblk_peer *p, const struct wire_hello *h,
			 struct wire_reject *reject)
{
	bool rival = p->rival.nonce == h->line[0];

	if (reject->reason == WIRE_R_COPY || (reject->reason == WIRE_R_DUPLICATE && rival))
		reject->start = h->line[0];
	if (reject->reason != WIRE_R_COPY || !rival || !p->rival.refused)
		return;
	reject->alive = true;
	reject->generation = p->generation;
	reject->nonce = p->start[WIRE_CONSENSUS];
}

/**
 * rblk_node_reject() - fills in what a peer that is refused is told
 * @n: node
 * @reason: enum wire_reason
 * @h: the hello that is refused
 * @reject: filled
 */
void rblk_node_reject(struct rblk_node *n, u8 reason, const struct wire_hello *h,
		      struct wire_reject *reject)
{
	int slot = rblk_node_peer_slot(n, h->node);

	memset(reject, 0, sizeof(*reject));
	reject->reason = reason;
	if (slot >= 0)
		reject_start(&n->g.peer[slot], h, reject);
	if (!of_the_store(reason) || !n->replica)
		return;
	memcpy(reject->volume, n->g.cfg.super.volume, RBLK_UUID_LEN);
	reject->from = n->g.cfg.super.store;
	reject->from_generation = n->replica->meta.generation;
	reject->from_nonce = n->g.cfg.boot_nonce;
	reject->to = h->store;
	if (!reject->alive)
		rblk_replica_seen(n->replica, h->store, reject);
}

/* Does it say so that is itself a copy of that member? Another start of it runs, or was seen. */
static bool by_a_copy(const struct rblk_node *n, u32 slot, const struct wire_reject *reject)
{
	const struct rblk_peer *p = &n->g.peer[slot];
	struct log_peer_memory mem = rblk_replica_known(n->replica, reject->from);

	if (rblk_peer_connected(p) && p->start[WIRE_CONSENSUS] != reject->from_nonce)
		return true;
	return mem.nonce && (reject->from_generation < mem.generation ||
			     (reject->from_generation == mem.generation &&
			      reject->from_nonce != mem.nonce));
}

/*
 * Does the member that this connection is for say so, of this store? A node that is dialled may
 * refuse before it says hello, so the refusal itself has to show that it does not come from
 * whoever is at that address now, or is meant for whoever was here.
 */
static bool refusal_counts(const struct rblk_node *n, u32 slot, const struct wire_reject *reject)
{
	const struct rblk_member *by = rblk_ground_member(&n->g, reject->from);

	return by && !strcmp(by->node, n->g.cfg.peer[slot].node) && !by_a_copy(n, slot, reject) &&
	       reject->to == n->g.cfg.super.store &&
	       !memcmp(reject->volume, n->g.cfg.super.volume, RBLK_UUID_LEN);
}

/**
 * rblk_node_peer_refused() - a peer has refused a connection of this node
 * @n: node
 * @slot: the peer
 * @reject: what it said
 * @now: ns
 */
void rblk_node_peer_refused(struct rblk_node *n, u32 slot, const struct wire_reject *reject,
			    u64 now)
{
	n->g.now = now;
	if (RBLK_ASSERT(&n->g.alarm, slot < n->g.npeers))
		return;
	if (!of_the_store(reject->reason) || !n->replica || n->g.halt != NODE_RUNNING)
		return;
	if (refusal_counts(n, slot, reject))
		rblk_replica_refused(n->replica, reject);
}

/**
 * rblk_node_peer_up() - a connection to a peer can be used
 * @n: node
 * @slot: peer
 * @ch: which of its connections
 * @now: ns
 */
void rblk_node_peer_up(struct rblk_node *n, u32 slot, enum wire_channel ch, u64 now)
{
	struct rblk_peer *p = &n->g.peer[slot];

	n->g.now = now;
	if (RBLK_ASSERT(&n->g.alarm, slot < n->g.npeers && p->store))
		return;
	/* Both connections are with one start: what the one acknowledges, the other has. */
	if (RBLK_ASSERT(&n->g.alarm, !rblk_node_outlived(n, slot, !ch)))
		return;
	p->start[ch] = p->nonce;
	p->up[ch] = true;
	if (!rblk_peer_connected(p))
		return;
	p->tx_blocked = false;
	p->up_at = now;
	if (p->store == n->client.leader)
		rblk_client_restart(&n->client);
	if (n->replica) {
		rblk_server_peer_up(&n->server, slot);
		if (p->owes)
			rblk_replica_forgot(n->replica, p->store);
		rblk_replica_step_store(n->replica, RAFT_EV_REACHABLE, p->store);
	}
	rblk_ground_note(&n->g, NODE_N_PEER, slot);
}

/**
 * rblk_node_peer_down() - a connection to a peer is gone, with everything in flight on it
 * @n: node
 * @slot: peer
 * @ch: which of its connections
 * @now: ns
 */
void rblk_node_peer_down(struct rblk_node *n, u32 slot, enum wire_channel ch, u64 now)
{
	struct rblk_peer *p = &n->g.peer[slot];
	bool was = rblk_peer_connected(p);

	n->g.now = now;
	if (n->replica)
		rblk_replica_remember(n->replica);
	p->up[ch] = false;
	p->owed = 0;
	if (ch == WIRE_BULK)
		rblk_ground_path_new(p);
	p->established = false;
	if (!was)
		return;
	p->down_at[p->downs++ % NODE_DOWNS] = now;
	if (n->replica) {
		rblk_replica_feed_forget(n->replica, slot);
		rblk_replica_step_store(n->replica, RAFT_EV_UNREACHABLE, p->store);
	}
	rblk_ground_note(&n->g, NODE_N_PEER, slot);
}

/**
 * rblk_node_tx_ready() - frames can be queued to a peer again
 * @n: node
 * @slot: peer
 * @now: ns
 */
void rblk_node_tx_ready(struct rblk_node *n, u32 slot, u64 now)
{
	struct rblk_peer *p = &n->g.peer[slot];

	n->g.now = now;
	if (!p->tx_blocked)
		return;
	p->tx_blocked = false;
	rblk_node_alive_owed(n, slot);
	if (n->replica)
		rblk_replica_step_store(n->replica, RAFT_EV_REACHABLE, p->store);
}
