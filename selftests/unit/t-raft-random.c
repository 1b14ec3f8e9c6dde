// SPDX-License-Identifier: GPL-2.0
/*
 * Random runs: crashes that lose what is not durable, rot that takes what was, a network that
 * loses, repeats and reorders, compaction, hand-overs, changes of configuration. The
 * referee of raft-net.h watches; in the end everything heals and must converge.
 * RAFT_SEED=n runs one seed, RAFT_SEEDS=n that many, RAFT_TRACE=1 prints all.
 */
#include <unistd.h>
#include "raft-net.h"

static bool cut[NET_NODES + 1][NET_NODES + 1];
static u32 seed_now;

/* How this seed's world is: rates are themselves random. */
static struct {
	u32 net, disk, time, propose, pump, read, rare;	/* weights */
	u32 jump;	/* ms */
	u32 drop, dup, reorder, late;	/* percent */
	bool confs;	/* the configuration changes */
} world;

static void make_world(void)
{
	static const u32 jumps[] = { 20, 60, 60, 200, 1000 }, drops[] = { 0, 0, 2, 5, 20 };

	world.net = 200 + net_rand(600);
	world.disk = 20 + net_rand(net_rand(2) ? 300 : 100);
	world.time = 20 + net_rand(100);
	world.propose = 20 + net_rand(80);
	world.pump = 20 + net_rand(80);
	world.read = 10 + net_rand(50);
	world.rare = 1 + net_rand(net_rand(3) ? 10 : 50);
	world.jump = jumps[net_rand(ARRAY_SIZE(jumps))];
	world.drop = drops[net_rand(ARRAY_SIZE(drops))];
	world.dup = net_rand(10);
	world.reorder = net_rand(60);
	world.late = net_rand(2) ? net_rand(100) : 0;
	world.confs = net_rand(4);
}

static bool percent(u32 p)
{
	return net_rand(100) < p;
}

static struct net_node *any_node(u32 count)
{
	return &net.node[1 + net_rand(count)];
}

static void do_net(void)
{
	u32 i;

	if (!net.nmsg)
		return;
	i = percent(world.reorder) ? net_rand(net.nmsg) : 0;
	if (percent(world.drop) || cut[net.msg[i].m.from][net.msg[i].m.to]) {
		net_msg_drop(i);
	} else if (percent(world.dup)) {
		struct net_msg w = net.msg[i];

		net_handle(&w);
	} else {
		net_deliver(i);
	}
}

static void do_disk(struct net_node *n)
{
	switch (net_rand(4)) {
	case 0:
		net_meta_write(n);
		break;
	case 1:
		net_meta_done(n);
		break;
	case 2:
		net_disk_one(n);
		break;
	default:
		net_done_one(n);
	}
}

static void do_compact(struct net_node *n)
{
	struct raft_status st;
	u64 i;

	rblk_raft_status(n->r, &st);
	n->ckpt = min_t(u64, st.commit, n->disk_last);
	i = min_t(u64, n->ckpt, st.durable);
	if (i <= st.snap.index || st.role == RAFT_HALTED)
		return;
	i = st.snap.index + 1 + net_rand(i - st.snap.index);
	n->snap.term = rblk_raft_term_at(n->r, i);
	while (n->snap.index < i)
		if (n->log[++n->snap.index].conf) {
			n->snap_conf = *n->log[n->snap.index].conf;
			n->snap_conf.index = n->snap.index;
		}
	CHECK_EQ(net_event(n, RAFT_EV_COMPACTED, i, 0), 0);
}

/* Stands in for a resync: the log begins again after what is committed. */
static void do_resync(struct net_node *lead)
{
	struct raft_status st;
	struct net_node *n;
	u32 i;

	rblk_raft_status(lead->r, &st);
	for (i = 0; i < st.npeers; i++) {
		n = &net.node[st.peer[i].store];
		if (st.peer[i].state != RAFT_PEER_RESYNC || !n->up ||
		    n->snap.index >= lead->snap.index)
			continue;
		if (n->disk_last >= st.snap.index && n->disk[st.snap.index].term == st.snap.term)
			continue;
		net_crash(n);
		n->snap = lead->snap;
		n->snap_conf = lead->snap_conf;
		n->disk_last = n->snap.index;
		n->ckpt = 0;
		net_boot(n);
	}
}

