// SPDX-License-Identifier: GPL-2.0
/* The wire codec: round trips, golden bytes, and what it must refuse. */
#include "wire-lib.h"

static const struct wire_hello hello = {
	.version_min = 1, .version_max = 3, .features = 0x1122334455667788,
	.volume = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
		    0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf },
	.cluster = 0x0102030405060708, .store = 0x1112131415161718,
	.generation = 0x2122232425262728, .match = 0x3132333435363738,
	.match_term = 0x4142434445464748, .term = 0x8182838485868788,
	.data_sectors = 0x5152535455565758, .ring_bytes = 0x6162636465666768,
	.entries = 0x7172737475767778, .channel = WIRE_BULK, .bootstrapped = 1, .role = WIRE_CLIENT,
	.name = "volume", .node = "alpha", .peer = "beta",
	.line = { 0x9192939495969798, 0xa1a2a3a4a5a6a7a8, [RBLK_LINE - 1] = 0xb1b2b3b4b5b6b7b8 },
};

static struct raft_msg append_msg(u32 n)
{
	return (struct raft_msg){
		.type = RAFT_MSG_APPEND, .from = 0x11, .to = 0x22, .term = 9,
		.prev = { .term = 6, .index = 99 }, .commit = 98, .read_seq = 5, .cluster = 0x33,
		.ents = { .first = 100, .last = 99 + n, .term = 7 }, .durable = 97, .spared = 96,
	};
}

/* write of 3 blocks, zeroes, no-op, open, close, unaligned write of 2 blocks */
static u32 encode_mixed(void)
{
	struct raft_msg m = append_msg(6);
	u32 b = 0;

	fill(0, RBLK_E_WRITE, 80, 24, &b);
	fill(1, RBLK_E_ZEROES, 4096, 2048, &b);
	fill(2, RBLK_E_NOOP, 0, 0, &b);
	fill(3, RBLK_E_OPEN, 0, 0, &b);
	fill(4, RBLK_E_CLOSE, 0, 0, &b);
	fill(5, RBLK_E_WRITE, 7, 2, &b);
	return rblk_wire_encode_raft(buf, &m, 6, entry_at, NULL);
}

#define ENTRY(i)	(HEAD + 144 + 44 * (i))
#define SUM(n, i)	(ENTRY(n) + 4 * (i))

static void same_msg(const struct raft_msg *a, const struct raft_msg *b)
{
	CHECK_EQ(a->type, b->type);
	CHECK_EQ(a->reject, b->reject);
	CHECK_EQ(a->force, b->force);
	CHECK_EQ(a->resync, b->resync);
	CHECK_EQ(a->spared, b->spared);
	CHECK_EQ(a->stalled, b->stalled);
	CHECK_EQ(a->impaired, b->impaired);
	CHECK_EQ(a->blocked << 1 | a->stuck, b->blocked << 1 | b->stuck);
	CHECK_EQ((u64)a->strain << 32 | a->strain_no, (u64)b->strain << 32 | b->strain_no);
	CHECK_EQ(a->from, b->from);
	CHECK_EQ(a->to, b->to);
	CHECK_EQ(a->term, b->term);
	CHECK_EQ(a->prev.term, b->prev.term);
	CHECK_EQ(a->prev.index, b->prev.index);
	CHECK_EQ(a->run_first, b->run_first);
	CHECK_EQ(a->reject_index, b->reject_index);
	CHECK_EQ(a->ents.first, b->ents.first);
	CHECK_EQ(a->ents.last, b->ents.last);
	CHECK_EQ(a->ents.term, b->ents.term);
	CHECK(!b->ents.conf);
	CHECK_EQ(a->commit, b->commit);
	CHECK_EQ(a->read_seq, b->read_seq);
	CHECK_EQ(a->seeker, b->seeker);
	CHECK_EQ(a->cluster, b->cluster);
}

