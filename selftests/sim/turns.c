// SPDX-License-Identifier: GPL-2.0
/*
 * Users who take turns: on several nodes at once somebody opens the device, uses it for a while
 * and closes it, at a rate from now and then up to a storm. They wait for the session, or for
 * their share of it, for as long as it takes, and nobody stops waiting for a request. So in the end
 * each of them has to be served.
 */
#include "sim.h"

#define OPENERS_MOST	3	/* at once, on a node */

enum place { T_AWAY, T_WAITS, T_IN, T_LEAVES };

static struct turn {
	bool takes_part;
	enum place place;
	u64 until;		/* of T_AWAY and T_IN */
	u32 inc;
} turns[WORLD_NODES];

bool turn_leaves(const struct node *n)
{
	return sim.cfg.away_mean && turns[n->id].place == T_LEAVES;
}

static void go_away(struct turn *t)
{
	t->place = T_AWAY;
	t->until = world.now + rnd_exp(R_TURN, sim.cfg.away_mean);
}

static void ask(struct node *n)
{
	u32 count = (u32)rnd_range(R_TURN, 1, OPENERS_MOST), flags = NODE_OPEN_WAIT;

	if (rnd_one_in(R_TURN, 2))
		flags |= NODE_OPEN_SERVED;
	while (count--)
		op_open(n, flags, NEVER);
	node_after(n);
}

static void leave(struct node *n)
{
	op_close(n, rnd_one_in(R_TURN, 2));
	node_after(n);
}

static bool somebody_waits(const struct node *but)
{
	const struct node *n;

	for (n = world.node; n < world.node + world.cfg.all; n++)
		if (n != but && n->up && n->opening)
			return true;
	return false;
}

/* At the end nobody comes any more, and who is there makes room for those that wait. */
static void take_turn(struct node *n, struct turn *t)
{
	switch (t->place) {
	case T_AWAY:
		if (n->mounted) {
			t->place = T_IN;
		} else if (!sim.healed && world.now >= t->until && n->st.conf.index) {
			t->place = T_WAITS;
			ask(n);
		}
		break;
	case T_WAITS:
		if (n->mounted) {
			WORLD_MARK(TURN);
			t->place = T_IN;
			t->until = world.now + rnd_exp(R_TURN, sim.cfg.stay_mean);
		} else if (!n->opening) {
			go_away(t);
		}
		break;
	case T_IN:
		if (!n->mounted)
			go_away(t);
		else if (sim.healed ? somebody_waits(n) : world.now >= t->until)
			t->place = T_LEAVES;
		break;
	case T_LEAVES:
		if (n->mounted && (n->ops_out || n->nwait || n->opening))
			break;
		if (n->mounted)
			leave(n);
		go_away(t);
	}
}

static void turn_event(struct event *e)
{
	u32 i;

	ev_push(world.now + min_t(u64, sim.cfg.away_mean, 10 * MSEC), turn_event, WORLD_NONE, 0, 0,
		NULL);
	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[i];
		struct turn *t = &turns[i];

		if (t->inc != n->inc) {
			t->inc = n->inc;
			go_away(t);
		}
		if ((t->takes_part || sim.healed) && n->up && !n->halted && !node_paused(n))
			take_turn(n, t);
	}
}

void turn_init(void)
{
	u32 i;

	memset(turns, 0, sizeof(turns));
	if (!sim.cfg.away_mean)
		return;
	for (i = 0; i < world.cfg.all; i++)
		turns[i].takes_part = i < 2 || rnd_one_in(R_TURN, 2);
	ev_push(world.now, turn_event, WORLD_NONE, 0, 0, NULL);
}
