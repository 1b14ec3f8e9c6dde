// SPDX-License-Identifier: GPL-2.0
/*
 * A volume's status as netlink attributes. Tables say which field goes to which
 * attribute; only nested and optional attributes have code.
 */
#include "ctl/internal.h"
#include "version.h"

/* The numbers of the core are those of the interface. */
static_assert(RAFTBLK_VOLUME_STATE_FAILED == (int)RBLK_V_FAILED);
static_assert(RAFTBLK_ROLE_HALTED == (int)RAFT_HALTED);
static_assert(RAFTBLK_HALT_COPY == (int)NODE_HALT_COPY);
static_assert(RAFTBLK_HALT_STOPPED == (int)NODE_HALT_STOPPED);
static_assert(RAFTBLK_SESSION_FENCED == (int)NODE_S_FENCED);
static_assert(RAFTBLK_REPLICA_RESYNC == (int)RAFT_PEER_RESYNC);
static_assert(RAFTBLK_EVENT_DEVICE == (int)NODE_N_DEVICE);
static_assert(RAFTBLK_EVENT_COPY == (int)NODE_N_COPY);
static_assert(RAFTBLK_EVENT_PATH == (int)NODE_N_PATH);
static_assert(RAFTBLK_EVENT_RESYNC == (int)NODE_N_RESYNC);
static_assert(RAFTBLK_EVENT_REPLICA == (int)NODE_N_REPLICA);
static_assert(RAFTBLK_EVENT_VERIFY == (int)NODE_N_VERIFY);
static_assert(RAFTBLK_EVENT_ROT == (int)NODE_N_ROT);
static_assert(RAFTBLK_EVENT_BLOCK == (int)NODE_N_BLOCK);
static_assert(RAFTBLK_EVENT_COPIED == (int)NODE_N_COPIED);
static_assert(RAFTBLK_VERIFY_RESULT_NO_ANSWER == (int)NODE_V_NO_ANSWER);

struct field {
	u16 attr;
	u16 off;
};

#define INFO(a, f)	{ RAFTBLK_A_STATUS_##a, offsetof(struct rblk_volume_info, f) }
#define COUNT(a, f)	{ RAFTBLK_A_COUNTERS_##a, offsetof(struct rblk_volume_info, f) }

static const struct field status_u64[] = {
	INFO(AGE_MS, age_ms),
	INFO(LOG_LATE_MS, late_ms[RBLK_LOG_DEVICE]),
	INFO(DATA_LATE_MS, late_ms[RBLK_DATA_DEVICE]),
	INFO(WAITING_MS, waiting_ms), INFO(WRITES_WAIT_MS, writes_ms),
	INFO(SECTORS, sectors), INFO(OPENERS, openers), INFO(INFLIGHT, inflight),
	INFO(TERM, st.raft.term), INFO(VOTE, st.raft.vote),
	INFO(LEADER, st.raft.leader), INFO(TRANSFEREE, st.raft.transferee),
	INFO(FIRST_INDEX, st.raft.snap.index), INFO(LAST_INDEX, st.raft.last.index),
	INFO(LAST_TERM, st.raft.last.term), INFO(DURABLE_INDEX, st.raft.durable),
	INFO(COMMIT_INDEX, st.raft.commit), INFO(ELECTIONS, st.raft.elections),
	INFO(BAD_MESSAGES, st.raft.bad_msgs), INFO(GENERATION, st.generation),
	INFO(EXECUTED_INDEX, st.executed_index), INFO(DIGEST, st.digest),
	INFO(APPLIED_INDEX, st.applied_index),
	INFO(CHECKPOINT_INDEX, st.checkpoint_index),
	INFO(UNAPPLIED_BYTES, st.unapplied_bytes),
	INFO(RING_BYTES, st.ring_bytes), INFO(RING_USED, st.ring_used),
	INFO(LOG_ENTRIES, st.log_entries), INFO(LOG_ENTRIES_MAX, st.log_entries_max),
	INFO(INFLIGHT_RECORDS, st.inflight_records),
	INFO(AWAY_ENTRIES, st.away.entries), INFO(AWAY_BYTES, st.away.bytes),
	INFO(AWAY_MS, away_ms),
	INFO(ABSENT_BYTES, st.resync.absent_bytes),
	INFO(PULLED_BYTES, st.resync.pulled_bytes), INFO(RESYNC_MS, resync_ms),
	INFO(OWED_INDEX, st.raft.owed.index),
	INFO(UNWRITTEN_BYTES, st.unwritten_bytes),
	INFO(RESYNC_RATE_MIN, st.resync.rate_min),
	INFO(RESYNC_RATE_MAX, st.resync.rate_max), INFO(RESYNC_RATE, st.resync.rate),
	INFO(SESSION_EPOCH, st.session_epoch), INFO(SESSION_SEQ, st.session_seq),
};

