// SPDX-License-Identifier: GPL-2.0
/*
 * The list of volumes, and what administration asks of them. Nothing here
 * waits for I/O, the network or a quorum: workers and the loop do.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "host/host.h"

#define RB_TRANSFER_NS	(10 * RB_NSEC_PER_SEC)
#define RB_BOOTSTRAP_NS	(10 * RB_NSEC_PER_SEC)
#define RB_LOOK_MS	1000

struct workqueue_struct *rb_wq;

static DEFINE_MUTEX(rb_volumes_lock);
static LIST_HEAD(rb_volumes);		/* in ascending order of their ids */
static u64 rb_volumes_last;		/* newest id */

/**
 * rb_sentence() - say why something failed
 * @err: where to, RB_ERR_MAX
 * @code: -errno
 * @fmt: the sentence
 *
 * Context: any.
 * Return: @code.
 */
int rb_sentence(char *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(err, RB_ERR_MAX, fmt, args);
	va_end(args);
	return code;
}

/**
 * rb_role_name() - a role, for people
 * @role: the role
 *
 * Context: any.
 * Return: its name.
 */
const char *rb_role_name(enum raft_role role)
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
 * rb_volume_state_name() - a state, for people
 * @state: the state
 *
 * Context: any.
 * Return: its name.
 */
const char *rb_volume_state_name(enum rb_volume_state state)
{
	static const char * const name[] = {
		[RB_V_STARTING] = "starting",
		[RB_V_RUNNING] = "running",
		[RB_V_STOPPING] = "stopping",
		[RB_V_FAILED] = "failed",
	};

	return state < ARRAY_SIZE(name) ? name[state] : "?";
}

/**
 * rb_store_name() - the node of a store
 * @v: the volume
 * @st: its status
 * @store: the store; 0: none
 *
 * Context: any.
 * Return: the node's name, or "none known".
 */
const char *rb_store_name(const struct rb_volume *v, const struct member_status *st, u64 store)
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
 * rb_leader_name() - who leads
 * @v: the volume
 * @st: its status
 *
 * Context: any.
 * Return: the node's name, or "none known".
 */
const char *rb_leader_name(const struct rb_volume *v, const struct member_status *st)
{
	return rb_store_name(v, st, st->raft.leader);
}

static void rb_volume_release(struct kref *ref)
{
	kvfree(container_of(ref, struct rb_volume, ref));
}

/**
 * rb_volume_get() - one more reference
 * @v: the volume
 *
 * Context: any.
 */
void rb_volume_get(struct rb_volume *v)
{
	kref_get(&v->ref);
}

/**
 * rb_volume_put() - one reference less
 * @v: the volume
 *
 * Context: process; may sleep.
 */
void rb_volume_put(struct rb_volume *v)
{
	kref_put(&v->ref, rb_volume_release);
}

static struct rb_volume *rb_volume_lookup(const struct net *net, const char *name)
{
	struct rb_volume *v;

	lockdep_assert_held(&rb_volumes_lock);
	list_for_each_entry(v, &rb_volumes, list)
		if (v->net == net && !strcmp(v->name, name))
			return v;
	return NULL;
}

/**
 * rb_volume_find() - a volume by its name
 * @net: of the caller
 * @name: of the volume
 *
 * Context: process; may sleep.
 * Return: the volume, referenced; NULL: no such volume is up here.
 */
struct rb_volume *rb_volume_find(const struct net *net, const char *name)
{
	struct rb_volume *v;

	mutex_lock(&rb_volumes_lock);
	v = rb_volume_lookup(net, name);
	if (v)
		rb_volume_get(v);
	mutex_unlock(&rb_volumes_lock);
	return v;
}

/**
 * rb_volume_next() - walk through the volumes
 * @net: of the caller
 * @after: rb_volume.id of the one before; 0: the first
 *
 * Looking at a volume may take a second when a device below it hangs: that is
 * done without the lock of the list, so that it holds up nobody else.
 *
 * Context: process; may sleep.
 * Return: the volume, referenced; NULL: that was the last.
 */
struct rb_volume *rb_volume_next(const struct net *net, u64 after)
{
	struct rb_volume *v, *next = NULL;

	mutex_lock(&rb_volumes_lock);
	list_for_each_entry(v, &rb_volumes, list) {
		if (v->net != net || v->id <= after)
			continue;
		rb_volume_get(v);
		next = v;
		break;
	}
	mutex_unlock(&rb_volumes_lock);
	return next;
}

/**
 * rb_volume_unlist() - the volume is no longer found
 * @v: the volume
 *
 * Context: process; may sleep.
 */