static void do_conf(struct net_node *n, u32 count)
{
	const struct raft_conf *c = rblk_raft_conf_active(n->r);
	struct raft_conf next = *c;
	u32 i, k;

	if (!world.confs)
		return;
	if (rblk_raft_conf_joint(c)) {
		for (i = k = 0; i < c->n; i++) {
			next.m[k] = c->m[i];
			next.m[k].flags &= ~RBLK_M_OUT;
			k += !!next.m[k].flags;
		}
		next.n = k;
	} else {
		for (i = 0; i < c->n; i++)
			if (c->m[i].flags & RBLK_M_IN) {
				next.m[i].flags = RBLK_M_OUT | (net_rand(4) ? RBLK_M_IN : 0);
			} else if (!net_rand(3)) {
				next.m[i].flags = RBLK_M_IN;
			}
		for (i = 1; i <= count; i++)
			if (!rblk_raft_conf_flags(c, i) && !net_rand(3))
				next.m[next.n++] = (struct raft_member){
					i, net_rand(3) ? RBLK_M_IN : RBLK_M_LEARNER };
	}
	memset(&next.m[next.n], 0, sizeof(next.m[0]) * (RBLK_MEMBERS_MAX - next.n));
	net_propose(n, 1, 0, &next);
}

/* Some links, one node (preferably the leader), or two halves; or all is well. */
static void do_partition(u32 count)
{
	struct net_node *lead = net_leader();
	u32 i, k, kind = net_rand(5);
	u64 alone = lead && net_rand(3) ? lead->id : 1 + net_rand(count);
	u64 half = net_rand(1 << count);

	for (i = 1; i <= count; i++)
		for (k = 1; k <= count; k++)
			cut[i][k] = kind == 0		   ? !net_rand(4) :
				    kind == 1 || kind == 2 ? i == alone || k == alone :
				    kind == 3 ? (half >> (i - 1) & 1) != (half >> (k - 1) & 1) :
						false;
}

static u32 losses;

/* It boots, and the others learn what it has lost; what was on the way is not delivered. */
static void boot_forgetful(struct net_node *n)
{
	u32 i;

	for (i = net.nmsg; i--;)
		if (net.msg[i].m.from == n->id || net.msg[i].m.to == n->id)
			net_msg_drop(i);
	net_boot(n);
	for (i = 1; i <= NET_NODES; i++)
		if (net.node[i].up && &net.node[i] != n)
			net_event(&net.node[i], RAFT_EV_FORGOT, n->id, 0);
}

/*
 * Rot takes a part of a log behind the checkpoint. It always hits the same node, and not one that
 * could be a majority: so a copy of everything is left.
 */
static void do_rot(struct net_node *n)
{
	const struct raft_conf *c = rblk_raft_conf_active(n->r);
	u64 keep = max_t(u64, n->ckpt, n->snap.index);
	u32 i, voters = 0;

	for (i = 0; i < c->n; i++)
		voters += c->m[i].flags == RBLK_M_IN || c->m[i].flags == (RBLK_M_IN | RBLK_M_OUT);
	if (n->id != 1 || voters < 3 || n->disk_last <= keep)
		return;
	losses++;
	net_lose(n, keep + net_rand(n->disk_last - keep));
	/* It may not know how much that was. Then there has to be a majority without it. */
	if (!world.confs)
		n->owed = (struct rblk_id){ n->meta.term, RAFT_NUM_MAX - 1 };
	boot_forgetful(n);
}

static void do_rare(u32 count)
{
	struct net_node *n = any_node(count);
	u32 k;

	switch (net_rand(8)) {
	case 0:
	case 1:
		if (!n->up) {
			net_boot(n);
		} else if (!net_rand(3)) {
			net_crash(n);
			do_rot(n);
		}
		break;
	case 2:
		if (n->up)
			do_compact(n);
		break;
	case 3:
		if (net_leader())
			do_resync(net_leader());
		break;
	case 4:
		net_event(n, net_rand(2) ? RAFT_EV_TRANSFER : RAFT_EV_YIELD, net_rand(count + 1), 0);
		break;
	case 5:
		k = 1 + net_rand(count);
		n->cut_off[k] = !n->cut_off[k] && !net_rand(3);
		net_event(n, n->cut_off[k] ? RAFT_EV_UNREACHABLE : RAFT_EV_REACHABLE, k, 0);
		break;
	case 6:
		do_partition(count);
		break;
	case 7:
		if (n->up)
			do_conf(n, count);
	}
}

