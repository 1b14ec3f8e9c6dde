// SPDX-License-Identifier: GPL-2.0
/* One seed: a cluster is made, suffers, and is healed. */
#include "sim.h"

struct sim sim;

static bool boot_done;

static void boot_event(struct event *e)
{
	struct node *n = &sim.node[e->a];
	struct rblk_conf conf;
	u32 slot;
	int ret;

	ret = rblk_node_bootstrap_conf(n->m, "sim:boot", sim.cfg.sectors, sim.nonce, &conf, &slot);
	conf.flags = sim.cfg.shared ? RBLK_CONF_SHARED : 0;
	if (!ret)
		ret = rblk_node_bootstrap(n->m, &conf, &slot);
	TRACE(n->id, "bootstrap", (u64)-ret, slot);
	if (ret)
		ev_push(sim.now + 20 * MSEC, boot_event, SIM_NONE, e->a, 0, NULL);
	else
		boot_done = true;
	node_after(n);
}

static bool booted(bool everywhere)
{
	u32 i;

	if (!boot_done || !node_leader() || !node_leader()->st.raft.leader_ready)
		return false;
	for (i = 0; everywhere && i < sim.cfg.nodes; i++)
		if (!sim.node[i].st.conf.index)
			return false;
	return true;
}

/* Nothing fails before the volume exists. */
static void bootstrap(void)
{
	struct sim_cfg real = sim.cfg;
	bool everywhere = rnd_one_in(R_FAULT, 2);
	u32 i;

	sim.cfg.write_error = sim.cfg.read_error = sim.cfg.corrupt = 0;
	sim.cfg.crash_io = 0;
	sim.cfg.slow_link = 1;
	sim.cfg.raw_loss = sim.cfg.raw_dup = sim.cfg.raw_reorder = sim.cfg.raw_ghost = 0;
	for (i = 0; i < sim.cfg.all; i++) {
		struct node *n = &sim.node[i];

		n->id = (u8)i;
		node_format(n);
	}
	for (i = 0; i < sim.cfg.all; i++)
		SIM_CHECK(node_start(&sim.node[i]), "a blank node does not start");
	boot_done = false;
	ev_push(20 * MSEC, boot_event, SIM_NONE, rnd_below(R_FAULT, sim.cfg.nodes), 0, NULL);
	while (!booted(everywhere)) {
		SIM_CHECK(sim.now < 60 * SEC, "the bootstrap does not end");
		ev_step(sim.now + 10 * MSEC);
	}
	sim.cfg = real;
}

static void reset(u64 seed, bool trace)
{
	struct node kept[SIM_NODES];
	u32 i;

	memcpy(kept, sim.node, sizeof(kept));
	memset(&sim, 0, sizeof(sim));
	for (i = 0; i < SIM_NODES; i++) {
		sim.node[i].m = kept[i].m;
		sim.node[i].msize = kept[i].msize;
		sim.node[i].pages = kept[i].pages;
	}
	sim.seed = seed;
	sim.trace = trace;
	rnd_seed(seed);
	mem_reset();
	ev_reset();
	cfg_draw(&sim.cfg, seed);
	for (i = 0; i < RBLK_UUID_LEN; i++)
		sim.volume[i] = (u8)(rnd(R_CFG) | 1);
	sim.nonce = rnd(R_CFG) | 1;
	client_init();
	model_init();
	check_init();
	net_init();
	if (sim.cfg.nodes == 1)
		SIM_MARK(SINGLE_NODE);
}

bool sim_seed(u64 seed, bool trace)
{
	reset(seed, trace);
	if (trace)
		cfg_print(&sim.cfg);
	if (setjmp(sim.fail)) {
		sim.in_run = false;
		return false;
	}
	sim.in_run = true;
	bootstrap();
	TRACE(SIM_NONE, "faults-begin", 0, 0);
	fault_init();
	ev_push(sim.now, client_tick, SIM_NONE, 0, 0, NULL);
	sim.phase_end = sim.now + sim.cfg.duration;
	while (ev_step(sim.phase_end))
		;
	TRACE(SIM_NONE, "heal", 0, 0);
	final_run();
	sim.in_run = false;
	return true;
}
