// SPDX-License-Identifier: GPL-2.0
/*
 * A data device that fails takes the image with it, and nothing else: the log has all that this
 * member has acknowledged and not checkpointed. So where there are others, the member goes on
 * without data. It is fed, acknowledges and votes like any other, and says to all that it lacks
 * a part of the image, as during a resync: nobody reads here, and if it is elected it serves
 * nobody and hands over.
 *
 *  - Entries are applied to nowhere, so that they take up no memory. That is of no account on disk:
 *    there are no checkpoints, and the log keeps everything behind the newest one.
 *  - A checkpoint that has not flushed yet is given up. One that has goes on: what is left of it
 *    concerns the log device alone.
 *  - Ends of what the device was asked for before are counted, and count for nothing. It may hang,
 *    and never tell.
 *  - A device that has failed is older than its log from then on, and the metadata says so, by its
 *    number, before anything is written that counts on it. So it does not matter what the device
 *    has made of what was not flushed, nor which one is there at the next start: it has what its
 *    header says, what the change map says has changed since is pulled, and the log has the rest.
 *    Nor does it matter what had landed there and was not flushed. What counts as absent here once
 *    the state of another member is installed is what has changed since the newest checkpoint; what
 *    a device really lacks is found anew, from its header and the map.
 *  - When the log is full, the leader goes on without this member, which then goes on from the
 *    state of another one, like any member that is left behind. See spare.c for when it may.
 *
 * This lasts until the member is started again, or is given a data device while it runs: see
 * node/attach.c. Nothing of it is on disk but that number.
 */
#include "internal.h"

/* What was on its way to the device no longer is, whatever becomes of it there. */
static void drop_batch(struct rblk_replica *r)
{
	if (r->apply_busy && !r->resync.landing && r->rewrite.phase != REWRITE_WRITE)
		rblk_vol_apply_abort(r->vol);
	r->apply_busy = false;
	/* Other content that was asked for is given up with its phase; what changed is of use. */
	if (r->resync.landing)
		rblk_replica_pull_forget(r, r->resync.landing);
	r->resync.landing = NULL;
	r->resync.waits = false;
	/* Payload that is being read back for a batch would come after its entry was released. */
	r->apply_feed.wanted = false;
	r->apply_feed.stale = r->apply_feed.rb.busy;
	rblk_replica_rewrite_end(r);
}

static void drop_header(struct rblk_replica *r)
{
	u32 headers = LOG_C_BIT(LOG_C_DATA) | LOG_C_BIT(LOG_C_DATA2);

	r->unmended &= ~headers;
	if (r->mending != LOG_C_NR && LOG_C_BIT(r->mending) & headers)
		r->mending = LOG_C_NR;
	if (r->ckpt != CKPT_SYNC)
		return;
	r->ckpt = CKPT_IDLE;
	r->ckpt_busy = false;
	/* The state of another member is installed without it. */
	r->resync.installing = false;
}

/* No header that was written, or is being written, has as high a number. */
static void leave_device(struct rblk_replica *r)
{
	r->data.seq = max_t(u64, r->data.seq, r->meta.image_seq) + 1;
	r->meta.image_seq = r->data.seq;
	r->meta_dirty = true;
}

/**
 * rblk_replica_data_failed() - the data device has failed, is gone, or will never answer
 * @r: replica
 * @error: -errno
 *
 * Without other members, or before it is one itself, the replica cannot go on.
 */
void rblk_replica_data_failed(struct rblk_replica *r, int error)
{
	if (r->g->halt != NODE_RUNNING || r->nodata)
		return;
	if (!r->started || r->bootstrapping || r->g->conf.n < 2) {
		rblk_ground_halt(r->g, NODE_HALT_DATA, error);
		return;
	}
	r->nodata = true;
	r->nodata_error = error;
	r->absent = true;
	r->verify.mends = false;
	drop_batch(r);
	drop_header(r);
	leave_device(r);
	rblk_vol_forgo(r->vol);
	r->reads_due = true;
}

/* The device that failed has ended something. Returns false if it has not failed. */
bool rblk_replica_data_ended(struct rblk_replica *r, enum rblk_io io)
{
	if (r->nodata)
		rblk_replica_end(r, io);
	return r->nodata;
}
