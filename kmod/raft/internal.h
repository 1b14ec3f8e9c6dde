/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the Raft core: its state, and what its files offer each other.
 */
#ifndef RBLK_RAFT_INTERNAL_H
#define RBLK_RAFT_INTERNAL_H

#include "raft.h"

/* Terms and indexes stay below this bound, so the sum of two never overflows. */
#define RAFT_NUM_MAX		(U64_MAX >> 2)
#define RAFT_WINDOW_MAX		128	/* upper bound of cfg.inflight_msgs */
#define RAFT_BYTES_MAX		1024	/* slots of struct raft_bytes */
#define RAFT_PUMP_MSGS		2	/* appends to one peer in one PUMP */

/* The term of every index of the live log, as one run per term. */
struct raft_runs {
	struct rblk_id snap;	/* the entry before the first retained one */
	u64 last;
	u32 n;
	struct rblk_id run[RAFT_RUNS_MAX];	/* {term, last index}; both ascend */
};

/* What this node knows about another member. */
struct raft_peer {
	u64 store;		/* 0: this place is free */
	u8 state;		/* enum raft_peer_state */
	bool probing;		/* PROBE: a probe is out, wait for its reply */
	bool rejected;		/* PROBE: send no payload until an append fits */
	bool granted;		/* gave its (pre-)vote in the current election */
	u64 match;		/* newest entry known durable on the peer; only grows in a term */
	u64 next;		/* first entry to send, > match */
	u64 last_contact;	/* when it last replied to an append, or was added */
	u64 commit_sent;	/* newest commit index sent to it */
	u64 read_ack;		/* newest read round that it echoed */
	u64 read_want;		/* nonce of its READ that no round covers yet; 0: none */
	u64 read_round;		/* nonce of its READ that the current round covers; 0: none */
	u32 win_head, win_n;	/* @win is a ring: its first used place, and their number */
	u64 win[RAFT_WINDOW_MAX];	/* last index of each append in flight */
};

/*
 * Payload that was proposed and is not committed. Each proposal has a slot; when
 * all slots are in use, further proposals share the newest one.
 */
struct raft_bytes {
	u32 head, n;
	u64 total;
	struct {
		u64 last;
		u64 bytes;
	} slot[RAFT_BYTES_MAX];
};

struct raft {
	struct raft_cfg cfg;
	struct raft_out *out;	/* of the current step */
	u64 now;
	u64 rng;

	enum raft_role role;
	struct rblk_hard_state meta;
	u64 meta_version;	/* counts the changes of @meta */
	u64 meta_inflight;	/* version that is being written; 0: none */
	u64 meta_durable;	/* newest version known to be durable */

	struct raft_runs runs;
	u64 durable;		/* the local log is durable up to here, without gaps */
	u64 trunc_epoch;	/* truncation epoch: grows with each truncation */
	u64 done_trunc_epoch;	/* truncation epoch of the newest completion */
	u64 cut;		/* oldest entry truncated since a completion of the newest epoch */
	u64 commit;
	/* Newest entry that this node acknowledged and has lost; 0, 0: it has all of them. */
	struct rblk_id owed;

	u64 leader;		/* store id; 0: unknown */
	u64 leader_contact;	/* when its newest append arrived */
	u64 election_at;	/* when the election timer fires, unless this node leads */

	/* As a follower; all of it belongs to the current term. */
	struct rblk_id verified;	/* the local log equals the leader's up to here */
	u64 acked;		/* newest index acknowledged to the leader */
	u64 told_commit;	/* newest commit index that the leader named */
	u64 read_echo;		/* newest read round of the leader; echoed in replies */
	bool ack_held;		/* an acknowledgment waits for the metadata */
	bool grant_held;	/* the grant to meta.vote waits for the metadata */
	bool resync;		/* the leader says that its log no longer covers this node */
	bool stalled;		/* the leader, also this one, says that nothing can be committed */

	/* As a candidate. */
	bool forced;		/* the leader asked for this election */

