// SPDX-License-Identifier: GPL-2.0
/*
 * Administration of volumes. Nothing here waits for I/O, the network or a quorum:
 * that is left to workers and the loop.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "block/block.h"
#include "host/notify.h"
#include "life/internal.h"

#define RBLK_TRANSFER_NS	(10 * RBLK_NSEC_PER_SEC)
#define RBLK_BOOTSTRAP_NS	(10 * RBLK_NSEC_PER_SEC)

/* ---- up and down ---- */

static int rblk_up_check(const struct rblk_up *up, char *err)
{
	u32 i, j;

	if (!up->volume[0] || !up->node[0])
		return rblk_error_text(err, -EINVAL, "volume and node need names");
	if (strchr(up->volume, '/') || up->volume[0] == '.')
		return rblk_error_text(err, -EINVAL, "'%s' is not a valid name for a volume",
				       up->volume);
	if (up->npeers > NODE_PEERS_MAX)
		return rblk_error_text(err, -EINVAL,
				       "%u peers are too many: a volume has at most %u", up->npeers,
				       NODE_PEERS_MAX);
	if (rblk_disk_is_ours(up->log_dev) || rblk_disk_is_ours(up->data_dev))
		return rblk_error_text(err, -ELOOP, "%s is a raftblk device itself",
				       rblk_disk_is_ours(up->log_dev) ? up->log_path :
									up->data_path);
	if (!up->log_path[0] != !up->data_path[0])
		return rblk_error_text(err, -EINVAL,
				       "a member needs both a log and a data device, a client neither");
	if (up->log_path[0] && up->log_dev == up->data_dev)
		return rblk_error_text(err, -EINVAL,
				       "log and data need two different devices, and both are %s",
				       up->log_path);
	for (i = 0; i < up->npeers; i++) {
		if (!strcmp(up->peer[i].node, up->node))
			return rblk_error_text(err, -EINVAL, "node %s is listed as its own peer",
					       up->node);
		for (j = 0; j < i; j++)
			if (!strcmp(up->peer[i].node, up->peer[j].node))
				return rblk_error_text(err, -EINVAL, "peer %s is listed twice",
						       up->peer[i].node);
	}
	return 0;
}

static struct rblk_volume *rblk_up_alloc(struct net *net, const struct rblk_up *up, u64 op_id)
{
	struct rblk_life *l = kzalloc(sizeof(*l), GFP_KERNEL);
	struct rblk_volume *v = l ? rblk_volume_alloc(net, up, l) : NULL;

	if (!v) {
		kfree(l);
		return NULL;
	}
	l->v = v;
	l->up_op = op_id;
	INIT_WORK(&l->start_work, rblk_volume_start_work);
	INIT_WORK(&l->stop_work, rblk_volume_stop_work);
	INIT_WORK(&l->release_work, rblk_volume_release_work);
	INIT_WORK(&l->attach_work, rblk_volume_attach_work);
	return v;
}

/**
 * rblk_volume_up() - start a volume on this node
 * @net: network namespace for its sockets
 * @up: what "up" asks for
 * @op_id: id of the operation, for the notification of its end
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * A volume holds a reference to the module for as long as it is up.
 *
 * Context: process; sleeps, but never for a device.
 * Return: 0: in progress; else -errno.
 */
int rblk_volume_up(struct net *net, const struct rblk_up *up, u64 op_id, char *err)
{
	struct rblk_volume *v;
	int ret;

	ret = rblk_up_check(up, err);
	if (ret)
		return ret;
	if (!try_module_get(THIS_MODULE))
		return rblk_error_text(err, -ENODEV, "the module is being unloaded");
	v = rblk_up_alloc(net, up, op_id);
	if (!v) {
		module_put(THIS_MODULE);
		return rblk_error_text(err, -ENOMEM, "no memory to start volume %s", up->volume);
	}
	ret = rblk_volume_enlist(v);
	if (ret) {
		rblk_error_text(err, ret, ret == -EBUSY ? "the machine is being hibernated" :
				"volume %s is already up, or starting", v->name);
		put_net(v->net);
		rblk_volume_put(v);
		module_put(THIS_MODULE);
		return ret;
	}
	queue_work(rblk_life_wq, &v->life->start_work);
	return 0;
}

