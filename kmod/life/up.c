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
 * The gendisk and struct rb_volume stay until the last close.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "block/disk.h"

#define RB_POOL_MIB		64
#define RB_POOL_MIB_MIN		16
#define RB_POOL_MIB_MAX		8192
#define RB_CLOSE_WAIT_MS	1000
#define RB_TRANSFER_WAIT_MS	3000
#define RB_CHECKPOINT_WAIT_MS	5000
#define RB_POLL_MS		10

static const struct member_ops rb_member_ops = {
	.buf_alloc	= rb_buf_alloc,
	.buf_get	= rb_buf_get,
	.buf_put	= rb_buf_put,
	.buf_sum	= rb_buf_sum,
	.buf_data	= rb_buf_data,
	.tx_begin	= rb_peer_tx_begin,
	.tx_end		= rb_peer_tx_end,
	.log_write	= rb_log_write,
	.meta_write	= rb_meta_write,
	.map_write	= rb_map_write,
	.log_read	= rb_log_read,
	.data_apply	= rb_data_apply,
	.data_sync	= rb_data_sync,
	.serve_begin	= rb_disk_serve_begin,
	.read_data	= rb_disk_read_data,
	.read_copy	= rb_disk_read_copy,
	.read_zero	= rb_disk_read_zero,
	.read_issued	= rb_disk_read_issued,
	.complete	= rb_disk_complete,
	.note		= rb_note,
	.trace		= rb_trace,
};

/* ---- up ---- */

static int rb_start_super(struct rb_volume *v, const struct log_reader *rd, char *err)
{
	const char *path = v->up.log_path;
	int r = log_read_super(rd, rb_logio_bytes(v), &v->super);

	switch (r) {
	case 0:
		break;
	case -ENODATA:
		return rb_sentence(err, r, "log device %s is not formatted for raftblk", path);
	case -EBADMSG:
		return rb_sentence(err, r, "the superblock of log device %s is damaged", path);
	case -EPROTONOSUPPORT:
		return rb_sentence(err, r, "log device %s needs a newer raftblk", path);
	case -ENOSPC:
		return rb_sentence(err, r, "log device %s is smaller than when it was formatted",
				   path);
	default:
		return rb_sentence(err, r, "the superblock of log device %s: error %d", path, -r);
	}
	if (v->super.read_only)
		return rb_sentence(err, -EROFS, "log device %s needs a newer raftblk", path);
	if (strcmp(v->super.volume_name, v->name))
		return rb_sentence(err, -EINVAL, "log device %s belongs to volume %s", path,
				   v->super.volume_name);
	if (strcmp(v->super.node, v->up.node))
		return rb_sentence(err, -EINVAL, "log device %s belongs to node %s", path,
				   v->super.node);
	return 0;
}

static int rb_start_data(struct rb_volume *v, struct data_super *ds, char *err)
{
	const char *path = v->up.data_path;
	int r = rb_dataio_open(v, err);

	if (r)
		return r;
	r = rb_dataio_header(v, ds);
	if (r == -ENODATA)
		return rb_sentence(err, r, "data device %s is not formatted for raftblk", path);
	if (r)
		return rb_sentence(err, r, "the header of data device %s cannot be used: error %d",
				   path, -r);
	if (rb_dataio_bytes(v) < DATA_HEADER_BYTES + v->super.data_bytes)
		return rb_sentence(err, -ENOSPC,
				   "data device %s is smaller than when it was formatted", path);
	return 0;
}

static int rb_start_pool(struct rb_volume *v, char *err)
{
	u32 mib = v->up.pool_mib ? v->up.pool_mib : RB_POOL_MIB;
	bool diskless = rb_volume_diskless(v);
	u32 pages[RB_BUDGETS], all;

	mib = clamp_t(u32, mib, RB_POOL_MIB_MIN, RB_POOL_MIB_MAX);
	all = mib << (20 - RB_BLOCK_SHIFT);
	pages[RB_BUDGET_SUBMIT] = all / 5 * 2;
	pages[RB_BUDGET_RECEIVE] = all / 5 * 2;
	pages[RB_BUDGET_READBACK] = diskless ? 0 : all / 5 - all / 20;
	pages[RB_BUDGET_SERVE] = diskless ? 0 : all / 20;
	v->limits.reads = RB_TAGS + RB_SERVES;
	/* Where each record costs a flush, few large ones: what arrives meanwhile shares one. */
	if (!diskless && rb_logio_flushes(v))
		v->limits.records_inflight = 1;
	if (v->up.election_ms) {
		v->limits.default_election_ms = max_t(u32, v->up.election_ms, RB_ELECTION_MS_MIN);
		v->limits.default_heartbeat_ms = v->limits.default_election_ms / 5;
	}
	member_limits_default(&v->limits, (u64)mib << 20, &v->super);
	v->pool = rb_pool_create(v, pages);
	if (!v->pool || (!diskless && (rb_logio_prepare(v) || rb_dataio_prepare(v))))
		return rb_sentence(err, -ENOMEM, "no memory for a pool of %u MiB", mib);
	return 0;
}