static void test_hello(void)
{
	struct wire_hello got;
	u8 first[HEAD + 256];

	CHECK_EQ(rblk_wire_encode_hello(buf, &hello), HEAD + 256);
	memset(&got, 0xee, sizeof(got));
	CHECK_EQ(decode(NULL, &got, NULL), 0);
	CHECK_EQ(got.term, hello.term);
	CHECK_STREQ(got.peer, "beta");
	CHECK(!memcmp(got.line, hello.line, sizeof(got.line)));
	memcpy(first, buf, sizeof(first));
	rblk_wire_encode_hello(buf, &got);
	CHECK(!memcmp(buf, first, sizeof(first)));
}

/* A later version's HELLO says more: understood as far as we can. */
static void test_hello_longer(void)
{
	struct wire_hello got;

	rblk_wire_encode_hello(buf, &hello);
	memset(buf + HEAD + 256, 0x5a, 60);
	put32(8, 316);
	seal();
	CHECK_EQ(decode(NULL, &got, NULL), 0);
	CHECK_EQ(got.data_sectors, hello.data_sectors);
	CHECK_STREQ(got.peer, "beta");
}

/* Longest names fit; nothing that was behind the NUL leaks out. */
static void test_hello_names(void)
{
	struct wire_hello h = hello, got;

	memset(h.node, 'n', RBLK_NAME_MAX - 1);
	memcpy(h.peer, "b\0secret", 9);
	rblk_wire_encode_hello(buf, &h);
	CHECK_EQ(decode(NULL, &got, NULL), 0);
	CHECK_STREQ(got.node, h.node);
	CHECK_STREQ(got.peer, "b");
	CHECK(!got.peer[2]);
	memset(h.peer, 0, RBLK_NAME_MAX);	/* whom it speaks to may be unknown */
	rblk_wire_encode_hello(buf, &h);
	CHECK_EQ(decode(NULL, &got, NULL), 0);
}

static void test_reject(void)
{
	struct wire_reject r = { .reason = WIRE_R_ROLLBACK, .generation = 0x2122232425262728,
				 .match = 0x3132333435363738, .term = 0x4142434445464748,
				 .nonce = 0x5152535455565758, .start = 0x6162636465666768,
				 .alive = 1, .addr = "10.0.0.1:7800",
				 .from_generation = 3, .from_nonce = 4 };
	struct wire_header hello = { .type = WIRE_HELLO, .head_len = 160 };
	struct wire_reject got = { 0 };

	CHECK_EQ(rblk_wire_encode_reject(buf, &r), HEAD + 160);
	CHECK_EQ(rblk_wire_decode_reject(&got, &hello, buf + HEAD), -EINVAL);
	CHECK_EQ(decode(NULL, NULL, &got), 0);
	CHECK_EQ(got.reason, WIRE_R_ROLLBACK);
	CHECK(got.generation == r.generation && got.nonce == r.nonce && got.alive);
	CHECK_STREQ(got.addr, r.addr);
	put32(8, 159);		/* a byte short */
	seal();
	CHECK_EQ(decode_any(), -EINVAL);
	r.reason = 0;
	rblk_wire_encode_reject(buf, &r);
	CHECK_EQ(decode(NULL, NULL, &got), -EINVAL);
	r.reason = 200;		/* from a later version: a refusal all the same */
	rblk_wire_encode_reject(buf, &r);
	CHECK_EQ(decode(NULL, NULL, &got) ?: got.reason, 200);
}

/* Every message type, every field distinct, without entries. */
static void test_raft_plain(void)
{
	struct raft_msg m, got;
	int type;

	for (type = 1; type < RAFT_MSG_NR; type++) {
		m = (struct raft_msg){
			.type = type, .reject = type & 1, .force = !(type & 1),
			.resync = type >> 1 & 1, .stalled = type >> 2 & 1, .impaired = type % 3,
			.from = 101, .to = 102, .term = U64_MAX, .blocked = type & 1, .strain = 3,
			.prev = { .term = 104, .index = 105 }, .run_first = 106, .strain_no = 115,
			.reject_index = 107, .ents = { .first = 9, .last = 8, .term = 110 },
			.commit = 111, .read_seq = 112, .seeker = 113, .cluster = 114, .stuck = 1,
		};
		CHECK_EQ(rblk_wire_encode_raft(buf, &m, 0, entry_at, NULL), HEAD + 144);
		CHECK_EQ(decode(&got, NULL, NULL), 0);
		same_msg(&m, &got);
		CHECK_EQ(app->n, 0);
		CHECK_EQ(app->nblocks, 0);
		memset(&m.ents, 0, sizeof(m.ents));
		rblk_wire_encode_raft(buf, &m, 0, entry_at, NULL);
		CHECK_EQ(decode(&got, NULL, NULL), 0);
		same_msg(&m, &got);
	}
}

