// SPDX-License-Identifier: GPL-2.0
/* What is known of a volume, gathered from all rooms. */
#include "block/block.h"
#include "host/status.h"
#include "life/internal.h"
#include "net/net.h"

/* So old is the newest snapshot of a loop that has work, at most. */
#define RBLK_SNAPSHOT_NS	RBLK_NSEC_PER_SEC
/* Everybody may look, as often as they like: the loop does not answer more often than this. */
#define RBLK_LOOK_NS		(5 * RBLK_NSEC_PER_MSEC)

/**
 * rblk_status_publish() - publish a snapshot
 * @v: the volume, with its disk and connections
 *
 * Context: owner, between runs of the node.
 */
void rblk_status_publish(struct rblk_volume *v)
{
	struct rblk_volume_info *info = rblk_snapshot_begin(v);
	int i;

	rblk_node_status(v->m, &info->member);
	rblk_disk_info(v, info);
	rblk_peers_info(v, info);
	for (i = 0; i < RBLK_BUDGETS; i++) {
		info->pool_free[i] = rblk_pool_free(v->pool, i);
		info->pool_size[i] = rblk_pool_size(v->pool, i);
	}
	rblk_snapshot_publish(v);
}

/**
 * rblk_status_step() - publish a snapshot, if one is due
 * @v: the volume, with its disk and connections
 * @looked: somebody has asked for one
 * @now: ns
 *
 * Context: owner, between runs of the node.
 */
void rblk_status_step(struct rblk_volume *v, bool looked, u64 now)
{
	struct rblk_life *l = v->life;

	l->looked |= looked;
	if (now < rblk_snapshot_time(v) + (l->looked ? RBLK_LOOK_NS : RBLK_SNAPSHOT_NS))
		return;
	l->looked = false;
	rblk_status_publish(v);
}

/**
 * rblk_status_deadline() - when somebody has to be answered
 * @v: the volume
 *
 * Context: owner.
 * Return: ns; U64_MAX: nobody has asked.
 */
u64 rblk_status_deadline(const struct rblk_volume *v)
{
	return v->life->looked ? rblk_snapshot_time(v) + RBLK_LOOK_NS : U64_MAX;
}
