// SPDX-License-Identifier: GPL-2.0
/* Bounds: geometries that are refused, and back-pressure of the smallest arenas. */
#include "vol-world.h"

static struct world w;

static void bad(void (*spoil)(struct vol_geom *g))
{
	static u64 mem[1 << 14];
	struct rblk_state zero = { 0 };
	struct vol_geom g = {
		.sectors = 64, .block_size = 512, .region_shift = 20,
		.versions = 33, .ranges = 1, .batch = 33, .entry = w_entry, .ctx = &w,
	};

	CHECK(rblk_vol_size(&g) && rblk_vol_size(&g) <= sizeof(mem));
	memset(mem, 0, sizeof(mem));
	CHECK(rblk_vol_init(mem, &g, &zero));
	zero.nsessions = 2;
	CHECK(!rblk_vol_init(mem, &g, &zero));
	g.shared = true;
	CHECK(rblk_vol_init(mem, &g, &zero));
	zero.nsessions = RBLK_SESSIONS_MAX;
	CHECK(rblk_vol_init(mem, &g, &zero));
	zero.nsessions++;
	CHECK(!rblk_vol_init(mem, &g, &zero));
	g.shared = false;
	zero.nsessions = 0;
	spoil(&g);
	CHECK_EQ(rblk_vol_size(&g), 0);
	CHECK(!rblk_vol_init(mem, &g, &zero));
}

static void no_sectors(struct vol_geom *g) { g->sectors = 0; }
static void bytes_wrap(struct vol_geom *g) { g->sectors = 1ULL << 55; g->region_shift = 40; }
static void odd_4k(struct vol_geom *g) { g->block_size = 4096; g->sectors = 63; }
static void bs_0(struct vol_geom *g) { g->block_size = 0; }
static void bs_1024(struct vol_geom *g) { g->block_size = 1024; }
static void bs_8192(struct vol_geom *g) { g->block_size = 8192; }
static void region_small(struct vol_geom *g) { g->region_shift = 11; }
static void region_big(struct vol_geom *g) { g->region_shift = 41; }
static void regions_many(struct vol_geom *g) { g->sectors = 1ULL << 40; g->region_shift = 12; }
static void no_ranges(struct vol_geom *g) { g->ranges = 0; }
static void ranges_many(struct vol_geom *g) { g->ranges = U32_MAX; }
static void batch_small(struct vol_geom *g) { g->batch = 32; }
static void batch_big(struct vol_geom *g) { g->batch = 34; }
static void slots_many(struct vol_geom *g) { g->versions = U32_MAX; }
static void no_callback(struct vol_geom *g) { g->entry = NULL; }

static void test_geometry(void)
{
	bad(no_sectors);
	bad(bytes_wrap);
	bad(odd_4k);
	bad(bs_0);
	bad(bs_1024);
	bad(bs_8192);
	bad(region_small);
	bad(region_big);
	bad(regions_many);
	bad(no_ranges);
	bad(ranges_many);
	bad(batch_small);
	bad(batch_big);
	bad(slots_many);
	bad(no_callback);
}

static void *snapshot(void)
{
	void *p = malloc(rblk_vol_size(&w.g));

	memcpy(p, w.mem, rblk_vol_size(&w.g));
	return p;
}

/* -EAGAIN, and not a byte of the arena is different. */
static void refused(struct rblk_entry e)
{
	void *before = snapshot();

	CHECK(!w_commit(&w, e));
	CHECK(!w_commit(&w, e));
	CHECK(!memcmp(before, w.mem, rblk_vol_size(&w.g)));
	free(before);
}

static void test_slots_full(void)
{
	u32 i;

	w_start(&w, 2041, 512, 40, 2, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 1, 256)));	/* 33 blocks */
	for (i = 0; i < 7; i++)
		CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 800, 1)));
	refused(w_make(&w, RBLK_E_WRITE, 0, 1));
	/* what needs no room is not held up */
	CHECK(w_commit(&w, w_make(&w, RBLK_E_ZEROES, 0, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_NOOP, 0, 0)));
	CHECK(w_plan(&w, U64_MAX));
	CHECK_EQ(w.b.last, 2);
	CHECK_EQ(w.b.nitem, 33);
	refused(w_make(&w, RBLK_E_WRITE, 0, 1));		/* not before it is done */
	w_abort(&w);
	refused(w_make(&w, RBLK_E_WRITE, 0, 1));
	CHECK(w_plan(&w, U64_MAX));
	w_done(&w);
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 1)));	/* 32 free */
	refused(w_make(&w, RBLK_E_WRITE, 1, 32 * 8));		/* touches 33 */
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 8, 33 * 8 - 16)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 1)));
	w_check(&w);
	w_apply_all(&w);
	w_stop(&w);
}

static void test_ranges_full(void)
{
	w_start(&w, 2041, 512, 40, 2, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_ZEROES, 0, 2041)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_ZEROES, 5, 9)));
	refused(w_make(&w, RBLK_E_ZEROES, 0, 1));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_NOOP, 0, 0)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 1)));
	CHECK(w_plan(&w, 2));
	w_done(&w);
	CHECK(w_commit(&w, w_make(&w, RBLK_E_ZEROES, 0, 1)));
	refused(w_make(&w, RBLK_E_ZEROES, 0, 1));
	w_check(&w);
	w_apply_all(&w);
	w_stop(&w);
}

