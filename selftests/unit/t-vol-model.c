// SPDX-License-Identifier: GPL-2.0
/* Index, reads, batches and change map against a model: random and all short histories. */
#include "vol-world.h"

static struct world w, w2;

/* A data entry somewhere, often on top of others; sometimes not a valid one. */
static struct rblk_entry random_data(struct world *w)
{
	bool z = !w_rand(w, 5);
	u32 unit = w->g.block_size / 512;
	u32 n = 1 + w_rand(w, w_rand(w, 8) ? 12 : (z ? 700 : 256 / unit));
	u64 s = w_rand(w, w_rand(w, 3) ? 64 : w->g.sectors) / unit * unit;
	struct rblk_entry e;

	n *= unit;
	if (n > RBLK_WRITE_MAX / 512)
		n = RBLK_WRITE_MAX / 512;
	if (w_rand(w, 40) && s + n > w->g.sectors)
		s = w->g.sectors - n;
	if (unit > 1 && !w_rand(w, 50))
		s++;
	e = w_make(w, z ? RBLK_E_ZEROES : RBLK_E_WRITE, s, n);
	switch (w_rand(w, 60)) {
	case 0:
		e.seq--;
		break;
	case 1:
		e.seq++;
		break;
	case 2:
		e.epoch--;
		break;
	case 3:
		e.epoch++;
		break;
	}
	return e;
}

static struct rblk_entry random_entry(struct world *w)
{
	struct rblk_entry e;

	w->cur = w->nsess ? w_rand(w, w->nsess) : 0;
	if (!w->nsess && w_rand(w, 4))
		return w_make_open(w, 1 + w_rand(w, 3));
	switch (w_rand(w, 60)) {
	case 0:
		e = w_make_open(w, w_rand(w, w->g.shared ? RBLK_SESSIONS_MAX + 4 : 3));
		e.epoch -= w_rand(w, 2);
		return e;
	case 1:
		e = w_make(w, RBLK_E_CLOSE, 0, 0);
		e.store = w_rand(w, 4) ? w_cur(w)->store : 9;
		return e;
	case 2:
		return w_make(w, RBLK_E_NOOP, 0, 0);
	case 3:
		e = w_make(w, RBLK_E_CONF, 0, 0);
		e.nblocks = 1;
		return e;
	default:
		return random_data(w);
	}
}

static void random_look(struct world *w)
{
	u64 s = w_rand(w, w_rand(w, 2) ? 80 : w->g.sectors);
	u32 n = 1 + w_rand(w, w_rand(w, 4) ? 40 : w->g.sectors);

	if (s + n > w->g.sectors)
		n = w->g.sectors - s;
	w_read(w, s, n, 1 + w_rand(w, 60));
	w_touched(w, w_rand(w, 3) ? w_rand(w, w->last + 2) : w->applied + w_rand(w, 10), s, n);
}

static void random_apply(struct world *w)
{
	if (!w->planned)
		w_plan(w, w_rand(w, 3) ? U64_MAX : w->applied + w_rand(w, 12));
	else if (!w_rand(w, 6))
		w_abort(w);
	else if (w_rand(w, 2))
		w_write(w, 1 + w_rand(w, 10));
	else
		w_done(w);
}

/* A fresh volume that several may write. */
static void share(struct world *w)
{
	struct rblk_state zero = { 0 };

	w->g.shared = true;
	memset(w->mem, 0, rblk_vol_size(&w->g));
	w->v = rblk_vol_init(w->mem, &w->g, &zero);
	CHECK(w->v);
}

