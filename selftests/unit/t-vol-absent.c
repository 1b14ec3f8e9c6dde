// SPDX-License-Identifier: GPL-2.0
/*
 * What the data device lacks: what is wanted, what the apply waits for, what has landed, and
 * when the map may say so.
 */
#include "vol-absent.h"

/* Regions are made of whole chunks; only the last one of all may be smaller. */
static void test_chunks(void)
{
	u64 sector;
	u32 nsect;

	start();
	rblk_vol_chunk(w.v, 0, &sector, &nsect);
	CHECK(sector == 0 && nsect == CHUNK);
	rblk_vol_chunk(w.v, CHUNKS - 2, &sector, &nsect);
	CHECK(sector == (CHUNKS - 2) * CHUNK && nsect == CHUNK);
	rblk_vol_chunk(w.v, CHUNKS - 1, &sector, &nsect);
	CHECK(sector == (CHUNKS - 1) * CHUNK && nsect == LAST);
	rblk_vol_want_all(w.v);
	CHECK_EQ(rblk_vol_absent(w.v), (CHUNKS - 1) * BLOCKS + LAST_BLOCKS);
	stop();
	begin(8 * 200 - 3, 12);		/* small regions: as many chunks */
	rblk_vol_chunk(w.v, 199, &sector, &nsect);
	CHECK(sector == 8 * 199 && nsect == 5);
	rblk_vol_want_all(w.v);
	CHECK_EQ(rblk_vol_absent(w.v), 200);
	stop();
}

static void test_whole(void)
{
	start();
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK(rblk_vol_complete(w.v));
	write_at(0);
	CHECK_EQ(needed(0), -1);
	CHECK_EQ(next(0, 0), -1);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(0), 50);
	CHECK_EQ(value(REGIONS), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);
	CHECK_EQ(apply(), 101);
	stop();
}

/* What another member says of a region: it is absent if it changed after what is here. */
static void test_want(void)
{
	start();
	rblk_vol_want(w.v, 0, 49, 60);
	CHECK_EQ(value(0), 50);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);
	rblk_vol_want(w.v, 1, 60, 60);
	CHECK_EQ(value(1), 60);
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 1);
	rblk_vol_map_clean(w.v, 1);
	rblk_vol_want(w.v, 2, 61, 60);
	CHECK_EQ(value(2), 61 | ABSENT);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	CHECK_EQ(bits(2), U64_MAX);
	CHECK(!rblk_vol_complete(w.v));
	/* Which blocks these are is written before the region is said to be absent. */
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 1), 1);
	rblk_vol_want(w.v, 2, 61, 60);		/* once more */
	rblk_vol_want(w.v, 2, 10, 60);		/* and it stays so, however old it is */
	CHECK_EQ(value(2), 61 | ABSENT);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	rblk_vol_want(w.v, REGIONS, 100, 0);
	rblk_vol_want(w.v, U32_MAX, 100, 0);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	/* An index that was known already is no news, but that it is absent is. */
	rblk_vol_map_clean(w.v, 0);
	rblk_vol_map_clean(w.v, 1);
	rblk_vol_want(w.v, 0, 50, 49);
	CHECK_EQ(value(0), 50 | ABSENT);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 1), 1);
	rblk_vol_landed(w.v, 0);
	rblk_vol_landed(w.v, 1);
	/* Flags of the other one mean nothing here. */
	rblk_vol_want(w.v, 3, 60 | ABSENT, 60);
	CHECK_EQ(value(3), 60);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	/* What landed is absent again. */
	rblk_vol_landed(w.v, 4);
	rblk_vol_want(w.v, 2, 70, 60);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	/* The last region: its blocks are those that exist. */
	rblk_vol_want(w.v, 4, 61, 60);
	CHECK_EQ(rblk_vol_absent(w.v), 3 * BLOCKS + LAST_BLOCKS);
	stop();
}

