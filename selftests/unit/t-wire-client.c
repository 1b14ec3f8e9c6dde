// SPDX-License-Identifier: GPL-2.0
/* The frames between a client and the members: SUBMIT, REPLY, READ and DATA. */
#include "wire-lib.h"

static const struct wire_submit submit = {
	.from = 0x1112131415161718, .term = 0x2122232425262728, .keepalive = 0x3132333435363738,
	.in_use = 1, .force = 1, .seeks = 1,
};

/* Epochs are indexes, and not above the one that the reply speaks of. */
static const struct wire_reply reply = {
	.to = 0x0102030405060708, .term = 0x1112131415161718, .leader = 0x2122232425262728,
	.index = 0x3132333435363738, .epoch = 0x32, .nonce = 0x4142434445464748,
	.seq = 0x5152535455565758, .holder = 0x6162636465666768, .holder_epoch = 0x33,
	.sectors = 0x7172737475767778, .cluster = 0x8182838485868788,
	.block_size = 4096, .flags = 0xa1a2a3a4, .election_ms = 0xa5a6a7a8,
	.heartbeat_ms = 0xa9aaabac, .keepalive = 0x9192939495969798, .next = 0x6162636465666768,
	.serving = 1, .gap = 1, .busy = 1, .wanted = 1,
};

static const struct wire_read rd = {
	.from = 0x0102030405060708, .id = 0x1112131415161718, .sector = 0x2122232425262728,
	.nsect = RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT,
};

static const struct wire_data data = {
	.to = 0x0102030405060708, .id = 0x1112131415161718, .epoch = 0x3132333435363738,
};

/* As a client has them: in no log yet. */
static void fill_unplaced(u32 i, u8 kind, u64 sector, u32 nsect, u32 *b)
{
	fill(i, kind, sector, nsect, b);
	ent[i].index = ent[i].term = 0;
	ent[i].csum = 0;
}

/* write of 3 blocks, zeroes, open, close, unaligned write of 2 blocks */
static u32 encode_submit(void)
{
	u32 b = 0;

	fill_unplaced(0, RBLK_E_WRITE, 80, 24, &b);
	fill_unplaced(1, RBLK_E_ZEROES, 4096, 2048, &b);
	fill_unplaced(2, RBLK_E_OPEN, 0, 0, &b);
	fill_unplaced(3, RBLK_E_CLOSE, 0, 0, &b);
	fill_unplaced(4, RBLK_E_WRITE, 7, 2, &b);
	return rblk_wire_encode_submit(buf, &submit, 5, entry_at, NULL);
}

static u32 encode_keepalive(void)
{
	return rblk_wire_encode_submit(buf, &submit, 0, entry_at, NULL);
}

static u32 encode_reply(void)
{
	return rblk_wire_encode_reply(buf, &reply);
}

static u32 encode_read(void)
{
	return rblk_wire_encode_read(buf, &rd);
}

static u32 encode_data(void)
{
	u32 b = 0;

	fill_unplaced(0, RBLK_E_WRITE, 7, 10, &b);
	return rblk_wire_encode_data(buf, &data, &ent[0], sums);
}

static u32 encode_error(void)
{
	struct wire_data d = data;

	d.error = WIRE_E_IO;
	return rblk_wire_encode_data(buf, &d, NULL, NULL);
}

#define SUB_ENTRY(i)	(HEAD + 56 + 44 * (i))
#define SUB_SUM(n, i)	(SUB_ENTRY(n) + 4 * (i))
#define DATA_ENTRY	(HEAD + 56)
#define DATA_SUM(i)	(DATA_ENTRY + 44 + 4 * (i))

static void test_submit(void)
{
	u32 i;

	CHECK_EQ(encode_submit(), SUB_SUM(5, 5));
	CHECK_EQ(get32(12), 5);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_SUBMIT);
	CHECK_EQ(frame->submit.from, submit.from);
	CHECK_EQ(frame->submit.term, submit.term);
	CHECK_EQ(frame->submit.keepalive, submit.keepalive);
	CHECK_EQ(frame->submit.in_use, 1);
	CHECK(frame->submit.force && frame->submit.seeks);
	CHECK_EQ(app->n, 5);
	CHECK_EQ(app->nblocks, 5);
	for (i = 0; i < 5; i++)
		same_entry(&ent[i], &app->e[i]);
	for (i = 0; i < 5; i++)
		CHECK_EQ(app->crc[i], sums[i]);
}

