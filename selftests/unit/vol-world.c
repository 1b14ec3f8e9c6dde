// SPDX-License-Identifier: GPL-2.0
#include "vol-world.h"

u64 w_rand(struct world *w, u64 n)
{
	w->rnd ^= w->rnd << 13;
	w->rnd ^= w->rnd >> 7;
	w->rnd ^= w->rnd << 17;
	return n ? (w->rnd >> 11) % n : 0;
}

const struct rblk_entry *w_entry(void *ctx, u64 index)
{
	struct world *w = ctx;

	return index > w->applied && index <= w->last ? &w->e[index] : NULL;
}

void w_start(struct world *w, u64 sectors, u32 block_size, u32 versions, u32 ranges, u32 batch)
{
	struct rblk_state zero = { 0 };
	u32 s;

	memset(w, 0, sizeof(*w));
	w->g = (struct vol_geom){
		.sectors = sectors, .block_size = block_size, .region_shift = 13,
		.versions = versions, .ranges = ranges, .batch = batch, .entry = w_entry, .ctx = w,
	};
	CHECK(sectors <= W_SECTORS && rblk_vol_size(&w->g));
	w->mem = calloc(1, rblk_vol_size(&w->g));
	w->v = rblk_vol_init(w->mem, &w->g, &zero);
	CHECK(w->v);
	for (s = 0; s < W_SECTORS; s++)
		w->committed[s] = w->state[s] = w->device[s] = OLD + s;
	w->rnd = 88172645463325252ULL;
}

u64 w_apply(struct world *w)
{
	struct vol_batch b;

	while (rblk_vol_apply_plan(w->v, U64_MAX, &b)) {
		CHECK(b.last > w->applied);
		rblk_vol_apply_done(w->v);
		w->applied = b.last;
	}
	CHECK_EQ(rblk_vol_check(w->v), 0);
	return w->applied;
}

void w_stop(struct world *w)
{
	free(w->mem);
	w->mem = NULL;
}

struct rblk_session *w_cur(struct world *w)
{
	static struct rblk_session none;

	return w->nsess ? &w->sess[w->cur % w->nsess] : &none;
}

static struct rblk_session *w_session_of(struct world *w, u64 store)
{
	u32 i;

	for (i = 0; i < w->nsess; i++)
		if (w->sess[i].store == store)
			return &w->sess[i];
	return NULL;
}

struct rblk_entry w_make(struct world *w, u8 kind, u64 sector, u32 nsect)
{
	struct rblk_entry e = {
		.index = w->last + 1, .term = 1 + w->last / 50, .kind = kind,
		.sector = sector, .nsect = nsect, .epoch = w_cur(w)->epoch,
		.seq = w_cur(w)->seq + 1,
	};

	if (kind == RBLK_E_WRITE)
		e.nblocks = rblk_blocks_touched(sector, nsect);
	e.csum = (u32)(e.index * 2654435761u + kind);
	return e;
}

struct rblk_entry w_make_open(struct world *w, u64 store)
{
	struct rblk_entry e = w_make(w, RBLK_E_OPEN, 0, 0);
	struct rblk_session *own = w_session_of(w, store);

	if (w->g.shared)
		e.epoch = own ? own->epoch : 0;
	e.store = store;
	e.seq = 77 + w->last;
	return e;
}

static int w_judge_open(struct world *w, const struct rblk_entry *e)
{
	struct rblk_session *s = w->g.shared ? w_session_of(w, e->store) :
				w->nsess ? &w->sess[0] : NULL;

	if (!e->store)
		return -EPROTO;
	if (s ? e->epoch != s->epoch : e->epoch != 0)
		return -EBUSY;
	if (!s && w->nsess == RBLK_SESSIONS_MAX)
		return -EBUSY;
	if (!s)
		s = &w->sess[w->nsess++];
	s->store = e->store;
	s->epoch = e->index;
	s->nonce = e->seq;
	s->seq = 0;
	return 0;
}

