// SPDX-License-Identifier: GPL-2.0
/*
 * What goes to the peers, and reading back from the log what is no longer in
 * memory: for a peer that lags, and for entries of before the start that still
 * have to be applied.
 */
#include "internal.h"

/* The payload of an entry for @p: from the table, or read back for it. */
static struct rb_buf *payload_for(struct member *m, struct member_peer *p, u64 index)
{
	struct member_ent *ent = member_ent(m, index);

	if (ent->buf)
		return ent->buf;
	if (p->rb_ready && index >= p->rb.first && index < p->rb.first + p->rb.n)
		return p->rb.buf[index - p->rb.first];
	return NULL;
}

static void drop_readback(struct member *m, struct member_peer *p)
{
	u32 i;

	for (i = 0; i < p->rb.n; i++) {
		if (p->rb.buf[i])
			m->ops->buf_put(m->host, p->rb.buf[i]);
		p->rb.buf[i] = NULL;
	}
	p->rb.n = 0;
	p->rb_ready = false;
	p->rb_stale = false;
}

/**
 * member_sendable() - which entries fit into one append to a peer now
 * @ctx: the member
 * @store: the peer
 * @first: first entry to send
 * @last: last entry that raft would send
 *
 * Raft's callback. Wants a readback where payload is missing.
 *
 * Return: the last entry that can go, @first - 1 for none yet.
 */
u64 member_sendable(void *ctx, u64 store, u64 first, u64 last)
{
	struct member *m = ctx;
	struct member_peer *p = member_peer_of(m, store, NULL);
	u32 n = 0, blocks = 0;
	u64 i;

	if (!p || !member_connected(p) || p->tx_blocked || p->lost)
		return first - 1;
	for (i = first; i <= last && n < WIRE_ENTRIES_MAX; i++, n++) {
		struct member_ent *ent = member_ent(m, i);

		if (RB_ASSERT(ent))
			break;
		if (ent->e.kind == RB_E_CONF && n)
			break;
		if (blocks + ent->e.nblocks > WIRE_BLOCKS_MAX)
			break;
		if (ent->e.nblocks && !payload_for(m, p, i)) {
			if (!n && !p->rb.busy) {
				p->rb_wanted = true;
				p->rb_first = first;
				p->rb_last = last;
			}
			break;
		}
		blocks += ent->e.nblocks;
		if (ent->e.kind == RB_E_CONF)
			return i;
	}
	return i - 1;
}

struct frame {
	struct member *m;
	struct member_peer *p;
	u64 first;
	u32 nbufs;
};

static const struct rb_entry *frame_entry(void *ctx, u32 i, const u32 **crc)
{
	struct frame *f = ctx;
	struct member_ent *ent = member_ent(f->m, f->first + i);
	struct rb_buf *buf = ent->e.nblocks ? payload_for(f->m, f->p, ent->e.index) : NULL;

	*crc = buf ? buf->crc : NULL;
	if (buf)
		f->m->bufs[f->nbufs++] = buf;
	return &ent->e;
}

/**
 * member_send() - encodes a message of raft and hands it to the host
 * @m: member
 * @msg: the message
 *
 * A message that cannot go is dropped, and raft told later (never from within
 * the step that made it) that what was in flight to the peer may be lost.
 */
void member_send(struct member *m, const struct raft_msg *msg)
{
	u32 slot, len, n = 0;
	struct member_peer *p = member_peer_of(m, msg->to, &slot);
	struct frame f = { .m = m, .p = p, .first = msg->ents.first };
	enum wire_channel ch = WIRE_CONSENSUS;
	void *buf;

	if (!p || !member_connected(p))
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
	len = wire_encode_raft(buf, msg, n, frame_entry, &f);
	member_trace(m, MEMBER_T_SEND, n ? msg->ents.last : 0, msg->type | (u64)slot << 8);
	m->ops->tx_end(m->host, slot, ch, len, m->bufs, f.nbufs);
	if (n && p->rb_ready && msg->ents.last >= p->rb.first + p->rb.n - 1)
		drop_readback(m, p);
}

static void tell_sendable(struct member *m, struct member_peer *p)
{
	if (p != &m->apply_rb && member_connected(p))
		member_step_store(m, RAFT_EV_REACHABLE, p->store);
}

/*
 * No memory: member_run() comes back. Trimmed or truncated meanwhile: raft knows.
 * In memory after all (read back for the apply): raft can go on.
 */
static void nothing_to_read(struct member *m, struct member_peer *p)
{
	const struct member_ent *ent = member_ent(m, p->rb_first);

	if (ent && ent->buf)
		tell_sendable(m, p);
	else
		p->rb_wanted = !!ent;
}

