// SPDX-License-Identifier: GPL-2.0
/* The host of a node: payload. */
#include "host.h"

struct rblk_buf *host_buf_alloc(void *host, u32 nblocks)
{
	struct node *n = host;

	WORLD_CHECK(nblocks && nblocks <= RBLK_ENTRY_BLOCKS_MAX, "a buffer of %u blocks", nblocks);
	if (sbuf_room(n->id, B_READBACK) < nblocks) {
		n->starved = true;
		WORLD_MARK(NO_READBACK);
		return NULL;
	}
	return &sbuf_new(n->id, nblocks, B_READBACK)->buf;
}

void host_buf_get(void *host, struct rblk_buf *buf)
{
	sbuf_get(sbuf_of(buf), false);
}

void host_buf_put(void *host, struct rblk_buf *buf)
{
	sbuf_put(sbuf_of(buf), false);
}

void host_buf_sum(void *host, const struct rblk_buf *buf, u32 *crc)
{
	u32 i;

	for (i = 0; i < buf->nblocks; i++)
		crc[i] = page_crc(sbuf_of(buf)->pg[i]);
}

bool host_buf_zero(void *host, const struct rblk_buf *buf)
{
	static const u8 zeroes[RBLK_BLOCK_SIZE];
	u32 i;

	for (i = 0; i < buf->nblocks; i++) {
		struct page *p = sbuf_of(buf)->pg[i];

		if (p && memcmp(page_data(p), zeroes, RBLK_BLOCK_SIZE))
			return false;
	}
	return true;
}

/* Not the hash that the kernel has, but keyed as well: it differs whenever the sums do. */
void host_buf_hash(void *host, const struct rblk_buf *buf, u64 k0, u64 k1, u64 *hash)
{
	u32 i;

	for (i = 0; i < buf->nblocks; i++)
		hash[i] = (page_crc(sbuf_of(buf)->pg[i]) ^ k0) * 0x9e3779b97f4a7c15ULL + k1;
}

void host_buf_cut(void *host, struct rblk_buf *buf, u32 drop)
{
	struct sbuf *b = sbuf_of(buf);
	u32 i, n = 0;

	WORLD_CHECK(b->ref == 1, "a buffer that others use is cut");
	for (i = 0; i < buf->nblocks; i++) {
		struct page *p = b->pg[i];

		if (drop >> i & 1)
			continue;
		b->pg[i] = b->pg[n];
		b->pg[n++] = p;
	}
	WORLD_CHECK(n, "a buffer is cut to nothing");
	buf->nblocks = n;
}

void *host_buf_data(void *host, struct rblk_buf *buf)
{
	struct sbuf *b = sbuf_of(buf);

	if (!b->pg[0])
		b->pg[0] = page_copy(NULL);
	if (b->pg[0]->ref == 1) {	/* it may be written now */
		b->pg[0]->crc_ok = false;
		b->pg[0]->known = b->pg[0]->whole = 0;
	}
	return page_data(b->pg[0]);
}