static int rb_start_failed(struct rb_volume *v, int r, const struct log_report *rep, char *err)
{
	switch (r) {
	case -EBADMSG:
		return rb_sentence(err, r,
				   "the log on %s has lost what was durable (%s, record %llu): not used",
				   v->up.log_path, log_verdict_name(rep->verdict), rep->end_seq);
	case -EUCLEAN:
		return rb_sentence(err, r, "both metadata slots of %s are damaged",
				   v->up.log_path);
	case -ESTALE:
		return rb_sentence(err, r,
				   "data device %s is older than log device %s: swapped or rolled back?",
				   v->up.data_path, v->up.log_path);
	case -EINVAL:
		return rb_sentence(err, r, "%s and %s do not belong together", v->up.log_path,
				   v->up.data_path);
	case -E2BIG:
		return rb_sentence(err, r, "the log holds more entries than fit in memory");
	default:
		return rb_sentence(err, r, "recovery failed (error %d, after %llu records)", -r,
				   rep->records);
	}
}

static void rb_start_map(struct rb_volume *v, struct member *m, const struct log_reader *rd)
{
	u32 i, bad = 0, n = member_map_blocks(m);
	int r;

	for (i = 0; i < n; i++) {
		r = rd->read(rd->ctx, member_map_offset(m, i), rd->scratch, RB_BLOCK_SIZE);
		bad += r != 0;
		member_map_load(m, i, rd->scratch, r);
		cond_resched();
	}
	if (bad)
		rb_warn(v, "%u of %u blocks of the change map could not be read: taken as changed\n",
			bad, n);
}

static void rb_member_cfg(struct rb_volume *v, struct member_cfg *cfg)
{
	cfg->super = v->super;
	strscpy(cfg->node, v->up.node, sizeof(cfg->node));
	cfg->npeers = v->up.npeers;
	memcpy(cfg->peer, v->up.peer, sizeof(cfg->peer));
	cfg->limits = v->limits;
	cfg->seed = get_random_u64();
	cfg->boot_nonce = get_random_u64() | 1;
	cfg->ops = &rb_member_ops;
	cfg->host = v;
}

static int rb_start_member(struct rb_volume *v, const struct log_reader *rd,
			   const struct data_super *ds, char *err)
{
	struct member_cfg *cfg = kzalloc(sizeof(*cfg), GFP_KERNEL);
	struct log_report rep;
	struct member *m = NULL;
	int r = -ENOMEM;

	if (!cfg)
		goto nomem;
	rb_member_cfg(v, cfg);
	m = kvzalloc(max_t(size_t, member_size(cfg), PAGE_SIZE), GFP_KERNEL);
	v->member_pages = vzalloc(member_pages_size());
	if (!m || !v->member_pages)
		goto nomem;
	r = member_start(m, cfg, v->member_pages, rd, ds, rb_now(), &rep);
	if (r) {
		rb_start_failed(v, r, &rep, err);
		goto out;
	}
	rb_info(v, "log: %llu records, %llu entries, %llu KiB; ends: %s, %llu records cut\n",
		rep.records, rep.entries, rep.bytes >> 10, log_verdict_name(rep.verdict),
		rep.cut_records);
	rb_start_map(v, m, rd);
	mutex_lock(&v->owner);
	v->m = m;
	mutex_unlock(&v->owner);
	kfree(cfg);
	return 0;
nomem:
	rb_sentence(err, r, "no memory for the member");
out:
	kvfree(m);
	kfree(cfg);
	return r;
}

/* What members have on their devices, a client has in its names. */
static void rb_client_super(struct rb_volume *v)
{
	strscpy(v->super.volume_name, v->name, sizeof(v->super.volume_name));
	strscpy(v->super.node, v->up.node, sizeof(v->super.node));
	v->super.store = member_client_store(v->name, v->up.node);
	v->super.block_size = RB_BLOCK_SIZE;
	v->super.ring_bytes = LOG_RING_MIN;	/* for the defaults of limits only */
}

