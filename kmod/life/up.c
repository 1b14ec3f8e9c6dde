// SPDX-License-Identifier: GPL-2.0
/*
 * Up of a volume, in a worker. If it fails half-way, what is there is taken down as
 * by "down".
 */
#include <linux/blkdev.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "block/block.h"
#include "host/notify.h"
#include "host/pool.h"
#include "life/internal.h"
#include "net/net.h"
#include "store/lower.h"
#include "store/store.h"

#define RBLK_POOL_MIB		64
#define RBLK_POOL_MIB_MIN		16
#define RBLK_POOL_MIB_MAX		8192

/* The number of a partition does not say whose it is. */
static int rblk_start_not_ours(const struct rblk_lower *l, const char *path, char *err)
{
	if (!rblk_disk_is_ours(disk_devt(l->bdev->bd_disk)))
		return 0;
	return rblk_error_text(err, -ELOOP, "%s is part of a raftblk device itself", path);
}

/* A volume that is up goes on with the store that it has; its start takes what is there. */
static int rblk_start_store(struct rblk_volume *v, const struct log_super *s, char *err)
{
	if (!v->super.store)
		v->super = *s;
	if (v->super.store == s->store && v->super.data_bytes == s->data_bytes &&
	    v->super.ring_bytes == s->ring_bytes)
		return 0;
	return rblk_error_text(err, -EINVAL,
			       "log device %s holds another store than the one that node %s had",
			       v->up.log_path, v->up.node);
}

static int rblk_start_super(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	const char *path = v->up.log_path;
	struct log_super *s = &r->super;
	int ret = rblk_log_read_super(&r->rd, rblk_logio_bytes(v), s, &r->copies);

	switch (ret) {
	case 0:
		break;
	case -ENODATA:
		return rblk_error_text(err, ret,
				       "log device %s is not a raftblk log device", path);
	case -EBADMSG:
		return rblk_error_text(err, ret,
				       "the superblock of log device %s is damaged", path);
	case -EPROTONOSUPPORT:
		return rblk_error_text(err, ret, "log device %s needs a newer raftblk", path);
	case -ENOSPC:
		return rblk_error_text(err, ret,
				       "log device %s is smaller than when it was formatted: it has %llu bytes, and at least %llu are needed",
				       path, rblk_logio_bytes(v),
				       max_t(u64, s->dev_bytes, LOG_FRONT_BYTES));
	default:
		return rblk_error_text(err, ret,
				       "the superblock of log device %s cannot be used (error %d)",
				       path, -ret);
	}
	if (s->read_only)
		return rblk_error_text(err, -EROFS, "log device %s needs a newer raftblk", path);
	if (strcmp(s->volume_name, v->name))
		return rblk_error_text(err, -EINVAL, "log device %s belongs to volume %s", path,
				       s->volume_name);
	if (memcmp(s->volume, v->up.uuid, RBLK_UUID_LEN))
		return rblk_error_text(err, -EMEDIUMTYPE,
				       "log device %s belongs to a volume with uuid %pUb", path,
				       s->volume);
	if (strcmp(s->node, v->up.node))
		return rblk_error_text(err, -EINVAL, "log device %s belongs to node %s", path,
				       s->node);
	return rblk_start_store(v, s, err);
}

/* Opens the data device, and reads what it says it is. Sleeps for as long as it takes. */
int rblk_recovery_data(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	const char *path = v->up.data_path;
	int ret = rblk_dataio_open(v, err);

	if (!ret)
		ret = rblk_start_not_ours(rblk_dataio_lower(v), path, err);
	if (ret)
		return ret;
	ret = rblk_dataio_header(v, &r->ds, &r->copies);
	if (ret == -ENODATA)
		return rblk_error_text(err, ret,
				       "data device %s is not a raftblk data device; if it replaces the one that this node had, and the log is well: raftblk format %s --data",
				       path, v->name);
	if (ret)
		return rblk_error_text(err, ret,
				       "the header of data device %s cannot be used (error %d)",
				       path, -ret);
	if (rblk_dataio_bytes(v) < DATA_HEADER_BYTES + v->super.data_bytes)
		return rblk_error_text(err, -ENOSPC,
				       "data device %s is smaller than when it was formatted: it has %llu bytes, and at least %llu are needed",
				       path, rblk_dataio_bytes(v),
				       DATA_HEADER_BYTES + v->super.data_bytes);
	return 0;
}

