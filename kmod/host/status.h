/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The status of a volume: a snapshot that its loop publishes, and that anybody may
 * look at. Looking takes no lock that the loop needs, so that a process that is
 * stopped while it looks holds up nothing.
 */
#ifndef RBLK_HOST_STATUS_H
#define RBLK_HOST_STATUS_H

#include <linux/jiffies.h>

#include "host/volume.h"

/* How long to wait for a snapshot that is newer than the question. */
#define RBLK_LOOK_MS	200

struct rblk_snapshot *rblk_snapshot_alloc(void);

/* For the loop, as owner. */
struct rblk_volume_info *rblk_snapshot_begin(struct rblk_volume *v);
void rblk_snapshot_publish(struct rblk_volume *v);
void rblk_snapshot_withdraw(struct rblk_volume *v);
u64 rblk_snapshot_time(const struct rblk_volume *v);

/* For those that look. */
static inline unsigned long rblk_look_until(void)
{
	return jiffies + msecs_to_jiffies(RBLK_LOOK_MS);
}

void rblk_volume_look(struct rblk_volume *v);
int rblk_volume_info(struct rblk_volume *v, struct rblk_volume_info *info, unsigned long until);

#endif /* RBLK_HOST_STATUS_H */
