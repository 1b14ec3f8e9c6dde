// SPDX-License-Identifier: GPL-2.0
/*
 * Linearizable reads. The content is looked up, and the device read, at once.
 * Meanwhile a round of the leader that started after the read arrived confirms
 * which index the content has to be as new as. If the lookup was older than that,
 * and a write in between touched the range, the content is looked up again, which
 * needs no new round.
 */
#include "internal.h"

/* Is every payload that the range needs in memory? */
static bool payloads_present(const struct rblk_replica *r, const struct rblk_read *rd)
{
	struct vol_seg seg[8];
	u32 done = 0, got;
	int i, n;

	while (done < rd->nsect) {
		n = rblk_vol_lookup(r->vol, rd->sector + done, rd->nsect - done, seg,
				    ARRAY_SIZE(seg), &got);
		for (i = 0; i < n; i++)
			if (seg[i].kind == VOL_SEG_PAYLOAD &&
			    !r->ent[seg[i].index & r->mask].buf)
				return false;
		if (!got)
			break;		/* beyond the end of the volume, which the lookup asserts */
		done += got;
	}
	return true;
}

static void hand_out(struct rblk_replica *r, const struct rblk_read *rd, const struct vol_seg *seg)
{
	const struct rblk_node_ops *ops = r->g->ops;
	u32 off = (u32)(seg->sector - rd->sector) << RBLK_SECTOR_SHIFT;
	struct rblk_buf *buf;

	switch (seg->kind) {
	case VOL_SEG_DATA:
		ops->read_data(r->g->host, rd->token, off, seg->sector, seg->nsect);
		break;
	case VOL_SEG_PAYLOAD:
		buf = r->ent[seg->index & r->mask].buf;
		if (!RBLK_ASSERT(&r->g->alarm, buf && seg->nth < buf->nblocks))
			ops->read_copy(r->g->host, rd->token, off, buf, seg->nth, seg->off,
				       seg->nsect);
		break;
	default:
		ops->read_zero(r->g->host, rd->token, off, seg->nsect);
	}
}

/**
 * rblk_replica_look_up() - hands out the parts of a read, from wherever its content is now
 * @r: replica
 * @rd: the read
 */
void rblk_replica_look_up(struct rblk_replica *r, struct rblk_read *rd)
{
	struct vol_seg seg[8];
	u32 done = 0, got;
	int i, n;

	if (r->boot_last > rblk_replica_applied(r) && !payloads_present(r, rd)) {
		r->reads_stalled = true;
		return;
	}
	rd->lookup_index = rblk_replica_executed(r);
	rd->since = r->g->now;
	rd->flags |= NODE_R_PARTS;
	rd->error = 0;
	rblk_ground_trace(r->g, NODE_T_READ_START, rd->lookup_index, rd->token);
	while (done < rd->nsect) {
		n = rblk_vol_lookup(r->vol, rd->sector + done, rd->nsect - done, seg,
				    ARRAY_SIZE(seg), &got);
		for (i = 0; i < n; i++)
			hand_out(r, rd, &seg[i]);
		if (!got || r->g->halt != NODE_RUNNING)
			break;		/* as asserted there; what the host has of it ends first */
		done += got;
	}
	r->g->ops->read_issued(r->g->host, rd->token);
}

/*
 * May another member read what the device of this one could not? A node that is fenced meanwhile
 * reads nothing, and what one member asks another for goes no further.
 */
static bool others_may_read(const struct rblk_replica *r, const struct rblk_read *rd)
{
	return rd->error != -ESTALE && !(rd->flags & NODE_R_NOT_AWAY) && r->g->conf.n > 1;
}

