// SPDX-License-Identifier: GPL-2.0
/*
 * A fault that lasts, in a cluster that is well otherwise: a link is broken, in one direction
 * or both, a device hangs or fails, a node is frozen, or a path swallows what is large, and
 * nobody mends it. There is a majority whose members hear each other, whose devices respond and whom
 * payload gets through to, so new writes complete, on every node that hears one of them, and
 * whose payload it hears.
 */
#include "sim.h"

#define BOUND_ELECTIONS	40	/* sessions change hands, some after five election timeouts each */
#define WRITES		6
#define PATHS_BOUND	(40 * SEC)

static const enum world_mark marks[L_NR] = {
	[L_LINK] = MARK_LASTING_LINK, [L_ONE_WAY] = MARK_LASTING_LINK,
	[L_LOG] = MARK_LASTING_HANG, [L_DATA] = MARK_LASTING_HANG,
	[L_FROZEN] = MARK_LASTING_FROZEN,
	[L_NARROW] = MARK_LASTING_NARROW,
	[L_BROKEN] = MARK_LASTING_BROKEN,
};

/* All members take part: one that is out already would be the second fault. */
static bool all_well(void)
{
	const struct node *lead = node_leader();
	u32 i;

	for (i = 0; lead && i < world.cfg.nodes; i++)
		if (!final_covered(lead, &world.node[i]) || world.node[i].halted ||
		    world.node[i].lost || world.node[i].nodata)
			return false;
	return lead;
}

/* A path that swallowed what is large is remembered for as long as half a minute. */
static bool paths_well(void)
{
	const struct node *n;
	u32 i;

	for (n = world.node; n < world.node + world.cfg.nodes; n++)
		for (i = 0; i < n->st.npeers; i++)
			if (n->st.peer[i].stuck)
				return false;
	return true;
}

/* Every second time it hits the leader. */
static struct node *victim(void)
{
	struct node *lead = node_leader();

	return rnd_one_in(R_FAULT, 2) ? lead : &world.node[rnd_below(R_FAULT, world.cfg.nodes)];
}

/*
 * The connections break as well, or what is sent on them waits. A connection does not outlive
 * that one direction is gone: nothing is acknowledged any more.
 */
static void break_link(struct node *n, u8 other, bool both_ways)
{
	bool told = rnd_one_in(R_FAULT, 2) || !both_ways;
	int ch;

	net_block(n->id, other, NEVER);
	if (both_ways)
		net_block(other, n->id, NEVER);
	for (ch = 0; told && ch < WIRE_CHANNELS; ch++)
		net_reset(n->id, other, (enum wire_channel)ch);
	TRACE(n->id, "lasting-block", other, both_ways);
}

/* More of them than it has in progress at once: writes must not wait behind reads that hang. */
static void read_much(struct node *n)
{
	u32 unit = world.cfg.block_size / 512, left = n->limits.reads + 4;

	while (left-- && op_submit(n, OP_READ, rnd_below(R_FAULT, world.cfg.sectors / unit) * unit, unit))
		;
	node_after(n);
}

static void hang(struct node *n, struct disk *d)
{
	d->hold = U32_MAX;
	TRACE(n->id, "lasting-hang", d->data, 0);
	if (d->data)
		read_much(n);
}

/*
 * What is large does not get through to a node, from it, or both, on one of its paths or on all.
 * What has no payload is small enough.
 */
static void narrow(struct node *n, u8 other)
{
	u32 above = (u32)rnd_log(R_FAULT, 2000, RBLK_BLOCK_SIZE), how = (u32)rnd_range(R_FAULT, 1, 3);
	bool all = !rnd_one_in(R_FAULT, 3);
	u8 i;

	for (i = 0; i < world.cfg.all; i++) {
		if (i == n->id || (!all && i != other))
			continue;
		if (how & 1)
			net_swallow(n->id, i, above);
		if (how & 2)
			net_swallow(i, n->id, above);
	}
	sim.muted = all && how & 1 ? 1u << n->id : 0;
	TRACE(n->id, "lasting-narrow", all ? WORLD_NONE : other, how);
}

/* A device is pulled out, or the next write of each kind to it fails; nobody starts the node again. */
static void break_device(struct node *n)
{
	bool log = rnd_one_in(R_LOST, 2);
	struct disk *d = log ? &n->log : &n->data;

	sim.broken |= 1u << n->id;
	n->injected = true;
	TRACE(n->id, "lasting-broken", d->data, 0);
	if (n->halted || n->lost || n->nodata)
		return;
	if (rnd_one_in(R_LOST, 2)) {
		d->fail = ~(1u << D_READ | 1u << D_LOG_READ);
		return;
	}
	rblk_node_device_lost(n->m, log ? NODE_HALT_LOG : NODE_HALT_DATA, node_now(n));
	node_after(n);
}

void lasting_break(enum lasting what, struct node *n, u8 other)
{
	switch (what) {
	case L_LOG:
		hang(n, &n->log);
		break;
	case L_DATA:
		hang(n, &n->data);
		break;
	case L_FROZEN:
		node_pause(n, NEVER - world.now);
		break;
	case L_NARROW:
		narrow(n, other);
		break;
	case L_BROKEN:
		break_device(n);
		break;
	default:
		break_link(n, other, what == L_LINK);
	}
}

void lasting_mend(struct node *n, u8 other)
{
	u32 i;

	sim.muted = 0;
	sim.broken &= ~(1u << n->id);
	if (node_paused(n))
		node_resume(n);
	for (i = 0; i < world.cfg.all; i++) {
		net_swallow(n->id, (u8)i, 0);
		net_swallow((u8)i, n->id, 0);
	}
	net_unblock(n->id, other);
	net_unblock(other, n->id);
	disk_release(&n->log, U32_MAX);
	disk_release(&n->data, U32_MAX);
	n->log.fail = n->data.fail = 0;
}

/*
 * Some time after the volume has settled one thing breaks, and new writes have to complete.
 * Then it is mended.
 */
void lasting_run(void)
{
	enum lasting what = (enum lasting)rnd_below(R_FAULT, L_NR);
	struct node *n;
	u8 other;

	/* Rot that is found meanwhile would be another fault. */
	if (world.cfg.nodes < 3 || sim.cfg.rot_mean || !rnd_one_in(R_FAULT, 2) || !all_well())
		return;
	final_write(1);
	final_settle();
	if (!world_until(paths_well, PATHS_BOUND) || !all_well())
		return;
	n = victim();
	other = (u8)((n->id + 1 + rnd_below(R_FAULT, world.cfg.all - 1)) % world.cfg.all);
	lasting_break(what, n, other);
	final_write_within(WRITES, BOUND_ELECTIONS * n->st.conf.election_ms * MSEC);
	mark_count[marks[what]]++;
	lasting_mend(n, other);
}
