// SPDX-License-Identifier: GPL-2.0
/*
 * Up and down of a volume, in workers. Documentation/locking.rst proves the
 * order of going down; in short:
 *
 *   1. new IO fails, no open succeeds
 *   2. the loop stops: nobody feeds the member any more
 *   3. the member ends every request it has; the others are ended too
 *   4. sockets: from here on the peers see that we are gone, whatever hangs below
 *   5. lower bios come back: reads that were in flight end with them
 *   6. the disk goes (nothing is in its queue that could not end)
 *   7. payloads, devices, memory
 *
 * The gendisk and struct rblk_volume stay until the last close.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "block/disk.h"

#define RBLK_POOL_MIB		64
#define RBLK_POOL_MIB_MIN		16
#define RBLK_POOL_MIB_MAX		8192
#define RBLK_CLOSE_WAIT_MS	1000
#define RBLK_TRANSFER_WAIT_MS	3000
#define RBLK_CHECKPOINT_WAIT_MS	5000
#define RBLK_POLL_MS		10

static const struct rblk_node_ops rblk_member_ops = {
	.buf_alloc	= rblk_buf_alloc,
	.buf_get	= rblk_buf_get,
	.buf_put	= rblk_buf_put,
	.buf_sum	= rblk_buf_sum,
	.buf_data	= rblk_buf_data,
	.tx_begin	= rblk_peer_tx_begin,
	.tx_end		= rblk_peer_tx_end,
	.log_write	= rblk_log_write,
	.meta_write	= rblk_meta_write,
	.map_write	= rblk_map_write,
	.log_read	= rblk_log_read,
	.data_apply	= rblk_data_apply,
	.data_sync	= rblk_data_sync,
	.serve_begin	= rblk_disk_serve_begin,
	.read_data	= rblk_disk_read_data,
	.read_copy	= rblk_disk_read_copy,
	.read_zero	= rblk_disk_read_zero,
	.read_issued	= rblk_disk_read_issued,
	.complete	= rblk_disk_complete,
	.note		= rblk_note,
	.trace		= rblk_trace,
};

/* ---- up ---- */

static int rblk_start_super(struct rblk_volume *v, const struct log_reader *rd, char *err)
{
	const char *path = v->up.log_path;
	int r = rblk_log_read_super(rd, rblk_logio_bytes(v), &v->super);

	switch (r) {
	case 0:
		break;
	case -ENODATA:
		return rblk_error_text(err, r, "log device %s is not formatted for raftblk", path);
	case -EBADMSG:
		return rblk_error_text(err, r, "the superblock of log device %s is damaged", path);
	case -EPROTONOSUPPORT:
		return rblk_error_text(err, r, "log device %s needs a newer raftblk", path);
	case -ENOSPC:
		return rblk_error_text(err, r,
				       "log device %s is smaller than when it was formatted", path);
	default:
		return rblk_error_text(err, r, "the superblock of log device %s: error %d", path,
				       -r);
	}
	if (v->super.read_only)
		return rblk_error_text(err, -EROFS, "log device %s needs a newer raftblk", path);
	if (strcmp(v->super.volume_name, v->name))
		return rblk_error_text(err, -EINVAL, "log device %s belongs to volume %s", path,
				       v->super.volume_name);
	if (strcmp(v->super.node, v->up.node))
		return rblk_error_text(err, -EINVAL, "log device %s belongs to node %s", path,
				       v->super.node);
	return 0;
}

static int rblk_start_data(struct rblk_volume *v, struct data_super *ds, char *err)
{
	const char *path = v->up.data_path;
	int r = rblk_dataio_open(v, err);

	if (r)
		return r;
	r = rblk_dataio_header(v, ds);
	if (r == -ENODATA)
		return rblk_error_text(err, r, "data device %s is not formatted for raftblk", path);
	if (r)
		return rblk_error_text(err, r,
				       "the header of data device %s cannot be used: error %d",
				       path, -r);
	if (rblk_dataio_bytes(v) < DATA_HEADER_BYTES + v->super.data_bytes)
		return rblk_error_text(err, -ENOSPC,
				       "data device %s is smaller than when it was formatted",
				       path);
	return 0;
}

