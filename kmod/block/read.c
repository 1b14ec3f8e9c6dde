// SPDX-License-Identifier: GPL-2.0
/*
 * Reads: the member says part by part where the content is; what is in memory
 * is copied at once, what is on the data device is read by bios from a fixed
 * set, which nothing but the device below can delay.
 *
 * The parts handed out for one lookup are a round. It keeps the request (see
 * struct rb_req) until its last bio ended and the loop has told the member;
 * then the member may look up again, which is the next round, or end it.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "disk.h"

static void rb_read_ended(struct rb_volume *v, struct rb_done *done, u64 now)
{
	struct rb_req *rr = container_of(done, struct rb_req, done);

	rr->round = false;
	if (!v->stopped) {
		if (rr->read_error)
			rb_err_limited(v, "reading data device %s failed: error %d\n",
				       v->up.data_path, -rr->read_error);
		member_read_done(v->m, rr->read_token, rr->read_error, now);
	}
	rb_req_drop(rr);
}

static void rb_read_round(struct rb_req *rr, u64 token)
{
	if (rr->round)
		return;
	rr->round = true;
	rr->read_token = token;
	rr->read_error = 0;
	rr->npart = 0;
	rr->next = 0;
	rr->done.run = rb_read_ended;
	atomic_set(&rr->parts, 1);
	atomic_inc(&rr->hold);
}

static void rb_part_ended(struct rb_disk *d, struct rb_req *rr)
{
	if (atomic_dec_and_test(&rr->parts))
		rb_volume_done(d->v, &rr->done);
}

static void rb_read_bio_end(struct bio *bio)
{
	struct rb_read_bio *rb = container_of(bio, struct rb_read_bio, bio);
	struct rb_lower *lower = bio->bi_private;
	struct rb_disk *d = rb->disk;
	struct rb_req *rr = rb->req;
	unsigned long flags;
	bool kick;

	if (bio->bi_status)
		WRITE_ONCE(rr->read_error, blk_status_to_errno(bio->bi_status));
	bio_uninit(bio);
	spin_lock_irqsave(&d->bio_lock, flags);
	d->bio_free[d->nbio_free++] = rb;
	kick = d->starved_bios;
	d->starved_bios = false;
	spin_unlock_irqrestore(&d->bio_lock, flags);
	if (kick)
		rb_volume_kick(d->v, RB_KICK_DONE);
	rb_part_ended(d, rr);
	rb_lower_end(lower);
}

static struct rb_read_bio *rb_read_bio_get(struct rb_disk *d)
{
	struct rb_read_bio *rb = NULL;

	spin_lock_irq(&d->bio_lock);
	if (d->nbio_free)
		rb = d->bio_free[--d->nbio_free];
	else
		d->starved_bios = true;
	spin_unlock_irq(&d->bio_lock);
	return rb;
}

/* Bytes [@off, @off + @len) of the request's pages, as vectors of the bio. */
static void rb_bio_map_request(struct bio *bio, struct request *rq, u32 off, u32 len)
{
	struct req_iterator iter;
	struct bio_vec bv;
	u32 pos = 0;

	rq_for_each_bvec(bv, rq, iter) {
		u32 skip = off > pos ? min_t(u32, off - pos, bv.bv_len) : 0;
		u32 n = min_t(u32, bv.bv_len - skip, len);

		pos += bv.bv_len;
		if (!n)
			continue;
		__bio_add_page(bio, bv.bv_page, n, bv.bv_offset + skip);
		off += n;
		len -= n;
		if (!len)
			break;
	}
}

/* The same of a payload; the content of a served read is at its natural place in it. */
static void rb_bio_map_payload(struct bio *bio, const struct rb_req *rr, u32 off, u32 len)
{
	u32 pos = off + ((rr->sector % RB_SECTORS_PER_BLOCK) << SECTOR_SHIFT);

	while (len) {
		u32 n = min_t(u32, len, RB_BLOCK_SIZE - pos % RB_BLOCK_SIZE);

		__bio_add_page(bio, rr->payload->page[pos / RB_BLOCK_SIZE], n, pos % RB_BLOCK_SIZE);
		pos += n;
		len -= n;
	}
}

