// SPDX-License-Identifier: GPL-2.0
/* Starts the world, and runs it until a condition is true. */
#include "world.h"

struct world world;

void world_reset(u64 seed)
{
	struct node kept[WORLD_NODES];
	u32 i;

	memcpy(kept, world.node, sizeof(kept));
	memset(&world, 0, sizeof(world));
	for (i = 0; i < WORLD_NODES; i++) {
		world.node[i].id = (u8)i;
		world.node[i].mem = kept[i].mem;
		world.node[i].attached[0] = kept[i].attached[0];
		world.node[i].attached[1] = kept[i].attached[1];
	}
	rnd_seed(seed);
	mem_reset();
	ev_reset();
}

void world_begin(void)
{
	u32 i;

	world.cfg.all = world.cfg.nodes + world.cfg.clients;
	for (i = 0; i < world.cfg.all; i++) {
		world.node[i].limits = world.cfg.limits;
		world.node[i].serves = U32_MAX;
	}
	for (i = 0; i < RBLK_UUID_LEN; i++)
		world.volume[i] = (u8)(rnd(R_CFG) | 1);
	world.cluster = rnd(R_CFG) | 1;
	op_init();
	flip_init();
	model_init();
	platter_init();
	check_init();
	net_rules_init();
	net_init();
}

void world_start(void)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++)
		node_format(&world.node[i]);
	for (i = 0; i < world.cfg.all; i++)
		WORLD_CHECK(node_start(&world.node[i]), "a blank node does not start");
}

bool world_until(bool (*done)(void), u64 bound)
{
	u64 until = world.now + bound, next = world.now;

	for (;;) {
		if (world.now >= next) {
			if (done())
				return true;
			next = world.now + 10 * MSEC;
		}
		if (world.now >= until)
			return false;
		ev_step(next < until ? next : until);
	}
}
