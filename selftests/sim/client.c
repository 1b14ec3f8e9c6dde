// SPDX-License-Identifier: GPL-2.0
/*
 * The users of the volume: on every node somebody may mount it, write, zero and
 * read, and unmount it again, whoever leads. What a node refuses for now waits in
 * order, as the block layer's queue does.
 */
#include "sim.h"

#define OPS_CHUNK	1024
#define OPS_CHUNKS	64
#define WAIT_MAX	48

static struct op *ops[OPS_CHUNKS];
static u64 nops;		/* ids are 1 .. nops */
static u64 done_index;		/* newest entry a user knows to be done */

#define PLACES	4096
static struct op *places[PLACES];	/* of writes: by epoch and sequence number */

void client_init(void)
{
	memset(ops, 0, sizeof(ops));
	memset(places, 0, sizeof(places));
	nops = 0;
	done_index = 0;
}

struct op *client_op(u64 id)
{
	SIM_CHECK(id && id <= nops, "no request %llu", (unsigned long long)id);
	return &ops[id / OPS_CHUNK][id % OPS_CHUNK];
}

static struct op **place(u64 epoch, u64 seq)
{
	return &places[(epoch * 0x9e3779b97f4a7c15ULL + seq) % PLACES];
}

struct op *client_of(u64 epoch, u64 seq)
{
	struct op *op = *place(epoch, seq);

	while (op && (op->epoch != epoch || op->seq != seq))
		op = op->same;
	return op;
}

/* The member gave an accepted write its place: for good, whoever leads. */
void client_placed(struct node *n, u64 seq, u64 token)
{
	struct op *op = client_op(token), **at = place(n->sess_epoch, seq);

	SIM_CHECK(op->kind <= OP_ZEROES && op->node == n->id && !op->seq && n->sess_epoch,
		  "node %c: request %llu is accepted out of place", 'a' + n->id,
		  (unsigned long long)token);
	SIM_CHECK(!client_of(n->sess_epoch, seq), "node %c: sequence number %llu is used twice",
		  'a' + n->id, (unsigned long long)seq);
	op->epoch = n->sess_epoch;
	op->seq = seq;
	op->same = *at;
	*at = op;
}

static struct op *op_new(struct node *n, enum op_kind kind, u64 sector, u32 nsect)
{
	u64 id = ++nops;
	struct op *op;

	if (id / OPS_CHUNK >= OPS_CHUNKS)
		sim_fail("too many requests for one run");
	if (!ops[id / OPS_CHUNK])
		ops[id / OPS_CHUNK] = mem_alloc(OPS_CHUNK * sizeof(*op));
	op = client_op(id);
	op->id = id;
	op->kind = kind;
	op->node = n->id;
	op->inc = n->inc;
	op->sector = sector;
	op->nsect = nsect;
	op->t0 = sim.now;
	op->floor = done_index;
	return op;
}

/* ---- content: every sector of every write is unlike any other ---- */

#define TAG	(0xa5ull << 56)

#define STEP	0xd1342543de82ef95ull

static u64 word(u64 id, u64 sector, u32 n)
{
	return ((id * 0x9e3779b97f4a7c15) ^ (sector << 32)) + STEP * n;
}

void sector_fill(u8 *p, u64 id, u64 sector)
{
	u64 w[64], i, x = word(id, sector, 0);

	w[0] = TAG | id;
	for (i = 1; i < 64; i++)
		w[i] = x += STEP;
	memcpy(p, w, 512);
}

u64 sector_id(const u8 *p, u64 sector, bool fast)
{
	static const u8 zeroes[512];
	u8 want[512];
	u64 w, end;

	memcpy(&w, p, 8);
	memcpy(&end, p + 504, 8);
	if (!w)
		return end || (!fast && memcmp(p, zeroes, 512)) ? SECTOR_GARBAGE : 0;
	if ((w & 0xff00000000000000) != TAG || end != word(w & ~TAG, sector, 63))
		return SECTOR_GARBAGE;
	if (fast)
		return w & ~TAG;
	sector_fill(want, w & ~TAG, sector);
	return memcmp(p, want, 512) ? SECTOR_GARBAGE : w & ~TAG;
}