	/* As the leader. */
	u64 heartbeat_at;
	u64 quorum_at;		/* when to check that a quorum still replies */
	u64 noop;		/* index of this term's no-op */
	u64 transferee;		/* store id of the target; 0: no transfer */
	u64 transfer_at;	/* when the transfer is given up */
	u64 round;		/* newest read round of this term */
	bool round_busy;	/* @round is not confirmed yet */
	u64 round_index;	/* commit index when @round began */
	u64 round_read_id;	/* newest read id of this node that @round covers */
	struct raft_bytes bytes;

	/* Reads of this node, in any role. */
	u64 read_want;		/* newest read id that is waited for */
	u64 read_ok;		/* newest read id that was confirmed */
	u64 read_asked;		/* nonce of the READ that the leader has to answer; 0: none */
	u64 read_asked_id;	/* newest read id that this READ covers */
	u64 read_retry_at;	/* when to repeat this READ */

	struct raft_conf conf;		/* active: the newest in the log */
	struct raft_conf prev_conf;	/* restored if the entry of @conf is truncated */
	struct raft_peer peer[RBLK_MEMBERS_MAX];	/* every other member of @conf */

	u64 elections;
	u64 bad_msgs;
	u64 rejects;
};

/* raft.c */
void rblk_raft_halt(struct raft *r);
struct raft_action *rblk_raft_act(struct raft *r, enum raft_act_type type);
struct raft_msg *rblk_raft_send(struct raft *r, enum raft_msg_type type, u64 to);
void rblk_raft_commit_to(struct raft *r, u64 index);
void rblk_raft_trim_log(struct raft *r, u64 first);
bool rblk_raft_grow_log(struct raft *r, const struct raft_span *s);

static inline bool rblk_raft_broken(struct raft *r, bool broken, const char *cond)
{
	if (rblk_assert(r->cfg.alarm, broken, cond))
		rblk_raft_halt(r);
	return broken;
}

/* Halts the core, and is true, if @cond does not hold. */
#define RAFT_BROKEN(r, cond)	rblk_raft_broken(r, RBLK_BROKEN(cond, #cond), #cond)

/* runs.c */
int rblk_raft_runs_init(struct raft_runs *t, const struct raft_boot *boot);
u64 rblk_raft_runs_term(const struct raft_runs *t, u64 index);
u64 rblk_raft_run_first(const struct raft_runs *t, u64 index);
u64 rblk_raft_run_last(const struct raft_runs *t, u64 index);
u64 rblk_raft_runs_at_most(const struct raft_runs *t, u64 index, u64 term);
u64 rblk_raft_runs_differs(const struct raft_runs *t, const struct raft_span *s);
bool rblk_raft_runs_fits(const struct raft_runs *t, u64 first, u64 term, u32 reserve);
bool rblk_raft_runs_append(struct raft_runs *t, u64 last, u64 term);
void rblk_raft_runs_truncate(struct raft_runs *t, u64 first);
void rblk_raft_runs_compact(struct raft_runs *t, u64 index);
bool rblk_raft_runs_ok(const struct raft_runs *t);

static inline u64 rblk_raft_last(const struct raft *r)
{
	return r->runs.last;
}

static inline u64 rblk_raft_last_term(const struct raft *r)
{
	return rblk_raft_runs_term(&r->runs, r->runs.last);
}

/* Has this peer replied to the leader lately? */
static inline bool rblk_raft_peer_active(const struct raft *r, const struct raft_peer *p)
{
	return p->last_contact + r->cfg.election_ns > r->now;
}

/* quorum.c */
enum raft_tally {
	RAFT_TALLY_MATCH,	/* newest entry that is durable on the member */
	RAFT_TALLY_CONTACT,	/* time of the last contact */
	RAFT_TALLY_READ,	/* newest read round confirmed */
	RAFT_TALLY_ABLE,	/* 1: replies, and the log covers what it needs */
	RAFT_TALLY_VOTE,	/* 1: voted for this node in the current election */
};

