// SPDX-License-Identifier: GPL-2.0
/* Raft's view of a configuration: the order of the members, their stores and roles. */
#include "node/replica/internal.h"
#include "tap.h"

static void t_raft_conf(void)
{
	static const struct rblk_conf c = {
		.index = 7,
		.n = 3,
		.m = { { .store = 0xa1, .flags = RBLK_M_IN },
		       { .store = 0xa2, .flags = RBLK_M_IN | RBLK_M_LEARNER },
		       { .store = 0xa3, .flags = RBLK_M_OUT | RBLK_M_WITNESS } },
	};
	struct raft_conf rc;
	u32 i;

	memset(&rc, 0xff, sizeof(rc));
	rblk_replica_raft_conf(&c, &rc);
	CHECK_EQ(rc.index, 7);
	CHECK_EQ(rc.n, 3);
	for (i = 0; i < RBLK_MEMBERS_MAX; i++) {
		CHECK_EQ(rc.m[i].store, c.m[i].store);
		CHECK_EQ(rc.m[i].flags, c.m[i].flags);
	}
}

static const struct tap_case cases[] = {
	{ "raft_conf", t_raft_conf },
};

TAP_MAIN(cases)
