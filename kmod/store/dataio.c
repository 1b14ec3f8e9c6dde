// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to the data device: its header, and the background apply. Reads for
 * requests are in block/read.c. The image starts after the header, at
 * DATA_HEADER_BYTES.
 *
 * A batch is applied in rounds of at most RBLK_APPLY_BIOS bios, first zero ranges
 * and then blocks. The loop builds the next round when one has ended. There is no
 * hurry here, and rounds leave the queue of the device to more urgent I/O.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "store/lower.h"
#include "store/store.h"

#define RBLK_APPLY_BIOS	32
#define RBLK_APPLY_VECS	64	/* 256 KiB in one bio */
#define RBLK_IMAGE_SECTOR	(DATA_HEADER_BYTES >> SECTOR_SHIFT)

struct rblk_apply {
	struct rblk_io io;
	struct vol_batch b;
	struct rblk_payload **held;	/* payload of b.item[i]; room for limits.batch */
	u32 nheld;
	u32 zero, zero_done;		/* next zero range, and its sectors that have bios */
	u32 item, bit;			/* next item, and the next sector in it */
	bool by_pages;			/* the device cannot write zeroes: write zero pages */
	bool zeroing;			/* the round in flight writes zero ranges */
	int error;
	u32 nbio;
	struct bio *bio;		/* RBLK_APPLY_BIOS */
	struct bio_vec vec[RBLK_APPLY_BIOS][RBLK_APPLY_VECS];
};

struct rblk_dataio {
	struct rblk_lower lower;
	struct rblk_apply *apply;
	struct rblk_io sync;
	struct bio sync_bio;
	struct bio_vec sync_vec;
	struct page *header;
};

/* ---- apply ---- */

static struct bio *rblk_apply_bio(struct rblk_volume *v, u64 sector, blk_opf_t opf, bool vecs)
{
	struct rblk_apply *a = v->dataio->apply;
	struct bio *bio = &a->bio[a->nbio];

	bio_init(bio, v->dataio->lower.bdev, vecs ? a->vec[a->nbio] : NULL,
		 vecs ? RBLK_APPLY_VECS : 0, opf);
	bio->bi_iter.bi_sector = RBLK_IMAGE_SECTOR + sector;
	a->nbio++;
	return bio;
}

static void rblk_apply_zero(struct rblk_volume *v)
{
	struct rblk_apply *a = v->dataio->apply;
	const struct vol_zero *z = &a->b.zero[a->zero];
	u32 left = z->nsect - a->zero_done;
	u64 sector = z->sector + a->zero_done;
	struct bio *bio;

	if (!a->by_pages) {
		bio = rblk_apply_bio(v, sector, REQ_OP_WRITE_ZEROES, false);
		bio->bi_iter.bi_size = left << SECTOR_SHIFT;
		a->zero_done = z->nsect;
	} else {
		bio = rblk_apply_bio(v, sector, REQ_OP_WRITE, true);
		while (left && bio->bi_vcnt < RBLK_APPLY_VECS) {
			u32 n = min_t(u32, left, PAGE_SIZE >> SECTOR_SHIFT);

			__bio_add_page(bio, ZERO_PAGE(0), n << SECTOR_SHIFT, 0);
			a->zero_done += n;
			left -= n;
		}
	}
	if (a->zero_done == z->nsect) {
		a->zero_done = 0;
		a->zero++;
	}
}

/* Finds the next run of sectors to write, from (a->item, a->bit) on; false: there is none. */
static bool rblk_apply_run(struct rblk_apply *a, u64 *sector, u32 *first, u32 *n)
{
	const struct vol_item *it;

	for (; a->item < a->b.nitem; a->item++, a->bit = 0) {
		it = &a->b.item[a->item];
		while (a->bit < RBLK_SECTORS_PER_BLOCK && !(it->mask >> a->bit & 1))
			a->bit++;
		if (a->bit == RBLK_SECTORS_PER_BLOCK)
			continue;
		*first = a->bit;
		for (*n = 0; *first + *n < RBLK_SECTORS_PER_BLOCK; (*n)++)
			if (!(it->mask >> (*first + *n) & 1))
				break;
		*sector = it->block * RBLK_SECTORS_PER_BLOCK + *first;
		return true;
	}
	return false;
}

static void rblk_apply_blocks(struct rblk_volume *v)
{
	struct rblk_apply *a = v->dataio->apply;
	struct bio *bio = NULL;
	u32 first, n;
	u64 sector;

	while (rblk_apply_run(a, &sector, &first, &n)) {
		if (!bio || bio_end_sector(bio) != RBLK_IMAGE_SECTOR + sector ||
		    bio->bi_vcnt == RBLK_APPLY_VECS) {
			if (a->nbio == RBLK_APPLY_BIOS)
				return;
			bio = rblk_apply_bio(v, sector, REQ_OP_WRITE, true);
		}
		rblk_payload_add(bio, a->held[a->item], a->b.item[a->item].nth, n << SECTOR_SHIFT,
				 first << SECTOR_SHIFT);
		a->bit = first + n;
	}
}

