// SPDX-License-Identifier: GPL-2.0
/*
 * Disks with a volatile cache. A write is first seen by reads (perhaps in part
 * before it ended), and is on the platter after a flush, with FUA at its end, or
 * whenever the cache pleases. A power cut keeps, drops or tears what is not, by
 * sectors of 512 bytes, in any order. Pages are shared, so storage is sparse and
 * writing 4 KiB is taking a reference.
 */
#include "world.h"

static struct dop *free_dops;

void disk_init(struct disk *d, u8 node, bool data, u64 bytes)
{
	memset(d, 0, sizeof(*d));
	if (!node && !data)
		free_dops = NULL;	/* the memory of the previous run is gone */
	d->node = node;
	d->data = data;
	d->npg = (u32)(bytes / RBLK_BLOCK_SIZE);
	d->pg = mem_alloc(d->npg * sizeof(*d->pg));
	d->cache = mem_alloc(d->npg * sizeof(*d->cache));
	d->dirty = mem_alloc(d->npg);
	d->dirty_seq = mem_alloc(d->npg * sizeof(*d->dirty_seq));
	d->list = mem_alloc(d->npg * sizeof(*d->list));
	d->news = mem_alloc(d->npg * sizeof(*d->news));
	d->again = mem_alloc(d->npg * sizeof(*d->again));
	d->is_new = mem_alloc(d->npg * sizeof(*d->is_new));
	d->bad = mem_alloc(d->npg * sizeof(*d->bad));
}

struct page *disk_page(struct disk *d, u32 pgno)
{
	WORLD_CHECK(pgno < d->npg, "%s read beyond the device: page %u", d->data ? "data" : "log",
		    pgno);
	return d->dirty[pgno] ? d->cache[pgno] : d->pg[pgno];
}

/* ---- what changes ---- */

void disk_news(struct disk *d, u32 pgno)
{
	if (d->is_new[pgno])
		return;
	d->is_new[pgno] = true;
	d->news[d->nnews++] = pgno;
}

/* All that is written to the platter comes by here. */
static void to_platter(struct disk *d, u32 pgno, u8 mask, struct page *pg)
{
	page_mix(&d->pg[pgno], mask, pg);
	disk_news(d, pgno);
	if (mask && d->bad[pgno] != DISK_BAD_FOR_GOOD)
		d->bad[pgno] = 0;
}

/* What is in the cache can be read in any case. */
bool disk_is_bad(const struct disk *d, u32 pgno)
{
	return d->bad[pgno] == DISK_BAD_FOR_GOOD || (d->bad[pgno] && !d->dirty[pgno]);
}

static void list_drop(struct disk *d, u32 pgno)
{
	u32 i;

	for (i = 0; i < d->nlist; i++)
		if (d->list[i] == pgno) {
			d->list[i] = d->list[--d->nlist];
			return;
		}
}

static void write_durable(struct disk *d, u32 pgno, u8 mask, struct page *pg)
{
	to_platter(d, pgno, mask, pg);
	if (!d->dirty[pgno])
		return;
	page_mix(&d->cache[pgno], mask, pg);
	d->dirty[pgno] &= (u8)~mask;
	if (!d->dirty[pgno]) {
		page_put(d->cache[pgno]);
		d->cache[pgno] = NULL;
		list_drop(d, pgno);
	}
}

static void write_cache(struct disk *d, u32 pgno, u8 mask, struct page *pg)
{
	if (!d->dirty[pgno]) {
		d->list[d->nlist++] = pgno;
		d->cache[pgno] = page_get(d->pg[pgno]);
		d->dirty_seq[pgno] = d->seq + 1;
	} else if (rnd_below(R_DISK, 100) < world.cfg.writeback) {
		to_platter(d, pgno, d->dirty[pgno] & (u8)rnd(R_DISK), d->cache[pgno]);
	}
	page_mix(&d->cache[pgno], mask, pg);
	d->dirty[pgno] |= mask;
	d->seq++;
}

static void put_seg(struct disk *d, const struct dop *op, const struct dseg *s, u8 mask)
{
	if (!mask)
		return;
	if (op->fua)
		write_durable(d, s->pgno, mask, s->pg);
	else
		write_cache(d, s->pgno, mask, s->pg);
}

