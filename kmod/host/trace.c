// SPDX-License-Identifier: GPL-2.0
/*
 * From enum rblk_node_trace to tracepoints. While none is enabled, this costs one
 * patched branch.
 */
#include <linux/jump_label.h>

#include "host/volume.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static DEFINE_STATIC_KEY_FALSE(rblk_trace_key);

/**
 * rblk_trace_reg() - a tracepoint of the node is being enabled
 *
 * Context: process; sleeps.
 * Return: 0.
 */
int rblk_trace_reg(void)
{
	static_branch_inc(&rblk_trace_key);
	return 0;
}

/**
 * rblk_trace_unreg() - a tracepoint of the node was disabled
 *
 * Context: process; sleeps.
 */
void rblk_trace_unreg(void)
{
	static_branch_dec(&rblk_trace_key);
}

static void (*const rblk_trace_event[NODE_T_NR])(int minor, u64 index, u64 arg) = {
	[NODE_T_ACCEPT] = trace_raftblk_accept,
	[NODE_T_SUBMIT] = trace_raftblk_submit,
	[NODE_T_PROPOSE] = trace_raftblk_propose,
	[NODE_T_LOG_SUBMIT] = trace_raftblk_log_submit,
	[NODE_T_LOG_DURABLE] = trace_raftblk_log_durable,
	[NODE_T_SEND] = trace_raftblk_send,
	[NODE_T_RECV] = trace_raftblk_recv,
	[NODE_T_COMMIT] = trace_raftblk_commit,
	[NODE_T_VERDICT] = trace_raftblk_verdict,
	[NODE_T_COMPLETE] = trace_raftblk_complete,
	[NODE_T_READ_START] = trace_raftblk_read_start,
	[NODE_T_READ_OK] = trace_raftblk_read_ok,
	[NODE_T_APPLY] = trace_raftblk_apply,
	[NODE_T_APPLIED] = trace_raftblk_applied,
	[NODE_T_CHECKPOINT] = trace_raftblk_checkpoint,
	[NODE_T_TRIM] = trace_raftblk_trim,
	[NODE_T_META] = trace_raftblk_meta,
	[NODE_T_ROLE] = trace_raftblk_role,
	[NODE_T_TRUNCATE] = trace_raftblk_truncate,
	[NODE_T_SESSION] = trace_raftblk_session,
};

/**
 * rblk_trace() - struct rblk_node_ops: pass an action of the node to its tracepoint
 * @host: the volume
 * @what: the action
 * @index: see enum rblk_node_trace
 * @arg: see enum rblk_node_trace
 *
 * Context: owner.
 */
void rblk_trace(void *host, enum rblk_node_trace what, u64 index, u64 arg)
{
	if (static_branch_unlikely(&rblk_trace_key))
		rblk_trace_event[what](rblk_volume_minor(host), index, arg);
}
