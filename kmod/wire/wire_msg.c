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

struct frame_raft {
	u8 type;
	u8 reject;
	u8 force;
	u8 resync;
	__le32 n;		/* entries */
	__le64 from;
	__le64 to;
	__le64 term;
	__le64 prev_term;
	__le64 prev_index;
	__le64 run_first;
	__le64 reject_index;
	__le64 first;
	__le64 last;
	__le64 ents_term;
	__le64 commit;
	__le64 read_seq;
} __packed;

static_assert(offsetof(struct frame_raft, prev_term) == 32);
static_assert(offsetof(struct frame_raft, first) == 64);
static_assert(sizeof(struct frame_raft) == 104);

struct frame_entry {
	__le64 sector;
	__le64 store;
	__le64 epoch;
	__le64 seq;
	__le32 nsect;
	__le32 csum;
	__le16 nblocks;
	u8 kind;
	u8 zero;
} __packed;

static_assert(offsetof(struct frame_entry, csum) == 36);
static_assert(sizeof(struct frame_entry) == 44);

struct frame_sum {		/* packed: a head may lie anywhere in a receive buffer */
	__le32 v;
} __packed;

static_assert(sizeof(struct frame_raft) + WIRE_ENTRIES_MAX * sizeof(struct frame_entry) +
	      WIRE_BLOCKS_MAX * sizeof(struct frame_sum) <= WIRE_HEAD_MAX);

struct frame_submit {
	__le64 from;
	__le64 term;
	__le64 keepalive;
	__le32 n;		/* entries */
	u8 in_use;
	u8 force;
	__le16 zero;
	__le64 reserved[3];
} __packed;

static_assert(sizeof(struct frame_submit) == 56);
static_assert(sizeof(struct frame_submit) <= sizeof(struct frame_raft));

struct frame_reply {
	__le64 to;
	__le64 term;
	__le64 leader;
	__le64 index;
	__le64 epoch, nonce, seq;
	__le64 holder, holder_epoch;
	__le64 sectors;
	__le64 cluster;
	__le64 keepalive;
	__le64 next;
	__le32 block_size;
	__le32 flags;
	__le32 election_ms, heartbeat_ms;
	u8 serving;
	u8 gap;
	u8 busy;
	u8 wanted;
	__le32 zero;
} __packed;

static_assert(offsetof(struct frame_reply, block_size) == 104);
static_assert(sizeof(struct frame_reply) == 128);

struct frame_read {
	__le64 from;
	__le64 id;
	__le64 sector;
	__le32 nsect;
	__le32 zero;
} __packed;

static_assert(sizeof(struct frame_read) == 32);

struct frame_data {
	__le64 to;
	__le64 id;
	__le32 error;
	__le32 n;		/* 1: content follows, as an entry */
	__le64 epoch;
	__le64 reserved[3];
} __packed;

static_assert(sizeof(struct frame_data) == 56);

/* With one entry of one block; an empty raft message is as long as that. */
#define LEAST_ENTRY	(sizeof(struct frame_entry) + sizeof(struct frame_sum))
static_assert(sizeof(struct frame_submit) + LEAST_ENTRY >= WIRE_HEAD_PAYLOAD);
static_assert(sizeof(struct frame_data) + LEAST_ENTRY >= WIRE_HEAD_PAYLOAD);
static_assert(sizeof(struct frame_raft) >= WIRE_HEAD_PAYLOAD);

static void put_frame_entry(struct frame_entry *f, const struct rblk_entry *e)
{
	f->sector = cpu_to_le64(e->sector);
	f->store = cpu_to_le64(e->store);
	f->epoch = cpu_to_le64(e->epoch);
	f->seq = cpu_to_le64(e->seq);
	f->nsect = cpu_to_le32(e->nsect);
	f->csum = cpu_to_le32(e->csum);
	f->nblocks = cpu_to_le16(e->nblocks);
	f->kind = e->kind;
	f->zero = 0;
}

static void put_msg(struct frame_raft *f, const struct raft_msg *m, u32 n)
{
	f->type = m->type;
	f->reject = m->reject;
	f->force = m->force;
	f->resync = m->resync;
	f->n = cpu_to_le32(n);
	f->from = cpu_to_le64(m->from);
	f->to = cpu_to_le64(m->to);
	f->term = cpu_to_le64(m->term);
	f->prev_term = cpu_to_le64(m->prev.term);
	f->prev_index = cpu_to_le64(m->prev.index);
	f->run_first = cpu_to_le64(m->run_first);
	f->reject_index = cpu_to_le64(m->reject_index);
	f->first = cpu_to_le64(m->ents.first);
	f->last = cpu_to_le64(m->ents.last);
	f->ents_term = cpu_to_le64(m->ents.term);
	f->commit = cpu_to_le64(m->commit);
	f->read_seq = cpu_to_le64(m->read_seq);
}

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
		put_frame_entry(fe + i, e);
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

	put_msg(f, m, n);
	if (put_entries((struct frame_entry *)(f + 1), n, &m->ents, entry, ctx, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_RAFT, sizeof(*f) + len, blocks, m->term);
}

