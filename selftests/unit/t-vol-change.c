// SPDX-License-Identifier: GPL-2.0
/*
 * The change map: loading, dirty blocks, and that no value is ever too low. The
 * values themselves are tested in t-vol-model.c.
 */
#include "vol-world.h"

static struct world w;

#define PER	RBLK_MAP_PER_BLOCK

/* A volume as of entry 100, of three map blocks of one-block regions and 5 regions more. */
static struct rblk_state at = { .index = 100, .term = 1, .nsessions = 1 };

/* The map blocks with regions follow those with bits. */
static u32 nth(u32 block)
{
	return rblk_vol_bit_blocks(w.v) + block;
}

static int dirty(u32 from)
{
	int n = rblk_vol_map_dirty(w.v, nth(from));

	return n < 0 ? n : n - (int)nth(0);
}

static void start(void)
{
	at.session[0] = (struct rblk_session){ .store = 1, .epoch = 1, .nonce = 1, .seq = 0 };
	w_start(&w, W_SECTORS, 512, 64, 4, 33);
	w_stop(&w);
	w.g.sectors = (3 * PER + 5) * 8 - 3;
	w.g.region_shift = 12;
	w.mem = calloc(1, rblk_vol_size(&w.g));
	w.v = rblk_vol_init(w.mem, &w.g, &at);
	CHECK(w.v);
	w.last = w.applied = 100;
	w.sess[0] = at.session[0];
	w.nsess = 1;
	CHECK_EQ(rblk_vol_map_blocks(w.v), nth(4));
}

/* Plain commit and apply: the sectors are too many for the model's arrays. */
static void commit(u8 kind, u64 sector, u32 nsect)
{
	struct rblk_entry e = w_make(&w, kind, sector, nsect);

	e.term = 1;
	w.e[e.index] = e;
	w.last = e.index;
	w.sess[0].seq++;
	CHECK_EQ(rblk_vol_execute(w.v, &w.e[e.index]), 0);
}

static void apply(void)
{
	w_apply(&w);
}

static u64 value(u32 region)
{
	return rblk_vol_map(w.v, nth(region / PER))[region % PER];
}

static void load_all(u64 val)
{
	u64 v[PER];
	u32 b, i;

	for (i = 0; i < PER; i++)
		v[i] = val;
	for (b = 0; b < 4; b++)
		rblk_vol_map_load(w.v, nth(b), v, true, 0);
}

/* Not loaded: all changed at the checkpoint. */
static void test_unknown(void)
{
	start();
	CHECK(rblk_vol_touched_since(w.v, 99, 0, 1));
	CHECK(rblk_vol_touched_since(w.v, 0, 8 * 3 * PER, 1));
	CHECK(!rblk_vol_touched_since(w.v, 100, 0, 4000));
	CHECK_EQ(dirty(0), -1);
	CHECK_EQ(value(0), 100);
	CHECK_EQ(value(3 * PER + 4), 100);
	CHECK_EQ(value(3 * PER + 5), 0);		/* padding */
	w_stop(&w);
}

static void test_load(void)
{
	u64 v[PER];
	u32 i;

	start();
	for (i = 0; i < PER; i++)
		v[i] = i % 100;
	rblk_vol_map_load(w.v, nth(1), v, true, 0);
	CHECK_EQ(dirty(0), -1);
	for (i = 0; i < PER; i++)
		CHECK_EQ(value(PER + i), i % 100);
	CHECK_EQ(value(PER - 1), 100);
	CHECK_EQ(value(2 * PER), 100);
	CHECK(rblk_vol_touched_since(w.v, 6, (PER + 7) * 8, 8));
	CHECK(!rblk_vol_touched_since(w.v, 7, (PER + 7) * 8, 8));
	CHECK(rblk_vol_touched_since(w.v, 7, (PER + 7) * 8 + 7, 2));
	CHECK(!rblk_vol_touched_since(w.v, 7, (PER + 6) * 8 + 7, 2));
	rblk_vol_map_load(w.v, nth(3), v, true, 0);
	CHECK_EQ(value(3 * PER + 4), 4);
	CHECK_EQ(value(3 * PER + 5), 0);		/* padding stays zero */
	CHECK_EQ(rblk_vol_check(w.v), 0);
	w_stop(&w);
}

