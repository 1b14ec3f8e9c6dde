/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the files of block/: disk.c (the gendisk and its life), open.c (getting
 * the session when it is opened), table.c (partitions), request.c and read.c (requests
 * in its queue).
 */
#ifndef RBLK_BLOCK_INTERNAL_H
#define RBLK_BLOCK_INTERNAL_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/wait.h>

#include "block/block.h"
#include "host/pool.h"
#include "store/lower.h"
#include "store/store.h"

#define RBLK_SEGMENTS		64	/* the most that a request has */
#define RBLK_READ_BIOS		256	/* the most on the data device at once */
#define RBLK_OPEN_WAIT_MS	60000	/* the most; less than what counts as a hung task */

/* A token is the name of a request towards the node. Never 0, and below RBLK_TOKEN_OPEN. */
#define RBLK_TOKEN_TAG_BITS	16

struct rblk_part {			/* part of a read: a range of the data device */
	u64 sector;
	u32 off;			/* bytes into the request */
	u32 nsect;
};

/*
 * A request, in the pdu. @hold counts one for the request itself, until
 * rblk_req_end(), and one for a round of reading, from its first part until the
 * loop has told the node of its end. The block layer gets the request back when
 * both are gone, so no bio ever reads into pages that were returned.
 *
 * A read for another node has no request of the block layer. It reads into
 * @payload, and goes back to the disk's free list.
 */
struct rblk_req {
	struct llist_node node;		/* rblk_disk.submit */
	struct list_head entry; /* rblk_disk.writes, .reads, .starved or .serve_free; owner */
	struct rblk_disk *disk;
	struct rblk_payload *payload;	/* of a write, until the node has it; of a served read */
	bool served;
	u16 tag;
	u64 sector;			/* of a served read */
	u64 token;
	u64 epoch;			/* epoch of the session when it was queued */
	u64 deadline;			/* ns; U64_MAX: none */
	atomic_t hold;
	int error;			/* 0 or -errno to end it with */
	/* A round of a read; owner, except for @parts and @read_error. */
	struct rblk_done done;
	u64 read_token;
	atomic_t parts;			/* bios in flight, and one while bios are started */
	int read_error;
	bool round;
	u32 npart, next;
	struct rblk_part part[NODE_SEGS_MAX];
};

struct rblk_tag {			/* the request that has a tag */
	u64 token;			/* 0: none, or it has ended */
	struct rblk_req *req;
};

struct rblk_read_bio {
	struct bio bio;
	struct rblk_req *req;
	struct rblk_disk *disk;
	struct bio_vec vec[RBLK_SEGMENTS];
};

/*
 * A read that timed out before the node looked its content up (io-timeout). The
 * node is told of its end all the same.
 */
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
	refcount_t users;		/* the volume, and each that has it open */
	struct work_struct delete_work;

	/* Submitters and the loop. */
	struct llist_head submit;
	u64 gen;			/* part of the tokens; its 46 bits last for years */
	bool dead;			/* new I/O fails */
	bool starved_pages;		/* a write found no pages: rerun the queues */
	u64 epoch;			/* epoch of the session that this node holds; 0: none */

	/* Owner. */
	struct list_head writes, reads;	/* not taken by the node yet, oldest first */
	struct list_head starved;	/* reads with parts that found no bio */
	struct rblk_tag tag[RBLK_TAGS + RBLK_SERVES];
	struct rblk_req *serves;
	struct list_head serve_free;
	u32 serving;			/* of them, those in progress */
	struct rblk_stale stale[RBLK_TAGS + RBLK_SERVES];
	atomic_t inflight;

	/* Bios for reads: irq-safe lock, innermost. */
	spinlock_t bio_lock;
	struct rblk_read_bio *bios;
	struct rblk_read_bio *bio_free[RBLK_READ_BIOS];
	u32 nbio_free;
	bool starved_bios;		/* kick the loop when a bio comes back */

	/* Opens. */
	atomic_t openers;
	bool closing;
	bool fenced;
	u64 open_token;			/* owner; 0: no open waits */
	int open_result;		/* owner; -EINPROGRESS: none yet */
	wait_queue_head_t open_wait;	/* for @open_result */
	u32 open_gen;			/* owner */
	bool open_stopped;		/* the opener of @open_token has given up */
	u64 clean_epoch;		/* under open_mutex: nothing older is cached */

	/* Partitions. */
	struct delayed_work table_work;
	bool table_foreign;		/* another node may have written them */
	/* Under open_mutex: */
	bool table_known;		/* the kernel has scanned what had this digest: */
	u32 table_digest;
	u64 table_dropped;		/* when a scan last dropped partitions; ns */

	/* What the gendisk should look like; applied under @state_lock, never as owner. */
	struct mutex state_lock;
	struct work_struct state_work;
	struct work_struct limits_work;
	u64 sectors;
	u32 block_size;			/* of the volume; 0: not known yet */
	bool writable;
	bool frees;			/* all members free what is zeroed: discards are offered */
	bool frees_told;		/* the block layer offers them; for @limits_work */
	bool ready;			/* I/O is served */
	u64 ready_since;		/* owner; when @ready last changed; ns */
	bool ready_told;		/* udev knows that it is */
};

/* request.c, read.c */
struct rblk_req *rblk_req_find(struct rblk_disk *d, u64 token);
void rblk_req_drop(struct rblk_req *rr);
int rblk_serves_alloc(struct rblk_disk *d);
int rblk_reads_alloc(struct rblk_disk *d);
void rblk_reads_free(struct rblk_disk *d);
void rblk_reads_starved(struct rblk_disk *d);
void rblk_reads_abort(struct rblk_disk *d);

/* disk.c, open.c, table.c */
void rblk_disk_refresh(struct rblk_disk *d);		/* owner */
void rblk_disk_apply_state(struct rblk_disk *d);	/* sleeps; not as owner */
void rblk_disk_open_done(struct rblk_disk *d, u64 token, int error);	/* owner */
void rblk_disk_open_cancel(struct rblk_disk *d);	/* owner */
int rblk_open_session(struct rblk_disk *d);
int rblk_open_unfence(struct rblk_disk *d);
void rblk_table_init(struct rblk_disk *d);
void rblk_table_look(struct rblk_disk *d);
void rblk_table_look_soon(struct rblk_disk *d);
int rblk_table_check(struct rblk_disk *d);	/* under open_mutex */
bool rblk_table_reads(const struct bio *bio);
extern const struct blk_mq_ops rblk_mq_ops;
extern const struct attribute_group *rblk_disk_groups[];	/* sysfs.c */

#endif /* RBLK_BLOCK_INTERNAL_H */
