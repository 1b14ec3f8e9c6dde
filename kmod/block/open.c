// SPDX-License-Identifier: GPL-2.0
/*
 * Opening for writing takes the volume's session. The caller holds open_mutex
 * there, so the wait is killable and short, and nothing that completes a
 * request ever needs open_mutex. Where pages are cached from before the session,
 * those that are being read are waited for: with a quorum, that is short, too.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "block/internal.h"
#include "compat.h"

#define RBLK_POLL_MS	50

/**
 * rblk_disk_open_done() - the member answered an open
 * @d: the disk
 * @token: of the open
 * @error: 0 or -errno
 *
 * Context: owner.
 */
void rblk_disk_open_done(struct rblk_disk *d, u64 token, int error)
{
	if (token != d->open_token)
		return;		/* it did not wait for so long */
	d->open_result = error;
	wake_up_all(&d->v->noted);
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
	if (d->open_token)
		rblk_node_open_cancel(d->v->m);
	d->open_token = 0;
}

/**
 * rblk_disk_opening() - does an opener wait for the session?
 * @v: the volume
 *
 * Context: owner.
 * Return: true: the node was asked on behalf of an opener, and has not answered.
 */
bool rblk_disk_opening(const struct rblk_volume *v)
{
	return v->disk->open_token;
}

/* Owner. Asks the member; what it answers, if it is not known at once, comes later. */
static int rblk_open_ask(struct rblk_disk *d)
{
	u64 token = RBLK_TOKEN_OPEN | ++d->open_gen;
	int r;

	rblk_node_use(d->v->m, true);
	d->open_token = token;
	d->open_result = 1;
	r = rblk_node_open(d->v->m, false, token);
	if (!r) {
		rblk_volume_kick(d->v, RBLK_KICK_CTL);
		return -EINPROGRESS;
	}
	d->open_token = 0;
	return r;
}

/* Owner. */
static int rblk_open_answered(struct rblk_disk *d)
{
	int r = d->open_result;

	if (r == 1)
		return -EINPROGRESS;
	d->open_token = 0;
	if (r == -EBUSY) {
		rblk_node_status(d->v->m, &d->v->st);
		rblk_warn_limited(d->v, "open for writing refused: %s holds the session\n",
				  rblk_store_name(d->v, &d->v->st, d->v->st.holder));
	}
	/* Granted: asking again says whether it is held still. */
	return r ? r : -EAGAIN;
}

/*
 * One step towards the session, as owner. 0: it is held; -EAGAIN: try again;
 * -EINPROGRESS: an answer follows; else the open fails.
 */
static int rblk_open_step(struct rblk_disk *d)
{
	struct rblk_volume *v = d->v;
	int r;

	lockdep_assert_held(&v->owner);
	if (v->stopped || READ_ONCE(d->closing))
		return -ENXIO;
	rblk_disk_open_cancel(d);
	if (d->open_token) {
		r = rblk_open_answered(d);
		if (r != -EAGAIN)
			return r;
	}
	r = rblk_open_ask(d);
	if (r == -EALREADY) {
		rblk_disk_refresh(d);
		/* rblk_open_clean() may have to wait for reads: these need a quorum. */
		return d->clean_epoch == d->epoch || v->st.ready ? 0 : -EAGAIN;
	}
	if (r != -ESTALE || atomic_read(&d->openers) > 1)
		return r;
	/* Fenced, and all who had it open are gone. */
	rblk_node_session_reset(v->m);
	return -EAGAIN;
}

/* Nobody waits for the answer any more. Who was killed must not wait for the owner, either. */
static void rblk_open_stop(struct rblk_disk *d)
{
	WRITE_ONCE(d->open_stopped, true);
	rblk_volume_kick(d->v, RBLK_KICK_CTL);
}

/* Under open_mutex, which makes it one at a time: killable, bounded. */
static int rblk_open_wait(struct rblk_disk *d)
{
	unsigned long end = jiffies + msecs_to_jiffies(RBLK_OPEN_WAIT_MS);
	struct rblk_volume *v = d->v;
	int r;

	for (;;) {
		if (mutex_lock_killable(&v->owner))
			return -EINTR;
		r = rblk_open_step(d);
		mutex_unlock(&v->owner);
		if (r != -EAGAIN && r != -EINPROGRESS)
			return r;
		if (time_after(jiffies, end)) {
			rblk_warn_limited(v,
					  "open for writing: no session within %d ms (no leader, or no quorum)\n",
					  RBLK_OPEN_WAIT_MS);
			return -EBUSY;
		}
		if (wait_event_killable_timeout(v->noted, READ_ONCE(d->open_token) &&
						READ_ONCE(d->open_result) != 1,
						msecs_to_jiffies(RBLK_POLL_MS)) < 0)
			return -EINTR;
	}
}

/*
 * Under open_mutex. What a reader cached here may be old: before this session another
 * node may have written. The session may be older than this open: whoever asked for it
 * may have been killed, or have given up. A file system has caches of its own, so none
 * may hold the device, read-only as it is. Pages that are being read are waited for: the
 * member ends no read under a session with what is older than it.
 */
static int rblk_open_clean(struct rblk_disk *d)
{
	struct block_device *bdev = d->gd->part0;
	u64 epoch = READ_ONCE(d->epoch);

	if (d->clean_epoch == epoch)
		return 0;
	if (READ_ONCE(bdev->bd_holders))
		goto in_use;
	invalidate_bdev(bdev);
	if (invalidate_inode_pages2(rblk_bdev_mapping(bdev)))
		goto in_use;
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
 * Context: process, under open_mutex; sleeps: killable, and bounded, for the session;
 * not so for pages of before it that are being read.
 * Return: 0; -EBUSY: another node has it, or nobody answers, or what is cached is in
 * use; -EINTR; -ENXIO: going down.
 */
int rblk_open_session(struct rblk_disk *d)
{
	int r = rblk_open_wait(d);

	if (r)
		rblk_open_stop(d);
	else
		r = rblk_open_clean(d);
	if (!r)
		rblk_disk_apply_state(d);
	return r;
}
