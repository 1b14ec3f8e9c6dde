// SPDX-License-Identifier: GPL-2.0
/*
 * "take": the volume's session for this node, asked for by administration
 * instead of by an open. Without force the question is repeated for as long as
 * another node uses the session; with force it is answered once.
 *
 * Nothing waits: the loop takes a step after each run of the member. What came
 * of it shows in the member's state, so it does not matter whether an open asks
 * at the same time: who gets the session gets it for the node.
 */
#include "block/block.h"
#include "host/notify.h"
#include "life/internal.h"

#define RBLK_TAKE_MS		10000
#define RBLK_TAKE_MS_MAX		30000
#define RBLK_TAKE_POLL_NS		(200 * RBLK_NSEC_PER_MSEC)

/* Owner. Without memory it is told later. */
static void rblk_take_notify(struct rblk_volume *v, u64 now)
{
	struct rblk_take *t = &v->life->take;

	t->on = !rblk_notify_end(v->net, v->name, t->op_id, t->error, t->text,
				 GFP_NOWAIT | __GFP_NOWARN);
	t->next = now + RBLK_TAKE_POLL_NS;
}

/* Owner. */
static void rblk_take_end(struct rblk_volume *v, int r, const char *text)
{
	struct rblk_take *t = &v->life->take;

	t->over = true;
	t->error = r;
	strscpy(t->text, text, sizeof(t->text));
}

/* Owner. Only what nobody's open waits for is called off. */
static void rblk_take_timeout(struct rblk_volume *v)
{
	bool asking = rblk_node_session(v->m) == NODE_S_OPENING;
	char text[RBLK_ERR_MAX];

	if (asking && !rblk_disk_opening(v))
		rblk_node_open_cancel(v->m);
	/* Its own, of before a restart: it was on its way to be given up. */
	if (asking || !v->st.holder || v->st.holder == v->super.store) {
		rblk_take_end(v, -ETIMEDOUT, "no answer: no leader, or no quorum");
		return;
	}
	rblk_error_text(text, 0, "%s uses it", rblk_store_name(v, &v->st, v->st.holder));
	rblk_take_end(v, -EBUSY, text);
}

static void rblk_take_held(struct rblk_volume *v)
{
	struct rblk_take *t = &v->life->take;
	char text[RBLK_ERR_MAX];

	rblk_error_text(text, 0, "%s holds the session%s%s%s", v->up.node,
			t->from[0] ? "; it was taken from " : "", t->from,
			t->from[0] ? ", which is fenced" : "");
	rblk_take_end(v, 0, text);
}

/* Owner. */
static void rblk_take_look(struct rblk_volume *v, enum rblk_session_state s, u64 now)
{
	struct rblk_take *t = &v->life->take;

	if (s == NODE_S_HELD) {
		rblk_take_held(v);
	} else if (s == NODE_S_FENCED && rblk_disk_openers(v)) {
		rblk_take_end(v, -ESTALE, "this node was fenced: close the device here first");
	} else if (v->st.halt != NODE_RUNNING) {
		rblk_take_end(v, -ESHUTDOWN, "this node is halted");
	} else if (now >= t->deadline) {
		rblk_take_timeout(v);
	} else if (s == NODE_S_NONE && now >= t->ask_at) {
		t->ask_at = now + RBLK_TAKE_POLL_NS;
		if (!rblk_node_open(v->m, t->force, RBLK_TOKEN_OPEN))
			rblk_volume_kick(v, RBLK_KICK_CTL);
	}
}

/**
 * rblk_take_step() - asks, or finds out what came of it
 * @v: the volume; its status is of now
 * @now: ns
 *
 * Context: owner, not within the member.
 */
void rblk_take_step(struct rblk_volume *v, u64 now)
{
	struct rblk_take *t = &v->life->take;
	enum rblk_session_state s;

	if (!t->on)
		return;
	s = rblk_node_session(v->m);
	if (!t->over)
		rblk_take_look(v, s, now);
	if (t->over) {
		rblk_take_notify(v, now);
		return;
	}
	/* An answer comes with a note; when to ask again, no note tells. */
	t->next = s == NODE_S_OPENING ? t->deadline :
		       min_t(u64, t->deadline,
			     max_t(u64, t->ask_at, now + RBLK_NSEC_PER_MSEC));
}

/**
 * rblk_take_deadline() - when the next step is due
 * @v: the volume
 *
 * Context: owner.
 * Return: ns; U64_MAX: never.
 */
u64 rblk_take_deadline(const struct rblk_volume *v)
{
	const struct rblk_take *t = &v->life->take;

	return t->on ? t->next : U64_MAX;
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
	int r;
};

static void rblk_take_owner(struct rblk_volume *v, void *arg, u64 now)
{
	const struct rblk_node_status *st = &v->st;
	struct rblk_take *t = &v->life->take;
	struct rblk_take_call *c = arg;

	rblk_node_status(v->m, &v->st);
	c->r = rblk_take_refuse(v, c->force, c->err);
	if (c->r)
		return;
	*t = (struct rblk_take){
		.on = true, .force = c->force, .op_id = c->op_id,
		.deadline = now + c->wait_ms * RBLK_NSEC_PER_MSEC,
	};
	if (c->force && st->holder && st->holder != v->super.store)
		strscpy(t->from, rblk_store_name(v, st, st->holder), sizeof(t->from));
	rblk_take_step(v, now);
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
	int r = rblk_volume_call_running(v, rblk_take_owner, &c, err);

	return r ? r : c.r;
}
