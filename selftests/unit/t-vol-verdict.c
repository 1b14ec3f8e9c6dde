// SPDX-License-Identifier: GPL-2.0
/* The verdict: every row of its table, session scenarios, and the digest's value. */
#include "tap.h"
#include "volume/volume.h"

static const struct rblk_entry *no_entry(void *ctx, u64 index)
{
	return NULL;
}

static struct vol_geom g512 = {
	.sectors = 1001, .block_size = 512, .region_shift = 20,
	.versions = 64, .ranges = 4, .batch = 33, .entry = no_entry,
};

static struct vol_geom g4k = {
	.sectors = 1000, .block_size = 4096, .region_shift = 20,
	.versions = 64, .ranges = 4, .batch = 33, .entry = no_entry,
};

/* Index 40, term 3, and store 5 in session since entry 30, with 7 writes. */
static struct rblk_state with_session(void)
{
	struct rblk_state s = { .index = 40, .term = 3, .digest = 99, .nsessions = 1 };

	s.session[0] = (struct rblk_session){ .store = 5, .epoch = 30, .nonce = 11, .seq = 7 };
	return s;
}

static struct rblk_state without_session(void)
{
	struct rblk_state s = { .index = 40, .term = 3, .digest = 99 };

	return s;
}

struct row {
	const char *what;
	bool session;
	bool blocks_4k;
	u8 kind;
	u64 store, epoch, seq;
	u64 sector;
	u32 nsect;
	int want;
	u64 epoch_after, seq_after;	/* epoch 0: no session */
};

