/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pure Raft core: an event goes in, actions come out. It does no I/O, reads
 * no clock, takes no lock, and allocates nothing. Only one caller at a time may
 * be in it.
 *
 * The core owns the *runs* of the log: which term each index has, what is
 * durable and what is committed. The payload belongs to the caller. The core
 * withholds acknowledgments and votes until it is told that what they state is
 * durable, so every message it emits may be sent at once, in any order.
 *
 * The caller gives events of one clock, carries out the actions in their order, and
 * answers each META and each APPEND once it is durable, those of the log in order. In
 * return, no step takes back a term or a commit, or leaves as committed or durable what
 * is not in the log. The latter is asserted.
 *
 * The functions are described where they are defined.
 */
#ifndef RBLK_RAFT_H
#define RBLK_RAFT_H

#include "state.h"

#define RAFT_RUNS_MAX		512	/* terms in the live log, at most */
#define RAFT_RUNS_RESERVED	2	/* kept for the no-op and configuration of a leader */
#define RAFT_ACTS_MAX		(2 * RBLK_MEMBERS_MAX + 8)	/* actions of one step; asserted */

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRECANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER,
	RAFT_HALTED,		/* an I/O error or a broken invariant: silent forever */
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
	u64 index;		/* of the entry that holds it; 0: not bootstrapped */
	u8 n;
	struct raft_member m[RBLK_MEMBERS_MAX];
};

/* The entries first..last, all of one term. There are none if first > last. */
struct raft_span {
	u64 first;
	u64 last;
	u64 term;
	/*
	 * Set if and only if the span is a single configuration entry; valid
	 * until the next step. One exception: an APPEND to be sent does not
	 * have it, since the core does not keep all of them. The encoder takes
	 * the configuration from the payload of the entry.
	 */
	const struct raft_conf *conf;
};

enum raft_msg_type {
	RAFT_MSG_PREVOTE = 1,
	RAFT_MSG_PREVOTE_REPLY,
	RAFT_MSG_VOTE,
	RAFT_MSG_VOTE_REPLY,
	RAFT_MSG_APPEND,	/* without entries: a heartbeat, a probe or a read round */
	RAFT_MSG_APPEND_REPLY,
	RAFT_MSG_READ,		/* a follower asks the leader to confirm its reads */
	RAFT_MSG_READ_REPLY,	/* the reads may be served once prev.index is committed */
	RAFT_MSG_TIMEOUT_NOW,	/* the leader hands over: campaign at once */
	RAFT_MSG_NR,
};

struct raft_msg {
	u8 type;		/* enum raft_msg_type */
	u8 reject;		/* the vote is refused, or the append does not fit */
	u8 force;		/* the leader asked for this election: ignore stickiness */
	u8 resync;		/* APPEND: the leader's log no longer covers the receiver */
	u8 stalled;		/* APPEND: too few voters can acknowledge entries */
	u8 ordered;		/* APPEND: must not overtake the entries sent before; not encoded */
	u8 impaired;		/* APPEND_REPLY: what a device holds up that hangs; not of raft */
	u8 blocked;		/* ...: payload of the sender reaches no majority; not of raft */
	u8 stuck;		/* ...: ... does not reach the receiver; not of raft */
	u8 absent;		/* the sender lacks a part of the image; not of raft */
	u8 strain;		/* APPEND: how long the writes of users take; not of raft */
	u32 strain_no;		/* APPEND: number of that finding; not of raft */
	u64 durable;		/* APPEND: newest durable entry of the leader; not of raft */
	/* APPEND with resync: the receiver may go on from a state up to this entry; not of raft */
	u64 spared;
	u64 from;		/* store id */
	u64 to;			/* store id */
	u64 term;		/* of the sender; in a PREVOTE and its grant: the term asked for */
	/*
	 * APPEND: the entry before the span. VOTE and PREVOTE: the last entry
	 * of the candidate's log. APPEND_REPLY, accepted: the newest entry that
	 * matches and is durable; rejected: the hint, which is the newest entry
	 * of the follower that may match. READ_REPLY: the entry to wait for.
	 */
	struct rblk_id prev;
	u64 run_first;		/* rejected APPEND_REPLY: where the hint's term run begins */
	u64 reject_index;	/* rejected APPEND_REPLY: prev.index of the rejected append */
	struct raft_span ents;
	u64 commit;		/* APPEND: the leader's commit index */
	u64 read_seq;		/* APPEND: read round; READ: nonce; echoed in the reply */
	/* APPEND_REPLY: the store of a node that asked the sender for a leader; not of raft */
	u64 seeker;
	u64 cluster;		/* of the sender; 0: it is not bootstrapped; not of raft */
};

