// SPDX-License-Identifier: GPL-2.0
/*
 * Partitions. The kernel looks for them when a disk appears, and when a program asks it
 * to. Neither suffices: when the disk appears, nothing may be served yet, and a scan holds
 * open_mutex until what it reads has been read; and the table may be written on another
 * node.
 *
 * So a worker reads the sectors that a table of partitions begins with, without any lock:
 * when I/O is served again, when a session of this node begins or ends, and when another
 * node has written near them. Only if they have changed does it have the kernel scan, and
 * not under a session of this node: there, who changes the table tells the kernel, as with
 * any disk.
 *
 * A file system in a partition that is no longer where the kernel thinks it is would be
 * written to at the wrong place. So a new session is not begun with an old table, nor right
 * after a scan: an opener that had found a partition before would still get that one. The
 * chain of logical partitions of a DOS table is not looked at.
 */
#include <linux/crc32c.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "block/internal.h"
#include "compat.h"

/* What other nodes write there in one go is looked at once. */
#define RBLK_TABLE_DELAY	HZ	/* jiffies */

/* Who waited with an old partition while they were scanned has its turn within that time. */
#define RBLK_TABLE_REST_NS	(500 * RBLK_NSEC_PER_MSEC)

/*
 * A master boot record is in the first sector, and the header of a GUID partition table,
 * which has the sum of the table, in the first 512 bytes of the second block.
 */
#define RBLK_TABLE_BYTES	(2 * RBLK_BLOCK_SIZE)

struct rblk_table_read {
	struct bio bio;
	struct bio_vec vec;
	struct completion done;
	refcount_t users;		/* the bio, and who waits for it */
	void *bytes;
};

static void rblk_table_put(struct rblk_table_read *t)
{
	if (!refcount_dec_and_test(&t->users))
		return;
	kfree(t->bytes);
	kfree(t);
}

static void rblk_table_read_end(struct bio *bio)
{
	struct rblk_table_read *t = container_of(bio, struct rblk_table_read, bio);

	complete(&t->done);
	rblk_table_put(t);
}

/* Whether somebody waits for this bio, although nobody may have the device open. */
bool rblk_table_reads(const struct bio *bio)
{
	return bio->bi_end_io == rblk_table_read_end;
}

static struct rblk_table_read *rblk_table_alloc(void)
{
	struct rblk_table_read *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	t->bytes = kmalloc(RBLK_TABLE_BYTES, GFP_KERNEL);
	if (!t->bytes) {
		kfree(t);
		return NULL;
	}
	init_completion(&t->done);
	refcount_set(&t->users, 2);
	return t;
}

static u32 rblk_table_digest(const struct rblk_disk *d, const void *bytes)
{
	u32 block = queue_logical_block_size(d->gd->queue);

	return crc32c(crc32c(~0, bytes, SECTOR_SIZE), bytes + block, SECTOR_SIZE);
}

/* Not from the page cache, which may be old. Without a quorum it waits, killable. */
static int rblk_table_read(struct rblk_disk *d, u32 *digest)
{
	struct rblk_table_read *t = rblk_table_alloc();
	int ret;

	if (!t)
		return -ENOMEM;
	bio_init(&t->bio, d->gd->part0, &t->vec, 1, REQ_OP_READ | REQ_SYNC);
	__bio_add_page(&t->bio, virt_to_page(t->bytes), RBLK_TABLE_BYTES,
		       offset_in_page(t->bytes));
	t->bio.bi_end_io = rblk_table_read_end;
	submit_bio(&t->bio);
	ret = wait_for_completion_killable(&t->done) ? -EINTR :
	      blk_status_to_errno(t->bio.bi_status);
	if (!ret)
		*digest = rblk_table_digest(d, t->bytes);
	rblk_table_put(t);
	return ret;
}

static bool rblk_table_has_parts(struct rblk_disk *d)
{
	unsigned long partno = 1;

	return xa_find(&d->gd->part_tbl, &partno, ULONG_MAX, XA_PRESENT);
}

/*
 * Under open_mutex. Not under a file system, which the kernel does not do on request, either.
 * It reads through the page cache, which may have what a reader found long ago.
 */
