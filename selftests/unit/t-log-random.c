// SPDX-License-Identifier: GPL-2.0
/*
 * Random histories against a model: appends, truncations, trims, crashes that
 * land any sectors of what was in flight, half-written metadata, and rot. The
 * model knows every record that was submitted and looks at the device itself;
 * it says exactly what recovery must find. LOG_SEED and LOG_RUNS (environment)
 * repeat or prolong a run.
 */
#include "log-lib.h"

#define RECS		6000
#define SECTOR		512

struct rec {
	struct log_record_id id;
	u64 watermark, generation;
	u32 n;
	bool durable;				/* rblk_log_done() counted it */
	u32 csum[RBLK_RECORD_ENTRIES];
	u8 header[LOG_HEADER_BYTES_MAX];
};

static struct rec rec[RECS];			/* the chain, oldest first */
static u32 nrec;
static u64 rng, seed;
static u64 last, term, commit;			/* of the writer */
static u32 live[T_ENTRIES];			/* sum of the newest entry of an index */
static u64 live_last;
static u32 p_trunc, p_land, p_rot, p_done;	/* of 100, drawn for each history */
static struct { u64 pos; u32 byte; u8 bits; } rotten[8];
static u32 nrotten;
static u64 n_crash, n_cut, n_rot, n_unknown, n_window, n_empty, n_more, n_wrap, n_full;

