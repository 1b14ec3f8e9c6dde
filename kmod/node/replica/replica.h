/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The replica of a node: raft, log and volume composed over the node's two
 * devices. A node without disks has none.
 *
 * Cursors over the log, always in this order:
 *   base <= checkpoint <= applied <= executed <= commit <= last
 *   applied <= durable (own log), log_next - 1 <= last
 * Entries (base, last] are in the table. An entry keeps its payload until it is
 * applied (and thereby durable) and released; later readers get it back from the
 * log. released <= applied.
 *
 * These orders are audited. Asserted where they count: an entry is staged with its payload,
 * what is executed, sent or applied is in the table with its payload, and nothing leaves
 * the table that the checkpoint does not cover.
 *
 * Nothing here calls the client or the server of the node. What they have to
 * know of is left in the cursors and in the fields below "for run.c", which looks
 * at them after each event.
 */
#ifndef RBLK_NODE_REPLICA_H
#define RBLK_NODE_REPLICA_H

#include "node/ground/arena.h"
#include "node/ground/ground.h"
#include "node/ground/reads.h"
#include "resync.h"
#include "rewrite.h"
#include "verify.h"

struct rblk_ent {
	struct rblk_entry e;
	struct rblk_buf *buf;	/* one reference; NULL: no payload, or only in the log */
	u64 pos;		/* position of the payload in the ring; valid below log_next */
};

/* Payload on its way back from the log: for the peer in the same slot, or to be applied. */
struct rblk_feed {
	bool wanted;		/* entries first .. last must be read back */
	bool ready;		/* @rb holds entries that were read */
	bool stale;		/* what is being read no longer matters */
	u64 unsent;		/* for run.c: from here on nothing was sent; raft is to be told */
	bool sendable;		/* for run.c: raft is to be told that the peer can be fed again */
	u64 first, last;
	struct rblk_node_readback rb;
};

/* What a replica does on its devices: first on that of the log, then on that of the data. */
enum rblk_io {
	RBLK_IO_RECORD, RBLK_IO_META, RBLK_IO_BLOCK, RBLK_IO_READBACK,
	RBLK_IO_APPLY, RBLK_IO_SYNC,
	RBLK_IO_NR
};

/* Operations of one kind in progress, see watch.c. */
struct rblk_watch {
	u32 busy;
	u64 since;		/* when the first of them began, or the latest one ended */
};

/* How much was written to the log of late, see lag.c. */
struct rblk_rate {
	u64 at, pos, last;	/* when it was looked at, and how far the log went */
	u64 ns, bytes, entries;	/* between the two times before */
};

/* How long the writes of users take while this node leads, see strain.c. */
struct rblk_strain {
	u64 index, since;	/* an entry that is measured, and when it was proposed; 0: none */
	u64 usual;		/* ns that few writes exceed while nothing is pulled */
	u32 learnt;		/* writes that @usual is of, as far as that matters */
	u64 at;			/* when this window began */
	u32 writes, slow;	/* measured in it; of these, too slow */
	u32 windows;		/* until those who pull have to rest again */
	u8 found;		/* enum rblk_strain_found */
	u32 no;			/* number of that finding */
};

enum rblk_ckpt_phase { CKPT_IDLE, CKPT_SYNC, CKPT_MAP, CKPT_META };

struct rblk_replica {
	struct rblk_ground *g;
	struct rblk_reads *reads;
	struct rblk_alarm alarm;	/* of the rooms below: raises that of the node */

	struct raft *raft;
	struct vol *vol;
	void *vol_mem;
	struct log log;
	struct raft_out *out;
	struct raft_status rst;		/* status of raft after the latest step */
	u64 trunc_epoch;

	/* Entry table. */
	struct rblk_ent *ent;
	u64 mask;
	struct rblk_id base;
	u64 last;
	u64 log_next;			/* next entry to give to the log */
	u64 commit;			/* commit index of raft */
	u64 released;			/* entries up to here have no payload in memory */
	u64 held_bytes;			/* payload of applied entries, for peers */
	u64 boot_last;			/* entries up to here may lack their payload in memory */
	const struct wire_append *rx;	/* entries of the message that raft is being fed */
	struct rblk_buf **rx_buf;
	u64 rx_first;

