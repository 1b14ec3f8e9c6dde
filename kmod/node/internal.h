/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the member: its state, and what its files offer each other.
 *
 * Cursors over the log, always in this order:
 *   base <= checkpoint <= applied <= executed <= commit <= last
 *   applied <= durable (own log), log_next - 1 <= last
 * Entries (base, last] are in the table. An entry keeps its payload until it is
 * applied (and thereby durable) and released; later readers get it back from the
 * log. released <= applied.
 */
#ifndef RBLK_NODE_INTERNAL_H
#define RBLK_NODE_INTERNAL_H

#include "node.h"

#define NODE_NO_TOKEN		U64_MAX

#define NODE_CLOSE_NS		(5 * RBLK_NSEC_PER_MSEC)	/* idle log: closing record */
#define NODE_APPLY_IDLE_NS	(20 * RBLK_NSEC_PER_MSEC)
#define NODE_CKPT_IDLE_NS	RBLK_NSEC_PER_SEC
#define NODE_ENTRIES_RESERVE	16	/* for no-ops, sessions: what relieves a full table */
#define NODE_LEAD_RESERVE	8	/* of it: who only receives may have to lead next */
#define NODE_PUMPS_MAX	8		/* per run */
#define NODE_READ_BUCKETS	256

struct rblk_ent {
	struct rblk_entry e;
	struct rblk_buf *buf;	/* one reference; NULL: no payload, or only in the log */
	u64 pos;		/* of the payload in the ring; valid below log_next */
};

/* A write or zeroes of this node, from rblk_node_write() to its verdict. */
struct rblk_client_req {
	u64 token;
	u64 sector;
	u32 nsect;
	struct rblk_buf *buf;	/* one reference; NULL: zeroes */
};

/* The client of the volume on this node. done <= sent <= last. */
struct rblk_client {
	enum rblk_session_state state;
	bool in_use;		/* the device is open */
	bool wanted;		/* another node asks for the session */
	bool force;		/* of the OPEN that is asked for */
	u8 asking;		/* for RBLK_E_OPEN (then OPENING) or RBLK_E_CLOSE (HELD); 0 */
	u64 token;		/* of whoever asks; NODE_NO_TOKEN */
	u64 opens;		/* how often */
	u64 nonce;		/* of the newest OPEN; 0: what is granted to it is not wanted */
	u64 epoch;		/* HELD: of the session */

	u64 index;		/* newest index of the log that anything is known of: then */
	u64 own_epoch;		/* this node's session was that; 0: none */
	u64 holder, holder_epoch;	/* and the exclusive one that */

	struct rblk_client_req *req;	/* window: by sequence number */
	u64 mask;
	u64 done;		/* newest sequence number whose verdict is known */
	u64 sent;		/* newest one that the leader was sent, or proposed here */
	u64 last;		/* newest one accepted */

	u64 leader, term;	/* that "sent" speaks of */
	u64 keepalive;		/* newest keepalive sent to it */
	u64 keepalive_marked;	/* that a reply is waited for; 0: none */
	u64 keepalive_sent;	/* what had been sent before that one */
	u64 keepalive_open;	/* the first that can have carried what is asked for */
	u64 keepalive_at;	/* when the next is due */
	u64 last_contact;	/* when a leader that serves replied last */
	u64 seek_at;		/* without disks: when to ask everybody who leads */
};

/* A client as its leader knows it, during one term. */
struct rblk_server_client {
	u64 store;		/* 0: not heard of */
	u64 epoch, next;	/* of its session: the sequence number to be proposed next */
	u64 last_contact;	/* when it spoke last; 0: not in this term */
	u64 keepalive;		/* its newest one */
	u64 open_nonce, open_epoch;	/* OPEN proposed in this term */
	u64 close_epoch;	/* CLOSE likewise */
	u64 gap_at;		/* @next when it was told of a gap last */
	u64 stalled_at;		/* commit index when there was no room */
	bool in_use;		/* as it says */
	bool spoke;		/* on this connection: whatever comes from it shows that it lives */
	bool stalled;		/* something of it was dropped for want of room */
	bool due;		/* it is to be told: */
	bool gap;		/* to go on from @next */
	bool busy;		/* that the session it asks for is in use */
	bool wanted;		/* that its session is asked for */
};

