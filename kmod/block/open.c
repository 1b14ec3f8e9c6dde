// SPDX-License-Identifier: GPL-2.0
/*
 * Opening for writing takes the volume's session. The node asks for it, again and again,
 * until a deadline; the opener only waits for the answer. It holds open_mutex meanwhile, so
 * there is one at a time, its wait is killable and short, and nothing that completes a
 * request ever needs open_mutex. Where pages are cached from before the session, those that
 * are being read are waited for, killable as well.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "block/internal.h"
#include "compat.h"

#define RBLK_LOOP_WAIT_MS	1000	/* and no longer for the loop, after the deadline */

/**
 * rblk_disk_open_done() - the node answered an open
 * @d: the disk
 * @token: of the open
 * @error: 0 or -errno
 *
 * Context: owner.
 */
void rblk_disk_open_done(struct rblk_disk *d, u64 token, int error)
{
	if (token != d->open_token)
		return;		/* the opener no longer waits */
	WRITE_ONCE(d->open_result, error);
	wake_up(&d->open_wait);
}

/**
 * rblk_disk_open_cancel() - call off an open that nobody waits for
 * @d: the disk
 *
 * Context: owner.
 */
void rblk_disk_open_cancel(struct rblk_disk *d)
{
	if (!READ_ONCE(d->open_stopped))
		return;
	WRITE_ONCE(d->open_stopped, false);
	rblk_node_open_cancel(d->v->m, d->open_token);
	d->open_token = 0;
}

/* Other openers wait meanwhile, and cannot be killed: so there is an end to it. */
static u32 rblk_open_wait_ms(const struct rblk_volume *v)
{
	u32 ms = v->up.io_timeout_ms;

	return ms ? min_t(u32, ms, RBLK_OPEN_WAIT_MS) : RBLK_OPEN_WAIT_MS;
}

/*
 * Owner. 0: the session is held, and what is cached here is of it; -EINPROGRESS: an answer
 * follows; else the open fails. Where pages may have to be dropped, those that are being
 * read are waited for: that takes a leader.
 */
static int rblk_open_begin(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;
	bool clean;
	int ret;

	lockdep_assert_held(&v->owner);
	if (v->stopped || READ_ONCE(d->closing))
		return -ENXIO;
	rblk_disk_open_cancel(d);
	rblk_node_use(v->m, true);
	rblk_disk_unfence(v, 1);
	rblk_disk_refresh(d);
	if (!rblk_volume_diskless(v) && !v->st.conf.index)
		return -ENXIO;	/* not bootstrapped: that may be never */
	clean = d->epoch && d->clean_epoch == d->epoch;
	d->open_token = RBLK_TOKEN_OPEN | ++d->open_gen;
	d->open_result = -EINPROGRESS;
	ret = rblk_node_open(v->m, clean ? 0 : NODE_OPEN_SERVED,
			     rblk_now() + rblk_open_wait_ms(v) * RBLK_NSEC_PER_MSEC, d->open_token);
	if (!ret) {
		rblk_volume_kick(v, RBLK_KICK_CTL);
		return -EINPROGRESS;
	}
	d->open_token = 0;
	return ret == -EALREADY ? 0 : ret;
}

/* Owner. */
static void rblk_open_refused(struct rblk_volume *v)
{
	if (v->st.conf.flags & RBLK_CONF_SHARED)
		rblk_warn_limited(v, "open for writing refused: all %u sessions are in use\n",
				  RBLK_SESSIONS_MAX);
	else
		rblk_warn_limited(v, "open for writing refused: %s holds the session\n",
				  rblk_store_name(v, &v->st, v->st.holder));
}

/* Owner. The answer, or -EINPROGRESS: the loop is stuck. */
static int rblk_open_end(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;

	lockdep_assert_held(&v->owner);
	if (v->stopped || READ_ONCE(d->closing))
		return -ENXIO;
	rblk_disk_refresh(d);
	if (d->open_result == -EBUSY)
		rblk_open_refused(v);
	/* Fenced again before this opener came to run: then it was not granted. */
	return d->open_result || d->epoch ? d->open_result : -ESTALE;
}

/* The opener no longer waits. If it was killed, it must not wait for the owner, either. */
static void rblk_open_stop(struct rblk_disk *d)
{
	WRITE_ONCE(d->open_stopped, true);
	rblk_volume_kick(d->v, RBLK_KICK_CTL);
}

