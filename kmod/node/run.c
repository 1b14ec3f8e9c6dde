// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the parts of a node: does what events, and the passing of time, have made
 * possible. The order within a pass is decided here and nowhere else.
 */
#include "internal.h"

#define AUDIT_PASSES	256	/* from one shallow audit to the next */

static void update_ready(struct rblk_node *n)
{
	bool ready = n->g.halt == NODE_RUNNING && n->g.conf.index && n->g.leader && !n->g.stalled &&
		     !rblk_client_silence(&n->client) &&
		     (!n->replica || !rblk_replica_leads(n->replica) ||
		      rblk_server_serves(&n->server));

	if (ready == n->ready)
		return;
	n->ready = ready;
	n->unready_since = n->g.now;
	rblk_ground_note(&n->g, NODE_N_READY, ready);
}

/*
 * The leader tells a member that its log no longer covers it, and then the member
 * reads through the leader. So it does while a part of the image is absent here.
 */
static void update_resync(struct rblk_node *n)
{
	const struct raft_status *rst = &n->replica->rst;

	n->g.stalled = rst->stalled || n->g.blocked;
	if (n->g.remote != (rst->resync || n->replica->absent)) {
		n->g.remote = !n->g.remote;
		rblk_client_reads_switch(&n->client);
		n->replica->reads_due = true;
		if (n->g.remote && n->ready)
			rblk_ground_note(&n->g, NODE_N_READY, 1);
	}
}

/*
 * A member that is connected and does not reply is held up as well: when its log device hangs,
 * it cannot adopt the term of this leader, and so has nothing to say.
 */
static u8 impairment(const struct rblk_node *n, const struct rblk_peer *p, bool active)
{
	if (active)
		return p->says_impaired;
	return rblk_peer_connected(p) &&
	       n->g.now >= p->up_at + rblk_ground_election_ns(&n->g) ? NODE_P_MUTE : NODE_P_WELL;
}

/*
 * Raft finds too few when they do not reply. Who replies that its log device hangs
 * acknowledges nothing either.
 */
static bool too_few_speak(struct rblk_node *n)
{
	const struct rblk_conf *conf = &n->g.conf;
	u32 voters = 0, mute = 0, i;

	for (i = 0; i < conf->n; i++) {
		const struct rblk_member *m = &conf->m[i];
		const struct rblk_peer *p = rblk_ground_peer(&n->g, m->store, NULL);

		if (!(m->flags & RBLK_M_IN))
			continue;
		voters++;
		mute += m->store == n->g.cfg.super.store ? rblk_replica_mute(n->replica) :
			!p || !rblk_peer_connected(p) || p->needs_resync ||
				p->impaired == NODE_P_MUTE;
	}
	return 2 * mute >= voters;
}

/* What a leader knows of the other members is worth a note, and forgotten with its role. */
static void update_peers(struct rblk_node *n)
{
	const struct raft_status *rst = &n->replica->rst;
	bool leads = rblk_replica_leads(n->replica);
	u32 i, slot;

	for (i = 0; i < rst->npeers; i++) {
		struct rblk_peer *p = rblk_ground_peer(&n->g, rst->peer[i].store, &slot);
		bool resync = leads && rst->peer[i].state == RAFT_PEER_RESYNC;
		u8 impaired = leads && p ? impairment(n, p, rst->peer[i].active) : NODE_P_WELL;
		bool blocked = leads && p && p->says_blocked;
		bool absent = leads && p && p->says_absent;

		if (!p || (p->needs_resync == resync && p->impaired == impaired &&
			   p->blocked == blocked && p->absent == absent))
			continue;
		p->needs_resync = resync;
		p->impaired = impaired;
		p->blocked = blocked;
		p->absent = absent;
		rblk_ground_note(&n->g, NODE_N_PEER, slot);
	}
	n->g.stalled |= leads && too_few_speak(n);
}

/* Executes what is committed, and tells the client, the server and the reads of it. */
static void execute(struct rblk_node *n)
{
	static const struct rblk_session none;
	struct rblk_replica *r = n->replica;
	const struct rblk_session *own, *holder;

	rblk_replica_execute(r);
	if (n->client.index < rblk_replica_executed(r)) {
		own = rblk_vol_session_of(r->vol, n->g.cfg.super.store);
		holder = rblk_vol_session(r->vol);
		rblk_client_learn(&n->client, rblk_replica_executed(r), own ? own : &none,
				  holder ? holder->store : 0, holder ? holder->epoch : 0);
	}
	rblk_server_executed(&n->server);
	rblk_replica_reads_advance(r);
}

