// SPDX-License-Identifier: GPL-2.0
/* Requests of users: they have names, and what is read is told by the names of writes. */
#include "node-script.h"

#define OPS_MAX		(1 << 16)
#define GROUPS_MAX	16
#define OP_NAME	12

/* Many alike, of which only the end of all is told. */
struct group {
	char name[OP_NAME];
	u64 n, done;		/* requests, and how many of them ended */
	u64 last;		/* the newest that ended */
	u64 failed;
	int error;
	bool disordered;
};

struct label {
	char name[OP_NAME];
	struct group *group;
};

static struct label labels[OPS_MAX];
static u64 newest;
static struct group groups[GROUPS_MAX];
static u32 ngroups;
static struct op *asking[WORLD_NODES];	/* the newest OPEN */
static struct op *reading[WORLD_NODES];	/* the newest read */
static struct label pending;		/* of the request that is submitted now */

void script_ops_forget(void)
{
	memset(labels, 0, (newest + 1) * sizeof(labels[0]));
	memset(groups, 0, sizeof(groups));
	memset(asking, 0, sizeof(asking));
	memset(reading, 0, sizeof(reading));
	newest = 0;
	ngroups = 0;
	script_quiet = false;
}

static void name_op(const struct op *op)
{
	if (op->id >= OPS_MAX)
		ts_wrong("too many requests");
	if (!labels[op->id].name[0])
		labels[op->id] = pending;
	newest = max_t(u64, newest, op->id);
}

static void set_pending(const char *name, u64 nth, struct group *g)
{
	char *to = pending.name;
	int len = nth ? snprintf(to, OP_NAME, "%s%llu", name, (unsigned long long)nth) :
			snprintf(to, OP_NAME, "%s", name);

	if (len >= OP_NAME)
		ts_wrong("this name is too long");
	pending.group = g;
}

/* ---- ends ---- */

const char *script_content(const struct sref *r, u64 sector)
{
	u64 id = sector_id(r, sector, false);

	if (!id)
		return "zeroes";
	return id == SECTOR_GARBAGE ? "garbage" : labels[id].name;
}

static void tell_read(struct node *n, const struct op *op)
{
	u32 i = 0, from;

	SAY("%c: %llu+%u is", N(n), (unsigned long long)op->sector, op->nsect);
	while (i < op->nsect) {
		const char *what = script_content(&op->from[i], op->sector + i);

		for (from = i; i < op->nsect; i++)
			if (strcmp(script_content(&op->from[i], op->sector + i), what))
				break;
		fprintf(ts_out, "%s %s", from ? "," : "", what);
		if (from || i < op->nsect)
			fprintf(ts_out, " %llu-%llu", (unsigned long long)op->sector + from,
				(unsigned long long)op->sector + i - 1);
	}
	fprintf(ts_out, "\n");
}

static void group_ended(struct node *n, struct group *g, const struct op *op)
{
	g->done++;
	g->disordered |= op->id < g->last;
	g->last = op->id;
	if (op->error) {
		g->failed++;
		g->error = op->error;
	}
	if (g->done < g->n)
		return;
	if (g->failed < g->n)
		SAY("%c: %llu of %s %s%s\n", N(n), (unsigned long long)(g->n - g->failed), g->name,
		    op->kind == OP_READ ? "read" : "written",
		    op->kind == OP_READ ? "" : g->disordered ? ", out of order" : ", in order");
	if (g->failed)
		SAY("%c: %llu of %s failed: %s\n", N(n), (unsigned long long)g->failed, g->name,
		    script_error(op->kind, g->error));
}

static void tell_session_op(struct node *n, const struct op *op)
{
	bool open = op->kind == OP_OPEN;

	if (op->keep)
		return;
	if (!op->error)
		SAY("%c: %s\n", N(n), open ? "opened" : "closed");
	else
		SAY("%c: not %s: %s\n", N(n), open ? "opened" : "closed",
		    script_error(op->kind, op->error));
}

void script_op_ended(struct node *n, struct op *op)
{
	struct group *g;

	name_op(op);
	if (script_quiet)
		return;
	g = labels[op->id].group;
	if (g)
		group_ended(n, g, op);
	else if (op->kind >= OP_OPEN)
		tell_session_op(n, op);
	else if (op->kind == OP_READ && op->error)
		SAY("%c: %llu+%u %s: %s\n", N(n), (unsigned long long)op->sector, op->nsect,
		    op->accepted ? "not read" : "refused", script_error(op->kind, op->error));
	else if (op->kind == OP_READ)
		tell_read(n, op);
	else if (op->error)
		SAY("%c: %s %s: %s\n", N(n), labels[op->id].name, op->accepted ? "failed" : "refused",
		    script_error(op->kind, op->error));
	else
		SAY("%c: %s written\n", N(n), labels[op->id].name);
}

/* ---- sessions ---- */

static struct op *open_for(struct node *n, u32 flags, u64 wait)
{
	if (ts_text("force"))
		flags |= NODE_OPEN_FORCE;
	if (ts_text("wait"))
		flags |= NODE_OPEN_WAIT;
	if (ts_text("served"))
		flags |= NODE_OPEN_SERVED;
	set_pending("an open", 0, NULL);
	return op_open(n, flags, wait);
}

