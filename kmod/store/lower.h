/* SPDX-License-Identifier: GPL-2.0 */
/* A device that a volume stores on: opened exclusively, and never by a file system. */
#ifndef RBLK_STORE_LOWER_H
#define RBLK_STORE_LOWER_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/refcount.h>

#include "host/pool.h"
#include "host/volume.h"

struct rblk_lower {
	struct rblk_volume *v;
	struct file *file;
	struct block_device *bdev;
	refcount_t busy;		/* operations in flight, and one until rblk_lower_wait() */
	struct completion idle;
	bool waited;
	bool failed;			/* it is gone: the loop halts the node */
};

/* An operation of one or more bios on a lower device; embedded in what is preallocated. */
struct rblk_io {
	struct rblk_done done;		/* queued when the last bio ended */
	struct rblk_volume *v;
	struct rblk_lower *lower;
	atomic_t bios;
	int error;			/* -errno, the first one */
	u32 nheld;
	struct rblk_payload **held;	/* put when the last bio ended */
};

int rblk_lower_open(struct rblk_volume *v, struct rblk_lower *l, dev_t dev, const char *what,
		    const char *path, char *err);
void rblk_lower_wait(struct rblk_lower *l);
void rblk_lower_close(struct rblk_lower *l);
void rblk_lower_begin(struct rblk_lower *l);
void rblk_lower_end(struct rblk_lower *l);
int rblk_lower_read(struct rblk_lower *l, u64 off, void *buf, u32 len);	/* sleeps */
/* Any context: nothing will come of this device any more. */
void rblk_lower_fail(struct rblk_lower *l);
void rblk_io_init(struct rblk_io *io, struct rblk_volume *v, struct rblk_lower *lower,
		  void (*run)(struct rblk_volume *v, struct rblk_done *done, u64 now));
void rblk_io_hold(struct rblk_io *io, struct rblk_buf *buf);
/* Submits @bio[0..n), which end in @io. Under the owner's lock. */
void rblk_io_submit(struct rblk_io *io, struct bio *bio, u32 n);
struct page *rblk_addr_page(const void *addr);	/* lowmem or vmalloc */

#endif /* RBLK_STORE_LOWER_H */
