// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of every frame survives being sent and received, no byte belongs to
 * two fields or to none, and no value outside of its bounds is accepted.
 */
#include "fieldtab.h"
#include "roundtrip.h"
#include "tap.h"
#include "wire/wire_frame.h"

#define HEAD	WIRE_HEADER_BYTES

static u8 buf[WIRE_HEADER_BYTES + WIRE_HEAD_MAX];
static struct wire_frame got;
static struct wire_hello hello;
static struct wire_reject reject;

static const struct rblk_entry *entry_at(void *ctx, u32 i, const u32 **crc)
{
	const struct wire_append *a = ctx;
	u32 k;

	*crc = a->crc;
	for (k = 0; k < i; k++)
		*crc += a->e[k].nblocks;
	return &a->e[i];
}

/* Writes what @type of frame was got, or is to be. */
static u32 encode(u8 *to, u8 type)
{
	struct wire_append *a = &got.append;

	switch (type) {
	case WIRE_HELLO:
		return rblk_wire_encode_hello(to, &hello);
	case WIRE_REJECT:
		return rblk_wire_encode_reject(to, &reject);
	case WIRE_RAFT:
		return rblk_wire_encode_raft(to, &got.raft, a->n, entry_at, a);
	case WIRE_SUBMIT:
		return rblk_wire_encode_submit(to, &got.submit, a->n, entry_at, a);
	case WIRE_REPLY:
		return rblk_wire_encode_reply(to, &got.reply);
	case WIRE_READ:
		return rblk_wire_encode_read(to, &got.read);
	case WIRE_PULL:
		return rblk_wire_encode_pull(to, &got.pull);
	case WIRE_STATE:
		return rblk_wire_encode_state(to, &got.state);
	case WIRE_MAP:
		return rblk_wire_encode_map(to, &got.map);
	case WIRE_CHUNK:
		return rblk_wire_encode_chunk(to, &got.chunk, a->n ? &a->e[0] : NULL, a->crc);
	case WIRE_MARK:
		return rblk_wire_encode_mark(to, &got.mark);
	case WIRE_SUMS:
		return rblk_wire_encode_sums(to, &got.sums);
	case WIRE_ALIVE:
		return rblk_wire_encode_alive(to, &got.alive);
	default:
		return rblk_wire_encode_data(to, &got.data, a->n ? &a->e[0] : NULL, a->crc);
	}
}

static void encode_again(u8 *to)
{
	encode(to, buf[5]);
}

static int decode(void)
{
	struct wire_header h;
	int rc = rblk_wire_decode_header(&h, buf);

	if (!rc)
		rc = rblk_wire_check_head(&h, buf + HEAD);
	if (rc)
		return rc;
	switch (h.type) {
	case WIRE_HELLO:
		return rblk_wire_decode_hello(&hello, &h, buf + HEAD);
	case WIRE_REJECT:
		return rblk_wire_decode_reject(&reject, &h, buf + HEAD);
	default:
		return rblk_wire_decode(&got, &h, buf + HEAD);
	}
}

/* Makes the identity of each entry in the log, and both sums, right again. */
static void mend(void)
{
	struct frame_header *h = (void *)buf;
	struct frame_raft *f = (void *)(buf + HEAD);
	struct frame_entry *fe = (void *)(f + 1);
	u32 crc[RBLK_ENTRY_BLOCKS_MAX], i, k, n = le32_to_cpu(f->n);
	struct frame_sum *sum = (void *)(fe + n);
	u32 len = le32_to_cpu(h->head_len);
	struct rblk_entry e;

	if (len > WIRE_HEAD_MAX)
		return;
	for (i = 0; h->type == WIRE_RAFT && n <= WIRE_ENTRIES_MAX && i < n; i++) {
		frame_entry_get(&e, &fe[i]);
		e.index = le64_to_cpu(f->first) + i;
		e.term = le64_to_cpu(f->ents_term);
		if (e.nblocks > RBLK_ENTRY_BLOCKS_MAX)
			break;
		for (k = 0; k < e.nblocks; k++)
			crc[k] = le32_to_cpu((sum++)->v);
		fe[i].csum = cpu_to_le32(rblk_entry_csum(&e, crc));
	}
	h->head_crc = cpu_to_le32(rblk_crc32c(0, buf + HEAD, len));
	h->crc = cpu_to_le32(rblk_crc32c(0, h, offsetof(struct frame_header, crc)));
}

