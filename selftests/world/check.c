// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold after every step of a node: one leader a term, matching logs,
 * complete leaders, commits that agree, digests that agree, and that disks lose
 * nothing that was durable. The audits of the layers themselves run as well.
 */
#include "world.h"

#define TERMS_START	256

static u64 *leader_of;		/* by term: store */
static u64 maxterm;

void check_init(void)
{
	maxterm = TERMS_START;
	leader_of = mem_alloc(maxterm * sizeof(*leader_of));
}

static void *bigger(void *old, u64 n, u64 max, size_t size)
{
	void *p = mem_alloc(max * size);

	if (n)
		memcpy(p, old, n * size);
	return p;
}

void check_room(struct node *n, u64 index)
{
	u64 max = n->maxid ? n->maxid : 1024;

	if (index < n->maxid)
		return;
	while (max <= index)
		max *= 2;
	n->dur = bigger(n->dur, n->maxid, max, sizeof(*n->dur));
	n->logid = bigger(n->logid, n->maxid, max, sizeof(*n->logid));
	n->maxid = max;
}

static bool is_known(const struct ident *id, u64 index)
{
	const struct hist *h = model_at(index);

	return id->term == h->term && id->csum == h->csum;
}

/* ---- durability ---- */

static bool same_ident(const struct ident *id, u64 term, u32 csum)
{
	return id->term == term && id->csum == csum;
}

u32 check_holders(u64 index, u64 term, u32 csum)
{
	u32 i, count = 0;

	for (i = 0; i < world.cfg.nodes; i++) {
		const struct node *n = &world.node[i];

		/* What a store held before it was set back counts: that is another fault. */
		if (max_t(u64, n->absent ? 0 : n->ckpt, n->had_ckpt) >= index)
			count++;
		else if (n->dur_last >= index && index > n->log_from &&
			 same_ident(&n->dur[index], term, csum))
			count++;
		else if (n->had_last >= index && same_ident(&n->had[index], term, csum))
			count++;
	}
	return count;
}

void check_holders_quorum(u64 index, u64 term, u32 csum, const char *what)
{
	u32 count = check_holders(index, term, csum);

	WORLD_CHECK(count >= quorum(), "entry %llu was %s and is durable on %u of %u nodes",
		    (unsigned long long)index, what, count, world.cfg.nodes);
}

/* ---- the log of a node ---- */

static u64 term_before(struct node *n, u64 index)
{
	const struct rblk_id *snap = &n->st.raft.snap;
	const struct rblk_entry *e;

	if (index - 1 == snap->index)
		return snap->term;
	e = rblk_node_entry(n->m, index - 1);
	WORLD_CHECK(e, "node %c: entry %llu is not in its table", 'a' + n->id,
		    (unsigned long long)index - 1);
	return e->term;
}

static void scan_entry(struct node *n, u64 i)
{
	const struct rblk_entry *e = rblk_node_entry(n->m, i);

	WORLD_CHECK(e && e->index == i, "node %c: entry %llu is not in its table", 'a' + n->id,
		    (unsigned long long)i);
	WORLD_CHECK(!rblk_entry_check(e), "node %c: entry %llu is malformed", 'a' + n->id,
		    (unsigned long long)i);
	model_entry(n, e, term_before(n, i));
	check_room(n, i);
	n->logid[i] = (struct ident){ e->term, e->csum };
}

/* Entries from @first on were given up: none that is known to be committed. */
void check_truncated(struct node *n, u64 first)
{
	u64 i;

	if (first > n->seen_last)
		return;
	WORLD_MARK(TRUNCATION);
	WORLD_CHECK(first > n->seen_commit, "node %c: truncates %llu, which it knows committed",
		    'a' + n->id, (unsigned long long)first);
	for (i = first; i <= n->seen_last && i <= model_last(); i++)
		WORLD_CHECK(!is_known(&n->logid[i], i),
			    "node %c: truncates %llu, which is committed", 'a' + n->id,
			    (unsigned long long)i);
	n->seen_last = first - 1;
}

static void check_log(struct node *n)
{
	u64 last = n->st.raft.last.index, snap = n->st.raft.snap.index, i;

	WORLD_CHECK(last >= n->seen_last, "node %c: its log shrank without a word", 'a' + n->id);
	for (i = max_t(u64, n->seen_last, snap) + 1; i <= last; i++)
		scan_entry(n, i);
	n->seen_last = last;
}

