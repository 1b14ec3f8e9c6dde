// SPDX-License-Identifier: GPL-2.0
/*
 * Background application of committed entries to the data device. It lags on
 * purpose: what is overwritten meanwhile is written once.
 */
#include "internal.h"

/**
 * member_pressure() - is the log or its table so full that it must be relieved?
 * @m: member
 *
 * Return: true when more than half of either is used.
 */
bool member_pressure(const struct member *m)
{
	return log_used(&m->log) * 2 > m->cfg.super.ring_bytes ||
	       (m->last - m->base.index) * 2 > m->mask;
}

static bool apply_wanted(const struct member *m)
{
	if (!vol_unapplied_entries(m->vol))
		return false;
	if (m->judge_blocked || m->reads_stalled || m->ckpt_wanted || member_pressure(m))
		return true;
	if (vol_unapplied(m->vol) >= m->cfg.limits.apply_bytes)
		return true;
	return m->now >= m->idle_since + MEMBER_APPLY_IDLE_NS;
}

/*
 * How far a batch may go: what is durable in the own log (so that a checkpoint
 * never passes it, and payload may be dropped once applied), and up to the first
 * entry of before the start whose payload has to be read back first.
 */
static u64 apply_limit(struct member *m)
{
	u64 limit = min_t(u64, member_judged(m), m->rst.durable);
	u64 first = member_applied(m) + 1;
	u64 end = min_t(u64, limit, min_t(u64, m->boot_last, first + m->cfg.limits.batch));
	u64 i;

	for (i = first; i <= end; i++) {
		struct member_ent *ent = member_ent(m, i);

		if (!ent->e.nblocks || ent->buf)
			continue;
		if (!m->apply_rb.rb.busy) {
			m->apply_rb.rb_wanted = true;
			m->apply_rb.rb_first = i;
			m->apply_rb.rb_last = min_t(u64, limit, m->boot_last);
		}
		return i - 1;
	}
	return first > m->boot_last || end == m->boot_last ? limit : end;
}

static void applied(struct member *m, u64 from, u64 to)
{
	member_release(m, from, to);
	m->applies++;
	m->idle_since = m->now;
	member_trace(m, MEMBER_T_APPLIED, to, 0);
}

/**
 * member_apply_run() - plans a batch and hands it to the host
 * @m: member
 */
void member_apply_run(struct member *m)
{
	struct vol_batch b;
	u64 limit, from;
	u32 i;

	while (!m->apply_busy && apply_wanted(m)) {
		from = member_applied(m) + 1;
		limit = apply_limit(m);
		if (limit < from || !vol_apply_plan(m->vol, limit, &b))
			return;
		member_trace(m, MEMBER_T_APPLY, b.last, b.nitem);
		if (!b.nzero && !b.nitem) {
			vol_apply_done(m->vol);
			applied(m, from, b.last);
			continue;
		}
		for (i = 0; i < b.nitem; i++)
			m->apply_buf[i] = m->ent[b.item[i].index & m->mask].buf;
		m->applied_blocks += b.nitem;
		m->apply_busy = true;
		m->ops->data_apply(m->host, &b, m->apply_buf);
	}
}

/**
 * member_apply_done() - a batch is on the data device
 * @m: member
 * @error: 0 or -errno
 * @now: ns
 */
void member_apply_done(struct member *m, int error, u64 now)
{
	u64 from = member_applied(m) + 1;

	m->now = now;
	m->apply_busy = false;
	if (m->halt != MEMBER_RUNNING)
		return;
	if (error) {
		vol_apply_abort(m->vol);
		member_halt(m, MEMBER_HALT_DATA, error);
		return;
	}
	vol_apply_done(m->vol);
	applied(m, from, member_applied(m));
	if (m->judge_blocked)
		member_judge(m);
	m->reads_stalled = false;
	member_reads_check(m);
}

/**
 * member_apply_deadline() - when an idle volume wants to apply
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 member_apply_deadline(const struct member *m)
{
	if (m->apply_busy || !vol_unapplied_entries(m->vol) ||
	    member_applied(m) >= m->rst.durable)
		return U64_MAX;
	if (m->apply_rb.rb.busy || m->apply_rb.rb_wanted)
		return U64_MAX;
	return m->idle_since + MEMBER_APPLY_IDLE_NS;
}
