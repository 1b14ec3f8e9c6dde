// SPDX-License-Identifier: GPL-2.0
/*
 * What the data device lacks. A replica that was away for longer than the log of the others
 * covers, or that has another data device, goes on from the state of another member at once,
 * and pulls the content that it lacks from there, chunk by chunk. It does not matter which
 * entries the content of a chunk includes, beyond those that came before everything in the
 * own log: entries that it includes already are applied once more, in order, and the last of
 * them decides what a sector holds. So four rules do:
 *
 *  - an entry that writes a part of an absent block is not applied: it stays in the log, and so
 *    does all that follows, until the block is there;
 *  - an entry that writes all of a block is applied at once, and the block is there by that;
 *    so a resync ends however many users write;
 *  - what lands is not older than the beginning of the own log, as it was when the block
 *    began to be absent, and it fills only what is absent by now;
 *  - the replica is whole only once everything is applied that what has landed may include.
 *    Until then it is a mixture of what was and what will be.
 *
 * On disk, the change map has a flag for each region, and a bit for each block of the regions
 * that have it. A block is marked as there only after it was flushed, or while the log still
 * has the entry that wrote all of it. For what was acknowledged may be in that block alone.
 */
#include "internal.h"

#define CHUNK_SHIFT	17	/* RBLK_WRITE_MAX: one frame, one batch */
#define NEEDED_VERSIONS	64	/* unapplied versions that rblk_vol_needed() looks at */

static_assert(1u << CHUNK_SHIFT == RBLK_WRITE_MAX);

/* log2 of the bytes of a chunk: regions are made of whole ones. */
u32 rblk_vol_chunk_shift(const struct vol_geom *g)
{
	return min_t(u32, g->region_shift, CHUNK_SHIFT);
}

/* Words of bits, one bit for each block: fewer than there are chunks. */
u64 rblk_vol_bit_words(const struct vol_geom *g)
{
	return DIV_ROUND_UP(g->sectors, 64 * RBLK_SECTORS_PER_BLOCK);
}

/* Which map block has the bit of a block? */
static u32 map_block(u64 block)
{
	return (u32)(block / 64) / RBLK_MAP_PER_BLOCK;
}

static u32 chunk_blocks_shift(const struct vol *v)
{
	return rblk_vol_chunk_shift(&v->g) - RBLK_BLOCK_SHIFT;
}

static u64 blocks_of(const struct vol *v)
{
	return DIV_ROUND_UP(v->g.sectors, RBLK_SECTORS_PER_BLOCK);
}

static u64 region_begin(const struct vol *v, u32 region)
{
	return (u64)region << (v->g.region_shift - RBLK_BLOCK_SHIFT);
}

static u64 region_end(const struct vol *v, u32 region)
{
	return min_t(u64, region_begin(v, region + 1), blocks_of(v));
}

static bool is_absent(const struct vol *v, u64 block)
{
	return v->absent[block / 64] & BIT_ULL(block % 64);
}

static void put_word(struct vol *v, u32 word, u64 bits)
{
	s32 more = (s32)hweight64(bits) - (s32)hweight64(v->absent[word]);

	v->absent[word] = bits;
	v->nabsent += more;
	v->absent_in[word / RBLK_MAP_PER_BLOCK] += more;
}

/* Marks the blocks from @first to @end, which is the first that is left alone. */
static void put_blocks(struct vol *v, u64 first, u64 end, bool absent)
{
	u64 at, next, mask;

	for (at = first; at < end; at = next) {
		u32 word = (u32)(at / 64);
		u64 bits = v->absent[word];

		next = min_t(u64, end, (word + 1ULL) * 64);
		mask = (U64_MAX << (at % 64)) & (U64_MAX >> ((word + 1ULL) * 64 - next));
		put_word(v, word, absent ? bits | mask : bits & ~mask);
	}
}

/* The disk has to be told of these blocks. */
static void tell_blocks(struct vol *v, u64 first, u64 end)
{
	u32 b;

	for (b = map_block(first); b <= map_block(end - 1); b++)
		rblk_vol_map_differs(v, b);
}

/* ... if they are others by that. */
static void change_blocks(struct vol *v, u64 first, u64 end, bool absent)
{
	u64 was = v->nabsent;

	put_blocks(v, first, end, absent);
	if (v->nabsent != was)
		tell_blocks(v, first, end);
}

static void flag_region(struct vol *v, u32 region, bool absent)
{
	bool was = v->map[region] & RBLK_MAP_ABSENT;

	v->map[region] &= ~RBLK_MAP_ABSENT;
	if (absent)
		v->map[region] |= RBLK_MAP_ABSENT;
	v->nlacking += absent - was;
}

