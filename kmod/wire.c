// SPDX-License-Identifier: GPL-2.0
/*
 * Frames between members, see wire.h. All little-endian, without padding:
 *
 *	header (32)  head (head_len)  payload (payload_blocks * 4 KiB)
 *
 * The head of a RAFT frame is the message, a descriptor an entry, then the sums
 * of all payload blocks. An entry's index and term are not sent: they follow
 * from the span, and the entry's identity sum, which covers them, proves it.
 */
#include "wire.h"

#define WIRE_MAGIC	0x6b6c6272u	/* "rblk" */

struct frame_header {
	__le32 magic;
	u8 version;
	u8 type;
	__le16 flags;		/* 0; a bit that is not known makes the frame unreadable */
	__le32 head_len;
	__le32 payload_blocks;
	__le64 term;
	__le32 head_crc;
	__le32 crc;		/* of the header up to here */
} __packed;

static_assert(sizeof(struct frame_header) == WIRE_HEADER_BYTES);
static_assert(offsetof(struct frame_header, term) == 16);
static_assert(offsetof(struct frame_header, crc) == 28);

struct frame_hello {
	__le16 version_min, version_max;
	u8 channel;
	u8 bootstrapped;
	u8 client;
	u8 zero;
	__le64 features;
	u8 volume[LOG_UUID_LEN];
	__le64 nonce;
	__le64 store;
	__le64 generation;
	__le64 match;
	__le64 match_term;
	__le64 data_sectors;
	__le64 ring_bytes;
	__le64 entries;
	char name[LOG_NAME_MAX];
	char node[LOG_NAME_MAX];
	char peer[LOG_NAME_MAX];
} __packed;

static_assert(offsetof(struct frame_hello, volume) == 16);
static_assert(offsetof(struct frame_hello, ring_bytes) == 80);
static_assert(offsetof(struct frame_hello, name) == 96);
static_assert(sizeof(struct frame_hello) == 192);

struct frame_reject {
	u8 reason;
	u8 zero[7];
} __packed;

static_assert(sizeof(struct frame_reject) == 8);

struct frame_raft {
	u8 type;
	u8 reject;
	u8 force;
	u8 zero;
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
	__le64 beat;
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
	__le64 beat;
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
	__le64 reserved[4];
} __packed;

static_assert(sizeof(struct frame_data) == 56);

/* With one entry of one block; an empty raft message is as long as that. */
#define LEAST_PAYLOAD(frame) \
	(sizeof(frame) + sizeof(struct frame_entry) + sizeof(struct frame_sum))
static_assert(LEAST_PAYLOAD(struct frame_submit) >= WIRE_HEAD_PAYLOAD);
static_assert(LEAST_PAYLOAD(struct frame_data) >= WIRE_HEAD_PAYLOAD);
static_assert(sizeof(struct frame_raft) >= WIRE_HEAD_PAYLOAD);

/**
 * wire_reason_text() - what a REJECT means, for people
 * @reason: enum wire_reason, or anything
 *
 * Return: a phrase, never NULL.
 */
const char *wire_reason_text(u8 reason)
{
	static const char *const text[WIRE_R_NR] = {
		[WIRE_R_VERSION] = "no common protocol version or features",
		[WIRE_R_VOLUME] = "another volume",
		[WIRE_R_CLUSTER] = "bootstrapped apart: another cluster",
		[WIRE_R_NODE] = "not the expected node",
		[WIRE_R_STORE] = "store is not a member",
		[WIRE_R_ROLLBACK] = "store is older than it was seen to be",
		[WIRE_R_DUPLICATE] = "store is already connected",
		[WIRE_R_SIZES] = "log rings or entry tables of different sizes",
	};

	return reason < WIRE_R_NR && text[reason] ? text[reason] : "unknown reason";
}

static void *head_of(void *buf)
{
	return (u8 *)buf + WIRE_HEADER_BYTES;
}

/* Writes the header in front of a finished head. */
static u32 finish(void *buf, u8 type, u32 head_len, u32 payload_blocks, u64 term)
{
	struct frame_header *f = buf;

	f->magic = cpu_to_le32(WIRE_MAGIC);
	f->version = WIRE_VERSION;
	f->type = type;
	f->flags = 0;
	f->head_len = cpu_to_le32(head_len);
	f->payload_blocks = cpu_to_le32(payload_blocks);
	f->term = cpu_to_le64(term);
	f->head_crc = cpu_to_le32(rb_crc32c(0, head_of(buf), head_len));
	f->crc = cpu_to_le32(rb_crc32c(0, f, offsetof(struct frame_header, crc)));
	return WIRE_HEADER_BYTES + head_len;
}

