// SPDX-License-Identifier: GPL-2.0
/*
 * Memory. Payload is never copied between nodes, wire and disks: all of them refer
 * to the same pages, which never change once they are shared. To change a page, a
 * copy is made first. Checksums are kept with a page for the same reason.
 */
#include <sys/mman.h>

#include "world.h"

#define MEM_CHUNK	(2u << 20)

struct mem_chunk {
	struct mem_chunk *next;
	size_t used, size;
	u8 data[] __aligned(64);
};

static struct mem_chunk *mem, *mem_cur;
static struct page *free_pages, *free_bare;	/* with data and without */
static struct sbuf *free_bufs;
struct page *page_unread, *page_around, *page_garbage;

static struct page *page_of(u8 byte)
{
	struct page *p = page_new();

	memset(p->data, byte, RBLK_BLOCK_SIZE);
	return p;
}

void mem_reset(void)
{
	struct mem_chunk *m;

	free_pages = free_bare = NULL;
	free_bufs = NULL;
	for (m = mem; m; m = m->next)
		m->used = 0;
	mem_cur = mem;
	page_unread = page_of(0xdd);
	page_around = page_of(0xee);
	page_garbage = page_of(0xbb);
}

/* What a run works on is spread over it: with small pages, it is the TLB that decides. */
void *mem_big(size_t size)
{
	void *p;

	size = round_up(size, (size_t)MEM_CHUNK);
	p = aligned_alloc(MEM_CHUNK, size);
	if (!p)
		abort();
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static struct mem_chunk *mem_grow(size_t size)
{
	size_t room = round_up(size + sizeof(struct mem_chunk), (size_t)MEM_CHUNK);
	struct mem_chunk *m, **at = mem_cur ? &mem_cur->next : &mem;

	while (*at && (*at)->size < size)
		at = &(*at)->next;
	if (!*at) {
		m = mem_big(room);
		m->next = NULL;
		m->size = room - sizeof(*m);
		m->used = 0;
		*at = m;
	}
	return *at;
}

static void *mem_room(size_t size, size_t align)
{
	u8 *p;

	if (mem_cur)
		mem_cur->used = round_up(mem_cur->used, align);
	if (!mem_cur || mem_cur->used + size > mem_cur->size)
		mem_cur = mem_grow(size);
	p = mem_cur->data + mem_cur->used;
	mem_cur->used += size;
	return p;
}

void *mem_alloc(size_t size)
{
	return memset(mem_room(size, 16), 0, size);
}

/* ---- pages ---- */

static struct page *page_init(struct page *p)
{
	p->ref = 1;
	p->crc_ok = p->mixed = false;
	p->known = p->whole = 0;
	return p;
}

struct page *page_bare(void)
{
	struct page *p = free_bare;

	if (p)
		free_bare = p->next;
	else
		p = mem_room(sizeof(*p), 64);
	p->data = NULL;
	return page_init(p);
}

struct page *page_new(void)
{
	struct page *p = free_pages;

	if (p)
		free_pages = p->next;
	else
		page_add_data(p = page_bare());
	return page_init(p);
}

void page_add_data(struct page *p)
{
	p->data = mem_room(RBLK_BLOCK_SIZE, 64);
}

struct page *page_copy(struct page *from)
{
	struct page *p = page_new();

	if (from)
		memcpy(p->data, page_data(from), RBLK_BLOCK_SIZE);
	else
		memset(p->data, 0, RBLK_BLOCK_SIZE);
	return p;
}

void page_free(struct page *p)
{
	struct page **list;
	u32 i;

	for (i = 0; p->mixed && i < PAGE_SECTORS; i++)
		page_put(p->sect[i]);
	list = p->data ? &free_pages : &free_bare;
	p->next = *list;
	*list = p;
}

u32 page_crc(struct page *p)
{
	static const u8 zeroes[RBLK_BLOCK_SIZE];
	static u32 zero_crc;

	if (!p) {
		if (!zero_crc)
			zero_crc = rblk_crc32c(0, zeroes, sizeof(zeroes));
		return zero_crc;
	}
	if (!p->crc_ok) {
		p->crc = rblk_crc32c(0, page_data(p), RBLK_BLOCK_SIZE);
		p->crc_ok = true;
	}
	return p->crc;
}

/* ---- payload buffers, counted for each node ---- */

u32 sbuf_room(u8 node, enum budget budget)
{
	static const u32 fifths[B_NR] = { 2, 2, 1, 1 };
	u32 size = world.cfg.pool_pages / 5 * fifths[budget], used = world.node[node].used[budget];

	if (!world.cfg.pool_pages)
		return U32_MAX;
	return size > used ? size - used : 0;
}

struct sbuf *sbuf_new(u8 node, u32 nblocks, enum budget budget)
{
	struct node *n = &world.node[node];
	struct sbuf *b = free_bufs;

	if (b)
		free_bufs = b->next;
	else
		b = mem_alloc(sizeof(*b));
	memset(b->pg, 0, sizeof(b->pg));
	b->buf.nblocks = nblocks;
	b->size = nblocks;
	b->ref = 1;
	b->host = 0;
	b->node = node;
	b->budget = (u8)budget;
	n->used[budget] += nblocks;
	b->next = n->bufs;
	if (b->next)
		b->next->pprev = &b->next;
	b->pprev = &n->bufs;
	n->bufs = b;
	return b;
}

void sbuf_get(struct sbuf *b, bool host)
{
	WORLD_CHECK(b->ref, "a reference was taken of a freed buffer");
	b->ref++;
	b->host += host;
}

void sbuf_put(struct sbuf *b, bool host)
{
	struct node *n = &world.node[b->node];
	u32 i;

	WORLD_CHECK(b->ref > (host ? 0 : b->host), "a reference was put that was not held");
	b->host -= host;
	if (--b->ref)
		return;
	for (i = 0; i < b->size; i++)
		page_put(b->pg[i]);
	n->used[b->budget] -= b->size;
	if (n->starved && b->budget == B_READBACK && n->up) {
		n->starved = false;
		node_kick(n);
	}
	*b->pprev = b->next;
	if (b->next)
		b->next->pprev = b->pprev;
	b->next = free_bufs;
	free_bufs = b;
}
