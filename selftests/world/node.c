// SPDX-License-Identifier: GPL-2.0
/* A node: start, stop, its clock, and when it runs. */
#include "world.h"

static u8 scratch[LOG_SCRATCH_BYTES] __aligned(RBLK_BLOCK_SIZE);
static u8 block[LOG_META_BYTES] __aligned(RBLK_BLOCK_SIZE);

static void node_run(struct node *n);

/* ---- clock: each node's runs at its own pace, and starts anywhere ---- */

#define PPM	1000000ll

u64 node_now(const struct node *n)
{
	return n->clock0 + world.now * (u64)(PPM + n->drift) / PPM;
}

static u64 world_time(const struct node *n, u64 t)
{
	return t <= n->clock0 ? 0 : (t - n->clock0) * PPM / (u64)(PPM + n->drift) + 1;
}

/* ---- start ---- */

static int read_disk(struct node *n, struct disk *d, u64 off, void *buf, u32 len)
{
	int err = disk_read(d, off, buf, len);

	if (err == -EIO)	/* this time: the next start may be able to read it */
		n->read_failed = true;
	return err;
}

static int read_log(void *ctx, u64 off, void *buf, u32 len)
{
	struct node *n = ctx;

	return read_disk(n, &n->log, off, buf, len);
}

static int read_data(void *ctx, u64 off, void *buf, u32 len)
{
	struct node *n = ctx;

	return read_disk(n, &n->data, off, buf, len);
}

static void make_cfg(struct node *n, struct rblk_node_cfg *cfg)
{
	u32 i;

	memset(cfg, 0, sizeof(*cfg));
	cfg->super = n->super;
	memcpy(cfg->node, n->name, sizeof(cfg->node));
	cfg->npeers = world.cfg.all - 1;
	for (i = 0; i < cfg->npeers; i++) {
		u8 id = (u8)((n->id + 1 + i) % world.cfg.all);

		n->slot_node[i] = id;
		n->node_slot[id] = (u8)i;
		snprintf(cfg->peer[i].node, sizeof(cfg->peer[i].node), "n%u", id);
		snprintf(cfg->peer[i].addr, sizeof(cfg->peer[i].addr), "sim:%u", id);
		cfg->peer[i].client = id >= world.cfg.nodes;
	}
	cfg->limits = n->limits;
	cfg->forget = n->forget;
	n->forget = false;
	cfg->frees = n->frees;
	cfg->seed = rnd(R_NODE);
	cfg->boot_nonce = n->boot_nonce = rnd(R_NODE) | 1;
	cfg->ops = &host_ops;
	cfg->host = n;
}

static void get_memory(struct node_mem *mem, size_t size)
{
	if (mem->size < size) {
		free(mem->m);
		mem->m = mem_big(size);
		mem->size = size;
	}
	if (!mem->pages)
		mem->pages = aligned_alloc(RBLK_BLOCK_SIZE, round_up(rblk_node_pages_size(),
								     (size_t)RBLK_BLOCK_SIZE));
	if (!mem->pages)
		abort();
	memset(mem->m, 0, size);
}

static int read_map(void *ctx, u64 off, void *buf, u32 len)
{
	struct node *n = ctx;

	return disk_read(&n->log, off, buf, len);
}

static void load_map(struct node *n, struct rblk_node *m)
{
	struct log_reader rd = { .read = read_map, .ctx = n, .scratch = block };
	struct rblk_map_report rep;

	rblk_node_map_load(m, &rd, &rep);
}

/*
 * What recovery may refuse: a store that a fault destroyed, an injected read error, or a table
 * of entries that a story has made smaller.
 */
static bool refused(struct node *n, const char *what, int err)
{
	TRACE(n->id, what, (u64)-err, n->read_failed);
	n->start_error = err;
	if (n->read_failed)
		return false;
	WORLD_CHECK(n->doomed || (err == -E2BIG && n->limits.entries < n->st.conf.entries),
		    "node %c: %s refused with %d, though nothing destroyed the store",
		    'a' + n->id, what, err);
	WORLD_MARK(START_REFUSED);
	n->refused = true;
	return false;
}

