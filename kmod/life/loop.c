// SPDX-License-Identifier: GPL-2.0
/*
 * The loop of a volume: the one thread that, as owner, drives the pure member.
 *
 * A kick sets its bit and wakes; the loop takes all bits *before* it looks at
 * the lists, and looks at the bits again after it has declared itself asleep.
 * So whatever was queued before a kick is seen in the pass that took its bit,
 * or in the next.
 */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/timekeeping.h>

#include "host/host.h"

#define RBLK_ROUNDS	4		/* drains in one pass */
#define RBLK_SLACK_NS	(50 * NSEC_PER_USEC)
#define RBLK_NOTIFY_RETRY_NS	(100 * RBLK_NSEC_PER_MSEC)

/**
 * rblk_now() - the clock of everything
 *
 * Context: any.
 * Return: ns since boot, suspension included.
 */
u64 rblk_now(void)
{
	return ktime_get_boottime_ns();
}

/**
 * rblk_volume_kick() - there is work for the loop
 * @v: the volume
 * @why: what kind
 *
 * Context: any. What the kick speaks of is visible before it.
 */
void rblk_volume_kick(struct rblk_volume *v, enum rblk_kick why)
{
	if (!test_and_set_bit(why, &v->kicks))
		wake_up(&v->wait);
}

/**
 * rblk_volume_done() - an asynchronous operation ended
 * @v: the volume
 * @done: it; the loop may use it again at once
 *
 * Context: any.
 */
void rblk_volume_done(struct rblk_volume *v, struct rblk_done *done)
{
	/* Whoever found the list empty kicks for those that follow. */
	if (llist_add(&done->node, &v->done))
		rblk_volume_kick(v, RBLK_KICK_DONE);
}

/**
 * rblk_volume_run_done() - tell the member of operations that ended
 * @v: the volume
 * @now: ns
 *
 * Context: owner.
 */
void rblk_volume_run_done(struct rblk_volume *v, u64 now)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&v->done));
	struct rblk_done *done, *next;

	lockdep_assert_held(&v->owner);
	llist_for_each_entry_safe(done, next, list, node)
		done->run(v, done, now);
}

/* ---- what the member asks of its host ---- */

/**
 * rblk_buf_alloc() - member_ops: a payload from the reserve for readbacks
 * @host: the volume
 * @nblocks: its blocks
 *
 * Context: owner.
 * Return: the payload, or NULL.
 */
struct rblk_buf *rblk_buf_alloc(void *host, u32 nblocks)
{
	struct rblk_volume *v = host;
	struct rblk_payload *p = rblk_payload_alloc(v->pool, nblocks, RBLK_BUDGET_READBACK);

	return p ? &p->buf : NULL;
}

/**
 * rblk_buf_get() - member_ops: one more reference
 * @host: the volume
 * @buf: the payload
 *
 * Context: any.
 */
void rblk_buf_get(void *host, struct rblk_buf *buf)
{
	rblk_payload_get(rblk_payload(buf));
}

/**
 * rblk_buf_put() - member_ops: one reference less
 * @host: the volume
 * @buf: the payload
 *
 * Context: any.
 */
void rblk_buf_put(void *host, struct rblk_buf *buf)
{
	rblk_payload_put(rblk_payload(buf));
}

/**
 * rblk_buf_sum() - member_ops: the sums of a payload, from its data
 * @host: the volume
 * @buf: the payload
 * @crc: one per block
 *
 * Context: any.
 */
void rblk_buf_sum(void *host, const struct rblk_buf *buf, u32 *crc)
{
	rblk_payload_sum(rblk_payload(buf), crc);
}

/**
 * rblk_buf_data() - member_ops: the first block of a payload
 * @host: the volume
 * @buf: the payload
 *
 * Context: any.
 * Return: its address.
 */
void *rblk_buf_data(void *host, struct rblk_buf *buf)
{
	return page_address(rblk_payload(buf)->page[0]);
}

/**
 * rblk_note() - member_ops: something to tell people
 * @host: the volume
 * @what: the event
 * @arg: depends on it
 *
 * Only remembered: it is told after the run, when the member may be asked again.
 *
 * Context: owner.
 */
