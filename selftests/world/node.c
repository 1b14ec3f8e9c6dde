// SPDX-License-Identifier: GPL-2.0
/* A node: format, start, stop, its clock, and when it runs. */
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

/* ---- format ---- */

/* Nothing was written to any region; what the data device holds counts if it was zeroed. */
static void format_map(struct node *n)
{
	u32 regions = (u32)DIV_ROUND_UP(n->super.data_bytes, 1ULL << n->super.region_shift);
	u64 val[RBLK_MAP_PER_BLOCK];
	u32 b, i, copy;

	for (b = 0; b < rblk_log_map_regions(&n->super); b++) {
		for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
			val[i] = n->unwritten && b * RBLK_MAP_PER_BLOCK + i < regions ?
				 RBLK_MAP_UNWRITTEN : 0;
		rblk_log_map_encode(&n->super, b, val, block);
		for (copy = 0; copy < LOG_COPIES; copy++)
			disk_write_now(&n->log, rblk_log_map_offset(&n->super, b, copy), block,
				       RBLK_BLOCK_SIZE);
	}
}

static void format_log(struct node *n)
{
	struct log_super *s = &n->super;
	struct log_meta meta;
	int i;

	memset(block, 0, sizeof(block));
	rblk_log_super_encode(s, block);
	for (i = 0; i < LOG_COPIES; i++)
		disk_write_now(&n->log, rblk_log_super_offset(s, i), block, LOG_SUPER_BYTES);
	rblk_log_meta_init(&meta);
	meta.flags = n->unwritten ? LOG_META_UNWRITTEN : 0;
	format_map(n);
	rblk_log_meta_encode(&meta, s, block);
	for (i = 0; i < LOG_COPIES; i++)
		disk_write_now(&n->log, rblk_log_meta_offset(i), block, LOG_META_BYTES);
}

static void format_data(struct node *n, u32 flags)
{
	struct data_super ds = { .store = n->super.store, .mbr = n->super.mbr, .flags = flags };
	u32 i;

	world.unwritten |= n->unwritten;
	for (i = IMAGE_PAGE; n->unwritten && i < n->data.npg; i++)
		n->data.pg[i] = page_get(page_garbage);
	memcpy(ds.volume, n->super.volume, RBLK_UUID_LEN);
	memcpy(ds.volume_name, n->super.volume_name, RBLK_NAME_MAX);
	memcpy(ds.node, n->super.node, RBLK_NAME_MAX);
	rblk_log_data_super_encode(&ds, block);
	for (i = 0; i < LOG_COPIES; i++)
		disk_write_now(&n->data, rblk_log_data_offset(i), block, RBLK_BLOCK_SIZE);
}

/* The store of a client is its name. */
static void format_client(struct node *n)
{
	struct log_super *s = &n->super;

	memcpy(s->volume, world.volume, RBLK_UUID_LEN);
	snprintf(s->volume_name, sizeof(s->volume_name), "sim");
	snprintf(s->node, sizeof(s->node), "n%u", n->id);
	s->store = 0xc11e0000 + n->id;
	memcpy(n->name, s->node, sizeof(n->name));
}

