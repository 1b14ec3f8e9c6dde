// SPDX-License-Identifier: GPL-2.0
/*
 * Swarm testing: sizes, limits, timeouts, and which faults there are and how
 * often are all drawn from the seed. A fault that is rare everywhere hides what
 * only shows when it is frequent, and the other way round.
 */
#include "sim.h"

static u32 pick_nodes(void)
{
	u64 r = rnd_below(R_CFG, 100);

	return r < 55 ? 3 : r < 80 ? 5 : r < 87 ? 1 : r < 94 ? 2 : 4;
}

/* With @percent chance a value of [lo, hi], evenly over magnitudes; else 0. */
static u64 maybe(u32 percent, u64 lo, u64 hi)
{
	u64 v = rnd_log(R_CFG, lo, hi);

	return rnd_below(R_CFG, 100) < percent ? v : 0;
}

static void draw_limits(struct sim_cfg *c)
{
	struct rblk_node_limits *l = &c->limits;

	l->entries = 1u << rnd_range(R_CFG, 7, 10);
	l->versions = (u32)rnd_log(R_CFG, 4 * RBLK_ENTRY_BLOCKS_MAX, 2048);
	l->ranges = (u32)rnd_log(R_CFG, 4, 64);
	l->reads = (u32)rnd_log(R_CFG, 2, 64);
	l->batch = (u32)rnd_range(R_CFG, RBLK_ENTRY_BLOCKS_MAX, l->versions);
	l->uncommitted_bytes = (u32)rnd_log(R_CFG, 2 * RBLK_WRITE_MAX, 1 << 20);
	l->apply_bytes = (u32)rnd_log(R_CFG, 16 << 10, 1 << 20);
	if (rnd_one_in(R_CFG, 2)) {	/* as rblk_node_limits_default() would have it */
		c->pool_pages = (u32)rnd_log(R_CFG, 8 * RBLK_WRITE_MAX, 8 << 20) / RBLK_BLOCK_SIZE;
		l->uncommitted_bytes = l->apply_bytes = c->pool_pages * RBLK_BLOCK_SIZE / 8;
	}
	l->window = 1u << rnd_range(R_CFG, 0, 8);
	l->follow_ms = (u32)rnd_log(R_CFG, 50, 30000);
	l->msg_ents = (u32)rnd_log(R_CFG, 1, WIRE_ENTRIES_MAX);
	l->inflight_msgs = (u32)rnd_log(R_CFG, 1, 16);
	l->records_inflight = (u32)rnd_range(R_CFG, 1, LOG_INFLIGHT);
	c->vary = rnd_one_in(R_CFG, 2);
	c->heartbeat_ms = (u32)rnd_range(R_CFG, 20, 80);
	c->election_ms = c->heartbeat_ms * (u32)rnd_range(R_CFG, 4, 10);
	l->default_election_ms = c->election_ms;
	l->default_heartbeat_ms = c->heartbeat_ms;
}

static void draw_net(struct sim_cfg *c)
{
	bool raw = rnd_below(R_CFG, 100) < 25;

	c->delay_min = rnd_log(R_CFG, 20 * USEC, MSEC);
	c->delay_max = c->delay_min + rnd_log(R_CFG, 50 * USEC, 10 * MSEC);
	c->reset_mean = maybe(50, 100 * MSEC, 5 * SEC);
	c->partition_mean = maybe(55, 200 * MSEC, 4 * SEC);
	c->partition_len = rnd_log(R_CFG, 30 * MSEC, 3 * SEC);
	c->raw_loss = raw ? (u32)maybe(70, 200, 100000) : 0;
	c->raw_dup = raw ? (u32)maybe(70, 200, 100000) : 0;
	c->raw_reorder = raw ? (u32)maybe(70, 200, 300000) : 0;
	c->corrupt = (u32)maybe(25, 100, 20000);
	c->slow_link = rnd_one_in(R_CFG, 4) ? (u32)rnd_range(R_CFG, 2, 50) : 1;
	c->sndbuf = rnd_log(R_CFG, 16 << 10, 1 << 20);
	c->bandwidth = rnd_log(R_CFG, 10 << 10, 4 << 20);
}

