// SPDX-License-Identifier: GPL-2.0
/*
 * struct rblk_node_ops: what a node asks of its host, and the answers. Every
 * promise of node.h that can be seen from here is checked here. Nothing calls
 * back into the node before its call has returned: answers are events.
 */
#include "host.h"

#define NODE(host)	((struct node *)(host))

/* ---- network ---- */

static void *tx_begin(void *host, u32 slot, enum wire_channel ch)
{
	return net_tx_begin(NODE(host), slot, ch);
}

static void tx_end(void *host, u32 slot, enum wire_channel ch, u32 len,
		   struct rblk_buf *const *buf, u32 n)
{
	net_tx_end(NODE(host), slot, ch, len, buf, n);
}

static u64 tx_unacked(void *host, u32 slot, bool *waits)
{
	return net_tx_unacked(NODE(host), slot, waits);
}

/* ---- log device ---- */

static void rec_add(struct node *n, const struct log_record *rec)
{
	struct rec *r = &n->recs[n->nrec];
	u64 i, count;

	WORLD_CHECK(n->nrec < ARRAY_SIZE(n->recs), "node %c: too many records in flight",
		    'a' + n->id);
	WORLD_CHECK(!n->nrec || rec->seq > r[-1].seq, "node %c: record numbers do not grow",
		    'a' + n->id);
	n->nrec++;
	r->seq = rec->seq;
	r->first = rec->id.first;
	r->last = rec->id.last;
	r->done = false;
	r->id = NULL;
	if (r->first > r->last)
		return;
	count = r->last - r->first + 1;
	WORLD_CHECK(count <= RBLK_RECORD_ENTRIES, "a record of %llu entries",
		    (unsigned long long)count);
	r->id = mem_alloc(count * sizeof(*r->id));
	for (i = 0; i < count; i++) {
		const struct rblk_entry *e = rblk_node_entry(n->m, r->first + i);

		WORLD_CHECK(e, "node %c: entry %llu is written and not in the table", 'a' + n->id,
			    (unsigned long long)(r->first + i));
		r->id[i] = (struct ident){ e->term, e->csum };
	}
}

/* The record at @seq is on the platter: the contiguous prefix may have grown. */
static void rec_done(struct node *n, u64 seq)
{
	u32 i, gone;
	u64 k;

	for (i = 0; i < n->nrec && n->recs[i].seq != seq; i++)
		;
	WORLD_CHECK(i < n->nrec, "node %c: unknown record ended", 'a' + n->id);
	n->recs[i].done = true;
	for (gone = 0; gone < n->nrec && n->recs[gone].done; gone++) {
		struct rec *r = &n->recs[gone];

		for (k = r->first; r->id && k <= r->last; k++) {
			check_room(n, k);
			n->dur[k] = r->id[k - r->first];
		}
		if (r->id) {
			n->dur_last = r->last;
			n->dur_t = world.now;
		}
	}
	n->nrec -= gone;
	memmove(n->recs, n->recs + gone, n->nrec * sizeof(n->recs[0]));
}

static void log_write_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct dop *op = e->p;
	struct log_record *rec = op->what;
	int error = op->error;

	dop_end(&n->log, op);
	dop_free(&n->log, op);
	if (!error)
		rec_done(n, rec->seq);
	rblk_node_log_done(n->m, rec, error, node_now(n));
	node_after(n);
}

static void check_ring(struct node *n, const struct log_record *rec, u32 len)
{
	u64 floor = min_t(u64, n->slot_floor[0], n->slot_floor[1]);
	u64 ring = n->super.ring_bytes;

	WORLD_CHECK(rec->pos % RBLK_BLOCK_SIZE == 0 && rec->header_bytes % RBLK_BLOCK_SIZE == 0,
		    "node %c: record not aligned", 'a' + n->id);
	WORLD_CHECK(rec->pos + len - floor <= ring,
		    "node %c: record at %llu overwrites the floor at %llu that the copies hold",
		    'a' + n->id, (unsigned long long)rec->pos, (unsigned long long)floor);
	if (rec->pos % ring + len >= ring)
		WORLD_MARK(LOG_WRAP);
	if (rec->pos + len - floor > ring - ring / 8)
		WORLD_MARK(RING_FULL);
}