static void get_msg(struct raft_msg *m, const struct frame_raft *f)
{
	memset(m, 0, sizeof(*m));
	m->type = f->type;
	m->reject = f->reject;
	m->force = f->force;
	m->resync = f->resync;
	m->from = le64_to_cpu(f->from);
	m->to = le64_to_cpu(f->to);
	m->term = le64_to_cpu(f->term);
	m->prev.term = le64_to_cpu(f->prev_term);
	m->prev.index = le64_to_cpu(f->prev_index);
	m->run_first = le64_to_cpu(f->run_first);
	m->reject_index = le64_to_cpu(f->reject_index);
	m->ents.first = le64_to_cpu(f->first);
	m->ents.last = le64_to_cpu(f->last);
	m->ents.term = le64_to_cpu(f->ents_term);
	m->commit = le64_to_cpu(f->commit);
	m->read_seq = le64_to_cpu(f->read_seq);
}

static bool msg_ok(const struct raft_msg *m, u32 n)
{
	if (!m->type || m->type >= RAFT_MSG_NR || m->reject > 1 || m->force > 1)
		return false;
	if (m->resync > 1)
		return false;
	if (!m->from || !m->to)
		return false;
	if (!n)		/* a span that was never set is 0..0 */
		return m->ents.first > m->ents.last || !m->ents.last;
	return m->type == RAFT_MSG_APPEND && m->ents.first && m->ents.first <= U64_MAX - n &&
	       m->ents.last == m->ents.first + n - 1 && m->ents.first == m->prev.index + 1 &&
	       m->prev.term <= m->ents.term && m->ents.term <= m->term;
}

