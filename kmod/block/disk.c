// SPDX-License-Identifier: GPL-2.0
/*
 * The gendisk: its life, its openers, its size, and whether it can be written to.
 *
 * An open for writing gets the session, see open.c. Which openers are writers
 * cannot be known (->release() has no mode on new kernels), so only the end of the
 * last opener counts. Without a session the disk is read-only for the block layer,
 * and queue_rq refuses writes, since the block layer's flag is not enforced.
 */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "block/internal.h"
#include "compat.h"

static int rblk_major;
static DEFINE_IDA(rblk_minors);
static atomic_t rblk_disks = ATOMIC_INIT(0);	/* gendisks that are not freed yet */

/* ---- the state that the gendisk shows ---- */

/* Notes the node's session, readiness and size for the gendisk. Called as owner. */
void rblk_disk_refresh(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;
	enum rblk_session_state s = rblk_node_session(v->m);
	u64 before = d->epoch;

	lockdep_assert_held(&v->owner);
	rblk_node_status(v->m, &v->st);
	WRITE_ONCE(d->epoch, s == NODE_S_HELD ? v->st.session_epoch : 0);
	if (before && !d->epoch)
		rblk_table_look_soon(d);
	WRITE_ONCE(d->fenced, s == NODE_S_FENCED);
	WRITE_ONCE(d->writable, s == NODE_S_HELD);
	if (d->ready != v->st.ready)
		d->ready_since = rblk_now();
	WRITE_ONCE(d->ready, v->st.ready);
	WRITE_ONCE(d->frees, v->st.frees);
	/* A member has it in its metadata; a node without devices is told it by one. */
	if (!v->st.conf.sectors)
		return;
	WRITE_ONCE(d->block_size, v->st.conf.block_size);
	smp_wmb();		/* pairs with rblk_disk_resize() */
	WRITE_ONCE(d->sectors, v->st.conf.sectors);
}

/*
 * What waits for the device, such as a mount at boot, waits until I/O is served: udev
 * is told then, and looks at "ready" in sysfs.
 */
static void rblk_disk_tell_ready(struct rblk_disk *d)
{
	struct device *dev = disk_to_dev(d->gd);
	bool ready = READ_ONCE(d->ready);

	/* Before that, the event that adds it says the same. */
	if (!device_is_registered(dev))
		return;
	if (ready && !d->ready_told) {
		kobject_uevent(&dev->kobj, KOBJ_CHANGE);
		rblk_table_look(d);
	}
	d->ready_told = ready;
}

/*
 * A discard has to read as zeroes on all members. A device that frees nothing would write
 * them, so a trim of a file system would fill it.
 */
static void rblk_disk_limits_work(struct work_struct *work)
{
	struct rblk_disk *d = container_of(work, struct rblk_disk, limits_work);
	bool frees = READ_ONCE(d->frees);

	if (frees == d->frees_told)
		return;
	rblk_limit_discard(d->gd, frees ? RBLK_ZERO_SECTORS_MAX : 0);
	d->frees_told = frees;
}

/*
 * Whoever writes to the queue's attributes in sysfs holds the lock of the limits until
 * all requests have ended, which without a quorum may take for ever. So nothing else
 * waits for the limits, least of all what ends the requests. The work compares for
 * itself: it may be waiting with what was true when it began.
 */
static void rblk_disk_offer_discard(struct rblk_disk *d)
{
	queue_work(rblk_io_wq, &d->limits_work);
}

/*
 * A client is told the block size with the size, before which nothing can be read, and so no
 * request is in progress that whoever has the limits could be waiting for. It never changes
 * after that, under a file system least of all.
 */
static void rblk_disk_resize(struct rblk_disk *d)
{
	u64 sectors = READ_ONCE(d->sectors);

	smp_rmb();		/* pairs with rblk_disk_refresh(): the block size is known first */
	if (sectors && !get_capacity(d->gd) &&
	    queue_logical_block_size(d->gd->queue) != READ_ONCE(d->block_size))
		rblk_limit_block(d->gd, READ_ONCE(d->block_size));
	set_capacity_and_notify(d->gd, sectors);
}

