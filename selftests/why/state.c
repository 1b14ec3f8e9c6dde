// SPDX-License-Identifier: GPL-2.0
/* What goes wrong in a volume that is well, and lasts. */
#include "walk.h"

/* ---- who ---- */

static bool any(const struct node *n)
{
	return true;
}

static bool follows(const struct node *n)
{
	return n != node_leader();
}

/* A member of which @fits is true, by chance. */
static struct node *member(bool (*fits)(const struct node *n))
{
	u32 first = (u32)rnd_below(R_FAULT, world.cfg.nodes), i;

	for (i = 0; i < world.cfg.nodes; i++) {
		struct node *n = &world.node[(first + i) % world.cfg.nodes];

		if (fits(n) && !(walk.culprits >> n->id & 1))
			return n;
	}
	world_fail("there is no such member");
}

static struct node *client(void)
{
	return &world.node[world.cfg.nodes];
}

static struct node *culprit(struct node *n)
{
	walk.culprits |= 1u << n->id;
	return n;
}

/* Members as long as what is left is no majority. */
static void majority(void (*what)(struct node *n))
{
	u32 i;

	for (i = 0; i < (world.cfg.nodes + 1) / 2; i++)
		what(culprit(member(any)));
}

/* ---- nodes and links ---- */

static void stop(struct node *n)
{
	node_stop(n, rnd_one_in(R_FAULT, 2));
}

static void freeze(struct node *n)
{
	node_pause(n, NEVER - world.now);
}

static void cut_link(u8 a, u8 b, bool both_ways)
{
	int ch;

	net_block(a, b, NEVER);
	if (both_ways)
		net_block(b, a, NEVER);
	for (ch = 0; ch < WIRE_CHANNELS; ch++)
		net_reset(a, b, (enum wire_channel)ch);
}

static void cut_off(struct node *n)
{
	u8 i;

	for (i = 0; i < world.cfg.all; i++)
		if (i != n->id)
			cut_link(n->id, i, true);
}

static void nothing(void)
{
	walk.well = true;
}

static void one_down(void)
{
	stop(culprit(member(any)));
}

static void most_down(void)
{
	majority(stop);
}

static void one_frozen(void)
{
	freeze(culprit(member(any)));
}

static void most_frozen(void)
{
	majority(freeze);
}

static void one_cut_off(void)
{
	cut_off(culprit(member(any)));
}

static void one_link(void)
{
	struct node *a = culprit(member(any)), *b = culprit(member(any));

	cut_link(a->id, b->id, rnd_one_in(R_FAULT, 2));
}

static void client_cut_off(void)
{
	cut_off(culprit(client()));
}

static void client_from_leader(void)
{
	cut_link(culprit(client())->id, culprit(node_leader())->id, true);
}

static void client_from_most(void)
{
	u32 i;

	culprit(client());
	for (i = 0; i + 1 < world.cfg.nodes; i++)
		cut_link(client()->id, culprit(member(any))->id, true);
}

static void all_down_for_client(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++)
		stop(culprit(&world.node[i]));
}

/* Whoever comes when there is no quorum has to be told by others, or be told nothing. */
static void comes_without_quorum(void)
{
	struct node *n = client();

	node_stop(n, true);
	majority(stop);
	walk_run(walk_election());
	node_start(n);
}

static void all_restart_but_most(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++)
		node_stop(&world.node[i], false);
	for (i = 0; i < (world.cfg.nodes + 1) / 2; i++)
		culprit(member(any));
	for (i = 0; i < world.cfg.nodes; i++)
		if (!(walk.culprits >> i & 1))
			node_start(&world.node[i]);
}

/* ---- devices ---- */

static void hang_log(struct node *n)
{
	n->log.hold = U32_MAX;
}

static void hang_data(struct node *n)
{
	n->data.hold = U32_MAX;
}

static void log_hangs(void)
{
	hang_log(culprit(member(any)));
}

static void data_hangs(void)
{
	hang_data(culprit(member(any)));
}

static void most_logs_hang(void)
{
	majority(hang_log);
}

static void all_logs_hang(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++)
		hang_log(culprit(&world.node[i]));
}

static void all_data_hangs(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++)
		hang_data(culprit(&world.node[i]));
}

/* Not enough are left to elect anybody. */
static void log_hangs_and_down(void)
{
	log_hangs();
	one_down();
}

static void frozen_and_down(void)
{
	one_frozen();
	one_down();
}

/* ---- halts ---- */

static void lose_device(struct node *n, enum rblk_node_halt why)
{
	n->injected = true;
	rblk_node_device_lost(n->m, why, node_now(n));
	node_after(n);
}

static void lose_log(struct node *n)
{
	lose_device(n, NODE_HALT_LOG);
}