/* Just a keepalive, with each flag on its own. */
static void test_keepalive(void)
{
	struct wire_submit s = { .from = 1, .in_use = 1 };

	CHECK_EQ(rblk_wire_encode_submit(buf, &s, 0, entry_at, NULL), HEAD + 56);
	CHECK_EQ(decode_any(), 0);
	CHECK(frame->submit.in_use && !frame->submit.force);
	CHECK_EQ(frame->submit.term, 0);
	CHECK_EQ(app->n, 0);
	CHECK_EQ(app->nblocks, 0);
	s.in_use = 0;
	s.force = 1;
	rblk_wire_encode_submit(buf, &s, 0, entry_at, NULL);
	CHECK_EQ(decode_any(), 0);
	CHECK(!frame->submit.in_use && frame->submit.force && !frame->submit.seeks);
}

static void test_submit_largest(void)
{
	u32 b = 0, i;

	for (i = 0; i < WIRE_ENTRIES_MAX; i++) {
		if (i < 2)
			fill_unplaced(i, RBLK_E_WRITE, 1, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT, &b);
		else
			fill_unplaced(i, RBLK_E_ZEROES, i, RBLK_ZERO_SECTORS_MAX, &b);
	}
	CHECK_EQ(b, WIRE_BLOCKS_MAX);
	CHECK_EQ(rblk_wire_encode_submit(buf, &submit, WIRE_ENTRIES_MAX, entry_at, NULL),
		 SUB_SUM(WIRE_ENTRIES_MAX, WIRE_BLOCKS_MAX));
	CHECK_EQ(decode_any(), 0);
	for (i = 0; i < WIRE_ENTRIES_MAX; i++)
		same_entry(&ent[i], &app->e[i]);
	for (i = 0; i < WIRE_BLOCKS_MAX; i++)
		CHECK_EQ(app->crc[i], sums[i]);
}

/* What the caller must not do is caught before it can leave the node. */
static void test_encode_asserts(void)
{
	u32 b = 0, i;

	tap_expect_asserts();
	for (i = 0; i <= WIRE_ENTRIES_MAX; i++)
		fill_unplaced(i, RBLK_E_ZEROES, 0, 8, &b);
	CHECK_EQ(rblk_wire_encode_submit(buf, &submit, WIRE_ENTRIES_MAX + 1, entry_at, NULL), 0);
	ent[0].nblocks = WIRE_BLOCKS_MAX + 1;
	CHECK_EQ(rblk_wire_encode_submit(buf, &submit, 1, entry_at, NULL), 0);
	CHECK_EQ(rblk_wire_encode_data(buf, &data, &ent[0], sums), 0);
	CHECK_EQ(tap_asserts(), 3);
}

static void test_reply(void)
{
	const struct wire_reply *r;

	CHECK_EQ(encode_reply(), HEAD + 128);
	CHECK_EQ(get32(12), 0);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_REPLY);
	CHECK_EQ(app->n, 0);
	r = &frame->reply;
	CHECK_EQ(r->to, reply.to);
	CHECK_EQ(r->term, reply.term);
	CHECK_EQ(r->leader, reply.leader);
	CHECK_EQ(r->index, reply.index);
	CHECK_EQ(r->epoch, reply.epoch);
	CHECK_EQ(r->nonce, reply.nonce);
	CHECK_EQ(r->seq, reply.seq);
	CHECK_EQ(r->holder, reply.holder);
	CHECK_EQ(r->holder_epoch, reply.holder_epoch);
	CHECK_EQ(r->sectors, reply.sectors);
	CHECK_EQ(r->cluster, reply.cluster);
	CHECK_EQ(r->block_size, reply.block_size);
	CHECK_EQ(r->flags, reply.flags);
	CHECK_EQ(r->election_ms, reply.election_ms);
	CHECK_EQ(r->heartbeat_ms, reply.heartbeat_ms);
	CHECK_EQ(r->keepalive, reply.keepalive);
	CHECK_EQ(r->next, reply.next);
	CHECK(r->serving && r->gap && r->busy && r->wanted);
}

