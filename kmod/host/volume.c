// SPDX-License-Identifier: GPL-2.0
/*
 * What every room of the kernel host shares of a volume: the list of volumes, their
 * references, the mailbox of the loop, and names for people.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "host/notify.h"
#include "host/status.h"
#include "host/volume.h"

struct workqueue_struct *rblk_wq, *rblk_life_wq, *rblk_io_wq;

DEFINE_MUTEX(rblk_volumes_lock);	/* the list below, and the state of each volume */

static LIST_HEAD(rblk_volumes);		/* in ascending order of their ids */
static u64 rblk_volumes_last;		/* newest id */
static bool rblk_volumes_closed;	/* none may come up: the machine is being hibernated */

/* ---- names ---- */

/**
 * rblk_error_text() - write the error text of an operation that failed
 * @err: where to write it, RBLK_ERR_MAX bytes
 * @code: -errno
 * @fmt: format of the text
 *
 * Context: any.
 * Return: @code.
 */
int rblk_error_text(char *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(err, RBLK_ERR_MAX, fmt, args);
	va_end(args);
	return code;
}

/**
 * rblk_role_name() - name a role, for people
 * @role: the role
 *
 * Context: any.
 * Return: its name.
 */
const char *rblk_role_name(enum raft_role role)
{
	static const char * const name[] = {
		[RAFT_FOLLOWER] = "follower",
		[RAFT_PRECANDIDATE] = "pre-candidate",
		[RAFT_CANDIDATE] = "candidate",
		[RAFT_LEADER] = "leader",
		[RAFT_HALTED] = "halted",
	};

	return role < ARRAY_SIZE(name) ? name[role] : "?";
}

/**
 * rblk_volume_state_name() - name a state, for people
 * @state: the state
 *
 * Context: any.
 * Return: its name.
 */
const char *rblk_volume_state_name(enum rblk_volume_state state)
{
	static const char * const name[] = {
		[RBLK_V_STARTING] = "starting",
		[RBLK_V_RUNNING] = "running",
		[RBLK_V_STOPPING] = "stopping",
		[RBLK_V_FAILED] = "failed",
	};

	return state < ARRAY_SIZE(name) ? name[state] : "?";
}

/**
 * rblk_store_name() - name the node of a store
 * @v: the volume
 * @st: its status
 * @store: the store; 0: none
 *
 * Context: any.
 * Return: the node's name, or "none known".
 */
const char *rblk_store_name(const struct rblk_volume *v, const struct rblk_node_status *st,
			    u64 store)
{
	u32 i;

	if (!store)
		return "none known";
	if (store == v->super.store)
		return v->up.node;
	for (i = 0; i < st->conf.n; i++)
		if (st->conf.m[i].store == store)
			return st->conf.m[i].node;
	for (i = 0; i < st->npeers; i++)
		if (st->peer[i].store == store)
			return st->peer[i].node;
	return "a node not known by name";
}

/**
 * rblk_leader_name() - name the node that leads
 * @v: the volume
 * @st: its status
 *
 * Context: any.
 * Return: the node's name, or "none known".
 */
const char *rblk_leader_name(const struct rblk_volume *v, const struct rblk_node_status *st)
{
	return rblk_store_name(v, st, st->raft.leader);
}

/* ---- references and the list ---- */

/**
 * rblk_volume_alloc() - allocate a volume, in the state "starting" and not in the list yet
 * @net: the network namespace that it belongs to
 * @up: what "up" asked for
 * @life: the state of life/, from kmalloc(); on success it is freed with the volume
 *
 * Context: process; sleeps.
 * Return: the volume with one reference; NULL: no memory.
 */
struct rblk_volume *rblk_volume_alloc(struct net *net, const struct rblk_up *up,
				      struct rblk_life *life)
{
	struct rblk_volume *v = kvzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return NULL;
	v->snapshot = rblk_snapshot_alloc();
	v->events = rblk_events_alloc(v);
	if (!v->snapshot || !v->events) {
		kvfree(v->snapshot);
		kvfree(v->events);
		kvfree(v);
		return NULL;
	}
	kref_init(&v->ref);
	INIT_LIST_HEAD(&v->list);
	v->state = RBLK_V_STARTING;
	strscpy(v->name, up->volume, sizeof(v->name));
	v->up = *up;
	v->minor = -1;
	v->life = life;
	mutex_init(&v->owner);
	init_waitqueue_head(&v->wait);
	init_llist_head(&v->done);
	v->net = get_net(net);
	v->netns = net->ns.inum;
	return v;
}

