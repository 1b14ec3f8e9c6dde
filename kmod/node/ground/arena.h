/* SPDX-License-Identifier: GPL-2.0 */
/* One piece of memory for all parts of a node, laid out at start. */
#ifndef RBLK_NODE_ARENA_H
#define RBLK_NODE_ARENA_H

#include "os.h"

struct rblk_arena {
	u8 *base;		/* NULL: only the size is counted */
	size_t used;
};

static inline void *rblk_arena_carve(struct rblk_arena *a, u64 n, size_t each)
{
	void *p = a->base ? a->base + a->used : NULL;

	a->used += round_up((size_t)n * each, 64);
	return p;
}

#endif /* RBLK_NODE_ARENA_H */
