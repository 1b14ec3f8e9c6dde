/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The status of a volume: a snapshot that its loop publishes, and that anybody may
 * look at. Looking takes no lock that the loop needs, so that a process that is
 * stopped while it looks holds up nothing.
 */
#ifndef RBLK_HOST_STATUS_H
#define RBLK_HOST_STATUS_H

#include <linux/jiffies.h>

#include "host/pool.h"
#include "host/volume.h"

/* How long to wait for a snapshot that is newer than the question. */
#define RBLK_LOOK_MS	200

struct rblk_volume_info {		/* each room fills in its part; about 6 KiB */
	char volume[RBLK_NAME_MAX], node[RBLK_NAME_MAX];
	char log_path[RBLK_PATH_MAX], data_path[RBLK_PATH_MAX];
	enum rblk_volume_state state;	/* current, unlike what follows @age_ms */
	int minor;			/* current as well; -1: no disk */
	u64 age_ms;			/* age of what follows */
	u64 sectors;
	u64 openers, inflight;		/* of the disk; requests in progress */
	u64 late_ms[RBLK_DEVICES];	/* for how long a device has not responded; 0: it does */
	u32 pool_free[RBLK_BUDGETS], pool_size[RBLK_BUDGETS];
	u64 events_lost;
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	u8 peer_refused[NODE_PEERS_MAX];	/* enum wire_reason it refused us with; 0: none */
	int peer_error[NODE_PEERS_MAX];		/* what ended the latest connection; 0: nothing */
	struct rblk_node_status st;
};

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