static struct page *page_of(struct rblk_buf *const *buf, u32 *i, u32 *b)
{
	struct page *p;

	while (*b >= buf[*i]->nblocks) {
		++*i;
		*b = 0;
	}
	p = sbuf_of(buf[*i])->pg[*b];
	++*b;
	return p;
}

static void log_write(void *host, struct log_record *rec, struct rblk_buf *const *buf, u32 nbuf)
{
	struct node *n = host;
	struct dop *op = dop_new(&n->log, D_LOG, true);
	u32 len = rec->header_bytes + rec->payload_blocks * RBLK_BLOCK_SIZE;
	u32 blocks = 0, done = 0, at, i = 0, b = 0;
	struct log_extent ext[2];
	int k, nr = rblk_log_extents(&n->super, rec->pos, len, ext);

	for (at = 0; at < nbuf; at++) {
		blocks += buf[at]->nblocks;
		dop_hold(op, buf[at]);
	}
	WORLD_CHECK(blocks == rec->payload_blocks, "node %c: a record of %u blocks came with %u",
		    'a' + n->id, rec->payload_blocks, blocks);
	check_ring(n, rec, len);
	for (k = 0; k < nr; k++)
		for (at = 0; at < ext[k].len; at += RBLK_BLOCK_SIZE, done += RBLK_BLOCK_SIZE) {
			u64 off = ext[k].off + at;

			if (done < rec->header_bytes)
				dop_bytes(op, off, rec->header + done, RBLK_BLOCK_SIZE);
			else
				dop_seg(op, (u32)(off / RBLK_BLOCK_SIZE), 0xff,
					page_of(buf, &i, &b));
		}
	WORLD_CHECK(done == len, "node %c: extents of %u bytes for %u", 'a' + n->id, done, len);
	op->what = rec;
	rec_add(n, rec);
	if (rec->id.first <= rec->id.last)
		n->record_pos[n->nrecords++ % ARRAY_SIZE(n->record_pos)] = rec->pos;
	world.stats[ST_BYTES] += len;
	dop_start(&n->log, op, log_write_event);
}

static void meta_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct dop *op = e->p;
	int error = op->error;
	bool both;

	dop_end(&n->log, op);
	if (!error) {
		n->slot_floor[op->b] = op->a;
		n->slot_base[op->b] = op->d;
		n->slot_version[op->b] = op->e;
		n->slot_absent[op->b] = op->flags & LOG_META_ABSENT;
		both = n->slot_version[0] == n->slot_version[1];
		if (both) {
			n->dur_term = n->vote_term;
			n->dur_vote = n->vote;
			n->ckpt_twice = max_t(u64, n->ckpt_twice, op->c);
			n->absent = n->slot_absent[0] || n->slot_absent[1];
		}
		if (both && op->c > n->ckpt) {
			n->ckpt = op->c;
			WORLD_MARK(CHECKPOINT);
			world.stats[ST_CKPT]++;
		}
	}
	dop_free(&n->log, op);
	n->meta_busy = false;
	rblk_node_meta_done(n->m, error, node_now(n));
	node_after(n);
}

/* One vote a term, terms never go back, and a checkpoint only of what the platter holds. */
static void check_meta(struct node *n, const struct log_meta *m)
{
	WORLD_CHECK(m->raft.term > n->vote_term ||
		    (m->raft.term == n->vote_term && (!n->vote || n->vote == m->raft.vote)),
		    "node %c: term %llu vote %llx written over term %llu vote %llx", 'a' + n->id,
		    (unsigned long long)m->raft.term, (unsigned long long)m->raft.vote,
		    (unsigned long long)n->vote_term, (unsigned long long)n->vote);
	n->vote_term = m->raft.term;
	n->vote = m->raft.vote;
	WORLD_CHECK(m->state.index >= n->ckpt, "node %c: the checkpoint went back", 'a' + n->id);
	n->absent |= m->flags & LOG_META_ABSENT;
	n->installing |= m->state.index > n->ckpt && m->floor.index == m->state.index &&
			 !rblk_node_entry(n->m, m->floor.index);
	if (m->state.index > n->ckpt) {
		WORLD_CHECK(m->state.digest == model_digest(m->state.index),
			    "node %c: digest of checkpoint %llu", 'a' + n->id,
			    (unsigned long long)m->state.index);
		if (!n->nodata || !platter_left(n, m->state.index, m->image_seq))
			platter_check(n, m->state.index, false, "checkpoint");
	}
}

