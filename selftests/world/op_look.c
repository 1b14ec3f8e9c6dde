// SPDX-License-Identifier: GPL-2.0
/* Requests that have not ended, and those that wait to be accepted. */
#include "world.h"

/* Tells which requests hang: for the report of a failure. */
void op_hung(void)
{
	u64 id;
	u32 i;

	for (i = 0; i < world.cfg.all; i++) {
		const struct rblk_node_status *st = &world.node[i].st;

		TRACE(i, "log", st->log_entries, st->raft.last.index);
		TRACE(i, "executed", st->executed_index, st->checkpoint_index);
		TRACE(i, "holds", st->session_epoch, st->session);
		TRACE(i, "writes-done", st->session_done, st->session_seq);
		TRACE(i, "leads", st->raft.role == RAFT_LEADER, st->ready);
		TRACE(i, "ring", st->ring_used, st->raft.transferee);
		TRACE(i, "inflight-records", st->inflight_records, st->proposals_refused);
	}

	for (id = 1; id <= op_count(); id++) {
		struct op *op = op_get(id);

		if (!op->done)
			TRACE(op->node, op->accepted ? "hangs" : "hangs-waiting", id, op->kind);
	}
}

/* Openers without force wait for other users, and a close for the node's own. */
static bool has_to_end(const struct op *op)
{
	return !op->done &&
	       (op->kind < OP_OPEN || (op->kind == OP_OPEN && (op->flags & NODE_OPEN_FORCE)));
}

struct op *op_oldest(const struct node *n)
{
	struct op *oldest = NULL;
	u64 id;

	for (id = 1; id <= op_count(); id++) {
		struct op *op = op_get(id);

		if (op->node == n->id && has_to_end(op) && (!oldest || op->turn < oldest->turn))
			oldest = op;
	}
	return oldest;
}

void op_forget_waiting(struct node *n)
{
	n->wait_write = (struct waitq){ .tail = &n->wait_write.first };
	n->wait_read = (struct waitq){ .tail = &n->wait_read.first };
	n->nwait = 0;
}
