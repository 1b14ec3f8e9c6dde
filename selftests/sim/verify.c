// SPDX-License-Identifier: GPL-2.0
/*
 * Comparisons of the copies of the image, while everything goes wrong: none may find a difference,
 * as there is none. And at last, when nothing else is wrong but users write on, with bits that flip:
 * what is not written again has to be found, and mended, and everything is equal then.
 */
#include "sim.h"

#define BOUND		(120 * SEC)
#define APPLIED_BOUND	(2 * SEC)
#define WRITES		40	/* that go on meanwhile */

static bool flipped;		/* some copies do differ */

static void verified(struct node *n, enum rblk_verify_outcome outcome)
{
	TRACE(n->id, "verified", outcome, 0);
	if (outcome == NODE_V_EQUAL)
		WORLD_MARK(VERIFIED);
	WORLD_CHECK(flipped || (outcome != NODE_V_MENDED && outcome != NODE_V_DIFFERS &&
				outcome != NODE_V_SPLIT),
		    "node %c: copies are said to differ, and none does", 'a' + n->id);
}

static void ask(struct node *n, u64 sector, u64 nsect, bool mend)
{
	int ret = rblk_node_verify(n->m, sector, nsect, mend, node_now(n));

	TRACE(n->id, "verify", sector, (u64)-ret);
	WORLD_CHECK(!ret || ret == -EBUSY || ret == -EAGAIN || ret == -EOPNOTSUPP ||
		    ret == -ESHUTDOWN, "rblk_node_verify() returned %d", ret);
	node_after(n);
}

static void verify_event(struct event *e)
{
	struct node *n = &world.node[rnd_below(R_FLIP, world.cfg.nodes)];
	u64 sector = rnd_below(R_FLIP, world.cfg.sectors);
	u64 nsect = rnd_log(R_FLIP, 1, 4096);

	if (sim.healed)
		return;
	ev_push(world.now + rnd_exp(R_FLIP, sim.cfg.verify_mean), e->fn, WORLD_NONE, 0, 0, NULL);
	if (n->up && !node_paused(n))
		ask(n, sector, min_t(u64, nsect, world.cfg.sectors - sector), rnd_one_in(R_FLIP, 2));
}

void verify_init(void)
{
	flipped = false;
	world.on.verified = verified;
	if (sim.cfg.verify_mean)
		ev_push(world.now + rnd_exp(R_FLIP, sim.cfg.verify_mean), verify_event, WORLD_NONE,
			0, 0, NULL);
}

/* ---- bits that flip ---- */

static struct node *who;

static bool ended(void)
{
	rblk_node_status(who->m, &who->now);
	return !who->now.verify.busy;
}

/* Each member is connected with each other one. */
static bool connected(void)
{
	const struct rblk_node_peer_status *p;
	const struct node *n;

	for (n = world.node; n < world.node + world.cfg.nodes; n++)
		for (p = n->st.peer; p < n->st.peer + n->st.npeers; p++)
			if (!p->client && !(p->up[WIRE_CONSENSUS] && p->up[WIRE_BULK]))
				return false;
	return true;
}

/* One minority of the members is wrong somewhere, the same or other places. */
static void flip_some(void)
{
	u32 i, bad = world.cfg.nodes - quorum();
	u32 first = (u32)rnd_below(R_FLIP, world.cfg.nodes);
	u64 sector = 0;

	flipped = true;
	for (i = 0; i < 1 + bad; i++) {
		struct node *n = &world.node[(first + i % bad) % world.cfg.nodes];

		if (!i || rnd_one_in(R_FLIP, 2))
			sector = rnd_below(R_FLIP, world.cfg.sectors);
		if (flip_at(n->id, sector) || rblk_node_unwritten(n->m, sector))
			continue;
		flip(n, sector);
		WORLD_MARK(FLIPPED);
	}
}

#define LOOKS	5	/* until everybody has to have read */

/* Everything from @sector on; returns where to go on. */
static u64 look(u64 sector, bool mend)
{
	const struct rblk_verify_status *v = &who->now.verify;

	u32 tries = 0;

	/* Who cannot read just then is named, and it is up to the user to ask again. */
	do {
		ask(who, sector, world.cfg.sectors - sector, mend);
		WORLD_CHECK(world_until(ended, BOUND), "node %c: a comparison does not end",
			    'a' + who->id);
	} while (v->missing && ++tries < LOOKS);
	WORLD_CHECK(v->outcome == NODE_V_EQUAL || v->outcome == NODE_V_MENDED ||
		    (!mend && v->outcome == NODE_V_DIFFERS),
		    "node %c: a comparison ended with %u at %llu", 'a' + who->id, v->outcome,
		    (unsigned long long)v->sector);
	WORLD_CHECK(!v->missing, "node %c: a comparison was without %x", 'a' + who->id,
		    v->missing);
	if (v->outcome == NODE_V_MENDED)
		WORLD_MARK(FLIP_MENDED);
	return v->sector + v->nsect;
}

static u64 looked_at;		/* everything up to this sector */

static const struct flip *wrong_still(void)
{
	const struct flip *f;
	u32 i;

	for (i = 0; (f = flip_nth(i)); i++)
		if (f->sector < looked_at && flip_lasts(f))
			return f;
	return NULL;
}

static bool none_wrong(void)
{
	return !wrong_still();
}

/*
 * What still is wrong lies behind @sector. What was written again is compared as it was written, before
 * that is on the device.
 */
static void check_found(u64 sector)
{
	looked_at = sector;
	WORLD_CHECK(world_until(none_wrong, APPLIED_BOUND),
		    "node %c: sector %llu is wrong, and was not found", 'a' + wrong_still()->node,
		    (unsigned long long)wrong_still()->sector);
}

/* Users read and write meanwhile. Where data devices or logs are lost, another test is at work. */
void verify_run(void)
{
	u64 sector = 0;
	u32 i;

	if (world.cfg.nodes < 3 || sim.cfg.rot_mean || !rnd_one_in(R_FLIP, 3))
		return;
	final_write(1);
	final_settle();
	for (i = 0; i < world.cfg.nodes; i++)
		if (!world.node[i].up || world.node[i].halted || world.node[i].lost)
			return;
	if (!world_until(connected, BOUND))
		return;
	who = &world.node[rnd_below(R_FLIP, world.cfg.nodes)];
	WORLD_CHECK(world_until(ended, BOUND), "node %c: a comparison does not end", 'a' + who->id);
	flip_some();
	final_writes_begin(WRITES);
	while (sector < world.cfg.sectors) {
		if (rnd_one_in(R_FLIP, 8))
			look(sector, false);
		sector = look(sector, true);
		check_found(sector);
	}
	final_writes_end();
	flip_init();
	flipped = false;
}