/*
 * Makes the gendisk show the state that rblk_disk_refresh() noted. A session alone
 * does not make it writable: readers here may have cached what is out of date by
 * now, and a file system that is mounted read-only must not become writable on top
 * of that. An open for writing drops it first. Sleeps, in uevents and the like; not
 * as owner.
 */
void rblk_disk_apply_state(struct rblk_disk *d)
{
	bool clean;

	mutex_lock(&d->state_lock);
	if (!READ_ONCE(d->dead)) {
		clean = READ_ONCE(d->clean_epoch) == READ_ONCE(d->epoch);
		set_disk_ro(d->gd, !READ_ONCE(d->writable) || !clean);
		rblk_disk_resize(d);
		rblk_disk_offer_discard(d);
		rblk_disk_tell_ready(d);
	}
	mutex_unlock(&d->state_lock);
}

/**
 * rblk_disk_unfence() - a fenced session may go, once all that wrote under it are gone
 * @v: the volume
 * @self: how many of the openers have not been let in yet
 *
 * The last close dropped the page cache.
 *
 * Context: owner.
 */
void rblk_disk_unfence(struct rblk_volume *v, int self)
{
	if (rblk_node_session(v->m) != NODE_S_FENCED || atomic_read(&v->disk->openers) > self)
		return;
	rblk_node_session_reset(v->m);
	rblk_volume_kick(v, RBLK_KICK_CTL);
	rblk_table_look_soon(v->disk);
}

static void rblk_disk_state_work(struct work_struct *work)
{
	struct rblk_disk *d = container_of(work, struct rblk_disk, state_work);
	struct rblk_volume *v = d->v;

	mutex_lock(&v->owner);
	if (!v->stopped && !READ_ONCE(d->dead)) {
		rblk_disk_unfence(v, 0);
		rblk_disk_refresh(d);
	}
	mutex_unlock(&v->owner);
	rblk_disk_apply_state(d);
}

/**
 * rblk_disk_state_changed() - session, readiness or size may have changed
 * @v: the volume
 *
 * Context: owner. A worker updates the gendisk, since that sleeps.
 */
void rblk_disk_state_changed(struct rblk_volume *v)
{
	rblk_disk_refresh(v->disk);
	if (!READ_ONCE(v->disk->dead))
		queue_work(rblk_wq, &v->disk->state_work);
}

/* ---- open and release ---- */

static void rblk_opener_gone(struct rblk_disk *d)
{
	if (!atomic_dec_and_test(&d->openers))
		return;
	rblk_volume_kick(d->v, RBLK_KICK_CTL);	/* the session may be given up now */
	if (READ_ONCE(d->table_foreign))
		rblk_table_look(d);
	if (READ_ONCE(d->fenced) && !READ_ONCE(d->dead))
		queue_work(rblk_wq, &d->state_work);
}

/*
 * Deletes a disk that neither the volume nor an opener uses any more. The block layer
 * sets the size of a deleted disk to 0, and a program that copies it would take the end
 * of that for the end of the device: so it is not deleted before the last close.
 */
static void rblk_disk_delete(struct rblk_disk *d)
{
	del_gendisk(d->gd);
	/*
	 * Queued by a release that saw the disk alive. No other can come, since
	 * del_gendisk() has held open_mutex.
	 */
	cancel_work_sync(&d->state_work);
	cancel_delayed_work_sync(&d->table_work);
	put_disk(d->gd);
}

static void rblk_disk_delete_work(struct work_struct *work)
{
	rblk_disk_delete(container_of(work, struct rblk_disk, delete_work));
}

/* Within ->open() or ->release(), which hold open_mutex: del_gendisk() would wait for it. */
static void rblk_disk_unuse(struct rblk_disk *d)
{
	rblk_opener_gone(d);
	if (refcount_dec_and_test(&d->users))
		queue_work(rblk_life_wq, &d->delete_work);
}

