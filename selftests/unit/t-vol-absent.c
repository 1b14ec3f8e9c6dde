// SPDX-License-Identifier: GPL-2.0
/*
 * What the data device lacks: what is wanted, what the apply waits for, what has landed, and
 * when the map may say so.
 */
#include "vol-world.h"

#define CHUNK		256		/* sectors */
#define LAST		40		/* ... of the last chunk */
#define CHUNKS		10		/* two in each region */
#define SECTORS		((CHUNKS - 1) * CHUNK + LAST)
#define REGIONS		5

static struct world w;
static struct rblk_state at = { .index = 100, .term = 1, .nsessions = 1 };

static void begin(u64 sectors, u32 region_shift)
{
	at.session[0] = (struct rblk_session){ .store = 1, .epoch = 1, .nonce = 1, .seq = 0 };
	memset(&w, 0, sizeof(w));
	w.g = (struct vol_geom){
		.sectors = sectors, .block_size = 512, .region_shift = region_shift,
		.versions = 256, .ranges = 4, .batch = 33, .entry = w_entry, .ctx = &w,
	};
	w.mem = calloc(1, rblk_vol_size(&w.g));
	w.v = rblk_vol_init(w.mem, &w.g, &at);
	CHECK(w.v);
	w.last = w.applied = 100;
	w.sess[0] = at.session[0];
	w.nsess = 1;
	w.rnd = 88172645463325252ULL;
}

/* A volume of five regions as of entry 100, with a map that says that 50 touched them. */
static void start(void)
{
	u64 v[RBLK_MAP_PER_BLOCK];
	u32 i;

	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		v[i] = i < REGIONS ? 50 : 0;
	begin(SECTORS, 18);
	rblk_vol_map_load(w.v, 0, v, true, 0);
	CHECK_EQ(rblk_vol_regions(w.v), REGIONS);
}

static void stop(void)
{
	CHECK_EQ(rblk_vol_check(w.v), 0);
	w_stop(&w);
}

static u64 commit(u8 kind, u64 sector, u32 nsect)
{
	struct rblk_entry e = w_make(&w, kind, sector, nsect);

	w.e[e.index] = e;
	w.last = e.index;
	w.sess[0].seq++;
	CHECK_EQ(rblk_vol_execute(w.v, &w.e[e.index]), 0);
	return e.index;
}

static u64 write_at(u64 sector)
{
	return commit(RBLK_E_WRITE, sector, 8);
}

/* Applies what can be; returns what is applied now. */
static u64 apply(void)
{
	struct vol_batch b;

	while (rblk_vol_apply_plan(w.v, U64_MAX, &b)) {
		CHECK(b.last > w.applied);
		rblk_vol_apply_done(w.v);
		w.applied = b.last;
	}
	CHECK_EQ(rblk_vol_check(w.v), 0);
	return w.applied;
}

static bool none(void *ctx, u32 chunk)
{
	return false;
}

/* @ctx: bits of the first 64 chunks */
static bool in_set(void *ctx, u32 chunk)
{
	return chunk < 64 && *(u64 *)ctx >> chunk & 1;
}

/* The next chunk that is needed, or absent, or -1. */
static int needed(u64 skip)
{
	u32 chunk;

	return rblk_vol_needed(w.v, in_set, &skip, &chunk) ? (int)chunk : -1;
}

static int next(u32 from, u64 skip)
{
	u32 chunk;

	return rblk_vol_next_absent(w.v, from, in_set, &skip, &chunk) ? (int)chunk : -1;
}

static u64 value(u32 region)
{
	return rblk_vol_map_value(w.v, region);
}

#define ABSENT	RBLK_MAP_ABSENT

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
	CHECK_EQ(rblk_vol_absent(w.v), CHUNKS);
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
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	rblk_vol_map_clean(w.v, 0);
	rblk_vol_want(w.v, 2, 61, 60);
	CHECK_EQ(value(2), 61 | ABSENT);
	CHECK_EQ(rblk_vol_absent(w.v), 2);
	CHECK(!rblk_vol_complete(w.v));
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	rblk_vol_want(w.v, 2, 61, 60);		/* once more */
	rblk_vol_want(w.v, 2, 10, 60);		/* and it stays so, however old it is */
	CHECK_EQ(value(2), 61 | ABSENT);
	CHECK_EQ(rblk_vol_absent(w.v), 2);
	rblk_vol_want(w.v, REGIONS, 100, 0);
	rblk_vol_want(w.v, U32_MAX, 100, 0);
	CHECK_EQ(rblk_vol_absent(w.v), 2);
	/* An index that was known already is no news, but that it is absent is. */
	rblk_vol_map_clean(w.v, 0);
	rblk_vol_want(w.v, 0, 50, 49);
	CHECK_EQ(value(0), 50 | ABSENT);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	rblk_vol_landed(w.v, 0);
	rblk_vol_landed(w.v, 1);
	/* Flags of the other one mean nothing here. */
	rblk_vol_want(w.v, 3, 60 | ABSENT | RBLK_MAP_SETTLING, 60);
	CHECK_EQ(value(3), 60);
	CHECK_EQ(rblk_vol_absent(w.v), 2);
	/* What landed is absent again. */
	rblk_vol_landed(w.v, 4);
	rblk_vol_want(w.v, 2, 70, 60);
	CHECK_EQ(rblk_vol_absent(w.v), 2);
	/* The last region: its chunks are those that exist. */
	rblk_vol_want(w.v, 4, 61, 60);
	CHECK_EQ(rblk_vol_absent(w.v), 4);
	stop();
}