enum raft_event_type {
	RAFT_EV_TICK,		/* rblk_raft_deadline() has passed */
	RAFT_EV_MSG,
	RAFT_EV_PROPOSE,	/* to a leader: the caller staged @count more entries */
	RAFT_EV_PUMP,		/* to a leader: send what is new; again while rblk_raft_pending() */
	RAFT_EV_READ,		/* in any role: reads up to @read_id wait for confirmation */
	RAFT_EV_TRANSFER,	/* to a leader: hand over to @store */
	RAFT_EV_YIELD,		/* to a leader: give up now, and have @store campaign */
	RAFT_EV_META_DONE,	/* the metadata of @meta_version is durable */
	/* The local log is durable up to @index without gaps, as of @trunc_epoch. */
	RAFT_EV_LOG_DONE,
	RAFT_EV_COMPACTED,	/* the local log no longer holds entries up to @index */
	/* To a follower: its log goes on behind @id, which is committed, and holds nothing else. */
	RAFT_EV_INSTALLED,
	RAFT_EV_UNREACHABLE,	/* what was in flight to @store is lost */
	RAFT_EV_UNSENT,		/* the entries from @first on were not sent to @store after all */
	RAFT_EV_REACHABLE,	/* @store is connected again, or its payload became sendable */
	RAFT_EV_FORGOT,		/* @store was started anew, and has lost what it acknowledged */
	RAFT_EV_IO_ERROR,	/* a write of the local log or metadata failed: halt */
};