static void rblk_volume_release(struct kref *ref)
{
	struct rblk_volume *v = container_of(ref, struct rblk_volume, ref);

	/* Frees the calls that were given up before a loop got to them. */
	mutex_lock(&v->owner);
	rblk_volume_run_done(v, rblk_now());
	mutex_unlock(&v->owner);
	kfree(v->life);
	kvfree(v->snapshot);
	kvfree(v->events);
	kvfree(v);
}

/**
 * rblk_volume_get() - take another reference to a volume
 * @v: the volume
 *
 * Context: any.
 */
void rblk_volume_get(struct rblk_volume *v)
{
	kref_get(&v->ref);
}

/**
 * rblk_volume_put() - drop a reference to a volume
 * @v: the volume
 *
 * Context: process; may sleep.
 */
void rblk_volume_put(struct rblk_volume *v)
{
	kref_put(&v->ref, rblk_volume_release);
}

static struct rblk_volume *rblk_volume_lookup(const struct net *net, const char *name)
{
	struct rblk_volume *v;

	lockdep_assert_held(&rblk_volumes_lock);
	list_for_each_entry(v, &rblk_volumes, list)
		if (v->net == net && !strcmp(v->name, name))
			return v;
	return NULL;
}

/**
 * rblk_volume_find() - find a volume by its name
 * @net: network namespace of the caller
 * @name: name of the volume
 *
 * Context: process; may sleep.
 * Return: the volume, referenced; NULL: no such volume is up on this node.
 */
struct rblk_volume *rblk_volume_find(const struct net *net, const char *name)
{
	struct rblk_volume *v;

	mutex_lock(&rblk_volumes_lock);
	v = rblk_volume_lookup(net, name);
	if (v)
		rblk_volume_get(v);
	mutex_unlock(&rblk_volumes_lock);
	return v;
}

/*
 * A namespace may be gone for everybody but the volume in it, whose sockets keep it. So the initial
 * one sees them all.
 */
static bool rblk_volume_visible(const struct rblk_volume *v, const struct net *net)
{
	return net_eq(v->net, net) || net_eq(net, &init_net);
}

/**
 * rblk_volume_find_minor() - find a volume by the minor number of its disk
 * @net: network namespace of the caller; the initial one finds the volumes of all
 * @minor: N of /dev/raftblkN
 *
 * Context: process; may sleep.
 * Return: the volume, referenced; NULL: no volume that @net may see has this disk.
 */
struct rblk_volume *rblk_volume_find_minor(const struct net *net, int minor)
{
	struct rblk_volume *v, *found = NULL;

	mutex_lock(&rblk_volumes_lock);
	list_for_each_entry(v, &rblk_volumes, list) {
		if (rblk_volume_minor(v) != minor || !rblk_volume_visible(v, net))
			continue;
		rblk_volume_get(v);
		found = v;
		break;
	}
	mutex_unlock(&rblk_volumes_lock);
	return found;
}

/**
 * rblk_volume_next() - walk through the volumes
 * @net: network namespace of the caller; the initial one sees the volumes of all
 * @after: rblk_volume.id of the previous one; 0: get the first
 *
 * Looking at a volume may take a moment, so the lock of the list is not held
 * meanwhile.
 *
 * Context: process; may sleep.
 * Return: the volume, referenced; NULL: that was the last.
 */
struct rblk_volume *rblk_volume_next(const struct net *net, u64 after)
{
	struct rblk_volume *v, *next = NULL;

	mutex_lock(&rblk_volumes_lock);
	list_for_each_entry(v, &rblk_volumes, list) {
		if (!rblk_volume_visible(v, net) || v->id <= after)
			continue;
		rblk_volume_get(v);
		next = v;
		break;
	}
	mutex_unlock(&rblk_volumes_lock);
	return next;
}

/**
 * rblk_volume_enlist() - put a volume into the list, in which it is found by its name
 * @v: the volume
 *
 * Context: process; may sleep.
 * Return: 0; -EEXIST: the namespace has a volume of this name; -EBUSY: the machine is
 * being hibernated.
 */
int rblk_volume_enlist(struct rblk_volume *v)
{
	int ret = 0;

	mutex_lock(&rblk_volumes_lock);
	if (rblk_volumes_closed) {
		ret = -EBUSY;
	} else if (rblk_volume_lookup(v->net, v->name)) {
		ret = -EEXIST;
	} else {
		v->id = ++rblk_volumes_last;
		list_add_tail(&v->list, &rblk_volumes);
	}
	mutex_unlock(&rblk_volumes_lock);
	return ret;
}

/**
 * rblk_volume_unlist() - take a volume out of the list
 * @v: the volume
 *
 * Context: process; may sleep.
 */
void rblk_volume_unlist(struct rblk_volume *v)
{
	mutex_lock(&rblk_volumes_lock);
	list_del_init(&v->list);
	mutex_unlock(&rblk_volumes_lock);
}

