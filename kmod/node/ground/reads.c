// SPDX-License-Identifier: GPL-2.0
/* The table of reads in progress; see reads.h. */
#include "reads.h"

static u32 bucket(u64 token)
{
	return (u32)((token * 0x9e3779b97f4a7c15ULL) >> 32) % NODE_READ_BUCKETS;
}

/**
 * rblk_reads_init() - puts every place on the free list
 * @rds: zeroed, but for its memory
 * @g: ground
 */
void rblk_reads_init(struct rblk_reads *rds, struct rblk_ground *g)
{
	u32 i;

	rds->g = g;
	rds->free = 0;
	for (i = g->cfg.limits.reads + NODE_PULL_READS; i > 0; i--) {
		rds->read[i - 1].next = rds->free;
		rds->free = i;
	}
}

/**
 * rblk_reads_find() - finds a read by its token
 * @rds: reads
 * @token: the host's name of it
 *
 * Return: the read, or NULL.
 */
struct rblk_read *rblk_reads_find(struct rblk_reads *rds, u64 token)
{
	u32 i = rds->hash[bucket(token)], n;

	for (n = 0; i && rds->read[i - 1].token != token; n++) {
		if (RBLK_ASSERT(&rds->g->alarm, n < rds->n))
			return NULL;
		i = rds->read[i - 1].hash_next;
	}
	return i ? &rds->read[i - 1] : NULL;
}

/**
 * rblk_reads_room() - is there room for another read?
 * @rds: reads
 * @pull: for a member that is resynchronised. Other reads may wait for a quorum that there is not
 *	before that member goes on, so they leave some places free.
 *
 * Return: true if there is.
 */
bool rblk_reads_room(const struct rblk_reads *rds, bool pull)
{
	return rds->free && (pull || rds->n - rds->npulls < rds->g->cfg.limits.reads);
}

/**
 * rblk_reads_add() - adds a read, as the youngest
 * @rds: reads
 * @token: the host's name of it
 * @sector: first sector
 * @nsect: sectors
 * @end: called at its end
 * @owner: first argument of @end
 * @pull: see rblk_reads_room(). Nobody has to confirm it.
 *
 * Return: the read, or NULL: too many are in progress.
 */
struct rblk_read *rblk_reads_add(struct rblk_reads *rds, u64 token, u64 sector, u32 nsect,
				 rblk_read_end_fn end, void *owner, bool pull)
{
	u32 b = bucket(token), place = rds->free;
	struct rblk_read *rd;

	if (!rblk_reads_room(rds, pull))
		return NULL;
	rd = &rds->read[place - 1];
	rds->free = rd->next;
	memset(rd, 0, sizeof(*rd));
	rd->token = token;
	rd->sector = sector;
	rd->nsect = nsect;
	rd->end = end;
	rd->owner = owner;
	rd->read_id = rds->read_id + 1;
	if (pull) {
		rd->flags = NODE_R_PULL | NODE_R_CONFIRMED | NODE_R_NOT_AWAY;
		rds->npulls++;
	} else {
		rds->fresh = true;
		rds->total++;
	}
	rd->hash_next = rds->hash[b];
	rds->hash[b] = place;
	rd->prev = rds->tail;
	if (rds->tail)
		rds->read[rds->tail - 1].next = place;
	else
		rds->head = place;
	rds->tail = place;
	rds->n++;
	return rd;
}

static void unhash(struct rblk_reads *rds, const struct rblk_read *rd)
{
	u32 place = (u32)(rd - rds->read) + 1, n;
	u32 *link = &rds->hash[bucket(rd->token)];

	for (n = 0; *link != place; n++) {
		if (RBLK_ASSERT(&rds->g->alarm, *link && n < rds->n))
			return;
		link = &rds->read[*link - 1].hash_next;
	}
	*link = rd->hash_next;
}

static void release(struct rblk_reads *rds, struct rblk_read *rd)
{
	u32 place = (u32)(rd - rds->read) + 1;

	unhash(rds, rd);
	rblk_reads_unsent(rds, rd);
	if (rd->prev)
		rds->read[rd->prev - 1].next = rd->next;
	else
		rds->head = rd->next;
	if (rd->next)
		rds->read[rd->next - 1].prev = rd->prev;
	else
		rds->tail = rd->prev;
	rds->npulls -= !!(rd->flags & NODE_R_PULL);
	rd->next = rds->free;
	rds->free = place;
	rds->n--;
}

/**
 * rblk_reads_end() - ends a read and frees its place
 * @rds: reads
 * @rd: the read
 * @error: 0 or -errno
 */
void rblk_reads_end(struct rblk_reads *rds, struct rblk_read *rd, int error)
{
	u64 token = rd->token;

	error = rd->end(rd->owner, rd, error);
	release(rds, rd);
	rds->g->ops->complete(rds->g->host, token, error);
}

/**
 * rblk_reads_unsent() - no answer of the leader to this read is expected any more
 * @rds: reads
 * @rd: the read
 */
void rblk_reads_unsent(struct rblk_reads *rds, struct rblk_read *rd)
{
	if (rd->flags & NODE_R_SENT)
		rds->sent--;
	rd->flags &= ~NODE_R_SENT;
}

/**
 * rblk_reads_again() - makes reads in progress return nothing older than this moment
 * @rds: reads
 *
 * Called when this node is granted the session. The opener then drops its page
 * cache, and what is read into it afterwards has to include everything that others
 * wrote before.
 */
void rblk_reads_again(struct rblk_reads *rds)
{
	struct rblk_read *rd;
	u32 next;

	for (rd = rblk_reads_first(rds, &next); rd; rd = rblk_reads_next(rds, &next)) {
		if (rd->flags & NODE_R_PULL)
			continue;
		rblk_reads_unsent(rds, rd);
		rd->flags &= ~(NODE_R_CONFIRMED | NODE_R_GIVEN);
		rd->read_id = rds->read_id + 1;
	}
	rds->fresh = rds->n;
}

/**
 * rblk_reads_fail() - ends all reads with an error
 * @rds: reads
 * @error: -errno
 * @stopping: the host has waited for the parts in progress: end those reads as well
 */
void rblk_reads_fail(struct rblk_reads *rds, int error, bool stopping)
{
	struct rblk_read *rd;
	u32 next;

	for (rd = rblk_reads_first(rds, &next); rd; rd = rblk_reads_next(rds, &next)) {
		if (rd->buf && error == -ESTALE)
			continue;	/* this node is fenced, not the one it reads for */
		rd->error = error;
		if (stopping || !(rd->flags & NODE_R_PARTS))
			rblk_reads_end(rds, rd, error);
	}
}