static int rblk_disk_open(struct gendisk *gd, blk_mode_t mode)
{
	struct rblk_disk *d = gd->private_data;
	int ret = 0;

	if (!refcount_inc_not_zero(&d->users))
		return -ENXIO;
	atomic_inc(&d->openers);
	smp_mb__after_atomic();		/* pairs with rblk_disk_set_closing() */
	if (READ_ONCE(d->closing))
		ret = -ENXIO;
	else if (READ_ONCE(d->fenced) && atomic_read(&d->openers) > 1)
		ret = -ESTALE;
	else if (mode & BLK_OPEN_WRITE)
		ret = rblk_open_session(d);
	else if (!get_capacity(gd) && !(mode & BLK_OPEN_NDELAY))
		ret = -ENXIO;	/* nothing to read would be taken for an empty device */
	else if (READ_ONCE(d->fenced))
		ret = rblk_open_unfence(d);
	if (ret)
		rblk_disk_unuse(d);
	return ret;
}

/* The session is kept, since udev and mount open and close the device in bursts. */
static void rblk_disk_release(struct gendisk *gd)
{
	rblk_disk_unuse(gd->private_data);
}

RBLK_COMPAT_OPEN(rblk_fops_open, rblk_disk_open)
RBLK_COMPAT_RELEASE(rblk_fops_release, rblk_disk_release)

/* ---- life ---- */

static void rblk_disk_free(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;

	blk_mq_free_tag_set(&d->set);
	rblk_reads_free(d);
	ida_free(&rblk_minors, d->minor);
	kvfree(d);
	rblk_volume_put(v);
	if (atomic_dec_and_test(&rblk_disks))
		wake_up_var(&rblk_disks);
}

static void rblk_fops_free(struct gendisk *gd)
{
	rblk_disk_free(gd->private_data);
}

static const struct block_device_operations rblk_fops = {
	.owner		= THIS_MODULE,
	.open		= rblk_fops_open,
	.release	= rblk_fops_release,
	.free_disk	= rblk_fops_free,
};

static int rblk_disk_alloc_gendisk(struct rblk_disk *d)
{
	u32 align = rblk_volume_diskless(d->v) ? 0 :
		    bdev_dma_alignment(rblk_dataio_lower(d->v)->bdev);
	struct queue_limits lim = {
		.logical_block_size = d->v->super.block_size,
		.physical_block_size = RBLK_BLOCK_SIZE,
		.io_min = RBLK_BLOCK_SIZE,
		.max_hw_sectors = RBLK_WRITE_MAX >> SECTOR_SHIFT,
		.max_segments = RBLK_SEGMENTS,
		.max_write_zeroes_sectors = RBLK_ZERO_SECTORS_MAX,
		.discard_granularity = RBLK_BLOCK_SIZE,
		.dma_alignment = max_t(u32, align, SECTOR_SIZE - 1),
	};
	struct gendisk *gd = blk_mq_alloc_disk(&d->set, &lim, d);

	if (IS_ERR(gd))
		return PTR_ERR(gd);
	d->gd = gd;
	gd->major = rblk_major;
	gd->first_minor = d->minor;
	gd->minors = 1;
	gd->fops = &rblk_fops;
	gd->private_data = d;
	snprintf(gd->disk_name, sizeof(gd->disk_name), RBLK_NAME "%d", d->minor);
	set_capacity(gd, 0);
	set_disk_ro(gd, true);
	return 0;
}

static struct rblk_disk *rblk_disk_alloc(struct rblk_volume *v, int minor)
{
	struct rblk_disk *d = kvzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return ERR_PTR(-ENOMEM);
	d->minor = minor < 0 ? ida_alloc_max(&rblk_minors, MINORMASK, GFP_KERNEL) :
		   ida_alloc_range(&rblk_minors, minor, minor, GFP_KERNEL);
	if (d->minor < 0) {
		minor = d->minor;
		kvfree(d);
		return ERR_PTR(minor == -ENOSPC ? -EEXIST : minor);
	}
	init_llist_head(&d->submit);
	INIT_LIST_HEAD(&d->writes);
	INIT_LIST_HEAD(&d->reads);
	mutex_init(&d->state_lock);
	init_waitqueue_head(&d->open_wait);
	INIT_WORK(&d->state_work, rblk_disk_state_work);
	INIT_WORK(&d->limits_work, rblk_disk_limits_work);
	INIT_WORK(&d->delete_work, rblk_disk_delete_work);
	rblk_table_init(d);
	refcount_set(&d->users, 1);
	return d;
}