static u32 most_blocks(u8 type)
{
	return type == WIRE_RAFT || type == WIRE_SUBMIT || type == WIRE_DATA ? WIRE_BLOCKS_MAX : 0;
}

/**
 * wire_decode_header() - reads a frame's header
 * @h: result; untouched unless 0 is returned
 * @buf: WIRE_HEADER_BYTES as received
 *
 * The sum comes before the version, so it must stay where it is in all versions.
 *
 * Return: 0; -EBADMSG: not a header (magic or sum); -EPROTONOSUPPORT: version
 * or flags that are not known; -EINVAL: unknown type, or lengths out of bounds.
 */
int wire_decode_header(struct wire_header *h, const void *buf)
{
	const struct frame_header *f = buf;
	u32 head_len = le32_to_cpu(f->head_len);
	u32 blocks = le32_to_cpu(f->payload_blocks);

	if (f->magic != cpu_to_le32(WIRE_MAGIC) ||
	    le32_to_cpu(f->crc) != rb_crc32c(0, f, offsetof(struct frame_header, crc)))
		return -EBADMSG;
	if (f->version != WIRE_VERSION || f->flags)
		return -EPROTONOSUPPORT;
	if (!f->type || f->type >= WIRE_TYPE_NR)
		return -EINVAL;
	if (!head_len || head_len > WIRE_HEAD_MAX)
		return -EINVAL;
	if (blocks > most_blocks(f->type) || (blocks && head_len < WIRE_HEAD_PAYLOAD))
		return -EINVAL;

	h->type = f->type;
	h->head_len = head_len;
	h->payload_blocks = blocks;
	h->head_crc = le32_to_cpu(f->head_crc);
	h->term = le64_to_cpu(f->term);
	return 0;
}

/**
 * wire_check_head() - is the head what the header was sent with?
 * @h: its header
 * @head: @h->head_len bytes
 *
 * Return: 0 or -EBADMSG.
 */
int wire_check_head(const struct wire_header *h, const void *head)
{
	return rb_crc32c(0, head, h->head_len) == h->head_crc ? 0 : -EBADMSG;
}

static void put_name(char *to, const char *name)
{
	u32 i;

	for (i = 0; i < LOG_NAME_MAX - 1 && name[i]; i++)
		to[i] = name[i];
	memset(to + i, 0, LOG_NAME_MAX - i);
}

/* Names end up in kernel messages: visible ASCII, terminated, zero behind. */
static bool get_name(char *to, const char *name)
{
	u32 len = 0, i;

	while (len < LOG_NAME_MAX && name[len] > ' ' && name[len] <= '~')
		len++;
	if (len == LOG_NAME_MAX)
		return false;
	for (i = len; i < LOG_NAME_MAX; i++)
		if (name[i])
			return false;
	memcpy(to, name, LOG_NAME_MAX);
	return true;
}

/**
 * wire_encode_hello() - the first frame of each side
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @hello: what to say
 *
 * Return: bytes to send.
 */
u32 wire_encode_hello(void *buf, const struct wire_hello *hello)
{
	struct frame_hello *f = head_of(buf);

	f->version_min = cpu_to_le16(hello->version_min);
	f->version_max = cpu_to_le16(hello->version_max);
	f->channel = hello->channel;
	f->bootstrapped = hello->bootstrapped;
	f->client = hello->client;
	f->zero = 0;
	f->features = cpu_to_le64(hello->features);
	memcpy(f->volume, hello->volume, LOG_UUID_LEN);
	f->nonce = cpu_to_le64(hello->nonce);
	f->store = cpu_to_le64(hello->store);
	f->generation = cpu_to_le64(hello->generation);
	f->match = cpu_to_le64(hello->match);
	f->match_term = cpu_to_le64(hello->match_term);
	f->data_sectors = cpu_to_le64(hello->data_sectors);
	f->ring_bytes = cpu_to_le64(hello->ring_bytes);
	f->entries = cpu_to_le64(hello->entries);
	put_name(f->name, hello->name);
	put_name(f->node, hello->node);
	put_name(f->peer, hello->peer);
	return finish(buf, WIRE_HELLO, sizeof(*f), 0, 0);
}

