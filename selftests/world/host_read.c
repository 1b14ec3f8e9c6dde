// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of a node: the parts that its lookup handed out, from the data device
 * or from memory, and the answer once all of them ended.
 */
#include "host.h"

static void put_sector(struct page **pg, u32 nth, const struct sref *from)
{
	struct page *p = from->pg;

	if (from->nth == nth) {
		page_mix(pg, (u8)(1 << nth), p);
		return;
	}
	p = page_copy(*pg);
	memcpy(p->data + 512 * nth, sector_data(from), 512);
	page_put(*pg);
	*pg = p;
}

/* What was read goes where it is sent from; what is around it must never be seen. */
static void fill_served(struct op *op)
{
	u64 base = op->sector / 8 * 8;
	u32 b, i;

	for (b = 0; b < op->buf->buf.nblocks; b++) {
		struct page **pg = &op->buf->pg[b];

		page_mix(pg, 0xff, page_around);
		for (i = 0; i < 8; i++) {
			u64 s = base + 8 * b + i;

			if (s >= op->sector && s < op->sector + op->nsect)
				put_sector(pg, i, &op->from[s - op->sector]);
		}
	}
}

static void read_ended(struct node *n, struct op *op)
{
	int error;

	if (op->parts || !op->issued || op->done)
		return;
	error = op->part_error;
	if (error)
		op->away = true;
	if (op->served)
		fill_served(op);
	op->issued = false;
	op->part_error = 0;
	rblk_node_read_done(n->m, op->id, error, node_now(n));
	node_after(n);
}

static void sample(struct node *n, const struct dop *d, u32 percent)
{
	struct op *op = d->what;
	u64 i;

	for (i = 0; i < d->c; i++) {
		u64 s = d->b + i;
		struct page *p = disk_page(&n->data, (u32)(IMAGE_PAGE + s / 8));

		if (rnd_below(R_DISK, 100) < percent)
			op_take(op, (u32)(d->a / 512 + i), page_sector(p, s % PAGE_SECTORS));
	}
}

static void read_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct dop *d = e->p;
	struct op *op = d->what;

	dop_end(&n->data, d);
	if (d->error && !op->part_error)
		op->part_error = d->error;
	if (d->flush_seq)
		sample(n, d, 50);
	dop_free(&n->data, d);
	op->parts--;
	read_ended(n, op);
}

static struct op *part(struct node *n, u64 token, u32 off, u32 nsect)
{
	struct op *op = op_get(token);

	WORLD_CHECK(op->kind == OP_READ && op->node == n->id && !op->done && !op->issued,
		    "node %c: a part of request %llu", 'a' + n->id, (unsigned long long)token);
	WORLD_CHECK(nsect && off % 512 == 0 && off / 512 + nsect <= op->nsect,
		    "node %c: a part beyond its read", 'a' + n->id);
	op->ranges += nsect;
	return op;
}

/* Sectors change while they are read: some are taken now, some at the end. */
static void start_part(struct node *n, struct op *op, u32 off, u64 sector, u32 nsect)
{
	struct dop *d = dop_new(&n->data, D_READ, false);

	op->parts++;
	d->what = op;
	d->a = off;
	d->b = sector;
	d->c = nsect;
	sample(n, d, 100);
	dop_start(&n->data, d, read_event);
	d->flush_seq = rnd_below(R_DISK, 2);
}

void host_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect)
{
	struct node *n = host;
	struct op *op = part(n, token, off, nsect);

	WORLD_CHECK(sector == op->sector + off / 512 && sector + nsect <= world.cfg.sectors,
		    "node %c: a part of another range", 'a' + n->id);
	op->kinds |= 1;
	start_part(n, op, off, sector, nsect);
	n->most_parts = max_t(u32, n->most_parts, op->parts);
	WORLD_CHECK(op->parts <= NODE_SEGS_MAX, "node %c: a read has %u parts", 'a' + n->id,
		    op->parts);
}

void host_read_copy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
		    u32 nsect)
{
	struct op *op = part(host, token, off, nsect);
	u32 i;

	WORLD_CHECK(buf && nth < buf->nblocks && sect + nsect <= 8, "a copy beyond its block");
	op->kinds |= 2;
	for (i = 0; i < nsect; i++)
		op_take(op, off / 512 + i, page_sector(sbuf_of(buf)->pg[nth], sect + i));
}

void host_read_zero(void *host, u64 token, u32 off, u32 nsect)
{
	struct op *op = part(host, token, off, nsect);
	u32 i;

	op->kinds |= 4;
	for (i = 0; i < nsect; i++)
		op_take(op, off / 512 + i, (struct sref){ NULL, 0 });
}

static void issued_event(struct event *e)
{
	read_ended(&world.node[e->node], e->p);
}

void host_read_issued(void *host, u64 token)
{
	struct node *n = host;
	struct op *op = op_get(token);

	WORLD_CHECK(op->ranges == op->nsect || n->broken,
		    "node %c: a read of %u sectors was handed out as %u", 'a' + n->id, op->nsect,
		    op->ranges);
	WORLD_CHECK(!op->issued, "node %c: a read was issued twice", 'a' + n->id);
	if (op->kinds & (op->kinds - 1))
		WORLD_MARK(READ_MIXED);
	op->kinds = 0;
	op->ranges = 0;
	op->issued = true;
	if (op->parts)
		return;
	if (n->data.hold & 1u << D_READ)
		start_part(n, op, 0, 0, 0);	/* nothing is read, and ends when it is let */
	else
		ev_push(world.now + 500, issued_event, n->id, 0, 0, op);
}

/* For another node. */
struct rblk_buf *host_serve_begin(void *host, bool pull, u32 nblocks, u64 sector, u32 nsect,
				  u64 *token)
{
	struct op *op = op_serve(host, pull, nblocks, sector, nsect);

	if (!op)
		return NULL;
	*token = op->id;
	return &op->buf->buf;
}