/* The header repeats the term of the message: both are changed at once. */
static void mend_term(void)
{
	struct frame_header *h = (void *)buf;

	h->term = ((struct frame_raft *)(buf + HEAD))->term;
	mend();
}

static void mend_client_term(void)
{
	struct frame_header *h = (void *)buf;

	h->term = ((struct frame_submit *)(buf + HEAD))->term;
	mend();
}

static_assert(offsetof(struct frame_submit, term) == offsetof(struct frame_reply, term));

static void fill(u32 i, u8 kind)
{
	struct wire_append *a = &got.append;
	struct rblk_entry *e = &a->e[i];
	u32 k;

	*e = (struct rblk_entry){ .kind = kind, .store = 3, .epoch = 4, .seq = 5 + i };
	if (got.type == WIRE_RAFT) {
		e->index = 100 + i;
		e->term = 7;
	}
	if (kind == RBLK_E_WRITE) {
		e->sector = 16;
		e->nsect = 20;
		e->nblocks = rblk_blocks_touched(e->sector, e->nsect);
	}
	for (k = 0; k < e->nblocks; k++)
		a->crc[a->nblocks + k] = 0xc0000000 + i + k;
	if (got.type == WIRE_RAFT)
		e->csum = rblk_entry_csum(e, a->crc + a->nblocks);
	a->nblocks += e->nblocks;
	a->n = i + 1;
}

static const char *const counts[] = {
	"frame_raft.n", "frame_submit.n", "frame_data.n", "frame_chunk.n", "frame_state.n",
	"frame_state.nsessions", NULL
};

/* Runs over the frame in @got, whose head is a @name with the entries and sums behind it. */
static void run(const char *name, void (*mend_frame)(void), const char *const *rigid)
{
	struct roundtrip_part part[2 + WIRE_ENTRIES_MAX + WIRE_BLOCKS_MAX] = { { name, HEAD } };
	struct roundtrip rt = {
		.part = part, .buf = buf, .len = encode(buf, got.type), .decode = decode,
		.encode = encode_again, .mend = mend_frame, .counts = counts, .rigid = rigid,
	};
	u32 i, n = 1, at = HEAD + fieldtab_of(name)->bytes;

	for (i = 0; i < got.append.n; i++, at += sizeof(struct frame_entry))
		part[n++] = (struct roundtrip_part){ "frame_entry", at };
	for (i = 0; i < got.append.nblocks; i++, at += sizeof(struct frame_sum))
		part[n++] = (struct roundtrip_part){ "frame_sum", at };
	CHECK_EQ(at, rt.len);
	roundtrip(&rt);
}

static void cover(void)
{
	const struct fieldtab *const *t;

	for (t = fieldtabs; *t; t++)
		if (!strncmp((*t)->name, "frame_", 6))
			roundtrip_cover(*t);
}

static void begin(u8 type)
{
	memset(&got, 0, sizeof(got));
	got.type = type;
}

static void test_hello(void)
{
	begin(WIRE_HELLO);
	hello = (struct wire_hello){
		.version_min = 2, .version_max = 0x300, .features = 3, .volume = { 4, 5 },
		.cluster = 6, .store = 7, .generation = 8, .match = 9, .match_term = 10,
		.data_sectors = 11, .ring_bytes = 12, .entries = 13,
		.line = { 14, 15, 16, 17, 18, 19, 20, 21 },
	};
	memset(hello.name, 'v', RBLK_NAME_MAX - 1);
	memset(hello.node, 'n', RBLK_NAME_MAX - 1);
	memset(hello.peer, 'p', RBLK_NAME_MAX - 1);
	run("frame_hello", mend, NULL);
}

static void test_reject(void)
{
	begin(WIRE_REJECT);
	reject.reason = WIRE_R_SIZES;
	run("frame_reject", mend, NULL);
}

static void test_raft(void)
{
	begin(WIRE_RAFT);
	got.raft = (struct raft_msg){
		.type = RAFT_MSG_VOTE, .from = 1, .to = 2, .term = 3, .prev = { 4, 5 },
		.run_first = 6, .reject_index = 7, .ents = { .first = 1ULL << 60, .last = 8, .term = 9 },
		.commit = 10, .read_seq = 11,
	};
	run("frame_raft", mend_term, NULL);
}