	/* Configuration: the one before the active one, and one being received. */
	struct rblk_conf prev_conf, rx_conf;
	struct raft_conf raft_conf;	/* scratch */
	bool bootstrapping;

	/* Metadata: @meta is the newest content, written whole to both copies in turn. */
	struct log_meta meta;
	void *meta_buf;
	bool meta_dirty;
	bool meta_busy;
	u8 meta_first, meta_copy;	/* which copy is written first, and which one now */
	u64 meta_version;		/* newest version that raft asked for */
	u64 meta_version_written;	/* the one of raft's that is being written */
	bool meta_has_ckpt;		/* the version being written ends a checkpoint */
	bool meta_has_seen;		/* it says that this store was set back */
	u64 meta_term;			/* term in it */
	u64 term_durable;		/* newest term that both copies hold */
	bool started;			/* the generation of this start is durable */

	/* Checkpoint. */
	enum rblk_ckpt_phase ckpt;
	bool ckpt_busy;			/* an operation of the phase is in progress */
	bool ckpt_wanted;
	u64 ckpt_index;
	struct data_super data;		/* newest header of the data device; two copies, in turn */
	u8 data_first, data_copy;

	/* Copies, see mend.c: bits of enum log_copy. */
	u32 damaged;
	u32 unmended;			/* of these, what was not rewritten yet */
	enum log_copy mending;		/* LOG_C_NR: none is being rewritten */
	u32 map_block, map_run;		/* blocks of the map being written: first, number */
	u8 map_copy;			/* ... to this copy */
	struct rblk_state ckpt_state;
	u8 *block;			/* data header, configuration, or NODE_MAP_RUN of the map */
	u64 idle_since;			/* latest progress of execution or apply */

	/* Execution and apply. */
	bool execute_blocked;		/* the volume's index was full */
	bool apply_busy;
	bool reads_stalled;		/* a read waits for payload that is only in the log */
	bool readback_starved;		/* a readback found no memory: nothing is kept for peers */
	struct rblk_buf **apply_buf;
	struct rblk_feed apply_feed;	/* for entries from before the start */
	struct rblk_feed feed[NODE_PEERS_MAX];	/* by slot */

	/* Whether the data device lacks a part of the image, as durable metadata may say. */
	bool absent;
	bool meta_absent;		/* the version being written says so */
	bool nodata;			/* the data device has failed: see nodata.c */
	int nodata_error;
	struct rblk_resync resync;
	struct {
		u64 store;		/* who led last, as far as this node heard; 0: nobody */
		u64 held;		/* ... with the image, up to this entry: see spare.c */
	} led;
	struct rblk_verify verify;
	struct rblk_compare compare;
	struct rblk_rewrite rewrite;

	/* For run.c. */
	bool reads_due;			/* something changed that reads may wait for */
	u64 read_ok_id, read_ok_index;	/* raft confirmed the reads up to this id */

	u64 log_idle_at;		/* when to write a closing record */
	u64 abstains_until;		/* it yielded, and lets others campaign until then */

	struct rblk_watch watch[RBLK_IO_NR];
	u64 watch_at;			/* when to look at them again */
	struct rblk_rate rate;
	struct rblk_strain strain;
	u64 late_since[RBLK_DEVICES];	/* since when a device has not responded; 0: it does */

	u64 proposals_refused, truncated, readbacks;
	u64 records, log_bytes, applies, applied_blocks, checkpoints, meta_writes, copies_mended;
	u64 rotten;		/* the log lacks this entry, which is checkpointed; 0: none */
	u64 rots;		/* times that rot was found in the log */
	bool cut;		/* this start gave up a part of the log that it had acknowledged */
};