static int rblk_start_pool(struct rblk_volume *v, char *err)
{
	u32 mib = v->up.pool_mib ? v->up.pool_mib : RBLK_POOL_MIB;
	bool diskless = rblk_volume_diskless(v);
	u32 pages[RBLK_BUDGETS], all;

	mib = clamp_t(u32, mib, RBLK_POOL_MIB_MIN, RBLK_POOL_MIB_MAX);
	all = mib << (20 - RBLK_BLOCK_SHIFT);
	pages[RBLK_BUDGET_SUBMIT] = all / 5 * 2;
	pages[RBLK_BUDGET_RECEIVE] = all / 5 * 2;
	pages[RBLK_BUDGET_READBACK] = diskless ? 0 : all / 5 - all / 20;
	pages[RBLK_BUDGET_SERVE] = diskless ? 0 : all / 20;
	v->limits.reads = RBLK_TAGS + RBLK_SERVES;
	/* Where each record costs a flush, few large ones: what arrives meanwhile shares one. */
	if (!diskless && rblk_logio_flushes(v))
		v->limits.records_inflight = 1;
	if (v->up.election_ms) {
		v->limits.default_election_ms = max_t(u32, v->up.election_ms, RBLK_ELECTION_MS_MIN);
		v->limits.default_heartbeat_ms = v->limits.default_election_ms / 5;
	}
	rblk_node_limits_default(&v->limits, (u64)mib << 20, &v->super);
	v->pool = rblk_pool_create(v, pages);
	if (!v->pool || (!diskless && (rblk_logio_prepare(v) || rblk_dataio_prepare(v))))
		return rblk_error_text(err, -ENOMEM, "no memory for a pool of %u MiB", mib);
	return 0;
}

static int rblk_start_failed(struct rblk_volume *v, int r, const struct log_report *rep, char *err)
{
	switch (r) {
	case -EBADMSG:
		return rblk_error_text(err, r,
				       "the log on %s has lost what was durable (%s, record %llu): not used",
				       v->up.log_path, rblk_log_finding_name(rep->finding),
				       rep->end_seq);
	case -EUCLEAN:
		return rblk_error_text(err, r, "both metadata slots of %s are damaged",
				       v->up.log_path);
	case -ESTALE:
		return rblk_error_text(err, r,
				       "data device %s is older than log device %s: swapped or rolled back?",
				       v->up.data_path, v->up.log_path);
	case -EINVAL:
		return rblk_error_text(err, r, "%s and %s do not belong together", v->up.log_path,
				       v->up.data_path);
	case -E2BIG:
		return rblk_error_text(err, r, "the log holds more entries than fit in memory");
	default:
		return rblk_error_text(err, r, "recovery failed (error %d, after %llu records)", -r,
				       rep->records);
	}
}

static void rblk_start_map(struct rblk_volume *v, struct rblk_node *m, const struct log_reader *rd)
{
	u32 i, bad = 0, n = rblk_node_map_blocks(m);
	int r;

	for (i = 0; i < n; i++) {
		r = rd->read(rd->ctx, rblk_node_map_offset(m, i), rd->scratch, RBLK_BLOCK_SIZE);
		bad += r != 0;
		rblk_node_map_load(m, i, rd->scratch, r);
		cond_resched();
	}
	if (bad)
		rblk_warn(v,
			  "%u of %u blocks of the change map could not be read: taken as changed\n",
			  bad, n);
}

static void rblk_member_cfg(struct rblk_volume *v, struct rblk_node_cfg *cfg)
{
	cfg->super = v->super;
	strscpy(cfg->node, v->up.node, sizeof(cfg->node));
	cfg->npeers = v->up.npeers;
	memcpy(cfg->peer, v->up.peer, sizeof(cfg->peer));
	cfg->limits = v->limits;
	cfg->seed = get_random_u64();
	cfg->boot_nonce = get_random_u64() | 1;
	cfg->ops = &rblk_member_ops;
	cfg->host = v;
}

static int rblk_start_member(struct rblk_volume *v, const struct log_reader *rd,
			     const struct data_super *ds, char *err)
{
	struct rblk_node_cfg *cfg = kzalloc(sizeof(*cfg), GFP_KERNEL);
	struct log_report rep;
	struct rblk_node *m = NULL;
	int r = -ENOMEM;

	if (!cfg)
		goto nomem;
	rblk_member_cfg(v, cfg);
	m = kvzalloc(max_t(size_t, rblk_node_size(cfg), PAGE_SIZE), GFP_KERNEL);
	v->member_pages = vzalloc(rblk_node_pages_size());
	if (!m || !v->member_pages)
		goto nomem;
	r = rblk_node_start(m, cfg, v->member_pages, rd, ds, rblk_now(), &rep);
	if (r) {
		rblk_start_failed(v, r, &rep, err);
		goto out;
	}
	rblk_info(v, "log: %llu records, %llu entries, %llu KiB; ends: %s, %llu records cut\n",
		  rep.records, rep.entries, rep.bytes >> 10, rblk_log_finding_name(rep.finding),
		  rep.cut_records);
	rblk_start_map(v, m, rd);
	mutex_lock(&v->owner);
	v->m = m;
	mutex_unlock(&v->owner);
	kfree(cfg);
	return 0;
nomem:
	rblk_error_text(err, r, "no memory for the member");
out:
	kvfree(m);
	kfree(cfg);
	return r;
}

