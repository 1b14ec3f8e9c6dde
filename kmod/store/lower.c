// SPDX-License-Identifier: GPL-2.0
/*
 * What the log device and the data device have in common: exclusive open,
 * operations made of embedded bios, and synchronous reads for the start.
 *
 * The loop must never wait for room in the queue of a device, since elections,
 * heartbeats and all that needs only the other device would wait with it. So what may
 * have to wait there goes to a thread of the device, a *lane*. There is one for each
 * direction: reads of users never wait behind writes in the background, which may be
 * throttled, and writes of the log never wait behind what is read back for others.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "store/lower.h"
#include "compat.h"

#define RBLK_READ_PAGES	16		/* in one bio */

/**
 * rblk_lower_fail() - mark a device as gone for good
 * @l: the device
 *
 * For failures that no operation reports. The loop halts the node, which ends all
 * its requests.
 *
 * Context: any.
 */
void rblk_lower_fail(struct rblk_lower *l)
{
	WRITE_ONCE(l->failed, true);
	rblk_volume_kick(l->v, RBLK_KICK_DONE);
}

/**
 * rblk_lower_failed() - is the device gone for good?
 * @l: the device, open
 *
 * Before Linux 6.5 nobody is told that a disk was removed; but it is marked as dead.
 *
 * Context: any.
 * Return: true if it is.
 */
bool rblk_lower_failed(const struct rblk_lower *l)
{
	return READ_ONCE(l->failed) || test_bit(GD_DEAD, &l->bdev->bd_disk->state);
}

/*
 * The device was removed. An idle node would only notice at its next write, and
 * might lead until then. The block layer calls this with the holder lock, which is
 * left to us to release; closing the device takes it, so the volume lives until
 * then.
 */
static void rblk_lower_mark_dead(struct block_device *bdev, bool surprise)
{
	rblk_lower_fail(bdev->bd_holder);
	rblk_holder_unlock(bdev);
}

static const struct blk_holder_ops rblk_lower_holder_ops = {
	.mark_dead	= rblk_lower_mark_dead,
};

/*
 * Can bios be submitted to it that never sleep? A disk that is driven by requests fails
 * such a bio before it has done anything, if it has no room. Some drivers sleep all the
 * same while they start a request (BLK_MQ_F_BLOCKING). Devices that consist of others are
 * not trusted with it: before Linux 6.16, a RAID takes BLK_STS_AGAIN of a disk for a
 * failure of that disk.
 */
static bool rblk_may_nowait(struct block_device *bdev)
{
	struct request_queue *q = bdev_get_queue(bdev);

	return queue_is_mq(q) && !(q->tag_set->flags & BLK_MQ_F_BLOCKING) && bdev_nowait(bdev);
}

/**
 * rblk_lower_open() - open a backing device exclusively
 * @v: the volume
 * @l: filled; it becomes the holder of the device
 * @dev: number of the device
 * @what: "log" or "data", for the error text
 * @path: for the error text
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_lower_open(struct rblk_volume *v, struct rblk_lower *l, dev_t dev, const char *what,
		    const char *path, char *err)
{
	struct file *file;
	int i;

	l->v = v;
	file = bdev_file_open_by_dev(dev, BLK_OPEN_READ | BLK_OPEN_WRITE, l,
				     &rblk_lower_holder_ops);
	if (PTR_ERR(file) == -EBUSY)
		return rblk_error_text(err, -EBUSY,
				       "%s device %s is in use: mounted, or held by another volume, RAID or LVM",
				       what, path);
	if (IS_ERR(file))
		return rblk_error_text(err, PTR_ERR(file),
				       "%s device %s cannot be opened (error %ld)", what, path,
				       -PTR_ERR(file));
	l->file = file;
	l->bdev = file_bdev(file);
	l->nowait = rblk_may_nowait(l->bdev);
	for (i = 0; i < ARRAY_SIZE(l->lane); i++) {
		spin_lock_init(&l->lane[i].lock);
		bio_list_init(&l->lane[i].bios);
		init_waitqueue_head(&l->lane[i].wait);
	}
	refcount_set(&l->busy, 1);
	init_completion(&l->idle);
	if (bdev_read_only(l->bdev)) {
		rblk_lower_close(l);
		return rblk_error_text(err, -EACCES, "%s device %s is read-only", what, path);
	}
	/* Their sectors can only be written one after the other. */
	if (bdev_is_zoned(l->bdev)) {
		rblk_lower_close(l);
		return rblk_error_text(err, -EOPNOTSUPP,
				       "%s device %s is zoned, which raftblk cannot write to", what,
				       path);
	}
	return 0;
}

