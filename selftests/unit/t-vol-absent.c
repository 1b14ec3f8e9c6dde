// SPDX-License-Identifier: GPL-2.0
/*
 * What the data device lacks: what is wanted, what the apply waits for, what has landed, and
 * when the map may say so.
 */
#include "vol-world.h"

#define CHUNK		256		/* sectors */
#define LAST		40		/* ... of the last chunk */
#define CHUNKS		10		/* two in each region */
#define BLOCKS		32		/* of a chunk */
#define LAST_BLOCKS	5
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

/* The only map block with regions is read, or could not be. */
static bool load(const u64 *val)
{
	return rblk_vol_map_load(w.v, 1, val, val, 177);
}

/* ... and the only one with bits. */
static bool load_bits(const u64 *val)
{
	return rblk_vol_map_load(w.v, 0, val, val, 177);
}

/* A volume of five regions as of entry 100, with a map that says that 50 touched them. */
static void start(void)
{
	u64 v[RBLK_MAP_PER_BLOCK];
	u32 i;

	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		v[i] = i < REGIONS ? 50 : 0;
	begin(SECTORS, 18);
	CHECK_EQ(rblk_vol_bit_blocks(w.v), 1);
	load(v);
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

/* A part of a block: it has to wait for the rest of it. */
static u64 write_at(u64 sector)
{
	return commit(RBLK_E_WRITE, sector, 7);
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

static u64 bits(u32 word)
{
	return rblk_vol_map(w.v, 0)[word];
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
	rblk_vol_landed(w.v, 0);			/* was not absent */
	rblk_vol_landed(w.v, CHUNKS);			/* does not exist */
	CHECK_EQ(tap_asserts(), 4);
	rblk_vol_want(w.v, 0, 60, 50);
	rblk_vol_settle(w.v);				/* something is absent */
	CHECK_EQ(tap_asserts(), 5);
	rblk_vol_map_redo(w.v, 2);			/* no such map block */
	CHECK_EQ(tap_asserts(), 6);
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
	{ "want_since", test_want_since },
	{ "load", test_load },
	{ "load_bits", test_load_bits },
	{ "write_through", test_write_through },
	{ "zero_through", test_zero_through },
	{ "apply_waits", test_apply_waits },
	{ "apply_edges", test_apply_edges },
	{ "zeroes_wait", test_zeroes_wait },
	{ "no_effect", test_no_effect },
	{ "needed", test_needed },
	{ "next", test_next },
	{ "settle", test_settle },
	{ "next_far", test_next_far },
	{ "install", test_install },
	{ "misuse", test_misuse },
};

TAP_MAIN(cases)