/* One flag at a time: none is taken for its neighbour. */
static void test_reply_flags(void)
{
	struct wire_reply r;
	u32 i;

	for (i = 0; i < 5; i++) {
		r = reply;
		r.stalled = i == 4;
		r.serving = i == 0;
		r.gap = i == 1;
		r.busy = i == 2;
		r.wanted = i == 3;
		rblk_wire_encode_reply(buf, &r);
		CHECK_EQ(decode_any(), 0);
		CHECK_EQ(frame->reply.serving, r.serving);
		CHECK_EQ(frame->reply.gap, r.gap);
		CHECK_EQ(frame->reply.busy, r.busy);
		CHECK_EQ(frame->reply.wanted, r.wanted);
		CHECK_EQ(frame->reply.stalled, r.stalled);
	}
}

/* A new leader knows nothing yet: no session, no holder, no index. */
static void test_reply_least(void)
{
	struct wire_reply r = { .to = 1, .block_size = 512, .next = 1 };

	rblk_wire_encode_reply(buf, &r);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->reply.block_size, 512);
	r = reply;			/* the newest entries opened the sessions */
	r.epoch = r.holder_epoch = r.index;
	r.next = r.seq + 1;
	rblk_wire_encode_reply(buf, &r);
	CHECK_EQ(decode_any(), 0);
}

static void test_read(void)
{
	CHECK_EQ(encode_read(), HEAD + 32);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_READ);
	CHECK_EQ(frame->read.from, rd.from);
	CHECK_EQ(frame->read.id, rd.id);
	CHECK_EQ(frame->read.sector, rd.sector);
	CHECK_EQ(frame->read.nsect, rd.nsect);
	CHECK_EQ(frame->read.anyone, rd.anyone);
	CHECK_EQ(app->n, 0);
}

/* The last sectors that there can be. */
static void test_read_end(void)
{
	struct wire_read r = { .from = 1, .nsect = 8, .sector = U64_MAX - 8 };

	rblk_wire_encode_read(buf, &r);
	CHECK_EQ(decode_any(), 0);
	r.sector++;
	rblk_wire_encode_read(buf, &r);
	CHECK_EQ(decode_any(), -EINVAL);
}

static void test_data(void)
{
	CHECK_EQ(encode_data(), DATA_SUM(3));
	CHECK_EQ(get32(12), 3);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_DATA);
	CHECK_EQ(frame->data.to, data.to);
	CHECK_EQ(frame->data.id, data.id);
	CHECK_EQ(frame->data.error, 0);
	CHECK_EQ(frame->data.epoch, data.epoch);
	CHECK_EQ(app->n, 1);
	CHECK_EQ(app->nblocks, 3);
	same_entry(&ent[0], &app->e[0]);
	CHECK(!memcmp(app->crc, sums, 3 * sizeof(sums[0])));

	CHECK_EQ(encode_error(), HEAD + 56);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->data.error, WIRE_E_IO);
	CHECK_EQ(app->n, 0);
}

/* Numbers of the protocol, whatever those of errno are; unknown ones are I/O errors. */
static void test_errors(void)
{
	static const struct {
		int error;
		u32 code;
		int back;
	} t[] = {
		{ 0, 0, 0 },
		{ -EIO, 5, -EIO },
		{ -EAGAIN, 11, -EAGAIN },
		{ -ENOMEM, 5, -EIO },
		{ -EREMOTE, 5, -EIO },
		{ -1000, 5, -EIO },
	};
	static const u32 unknown[] = { 1, 4, 12, 4096, 0x80000000, U32_MAX };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		CHECK_EQ(rblk_wire_error(t[i].error), t[i].code);
		CHECK_EQ(rblk_wire_errno(t[i].code), t[i].back);
	}
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		encode_error();
		put32(HEAD + 16, unknown[i]);
		seal();
		CHECK_EQ(decode_any(), 0);
		CHECK_EQ(rblk_wire_errno(frame->data.error), -EIO);
	}
}

