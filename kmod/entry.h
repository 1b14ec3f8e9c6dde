/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A log entry as every pure layer knows it, and the buffer with the payload that
 * it may have. log/disk_fields.h and wire/frame_fields.h have its forms on disk
 * and on the wire.
 */
#ifndef RAFTBLK_ENTRY_H
#define RAFTBLK_ENTRY_H

#include "os.h"

/*
 * The largest write, in bytes. A write that does not start on a 4 KiB boundary, as
 * is possible with 512-byte blocks, touches one block more.
 */
#define RBLK_WRITE_MAX		(128u << 10)
#define RBLK_ENTRY_BLOCKS_MAX	(RBLK_WRITE_MAX / RBLK_BLOCK_SIZE + 1)

/* The largest range of one ZEROES entry, in sectors. It bounds the work of applying it. */
#define RBLK_ZERO_SECTORS_MAX	((256u << 20) >> RBLK_SECTOR_SHIFT)

/* These values are on disk and on the wire: they never change. */
enum rblk_entry_kind {
	RBLK_E_NOOP	= 1,
	RBLK_E_CONF	= 2,	/* payload: a configuration, see struct disk_conf_block */
	RBLK_E_WRITE	= 3,	/* payload: the 4 KiB blocks touched, data at its natural offset */
	RBLK_E_ZEROES	= 4,	/* write-zeroes or discard: every replica reads zeroes afterwards */
	RBLK_E_OPEN	= 5,	/* opens a session: store, epoch expected to be current, nonce */
	RBLK_E_CLOSE	= 6,	/* closes a session: store, epoch */
	RBLK_E_VERIFY	= 7,	/* changes nothing: each replica reads the range exactly here */
	/* From 8 on reserved, each by a feature bit: snapshot mark, resize, option. */
	RBLK_E_KIND_NR,
};

/*
 * Payload of an entry: whole 4 KiB blocks, and the CRC-32C of each. The host embeds
 * this structure in the one that it allocates. The pure layers look at the sums,
 * count references through the operations of the host, and never touch the data,
 * except for the single block of a configuration entry.
 */
struct rblk_buf {
	u32 nblocks;
	u32 crc[RBLK_ENTRY_BLOCKS_MAX];
};

struct rblk_entry {
	u64 index;
	u64 term;
	u8 kind;		/* enum rblk_entry_kind */
	u32 nblocks;		/* payload, in 4 KiB blocks */
	u64 sector;		/* WRITE, ZEROES, VERIFY: first 512-byte sector */
	u32 nsect;		/* WRITE, ZEROES, VERIFY: number of sectors */
	u32 csum;		/* identity: rblk_entry_csum() of the fields and the block sums */
	/* OPEN, CLOSE: store id of the node whose session it is; VERIFY: of who compares */
	u64 store;
	u64 epoch;		/* WRITE, ZEROES, CLOSE: of the session; OPEN: the one to replace */
	/* WRITE, ZEROES: 1, 2, ... in the session; OPEN: its nonce; VERIFY: number of the mark */
	u64 seq;
};

/* Blocks that a write of @nsect sectors at @sector touches. */
static inline u32 rblk_blocks_touched(u64 sector, u32 nsect)
{
	u64 first = sector / RBLK_SECTORS_PER_BLOCK;
	u64 last = (sector + nsect - 1) / RBLK_SECTORS_PER_BLOCK;

	return (u32)(last - first + 1);
}

u8 rblk_block_mask(u64 sector, u32 nsect, u32 n);
u32 rblk_entry_csum(const struct rblk_entry *e, const u32 *block_crc);
int rblk_entry_check(const struct rblk_entry *e);

#endif /* RAFTBLK_ENTRY_H */
