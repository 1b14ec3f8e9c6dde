// SPDX-License-Identifier: GPL-2.0
/*
 * The wire decoders over arbitrary bytes. Half of the inputs get their sums
 * mended, else nothing but the checksum would ever be tested. What is accepted
 * must survive encode and decode unchanged.
 */
#include <stdlib.h>

#include "fieldtab.h"
#include "wire/wire_frame.h"

static void die(const char *what)
{
	__builtin_printf("fuzz-wire: %s\n", what);
	abort();
}

#define MUST(cond) do { if (!(cond)) die(#cond); } while (0)

void rblk_assert_failed(const char *what, const char *file, int line)
{
	die(what);
}

static struct wire_frame one, two;

static const struct rblk_entry *entry_at(void *ctx, u32 i, const u32 **crc)
{
	u32 k, at = 0;

	for (k = 0; k < i; k++)
		at += one.append.e[k].nblocks;
	*crc = one.append.crc + at;
	return &one.append.e[i];
}

static u8 out[WIRE_HEADER_BYTES + WIRE_HEAD_MAX];

static void reread(struct wire_header *h, u32 len)
{
	MUST(len <= sizeof(out));
	MUST(!rblk_wire_decode_header(h, out));
	MUST(WIRE_HEADER_BYTES + h->head_len == len);
	MUST(!rblk_wire_check_head(h, out + WIRE_HEADER_BYTES));
}

static u32 encode(const struct wire_frame *f)
{
	const struct wire_append *a = &f->append;

	switch (f->type) {
	case WIRE_RAFT:
		return rblk_wire_encode_raft(out, &f->raft, a->n, entry_at, NULL);
	case WIRE_SUBMIT:
		return rblk_wire_encode_submit(out, &f->submit, a->n, entry_at, NULL);
	case WIRE_REPLY:
		return rblk_wire_encode_reply(out, &f->reply);
	case WIRE_READ:
		return rblk_wire_encode_read(out, &f->read);
	case WIRE_PULL:
		return rblk_wire_encode_pull(out, &f->pull);
	case WIRE_STATE:
		return rblk_wire_encode_state(out, &f->state);
	case WIRE_MAP:
		return rblk_wire_encode_map(out, &f->map);
	case WIRE_CHUNK:
		return rblk_wire_encode_chunk(out, &f->chunk, a->n ? &a->e[0] : NULL, a->crc);
	case WIRE_MARK:
		return rblk_wire_encode_mark(out, &f->mark);
	case WIRE_SUMS:
		return rblk_wire_encode_sums(out, &f->sums);
	case WIRE_ALIVE:
		return rblk_wire_encode_alive(out, &f->alive);
	default:
		return rblk_wire_encode_data(out, &f->data, a->n ? &a->e[0] : NULL, a->crc);
	}
}

static void check_entries(const struct wire_frame *f)
{
	struct rblk_entry e;
	u32 i;

	for (i = 0; i < f->append.n; i++) {
		e = f->append.e[i];
		MUST((f->type == WIRE_RAFT) == (e.index && e.term));
		MUST(e.csum == two.append.e[i].csum);
		e.index = e.term = 1;
		MUST(!rblk_entry_check(&e));
	}
}

static void others(const struct wire_header *h, const u8 *head)
{
	struct wire_header h2;

	memset(&one, 0, offsetof(struct wire_frame, append));
	memset(&two, 0, offsetof(struct wire_frame, append));
	if (rblk_wire_decode(&one, h, head))
		return;
	MUST(one.type == h->type && one.type != WIRE_HELLO && one.type != WIRE_REJECT);
	MUST(one.append.n <= WIRE_ENTRIES_MAX && one.append.nblocks == h->payload_blocks);
	reread(&h2, encode(&one));
	MUST(h2.type == h->type && h2.head_len == h->head_len);
	MUST(h2.payload_blocks == h->payload_blocks);
	/* What is behind the members and sessions in use is not looked at. */
	MUST(h->type == WIRE_STATE || !memcmp(head, out + WIRE_HEADER_BYTES, h->head_len));
	MUST(!rblk_wire_decode(&two, &h2, out + WIRE_HEADER_BYTES));
	MUST(!memcmp(&one, &two, offsetof(struct wire_frame, append)));
	MUST(two.append.n == one.append.n && two.append.nblocks == one.append.nblocks);
	check_entries(&one);
}