static void note_report(struct node *n, const struct log_report *rep, int err)
{
	TRACE(n->id, "recovered", rep->entries, rep->finding);
	if (rep->finding == LOG_F_TORN)
		WORLD_MARK(TORN_TAIL);
	if (rep->finding == LOG_F_ROT || rep->finding == LOG_F_ROT_UNKNOWN)
		WORLD_MARK(ROT_REPORTED);
	if (!err && rep->owed.term)
		WORLD_MARK(ROT_CUT);
}

static void forget(struct node *n)
{
	n->timer_at = U64_MAX;
	n->run_pending = n->meta_busy = n->map_busy = n->apply_busy = n->sync_busy = false;
	n->tx_open = n->starved = false;
	n->ops_out = 0;
	op_forget_waiting(n);
	n->mounted = n->reading = n->closing = false;
	n->opening = 0;
	n->gave_up = 0;
	n->sess_epoch = 0;
	n->leader_since = 0;
	n->halted = n->lost = n->nodata = false;
	n->attaches = 0;
	n->resume_t = 0;
	n->reset_pending = false;
	n->read_failed = n->injected = n->broken = false;
	n->unmended = 0;
	memset(n->heard, 0, sizeof(n->heard));
	memset(n->end, 0, sizeof(n->end));
}

static int start_replica(struct node *n, struct node_mem *mem, const struct log_reader *rd,
			 struct log_copies *copies)
{
	struct log_reader data = { .read = read_data, .ctx = n, .scratch = block };
	struct rblk_node_cfg cfg;
	struct data_super ds;
	struct log_report rep = {};
	int err;

	err = rblk_log_read_data(&data, n->super.store, &ds, copies);
	if (err)
		return err;
	make_cfg(n, &cfg);
	cfg.damaged = copies->damaged;
	get_memory(mem, rblk_node_size(&cfg));
	err = rblk_node_start(mem->m, &cfg, mem->pages, rd, &ds, node_now(n), &rep);
	note_report(n, &rep, err);
	return err;
}

static void check_slots(struct node *n)
{
	struct log_meta meta;
	u64 newest = 0;
	int i, bad = 0;

	for (i = 0; i < LOG_COPIES; i++) {
		n->slot_version[i] = 0;
		if (!disk_look(&n->log, rblk_log_meta_offset(i), block, LOG_META_BYTES) ||
		    rblk_log_meta_decode(&meta, &n->super, block)) {
			bad++;
			continue;
		}
		n->slot_version[i] = meta.version;
		n->slot_floor[i] = meta.floor_pos;
		n->slot_base[i] = meta.floor.index;
		if (meta.version < newest)
			continue;
		newest = meta.version;
		n->vote_term = meta.raft.term;
		n->vote = meta.raft.vote;
	}
	if (bad == 1)
		WORLD_MARK(META_TORN);
}

static void start_client(struct node *n)
{
	struct rblk_node_cfg cfg;
	int err;

	make_cfg(n, &cfg);
	get_memory(&n->mem, rblk_client_size(&cfg));
	n->m = n->mem.m;
	err = rblk_node_start_client(n->m, &cfg, node_now(n));
	WORLD_CHECK(!err, "client %c does not start: %d", 'a' + n->id, err);
	n->up = true;
	memset(&n->st, 0, sizeof(n->st));
	n->executed_seen = n->seen_commit = 0;
	node_after(n);
}

/* Reads the superblock. Returns 0 or -errno. */
static int read_super(struct node *n, const struct log_reader *rd, struct log_copies *copies)
{
	struct log_super s;
	int err = rblk_log_read_super(rd, n->super.dev_bytes, &s, copies);

	if (err)
		return err;
	/* No checksum covers the protective MBR: what has rotten there is not one any more. */
	s.mbr = n->super.mbr;
	WORLD_CHECK(!memcmp(&s, &n->super, sizeof(s)), "node %c: superblock changed", 'a' + n->id);
	return 0;
}

