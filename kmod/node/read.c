// SPDX-License-Identifier: GPL-2.0
/*
 * Linearizable reads. The content is looked up, and the device read, at once;
 * beside it a leader round that started after the read arrived confirms up to
 * which index the content has to be. Where the lookup was older than that and a
 * write in between touched the range, the content is looked up again: no new
 * round is needed for it.
 */
#include "internal.h"

static u32 bucket(u64 token)
{
	return (u32)((token * 0x9e3779b97f4a7c15ULL) >> 32) % NODE_READ_BUCKETS;
}

/**
 * rblk_reads_init() - puts every slot on the free list
 * @m: member
 */
void rblk_reads_init(struct rblk_node *m)
{
	u32 i;

	m->read_free = 0;
	for (i = m->cfg.limits.reads; i > 0; i--) {
		m->read[i - 1].next = m->read_free;
		m->read_free = i;
	}
}

/**
 * rblk_read_find() - the read of a token
 * @m: member
 * @token: the host's name of it
 *
 * Return: the read, or NULL.
 */
struct rblk_read *rblk_read_find(struct rblk_node *m, u64 token)
{
	u32 i = m->read_hash[bucket(token)];

	while (i && m->read[i - 1].token != token)
		i = m->read[i - 1].hash_next;
	return i ? &m->read[i - 1] : NULL;
}

/**
 * rblk_read_alloc() - a new read, behind all others
 * @m: member, with a slot free
 * @token: the host's name of it
 * @sector: first sector
 * @nsect: sectors
 *
 * Return: the read.
 */
struct rblk_read *rblk_read_alloc(struct rblk_node *m, u64 token, u64 sector, u32 nsect)
{
	u32 b = bucket(token), slot = m->read_free;
	struct rblk_read *r = &m->read[slot - 1];

	m->read_free = r->next;
	memset(r, 0, sizeof(*r));
	r->flags = NODE_R_USED;
	r->token = token;
	r->sector = sector;
	r->nsect = nsect;
	r->read_id = m->read_id + 1;
	m->read_new = true;
	m->reads++;
	r->hash_next = m->read_hash[b];
	m->read_hash[b] = slot;
	r->prev = m->read_tail;
	if (m->read_tail)
		m->read[m->read_tail - 1].next = slot;
	else
		m->read_head = slot;
	m->read_tail = slot;
	m->nreads++;
	return r;
}

static void free_read(struct rblk_node *m, struct rblk_read *r)
{
	u32 slot = (u32)(r - m->read) + 1;
	u32 *link = &m->read_hash[bucket(r->token)];

	while (*link != slot)
		link = &m->read[*link - 1].hash_next;
	*link = r->hash_next;
	rblk_remote_unsent(m, r);
	if (r->prev)
		m->read[r->prev - 1].next = r->next;
	else
		m->read_head = r->next;
	if (r->next)
		m->read[r->next - 1].prev = r->prev;
	else
		m->read_tail = r->prev;
	r->flags = 0;
	r->next = m->read_free;
	m->read_free = slot;
	m->nreads--;
}

/**
 * rblk_read_end() - a read is over
 * @m: member
 * @r: the read
 * @error: 0 or -errno
 */
void rblk_read_end(struct rblk_node *m, struct rblk_read *r, int error)
{
	u64 token = r->token;

	if (r->buf)
		rblk_server_read_end(m, r, error);
	else if (!error && m->client.state == NODE_S_FENCED)
		error = -ESTALE;	/* what a fenced node reads, it must not go by */
	free_read(m, r);
	m->ops->complete(m->host, token, error);
}

/* Is every payload that the range needs in memory? */
static bool payloads_present(struct rblk_node *m, const struct rblk_read *r)
{
	struct vol_seg seg[8];
	u32 done = 0, got;
	int i, n;

	while (done < r->nsect) {
		n = rblk_vol_lookup(m->vol, r->sector + done, r->nsect - done, seg, ARRAY_SIZE(seg),
				    &got);
		for (i = 0; i < n; i++)
			if (seg[i].kind == VOL_SEG_PAYLOAD &&
			    !m->ent[seg[i].index & m->mask].buf)
				return false;
		if (!got)
			break;		/* beyond the volume: asserted there */
		done += got;
	}
	return true;
}

static void hand_out(struct rblk_node *m, const struct rblk_read *r, const struct vol_seg *seg)
{
	u32 off = (u32)(seg->sector - r->sector) << RBLK_SECTOR_SHIFT;

	switch (seg->kind) {
	case VOL_SEG_DATA:
		m->ops->read_data(m->host, r->token, off, seg->sector, seg->nsect);
		break;
	case VOL_SEG_PAYLOAD:
		m->ops->read_copy(m->host, r->token, off, m->ent[seg->index & m->mask].buf,
				  seg->nth, seg->off, seg->nsect);
		break;
	default:
		m->ops->read_zero(m->host, r->token, off, seg->nsect);
	}
}

/**
 * rblk_read_look_up() - hands out where the content of a read is now
 * @m: member
 * @r: the read
 */
void rblk_read_look_up(struct rblk_node *m, struct rblk_read *r)
{
	struct vol_seg seg[8];
	u32 done = 0, got;
	int i, n;

	if (m->boot_last > rblk_replica_applied(m) && !payloads_present(m, r)) {
		m->reads_stalled = true;
		return;
	}
	r->lookup_index = rblk_replica_executed(m);
	r->flags |= NODE_R_PARTS;
	r->error = 0;
	rblk_node_trace(m, NODE_T_READ_START, r->lookup_index, r->token);
	while (done < r->nsect) {
		n = rblk_vol_lookup(m->vol, r->sector + done, r->nsect - done, seg, ARRAY_SIZE(seg),
				    &got);
		for (i = 0; i < n; i++)
			hand_out(m, r, &seg[i]);
		if (!got)
			break;
		done += got;
	}
	m->ops->read_issued(m->host, r->token);
}