static void rblk_apply_release(struct rblk_apply *a)
{
	while (a->nheld)
		rblk_payload_put(a->held[--a->nheld]);
}

/* Starts the next round. Returns false if nothing is left to do. */
static bool rblk_apply_round(struct rblk_volume *v)
{
	struct rblk_apply *a = v->dataio->apply;

	a->nbio = 0;
	while (a->zero < a->b.nzero && a->nbio < RBLK_APPLY_BIOS)
		rblk_apply_zero(v);
	a->zeroing = a->nbio;
	if (!a->nbio)
		rblk_apply_blocks(v);
	if (!a->nbio)
		return false;
	rblk_io_submit(&a->io, a->bio, a->nbio);
	return true;
}

static void rblk_apply_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	struct rblk_apply *a = v->dataio->apply;
	int error = a->io.error;

	if (v->stopped) {
		rblk_apply_release(a);
		return;
	}
	/*
	 * Some devices find out that they cannot write zeroes only when asked to,
	 * fail with any error, and cease to offer it.
	 */
	if (error && a->zeroing && !a->by_pages &&
	    (error == -EOPNOTSUPP || !bdev_write_zeroes_sectors(v->dataio->lower.bdev))) {
		rblk_info(v, "data device %s cannot write zeroes by itself: falling back to writing zero pages\n",
			  v->up.data_path);
		a->by_pages = true;
		a->zero = 0;
		a->zero_done = 0;
		error = 0;
	}
	if (!error && rblk_apply_round(v)) {
		rblk_node_apply_part(v->m, now);
		return;
	}
	if (error)
		rblk_err_limited(v, "writing to data device %s failed: error %d\n", v->up.data_path,
				 -error);
	rblk_apply_release(a);
	rblk_node_apply_done(v->m, error, now);
}

/**
 * rblk_data_apply() - struct rblk_node_ops: write a batch to the data device
 * @host: the volume
 * @b: the batch; its arrays stay until rblk_node_apply_done()
 * @buf: payload of each item
 *
 * Context: owner.
 */
void rblk_data_apply(void *host, const struct vol_batch *b, struct rblk_buf *const *buf)
{
	struct rblk_volume *v = host;
	struct rblk_apply *a = v->dataio->apply;
	u32 i;

	a->b = *b;
	a->zero = 0;
	a->zero_done = 0;
	a->item = 0;
	a->bit = 0;
	a->io.error = 0;
	if (WARN_ON_ONCE(b->nitem > v->limits.batch || a->nheld)) {
		a->io.error = -EINVAL;
		rblk_volume_done(v, &a->io.done);
		return;
	}
	for (i = 0; i < b->nitem; i++) {
		rblk_payload_get(rblk_payload(buf[i]));
		a->held[a->nheld++] = rblk_payload(buf[i]);
	}
	if (!rblk_apply_round(v))
		rblk_volume_done(v, &a->io.done);
}

/* ---- header ---- */

static void rblk_sync_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	struct rblk_dataio *d = v->dataio;

	if (v->stopped)
		return;
	if (d->sync.error)
		rblk_err_limited(v, "writing the header of data device %s failed: error %d\n",
				 v->up.data_path, -d->sync.error);
	rblk_node_data_sync_done(v->m, d->sync.error, now);
}

/**
 * rblk_data_sync() - struct rblk_node_ops: write a copy of the data device's header
 * @host: the volume
 * @off: offset in bytes
 * @header_block: one block, copied
 * @flush: the device is flushed before
 *
 * Context: owner.
 */
void rblk_data_sync(void *host, u64 off, const void *header_block, bool flush)
{
	struct rblk_volume *v = host;
	struct rblk_dataio *d = v->dataio;

	memcpy(page_address(d->header), header_block, RBLK_BLOCK_SIZE);
	bio_init(&d->sync_bio, d->lower.bdev, &d->sync_vec, 1,
		 REQ_OP_WRITE | REQ_SYNC | REQ_FUA | (flush ? REQ_PREFLUSH : 0));
	d->sync_bio.bi_iter.bi_sector = off >> SECTOR_SHIFT;
	__bio_add_page(&d->sync_bio, d->header, RBLK_BLOCK_SIZE, 0);
	rblk_io_submit(&d->sync, &d->sync_bio, 1);
}

static int rblk_read_header(void *ctx, u64 off, void *buf, u32 len)
{
	struct rblk_dataio *d = ctx;

	return rblk_lower_read(&d->lower, off, buf, len);
}

/**
 * rblk_dataio_header() - read the header of the data device, synchronously
 * @v: the volume; v->super is known
 * @ds: filled from it, or from its copy
 * @c: filled: which of them is damaged
 *
 * Context: process; sleeps.
 * Return: 0, -errno of the device, or of rblk_log_data_super_decode().
 */
int rblk_dataio_header(struct rblk_volume *v, struct data_super *ds, struct log_copies *c)
{
	struct rblk_dataio *d = v->dataio;
	struct log_reader rd = {
		.read = rblk_read_header,
		.ctx = d,
		.scratch = page_address(d->header),
	};

	return rblk_log_read_data(&rd, v->super.store, ds, c);
}

