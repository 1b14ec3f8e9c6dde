// SPDX-License-Identifier: GPL-2.0
#include "entry.h"

/**
 * rb_block_mask() - which sectors of a touched block a write covers
 * @sector: first 512-byte sector of the write
 * @nsect: sectors written, at least 1
 * @n: which of the touched 4 KiB blocks, from 0
 *
 * Return: a bit a sector of the block, lowest first; 0 when @n is not touched.
 */
u8 rb_block_mask(u64 sector, u32 nsect, u32 n)
{
	u64 base = (sector / RB_SECTORS_PER_BLOCK + n) * RB_SECTORS_PER_BLOCK;
	u64 end = sector + nsect;
	u8 mask = 0;
	u32 i;

	for (i = 0; i < RB_SECTORS_PER_BLOCK; i++)
		if (base + i >= sector && base + i < end)
			mask |= 1u << i;
	return mask;
}

struct entry_identity {
	__le64 index, term, sector, store, epoch, seq;
	__le32 nsect, nblocks, kind;
} __packed;

/**
 * rb_entry_csum() - the checksum that identifies an entry
 * @e: the entry; @e->csum is not looked at
 * @block_crc: @e->nblocks sums of its payload blocks
 *
 * Two entries with equal index, term and sum are the same entry, payload
 * included. The byte order is fixed: the value is stored and sent.
 *
 * Return: the CRC-32C.
 */
u32 rb_entry_csum(const struct rb_entry *e, const u32 *block_crc)
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
	u32 crc = rb_crc32c(0, &id, sizeof(id));
	u32 i;

	for (i = 0; i < e->nblocks; i++) {
		__le32 v = cpu_to_le32(block_crc[i]);

		crc = rb_crc32c(crc, &v, sizeof(v));
	}
	return crc;
}

static bool range_ok(const struct rb_entry *e, u32 max)
{
	return e->nsect && e->nsect <= max && e->sector <= U64_MAX - max;
}

/**
 * rb_entry_check() - is an entry from outside well formed?
 * @e: decoded from the log or the wire
 *
 * Return: 0, or -EINVAL.
 */
int rb_entry_check(const struct rb_entry *e)
{
	bool ok;

	if (!e->index || !e->term)
		return -EINVAL;
	switch (e->kind) {
	case RB_E_NOOP:
	case RB_E_OPEN:
	case RB_E_CLOSE:
		ok = !e->nblocks && !e->nsect && !e->sector;
		break;
	case RB_E_CONF:
		ok = e->nblocks == 1 && !e->nsect && !e->sector;
		break;
	case RB_E_WRITE:
		ok = range_ok(e, RB_WRITE_MAX >> RB_SECTOR_SHIFT) &&
		     e->nblocks == rb_blocks_touched(e->sector, e->nsect);
		break;
	case RB_E_ZEROES:
		ok = range_ok(e, RB_ZERO_SECTORS_MAX) && !e->nblocks;
		break;
	default:
		ok = false;
	}
	return ok ? 0 : -EINVAL;
}
