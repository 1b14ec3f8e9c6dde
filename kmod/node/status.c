// SPDX-License-Identifier: GPL-2.0
/* The status of a node, and the audit of its invariants. */
#include "internal.h"

#define COPY_SHOWN_NS	(60 * RBLK_NSEC_PER_SEC)	/* who is refused comes again */
#define DOWNS_NS	(60 * RBLK_NSEC_PER_SEC)

/* How often a peer was disconnected within the last minute, NODE_DOWNS at most. */
static u32 downs_of_late(const struct rblk_node *n, const struct rblk_peer *p)
{
	u32 i, downs = 0;

	for (i = 0; i < min_t(u32, p->downs, NODE_DOWNS); i++)
		downs += n->g.now < p->down_at[i] + DOWNS_NS;
	return downs;
}

static void fill_peer_status(const struct rblk_node *n, u32 slot, struct rblk_node_peer_status *ps)
{
	const struct rblk_peer *p = &n->g.peer[slot];
	const struct raft_status *rst = n->replica ? &n->replica->rst : NULL;
	u32 i;

	memset(ps, 0, sizeof(*ps));
	memcpy(ps->node, n->g.cfg.peer[slot].node, sizeof(ps->node));
	ps->store = p->store;
	ps->generation = p->generation;
	ps->up[WIRE_CONSENSUS] = p->up[WIRE_CONSENSUS];
	ps->up[WIRE_BULK] = p->up[WIRE_BULK];
	ps->bootstrapped = p->bootstrapped;
	ps->client = n->g.cfg.peer[slot].client;
	ps->lost = p->lost;
	ps->needs_resync = p->needs_resync;
	ps->absent = p->absent;
	ps->impaired = p->impaired;
	ps->blocked = p->blocked;
	ps->stuck = p->stuck;
	ps->last_reject = p->last_reject;
	ps->start = p->nonce;
	ps->downs = downs_of_late(n, p);
	if (n->g.now < p->copy.at + COPY_SHOWN_NS)
		ps->copy = p->copy.nonce;
	if (rblk_peer_connected(p))
		ps->silent_ns = n->g.now - max_t(u64, p->heard_at, p->up_at);
	ps->match = p->match;
	for (i = 0; rst && i < rst->npeers; i++)
		if (p->store && rst->peer[i].store == p->store)
			ps->match = rst->peer[i].match;
}

static void client_status(const struct rblk_client *c, struct rblk_node_status *st)
{
	st->session = c->state;
	st->session_epoch = c->epoch;
	st->session_seq = c->last;
	st->session_done = c->done;
	st->holder = c->holder;
	st->holder_epoch = c->holder_epoch;
	st->writes = c->writes;
	if (c->done < c->last || c->asking == RBLK_E_OPEN)
		st->writes_ns = c->g->now - c->ended_at;
}

/*
 * Does every node with disks free what is zeroed? What a peer said holds until it says
 * something else, so that its restart changes nothing.
 */
static bool all_free(const struct rblk_node *n)
{
	u32 i;

	for (i = 0; i < n->g.npeers; i++)
		if (!n->g.cfg.peer[i].client && !n->g.peer[i].frees)
			return false;
	return !n->replica || n->g.cfg.frees;
}

/**
 * rblk_node_status() - takes a snapshot of the status of a node
 * @n: node
 * @st: filled
 */
void rblk_node_status(const struct rblk_node *n, struct rblk_node_status *st)
{
	u32 i;

	memset(st, 0, offsetof(struct rblk_node_status, raft));
	st->diskless = !n->replica && !n->lost;
	st->lost = n->lost_why;
	st->lost_error = n->lost_error;
	st->votes = n->lost_why && n->replica;
	st->losses = n->losses;
	st->lost_again = n->lost_again;
	st->halt = n->g.halt;
	st->halt_error = n->g.halt_error;
	st->invariant = n->g.invariant;
	st->ready = n->ready;
	st->waiting_ns = n->ready ? 0 : max_t(u64, n->g.now - n->unready_since, 1);
	st->frees = all_free(n);
	st->conf = n->g.conf;
	st->reads = n->reads.total;
	st->reads_retried = n->reads.retried;
	client_status(&n->client, st);
	if (n->replica) {
		st->needs_resync = n->replica->rst.resync;
		rblk_replica_status(n->replica, st);
	} else {
		memset(&st->raft, 0, sizeof(st->raft));
		memset(st->sessions, 0, sizeof(st->sessions));
		st->raft.role = n->lost ? RAFT_HALTED : RAFT_FOLLOWER;
		st->raft.term = n->g.term;
		st->raft.leader = rblk_client_silence(&n->client) ? 0 : n->g.leader;
		st->executed_index = n->client.index;
	}
	st->npeers = n->g.npeers;
	for (i = 0; i < n->g.npeers; i++)
		fill_peer_status(n, i, &st->peer[i]);
	memset(&st->peer[i], 0, (NODE_PEERS_MAX - i) * sizeof(st->peer[0]));
}

/**
 * rblk_node_entry() - finds an entry of the live log
 * @n: node with disks
 * @index: which one
 *
 * Return: the entry, or NULL if the log does not hold it.
 */
const struct rblk_entry *rblk_node_entry(const struct rblk_node *n, u64 index)
{
	const struct rblk_ent *ent = rblk_replica_ent(n->lost ?: n->replica, index);

	return ent ? &ent->e : NULL;
}

/**
 * rblk_node_old_data() - did the start find a data device that is older than the log?
 * @n: node with disks, started, that has not run yet
 *
 * Return: true if so.
 */
bool rblk_node_old_data(const struct rblk_node *n)
{
	return n->replica->resync.old;
}

static u64 map_flags(const struct rblk_node *n, u64 sector)
{
	const struct rblk_replica *r = n->replica ?: n->lost;
	u32 region = (u32)(sector >> (n->g.cfg.super.region_shift - RBLK_SECTOR_SHIFT));

	return rblk_vol_map_value(r->vol, region) & RBLK_MAP_FLAGS;
}

/**
 * rblk_node_lacks() - does the change map say that the content around a sector is absent?
 * @n: node with disks
 * @sector: of the volume
 *
 * Return: true if so.
 */
bool rblk_node_lacks(const struct rblk_node *n, u64 sector)
{
	return map_flags(n, sector) & RBLK_MAP_ABSENT;
}

/**
 * rblk_node_unwritten() - does the change map say that a sector reads as zeroes?
 * @n: node with disks
 * @sector: of the volume
 *
 * Return: true if so: then it does not matter what the data device holds there.
 */
bool rblk_node_unwritten(const struct rblk_node *n, u64 sector)
{
	return map_flags(n, sector) & RBLK_MAP_UNWRITTEN;
}

/**
 * rblk_node_check() - audits every invariant of all layers
 * @n: node; it halts when one is broken
 * @deep: also what takes time in proportion to the log and the index
 *
 * Return: 0 or -EUCLEAN.
 */
int rblk_node_check(struct rblk_node *n, bool deep)
{
	if (n->g.halt != NODE_RUNNING)
		return 0;
	if (rblk_client_ok(&n->client) && (!n->replica || rblk_replica_ok(n->replica, deep)))
		return 0;
	rblk_node_end_all(n);
	return -EUCLEAN;
}
