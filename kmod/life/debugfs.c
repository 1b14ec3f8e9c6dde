// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/raftblk/raftblkN/state: everything that is known of a volume,
 * for people. raftblk/<volume> is a link to the directory; if several nodes of a
 * volume are up on one kernel (in tests), the first one has the link.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "block/block.h"
#include "life/internal.h"

#define RBLK_SHOW_ENTRIES	64
/* More than is ever printed: else it would all be printed again, into twice the room. */
#define RBLK_DUMP_BYTES		(64u << 10)

static struct dentry *rblk_debugfs_root;
static DEFINE_MUTEX(rblk_debugfs_names); /* held from the check that a name is free to its use */

static void rblk_show_raft(struct seq_file *m, struct rblk_volume *v,
			   const struct rblk_node_status *st)
{
	const struct raft_status *r = &st->raft;
	u32 i;

	seq_printf(m, "raft: %s term %llu vote %016llx leader %s ready %d\n",
		   rblk_role_name(r->role), r->term, r->vote, rblk_leader_name(v, st),
		   r->leader_ready);
	seq_printf(m, "  snap %llu/%llu last %llu/%llu durable %llu commit %llu read_ok %llu\n",
		   r->snap.term, r->snap.index, r->last.term, r->last.index, r->durable,
		   r->commit, r->read_ok);
	seq_printf(m, "  elections %llu bad messages %llu rejected appends %llu\n", r->elections,
		   r->bad_msgs, r->rejects);
	for (i = 0; i < r->npeers; i++)
		seq_printf(m,
			   "  %016llx flags %u state %u active %u match %llu next %llu inflight %u\n",
			   r->peer[i].store, r->peer[i].flags, r->peer[i].state, r->peer[i].active,
			   r->peer[i].match, r->peer[i].next, r->peer[i].inflight);
	for (i = 0; i < st->npeers; i++)
		seq_printf(m,
			   "  %s store %016llx generation %llu up %u/%u match %llu resync %u reject %u\n",
			   st->peer[i].node, st->peer[i].store, st->peer[i].generation,
			   st->peer[i].up[WIRE_CONSENSUS], st->peer[i].up[WIRE_BULK],
			   st->peer[i].match, st->peer[i].needs_resync, st->peer[i].last_reject);
}

static void rblk_show_node(struct seq_file *m, const struct rblk_node_status *st)
{
	seq_printf(m, "node: halt %d (%d) ready %d resync %d generation %llu\n", st->halt,
		   st->halt_error, st->ready, st->needs_resync, st->generation);
	if (st->invariant)
		seq_printf(m, "broken invariant: %s\n", st->invariant);
	seq_printf(m, "  conf %llu members %u sectors %llu cluster %016llx\n", st->conf.index,
		   st->conf.n, st->conf.sectors, st->conf.cluster);
	seq_printf(m, "  live %llu digest %016llx applied %llu checkpoint %llu unapplied %llu\n",
		   st->executed_index, st->digest, st->applied_index, st->checkpoint_index,
		   st->unapplied_bytes);
	seq_printf(m, "  ring %llu of %llu, entries %llu of %llu, records in flight %llu\n",
		   st->ring_used, st->ring_bytes, st->log_entries, st->log_entries_max,
		   st->inflight_records);
	seq_printf(m, "  session %d epoch %llu seq %llu done %llu; holder %016llx epoch %llu\n",
		   st->session, st->session_epoch, st->session_seq, st->session_done, st->holder,
		   st->holder_epoch);
	seq_printf(m,
		   "  writes %llu reads %llu retried %llu refused %llu truncated %llu readbacks %llu\n",
		   st->writes, st->reads, st->reads_retried, st->proposals_refused, st->truncated,
		   st->readbacks);
	seq_printf(m,
		   "  records %llu bytes %llu applies %llu blocks %llu checkpoints %llu meta %llu\n",
		   st->records, st->log_bytes, st->applies, st->applied_blocks, st->checkpoints,
		   st->meta_writes);
}

