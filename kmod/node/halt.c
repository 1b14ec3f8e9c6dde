// SPDX-License-Identifier: GPL-2.0
/* A halted node: it stays in memory, but sends and does nothing any more. */
#include "internal.h"

/*
 * Fails everything that waits on a node that rblk_ground_halt() marked. A read of
 * which the host has parts in progress fails when those parts end.
 */
void rblk_node_end_all(struct rblk_node *n)
{
	if (n->halted)
		return;
	n->halted = true;
	if (n->replica)
		rblk_replica_halt(n->replica);
	rblk_client_fail(&n->client, -EIO);
	rblk_reads_fail(&n->reads, -EIO, false);
	if (n->ready)
		n->unready_since = n->g.now;
	n->ready = false;
	rblk_ground_note(&n->g, NODE_N_HALTED, n->g.halt);
}

/**
 * rblk_node_device_lost() - a backing device is gone for good, or will never answer
 * @n: node, which halts
 * @why: NODE_HALT_LOG or NODE_HALT_DATA
 * @now: ns
 *
 * Completions that still arrive are ignored.
 */
void rblk_node_device_lost(struct rblk_node *n, enum rblk_node_halt why, u64 now)
{
	n->g.now = now;
	rblk_ground_halt(&n->g, why, -ENODEV);
	rblk_node_end_all(n);
}