static void meta_write(void *host, u64 off, const void *data)
{
	struct node *n = host;
	struct dop *op = dop_new(&n->log, D_META, true);
	struct log_meta m;
	int slot = off == rblk_log_meta_offset(1);

	WORLD_CHECK(!n->meta_busy, "node %c: two metadata writes at once", 'a' + n->id);
	WORLD_CHECK(off == rblk_log_meta_offset(slot), "node %c: metadata at %llu", 'a' + n->id,
		    (unsigned long long)off);
	WORLD_CHECK(!rblk_log_meta_decode(&m, &n->super, data),
		    "node %c: unreadable metadata is written", 'a' + n->id);
	check_meta(n, &m);
	n->meta_busy = true;
	copy_write(n, LOG_C_META + slot);
	op->a = m.floor_pos;
	op->b = (u64)slot;
	op->e = m.version;
	op->c = m.state.index;
	op->d = m.floor.index;
	op->flags = m.flags;
	dop_bytes(op, off, data, LOG_META_BYTES);
	dop_start(&n->log, op, meta_event);
}

static void block_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct dop *op = e->p;
	int error = op->error;

	dop_end(&n->log, op);
	dop_free(&n->log, op);
	n->map_busy = false;
	rblk_node_block_done(n->m, error, node_now(n));
	node_after(n);
}

/* A block of the change map, or a superblock, which never changes. */
static void block_write(void *host, u64 off, const void *data, u32 blocks)
{
	struct node *n = host;
	struct dop *op = dop_new(&n->log, D_MAP, true);
	u32 len = blocks * RBLK_BLOCK_SIZE;
	struct log_super s;

	WORLD_CHECK(blocks && blocks <= NODE_MAP_RUN, "node %c: %u blocks at once", 'a' + n->id,
		    blocks);
	WORLD_CHECK(!n->map_busy, "node %c: two writes of the change map at once", 'a' + n->id);
	if (off >= n->super.map_off)
		WORLD_CHECK(off + len <= n->super.map_off + n->super.map_bytes ||
			    off == rblk_log_super_offset(&n->super, 1),
			    "node %c: a block at %llu", 'a' + n->id, (unsigned long long)off);
	if (off < n->super.map_off || off == rblk_log_super_offset(&n->super, 1)) {
		WORLD_CHECK(!rblk_log_super_decode(&s, data) && !memcmp(&s, &n->super, sizeof(s)),
			    "node %c: another superblock is written", 'a' + n->id);
		copy_write(n, off ? LOG_C_SUPER2 : LOG_C_SUPER);
	}
	n->map_busy = true;
	dop_bytes(op, off, data, len);
	dop_start(&n->log, op, block_event);
}

static void readback_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct dop *op = e->p;
	struct rblk_node_readback *rb = op->what;
	int error = op->error;
	u32 i, b;

	dop_end(&n->log, op);
	for (i = 0; i < rb->n && !error; i++)
		for (b = 0; rb->buf[i] && b < rb->buf[i]->nblocks; b++) {
			struct sbuf *sb = sbuf_of(rb->buf[i]);
			struct log_extent ext[2];

			rblk_log_extents(&n->super, rb->pos[i] + b * RBLK_BLOCK_SIZE,
					 RBLK_BLOCK_SIZE, ext);
			page_put(sb->pg[b]);
			sb->pg[b] = page_get(disk_page(&n->log,
						       (u32)(ext[0].off / RBLK_BLOCK_SIZE)));
		}
	dop_free(&n->log, op);
	if (!error)
		WORLD_MARK(READBACK);
	rblk_node_readback_done(n->m, rb, error, node_now(n));
	node_after(n);
}