static int rblk_start_pool(struct rblk_volume *v, char *err)
{
	u32 mib = v->up.pool_mib ? v->up.pool_mib : RBLK_POOL_MIB;
	bool diskless = rblk_volume_diskless(v);
	u32 blocks[RBLK_BUDGETS], all;

	mib = clamp_t(u32, mib, RBLK_POOL_MIB_MIN, RBLK_POOL_MIB_MAX);
	all = mib << (20 - RBLK_BLOCK_SHIFT);
	blocks[RBLK_BUDGET_SUBMIT] = all / 5 * 2;
	blocks[RBLK_BUDGET_RECEIVE] = all / 5 * 2;
	blocks[RBLK_BUDGET_READBACK] = diskless ? 0 : all / 5 - all / 20;
	blocks[RBLK_BUDGET_SERVE] = diskless ? 0 : all / 20;
	v->limits.reads = RBLK_TAGS + RBLK_SERVES;
	/*
	 * Where each record costs a flush, writes that arrive meanwhile share the
	 * next record.
	 */
	if (!diskless && rblk_logio_flushes(v))
		v->limits.records_inflight = 1;
	if (v->up.election_ms) {
		v->limits.default_election_ms = max_t(u32, v->up.election_ms, RBLK_ELECTION_MS_MIN);
		v->limits.default_heartbeat_ms = v->limits.default_election_ms / 5;
	}
	v->limits.resync_min = v->up.resync_min;
	v->limits.resync_max = v->up.resync_max;
	rblk_node_limits_default(&v->limits, (u64)mib << 20, &v->super);
	v->pool = rblk_pool_create(v, blocks);
	if (!v->pool || (!diskless && (rblk_logio_prepare(v) || rblk_dataio_prepare(v))))
		return rblk_error_text(err, -ENOMEM,
				       "no memory for a pool of %u MiB: %ld MiB are available",
				       mib, si_mem_available() >> (20 - PAGE_SHIFT));
	return 0;
}

static int rblk_start_failed(struct rblk_volume *v, int ret, const struct log_report *rep,
			     char *err)
{
	switch (ret) {
	case -EBADMSG:
		return rblk_error_text(err, ret,
				       "log device %s has lost durable data (%s, record %llu)%s: it is not used",
				       v->up.log_path, rblk_log_finding_name(rep->finding),
				       rep->end_seq, rep->owed.term ?
				       ", and no other member is known that has it" : "");
	case -EUCLEAN:
		return rblk_error_text(err, ret,
				       "both copies of the metadata on log device %s are damaged",
				       v->up.log_path);
	case -EINVAL:
		return rblk_error_text(err, ret,
				       "log device %s and data device %s do not belong together; to give the log another data device: raftblk format %s --data",
				       v->up.log_path, v->up.data_path, v->name);
	case -E2BIG:
		return rblk_error_text(err, ret,
				       "the log on %s holds more entries than fit into memory",
				       v->up.log_path);
	default:
		return rblk_error_text(err, ret,
				       "recovery of the log on %s failed (error %d, after %llu records)",
				       v->up.log_path, -ret, rep->records);
	}
}

static void rblk_start_map(struct rblk_volume *v, struct rblk_node *m, const struct log_reader *rd)
{
	struct rblk_map_report rep;

	rblk_node_map_load(m, rd, &rep);
	if (rep.mended)
		rblk_warn(v,
			  "of %u of %u blocks of the change map on %s, one copy is damaged: the other one is used, and both are written again\n",
			  rep.mended, rep.blocks, v->up.log_path);
	if (rep.lost)
		rblk_warn(v,
			  "%u of %u blocks of the change map on %s could not be read: their regions count as changed\n",
			  rep.lost, rep.blocks, v->up.log_path);
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
	cfg->forget = v->up.forget && !v->m;	/* it was said of the first start */
	cfg->frees = !rblk_volume_diskless(v) && rblk_dataio_frees(v);
	cfg->ops = &rblk_host_ops;
	cfg->host = v;
}

