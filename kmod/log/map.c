// SPDX-License-Identifier: GPL-2.0
/* Blocks of the change map. */
#include "format.h"

/**
 * rblk_log_map_encode() - makes a block of the change map
 * @s: superblock
 * @n: number of the block, see rblk_log_map_offset()
 * @v: RBLK_MAP_PER_BLOCK values
 * @block: RBLK_BLOCK_SIZE bytes, filled
 */
void rblk_log_map_encode(const struct log_super *s, u32 n, const u64 *v, void *block)
{
	struct disk_map *d = block;
	u32 i;

	d->block = cpu_to_le64(n);
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		d->v[i] = cpu_to_le64(v[i]);
	rblk_log_disk_seal(&d->head, DISK_MAGIC_MAP, s->volume, s->store, sizeof(*d));
}

/**
 * rblk_log_map_decode() - reads a block of the change map
 * @s: superblock
 * @n: number of the block
 * @v: RBLK_MAP_PER_BLOCK values, set on success
 * @block: RBLK_BLOCK_SIZE bytes
 *
 * If a block cannot be read or decoded, all of its regions count as just changed.
 *
 * Return: 0, or one of the errors of decoders: see log.h.
 */
int rblk_log_map_decode(const struct log_super *s, u32 n, u64 *v, const void *block)
{
	const struct disk_map *d = block;
	int ret = rblk_log_disk_open(&d->head, DISK_MAGIC_MAP, sizeof(*d), NULL);
	u32 i;

	if (ret)
		return ret;
	if (!rblk_log_disk_ours(&d->head, s) || le64_to_cpu(d->block) != n)
		return -EINVAL;
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		v[i] = le64_to_cpu(d->v[i]);
	return 0;
}