/**
 * rblk_vol_absent() - counts what is not there yet
 * @v: the volume
 *
 * Return: blocks of 4 KiB.
 */
u64 rblk_vol_absent(const struct vol *v)
{
	return v->nabsent;
}

/**
 * rblk_vol_complete() - does the map say that the data device has all of the image?
 * @v: the volume
 *
 * Return: true if so; but the disk does not before the next checkpoint.
 */
bool rblk_vol_complete(const struct vol *v)
{
	return !v->nlacking;
}

/**
 * rblk_vol_regions() - counts the regions of the change map
 * @v: the volume
 *
 * Return: how many there are.
 */
u32 rblk_vol_regions(const struct vol *v)
{
	return v->regions;
}

static void want_region(struct vol *v, u32 region)
{
	rblk_vol_flag_unwritten(v, region, false);
	flag_region(v, region, true);
	change_blocks(v, region_begin(v, region), region_end(v, region), true);
	rblk_vol_map_put(v, region, v->map[region]);
}

/**
 * rblk_vol_want_all() - nothing of the image is known to be there
 * @v: the volume, to which nothing was applied yet
 *
 * Each map block that is loaded afterwards says what is there all the same. Those with the bits
 * have to be loaded before those with the regions; without them, regions are absent as a whole.
 */
void rblk_vol_want_all(struct vol *v)
{
	u32 i;

	for (i = 0; i < v->regions; i++)
		flag_region(v, i, true);
	put_blocks(v, 0, blocks_of(v), true);
}

/* Bits were read from the disk. */
void rblk_vol_bits_load(struct vol *v, u32 block, const u64 *val)
{
	u32 word = block * RBLK_MAP_PER_BLOCK, i;
	u64 n = blocks_of(v);

	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		put_word(v, word + i, (word + i) * 64ULL < n ? val[i] : 0);
	put_blocks(v, n, round_up(n, 64ULL), false);
	v->bits_known[block / 64] |= BIT_ULL(block % 64);
}

static bool bits_are_known(const struct vol *v, u32 region)
{
	u32 b = map_block(region_begin(v, region));

	for (; b <= map_block(region_end(v, region) - 1); b++)
		if (!(v->bits_known[b / 64] & BIT_ULL(b % 64)))
			return false;
	return true;
}

/*
 * The map was read from the disk, or could not be: then @absent is what was feared. Returns
 * false if the region is absent as a whole only because nobody knows what there was of it.
 */
bool rblk_vol_region_load(struct vol *v, u32 region, bool absent, bool ok)
{
	bool known = ok && bits_are_known(v, region);

	flag_region(v, region, absent);
	if (!absent)
		put_blocks(v, region_begin(v, region), region_end(v, region), false);
	if (!absent || known)
		return true;
	/* What the disk says of them cannot be read now; it might be later. */
	put_blocks(v, region_begin(v, region), region_end(v, region), true);
	tell_blocks(v, region_begin(v, region), region_end(v, region));
	return false;
}

/**
 * rblk_vol_want() - what another member says of a region
 * @v: the volume
 * @region: which one; one that does not exist is left alone
 * @changed: its value in the map of that member: the newest entry that touched it, or a later
 *	one, and whether it is unwritten
 * @since: entries up to this one are on the data device of this member, where it is not
 *	absent already
 */
void rblk_vol_want(struct vol *v, u32 region, u64 changed, u64 since)
{
	bool unwritten = changed & RBLK_MAP_UNWRITTEN;

	if (region >= v->regions)
		return;
	changed &= ~RBLK_MAP_FLAGS;
	if (rblk_vol_changed(v, region) < changed)
		rblk_vol_map_put(v, region, changed | (v->map[region] & RBLK_MAP_FLAGS));
	if (changed > since && unwritten)
		rblk_vol_set_unwritten(v, region, true);
	else if (changed > since)
		want_region(v, region);
}

/**
 * rblk_vol_want_like() - what a member whose regions may have another size says of one of them
 * @v: the volume
 * @shift: log2 of the bytes in a region of that member
 * @region: which one of that member; one that does not exist is left alone
 * @changed: as for rblk_vol_want()
 * @since: as for rblk_vol_want()
 */
void rblk_vol_want_like(struct vol *v, u32 shift, u32 region, u64 changed, u64 since)
{
	u32 own = v->g.region_shift;
	u64 i, end;

	if (shift < own) {
		/* What lies beside it in the region of this member may be written. */
		rblk_vol_want(v, region >> (own - shift), changed & ~RBLK_MAP_UNWRITTEN, since);
		return;
	}
	end = min_t(u64, (region + 1ULL) << (shift - own), v->regions);
	for (i = (u64)region << (shift - own); i < end; i++)
		rblk_vol_want(v, (u32)i, changed, since);
}

