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
#include "block/disk.h"

#define RB_TAKE_MS		10000
#define RB_TAKE_MS_MAX		30000
#define RB_TAKE_POLL_NS		(200 * RB_NSEC_PER_MSEC)

/* Owner. Without memory it is told later. */
static void rb_take_tell(struct rb_volume *v, u64 now)
{
	struct rb_take *t = &v->take;

	t->on = !rb_ctl_ticket(v->net, v->name, t->ticket, t->error, t->text,
			       GFP_NOWAIT | __GFP_NOWARN);
	t->next = now + RB_TAKE_POLL_NS;
}

/* Owner. */
static void rb_take_end(struct rb_volume *v, int r, const char *text)
{
	v->take.over = true;
	v->take.error = r;
	strscpy(v->take.text, text, sizeof(v->take.text));
}

/* Owner. Only what nobody's open waits for is called off. */
static void rb_take_timeout(struct rb_volume *v)
{
	bool asking = member_session(v->m) == MEMBER_S_OPENING;
	char text[RB_ERR_MAX];

	if (asking && !v->disk->open_token)
		member_open_cancel(v->m);
	/* Its own, of before a restart: it was on its way to be given up. */
	if (asking || !v->st.holder || v->st.holder == v->super.store) {
		rb_take_end(v, -ETIMEDOUT, "no answer: no leader, or no quorum");
		return;
	}
	rb_sentence(text, 0, "%s uses it", rb_store_name(v, &v->st, v->st.holder));
	rb_take_end(v, -EBUSY, text);
}

static void rb_take_held(struct rb_volume *v)
{
	char text[RB_ERR_MAX];

	rb_sentence(text, 0, "%s holds the session%s%s%s", v->up.node,
		    v->take.from[0] ? "; it was taken from " : "", v->take.from,
		    v->take.from[0] ? ", which is fenced" : "");
	rb_take_end(v, 0, text);
}

/* Owner. */
static void rb_take_look(struct rb_volume *v, enum member_session_state s, u64 now)
{
	if (s == MEMBER_S_HELD) {
		rb_take_held(v);
	} else if (s == MEMBER_S_FENCED && rb_disk_openers(v)) {
		rb_take_end(v, -ESTALE, "this node was fenced: close the device here first");
	} else if (v->st.halt != MEMBER_RUNNING) {
		rb_take_end(v, -ESHUTDOWN, "this node is halted");
	} else if (now >= v->take.deadline) {
		rb_take_timeout(v);
	} else if (s == MEMBER_S_NONE && now >= v->take.ask_at) {
		v->take.ask_at = now + RB_TAKE_POLL_NS;
		if (!member_open(v->m, v->take.force, RB_TOKEN_OPEN))
			rb_volume_kick(v, RB_KICK_CTL);
	}
}

/**
 * rb_take_step() - asks, or finds out what came of it
 * @v: the volume; its status is of now
 * @now: ns
 *
 * Context: owner, not within the member.
 */
void rb_take_step(struct rb_volume *v, u64 now)
{
	enum member_session_state s;

	if (!v->take.on)
		return;
	s = member_session(v->m);
	if (!v->take.over)
		rb_take_look(v, s, now);
	if (v->take.over) {
		rb_take_tell(v, now);
		return;
	}
	/* An answer comes with a note; when to ask again, no note tells. */
	v->take.next = s == MEMBER_S_OPENING ? v->take.deadline :
		       min_t(u64, v->take.deadline,
			     max_t(u64, v->take.ask_at, now + RB_NSEC_PER_MSEC));
}

/**
 * rb_take_deadline() - when the next step is due
 * @v: the volume
 *
 * Context: owner.
 * Return: ns; U64_MAX: never.
 */
u64 rb_take_deadline(const struct rb_volume *v)
{
	return v->take.on ? v->take.next : U64_MAX;
}

/* Owner. What needs no question. */
static int rb_take_refuse(struct rb_volume *v, bool force, char *err)
{
	const struct member_status *st = &v->st;

	if (v->take.on)
		return rb_sentence(err, -EBUSY, "%s is asking for the session already",
				   v->up.node);
	if (!st->conf.index)
		return rb_sentence(err, -ENODATA, "volume %s was not bootstrapped", v->name);
	if (force && st->conf.flags & LOG_CONF_SHARED)
		return rb_sentence(err, -EOPNOTSUPP,
				   "volume %s is shared: each node has a session of its own",
				   v->name);
	if (st->session == MEMBER_S_FENCED && rb_disk_openers(v))
		return rb_sentence(err, -ESTALE,
				   "%s was fenced itself: close " RB_NAME "%d there (%llu openers)",
				   v->up.node, rb_disk_minor(v), rb_disk_openers(v));
	return 0;
}

/**
 * rb_volume_take() - get the volume's session for this node
 * @v: the volume
 * @force: from whoever holds it
 * @wait_ms: how long to go on asking; 0: a default
 * @ticket: told its end
 * @err: a sentence when it fails, RB_ERR_MAX
 *
 * Context: process; sleeps for the owner's lock.
 * Return: 0: under way; else -errno.
 */
int rb_volume_take(struct rb_volume *v, bool force, u32 wait_ms, u64 ticket, char *err)
{
	const struct member_status *st = &v->st;
	int r = rb_volume_lock_running(v, err);
	u64 now = rb_now();

	if (r)
		return r;
	member_status(v->m, &v->st);
	r = rb_take_refuse(v, force, err);
	if (!r) {
		wait_ms = clamp_t(u32, wait_ms ? wait_ms : RB_TAKE_MS, 1, RB_TAKE_MS_MAX);
		v->take = (struct rb_take){
			.on = true, .force = force, .ticket = ticket,
			.deadline = now + wait_ms * RB_NSEC_PER_MSEC,
		};
		if (force && st->holder && st->holder != v->super.store)
			strscpy(v->take.from, rb_store_name(v, st, st->holder),
				sizeof(v->take.from));
		rb_take_step(v, now);
	}
	mutex_unlock(&v->owner);
	rb_volume_kick(v, RB_KICK_CTL);
	return r;
}