static int rb_start_client(struct rb_volume *v, char *err)
{
	struct member_cfg *cfg;
	struct member *m = NULL;
	int r;

	rb_client_super(v);
	r = rb_start_pool(v, err);
	if (r)
		return r;
	cfg = kzalloc(sizeof(*cfg), GFP_KERNEL);
	if (cfg) {
		rb_member_cfg(v, cfg);
		m = kvzalloc(max_t(size_t, member_client_size(cfg), PAGE_SIZE), GFP_KERNEL);
	}
	r = m ? member_start_client(m, cfg, rb_now()) : -ENOMEM;
	kfree(cfg);
	if (r) {
		kvfree(m);
		return rb_sentence(err, r, "the client could not be started (error %d)", -r);
	}
	mutex_lock(&v->owner);
	v->m = m;
	mutex_unlock(&v->owner);
	return 0;
}

/* Everything below the disk. */
static int rb_start_devices(struct rb_volume *v, char *err)
{
	struct log_reader rd = {};
	struct data_super ds;
	int r;

	if (rb_volume_diskless(v))
		return rb_start_client(v, err);
	r = rb_logio_open(v, err);
	if (r)
		return r;
	r = rb_logio_reader(v, &rd);
	if (r)
		return rb_sentence(err, r, "no memory");
	r = rb_start_super(v, &rd, err);
	if (!r)
		r = rb_start_data(v, &ds, err);
	if (!r)
		r = rb_start_pool(v, err);
	if (!r)
		r = rb_start_member(v, &rd, &ds, err);
	/* What recovery read may still have been in a volatile cache. */
	if (!r) {
		r = rb_logio_flush(v);
		if (r)
			rb_sentence(err, r, "flushing log device %s failed (error %d)",
				    v->up.log_path, -r);
	}
	if (!r) {
		r = blkdev_issue_flush(rb_dataio_lower(v)->bdev);
		if (r)
			rb_sentence(err, r, "flushing data device %s failed (error %d)",
				    v->up.data_path, -r);
	}
	vfree(rd.scratch);
	return r;
}

static int rb_start_rest(struct rb_volume *v, char *err)
{
	struct task_struct *loop;
	int r;

	r = rb_disk_create(v, v->up.minor);
	if (r == -EEXIST)
		return rb_sentence(err, r, "/dev/" RB_NAME "%d is taken", v->up.minor);
	if (r)
		return rb_sentence(err, r, "no disk could be made (error %d)", -r);
	r = rb_peers_start(v, err);
	if (r)
		return r;
	loop = kthread_create(rb_volume_loop, v, "raftblk%d", rb_disk_minor(v));
	if (IS_ERR(loop))
		return rb_sentence(err, PTR_ERR(loop), "no thread could be started");
	get_task_struct(loop);
	v->loop = loop;
	wake_up_process(loop);
	r = rb_disk_add(v);
	if (r)
		return rb_sentence(err, r, "the disk could not be added (error %d)", -r);
	rb_debugfs_add(v);
	return 0;
}

/* ---- down ---- */

static void rb_end_requests(struct rb_volume *v)
{
	if (v->disk)
		rb_disk_fail_new(v);
	if (v->loop) {
		kthread_stop(v->loop);
		put_task_struct(v->loop);
		v->loop = NULL;
	}
	mutex_lock(&v->owner);
	if (v->m)
		member_stop(v->m, -EIO);
	v->stopped = true;
	if (v->disk)
		rb_disk_abort(v);
	mutex_unlock(&v->owner);
	/* Opens that wait see it. */
	wake_up_all(&v->noted);
	rb_peers_shutdown(v);
	rb_dataio_wait(v);
	rb_logio_wait(v);
	mutex_lock(&v->owner);
	rb_volume_run_done(v, rb_now());
	mutex_unlock(&v->owner);
}

/* Takes down whatever was brought up. */
static void rb_volume_teardown(struct rb_volume *v)
{
	struct member *m;

	rb_end_requests(v);
	rb_debugfs_del(v);
	if (v->disk)
		rb_disk_del(v);
	rb_peers_free(v);
	mutex_lock(&v->owner);
	m = v->m;
	v->m = NULL;
	mutex_unlock(&v->owner);
	if (v->disk)
		rb_disk_put(v);
	rb_dataio_close(v);
	rb_logio_close(v);
	rb_pool_destroy(v->pool);
	v->pool = NULL;
	kvfree(m);
	vfree(v->member_pages);
}