/* That member's regions have another size. */
static void test_want_like(void)
{
	u32 i;

	start();
	/* Twice as large: two of those here, and the last one has half. */
	rblk_vol_want_like(w.v, 18 + 1, 1, 61, 60);
	for (i = 0; i < REGIONS; i++)
		CHECK_EQ(!!(value(i) & ABSENT), i == 2 || i == 3);
	rblk_vol_want_like(w.v, 18 + 1, 2, 61, 60);
	CHECK_EQ(value(4), 61 | ABSENT);
	rblk_vol_want_like(w.v, 18 + 1, 3, 61, 60);
	rblk_vol_want_like(w.v, 18 + 1, U32_MAX, 61, 60);
	CHECK_EQ(value(0), 50);
	rblk_vol_want_like(w.v, 18 + 2, 1, 62 | RBLK_MAP_UNWRITTEN, 61);
	CHECK_EQ(value(4), 62 | RBLK_MAP_UNWRITTEN);
	CHECK_EQ(value(3), 61 | ABSENT);
	stop();

	/* Half as large: the other half may have content, whatever this one has. */
	start();
	rblk_vol_want_like(w.v, 18 - 1, 2, 61, 60);
	rblk_vol_want_like(w.v, 18 - 1, 3, 61 | RBLK_MAP_UNWRITTEN, 60);
	rblk_vol_want_like(w.v, 18 - 1, 2 * REGIONS, 61, 60);
	for (i = 0; i < REGIONS; i++)
		CHECK_EQ(!!(value(i) & ABSENT), i == 1);
	CHECK_EQ(value(1), 61 | ABSENT);
	stop();
}

/* All of a block is written: it need not be pulled, and nothing waits for it. */
static void test_write_through(void)
{
	start();
	rblk_vol_want_all(w.v);
	rblk_vol_map_clean(w.v, 0);
	commit(RBLK_E_WRITE, 8, 8);			/* 101: block 1 */
	CHECK_EQ(needed(0), -1);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);	/* not before it is applied */
	CHECK_EQ(apply(), 101);
	CHECK_EQ(bits(0), ~2ULL);
	CHECK_EQ(value(0), 101 | ABSENT);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	CHECK(rblk_vol_block_absent(w.v, 0));
	CHECK(!rblk_vol_block_absent(w.v, 1));
	commit(RBLK_E_WRITE, 9, 3);			/* 102: a part of it, which is there */
	CHECK_EQ(apply(), 102);
	commit(RBLK_E_WRITE, 16, 16);			/* 103: blocks 2 and 3 */
	commit(RBLK_E_WRITE, 31, 2);			/* 104: a part of 3 and of 4 */
	CHECK_EQ(apply(), 103);
	CHECK_EQ(bits(0), ~0xeULL);
	CHECK_EQ(needed(0), 0);
	rblk_vol_landed(w.v, 0);
	CHECK_EQ(bits(0), U64_MAX << BLOCKS);
	CHECK_EQ(apply(), 104);
	stop();
	/* The last block of the volume is all that there is of it. */
	begin(SECTORS - 3, 18);
	rblk_vol_want_all(w.v);
	commit(RBLK_E_WRITE, SECTORS - 8, 5);
	CHECK_EQ(needed(0), -1);
	CHECK_EQ(apply(), 101);
	CHECK_EQ(rblk_vol_absent(w.v), 9 * BLOCKS + LAST_BLOCKS - 1);
	commit(RBLK_E_WRITE, SECTORS - 16, 7);
	CHECK_EQ(apply(), 101);
	stop();
}

/* Zeroes: what they have all of is there, and the rest they wait for. */
static void test_zero_through(void)
{
	start();
	rblk_vol_want_all(w.v);
	commit(RBLK_E_ZEROES, CHUNK, 2 * CHUNK);	/* 101: chunks 1 and 2 */
	CHECK_EQ(needed(0), -1);
	CHECK_EQ(apply(), 101);
	CHECK_EQ(bits(0), U64_MAX >> BLOCKS);
	CHECK_EQ(bits(1), U64_MAX << BLOCKS);
	CHECK_EQ(next(1, 0), 3);
	commit(RBLK_E_ZEROES, 4 * CHUNK + 1, 15);	/* 102: a part of a block, and one */
	CHECK_EQ(apply(), 101);
	CHECK_EQ(needed(0), 4);
	rblk_vol_landed(w.v, 4);
	CHECK_EQ(apply(), 102);
	commit(RBLK_E_ZEROES, 6 * CHUNK, 9);		/* 103: one block, and a part */
	CHECK_EQ(apply(), 102);
	CHECK_EQ(needed(0), 6);
	rblk_vol_landed(w.v, 6);
	CHECK_EQ(apply(), 103);
	commit(RBLK_E_ZEROES, 7 * CHUNK + 1, 6);	/* 104: only a part of a block */
	CHECK_EQ(apply(), 103);
	CHECK_EQ(needed(0), 7);
	CHECK_EQ(needed(1 << 7), -1);
	rblk_vol_landed(w.v, 7);
	CHECK_EQ(apply(), 104);
	commit(RBLK_E_ZEROES, 8 * CHUNK, CHUNK + LAST);	/* 105: up to the end */
	CHECK_EQ(apply(), 105);
	CHECK_EQ(bits(4), 0);
	stop();
}

