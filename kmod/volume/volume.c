// SPDX-License-Identifier: GPL-2.0
/* The volume: its arena, the execution of entries, and what it says about itself. */
#include "internal.h"

#define REGION_SHIFT_MAX	40

/* Takes @n objects from the arena; shared by rblk_vol_size() and rblk_vol_init(). */
static size_t carve_vol(size_t *at, u64 n, size_t each)
{
	size_t off = *at;

	*at += (size_t)((n * each + 7) & ~7ULL);
	return off;
}

struct layout {
	size_t version, bucket, range, item, zero, map, dirty, absent, absent_in, known, bytes;
	u32 regions, map_blocks, bit_blocks, chunks, bucket_bits;
};

static u64 chunks_of(const struct vol_geom *g)
{
	u32 shift = rblk_vol_chunk_shift(g) - RBLK_SECTOR_SHIFT;

	return (g->sectors >> shift) + !!(g->sectors & ((1ULL << shift) - 1));
}

static bool geom_ok(const struct vol_geom *g)
{
	if (!g->sectors || g->sectors > U64_MAX >> RBLK_SECTOR_SHIFT || !g->entry)
		return false;
	if (g->block_size != 512 && g->block_size != RBLK_BLOCK_SIZE)
		return false;
	if (g->sectors & ((g->block_size >> RBLK_SECTOR_SHIFT) - 1))
		return false;
	if (g->region_shift < RBLK_BLOCK_SHIFT || g->region_shift > REGION_SHIFT_MAX)
		return false;
	/* With less, the largest entry would never find room, or never be applied. */
	if (g->batch < RBLK_ENTRY_BLOCKS_MAX || g->batch > g->versions || !g->ranges)
		return false;
	return g->versions <= INT_MAX && g->ranges <= INT_MAX &&
	       rblk_vol_map_regions(g) <= INT_MAX && chunks_of(g) <= INT_MAX;
}

static bool lay_out_vol(struct layout *l, const struct vol_geom *g)
{
	if (!geom_ok(g))
		return false;
	memset(l, 0, sizeof(*l));
	l->regions = (u32)rblk_vol_map_regions(g);
	l->bit_blocks = DIV_ROUND_UP((u32)rblk_vol_bit_words(g), RBLK_MAP_PER_BLOCK);
	l->map_blocks = l->bit_blocks + DIV_ROUND_UP(l->regions, RBLK_MAP_PER_BLOCK);
	while (1u << l->bucket_bits < g->versions)
		l->bucket_bits++;
	l->bytes = round_up(sizeof(struct vol), 8);
	l->version = carve_vol(&l->bytes, g->versions, sizeof(struct vol_version));
	l->range = carve_vol(&l->bytes, g->ranges, sizeof(struct vol_range));
	l->item = carve_vol(&l->bytes, g->batch, sizeof(struct vol_item));
	l->zero = carve_vol(&l->bytes, (u64)g->ranges + VOL_FILLS, sizeof(struct vol_zero));
	l->map = carve_vol(&l->bytes, (u64)(l->map_blocks - l->bit_blocks) * RBLK_MAP_PER_BLOCK,
			   sizeof(u64));
	l->dirty = carve_vol(&l->bytes, DIV_ROUND_UP(l->map_blocks, 64), sizeof(u64));
	l->chunks = (u32)chunks_of(g);
	l->absent = carve_vol(&l->bytes, (u64)l->bit_blocks * RBLK_MAP_PER_BLOCK, sizeof(u64));
	l->absent_in = carve_vol(&l->bytes, l->bit_blocks, sizeof(u32));
	l->known = carve_vol(&l->bytes, DIV_ROUND_UP(l->bit_blocks, 64), sizeof(u64));
	l->bucket = carve_vol(&l->bytes, 1ULL << l->bucket_bits, sizeof(u32));
	return true;
}

/**
 * rblk_vol_size() - memory for a volume
 * @g: its geometry
 *
 * Return: the number of bytes, or 0 if the geometry makes no sense. Among other
 * things, a batch must hold the largest entry and be no larger than @g->versions.
 */
size_t rblk_vol_size(const struct vol_geom *g)
{
	struct layout l;

	return lay_out_vol(&l, g) ? l.bytes : 0;
}