static const struct field counters_u64[] = {
	COUNT(WRITES, st.writes), COUNT(READS, st.reads),
	COUNT(READS_RETRIED, st.reads_retried),
	COUNT(PROPOSALS_REFUSED, st.proposals_refused),
	COUNT(TRUNCATED, st.truncated), COUNT(READBACKS, st.readbacks),
	COUNT(RECORDS, st.records), COUNT(LOG_BYTES, st.log_bytes),
	COUNT(APPLIES, st.applies), COUNT(APPLIED_BLOCKS, st.applied_blocks),
	COUNT(CHECKPOINTS, st.checkpoints), COUNT(META_WRITES, st.meta_writes),
	COUNT(FRAMES_SENT, frames_sent), COUNT(FRAMES_RECEIVED, frames_received),
	COUNT(FRAMES_BAD, frames_bad), COUNT(BYTES_SENT, bytes_sent),
	COUNT(BYTES_RECEIVED, bytes_received), COUNT(APPENDS_REJECTED, st.raft.rejects),
	COUNT(EVENTS_LOST, events_lost), COUNT(COPIES_MENDED, st.copies_mended),
	COUNT(RESYNCS, st.resync.installs), COUNT(RESYNC_BYTES, st.resync.bytes),
	COUNT(RESYNC_ZERO_BYTES, st.resync.zero_bytes),
	COUNT(RESYNC_SAME_BYTES, st.resync.same_bytes),
	COUNT(VERIFY_RANGES, st.verify.ranges), COUNT(VERIFY_DIFFERING, st.verify.differing),
	COUNT(VERIFY_MENDED, st.verify.mended), COUNT(VERIFY_READS, st.verify.reads),
	COUNT(LOG_ROTS, st.rots),
	COUNT(READS_FAILED, st.reads_failed), COUNT(BLOCKS_REWRITTEN, st.blocks_rewritten),
	COUNT(BLOCKS_LEFT, st.blocks_left),
};

static bool put_table(struct sk_buff *skb, const struct rblk_volume_info *info,
		      const struct field *field, u32 n, int pad)
{
	u32 i;

	for (i = 0; i < n; i++) {
		u64 value = *(const u64 *)((const u8 *)info + field[i].off);

		if (nla_put_u64_64bit(skb, field[i].attr, value, pad))
			return false;
	}
	return true;
}

static bool put_flag(struct sk_buff *skb, int attr, bool set)
{
	return !set || !nla_put_flag(skb, attr);
}

static bool put_u64(struct sk_buff *skb, int attr, u64 value, int pad)
{
	return !nla_put_u64_64bit(skb, attr, value, pad);
}

static bool put_counters(struct sk_buff *skb, const struct rblk_volume_info *info)
{
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_STATUS_COUNTERS);

	if (!nest || !put_table(skb, info, counters_u64, ARRAY_SIZE(counters_u64),
				RAFTBLK_A_COUNTERS_PAD))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

static bool put_budgets(struct sk_buff *skb, const struct rblk_volume_info *info)
{
	static const char *const name[RBLK_BUDGETS] = {
		[RBLK_BUDGET_SUBMIT] = "submit",
		[RBLK_BUDGET_RECEIVE] = "receive",
		[RBLK_BUDGET_READBACK] = "readback",
		[RBLK_BUDGET_SERVE] = "serve",
	};
	struct nlattr *nest;
	int i;

	for (i = 0; i < RBLK_BUDGETS; i++) {
		nest = nla_nest_start(skb, RAFTBLK_A_STATUS_BUDGETS);
		if (!nest || nla_put_string(skb, RAFTBLK_A_BUDGET_NAME, name[i]) ||
		    nla_put_u32(skb, RAFTBLK_A_BUDGET_FREE, info->pool_free[i]) ||
		    nla_put_u32(skb, RAFTBLK_A_BUDGET_SIZE, info->pool_size[i]))
			return false;
		nla_nest_end(skb, nest);
	}
	return true;
}

