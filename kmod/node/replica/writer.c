// SPDX-License-Identifier: GPL-2.0
/*
 * The own log: entries that raft appended go into records as the ring, the
 * records in flight and the group commit allow. A record takes what arrived
 * while those before it were being written; there is no artificial delay.
 */
#include "internal.h"

static void submit(struct rblk_replica *r, struct log_record *rec, u32 nbufs)
{
	r->records++;
	r->log_bytes += rec->header_bytes + (u64)rec->payload_blocks * RBLK_BLOCK_SIZE;
	rblk_ground_trace(r->g, NODE_T_LOG_SUBMIT, r->log_next - 1, rec->seq);
	rblk_replica_begin(r, RBLK_IO_RECORD);
	r->g->ops->log_write(r->g->host, rec, r->g->bufs, nbufs);
}

/* Fills one record and submits it. Returns false when nothing more can be written now. */
static bool write_record(struct rblk_replica *r)
{
	struct log_record *rec;
	u32 nbufs = 0;
	int ret = 0;

	while (r->log_next <= r->last) {
		struct rblk_ent *ent = &r->ent[r->log_next & r->mask];

		ret = rblk_log_add(&r->log, &ent->e, ent->buf ? ent->buf->crc : NULL,
				   r->trunc_epoch, &ent->pos);
		if (ret)
			break;
		if (ent->buf)
			r->g->bufs[nbufs++] = ent->buf;
		r->log_next++;
	}
	/* Raft and the table hand over what is whole and follows. */
	if (RBLK_ASSERT(&r->g->alarm, ret != -EINVAL))
		return false;
	if (ret && ret != -EAGAIN && ret != -ENOSPC) {
		rblk_ground_halt(r->g, NODE_HALT_LOG, ret);
		return false;
	}
	rec = rblk_log_submit(&r->log);
	if (!rec)
		return false;
	submit(r, rec, nbufs);
	return ret == -EAGAIN;
}

/**
 * rblk_replica_writer_run() - writes to the log what it can take
 * @r: replica
 *
 * While records_inflight records are in flight, new entries wait, and share the
 * next one.
 */
void rblk_replica_writer_run(struct rblk_replica *r)
{
	struct log_record *rec;

	if (r->resync.installing) {
		r->log_idle_at = U64_MAX;
		return;
	}
	while (r->log_next <= r->last && r->log.nrec < r->g->cfg.limits.records_inflight)
		if (!write_record(r))
			break;
	if (r->log.nrec || r->log.closed || r->log.announced_seq >= r->log.durable_seq) {
		r->log_idle_at = U64_MAX;
		return;
	}
	if (r->log_idle_at == U64_MAX)
		r->log_idle_at = r->g->now + NODE_CLOSE_NS;
	if (r->g->now < r->log_idle_at)
		return;
	rec = rblk_log_close_record(&r->log);
	r->log_idle_at = U64_MAX;
	if (rec)
		submit(r, rec, 0);
}

u64 rblk_replica_writer_deadline(const struct rblk_replica *r)
{
	return r->log_idle_at;
}

/**
 * rblk_replica_log_done() - the write of a record has ended
 * @r: replica
 * @rec: the record
 * @error: 0 or -errno
 */
void rblk_replica_log_done(struct rblk_replica *r, struct log_record *rec, int error)
{
	struct raft_event ev = { .type = RAFT_EV_LOG_DONE, .now = r->g->now };
	bool grew;

	grew = rblk_log_done(&r->log, rec, error);
	rblk_replica_end(r, RBLK_IO_RECORD);
	if (error) {
		rblk_ground_halt(r->g, NODE_HALT_LOG, error);
		return;
	}
	if (!grew || r->g->halt != NODE_RUNNING)
		return;
	rblk_ground_trace(r->g, NODE_T_LOG_DURABLE, r->log.durable_index, r->log.durable_seq);
	if (r->bootstrapping)
		return;
	ev.done.index = r->log.durable_index;
	ev.done.trunc_epoch = r->log.durable_trunc_epoch;
	rblk_replica_step(r, &ev);
	rblk_replica_shed(r);
}