static void test_raft_append(void)
{
	struct raft_msg m = append_msg(6), got;
	u32 i;

	CHECK_EQ(encode_mixed(), SUM(6, 5));
	CHECK_EQ(get32(12), 5);
	CHECK_EQ(decode(&got, NULL, NULL), 0);
	same_msg(&m, &got);
	CHECK_EQ(app->n, 6);
	CHECK_EQ(app->nblocks, 5);
	for (i = 0; i < 6; i++)
		same_entry(&ent[i], &app->e[i]);
	for (i = 0; i < 5; i++)
		CHECK_EQ(app->crc[i], sums[i]);
}

static void test_raft_conf_alone(void)
{
	struct raft_msg m = append_msg(1), got;
	u32 b = 0;

	fill(0, RBLK_E_CONF, 0, 0, &b);
	rblk_wire_encode_raft(buf, &m, 1, entry_at, NULL);
	CHECK_EQ(decode(&got, NULL, NULL), 0);
	CHECK_EQ(app->nblocks, 1);
	CHECK_EQ(app->e[0].kind, RBLK_E_CONF);

	m = append_msg(2);
	fill(1, RBLK_E_NOOP, 0, 0, &b);
	rblk_wire_encode_raft(buf, &m, 2, entry_at, NULL);
	CHECK_EQ(decode_any(), -EINVAL);
}

/* The largest legal append fills all bounds at once. */
static void test_raft_largest(void)
{
	struct raft_msg m = append_msg(WIRE_ENTRIES_MAX), got;
	u32 b = 0, i;

	for (i = 0; i < WIRE_ENTRIES_MAX; i++) {
		if (i < 2)
			fill(i, RBLK_E_WRITE, 1, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT, &b);
		else
			fill(i, RBLK_E_ZEROES, i, RBLK_ZERO_SECTORS_MAX, &b);
	}
	CHECK_EQ(b, WIRE_BLOCKS_MAX);
	CHECK_EQ(rblk_wire_encode_raft(buf, &m, WIRE_ENTRIES_MAX, entry_at, NULL),
		 SUM(WIRE_ENTRIES_MAX, WIRE_BLOCKS_MAX));
	CHECK_EQ(decode(&got, NULL, NULL), 0);
	same_msg(&m, &got);
	for (i = 0; i < WIRE_ENTRIES_MAX; i++)
		same_entry(&ent[i], &app->e[i]);
	for (i = 0; i < WIRE_BLOCKS_MAX; i++)
		CHECK_EQ(app->crc[i], sums[i]);
}

/* What the caller must not do is caught before it can leave the node. */
static void test_encode_asserts(void)
{
	struct raft_msg m = append_msg(1);
	u32 b = 0, i;

	tap_expect_asserts();
	for (i = 0; i <= WIRE_ENTRIES_MAX; i++)
		fill(i, RBLK_E_NOOP, 0, 0, &b);
	CHECK_EQ(rblk_wire_encode_raft(buf, &m, WIRE_ENTRIES_MAX + 1, entry_at, NULL), 0);
	fill(0, RBLK_E_NOOP, 0, 0, &b);
	ent[0].index++;
	CHECK_EQ(rblk_wire_encode_raft(buf, &m, 1, entry_at, NULL), 0);
	fill(0, RBLK_E_NOOP, 0, 0, &b);
	ent[0].term++;
	CHECK_EQ(rblk_wire_encode_raft(buf, &m, 1, entry_at, NULL), 0);
	fill(0, RBLK_E_NOOP, 0, 0, &b);
	ent[0].nblocks = WIRE_BLOCKS_MAX + 1;
	CHECK_EQ(rblk_wire_encode_raft(buf, &m, 1, entry_at, NULL), 0);
	CHECK_EQ(tap_asserts(), 4);
}