/**
 * rblk_vol_set_unwritten() - a region reads as zeroes, whatever the data device holds there
 * @v: the volume
 * @region: which one; one that does not exist is left alone
 * @tell: the disk has to be told; else the device holds zeroes there, if the disk does not know
 */
void rblk_vol_set_unwritten(struct vol *v, u32 region, bool tell)
{
	if (region >= v->regions)
		return;
	flag_region(v, region, false);
	change_blocks(v, region_begin(v, region), region_end(v, region), false);
	rblk_vol_flag_unwritten(v, region, true);
	if (tell)
		rblk_vol_map_put(v, region, v->map[region]);
}

/* Does a range have all of a block? The last block of a volume may be a short one. */
static bool covers(const struct vol *v, u64 sector, u32 nsect, u64 block)
{
	u64 first = block * RBLK_SECTORS_PER_BLOCK;
	u64 end = min_t(u64, first + RBLK_SECTORS_PER_BLOCK, v->g.sectors);

	return sector <= first && sector + nsect >= end;
}

/* A block that is absent, and of which the range has only a part; U64_MAX: there is none. */
static u64 waits_for(const struct vol *v, u64 sector, u32 nsect, u64 from)
{
	u64 first = sector / RBLK_SECTORS_PER_BLOCK;
	u64 last = (sector + nsect - 1) / RBLK_SECTORS_PER_BLOCK;

	if (from <= first && is_absent(v, first) && !covers(v, sector, nsect, first))
		return first;
	if (from <= last && is_absent(v, last) && !covers(v, sector, nsect, last))
		return last;
	return U64_MAX;
}

/* Does an entry that changes this range have to wait for content? */
bool rblk_vol_waits(const struct vol *v, u64 sector, u32 nsect)
{
	return v->nabsent && waits_for(v, sector, nsect, 0) != U64_MAX;
}

/* A range was written to the data device: it has all of each block, or the rest was there. */
void rblk_vol_written(struct vol *v, u64 sector, u32 nsect)
{
	if (v->nabsent)
		change_blocks(v, sector / RBLK_SECTORS_PER_BLOCK,
			      DIV_ROUND_UP(sector + nsect, RBLK_SECTORS_PER_BLOCK), false);
}

/* Was all of the block written? */
static bool is_full(const struct vol *v, const struct vol_version *s)
{
	u64 n = v->g.sectors - s->block * RBLK_SECTORS_PER_BLOCK;

	return n >= RBLK_SECTORS_PER_BLOCK ? s->mask == 0xff : s->mask == (1u << n) - 1;
}

/**
 * rblk_vol_needed() - finds a chunk that the oldest unapplied entries wait for
 * @v: the volume
 * @skip: leaves out those that are on their way
 * @ctx: of @skip
 * @chunk: set if there is one
 *
 * They keep the log from being trimmed, so these chunks come first.
 *
 * Return: true if there is one.
 */
bool rblk_vol_needed(const struct vol *v, bool (*skip)(void *ctx, u32 chunk), void *ctx,
		     u32 *chunk)
{
	u32 i, shift = chunk_blocks_shift(v);
	const struct vol_range *r;
	u64 at = 0;

	if (!v->nabsent)
		return false;
	for (i = 0; i < min_t(u32, v->nversion, NEEDED_VERSIONS); i++) {
		const struct vol_version *s = &v->version[rblk_vol_version_at(v, i)];

		*chunk = (u32)(s->block >> shift);
		if (is_absent(v, s->block) && !is_full(v, s) && !skip(ctx, *chunk))
			return true;
	}
	if (!v->nrange)
		return false;
	r = rblk_vol_range_at(v, 0);
	for (;;) {
		at = waits_for(v, r->sector, r->nsect, at);
		if (at == U64_MAX)
			return false;
		*chunk = (u32)(at >> shift);
		if (!skip(ctx, *chunk))
			return true;
		at++;
	}
}

static bool chunk_lacks(const struct vol *v, u32 chunk)
{
	u32 shift = chunk_blocks_shift(v);
	u64 first = (u64)chunk << shift, mask = U64_MAX >> (64 - (1u << shift));

	return v->absent[first / 64] & (mask << (first % 64));
}

/**
 * rblk_vol_next_absent() - finds the next absent chunk
 * @v: the volume
 * @from: where to begin; after the last chunk comes the first one
 * @skip: leaves out those that are on their way
 * @ctx: of @skip
 * @chunk: set if there is one
 *
 * Return: true if there is one.
 */