static const struct row rows[] = {
	{ "noop", 1, 0, RBLK_E_NOOP, 0, 0, 0, 0, 0, 0, 30, 7 },
	{ "noop, none", 0, 0, RBLK_E_NOOP, 0, 0, 0, 0, 0, 0, 0, 0 },
	{ "conf", 1, 0, RBLK_E_CONF, 0, 0, 0, 0, 0, 0, 30, 7 },
	{ "verify", 1, 0, RBLK_E_VERIFY, 9, 0, 4, 8, 8, 0, 30, 7 },
	{ "open, none, expects none", 0, 0, RBLK_E_OPEN, 6, 0, 12, 0, 0, 0, 41, 0 },
	{ "open, none, expects one", 0, 0, RBLK_E_OPEN, 6, 30, 12, 0, 0, -EBUSY, 0, 0 },
	{ "open, held, expects none", 1, 0, RBLK_E_OPEN, 6, 0, 12, 0, 0, -EBUSY, 30, 7 },
	{ "open, held, expects another", 1, 0, RBLK_E_OPEN, 6, 29, 12, 0, 0, -EBUSY, 30, 7 },
	{ "open, held, expects later", 1, 0, RBLK_E_OPEN, 6, 31, 12, 0, 0, -EBUSY, 30, 7 },
	{ "takeover", 1, 0, RBLK_E_OPEN, 6, 30, 12, 0, 0, 0, 41, 0 },
	{ "holder, again", 1, 0, RBLK_E_OPEN, 5, 30, 12, 0, 0, 0, 41, 0 },
	{ "holder expects none", 1, 0, RBLK_E_OPEN, 5, 0, 12, 0, 0, -EBUSY, 30, 7 },
	{ "open by no store", 0, 0, RBLK_E_OPEN, 0, 0, 12, 0, 0, -EPROTO, 0, 0 },
	{ "takeover by no store", 1, 0, RBLK_E_OPEN, 0, 30, 12, 0, 0, -EPROTO, 30, 7 },
	{ "close", 1, 0, RBLK_E_CLOSE, 5, 30, 0, 0, 0, 0, 0, 0 },
	{ "close, other store", 1, 0, RBLK_E_CLOSE, 6, 30, 0, 0, 0, -ESTALE, 30, 7 },
	{ "close, other epoch", 1, 0, RBLK_E_CLOSE, 5, 29, 0, 0, 0, -ESTALE, 30, 7 },
	{ "close, none", 0, 0, RBLK_E_CLOSE, 5, 30, 0, 0, 0, -ESTALE, 0, 0 },
	{ "close, none, all zero", 0, 0, RBLK_E_CLOSE, 0, 0, 0, 0, 0, -ESTALE, 0, 0 },
	{ "write", 1, 0, RBLK_E_WRITE, 0, 30, 8, 3, 5, 0, 30, 8 },
	{ "write, old epoch", 1, 0, RBLK_E_WRITE, 0, 29, 8, 3, 5, -ESTALE, 30, 7 },
	{ "write, later epoch", 1, 0, RBLK_E_WRITE, 0, 31, 8, 3, 5, -ESTALE, 30, 7 },
	{ "write, none", 0, 0, RBLK_E_WRITE, 0, 30, 8, 3, 5, -ESTALE, 0, 0 },
	{ "write, none, epoch 0", 0, 0, RBLK_E_WRITE, 0, 0, 1, 3, 5, -ESTALE, 0, 0 },
	{ "write, same again", 1, 0, RBLK_E_WRITE, 0, 30, 7, 3, 5, -EALREADY, 30, 7 },
	{ "write, long ago", 1, 0, RBLK_E_WRITE, 0, 30, 1, 3, 5, -EALREADY, 30, 7 },
	{ "write, seq 0", 1, 0, RBLK_E_WRITE, 0, 30, 0, 3, 5, -EALREADY, 30, 7 },
	{ "write, gap", 1, 0, RBLK_E_WRITE, 0, 30, 9, 3, 5, -EPROTO, 30, 7 },
	{ "write, huge gap", 1, 0, RBLK_E_WRITE, 0, 30, U64_MAX, 3, 5, -EPROTO, 30, 7 },
	{ "stale beats out of range", 1, 0, RBLK_E_WRITE, 0, 29, 8, 1000, 5, -ESTALE, 30, 7 },
	{ "duplicate beats out of range", 1, 0, RBLK_E_WRITE, 0, 30, 7, 1000, 5, -EALREADY, 30, 7 },
	{ "gap beats out of range", 1, 0, RBLK_E_WRITE, 0, 30, 9, 1000, 5, -EPROTO, 30, 7 },
	{ "write, to the end", 1, 0, RBLK_E_WRITE, 0, 30, 8, 997, 4, 0, 30, 8 },
	{ "write, one beyond", 1, 0, RBLK_E_WRITE, 0, 30, 8, 997, 5, -ERANGE, 30, 8 },
	{ "write, behind the end", 1, 0, RBLK_E_WRITE, 0, 30, 8, 1001, 1, -ERANGE, 30, 8 },
	{ "write, far", 1, 0, RBLK_E_WRITE, 0, 30, 8, U64_MAX - 300, 200, -ERANGE, 30, 8 },
	{ "write, wraps", 1, 0, RBLK_E_WRITE, 0, 30, 8, U64_MAX - 3, 4, -ERANGE, 30, 8 },
	{ "zeroes", 1, 0, RBLK_E_ZEROES, 0, 30, 8, 0, 1001, 0, 30, 8 },
	{ "zeroes, too many", 1, 0, RBLK_E_ZEROES, 0, 30, 8, 0, 1002, -ERANGE, 30, 8 },
	{ "zeroes, more than all", 1, 0, RBLK_E_ZEROES, 0, 30, 8, 1, 1001, -ERANGE, 30, 8 },
	{ "zeroes, old epoch", 1, 0, RBLK_E_ZEROES, 0, 29, 8, 0, 1, -ESTALE, 30, 7 },
	{ "zeroes, same again", 1, 0, RBLK_E_ZEROES, 0, 30, 7, 0, 1, -EALREADY, 30, 7 },
	{ "zeroes, gap", 1, 0, RBLK_E_ZEROES, 0, 30, 9, 0, 1, -EPROTO, 30, 7 },
	{ "4k write", 1, 1, RBLK_E_WRITE, 0, 30, 8, 992, 8, 0, 30, 8 },
	{ "4k write, start", 1, 1, RBLK_E_WRITE, 0, 30, 8, 4, 8, -ERANGE, 30, 8 },
	{ "4k write, length", 1, 1, RBLK_E_WRITE, 0, 30, 8, 8, 12, -ERANGE, 30, 8 },
	{ "4k write, beyond", 1, 1, RBLK_E_WRITE, 0, 30, 8, 992, 16, -ERANGE, 30, 8 },
	{ "4k zeroes, sector", 1, 1, RBLK_E_ZEROES, 0, 30, 8, 1, 8, -ERANGE, 30, 8 },
	{ "4k zeroes", 1, 1, RBLK_E_ZEROES, 0, 30, 8, 8, 16, 0, 30, 8 },
	{ "kind of a later version", 1, 0, RBLK_E_KIND_NR, 0, 30, 8, 0, 0, -EPROTO, 30, 7 },
};