static void random_run(u64 seed, u64 sectors, u32 bs, u32 versions, u32 ranges, u32 batch)
{
	u32 steps = 600, i;

	w_start(&w, sectors, bs, versions, ranges, batch);
	if (seed % 3 == 0)
		share(&w);
	w.rnd += seed * 7919;
	for (i = 0; i < steps && w.last < W_ENTRIES; i++) {
		switch (w_rand(&w, 4)) {
		case 0:
			random_apply(&w);
			break;
		default:
			if (!w_commit(&w, random_entry(&w)))
				random_apply(&w);
		}
		random_look(&w);
		if (w_rand(&w, 8) == 0)
			w_check(&w);
	}
	CHECK(w.g.shared || w.nsess <= 1);
	w_map(&w);
	w_apply_all(&w);
	w_check(&w);
	w_map(&w);
	CHECK(!memcmp(w.device, w.committed, sectors * 8));
	w_stop(&w);
}

static void test_random_512(void)
{
	u64 seed;

	for (seed = 1; seed <= 60; seed++) {
		random_run(seed, 2041, 512, 400, 40, 100);
		random_run(seed, 321, 512, 60, 5, 33);
		random_run(seed, 700, 512, 35, 1, 35);
	}
}

static void test_random_4096(void)
{
	u64 seed;

	for (seed = 1; seed <= 60; seed++) {
		random_run(seed, 2048, 4096, 400, 40, 100);
		random_run(seed, 320, 4096, 60, 5, 33);
	}
}

/* Sessions come and go until all places are taken, and beyond that. */
static void test_random_sessions(void)
{
	u32 seed, i, most = 0;

	for (seed = 1; seed <= 20; seed++) {
		w_start(&w, 2041, 512, 400, 40, 100);
		share(&w);
		w.rnd += seed * 6007;
		for (i = 0; i < 600; i++) {
			struct rblk_entry e = random_entry(&w);

			if (!w_rand(&w, 4)) {
				e = w_make_open(&w, 1 + w_rand(&w, RBLK_SESSIONS_MAX + 4));
				e.epoch -= !w_rand(&w, 8);
			} else if (!w_rand(&w, 6)) {
				e = w_make(&w, RBLK_E_CLOSE, 0, 0);
				e.store = w_cur(&w)->store;
			}
			while (!w_commit(&w, e))
				w_apply_all(&w);
			w_check(&w);
			most = w.nsess > most ? w.nsess : most;
		}
		w_apply_all(&w);
		CHECK(!memcmp(w.device, w.committed, sizeof(w.device)));
		w_stop(&w);
	}
	CHECK_EQ(most, RBLK_SESSIONS_MAX);
}

/* ---- every history of a few steps on a volume of two blocks ---- */

enum { A_FULL, A_LOW, A_HIGH, A_STRADDLE, A_ZLOW, A_ZALL, A_APPLY, A_HALF, A_NR };

static void act(struct world *w, int a)
{
	static const struct { u8 kind; u64 s; u32 n; } data[] = {
		[A_FULL] = { RBLK_E_WRITE, 0, 8 }, [A_LOW] = { RBLK_E_WRITE, 0, 3 },
		[A_HIGH] = { RBLK_E_WRITE, 5, 3 }, [A_STRADDLE] = { RBLK_E_WRITE, 6, 5 },
		[A_ZLOW] = { RBLK_E_ZEROES, 1, 4 }, [A_ZALL] = { RBLK_E_ZEROES, 0, 16 },
	};

	if (a < A_APPLY) {
		CHECK(w_commit(w, w_make(w, data[a].kind, data[a].s, data[a].n)));
	} else if (!w->planned) {
		w_plan(w, a == A_APPLY ? U64_MAX : w->applied + 1);
	} else if (a == A_APPLY) {
		w_done(w);
	} else {
		w_write(w, 1);
		w_abort(w);
	}
}

static void history(u32 code, u32 len)
{
	struct rblk_state zero = { 0 };
	u32 i, s;

	memset(w.mem, 0, rblk_vol_size(&w.g));
	w.v = rblk_vol_init(w.mem, &w.g, &zero);
	w.last = w.applied = w.nsess = 0;
	memset(w.sess, 0, sizeof(w.sess));
	w.planned = false;
	memset(w.ahead, 0, sizeof(w.ahead));
	for (s = 0; s < 17; s++)
		w.committed[s] = w.state[s] = w.device[s] = OLD + s;
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	for (i = 0; i < len; i++, code /= A_NR) {
		act(&w, code % A_NR);
		w_read(&w, 0, 17, 60);
	}
	w_check(&w);
	w_apply_all(&w);
	CHECK(!memcmp(w.device, w.committed, 17 * 8));
}