/* open NODE [force] [wait] [served] [for=TIME]: opened for writing, as by a mount */
void cmd_open(void)
{
	struct node *n = script_up(1);
	struct op *op = open_for(n, 0, script_time(ts_text("for") ? ts_text("for") : "1000s"));

	if (!op->done)
		asking[n->id] = op;
	node_after(n);
}

/* cancel NODE: the newest opener there does not wait any longer */
void cmd_cancel(void)
{
	struct node *n = script_up(1);
	struct op *op = asking[n->id];

	if (!op)
		ts_wrong("nobody opened there");
	if (op->done)
		rblk_node_open_cancel(n->m, op->id);
	else
		op_cancel(n, op);
	node_after(n);
}

/* close NODE: the device and the session; leave NODE: the device, the session stays */
void cmd_close(void)
{
	struct node *n = script_up(1);

	set_pending("a close", 0, NULL);
	op_close(n, !strcmp(ts_word[0], "leave"));
	node_after(n);
}

/* use NODE on|off: the device is open, for reading only: nobody asks for the session */
void cmd_use(void)
{
	struct node *n = script_up(1);

	n->reading = ts_text("on") != NULL;
	node_after(n);
}

/* reset NODE: all openers of the fenced session are gone */
void cmd_reset(void)
{
	struct node *n = script_up(1);

	op_reset(n);
	node_after(n);
}

static struct op *trying;

static bool tried(void)
{
	return trying->done;
}

/* try NODE TIME [force]: waits for the session for so long, and says how long it took */
void cmd_try(void)
{
	struct node *n = script_up(1);
	u64 began = world.now, limit = script_time(ts_word[2]);

	trying = open_for(n, NODE_OPEN_WAIT, limit);
	script_quiet = true;
	node_after(n);
	script_run(2 * limit, tried);
	script_quiet = false;
	SAY("%c: %s after %s\n", N(n), trying->error ? "still not opened" : "opened",
	    script_took(world.now - began));
}

/* ---- data ---- */

static struct op *submit(struct node *n, enum op_kind kind, u64 sector, u32 nsect)
{
	struct op *op = op_submit(n, kind, sector, nsect);

	if (!op)
		ts_wrong("too many requests wait on this node");
	name_op(op);
	return op;
}

/* write|zero NODE NAME SECTOR+COUNT */
void cmd_write(void)
{
	struct node *n = script_up(1);
	bool zero = !strcmp(ts_word[0], "zero");
	struct op *op;
	u64 sector;
	u32 nsect;

	set_pending(ts_word[2], 0, NULL);
	script_range(ts_word[3], &sector, &nsect);
	op = submit(n, zero ? OP_ZEROES : OP_WRITE, sector, nsect);
	if (!op->done && !op->accepted)
		SAY("%c: %s waits: %s\n", N(n), ts_word[2], script_error(op->kind, -EAGAIN));
	node_after(n);
}

static struct group *group_new(const char *name, u64 count)
{
	struct group *g = &groups[ngroups++];

	if (ngroups == GROUPS_MAX)
		ts_wrong("too many groups");
	snprintf(g->name, sizeof(g->name), "%s", name);
	g->n = count;
	return g;
}

static void many(enum op_kind kind)
{
	struct node *n = script_up(1);
	u64 count = ts_num(3), over = ts_option("over", count), each = 0, step, sector, i;
	struct group *g = group_new(ts_word[2], count);
	u32 nsect;

	script_range(ts_word[4], &sector, &nsect);
	step = ts_option("step", nsect);
	if (ts_text("each"))
		each = script_time(ts_text("each"));
	for (i = 0; i < count; i++) {
		set_pending(ts_word[2], i + 1, g);
		submit(n, kind, sector + i % over * step, nsect);
		if (!each)
			continue;
		node_after(n);
		script_run(each, NULL);
	}
	node_after(n);
}

/* writes|zeroes NODE NAME N SECTOR+COUNT [over=N] [step=N] [each=TIME]: NAME1, NAME2, ... */
void cmd_writes(void)
{
	many(strcmp(ts_word[0], "zeroes") ? OP_WRITE : OP_ZEROES);
}

/* read NODE SECTOR+COUNT */
void cmd_read(void)
{
	struct node *n = script_up(1);
	u64 sector;
	u32 nsect;

	set_pending("a read", 0, NULL);
	script_range(ts_word[2], &sector, &nsect);
	reading[n->id] = submit(n, OP_READ, sector, nsect);
	node_after(n);
}

/* read-again NODE: what it read when it was stopped, by the same token */
void cmd_read_again(void)
{
	struct node *n = script_up(1);

	if (!reading[n->id])
		ts_wrong("nothing was read there");
	op_again(n, reading[n->id]);
	node_after(n);
}

/* reads NODE NAME N SECTOR+COUNT [over=N] [step=N] [each=TIME] */
void cmd_reads(void)
{
	many(OP_READ);
}
