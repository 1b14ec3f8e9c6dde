// SPDX-License-Identifier: GPL-2.0
/*
 * One seed: a volume that is well gets into a state that lasts, and every node is asked. A
 * campaign demands as well that every rule of "why" and every reason for a refusal was met.
 */
#include <setjmp.h>

#include "walk.h"

#define LASTS_ELECTIONS	30

struct walk walk;

static struct {
	u64 from, to;
	const char *state;
	bool trace, verbose;
} opt = { .from = 1, .to = 10 };

static jmp_buf failed_at;
static u64 reason_seen[WIRE_R_NR];
static u32 tests;
static bool bad;

/* Rules about what the host does, which no simulated node gets into: why.table has them. */
static const char *const not_simulated[] = { "not-running" };

void rblk_assert_failed(const char *what, const char *file, int line)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++)
		if (world.node[i].broken)
			return;
	world_fail("%s:%d: invariant broken: %s", file, line, what);
}

static void failed(void)
{
	longjmp(failed_at, 1);
}

/* ---- driving ---- */

void walk_run(u64 time)
{
	u64 until = world.now + time;

	while (ev_step(until))
		;
}

u64 walk_election(void)
{
	return world.cfg.limits.default_election_ms * MSEC;
}

static const struct op *waited;

static bool ended(void)
{
	return waited->done;
}

struct op *walk_wait(struct op *op, u64 bound)
{
	waited = op;
	if (op) {
		node_after(&world.node[op->node]);
		world_until(ended, bound);
	}
	return op;
}

void walk_open(struct node *n, u32 flags)
{
	struct op *op = walk_wait(op_open(n, flags, 10 * SEC), 10 * SEC);

	WORLD_CHECK(op->done && !op->error, "%s: node %s cannot open: %d", walk.state->name,
		    n->name, op->error);
	walk.holder = n;
}

static struct node *writer(void)
{
	u32 i;

	if (walk.holder && walk.holder->up && walk.holder->mounted)
		return walk.holder;
	for (i = 0; i < world.cfg.nodes; i++)
		if (world.node[i].up && world.node[i].st.ready) {
			walk_open(&world.node[i], 0);
			return walk.holder;
		}
	world_fail("%s: nobody can write", walk.state->name);
}

void walk_write(u32 count)
{
	u32 unit = world.cfg.block_size / 512;
	struct node *n = writer();
	struct op *op;

	while (count--) {
		op = walk_wait(op_submit(n, OP_WRITE,
					 rnd_below(R_USER, world.cfg.sectors / unit) * unit, unit),
			       10 * SEC);
		WORLD_CHECK(op && op->done && !op->error, "%s: a write does not end",
			    walk.state->name);
	}
}

/* Until nothing is taken any more. */
static void fill(void)
{
	struct node *n = walk.holder;
	u32 i;

	for (i = 0; n && n->up && n->mounted && i < 2000; i++) {
		op_submit(n, OP_WRITE, rnd_below(R_USER, world.cfg.sectors / 256) * 256, 256);
		node_after(n);
		walk_run(MSEC);
	}
}

/* ---- the world ---- */

static void draw(void)
{
	static const u32 sizes[] = { 1, 2, 3, 3, 3, 4, 5 };
	struct world_cfg *w = &world.cfg;

	do {
		w->nodes = sizes[rnd_below(R_CFG, ARRAY_SIZE(sizes))];
	} while (w->nodes < walk.state->members);
	w->clients = 1;
	w->block_size = 4096;
	w->ring_bytes = 16 << 20;
	w->sectors = 16384;
	w->shared = rnd_one_in(R_CFG, 4);
	w->pool_pages = (4 << 20) / RBLK_BLOCK_SIZE;
	w->limits.entries = 128;
	w->limits.default_election_ms = 200;
	w->limits.default_heartbeat_ms = 40;
	w->delay_min = w->delay_max = 100 * USEC;
	w->slow_link = 1;
	w->sndbuf = 1 << 20;
	w->bandwidth = 4 << 20;
	w->prompt = true;
	w->log_min = w->log_max = w->data_min = w->data_max = 50 * USEC;
	w->torn = 50;
}

static void format(struct node *n)
{
	struct rblk_node_limits l;

	node_format(n);
	l = n->limits;
	rblk_node_limits_default(&l, 4 << 20, &n->super);
	n->limits = l;
}

static bool served(void)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++)
		if (!world.node[i].st.ready)
			return false;
	return true;
}