static void draw_disks(struct sim_cfg *c)
{
	c->log_min = rnd_log(R_CFG, 10 * USEC, 300 * USEC);
	c->log_max = c->log_min + rnd_log(R_CFG, 10 * USEC, 8 * MSEC);
	c->data_min = rnd_log(R_CFG, 10 * USEC, 300 * USEC);
	c->data_max = c->data_min +
		      rnd_log(R_CFG, 10 * USEC, rnd_one_in(R_CFG, 5) ? 300 * MSEC : 8 * MSEC);
	c->slow_mean = maybe(30, 500 * MSEC, 5 * SEC);
	c->slow_len = rnd_log(R_CFG, 50 * MSEC, 2 * SEC);
	c->slow_factor = (u32)rnd_log(R_CFG, 4, 500);
	c->write_error = (u32)maybe(15, 20, 3000);
	c->read_error = (u32)maybe(15, 20, 10000);
	c->rot_mean = maybe(20, 100 * MSEC, 4 * SEC);
	c->torn = (u32)rnd_range(R_CFG, 5, 95);
	c->writeback = (u32)rnd_range(R_CFG, 0, 50);
}

static void draw_nodes(struct sim_cfg *c)
{
	c->drift_ppm = (u32)maybe(50, 100, 100000);
	c->crash_mean = maybe(60, 100 * MSEC, 5 * SEC);
	c->blackout_mean = maybe(40, 500 * MSEC, 8 * SEC);
	c->crash_io = (u32)maybe(50, 100, 10000);
	c->down_len = rnd_log(R_CFG, 10 * MSEC, 3 * SEC);
	c->pause_mean = maybe(35, 200 * MSEC, 5 * SEC);
	c->pause_len = rnd_log(R_CFG, 20 * MSEC, 2 * SEC);
	c->clean_stop = (u32)rnd_range(R_CFG, 0, 60);
	c->transfer_mean = maybe(50, 100 * MSEC, 4 * SEC);
	c->checkpoint_mean = maybe(50, 50 * MSEC, 4 * SEC);
	c->run_delay = rnd_one_in(R_CFG, 2) ? 0 : rnd_log(R_CFG, USEC, 2 * MSEC);
}

static void draw_users(struct sim_cfg *c)
{
	u64 bytes = rnd_log(R_CFG, 1 << 20, 40 << 20), ops;
	u32 writes;

	c->size_max = 1u << rnd_range(R_CFG, 3, 8);	/* 4 KiB .. 128 KiB */
	c->burst = (u32)rnd_log(R_CFG, 1, 24);
	c->depth = (u32)rnd_log(R_CFG, 1, 96);
	c->w_write = (u32)rnd_range(R_CFG, 20, 100);
	c->w_zero = rnd_one_in(R_CFG, 2) ? 0 : (u32)rnd_range(R_CFG, 1, 15);
	c->w_read = (u32)rnd_range(R_CFG, 0, 60);
	c->w_open = (u32)rnd_range(R_CFG, 0, 4);
	c->w_close = (u32)rnd_range(R_CFG, 0, 2);
	c->stray = (u32)rnd_range(R_CFG, 0, 30);
	c->force = (u32)rnd_range(R_CFG, 0, 30);
	c->shared = rnd_one_in(R_CFG, 5);
	c->hot = rnd_one_in(R_CFG, 2) ? 0 : (u32)rnd_log(R_CFG, 8, 256);
	writes = c->w_write * 100 / (c->w_write + c->w_zero + c->w_read + c->w_open + c->w_close);
	ops = bytes / (c->size_max * 512 / 3) * 100 / writes;
	ops = ops < 400 ? 400 : ops > 4000 ? 4000 : ops;
	c->op_mean = c->duration / ops * ((c->burst + 1) / 2 + 1);
}

/* A data device that stalls under large writes: the only way to fill a ring. */
static void draw_pressure(struct sim_cfg *c)
{
	c->duration = rnd_range(R_CFG, 2 * SEC, 5 * SEC);
	c->size_max = 256;
	c->depth = 96;
	c->burst = 24;
	c->w_read = 5;
	c->op_mean = 20 * MSEC;
	c->slow_mean = 300 * MSEC;
	c->slow_len = 2 * SEC;
	c->slow_factor = 2000;
	c->slow_data = true;
	c->limits.entries = 1024;
	c->crash_io /= 20;
}

/* From a stream of its own: what was drawn before stays as it was. */
static void draw_late(struct sim_cfg *c)
{
	c->give_up = rnd_one_in(R_LATE, 2) ? (u32)rnd_range(R_LATE, 1, 100) : 0;
	c->patience = rnd_log(R_LATE, 5 * MSEC, 2 * SEC);
	c->raw_ghost = rnd_one_in(R_LATE, 4) ? (u32)rnd_log(R_LATE, 200, 100000) : 0;
}

