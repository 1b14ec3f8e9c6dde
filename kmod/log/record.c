// SPDX-License-Identifier: GPL-2.0
/*
 * Group commit: entries gather in the open record, rblk_log_submit() closes it, up
 * to LOG_INFLIGHT records are being written, and what is durable is their
 * contiguous prefix. The open record, if any, follows those in flight in rec[].
 */
#include "format.h"

static struct disk_record *header_of(const struct log_record *r)
{
	return (struct disk_record *)r->header;
}

static u32 next_rec(const struct log *l)
{
	return (l->tail + l->nrec) % LOG_INFLIGHT;
}

static bool has_open(const struct log *l)
{
	return l->nrec < LOG_INFLIGHT && l->rec[next_rec(l)].state == LOG_R_OPEN;
}

static struct log_record *open_record(struct log *l)
{
	return has_open(l) ? &l->rec[next_rec(l)] : NULL;
}

static u32 record_entries(const struct log_record *r)
{
	return le32_to_cpu(header_of(r)->nentries);
}

/**
 * rblk_log_init() - an empty log; rblk_log_recover() comes next
 * @l: log
 * @s: superblock, copied
 * @headers: memory for the headers in flight
 */
void rblk_log_init(struct log *l, const struct log_super *s, u8 *headers)
{
	u32 i;

	memset(l, 0, sizeof(*l));
	l->super = *s;
	for (i = 0; i < LOG_INFLIGHT; i++)
		l->rec[i].header = headers + i * LOG_HEADER_BYTES_MAX;
}

/**
 * rblk_log_start() - begins a generation
 * @l: log, recovered
 * @m: metadata, updated; must be durable before the first record is written
 *
 * With place and number of its first record in the metadata, whatever an older
 * generation left at or behind that place can never be taken for ours.
 */
void rblk_log_start(struct log *l, struct log_meta *m)
{
	RBLK_ASSERT(!l->generation && !l->failed);
	m->generation++;
	m->start_generation = m->generation;
	m->start_pos = l->head_pos;
	m->start_seq = l->next_seq;
	m->watermark = l->durable_seq;
	if (m->floor_pos == l->head_pos) {
		m->floor_seq = l->next_seq;
		l->floor_seq = l->next_seq;
	}
	l->generation = m->generation;
	l->announced_seq = l->durable_seq;
}

static u64 used_by(const struct log *l, u32 payload_blocks)
{
	return l->head_pos - l->floor_pos + LOG_HEADER_BYTES_MAX +
	       (u64)payload_blocks * RBLK_BLOCK_SIZE;
}

/**
 * rblk_log_used_bytes() - bytes of the ring that can't be overwritten
 * @l: log
 *
 * Return: those of submitted records, and of the open one.
 */
u64 rblk_log_used_bytes(const struct log *l)
{
	if (has_open(l))
		return used_by(l, l->rec[next_rec(l)].payload_blocks);
	return l->head_pos - l->floor_pos;
}

/**
 * rblk_log_free_bytes() - bytes that data may still take before the floor must move
 * @l: log
 *
 * Return: without the reserve.
 */
u64 rblk_log_free_bytes(const struct log *l)
{
	u64 used = rblk_log_used_bytes(l), max = l->super.ring_bytes - LOG_RESERVE;

	return used < max ? max - used : 0;
}

/* What relieves a full ring (elections, sessions, configurations) may use all of it. */
static u64 space_for(const struct log *l, u8 kind)
{
	switch (kind) {
	case RBLK_E_NOOP:
	case RBLK_E_CONF:
	case RBLK_E_OPEN:
	case RBLK_E_CLOSE:
		return l->super.ring_bytes;
	default:
		return l->super.ring_bytes - LOG_RESERVE;
	}
}

static bool follows(const struct log *l, const struct log_record *r, const struct rblk_entry *e)
{
	const struct disk_record *d;
	u32 n;

	if (e->index > l->last_index + 1)
		return false;
	if (r->state != LOG_R_OPEN)
		return true;
	d = header_of(r);
	n = record_entries(r);
	return e->index == r->first + n && e->term >= le64_to_cpu(d->entry[n - 1].term);
}

