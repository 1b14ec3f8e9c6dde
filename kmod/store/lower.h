/* SPDX-License-Identifier: GPL-2.0 */
/* A backing device of a volume, opened exclusively. */
#ifndef RBLK_STORE_LOWER_H
#define RBLK_STORE_LOWER_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/refcount.h>

#include "host/pool.h"
#include "host/volume.h"

/* A thread that submits bios of one direction to a device, and waits there for room. */
struct rblk_lane {
	spinlock_t lock;		/* irq-safe, innermost */
	struct bio_list bios;
	bool busy;			/* bios are in the list, or being submitted */
	wait_queue_head_t wait;
	struct task_struct *thread;
};

struct rblk_lower {
	struct rblk_volume *v;
	struct file *file;
	struct block_device *bdev;
	struct rblk_lane lane[2];	/* READ, WRITE */
	bool nowait;			/* submitting with REQ_NOWAIT never sleeps */
	refcount_t busy;		/* operations, and one until rblk_lower_wait() */
	struct completion idle;
	struct gendisk *linked;		/* the disk that sysfs says it is used by */
	bool waited;
	bool failed;			/* the device is gone: the loop halts the node */
};

/*
 * An operation of one or more bios on a backing device; embedded in a preallocated
 * structure.
 */
struct rblk_io {
	struct rblk_done done;		/* queued when the last bio has ended */
	struct rblk_volume *v;
	struct rblk_lower *lower;
	atomic_t bios;
	int error;			/* -errno of the first bio that failed */
	u32 nheld;
	struct rblk_payload **held;	/* payloads to put when the last bio has ended */
};

int rblk_lower_open(struct rblk_volume *v, struct rblk_lower *l, dev_t dev, const char *what,
		    const char *path, char *err);
int rblk_lower_start(struct rblk_lower *l, const char *what);
void rblk_lower_wait(struct rblk_lower *l);
void rblk_lower_close(struct rblk_lower *l);
bool rblk_lower_failed(const struct rblk_lower *l);
void rblk_lower_link(struct rblk_lower *l, struct gendisk *disk);
void rblk_lower_unlink(struct rblk_lower *l);
void rblk_lower_begin(struct rblk_lower *l);
void rblk_lower_end(struct rblk_lower *l);
void rblk_lower_submit(struct rblk_lower *l, struct bio_list *bios);
bool rblk_lower_again(struct rblk_lower *l, struct bio *bio);
int rblk_lower_read(struct rblk_lower *l, u64 off, void *buf, u32 len);
void rblk_lower_fail(struct rblk_lower *l);
void rblk_io_init(struct rblk_io *io, struct rblk_volume *v, struct rblk_lower *lower,
		  void (*run)(struct rblk_volume *v, struct rblk_done *done, u64 now));
void rblk_io_hold(struct rblk_io *io, struct rblk_buf *buf);
void rblk_io_submit(struct rblk_io *io, struct bio *bio, u32 n);
struct page *rblk_addr_page(const void *addr);

#endif /* RBLK_STORE_LOWER_H */
