// SPDX-License-Identifier: GPL-2.0
/*
 * Reads: the node says, part by part, where the content is. Parts in memory are
 * copied at once; parts on the data device are read by bios from a fixed set, which
 * only the device can delay.
 *
 * The parts handed out for one lookup are a round. It keeps the request (see struct
 * rblk_req) until its last bio has ended and the loop has told the node. Then the
 * node may look the content up again, which is the next round, or end the request.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "block/internal.h"

static void rblk_read_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	struct rblk_req *rr = container_of(done, struct rblk_req, done);

	rr->round = false;
	if (!v->stopped) {
		if (rr->read_error)
			rblk_err_limited(v, "reading from data device %s failed: error %d\n",
					 v->up.data_path, -rr->read_error);
		rblk_node_read_done(v->m, rr->read_token, rr->read_error, now);
	}
	rblk_req_drop(rr);
}

static void rblk_read_round(struct rblk_req *rr, u64 token)
{
	if (rr->round)
		return;
	rr->round = true;
	rr->read_token = token;
	rr->read_error = 0;
	rr->npart = 0;
	rr->next = 0;
	rr->done.run = rblk_read_ended;
	atomic_set(&rr->parts, 1);
	atomic_inc(&rr->hold);
}

static void rblk_part_ended(struct rblk_disk *d, struct rblk_req *rr)
{
	if (atomic_dec_and_test(&rr->parts))
		rblk_volume_done(d->v, &rr->done);
}

static void rblk_read_bio_end(struct bio *bio)
{
	struct rblk_read_bio *rb = container_of(bio, struct rblk_read_bio, bio);
	struct rblk_lower *lower = bio->bi_private;
	struct rblk_disk *d = rb->disk;
	struct rblk_req *rr = rb->req;
	unsigned long flags;
	bool kick;

	if (rblk_lower_again(lower, bio))
		return;
	if (bio->bi_status)
		WRITE_ONCE(rr->read_error, blk_status_to_errno(bio->bi_status));
	bio_uninit(bio);
	spin_lock_irqsave(&d->bio_lock, flags);
	d->bio_free[d->nbio_free++] = rb;
	kick = d->starved_bios;
	d->starved_bios = false;
	spin_unlock_irqrestore(&d->bio_lock, flags);
	if (kick)
		rblk_volume_kick(d->v, RBLK_KICK_DONE);
	rblk_part_ended(d, rr);
	rblk_lower_end(lower);
}

static struct rblk_read_bio *rblk_read_bio_get(struct rblk_disk *d)
{
	struct rblk_read_bio *rb = NULL;

	spin_lock_irq(&d->bio_lock);
	if (d->nbio_free)
		rb = d->bio_free[--d->nbio_free];
	else
		d->starved_bios = true;
	spin_unlock_irq(&d->bio_lock);
	return rb;
}

/* Adds the pages of bytes [@off, @off + @len) of a request to a bio. */
static void rblk_bio_map_request(struct bio *bio, struct request *rq, u32 off, u32 len)
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

/*
 * The same for a served read, whose content begins in its payload where it does
 * within its first block.
 */
static void rblk_bio_map_payload(struct bio *bio, const struct rblk_req *rr, u32 off, u32 len)
{
	u32 pos = off + ((rr->sector % RBLK_SECTORS_PER_BLOCK) << SECTOR_SHIFT);

	while (len) {
		u32 n = min_t(u32, len, RBLK_BLOCK_SIZE - pos % RBLK_BLOCK_SIZE);

		rblk_payload_add(bio, rr->payload, pos / RBLK_BLOCK_SIZE, n, pos % RBLK_BLOCK_SIZE);
		pos += n;
		len -= n;
	}
}

/*
 * The device below is told what the read is worth, but not whose it is: a control group
 * that is throttled there would make the thread wait that submits for all of them, so
 * limits are set on the disk of the volume.
 */