void check_commits(struct node *n, u64 to)
{
	static struct rblk_node_status now;
	u64 i;

	if (to <= n->seen_commit)
		return;
	rblk_node_status(n->m, &now);	/* this may be in the middle of a step */
	for (i = n->seen_commit + 1; i <= to; i++) {
		const struct rblk_entry *e = rblk_node_entry(n->m, i);

		WORLD_CHECK(e, "node %c: committed entry %llu is not in its table", 'a' + n->id,
			    (unsigned long long)i);
		model_commit(n, e, now.raft.term);
		n->seen_commit = i;
	}
}

/* ---- elections ---- */

static void check_complete(struct node *n)
{
	u64 term = n->st.raft.term, i;

	for (i = n->st.raft.snap.index + 1; i <= model_last(); i++) {
		/* A late winner of an older term need not have what later ones committed. */
		if (model_at(i)->commit_term >= term)
			break;
		WORLD_CHECK(i <= n->st.raft.last.index && is_known(&n->logid[i], i),
			    "node %c leads term %llu and lacks entry %llu, committed in term %llu",
			    'a' + n->id, (unsigned long long)term, (unsigned long long)i,
			    (unsigned long long)model_at(i)->commit_term);
	}
}

static void check_leader(struct node *n, enum raft_role was, u64 was_term)
{
	u64 term = n->st.raft.term;
	bool leads = n->st.raft.role == RAFT_LEADER;

	if (was == RAFT_LEADER && (!leads || term != was_term)) {
		n->leader_since = 0;
		if (n->ops_out)
			WORLD_MARK(DEPOSED_INFLIGHT);
	}
	if (!leads || (was == RAFT_LEADER && term == was_term))
		return;
	while (term >= maxterm) {
		leader_of = bigger(leader_of, maxterm, 2 * maxterm, sizeof(*leader_of));
		maxterm *= 2;
	}
	WORLD_CHECK(!leader_of[term] || leader_of[term] == n->super.store,
		    "two leaders in term %llu, the second one is node %c", (unsigned long long)term,
		    'a' + n->id);
	leader_of[term] = n->super.store;
	n->leader_since = world.now;
	world.stats[ST_ELECTIONS]++;
	if (term > 2)
		WORLD_MARK(LEADER_CHANGE);
	if (world.transfer_to == n->id + 1u)
		WORLD_MARK(TRANSFER_OK);
	else if (n->st.session == NODE_S_HELD && !world.cfg.shared)
		WORLD_MARK(LEADER_HOLDS);
	world.transfer_to = 0;
	check_complete(n);
}

static void check_halt(struct node *n)
{
	if (n->halted || n->st.halt == NODE_RUNNING)
		return;
	n->halted = true;
	TRACE(n->id, "halted", n->st.halt, (u64)-n->st.halt_error);
	switch (n->st.halt) {
	case NODE_HALT_LOG:
		WORLD_MARK(LOG_ERROR);
		WORLD_CHECK(n->injected, "node %c: log halt %d without a fault",
			    'a' + n->id, n->st.halt_error);
		break;
	case NODE_HALT_DATA:
		WORLD_MARK(DATA_ERROR);
		WORLD_CHECK(n->injected, "node %c: data halt without a fault", 'a' + n->id);
		break;
	case NODE_HALT_COPY:
		WORLD_MARK(HALT_COPY);
		WORLD_CHECK(n->set_back, "node %c: its store is no copy", 'a' + n->id);
		break;
	case NODE_HALT_SET_BACK:
		WORLD_MARK(HALT_SET_BACK);
		WORLD_CHECK(n->set_back, "node %c: its store was not set back", 'a' + n->id);
		break;
	case NODE_HALT_INVARIANT:
		WORLD_CHECK(n->broken && n->st.invariant, "node %c: a broken invariant: %s",
			    'a' + n->id, n->st.invariant);
		break;
	default:
		world_fail("node %c: halted: %d, error %d", 'a' + n->id, n->st.halt,
			 n->st.halt_error);
	}
}

