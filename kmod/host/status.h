/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of a volume: a snapshot that its loop publishes, and that anybody may look
 * at. Looking takes no lock that the loop needs, whatever becomes of the process that looks.
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
	enum rblk_volume_state state;	/* of now, whatever the age of the rest */
	int minor;			/* likewise; -1: no disk */
	u64 age_ms;			/* of what follows */
	u64 sectors;
	u64 openers, inflight;		/* of the disk; requests not ended */
	u32 pool_free[RBLK_BUDGETS], pool_size[RBLK_BUDGETS];
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	u8 peer_refused[NODE_PEERS_MAX];	/* enum wire_reason of its REJECT to us; 0: none */
	int peer_error[NODE_PEERS_MAX];		/* what ended the last connection to it; 0: none */
	struct rblk_node_status member;
};

struct rblk_snapshot *rblk_snapshot_alloc(void);	/* kvfree() frees it */

/* The side of the loop; owner. */
struct rblk_volume_info *rblk_snapshot_begin(struct rblk_volume *v);
void rblk_snapshot_publish(struct rblk_volume *v);
void rblk_snapshot_withdraw(struct rblk_volume *v);
u64 rblk_snapshot_time(const struct rblk_volume *v);	/* of the newest one; 0: none */

/* The side of those who look. */
static inline unsigned long rblk_look_until(void)
{
	return jiffies + msecs_to_jiffies(RBLK_LOOK_MS);
}

void rblk_volume_look(struct rblk_volume *v);	/* any context: only asks */
/* 0; -ENODEV: not running, only state, names and paths are filled in. May sleep. */
int rblk_volume_info(struct rblk_volume *v, struct rblk_volume_info *info, unsigned long until);

#endif /* RBLK_HOST_STATUS_H */
