// SPDX-License-Identifier: GPL-2.0
/*
 * The own log: entries that raft appended go into records as the ring, the
 * records in flight and the group commit allow. A record takes what arrived
 * while those before it were being written; there is no artificial delay.
 */
#include "internal.h"

static void submit(struct rblk_node *m, struct log_record *rec, u32 nbufs)
{
	m->records++;
	m->log_bytes += rec->header_bytes + (u64)rec->payload_blocks * RBLK_BLOCK_SIZE;
	rblk_node_trace(m, NODE_T_LOG_SUBMIT, m->log_next - 1, rec->seq);
	m->ops->log_write(m->host, rec, m->bufs, nbufs);
}

/*
 * Fills one record and submits it. A record that finds others in flight waits
 * for company until fewer than records_inflight are. Returns false when no more
 * can be done now.
 */
static bool write_record(struct rblk_node *m)
{
	struct log_record *rec;
	u32 nbufs = 0;
	int ret = 0;

	while (m->log_next <= m->last) {
		struct rblk_ent *ent = &m->ent[m->log_next & m->mask];

		ret = rblk_log_add(&m->log, &ent->e, ent->buf ? ent->buf->crc : NULL,
				   m->trunc_epoch, &ent->pos);
		if (ret)
			break;
		if (ent->buf)
			m->bufs[nbufs++] = ent->buf;
		m->log_next++;
	}
	if (ret && ret != -EAGAIN && ret != -ENOSPC) {
		rblk_node_halt(m, NODE_HALT_LOG, ret);
		return false;
	}
	rec = rblk_log_submit(&m->log);
	if (!rec)
		return false;
	submit(m, rec, nbufs);
	return ret == -EAGAIN;
}

/**
 * rblk_replica_writer_run() - gives the log what it can take
 * @m: member
 */
void rblk_replica_writer_run(struct rblk_node *m)
{
	struct log_record *rec;

	while (m->log_next <= m->last && m->log.nrec < m->cfg.limits.records_inflight)
		if (!write_record(m))
			break;
	if (m->log.nrec || m->log.closed || m->log.announced_seq >= m->log.durable_seq) {
		m->log_idle_at = U64_MAX;
		return;
	}
	if (m->log_idle_at == U64_MAX)
		m->log_idle_at = m->now + NODE_CLOSE_NS;
	if (m->now < m->log_idle_at)
		return;
	rec = rblk_log_close_record(&m->log);
	m->log_idle_at = U64_MAX;
	if (rec)
		submit(m, rec, 0);
}

/**
 * rblk_replica_writer_deadline() - when the idle log wants its closing record
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_replica_writer_deadline(const struct rblk_node *m)
{
	return m->log_idle_at;
}

/**
 * rblk_node_log_done() - a record's write ended
 * @m: member
 * @rec: the record
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_log_done(struct rblk_node *m, struct log_record *rec, int error, u64 now)
{
	struct raft_event ev = { .type = RAFT_EV_LOG_DONE, .now = now };
	bool grew;

	m->now = now;
	grew = rblk_log_done(&m->log, rec, error);
	if (error) {
		rblk_node_halt(m, NODE_HALT_LOG, error);
		return;
	}
	if (!grew || m->halt != NODE_RUNNING)
		return;
	rblk_node_trace(m, NODE_T_LOG_DURABLE, m->log.durable_index, m->log.durable_seq);
	if (m->bootstrapping)
		return;
	ev.done.index = m->log.durable_index;
	ev.done.trunc_epoch = m->log.durable_trunc_epoch;
	rblk_replica_step(m, &ev);
	rblk_replica_shed(m);
}
