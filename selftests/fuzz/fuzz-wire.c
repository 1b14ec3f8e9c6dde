// SPDX-License-Identifier: GPL-2.0
/*
 * The wire decoders over arbitrary bytes. Half of the inputs get their sums
 * mended, else nothing but the checksum would ever be tested. What is accepted
 * must survive encode and decode unchanged.
 */
#include <stdlib.h>

#include "wire.h"

static void die(const char *what)
{
	__builtin_printf("fuzz-wire: %s\n", what);
	abort();
}

#define MUST(cond) do { if (!(cond)) die(#cond); } while (0)

void rb_assert_failed(const char *what, const char *file, int line)
{
	die(what);
}

static struct wire_append one, two;

static const struct rb_entry *entry_at(void *ctx, u32 i, const u32 **crc)
{
	u32 k, at = 0;

	for (k = 0; k < i; k++)
		at += one.e[k].nblocks;
	*crc = one.crc + at;
	return &one.e[i];
}

static u8 out[WIRE_HEADER_BYTES + WIRE_HEAD_MAX];

static void reread(struct wire_header *h, u32 len)
{
	MUST(len <= sizeof(out));
	MUST(!wire_decode_header(h, out));
	MUST(WIRE_HEADER_BYTES + h->head_len == len);
	MUST(!wire_check_head(h, out + WIRE_HEADER_BYTES));
}

static void raft(const struct wire_header *h, const u8 *head)
{
	struct raft_msg m, again;
	struct wire_header h2;
	u32 i;

	if (wire_decode_raft(&m, &one, h, head))
		return;
	MUST(one.n <= WIRE_ENTRIES_MAX && one.nblocks == h->payload_blocks);
	reread(&h2, wire_encode_raft(out, &m, one.n, entry_at, NULL));
	MUST(h2.head_len == h->head_len && h2.payload_blocks == h->payload_blocks);
	MUST(!memcmp(head, out + WIRE_HEADER_BYTES, h->head_len));
	MUST(!wire_decode_raft(&again, &two, &h2, out + WIRE_HEADER_BYTES));
	MUST(!memcmp(&m, &again, sizeof(m)));
	MUST(two.n == one.n && two.nblocks == one.nblocks);
	for (i = 0; i < one.n; i++)
		MUST(!rb_entry_check(&one.e[i]) && one.e[i].csum == two.e[i].csum);
}

static void hello(const struct wire_header *h, const u8 *head)
{
	struct wire_hello he = { 0 }, again = { 0 };
	struct wire_header h2;

	if (wire_decode_hello(&he, h, head))
		return;
	reread(&h2, wire_encode_hello(out, &he));
	MUST(!memcmp(head, out + WIRE_HEADER_BYTES, h2.head_len));
	MUST(!wire_decode_hello(&again, &h2, out + WIRE_HEADER_BYTES));
	MUST(!memcmp(&he, &again, sizeof(he)));
}

static void reject(const struct wire_header *h, const u8 *head)
{
	struct wire_reject r, again;
	struct wire_header h2;

	if (wire_decode_reject(&r, h, head))
		return;
	MUST(wire_reason_text(r.reason)[0]);
	reread(&h2, wire_encode_reject(out, &r));
	MUST(!wire_decode_reject(&again, &h2, out + WIRE_HEADER_BYTES));
	MUST(r.reason == again.reason);
}

static void set32(u8 *at, u32 v)
{
	__le32 le = cpu_to_le32(v);

	memcpy(at, &le, 4);
}