/* Its replica is silent from now on, and the node halted in no other sense. */
static void check_lost(struct node *n)
{
	bool log = n->st.lost == NODE_HALT_LOG;

	n->lost = true;
	n->leader_since = 0;
	TRACE(n->id, "lost", n->st.lost, (u64)-n->st.lost_error);
	if (n->st.lost == NODE_HALT_ROT) {
		WORLD_MARK(HALT_ROT);
		WORLD_CHECK(n->doomed, "node %c: rot without a fault", 'a' + n->id);
		return;
	}
	WORLD_CHECK(n->injected && (log || n->nodata),
		    "node %c: its replica is lost without a fault: %d, error %d", 'a' + n->id,
		    n->st.lost, n->st.lost_error);
	n->nodata = false;
	if (log)
		WORLD_MARK(LOG_LOST);
}

/* It goes on without its data device, which it does not touch any more. */
static void check_nodata(struct node *n)
{
	if (!n->st.votes || n->nodata)
		return;
	n->nodata = true;
	TRACE(n->id, "nodata", n->st.lost, (u64)-n->st.lost_error);
	WORLD_CHECK(n->injected && n->st.absent,
		    "node %c: it has no data device, without a fault, or says that it is whole: error %d",
		    'a' + n->id, n->st.lost_error);
	WORLD_MARK(DATA_LOST);
}

static void note_peers(struct node *n)
{
	u32 i, needs = 0;

	for (i = 0; i < n->st.npeers; i++)
		needs |= (u32)n->st.peer[i].needs_resync << i;
	if (needs & ~n->resync)
		WORLD_MARK(NEEDS_RESYNC);
	n->resync = needs;
}

static void check_client(struct node *n)
{
	WORLD_CHECK(n->broken || !rblk_node_check(n->m, true), "client %c: rblk_node_check",
		    'a' + n->id);
	rblk_node_status(n->m, &n->st);
	check_halt(n);
	/* Nobody tells it that its leader is gone: it has to look by itself. */
	WORLD_CHECK(n->halted || rblk_node_deadline(n->m) != U64_MAX, "client %c: waits forever",
		    'a' + n->id);
}

void check_step(struct node *n)
{
	enum raft_role was = n->st.raft.role;
	u64 was_term = n->st.raft.term, retried = n->st.reads_retried;
	bool was_absent = n->st.absent;
	int err = 0;

	if (node_diskless(n) || n->lost) {
		check_client(n);
		return;
	}
	if (!n->broken)
		err = rblk_node_check(n->m, n->deep++ % 64 == 0);
	WORLD_CHECK(!err, "node %c: rblk_node_check: %d", 'a' + n->id, err);
	rblk_node_status(n->m, &n->st);
	if (n->st.lost && !n->st.votes) {
		check_lost(n);
		return;
	}
	check_nodata(n);
	WORLD_CHECK(n->st.raft.term >= was_term, "node %c: its term went back", 'a' + n->id);
	check_log(n);
	check_commits(n, n->st.raft.commit);
	if (n->st.executed_index != n->seen_live) {
		n->seen_live = n->st.executed_index;
		n->executed_seen = n->seen_live;
		WORLD_CHECK(n->st.digest == model_digest(n->seen_live),
			    "node %c: its digest at %llu differs", 'a' + n->id,
			    (unsigned long long)n->seen_live);
	}
	check_leader(n, was, was_term);
	check_halt(n);
	if (was_absent && !n->st.absent)
		WORLD_MARK(RESYNCED);
	if (n->st.absent && n->st.resync.bound == NODE_B_USERS)
		WORLD_MARK(RESYNC_YIELDS);
	if (n->st.resync.same_bytes)
		WORLD_MARK(PULL_SAME);
	if (n->st.absent && n->st.raft.role == RAFT_LEADER)
		WORLD_MARK(CARETAKER);
	if (n->nodata && n->st.resync.installs)
		WORLD_MARK(NODATA_INSTALL);
	if (n->st.reads_retried != retried)
		WORLD_MARK(READ_RETRY);
	if (n->st.log_entries * 8 > n->st.log_entries_max * 7)
		WORLD_MARK(ENTRIES_FULL);
	note_peers(n);
}

/* A read needs a round that began after it, so a quorum must have been in contact since. */
void check_read_quorum(struct node *n, const struct op *op)
{
	bool leads = n->leader_since && n->leader_since <= op->t0;
	u32 i, count = 1;

	for (i = 0; i < world.cfg.nodes; i++)
		if (i != n->id && n->heard[i] >= op->t0)
			count++;
	if (!leads)
		WORLD_MARK(READ_FOLLOWER);
	if (node_diskless(n))
		WORLD_MARK(READ_REMOTE);
	if (n->lost)
		WORLD_MARK(READ_LOST);
	if (n->st.needs_resync)
		WORLD_MARK(READ_BEHIND);
	WORLD_CHECK(count >= (leads ? quorum() : min_t(u32, 2, world.cfg.nodes)),
		    "node %c: read %llu was served though only %u nodes spoke since it began",
		    'a' + n->id, (unsigned long long)op->id, count);
}