static bool put_session(struct sk_buff *skb, const struct rblk_session *s)
{
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_STATUS_SESSIONS);

	if (!nest || !put_u64(skb, RAFTBLK_A_SESSION_STORE, s->store, RAFTBLK_A_SESSION_PAD) ||
	    !put_u64(skb, RAFTBLK_A_SESSION_EPOCH, s->epoch, RAFTBLK_A_SESSION_PAD) ||
	    !put_u64(skb, RAFTBLK_A_SESSION_NONCE, s->nonce, RAFTBLK_A_SESSION_PAD) ||
	    !put_u64(skb, RAFTBLK_A_SESSION_SEQ, s->seq, RAFTBLK_A_SESSION_PAD))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

/* A node without a log of use only knows the holder, and its own session. */
static bool put_known_session(struct sk_buff *skb, const struct rblk_volume *v,
			      const struct rblk_node_status *st)
{
	struct rblk_session s = { .store = st->holder, .epoch = st->holder_epoch };

	if (!s.store && st->session == NODE_S_HELD)
		s.store = v->super.store;
	if (s.store == v->super.store && st->session == NODE_S_HELD) {
		s.epoch = st->session_epoch;
		s.seq = st->session_done;
	}
	return !s.store || put_session(skb, &s);
}

static bool put_sessions(struct sk_buff *skb, const struct rblk_volume *v,
			 const struct rblk_node_status *st)
{
	u32 i;

	if (st->diskless || (st->lost && !st->votes) || st->needs_resync)
		return put_known_session(skb, v, st);
	for (i = 0; i < st->nsessions; i++)
		if (!put_session(skb, &st->sessions[i]))
			return false;
	return true;
}

static bool put_member(struct sk_buff *skb, const struct rblk_member *m)
{
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_CONF_MEMBERS);

	if (!nest || !put_u64(skb, RAFTBLK_A_MEMBER_STORE, m->store, RAFTBLK_A_MEMBER_PAD) ||
	    nla_put_u32(skb, RAFTBLK_A_MEMBER_FLAGS, m->flags) ||
	    nla_put_string(skb, RAFTBLK_A_MEMBER_NODE, m->node) ||
	    nla_put_string(skb, RAFTBLK_A_MEMBER_ADDRESS, m->addr))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

static bool put_conf(struct sk_buff *skb, const struct rblk_conf *c)
{
	struct nlattr *nest;
	int i;

	if (!c->index)
		return true;
	nest = nla_nest_start(skb, RAFTBLK_A_STATUS_CONF);
	if (!nest || !put_u64(skb, RAFTBLK_A_CONF_INDEX, c->index, RAFTBLK_A_CONF_PAD) ||
	    !put_u64(skb, RAFTBLK_A_CONF_CLUSTER, c->cluster, RAFTBLK_A_CONF_PAD) ||
	    !put_u64(skb, RAFTBLK_A_CONF_SECTORS, c->sectors, RAFTBLK_A_CONF_PAD) ||
	    nla_put_u32(skb, RAFTBLK_A_CONF_BLOCK_SIZE, c->block_size) ||
	    nla_put_u32(skb, RAFTBLK_A_CONF_ELECTION_MS, c->election_ms) ||
	    nla_put_u32(skb, RAFTBLK_A_CONF_HEARTBEAT_MS, c->heartbeat_ms) ||
	    !put_flag(skb, RAFTBLK_A_CONF_SHARED, c->flags & RBLK_CONF_SHARED))
		return false;
	for (i = 0; i < c->n; i++)
		if (!put_member(skb, &c->m[i]))
			return false;
	nla_nest_end(skb, nest);
	return true;
}

/* What only a leader knows about a peer. */
static bool put_progress(struct sk_buff *skb, const struct raft_status *st, u64 store)
{
	const struct raft_peer_status *p = NULL;
	u32 i;

	for (i = 0; i < st->npeers; i++)
		if (st->peer[i].store == store)
			p = &st->peer[i];
	if (st->role != RAFT_LEADER || !p)
		return true;
	return put_u64(skb, RAFTBLK_A_PEER_STATUS_NEXT, p->next, RAFTBLK_A_PEER_STATUS_PAD) &&
	       !nla_put_u32(skb, RAFTBLK_A_PEER_STATUS_INFLIGHT, p->inflight) &&
	       !nla_put_u32(skb, RAFTBLK_A_PEER_STATUS_REPLICA, p->state) &&
	       put_flag(skb, RAFTBLK_A_PEER_STATUS_ACTIVE, p->active);
}

