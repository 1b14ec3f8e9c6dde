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
