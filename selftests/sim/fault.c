// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong, and when. Faults that destroy a store for good (rot) hit only
 * nodes that were doomed beforehand, never a majority: so a good copy of
 * everything remains, and what is left can be demanded to live.
 */
#include "sim.h"

static void again(struct event *e, u64 mean)
{
	ev_push(world.now + rnd_exp(R_FAULT, mean), e->fn, WORLD_NONE, 0, 0, NULL);
}

/* Also says whether nothing may go wrong now. */
static bool over(struct event *e, u64 mean)
{
	if (!sim.healed)
		again(e, mean);
	return sim.healed || sim.calm;
}

static struct node *any_up(void)
{
	struct node *n = &world.node[rnd_below(R_FAULT, world.cfg.all)];

	return n->up && !node_paused(n) ? n : NULL;
}

/*
 * ---- crashes ----
 *
 * While a node is down, a copy of what it has twice may be lost. That destroys nothing as long
 * as the other one is whole and as new: what a power cut left in one of them alone, nobody
 * was told of, but the model takes for durable what a start has found.
 */

static void damage_copy(struct node *n)
{
	enum log_copy c = (enum log_copy)rnd_below(R_COPY, LOG_C_NR);

	if (node_diskless(n) || rnd_below(R_COPY, 100) >= sim.cfg.copy_loss)
		return;
	if (copy_spare(n, c))
		copy_damage(n, c, rnd_one_in(R_COPY, 2));
}

/*
 * While a node is down, its data device may be lost: it becomes what it was at some stop before,
 * or is replaced by a blank one. What the store held is then only on the others, so it happens
 * to none while another one lacks something.
 */
static struct page **data_image[WORLD_NODES];

static void lose_data(struct node *n)
{
	u32 i;

	if (node_diskless(n) || rnd_below(R_DATA, 100) >= sim.cfg.data_loss)
		return;
	for (i = 0; i < world.cfg.nodes; i++)
		if (world.node[i].absent || !world.node[i].st.conf.index)
			return;
	if (!data_image[n->id] || rnd_one_in(R_DATA, 2)) {
		data_image[n->id] = disk_image(&n->data);
		return;
	}
	TRACE(n->id, "data-lost", 0, 0);
	WORLD_MARK(DATA_CHANGED);
	if (rnd_one_in(R_DATA, 2))
		data_blank(n, world.cfg.unwritten);
	else
		disk_restore(&n->data, data_image[n->id]);
	data_exchanged(n);
	unread_spare();
	data_image[n->id] = NULL;
}

static void start_event(struct event *e)
{
	struct node *n = &world.node[e->a];

	if (sim.calm && (sim.down >> n->id & 1)) {
		ev_push(world.now + 100 * MSEC, start_event, WORLD_NONE, n->id, 0, NULL);
		return;
	}
	n->start_pending = false;
	if (n->up || n->refused)
		return;
	setback_start(n);
	damage_copy(n);
	lose_data(n);
	if (!node_start(n) && !n->refused)
		fault_restart(n, 20 * MSEC);
}

void fault_restart(struct node *n, u64 mean)
{
	if (n->start_pending)
		return;
	n->start_pending = true;
	ev_push(world.now + rnd_exp(R_FAULT, mean), start_event, WORLD_NONE, n->id, 0, NULL);
}

static void crash_event(struct event *e)
{
	struct node *n = any_up(), *lead = node_leader();

	if (over(e, sim.cfg.crash_mean))
		return;
	if (lead && rnd_one_in(R_FAULT, 3))
		n = lead;
	if (!n)
		return;
	node_stop(n, rnd_below(R_FAULT, 100) < sim.cfg.clean_stop);
	fault_restart(n, sim.cfg.down_len);
}

static void cut_event(struct event *e)
{
	struct node *n = &world.node[e->node];

	if (sim.healed || sim.calm || !n->up)
		return;
	WORLD_MARK(CUT_IN_WRITE);
	node_stop(n, false);
	fault_restart(n, sim.cfg.down_len);
}

/*
 * The power fails at this moment: perhaps in the middle of a write, and perhaps on
 * all nodes.
 */
void fault_cut(u8 node, u64 t)
{
	ev_push(t, cut_event, node, 0, 0, NULL);
	if (sim.cfg.blackout_mean && rnd_one_in(R_FAULT, 4))
		for (node = 0; node < world.cfg.all; node++)
			ev_push(t, cut_event, node, 0, 0, NULL);
}

static void blackout_event(struct event *e)
{
	u32 i;

	if (over(e, sim.cfg.blackout_mean))
		return;
	WORLD_MARK(BLACKOUT);
	for (i = 0; i < world.cfg.all; i++)
		if (world.node[i].up) {
			node_stop(&world.node[i], false);
			fault_restart(&world.node[i], sim.cfg.down_len);
		}
}

/* One that has lost its replica, or its data, is left alone for a while: its users go on. */
static bool waits_for_restart(const struct node *n)
{
	return n->halted || ((n->lost || n->nodata) && !(sim.broken >> n->id & 1) &&
			     (sim.healed || rnd_one_in(R_LOST, 16)));
}

