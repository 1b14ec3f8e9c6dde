// SPDX-License-Identifier: GPL-2.0
/* The frames of a comparison of the copies: MARK and SUMS, and the entry that they speak of. */
#include "wire-lib.h"

static const struct wire_mark mark = {
	.from = 0x0102030405060708, .id = 0x1112131415161718, .sector = 0x2122232425262728,
	.nsect = RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT, .good = 0x8006, .conf = 0x3132333435363738,
	.what = WIRE_M_MEND,
};

static struct wire_sums said;

static u32 encode_mark(void)
{
	return rblk_wire_encode_mark(buf, &mark);
}

static u32 encode_verify(void)
{
	struct wire_mark m = mark;

	m.what = WIRE_M_VERIFY;
	m.good = 0;
	return rblk_wire_encode_mark(buf, &m);
}

static void fill_sums(u32 n)
{
	u32 i;

	said = (struct wire_sums){ .to = mark.from, .id = mark.id, .index = 0x4142434445464748,
				   .error = n ? 0 : WIRE_E_AGAIN, .n = n };
	for (i = 0; i < n; i++)
		said.v[i] = 0xc0000000 + i;
}

static u32 encode_sums(void)
{
	fill_sums(3);
	return rblk_wire_encode_sums(buf, &said);
}

static u32 encode_refusal(void)
{
	fill_sums(0);
	return rblk_wire_encode_sums(buf, &said);
}

static void test_mark(void)
{
	CHECK_EQ(encode_mark(), HEAD + 48);
	CHECK_EQ(get32(12), 0);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_MARK);
	CHECK(!memcmp(&frame->mark, &mark, sizeof(mark)));
	CHECK_EQ(app->n, 0);
	encode_verify();
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->mark.what, WIRE_M_VERIFY);
}

static void test_sums(void)
{
	CHECK_EQ(encode_sums(), HEAD + 160);
	CHECK_EQ(get32(12), 0);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_SUMS);
	CHECK(!memcmp(&frame->sums, &said, sizeof(said)));
	fill_sums(WIRE_SUMS_MAX);
	rblk_wire_encode_sums(buf, &said);
	CHECK_EQ(decode_any(), 0);
	CHECK(!memcmp(&frame->sums, &said, sizeof(said)));
	encode_refusal();
	CHECK_EQ(decode_any(), 0);
	CHECK(!memcmp(&frame->sums, &said, sizeof(said)));
}

static void test_golden(void)
{
	golden("72626c6b010c00003000000000000000"
	       "0000000000000000cfa1a1c7861bc26f"
	       "08070605040302011817161514131211"
	       "28272625242322210001000006800000"
	       "38373635343332310200000000000000", encode_mark());
}

static void test_flips(void)
{
	flip_all(encode_mark());
	flip_all(encode_sums());
}

static const struct bad bad_mark[] = {
	{ "short", 8, 4, 47, -EINVAL },
	{ "long", 8, 4, 49, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL, true },
	{ "from 0", HEAD + 0, 8, 0, -EINVAL },
	{ "within a block", HEAD + 16, 8, 4, -EINVAL },
	{ "wraps", HEAD + 16, 8, U64_MAX - 7, -EINVAL },
	{ "no sectors", HEAD + 24, 4, 0, -EINVAL },
	{ "too many sectors", HEAD + 24, 4, 257, -EINVAL },
	{ "members that cannot be", HEAD + 28, 4, 0x10006, -EINVAL },
	{ "to mend from nobody", HEAD + 28, 4, 0, -EINVAL },
	{ "VERIFY and members", HEAD + 40, 1, WIRE_M_VERIFY, -EINVAL },
	{ "nothing", HEAD + 40, 1, 0, -EINVAL },
	{ "something else", HEAD + 40, 1, WIRE_M_NR, -EINVAL },
	{ "reserved", HEAD + 41, 1, 1, -EINVAL },
};

static const struct bad bad_sums[] = {
	{ "short", 8, 4, 159, -EINVAL },
	{ "long", 8, 4, 161, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL, true },
	{ "to 0", HEAD + 0, 8, 0, -EINVAL },
	{ "no index", HEAD + 16, 8, 0, -EINVAL },
	{ "an error and sums", HEAD + 24, 4, WIRE_E_IO, -EINVAL },
	{ "neither error nor sums", HEAD + 28, 4, 0, -EINVAL },
	{ "too many", HEAD + 28, 4, WIRE_SUMS_MAX + 1, -EINVAL },
	{ "more than it says", HEAD + 28, 4, 2, -EINVAL },
};

static void test_bad(void)
{
	refuse(encode_mark, bad_mark, ARRAY_SIZE(bad_mark));
	refuse(encode_sums, bad_sums, ARRAY_SIZE(bad_sums));
}

/* A VERIFY entry is one of a log, has a range that one message can have, and no payload. */
static void test_entry(void)
{
	struct rblk_entry e = {
		.index = 3, .term = 2, .kind = RBLK_E_VERIFY, .sector = 1024,
		.nsect = RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT, .store = 5, .seq = 6,
	}, bad;
	struct wire_submit s = { .from = 5, .term = 2 };

	CHECK_EQ(rblk_entry_check(&e), 0);
	bad = e;
	bad.sector = 1028;
	CHECK_EQ(rblk_entry_check(&bad), -EINVAL);
	bad = e;
	bad.nsect++;
	CHECK_EQ(rblk_entry_check(&bad), -EINVAL);
	bad.nsect = 0;
	CHECK_EQ(rblk_entry_check(&bad), -EINVAL);
	bad = e;
	bad.nblocks = 32;
	CHECK_EQ(rblk_entry_check(&bad), -EINVAL);
	ent[0] = e;
	ent[0].csum = 0;
	rblk_wire_encode_submit(buf, &s, 1, entry_at, NULL);
	CHECK_EQ(decode_any(), -EINVAL);
}

static const struct tap_case cases[] = {
	{ "mark", test_mark },
	{ "sums", test_sums },
	{ "golden", test_golden },
	{ "flips", test_flips },
	{ "bad", test_bad },
	{ "entry", test_entry },
};

TAP_MAIN(cases)