/*
 * This node leads: what its client has for the leader goes to its own server. What
 * the server cannot take stays in the window, and is offered again in a later pass.
 */
static void loop_back(struct rblk_node *n)
{
	struct rblk_client *c = &n->client;
	const struct rblk_client_req *req;
	struct rblk_buf *buf = NULL;
	struct rblk_entry e;
	int ret = 0;
	bool asks;

	if (!rblk_server_serves(&n->server))
		return;
	asks = rblk_client_ask(c, &e);
	rblk_server_present(&n->server, rblk_client_uses(c), c->keepalive);
	if (asks)
		rblk_server_take(&n->server, NODE_SLOT_SELF, rblk_client_force(c), &e, &buf);
	if (rblk_client_unsent(c))
		rblk_client_credit(c, c->done, rblk_server_credit(&n->server));
	while ((!ret || ret == -EALREADY) && rblk_client_peek(c, &e, &req)) {
		buf = req->buf;
		if (buf)
			n->g.ops->buf_get(n->g.host, buf);
		ret = rblk_server_take(&n->server, NODE_SLOT_SELF, false, &e, &buf);
		if (buf)
			n->g.ops->buf_put(n->g.host, buf);
		if (!ret)
			rblk_ground_trace(&n->g, NODE_T_PROPOSE, n->replica->last, req->token);
		if (!ret || ret == -EALREADY)
			rblk_client_taken(c);
	}
}

/* Sends what the client has for the leader: over the wire, or to the server of this node. */
static void run_client(struct rblk_node *n)
{
	struct rblk_client *c = &n->client;
	const struct rblk_peer *p;
	u32 slot;

	rblk_client_run(c);
	if (!c->leader || !n->g.conf.index)
		return;
	if (c->leader == n->g.cfg.super.store) {
		loop_back(n);
		return;
	}
	p = rblk_ground_peer(&n->g, c->leader, &slot);
	if (p && rblk_peer_sendable(p))
		rblk_client_send(c, slot);
}

/* This node compares the copies of the image: whoever leads is asked for marks. */
static void run_verify(struct rblk_node *n)
{
	struct rblk_peer *p;
	struct wire_mark w;
	u32 slot;

	rblk_replica_verify_run(n->replica);
	p = rblk_ground_peer(&n->g, n->g.leader, &slot);
	if (!n->g.leader || (p && !rblk_peer_sendable(p)) ||
	    !rblk_replica_compare_asks(n->replica, &w))
		return;
	if (p)
		rblk_replica_mark_send(n->replica, slot, &w);
	else
		rblk_server_mark(&n->server, &w);
}

static void run_server(struct rblk_node *n)
{
	struct wire_reply r;

	rblk_server_run(&n->server);
	if (rblk_server_own_reply(&n->server, &r)) {
		rblk_client_reply(&n->client, &r);
		run_client(n);
	}
	rblk_server_follow_run(&n->server);
}

static void run_replica(struct rblk_node *n)
{
	struct rblk_replica *r = n->replica;

	if (r->started) {
		rblk_replica_tick(r);
		rblk_replica_meet(r);
		rblk_replica_report(r);
		update_resync(n);
		update_peers(n);
		rblk_replica_watch_run(r);
		rblk_replica_strain_run(r);
		execute(n);
		run_client(n);
		run_server(n);
		run_verify(n);
		rblk_replica_reads_run(r);
		rblk_replica_pump(r);
		rblk_replica_reads_advance(r);
		rblk_replica_writer_run(r);
		rblk_replica_bootstrap_run(r);
		rblk_replica_release_run(r);
		rblk_replica_rewrite_run(r);
		rblk_replica_apply_run(r);
		rblk_replica_resync_run(r);
		rblk_replica_mend_run(r);
		rblk_replica_ckpt_run(r);
		rblk_replica_readbacks_run(r);
		rblk_replica_report(r);
	} else {
		/* One that was attached has a client that waits already. */
		rblk_client_run(&n->client);
	}
	rblk_replica_meta_run(r);
}

