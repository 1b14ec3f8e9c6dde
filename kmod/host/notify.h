/* SPDX-License-Identifier: GPL-2.0 */
/* What the module multicasts over generic netlink, without being asked. */
#ifndef RBLK_HOST_NOTIFY_H
#define RBLK_HOST_NOTIFY_H

#include <linux/gfp_types.h>

#include "node/node.h"

struct genl_family;
struct net;
struct rblk_volume;

void rblk_notify_init(const struct genl_family *family, unsigned int group);
bool rblk_notify_end(struct net *net, const char *volume, u64 op_id, int error, const char *text,
		     gfp_t gfp);
void rblk_notify_event(struct rblk_volume *v, enum rblk_node_note note, u64 arg, const char *text);

#endif /* RBLK_HOST_NOTIFY_H */