static void test_want_since(void)
{
	u64 v[RBLK_MAP_PER_BLOCK] = { 10, 20, 30, 21, 0 };
	u32 i;

	start();
	rblk_vol_map_load(w.v, 0, v, true, 0);
	stop();
	begin(SECTORS, 18);
	rblk_vol_map_load(w.v, 0, v, true, 0);
	for (i = 0; i < rblk_vol_regions(w.v); i++)
		rblk_vol_want(w.v, i, rblk_vol_map_value(w.v, i), 20);
	CHECK_EQ(value(0), 10);
	CHECK_EQ(value(1), 20);
	CHECK_EQ(value(2), 30 | ABSENT);
	CHECK_EQ(value(3), 21 | ABSENT);
	CHECK_EQ(value(4), 0);
	CHECK_EQ(rblk_vol_absent(w.v), 4);
	stop();
}

/* What is absent is in the map that is loaded; what cannot be read is as was feared. */
static void test_load(void)
{
	u64 v[RBLK_MAP_PER_BLOCK] = { 10, 20 | ABSENT, 30, 40, 50 | ABSENT };

	begin(SECTORS, 18);
	rblk_vol_map_load(w.v, 0, v, true, 0);
	CHECK_EQ(rblk_vol_absent(w.v), 4);
	CHECK_EQ(value(0), 10);
	CHECK_EQ(value(1), 20 | ABSENT);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);
	stop();
	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK_EQ(rblk_vol_absent(w.v), CHUNKS);
	rblk_vol_map_load(w.v, 0, v, true, 0);
	CHECK_EQ(rblk_vol_absent(w.v), 4);
	CHECK_EQ(value(4), 50 | ABSENT);
	stop();
	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	rblk_vol_map_load(w.v, 0, v, false, 77);
	CHECK_EQ(rblk_vol_absent(w.v), CHUNKS);
	CHECK_EQ(value(0), 100 | ABSENT);
	stop();
	begin(SECTORS, 18);
	rblk_vol_map_load(w.v, 0, v, false, 177);
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK_EQ(value(0), 177);
	stop();
	/* Bits that are not for the disk are not taken from it. */
	v[0] |= RBLK_MAP_SETTLING;
	begin(SECTORS, 18);
	rblk_vol_map_load(w.v, 0, v, true, 0);
	CHECK_EQ(value(0), 10);
	rblk_vol_settle(w.v);
	CHECK_EQ(rblk_vol_map(w.v, 0)[0], 10);
	stop();
}

/* An entry that changes what is absent waits, and all that follow with it. */
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
	commit(RBLK_E_WRITE, 2 * CHUNK - 8, 8);		/* 101: before it */
	commit(RBLK_E_WRITE, 3 * CHUNK, 8);		/* 102: behind it */
	CHECK_EQ(apply(), 102);
	commit(RBLK_E_WRITE, 2 * CHUNK - 8, 9);		/* 103: one sector of it */
	CHECK_EQ(apply(), 102);
	rblk_vol_want(w.v, 1, 60, 50);
	rblk_vol_landed(w.v, 2);
	CHECK_EQ(apply(), 103);
	commit(RBLK_E_WRITE, 3 * CHUNK - 1, 2);		/* 104: begins in front of it */
	CHECK_EQ(apply(), 103);
	rblk_vol_landed(w.v, 3);
	CHECK_EQ(apply(), 104);
	stop();
}

