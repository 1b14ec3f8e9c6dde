// SPDX-License-Identifier: GPL-2.0
/*
 * Requests, from queue_rq to their end.
 *
 * queue_rq runs on the submitter's CPU and never waits. It copies the data of a
 * write into pool pages (upper layers may change theirs while it is being
 * replicated), computes their checksums, and puts a descriptor on a lock-free list.
 * From there the loop feeds the node, in order of submission; a request that the
 * node cannot take yet stays at the head. Reads and writes wait in separate lists,
 * since no order is promised between them.
 *
 * Without pages queue_rq returns BLK_STS_RESOURCE. The block layer then tries again
 * when a request ends or after 3 ms, whichever comes first, so that no wake-up can
 * be lost. That the loop reruns the queues when pages come back only makes it
 * faster.
 */
#include <linux/mm.h>
#include <linux/seq_file.h>

#include "block/internal.h"
#include "host/trace.h"

/* Elections are mostly over by then. */
#define RBLK_UNSERVED_NS	(2 * RBLK_NSEC_PER_SEC)

static bool rblk_op_is_zero(const struct request *rq)
{
	return req_op(rq) == REQ_OP_DISCARD || req_op(rq) == REQ_OP_WRITE_ZEROES;
}

/* ---- submission ---- */

/*
 * Copies the data of a write to where it belongs in 4 KiB blocks, and zeroes the
 * rest of them.
 */
static void rblk_req_copy_in(struct request *rq, struct rblk_payload *p)
{
	u32 head = (blk_rq_pos(rq) % RBLK_SECTORS_PER_BLOCK) << SECTOR_SHIFT;
	u32 pos = head, end = head + blk_rq_bytes(rq);
	u32 tail = p->buf.nblocks * RBLK_BLOCK_SIZE - end;
	struct req_iterator iter;
	struct bio_vec bv;

	if (head)
		memset(p->block[0], 0, head);
	if (tail)
		memset(p->block[p->buf.nblocks - 1] + RBLK_BLOCK_SIZE - tail, 0, tail);
	rq_for_each_segment(bv, rq, iter) {
		void *from = bvec_kmap_local(&bv);
		u32 done = 0;

		while (done < bv.bv_len) {
			u32 off = pos % RBLK_BLOCK_SIZE;
			u32 n = min_t(u32, bv.bv_len - done, RBLK_BLOCK_SIZE - off);

			memcpy(p->block[pos / RBLK_BLOCK_SIZE] + off, from + done, n);
			done += n;
			pos += n;
		}
		kunmap_local(from);
	}
}

static bool rblk_req_payload(struct rblk_disk *d, struct request *rq, struct rblk_req *rr)
{
	u32 n = rblk_blocks_touched(blk_rq_pos(rq), blk_rq_sectors(rq));
	struct rblk_payload *p = rblk_payload_alloc(d->v->pool, n, RBLK_BUDGET_SUBMIT);

	if (!p) {
		WRITE_ONCE(d->starved_pages, true);
		smp_mb();	/* pairs with rblk_disk_drain(): set the flag, then try again */
		p = rblk_payload_alloc(d->v->pool, n, RBLK_BUDGET_SUBMIT);
		if (!p)
			return false;
	}
	rblk_req_copy_in(rq, p);
	rblk_payload_sum(p, p->buf.crc);
	rr->payload = p;
	return true;
}

/*
 * The deadline counts from when the request was made, since many may wait behind
 * one that finds no pages. If the block layer does not keep that time, it counts
 * from the first try.
 */
static void rblk_req_deadline(struct rblk_disk *d, struct request *rq, struct rblk_req *rr)
{
	u32 ms = d->v->up.io_timeout_ms;
	u64 age;

	if (rq->rq_flags & RQF_DONTPREP)
		return;
	rq->rq_flags |= RQF_DONTPREP;
	rr->deadline = U64_MAX;
	if (!ms)
		return;
	age = rq->start_time_ns ? ktime_get_ns() - rq->start_time_ns : 0;
	rr->deadline = rblk_now() - age + ms * RBLK_NSEC_PER_MSEC;
}

