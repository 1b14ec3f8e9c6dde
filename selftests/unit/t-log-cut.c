// SPDX-License-Identifier: GPL-2.0
/* What recovery finds damaged is given up, and what the store may have acknowledged is known. */
#include "log-lib.h"

static void owed(u64 term, u64 index)
{
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.owed.term, term);
	CHECK_EQ(t_rep.owed.index, index);
}

/* Cuts, and starts as a store does that has to have its metadata durable first. */
static void cut(void)
{
	CHECK(rblk_log_cut(&t_log, &t_rep));
	CHECK_EQ(rblk_log_check(&t_log), 0);
	t_start();
}

/* Nothing of what was cut is ever found again, and the log goes on where the damage was. */
static void goes_on(void)
{
	u64 head;

	fill(9);
	rot(ids[4].pos);
	head = ids[4].pos;
	owed(1, 9);
	CHECK_EQ(t_last, 3);
	cut();
	CHECK_EQ(t_log.head_pos, head);
	/* The bad header is still there, and belongs to nothing that was durable in this start. */
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
	CHECK_EQ(t_rep.cut_records, 0);
	CHECK_EQ(t_rep.owed.term, 0);
	CHECK_EQ(t_last, 3);
	t_start();
	/* As long as the one that was there: the next old one would follow it by place. */
	t_append(4, 2, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_last, 4);
	CHECK(t_has(4, 2, 2));
}

/* A record far behind the damage counts, also if its term is what makes it the newest. */
static void far_away(void)
{
	u64 i;

	t_format();
	t_open();
	for (i = 1; i <= 40; i++)
		ids[i] = t_append(i, 1, 15);
	t_append(38, 3, 1);
	rot(ids[2].pos);
	owed(3, 38);
	cut();
	CHECK_EQ(t_log.next_seq, 41 + LOG_SEQ_JUMP);
}

/* The newest record is damaged: the one that closes the log says what it was. */
static void newest(void)
{
	struct log_record *r;
	u64 closing;

	fill(5);
	r = rblk_log_close_record(&t_log);
	closing = r->pos;
	t_land(r);
	rblk_log_done(&t_log, r, 0);
	rot(ids[5].pos);
	owed(1, 5);
	/* It is not the first that is damaged. */
	rot(ids[4].pos);
	owed(1, 5);
	rot(ids[4].pos);
	/* The same one cannot be read itself. */
	unreadable(closing);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
}

/* Everything from there on is damaged: nobody knows what that was. */
static void no_last_word(void)
{
	u64 i;

	fill(9);
	t_meta.raft.term = 7;
	t_write_meta();
	t_open();
	for (i = 4; i <= 9; i++)
		wipe(ids[i].pos);
	owed(7, DISK_COUNT_MAX - 1);
	cut();
	t_meta.owed = t_rep.owed;
	t_write_meta();
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_meta.owed.index, DISK_COUNT_MAX - 1);
	CHECK_EQ(t_meta.owed.term, 7);
}

/* The newest ones are gone, and metadata was written since. */
static void metadata_knows(void)
{
	fill(9);
	t_open();
	CHECK_EQ(t_meta.durable.index, 9);
	rot(ids[4].pos);
	wipe(ids[8].pos);
	wipe(ids[9].pos);
	owed(1, 9);
}

/* What an earlier cut has left behind the newest records is not the last word. */
static void left_by_a_cut(void)
{
	u64 i;

	fill(30);
	rot(ids[5].pos);
	owed(1, 30);
	t_meta.raft.term = 4;
	cut();
	for (i = 5; i <= 8; i++)
		ids[i] = t_append(i, 4, 2);
	for (i = 3; i <= 8; i++)
		wipe(ids[i].pos);
	owed(4, DISK_COUNT_MAX - 1);
}

/* A path that fails says nothing about the medium: the log is left alone. */
static void path_fails(void)
{
	fill(9);
	unreadable(ids[4].pos);
	t_read_error = -ENODATA;
	owed(1, 9);
	t_read_error = -EIO;
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.owed.term, 0);
	CHECK(!rblk_log_cut(&t_log, &t_rep));
}

/* Nor if what cannot be read is behind all that can. */
static void blind(void)
{
	fill(9);
	t_meta.raft.term = 7;
	t_write_meta();
	t_open();
	rot(ids[4].pos);
	owed(1, 9);
	unreadable(t_log.head_pos + ids[9].bytes);
	unreadable(ids[9].pos + ids[9].bytes);
	owed(7, DISK_COUNT_MAX - 1);
}

/* Metadata that is older than the ring may lack a vote: such a log is not gone on with. */
static void outdated(void)
{
	fill(5);
	t_open();
	t_append(6, 2, 1);
	t_meta.start_generation--;
	t_meta.generation--;
	t_write_meta();
	rot(ids[3].pos);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.owed.term, 0);
	CHECK(!rblk_log_cut(&t_log, &t_rep));
}

/* Nothing is damaged, so nothing is owed. */
static void nothing(void)
{
	fill(5);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.owed.term, 0);
	CHECK(!rblk_log_cut(&t_log, &t_rep));
}

static const struct tap_case cases[] = {
	{ "goes_on", goes_on },
	{ "far_away", far_away },
	{ "newest", newest },
	{ "no_last_word", no_last_word },
	{ "metadata_knows", metadata_knows },
	{ "left_by_a_cut", left_by_a_cut },
	{ "path_fails", path_fails },
	{ "blind", blind },
	{ "outdated", outdated },
	{ "nothing", nothing },
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