static void test_all_short(void)
{
	u32 len = getenv("LONG") ? 7 : 6, total = 1, i;

	w_start(&w, 17, 512, 60, 8, 33);
	for (i = 0; i < len; i++)
		total *= A_NR;
	for (i = 0; i < total; i++)
		history(i, len);
	w_stop(&w);
}

/* ---- the digest, and all that is replicated ---- */

static void test_digest_timing(void)
{
	u64 seed, i;

	for (seed = 1; seed <= 40; seed++) {
		w_start(&w, 2041, 512, 4000, 300, 33);
		w_start(&w2, 2041, 512, 33, 1, 33);
		w2.g.region_shift = 20;
		if (seed % 2) {
			share(&w);
			share(&w2);
		}
		w.rnd += seed * 104729;
		for (i = 1; i <= 400; i++) {
			while (!w_commit(&w, random_entry(&w)))
				w_apply_all(&w);
			while (!w_commit(&w2, w.e[i])) {
				CHECK(w_plan(&w2, w2.applied + 1 + w_rand(&w2, 30)));
				w_done(&w2);
			}
			CHECK(rblk_vol_digest(w.v) == rblk_vol_digest(w2.v));
			CHECK(!memcmp(rblk_vol_executed(w.v), rblk_vol_executed(w2.v),
				      sizeof(struct rblk_state)));
		}
		w_apply_all(&w);
		w_apply_all(&w2);
		CHECK(!memcmp(rblk_vol_applied(w.v), rblk_vol_applied(w2.v),
			      sizeof(struct rblk_state)));
		CHECK(!memcmp(w.device, w2.device, sizeof(w.device)));
		w_stop(&w);
		w_stop(&w2);
	}
}

/* A restart: a fresh volume from any checkpoint, fed the entries behind it, is the same. */
static void test_restart(void)
{
	u64 seed, i;
	struct rblk_state at;

	for (seed = 1; seed <= 30; seed++) {
		w_start(&w, 700, 512, 400, 40, 50);
		if (seed % 2)
			share(&w);
		w.rnd += seed * 31337;
		for (i = 0; i < 300; i++) {
			while (!w_commit(&w, random_entry(&w)))
				w_apply_all(&w);
			if (!w_rand(&w, 10) && w_plan(&w, U64_MAX))
				w_done(&w);
		}
		at = *rblk_vol_applied(w.v);
		w2 = w;
		w2.g.ctx = &w2;
		w2.mem = calloc(1, rblk_vol_size(&w2.g));
		w2.v = rblk_vol_init(w2.mem, &w2.g, &at);
		for (i = at.index + 1; i <= w.last; i++) {
			w2.last = i;
			CHECK_EQ(rblk_vol_execute(w2.v, &w2.e[i]), w.verdict[i]);
		}
		CHECK(!memcmp(rblk_vol_executed(w.v), rblk_vol_executed(w2.v), sizeof(at)));
		w_read(&w2, 0, 300, 60);
		w_read(&w2, 300, 400, 60);
		w_check(&w2);
		w_apply_all(&w2);
		CHECK(!memcmp(w2.device, w2.committed, 700 * 8));
		w_stop(&w);
		w_stop(&w2);
	}
}

static const struct tap_case cases[] = {
	{ "random_512", test_random_512 },
	{ "random_4096", test_random_4096 },
	{ "random_sessions", test_random_sessions },
	{ "all_short", test_all_short },
	{ "digest_timing", test_digest_timing },
	{ "restart", test_restart },
};

TAP_MAIN(cases)
