// SPDX-License-Identifier: GPL-2.0
/*
 * What the node noted during a pass is reported after it: to the kernel log, and to
 * netlink, together with the ends of operations.
 */
#include <linux/math64.h>

#include "block/block.h"
#include "host/notify.h"
#include "life/internal.h"
#include "net/net.h"

#define RBLK_NOTIFY_RETRY_NS	(100 * RBLK_NSEC_PER_MSEC)

/*
 * struct rblk_node_ops: the node has something to report. It is only kept here, and
 * reported after the pass, when the node may be called again.
 */
void rblk_note(void *host, enum rblk_node_note what, u64 arg)
{
	struct rblk_volume *v = host;
	struct rblk_life *l = v->life;
	u32 i;

	for (i = 0; i < l->nnotes; i++)
		if (l->note[i].what == what && l->note[i].arg == arg)
			return;
	if (l->nnotes == RBLK_NOTES_MAX) {
		rblk_event_lost(v);
		return;
	}
	l->note[l->nnotes++] = (struct rblk_note){ .what = what, .arg = arg };
}

static const char * const rblk_halt_text[] = {
	[NODE_RUNNING] = "running",
	[NODE_HALT_LOG] = "the log device failed",
	[NODE_HALT_DATA] = "the data device failed",
	[NODE_HALT_ROT] = "a committed entry in its log is damaged",
	[NODE_HALT_INVARIANT] = "a broken invariant",
	[NODE_HALT_SET_BACK] = "its store was set back: a member saw more of it than it has now",
	[NODE_HALT_COPY] =
		"a member knows another start of its store, so one is a copy of the other",
	[NODE_HALT_STOPPED] = "the node was stopped",
};

static const char * const rblk_session_text[] = {
	[NODE_S_NONE] = "this node holds no session",
	[NODE_S_OPENING] = "this node asks for the session",
	[NODE_S_HELD] = "this node holds the session",
	[NODE_S_FENCED] = "the session of this node was fenced: close the device",
};

static void rblk_note_peer(struct rblk_volume *v, u64 slot, char *text, size_t size)
{
	const struct rblk_node_peer_status *p;

	if (slot >= v->st.npeers) {
		scnprintf(text, size, "peer %llu", slot);
		return;
	}
	p = &v->st.peer[slot];
	if (p->lost && p->up[WIRE_CONSENSUS] && p->up[WIRE_BULK])
		scnprintf(text, size,
			  "%s has lost its replica, since a device of it failed, and is connected as a client",
			  p->node);
	else if (p->impaired)
		scnprintf(text, size, "%s is held up: a device of it does not respond", p->node);
	else if (p->blocked)
		scnprintf(text, size, "%s is not to lead: its payload reaches no majority",
			  p->node);
	else if (p->needs_resync)
		scnprintf(text, size, "%s needs a resync: the log no longer covers it", p->node);
	else if (p->absent)
		scnprintf(text, size, "%s is resynchronised: its data device lacks a part",
			  p->node);
	else if (p->up[WIRE_CONSENSUS] && p->up[WIRE_BULK])
		scnprintf(text, size, "%s is connected", p->node);
	else if (p->last_reject)
		scnprintf(text, size, "%s was refused: %s", p->node,
			  rblk_wire_reason_text(p->last_reject));
	else
		scnprintf(text, size, "%s is not connected", p->node);
}

static void rblk_note_session(struct rblk_volume *v, char *text, size_t size)
{
	const struct rblk_node_status *st = &v->st;

	if (st->holder && st->holder != v->super.store)
		scnprintf(text, size, "%s; %s holds it since entry %llu",
			  rblk_session_text[st->session], rblk_store_name(v, st, st->holder),
			  st->holder_epoch);
	else if (st->session == NODE_S_HELD)
		scnprintf(text, size, "%s since entry %llu", rblk_session_text[st->session],
			  st->session_epoch);
	else
		scnprintf(text, size, "%s", rblk_session_text[st->session]);
}