void node_format(struct node *n)
{
	struct log_super *s = &n->super;
	u64 need = 0, data = world.cfg.sectors << RBLK_SECTOR_SHIFT;

	memset(s, 0, sizeof(*s));
	n->unwritten = world.cfg.unwritten;
	if (node_diskless(n)) {
		format_client(n);
		return;
	}
	s->block_size = world.cfg.block_size;
	s->region_shift = 16;
	memcpy(s->volume, world.volume, RBLK_UUID_LEN);
	snprintf(s->volume_name, sizeof(s->volume_name), "sim");
	snprintf(s->node, sizeof(s->node), "n%u", n->id);
	s->store = rnd(R_NODE) | 1;
	s->created = 1;
	s->mbr = n->id % 2;	/* stores with and without one are in one cluster */
	rblk_log_layout(s, 1 << 20, data, &need);
	WORLD_CHECK(!rblk_log_layout(s, need + world.cfg.ring_bytes + n->ring_more - LOG_RING_MIN,
				      data, &need),
		    "rblk_log_layout refused");
	disk_init(&n->log, n->id, false, s->dev_bytes);
	disk_init(&n->data, n->id, true, data + DATA_HEADER_BYTES);
	memcpy(n->name, s->node, sizeof(n->name));
	format_log(n);
	format_data(n, 0);
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

static void get_memory(struct node *n, const struct rblk_node_cfg *cfg)
{
	size_t size = node_diskless(n) ? rblk_client_size(cfg) : rblk_node_size(cfg);

	if (n->msize < size) {
		free(n->m);
		n->m = mem_big(size);
		n->msize = size;
	}
	if (!n->pages)
		n->pages = aligned_alloc(RBLK_BLOCK_SIZE,
					 round_up(rblk_node_pages_size(), (size_t)RBLK_BLOCK_SIZE));
	if (!n->pages)
		abort();
	memset(n->m, 0, size);
}

static int read_map(void *ctx, u64 off, void *buf, u32 len)
{
	struct node *n = ctx;

	return disk_read(&n->log, off, buf, len);
}

static void load_map(struct node *n)
{
	struct log_reader rd = { .read = read_map, .ctx = n, .scratch = block };
	struct rblk_map_report rep;

	rblk_node_map_load(n->m, &rd, &rep);
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
	n->halted = n->lost = false;
	n->resume_t = 0;
	n->reset_pending = false;
	n->read_failed = n->injected = n->broken = false;
	n->unmended = 0;
	memset(n->heard, 0, sizeof(n->heard));
	memset(n->end, 0, sizeof(n->end));
}

static int start_replica(struct node *n, const struct log_reader *rd, struct log_copies *copies)
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
	get_memory(n, &cfg);
	err = rblk_node_start(n->m, &cfg, n->pages, rd, &ds, node_now(n), &rep);
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
	get_memory(n, &cfg);
	err = rblk_node_start_client(n->m, &cfg, node_now(n));
	WORLD_CHECK(!err, "client %c does not start: %d", 'a' + n->id, err);
	n->up = true;
	memset(&n->st, 0, sizeof(n->st));
	n->executed_seen = n->seen_commit = 0;
	node_after(n);
}

bool node_start(struct node *n)
{
	struct log_reader rd = { .read = read_log, .ctx = n, .scratch = scratch };
	struct log_copies copies = {};
	struct log_super s;
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
	err = rblk_log_read_super(&rd, n->super.dev_bytes, &s, &copies);
	if (err)
		return refused(n, "superblock", err);
	/* No checksum covers the protective MBR: what has rotten there is not one any more. */
	s.mbr = n->super.mbr;
	WORLD_CHECK(!memcmp(&s, &n->super, sizeof(s)), "node %c: superblock changed", 'a' + n->id);
	err = start_replica(n, &rd, &copies);
	if (err)
		return refused(n, "start", err);
	n->up = true;
	load_map(n);
	if (!check_started(n)) {
		node_stop(n, false);
		n->refused = true;
		return false;
	}
	node_after(n);
	return true;
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

/* By our account the store holds nothing any more: it is another one. */
void node_forget(struct node *n)
{
	n->dur_last = n->must_last = 0;
	n->dur_term = n->dur_vote = 0;
	n->ckpt = n->ckpt_twice = 0;
	n->slot_floor[0] = n->slot_floor[1] = 0;
	n->slot_base[0] = n->slot_base[1] = 0;
}

/*
 * What is on it is not what was. Nothing is demanded of it before the node has looked at it, and
 * then only what the node says is there.
 */
void data_exchanged(struct node *n)
{
	u32 i;

	n->absent = true;
	n->had_ckpt = max_t(u64, n->had_ckpt, n->ckpt);
	n->data.looked_at = 0;
	for (i = IMAGE_PAGE; i < n->data.npg; i++)
		disk_news(&n->data, i);
}

/* A data device as "raftblk format --data" leaves it. */
void data_blank(struct node *n, bool unwritten)
{
	n->unwritten = unwritten;
	disk_init(&n->data, n->id, true, (u64)n->data.npg * RBLK_BLOCK_SIZE);
	format_data(n, unwritten ? DATA_UNWRITTEN : 0);
}

void node_set_back(struct node *n, struct page **log, struct page **data)
{
	u64 i;

	n->had_last = n->dur_last;
	n->had = mem_alloc((n->had_last + 1) * sizeof(*n->had));
	for (i = n->log_from + 1; i <= n->had_last; i++)
		n->had[i] = n->dur[i];
	n->had_ckpt = max_t(u64, n->had_ckpt, n->ckpt);
	n->set_back = true;
	disk_restore(&n->log, log);
	disk_restore(&n->data, data);
	node_forget(n);
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