bool node_start(struct node *n)
{
	struct log_reader rd = { .read = read_log, .ctx = n, .scratch = scratch };
	struct log_copies copies = {};
	int err;

	WORLD_CHECK(!n->up && !n->refused, "node %c cannot be started", 'a' + n->id);
	forget(n);
	n->inc++;
	n->drift = (s64)rnd_below(R_NODE, 2 * world.cfg.drift_ppm + 1) - world.cfg.drift_ppm;
	n->clock0 = rnd_below(R_NODE, 100 * SEC) + SEC;
	if (node_diskless(n)) {
		start_client(n);
		return true;
	}
	disk_flush(&n->log);
	disk_flush(&n->data);
	check_slots(n);
	err = read_super(n, &rd, &copies);
	if (err)
		return refused(n, "superblock", err);
	err = start_replica(n, &n->mem, &rd, &copies);
	if (err)
		return refused(n, "start", err);
	n->m = n->mem.m;
	n->up = true;
	load_map(n, n->m);
	if (!check_started(n)) {
		node_stop(n, false);
		n->refused = true;
		return false;
	}
	node_after(n);
	return true;
}

/* ---- a lost replica is given back ---- */

/* What is on its devices is recovered beside it, in memory of its own, and becomes its replica. */
static int attach(struct node *n)
{
	struct node_mem *mem = &n->attached[n->attaches % ARRAY_SIZE(n->attached)];
	struct log_reader rd = { .read = read_log, .ctx = n, .scratch = scratch };
	struct log_copies copies = {};
	u64 nonce = n->boot_nonce;
	int err;

	disk_flush(&n->log);
	disk_flush(&n->data);
	check_slots(n);
	err = read_super(n, &rd, &copies);
	if (!err)
		err = start_replica(n, mem, &rd, &copies);
	if (!err) {
		load_map(n, mem->m);
		err = rblk_node_attach(n->m, mem->m, node_now(n));
	}
	if (err)
		n->boot_nonce = nonce;
	return err;
}

int node_attach(struct node *n)
{
	u32 nrec = n->nrec;
	bool installing = n->installing;
	int err = rblk_node_give_up(n->m, node_now(n));

	if (!err) {
		node_after(n);
		err = rblk_node_may_attach(n->m);
	}
	if (err)
		return err;
	WORLD_CHECK(!n->log.flying && !n->data.flying, "node %c: its devices are busy", 'a' + n->id);
	check_stopped(n);
	err = attach(n);
	TRACE(n->id, "attach", (u64)-err, n->attaches);
	if (err) {
		n->nrec = nrec;
		n->installing = installing;
		return err;
	}
	WORLD_MARK(ATTACHED);
	n->attaches++;
	n->lost = n->nodata = n->injected = n->read_failed = false;
	n->meta_busy = n->map_busy = n->apply_busy = n->sync_busy = false;
	net_node_down(n->id);
	WORLD_CHECK(check_started(n), "node %c: was attached without what it had", 'a' + n->id);
	node_after(n);
	return 0;
}

/* ---- stop ---- */

static void check_leaks(struct node *n)
{
	struct sbuf *b;

	for (b = n->bufs; b; b = b->next)
		WORLD_CHECK(b->ref == b->host,
			    "node %c: a payload buffer of %u blocks leaked: %u references, %u ours",
			    'a' + n->id, b->buf.nblocks, b->ref, b->host);
}

/* The devices live on: what was in flight ends as it would have. */
static void finish_io(struct disk *d)
{
	while (d->flying) {
		struct dop *op = d->flying;

		while (op->next)	/* the oldest first */
			op = op->next;
		dop_end(d, op);
		dop_free(d, op);
	}
}