/**
 * rblk_volume_down() - stop a volume on this node
 * @v: the volume
 * @force: even if it is open, and without waiting for anything
 * @op_id: id of the operation, for the notification of its end
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; may sleep.
 * Return: 0: in progress; else -errno. With @force, a down that is in progress
 * becomes a forced one, and -EALREADY is returned.
 */
int rblk_volume_down(struct rblk_volume *v, bool force, u64 op_id, char *err)
{
	int ret = 0;

	mutex_lock(&rblk_volumes_lock);
	if (v->state == RBLK_V_STARTING) {
		ret = rblk_error_text(err, -EBUSY, "volume %s is still starting: try again later",
				      v->name);
	} else if (v->state != RBLK_V_RUNNING) {
		if (force)
			WRITE_ONCE(v->life->force, true);
		ret = rblk_error_text(err, -EALREADY, "volume %s is already going down", v->name);
	} else if (v->life->attaching) {
		ret = rblk_error_text(err, -EBUSY,
				      "volume %s is given its replica back just now: try again later",
				      v->name);
	} else if (rblk_disk_set_closing(v, force)) {
		ret = rblk_error_text(err, -EBUSY,
				      "/dev/" RBLK_NAME "%d is open (%llu openers)",
				      rblk_volume_minor(v), rblk_disk_openers(v));
	}
	if (!ret) {
		WRITE_ONCE(v->state, RBLK_V_STOPPING);
		v->life->down_op = op_id;
		WRITE_ONCE(v->life->force, force);
		queue_work(rblk_life_wq, &v->life->stop_work);
	}
	mutex_unlock(&rblk_volumes_lock);
	return ret;
}

/* ---- what only the loop can do, as owner of the node ---- */

static int rblk_bootstrap_failed(struct rblk_volume *v, int ret, u32 slot, char *err)
{
	const char *peer = slot < v->up.npeers ? v->up.peer[slot].node : v->up.node;

	switch (ret) {
	case -EEXIST:
		return rblk_error_text(err, ret, "volume %s is already bootstrapped", v->name);
	case -ENOTCONN:
		return rblk_error_text(err, ret,
				       "node %s has not said hello yet: is the volume up there?",
				       peer);
	case -ENOTEMPTY:
		return rblk_error_text(err, ret,
				       "node %s is not blank: its log belongs to a volume in use",
				       peer);
	case -ENOSPC:
		return rblk_error_text(err, ret,
				       "the data device of node %s is too small for that size",
				       peer);
	case -EAGAIN:
		return rblk_error_text(err, ret, "this node has just started: try again");
	case -ESHUTDOWN:
		return rblk_error_text(err, ret, "this node is halted: see 'raftblk why'");
	case -EINVAL:
		return rblk_error_text(err, ret, "the size is not a multiple of the block size");
	default:
		return rblk_error_text(err, ret, "volume %s cannot be bootstrapped (error %d)",
				       v->name, -ret);
	}
}

struct rblk_bootstrap_call {
	const struct rblk_bootstrap *b;
	struct rblk_conf *conf;
	u64 op_id;
	char *err;
	int ret;
};

static void rblk_bootstrap_owner(struct rblk_volume *v, void *arg, u64 now)
{
	struct rblk_bootstrap_call *c = arg;
	const struct rblk_bootstrap *b = c->b;
	struct rblk_conf *conf = c->conf;
	char addr[RBLK_ADDR_MAX];
	u32 slot = U32_MAX;

	snprintf(addr, sizeof(addr), "%pISpc", &v->up.listen);
	c->ret = rblk_node_bootstrap_conf(v->m, addr, b->sectors, get_random_u64() | 1, conf,
					  &slot);
	if (!c->ret) {
		conf->flags = b->shared ? RBLK_CONF_SHARED : 0;
		if (b->election_ms) {
			conf->election_ms = max_t(u32, b->election_ms, RBLK_ELECTION_MS_MIN);
			conf->heartbeat_ms = conf->election_ms / 5;
		}
		c->ret = rblk_node_bootstrap(v->m, conf, &slot);
	}
	if (c->ret) {
		rblk_bootstrap_failed(v, c->ret, slot, c->err);
		return;
	}
	v->life->bootstrap.id = c->op_id;
	v->life->bootstrap.deadline = now + RBLK_BOOTSTRAP_NS;
}

