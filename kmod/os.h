/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one door between the pure layers (raft, log, volume, wire, node) and the
 * world that they are compiled in. They include this header and no other one from
 * outside, and only this file knows about __KERNEL__.
 */
#ifndef RAFTBLK_OS_H
#define RAFTBLK_OS_H

#ifdef __KERNEL__

#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#define RBLK_BROKEN(cond, text)		WARN_ON_ONCE(!(cond))

static inline u32 rblk_crc32c(u32 seed, const void *data, size_t len)
{
	return ~crc32c(~seed, data, len);
}

/* The compiler does this by itself on 64 bits only. */
static inline u64 rblk_mod_u64(u64 a, u64 b)
{
	u64 rest;

	div64_u64_rem(a, b, &rest);
	return rest;
}

#else /* simulator, unit tests, fuzzers, the tool's offline dump */

#include "os_user.h"

#endif

/* Whoever makes use of a pure room hears through this of an invariant that is broken there. */
struct rblk_alarm {
	/* @cond: the condition that does not hold, as text that stays. Only marks, and returns. */
	void (*raise)(struct rblk_alarm *alarm, const char *cond);
};

static inline bool rblk_assert(struct rblk_alarm *alarm, bool broken, const char *cond)
{
	if (broken && alarm)
		alarm->raise(alarm, cond);
	return broken;
}

/*
 * A broken invariant never takes the machine down. It warns once, and raises the
 * alarm: when this returns, the node is halted to which the room belongs, and the
 * condition is in its status. A room that is used alone, such as by a test, may have
 * no alarm. True if @cond does not hold.
 */
#define RBLK_ASSERT(alarm, cond)	rblk_assert(alarm, RBLK_BROKEN(cond, #cond), #cond)

#define RBLK_NSEC_PER_MSEC	1000000ULL
#define RBLK_NSEC_PER_SEC		1000000000ULL

#define RBLK_BLOCK_SHIFT		12	/* unit of payload, checksum and log layout */
#define RBLK_BLOCK_SIZE		4096u
#define RBLK_SECTOR_SHIFT		9
#define RBLK_SECTORS_PER_BLOCK	(RBLK_BLOCK_SIZE >> RBLK_SECTOR_SHIFT)

#endif /* RAFTBLK_OS_H */
