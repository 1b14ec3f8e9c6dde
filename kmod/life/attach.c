// SPDX-License-Identifier: GPL-2.0
/*
 * A node that has lost its replica lets go of both devices as soon as all has ended that was begun
 * on them: so they can be taken out, formatted, or replaced. "attach" opens them again, or others
 * in their place, and recovers what they hold, in a worker, beside the running node; then the
 * replica moves into that.
 *
 * One that goes on without its data device lets go of that alone. It loses its vote for as long as
 * the recovery takes, and not before the data device was found to be of use.
 */
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "block/block.h"
#include "host/notify.h"
#include "life/internal.h"
#include "net/net.h"
#include "store/store.h"

#define RBLK_IDLE_WAIT_MS	5000
#define RBLK_IDLE_POLL_MS	1

/* ---- letting go ---- */

/*
 * In a worker. No operation is left, but what ended the last one may not have returned yet. It may
 * be queued for the data device, and again when the log fails as well: the two may become one,
 * which closes both. Else the data device is left alone the second time: "attach" may be looking
 * at it.
 */
void rblk_volume_release_work(struct work_struct *work)
{
	struct rblk_life *l = container_of(work, struct rblk_life, release_work);
	struct rblk_volume *v = l->v;
	bool all, data;

	mutex_lock(&v->owner);
	all = l->released;
	data = !l->data_closed;
	l->data_closed = true;
	mutex_unlock(&v->owner);
	if (data) {
		rblk_dataio_wait(v);
		rblk_dataio_close(v);
	}
	if (!all) {
		rblk_info(v, "the data device that failed is closed, and can be formatted or replaced\n");
		return;
	}
	rblk_logio_wait(v);
	rblk_logio_close(v);
	rblk_info(v, "the devices of the lost replica are closed, and can be formatted or replaced\n");
}

/*
 * Owner. Lets go of the devices of a lost replica once nothing is under way on them. True: it has,
 * and they must not be touched. What goes down does that by itself.
 */
bool rblk_volume_released(struct rblk_volume *v)
{
	struct rblk_life *l = v->life;

	if (l->released || READ_ONCE(v->state) != RBLK_V_RUNNING || rblk_node_may_attach(v->m))
		return l->released;
	l->released = true;
	queue_work(rblk_io_wq, &l->release_work);
	return true;
}

/* The same for the data device of a replica that goes on without it. */
bool rblk_data_released(struct rblk_volume *v)
{
	struct rblk_life *l = v->life;

	if (l->data_released || READ_ONCE(v->state) != RBLK_V_RUNNING || !rblk_node_left_data(v->m))
		return l->data_released;
	l->data_released = true;
	queue_work(rblk_io_wq, &l->release_work);
	return true;
}

/* ---- attach ---- */

/* What messages name is what is in use, or is being tried. Owner. */
static void rblk_attach_swap(struct rblk_volume *v)
{
	struct rblk_store was, *s = &v->life->attach;

	strscpy(was.log_path, v->up.log_path, sizeof(was.log_path));
	strscpy(was.data_path, v->up.data_path, sizeof(was.data_path));
	was.log_dev = v->up.log_dev;
	was.data_dev = v->up.data_dev;
	strscpy(v->up.log_path, s->log_path, sizeof(v->up.log_path));
	strscpy(v->up.data_path, s->data_path, sizeof(v->up.data_path));
	v->up.log_dev = s->log_dev;
	v->up.data_dev = s->data_dev;
	*s = was;
}

static int rblk_attach_refused(const struct rblk_volume *v, int ret, char *err)
{
	switch (ret) {
	case -EEXIST:
		return rblk_error_text(err, ret,
				       "node %s has its replica: there is nothing to attach",
				       v->up.node);
	case -EOPNOTSUPP:
		return rblk_error_text(err, ret, "node %s is a client, and has no replica",
				       v->up.node);
	case -EBUSY:
		return rblk_error_text(err, ret,
				       "I/O that was begun on log device %s or data device %s has not ended yet: see dmesg(1), and try again when it has",
				       v->up.log_path, v->up.data_path);
	case -ESTALE:
		return rblk_error_text(err, ret,
				       "log device %s lacks what this node had written to it: it was set back to an earlier time",
				       v->up.log_path);
	case -EINVAL:
		return rblk_error_text(err, ret, "log device %s holds another store",
				       v->up.log_path);
	case -ESHUTDOWN:
		return rblk_error_text(err, ret, "this node is halted: see 'raftblk why'");
	default:
		return rblk_error_text(err, ret, "the replica cannot be attached (error %d)", -ret);
	}
}

