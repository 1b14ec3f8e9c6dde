// SPDX-License-Identifier: GPL-2.0
/* The frames of a resync: PULL, STATE, MAP and CHUNK. */
#include "wire-lib.h"

static struct wire_pull pull = {
	.from = 0x0102030405060708, .id = 0x1112131415161718, .least = 0x2122232425262728,
	.at = 0x3132333435363738, .nsect = 17,
	.what = WIRE_P_CHUNK, .compare = 1,
};

static const struct wire_state state = {
	.to = 0x0102030405060708, .id = 0x1112131415161718, .region_shift = 20,
	.state = { .index = 0x2122232425262728, .term = 0x31, .digest = 0x4142434445464748,
		   .nsessions = 2, .session = { { 0x51, 0x2122232425262728, 0x53, 0x54 },
						{ 0x55, 0x56, 0x57, 0x58 } } },
	.conf = { .index = 0x2122232425262728, .cluster = 0x61, .sectors = 0x62,
		  .block_size = 4096, .election_ms = 0x63, .heartbeat_ms = 0x64, .n = 2,
		  .flags = RBLK_CONF_SHARED, .entries = 0x65, .ring_bytes = 0x66,
		  .m = { { .store = 0x71, .flags = RBLK_M_IN, .node = "alpha",
			   .addr = "10.0.0.1:7000" },
			 { .store = 0x72, .flags = RBLK_M_IN | RBLK_M_LEARNER,
			   .node = "beta", .addr = "[fd00::2]:7000" } } },
};

static const struct wire_chunk chunk = {
	.to = 0x0102030405060708, .id = 0x1112131415161718, .index = 0x2122232425262728,
	.upto = 0x2122232425262729,
};

static struct wire_map map;

static u32 encode_pull(void)
{
	u32 i;

	for (i = 0; i < 3; i++)
		pull.hash[i] = 0x8182838485868700 + i;
	return rblk_wire_encode_pull(buf, &pull);
}

/* Without what the sender has. */
static struct wire_pull pull_plain(u8 what, u32 nsect)
{
	return (struct wire_pull){
		.from = pull.from, .id = pull.id, .least = pull.least, .at = pull.at,
		.nsect = nsect, .what = what,
	};
}

static u32 encode_ask_map(void)
{
	struct wire_pull p = pull_plain(WIRE_P_MAP, 0);

	return rblk_wire_encode_pull(buf, &p);
}

static u32 encode_state(void)
{
	return rblk_wire_encode_state(buf, &state);
}

static u32 encode_map(void)
{
	u32 i;

	map = (struct wire_map){ .to = chunk.to, .id = chunk.id, .first = 0x2122232425262728 };
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		map.v[i] = 0x7000 + i;
	return rblk_wire_encode_map(buf, &map);
}

/* In no log, and nobody's. */
static void content(u8 kind, u64 sector, u32 nsect)
{
	u32 b = 0;

	fill(0, kind, sector, nsect, &b);
	ent[0].index = ent[0].term = ent[0].csum = ent[0].epoch = ent[0].seq = 0;
}

static u32 encode_chunk(void)
{
	content(RBLK_E_WRITE, 7, 10);
	return rblk_wire_encode_chunk(buf, &chunk, &ent[0], sums);
}

static u32 encode_zeroes(void)
{
	content(RBLK_E_ZEROES, 256, 256);
	return rblk_wire_encode_chunk(buf, &chunk, &ent[0], NULL);
}

static u32 encode_refusal(void)
{
	struct wire_chunk c = { .to = chunk.to, .id = chunk.id, .error = WIRE_E_AGAIN };

	return rblk_wire_encode_chunk(buf, &c, NULL, NULL);
}

#define MEMBER(i)	(HEAD + 104 + 112 * (i))
#define SESSION(i)	(HEAD + 1896 + 32 * (i))
#define CHUNK_ENTRY	(HEAD + 56)
#define CHUNK_SUM(i)	(CHUNK_ENTRY + 44 + 4 * (i))

static void test_pull(void)
{
	CHECK_EQ(encode_pull(), HEAD + 296);
	CHECK_EQ(get32(12), 0);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_PULL);
	CHECK(!memcmp(&frame->pull, &pull, sizeof(pull)));
	CHECK_EQ(app->n, 0);
}

