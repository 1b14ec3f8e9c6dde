// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/raftblk.yaml */
/* YNL-GEN kernel source */
/* YNL-ARG --user-header ctl_gen.h */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "ctl_gen.h"

#include <uapi/raftblk.h>

/* Common nested types */
const struct nla_policy raftblk_peer_nl_policy[RAFTBLK_A_PEER_CLIENT + 1] = {
	[RAFTBLK_A_PEER_NODE] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_PEER_ADDRESS] = { .type = NLA_NUL_STRING, .len = RAFTBLK_ADDR_MAX, },
	[RAFTBLK_A_PEER_SOCKADDR] = NLA_POLICY_EXACT_LEN(28),
	[RAFTBLK_A_PEER_CLIENT] = { .type = NLA_FLAG, },
};

/* RAFTBLK_CMD_GET - do */
const struct nla_policy raftblk_get_nl_policy[RAFTBLK_A_MINOR + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
};

/* RAFTBLK_CMD_UP - do */
const struct nla_policy raftblk_up_nl_policy[RAFTBLK_A_UUID + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_NODE] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_LOG_PATH] = { .type = NLA_NUL_STRING, .len = RAFTBLK_PATH_MAX, },
	[RAFTBLK_A_DATA_PATH] = { .type = NLA_NUL_STRING, .len = RAFTBLK_PATH_MAX, },
	[RAFTBLK_A_LOG_DEVICE] = { .type = NLA_U32, },
	[RAFTBLK_A_DATA_DEVICE] = { .type = NLA_U32, },
	[RAFTBLK_A_LISTEN] = NLA_POLICY_EXACT_LEN(28),
	[RAFTBLK_A_PEER] = NLA_POLICY_NESTED(raftblk_peer_nl_policy),
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_POOL_MIB] = NLA_POLICY_MAX(NLA_U32, 8192),
	[RAFTBLK_A_IO_TIMEOUT_MS] = { .type = NLA_U32, },
	[RAFTBLK_A_ELECTION_MS] = NLA_POLICY_MAX(NLA_U32, 30000),
	[RAFTBLK_A_RESYNC_RATE_MIN] = NLA_POLICY_MAX(NLA_U32, 10000),
	[RAFTBLK_A_RESYNC_RATE_MAX] = NLA_POLICY_MAX(NLA_U32, 10000),
	[RAFTBLK_A_FORGET] = { .type = NLA_FLAG, },
	[RAFTBLK_A_UUID] = NLA_POLICY_EXACT_LEN(16),
};

/* RAFTBLK_CMD_DOWN - do */
const struct nla_policy raftblk_down_nl_policy[RAFTBLK_A_FORCE + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_FORCE] = { .type = NLA_FLAG, },
};

/* RAFTBLK_CMD_BOOTSTRAP - do */
const struct nla_policy raftblk_bootstrap_nl_policy[RAFTBLK_A_SHARED + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_SECTORS] = { .type = NLA_U64, },
	[RAFTBLK_A_SHARED] = { .type = NLA_FLAG, },
	[RAFTBLK_A_ELECTION_MS] = NLA_POLICY_MAX(NLA_U32, 30000),
};

/* RAFTBLK_CMD_TRANSFER - do */
const struct nla_policy raftblk_transfer_nl_policy[RAFTBLK_A_MINOR + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_NODE] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
};

/* RAFTBLK_CMD_TAKE - do */
const struct nla_policy raftblk_take_nl_policy[RAFTBLK_A_WAIT_MS + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_FORCE] = { .type = NLA_FLAG, },
	[RAFTBLK_A_WAIT_MS] = NLA_POLICY_MAX(NLA_U32, 30000),
};

/* RAFTBLK_CMD_VERIFY - do */
const struct nla_policy raftblk_verify_nl_policy[RAFTBLK_A_MEND + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_SECTOR] = { .type = NLA_U64, },
	[RAFTBLK_A_SECTORS] = { .type = NLA_U64, },
	[RAFTBLK_A_MEND] = { .type = NLA_FLAG, },
};

/* RAFTBLK_CMD_ATTACH - do */
const struct nla_policy raftblk_attach_nl_policy[RAFTBLK_A_DATA_DEVICE + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_LOG_PATH] = { .type = NLA_NUL_STRING, .len = RAFTBLK_PATH_MAX, },
	[RAFTBLK_A_DATA_PATH] = { .type = NLA_NUL_STRING, .len = RAFTBLK_PATH_MAX, },
	[RAFTBLK_A_LOG_DEVICE] = { .type = NLA_U32, },
	[RAFTBLK_A_DATA_DEVICE] = { .type = NLA_U32, },
};

/* RAFTBLK_CMD_ADJUST - do */
const struct nla_policy raftblk_adjust_nl_policy[RAFTBLK_A_RESYNC_RATE_MAX + 1] = {
	[RAFTBLK_A_VOLUME] = { .type = NLA_NUL_STRING, .len = RAFTBLK_NAME_MAX, },
	[RAFTBLK_A_MINOR] = NLA_POLICY_MAX(NLA_U32, 4095),
	[RAFTBLK_A_OP_ID] = { .type = NLA_U64, },
	[RAFTBLK_A_RESYNC_RATE_MIN] = NLA_POLICY_MAX(NLA_U32, 10000),
	[RAFTBLK_A_RESYNC_RATE_MAX] = NLA_POLICY_MAX(NLA_U32, 10000),
};

/* Ops table for raftblk */
const struct genl_ops raftblk_nl_ops[9] = {
	{
		.cmd		= RAFTBLK_CMD_GET,
		.doit		= raftblk_nl_get_doit,
		.dumpit		= raftblk_nl_get_dumpit,
		.policy		= raftblk_get_nl_policy,
		.maxattr	= RAFTBLK_A_MINOR,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_UP,
		.doit		= raftblk_nl_up_doit,
		.policy		= raftblk_up_nl_policy,
		.maxattr	= RAFTBLK_A_UUID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_DOWN,
		.doit		= raftblk_nl_down_doit,
		.policy		= raftblk_down_nl_policy,
		.maxattr	= RAFTBLK_A_FORCE,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_BOOTSTRAP,
		.doit		= raftblk_nl_bootstrap_doit,
		.policy		= raftblk_bootstrap_nl_policy,
		.maxattr	= RAFTBLK_A_SHARED,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_TRANSFER,
		.doit		= raftblk_nl_transfer_doit,
		.policy		= raftblk_transfer_nl_policy,
		.maxattr	= RAFTBLK_A_MINOR,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_TAKE,
		.doit		= raftblk_nl_take_doit,
		.policy		= raftblk_take_nl_policy,
		.maxattr	= RAFTBLK_A_WAIT_MS,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_VERIFY,
		.doit		= raftblk_nl_verify_doit,
		.policy		= raftblk_verify_nl_policy,
		.maxattr	= RAFTBLK_A_MEND,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_ATTACH,
		.doit		= raftblk_nl_attach_doit,
		.policy		= raftblk_attach_nl_policy,
		.maxattr	= RAFTBLK_A_DATA_DEVICE,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_ADJUST,
		.doit		= raftblk_nl_adjust_doit,
		.policy		= raftblk_adjust_nl_policy,
		.maxattr	= RAFTBLK_A_RESYNC_RATE_MAX,
		.flags		= GENL_ADMIN_PERM,
	},
};