/* Starts the parts that are left. False: no bio is free, it will be called again. */
static bool rb_read_launch(struct rb_disk *d, struct rb_req *rr)
{
	struct rb_read_bio *rb;
	struct rb_lower *lower;
	struct rb_part *part;

	for (; rr->next < rr->npart; rr->next++) {
		lower = rb_dataio_lower(d->v);
		rb = rb_read_bio_get(d);
		if (!rb)
			return false;
		part = &rr->part[rr->next];
		rb->req = rr;
		rb->disk = d;
		bio_init(&rb->bio, lower->bdev, rb->vec, RB_SEGMENTS, REQ_OP_READ | REQ_SYNC);
		rb->bio.bi_iter.bi_sector = (DATA_HEADER_BYTES >> SECTOR_SHIFT) + part->sector;
		rb->bio.bi_end_io = rb_read_bio_end;
		rb->bio.bi_private = lower;
		if (rr->served)
			rb_bio_map_payload(&rb->bio, rr, part->off, part->nsect << SECTOR_SHIFT);
		else
			rb_bio_map_request(&rb->bio, blk_mq_rq_from_pdu(rr), part->off,
					   part->nsect << SECTOR_SHIFT);
		atomic_inc(&rr->parts);
		rb_lower_begin(lower);
		submit_bio(&rb->bio);
	}
	rb_part_ended(d, rr);
	return true;
}

/**
 * rb_reads_starved() - start parts that had found no bio
 * @d: the disk
 *
 * Context: owner; may sleep for room in the device's queue.
 */
void rb_reads_starved(struct rb_disk *d)
{
	struct rb_req *rr;

	while ((rr = list_first_entry_or_null(&d->starved, struct rb_req, entry))) {
		if (!rb_read_launch(d, rr))
			return;
		list_del_init(&rr->entry);
	}
}

/**
 * rb_disk_read_data() - member_ops: a part of a read is on the data device
 * @host: the volume
 * @token: the read
 * @off: bytes into the request
 * @sector: of the image
 * @nsect: how many
 *
 * Context: owner.
 */
void rb_disk_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect)
{
	struct rb_volume *v = host;
	struct rb_req *rr = rb_req_find(v->disk, token);

	if (!rr)
		return;
	rb_read_round(rr, token);
	if (WARN_ON_ONCE(rr->npart == MEMBER_SEGS_MAX)) {
		rr->read_error = -EIO;
		return;
	}
	rr->part[rr->npart++] = (struct rb_part){ .sector = sector, .off = off, .nsect = nsect };
}

/* Copies from @p (NULL: zeroes) into bytes [@off, @off + @len) of the request. */
static void rb_req_copy_out(struct request *rq, u32 off, const void *p, u32 len)
{
	struct req_iterator iter;
	struct bio_vec bv;
	u32 pos = 0;

	rq_for_each_segment(bv, rq, iter) {
		u32 skip = off > pos ? min_t(u32, off - pos, bv.bv_len) : 0;
		u32 n = min_t(u32, bv.bv_len - skip, len);
		void *to;

		pos += bv.bv_len;
		if (!n)
			continue;
		to = bvec_kmap_local(&bv);
		if (p) {
			memcpy(to + skip, p, n);
			p += n;
		} else {
			memset(to + skip, 0, n);
		}
		kunmap_local(to);
		off += n;
		len -= n;
		if (!len)
			break;
	}
}

static void rb_copy_out(struct rb_req *rr, u32 off, const void *p, u32 len)
{
	u32 pos = off + ((rr->sector % RB_SECTORS_PER_BLOCK) << SECTOR_SHIFT);

	if (!rr->served) {
		rb_req_copy_out(blk_mq_rq_from_pdu(rr), off, p, len);
		return;
	}
	while (len) {
		u32 n = min_t(u32, len, RB_BLOCK_SIZE - pos % RB_BLOCK_SIZE);
		void *to = page_address(rr->payload->page[pos / RB_BLOCK_SIZE]) +
			   pos % RB_BLOCK_SIZE;

		if (p) {
			memcpy(to, p, n);
			p += n;
		} else {
			memset(to, 0, n);
		}
		pos += n;
		len -= n;
	}
}

