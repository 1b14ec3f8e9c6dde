/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pure Raft core: an event in, actions out. No I/O, no clock, no lock, no
 * allocation after rblk_raft_init(). One caller at a time.
 *
 * The core owns the *runs* of the log (which term each index has, what is
 * durable, what is committed); payload belongs to the caller. It withholds
 * acknowledgements and votes until it is told that what they speak of is
 * durable, so every message it emits may be sent at once, in any order.
 */
#ifndef RBLK_RAFT_H
#define RBLK_RAFT_H

#include "state.h"

#define RAFT_RUNS_MAX		512	/* terms represented in the live log */
#define RAFT_RUNS_RESERVED	2	/* kept for the no-op and configuration of a new leader */
#define RAFT_ACTS_MAX		(2 * RBLK_MEMBERS_MAX + 8)	/* per step, asserted */

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRECANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER,
	RAFT_HALTED,		/* an I/O error or a broken invariant: silent for ever */
};

/*
 * Raft's own view of a configuration: who votes. Names and addresses are not
 * its business.
 */
struct raft_member {
	u64 store;		/* never 0 */
	u8 flags;		/* enum rblk_member_flags */
};

struct raft_conf {
	u64 index;		/* of the entry that holds it; 0: none, not bootstrapped */
	u8 n;
	struct raft_member m[RBLK_MEMBERS_MAX];
};

/* Entries first..last, all of one term; first > last: none. */
struct raft_span {
	u64 first;
	u64 last;
	u64 term;
	/*
	 * Set iff this is a lone configuration entry; valid until the next
	 * step. Exception: in an APPEND to be sent it is set only for the two
	 * newest ones, so the encoder goes by the entry's payload.
	 */
	const struct raft_conf *conf;
};

enum raft_msg_type {
	RAFT_MSG_PREVOTE = 1,
	RAFT_MSG_PREVOTE_REPLY,
	RAFT_MSG_VOTE,
	RAFT_MSG_VOTE_REPLY,
	RAFT_MSG_APPEND,	/* without entries: heartbeat, probe, read round */
	RAFT_MSG_APPEND_REPLY,
	RAFT_MSG_READ,		/* follower asks the leader to confirm reads <= read_seq */
	RAFT_MSG_READ_REPLY,	/* they may be served at commit index >= prev.index */
	RAFT_MSG_TIMEOUT_NOW,	/* leadership transfer: campaign at once */
	RAFT_MSG_NR,
};

struct raft_msg {
	u8 type;		/* enum raft_msg_type */
	u8 reject;		/* vote refused, or append does not fit */
	u8 force;		/* election blessed by the leader: ignore stickiness */
	u8 resync;		/* APPEND: the sender's log no longer covers the receiver */
	u64 from;		/* store id */
	u64 to;			/* store id */
	u64 term;		/* the sender's; in PREVOTE and its grant: the term asked for */
	/*
	 * APPEND: the entry before the span. VOTE, PREVOTE: the tail of the
	 * candidate's log. APPEND_REPLY: accepted: index = durable match, and
	 * term = its term; rejected: the hint, (term, index) of the newest
	 * entry of the follower that may match. READ_REPLY: index to wait for.
	 */
	struct rblk_id prev;
	u64 run_first;		/* rejected APPEND_REPLY: first index of the hint's term run */
	u64 reject_index;	/* rejected APPEND_REPLY: prev.index of the refused append */
	struct raft_span ents;
	u64 commit;		/* APPEND: the leader's commit index */
	u64 read_seq;		/* APPEND: read round, READ: nonce; echoed in the reply */
};

enum raft_event_type {
	RAFT_EV_TICK,		/* rblk_raft_deadline() has passed */
	RAFT_EV_MSG,
	RAFT_EV_PROPOSE,	/* leader: the caller staged entries last+1 .. last+count */
	RAFT_EV_PUMP,		/* leader: send what is new; repeat while rblk_raft_pending() */
	RAFT_EV_READ,		/* reads up to @read_id wait for confirmation (any role) */
	RAFT_EV_TRANSFER,	/* leader: hand over to @store (0: the best one) */
	RAFT_EV_META_DONE,	/* metadata of @meta_version is durable */
	/* own log is contiguously durable up to @index, as of @trunc_epoch */
	RAFT_EV_LOG_DONE,
	RAFT_EV_COMPACTED,	/* own log no longer holds entries <= @index */
	RAFT_EV_UNREACHABLE,	/* what was in flight to @store is lost: probe again */
	RAFT_EV_REACHABLE,	/* @store has a connection, or its payload became sendable */
	RAFT_EV_IO_ERROR,	/* own log or metadata failed: halt */
};

struct raft_event {
	enum raft_event_type type;
	u64 now;				/* ns, monotonic */
	union {
		const struct raft_msg *msg;	/* borrowed for the call */
		struct {
			u32 count;		/* PROPOSE */
			u32 bytes;		/* PROPOSE: payload, 0 for a no-op */
			const struct raft_conf *conf;	/* PROPOSE of a lone configuration entry */
		} propose;
		u64 store;			/* TRANSFER, UNREACHABLE, REACHABLE */
		struct {
			u64 index;		/* LOG_DONE, COMPACTED */
			union {
				u64 trunc_epoch;	/* LOG_DONE */
				u64 meta_version;	/* META_DONE */
				u64 read_id;		/* READ */
			};
		} done;
	};
};