/**
 * rblk_volume_set_state() - set the state at the end of "up"
 * @v: the volume
 * @state: running or failed
 *
 * The lock is that under which "down" looks, which thereby sees all that "up" made.
 *
 * Context: process; may sleep.
 */
void rblk_volume_set_state(struct rblk_volume *v, enum rblk_volume_state state)
{
	mutex_lock(&rblk_volumes_lock);
	WRITE_ONCE(v->state, state);
	mutex_unlock(&rblk_volumes_lock);
}

/**
 * rblk_volumes_hibernate() - the machine is about to be hibernated
 *
 * A node would go on after the image was taken, and acknowledge what it no longer knows
 * when the machine is resumed from the image. So this is refused while a volume is up;
 * else no volume comes up before rblk_volumes_hibernated().
 *
 * Context: process; may sleep.
 * Return: 0; -EBUSY: a volume is up.
 */
int rblk_volumes_hibernate(void)
{
	struct rblk_volume *v;
	bool idle;

	mutex_lock(&rblk_volumes_lock);
	list_for_each_entry(v, &rblk_volumes, list)
		rblk_warn(v,
			  "hibernation refused, since it would set this node back to what it was when the image was taken: run 'raftblk down %s' first\n",
			  v->name);
	idle = list_empty(&rblk_volumes);
	rblk_volumes_closed = idle;
	mutex_unlock(&rblk_volumes_lock);
	return idle ? 0 : -EBUSY;
}

/**
 * rblk_volumes_hibernated() - the machine was hibernated, or was not after all
 *
 * Context: process; may sleep.
 */
void rblk_volumes_hibernated(void)
{
	mutex_lock(&rblk_volumes_lock);
	rblk_volumes_closed = false;
	mutex_unlock(&rblk_volumes_lock);
}

/* ---- the mailbox of the loop ---- */

/**
 * rblk_now() - read the clock that everything here uses
 *
 * Context: any.
 * Return: ns since boot, suspension included.
 */
u64 rblk_now(void)
{
	return ktime_get_boottime_ns();
}

/**
 * rblk_volume_kick() - tell the loop that there is work
 * @v: the volume
 * @why: kind of work
 *
 * Context: any. The loop sees everything that was written before the kick.
 */
void rblk_volume_kick(struct rblk_volume *v, enum rblk_kick why)
{
	if (!test_and_set_bit(why, &v->kicks))
		wake_up(&v->wait);
}

/**
 * rblk_volume_done() - queue an ended asynchronous operation for the loop
 * @v: the volume
 * @done: the operation; the loop may reuse it at once
 *
 * Context: any.
 */
void rblk_volume_done(struct rblk_volume *v, struct rblk_done *done)
{
	/* Only the first in the list kicks; the loop takes all of them. */
	if (llist_add(&done->node, &v->done))
		rblk_volume_kick(v, RBLK_KICK_DONE);
}

/**
 * rblk_volume_run_done() - run the ends of operations that were queued
 * @v: the volume
 * @now: ns
 *
 * Context: owner.
 */
void rblk_volume_run_done(struct rblk_volume *v, u64 now)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&v->done));
	struct rblk_done *done, *next;

	lockdep_assert_held(&v->owner);
	llist_for_each_entry_safe(done, next, list, node)
		done->run(v, done, now);
}

/**
 * rblk_volume_minor() - tell the minor number of a volume's disk
 * @v: the volume
 *
 * Context: any.
 * Return: the minor; -1: it has no disk, or not yet.
 */
int rblk_volume_minor(const struct rblk_volume *v)
{
	return READ_ONCE(v->minor);
}

/**
 * rblk_volumes_init() - allocate what all volumes share
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int rblk_volumes_init(void)
{
	/* One that is safe for reclaim may only wait for work on others that are. */
	const int flags = WQ_UNBOUND | WQ_MEM_RECLAIM;

	rblk_wq = alloc_workqueue(RBLK_NAME, flags, 0);
	rblk_life_wq = alloc_workqueue(RBLK_NAME "-life", flags, 0);
	rblk_io_wq = alloc_workqueue(RBLK_NAME "-io", flags, 0);
	if (rblk_wq && rblk_life_wq && rblk_io_wq)
		return 0;
	rblk_volumes_exit();
	return -ENOMEM;
}

/**
 * rblk_volumes_exit() - free what all volumes share; no volume is up
 *
 * Context: process; sleeps until the last work has returned.
 */
void rblk_volumes_exit(void)
{
	struct workqueue_struct *wq[] = { rblk_life_wq, rblk_io_wq, rblk_wq };
	int i;

	for (i = 0; i < ARRAY_SIZE(wq); i++)
		if (wq[i])
			destroy_workqueue(wq[i]);
}