void rblk_note(void *host, enum rblk_node_note what, u64 arg)
{
	struct rblk_volume *v = host;
	u32 i;

	for (i = 0; i < v->nnotes; i++)
		if (v->note[i].what == what && v->note[i].arg == arg)
			return;
	if (v->nnotes == RBLK_NOTES_MAX) {
		v->notes_lost++;
		return;
	}
	v->note[v->nnotes++] = (struct rblk_note){ .what = what, .arg = arg };
}

/* ---- telling ---- */

static const char * const rblk_halt_text[] = {
	[NODE_RUNNING] = "running",
	[NODE_HALT_LOG] = "the log device failed",
	[NODE_HALT_DATA] = "the data device failed",
	[NODE_HALT_ROT] = "a committed entry is rotten in its log",
	[NODE_HALT_INVARIANT] = "an invariant is broken: please report",
	[NODE_HALT_STOPPED] = "it was stopped",
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
	if (p->needs_resync)
		scnprintf(text, size, "%s needs a resync: the log no longer covers it", p->node);
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

/* That a node asks again and again is no news; where the session stands is. */
static bool rblk_note_is_news(struct rblk_volume *v, const struct rblk_note *n, const char *text)
{
	if (n->what != NODE_N_SESSION)
		return true;
	if (v->st.session == NODE_S_OPENING || !strcmp(text, v->session_noted))
		return false;
	strscpy(v->session_noted, text, sizeof(v->session_noted));
	return true;
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
		scnprintf(text, size, "HALTED: %s (error %d)", rblk_halt_text[st->halt],
			  -st->halt_error);
		break;
	case NODE_N_READY:
		scnprintf(text, size,
			  !n->arg ?
				  "IO waits: no quorum" :
			  !st->needs_resync ?
				  "IO is served" :
				  "the log no longer covers this node, it needs a resync; IO goes to the leader");
		break;
	}
}

/*
 * Owner. Tells the end of an operation: @error, unless that is -EINPROGRESS and
 * there is time left. Without memory it is told later.
 */
static void rblk_volume_op_end(struct rblk_volume *v, struct rblk_op *t, u64 now, int error,
			       const char *text)
{
	if (error == -EINPROGRESS && now >= t->deadline)
		error = -ETIMEDOUT;
	if (error == -EINPROGRESS)
		return;
	if (rblk_ctl_op_end(v->net, v->name, t->id, error, text, GFP_NOWAIT | __GFP_NOWARN))
		t->id = 0;
	else
		t->deadline = now + RBLK_NOTIFY_RETRY_NS;
}

/* Owner. The ends of bootstrap and transfer show in the member's state. */
static void rblk_volume_ops(struct rblk_volume *v, u64 now)
{
	const struct rblk_node_status *st = &v->st;
	bool halted = st->halt != NODE_RUNNING;

	if (st->conf.index)
		rblk_volume_op_end(v, &v->bootstrap, now, 0, "bootstrapped");
	else
		rblk_volume_op_end(v, &v->bootstrap, now, halted ? -ESHUTDOWN : -EINPROGRESS,
				   halted ? rblk_halt_text[st->halt] :
				   "it is still under way: the log device is slow, or hangs");
	if (st->raft.role != RAFT_LEADER && st->raft.leader)
		rblk_volume_op_end(v, &v->transfer, now, 0, rblk_leader_name(v, st));
	else
		rblk_volume_op_end(v, &v->transfer, now, halted ? -ESHUTDOWN : -EINPROGRESS,
				   halted ? rblk_halt_text[st->halt] :
				   "the other node did not take over in time");
}

/* Owner: when a op_id has to be looked at. */
static u64 rblk_volume_ops_deadline(const struct rblk_volume *v)
{
	u64 at = v->bootstrap.id ? v->bootstrap.deadline : U64_MAX;

	return v->transfer.id ? min_t(u64, at, v->transfer.deadline) : at;
}

