// SPDX-License-Identifier: GPL-2.0
#include <sys/mman.h>

#include "wire-lib.h"

u8 buf[FRAME_MAX], copy[FRAME_MAX];
struct wire_frame *frame;
struct wire_append *app;
struct rblk_entry ent[WIRE_ENTRIES_MAX + 1];
u32 sums[2 * WIRE_BLOCKS_MAX], sum_at[WIRE_ENTRIES_MAX + 1];

/* @len bytes whose end is the end of what may be touched. */
static void *guarded(u8 **area, size_t len)
{
	const size_t size = 1 << 16;

	if (!*area) {
		*area = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(*area != MAP_FAILED && !mprotect(*area + size, 4096, PROT_NONE));
	}
	CHECK(len <= size);
	return *area + size - len;
}

int decode(struct raft_msg *m, struct wire_hello *he, struct wire_reject *re)
{
	static u8 *head_area, *app_area;
	struct wire_header h;
	int err = rblk_wire_decode_header(&h, buf);
	void *head;

	if (err)
		return err;
	head = guarded(&head_area, h.head_len);
	memcpy(head, buf + WIRE_HEADER_BYTES, h.head_len);
	err = rblk_wire_check_head(&h, head);
	if (err)
		return err;
	frame = guarded(&app_area, sizeof(*frame));
	app = &frame->append;
	switch (h.type) {
	case WIRE_HELLO:
		return rblk_wire_decode_hello(he, &h, head);
	case WIRE_REJECT:
		return rblk_wire_decode_reject(re, &h, head);
	default:
		err = rblk_wire_decode(frame, &h, head);
		*m = frame->raft;
		return err;
	}
}

int decode_any(void)
{
	struct raft_msg m;
	struct wire_hello he;
	struct wire_reject re;

	return decode(&m, &he, &re);
}

void put32(u32 at, u32 v)
{
	__le32 le = cpu_to_le32(v);

	memcpy(buf + at, &le, 4);
}

u32 get32(u32 at)
{
	__le32 le;

	memcpy(&le, buf + at, 4);
	return le32_to_cpu(le);
}

void seal(void)
{
	u32 len = get32(8);

	put32(24, rblk_crc32c(0, buf + WIRE_HEADER_BYTES, len <= WIRE_HEAD_MAX ? len : 0));
	put32(28, rblk_crc32c(0, buf, 28));
}

const struct rblk_entry *entry_at(void *ctx, u32 i, const u32 **crc)
{
	*crc = sums + sum_at[i];
	return &ent[i];
}

void fill(u32 i, u8 kind, u64 sector, u32 nsect, u32 *b)
{
	struct rblk_entry *e = &ent[i];
	u32 k;

	memset(e, 0, sizeof(*e));
	e->index = 100 + i;
	e->term = 7;
	e->kind = kind;
	e->sector = sector;
	e->nsect = nsect;
	if (kind == RBLK_E_WRITE)
		e->nblocks = rblk_blocks_touched(sector, nsect);
	else
		e->nblocks = kind == RBLK_E_CONF;
	e->store = kind == RBLK_E_OPEN || kind == RBLK_E_CLOSE ? 0x77 : 0;
	e->epoch = 50;
	e->seq = i + 1;
	sum_at[i] = *b;
	for (k = 0; k < e->nblocks; k++, (*b)++)
		sums[*b] = 0xc0000000 + *b;
	e->csum = rblk_entry_csum(e, sums + sum_at[i]);
}

void same_entry(const struct rblk_entry *a, const struct rblk_entry *b)
{
	CHECK_EQ(a->index, b->index);
	CHECK_EQ(a->term, b->term);
	CHECK_EQ(a->kind, b->kind);
	CHECK_EQ(a->nblocks, b->nblocks);
	CHECK_EQ(a->sector, b->sector);
	CHECK_EQ(a->nsect, b->nsect);
	CHECK_EQ(a->csum, b->csum);
	CHECK_EQ(a->store, b->store);
	CHECK_EQ(a->epoch, b->epoch);
	CHECK_EQ(a->seq, b->seq);
}

void golden(const char *hex, u32 len)
{
	char text[3];
	u32 i;

	CHECK_EQ(strlen(hex), 2 * len);
	for (i = 0; i < len; i++) {
		snprintf(text, sizeof(text), "%02x", buf[i]);
		if (memcmp(text, hex + 2 * i, 2))
			printf("# byte %u is %s, golden %.2s\n", i, text, hex + 2 * i);
		CHECK(!memcmp(text, hex + 2 * i, 2));
	}
}

void flip_all(u32 len)
{
	u32 i, bit;

	CHECK_EQ(decode_any(), 0);
	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			buf[i] ^= 1u << bit;
			CHECK_EQ(decode_any(), -EBADMSG);
			buf[i] ^= 1u << bit;
		}
	}
}

void refuse(u32 (*encode)(void), const struct bad *bad, size_t n)
{
	size_t i;
	u32 len = encode(), k;
	struct wire_header h;
	int err;

	memcpy(copy, buf, len);
	CHECK_EQ(decode_any(), 0);
	for (i = 0; i < n; i++) {
		memcpy(buf, copy, len);
		memset(buf + len, 0, FRAME_MAX - len);
		for (k = 0; k < bad[i].width; k++)
			buf[bad[i].at + k] = bad[i].value >> (8 * k);
		CHECK(memcmp(buf, copy, len));
		seal();
		err = decode_any();
		if (bad[i].header)
			CHECK_EQ(rblk_wire_decode_header(&h, buf), bad[i].want);
		if (err != bad[i].want)
			printf("# %s: %d, not %d\n", bad[i].what, err, bad[i].want);
		CHECK_EQ(err, bad[i].want);
	}
}