enum raft_act_type {
	RAFT_ACT_META,		/* persist @meta; answer META_DONE(@meta_version) */
	RAFT_ACT_TRUNCATE,	/* forget own entries >= @ents.first; in order with APPEND */
	RAFT_ACT_APPEND,	/* persist @ents; answer LOG_DONE(index, @trunc_epoch) */
	RAFT_ACT_SEND,		/* already safe to send: never wait for the disk */
	/* @ents became committed and are in the own log; term: of the last (they may span) */
	RAFT_ACT_COMMIT,
	RAFT_ACT_READ_OK,	/* reads <= @read_id may be served once committed >= @id.index */
	RAFT_ACT_ROLE,		/* role, term or known leader changed: see rblk_raft_status() */
	RAFT_ACT_CONF,		/* the active configuration changed: rblk_raft_conf_active() */
	/* New leader: stage a no-op as @ents.first; its APPEND follows in the same step. */
	RAFT_ACT_NOOP,
};

struct raft_action {
	enum raft_act_type type;
	union {
		u64 trunc_epoch;	/* TRUNCATE, APPEND */
		u64 meta_version;	/* META */
		u64 read_id;		/* READ_OK */
	};
	struct raft_span ents;
	union {
		struct raft_msg msg;
		struct rblk_hard_state meta;
		struct rblk_id id;
	};
};

struct raft_out {
	u32 n;
	struct raft_action act[RAFT_ACTS_MAX];
};

struct raft_cfg {
	u64 self;		/* own store id */
	u64 seed;		/* of the election timeout's randomness */
	u64 heartbeat_ns;
	u64 election_ns;	/* timeouts are drawn from [election, 2 * election) */
	u32 msg_ents;		/* entries in one append, at most */
	u32 inflight_msgs;	/* appends with entries in flight to a peer, at most */
	u32 uncommitted_bytes;	/* payload proposed and not committed, at most */
	/*
	 * Which entries, from @first on, can go into one append to @peer now:
	 * returns the last of them, <= @last; first - 1 when none can yet (then
	 * RAFT_EV_REACHABLE follows once it can). Cuts by bytes; keeps
	 * configuration entries alone. Must not call back into the core.
	 */
	u64 (*sendable)(void *ctx, u64 peer, u64 first, u64 last);
	/*
	 * Is there room to stage the no-op of a new leader? While there is none
	 * this node does not campaign. NULL: always. As above.
	 */
	bool (*can_lead)(void *ctx);
	void *ctx;
};

/* What recovery proved durable. */
struct raft_boot {
	struct rblk_hard_state meta;
	struct rblk_id snap;	/* the entry before the first retained one; 0,0: none */
	struct rblk_id last;
	u64 commit;		/* known committed: the checkpoint's index */
	struct raft_conf conf;	/* newest in the log, or of the checkpoint */
	struct raft_conf prev_conf;	/* undo, if @conf's entry is truncated */
	const struct rblk_id *runs;	/* {term, last index} of each run after snap, ascending */
	u32 nruns;
};

struct raft;			/* rblk_raft_size() bytes, from the caller, 8-byte aligned */

size_t rblk_raft_size(void);

/* 0, or -EINVAL: the boot state contradicts itself. Emits nothing. */
int rblk_raft_init(struct raft *r, const struct raft_cfg *cfg, const struct raft_boot *boot,
		   u64 now);

/*
 * The timeouts are a replicated option: when a configuration brings others, they
 * hold from the next timer on. 0, or -EINVAL: nothing changed.
 */
int rblk_raft_set_timeouts(struct raft *r, u64 heartbeat_ns, u64 election_ns);

/*
 * Feeds one event; @out is overwritten. Returns 0, or with @out empty and
 * nothing changed:
 *  -EREMOTE	PROPOSE, TRANSFER: not the leader
 *  -EAGAIN	PROPOSE: over a bound, or a transfer is under way: try later
 *  -EBUSY	TRANSFER: one is under way
 *  -EINVAL	malformed event or message (the message is ignored and counted)
 *  -ESHUTDOWN	halted
 */
int rblk_raft_step(struct raft *r, const struct raft_event *ev, struct raft_out *out);

/* When the next TICK is due, ns; U64_MAX: never. */
u64 rblk_raft_deadline(const struct raft *r);

/* A PUMP would send something now. */
bool rblk_raft_pending(const struct raft *r);

enum raft_peer_state {
	RAFT_PEER_PROBE,	/* where its log meets ours is being looked for */
	RAFT_PEER_REPLICATE,
	RAFT_PEER_RESYNC,	/* needs entries that the log no longer holds */
};

struct raft_peer_status {
	u64 store;
	u8 flags;		/* enum rblk_member_flags */
	u8 state;		/* enum raft_peer_state; leader only */
	u8 active;		/* heard from within an election timeout; leader only */
	u64 match;
	u64 next;
	u32 inflight;
};

struct raft_status {
	enum raft_role role;
	u64 term;
	u64 vote;
	u64 leader;		/* store id, 0: unknown */
	u64 transferee;		/* 0: no transfer under way */
	struct rblk_id snap, last;
	u64 durable;		/* own log, contiguous */
	u64 commit;
	u64 read_ok;		/* newest read id confirmed */
	bool leader_ready;	/* leader with its own no-op committed */
	bool resync;		/* the leader says that its log no longer covers this node */
	u64 elections, bad_msgs;
	u32 npeers;
	struct raft_peer_status peer[RBLK_MEMBERS_MAX];
};

void rblk_raft_status(const struct raft *r, struct raft_status *st);
const struct raft_conf *rblk_raft_conf_active(const struct raft *r);

/* Term of entry @index; 0 when it is not in (snap.index .. last] or snap itself. */
u64 rblk_raft_term_at(const struct raft *r, u64 index);

/* Every invariant, O(members + runs). 0, or -EUCLEAN after RBLK_ASSERT fired. */
int rblk_raft_check(const struct raft *r);

#endif /* RBLK_RAFT_H */
