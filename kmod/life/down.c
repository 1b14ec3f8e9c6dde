// SPDX-License-Identifier: GPL-2.0
/*
 * Down of a volume, in a worker. Documentation/locking.rst proves that this order
 * is right; in short:
 *
 *   1. New I/O fails, and no open succeeds.
 *   2. The loop stops: nothing feeds the node any more.
 *   3. The node ends every request that it has; then all others are ended.
 *   4. The sockets are closed: from here on the peers see that this node is gone, even
 *      if I/O to one of its devices is stuck.
 *   5. Bios on the log and data devices end, and with them the reads in flight.
 *   6. The disk is removed; everything in its queue can end.
 *   7. Payloads, devices and memory are freed.
 *
 * The gendisk and struct rblk_volume remain until the last close.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "block/block.h"
#include "host/notify.h"
#include "host/pool.h"
#include "host/status.h"
#include "life/internal.h"
#include "net/net.h"
#include "store/store.h"

#define RBLK_CLOSE_WAIT_MS	1000
#define RBLK_TRANSFER_WAIT_MS	3000
#define RBLK_CHECKPOINT_WAIT_MS	5000
#define RBLK_STOP_POLL_MS	10

static void rblk_end_requests(struct rblk_volume *v)
{
	struct rblk_life *l = v->life;

	if (v->disk)
		rblk_disk_fail_new(v);
	if (l->loop) {
		kthread_stop(l->loop);
		put_task_struct(l->loop);
		l->loop = NULL;
	}
	mutex_lock(&v->owner);
	if (v->m)
		rblk_node_stop(v->m, -EIO);
	WRITE_ONCE(v->stopped, true);
	rblk_snapshot_withdraw(v);
	if (v->disk)
		rblk_disk_abort(v);
	mutex_unlock(&v->owner);
	rblk_peers_shutdown(v);
	flush_work(&v->life->release_work);
	rblk_dataio_wait(v);
	rblk_logio_wait(v);
	mutex_lock(&v->owner);
	rblk_volume_run_done(v, rblk_now());
	mutex_unlock(&v->owner);
}

/*
 * Takes down what was brought up, however far that came. Sleeps for as long as the
 * devices take.
 */
void rblk_volume_teardown(struct rblk_volume *v)
{
	struct rblk_node *m;

	rblk_end_requests(v);
	rblk_events_flush(v);
	rblk_debugfs_del(v);
	rblk_peers_free(v);
	m = v->m;
	v->m = NULL;
	if (v->disk)
		rblk_disk_put(v);
	rblk_dataio_close(v);
	rblk_logio_close(v);
	rblk_pool_destroy(v->pool);
	v->pool = NULL;
	kvfree(m);
	vfree(v->life->node_pages);
	vfree(v->life->replica);
	vfree(v->life->replica_pages);
}

/*
 * The end of a volume, in its worker: reports the end of all its operations, and
 * drops the worker's reference. @op_id is the "up" that failed, or the "down".
 */
void rblk_volume_gone(struct rblk_volume *v, u64 op_id, int error, const char *text)
{
	struct rblk_life *l = v->life;

	rblk_volume_unlist(v);
	rblk_notify_end(v, l->bootstrap.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	rblk_notify_end(v, l->transfer.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	rblk_notify_end(v, l->verify.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	if (l->take.on)
		rblk_notify_end(v, l->take.told.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	rblk_notify_end(v, op_id, error, text, GFP_KERNEL);
	put_net(v->net);
	rblk_volume_put(v);
	/* rblk_exit() waits for the rest of this work, when it destroys the workqueues. */
	module_put(THIS_MODULE);
}

/* Polls @done, as owner, until it is true, time is up or the down is forced. */
static bool rblk_stop_wait(struct rblk_volume *v, u32 ms,
			   bool (*done)(struct rblk_volume *v, u64 arg), u64 arg)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	bool yes;

	for (;;) {
		mutex_lock(&v->owner);
		rblk_node_status(v->m, &v->st);
		yes = done(v, arg) || v->st.halt != NODE_RUNNING;
		mutex_unlock(&v->owner);
		if (yes || READ_ONCE(v->life->force) || time_after(jiffies, end))
			return yes;
		msleep(RBLK_STOP_POLL_MS);
	}
}

/* Asks until it is granted: the latest writes may still be in progress. */
static bool rblk_no_session(struct rblk_volume *v, u64 arg)
{
	if (rblk_node_close(v->m, RBLK_TOKEN_OPEN) == 0)
		rblk_volume_kick(v, RBLK_KICK_CTL);
	return v->st.session != NODE_S_HELD;
}

static bool rblk_not_leading(struct rblk_volume *v, u64 arg)
{
	return v->st.raft.role != RAFT_LEADER;
}

static bool rblk_checkpointed(struct rblk_volume *v, u64 index)
{
	return v->st.checkpoint_index >= index;
}

/*
 * Gives up the session, hands over leadership and makes a checkpoint, each in
 * bounded time. None of this is needed for safety.
 */
static void rblk_stop_gracefully(struct rblk_volume *v)
{
	bool lost;
	u64 index;
	int ret;

	mutex_lock(&v->owner);
	rblk_take_stop(v);
	mutex_unlock(&v->owner);
	rblk_stop_wait(v, RBLK_CLOSE_WAIT_MS, rblk_no_session, 0);
	mutex_lock(&v->owner);
	ret = rblk_node_transfer(v->m, NULL, rblk_now());
	mutex_unlock(&v->owner);
	rblk_volume_kick(v, RBLK_KICK_CTL);
	if (!ret && !rblk_stop_wait(v, RBLK_TRANSFER_WAIT_MS, rblk_not_leading, 0))
		rblk_warn(v, "going down without having handed over leadership\n");
	if (rblk_volume_diskless(v))
		return;
	mutex_lock(&v->owner);
	rblk_node_checkpoint(v->m);
	rblk_node_status(v->m, &v->st);
	index = v->st.executed_index;
	lost = v->st.lost != NODE_RUNNING;
	mutex_unlock(&v->owner);
	if (lost)
		return;
	rblk_volume_kick(v, RBLK_KICK_CTL);
	if (!rblk_stop_wait(v, RBLK_CHECKPOINT_WAIT_MS, rblk_checkpointed, index))
		rblk_info(v, "going down without a checkpoint: the next start will read more of the log\n");
}

/* "down", in a worker. */
void rblk_volume_stop_work(struct work_struct *work)
{
	struct rblk_volume *v = container_of(work, struct rblk_life, stop_work)->v;

	if (!READ_ONCE(v->life->force))
		rblk_stop_gracefully(v);
	rblk_volume_teardown(v);
	rblk_info(v, "down\n");
	rblk_volume_gone(v, v->life->down_op, 0, "down");
}