static void test_table(void)
{
	size_t i;
	u32 k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct rblk_state s = r->session ? with_session() : without_session();
		struct rblk_entry e = {
			.index = 41, .term = 4, .kind = r->kind, .store = r->store,
			.epoch = r->epoch, .seq = r->seq, .sector = r->sector,
			.nsect = r->nsect, .csum = 0x1234,
		};
		int got = rblk_vol_verdict(&s, r->blocks_4k ? &g4k : &g512, &e);

		if (got != r->want)
			printf("# %s: %d, not %d\n", r->what, got, r->want);
		CHECK_EQ(got, r->want);
		CHECK_EQ(s.index, 41);
		CHECK_EQ(s.term, 4);
		CHECK(s.digest != 99);
		CHECK_EQ(s.nsessions, !!r->epoch_after);
		CHECK_EQ(s.session[0].epoch, r->epoch_after);
		CHECK_EQ(s.session[0].seq, r->seq_after);
		if (r->epoch_after == 41) {
			CHECK_EQ(s.session[0].store, r->store);
			CHECK_EQ(s.session[0].nonce, r->seq);
		} else {
			CHECK_EQ(s.session[0].store, r->epoch_after ? 5 : 0);
			CHECK_EQ(s.session[0].nonce, r->epoch_after ? 11 : 0);
		}
		for (k = 1; k < RBLK_SESSIONS_MAX; k++)
			CHECK(!s.session[k].store && !s.session[k].epoch);
	}
}

/* ---- shared ---- */

static struct vol_geom gshared = {
	.sectors = 1001, .block_size = 512, .shared = true, .region_shift = 20,
	.versions = 64, .ranges = 4, .batch = 33, .entry = no_entry,
};

/* Stores 5, 6 and 7 in session since 30, 33 and 36; behind 7, @more that nobody asks for. */
static struct rblk_state with_sessions(u32 more)
{
	struct rblk_state s = { .index = 40, .term = 3, .digest = 99, .nsessions = 3 };
	u32 i;

	for (i = 0; i < 3; i++)
		s.session[i] = (struct rblk_session){ .store = 5 + i, .epoch = 30 + 3 * i,
						     .nonce = 11 + i, .seq = 7 - i };
	for (; i < 3 + more; i++)
		s.session[s.nsessions++] = (struct rblk_session){ .store = 50 + i, .epoch = 1 + i };
	return s;
}

struct shared_row {
	const char *what;
	u32 more;
	u8 kind;
	u64 store, epoch, seq;
	int want;
	struct rblk_session after[4];	/* the first ones */
	u32 nsessions;
};

#define S5	{ 5, 30, 11, 7 }
#define S6	{ 6, 33, 12, 6 }
#define S7	{ 7, 36, 13, 5 }