/**
 * rblk_lower_begin() - count an operation on the device that starts
 * @l: the device
 *
 * Context: any.
 */
void rblk_lower_begin(struct rblk_lower *l)
{
	refcount_inc(&l->busy);
}

/**
 * rblk_lower_end() - count out an operation; the volume must not be touched after it
 * @l: the device
 *
 * Context: any.
 */
void rblk_lower_end(struct rblk_lower *l)
{
	if (refcount_dec_and_test(&l->busy))
		complete(&l->idle);
}

/**
 * rblk_lower_wait() - wait until no operation is in flight, for good
 * @l: the device; no operation starts any more
 *
 * Context: process; sleeps for as long as the device takes.
 */
void rblk_lower_wait(struct rblk_lower *l)
{
	if (!l->file || l->waited)
		return;
	l->waited = true;
	if (!refcount_dec_and_test(&l->busy))
		wait_for_completion(&l->idle);
}

/**
 * rblk_lower_close() - close the device
 * @l: idle, or never opened
 *
 * Context: process; sleeps.
 */
void rblk_lower_close(struct rblk_lower *l)
{
	int i;

	if (!l->file)
		return;
	rblk_lower_unlink(l);
	for (i = 0; i < ARRAY_SIZE(l->lane); i++)
		if (l->lane[i].thread)
			kthread_stop(l->lane[i].thread);
	rblk_bdev_close(l->file);
	l->file = NULL;
	l->bdev = NULL;
}

/**
 * rblk_lower_link() - show in sysfs, where lsblk(8) looks, that a disk uses the device
 * @l: the device
 * @disk: the disk, which was added
 *
 * Context: process; sleeps.
 */
void rblk_lower_link(struct rblk_lower *l, struct gendisk *disk)
{
	int ret = bd_link_disk_holder(l->bdev, disk);

	if (ret)
		rblk_warn(l->v, "lsblk will not show what uses %pg (error %d)\n", l->bdev, -ret);
	else
		l->linked = disk;
}

/**
 * rblk_lower_unlink() - undo rblk_lower_link(), before the disk is deleted
 * @l: the device
 *
 * Context: process; sleeps, while the disk is being opened or closed, too.
 */
void rblk_lower_unlink(struct rblk_lower *l)
{
	if (l->linked)
		bd_unlink_disk_holder(l->bdev, l->linked);
	l->linked = NULL;
}

/* ---- submission ---- */

static struct rblk_lane *rblk_lane_of(struct rblk_lower *l, const struct bio *bio)
{
	return &l->lane[op_is_write(bio_op(bio)) ? WRITE : READ];
}

static void rblk_lane_add(struct rblk_lane *lane, struct bio_list *bios)
{
	unsigned long flags;
	bool wake;

	spin_lock_irqsave(&lane->lock, flags);
	wake = !lane->busy;
	lane->busy = true;
	bio_list_merge(&lane->bios, bios);
	/* Under the lock: once these bios have ended, the lane may be gone. */
	if (wake)
		wake_up(&lane->wait);
	spin_unlock_irqrestore(&lane->lock, flags);
}

/* Takes what is queued. Returns false, and is idle, if there is nothing. */
static bool rblk_lane_take(struct rblk_lane *lane, struct bio_list *bios)
{
	bio_list_init(bios);
	spin_lock_irq(&lane->lock);
	bio_list_merge(bios, &lane->bios);
	bio_list_init(&lane->bios);
	lane->busy = !bio_list_empty(bios);
	spin_unlock_irq(&lane->lock);
	return !bio_list_empty(bios);
}

/* The thread function of a lane. It stops when no operation is left. */
static int rblk_lane_run(void *arg)
{
	struct rblk_lane *lane = arg;
	unsigned int noio = memalloc_noio_save();
	struct bio_list bios;
	struct blk_plug plug;
	struct bio *bio;

	while (!kthread_should_stop()) {
		wait_event_idle(lane->wait, READ_ONCE(lane->busy) || kthread_should_stop());
		while (rblk_lane_take(lane, &bios)) {
			blk_start_plug(&plug);
			while ((bio = bio_list_pop(&bios)))
				submit_bio(bio);
			blk_finish_plug(&plug);
		}
	}
	memalloc_noio_restore(noio);
	return 0;
}