/* Members far from each other: a round trip is about as long as a heartbeat, or longer. */
static void draw_far(struct sim_cfg *c)
{
	if (!rnd_one_in(R_FAR, 12))
		return;
	c->delay_min = c->heartbeat_ms * MSEC / 100 * rnd_range(R_FAR, 30, 65);
	c->delay_max = c->delay_min + c->heartbeat_ms * MSEC / 10;
	c->slow_link = 1;
}

void cfg_draw(struct sim_cfg *c, u64 seed)
{
	memset(c, 0, sizeof(*c));
	c->nodes = pick_nodes();
	c->clients = rnd_one_in(R_CFG, 2) ? 0 : (u32)rnd_range(R_CFG, 1, 2);
	c->all = c->nodes + c->clients;
	c->block_size = rnd_one_in(R_CFG, 2) ? 512 : 4096;
	c->ring_bytes = LOG_RING_MIN + (rnd_one_in(R_CFG, 2) ? 0 : rnd_below(R_CFG, 3) << 20);
	c->sectors = rnd_log(R_CFG, 256, 16384) & ~7ull;
	c->duration = rnd_log(R_CFG, 2 * SEC, 30 * SEC);
	draw_limits(c);
	draw_net(c);
	draw_disks(c);
	draw_nodes(c);
	draw_users(c);
	if (rnd_one_in(R_CFG, 16))
		draw_pressure(c);
	draw_late(c);
	draw_far(c);
}

/*
 * Members need not be alike: what they replicate does not depend on their memory.
 * But all need the same entry table: a follower with a smaller one cannot take
 * in what a leader has to bring it before anything is committed.
 */
void cfg_vary(struct rblk_node_limits *l)
{
	*l = sim.cfg.limits;
	if (!sim.cfg.vary)
		return;
	l->versions = (u32)rnd_range(R_CFG, 2 * RBLK_ENTRY_BLOCKS_MAX, l->versions);
	l->batch = (u32)rnd_range(R_CFG, RBLK_ENTRY_BLOCKS_MAX, l->versions);
	l->ranges = (u32)rnd_range(R_CFG, 1, l->ranges);
	l->reads = (u32)rnd_range(R_CFG, 1, l->reads);
	l->msg_ents = (u32)rnd_range(R_CFG, 1, l->msg_ents);
	l->records_inflight = (u32)rnd_range(R_CFG, 1, LOG_INFLIGHT);
}

void cfg_print(const struct sim_cfg *c)
{
#define P(f) printf("#   %-16s %llu\n", #f, (unsigned long long)c->f)
	P(nodes); P(clients); P(block_size); P(ring_bytes); P(sectors); P(duration); P(run_delay);
	P(pool_pages);
	P(vary);
	P(limits.entries);
	P(limits.versions);
	P(limits.ranges);
	P(limits.reads);
	P(limits.batch);
	P(limits.uncommitted_bytes); P(limits.apply_bytes); P(limits.msg_ents);
	P(limits.inflight_msgs);
	P(limits.records_inflight);
	P(limits.window);
	P(limits.follow_ms);
	P(election_ms);
	P(heartbeat_ms);
	P(delay_min); P(delay_max); P(reset_mean); P(partition_mean); P(partition_len);
	P(raw_loss);
	P(raw_dup);
	P(raw_reorder);
	P(raw_ghost);
	P(corrupt);
	P(slow_link);
	P(sndbuf);
	P(bandwidth);
	P(log_min);
	P(log_max);
	P(data_min);
	P(data_max);
	P(slow_mean);
	P(slow_len);
	P(slow_factor);
	P(slow_data);
	P(write_error); P(read_error); P(rot_mean); P(torn); P(writeback); P(drift_ppm);
	P(crash_mean);
	P(crash_io);
	P(blackout_mean);
	P(down_len);
	P(pause_mean);
	P(pause_len);
	P(clean_stop);
	P(transfer_mean); P(checkpoint_mean); P(op_mean); P(burst); P(depth); P(w_write);
	P(w_zero);
	P(w_read);
	P(w_open);
	P(w_close);
	P(stray);
	P(force);
	P(shared);
	P(give_up);
	P(patience);
	P(size_max);
	P(hot);
#undef P
}
