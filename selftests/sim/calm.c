// SPDX-License-Identifier: GPL-2.0
/*
 * Calm spells in the middle of a run. What is broken then stays broken, some more may break as
 * one begins, and then nothing more goes wrong for a while. A node that has reached a
 * majority all the time, whose members have reached each other and whose devices have responded,
 * serves its users within so many election timeouts, whatever happened before, and whatever
 * the others do.
 */
#include "sim.h"

#define BOUND_ELECTIONS	40
#define MOST		2		/* in a run; they are long */
#define LENGTH(bound)	((bound) * 3 / 2)
#define LOOKS		100		/* in the time of the bound */

/* What has been well since the spell began. */
static struct {
	u64 bound, since, until;
	u32 count;
	u32 inc[WORLD_NODES];
	u32 well, fed;			/* nodes */
	u32 reaches[WORLD_NODES];	/* nodes, both ways, with payload */
	u32 read_error, write_error, corrupt, crash_io;
	struct node *hit[2];		/* what broke as it began */
	u8 other[2];
} spell;

static bool responds(const struct disk *d)
{
	return !d->hold && d->slow_until <= world.now;
}

/*
 * A member that the leader's log does not cover is no voice of a majority. One that has lost its
 * replica is none, either, but its users are served as those of a client, unless the data device
 * does not let go of what they read before.
 */
static bool is_well(const struct node *n)
{
	return n->up && n->inc == spell.inc[n->id] && !n->halted && !node_paused(n) &&
	       (node_diskless(n) || (n->lost && responds(&n->data)) ||
		(responds(&n->log) && responds(&n->data) && !n->st.needs_resync));
}

/* That payload did not get through is remembered for as long as half a minute. */
static bool thought_stuck(const struct node *n, u8 other)
{
	return n->st.peer[n->node_slot[other]].stuck;
}

/* An election takes two round trips, each within an election timeout. */
static bool too_far(const struct node *a, const struct node *b)
{
	return net_round_trip(a->id, b->id) > world.cfg.limits.default_election_ms * MSEC / 2;
}

static bool reach(const struct node *a, const struct node *b)
{
	return !too_far(a, b) && !net_blocked(a->id, b->id) && !net_blocked(b->id, a->id) &&
	       !net_swallows(a->id, b->id) && !net_swallows(b->id, a->id) &&
	       !thought_stuck(a, b->id) && !thought_stuck(b, a->id);
}

/* Nobody knows whether payload of another leader would get through to it. */
static bool is_fed(const struct node *n)
{
	const struct node *lead = node_leader();

	return !lead || lead == n || !net_swallows(lead->id, n->id);
}

static void look(void)
{
	u32 i, k;

	for (i = 0; i < world.cfg.all; i++) {
		if (!is_well(&world.node[i]))
			spell.well &= ~(1u << i);
		if (!is_fed(&world.node[i]))
			spell.fed &= ~(1u << i);
		for (k = 0; k < world.cfg.all; k++)
			if (i != k && !reach(&world.node[i], &world.node[k]))
				spell.reaches[i] &= ~(1u << k);
	}
}

/* ---- what is demanded ---- */

/* All of them are well and reach each other, and @n is one of them or reaches them all. */
static bool in_touch(u32 members, u8 n)
{
	u32 i;

	if ((members & ~spell.well) || (members & ~spell.reaches[n]))
		return false;
	for (i = 0; i < world.cfg.nodes; i++)
		if ((members >> i & 1) && (members & ~spell.reaches[i]))
			return false;
	return true;
}

/* Can a leader among them bring the log to a majority? */
static bool logs_meet(u32 members)
{
	const struct node *lead = node_leader();
	u32 i, count = 0;

	if (!lead || !(members >> lead->id & 1))
		return true;
	for (i = 0; i < world.cfg.nodes; i++)
		count += (members >> i & 1) && final_covered(lead, &world.node[i]);
	return count >= quorum();
}

static u32 lost_ones(void)
{
	u32 i, lost = 0;

	for (i = 0; i < world.cfg.nodes; i++)
		lost |= (u32)world.node[i].lost << i;
	return lost;
}

/*
 * One of them has to have the image, or nobody can be served. And a voter that hears both the leader
 * and whoever does not hear that takes over only if it has the image itself.
 */
static bool has_image(u32 members)
{
	const struct node *lead = node_leader();
	u32 i, whole = 0, nodata = 0;

	for (i = 0; i < world.cfg.nodes; i++) {
		whole |= (u32)!world.node[i].st.absent << i;
		nodata |= (u32)world.node[i].nodata << i;
	}
	return members & whole && (!lead || !(members & nodata) || members >> lead->id & 1);
}