/**
 * rblk_vol_init() - set up a volume as of its checkpoint
 * @mem: rblk_vol_size() zeroed bytes, 8-byte aligned, in use as long as the volume
 * @g: its geometry, copied
 * @at: replicated state at the checkpoint, copied
 *
 * The entries after the checkpoint have to be executed again. In the change map,
 * everything counts as changed at the checkpoint until the map is loaded.
 *
 * Return: the volume (in @mem), or NULL if the geometry or the state makes no sense.
 */
struct vol *rblk_vol_init(void *mem, const struct vol_geom *g, const struct rblk_state *at)
{
	struct vol *v = mem;
	u8 *base = mem;
	struct layout l;

	if (!lay_out_vol(&l, g) || at->nsessions > (g->shared ? RBLK_SESSIONS_MAX : 1))
		return NULL;
	v->g = *g;
	v->executed = *at;
	v->applied = *at;
	v->version = (struct vol_version *)(base + l.version);
	v->bucket = (u32 *)(base + l.bucket);
	v->bucket_shift = 64 - l.bucket_bits;
	v->range = (struct vol_range *)(base + l.range);
	v->item = (struct vol_item *)(base + l.item);
	v->zero = (struct vol_zero *)(base + l.zero);
	v->map = (u64 *)(base + l.map);
	v->map_dirty = (u64 *)(base + l.dirty);
	v->regions = l.regions;
	v->map_blocks = l.map_blocks;
	v->bit_blocks = l.bit_blocks;
	v->absent = (u64 *)(base + l.absent);
	v->absent_in = (u32 *)(base + l.absent_in);
	v->bits_known = (u64 *)(base + l.known);
	v->chunks = l.chunks;
	rblk_vol_ext_init(v);
	rblk_vol_map_init(v);
	return v;
}

/**
 * rblk_vol_install() - goes on from another state, which is newer
 * @v: the volume; no batch is planned
 * @at: replicated state of a member, copied
 *
 * The entries up to there are not executed here. What they changed has to be wanted, see
 * rblk_vol_want(), and comes from that member.
 */
void rblk_vol_install(struct vol *v, const struct rblk_state *at)
{
	if (RBLK_ASSERT(v->g.alarm, !v->plan.active && at->index > v->executed.index))
		return;
	rblk_vol_ext_release(v, v->nversion, v->nrange);
	v->executed = *at;
	v->applied = *at;
}

/**
 * rblk_vol_execute() - execute the next entry, which is committed
 * @v: the volume
 * @e: the entry
 *
 * Whether there is room is decided first, by the form of the entry alone, so the
 * caller may try as often as it likes.
 *
 * Return: the verdict, see rblk_vol_verdict(), or -EAGAIN if there is no room for
 * what the entry writes. Then nothing has changed, and a batch has to be applied
 * first.
 */
int rblk_vol_execute(struct vol *v, const struct rblk_entry *e)
{
	int verdict;

	if (!rblk_vol_ext_fits(v, e))
		return -EAGAIN;
	verdict = rblk_vol_verdict(&v->executed, &v->g, e);
	if (!verdict)
		rblk_vol_ext_insert(v, e);
	return verdict;
}

/**
 * rblk_vol_executed() - replicated state after every committed entry
 * @v: the volume
 *
 * Return: the state, valid until the next rblk_vol_execute().
 */
const struct rblk_state *rblk_vol_executed(const struct vol *v)
{
	return &v->executed;
}

/**
 * rblk_vol_applied() - replicated state as of the applied index
 * @v: the volume
 *
 * This is what a checkpoint stores.
 *
 * Return: the state, valid until the next rblk_vol_apply_done().
 */
const struct rblk_state *rblk_vol_applied(const struct vol *v)
{
	return &v->applied;
}

/**
 * rblk_vol_unapplied() - payload that is committed and not applied
 * @v: the volume
 *
 * Return: its size in bytes, in whole blocks, including overwritten versions.
 */
u64 rblk_vol_unapplied(const struct vol *v)
{
	return (u64)v->nversion << RBLK_BLOCK_SHIFT;
}

/**
 * rblk_vol_unapplied_entries() - entries that are committed and not applied
 * @v: the volume
 *
 * Return: their number, including those without effect.
 */
u64 rblk_vol_unapplied_entries(const struct vol *v)
{
	return v->executed.index - v->applied.index;
}
