// SPDX-License-Identifier: GPL-2.0
/* Every invariant of struct log. */
#include "format.h"

static bool positions_ok(const struct log *l)
{
	return !(l->floor_pos % RBLK_BLOCK_SIZE) && !(l->head_pos % RBLK_BLOCK_SIZE) &&
	       rblk_log_used_bytes(l) <= l->super.ring_bytes;
}

static bool numbers_ok(const struct log *l)
{
	return l->last_seq < l->next_seq && l->durable_seq <= l->last_seq &&
	       l->ndurable <= LOG_INFLIGHT && l->tail < LOG_INFLIGHT;
}

/*
 * Records in flight are neighbours in the ring and in number, begin behind the floor, and
 * end at the head; so there are not more of them than there is room for, either.
 */
static bool flight_ok(const struct log *l)
{
	u64 pos = l->head_pos, seq = l->next_seq;
	u32 i;

	for (i = l->nrec; i--;) {
		const struct log_record *r = &l->rec[(l->tail + i) % LOG_INFLIGHT];

		if (r->state != LOG_R_WRITING && r->state != LOG_R_DONE)
			return false;
		if (r->pos + r->id.bytes != pos || r->seq + 1 != seq || r->seq <= l->durable_seq)
			return false;
		pos = r->pos;
		seq = r->seq;
	}
	return pos >= l->floor_pos;
}

static bool rest_ok(const struct log *l)
{
	u32 i;

	for (i = l->nrec; i < LOG_INFLIGHT; i++) {
		const struct log_record *r = &l->rec[(l->tail + i) % LOG_INFLIGHT];

		if (r->state == LOG_R_OPEN && i == l->nrec) {
			if (r->pos != l->head_pos || r->seq != l->next_seq)
				return false;
		} else if (r->state != LOG_R_FREE) {
			return false;
		}
	}
	return true;
}

static bool marks_ok(const struct log *l)
{
	u32 i;

	if (l->nmarks > LOG_MARKS)
		return false;
	for (i = 1; i < l->nmarks; i++)
		if (l->mark[i].pos <= l->mark[i - 1].pos)
			return false;
	return !l->nmarks || (l->mark[0].pos >= l->floor_pos &&
			      l->mark[l->nmarks - 1].pos < l->head_pos);
}

/**
 * rblk_log_check() - checks every invariant of a log
 * @l: log
 *
 * Return: 0; -EUCLEAN: one is broken, and RBLK_ASSERT fired.
 */
int rblk_log_check(const struct log *l)
{
	bool bad;

	bad = RBLK_ASSERT(l->alarm, positions_ok(l));
	bad |= RBLK_ASSERT(l->alarm, numbers_ok(l));
	bad |= RBLK_ASSERT(l->alarm, flight_ok(l));
	bad |= RBLK_ASSERT(l->alarm, rest_ok(l));
	bad |= RBLK_ASSERT(l->alarm, marks_ok(l));
	return bad ? -EUCLEAN : 0;
}