/**
 * wire_decode_hello() - reads a checked HELLO
 * @hello: result; unspecified unless 0 is returned
 * @h: its header
 * @head: @h->head_len bytes
 *
 * A longer head is accepted and its end ignored: a later version may say more,
 * and the two must get as far as comparing versions.
 *
 * Return: 0 or -EINVAL.
 */
int wire_decode_hello(struct wire_hello *hello, const struct wire_header *h, const void *head)
{
	const struct frame_hello *f = head;

	if (h->type != WIRE_HELLO || h->head_len < sizeof(*f))
		return -EINVAL;
	hello->version_min = le16_to_cpu(f->version_min);
	hello->version_max = le16_to_cpu(f->version_max);
	hello->channel = f->channel;
	hello->bootstrapped = f->bootstrapped;
	hello->client = f->client;
	hello->features = le64_to_cpu(f->features);
	memcpy(hello->volume, f->volume, LOG_UUID_LEN);
	hello->nonce = le64_to_cpu(f->nonce);
	hello->store = le64_to_cpu(f->store);
	hello->generation = le64_to_cpu(f->generation);
	hello->match = le64_to_cpu(f->match);
	hello->match_term = le64_to_cpu(f->match_term);
	hello->data_sectors = le64_to_cpu(f->data_sectors);
	hello->ring_bytes = le64_to_cpu(f->ring_bytes);
	hello->entries = le64_to_cpu(f->entries);
	if (!hello->version_min || hello->version_min > hello->version_max || f->zero)
		return -EINVAL;
	if (hello->channel >= WIRE_CHANNELS || hello->bootstrapped > 1 || hello->client > 1 ||
	    !hello->store)
		return -EINVAL;
	if (!get_name(hello->name, f->name) || !get_name(hello->node, f->node) || !hello->node[0] || !get_name(hello->peer, f->peer))
		return -EINVAL;
	return 0;
}

/**
 * wire_encode_reject() - refuses a connection
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @r: why
 *
 * Return: bytes to send.
 */
u32 wire_encode_reject(void *buf, const struct wire_reject *r)
{
	struct frame_reject *f = head_of(buf);

	memset(f, 0, sizeof(*f));
	f->reason = r->reason;
	return finish(buf, WIRE_REJECT, sizeof(*f), 0, 0);
}

/**
 * wire_decode_reject() - reads a checked REJECT
 * @r: result; unspecified unless 0 is returned
 * @h: its header
 * @head: @h->head_len bytes
 *
 * A reason that is not known is still a refusal: see wire_reason_text().
 *
 * Return: 0 or -EINVAL.
 */
int wire_decode_reject(struct wire_reject *r, const struct wire_header *h, const void *head)
{
	const struct frame_reject *f = head;

	if (h->type != WIRE_REJECT || h->head_len < sizeof(*f) || !f->reason)
		return -EINVAL;
	r->reason = f->reason;
	return 0;
}

static void put_entry(struct frame_entry *f, const struct rb_entry *e)
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
	f->zero = 0;
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

typedef const struct rb_entry *entry_fn(void *ctx, u32 i, const u32 **crc);

/* Descriptors of @n entries, then the sums. @s: the span that they are, if they are in a log. */
static int put_entries(struct frame_entry *fe, u32 n, const struct raft_span *s, entry_fn *entry,
		       void *ctx, u32 *len, u32 *blocks)
{
	struct frame_sum *sum = (struct frame_sum *)(fe + n);
	u32 i, b;

	*blocks = 0;
	if (RB_ASSERT(n <= WIRE_ENTRIES_MAX))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		const u32 *crc = NULL;
		const struct rb_entry *e = entry(ctx, i, &crc);

		if (RB_ASSERT(!s || (e->index == s->first + i && e->term == s->term)) ||
		    RB_ASSERT(e->nblocks <= WIRE_BLOCKS_MAX - *blocks))
			return -EINVAL;
		put_entry(fe + i, e);
		for (b = 0; b < e->nblocks; b++)
			sum[(*blocks)++].v = cpu_to_le32(crc[b]);
	}
	*len = (u32)((u8 *)(sum + *blocks) - (u8 *)fe);
	return 0;
}

