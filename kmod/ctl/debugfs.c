// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/raftblk/raftblkN/state: everything that is known of a
 * volume, for people. raftblk/<volume> is a link to it; where several members
 * of one volume are up on one kernel (tests), the first one has the link.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "host/host.h"

#define RB_SHOW_ENTRIES	64

static struct dentry *rb_debugfs_root;
static DEFINE_MUTEX(rb_debugfs_names);	/* between looking whether a name is free and using it */

static void rb_show_raft(struct seq_file *m, struct rb_volume *v, const struct member_status *st)
{
	const struct raft_status *r = &st->raft;
	u32 i;

	seq_printf(m, "raft: %s term %llu vote %016llx leader %s ready %d\n",
		   rb_role_name(r->role), r->term, r->vote, rb_leader_name(v, st),
		   r->leader_ready);
	seq_printf(m, "  snap %llu/%llu last %llu/%llu durable %llu commit %llu read_ok %llu\n",
		   r->snap.term, r->snap.index, r->last.term, r->last.index, r->durable,
		   r->commit, r->read_ok);
	seq_printf(m, "  elections %llu bad messages %llu\n", r->elections, r->bad_msgs);
	for (i = 0; i < r->npeers; i++)
		seq_printf(m, "  %016llx flags %u state %u active %u match %llu next %llu inflight %u\n",
			   r->peer[i].store, r->peer[i].flags, r->peer[i].state,
			   r->peer[i].active, r->peer[i].match, r->peer[i].next,
			   r->peer[i].inflight);
	for (i = 0; i < st->npeers; i++)
		seq_printf(m, "  %s store %016llx generation %llu up %u/%u match %llu resync %u reject %u\n",
			   st->peer[i].node, st->peer[i].store, st->peer[i].generation,
			   st->peer[i].up[WIRE_CONSENSUS], st->peer[i].up[WIRE_BULK],
			   st->peer[i].match, st->peer[i].needs_resync, st->peer[i].last_reject);
}

static void rb_show_member(struct seq_file *m, const struct member_status *st)
{
	seq_printf(m, "member: halt %d (%d) ready %d resync %d generation %llu\n", st->halt,
		   st->halt_error, st->ready, st->needs_resync, st->generation);
	seq_printf(m, "  conf %llu members %u sectors %llu nonce %016llx\n", st->conf.index,
		   st->conf.n, st->conf.sectors, st->conf.nonce);
	seq_printf(m, "  live %llu digest %016llx applied %llu checkpoint %llu unapplied %llu\n",
		   st->live_index, st->digest, st->applied_index, st->checkpoint_index,
		   st->unapplied_bytes);
	seq_printf(m, "  ring %llu of %llu, entries %llu of %llu, records in flight %llu\n",
		   st->ring_used, st->ring_bytes, st->log_entries, st->log_entries_max,
		   st->inflight_records);
	seq_printf(m, "  session %d epoch %llu seq %llu done %llu; holder %016llx epoch %llu\n",
		   st->session, st->session_epoch, st->session_seq, st->session_done, st->holder,
		   st->holder_epoch);
	seq_printf(m, "  writes %llu reads %llu retried %llu refused %llu truncated %llu readbacks %llu\n",
		   st->writes, st->reads, st->reads_retried, st->proposals_refused,
		   st->truncated, st->readbacks);
	seq_printf(m, "  records %llu bytes %llu applies %llu blocks %llu checkpoints %llu meta %llu\n",
		   st->records, st->log_bytes, st->applies, st->applied_blocks, st->checkpoints,
		   st->meta_writes);
}

static void rb_show_entries(struct seq_file *m, struct rb_volume *v,
			    const struct member_status *st)
{
	u64 i = st->raft.snap.index, last = st->raft.last.index;

	if (last - i > RB_SHOW_ENTRIES)
		i = last - RB_SHOW_ENTRIES;
	seq_printf(m, "entries: the newest of %llu\n", last - st->raft.snap.index);
	while (i < last) {
		const struct rb_entry *e = member_entry(v->m, ++i);

		if (e)
			seq_printf(m, "  %llu term %llu kind %u sector %llu+%u blocks %u epoch %llu seq %llu csum %08x\n",
				   e->index, e->term, e->kind, e->sector, e->nsect, e->nblocks,
				   e->epoch, e->seq, e->csum);
	}
}

