/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RAFTBLK_CTL_H
#define RAFTBLK_CTL_H

#include <net/genetlink.h>
#include <net/sock.h>

#include "host/host.h"
#include "ctl_gen.h"

/* ctl_info.c */
int rblk_ctl_put_volume(struct sk_buff *skb, struct rblk_volume *v, struct rblk_volume_info *info);

#endif /* RAFTBLK_CTL_H */
