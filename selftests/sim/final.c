// SPDX-License-Identifier: GPL-2.0
/*
 * The liveness phase. Everything that can be mended is; then, if a majority is
 * there whose logs still meet, a leader must come, new writes must complete,
 * every request must end, and all replicas must end up equal: digests, data
 * devices bit for bit, and what each node reads.
 */
#include <setjmp.h>

#include "sim.h"

#define BOUND		(60 * SEC)	/* simulated; slowest timeouts and backlog, many times over */
#define NEW_WRITES	8
#define TURN_ELECTIONS	40	/* each waiting user's turn comes within so many election timeouts */

static bool all_started(void)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++) {
		const struct node *n = &world.node[i];

		if (!n->refused && (!n->up || n->halted || n->lost || node_paused(n)))
			return false;
	}
	return true;
}

static u32 count_up(void)
{
	u32 i, count = 0;

	for (i = 0; i < world.cfg.nodes; i++)
		count += world.node[i].up;
	return count;
}

static const struct raft_peer_status *peer_of(const struct node *lead, const struct node *n)
{
	u32 i;

	for (i = 0; i < lead->st.raft.npeers; i++)
		if (lead->st.raft.peer[i].store == n->super.store)
			return &lead->st.raft.peer[i];
	return NULL;
}

/* Can the leader's log still serve this node? */
bool final_covered(const struct node *lead, const struct node *n)
{
	const struct raft_peer_status *ps;

	if (!n->up)
		return false;
	if (n == lead || node_diskless(n))
		return true;
	ps = peer_of(lead, n);
	return ps && ps->state != RAFT_PEER_RESYNC;
}

static u32 count_covered(const struct node *lead)
{
	u32 i, count = 0;

	for (i = 0; i < world.cfg.nodes; i++)
		count += final_covered(lead, &world.node[i]);
	return count;
}

static bool have_leader(void)
{
	const struct node *lead = node_leader();

	return lead && all_started();
}

static bool leader_ready(void)
{
	const struct node *lead = node_leader();

	return lead && lead->st.raft.leader_ready && lead->st.ready;
}

static jmp_buf lost;		/* the majority went after all: rot is found late */

/* A node may find rot even now, and be out; then nothing more can be demanded. */
static void demand_within(bool (*done)(void), u64 bound, const char *what)
{
	const struct node *lead;

	if (world_until(done, bound))
		return;
	lead = node_leader();
	if (sim.cfg.rot_mean && (count_up() < quorum() || (lead && count_covered(lead) < quorum())))
		longjmp(lost, 1);
	op_hung();
	world_fail("liveness: %s", what);
}

static void demand_until(bool (*done)(void), const char *what)
{
	demand_within(done, BOUND, what);
}

/* Has a device that its users can do something with. */
static bool usable(const struct node *n)
{
	return n->up && !n->halted && n->st.conf.index;
}

/* ---- new writes ---- */

static u64 writes_wanted;

/*
 * The node that has it mounted; else any node that is up. A fenced one has it mounted in vain,
 * until its requests have ended.
 */
static struct node *writer(void)
{
	u32 first = (u32)rnd_below(R_USER, world.cfg.all), i;
	struct node *any = NULL;

	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[(first + i) % world.cfg.all];

		if (!usable(n) || node_paused(n))
			continue;
		if (rblk_node_session(n->m) == NODE_S_FENCED || sim.muted >> n->id & 1)
			continue;
		if (n->mounted || n->opening)
			return n;
		any = n;
	}
	return any;
}

static void write_event(struct event *e)
{
	struct node *n = writer();
	u32 unit = world.cfg.block_size / 512;

	if (world.stats[ST_WRITES] >= writes_wanted)
		return;
	ev_push(world.now + 30 * MSEC, write_event, WORLD_NONE, 0, 0, NULL);
	if (!n || (n->opening && (n->open_force || !sim.muted)))
		return;
	/* Who cannot write does not give up the session. */
	if (sim.muted && !n->mounted)
		op_open(n, NODE_OPEN_FORCE, NEVER - world.now);
	else
		user_submit(n, n->mounted ? OP_WRITE : OP_OPEN,
		      rnd_below(R_USER, world.cfg.sectors / unit) * unit, unit);
	node_after(n);
}

static bool wrote(void)
{
	return world.stats[ST_WRITES] >= writes_wanted;
}

/* Nodes that need a resync read as well, through the leader. */
static u64 outstanding(void)
{
	const struct node *n;
	u64 sum = 0;

	for (n = world.node; n < world.node + world.cfg.all; n++)
		sum += n->ops_out + n->nwait;
	return sum;
}

static bool all_ended(void)
{
	return !outstanding();
}

/* New writes, which need not end before something else has happened. */
void final_writes_begin(u32 count)
{
	writes_wanted = world.stats[ST_WRITES] + count;
	ev_push(world.now, write_event, WORLD_NONE, 0, 0, NULL);
}

void final_write_within(u32 count, u64 bound)
{
	final_writes_begin(count);
	demand_within(wrote, bound, "new writes do not complete");
}

void final_writes_end(void)
{
	demand_within(wrote, BOUND, "new writes do not complete");
	final_all_ended();
}