/**
 * rblk_volume_bootstrap() - make the first configuration of a volume
 * @v: the volume
 * @b: what "bootstrap" asks for
 * @op_id: id of the operation, for the notification of its end
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; sleeps, for a second at most.
 * Return: 0: in progress; else -errno.
 */
int rblk_volume_bootstrap(struct rblk_volume *v, const struct rblk_bootstrap *b, u64 op_id,
			  char *err)
{
	struct rblk_bootstrap_call c = { .b = b, .op_id = op_id, .err = err };
	int ret;

	if (rblk_volume_diskless(v))
		return rblk_error_text(err, -EINVAL,
				       "node %s has no disks: bootstrap the volume on a member",
				       v->up.node);
	c.conf = kzalloc(sizeof(*c.conf), GFP_KERNEL);
	if (!c.conf)
		return rblk_error_text(err, -ENOMEM, "no memory to bootstrap volume %s", v->name);
	ret = rblk_volume_call_running(v, rblk_bootstrap_owner, &c, err);
	kfree(c.conf);
	return ret ? ret : c.ret;
}

struct rblk_transfer_call {
	const char *node;
	u64 op_id;
	char *err;
	int ret;
};

static void rblk_transfer_owner(struct rblk_volume *v, void *arg, u64 now)
{
	struct rblk_transfer_call *c = arg;

	c->ret = v->life->transfer.id ? -EBUSY : rblk_node_transfer(v->m, c->node, now);
	switch (c->ret) {
	case 0:
		v->life->transfer.id = c->op_id;
		v->life->transfer.deadline = now + RBLK_TRANSFER_NS;
		break;
	case -EREMOTE:
		rblk_node_status(v->m, &v->st);
		rblk_error_text(c->err, c->ret, "node %s is not the leader (leader: %s)",
				v->up.node, rblk_leader_name(v, &v->st));
		break;
	case -ENOENT:
		rblk_error_text(c->err, c->ret,
				"node %s is unknown here, or has not said hello yet", c->node);
		break;
	case -EBUSY:
		rblk_error_text(c->err, c->ret, "a transfer is already in progress");
		break;
	case -EINVAL:
		if (c->node && *c->node)
			rblk_error_text(c->err, c->ret, "node %s is not another voter", c->node);
		else
			rblk_error_text(c->err, c->ret,
					"no other voter replies to node %s", v->up.node);
		break;
	default:
		rblk_error_text(c->err, c->ret, "leadership cannot be handed over (error %d)",
				-c->ret);
	}
}

/**
 * rblk_volume_transfer() - hand leadership over
 * @v: the volume
 * @node: name of the other node; "": whichever is most up to date
 * @op_id: id of the operation, for the notification of its end
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; sleeps, for a second at most.
 * Return: 0: in progress; else -errno.
 */
int rblk_volume_transfer(struct rblk_volume *v, const char *node, u64 op_id, char *err)
{
	struct rblk_transfer_call c = { .node = node, .op_id = op_id, .err = err };
	int ret = rblk_volume_call_running(v, rblk_transfer_owner, &c, err);

	return ret ? ret : c.ret;
}

static void rblk_adjust_owner(struct rblk_volume *v, void *arg, u64 now)
{
	rblk_node_adjust(v->m, arg);
}

/**
 * rblk_volume_adjust() - change what may change while a volume is up
 * @v: the volume
 * @to: what it is to be
 * @op_id: id of the operation, for the notification of its end
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; sleeps, for a second at most.
 * Return: 0: it is done; else -errno.
 */
int rblk_volume_adjust(struct rblk_volume *v, const struct rblk_node_tuning *to, u64 op_id,
		       char *err)
{
	struct rblk_node_tuning copy = *to;
	int ret = rblk_volume_call_running(v, rblk_adjust_owner, &copy, err);

	if (!ret)
		rblk_notify_end(v, op_id, 0, "adjusted", GFP_KERNEL);
	return ret;
}
