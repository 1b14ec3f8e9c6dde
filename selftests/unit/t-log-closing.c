// SPDX-License-Identifier: GPL-2.0
/* A closing record rots: what the metadata knows of it. */
#include "log-lib.h"

static struct log_record *close_log(void)
{
	struct log_record *r = rblk_log_close_record(&t_log);

	CHECK(r);
	t_land(r);
	rblk_log_done(&t_log, r, 0);
	return r;
}

static void down(void)
{
	rblk_log_watermark(&t_log, &t_meta);
	t_write_meta();
}

/*
 * A closing record holds nothing. If the metadata says that no entry came after the newest
 * one that is found, nothing is lost with it, and the store goes on.
 */
static void closing_rots(void)
{
	u64 pos, seq;

	fill(5);
	pos = close_log()->pos;
	seq = t_log.durable_seq;
	down();
	rot(pos);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
	CHECK_EQ(t_last, 5);
	CHECK(t_log.next_seq > seq);
	t_unreadable[(t_super.ring_off + pos) / RBLK_BLOCK_SIZE] = 1;
	CHECK_EQ(t_recover(), 0);
	t_unreadable[(t_super.ring_off + pos) / RBLK_BLOCK_SIZE] = 0;
	/* It goes on there, and what is appended counts. */
	CHECK_EQ(t_recover(), 0);
	t_start();
	t_append(6, 1, 1);
	t_append(7, 1, 1);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 7);
}

/* With a start since, and nothing written by it. */
static void closing_rots_after_a_start(void)
{
	u64 pos;

	fill(5);
	pos = close_log()->pos;
	down();
	t_open();
	rot(pos);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
}

/* An entry is missing, or another one was in its place, or something newer is ahead. */
static void more_than_closing_rots(void)
{
	u64 pos;

	fill(5);
	down();
	rot(ids[5].pos);
	CHECK_EQ(t_recover(), -EBADMSG);

	fill(5);
	ids[6] = t_append(5, 2, 1);	/* truncates */
	down();
	rot(ids[6].pos);
	CHECK_EQ(t_recover(), -EBADMSG);

	fill(5);
	pos = close_log()->pos;
	down();
	t_append(6, 1, 1);
	t_append(7, 1, 1);
	rot(pos);
	CHECK_EQ(t_recover(), -EBADMSG);

	/* Of early versions: the metadata does not say. That is not to say that there were none. */
	fill(1);
	t_meta.watermark = 1;
	t_write_meta();
	rot(ids[1].pos);
	CHECK_EQ(t_recover(), -EBADMSG);

	fill(5);
	pos = close_log()->pos;
	down();
	memset(&t_meta.durable, 0, sizeof(t_meta.durable));
	t_write_meta();
	rot(pos);
	CHECK_EQ(t_recover(), -EBADMSG);
}

static const struct tap_case cases[] = {
	{ "closing_rots", closing_rots },
	{ "closing_rots_after_a_start", closing_rots_after_a_start },
	{ "more_than_closing_rots", more_than_closing_rots },
};
TAP_MAIN(cases)
