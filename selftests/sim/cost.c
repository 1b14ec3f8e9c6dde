// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs. In these worlds nothing goes wrong, every connection is a pipe of
 * a bandwidth that is drawn, and users keep a number of requests in progress. So
 * nothing is missing anywhere, and nothing may be sent twice.
 */
#include "sim.h"

#define LOOK		(50 * USEC)	/* how often users look whether enough is in progress */
#define OPS_MOST	5000	/* requests of one world */
#define BOUND		(120 * SEC)	/* simulated; what is in progress at the end takes seconds */

enum who { BY_LEADER, BY_MEMBER, BY_CLIENT, BY_ALL, WHO_NR };

static const char *const who_name[] = { "the leader", "another member", "a client", "all nodes" };

static struct {
	enum who who;
	u32 depth, reads, size_max;	/* reads: percent of the requests */
	bool writes[WORLD_NODES];
} c;

/* What was sent, in frames, entries and blocks. */
static struct {
	unsigned long long asked, writes[WORLD_NODES];
	unsigned long long appends, empty, blocks, twice, replies, rejects;
	unsigned long long submits, given, given_twice;
	u64 newest[WORLD_NODES][WORLD_NODES];	/* index sent to a node, since the beginning */
	u64 epoch[WORLD_NODES], seq[WORLD_NODES];	/* write given to the leader */
	u64 elections;
	const struct node *lead;
} m;

/* ---- the world ---- */

static void draw_links(void)
{
	struct world_cfg *w = &world.cfg;
	/* Half of them are near, as in one room, the others up to across a continent. */
	u64 most = rnd_one_in(R_CFG, 2) ? 200 * USEC : 20 * MSEC;

	w->delay_min = rnd_log(R_CFG, 20 * USEC, most);
	w->delay_max = w->delay_min + w->delay_min / 10;
	w->bandwidth = rnd_log(R_CFG, 4000, 400000);
	w->pipe = true;
	w->slow_link = 1;
	w->sndbuf = rnd_log(R_CFG, 256 << 10, 4 << 20);
}

static void draw_disks(void)
{
	struct world_cfg *w = &world.cfg;

	w->log_min = w->data_min = 50 * USEC;
	w->log_max = w->log_min + rnd_log(R_CFG, 10 * USEC, 2 * MSEC);
	w->data_max = w->data_min + rnd_log(R_CFG, 10 * USEC, 2 * MSEC);
	if (rnd_one_in(R_CFG, 4))	/* in the end it decides how fast all goes */
		w->data_min = w->data_max = rnd_log(R_CFG, 5 * MSEC, 40 * MSEC);
	w->torn = 50;
	w->writeback = 10;
}

static void draw_users(void)
{
	c.who = (enum who)rnd_below(R_CFG, WHO_NR);
	c.depth = (u32)rnd_log(R_CFG, 1, 256);
	c.reads = rnd_one_in(R_CFG, 2) ? 0 : (u32)rnd_range(R_CFG, 1, 60);
	c.size_max = 1u << rnd_range(R_CFG, 3, 8);	/* sectors: 4 KiB .. 128 KiB */
	/* Leadership would follow an exclusive session. */
	world.cfg.shared = c.who == BY_MEMBER || c.who == BY_ALL;
}

void cost_draw(void)
{
	struct world_cfg *w = &world.cfg;
	struct log_super s = { .ring_bytes = 0 };

	draw_users();
	w->nodes = rnd_one_in(R_CFG, 4) ? 5 : 3;
	w->clients = c.who == BY_CLIENT || rnd_one_in(R_CFG, 4);
	w->block_size = 4096;
	w->ring_bytes = s.ring_bytes = rnd_log(R_CFG, 16, 64) << 20;
	w->sectors = 16384;
	w->pool_pages = (u32)(rnd_log(R_CFG, 8, 64) << 20) / RBLK_BLOCK_SIZE;
	rblk_node_limits_default(&w->limits, (u64)w->pool_pages * RBLK_BLOCK_SIZE, &s);
	w->run_delay = 20 * USEC;
	draw_links();
	draw_disks();
}

static void choose_writers(void)
{
	const struct node *lead = node_leader();
	u32 i;

	for (i = 0; i < world.cfg.all; i++)
		c.writes[i] = c.who == BY_ALL;
	if (c.who == BY_LEADER)
		c.writes[lead->id] = true;
	if (c.who == BY_MEMBER)
		c.writes[(lead->id + 1) % world.cfg.nodes] = true;
	if (c.who == BY_CLIENT)
		c.writes[world.cfg.nodes] = true;
}

/* ---- what is sent ---- */

static void count_append(struct node *n, u8 to, const struct wire_frame *f)
{
	u64 last = f->raft.ents.last;
	u32 i;

	if (!f->append.n) {
		m.empty++;
		return;
	}
	m.appends++;
	for (i = 0; i < f->append.n; i++) {
		m.blocks += f->append.e[i].nblocks;
		if (f->raft.ents.first + i <= m.newest[n->id][to])
			m.twice += f->append.e[i].nblocks;
	}
	m.newest[n->id][to] = max_t(u64, m.newest[n->id][to], last);
}

static void count_submit(struct node *n, const struct wire_frame *f)
{
	u32 i;

	m.submits++;
	for (i = 0; i < f->append.n; i++) {
		const struct rblk_entry *e = &f->append.e[i];

		if (e->kind != RBLK_E_WRITE)
			continue;
		if (m.epoch[n->id] != e->epoch)
			m.seq[n->id] = 0;
		m.epoch[n->id] = e->epoch;
		m.given += e->nblocks;
		if (e->seq <= m.seq[n->id])
			m.given_twice += e->nblocks;
		m.seq[n->id] = max_t(u64, m.seq[n->id], e->seq);
	}
}

