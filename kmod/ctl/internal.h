/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RBLK_CTL_INTERNAL_H
#define RBLK_CTL_INTERNAL_H

#include <net/genetlink.h>
#include <net/sock.h>

#include "ctl_gen.h"
#include "host/status.h"

/* ctl_info.c */
int rblk_ctl_put_volume(struct sk_buff *skb, struct rblk_volume *v, struct rblk_volume_info *info,
			unsigned long until);

#endif /* RBLK_CTL_INTERNAL_H */