/* Writes that timed out keep their pages for as long as the node may need them. */
static blk_status_t rblk_queue_starved(struct rblk_disk *d, struct request *rq, struct rblk_req *rr)
{
	if (rr->deadline > rblk_now())
		return BLK_STS_RESOURCE;
	rblk_warn_limited(d->v,
			  "write at sector %llu timed out: the pool has no memory left for it\n",
			  (u64)blk_rq_pos(rq));
	return BLK_STS_TIMEOUT;
}

static blk_status_t rblk_queue_refuse(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;

	if (READ_ONCE(d->dead))
		rblk_warn_limited(v, "request refused: the volume is going down\n");
	else if (READ_ONCE(d->fenced))
		rblk_warn_limited(v,
				  "request refused: the session of this node was fenced, close the device to get a new one\n");
	else
		rblk_warn_limited(v, "write refused: this node holds no session\n");
	return BLK_STS_IOERR;
}

static blk_status_t rblk_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct request *rq = bd->rq;
	struct rblk_req *rr = blk_mq_rq_to_pdu(rq);
	struct rblk_disk *d = rq->q->queuedata;
	bool write = req_op(rq) == REQ_OP_WRITE;

	rr->epoch = READ_ONCE(d->epoch);
	if (READ_ONCE(d->dead) || READ_ONCE(d->fenced) ||
	    ((write || rblk_op_is_zero(rq)) && !rr->epoch))
		return rblk_queue_refuse(d);
	if (!write && !rblk_op_is_zero(rq) && req_op(rq) != REQ_OP_READ)
		return BLK_STS_NOTSUPP;
	rr->payload = NULL;
	rr->served = false;
	rr->tag = rq->tag;
	rblk_req_deadline(d, rq, rr);
	if (write && !rblk_req_payload(d, rq, rr))
		return rblk_queue_starved(d, rq, rr);
	rr->disk = d;
	rr->error = 0;
	rr->round = false;
	rr->npart = 0;
	rr->next = 0;
	atomic_set(&rr->hold, 1);
	atomic_inc(&d->inflight);
	blk_mq_start_request(rq);
	trace_raftblk_request_queue(d->minor, rq->tag, (__force u32)req_op(rq), blk_rq_pos(rq),
				    blk_rq_sectors(rq));
	llist_add(&rr->node, &d->submit);
	if (bd->last)
		rblk_volume_kick(d->v, RBLK_KICK_SUBMIT);
	return BLK_STS_OK;
}

static void rblk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct rblk_disk *d = hctx->queue->queuedata;

	rblk_volume_kick(d->v, RBLK_KICK_SUBMIT);
}

