/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walks the states that last in a volume, and judges what "raftblk why" and "raftblk check"
 * answer in each of them. See Documentation/testing.rst.
 */
#ifndef WALK_H
#define WALK_H

#include "world.h"

/* ---- ask.c: what the tool says on a node ---- */

struct answer {
	bool writable;
	const char *rule;	/* NULL: none applies */
	char cause[512], step[512];
	char said[4096];	/* cause, step and remarks */
	int verdict;		/* the exit code of check */
	char line[2048];	/* and its words */
};

#define RULES_MAX	64

void ask(const struct node *n, struct answer *a);
const char *ask_rule(u32 i);		/* the name of the @i-th; NULL: there are not so many */
extern u64 rule_seen[RULES_MAX];	/* how often it was the answer */

/* ---- state.c: what is wrong, and stays so ---- */

struct state {
	const char *name;
	u32 members;		/* at least so many */
	void (*enter)(void);
	bool blank;		/* there is no volume yet */
	bool refuses;		/* a connection is, for a reason that is drawn */
	bool fills;		/* it shows when a lot is written */
	bool self;		/* who is at fault knows that */
	bool direct;		/* so does everybody, without asking others */
};

extern const struct state states[];
extern const u32 nstates;
void state_formatted(void);		/* the nodes are as they will never be again */

/* ---- main.c ---- */

struct walk {
	const struct state *state;
	u8 reason;		/* enum wire_reason of a refusal */
	struct node *holder;	/* has the device open for writing; NULL: nobody */
	u32 culprits;		/* nodes that are to be named: bits */
	bool well;		/* nothing is wrong */
	bool verbose;
};

extern struct walk walk;

void walk_run(u64 time);
u64 walk_election(void);		/* ns */
struct op *walk_wait(struct op *op, u64 bound);
void walk_open(struct node *n, u32 flags);
void walk_write(u32 count);		/* somebody does, and all of them complete */

/* ---- judge.c ---- */

void judge(void);

#endif /* WALK_H */