/* The map is loaded late, or with values from a checkpoint that was not completed. */
static void test_load_late(void)
{
	u64 v[PER] = { 0 };

	start();
	commit(RBLK_E_WRITE, 0, 1);			/* 101 */
	commit(RBLK_E_WRITE, 8, 1);			/* 102 */
	apply();
	v[0] = 50;
	v[1] = 120;
	v[2] = 130;
	rblk_vol_map_load(w.v, nth(0), v, true, 0);
	CHECK_EQ(value(0), 101);			/* touched since: stays */
	CHECK_EQ(value(1), 120);			/* the disk knew more */
	CHECK_EQ(value(2), 130);
	CHECK_EQ(value(3), 0);
	CHECK_EQ(dirty(0), 0);
	commit(RBLK_E_WRITE, 16, 1);			/* 103, replayed: no lower */
	apply();
	CHECK_EQ(value(2), 130);
	w_stop(&w);
}

static void test_unreadable(void)
{
	start();
	commit(RBLK_E_WRITE, 8 * PER, 1);		/* 101 */
	apply();
	load_all(7);
	rblk_vol_map_clean(w.v, nth(1));
	rblk_vol_map_load(w.v, nth(1), NULL, false, 100);
	CHECK_EQ(value(PER), 101);
	CHECK_EQ(value(PER + 1), 100);
	CHECK_EQ(value(2 * PER - 1), 100);
	CHECK_EQ(value(PER - 1), 7);
	CHECK_EQ(value(2 * PER), 7);
	CHECK_EQ(dirty(0), 1);
	CHECK_EQ(dirty(2), -1);
	rblk_vol_map_load(w.v, nth(3), NULL, false, 100);
	CHECK_EQ(value(3 * PER + 4), 100);
	CHECK_EQ(value(3 * PER + 5), 0);
	CHECK_EQ(rblk_vol_check(w.v), 0);
	w_stop(&w);
}

static void test_dirty(void)
{
	start();
	load_all(7);
	CHECK_EQ(dirty(0), -1);
	commit(RBLK_E_ZEROES, 8 * (PER - 1), 9);	/* 101: two map blocks */
	CHECK_EQ(dirty(0), -1);	/* only once applied */
	CHECK(rblk_vol_touched_since(w.v, 100, 8 * PER, 1));
	CHECK(!rblk_vol_touched_since(w.v, 100, 8 * PER + 1, 1));
	apply();
	CHECK_EQ(dirty(0), 0);
	CHECK_EQ(dirty(1), 1);
	CHECK_EQ(dirty(2), -1);
	CHECK_EQ(dirty(4), -1);
	CHECK_EQ(dirty(1000), -1);
	CHECK(rblk_vol_touched_since(w.v, 100, 8 * PER + 1, 1));	/* by the region now */
	rblk_vol_map_clean(w.v, nth(0));
	CHECK_EQ(dirty(0), 1);
	rblk_vol_map_clean(w.v, nth(1));
	CHECK_EQ(dirty(0), -1);
	commit(RBLK_E_WRITE, w.g.sectors - 1, 1);	/* the last sector */
	apply();
	CHECK_EQ(dirty(0), 3);
	CHECK_EQ(value(3 * PER + 4), 102);
	w_stop(&w);
}

/* An aborted batch touched nothing; an invalid entry never does. */
static void test_no_effect(void)
{
	struct rblk_entry e;
	struct vol_batch b;

	start();
	load_all(7);
	commit(RBLK_E_WRITE, 0, 1);
	CHECK(rblk_vol_apply_plan(w.v, U64_MAX, &b));
	rblk_vol_apply_abort(w.v);
	CHECK_EQ(value(0), 7);
	apply();
	CHECK_EQ(value(0), 101);
	e = w_make(&w, RBLK_E_WRITE, 800, 1);
	e.term = 1;
	e.epoch = 9;
	w.e[e.index] = e;
	w.last = e.index;
	CHECK_EQ(rblk_vol_execute(w.v, &w.e[e.index]), -ESTALE);
	CHECK(!rblk_vol_touched_since(w.v, 101, 800, 1));
	apply();
	CHECK(!rblk_vol_touched_since(w.v, 101, 800, 1));
	w_stop(&w);
}