static const char golden_submit[] =
	"72626c6b0104000098000000020000002827262524232221f8fb2cdb3b9ef76d"
	"1817161514131211282726252423222138373635343332310200000001010100"
	"0000000000000000000000000000000000000000000000006745230100000000"
	"0000000000000000320000000000000001000000000000000900000000000000"
	"0200030000000000000000007700000000000000320000000000000002000000"
	"00000000000000000000000000000500000000c0010000c0";

static const char golden_reply[] =
	"72626c6b0105000080000000000000001817161514131211b8431103e4d98754"
	"0807060504030201181716151413121128272625242322213837363534333231"
	"3200000000000000484746454443424158575655545352516867666564636261"
	"3300000000000000787776757473727188878685848382819897969594939291"
	"686766656463626100100000a4a3a2a1a8a7a6a5acabaaa90101010100000000";

static const char golden_read[] =
	"72626c6b0106000020000000000000000000000000000000d8b7b281c0204a63"
	"0807060504030201181716151413121128272625242322210001000000000000";

static const char golden_data[] =
	"72626c6b010700006c000000020000000000000000000000d651eb447a88fc8e"
	"0807060504030201181716151413121100000000010000003837363534333231"
	"0000000000000000000000000000000000000000000000006745230100000000"
	"0000000000000000000000000000000000000000000000000900000000000000"
	"02000300000000c0010000c0";

/* From a program in another language: a change of them is a change of the protocol. */
static void test_golden(void)
{
	u32 b = 0;

	fill_unplaced(0, RBLK_E_WRITE, 0x1234567, 9, &b);
	fill_unplaced(1, RBLK_E_OPEN, 0, 0, &b);
	golden(golden_submit, rblk_wire_encode_submit(buf, &submit, 2, entry_at, NULL));
	golden(golden_reply, encode_reply());
	golden(golden_read, encode_read());
	ent[0].epoch = ent[0].seq = 0;
	golden(golden_data, rblk_wire_encode_data(buf, &data, &ent[0], sums));
}

static void test_bit_flips(void)
{
	flip_all(encode_submit());
	flip_all(encode_reply());
	flip_all(encode_read());
	flip_all(encode_data());
	flip_all(encode_error());
}