/* Only of content is there anything to compare, and of no more than is asked for. */
static void test_pull_compares(void)
{
	struct wire_pull p = pull_plain(WIRE_P_EXACT, 17);
	u32 i;

	p.compare = 1;
	rblk_wire_encode_pull(buf, &p);
	CHECK_EQ(decode_any(), -EINVAL);
	p.what = WIRE_P_CHUNK;
	for (i = 0; i < WIRE_HASHES_MAX; i++) {
		p.hash[i] = 1;
		rblk_wire_encode_pull(buf, &p);
		CHECK_EQ(decode_any(), i < 3 ? 0 : -EINVAL);
		p.hash[i] = i < 3;
	}
	p.compare = 0;
	rblk_wire_encode_pull(buf, &p);
	CHECK_EQ(decode_any(), -EINVAL);
	memset(p.hash, 0, sizeof(p.hash));
	rblk_wire_encode_pull(buf, &p);
	CHECK_EQ(decode_any(), 0);
}

/* Only content has sectors, and it has some. */
static void test_pull_kinds(void)
{
	struct wire_pull p = pull_plain(0, 0);
	u32 what, nsect;

	for (what = 0; what <= WIRE_P_NR; what++)
		for (nsect = 0; nsect < 2; nsect++) {
			bool good = what && what < WIRE_P_NR &&
				    !!nsect == (what >= WIRE_P_CHUNK);

			p.what = (u8)what;
			p.nsect = nsect;
			rblk_wire_encode_pull(buf, &p);
			CHECK_EQ(decode_any(), good ? 0 : -EINVAL);
		}
}

/* The last sectors that there can be. */
static void test_pull_end(void)
{
	struct wire_pull p = pull;

	p.at = U64_MAX - p.nsect;
	rblk_wire_encode_pull(buf, &p);
	CHECK_EQ(decode_any(), 0);
	p.at++;
	rblk_wire_encode_pull(buf, &p);
	CHECK_EQ(decode_any(), -EINVAL);
}

static void test_state(void)
{
	CHECK_EQ(encode_state(), HEAD + 2408);
	CHECK_EQ(get32(12), 0);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_STATE);
	CHECK(!memcmp(&frame->state, &state, sizeof(state)));
	CHECK_EQ(app->n, 0);
}

/* As many members and sessions as there can be; none of the session table is left over. */
static void test_state_largest(void)
{
	struct wire_state s = state;
	u32 i;

	s.conf.n = RBLK_MEMBERS_MAX;
	s.state.nsessions = RBLK_SESSIONS_MAX;
	for (i = 0; i < RBLK_MEMBERS_MAX; i++) {
		s.conf.m[i] = state.conf.m[1];
		s.conf.m[i].store = 0x100 + i;
	}
	for (i = 0; i < RBLK_SESSIONS_MAX; i++)
		s.state.session[i] = (struct rblk_session){ 0x200 + i, 1 + i, i, i };
	rblk_wire_encode_state(buf, &s);
	CHECK_EQ(decode_any(), 0);
	CHECK(!memcmp(&frame->state, &s, sizeof(s)));
	s.state.nsessions = 0;
	s.conf.n = 1;
	rblk_wire_encode_state(buf, &s);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->state.state.session[0].store, 0);
	CHECK_EQ(frame->state.conf.m[1].store, 0);
}

/* What is behind those in use is not looked at, and does not arrive. */
static void test_state_unused(void)
{
	encode_state();
	memset(buf + MEMBER(2), 0xff, 112);
	memset(buf + SESSION(2), 0xff, 32);
	seal();
	CHECK_EQ(decode_any(), 0);
	CHECK(!memcmp(&frame->state, &state, sizeof(state)));
}

static void test_map(void)
{
	CHECK_EQ(encode_map(), HEAD + 4064);
	CHECK_EQ(get32(12), 0);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_MAP);
	CHECK(!memcmp(&frame->map, &map, sizeof(map)));
	CHECK_EQ(app->n, 0);
}

static void test_chunk(void)
{
	CHECK_EQ(encode_chunk(), CHUNK_SUM(3));
	CHECK_EQ(get32(12), 3);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->type, WIRE_CHUNK);
	CHECK(!memcmp(&frame->chunk, &chunk, sizeof(chunk)));
	CHECK_EQ(app->n, 1);
	CHECK_EQ(app->nblocks, 3);
	same_entry(&ent[0], &app->e[0]);
	CHECK(!memcmp(app->crc, sums, 3 * sizeof(sums[0])));

	CHECK_EQ(encode_zeroes(), CHUNK_SUM(0));
	CHECK_EQ(get32(12), 0);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(app->n, 1);
	CHECK_EQ(app->nblocks, 0);
	same_entry(&ent[0], &app->e[0]);

	CHECK_EQ(encode_refusal(), HEAD + 56);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->chunk.error, WIRE_E_AGAIN);
	CHECK_EQ(app->n, 0);
}

