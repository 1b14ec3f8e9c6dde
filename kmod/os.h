/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one door between the pure layers (raft, log, volume, wire, node) and the
 * world that they are compiled in. They include this header and no other one from
 * outside, and only this file knows about __KERNEL__.
 */
#ifndef RAFTBLK_OS_H
#define RAFTBLK_OS_H

#ifdef __KERNEL__

#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

/*
 * A broken invariant never takes the machine down. It warns once, and the caller
 * halts the node; see rblk_raft_check(), rblk_vol_check() and rblk_node_check().
 */
#define RBLK_ASSERT(cond)		WARN_ON_ONCE(!(cond))

static inline u32 rblk_crc32c(u32 seed, const void *data, size_t len)
{
	return ~crc32c(~seed, data, len);
}

#else /* simulator, unit tests, fuzzers, the tool's offline dump */

#include "os_user.h"

#endif

#define RBLK_NSEC_PER_MSEC	1000000ULL
#define RBLK_NSEC_PER_SEC		1000000000ULL

#define RBLK_BLOCK_SHIFT		12	/* unit of payload, checksum and log layout */
#define RBLK_BLOCK_SIZE		4096u
#define RBLK_SECTOR_SHIFT		9
#define RBLK_SECTORS_PER_BLOCK	(RBLK_BLOCK_SIZE >> RBLK_SECTOR_SHIFT)

#endif /* RAFTBLK_OS_H */
