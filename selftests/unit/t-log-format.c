// SPDX-License-Identifier: GPL-2.0
/* The form on disk: golden bytes, and what every decoder must refuse. */
#include "log-lib.h"
#include "t-log-golden.h"

static u8 buf[LOG_META_BYTES] __aligned(4096);
static u8 want[LOG_META_BYTES];
static u8 plain[LOG_SUPER_BYTES];

static void expect(const struct golden *g, u32 len)
{
	u32 i;

	memset(want, 0, sizeof(want));
	for (; g->hex; g++)
		for (i = 0; g->hex[2 * i]; i++) {
			unsigned int v;

			sscanf(g->hex + 2 * i, "%2x", &v);
			want[g->off + i] = v;
		}
	for (i = 0; i < len; i++)
		if (buf[i] != want[i])
			printf("# offset %u: 0x%02x, not 0x%02x\n", i, buf[i], want[i]);
	CHECK(!memcmp(buf, want, len));
}

static struct log_super super(void)
{
	struct log_super s = { .store = 0x1122334455667788, .created = 0x6543210 };
	u32 i;

	for (i = 0; i < RBLK_UUID_LEN; i++)
		s.volume[i] = 0x10 + i;
	strcpy(s.volume_name, "vol0");
	strcpy(s.node, "alpha");
	CHECK_EQ(rblk_log_layout(&s, 0x640000, 0x40000000, NULL), 0);
	return s;
}

static void set(u32 off, u32 width, u64 v)
{
	__le64 d = cpu_to_le64(v);

	memcpy(buf + off, &d, width);
}

struct bad {
	u32 off, width;
	u64 value;
	int rc;
};

/* Any flipped bit is noticed; so is each absurd field under a valid checksum. */
static void reject(int (*decode)(void), u32 len, const struct bad *bad, u32 nbad)
{
	static u8 good[LOG_META_BYTES];
	u32 i;

	CHECK_EQ(decode(), 0);
	memcpy(good, buf, len);
	for (i = 0; i < len; i++) {
		buf[i] ^= 1 << i % 8;
		CHECK_EQ(decode(), i < 8 ? -ENODATA : -EBADMSG);
		buf[i] = good[i];
	}
	for (i = 0; i < nbad; i++) {
		int rc;

		set(bad[i].off, bad[i].width, bad[i].value);
		t_seal(buf, len);
		rc = decode();
		if (rc != bad[i].rc)
			printf("# bad field %u: offset %u\n", i, bad[i].off);
		CHECK_EQ(rc, bad[i].rc);
		memcpy(buf, good, len);
	}
	CHECK_EQ(decode(), 0);
}

static int dec_super(void)
{
	struct log_super s, before;
	int rc;

	memset(&s, 0x77, sizeof(s));
	before = s;
	rc = rblk_log_super_decode(&s, buf);
	CHECK(!rc || !memcmp(&s, &before, sizeof(s)));
	return rc;
}

