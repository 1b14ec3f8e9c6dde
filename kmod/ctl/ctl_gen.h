/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/raftblk.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_RAFTBLK_GEN_H
#define _LINUX_RAFTBLK_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/raftblk.h>

/* Common nested types */
extern const struct nla_policy raftblk_peer_nl_policy[RAFTBLK_A_PEER_CLIENT + 1];

extern const struct nla_policy raftblk_get_nl_policy[RAFTBLK_A_MINOR + 1];

extern const struct nla_policy raftblk_up_nl_policy[RAFTBLK_A_UUID + 1];

extern const struct nla_policy raftblk_down_nl_policy[RAFTBLK_A_FORCE + 1];

extern const struct nla_policy raftblk_bootstrap_nl_policy[RAFTBLK_A_SHARED + 1];

extern const struct nla_policy raftblk_transfer_nl_policy[RAFTBLK_A_MINOR + 1];

extern const struct nla_policy raftblk_take_nl_policy[RAFTBLK_A_WAIT_MS + 1];

extern const struct nla_policy raftblk_verify_nl_policy[RAFTBLK_A_MEND + 1];

extern const struct nla_policy raftblk_attach_nl_policy[RAFTBLK_A_DATA_DEVICE + 1];

extern const struct nla_policy raftblk_adjust_nl_policy[RAFTBLK_A_RESYNC_RATE_MAX + 1];

/* Ops table for raftblk */
extern const struct genl_ops raftblk_nl_ops[9];

int raftblk_nl_get_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int raftblk_nl_up_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_down_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_bootstrap_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_transfer_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_take_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_verify_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_attach_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_adjust_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	RAFTBLK_NLGRP_EVENTS,
};

#endif /* _LINUX_RAFTBLK_GEN_H */