void rb_volume_unlist(struct rb_volume *v)
{
	mutex_lock(&rb_volumes_lock);
	list_del_init(&v->list);
	mutex_unlock(&rb_volumes_lock);
}

/**
 * rb_volume_set_state() - up has come to its end
 * @v: the volume
 * @state: running or failed
 *
 * Under the lock under which a "down" looks: it sees all that "up" made.
 *
 * Context: process; may sleep.
 */
void rb_volume_set_state(struct rb_volume *v, enum rb_volume_state state)
{
	mutex_lock(&rb_volumes_lock);
	WRITE_ONCE(v->state, state);
	mutex_unlock(&rb_volumes_lock);
}

/* ---- up and down ---- */

static int rb_up_check(const struct rb_up *up, char *err)
{
	u32 i, j;

	if (!up->volume[0] || !up->node[0])
		return rb_sentence(err, -EINVAL, "volume and node need names");
	if (strchr(up->volume, '/') || up->volume[0] == '.')
		return rb_sentence(err, -EINVAL, "%s is no name for a volume", up->volume);
	if (up->npeers > MEMBER_PEERS_MAX)
		return rb_sentence(err, -EINVAL, "%u peers: at most %u are possible", up->npeers,
				   MEMBER_PEERS_MAX);
	if (rb_disk_is_ours(up->log_dev) || rb_disk_is_ours(up->data_dev))
		return rb_sentence(err, -ELOOP, "%s is a raftblk device itself",
				   rb_disk_is_ours(up->log_dev) ? up->log_path : up->data_path);
	if (!up->log_path[0] != !up->data_path[0])
		return rb_sentence(err, -EINVAL,
				   "a member needs a log and a data device, a client neither");
	if (up->log_path[0] && up->log_dev == up->data_dev)
		return rb_sentence(err, -EINVAL, "log and data need a device each");
	for (i = 0; i < up->npeers; i++) {
		if (!strcmp(up->peer[i].node, up->node))
			return rb_sentence(err, -EINVAL, "%s is its own peer", up->node);
		for (j = 0; j < i; j++)
			if (!strcmp(up->peer[i].node, up->peer[j].node))
				return rb_sentence(err, -EINVAL, "peer %s is named twice",
						   up->peer[i].node);
	}
	return 0;
}

static struct rb_volume *rb_volume_alloc(struct net *net, const struct rb_up *up, u64 ticket)
{
	struct rb_volume *v = kvzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return NULL;
	kref_init(&v->ref);
	INIT_LIST_HEAD(&v->list);
	v->state = RB_V_STARTING;
	strscpy(v->name, up->volume, sizeof(v->name));
	v->up = *up;
	v->up_ticket = ticket;
	mutex_init(&v->owner);
	init_waitqueue_head(&v->wait);
	init_waitqueue_head(&v->noted);
	init_llist_head(&v->done);
	INIT_WORK(&v->start_work, rb_volume_start_work);
	INIT_WORK(&v->stop_work, rb_volume_stop_work);
	v->net = get_net(net);
	return v;
}

static int rb_volume_enlist(struct rb_volume *v, char *err)
{
	int r = 0;

	mutex_lock(&rb_volumes_lock);
	if (rb_volume_lookup(v->net, v->name)) {
		r = rb_sentence(err, -EEXIST, "volume %s is up already, or on its way", v->name);
	} else {
		v->id = ++rb_volumes_last;
		list_add_tail(&v->list, &rb_volumes);
	}
	mutex_unlock(&rb_volumes_lock);
	return r;
}

/**
 * rb_volume_up() - start a volume on this node
 * @net: network namespace for its sockets
 * @up: how
 * @ticket: told its end
 * @err: a sentence when it fails, RB_ERR_MAX
 *
 * A volume holds a reference to the module for as long as it is up.
 *
 * Context: process; sleeps, but for no device.
 * Return: 0: under way; else -errno.
 */
int rb_volume_up(struct net *net, const struct rb_up *up, u64 ticket, char *err)
{
	struct rb_volume *v;
	int r;

	r = rb_up_check(up, err);
	if (r)
		return r;
	if (!try_module_get(THIS_MODULE))
		return rb_sentence(err, -ENODEV, "the module is being unloaded");
	v = rb_volume_alloc(net, up, ticket);
	if (!v) {
		module_put(THIS_MODULE);
		return rb_sentence(err, -ENOMEM, "no memory");
	}
	r = rb_volume_enlist(v, err);
	if (r) {
		put_net(v->net);
		rb_volume_put(v);
		module_put(THIS_MODULE);
		return r;
	}
	queue_work(rb_wq, &v->start_work);
	return 0;
}