/* Under open_mutex, which makes it one at a time: killable, bounded. */
static int rblk_open_wait(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;
	long left;
	int ret;

	if (mutex_lock_killable(&v->owner))
		return -EINTR;
	ret = rblk_open_begin(d);
	mutex_unlock(&v->owner);
	if (ret != -EINPROGRESS)
		return ret;
	left = wait_event_killable_timeout(d->open_wait, READ_ONCE(d->open_result) != -EINPROGRESS,
					   msecs_to_jiffies(rblk_open_wait_ms(v) +
							    RBLK_LOOP_WAIT_MS));
	if (left < 0)
		return -EINTR;
	if (mutex_lock_killable(&v->owner))
		return -EINTR;
	ret = rblk_open_end(d);
	mutex_unlock(&v->owner);
	return ret;
}

/*
 * The first open after all that used a fenced session are gone, for reading: it may come
 * before the worker that resets the session, which this opener would hinder.
 */
int rblk_open_unfence(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;
	int ret = -ENXIO;

	if (mutex_lock_killable(&v->owner))
		return -EINTR;
	if (!v->stopped) {
		rblk_disk_unfence(v, 1);
		rblk_disk_refresh(d);
		ret = 0;
	}
	mutex_unlock(&v->owner);
	return ret;
}

/*
 * Waits for the pages that are being read. That may take as long as a device below takes, and
 * invalidate_inode_pages2() would not let the opener be killed.
 */
static int rblk_open_settle(struct address_space *mapping)
{
	struct folio_batch batch;
	pgoff_t next = 0;
	int ret = 0;
	u32 i;

	folio_batch_init(&batch);
	while (!ret && filemap_get_folios(mapping, &next, ULONG_MAX, &batch)) {
		for (i = 0; !ret && i < folio_batch_count(&batch); i++)
			ret = folio_wait_locked_killable(batch.folios[i]);
		folio_batch_release(&batch);
		cond_resched();
	}
	return ret;
}

static int rblk_open_drop(struct block_device *bdev)
{
	struct address_space *mapping = rblk_bdev_mapping(bdev);
	int ret = rblk_open_settle(mapping);

	if (ret)
		return ret;
	invalidate_bdev(bdev);
	return invalidate_inode_pages2(mapping);
}

/*
 * Under open_mutex. What a reader cached here may be old: before this session another
 * node may have written. The session may be older than this open: whoever asked for it
 * may have been killed, or have given up. A file system has caches of its own, so none
 * may hold the device, read-only as it is. Pages that are being read are waited for: the
 * node ends no read under a session with what is older than it.
 */
static int rblk_open_clean(struct rblk_disk *d)
{
	u64 epoch = READ_ONCE(d->epoch);
	struct block_device *bdev;
	unsigned long partno;
	int ret;

	if (d->clean_epoch == epoch)
		return 0;
	ret = rblk_table_check(d);
	if (ret)
		return ret;
	if (READ_ONCE(d->gd->part0->bd_holders))	/* or a partition's */
		goto in_use;
	xa_for_each(&d->gd->part_tbl, partno, bdev) {
		ret = rblk_open_drop(bdev);
		if (ret == -EINTR)
			return ret;
		if (ret)
			goto in_use;
	}
	WRITE_ONCE(d->clean_epoch, epoch);
	return 0;

in_use:
	rblk_warn_limited(d->v,
			  "open for writing refused: what was cached here before this session is in use; is it mounted read-only?\n");
	return -EBUSY;
}

/**
 * rblk_open_session() - an open for writing: take the session, drop what is cached
 * @d: the disk
 *
 * Context: process, under open_mutex; sleeps, killable: bounded, for the session; not so
 * for pages of before it that are being read.
 * Return: 0; -EBUSY: another node has it, or what is cached is in use; -ETIMEDOUT: nobody
 * answers; -ESTALE: fenced; -EINTR: killed; -ENXIO: going down, or not bootstrapped;
 * -ESHUTDOWN or -EIO: this node is halted, or halted meanwhile.
 */
int rblk_open_session(struct rblk_disk *d)
{
	int ret = rblk_open_wait(d);

	if (!ret)
		ret = rblk_open_clean(d);
	else
		rblk_open_stop(d);
	if (!ret)
		rblk_disk_apply_state(d);
	if (ret != -ETIMEDOUT && ret != -EINPROGRESS)
		return ret;
	rblk_warn_limited(d->v,
			  "open for writing: no session within %u ms (no leader, or no quorum)\n",
			  rblk_open_wait_ms(d->v));
	return -ETIMEDOUT;
}
