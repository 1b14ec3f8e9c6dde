// SPDX-License-Identifier: GPL-2.0
/* What the disk says is absent, after a start, and how the next chunk is found. */
#include "vol-absent.h"

static void test_want_since(void)
{
	u64 v[RBLK_MAP_PER_BLOCK] = { 10, 20, 30, 21, 0 };
	u32 i;

	begin(SECTORS, 18);
	load(v);
	for (i = 0; i < rblk_vol_regions(w.v); i++)
		rblk_vol_want(w.v, i, rblk_vol_map_value(w.v, i), 20);
	CHECK_EQ(value(0), 10);
	CHECK_EQ(value(1), 20);
	CHECK_EQ(value(2), 30 | ABSENT);
	CHECK_EQ(value(3), 21 | ABSENT);
	CHECK_EQ(value(4), 0);
	CHECK_EQ(rblk_vol_absent(w.v), 4 * BLOCKS);
	stop();
}

/* What is absent is in the map that is loaded; what cannot be read is as was feared. */
static void test_load(void)
{
	u64 v[RBLK_MAP_PER_BLOCK] = { 10, 20 | ABSENT, 30, 40, 50 | ABSENT };

	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);
	CHECK(!load(v));				/* of which blocks is not known */
	CHECK_EQ(rblk_vol_absent(w.v), 3 * BLOCKS + LAST_BLOCKS);
	CHECK_EQ(value(0), 10);
	CHECK_EQ(value(1), 20 | ABSENT);
	CHECK_EQ(value(4), 50 | ABSENT);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 1), -1);
	stop();
	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK(!load(NULL));
	CHECK_EQ(rblk_vol_absent(w.v), 9 * BLOCKS + LAST_BLOCKS);
	CHECK_EQ(value(0), 177 | ABSENT);
	stop();
	begin(SECTORS, 18);
	CHECK(load(NULL));
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK_EQ(value(0), 177);
	stop();
	/* The flag of the whole is not there, but a region has one: it is not trusted. */
	begin(SECTORS, 18);
	CHECK(!load(v));
	CHECK_EQ(rblk_vol_absent(w.v), 3 * BLOCKS + LAST_BLOCKS);
	stop();
}

/* The bits say what is absent of a region that is flagged, and of no other. */
static void test_load_bits(void)
{
	u64 v[RBLK_MAP_PER_BLOCK] = { 10, 20 | ABSENT, 30, 40, 50 | ABSENT };
	u64 b[RBLK_MAP_PER_BLOCK] = { 0xff, 0x70, 0xf0f0, 0, U64_MAX, U64_MAX };

	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK(load_bits(b));
	CHECK(load(v));
	CHECK_EQ(bits(0), 0);
	CHECK_EQ(bits(1), 0x70);
	CHECK_EQ(bits(2), 0);
	CHECK_EQ(bits(4), U64_MAX >> (64 - BLOCKS - LAST_BLOCKS));
	CHECK_EQ(bits(5), 0);
	CHECK_EQ(rblk_vol_absent(w.v), 3 + BLOCKS + LAST_BLOCKS);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);
	CHECK_EQ(next(0, 0), 2);
	CHECK_EQ(next(3, 0), 8);
	stop();
	/* What cannot be read is of no use where something is absent. */
	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK(load_bits(NULL));
	CHECK(!load(v));
	CHECK_EQ(bits(1), U64_MAX);
	stop();
	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK(load_bits(b));
	CHECK(!load(NULL));
	CHECK_EQ(bits(1), U64_MAX);
	CHECK_EQ(rblk_vol_absent(w.v), 9 * BLOCKS + LAST_BLOCKS);
	stop();
	v[1] = 20;
	v[4] = 50;
	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK(load_bits(NULL));
	CHECK(load(v));
	CHECK(rblk_vol_complete(w.v));
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), -1);	/* nobody will ask for it */
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

/* A map block with bits is skipped if it has none, and so is a word of them. */
static void test_next_far(void)
{
	u64 far = 64ULL * RBLK_MAP_PER_BLOCK;		/* blocks in a map block */
	u64 v[RBLK_MAP_PER_BLOCK] = {};

	begin(3 * far * 8, 18);
	CHECK_EQ(rblk_vol_bit_blocks(w.v), 3);
	rblk_vol_want(w.v, (u32)(2 * far / 64) - 1, 200, 100);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 1);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 2), 3 + (2 * far / 64 - 1) / RBLK_MAP_PER_BLOCK);
	CHECK_EQ(next(0, 0), 2 * far / BLOCKS - 2);
	CHECK_EQ(next(2 * far / BLOCKS, 0), 2 * far / BLOCKS - 2);
	rblk_vol_landed(w.v, 2 * far / BLOCKS - 2);
	CHECK_EQ(next(5, 0), 2 * far / BLOCKS - 1);
	rblk_vol_want(w.v, (u32)(2 * far / 64), 200, 100);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 2), 2);
	CHECK_EQ(next(2 * far / BLOCKS, 0), 2 * far / BLOCKS);
	stop();
	/* A region that has bits in two map blocks. */
	begin(3 * far * 8, 27);
	rblk_vol_want(w.v, 0, 200, 100);
	CHECK_EQ(rblk_vol_absent(w.v), 1 << 15);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 1), 1);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 2), 3);
	stop();
	begin(3 * far * 8, 27);
	rblk_vol_want_all(w.v);
	CHECK(load_bits(v));
	v[0] = 20 | ABSENT;
	CHECK(!rblk_vol_map_load(w.v, 3, v, true, 0));	/* half of them are not known */
	CHECK_EQ(rblk_vol_absent(w.v), 1 << 15);
	stop();
}

static const struct tap_case cases[] = {
	{ "want_since", test_want_since },
	{ "load", test_load },
	{ "load_bits", test_load_bits },
	{ "next", test_next },
	{ "next_far", test_next_far },
};

TAP_MAIN(cases)
