/* SPDX-License-Identifier: GPL-2.0 */
/* Preallocated memory for payload. Once the pool exists, nothing here sleeps or allocates. */
#ifndef RBLK_HOST_POOL_H
#define RBLK_HOST_POOL_H

#include <linux/bio.h>
#include <linux/mm.h>
#include <linux/refcount.h>

#include "host/info.h"

struct rblk_pool;
struct rblk_volume;

struct rblk_payload {
	struct rblk_buf buf;		/* what the pure layers see */
	refcount_t ref;
	struct rblk_pool *pool;
	u8 budget;
	u32 size;			/* blocks that belong to it, also those that were cut off */
	void *block[RBLK_ENTRY_BLOCKS_MAX];	/* RBLK_BLOCK_SIZE each, within a page */
};

static inline struct rblk_payload *rblk_payload(const struct rblk_buf *buf)
{
	return container_of((struct rblk_buf *)buf, struct rblk_payload, buf);
}

/* Sets @vec to block @i of a payload. */
static inline void rblk_payload_bvec(struct bio_vec *vec, const struct rblk_payload *p, u32 i)
{
	bvec_set_page(vec, virt_to_page(p->block[i]), RBLK_BLOCK_SIZE, offset_in_page(p->block[i]));
}

/* Adds bytes of block @i of a payload, from @off on, to a bio that has room. */
static inline void rblk_payload_add(struct bio *bio, const struct rblk_payload *p, u32 i, u32 len,
				    u32 off)
{
	__bio_add_page(bio, virt_to_page(p->block[i]), len, offset_in_page(p->block[i]) + off);
}

struct rblk_pool *rblk_pool_create(struct rblk_volume *v, u32 blocks[RBLK_BUDGETS]);
void rblk_pool_destroy(struct rblk_pool *pool);
struct rblk_payload *rblk_payload_alloc(struct rblk_pool *pool, u32 nblocks,
					enum rblk_budget budget);
void rblk_payload_get(struct rblk_payload *p);
void rblk_payload_put(struct rblk_payload *p);
void rblk_payload_sum(const struct rblk_payload *p, u32 *crc);
bool rblk_payload_zero(const struct rblk_payload *p);
void rblk_payload_hash(const struct rblk_payload *p, u64 k0, u64 k1, u64 *hash);
void rblk_payload_cut(struct rblk_payload *p, u32 drop);
u32 rblk_pool_free(const struct rblk_pool *pool, enum rblk_budget budget);
u32 rblk_pool_size(const struct rblk_pool *pool, enum rblk_budget budget);

#endif /* RBLK_HOST_POOL_H */
