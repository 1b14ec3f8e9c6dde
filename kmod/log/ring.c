// SPDX-License-Identifier: GPL-2.0
/* The ring as space: extents, marks and the floor. */
#include "format.h"

static_assert(LOG_RECORD_BYTES_MAX <= LOG_RING_MIN);

/**
 * rblk_log_extents() - where a range of the ring lies on the device
 * @s: superblock
 * @pos: position
 * @len: bytes, not more than the ring has; it has room for the largest record
 * @ext: filled
 *
 * Return: number of extents, which is 2 if the range straddles the end of the ring.
 */
int rblk_log_extents(const struct log_super *s, u64 pos, u32 len, struct log_extent ext[2])
{
	u64 at = rblk_mod_u64(pos, s->ring_bytes);
	u64 left = s->ring_bytes - at;

	ext[0].off = s->ring_off + at;
	ext[0].len = len;
	if (len <= left)
		return 1;
	ext[0].len = (u32)left;
	ext[1].off = s->ring_off;
	ext[1].len = len - (u32)left;
	return 2;
}

/*
 * Remembers a record as a place where the floor may go. @chain is the header checksum
 * of the record before it. Marks are at least 1/256 of the ring apart, so that there is
 * room for those of the whole ring; the floor is that coarse.
 */
void rblk_log_mark_add(struct log *l, u64 first, u64 pos, u64 seq, u32 chain)
{
	u64 apart = l->super.ring_bytes / (LOG_MARKS / 2);
	struct log_mark *k;

	if (l->nmarks && pos - l->mark[l->nmarks - 1].pos < apart)
		return;
	if (RBLK_ASSERT(l->alarm, l->nmarks < LOG_MARKS))
		return;
	k = &l->mark[l->nmarks++];
	k->first = first;
	k->pos = pos;
	k->seq = seq;
	k->chain = chain;
}

/**
 * rblk_log_floor() - finds a new floor
 * @l: log
 * @index: entries up to this one need not be in the log any more
 * @m: floor_pos, floor_seq and floor_chain are set; to set floor is up to the caller
 *
 * Every record replaces what it overlaps, so the entry @index + 1 that counts is in the
 * newest record that begins at or before it, or in a later one. So the newest mark that
 * begins at or before that entry is never too far ahead.
 *
 * Return: true; false: the floor stays where it is, and @m as it was.
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
 * rblk_log_cut() - gives up what recovery found damaged, and all behind it
 * @l: log, of which rblk_log_recover() returned -EBADMSG; afterwards, if this succeeds, it is ready
 *     for rblk_log_start()
 * @rep: what it found
 *
 * The store has acknowledged what is given up, as far as @rep->owed. It has to remember that, and
 * never to help somebody win who lacks it.
 *
 * Return: false: nothing in the ring is damaged, as far as is known, or the metadata is older than
 * the ring, so that votes may be lost as well.
 */
bool rblk_log_cut(struct log *l, const struct log_report *rep)
{
	if (!rep->owed.term)
		return false;
	l->failed = false;
	l->next_seq = max_t(u64, rep->highest_seq, rep->end_seq) + LOG_SEQ_JUMP;
	return true;
}

/**
 * rblk_log_restart() - gives up all entries: the log goes on behind another one
 * @l: log, without records that are open or in flight
 * @id: the entry before the next one, which is not in the log
 * @m: floor_pos, floor_seq, floor_chain and floor are set
 *
 * Nothing may be added before @m is durable in both copies, and rblk_log_trim() was called.
 */
void rblk_log_restart(struct log *l, const struct rblk_id *id, struct log_meta *m)
{
	u32 next = (l->tail + l->nrec) % LOG_INFLIGHT;

	if (RBLK_ASSERT(l->alarm, !l->nrec && l->rec[next].state != LOG_R_OPEN))
		return;
	l->last_index = id->index;
	l->durable_index = id->index;
	l->durable_term = id->term;
	m->floor = *id;
	m->floor_pos = l->head_pos;
	m->floor_seq = l->next_seq;
	m->floor_chain = l->chain;
}

/**
 * rblk_log_trim() - frees what is below the floor of @m
 * @l: log
 * @m: metadata that is durable in both copies
 *
 * If one copy still had an older floor, recovery could begin there, in what may be
 * overwritten from now on.
 */
void rblk_log_trim(struct log *l, const struct log_meta *m)
{
	u32 i, n = 0;

	if (RBLK_ASSERT(l->alarm, m->floor_pos >= l->floor_pos && m->floor_pos <= l->head_pos))
		return;
	l->floor_pos = m->floor_pos;
	l->floor_seq = m->floor_seq;
	l->floor_index = m->floor.index;
	for (i = 0; i < l->nmarks; i++)
		if (l->mark[i].pos >= l->floor_pos)
			l->mark[n++] = l->mark[i];
	l->nmarks = n;
}
