// SPDX-License-Identifier: GPL-2.0
/*
 * Payload blocks and the objects that name them, all allocated at "up". The budgets
 * do not borrow from each other: local writes can never take the blocks that
 * replication needs to make progress, nor the other way round.
 *
 * Blocks are carved out of chunks, so that they take what they have, also where a
 * page is larger than a block. Chunks are larger than a page where there is memory
 * for it, which leaves more of the machine's memory in one piece.
 *
 * A chunk belongs to raftblk alone. A payload must never be handed to code that may
 * keep a reference to its pages for longer than it lives (by splicing them into a
 * socket, say), because they are reused, and not freed, while the volume is up.
 */
#include <linux/mm.h>
#include <linux/siphash.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "host/pool.h"
#include "host/volume.h"

/* A pool leaves this part of the machine's memory to others, or so many bytes if that is less. */
#define RBLK_POOL_SPARE		16
#define RBLK_POOL_SPARE_MAX	SZ_256M

#define RBLK_CHUNK_ORDER	get_order(8 * RBLK_BLOCK_SIZE)

static_assert(PAGE_SIZE % RBLK_BLOCK_SIZE == 0);

struct rblk_budget_blocks {
	spinlock_t lock;		/* irq-safe, innermost */
	void **block;			/* stack of free blocks */
	struct rblk_payload **obj;	/* stack of free objects */
	u32 nblocks, nobjs;		/* how many are on the stacks */
	u32 size;			/* blocks in all, and as many objects */
	bool starved;			/* an allocation failed since blocks were last freed */
	struct rblk_payload *objs;	/* all of them */
	struct page **chunk;		/* all of them; room for @size */
	u32 nchunks;
};

struct rblk_pool {
	struct rblk_volume *v;
	refcount_t out;			/* payloads in use, and one until the pool is destroyed */
	struct completion idle;
	struct rblk_budget_blocks b[RBLK_BUDGETS];
};

static void rblk_budget_free(struct rblk_budget_blocks *b)
{
	u32 i;

	for (i = 0; i < b->nchunks; i++)
		__free_pages(b->chunk[i], compound_order(b->chunk[i]));
	kvfree(b->chunk);
	kvfree(b->block);
	kvfree(b->obj);
	kvfree(b->objs);
}

/* Carves up to @want blocks out of a new chunk. Returns how many, or 0: no memory. */
static u32 rblk_budget_carve(struct rblk_budget_blocks *b, u32 want)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_COMP | __GFP_NOWARN;
	struct page *page = alloc_pages(gfp | __GFP_NORETRY, RBLK_CHUNK_ORDER);
	u32 i, n;

	if (!page)
		page = alloc_page(gfp | __GFP_RETRY_MAYFAIL);
	if (!page)
		return 0;
	b->chunk[b->nchunks++] = page;
	n = min_t(u32, want, page_size(page) / RBLK_BLOCK_SIZE);
	for (i = 0; i < n; i++)
		b->block[b->nblocks++] = page_address(page) + i * RBLK_BLOCK_SIZE;
	return n;
}

static int rblk_budget_alloc(struct rblk_pool *pool, enum rblk_budget budget, u32 blocks)
{
	struct rblk_budget_blocks *b = &pool->b[budget];
	u32 i;

	b->chunk = kvcalloc(blocks, sizeof(*b->chunk), GFP_KERNEL);
	b->block = kvcalloc(blocks, sizeof(*b->block), GFP_KERNEL);
	b->obj = kvcalloc(blocks, sizeof(*b->obj), GFP_KERNEL);
	b->objs = kvcalloc(blocks, sizeof(*b->objs), GFP_KERNEL);
	if (!b->chunk || !b->block || !b->obj || !b->objs)
		return -ENOMEM;
	while (b->nblocks < blocks) {
		if (!rblk_budget_carve(b, blocks - b->nblocks))
			return -ENOMEM;
		cond_resched();
	}
	for (i = 0; i < blocks; i++) {
		b->objs[i].pool = pool;
		b->objs[i].budget = budget;
		b->obj[b->nobjs++] = &b->objs[i];
	}
	b->size = blocks;
	return 0;
}