/* Sectors of a block that the write does not cover hold what must never be seen. */
static void make_payload(struct node *n, struct op *op)
{
	u32 nblocks = rblk_blocks_touched(op->sector, op->nsect), b, i;
	struct sbuf *sb = sbuf_new(n->id, nblocks, B_SUBMIT);
	u64 base = op->sector / 8 * 8;

	op->buf = sb;
	op->nblocks = nblocks;
	op->crc = mem_alloc(nblocks * sizeof(*op->crc));
	for (b = 0; b < nblocks; b++) {
		u8 mask = rblk_block_mask(op->sector, op->nsect, b);

		sb->pg[b] = page_new();
		for (i = 0; i < 8; i++) {
			if (mask & 1 << i)
				sector_fill(sb->pg[b]->data + 512 * i, op->id, base + 8 * b + i);
			else
				memset(sb->pg[b]->data + 512 * i, 0xee, 512);
		}
		op->crc[b] = sb->buf.crc[b] = page_crc(sb->pg[b]);
	}
}

/* ---- submitting ---- */

static void drop_payload(struct op *op)
{
	if (op->buf)
		sbuf_put(op->buf, false);
	op->buf = NULL;
}

/* The user of a write stops waiting. The write keeps its place, whatever becomes of it. */
static void give_up_event(struct event *e)
{
	struct node *n = &sim.node[e->node];
	struct op *op = client_op(e->a);

	if (op->done || !op->accepted || sim.healed)
		return;
	SIM_MARK(WRITE_TIMED_OUT);
	TRACE(n->id, "gave-up", op->id, 0);
	op->gave_up = true;
	n->gave_up++;
}

static int call_write(struct node *n, struct op *op)
{
	int ret;

	op->order = ++n->accepted;
	ret = rblk_node_write(n->m, op->sector, op->nsect, op->buf ? &op->buf->buf : NULL, op->id);
	SIM_CHECK(!ret || ret == -EAGAIN || ret == -EBUSY || ret == -ESTALE ||
		  ret == -ESHUTDOWN, "rblk_node_write() returned %d", ret);
	if (ret)
		return ret;
	SIM_CHECK(rblk_node_session(n->m) == NODE_S_HELD,
		  "node %c: a write is accepted without a session", 'a' + n->id);
	op->buf = NULL;		/* the member's now */
	if (rnd_below(R_LATE, 100) < sim.cfg.give_up)
		ev_push(sim.now + rnd_exp(R_LATE, sim.cfg.patience), give_up_event, n->id, op->id,
			0, NULL);
	return 0;
}

static int call_read(struct node *n, struct op *op)
{
	u32 i;
	int ret;

	if (!op->data) {
		op->data = mem_alloc(op->nsect * 512);
		memset(op->data, 0xdd, op->nsect * 512);
		op->seen = mem_alloc(op->nsect * sizeof(*op->seen));
		for (i = 0; i < op->nsect; i++)
			op->seen[i] = model_done(op->sector + i);
	}
	/* Accepted only now as far as parts go; refused means no part was handed out. */
	ret = rblk_node_read(n->m, op->sector, op->nsect, op->id, node_now(n));
	SIM_CHECK(!ret || ret == -EAGAIN || ret == -ESTALE || ret == -ESHUTDOWN,
		  "rblk_node_read() returned %d", ret);
	return ret;
}

static void open_over(struct node *n, int error)
{
	n->opening = false;
	n->mounted = !error;
	rblk_node_use(n->m, n->mounted);
}

/* Whoever opens the device does not wait for ever. */
static void cancel_event(struct event *e)
{
	struct node *n = &sim.node[e->node];
	struct op *op = client_op(e->a);

	if (op->done || !op->accepted)
		return;
	SIM_MARK(OPEN_CANCELLED);
	TRACE(n->id, "open-cancel", op->id, 0);
	rblk_node_open_cancel(n->m);
	op->done = true;
	op->error = -EBUSY;
	n->ops_out--;
	open_over(n, -EBUSY);
	node_after(n);
}