static void superblock(void)
{
	static const struct bad bad[] = {
		{ 12, 4, 2, -EPROTONOSUPPORT },
		{ 12, 4, 0, -EPROTONOSUPPORT },
		{ 24, 4, 1, -EPROTONOSUPPORT },
		{ 28, 4, 183, -EBADMSG },
		{ 48, 8, 0, -EINVAL },
		{ 64, 1, 0, -EINVAL },		/* an empty name with text after its NUL */
		{ 68, 1, 7, -EINVAL },		/* unprintable */
		{ 70, 1, 'x', -EINVAL },	/* behind the NUL */
		{ 96, 8, 0, 0 },		/* no name: allowed */
		{ 128, 8, 0x500000, -EINVAL },	/* device smaller than the ring's end */
		{ 128, 8, 4096, -EINVAL },
		{ 128, 8, 0, -EINVAL },
		{ 128, 8, -1, -EINVAL },
		{ 136, 8, 0, -EINVAL },
		{ 136, 8, 0x40000001, -EINVAL },
		{ 136, 8, -4096, -EINVAL },
		{ 136, 8, 0x400000000, -EINVAL },	/* the map is too small for it */
		{ 144, 8, 0x20000, -EINVAL },	/* over a metadata copy */
		{ 144, 8, 0x30200, -EINVAL },
		{ 144, 8, 0x7fffffffffffe000, -EINVAL },
		{ 144, 8, 0xfffffffffffff000, -EINVAL },
		{ 152, 8, 0x4000, -EINVAL },
		{ 152, 8, 0, -EINVAL },
		{ 160, 8, 0, -EINVAL },
		{ 160, 8, 0x101000, -EINVAL },
		{ 160, 8, 0xfffffffffff00000, -EINVAL },
		{ 168, 8, 0x3ff000, -EINVAL },
		{ 168, 8, 0x540000, -EINVAL },
		{ 168, 8, 0x500200, -EINVAL },
		{ 168, 8, 0xfffffffffffff000, -EINVAL },
		{ 176, 4, 1024, -EINVAL },
		{ 180, 4, 63, -EINVAL },
		{ 180, 4, 15, -EINVAL },
		{ 180, 4, 0x80000014, -EINVAL },
	};
	struct log_super s = super(), t;

	rblk_log_super_encode(&s, buf);
	expect(g_super, LOG_SUPER_BYTES);
	memset(&t, 0, sizeof(t));
	CHECK_EQ(rblk_log_super_decode(&t, buf), 0);
	CHECK(!memcmp(&s, &t, sizeof(s)));
	reject(dec_super, sizeof(struct disk_super), bad, ARRAY_SIZE(bad));
	memset(buf + 32, 0, RBLK_UUID_LEN);
	t_seal(buf, sizeof(struct disk_super));
	CHECK_EQ(dec_super(), -EINVAL);
	/* Features: unknown compatible ones are ignored, ro ones leave only looking. */
	rblk_log_super_encode(&s, buf);
	set(16, 4, 0x80000001);
	t_seal(buf, sizeof(struct disk_super));
	CHECK_EQ(rblk_log_super_decode(&t, buf), 0);
	CHECK(!t.read_only);
	set(20, 4, 2);
	t_seal(buf, sizeof(struct disk_super));
	CHECK_EQ(rblk_log_super_decode(&t, buf), 0);
	CHECK(t.read_only);
}

static int dec_data(void)
{
	struct data_super s;

	return rblk_log_data_super_decode(&s, buf);
}

static void data_header(void)
{
	static const struct bad bad[] = {
		{ 12, 4, 2, -EPROTONOSUPPORT },
		{ 20, 4, 2, -EPROTONOSUPPORT },
		{ 24, 4, 2, -EPROTONOSUPPORT },
		{ 48, 8, 0, -EINVAL },
		{ 64, 1, 0, -EINVAL },
		{ 96, 1, 0x80, -EINVAL },
		{ 144, 8, 1ULL << 60, -EINVAL }, { 152, 4, 0, 0 }, { 152, 4, 2, -EINVAL },
	};
	struct log_super s = super();
	struct data_super d = { .store = s.store, .seq = 0x102, .index = 0x304, .term = 0x506,
				.upto = 0x708, .flags = DATA_UNWRITTEN }, t;

	memcpy(d.volume, s.volume, RBLK_UUID_LEN);
	strcpy(d.volume_name, s.volume_name);
	strcpy(d.node, s.node);
	rblk_log_data_super_encode(&d, buf);
	expect(g_data, RBLK_BLOCK_SIZE);
	memset(&t, 0, sizeof(t));
	CHECK_EQ(rblk_log_data_super_decode(&t, buf), 0);
	CHECK(!memcmp(&d, &t, sizeof(d)));
	reject(dec_data, sizeof(struct disk_data), bad, ARRAY_SIZE(bad));
}

