// SPDX-License-Identifier: GPL-2.0
/* From the configuration as it is stored and sent to what the Raft core needs of it. */
#include "internal.h"

void rblk_replica_raft_conf(const struct rblk_conf *c, struct raft_conf *rc)
{
	u32 i;

	memset(rc, 0, sizeof(*rc));
	rc->index = c->index;
	rc->n = c->n;
	for (i = 0; i < c->n; i++) {
		rc->m[i].store = c->m[i].store;
		rc->m[i].flags = c->m[i].flags;
	}
}