/* The loop keeps the deadlines; that a request waits for a quorum is not an error. */
static enum blk_eh_timer_return rblk_timeout(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

/* ---- ends ---- */

static void rblk_complete_rq(struct request *rq)
{
	struct rblk_req *rr = blk_mq_rq_to_pdu(rq);
	blk_status_t status = BLK_STS_OK;

	if (rr->error)
		status = rr->error == -ETIMEDOUT ? BLK_STS_TIMEOUT : BLK_STS_IOERR;
	if (rr->error == -ECANCELED)
		rq->rq_flags |= RQF_QUIET;	/* nobody misses it */
	blk_mq_end_request(rq, status);
}

const struct blk_mq_ops rblk_mq_ops = {
	.queue_rq	= rblk_queue_rq,
	.commit_rqs	= rblk_commit_rqs,
	.complete	= rblk_complete_rq,
	.timeout	= rblk_timeout,
};

/* Drops one of the counts of @hold; the last one ends the request. Called as owner. */
void rblk_req_drop(struct rblk_req *rr)
{
	struct request *rq = blk_mq_rq_from_pdu(rr);
	struct rblk_disk *d = rr->disk;

	if (!atomic_dec_and_test(&rr->hold))
		return;
	if (rr->served) {
		rblk_payload_put(rr->payload);
		d->serving--;
		list_add(&rr->entry, &d->serve_free);
		return;
	}
	trace_raftblk_request_complete(d->minor, rq->tag, (__force u32)req_op(rq),
				       blk_rq_pos(rq), rr->error);
	atomic_dec(&d->inflight);
	blk_mq_complete_request(rq);
}

/* Owner. Ends a request that the node no longer has, or whose answer no longer matters. */
static void rblk_req_end(struct rblk_req *rr, int error)
{
	rr->disk->tag[rr->tag].token = 0;
	rr->error = error;
	if (rr->payload && !rr->served) {
		rblk_payload_put(rr->payload);
		rr->payload = NULL;
	}
	rblk_req_drop(rr);
}

/* Finds the request of a token, as owner. NULL: it has ended. */
struct rblk_req *rblk_req_find(struct rblk_disk *d, u64 token)
{
	u32 tag = token & (BIT(RBLK_TOKEN_TAG_BITS) - 1);

	if (tag >= RBLK_TAGS + RBLK_SERVES || d->tag[tag].token != token)
		return NULL;
	return d->tag[tag].req;
}

int rblk_serves_alloc(struct rblk_disk *d)
{
	int i;

	INIT_LIST_HEAD(&d->serve_free);
	d->serves = kvcalloc(RBLK_SERVES, sizeof(*d->serves), GFP_KERNEL);
	if (!d->serves)
		return -ENOMEM;
	for (i = 0; i < RBLK_SERVES; i++) {
		d->serves[i].disk = d;
		d->serves[i].served = true;
		d->serves[i].tag = RBLK_TAGS + i;
		d->serves[i].deadline = U64_MAX;
		list_add_tail(&d->serves[i].entry, &d->serve_free);
	}
	return 0;
}

/**
 * rblk_disk_serve_begin() - struct rblk_node_ops: begin a read for another node
 * @host: the volume
 * @pull: for a member that is resynchronised: requests and memory are left free for those
 * @nblocks: blocks that the range touches
 * @sector: first sector
 * @nsect: number of sectors
 * @token: set to the token of the request
 *
 * Context: owner.
 * Return: the buffer for its content, until the request is complete; NULL: no request or no
 * memory is free.
 */
struct rblk_buf *rblk_disk_serve_begin(void *host, bool pull, u32 nblocks, u64 sector, u32 nsect,
				       u64 *token)
{
	struct rblk_volume *v = host;
	struct rblk_disk *d = v->disk;
	struct rblk_req *rr = list_first_entry_or_null(&d->serve_free, struct rblk_req, entry);
	struct rblk_payload *p;

	if (!rr)
		return NULL;
	if (!pull && (d->serving >= RBLK_SERVES - NODE_PULL_READS ||
		      rblk_pool_free(v->pool, RBLK_BUDGET_SERVE) <
			      nblocks + RBLK_ENTRY_BLOCKS_MAX))
		return NULL;
	p = rblk_payload_alloc(v->pool, nblocks, RBLK_BUDGET_SERVE);
	if (!p)
		return NULL;
	d->serving++;
	list_del_init(&rr->entry);
	/* Whole blocks are sent, so what surrounds the range must not be other data. */
	memset(p->block[0], 0, RBLK_BLOCK_SIZE);
	memset(p->block[nblocks - 1], 0, RBLK_BLOCK_SIZE);
	rr->payload = p;
	rr->sector = sector;
	rr->error = 0;
	rr->round = false;
	rr->npart = 0;
	rr->next = 0;
	atomic_set(&rr->hold, 1);
	rr->token = (++d->gen << RBLK_TOKEN_TAG_BITS) | rr->tag;
	d->tag[rr->tag].token = rr->token;
	d->tag[rr->tag].req = rr;
	*token = rr->token;
	return &p->buf;
}

/**
 * rblk_disk_complete() - struct rblk_node_ops: end a request, or an open
 * @host: the volume
 * @token: its token
 * @error: 0 or -errno
 *
 * Context: owner.
 */
void rblk_disk_complete(void *host, u64 token, int error)
{
	struct rblk_volume *v = host;
	struct rblk_req *rr;

	if (token & RBLK_TOKEN_OPEN) {
		rblk_disk_open_done(v->disk, token, error);
		return;
	}
	rr = rblk_req_find(v->disk, token);
	if (!rr)
		return;
	if (error && !v->disk->dead && !rr->served)
		rblk_warn_limited(v, "request at sector %llu failed: error %d\n",
				  (u64)blk_rq_pos(blk_mq_rq_from_pdu(rr)), -error);
	rblk_req_end(rr, error);
}

/* ---- feeding the node ---- */

static void rblk_refused(struct rblk_volume *v, int ret)
{
	if (ret == -ESTALE)
		rblk_warn_limited(v, "request refused: the session of this node was fenced\n");
	else if (ret == -EBUSY)
		rblk_warn_limited(v, "write refused: this node holds no session\n");
	else if (ret == -ESHUTDOWN)
		rblk_warn_limited(v, "request refused: this node is halted, see 'raftblk why'\n");
	else
		rblk_warn_limited(v, "request refused (error %d)\n", -ret);
}

static int rblk_feed_one(struct rblk_volume *v, struct rblk_req *rr, u64 now)
{
	struct request *rq = blk_mq_rq_from_pdu(rr);
	int ret;

	if (req_op(rq) == REQ_OP_READ)
		return rblk_node_read(v->m, blk_rq_pos(rq), blk_rq_sectors(rq), rr->token, now);
	if (rr->epoch != v->disk->epoch)
		return -ESTALE;
	ret = rblk_node_write(v->m, blk_rq_pos(rq), blk_rq_sectors(rq),
			      rr->payload ? &rr->payload->buf : NULL, rr->token);
	if (!ret)
		rr->payload = NULL;
	return ret;
}

static u32 rblk_feed(struct rblk_volume *v, struct list_head *list, u64 now)
{
	struct rblk_req *rr;
	u32 fed = 0;
	int ret;

	while ((rr = list_first_entry_or_null(list, struct rblk_req, entry))) {
		list_del_init(&rr->entry);	/* the node may end it at once */
		ret = rblk_feed_one(v, rr, now);
		if (ret == -EAGAIN) {	/* it waits until the node can take it */
			list_add(&rr->entry, list);
			break;
		}
		if (ret) {
			rblk_refused(v, ret);
			rblk_req_end(rr, ret);
		}
		fed++;
	}
	return fed;
}

/* Moves requests from the lock-free list, newest first, to the owner's lists, oldest first. */
static void rblk_collect(struct rblk_disk *d)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&d->submit));
	struct rblk_req *rr, *next;

	llist_for_each_entry_safe(rr, next, list, node) {
		struct request *rq = blk_mq_rq_from_pdu(rr);

		d->gen++;
		rr->token = (d->gen << RBLK_TOKEN_TAG_BITS) | rq->tag;
		d->tag[rq->tag].token = rr->token;
		d->tag[rq->tag].req = rr;
		list_add_tail(&rr->entry, req_op(rq) == REQ_OP_READ ? &d->reads : &d->writes);
	}
}

