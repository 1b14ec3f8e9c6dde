// SPDX-License-Identifier: GPL-2.0
/*
 * Calls to the loop. Administration and debugfs have the loop do, as owner, what
 * they need from the node, and wait for a second at most. They never hold the
 * owner's lock, so that a process that is preempted or throttled holds up nothing.
 *
 * A call that was given up before the loop got to it is never made. A call that the
 * loop has begun is waited for, since nothing in it waits.
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

/*
 * Has the loop call @fn, as owner, between passes of the node, and waits for that
 * for a second at most. @fn must not wait. Returns 0: it was called; -ENODEV: the
 * volume has no loop; -ETIMEDOUT: the loop is busy or stuck; -EINTR: the caller was
 * killed; -ENOMEM. On an error @fn was not called, and will not be. Context:
 * process; the volume is referenced.
 */
int rblk_volume_call(struct rblk_volume *v,
		     void (*fn)(struct rblk_volume *v, void *arg, u64 now), void *arg)
{
	struct rblk_call *c;
	long left;
	int ret;

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
	ret = c->error;
	kfree(c);
	return ret;
}

/*
 * As rblk_volume_call(), for a volume that has to be running. On an error, @err has
 * the error text.
 */
int rblk_volume_call_running(struct rblk_volume *v,
			     void (*fn)(struct rblk_volume *v, void *arg, u64 now), void *arg,
			     char *err)
{
	int ret = READ_ONCE(v->state) == RBLK_V_RUNNING ? rblk_volume_call(v, fn, arg) : -ENODEV;

	switch (ret) {
	case 0:
		return 0;
	case -ENODEV:
		return rblk_error_text(err, ret, "volume %s is %s", v->name,
				       rblk_volume_state_name(READ_ONCE(v->state)));
	case -ETIMEDOUT:
		return rblk_error_text(err, ret,
				       "volume %s does not answer: is I/O to one of its devices stuck?",
				       v->name);
	default:
		return rblk_error_text(err, ret, "volume %s could not be asked (error %d)", v->name,
				       -ret);
	}
}