/*
 * Makes sure that the devices are let go of, and closed: of a replica that goes on without its
 * data device that one alone.
 */
static int rblk_attach_begin(struct rblk_volume *v, bool *votes, char *err)
{
	int ret;

	mutex_lock(&v->owner);
	rblk_node_status(v->m, &v->st);
	*votes = v->st.votes;
	if (*votes)
		ret = rblk_data_released(v) ? 0 : -EBUSY;
	else
		ret = rblk_node_may_attach(v->m);
	if (ret) {
		rblk_attach_refused(v, ret, err);
	} else {
		if (!*votes)
			rblk_volume_released(v);
		rblk_attach_swap(v);
	}
	mutex_unlock(&v->owner);
	if (!ret)
		flush_work(&v->life->release_work);
	return ret;
}

static int rblk_attach_suits(const struct rblk_volume *v, char *err)
{
	if (rblk_disk_suits(v))
		return 0;
	return rblk_error_text(err, -EINVAL,
			       "data device %s needs memory that is aligned otherwise than the volume promises its users: raftblk down %s, then up",
			       v->up.data_path, v->name);
}

/* A member that votes goes on doing so if the data device is of no use. */
static int rblk_attach_look(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	int ret = rblk_recovery_data(v, r, err);

	if (!ret)
		ret = rblk_attach_suits(v, err);
	rblk_dataio_close(v);
	memset(&r->copies, 0, sizeof(r->copies));
	return ret;
}

/* From here on it has no vote, until it is attached: what it has begun on its log ends soon. */
static int rblk_attach_give_up(struct rblk_volume *v, char *err)
{
	unsigned long end = jiffies + msecs_to_jiffies(RBLK_IDLE_WAIT_MS);
	int ret;

	for (;;) {
		mutex_lock(&v->owner);
		ret = rblk_node_give_up(v->m, rblk_now());
		if (!ret)
			ret = rblk_node_may_attach(v->m);
		if (!ret)
			rblk_volume_released(v);
		mutex_unlock(&v->owner);
		if (ret != -EBUSY || time_after(jiffies, end))
			break;
		msleep(RBLK_IDLE_POLL_MS);
	}
	if (ret)
		return rblk_attach_refused(v, ret, err);
	flush_work(&v->life->release_work);
	return 0;
}

static int rblk_attach_open(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	int ret = rblk_recovery_open(v, r, err);

	if (ret == -ENODATA && !v->dataio)
		return rblk_error_text(err, ret,
				       "log device %s holds no log: the store of node %s is lost with its log, and a new one cannot take its place yet",
				       v->up.log_path, v->up.node);
	if (ret)
		return ret;
	ret = rblk_attach_suits(v, err);
	if (ret)
		return ret;
	if (rblk_logio_prepare(v) || rblk_dataio_prepare(v) || rblk_logio_start(v) ||
	    rblk_dataio_start(v))
		return rblk_error_text(err, -ENOMEM, "no memory to attach the replica");
	return rblk_recovery_start(v, r, err);
}

/* The replica moves into the node. What the one before was part of is freed with @r. */
static int rblk_attach_move(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	struct rblk_life *l = v->life;
	u64 now = rblk_now();
	int ret;

	mutex_lock(&v->owner);
	ret = rblk_node_attach(v->m, r->m, now);
	if (ret) {
		rblk_attach_refused(v, ret, err);
	} else {
		swap(l->replica, r->m);
		swap(l->replica_pages, r->pages);
		l->released = false;
		l->data_released = false;
		l->data_closed = false;
		rblk_peers_cut(v, now);
	}
	mutex_unlock(&v->owner);
	rblk_volume_kick(v, RBLK_KICK_CTL);
	return ret;
}