static void open_at_head(struct log *l, struct log_record *r, u64 first)
{
	memset(r->header, 0, LOG_HEADER_BYTES_MAX);
	r->header_bytes = LOG_HEADER_BYTES_MAX;
	r->payload_blocks = 0;
	r->pos = l->head_pos;
	r->seq = l->next_seq;
	r->generation = l->generation;
	r->first = first;
	r->trunc_epoch = 0;
	r->closing = 0;
	r->state = LOG_R_OPEN;
}

static void put_descriptor(struct log_record *r, const struct rblk_entry *e, const u32 *block_crc)
{
	struct disk_record *d = header_of(r);
	u32 i, n = record_entries(r);

	disk_entry_put(&d->entry[n], e);
	for (i = 0; i < e->nblocks; i++)
		d->block_crc[r->payload_blocks + i] = cpu_to_le32(block_crc[i]);
	r->payload_blocks += e->nblocks;
	d->nentries = cpu_to_le32(n + 1);
}

/**
 * rblk_log_add() - adds an entry to the open record
 * @l: log
 * @e: entry
 * @block_crc: sums of its payload blocks
 * @trunc_epoch: the caller's
 * @payload_pos: set to where its payload will lie (logical)
 *
 * An entry whose sum is wrong would make the log unreadable: it is refused here.
 *
 * Return: 0, -EAGAIN, -ENOSPC, -EIO or -EINVAL: see log.h.
 */
int rblk_log_add(struct log *l, const struct rblk_entry *e, const u32 *block_crc, u64 trunc_epoch,
		 u64 *payload_pos)
{
	struct log_record *r = &l->rec[next_rec(l)];
	u32 blocks = 0, entries = 0;

	if (l->failed)
		return -EIO;
	if (!l->generation || rblk_entry_check(e) || rblk_entry_csum(e, block_crc) != e->csum)
		return -EINVAL;
	if (l->resetting || l->nrec == LOG_INFLIGHT)
		return -EAGAIN;
	if (!follows(l, r, e))
		return -EINVAL;
	if (r->state == LOG_R_OPEN) {
		blocks = r->payload_blocks;
		entries = record_entries(r);
	}
	if (entries == RBLK_RECORD_ENTRIES || blocks + e->nblocks > RBLK_RECORD_BLOCKS)
		return -EAGAIN;
	if (used_by(l, blocks + e->nblocks) > space_for(l, e->kind))
		return -ENOSPC;
	if (r->state != LOG_R_OPEN)
		open_at_head(l, r, e->index);
	*payload_pos = r->pos + LOG_HEADER_BYTES_MAX + (u64)blocks * RBLK_BLOCK_SIZE;
	put_descriptor(r, e, block_crc);
	if (trunc_epoch > r->trunc_epoch)
		r->trunc_epoch = trunc_epoch;
	l->last_index = e->index;
	return 0;
}

/**
 * rblk_log_truncate() - entries >= @index will be replaced
 * @l: log
 * @index: first truncated entry
 */
void rblk_log_truncate(struct log *l, u64 index)
{
	struct log_record *r = open_record(l);
	struct disk_record *d;
	u32 n;

	if (index <= l->last_index)
		l->last_index = index ? index - 1 : 0;
	if (!r)
		return;
	d = header_of(r);
	for (n = record_entries(r); n && r->first + n - 1 >= index; n--) {
		r->payload_blocks -= le32_to_cpu(d->entry[n - 1].nblocks);
		memset(&d->entry[n - 1], 0, sizeof(d->entry[0]));
	}
	memset(&d->block_crc[r->payload_blocks], 0,
	       (RBLK_RECORD_BLOCKS - r->payload_blocks) * sizeof(d->block_crc[0]));
	d->nentries = cpu_to_le32(n);
	if (!n)
		r->state = LOG_R_FREE;
}

/* The header of @r as it will be written, without its tables. */
static void header_of_record(const struct log *l, const struct log_record *r,
			     struct log_header *h)
{
	u32 n = record_entries(r);

