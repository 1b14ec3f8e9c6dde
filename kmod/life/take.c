// SPDX-License-Identifier: GPL-2.0
/*
 * "take": the volume's session for this node, asked for by administration instead of by
 * an open. The node goes on asking, without force for as long as another node uses the
 * session, until its deadline. An open and a take get the session for the node, so both may
 * wait for it at the same time.
 */
#include "block/block.h"
#include "life/internal.h"

#define RBLK_TAKE_MS		10000
#define RBLK_TAKE_MS_MAX	30000

/**
 * rblk_take_done() - the node answered
 * @v: the volume
 * @error: 0 or -errno
 *
 * Only remembered: it is told after the run, when the node may be asked again.
 *
 * Context: owner.
 */
void rblk_take_done(struct rblk_volume *v, int error)
{
	/* Any other error is no answer: the node has halted, or goes down. */
	bool answer = !error || error == -EBUSY || error == -ETIMEDOUT || error == -ESTALE;

	v->life->take.error = answer ? error : -ESHUTDOWN;
	v->life->take.told.deadline = 0;
}

/**
 * rblk_take_stop() - asks no longer: the node goes down, and says so in the end
 * @v: the volume
 *
 * Context: owner.
 */
void rblk_take_stop(struct rblk_volume *v)
{
	rblk_node_open_cancel(v->m, RBLK_TOKEN_TAKE);
}

static void rblk_take_text(struct rblk_volume *v, char *text)
{
	const struct rblk_node_status *st = &v->st;
	const struct rblk_take *t = &v->life->take;

	switch (t->error) {
	case 0:
		rblk_error_text(text, 0, "%s holds the session%s%s%s", v->up.node,
				t->from[0] ? "; it was taken from " : "", t->from,
				t->from[0] ? ", which is fenced" : "");
		return;
	case -EBUSY:
		rblk_error_text(text, 0, "%s uses it", st->holder && st->holder != v->super.store ?
				rblk_store_name(v, st, st->holder) : "another node");
		return;
	case -ETIMEDOUT:
		rblk_error_text(text, 0, "no answer: no leader, or no quorum");
		return;
	case -ESTALE:
		rblk_error_text(text, 0, "this node was fenced: close the device here first");
		return;
	default:
		rblk_error_text(text, 0, st->halt == NODE_RUNNING ? "this node goes down" :
				"this node is halted");
	}
}

/**
 * rblk_take_tell() - tells the end, if the node has answered
 * @v: the volume; its status is of now
 * @now: ns
 *
 * Context: owner, not within the node.
 */
void rblk_take_tell(struct rblk_volume *v, u64 now)
{
	struct rblk_take *t = &v->life->take;
	char text[RBLK_ERR_MAX];

	if (!t->on || t->error == -EINPROGRESS)
		return;
	rblk_take_text(v, text);
	t->on = !rblk_volume_op_end(v, &t->told, now, t->error, text);
}

/* Owner. What needs no question. */
static int rblk_take_refuse(struct rblk_volume *v, bool force, char *err)
{
	const struct rblk_node_status *st = &v->st;

	if (v->life->take.on)
		return rblk_error_text(err, -EBUSY, "%s is asking for the session already",
				       v->up.node);
	if (!st->conf.index)
		return rblk_error_text(err, -ENODATA, "volume %s was not bootstrapped", v->name);
	if (force && st->conf.flags & RBLK_CONF_SHARED)
		return rblk_error_text(err, -EOPNOTSUPP,
				       "volume %s is shared: each node has a session of its own",
				       v->name);
	if (st->session == NODE_S_FENCED && rblk_disk_openers(v))
		return rblk_error_text(err, -ESTALE,
				       "%s was fenced itself: close " RBLK_NAME
				       "%d there (%llu openers)",
				       v->up.node, rblk_volume_minor(v), rblk_disk_openers(v));
	return 0;
}

struct rblk_take_call {
	bool force;
	u32 wait_ms;
	u64 op_id;
	char *err;
	int ret;
};

static void rblk_take_owner(struct rblk_volume *v, void *arg, u64 now)
{
	const struct rblk_node_status *st = &v->st;
	struct rblk_take *t = &v->life->take;
	struct rblk_take_call *c = arg;
	int ret;

	rblk_node_status(v->m, &v->st);
	c->ret = rblk_take_refuse(v, c->force, c->err);
	if (c->ret)
		return;
	*t = (struct rblk_take){
		.on = true, .error = -EINPROGRESS,
		.told = { .id = c->op_id, .deadline = U64_MAX },
	};
	if (c->force && st->holder && st->holder != v->super.store)
		strscpy(t->from, rblk_store_name(v, st, st->holder), sizeof(t->from));
	rblk_disk_unfence(v, 0);
	ret = rblk_node_open(v->m, c->force ? NODE_OPEN_FORCE : NODE_OPEN_WAIT,
			     now + c->wait_ms * RBLK_NSEC_PER_MSEC, RBLK_TOKEN_TAKE);
	if (ret)
		rblk_take_done(v, ret == -EALREADY ? 0 : ret);
	rblk_take_tell(v, now);
}

/**
 * rblk_volume_take() - get the volume's session for this node
 * @v: the volume
 * @force: from whoever holds it
 * @wait_ms: how long to go on asking; 0: a default
 * @op_id: told its end
 * @err: a sentence when it fails, RBLK_ERR_MAX
 *
 * Context: process; sleeps, for a second at most.
 * Return: 0: in progress; else -errno.
 */
int rblk_volume_take(struct rblk_volume *v, bool force, u32 wait_ms, u64 op_id, char *err)
{
	struct rblk_take_call c = {
		.force = force, .op_id = op_id, .err = err,
		.wait_ms = clamp_t(u32, wait_ms ? wait_ms : RBLK_TAKE_MS, 1, RBLK_TAKE_MS_MAX),
	};
	int ret = rblk_volume_call_running(v, rblk_take_owner, &c, err);

	return ret ? ret : c.ret;
}
