/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A host for member tests that does everything at once and in order: memory
 * devices, queues between members that deliver when told to. The simulator is
 * where time, faults and disorder are; this is for cases that a person reads.
 */
#ifndef NODE_HOST_H
#define NODE_HOST_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/node.h"

#pragma GCC diagnostic ignored "-Wunused-function"

#define NODES	3
#define LOG_DEV	(24u << 20)
#define DATA_DEV (9u << 20)
#define OPS_MAX	4096
#define REQS	256

struct tbuf {
	struct rblk_buf buf;
	int ref;
	u8 data[RBLK_ENTRY_BLOCKS_MAX][RBLK_BLOCK_SIZE] __aligned(8);
};

struct frame_q {
	int slot;
	enum wire_channel ch;
	u32 len, n;
	u8 head[WIRE_HEADER_BYTES + WIRE_HEAD_MAX];
	struct tbuf *buf[WIRE_ENTRIES_MAX];
};

enum op_kind { OP_LOG, OP_META, OP_MAP, OP_READBACK, OP_APPLY, OP_SYNC };

struct op {
	enum op_kind kind;
	void *arg;
};

struct req {
	bool used, done;
	int error;
	int nth;		/* end of all */
	struct tbuf *served;	/* what it reads goes to another node */
	u32 at;			/* byte in there */
	u32 len;
	u8 data[RBLK_WRITE_MAX];
};

struct node {
	int id;
	bool up;
	bool slow_data;		/* its apply batches do not end */
	bool paused;		/* frozen: what is sent to it waits */
	struct rblk_node *m;
	struct rblk_node_cfg cfg;
	void *pages, *scratch;
	u8 *log, *data;
	struct op op[OPS_MAX];
	int nops;
	struct frame_q *fq[OPS_MAX];
	int nfq;
	struct frame_q *tx;
	struct frame_q *held[OPS_MAX];
	int heldfrom[OPS_MAX], nheld;
	int notes[16];
	long bufs;
};

static struct node node[NODES];
static struct req req[REQS];
static u64 tnow = 1000000000ULL;
static int nnodes;
static int cuts;		/* connections cut for what was said on them */
static int ends;		/* requests ended */
static bool shared;		/* the volume to be bootstrapped */
static u32 follow_ms;		/* limits of nodes to be started; 0: the default */
static u32 entries = 1024;
static u32 block_size = 4096;
static int parts_now, parts_most;	/* of the data device, in one lookup */
static int latency_ms;			/* one way */
/* Frames on their way: false is lost. NULL: all arrive. */
static bool (*arrives)(int from, int to, const struct wire_frame *f);
static bool reconnect;

static struct tbuf *tb(const struct rblk_buf *b)
{
	return container_of((struct rblk_buf *)b, struct tbuf, buf);
}

static struct rblk_buf *h_alloc(void *host, u32 nblocks)
{
	struct tbuf *t = calloc(1, sizeof(*t));

	t->buf.nblocks = nblocks;
	t->ref = 1;
	((struct node *)host)->bufs++;
	return &t->buf;
}

static void h_get(void *host, struct rblk_buf *b)
{
	tb(b)->ref++;
	((struct node *)host)->bufs++;
}

static void h_put(void *host, struct rblk_buf *b)
{
	((struct node *)host)->bufs--;
	if (!--tb(b)->ref)
		free(tb(b));
}

static void h_sum(void *host, const struct rblk_buf *b, u32 *crc)
{
	u32 i;

	for (i = 0; i < b->nblocks; i++)
		crc[i] = rblk_crc32c(0, tb(b)->data[i], RBLK_BLOCK_SIZE);
}

static void *h_data(void *host, struct rblk_buf *b)
{
	return tb(b)->data[0];
}

static int peer_id(const struct node *n, u32 slot)
{
	return (int)slot < n->id ? (int)slot : (int)slot + 1;
}