/* What members have on their devices, a client has in its names. */
static void rblk_client_super(struct rblk_volume *v)
{
	strscpy(v->super.volume_name, v->name, sizeof(v->super.volume_name));
	strscpy(v->super.node, v->up.node, sizeof(v->super.node));
	v->super.store = rblk_client_store(v->name, v->up.node);
	v->super.block_size = RBLK_BLOCK_SIZE;
	v->super.ring_bytes = LOG_RING_MIN;	/* for the defaults of limits only */
}

static int rblk_start_client(struct rblk_volume *v, char *err)
{
	struct rblk_node_cfg *cfg;
	struct rblk_node *m = NULL;
	int r;

	rblk_client_super(v);
	r = rblk_start_pool(v, err);
	if (r)
		return r;
	cfg = kzalloc(sizeof(*cfg), GFP_KERNEL);
	if (cfg) {
		rblk_member_cfg(v, cfg);
		m = kvzalloc(max_t(size_t, rblk_client_size(cfg), PAGE_SIZE), GFP_KERNEL);
	}
	r = m ? rblk_node_start_client(m, cfg, rblk_now()) : -ENOMEM;
	kfree(cfg);
	if (r) {
		kvfree(m);
		return rblk_error_text(err, r, "the client could not be started (error %d)", -r);
	}
	mutex_lock(&v->owner);
	v->m = m;
	mutex_unlock(&v->owner);
	return 0;
}

/* Everything below the disk. */
static int rblk_start_devices(struct rblk_volume *v, char *err)
{
	struct log_reader rd = {};
	struct data_super ds;
	int r;

	if (rblk_volume_diskless(v))
		return rblk_start_client(v, err);
	r = rblk_logio_open(v, err);
	if (r)
		return r;
	r = rblk_logio_reader(v, &rd);
	if (r)
		return rblk_error_text(err, r, "no memory");
	r = rblk_start_super(v, &rd, err);
	if (!r)
		r = rblk_start_data(v, &ds, err);
	if (!r)
		r = rblk_start_pool(v, err);
	if (!r)
		r = rblk_start_member(v, &rd, &ds, err);
	/* What recovery read may still have been in a volatile cache. */
	if (!r) {
		r = rblk_logio_flush(v);
		if (r)
			rblk_error_text(err, r, "flushing log device %s failed (error %d)",
					v->up.log_path, -r);
	}
	if (!r) {
		r = blkdev_issue_flush(rblk_dataio_lower(v)->bdev);
		if (r)
			rblk_error_text(err, r, "flushing data device %s failed (error %d)",
					v->up.data_path, -r);
	}
	vfree(rd.scratch);
	return r;
}

static int rblk_start_rest(struct rblk_volume *v, char *err)
{
	struct task_struct *loop;
	int r;

	r = rblk_disk_create(v, v->up.minor);
	if (r == -EEXIST)
		return rblk_error_text(err, r, "/dev/" RBLK_NAME "%d is taken", v->up.minor);
	if (r)
		return rblk_error_text(err, r, "no disk could be made (error %d)", -r);
	r = rblk_peers_start(v, err);
	if (r)
		return r;
	loop = kthread_create(rblk_volume_loop, v, "raftblk%d", rblk_disk_minor(v));
	if (IS_ERR(loop))
		return rblk_error_text(err, PTR_ERR(loop), "no thread could be started");
	get_task_struct(loop);
	v->loop = loop;
	wake_up_process(loop);
	r = rblk_disk_add(v);
	if (r)
		return rblk_error_text(err, r, "the disk could not be added (error %d)", -r);
	rblk_debugfs_add(v);
	return 0;
}

/* ---- down ---- */

static void rblk_end_requests(struct rblk_volume *v)
{
	if (v->disk)
		rblk_disk_fail_new(v);
	if (v->loop) {
		kthread_stop(v->loop);
		put_task_struct(v->loop);
		v->loop = NULL;
	}
	mutex_lock(&v->owner);
	if (v->m)
		rblk_node_stop(v->m, -EIO);
	v->stopped = true;
	if (v->disk)
		rblk_disk_abort(v);
	mutex_unlock(&v->owner);
	/* Opens that wait see it. */
	wake_up_all(&v->noted);
	rblk_peers_shutdown(v);
	rblk_dataio_wait(v);
	rblk_logio_wait(v);
	mutex_lock(&v->owner);
	rblk_volume_run_done(v, rblk_now());
	mutex_unlock(&v->owner);
}