/* Is it this one's turn? */
static bool turn(u32 *dice, u32 weight)
{
	if (*dice < weight)
		return true;
	*dice -= weight;
	return false;
}

static void do_some(u32 count)
{
	struct net_node *n = any_node(count);
	u32 dice = net_rand(world.net + world.disk + world.time + world.propose + world.pump +
			    world.read + world.rare);

	if (turn(&dice, world.net)) {
		do_net();
	} else if (turn(&dice, world.disk)) {
		do_disk(n);
	} else if (turn(&dice, world.time)) {
		/* Some notice later than others that time passes. */
		net.now += net_rand(world.jump * MS);
		if (percent(world.late))
			net_event(n, RAFT_EV_TICK, 0, 0);
		else
			net_tick_due();
	} else if (turn(&dice, world.propose)) {
		n = net_leader() ?: n;
		if (n->up && n->last + 64 < NET_LOG)
			net_propose(n, 1 + net_rand(4), net_rand(3) * 100, NULL);
	} else if (turn(&dice, world.pump)) {
		net_event(n, RAFT_EV_PUMP, 0, 0);
	} else if (turn(&dice, world.read)) {
		if (n->up && n->reads + 2 < NET_READS)
			net_read(n);
	} else {
		do_rare(count);
	}
}

/* Heals everything, and demands progress by every voter. */
static void converge(u32 count)
{
	struct raft_status st;
	struct net_node *n, *lead;
	u32 i, tries;

	memset(cut, 0, sizeof(cut));
	for (i = 1; i <= count; i++) {
		n = &net.node[i];
		if (!n->up)
			net_boot(n);
		memset(n->cut_off, 0, sizeof(n->cut_off));
	}
	for (tries = 0; tries < 600; tries++) {
		net.now += 50 * MS;
		net_tick_due();
		net_settle();
		lead = net_leader();
		if (!lead)
			continue;
		do_resync(lead);
		if (rblk_raft_conf_joint(rblk_raft_conf_active(lead->r)))
			do_conf(lead, count);
		if (net_read(lead) || net_propose(lead, 1, 10, NULL))
			continue;
		net_settle();
		rblk_raft_status(lead->r, &st);
		for (i = 0; i < st.npeers && st.peer[i].match == st.last.index; i++)
			;
		if (i == st.npeers && st.commit == st.last.index && lead->answered == lead->reads)
			return;
	}
	CHECK(!"converged");
}

static void run_seed(u32 seed)
{
	struct raft_conf conf;
	u32 i, count = 3 + seed % 4, steps = 5000;
	char buf[64] = "", *p = buf;

	seed_now = seed;
	for (i = 1; i <= count - (seed % 3 == 2); i++)
		p += sprintf(p, "%ui ", i);
	conf = net_conf(buf);
	net_start(count, &conf, seed);
	make_world();
	memset(cut, 0, sizeof(cut));
	for (i = 1; i <= count; i++)
		net_boot(&net.node[i]);
	for (i = 0; i < steps; i++) {
		do_some(count);
		if (!(i % 64))
			net_judge_logs();
	}
	converge(count);
	net_judge_logs();
}

static void failed(void)
{
	if (seed_now)
		printf("# failing seed: RAFT_SEED=%u\n", seed_now);
}

static void random_runs(void)
{
	const char *s = getenv("RAFT_SEED"), *k = getenv("RAFT_SEEDS");
	u32 first = s ? atoi(s) : 1, n = s ? 1 : k ? atoi(k) : 400;
	u64 commits = 0;
	u32 i;

	net.verbose = getenv("RAFT_TRACE");
	for (i = first; i < first + n; i++) {
		run_seed(i);
		commits += net.commit;
	}
	seed_now = 0;
	printf("# %u seeds, %llu entries committed, %u parts of logs lost\n", n, U(commits), losses);
	CHECK(losses || s);
}

static const struct tap_case cases[] = {
	{ "random_runs", random_runs },
};

int main(int argc, char **argv)
{
	int err = tap_main(argc, argv, cases, ARRAY_SIZE(cases));

	failed();
	return err;
}