static void *h_tx_begin(void *host, u32 slot, enum wire_channel ch)
{
	struct node *n = host;

	n->tx = calloc(1, sizeof(*n->tx));
	return n->tx->head;
}

static void h_tx_end(void *host, u32 slot, enum wire_channel ch, u32 len,
		     struct rblk_buf *const *buf, u32 nb)
{
	struct node *n = host;
	struct frame_q *f = n->tx;
	u32 i;

	f->slot = slot;
	f->ch = ch;
	f->len = len;
	f->n = nb;
	for (i = 0; i < nb; i++) {
		f->buf[i] = tb(buf[i]);
		f->buf[i]->ref++;
	}
	n->fq[n->nfq++] = f;
	assert(n->nfq < OPS_MAX);
}

static void push(struct node *n, enum op_kind kind, void *arg)
{
	n->op[n->nops].kind = kind;
	n->op[n->nops++].arg = arg;
	assert(n->nops < OPS_MAX);
}

static void ring_io(struct node *n, u64 pos, void *data, u32 len, bool write)
{
	struct log_extent ext[2];
	int i, k = rblk_log_extents(&n->cfg.super, pos, len, ext);
	u8 *p = data;

	for (i = 0; i < k; i++) {
		if (write)
			memcpy(n->log + ext[i].off, p, ext[i].len);
		else
			memcpy(p, n->log + ext[i].off, ext[i].len);
		p += ext[i].len;
	}
}

static void h_log_write(void *host, struct log_record *rec, struct rblk_buf *const *buf, u32 nb)
{
	struct node *n = host;
	u64 pos = rec->pos;
	u32 i;

	ring_io(n, pos, rec->header, rec->header_bytes, true);
	pos += rec->header_bytes;
	for (i = 0; i < nb; i++) {
		ring_io(n, pos, tb(buf[i])->data, buf[i]->nblocks * RBLK_BLOCK_SIZE, true);
		pos += buf[i]->nblocks * RBLK_BLOCK_SIZE;
	}
	push(n, OP_LOG, rec);
}

static void h_meta(void *host, u64 off, const void *data)
{
	memcpy(((struct node *)host)->log + off, data, LOG_META_BYTES);
	push(host, OP_META, NULL);
}

static void h_map(void *host, u64 off, const void *data)
{
	memcpy(((struct node *)host)->log + off, data, RBLK_BLOCK_SIZE);
	push(host, OP_MAP, NULL);
}

static void h_readback(void *host, struct rblk_node_readback *rb)
{
	u32 i;

	for (i = 0; i < rb->n; i++)
		if (rb->buf[i])
			ring_io(host, rb->pos[i], tb(rb->buf[i])->data,
				rb->buf[i]->nblocks * RBLK_BLOCK_SIZE, false);
	push(host, OP_READBACK, rb);
}

static void h_apply(void *host, const struct vol_batch *b, struct rblk_buf *const *buf)
{
	struct node *n = host;
	u32 i, s;

	for (i = 0; i < b->nzero; i++)
		memset(n->data + DATA_HEADER_BYTES + b->zero[i].sector * 512, 0,
		       b->zero[i].nsect * 512);
	for (i = 0; i < b->nitem; i++)
		for (s = 0; s < 8; s++)
			if (b->item[i].mask & 1 << s)
				memcpy(n->data + DATA_HEADER_BYTES + b->item[i].block * 4096 +
					       s * 512,
				       tb(buf[i])->data[b->item[i].nth] + s * 512, 512);
	push(n, OP_APPLY, NULL);
}

static void h_sync(void *host, const void *header)
{
	memcpy(((struct node *)host)->data, header, RBLK_BLOCK_SIZE);
	push(host, OP_SYNC, NULL);
}

static int new_req(void)
{
	int i;

	for (i = 0; i < REQS && req[i].used; i++)
		;
	assert(i < REQS);
	req[i].used = true;
	req[i].done = false;
	req[i].served = NULL;
	return i;
}

