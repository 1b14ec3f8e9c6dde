/* SPDX-License-Identifier: GPL-2.0 */
/* What the module tells without being asked: over generic netlink, and in the kernel log. */
#ifndef RBLK_HOST_NOTIFY_H
#define RBLK_HOST_NOTIFY_H

#include <linux/gfp_types.h>

#include "node/node.h"

struct genl_family;
struct net;
struct rblk_events;
struct rblk_volume;

void rblk_notify_init(const struct genl_family *family, unsigned int group);
bool rblk_notify_end(struct rblk_volume *v, u64 op_id, int error, const char *text, gfp_t gfp);
void rblk_notify_refused(struct net *net, const char *volume, u32 netns, u64 op_id, int error,
			 const char *text);
struct rblk_events *rblk_events_alloc(struct rblk_volume *v);
void rblk_events_flush(struct rblk_volume *v);
u64 rblk_events_lost(const struct rblk_volume *v);
void rblk_event_lost(struct rblk_volume *v);
void rblk_notify_event(struct rblk_volume *v, enum rblk_node_note note, u64 arg, const char *text);

#endif /* RBLK_HOST_NOTIFY_H */