/* Moves on a read that has no parts in progress: ends it, or looks its content up again. */
static void advance(struct rblk_replica *r, struct rblk_read *rd)
{
	if (rd->flags & (NODE_R_PARTS | NODE_R_AWAY))
		return;
	if (rd->error && others_may_read(r, rd)) {
		rd->error = 0;
		rd->flags |= NODE_R_AWAY;
		/* What another member is asked for now is as new as this, and perhaps no newer. */
		rd->wait_index = rblk_replica_executed(r);
		r->reads->away = true;
		return;
	}
	if (rd->error) {
		rblk_reads_end(r->reads, rd, rd->error);
		return;
	}
	if (!(rd->flags & NODE_R_FOUND)) {
		rblk_replica_look_up(r, rd);
		return;
	}
	if (!(rd->flags & NODE_R_CONFIRMED) || rblk_replica_executed(r) < rd->wait_index)
		return;
	if (rd->lookup_index < rd->wait_index &&
	    rblk_vol_touched_since(r->vol, rd->lookup_index, rd->sector, rd->nsect)) {
		rd->flags &= ~NODE_R_FOUND;
		r->reads->retried++;
		rblk_replica_look_up(r, rd);
		return;
	}
	rblk_reads_end(r->reads, rd, 0);
}

/**
 * rblk_replica_read_done() - the parts of a read have ended
 * @r: replica
 * @rd: the read; its error is set
 */
void rblk_replica_read_done(struct rblk_replica *r, struct rblk_read *rd)
{
	rd->flags |= NODE_R_FOUND;
	if (rd->error)
		rblk_replica_read_failed(r, rd);
	advance(r, rd);
}

/**
 * rblk_replica_reads_back() - the device can read a range that it could not read before
 * @r: replica
 * @sector: first sector
 * @nsect: number of sectors
 *
 * Who reads there need not wait for other members, which may have to wait for this one.
 */
void rblk_replica_reads_back(struct rblk_replica *r, u64 sector, u32 nsect)
{
	struct rblk_read *rd;
	u32 next;

	for (rd = rblk_reads_first(r->reads, &next); rd; rd = rblk_reads_next(r->reads, &next)) {
		if (!(rd->flags & NODE_R_AWAY) || rd->flags & NODE_R_PARTS ||
		    rd->sector < sector || rd->sector + rd->nsect > sector + nsect ||
		    ++rd->rounds >= NODE_READ_ROUNDS)
			continue;
		rblk_reads_unsent(r->reads, rd);
		rd->flags &= ~(NODE_R_AWAY | NODE_R_FOUND | NODE_R_CONFIRMED);
		rd->failed = 0;
		r->reads->fresh = true;
		rblk_replica_look_up(r, rd);
	}
}

/* Raft confirmed a round: the reads up to its id have to be as new as its index. */
static void confirm_reads(struct rblk_replica *r)
{
	struct rblk_read *rd;
	u32 next;

	rblk_ground_trace(r->g, NODE_T_READ_OK, r->read_ok_index, r->read_ok_id);
	for (rd = rblk_reads_first(r->reads, &next); rd; rd = rblk_reads_next(r->reads, &next)) {
		if (rd->read_id > r->read_ok_id)
			break;		/* the list is in order of read_id */
		if (rd->flags & (NODE_R_CONFIRMED | NODE_R_AWAY))
			continue;
		rd->flags |= NODE_R_CONFIRMED;
		rd->wait_index = r->read_ok_index;
	}
	r->read_ok_id = 0;
	r->reads_due = true;
}

/**
 * rblk_replica_reads_advance() - moves on the reads that waited for what has happened
 * @r: replica
 */
void rblk_replica_reads_advance(struct rblk_replica *r)
{
	struct rblk_read *rd;
	u32 next;

	if (r->read_ok_id)
		confirm_reads(r);
	if (!r->reads_due)
		return;
	r->reads_due = false;
	if (r->g->remote)
		return;
	for (rd = rblk_reads_first(r->reads, &next); rd; rd = rblk_reads_next(r->reads, &next))
		advance(r, rd);
}

/**
 * rblk_replica_reads_run() - asks raft to confirm the reads that have arrived
 * @r: replica
 */
void rblk_replica_reads_run(struct rblk_replica *r)
{
	struct raft_event ev = { .type = RAFT_EV_READ, .now = r->g->now };

	if (!r->reads->fresh || r->g->remote)
		return;
	r->reads->fresh = false;
	ev.done.read_id = ++r->reads->read_id;
	rblk_replica_step(r, &ev);
}