/* The MBR is there only if the store has one, and nothing else changes by it. */
static void mbr(void)
{
	static const struct golden tail[] = {
		{ 448, "0200eeffffff01000000ffffffff" },
		{ 510, "55aa" },
		{ 0, NULL }
	};
	struct log_super s = super(), t;
	struct data_super d = { .store = s.store, .mbr = true }, e;

	memcpy(d.volume, s.volume, RBLK_UUID_LEN);
	s.mbr = true;
	rblk_log_super_encode(&s, buf);
	CHECK_EQ(rblk_log_super_decode(&t, buf), 0);
	CHECK(t.mbr);
	s.mbr = false;
	rblk_log_super_encode(&s, plain);
	CHECK(!memcmp(buf, plain, DISK_MBR_OFF));
	CHECK_EQ(rblk_log_super_decode(&t, plain), 0);
	CHECK(!t.mbr);
	memset(buf, 0, DISK_MBR_OFF);
	expect(tail, LOG_SUPER_BYTES);

	strcpy(d.volume_name, "vol0");
	strcpy(d.node, "alpha");
	rblk_log_data_super_encode(&d, buf);
	CHECK_EQ(rblk_log_data_super_decode(&e, buf), 0);
	CHECK(e.mbr);
	memset(buf, 0, DISK_MBR_OFF);
	expect(tail, RBLK_BLOCK_SIZE);
}

static void conf_set(struct rblk_conf *c, u64 base, u32 bs, u32 n)
{
	static const struct rblk_member m[2] = {
		{ .store = 0xa1, .flags = RBLK_M_IN, .node = "alpha", .addr = "10.0.0.1:7000" },
		{ .store = 0xa2, .flags = RBLK_M_IN | RBLK_M_LEARNER, .node = "beta",
		  .addr = "[fd00::2]:7000" },
	};

	memset(c, 0, sizeof(*c));
	c->index = base + 1;
	c->cluster = base + 2;
	c->sectors = base + 8;
	c->block_size = bs;
	c->election_ms = base + 4;
	c->heartbeat_ms = base + 5;
	c->flags = base == 0x2000 ? RBLK_CONF_SHARED : 0;
	c->ring_bytes = base + 6;
	c->entries = (u32)base + 7;
	c->n = n;
	memcpy(c->m, m, n * sizeof(m[0]));
}

static int dec_conf(void)
{
	struct rblk_conf c;

	return rblk_log_conf_decode(&c, buf);
}

static void configuration(void)
{
	static const struct bad bad[] = {
		{ 12, 4, 2, -EPROTONOSUPPORT },
		{ 24, 4, 2, -EPROTONOSUPPORT },
		{ 64 + 24, 4, 513, -EINVAL },
		{ 64 + 16, 8, 0, -EINVAL },		/* sectors: none, or part of a block */
		{ 64 + 16, 8, 0x2009, -EINVAL },
		{ 64 + 16, 8, 0x2010, 0 },
		{ 64 + 36, 4, 0, -EINVAL },
		{ 64 + 36, 4, 3, -EINVAL },		/* a member without a store */
		{ 64 + 36, 4, 17, -EINVAL },
		{ 64 + 36, 4, 0x10002, -EINVAL },
		{ 64 + 40, 4, 0, 0 },			/* exclusive */
		{ 64 + 40, 4, 2, -EINVAL },		/* flags of a later version */
		{ 64 + 40, 4, 0x80000001, -EINVAL },
		{ 64 + 44, 4, 0, -EINVAL },		/* tables and rings of no size */
		{ 64 + 48, 8, 0, -EINVAL },
		{ 120, 8, 0, -EINVAL },
		{ 120 + 8, 1, 0, -EINVAL },
		{ 120 + 8, 1, 0x11, -EINVAL },
		{ 120 + 16, 1, 0, -EINVAL },
		{ 120 + 48 + 63, 1, 'x', -EINVAL },
		{ 120 + 112, 8, 0xa1, -EINVAL },	/* the same store twice */
	};
	struct rblk_conf c, d;
	u32 i;

	conf_set(&c, 0x2000, 4096, 2);
	rblk_log_conf_encode(&c, buf);
	expect(g_conf, RBLK_BLOCK_SIZE);
	memset(&d, 0, sizeof(d));
	CHECK_EQ(rblk_log_conf_decode(&d, buf), 0);
	CHECK(!memcmp(&c, &d, sizeof(c)));
	reject(dec_conf, sizeof(struct disk_conf_block), bad, ARRAY_SIZE(bad));
	/* What is left over where no member is does not show. */
	c.m[2] = c.m[1];
	rblk_log_conf_encode(&c, buf);
	expect(g_conf, RBLK_BLOCK_SIZE);
	/* All members that fit are right, and so is what lies behind them. */
	for (i = 2; i <= RBLK_MEMBERS_MAX; i++) {
		memcpy(buf + 120 + i * 112, buf + 120, 112);
		set(120 + i * 112, 8, 0xb0 + i);
	}
	set(64 + 36, 4, RBLK_MEMBERS_MAX);
	t_seal(buf, sizeof(struct disk_conf_block));
	CHECK_EQ(dec_conf(), 0);
	set(64 + 36, 4, RBLK_MEMBERS_MAX + 1);
	t_seal(buf, sizeof(struct disk_conf_block));
	CHECK_EQ(dec_conf(), -EINVAL);
}