static const char golden_hello[] =
	"72626c6b010100000001000000000000888786858483828127aeb40e3a65d1d701000300010101008877665544"
	"332211a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0807060504030201181716151413121128272625242322213837"
	"3635343332314847464544434241585756555453525168676665646362617877767574737271766f6c756d6500"
	"00000000000000000000000000000000000000000000000000616c706861000000000000000000000000000000"
	"000000000000000000000000626574610000000000000000000000000000000000000000000000000000000098"
	"97969594939291a8a7a6a5a4a3a2a1000000000000000000000000000000000000000000000000000000000000"
	"00000000000000000000b8b7b6b5b4b3b2b1";

static const char golden_reject[] =
	"72626c6b01020000a000000000000000000000000000000096086c2c5b28ec720501000000000000010000000000"
	"00000200000000000000030000000000000000000000000000000000000000000000040000000000000005000000"
	"0000000006000000000000000700000000000000613a310000000000000000000000000000000000000000000000"
	"00000000000000000000000000000000000000000000000000000000000000000000000000000800000000000000"
	"0900000000000000";

static const char golden_append[] =
	"72626c6b01030000f0000000020000000900000000000000528c82b4ce3e38ce050000000200000011000000"
	"0000000022000000000000000900000000000000060000000000000063000000000000000000000000000000"
	"0000000000000000640000000000000065000000000000000700000000000000620000000000000005000000"
	"0000000000000000000000003300000000000000000000000000000061000000000000006000000000000000"
	"674523010000000000000000000000003200000000000000010000000000000009000000b2a45bbe02000300"
	"000000000000000077000000000000003200000000000000020000000000000000000000ca94798600000500"
	"000000c0010000c0";

/* The bytes themselves: a change of them is a change of the protocol. */
static void test_golden(void)
{
	struct wire_reject r = { .reason = 5, .generation = 1, .match = 2, .term = 3, .from = 4, .to = 5,
				 .nonce = 6, .start = 7, .alive = 1, .addr = "a:1",
				 .from_generation = 8, .from_nonce = 9 };
	struct raft_msg m = append_msg(2);
	u32 b = 0;

	golden(golden_hello, rblk_wire_encode_hello(buf, &hello));
	golden(golden_reject, rblk_wire_encode_reject(buf, &r));
	fill(0, RBLK_E_WRITE, 0x1234567, 9, &b);
	fill(1, RBLK_E_OPEN, 0, 0, &b);
	golden(golden_append, rblk_wire_encode_raft(buf, &m, 2, entry_at, NULL));
}

static void test_bit_flips(void)
{
	struct wire_reject r = { .reason = 1 };

	flip_all(rblk_wire_encode_hello(buf, &hello));
	flip_all(rblk_wire_encode_reject(buf, &r));
	flip_all(encode_mixed());
}

static u32 encode_hello(void)
{
	return rblk_wire_encode_hello(buf, &hello);
}

static const struct bad bad_header[] = {
	{ "magic", 0, 4, 0x6b6c6273, -EBADMSG, true },
	{ "version 0", 4, 1, 0, -EPROTONOSUPPORT, true },
	{ "version 2", 4, 1, 2, -EPROTONOSUPPORT, true },
	{ "flag", 6, 2, 1, -EPROTONOSUPPORT, true },
	{ "high flag", 6, 2, 0x8000, -EPROTONOSUPPORT, true },
	{ "type 0", 5, 1, 0, -EINVAL, true },
	{ "type too big", 5, 1, WIRE_TYPE_NR, -EINVAL, true },
	{ "type 255", 5, 1, 255, -EINVAL, true },
	{ "head_len 0", 8, 4, 0, -EINVAL, true },
	{ "head_len over", 8, 4, WIRE_HEAD_MAX + 1, -EINVAL, true },
	{ "head_len huge", 8, 4, U32_MAX, -EINVAL, true },
	{ "head_len -32", 8, 4, (u32)-32, -EINVAL, true },
	{ "payload behind a HELLO", 12, 4, 1, -EINVAL, true },
};