static void rblk_show_entries(struct seq_file *m, struct rblk_volume *v,
			      const struct rblk_node_status *st)
{
	u64 i = st->raft.snap.index, last = st->raft.last.index;

	if (last - i > RBLK_SHOW_ENTRIES)
		i = last - RBLK_SHOW_ENTRIES;
	seq_printf(m, "entries: the newest of %llu\n", last - st->raft.snap.index);
	while (i < last) {
		const struct rblk_entry *e = rblk_node_entry(v->m, ++i);

		if (e)
			seq_printf(m,
				   "  %llu term %llu kind %u sector %llu+%u blocks %u epoch %llu seq %llu csum %08x\n",
				   e->index, e->term, e->kind, e->sector, e->nsect, e->nblocks,
				   e->epoch, e->seq, e->csum);
	}
}

static void rblk_show_info(struct seq_file *m, const struct rblk_volume_info *info)
{
	int i;

	seq_printf(m, "volume %s node %s state %s minor %d sectors %llu\n", info->volume,
		   info->node, rblk_volume_state_name(info->state), info->minor, info->sectors);
	seq_printf(m, "log %s data %s openers %llu in flight %llu\n", info->log_path,
		   info->data_path, info->openers, info->inflight);
	for (i = 0; i < RBLK_BUDGETS; i++)
		seq_printf(m, "pool %d: %u free of %u pages\n", i, info->pool_free[i],
			   info->pool_size[i]);
	seq_printf(m, "frames: %llu sent %llu received %llu bad, bytes: %llu sent %llu received\n",
		   info->frames_sent, info->frames_received, info->frames_bad, info->bytes_sent,
		   info->bytes_received);
}

/* Called by the loop, as owner. It prints into the buffer of the reader, which waits. */
static void rblk_dump_owner(struct rblk_volume *v, void *arg, u64 now)
{
	struct seq_file *m = arg;

	rblk_node_status(v->m, &v->st);
	rblk_show_raft(m, v, &v->st);
	rblk_show_node(m, &v->st);
	rblk_disk_show(v, m);
	rblk_show_entries(m, v, &v->st);
}

static int rblk_dump_show(struct seq_file *m, void *unused)
{
	struct rblk_volume *v = m->private;
	struct rblk_volume_info *info;
	int ret;

	info = kvmalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	ret = rblk_volume_info(v, info, rblk_look_until());
	rblk_show_info(m, info);
	if (!ret) {
		seq_printf(m, "as of %llu ms ago\n", info->age_ms);
		ret = rblk_volume_call(v, rblk_dump_owner, m);
	}
	if (ret)
		seq_printf(m, "the volume does not answer: error %d\n", -ret);
	kvfree(info);
	return 0;
}

static int rblk_dump_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, rblk_dump_show, inode->i_private, RBLK_DUMP_BYTES);
}

static const struct file_operations rblk_dump_fops = {
	.owner		= THIS_MODULE,
	.open		= rblk_dump_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/* Adds the directory of a volume, which has its disk. */
void rblk_debugfs_add(struct rblk_volume *v)
{
	struct dentry *other;
	char name[32];

	snprintf(name, sizeof(name), RBLK_NAME "%d", rblk_volume_minor(v));
	v->life->debugfs = debugfs_create_dir(name, rblk_debugfs_root);
	debugfs_create_file("state", 0400, v->life->debugfs, v, &rblk_dump_fops);
	/* A directory, perhaps a later one, may need this name, and takes precedence. */
	if (!strncmp(v->name, RBLK_NAME, strlen(RBLK_NAME)))
		return;
	mutex_lock(&rblk_debugfs_names);
	other = debugfs_lookup(v->name, rblk_debugfs_root);
	if (!other)
		v->life->debugfs_link = debugfs_create_symlink(v->name, rblk_debugfs_root, name);
	else if (!IS_ERR(other))	/* an error: the kernel has no debugfs */
		dput(other);
	mutex_unlock(&rblk_debugfs_names);
}

/* Removes the directory of a volume. Sleeps until nobody uses its files. */
void rblk_debugfs_del(struct rblk_volume *v)
{
	debugfs_remove(v->life->debugfs_link);
	debugfs_remove(v->life->debugfs);
	v->life->debugfs_link = NULL;
	v->life->debugfs = NULL;
}

/**
 * rblk_debugfs_init() - make the directory of the module
 *
 * Context: process; sleeps.
 */
void rblk_debugfs_init(void)
{
	rblk_debugfs_root = debugfs_create_dir(RBLK_NAME, NULL);
}

/**
 * rblk_debugfs_exit() - remove the directory of the module
 *
 * Context: process; sleeps.
 */
void rblk_debugfs_exit(void)
{
	debugfs_remove(rblk_debugfs_root);
}
