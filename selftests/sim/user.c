// SPDX-License-Identifier: GPL-2.0
/*
 * The users of the volume: on every node somebody may mount it, write, zero and
 * read, and unmount it again, whoever leads.
 */
#include "sim.h"

/* ---- patience ---- */

/* The user of a write stops waiting. The write keeps its place, whatever becomes of it. */
static void give_up_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct op *op = op_get(e->a);

	if (op->done || !op->accepted || sim.healed)
		return;
	WORLD_MARK(WRITE_TIMED_OUT);
	TRACE(n->id, "gave-up", op->id, 0);
	op->gave_up = true;
	n->gave_up++;
}

/* An opener of the device does not wait forever. */
static void cancel_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct op *op = op_get(e->a);

	if (op->done || !op->accepted)
		return;
	WORLD_MARK(OPEN_CANCELLED);
	TRACE(n->id, "open-cancel", op->id, 0);
	op_cancel(n, op);
	node_after(n);
}

void user_accepted(struct node *n, struct op *op)
{
	if (op->kind <= OP_ZEROES && rnd_below(R_LATE, 100) < sim.cfg.give_up)
		ev_push(world.now + rnd_exp(R_LATE, sim.cfg.patience), give_up_event, n->id, op->id,
			0, NULL);
	if (op->kind == OP_OPEN && !sim.cfg.away_mean && rnd_one_in(R_USER, 3))
		ev_push(world.now + rnd_exp(R_USER, 2 * SEC), cancel_event, n->id, op->id, 0, NULL);
}

static struct op *user_open(struct node *n)
{
	u32 flags = 0;

	if (rnd_below(R_USER, 100) < sim.cfg.force)
		flags |= NODE_OPEN_FORCE;
	if (rnd_one_in(R_USER, 3))
		flags |= NODE_OPEN_WAIT;
	if (rnd_one_in(R_USER, 2))
		flags |= NODE_OPEN_SERVED;
	return op_open(n, flags, rnd_exp(R_USER, 2 * SEC));
}

struct op *user_submit(struct node *n, enum op_kind kind, u64 sector, u32 nsect)
{
	if (kind == OP_OPEN)
		return user_open(n);
	if (kind == OP_CLOSE)
		return op_close(n, rnd_one_in(R_USER, 2));
	return op_submit(n, kind, sector, nsect);
}

/* ---- sessions ---- */

static void reset_event(struct event *e)
{
	struct node *n = &world.node[e->node];

	n->reset_pending = false;
	if (rblk_node_session(n->m) != NODE_S_FENCED || n->ops_out || n->nwait)
		return;
	TRACE(n->id, "session-reset", 0, 0);
	WORLD_MARK(SESSION_RESET);
	op_reset(n);
	node_after(n);
}

/* The openers of a fenced session close the device once nothing of it is in flight. */
void user_session(struct node *n)
{
	if (n->reset_pending || n->ops_out || n->nwait ||
	    rblk_node_session(n->m) != NODE_S_FENCED)
		return;
	n->reset_pending = true;
	ev_push(world.now + rnd_exp(R_USER, 20 * MSEC), reset_event, n->id, 0, 0, NULL);
}

/* ---- workload ---- */

static struct node *pick_node(void)
{
	u32 first = (u32)rnd_below(R_USER, world.cfg.all), i;
	struct node *n = &world.node[first];

	if (rnd_below(R_USER, 100) < sim.cfg.stray)
		return n->up ? n : NULL;
	for (i = 0; i < world.cfg.all; i++) {
		n = &world.node[(first + i) % world.cfg.all];
		if (n->up && n->mounted)
			return n;
	}
	return world.node[first].up ? &world.node[first] : NULL;
}

static void pick_range(enum op_kind kind, u64 *sector, u32 *nsect)
{
	u32 unit = world.cfg.block_size / 512;
	u64 space = sim.cfg.hot && rnd_below(R_USER, 100) < 70 ?
		    min_t(u64, sim.cfg.hot, world.cfg.sectors) : world.cfg.sectors;
	u32 max = sim.cfg.size_max;

	if (kind == OP_ZEROES && rnd_one_in(R_USER, 4))
		max = (u32)space;
	max = (u32)min_t(u64, max, space);
	*nsect = (u32)rnd_log(R_USER, unit, max < unit ? unit : max) / unit * unit;
	*sector = rnd_below(R_USER, (space - *nsect) / unit + 1) * unit;
}

static enum op_kind pick_kind(void)
{
	const struct sim_cfg *c = &sim.cfg;
	u64 r = rnd_below(R_USER, c->w_write + c->w_zero + c->w_read + c->w_open + c->w_close);

	if (r < c->w_write)
		return OP_WRITE;
	r -= c->w_write;
	if (r < c->w_zero)
		return OP_ZEROES;
	r -= c->w_zero;
	if (r < c->w_read)
		return OP_READ;
	r -= c->w_read;
	return r < c->w_open ? OP_OPEN : OP_CLOSE;
}

static void one(void)
{
	struct node *n = pick_node();
	enum op_kind kind = pick_kind();
	u64 sector = 0;
	u32 nsect = 0;

	if (kind == OP_READ && rnd_one_in(R_USER, 2))
		n = &world.node[rnd_below(R_USER, world.cfg.all)];	/* reads go to any node */
	if (!n || !n->up || node_paused(n) || !n->st.conf.index ||
	    n->ops_out - n->gave_up + n->nwait >= sim.cfg.depth)
		return;
	if (turn_leaves(n) || (sim.cfg.away_mean && kind <= OP_ZEROES && !n->mounted))
		return;
	if (kind <= OP_ZEROES && !n->mounted)
		kind = OP_OPEN;
	/* A user opens once; beside that, administration may ask for the session as well. */
	if (kind == OP_OPEN && (n->opening || n->mounted) && !rnd_one_in(R_USER, 4))
		return;
	if (kind == OP_CLOSE && (!n->mounted || n->ops_out || n->nwait))
		return;
	if (kind <= OP_READ)
		pick_range(kind, &sector, &nsect);
	user_submit(n, kind, sector, nsect);
	node_after(n);
}

void user_tick(struct event *e)
{
	u32 i, count = (u32)rnd_range(R_USER, 1, sim.cfg.burst);
	u64 mean = sim.cfg.op_mean;

	if (sim.healed)
		return;
	for (i = 0; i < count; i++)
		one();
	/* Long spells would take more requests than there may be. */
	if (sim.calm)
		mean = max_t(u64, mean, count * world.cfg.limits.default_election_ms * MSEC / 4);
	ev_push(world.now + rnd_exp(R_USER, mean), user_tick, WORLD_NONE, 0, 0, NULL);
}
