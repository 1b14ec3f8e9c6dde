// SPDX-License-Identifier: GPL-2.0
/*
 * What this replica has seen of the other stores of the volume, kept in the
 * metadata. It shows when a store was set back (by a restored image, or a lost
 * cache).
 */
#include "internal.h"

static struct log_peer_memory *peer_memory(struct rblk_replica *r, u64 store, bool create)
{
	struct log_meta *meta = &r->meta;
	u32 i;

	for (i = 0; i < meta->npeers; i++)
		if (meta->peer[i].store == store)
			return &meta->peer[i];
	if (!create || meta->npeers == RBLK_MEMBERS_MAX)
		return NULL;
	meta->peer[meta->npeers].store = store;
	meta->peer[meta->npeers].generation = 0;
	meta->peer[meta->npeers].match = 0;
	return &meta->peer[meta->npeers++];
}

/*
 * Notes in the metadata the newest durable index that each peer has acknowledged,
 * if this node leads. Only committed entries count, since an acknowledged tail may
 * rightly be overruled. To be called before these notes are consulted, before the
 * metadata is written, and before a leader loses its role and with it what it
 * knows.
 */
void rblk_replica_remember(struct rblk_replica *r)
{
	u32 i;

	if (!rblk_replica_leads(r))
		return;
	for (i = 0; i < r->rst.npeers; i++) {
		u64 match = min_t(u64, r->rst.peer[i].match, r->commit);
		struct log_peer_memory *mem;

		if (r->rst.peer[i].store == r->g->cfg.super.store)
			continue;
		mem = peer_memory(r, r->rst.peer[i].store, true);
		if (mem && mem->match < match)
			mem->match = match;
	}
}

/**
 * rblk_replica_rolled_back() - is this store older than what was seen of it?
 * @r: replica
 * @h: its hello
 *
 * Return: whether it is.
 */
bool rblk_replica_rolled_back(struct rblk_replica *r, const struct wire_hello *h)
{
	const struct log_peer_memory *mem;

	rblk_replica_remember(r);
	mem = peer_memory(r, h->store, false);
	return mem && (h->generation < mem->generation || h->match < mem->match);
}

/**
 * rblk_replica_met() - the hello of a member was accepted
 * @r: replica
 * @h: the hello
 */
void rblk_replica_met(struct rblk_replica *r, const struct wire_hello *h)
{
	struct log_peer_memory *mem = peer_memory(r, h->store, true);

	if (mem && mem->generation < h->generation)
		mem->generation = h->generation;
}