/**
 * rblk_disk_create() - make the gendisk, of capacity 0 and not visible yet
 * @v: the volume, its devices open and its node started
 * @minor: the minor; -1: the first free one
 *
 * Context: process; sleeps.
 * Return: 0, -EEXIST (the minor is taken) or -errno.
 */
int rblk_disk_create(struct rblk_volume *v, int minor)
{
	struct rblk_disk *d = rblk_disk_alloc(v, minor);
	int ret;

	if (IS_ERR(d))
		return PTR_ERR(d);
	ret = rblk_reads_alloc(d);
	if (ret)
		goto err_minor;
	d->set.ops = &rblk_mq_ops;
	d->set.nr_hw_queues = nr_cpu_ids;
	d->set.queue_depth = RBLK_TAGS;
	d->set.numa_node = NUMA_NO_NODE;
	d->set.cmd_size = sizeof(struct rblk_req);
	/* Stacking: a CPU that goes offline must not wait for requests that wait for a quorum. */
	d->set.flags = BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_TAG_HCTX_SHARED |
		       BLK_MQ_F_NO_SCHED_BY_DEFAULT | BLK_MQ_F_STACKING;
	ret = blk_mq_alloc_tag_set(&d->set);
	if (ret)
		goto err_minor;
	d->v = v;
	ret = rblk_disk_alloc_gendisk(d);
	if (ret)
		goto err_set;
	rblk_volume_get(v);
	atomic_inc(&rblk_disks);
	v->disk = d;
	WRITE_ONCE(v->minor, d->minor);
	return 0;

err_set:
	blk_mq_free_tag_set(&d->set);
err_minor:
	rblk_reads_free(d);
	ida_free(&rblk_minors, d->minor);
	kvfree(d);
	return ret;
}

/**
 * rblk_disk_add() - make the disk visible
 * @v: the volume
 *
 * A member's disk has its size by then, if the volume was bootstrapped. Nothing is read
 * from it meanwhile, since it may not be served yet.
 *
 * Context: process; sleeps; not as owner.
 * Return: 0 or -errno.
 */
int rblk_disk_add(struct rblk_volume *v)
{
	struct rblk_disk *d = v->disk;
	int ret;

	mutex_lock(&v->owner);
	rblk_disk_refresh(d);
	mutex_unlock(&v->owner);
	rblk_disk_apply_state(d);
	/* Before the disk is visible nothing delays that, but other work of its queue may. */
	cancel_work_sync(&d->limits_work);
	rblk_disk_limits_work(&d->limits_work);
	set_bit(GD_SUPPRESS_PART_SCAN, &d->gd->state);
	ret = device_add_disk(NULL, d->gd, rblk_disk_groups);
	if (ret)
		return ret;
	if (!rblk_volume_diskless(v))	/* else see table.c */
		clear_bit(GD_SUPPRESS_PART_SCAN, &d->gd->state);
	d->added = true;
	if (READ_ONCE(d->ready))
		rblk_table_look(d);
	if (!rblk_volume_diskless(v))
		rblk_disk_link(v);
	return 0;
}

/**
 * rblk_disk_suits() - can requests to the disk be read from a data device as they are?
 * @v: the volume, with its disk; its data device is open
 *
 * Context: any.
 * Return: true if the memory of every request is aligned as the device needs it.
 */
bool rblk_disk_suits(const struct rblk_volume *v)
{
	return bdev_dma_alignment(rblk_dataio_lower(v)->bdev) <=
	       queue_dma_alignment(v->disk->gd->queue);
}

/**
 * rblk_disk_set_closing() - let no open succeed from now on
 * @v: the volume
 * @force: even if the disk is open
 *
 * Context: process.
 * Return: 0; -EBUSY: it is open, and nothing changed.
 */
int rblk_disk_set_closing(struct rblk_volume *v, bool force)
{
	struct rblk_disk *d = v->disk;

	if (!force && atomic_read(&d->openers))
		return -EBUSY;	/* openers that come meanwhile are not disturbed */
	WRITE_ONCE(d->closing, true);
	smp_mb();	/* pairs with rblk_disk_open(): flag before count, there after it */
	if (!force && atomic_read(&d->openers)) {
		WRITE_ONCE(d->closing, false);
		return -EBUSY;
	}
	return 0;
}