enum rblk_read_flags {
	NODE_R_USED		= 1,
	NODE_R_PARTS		= 2,	/* handed out to the host, not ended yet */
	NODE_R_FOUND		= 4,	/* the last lookup was read in full */
	NODE_R_CONFIRMED	= 8,	/* by a leader round: wait_index is valid */
	NODE_R_SENT		= 16,	/* to the leader, see rblk_node_remote() */
	NODE_R_GIVEN		= 32,	/* the parts under way are what the leader sent */
};

struct rblk_read {
	u64 token;
	u64 sector;
	u32 nsect;
	u32 flags;
	u64 read_id;		/* of its confirming round */
	u64 lookup_index;	/* executed index when its content was looked up */
	u64 wait_index;		/* content must be at least as new as this */
	int error;
	struct rblk_buf *buf;	/* read for another node: its content goes there */
	u64 id;			/* and this is what that calls it */
	u32 slot;
	u32 hash_next;		/* slot + 1 */
	u32 prev, next;		/* active list, by age; slot + 1 */
};

struct rblk_node_peer {
	bool up[WIRE_CHANNELS];
	bool known;		/* a hello was accepted */
	bool bootstrapped;
	bool client;		/* has no disks */
	bool tx_blocked;	/* tx_begin() had no room */
	bool lost;		/* tell raft: what was sent may be lost */
	bool readback_wanted;	/* entries readback_first .. readback_last must be read back */
	bool readback_ready;	/* @rb holds them */
	bool readback_stale;	/* what is being read no longer matters */
	bool needs_resync;
	u8 last_reject;
	u64 store;		/* 0: not known yet */
	u64 generation;
	u64 match;		/* as of its hello */
	u64 data_sectors;
	u64 readback_first, readback_last;
	struct rblk_node_readback rb;
};

enum rblk_node_ckpt_phase { CKPT_IDLE, CKPT_SYNC, CKPT_MAP, CKPT_META };

struct rblk_node {
	struct rblk_node_cfg cfg;
	const struct rblk_node_ops *ops;
	void *host;
	u64 now;
	enum rblk_node_halt halt;
	int halt_error;

	struct raft *raft;
	struct vol *vol;
	void *vol_mem;
	struct log log;
	struct raft_out *out;
	struct raft_status rst;		/* after the latest step */
	u64 trunc_epoch;		/* raft's truncation epoch */

	/* Entry table. */
	struct rblk_ent *ent;
	u64 mask;
	struct rblk_id base;
	u64 last;
	u64 log_next;			/* next entry to give to the log */
	u64 commit;			/* raft's */
	u64 released;			/* entries up to here have no payload in memory */
	u64 held_bytes;			/* payload of applied entries, for peers */
	u64 boot_last;			/* entries up to here may lack their payload in memory */
	const struct wire_append *rx;	/* message being stepped */
	struct rblk_buf **rx_buf;
	u64 rx_first;
	struct rblk_buf **bufs;		/* scratch: of a record, a frame */

	/* Configuration: active, and the one before it. */
	struct rblk_conf conf, prev_conf, rx_conf;
	struct raft_conf raft_conf;	/* scratch */
	bool bootstrapping;

	/* Metadata: @meta is the newest content, written whole to both copies in turn. */
	struct log_meta meta;
	void *meta_buf;
	bool meta_dirty;
	bool meta_busy;
	u8 meta_copy;
	u64 meta_version;		/* raft's newest request */
	u64 meta_version_written;	/* of the version being written */
	bool meta_has_ckpt;		/* the version being written ends a checkpoint */
	bool started;			/* the generation of this start is durable */

	/* Checkpoint. */
	enum rblk_node_ckpt_phase ckpt;
	bool ckpt_busy;			/* an operation of the phase is under way */
	bool ckpt_wanted;
	u64 ckpt_index;
	u64 data_seq;
	u32 map_next;
	struct rblk_state ckpt_state;
	u8 *block;			/* one block: data header, map block, configuration */
	u64 idle_since;			/* latest progress of judge or apply */

	/* Apply. */
	bool apply_busy;
	bool execute_blocked;		/* the volume's index was full */
	bool reads_stalled;		/* a read waits for payload that is only in the log */
	struct rblk_buf **apply_buf;
	bool readback_starved;		/* a readback found no memory: nothing is kept for peers */
	struct rblk_node_peer apply_rb;	/* readback for entries of before the start */

	bool diskless;			/* a client only: neither raft, nor log, nor volume */
	struct rblk_client client;

