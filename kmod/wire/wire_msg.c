// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between members, and between clients and members.
 *
 * Some have entries: a descriptor of each follows the message, and then the checksums of
 * all blocks of payload. Index and term of the entries of a RAFT message are not sent.
 * They follow from its span, and the checksum of the entry, which covers them, proves it.
 * Entries of a SUBMIT or DATA are in no log and have no checksum.
 */
#include "wire_frame.h"

/*
 * Writes descriptors and checksums. @s is the span of the entries if they are in a log.
 * An encoder has no alarm to raise: it makes no frame, and its caller does.
 */
static int put_entries(struct frame_entry *fe, u32 n, const struct raft_span *s,
		       rblk_wire_entry_fn *entry, void *ctx, u32 *len, u32 *blocks)
{
	struct frame_sum *sum = (struct frame_sum *)(fe + n);
	u32 i, b;

	*blocks = 0;
	if (RBLK_ASSERT(NULL, n <= WIRE_ENTRIES_MAX))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		const u32 *crc = NULL;
		const struct rblk_entry *e = entry(ctx, i, &crc);

		if (RBLK_ASSERT(NULL, !s || (e->index == s->first + i && e->term == s->term)) ||
		    RBLK_ASSERT(NULL, e->nblocks <= WIRE_BLOCKS_MAX - *blocks))
			return -EINVAL;
		frame_entry_put(fe + i, e);
		for (b = 0; b < e->nblocks; b++)
			sum[(*blocks)++].v = cpu_to_le32(crc[b]);
	}
	*len = (u32)((u8 *)(sum + *blocks) - (u8 *)fe);
	return 0;
}

/**
 * rblk_wire_encode_raft() - makes the frame of a message of Raft
 * @buf: filled
 * @m: message
 * @n: entries in its span; the caller has cut it to WIRE_ENTRIES_MAX and WIRE_BLOCKS_MAX
 * @entry: returns one of them
 * @ctx: for @entry
 *
 * Return: bytes to send before the payload; 0 after RBLK_ASSERT fired, as the span is
 * too long, or not what @n and @entry say.
 */