/* If all blocks are the same, nothing follows; but something has to be said. */
static void test_chunk_same(void)
{
	struct wire_chunk c = chunk;

	c.same = 0x80000001;
	content(RBLK_E_WRITE, 7, 10);
	CHECK_EQ(rblk_wire_encode_chunk(buf, &c, &ent[0], sums), CHUNK_SUM(3));
	CHECK_EQ(decode_any(), 0);
	CHECK(!memcmp(&frame->chunk, &c, sizeof(c)));
	CHECK_EQ(app->n, 1);
	CHECK_EQ(rblk_wire_encode_chunk(buf, &c, NULL, NULL), HEAD + 56);
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(frame->chunk.same, c.same);
	CHECK_EQ(app->n, 0);
	c.error = WIRE_E_IO;
	rblk_wire_encode_chunk(buf, &c, NULL, NULL);
	CHECK_EQ(decode_any(), -EINVAL);
	c.same = 0;
	rblk_wire_encode_chunk(buf, &c, NULL, NULL);
	CHECK_EQ(decode_any(), 0);
	c.error = 0;
	rblk_wire_encode_chunk(buf, &c, NULL, NULL);
	CHECK_EQ(decode_any(), -EINVAL);
}

/* The last block of a volume may be a short one. */
static void test_chunk_sectors(void)
{
	CHECK_EQ(rblk_wire_chunk_sectors(256, 0), 256);
	CHECK_EQ(rblk_wire_chunk_sectors(256, 0x80000001), 240);
	CHECK_EQ(rblk_wire_chunk_sectors(256, U32_MAX), 0);
	CHECK_EQ(rblk_wire_chunk_sectors(19, 0), 19);
	CHECK_EQ(rblk_wire_chunk_sectors(19, 2), 11);
	CHECK_EQ(rblk_wire_chunk_sectors(19, 4), 16);
	CHECK_EQ(rblk_wire_chunk_sectors(19, 7), 0);
}

/* The largest chunk, and one block too many. */
static void test_chunk_largest(void)
{
	content(RBLK_E_WRITE, 256, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT);
	CHECK_EQ(rblk_wire_encode_chunk(buf, &chunk, &ent[0], sums), CHUNK_SUM(32));
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(app->nblocks, 32);
	tap_expect_asserts();
	ent[0].nblocks = WIRE_BLOCKS_MAX + 1;
	CHECK_EQ(rblk_wire_encode_chunk(buf, &chunk, &ent[0], sums), 0);
	CHECK_EQ(tap_asserts(), 1);
}

/* Content is a write or zeroes: well formed entries of other kinds are not. */
static void test_chunk_kinds(void)
{
	static const u8 kind[] = { RBLK_E_OPEN, RBLK_E_CLOSE, RBLK_E_NOOP, RBLK_E_CONF };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		content(kind[i], 0, 0);
		rblk_wire_encode_chunk(buf, &chunk, &ent[0], sums);
		CHECK_EQ(decode_any(), -EINVAL);
	}
}

/* What is included at the least is included. */
static void test_chunk_indexes(void)
{
	struct wire_chunk c = chunk;

	content(RBLK_E_ZEROES, 0, 8);
	c.index = c.upto;
	rblk_wire_encode_chunk(buf, &c, &ent[0], NULL);
	CHECK_EQ(decode_any(), 0);
	c.index++;
	rblk_wire_encode_chunk(buf, &c, &ent[0], NULL);
	CHECK_EQ(decode_any(), -EINVAL);
}

static const char golden_pull[] =
	"72626c6b0108000028010000000000000000000000000000a8a0aa89c8629045"
	"0807060504030201181716151413121128272625242322213837363534333231"
	"1100000003010000008786858483828101878685848382810287868584838281";


static const char golden_state[] =
	"72626c6b0109000068090000000000000000000000000000287de58874a98c81"
	"0807060504030201181716151413121128272625242322213100000000000000"
	"4847464544434241020000001400000028272625242322216100000000000000"
	"6200000000000000001000006300000064000000020000000100000065000000"
	"660000000000000071000000000000000100000000000000616c706861000000"
	"00000000000000000000000000000000000000000000000031302e302e302e31"
	"3a37303030000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000007200000000000000"
	"0500000000000000626574610000000000000000000000000000000000000000"
	"00000000000000005b666430303a3a325d3a3730303000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000";