/* Takes down whatever was brought up. */
static void rblk_volume_teardown(struct rblk_volume *v)
{
	struct rblk_node *m;

	rblk_end_requests(v);
	rblk_debugfs_del(v);
	if (v->disk)
		rblk_disk_del(v);
	rblk_peers_free(v);
	mutex_lock(&v->owner);
	m = v->m;
	v->m = NULL;
	mutex_unlock(&v->owner);
	if (v->disk)
		rblk_disk_put(v);
	rblk_dataio_close(v);
	rblk_logio_close(v);
	rblk_pool_destroy(v->pool);
	v->pool = NULL;
	kvfree(m);
	vfree(v->member_pages);
}

/* The last thing of a volume, in its worker. */
static void rblk_volume_gone(struct rblk_volume *v, u64 op_id, int error, const char *text)
{
	struct net *net = v->net;

	rblk_volume_unlist(v);
	rblk_ctl_op_end(net, v->name, v->bootstrap.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	rblk_ctl_op_end(net, v->name, v->transfer.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	if (v->take.on)
		rblk_ctl_op_end(net, v->name, v->take.op_id, -ESHUTDOWN, "went down", GFP_KERNEL);
	rblk_ctl_op_end(net, v->name, op_id, error, text, GFP_KERNEL);
	put_net(net);
	rblk_volume_put(v);
	/* rblk_exit() destroys the workqueue: it waits for the rest of this work. */
	module_put(THIS_MODULE);
}

/**
 * rblk_volume_start_work() - "up", in a worker
 * @work: start_work of the volume
 *
 * Context: process; sleeps.
 */
void rblk_volume_start_work(struct work_struct *work)
{
	struct rblk_volume *v = container_of(work, struct rblk_volume, start_work);
	struct net *net = get_net(v->net);
	char err[RBLK_ERR_MAX] = "";
	u64 op_id = v->up_op;
	int r;

	rblk_volume_get(v);
	r = rblk_start_devices(v, err);
	if (!r)
		r = rblk_start_rest(v, err);
	if (r) {
		rblk_err(v, "up failed: %s\n", err);
		rblk_volume_set_state(v, RBLK_V_FAILED);
		rblk_volume_teardown(v);
		rblk_volume_gone(v, op_id, r, err);
	} else {
		rblk_info(v, "up as /dev/" RBLK_NAME "%d\n", rblk_disk_minor(v));
		/* From now on it may go down at any time. */
		rblk_volume_set_state(v, RBLK_V_RUNNING);
		rblk_ctl_op_end(net, v->name, op_id, 0, "up", GFP_KERNEL);
	}
	put_net(net);
	rblk_volume_put(v);
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
		if (yes || READ_ONCE(v->force) || time_after(jiffies, end))
			return yes;
		msleep(RBLK_POLL_MS);
	}
}

/* Asks until it is granted: what was written last may still be under way. */
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

/* Session, leadership and a checkpoint, each for a bounded time; none is needed for safety. */
static void rblk_stop_gracefully(struct rblk_volume *v)
{
	u64 index;
	int r;

	rblk_stop_wait(v, RBLK_CLOSE_WAIT_MS, rblk_no_session, 0);
	mutex_lock(&v->owner);
	r = rblk_node_transfer(v->m, NULL, rblk_now());
	mutex_unlock(&v->owner);
	rblk_volume_kick(v, RBLK_KICK_CTL);
	if (!r && !rblk_stop_wait(v, RBLK_TRANSFER_WAIT_MS, rblk_not_leading, 0))
		rblk_warn(v, "down without having handed over leadership\n");
	if (rblk_volume_diskless(v))
		return;
	mutex_lock(&v->owner);
	rblk_node_checkpoint(v->m);
	rblk_node_status(v->m, &v->st);
	index = v->st.executed_index;
	mutex_unlock(&v->owner);
	rblk_volume_kick(v, RBLK_KICK_CTL);
	if (!rblk_stop_wait(v, RBLK_CHECKPOINT_WAIT_MS, rblk_checkpointed, index))
		rblk_info(v, "down before the checkpoint: the next start reads more of the log\n");
}

/**
 * rblk_volume_stop_work() - "down", in a worker
 * @work: stop_work of the volume
 *
 * Context: process; sleeps.
 */
void rblk_volume_stop_work(struct work_struct *work)
{
	struct rblk_volume *v = container_of(work, struct rblk_volume, stop_work);

	if (!READ_ONCE(v->force))
		rblk_stop_gracefully(v);
	rblk_volume_teardown(v);
	rblk_info(v, "down\n");
	rblk_volume_gone(v, v->down_op, 0, "down");
}
