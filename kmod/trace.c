// SPDX-License-Identifier: GPL-2.0
/* From enum member_trace to tracepoints; costs one patched branch while none is on. */
#include <linux/jump_label.h>

#include "raftblk.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static DEFINE_STATIC_KEY_FALSE(rb_trace_key);

/**
 * rb_trace_reg() - a tracepoint of a member is being switched on
 *
 * Context: process; sleeps.
 * Return: 0.
 */
int rb_trace_reg(void)
{
	static_branch_inc(&rb_trace_key);
	return 0;
}

/**
 * rb_trace_unreg() - a tracepoint of a member was switched off
 *
 * Context: process; sleeps.
 */
void rb_trace_unreg(void)
{
	static_branch_dec(&rb_trace_key);
}

#define RB_TRACE(what, name)							\
	case MEMBER_T_##what:							\
		trace_raftblk_##name(minor, index, arg);			\
		break

static noinline void rb_trace_slow(struct rb_volume *v, enum member_trace what, u64 index, u64 arg)
{
	int minor = rb_disk_minor(v);

	switch (what) {
	RB_TRACE(PROPOSE, propose);
	RB_TRACE(LOG_SUBMIT, log_submit);
	RB_TRACE(LOG_DURABLE, log_durable);
	RB_TRACE(SEND, send);
	RB_TRACE(RECV, recv);
	RB_TRACE(COMMIT, commit);
	RB_TRACE(VERDICT, verdict);
	RB_TRACE(COMPLETE, complete);
	RB_TRACE(READ_START, read_start);
	RB_TRACE(READ_OK, read_ok);
	RB_TRACE(APPLY, apply);
	RB_TRACE(APPLIED, applied);
	RB_TRACE(CHECKPOINT, checkpoint);
	RB_TRACE(TRIM, trim);
	RB_TRACE(META, meta);
	RB_TRACE(ROLE, role);
	RB_TRACE(TRUNCATE, truncate);
	RB_TRACE(SESSION, session);
	case MEMBER_T_NR:
		break;
	}
}

/**
 * rb_trace() - member_ops: a member did something
 * @host: the volume
 * @what: what
 * @index: see enum member_trace
 * @arg: see enum member_trace
 *
 * Context: owner.
 */
void rb_trace(void *host, enum member_trace what, u64 index, u64 arg)
{
	if (static_branch_unlikely(&rb_trace_key))
		rb_trace_slow(host, what, index, arg);
}