static void rblk_bio_rank(struct bio *bio, struct request *rq)
{
	blk_opf_t hints = REQ_META | REQ_PRIO;

	/* Readahead may fail more easily, and so only where all of the request is that. */
	if (!(rq->rq_flags & RQF_MIXED_MERGE))
		hints |= REQ_RAHEAD;
	bio->bi_ioprio = req_get_ioprio(rq);
	bio->bi_opf |= rq->cmd_flags & hints;
}

/* Starts the parts that are left. Returns false if no bio is free, and is called again then. */
static bool rblk_read_launch(struct rblk_disk *d, struct rblk_req *rr)
{
	struct rblk_read_bio *rb;
	struct rblk_lower *lower;
	struct rblk_part *part;
	struct bio_list bios;

	for (; rr->next < rr->npart; rr->next++) {
		lower = rblk_dataio_lower(d->v);
		rb = rblk_read_bio_get(d);
		if (!rb)
			return false;
		part = &rr->part[rr->next];
		rb->req = rr;
		rb->disk = d;
		bio_init(&rb->bio, lower->bdev, rb->vec, RBLK_SEGMENTS, REQ_OP_READ | REQ_SYNC);
		rb->bio.bi_iter.bi_sector = (DATA_HEADER_BYTES >> SECTOR_SHIFT) + part->sector;
		rb->bio.bi_end_io = rblk_read_bio_end;
		rb->bio.bi_private = lower;
		if (rr->served) {
			rblk_bio_map_payload(&rb->bio, rr, part->off, part->nsect << SECTOR_SHIFT);
		} else {
			rblk_bio_rank(&rb->bio, blk_mq_rq_from_pdu(rr));
			rblk_bio_map_request(&rb->bio, blk_mq_rq_from_pdu(rr), part->off,
					     part->nsect << SECTOR_SHIFT);
		}
		atomic_inc(&rr->parts);
		rblk_lower_begin(lower);
		bio_list_init(&bios);
		bio_list_add(&bios, &rb->bio);
		rblk_lower_submit(lower, &bios);
	}
	rblk_part_ended(d, rr);
	return true;
}

/* Starts parts that had found no bio. Called as owner. */
void rblk_reads_starved(struct rblk_disk *d)
{
	struct rblk_req *rr;

	while ((rr = list_first_entry_or_null(&d->starved, struct rblk_req, entry))) {
		if (!rblk_read_launch(d, rr))
			return;
		list_del_init(&rr->entry);
	}
}

/**
 * rblk_disk_read_data() - struct rblk_node_ops: a part of a read is on the data device
 * @host: the volume
 * @token: the read
 * @off: offset in bytes in the request
 * @sector: first sector, in the image
 * @nsect: number of sectors
 *
 * Context: owner.
 */
void rblk_disk_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect)
{
	struct rblk_volume *v = host;
	struct rblk_req *rr = rblk_req_find(v->disk, token);

	if (!rr)
		return;
	rblk_read_round(rr, token);
	if (WARN_ON_ONCE(rr->npart == NODE_SEGS_MAX)) {
		rr->read_error = -EIO;
		return;
	}
	rr->part[rr->npart++] = (struct rblk_part){ .sector = sector, .off = off, .nsect = nsect };
}

/* Copies from @p (NULL: zeroes) into bytes [@off, @off + @len) of the request. */
static void rblk_req_copy_out(struct request *rq, u32 off, const void *p, u32 len)
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