static inline u64 rblk_replica_executed(const struct rblk_replica *r)
{
	return rblk_vol_executed(r->vol)->index;
}

static inline u64 rblk_replica_applied(const struct rblk_replica *r)
{
	return rblk_vol_applied(r->vol)->index;
}

static inline bool rblk_replica_leads(const struct rblk_replica *r)
{
	return r->rst.role == RAFT_LEADER;
}

/* ---- for the node ---- */

/* start.c, recover.c */
struct rblk_replica *rblk_replica_lay_out(struct rblk_arena *a, const struct rblk_node_cfg *cfg);
bool rblk_replica_limits_ok(const struct rblk_node_cfg *cfg);
int rblk_replica_start(struct rblk_replica *r, struct rblk_ground *g, struct rblk_reads *reads,
		       u8 *pages, const struct log_reader *rd, const struct data_super *data,
		       struct log_report *rep);
void rblk_replica_move(struct rblk_replica *r, struct rblk_ground *g, struct rblk_reads *reads);
void rblk_replica_stop(struct rblk_replica *r);
bool rblk_replica_listens(const struct rblk_replica *r);
struct rblk_id rblk_replica_vouches(const struct rblk_replica *r);
void rblk_replica_hello(const struct rblk_replica *r, struct wire_hello *h);

/* recv.c */
int rblk_replica_recv(struct rblk_replica *r, u32 slot, struct raft_msg *msg,
		      const struct wire_append *a, struct rblk_buf **buf);

/* step.c */
int rblk_replica_step_store(struct rblk_replica *r, enum raft_event_type type, u64 store);
void rblk_replica_yield(struct rblk_replica *r, u64 store);
void rblk_replica_halt(struct rblk_replica *r);

/* memory.c */
bool rblk_replica_other_line(struct rblk_replica *r, const struct wire_hello *h);
bool rblk_replica_rolled_back(struct rblk_replica *r, const struct wire_hello *h,
			      const struct log_peer_memory *asked);
struct log_peer_memory rblk_replica_known(struct rblk_replica *r, u64 store);
void rblk_replica_seen(struct rblk_replica *r, u64 store, struct wire_reject *reject);
void rblk_replica_refused(struct rblk_replica *r, const struct wire_reject *reject);
void rblk_replica_meet(struct rblk_replica *r);
void rblk_replica_remember(struct rblk_replica *r);
void rblk_replica_forgot(struct rblk_replica *r, u64 store);
bool rblk_replica_absurd(struct rblk_replica *r, const struct wire_hello *h);

/* run.c, and its parts */
void rblk_replica_tick(struct rblk_replica *r);
void rblk_replica_report(struct rblk_replica *r);
void rblk_replica_pump(struct rblk_replica *r);
void rblk_replica_execute(struct rblk_replica *r);
void rblk_replica_writer_run(struct rblk_replica *r);
void rblk_replica_release_run(struct rblk_replica *r);
void rblk_replica_apply_run(struct rblk_replica *r);
void rblk_replica_ckpt_run(struct rblk_replica *r);
void rblk_replica_meta_run(struct rblk_replica *r);
void rblk_replica_mend_run(struct rblk_replica *r);
void rblk_replica_rewrite_run(struct rblk_replica *r);
void rblk_replica_readbacks_run(struct rblk_replica *r);
u64 rblk_replica_deadline(const struct rblk_replica *r);

/* Completions of what the host was asked to do. */
void rblk_replica_log_done(struct rblk_replica *r, struct log_record *rec, int error);
void rblk_replica_meta_done(struct rblk_replica *r, int error);
void rblk_replica_block_done(struct rblk_replica *r, int error);
void rblk_replica_readback_done(struct rblk_replica *r, struct rblk_node_readback *rb, int error);
void rblk_replica_apply_done(struct rblk_replica *r, int error);
void rblk_replica_data_sync_done(struct rblk_replica *r, int error);