bool rblk_vol_next_absent(const struct vol *v, u32 from, bool (*skip)(void *ctx, u32 chunk),
			  void *ctx, u32 *chunk)
{
	u32 shift = chunk_blocks_shift(v), i, at;

	for (i = 0; v->nabsent && i < v->chunks; i += at - from, from = at) {
		u64 block;

		from = from < v->chunks ? from : 0;
		at = from + 1;
		block = (u64)from << shift;
		if (!v->absent_in[map_block(block)])
			at = (u32)((map_block(block) + 1) * (64ULL * RBLK_MAP_PER_BLOCK) >> shift);
		else if (!v->absent[block / 64])
			at = (u32)((block / 64 + 1) * 64 >> shift);
		else if (chunk_lacks(v, from) && !skip(ctx, from))
			break;
		at = min_t(u32, at, v->chunks);
	}
	*chunk = from;
	return v->nabsent && i < v->chunks;
}

/**
 * rblk_vol_chunk() - where a chunk lies
 * @v: the volume
 * @chunk: which one
 * @sector: set to its first sector
 * @nsect: set to the number of its sectors; the last one may have fewer than others
 */
void rblk_vol_chunk(const struct vol *v, u32 chunk, u64 *sector, u32 *nsect)
{
	u32 shift = rblk_vol_chunk_shift(&v->g) - RBLK_SECTOR_SHIFT;

	*sector = (u64)chunk << shift;
	*nsect = (u32)min_t(u64, 1u << shift, v->g.sectors - *sector);
}

/**
 * rblk_vol_block_absent() - is a block absent?
 * @v: the volume
 * @block: which one, of 4 KiB
 *
 * Return: true if it is.
 */
bool rblk_vol_block_absent(const struct vol *v, u64 block)
{
	return is_absent(v, block);
}

/**
 * rblk_vol_landed() - the content of what was absent of a chunk is on the data device
 * @v: the volume
 * @chunk: which one
 */
void rblk_vol_landed(struct vol *v, u32 chunk)
{
	u64 first = (u64)chunk << chunk_blocks_shift(v);

	if (RBLK_ASSERT(v->g.alarm, chunk < v->chunks))
		return;
	change_blocks(v, first, min_t(u64, (chunk + 1ULL) << chunk_blocks_shift(v), blocks_of(v)),
		      false);
}

/**
 * rblk_vol_settle() - has the map say that the image is whole
 * @v: the volume, of which no block is absent
 *
 * To be called when a checkpoint begins, before the device is flushed, and when everything is
 * applied that what has landed may include.
 */
void rblk_vol_settle(struct vol *v)
{
	u32 i;

	if (RBLK_ASSERT(v->g.alarm, !v->nabsent))
		return;
	for (i = 0; v->nlacking && i < v->regions; i++) {
		if (!(v->map[i] & RBLK_MAP_ABSENT))
			continue;
		rblk_vol_map_put(v, i, rblk_vol_changed(v, i));
		v->nlacking--;
	}
}

/**
 * rblk_vol_map_value() - what the change map says of a region
 * @v: the volume
 * @region: which one
 *
 * Return: the newest entry that touched it, or a later one; RBLK_MAP_ABSENT or RBLK_MAP_UNWRITTEN
 * may be set. 0: no such region, or nothing touched it.
 */
u64 rblk_vol_map_value(const struct vol *v, u32 region)
{
	return region < v->regions ? v->map[region] : 0;
}

/* Do bits, counters and the map agree? For the audit. */
int rblk_vol_absent_check(const struct vol *v)
{
	u32 words = v->bit_blocks * RBLK_MAP_PER_BLOCK, i, lacking = 0;
	u64 absent = 0, in_block = 0, flagged = 0, b;

	for (i = 0; i < words; i++) {
		in_block += hweight64(v->absent[i]);
		if ((i + 1) % RBLK_MAP_PER_BLOCK)
			continue;
		if (RBLK_ASSERT(v->g.alarm, in_block == v->absent_in[i / RBLK_MAP_PER_BLOCK]))
			return -EUCLEAN;
		absent += in_block;
		in_block = 0;
	}
	for (i = 0; i < v->regions; i++) {
		if (!(v->map[i] & RBLK_MAP_ABSENT))
			continue;
		lacking++;
		for (b = region_begin(v, i); b < region_end(v, i); b++)
			flagged += is_absent(v, b);
	}
	if (RBLK_ASSERT(v->g.alarm, absent == v->nabsent) ||
	    RBLK_ASSERT(v->g.alarm, flagged == absent) ||
	    RBLK_ASSERT(v->g.alarm, lacking == v->nlacking))
		return -EUCLEAN;
	return 0;
}
