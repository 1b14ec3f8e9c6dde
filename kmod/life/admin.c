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

#define RBLK_TRANSFER_NS	(10 * RBLK_NSEC_PER_SEC)
#define RBLK_BOOTSTRAP_NS	(10 * RBLK_NSEC_PER_SEC)
#define RBLK_LOOK_MS	1000

struct workqueue_struct *rblk_wq;

static DEFINE_MUTEX(rblk_volumes_lock);
static LIST_HEAD(rblk_volumes);		/* in ascending order of their ids */
static u64 rblk_volumes_last;		/* newest id */

/**
 * rblk_error_text() - say why something failed
 * @err: where to, RBLK_ERR_MAX
 * @code: -errno
 * @fmt: the sentence
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
 * rblk_role_name() - a role, for people
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
 * rblk_volume_state_name() - a state, for people
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
 * rblk_store_name() - the node of a store
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
 * rblk_leader_name() - who leads
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

static void rblk_volume_release(struct kref *ref)
{
	kvfree(container_of(ref, struct rblk_volume, ref));
}

/**
 * rblk_volume_get() - one more reference
 * @v: the volume
 *
 * Context: any.
 */
void rblk_volume_get(struct rblk_volume *v)
{
	kref_get(&v->ref);
}

/**
 * rblk_volume_put() - one reference less
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
 * rblk_volume_find() - a volume by its name
 * @net: of the caller
 * @name: of the volume
 *
 * Context: process; may sleep.
 * Return: the volume, referenced; NULL: no such volume is up here.
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

/**
 * rblk_volume_next() - walk through the volumes
 * @net: of the caller
 * @after: rblk_volume.id of the one before; 0: the first
 *
 * Looking at a volume may take a second when a device below it hangs: that is
 * done without the lock of the list, so that it holds up nobody else.
 *
 * Context: process; may sleep.
 * Return: the volume, referenced; NULL: that was the last.
 */
struct rblk_volume *rblk_volume_next(const struct net *net, u64 after)
{
	struct rblk_volume *v, *next = NULL;

	mutex_lock(&rblk_volumes_lock);
	list_for_each_entry(v, &rblk_volumes, list) {
		if (v->net != net || v->id <= after)
			continue;
		rblk_volume_get(v);
		next = v;
		break;
	}
	mutex_unlock(&rblk_volumes_lock);
	return next;
}

/**
 * rblk_volume_unlist() - the volume is no longer found
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
 * rblk_volume_set_state() - up has come to its end
 * @v: the volume
 * @state: running or failed
 *
 * Under the lock under which a "down" looks: it sees all that "up" made.
 *
 * Context: process; may sleep.
 */
void rblk_volume_set_state(struct rblk_volume *v, enum rblk_volume_state state)
{
	mutex_lock(&rblk_volumes_lock);
	WRITE_ONCE(v->state, state);
	mutex_unlock(&rblk_volumes_lock);
}

/* ---- up and down ---- */

static int rblk_up_check(const struct rblk_up *up, char *err)
{
	u32 i, j;

	if (!up->volume[0] || !up->node[0])
		return rblk_error_text(err, -EINVAL, "volume and node need names");
	if (strchr(up->volume, '/') || up->volume[0] == '.')
		return rblk_error_text(err, -EINVAL, "%s is no name for a volume", up->volume);
	if (up->npeers > NODE_PEERS_MAX)
		return rblk_error_text(err, -EINVAL, "%u peers: at most %u are possible",
				       up->npeers, NODE_PEERS_MAX);
	if (rblk_disk_is_ours(up->log_dev) || rblk_disk_is_ours(up->data_dev))
		return rblk_error_text(err, -ELOOP, "%s is a raftblk device itself",
				       rblk_disk_is_ours(up->log_dev) ? up->log_path :
									up->data_path);
	if (!up->log_path[0] != !up->data_path[0])
		return rblk_error_text(err, -EINVAL,
				       "a member needs a log and a data device, a client neither");
	if (up->log_path[0] && up->log_dev == up->data_dev)
		return rblk_error_text(err, -EINVAL, "log and data need a device each");
	for (i = 0; i < up->npeers; i++) {
		if (!strcmp(up->peer[i].node, up->node))
			return rblk_error_text(err, -EINVAL, "%s is its own peer", up->node);
		for (j = 0; j < i; j++)
			if (!strcmp(up->peer[i].node, up->peer[j].node))
				return rblk_error_text(err, -EINVAL, "peer %s is named twice",
						       up->peer[i].node);
	}
	return 0;
}