static bool has_majority(const struct node *n)
{
	u32 members;

	for (members = 1; members < 1u << world.cfg.nodes; members++)
		if (!(members & lost_ones()) && (u32)__builtin_popcount(members) >= quorum() && in_touch(members, n->id) &&
		    logs_meet(members) && has_image(members))
			return true;
	return false;
}

static void demand(void)
{
	const struct node *n;
	const struct op *op;

	for (n = world.node; n < world.node + world.cfg.all; n++) {
		if (!(spell.well & spell.fed & 1u << n->id) || !has_majority(n))
			continue;
		WORLD_MARK(CALM_MAJORITY);
		op = op_oldest(n);
		if (!op || op->turn > world.now - spell.bound)
			continue;
		op_hung();
		world_fail("liveness: node %c has reached a majority for %llu ms, and request %llu has waited for %llu ms",
			   'a' + n->id, (unsigned long long)((world.now - spell.since) / MSEC),
			   (unsigned long long)op->id,
			   (unsigned long long)((world.now - op->turn) / MSEC));
	}
}

/* ---- begin and end ---- */

static void calm_event(struct event *e);

static void again(void)
{
	ev_push(world.now + rnd_exp(R_CALM, sim.cfg.calm_mean), calm_event, WORLD_NONE, 0, 0, NULL);
}

/* No error, flipped bit or power cut comes by chance. */
static void hush(bool on)
{
	sim.calm = on;
	if (on) {
		unread_spare();
		spell.read_error = world.cfg.read_error;
		spell.write_error = world.cfg.write_error;
		spell.corrupt = world.cfg.corrupt;
		spell.crash_io = world.cfg.crash_io;
	}
	world.cfg.read_error = on ? 0 : spell.read_error;
	world.cfg.write_error = on ? 0 : spell.write_error;
	world.cfg.corrupt = on ? 0 : spell.corrupt;
	world.cfg.crash_io = on ? 0 : spell.crash_io;
}

/* Half of what is down or cut stays so. */
static void keep_broken(void)
{
	u8 a, b;

	sim.down = (u32)rnd(R_CALM);
	for (a = 0; a < world.cfg.all; a++)
		for (b = 0; b < world.cfg.all; b++)
			if (net_blocked(a, b) && rnd_one_in(R_CALM, 2))
				net_block(a, b, spell.until);
}

static void break_some(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(spell.hit); i++) {
		struct node *n = &world.node[rnd_below(R_CALM, world.cfg.nodes)], *lead = node_leader();

		spell.hit[i] = NULL;
		if (lead && rnd_one_in(R_CALM, 2))
			n = lead;
		if (rnd_one_in(R_CALM, 3) || !n->up || node_paused(n))
			continue;
		spell.hit[i] = n;
		spell.other[i] = (u8)((n->id + 1 + rnd_below(R_CALM, world.cfg.all - 1)) % world.cfg.all);
		lasting_break((enum lasting)rnd_below(R_CALM, L_NR), n, spell.other[i]);
	}
}

static void end_spell(void)
{
	u32 i;

	TRACE(WORLD_NONE, "calm-end", spell.well, 0);
	hush(false);
	for (i = 0; i < ARRAY_SIZE(spell.hit); i++)
		if (spell.hit[i])
			lasting_mend(spell.hit[i], spell.other[i]);
	if (++spell.count < MOST)
		again();
}

static void look_event(struct event *e)
{
	if (sim.healed)
		return;
	look();
	if (world.now >= spell.since + spell.bound)
		demand();
	if (world.now >= spell.until)
		end_spell();
	else
		ev_push(world.now + spell.bound / LOOKS, look_event, WORLD_NONE, 0, 0, NULL);
}

static void calm_event(struct event *e)
{
	u32 i;

	if (sim.healed)
		return;
	spell.bound = BOUND_ELECTIONS * world.cfg.limits.default_election_ms * MSEC +
		      2 * world.cfg.limits.follow_ms * MSEC;
	spell.since = world.now;
	spell.until = world.now + LENGTH(spell.bound);
	sim.phase_end = max_t(u64, sim.phase_end, spell.until + SEC);
	hush(true);
	keep_broken();
	break_some();
	for (i = 0; i < world.cfg.all; i++)
		spell.inc[i] = world.node[i].inc;
	spell.well = U32_MAX;
	spell.fed = U32_MAX;
	memset(spell.reaches, 0xff, sizeof(spell.reaches));
	TRACE(WORLD_NONE, "calm", spell.until / MSEC, 0);
	ev_push(world.now, look_event, WORLD_NONE, 0, 0, NULL);
}

void calm_init(void)
{
	if (!sim.cfg.calm_mean)
		return;
	memset(&spell, 0, sizeof(spell));
	again();
}