static const char golden_sessions[] =
	"5100000000000000282726252423222153000000000000005400000000000000"
	"5500000000000000560000000000000057000000000000005800000000000000";

static const char golden_map[] =
	"72626c6b010a0000e00f00000000000000000000000000002d4662e402521aae"
	"0807060504030201181716151413121128272625242322210000000000000000"
	"007000000000000001700000000000000270000000000000";

static const char golden_chunk[] =
	"72626c6b010b000070000000030000000000000000000000d0446ec1c2a99b88"
	"0807060504030201181716151413121100000000010000002827262524232221"
	"2927262524232221000000000000000000000000000000000700000000000000"
	"0000000000000000000000000000000000000000000000000a00000000000000"
	"03000300000000c0010000c0020000c0";

static const char golden_zeroes[] =
	"72626c6b010b000064000000000000000000000000000000b18d0d69052d1ad0"
	"0807060504030201181716151413121100000000010000002827262524232221"
	"2927262524232221000000000000000000000000000000000001000000000000"
	"0000000000000000000000000000000000000000000000000001000000000000"
	"00000400";

static const char golden_refusal[] =
	"72626c6b010b000038000000000000000000000000000000fe522333c2fa1aa0"
	"080706050403020118171615141312110b000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000";

/* A long frame that is mostly zeroes: @hex up to @at, and @tail from @from on. */
static void golden_long(u32 len, const char *hex, u32 at, const char *tail, u32 from)
{
	u32 i;

	for (i = at; i < from; i++)
		CHECK_EQ(buf[i], 0);
	for (i = from + (u32)strlen(tail) / 2; i < len; i++)
		CHECK_EQ(buf[i], 0);
	memmove(buf + at, buf + from, strlen(tail) / 2);
	snprintf((char *)copy, sizeof(copy), "%s%s", hex, tail);
	golden((char *)copy, at + (u32)strlen(tail) / 2);
}

/* From a program in another language: a change of them is a change of the protocol. */
static void test_golden(void)
{
	u32 i;

	golden_long(encode_pull(), golden_pull, HEAD + 40 + 24, "", HEAD + 296);
	golden_long(encode_state(), golden_state, MEMBER(2), golden_sessions, SESSION(0));
	encode_map();
	for (i = 3; i < RBLK_MAP_PER_BLOCK; i++)
		map.v[i] = 0;
	golden_long(rblk_wire_encode_map(buf, &map), golden_map, HEAD + 32 + 24, "", HEAD + 4064);
	golden(golden_chunk, encode_chunk());
	golden(golden_zeroes, encode_zeroes());
	golden(golden_refusal, encode_refusal());
}

static void test_bit_flips(void)
{
	flip_all(encode_pull());
	flip_all(encode_state());
	flip_all(encode_map());
	flip_all(encode_chunk());
	flip_all(encode_zeroes());
	flip_all(encode_refusal());
}

static const struct bad bad_pull[] = {
	{ "short", 8, 4, 295, -EINVAL },
	{ "a hash short", 8, 4, 288, -EINVAL },
	{ "without hashes", 8, 4, 40, -EINVAL },
	{ "long", 8, 4, 297, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL, true },
	{ "from 0", HEAD + 0, 8, 0, -EINVAL },
	{ "at wraps", HEAD + 24, 8, U64_MAX - 10, -EINVAL },
	{ "no sectors", HEAD + 32, 4, 0, -EINVAL },
	{ "too many sectors", HEAD + 32, 4, (RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT) + 1, -EINVAL },
	{ "very many sectors", HEAD + 32, 4, U32_MAX, -EINVAL },
	{ "asks for nothing", HEAD + 36, 1, 0, -EINVAL },
	{ "asks for what there is not", HEAD + 36, 1, WIRE_P_NR, -EINVAL },
	{ "a state has no sectors", HEAD + 36, 1, WIRE_P_STATE, -EINVAL },
	{ "hashes, and none", HEAD + 37, 1, 0, -EINVAL },
	{ "hashes, twice", HEAD + 37, 1, 2, -EINVAL },
	{ "a hash too many", HEAD + 32, 4, 16, -EINVAL },
	{ "an exact chunk is not compared", HEAD + 36, 1, WIRE_P_EXACT, -EINVAL },
	{ "reserved", HEAD + 38, 1, 1, -EINVAL },
	{ "reserved last", HEAD + 39, 1, 0x80, -EINVAL },
};

