// SPDX-License-Identifier: GPL-2.0
/* What is known of a volume, gathered from all rooms. */
#include "block/block.h"
#include "life/life.h"
#include "net/net.h"

/**
 * rblk_volume_info() - a snapshot of a volume
 * @v: the volume
 * @info: filled
 *
 * Context: process; sleeps for the owner's lock, a second at most.
 * Return: 0; -ENODEV: it is not running (the names are filled all the same);
 * -ETIMEDOUT: it hangs in a device below.
 */
int rblk_volume_info(struct rblk_volume *v, struct rblk_volume_info *info)
{
	int r, i;

	memset(info, 0, sizeof(*info));
	strscpy(info->volume, v->name, sizeof(info->volume));
	strscpy(info->node, v->up.node, sizeof(info->node));
	strscpy(info->log_path, v->up.log_path, sizeof(info->log_path));
	strscpy(info->data_path, v->up.data_path, sizeof(info->data_path));
	info->state = READ_ONCE(v->state);
	info->minor = -1;
	r = rblk_volume_lock_timeout(v);
	if (r)
		return r;
	if (!v->m || v->stopped || !v->disk || !v->peers) {
		r = -ENODEV;
	} else {
		rblk_node_status(v->m, &info->member);
		rblk_disk_info(v, info);
		rblk_peers_info(v, info);
		for (i = 0; i < RBLK_BUDGETS; i++) {
			info->pool_free[i] = rblk_pool_free(v->pool, i);
			info->pool_size[i] = rblk_pool_size(v->pool, i);
		}
	}
	mutex_unlock(&v->owner);
	return r;
}