	/* As leader. */
	bool seq_synced;		/* where all sessions stand is known */
	u64 lead_since;
	u64 follow_at;			/* leadership may follow the session from then on */
	struct rblk_server_client served[NODE_PEERS_MAX + 1];	/* by slot; at npeers: this node */

	/* Reads. */
	struct rblk_read *read;
	u32 read_hash[NODE_READ_BUCKETS];
	u32 read_free, read_head, read_tail;	/* slot + 1 */
	u32 nreads;
	u64 read_id;			/* newest asked of raft */
	u64 read_again_at;		/* remote: when to ask the leader again */
	bool read_new;			/* reads of read_id read_id + 1 wait to be asked */
	u64 evicted_epoch;		/* session that the leader closed for another to have one */
	u32 remote_sent, remote_max;	/* reads that the leader was asked for, and may be */
	u64 read_ok_id, read_ok_index;

	u32 npeers;
	struct rblk_node_peer peer[NODE_PEERS_MAX];

	u64 log_idle_at;		/* when to write a closing record */
	bool ready;
	bool needs_resync;

	u64 writes, reads, reads_retried, proposals_refused, truncated, readbacks;
	u64 records, log_bytes, applies, applied_blocks, checkpoints, meta_writes;
};

static inline void rblk_node_trace(struct rblk_node *m, enum rblk_node_trace what, u64 index,
				   u64 arg)
{
	if (m->ops->trace)
		m->ops->trace(m->host, what, index, arg);
}

static inline void rblk_node_note(struct rblk_node *m, enum rblk_node_note what, u64 arg)
{
	m->ops->note(m->host, what, arg);
}

/* Nothing is said on one connection alone. */
static inline bool rblk_node_connected(const struct rblk_node_peer *p)
{
	return p->up[WIRE_CONSENSUS] && p->up[WIRE_BULK];
}

static inline u64 rblk_replica_executed(const struct rblk_node *m)
{
	return rblk_vol_executed(m->vol)->index;
}

static inline u64 rblk_replica_applied(const struct rblk_node *m)
{
	return rblk_vol_applied(m->vol)->index;
}

/* Nothing of its own to read from: no disks, or nothing that the log could bring up to date. */
static inline bool rblk_node_remote(const struct rblk_node *m)
{
	return m->diskless || m->needs_resync;
}

static inline bool rblk_replica_leads(const struct rblk_node *m)
{
	return m->rst.role == RAFT_LEADER;
}

/* conf.c */
void rblk_node_raft_conf(const struct rblk_conf *c, struct raft_conf *rc);

/* start.c */
int rblk_replica_volume_init(struct rblk_node *m);

/* table.c */
struct rblk_ent *rblk_replica_ent(const struct rblk_node *m, u64 index);
u64 rblk_replica_free_entries(const struct rblk_node *m);
bool rblk_replica_can_lead(void *ctx);
int rblk_replica_stage(struct rblk_node *m, struct rblk_entry *e, struct rblk_buf *buf);
void rblk_replica_unstage(struct rblk_node *m, u64 index);
void rblk_replica_drop(struct rblk_node *m, struct rblk_ent *ent);
void rblk_replica_truncate(struct rblk_node *m, u64 first);
void rblk_replica_shed(struct rblk_node *m);
void rblk_replica_release_next(struct rblk_node *m);
void rblk_replica_compact(struct rblk_node *m, const struct rblk_id *base);

/* step.c */
int rblk_replica_step(struct rblk_node *m, const struct raft_event *ev);
int rblk_replica_step_store(struct rblk_node *m, enum raft_event_type type, u64 store);
int rblk_replica_propose(struct rblk_node *m, struct rblk_entry *e, struct rblk_buf *buf);
void rblk_node_halt(struct rblk_node *m, enum rblk_node_halt why, int error);

/* send.c */
void rblk_replica_send(struct rblk_node *m, const struct raft_msg *msg);
u64 rblk_replica_sendable(void *ctx, u64 store, u64 first, u64 last);
void rblk_replica_readbacks_run(struct rblk_node *m);
void rblk_replica_readback_forget(struct rblk_node *m, struct rblk_node_peer *p);
void rblk_replica_readbacks_drop(struct rblk_node *m, u64 below, u64 above);

/* peer.c */
struct rblk_node_peer *rblk_node_peer_of(struct rblk_node *m, u64 store, u32 *slot);
void rblk_replica_remember(struct rblk_node *m);

/* writer.c */
void rblk_replica_writer_run(struct rblk_node *m);
u64 rblk_replica_writer_deadline(const struct rblk_node *m);