static void hello(const struct wire_header *h, const u8 *head)
{
	struct wire_hello he = { 0 }, again = { 0 };
	struct wire_header h2;

	if (rblk_wire_decode_hello(&he, h, head))
		return;
	reread(&h2, rblk_wire_encode_hello(out, &he));
	MUST(!memcmp(head, out + WIRE_HEADER_BYTES, h2.head_len));
	MUST(!rblk_wire_decode_hello(&again, &h2, out + WIRE_HEADER_BYTES));
	MUST(!memcmp(&he, &again, sizeof(he)));
}

static void reject(const struct wire_header *h, const u8 *head)
{
	struct wire_reject r, again;
	struct wire_header h2;

	if (rblk_wire_decode_reject(&r, h, head))
		return;
	MUST(rblk_wire_reason_text(r.reason)[0]);
	reread(&h2, rblk_wire_encode_reject(out, &r));
	MUST(!rblk_wire_decode_reject(&again, &h2, out + WIRE_HEADER_BYTES));
	MUST(r.reason == again.reason);
}

/* The structure at the beginning of each type of head. */
static const char *const heads[WIRE_TYPE_NR] = {
	[WIRE_HELLO] = "frame_hello", [WIRE_REJECT] = "frame_reject", [WIRE_RAFT] = "frame_raft",
	[WIRE_SUBMIT] = "frame_submit", [WIRE_REPLY] = "frame_reply", [WIRE_READ] = "frame_read",
	[WIRE_DATA] = "frame_data", [WIRE_PULL] = "frame_pull", [WIRE_STATE] = "frame_state",
	[WIRE_MAP] = "frame_map", [WIRE_CHUNK] = "frame_chunk",
	[WIRE_MARK] = "frame_mark", [WIRE_SUMS] = "frame_sums", [WIRE_ALIVE] = "frame_alive",
};

/* The value named @name of a head of @type; NULL: it has none, or ends before. */
static const struct field *value_of(u8 type, u32 len, const char *name)
{
	const struct fieldtab *t;
	u32 i;

	if (type >= WIRE_TYPE_NR || !heads[type])
		return NULL;
	t = fieldtab_of(heads[type]);
	for (i = 0; i < t->n; i++)
		if (!strcmp(t->field[i].name, name) && len >= t->field[i].off + t->field[i].bytes)
			return &t->field[i];
	return NULL;
}

/* Where the entries of a frame begin, and how many it says there are; 0: it has none. */
static u32 find_entries(u8 type, const u8 *head, u32 len, u32 *n)
{
	const struct field *f = value_of(type, len, "n");
	u32 at = f && type != WIRE_STATE ? fieldtab_of(heads[type])->bytes : 0;

	if (!at || len < at)
		return 0;
	*n = (u32)field_get(f, head + f->off);
	return *n <= WIRE_ENTRIES_MAX && len >= at + *n * sizeof(struct frame_entry) ? at : 0;
}

/* Identity sums as they have to be: none but in a log. */
static void mend_entries(u8 type, u8 *head, u32 at, u32 n, u32 blocks)
{
	const struct frame_raft *m = (const void *)head;
	struct frame_entry *fe = (void *)(head + at);
	const struct frame_sum *sum = (const void *)(fe + n);
	u32 crc[RBLK_ENTRY_BLOCKS_MAX], i, k, b = 0;
	struct rblk_entry e = { 0 };

	for (i = 0; i < n; i++) {
		frame_entry_get(&e, &fe[i]);
		if (type == WIRE_RAFT) {
			e.index = le64_to_cpu(m->first) + i;
			e.term = le64_to_cpu(m->ents_term);
		}
		if (e.nblocks > RBLK_ENTRY_BLOCKS_MAX || e.nblocks > blocks - b)
			return;
		for (k = 0; k < e.nblocks; k++)
			crc[k] = le32_to_cpu(sum[b++].v);
		fe[i].csum = type == WIRE_RAFT ? cpu_to_le32(rblk_entry_csum(&e, crc)) : 0;
	}
}