/*
 * The last close of a device waits for its pages that are being read, with open_mutex held:
 * a reader may have been killed. While it does, nobody can open the device, sync(2) does not
 * return, and none of that can be killed. Nobody will look at those pages, either.
 */
static bool rblk_req_deserted(struct request *rq)
{
	struct bio *bio;

	if (req_op(rq) != REQ_OP_READ)
		return false;
	__rq_for_each_bio(bio, rq)
		if (atomic_read(&bio->bi_bdev->bd_openers) || rblk_table_reads(bio))
			return false;
	return true;
}

/* Without a leader for longer than an election takes. */
static bool rblk_disk_unserved(const struct rblk_disk *d, u64 now)
{
	return !READ_ONCE(d->ready) && now >= d->ready_since + RBLK_UNSERVED_NS;
}

/* Returns -errno if a request shall not wait any longer, and 0 if it shall. */
static int rblk_req_expired(struct rblk_disk *d, struct rblk_req *rr, u64 now)
{
	struct request *rq = blk_mq_rq_from_pdu(rr);

	if (rr->deadline > now)
		return rblk_disk_unserved(d, now) && rblk_req_deserted(rq) ? -ECANCELED : 0;
	rblk_warn_limited(d->v, "%s at sector %llu timed out%s\n",
			  req_op(rq) == REQ_OP_READ ? "read" : "write", (u64)blk_rq_pos(rq),
			  req_op(rq) == REQ_OP_READ ? "" : ": its outcome is unknown");
	return -ETIMEDOUT;
}