static int w_judge_close(struct world *w, const struct rblk_entry *e)
{
	struct rblk_session *s = e->store ? w_session_of(w, e->store) : NULL;

	if (!s || s->epoch != e->epoch)
		return -ESTALE;
	w->nsess--;
	memmove(s, s + 1, (char *)&w->sess[w->nsess] - (char *)s);
	memset(&w->sess[w->nsess], 0, sizeof(w->sess[0]));
	return 0;
}

static int w_judge_data(struct world *w, const struct rblk_entry *e)
{
	u32 unit = w->g.block_size / 512, i;

	for (i = 0; i < w->nsess && w->sess[i].epoch != e->epoch; i++)
		;
	if (i == w->nsess)
		return -ESTALE;
	if (e->seq <= w->sess[i].seq)
		return -EALREADY;
	if (e->seq > w->sess[i].seq + 1)
		return -EPROTO;
	w->sess[i].seq++;
	if (e->sector % unit || e->nsect % unit || e->sector + e->nsect > w->g.sectors)
		return -ERANGE;
	return 0;
}

/* What the verdict must be, said once more. */
static int w_judge(struct world *w, const struct rblk_entry *e)
{
	switch (e->kind) {
	case RBLK_E_OPEN:
		return w_judge_open(w, e);
	case RBLK_E_CLOSE:
		return w_judge_close(w, e);
	case RBLK_E_WRITE:
	case RBLK_E_ZEROES:
		return w_judge_data(w, e);
	default:
		return 0;
	}
}

static void w_effect(u64 *content, const struct rblk_entry *e, int verdict)
{
	u32 s;

	if (verdict || (e->kind != RBLK_E_WRITE && e->kind != RBLK_E_ZEROES))
		return;
	for (s = 0; s < e->nsect; s++)
		content[e->sector + s] = e->kind == RBLK_E_WRITE ? e->index : 0;
}

bool w_commit(struct world *w, struct rblk_entry e)
{
	int got;

	CHECK(w->last < W_ENTRIES);
	w->e[e.index] = e;
	got = rblk_vol_execute(w->v, &w->e[e.index]);
	if (got == -EAGAIN) {
		CHECK_EQ(rblk_vol_executed(w->v)->index, w->last);
		return false;
	}
	w->last++;
	CHECK_EQ(got, w_judge(w, &e));
	w->verdict[w->last] = got;
	w_effect(w->committed, &e, got);
	CHECK_EQ(rblk_vol_executed(w->v)->index, w->last);
	return true;
}

static u32 w_blocks(struct world *w, u64 index)
{
	const struct rblk_entry *e = &w->e[index];

	return !w->verdict[index] && e->kind == RBLK_E_WRITE ? e->nblocks : 0;
}

/* The batch: neither less nor more than it should be, and nothing superseded. */
static void w_check_batch(struct world *w, u64 limit)
{
	static u64 at_last[W_SECTORS];
	static u64 mark[W_SECTORS];	/* 1: must be written, 2: is */
	u64 i, s, blocks = 0, zeroes = 0;
	u32 k, b;

	if (limit > w->last)
		limit = w->last;
	CHECK(w->b.last > w->applied && w->b.last <= limit);
	memcpy(at_last, w->state, sizeof(at_last));
	memset(mark, 0, sizeof(mark));
	for (i = w->applied + 1; i <= w->b.last; i++) {
		blocks += w_blocks(w, i);
		zeroes += !w->verdict[i] && w->e[i].kind == RBLK_E_ZEROES;
		w_effect(at_last, &w->e[i], w->verdict[i]);
	}
	CHECK(blocks <= w->g.batch);
	CHECK(w->b.last == limit || blocks + w_blocks(w, i) > w->g.batch);
	CHECK_EQ(w->b.nzero, zeroes);
	for (s = 0; s < w->g.sectors; s++)
		mark[s] = at_last[s] > w->applied && at_last[s] < OLD;
	for (k = 0; k < w->b.nitem; k++) {
		const struct vol_item *it = &w->b.item[k];

		CHECK(it->mask);
		CHECK(!k || it[-1].block <= it->block);
		CHECK(it->index > w->applied && it->index <= w->b.last);
		CHECK_EQ(it->block, w->e[it->index].sector / 8 + it->nth);
		for (b = 0; b < 8; b++) {
			if (!(it->mask & (1 << b)))
				continue;
			s = it->block * 8 + b;
			CHECK(s < w->g.sectors);
			CHECK_EQ(at_last[s], it->index);
			CHECK_EQ(mark[s], 1);
			mark[s] = 2;
		}
	}
	for (s = 0; s < w->g.sectors; s++)
		CHECK(mark[s] != 1);
}