static const struct bad bad_ask_map[] = {
	{ "a map has no sectors", HEAD + 32, 4, 1, -EINVAL },
	{ "content has", HEAD + 36, 1, WIRE_P_CHUNK, -EINVAL },
};

static const struct bad bad_state[] = {
	{ "short", 8, 4, 2407, -EINVAL },
	{ "long", 8, 4, 2409, -EINVAL },
	{ "1 byte", 8, 4, 1, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL, true },
	{ "to 0", HEAD + 0, 8, 0, -EINVAL },
	{ "index 0", HEAD + 16, 8, 0, -EINVAL },
	{ "index below the configuration", HEAD + 16, 8, 0x2122232425262727, -EINVAL },
	{ "term 0", HEAD + 24, 8, 0, -EINVAL },
	{ "sessions over", HEAD + 40, 4, RBLK_SESSIONS_MAX + 1, -EINVAL },
	{ "sessions huge", HEAD + 40, 4, U32_MAX, -EINVAL },
	{ "a session without a store", HEAD + 40, 4, 3, -EINVAL },
	{ "configuration 0", HEAD + 48, 8, 0, -EINVAL },
	{ "configuration above the index", HEAD + 48, 8, 0x2122232425262729, -EINVAL },
	{ "no members", HEAD + 84, 4, 0, -EINVAL },
	{ "members over", HEAD + 84, 4, RBLK_MEMBERS_MAX + 1, -EINVAL },
	{ "members huge", HEAD + 84, 4, U32_MAX, -EINVAL },
	{ "a member without a store", HEAD + 84, 4, 3, -EINVAL },
	{ "member 0", MEMBER(1) + 0, 8, 0, -EINVAL },
	{ "member without a role", MEMBER(1) + 8, 1, 0, -EINVAL },
	{ "name goes on behind its NUL", MEMBER(0) + 16 + 31, 1, 'x', -EINVAL },
	{ "name is not text", MEMBER(0) + 16, 1, 1, -EINVAL },
	{ "address goes on behind its NUL", MEMBER(1) + 48 + 63, 1, 'x', -EINVAL },
	{ "session 0", SESSION(1) + 0, 8, 0, -EINVAL },
	{ "epoch 0", SESSION(1) + 8, 8, 0, -EINVAL },
	{ "epoch above the index", SESSION(0) + 8, 8, 0x2122232425262729, -EINVAL },
	{ "epoch far above the index", SESSION(1) + 8, 8, U64_MAX, -EINVAL },
};

static const struct bad bad_map[] = {
	{ "short", 8, 4, 4063, -EINVAL },
	{ "a value short", 8, 4, 4056, -EINVAL },
	{ "long", 8, 4, 4072, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL, true },
	{ "to 0", HEAD + 0, 8, 0, -EINVAL },
	{ "reserved", HEAD + 24, 8, 1, -EINVAL },
	{ "reserved last", HEAD + 31, 1, 0x80, -EINVAL },
};

static const struct bad bad_chunk[] = {
	{ "no room for the message", 8, 4, 55, -EINVAL },
	{ "1 byte", 8, 4, 1, -EINVAL },
	{ "an entry short", 8, 4, 56 + 12, -EINVAL },
	{ "a sum short", 8, 4, 56 + 44 + 8, -EINVAL },
	{ "a sum long", 8, 4, 56 + 44 + 16, -EINVAL },
	{ "payload: less", 12, 4, 2, -EINVAL },
	{ "payload: more", 12, 4, 4, -EINVAL },
	{ "payload: over", 12, 4, WIRE_BLOCKS_MAX + 1, -EINVAL, true },
	{ "to 0", HEAD + 0, 8, 0, -EINVAL },
	{ "content and error", HEAD + 16, 4, WIRE_E_AGAIN, -EINVAL },
	{ "n 0", HEAD + 20, 4, 0, -EINVAL },
	{ "n 2", HEAD + 20, 4, 2, -EINVAL },
	{ "n huge", HEAD + 20, 4, U32_MAX, -EINVAL },
	{ "upto below index", HEAD + 32, 8, 0x2122232425262727, -EINVAL },
	{ "reserved", HEAD + 44, 4, 1, -EINVAL },
	{ "reserved last", HEAD + 55, 1, 0x80, -EINVAL },
	{ "nsect of other blocks", CHUNK_ENTRY + 32, 4, 20, -EINVAL },
	{ "an identity", CHUNK_ENTRY + 36, 4, 1, -EINVAL },
	{ "zeroes with payload", CHUNK_ENTRY + 42, 1, RBLK_E_ZEROES, -EINVAL },
	{ "entry's reserved byte", CHUNK_ENTRY + 43, 1, 1, -EINVAL },
};