static u64 rnd(u64 n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

static bool chance(u32 percent)
{
	return rnd(100) < percent;
}

/* ---- writer ---- */

static void note(const struct log_record *r)
{
	const struct disk_record *d = (const void *)r->header;
	struct rec *m = &rec[nrec++];
	u32 i;

	CHECK(nrec < RECS);
	m->id = r->id;
	m->watermark = le64_to_cpu(d->watermark);
	m->generation = le64_to_cpu(d->generation);
	m->n = le32_to_cpu(d->nentries);
	m->durable = false;
	for (i = 0; i < m->n; i++)
		m->csum[i] = le32_to_cpu(d->entry[i].csum);
	memcpy(m->header, r->header, sizeof(m->header));
	CHECK_EQ(m->watermark, t_log.durable_seq);
}

static void submit(void)
{
	struct log_record *r = rblk_log_submit(&t_log);

	if (r)
		note(r);
}

static void sync_meta(void)
{
	rblk_log_watermark(&t_log, &t_meta);
	t_write_meta();
}

/* What is committed is never truncated; what is durable may be trimmed then. */
static bool trim(void)
{
	u64 to = t_log.durable_index < last ? t_log.durable_index : last;

	if (to > commit)
		commit += rnd(to - commit + 1);
	if (!rblk_log_floor(&t_log, commit, &t_meta))
		return false;
	t_meta.floor.index = commit;
	sync_meta();
	rblk_log_trim(&t_log, &t_meta);
	return true;
}

static void add(void)
{
	u32 blocks = chance(20) ? 0 : 1 + rnd(chance(20) ? RBLK_ENTRY_BLOCKS_MAX - 1 : 4);
	int rc = t_add(last + 1, term, blocks);

	if (!rc) {
		last++;
	} else if (rc == -EAGAIN) {
		submit();
	} else {
		CHECK_EQ(rc, -ENOSPC);
		n_full++;
	}
}

static void truncate(void)
{
	if (last <= commit)
		return;
	last = commit + rnd(last - commit);
	rblk_log_truncate(&t_log, last + 1);
	term++;
}

static void finish_one(void)
{
	struct log_record *r;
	u32 i;

	if (!t_log.nrec)
		return;
	r = &t_log.rec[(t_log.tail + rnd(t_log.nrec)) % LOG_INFLIGHT];
	if (r->state != LOG_R_WRITING)
		return;
	t_land(r);
	rblk_log_done(&t_log, r, 0);
	for (i = nrec; i-- && !rec[i].durable;)
		rec[i].durable = rec[i].id.seq <= t_log.durable_seq;
}

static void close_idle(void)
{
	struct log_record *r = rblk_log_close_record(&t_log);

	if (r)
		note(r);
	CHECK(!rblk_log_close_record(&t_log));
}

static void step(void)
{
	u32 what = rnd(100);

	if (what < 45)
		add();
	else if (what < 60)
		submit();
	else if (what < 60 + p_done)
		finish_one();
	else if (what < 60 + p_done + p_trunc)
		truncate();
	else if (what < 96)
		close_idle();
	else if (what < 98)
		sync_meta();
	else
		trim();
	if (rblk_log_free_bytes(&t_log) < T_RING_BYTES / 8)
		trim();
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

/* ---- crash ---- */

static const u8 *content(const struct rec *m, u32 off)
{
	const u8 *p = t_part(&m->id, m->header, off / RBLK_BLOCK_SIZE);

	return p + off % RBLK_BLOCK_SIZE;
}

static void land_some(const struct rec *m, u32 percent)
{
	u32 off;

	for (off = 0; off < m->id.bytes; off += SECTOR) {
		u64 at = m->id.pos + off;

		if (chance(percent))
			memcpy(t_at(at & ~4095ULL) + at % RBLK_BLOCK_SIZE, content(m, off), SECTOR);
	}
}

static bool block_whole(const struct rec *m, u32 n)
{
	return !memcmp(t_at(m->id.pos + (u64)n * RBLK_BLOCK_SIZE),
		       t_part(&m->id, m->header, n), RBLK_BLOCK_SIZE);
}

static bool whole(const struct rec *m)
{
	u32 i;

	for (i = 0; i < m->id.bytes / RBLK_BLOCK_SIZE; i++)
		if (!block_whole(m, i))
			return false;
	return true;
}

/* The metadata write that the crash interrupted: one copy, or part of one. */
static void tear_meta(void)
{
	static u8 buf[LOG_META_BYTES];
	struct log_meta *m = &t_meta;
	u32 copy = rnd(2), off;

	if (rblk_log_floor(&t_log, commit, m))
		m->floor.index = commit;
	m->version++;
	rblk_log_watermark(&t_log, m);
	rblk_log_meta_encode(m, &t_super, buf);
	for (off = 0; off < sizeof(buf); off += SECTOR)
		if (chance(95))
			memcpy(t_img + rblk_log_meta_offset(copy) + off, buf + off, SECTOR);
}

static void power_cut(void)
{
	u32 i;

	for (i = 0; i < nrec; i++)
		if (rec[i].id.seq > t_log.durable_seq && !whole(&rec[i]))
			land_some(&rec[i], chance(40) ? 100 : chance(30) ? 0 : p_land);
	if (chance(20))
		tear_meta();
	nrotten = 0;
}

static void rot_some(u32 from)
{
	u32 n = chance(p_rot) ? 1 + rnd(3) : 0;

	while (n-- && from < nrec) {
		u32 k = chance(50) ? from + rnd(nrec - from) :
				     nrec - 1 - rnd(nrec - from < 6 ? nrec - from : 6);
		u32 block = chance(50) ? 0 : rnd(rec[k].id.bytes / RBLK_BLOCK_SIZE);

		rotten[nrotten].pos = rec[k].id.pos + block * RBLK_BLOCK_SIZE;
		rotten[nrotten].byte = rnd(RBLK_BLOCK_SIZE);
		rotten[nrotten].bits = 1 << rnd(8);
		t_at(rotten[nrotten].pos)[rotten[nrotten].byte] ^= rotten[nrotten].bits;
		nrotten++;
	}
}

static void mend(void)
{
	while (nrotten--)
		t_at(rotten[nrotten].pos)[rotten[nrotten].byte] ^= rotten[nrotten].bits;
	nrotten = 0;
}

/* ---- what recovery must find ---- */

static u32 at_floor(void)
{
	u32 i;

	for (i = 0; i < nrec && rec[i].id.pos < t_meta.floor_pos; i++)
		;
	return i;
}

static void replay(u32 from, u32 to)
{
	u32 i, k;

	live_last = t_meta.floor.index;
	for (i = from; i < to; i++)
		for (k = 0; k < rec[i].n; k++) {
			live_last = rec[i].id.first + k;
			live[live_last] = rec[i].csum[k];
		}
}

struct proof {
	bool durable, known;
};

/* Does the metadata say that nothing with entries follows, and does nothing newer prove more? */
static bool held_nothing(u32 from, u32 k)
{
	struct rblk_id last = t_meta.floor;
	u32 i;

	for (i = from; i < k; i++)
		if (rec[i].n)
			last = (struct rblk_id){ .term = rec[i].id.term, .index = rec[i].id.last };
	for (i = k + 1; i < nrec; i++)
		if (block_whole(&rec[i], 0))
			return false;
	return t_meta.durable.index && t_meta.durable.index == last.index &&
	       t_meta.durable.term == last.term;
}

/* What is on the device that proves record @k to have been durable. */
static struct proof prove(u32 k)
{
	struct proof p = { .known = block_whole(&rec[k], 0) };
	u64 seq = rec[k].id.seq;
	u32 i, j;

	p.durable = t_meta.watermark >= seq || rec[k].id.pos < t_meta.start_pos;
	for (i = k + 1; i < nrec; i++) {
		const struct disk_record *d = (const void *)rec[i].header;

		if (!block_whole(&rec[i], 0))
			continue;
		if (rec[i].watermark >= seq)
			p.durable = true;
		for (j = 0; j < le32_to_cpu(d->nids); j++)
			if (le64_to_cpu(d->id[j].seq) == seq)
				p.known = true;
	}
	return p;
}

static bool same_id(const struct log_record_id *a, const struct log_record_id *b)
{
	return a->seq == b->seq && a->pos == b->pos && a->bytes == b->bytes &&
	       a->chain == b->chain && a->first == b->first && a->last == b->last &&
	       a->term == b->term && a->csum == b->csum;
}

static void check_found(u32 from, u32 to)
{
	u64 i;

	CHECK_EQ(t_rep.records, to - from);
	replay(from, to);
	CHECK_EQ(t_last, live_last);
	for (i = t_meta.floor.index + 1; i <= live_last; i++)
		CHECK_EQ(t_found[i].csum, live[i]);
}

/* Recovers once; false: it refused, as it must, and the rot is to be mended. */
static bool recover_once(void)
{
	u32 from, bad;
	struct proof p;
	int rc = t_recover();

	from = at_floor();
	for (bad = from; bad < nrec && whole(&rec[bad]); bad++)
		;
	check_found(from, bad);
	if (bad == nrec) {
		/* What an earlier cut left at this place may look torn once more. */
		CHECK_EQ(rc, 0);
		CHECK(t_rep.finding == LOG_F_END || t_rep.finding == LOG_F_TORN);
		CHECK_EQ(t_rep.cut_records, 0);
		return true;
	}
	p = prove(bad);
	if (p.durable && held_nothing(from, bad)) {
		CHECK_EQ(rec[bad].n, 0);
		CHECK_EQ(t_rep.finding, LOG_F_TORN);
		n_empty++;
	} else if (p.durable) {
		CHECK_EQ(rc, -EBADMSG);
		CHECK_EQ(t_rep.rot.pos, rec[bad].id.pos);
		/* A record that was cut since may know the identity as well, and knows it right. */
		if (p.known)
			CHECK_EQ(t_rep.finding, LOG_F_ROT);
		if (t_rep.finding == LOG_F_ROT)
			CHECK(same_id(&t_rep.rot, &rec[bad].id));
		else
			CHECK_EQ(t_rep.finding, LOG_F_ROT_UNKNOWN);
		n_rot++;
		n_unknown += t_rep.finding == LOG_F_ROT_UNKNOWN;
		CHECK(nrotten);
		return false;
	}
	CHECK_EQ(rc, 0);
	CHECK(t_rep.finding == LOG_F_TORN || t_rep.finding == LOG_F_END);
	/* Durable all the same: only rot in the last few, which the docs admit. */
	if (rec[bad].durable) {
		CHECK(nrotten);
		n_window++;
	}
	n_cut += nrec - bad;
	nrec = bad;
	return true;
}

static void crash(void)
{
	u32 durable = 0, i;

	power_cut();
	n_crash++;
	for (i = 0; i < nrec; i++)
		durable += rec[i].durable;
	if (t_recover() != -EUCLEAN)
		rot_some(at_floor());
	while (!recover_once())
		mend();
	nrotten = 0;
	if (nrec > durable)
		n_more++;
	for (i = 0; i < nrec; i++)
		rec[i].durable = true;
	last = t_log.last_index;
	CHECK_EQ(last, live_last);
	if (commit > last)
		commit = last;	/* only possible in the admitted window */
	t_start();
	term++;
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

static void history(void)
{
	u32 i, k, crashes = 3 + rnd(8);

	t_format();
	nrec = 0;
	last = commit = 0;
	term = 1;
	p_trunc = rnd(6);
	p_land = rnd(101);
	p_rot = chance(40) ? 0 : 60;
	p_done = 10 + rnd(18);
	t_open();
	for (i = 0; i < crashes; i++) {
		for (k = rnd(400); k-- && nrec < RECS - 100;)
			step();
		crash();
	}
	n_wrap += t_log.head_pos > T_RING_BYTES;
}

static void random_histories(void)
{
	u64 runs = getenv("LOG_RUNS") ? strtoull(getenv("LOG_RUNS"), NULL, 0) : 300;
	u64 first = getenv("LOG_SEED") ? strtoull(getenv("LOG_SEED"), NULL, 0) : 1;

	for (seed = first; seed < first + runs; seed++) {
		rng = seed * 0x9e3779b97f4a7c15ULL + 1;
		history();
	}
	printf("# crashes %llu, records cut %llu, rot found %llu (%llu without identity), in the admitted window %llu, more than was durable found %llu, wrapped %llu, full %llu\n",
	       (unsigned long long)n_crash, (unsigned long long)n_cut, (unsigned long long)n_rot,
	       (unsigned long long)n_unknown, (unsigned long long)n_window,
	       (unsigned long long)n_more, (unsigned long long)n_wrap, (unsigned long long)n_full);
	/* The run must have been worth something. */
	if (runs >= 100)
		CHECK(n_cut && n_rot > n_unknown && n_unknown && n_window && n_empty && n_more &&
		      n_wrap);
}

static const struct tap_case cases[] = {
	{ "random_histories", random_histories },
};

int main(int argc, char **argv)
{
	int rc = tap_main(argc, argv, cases, ARRAY_SIZE(cases));

	if (rc)
		printf("# LOG_SEED=%llu\n", (unsigned long long)seed);
	return rc;
}