u64 rblk_raft_quorum(const struct raft_conf *conf, const u64 *val);
u64 rblk_raft_tally(const struct raft *r, enum raft_tally what);

/* conf.c */
bool rblk_raft_conf_follows(const struct raft_conf *old, const struct raft_conf *next);
bool rblk_raft_conf_joint(const struct raft_conf *conf);
u8 rblk_raft_conf_flags(const struct raft_conf *conf, u64 store);
bool rblk_raft_is_voter(const struct raft *r, u64 store);
void rblk_raft_conf_activate(struct raft *r, const struct raft_conf *conf, u64 index);
void rblk_raft_conf_undo(struct raft *r, u64 first);

/* progress.c */
struct raft_peer *rblk_raft_peer_find(struct raft *r, u64 store);
void rblk_raft_peers_sync(struct raft *r);
void rblk_raft_peer_reset(struct raft *r, struct raft_peer *p);
void rblk_raft_peer_probe(struct raft *r, struct raft_peer *p, u64 next);
bool rblk_raft_peer_accepted(struct raft *r, struct raft_peer *p, u64 match);
void rblk_raft_peer_refused(struct raft *r, struct raft_peer *p, const struct raft_msg *m);
void rblk_raft_peer_sent(struct raft_peer *p, u64 last);
void rblk_raft_peer_unsent(struct raft *r, struct raft_peer *p, u64 first);
bool rblk_raft_peer_full(const struct raft *r, const struct raft_peer *p);

/* msg.c */
bool rblk_raft_msg_valid(const struct raft *r, const struct raft_msg *m);

/* elect.c */
void rblk_raft_meta_set(struct raft *r, u64 term, u64 vote);
void rblk_raft_meta_flush(struct raft *r);
int rblk_raft_meta_done(struct raft *r, u64 version);
void rblk_raft_settle_owed(struct raft *r);
bool rblk_raft_meta_is_durable(const struct raft *r);
void rblk_raft_arm_election(struct raft *r);
void rblk_raft_become_follower(struct raft *r, u64 term, u64 leader);
void rblk_raft_campaign(struct raft *r, bool force);
void rblk_raft_elect_tick(struct raft *r);
void rblk_raft_elect_ask(struct raft *r, u64 store);
void rblk_raft_on_vote(struct raft *r, const struct raft_msg *m);
void rblk_raft_on_vote_reply(struct raft *r, const struct raft_msg *m);
u64 rblk_raft_random(struct raft *r);

/* repl.c */
void rblk_raft_lead(struct raft *r);
void rblk_raft_heartbeat(struct raft *r, struct raft_peer *p);
void rblk_raft_heartbeat_all(struct raft *r);
void rblk_raft_lead_tick(struct raft *r);
void rblk_raft_lead_advance(struct raft *r);
int rblk_raft_on_append_reply(struct raft *r, const struct raft_msg *m);
int rblk_raft_propose(struct raft *r, const struct raft_event *ev);
int rblk_raft_pump(struct raft *r);
u32 rblk_raft_pump_peer(struct raft *r, struct raft_peer *p, bool dry);

/* append.c */
int rblk_raft_on_append(struct raft *r, const struct raft_msg *m);
void rblk_raft_ack(struct raft *r, bool at_once);

/* read.c */
int rblk_raft_read_event(struct raft *r, u64 read_id);
void rblk_raft_read_lead(struct raft *r);
void rblk_raft_read_ask(struct raft *r);
int rblk_raft_on_read(struct raft *r, const struct raft_msg *m);
int rblk_raft_on_read_reply(struct raft *r, const struct raft_msg *m);
void rblk_raft_read_reset(struct raft *r);

/* transfer.c */
int rblk_raft_transfer(struct raft *r, u64 store);
int rblk_raft_yield(struct raft *r, u64 store);
void rblk_raft_transfer_push(struct raft *r);
int rblk_raft_on_timeout_now(struct raft *r, const struct raft_msg *m);

#endif /* RBLK_RAFT_INTERNAL_H */