/* Collects what is to be read for @p, as far as the budgets go. */
static void start_readback(struct member *m, struct member_peer *p)
{
	struct member_readback *rb = &p->rb;
	u32 blocks = 0;
	u64 i;

	drop_readback(m, p);
	p->rb_wanted = false;
	for (i = p->rb_first; i <= p->rb_last && rb->n < MEMBER_READBACK_ENTRIES; i++) {
		struct member_ent *ent = member_ent(m, i);

		if (!ent || ent->buf || i >= m->log_next ||
		    i > m->rst.durable || blocks + ent->e.nblocks > MEMBER_READBACK_BLOCKS)
			break;
		rb->buf[rb->n] = NULL;
		rb->pos[rb->n] = ent->pos;
		if (ent->e.nblocks) {
			rb->buf[rb->n] = m->ops->buf_alloc(m->host, ent->e.nblocks);
			if (!rb->buf[rb->n]) {
				m->rb_starved |= !rb->n;
				break;
			}
		}
		blocks += ent->e.nblocks;
		rb->n++;
	}
	rb->first = p->rb_first;
	if (!rb->n) {
		nothing_to_read(m, p);
		return;
	}
	rb->busy = 1;
	m->readbacks++;
	m->ops->log_read(m->host, rb);
}

/**
 * member_readbacks_run() - starts the readbacks that are wanted
 * @m: member
 */
void member_readbacks_run(struct member *m)
{
	u32 i;

	for (i = 0; i < m->npeers; i++) {
		if (m->peer[i].rb.busy)
			continue;
		/* Memory for a peer that is not fed any more may be what the apply waits for. */
		if (!member_leads(m))
			drop_readback(m, &m->peer[i]);
		else if (m->peer[i].rb_wanted)
			start_readback(m, &m->peer[i]);
	}
	if (m->apply_rb.rb_wanted && !m->apply_rb.rb.busy)
		start_readback(m, &m->apply_rb);
}

/**
 * member_readback_forget() - a peer is gone: nothing is read back for it
 * @m: member
 * @p: the peer
 *
 * Memory kept for its return may be what the apply waits for meanwhile.
 */
void member_readback_forget(struct member *m, struct member_peer *p)
{
	p->rb_wanted = false;
	if (p->rb.busy)
		p->rb_stale = true;
	else
		drop_readback(m, p);
}

static void invalidate(struct member *m, struct member_peer *p, u64 below, u64 above)
{
	u64 last = p->rb.first + p->rb.n - 1;

	if (p->rb_wanted && (p->rb_first < below || p->rb_last >= above))
		p->rb_wanted = false;
	if (!p->rb.n || (p->rb.first >= below && last < above))
		return;
	if (p->rb.busy)
		p->rb_stale = true;
	else
		drop_readback(m, p);
}

/**
 * member_readbacks_drop() - entries left the log: what was read of them is void
 * @m: member
 * @below: entries below this were trimmed
 * @above: entries from this on were truncated
 */
void member_readbacks_drop(struct member *m, u64 below, u64 above)
{
	u32 i;

	for (i = 0; i < m->npeers; i++)
		invalidate(m, &m->peer[i], below, above);
	invalidate(m, &m->apply_rb, below, above);
}

/* Is what was read what the table says? */
static bool readback_good(struct member *m, struct member_readback *rb)
{
	u32 i;

	for (i = 0; i < rb->n; i++) {
		struct member_ent *ent = member_ent(m, rb->first + i);

		if (!rb->buf[i])
			continue;
		m->ops->buf_sum(m->host, rb->buf[i], rb->buf[i]->crc);
		if (rb_entry_csum(&ent->e, rb->buf[i]->crc) != ent->e.csum)
			return false;
	}
	return true;
}

static void apply_readback_done(struct member *m)
{
	struct member_readback *rb = &m->apply_rb.rb;
	u32 i;

	for (i = 0; i < rb->n; i++) {
		struct member_ent *ent = member_ent(m, rb->first + i);

		if (!rb->buf[i])
			continue;
		ent->buf = rb->buf[i];	/* the reference moves */
		rb->buf[i] = NULL;
	}
	rb->n = 0;
}

/**
 * member_readback_done() - the host has read payloads from the log
 * @m: member
 * @rb: as given to member_ops.log_read()
 * @error: 0 or -errno
 * @now: ns
 */
void member_readback_done(struct member *m, struct member_readback *rb, int error, u64 now)
{
	struct member_peer *p = container_of(rb, struct member_peer, rb);

	m->now = now;
	rb->busy = 0;
	if (p->rb_stale || m->halt != MEMBER_RUNNING) {
		drop_readback(m, p);
		tell_sendable(m, p);
		return;
	}
	if (error || !readback_good(m, rb)) {
		drop_readback(m, p);
		member_halt(m, error ? MEMBER_HALT_LOG : MEMBER_HALT_ROT, error ? error : -EBADMSG);
		return;
	}
	if (p == &m->apply_rb) {
		apply_readback_done(m);
		return;
	}
	p->rb_ready = true;
	tell_sendable(m, p);
}