static void rb_show_info(struct seq_file *m, const struct rb_volume_info *info)
{
	int i;

	seq_printf(m, "volume %s node %s state %s minor %d sectors %llu\n", info->volume,
		   info->node, rb_volume_state_name(info->state), info->minor, info->sectors);
	seq_printf(m, "log %s data %s openers %llu in flight %llu\n", info->log_path,
		   info->data_path, info->openers, info->inflight);
	for (i = 0; i < RB_BUDGETS; i++)
		seq_printf(m, "pool %d: %u free of %u pages\n", i, info->pool_free[i],
			   info->pool_size[i]);
	seq_printf(m, "frames: %llu sent %llu received %llu bad, bytes: %llu sent %llu received\n",
		   info->frames_sent, info->frames_received, info->frames_bad, info->bytes_sent,
		   info->bytes_received);
}

static int rb_state_show(struct seq_file *m, void *unused)
{
	struct rb_volume *v = m->private;
	struct rb_volume_info *info;
	int r;

	info = kmalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	r = rb_volume_info(v, info);
	rb_show_info(m, info);
	if (!r)
		r = rb_volume_lock_timeout(v);
	if (r) {
		seq_printf(m, "no more can be told: error %d\n", -r);
		kfree(info);
		return 0;
	}
	if (v->m && v->disk && !v->stopped) {
		member_status(v->m, &info->member);
		rb_show_raft(m, v, &info->member);
		rb_show_member(m, &info->member);
		rb_disk_show(v, m);
		rb_show_entries(m, v, &info->member);
		seq_printf(m, "audit: %d\n", member_check(v->m, false));
	}
	mutex_unlock(&v->owner);
	/* The audit may have halted the member: the loop tells. */
	rb_volume_kick(v, RB_KICK_CTL);
	kfree(info);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rb_state);

/**
 * rb_debugfs_add() - make the volume's directory
 * @v: the volume, with its disk
 *
 * Context: process; sleeps.
 */
void rb_debugfs_add(struct rb_volume *v)
{
	struct dentry *other;
	char name[32];

	snprintf(name, sizeof(name), RB_NAME "%d", rb_disk_minor(v));
	v->debugfs = debugfs_create_dir(name, rb_debugfs_root);
	debugfs_create_file("state", 0400, v->debugfs, v, &rb_state_fops);
	/* The name of another's directory, perhaps of one to come: the directory has it. */
	if (!strncmp(v->name, RB_NAME, strlen(RB_NAME)))
		return;
	mutex_lock(&rb_debugfs_names);
	other = debugfs_lookup(v->name, rb_debugfs_root);
	if (other)
		dput(other);
	else
		v->debugfs_link = debugfs_create_symlink(v->name, rb_debugfs_root, name);
	mutex_unlock(&rb_debugfs_names);
}

/**
 * rb_debugfs_del() - remove it
 * @v: the volume
 *
 * Context: process; sleeps until nobody is in the files any more.
 */
void rb_debugfs_del(struct rb_volume *v)
{
	debugfs_remove(v->debugfs_link);
	debugfs_remove(v->debugfs);
	v->debugfs_link = NULL;
	v->debugfs = NULL;
}

/**
 * rb_debugfs_init() - make the module's directory
 *
 * Context: process; sleeps.
 */
void rb_debugfs_init(void)
{
	rb_debugfs_root = debugfs_create_dir(RB_NAME, NULL);
}

/**
 * rb_debugfs_exit() - remove it
 *
 * Context: process; sleeps.
 */
void rb_debugfs_exit(void)
{
	debugfs_remove(rb_debugfs_root);
}