/* There is none before a store is bootstrapped, which is something else than half a one. */
static void no_configuration(void)
{
	struct disk_conf d = {};

	CHECK_EQ(rblk_log_disk_conf_check(&d), 0);
	d.n = cpu_to_le32(1);
	CHECK_EQ(rblk_log_disk_conf_check(&d), -EINVAL);
	d.n = 0;
	d.index = cpu_to_le64(1);
	CHECK_EQ(rblk_log_disk_conf_check(&d), -EINVAL);
	d.index = 0;
	d.block_size = cpu_to_le32(4096);
	CHECK_EQ(rblk_log_disk_conf_check(&d), -EINVAL);
}

static struct log_super meta_super;

static int dec_meta(void)
{
	static struct log_meta m;

	return rblk_log_meta_decode(&m, &meta_super, buf);
}

static void metadata(void)
{
	static const struct bad bad[] = {
		{ 12, 4, 2, -EPROTONOSUPPORT },
		{ 20, 4, 2, -EPROTONOSUPPORT },
		{ 24, 4, 2, -EPROTONOSUPPORT },
		{ 32, 1, 0x99, -EINVAL },	/* another volume's */
		{ 48, 8, 5, -EINVAL },		/* another store's */
		{ 56, 8, 0, -EINVAL },
		{ 64, 8, 1ULL << 60, -EINVAL },
		{ 64, 8, 0x29, -EINVAL },	/* below the generation that began */
		{ 96, 8, 0x42, -EINVAL },	/* floor above the checkpoint */
		{ 96, 8, -1, -EINVAL },
		{ 104, 8, 0x37001, -EINVAL }, { 104, 8, 1ULL << 60, -EINVAL },
		{ 112, 8, 1ULL << 60, -EINVAL },
		{ 120, 8, -1, -EINVAL },
		{ 136, 8, 0x200, -EINVAL }, { 136, 8, 1ULL << 60, -EINVAL },
		{ 144, 8, -1, -EINVAL },
		{ 156, 4, 17, -EINVAL },
		{ 160, 4, 17, -EINVAL },
		{ 164, 4, 0, 0 }, { 164, 4, 3, 0 }, { 164, 4, 4, -EINVAL }, { 164, 4, 0x80000001, -EINVAL },
		{ 248, 8, 1ULL << 60, -EINVAL }, { 248, 8, -1, -EINVAL }, { 5176, 8, 1ULL << 60, -EINVAL },
		{ 256 + 36, 4, 17, -EINVAL }, { 256 + 40, 4, 3, -EINVAL }, { 2104 + 24, 4, 1, -EINVAL },
	};
	static struct log_meta m, t;

	meta_super = super();
	m = (struct log_meta){
		.flags = LOG_META_ABSENT, .image_seq = 0x3f, .absent_from = 0x2e,
		.version = 0x31, .generation = 0x32, .raft = { 0x33, 0x34 }, .watermark = 0x39,
		.floor = { .term = 0x35, .index = 0x36 }, .floor_pos = 0x37000, .floor_seq = 0x38,
		.start_generation = 0x2a, .start_pos = 0x3b000, .start_seq = 0x3c, .floor_chain = 0x3d3e3f40,
		.state = { .index = 0x41, .term = 0x42, .digest = 0x43, .nsessions = 1,
			   .session = { { 0x51, 0x52, 0x53, 0x54 } } },
		.owed = { .term = 0x2b, .index = 0x2c }, .line = { 0x71, [RBLK_LINE - 1] = 0x72 },
		.npeers = 2, .peer = { { 0x61, 0x62, 0x63, .nonce = 0x67 }, { 0x64, 0x65, 0x66 } },
		.seen.nonce = 0x73,
	};
	conf_set(&m.conf, 0x2000, 4096, 2);
	conf_set(&m.prev_conf, 0x1000, 512, 1);
	rblk_log_meta_encode(&m, &meta_super, buf);
	expect(g_meta, LOG_META_BYTES);
	CHECK_EQ(rblk_log_meta_decode(&t, &meta_super, buf), 0);
	CHECK(!memcmp(&m, &t, sizeof(m)));
	reject(dec_meta, LOG_META_BYTES, bad, ARRAY_SIZE(bad));
	/* What is left over where no session and no peer is does not show. */
	m.state.session[1] = m.state.session[0];
	m.peer[2] = m.peer[0];
	rblk_log_meta_encode(&m, &meta_super, buf);
	expect(g_meta, LOG_META_BYTES);
	/* What could not be read back is not written silently. */
	tap_expect_asserts();
	m.floor.index = 0x99;
	rblk_log_meta_encode(&m, &meta_super, buf);
	CHECK_EQ(tap_asserts(), 1);
}