static const struct shared_row shared_rows[] = {
	{ "noop", 0, RBLK_E_NOOP, 0, 0, 0, 0, { S5, S6, S7 }, 3 },
	{ "open, new", 0, RBLK_E_OPEN, 8, 0, 14, 0, { S5, S6, S7, { 8, 41, 14, 0 } }, 4 },
	{ "open, new, expects another's", 0, RBLK_E_OPEN, 8, 30, 14, -EBUSY, { S5, S6, S7 }, 3 },
	{ "open, own again", 0, RBLK_E_OPEN, 6, 33, 14, 0, { S5, { 6, 41, 14, 0 }, S7 }, 3 },
	{ "open, first again", 0, RBLK_E_OPEN, 5, 30, 14, 0, { { 5, 41, 14, 0 }, S6, S7 }, 3 },
	{ "open, own, expects none", 0, RBLK_E_OPEN, 6, 0, 14, -EBUSY, { S5, S6, S7 }, 3 },
	{ "open, own, expects another's", 0, RBLK_E_OPEN, 6, 30, 14, -EBUSY, { S5, S6, S7 }, 3 },
	{ "open, own, expects later", 0, RBLK_E_OPEN, 6, 34, 14, -EBUSY, { S5, S6, S7 }, 3 },
	{ "open by no store", 0, RBLK_E_OPEN, 0, 0, 14, -EPROTO, { S5, S6, S7 }, 3 },
	{ "open, last place", 12, RBLK_E_OPEN, 8, 0, 14, 0, { S5, S6, S7 }, 16 },
	{ "open, no place", 13, RBLK_E_OPEN, 8, 0, 14, -EBUSY, { S5, S6, S7 }, 16 },
	{ "open, own, no place", 13, RBLK_E_OPEN, 7, 36, 14, 0, { S5, S6, { 7, 41, 14, 0 } }, 16 },
	{ "close, first", 0, RBLK_E_CLOSE, 5, 30, 0, 0, { S6, S7 }, 2 },
	{ "close, middle", 0, RBLK_E_CLOSE, 6, 33, 0, 0, { S5, S7 }, 2 },
	{ "close, last", 0, RBLK_E_CLOSE, 7, 36, 0, 0, { S5, S6 }, 2 },
	{ "close, full table", 13, RBLK_E_CLOSE, 5, 30, 0, 0, { S6, S7 }, 15 },
	{ "close, another's", 0, RBLK_E_CLOSE, 5, 33, 0, -ESTALE, { S5, S6, S7 }, 3 },
	{ "close, old", 0, RBLK_E_CLOSE, 5, 29, 0, -ESTALE, { S5, S6, S7 }, 3 },
	{ "close, all zero", 0, RBLK_E_CLOSE, 0, 0, 0, -ESTALE, { S5, S6, S7 }, 3 },
	{ "write, first", 0, RBLK_E_WRITE, 0, 30, 8, 0, { { 5, 30, 11, 8 }, S6, S7 }, 3 },
	{ "write, last", 0, RBLK_E_WRITE, 0, 36, 6, 0, { S5, S6, { 7, 36, 13, 6 } }, 3 },
	{ "write, the first one's turn", 0, RBLK_E_WRITE, 0, 36, 8, -EPROTO, { S5, S6, S7 }, 3 },
	{ "write, same again", 0, RBLK_E_WRITE, 0, 33, 6, -EALREADY, { S5, S6, S7 }, 3 },
	{ "write, of nobody", 0, RBLK_E_WRITE, 0, 34, 7, -ESTALE, { S5, S6, S7 }, 3 },
	{ "write, epoch 0", 0, RBLK_E_WRITE, 0, 0, 1, -ESTALE, { S5, S6, S7 }, 3 },
	{ "zeroes", 0, RBLK_E_ZEROES, 0, 33, 7, 0, { S5, { 6, 33, 12, 7 }, S7 }, 3 },
};

static void test_shared(void)
{
	static const struct rblk_session zero;
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(shared_rows); i++) {
		const struct shared_row *r = &shared_rows[i];
		struct rblk_state s = with_sessions(r->more), ref = s;
		struct rblk_entry e = {
			.index = 41, .term = 4, .kind = r->kind, .store = r->store,
			.epoch = r->epoch, .seq = r->seq, .nsect = 1, .csum = 0x1234,
		};
		int got = rblk_vol_verdict(&s, &gshared, &e),
		    gone = r->kind == RBLK_E_CLOSE && !got;

		if (got != r->want)
			printf("# %s: %d, not %d\n", r->what, got, r->want);
		CHECK_EQ(got, r->want);
		CHECK_EQ(s.index, 41);
		CHECK_EQ(s.nsessions, r->nsessions);
		for (k = 0; k < 4 && r->after[k].store; k++)
			CHECK(!memcmp(&s.session[k], &r->after[k], sizeof(zero)));
		for (; k < s.nsessions; k++)	/* those behind; the new one is last */
			CHECK(s.session[k].epoch == 41 ||
			      !memcmp(&s.session[k], &ref.session[k + gone], sizeof(zero)));
		for (k = s.nsessions; k < RBLK_SESSIONS_MAX; k++)
			CHECK(!memcmp(&s.session[k], &zero, sizeof(zero)));
	}
}