static void test_bad_header(void)
{
	refuse(encode_hello, bad_header, ARRAY_SIZE(bad_header));
}

static const struct bad bad_hello[] = {
	{ "short", 8, 4, 255, -EINVAL },
	{ "1 byte", 8, 4, 1, -EINVAL },
	{ "is a REJECT", HEAD + 0, 2, 0, -EINVAL },
	{ "min > max", HEAD + 0, 2, 4, -EINVAL },
	{ "max 0", HEAD + 2, 2, 0, -EINVAL },
	{ "channel", HEAD + 4, 1, WIRE_CHANNELS, -EINVAL },
	{ "bootstrapped", HEAD + 5, 1, 2, -EINVAL },
	{ "role", HEAD + 6, 1, 4, -EINVAL },
	{ "frees", HEAD + 7, 1, 2, -EINVAL },
	{ "store 0", HEAD + 40, 8, 0, -EINVAL },
	{ "name: blank", HEAD + 97, 1, ' ', -EINVAL },
	{ "node empty", HEAD + 128, 8, 0, -EINVAL },
	{ "node: escape", HEAD + 129, 1, 0x1b, -EINVAL },
	{ "node: blank", HEAD + 129, 1, ' ', -EINVAL },
	{ "node: 8 bit", HEAD + 129, 1, 0x80, -EINVAL },
	{ "node: DEL", HEAD + 129, 1, 0x7f, -EINVAL },
	{ "node: text behind the NUL", HEAD + 159, 1, 'x', -EINVAL },
	{ "peer: newline", HEAD + 160, 1, '\n', -EINVAL },
	{ "peer: text behind the NUL", HEAD + 191, 1, 'x', -EINVAL },
};

static void test_bad_hello(void)
{
	u32 i;

	refuse(encode_hello, bad_hello, ARRAY_SIZE(bad_hello));
	for (i = 96; i <= 160; i += 32) {	/* a name without an end */
		encode_hello();
		memset(buf + HEAD + i, 'x', RBLK_NAME_MAX);
		seal();
		CHECK_EQ(decode_any(), -EINVAL);
	}
}