/* ---- what a node says has to be durable before it is said ---- */

static void check_ack(struct node *n, const struct rblk_id *id)
{
	WORLD_CHECK(id->index <= n->ckpt ||
		    (id->index <= n->dur_last && n->dur[id->index].term == id->term),
		    "node %c acknowledges entry %llu of term %llu before its own log has it",
		    'a' + n->id, (unsigned long long)id->index, (unsigned long long)id->term);
}

static void check_said(struct node *n, const struct raft_msg *m)
{
	bool grant = m->type == RAFT_MSG_VOTE_REPLY && !m->reject;
	bool ack = m->type == RAFT_MSG_APPEND_REPLY && !m->reject;
	u64 vote = grant ? m->to : n->super.store;

	if (ack)
		check_ack(n, &m->prev);
	if (ack || grant || m->type == RAFT_MSG_VOTE || m->type == RAFT_MSG_APPEND)
		WORLD_CHECK(n->dur_term == m->term,
			    "node %c speaks in term %llu, durable is term %llu", 'a' + n->id,
			    (unsigned long long)m->term, (unsigned long long)n->dur_term);
	if (grant || m->type == RAFT_MSG_VOTE)
		WORLD_CHECK(n->dur_vote == vote, "node %c: its vote in term %llu is not durable",
			    'a' + n->id, (unsigned long long)m->term);
}

/* What the codec made of a message reads as it was meant, and may be said by now. */
const struct wire_frame *check_frame(struct node *n, const u8 *frame, u32 len)
{
	static struct wire_frame sent;
	struct wire_header h;

	WORLD_CHECK(!rblk_wire_decode_header(&h, frame) && WIRE_HEADER_BYTES + h.head_len == len &&
		    !rblk_wire_check_head(&h, frame + WIRE_HEADER_BYTES) &&
		    !rblk_wire_decode(&sent, &h, frame + WIRE_HEADER_BYTES),
		    "node %c sends a frame that does not decode", 'a' + n->id);
	if (sent.type == WIRE_RAFT)
		check_said(n, &sent.raft);
	if (sent.type == WIRE_REPLY) {
		check_commits(n, n->executed_seen);
		model_reply(n, &sent.reply);
	}
	return &sent;
}

/* ---- stop and start ---- */

/* Entries that the next start must find: not those that a record in flight may have replaced. */
void check_stopped(struct node *n)
{
	u32 i;

	n->stop_t = world.now;
	n->was_halted = n->halted || n->lost || n->nodata;
	n->must_last = n->dur_last;
	if (n->installing)
		n->must_last = min_t(u64, n->must_last, n->seen_commit);
	n->installing = false;
	for (i = 0; i < n->nrec; i++)
		if (n->recs[i].id && n->recs[i].first <= n->must_last)
			n->must_last = n->recs[i].first - 1;
	n->nrec = 0;
}

static void check_meta_kept(struct node *n)
{
	const struct raft_status *r = &n->st.raft;

	WORLD_CHECK(r->term > n->dur_term ||
			  (r->term == n->dur_term && (!n->dur_vote || r->vote == n->dur_vote)),
		  "node %c: term %llu vote %llx were durable, found are term %llu vote %llx",
		  'a' + n->id, (unsigned long long)n->dur_term, (unsigned long long)n->dur_vote,
		  (unsigned long long)r->term, (unsigned long long)r->vote);
	/* So may the only copy of a checkpoint that one start found, and that the next cannot read. */
	WORLD_CHECK(n->st.checkpoint_index >= (n->read_failed ? n->ckpt_twice : n->ckpt) || n->doomed,
		    "node %c: checkpoint %llu was durable, found is %llu", 'a' + n->id,
		    (unsigned long long)n->ckpt, (unsigned long long)n->st.checkpoint_index);
	/*
	 * A copy that could not be read may have held a newer version, which no
	 * message told of yet.
	 */
	if (n->read_failed) {
		n->vote_term = n->dur_term;
		n->vote = n->dur_vote;
	}
	/* Its log may be of a newer term than its metadata: then it has not voted in it. */
	n->dur_term = n->vote_term;
	n->dur_vote = n->vote;
	/* A state that was installed took the place of the log, which is the older one again. */
	if (n->st.checkpoint_index < n->ckpt)
		n->must_last = min_t(u64, n->must_last, n->st.checkpoint_index);
	n->ckpt = n->st.checkpoint_index;
	n->ckpt_twice = min_t(u64, n->ckpt_twice, n->ckpt);
	if (n->slot_version[0] == n->slot_version[1])
		n->ckpt_twice = n->ckpt;
}