static void test_append(void)
{
	/*
	 * What follows from others: the blocks of an entry, which have to be there, and
	 * its sum; where the entries of a message begin and end.
	 */
	static const char *const rigid[] = {
		"frame_raft.type", "frame_raft.first", "frame_raft.last", "frame_raft.prev_index",
		"frame_entry.nblocks", "frame_entry.csum", NULL
	};

	begin(WIRE_RAFT);
	got.raft = (struct raft_msg){
		.type = RAFT_MSG_APPEND, .from = 1, .to = 2, .term = 9, .prev = { 6, 99 },
		.ents = { .first = 100, .last = 102, .term = 7 }, .commit = 98,
	};
	fill(0, RBLK_E_WRITE);
	fill(1, RBLK_E_OPEN);
	fill(2, RBLK_E_WRITE);
	run("frame_raft", mend_term, rigid);
}

static void test_submit(void)
{
	static const char *const rigid[] = { "frame_entry.nblocks", "frame_entry.csum", NULL };

	begin(WIRE_SUBMIT);
	got.submit = (struct wire_submit){ .from = 1, .term = 2, .keepalive = 3 };
	fill(0, RBLK_E_WRITE);
	fill(1, RBLK_E_OPEN);
	run("frame_submit", mend_client_term, rigid);
}

static void test_reply(void)
{
	begin(WIRE_REPLY);
	got.reply = (struct wire_reply){
		.to = 1, .term = 2, .leader = 3, .index = 4000, .epoch = 5, .nonce = 6,
		.seq = 7, .holder = 8, .holder_epoch = 9, .sectors = 10, .cluster = 11,
		.block_size = 512, .flags = 1, .election_ms = 12, .heartbeat_ms = 13,
		.keepalive = 14, .next = 1000,
	};
	run("frame_reply", mend_client_term, NULL);
}

static void test_read(void)
{
	begin(WIRE_READ);
	got.read = (struct wire_read){ .from = 1, .id = 2, .sector = 3, .nsect = 4 };
	run("frame_read", mend, NULL);
}

static void test_data(void)
{
	/* Content is a write, and without an error. */
	static const char *const content[] = { "frame_entry.csum", "frame_entry.nblocks",
					       "frame_entry.kind", "frame_data.error", NULL };

	begin(WIRE_DATA);
	got.data = (struct wire_data){ .to = 1, .id = 2, .epoch = 3 };
	fill(0, RBLK_E_WRITE);
	run("frame_data", mend, content);
	begin(WIRE_DATA);
	got.data = (struct wire_data){ .to = 1, .id = 2, .error = WIRE_E_IO, .epoch = 3 };
	run("frame_data", mend, NULL);
}

static void test_pull(void)
{
	/* Other hashes are as good, but none behind those that there are. */
	static const char *const compared[] = { "frame_pull.what", "frame_pull.compare", NULL };
	u32 i;

	begin(WIRE_PULL);
	got.pull = (struct wire_pull){ .from = 1, .id = 2, .least = 3, .at = 4,
				       .nsect = RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT,
				       .what = WIRE_P_CHUNK, .compare = 1 };
	for (i = 0; i < WIRE_HASHES_MAX; i++)
		got.pull.hash[i] = 0x1234567800000000 + i;
	run("frame_pull", mend, compared);
	begin(WIRE_PULL);
	got.pull = (struct wire_pull){ .from = 1, .id = 2, .least = 3, .at = 4,
				       .what = WIRE_P_STATE };
	run("frame_pull", mend, (const char *const[]){ "frame_pull.nsect", "frame_pull.compare",
						       "frame_pull.hash", NULL });
}