bool w_plan(struct world *w, u64 limit)
{
	CHECK(!w->planned);
	w->planned = rblk_vol_apply_plan(w->v, limit, &w->b);
	w->written = 0;
	if (w->planned)
		w_check_batch(w, limit);
	else
		CHECK(w->applied == w->last || limit <= w->applied);
	return w->planned;
}

void w_write(struct world *w, u32 n)
{
	u32 i, b;

	for (; n && w->written < w->b.nzero + w->b.nitem; n--, w->written++) {
		if (w->written < w->b.nzero) {
			const struct vol_zero *z = &w->b.zero[w->written];

			for (i = 0; i < z->nsect; i++) {
				w->device[z->sector + i] = 0;
				w->ahead[z->sector + i] = w->b.last;
			}
		} else {
			const struct vol_item *it = &w->b.item[w->written - w->b.nzero];

			for (b = 0; b < 8; b++)
				if (it->mask & (1 << b)) {
					w->device[it->block * 8 + b] = it->index;
					w->ahead[it->block * 8 + b] = w->b.last;
				}
		}
	}
}

void w_done(struct world *w)
{
	u64 i;
	u32 s;

	CHECK(w->planned);
	w_write(w, U32_MAX);
	rblk_vol_apply_done(w->v);
	w->planned = false;
	for (i = w->applied + 1; i <= w->b.last; i++)
		w_effect(w->state, &w->e[i], w->verdict[i]);
	w->applied = w->b.last;
	CHECK_EQ(rblk_vol_applied(w->v)->index, w->applied);
	for (s = 0; s < w->g.sectors; s++)
		if (w->ahead[s] <= w->applied)
			CHECK_EQ(w->device[s], w->state[s]);
}

void w_abort(struct world *w)
{
	CHECK(w->planned);
	rblk_vol_apply_abort(w->v);
	w->planned = false;
}

void w_apply_all(struct world *w)
{
	if (w->planned)
		w_done(w);
	while (w_plan(w, U64_MAX))
		w_done(w);
	CHECK_EQ(rblk_vol_unapplied(w->v), 0);
	CHECK_EQ(rblk_vol_unapplied_entries(w->v), 0);
}

void w_read(struct world *w, u64 sector, u32 nsect, int max)
{
	struct vol_seg seg[64];
	u64 s = sector, i;
	u32 done, k;
	int n;

	n = rblk_vol_lookup(w->v, sector, nsect, seg, max, &done);
	CHECK(n <= max && done <= nsect);
	CHECK(done == nsect || n == max);
	for (k = 0; k < n; k++) {
		CHECK_EQ(seg[k].sector, s);
		CHECK(seg[k].nsect);
		if (k && seg[k].kind != VOL_SEG_PAYLOAD)
			CHECK(seg[k].kind != seg[k - 1].kind);
		if (k && seg[k].kind == VOL_SEG_PAYLOAD && s % 8)
			CHECK(seg[k].kind != seg[k - 1].kind || seg[k].index != seg[k - 1].index);
		for (i = 0; i < seg[k].nsect; i++, s++) {
			if (seg[k].kind == VOL_SEG_DATA)
				CHECK_EQ(w->device[s], w->committed[s]);
			else if (seg[k].kind == VOL_SEG_ZERO)
				CHECK_EQ(w->committed[s], 0);
			else
				CHECK_EQ(w->committed[s], seg[k].index);
		}
		if (seg[k].kind == VOL_SEG_PAYLOAD) {
			CHECK_EQ(seg[k].nth, seg[k].sector / 8 -
				 w->e[seg[k].index].sector / 8);
			CHECK_EQ(seg[k].off, seg[k].sector % 8);
			CHECK(seg[k].off + seg[k].nsect <= 8);
		} else {
			CHECK(!seg[k].index && !seg[k].nth && !seg[k].off);
		}
	}
	CHECK_EQ(s, sector + done);
}