/**
 * rblk_disk_fail_new() - let requests fail from now on
 * @v: the volume
 *
 * When it returns, no queue_rq is running that would still let a request through,
 * so that rblk_disk_abort() and rblk_node_stop() end all of them afterwards.
 *
 * Context: process; sleeps; not as owner.
 */
void rblk_disk_fail_new(struct rblk_volume *v)
{
	struct rblk_disk *d = v->disk;

	WRITE_ONCE(d->closing, true);
	mutex_lock(&d->state_lock);	/* no rblk_disk_apply_state() is running after this */
	WRITE_ONCE(d->dead, true);
	mutex_unlock(&d->state_lock);
	blk_mq_quiesce_queue(d->gd->queue);
	blk_mq_unquiesce_queue(d->gd->queue);
}

/* Tells what uses the disk or a partition. It may take a while, so no lock is held. */
static void rblk_disk_mark_dead(struct gendisk *gd)
{
	struct block_device *bdev;
	unsigned long partno;

	rcu_read_lock();
	xa_for_each(&gd->part_tbl, partno, bdev) {
		if (!kobject_get_unless_zero(&bdev->bd_device.kobj))
			continue;
		rcu_read_unlock();
		bdev_mark_dead(bdev, true);
		put_device(&bdev->bd_device);
		rcu_read_lock();
	}
	rcu_read_unlock();
}

/**
 * rblk_disk_put() - let go of the disk, which is deleted now or after its last close
 * @v: the volume, which is going down; every request has ended
 *
 * Context: process; not as owner. Without openers it sleeps until opens and syncs in
 * progress have ended.
 */
void rblk_disk_put(struct rblk_volume *v)
{
	struct rblk_disk *d = v->disk;

	cancel_work_sync(&d->state_work);
	cancel_work_sync(&d->limits_work);
	cancel_delayed_work_sync(&d->table_work);
	v->disk = NULL;
	WRITE_ONCE(v->minor, -1);
	if (!d->added) {
		put_disk(d->gd);
		rblk_disk_free(d);	/* ->free_disk() is only for disks that were added */
		return;
	}
	/* Those of a lost replica may be closed. */
	if (v->logio)
		rblk_lower_unlink(rblk_logio_lower(v));
	if (v->dataio)
		rblk_lower_unlink(rblk_dataio_lower(v));
	if (atomic_read(&d->openers))
		rblk_disk_mark_dead(d->gd);
	if (refcount_dec_and_test(&d->users))
		rblk_disk_delete(d);
}

/**
 * rblk_disk_openers() - count the openers of the disk
 * @v: the volume
 *
 * Context: any.
 * Return: their number.
 */
u64 rblk_disk_openers(const struct rblk_volume *v)
{
	return v->disk ? atomic_read(&v->disk->openers) : 0;
}

/**
 * rblk_disk_info() - fill in the disk's part of a status
 * @v: the volume
 * @info: filled in part
 *
 * Context: owner.
 */
void rblk_disk_info(struct rblk_volume *v, struct rblk_volume_info *info)
{
	info->sectors = get_capacity(v->disk->gd);
	info->openers = atomic_read(&v->disk->openers);
	info->inflight = atomic_read(&v->disk->inflight);
}

/**
 * rblk_disk_is_ours() - is this a raftblk device?
 * @dev: device number; not that of a partition
 *
 * Context: any.
 * Return: true if it is.
 */
bool rblk_disk_is_ours(dev_t dev)
{
	return MAJOR(dev) == rblk_major;
}

/**
 * rblk_disk_init() - register the major number
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_disk_init(void)
{
	rblk_major = register_blkdev(0, RBLK_NAME);
	return rblk_major < 0 ? rblk_major : 0;
}

/**
 * rblk_disk_exit() - wait for the last gendisk, and unregister
 *
 * Context: process; sleeps.
 */
void rblk_disk_exit(void)
{
	wait_var_event(&rblk_disks, !atomic_read(&rblk_disks));
	/* Whoever freed the last one may still be on its way out of rblk_disk_free(). */
	synchronize_rcu_tasks();
	unregister_blkdev(rblk_major, RBLK_NAME);
	ida_destroy(&rblk_minors);
}