/* Its devices are well again, or its data device was replaced. False: it has to be restarted. */
static bool attached(struct node *n)
{
	if (n->halted || n->set_back || !rnd_one_in(R_LOST, 2))
		return false;
	if (n->nodata ? !rblk_node_left_data(n->m) || n->log.flying : rblk_node_may_attach(n->m))
		return false;
	setback_start(n);
	lose_data(n);
	return !node_attach(n);
}

/* A node that halted is restarted by its administrator. */
static void halt_event(struct event *e)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[i];

		if (!n->up || node_paused(n) || !waits_for_restart(n) ||
		    (setback_noted(n) && (sim.healed || !rnd_one_in(R_BACK, 20))))
			continue;
		if (attached(n))
			continue;
		node_stop(n, rnd_one_in(R_FAULT, 2));
		fault_restart(n, 50 * MSEC);
	}
	again(e, 100 * MSEC);
}

static void pause_event(struct event *e)
{
	struct node *n = any_up(), *lead = node_leader();
	u64 len;

	if (over(e, sim.cfg.pause_mean))
		return;
	if (lead && !node_paused(lead) && rnd_one_in(R_FAULT, 2))
		n = lead;
	len = rnd_exp(R_FAULT, sim.cfg.pause_len);
	if (n)
		node_pause(n, min_t(u64, len, 4 * SEC));
}

/* ---- network ---- */

static void cut(u8 from, u8 to, u64 until)
{
	if (from == to)
		return;
	net_block(from, to, until);
	TRACE(from, "block", to, until / 1000);
}

static void cut_node(struct node *n, bool in, bool out, u64 until)
{
	u8 i;

	for (i = 0; i < world.cfg.all; i++) {
		if (out)
			cut(n->id, i, until);
		if (in)
			cut(i, n->id, until);
	}
}

static void bisect(u64 until, u32 both_ways)
{
	u32 side = (u32)rnd(R_FAULT);
	u8 a, b;

	for (a = 0; a < world.cfg.all; a++)
		for (b = 0; b < world.cfg.all; b++)
			if ((side >> a & 1) && !(side >> b & 1)) {
				cut(a, b, until);
				if (both_ways)
					cut(b, a, until);
			}
}

static void partition_event(struct event *e)
{
	u64 until = world.now + rnd_exp(R_FAULT, sim.cfg.partition_len);
	struct node *lead = node_leader(), *n = &world.node[rnd_below(R_FAULT, world.cfg.all)];
	u8 other = (u8)rnd_below(R_FAULT, world.cfg.all);
	u64 how = rnd_below(R_FAULT, 7);
	u8 b;
	int ch;

	if (over(e, sim.cfg.partition_mean))
		return;
	if (lead && rnd_one_in(R_FAULT, 2))
		n = lead;
	if (how <= 2) {
		bool in = how != 1, out = how != 2;

		cut_node(n, in, out, until);
		if (lead == n && in && out && world.cfg.nodes > 2)
			WORLD_MARK(MINORITY_LEADER);
		if (in != out && lead == n)
			WORLD_MARK(ONE_WAY_CUT);
		if (in != out && !lead)
			WORLD_MARK(ONE_WAY_ELECTION);
	} else if (how <= 4) {
		bisect(until, how == 3);
	} else {
		cut(n->id, other, until);
		if (how == 5)
			cut(other, n->id, until);
	}
	/* Some of the connections concerned do not survive it. */
	for (b = 0; b < world.cfg.all; b++)
		for (ch = 0; ch < WIRE_CHANNELS; ch++)
			if (b != n->id && (net_blocked(n->id, b) || net_blocked(b, n->id)) &&
			    rnd_one_in(R_FAULT, 3))
				net_reset(n->id, b, (enum wire_channel)ch);
}

static void wide_event(struct event *e)
{
	net_swallow((u8)e->a, (u8)e->b, 0);
}

static void narrow_path(u8 from, u8 to, u32 above, u64 until)
{
	if (from == to)
		return;
	net_swallow(from, to, above);
	TRACE(from, "narrow", to, above);
	ev_push(until, wide_event, WORLD_NONE, from, to, NULL);
}

/* From a node or to it, or both, what is large does not get through; half the time the leader. */
static void narrow_event(struct event *e)
{
	struct node *n = &world.node[rnd_below(R_PATH, world.cfg.all)], *lead = node_leader();
	u64 until = world.now + rnd_exp(R_PATH, sim.cfg.narrow_len);
	u32 above = (u32)rnd_log(R_PATH, 500, 64 << 10), how = (u32)rnd_range(R_PATH, 1, 3);
	u8 i, only = (u8)rnd_below(R_PATH, 2 * world.cfg.all);

	if (sim.healed)
		return;
	ev_push(world.now + rnd_exp(R_PATH, sim.cfg.narrow_mean), narrow_event, WORLD_NONE, 0, 0,
		NULL);
	if (sim.calm)
		return;
	if (lead && rnd_one_in(R_PATH, 2))
		n = lead;
	for (i = 0; i < world.cfg.all; i++) {
		if (only < world.cfg.all && i != only)
			continue;
		if (how & 1)
			narrow_path(n->id, i, above, until);
		if (how & 2)
			narrow_path(i, n->id, above, until);
	}
}