/* That a node keeps asking, or finds all alike, is not news; a change of the session is. */
static bool rblk_note_is_news(struct rblk_volume *v, const struct rblk_note *n, const char *text)
{
	if (n->what == NODE_N_VERIFY)
		return n->arg != NODE_V_EQUAL;
	if (n->what != NODE_N_SESSION)
		return true;
	if (v->st.session == NODE_S_OPENING || !strcmp(text, v->life->session_noted))
		return false;
	strscpy(v->life->session_noted, text, sizeof(v->life->session_noted));
	return true;
}

static void rblk_note_ready(const struct rblk_node_status *st, bool ready, char *text, size_t size)
{
	scnprintf(text, size,
		  !ready ?
			  "I/O waits: no quorum" :
		  !st->needs_resync ?
			  "I/O is served" :
			  "the log of the leader no longer covers this node, which is resynchronised; meanwhile its I/O goes to the leader");
}

static void rblk_note_halt(const struct rblk_node_status *st, char *text, size_t size)
{
	if (st->invariant)
		scnprintf(text, size, "HALTED: %s: %s (please report this)",
			  rblk_halt_text[st->halt], st->invariant);
	else
		scnprintf(text, size, "HALTED: %s (error %d)", rblk_halt_text[st->halt],
			  -st->halt_error);
}

static void rblk_note_device(struct rblk_volume *v, u64 dev, char *text, size_t size)
{
	bool log = dev == RBLK_LOG_DEVICE;
	u64 late = v->st.late_ns[log ? RBLK_LOG_DEVICE : RBLK_DATA_DEVICE];
	const char *path = log ? v->up.log_path : v->up.data_path;

	if (late)
		scnprintf(text, size, "the %s device has not responded for %llu ms: %s",
			  log ? "log" : "data", div_u64(late, NSEC_PER_MSEC), path);
	else
		scnprintf(text, size, "the %s device responds again: %s", log ? "log" : "data",
			  path);
}

static void rblk_note_resync(struct rblk_volume *v, u64 step, char *text, size_t size)
{
	const struct rblk_node_status *st = &v->st;

	if (step == NODE_RESYNC_BEGAN)
		scnprintf(text, size,
			  "resync: the data device %s lacks a part of the image, which is pulled from other members",
			  v->up.data_path);
	else if (step == NODE_RESYNC_INSTALLED)
		scnprintf(text, size,
			  "resync: goes on behind entry %llu; %llu MiB of the image are absent",
			  st->raft.snap.index, st->resync.absent_bytes >> 20);
	else
		scnprintf(text, size,
			  "resync: the image is whole again; since the start, %llu MiB were pulled, of which %llu MiB were zeroes and %llu MiB on the data device already",
			  st->resync.bytes >> 20, st->resync.zero_bytes >> 20,
			  st->resync.same_bytes >> 20);
}

/* What is to be done depends on the device, so that is left to "raftblk why". */
static void rblk_note_replica(struct rblk_volume *v, u64 why, char *text, size_t size)
{
	const struct rblk_node_status *st = &v->st;
	bool data = why == NODE_HALT_DATA;

	if (why == NODE_RUNNING)
		scnprintf(text, size,
			  "the replica is attached, on log device %s and data device %s: node %s takes part again",
			  v->up.log_path, v->up.data_path, v->up.node);
	else if (st->votes)
		scnprintf(text, size,
			  "DATA LOST: the data device %s failed (error %d): node %s votes with its log; its I/O goes on through the other members; see 'raftblk why %s'",
			  v->up.data_path, -st->lost_error, v->up.node, v->name);
	else
		scnprintf(text, size,
			  "REPLICA LOST: the %s device %s %s (error %d): node %s no longer takes part; its I/O goes on through the other members; see 'raftblk why %s'",
			  data ? "data" : "log", data ? v->up.data_path : v->up.log_path,
			  why == NODE_HALT_ROT ? "is damaged" : "failed", -st->lost_error,
			  v->up.node, v->name);
}

