/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of the replica; no other room includes it. */
#ifndef RBLK_NODE_REPLICA_INTERNAL_H
#define RBLK_NODE_REPLICA_INTERNAL_H

#include "replica.h"

#define NODE_CLOSE_NS		(5 * RBLK_NSEC_PER_MSEC)	/* before a closing record */
#define NODE_APPLY_IDLE_NS	(20 * RBLK_NSEC_PER_MSEC)
#define NODE_CKPT_IDLE_NS	RBLK_NSEC_PER_SEC
#define NODE_LEAD_RESERVE	8	/* lines of the table that no-ops alone may take */
#define NODE_SESSION_RESERVE	8	/* lines that sessions may take, and writes may not */
#define NODE_ABSTAIN_ELECTIONS	5	/* for so long others may elect one of them */
#define NODE_PUMPS_MAX		8	/* pumps of raft in one pass */

/* step.c */
void rblk_replica_timeouts(struct rblk_replica *r);
int rblk_replica_raft_init(struct rblk_replica *r, const struct raft_boot *boot);
int rblk_replica_step(struct rblk_replica *r, const struct raft_event *ev);

/* memory.c */
void rblk_replica_begin_start(struct rblk_replica *r);
void rblk_replica_met(struct rblk_replica *r, struct rblk_peer *p);
void rblk_replica_led(struct rblk_replica *r, const struct rblk_peer *p, u64 match);

/* conf.c */
void rblk_replica_raft_conf(const struct rblk_conf *c, struct raft_conf *rc);

/* geometry.c */
void rblk_replica_geometry(const struct rblk_node_cfg *cfg, u64 sectors, struct vol_geom *geo);
int rblk_replica_volume_init(struct rblk_replica *r);

/* recover.c */
int rblk_replica_recover(struct rblk_replica *r, const struct log_reader *rd,
			 const struct data_super *data, struct log_report *rep);

/* table.c */
struct rblk_ent *rblk_replica_live(const struct rblk_replica *r, u64 index);
bool rblk_replica_fits(const struct rblk_replica *r, u64 index, enum rblk_entry_kind kind);
bool rblk_replica_can_lead(void *ctx);
int rblk_replica_stage(struct rblk_replica *r, struct rblk_entry *e, struct rblk_buf *buf);
void rblk_replica_unstage(struct rblk_replica *r, u64 index);
void rblk_replica_drop(struct rblk_replica *r, struct rblk_ent *ent);
void rblk_replica_truncate(struct rblk_replica *r, u64 first);
void rblk_replica_shed(struct rblk_replica *r);
void rblk_replica_release_next(struct rblk_replica *r);
void rblk_replica_compact(struct rblk_replica *r, const struct rblk_id *base);

/* feed.c: payload back from the log; send.c: what raft sends */
struct rblk_buf *rblk_replica_payload_for(struct rblk_replica *r, u32 slot, u64 index);
void rblk_replica_feed_want(struct rblk_feed *f, u64 first, u64 last);
void rblk_replica_feed_sent(struct rblk_replica *r, u32 slot, u64 last);
void rblk_replica_feeds_drop(struct rblk_replica *r, u64 below, u64 above);
void rblk_replica_feeds_put(struct rblk_replica *r);
void rblk_replica_send(struct rblk_replica *r, const struct raft_msg *msg);
u64 rblk_replica_sendable(void *ctx, u64 store, u64 first, u64 last);

/* recv.c */
u64 rblk_replica_takes(void *ctx, u64 first, u64 last);

/* lag.c */
void rblk_replica_rate_run(struct rblk_replica *r);
void rblk_replica_lag_status(const struct rblk_replica *r, struct rblk_node_status *st);

/* Half of the ring and of the table stays for members that lag. */
static inline u64 rblk_replica_kept_bytes(const struct rblk_replica *r)
{
	return r->g->cfg.super.ring_bytes / 2;
}

static inline u64 rblk_replica_kept_entries(const struct rblk_replica *r)
{
	return r->mask / 2;
}

/* watch.c */
void rblk_replica_begin(struct rblk_replica *r, enum rblk_io io);

/* mend.c */
void rblk_replica_mend_init(struct rblk_replica *r);
bool rblk_replica_mends(const struct rblk_replica *r);
bool rblk_replica_mend_done(struct rblk_replica *r, enum rblk_io io, int error);
void rblk_replica_copy_written(struct rblk_replica *r, enum log_copy copy);

/* nodata.c */
bool rblk_replica_data_ended(struct rblk_replica *r, enum rblk_io io);

/* read.c */
void rblk_replica_reads_back(struct rblk_replica *r, u64 sector, u32 nsect);

/* rewrite.c */
void rblk_replica_read_failed(struct rblk_replica *r, const struct rblk_read *rd);
bool rblk_replica_rewrite_asks(const struct rblk_replica *r, u64 id);
void rblk_replica_rewrite_refused(struct rblk_replica *r, u64 id);
int rblk_replica_rewrite_chunk(struct rblk_replica *r, const struct wire_chunk *c,
			       const struct wire_append *a, struct rblk_buf **buf);
