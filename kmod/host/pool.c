// SPDX-License-Identifier: GPL-2.0
/*
 * Payload pages and the objects that name them, all allocated at "up". Three
 * budgets that do not borrow from each other: local submissions can never eat
 * the pages that replication needs to make progress, nor the reverse.
 *
 * A payload page belongs to raftblk alone: it must never be handed to anyone
 * who may keep a reference longer than the payload's (spliced into a socket,
 * say), for it is recycled, never freed, while the volume is up.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "host/host.h"

struct rb_budget_pages {
	spinlock_t lock;		/* irq-safe, innermost */
	struct page **page;		/* stack of free pages */
	struct rb_payload **obj;	/* stack of free objects */
	u32 npages, nobjs;		/* on the stacks */
	u32 size;			/* in all: as many objects as pages */
	bool starved;			/* somebody got nothing since the last free */
	struct rb_payload *objs;	/* all of them */
};

struct rb_pool {
	struct rb_volume *v;
	refcount_t out;			/* payloads given out, and one for the pool's life */
	struct completion idle;
	struct rb_budget_pages b[RB_BUDGETS];
};

static void rb_budget_free(struct rb_budget_pages *b)
{
	u32 i;

	for (i = 0; i < b->npages; i++)
		__free_page(b->page[i]);
	kvfree(b->page);
	kvfree(b->obj);
	kvfree(b->objs);
}

static int rb_budget_alloc(struct rb_pool *pool, enum rb_budget budget, u32 pages)
{
	struct rb_budget_pages *b = &pool->b[budget];
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
 * rb_pool_create() - allocate every payload page of a volume
 * @v: the volume, kicked when a budget that was spent gets pages back
 * @pages: how many per budget; at least RB_ENTRY_BLOCKS_MAX each
 *
 * Context: process; sleeps.
 * Return: the pool, or NULL when memory is short.
 */
struct rb_pool *rb_pool_create(struct rb_volume *v, u32 pages[RB_BUDGETS])
{
	struct rb_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	int i;

	if (!pool)
		return NULL;
	pool->v = v;
	refcount_set(&pool->out, 1);
	init_completion(&pool->idle);
	for (i = 0; i < RB_BUDGETS; i++)
		spin_lock_init(&pool->b[i].lock);
	for (i = 0; i < RB_BUDGETS; i++) {
		if (rb_budget_alloc(pool, i, max_t(u32, pages[i], RB_ENTRY_BLOCKS_MAX)))
			goto err;
	}
	return pool;
err:
	for (i = 0; i < RB_BUDGETS; i++)
		rb_budget_free(&pool->b[i]);
	kfree(pool);
	return NULL;
}

/**
 * rb_pool_destroy() - free the pool once its last payload came back
 * @pool: the pool, or NULL
 *
 * Context: process; sleeps until every payload was put.
 */
void rb_pool_destroy(struct rb_pool *pool)
{
	int i;

	if (!pool)
		return;
	if (!refcount_dec_and_test(&pool->out))
		wait_for_completion(&pool->idle);
	for (i = 0; i < RB_BUDGETS; i++)
		rb_budget_free(&pool->b[i]);
	kfree(pool);
}

/**
 * rb_payload_alloc() - take a payload of some blocks
 * @pool: the pool
 * @nblocks: 1 .. RB_ENTRY_BLOCKS_MAX
 * @budget: whose pages
 *
 * The pages hold what they held before.
 *
 * Context: any.
 * Return: the payload with one reference, or NULL when the budget is spent;
 * then the volume is kicked (RB_KICK_POOL) at the next free.
 */
struct rb_payload *rb_payload_alloc(struct rb_pool *pool, u32 nblocks, enum rb_budget budget)
{
	struct rb_budget_pages *b = &pool->b[budget];
	struct rb_payload *p = NULL;
	unsigned long flags;

	if (WARN_ON_ONCE(!nblocks || nblocks > RB_ENTRY_BLOCKS_MAX))
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
 * rb_payload_get() - take one more reference
 * @p: a payload to which the caller holds one
 *
 * Context: any.
 */
void rb_payload_get(struct rb_payload *p)
{
	refcount_inc(&p->ref);
}

/**
 * rb_payload_put() - drop a reference; the last one gives the pages back
 * @p: the payload
 *
 * Context: any.
 */
void rb_payload_put(struct rb_payload *p)
{
	struct rb_pool *pool = p->pool;
	struct rb_budget_pages *b = &pool->b[p->budget];
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
		rb_volume_kick(pool->v, RB_KICK_POOL);
	/* Last: rb_pool_destroy() may be waiting, and the volume goes after it. */
	if (refcount_dec_and_test(&pool->out))
		complete(&pool->idle);
}

/**
 * rb_payload_sum() - compute the CRC-32C of each block
 * @p: the payload
 * @crc: where the sums go, one per block
 *
 * Context: any.
 */
void rb_payload_sum(const struct rb_payload *p, u32 *crc)
{
	u32 i;

	for (i = 0; i < p->buf.nblocks; i++)
		crc[i] = rb_crc32c(0, page_address(p->page[i]), RB_BLOCK_SIZE);
}

/**
 * rb_pool_free() - pages of a budget that are free now
 * @pool: the pool
 * @budget: which
 *
 * Context: any.
 * Return: pages.
 */
u32 rb_pool_free(const struct rb_pool *pool, enum rb_budget budget)
{
	return READ_ONCE(pool->b[budget].npages);
}

/**
 * rb_pool_size() - pages of a budget in all
 * @pool: the pool
 * @budget: which
 *
 * Context: any.
 * Return: pages.
 */
u32 rb_pool_size(const struct rb_pool *pool, enum rb_budget budget)
{
	return pool->b[budget].size;
}