static int serve_max;		/* reads for other nodes at once; 0: as many as there are */
static int nserving, nrefused;

static struct rblk_buf *h_serve(void *host, u32 nblocks, u64 sector, u32 nsect, u64 *token)
{
	struct rblk_buf *b;
	int r;

	if (serve_max && nserving >= serve_max) {
		nrefused++;
		return NULL;
	}
	b = h_alloc(host, nblocks);
	r = new_req();
	nserving++;
	req[r].served = tb(b);
	req[r].at = (u32)(sector % RBLK_SECTORS_PER_BLOCK) * 512;
	req[r].len = nsect * 512;
	*token = (u64)r;
	return b;
}

static void h_rdata(void *host, u64 token, u32 off, u64 sector, u32 nsect)
{
	if (++parts_now > parts_most)
		parts_most = parts_now;
	memcpy(req[token].data + off,
	       ((struct node *)host)->data + DATA_HEADER_BYTES + sector * 512, nsect * 512);
}

static void h_rcopy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
		    u32 nsect)
{
	memcpy(req[token].data + off, tb(buf)->data[nth] + sect * 512, nsect * 512);
}

static void h_rzero(void *host, u64 token, u32 off, u32 nsect)
{
	memset(req[token].data + off, 0, nsect * 512);
}

static u64 issued[REQS];
static int nissued;

static u64 held_read[REQS];	/* devices take their time */
static int nheld_read;
static bool hold_served;	/* over reads for other nodes */
static int hold_own = -1;	/* over those of this one's users */

static void h_rissued(void *host, u64 token)
{
	parts_now = 0;
	issued[nissued++] = token | (u64)((struct node *)host)->id << 32;
}

static void h_complete(void *host, u64 token, int error)
{
	assert(req[token].used && !req[token].done);
	if (req[token].served) {
		h_put(host, &req[token].served->buf);
		req[token].used = false;
		nserving--;
		return;
	}
	req[token].done = true;
	req[token].error = error;
	req[token].nth = ++ends;
}

static void h_note(void *host, enum rblk_node_note what, u64 arg)
{
	((struct node *)host)->notes[what]++;
}

static const struct rblk_node_ops h_ops = {
	.buf_alloc = h_alloc, .buf_get = h_get, .buf_put = h_put, .buf_sum = h_sum,
	.buf_data = h_data, .tx_begin = h_tx_begin, .tx_end = h_tx_end,
	.log_write = h_log_write, .meta_write = h_meta, .map_write = h_map,
	.log_read = h_readback, .data_apply = h_apply, .data_sync = h_sync,
	.serve_begin = h_serve, .read_data = h_rdata, .read_copy = h_rcopy, .read_zero = h_rzero,
	.read_issued = h_rissued, .complete = h_complete, .note = h_note,
};

static int h_dev_read(void *ctx, u64 off, void *buf, u32 len)
{
	memcpy(buf, ((struct node *)ctx)->log + off, len);
	return 0;
}

static struct log_reader reader(struct node *n)
{
	struct log_reader rd = { .read = h_dev_read, .ctx = n, .scratch = n->scratch };

	return rd;
}

static void format_node(struct node *n, int id)
{
	struct log_super *s = &n->cfg.super;
	struct data_super ds = { .store = 100 + id };
	struct log_meta *meta = calloc(1, sizeof(*meta));
	u64 need;

	memset(n, 0, sizeof(*n));
	n->id = id;
	n->log = calloc(1, LOG_DEV);
	n->data = calloc(1, DATA_DEV);
	n->pages = aligned_alloc(4096, rblk_node_pages_size());
	n->scratch = aligned_alloc(4096, LOG_SCRATCH_BYTES);
	memset(s->volume, 7, RBLK_UUID_LEN);
	strcpy(s->volume_name, "vol");
	sprintf(s->node, "n%d", id);
	s->store = 100 + id;
	s->block_size = block_size;
	s->region_shift = 20;
	assert(!rblk_log_layout(s, LOG_DEV, DATA_DEV - DATA_HEADER_BYTES, &need));
	rblk_log_super_encode(s, n->log);
	rblk_log_super_encode(s, n->log + rblk_log_super_offset(s, 1));
	rblk_log_meta_init(meta);
	rblk_log_meta_encode(meta, s, n->log + rblk_log_meta_offset(0));
	rblk_log_meta_encode(meta, s, n->log + rblk_log_meta_offset(1));
	memcpy(ds.volume, s->volume, RBLK_UUID_LEN);
	strcpy(ds.volume_name, "vol");
	strcpy(ds.node, s->node);
	rblk_log_data_super_encode(&ds, n->data);
	free(meta);
}