static struct rblk_volume *rblk_volume_alloc(struct net *net, const struct rblk_up *up, u64 op_id)
{
	struct rblk_volume *v = kvzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return NULL;
	kref_init(&v->ref);
	INIT_LIST_HEAD(&v->list);
	v->state = RBLK_V_STARTING;
	strscpy(v->name, up->volume, sizeof(v->name));
	v->up = *up;
	v->up_op = op_id;
	mutex_init(&v->owner);
	init_waitqueue_head(&v->wait);
	init_waitqueue_head(&v->noted);
	init_llist_head(&v->done);
	INIT_WORK(&v->start_work, rblk_volume_start_work);
	INIT_WORK(&v->stop_work, rblk_volume_stop_work);
	v->net = get_net(net);
	return v;
}

static int rblk_volume_enlist(struct rblk_volume *v, char *err)
{
	int r = 0;

	mutex_lock(&rblk_volumes_lock);
	if (rblk_volume_lookup(v->net, v->name)) {
		r = rblk_error_text(err, -EEXIST, "volume %s is up already, or on its way",
				    v->name);
	} else {
		v->id = ++rblk_volumes_last;
		list_add_tail(&v->list, &rblk_volumes);
	}
	mutex_unlock(&rblk_volumes_lock);
	return r;
}

/**
 * rblk_volume_up() - start a volume on this node
 * @net: network namespace for its sockets
 * @up: how
 * @op_id: told its end
 * @err: a sentence when it fails, RBLK_ERR_MAX
 *
 * A volume holds a reference to the module for as long as it is up.
 *
 * Context: process; sleeps, but for no device.
 * Return: 0: under way; else -errno.
 */
int rblk_volume_up(struct net *net, const struct rblk_up *up, u64 op_id, char *err)
{
	struct rblk_volume *v;
	int r;

	r = rblk_up_check(up, err);
	if (r)
		return r;
	if (!try_module_get(THIS_MODULE))
		return rblk_error_text(err, -ENODEV, "the module is being unloaded");
	v = rblk_volume_alloc(net, up, op_id);
	if (!v) {
		module_put(THIS_MODULE);
		return rblk_error_text(err, -ENOMEM, "no memory");
	}
	r = rblk_volume_enlist(v, err);
	if (r) {
		put_net(v->net);
		rblk_volume_put(v);
		module_put(THIS_MODULE);
		return r;
	}
	queue_work(rblk_wq, &v->start_work);
	return 0;
}

/**
 * rblk_volume_down() - stop a volume on this node
 * @v: the volume
 * @force: although it is open, and without waiting for anything
 * @op_id: told its end
 * @err: a sentence when it fails, RBLK_ERR_MAX
 *
 * Context: process; may sleep.
 * Return: 0: under way; else -errno. With @force, a down under way becomes a forced
 * one (-EALREADY).
 */
int rblk_volume_down(struct rblk_volume *v, bool force, u64 op_id, char *err)
{
	int r = 0;

	mutex_lock(&rblk_volumes_lock);
	if (v->state == RBLK_V_STARTING) {
		r = rblk_error_text(err, -EBUSY, "volume %s is still starting", v->name);
	} else if (v->state != RBLK_V_RUNNING) {
		if (force) {
			WRITE_ONCE(v->force, true);
			wake_up_all(&v->noted);
		}
		r = rblk_error_text(err, -EALREADY, "volume %s is going down already", v->name);
	} else if (rblk_disk_set_closing(v, force)) {
		r = rblk_error_text(err, -EBUSY, "/dev/" RBLK_NAME "%d is open (%llu openers)",
				    rblk_disk_minor(v), rblk_disk_openers(v));
	}
	if (!r) {
		WRITE_ONCE(v->state, RBLK_V_STOPPING);
		v->down_op = op_id;
		WRITE_ONCE(v->force, force);
		queue_work(rblk_wq, &v->stop_work);
	}
	mutex_unlock(&rblk_volumes_lock);
	return r;
}

