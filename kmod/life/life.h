/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Administration of a volume on this node. No function waits for its operation: if
 * it returns 0, the operation is in progress, and rblk_notify_end() reports its
 * end; else @err, of RBLK_ERR_MAX bytes, has the error text.
 */
#ifndef RBLK_LIFE_H
#define RBLK_LIFE_H

#include "host/volume.h"

struct rblk_bootstrap {			/* what "bootstrap" asks for */
	u64 sectors;			/* 0: what the smallest data device allows */
	bool shared;			/* a session for each node */
	u32 election_ms;		/* 0: what "up" said */
};

struct rblk_verify_ask {		/* what "verify" asks for */
	u64 sector, sectors;		/* sectors 0: all that follow */
	bool mend;
};

struct rblk_store {			/* the devices of a store, as "attach" names them */
	char log_path[RBLK_PATH_MAX], data_path[RBLK_PATH_MAX];
	dev_t log_dev, data_dev;
};

int rblk_volume_up(struct net *net, const struct rblk_up *up, u64 op_id, char *err);
int rblk_volume_down(struct rblk_volume *v, bool force, u64 op_id, char *err);
int rblk_volume_attach(struct rblk_volume *v, const struct rblk_store *store, u64 op_id, char *err);
int rblk_volume_bootstrap(struct rblk_volume *v, const struct rblk_bootstrap *b, u64 op_id,
			  char *err);
int rblk_volume_verify(struct rblk_volume *v, const struct rblk_verify_ask *ask, u64 op_id,
		       char *err);
int rblk_volume_adjust(struct rblk_volume *v, const struct rblk_node_tuning *to, u64 op_id,
		       char *err);
int rblk_volume_transfer(struct rblk_volume *v, const char *node, u64 op_id, char *err);
int rblk_volume_take(struct rblk_volume *v, bool force, u32 wait_ms, u64 op_id, char *err);

void rblk_debugfs_init(void);
void rblk_debugfs_exit(void);

#endif /* RBLK_LIFE_H */
