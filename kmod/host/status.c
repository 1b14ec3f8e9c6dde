// SPDX-License-Identifier: GPL-2.0
/*
 * The snapshot of a volume's status. The loop publishes one when it is asked to,
 * and every second while it has work, so that there is a recent one when I/O to a
 * device is stuck and holds up the loop.
 *
 * A process that looks increments @asked, kicks the loop, and waits for a moment
 * until the loop has answered up to there. Without an answer in time, the newest
 * snapshot has to do, and tells its age. No process that looks can hold up the
 * loop, since the writer of a seqcount waits for no reader.
 */
#include <linux/math64.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/slab.h>

#include "host/status.h"

struct rblk_snapshot {
	atomic_t asked;			/* how often the loop was asked */
	atomic_t kicked;		/* it was kicked, and has not begun to answer */
	int answered;			/* newest value of @asked that @info answers */
	wait_queue_head_t wait;		/* for @answered */

	/* Owner: the snapshot being gathered, and the value of @asked that it will answer. */
	struct rblk_volume_info next;
	int answering;

	/* Written as owner, with preemption off. */
	seqcount_t seq;
	u64 at;				/* when @info was true; 0: it holds nothing */
	struct rblk_volume_info info;
};

/**
 * rblk_snapshot_alloc() - allocate the snapshot of a volume
 *
 * Context: process; sleeps.
 * Return: the snapshot, which kvfree() frees; NULL: no memory.
 */
struct rblk_snapshot *rblk_snapshot_alloc(void)
{
	struct rblk_snapshot *s = kvzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	seqcount_init(&s->seq);
	init_waitqueue_head(&s->wait);
	return s;
}

/**
 * rblk_snapshot_begin() - begin to gather the next snapshot
 * @v: the volume
 *
 * Context: owner.
 * Return: the zeroed snapshot, to be filled in before rblk_snapshot_publish().
 */
struct rblk_volume_info *rblk_snapshot_begin(struct rblk_volume *v)
{
	struct rblk_snapshot *s = v->snapshot;

	lockdep_assert_held(&v->owner);
	/*
	 * Pairs with ask_loop(): who saw the old value is counted in @asked by now, and who
	 * asks after this kicks the loop, and gets the next one.
	 */
	atomic_xchg(&s->kicked, 0);
	s->answering = atomic_read(&s->asked);
	memset(&s->next, 0, sizeof(s->next));
	return &s->next;
}

static void show(struct rblk_snapshot *s, u64 at)
{
	/* Readers spin meanwhile, so this must not be preempted. */
	preempt_disable();
	write_seqcount_begin(&s->seq);
	s->info = s->next;
	s->at = at;
	write_seqcount_end(&s->seq);
	preempt_enable();
	/* Pairs with answered(): a reader that sees this sees the snapshot as well. */
	smp_store_release(&s->answered, s->answering);
	wake_up_all(&s->wait);
}

/**
 * rblk_snapshot_publish() - publish what was gathered since rblk_snapshot_begin()
 * @v: the volume
 *
 * Context: owner.
 */
void rblk_snapshot_publish(struct rblk_volume *v)
{
	lockdep_assert_held(&v->owner);
	show(v->snapshot, rblk_now());
}

/**
 * rblk_snapshot_withdraw() - withdraw the snapshot of a volume that has stopped
 * @v: the volume, whose loop has stopped
 *
 * Context: owner.
 */
void rblk_snapshot_withdraw(struct rblk_volume *v)
{
	rblk_snapshot_begin(v);
	show(v->snapshot, 0);
}

/**
 * rblk_snapshot_time() - tell when the newest snapshot was true
 * @v: the volume
 *
 * Context: owner.
 * Return: ns, see rblk_now(); 0: there is none.
 */
u64 rblk_snapshot_time(const struct rblk_volume *v)
{
	return v->snapshot->at;
}

static int ask_loop(struct rblk_volume *v)
{
	struct rblk_snapshot *s = v->snapshot;
	int question = atomic_inc_return(&s->asked);

	/* One kick for all who ask before the loop has come to it. */
	if (!atomic_xchg(&s->kicked, 1))
		rblk_volume_kick(v, RBLK_KICK_LOOK);
	return question;
}

static bool answered(struct rblk_snapshot *s, int question)
{
	/* Pairs with show(): the snapshot that answers is there. */
	return smp_load_acquire(&s->answered) - question >= 0;
}

/**
 * rblk_volume_look() - ask the loop to publish a new snapshot soon
 * @v: the volume
 *
 * Called for several volumes before looking at the first, it lets their loops work
 * at the same time.
 *
 * Context: any.
 */
void rblk_volume_look(struct rblk_volume *v)
{
	ask_loop(v);
}

/* Returns when the snapshot was true; @info may be NULL. */
static u64 copy_snapshot(struct rblk_snapshot *s, struct rblk_volume_info *info)
{
	unsigned int seq;
	u64 at;

	do {
		seq = read_seqcount_begin(&s->seq);
		at = s->at;
		if (info)
			*info = s->info;
	} while (read_seqcount_retry(&s->seq, seq));
	return at;
}

/**
 * rblk_volume_info() - get the status of a volume
 * @v: the volume
 * @info: filled
 * @until: jiffies; how long to wait for an answer of the loop, see
 *   rblk_look_until()
 *
 * Context: process; sleeps until @until at most.
 * Return: 0; -ENODEV: the volume is not running, and only its state, names and
 * paths are filled in.
 */
int rblk_volume_info(struct rblk_volume *v, struct rblk_volume_info *info, unsigned long until)
{
	struct rblk_snapshot *s = v->snapshot;
	long left = until - jiffies;
	int question;
	u64 at;

	if (copy_snapshot(s, NULL)) {
		question = ask_loop(v);
		if (left > 0)
			wait_event_killable_timeout(s->wait, answered(s, question), left);
	}
	at = copy_snapshot(s, info);
	if (at)
		info->age_ms = div_u64(rblk_now() - at, NSEC_PER_MSEC);
	info->minor = rblk_volume_minor(v);
	info->netns = v->netns;
	strscpy(info->volume, v->name, sizeof(info->volume));
	strscpy(info->node, v->up.node, sizeof(info->node));
	strscpy(info->log_path, v->up.log_path, sizeof(info->log_path));
	strscpy(info->data_path, v->up.data_path, sizeof(info->data_path));
	info->state = READ_ONCE(v->state);
	return at ? 0 : -ENODEV;
}
