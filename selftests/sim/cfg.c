// SPDX-License-Identifier: GPL-2.0
/*
 * Swarm testing: sizes, limits, timeouts, and which faults there are and how
 * often are all drawn from the seed. A fault that is rare everywhere hides what
 * only shows when it is frequent, and the other way round.
 */
#include "sim.h"

static struct world_cfg *const w = &world.cfg;
static struct sim_cfg *const c = &sim.cfg;

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

static void draw_limits(void)
{
	struct rblk_node_limits *l = &w->limits;

	l->entries = 1u << rnd_range(R_CFG, 7, 10);
	l->versions = (u32)rnd_log(R_CFG, 4 * RBLK_ENTRY_BLOCKS_MAX, 2048);
	l->ranges = (u32)rnd_log(R_CFG, 4, 64);
	l->reads = (u32)rnd_log(R_CFG, 2, 64);
	l->batch = (u32)rnd_range(R_CFG, RBLK_ENTRY_BLOCKS_MAX, l->versions);
	l->uncommitted_bytes = (u32)rnd_log(R_CFG, 2 * RBLK_WRITE_MAX, 1 << 20);
	l->apply_bytes = (u32)rnd_log(R_CFG, 16 << 10, 1 << 20);
	if (rnd_one_in(R_CFG, 2)) {	/* as rblk_node_limits_default() would have it */
		w->pool_pages = (u32)rnd_log(R_CFG, 8 * RBLK_WRITE_MAX, 8 << 20) / RBLK_BLOCK_SIZE;
		l->uncommitted_bytes = l->apply_bytes = w->pool_pages * RBLK_BLOCK_SIZE / 8;
	}
	l->window = 1u << rnd_range(R_CFG, 0, 8);
	l->follow_ms = (u32)rnd_log(R_CFG, 50, 30000);
	l->msg_ents = (u32)rnd_log(R_CFG, 1, WIRE_ENTRIES_MAX);
	l->inflight_msgs = (u32)rnd_log(R_CFG, 1, 16);
	l->records_inflight = (u32)rnd_range(R_CFG, 1, LOG_INFLIGHT);
	c->vary = rnd_one_in(R_CFG, 2);
	c->vary_log = rnd_one_in(R_LOG, 3);
	l->default_heartbeat_ms = (u32)rnd_range(R_CFG, 20, 80);
	l->default_election_ms = l->default_heartbeat_ms * (u32)rnd_range(R_CFG, 4, 10);
}

static void draw_net(void)
{
	bool raw = rnd_below(R_CFG, 100) < 25;

	w->delay_min = rnd_log(R_CFG, 20 * USEC, MSEC);
	w->delay_max = w->delay_min + rnd_log(R_CFG, 50 * USEC, 10 * MSEC);
	c->reset_mean = maybe(50, 100 * MSEC, 5 * SEC);
	c->partition_mean = maybe(55, 200 * MSEC, 4 * SEC);
	c->partition_len = rnd_log(R_CFG, 30 * MSEC, 3 * SEC);
	w->raw_loss = raw ? (u32)maybe(70, 200, 100000) : 0;
	w->raw_dup = raw ? (u32)maybe(70, 200, 100000) : 0;
	w->raw_reorder = raw ? (u32)maybe(70, 200, 300000) : 0;
	w->corrupt = (u32)maybe(25, 100, 20000);
	w->slow_link = rnd_one_in(R_CFG, 4) ? (u32)rnd_range(R_CFG, 2, 50) : 1;
	w->sndbuf = rnd_log(R_CFG, 16 << 10, 1 << 20);
	w->bandwidth = rnd_log(R_CFG, 10 << 10, 4 << 20);
}

static void draw_disks(void)
{
	w->log_min = rnd_log(R_CFG, 10 * USEC, 300 * USEC);
	w->log_max = w->log_min + rnd_log(R_CFG, 10 * USEC, 8 * MSEC);
	w->data_min = rnd_log(R_CFG, 10 * USEC, 300 * USEC);
	w->data_max = w->data_min +
		      rnd_log(R_CFG, 10 * USEC, rnd_one_in(R_CFG, 5) ? 300 * MSEC : 8 * MSEC);
	c->slow_mean = maybe(30, 500 * MSEC, 5 * SEC);
	c->slow_len = rnd_log(R_CFG, 50 * MSEC, 2 * SEC);
	w->slow_factor = (u32)rnd_log(R_CFG, 4, 500);
	w->slow_max = 3 * SEC;		/* nothing is slower: its driver would reset the disk */
	w->write_error = (u32)maybe(15, 20, 3000);
	w->read_error = (u32)maybe(15, 20, 10000);
	c->rot_mean = maybe(20, 100 * MSEC, 4 * SEC);
	w->torn = (u32)rnd_range(R_CFG, 5, 95);
	w->writeback = (u32)rnd_range(R_CFG, 0, 50);
}

