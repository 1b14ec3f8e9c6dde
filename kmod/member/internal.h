/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the member: its state, and what its files offer each other.
 *
 * Cursors over the log, always in this order:
 *   base <= checkpoint <= applied <= judged <= commit <= last
 *   applied <= durable (own log), log_next - 1 <= last
 * Entries (base, last] are in the table. An entry keeps its payload until it is
 * applied (and thereby durable) and released; later readers get it back from the
 * log. released <= applied.
 */
#ifndef MEMBER_INTERNAL_H
#define MEMBER_INTERNAL_H

#include "member.h"

#define MEMBER_NO_TOKEN		U64_MAX

#define MEMBER_CLOSE_NS		(5 * RB_NSEC_PER_MSEC)	/* idle log: closing record */
#define MEMBER_APPLY_IDLE_NS	(20 * RB_NSEC_PER_MSEC)
#define MEMBER_CKPT_IDLE_NS	RB_NSEC_PER_SEC
#define MEMBER_ENTRIES_RESERVE	16	/* for no-ops, sessions: what relieves a full table */
#define MEMBER_LEAD_RESERVE	8	/* of it: who only receives may have to lead next */
#define MEMBER_PUMPS_MAX	8	/* per run */
#define MEMBER_READ_BUCKETS	256

struct member_ent {
	struct rb_entry e;
	struct rb_buf *buf;	/* one reference; NULL: no payload, or only in the log */
	u64 pos;		/* of the payload in the ring; valid below log_next */
};

/* A write or zeroes of this node, from member_write() to its verdict. */
struct member_req {
	u64 token;
	u64 sector;
	u32 nsect;
	struct rb_buf *buf;	/* one reference; NULL: zeroes */
};

/* The client of the volume on this node. done <= sent <= last. */
struct member_client {
	enum member_session_state state;
	bool in_use;		/* the device is open */
	bool wanted;		/* another node asks for the session */
	bool force;		/* of the OPEN that is asked for */
	u8 asking;		/* for RB_E_OPEN (then OPENING) or RB_E_CLOSE (HELD); 0 */
	u64 token;		/* of whoever asks; MEMBER_NO_TOKEN */
	u64 opens;		/* how often */
	u64 nonce;		/* of the newest OPEN; 0: what is granted to it is not wanted */
	u64 epoch;		/* HELD: of the session */

	u64 index;		/* newest index of the log that anything is known of: then */
	u64 own_epoch;		/* this node's session was that; 0: none */
	u64 holder, holder_epoch;	/* and the exclusive one that */

	struct member_req *req;	/* window: by sequence number */
	u64 mask;
	u64 done;		/* newest sequence number whose verdict is known */
	u64 sent;		/* newest one that the leader was sent, or proposed here */
	u64 last;		/* newest one accepted */

	u64 leader, term;	/* that "sent" speaks of */
	u64 beat;		/* newest beat sent to it */
	u64 beat_marked;	/* that a reply is waited for; 0: none */
	u64 beat_sent;		/* what had been sent before that one */
	u64 beat_open;		/* the first that can have carried what is asked for */
	u64 beat_at;		/* when the next is due */
	u64 heard;		/* when a leader that serves replied last */
	u64 seek_at;		/* without disks: when to ask everybody who leads */
};

/* A client as its leader knows it, during one reign. */
struct member_served {
	u64 store;		/* 0: not heard of */
	u64 epoch, next;	/* of its session: the sequence number to be proposed next */
	u64 heard;		/* when it spoke last; 0: not in this reign */
	u64 beat;		/* its newest one */
	u64 open_nonce, open_epoch;	/* OPEN proposed in this reign */
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

enum member_read_flags {
	MEMBER_R_USED		= 1,
	MEMBER_R_PARTS		= 2,	/* handed out to the host, not ended yet */
	MEMBER_R_FOUND		= 4,	/* the last lookup was read in full */
	MEMBER_R_CONFIRMED	= 8,	/* by a leader round: wait_index is valid */
	MEMBER_R_SENT		= 16,	/* to the leader, see member_remote() */
	MEMBER_R_GIVEN		= 32,	/* the parts under way are what the leader sent */
};

struct member_read {
	u64 token;
	u64 sector;
	u32 nsect;
	u32 flags;
	u64 ticket;		/* of its confirming round */
	u64 lookup_index;	/* judged index when its content was looked up */
	u64 wait_index;		/* content must be at least as new as this */
	int error;
	struct rb_buf *buf;	/* read for another node: its content goes there */
	u64 id;			/* and this is what that calls it */
	u32 slot;
	u32 hash_next;		/* slot + 1 */
	u32 prev, next;		/* active list, by age; slot + 1 */
};

struct member_peer {
	bool up[WIRE_CHANNELS];
	bool known;		/* a hello was accepted */
	bool bootstrapped;
	bool client;		/* has no disks */
	bool tx_blocked;	/* tx_begin() had no room */
	bool lost;		/* tell raft: what was sent may be lost */
	bool rb_wanted;		/* entries rb_first .. rb_last must be read back */
	bool rb_ready;		/* @rb holds them */
	bool rb_stale;		/* what is being read no longer matters */
	bool needs_resync;
	u8 last_reject;
	u64 store;		/* 0: not known yet */
	u64 generation;
	u64 match;		/* as of its hello */
	u64 data_sectors;
	u64 rb_first, rb_last;
	struct member_readback rb;
};

enum member_ckpt_phase { CKPT_IDLE, CKPT_SYNC, CKPT_MAP, CKPT_META };

struct member {
	struct member_cfg cfg;
	const struct member_ops *ops;
	void *host;
	u64 now;
	enum member_halt halt;
	int halt_error;

