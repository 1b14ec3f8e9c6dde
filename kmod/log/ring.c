// SPDX-License-Identifier: GPL-2.0
/* The ring as space: extents, marks, floor. */
#include "format.h"

/**
 * rblk_log_extents() - where a logical range lies on the device
 * @s: superblock
 * @pos: logical position
 * @len: bytes, at most the ring
 * @ext: filled
 *
 * Return: number of extents: 2 when the range straddles the ring's end.
 */
int rblk_log_extents(const struct log_super *s, u64 pos, u32 len, struct log_extent ext[2])
{
	u64 at = pos % s->ring_bytes;
	u64 left = s->ring_bytes - at;

	RBLK_ASSERT(len <= s->ring_bytes);
	ext[0].off = s->ring_off + at;
	ext[0].len = len;
	if (len <= left)
		return 1;
	ext[0].len = (u32)left;
	ext[1].off = s->ring_off;
	ext[1].len = len - (u32)left;
	return 2;
}

/**
 * rblk_log_mark_add() - remembers a record as a place where the floor may go
 * @l: log
 * @first: index of its first entry
 * @pos: its place
 * @seq: its number
 * @chain: header checksum of the record before it
 *
 * Marks are at least 1/256 of the ring apart, so that all of the ring has room
 * for them; the floor is that coarse.
 */
void rblk_log_mark_add(struct log *l, u64 first, u64 pos, u64 seq, u32 chain)
{
	u64 apart = l->super.ring_bytes / (LOG_MARKS / 2);
	struct log_mark *k;

	if (l->nmarks && pos - l->mark[l->nmarks - 1].pos < apart)
		return;
	if (RBLK_ASSERT(l->nmarks < LOG_MARKS))
		return;
	k = &l->mark[l->nmarks++];
	k->first = first;
	k->pos = pos;
	k->seq = seq;
	k->chain = chain;
}

/**
 * rblk_log_floor() - where may the floor go?
 * @l: log
 * @index: entries up to this one are not needed any more
 * @m: floor_pos, floor_seq and floor_chain are set
 *
 * The entry @index + 1 that counts is in the newest record which begins at or
 * before it, as every record replaces what it overlaps; all that follow it came
 * later. So the newest mark that begins at or before it is never too late.
 *
 * Return: false when the floor stays where it is.
 */
bool rblk_log_floor(const struct log *l, u64 index, struct log_meta *m)
{
	u32 i;

	for (i = l->nmarks; i--;) {
		const struct log_mark *k = &l->mark[i];

		if (k->seq > l->durable_seq || k->first > index + 1)
			continue;
		if (k->pos <= l->floor_pos)
			return false;
		m->floor_pos = k->pos;
		m->floor_seq = k->seq;
		m->floor_chain = k->chain;
		return true;
	}
	return false;
}

/**
 * rblk_log_trim() - frees what is below the floor of @m
 * @l: log
 * @m: metadata that is durable in both copies
 *
 * If a copy still held an older floor, recovery could be led to what is
 * overwritten from now on.
 */
void rblk_log_trim(struct log *l, const struct log_meta *m)
{
	u32 i, n = 0;

	if (RBLK_ASSERT(m->floor_pos >= l->floor_pos && m->floor_pos <= l->head_pos))
		return;
	l->floor_pos = m->floor_pos;
	l->floor_seq = m->floor_seq;
	l->floor_index = m->floor.index;
	l->resetting = false;
	for (i = 0; i < l->nmarks; i++)
		if (l->mark[i].pos >= l->floor_pos)
			l->mark[n++] = l->mark[i];
	l->nmarks = n;
}

/**
 * rblk_log_reset() - a checkpoint of @index takes the place of the whole log
 * @l: log
 * @index: of the checkpoint
 * @m: floor_pos, floor_seq and floor_chain are set
 *
 * Return: 0, or -EBUSY while something is open or in flight.
 */
int rblk_log_reset(struct log *l, u64 index, struct log_meta *m)
{
	if (l->nrec || l->rec[l->tail].state == LOG_R_OPEN)
		return -EBUSY;
	l->last_index = index;
	l->durable_index = index;
	l->nmarks = 0;
	l->resetting = true;
	m->floor_pos = l->head_pos;
	m->floor_seq = l->next_seq;
	m->floor_chain = l->chain;
	return 0;
}