static const struct bad bad_raft[] = {
	{ "no room for the message", 8, 4, 127, -EINVAL },
	{ "an entry short", 8, 4, 144 + 5 * 44 + 20, -EINVAL },
	{ "a sum short", 8, 4, 144 + 6 * 44 + 16, -EINVAL },
	{ "a byte short", 8, 4, 144 + 6 * 44 + 19, -EINVAL },
	{ "a byte long", 8, 4, 144 + 6 * 44 + 21, -EINVAL },
	{ "a sum long", 8, 4, 144 + 6 * 44 + 24, -EINVAL },
	{ "payload: less", 12, 4, 4, -EINVAL },
	{ "payload: more", 12, 4, 6, -EINVAL },
	{ "payload: none", 12, 4, 0, -EINVAL },
	{ "payload: over", 12, 4, WIRE_BLOCKS_MAX + 1, -EINVAL, true },
	{ "payload: huge", 12, 4, U32_MAX, -EINVAL, true },
	{ "payload behind a short head", 8, 4, WIRE_HEAD_PAYLOAD - 1, -EINVAL, true },
	{ "header's term", 16, 8, 8, -EINVAL },
	{ "type 0", HEAD + 0, 1, 0, -EINVAL },
	{ "type over", HEAD + 0, 1, RAFT_MSG_NR, -EINVAL },
	{ "not an append", HEAD + 0, 1, RAFT_MSG_VOTE, -EINVAL },
	{ "reject 2", HEAD + 1, 1, 2, -EINVAL }, { "force 2", HEAD + 2, 1, 2, -EINVAL },
	{ "resync 2", HEAD + 3, 1, 2, -EINVAL }, { "stalled 2", HEAD + 6, 1, 2, -EINVAL },
	{ "impaired 3", HEAD + 7, 1, 3, -EINVAL },
	{ "blocked 2", HEAD + 120, 1, 2, -EINVAL }, { "stuck 2", HEAD + 121, 1, 2, -EINVAL },
	{ "absent 2", HEAD + 122, 1, 2, -EINVAL }, { "strain 4", HEAD + 123, 1, 4, -EINVAL },
	{ "n less", HEAD + 4, 4, 5, -EINVAL }, { "n more", HEAD + 4, 4, 7, -EINVAL },
	{ "n 0", HEAD + 4, 4, 0, -EINVAL },
	{ "n over", HEAD + 4, 4, WIRE_ENTRIES_MAX + 1, -EINVAL },
	{ "n wraps", HEAD + 4, 4, 0x40000006, -EINVAL },
	{ "n huge", HEAD + 4, 4, U32_MAX, -EINVAL },
	{ "from 0", HEAD + 8, 8, 0, -EINVAL },
	{ "to 0", HEAD + 16, 8, 0, -EINVAL },
	{ "term not the header's", HEAD + 24, 8, 10, -EINVAL },
	{ "prev.term above the span's", HEAD + 32, 8, 8, -EINVAL },
	{ "prev.index", HEAD + 40, 8, 98, -EINVAL },
	{ "first", HEAD + 64, 8, 101, -EINVAL },
	{ "first 0", HEAD + 64, 8, 0, -EINVAL },
	{ "last", HEAD + 72, 8, 106, -EINVAL },
	{ "last less", HEAD + 72, 8, 104, -EINVAL },
	{ "span's term above the sender's", HEAD + 80, 8, 10, -EINVAL },
	{ "span's term not the entries'", HEAD + 80, 8, 8, -EINVAL },
	{ "span's term 0", HEAD + 80, 8, 0, -EINVAL },
	{ "sector", ENTRY(0) + 0, 8, 88, -EINVAL },
	{ "store", ENTRY(0) + 8, 8, 1, -EINVAL },
	{ "epoch", ENTRY(0) + 16, 8, 51, -EINVAL },
	{ "seq", ENTRY(0) + 24, 8, 2, -EINVAL },
	{ "nsect", ENTRY(0) + 32, 4, 23, -EINVAL },
	{ "nsect of other blocks", ENTRY(0) + 32, 4, 25, -EINVAL },
	{ "nsect 0", ENTRY(0) + 32, 4, 0, -EINVAL },
	{ "nsect huge", ENTRY(0) + 32, 4, U32_MAX, -EINVAL },
	{ "csum", ENTRY(0) + 36, 4, 0, -EINVAL },
	{ "nblocks", ENTRY(0) + 40, 2, 4, -EINVAL },
	{ "nblocks huge", ENTRY(0) + 40, 2, 0xffff, -EINVAL },
	{ "kind 0", ENTRY(0) + 42, 1, 0, -EINVAL },
	{ "kind over", ENTRY(0) + 42, 1, RBLK_E_KIND_NR, -EINVAL },
	{ "kind", ENTRY(0) + 42, 1, RBLK_E_ZEROES, -EINVAL },
	{ "entry's reserved byte", ENTRY(0) + 43, 1, 1, -EINVAL },
	{ "zeroes: too long", ENTRY(1) + 32, 4, RBLK_ZERO_SECTORS_MAX + 1, -EINVAL },
	{ "zeroes with payload", ENTRY(1) + 40, 2, 1, -EINVAL },
	{ "no-op is a conf", ENTRY(2) + 42, 1, RBLK_E_CONF, -EINVAL },
	{ "open is a close", ENTRY(3) + 42, 1, RBLK_E_CLOSE, -EINVAL },
	{ "first sum", SUM(6, 0), 4, 0, -EINVAL },
	{ "last sum", SUM(6, 4), 4, 0, -EINVAL },
};

