// SPDX-License-Identifier: GPL-2.0
/*
 * What a store has twice is good for one loss. So what a start finds damaged is rewritten from
 * the other one, before something happens to that, too. The good one is left alone until then:
 * of superblocks it is never written at all, and no checkpoint begins, which writes both data
 * headers. Metadata needs nothing of its own: a start writes a version of its own to both
 * copies, and to the damaged one first.
 *
 * All of that begins when the metadata of this start is durable. By then it is certain that
 * superblock, metadata and data header belong together.
 *
 * A copy that cannot be rewritten is told, and the node goes on with the other one: with a
 * data header as far as the next checkpoint, which has to write both.
 */
#include "internal.h"

void rblk_replica_mend_init(struct rblk_replica *r)
{
	r->mending = LOG_C_NR;
	r->unmended = r->damaged & ~(LOG_C_BIT(LOG_C_META) | LOG_C_BIT(LOG_C_META2));
}

/* Is anything left to be rewritten? A checkpoint does not begin until then. */
bool rblk_replica_mends(const struct rblk_replica *r)
{
	return r->unmended || r->mending != LOG_C_NR;
}

/* A copy is durable and whole. If it was damaged, it no longer is. */
void rblk_replica_copy_written(struct rblk_replica *r, enum log_copy copy)
{
	if (!(r->damaged & LOG_C_BIT(copy)))
		return;
	r->damaged &= ~LOG_C_BIT(copy);
	r->copies_mended++;
	rblk_ground_note(r->g, NODE_N_COPY, copy);
}

/*
 * A block of the log device, or a data header, was written. Returns false if that was not done
 * to mend it.
 */
bool rblk_replica_mend_done(struct rblk_replica *r, enum rblk_io io, int error)
{
	enum log_copy copy = r->mending;

	if (copy == LOG_C_NR || io != (copy < LOG_C_DATA ? RBLK_IO_BLOCK : RBLK_IO_SYNC))
		return false;
	rblk_replica_end(r, io);
	r->mending = LOG_C_NR;
	if (!error)
		rblk_replica_copy_written(r, copy);
	else
		rblk_ground_note(r->g, NODE_N_COPY, copy | (u64)-error << NODE_N_COPY_ERROR);
	return true;
}

static void mend_super(struct rblk_replica *r, int copy)
{
	rblk_log_super_encode(&r->g->cfg.super, r->block);
	rblk_replica_begin(r, RBLK_IO_BLOCK);
	r->g->ops->block_write(r->g->host, rblk_log_super_offset(&r->g->cfg.super, copy),
			       r->block, 1);
}

/**
 * rblk_replica_mend_run() - rewrites what a start found damaged, one after the other
 * @r: replica, started
 */
void rblk_replica_mend_run(struct rblk_replica *r)
{
	enum log_copy copy = LOG_C_SUPER;

	if (!r->unmended || r->mending != LOG_C_NR)
		return;
	while (!(r->unmended & LOG_C_BIT(copy)))
		copy++;
	r->unmended &= ~LOG_C_BIT(copy);
	r->mending = copy;
	if (copy < LOG_C_META)
		mend_super(r, copy - LOG_C_SUPER);
	else
		rblk_replica_write_header(r, copy - LOG_C_DATA, false);
}
