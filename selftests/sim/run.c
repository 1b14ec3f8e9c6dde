// SPDX-License-Identifier: GPL-2.0
/* One seed: a cluster is made, suffers, and is healed. */
#include <setjmp.h>

#include "sim.h"

struct sim sim;

static bool boot_done;
static jmp_buf sim_failed;

/* The pure layers' broken invariants end here. */
void rblk_assert_failed(const char *what, const char *file, int line)
{
	world_fail("%s:%d: invariant broken: %s", file, line, what);
}

static void boot_event(struct event *e)
{
	struct node *n = &world.node[e->a];
	struct rblk_conf conf;
	u32 slot;
	int ret;

	ret = rblk_node_bootstrap_conf(n->m, "sim:boot", world.cfg.sectors, world.cluster, &conf, &slot);
	conf.flags = world.cfg.shared ? RBLK_CONF_SHARED : 0;
	if (!ret)
		ret = rblk_node_bootstrap(n->m, &conf, &slot);
	TRACE(n->id, "bootstrap", (u64)-ret, slot);
	if (ret)
		ev_push(world.now + 20 * MSEC, boot_event, WORLD_NONE, e->a, 0, NULL);
	else
		boot_done = true;
	node_after(n);
}

static bool booted(bool everywhere)
{
	u32 i;

	if (!boot_done || !node_leader() || !node_leader()->st.raft.leader_ready)
		return false;
	for (i = 0; everywhere && i < world.cfg.nodes; i++)
		if (!world.node[i].st.conf.index)
			return false;
	return true;
}

/* Nothing fails before the volume exists. */
static void bootstrap(void)
{
	struct world_cfg real = world.cfg;
	bool everywhere = rnd_one_in(R_FAULT, 2);
	u32 i;

	world.cfg.write_error = world.cfg.read_error = world.cfg.corrupt = 0;
	world.cfg.crash_io = 0;
	world.cfg.slow_link = 1;
	world.cfg.raw_loss = world.cfg.raw_dup = world.cfg.raw_reorder = world.cfg.raw_ghost = 0;
	for (i = 0; i < world.cfg.all; i++)
		cfg_vary(&world.node[i]);
	world_start();
	boot_done = false;
	ev_push(20 * MSEC, boot_event, WORLD_NONE, rnd_below(R_FAULT, world.cfg.nodes), 0, NULL);
	while (!booted(everywhere)) {
		WORLD_CHECK(world.now < 60 * SEC, "the bootstrap does not end");
		ev_step(world.now + 10 * MSEC);
	}
	world.cfg = real;
}

static void ran(struct node *n)
{
	user_session(n);
	setback_ran(n);
	unread_ran(n);
}

static void reset(u64 seed, bool trace, bool cost)
{
	memset(&sim, 0, sizeof(sim));
	sim.seed = seed;
	sim.cost = cost;
	world_reset(seed);
	world.trace = trace;
	world.on = (struct world_hooks){
		.accepted = user_accepted, .ran = ran, .power_cut = fault_cut,
	};
	if (cost)
		cost_draw();
	else
		cfg_draw();
	world_begin();
	if (world.cfg.nodes == 1)
		WORLD_MARK(SINGLE_NODE);
}

static void failed(void)
{
	longjmp(sim_failed, 1);
}

/* Faults, and users who come and go in spite of them. */
static void suffer(void)
{
	TRACE(WORLD_NONE, "faults-begin", 0, 0);
	fault_init();
	stranger_init();
	turn_init();
	ev_push(world.now, user_tick, WORLD_NONE, 0, 0, NULL);
	sim.phase_end = world.now + sim.cfg.duration;
	while (ev_step(sim.phase_end))
		;
	TRACE(WORLD_NONE, "heal", 0, 0);
}

bool sim_seed(u64 seed, bool trace, bool cost)
{
	reset(seed, trace, cost);
	if (trace)
		cfg_print();
	if (setjmp(sim_failed))
		return false;
	world.on.failed = failed;
	bootstrap();
	if (cost)
		cost_run();
	else
		suffer();
	final_run();
	world.on.failed = NULL;
	return true;
}
