// SPDX-License-Identifier: GPL-2.0
/*
 * Stores that are not what they were, at the end of some runs, when nothing else
 * is left to prove: devices set back to an older image, wiped, or exchanged.
 * Their node must be refused by itself or by every peer, and never lead. Only an older data
 * device is as good as none: what it lacks comes from the others.
 */
#include "sim.h"

enum wrong { W_ROLLBACK, W_LOG_ONLY, W_DATA_ONLY, W_WIPED, W_SWAPPED, W_NR };

static struct node *victim;
static u64 known_since;	/* since when all_know() has been true */
static bool silent;	/* it has heard that its store was set back */

/* All nodes know of the newest start of the victim, and have executed as much as it. */
static bool all_know(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++) {
		const struct node *n = &world.node[i];
		const struct rblk_node_peer_status *ps = &n->st.peer[n->node_slot[victim->id]];

		if (n == victim || !n->up)
			continue;
		if (ps->generation != victim->st.generation || !ps->up[0] || !ps->up[1])
			return false;
	}
	return final_settled() && final_covered(node_leader(), victim);
}

static bool never(void)
{
	return false;
}

/*
 * Members that do not talk to each other remember a hello when its connections have lasted.
 * One of them may still be from the start before, and go late, so all of that has to be true
 * without a break.
 */
static bool all_remember(void)
{
	if (!all_know())
		known_since = world.now;
	return world.now >= known_since + 2 * victim->st.conf.election_ms * MSEC;
}

static void restart(void)
{
	node_stop(victim, true);
	WORLD_CHECK(node_start(victim), "node %c does not start again", 'a' + victim->id);
	known_since = world.now;
	WORLD_CHECK(world_until(all_remember, 60 * SEC), "node %c does not come back",
		    'a' + victim->id);
}

static bool a_peer_is_connected(void)
{
	u32 i, ch;

	for (i = 0; i < world.cfg.nodes; i++) {
		const struct node *n = &world.node[i];

		for (ch = 0; n != victim && n->up && ch < WIRE_CHANNELS; ch++)
			if (n->st.peer[n->node_slot[victim->id]].up[ch])
				return true;
	}
	return false;
}

/*
 * A store that was set back may be accepted by a member that did not see more of it, once
 * it has heard of that from another one: then it is silent, in each later start as well.
 */
static bool takes_part(void)
{
	silent |= victim->st.halt == NODE_HALT_SET_BACK;
	return victim->st.raft.role == RAFT_LEADER || (!silent && a_peer_is_connected());
}

/* What happened to a node while it was frozen it may hear of long after the healing. */
static bool nobody_is_connected(void)
{
	return !a_peer_is_connected();
}

static void must_not_start(enum world_mark mark)
{
	victim->doomed = true;
	sim.cfg.rot_mean = 1;		/* a refusal is right now */
	WORLD_CHECK(!node_start(victim), "node %c started with devices that do not belong together",
		    'a' + victim->id);
	mark_count[mark]++;
}

static bool whole(void)
{
	return !victim->st.absent && final_settled();
}

static void must_become_whole(void)
{
	data_exchanged(victim);
	WORLD_CHECK(node_start(victim), "node %c does not start", 'a' + victim->id);
	WORLD_CHECK(victim->st.absent, "node %c does not know that its data device is older",
		    'a' + victim->id);
	WORLD_CHECK(world_until(whole, 60 * SEC), "node %c does not become whole",
		    'a' + victim->id);
	platter_check(victim, model_last(), true, "whole");
	WORLD_MARK(DATA_OLDER);
}

static void must_be_refused(u8 reason)
{
	u64 before = world.rejects[reason];

	silent = false;
	world_until(never, 500 * MSEC);	/* the peers notice that it was gone */
	WORLD_CHECK(world_until(nobody_is_connected, 10 * SEC), "a peer never notices");
	WORLD_CHECK(node_start(victim), "node %c does not start", 'a' + victim->id);
	WORLD_CHECK(!world_until(takes_part, 2 * SEC),
		    "node %c is accepted by a peer though its store is a wrong one",
		    'a' + victim->id);
	WORLD_CHECK(world.rejects[reason] > before, "node %c was not refused for reason %u",
		    'a' + victim->id, reason);
}

static void damage(enum wrong how)
{
	struct node *other = &world.node[(victim->id + 1) % world.cfg.nodes];
	struct page **log, **data;

	node_stop(victim, true);
	log = disk_copy(&victim->log);
	data = disk_copy(&victim->data);
	WORLD_CHECK(node_start(victim), "node %c does not start again", 'a' + victim->id);
	WORLD_CHECK(world_until(all_know, 60 * SEC), "node %c does not come back", 'a' + victim->id);
	final_write(3);
	WORLD_CHECK(world_until(all_know, 60 * SEC), "replicas do not become equal");
	restart();
	node_stop(victim, true);
	if (how == W_ROLLBACK || how == W_LOG_ONLY)
		disk_restore(&victim->log, log);
	if (how == W_ROLLBACK || how == W_DATA_ONLY)
		disk_restore(&victim->data, data);
	if (how == W_SWAPPED)
		disk_restore(&victim->data, disk_copy(&other->data));
	if (how == W_WIPED) {
		/* What it sent last comes from the store that it had, and is answered. */
		WORLD_CHECK(world_until(nobody_is_connected, 10 * SEC), "a peer never notices");
		cfg_vary(victim);
		node_format(victim);
	}
	if (how != W_DATA_ONLY)
		node_forget(victim);
}

void wrong_store(void)
{
	enum wrong how = (enum wrong)rnd_below(R_FAULT, W_NR);

	victim = &world.node[rnd_below(R_FAULT, world.cfg.nodes)];
	if (world.cfg.nodes == 1 || !rnd_one_in(R_FAULT, 4) || !victim->up || victim->doomed ||
	    !final_covered(node_leader(), victim))
		return;
	TRACE(victim->id, "wrong-store", how, 0);
	damage(how);
	switch (how) {
	case W_DATA_ONLY:
		must_become_whole();
		break;
	case W_LOG_ONLY:
		must_not_start(MARK_DATA_STALE);
		break;
	case W_SWAPPED:
		must_not_start(MARK_DATA_SWAPPED);
		break;
	case W_WIPED:
		must_be_refused(WIRE_R_STORE);
		break;
	default:
		victim->set_back = true;
		must_be_refused(WIRE_R_ROLLBACK);
	}
}