	struct raft *raft;
	struct vol *vol;
	void *vol_mem;
	struct log log;
	struct raft_out *out;
	struct raft_status rst;		/* after the latest step */
	u64 epoch;			/* raft's truncation epoch */

	/* Entry table. */
	struct member_ent *ent;
	u64 mask;
	struct raft_id base;
	u64 last;
	u64 log_next;			/* next entry to give to the log */
	u64 commit;			/* raft's */
	u64 released;			/* entries up to here have no payload in memory */
	u64 held_bytes;			/* payload of applied entries, for peers */
	u64 boot_last;			/* entries up to here may lack their payload in memory */
	const struct wire_append *rx;	/* message being stepped */
	struct rb_buf **rx_buf;
	u64 rx_first;
	struct rb_buf **bufs;		/* scratch: of a record, a frame */

	/* Configuration: active, and the one before it. */
	struct log_conf conf, prev_conf, rx_conf;
	struct raft_conf raft_conf;	/* scratch */
	bool bootstrapping;

	/* Metadata: @meta is the newest content, written whole to both slots in turn. */
	struct log_meta meta;
	void *meta_buf;
	bool meta_dirty;
	bool meta_busy;
	u8 meta_slot;
	u64 meta_ticket;		/* raft's newest request */
	u64 meta_ticket_written;	/* of the version being written */
	bool meta_has_ckpt;		/* the version being written ends a checkpoint */
	bool started;			/* the generation of this start is durable */

	/* Checkpoint. */
	enum member_ckpt_phase ckpt;
	bool ckpt_busy;			/* an operation of the phase is under way */
	bool ckpt_wanted;
	u64 ckpt_index;
	u64 data_seq;
	u32 map_next;
	struct log_state ckpt_state;
	u8 *block;			/* one block: data header, map block, configuration */
	u64 idle_since;			/* latest progress of judge or apply */

	/* Apply. */
	bool apply_busy;
	bool judge_blocked;		/* the volume's index was full */
	bool reads_stalled;		/* a read waits for payload that is only in the log */
	struct rb_buf **apply_buf;
	bool rb_starved;		/* a readback found no memory: nothing is kept for peers */
	struct member_peer apply_rb;	/* readback for entries of before the start */

	bool diskless;			/* a client only: neither raft, nor log, nor volume */
	struct member_client client;

	/* As leader. */
	bool seq_synced;		/* where all sessions stand is known */
	u64 lead_since;
	u64 follow_at;			/* leadership may follow the session from then on */
	struct member_served served[MEMBER_PEERS_MAX + 1];	/* by slot; at npeers: this node */

	/* Reads. */
	struct member_read *read;
	u32 read_hash[MEMBER_READ_BUCKETS];
	u32 read_free, read_head, read_tail;	/* slot + 1 */
	u32 nreads;
	u64 read_ticket;		/* newest asked of raft */
	u64 read_again_at;		/* remote: when to ask the leader again */
	bool read_new;			/* reads of ticket read_ticket + 1 wait to be asked */
	u64 place_epoch;		/* session that the leader closed for another to have one */
	u32 remote_sent, remote_max;	/* reads that the leader was asked for, and may be */
	u64 read_ok_ticket, read_ok_index;

	u32 npeers;
	struct member_peer peer[MEMBER_PEERS_MAX];

	u64 log_idle_at;		/* when to write a closing record */
	bool ready;
	bool needs_resync;

