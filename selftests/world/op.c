// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of users, as the block layer brings them: what a node refuses for now
 * waits, writes in order and reads in order. What users write is made here, too.
 */
#include "world.h"

#define OPS_CHUNK	1024
#define OPS_CHUNKS	64

static struct op *ops[OPS_CHUNKS];
static u64 nops;		/* ids are 1 .. nops */
static u64 done_index;		/* newest entry a user knows to be done */

#define PLACES	4096
static struct op *places[PLACES];	/* of writes: by epoch and sequence number */

static struct read_room {
	struct read_room *next;
	struct sref from[RBLK_ENTRY_BLOCKS_MAX * PAGE_SECTORS];
	u64 seen[RBLK_ENTRY_BLOCKS_MAX * PAGE_SECTORS];
} *free_rooms;

void op_init(void)
{
	memset(ops, 0, sizeof(ops));
	memset(places, 0, sizeof(places));
	free_rooms = NULL;
	nops = 0;
	done_index = 0;
}

struct op *op_get(u64 id)
{
	WORLD_CHECK(id && id <= nops, "no request %llu", (unsigned long long)id);
	return &ops[id / OPS_CHUNK][id % OPS_CHUNK];
}

static struct op **place(u64 epoch, u64 seq)
{
	return &places[(epoch * 0x9e3779b97f4a7c15ULL + seq) % PLACES];
}

struct op *op_at(u64 epoch, u64 seq)
{
	struct op *op = *place(epoch, seq);

	while (op && (op->epoch != epoch || op->seq != seq))
		op = op->same;
	return op;
}

