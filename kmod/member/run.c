// SPDX-License-Identifier: GPL-2.0
/* Driving the parts: what every event, and time, may have made possible. */
#include "internal.h"

static void tick(struct member *m)
{
	struct raft_event ev = { .type = RAFT_EV_TICK, .now = m->now };

	if (raft_deadline(m->raft) <= m->now)
		member_step(m, &ev);
}

/* Frames that could not be queued are lost to raft; never said from within its step. */
static void report_lost(struct member *m)
{
	u32 i;

	for (i = 0; i < m->npeers; i++) {
		if (!m->peer[i].lost)
			continue;
		m->peer[i].lost = false;
		member_step_store(m, RAFT_EV_UNREACHABLE, m->peer[i].store);
	}
}

static void pump(struct member *m)
{
	struct raft_event ev = { .type = RAFT_EV_PUMP, .now = m->now };
	int i;

	for (i = 0; i < MEMBER_PUMPS_MAX && raft_pending(m->raft); i++)
		if (member_step(m, &ev) || !m->out->n)
			break;
}

static void update_ready(struct member *m)
{
	bool ready = m->halt == MEMBER_RUNNING && m->conf.index && m->rst.leader &&
		     (!member_leads(m) || m->seq_synced);

	if (ready == m->ready)
		return;
	m->ready = ready;
	member_note(m, MEMBER_N_READY, ready);
}

/* A member that the leader's log no longer covers learns it from the leader, and reads there. */
static void update_resync(struct member *m)
{
	u32 i, slot;

	if (m->needs_resync != m->rst.resync) {
		m->needs_resync = m->rst.resync;
		member_remote_switch(m);
		if (m->needs_resync && m->ready)
			member_note(m, MEMBER_N_READY, 1);
	}
	for (i = 0; i < m->rst.npeers; i++) {
		struct member_peer *p = member_peer_of(m, m->rst.peer[i].store, &slot);
		bool needs = member_leads(m) && m->rst.peer[i].state == RAFT_PEER_RESYNC;

		if (!p || p->needs_resync == needs)
			continue;
		p->needs_resync = needs;
		member_note(m, MEMBER_N_PEER, slot);
	}
}

/**
 * member_run() - does what events and time have made possible
 * @m: member
 * @now: ns
 *
 * To be called after any number of events, and at member_deadline(). Messages
 * leave before the own log is written: peers and the disk work at the same time.
 */
void member_run(struct member *m, u64 now)
{
	m->now = now;
	if (m->halt != MEMBER_RUNNING)
		return;
	if (m->diskless) {
		member_client_run(m);
		update_ready(m);
		return;
	}
	if (m->started) {
		if (!m->bootstrapping)
			tick(m);
		report_lost(m);
		update_resync(m);
		member_judge(m);
		member_client_run(m);
		member_serve_run(m);
		member_follow_run(m);
		member_reads_run(m);
		pump(m);
		member_writer_run(m);
		member_bootstrap_run(m);
		member_release_run(m);
		member_apply_run(m);
		member_ckpt_run(m);
		member_readbacks_run(m);
	}
	member_meta_run(m);
	update_ready(m);
}

/**
 * member_deadline() - when member_run() is due at the latest
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 member_deadline(const struct member *m)
{
	u64 at;

	if (m->halt != MEMBER_RUNNING || !m->started)
		return U64_MAX;
	if (m->diskless)
		return member_client_deadline(m);
	at = m->bootstrapping ? U64_MAX : raft_deadline(m->raft);
	at = min_t(u64, at, member_writer_deadline(m));
	at = min_t(u64, at, member_apply_deadline(m));
	at = min_t(u64, at, member_client_deadline(m));
	at = min_t(u64, at, member_follow_deadline(m));
	return min_t(u64, at, member_ckpt_deadline(m));
}

/**
 * member_transfer() - hands leadership over
 * @m: member, the leader
 * @node: to whom; NULL or "": the best one
 * @now: ns
 *
 * Return: 0: under way; -ENOENT: no such node, or it was never heard;
 * -EREMOTE: not the leader; -EBUSY: under way already.
 */
int member_transfer(struct member *m, const char *node, u64 now)
{
	int slot;

	m->now = now;
	if (m->diskless)
		return -EREMOTE;
	if (!node || !*node)
		return member_step_store(m, RAFT_EV_TRANSFER, 0);
	slot = member_peer_slot(m, node);
	if (slot < 0 || !m->peer[slot].store)
		return -ENOENT;
	return member_step_store(m, RAFT_EV_TRANSFER, m->peer[slot].store);
}

/**
 * member_checkpoint() - apply and checkpoint what is committed, soon
 * @m: member
 */
void member_checkpoint(struct member *m)
{
	m->ckpt_wanted = true;
}