static void get_entry(struct rblk_entry *e, const struct frame_entry *f)
{
	e->kind = f->kind;
	e->nblocks = le16_to_cpu(f->nblocks);
	e->sector = le64_to_cpu(f->sector);
	e->nsect = le32_to_cpu(f->nsect);
	e->csum = le32_to_cpu(f->csum);
	e->store = le64_to_cpu(f->store);
	e->epoch = le64_to_cpu(f->epoch);
	e->seq = le64_to_cpu(f->seq);
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
		get_entry(e, &f[i]);
		if (f[i].zero || e->nblocks > blocks - a->nblocks)
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
	u32 n;

	if (h->head_len < sizeof(*f))
		return -EINVAL;
	n = le32_to_cpu(f->n);
	if (n > WIRE_ENTRIES_MAX)
		return -EINVAL;
	get_msg(m, f);
	if (m->term != h->term || !msg_ok(m, n))
		return -EINVAL;
	a->n = n;
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

	f->from = cpu_to_le64(s->from);
	f->term = cpu_to_le64(s->term);
	f->keepalive = cpu_to_le64(s->keepalive);
	f->n = cpu_to_le32(n);
	f->in_use = s->in_use;
	f->force = s->force;
	f->zero = 0;
	memset(f->reserved, 0, sizeof(f->reserved));
	if (put_entries((struct frame_entry *)(f + 1), n, NULL, entry, ctx, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_SUBMIT, sizeof(*f) + len, blocks, s->term);
}

static int decode_submit(struct wire_submit *s, struct wire_append *a, const struct wire_header *h,
			 const void *head)
{
	const struct frame_submit *f = head;

	if (h->head_len < sizeof(*f))
		return -EINVAL;
	s->from = le64_to_cpu(f->from);
	s->term = le64_to_cpu(f->term);
	s->keepalive = le64_to_cpu(f->keepalive);
	s->in_use = f->in_use;
	s->force = f->force;
	a->n = le32_to_cpu(f->n);
	if (f->reserved[0] | f->reserved[1] | f->reserved[2])
		return -EINVAL;
	if (!s->from || s->term != h->term || s->in_use > 1 || s->force > 1 || f->zero ||
	    a->n > WIRE_ENTRIES_MAX)
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

	f->to = cpu_to_le64(r->to);
	f->term = cpu_to_le64(r->term);
	f->leader = cpu_to_le64(r->leader);
	f->index = cpu_to_le64(r->index);
	f->epoch = cpu_to_le64(r->epoch);
	f->nonce = cpu_to_le64(r->nonce);
	f->seq = cpu_to_le64(r->seq);
	f->holder = cpu_to_le64(r->holder);
	f->holder_epoch = cpu_to_le64(r->holder_epoch);
	f->sectors = cpu_to_le64(r->sectors);
	f->cluster = cpu_to_le64(r->cluster);
	f->keepalive = cpu_to_le64(r->keepalive);
	f->next = cpu_to_le64(r->next);
	f->block_size = cpu_to_le32(r->block_size);
	f->flags = cpu_to_le32(r->flags);
	f->election_ms = cpu_to_le32(r->election_ms);
	f->heartbeat_ms = cpu_to_le32(r->heartbeat_ms);
	f->serving = r->serving;
	f->gap = r->gap;
	f->busy = r->busy;
	f->wanted = r->wanted;
	f->zero = 0;
	return rblk_wire_finish(buf, WIRE_REPLY, sizeof(*f), 0, r->term);
}

static bool reply_ok(const struct wire_reply *r)
{
	if (!r->to || r->serving > 1 || r->gap > 1 || r->busy > 1 || r->wanted > 1)
		return false;
	if (r->block_size != 512 && r->block_size != 4096)
		return false;
	/* Epochs are indexes of the executed log. */
	return r->epoch <= r->index && r->holder_epoch <= r->index &&
	       !r->holder == !r->holder_epoch && r->next > r->seq;
}

static int decode_reply(struct wire_reply *r, const struct wire_header *h, const void *head)
{
	const struct frame_reply *f = head;

	if (h->head_len != sizeof(*f) || f->zero)
		return -EINVAL;
	r->to = le64_to_cpu(f->to);
	r->term = le64_to_cpu(f->term);
	r->leader = le64_to_cpu(f->leader);
	r->index = le64_to_cpu(f->index);
	r->epoch = le64_to_cpu(f->epoch);
	r->nonce = le64_to_cpu(f->nonce);
	r->seq = le64_to_cpu(f->seq);
	r->holder = le64_to_cpu(f->holder);
	r->holder_epoch = le64_to_cpu(f->holder_epoch);
	r->sectors = le64_to_cpu(f->sectors);
	r->cluster = le64_to_cpu(f->cluster);
	r->keepalive = le64_to_cpu(f->keepalive);
	r->next = le64_to_cpu(f->next);
	r->block_size = le32_to_cpu(f->block_size);
	r->flags = le32_to_cpu(f->flags);
	r->election_ms = le32_to_cpu(f->election_ms);
	r->heartbeat_ms = le32_to_cpu(f->heartbeat_ms);
	r->serving = f->serving;
	r->gap = f->gap;
	r->busy = f->busy;
	r->wanted = f->wanted;
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

	f->from = cpu_to_le64(r->from);
	f->id = cpu_to_le64(r->id);
	f->sector = cpu_to_le64(r->sector);
	f->nsect = cpu_to_le32(r->nsect);
	f->zero = 0;
	return rblk_wire_finish(buf, WIRE_READ, sizeof(*f), 0, 0);
}

static int decode_read(struct wire_read *r, const struct wire_header *h, const void *head)
{
	const struct frame_read *f = head;

	if (h->head_len != sizeof(*f) || f->zero)
		return -EINVAL;
	r->from = le64_to_cpu(f->from);
	r->id = le64_to_cpu(f->id);
	r->sector = le64_to_cpu(f->sector);
	r->nsect = le32_to_cpu(f->nsect);
	if (!r->from || !r->nsect || r->nsect > RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT ||
	    r->sector > U64_MAX - r->nsect)
		return -EINVAL;
	return 0;
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

	f->to = cpu_to_le64(d->to);
	f->id = cpu_to_le64(d->id);
	f->error = cpu_to_le32(d->error);
	f->n = cpu_to_le32(!!e);
	f->epoch = cpu_to_le64(d->epoch);
	memset(f->reserved, 0, sizeof(f->reserved));
	if (put_entries((struct frame_entry *)(f + 1), !!e, NULL, data_entry, what, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_DATA, sizeof(*f) + len, blocks, 0);
}

static int decode_data(struct wire_data *d, struct wire_append *a, const struct wire_header *h,
		       const void *head)
{
	const struct frame_data *f = head;

	if (h->head_len < sizeof(*f))
		return -EINVAL;
	d->to = le64_to_cpu(f->to);
	d->id = le64_to_cpu(f->id);
	d->error = le32_to_cpu(f->error);
	a->n = le32_to_cpu(f->n);
	d->epoch = le64_to_cpu(f->epoch);
	if (f->reserved[0] | f->reserved[1] | f->reserved[2])
		return -EINVAL;
	if (!d->to || d->error > 4095 || a->n > 1 || (d->error ? a->n : !a->n))
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
