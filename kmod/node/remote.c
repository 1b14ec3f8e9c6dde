// SPDX-License-Identifier: GPL-2.0
/*
 * Clients without disks: whom they speak with, and their reads. The leader reads
 * for them as it does for its own users, and sends the content, or refuses for now.
 * What was refused is asked for again as others are answered; a request or an answer
 * that is lost, too, but later; an answer that comes twice finds nobody who waits. A
 * member that needs a resync reads in this way, too.
 */
#include "internal.h"

#define SENT_MAX	16	/* reads asked for at once: the leader serves several nodes */

/* ---- the client: who leads ---- */

/**
 * rblk_remote_seek() - asks all members who leads, while nobody says that he does
 * @m: member, without disks: there is no raft to tell
 */
void rblk_remote_seek(struct rblk_node *m)
{
	struct rblk_client *c = &m->client;
	u32 i;

	if (m->now < c->last_contact + rblk_node_election_ns(m) && m->rst.leader)
		return;
	if (m->now < c->seek_at)
		return;
	c->seek_at = m->now + rblk_node_heartbeat_ns(m);
	for (i = 0; i < m->npeers; i++)
		if (rblk_node_connected(&m->peer[i]) && !m->peer[i].tx_blocked &&
		    !m->peer[i].client)
			rblk_client_send(m, i, 0, 0);
}

static void found(struct rblk_node *m, const struct wire_reply *r)
{
	struct rblk_client *c = &m->client;

	if (r->term < m->rst.term || !r->leader)
		return;
	if (r->serving)
		c->last_contact = m->now;
	if (r->term == m->rst.term && r->leader == m->rst.leader)
		return;
	m->rst.term = r->term;
	m->rst.leader = r->leader;
	c->last_contact = m->now;
	rblk_node_note(m, NODE_N_ROLE, 0);
}

/* What members know from their configuration. */
static void learn_volume(struct rblk_node *m, const struct wire_reply *r)
{
	bool changed = m->conf.sectors != r->sectors;

	m->conf.cluster = r->cluster;
	m->conf.sectors = r->sectors;
	m->conf.block_size = r->block_size;
	m->conf.flags = r->flags;
	m->conf.election_ms = r->election_ms;
	m->conf.heartbeat_ms = r->heartbeat_ms;
	m->conf.index = 1;
	if (changed)
		rblk_node_note(m, NODE_N_CONF, 1);
}

/**
 * rblk_remote_reply() - a member says who leads, and what the volume is like
 * @m: member, without disks
 * @r: decoded
 */
void rblk_remote_reply(struct rblk_node *m, const struct wire_reply *r)
{
	learn_volume(m, r);
	found(m, r);
}

/**
 * rblk_remote_deadline() - when to look for a leader, if nothing is heard until then
 * @m: member
 *
 * Return: ns, U64_MAX for never: it has disks.
 */
u64 rblk_remote_deadline(const struct rblk_node *m)
{
	const struct rblk_client *c = &m->client;

	if (!m->diskless)
		return U64_MAX;
	if (!m->rst.leader)
		return c->seek_at;
	return max_t(u64, c->seek_at, c->last_contact + rblk_node_election_ns(m));
}

/* ---- the client: reads ---- */

/* After a start a token means another read, and what was asked before may still be answered. */
static u64 wire_id(const struct rblk_node *m, u64 token)
{
	return token ^ m->cfg.boot_nonce;
}

/**
 * rblk_remote_unsent() - the leader does not have, or no longer has, this read to answer
 * @m: member
 * @r: the read
 */
void rblk_remote_unsent(struct rblk_node *m, struct rblk_read *r)
{
	if (r->flags & NODE_R_SENT)
		m->remote_sent--;
	r->flags &= ~NODE_R_SENT;
}

/**
 * rblk_remote_restart() - what was asked for may be lost
 * @m: member, see rblk_node_remote()
 */
void rblk_remote_restart(struct rblk_node *m)
{
	u32 i;

	for (i = m->read_head; i; i = m->read[i - 1].next)
		rblk_remote_unsent(m, &m->read[i - 1]);
	m->read_new = true;
	m->remote_max = SENT_MAX;
}

/**
 * rblk_remote_again() - a leader that serves has heard the newest keepalive
 * @m: member, see rblk_node_remote()
 *
 * What was asked for before that is under way there, refused, or lost.
 */