void node_stop(struct node *n, bool clean)
{
	TRACE(n->id, clean ? "stop" : "crash", 0, 0);
	WORLD_CHECK(n->up, "node %c is not up", 'a' + n->id);
	op_drop_waiting(n);
	if (clean) {
		rblk_node_stop(n->m, -ESHUTDOWN);
		check_leaks(n);
		if (!node_diskless(n)) {
			finish_io(&n->log);
			finish_io(&n->data);
		}
		WORLD_MARK(CLEAN_STOP);
	} else {
		if (!node_diskless(n)) {
			disk_crash(&n->log);
			disk_crash(&n->data);
		}
		world.stats[ST_CRASHES]++;
	}
	n->up = false;
	n->inc++;
	op_lost(n);
	net_node_down(n->id);
	while (n->bufs) {
		n->bufs->ref = 1;
		n->bufs->host = 0;
		sbuf_put(n->bufs, false);
	}
	check_stopped(n);
}

void node_pause(struct node *n, u64 len)
{
	n->resume_t = world.now + len;
	n->pause_t = world.now;
	TRACE(n->id, "pause", len / 1000, 0);
	if (len > (u64)world.cfg.limits.default_election_ms * MSEC)
		WORLD_MARK(PAUSE);
}

static u64 resumes;

static bool waits_for_resume(const struct event *e)
{
	return e->t == resumes;
}

/* Before its time, too. What came meanwhile is seen now, in order. */
void node_resume(struct node *n)
{
	resumes = n->resume_t;
	n->resume_t = 0;
	TRACE(n->id, "resume", 0, 0);
	ev_wake(waits_for_resume);
}

struct node *node_leader(void)
{
	struct node *best = NULL;
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++) {
		struct node *n = &world.node[i];

		if (n->up && n->st.raft.role == RAFT_LEADER &&
		    (!best || n->st.raft.term > best->st.raft.term))
			best = n;
	}
	return best;
}

/* ---- driving ---- */

static void timer_event(struct event *e)
{
	struct node *n = &world.node[e->node];

	if (e->a != n->timer_at)
		return;
	n->timer_at = U64_MAX;
	node_run(n);
}

static void run_event(struct event *e)
{
	node_run(&world.node[e->node]);
}

static void arm_timer(struct node *n)
{
	u64 d = rblk_node_deadline(n->m), t;

	if (d == U64_MAX)
		return;
	t = world_time(n, d);
	if (t <= world.now)
		t = world.now + USEC;
	if (n->timer_at <= t && n->timer_at > world.now)
		return;
	n->timer_at = t;
	ev_push(t, timer_event, n->id, t, 0, NULL);
}

static void node_run(struct node *n)
{
	n->run_pending = false;
	if (n->spin_t != world.now) {
		n->spin_t = world.now;
		n->spin = 0;
	}
	WORLD_CHECK(++n->spin < 2000, "node %c: runs forever at one point in time", 'a' + n->id);
	op_use(n);
	rblk_node_run(n->m, node_now(n));
	/* A deadline in the past would have the loop of the module spin until an event comes. */
	WORLD_CHECK(rblk_node_deadline(n->m) > node_now(n),
		    "node %c: runs, and wants to run again at once", 'a' + n->id);
	check_step(n);
	if (world.on.ran)
		world.on.ran(n);
	if (op_retry(n))
		node_kick(n);
	arm_timer(n);
}

void node_kick(struct node *n)
{
	u64 delay = world.cfg.run_delay ? rnd_below(R_NODE, world.cfg.run_delay) : USEC;

	if (n->run_pending)
		return;
	n->run_pending = true;
	ev_push(world.now + delay, run_event, n->id, 0, 0, NULL);
}

void node_after(struct node *n)
{
	if (!world.cfg.run_delay) {
		node_run(n);
		return;
	}
	check_step(n);
	node_kick(n);
}
