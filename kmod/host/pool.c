// SPDX-License-Identifier: GPL-2.0
/*
 * Payload pages and the objects that name them, all allocated at "up". The budgets
 * do not borrow from each other: local writes can never take the pages that
 * replication needs to make progress, nor the other way round.
 *
 * A payload page belongs to raftblk alone. It must never be handed to code that may
 * keep a reference to it for longer than the payload lives (by splicing it into a
 * socket, say), because it is reused, and not freed, while the volume is up.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "host/pool.h"
#include "host/volume.h"

struct rblk_budget_pages {
	spinlock_t lock;		/* irq-safe, innermost */
	struct page **page;		/* stack of free pages */
	struct rblk_payload **obj;	/* stack of free objects */
	u32 npages, nobjs;		/* how many are on the stacks */
	u32 size;			/* pages in all, and as many objects */
	bool starved;			/* an allocation failed since pages were last freed */
	struct rblk_payload *objs;	/* all of them */
};

struct rblk_pool {
	struct rblk_volume *v;
	refcount_t out;			/* payloads in use, and one until the pool is destroyed */
	struct completion idle;
	struct rblk_budget_pages b[RBLK_BUDGETS];
};

static void rblk_budget_free(struct rblk_budget_pages *b)
{
	u32 i;

	for (i = 0; i < b->npages; i++)
		__free_page(b->page[i]);
	kvfree(b->page);
	kvfree(b->obj);
	kvfree(b->objs);
}

static int rblk_budget_alloc(struct rblk_pool *pool, enum rblk_budget budget, u32 pages)
{
	struct rblk_budget_pages *b = &pool->b[budget];
	u32 i;

	b->page = kvcalloc(pages, sizeof(*b->page), GFP_KERNEL);
	b->obj = kvcalloc(pages, sizeof(*b->obj), GFP_KERNEL);
	b->objs = kvcalloc(pages, sizeof(*b->objs), GFP_KERNEL);
	if (!b->page || !b->obj || !b->objs)
		return -ENOMEM;
	for (i = 0; i < pages; i++) {
		b->page[i] = alloc_page(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
		if (!b->page[i])
			return -ENOMEM;
		b->npages++;
		b->objs[i].pool = pool;
		b->objs[i].budget = budget;
		b->obj[b->nobjs++] = &b->objs[i];
		if (!(i & 255))
			cond_resched();
	}
	b->size = pages;
	return 0;
}

/**
 * rblk_pool_create() - allocate every payload page of a volume
 * @v: the volume, kicked when a budget that was spent gets pages back
 * @pages: size of each budget; raised to RBLK_ENTRY_BLOCKS_MAX if it is less
 *
 * Context: process; sleeps.
 * Return: the pool, or NULL if there is not enough memory.
 */
struct rblk_pool *rblk_pool_create(struct rblk_volume *v, u32 pages[RBLK_BUDGETS])
{
	struct rblk_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	int i;

	if (!pool)
		return NULL;
	pool->v = v;
	refcount_set(&pool->out, 1);
	init_completion(&pool->idle);
	for (i = 0; i < RBLK_BUDGETS; i++)
		spin_lock_init(&pool->b[i].lock);
	for (i = 0; i < RBLK_BUDGETS; i++) {
		if (rblk_budget_alloc(pool, i, max_t(u32, pages[i], RBLK_ENTRY_BLOCKS_MAX)))
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
 * The pages are not zeroed.
 *
 * Context: any.
 * Return: the payload with one reference, or NULL when the budget is spent; the
 * volume is kicked (RBLK_KICK_POOL) once some of its pages are freed.
 */
struct rblk_payload *rblk_payload_alloc(struct rblk_pool *pool, u32 nblocks,
					enum rblk_budget budget)
{
	struct rblk_budget_pages *b = &pool->b[budget];
	struct rblk_payload *p = NULL;
	unsigned long flags;

	if (WARN_ON_ONCE(!nblocks || nblocks > RBLK_ENTRY_BLOCKS_MAX))
		return NULL;
	spin_lock_irqsave(&b->lock, flags);
	if (b->npages >= nblocks) {
		p = b->obj[--b->nobjs];
		b->npages -= nblocks;
		memcpy(p->page, &b->page[b->npages], nblocks * sizeof(*p->page));
		refcount_inc(&pool->out);
	} else {
		b->starved = true;
	}
	spin_unlock_irqrestore(&b->lock, flags);
	if (p) {
		p->buf.nblocks = nblocks;
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
 * rblk_payload_put() - drop a reference; the last one frees the pages
 * @p: the payload
 *
 * Context: any.
 */
void rblk_payload_put(struct rblk_payload *p)
{
	struct rblk_pool *pool = p->pool;
	struct rblk_budget_pages *b = &pool->b[p->budget];
	unsigned long flags;
	bool starved;

	if (!refcount_dec_and_test(&p->ref))
		return;
	spin_lock_irqsave(&b->lock, flags);
	memcpy(&b->page[b->npages], p->page, p->buf.nblocks * sizeof(*p->page));
	b->npages += p->buf.nblocks;
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
		crc[i] = rblk_crc32c(0, page_address(p->page[i]), RBLK_BLOCK_SIZE);
}

/**
 * rblk_pool_free() - count the free pages of a budget
 * @pool: the pool
 * @budget: the budget
 *
 * Context: any.
 * Return: pages.
 */
u32 rblk_pool_free(const struct rblk_pool *pool, enum rblk_budget budget)
{
	return READ_ONCE(pool->b[budget].npages);
}

/**
 * rblk_pool_size() - count all pages of a budget
 * @pool: the pool
 * @budget: the budget
 *
 * Context: any.
 * Return: pages.
 */
u32 rblk_pool_size(const struct rblk_pool *pool, enum rblk_budget budget)
{
	return pool->b[budget].size;
}
