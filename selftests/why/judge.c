// SPDX-License-Identifier: GPL-2.0
/* What each node answers, and what is the case: whether a write there is served is tried. */
#include "walk.h"

#define PROBE_ELECTIONS	20	/* a session changes hands after five, leadership before that */

enum truth { T_SERVED, T_WAITS, T_FAILS, T_ELSEWHERE };

static const char *const truth_name[] = { "is served", "waits", "fails", "is for another node" };

static struct answer said[WORLD_NODES];
static u32 complaints;

static void print_answer(const struct node *n)
{
	const struct answer *a = &said[n->id];

	printf("#   %s answers: %s: %s\n#     check: %d: %s\n", n->name,
	       a->writable ? "can be written to" : a->rule, a->said, a->verdict, a->line);
}

static void wrong(const struct node *n, const struct answer *a, const char *what)
{
	printf("# %s: node %s%s%s: %s\n", walk.state->name, n->name,
	       walk.culprits >> n->id & 1 ? " (at fault)" : "",
	       n == node_leader() ? " (leads)" : "", what);
	print_answer(n);
	complaints++;
}

/* ---- what is the case ---- */

static enum truth truth_of(const struct op *op)
{
	if (!op || !op->done || op->error == -ETIMEDOUT)
		return T_WAITS;
	if (op->error == -EBUSY)
		return T_ELSEWHERE;
	return op->error ? T_FAILS : T_SERVED;
}

static enum truth write_to(struct node *n)
{
	u64 bound = PROBE_ELECTIONS * walk_election();
	/* What is left of memory may do for a small one. */
	u32 unit = walk.state->fills ? RBLK_WRITE_MAX / 512 : world.cfg.block_size / 512;
	bool was = n->mounted;
	enum truth t = T_SERVED;
	struct op *op;

	if (rblk_node_session(n->m) == NODE_S_FENCED)
		return T_FAILS;
	if (!was)
		t = truth_of(walk_wait(op_open(n, NODE_OPEN_SERVED, 2 * bound), bound));
	if (t != T_SERVED)
		return t;
	op = op_submit(n, OP_WRITE, rnd_below(R_USER, world.cfg.sectors / unit) * unit, unit);
	t = truth_of(walk_wait(op, bound));
	if (!was && t == T_SERVED) {
		op_close(n, true);
		node_after(n);
	}
	return t;
}

/* ---- does the answer agree? ---- */

static bool is_rule(const struct answer *a, const char *rule)
{
	return a->rule && !strcmp(a->rule, rule);
}

static void judge_truth(const struct node *n, enum truth t)
{
	const struct answer *a = &said[n->id];
	char what[80];
	bool ok;

	switch (t) {
	case T_SERVED:		/* the session, or leadership, comes to who asks for it */
		ok = a->writable || strstr(a->step, "open the device");
		break;
	default:
		ok = !a->writable;
	}
	snprintf(what, sizeof(what), "a write %s", truth_name[t]);
	if (!ok)
		wrong(n, a, what);
	if (a->verdict > 1 ? a->writable : !a->writable && !is_rule(a, "held-elsewhere"))
		wrong(n, a, "why and check disagree");
}

/* Nothing changes any more: to wait is no way out. */
static void judge_step(const struct node *n)
{
	const struct answer *a = &said[n->id];

	if (!a->writable && !strncmp(a->step, "wait", 4) && !is_rule(a, "no-answer"))
		wrong(n, a, "to wait does not help");
	if (!a->writable && (!a->cause[0] || !a->step[0]))
		wrong(n, a, "it lacks a cause, or a step");
}

static bool names_itself(const struct node *n)
{
	const struct answer *a = &said[n->id];
	char device[RBLK_NAME_MAX + 8];

	snprintf(device, sizeof(device), "/dev/%s-", n->name);
	return strstr(a->said, "this node") || strstr(a->said, "this client") ||
	       strstr(a->said, device);
}

static bool names(const struct node *n)
{
	const struct answer *a = &said[n->id];
	char name[RBLK_NAME_MAX + 2];
	u32 i;

	if (walk.culprits >> n->id & 1 && names_itself(n))
		return true;
	for (i = 0; i < world.cfg.all; i++) {
		snprintf(name, sizeof(name), "%s", world.node[i].name);
		if (i != n->id && walk.culprits >> i & 1 && strstr(a->said, name))
			return true;
	}
	return false;
}

/* The step says on which node to ask on. */
static bool leads_on(const struct node *n)
{
	const struct answer *a = &said[n->id];
	char place[RBLK_NAME_MAX + 8];
	bool all;
	u32 i;

	if (!strstr(a->step, "raftblk why") && !strstr(a->step, "raftblk check"))
		return false;
	all = strstr(a->step, "on the other nodes");
	for (i = 0; i < world.cfg.all; i++) {
		snprintf(place, sizeof(place), "on %s,", world.node[i].name);
		if (i != n->id && world.node[i].up && (all || strstr(a->step, place)) &&
		    names(&world.node[i]))
			return true;
	}
	return false;
}

static bool about_sessions(const struct answer *a)
{
	return is_rule(a, "held-elsewhere") || is_rule(a, "fenced");
}

static void judge_names(const struct node *n)
{
	const struct answer *a = &said[n->id];

	/* Who bootstraps is told of the rest. */
	if (!walk.culprits || a->writable || about_sessions(a) ||
	    (walk.state->blank && strstr(a->step, "raftblk bootstrap")))
		return;
	if (!names(n) && (walk.state->direct || !leads_on(n)))
		wrong(n, a, "nobody whom it names, or asks to look at, is at fault");
}

/* What is wrong with a node itself, that one knows first. */
static void judge_self(const struct node *n)
{
	const struct answer *a = &said[n->id];

	if (walk.state->self && walk.culprits >> n->id & 1 && (!names_itself(n) || !a->verdict))
		wrong(n, a, "it does not say that it is at fault itself");
}

static void judge_well(const struct node *n)
{
	const struct answer *a = &said[n->id];

	if (walk.well && ((!a->writable && !about_sessions(a)) || (a->writable && a->said[0]) ||
			  a->verdict))
		wrong(n, a, "nothing is wrong");
}

/* Somebody has to know of what is wrong. */
static void judge_known(void)
{
	const struct node *last = NULL;
	u32 i;

	for (i = 0; i < world.cfg.all; i++) {
		if (!world.node[i].up)
			continue;
		last = &world.node[i];
		if (said[i].verdict && names(last))
			return;
	}
	if (walk.culprits && last)
		wrong(last, &said[last->id], "nobody names who is at fault");
}

/* Something lasts. Of each node it is looked at what it answers, and then whether that is so. */
void judge(void)
{
	u32 i;

	complaints = 0;
	for (i = 0; i < world.cfg.all; i++)
		if (world.node[i].up)
			ask(&world.node[i], &said[i]);
	for (i = 0; i < world.cfg.all; i++) {
		const struct node *n = &world.node[i];

		if (!n->up)
			continue;
		judge_step(n);
		judge_names(n);
		judge_self(n);
		judge_well(n);
	}
	judge_known();
	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[i];
		enum truth t;

		if (!n->up || node_paused(n))
			continue;
		ask(n, &said[i]);	/* the session may have moved since */
		t = write_to(n);
		if (walk.state->fills && t == T_WAITS)	/* until then this node had no write */
			ask(n, &said[i]);
		judge_truth(n, t);
	}
	WORLD_CHECK(!complaints, "%s: %u answers mislead", walk.state->name, complaints);
}
