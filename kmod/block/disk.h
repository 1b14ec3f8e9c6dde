/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between disk.c (the gendisk: opens, capacity, life) and request.c (what goes
 * through its queue).
 */
#ifndef RAFTBLK_DISK_H
#define RAFTBLK_DISK_H

#include "host/host.h"

#define RB_TAGS			128	/* requests at once, over all hardware queues */
#define RB_SEGMENTS		64	/* of a request, at most */
#define RB_READ_BIOS		256	/* on the data device at once */
#define RB_SERVES		64	/* reads for other nodes at once */
#define RB_OPEN_WAIT_MS		5000

/* Tokens: what the member calls a request by. Never 0, never U64_MAX. */
#define RB_TOKEN_TAG_BITS	16
#define RB_TOKEN_OPEN		BIT_ULL(62)

struct rb_part {			/* of a read: a range of the data device */
	u64 sector;
	u32 off;			/* bytes into the request */
	u32 nsect;
};

/*
 * A request, in the pdu. @hold: one for the request itself, until rb_req_end();
 * one for a round of reading, from its first part until the loop has told the
 * member. The block layer gets the request back when both are gone, so no bio
 * ever reads into pages that were returned.
 *
 * A read for another node has no request of the block layer: it reads
 * into @payload, and goes back to the disk's free list.
 */
struct rb_req {
	struct llist_node node;		/* rb_disk.submit */
	struct list_head entry;		/* rb_disk.writes, .reads, .starved or .serve_free; owner */
	struct rb_disk *disk;
	struct rb_payload *payload;	/* of a write, until the member has it; of a served read */
	bool served;
	u16 tag;
	u64 sector;			/* of a served read */
	u64 token;
	u64 epoch;			/* session when it was queued */
	u64 deadline;			/* ns; U64_MAX: none */
	atomic_t hold;
	int error;			/* how it ends */
	/* Round of a read; owner, but for @parts and @read_error. */
	struct rb_done done;
	u64 read_token;
	atomic_t parts;			/* bios in flight, and one while they are being started */
	int read_error;
	bool round;
	u32 npart, next;
	struct rb_part part[MEMBER_SEGS_MAX];
};

struct rb_slot {			/* of a tag: who has it now */
	u64 token;			/* 0: ended, or nobody */
	struct rb_req *req;
};

struct rb_read_bio {
	struct bio bio;
	struct rb_req *req;
	struct rb_disk *disk;
	struct bio_vec vec[RB_SEGMENTS];
};

/* A read that ended before the member answered it (io-timeout): the member is told all the same. */
struct rb_stale {
	struct rb_done done;
	u64 token;			/* 0: free */
};

struct rb_disk {
	struct rb_volume *v;		/* referenced, until the gendisk is freed */
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
	struct rb_slot slot[RB_TAGS + RB_SERVES];
	struct rb_req *serves;
	struct list_head serve_free;
	struct rb_stale stale[RB_TAGS + RB_SERVES];
	atomic_t inflight;

	/* Bios for reads: irq-safe lock, innermost. */
	spinlock_t bio_lock;
	struct rb_read_bio *bios;
	struct rb_read_bio *bio_free[RB_READ_BIOS];
	u32 nbio_free;
	bool starved_bios;		/* kick when one comes back */

	/* Opens. */
	atomic_t openers;
	bool door_closed;
	bool fenced;
	u64 open_token;			/* owner; 0: no open waits */
	int open_result;		/* owner; 1: not yet */
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
struct rb_req *rb_req_find(struct rb_disk *d, u64 token);	/* owner */
void rb_req_drop(struct rb_req *rr);
int rb_serves_alloc(struct rb_disk *d);
int rb_reads_alloc(struct rb_disk *d);
void rb_reads_free(struct rb_disk *d);
void rb_reads_starved(struct rb_disk *d);
void rb_reads_abort(struct rb_disk *d);

/* disk.c, open.c */
void rb_disk_refresh(struct rb_disk *d);		/* owner */
void rb_disk_apply_state(struct rb_disk *d);		/* sleeps; not as owner */
void rb_disk_open_done(struct rb_disk *d, u64 token, int error);	/* owner */
void rb_disk_open_cancel(struct rb_disk *d);		/* owner */
int rb_open_session(struct rb_disk *d);
extern const struct blk_mq_ops rb_mq_ops;
extern const struct attribute_group *rb_disk_groups[];	/* sysfs.c */

#endif /* RAFTBLK_DISK_H */