/* ---- what needs the member ---- */

/**
 * rblk_volume_lock_running() - take the owner's lock of a volume that runs
 * @v: the volume
 * @err: a sentence when it does not, RBLK_ERR_MAX
 *
 * Context: process; sleeps for a second at most.
 * Return: 0, -ETIMEDOUT or -ENODEV.
 */
int rblk_volume_lock_running(struct rblk_volume *v, char *err)
{
	if (rblk_volume_lock_timeout(v))
		return rblk_error_text(err, -ETIMEDOUT, "volume %s is busy: a device below hangs?",
				       v->name);
	if (READ_ONCE(v->state) == RBLK_V_RUNNING && v->m && !v->stopped)
		return 0;
	mutex_unlock(&v->owner);
	return rblk_error_text(err, -ENODEV, "volume %s is %s", v->name,
			       rblk_volume_state_name(READ_ONCE(v->state)));
}

static int rblk_bootstrap_failed(struct rblk_volume *v, int r, u32 slot, char *err)
{
	const char *peer = slot < v->up.npeers ? v->up.peer[slot].node : v->up.node;

	switch (r) {
	case -EEXIST:
		return rblk_error_text(err, r, "volume %s is bootstrapped already", v->name);
	case -ENOTCONN:
		return rblk_error_text(err, r, "%s has not been heard yet: is it up there?", peer);
	case -ENOTEMPTY:
		return rblk_error_text(err, r,
				       "%s is not blank: its log belongs to a volume in use", peer);
	case -ENOSPC:
		return rblk_error_text(err, r, "the data device of %s is too small for that size",
				       peer);
	case -EAGAIN:
		return rblk_error_text(err, r, "this node has just started: try again");
	case -ESHUTDOWN:
		return rblk_error_text(err, r, "this node is halted");
	case -EINVAL:
		return rblk_error_text(err, r, "the size is no multiple of the block size");
	default:
		return rblk_error_text(err, r, "bootstrap is not possible (error %d)", -r);
	}
}

/**
 * rblk_volume_bootstrap() - make the first configuration of a volume
 * @v: the volume
 * @b: what it shall be like
 * @op_id: told its end
 * @err: a sentence when it fails, RBLK_ERR_MAX
 *
 * Context: process; sleeps for the owner's lock.
 * Return: 0: under way; else -errno.
 */
int rblk_volume_bootstrap(struct rblk_volume *v, const struct rblk_bootstrap *b, u64 op_id,
			  char *err)
{
	struct rblk_conf *conf = kzalloc(sizeof(*conf), GFP_KERNEL);
	char addr[RBLK_ADDR_MAX];
	u32 slot = U32_MAX;
	int r;

	if (!conf)
		return rblk_error_text(err, -ENOMEM, "no memory");
	r = rblk_volume_lock_running(v, err);
	if (r)
		goto out;
	if (rblk_volume_diskless(v)) {
		mutex_unlock(&v->owner);
		r = rblk_error_text(err, -EINVAL, "%s has no disks: bootstrap on a member",
				    v->up.node);
		goto out;
	}
	snprintf(addr, sizeof(addr), "%pISpc", &v->up.listen);
	r = rblk_node_bootstrap_conf(v->m, addr, b->sectors, get_random_u64() | 1, conf, &slot);
	if (!r) {
		conf->flags = b->shared ? RBLK_CONF_SHARED : 0;
		if (b->election_ms) {
			conf->election_ms = max_t(u32, b->election_ms, RBLK_ELECTION_MS_MIN);
			conf->heartbeat_ms = conf->election_ms / 5;
		}
		r = rblk_node_bootstrap(v->m, conf, &slot);
	}
	if (r) {
		r = rblk_bootstrap_failed(v, r, slot, err);
	} else {
		v->bootstrap.id = op_id;
		v->bootstrap.deadline = rblk_now() + RBLK_BOOTSTRAP_NS;
	}
	mutex_unlock(&v->owner);
	rblk_volume_kick(v, RBLK_KICK_CTL);
out:
	kfree(conf);
	return r;
}

