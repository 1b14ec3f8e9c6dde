/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The deterministic simulator: what users and fate do to a world, drawn from a
 * seed. See Documentation/simulator.rst.
 */
#ifndef SIM_H
#define SIM_H

#include "world.h"

/* ---- cfg.c: what is drawn for a seed, besides world.cfg ---- */

struct sim_cfg {
	bool vary;			/* nodes have different limits, none above world.cfg's */
	bool vary_log;			/* ... and logs of different sizes, none below */
	bool vary_regions;		/* ... and regions of different sizes */
	u64 duration;			/* of the phase with faults, ns */
	/* network */
	u64 reset_mean, partition_mean, partition_len, narrow_mean, narrow_len;
	/* disks */
	u64 slow_mean, slow_len;
	bool slow_data;			/* only data devices get slow */
	u64 rot_mean;
	/* nodes */
	u64 crash_mean, blackout_mean, down_len, pause_mean, pause_len;
	u32 copy_loss;			/* percent of starts before which a copy is damaged */
	u32 data_loss;			/* ... the data device is set back, or replaced */
	u32 clean_stop;			/* percent of stops that are orderly */
	u64 transfer_mean, checkpoint_mean;
	u64 verify_mean;		/* how often somebody has the copies compared */
	u64 unread_mean;		/* how often a page of an image becomes unreadable */
	u64 image_mean, back_mean;	/* how often a store is copied, and set back */
	/* users */
	u64 op_mean;
	u32 burst, depth, w_write, w_zero, w_read, w_open, w_close, stray, force;
	u32 give_up;			/* percent of writes whose user does not wait forever */
	u64 patience;			/* how long it waits */
	u64 calm_mean;			/* how often nothing new goes wrong for a while */
	u64 away_mean, stay_mean;	/* users take turns; 0: they do not */
	u32 size_max;			/* most sectors of a write */
	u32 hot;			/* sectors of the range that is used most; 0: none */
};

void cfg_draw(void);
void cfg_vary(struct node *n);
void cfg_print(void);

/* ---- user.c: who opens, writes and reads ---- */

void user_tick(struct event *e);
/* As op_submit(), and draws what this user does later. */
struct op *user_submit(struct node *n, enum op_kind kind, u64 sector, u32 nsect);
void user_accepted(struct node *n, struct op *op);
void user_session(struct node *n);	/* reset a fenced session once nothing is in flight */

/* ---- cost.c: what is sent for what is written, while nothing goes wrong ---- */

void cost_draw(void);
void cost_run(void);
void cost_print(void);

/* ---- fair.c, fault.c, final.c, lasting.c, stranger.c, wrong.c, run.c ---- */

void fault_init(void);
void fault_heal(void);
void fault_cut(u8 node, u64 t);
void fault_restart(struct node *n, u64 mean);
void final_run(void);
void final_write(u32 count);		/* new writes have to complete */
void final_writes_begin(u32 count);	/* ... but not yet */
void final_writes_end(void);
void final_write_within(u32 count, u64 bound);
void final_settle(void);		/* replicas become equal */
void final_read_all(void);		/* each node reads the whole volume */
/* Something breaks that nobody mends: on @n, or between it and @other. */
enum lasting { L_LINK, L_ONE_WAY, L_LOG, L_DATA, L_FROZEN, L_NARROW, L_BROKEN, L_NR };

void lasting_break(enum lasting what, struct node *n, u8 other);
void lasting_mend(struct node *n, u8 other);
void lasting_run(void);
void final_all_ended(void);		/* no request is in progress any more */
void fair_run(void);
bool final_settled(void);		/* all covered replicas are equal and checkpointed */
bool final_covered(const struct node *lead, const struct node *n);
void stranger_init(void);
void wrong_store(void);

/* ---- turns.c: users who take turns, and never stop waiting ---- */

void turn_init(void);
bool turn_leaves(const struct node *n);		/* its user wants to close the device */

/* ---- verify.c: comparisons of the copies, and bits that flip ---- */

void verify_init(void);
void verify_run(void);

/* ---- unread.c: pages that cannot be read until they are written again ---- */

void unread_init(void);
void unread_ran(struct node *n);
void unread_spare(void);		/* all of them can be read again */
void unread_run(void);			/* all of them have to be rewritten */

/* ---- calm.c: spells in which what is broken stays as it is ---- */

void calm_init(void);

/* ---- setback.c: stores that become older in the middle of a run ---- */

void setback_init(void);
void setback_start(struct node *n);		/* it is about to start */
void setback_ran(struct node *n);
bool setback_noted(const struct node *n);	/* it halts in each start, since it was set back */
void setback_end(void);				/* all is healed: they know it, and go */

struct sim {
	u64 seed, phase_end;
	struct sim_cfg cfg;
	bool healed, cost;
	bool calm;			/* nothing new goes wrong for now */
	u32 down;			/* nodes that stay down as long as it is calm */
	u32 muted;			/* nodes whose payload gets nowhere */
	u32 broken;			/* nodes with a device that nobody mends */
};
extern struct sim sim;

/* Runs @seed; true: passed. @cost: it says what users cost rather than what goes wrong. */
bool sim_seed(u64 seed, bool trace, bool cost);

#endif /* SIM_H */
