// SPDX-License-Identifier: GPL-2.0
/*
 * What goes to the peers, and reading back from the log what is no longer in
 * memory: for a peer that lags, and for entries of before the start that still
 * have to be applied.
 */
#include "internal.h"

/* The payload of an entry for @p: from the table, or read back for it. */
static struct rblk_buf *payload_for(struct rblk_node *m, struct rblk_node_peer *p, u64 index)
{
	struct rblk_ent *ent = rblk_replica_ent(m, index);

	if (ent->buf)
		return ent->buf;
	if (p->readback_ready && index >= p->rb.first && index < p->rb.first + p->rb.n)
		return p->rb.buf[index - p->rb.first];
	return NULL;
}

static void drop_readback(struct rblk_node *m, struct rblk_node_peer *p)
{
	u32 i;

	for (i = 0; i < p->rb.n; i++) {
		if (p->rb.buf[i])
			m->ops->buf_put(m->host, p->rb.buf[i]);
		p->rb.buf[i] = NULL;
	}
	p->rb.n = 0;
	p->readback_ready = false;
	p->readback_stale = false;
}

/**
 * rblk_replica_sendable() - which entries fit into one append to a peer now
 * @ctx: the member
 * @store: the peer
 * @first: first entry to send
 * @last: last entry that raft would send
 *
 * Raft's callback. Wants a readback where payload is missing.
 *
 * Return: the last entry that can go, @first - 1 for none yet.
 */
u64 rblk_replica_sendable(void *ctx, u64 store, u64 first, u64 last)
{
	struct rblk_node *m = ctx;
	struct rblk_node_peer *p = rblk_node_peer_of(m, store, NULL);
	u32 n = 0, blocks = 0;
	u64 i;

	if (!p || !rblk_node_connected(p) || p->tx_blocked || p->lost)
		return first - 1;
	for (i = first; i <= last && n < WIRE_ENTRIES_MAX; i++, n++) {
		struct rblk_ent *ent = rblk_replica_ent(m, i);

		if (RBLK_ASSERT(ent))
			break;
		if (ent->e.kind == RBLK_E_CONF && n)
			break;
		if (blocks + ent->e.nblocks > WIRE_BLOCKS_MAX)
			break;
		if (ent->e.nblocks && !payload_for(m, p, i)) {
			if (!n && !p->rb.busy) {
				p->readback_wanted = true;
				p->readback_first = first;
				p->readback_last = last;
			}
			break;
		}
		blocks += ent->e.nblocks;
		if (ent->e.kind == RBLK_E_CONF)
			return i;
	}
	return i - 1;
}

struct frame {
	struct rblk_node *m;
	struct rblk_node_peer *p;
	u64 first;
	u32 nbufs;
};

static const struct rblk_entry *frame_entry(void *ctx, u32 i, const u32 **crc)
{
	struct frame *f = ctx;
	struct rblk_ent *ent = rblk_replica_ent(f->m, f->first + i);
	struct rblk_buf *buf = ent->e.nblocks ? payload_for(f->m, f->p, ent->e.index) : NULL;

	*crc = buf ? buf->crc : NULL;
	if (buf)
		f->m->bufs[f->nbufs++] = buf;
	return &ent->e;
}

/**
 * rblk_replica_send() - encodes a message of raft and hands it to the host
 * @m: member
 * @msg: the message
 *
 * A message that cannot go is dropped, and raft told later (never from within
 * the step that made it) that what was in flight to the peer may be lost.
 */
void rblk_replica_send(struct rblk_node *m, const struct raft_msg *msg)
{
	u32 slot, len, n = 0;
	struct rblk_node_peer *p = rblk_node_peer_of(m, msg->to, &slot);
	struct frame f = { .m = m, .p = p, .first = msg->ents.first };
	enum wire_channel ch = WIRE_CONSENSUS;
	void *buf;

	if (!p || !rblk_node_connected(p))
		return;
	if (msg->type == RAFT_MSG_APPEND && msg->ents.first <= msg->ents.last) {
		n = msg->ents.last - msg->ents.first + 1;
		ch = WIRE_BULK;
	}
	buf = m->ops->tx_begin(m->host, slot, ch);
	if (!buf) {
		if (n) {
			p->tx_blocked = true;
			p->lost = true;
		}
		return;
	}
	len = rblk_wire_encode_raft(buf, msg, n, frame_entry, &f);
	rblk_node_trace(m, NODE_T_SEND, n ? msg->ents.last : 0, msg->type | (u64)slot << 8);
	m->ops->tx_end(m->host, slot, ch, len, m->bufs, f.nbufs);
	if (n && p->readback_ready && msg->ents.last >= p->rb.first + p->rb.n - 1)
		drop_readback(m, p);
}

static void tell_sendable(struct rblk_node *m, struct rblk_node_peer *p)
{
	if (p != &m->apply_rb && rblk_node_connected(p))
		rblk_replica_step_store(m, RAFT_EV_REACHABLE, p->store);
}

/*
 * No memory: rblk_node_run() comes back. Trimmed or truncated meanwhile: raft knows.
 * In memory after all (read back for the apply): raft can go on.
 */
static void nothing_to_read(struct rblk_node *m, struct rblk_node_peer *p)
{
	const struct rblk_ent *ent = rblk_replica_ent(m, p->readback_first);

	if (ent && ent->buf)
		tell_sendable(m, p);
	else
		p->readback_wanted = !!ent;
}