/**
 * rblk_lower_start() - start the lanes of a device
 * @l: the device, open
 * @what: "log" or "data", for the names of the threads
 *
 * What was submitted before is started by then.
 *
 * Context: process; sleeps.
 * Return: 0 or -errno; rblk_lower_close() stops them.
 */
int rblk_lower_start(struct rblk_lower *l, const char *what)
{
	struct task_struct *thread;
	int i;

	for (i = 0; i < ARRAY_SIZE(l->lane); i++) {
		thread = kthread_run(rblk_lane_run, &l->lane[i], RBLK_NAME "%d_%s_%c",
				     rblk_volume_minor(l->v), what, i == READ ? 'r' : 'w');
		if (IS_ERR(thread))
			return PTR_ERR(thread);
		l->lane[i].thread = thread;
	}
	return 0;
}

/* Writeback throttling makes the submitter of other writes sleep, REQ_NOWAIT or not. */
static bool rblk_is_throttled(const struct bio *bio)
{
	return op_is_write(bio_op(bio)) &&
	       (bio->bi_opf & (REQ_SYNC | REQ_IDLE)) != (REQ_SYNC | REQ_IDLE);
}

/**
 * rblk_lower_submit() - start bios, without ever waiting for room in the device's queue
 * @l: the device
 * @bios: bios of one kind; emptied. Their ->bi_end_io calls rblk_lower_again().
 *
 * What has come to the lane before is not overtaken, so that it gets its turn.
 *
 * Context: process; owner.
 */
void rblk_lower_submit(struct rblk_lower *l, struct bio_list *bios)
{
	struct bio *bio = bio_list_peek(bios);
	struct rblk_lane *lane;

	if (!bio)
		return;
	lane = rblk_lane_of(l, bio);
	if (!l->nowait || rblk_is_throttled(bio) || READ_ONCE(lane->busy)) {
		rblk_lane_add(lane, bios);
		bio_list_init(bios);
		return;
	}
	while ((bio = bio_list_pop(bios))) {
		bio->bi_opf |= REQ_NOWAIT;
		submit_bio(bio);
	}
}

/**
 * rblk_lower_again() - start a bio once more if it ended because there was no room
 * @l: the device
 * @bio: a bio that has ended
 *
 * Only a bio that was refused at once is whole. One that a driver ended with the same error
 * has used up its iterator, and would be started again with nothing in it: it has failed.
 *
 * Context: any.
 * Return: true if it was started again, and has not ended.
 */
bool rblk_lower_again(struct rblk_lower *l, struct bio *bio)
{
	struct bio_list bios;
	struct bio was;

	if (bio->bi_status != BLK_STS_AGAIN || !(bio->bi_opf & REQ_NOWAIT) ||
	    !bio->bi_iter.bi_size)
		return false;
	was = *bio;
	bio_reset(bio, was.bi_bdev, was.bi_opf & ~REQ_NOWAIT);
	bio->bi_iter = was.bi_iter;
	bio->bi_ioprio = was.bi_ioprio;
	if (bio_flagged(&was, BIO_REMAPPED))	/* from a partition to its disk */
		bio->bi_iter.bi_sector -= get_start_sect(was.bi_bdev);
	bio->bi_vcnt = was.bi_vcnt;
	bio->bi_private = was.bi_private;
	bio->bi_end_io = was.bi_end_io;
	bio_list_init(&bios);
	bio_list_add(&bios, bio);
	rblk_lane_add(rblk_lane_of(l, bio), &bios);
	return true;
}

/**
 * rblk_addr_page() - find the page of an address
 * @addr: in the direct map or from vmalloc
 *
 * Context: any.
 * Return: the page.
 */
struct page *rblk_addr_page(const void *addr)
{
	return is_vmalloc_addr(addr) ? vmalloc_to_page(addr) : virt_to_page(addr);
}

/* Reads into pages, with as many requests in flight as that takes. */
static int rblk_read_pages(struct rblk_lower *l, u64 off, struct page **page, u32 len)
{
	struct bio *bio = NULL, *next;
	struct blk_plug plug;
	int ret;

	blk_start_plug(&plug);
	for (; len; page++) {
		u32 n = min_t(u32, len, PAGE_SIZE);

		if (!bio || bio->bi_vcnt == RBLK_READ_PAGES) {
			next = bio_alloc(l->bdev, RBLK_READ_PAGES, REQ_OP_READ, GFP_KERNEL);
			next->bi_iter.bi_sector = off >> SECTOR_SHIFT;
			if (bio) {
				bio_chain(bio, next);
				submit_bio(bio);
			}
			bio = next;
		}
		__bio_add_page(bio, *page, n, 0);
		off += n;
		len -= n;
	}
	ret = submit_bio_wait(bio);
	blk_finish_plug(&plug);
	bio_put(bio);
	return ret;
}