static void mend(u8 *buf, size_t size)
{
	static const u8 magic[4] = { 'r', 'b', 'l', 'k' };
	struct frame_header *h = (void *)buf;
	u8 *head = buf + WIRE_HEADER_BYTES;
	u32 len = (u32)(size - WIRE_HEADER_BYTES), n, at, blocks;
	const struct field *term = value_of(h->type, len, "term");

	memcpy(&h->magic, magic, sizeof(magic));
	h->version = WIRE_VERSION;
	h->flags = 0;
	h->head_len = cpu_to_le32(len);
	if (term)
		memcpy(&h->term, head + term->off, sizeof(h->term));
	at = find_entries(h->type, head, len, &n);
	if (at) {
		blocks = (len - at - n * sizeof(struct frame_entry)) / sizeof(struct frame_sum);
		if (blocks <= WIRE_BLOCKS_MAX)
			mend_entries(h->type, head, at, n, blocks);
		h->payload_blocks = cpu_to_le32(blocks);
	}
	h->head_crc = cpu_to_le32(rblk_crc32c(0, head, len));
	h->crc = cpu_to_le32(rblk_crc32c(0, buf, offsetof(struct frame_header, crc)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct wire_header h;
	u8 *buf;

	if (size < 1 + WIRE_HEADER_BYTES || size > 1 + WIRE_HEADER_BYTES + WIRE_HEAD_MAX)
		return 0;
	size--;
	buf = malloc(size);	/* exact: the sanitizer sees one byte too far */
	if (!buf)
		return 0;
	memcpy(buf, data + 1, size);
	if (data[0] & 1)
		mend(buf, size);
	if (!rblk_wire_decode_header(&h, buf) && h.head_len <= size - WIRE_HEADER_BYTES) {
		/* decoders must be safe even where the caller forgot this check */
		if (data[0] & 1)
			MUST(!rblk_wire_check_head(&h, buf + WIRE_HEADER_BYTES));
		others(&h, buf + WIRE_HEADER_BYTES);
		hello(&h, buf + WIRE_HEADER_BYTES);
		reject(&h, buf + WIRE_HEADER_BYTES);
	}
	free(buf);
	return 0;
}

size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed);

static u32 next_rnd(u32 *rnd)
{
	*rnd = *rnd * 1664525 + 1013904223;
	return *rnd >> 8;
}

static void seed_entry(u32 *rnd, u8 type, u32 i)
{
	static const u8 kinds[] = { RBLK_E_WRITE, RBLK_E_ZEROES, RBLK_E_OPEN, RBLK_E_CLOSE,
				    RBLK_E_WRITE };
	struct wire_append *a = &one.append;
	u32 *crc = a->crc + a->nblocks, k;
	struct rblk_entry *e = &a->e[i];

	memset(e, 0, sizeof(*e));
	e->kind = kinds[next_rnd(rnd) % (type == WIRE_DATA  ? 1 :
					 type == WIRE_CHUNK ? 2 : ARRAY_SIZE(kinds))];
	e->store = next_rnd(rnd) % 3;
	e->epoch = next_rnd(rnd) % 3;
	e->seq = i + 1;
	if (e->kind == RBLK_E_WRITE || e->kind == RBLK_E_ZEROES) {
		e->sector = next_rnd(rnd) % 4096;
		e->nsect = 1 + next_rnd(rnd) % 40;
	}
	if (e->kind == RBLK_E_WRITE)
		e->nblocks = rblk_blocks_touched(e->sector, e->nsect);
	for (k = 0; k < e->nblocks; k++)
		crc[k] = next_rnd(rnd);
	if (type == WIRE_RAFT) {
		e->index = 10 + i;
		e->term = 4;
		e->csum = rblk_entry_csum(e, crc);
	}
	a->nblocks += e->nblocks;
}

static void seed_message(u32 *rnd)
{
	u32 bits = next_rnd(rnd), n = one.append.n;

	switch (one.type) {
	case WIRE_RAFT:
		one.raft = (struct raft_msg){ .type = RAFT_MSG_APPEND,
					      .from = 1, .to = 2, .term = 5,
					      .prev = { .term = 3, .index = 9 },
					      .ents = { .first = 10, .last = 9 + n, .term = 4 } };
		break;
	case WIRE_SUBMIT:
		one.submit = (struct wire_submit){ .from = 1, .term = 5, .keepalive = next_rnd(rnd),
			.in_use = bits & 1, .force = bits >> 1 & 1 };
		break;
	case WIRE_REPLY:
		one.reply = (struct wire_reply){ .to = 1, .term = 5, .leader = 2, .index = 99,
			.epoch = bits % 100, .seq = 7, .holder = 3, .holder_epoch = 1 + bits % 99,
			.block_size = bits & 1 ? 512 : 4096, .next = 8 + bits % 5,
			.serving = bits >> 1 & 1, .gap = bits >> 2 & 1, .wanted = bits >> 3 & 1 };
		break;
	case WIRE_READ:
		one.read = (struct wire_read){ 1, 2, .sector = bits, .nsect = 1 + bits % 256 };
		break;
	case WIRE_PULL:
		one.pull = (struct wire_pull){ .from = 1, .id = 2, .least = bits, .at = bits,
			.what = WIRE_P_STATE + bits % 3, .nsect = bits % 3 == 2 ? 1 + bits % 256 : 0,
			.compare = bits % 6 == 5, .hash = { bits % 6 == 5 ? bits : 0 } };
		break;
	case WIRE_STATE:
		one.state = (struct wire_state){ .to = 1, .id = 2, .region_shift = 20,
			.state = { .index = 50 + bits % 9, .term = 5, .nsessions = 1,
				   .session = { { 7, 1 + bits % 50, 9, 10 } } },
			.conf = { .index = 1 + bits % 50, .n = 2, .block_size = 4096,
				  .m = { { 1, RBLK_M_IN, "a", "a:1" }, { 2, RBLK_M_IN, "b", "b:1" } } },
		};
		break;
	case WIRE_MAP:
		one.map = (struct wire_map){ .to = 1, .id = 2, .first = bits, .v = { bits } };
		break;
	case WIRE_CHUNK:
		one.chunk = (struct wire_chunk){ .to = 1, .id = 2, .index = bits % 100,
			.upto = 100 + bits % 9, .error = n ? 0 : 1 + bits % 100,
			.same = n ? bits : 0 };
		break;
	case WIRE_MARK:
		one.mark = (struct wire_mark){ .from = 1, .id = 2, .sector = bits & ~7u,
			.nsect = 1 + bits % 256, .what = 1 + bits % 2, .good = bits % 2 * 6 };
		break;
	case WIRE_SUMS:
		one.sums = (struct wire_sums){ .to = 1, .id = 2, .index = 1 + bits % 99, .n = 1,
					       .v = { bits } };
		break;
	case WIRE_ALIVE:
		one.alive = (struct wire_alive){ 1, 1 + bits, bits, bits % 2 };
		break;
	default:
		one.data = (struct wire_data){ .to = 1, .id = 2, .error = n ? 0 : 1 + bits % 100 };
	}
}

/* Now and then a whole valid frame, for the mutator to bend. */
static size_t seed_frame(u8 *data, size_t max, unsigned int seed)
{
	struct wire_hello he = { .version_min = 1, .version_max = 1, .store = 7, .node = "a" };
	struct wire_reject re = { .reason = 1 + seed % 7 };
	u32 rnd = seed, i, len, n;

	one.type = WIRE_HELLO + seed % (WIRE_TYPE_NR - WIRE_HELLO);
	n = next_rnd(&rnd) % 5;
	one.append.n = one.type == WIRE_DATA || one.type == WIRE_CHUNK ? n & 1 :
		       one.type == WIRE_RAFT || one.type == WIRE_SUBMIT ? n : 0;
	one.append.nblocks = 0;
	for (i = 0; i < one.append.n; i++)
		seed_entry(&rnd, one.type, i);
	seed_message(&rnd);
	if (one.type == WIRE_HELLO)
		len = rblk_wire_encode_hello(out, &he);
	else if (one.type == WIRE_REJECT)
		len = rblk_wire_encode_reject(out, &re);
	else
		len = encode(&one);
	if (len + 1 > max)
		return 0;
	data[0] = 1;
	memcpy(data + 1, out, len);
	return len + 1;
}

/* A field of the frame, or of one of its entries, goes to where a check may be wrong. */
static size_t bend_field(u8 *data, size_t size, u32 rnd)
{
	u8 *head = data + 1 + WIRE_HEADER_BYTES, type;
	const struct fieldtab *t;
	const struct field *f;
	u32 off = 0, at, n;

	if (size < 1 + WIRE_HEADER_BYTES)
		return 0;
	type = ((struct frame_header *)(data + 1))->type;
	if (type >= WIRE_TYPE_NR || !heads[type])
		return 0;
	t = fieldtab_of(heads[type]);
	at = find_entries(type, head, (u32)(size - 1 - WIRE_HEADER_BYTES), &n);
	if (at && n && next_rnd(&rnd) & 1) {
		t = fieldtab_of("frame_entry");
		off = at + next_rnd(&rnd) % n * t->bytes;
	}
	f = fieldtab_value(t, next_rnd(&rnd) % fieldtab_values(t), &off);
	if (off + f->bytes > size - 1 - WIRE_HEADER_BYTES)
		return 0;
	field_vary(f, head + off, (u8)next_rnd(&rnd));
	data[0] |= 1;
	return size;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed)
{
	size_t got = 0;

	if (seed % 16 == 0)
		got = seed_frame(data, max, seed / 16);
	else if (seed % 16 < 8)
		got = bend_field(data, size, seed / 16);
	return got ? got : LLVMFuzzerMutate(data, size, max);
}
