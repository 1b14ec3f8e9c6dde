// SPDX-License-Identifier: GPL-2.0
/*
 * Calls to the loop. What administration and debugfs want of the node is done by the loop,
 * as owner, while they wait for a second at most: they never hold the owner's lock, so that
 * one that is preempted or throttled holds up nobody.
 *
 * A call that was given up before the loop came to it is not made any more: then nothing
 * has happened. One that the loop has begun is waited for, since nothing in it waits.
 */
#include <linux/completion.h>
#include <linux/slab.h>

#include "life/internal.h"

#define RBLK_CALL_MS	1000

enum rblk_call_state { RBLK_CALL_QUEUED, RBLK_CALL_BEGUN, RBLK_CALL_GIVEN_UP };

struct rblk_call {
	struct rblk_done done;
	atomic_t state;			/* enum rblk_call_state */
	struct completion ended;
	void (*fn)(struct rblk_volume *v, void *arg, u64 now);
	void *arg;
	int error;
};

static void rblk_call_run(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	struct rblk_call *c = container_of(done, struct rblk_call, done);

	if (atomic_cmpxchg(&c->state, RBLK_CALL_QUEUED, RBLK_CALL_BEGUN) != RBLK_CALL_QUEUED) {
		kfree(c);
		return;
	}
	if (v->stopped)
		c->error = -ENODEV;
	else
		c->fn(v, c->arg, now);
	complete(&c->ended);
}

/**
 * rblk_volume_call() - have the loop do something as owner, and wait for it
 * @v: the volume, referenced
 * @fn: what; as owner, between runs of the node, it must not wait
 * @arg: for it
 *
 * Context: process; sleeps, for a second at most.
 * Return: 0: it was done; -ENODEV: the volume has no loop; -ETIMEDOUT: the loop is busy
 * or stuck, and -EINTR: the caller was killed: neither was nor will it be done; -ENOMEM.
 */
int rblk_volume_call(struct rblk_volume *v,
		     void (*fn)(struct rblk_volume *v, void *arg, u64 now), void *arg)
{
	struct rblk_call *c;
	long left;
	int r;

	if (READ_ONCE(v->stopped))
		return -ENODEV;
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	c->done.run = rblk_call_run;
	init_completion(&c->ended);
	c->fn = fn;
	c->arg = arg;
	rblk_volume_done(v, &c->done);
	left = wait_for_completion_killable_timeout(&c->ended, msecs_to_jiffies(RBLK_CALL_MS));
	if (left <= 0) {
		if (atomic_cmpxchg(&c->state, RBLK_CALL_QUEUED, RBLK_CALL_GIVEN_UP) ==
		    RBLK_CALL_QUEUED)
			return left ? -EINTR : -ETIMEDOUT;	/* rblk_call_run() frees it */
		wait_for_completion(&c->ended);
	}
	r = c->error;
	kfree(c);
	return r;
}

/**
 * rblk_volume_call_running() - the same, of a volume that runs
 * @v: the volume, referenced
 * @fn: what; as owner, between runs of the node, it must not wait
 * @arg: for it
 * @err: why it was not done, RBLK_ERR_MAX
 *
 * Context: process; sleeps, for a second at most.
 * Return: 0: it was done; else -errno, and @err is filled.
 */
int rblk_volume_call_running(struct rblk_volume *v,
			     void (*fn)(struct rblk_volume *v, void *arg, u64 now), void *arg,
			     char *err)
{
	int r = READ_ONCE(v->state) == RBLK_V_RUNNING ? rblk_volume_call(v, fn, arg) : -ENODEV;

	switch (r) {
	case 0:
		return 0;
	case -ENODEV:
		return rblk_error_text(err, r, "volume %s is %s", v->name,
				       rblk_volume_state_name(READ_ONCE(v->state)));
	case -ETIMEDOUT:
		return rblk_error_text(err, r,
				       "volume %s does not answer: is I/O to one of its devices stuck?",
				       v->name);
	default:
		return rblk_error_text(err, r, "volume %s could not be asked (error %d)", v->name,
				       -r);
	}
}
