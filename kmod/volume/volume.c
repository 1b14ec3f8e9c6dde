// SPDX-License-Identifier: GPL-2.0
/* The volume: its arena, committing, and what it says of itself. */
#include "internal.h"

#define REGION_SHIFT_MAX	40

/* Shared by vol_size() and vol_init(): takes @bytes from the arena. */
static size_t carve(size_t *at, u64 n, size_t each)
{
	size_t off = *at;

	*at += (size_t)((n * each + 7) & ~7ULL);
	return off;
}

struct layout {
	size_t slot, bucket, range, item, zero, map, dirty, bytes;
	u32 regions, map_blocks, bucket_bits;
};

static bool geom_ok(const struct vol_geom *g)
{
	if (!g->sectors || g->sectors > U64_MAX >> RB_SECTOR_SHIFT || !g->entry)
		return false;
	if (g->block_size != 512 && g->block_size != RB_BLOCK_SIZE)
		return false;
	if (g->sectors & ((g->block_size >> RB_SECTOR_SHIFT) - 1))
		return false;
	if (g->region_shift < RB_BLOCK_SHIFT || g->region_shift > REGION_SHIFT_MAX)
		return false;
	/* less could never take, or never apply, the largest entry */
	if (g->batch < RB_ENTRY_BLOCKS_MAX || g->batch > g->slots || !g->ranges)
		return false;
	return g->slots <= INT_MAX && g->ranges <= INT_MAX && vol_map_regions(g) <= INT_MAX;
}

static bool lay_out(struct layout *l, const struct vol_geom *g)
{
	if (!geom_ok(g))
		return false;
	memset(l, 0, sizeof(*l));
	l->regions = (u32)vol_map_regions(g);
	l->map_blocks = DIV_ROUND_UP(l->regions, LOG_MAP_PER_BLOCK);
	while (1u << l->bucket_bits < g->slots)
		l->bucket_bits++;
	l->bytes = round_up(sizeof(struct vol), 8);
	l->slot = carve(&l->bytes, g->slots, sizeof(struct vol_slot));
	l->range = carve(&l->bytes, g->ranges, sizeof(struct vol_range));
	l->item = carve(&l->bytes, g->batch, sizeof(struct vol_item));
	l->zero = carve(&l->bytes, g->ranges, sizeof(struct vol_zero));
	l->map = carve(&l->bytes, (u64)l->map_blocks * LOG_MAP_PER_BLOCK, sizeof(u64));
	l->dirty = carve(&l->bytes, DIV_ROUND_UP(l->map_blocks, 64), sizeof(u64));
	l->bucket = carve(&l->bytes, 1ULL << l->bucket_bits, sizeof(u32));
	return true;
}

/**
 * vol_size() - memory for a volume
 * @g: its geometry
 *
 * Return: bytes; 0: the geometry makes no sense.
 */
size_t vol_size(const struct vol_geom *g)
{
	struct layout l;

	return lay_out(&l, g) ? l.bytes : 0;
}

/**
 * vol_init() - a volume as of its checkpoint
 * @mem: vol_size() zeroed bytes, 8-byte aligned, used until the end
 * @g: its geometry, copied
 * @at: replicated state at the checkpoint, copied
 *
 * The entries behind the checkpoint are then committed again. The change map
 * counts everything as changed at the checkpoint until it is loaded.
 *
 * Return: the volume (in @mem); NULL: the geometry or the state makes no sense.
 */
struct vol *vol_init(void *mem, const struct vol_geom *g, const struct log_state *at)
{
	struct vol *v = mem;
	u8 *base = mem;
	struct layout l;

	if (!lay_out(&l, g) || at->nsessions > (g->shared ? LOG_SESSIONS_MAX : 1))
		return NULL;
	v->g = *g;
	v->live = *at;
	v->applied = *at;
	v->slot = (struct vol_slot *)(base + l.slot);
	v->bucket = (u32 *)(base + l.bucket);
	v->bucket_shift = 64 - l.bucket_bits;
	v->range = (struct vol_range *)(base + l.range);
	v->item = (struct vol_item *)(base + l.item);
	v->zero = (struct vol_zero *)(base + l.zero);
	v->map = (u64 *)(base + l.map);
	v->map_dirty = (u64 *)(base + l.dirty);
	v->regions = l.regions;
	v->map_blocks = l.map_blocks;
	vol_ext_init(v);
	vol_map_init(v);
	return v;
}

/**
 * vol_commit() - the next entry is committed
 * @v: the volume
 * @e: the entry
 *
 * Room is asked for before the entry is judged, and by its form alone: the
 * caller may try as often as it likes.
 *
 * Return: the verdict, or -EAGAIN: no room, nothing changed.
 */
int vol_commit(struct vol *v, const struct rb_entry *e)
{
	int verdict;

	if (!vol_ext_room(v, e))
		return -EAGAIN;
	verdict = vol_verdict(&v->live, &v->g, e);
	if (!verdict)
		vol_ext_insert(v, e);
	return verdict;
}

/**
 * vol_live() - state after every committed entry
 * @v: the volume
 *
 * Return: the state, valid until the next vol_commit().
 */
const struct log_state *vol_live(const struct vol *v)
{
	return &v->live;
}

/**
 * vol_applied() - state as of the applied index: what a checkpoint stores
 * @v: the volume
 *
 * Return: the state, valid until the next vol_apply_done().
 */
const struct log_state *vol_applied(const struct vol *v)
{
	return &v->applied;
}

/**
 * vol_unapplied() - payload that must still be written to the data device
 * @v: the volume
 *
 * Return: bytes, whole blocks, overwritten versions included.
 */
u64 vol_unapplied(const struct vol *v)
{
	return (u64)v->nslot << RB_BLOCK_SHIFT;
}

/**
 * vol_unapplied_entries() - entries committed and not applied
 * @v: the volume
 *
 * Return: their number, those without effect included.
 */
u64 vol_unapplied_entries(const struct vol *v)
{
	return v->live.index - v->applied.index;
}
