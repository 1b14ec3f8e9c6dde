/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The code is written for the newest kernels; what older ones lack is here and
 * nowhere else. Versions are not compared, since stable kernels and distributions
 * have much of what came later: what the preprocessor cannot see, Kbuild looks for in
 * the headers (RBLK_HAS_...). A file that needs this header includes it last, since
 * it renames some of what the kernel's headers declare. The pure rooms never see it.
 */
#ifndef RAFTBLK_COMPAT_H
#define RAFTBLK_COMPAT_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/file.h>
#include <net/genetlink.h>
#include <net/sock.h>

#ifdef RBLK_HAS_FOLIO_BATCH
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#ifndef RBLK_HAS_SOCKADDR_UNSIZED
#define sockaddr_unsized	sockaddr
#endif
#ifndef RBLK_HAS_SHOULD_MERGE
#define BLK_MQ_F_SHOULD_MERGE	0
#endif
#ifndef GENL_MCAST_CAP_NET_ADMIN
#define GENL_MCAST_CAP_NET_ADMIN	GENL_UNS_ADMIN_PERM
#endif

/*
 * The block layer changed in many steps between 6.5, which dropped FMODE_EXCL, and
 * 6.11, which brought the features of a queue. The steps between are not supported,
 * since there is no kernel with them on which raftblk could be tried.
 */
#if !defined(BLK_FEAT_STABLE_WRITES) && !defined(FMODE_EXCL)
#error "raftblk needs the block layer of Linux 6.1 to 6.4, or that of 6.11 or newer"
#endif

#ifndef BLK_FEAT_STABLE_WRITES	/* 6.1 to 6.4 */

typedef fmode_t blk_mode_t;

#define BLK_OPEN_READ		FMODE_READ
#define BLK_OPEN_WRITE		FMODE_WRITE
#define BLK_OPEN_NDELAY		FMODE_NDELAY

/* A stub: 6.1 has no holder operations, so nothing calls them. */
struct blk_holder_ops {
	void (*mark_dead)(struct block_device *bdev, bool surprise);
};

static inline void rblk_holder_unlock(struct block_device *bdev)
{
}

/* 6.1 has nobody to tell. */
static inline void bdev_mark_dead(struct block_device *bdev, bool surprise)
{
}

static inline struct address_space *rblk_bdev_mapping(struct block_device *bdev)
{
	return bdev->bd_inode->i_mapping;
}

/*
 * The "file" is the device itself. All callers open it for reading and writing,
 * and exclusively.
 */
static inline struct file *bdev_file_open_by_dev(dev_t dev, blk_mode_t mode, void *holder,
						 const struct blk_holder_ops *hops)
{
	return (struct file *)blkdev_get_by_dev(dev, mode | FMODE_EXCL, holder);
}

/* Closes the device before it returns. */
static inline void rblk_bdev_close(struct file *file)
{
	blkdev_put((struct block_device *)file, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
}

static inline struct block_device *rblk_compat_file_bdev(struct file *file)
{
	return (struct block_device *)file;
}

#define file_bdev		rblk_compat_file_bdev

/* The members of the newer struct queue_limits that this driver sets. */
struct rblk_compat_limits {
	unsigned int max_hw_sectors;
	unsigned int physical_block_size;
	unsigned int logical_block_size;
	unsigned int io_min;
	unsigned int max_write_zeroes_sectors;
	unsigned int discard_granularity;
	unsigned short max_segments;
	unsigned int dma_alignment;
};

static inline struct gendisk *
rblk_compat_alloc_disk(struct blk_mq_tag_set *set, const struct rblk_compat_limits *lim, void *data)
{
	static struct lock_class_key key;
	struct gendisk *disk = __blk_mq_alloc_disk(set, data, &key);
	struct request_queue *q;

	if (IS_ERR(disk))
		return disk;
	q = disk->queue;
	blk_queue_logical_block_size(q, lim->logical_block_size);
	blk_queue_physical_block_size(q, lim->physical_block_size);
	blk_queue_io_min(q, lim->io_min);
	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_dma_alignment(q, lim->dma_alignment);
	blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
	q->limits.discard_granularity = lim->discard_granularity;
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	return disk;
}

static inline void rblk_limit_discard(struct gendisk *disk, unsigned int sectors)
{
	blk_queue_max_discard_sectors(disk->queue, sectors);
}

static inline void rblk_limit_block(struct gendisk *disk, unsigned int bytes)
{
	blk_queue_logical_block_size(disk->queue, bytes);
}

#define queue_limits			rblk_compat_limits
#undef blk_mq_alloc_disk
#define blk_mq_alloc_disk		rblk_compat_alloc_disk

/* The functions of struct block_device_operations had other parameters. */
#define RBLK_COMPAT_OPEN(name, fn)						\
static int name(struct block_device *bdev, fmode_t mode)			\
{										\
	return fn(bdev->bd_disk, mode);						\
}
#define RBLK_COMPAT_RELEASE(name, fn)						\
static void name(struct gendisk *disk, fmode_t mode)				\
{										\
	fn(disk);								\
}

#else /* 6.11 and newer */

static inline void rblk_holder_unlock(struct block_device *bdev)
{
	mutex_unlock(&bdev->bd_holder_lock);
}

static inline struct address_space *rblk_bdev_mapping(struct block_device *bdev)
{
	return bdev->bd_mapping;
}

/* Closes the device before it returns. In a worker, bdev_fput() would leave that to another one. */
static inline void rblk_bdev_close(struct file *file)
{
	__fput_sync(file);
}

/*
 * The queue is not frozen for it, since requests may wait for a quorum: nothing else
 * changes, and a discard that comes meanwhile is served under both limits.
 */
static inline void rblk_limit_discard(struct gendisk *disk, unsigned int sectors)
{
	struct queue_limits lim = queue_limits_start_update(disk->queue);

	lim.max_hw_discard_sectors = sectors;
	queue_limits_commit_update(disk->queue, &lim);
}

static inline void rblk_limit_block(struct gendisk *disk, unsigned int bytes)
{
	struct queue_limits lim = queue_limits_start_update(disk->queue);

	lim.logical_block_size = bytes;
	queue_limits_commit_update(disk->queue, &lim);
}

#define RBLK_COMPAT_OPEN(name, fn)						\
static int name(struct gendisk *disk, blk_mode_t mode)				\
{										\
	return fn(disk, mode);							\
}
#define RBLK_COMPAT_RELEASE(name, fn)						\
static void name(struct gendisk *disk)						\
{										\
	fn(disk);								\
}

#endif

/* Makes a socket hold its network namespace. */
static inline void rblk_sk_hold_net(struct sock *sk)
{
#ifdef RBLK_HAS_NET_UPGRADE
	sk_net_refcnt_upgrade(sk);
#else
	struct net *net = sock_net(sk);

	sk->sk_net_refcnt = 1;
	get_net_track(net, &sk->ns_tracker, GFP_NOIO);
	sock_inuse_add(net, 1);
#endif
}

/*
 * The fragment of pages from which a socket sends must not be that of the task, which
 * may be using it for something else when memory is reclaimed. Where this cannot be
 * chosen, GFP_NOIO in sk_allocation does the same.
 */
static inline void rblk_sk_own_frag(struct sock *sk)
{
#ifdef RBLK_HAS_TASK_FRAG
	sk->sk_use_task_frag = false;
#endif
}

#endif /* RAFTBLK_COMPAT_H */
