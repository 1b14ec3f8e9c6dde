/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A log entry as every pure layer knows it, and the payload buffer it may
 * carry. The forms on disk (log/format.h) and on the wire (wire.h) are derived
 * from this one.
 */
#ifndef RAFTBLK_ENTRY_H
#define RAFTBLK_ENTRY_H

#include "os.h"

/*
 * Largest data of one write. A write that does not start on a 4 KiB boundary
 * (volumes with 512-byte blocks) touches one block more.
 */
#define RBLK_WRITE_MAX		(128u << 10)
#define RBLK_ENTRY_BLOCKS_MAX	(RBLK_WRITE_MAX / RBLK_BLOCK_SIZE + 1)

/* Largest range of one zeroes entry, in sectors (bounds the work of applying it). */
#define RBLK_ZERO_SECTORS_MAX	((256u << 20) >> RBLK_SECTOR_SHIFT)

/* On disk and on the wire: values never change. */
enum rblk_entry_kind {
	RBLK_E_NOOP	= 1,
	RBLK_E_CONF	= 2,	/* payload: configuration and volume parameters, log/format.h */
	RBLK_E_WRITE	= 3,	/* payload: the touched 4 KiB blocks, data at its natural offset */
	RBLK_E_ZEROES	= 4,	/* zeroes and discards: every replica reads zeroes afterwards */
	RBLK_E_OPEN	= 5,	/* session open: store, epoch = the expected current epoch, nonce */
	RBLK_E_CLOSE	= 6,	/* session close: store, epoch */
	/* 7.. reserved: snapshot mark, verify mark, resize, option; by feature word */
	RBLK_E_KIND_NR,
};

/*
 * Payload of an entry: whole 4 KiB blocks and the CRC-32C of each. The host
 * embeds this in what it really allocates; the pure layers look at the sums,
 * count references through the host's operations and never touch the data,
 * but for the single block of a configuration entry.
 */
struct rblk_buf {
	u32 nblocks;
	u32 crc[RBLK_ENTRY_BLOCKS_MAX];
};

struct rblk_entry {
	u64 index;
	u64 term;
	u8 kind;		/* enum rblk_entry_kind */
	u32 nblocks;		/* payload, 4 KiB blocks */
	u64 sector;		/* WRITE, ZEROES: first 512-byte sector */
	u32 nsect;		/* WRITE, ZEROES */
	u32 csum;		/* identity: rblk_entry_csum() over the fields and block sums */
	u64 store;		/* OPEN, CLOSE: whose session */
	u64 epoch;		/* WRITE, ZEROES, CLOSE: session; OPEN: the one expected now */
	u64 seq;		/* WRITE, ZEROES: 1, 2, ... within the session; OPEN: boot nonce */
};

/* Blocks that a write of @nsect sectors at @sector touches. */
static inline u32 rblk_blocks_touched(u64 sector, u32 nsect)
{
	u64 first = sector / RBLK_SECTORS_PER_BLOCK;
	u64 last = (sector + nsect - 1) / RBLK_SECTORS_PER_BLOCK;

	return (u32)(last - first + 1);
}

/* Sectors of the @n-th touched block that the write covers, as a bit mask. */
u8 rblk_block_mask(u64 sector, u32 nsect, u32 n);

/* CRC-32C over the fields (little-endian, fixed order) and the block sums. */
u32 rblk_entry_csum(const struct rblk_entry *e, const u32 *block_crc);

/*
 * Is the entry well formed (kind known, range sane, nblocks as the range says)?
 * 0 or -EINVAL. Says nothing of the volume's size or sessions.
 */
int rblk_entry_check(const struct rblk_entry *e);

#endif /* RAFTBLK_ENTRY_H */