static int start_node(struct node *n)
{
	struct log_reader rd = reader(n);
	struct data_super ds;
	struct log_report rep;
	int i, ret;

	strcpy(n->cfg.node, n->cfg.super.node);
	n->cfg.npeers = nnodes - 1;
	for (i = 0; i < nnodes - 1; i++)
		sprintf(n->cfg.peer[i].node, "n%d", peer_id(n, i));
	n->cfg.limits.entries = entries;
	n->cfg.limits.follow_ms = follow_ms;
	n->cfg.limits.versions = 1024;
	n->cfg.limits.window = 64;
	n->cfg.seed = n->id * 77 + 5;
	n->cfg.boot_nonce = tnow + n->id;
	n->cfg.ops = &h_ops;
	n->cfg.host = n;
	rblk_node_limits_default(&n->cfg.limits, 4 << 20, &n->cfg.super);
	n->m = calloc(1, rblk_node_size(&n->cfg));
	ret = rblk_log_data_super_decode(&ds, n->data);
	if (!ret)
		ret = rblk_node_start(n->m, &n->cfg, n->pages, &rd, &ds, tnow, &rep);
	for (i = 0; !ret && i < (int)rblk_node_map_blocks(n->m); i++)
		rblk_node_map_load(n->m, i, n->log + rblk_node_map_offset(n->m, i), 0);
	n->up = !ret;
	return ret;
}

static void free_frame(struct frame_q *f)
{
	u32 k;

	for (k = 0; k < f->n; k++)
		if (!--f->buf[k]->ref)
			free(f->buf[k]);
	free(f);
}

static void drop_frames(struct node *n)
{
	int i;

	for (i = 0; i < n->nfq; i++)
		free_frame(n->fq[i]);
	for (i = 0; i < n->nheld; i++)
		free_frame(n->held[i]);
	n->nfq = 0;
	n->nheld = 0;
}

static void stop_node(struct node *n)
{
	int i;

	drop_frames(n);
	n->nops = 0;
	rblk_node_stop(n->m, -EIO);
	free(n->m);
	n->m = NULL;
	n->up = false;
	for (i = 0; i < nnodes; i++) {
		int slot = n->id < i ? n->id : n->id - 1;

		if (i == n->id || !node[i].up)
			continue;
		rblk_node_peer_down(node[i].m, slot, WIRE_CONSENSUS, tnow);
		rblk_node_peer_down(node[i].m, slot, WIRE_BULK, tnow);
	}
}

static void connect_all(void)
{
	struct wire_hello h;
	int i, slot, ch;

	for (i = 0; i < nnodes; i++)
		for (slot = 0; slot < nnodes - 1; slot++)
			for (ch = 0; ch < WIRE_CHANNELS; ch++) {
				int p = peer_id(&node[i], slot);

				if (!node[i].up || !node[p].up)
					continue;
				rblk_node_hello(node[p].m, i < p ? i : i - 1, ch, &h);
				if (!rblk_node_peer_hello(node[i].m, slot, &h))
					rblk_node_peer_up(node[i].m, slot, ch, tnow);
			}
}