/* Why there is no connection, as far as either side has said, or this one has seen. */
static bool put_trouble(struct sk_buff *skb, u8 rejected, u8 refused, int error)
{
	u8 reason = rejected ? rejected : refused;

	if (rejected && nla_put_u32(skb, RAFTBLK_A_PEER_STATUS_REJECTED, rejected))
		return false;
	if (refused && nla_put_u32(skb, RAFTBLK_A_PEER_STATUS_REFUSED, refused))
		return false;
	if (reason &&
	    nla_put_string(skb, RAFTBLK_A_PEER_STATUS_REASON, rblk_wire_reason_text(reason)))
		return false;
	return !error || !nla_put_u32(skb, RAFTBLK_A_PEER_STATUS_ERROR, abs(error));
}

static bool put_peer(struct sk_buff *skb, const struct rblk_volume_info *info, u32 slot)
{
	const struct rblk_node_peer_status *p = &info->st.peer[slot];
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_STATUS_PEERS);
	const int pad = RAFTBLK_A_PEER_STATUS_PAD;

	if (!nest || nla_put_string(skb, RAFTBLK_A_PEER_STATUS_NODE, p->node) ||
	    !put_u64(skb, RAFTBLK_A_PEER_STATUS_STORE, p->store, pad) ||
	    !put_u64(skb, RAFTBLK_A_PEER_STATUS_GENERATION, p->generation, pad) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_CONSENSUS_UP, p->up[WIRE_CONSENSUS]) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_BULK_UP, p->up[WIRE_BULK]) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_BOOTSTRAPPED, p->bootstrapped) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_NEEDS_RESYNC, p->needs_resync) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_IMPAIRED, p->impaired) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_BLOCKED, p->blocked) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_ABSENT, p->absent) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_STUCK, p->stuck) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_MUTE, p->impaired == NODE_P_MUTE) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_CLIENT, p->client) ||
	    !put_flag(skb, RAFTBLK_A_PEER_STATUS_LOST, p->lost) ||
	    !put_u64(skb, RAFTBLK_A_PEER_STATUS_SILENT_MS, info->peer_silent_ms[slot], pad) ||
	    nla_put_u32(skb, RAFTBLK_A_PEER_STATUS_DISCONNECTS, p->downs) ||
	    !put_u64(skb, RAFTBLK_A_PEER_STATUS_MATCH, p->match, pad) ||
	    !put_trouble(skb, p->last_reject, info->peer_refused[slot], info->peer_error[slot]) ||
	    (p->copy && nla_put_string(skb, RAFTBLK_A_PEER_STATUS_COPY, info->peer_copy[slot])) ||
	    !put_progress(skb, &info->st.raft, p->store))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

static bool put_peers(struct sk_buff *skb, const struct rblk_volume_info *info)
{
	u32 i;

	for (i = 0; i < info->st.npeers; i++)
		if (!put_peer(skb, info, i))
			return false;
	return true;
}

/* Which condition a node found broken, if that is why it is halted. */
static bool put_invariant(struct sk_buff *skb, const char *cond)
{
	return !cond || !nla_put_string(skb, RAFTBLK_A_STATUS_INVARIANT, cond);
}

/* Whom it pulls what is absent from. */
static bool put_source(struct sk_buff *skb, const struct rblk_node_status *st)
{
	u32 slot = st->resync.source;

	return slot >= st->npeers ||
	       !nla_put_string(skb, RAFTBLK_A_STATUS_RESYNC_SOURCE, st->peer[slot].node);
}

/* Names of members, separated by commas, which have room; nothing if there are none. */
static bool put_members(struct sk_buff *skb, int attr, const struct rblk_conf *c, u32 members)
{
	char text[RBLK_MEMBERS_MAX * RBLK_NAME_MAX];
	size_t at = 0;
	u32 i;

	for (i = 0; i < c->n; i++)
		if (members >> i & 1)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? "," : "",
					c->m[i].node);
	return !at || !nla_put_string(skb, attr, text);
}