static void clean(struct disk *d, u32 i, u8 keep)
{
	u32 pgno = d->list[i];

	if (keep)
		to_platter(d, pgno, keep, d->cache[pgno]);
	page_put(d->cache[pgno]);
	d->cache[pgno] = NULL;
	d->dirty[pgno] = 0;
	d->list[i] = d->list[--d->nlist];
}

/* What was written before @seq; a page written again since goes along with all it has. */
static void flush(struct disk *d, u64 seq)
{
	u32 i = 0;

	while (i < d->nlist) {
		if (d->dirty_seq[d->list[i]] <= seq)
			clean(d, i, d->dirty[d->list[i]]);
		else
			i++;
	}
}

void disk_flush(struct disk *d)
{
	flush(d, U64_MAX);
}

/* ---- operations ---- */

struct dop *dop_new(struct disk *d, enum dop_kind kind, bool fua)
{
	struct dop *op = free_dops, keep;

	if (op) {
		free_dops = op->next;
		keep = *op;
		memset(op, 0, sizeof(*op));
		op->seg = keep.seg;
		op->maxseg = keep.maxseg;
		op->buf = keep.buf;
		op->maxbuf = keep.maxbuf;
	} else {
		op = mem_alloc(sizeof(*op));
	}
	op->kind = kind;
	op->fua = fua;
	op->t0 = world.now;
	op->next = d->flying;
	if (op->next)
		op->next->pprev = &op->next;
	op->pprev = &d->flying;
	d->flying = op;
	return op;
}

static void *grow(void *old, u32 n, u32 *max, size_t size)
{
	void *p;

	if (n < *max)
		return old;
	p = mem_alloc(2 * (n + 8) * size);
	if (n)
		memcpy(p, old, n * size);
	*max = 2 * (n + 8);
	return p;
}

void dop_seg(struct dop *op, u32 pgno, u8 mask, struct page *pg)
{
	op->seg = grow(op->seg, op->nseg, &op->maxseg, sizeof(*op->seg));
	op->seg[op->nseg++] = (struct dseg){ .pgno = pgno, .mask = mask, .pg = page_get(pg) };
}

void dop_bytes(struct dop *op, u64 off, const void *data, u32 len)
{
	struct page *p;
	u32 i;

	WORLD_CHECK(off % RBLK_BLOCK_SIZE == 0 && len % RBLK_BLOCK_SIZE == 0,
		    "a write at %llu of %u bytes is not aligned", (unsigned long long)off, len);
	for (i = 0; i < len; i += RBLK_BLOCK_SIZE) {
		p = page_new();
		memcpy(p->data, (const u8 *)data + i, RBLK_BLOCK_SIZE);
		dop_seg(op, (u32)((off + i) / RBLK_BLOCK_SIZE), 0xff, p);
		page_put(p);
	}
}

void dop_hold(struct dop *op, struct rblk_buf *buf)
{
	op->buf = grow(op->buf, op->nbuf, &op->maxbuf, sizeof(*op->buf));
	op->buf[op->nbuf++] = buf ? sbuf_of(buf) : NULL;
	if (buf)
		sbuf_get(sbuf_of(buf), true);
}

void dop_free(struct disk *d, struct dop *op)
{
	u32 i;

	for (i = 0; i < op->nseg; i++)
		page_put(op->seg[i].pg);
	for (i = 0; i < op->nbuf; i++)
		if (op->buf[i])
			sbuf_put(op->buf[i], true);
	*op->pprev = op->next;
	if (op->next)
		op->next->pprev = op->pprev;
	op->next = free_dops;
	free_dops = op;
}

static bool is_read(const struct dop *op)
{
	return op->kind == D_READ || op->kind == D_LOG_READ;
}

static u64 latency(struct disk *d, const struct dop *op)
{
	const struct world_cfg *c = &world.cfg;
	u64 t = d->data ? rnd_log(R_DISK, c->data_min, c->data_max) :
			  rnd_log(R_DISK, c->log_min, c->log_max);

	t += op->nseg * 2 * USEC;
	return world.now < d->slow_until ? min_t(u64, c->slow_factor * t, c->slow_max) : t;
}

/* Some sectors of a write without FUA are seen early. Zeroes go before blocks: never overtake. */
static void show_early(struct disk *d, struct dop *op)
{
	u32 i;

	for (i = 0; i < op->nseg; i++) {
		struct dseg *s = &op->seg[i];

		if (i >= op->a && op->a)	/* a: number of zero segments, which come first */
			break;
		s->early = s->mask & (u8)rnd(R_DISK);
		put_seg(d, op, s, s->early);
	}
}

