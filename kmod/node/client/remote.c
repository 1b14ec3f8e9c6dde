// SPDX-License-Identifier: GPL-2.0
/*
 * Without a replica of use: who leads, and reads that the leader serves. It reads
 * as it does for its own users, and sends the content, or refuses for now. What
 * was refused is asked for again as others are answered; a request or an answer
 * that is lost is, too, but later; an answer that comes twice finds nobody who
 * waits for it. A member that needs a resync reads in this way as well.
 */
#include "internal.h"

#define SENT_MAX	16	/* reads asked for at once: the leader serves several nodes */

/* ---- who leads ---- */

/**
 * rblk_client_lost() - has nothing been heard of a leader for an election timeout?
 * @c: client
 *
 * Where a replica knows better, the leader is lost if payload to it is stuck.
 *
 * Return: true if so.
 */
bool rblk_client_lost(const struct rblk_client *c)
{
	const struct rblk_peer *p = rblk_ground_peer(c->g, c->g->leader, NULL);

	if (!c->seeks)
		return p && rblk_ground_path_stuck(c->g, p);
	return !c->g->leader || c->g->now >= c->last_contact + rblk_ground_election_ns(c->g);
}

/**
 * rblk_client_silence() - has no leader answered for longer than it takes to find one?
 * @c: client
 *
 * Without users it hears of the leader once an election timeout, as it begins to ask then.
 *
 * Return: true if so: nothing is served; never where a replica knows better.
 */
bool rblk_client_silence(const struct rblk_client *c)
{
	return c->seeks && (!c->g->leader ||
			    c->g->now >= c->last_contact + 2 * rblk_ground_election_ns(c->g));
}

/**
 * rblk_client_seek() - asks all members who leads, while no leader says that it does
 * @c: client
 */
void rblk_client_seek(struct rblk_client *c)
{
	struct rblk_ground *g = c->g;
	u32 i;

	if (!rblk_client_lost(c) || g->now < c->seek_at)
		return;
	c->seek_at = g->now + rblk_ground_heartbeat_ns(g);
	for (i = 0; i < g->npeers; i++)
		if (rblk_peer_sendable(&g->peer[i]) && !g->peer[i].client)
			rblk_client_keepalive(c, i);
}

static void leader_found(struct rblk_client *c, const struct wire_reply *r)
{
	struct rblk_ground *g = c->g;

	/* Who has not heard yet that this node has lost its replica may think that it leads. */
	if (r->term < g->term || !r->leader || r->leader == g->cfg.super.store)
		return;
	if (r->serving) {
		c->last_contact = g->now;
		g->stalled = r->stalled;
	}
	if (r->term == g->term && r->leader == g->leader)
		return;
	g->term = r->term;
	g->leader = r->leader;
	c->last_contact = g->now;
	rblk_ground_note(g, NODE_N_ROLE, 0);
}

/* What members know from their configuration. */
static void learn_volume(struct rblk_ground *g, const struct wire_reply *r)
{
	bool changed = g->conf.sectors != r->sectors;

	g->conf.cluster = r->cluster;
	g->conf.sectors = r->sectors;
	g->conf.block_size = r->block_size;
	g->conf.flags = r->flags;
	g->conf.election_ms = r->election_ms;
	g->conf.heartbeat_ms = r->heartbeat_ms;
	g->conf.index = max_t(u64, g->conf.index, 1);
	if (changed)
		rblk_ground_note(g, NODE_N_CONF, 1);
}

/**
 * rblk_client_found() - a member says who leads, and what the volume is like
 * @c: client that has no replica to tell it
 * @r: decoded
 */
void rblk_client_found(struct rblk_client *c, const struct wire_reply *r)
{
	learn_volume(c->g, r);
	leader_found(c, r);
}

/**
 * rblk_client_alone() - the replica that told who leads, and served reads, is lost
 * @c: client
 *
 * It may have led, or campaigned in a term that nobody else has heard of.
 */
void rblk_client_alone(struct rblk_client *c)
{
	struct rblk_ground *g = c->g;

	if (!g->leader || g->leader == g->cfg.super.store) {
		g->leader = 0;
		g->term = 0;
	}
	g->remote = true;
	c->seeks = true;
	c->last_contact = g->now;
	rblk_client_reads_switch(c);
}