/* What rot has taken may be gone from the log, and not from what the node vouches for. */
static bool owes(const struct node *n, u64 index)
{
	const struct rblk_id *owed = &n->st.raft.owed;
	u64 term = n->dur[index].term;

	return n->doomed &&
	       (owed->term > term || (owed->term == term && owed->index >= index));
}

/*
 * Rot in the newest record, before a later one vouches for it, cannot be told
 * from a torn write. That window is stated, and small: see Documentation. The
 * simulator then counts the store as destroyed.
 */
static bool rot_as_torn(struct node *n)
{
	u64 last = n->st.raft.last.index, i;

	for (i = n->st.raft.snap.index + 1; i <= n->must_last; i++) {
		const struct rblk_entry *e = i <= last ? rblk_node_entry(n->m, i) : NULL;

		if (e && e->term == n->dur[i].term && e->csum == n->dur[i].csum)
			continue;
		if (owes(n, i))
			continue;
		/* A frozen or halted node writes no closing record, a slow disk writes it late. */
		WORLD_CHECK(n->stop_t - n->dur_t <
					  400 * MSEC + 2 * world.cfg.slow_max ||
				  n->pause_t >= n->dur_t || n->was_halted,
			  "node %c: rot of what was durable for %llu ms was taken for torn",
			  'a' + n->id, (unsigned long long)((n->stop_t - n->dur_t) / MSEC));
		WORLD_MARK(ROT_AS_TORN);
		return true;
	}
	return false;
}

static void check_log_kept(struct node *n)
{
	u64 snap = n->st.raft.snap.index, last = n->st.raft.last.index, i;

	WORLD_CHECK(last >= n->must_last || owes(n, n->must_last),
		    "node %c: log was durable to %llu of term %llu, found to %llu, and owes %llu of term %llu",
		    'a' + n->id, (unsigned long long)n->must_last,
		    (unsigned long long)n->dur[n->must_last].term, (unsigned long long)last,
		    (unsigned long long)n->st.raft.owed.index,
		    (unsigned long long)n->st.raft.owed.term);
	WORLD_CHECK(snap <= n->ckpt, "node %c: log starts at %llu behind the checkpoint", 'a' + n->id,
		    (unsigned long long)snap);
	for (i = snap + 1; i <= last; i++) {
		scan_entry(n, i);
		WORLD_CHECK(i > n->must_last || owes(n, i) ||
				    (n->dur[i].term == n->logid[i].term &&
				     n->dur[i].csum == n->logid[i].csum),
			  "node %c: entry %llu was durable and is another one now", 'a' + n->id,
			  (unsigned long long)i);
		n->dur[i] = n->logid[i];
	}
	if (last > n->must_last)
		WORLD_MARK(RECOVERED_MORE);
	n->dur_last = last;
	n->seen_last = last;
	n->log_from = snap;
	n->absent = n->st.absent;
}

bool check_started(struct node *n)
{
	rblk_node_status(n->m, &n->st);
	if (n->doomed && rot_as_torn(n))
		return false;
	world.stats[ST_RECOVERIES]++;
	check_meta_kept(n);
	check_log_kept(n);
	n->seen_commit = n->st.raft.commit;
	n->seen_live = n->st.executed_index;
	n->executed_seen = n->seen_live;
	WORLD_CHECK(n->seen_live <= model_last(), "node %c: checkpoint of what nobody committed",
		    'a' + n->id);
	WORLD_CHECK(!n->seen_live || n->st.digest == model_digest(n->seen_live),
		    "node %c: digest of its checkpoint", 'a' + n->id);
	platter_check(n, n->st.checkpoint_index, false, "restart");
	return true;
}