static void test_touched_edges(void)
{
	start();
	load_all(7);
	CHECK(!rblk_vol_touched_since(w.v, 100, 0, 0));
	CHECK(!rblk_vol_touched_since(w.v, U64_MAX, 0, w.g.sectors));
	CHECK(rblk_vol_touched_since(w.v, U64_MAX, w.g.sectors, 1));	/* nobody knows */
	CHECK(rblk_vol_touched_since(w.v, U64_MAX, w.g.sectors + 1, 1));
	CHECK(rblk_vol_touched_since(w.v, U64_MAX, 0, w.g.sectors + 1));
	commit(RBLK_E_WRITE, 40, 2);			/* 101 */
	commit(RBLK_E_WRITE, 44, 2);			/* 102 */
	CHECK(!rblk_vol_touched_since(w.v, 100, 0, 40));
	CHECK(!rblk_vol_touched_since(w.v, 100, 42, 2));
	CHECK(rblk_vol_touched_since(w.v, 100, 41, 1));
	CHECK(rblk_vol_touched_since(w.v, 100, 41, 4));
	CHECK(!rblk_vol_touched_since(w.v, 101, 40, 4));
	CHECK(rblk_vol_touched_since(w.v, 101, 40, 5));
	CHECK(!rblk_vol_touched_since(w.v, 102, 0, w.g.sectors));
	CHECK(rblk_vol_touched_since(w.v, 101, 0, w.g.sectors));
	w_stop(&w);
}

static void test_misuse(void)
{
	start();
	tap_expect_asserts();
	CHECK(!rblk_vol_map(w.v, nth(4)));
	rblk_vol_map_clean(w.v, nth(4));
	rblk_vol_map_load(w.v, nth(4), NULL, false, 1);
	CHECK_EQ(tap_asserts(), 3);
	w_stop(&w);
}

/* More than a word of map blocks. */
static void test_many_blocks(void)
{
	u32 b;

	start();
	w_stop(&w);
	w.g.sectors = 200ULL * PER * 8;
	w.mem = calloc(1, rblk_vol_size(&w.g));
	w.v = rblk_vol_init(w.mem, &w.g, &at);
	CHECK_EQ(rblk_vol_map_blocks(w.v), nth(200));
	commit(RBLK_E_WRITE, (64ULL - nth(0)) * PER * 8, 1);	/* the first of the second word */
	apply();
	CHECK_EQ(dirty(0), 64 - nth(0));
	rblk_vol_map_clean(w.v, 64);
	commit(RBLK_E_WRITE, 70ULL * PER * 8, 1);
	apply();
	CHECK_EQ(dirty(63), 70);
	CHECK_EQ(dirty(71), -1);
	rblk_vol_map_clean(w.v, nth(70));
	commit(RBLK_E_WRITE, 130ULL * PER * 8, 1);
	commit(RBLK_E_WRITE, 199ULL * PER * 8, 1);
	apply();
	CHECK_EQ(dirty(0), 130);
	CHECK_EQ(dirty(63), 130);
	CHECK_EQ(dirty(128), 130);
	CHECK_EQ(dirty(130), 130);
	CHECK_EQ(dirty(131), 199);
	for (b = 0; b < 200; b++)
		rblk_vol_map_clean(w.v, nth(b));
	CHECK_EQ(dirty(0), -1);
	w_stop(&w);
}

static const struct tap_case cases[] = {
	{ "unknown", test_unknown },
	{ "load", test_load },
	{ "load_late", test_load_late },
	{ "unreadable", test_unreadable },
	{ "dirty", test_dirty },
	{ "no_effect", test_no_effect },
	{ "touched_edges", test_touched_edges },
	{ "misuse", test_misuse },
	{ "many_blocks", test_many_blocks },
};

TAP_MAIN(cases)