void rblk_remote_again(struct rblk_node *m)
{
	m->remote_max = SENT_MAX;
	if (m->now < m->read_again_at)
		return;
	m->read_again_at = m->now + rblk_node_election_ns(m);
	rblk_remote_restart(m);
}

/* Until the next keepalive is heard one is sent for each that is answered: not many in vain. */
static void refused(struct rblk_node *m, struct rblk_read *r)
{
	rblk_remote_unsent(m, r);
	m->read_new = true;
	m->remote_max = m->remote_sent;
}

/**
 * rblk_remote_run() - asks the leader for what it was not asked for yet
 * @m: member, see rblk_node_remote()
 * @slot: of the leader
 */
void rblk_remote_run(struct rblk_node *m, u32 slot)
{
	u32 i;

	if (!m->read_new)
		return;
	for (i = m->read_head; i; i = m->read[i - 1].next) {
		struct rblk_read *r = &m->read[i - 1];
		struct wire_read w = {
			.from = m->cfg.super.store,
			.id = wire_id(m, r->token),
			.sector = r->sector,
			.nsect = r->nsect,
		};
		void *frame;

		if (r->flags & (NODE_R_SENT | NODE_R_PARTS))
			continue;
		if (m->remote_sent >= m->remote_max)
			return;
		frame = m->ops->tx_begin(m->host, slot, WIRE_BULK);
		if (!frame) {
			m->peer[slot].tx_blocked = true;
			return;
		}
		m->ops->tx_end(m->host, slot, WIRE_BULK, rblk_wire_encode_read(frame, &w), NULL, 0);
		r->flags |= NODE_R_SENT;
		m->remote_sent++;
	}
	m->read_new = false;
}

/**
 * rblk_remote_ended() - what a read found here counts for nothing any more
 * @m: member that needs a resync
 * @r: the read
 */
void rblk_remote_ended(struct rblk_node *m, struct rblk_read *r)
{
	if (r->buf || r->error == -ESTALE) {
		rblk_read_end(m, r, -ESTALE);
		return;
	}
	r->error = 0;
	r->flags &= ~(NODE_R_FOUND | NODE_R_CONFIRMED);
	rblk_remote_unsent(m, r);
	m->read_new = true;
}

/**
 * rblk_remote_switch() - reads go to the leader from now on, or no longer
 * @m: member; whether it needs a resync has changed
 *
 * Parts that are under way end first: rblk_node_read_done().
 */
void rblk_remote_switch(struct rblk_node *m)
{
	u32 i = m->read_head;

	rblk_remote_restart(m);
	while (i) {
		struct rblk_read *r = &m->read[i - 1];

		i = r->next;
		if (!(r->flags & NODE_R_PARTS) && m->needs_resync)
			rblk_remote_ended(m, r);
	}
	rblk_reads_check(m);
}

static void take_content(struct rblk_node *m, const struct rblk_read *r, struct rblk_buf *buf)
{
	u64 first = r->sector / RBLK_SECTORS_PER_BLOCK, at;
	u32 done = 0, sect, n;

	while (done < r->nsect) {
		at = r->sector + done;
		sect = at % RBLK_SECTORS_PER_BLOCK;
		n = min_t(u32, r->nsect - done, RBLK_SECTORS_PER_BLOCK - sect);
		m->ops->read_copy(m->host, r->token, done << RBLK_SECTOR_SHIFT, buf,
				  (u32)(at / RBLK_SECTORS_PER_BLOCK - first), sect, n);
		done += n;
	}
}

/**
 * rblk_remote_data() - the leader sends what it read
 * @m: member
 * @slot: who sends it
 * @d: decoded
 * @a: the range
 * @buf: the content
 *
 * Return: 0; -EINVAL: absurd.
 */