static const struct bad bad_submit[] = {
	{ "no room for the message", 8, 4, 31, -EINVAL },
	{ "an entry short", 8, 4, 56 + 4 * 44 + 20, -EINVAL },
	{ "a sum short", 8, 4, 56 + 5 * 44 + 16, -EINVAL },
	{ "a byte long", 8, 4, 56 + 5 * 44 + 21, -EINVAL },
	{ "a sum long", 8, 4, 56 + 5 * 44 + 24, -EINVAL },
	{ "payload: less", 12, 4, 4, -EINVAL },
	{ "payload: more", 12, 4, 6, -EINVAL },
	{ "payload: over", 12, 4, WIRE_BLOCKS_MAX + 1, -EINVAL, true },
	{ "header's term", 16, 8, 8, -EINVAL },
	{ "from 0", HEAD + 0, 8, 0, -EINVAL },
	{ "term not the header's", HEAD + 8, 8, 10, -EINVAL },
	{ "n less", HEAD + 24, 4, 4, -EINVAL },
	{ "n more", HEAD + 24, 4, 6, -EINVAL },
	{ "n 0", HEAD + 24, 4, 0, -EINVAL },
	{ "n over", HEAD + 24, 4, WIRE_ENTRIES_MAX + 1, -EINVAL },
	{ "n wraps", HEAD + 24, 4, 0x40000005, -EINVAL },
	{ "n huge", HEAD + 24, 4, U32_MAX, -EINVAL },
	{ "in_use 2", HEAD + 28, 1, 2, -EINVAL },
	{ "force 2", HEAD + 29, 1, 2, -EINVAL },
	{ "seeks 2", HEAD + 30, 1, 2, -EINVAL },
	{ "reserved", HEAD + 31, 1, 0x80, -EINVAL },
	{ "reserved behind", HEAD + 32, 8, 1, -EINVAL },
	{ "reserved in the middle", HEAD + 40, 8, 1, -EINVAL },
	{ "reserved last", HEAD + 55, 1, 0x80, -EINVAL },
	{ "sector of other blocks", SUB_ENTRY(0) + 0, 8, 81, -EINVAL },
	{ "sector wraps", SUB_ENTRY(1) + 0, 8, U64_MAX - 10, -EINVAL },
	{ "nsect of other blocks", SUB_ENTRY(0) + 32, 4, 25, -EINVAL },
	{ "nsect 0", SUB_ENTRY(0) + 32, 4, 0, -EINVAL },
	{ "nsect huge", SUB_ENTRY(0) + 32, 4, U32_MAX, -EINVAL },
	{ "an identity", SUB_ENTRY(0) + 36, 4, 1, -EINVAL },
	{ "nblocks", SUB_ENTRY(0) + 40, 2, 2, -EINVAL },
	{ "nblocks huge", SUB_ENTRY(0) + 40, 2, 0xffff, -EINVAL },
	{ "kind 0", SUB_ENTRY(2) + 42, 1, 0, -EINVAL },
	{ "kind over", SUB_ENTRY(2) + 42, 1, RBLK_E_KIND_NR, -EINVAL },
	{ "a no-op is the leader's", SUB_ENTRY(2) + 42, 1, RBLK_E_NOOP, -EINVAL },
	{ "entry's reserved byte", SUB_ENTRY(0) + 43, 1, 1, -EINVAL },
	{ "zeroes: too long", SUB_ENTRY(1) + 32, 4, RBLK_ZERO_SECTORS_MAX + 1, -EINVAL },
	{ "zeroes with payload", SUB_ENTRY(1) + 40, 2, 1, -EINVAL },
	{ "open with a range", SUB_ENTRY(2) + 32, 4, 1, -EINVAL },
};

/* A configuration is nothing that a client may ask for, not even alone. */
static void test_bad_submit(void)
{
	u32 b = 0;

	refuse(encode_submit, bad_submit, ARRAY_SIZE(bad_submit));
	fill_unplaced(0, RBLK_E_CONF, 0, 0, &b);
	rblk_wire_encode_submit(buf, &submit, 1, entry_at, NULL);
	CHECK_EQ(decode_any(), -EINVAL);
	fill_unplaced(0, RBLK_E_NOOP, 0, 0, &b);
	rblk_wire_encode_submit(buf, &submit, 1, entry_at, NULL);
	CHECK_EQ(decode_any(), -EINVAL);
}

/* One entry too many, all well formed. */
static void test_submit_too_many(void)
{
	u32 b = 0, i;

	for (i = 0; i <= WIRE_ENTRIES_MAX; i++)
		fill_unplaced(i, RBLK_E_ZEROES, 0, 8, &b);
	rblk_wire_encode_submit(buf, &submit, WIRE_ENTRIES_MAX, entry_at, NULL);
	memcpy(buf + SUB_ENTRY(WIRE_ENTRIES_MAX), buf + SUB_ENTRY(0), 44);
	put32(HEAD + 24, WIRE_ENTRIES_MAX + 1);
	put32(8, 56 + 44 * (WIRE_ENTRIES_MAX + 1));
	seal();
	CHECK_EQ(decode_any(), -EINVAL);
}

static const struct bad bad_keepalive[] = {
	{ "short", 8, 4, 31, -EINVAL },
	{ "long", 8, 4, 36, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL },
	{ "n", HEAD + 24, 4, 1, -EINVAL },
};

