// SPDX-License-Identifier: GPL-2.0
/*
 * What the module tells without being asked: the ends of operations, and the events of
 * volumes. Requests are in ctl/.
 *
 * Events are also printed to the kernel log, by a worker: a line takes milliseconds where
 * the console is a serial line, and the loop, which reports the events, must not stand
 * still for that long just when it has to elect a leader.
 */
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "host/notify.h"
#include "host/volume.h"
#include "uapi/raftblk.h"

#define RBLK_LINES	32		/* that wait to be printed */
#define RBLK_LINES_BURST	100	/* of a volume, in RBLK_LINES_S seconds */
#define RBLK_LINES_S		10

struct rblk_events {
	struct rblk_volume *v;
	u64 lost;			/* owner: events that were not multicast, see multicast() */
	struct work_struct work;
	struct ratelimit_state limit;	/* the worker's, as @left_out */
	u32 left_out;			/* lines that were not printed, and not told of */
	spinlock_t lock;		/* what follows */
	u32 head, tail;			/* line[tail..head) wait */
	u32 dropped;			/* lines for which there was no room */
	char line[RBLK_LINES][RBLK_TEXT_MAX];
};

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

static bool has_listeners(struct net *net)
{
	return genl_has_listeners(rblk_notify_family, net, rblk_notify_group);
}

/* Returns false if there was no memory, or no room at a listener who wants that counted. */
static bool multicast_in(struct net *net, struct sk_buff *msg, gfp_t gfp)
{
	int ret = genlmsg_multicast_netns(rblk_notify_family, net, msg, 0, rblk_notify_group, gfp);

	return !ret || ret == -ESRCH;	/* -ESRCH: nobody listens */
}

/* In the namespace of the volume, and in the initial one, which sees all volumes. */
static bool multicast(struct rblk_volume *v, struct sk_buff *msg, gfp_t gfp)
{
	bool told = true;
	struct sk_buff *copy;

	if (!net_eq(v->net, &init_net) && has_listeners(&init_net)) {
		copy = skb_clone(msg, gfp);
		told = copy && multicast_in(&init_net, copy, gfp);
	}
	return multicast_in(v->net, msg, gfp) && told;
}

/* ---- the kernel log ---- */

static bool take_line(struct rblk_events *e, char *text)
{
	bool some;

	spin_lock(&e->lock);
	e->left_out += e->dropped;
	e->dropped = 0;
	some = e->tail != e->head;
	if (some)
		strscpy(text, e->line[e->tail++ % RBLK_LINES], RBLK_TEXT_MAX);
	spin_unlock(&e->lock);
	return some;
}

static void rblk_events_print(struct work_struct *work)
{
	struct rblk_events *e = container_of(work, struct rblk_events, work);
	char text[RBLK_TEXT_MAX];

	while (take_line(e, text)) {
		if (!__ratelimit(&e->limit)) {
			e->left_out++;
			continue;
		}
		if (e->left_out)
			rblk_warn(e->v, "%u events are not in this log: too many at once\n",
				  e->left_out);
		e->left_out = 0;
		rblk_info(e->v, "%s\n", text);
	}
}

static void put_line(struct rblk_events *e, const char *text)
{
	spin_lock(&e->lock);
	if (e->head - e->tail < RBLK_LINES)
		strscpy(e->line[e->head++ % RBLK_LINES], text, RBLK_TEXT_MAX);
	else
		e->dropped++;
	spin_unlock(&e->lock);
	queue_work(rblk_wq, &e->work);
}

/**
 * rblk_events_alloc() - allocate what the events of a volume need
 * @v: the volume
 *
 * Context: process; sleeps.
 * Return: for kvfree(), after rblk_events_flush(); NULL: no memory.
 */
struct rblk_events *rblk_events_alloc(struct rblk_volume *v)
{
	struct rblk_events *e = kvzalloc(sizeof(*e), GFP_KERNEL);

	if (!e)
		return NULL;
	e->v = v;
	INIT_WORK(&e->work, rblk_events_print);
	ratelimit_state_init(&e->limit, RBLK_LINES_S * HZ, RBLK_LINES_BURST);
	/* Its own messages name nobody. */
	ratelimit_set_flags(&e->limit, RATELIMIT_MSG_ON_RELEASE);
	spin_lock_init(&e->lock);
	return e;
}

