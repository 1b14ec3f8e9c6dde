// SPDX-License-Identifier: GPL-2.0
/*
 * What a replica has already of a chunk that it pulls: much of a region that has changed is still
 * as it was. So it reads its own device first, and sends the hash of each block with the request.
 * Blocks that are the same at the source are not sent, and not written here.
 *
 * Nothing but that chunk changes an absent block without making it there, so what was read is
 * what the device holds when the answer comes. It counts as written all the same: an earlier write
 * of it may not have been flushed.
 *
 * The key of the hashes is another one for each request and cannot be known to those who write,
 * so nobody can make up blocks that differ and have the same hash.
 */
#include "internal.h"

#define OWN_VAIN	16	/* chunks with no block the same; then one in so many is compared */

static int own_hash(void *owner, struct rblk_read *rd, int error)
{
	struct rblk_replica *r = owner;
	struct rblk_pull *p = rblk_replica_pull_find(r, rd->id, WIRE_P_CHUNK);

	if (!p)
		return error;
	p->own = OWN_UNKNOWN;
	if (error)
		return error;
	p->own = OWN_HASHED;
	r->g->ops->buf_hash(r->g->host, rd->buf, p->id, r->g->cfg.super.store, p->hash);
	return 0;
}

/* A device that is blank, or was written all over, is read in vain. */
static bool worthwhile(struct rblk_resync *s)
{
	return s->vain < OWN_VAIN || !(++s->skipped % OWN_VAIN);
}

static void begin_read(struct rblk_replica *r, struct rblk_pull *p)
{
	const struct rblk_node_ops *ops = r->g->ops;
	struct rblk_buf *buf = NULL;
	struct rblk_read *rd;
	u64 token, sector;
	u32 nsect;

	rblk_vol_chunk(r->vol, p->at, &sector, &nsect);
	if (rblk_reads_room(r->reads, true))
		buf = ops->serve_begin(r->g->host, true, rblk_blocks_touched(sector, nsect), sector,
				       nsect, &token);
	if (!buf)
		return;
	rd = rblk_reads_add(r->reads, token, sector, nsect, own_hash, r, true);
	rd->buf = buf;
	rd->slot = NODE_PEERS_MAX;
	rd->id = p->id;
	rd->since = r->g->now;
	rd->flags |= NODE_R_RAW | NODE_R_PARTS;
	p->own = OWN_READING;
	ops->read_data(r->g->host, token, 0, sector, nsect);
	ops->read_issued(r->g->host, token);
}

/* Does a request wait for what this replica has itself? Begins to read that. */
bool rblk_replica_own_read(struct rblk_replica *r, struct rblk_pull *p)
{
	if (p->what == WIRE_P_CHUNK && p->own == OWN_NOT_READ) {
		p->own = OWN_UNKNOWN;
		if (worthwhile(&r->resync))
			begin_read(r, p);
	}
	return p->own == OWN_READING;
}

/* The answer to a request with hashes came. */
void rblk_replica_own_compared(struct rblk_replica *r, const struct rblk_pull *p)
{
	struct rblk_resync *s = &r->resync;

	if (p->own != OWN_HASHED)
		return;
	s->vain = p->same ? 0 : s->vain + 1;
	s->skipped = p->same ? 0 : s->skipped;
}