/* ---- life ---- */

/**
 * rblk_dataio_open() - open the data device
 * @v: the volume; v->super is known
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; sleeps.
 * Return: 0 or -errno; rblk_dataio_close() frees in either case.
 */
int rblk_dataio_open(struct rblk_volume *v, char *err)
{
	struct rblk_dataio *d = kzalloc(sizeof(*d), GFP_KERNEL);
	int ret;

	if (!d)
		return rblk_error_text(err, -ENOMEM, "no memory to open data device %s",
				       v->up.data_path);
	v->dataio = d;
	d->header = alloc_page(GFP_KERNEL);
	if (!d->header)
		return rblk_error_text(err, -ENOMEM, "no memory to open data device %s",
				       v->up.data_path);
	ret = rblk_lower_open(v, &d->lower, v->up.data_dev, "data", v->up.data_path, err);
	if (ret)
		return ret;
	if (bdev_logical_block_size(d->lower.bdev) > v->super.block_size)
		return rblk_error_text(err, -EINVAL,
				       "data device %s has blocks of %u bytes, more than the %u of the volume",
				       v->up.data_path, bdev_logical_block_size(d->lower.bdev),
				       v->super.block_size);
	rblk_io_init(&d->sync, v, &d->lower, rblk_sync_ended);
	return 0;
}

/**
 * rblk_dataio_prepare() - allocate the operations; v->limits are known
 * @v: the volume, its data device open
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int rblk_dataio_prepare(struct rblk_volume *v)
{
	struct rblk_apply *a = kvzalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return -ENOMEM;
	v->dataio->apply = a;
	a->held = kvcalloc(v->limits.batch, sizeof(*a->held), GFP_KERNEL);
	a->bio = kvcalloc(RBLK_APPLY_BIOS, sizeof(*a->bio), GFP_KERNEL);
	if (!a->held || !a->bio)
		return -ENOMEM;
	a->by_pages = !bdev_write_zeroes_sectors(v->dataio->lower.bdev);
	rblk_io_init(&a->io, v, &v->dataio->lower, rblk_apply_ended);
	return 0;
}

/**
 * rblk_dataio_frees() - does the data device free ranges that are zeroed?
 * @v: the volume, its data device open
 *
 * One that can write zeroes but discards nothing would write them.
 *
 * Context: any.
 * Return: true if it does.
 */
bool rblk_dataio_frees(const struct rblk_volume *v)
{
	struct block_device *bdev = v->dataio->lower.bdev;

	return bdev_write_zeroes_sectors(bdev) && bdev_max_discard_sectors(bdev);
}

/**
 * rblk_dataio_start() - start the threads that submit to the data device
 * @v: the volume, its data device open and its minor known
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_dataio_start(struct rblk_volume *v)
{
	return rblk_lower_start(&v->dataio->lower, "data");
}

/**
 * rblk_dataio_bytes() - tell the size of the data device
 * @v: the volume, its data device open
 *
 * Context: any.
 * Return: bytes.
 */
u64 rblk_dataio_bytes(const struct rblk_volume *v)
{
	return bdev_nr_bytes(v->dataio->lower.bdev);
}

/**
 * rblk_dataio_lower() - get the data device
 * @v: the volume, its data device open
 *
 * Context: any.
 * Return: the device.
 */
struct rblk_lower *rblk_dataio_lower(const struct rblk_volume *v)
{
	return &v->dataio->lower;
}

/**
 * rblk_dataio_failed() - is the data device gone?
 * @v: the volume, its data device open
 *
 * Context: any.
 * Return: true if it is gone for good.
 */
bool rblk_dataio_failed(const struct rblk_volume *v)
{
	return rblk_lower_failed(&v->dataio->lower);
}

/**
 * rblk_dataio_flush() - flush the volatile cache of the data device, synchronously
 * @v: the volume, its data device open
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_dataio_flush(struct rblk_volume *v)
{
	return blkdev_issue_flush(v->dataio->lower.bdev);
}

/**
 * rblk_dataio_wait() - wait until no bio is in flight; none may be started any more
 * @v: the volume
 *
 * Context: process; sleeps for as long as the device takes.
 */
void rblk_dataio_wait(struct rblk_volume *v)
{
	if (v->dataio)
		rblk_lower_wait(&v->dataio->lower);
}

/**
 * rblk_dataio_close() - close the data device and free its operations
 * @v: the volume; rblk_dataio_wait() was called
 *
 * Context: process; sleeps.
 */
void rblk_dataio_close(struct rblk_volume *v)
{
	struct rblk_dataio *d = v->dataio;

	if (!d)
		return;
	rblk_lower_close(&d->lower);
	if (d->apply) {
		rblk_apply_release(d->apply);
		kvfree(d->apply->held);
		kvfree(d->apply->bio);
	}
	kvfree(d->apply);
	if (d->header)
		__free_page(d->header);
	kfree(d);
	v->dataio = NULL;
}