/**
 * rblk_client_joined() - there is a replica again, which tells who leads
 * @c: client
 *
 * Reads go to the leader until it is known that they can be served here.
 */
void rblk_client_joined(struct rblk_client *c)
{
	c->seeks = false;
}

/**
 * rblk_client_seek_deadline() - when to look for a leader, if none replies until then
 * @c: client
 *
 * Return: ns, U64_MAX for never: there is a replica.
 */
u64 rblk_client_seek_deadline(const struct rblk_client *c)
{
	if (!c->seeks)
		return U64_MAX;
	if (!c->g->leader)
		return c->seek_at;
	return max_t(u64, c->seek_at, c->last_contact + rblk_ground_election_ns(c->g));
}

/* ---- reads ---- */

/* Fails what a fenced node reads: it must not be relied upon. */
static int rblk_client_read_end(void *owner, struct rblk_read *rd, int error)
{
	const struct rblk_client *c = owner;

	return !error && c->state == NODE_S_FENCED ? -ESTALE : error;
}

/**
 * rblk_client_read() - a read of this node arrives
 * @c: client
 * @sector: first sector
 * @nsect: sectors
 * @token: the host's name of it
 *
 * Return: the read, or NULL: too many are under way.
 */
struct rblk_read *rblk_client_read(struct rblk_client *c, u64 sector, u32 nsect, u64 token)
{
	if (!c->reads->n)
		c->read_again_at = c->g->now + rblk_ground_election_ns(c->g);
	return rblk_reads_add(c->reads, token, sector, nsect, rblk_client_read_end, c, false);
}

/* After a start a token means another read, and what was asked before may still be answered. */
static u64 wire_id(const struct rblk_client *c, u64 token)
{
	return token ^ c->g->cfg.boot_nonce;
}

/**
 * rblk_client_reads_restart() - what the leader was asked for may be lost
 * @c: client
 */
void rblk_client_reads_restart(struct rblk_client *c)
{
	struct rblk_read *rd;
	u32 next;

	for (rd = rblk_reads_first(c->reads, &next); rd; rd = rblk_reads_next(c->reads, &next))
		rblk_reads_unsent(c->reads, rd);
	c->reads->fresh = true;
	c->reads->sent_max = SENT_MAX;
}

/**
 * rblk_client_reads_again() - a leader that serves has heard the marked keepalive
 * @c: client
 *
 * What was asked for before that is under way there, refused, or lost.
 */
void rblk_client_reads_again(struct rblk_client *c)
{
	c->reads->sent_max = SENT_MAX;
	if (c->g->now < c->read_again_at)
		return;
	c->read_again_at = c->g->now + rblk_ground_election_ns(c->g);
	rblk_client_reads_restart(c);
}

/* Until the next keepalive is heard one is sent for each that is answered: not many in vain. */
static void refused(struct rblk_client *c, struct rblk_read *rd)
{
	rblk_reads_unsent(c->reads, rd);
	c->reads->fresh = true;
	c->reads->sent_max = c->reads->sent;
}

/* Asks a node for the content of a read. False: there is no room to send. */
bool rblk_client_read_send(struct rblk_client *c, u32 slot, struct rblk_read *rd)
{
	struct rblk_ground *g = c->g;
	struct wire_read w = {
		.from = g->cfg.super.store,
		.id = wire_id(c, rd->token),
		.sector = rd->sector,
		.nsect = rd->nsect,
		.anyone = !!(rd->flags & NODE_R_AWAY),
	};
	void *frame = rblk_ground_tx_begin(g, slot, WIRE_BULK);

	if (!frame)
		return false;
	rblk_ground_tx_end(g, slot, WIRE_BULK, rblk_wire_encode_read(frame, &w), NULL, 0);
	rd->flags |= NODE_R_SENT;
	c->reads->sent++;
	return true;
}

/**
 * rblk_client_reads_send() - asks the leader for what it was not asked for yet
 * @c: client
 * @slot: of the leader
 */
