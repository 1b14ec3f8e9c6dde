// SPDX-License-Identifier: GPL-2.0
/* Regions that nothing was written to: they read as zeroes, until a batch fills them. */
#include "vol-absent.h"

#define UNWRITTEN	RBLK_MAP_UNWRITTEN
#define REGION		(2 * CHUNK)	/* sectors */

static struct vol_batch b;

/* As start(), but nothing was written to these regions, a bit each. */
static void start_unwritten(u32 regions)
{
	u64 v[RBLK_MAP_PER_BLOCK] = {};
	u32 i;

	begin(SECTORS, 18);
	for (i = 0; i < REGIONS; i++)
		v[i] = regions >> i & 1 ? UNWRITTEN : 50;
	CHECK(load(v));
}

/* Where is this range? Only if all of it is in one place. */
static int place(u64 sector, u32 nsect)
{
	struct vol_seg seg[8];
	u32 done;

	if (rblk_vol_lookup(w.v, sector, nsect, seg, 8, &done) != 1 || done != nsect)
		return -1;
	return seg[0].kind;
}

static void is_zero(u32 i, u64 sector, u32 nsect)
{
	CHECK(b.zero[i].sector == sector && b.zero[i].nsect == nsect);
}

static bool plan(void)
{
	return rblk_vol_apply_plan(w.v, U64_MAX, &b);
}

static void applied(u64 index)
{
	rblk_vol_apply_done(w.v);
	w.applied = index;
	CHECK_EQ(rblk_vol_applied(w.v)->index, index);
}

static void test_reads(void)
{
	start_unwritten(0x1a);
	CHECK_EQ(rblk_vol_unwritten(w.v), 3);
	CHECK_EQ(place(0, REGION), VOL_SEG_DATA);
	CHECK_EQ(place(REGION, REGION), VOL_SEG_ZERO);
	CHECK_EQ(place(2 * REGION, REGION), VOL_SEG_DATA);
	CHECK_EQ(place(3 * REGION, SECTORS - 3 * REGION), VOL_SEG_ZERO);
	CHECK_EQ(place(REGION - 1, 2), -1);
	CHECK(rblk_vol_complete(w.v));
	/* What is written to it is somewhere else, and the rest of its block still zeroes. */
	write_at(REGION + 8);
	CHECK_EQ(place(REGION + 8, 7), VOL_SEG_PAYLOAD);
	CHECK_EQ(place(REGION + 15, 100), VOL_SEG_ZERO);
	stop();
}

/* The first batch that writes to a region zeroes all of it before that. */
static void test_fill(void)
{
	start_unwritten(0x12);
	write_at(REGION + 8);			/* 101 */
	write_at(REGION + 80);			/* 102: the same one */
	write_at(SECTORS - 10);			/* 103: the last one, which is short */
	write_at(0);				/* 104: one that was written to */
	rblk_vol_map_clean(w.v, 1);
	CHECK(plan());
	CHECK_EQ(b.last, 104);
	CHECK_EQ(b.nitem, 5);
	CHECK_EQ(b.nzero, 2);
	is_zero(0, REGION, REGION);
	is_zero(1, 4 * REGION, SECTORS - 4 * REGION);
	/* Until that is done, they read as zeroes. */
	CHECK_EQ(place(REGION + 100, 100), VOL_SEG_ZERO);
	CHECK_EQ(value(1), UNWRITTEN);
	applied(104);
	CHECK_EQ(place(REGION, REGION), VOL_SEG_DATA);
	CHECK_EQ(value(1), 102);
	CHECK_EQ(value(4), 103);
	CHECK_EQ(rblk_vol_unwritten(w.v), 0);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 1);
	write_at(REGION + 8);
	CHECK(plan());
	CHECK_EQ(b.nzero, 0);
	applied(105);
	stop();
}

/* Nothing of it is done if the batch fails. */
static void test_abort(void)
{
	start_unwritten(0x2);
	write_at(REGION);
	CHECK(plan());
	rblk_vol_apply_abort(w.v);
	CHECK_EQ(value(1), UNWRITTEN);
	CHECK(plan());
	CHECK_EQ(b.nzero, 1);
	applied(101);
	CHECK_EQ(value(1), 101);
	stop();
}

static void test_zeroes(void)
{
	start_unwritten(0x6);
	commit(RBLK_E_ZEROES, REGION + 3, REGION);	/* 101: of both, a part */
	CHECK(plan());
	CHECK_EQ(b.last, 101);
	CHECK_EQ(b.nzero, 0);
	applied(101);
	CHECK_EQ(value(1), 101 | UNWRITTEN);
	CHECK_EQ(value(2), 101 | UNWRITTEN);
	commit(RBLK_E_ZEROES, REGION - 8, 16);		/* 102: and of one that was written to */
	CHECK(plan());
	CHECK_EQ(b.nzero, 1);
	is_zero(0, REGION - 8, 16);
	applied(102);
	CHECK_EQ(value(1), 102 | UNWRITTEN);
	commit(RBLK_E_ZEROES, 3 * REGION - 8, 16);	/* 103: or one that follows */
	CHECK(plan());
	CHECK_EQ(b.nzero, 1);
	applied(103);
	/* What comes first in the log does not matter: all zeroes are written before the rest. */
	commit(RBLK_E_WRITE, REGION, 8);		/* 104 */
	commit(RBLK_E_ZEROES, REGION + 8, 8);		/* 105 */
	commit(RBLK_E_ZEROES, 2 * REGION, 8);		/* 106 */
	CHECK(plan());
	CHECK_EQ(b.nitem, 1);
	is_zero(b.nzero - 1, REGION, REGION);
	applied(106);
	CHECK_EQ(value(1), 105);
	CHECK_EQ(value(2), 106 | UNWRITTEN);
	stop();
}