static int dec_map(void)
{
	static u64 v[RBLK_MAP_PER_BLOCK];

	return rblk_log_map_decode(&meta_super, 3, v, buf);
}

static void change_map(void)
{
	static const struct bad bad[] = {
		{ 12, 4, 2, -EPROTONOSUPPORT },
		{ 32, 1, 0x99, -EINVAL },
		{ 48, 8, 5, -EINVAL }, { 56, 8, 4, -EINVAL },
		{ 64, 8, -1, 0 }, { 4088, 8, 1ULL << 63, 0 },	/* bits may have any value */
	};
	static u64 v[RBLK_MAP_PER_BLOCK], t[RBLK_MAP_PER_BLOCK];

	meta_super = super();
	memset(v, 0, sizeof(v));
	v[0] = 0x7000;
	v[1] = 0x7001;
	v[2] = 0x7002 | RBLK_MAP_ABSENT;
	v[RBLK_MAP_PER_BLOCK - 1] = 0x7000 + RBLK_MAP_PER_BLOCK - 1;
	rblk_log_map_encode(&meta_super, 3, v, buf);
	expect(g_map, RBLK_BLOCK_SIZE);
	CHECK_EQ(rblk_log_map_decode(&meta_super, 3, t, buf), 0);
	CHECK(!memcmp(v, t, sizeof(v)));
	CHECK_EQ(rblk_log_map_decode(&meta_super, 2, t, buf), -EINVAL);
	reject(dec_map, RBLK_BLOCK_SIZE, bad, ARRAY_SIZE(bad));
}

static int dec_record(void)
{
	struct log_header h;
	int rc = rblk_log_header_decode(&meta_super, buf, &h);

	return rc ? rc : rblk_log_header_check(buf, &h);
}

static int dec_header(void)
{
	struct log_header h;

	return rblk_log_header_decode(&meta_super, buf, &h);
}

static void put(const struct rblk_entry *e0, const u32 *crc)
{
	struct rblk_entry e = *e0;
	u64 pos;

	e.csum = rblk_entry_csum(&e, crc);
	CHECK_EQ(rblk_log_add(&t_log, &e, crc, 1, &pos), 0);
}