static void sent(struct node *n, u8 to, const struct wire_frame *f)
{
	if (f->type == WIRE_SUBMIT)
		count_submit(n, f);
	if (f->type != WIRE_RAFT)
		return;
	if (f->raft.type == RAFT_MSG_APPEND)
		count_append(n, to, f);
	if (f->raft.type == RAFT_MSG_APPEND_REPLY) {
		m.replies++;
		m.rejects += f->raft.reject;
	}
}

static void ended(struct node *n, struct op *op)
{
	if (op->kind == OP_WRITE && !op->error)
		m.writes[n->id]++;
}

/* ---- users ---- */

static bool begun;

static bool one(struct node *n)
{
	u32 nsect = (u32)rnd_range(R_USER, 1, c.size_max / 8) * 8;
	u64 sector = rnd_below(R_USER, (world.cfg.sectors - nsect) / 8 + 1) * 8;

	if (!op_submit(n, rnd_below(R_USER, 100) < c.reads ? OP_READ : OP_WRITE, sector, nsect))
		return false;		/* no memory for more of it */
	m.asked++;
	return true;
}

static void users_event(struct event *e)
{
	struct node *n;

	if (!begun)
		return;
	for (n = world.node; n < world.node + world.cfg.all; n++) {
		while (c.writes[n->id] && m.asked < OPS_MOST && n->ops_out + n->nwait < c.depth && one(n))
			;
		node_after(n);
	}
	ev_push(world.now + LOOK, users_event, WORLD_NONE, 0, 0, NULL);
}

static bool all_hold(void)
{
	struct node *n;

	for (n = world.node; n < world.node + world.cfg.all; n++)
		if (c.writes[n->id] && rblk_node_session(n->m) != NODE_S_HELD)
			return false;
	return true;
}

static bool all_ended(void)
{
	struct node *n;

	for (n = world.node; n < world.node + world.cfg.all; n++)
		if (n->ops_out + n->nwait)
			return false;
	return true;
}

/* Everyone who writes holds a session, and what that took is behind everyone. */
static void prepare(void)
{
	struct node *n;
	u64 quiet;

	choose_writers();
	for (n = world.node; n < world.node + world.cfg.all; n++)
		if (c.writes[n->id]) {
			op_open(n, NODE_OPEN_SERVED | NODE_OPEN_WAIT, 30 * SEC);
			node_after(n);
		}
	WORLD_CHECK(world_until(all_hold, 30 * SEC), "cost: a writer gets no session");
	quiet = world.now + SEC;
	while (ev_step(quiet))
		;
	memset(&m, 0, sizeof(m));
	m.lead = node_leader();
	m.elections = world.stats[ST_ELECTIONS];
	world.on.sent = sent;
	world.on.ended = ended;
}

/* ---- what must be true ---- */

void cost_print(void)
{
	u32 i;

	printf("# %u nodes, %u clients, %llu MB/s, %llu us one way; written by %s, depth %u, up to %u KiB, %u %% reads; %u KiB uncommitted\n",
	       world.cfg.nodes, world.cfg.clients, (unsigned long long)world.cfg.bandwidth / 1000,
	       (unsigned long long)world.cfg.delay_min / USEC, who_name[c.who], c.depth,
	       c.size_max / 2, c.reads, world.cfg.limits.uncommitted_bytes >> 10);
	printf("# %llu appends of %llu blocks, %llu of them twice; %llu without entries, %llu replies, %llu rejects; %llu submits of %llu blocks, %llu of them twice\n",
	       m.appends, m.blocks, m.twice, m.empty, m.replies, m.rejects, m.submits, m.given,
	       m.given_twice);
	printf("# writes in %.1f s:", (double)sim.cfg.duration / 1e9);
	for (i = 0; i < world.cfg.all; i++)
		if (m.writes[i])
			printf(" %llu on %c%s", m.writes[i], 'a' + i,
			       m.lead == &world.node[i] ? " (leads)" : "");
	printf("\n");
}

/* Whoever leads, all that write get a fair share. */
static void judge_shares(void)
{
	unsigned long long most = 0, least = ~0ull;
	u32 i;

	for (i = 0; i < world.cfg.all; i++) {
		most = max_t(u64, most, m.writes[i]);
		least = min_t(u64, least, m.writes[i]);
	}
	WORLD_CHECK(most < 100 || least * 4 > most,
		    "cost: one node got %llu writes done, another one only %llu", most, least);
}

static void judge(void)
{
	WORLD_CHECK(m.elections == world.stats[ST_ELECTIONS], "cost: an election without a cause");
	WORLD_CHECK(!m.rejects, "cost: %llu rejects, and nothing was lost", m.rejects);
	WORLD_CHECK(!m.twice, "cost: %llu of %llu blocks went to a follower twice", m.twice,
		    m.blocks);
	WORLD_CHECK(!m.given_twice, "cost: %llu of %llu blocks went to the leader twice",
		    m.given_twice, m.given);
	if (c.who == BY_ALL)
		judge_shares();
}

void cost_run(void)
{
	u64 end, start;

	world.on.accepted = NULL;
	prepare();
	begun = true;
	start = world.now;
	end = start + 2 * SEC;
	ev_push(world.now, users_event, WORLD_NONE, 0, 0, NULL);
	while (m.asked < OPS_MOST && ev_step(end))
		;
	begun = false;
	sim.cfg.duration = world.now - start;
	WORLD_CHECK(world_until(all_ended, BOUND), "cost: requests never end");
	judge();
}
