// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between members, and between clients and members: the heads of the
 * frames, see wire.c.
 *
 * The head of a RAFT frame is the message, a descriptor an entry, then the sums
 * of all payload blocks. An entry's index and term are not sent: they follow
 * from the span, and the entry's identity sum, which covers them, proves it.
 * Entries of a SUBMIT or DATA are in no log, and have no identity.
 */
#include "wire_frame.h"

typedef const struct rblk_entry *entry_fn(void *ctx, u32 i, const u32 **crc);

/* Descriptors of @n entries, then the sums. @s: the span that they are, if they are in a log. */
static int put_entries(struct frame_entry *fe, u32 n, const struct raft_span *s, entry_fn *entry,
		       void *ctx, u32 *len, u32 *blocks)
{
	struct frame_sum *sum = (struct frame_sum *)(fe + n);
	u32 i, b;

	*blocks = 0;
	if (RBLK_ASSERT(n <= WIRE_ENTRIES_MAX))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		const u32 *crc = NULL;
		const struct rblk_entry *e = entry(ctx, i, &crc);

		if (RBLK_ASSERT(!s || (e->index == s->first + i && e->term == s->term)) ||
		    RBLK_ASSERT(e->nblocks <= WIRE_BLOCKS_MAX - *blocks))
			return -EINVAL;
		frame_entry_put(fe + i, e);
		for (b = 0; b < e->nblocks; b++)
			sum[(*blocks)++].v = cpu_to_le32(crc[b]);
	}
	*len = (u32)((u8 *)(sum + *blocks) - (u8 *)fe);
	return 0;
}

/**
 * rblk_wire_encode_raft() - a message, with the descriptors of its entries
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @m: the message
 * @n: entries in its span
 * @entry: returns the @i-th of them and its block sums; must not return NULL
 * @ctx: for @entry
 *
 * Return: bytes to send before the payload blocks; 0 after RBLK_ASSERT fired
 * (the span is not what @n and @entry say, or too long).
 */
u32 rblk_wire_encode_raft(void *buf, const struct raft_msg *m, u32 n,
			  const struct rblk_entry *(*entry)(void *ctx, u32 i, const u32 **crc),
			  void *ctx)
{
	struct frame_raft *f = rblk_wire_head(buf);
	u32 len, blocks;

	frame_raft_put(f, m);
	f->n = cpu_to_le32(n);
	if (put_entries((struct frame_entry *)(f + 1), n, &m->ents, entry, ctx, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_RAFT, sizeof(*f) + len, blocks, m->term);
}

/* Is the span empty, or that of an append of @n entries? */
static bool span_ok(const struct raft_msg *m, u32 n)
{
	if (!n)		/* a span that was never set is 0..0 */
		return m->ents.first > m->ents.last || !m->ents.last;
	return m->type == RAFT_MSG_APPEND && m->ents.first && m->ents.first <= U64_MAX - n &&
	       m->ents.last == m->ents.first + n - 1 && m->ents.first == m->prev.index + 1 &&
	       m->prev.term <= m->ents.term && m->ents.term <= m->term;
}

/* An entry of no log yet has no identity; the head's sum covers what there is. */
static bool unplaced_ok(struct rblk_entry *e)
{
	bool ok;

	e->index = 1;
	e->term = 1;
	ok = !e->csum && e->kind != RBLK_E_CONF && e->kind != RBLK_E_NOOP && !rblk_entry_check(e);
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
 * Descriptors of @a->n entries, then the sums; @len bytes are there from @f on.
 * @s: the span that they are, if they are in a log.
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
	a->n = le32_to_cpu(f->n);
	if (m->term != h->term || !span_ok(m, a->n))
		return -EINVAL;
	return get_entries(a, &m->ents, (const struct frame_entry *)(f + 1),
			   h->head_len - (u32)sizeof(*f), h->payload_blocks);
}

/**
 * rblk_wire_encode_submit() - a keepalive of a client, with entries of its session
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @s: what it says
 * @n: entries
 * @entry: returns the @i-th of them and its block sums; must not return NULL
 * @ctx: for @entry
 *
 * Return: bytes to send before the payload blocks; 0 after RBLK_ASSERT fired.
 */
u32 rblk_wire_encode_submit(void *buf, const struct wire_submit *s, u32 n,
			    const struct rblk_entry *(*entry)(void *ctx, u32 i, const u32 **crc),
			    void *ctx)
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
 * rblk_wire_encode_reply() - what a member answers a client
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @r: the answer
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
 * rblk_wire_encode_read() - a node without a replica of use asks for a range
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @r: the range
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

/**
 * rblk_wire_encode_data() - the content of a range, or why there is none
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @d: whose, and the error
 * @e: the range as a WRITE entry; NULL: an error
 * @crc: its block sums
 *
 * Return: bytes to send before the payload blocks; 0 after RBLK_ASSERT fired.
 */
u32 rblk_wire_encode_data(void *buf, const struct wire_data *d, const struct rblk_entry *e,
			  const u32 *crc)
{
	struct frame_data *f = rblk_wire_head(buf);
	const void *what[2] = { e, crc };
	u32 len, blocks;

	frame_data_put(f, d);
	f->n = cpu_to_le32(!!e);
	if (put_entries((struct frame_entry *)(f + 1), !!e, NULL, data_entry, what, &len, &blocks))
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
 * rblk_wire_decode() - reads the checked head of a frame that is neither HELLO nor REJECT
 * @f: result; unspecified unless 0 is returned
 * @h: its header, from rblk_wire_decode_header()
 * @head: @h->head_len bytes
 *
 * Return: 0 or -EINVAL, see wire.h.
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
	default:
		return -EINVAL;
	}
}