static int rblk_start_member(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	struct rblk_node_cfg *cfg = kzalloc(sizeof(*cfg), GFP_KERNEL);
	struct log_report rep;
	int ret = -ENOMEM;

	if (!cfg)
		goto nomem;
	rblk_member_cfg(v, cfg);
	cfg->damaged = r->copies.damaged;
	/* Of a large volume, it is more than kvzalloc() gives. */
	r->m = vzalloc(max_t(size_t, rblk_node_size(cfg), PAGE_SIZE));
	r->pages = vzalloc(rblk_node_pages_size());
	if (!r->m || !r->pages)
		goto nomem;
	ret = rblk_node_start(r->m, cfg, r->pages, &r->rd, &r->ds, rblk_now(), &rep);
	kfree(cfg);
	if (ret)
		return rblk_start_failed(v, ret, &rep, err);
	if (rep.owed.term)
		rblk_warn(v,
			  "log device %s is damaged (%s, record %llu): what this node lacks of what it had acknowledged, other members bring back, and until then it does not lead\n",
			  v->up.log_path, rblk_log_finding_name(rep.finding), rep.end_seq);
	rblk_info(v, "log: %llu records, %llu entries, %llu KiB; ends: %s, %llu records cut\n",
		  rep.records, rep.entries, rep.bytes >> 10, rblk_log_finding_name(rep.finding),
		  rep.cut_records);
	rblk_start_map(v, r->m, &r->rd);
	if (rblk_node_old_data(r->m))
		rblk_warn(v,
			  "data device %s is older than the log: it is as of entry %llu, and what has changed since comes from other members\n",
			  v->up.data_path, r->ds.index);
	return 0;
nomem:
	kfree(cfg);
	return rblk_error_text(err, ret, "no memory to start node %s", v->up.node);
}

/* A client makes up from its configuration what members have in their superblocks. */
static void rblk_client_super(struct rblk_volume *v)
{
	memcpy(v->super.volume, v->up.uuid, sizeof(v->super.volume));
	strscpy(v->super.volume_name, v->name, sizeof(v->super.volume_name));
	strscpy(v->super.node, v->up.node, sizeof(v->super.node));
	v->super.store = rblk_client_store(v->name, v->up.node);
	v->super.block_size = RBLK_BLOCK_SIZE;
	v->super.ring_bytes = LOG_RING_MIN;	/* only used for default limits */
}

static int rblk_start_client(struct rblk_volume *v, char *err)
{
	struct rblk_node_cfg *cfg;
	struct rblk_node *m = NULL;
	int ret;

	rblk_client_super(v);
	ret = rblk_start_pool(v, err);
	if (ret)
		return ret;
	cfg = kzalloc(sizeof(*cfg), GFP_KERNEL);
	if (cfg) {
		rblk_member_cfg(v, cfg);
		m = kvzalloc(max_t(size_t, rblk_client_size(cfg), PAGE_SIZE), GFP_KERNEL);
	}
	ret = m ? rblk_node_start_client(m, cfg, rblk_now()) : -ENOMEM;
	kfree(cfg);
	if (ret) {
		kvfree(m);
		return rblk_error_text(err, ret,
				       "the client could not be started (error %d)", -ret);
	}
	v->m = m;
	return 0;
}

/*
 * Opens both devices, and reads what they say they are. rblk_recovery_free() is due in either
 * case. Sleeps for as long as the devices take.
 */
int rblk_recovery_open(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	int ret = rblk_logio_open(v, err);

	if (!ret)
		ret = rblk_start_not_ours(rblk_logio_lower(v), v->up.log_path, err);
	if (ret)
		return ret;
	ret = rblk_logio_reader(v, &r->rd);
	if (ret)
		return rblk_error_text(err, ret, "no memory to read log device %s", v->up.log_path);
	ret = rblk_start_super(v, r, err);
	return ret ? ret : rblk_recovery_data(v, r, err);
}

/*
 * Starts a node on the devices, which are open. What recovery read may still be in a volatile
 * cache only. Sleeps for as long as the devices take.
 */