/* An entry that changes a part of what is absent waits, and all that follow with it. */
static void test_apply_waits(void)
{
	start();
	rblk_vol_want(w.v, 1, 60, 50);			/* chunks 2 and 3 */
	write_at(0);					/* 101 */
	write_at(3 * CHUNK);				/* 102 */
	write_at(CHUNK);				/* 103 */
	CHECK_EQ(apply(), 101);
	rblk_vol_landed(w.v, 2);			/* not that one */
	CHECK_EQ(apply(), 101);
	rblk_vol_landed(w.v, 3);
	CHECK_EQ(apply(), 103);
	stop();
}

/* The first and the last sector of a write count. */
static void test_apply_edges(void)
{
	start();
	rblk_vol_want(w.v, 1, 60, 50);
	rblk_vol_landed(w.v, 3);
	commit(RBLK_E_WRITE, 2 * CHUNK - 7, 7);		/* 101: before it */
	commit(RBLK_E_WRITE, 3 * CHUNK, 7);		/* 102: behind it */
	CHECK_EQ(apply(), 102);
	commit(RBLK_E_WRITE, 2 * CHUNK - 8, 9);		/* 103: one sector of it */
	CHECK_EQ(apply(), 102);
	rblk_vol_want(w.v, 1, 60, 50);
	rblk_vol_landed(w.v, 2);
	CHECK_EQ(apply(), 103);
	commit(RBLK_E_WRITE, 4 * CHUNK - 1, 2);		/* 104: begins in front of the end */
	CHECK_EQ(apply(), 103);
	rblk_vol_landed(w.v, 3);
	CHECK_EQ(apply(), 104);
	stop();
}

/* Zeroes with a part of a block at either end wait for both of them. */
static void test_zeroes_wait(void)
{
	start();
	rblk_vol_want(w.v, 1, 60, 50);
	rblk_vol_want(w.v, 2, 60, 50);
	commit(RBLK_E_ZEROES, 2 * CHUNK + 4, 2 * CHUNK);
	CHECK_EQ(apply(), 100);
	CHECK_EQ(needed(0), 2);
	CHECK_EQ(needed(1 << 2), 4);
	CHECK_EQ(needed(1 << 2 | 1 << 4), -1);		/* 3 is absent, but not needed */
	rblk_vol_landed(w.v, 2);
	CHECK_EQ(apply(), 100);
	CHECK_EQ(needed(0), 4);
	rblk_vol_landed(w.v, 4);
	CHECK_EQ(apply(), 101);
	CHECK_EQ(needed(0), -1);
	CHECK_EQ(rblk_vol_absent(w.v), BLOCKS);		/* 5 */
	stop();
}

/* What changes nothing waits for nothing. */
static void test_no_effect(void)
{
	struct rblk_entry e;

	start();
	rblk_vol_want_all(w.v);
	e = w_make(&w, RBLK_E_WRITE, 0, 8);
	e.epoch = 99;					/* fenced */
	w.e[++w.last] = e;
	CHECK_EQ(rblk_vol_execute(w.v, &w.e[101]), -ESTALE);
	e = w_make(&w, RBLK_E_ZEROES, 0, 8);
	e.epoch = 99;
	w.e[++w.last] = e;
	CHECK_EQ(rblk_vol_execute(w.v, &w.e[102]), -ESTALE);
	w.e[++w.last] = (struct rblk_entry){ .index = 103, .term = 3, .kind = RBLK_E_NOOP };
	CHECK_EQ(rblk_vol_execute(w.v, &w.e[103]), 0);
	CHECK_EQ(apply(), 103);
	CHECK_EQ(bits(0), U64_MAX);
	commit(RBLK_E_ZEROES, 0, 7);
	CHECK_EQ(apply(), 103);
	stop();
}

/* What the oldest unapplied entries wait for comes first. */
static void test_needed(void)
{
	start();
	rblk_vol_want_all(w.v);
	write_at(7 * CHUNK);
	write_at(5 * CHUNK);
	CHECK_EQ(needed(0), 7);
	CHECK_EQ(needed(1 << 7), 5);
	CHECK_EQ(needed(1 << 7 | 1 << 5), -1);
	CHECK_EQ(next(0, 0), 0);
	rblk_vol_landed(w.v, 7);
	CHECK_EQ(needed(0), 5);
	CHECK_EQ(apply(), 101);
	CHECK_EQ(needed(0), 5);
	stop();
}

