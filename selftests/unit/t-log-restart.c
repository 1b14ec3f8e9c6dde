// SPDX-License-Identifier: GPL-2.0
/* The log is given up and goes on behind an entry that it does not hold. */
#include "log-lib.h"

static const struct rblk_id at = { .term = 5, .index = 500 };

/* Six records, then metadata that says that the log goes on behind entry 500. */
static void restart(void)
{
	fill(6);
	rblk_log_restart(&t_log, &at, &t_meta);
}

static void restarted(void)
{
	restart();
	t_write_meta();
	rblk_log_trim(&t_log, &t_meta);
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

/* What was there is free as soon as the metadata is durable, and nothing of it is found again. */
static void goes_on(void)
{
	u64 head;

	restart();
	head = t_log.head_pos;
	CHECK_EQ(rblk_log_used_bytes(&t_log), 6 * 3 * RBLK_BLOCK_SIZE);
	CHECK_EQ(t_meta.floor.index, 500);
	CHECK_EQ(t_meta.floor.term, 5);
	CHECK_EQ(t_meta.floor_pos, head);
	t_write_meta();
	rblk_log_trim(&t_log, &t_meta);
	CHECK_EQ(rblk_log_used_bytes(&t_log), 0);
	CHECK(!rblk_log_floor(&t_log, 6, &t_meta));
	CHECK(!rblk_log_floor(&t_log, 500, &t_meta));
	CHECK_EQ(t_log.durable_index, 500);
	CHECK_EQ(t_add(502, 5, 1), -EINVAL);		/* a gap */
	t_append(501, 5, 2);
	t_append(502, 6, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_rep.records, 2);
	CHECK_EQ(t_last, 502);
	CHECK(t_has(501, 5, 2) && t_has(502, 6, 2));
	CHECK_EQ(t_found[501].pos, head + RBLK_BLOCK_SIZE);
	t_start();
	t_append(503, 6, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.records, 3);
}

/* Until the metadata is durable, the log is what it was. */
static void crash_before(void)
{
	u64 i;

	restart();
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_meta.floor.index, 0);
	CHECK_EQ(t_last, 6);
	for (i = 1; i <= 6; i++)
		CHECK(t_has(i, 1, 2));
	t_start();
	t_append(7, 1, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 7);
}

/* The newest copy counts: one that is written says it all. */
static void crash_between(void)
{
	restart();
	t_meta.version++;
	rblk_log_meta_encode(&t_meta, &t_super, t_img + rblk_log_meta_offset(1));
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 500);
	CHECK_EQ(t_rep.records, 0);
}

static void crash_after(void)
{
	restarted();
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_rep.records, 0);
	CHECK_EQ(t_last, 500);
	t_start();
	t_append(501, 5, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 501);
	CHECK(t_has(501, 5, 2));
}

/* The first record behind it was being written. */
static void torn(void)
{
	struct log_record *r;

	restarted();
	r = t_submit(501, 5, 2);
	t_land_part(r, 0, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 500);
	t_start();
	t_append(501, 6, 1);
	CHECK_EQ(t_recover(), 0);
	CHECK(t_last == 501 && t_has(501, 6, 1));
}

/* It was durable: what follows it proves that, as anywhere else. */
static void lost(void)
{
	struct log_record_id id;

	restarted();
	id = t_append(501, 5, 2);
	t_append(502, 5, 2);
	t_append(503, 5, 2);
	wipe(id.pos);
	CHECK_EQ(t_recover(), -EBADMSG);
}

/* A record of the log that was given up does not follow the new floor, wherever it lies. */
static void earlier_lap(void)
{
	u64 i, n = T_RING_BYTES / RBLK_BLOCK_SIZE / 3 + 2;

	t_format();
	t_open();
	for (i = 1; i <= n; i++) {
		if (i > 20 && rblk_log_floor(&t_log, i - 10, &t_meta)) {
			t_meta.floor.index = i - 10;
			t_write_meta();
			rblk_log_trim(&t_log, &t_meta);
		}
		t_append(i, 1, 2);
	}
	rblk_log_restart(&t_log, &(struct rblk_id){ .term = 2, .index = n + 100 }, &t_meta);
	t_write_meta();
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.records, 0);
	CHECK_EQ(t_last, n + 100);
	t_start();
	t_append(n + 101, 2, 1);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, n + 101);
}

/* A full ring has room again. */
static void full(void)
{
	u64 i;

	t_format();
	t_open();
	for (i = 1; t_add(i, 1, 15) != -ENOSPC; i++) {
		struct log_record *r = rblk_log_submit(&t_log);

		t_land(r);
		rblk_log_done(&t_log, r, 0);
	}
	rblk_log_restart(&t_log, &(struct rblk_id){ .term = 1, .index = i + 50 }, &t_meta);
	t_write_meta();
	CHECK_EQ(t_add(i + 51, 1, 15), -ENOSPC);
	rblk_log_trim(&t_log, &t_meta);
	for (i += 51; t_log.last_index < i + 50; )
		t_append(t_log.last_index + 1, 1, 15);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.records, 51);
}

/* Not while a record gathers or is on its way: it would be one of both logs. */
static void misuse(void)
{
	static struct log_meta before;
	struct log_record *r;

	fill(2);
	tap_expect_asserts();
	before = t_meta;
	CHECK_EQ(t_add(3, 1, 2), 0);
	rblk_log_restart(&t_log, &at, &t_meta);
	CHECK_EQ(tap_asserts(), 1);
	r = rblk_log_submit(&t_log);
	rblk_log_restart(&t_log, &at, &t_meta);
	CHECK_EQ(tap_asserts(), 2);
	CHECK(!memcmp(&before, &t_meta, sizeof(before)));
	t_land(r);
	CHECK(rblk_log_done(&t_log, r, 0));
	CHECK_EQ(t_log.last_index, 3);
	rblk_log_restart(&t_log, &at, &t_meta);
	CHECK_EQ(tap_asserts(), 2);
	CHECK_EQ(t_log.last_index, 500);
}

static const struct tap_case cases[] = {
	{ "goes_on", goes_on },
	{ "crash_before", crash_before },
	{ "crash_between", crash_between },
	{ "crash_after", crash_after },
	{ "torn", torn },
	{ "lost", lost },
	{ "earlier_lap", earlier_lap },
	{ "full", full },
	{ "misuse", misuse },
};

TAP_MAIN(cases)