/* Also the identity sums of the entries, where the lengths allow to find them. */
static void mend(u8 *buf, size_t size)
{
	static const u8 magic[4] = { 'r', 'b', 'l', 'k' };
	u8 *head = buf + WIRE_HEADER_BYTES;
	u32 len = (u32)(size - WIRE_HEADER_BYTES), n, i, b = 0, blocks;
	struct rb_entry e = { 0 };
	u32 crc[RB_ENTRY_BLOCKS_MAX];
	u64 first;

	memcpy(buf, magic, 4);
	buf[4] = WIRE_VERSION;
	buf[6] = buf[7] = 0;
	set32(buf + 8, len);
	if (buf[5] == WIRE_RAFT && len >= 104) {
		memcpy(&n, head + 4, 4);
		memcpy(&first, head + 64, 8);
		memcpy(&e.term, head + 80, 8);
		memcpy(buf + 16, head + 24, 8);
		blocks = n <= WIRE_ENTRIES_MAX && len >= 104 + n * 44 ?
			 (len - 104 - n * 44) / 4 : 0;
		for (i = 0; blocks <= WIRE_BLOCKS_MAX && n <= WIRE_ENTRIES_MAX &&
		     len >= 104 + n * 44 && i < n; i++) {
			u8 *d = head + 104 + 44 * i;

			e.index = first + i;
			memcpy(&e.sector, d, 8);
			memcpy(&e.store, d + 8, 8);
			memcpy(&e.epoch, d + 16, 8);
			memcpy(&e.seq, d + 24, 8);
			memcpy(&e.nsect, d + 32, 4);
			e.kind = d[42];
			e.nblocks = d[40] | d[41] << 8;
			if (e.nblocks > RB_ENTRY_BLOCKS_MAX || e.nblocks > blocks - b)
				break;
			memcpy(crc, head + 104 + n * 44 + 4 * b, 4 * e.nblocks);
			b += e.nblocks;
			set32(d + 36, rb_entry_csum(&e, crc));
		}
		set32(buf + 12, blocks);
	}
	set32(buf + 24, rb_crc32c(0, head, len));
	set32(buf + 28, rb_crc32c(0, buf, 28));
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
	if (!wire_decode_header(&h, buf) && h.head_len <= size - WIRE_HEADER_BYTES) {
		/* decoders must be safe even where the caller forgot this check */
		if (data[0] & 1)
			MUST(!wire_check_head(&h, buf + WIRE_HEADER_BYTES));
		raft(&h, buf + WIRE_HEADER_BYTES);
		hello(&h, buf + WIRE_HEADER_BYTES);
		reject(&h, buf + WIRE_HEADER_BYTES);
	}
	free(buf);
	return 0;
}

size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed);

static u32 seed_entry(void *ctx, struct rb_entry *e, u32 *crc)
{
	u32 *rnd = ctx, kind = *rnd % 5, k;

	*rnd = *rnd * 1664525 + 1013904223;
	memset(e, 0, sizeof(*e));
	e->kind = kind == 4 ? RB_E_CLOSE : (kind == 1 ? RB_E_ZEROES : kind + 1);
	if (e->kind == RB_E_CONF || e->kind == RB_E_NOOP)
		e->kind = RB_E_WRITE;
	if (e->kind == RB_E_WRITE || e->kind == RB_E_ZEROES) {
		e->sector = *rnd >> 12;
		e->nsect = 1 + (*rnd >> 8) % 40;
	}
	if (e->kind == RB_E_WRITE)
		e->nblocks = rb_blocks_touched(e->sector, e->nsect);
	for (k = 0; k < e->nblocks; k++)
		crc[k] = *rnd + k;
	return e->nblocks;
}

/* Now and then a whole valid frame, for the mutator to bend. */
static size_t seed_frame(u8 *data, size_t max, unsigned int seed)
{
	struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 1, .to = 2, .term = 5,
			      .prev = { .term = 3, .index = 9 } };
	struct wire_hello he = { .version_min = 1, .version_max = 1, .store = 7,
				 .ring_bytes = 4 << 20, .entries = 1024, .node = "a" };
	struct wire_reject re = { .reason = 1 + seed % (WIRE_R_NR - 1) };
	u32 rnd = seed, i, len;

	one.n = seed / 4 % 5;
	one.nblocks = 0;
	m.ents.first = 10;
	m.ents.last = 9 + one.n;
	m.ents.term = 4;
	for (i = 0; i < one.n; i++) {
		u32 *crc = one.crc + one.nblocks;

		one.nblocks += seed_entry(&rnd, &one.e[i], crc);
		one.e[i].index = 10 + i;
		one.e[i].term = 4;
		one.e[i].csum = rb_entry_csum(&one.e[i], crc);
	}
	if (seed % 4 == 0)
		len = wire_encode_hello(out, &he);
	else if (seed % 4 == 1)
		len = wire_encode_reject(out, &re);
	else
		len = wire_encode_raft(out, &m, one.n, entry_at, NULL);
	if (len + 1 > max)
		return 0;
	data[0] = 1;
	memcpy(data + 1, out, len);
	return len + 1;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed)
{
	size_t got = seed % 16 ? 0 : seed_frame(data, max, seed / 16);

	return got ? got : LLVMFuzzerMutate(data, size, max);
}
