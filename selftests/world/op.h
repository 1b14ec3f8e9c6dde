/* SPDX-License-Identifier: GPL-2.0 */
/* op.c: requests of users, and what they put into sectors. Included by world.h. */
#ifndef WORLD_OP_H
#define WORLD_OP_H

enum op_kind { OP_WRITE, OP_ZEROES, OP_READ, OP_OPEN, OP_CLOSE };

struct op {
	struct op *next;
	u64 id;
	enum op_kind kind;
	u8 node;
	u32 inc;
	bool accepted, done, lost, gave_up;
	bool away;		/* the own data device failed to read it */
	bool served;		/* a leader reads for a client without disks */
	int error;
	u64 sector;
	u32 nsect;
	u64 t0, t1;
	u64 turn;		/* accepted, or the first that waits, since then; NEVER: it is behind */
	u64 faults0;		/* world.read_faults at t0 */
	u64 order;		/* in which the node took it */
	u64 floor;		/* newest index completed before it began */
	u64 index;		/* where it took effect; 0: not (yet) */
	u64 epoch, seq;		/* its place in its session */
	struct op *same;	/* next in its hash bucket */
	u32 flags;		/* OPEN: NODE_OPEN_* */
	u64 deadline;		/* OPEN: until when it waits */
	bool keep;		/* CLOSE: only the device; the session stays */
	struct sbuf *buf;	/* until accepted */
	u32 *crc, nblocks;
	/* reads */
	u64 *seen;		/* per sector, the oldest version allowed */
	struct sref *from;	/* per sector, what was read */
	u32 parts, ranges, kinds;
	bool issued;
	int part_error;
};

#define OPS_WAITING	48	/* in a queue: more are not taken */

struct waitq {
	struct op *first, **tail;
	u32 n;
};

void op_init(void);
struct op *op_get(u64 token);
struct op *op_at(u64 epoch, u64 seq);	/* NULL: no write has this place */
void op_placed(struct node *n, u64 seq, u64 token);
/*
 * A new request, submitted at once or, when the node refuses it for now, queued
 * behind those that wait; NULL: too many wait. The caller calls node_after().
 */
struct op *op_submit(struct node *n, enum op_kind kind, u64 sector, u32 nsect);
struct op *op_again(struct node *n, struct op *op);	/* of an earlier start: by its old name */
/* @wait: ns, for how long it is asked for; @flags: NODE_OPEN_* */
struct op *op_open(struct node *n, u32 flags, u64 wait);
struct op *op_close(struct node *n, bool keep);
void op_use(struct node *n);	/* the node is told whether its device is open */
void op_cancel(struct node *n, struct op *op);	/* the opener does not wait any longer */
void op_reset(struct node *n);		/* all openers of a fenced session are gone */
struct op *op_serve(struct node *n, bool pull, u32 nblocks, u64 sector, u32 nsect);
bool op_retry(struct node *n);		/* true: something was accepted */
void op_complete(struct node *n, u64 token, int error);
void op_drop_waiting(struct node *n);
void op_forget_waiting(struct node *n);
void op_hung(void);		/* traces what hangs */
u64 op_count(void);		/* so many were there in this run */
struct op *op_oldest(const struct node *n);	/* whose turn it has been for longest; NULL */
void op_lost(struct node *n);		/* its requests will never be answered */
void op_take(struct op *op, u32 i, struct sref from);	/* it read this as its @i-th sector */

#endif /* WORLD_OP_H */
