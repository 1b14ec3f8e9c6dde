// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers to the data device: its header, and the background apply. Reads
 * for requests are request.c's. The image starts behind the header, at
 * DATA_HEADER_BYTES.
 *
 * A batch is applied in rounds of at most RB_APPLY_BIOS bios: zero ranges
 * first, then blocks; the loop builds the next round when one ended. Nothing
 * is in a hurry here, and rounds keep the lower queue free for others.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "host/host.h"

#define RB_APPLY_BIOS	32
#define RB_APPLY_VECS	64	/* 256 KiB in one bio */
#define RB_IMAGE_SECTOR	(DATA_HEADER_BYTES >> SECTOR_SHIFT)
/*
 * The header is written twice, one after the other, so that a torn write never
 * leaves none. The copy is never the newer one. It counts only where the header was
 * ours and is damaged, and only if it is of the same store: what somebody else
 * wrote over the header he wrote over the data, too, and what a newer version
 * wrote is not for us.
 */
#define RB_HEADER_COPY	(64u << 10)

struct rb_apply {
	struct rb_io io;
	struct vol_batch b;
	struct rb_payload **held;	/* of b.item[i]; limits.batch of them */
	u32 nheld;
	u32 zero, zero_done;		/* next zero range, its sectors already built */
	u32 item, bit;			/* next item, next sector in it */
	bool by_pages;			/* the device cannot write zeroes by itself */
	bool zeroing;			/* the round in flight is one of zeroes */
	int error;
	u32 nbio;
	struct bio *bio;		/* RB_APPLY_BIOS */
	struct bio_vec vec[RB_APPLY_BIOS][RB_APPLY_VECS];
};

struct rb_dataio {
	struct rb_lower lower;
	struct rb_apply *apply;
	struct rb_io sync;
	bool sync_copy;			/* the second header is being written */
	struct bio sync_bio;
	struct bio_vec sync_vec;
	struct page *header;
};

/* ---- apply ---- */

static struct bio *rb_apply_bio(struct rb_volume *v, u64 sector, blk_opf_t opf, bool vecs)
{
	struct rb_apply *a = v->dataio->apply;
	struct bio *bio = &a->bio[a->nbio];

	bio_init(bio, v->dataio->lower.bdev, vecs ? a->vec[a->nbio] : NULL,
		 vecs ? RB_APPLY_VECS : 0, opf);
	bio->bi_iter.bi_sector = RB_IMAGE_SECTOR + sector;
	a->nbio++;
	return bio;
}