int rblk_remote_data(struct rblk_node *m, u32 slot, const struct wire_data *d,
		     const struct wire_append *a, struct rblk_buf **buf)
{
	struct rblk_read *r;

	if (d->to != m->cfg.super.store || m->peer[slot].client)
		return -EINVAL;
	r = rblk_node_remote(m) ? rblk_read_find(m, wire_id(m, d->id)) : NULL;
	if (!r || r->flags & NODE_R_PARTS || r->buf)
		return 0;
	if (d->error == EAGAIN) {
		refused(m, r);
		return 0;
	}
	/*
	 * Read before the session that this node has, or after it was fenced: it will
	 * learn so. An error shows nothing.
	 */
	if (a->n && m->client.state == NODE_S_HELD && d->epoch != m->client.epoch) {
		refused(m, r);
		return 0;
	}
	if (a->n && (a->e[0].sector != r->sector || a->e[0].nsect != r->nsect))
		return -EINVAL;
	if (!a->n) {
		rblk_read_end(m, r, -EIO);
		return 0;
	}
	r->flags |= NODE_R_PARTS | NODE_R_GIVEN;
	take_content(m, r, buf[0]);
	m->ops->read_issued(m->host, r->token);
	return 0;
}

/* ---- the leader ---- */

static void not_now(struct rblk_node *m, u32 slot, const struct wire_read *w)
{
	struct wire_data d = { .to = w->from, .id = w->id, .error = EAGAIN };
	void *frame = m->ops->tx_begin(m->host, slot, WIRE_BULK);

	if (frame)
		m->ops->tx_end(m->host, slot, WIRE_BULK,
			       rblk_wire_encode_data(frame, &d, NULL, NULL), NULL, 0);
}

static bool under_way(const struct rblk_node *m, u32 slot, u64 id)
{
	u32 i;

	for (i = m->read_head; i; i = m->read[i - 1].next) {
		const struct rblk_read *r = &m->read[i - 1];

		if (r->buf && r->slot == slot && r->id == id)
			return true;
	}
	return false;
}

/**
 * rblk_server_read() - a node reads that has nothing to read from
 * @m: member
 * @slot: its node
 * @w: the range
 *
 * What cannot be done now is refused: the client asks again.
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_server_read(struct rblk_node *m, u32 slot, const struct wire_read *w)
{
	u32 nblocks = rblk_blocks_touched(w->sector, w->nsect);
	struct rblk_read *r;
	struct rblk_buf *buf;
	u64 token;

	if (w->from != m->peer[slot].store)
		return -EINVAL;
	if (m->diskless || !rblk_replica_leads(m) || !m->seq_synced || !m->read_free) {
		not_now(m, slot, w);
		return 0;
	}
	if (!rblk_vol_fits(m->conf.sectors, m->conf.block_size, w->sector, w->nsect))
		return -EINVAL;
	if (under_way(m, slot, w->id))
		return 0;	/* asked for again: the device is slow */
	buf = m->ops->serve_begin(m->host, nblocks, w->sector, w->nsect, &token);
	if (!buf) {
		not_now(m, slot, w);
		return 0;
	}
	r = rblk_read_alloc(m, token, w->sector, w->nsect);
	r->buf = buf;
	r->slot = slot;
	r->id = w->id;
	rblk_read_look_up(m, r);
	return 0;
}

/**
 * rblk_server_read_end() - sends the content of a read, or its error
 * @m: member
 * @r: the read
 * @error: 0 or -errno; -ESTALE: it is not this node's to answer any more, the other asks again
 */
void rblk_server_read_end(struct rblk_node *m, struct rblk_read *r, int error)
{
	const struct rblk_session *own = rblk_vol_session_of(m->vol, m->peer[r->slot].store);
	struct wire_data d = {
		.to = m->peer[r->slot].store,
		/* An OPEN may have been executed since: what was read may be of before it. */
		.epoch = own && own->epoch <= r->wait_index ? own->epoch : 0,
		.id = r->id,
		.error = (u32)-error,
	};
	struct rblk_entry e = {
		.kind = RBLK_E_WRITE, .sector = r->sector, .nsect = r->nsect,
		.nblocks = r->buf->nblocks,
	};
	void *frame = NULL;

	if (error != -ESTALE && m->halt == NODE_RUNNING && m->peer[r->slot].up[WIRE_BULK])
		frame = m->ops->tx_begin(m->host, r->slot, WIRE_BULK);
	if (!frame)
		return;
	if (!error)
		m->ops->buf_sum(m->host, r->buf, r->buf->crc);
	m->ops->tx_end(m->host, r->slot, WIRE_BULK,
		       rblk_wire_encode_data(frame, &d, error ? NULL : &e, r->buf->crc),
		       &r->buf, !error);
}