/**
 * rblk_node_run() - does what events and time have made possible
 * @n: node
 * @now: ns
 *
 * To be called after any number of events, and at rblk_node_deadline(). Messages
 * are sent before the own log is written, so that peers and the disk work at the
 * same time.
 */
void rblk_node_run(struct rblk_node *n, u64 now)
{
	n->g.now = now;
	if (n->halted)
		return;
	if (n->g.halt == NODE_RUNNING) {
		rblk_ground_paths_run(&n->g);
		if (n->replica)
			run_replica(n);
		else
			run_client(n);
		if (!(++n->passes % AUDIT_PASSES))
			rblk_node_check(n, false);
	}
	if (rblk_node_outlives(n))
		run_client(n);
	if (n->g.halt != NODE_RUNNING) {
		rblk_node_end_all(n);
		return;
	}
	update_ready(n);
	rblk_client_openers_run(&n->client, n->ready);
}

/**
 * rblk_node_deadline() - when rblk_node_run() is due at the latest
 * @n: node
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_node_deadline(struct rblk_node *n)
{
	const struct rblk_client *c = &n->client;
	u64 at = rblk_client_deadline(c);

	if (n->g.halt != NODE_RUNNING)
		return n->halted ? U64_MAX : n->g.now;
	if (!n->replica || !n->replica->started)
		return at;
	/*
	 * Only events get the server synced. A deadline before that would make the
	 * loop spin.
	 */
	if (c->asking && c->leader == n->g.cfg.super.store && rblk_server_serves(&n->server))
		at = min_t(u64, at, c->keepalive_at);
	at = min_t(u64, at, rblk_server_follow_deadline(&n->server));
	return min_t(u64, at, rblk_replica_deadline(n->replica));
}

/**
 * rblk_node_transfer() - hands leadership over to another node
 * @n: node, the leader
 * @node: name of the other node; NULL or "": whichever leads best
 * @now: ns
 *
 * Return: 0: in progress; -ENOENT: there is no such node, or it has not said hello yet;
 * -EREMOTE: this node is not the leader; -EBUSY: a transfer is in progress; -EINVAL: the
 * node is no voter, or no voter replies.
 */
int rblk_node_transfer(struct rblk_node *n, const char *node, u64 now)
{
	int slot;

	n->g.now = now;
	if (!n->replica)
		return -EREMOTE;
	if (!node || !*node)
		return rblk_replica_step_store(n->replica, RAFT_EV_TRANSFER,
					       rblk_server_successor(&n->server));
	slot = rblk_node_peer_slot(n, node);
	if (slot < 0 || !n->g.peer[slot].store)
		return -ENOENT;
	return rblk_replica_step_store(n->replica, RAFT_EV_TRANSFER, n->g.peer[slot].store);
}

/**
 * rblk_node_verify() - compares the copies of the image that the members have
 * @n: node
 * @sector: first sector
 * @nsect: number of sectors; 0: all from there on
 * @mend: what differs from a majority is to be mended
 * @now: ns
 *
 * Return: 0: under way, a VERIFY note follows; -EOPNOTSUPP: this node has no replica;
 * -EBUSY: it compares already; -EAGAIN: it knows of no configuration; -EINVAL: beyond the
 * end of the volume; -ESHUTDOWN.
 */
int rblk_node_verify(struct rblk_node *n, u64 sector, u64 nsect, bool mend, u64 now)
{
	n->g.now = now;
	if (n->g.halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (!n->replica)
		return -EOPNOTSUPP;
	if (!nsect && sector < n->g.conf.sectors)
		nsect = n->g.conf.sectors - sector;
	return rblk_replica_compare(n->replica, sector, nsect, mend);
}

/**
 * rblk_node_checkpoint() - asks for a checkpoint of everything that is committed
 * @n: node
 */
void rblk_node_checkpoint(struct rblk_node *n)
{
	if (n->replica)
		n->replica->ckpt_wanted = true;
}

/**
 * rblk_node_adjust() - changes limits of a node that runs
 * @n: node
 * @to: all of them; 0: the default
 */
void rblk_node_adjust(struct rblk_node *n, const struct rblk_node_tuning *to)
{
	n->g.cfg.limits.resync_min = to->resync_min ? to->resync_min : NODE_RESYNC_MIN;
	n->g.cfg.limits.resync_max = to->resync_max;
}