/* Room is asked for by form: a stale write waits, too, and is executed only once. */
static void test_stale_waits(void)
{
	struct rblk_entry e;

	w_start(&w, 2041, 512, 33, 1, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 256)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_ZEROES, 0, 256)));
	e = w_make(&w, RBLK_E_WRITE, 0, 256);
	e.epoch = 77;
	refused(e);
	w_apply_all(&w);
	CHECK(w_commit(&w, e));
	CHECK_EQ(w.verdict[w.last], -ESTALE);
	CHECK_EQ(rblk_vol_unapplied(w.v), 0);
	w_check(&w);
	w_apply_all(&w);
	w_stop(&w);
}

/* The largest entries go through the smallest arena, forever. */
static void test_smallest(void)
{
	u32 i;

	w_start(&w, 2041, 512, 33, 1, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	for (i = 0; i < 300; i++) {
		CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 1 + i * 7 % 1700, 256)));
		if (i % 3 == 0)
			CHECK(w_commit(&w, w_make(&w, RBLK_E_ZEROES, i, 1000)));
		w_read(&w, 0, 2041, 60);
		w_apply_all(&w);
	}
	w_map(&w);
	w_stop(&w);
}

/* Entries of no effect move the applied index on, in a batch without work. */
static void test_empty_batch(void)
{
	struct rblk_entry e;

	w_start(&w, 64, 512, 33, 1, 33);
	CHECK(!w_plan(&w, U64_MAX));
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_NOOP, 0, 0)));
	e = w_make(&w, RBLK_E_WRITE, 0, 1);
	e.seq = 5;
	CHECK(w_commit(&w, e));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 64, 1)));	/* -ERANGE */
	CHECK(!w_plan(&w, 0));
	CHECK(w_plan(&w, 3));
	CHECK_EQ(w.b.last, 3);
	CHECK(!w.b.nitem && !w.b.nzero);
	w_done(&w);
	CHECK(w_plan(&w, 99));
	CHECK_EQ(w.b.last, 4);
	w_done(&w);
	CHECK(!w_plan(&w, U64_MAX));
	w_check(&w);
	w_stop(&w);
}

/* One plan at a time; done and abort need one; a broken callback stops the plan. */
static void test_misuse(void)
{
	struct vol_batch b;

	w_start(&w, 64, 512, 33, 1, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 1)));
	tap_expect_asserts();
	rblk_vol_apply_done(w.v);
	CHECK_EQ(tap_asserts(), 1);
	rblk_vol_apply_abort(w.v);
	CHECK_EQ(tap_asserts(), 2);
	CHECK(rblk_vol_apply_plan(w.v, U64_MAX, &b));
	CHECK(!rblk_vol_apply_plan(w.v, U64_MAX, &b));
	CHECK_EQ(tap_asserts(), 3);
	rblk_vol_apply_abort(w.v);
	w.applied = 1;		/* entry 1 is "trimmed" */
	CHECK(!rblk_vol_apply_plan(w.v, U64_MAX, &b));
	CHECK_EQ(tap_asserts(), 4);
	w.applied = 0;
	w.e[2].term = 0;
	CHECK(rblk_vol_apply_plan(w.v, U64_MAX, &b));
	CHECK_EQ(b.last, 1);
	CHECK_EQ(tap_asserts(), 5);
	w_stop(&w);
}

/* Reads and their segments at the edges. */
static void test_read_edges(void)
{
	struct vol_seg seg[4];
	u32 done = 5;

	w_start(&w, 64, 512, 33, 1, 33);
	CHECK_EQ(rblk_vol_lookup(w.v, 0, 0, seg, 4, &done), 0);
	CHECK_EQ(done, 0);
	CHECK_EQ(rblk_vol_lookup(w.v, 64, 0, seg, 4, &done), 0);
	CHECK_EQ(rblk_vol_lookup(w.v, 0, 64, seg, 0, &done), 0);
	CHECK_EQ(done, 0);
	CHECK_EQ(rblk_vol_lookup(w.v, 0, 64, seg, 1, &done), 1);	/* nothing unapplied: one */
	CHECK_EQ(done, 64);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 20, 1)));
	CHECK_EQ(rblk_vol_lookup(w.v, 0, 64, seg, 1, &done), 1);
	CHECK_EQ(done, 20);					/* cut within a block */
	CHECK_EQ(rblk_vol_lookup(w.v, 0, 64, seg, 2, &done), 2);
	CHECK_EQ(done, 21);
	CHECK_EQ(rblk_vol_lookup(w.v, 0, 64, seg, 3, &done), 3); /* blocks merged around it */
	CHECK_EQ(done, 64);
	tap_expect_asserts();
	CHECK_EQ(rblk_vol_lookup(w.v, 60, 5, seg, 4, &done), 0);
	CHECK_EQ(done, 0);
	CHECK_EQ(rblk_vol_lookup(w.v, 65, 0, seg, 4, &done), 0);
	CHECK_EQ(rblk_vol_lookup(w.v, U64_MAX, 2, seg, 4, &done), 0);
	CHECK_EQ(tap_asserts(), 3);
	w_stop(&w);
}

static const struct tap_case cases[] = {
	{ "geometry", test_geometry },
	{ "slots_full", test_slots_full },
	{ "ranges_full", test_ranges_full },
	{ "stale_waits", test_stale_waits },
	{ "smallest", test_smallest },
	{ "empty_batch", test_empty_batch },
	{ "misuse", test_misuse },
	{ "read_edges", test_read_edges },
};

TAP_MAIN(cases)
