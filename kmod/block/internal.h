/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of block/ share: disk.c (the gendisk and its life), open.c (the
 * session for who opens it), request.c and read.c (what goes through its queue).
 */
#ifndef RBLK_BLOCK_INTERNAL_H
#define RBLK_BLOCK_INTERNAL_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>

#include "block/block.h"
#include "host/pool.h"
#include "store/lower.h"
#include "store/store.h"

#define RBLK_SEGMENTS		64	/* of a request, at most */
#define RBLK_READ_BIOS		256	/* on the data device at once */
#define RBLK_OPEN_WAIT_MS		5000

/* Tokens: what the node calls a request by. Never 0, below RBLK_TOKEN_OPEN. */
#define RBLK_TOKEN_TAG_BITS	16

struct rblk_part {			/* of a read: a range of the data device */
	u64 sector;
	u32 off;			/* bytes into the request */
	u32 nsect;
};

/*
 * A request, in the pdu. @hold: one for the request itself, until rblk_req_end();
 * one for a round of reading, from its first part until the loop has told the
 * member. The block layer gets the request back when both are gone, so no bio
 * ever reads into pages that were returned.
 *
 * A read for another node has no request of the block layer: it reads
 * into @payload, and goes back to the disk's free list.
 */
struct rblk_req {
	struct llist_node node;		/* rblk_disk.submit */
	struct list_head entry; /* rblk_disk.writes, .reads, .starved or .serve_free; owner */
	struct rblk_disk *disk;
	struct rblk_payload *payload;	/* of a write, until the member has it; of a served read */
	bool served;
	u16 tag;
	u64 sector;			/* of a served read */
	u64 token;
	u64 epoch;			/* session when it was queued */
	u64 deadline;			/* ns; U64_MAX: none */
	atomic_t hold;
	int error;			/* how it ends */
	/* Round of a read; owner, but for @parts and @read_error. */
	struct rblk_done done;
	u64 read_token;
	atomic_t parts;			/* bios in flight, and one while they are being started */
	int read_error;
	bool round;
	u32 npart, next;
	struct rblk_part part[NODE_SEGS_MAX];
};

struct rblk_tag {			/* of a tag: who has it now */
	u64 token;			/* 0: ended, or nobody */
	struct rblk_req *req;
};

struct rblk_read_bio {
	struct bio bio;
	struct rblk_req *req;
	struct rblk_disk *disk;
	struct bio_vec vec[RBLK_SEGMENTS];
};

/* A read that ended before the member answered it (io-timeout): the member is told all the same. */
struct rblk_stale {
	struct rblk_done done;
	u64 token;			/* 0: free */
};

struct rblk_disk {
	struct rblk_volume *v;		/* referenced, until the gendisk is freed */
	struct gendisk *gd;
	struct blk_mq_tag_set set;
	int minor;
	bool added;

	/* Submitters and the loop. */
	struct llist_head submit;
	u64 gen;			/* of tokens: 46 bits of it, which last for years */
	bool dead;			/* new IO fails */
	bool starved_pages;		/* a write found no page: rerun the queues */
	u64 epoch;			/* of the session this node holds; 0: none */

	/* Owner. */
	struct list_head writes, reads;	/* in order of submission, not taken by the member yet */
	struct list_head starved;	/* reads with parts that found no bio */
	struct rblk_tag tag[RBLK_TAGS + RBLK_SERVES];
	struct rblk_req *serves;
	struct list_head serve_free;
	struct rblk_stale stale[RBLK_TAGS + RBLK_SERVES];
	atomic_t inflight;

	/* Bios for reads: irq-safe lock, innermost. */
	spinlock_t bio_lock;
	struct rblk_read_bio *bios;
	struct rblk_read_bio *bio_free[RBLK_READ_BIOS];
	u32 nbio_free;
	bool starved_bios;		/* kick when one comes back */

	/* Opens. */
	atomic_t openers;
	bool closing;
	bool fenced;
	u64 open_token;			/* owner; 0: no open waits */
	int open_result;		/* owner; -EINPROGRESS: not yet */
	u32 open_gen;			/* owner */
	bool open_stopped;		/* nobody waits for @open_token */
	u64 clean_epoch;		/* under open_mutex: nothing older than it is cached */

	/* What the gendisk should look like; applied under @state_lock, never as owner. */
	struct mutex state_lock;
	struct work_struct state_work;
	u64 sectors;
	bool writable;
};

/* request.c, read.c */
struct rblk_req *rblk_req_find(struct rblk_disk *d, u64 token);	/* owner */
void rblk_req_drop(struct rblk_req *rr);
int rblk_serves_alloc(struct rblk_disk *d);
int rblk_reads_alloc(struct rblk_disk *d);
void rblk_reads_free(struct rblk_disk *d);
void rblk_reads_starved(struct rblk_disk *d);
void rblk_reads_abort(struct rblk_disk *d);

/* disk.c, open.c */
void rblk_disk_refresh(struct rblk_disk *d);		/* owner */
void rblk_disk_apply_state(struct rblk_disk *d);	/* sleeps; not as owner */
void rblk_disk_open_done(struct rblk_disk *d, u64 token, int error);	/* owner */
void rblk_disk_open_cancel(struct rblk_disk *d);	/* owner */
int rblk_open_session(struct rblk_disk *d);
extern const struct blk_mq_ops rblk_mq_ops;
extern const struct attribute_group *rblk_disk_groups[];	/* sysfs.c */

#endif /* RBLK_BLOCK_INTERNAL_H */