	*h = (struct log_header){
		.generation = r->generation,
		.seq = r->seq,
		.prev_seq = l->last_seq,
		.pos = r->pos,
		.floor_pos = l->floor_pos,
		.floor_seq = l->floor_seq,
		.floor_index = l->floor_index,
		/* Had it been durable only since then, it could cover what is torn. */
		.watermark = l->durable_seq,
		.first = n ? r->first : 0,
		.chain = l->chain,
		.payload_blocks = r->payload_blocks,
		.nentries = n,
		.nids = l->ndurable,
		.flags = r->closing ? DISK_R_CLOSING : 0,
	};
}

static struct log_record *finish(struct log *l, struct log_record *r)
{
	struct disk_record *d = header_of(r);
	struct log_header h;
	u32 i;

	header_of_record(l, r, &h);
	disk_record_put(d, &h);
	d->header_bytes = cpu_to_le32(r->header_bytes);
	for (i = 0; i < l->ndurable; i++)
		disk_record_id_put(&d->id[i], &l->durable_ids[i]);
	l->ndurable = 0;
	rblk_log_disk_seal(&d->head, DISK_MAGIC_RECORD, l->super.volume, l->super.store,
			   sizeof(*d));
	h.crc = le32_to_cpu(d->head.crc);
	rblk_log_header_self(d, &h, &r->id);
	if (!r->closing)
		rblk_log_mark_add(l, r->first, r->pos, r->seq, l->chain);
	r->state = LOG_R_WRITING;
	l->nrec++;
	l->head_pos += r->id.bytes;
	l->next_seq++;
	l->last_seq = r->seq;
	l->chain = r->id.chain;
	l->announced_seq = l->durable_seq;
	l->closed = r->closing;
	return r;
}

/**
 * rblk_log_submit() - closes the open record
 * @l: log
 *
 * Return: the record, to be written; NULL: nothing open, or failed.
 */
struct log_record *rblk_log_submit(struct log *l)
{
	struct log_record *r = open_record(l);

	return r && !l->failed ? finish(l, r) : NULL;
}

/**
 * rblk_log_close_record() - a record without entries that raises the watermark
 * @l: log
 *
 * One is enough: it is not closed by another. It may take half of the reserve.
 *
 * Return: the record, to be written; NULL: not useful now.
 */
struct log_record *rblk_log_close_record(struct log *l)
{
	struct log_record *r = &l->rec[next_rec(l)];

	if (l->failed || !l->generation || l->resetting || l->nrec || r->state == LOG_R_OPEN)
		return NULL;
	if (l->closed || l->durable_seq <= l->announced_seq)
		return NULL;
	if (used_by(l, 0) > l->super.ring_bytes - LOG_RESERVE / 2)
		return NULL;
	open_at_head(l, r, 0);
	r->closing = 1;
	return finish(l, r);
}

static void retire(struct log *l, struct log_record *r)
{
	l->durable_seq = r->seq;
	if (!r->closing) {
		/* Not the maximum: a record that truncates lowers it. */
		l->durable_index = r->id.last;
		l->durable_trunc_epoch = r->trunc_epoch;
	}
	if (!RBLK_ASSERT(l->ndurable < LOG_INFLIGHT))
		l->durable_ids[l->ndurable++] = r->id;
	r->state = LOG_R_FREE;
	l->tail = (l->tail + 1) % LOG_INFLIGHT;
	l->nrec--;
}

/**
 * rblk_log_done() - the write of a record ended
 * @l: log
 * @rec: record
 * @error: of the write
 *
 * Return: true when the contiguous prefix grew.
 */
bool rblk_log_done(struct log *l, struct log_record *rec, int error)
{
	bool grew = false;

	if (RBLK_ASSERT(rec->state == LOG_R_WRITING))
		return false;
	if (error)
		l->failed = true;
	/* After a failed write nothing is announced any more, whatever still ends well. */
	if (l->failed)
		return false;
	rec->state = LOG_R_DONE;
	while (l->nrec && l->rec[l->tail].state == LOG_R_DONE) {
		retire(l, &l->rec[l->tail]);
		grew = true;
	}
	return grew;
}