static void log_lost(void)
{
	lose_log(culprit(member(any)));
}

static void data_lost(void)
{
	lose_device(culprit(member(any)), NODE_HALT_DATA);
}

static void most_logs_lost(void)
{
	majority(lose_log);
}

static void invariant_breaks(void)
{
	struct node *n = culprit(member(any));

	n->broken = true;
	rblk_node_data_sync_done(n->m, 0, node_now(n));
	node_after(n);
}

/* ---- stores ---- */

static struct page **image[WORLD_NODES][2];

static void take_image(struct node *n)
{
	image[n->id][0] = disk_copy(&n->log);
	image[n->id][1] = disk_copy(&n->data);
}

void state_formatted(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++)
		take_image(&world.node[i]);
}

static void put_back(struct node *n)
{
	node_stop(n, true);
	disk_restore(&n->log, image[n->id][0]);
	disk_restore(&n->data, image[n->id][1]);
	n->set_back = true;
	node_forget(n);
	node_start(n);
}

static void set_back(void)
{
	struct node *n = culprit(member(any));

	node_stop(n, true);
	take_image(n);
	node_start(n);
	walk_run(3 * walk_election());
	walk_write(8);
	node_stop(n, true);
	walk_run(walk_election());
	node_start(n);
	walk_run(5 * walk_election());
	put_back(n);
}

/* To a time before there was a volume: its node does not know who is a member. */
static void set_back_to_nothing(void)
{
	struct node *n = culprit(member(any));

	node_stop(n, true);
	walk_run(walk_election());
	node_start(n);
	walk_run(5 * walk_election());
	put_back(n);
}

/* Its devices were copied while it was down, and the copy was there before it. */
static void copied(void)
{
	struct node *n = culprit(member(any));

	node_stop(n, true);
	take_image(n);
	walk_run(walk_election());
	node_start(n);
	walk_run(5 * walk_election());
	put_back(n);
}

/* Those that saw more of its store are not all there. */
static void set_back_and_down(void)
{
	set_back();
	walk_run(3 * walk_election());
	one_down();
}

static void wiped(void)
{
	struct node *n = culprit(member(any));

	node_stop(n, true);
	walk_run(3 * walk_election());
	node_format(n);
	node_forget(n);
	node_start(n);
}

/*
 * It is away until the log reaches back no further than its end, and frames of a resync are lost:
 * what it asks for, or what it is sent.
 */
static void left_behind(struct node *n, u8 type)
{
	struct net_rule r = { .from = WORLD_NONE, .to = WORLD_NONE, .type = type, .fate = NET_LOSE };

	net_rule_add(&r);
	node_stop(n, false);
	walk_run(3 * walk_election());
	walk_write(3 * world.cfg.limits.entries);
	node_start(n);
}

static void needs_resync(void)
{
	left_behind(culprit(member(follows)), WIRE_PULL);
}

static void lacks_content(void)
{
	left_behind(culprit(member(follows)), WIRE_CHUNK);
	walk_run(3 * walk_election());
}

static void resync_and_down(void)
{
	needs_resync();
	walk_run(3 * walk_election());
	one_down();
}

/* ---- refusals: what a node says of itself is changed, on the way to others and from them ---- */

static u32 strange;	/* nodes that this is about */

static void say_wrong(const struct node *n, u8 to, struct wire_hello *h)
{
	switch (walk.reason) {
	case WIRE_R_VERSION:
		h->version_min = h->version_max = WIRE_VERSION + 1;
		break;
	case WIRE_R_VOLUME:
		h->volume[0] ^= 0x55;
		break;
	case WIRE_R_CLUSTER:
		h->cluster ^= 0x55;
		break;
	case WIRE_R_NODE:
		snprintf(h->peer, sizeof(h->peer), "other");
		break;
	case WIRE_R_STORE:
		h->store ^= 0x5500;
		break;
	case WIRE_R_DUPLICATE:
		h->store = world.node[to].super.store;
		break;
	case WIRE_R_SIZES:
		h->entries /= 2;
		break;
	case WIRE_R_ABSURD:
		h->generation |= 1ull << 62;
		break;
	case WIRE_R_COPY:
		h->line[0] ^= 0x5500;
		break;
	case WIRE_R_ROLE:
		h->role = h->role == WIRE_CLIENT ? WIRE_REPLICA : WIRE_CLIENT;
		break;
	}
}

/* What is between two nodes, both see; what a node says of its own store, the others. */
static bool mutual(u8 reason)
{
	return reason != WIRE_R_STORE && reason != WIRE_R_ABSURD && reason != WIRE_R_COPY;
}

static void change_hello(struct node *n, u8 to, struct wire_hello *h)
{
	if (strange >> n->id & 1 || (strange >> to & 1 && mutual(walk.reason)))
		say_wrong(n, to, h);
}

