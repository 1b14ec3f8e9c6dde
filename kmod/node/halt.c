// SPDX-License-Identifier: GPL-2.0
/*
 * A halted node: it stays in memory, but sends and does nothing any more. If it is a device that
 * has failed, and there are other members, only the replica stops, and the node goes on as a
 * client of theirs. If it is the data device, not even that: see replica/nodata.c.
 */
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

/* Whoever gives a replica back that is lost again within this time has not mended what is wrong. */
#define LOST_AGAIN_NS	(600 * RBLK_NSEC_PER_SEC)

/* It is counted, for whoever is to decide whether to give it back: nothing does so by itself. */
static void count_loss(struct rblk_node *n)
{
	n->lost_again = n->losses && n->g.now < n->lost_at + LOST_AGAIN_NS;
	n->losses++;
	n->lost_at = n->g.now;
}

/* A replica that goes on without its data device is no longer of use to those who read here. */
static void note_data(struct rblk_node *n)
{
	const struct rblk_replica *r = n->replica;

	if (!r || !r->nodata || n->lost_why)
		return;
	n->lost_why = NODE_HALT_DATA;
	n->lost_error = r->nodata_error;
	count_loss(n);
	rblk_ground_note(&n->g, NODE_N_REPLICA, n->lost_why);
}

static bool replica_failed(const struct rblk_node *n)
{
	return n->replica && !n->halted &&
	       (n->g.halt == NODE_HALT_LOG || n->g.halt == NODE_HALT_DATA ||
		n->g.halt == NODE_HALT_ROT);
}

/* From now on this node is a client of the other members. */
void rblk_node_lose(struct rblk_node *n)
{
	rblk_replica_stop(n->replica);
	n->lost = n->replica;
	n->replica = NULL;
	rblk_client_alone(&n->client);
}

/*
 * A replica whose device has failed is lost to its node until it is attached, or until the next
 * start: both judge by what is on the disks. Until then it neither votes nor acknowledges, whatever
 * the device does. The node goes on as a client of the other members, under the session that it
 * has: what it wrote and has no verdict on goes to whoever leads, as after any change of the
 * leader. Returns true if the replica was lost just now; where there are no other members, the node
 * stays halted.
 */
bool rblk_node_outlives(struct rblk_node *n)
{
	note_data(n);
	if (!replica_failed(n) || n->g.conf.n < 2)
		return false;
	/* What was lost for its data already is not lost again. */
	if (!n->lost_why)
		count_loss(n);
	n->lost_why = n->g.halt;
	n->lost_error = n->g.halt_error;
	n->g.halt = NODE_RUNNING;
	n->g.halt_error = 0;
	rblk_node_lose(n);
	rblk_ground_note(&n->g, NODE_N_REPLICA, n->lost_why);
	return true;
}

/**
 * rblk_node_device_lost() - a backing device is gone for good, or will never answer
 * @n: node, which loses its replica, or goes on without its data device, or halts
 * @why: NODE_HALT_LOG or NODE_HALT_DATA
 * @now: ns
 *
 * Completions that still arrive are ignored.
 */
void rblk_node_device_lost(struct rblk_node *n, enum rblk_node_halt why, u64 now)
{
	n->g.now = now;
	if (n->lost)
		return;
	if (why == NODE_HALT_DATA)
		rblk_replica_data_failed(n->replica, -ENODEV);
	else
		rblk_ground_halt(&n->g, why, -ENODEV);
	if (!rblk_node_outlives(n) && n->g.halt != NODE_RUNNING)
		rblk_node_end_all(n);
}