static int call_open(struct node *n, struct op *op)
{
	int ret;

	op->force = rnd_below(R_CLIENT, 100) < sim.cfg.force;
	n->opening = true;
	n->open_force = op->force;
	rblk_node_use(n->m, true);
	ret = rblk_node_open(n->m, op->force, op->id);
	if (!ret)
		ev_push(sim.now + rnd_exp(R_CLIENT, 2 * SEC), cancel_event, n->id, op->id, 0, NULL);
	else
		open_over(n, ret == -EALREADY ? 0 : ret);
	return ret;
}

/* Unmounted: the session may stay, or be given up at once. */
static int call_close(struct node *n, struct op *op)
{
	n->mounted = false;
	rblk_node_use(n->m, false);
	n->closing = !rnd_one_in(R_CLIENT, 2);
	return n->closing ? rblk_node_close(n->m, op->id) : -EALREADY;
}

static int call(struct node *n, struct op *op)
{
	switch (op->kind) {
	case OP_WRITE:
	case OP_ZEROES:
		return call_write(n, op);
	case OP_READ:
		return call_read(n, op);
	case OP_OPEN:
		return call_open(n, op);
	default:
		return call_close(n, op);
	}
}

static void refused(struct node *n, struct op *op, int ret)
{
	drop_payload(op);
	op->done = true;
	op->error = ret;
	op->t1 = sim.now;
	TRACE(n->id, "refused", op->id, (u64)-ret);
	if (op->kind <= OP_ZEROES)
		SIM_MARK(WRITE_REFUSED);
}

/* True: accepted; -EAGAIN leaves it as it was. */
static int try_op(struct node *n, struct op *op)
{
	int ret;

	op->accepted = true;		/* parts may be handed out within the call */
	ret = call(n, op);
	if (!ret) {
		n->ops_out++;
		TRACE(n->id, "accepted", op->id, op->kind);
		return 0;
	}
	op->accepted = false;
	if (ret == -EAGAIN) {
		if (op->kind == OP_READ)
			SIM_MARK(READ_AGAIN);
		else if (op->kind <= OP_ZEROES)
			SIM_MARK(WRITE_AGAIN);
	}
	return ret;
}

static void wait(struct node *n, struct op *op)
{
	op->next = NULL;
	*n->waitq_tail = op;
	n->waitq_tail = &op->next;
	n->nwait++;
}

/*
 * Submits or queues a request; NULL when the node has too much waiting. The
 * caller calls node_after().
 */
struct op *client_submit(struct node *n, enum op_kind kind, u64 sector, u32 nsect)
{
	struct op *op;
	int ret = -EAGAIN;

	if (n->nwait >= WAIT_MAX)
		return NULL;
	if (kind == OP_WRITE && sbuf_room(n->id, B_SUBMIT) < rblk_blocks_touched(sector, nsect))
		return NULL;
	op = op_new(n, kind, sector, nsect);
	TRACE(n->id, "submit", op->id << 4 | kind, sector << 16 | nsect);
	if (kind == OP_WRITE)
		make_payload(n, op);
	if (!n->nwait || kind >= OP_OPEN)
		ret = try_op(n, op);
	if (ret == -EAGAIN && kind <= OP_READ)
		wait(n, op);
	else if (ret)
		refused(n, op, ret);
	return op;
}

/* A read of the leader's own for a client without disks: no user's. */
struct op *client_serve(struct node *n, u32 nblocks, u64 sector, u32 nsect)
{
	struct op *op;

	if (sbuf_room(n->id, B_SERVE) < nblocks)
		return NULL;
	op = op_new(n, OP_READ, sector, nsect);
	op->served = true;
	op->accepted = true;
	op->data = mem_alloc(nsect * 512);
	op->buf = sbuf_new(n->id, nblocks, B_SERVE);
	return op;
}

bool client_retry(struct node *n)
{
	bool any = false;

	while (n->waitq) {
		struct op *op = n->waitq;
		int ret = try_op(n, op);

		if (ret == -EAGAIN)
			break;
		n->waitq = op->next;
		if (!n->waitq)
			n->waitq_tail = &n->waitq;
		n->nwait--;
		if (ret)
			refused(n, op, ret);
		any = true;
	}
	return any;
}