static void rblk_note_path(struct rblk_volume *v, u64 slot, char *text, size_t size)
{
	const struct rblk_node_peer_status *p = &v->st.peer[slot];

	if (p->stuck)
		scnprintf(text, size,
			  "payload to %s does not get through, though it is heard: check the MTU of the path to it",
			  p->node);
	else
		scnprintf(text, size, "payload to %s gets through again", p->node);
}

static void rblk_note_copy(struct rblk_volume *v, u64 arg, char *text, size_t size)
{
	static const char * const what[LOG_C_NR] = {
		[LOG_C_SUPER] = "the first superblock on log device",
		[LOG_C_SUPER2] = "the second superblock on log device",
		[LOG_C_META] = "the first copy of the metadata on log device",
		[LOG_C_META2] = "the second copy of the metadata on log device",
		[LOG_C_DATA] = "the first header on data device",
		[LOG_C_DATA2] = "the second header on data device",
	};
	u32 copy = arg & ((1u << NODE_N_COPY_ERROR) - 1);
	const char *path = copy < LOG_C_DATA ? v->up.log_path : v->up.data_path;
	u64 error = arg >> NODE_N_COPY_ERROR;

	if (error)
		scnprintf(text, size,
			  "%s %s is damaged, and rewriting it failed (error %llu): replace the device",
			  what[copy], path, error);
	else
		scnprintf(text, size,
			  "%s %s was damaged, and was rewritten from the other one",
			  what[copy], path);
}

static void rblk_note_copied(struct rblk_volume *v, u64 slot, char *text, size_t size)
{
	scnprintf(text, size, "two machines have the store of %s: %s", v->st.peer[slot].node,
		  rblk_peers_copy(v, slot));
}

static void rblk_note_rot(struct rblk_volume *v, u64 index, char *text, size_t size)
{
	if (index)
		scnprintf(text, size,
			  "log device %s is damaged at or before entry %llu, which is in the image: that part of the log is given up",
			  v->up.log_path, index);
	else
		scnprintf(text, size,
			  "the log on %s has again all that this node had acknowledged: other members brought it",
			  v->up.log_path);
}

static void rblk_note_block(struct rblk_volume *v, u64 arg, char *text, size_t size)
{
	u64 at = (arg >> 1) * RBLK_BLOCK_SIZE;

	if (arg & 1)
		scnprintf(text, size,
			  "data device %s cannot read 4 KiB at %llu of the volume, though they were rewritten: others read them; replace the device",
			  v->up.data_path, at);
	else
		scnprintf(text, size,
			  "data device %s could not read 4 KiB at %llu of the volume: they were rewritten from another member",
			  v->up.data_path, at);
}

static void rblk_note_text(struct rblk_volume *v, const struct rblk_note *n, char *text,
			   size_t size)
{
	const struct rblk_node_status *st = &v->st;

	switch (n->what) {
	case NODE_N_ROLE:
		scnprintf(text, size, "%s in term %llu, leader: %s", rblk_role_name(st->raft.role),
			  st->raft.term, rblk_leader_name(v, st));
		break;
	case NODE_N_PEER:
		rblk_note_peer(v, n->arg, text, size);
		break;
	case NODE_N_SESSION:
		rblk_note_session(v, text, size);
		break;
	case NODE_N_CONF:
		scnprintf(text, size, "%u members, %llu sectors (entry %llu)", st->conf.n,
			  st->conf.sectors, st->conf.index);
		break;
	case NODE_N_CHECKPOINT:
		scnprintf(text, size, "checkpoint at entry %llu", n->arg);
		break;
	case NODE_N_HALTED:
		rblk_note_halt(st, text, size);
		break;
	case NODE_N_READY:
		rblk_note_ready(st, n->arg, text, size);
		break;
	case NODE_N_DEVICE:
		rblk_note_device(v, n->arg, text, size);
		break;
	case NODE_N_COPY:
		rblk_note_copy(v, n->arg, text, size);
		break;
	case NODE_N_PATH:
		rblk_note_path(v, n->arg, text, size);
		break;
	case NODE_N_RESYNC:
		rblk_note_resync(v, n->arg, text, size);
		break;
	case NODE_N_REPLICA:
		rblk_note_replica(v, n->arg, text, size);
		break;
	case NODE_N_VERIFY:
		rblk_note_verify(v, text, size);
		break;
	case NODE_N_ROT:
		rblk_note_rot(v, n->arg, text, size);
		break;
	case NODE_N_BLOCK:
		rblk_note_block(v, n->arg, text, size);
		break;
	case NODE_N_COPIED:
		rblk_note_copied(v, n->arg, text, size);
		break;
	}
}

