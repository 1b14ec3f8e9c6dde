// SPDX-License-Identifier: GPL-2.0
/*
 * Two writers on a shared volume that has recovered from everything: each keeps as many writes in
 * progress, so each gets a share, whoever of them leads and whatever went wrong before. What it
 * costs is looked at elsewhere, in worlds that nothing ever happened to. A member that is alone
 * waits for nobody, and is left out: whoever is far from it may get as little as the way takes.
 */
#include "sim.h"

#define LOOK		(200 * USEC)
#define WINDOW		(3 * SEC)
#define BOUND		(30 * SEC)	/* of the time until both are served */
#define ENOUGH		100	/* writes of the faster one end the window */
#define LONG		10	/* times as many, if it was not fair: what one had waiting comes first */
#define ROUNDS		20	/* ... if it has lasted for so many round trips */
#define JUDGED		40	/* fewer say nothing */
#define SHARE		4	/* one gets at least the others' divided by this */

static struct fair {
	struct node *writer[2];
	unsigned long long done[2];
	u32 depth, sectors;
	u64 least;		/* until then the window lasts at the least */
	unsigned long long enough;
	bool on, served[2];
} f;

static bool writes_here(const struct node *n)
{
	const struct node *lead = node_leader();

	return lead && n->up && !n->halted && n->st.conf.index && final_covered(lead, n) &&
	       rblk_node_session(n->m) != NODE_S_FENCED;
}

static bool choose(void)
{
	u32 first = (u32)rnd_below(R_TURN, world.cfg.all), i, count = 0;

	for (i = 0; i < world.cfg.all && count < 2; i++) {
		struct node *n = &world.node[(first + i) % world.cfg.all];

		if (writes_here(n))
			f.writer[count++] = n;
	}
	return count == 2;
}

static bool both_write(void)
{
	return writes_here(f.writer[0]) && writes_here(f.writer[1]);
}

static bool both_hold(void)
{
	return f.writer[0]->mounted && f.writer[1]->mounted;
}

static bool one(struct node *n)
{
	u32 unit = world.cfg.block_size / 512;
	u64 at = rnd_below(R_TURN, (world.cfg.sectors - f.sectors) / unit + 1) * unit;

	return op_submit(n, OP_WRITE, at, f.sectors);
}

static void fair_event(struct event *e)
{
	u32 i;

	if (!f.on)
		return;
	for (i = 0; i < 2; i++) {
		struct node *n = f.writer[i];

		while (n->ops_out + n->nwait < f.depth && one(n))
			;
		node_after(n);
	}
	ev_push(world.now + LOOK, fair_event, WORLD_NONE, 0, 0, NULL);
}

static void ended(struct node *n, struct op *op)
{
	u32 i;

	for (i = 0; i < 2; i++)
		if (op->kind == OP_WRITE && !op->error && n == f.writer[i]) {
			f.done[i]++;
			f.served[i] = true;
		}
}

static bool both_served(void)
{
	return f.served[0] && f.served[1];
}

static bool enough(void)
{
	return world.now >= f.least && (f.done[0] >= f.enough || f.done[1] >= f.enough);
}

static bool fair(void)
{
	return min_t(u64, f.done[0], f.done[1]) * SHARE >= max_t(u64, f.done[0], f.done[1]);
}

static void judge(void)
{
	u64 most = max_t(u64, f.done[0], f.done[1]), least = min_t(u64, f.done[0], f.done[1]);

	TRACE(WORLD_NONE, "shares", most, least);
	if (most < JUDGED)
		return;
	WORLD_CHECK(fair(),
		    "fairness: of nodes %c and %c, one got %llu writes done, the other %llu",
		    'a' + f.writer[0]->id, 'a' + f.writer[1]->id, (unsigned long long)most,
		    (unsigned long long)least);
	WORLD_MARK(FAIR);
}

void fair_run(void)
{
	u32 unit = world.cfg.block_size / 512, i;

	memset(&f, 0, sizeof(f));
	if (!world.cfg.shared || world.cfg.nodes < 2 || sim.cfg.away_mean || sim.cost || !choose())
		return;
	final_all_ended();
	/* That a connection is broken may be noticed as late as by whoever first sends on it. */
	if (!world_until(net_whole, BOUND) || !both_write())
		return;		/* rot was found meanwhile */
	for (i = 0; i < 2; i++)
		if (!f.writer[i]->mounted) {
			op_open(f.writer[i], NODE_OPEN_SERVED | NODE_OPEN_WAIT, 30 * SEC);
			node_after(f.writer[i]);
		}
	if (!world_until(both_hold, 30 * SEC))
		return;		/* demanded elsewhere; one of them may have been fenced */
	f.depth = (u32)rnd_log(R_TURN, 1, 64);
	f.sectors = (u32)min_t(u64, rnd_log(R_TURN, 8, sim.cfg.size_max), world.cfg.sectors) /
		    unit * unit;
	f.on = true;
	world.on.ended = ended;
	ev_push(world.now, fair_event, WORLD_NONE, 0, 0, NULL);
	WORLD_CHECK(world_until(both_served, BOUND), "fairness: node %c gets no write done",
		    'a' + f.writer[f.served[0]]->id);
	memset(f.done, 0, sizeof(f.done));
	f.least = world.now + ROUNDS * 2 * world.cfg.delay_max;
	f.enough = ENOUGH;
	world_until(enough, WINDOW);
	if (!fair()) {
		f.enough = LONG * ENOUGH;
		world_until(enough, WINDOW);
	}
	f.on = false;
	world.on.ended = NULL;
	judge();
}
