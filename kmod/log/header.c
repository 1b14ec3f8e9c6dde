// SPDX-License-Identifier: GPL-2.0
/* Reading record headers, which record.c writes. */
#include "format.h"

/* What the bounds of single values cannot say. */
static bool header_ok(const struct log_header *h, const struct log_super *s)
{
	u64 bytes = LOG_HEADER_BYTES_MAX + (u64)h->payload_blocks * RBLK_BLOCK_SIZE;
	bool closing = h->flags & DISK_R_CLOSING;

	if (h->pos % RBLK_BLOCK_SIZE || h->floor_pos > h->pos ||
	    h->pos - h->floor_pos + bytes > s->ring_bytes)
		return false;
	if (h->prev_seq >= h->seq || h->watermark >= h->seq)
		return false;
	return h->nentries ? h->first && !closing : !h->first && closing;
}

/*
 * Is this block a record header of ours? Returns 0 and sets @h, all counts in
 * which are then within their bounds, while the entries still need
 * rblk_log_header_check(); -ENODATA: it is no header; -EBADMSG: its checksum is
 * wrong; -ESTALE: it belongs to another volume or store; -EPROTONOSUPPORT: it is
 * ours, of a newer version; -EINVAL: its content is absurd.
 */
int rblk_log_header_decode(const struct log_super *s, const void *block, struct log_header *h)
{
	const struct disk_record *d = block;
	struct log_header n;
	int ret = rblk_log_disk_open(&d->head, DISK_MAGIC_RECORD, sizeof(*d), NULL);

	if (ret && ret != -EPROTONOSUPPORT)
		return ret;
	if (!rblk_log_disk_ours(&d->head, s))
		return -ESTALE;
	if (ret)
		return ret;
	disk_record_get(&n, d);
	n.crc = le32_to_cpu(d->head.crc);
	if (!disk_record_ok(d) || !header_ok(&n, s))
		return -EINVAL;
	*h = n;
	return 0;
}

/* Reads entry @n of a header that rblk_log_header_decode() accepted as @h. */
void rblk_log_header_entry(const void *block, const struct log_header *h, u32 n,
			   struct rblk_entry *e)
{
	const struct disk_record *d = block;

	e->index = h->first + n;
	disk_entry_get(e, &d->entry[n]);
}

static u32 entry_csum(const struct disk_record *d, const struct rblk_entry *e, u32 block)
{
	u32 crc[RBLK_ENTRY_BLOCKS_MAX];
	u32 i;

	for (i = 0; i < e->nblocks; i++)
		crc[i] = le32_to_cpu(d->block_crc[block + i]);
	return rblk_entry_csum(e, crc);
}

/*
 * Are the entries of a header that rblk_log_header_decode() accepted as @h well
 * formed? 0 or -EINVAL.
 */
int rblk_log_header_check(const void *block, const struct log_header *h)
{
	const struct disk_record *d = block;
	struct rblk_entry e;
	u32 i, blocks = 0;
	u64 term = 0;

	for (i = 0; i < h->nentries; i++) {
		rblk_log_header_entry(block, h, i, &e);
		if (rblk_entry_check(&e) || e.nblocks > h->payload_blocks - blocks || e.term < term)
			return -EINVAL;
		if (entry_csum(d, &e, blocks) != e.csum)
			return -EINVAL;
		blocks += e.nblocks;
		term = e.term;
	}
	return blocks == h->payload_blocks ? 0 : -EINVAL;
}

/* The identity of the record whose header is @block, decoded as @h. */
void rblk_log_header_self(const void *block, const struct log_header *h, struct log_record_id *id)
{
	const struct disk_entry *last = ((const struct disk_record *)block)->entry;

	memset(id, 0, sizeof(*id));
	id->seq = h->seq;
	id->pos = h->pos;
	id->bytes = LOG_HEADER_BYTES_MAX + h->payload_blocks * RBLK_BLOCK_SIZE;
	id->chain = h->crc;
	id->first = 1;
	if (h->nentries) {
		last += h->nentries - 1;
		id->first = h->first;
		id->last = h->first + h->nentries - 1;
		id->term = le64_to_cpu(last->term);
		id->csum = le32_to_cpu(last->csum);
	}
}