static void log_read(void *host, struct rblk_node_readback *rb)
{
	struct node *n = host;
	struct dop *op = dop_new(&n->log, D_LOG_READ, false);
	u32 i;

	WORLD_CHECK(rb->n && rb->n <= NODE_READBACK_ENTRIES, "a readback of %u entries", rb->n);
	for (i = 0; i < rb->n; i++)
		if (rb->buf[i])
			dop_hold(op, rb->buf[i]);
	op->what = rb;
	dop_start(&n->log, op, readback_event);
}

/* ---- data device ---- */

static void apply_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct dop *op = e->p;
	int error = op->error;

	dop_end(&n->data, op);
	dop_free(&n->data, op);
	n->apply_busy = false;
	rblk_node_apply_done(n->m, error, node_now(n));
	node_after(n);
}

/* @index, which rot did not take, this very entry, is on the platter of the own log device. */
static void check_own_log(struct node *n, u64 index, const char *what)
{
	const struct rblk_entry *e = rblk_node_entry(n->m, index);

	WORLD_CHECK(e && index <= n->dur_last && n->dur[index].term == e->term &&
		    n->dur[index].csum == e->csum,
		    "node %c: entry %llu is %s before its own log has it", 'a' + n->id,
		    (unsigned long long)index, what);
}

static void data_apply(void *host, const struct vol_batch *b, struct rblk_buf *const *buf)
{
	struct node *n = host;
	struct dop *op = dop_new(&n->data, D_APPLY, false);
	u32 i;
	u64 s, end;

	WORLD_CHECK(!n->apply_busy, "node %c: two batches are applied at once", 'a' + n->id);
	if (b->last)
		check_own_log(n, b->last, "applied");
	n->apply_busy = true;
	for (i = 0; i < b->nzero; i++) {
		end = b->zero[i].sector + b->zero[i].nsect;
		for (s = b->zero[i].sector; s < end; s = (s / 8 + 1) * 8)
			dop_seg(op, (u32)(IMAGE_PAGE + s / 8),
				rblk_block_mask(s, (u32)(end - s), 0), NULL);
	}
	op->a = op->nseg;
	for (i = 0; i < b->nitem; i++) {
		WORLD_CHECK(buf[i] && b->item[i].nth < buf[i]->nblocks, "a block without payload");
		dop_hold(op, buf[i]);
		dop_seg(op, (u32)(IMAGE_PAGE + b->item[i].block), b->item[i].mask,
			sbuf_of(buf[i])->pg[b->item[i].nth]);
	}
	if (!b->last)
		platter_landing(n, op);
	dop_start(&n->data, op, apply_event);
}

static void sync_event(struct event *e)
{
	struct node *n = &world.node[e->node];
	struct dop *op = e->p;
	int error = op->error;

	dop_end(&n->data, op);
	if (!error && op->b)
		platter_data(n, op->b, false, "data header");
	dop_free(&n->data, op);
	n->sync_busy = false;
	rblk_node_data_sync_done(n->m, error, node_now(n));
	node_after(n);
}

static void data_sync(void *host, u64 off, const void *header, bool flush)
{
	struct node *n = host;
	struct dop *op = dop_new(&n->data, D_SYNC, true);
	struct data_super ds;

	WORLD_CHECK(!n->sync_busy, "node %c: two data headers at once", 'a' + n->id);
	WORLD_CHECK(off == 0 || off == DATA_COPY_OFF, "node %c: data header at %llu", 'a' + n->id,
		    (unsigned long long)off);
	WORLD_CHECK(!rblk_log_data_super_decode(&ds, header), "node %c: unreadable data header",
		    'a' + n->id);
	WORLD_CHECK(ds.mbr == n->super.mbr, "node %c: a data header changes the MBR", 'a' + n->id);
	if (ds.index > n->ckpt && ds.index > n->st.raft.owed.index)
		check_own_log(n, ds.index, "checkpointed");
	copy_write(n, off ? LOG_C_DATA2 : LOG_C_DATA);
	n->sync_busy = true;
	op->b = platter_demanded(n, off, &ds);
	dop_bytes(op, off, header, RBLK_BLOCK_SIZE);
	dop_start(&n->data, op, sync_event);
	if (!flush)
		op->flush_seq = 0;
}

/* ---- telling ---- */

static void complete(void *host, u64 token, int error)
{
	op_complete(host, token, error);
}

