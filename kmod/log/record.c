// SPDX-License-Identifier: GPL-2.0
/*
 * Group commit: entries gather in the open record, rblk_log_submit() closes it, and up
 * to LOG_INFLIGHT records are in flight. Those are durable that are written, and all
 * before them too.
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
	return l->rec[next_rec(l)].state == LOG_R_OPEN;
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
 * rblk_log_init() - makes an empty log; rblk_log_recover() comes next
 * @l: log
 * @s: superblock, copied
 * @headers: LOG_INFLIGHT * LOG_HEADER_BYTES_MAX bytes, 4 KiB aligned, which the log
 *           uses as long as it exists
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
 * rblk_log_watermark() - says in metadata up to where the log is durable
 * @l: log
 * @m: metadata, updated; to be called before each write of it
 */
void rblk_log_watermark(const struct log *l, struct log_meta *m)
{
	m->watermark = l->durable_seq;
	m->durable.index = l->durable_index;
	m->durable.term = l->durable_term;
}

/**
 * rblk_log_start() - begins a generation
 * @l: log, recovered, after the cache of the device was flushed
 * @m: metadata, updated; it must be durable in both copies before the first record
 *     is written
 *
 * Nothing can be added to the log before. As the metadata has place and number of
 * the first record, nothing that an older generation left there or further ahead can
 * ever be taken for a record of this one.
 */
void rblk_log_start(struct log *l, struct log_meta *m)
{
	RBLK_ASSERT(l->alarm, !l->generation && !l->failed);
	m->generation++;
	m->start_generation = m->generation;
	m->start_pos = l->head_pos;
	m->start_seq = l->next_seq;
	rblk_log_watermark(l, m);
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
 * rblk_log_used_bytes() - bytes of the ring that must not be overwritten
 * @l: log
 *
 * Return: the bytes of all records from the floor on, the open one included.
 */
u64 rblk_log_used_bytes(const struct log *l)
{
	if (has_open(l))
		return used_by(l, l->rec[next_rec(l)].payload_blocks);
	return l->head_pos - l->floor_pos;
}

/**
 * rblk_log_free_bytes() - room for data until the floor moves
 * @l: log
 *
 * Return: bytes, without the reserve.
 */
u64 rblk_log_free_bytes(const struct log *l)
{
	u64 used = rblk_log_used_bytes(l), max = l->super.ring_bytes - LOG_RESERVE;

	return used < max ? max - used : 0;
}

/* Elections, sessions and configurations, which can relieve a full ring, may use all of it. */
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
 * rblk_log_add() - adds an entry to the open record, or opens one
 * @l: log
 * @e: entry
 * @block_crc: checksums of its blocks of payload
 * @trunc_epoch: truncation epoch of Raft, which never falls
 * @payload_pos: set to the position of its payload
 *
 * An entry with a wrong checksum would make the log unreadable, so it is refused.
 * NOOP, CONF, OPEN and CLOSE may use a part of the ring that is kept from other kinds.
 *
 * Return: 0; -EAGAIN: the open record is full, or all records are in flight: submit
 * it, or wait until one is written; -ENOSPC: the ring is full; -EIO: the log has
 * failed; -EINVAL: the entry is malformed or does not follow the newest one.
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
	if (l->nrec == LOG_INFLIGHT)
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
	r->trunc_epoch = trunc_epoch;
	l->last_index = e->index;
	return 0;
}

/**
 * rblk_log_truncate() - the entries from @index on will be replaced
 * @l: log
 * @index: the next entry to be added, not above the one that would be next without this
 *
 * Those in the open record are dropped and their places are used again. Records in
 * flight stay as they are: a later record replaces what they hold.
 */
void rblk_log_truncate(struct log *l, u64 index)
{
	struct log_record *r = open_record(l);
	struct disk_record *d;
	u32 n;

	l->last_index = index - 1;
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
		/* As of now: a later one could cover records that are torn. */
		.watermark = l->durable_seq,
		.first = r->first,
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

	/* What lies from the floor on is never overwritten. */
	if (RBLK_ASSERT(l->alarm, used_by(l, r->payload_blocks) <= l->super.ring_bytes))
		return NULL;
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
 * Return: the record, whose header and then blocks of payload have to be written with
 * FUA, and then rblk_log_done() be called; NULL: no record is open, the log failed, or
 * RBLK_ASSERT fired: there is no room for the record.
 */
struct log_record *rblk_log_submit(struct log *l)
{
	struct log_record *r = open_record(l);

	return r && !l->failed ? finish(l, r) : NULL;
}

/**
 * rblk_log_close_record() - makes a record without entries that raises the watermark
 * @l: log
 *
 * It is of use if no record is open or in flight and the newest header announces less
 * than what is durable. A closing record is not followed by another one. It may use
 * half of the reserve.
 *
 * Return: the record, to be written like one from rblk_log_submit(); NULL: it would be
 * of no use, there is no room, or the log failed.
 */
struct log_record *rblk_log_close_record(struct log *l)
{
	struct log_record *r = &l->rec[next_rec(l)];

	if (l->failed || !l->generation || l->nrec || r->state == LOG_R_OPEN)
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
	RBLK_ASSERT(l->alarm, r->seq > l->durable_seq);
	l->durable_seq = r->seq;
	if (!r->closing) {
		/* A record that truncates lowers it. */
		l->durable_index = r->id.last;
		l->durable_term = r->id.term;
		l->durable_trunc_epoch = r->trunc_epoch;
	}
	if (!RBLK_ASSERT(l->alarm, l->ndurable < LOG_INFLIGHT))
		l->durable_ids[l->ndurable++] = r->id;
	r->state = LOG_R_FREE;
	l->tail = (l->tail + 1) % LOG_INFLIGHT;
	l->nrec--;
}

/**
 * rblk_log_done() - the write of a record ended
 * @l: log
 * @rec: record
 * @error: 0 or -errno; after an error the log has failed for good
 *
 * Return: true if more records are durable than before: see durable_seq,
 * durable_index and durable_trunc_epoch.
 */
bool rblk_log_done(struct log *l, struct log_record *rec, int error)
{
	bool grew = false;

	if (RBLK_ASSERT(l->alarm, rec->state == LOG_R_WRITING))
		return false;
	if (error)
		l->failed = true;
	/* After a failed write nothing counts as durable any more, even if it is written. */
	if (l->failed)
		return false;
	rec->state = LOG_R_DONE;
	while (l->rec[l->tail].state == LOG_R_DONE) {
		retire(l, &l->rec[l->tail]);
		grew = true;
	}
	return grew;
}