/* watch.c */
void rblk_replica_watch_run(struct rblk_replica *r);
void rblk_replica_end(struct rblk_replica *r, enum rblk_io io);
void rblk_replica_goes_on(struct rblk_replica *r, enum rblk_io io);
bool rblk_replica_idle(const struct rblk_replica *r);
bool rblk_replica_data_idle(const struct rblk_replica *r);
bool rblk_replica_mute(const struct rblk_replica *r);
bool rblk_replica_impaired(const struct rblk_replica *r);
bool rblk_replica_blocked(struct rblk_replica *r);
bool rblk_replica_must_yield(const struct rblk_replica *r);

/* nodata.c */
void rblk_replica_data_failed(struct rblk_replica *r, int error);

/* feed.c */
void rblk_replica_feed_forget(struct rblk_replica *r, u32 slot);

/* map.c */
void rblk_replica_map_load(struct rblk_replica *r, const struct log_reader *rd,
			   struct rblk_map_report *rep);

/* resync.c, pull.c, content.c */
void rblk_replica_resync_run(struct rblk_replica *r);
void rblk_replica_resync_refused(struct rblk_replica *r, u32 slot, u64 id);
int rblk_replica_resync_state(struct rblk_replica *r, u32 slot, const struct wire_state *st);
int rblk_replica_resync_map(struct rblk_replica *r, const struct wire_map *m);
int rblk_replica_resync_chunk(struct rblk_replica *r, u32 slot, const struct wire_chunk *c,
			      const struct wire_append *a, struct rblk_buf **buf);

/* strain.c */
void rblk_replica_strain_run(struct rblk_replica *r);

/* verify.c, compare.c */
void rblk_replica_verify_run(struct rblk_replica *r);
int rblk_replica_mend_range(struct rblk_replica *r, const struct wire_mark *w);
int rblk_replica_compare(struct rblk_replica *r, u64 sector, u64 nsect, bool mend);
void rblk_replica_mark_send(struct rblk_replica *r, u32 slot, const struct wire_mark *w);
bool rblk_replica_compare_asks(struct rblk_replica *r, struct wire_mark *w);
void rblk_replica_compare_heard(struct rblk_replica *r, u64 from, const struct wire_sums *s);

/* read.c */
void rblk_replica_look_up(struct rblk_replica *r, struct rblk_read *rd);
void rblk_replica_read_done(struct rblk_replica *r, struct rblk_read *rd);
void rblk_replica_reads_run(struct rblk_replica *r);
void rblk_replica_reads_advance(struct rblk_replica *r);

/* bootstrap.c */
int rblk_replica_bootstrap_conf(const struct rblk_replica *r, const char *self_addr, u64 sectors,
				u64 cluster, struct rblk_conf *conf, u32 *slot);
int rblk_replica_bootstrap(struct rblk_replica *r, struct rblk_conf *conf, u32 *slot);
void rblk_replica_bootstrap_run(struct rblk_replica *r);

/* status.c */
void rblk_replica_status(const struct rblk_replica *r, struct rblk_node_status *st);
bool rblk_replica_ok(const struct rblk_replica *r, bool deep);
bool rblk_replica_suffice(const struct rblk_replica *r, bool (*is)(void *ctx, u64 store),
			  void *ctx);
const struct raft_peer_status *rblk_replica_progress(const struct rblk_replica *r, u64 store);

/* ---- for the server, as leader ---- */

int rblk_replica_propose(struct rblk_replica *r, struct rblk_entry *e, struct rblk_buf *buf);
bool rblk_replica_log_full(const struct rblk_replica *r);
u64 rblk_replica_room(const struct rblk_replica *r, u32 sessions);
struct rblk_ent *rblk_replica_ent(const struct rblk_replica *r, u64 index);
u64 rblk_replica_free_entries(const struct rblk_replica *r);
u64 rblk_replica_ring(const struct rblk_replica *r);
u32 rblk_replica_entries(const struct rblk_replica *r);
u64 rblk_replica_spare_entries(const struct rblk_replica *r);

#endif /* RBLK_NODE_REPLICA_H */
