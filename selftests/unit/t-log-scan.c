// SPDX-License-Identifier: GPL-2.0
/* Recovery: what the scan reads, and what it takes each place for. */
#include "log-lib.h"

/* Whatever the device calls it, a bad sector is one, and ends no recovery by itself. */
static void media_errors(void)
{
	static const int error[] = { -EIO, -ENODATA, -EILSEQ, -EREMOTEIO };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(error); i++) {
		fill(4);
		t_read_error = error[i];
		unreadable(ids[4].pos);
		CHECK_EQ(t_recover(), -EBADMSG);
		CHECK_EQ(t_rep.finding, LOG_F_UNREADABLE);
		CHECK_EQ(t_rep.rot.first, 4);
		CHECK_EQ(t_rep.unreadable, 1);
	}
	t_read_error = -EIO;
}

/* A record that the ring's end cuts in two: what lies before it cannot be read. */
static void unreadable_before_the_end(void)
{
	u64 i, pos;

	t_format();
	t_open();
	for (i = 1; t_log.head_pos + 7 * RBLK_BLOCK_SIZE < T_RING_BYTES; i++) {
		t_append(i, 1, 6);
		if (rblk_log_floor(&t_log, i, &t_meta)) {
			t_meta.floor.index = i;
			t_write_meta();
			rblk_log_trim(&t_log, &t_meta);
		}
	}
	pos = t_log.head_pos;
	t_append(i, 1, 20);
	CHECK(t_log.head_pos > T_RING_BYTES);
	CHECK_EQ(t_recover(), 0);
	unreadable(pos + RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.finding, LOG_F_UNREADABLE);
}

static const struct tap_case cases[] = {
	{ "media_errors", media_errors },
	{ "unreadable_before_the_end", unreadable_before_the_end },
};
TAP_MAIN(cases)