/* Zeroes over several chunks wait for all of them. */
static void test_zeroes_wait(void)
{
	start();
	rblk_vol_want(w.v, 1, 60, 50);
	rblk_vol_want(w.v, 2, 60, 50);
	commit(RBLK_E_ZEROES, CHUNK, 4 * CHUNK);	/* 1 to 4 */
	CHECK_EQ(apply(), 100);
	CHECK_EQ(needed(0), 2);
	CHECK_EQ(needed(1 << 2), 3);
	CHECK_EQ(needed(3 << 2), 4);
	CHECK_EQ(needed(7 << 2), -1);			/* 5 is absent, but not needed */
	rblk_vol_landed(w.v, 3);
	rblk_vol_landed(w.v, 2);
	CHECK_EQ(apply(), 100);
	CHECK_EQ(needed(0), 4);
	rblk_vol_landed(w.v, 4);
	CHECK_EQ(apply(), 101);
	CHECK_EQ(needed(0), -1);
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
	commit(RBLK_E_ZEROES, 0, 8);
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

static void test_next(void)
{
	u32 chunk;

	begin(8 * 200 - 3, 12);				/* four words of bits */
	rblk_vol_want(w.v, 3, 200, 100);
	rblk_vol_want(w.v, 63, 200, 100);
	rblk_vol_want(w.v, 192, 200, 100);
	rblk_vol_want(w.v, 199, 200, 100);
	CHECK_EQ(rblk_vol_absent(w.v), 4);
	CHECK_EQ(next(0, 0), 3);
	CHECK_EQ(next(3, 0), 3);
	CHECK_EQ(next(4, 0), 63);
	CHECK_EQ(next(64, 0), 192);
	CHECK_EQ(next(65, 0), 192);
	CHECK_EQ(next(193, 0), 199);
	CHECK_EQ(next(200, 0), 3);			/* round again */
	CHECK_EQ(next(U32_MAX, 0), 3);
	CHECK_EQ(next(0, 1 << 3), 63);
	rblk_vol_landed(w.v, 199);
	CHECK_EQ(next(193, 0), 3);
	rblk_vol_landed(w.v, 63);
	rblk_vol_landed(w.v, 192);
	CHECK_EQ(next(4, 0), 3);
	CHECK_EQ(next(4, 1 << 3), -1);
	rblk_vol_landed(w.v, 3);
	CHECK(!rblk_vol_next_absent(w.v, 0, none, NULL, &chunk));
	stop();
}

/* The map speaks of what had landed a checkpoint ago, and of whole regions only. */
static void test_settle(void)
{
	start();
	rblk_vol_want(w.v, 1, 60, 50);
	rblk_vol_want(w.v, 2, 61, 50);
	rblk_vol_map_clean(w.v, 0);
	rblk_vol_landed(w.v, 2);
	rblk_vol_settle(w.v);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(1), 60 | ABSENT);		/* 3 is absent */
	rblk_vol_landed(w.v, 3);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(1), 60 | ABSENT);		/* told to nobody yet */
	CHECK_EQ(rblk_vol_map(w.v, 0)[1] & ABSENT, ABSENT);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);
	rblk_vol_landed(w.v, 4);
	rblk_vol_landed(w.v, 5);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(1), 60);
	CHECK_EQ(value(2), 61 | ABSENT);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	CHECK(!rblk_vol_complete(w.v));
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(2), 61);
	CHECK(rblk_vol_complete(w.v));
	stop();
}

/* What becomes absent again begins anew, and what is written meanwhile counts. */
static void test_settle_again(void)
{
	start();
	rblk_vol_want(w.v, 0, 60, 50);
	rblk_vol_landed(w.v, 0);
	rblk_vol_landed(w.v, 1);
	rblk_vol_settle(w.v);
	rblk_vol_want(w.v, 0, 70, 60);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(0), 70 | ABSENT);
	rblk_vol_landed(w.v, 0);
	rblk_vol_landed(w.v, 1);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(0), 70 | ABSENT);
	write_at(0);					/* 101 */
	CHECK_EQ(apply(), 101);
	CHECK_EQ(value(0), 101 | ABSENT);
	rblk_vol_settle(w.v);
	CHECK_EQ(value(0), 101);
	CHECK(rblk_vol_complete(w.v));
	/* An absent region has an index, too. */
	rblk_vol_want(w.v, 2, 60, 50);
	CHECK(rblk_vol_touched_since(w.v, 59, 4 * CHUNK, 1));
	CHECK(!rblk_vol_touched_since(w.v, 60, 4 * CHUNK, 1));
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
	CHECK_EQ(rblk_vol_absent(w.v), 2);
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
	rblk_vol_landed(w.v, 0);			/* was not absent */
	rblk_vol_landed(w.v, CHUNKS);			/* does not exist */
	CHECK_EQ(tap_asserts(), 4);
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	stop();
}

static const struct tap_case cases[] = {
	{ "chunks", test_chunks },
	{ "whole", test_whole },
	{ "want", test_want },
	{ "want_since", test_want_since },
	{ "load", test_load },
	{ "apply_waits", test_apply_waits },
	{ "apply_edges", test_apply_edges },
	{ "zeroes_wait", test_zeroes_wait },
	{ "no_effect", test_no_effect },
	{ "needed", test_needed },
	{ "next", test_next },
	{ "settle", test_settle },
	{ "settle_again", test_settle_again },
	{ "install", test_install },
	{ "misuse", test_misuse },
};

TAP_MAIN(cases)
