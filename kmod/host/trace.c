// SPDX-License-Identifier: GPL-2.0
/* From enum member_trace to tracepoints; costs one patched branch while none is on. */
#include <linux/jump_label.h>

#include "host/host.h"

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

static void (*const rb_trace_event[MEMBER_T_NR])(int minor, u64 index, u64 arg) = {
	[MEMBER_T_ACCEPT] = trace_raftblk_accept,
	[MEMBER_T_SUBMIT] = trace_raftblk_submit,
	[MEMBER_T_PROPOSE] = trace_raftblk_propose,
	[MEMBER_T_LOG_SUBMIT] = trace_raftblk_log_submit,
	[MEMBER_T_LOG_DURABLE] = trace_raftblk_log_durable,
	[MEMBER_T_SEND] = trace_raftblk_send,
	[MEMBER_T_RECV] = trace_raftblk_recv,
	[MEMBER_T_COMMIT] = trace_raftblk_commit,
	[MEMBER_T_VERDICT] = trace_raftblk_verdict,
	[MEMBER_T_COMPLETE] = trace_raftblk_complete,
	[MEMBER_T_READ_START] = trace_raftblk_read_start,
	[MEMBER_T_READ_OK] = trace_raftblk_read_ok,
	[MEMBER_T_APPLY] = trace_raftblk_apply,
	[MEMBER_T_APPLIED] = trace_raftblk_applied,
	[MEMBER_T_CHECKPOINT] = trace_raftblk_checkpoint,
	[MEMBER_T_TRIM] = trace_raftblk_trim,
	[MEMBER_T_META] = trace_raftblk_meta,
	[MEMBER_T_ROLE] = trace_raftblk_role,
	[MEMBER_T_TRUNCATE] = trace_raftblk_truncate,
	[MEMBER_T_SESSION] = trace_raftblk_session,
};

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
		rb_trace_event[what](rb_disk_minor(host), index, arg);
}