static const struct bad bad_reply[] = {
	{ "short", 8, 4, 127, -EINVAL },
	{ "long", 8, 4, 129, -EINVAL },
	{ "1 byte", 8, 4, 1, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL, true },
	{ "header's term", 16, 8, 8, -EINVAL },
	{ "to 0", HEAD + 0, 8, 0, -EINVAL },
	{ "term not the header's", HEAD + 8, 8, 8, -EINVAL },
	{ "index below the epochs", HEAD + 24, 8, 0x31, -EINVAL },
	{ "index below the holder's", HEAD + 24, 8, 0x32, -EINVAL },
	{ "epoch above the index", HEAD + 32, 8, 0x3132333435363739, -EINVAL },
	{ "done what was never expected", HEAD + 48, 8, 0x6162636465666768, -EINVAL },
	{ "nobody holds an epoch", HEAD + 56, 8, 0, -EINVAL },
	{ "a holder without an epoch", HEAD + 64, 8, 0, -EINVAL },
	{ "holder's epoch above the index", HEAD + 64, 8, 0x3132333435363739, -EINVAL },
	{ "next is done", HEAD + 96, 8, 0x5152535455565758, -EINVAL },
	{ "next 0", HEAD + 96, 8, 0, -EINVAL },
	{ "block size 0", HEAD + 104, 4, 0, -EINVAL },
	{ "block size 1024", HEAD + 104, 4, 1024, -EINVAL },
	{ "block size 8192", HEAD + 104, 4, 8192, -EINVAL },
	{ "serving 2", HEAD + 120, 1, 2, -EINVAL },
	{ "gap 2", HEAD + 121, 1, 2, -EINVAL },
	{ "busy 2", HEAD + 122, 1, 2, -EINVAL },
	{ "wanted 2", HEAD + 123, 1, 2, -EINVAL },
	{ "stalled 2", HEAD + 124, 1, 2, -EINVAL },
	{ "reserved", HEAD + 125, 1, 1, -EINVAL },
};

static const struct bad bad_read[] = {
	{ "short", 8, 4, 31, -EINVAL },
	{ "long", 8, 4, 33, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL, true },
	{ "from 0", HEAD + 0, 8, 0, -EINVAL },
	{ "nsect 0", HEAD + 24, 4, 0, -EINVAL },
	{ "nsect over", HEAD + 24, 4, (RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT) + 1, -EINVAL },
	{ "nsect huge", HEAD + 24, 4, U32_MAX, -EINVAL },
	{ "sector wraps", HEAD + 16, 8, U64_MAX - 100, -EINVAL },
	{ "anyone 2", HEAD + 28, 4, 2, -EINVAL },
};

static const struct bad bad_data[] = {
	{ "no room for the message", 8, 4, 23, -EINVAL },
	{ "a sum short", 8, 4, 56 + 44 + 8, -EINVAL },
	{ "a sum long", 8, 4, 56 + 44 + 16, -EINVAL },
	{ "payload: less", 12, 4, 2, -EINVAL },
	{ "payload: more", 12, 4, 4, -EINVAL },
	{ "payload: over", 12, 4, WIRE_BLOCKS_MAX + 1, -EINVAL, true },
	{ "to 0", HEAD + 0, 8, 0, -EINVAL },
	{ "an error with content", HEAD + 16, 4, 5, -EINVAL },
	{ "n 0", HEAD + 20, 4, 0, -EINVAL },
	{ "an error and content", HEAD + 16, 4, 5, -EINVAL },
	{ "reserved", HEAD + 32, 8, 1, -EINVAL },
	{ "reserved, second", HEAD + 40, 8, 1, -EINVAL },
	{ "reserved last", HEAD + 55, 1, 0x80, -EINVAL },
	{ "n 2", HEAD + 20, 4, 2, -EINVAL },
	{ "n huge", HEAD + 20, 4, U32_MAX, -EINVAL },
	{ "nsect of other blocks", DATA_ENTRY + 32, 4, 20, -EINVAL },
	{ "an identity", DATA_ENTRY + 36, 4, 1, -EINVAL },
	{ "not a write", DATA_ENTRY + 42, 1, RBLK_E_ZEROES, -EINVAL },
	{ "entry's reserved byte", DATA_ENTRY + 43, 1, 1, -EINVAL },
};