static const struct bad bad_record[] = {
	{ 12, 4, 2, -EPROTONOSUPPORT },
	{ 20, 4, 2, -EPROTONOSUPPORT },
	{ 24, 4, 2, -EPROTONOSUPPORT },
	{ 32, 1, 0x99, -ESTALE },
	{ 48, 8, 5, -ESTALE },
	{ 56, 8, 0, -EINVAL },
	{ 56, 8, 1ULL << 60, -EINVAL },
	{ 64, 8, 2, -EINVAL },			/* not above the one before */
	{ 64, 8, 1ULL << 60, -EINVAL },
	{ 72, 8, 3, -EINVAL },
	{ 80, 8, 8193, -EINVAL },
	{ 80, 8, 1ULL << 60, -EINVAL },
	{ 80, 8, 0x501000, -EINVAL },		/* more than a lap above the floor */
	{ 88, 8, 0x3000, -EINVAL },		/* floor above */
	{ 112, 8, 3, -EINVAL },			/* announces itself */
	{ 120, 8, 0, -EINVAL },
	{ 120, 8, -1, -EINVAL },
	{ 120, 8, 4, -EINVAL },			/* the sums cover the index */
	{ 132, 4, 8192, -EINVAL },
	{ 136, 4, 1, -EINVAL },
	{ 136, 4, 3, -EINVAL },
	{ 136, 4, 67, -EINVAL },
	{ 136, 4, 0x80000002, -EINVAL },
	{ 140, 4, 0, -EINVAL },
	{ 140, 4, 1, 0 },			/* the second has no payload */
	{ 140, 4, 3, -EINVAL },
	{ 140, 4, 49, -EINVAL },
	{ 144, 4, 17, -EINVAL },
	{ 148, 4, 1, -EINVAL },			/* closing, with entries */
	{ 1056, 8, 4, -EINVAL },
	{ 1056 + 8, 8, 0, -EINVAL },
	{ 1056 + 16, 8, 1, -EINVAL },
	{ 1056 + 24, 8, 1, -EINVAL },
	{ 1056 + 32, 8, 1, -EINVAL },
	{ 1056 + 40, 4, 8, -EINVAL },
	{ 1056 + 44, 4, 1, -EINVAL },
	{ 1056 + 48, 4, 0xffffffff, -EINVAL },
	{ 1056 + 52, 1, 1, -EINVAL },
	{ 1112 + 52, 1, 9, -EINVAL },
	{ 3744, 4, 1, -EINVAL },		/* block sums are in the entry's */
};

static const struct bad bad_counts[] = {
	{ 120, 8, 0, -EINVAL },
	{ 136, 4, 67, -EINVAL },
	{ 136, 4, 66, 0 },
	{ 140, 4, 49, -EINVAL },
	{ 140, 4, 48, 0 },
	{ 144, 4, 17, -EINVAL },
	{ 144, 4, 16, 0 },
};

static void record(void)
{
	static u8 data[2 * RBLK_BLOCK_SIZE];
	struct rblk_entry e = { .index = 1, .term = 2, .kind = RBLK_E_NOOP };
	static struct log_meta m;
	struct log_record *r;
	struct log_header h;
	struct log_record_id id;
	u32 crc[2], i;

	meta_super = super();
	rblk_log_init(&t_log, &meta_super, t_headers);
	rblk_log_meta_init(&m);
	t_log.next_seq = 1;
	t_log.floor_seq = 1;
	rblk_log_start(&t_log, &m);
	for (i = 0; i < 2; i++, e.index++) {
		put(&e, crc);
		rblk_log_done(&t_log, rblk_log_submit(&t_log), 0);
	}
	memset(data, 0x77, RBLK_BLOCK_SIZE);
	memset(data + RBLK_BLOCK_SIZE, 0x78, RBLK_BLOCK_SIZE);
	for (i = 0; i < 2; i++)
		crc[i] = rblk_crc32c(0, data + i * RBLK_BLOCK_SIZE, RBLK_BLOCK_SIZE);
	put(&(struct rblk_entry){ .index = 3, .term = 2, .kind = RBLK_E_WRITE, .nblocks = 2,
	    .sector = 0x8000000010, .nsect = 16, .epoch = 0x91, .seq = 0x92 }, crc);
	put(&(struct rblk_entry){ .index = 4, .term = 3, .kind = RBLK_E_OPEN, .store = 0xa1,
	    .epoch = 0x93, .seq = 0x94 }, crc);
	r = rblk_log_submit(&t_log);
	memcpy(buf, r->header, RBLK_BLOCK_SIZE);
	expect(g_record, RBLK_BLOCK_SIZE);
	CHECK_EQ(rblk_log_header_decode(&meta_super, buf, &h), 0);
	rblk_log_header_self(buf, &h, &id);
	CHECK(id.seq == r->id.seq && id.pos == r->id.pos && id.bytes == r->id.bytes &&
	      id.chain == r->id.chain && id.first == 3 && id.last == 4 && id.term == 3 &&
	      id.csum == r->id.csum);
	reject(dec_record, RBLK_BLOCK_SIZE, bad_record, ARRAY_SIZE(bad_record));
	/* Counts are within bounds before any entry is looked at. */
	reject(dec_header, RBLK_BLOCK_SIZE, bad_counts, ARRAY_SIZE(bad_counts));
}

