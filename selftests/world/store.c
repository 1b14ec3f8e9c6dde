// SPDX-License-Identifier: GPL-2.0
/* The store of a node: its format, and what becomes of it while the node is down. */
#include "world.h"

static u8 block[LOG_META_BYTES] __aligned(RBLK_BLOCK_SIZE);

/* ---- format ---- */

/* Nothing was written to any region; what the data device holds counts if it was zeroed. */
static void format_map(struct node *n)
{
	u32 regions = (u32)DIV_ROUND_UP(n->super.data_bytes, 1ULL << n->super.region_shift);
	u64 val[RBLK_MAP_PER_BLOCK];
	u32 b, i, copy;

	for (b = 0; b < rblk_log_map_regions(&n->super); b++) {
		for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
			val[i] = n->unwritten && b * RBLK_MAP_PER_BLOCK + i < regions ?
				 RBLK_MAP_UNWRITTEN : 0;
		rblk_log_map_encode(&n->super, b, val, block);
		for (copy = 0; copy < LOG_COPIES; copy++)
			disk_write_now(&n->log, rblk_log_map_offset(&n->super, b, copy), block,
				       RBLK_BLOCK_SIZE);
	}
}

static void format_log(struct node *n)
{
	struct log_super *s = &n->super;
	struct log_meta meta;
	int i;

	memset(block, 0, sizeof(block));
	rblk_log_super_encode(s, block);
	for (i = 0; i < LOG_COPIES; i++)
		disk_write_now(&n->log, rblk_log_super_offset(s, i), block, LOG_SUPER_BYTES);
	rblk_log_meta_init(&meta);
	meta.flags = n->unwritten ? LOG_META_UNWRITTEN : 0;
	format_map(n);
	rblk_log_meta_encode(&meta, s, block);
	for (i = 0; i < LOG_COPIES; i++)
		disk_write_now(&n->log, rblk_log_meta_offset(i), block, LOG_META_BYTES);
}

static void format_data(struct node *n, u32 flags)
{
	struct data_super ds = { .store = n->super.store, .mbr = n->super.mbr, .flags = flags };
	u32 i;

	world.unwritten |= n->unwritten;
	for (i = IMAGE_PAGE; n->unwritten && i < n->data.npg; i++)
		n->data.pg[i] = page_get(page_garbage);
	memcpy(ds.volume, n->super.volume, RBLK_UUID_LEN);
	memcpy(ds.volume_name, n->super.volume_name, RBLK_NAME_MAX);
	memcpy(ds.node, n->super.node, RBLK_NAME_MAX);
	rblk_log_data_super_encode(&ds, block);
	for (i = 0; i < LOG_COPIES; i++)
		disk_write_now(&n->data, rblk_log_data_offset(i), block, RBLK_BLOCK_SIZE);
}

/* The store of a client is its name. */
static void format_client(struct node *n)
{
	struct log_super *s = &n->super;

	memcpy(s->volume, world.volume, RBLK_UUID_LEN);
	snprintf(s->volume_name, sizeof(s->volume_name), "sim");
	snprintf(s->node, sizeof(s->node), "n%u", n->id);
	s->store = 0xc11e0000 + n->id;
	memcpy(n->name, s->node, sizeof(n->name));
}

void node_format(struct node *n)
{
	struct log_super *s = &n->super;
	u64 need = 0, data = world.cfg.sectors << RBLK_SECTOR_SHIFT;

	memset(s, 0, sizeof(*s));
	n->unwritten = world.cfg.unwritten;
	if (node_diskless(n)) {
		format_client(n);
		return;
	}
	s->block_size = world.cfg.block_size;
	s->region_shift = RBLK_REGION_SHIFT_MIN + n->region_more;
	memcpy(s->volume, world.volume, RBLK_UUID_LEN);
	snprintf(s->volume_name, sizeof(s->volume_name), "sim");
	snprintf(s->node, sizeof(s->node), "n%u", n->id);
	s->store = rnd(R_NODE) | 1;
	s->created = 1;
	s->mbr = n->id % 2;	/* stores with and without one are in one cluster */
	rblk_log_layout(s, 1 << 20, data, &need);
	WORLD_CHECK(!rblk_log_layout(s, need + world.cfg.ring_bytes + n->ring_more - LOG_RING_MIN,
				      data, &need),
		    "rblk_log_layout refused");
	disk_init(&n->log, n->id, false, s->dev_bytes);
	disk_init(&n->data, n->id, true, data + DATA_HEADER_BYTES);
	memcpy(n->name, s->node, sizeof(n->name));
	format_log(n);
	format_data(n, 0);
}

/* Blocks of what a member may pull at once. */
u32 nodes_largest_chunk(void)
{
	u32 i, most = RBLK_REGION_SHIFT_MIN;

	for (i = 0; i < world.cfg.nodes; i++)
		most = max_t(u32, most, world.node[i].super.region_shift);
	return min_t(u32, RBLK_WRITE_MAX, 1u << most) >> RBLK_BLOCK_SHIFT;
}

/* By our account the store holds nothing any more: it is another one. */
void node_forget(struct node *n)
{
	n->dur_last = n->must_last = 0;
	n->dur_term = n->dur_vote = 0;
	n->ckpt = n->ckpt_twice = 0;
	n->slot_floor[0] = n->slot_floor[1] = 0;
	n->slot_base[0] = n->slot_base[1] = 0;
}

/*
 * What is on it is not what was. Nothing is demanded of it before the node has looked at it, and
 * then only what the node says is there.
 */
void data_exchanged(struct node *n)
{
	u32 i;

	n->absent = true;
	n->had_ckpt = max_t(u64, n->had_ckpt, n->ckpt);
	n->data.looked_at = 0;
	for (i = IMAGE_PAGE; i < n->data.npg; i++)
		disk_news(&n->data, i);
}

/* A data device as "raftblk format --data" leaves it. */
void data_blank(struct node *n, bool unwritten)
{
	n->unwritten = unwritten;
	disk_init(&n->data, n->id, true, (u64)n->data.npg * RBLK_BLOCK_SIZE);
	format_data(n, unwritten ? DATA_UNWRITTEN : 0);
}

void node_set_back(struct node *n, struct page **log, struct page **data)
{
	u64 i;

	n->had_last = n->dur_last;
	n->had = mem_alloc((n->had_last + 1) * sizeof(*n->had));
	for (i = n->log_from + 1; i <= n->had_last; i++)
		n->had[i] = n->dur[i];
	n->had_ckpt = max_t(u64, n->had_ckpt, n->ckpt);
	n->set_back = true;
	disk_restore(&n->log, log);
	disk_restore(&n->data, data);
	node_forget(n);
}