u32 rblk_wire_encode_raft(void *buf, const struct raft_msg *m, u32 n, rblk_wire_entry_fn *entry,
			  void *ctx)
{
	struct frame_raft *f = rblk_wire_head(buf);
	u32 len, blocks;

	frame_raft_put(f, m);
	f->n = cpu_to_le16(n);
	if (put_entries((struct frame_entry *)(f + 1), n, &m->ents, entry, ctx, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_RAFT, sizeof(*f) + len, blocks, m->term);
}

/* Is the span what it has to be with @n entries? */
static bool span_ok(const struct raft_msg *m, u32 n)
{
	if (!n)		/* an empty span; one that was never set is 0..0 */
		return m->ents.first > m->ents.last || !m->ents.last;
	return m->type == RAFT_MSG_APPEND && m->ents.first <= U64_MAX - n &&
	       m->ents.last == m->ents.first + n - 1 && m->ents.first == m->prev.index + 1 &&
	       m->prev.term <= m->ents.term && m->ents.term <= m->term;
}

/* Without a log there is no checksum of the entry; that of the head covers it. */
static bool unplaced_ok(struct rblk_entry *e)
{
	bool ok;

	e->index = 1;
	e->term = 1;
	ok = !e->csum && e->kind != RBLK_E_CONF && e->kind != RBLK_E_NOOP && !rblk_entry_check(e);
	ok &= e->kind != RBLK_E_VERIFY;
	e->index = 0;
	e->term = 0;
	return ok;
}

static bool placed_ok(struct rblk_entry *e, u64 index, u64 term, const u32 *crc)
{
	e->index = index;
	e->term = term;
	return !rblk_entry_check(e) && e->csum == rblk_entry_csum(e, crc);
}

/*
 * Reads the descriptors of @a->n entries and the checksums behind them, which have to
 * take exactly the @len bytes from @f on. @s is the span of the entries if they are in a
 * log. A configuration entry has to be alone.
 */
static int get_entries(struct wire_append *a, const struct raft_span *s,
		       const struct frame_entry *f, u32 len, u32 blocks)
{
	const struct frame_sum *sum = (const struct frame_sum *)(f + a->n);
	struct rblk_entry *e;
	u32 i;

	if (len != a->n * sizeof(*f) + blocks * sizeof(*sum))
		return -EINVAL;
	for (i = 0; i < blocks; i++)
		a->crc[i] = le32_to_cpu(sum[i].v);
	for (i = 0; i < a->n; i++) {
		e = &a->e[i];
		frame_entry_get(e, &f[i]);
		if (!frame_entry_ok(&f[i]) || e->nblocks > blocks - a->nblocks)
			return -EINVAL;
		if (e->kind == RBLK_E_CONF && a->n != 1)
			return -EINVAL;
		if (s ? !placed_ok(e, s->first + i, s->term, a->crc + a->nblocks) : !unplaced_ok(e))
			return -EINVAL;
		a->nblocks += e->nblocks;
	}
	return a->nblocks == blocks ? 0 : -EINVAL;
}

static int decode_raft(struct raft_msg *m, struct wire_append *a, const struct wire_header *h,
		       const void *head)
{
	const struct frame_raft *f = head;

	if (h->head_len < sizeof(*f) || !frame_raft_ok(f))
		return -EINVAL;
	memset(m, 0, sizeof(*m));
	frame_raft_get(m, f);
	a->n = le16_to_cpu(f->n);
	if (m->term != h->term || !span_ok(m, a->n))
		return -EINVAL;
	return get_entries(a, &m->ents, (const struct frame_entry *)(f + 1),
			   h->head_len - (u32)sizeof(*f), h->payload_blocks);
}

/**
 * rblk_wire_encode_submit() - makes the frame of a client to the leader
 * @buf: filled
 * @s: content
 * @n: entries
 * @entry: returns one of them, whose index and term are of no consequence
 * @ctx: for @entry
 *
 * Return: bytes to send before the payload; 0 after RBLK_ASSERT fired: the entries are
 * too many, or have too many blocks.
 */
u32 rblk_wire_encode_submit(void *buf, const struct wire_submit *s, u32 n,
			    rblk_wire_entry_fn *entry, void *ctx)
{
	struct frame_submit *f = rblk_wire_head(buf);
	u32 len, blocks;

	frame_submit_put(f, s);
	f->n = cpu_to_le32(n);
	if (put_entries((struct frame_entry *)(f + 1), n, NULL, entry, ctx, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_SUBMIT, sizeof(*f) + len, blocks, s->term);
}

static int decode_submit(struct wire_submit *s, struct wire_append *a, const struct wire_header *h,
			 const void *head)
{
	const struct frame_submit *f = head;

	if (h->head_len < sizeof(*f) || !frame_submit_ok(f))
		return -EINVAL;
	frame_submit_get(s, f);
	a->n = le32_to_cpu(f->n);
	if (s->term != h->term)
		return -EINVAL;
	return get_entries(a, NULL, (const struct frame_entry *)(f + 1),
			   h->head_len - (u32)sizeof(*f), h->payload_blocks);
}

/**
 * rblk_wire_encode_reply() - makes the frame of a member to a client
 * @buf: filled
 * @r: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_reply(void *buf, const struct wire_reply *r)
{
	struct frame_reply *f = rblk_wire_head(buf);

	frame_reply_put(f, r);
	return rblk_wire_finish(buf, WIRE_REPLY, sizeof(*f), 0, r->term);
}

static bool reply_ok(const struct wire_reply *r)
{
	if (r->block_size != 512 && r->block_size != 4096)
		return false;
	/* Epochs are indexes of the executed log. */
	return r->epoch <= r->index && r->holder_epoch <= r->index &&
	       !r->holder == !r->holder_epoch && r->next > r->seq;
}

static int decode_reply(struct wire_reply *r, const struct wire_header *h, const void *head)
{
	const struct frame_reply *f = head;

	if (h->head_len != sizeof(*f) || !frame_reply_ok(f))
		return -EINVAL;
	frame_reply_get(r, f);
	return r->term == h->term && reply_ok(r) ? 0 : -EINVAL;
}

/**
 * rblk_wire_encode_read() - makes the frame of a client that reads through the leader
 * @buf: filled
 * @r: range
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_read(void *buf, const struct wire_read *r)
{
	struct frame_read *f = rblk_wire_head(buf);

	frame_read_put(f, r);
	return rblk_wire_finish(buf, WIRE_READ, sizeof(*f), 0, 0);
}

static int decode_read(struct wire_read *r, const struct wire_header *h, const void *head)
{
	const struct frame_read *f = head;

	if (h->head_len != sizeof(*f) || !frame_read_ok(f))
		return -EINVAL;
	frame_read_get(r, f);
	return r->sector <= U64_MAX - r->nsect ? 0 : -EINVAL;
}

static const struct rblk_entry *data_entry(void *ctx, u32 i, const u32 **crc)
{
	const void **what = ctx;

	*crc = what[1];
	return what[0];
}

/* Puts one entry that is in no log, or none, behind a message. */
int rblk_wire_put_entry(void *at, const struct rblk_entry *e, const u32 *crc, u32 *len,
			u32 *blocks)
{
	const void *what[2] = { e, crc };

	return put_entries(at, !!e, NULL, data_entry, what, len, blocks);
}

/* Reads the @a->n entries behind a message, which are in no log. */
int rblk_wire_get_unplaced(struct wire_append *a, const void *at, u32 len, u32 blocks)
{
	return get_entries(a, NULL, at, len, blocks);
}

/**
 * rblk_wire_encode_data() - makes the answer to a READ
 * @buf: filled
 * @d: content
 * @e: kind (WRITE), range and blocks of the payload; NULL if there is an error
 * @crc: checksums of the blocks
 *
 * Return: bytes to send before the payload; 0 after RBLK_ASSERT fired: there are too many
 * blocks.
 */
u32 rblk_wire_encode_data(void *buf, const struct wire_data *d, const struct rblk_entry *e,
			  const u32 *crc)
{
	struct frame_data *f = rblk_wire_head(buf);
	u32 len, blocks;

	frame_data_put(f, d);
	f->n = cpu_to_le32(!!e);
	if (rblk_wire_put_entry(f + 1, e, crc, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_DATA, sizeof(*f) + len, blocks, 0);
}

static int decode_data(struct wire_data *d, struct wire_append *a, const struct wire_header *h,
		       const void *head)
{
	const struct frame_data *f = head;

	if (h->head_len < sizeof(*f) || !frame_data_ok(f))
		return -EINVAL;
	frame_data_get(d, f);
	a->n = le32_to_cpu(f->n);
	if (d->error ? a->n : !a->n)
		return -EINVAL;
	if (get_entries(a, NULL, (const struct frame_entry *)(f + 1),
			h->head_len - (u32)sizeof(*f), h->payload_blocks))
		return -EINVAL;
	return a->n && a->e[0].kind != RBLK_E_WRITE ? -EINVAL : 0;
}

/**
 * rblk_wire_decode() - reads a frame that is neither HELLO nor REJECT
 * @f: result; raft.ents.conf is NULL, and the caller sets it once it has the payload
 * @h: header
 * @head: @h->head_len bytes, checked
 *
 * Return: 0; -EINVAL: something does not fit: a value out of its bounds, an entry that is
 * malformed or has a wrong checksum, a number of blocks that is not that of the header, a
 * span that does not follow prev, or terms that contradict each other.
 */
int rblk_wire_decode(struct wire_frame *f, const struct wire_header *h, const void *head)
{
	f->type = h->type;
	f->append.n = 0;
	f->append.nblocks = 0;
	switch (h->type) {
	case WIRE_RAFT:
		return decode_raft(&f->raft, &f->append, h, head);
	case WIRE_SUBMIT:
		return decode_submit(&f->submit, &f->append, h, head);
	case WIRE_REPLY:
		return decode_reply(&f->reply, h, head);
	case WIRE_READ:
		return decode_read(&f->read, h, head);
	case WIRE_DATA:
		return decode_data(&f->data, &f->append, h, head);
	case WIRE_PULL:
		return rblk_wire_decode_pull(&f->pull, h, head);
	case WIRE_STATE:
		return rblk_wire_decode_state(&f->state, h, head);
	case WIRE_MAP:
		return rblk_wire_decode_map(&f->map, h, head);
	case WIRE_MARK:
		return rblk_wire_decode_mark(&f->mark, h, head);
	case WIRE_SUMS:
		return rblk_wire_decode_sums(&f->sums, h, head);
	case WIRE_ALIVE:
		return rblk_wire_decode_alive(&f->alive, h, head);
	case WIRE_CHUNK:
		return rblk_wire_decode_chunk(&f->chunk, &f->append, h, head);
	default:
		return -EINVAL;
	}
}