/*
 * Owner. Reports that an operation ended with @error, unless that is -EINPROGRESS
 * and there is time left. Returns false if it has not ended, or if there was no
 * memory to report it: then that is done at @t->deadline.
 */
bool rblk_volume_op_end(struct rblk_volume *v, struct rblk_op *t, u64 now, int error,
			const char *text)
{
	if (error == -EINPROGRESS && now >= t->deadline)
		error = -ETIMEDOUT;
	if (error == -EINPROGRESS)
		return false;
	if (rblk_notify_end(v, t->id, error, text, GFP_NOWAIT | __GFP_NOWARN))
		t->id = 0;
	else
		t->deadline = now + RBLK_NOTIFY_RETRY_NS;
	return !t->id;
}

/* Owner. The ends of a bootstrap and of a transfer show in the state of the node. */
static void rblk_volume_ops(struct rblk_volume *v, u64 now)
{
	struct rblk_life *l = v->life;
	const struct rblk_node_status *st = &v->st;
	bool halted = st->halt != NODE_RUNNING;

	if (st->conf.index)
		rblk_volume_op_end(v, &l->bootstrap, now, 0, "bootstrapped");
	else
		rblk_volume_op_end(v, &l->bootstrap, now, halted ? -ESHUTDOWN : -EINPROGRESS,
				   halted ? rblk_halt_text[st->halt] :
				   "it is still in progress: I/O to the log device is slow, or stuck");
	if (st->raft.role != RAFT_LEADER && st->raft.leader)
		rblk_volume_op_end(v, &l->transfer, now, 0, rblk_leader_name(v, st));
	else
		rblk_volume_op_end(v, &l->transfer, now, halted ? -ESHUTDOWN : -EINPROGRESS,
				   halted ? rblk_halt_text[st->halt] :
				   "the other node did not take over in time");
}

u64 rblk_volume_ops_deadline(const struct rblk_volume *v)
{
	const struct rblk_life *l = v->life;
	u64 at = l->bootstrap.id ? l->bootstrap.deadline : U64_MAX;

	if (l->transfer.id)
		at = min_t(u64, at, l->transfer.deadline);
	if (l->verify.id)
		at = min_t(u64, at, l->verify.deadline);
	return l->take.on ? min_t(u64, at, l->take.told.deadline) : at;
}

/*
 * Reports what the node noted, and the ends of operations. Called as owner, between
 * passes of the node.
 */
void rblk_volume_notes(struct rblk_volume *v, u64 now)
{
	struct rblk_life *l = v->life;
	char text[RBLK_TEXT_MAX];
	u32 i, n = l->nnotes;
	bool changed = false;

	if (!n && !l->transfer.id && !l->bootstrap.id && !l->verify.id && !l->take.on)
		return;
	rblk_node_status(v->m, &v->st);
	for (i = 0; i < n; i++) {
		rblk_note_text(v, &l->note[i], text, sizeof(text));
		if (rblk_note_is_news(v, &l->note[i], text))
			rblk_notify_event(v, l->note[i].what, l->note[i].arg, text);
		if (l->note[i].what != NODE_N_CHECKPOINT)
			changed = true;
	}
	l->nnotes = 0;
	rblk_volume_ops(v, now);
	rblk_take_tell(v, now);
	rblk_verify_tell(v, now);
	if (changed)
		rblk_disk_state_changed(v);
}