void final_all_ended(void)
{
	demand_until(all_ended, "requests never end");
}

void final_write(u32 count)
{
	final_write_within(count, BOUND);
}

/* ---- equality ---- */

void final_settle(void)
{
	demand_until(final_settled, "replicas do not become equal");
}


/* Rot may be found late. Where nothing goes wrong but at the end, nobody starts a node again. */
static bool is_out(const struct node *n)
{
	return !n->up || n->halted || ((n->lost || n->nodata) && sim.cost);
}

bool final_settled(void)
{
	const struct node *lead = node_leader();
	u32 i;

	if (!lead || lead->st.executed_index < lead->st.raft.last.index)
		return false;
	for (i = 0; i < world.cfg.nodes; i++) {
		struct node *n = &world.node[i];

		if (is_out(n))
			continue;
		if (n->lost || n->nodata || !final_covered(lead, n) || n->st.absent || n->st.raft.owed.index)
			return false;
		if (n->st.executed_index != lead->st.executed_index ||
		    n->st.checkpoint_index != n->st.executed_index) {
			rblk_node_checkpoint(n->m);
			node_after(n);
			return false;
		}
	}
	return true;
}

static void compare(const struct node *lead)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++) {
		struct node *n = &world.node[i];

		if (is_out(n))
			continue;
		WORLD_CHECK(n->st.digest == lead->st.digest && n->st.executed_index == model_last(),
			    "node %c: digest at %llu differs at the end", 'a' + n->id,
			    (unsigned long long)n->st.executed_index);
		platter_check(n, model_last(), true, "end");
	}
}

static struct op *full[WORLD_NODES][72];
static u32 nfull[WORLD_NODES];
static u64 full_at[WORLD_NODES];

/* Reads the whole volume on every node, a few requests at a time. */
static bool read_all(void)
{
	bool all = true;
	u32 i;

	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[i];
		u32 nsect;

		if (!usable(n))
			continue;
		/* Until its users are gone. What it read when it did not know that has failed. */
		if (rblk_node_session(n->m) == NODE_S_FENCED) {
			full_at[i] = 0;
			nfull[i] = 0;
			all = false;
			continue;
		}
		while (full_at[i] < world.cfg.sectors && nfull[i] < ARRAY_SIZE(full[i]) &&
		       n->ops_out + n->nwait < 8) {
			nsect = (u32)min_t(u64, world.cfg.sectors - full_at[i],
					   RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT);
			full[i][nfull[i]++] = op_submit(n, OP_READ, full_at[i], nsect);
			full_at[i] += nsect;
			node_after(n);
		}
		if (full_at[i] < world.cfg.sectors || n->ops_out || n->nwait)
			all = false;
	}
	return all && node_leader();	/* the next step looks at it */
}

static void check_full(void)
{
	u32 i, k;

	for (i = 0; i < world.cfg.all; i++)
		for (k = 0; usable(&world.node[i]) && k < nfull[i]; k++)
			WORLD_CHECK(full[i][k]->done && !full[i][k]->error,
				    "node %c: a read at the end failed with %d", 'a' + i,
				    full[i][k]->error);
}

void final_read_all(void)
{
	memset(nfull, 0, sizeof(nfull));
	memset(full_at, 0, sizeof(full_at));
	demand_until(read_all, "reads at the end do not end");
}

static void skip(void)
{
	WORLD_MARK(LIVENESS_SKIPPED);
	world.stats[ST_SKIPPED]++;
}

static void demand(void)
{
	struct node *lead;

	final_write(NEW_WRITES);
	final_all_ended();
	final_settle();
	lead = node_leader();
	compare(lead);
	final_read_all();
	check_full();
	WORLD_MARK(LIVENESS);
}

/* A start leaves nothing damaged that it could rewrite. */
static void check_copies(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++)
		if (usable(&world.node[i]))
			copy_check(&world.node[i]);
}

static void stop_all(void)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++)
		if (world.node[i].up)
			node_stop(&world.node[i], true);
}

void final_run(void)
{
	struct node *lead;

	fault_heal();
	setback_end();
	WORLD_CHECK(world_until(all_started, BOUND), "liveness: a node does not start");
	if (count_up() < quorum()) {
		skip();
		return;
	}
	WORLD_CHECK(world_until(have_leader, BOUND), "liveness: no leader");
	if (!world_until(leader_ready, BOUND)) {
		lead = node_leader();
		WORLD_CHECK(lead && count_covered(lead) < quorum(), "liveness: no leader gets ready");
		skip();
		return;
	}
	lead = node_leader();
	if (count_covered(lead) < quorum()) {
		skip();
		return;
	}
	if (setjmp(lost)) {
		skip();
		return;
	}
	/* Each of those that never stop waiting is served, before anything else goes wrong. */
	if (sim.cfg.away_mean)
		demand_within(all_ended, TURN_ELECTIONS * world.node[0].st.conf.election_ms * MSEC,
			      "requests of users who take turns never end");
	unread_run();
	fair_run();
	lasting_run();
	verify_run();
	demand();
	check_copies();
	wrong_store();
	stop_all();
}