/* Collects what is to be read for @p, as far as the budgets go. */
static void start_readback(struct rblk_node *m, struct rblk_node_peer *p)
{
	struct rblk_node_readback *rb = &p->rb;
	u32 blocks = 0;
	u64 i;

	drop_readback(m, p);
	p->readback_wanted = false;
	for (i = p->readback_first; i <= p->readback_last && rb->n < NODE_READBACK_ENTRIES; i++) {
		struct rblk_ent *ent = rblk_replica_ent(m, i);

		if (!ent || ent->buf || i >= m->log_next ||
		    i > m->rst.durable || blocks + ent->e.nblocks > NODE_READBACK_BLOCKS)
			break;
		rb->buf[rb->n] = NULL;
		rb->pos[rb->n] = ent->pos;
		if (ent->e.nblocks) {
			rb->buf[rb->n] = m->ops->buf_alloc(m->host, ent->e.nblocks);
			if (!rb->buf[rb->n]) {
				m->readback_starved |= !rb->n;
				break;
			}
		}
		blocks += ent->e.nblocks;
		rb->n++;
	}
	rb->first = p->readback_first;
	if (!rb->n) {
		nothing_to_read(m, p);
		return;
	}
	rb->busy = 1;
	m->readbacks++;
	m->ops->log_read(m->host, rb);
}

/**
 * rblk_replica_readbacks_run() - starts the readbacks that are wanted
 * @m: member
 */
void rblk_replica_readbacks_run(struct rblk_node *m)
{
	u32 i;

	for (i = 0; i < m->npeers; i++) {
		if (m->peer[i].rb.busy)
			continue;
		/* Memory for a peer that is not fed any more may be what the apply waits for. */
		if (!rblk_replica_leads(m))
			drop_readback(m, &m->peer[i]);
		else if (m->peer[i].readback_wanted)
			start_readback(m, &m->peer[i]);
	}
	if (m->apply_rb.readback_wanted && !m->apply_rb.rb.busy)
		start_readback(m, &m->apply_rb);
}

/**
 * rblk_replica_readback_forget() - a peer is gone: nothing is read back for it
 * @m: member
 * @p: the peer
 *
 * Memory kept for its return may be what the apply waits for meanwhile.
 */
void rblk_replica_readback_forget(struct rblk_node *m, struct rblk_node_peer *p)
{
	p->readback_wanted = false;
	if (p->rb.busy)
		p->readback_stale = true;
	else
		drop_readback(m, p);
}

static void invalidate(struct rblk_node *m, struct rblk_node_peer *p, u64 below, u64 above)
{
	u64 last = p->rb.first + p->rb.n - 1;

	if (p->readback_wanted && (p->readback_first < below || p->readback_last >= above))
		p->readback_wanted = false;
	if (!p->rb.n || (p->rb.first >= below && last < above))
		return;
	if (p->rb.busy)
		p->readback_stale = true;
	else
		drop_readback(m, p);
}

/**
 * rblk_replica_readbacks_drop() - entries left the log: what was read of them is void
 * @m: member
 * @below: entries below this were trimmed
 * @above: entries from this on were truncated
 */
void rblk_replica_readbacks_drop(struct rblk_node *m, u64 below, u64 above)
{
	u32 i;

	for (i = 0; i < m->npeers; i++)
		invalidate(m, &m->peer[i], below, above);
	invalidate(m, &m->apply_rb, below, above);
}

/* Is what was read what the table says? */
static bool readback_good(struct rblk_node *m, struct rblk_node_readback *rb)
{
	u32 i;

	for (i = 0; i < rb->n; i++) {
		struct rblk_ent *ent = rblk_replica_ent(m, rb->first + i);

		if (!rb->buf[i])
			continue;
		m->ops->buf_sum(m->host, rb->buf[i], rb->buf[i]->crc);
		if (rblk_entry_csum(&ent->e, rb->buf[i]->crc) != ent->e.csum)
			return false;
	}
	return true;
}

static void apply_readback_done(struct rblk_node *m)
{
	struct rblk_node_readback *rb = &m->apply_rb.rb;
	u32 i;

	for (i = 0; i < rb->n; i++) {
		struct rblk_ent *ent = rblk_replica_ent(m, rb->first + i);

		if (!rb->buf[i])
			continue;
		ent->buf = rb->buf[i];	/* the reference moves */
		rb->buf[i] = NULL;
	}
	rb->n = 0;
}

/**
 * rblk_node_readback_done() - the host has read payloads from the log
 * @m: member
 * @rb: as given to member_ops.log_read()
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_readback_done(struct rblk_node *m, struct rblk_node_readback *rb, int error, u64 now)
{
	struct rblk_node_peer *p = container_of(rb, struct rblk_node_peer, rb);

	m->now = now;
	rb->busy = 0;
	if (p->readback_stale || m->halt != NODE_RUNNING) {
		drop_readback(m, p);
		tell_sendable(m, p);
		return;
	}
	if (error || !readback_good(m, rb)) {
		drop_readback(m, p);
		rblk_node_halt(m, error ? NODE_HALT_LOG : NODE_HALT_ROT, error ? error : -EBADMSG);
		return;
	}
	if (p == &m->apply_rb) {
		apply_readback_done(m);
		return;
	}
	p->readback_ready = true;
	tell_sendable(m, p);
}