/* Owner, between runs of the member. */
static void rblk_volume_notes(struct rblk_volume *v, u64 now)
{
	bool changed = false;
	char text[RBLK_TEXT_MAX];
	u32 i, n = v->nnotes;

	if (!n && !v->transfer.id && !v->bootstrap.id && !v->take.on)
		return;
	rblk_node_status(v->m, &v->st);
	for (i = 0; i < n; i++) {
		rblk_note_text(v, &v->note[i], text, sizeof(text));
		if (rblk_note_is_news(v, &v->note[i], text))
			rblk_ctl_event(v, v->note[i].what, v->note[i].arg, text);
		if (v->note[i].what != NODE_N_CHECKPOINT && v->note[i].what != NODE_N_PEER)
			changed = true;
	}
	v->nnotes = 0;
	rblk_volume_ops(v, now);
	rblk_take_step(v, now);
	if (changed)
		rblk_disk_state_changed(v);
	if (n)
		wake_up_all(&v->noted);
}

/* ---- the loop ---- */

/* What no ended operation tells of. */
static void rblk_volume_devices(struct rblk_volume *v, u64 now)
{
	if (rblk_volume_diskless(v))
		return;
	if (READ_ONCE(rblk_logio_lower(v)->failed))
		rblk_node_device_lost(v->m, NODE_HALT_LOG, now);
	if (READ_ONCE(rblk_dataio_lower(v)->failed))
		rblk_node_device_lost(v->m, NODE_HALT_DATA, now);
}

/* One pass; *@deadline: when the next is due without a kick. True: at once. */
static bool rblk_volume_pass(struct rblk_volume *v, u64 *deadline)
{
	struct blk_plug plug;
	u32 fed, round;
	bool more;
	u64 now;

	mutex_lock(&v->owner);
	/*
	 * What the pass writes goes to the devices when it ends, from here: without
	 * the plug each bio takes a detour through a kworker. Nothing in a pass waits
	 * for a bio.
	 */
	blk_start_plug(&plug);
	now = rblk_now();
	xchg(&v->kicks, 0);	/* full barrier: the lists are looked at after it */
	rblk_volume_run_done(v, now);
	rblk_volume_devices(v, now);
	more = rblk_peers_poll(v, now);
	for (round = 0; round < RBLK_ROUNDS; round++) {
		fed = rblk_disk_drain(v, now);
		if (round && !fed)
			break;
		rblk_node_run(v->m, now);
		rblk_volume_notes(v, now);
	}
	*deadline = min_t(u64, rblk_node_deadline(v->m), rblk_peers_deadline(v));
	*deadline = min_t(u64, *deadline, rblk_disk_deadline(v));
	*deadline = min_t(u64, *deadline, rblk_volume_ops_deadline(v));
	*deadline = min_t(u64, *deadline, rblk_take_deadline(v));
	blk_finish_plug(&plug);
	mutex_unlock(&v->owner);
	return more || round == RBLK_ROUNDS;
}

static void rblk_volume_sleep(struct rblk_volume *v, u64 deadline)
{
	DEFINE_WAIT(wait);
	ktime_t t;
	u64 now;

	prepare_to_wait(&v->wait, &wait, TASK_IDLE);
	now = rblk_now();
	if (!READ_ONCE(v->kicks) && !kthread_should_stop() && deadline > now) {
		if (deadline == U64_MAX) {
			schedule();
		} else {
			t = ns_to_ktime(min_t(u64, deadline - now, 3600ULL * NSEC_PER_SEC));
			schedule_hrtimeout_range(&t, RBLK_SLACK_NS, HRTIMER_MODE_REL);
		}
	}
	finish_wait(&v->wait, &wait);
}

/**
 * rblk_volume_loop() - thread function of the loop
 * @arg: the volume
 *
 * No allocation here may recurse into the file system or block layer above.
 *
 * Context: kthread.
 * Return: 0.
 */
int rblk_volume_loop(void *arg)
{
	struct rblk_volume *v = arg;
	unsigned int noio = memalloc_noio_save();
	u64 deadline;

	while (!kthread_should_stop()) {
		if (!rblk_volume_pass(v, &deadline))
			rblk_volume_sleep(v, deadline);
		cond_resched();
		/* A busy loop hardly ever leaves the lock alone: let them have it. */
		if (atomic_read(&v->lock_waiters))
			usleep_range(200, 300);
	}
	memalloc_noio_restore(noio);
	return 0;
}
