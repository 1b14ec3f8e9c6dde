// SPDX-License-Identifier: GPL-2.0
/*
 * Verdicts: committed entries meet the state machine, in log order, and the
 * local requests that waited for them end. Apart from writing the data device.
 */
#include "internal.h"

/**
 * rblk_replica_execute() - judges what is committed, as far as the volume has room
 * @m: member
 */
void rblk_replica_execute(struct rblk_node *m)
{
	u64 before = rblk_replica_executed(m), i;

	m->execute_blocked = false;
	for (i = before + 1; i <= m->commit; i++) {
		struct rblk_ent *ent = rblk_replica_ent(m, i);
		int verdict;

		if (RBLK_ASSERT(ent)) {
			rblk_node_halt(m, NODE_HALT_INVARIANT, -EUCLEAN);
			return;
		}
		verdict = rblk_vol_execute(m->vol, &ent->e);
		if (verdict == -EAGAIN) {
			m->execute_blocked = true;
			break;
		}
		rblk_node_trace(m, NODE_T_VERDICT, i, (u64)-verdict);
		rblk_server_executed(m, &ent->e);
	}
	if (m->client.index < rblk_replica_executed(m))
		rblk_client_executed(m);
	if (rblk_replica_executed(m) != before) {
		m->idle_since = m->now;
		rblk_reads_check(m);
	}
	rblk_server_sync(m);
}