static void draw_nodes(void)
{
	w->drift_ppm = (u32)maybe(50, 100, 100000);
	c->crash_mean = maybe(60, 100 * MSEC, 5 * SEC);
	c->blackout_mean = maybe(40, 500 * MSEC, 8 * SEC);
	w->crash_io = (u32)maybe(50, 100, 10000);
	c->down_len = rnd_log(R_CFG, 10 * MSEC, 3 * SEC);
	c->pause_mean = maybe(35, 200 * MSEC, 5 * SEC);
	c->pause_len = rnd_log(R_CFG, 20 * MSEC, 2 * SEC);
	c->clean_stop = (u32)rnd_range(R_CFG, 0, 60);
	c->transfer_mean = maybe(50, 100 * MSEC, 4 * SEC);
	c->checkpoint_mean = maybe(50, 50 * MSEC, 4 * SEC);
	w->run_delay = rnd_one_in(R_CFG, 2) ? 0 : rnd_log(R_CFG, USEC, 2 * MSEC);
}

static void draw_users(void)
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
	w->shared = rnd_one_in(R_CFG, 5);
	c->hot = rnd_one_in(R_CFG, 2) ? 0 : (u32)rnd_log(R_CFG, 8, 256);
	writes = c->w_write * 100 / (c->w_write + c->w_zero + c->w_read + c->w_open + c->w_close);
	ops = bytes / (c->size_max * 512 / 3) * 100 / writes;
	ops = ops < 400 ? 400 : ops > 4000 ? 4000 : ops;
	c->op_mean = c->duration / ops * ((c->burst + 1) / 2 + 1);
}

/* A data device that stalls under large writes: the only way to fill a ring. */
static void draw_pressure(void)
{
	c->duration = rnd_range(R_CFG, 2 * SEC, 5 * SEC);
	c->size_max = 256;
	c->depth = 96;
	c->burst = 24;
	c->w_read = 5;
	c->op_mean = 20 * MSEC;
	c->slow_mean = 300 * MSEC;
	c->slow_len = 2 * SEC;
	w->slow_factor = 2000;
	c->slow_data = true;
	w->limits.entries = 1024;
	w->crash_io /= 20;
}

/* From a stream of its own: what was drawn before stays as it was. */
static void draw_late(void)
{
	c->give_up = rnd_one_in(R_LATE, 2) ? (u32)rnd_range(R_LATE, 1, 100) : 0;
	c->patience = rnd_log(R_LATE, 5 * MSEC, 2 * SEC);
	w->raw_ghost = rnd_one_in(R_LATE, 4) ? (u32)rnd_log(R_LATE, 200, 100000) : 0;
}

static void draw_copies(void)
{
	c->copy_loss = rnd_one_in(R_COPY, 3) ? (u32)rnd_log(R_COPY, 1, 80) : 0;
}

/* Paths that swallow what is large, for a while. */
static void draw_paths(void)
{
	c->narrow_mean = rnd_one_in(R_PATH, 4) ? rnd_log(R_PATH, 500 * MSEC, 8 * SEC) : 0;
	c->narrow_len = rnd_log(R_PATH, 100 * MSEC, 15 * SEC);
}

/* Members far from each other: a round trip is about as long as a heartbeat, or longer. */
static void draw_far(void)
{
	u64 beat = w->limits.default_heartbeat_ms * MSEC;

	if (!rnd_one_in(R_FAR, 12))
		return;
	w->delay_min = beat / 100 * rnd_range(R_FAR, 30, 65);
	w->delay_max = w->delay_min + beat / 10;
	w->slow_link = 1;
}

/* Rot may destroy as many stores as may be set back. */
static void draw_back(void)
{
	if (!rnd_one_in(R_BACK, 8) || w->nodes < 3 || c->rot_mean)
		return;
	c->image_mean = rnd_log(R_BACK, 100 * MSEC, 2 * SEC);
	c->back_mean = rnd_log(R_BACK, 200 * MSEC, 4 * SEC);
}

