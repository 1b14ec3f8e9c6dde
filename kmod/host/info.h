/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What there is to tell of a volume. No kernel header: tests tell the same of nodes that they
 * simulate, see selftests/why.
 */
#ifndef RBLK_HOST_INFO_H
#define RBLK_HOST_INFO_H

#include "node/node.h"

#define RBLK_PATH_MAX	256

enum rblk_volume_state {
	RBLK_V_STARTING,		/* devices, recovery: in a worker */
	RBLK_V_RUNNING,
	RBLK_V_STOPPING,
	RBLK_V_FAILED,			/* "up" failed: goes once that is reported */
};

enum rblk_budget {
	RBLK_BUDGET_SUBMIT,		/* writes of this node */
	RBLK_BUDGET_RECEIVE,		/* payload that peers send */
	RBLK_BUDGET_READBACK,		/* payload that is read back from the own log */
	RBLK_BUDGET_SERVE,		/* reads for nodes that have no usable replica */
	RBLK_BUDGETS
};

#define RBLK_COPY_MAX	192	/* two starts of a store, and where they are, as text */

struct rblk_volume_info {		/* each room fills in its part; about 9 KiB */
	char volume[RBLK_NAME_MAX], node[RBLK_NAME_MAX];
	char log_path[RBLK_PATH_MAX], data_path[RBLK_PATH_MAX];
	enum rblk_volume_state state;	/* current, unlike what follows @age_ms */
	int minor;			/* current as well; -1: no disk */
	u32 netns;			/* inode number of its network namespace */
	u64 age_ms;			/* age of what follows */
	u64 sectors;
	u64 openers, inflight;		/* of the disk; requests in progress */
	u64 late_ms[RBLK_DEVICES];	/* for how long a device has not responded; 0: it does */
	u64 waiting_ms;			/* for how long I/O has not been served; 0: it is */
	u64 writes_ms;			/* for how long writes have waited, and none has ended */
	u64 resync_ms;			/* for how long it has been resynchronised; 0: it is not */
	u64 away_ms;			/* what st.away says, at the present rate; 0: no rate */
	/* Since when the newest comparison has ended, and a difference is known; 0: none is. */
	u64 verify_ms, verify_open_ms;
	u32 pool_free[RBLK_BUDGETS], pool_size[RBLK_BUDGETS];
	u64 events_lost;
	u64 frames_bad, frames_sent, frames_received, bytes_sent, bytes_received;
	u8 peer_refused[NODE_PEERS_MAX];	/* enum wire_reason it refused us with; 0: none */
	int peer_error[NODE_PEERS_MAX];		/* what ended the latest connection; 0: nothing */
	u64 peer_silent_ms[NODE_PEERS_MAX];	/* for how long a connected one has said nothing */
	char peer_copy[NODE_PEERS_MAX][RBLK_COPY_MAX];	/* a copy that is refused; empty: none */
	struct rblk_node_status st;
};

#endif /* RBLK_HOST_INFO_H */