/* During a checkpoint: the entries up to the first that would fill one. */
static void test_keep(void)
{
	start_unwritten(0x6);
	rblk_vol_keep_unwritten(w.v, true);
	write_at(0);				/* 101 */
	commit(RBLK_E_ZEROES, REGION, 8);	/* 102: fills nothing */
	write_at(REGION);			/* 103 */
	write_at(8);				/* 104 */
	CHECK(plan());
	CHECK_EQ(b.last, 102);
	CHECK_EQ(b.nzero, 0);
	applied(102);
	CHECK(!plan());
	rblk_vol_keep_unwritten(w.v, false);
	CHECK(plan());
	CHECK_EQ(b.last, 104);
	applied(104);
	stop();
}

/* A batch fills no more than some regions, so that it ends. */
static void test_bound(void)
{
	u64 v[RBLK_MAP_PER_BLOCK] = {};
	u32 i;

	begin(8 * 200, 12);
	for (i = 0; i < 200; i++)
		v[i] = UNWRITTEN;
	CHECK(load(v));
	for (i = 0; i < 15; i++)
		write_at(i * 16);
	commit(RBLK_E_WRITE, 8 * 100, 16);	/* 116: two of them, for which there is no room */
	CHECK(plan());
	CHECK_EQ(b.last, 115);
	CHECK_EQ(b.nzero, 15);
	applied(115);
	CHECK(plan());
	CHECK_EQ(b.nzero, 2);
	applied(116);
	CHECK_EQ(rblk_vol_unwritten(w.v), 200 - 17);
	stop();
}

/* What is unwritten at a member that sends its map is so here, and need not be pulled. */
static void test_want(void)
{
	start_unwritten(0x3);
	rblk_vol_want(w.v, 2, 61 | UNWRITTEN, 60);
	CHECK_EQ(value(2), 61 | UNWRITTEN);
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK_EQ(rblk_vol_unwritten(w.v), 3);
	CHECK_EQ(rblk_vol_map_dirty(w.v, 0), 1);
	/* It had the same when this one had applied as much. */
	rblk_vol_want(w.v, 3, 60 | UNWRITTEN, 60);
	CHECK_EQ(value(3), 60);
	/* Something was written to it there. */
	rblk_vol_want(w.v, 1, 61, 60);
	CHECK_EQ(value(1), 61 | ABSENT);
	CHECK_EQ(rblk_vol_unwritten(w.v), 2);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	/* A later map of another one. */
	rblk_vol_want(w.v, 1, 62 | UNWRITTEN, 60);
	CHECK_EQ(value(1), 62 | UNWRITTEN);
	CHECK_EQ(rblk_vol_absent(w.v), 0);
	CHECK(rblk_vol_complete(w.v));
	CHECK_EQ(needed(0), -1);
	rblk_vol_set_unwritten(w.v, REGIONS, true);
	CHECK_EQ(rblk_vol_unwritten(w.v), 3);
	CHECK_EQ(value(REGIONS), 0);
	stop();
}

/* A start of a member that lacks all but what the map says: what is unwritten is not lacking. */
static void test_load(void)
{
	u64 v[RBLK_MAP_PER_BLOCK] = { 50 | UNWRITTEN, 50 | ABSENT, 50 };

	begin(SECTORS, 18);
	rblk_vol_want_all(w.v);
	CHECK(!load(v));
	CHECK_EQ(value(0), 50 | UNWRITTEN);
	CHECK_EQ(value(1), 50 | ABSENT);
	CHECK_EQ(value(2), 50);
	CHECK_EQ(rblk_vol_absent(w.v), 2 * BLOCKS);
	CHECK_EQ(rblk_vol_unwritten(w.v), 1);
	/* It cannot be read: nothing is unwritten by that. */
	load(NULL);
	CHECK_EQ(value(0) & UNWRITTEN, 0);
	CHECK_EQ(rblk_vol_unwritten(w.v), 0);
	stop();
}

static const struct tap_case cases[] = {
	{ "reads", test_reads },
	{ "fill", test_fill },
	{ "abort", test_abort },
	{ "zeroes", test_zeroes },
	{ "keep", test_keep },
	{ "bound", test_bound },
	{ "want", test_want },
	{ "load", test_load },
};

TAP_MAIN(cases)