static int rblk_attach_recover(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	int ret = rblk_attach_open(v, r, err);

	if (!ret)
		ret = rblk_attach_move(v, r, err);
	if (!ret) {
		rblk_disk_link(v);
		return 0;
	}
	rblk_dataio_wait(v);
	rblk_logio_wait(v);
	rblk_dataio_close(v);
	rblk_logio_close(v);
	return ret;
}

static int rblk_attach(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	bool votes;
	int ret = rblk_attach_begin(v, &votes, err);

	if (ret)
		return ret;
	if (votes)
		ret = rblk_attach_look(v, r, err) ?: rblk_attach_give_up(v, err);
	if (!ret)
		ret = rblk_attach_recover(v, r, err);
	if (!ret)
		return 0;
	mutex_lock(&v->owner);
	rblk_attach_swap(v);
	rblk_node_status(v->m, &v->st);
	votes &= !v->st.votes;
	mutex_unlock(&v->owner);
	if (votes)
		rblk_err(v, "without a data device this node could vote, and now it cannot any more: its replica is lost\n");
	return ret;
}

/* "attach", in a worker. */
void rblk_volume_attach_work(struct work_struct *work)
{
	struct rblk_volume *v = container_of(work, struct rblk_life, attach_work)->v;
	struct rblk_recovery *r = kzalloc(sizeof(*r), GFP_KERNEL);
	u64 op_id = v->life->attach_op;
	char err[RBLK_ERR_MAX] = "";
	int ret;

	ret = r ? rblk_attach(v, r, err) :
		  rblk_error_text(err, -ENOMEM, "no memory to attach the replica");
	if (r)
		rblk_recovery_free(r);
	if (ret)
		rblk_err(v, "attach failed: %s\n", err);
	rblk_notify_end(v, op_id, ret, ret ? err : "attached", GFP_KERNEL);
	mutex_lock(&rblk_volumes_lock);
	v->life->attaching = false;
	mutex_unlock(&rblk_volumes_lock);
	rblk_volume_put(v);
}

static int rblk_attach_check(const struct rblk_volume *v, const struct rblk_store *s, char *err)
{
	if (rblk_volume_diskless(v))
		return rblk_attach_refused(v, -EOPNOTSUPP, err);
	if (rblk_disk_is_ours(s->log_dev) || rblk_disk_is_ours(s->data_dev))
		return rblk_error_text(err, -ELOOP, "%s is a raftblk device itself",
				       rblk_disk_is_ours(s->log_dev) ? s->log_path : s->data_path);
	if (s->log_dev == s->data_dev)
		return rblk_error_text(err, -EINVAL,
				       "log and data need two different devices, and both are %s",
				       s->log_path);
	return 0;
}

/**
 * rblk_volume_attach() - give a node that has lost its replica another one
 * @v: the volume
 * @store: the devices
 * @op_id: id of the operation, for the notification of its end
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * A volume does not go down meanwhile, as it does not while it starts.
 *
 * Context: process; may sleep.
 * Return: 0: in progress; else -errno.
 */
int rblk_volume_attach(struct rblk_volume *v, const struct rblk_store *store, u64 op_id, char *err)
{
	int ret = rblk_attach_check(v, store, err);

	if (ret)
		return ret;
	mutex_lock(&rblk_volumes_lock);
	if (v->state != RBLK_V_RUNNING) {
		ret = rblk_error_text(err, -ENODEV, "volume %s is %s", v->name,
				      rblk_volume_state_name(v->state));
	} else if (v->life->attaching) {
		ret = rblk_error_text(err, -EBUSY, "volume %s is given its replica back already",
				      v->name);
	} else {
		v->life->attaching = true;
		v->life->attach_op = op_id;
		v->life->attach = *store;
		rblk_volume_get(v);
		queue_work(rblk_life_wq, &v->life->attach_work);
	}
	mutex_unlock(&rblk_volumes_lock);
	return ret;
}