	u64 writes, reads, reads_retried, proposals_refused, truncated, readbacks;
	u64 records, log_bytes, applies, applied_blocks, checkpoints, meta_writes;
};

static inline void member_trace(struct member *m, enum member_trace what, u64 index, u64 arg)
{
	if (m->ops->trace)
		m->ops->trace(m->host, what, index, arg);
}

static inline void member_note(struct member *m, enum member_note what, u64 arg)
{
	m->ops->note(m->host, what, arg);
}

/* Nothing is said on one connection alone. */
static inline bool member_connected(const struct member_peer *p)
{
	return p->up[WIRE_CONSENSUS] && p->up[WIRE_BULK];
}

static inline u64 member_judged(const struct member *m)
{
	return vol_live(m->vol)->index;
}

static inline u64 member_applied(const struct member *m)
{
	return vol_applied(m->vol)->index;
}

/* Nothing of its own to read from: no disks, or nothing that the log could bring up to date. */
static inline bool member_remote(const struct member *m)
{
	return m->diskless || m->needs_resync;
}

static inline bool member_leads(const struct member *m)
{
	return m->rst.role == RAFT_LEADER;
}

/* start.c */
int member_volume_init(struct member *m);

/* table.c */
struct member_ent *member_ent(const struct member *m, u64 index);
u64 member_room(const struct member *m);
bool member_can_lead(void *ctx);
int member_stage(struct member *m, struct rb_entry *e, struct rb_buf *buf);
void member_unstage(struct member *m, u64 index);
void member_drop(struct member *m, struct member_ent *ent);
void member_truncate(struct member *m, u64 first);
void member_lean(struct member *m);
void member_release_next(struct member *m);
void member_compact(struct member *m, const struct raft_id *base);

/* step.c */
int member_step(struct member *m, const struct raft_event *ev);
int member_step_store(struct member *m, enum raft_event_type type, u64 store);
int member_propose(struct member *m, struct rb_entry *e, struct rb_buf *buf);
void member_halt(struct member *m, enum member_halt why, int error);

/* send.c */
void member_send(struct member *m, const struct raft_msg *msg);
u64 member_sendable(void *ctx, u64 store, u64 first, u64 last);
void member_readbacks_run(struct member *m);
void member_readback_forget(struct member *m, struct member_peer *p);
void member_readbacks_drop(struct member *m, u64 below, u64 above);

/* peer.c */
struct member_peer *member_peer_of(struct member *m, u64 store, u32 *slot);
void member_remember(struct member *m);

/* writer.c */
void member_writer_run(struct member *m);
u64 member_writer_deadline(const struct member *m);

/* judge.c */
void member_judge(struct member *m);

/* apply.c */
void member_release_run(struct member *m);
void member_apply_run(struct member *m);
u64 member_apply_deadline(const struct member *m);
bool member_pressure(const struct member *m);
bool member_log_full(const struct member *m);

/* ckpt.c */
void member_ckpt_run(struct member *m);
u64 member_ckpt_deadline(const struct member *m);
void member_meta_run(struct member *m);

/* read.c */
void member_reads_init(struct member *m);
struct member_read *member_read_find(struct member *m, u64 token);
struct member_read *member_read_alloc(struct member *m, u64 token, u64 sector, u32 nsect);
void member_read_end(struct member *m, struct member_read *r, int error);
void member_read_look_up(struct member *m, struct member_read *r);
void member_reads_run(struct member *m);
void member_reads_check(struct member *m);
void member_reads_anew(struct member *m);
void member_reads_confirm(struct member *m, u64 ticket, u64 index);
void member_reads_fail(struct member *m, int error, bool stopping);

/* client.c */
void member_client_fail(struct member *m, int error);
void member_client_learn(struct member *m, u64 index, const struct log_session *own, u64 holder,
			 u64 holder_epoch);
void member_client_judged(struct member *m);
void member_client_state(struct member *m, enum member_session_state s);
void member_client_answer(struct member *m, int error);
bool member_client_send(struct member *m, u32 slot, u64 first, u32 n);
void member_client_restart(struct member *m);
void member_client_run(struct member *m);
u64 member_client_deadline(const struct member *m);
void member_client_refused(struct member *m);
int member_client_reply(struct member *m, u32 slot, const struct wire_reply *r);

/* remote.c */
void member_remote_seek(struct member *m);
void member_remote_reply(struct member *m, const struct wire_reply *r);
u64 member_remote_deadline(const struct member *m);
void member_remote_unsent(struct member *m, struct member_read *r);
void member_remote_restart(struct member *m);
void member_remote_again(struct member *m);
void member_remote_ended(struct member *m, struct member_read *r);
void member_remote_switch(struct member *m);
void member_remote_run(struct member *m, u32 slot);
int member_remote_data(struct member *m, u32 slot, const struct wire_data *d,
		       const struct wire_append *a, struct rb_buf **buf);
int member_serve_read(struct member *m, u32 slot, const struct wire_read *r);
void member_serve_read_end(struct member *m, struct member_read *r, int error);

/* serve.c */
void member_serve_reset(struct member *m);
void member_serve_sync(struct member *m);
void member_serve_session(struct member *m, struct member_served *s, struct rb_entry *e,
			  bool force);
int member_serve_write(struct member *m, struct member_served *s, struct rb_entry *e,
		       struct rb_buf *buf);
int member_serve(struct member *m, u32 slot, const struct wire_submit *w, struct wire_append *a,
		 struct rb_buf **buf);
void member_serve_judged(struct member *m, const struct rb_entry *e);
void member_serve_run(struct member *m);
void member_follow_run(struct member *m);
u64 member_follow_deadline(const struct member *m);

/* bootstrap.c */
void member_bootstrap_run(struct member *m);
u64 member_heartbeat_ns(const struct member *m);
u64 member_election_ns(const struct member *m);
void member_timeouts(struct member *m);
int member_raft_init(struct member *m, const struct raft_boot *boot);

#endif /* MEMBER_INTERNAL_H */