struct raft_event {
	enum raft_event_type type;
	u64 now;				/* ns, monotonic */
	union {
		const struct raft_msg *msg;	/* borrowed for the call */
		struct {
			u32 count;		/* PROPOSE */
			u32 bytes;		/* PROPOSE: of payload; may be 0 */
			const struct raft_conf *conf;	/* PROPOSE of a lone configuration entry */
		} propose;
		struct {
			/* TRANSFER, YIELD, UNREACHABLE, UNSENT, REACHABLE, FORGOT */
			u64 store;
			u64 first;		/* UNSENT */
		};
		struct {
			struct rblk_id id;	/* INSTALLED */
			const struct raft_conf *conf;	/* INSTALLED: as of that entry */
		} installed;
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
	RAFT_ACT_META,		/* persist @meta, then report META_DONE(@meta_version) */
	RAFT_ACT_TRUNCATE,	/* forget local entries from @ents.first on; in order with APPEND */
	RAFT_ACT_APPEND,	/* persist @ents, then report LOG_DONE(index, @trunc_epoch) */
	RAFT_ACT_SEND,		/* send @msg, without waiting for the disk */
	/*
	 * @ents are committed and in the local log. They may span several terms;
	 * @ents.term is that of the last one.
	 */
	RAFT_ACT_COMMIT,
	RAFT_ACT_READ_OK,	/* reads up to @read_id may be served once @id.index is committed */
	RAFT_ACT_ROLE,		/* the role, the term or the known leader changed */
	RAFT_ACT_CONF,		/* the active configuration changed */
	/* A new leader: stage a no-op at @ents.first; its APPEND follows in this step. */
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
	u64 seed;		/* for random election timeouts and nonces */
	u64 heartbeat_ns;
	u64 election_ns;	/* timeouts are drawn from [election, 2 * election) */
	u32 msg_ents;		/* entries in one append, at most */
	u32 inflight_msgs;	/* appends with entries in flight to a peer, at most */
	u32 uncommitted_bytes;	/* payload proposed and not committed, at most */
	/*
	 * Says which of the entries @first..@last can go into one append to
	 * @peer now, by returning the last of them. The caller bounds the bytes
	 * and keeps configuration entries alone. If none can go yet it returns
	 * @first - 1, and reports RAFT_EV_REACHABLE once one can. Must not call
	 * back into the core.
	 */
	u64 (*sendable)(void *ctx, u64 peer, u64 first, u64 last);
	/*
	 * Says which of the entries @first..@last of the message of this step there is
	 * room for, by returning the last of them, or @first - 1. The rest is as good as
	 * lost on the way. Must not call back into the core.
	 */
	u64 (*takes)(void *ctx, u64 first, u64 last);
	/*
	 * Says whether there is room to stage the no-op of a new leader; while
	 * there is none, this node does not campaign. Must not call back into
	 * the core.
	 */
	bool (*can_lead)(void *ctx);
	void *ctx;
	struct rblk_alarm *alarm;	/* an invariant is broken; NULL: the core only halts */
};

/* The state to start from: what recovery proved durable. */
struct raft_boot {
	struct rblk_hard_state meta;
	struct rblk_id snap;	/* the entry before the first retained one; 0, 0: none */
	struct rblk_id last;
	u64 commit;		/* known to be committed: the index of the checkpoint */
	struct raft_conf conf;	/* the newest in the log, else that of the checkpoint */
	struct raft_conf prev_conf;	/* restored if the entry of @conf is truncated */
	const struct rblk_id *runs;	/* {term, last index} of each run after @snap, ascending */
	u32 nruns;
	/*
	 * The newest entry that this node has acknowledged, or may have, and that recovery did not
	 * find; 0, 0: there is none.
	 */
	struct rblk_id owed;
};

struct raft;			/* rblk_raft_size() bytes of the caller */

size_t rblk_raft_size(void);
int rblk_raft_init(struct raft *r, const struct raft_cfg *cfg, const struct raft_boot *boot,
		   u64 now);
int rblk_raft_set_timeouts(struct raft *r, u64 heartbeat_ns, u64 election_ns);
int rblk_raft_step(struct raft *r, const struct raft_event *ev, struct raft_out *out);
u64 rblk_raft_deadline(const struct raft *r);
bool rblk_raft_pending(const struct raft *r);

enum raft_peer_state {
	RAFT_PEER_PROBE,	/* searching for the point where its log meets ours */
	RAFT_PEER_REPLICATE,	/* fed with entries, several appends in flight */
	RAFT_PEER_RESYNC,	/* needs entries that the log no longer holds */
};

struct raft_peer_status {
	u64 store;
	u8 flags;		/* RBLK_M_* */
	u8 state;		/* enum raft_peer_state; leader only */
	u8 active;		/* replied within an election timeout; leader only */
	u64 match;		/* newest entry known durable on the peer; leader only */
	u64 next;		/* first entry to send; leader only */
	u32 inflight;		/* appends with entries in flight; leader only */
};

struct raft_status {
	enum raft_role role;
	u64 term;
	u64 vote;		/* store id; 0: none given in this term */
	u64 leader;		/* store id; 0: unknown */
	u64 transferee;		/* store id; 0: no transfer in progress */
	struct rblk_id snap, last;
	u64 durable;		/* the local log is durable up to here, without gaps */
	u64 commit;
	struct rblk_id owed;	/* acknowledged and lost; 0, 0: nothing is */
	u64 read_ok;		/* newest read id that was confirmed */
	bool leader_ready;	/* this node leads, and its no-op is committed */
	bool resync;		/* the leader says that its log no longer covers this node */
	bool stalled;		/* the leader finds that too few voters can acknowledge entries */
	u64 elections, bad_msgs;	/* started by this node; refused as malformed */
	u64 rejects;		/* appends of this node that peers rejected */
	u32 npeers;
	struct raft_peer_status peer[RBLK_MEMBERS_MAX];
};

void rblk_raft_status(const struct raft *r, struct raft_status *st);
const struct raft_conf *rblk_raft_conf_active(const struct raft *r);
bool rblk_raft_conf_valid(const struct raft_conf *conf);
bool rblk_raft_installable(const struct raft *r, const struct rblk_id *id);
u64 rblk_raft_term_at(const struct raft *r, u64 index);
bool rblk_raft_suffice(const struct raft *r, bool (*is)(void *ctx, u64 store), void *ctx);
int rblk_raft_check(const struct raft *r);

#endif /* RBLK_RAFT_H */