static int rblk_table_scan(struct rblk_disk *d)
{
	struct block_device *whole = d->gd->part0;
	int ret;

	if (READ_ONCE(whole->bd_holders))
		return -EBUSY;
	sync_blockdev(whole);
	if (invalidate_inode_pages2(rblk_bdev_mapping(whole)))
		return -EBUSY;
	if (rblk_table_has_parts(d))
		d->table_dropped = rblk_now();
	ret = bdev_disk_changed(d->gd, false);
	/* Nobody's last close drops what it has read, and other nodes go on writing. */
	invalidate_bdev(whole);
	if (ret && ret != -EBUSY)
		rblk_table_look_soon(d);	/* there are no partitions meanwhile */
	return ret;
}

/* Under open_mutex. Returns false if it has to be looked at again. */
static bool rblk_table_heed(struct rblk_disk *d, u32 digest, bool own)
{
	if (own || (d->table_known && d->table_digest == digest))
		return true;
	d->table_known = !rblk_table_scan(d);
	d->table_digest = digest;
	return d->table_known;
}

static bool rblk_table_may_be(const struct rblk_disk *d)
{
	return !READ_ONCE(d->dead) && get_capacity(d->gd) >= RBLK_TABLE_BYTES >> SECTOR_SHIFT;
}

static void rblk_table_work(struct work_struct *work)
{
	struct rblk_disk *d = container_of(to_delayed_work(work), struct rblk_disk, table_work);
	u64 epoch = READ_ONCE(d->epoch);
	bool foreign, done = false;
	u32 digest;

	if (!rblk_table_may_be(d))
		return;
	clear_bit(GD_SUPPRESS_PART_SCAN, &d->gd->state);
	foreign = xchg(&d->table_foreign, false);
	if (!rblk_table_read(d, &digest)) {
		mutex_lock(&d->gd->open_mutex);
		done = rblk_table_heed(d, digest,
				       !foreign && epoch && epoch == READ_ONCE(d->epoch));
		mutex_unlock(&d->gd->open_mutex);
	}
	if (!done)
		WRITE_ONCE(d->table_foreign, true);	/* for the next time */
}

/**
 * rblk_table_init() - nothing is known of the partitions yet
 * @d: the disk
 */
void rblk_table_init(struct rblk_disk *d)
{
	INIT_DELAYED_WORK(&d->table_work, rblk_table_work);
	d->table_foreign = true;
}

/**
 * rblk_table_look() - look whether the partitions are still what they were
 * @d: the disk
 *
 * Context: any; a worker does it, at once.
 */
void rblk_table_look(struct rblk_disk *d)
{
	if (!READ_ONCE(d->dead))
		mod_delayed_work(rblk_io_wq, &d->table_work, 0);
}

/**
 * rblk_table_look_soon() - the same in a moment, and once for all who ask until then
 * @d: the disk
 *
 * Context: any.
 */
void rblk_table_look_soon(struct rblk_disk *d)
{
	if (!READ_ONCE(d->dead))
		queue_delayed_work(rblk_io_wq, &d->table_work, RBLK_TABLE_DELAY);
}

/**
 * rblk_disk_head_changed() - struct rblk_node_ops: another node wrote where a table may be
 * @host: the volume
 *
 * Context: owner.
 */
void rblk_disk_head_changed(void *host)
{
	struct rblk_volume *v = host;
	struct rblk_disk *d = v->disk;

	WRITE_ONCE(d->table_foreign, true);
	rblk_table_look_soon(d);
}

/**
 * rblk_table_check() - before a new session begins: are the partitions what the kernel thinks?
 * @d: the disk
 *
 * Context: under open_mutex; sleeps, killable.
 * Return: 0; -EBUSY: they are not, and will be looked for again; -EINTR: killed; or the error
 * of reading.
 */
int rblk_table_check(struct rblk_disk *d)
{
	u32 digest;
	int ret;

	if (!rblk_table_has_parts(d)) {
		/* Who opens has the whole disk. What was written to it before may be a table. */
		WRITE_ONCE(d->table_foreign, true);
		rblk_table_look(d);
		return 0;
	}
	ret = rblk_table_read(d, &digest);
	if (ret)
		return ret;
	if (d->table_known && d->table_digest == digest &&
	    rblk_now() >= d->table_dropped + RBLK_TABLE_REST_NS)
		return 0;
	WRITE_ONCE(d->table_foreign, true);
	rblk_table_look(d);
	rblk_warn_limited(d->v,
			  "open for writing refused: another node changed the partitions, which are being looked for again; try again\n");
	return -EBUSY;
}