static void test_state(void)
{
	struct wire_state *s = &got.state;
	u32 i;

	begin(WIRE_STATE);
	*s = (struct wire_state){
		.to = 1, .id = 2, .region_shift = 17,
		.state = { .index = 1000, .term = 4, .digest = 5, .nsessions = RBLK_SESSIONS_MAX },
		.conf = { .index = 6, .cluster = 7, .sectors = 8, .block_size = 9,
			  .election_ms = 10, .heartbeat_ms = 11, .n = RBLK_MEMBERS_MAX,
			  .flags = 12, .entries = 13, .ring_bytes = 14 },
	};
	for (i = 0; i < RBLK_MEMBERS_MAX; i++) {
		s->conf.m[i].store = 0x100 << i;
		s->conf.m[i].flags = RBLK_M_IN;
		memset(s->conf.m[i].node, 'a' + i, RBLK_NAME_MAX - 1);
		memset(s->conf.m[i].addr, 'A' + i, RBLK_ADDR_MAX - 1);
	}
	for (i = 0; i < RBLK_SESSIONS_MAX; i++)
		s->state.session[i] = (struct rblk_session){ 1 + i, 2 + i, 3 + i, 4 + i };
	run("frame_state", mend, NULL);
}

static void test_map(void)
{
	u32 i;

	begin(WIRE_MAP);
	got.map = (struct wire_map){ .to = 1, .id = 2, .first = 3 };
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		got.map.v[i] = i << 8;
	run("frame_map", mend, NULL);
}

static void test_chunk(void)
{
	static const char *const content[] = { "frame_entry.csum", "frame_entry.nblocks",
					       "frame_entry.kind", "frame_chunk.error", NULL };

	begin(WIRE_CHUNK);
	got.chunk = (struct wire_chunk){ .to = 1, .id = 2, .index = 1000, .upto = 2000,
					 .same = 0x80000001 };
	fill(0, RBLK_E_WRITE);
	run("frame_chunk", mend, content);
	begin(WIRE_CHUNK);
	got.chunk = (struct wire_chunk){ .to = 1, .id = 2, .upto = 3, .error = WIRE_E_AGAIN };
	run("frame_chunk", mend, (const char *const[]){ "frame_chunk.same", NULL });
}

static void test_mark(void)
{
	static const char *const alone[] = { "frame_mark.good", "frame_mark.what", NULL };

	begin(WIRE_MARK);
	got.mark = (struct wire_mark){ .from = 1, .id = 2, .sector = 8, .nsect = 4, .good = 6,
				       .conf = 5, .what = WIRE_M_MEND };
	run("frame_mark", mend, alone);
}

static void test_sums(void)
{
	static const char *const whole[] = { "frame_sums.error", "frame_sums.n", NULL };
	u32 i;

	begin(WIRE_SUMS);
	got.sums = (struct wire_sums){ .to = 1, .id = 2, .index = 3, .n = WIRE_SUMS_MAX };
	for (i = 0; i < WIRE_SUMS_MAX; i++)
		got.sums.v[i] = i << 8;
	run("frame_sums", mend, whole);
}

static void test_alive(void)
{
	begin(WIRE_ALIVE);
	got.alive = (struct wire_alive){ .to = 1, .nonce = 2, .id = 3, .answer = 1 };
	run("frame_alive", mend, NULL);
}

/* The header alone: what it says of the head is right with no other value. */
static void test_header(void)
{
	static const struct roundtrip_part part[] = { { "frame_header", 0 }, {} };
	static const char *const type[] = { "frame_header.type", NULL };
	static const char *const rigid[] = {
		"frame_header.type", "frame_header.head_len", "frame_header.payload_blocks",
		"frame_header.head_crc", NULL
	};
	/* That of a READ is of no consequence. */
	static const char *const term[] = { "frame_header.term", NULL };
	struct roundtrip rt = {
		.part = part, .buf = buf, .decode = decode, .encode = encode_again,
		.mend = mend, .fresh = term, .counts = type, .rigid = rigid,
	};

	begin(WIRE_READ);
	got.read = (struct wire_read){ .from = 1, .id = 2, .sector = 3, .nsect = 4 };
	rt.len = encode(buf, got.type);
	roundtrip(&rt);
}

static const struct tap_case cases[] = {
	{ "cover", cover },
	{ "header", test_header },
	{ "hello", test_hello },
	{ "reject", test_reject },
	{ "raft", test_raft },
	{ "append", test_append },
	{ "submit", test_submit },
	{ "reply", test_reply },
	{ "read", test_read },
	{ "data", test_data },
	{ "pull", test_pull },
	{ "state", test_state },
	{ "map", test_map },
	{ "chunk", test_chunk },
	{ "mark", test_mark },
	{ "sums", test_sums },
	{ "alive", test_alive },
};

TAP_MAIN(cases)