/* ---- ends ---- */

/* Whoever leads: a write fails only where it is fenced, or its node stops or halts. */
static void check_write_error(struct node *n, const struct op *op)
{
	struct rblk_node_status *st = &n->now;

	rblk_node_status(n->m, st);
	SIM_CHECK(st->session == NODE_S_FENCED || st->halt != NODE_RUNNING,
		  "node %c: write %llu failed with %d, and the node is neither fenced nor halted",
		  'a' + n->id, (unsigned long long)op->id, op->error);
}

void client_complete(struct node *n, u64 token, int error)
{
	struct op *op = client_op(token);

	TRACE(n->id, "completed", token, (u64)-error);
	SIM_CHECK(op->accepted && !op->done && op->node == n->id && op->inc == n->inc,
		  "node %c: request %llu was completed out of place", 'a' + n->id,
		  (unsigned long long)token);
	op->done = true;
	op->error = error;
	op->t1 = sim.now;
	if (op->served) {
		drop_payload(op);
		return;
	}
	n->ops_out--;
	n->gave_up -= op->gave_up;
	if (op->gave_up && !error)
		SIM_MARK(WRITE_LATE);
	if (op->kind == OP_OPEN)
		open_over(n, error);
	if (op->kind == OP_CLOSE)
		n->closing = false;
	if (error) {
		if (op->kind == OP_OPEN)
			SIM_MARK(OPEN_BUSY);
		if (op->kind <= OP_ZEROES) {
			SIM_MARK(WRITE_FAILED);
			check_write_error(n, op);
		}
		if (op->kind == OP_READ && error == -EIO)
			SIM_MARK(READ_ERROR);
		return;
	}
	if (op->kind == OP_READ) {
		sim.stats[ST_READS]++;
		SIM_CHECK(rblk_node_session(n->m) != NODE_S_FENCED,
			  "node %c: read %llu was served by a fenced node", 'a' + n->id,
			  (unsigned long long)op->id);
		check_read_quorum(n, op);
		model_read(n, op);
	} else if (op->kind <= OP_ZEROES) {
		sim.stats[ST_WRITES]++;
		model_write_done(n, op);
		done_index = max_t(u64, done_index, op->index);
	} else if (op->kind == OP_OPEN && op->force) {
		SIM_MARK(OPEN_FORCED);
	}
}

/* Payload that only waits here is not the member's to put. */
void client_drop_waiting(struct node *n)
{
	struct op *op;

	for (op = n->waitq; op; op = op->next)
		drop_payload(op);
}

/* Tells which requests hang: for the report of a failure. */
void client_hung(void)
{
	u64 id;
	u32 i;

	for (i = 0; i < sim.cfg.all; i++) {
		const struct rblk_node_status *st = &sim.node[i].st;

		TRACE(i, "log", st->log_entries, st->raft.last.index);
		TRACE(i, "executed", st->executed_index, st->checkpoint_index);
		TRACE(i, "holds", st->session_epoch, st->session);
		TRACE(i, "writes-done", st->session_done, st->session_seq);
		TRACE(i, "leads", st->raft.role == RAFT_LEADER, st->ready);
		TRACE(i, "ring", st->ring_used, st->raft.transferee);
		TRACE(i, "inflight-records", st->inflight_records, st->proposals_refused);
	}

	for (id = 1; id <= nops; id++) {
		struct op *op = client_op(id);

		if (!op->done)
			TRACE(op->node, op->accepted ? "hangs" : "hangs-waiting", id, op->kind);
	}
}

void client_lost(struct node *n)
{
	u64 id;

	for (id = 1; id <= nops; id++) {
		struct op *op = client_op(id);

		if (op->node != n->id || op->done)
			continue;
		op->lost = true;
		op->done = true;
		op->buf = NULL;		/* node_stop() frees every buffer of the node */
	}
	n->ops_out = 0;
	n->gave_up = 0;
	n->nwait = 0;
	n->waitq = NULL;
	n->waitq_tail = &n->waitq;
}

/* ---- sessions ---- */