static void rblk_expire(struct rblk_disk *d, u64 now)
{
	struct rblk_req *rr;
	int i, error;

	for (i = 0; i < RBLK_TAGS; i++) {
		if (!d->tag[i].token)
			continue;
		rr = d->tag[i].req;
		error = rblk_req_expired(d, rr, now);
		if (!error)
			continue;
		/*
		 * It is in a list only while the node does not have it, or while it
		 * lacks bios.
		 */
		if (!rr->round)
			list_del_init(&rr->entry);
		rblk_req_end(rr, error);
	}
}

/**
 * rblk_disk_drain() - feed the node with submitted requests
 * @v: the volume
 * @now: ns
 *
 * Context: owner.
 * Return: the number of requests that were taken or ended.
 */
u32 rblk_disk_drain(struct rblk_volume *v, u64 now)
{
	struct rblk_disk *d = v->disk;

	lockdep_assert_held(&v->owner);
	rblk_disk_open_cancel(d);
	rblk_node_use(v->m, atomic_read(&d->openers));
	rblk_collect(d);
	if (v->up.io_timeout_ms || rblk_disk_unserved(d, now))
		rblk_expire(d, now);
	rblk_reads_starved(d);
	if (READ_ONCE(d->starved_pages) &&
	    rblk_pool_free(v->pool, RBLK_BUDGET_SUBMIT) >= RBLK_ENTRY_BLOCKS_MAX) {
		WRITE_ONCE(d->starved_pages, false);
		smp_mb();	/* pairs with rblk_req_payload() */
		blk_mq_run_hw_queues(d->gd->queue, true);
	}
	return rblk_feed(v, &d->writes, now) + rblk_feed(v, &d->reads, now);
}

/**
 * rblk_disk_deadline() - when the oldest request times out
 * @v: the volume
 *
 * Context: owner.
 * Return: ns; U64_MAX: never.
 */
u64 rblk_disk_deadline(const struct rblk_volume *v)
{
	u64 min = U64_MAX;
	int i;

	if (!v->up.io_timeout_ms)
		return min;
	for (i = 0; i < RBLK_TAGS; i++)
		if (v->disk->tag[i].token)
			min = min_t(u64, min, v->disk->tag[i].req->deadline);
	return min;
}

/**
 * rblk_disk_abort() - end the requests that the node was never given
 * @v: the volume; its loop has stopped, and rblk_disk_fail_new() was called
 *
 * Context: process; owner.
 */
void rblk_disk_abort(struct rblk_volume *v)
{
	struct rblk_disk *d = v->disk;
	struct rblk_req *rr;
	int i;

	lockdep_assert_held(&v->owner);
	rblk_collect(d);
	rblk_reads_abort(d);
	for (i = 0; i < RBLK_TAGS + RBLK_SERVES; i++) {
		if (!d->tag[i].token)
			continue;
		rr = d->tag[i].req;
		list_del_init(&rr->entry);
		rblk_req_end(rr, -EIO);
	}
	INIT_LIST_HEAD(&d->writes);
	INIT_LIST_HEAD(&d->reads);
}

/**
 * rblk_disk_show() - print the requests in flight, for debugfs
 * @v: the volume
 * @m: file to print to
 *
 * Context: process; owner.
 */
void rblk_disk_show(struct rblk_volume *v, struct seq_file *m)
{
	struct rblk_disk *d = v->disk;
	int i;

	seq_printf(m, "requests: %d in flight, epoch %llu, %u read bios free\n",
		   atomic_read(&d->inflight), d->epoch, d->nbio_free);
	for (i = 0; i < RBLK_TAGS; i++) {
		struct rblk_req *rr = d->tag[i].req;
		struct request *rq;

		if (!d->tag[i].token)
			continue;
		rq = blk_mq_rq_from_pdu(rr);
		seq_printf(m, "  tag %d op %u sector %llu+%u %s\n", i, (__force u32)req_op(rq),
			   (u64)blk_rq_pos(rq), blk_rq_sectors(rq),
			   rr->round ? "reading" : list_empty(&rr->entry) ? "in the node" :
			   "waiting");
	}
}