/**
 * rblk_volume_transfer() - hand leadership over
 * @v: the volume
 * @node: to whom; "": the best one
 * @op_id: told its end
 * @err: a sentence when it fails, RBLK_ERR_MAX
 *
 * Context: process; sleeps for the owner's lock.
 * Return: 0: under way; else -errno.
 */
int rblk_volume_transfer(struct rblk_volume *v, const char *node, u64 op_id, char *err)
{
	int r = rblk_volume_lock_running(v, err);
	u64 now = rblk_now();

	if (r)
		return r;
	r = v->transfer.id ? -EBUSY : rblk_node_transfer(v->m, node, now);
	switch (r) {
	case 0:
		v->transfer.id = op_id;
		v->transfer.deadline = now + RBLK_TRANSFER_NS;
		break;
	case -EREMOTE:
		rblk_node_status(v->m, &v->st);
		rblk_error_text(err, r, "%s does not lead (leader: %s)", v->up.node,
				rblk_leader_name(v, &v->st));
		break;
	case -ENOENT:
		rblk_error_text(err, r, "no node %s is known here", node);
		break;
	case -EBUSY:
		rblk_error_text(err, r, "a transfer is under way");
		break;
	default:
		rblk_error_text(err, r, "leadership cannot be handed over (error %d)", -r);
	}
	mutex_unlock(&v->owner);
	rblk_volume_kick(v, RBLK_KICK_CTL);
	return r;
}

/**
 * rblk_volume_lock_timeout() - take the owner's lock, for looking
 * @v: the volume
 *
 * A device below that hangs may hold up the owner; netlink must not hang with it.
 *
 * Context: process; sleeps for a second at most.
 * Return: 0, or -ETIMEDOUT.
 */
int rblk_volume_lock_timeout(struct rblk_volume *v)
{
	unsigned long end = jiffies + msecs_to_jiffies(RBLK_LOOK_MS);
	bool locked;

	atomic_inc(&v->lock_waiters);
	while (!(locked = mutex_trylock(&v->owner)) && time_before(jiffies, end))
		usleep_range(100, 200);
	atomic_dec(&v->lock_waiters);
	return locked ? 0 : -ETIMEDOUT;
}

/**
 * rblk_volume_info() - a snapshot of a volume
 * @v: the volume
 * @info: filled
 *
 * Context: process; sleeps for the owner's lock, a second at most.
 * Return: 0; -ENODEV: it is not running (the names are filled all the same);
 * -ETIMEDOUT: it hangs in a device below.
 */
int rblk_volume_info(struct rblk_volume *v, struct rblk_volume_info *info)
{
	int r, i;

	memset(info, 0, sizeof(*info));
	strscpy(info->volume, v->name, sizeof(info->volume));
	strscpy(info->node, v->up.node, sizeof(info->node));
	strscpy(info->log_path, v->up.log_path, sizeof(info->log_path));
	strscpy(info->data_path, v->up.data_path, sizeof(info->data_path));
	info->state = READ_ONCE(v->state);
	info->minor = -1;
	r = rblk_volume_lock_timeout(v);
	if (r)
		return r;
	if (!v->m || v->stopped || !v->disk || !v->peers) {
		r = -ENODEV;
	} else {
		rblk_node_status(v->m, &info->member);
		rblk_disk_info(v, info);
		rblk_peers_info(v, info);
		for (i = 0; i < RBLK_BUDGETS; i++) {
			info->pool_free[i] = rblk_pool_free(v->pool, i);
			info->pool_size[i] = rblk_pool_size(v->pool, i);
		}
	}
	mutex_unlock(&v->owner);
	return r;
}

/**
 * rblk_volumes_init() - the workqueue
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int rblk_volumes_init(void)
{
	rblk_wq = alloc_workqueue(RBLK_NAME, WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return rblk_wq ? 0 : -ENOMEM;
}

/**
 * rblk_volumes_exit() - the same, undone; no volume is up
 *
 * Context: process; sleeps until the last work has returned.
 */
void rblk_volumes_exit(void)
{
	destroy_workqueue(rblk_wq);
}