void rblk_client_reads_send(struct rblk_client *c, u32 slot)
{
	struct rblk_reads *reads = c->reads;
	struct rblk_read *rd;
	u32 next;

	if (!reads->fresh)
		return;
	for (rd = rblk_reads_first(reads, &next); rd; rd = rblk_reads_next(reads, &next)) {
		if (rd->flags & (NODE_R_SENT | NODE_R_PARTS))
			continue;
		if (reads->sent >= reads->sent_max || !rblk_client_read_send(c, slot, rd))
			return;
	}
	reads->fresh = false;
}

/**
 * rblk_client_read_done() - what a read found here counts for nothing any more
 * @c: client of a node whose replica needs a resync
 * @rd: the read
 */
void rblk_client_read_done(struct rblk_client *c, struct rblk_read *rd)
{
	if (rd->buf || rd->error == -ESTALE) {
		rblk_reads_end(c->reads, rd, -ESTALE);
		return;
	}
	rd->error = 0;
	rd->flags &= ~(NODE_R_FOUND | NODE_R_CONFIRMED);
	rblk_reads_unsent(c->reads, rd);
	c->reads->fresh = true;
}

/**
 * rblk_client_reads_switch() - reads go to the leader from now on, or no longer
 * @c: client; whether its replica is of use has changed
 *
 * Parts that are under way end first: rblk_node_read_done().
 */
void rblk_client_reads_switch(struct rblk_client *c)
{
	struct rblk_read *rd;
	u32 next;

	rblk_client_reads_restart(c);
	if (!c->g->remote)
		return;
	for (rd = rblk_reads_first(c->reads, &next); rd; rd = rblk_reads_next(c->reads, &next))
		if (!(rd->flags & NODE_R_PARTS))
			rblk_client_read_done(c, rd);
}

static void take_content(struct rblk_client *c, const struct rblk_read *rd, struct rblk_buf *buf)
{
	u64 first = rd->sector / RBLK_SECTORS_PER_BLOCK, at;
	u32 done = 0, sect, n;

	while (done < rd->nsect) {
		at = rd->sector + done;
		sect = at % RBLK_SECTORS_PER_BLOCK;
		n = min_t(u32, rd->nsect - done, RBLK_SECTORS_PER_BLOCK - sect);
		c->g->ops->read_copy(c->g->host, rd->token, done << RBLK_SECTOR_SHIFT, buf,
				     (u32)(at / RBLK_SECTORS_PER_BLOCK - first), sect, n);
		done += n;
	}
}

/**
 * rblk_client_data() - the leader, or another member that was asked, sends what it read
 * @c: client
 * @slot: who sends it
 * @d: decoded, meant for this node
 * @a: the range
 * @buf: the content
 *
 * Return: 0; -EINVAL: absurd.
 */
int rblk_client_data(struct rblk_client *c, u32 slot, const struct wire_data *d,
		     const struct wire_append *a, struct rblk_buf **buf)
{
	struct rblk_read *rd = rblk_reads_find(c->reads, wire_id(c, d->id));
	bool away = rd && rd->flags & NODE_R_AWAY;

	if (!rd || rd->flags & NODE_R_PARTS || !(away || (c->g->remote && !rd->buf)))
		return 0;
	/*
	 * Read before the session that this node has, or after it was fenced, as it
	 * will learn: that does not count. An error shows nothing.
	 */
	if (d->error == WIRE_E_AGAIN ||
	    (a->n && c->state == NODE_S_HELD && d->epoch != c->epoch)) {
		if (away)
			rblk_client_away_refused(c);
		else
			refused(c, rd);
		return 0;
	}
	if (!a->n && away) {
		rblk_client_away_failed(c, rd, slot, rblk_wire_errno(d->error));
		return 0;
	}
	if (!a->n) {
		rblk_reads_end(c->reads, rd, rblk_wire_errno(d->error));
		return 0;
	}
	if (a->e[0].sector != rd->sector || a->e[0].nsect != rd->nsect)
		return -EINVAL;
	rd->flags |= NODE_R_PARTS | NODE_R_GIVEN;
	take_content(c, rd, buf[0]);
	c->g->ops->read_issued(c->g->host, rd->token);
	return 0;
}