int rblk_recovery_start(struct rblk_volume *v, struct rblk_recovery *r, char *err)
{
	int ret = rblk_start_member(v, r, err);

	if (ret)
		return ret;
	ret = rblk_logio_flush(v);
	if (ret)
		return rblk_error_text(err, ret, "flushing log device %s failed (error %d)",
				       v->up.log_path, -ret);
	ret = rblk_dataio_flush(v);
	if (ret)
		return rblk_error_text(err, ret, "flushing data device %s failed (error %d)",
				       v->up.data_path, -ret);
	return 0;
}

/* Frees what is left of a recovery. */
void rblk_recovery_free(struct rblk_recovery *r)
{
	vfree(r->rd.scratch);
	vfree(r->m);
	vfree(r->pages);
	kfree(r);
}

static int rblk_start_replica(struct rblk_volume *v, char *err)
{
	struct rblk_recovery *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int ret;

	if (!r)
		return rblk_error_text(err, -ENOMEM, "no memory to start node %s", v->up.node);
	ret = rblk_recovery_open(v, r, err);
	if (!ret)
		ret = rblk_start_pool(v, err);
	if (!ret)
		ret = rblk_recovery_start(v, r, err);
	if (!ret) {
		swap(v->m, r->m);
		swap(v->life->node_pages, r->pages);
	}
	rblk_recovery_free(r);
	return ret;
}

/* Starts everything below the disk. */
static int rblk_start_devices(struct rblk_volume *v, char *err)
{
	return rblk_volume_diskless(v) ? rblk_start_client(v, err) : rblk_start_replica(v, err);
}

static int rblk_start_rest(struct rblk_volume *v, char *err)
{
	struct task_struct *loop;
	int ret;

	ret = rblk_disk_create(v, v->up.minor);
	if (ret == -EEXIST)
		return rblk_error_text(err, ret, "/dev/" RBLK_NAME "%d is in use by another volume",
				       v->up.minor);
	if (ret)
		return rblk_error_text(err, ret, "the block device could not be created (error %d)",
				       -ret);
	ret = rblk_peers_start(v, err);
	if (ret)
		return ret;
	ret = rblk_volume_diskless(v) ? 0 : rblk_logio_start(v) ?: rblk_dataio_start(v);
	if (ret)
		return rblk_error_text(err, ret,
				       "the threads of the devices could not be started");
	mutex_lock(&v->owner);
	rblk_status_publish(v);
	mutex_unlock(&v->owner);
	loop = kthread_create(rblk_volume_loop, v, "raftblk%d", rblk_volume_minor(v));
	if (IS_ERR(loop))
		return rblk_error_text(err, PTR_ERR(loop),
				       "the thread of the volume could not be started");
	get_task_struct(loop);
	v->life->loop = loop;
	wake_up_process(loop);
	ret = rblk_disk_add(v);
	if (ret)
		return rblk_error_text(err, ret, "the block device could not be added (error %d)",
				       -ret);
	rblk_debugfs_add(v);
	return 0;
}

/* "up", in a worker. */
void rblk_volume_start_work(struct work_struct *work)
{
	struct rblk_volume *v = container_of(work, struct rblk_life, start_work)->v;
	struct net *net = get_net(v->net);
	char err[RBLK_ERR_MAX] = "";
	u64 op_id = v->life->up_op;
	int ret;

	rblk_volume_get(v);
	ret = rblk_start_devices(v, err);
	if (!ret)
		ret = rblk_start_rest(v, err);
	if (ret) {
		rblk_err(v, "up failed: %s\n", err);
		rblk_volume_set_state(v, RBLK_V_FAILED);
		rblk_volume_teardown(v);
		rblk_volume_gone(v, op_id, ret, err);
	} else {
		rblk_info(v, "up as /dev/" RBLK_NAME "%d\n", rblk_volume_minor(v));
		/* From now on it may go down at any time. */
		rblk_volume_set_state(v, RBLK_V_RUNNING);
		rblk_notify_end(v, op_id, 0, "up", GFP_KERNEL);
	}
	put_net(net);
	rblk_volume_put(v);
}