/*
 * The allocations below would not fail before nothing is left for anybody else: programs
 * would be killed for memory that nothing can give back.
 */
static bool rblk_pool_fits(const u32 blocks[RBLK_BUDGETS])
{
	const u64 each = RBLK_BLOCK_SIZE + sizeof(struct rblk_payload) + 3 * sizeof(void *);
	u64 bytes = min_t(u64, (u64)totalram_pages() / RBLK_POOL_SPARE << PAGE_SHIFT,
			  RBLK_POOL_SPARE_MAX);
	int i;

	for (i = 0; i < RBLK_BUDGETS; i++)
		bytes += each * blocks[i];
	return bytes >> PAGE_SHIFT <= max(si_mem_available(), 0L);
}

/**
 * rblk_pool_create() - allocate every payload block of a volume
 * @v: the volume, kicked when a budget that was spent gets blocks back
 * @blocks: size of each budget; raised to RBLK_ENTRY_BLOCKS_MAX if it is less
 *
 * Context: process; sleeps.
 * Return: the pool, or NULL if there is not enough memory, or would not be for others.
 */
struct rblk_pool *rblk_pool_create(struct rblk_volume *v, u32 blocks[RBLK_BUDGETS])
{
	struct rblk_pool *pool = rblk_pool_fits(blocks) ? kzalloc(sizeof(*pool), GFP_KERNEL) : NULL;
	int i;

	if (!pool)
		return NULL;
	pool->v = v;
	refcount_set(&pool->out, 1);
	init_completion(&pool->idle);
	for (i = 0; i < RBLK_BUDGETS; i++)
		spin_lock_init(&pool->b[i].lock);
	for (i = 0; i < RBLK_BUDGETS; i++) {
		if (rblk_budget_alloc(pool, i, max_t(u32, blocks[i], RBLK_ENTRY_BLOCKS_MAX)))
			goto err;
	}
	return pool;
err:
	for (i = 0; i < RBLK_BUDGETS; i++)
		rblk_budget_free(&pool->b[i]);
	kfree(pool);
	return NULL;
}

/**
 * rblk_pool_destroy() - free the pool once its last payload has come back
 * @pool: the pool, or NULL
 *
 * Context: process; sleeps until every payload was put.
 */
void rblk_pool_destroy(struct rblk_pool *pool)
{
	int i;

	if (!pool)
		return;
	if (!refcount_dec_and_test(&pool->out))
		wait_for_completion(&pool->idle);
	for (i = 0; i < RBLK_BUDGETS; i++)
		rblk_budget_free(&pool->b[i]);
	kfree(pool);
}

/**
 * rblk_payload_alloc() - allocate a payload of some blocks
 * @pool: the pool
 * @nblocks: 1 .. RBLK_ENTRY_BLOCKS_MAX
 * @budget: the budget to take them from
 *
 * The blocks are not zeroed.
 *
 * Context: any.
 * Return: the payload with one reference, or NULL when the budget is spent; the
 * volume is kicked (RBLK_KICK_POOL) once some of its blocks are freed.
 */
struct rblk_payload *rblk_payload_alloc(struct rblk_pool *pool, u32 nblocks,
					enum rblk_budget budget)
{
	struct rblk_budget_blocks *b = &pool->b[budget];
	struct rblk_payload *p = NULL;
	unsigned long flags;

	if (WARN_ON_ONCE(!nblocks || nblocks > RBLK_ENTRY_BLOCKS_MAX))
		return NULL;
	spin_lock_irqsave(&b->lock, flags);
	if (b->nblocks >= nblocks) {
		p = b->obj[--b->nobjs];
		b->nblocks -= nblocks;
		memcpy(p->block, &b->block[b->nblocks], nblocks * sizeof(*p->block));
		refcount_inc(&pool->out);
	} else {
		b->starved = true;
	}
	spin_unlock_irqrestore(&b->lock, flags);
	if (p) {
		p->buf.nblocks = nblocks;
		p->size = nblocks;
		refcount_set(&p->ref, 1);
	}
	return p;
}