/**
 * rb_disk_read_copy() - member_ops: a part of a read is in memory
 * @host: the volume
 * @token: the read
 * @off: bytes into the request
 * @buf: payload
 * @nth: its block
 * @sect: first sector in that block
 * @nsect: how many, within the block
 *
 * Context: owner.
 */
void rb_disk_read_copy(void *host, u64 token, u32 off, struct rb_buf *buf, u32 nth, u32 sect,
		       u32 nsect)
{
	struct rb_volume *v = host;
	struct rb_req *rr = rb_req_find(v->disk, token);

	if (!rr)
		return;
	rb_read_round(rr, token);
	rb_copy_out(rr, off, page_address(rb_payload(buf)->page[nth]) + (sect << SECTOR_SHIFT),
		    nsect << SECTOR_SHIFT);
}

/**
 * rb_disk_read_zero() - member_ops: a part of a read is zeroes
 * @host: the volume
 * @token: the read
 * @off: bytes into the request
 * @nsect: how many
 *
 * Context: owner.
 */
void rb_disk_read_zero(void *host, u64 token, u32 off, u32 nsect)
{
	struct rb_volume *v = host;
	struct rb_req *rr = rb_req_find(v->disk, token);

	if (!rr)
		return;
	rb_read_round(rr, token);
	rb_copy_out(rr, off, NULL, nsect << SECTOR_SHIFT);
}

static void rb_stale_ended(struct rb_volume *v, struct rb_done *done, u64 now)
{
	struct rb_stale *s = container_of(done, struct rb_stale, done);
	u64 token = s->token;

	s->token = 0;
	if (!v->stopped)
		member_read_done(v->m, token, -ETIMEDOUT, now);
}

/**
 * rb_disk_read_issued() - member_ops: every part of a lookup was handed out
 * @host: the volume
 * @token: the read
 *
 * Context: owner; may sleep for room in the device's queue.
 */
void rb_disk_read_issued(void *host, u64 token)
{
	struct rb_volume *v = host;
	struct rb_disk *d = v->disk;
	struct rb_req *rr = rb_req_find(d, token);
	int i;

	if (rr) {
		rb_read_round(rr, token);
		if (!rb_read_launch(d, rr))
			list_add_tail(&rr->entry, &d->starved);
		return;
	}
	/* As many as the member reads at once: one is free. */
	for (i = 0; i < ARRAY_SIZE(d->stale) && d->stale[i].token; i++)
		;
	if (WARN_ON_ONCE(i == ARRAY_SIZE(d->stale)))
		return;
	d->stale[i].token = token;
	d->stale[i].done.run = rb_stale_ended;
	rb_volume_done(v, &d->stale[i].done);
}

/**
 * rb_reads_abort() - give up the parts that were never started
 * @d: the disk; its loop has stopped
 *
 * Their rounds end with the bios in flight.
 *
 * Context: owner.
 */
void rb_reads_abort(struct rb_disk *d)
{
	struct rb_req *rr;

	while ((rr = list_first_entry_or_null(&d->starved, struct rb_req, entry))) {
		list_del_init(&rr->entry);
		rb_part_ended(d, rr);
	}
}

/**
 * rb_reads_alloc() - allocate the bios for reads
 * @d: the disk
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int rb_reads_alloc(struct rb_disk *d)
{
	int i;

	INIT_LIST_HEAD(&d->starved);
	spin_lock_init(&d->bio_lock);
	d->bios = kvcalloc(RB_READ_BIOS, sizeof(*d->bios), GFP_KERNEL);
	if (!d->bios)
		return -ENOMEM;
	for (i = 0; i < RB_READ_BIOS; i++)
		d->bio_free[d->nbio_free++] = &d->bios[i];
	return rb_serves_alloc(d);
}

/**
 * rb_reads_free() - free it
 * @d: the disk, without requests
 *
 * Context: process; may sleep.
 */
void rb_reads_free(struct rb_disk *d)
{
	kvfree(d->bios);
	kvfree(d->serves);
}
