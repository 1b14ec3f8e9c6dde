/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kmod/ctl/ctl_info.c is built on here, instead of the kernel: messages of libmnl. So the
 * status of a simulated node passes through the code and the tables that tell that of a real one.
 */
#ifndef SHIM_CTL_INTERNAL_H
#define SHIM_CTL_INTERNAL_H

#include <stdlib.h>

#include "host/info.h"

/* The kernel's headers for userspace declare these, too, as other types of the same size. */
#define __le16 shim_le16
#define __le32 shim_le32
#define __le64 shim_le64
#include <libmnl/libmnl.h>
#include "uapi/raftblk.h"
#undef __le16
#undef __le32
#undef __le64

struct sk_buff {
	struct nlmsghdr *nlh;
	size_t size;
};

struct rblk_volume {
	struct log_super super;
	const struct rblk_volume_info *info;
};

static inline int nla_put(struct sk_buff *skb, u16 attr, size_t len, const void *data)
{
	return mnl_attr_put_check(skb->nlh, skb->size, attr, len, data) ? 0 : -EMSGSIZE;
}

static inline int nla_put_u32(struct sk_buff *skb, u16 attr, u32 value)
{
	return nla_put(skb, attr, sizeof(value), &value);
}

static inline int nla_put_u64_64bit(struct sk_buff *skb, u16 attr, u64 value, int pad)
{
	return nla_put(skb, attr, sizeof(value), &value);
}

static inline int nla_put_string(struct sk_buff *skb, u16 attr, const char *text)
{
	return nla_put(skb, attr, strlen(text) + 1, text);
}

static inline int nla_put_flag(struct sk_buff *skb, u16 attr)
{
	return nla_put(skb, attr, 0, NULL);
}

static inline struct nlattr *nla_nest_start(struct sk_buff *skb, u16 attr)
{
	return mnl_attr_nest_start_check(skb->nlh, skb->size, attr);
}

static inline void nla_nest_end(struct sk_buff *skb, struct nlattr *nest)
{
	mnl_attr_nest_end(skb->nlh, nest);
}

static inline int rblk_volume_info(struct rblk_volume *v, struct rblk_volume_info *info,
				   unsigned long until)
{
	*info = *v->info;
	return info->state == RBLK_V_RUNNING ? 0 : -ENODEV;
}

int rblk_ctl_put_volume(struct sk_buff *skb, struct rblk_volume *v, struct rblk_volume_info *info,
			unsigned long until);

#endif /* SHIM_CTL_INTERNAL_H */
