// SPDX-License-Identifier: GPL-2.0
#include "entry.h"

/**
 * rblk_block_mask() - which sectors of a touched block a write covers
 * @sector: first 512-byte sector of the write
 * @nsect: number of sectors written, at least 1
 * @n: which of the touched 4 KiB blocks, from 0
 *
 * Return: a bit for each sector of the block, lowest first; 0 if the write does not
 * touch it.
 */
u8 rblk_block_mask(u64 sector, u32 nsect, u32 n)
{
	u64 base = (sector / RBLK_SECTORS_PER_BLOCK + n) * RBLK_SECTORS_PER_BLOCK;
	u64 end = sector + nsect;
	u8 mask = 0;
	u32 i;

	for (i = 0; i < RBLK_SECTORS_PER_BLOCK; i++)
		if (base + i >= sector && base + i < end)
			mask |= 1u << i;
	return mask;
}

struct entry_identity {
	__le64 index, term, sector, store, epoch, seq;
	__le32 nsect, nblocks, kind;
} __packed;

/**
 * rblk_entry_csum() - the checksum that identifies an entry
 * @e: the entry; @e->csum is ignored
 * @block_crc: the CRC-32C of each of its @e->nblocks payload blocks
 *
 * Two entries with equal index, term and sum are the same entry, including their
 * payload. The order of fields and bytes is fixed, since the sum is stored and sent.
 *
 * Return: the CRC-32C of the fields and the block sums.
 */
u32 rblk_entry_csum(const struct rblk_entry *e, const u32 *block_crc)
{
	struct entry_identity id = {
		.index = cpu_to_le64(e->index),
		.term = cpu_to_le64(e->term),
		.sector = cpu_to_le64(e->sector),
		.store = cpu_to_le64(e->store),
		.epoch = cpu_to_le64(e->epoch),
		.seq = cpu_to_le64(e->seq),
		.nsect = cpu_to_le32(e->nsect),
		.nblocks = cpu_to_le32(e->nblocks),
		.kind = cpu_to_le32(e->kind),
	};
	u32 crc = rblk_crc32c(0, &id, sizeof(id));
	u32 i;

	for (i = 0; i < e->nblocks; i++) {
		__le32 v = cpu_to_le32(block_crc[i]);

		crc = rblk_crc32c(crc, &v, sizeof(v));
	}
	return crc;
}

static bool range_ok(const struct rblk_entry *e, u32 max)
{
	return e->nsect && e->nsect <= max && e->sector <= U64_MAX - max;
}

/**
 * rblk_entry_check() - is an entry from the log or from the wire well formed?
 * @e: the decoded entry
 *
 * Checks that its kind is known, its range is sane, and its payload is as large as
 * the range needs. Whether the range is within the volume, and whether the session
 * is current, is up to the verdict.
 *
 * Return: 0, or -EINVAL.
 */
int rblk_entry_check(const struct rblk_entry *e)
{
	bool ok;

	if (!e->index || !e->term)
		return -EINVAL;
	switch (e->kind) {
	case RBLK_E_NOOP:
	case RBLK_E_OPEN:
	case RBLK_E_CLOSE:
		ok = !e->nblocks && !e->nsect && !e->sector;
		break;
	case RBLK_E_CONF:
		ok = e->nblocks == 1 && !e->nsect && !e->sector;
		break;
	case RBLK_E_WRITE:
		ok = range_ok(e, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT) &&
		     e->nblocks == rblk_blocks_touched(e->sector, e->nsect);
		break;
	case RBLK_E_ZEROES:
		ok = range_ok(e, RBLK_ZERO_SECTORS_MAX) && !e->nblocks;
		break;
	case RBLK_E_VERIFY:
		ok = range_ok(e, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT) && !e->nblocks &&
		     !(e->sector % RBLK_SECTORS_PER_BLOCK);
		break;
	default:
		ok = false;
	}
	return ok ? 0 : -EINVAL;
}
