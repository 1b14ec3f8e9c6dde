// SPDX-License-Identifier: GPL-2.0
/*
 * What the module multicasts without being asked: the ends of operations, and the
 * events of volumes. Requests are in ctl/.
 */
#include <net/genetlink.h>

#include "host/notify.h"
#include "host/volume.h"
#include "uapi/raftblk.h"

static const struct genl_family *rblk_notify_family;
static unsigned int rblk_notify_group;

/**
 * rblk_notify_init() - set the netlink family to multicast with
 * @family: the family, about to be registered
 * @group: its multicast group for notifications
 *
 * Context: before the first volume comes up.
 */
void rblk_notify_init(const struct genl_family *family, unsigned int group)
{
	rblk_notify_family = family;
	rblk_notify_group = group;
}

static void multicast(struct net *net, struct sk_buff *msg, gfp_t gfp)
{
	/* -ESRCH: nobody listens. */
	genlmsg_multicast_netns(rblk_notify_family, net, msg, 0, rblk_notify_group, gfp);
}

/**
 * rblk_notify_end() - multicast the end of an operation
 * @net: of the volume
 * @volume: its name
 * @op_id: id that the request carried; 0: nobody waits for it
 * @error: 0 or -errno
 * @text: the outcome, for people
 * @gfp: how to allocate; the loop must not wait for memory, since its own progress
 *   may be what frees it
 *
 * Context: may sleep if @gfp allows it.
 * Return: false if there was no memory, and the caller should try again.
 */
bool rblk_notify_end(struct net *net, const char *volume, u64 op_id, int error, const char *text,
		     gfp_t gfp)
{
	struct sk_buff *msg;
	void *hdr;

	if (!op_id)
		return true;
	msg = genlmsg_new(NLMSG_GOODSIZE, gfp);
	if (!msg)
		return false;
	hdr = genlmsg_put(msg, 0, 0, rblk_notify_family, 0, RAFTBLK_CMD_DONE);
	if (!hdr || nla_put_string(msg, RAFTBLK_A_VOLUME, volume) ||
	    nla_put_u64_64bit(msg, RAFTBLK_A_OP_ID, op_id, RAFTBLK_A_PAD) ||
	    nla_put_u32(msg, RAFTBLK_A_ERROR, abs(error)) ||
	    (text && nla_put_string(msg, RAFTBLK_A_TEXT, text))) {
		nlmsg_free(msg);
		return true;
	}
	genlmsg_end(msg, hdr);
	multicast(net, msg, gfp);
	return true;
}

/**
 * rblk_notify_event() - multicast an event, and print it to the kernel log
 * @v: volume
 * @note: the event
 * @arg: its argument
 * @text: for people
 *
 * Context: the loop; does not sleep. Without memory the event is not multicast, but
 * it is printed.
 */
void rblk_notify_event(struct rblk_volume *v, enum rblk_node_note note, u64 arg, const char *text)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	struct sk_buff *msg;
	void *hdr;

	/* Checkpoints come all the time and mean nothing by themselves. */
	if (note != NODE_N_CHECKPOINT)
		rblk_info(v, "%s\n", text);
	if (!genl_has_listeners(rblk_notify_family, v->net, rblk_notify_group))
		return;
	msg = genlmsg_new(NLMSG_GOODSIZE, gfp);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, rblk_notify_family, 0, RAFTBLK_CMD_NOTICE);
	if (!hdr || nla_put_string(msg, RAFTBLK_A_VOLUME, v->name) ||
	    nla_put_string(msg, RAFTBLK_A_NODE, v->up.node) ||
	    nla_put_u32(msg, RAFTBLK_A_EVENT, note) ||
	    nla_put_u64_64bit(msg, RAFTBLK_A_ARGUMENT, arg, RAFTBLK_A_PAD) ||
	    nla_put_string(msg, RAFTBLK_A_TEXT, text)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	multicast(v->net, msg, gfp);
}