static void draw_turns(void)
{
	if (!rnd_one_in(R_TURN, 8))
		return;
	c->away_mean = rnd_log(R_TURN, 2 * MSEC, 500 * MSEC);
	c->stay_mean = rnd_log(R_TURN, 2 * MSEC, 300 * MSEC);
	c->give_up = c->w_open = c->w_close = 0;
}

/*
 * What is lost without a word stays lost until something breaks; rot, and a store that is set
 * back, may destroy more than can be seen.
 */
static void draw_calm(void)
{
	if (!rnd_one_in(R_CALM, 3) || w->nodes < 3 || w->raw_loss || c->rot_mean || c->image_mean)
		return;
	c->calm_mean = rnd_log(R_CALM, 200 * MSEC, 8 * SEC);
	w->limits.follow_ms = min_t(u32, w->limits.follow_ms, 2000);	/* it is waited for */
}

/* One store at a time, and none that another fault destroys: a whole majority remains. */
static void draw_data_loss(void)
{
	if (w->nodes > 1 && !c->rot_mean && !c->image_mean && rnd_one_in(R_DATA, 3))
		c->data_loss = (u32)rnd_log(R_DATA, 2, 60);
}

static void draw_verify(void)
{
	if (rnd_below(R_FLIP, 100) >= 70)
		c->verify_mean = rnd_log(R_FLIP, 20 * MSEC, 4 * SEC);
}

/* Only where no read fails by chance: a node rewrites no more than some blocks in an hour. */
static void draw_unread(void)
{
	if (w->nodes > 1 && !c->rot_mean && !c->image_mean && !w->read_error &&
	    rnd_one_in(R_UNREAD, 2))
		c->unread_mean = rnd_log(R_UNREAD, 50 * MSEC, 2 * SEC);
}

static void draw_rate(void)
{
	if (rnd_one_in(R_UNREAD, 4))
		w->limits.resync_max = (u32)rnd_log(R_UNREAD, 1, 100);
	w->limits.resync_min = w->limits.resync_max % 8;
}

static void draw_unwritten(void)
{
	w->unwritten = rnd_one_in(R_UNWRITTEN, 3);
}

static void draw_regions(void)
{
	c->vary_regions = rnd_one_in(R_REGION, 4);
	/* A fifth is for what is served, and has room for a chunk beside a read. */
	if (c->vary_regions && w->pool_pages)
		w->pool_pages = max_t(u32, w->pool_pages, 5 * 2 * RBLK_ENTRY_BLOCKS_MAX);
}

void cfg_draw(void)
{
	w->nodes = pick_nodes();
	w->clients = rnd_one_in(R_CFG, 2) ? 0 : (u32)rnd_range(R_CFG, 1, 2);
	w->block_size = rnd_one_in(R_CFG, 2) ? 512 : 4096;
	w->ring_bytes = LOG_RING_MIN + (rnd_one_in(R_CFG, 2) ? 0 : rnd_below(R_CFG, 3) << 20);
	w->sectors = rnd_log(R_CFG, 256, 16384) & ~7ull;
	c->duration = rnd_log(R_CFG, 2 * SEC, 30 * SEC);
	draw_limits();
	draw_net();
	draw_disks();
	draw_nodes();
	draw_users();
	if (rnd_one_in(R_CFG, 16))
		draw_pressure();
	draw_late();
	draw_far();
	draw_copies();
	draw_back();
	draw_turns();
	draw_calm();
	draw_paths();
	draw_data_loss();
	draw_verify();
	draw_unread();
	draw_rate();
	draw_unwritten();
	draw_regions();
	if (!c->slow_mean)
		w->slow_max = 0;
}

/*
 * Members need not be alike: what they replicate does not depend on their memory.
 * But all need the same entry table: a follower with a smaller one cannot take
 * in what a leader has to bring it before anything is committed.
 */
/* Members have logs of different sizes, none below that of world.cfg. */
static void vary_log(struct node *n)
{
	if (rnd_one_in(R_LOG, 2))
		return;
	n->ring_more = rnd_below(R_LOG, 3) << 20;
	n->limits.entries <<= rnd_below(R_LOG, 3);
}