/* The node gave an accepted write its sequence number. It keeps that, whichever node leads. */
void op_placed(struct node *n, u64 seq, u64 token)
{
	struct op *op = op_get(token), **at = place(n->sess_epoch, seq);

	WORLD_CHECK(op->kind <= OP_ZEROES && op->node == n->id && !op->seq && n->sess_epoch,
		    "node %c: request %llu is accepted out of place", 'a' + n->id,
		    (unsigned long long)token);
	WORLD_CHECK(!op_at(n->sess_epoch, seq), "node %c: sequence number %llu is used twice",
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
		world_fail("too many requests for one run");
	if (!ops[id / OPS_CHUNK])
		ops[id / OPS_CHUNK] = mem_alloc(OPS_CHUNK * sizeof(*op));
	op = op_get(id);
	op->id = id;
	op->kind = kind;
	op->node = n->id;
	op->inc = n->inc;
	op->sector = sector;
	op->nsect = nsect;
	op->t0 = world.now;
	op->turn = world.now;
	op->faults0 = world.read_faults;
	op->floor = done_index;
	return op;
}

/* ---- payload ---- */

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

static bool fits(const struct op *op)
{
	return rblk_vol_fits(world.cfg.sectors, world.cfg.block_size, op->sector, op->nsect);
}

static int call_write(struct node *n, struct op *op)
{
	int ret;

	op->order = ++n->accepted;
	ret = rblk_node_write(n->m, op->sector, op->nsect, op->buf ? &op->buf->buf : NULL, op->id);
	WORLD_CHECK(!ret || ret == -EAGAIN || ret == -EBUSY || ret == -ESTALE ||
		    ret == -ESHUTDOWN || (ret == -EINVAL && !fits(op)),
		    "rblk_node_write() returned %d", ret);
	if (ret)
		return ret;
	WORLD_CHECK(rblk_node_session(n->m) == NODE_S_HELD,
		    "node %c: a write is accepted without a session", 'a' + n->id);
	op->buf = NULL;		/* the node's now */
	return 0;
}

/* ---- what was read ---- */

/* Of each sector something has to be read: what is there now is garbage. */
static void get_room(struct op *op)
{
	struct read_room *r = free_rooms;
	u32 i;

	WORLD_CHECK(op->nsect <= ARRAY_SIZE(r->from), "a read of %u sectors", op->nsect);
	if (r)
		free_rooms = r->next;
	else
		r = mem_alloc(sizeof(*r));
	for (i = 0; i < op->nsect; i++)
		r->from[i] = (struct sref){ page_get(page_unread), 0 };
	op->from = r->from;
	op->seen = r->seen;
}

static void put_room(struct op *op)
{
	struct read_room *r;
	u32 i;

	if (!op->from)
		return;
	for (i = 0; i < op->nsect; i++)
		page_put(op->from[i].pg);
	r = container_of(op->from, struct read_room, from[0]);
	r->next = free_rooms;
	free_rooms = r;
	op->from = NULL;
	op->seen = NULL;
}

void op_take(struct op *op, u32 i, struct sref from)
{
	struct page *old = op->from[i].pg;

	page_get(from.pg);
	op->from[i] = from;
	page_put(old);
}

static int call_read(struct node *n, struct op *op)
{
	u32 i;
	int ret;

	if (!op->from) {
		get_room(op);
		for (i = 0; i < op->nsect; i++)
			op->seen[i] = model_done(op->sector + i);
	}
	/* Accepted only now as far as parts go; refused means no part was handed out. */
	ret = rblk_node_read(n->m, op->sector, op->nsect, op->id, node_now(n));
	WORLD_CHECK(!ret || ret == -EAGAIN || ret == -ESTALE || ret == -ESHUTDOWN,
		    "rblk_node_read() returned %d", ret);
	return ret;
}

static void open_over(struct node *n, int error)
{
	n->opening--;
	n->mounted |= !error;
	node_kick(n);
}

/* Never within a call of the node's: it tells that the device is open before it runs. */
void op_use(struct node *n)
{
	rblk_node_use(n->m, n->mounted || n->opening || n->reading);
}

static int call_open(struct node *n, struct op *op)
{
	bool force = op->flags & NODE_OPEN_FORCE, was = n->opening && n->open_force;
	int ret;

	n->open_force = force || was;
	n->opening++;
	op_use(n);
	ret = rblk_node_open(n->m, op->flags, op->deadline, op->id);
	if (ret) {
		open_over(n, ret == -EALREADY ? 0 : ret);
		n->open_force = was;
	}
	return ret;
}

/* Unmounted: the session may stay, or be given up at once. */
static int call_close(struct node *n, struct op *op)
{
	n->mounted = false;
	op_use(n);
	n->closing = !op->keep;
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
	op->t1 = world.now;
	TRACE(n->id, "refused", op->id, (u64)-ret);
	if (op->kind <= OP_ZEROES)
		WORLD_MARK(WRITE_REFUSED);
	if (world.on.ended)
		world.on.ended(n, op);
	put_room(op);
}

/* True: accepted; -EAGAIN leaves it as it was. */
static int try_op(struct node *n, struct op *op)
{
	int ret;

	op->accepted = true;		/* parts may be handed out within the call */
	ret = call(n, op);
	if (!ret) {
		op->turn = world.now;
		n->ops_out++;
		TRACE(n->id, "accepted", op->id, op->kind);
		if (world.on.accepted)
			world.on.accepted(n, op);
		return 0;
	}
	op->accepted = false;
	if (ret == -EAGAIN) {
		if (op->kind == OP_READ)
			WORLD_MARK(READ_AGAIN);
		else if (op->kind <= OP_ZEROES)
			WORLD_MARK(WRITE_AGAIN);
	}
	return ret;
}

/* No order is promised between the two, and reads may have to wait for a device that hangs. */
static struct waitq *waitq_of(struct node *n, enum op_kind kind)
{
	return kind == OP_READ ? &n->wait_read : &n->wait_write;
}

static void wait(struct node *n, struct op *op)
{
	struct waitq *q = waitq_of(n, op->kind);

	op->turn = q->n ? NEVER : world.now;
	op->next = NULL;
	*q->tail = op;
	q->tail = &op->next;
	q->n++;
	n->nwait++;
}

static void submit(struct node *n, struct op *op)
{
	int ret = -EAGAIN;

	TRACE(n->id, "submit", op->id << 4 | op->kind, op->sector << 16 | op->nsect);
	if (op->kind == OP_WRITE)
		make_payload(n, op);
	if (op->kind >= OP_OPEN || !waitq_of(n, op->kind)->n)
		ret = try_op(n, op);
	if (ret == -EAGAIN && op->kind <= OP_READ)
		wait(n, op);
	else if (ret)
		refused(n, op, ret);
}

struct op *op_submit(struct node *n, enum op_kind kind, u64 sector, u32 nsect)
{
	struct op *op;

	if (waitq_of(n, kind)->n >= OPS_WAITING)
		return NULL;
	if (kind == OP_WRITE && sbuf_room(n->id, B_SUBMIT) < rblk_blocks_touched(sector, nsect))
		return NULL;
	op = op_new(n, kind, sector, nsect);
	submit(n, op);
	return op;
}

struct op *op_again(struct node *n, struct op *op)
{
	WORLD_CHECK(op->lost && op->node == n->id, "request %llu is not of an earlier start",
		    (unsigned long long)op->id);
	*op = (struct op){
		.id = op->id, .kind = op->kind, .node = n->id, .inc = n->inc,
		.sector = op->sector, .nsect = op->nsect, .t0 = world.now, .turn = world.now,
		.floor = done_index,
	};
	submit(n, op);
	return op;
}

struct op *op_open(struct node *n, u32 flags, u64 wait)
{
	struct op *op = op_new(n, OP_OPEN, 0, 0);

	op->flags = flags;
	op->deadline = node_now(n) + wait;
	submit(n, op);
	return op;
}

struct op *op_close(struct node *n, bool keep)
{
	struct op *op = op_new(n, OP_CLOSE, 0, 0);

	op->keep = keep;
	submit(n, op);
	return op;
}

void op_cancel(struct node *n, struct op *op)
{
	rblk_node_open_cancel(n->m, op->id);
	op->done = true;
	op->error = -EBUSY;
	n->ops_out--;
	open_over(n, -EBUSY);
}

void op_reset(struct node *n)
{
	n->mounted = false;
	op_use(n);
	rblk_node_session_reset(n->m);
}

/* A read of the leader's own for a client without disks: no user's. */
struct op *op_serve(struct node *n, bool pull, u32 nblocks, u64 sector, u32 nsect)
{
	u32 spare = pull ? 0 : nodes_largest_chunk();
	struct op *op;

	if (sbuf_room(n->id, B_SERVE) < nblocks + spare ||
	    (!pull && n->serving >= n->serves)) {
		n->serves_refused++;
		return NULL;
	}
	n->serving++;
	op = op_new(n, OP_READ, sector, nsect);
	op->served = true;
	op->accepted = true;
	get_room(op);
	op->buf = sbuf_new(n->id, nblocks, B_SERVE);
	return op;
}

static bool retry(struct node *n, struct waitq *q)
{
	bool any = false;

	while (q->n) {
		struct op *op = q->first;
		int ret = try_op(n, op);

		if (ret == -EAGAIN)
			break;
		q->first = op->next;
		if (q->first)
			q->first->turn = world.now;
		else
			q->tail = &q->first;
		q->n--;
		n->nwait--;
		if (ret)
			refused(n, op, ret);
		any = true;
	}
	return any;
}

bool op_retry(struct node *n)
{
	bool wrote = retry(n, &n->wait_write);

	return retry(n, &n->wait_read) || wrote;
}

/* ---- ends ---- */

/* Whichever node leads, a write fails only if its node is fenced, stops or halts. */
static void check_write_error(struct node *n, const struct op *op)
{
	struct rblk_node_status *st = &n->now;

	rblk_node_status(n->m, st);
	WORLD_CHECK(st->session == NODE_S_FENCED || st->halt != NODE_RUNNING,
		    "node %c: write %llu failed with %d, and the node is neither fenced nor halted",
		    'a' + n->id, (unsigned long long)op->id, op->error);
}

/* What one data device fails to read, the others are asked for. */
static void check_read_error(struct node *n, const struct op *op)
{
	struct rblk_node_status *st = &n->now;

	rblk_node_status(n->m, st);
	WORLD_MARK(READ_ERROR);
	WORLD_CHECK(st->halt != NODE_RUNNING ||
			    world.read_faults - op->faults0 >= world.cfg.nodes,
		    "node %c: read %llu failed, though not all members failed to read it",
		    'a' + n->id, (unsigned long long)op->id);
}

static void failed(struct node *n, struct op *op)
{
	if (op->kind == OP_OPEN)
		WORLD_MARK(OPEN_BUSY);
	if (op->kind <= OP_ZEROES) {
		WORLD_MARK(WRITE_FAILED);
		check_write_error(n, op);
	}
	if (op->kind == OP_READ && op->error == -EIO)
		check_read_error(n, op);
}

static void succeeded(struct node *n, struct op *op)
{
	if (op->kind == OP_READ) {
		world.stats[ST_READS]++;
		if (op->away)
			WORLD_MARK(READ_AWAY);
		WORLD_CHECK(rblk_node_session(n->m) != NODE_S_FENCED,
			    "node %c: read %llu was served by a fenced node", 'a' + n->id,
			    (unsigned long long)op->id);
		check_read_quorum(n, op);
		model_read(n, op);
	} else if (op->kind <= OP_ZEROES) {
		world.stats[ST_WRITES]++;
		model_write_done(n, op);
		done_index = max_t(u64, done_index, op->index);
	} else if (op->kind == OP_OPEN && op->flags & NODE_OPEN_FORCE) {
		WORLD_MARK(OPEN_FORCED);
	}
}

/* Nobody waits in vain, nor gives up before its time. */
static void check_open(struct node *n, const struct op *op)
{
	bool late = op->flags & NODE_OPEN_WAIT && op->error == -EBUSY;

	if (op->error == -ETIMEDOUT || late)
		WORLD_CHECK(node_now(n) >= op->deadline, "open %llu ended before its deadline",
			    (unsigned long long)op->id);
	if (op->error == -ETIMEDOUT)
		WORLD_MARK(OPEN_TIMED_OUT);
	if (late)
		WORLD_MARK(OPEN_WAITED);
	if (op->error)
		return;
	WORLD_CHECK(rblk_node_session(n->m) == NODE_S_HELD, "open %llu: no session",
		    (unsigned long long)op->id);
	if (op->flags & NODE_OPEN_SERVED) {
		rblk_node_status(n->m, &n->now);
		WORLD_CHECK(n->now.ready, "open %llu: no I/O is served",
			    (unsigned long long)op->id);
	}
}

void op_complete(struct node *n, u64 token, int error)
{
	struct op *op = op_get(token);

	TRACE(n->id, "completed", token, (u64)-error);
	WORLD_CHECK(op->accepted && !op->done && op->node == n->id && op->inc == n->inc,
		    "node %c: request %llu was completed out of place", 'a' + n->id,
		    (unsigned long long)token);
	WORLD_CHECK(!op->ranges, "node %c: read %llu ended while its parts were handed out",
		    'a' + n->id, (unsigned long long)token);
	op->done = true;
	op->error = error;
	op->t1 = world.now;
	if (op->served) {
		n->serving--;
		drop_payload(op);
		put_room(op);
		return;
	}
	n->ops_out--;
	n->gave_up -= op->gave_up;
	if (op->gave_up && !error)
		WORLD_MARK(WRITE_LATE);
	if (op->kind == OP_OPEN) {
		check_open(n, op);
		open_over(n, error);
	}
	if (op->kind == OP_CLOSE)
		n->closing = false;
	if (error)
		failed(n, op);
	else
		succeeded(n, op);
	if (world.on.ended)
		world.on.ended(n, op);
	put_room(op);
}

/* Payload that only waits here is not the node's to put. */
void op_drop_waiting(struct node *n)
{
	struct op *op;

	for (op = n->wait_write.first; op; op = op->next)
		drop_payload(op);
}

u64 op_count(void)
{
	return nops;
}

void op_lost(struct node *n)
{
	u64 id;

	for (id = 1; id <= nops; id++) {
		struct op *op = op_get(id);

		if (op->node != n->id || op->done)
			continue;
		op->lost = true;
		op->done = true;
		op->buf = NULL;		/* node_stop() frees every buffer of the node */
		put_room(op);
	}
	n->ops_out = 0;
	n->serving = 0;
	n->gave_up = 0;
	op_forget_waiting(n);
}