/* The last thing of a volume, in its worker. */
static void rb_volume_gone(struct rb_volume *v, u64 ticket, int error, const char *text)
{
	struct net *net = v->net;

	rb_volume_unlist(v);
	rb_ctl_ticket(net, v->name, v->bootstrap.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	rb_ctl_ticket(net, v->name, v->transfer.id, -ESHUTDOWN, "went down", GFP_KERNEL);
	if (v->take.on)
		rb_ctl_ticket(net, v->name, v->take.ticket, -ESHUTDOWN, "went down", GFP_KERNEL);
	rb_ctl_ticket(net, v->name, ticket, error, text, GFP_KERNEL);
	put_net(net);
	rb_volume_put(v);
	/* rb_exit() destroys the workqueue: it waits for the rest of this work. */
	module_put(THIS_MODULE);
}

/**
 * rb_volume_start_work() - "up", in a worker
 * @work: start_work of the volume
 *
 * Context: process; sleeps.
 */
void rb_volume_start_work(struct work_struct *work)
{
	struct rb_volume *v = container_of(work, struct rb_volume, start_work);
	struct net *net = get_net(v->net);
	char err[RB_ERR_MAX] = "";
	u64 ticket = v->up_ticket;
	int r;

	rb_volume_get(v);
	r = rb_start_devices(v, err);
	if (!r)
		r = rb_start_rest(v, err);
	if (r) {
		rb_err(v, "up failed: %s\n", err);
		rb_volume_set_state(v, RB_V_FAILED);
		rb_volume_teardown(v);
		rb_volume_gone(v, ticket, r, err);
	} else {
		rb_info(v, "up as /dev/" RB_NAME "%d\n", rb_disk_minor(v));
		/* From now on it may go down at any time. */
		rb_volume_set_state(v, RB_V_RUNNING);
		rb_ctl_ticket(net, v->name, ticket, 0, "up", GFP_KERNEL);
	}
	put_net(net);
	rb_volume_put(v);
}

/* Polls @done, as owner, until it is true, time is up or the down is forced. */
static bool rb_stop_wait(struct rb_volume *v, u32 ms,
			 bool (*done)(struct rb_volume *v, u64 arg), u64 arg)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	bool yes;

	for (;;) {
		mutex_lock(&v->owner);
		member_status(v->m, &v->st);
		yes = done(v, arg) || v->st.halt != MEMBER_RUNNING;
		mutex_unlock(&v->owner);
		if (yes || READ_ONCE(v->force) || time_after(jiffies, end))
			return yes;
		msleep(RB_POLL_MS);
	}
}

/* Asks until it is granted: what was written last may still be under way. */
static bool rb_no_session(struct rb_volume *v, u64 arg)
{
	if (member_close(v->m, RB_TOKEN_OPEN) == 0)
		rb_volume_kick(v, RB_KICK_CTL);
	return v->st.session != MEMBER_S_HELD;
}

static bool rb_not_leading(struct rb_volume *v, u64 arg)
{
	return v->st.raft.role != RAFT_LEADER;
}

static bool rb_checkpointed(struct rb_volume *v, u64 index)
{
	return v->st.checkpoint_index >= index;
}

/* Session, leadership and a checkpoint, each for a bounded time; none is needed for safety. */
static void rb_stop_gracefully(struct rb_volume *v)
{
	u64 index;
	int r;

	rb_stop_wait(v, RB_CLOSE_WAIT_MS, rb_no_session, 0);
	mutex_lock(&v->owner);
	r = member_transfer(v->m, NULL, rb_now());
	mutex_unlock(&v->owner);
	rb_volume_kick(v, RB_KICK_CTL);
	if (!r && !rb_stop_wait(v, RB_TRANSFER_WAIT_MS, rb_not_leading, 0))
		rb_warn(v, "down without having handed over leadership\n");
	if (rb_volume_diskless(v))
		return;
	mutex_lock(&v->owner);
	member_checkpoint(v->m);
	member_status(v->m, &v->st);
	index = v->st.live_index;
	mutex_unlock(&v->owner);
	rb_volume_kick(v, RB_KICK_CTL);
	if (!rb_stop_wait(v, RB_CHECKPOINT_WAIT_MS, rb_checkpointed, index))
		rb_info(v, "down before the checkpoint: the next start reads more of the log\n");
}

/**
 * rb_volume_stop_work() - "down", in a worker
 * @work: stop_work of the volume
 *
 * Context: process; sleeps.
 */
void rb_volume_stop_work(struct work_struct *work)
{
	struct rb_volume *v = container_of(work, struct rb_volume, stop_work);

	if (!READ_ONCE(v->force))
		rb_stop_gracefully(v);
	rb_volume_teardown(v);
	rb_info(v, "down\n");
	rb_volume_gone(v, v->down_ticket, 0, "down");
}