/* Moves a read on whose parts are not under way: ends it, or looks up again. */
static void advance(struct rblk_node *m, struct rblk_read *r)
{
	if (r->flags & NODE_R_PARTS || rblk_node_remote(m))
		return;
	if (r->error) {
		rblk_read_end(m, r, r->error);
		return;
	}
	if (!(r->flags & NODE_R_FOUND)) {
		rblk_read_look_up(m, r);
		return;
	}
	if (!(r->flags & NODE_R_CONFIRMED) || rblk_replica_executed(m) < r->wait_index)
		return;
	if (r->lookup_index < r->wait_index &&
	    rblk_vol_touched_since(m->vol, r->lookup_index, r->sector, r->nsect)) {
		r->flags &= ~NODE_R_FOUND;
		m->reads_retried++;
		rblk_read_look_up(m, r);
		return;
	}
	rblk_read_end(m, r, 0);
}

/**
 * rblk_reads_check() - something changed that reads may wait for
 * @m: member
 */
void rblk_reads_check(struct rblk_node *m)
{
	u32 i = m->read_head;

	while (i) {
		struct rblk_read *r = &m->read[i - 1];

		i = r->next;
		advance(m, r);
	}
}

/**
 * rblk_reads_confirm() - raft confirmed a round
 * @m: member
 * @read_id: reads up to this one
 * @index: are confirmed as of this commit index
 */
void rblk_reads_confirm(struct rblk_node *m, u64 read_id, u64 index)
{
	u32 i = m->read_head;

	rblk_node_trace(m, NODE_T_READ_OK, index, read_id);
	while (i) {
		struct rblk_read *r = &m->read[i - 1];

		i = r->next;
		if (r->read_id > read_id)
			break;		/* the list is in order of read_id */
		if (r->flags & NODE_R_CONFIRMED)
			continue;
		r->flags |= NODE_R_CONFIRMED;
		r->wait_index = index;
		advance(m, r);
	}
}

/**
 * rblk_reads_run() - asks raft to confirm the reads that arrived
 * @m: member
 */
void rblk_reads_run(struct rblk_node *m)
{
	struct raft_event ev = { .type = RAFT_EV_READ, .now = m->now };

	if (!m->read_new || rblk_node_remote(m))
		return;
	m->read_new = false;
	ev.done.read_id = ++m->read_id;
	rblk_replica_step(m, &ev);
}

/**
 * rblk_reads_anew() - reads under way end with nothing older than this moment
 * @m: member
 *
 * This node has the session now. Who asked for it forgets what he has cached; what
 * arrives in his cache afterwards must not be of before the writes of others.
 */
void rblk_reads_anew(struct rblk_node *m)
{
	u32 i;

	for (i = m->read_head; i; i = m->read[i - 1].next) {
		struct rblk_read *r = &m->read[i - 1];

		rblk_remote_unsent(m, r);
		r->flags &= ~(NODE_R_CONFIRMED | NODE_R_GIVEN);
		r->read_id = m->read_id + 1;
	}
	m->read_new = m->nreads;
}

/**
 * rblk_reads_fail() - no read will ever be served again
 * @m: member
 * @error: -errno
 * @stopping: the host has waited for parts under way: fail those reads too
 */
void rblk_reads_fail(struct rblk_node *m, int error, bool stopping)
{
	u32 i = m->read_head;

	while (i) {
		struct rblk_read *r = &m->read[i - 1];

		i = r->next;
		if (r->buf && error == -ESTALE)
			continue;	/* fenced is this node, not the one that it reads for */
		r->error = error;
		if (stopping || !(r->flags & NODE_R_PARTS))
			rblk_read_end(m, r, error);
	}
}

/**
 * rblk_node_read() - a read arrives
 * @m: member
 * @sector: first sector
 * @nsect: sectors, within the volume
 * @token: the host's name of it, unique among what is under way
 * @now: ns
 *
 * Return: 0, complete(token) follows; -EAGAIN: too many; -ESTALE: fenced;
 * -ESHUTDOWN: halted.
 */
int rblk_node_read(struct rblk_node *m, u64 sector, u32 nsect, u64 token, u64 now)
{
	struct rblk_read *r;

	m->now = now;
	if (m->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (m->client.state == NODE_S_FENCED)
		return -ESTALE;
	if (!m->read_free)
		return -EAGAIN;
	if (!m->nreads)
		m->read_again_at = now + rblk_node_election_ns(m);
	r = rblk_read_alloc(m, token, sector, nsect);
	if (!rblk_node_remote(m))
		rblk_read_look_up(m, r);
	return 0;
}

/**
 * rblk_node_read_done() - every part handed out for a read ended
 * @m: member
 * @token: which read
 * @error: 0 or the first -errno of its parts
 * @now: ns
 */
void rblk_node_read_done(struct rblk_node *m, u64 token, int error, u64 now)
{
	struct rblk_read *r = rblk_read_find(m, token);

	m->now = now;
	if (RBLK_ASSERT(r && r->flags & NODE_R_PARTS))
		return;
	r->flags &= ~NODE_R_PARTS;
	if (error && !r->error)
		r->error = error;
	/* What the leader sent it has confirmed; of a halted member nothing more comes. */
	if (r->flags & NODE_R_GIVEN || m->halt != NODE_RUNNING) {
		rblk_read_end(m, r, r->error);
		return;
	}
	if (rblk_node_remote(m)) {
		rblk_remote_ended(m, r);
		return;
	}
	r->flags |= NODE_R_FOUND;
	advance(m, r);
}