static u32 encode_plain(void)
{
	struct raft_msg m = { .type = RAFT_MSG_VOTE, .from = 1, .to = 2, .term = 3 };

	return rblk_wire_encode_raft(buf, &m, 0, entry_at, NULL);
}

static const struct bad bad_plain[] = {
	{ "short", 8, 4, 127, -EINVAL },
	{ "4 bytes", 8, 4, 4, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL },
	{ "type 0", HEAD + 0, 1, 0, -EINVAL },
	{ "type over", HEAD + 0, 1, RAFT_MSG_NR, -EINVAL },
	{ "reject 2", HEAD + 1, 1, 2, -EINVAL },
	{ "force 2", HEAD + 2, 1, 2, -EINVAL },
	{ "resync 2", HEAD + 3, 1, 2, -EINVAL },
	{ "stalled 2", HEAD + 6, 1, 2, -EINVAL },
	{ "impaired 3", HEAD + 7, 1, 3, -EINVAL },
	{ "n", HEAD + 4, 4, 1, -EINVAL },
	{ "from", HEAD + 8, 8, 0, -EINVAL },
	{ "to", HEAD + 16, 8, 0, -EINVAL },
	{ "term", HEAD + 24, 8, 0, -EINVAL },
	{ "an entry claimed", HEAD + 72, 8, 1, -EINVAL },
};

/* Lengths that agree with each other, and not with the entries. */
static void test_bad_lengths(void)
{
	u32 len, b = 0, i;
	struct raft_msg m = append_msg(3);

	refuse(encode_plain, bad_plain, ARRAY_SIZE(bad_plain));

	len = encode_mixed();		/* a sum that nobody owns */
	put32(8, len - HEAD + 4);
	put32(12, 6);
	seal();
	CHECK_EQ(decode_any(), -EINVAL);
	encode_mixed();			/* a sum less than the entries want */
	put32(8, len - HEAD - 4);
	put32(12, 4);
	seal();
	CHECK_EQ(decode_any(), -EINVAL);

	for (i = 0; i < 2; i++)		/* three largest writes, sums of two */
		fill(i, RBLK_E_WRITE, 1, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT, &b);
	fill(2, RBLK_E_NOOP, 0, 0, &b);
	len = rblk_wire_encode_raft(buf, &m, 3, entry_at, NULL);
	memcpy(buf + ENTRY(2), buf + ENTRY(1), 44);
	seal();
	CHECK_EQ(decode_any(), -EINVAL);

	for (i = 0, b = 0; i <= WIRE_ENTRIES_MAX; i++)	/* one entry too many, all well formed */
		fill(i, RBLK_E_NOOP, 0, 0, &b);
	m = append_msg(WIRE_ENTRIES_MAX);
	rblk_wire_encode_raft(buf, &m, WIRE_ENTRIES_MAX, entry_at, NULL);
	memset(buf + ENTRY(i - 1), 0, 44);
	buf[ENTRY(i - 1) + 16] = 50;			/* epoch, seq, csum, kind: as fill() */
	buf[ENTRY(i - 1) + 24] = i;
	put32(ENTRY(i - 1) + 36, ent[i - 1].csum);
	buf[ENTRY(i - 1) + 42] = RBLK_E_NOOP;
	put32(HEAD + 4, i);
	put32(HEAD + 72, 99 + i);
	put32(8, 144 + 44 * i);
	seal();
	CHECK_EQ(decode_any(), -EINVAL);
}

