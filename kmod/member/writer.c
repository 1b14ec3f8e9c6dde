// SPDX-License-Identifier: GPL-2.0
/*
 * The own log: entries that raft appended go into records as the ring, the
 * records in flight and the group commit allow. A record takes what arrived
 * while those before it were being written; there is no artificial delay.
 */
#include "internal.h"

static void submit(struct member *m, struct log_record *rec, u32 nbufs)
{
	m->records++;
	m->log_bytes += rec->header_bytes + (u64)rec->payload_blocks * RB_BLOCK_SIZE;
	member_trace(m, MEMBER_T_LOG_SUBMIT, m->log_next - 1, rec->seq);
	m->ops->log_write(m->host, rec, m->bufs, nbufs);
}

/*
 * Fills one record and submits it. A record that finds others in flight waits
 * for company until fewer than records_inflight are. Returns false when no more
 * can be done now.
 */
static bool write_record(struct member *m)
{
	struct log_record *rec;
	u32 nbufs = 0;
	int ret = 0;

	while (m->log_next <= m->last) {
		struct member_ent *ent = &m->ent[m->log_next & m->mask];

		ret = log_add(&m->log, &ent->e, ent->buf ? ent->buf->crc : NULL, m->epoch,
			      &ent->pos);
		if (ret)
			break;
		if (ent->buf)
			m->bufs[nbufs++] = ent->buf;
		m->log_next++;
	}
	if (ret && ret != -EAGAIN && ret != -ENOSPC) {
		member_halt(m, MEMBER_HALT_LOG, ret);
		return false;
	}
	rec = log_submit(&m->log);
	if (!rec)
		return false;
	submit(m, rec, nbufs);
	return ret == -EAGAIN;
}

/**
 * member_writer_run() - gives the log what it can take
 * @m: member
 */
void member_writer_run(struct member *m)
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
		m->log_idle_at = m->now + MEMBER_CLOSE_NS;
	if (m->now < m->log_idle_at)
		return;
	rec = log_close_record(&m->log);
	m->log_idle_at = U64_MAX;
	if (rec)
		submit(m, rec, 0);
}

/**
 * member_writer_deadline() - when the idle log wants its closing record
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 member_writer_deadline(const struct member *m)
{
	return m->log_idle_at;
}

/**
 * member_log_done() - a record's write ended
 * @m: member
 * @rec: the record
 * @error: 0 or -errno
 * @now: ns
 */
void member_log_done(struct member *m, struct log_record *rec, int error, u64 now)
{
	struct raft_event ev = { .type = RAFT_EV_LOG_DONE, .now = now };
	bool grew;

	m->now = now;
	grew = log_done(&m->log, rec, error);
	if (error) {
		member_halt(m, MEMBER_HALT_LOG, error);
		return;
	}
	if (!grew || m->halt != MEMBER_RUNNING)
		return;
	member_trace(m, MEMBER_T_LOG_DURABLE, m->log.durable_index, m->log.durable_seq);
	if (m->bootstrapping)
		return;
	ev.done.index = m->log.durable_index;
	ev.done.ticket = m->log.durable_ticket;
	member_step(m, &ev);
	member_lean(m);
}
