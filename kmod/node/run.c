// SPDX-License-Identifier: GPL-2.0
/* Driving the parts: what every event, and time, may have made possible. */
#include "internal.h"

static void tick(struct rblk_node *m)
{
	struct raft_event ev = { .type = RAFT_EV_TICK, .now = m->now };

	if (rblk_raft_deadline(m->raft) <= m->now)
		rblk_replica_step(m, &ev);
}

/* Frames that could not be queued are lost to raft; never said from within its step. */
static void report_lost(struct rblk_node *m)
{
	u32 i;

	for (i = 0; i < m->npeers; i++) {
		if (!m->peer[i].lost)
			continue;
		m->peer[i].lost = false;
		rblk_replica_step_store(m, RAFT_EV_UNREACHABLE, m->peer[i].store);
	}
}

static void pump(struct rblk_node *m)
{
	struct raft_event ev = { .type = RAFT_EV_PUMP, .now = m->now };
	int i;

	for (i = 0; i < NODE_PUMPS_MAX && rblk_raft_pending(m->raft); i++)
		if (rblk_replica_step(m, &ev) || !m->out->n)
			break;
}

static void update_ready(struct rblk_node *m)
{
	bool ready = m->halt == NODE_RUNNING && m->conf.index && m->rst.leader &&
		     (!rblk_replica_leads(m) || m->seq_synced);

	if (ready == m->ready)
		return;
	m->ready = ready;
	rblk_node_note(m, NODE_N_READY, ready);
}

/* A member that the leader's log no longer covers learns it from the leader, and reads there. */
static void update_resync(struct rblk_node *m)
{
	u32 i, slot;

	if (m->needs_resync != m->rst.resync) {
		m->needs_resync = m->rst.resync;
		rblk_remote_switch(m);
		if (m->needs_resync && m->ready)
			rblk_node_note(m, NODE_N_READY, 1);
	}
	for (i = 0; i < m->rst.npeers; i++) {
		struct rblk_node_peer *p = rblk_node_peer_of(m, m->rst.peer[i].store, &slot);
		bool needs = rblk_replica_leads(m) && m->rst.peer[i].state == RAFT_PEER_RESYNC;

		if (!p || p->needs_resync == needs)
			continue;
		p->needs_resync = needs;
		rblk_node_note(m, NODE_N_PEER, slot);
	}
}

/**
 * rblk_node_run() - does what events and time have made possible
 * @m: member
 * @now: ns
 *
 * To be called after any number of events, and at rblk_node_deadline(). Messages
 * leave before the own log is written: peers and the disk work at the same time.
 */
void rblk_node_run(struct rblk_node *m, u64 now)
{
	m->now = now;
	if (m->halt != NODE_RUNNING)
		return;
	if (m->diskless) {
		rblk_client_run(m);
		update_ready(m);
		return;
	}
	if (m->started) {
		if (!m->bootstrapping)
			tick(m);
		report_lost(m);
		update_resync(m);
		rblk_replica_execute(m);
		rblk_client_run(m);
		rblk_server_run(m);
		rblk_server_follow_run(m);
		rblk_reads_run(m);
		pump(m);
		rblk_replica_writer_run(m);
		rblk_replica_bootstrap_run(m);
		rblk_replica_release_run(m);
		rblk_replica_apply_run(m);
		rblk_replica_ckpt_run(m);
		rblk_replica_readbacks_run(m);
	}
	rblk_replica_meta_run(m);
	update_ready(m);
}

/**
 * rblk_node_deadline() - when rblk_node_run() is due at the latest
 * @m: member
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_node_deadline(const struct rblk_node *m)
{
	u64 at;

	if (m->halt != NODE_RUNNING || !m->started)
		return U64_MAX;
	if (m->diskless)
		return rblk_client_deadline(m);
	at = m->bootstrapping ? U64_MAX : rblk_raft_deadline(m->raft);
	at = min_t(u64, at, rblk_replica_writer_deadline(m));
	at = min_t(u64, at, rblk_replica_apply_deadline(m));
	at = min_t(u64, at, rblk_client_deadline(m));
	at = min_t(u64, at, rblk_server_follow_deadline(m));
	return min_t(u64, at, rblk_replica_ckpt_deadline(m));
}

/**
 * rblk_node_transfer() - hands leadership over
 * @m: member, the leader
 * @node: to whom; NULL or "": the best one
 * @now: ns
 *
 * Return: 0: under way; -ENOENT: no such node, or it was never heard;
 * -EREMOTE: not the leader; -EBUSY: under way already.
 */
int rblk_node_transfer(struct rblk_node *m, const char *node, u64 now)
{
	int slot;

	m->now = now;
	if (m->diskless)
		return -EREMOTE;
	if (!node || !*node)
		return rblk_replica_step_store(m, RAFT_EV_TRANSFER, 0);
	slot = rblk_node_peer_slot(m, node);
	if (slot < 0 || !m->peer[slot].store)
		return -ENOENT;
	return rblk_replica_step_store(m, RAFT_EV_TRANSFER, m->peer[slot].store);
}

/**
 * rblk_node_checkpoint() - apply and checkpoint what is committed, soon
 * @m: member
 */
void rblk_node_checkpoint(struct rblk_node *m)
{
	m->ckpt_wanted = true;
}