static bool put_verify(struct sk_buff *skb, const struct rblk_volume_info *info)
{
	const struct rblk_node_status *st = &info->st;
	const struct rblk_verify_status *s = &st->verify;
	const int pad = RAFTBLK_A_VERIFY_PAD;
	struct nlattr *nest;

	if (st->diskless || (st->lost && !st->votes))
		return true;
	nest = nla_nest_start(skb, RAFTBLK_A_STATUS_VERIFY);
	if (!nest || !put_flag(skb, RAFTBLK_A_VERIFY_BUSY, s->busy) ||
	    nla_put_u32(skb, RAFTBLK_A_VERIFY_RESULT, s->outcome) ||
	    !put_u64(skb, RAFTBLK_A_VERIFY_SECTOR, s->sector, pad) ||
	    !put_u64(skb, RAFTBLK_A_VERIFY_SECTORS, s->nsect, pad) ||
	    !put_members(skb, RAFTBLK_A_VERIFY_NODES, &st->conf, s->differs) ||
	    !put_members(skb, RAFTBLK_A_VERIFY_MISSING, &st->conf, s->missing) ||
	    !put_u64(skb, RAFTBLK_A_VERIFY_AGE_MS, info->verify_ms, pad) ||
	    nla_put_u32(skb, RAFTBLK_A_VERIFY_OPEN, s->open) ||
	    !put_u64(skb, RAFTBLK_A_VERIFY_OPEN_SECTOR, s->open_sector, pad) ||
	    !put_u64(skb, RAFTBLK_A_VERIFY_OPEN_SECTORS, s->open_nsect, pad) ||
	    !put_members(skb, RAFTBLK_A_VERIFY_OPEN_NODES, &st->conf, s->open_members) ||
	    !put_u64(skb, RAFTBLK_A_VERIFY_OPEN_AGE_MS, info->verify_open_ms, pad))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

/* Everything that needs a running node. */
static bool put_running(struct sk_buff *skb, struct rblk_volume *v,
			const struct rblk_volume_info *info)
{
	const struct rblk_node_status *st = &info->st;

	return !nla_put(skb, RAFTBLK_A_STATUS_UUID, RBLK_UUID_LEN, v->super.volume) &&
	       put_u64(skb, RAFTBLK_A_STATUS_STORE, v->super.store, RAFTBLK_A_STATUS_PAD) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_ROLE, st->raft.role) &&
	       put_flag(skb, RAFTBLK_A_STATUS_LEADER_READY, st->raft.leader_ready) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_HALT, st->halt) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_HALT_ERROR, abs(st->halt_error)) &&
	       put_invariant(skb, st->invariant) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_RESYNC_BOUND, st->resync.bound) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_LOST, st->lost) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_LOST_ERROR, abs(st->lost_error)) &&
	       put_flag(skb, RAFTBLK_A_STATUS_VOTES, st->votes) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_LOSSES, st->losses) &&
	       put_flag(skb, RAFTBLK_A_STATUS_LOST_AGAIN, st->lost_again) &&
	       put_flag(skb, RAFTBLK_A_STATUS_READY, st->ready) &&
	       put_flag(skb, RAFTBLK_A_STATUS_NEEDS_RESYNC, st->needs_resync) &&
	       put_flag(skb, RAFTBLK_A_STATUS_ABSENT, st->absent) && put_source(skb, st) &&
	       !nla_put_u32(skb, RAFTBLK_A_STATUS_SESSION, st->session) &&
	       put_table(skb, info, status_u64, ARRAY_SIZE(status_u64), RAFTBLK_A_STATUS_PAD) &&
	       put_sessions(skb, v, st) && put_conf(skb, &st->conf) &&
	       put_peers(skb, info) && put_budgets(skb, info) && put_counters(skb, info) &&
	       put_verify(skb, info);
}

/*
 * Puts the answer to "get" for a volume into @skb, with @info as room for its
 * status. For @until see rblk_volume_info(). A volume that is starting or stopping
 * has only names, a state, and a minor if there is a disk. Returns 0, or -EMSGSIZE if
 * there is no room.
 */
int rblk_ctl_put_volume(struct sk_buff *skb, struct rblk_volume *v, struct rblk_volume_info *info,
			unsigned long until)
{
	int ret = rblk_volume_info(v, info, until);
	struct nlattr *nest;

	if (nla_put_string(skb, RAFTBLK_A_VOLUME, info->volume) ||
	    nla_put_string(skb, RAFTBLK_A_NODE, info->node) ||
	    nla_put_u32(skb, RAFTBLK_A_NETNS, info->netns) ||
	    nla_put_string(skb, RAFTBLK_A_VERSION, RAFTBLK_VERSION) ||
	    nla_put_string(skb, RAFTBLK_A_LOG_PATH, info->log_path) ||
	    nla_put_string(skb, RAFTBLK_A_DATA_PATH, info->data_path))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, RAFTBLK_A_STATUS);
	if (!nest || nla_put_u32(skb, RAFTBLK_A_STATUS_STATE, info->state) ||
	    (info->minor >= 0 && nla_put_u32(skb, RAFTBLK_A_STATUS_MINOR, info->minor)))
		return -EMSGSIZE;
	if (!ret && !put_running(skb, v, info))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}