static void layout(void)
{
	struct log_super s = {};
	u64 need, n;

	CHECK_EQ(rblk_log_layout(&s, 1 << 20, 1ULL << 40, &need), -ENOSPC);
	n = need;
	CHECK_EQ(rblk_log_layout(&s, n - 1, 1ULL << 40, &need), -ENOSPC);
	CHECK_EQ(rblk_log_layout(&s, n, 1ULL << 40, &need), 0);
	CHECK_EQ(s.ring_bytes, LOG_RING_MIN);
	CHECK_EQ(s.ring_off % (1 << 20), 0);
	/* A value for each MiB, a bit for each block, and all of that twice. */
	CHECK_EQ(rblk_log_map_regions(&s), DIV_ROUND_UP(1 << 20, RBLK_MAP_PER_BLOCK));
	n = rblk_log_map_regions(&s) + DIV_ROUND_UP(1 << 22, RBLK_MAP_PER_BLOCK);
	CHECK_EQ(s.map_bytes, 2 * n * RBLK_BLOCK_SIZE);
	CHECK_EQ(rblk_log_map_offset(&s, 7, 0), s.map_off + 7 * RBLK_BLOCK_SIZE);
	CHECK_EQ(rblk_log_map_offset(&s, 7, 1), s.map_off + (n + 7) * RBLK_BLOCK_SIZE);
	CHECK(s.map_off >= rblk_log_meta_offset(1) + LOG_META_BYTES);
	CHECK(s.map_off + s.map_bytes <= s.ring_off);
	CHECK_EQ(rblk_log_meta_offset(0), 64 << 10);
	CHECK_EQ(rblk_log_meta_offset(1), 128 << 10);
	CHECK_EQ(rblk_log_super_offset(&s, 0), 0);
	CHECK_EQ(rblk_log_layout(&s, (1ULL << 33) + 512 * 9, 1ULL << 40, NULL), 0);
	CHECK_EQ(rblk_log_super_offset(&s, 1), 1ULL << 33);
	CHECK(s.ring_off + s.ring_bytes <= 1ULL << 33);
	CHECK_EQ(rblk_log_layout(&s, 1ULL << 33, 0, NULL), -EINVAL);
	CHECK_EQ(rblk_log_layout(&s, 1ULL << 33, 1000, NULL), -EINVAL);
	CHECK_EQ(rblk_log_layout(&s, 1ULL << 33, (1ULL << 48) + 4096, NULL), -EINVAL);
	s.region_shift = 24;
	CHECK_EQ(rblk_log_layout(&s, 1ULL << 33, 1ULL << 40, NULL), 0);
	CHECK_EQ(s.region_shift, 24);
	s.region_shift = 15;
	CHECK_EQ(rblk_log_layout(&s, 1ULL << 33, 1ULL << 40, NULL), -EINVAL);
	s.region_shift = 24;
	s.block_size = 1024;
	CHECK_EQ(rblk_log_layout(&s, 1ULL << 33, 1 << 20, NULL), -EINVAL);
}

static void names(void)
{
	char b[8];

	rblk_name_put(b, "abcdefghij", 8);
	CHECK_STREQ(b, "abcdefg");
	CHECK(rblk_name_ok(b, 8, true));
	b[7] = 'x';
	CHECK(!rblk_name_ok(b, 8, true));
	rblk_name_put(b, "", 8);
	CHECK(rblk_name_ok(b, 8, false));
	CHECK(!rblk_name_ok(b, 8, true));
	rblk_name_put(b, "a b", 8);
	CHECK(!rblk_name_ok(b, 8, true));
	CHECK_STREQ(rblk_log_finding_name(LOG_F_ROT_UNKNOWN), "rot-unknown");
	CHECK_STREQ(rblk_log_finding_name(LOG_F_NR), "?");
}

static const struct tap_case cases[] = {
	{ "superblock", superblock },
	{ "data_header", data_header },
	{ "mbr", mbr },
	{ "configuration", configuration },
	{ "no_configuration", no_configuration },
	{ "metadata", metadata },
	{ "change_map", change_map },
	{ "record", record },
	{ "layout", layout },
	{ "names", names },
};
TAP_MAIN(cases)