/**
 * wire_encode_raft() - a message, with the descriptors of its entries
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @m: the message
 * @n: entries in its span
 * @entry: returns the @i-th of them and its block sums; must not return NULL
 * @ctx: for @entry
 *
 * Return: bytes to send before the payload blocks; 0 after RB_ASSERT fired
 * (the span is not what @n and @entry say, or too long).
 */
u32 wire_encode_raft(void *buf, const struct raft_msg *m, u32 n,
		     const struct rb_entry *(*entry)(void *ctx, u32 i, const u32 **crc), void *ctx)
{
	struct frame_raft *f = head_of(buf);
	u32 len, blocks;

	put_msg(f, m, n);
	if (put_entries((struct frame_entry *)(f + 1), n, &m->ents, entry, ctx, &len, &blocks))
		return 0;
	return finish(buf, WIRE_RAFT, sizeof(*f) + len, blocks, m->term);
}

static void get_msg(struct raft_msg *m, const struct frame_raft *f)
{
	memset(m, 0, sizeof(*m));
	m->type = f->type;
	m->reject = f->reject;
	m->force = f->force;
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
	if (!m->from || !m->to)
		return false;
	if (!n)		/* a span that was never set is 0..0 */
		return m->ents.first > m->ents.last || !m->ents.last;
	return m->type == RAFT_MSG_APPEND && m->ents.first && m->ents.first <= U64_MAX - n &&
	       m->ents.last == m->ents.first + n - 1 && m->ents.first == m->prev.index + 1 &&
	       m->prev.term <= m->ents.term && m->ents.term <= m->term;
}

static void get_entry(struct rb_entry *e, const struct frame_entry *f)
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
static bool unplaced_ok(struct rb_entry *e)
{
	bool ok;

	e->index = e->term = 1;
	ok = !e->csum && e->kind != RB_E_CONF && e->kind != RB_E_NOOP && !rb_entry_check(e);
	e->index = e->term = 0;
	return ok;
}

static bool placed_ok(struct rb_entry *e, u64 index, u64 term, const u32 *crc)
{
	e->index = index;
	e->term = term;
	return !rb_entry_check(e) && e->csum == rb_entry_csum(e, crc);
}

/*
 * Descriptors of @a->n entries, then the sums; @len bytes are there from @f on.
 * @s: the span that they are, if they are in a log.
 */
static int get_entries(struct wire_append *a, const struct raft_span *s,
		       const struct frame_entry *f, u32 len, u32 blocks)
{
	const struct frame_sum *sum = (const struct frame_sum *)(f + a->n);
	struct rb_entry *e;
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
		if (e->kind == RB_E_CONF && a->n != 1)
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
	if (n > WIRE_ENTRIES_MAX || f->zero)
		return -EINVAL;
	get_msg(m, f);
	if (m->term != h->term || !msg_ok(m, n))
		return -EINVAL;
	a->n = n;
	return get_entries(a, &m->ents, (const struct frame_entry *)(f + 1),
			   h->head_len - (u32)sizeof(*f), h->payload_blocks);
}

/**
 * wire_encode_submit() - a beat of a client, with entries of its session
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @s: what it says
 * @n: entries
 * @entry: returns the @i-th of them and its block sums; must not return NULL
 * @ctx: for @entry
 *
 * Return: bytes to send before the payload blocks; 0 after RB_ASSERT fired.
 */
u32 wire_encode_submit(void *buf, const struct wire_submit *s, u32 n,
		       const struct rb_entry *(*entry)(void *ctx, u32 i, const u32 **crc), void *ctx)
{
	struct frame_submit *f = head_of(buf);
	u32 len, blocks;

	f->from = cpu_to_le64(s->from);
	f->term = cpu_to_le64(s->term);
	f->beat = cpu_to_le64(s->beat);
	f->n = cpu_to_le32(n);
	f->in_use = s->in_use;
	f->force = s->force;
	f->zero = 0;
	memset(f->reserved, 0, sizeof(f->reserved));
	if (put_entries((struct frame_entry *)(f + 1), n, NULL, entry, ctx, &len, &blocks))
		return 0;
	return finish(buf, WIRE_SUBMIT, sizeof(*f) + len, blocks, s->term);
}