/* Whose session it is, by store. */
static void test_session_of(void)
{
	struct rblk_state s = with_sessions(2);
	void *mem = calloc(1, rblk_vol_size(&gshared));
	struct rblk_entry e = {
		.index = 41, .term = 4, .kind = RBLK_E_CLOSE, .store = 5, .epoch = 30
	};
	struct vol *v = rblk_vol_init(mem, &gshared, &s);

	CHECK(v);
	CHECK(!rblk_vol_session(v));	/* there is no exclusive one */
	CHECK_EQ(rblk_vol_session_of(v, 5)->epoch, 30);
	CHECK_EQ(rblk_vol_session_of(v, 7)->epoch, 36);
	CHECK_EQ(rblk_vol_session_of(v, 54)->epoch, 5);
	CHECK(!rblk_vol_session_of(v, 8));
	CHECK_EQ(rblk_vol_execute(v, &e), 0);
	CHECK(!rblk_vol_session_of(v, 5));	/* as of now, applied or not */
	CHECK_EQ(rblk_vol_session_of(v, 7)->epoch, 36);
	CHECK_EQ(rblk_vol_applied(v)->nsessions, 5);
	free(mem);

	s = with_session();
	mem = calloc(1, rblk_vol_size(&g512));
	v = rblk_vol_init(mem, &g512, &s);
	CHECK_EQ(rblk_vol_session(v)->epoch, 30);
	CHECK(rblk_vol_session_of(v, 5) == rblk_vol_session(v));
	CHECK(!rblk_vol_session_of(v, 6));
	CHECK(!rblk_vol_session_of(v, 0));
	free(mem);
}

static void test_fits(void)
{
	CHECK(rblk_vol_fits(1000, 512, 0, 1));
	CHECK(rblk_vol_fits(1000, 512, 999, 1));
	CHECK(!rblk_vol_fits(1000, 512, 1000, 1));
	CHECK(!rblk_vol_fits(1000, 512, 999, 2));
	CHECK(rblk_vol_fits(1000, 512, 0, 1000));
	CHECK(!rblk_vol_fits(1000, 512, 0, 1001));
	CHECK(!rblk_vol_fits(1000, 512, U64_MAX, 1));
	CHECK(!rblk_vol_fits(1000, 512, U64_MAX - 3, 4));
	CHECK(!rblk_vol_fits(1000, 512, 8, U32_MAX));
	CHECK(rblk_vol_fits(1000, 4096, 992, 8));
	CHECK(!rblk_vol_fits(1000, 4096, 996, 8));
	CHECK(!rblk_vol_fits(1000, 4096, 992, 4));
	CHECK(!rblk_vol_fits(1000, 4096, 4, 8));
	CHECK(!rblk_vol_fits(1000, 4096, 1, 7));
	CHECK(!rblk_vol_fits(0, 512, 0, 1));
}

static struct rblk_entry entry(u64 index, u8 kind, u64 store, u64 epoch, u64 seq)
{
	struct rblk_entry e = {
		.index = index, .term = 4, .kind = kind, .store = store,
		.epoch = epoch, .seq = seq, .csum = (u32)index,
	};

	if (kind == RBLK_E_WRITE || kind == RBLK_E_ZEROES)
		e.nsect = 1;
	return e;
}

struct step {
	u8 kind;
	u64 store, epoch, seq;
	int want;
};

/* Entries 1, 2, ... from an empty volume. */
static struct rblk_state play(const struct step *st, size_t n)
{
	struct rblk_state s = { 0 };
	struct rblk_entry e;
	size_t i;
	int got;