void rblk_replica_rewrite_executed(struct rblk_replica *r, const struct rblk_entry *e);
bool rblk_replica_rewrite_waits(const struct rblk_replica *r);
bool rblk_replica_rewrite_done(struct rblk_replica *r, int error);
u64 rblk_replica_rewrite_deadline(const struct rblk_replica *r);
void rblk_replica_rewrite_end(struct rblk_replica *r);
void rblk_replica_rewrite_put(struct rblk_replica *r);
void rblk_replica_rewrite_status(const struct rblk_replica *r, struct rblk_node_status *st);

/* pull.c: the requests of a resync */
u64 rblk_replica_pull_ns(const struct rblk_replica *r);
struct rblk_pull *rblk_replica_pull_new(struct rblk_replica *r, u8 what, u32 at);
struct rblk_pull *rblk_replica_pull_find(struct rblk_replica *r, u64 id, u8 what);
bool rblk_replica_pull_is_out(const struct rblk_pull *p);
void rblk_replica_pull_avoid(struct rblk_replica *r, u32 slot);
void rblk_replica_pull_answered(struct rblk_resync *s);
void rblk_replica_pull_forget(struct rblk_replica *r, struct rblk_pull *p);
void rblk_replica_pulls_forget(struct rblk_replica *r);
void rblk_replica_pulls_send(struct rblk_replica *r);

/* own.c: what is here already of what is pulled */
bool rblk_replica_own_read(struct rblk_replica *r, struct rblk_pull *p);
void rblk_replica_own_compared(struct rblk_replica *r, const struct rblk_pull *p);

/* pace.c, strain.c: how fast content is pulled */
bool rblk_replica_pace_allows(const struct rblk_replica *r);
void rblk_replica_paced(struct rblk_replica *r);
void rblk_replica_paced_zeroes(struct rblk_replica *r);
void rblk_replica_pace_heed(struct rblk_replica *r, u8 strain, u32 no);
void rblk_replica_pace_status(const struct rblk_replica *r, struct rblk_resync_status *st);
void rblk_replica_strain_proposed(struct rblk_replica *r, const struct rblk_entry *e);
void rblk_replica_strain_committed(struct rblk_replica *r);

/* content.c */
bool rblk_replica_resync_landed(struct rblk_replica *r, int error);
bool rblk_replica_content_turn(const struct rblk_replica *r);
void rblk_replica_content_run(struct rblk_replica *r);

/* spare.c */
u64 rblk_replica_spared(struct rblk_replica *r, u64 store);
void rblk_replica_spare_led(struct rblk_replica *r, const struct raft_msg *msg);

/* resync.c */
void rblk_replica_resync_begin(struct rblk_replica *r);
void rblk_replica_resync_init(struct rblk_replica *r);
bool rblk_replica_resync_bits(const struct rblk_replica *r);
void rblk_replica_resync_loaded(struct rblk_replica *r, u32 block);
u64 rblk_replica_resync_upto(const struct rblk_replica *r);
void rblk_replica_resync_marked(struct rblk_replica *r);
bool rblk_replica_resync_due(const struct rblk_replica *r);
bool rblk_replica_resync_holds(const struct rblk_replica *r);
bool rblk_replica_resync_forbids(const struct rblk_replica *r);
void rblk_replica_resync_settle(struct rblk_replica *r);
void rblk_replica_resync_installed(struct rblk_replica *r);
u64 rblk_replica_resync_deadline(const struct rblk_replica *r);
void rblk_replica_resync_put(struct rblk_replica *r);

/* map.c */
bool rblk_replica_map_begin(struct rblk_replica *r);
bool rblk_replica_map_next(struct rblk_replica *r);

/* verify.c, compare.c */
void rblk_replica_marked(struct rblk_replica *r, const struct rblk_entry *e);
u64 rblk_replica_verify_limit(const struct rblk_replica *r);
void rblk_replica_compare_marked(struct rblk_replica *r, const struct rblk_entry *e);
void rblk_replica_compare_run(struct rblk_replica *r);
u64 rblk_replica_compare_deadline(const struct rblk_replica *r);
void rblk_replica_compare_status(const struct rblk_replica *r, struct rblk_verify_status *st);

/* writer.c, apply.c, ckpt.c */
void rblk_replica_data_sync(struct rblk_replica *r);
void rblk_replica_map_write(struct rblk_replica *r);
u64 rblk_replica_writer_deadline(const struct rblk_replica *r);
u64 rblk_replica_apply_deadline(const struct rblk_replica *r);
u64 rblk_replica_ckpt_deadline(const struct rblk_replica *r);
bool rblk_replica_flushes(const struct rblk_replica *r);
bool rblk_replica_may_fill(const struct rblk_replica *r);
void rblk_replica_write_header(struct rblk_replica *r, u8 copy, bool flush);
bool rblk_replica_pressure(const struct rblk_replica *r);
bool rblk_replica_apply_urgent(const struct rblk_replica *r);

#endif /* RBLK_NODE_REPLICA_INTERNAL_H */