/* The map says that regions are whole once nothing is absent. */
static void test_settle(void)
{
	start();
	rblk_vol_want(w.v, 1, 60, 50);
	rblk_vol_want(w.v, 2, 61, 50);
	rblk_vol_map_clean(w.v, 0);
	rblk_vol_map_clean(w.v, 1);
	rblk_vol_landed(w.v, 2);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	rblk_vol_map_clean(w.v, 0);
	rblk_vol_landed(w.v, 3);
	rblk_vol_landed(w.v, 4);
	rblk_vol_landed(w.v, 5);
	CHECK_EQ(value(1), 60 | ABSENT);
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK(!rblk_vol_complete(w.v));
	CHECK_EQ(rblk_vol_map_dirty(w.v, 1), -1);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(1), 60);
	CHECK_EQ(value(2), 61);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 1), 1);
	CHECK(rblk_vol_complete(w.v));
	/* An absent region has an index, too. */
	rblk_vol_want(w.v, 2, 60, 50);
	CHECK(rblk_vol_touched_since(w.v, 60, 4 * CHUNK, 1));
	CHECK(!rblk_vol_touched_since(w.v, 61, 4 * CHUNK, 1));
	stop();
}

/* Another state: what was executed here and is not applied is given up. */
static void test_install(void)
{
	struct rblk_state to = { .index = 500, .term = 7, .digest = 8, .nsessions = 1,
				 .session = { { 2, 400, 3, 9 } } };
	struct vol_seg seg[4];
	u32 done;

	start();
	write_at(0);
	commit(RBLK_E_ZEROES, CHUNK, 16);
	CHECK_EQ(apply(), 102);
	write_at(8);					/* 103, 104: not applied */
	commit(RBLK_E_ZEROES, 2 * CHUNK, 16);
	rblk_vol_want(w.v, 0, 450, 50);
	rblk_vol_install(w.v, &to);
	CHECK(!memcmp(rblk_vol_executed(w.v), &to, sizeof(to)));
	CHECK(!memcmp(rblk_vol_applied(w.v), &to, sizeof(to)));
	w.applied = w.last = 500;
	CHECK_EQ(apply(), 500);
	CHECK_EQ(rblk_vol_lookup(w.v, 8, 8, seg, ARRAY_SIZE(seg), &done), 1);
	CHECK_EQ(seg[0].kind, VOL_SEG_DATA);
	CHECK_EQ(value(0), 450 | ABSENT);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	/* It goes on from there. */
	w.sess[0] = to.session[0];
	CHECK_EQ(commit(RBLK_E_WRITE, 4 * CHUNK, 8), 501);
	CHECK_EQ(apply(), 501);
	stop();
}

static void test_misuse(void)
{
	struct rblk_state old = { .index = 101, .term = 1 };
	struct vol_batch b;

	start();
	write_at(0);
	tap_expect_asserts();
	rblk_vol_install(w.v, &old);			/* not newer */
	CHECK_EQ(tap_asserts(), 1);
	CHECK_EQ(rblk_vol_applied(w.v)->index, 100);
	CHECK(rblk_vol_apply_plan(w.v, U64_MAX, &b));
	old.index = 200;
	rblk_vol_install(w.v, &old);			/* in the middle of a batch */
	CHECK_EQ(tap_asserts(), 2);
	CHECK_EQ(rblk_vol_executed(w.v)->index, 101);
	rblk_vol_apply_done(w.v);
	rblk_vol_landed(w.v, 0);			/* was not absent: no harm */
	CHECK_EQ(tap_asserts(), 2);
	rblk_vol_landed(w.v, CHUNKS);			/* does not exist */
	CHECK_EQ(tap_asserts(), 3);
	rblk_vol_want(w.v, 0, 60, 50);
	rblk_vol_settle(w.v);				/* something is absent */
	CHECK_EQ(tap_asserts(), 4);
	rblk_vol_map_redo(w.v, 2);			/* no such map block */
	CHECK_EQ(tap_asserts(), 5);
	CHECK_EQ(value(0), 101 | ABSENT);
	rblk_vol_landed(w.v, 0);
	rblk_vol_landed(w.v, 1);
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	stop();
}

static const struct tap_case cases[] = {
	{ "chunks", test_chunks },
	{ "whole", test_whole },
	{ "want", test_want },
	{ "want_like", test_want_like },
	{ "write_through", test_write_through },
	{ "zero_through", test_zero_through },
	{ "apply_waits", test_apply_waits },
	{ "apply_edges", test_apply_edges },
	{ "zeroes_wait", test_zeroes_wait },
	{ "no_effect", test_no_effect },
	{ "needed", test_needed },
	{ "settle", test_settle },
	{ "install", test_install },
	{ "misuse", test_misuse },
};

TAP_MAIN(cases)