static void disconnect_all(void)
{
	int i, slot, ch;

	for (i = 0; i < nnodes; i++)
		for (slot = 0; slot < nnodes - 1; slot++)
			for (ch = 0; ch < WIRE_CHANNELS; ch++)
				if (node[i].up)
					rblk_node_peer_down(node[i].m, slot, ch, tnow);
}

/* Decodes @f as @to receives it, with its payload. */
static void unpack(struct node *to, const struct frame_q *f, struct wire_frame *w,
		   struct rblk_buf **bufs)
{
	const struct wire_append *a = &w->append;
	struct wire_header h;
	u32 i, b = 0;

	assert(!rblk_wire_decode_header(&h, f->head));
	assert(!rblk_wire_check_head(&h, f->head + WIRE_HEADER_BYTES));
	assert(!rblk_wire_decode(w, &h, f->head + WIRE_HEADER_BYTES));
	for (i = 0; i < a->n; i++) {
		bufs[i] = NULL;
		if (!a->e[i].nblocks)
			continue;
		bufs[i] = h_alloc(to, a->e[i].nblocks);
		memcpy(tb(bufs[i])->data, f->buf[b]->data, a->e[i].nblocks * 4096);
		h_sum(to, bufs[i], bufs[i]->crc);
		b++;
	}
}

static void cut(struct node *a, struct node *b)
{
	int i;

	for (i = 0; i < WIRE_CHANNELS; i++) {
		if (a->up)
			rblk_node_peer_down(a->m, b->id < a->id ? b->id : b->id - 1, i, tnow);
		if (b->up)
			rblk_node_peer_down(b->m, a->id < b->id ? a->id : a->id - 1, i, tnow);
	}
}

static void deliver(struct node *from, struct frame_q *f)
{
	struct node *to = &node[peer_id(from, f->slot)];
	int slot = from->id < to->id ? from->id : from->id - 1;
	struct rblk_buf *bufs[WIRE_ENTRIES_MAX];
	static struct wire_frame w;
	u32 i;

	if (to->paused) {
		assert(to->nheld < OPS_MAX);
		to->heldfrom[to->nheld] = from->id;
		to->held[to->nheld++] = f;
		return;
	}
	unpack(to, f, &w, bufs);
	if (!to->up || (arrives && !arrives(from->id, to->id, &w))) {
		for (i = 0; i < w.append.n; i++)
			if (bufs[i])
				h_put(to, bufs[i]);
	} else if (rblk_node_recv(to->m, slot, &w, bufs, tnow)) {
		cuts++;
		reconnect = true;
		cut(to, from);
	}
	free_frame(f);
}

/* What is on a slow network. A connection that is cut loses nothing of it: none is, meanwhile. */
static struct {
	int from;
	struct frame_q *f;
	u64 due;
} lag[OPS_MAX];
static int nlag;

static void send_frame(struct node *from, struct frame_q *f)
{
	if (!latency_ms) {
		deliver(from, f);
		return;
	}
	assert(nlag < OPS_MAX);
	lag[nlag].from = from->id;
	lag[nlag].f = f;
	lag[nlag++].due = tnow + latency_ms * RBLK_NSEC_PER_MSEC;
}

static int deliver_due(void)
{
	int i, n = 0;

	while (n < nlag && lag[n].due <= tnow)
		n++;
	for (i = 0; i < n; i++)
		deliver(&node[lag[i].from], lag[i].f);
	nlag -= n;
	memmove(lag, lag + n, nlag * sizeof(lag[0]));
	return n;
}

static void pause_node(struct node *n)
{
	n->paused = true;
}

static void resume_node(struct node *n)
{
	int i, nheld = n->nheld;

	n->paused = false;
	n->nheld = 0;
	for (i = 0; i < nheld; i++)
		deliver(&node[n->heldfrom[i]], n->held[i]);
}