/* Does a read of the image meet a page that cannot be read? b: first sector, c: sectors. */
static bool reads_bad(const struct disk *d, const struct dop *op)
{
	u64 s;

	for (s = op->b; s < op->b + op->c; s = (s / PAGE_SECTORS + 1) * PAGE_SECTORS)
		if (disk_is_bad(d, (u32)(IMAGE_PAGE + s / PAGE_SECTORS)))
			return true;
	return false;
}

void dop_start(struct disk *d, struct dop *op, void (*done)(struct event *e))
{
	u32 ppm = is_read(op) ? world.cfg.read_error : world.cfg.write_error, i;
	u64 end = world.now + latency(d, op);

	for (i = 0; i < op->nseg; i++)
		WORLD_CHECK(op->seg[i].pgno < d->npg, "%s access beyond the device: page %u of %u",
			    d->data ? "data" : "log", op->seg[i].pgno, d->npg);
	WORLD_CHECK(is_read(op) || !(world.node[d->node].halted || world.node[d->node].lost),
		    "node %c: has halted, or lost its replica, and writes to its %s device", 'a' + d->node,
		    d->data ? "data" : "log");
	WORLD_CHECK(is_read(op) || !d->data || !world.node[d->node].nodata,
		    "node %c: writes to a data device that has failed", 'a' + d->node);
	if (rnd_ppm(R_DISK, ppm)) {
		op->error = -EIO;
		world.node[d->node].injected = true;
	}
	if (d->fail & 1u << op->kind) {
		d->fail &= ~(1u << op->kind);
		op->error = -EIO;
		world.node[d->node].injected = true;
	}
	if (op->kind == D_READ && reads_bad(d, op))
		op->error = -EIO;
	world.read_faults += op->kind == D_READ && op->error;
	op->flush_seq = d->seq;
	if (op->kind == D_APPLY && rnd_one_in(R_DISK, 2))
		show_early(d, op);
	TRACE(d->node, d->data ? "data-start" : "log-start", op->kind, op->nseg);
	if (d->hold & 1u << op->kind)
		op->held = done;
	else
		ev_push(end, done, d->node, 0, 0, op);
	if (!is_read(op) && rnd_ppm(R_DISK, world.cfg.crash_io))
		world.on.power_cut(d->node, rnd_range(R_DISK, world.now, end));
}

void dop_end(struct disk *d, struct dop *op)
{
	u32 i;

	TRACE(d->node, d->data ? "data-end" : "log-end", op->kind, op->error ? 1 : 0);
	if (is_read(op))
		return;
	if (op->kind == D_SYNC) {
		if (op->error && rnd_one_in(R_DISK, 2))
			return;
		flush(d, op->flush_seq);
	}
	for (i = 0; i < op->nseg; i++) {
		struct dseg *s = &op->seg[i];
		u8 mask = s->mask & (u8)~s->early;

		put_seg(d, op, s, op->error ? mask & (u8)rnd(R_DISK) : mask);
	}
}

static u32 release(struct disk *d, struct dop *op, u32 kinds)
{
	u32 n;

	if (!op)
		return 0;
	n = release(d, op->next, kinds);	/* the oldest first */
	if (!op->held || !(kinds & 1u << op->kind))
		return n;
	ev_push(world.now, op->held, d->node, 0, 0, op);
	op->held = NULL;
	return n + 1;
}

u32 disk_release(struct disk *d, u32 kinds)
{
	d->hold &= ~kinds;
	d->lose &= ~kinds;
	return release(d, d->flying, kinds);
}

/* ---- power cuts ---- */

enum cut { CUT_NONE, CUT_ALL, CUT_PREFIX, CUT_RANDOM, CUT_NR };

static u8 cut_mask(enum cut how, u32 i, u32 limit)
{
	u8 m = 0;
	int b;

	switch (how) {
	case CUT_NONE:
		return 0;
	case CUT_ALL:
		return 0xff;
	case CUT_PREFIX:
		return i < limit ? 0xff : i == limit ? (u8)((1 << rnd_below(R_DISK, 9)) - 1) : 0;
	default:
		for (b = 0; b < 8; b++)
			if (rnd_below(R_DISK, 100) < world.cfg.torn)
				m |= (u8)(1 << b);
		return m;
	}
}