static void turn_strange(struct node *n)
{
	u8 i;
	int ch;

	strange |= 1u << n->id;
	n->set_back = walk.reason == WIRE_R_COPY;
	world.on.hello = change_hello;
	for (i = 0; i < world.cfg.all; i++)
		for (ch = 0; i != n->id && ch < WIRE_CHANNELS; ch++)
			net_reset(n->id, i, (enum wire_channel)ch);
}

static void refused(void)
{
	strange = 0;
	turn_strange(culprit(member(any)));
}

static void most_refused(void)
{
	strange = 0;
	majority(turn_strange);
}

static void client_refused(void)
{
	strange = 0;
	/* These are of stores. */
	if (walk.reason == WIRE_R_STORE || walk.reason == WIRE_R_SIZES ||
	    walk.reason == WIRE_R_ABSURD || walk.reason == WIRE_R_COPY)
		walk.reason = WIRE_R_VOLUME;
	turn_strange(culprit(client()));
}

/* ---- before there is a volume ---- */

static void blank(void)
{
}

static void blank_and_down(void)
{
	stop(culprit(member(any)));
}

static void blank_and_refused(void)
{
	strange = 0;
	/* These are of what a configuration says, or of what was seen of its members. */
	if (walk.reason == WIRE_R_STORE || walk.reason == WIRE_R_CLUSTER ||
	    walk.reason == WIRE_R_SIZES || walk.reason == WIRE_R_COPY)
		walk.reason = WIRE_R_VOLUME;
	turn_strange(culprit(member(any)));
}

/* ---- sessions ---- */

static void held(void)
{
	struct node *n = member(any);

	if (!walk.holder)
		walk_open(n, 0);
	walk.well = true;
}

static void left(void)
{
	held();
	op_close(walk.holder, true);
	node_after(walk.holder);
}

/* Another node takes the session by force from one that uses it. */
static void taken(void)
{
	held();
	if (world.cfg.shared)
		return;
	culprit(walk.holder);
	walk_open(member(any), NODE_OPEN_FORCE);
	walk.well = false;
}

const struct state states[] = {
	{ "well", 1, nothing },
	{ "held", 1, held },
	{ "left", 1, left },
	{ "taken", 2, taken },
	{ "one-down", 2, one_down, .direct = true },
	{ "most-down", 1, most_down, .direct = true },
	{ "one-frozen", 2, one_frozen, .direct = true },
	{ "most-frozen", 2, most_frozen, .direct = true },
	{ "one-cut-off", 2, one_cut_off, .direct = true },
	{ "one-link", 2, one_link },
	{ "client-cut-off", 1, client_cut_off, .self = true, .direct = true },
	{ "client-from-leader", 3, client_from_leader, .direct = true },
	{ "client-from-most", 3, client_from_most, .direct = true },
	{ "all-down", 1, all_down_for_client, .direct = true },
	{ "comes-without-quorum", 1, comes_without_quorum, .direct = true },
	{ "all-restart-but-most", 2, all_restart_but_most, .direct = true },
	{ "log-hangs", 1, log_hangs, .self = true },
	{ "data-hangs", 1, data_hangs, .self = true },
	{ "most-logs-hang", 2, most_logs_hang, .self = true },
	{ "all-logs-hang", 2, all_logs_hang, .self = true },
	{ "all-data-hangs", 1, all_data_hangs, .fills = true },
	{ "log-hangs-and-down", 3, log_hangs_and_down },
	{ "frozen-and-down", 3, frozen_and_down, .direct = true },
	{ "log-lost", 1, log_lost, .self = true },
	{ "data-lost", 1, data_lost, .self = true },
	{ "most-logs-lost", 2, most_logs_lost, .self = true },
	{ "invariant", 1, invariant_breaks, .self = true },
	{ "set-back", 3, set_back, .self = true },
	{ "set-back-to-nothing", 2, set_back_to_nothing, .self = true },
	{ "copied", 2, copied, .self = true },
	{ "set-back-and-down", 3, set_back_and_down },
	{ "wiped", 2, wiped, .self = true },
	{ "needs-resync", 3, needs_resync, .self = true },
	{ "lacks-content", 3, lacks_content, .self = true },
	{ "resync-and-down", 3, resync_and_down },
	{ "refused", 2, refused, .refuses = true, .self = true },
	{ "most-refused", 3, most_refused, .refuses = true },
	{ "client-refused", 1, client_refused, .refuses = true, .self = true, .direct = true },
	{ "blank", 1, blank, .blank = true },
	{ "blank-and-down", 2, blank_and_down, .blank = true },
	{ "blank-and-refused", 2, blank_and_refused, .blank = true, .refuses = true },
};

const u32 nstates = sizeof(states) / sizeof(states[0]);