static void test_bad_raft(void)
{
	struct raft_msg m = append_msg(1);
	u32 b = 0, i;

	refuse(encode_mixed, bad_raft, ARRAY_SIZE(bad_raft));

	m.term = 6;		/* entries of a term later than the sender's */
	fill(0, RBLK_E_NOOP, 0, 0, &b);
	rblk_wire_encode_raft(buf, &m, 1, entry_at, NULL);
	CHECK_EQ(decode_any(), -EINVAL);

	m = append_msg(1);	/* malformed, but its sum is right */
	ent[0].nsect = 5;
	ent[0].csum = rblk_entry_csum(&ent[0], sums);
	rblk_wire_encode_raft(buf, &m, 1, entry_at, NULL);
	CHECK_EQ(decode_any(), -EINVAL);

	m.ents.first = 100;	/* an empty append that claims an entry */
	m.ents.last = 100;
	rblk_wire_encode_raft(buf, &m, 0, entry_at, NULL);
	CHECK_EQ(decode_any(), -EINVAL);

	m = append_msg(1);
	fill(0, RBLK_E_NOOP, 0, 0, &b);
	for (i = 0; i < 2; i++) {	/* indexes that would wrap, or did */
		m.prev.index = U64_MAX - 1 + i;
		ent[0].index = m.prev.index + 1;
		m.ents.first = ent[0].index;
		m.ents.last = ent[0].index;
		ent[0].csum = rblk_entry_csum(&ent[0], sums);
		rblk_wire_encode_raft(buf, &m, 1, entry_at, NULL);
		CHECK_EQ(decode_any(), -EINVAL);
	}
}

/* Two entries that swap places keep every length right. */
static void test_swapped_entries(void)
{
	u8 tmp[44];

	encode_mixed();
	memcpy(tmp, buf + ENTRY(3), 44);
	memcpy(buf + ENTRY(3), buf + ENTRY(4), 44);
	memcpy(buf + ENTRY(4), tmp, 44);
	seal();
	CHECK_EQ(decode_any(), -EINVAL);
}

/* Types are not taken for each other, even by a caller that mixes them up. */
static void test_wrong_decoder(void)
{
	struct wire_header h;
	struct wire_hello he;
	struct wire_reject re;

	encode_hello();
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(rblk_wire_decode_header(&h, buf), 0);
	CHECK_EQ(rblk_wire_decode_reject(&re, &h, buf + HEAD), -EINVAL);
	CHECK_EQ(rblk_wire_decode(frame, &h, buf + HEAD), -EINVAL);
	h.type = WIRE_RAFT;
	CHECK_EQ(rblk_wire_decode_hello(&he, &h, buf + HEAD), -EINVAL);
	encode_mixed();
	CHECK_EQ(rblk_wire_decode_header(&h, buf), 0);
	CHECK_EQ(rblk_wire_decode_hello(&he, &h, buf + HEAD), -EINVAL);
	CHECK_EQ(rblk_wire_decode_reject(&re, &h, buf + HEAD), -EINVAL);
	h.type = WIRE_HELLO;
	CHECK_EQ(rblk_wire_decode(frame, &h, buf + HEAD), -EINVAL);
}

/* A refused header leaves the result alone. */
static void test_header_untouched(void)
{
	struct wire_header h, ref;

	memset(&h, 0xee, sizeof(h));
	memcpy(&ref, &h, sizeof(h));
	encode_hello();
	put32(8, 0);
	seal();
	CHECK_EQ(rblk_wire_decode_header(&h, buf), -EINVAL);
	CHECK(!memcmp(&h, &ref, sizeof(h)));
}

static const struct tap_case cases[] = {
	{ "hello", test_hello },
	{ "hello_longer", test_hello_longer },
	{ "hello_names", test_hello_names },
	{ "reject", test_reject },
	{ "raft_plain", test_raft_plain },
	{ "raft_append", test_raft_append },
	{ "raft_conf_alone", test_raft_conf_alone },
	{ "raft_largest", test_raft_largest },
	{ "encode_asserts", test_encode_asserts },
	{ "golden", test_golden },
	{ "bit_flips", test_bit_flips },
	{ "bad_header", test_bad_header },
	{ "bad_hello", test_bad_hello },
	{ "bad_raft", test_bad_raft },
	{ "bad_lengths", test_bad_lengths },
	{ "swapped_entries", test_swapped_entries },
	{ "wrong_decoder", test_wrong_decoder },
	{ "header_untouched", test_header_untouched },
};

TAP_MAIN(cases)
