/* SPDX-License-Identifier: GPL-2.0 */
/* A volume of five regions, of which parts are absent. */
#ifndef VOL_ABSENT_H
#define VOL_ABSENT_H

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

static inline void begin(u64 sectors, u32 region_shift)
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
static inline bool load(const u64 *val)
{
	return rblk_vol_map_load(w.v, 1, val, val, 177);
}

/* ... and the only one with bits. */
static inline bool load_bits(const u64 *val)
{
	return rblk_vol_map_load(w.v, 0, val, val, 177);
}

/* A volume of five regions as of entry 100, with a map that says that 50 touched them. */
static inline void start(void)
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

static inline void stop(void)
{
	CHECK_EQ(rblk_vol_check(w.v), 0);
	w_stop(&w);
}

static inline u64 commit(u8 kind, u64 sector, u32 nsect)
{
	struct rblk_entry e = w_make(&w, kind, sector, nsect);

	w.e[e.index] = e;
	w.last = e.index;
	w.sess[0].seq++;
	CHECK_EQ(rblk_vol_execute(w.v, &w.e[e.index]), 0);
	return e.index;
}

/* A part of a block: it has to wait for the rest of it. */
static inline u64 write_at(u64 sector)
{
	return commit(RBLK_E_WRITE, sector, 7);
}

/* Applies what can be; returns what is applied now. */
static inline u64 apply(void)
{
	return w_apply(&w);
}

static inline bool none(void *ctx, u32 chunk)
{
	return false;
}

/* @ctx: bits of the first 64 chunks */
static inline bool in_set(void *ctx, u32 chunk)
{
	return chunk < 64 && *(u64 *)ctx >> chunk & 1;
}

/* The next chunk that is needed, or absent, or -1. */
static inline int needed(u64 skip)
{
	u32 chunk;

	return rblk_vol_needed(w.v, in_set, &skip, &chunk) ? (int)chunk : -1;
}

static inline int next(u32 from, u64 skip)
{
	u32 chunk;

	return rblk_vol_next_absent(w.v, from, in_set, &skip, &chunk) ? (int)chunk : -1;
}

static inline u64 value(u32 region)
{
	return rblk_vol_map_value(w.v, region);
}

static inline u64 bits(u32 word)
{
	return rblk_vol_map(w.v, 0)[word];
}

#define ABSENT	RBLK_MAP_ABSENT

#endif /* VOL_ABSENT_H */