static void rblk_copy_out(struct rblk_req *rr, u32 off, const void *p, u32 len)
{
	u32 pos = off + ((rr->sector % RBLK_SECTORS_PER_BLOCK) << SECTOR_SHIFT);

	if (!rr->served) {
		rblk_req_copy_out(blk_mq_rq_from_pdu(rr), off, p, len);
		return;
	}
	while (len) {
		u32 n = min_t(u32, len, RBLK_BLOCK_SIZE - pos % RBLK_BLOCK_SIZE);
		void *to = rr->payload->block[pos / RBLK_BLOCK_SIZE] + pos % RBLK_BLOCK_SIZE;

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
 * rblk_disk_read_copy() - struct rblk_node_ops: a part of a read is in memory
 * @host: the volume
 * @token: the read
 * @off: offset in bytes in the request
 * @buf: the payload that it is in
 * @nth: block of the payload
 * @sect: first sector in that block
 * @nsect: number of sectors, within the block
 *
 * Context: owner.
 */
void rblk_disk_read_copy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
			 u32 nsect)
{
	struct rblk_volume *v = host;
	struct rblk_req *rr = rblk_req_find(v->disk, token);

	if (!rr)
		return;
	rblk_read_round(rr, token);
	rblk_copy_out(rr, off, rblk_payload(buf)->block[nth] + (sect << SECTOR_SHIFT),
		      nsect << SECTOR_SHIFT);
}

/**
 * rblk_disk_read_zero() - struct rblk_node_ops: a part of a read is zeroes
 * @host: the volume
 * @token: the read
 * @off: offset in bytes in the request
 * @nsect: number of sectors
 *
 * Context: owner.
 */
void rblk_disk_read_zero(void *host, u64 token, u32 off, u32 nsect)
{
	struct rblk_volume *v = host;
	struct rblk_req *rr = rblk_req_find(v->disk, token);

	if (!rr)
		return;
	rblk_read_round(rr, token);
	rblk_copy_out(rr, off, NULL, nsect << SECTOR_SHIFT);
}

static void rblk_stale_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	struct rblk_stale *s = container_of(done, struct rblk_stale, done);
	u64 token = s->token;

	s->token = 0;
	if (!v->stopped)
		rblk_node_read_done(v->m, token, -ETIMEDOUT, now);
}

/**
 * rblk_disk_read_issued() - struct rblk_node_ops: all parts of a lookup were handed out
 * @host: the volume
 * @token: the read
 *
 * Context: owner.
 */
void rblk_disk_read_issued(void *host, u64 token)
{
	struct rblk_volume *v = host;
	struct rblk_disk *d = v->disk;
	struct rblk_req *rr = rblk_req_find(d, token);
	int i;

	if (rr) {
		rblk_read_round(rr, token);
		if (!rblk_read_launch(d, rr))
			list_add_tail(&rr->entry, &d->starved);
		return;
	}
	/* There are as many as the node has reads in progress, so one is free. */
	for (i = 0; i < ARRAY_SIZE(d->stale) && d->stale[i].token; i++)
		;
	if (WARN_ON_ONCE(i == ARRAY_SIZE(d->stale)))
		return;
	d->stale[i].token = token;
	d->stale[i].done.run = rblk_stale_ended;
	rblk_volume_done(v, &d->stale[i].done);
}

/*
 * Gives up the parts that were never started, after the loop has stopped. Their
 * rounds end with the bios in flight. Called as owner.
 */
void rblk_reads_abort(struct rblk_disk *d)
{
	struct rblk_req *rr;

	while ((rr = list_first_entry_or_null(&d->starved, struct rblk_req, entry))) {
		list_del_init(&rr->entry);
		rblk_part_ended(d, rr);
	}
}

/* Allocates the bios for reads, and the reads for other nodes. Returns 0 or -ENOMEM. */
int rblk_reads_alloc(struct rblk_disk *d)
{
	int i;

	INIT_LIST_HEAD(&d->starved);
	spin_lock_init(&d->bio_lock);
	d->bios = kvcalloc(RBLK_READ_BIOS, sizeof(*d->bios), GFP_KERNEL);
	if (!d->bios)
		return -ENOMEM;
	for (i = 0; i < RBLK_READ_BIOS; i++)
		d->bio_free[d->nbio_free++] = &d->bios[i];
	return rblk_serves_alloc(d);
}

void rblk_reads_free(struct rblk_disk *d)
{
	kvfree(d->bios);
	kvfree(d->serves);
}