static const struct bad bad_error[] = {
	{ "short", 8, 4, 23, -EINVAL },
	{ "long", 8, 4, 25, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL },
	{ "neither content nor error", HEAD + 16, 4, 0, -EINVAL },
	{ "n", HEAD + 20, 4, 1, -EINVAL },
};

static void test_bad_replies(void)
{
	refuse(encode_keepalive, bad_keepalive, ARRAY_SIZE(bad_keepalive));
	refuse(encode_reply, bad_reply, ARRAY_SIZE(bad_reply));
	refuse(encode_read, bad_read, ARRAY_SIZE(bad_read));
	refuse(encode_data, bad_data, ARRAY_SIZE(bad_data));
	refuse(encode_error, bad_error, ARRAY_SIZE(bad_error));
}

/* Content is a write: well formed entries of other kinds are not. */
static void test_data_kinds(void)
{
	static const u8 kind[] = { RBLK_E_ZEROES, RBLK_E_OPEN, RBLK_E_CLOSE, RBLK_E_NOOP,
				   RBLK_E_CONF };
	u32 i, b, n;

	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		b = 0;
		n = kind[i] == RBLK_E_ZEROES ? 8 : 0;
		fill_unplaced(0, kind[i], 0, n, &b);
		rblk_wire_encode_data(buf, &data, &ent[0], sums);
		CHECK_EQ(decode_any(), -EINVAL);
	}
	b = 0;				/* one range, one entry */
	fill_unplaced(0, RBLK_E_WRITE, 0, 8, &b);
	rblk_wire_encode_data(buf, &data, &ent[0], sums);
	CHECK_EQ(decode_any(), 0);
	memcpy(buf + DATA_ENTRY + 92, buf + DATA_SUM(0), 4);	/* its sums: behind both */
	memcpy(buf + DATA_ENTRY + 88, buf + DATA_SUM(0), 4);
	memcpy(buf + DATA_ENTRY + 44, buf + DATA_ENTRY, 44);
	put32(HEAD + 20, 2);
	put32(8, 56 + 88 + 8);
	put32(12, 2);
	seal();
	CHECK_EQ(decode_any(), -EINVAL);
}

/* A decoder refuses frames of other types, even if its caller mixes them up. */
static void test_wrong_type(void)
{
	static u32 (*const encode[])(void) = {
		encode_keepalive, encode_reply, encode_read, encode_data,
	};
	struct wire_header h;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(encode); i++) {
		encode[i]();
		CHECK_EQ(decode_any(), 0);
		CHECK_EQ(rblk_wire_decode_header(&h, buf), 0);
		h.type = WIRE_RAFT;
		CHECK_EQ(rblk_wire_decode(frame, &h, buf + HEAD), -EINVAL);
		h.type = WIRE_TYPE_NR;
		CHECK_EQ(rblk_wire_decode(frame, &h, buf + HEAD), -EINVAL);
		h.type = WIRE_REJECT;
		CHECK_EQ(rblk_wire_decode(frame, &h, buf + HEAD), -EINVAL);
	}
}

/* Decoding overwrites what an earlier frame left in the result. */
static void test_result_reused(void)
{
	encode_submit();
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(app->n, 5);
	encode_reply();
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(app->n, 0);
	CHECK_EQ(app->nblocks, 0);
	encode_submit();
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(app->nblocks, 5);
}

static const struct tap_case cases[] = {
	{ "submit", test_submit },
	{ "keepalive", test_keepalive },
	{ "submit_largest", test_submit_largest },
	{ "encode_asserts", test_encode_asserts },
	{ "reply", test_reply },
	{ "reply_flags", test_reply_flags },
	{ "reply_least", test_reply_least },
	{ "read", test_read },
	{ "read_end", test_read_end },
	{ "data", test_data },
	{ "errors", test_errors },
	{ "golden", test_golden },
	{ "bit_flips", test_bit_flips },
	{ "bad_submit", test_bad_submit },
	{ "submit_too_many", test_submit_too_many },
	{ "bad_replies", test_bad_replies },
	{ "data_kinds", test_data_kinds },
	{ "wrong_type", test_wrong_type },
	{ "result_reused", test_result_reused },
};

TAP_MAIN(cases)