/**
 * rblk_payload_get() - take another reference to a payload
 * @p: a payload to which the caller has a reference
 *
 * Context: any.
 */
void rblk_payload_get(struct rblk_payload *p)
{
	refcount_inc(&p->ref);
}

/**
 * rblk_payload_put() - drop a reference; the last one frees the blocks
 * @p: the payload
 *
 * Context: any.
 */
void rblk_payload_put(struct rblk_payload *p)
{
	struct rblk_pool *pool = p->pool;
	struct rblk_budget_blocks *b = &pool->b[p->budget];
	unsigned long flags;
	bool starved;

	if (!refcount_dec_and_test(&p->ref))
		return;
	spin_lock_irqsave(&b->lock, flags);
	memcpy(&b->block[b->nblocks], p->block, p->size * sizeof(*p->block));
	b->nblocks += p->size;
	b->obj[b->nobjs++] = p;
	starved = b->starved;
	b->starved = false;
	spin_unlock_irqrestore(&b->lock, flags);
	if (starved)
		rblk_volume_kick(pool->v, RBLK_KICK_POOL);
	/* Last: rblk_pool_destroy() may be waiting, and the volume goes after it. */
	if (refcount_dec_and_test(&pool->out))
		complete(&pool->idle);
}

/**
 * rblk_payload_sum() - compute the CRC-32C of each block
 * @p: the payload
 * @crc: where the sums go, one per block
 *
 * Context: any.
 */
void rblk_payload_sum(const struct rblk_payload *p, u32 *crc)
{
	u32 i;

	for (i = 0; i < p->buf.nblocks; i++)
		crc[i] = rblk_crc32c(0, p->block[i], RBLK_BLOCK_SIZE);
}

/**
 * rblk_payload_zero() - is all of it zeroes?
 * @p: the payload
 *
 * Context: any.
 * Return: true if so.
 */
bool rblk_payload_zero(const struct rblk_payload *p)
{
	u32 i;

	for (i = 0; i < p->buf.nblocks; i++)
		if (memchr_inv(p->block[i], 0, RBLK_BLOCK_SIZE))
			return false;
	return true;
}

/**
 * rblk_payload_hash() - compute the keyed hash of each block
 * @p: the payload
 * @k0: first half of the key
 * @k1: second half of the key
 * @hash: where the hashes go, one per block
 *
 * Context: any.
 */
void rblk_payload_hash(const struct rblk_payload *p, u64 k0, u64 k1, u64 *hash)
{
	const siphash_key_t key = { .key = { k0, k1 } };
	u32 i;

	for (i = 0; i < p->buf.nblocks; i++)
		hash[i] = siphash(p->block[i], RBLK_BLOCK_SIZE, &key);
}

/**
 * rblk_payload_cut() - drop some of the blocks, and move the others together
 * @p: the payload, to which the caller has the only reference
 * @drop: a bit for each block to be dropped; some are left
 *
 * They stay with the payload until it is freed.
 *
 * Context: any.
 */
void rblk_payload_cut(struct rblk_payload *p, u32 drop)
{
	u32 i, n = 0;

	for (i = 0; i < p->buf.nblocks; i++)
		if (!(drop >> i & 1)) {
			swap(p->block[n], p->block[i]);
			n++;
		}
	p->buf.nblocks = n;
}

/**
 * rblk_pool_free() - count the free blocks of a budget
 * @pool: the pool
 * @budget: the budget
 *
 * Context: any.
 * Return: blocks.
 */
u32 rblk_pool_free(const struct rblk_pool *pool, enum rblk_budget budget)
{
	return READ_ONCE(pool->b[budget].nblocks);
}

/**
 * rblk_pool_size() - count all blocks of a budget
 * @pool: the pool
 * @budget: the budget
 *
 * Context: any.
 * Return: blocks.
 */
u32 rblk_pool_size(const struct rblk_pool *pool, enum rblk_budget budget)
{
	return pool->b[budget].size;
}