static void begin(void)
{
	struct node *n = &world.node[rnd_below(R_FAULT, world.cfg.nodes)];
	struct rblk_conf conf;
	u32 slot, i;
	int ret;

	for (i = 0; i < world.cfg.all; i++)
		format(&world.node[i]);
	state_formatted();
	for (i = 0; i < world.cfg.all; i++)
		node_start(&world.node[i]);
	walk_run(100 * MSEC);
	if (walk.state->blank)
		return;
	ret = rblk_node_bootstrap_conf(n->m, "walk", 0, world.cluster, &conf, &slot);
	conf.flags = world.cfg.shared ? RBLK_CONF_SHARED : 0;
	if (!ret)
		ret = rblk_node_bootstrap(n->m, &conf, &slot);
	node_after(n);
	WORLD_CHECK(!ret && world_until(served, 10 * SEC), "there is no volume");
	if (rnd_one_in(R_USER, 2)) {
		walk_open(&world.node[rnd_below(R_USER, world.cfg.all)], 0);
		walk_write(3);
	}
	walk_run(2 * walk_election());
}

static bool walk_seed(const struct state *state, u64 seed)
{
	memset(&walk, 0, sizeof(walk));
	walk.state = state;
	walk.verbose = opt.verbose;
	world_reset(seed);
	world.trace = opt.trace;
	draw();
	walk.reason = (u8)(1 + seed % (WIRE_R_NR - 1));
	if (walk.reason == WIRE_R_ROLLBACK)	/* a state of its own: the store has to be one */
		walk.reason = WIRE_R_VOLUME;
	world_begin();
	if (setjmp(failed_at))
		return false;
	world.on.failed = failed;
	begin();
	walk.state->enter();
	if (walk.state->fills)
		fill();
	walk_run(LASTS_ELECTIONS * walk_election());
	judge();
	return true;
}

/* ---- reports ---- */

static void ktap(bool ok, const char *fmt, const char *what)
{
	printf("%sok %u ", ok ? "" : "not ", ++tests);
	printf(fmt, what);
	printf("\n");
	bad |= !ok;
	fflush(stdout);
}

static void note_reasons(void)
{
	u32 i, k;
	int ch;

	for (i = 0; i < world.cfg.all; i++)
		for (k = 0; k < world.cfg.all; k++)
			for (ch = 0; ch < WIRE_CHANNELS; ch++)
				reason_seen[world.node[i].end[k][ch].refused]++;
}

static void walk_state(const struct state *state)
{
	u64 seed;
	bool ok = true;

	for (seed = opt.from; seed <= opt.to; seed++) {
		if (!walk_seed(state, seed)) {
			ok = false;
			printf("# %s\n#   replay: selftests/why/build/walk --state %s --seeds %llu\n",
			       world.why, state->name, (unsigned long long)seed);
		}
		note_reasons();
	}
	ktap(ok, "%s", state->name);
}

static bool is_simulated(const char *rule)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(not_simulated); i++)
		if (!strcmp(rule, not_simulated[i]))
			return false;
	return true;
}

static bool has_words(u8 reason)
{
	return strcmp(rblk_wire_reason_text(reason), rblk_wire_reason_text(WIRE_R_NR)) &&
	       strcmp(rblk_wire_reason_step(reason), rblk_wire_reason_step(WIRE_R_NR));
}

/* What was never met has words that nobody has judged. */
static void report_met(void)
{
	const char *rule;
	u8 i;

	for (i = 0; (rule = ask_rule(i)); i++) {
		printf("# %6llu answers by the rule %s\n", (unsigned long long)rule_seen[i], rule);
		if (is_simulated(rule))
			ktap(rule_seen[i], "rule %s was met", rule);
	}
	for (i = 1; i < WIRE_R_NR; i++) {
		printf("# %6llu refusals: %s\n", (unsigned long long)reason_seen[i],
		       rblk_wire_reason_text(i));
		ktap(reason_seen[i] && has_words(i), "refused: %s", rblk_wire_reason_text(i));
	}
}

static void options(int argc, char **argv)
{
	char *end;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--trace")) {
			opt.trace = true;
		} else if (!strcmp(argv[i], "--verbose")) {
			opt.verbose = true;
		} else if (i + 1 < argc && !strcmp(argv[i], "--state")) {
			opt.state = argv[++i];
		} else if (i + 1 < argc && !strcmp(argv[i], "--seeds")) {
			opt.from = opt.to = strtoull(argv[++i], &end, 0);
			if (!strncmp(end, "..", 2))
				opt.to = strtoull(end + 2, NULL, 0);
		} else {
			fprintf(stderr, "usage: walk [--seeds A..B] [--state NAME] [--trace] [--verbose]\n");
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	u32 i;

	options(argc, argv);
	printf("TAP version 13\n");
	for (i = 0; i < nstates; i++)
		if (!opt.state || !strcmp(opt.state, states[i].name))
			walk_state(&states[i]);
	if (!opt.state)
		report_met();
	printf("1..%u\n", tests);
	return bad;
}