static void rblk_read_free(struct page **page, u32 n)
{
	while (n)
		__free_page(page[--n]);
	kvfree(page);
}

/* Returns an array of @n pages for rblk_read_free(), or NULL: no memory. */
static struct page **rblk_read_alloc(u32 n)
{
	struct page **page = kvcalloc(n, sizeof(*page), GFP_KERNEL);
	u32 i;

	for (i = 0; page && i < n; i++) {
		page[i] = alloc_page(GFP_KERNEL);
		if (!page[i]) {
			rblk_read_free(page, i);
			return NULL;
		}
	}
	return page;
}

/**
 * rblk_lower_read() - read synchronously, bypassing any cache
 * @l: the device
 * @off: offset in bytes, a multiple of 512
 * @buf: anywhere
 * @len: length in bytes, a multiple of 512, not 0
 *
 * Only for the start of a node.
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_lower_read(struct rblk_lower *l, u64 off, void *buf, u32 len)
{
	u32 n = DIV_ROUND_UP(len, PAGE_SIZE), done, i;
	struct page **page;
	int ret;

	if (!len || (off | len) & (SECTOR_SIZE - 1))
		return -EINVAL;
	if (off + len > bdev_nr_bytes(l->bdev))
		return -EIO;
	page = rblk_read_alloc(n);
	if (!page)
		return -ENOMEM;
	ret = rblk_read_pages(l, off, page, len);
	for (i = 0, done = 0; i < n && !ret; i++, done += PAGE_SIZE)
		memcpy(buf + done, page_address(page[i]), min_t(u32, len - done, PAGE_SIZE));
	rblk_read_free(page, n);
	return ret;
}

/**
 * rblk_io_init() - prepare an embedded operation, once
 * @io: the operation
 * @v: its volume
 * @lower: its device
 * @run: called by the loop when the operation has ended
 *
 * Context: any.
 */
void rblk_io_init(struct rblk_io *io, struct rblk_volume *v, struct rblk_lower *lower,
		  void (*run)(struct rblk_volume *v, struct rblk_done *done, u64 now))
{
	io->v = v;
	io->lower = lower;
	io->done.run = run;
}

/**
 * rblk_io_hold() - keep a payload until the operation has ended
 * @io: the operation; @io->held has room
 * @buf: the payload
 *
 * Context: any.
 */
void rblk_io_hold(struct rblk_io *io, struct rblk_buf *buf)
{
	struct rblk_payload *p = rblk_payload(buf);

	rblk_payload_get(p);
	io->held[io->nheld++] = p;
}

/* Usually in interrupt context. */
static void rblk_io_end_bio(struct bio *bio)
{
	struct rblk_io *io = bio->bi_private;
	struct rblk_lower *lower = io->lower;

	if (rblk_lower_again(lower, bio))
		return;
	if (bio->bi_status)
		cmpxchg(&io->error, 0, blk_status_to_errno(bio->bi_status));
	bio_uninit(bio);
	if (!atomic_dec_and_test(&io->bios))
		return;
	while (io->nheld)
		rblk_payload_put(io->held[--io->nheld]);
	/* After this, the loop may reuse @io at any time. */
	rblk_volume_done(io->v, &io->done);
	rblk_lower_end(lower);
}

/**
 * rblk_io_submit() - start the bios of an operation
 * @io: the operation; its run() is called when all of them have ended
 * @bio: array of initialised bios, all of one kind
 * @n: how many, at least 1
 *
 * Context: process; owner.
 */
void rblk_io_submit(struct rblk_io *io, struct bio *bio, u32 n)
{
	struct bio_list bios;
	u32 i;

	io->error = 0;
	atomic_set(&io->bios, n);
	rblk_lower_begin(io->lower);
	bio_list_init(&bios);
	for (i = 0; i < n; i++) {
		bio[i].bi_private = io;
		bio[i].bi_end_io = rblk_io_end_bio;
		bio_list_add(&bios, &bio[i]);
	}
	rblk_lower_submit(io->lower, &bios);
}