/**
 * rb_volume_down() - stop a volume on this node
 * @v: the volume
 * @force: although it is open, and without waiting for anything
 * @ticket: told its end
 * @err: a sentence when it fails, RB_ERR_MAX
 *
 * Context: process; may sleep.
 * Return: 0: under way; else -errno. With @force, a down under way becomes a forced
 * one (-EALREADY).
 */
int rb_volume_down(struct rb_volume *v, bool force, u64 ticket, char *err)
{
	int r = 0;

	mutex_lock(&rb_volumes_lock);
	if (v->state == RB_V_STARTING) {
		r = rb_sentence(err, -EBUSY, "volume %s is still starting", v->name);
	} else if (v->state != RB_V_RUNNING) {
		if (force) {
			WRITE_ONCE(v->force, true);
			wake_up_all(&v->noted);
		}
		r = rb_sentence(err, -EALREADY, "volume %s is going down already", v->name);
	} else if (rb_disk_close_door(v, force)) {
		r = rb_sentence(err, -EBUSY, "/dev/" RB_NAME "%d is open (%llu openers)",
				rb_disk_minor(v), rb_disk_openers(v));
	}
	if (!r) {
		WRITE_ONCE(v->state, RB_V_STOPPING);
		v->down_ticket = ticket;
		WRITE_ONCE(v->force, force);
		queue_work(rb_wq, &v->stop_work);
	}
	mutex_unlock(&rb_volumes_lock);
	return r;
}

/* ---- what needs the member ---- */

/**
 * rb_volume_lock_running() - take the owner's lock of a volume that runs
 * @v: the volume
 * @err: a sentence when it does not, RB_ERR_MAX
 *
 * Context: process; sleeps for a second at most.
 * Return: 0, -ETIMEDOUT or -ENODEV.
 */
int rb_volume_lock_running(struct rb_volume *v, char *err)
{
	if (rb_volume_lock_timeout(v))
		return rb_sentence(err, -ETIMEDOUT, "volume %s is busy: a device below hangs?",
				   v->name);
	if (READ_ONCE(v->state) == RB_V_RUNNING && v->m && !v->stopped)
		return 0;
	mutex_unlock(&v->owner);
	return rb_sentence(err, -ENODEV, "volume %s is %s", v->name,
			   rb_volume_state_name(READ_ONCE(v->state)));
}

static int rb_bootstrap_failed(struct rb_volume *v, int r, u32 slot, char *err)
{
	const char *peer = slot < v->up.npeers ? v->up.peer[slot].node : v->up.node;

	switch (r) {
	case -EEXIST:
		return rb_sentence(err, r, "volume %s is bootstrapped already", v->name);
	case -ENOTCONN:
		return rb_sentence(err, r, "%s has not been heard yet: is it up there?", peer);
	case -ENOTEMPTY:
		return rb_sentence(err, r, "%s is not blank: its log belongs to a volume in use",
				   peer);
	case -ENOSPC:
		return rb_sentence(err, r, "the data device of %s is too small for that size",
				   peer);
	case -EAGAIN:
		return rb_sentence(err, r, "this node has just started: try again");
	case -ESHUTDOWN:
		return rb_sentence(err, r, "this node is halted");
	case -EINVAL:
		return rb_sentence(err, r, "the size is no multiple of the block size");
	default:
		return rb_sentence(err, r, "bootstrap is not possible (error %d)", -r);
	}
}

/**
 * rb_volume_bootstrap() - make the first configuration of a volume
 * @v: the volume
 * @b: what it shall be like
 * @ticket: told its end
 * @err: a sentence when it fails, RB_ERR_MAX
 *
 * Context: process; sleeps for the owner's lock.
 * Return: 0: under way; else -errno.
 */
int rb_volume_bootstrap(struct rb_volume *v, const struct rb_bootstrap *b, u64 ticket, char *err)
{
	struct log_conf *conf = kzalloc(sizeof(*conf), GFP_KERNEL);
	char addr[LOG_ADDR_MAX];
	u32 slot = U32_MAX;
	int r;

	if (!conf)
		return rb_sentence(err, -ENOMEM, "no memory");
	r = rb_volume_lock_running(v, err);
	if (r)
		goto out;
	if (rb_volume_diskless(v)) {
		mutex_unlock(&v->owner);
		r = rb_sentence(err, -EINVAL, "%s has no disks: bootstrap on a member", v->up.node);
		goto out;
	}
	snprintf(addr, sizeof(addr), "%pISpc", &v->up.listen);
	r = member_bootstrap_conf(v->m, addr, b->sectors, get_random_u64() | 1, conf, &slot);
	if (!r) {
		conf->flags = b->shared ? LOG_CONF_SHARED : 0;
		if (b->election_ms) {
			conf->election_ms = max_t(u32, b->election_ms, RB_ELECTION_MS_MIN);
			conf->heartbeat_ms = conf->election_ms / 5;
		}
		r = member_bootstrap(v->m, conf, &slot);
	}
	if (r) {
		r = rb_bootstrap_failed(v, r, slot, err);
	} else {
		v->bootstrap.id = ticket;
		v->bootstrap.deadline = rb_now() + RB_BOOTSTRAP_NS;
	}
	mutex_unlock(&v->owner);
	rb_volume_kick(v, RB_KICK_CTL);
out:
	kfree(conf);
	return r;
}