/* A write in flight lands whole, in part, or not at all. */
static void cut_flying(struct disk *d, struct dop *op)
{
	enum cut how = (enum cut)rnd_below(R_DISK, CUT_NR);
	u32 limit = (u32)rnd_below(R_DISK, op->nseg + 1), i;

	if (d->lose >> op->kind & 1)
		return;
	if (op->kind == D_SYNC) {
		if (how == CUT_NONE)
			return;		/* not even flushed */
		flush(d, op->flush_seq);
	}
	for (i = 0; i < op->nseg; i++)
		put_seg(d, op, &op->seg[i], op->seg[i].mask & cut_mask(how, i, limit));
}

void disk_crash(struct disk *d)
{
	enum cut how = (enum cut)rnd_below(R_DISK, CUT_NR);

	while (d->flying) {
		if (!is_read(d->flying))
			cut_flying(d, d->flying);
		dop_free(d, d->flying);
	}
	if (d->nlist && d->data)
		WORLD_MARK(APPLY_TORN);
	while (d->nlist) {
		u32 pgno = d->list[d->nlist - 1];

		clean(d, d->nlist - 1, d->dirty[pgno] &
		      cut_mask(how == CUT_PREFIX ? CUT_RANDOM : how, 0, 0));
	}
}

/* ---- synchronous: start of a node, format ---- */

bool disk_look(struct disk *d, u64 off, void *buf, u32 len)
{
	u8 *to = buf;

	while (len) {
		u32 in = (u32)(off % RBLK_BLOCK_SIZE);
		u32 n = min_t(u32, len, RBLK_BLOCK_SIZE - in);
		struct page *p = disk_page(d, (u32)(off / RBLK_BLOCK_SIZE));

		if (disk_is_bad(d, (u32)(off / RBLK_BLOCK_SIZE)))
			return false;
		if (p)
			memcpy(to, page_data(p) + in, n);
		else
			memset(to, 0, n);
		to += n;
		off += n;
		len -= n;
	}
	return true;
}

int disk_read(struct disk *d, u64 off, void *buf, u32 len)
{
	WORLD_CHECK(off + len <= (u64)d->npg * RBLK_BLOCK_SIZE, "read beyond the device at %llu",
		    (unsigned long long)off);
	if (rnd_ppm(R_DISK, world.cfg.read_error / 8))
		return -EIO;
	return disk_look(d, off, buf, len) ? 0 : -ENODATA;
}

void disk_write_now(struct disk *d, u64 off, const void *buf, u32 len)
{
	struct page *p;
	u32 i;

	for (i = 0; i < len; i += RBLK_BLOCK_SIZE) {
		p = page_new();
		memcpy(p->data, (const u8 *)buf + i, RBLK_BLOCK_SIZE);
		write_durable(d, (u32)((off + i) / RBLK_BLOCK_SIZE), 0xff, p);
		page_put(p);
	}
}

void disk_flip(struct disk *d, u64 off)
{
	u32 pgno = (u32)(off / RBLK_BLOCK_SIZE);
	struct page *p = page_copy(d->pg[pgno]);

	p->data[off % RBLK_BLOCK_SIZE] ^= (u8)(1 << rnd_below(R_DISK, 8));
	to_platter(d, pgno, 0xff, p);
	page_put(p);
}

bool disk_rot(struct disk *d, u32 pgno)
{
	if (!d->pg[pgno])
		return false;
	disk_flip(d, (u64)pgno * RBLK_BLOCK_SIZE + rnd_below(R_DISK, RBLK_BLOCK_SIZE));
	TRACE(d->node, "rot", d->data, pgno);
	return true;
}

void disk_unreadable(struct disk *d, u64 off, enum disk_bad how)
{
	d->bad[off / RBLK_BLOCK_SIZE] = how;
}

/* As after a power cut that leaves nothing of the cache. */
struct page **disk_image(struct disk *d)
{
	struct page **pg = mem_alloc(d->npg * sizeof(*pg));
	u32 i;

	for (i = 0; i < d->npg; i++)
		pg[i] = page_get(d->pg[i]);
	return pg;
}

struct page **disk_copy(struct disk *d)
{
	disk_flush(d);
	return disk_image(d);
}

void disk_restore(struct disk *d, struct page **pg)
{
	u32 i;

	disk_flush(d);
	memset(d->bad, 0, d->npg * sizeof(*d->bad));
	for (i = 0; i < d->npg; i++) {
		to_platter(d, i, 0xff, pg[i]);
	}
}