static const struct bad bad_zeroes[] = {
	{ "payload", 12, 4, 1, -EINVAL },
	{ "long", 8, 4, 56 + 44 + 4, -EINVAL },
	{ "a write without payload", CHUNK_ENTRY + 42, 1, RBLK_E_WRITE, -EINVAL },
	{ "too long", CHUNK_ENTRY + 32, 4, RBLK_ZERO_SECTORS_MAX + 1, -EINVAL },
};

static const struct bad bad_refusal[] = {
	{ "short", 8, 4, 23, -EINVAL },
	{ "long", 8, 4, 57, -EINVAL },
	{ "payload", 12, 4, 1, -EINVAL },
	{ "neither content nor error", HEAD + 16, 4, 0, -EINVAL },
	{ "n", HEAD + 20, 4, 1, -EINVAL },
	{ "an error, and blocks that are the same", HEAD + 40, 4, 1, -EINVAL },
	{ "index above upto", HEAD + 24, 8, 1, -EINVAL },
};

static void test_bad(void)
{
	refuse(encode_pull, bad_pull, ARRAY_SIZE(bad_pull));
	refuse(encode_ask_map, bad_ask_map, ARRAY_SIZE(bad_ask_map));
	refuse(encode_state, bad_state, ARRAY_SIZE(bad_state));
	refuse(encode_map, bad_map, ARRAY_SIZE(bad_map));
	refuse(encode_chunk, bad_chunk, ARRAY_SIZE(bad_chunk));
	refuse(encode_zeroes, bad_zeroes, ARRAY_SIZE(bad_zeroes));
	refuse(encode_refusal, bad_refusal, ARRAY_SIZE(bad_refusal));
}

/* Nobody is asked for more than one frame can bring. */
static void test_chunk_two(void)
{
	encode_zeroes();
	memcpy(buf + CHUNK_ENTRY + 44, buf + CHUNK_ENTRY, 44);
	put32(HEAD + 20, 2);
	put32(8, 56 + 88);
	seal();
	CHECK_EQ(decode_any(), -EINVAL);
}

/* A decoder refuses frames of other types, even if its caller mixes them up. */
static void test_wrong_type(void)
{
	static u32 (*const encode[])(void) = { encode_pull, encode_state, encode_map, encode_chunk };
	struct wire_header h;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(encode); i++) {
		encode[i]();
		CHECK_EQ(decode_any(), 0);
		CHECK_EQ(rblk_wire_decode_header(&h, buf), 0);
		h.type = WIRE_TYPE_NR;
		CHECK_EQ(rblk_wire_decode(frame, &h, buf + HEAD), -EINVAL);
		h.type = WIRE_REPLY;
		CHECK_EQ(rblk_wire_decode(frame, &h, buf + HEAD), -EINVAL);
	}
}

/* Decoding overwrites what an earlier frame left in the result. */
static void test_result_reused(void)
{
	encode_chunk();
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(app->n, 1);
	encode_refusal();
	CHECK_EQ(decode_any(), 0);
	CHECK_EQ(app->n, 0);
	CHECK_EQ(app->nblocks, 0);
}

static const struct tap_case cases[] = {
	{ "pull", test_pull },
	{ "pull_compares", test_pull_compares },
	{ "pull_kinds", test_pull_kinds },
	{ "pull_end", test_pull_end },
	{ "state", test_state },
	{ "state_largest", test_state_largest },
	{ "state_unused", test_state_unused },
	{ "map", test_map },
	{ "chunk", test_chunk },
	{ "chunk_same", test_chunk_same },
	{ "chunk_sectors", test_chunk_sectors },
	{ "chunk_largest", test_chunk_largest },
	{ "chunk_kinds", test_chunk_kinds },
	{ "chunk_indexes", test_chunk_indexes },
	{ "chunk_two", test_chunk_two },
	{ "golden", test_golden },
	{ "bit_flips", test_bit_flips },
	{ "bad", test_bad },
	{ "wrong_type", test_wrong_type },
	{ "result_reused", test_result_reused },
};

TAP_MAIN(cases)