/**
 * rb_volume_transfer() - hand leadership over
 * @v: the volume
 * @node: to whom; "": the best one
 * @ticket: told its end
 * @err: a sentence when it fails, RB_ERR_MAX
 *
 * Context: process; sleeps for the owner's lock.
 * Return: 0: under way; else -errno.
 */
int rb_volume_transfer(struct rb_volume *v, const char *node, u64 ticket, char *err)
{
	int r = rb_volume_lock_running(v, err);
	u64 now = rb_now();

	if (r)
		return r;
	r = v->transfer.id ? -EBUSY : member_transfer(v->m, node, now);
	switch (r) {
	case 0:
		v->transfer.id = ticket;
		v->transfer.deadline = now + RB_TRANSFER_NS;
		break;
	case -EREMOTE:
		member_status(v->m, &v->st);
		rb_sentence(err, r, "%s does not lead (leader: %s)", v->up.node,
			    rb_leader_name(v, &v->st));
		break;
	case -ENOENT:
		rb_sentence(err, r, "no node %s is known here", node);
		break;
	case -EBUSY:
		rb_sentence(err, r, "a transfer is under way");
		break;
	default:
		rb_sentence(err, r, "leadership cannot be handed over (error %d)", -r);
	}
	mutex_unlock(&v->owner);
	rb_volume_kick(v, RB_KICK_CTL);
	return r;
}

/**
 * rb_volume_lock_timeout() - take the owner's lock, for looking
 * @v: the volume
 *
 * A device below that hangs may hold up the owner; netlink must not hang with it.
 *
 * Context: process; sleeps for a second at most.
 * Return: 0, or -ETIMEDOUT.
 */
int rb_volume_lock_timeout(struct rb_volume *v)
{
	unsigned long end = jiffies + msecs_to_jiffies(RB_LOOK_MS);
	bool locked;

	atomic_inc(&v->lookers);
	while (!(locked = mutex_trylock(&v->owner)) && time_before(jiffies, end))
		usleep_range(100, 200);
	atomic_dec(&v->lookers);
	return locked ? 0 : -ETIMEDOUT;
}

/**
 * rb_volume_info() - a snapshot of a volume
 * @v: the volume
 * @info: filled
 *
 * Context: process; sleeps for the owner's lock, a second at most.
 * Return: 0; -ENODEV: it is not running (the names are filled all the same);
 * -ETIMEDOUT: it hangs in a device below.
 */
int rb_volume_info(struct rb_volume *v, struct rb_volume_info *info)
{
	int r, i;

	memset(info, 0, sizeof(*info));
	strscpy(info->volume, v->name, sizeof(info->volume));
	strscpy(info->node, v->up.node, sizeof(info->node));
	strscpy(info->log_path, v->up.log_path, sizeof(info->log_path));
	strscpy(info->data_path, v->up.data_path, sizeof(info->data_path));
	info->state = READ_ONCE(v->state);
	info->minor = -1;
	r = rb_volume_lock_timeout(v);
	if (r)
		return r;
	if (!v->m || v->stopped || !v->disk || !v->peers) {
		r = -ENODEV;
	} else {
		member_status(v->m, &info->member);
		rb_disk_info(v, info);
		rb_peers_info(v, info);
		for (i = 0; i < RB_BUDGETS; i++) {
			info->pool_free[i] = rb_pool_free(v->pool, i);
			info->pool_size[i] = rb_pool_size(v->pool, i);
		}
	}
	mutex_unlock(&v->owner);
	return r;
}

/**
 * rb_volumes_init() - the workqueue
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int rb_volumes_init(void)
{
	rb_wq = alloc_workqueue(RB_NAME, WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return rb_wq ? 0 : -ENOMEM;
}

/**
 * rb_volumes_exit() - the same, undone; no volume is up
 *
 * Context: process; sleeps until the last work has returned.
 */
void rb_volumes_exit(void)
{
	destroy_workqueue(rb_wq);
}