/**
 * rblk_events_flush() - wait until all events are printed; none follows
 * @v: the volume, whose loop has stopped
 *
 * Context: process; sleeps.
 */
void rblk_events_flush(struct rblk_volume *v)
{
	flush_work(&v->events->work);
}

/**
 * rblk_events_lost() - count the events that were not multicast
 * @v: the volume
 *
 * Context: owner.
 * Return: their number.
 */
u64 rblk_events_lost(const struct rblk_volume *v)
{
	return v->events->lost;
}

/**
 * rblk_event_lost() - an event cannot even be reported
 * @v: the volume
 *
 * Context: owner.
 */
void rblk_event_lost(struct rblk_volume *v)
{
	v->events->lost++;
}

/* ---- netlink ---- */

static struct sk_buff *end_msg(const char *volume, u32 netns, u64 op_id, int error,
			       const char *text, gfp_t gfp)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, gfp);
	void *hdr;

	if (!msg)
		return NULL;
	hdr = genlmsg_put(msg, 0, 0, rblk_notify_family, 0, RAFTBLK_CMD_DONE);
	if (!hdr || nla_put_string(msg, RAFTBLK_A_VOLUME, volume) ||
	    nla_put_u32(msg, RAFTBLK_A_NETNS, netns) ||
	    nla_put_u64_64bit(msg, RAFTBLK_A_OP_ID, op_id, RAFTBLK_A_PAD) ||
	    nla_put_u32(msg, RAFTBLK_A_ERROR, abs(error)) ||
	    (text && nla_put_string(msg, RAFTBLK_A_TEXT, text))) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
}

/**
 * rblk_notify_end() - multicast the end of an operation
 * @v: the volume, whose network namespace is referenced
 * @op_id: id that the request carried; 0: nobody waits for it
 * @error: 0 or -errno
 * @text: the outcome, for people
 * @gfp: how to allocate; the loop must not wait for memory, since its own progress
 *   may be what frees it
 *
 * Context: may sleep if @gfp allows it.
 * Return: false if there was no memory, and the caller should try again.
 */
bool rblk_notify_end(struct rblk_volume *v, u64 op_id, int error, const char *text, gfp_t gfp)
{
	struct sk_buff *msg;

	if (!op_id)
		return true;
	msg = end_msg(v->name, v->netns, op_id, error, text, gfp);
	if (!msg)
		return false;
	multicast(v, msg, gfp);
	return true;
}

/**
 * rblk_notify_refused() - multicast that an operation was not even started
 * @net: of who asked for it; nobody else is told
 * @volume: the name of the volume
 * @netns: the inode number of its network namespace
 * @op_id: id that the request carried; 0: nobody waits for it
 * @error: -errno
 * @text: why, for people
 *
 * Context: process; may sleep.
 */
void rblk_notify_refused(struct net *net, const char *volume, u32 netns, u64 op_id, int error,
			 const char *text)
{
	struct sk_buff *msg;

	if (!op_id)
		return;
	msg = end_msg(volume, netns, op_id, error, text, GFP_KERNEL);
	if (msg)
		multicast_in(net, msg, GFP_KERNEL);
}

static struct sk_buff *event_msg(struct rblk_volume *v, enum rblk_node_note note, u64 arg,
				 const char *text, gfp_t gfp)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, gfp);
	void *hdr;

	if (!msg)
		return NULL;
	hdr = genlmsg_put(msg, 0, 0, rblk_notify_family, 0, RAFTBLK_CMD_NOTICE);
	if (!hdr || nla_put_string(msg, RAFTBLK_A_VOLUME, v->name) ||
	    nla_put_string(msg, RAFTBLK_A_NODE, v->up.node) ||
	    nla_put_u32(msg, RAFTBLK_A_NETNS, v->netns) ||
	    nla_put_u32(msg, RAFTBLK_A_EVENT, note) ||
	    nla_put_u64_64bit(msg, RAFTBLK_A_ARGUMENT, arg, RAFTBLK_A_PAD) ||
	    nla_put_string(msg, RAFTBLK_A_TEXT, text)) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
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

	/* Checkpoints come all the time and mean nothing by themselves. */
	if (note != NODE_N_CHECKPOINT)
		put_line(v->events, text);
	if (!has_listeners(v->net) && !has_listeners(&init_net))
		return;
	msg = event_msg(v, note, arg, text, gfp);
	if (!msg || !multicast(v, msg, gfp))
		rblk_event_lost(v);
}