void cfg_vary(struct node *n)
{
	struct rblk_node_limits *l = &n->limits;

	*l = world.cfg.limits;
	n->region_more = c->vary_regions ? rnd_below(R_REGION, 4) : 0;
	if (c->vary_log)
		vary_log(n);
	if (!c->vary)
		return;
	l->versions = (u32)rnd_range(R_CFG, 2 * RBLK_ENTRY_BLOCKS_MAX, l->versions);
	l->batch = (u32)rnd_range(R_CFG, RBLK_ENTRY_BLOCKS_MAX, l->versions);
	l->ranges = (u32)rnd_range(R_CFG, 1, l->ranges);
	l->reads = (u32)rnd_range(R_CFG, 1, l->reads);
	l->msg_ents = (u32)rnd_range(R_CFG, 1, l->msg_ents);
	l->records_inflight = (u32)rnd_range(R_CFG, 1, LOG_INFLIGHT);
}

#define PRINT(of, name) printf("#   %-16s %llu\n", #name, (unsigned long long)(of)->name)

static void print_limits(void)
{
	const struct rblk_node_limits *l = &w->limits;

	PRINT(l, entries);
	PRINT(l, versions);
	PRINT(l, ranges);
	PRINT(l, reads);
	PRINT(l, batch);
	PRINT(l, uncommitted_bytes);
	PRINT(l, apply_bytes);
	PRINT(l, msg_ents);
	PRINT(l, inflight_msgs);
	PRINT(l, records_inflight);
	PRINT(l, window);
	PRINT(l, follow_ms);
	PRINT(l, resync_min);
	PRINT(l, resync_max);
	PRINT(l, default_election_ms);
	PRINT(l, default_heartbeat_ms);
}

static void print_faults(void)
{
	PRINT(c, duration);
	PRINT(c, reset_mean);
	PRINT(c, partition_mean);
	PRINT(c, partition_len);
	PRINT(c, narrow_mean);
	PRINT(c, narrow_len);
	PRINT(w, raw_loss);
	PRINT(w, raw_dup);
	PRINT(w, raw_reorder);
	PRINT(w, raw_ghost);
	PRINT(w, corrupt);
	PRINT(c, copy_loss);
	PRINT(c, data_loss);
	PRINT(c, verify_mean);
	PRINT(c, unread_mean);
	PRINT(c, slow_mean);
	PRINT(c, slow_len);
	PRINT(w, slow_factor);
	PRINT(c, slow_data);
	PRINT(w, write_error);
	PRINT(w, read_error);
	PRINT(c, rot_mean);
	PRINT(w, torn);
	PRINT(w, writeback);
	PRINT(c, crash_mean);
	PRINT(w, crash_io);
	PRINT(c, blackout_mean);
	PRINT(c, down_len);
	PRINT(c, pause_mean);
	PRINT(c, pause_len);
	PRINT(c, clean_stop);
	PRINT(c, transfer_mean);
	PRINT(c, checkpoint_mean);
	PRINT(c, image_mean);
	PRINT(c, back_mean);
	PRINT(c, calm_mean);
}

static void print_users(void)
{
	PRINT(c, op_mean);
	PRINT(c, burst);
	PRINT(c, depth);
	PRINT(c, w_write);
	PRINT(c, w_zero);
	PRINT(c, w_read);
	PRINT(c, w_open);
	PRINT(c, w_close);
	PRINT(c, stray);
	PRINT(c, force);
	PRINT(w, shared);
	PRINT(c, give_up);
	PRINT(c, patience);
	PRINT(c, away_mean);
	PRINT(c, stay_mean);
	PRINT(c, size_max);
	PRINT(c, hot);
}

void cfg_print(void)
{
	PRINT(w, nodes);
	PRINT(w, clients);
	PRINT(w, block_size);
	PRINT(w, ring_bytes);
	PRINT(w, sectors);
	PRINT(w, run_delay);
	PRINT(w, drift_ppm);
	PRINT(w, pool_pages);
	PRINT(c, vary);
	PRINT(c, vary_log);
	PRINT(c, vary_regions);
	PRINT(w, delay_min);
	PRINT(w, delay_max);
	PRINT(w, slow_link);
	PRINT(w, sndbuf);
	PRINT(w, bandwidth);
	PRINT(w, log_min);
	PRINT(w, log_max);
	PRINT(w, data_min);
	PRINT(w, data_max);
	print_limits();
	print_faults();
	print_users();
}