void w_touched(struct world *w, u64 index, u64 sector, u32 nsect)
{
	u32 shift = w->g.region_shift - 9;
	bool want = false;
	u64 i;

	for (i = index + 1; i <= w->last && !want; i++) {
		const struct rblk_entry *e = &w->e[i];
		u64 a = e->sector, z = e->sector + e->nsect - 1;
		u64 from = sector, to = sector + nsect - 1;

		if (w->verdict[i] || (e->kind != RBLK_E_WRITE && e->kind != RBLK_E_ZEROES))
			continue;
		if (i <= w->applied) {
			a >>= shift;
			z >>= shift;
			from >>= shift;
			to >>= shift;
		}
		want = a <= to && from <= z;
	}
	CHECK_EQ(rblk_vol_touched_since(w->v, index, sector, nsect), want);
}

void w_map(struct world *w)
{
	u32 shift = w->g.region_shift - 9, r, n = ((w->g.sectors - 1) >> shift) + 1;
	static u64 map[W_SECTORS];
	u64 i;

	memset(map, 0, sizeof(map));
	for (i = 1; i <= w->applied; i++) {
		const struct rblk_entry *e = &w->e[i];

		if (w->verdict[i] || (e->kind != RBLK_E_WRITE && e->kind != RBLK_E_ZEROES))
			continue;
		for (r = e->sector >> shift; r <= (e->sector + e->nsect - 1) >> shift; r++)
			map[r] = i;
	}
	CHECK_EQ(rblk_vol_map_blocks(w->v), rblk_vol_bit_blocks(w->v) +
		 (n + RBLK_MAP_PER_BLOCK - 1) / RBLK_MAP_PER_BLOCK);
	for (r = 0; r < n; r++)
		CHECK_EQ(rblk_vol_map(w->v, rblk_vol_bit_blocks(w->v) +
				      r / RBLK_MAP_PER_BLOCK)[r % RBLK_MAP_PER_BLOCK],
			 map[r]);
}

void w_check(struct world *w)
{
	const struct rblk_session *s;
	u64 i, blocks = 0;

	for (i = w->applied + 1; i <= w->last; i++)
		blocks += w_blocks(w, i);
	CHECK_EQ(rblk_vol_unapplied(w->v), blocks * 4096);
	CHECK_EQ(rblk_vol_unapplied_entries(w->v), w->last - w->applied);
	CHECK_EQ(rblk_vol_executed(w->v)->nsessions, w->nsess);
	CHECK(!memcmp(rblk_vol_executed(w->v)->session, w->sess, sizeof(w->sess)));
	s = rblk_vol_session(w->v);
	CHECK_EQ(!!s, w->nsess && !w->g.shared);
	CHECK(!s || !memcmp(s, &w->sess[0], sizeof(*s)));
	for (i = 0; i < w->nsess; i++)
		CHECK(rblk_vol_session_of(w->v, w->sess[i].store) ==
		      &rblk_vol_executed(w->v)->session[i]);
	CHECK(!rblk_vol_session_of(w->v, 999));
	CHECK_EQ(rblk_vol_check(w->v), 0);
}