	for (i = 0; i < n; i++) {
		e = entry(i + 1, st[i].kind, st[i].store, st[i].epoch, st[i].seq);
		got = rblk_vol_verdict(&s, &g512, &e);
		if (got != st[i].want)
			printf("# entry %zu: %d, not %d\n", i + 1, got, st[i].want);
		CHECK_EQ(got, st[i].want);
	}
	return s;
}

/* The old holder's writes that are still on their way never count again. */
static void test_takeover(void)
{
	static const struct step st[] = {
		{ RBLK_E_OPEN, 1, 0, 70, 0 },
		{ RBLK_E_WRITE, 0, 1, 1, 0 },
		{ RBLK_E_WRITE, 0, 1, 2, 0 },
		{ RBLK_E_OPEN, 2, 1, 71, 0 },		/* entry 4 */
		{ RBLK_E_WRITE, 0, 1, 3, -ESTALE },
		{ RBLK_E_WRITE, 0, 4, 1, 0 },
		{ RBLK_E_ZEROES, 0, 1, 3, -ESTALE },
		{ RBLK_E_CLOSE, 1, 1, 0, -ESTALE },
		{ RBLK_E_OPEN, 1, 1, 70, -EBUSY },
		{ RBLK_E_OPEN, 1, 4, 70, 0 },		/* entry 10 */
		{ RBLK_E_WRITE, 0, 1, 3, -ESTALE },
		{ RBLK_E_WRITE, 0, 4, 2, -ESTALE },
		{ RBLK_E_WRITE, 0, 10, 1, 0 },
	};

	play(st, ARRAY_SIZE(st));
}

/* Two ask at once: one gets it. */
static void test_race(void)
{
	static const struct step st[] = {
		{ RBLK_E_OPEN, 1, 0, 70, 0 },
		{ RBLK_E_OPEN, 2, 0, 71, -EBUSY },
		{ RBLK_E_OPEN, 1, 0, 70, -EBUSY },	/* its own, sent twice */
		{ RBLK_E_OPEN, 2, 1, 71, 0 },
		{ RBLK_E_OPEN, 3, 1, 72, -EBUSY },
	};

	play(st, ARRAY_SIZE(st));
}

/* What was not acknowledged is sent again, in order, overtaken by its original or not. */
static void test_resend(void)
{
	static const struct step st[] = {
		{ RBLK_E_OPEN, 1, 0, 70, 0 },
		{ RBLK_E_WRITE, 0, 1, 1, 0 },
		{ RBLK_E_WRITE, 0, 1, 3, -EPROTO },
		{ RBLK_E_WRITE, 0, 1, 2, 0 },
		{ RBLK_E_WRITE, 0, 1, 1, -EALREADY },
		{ RBLK_E_WRITE, 0, 1, 2, -EALREADY },
		{ RBLK_E_WRITE, 0, 1, 3, 0 },
		{ RBLK_E_WRITE, 0, 1, 3, -EALREADY },
		{ RBLK_E_NOOP, 0, 0, 0, 0 },
		{ RBLK_E_WRITE, 0, 1, 4, 0 },
	};

	play(st, ARRAY_SIZE(st));
}

/* After a close nothing is writable until the next open, which starts from 1. */
static void test_close(void)
{
	static const struct step st[] = {
		{ RBLK_E_OPEN, 1, 0, 70, 0 },
		{ RBLK_E_WRITE, 0, 1, 1, 0 },
		{ RBLK_E_CLOSE, 1, 1, 0, 0 },
		{ RBLK_E_WRITE, 0, 1, 2, -ESTALE },
		{ RBLK_E_CLOSE, 1, 1, 0, -ESTALE },
		{ RBLK_E_OPEN, 1, 1, 70, -EBUSY },
		{ RBLK_E_OPEN, 1, 0, 70, 0 },
		{ RBLK_E_WRITE, 0, 7, 2, -EPROTO },
		{ RBLK_E_WRITE, 0, 7, 1, 0 },
	};

	play(st, ARRAY_SIZE(st));
}