static int decode_submit(struct wire_submit *s, struct wire_append *a, const struct wire_header *h,
			 const void *head)
{
	const struct frame_submit *f = head;

	if (h->head_len < sizeof(*f))
		return -EINVAL;
	s->from = le64_to_cpu(f->from);
	s->term = le64_to_cpu(f->term);
	s->beat = le64_to_cpu(f->beat);
	s->in_use = f->in_use;
	s->force = f->force;
	a->n = le32_to_cpu(f->n);
	if (!s->from || s->term != h->term || s->in_use > 1 || s->force > 1 || f->zero ||
	    a->n > WIRE_ENTRIES_MAX)
		return -EINVAL;
	return get_entries(a, NULL, (const struct frame_entry *)(f + 1),
			   h->head_len - (u32)sizeof(*f), h->payload_blocks);
}

/**
 * wire_encode_reply() - what a member answers a client
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @r: the answer
 *
 * Return: bytes to send.
 */
u32 wire_encode_reply(void *buf, const struct wire_reply *r)
{
	struct frame_reply *f = head_of(buf);

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
	f->beat = cpu_to_le64(r->beat);
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
	return finish(buf, WIRE_REPLY, sizeof(*f), 0, r->term);
}

static bool reply_ok(const struct wire_reply *r)
{
	if (!r->to || r->serving > 1 || r->gap > 1 || r->busy > 1 || r->wanted > 1)
		return false;
	if (r->block_size != 512 && r->block_size != 4096)
		return false;
	/* Epochs are indexes of the judged log. */
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
	r->beat = le64_to_cpu(f->beat);
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
 * wire_encode_read() - a client without disks asks for a range
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @r: the range
 *
 * Return: bytes to send.
 */
u32 wire_encode_read(void *buf, const struct wire_read *r)
{
	struct frame_read *f = head_of(buf);

	f->from = cpu_to_le64(r->from);
	f->id = cpu_to_le64(r->id);
	f->sector = cpu_to_le64(r->sector);
	f->nsect = cpu_to_le32(r->nsect);
	f->zero = 0;
	return finish(buf, WIRE_READ, sizeof(*f), 0, 0);
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
	if (!r->from || !r->nsect || r->nsect > RB_WRITE_MAX >> RB_SECTOR_SHIFT ||
	    r->sector > U64_MAX - r->nsect)
		return -EINVAL;
	return 0;
}

static const struct rb_entry *data_entry(void *ctx, u32 i, const u32 **crc)
{
	const void **what = ctx;

	*crc = what[1];
	return what[0];
}

/**
 * wire_encode_data() - the content of a range, or why there is none
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @d: whose, and the error
 * @e: the range as a WRITE entry; NULL: an error
 * @crc: its block sums
 *
 * Return: bytes to send before the payload blocks; 0 after RB_ASSERT fired.
 */
u32 wire_encode_data(void *buf, const struct wire_data *d, const struct rb_entry *e,
		     const u32 *crc)
{
	struct frame_data *f = head_of(buf);
	const void *what[2] = { e, crc };
	u32 len, blocks;

	f->to = cpu_to_le64(d->to);
	f->id = cpu_to_le64(d->id);
	f->error = cpu_to_le32(d->error);
	f->n = cpu_to_le32(!!e);
	memset(f->reserved, 0, sizeof(f->reserved));
	if (put_entries((struct frame_entry *)(f + 1), !!e, NULL, data_entry, what, &len, &blocks))
		return 0;
	return finish(buf, WIRE_DATA, sizeof(*f) + len, blocks, 0);
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
	if (!d->to || a->n > 1 || (d->error ? a->n : !a->n))
		return -EINVAL;
	if (get_entries(a, NULL, (const struct frame_entry *)(f + 1),
			h->head_len - (u32)sizeof(*f), h->payload_blocks))
		return -EINVAL;
	return a->n && a->e[0].kind != RB_E_WRITE ? -EINVAL : 0;
}

/**
 * wire_decode() - reads the checked head of a frame that is neither HELLO nor REJECT
 * @f: result; unspecified unless 0 is returned
 * @h: its header, from wire_decode_header()
 * @head: @h->head_len bytes
 *
 * Return: 0 or -EINVAL, see wire.h.
 */
int wire_decode(struct wire_frame *f, const struct wire_header *h, const void *head)
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