static void reset_event(struct event *e)
{
	u8 a = (u8)rnd_below(R_FAULT, world.cfg.all), b = (u8)rnd_below(R_FAULT, world.cfg.all);

	if (over(e, sim.cfg.reset_mean))
		return;
	if (a != b)
		net_reset(a, b, (enum wire_channel)rnd_below(R_FAULT, WIRE_CHANNELS));
}

/* ---- disks ---- */

static void slow_event(struct event *e)
{
	struct node *n = &world.node[rnd_below(R_FAULT, world.cfg.nodes)];
	struct disk *d = !sim.cfg.slow_data && rnd_one_in(R_FAULT, 2) ? &n->log : &n->data;

	if (over(e, sim.cfg.slow_mean))
		return;
	d->slow_until = world.now + rnd_exp(R_FAULT, sim.cfg.slow_len);
}

static u32 rot_page(const struct node *n)
{
	const struct log_super *s = &n->super;
	u64 off;

	switch (rnd_below(R_FAULT, 12)) {
	case 0:
		off = rblk_log_super_offset(s, (int)rnd_below(R_FAULT, 2));
		break;
	case 1:
	case 2:
		off = rblk_log_meta_offset((int)rnd_below(R_FAULT, 2)) +
		      rnd_below(R_FAULT, LOG_META_BYTES);
		break;
	case 3:
		off = s->map_off + rnd_below(R_FAULT, s->map_bytes);
		break;
	default:
		off = s->ring_off + rnd_below(R_FAULT, s->ring_bytes);
	}
	return (u32)(off / RBLK_BLOCK_SIZE);
}

static void rot_event(struct event *e)
{
	struct node *n = &world.node[rnd_below(R_FAULT, world.cfg.nodes)];
	int tries = 12;

	if (over(e, sim.cfg.rot_mean))
		return;
	if (!n->doomed)
		return;
	if (rnd_one_in(R_FAULT, 16)) {
		disk_rot(&n->data, 0);
		return;
	}
	while (tries-- && !disk_rot(&n->log, rot_page(n)))
		;
}

/* ---- administrators ---- */

static void transfer_event(struct event *e)
{
	struct node *lead = node_leader(), *to = &world.node[rnd_below(R_FAULT, world.cfg.nodes)];
	int ret;

	if (over(e, sim.cfg.transfer_mean))
		return;
	if (!lead || node_paused(lead))
		return;
	ret = rblk_node_transfer(lead->m, to == lead ? NULL : to->name, node_now(lead));
	TRACE(lead->id, "transfer", to->id, (u64)-ret);
	if (!ret)
		world.transfer_to = to == lead ? 0 : to->id + 1u;
	node_after(lead);
}

static void checkpoint_event(struct event *e)
{
	struct node *n = any_up();

	if (over(e, sim.cfg.checkpoint_mean))
		return;
	if (!n)
		return;
	rblk_node_checkpoint(n->m);
	node_after(n);
}

/* ---- begin and end ---- */

static void begin(void (*fn)(struct event *e), u64 mean)
{
	if (mean)
		ev_push(world.now + rnd_exp(R_FAULT, mean), fn, WORLD_NONE, 0, 0, NULL);
}

void fault_init(void)
{
	const struct sim_cfg *c = &sim.cfg;
	u32 doomed = c->rot_mean ? world.cfg.nodes - quorum() : 0;

	memset(data_image, 0, sizeof(data_image));
	while (doomed--)
		world.node[rnd_below(R_FAULT, world.cfg.nodes)].doomed = true;
	begin(crash_event, c->crash_mean);
	begin(blackout_event, c->blackout_mean);
	begin(pause_event, c->pause_mean);
	begin(partition_event, c->partition_mean);
	begin(reset_event, c->reset_mean);
	if (c->narrow_mean)
		ev_push(world.now + rnd_exp(R_PATH, c->narrow_mean), narrow_event, WORLD_NONE, 0, 0,
			NULL);
	begin(slow_event, c->slow_mean);
	begin(rot_event, c->rot_mean);
	begin(transfer_event, c->transfer_mean);
	begin(checkpoint_event, c->checkpoint_mean);
	begin(halt_event, 100 * MSEC);
	setback_init();
	calm_init();
	verify_init();
	unread_init();
}

/* Everything is mended that can be. */
void fault_heal(void)
{
	u32 i;

	sim.healed = true;
	net_heal();
	if (world.cfg.raw_loss)
		net_reset_all();	/* hosts tell of what they lose: here, now */
	world.cfg.read_error = world.cfg.write_error = 0;
	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[i];

		n->log.slow_until = 0;
		n->data.slow_until = 0;
		if (node_paused(n))
			node_resume(n);
		if (!n->up && !n->refused)
			fault_restart(n, MSEC);
	}
}