static void rb_apply_zero(struct rb_volume *v)
{
	struct rb_apply *a = v->dataio->apply;
	const struct vol_zero *z = &a->b.zero[a->zero];
	u32 left = z->nsect - a->zero_done;
	u64 sector = z->sector + a->zero_done;
	struct bio *bio;

	if (!a->by_pages) {
		bio = rb_apply_bio(v, sector, REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, false);
		bio->bi_iter.bi_size = left << SECTOR_SHIFT;
		a->zero_done = z->nsect;
	} else {
		bio = rb_apply_bio(v, sector, REQ_OP_WRITE, true);
		while (left && bio->bi_vcnt < RB_APPLY_VECS) {
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

/* Next run of sectors to write, from (a->item, a->bit); false: none. */
static bool rb_apply_run(struct rb_apply *a, u64 *sector, u32 *first, u32 *n)
{
	const struct vol_item *it;

	for (; a->item < a->b.nitem; a->item++, a->bit = 0) {
		it = &a->b.item[a->item];
		while (a->bit < RB_SECTORS_PER_BLOCK && !(it->mask >> a->bit & 1))
			a->bit++;
		if (a->bit == RB_SECTORS_PER_BLOCK)
			continue;
		*first = a->bit;
		for (*n = 0; *first + *n < RB_SECTORS_PER_BLOCK; (*n)++)
			if (!(it->mask >> (*first + *n) & 1))
				break;
		*sector = it->block * RB_SECTORS_PER_BLOCK + *first;
		return true;
	}
	return false;
}

static void rb_apply_blocks(struct rb_volume *v)
{
	struct rb_apply *a = v->dataio->apply;
	struct bio *bio = NULL;
	u32 first, n;
	u64 sector;

	while (rb_apply_run(a, &sector, &first, &n)) {
		if (!bio || bio_end_sector(bio) != RB_IMAGE_SECTOR + sector ||
		    bio->bi_vcnt == RB_APPLY_VECS) {
			if (a->nbio == RB_APPLY_BIOS)
				return;
			bio = rb_apply_bio(v, sector, REQ_OP_WRITE, true);
		}
		__bio_add_page(bio, a->held[a->item]->page[a->b.item[a->item].nth],
			       n << SECTOR_SHIFT, first << SECTOR_SHIFT);
		a->bit = first + n;
	}
}

static void rb_apply_release(struct rb_apply *a)
{
	while (a->nheld)
		rb_payload_put(a->held[--a->nheld]);
}

/* Starts the next round. False: nothing is left to do. */
static bool rb_apply_round(struct rb_volume *v)
{
	struct rb_apply *a = v->dataio->apply;

	a->nbio = 0;
	while (a->zero < a->b.nzero && a->nbio < RB_APPLY_BIOS)
		rb_apply_zero(v);
	a->zeroing = a->nbio;
	if (!a->nbio)
		rb_apply_blocks(v);
	if (!a->nbio)
		return false;
	rb_io_submit(&a->io, a->bio, a->nbio);
	return true;
}

static void rb_apply_ended(struct rb_volume *v, struct rb_done *done, u64 now)
{
	struct rb_apply *a = v->dataio->apply;
	int error = a->io.error;

	if (v->stopped) {
		rb_apply_release(a);
		return;
	}
	/* Some devices only find out when asked, with any error, and withdraw their offer. */
	if (error && a->zeroing && !a->by_pages &&
	    (error == -EOPNOTSUPP || !bdev_write_zeroes_sectors(v->dataio->lower.bdev))) {
		rb_info(v, "data device %s cannot write zeroes by itself: zero pages it is\n",
			v->up.data_path);
		a->by_pages = true;
		a->zero = 0;
		a->zero_done = 0;
		error = 0;
	}
	if (!error && rb_apply_round(v))
		return;
	if (error)
		rb_err_limited(v, "writing to data device %s failed: error %d\n", v->up.data_path,
			       -error);
	rb_apply_release(a);
	member_apply_done(v->m, error, now);
}

/**
 * rb_data_apply() - member_ops: bring a batch to the data device
 * @host: the volume
 * @b: the batch; its arrays stay until member_apply_done()
 * @buf: payload of each item
 *
 * Context: owner; may sleep for room in the device's queue.
 */
void rb_data_apply(void *host, const struct vol_batch *b, struct rb_buf *const *buf)
{
	struct rb_volume *v = host;
	struct rb_apply *a = v->dataio->apply;
	u32 i;

	a->b = *b;
	a->zero = 0;
	a->zero_done = 0;
	a->item = 0;
	a->bit = 0;
	a->io.error = 0;
	if (WARN_ON_ONCE(b->nitem > v->limits.batch || a->nheld)) {
		a->io.error = -EINVAL;
		rb_volume_done(v, &a->io.done);
		return;
	}
	for (i = 0; i < b->nitem; i++) {
		rb_payload_get(rb_payload(buf[i]));
		a->held[a->nheld++] = rb_payload(buf[i]);
	}
	if (!rb_apply_round(v))
		rb_volume_done(v, &a->io.done);
}

/* ---- header ---- */

static void rb_sync_submit(struct rb_volume *v, u64 off, blk_opf_t flags)
{
	struct rb_dataio *d = v->dataio;

	bio_init(&d->sync_bio, d->lower.bdev, &d->sync_vec, 1,
		 REQ_OP_WRITE | REQ_SYNC | REQ_FUA | flags);
	d->sync_bio.bi_iter.bi_sector = off >> SECTOR_SHIFT;
	__bio_add_page(&d->sync_bio, d->header, RB_BLOCK_SIZE, 0);
	rb_io_submit(&d->sync, &d->sync_bio, 1);
}

static void rb_sync_ended(struct rb_volume *v, struct rb_done *done, u64 now)
{
	struct rb_dataio *d = v->dataio;

	if (v->stopped)
		return;
	if (!d->sync.error && !d->sync_copy) {
		d->sync_copy = true;
		rb_sync_submit(v, RB_HEADER_COPY, 0);
		return;
	}
	if (d->sync.error)
		rb_err_limited(v, "writing the header of data device %s failed: error %d\n",
			       v->up.data_path, -d->sync.error);
	member_data_sync_done(v->m, d->sync.error, now);
}

/**
 * rb_data_sync() - member_ops: flush the data device, then write its header
 * @host: the volume
 * @header_block: one block, copied
 *
 * Context: owner; may sleep for room in the device's queue.
 */
void rb_data_sync(void *host, const void *header_block)
{
	struct rb_volume *v = host;

	memcpy(page_address(v->dataio->header), header_block, RB_BLOCK_SIZE);
	v->dataio->sync_copy = false;
	rb_sync_submit(v, 0, REQ_PREFLUSH);
}

/**
 * rb_dataio_header() - read the header of the data device, synchronously
 * @v: the volume; v->super is known
 * @ds: filled from it, or from its copy
 *
 * Context: process; sleeps.
 * Return: 0, -errno of the device, or of data_super_decode().
 */
int rb_dataio_header(struct rb_volume *v, struct data_super *ds)
{
	struct rb_dataio *d = v->dataio;
	void *block = page_address(d->header);
	struct data_super copy;
	int r;

	r = rb_lower_read(&d->lower, 0, block, RB_BLOCK_SIZE);
	if (!r)
		r = data_super_decode(ds, block);
	if (!r || r == -ENODATA || r == -EPROTONOSUPPORT)
		return r;
	if (rb_lower_read(&d->lower, RB_HEADER_COPY, block, RB_BLOCK_SIZE) ||
	    data_super_decode(&copy, block) || copy.store != v->super.store)
		return r;
	rb_warn(v, "the header of data device %s is damaged (error %d): its copy is used\n",
		v->up.data_path, -r);
	*ds = copy;
	return 0;
}

/* ---- life ---- */

/**
 * rb_dataio_open() - open the data device
 * @v: the volume; v->super is known
 * @err: a sentence when it fails, RB_ERR_MAX
 *
 * Context: process; sleeps.
 * Return: 0 or -errno; rb_dataio_close() frees in either case.
 */
int rb_dataio_open(struct rb_volume *v, char *err)
{
	struct rb_dataio *d = kzalloc(sizeof(*d), GFP_KERNEL);
	int r;

	if (!d)
		return rb_sentence(err, -ENOMEM, "no memory");
	v->dataio = d;
	d->header = alloc_page(GFP_KERNEL);
	if (!d->header)
		return rb_sentence(err, -ENOMEM, "no memory");
	r = rb_lower_open(v, &d->lower, v->up.data_dev, "data", v->up.data_path, err);
	if (r)
		return r;
	if (bdev_logical_block_size(d->lower.bdev) > v->super.block_size)
		return rb_sentence(err, -EINVAL,
				   "data device %s has blocks of %u bytes, the volume has %u",
				   v->up.data_path, bdev_logical_block_size(d->lower.bdev),
				   v->super.block_size);
	rb_io_init(&d->sync, v, &d->lower, rb_sync_ended);
	return 0;
}

/**
 * rb_dataio_prepare() - allocate the operations; v->limits are known
 * @v: the volume, its data device open
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int rb_dataio_prepare(struct rb_volume *v)
{
	struct rb_apply *a = kvzalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return -ENOMEM;
	v->dataio->apply = a;
	a->held = kvcalloc(v->limits.batch, sizeof(*a->held), GFP_KERNEL);
	a->bio = kvcalloc(RB_APPLY_BIOS, sizeof(*a->bio), GFP_KERNEL);
	if (!a->held || !a->bio)
		return -ENOMEM;
	a->by_pages = !bdev_write_zeroes_sectors(v->dataio->lower.bdev);
	rb_io_init(&a->io, v, &v->dataio->lower, rb_apply_ended);
	return 0;
}

/**
 * rb_dataio_bytes() - size of the data device
 * @v: the volume, its data device open
 *
 * Context: any.
 * Return: bytes.
 */
u64 rb_dataio_bytes(const struct rb_volume *v)
{
	return bdev_nr_bytes(v->dataio->lower.bdev);
}

/**
 * rb_dataio_lower() - the data device, for reads
 * @v: the volume, its data device open
 *
 * Context: any.
 * Return: the device.
 */
struct rb_lower *rb_dataio_lower(const struct rb_volume *v)
{
	return &v->dataio->lower;
}

/**
 * rb_dataio_wait() - wait until no bio is in flight; none is started any more
 * @v: the volume
 *
 * Context: process; sleeps for as long as the device takes.
 */
void rb_dataio_wait(struct rb_volume *v)
{
	if (v->dataio)
		rb_lower_wait(&v->dataio->lower);
}

/**
 * rb_dataio_close() - close the data device and free its operations
 * @v: the volume; rb_dataio_wait() was called
 *
 * Context: process; sleeps.
 */
void rb_dataio_close(struct rb_volume *v)
{
	struct rb_dataio *d = v->dataio;

	if (!d)
		return;
	rb_lower_close(&d->lower);
	if (d->apply) {
		rb_apply_release(d->apply);
		kvfree(d->apply->held);
		kvfree(d->apply->bio);
	}
	kvfree(d->apply);
	if (d->header)
		__free_page(d->header);
	kfree(d);
	v->dataio = NULL;
}