/* execute.c */
void rblk_replica_execute(struct rblk_node *m);

/* apply.c */
void rblk_replica_release_run(struct rblk_node *m);
void rblk_replica_apply_run(struct rblk_node *m);
u64 rblk_replica_apply_deadline(const struct rblk_node *m);
bool rblk_replica_pressure(const struct rblk_node *m);
bool rblk_replica_log_full(const struct rblk_node *m);

/* ckpt.c */
void rblk_replica_ckpt_run(struct rblk_node *m);
u64 rblk_replica_ckpt_deadline(const struct rblk_node *m);
void rblk_replica_meta_run(struct rblk_node *m);

/* read.c */
void rblk_reads_init(struct rblk_node *m);
struct rblk_read *rblk_read_find(struct rblk_node *m, u64 token);
struct rblk_read *rblk_read_alloc(struct rblk_node *m, u64 token, u64 sector, u32 nsect);
void rblk_read_end(struct rblk_node *m, struct rblk_read *r, int error);
void rblk_read_look_up(struct rblk_node *m, struct rblk_read *r);
void rblk_reads_run(struct rblk_node *m);
void rblk_reads_check(struct rblk_node *m);
void rblk_reads_anew(struct rblk_node *m);
void rblk_reads_confirm(struct rblk_node *m, u64 read_id, u64 index);
void rblk_reads_fail(struct rblk_node *m, int error, bool stopping);

/* client.c */
void rblk_client_fail(struct rblk_node *m, int error);
void rblk_client_learn(struct rblk_node *m, u64 index, const struct rblk_session *own, u64 holder,
		       u64 holder_epoch);
void rblk_client_executed(struct rblk_node *m);
void rblk_client_state(struct rblk_node *m, enum rblk_session_state s);
void rblk_client_answer(struct rblk_node *m, int error);
bool rblk_client_send(struct rblk_node *m, u32 slot, u64 first, u32 n);
void rblk_client_restart(struct rblk_node *m);
void rblk_client_run(struct rblk_node *m);
u64 rblk_client_deadline(const struct rblk_node *m);
void rblk_client_refused(struct rblk_node *m);
int rblk_client_reply(struct rblk_node *m, u32 slot, const struct wire_reply *r);

/* remote.c */
void rblk_remote_seek(struct rblk_node *m);
void rblk_remote_reply(struct rblk_node *m, const struct wire_reply *r);
u64 rblk_remote_deadline(const struct rblk_node *m);
void rblk_remote_unsent(struct rblk_node *m, struct rblk_read *r);
void rblk_remote_restart(struct rblk_node *m);
void rblk_remote_again(struct rblk_node *m);
void rblk_remote_ended(struct rblk_node *m, struct rblk_read *r);
void rblk_remote_switch(struct rblk_node *m);
void rblk_remote_run(struct rblk_node *m, u32 slot);
int rblk_remote_data(struct rblk_node *m, u32 slot, const struct wire_data *d,
		     const struct wire_append *a, struct rblk_buf **buf);
int rblk_server_read(struct rblk_node *m, u32 slot, const struct wire_read *r);
void rblk_server_read_end(struct rblk_node *m, struct rblk_read *r, int error);

/* serve.c */
void rblk_server_reset(struct rblk_node *m);
void rblk_server_sync(struct rblk_node *m);
void rblk_server_session(struct rblk_node *m, struct rblk_server_client *s, struct rblk_entry *e,
			 bool force);
int rblk_server_write(struct rblk_node *m, struct rblk_server_client *s, struct rblk_entry *e,
		      struct rblk_buf *buf);
int rblk_server_submit(struct rblk_node *m, u32 slot, const struct wire_submit *w,
		       struct wire_append *a, struct rblk_buf **buf);
void rblk_server_executed(struct rblk_node *m, const struct rblk_entry *e);
void rblk_server_run(struct rblk_node *m);
void rblk_server_follow_run(struct rblk_node *m);
u64 rblk_server_follow_deadline(const struct rblk_node *m);

/* bootstrap.c */
void rblk_replica_bootstrap_run(struct rblk_node *m);
u64 rblk_node_heartbeat_ns(const struct rblk_node *m);
u64 rblk_node_election_ns(const struct rblk_node *m);
void rblk_replica_timeouts(struct rblk_node *m);
int rblk_replica_raft_init(struct rblk_node *m, const struct raft_boot *boot);

#endif /* RBLK_NODE_INTERNAL_H */