static void head_changed(void *host)
{
	((struct node *)host)->head_changes++;
}

static void note(void *host, enum rblk_node_note what, u64 arg)
{
	struct node *n = host;

	TRACE(n->id, "note", what, arg);
	if (what == NODE_N_COPY)
		copy_noted(n, arg & ((1 << NODE_N_COPY_ERROR) - 1), arg >> NODE_N_COPY_ERROR);
	if (what == NODE_N_BLOCK && !(arg & 1))
		WORLD_MARK(REREAD);
	if (what == NODE_N_VERIFY && world.on.verified)
		world.on.verified(n, (enum rblk_verify_outcome)arg);
}

static const char *const trace_name[NODE_T_NR] = {
	[NODE_T_ACCEPT] = "accept", [NODE_T_SUBMIT] = "submit-to",
	[NODE_T_PROPOSE] = "propose", [NODE_T_LOG_SUBMIT] = "log-submit",
	[NODE_T_LOG_DURABLE] = "log-durable", [NODE_T_SEND] = "send",
	[NODE_T_RECV] = "recv", [NODE_T_COMMIT] = "commit",
	[NODE_T_VERDICT] = "verdict", [NODE_T_COMPLETE] = "complete",
	[NODE_T_READ_START] = "read-start", [NODE_T_READ_OK] = "read-ok",
	[NODE_T_APPLY] = "apply", [NODE_T_APPLIED] = "applied",
	[NODE_T_CHECKPOINT] = "checkpoint", [NODE_T_TRIM] = "trim",
	[NODE_T_META] = "meta", [NODE_T_ROLE] = "role",
	[NODE_T_TRUNCATE] = "truncate", [NODE_T_SESSION] = "session",
	[NODE_T_INSTALL] = "install",
};

static void trace(void *host, enum rblk_node_trace what, u64 index, u64 arg)
{
	struct node *n = host;

	TRACE(n->id, trace_name[what], index, arg);
	switch (what) {
	case NODE_T_ACCEPT:
		op_placed(n, index, arg);
		break;
	case NODE_T_SUBMIT:
		WORLD_MARK(SUBMITTED);
		break;
	case NODE_T_TRUNCATE:
		check_truncated(n, index);
		break;
	case NODE_T_VERDICT:
		n->executed_seen = index;
		break;
	case NODE_T_INSTALL:
		WORLD_MARK(INSTALLED);
		if (arg > index)
			check_truncated(n, max_t(u64, index, n->seen_commit) + 1);
		check_room(n, index);
		n->installing = false;
		n->log_from = n->dur_last = n->seen_last = n->seen_commit = index;
		break;
	case NODE_T_TRIM:
		WORLD_CHECK(index - 1 <= n->slot_base[0] && index - 1 <= n->slot_base[1],
			    "node %c: gives up entries before %llu, which a copy of its metadata needs",
			    'a' + n->id, (unsigned long long)index);
		break;
	case NODE_T_SESSION:
		if (arg == NODE_S_FENCED)
			WORLD_MARK(SESSION_FENCED);
		if (arg == NODE_S_HELD) {
			model_held(n, index);
			n->sess_epoch = index;
		}
		break;
	default:
		break;
	}
	if (world.on.traced)
		world.on.traced(n, what, index, arg);
}

const struct rblk_node_ops host_ops = {
	.buf_alloc = host_buf_alloc,
	.buf_get = host_buf_get,
	.buf_put = host_buf_put,
	.buf_sum = host_buf_sum,
	.buf_zero = host_buf_zero,
	.buf_hash = host_buf_hash,
	.buf_cut = host_buf_cut,
	.buf_data = host_buf_data,
	.tx_begin = tx_begin,
	.tx_end = tx_end,
	.tx_unacked = tx_unacked,
	.log_write = log_write,
	.meta_write = meta_write,
	.block_write = block_write,
	.log_read = log_read,
	.data_apply = data_apply,
	.data_sync = data_sync,
	.serve_begin = host_serve_begin,
	.read_data = host_read_data,
	.read_copy = host_read_copy,
	.read_zero = host_read_zero,
	.read_issued = host_read_issued,
	.complete = complete,
	.head_changed = head_changed,
	.note = note,
	.trace = trace,
};
