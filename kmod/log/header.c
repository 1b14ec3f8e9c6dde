// SPDX-License-Identifier: GPL-2.0
/* Record headers: reading them. record.c writes them. */
#include "format.h"

static void scalars_get(struct log_header *h, const struct disk_record *d)
{
	h->generation = le64_to_cpu(d->generation);
	h->seq = le64_to_cpu(d->seq);
	h->prev_seq = le64_to_cpu(d->prev_seq);
	h->pos = le64_to_cpu(d->pos);
	h->floor_pos = le64_to_cpu(d->floor_pos);
	h->floor_seq = le64_to_cpu(d->floor_seq);
	h->floor_index = le64_to_cpu(d->floor_index);
	h->watermark = le64_to_cpu(d->watermark);
	h->first = le64_to_cpu(d->first);
	h->chain = le32_to_cpu(d->chain);
	h->crc = le32_to_cpu(d->head.crc);
	h->payload_blocks = le32_to_cpu(d->payload_blocks);
	h->nentries = le32_to_cpu(d->nentries);
	h->nids = le32_to_cpu(d->nids);
	h->closing = le32_to_cpu(d->flags) & DISK_R_CLOSING;
}

static bool scalars_ok(const struct log_header *h, const struct log_super *s)
{
	u64 bytes = LOG_HEADER_BYTES_MAX + (u64)h->payload_blocks * RBLK_BLOCK_SIZE;

	if (h->payload_blocks > RBLK_RECORD_BLOCKS || h->nentries > RBLK_RECORD_ENTRIES ||
	    h->nids > LOG_INFLIGHT)
		return false;
	if (h->pos % RBLK_BLOCK_SIZE || h->floor_pos > h->pos ||
	    h->pos - h->floor_pos + bytes > s->ring_bytes)
		return false;
	if (h->pos >= DISK_COUNT_MAX || h->seq >= DISK_COUNT_MAX ||
	    h->generation >= DISK_COUNT_MAX)
		return false;
	if (!h->generation || h->prev_seq >= h->seq || h->watermark >= h->seq)
		return false;
	return h->nentries ? h->first && h->first < DISK_COUNT_MAX && !h->closing :
			     !h->first && !h->payload_blocks && h->closing;
}

/**
 * rblk_log_header_decode() - is this block a record header of ours?
 * @s: superblock
 * @block: RBLK_BLOCK_SIZE
 * @h: set on success
 *
 * All counts in @h are within their bounds afterwards; the entries still need
 * rblk_log_header_check().
 *
 * Return: 0; -ENODATA: no header; -EBADMSG: checksum; -ESTALE: of another
 * volume or store; -EPROTONOSUPPORT: ours, and newer than we are; -EINVAL.
 */
int rblk_log_header_decode(const struct log_super *s, const void *block, struct log_header *h)
{
	const struct disk_record *d = block;
	struct log_header n;
	int rc = rblk_log_disk_open(&d->head, DISK_MAGIC_RECORD, sizeof(*d), NULL);

	if (rc && rc != -EPROTONOSUPPORT)
		return rc;
	if (!rblk_log_disk_ours(&d->head, s))
		return -ESTALE;
	if (rc)
		return rc;
	if (le32_to_cpu(d->header_bytes) != sizeof(*d))
		return -EINVAL;
	scalars_get(&n, d);
	if (!scalars_ok(&n, s))
		return -EINVAL;
	*h = n;
	return 0;
}

/**
 * rblk_log_header_entry() - one entry of a record
 * @block: header that rblk_log_header_decode() accepted
 * @h: what it found
 * @n: number of the entry, below h->nentries
 * @e: set
 */
void rblk_log_header_entry(const void *block, const struct log_header *h, u32 n,
			   struct rblk_entry *e)
{
	const struct disk_entry *d = &((const struct disk_record *)block)->entry[n];

	e->index = h->first + n;
	e->term = le64_to_cpu(d->term);
	e->kind = d->kind;
	e->nblocks = le32_to_cpu(d->nblocks);
	e->sector = le64_to_cpu(d->sector);
	e->nsect = le32_to_cpu(d->nsect);
	e->csum = le32_to_cpu(d->csum);
	e->store = le64_to_cpu(d->store);
	e->epoch = le64_to_cpu(d->epoch);
	e->seq = le64_to_cpu(d->seq);
}

static u32 entry_csum(const struct disk_record *d, const struct rblk_entry *e, u32 block)
{
	u32 crc[RBLK_ENTRY_BLOCKS_MAX];
	u32 i;

	for (i = 0; i < e->nblocks; i++)
		crc[i] = le32_to_cpu(d->block_crc[block + i]);
	return rblk_entry_csum(e, crc);
}

/**
 * rblk_log_header_check() - are the entries of a record well formed?
 * @block: header that rblk_log_header_decode() accepted
 * @h: what it found
 *
 * Return: 0 or -EINVAL.
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

/**
 * rblk_log_header_id() - an identity that a header carries
 * @block: header that rblk_log_header_decode() accepted
 * @n: number of the identity, below its nids
 * @id: set
 */
void rblk_log_header_id(const void *block, u32 n, struct log_record_id *id)
{
	const struct disk_record_id *d = &((const struct disk_record *)block)->id[n];

	id->seq = le64_to_cpu(d->seq);
	id->pos = le64_to_cpu(d->pos);
	id->bytes = le32_to_cpu(d->bytes);
	id->chain = le32_to_cpu(d->chain);
	id->first = le64_to_cpu(d->first);
	id->last = le64_to_cpu(d->last);
	id->term = le64_to_cpu(d->term);
	id->csum = le32_to_cpu(d->csum);
}

/**
 * rblk_log_header_self() - the identity of a header's own record
 * @block: header that rblk_log_header_decode() accepted
 * @h: what it found
 * @id: set
 */
void rblk_log_header_self(const void *block, const struct log_header *h, struct log_record_id *id)
{
	const struct disk_record *d = block;

	memset(id, 0, sizeof(*id));
	id->seq = h->seq;
	id->pos = h->pos;
	id->bytes = LOG_HEADER_BYTES_MAX + h->payload_blocks * RBLK_BLOCK_SIZE;
	id->chain = h->crc;
	id->first = 1;
	if (h->nentries) {
		id->first = h->first;
		id->last = h->first + h->nentries - 1;
		id->term = le64_to_cpu(d->entry[h->nentries - 1].term);
		id->csum = le32_to_cpu(d->entry[h->nentries - 1].csum);
	}
}
