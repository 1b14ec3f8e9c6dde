/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: the actions of a node, and the beginning and end of a request.
 * Integers only. raftblk_propose and the like carry what enum rblk_node_trace says.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM raftblk

#if !defined(RAFTBLK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RAFTBLK_TRACE_H

#include <linux/tracepoint.h>

#ifndef RAFTBLK_TRACE_FNS
#define RAFTBLK_TRACE_FNS
#include "node/node.h"

int rblk_trace_reg(void);
void rblk_trace_unreg(void);
void rblk_trace(void *host, enum rblk_node_trace what, u64 index, u64 arg); /* rblk_node_ops */
#endif

DECLARE_EVENT_CLASS(raftblk_node,
	TP_PROTO(int minor, u64 index, u64 arg),
	TP_ARGS(minor, index, arg),
	TP_STRUCT__entry(
		__field(int, minor)
		__field(u64, index)
		__field(u64, arg)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->index = index;
		__entry->arg = arg;
	),
	TP_printk("raftblk%d index=%llu arg=%#llx", __entry->minor, __entry->index, __entry->arg)
);

#define RBLK_NODE_EVENT(name)							\
DEFINE_EVENT_FN(raftblk_node, name,						\
	TP_PROTO(int minor, u64 index, u64 arg),				\
	TP_ARGS(minor, index, arg),						\
	rblk_trace_reg, rblk_trace_unreg)

RBLK_NODE_EVENT(raftblk_accept);
RBLK_NODE_EVENT(raftblk_submit);
RBLK_NODE_EVENT(raftblk_propose);
RBLK_NODE_EVENT(raftblk_log_submit);
RBLK_NODE_EVENT(raftblk_log_durable);
RBLK_NODE_EVENT(raftblk_send);
RBLK_NODE_EVENT(raftblk_recv);
RBLK_NODE_EVENT(raftblk_commit);
RBLK_NODE_EVENT(raftblk_verdict);
RBLK_NODE_EVENT(raftblk_complete);
RBLK_NODE_EVENT(raftblk_read_start);
RBLK_NODE_EVENT(raftblk_read_ok);
RBLK_NODE_EVENT(raftblk_apply);
RBLK_NODE_EVENT(raftblk_applied);
RBLK_NODE_EVENT(raftblk_checkpoint);
RBLK_NODE_EVENT(raftblk_trim);
RBLK_NODE_EVENT(raftblk_meta);
RBLK_NODE_EVENT(raftblk_role);
RBLK_NODE_EVENT(raftblk_truncate);
RBLK_NODE_EVENT(raftblk_session);

TRACE_EVENT(raftblk_request_queue,
	TP_PROTO(int minor, int tag, u32 op, u64 sector, u32 nsect),
	TP_ARGS(minor, tag, op, sector, nsect),
	TP_STRUCT__entry(
		__field(int, minor)
		__field(int, tag)
		__field(u32, op)
		__field(u64, sector)
		__field(u32, nsect)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->tag = tag;
		__entry->op = op;
		__entry->sector = sector;
		__entry->nsect = nsect;
	),
	TP_printk("raftblk%d tag=%d op=%u sector=%llu+%u", __entry->minor, __entry->tag,
		  __entry->op, __entry->sector, __entry->nsect)
);

TRACE_EVENT(raftblk_request_complete,
	TP_PROTO(int minor, int tag, u32 op, u64 sector, int error),
	TP_ARGS(minor, tag, op, sector, error),
	TP_STRUCT__entry(
		__field(int, minor)
		__field(int, tag)
		__field(u32, op)
		__field(u64, sector)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->tag = tag;
		__entry->op = op;
		__entry->sector = sector;
		__entry->error = error;
	),
	TP_printk("raftblk%d tag=%d op=%u sector=%llu error=%d", __entry->minor, __entry->tag,
		  __entry->op, __entry->sector, __entry->error)
);

#endif /* RAFTBLK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH host
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