/* A write that cannot be done leaves no hole before the next. */
static void test_erange_keeps_order(void)
{
	struct rblk_state s = with_session();
	struct rblk_entry e = entry(41, RBLK_E_WRITE, 0, 30, 8);

	e.sector = 5000;
	CHECK_EQ(rblk_vol_verdict(&s, &g512, &e), -ERANGE);
	e = entry(42, RBLK_E_WRITE, 0, 30, 9);
	CHECK_EQ(rblk_vol_verdict(&s, &g512, &e), 0);
	e = entry(43, RBLK_E_WRITE, 0, 30, 8);
	CHECK_EQ(rblk_vol_verdict(&s, &g512, &e), -EALREADY);
}

/* Not the next entry: the caller is broken, the state must not be. */
static void test_not_next(void)
{
	struct rblk_state s = with_session(), ref = s;
	struct rblk_entry e;

	tap_expect_asserts();
	e = entry(40, RBLK_E_NOOP, 0, 0, 0);
	CHECK_EQ(rblk_vol_verdict(&s, &g512, &e), -EINVAL);
	e = entry(42, RBLK_E_NOOP, 0, 0, 0);
	CHECK_EQ(rblk_vol_verdict(&s, &g512, &e), -EINVAL);
	e = entry(41, RBLK_E_NOOP, 0, 0, 0);
	e.term = 2;
	CHECK_EQ(rblk_vol_verdict(&s, &g512, &e), -EINVAL);
	CHECK_EQ(tap_asserts(), 3);
	CHECK(!memcmp(&s, &ref, sizeof(s)));
}

/* The digest is stored and compared between versions: its value is fixed. */
static void test_digest_golden(void)
{
	static const struct step st[] = {
		{ RBLK_E_OPEN, 1, 0, 70, 0 },		/* code 0 */
		{ RBLK_E_WRITE, 0, 9, 1, -ESTALE },	/* 1 */
		{ RBLK_E_WRITE, 0, 1, 0, -EALREADY },	/* 2 */
		{ RBLK_E_WRITE, 0, 1, 5, -EPROTO },	/* 3 */
		{ RBLK_E_OPEN, 1, 0, 70, -EBUSY },	/* 4 */
	};
	struct rblk_state s = play(st, ARRAY_SIZE(st));
	struct rblk_entry e = entry(6, RBLK_E_WRITE, 0, 1, 1);

	CHECK_EQ(s.digest, 0x1b46a708ad3c9e46ULL);
	e.sector = 5000;
	CHECK_EQ(rblk_vol_verdict(&s, &g512, &e), -ERANGE);	/* 5 */
	CHECK_EQ(s.digest, 0x7ce8d5e51af831b5ULL);
}

static u64 digest_of(u64 index, u64 term, u32 csum, u64 seed, u8 kind)
{
	struct rblk_state s = { .index = index - 1, .digest = seed };
	struct rblk_entry e = { .index = index, .term = term, .csum = csum, .kind = kind };

	rblk_vol_verdict(&s, &g512, &e);
	return s.digest;
}

/* Each of its inputs matters. */
static void test_digest_inputs(void)
{
	u64 d = digest_of(5, 6, 7, 8, RBLK_E_NOOP);

	CHECK(d == digest_of(5, 6, 7, 8, RBLK_E_CONF));	/* the sum tells kinds apart */
	CHECK(d != digest_of(6, 6, 7, 8, RBLK_E_NOOP));
	CHECK(d != digest_of(5, 7, 7, 8, RBLK_E_NOOP));
	CHECK(d != digest_of(5, 6, 8, 8, RBLK_E_NOOP));
	CHECK(d != digest_of(5, 6, 7, 9, RBLK_E_NOOP));
	CHECK(d != digest_of(5, 6, 7, 8, RBLK_E_CLOSE));	/* the verdict */
}

static const struct tap_case cases[] = {
	{ "table", test_table },
	{ "shared", test_shared },
	{ "session_of", test_session_of },
	{ "fits", test_fits },
	{ "takeover", test_takeover },
	{ "race", test_race },
	{ "resend", test_resend },
	{ "close", test_close },
	{ "erange_keeps_order", test_erange_keeps_order },
	{ "not_next", test_not_next },
	{ "digest_golden", test_digest_golden },
	{ "digest_inputs", test_digest_inputs },
};

TAP_MAIN(cases)