static void reset_event(struct event *e)
{
	struct node *n = &sim.node[e->node];

	n->reset_pending = false;
	if (rblk_node_session(n->m) != NODE_S_FENCED || n->ops_out || n->nwait)
		return;
	TRACE(n->id, "session-reset", 0, 0);
	SIM_MARK(SESSION_RESET);
	open_over(n, -ESTALE);
	rblk_node_session_reset(n->m);
	node_after(n);
}

/* Whoever wrote under a fenced session goes away, once nothing of it is in flight. */
void client_session(struct node *n)
{
	if (n->reset_pending || n->ops_out || n->nwait ||
	    rblk_node_session(n->m) != NODE_S_FENCED)
		return;
	n->reset_pending = true;
	ev_push(sim.now + rnd_exp(R_CLIENT, 20 * MSEC), reset_event, n->id, 0, 0, NULL);
}

/* ---- workload ---- */

static struct node *pick_node(void)
{
	u32 first = (u32)rnd_below(R_CLIENT, sim.cfg.all), i;
	struct node *n = &sim.node[first];

	if (rnd_below(R_CLIENT, 100) < sim.cfg.stray)
		return n->up ? n : NULL;
	for (i = 0; i < sim.cfg.all; i++) {
		n = &sim.node[(first + i) % sim.cfg.all];
		if (n->up && n->mounted)
			return n;
	}
	return sim.node[first].up ? &sim.node[first] : NULL;
}

static void pick_range(enum op_kind kind, u64 *sector, u32 *nsect)
{
	u32 unit = sim.cfg.block_size / 512;
	u64 space = sim.cfg.hot && rnd_below(R_CLIENT, 100) < 70 ?
		    min_t(u64, sim.cfg.hot, sim.cfg.sectors) : sim.cfg.sectors;
	u32 max = sim.cfg.size_max;

	if (kind == OP_ZEROES && rnd_one_in(R_CLIENT, 4))
		max = (u32)space;
	max = (u32)min_t(u64, max, space);
	*nsect = (u32)rnd_log(R_CLIENT, unit, max < unit ? unit : max) / unit * unit;
	*sector = rnd_below(R_CLIENT, (space - *nsect) / unit + 1) * unit;
}

static enum op_kind pick_kind(void)
{
	const struct sim_cfg *c = &sim.cfg;
	u64 r = rnd_below(R_CLIENT, c->w_write + c->w_zero + c->w_read + c->w_open + c->w_close);

	if (r < c->w_write)
		return OP_WRITE;
	r -= c->w_write;
	if (r < c->w_zero)
		return OP_ZEROES;
	r -= c->w_zero;
	if (r < c->w_read)
		return OP_READ;
	r -= c->w_read;
	return r < c->w_open ? OP_OPEN : OP_CLOSE;
}

static void one(void)
{
	struct node *n = pick_node();
	enum op_kind kind = pick_kind();
	u64 sector = 0;
	u32 nsect = 0;

	if (kind == OP_READ && rnd_one_in(R_CLIENT, 2))
		n = &sim.node[rnd_below(R_CLIENT, sim.cfg.all)];	/* reads go to anybody */
	if (!n || !n->up || node_paused(n) || !n->st.conf.index ||
	    n->ops_out - n->gave_up + n->nwait >= sim.cfg.depth)
		return;
	if (kind <= OP_ZEROES && !n->mounted)
		kind = OP_OPEN;
	if (kind == OP_OPEN && (n->opening || n->mounted))
		return;
	if (kind == OP_CLOSE && (!n->mounted || n->ops_out || n->nwait))
		return;
	if (kind <= OP_READ)
		pick_range(kind, &sector, &nsect);
	client_submit(n, kind, sector, nsect);
	node_after(n);
}

void client_tick(struct event *e)
{
	u32 i, count = (u32)rnd_range(R_CLIENT, 1, sim.cfg.burst);

	if (sim.healed)
		return;
	for (i = 0; i < count; i++)
		one();
	ev_push(sim.now + rnd_exp(R_CLIENT, sim.cfg.op_mean), client_tick, SIM_NONE, 0, 0, NULL);
}