static void do_op(struct node *n, struct op op)
{
	switch (op.kind) {
	case OP_LOG:
		rblk_node_log_done(n->m, op.arg, 0, tnow);
		break;
	case OP_META:
		rblk_node_meta_done(n->m, 0, tnow);
		break;
	case OP_MAP:
		rblk_node_map_done(n->m, 0, tnow);
		break;
	case OP_READBACK:
		rblk_node_readback_done(n->m, op.arg, 0, tnow);
		break;
	case OP_APPLY:
		rblk_node_apply_done(n->m, 0, tnow);
		break;
	case OP_SYNC:
		rblk_node_data_sync_done(n->m, 0, tnow);
		break;
	}
}

/* Runs the world for a while: every queue emptied at each millisecond. */
static void read_done(u64 which)
{
	struct req *r = &req[(u32)which];

	if (r->served)
		memcpy((u8 *)r->served->data + r->at, r->data, r->len);
	rblk_node_read_done(node[which >> 32].m, (u32)which, 0, tnow);
}

static void run_ms(int ms)
{
	int t, i, k, busy, rounds;

	for (t = 0; t < ms; t++, tnow += RBLK_NSEC_PER_MSEC) {
		rounds = 0;
		do {
			assert(++rounds < 1000);	/* they keep each other busy for nothing */
			busy = 0;
			for (i = 0; i < nnodes; i++) {
				struct node *n = &node[i];
				struct frame_q *f[OPS_MAX];
				struct op ops[OPS_MAX];
				int nf, no;

				if (!n->up || n->paused)
					continue;
				rblk_node_run(n->m, tnow);
				rblk_node_check(n->m, true);
				no = n->nops;
				memcpy(ops, n->op, sizeof(ops[0]) * no);
				n->nops = 0;
				for (k = 0; k < no; k++)
					if (n->slow_data && ops[k].kind == OP_APPLY)
						push(n, OP_APPLY, NULL);
					else
						do_op(n, ops[k]);
				if (n->slow_data)
					no -= n->nops && n->op[0].kind == OP_APPLY;
				nf = n->nfq;
				memcpy(f, n->fq, sizeof(f[0]) * nf);
				n->nfq = 0;
				for (k = 0; k < nf; k++)
					send_frame(n, f[k]);
				busy += no + nf;
			}
			busy += deliver_due();
			for (k = 0; k < nissued; k++, busy++) {
				if (req[(u32)issued[k]].served ? hold_served :
				    hold_own == (int)(issued[k] >> 32))
					held_read[nheld_read++] = issued[k];
				else
					read_done(issued[k]);
			}
			nissued = 0;
			if (!busy && reconnect) {
				reconnect = false;
				connect_all();
			}
		} while (busy);
	}
}

static int leader(void)
{
	struct rblk_node_status *st = malloc(sizeof(*st));
	int i, who = -1;

	for (i = 0; i < nnodes; i++) {
		if (!node[i].up || node[i].paused)
			continue;
		rblk_node_status(node[i].m, st);
		if (st->raft.role == RAFT_LEADER && st->ready)
			who = i;
	}
	free(st);
	return who;
}

static int do_write(int n, u64 sector, u32 nsect, u8 fill)
{
	struct rblk_buf *b = h_alloc(&node[n], rblk_blocks_touched(sector, nsect));
	int r = new_req(), ret;

	memset(tb(b)->data, fill, sizeof(tb(b)->data));
	h_sum(&node[n], b, b->crc);
	ret = rblk_node_write(node[n].m, sector, nsect, b, r);
	if (ret) {
		h_put(&node[n], b);
		req[r].used = false;
		return ret;
	}
	return r;
}

static int do_read(int n, u64 sector, u32 nsect)
{
	int r = new_req();
	int ret = rblk_node_read(node[n].m, sector, nsect, r, tnow);

	if (ret) {
		req[r].used = false;
		return ret;
	}
	return r;
}

static int end_req(int r)
{
	int e = req[r].error;

	if (!req[r].done)
		return 1;
	req[r].used = false;
	return e;
}

#endif
