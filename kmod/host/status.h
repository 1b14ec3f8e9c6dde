/* SPDX-License-Identifier: GPL-2.0 */
/* What is known of a volume, from all rooms: each fills in its part. */
#ifndef RBLK_HOST_STATUS_H
#define RBLK_HOST_STATUS_H

#include "host/pool.h"
#include "host/volume.h"

struct rblk_volume_info {
	char volume[RBLK_NAME_MAX], node[RBLK_NAME_MAX];
	char log_path[RBLK_PATH_MAX], data_path[RBLK_PATH_MAX];
	enum rblk_volume_state state;
	int minor;			/* -1: no disk yet */
	u64 sectors;
	u64 openers, inflight;		/* of the disk; requests not ended */
	u32 pool_free[RBLK_BUDGETS], pool_size[RBLK_BUDGETS];
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	u8 peer_refused[NODE_PEERS_MAX];	/* enum wire_reason of its REJECT to us; 0: none */
	int peer_error[NODE_PEERS_MAX];		/* what ended the last connection to it; 0: none */
	struct rblk_node_status member;
};

#endif /* RBLK_HOST_STATUS_H */
