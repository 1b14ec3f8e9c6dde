// SPDX-License-Identifier: GPL-2.0
/* Group commit, the contiguous prefix, space, and the floor. */
#include "log-lib.h"

static void fresh(void)
{
	t_format();
	t_open();
}

static const struct disk_record *disk(const struct log_record *r)
{
	return (const void *)r->header;
}

/* What gathers while nothing is submitted becomes one record, its payload in order. */
static void group(void)
{
	struct log_record *r;

	fresh();
	CHECK(!rblk_log_submit(&t_log));
	CHECK_EQ(t_add(1, 1, 2), 0);
	CHECK_EQ(t_add(2, 1, 0), 0);
	CHECK_EQ(t_add(3, 2, 3), 0);
	CHECK_EQ(rblk_log_used_bytes(&t_log), 6 * RBLK_BLOCK_SIZE);
	r = rblk_log_submit(&t_log);
	CHECK(r);
	CHECK_EQ(r->payload_blocks, 5);
	CHECK_EQ(r->header_bytes, RBLK_BLOCK_SIZE);
	CHECK_EQ(r->pos, 0);
	CHECK_EQ(r->trunc_epoch, 2);
	CHECK_EQ(r->id.first, 1);
	CHECK_EQ(r->id.last, 3);
	CHECK_EQ(r->id.term, 2);
	CHECK_EQ(r->id.bytes, 6 * RBLK_BLOCK_SIZE);
	CHECK(!rblk_log_submit(&t_log));
	CHECK_EQ(t_log.durable_index, 0);
	t_land(r);
	CHECK(rblk_log_done(&t_log, r, 0));
	CHECK_EQ(t_log.durable_index, 3);
	CHECK_EQ(t_log.durable_trunc_epoch, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.records, 1);
	CHECK_EQ(t_rep.entries, 3);
	CHECK(t_has(1, 1, 2) && t_has(2, 1, 0) && t_has(3, 2, 3));
	CHECK_EQ(t_found[3].pos, 3 * RBLK_BLOCK_SIZE);
}

static void bounds_of_a_record(void)
{
	u64 i;

	fresh();
	for (i = 1; i <= RBLK_RECORD_ENTRIES; i++)
		CHECK_EQ(t_add(i, 1, 1), 0);
	CHECK_EQ(t_add(i, 1, 0), -EAGAIN);
	rblk_log_submit(&t_log);
	CHECK_EQ(t_add(i, 1, RBLK_ENTRY_BLOCKS_MAX - 1), 0);
	CHECK_EQ(t_add(i + 1, 1, RBLK_ENTRY_BLOCKS_MAX - 1), 0);
	CHECK_EQ(t_add(i + 2, 1, 3), -EAGAIN);
	CHECK_EQ(t_add(i + 2, 1, 2), 0);
	CHECK_EQ(t_log.rec[1].payload_blocks, RBLK_RECORD_BLOCKS);
	CHECK_EQ(t_add(i + 3, 1, 1), -EAGAIN);
	CHECK_EQ(t_add(i + 3, 1, 0), 0);
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

static void refused(void)
{
	struct rblk_entry e;
	u8 data[RBLK_BLOCK_SIZE];
	u32 crc[1];
	u64 pos;

	t_format();
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_add(1, 1, 1), -EINVAL);	/* not started */
	CHECK(!rblk_log_close_record(&t_log));
	t_start();
	CHECK_EQ(t_add(2, 1, 1), -EINVAL);	/* a gap */
	CHECK_EQ(t_add(0, 1, 1), -EINVAL);
	t_make(&e, crc, data, 1, 1, 1);
	e.csum ^= 1;
	CHECK_EQ(rblk_log_add(&t_log, &e, crc, 1, &pos), -EINVAL);
	t_make(&e, crc, data, 1, 1, 1);
	e.kind = 99;
	CHECK_EQ(rblk_log_add(&t_log, &e, crc, 1, &pos), -EINVAL);
	CHECK_EQ(t_add(1, 5, 1), 0);
	CHECK_EQ(t_add(3, 5, 1), -EINVAL);
	CHECK_EQ(t_add(1, 5, 1), -EINVAL);	/* truncation was not announced */
	CHECK_EQ(t_add(2, 4, 1), -EINVAL);	/* terms do not fall inside a record */
	CHECK_EQ(t_add(2, 5, 1), 0);
}

/* Ends in any order; durable is what has no gap, as it was recorded. */
static void contiguous(void)
{
	struct log_record *r[4];
	int i;

	fresh();
	for (i = 0; i < 4; i++)
		r[i] = t_submit(1 + i, 1 + i, 1);
	CHECK(!rblk_log_done(&t_log, r[2], 0));
	CHECK(!rblk_log_done(&t_log, r[1], 0));
	CHECK_EQ(t_log.durable_seq, 0);
	CHECK_EQ(t_log.durable_index, 0);
	CHECK_EQ(t_log.nrec, 4);
	CHECK(rblk_log_done(&t_log, r[0], 0));
	CHECK_EQ(t_log.durable_seq, 3);
	CHECK_EQ(t_log.durable_index, 3);
	CHECK_EQ(t_log.durable_trunc_epoch, 3);
	CHECK_EQ(t_log.nrec, 1);
	CHECK(rblk_log_done(&t_log, r[3], 0));
	CHECK_EQ(t_log.durable_index, 4);
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

/* A header announces what was durable before it, and each identity once. */
static void announces(void)
{
	struct log_record *a, *b, *c, *d;
	struct log_record_id id;

	fresh();
	a = t_submit(1, 1, 1);
	b = t_submit(2, 1, 1);
	CHECK_EQ(le64_to_cpu(disk(b)->watermark), 0);
	CHECK_EQ(le64_to_cpu(disk(b)->prev_seq), 1);
	CHECK_EQ(disk(b)->chain, disk(a)->head.crc);
	CHECK_EQ(le32_to_cpu(disk(b)->nids), 0);
	id = a->id;
	rblk_log_done(&t_log, a, 0);
	c = t_submit(3, 1, 1);
	CHECK_EQ(le64_to_cpu(disk(c)->watermark), 1);
	CHECK_EQ(le32_to_cpu(disk(c)->nids), 1);
	CHECK_EQ(le64_to_cpu(disk(c)->id[0].seq), 1);
	CHECK_EQ(le32_to_cpu(disk(c)->id[0].chain), id.chain);
	CHECK_EQ(le32_to_cpu(disk(c)->id[0].csum), id.csum);
	rblk_log_done(&t_log, c, 0);
	rblk_log_done(&t_log, b, 0);
	d = t_submit(4, 1, 1);
	CHECK_EQ(le64_to_cpu(disk(d)->watermark), 3);
	CHECK_EQ(le32_to_cpu(disk(d)->nids), 2);
	CHECK_EQ(le64_to_cpu(disk(d)->id[0].seq), 2);
	CHECK_EQ(le64_to_cpu(disk(d)->id[1].seq), 3);
}

static void all_in_flight(void)
{
	struct log_record *r[LOG_INFLIGHT];
	int i;

	fresh();
	for (i = 0; i < LOG_INFLIGHT; i++)
		r[i] = t_submit(1 + i, 1, 1);
	CHECK_EQ(t_add(1 + i, 1, 1), -EAGAIN);
	CHECK(!rblk_log_submit(&t_log));
	CHECK(!rblk_log_close_record(&t_log));
	CHECK_EQ(rblk_log_check(&t_log), 0);
	for (i = LOG_INFLIGHT; i--;)
		rblk_log_done(&t_log, r[i], 0);
	CHECK_EQ(t_log.durable_index, LOG_INFLIGHT);
	CHECK_EQ(t_log.ndurable, LOG_INFLIGHT);
	r[0] = t_submit(LOG_INFLIGHT + 1, 1, 1);
	CHECK_EQ(le32_to_cpu(disk(r[0])->nids), LOG_INFLIGHT);
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

static void closing(void)
{
	struct log_record *r, *c;

	fresh();
	CHECK(!rblk_log_close_record(&t_log));	/* nothing to announce */
	r = t_submit(1, 1, 1);
	CHECK(!rblk_log_close_record(&t_log));	/* in flight */
	t_land(r);
	rblk_log_done(&t_log, r, 0);
	CHECK_EQ(t_add(2, 1, 1), 0);
	CHECK(!rblk_log_close_record(&t_log));	/* something open */
	rblk_log_truncate(&t_log, 2);
	c = rblk_log_close_record(&t_log);
	CHECK(c);
	CHECK_EQ(le64_to_cpu(disk(c)->watermark), 1);
	CHECK_EQ(le32_to_cpu(disk(c)->flags), DISK_R_CLOSING);
	CHECK_EQ(c->payload_blocks, 0);
	CHECK(c->id.first > c->id.last);
	CHECK(!rblk_log_close_record(&t_log));
	t_land(c);
	CHECK(rblk_log_done(&t_log, c, 0));
	CHECK_EQ(t_log.durable_seq, 2);
	CHECK_EQ(t_log.durable_index, 1);
	CHECK(!rblk_log_close_record(&t_log));	/* one is enough */
	CHECK_EQ(t_recover(), 0);
	CHECK(!rblk_log_close_record(&t_log));	/* no generation yet */
	t_start();
	t_append(2, 1, 1);
	c = rblk_log_close_record(&t_log);
	CHECK(c);
	t_land(c);
	rblk_log_done(&t_log, c, 0);
	t_append(3, 1, 1);
	r = t_submit(4, 1, 1);
	c = t_submit(5, 1, 1);
	rblk_log_done(&t_log, r, 0);
	CHECK(!rblk_log_close_record(&t_log));	/* something to announce, but one in flight */
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 3);
	CHECK_EQ(t_rep.records, 5);
}

static void failure(void)
{
	struct log_record *a, *b;

	fresh();
	a = t_submit(1, 1, 1);
	b = t_submit(2, 1, 1);
	CHECK_EQ(t_add(3, 1, 1), 0);
	CHECK(!rblk_log_done(&t_log, b, -EIO));
	CHECK(!rblk_log_done(&t_log, a, 0));	/* too late */
	CHECK_EQ(t_log.durable_seq, 0);
	CHECK_EQ(t_add(4, 1, 1), -EIO);
	CHECK(!rblk_log_submit(&t_log));
	CHECK(!rblk_log_close_record(&t_log));
}

/* Truncation inside the open record frees its places; before it, nothing is rewritten. */
static void truncation(void)
{
	struct log_record *r;

	fresh();
	t_append(1, 1, 1);
	r = t_submit(2, 1, 4);
	CHECK_EQ(t_add(3, 1, 2), 0);
	CHECK_EQ(t_add(4, 1, 3), 0);
	rblk_log_truncate(&t_log, 4);
	CHECK_EQ(t_log.last_index, 3);
	CHECK_EQ(t_add(4, 2, 1), 0);
	CHECK_EQ(rblk_log_used_bytes(&t_log), (2 + 5 + 4) * RBLK_BLOCK_SIZE);
	rblk_log_truncate(&t_log, 2);
	CHECK_EQ(t_log.last_index, 1);
	CHECK_EQ(rblk_log_used_bytes(&t_log), (2 + 5) * RBLK_BLOCK_SIZE);
	CHECK(!rblk_log_submit(&t_log));
	t_land(r);
	CHECK(rblk_log_done(&t_log, r, 0));
	CHECK_EQ(t_log.durable_index, 2);	/* durable, although it was truncated */
	CHECK_EQ(t_log.durable_trunc_epoch, 1);
	t_append(2, 3, 1);
	CHECK_EQ(t_log.durable_index, 2);
	CHECK_EQ(t_log.durable_trunc_epoch, 3);
	t_append(3, 3, 1);
	rblk_log_truncate(&t_log, 2);
	t_append(2, 4, 1);
	CHECK_EQ(t_log.durable_index, 2);	/* down again */
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 2);
	CHECK(t_has(1, 1, 1) && t_has(2, 4, 1));
}

static u64 fill_ring(u32 blocks)
{
	u64 i = 1;

	while (t_add(i, 1, blocks) == 0) {
		struct log_record *r = rblk_log_submit(&t_log);

		t_land(r);
		rblk_log_done(&t_log, r, 0);
		i++;
	}
	return i;
}

/* Data stops before the reserve; what relieves a full ring goes on to the last byte. */
static void reserve(void)
{
	struct log_record *r;
	u64 i, n;

	fresh();
	CHECK_EQ(rblk_log_free_bytes(&t_log), T_RING_BYTES - LOG_RESERVE);
	n = fill_ring(7);
	CHECK_EQ(t_add(n, 1, 7), -ENOSPC);
	CHECK(rblk_log_free_bytes(&t_log) < 8 * RBLK_BLOCK_SIZE);
	CHECK(rblk_log_used_bytes(&t_log) <= T_RING_BYTES - LOG_RESERVE);
	CHECK(rblk_log_used_bytes(&t_log) > T_RING_BYTES - LOG_RESERVE - 8 * RBLK_BLOCK_SIZE);
	r = rblk_log_close_record(&t_log);
	CHECK(r);
	t_land(r);
	rblk_log_done(&t_log, r, 0);
	for (i = n; t_add(i, 1, 0) == 0; i++) {
		r = rblk_log_submit(&t_log);
		t_land(r);
		rblk_log_done(&t_log, r, 0);
		if (rblk_log_used_bytes(&t_log) + RBLK_BLOCK_SIZE > T_RING_BYTES - LOG_RESERVE / 2)
			CHECK(!rblk_log_close_record(&t_log));
	}
	CHECK_EQ(t_add(i, 1, 0), -ENOSPC);
	CHECK_EQ(rblk_log_used_bytes(&t_log), T_RING_BYTES);
	CHECK_EQ(rblk_log_free_bytes(&t_log), 0);
	CHECK(i - n >= 64);
	CHECK_EQ(rblk_log_check(&t_log), 0);
	/* Full to the last block, it is one lap and no more. */
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, i - 1);
	CHECK_EQ(t_rep.finding, LOG_F_END);
}

/* Session entries, configurations and no-ops may use the reserve; zeroes may not. */
static void reserve_by_kind(void)
{
	static const struct { u8 kind; int rc; } t[] = {
		{ RBLK_E_NOOP, 0 }, { RBLK_E_CONF, 0 }, { RBLK_E_OPEN, 0 }, { RBLK_E_CLOSE, 0 },
		{ RBLK_E_WRITE, -ENOSPC }, { RBLK_E_ZEROES, -ENOSPC },
	};
	u32 crc[1] = { 1 }, i;
	u64 n, pos;

	fresh();
	n = fill_ring(1);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct rblk_entry e = { .index = n, .term = 1, .kind = t[i].kind };

		if (e.kind == RBLK_E_WRITE || e.kind == RBLK_E_ZEROES)
			e.nsect = 8;
		e.nblocks = e.kind == RBLK_E_WRITE || e.kind == RBLK_E_CONF;
		e.csum = rblk_entry_csum(&e, crc);
		CHECK_EQ(rblk_log_add(&t_log, &e, crc, 1, &pos), t[i].rc);
		rblk_log_truncate(&t_log, n);
	}
}

/* The floor moves only by metadata, and never beyond what is still needed. */
static void floor_and_trim(void)
{
	static struct log_meta next;
	u64 n, used;

	fresh();
	n = fill_ring(15);
	CHECK(!rblk_log_floor(&t_log, 0, &t_meta));
	CHECK(rblk_log_floor(&t_log, n / 2, &t_meta));
	used = rblk_log_used_bytes(&t_log);
	CHECK_EQ(t_add(n, 1, 15), -ENOSPC);
	t_meta.floor.index = n / 2;
	t_write_meta();
	rblk_log_trim(&t_log, &t_meta);
	/* The places behind it are still known. */
	next = t_meta;
	CHECK(rblk_log_floor(&t_log, n / 2 + 1, &next));
	CHECK_EQ(next.floor_pos, t_meta.floor_pos + 16 * RBLK_BLOCK_SIZE);
	CHECK(rblk_log_used_bytes(&t_log) < used);
	CHECK(!rblk_log_floor(&t_log, n / 2, &t_meta));
	CHECK_EQ(t_add(n, 1, 15), 0);
	CHECK_EQ(rblk_log_check(&t_log), 0);
	CHECK_EQ(t_recover(), 0);
	CHECK(t_found[n / 2 + 1].pos >= t_meta.floor_pos);
	CHECK(t_found[n / 2 + 1].pos < t_meta.floor_pos + T_RING_BYTES / 128);
	CHECK(t_has(n / 2 + 1, 1, 15));
	/* A mark below a newer one that begins earlier: truncation. */
	fresh();
	t_append(1, 1, 15);
	t_append(2, 1, 15);
	t_append(3, 1, 15);
	rblk_log_truncate(&t_log, 2);
	t_append(2, 2, 15);
	t_append(3, 2, 15);
	CHECK(rblk_log_floor(&t_log, 1, &t_meta));
	CHECK_EQ(t_meta.floor_pos, 3 * 16 * RBLK_BLOCK_SIZE);
	CHECK_EQ(t_meta.floor_seq, 4);
	t_meta.floor.index = 1;
	t_write_meta();
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 3);
	CHECK(t_has(2, 2, 15) && t_has(3, 2, 15));
}

/* However small the records are, there are places for the floor all over a full ring. */
static void floor_among_small_records(void)
{
	u64 i, at, n = T_RING_BYTES / RBLK_BLOCK_SIZE;
	static struct log_meta m;

	fresh();
	for (i = 1; i <= n; i++)
		t_append(i, 1, 0);
	CHECK_EQ(t_add(i, 1, 0), -ENOSPC);
	for (i = 1; i < n; i++) {
		m = t_meta;
		at = i * RBLK_BLOCK_SIZE;
		CHECK(rblk_log_floor(&t_log, i, &m) || at < T_RING_BYTES / 256);
		CHECK(m.floor_pos <= at && m.floor_pos + T_RING_BYTES / 256 > at);
	}
}

/* What is not durable yet is no place for the floor. */
static void floor_in_flight(void)
{
	fresh();
	t_append(1, 1, 15);
	t_submit(2, 1, 15);
	CHECK(!rblk_log_floor(&t_log, 1, &t_meta));
}

static void extents(void)
{
	struct log_extent x[2];
	u64 r;

	t_format();
	r = t_super.ring_off;
	CHECK_EQ(rblk_log_extents(&t_super, 0, 8192, x), 1);
	CHECK(x[0].off == r && x[0].len == 8192);
	CHECK_EQ(rblk_log_extents(&t_super, 5 * T_RING_BYTES + 4096, 4096, x), 1);
	CHECK(x[0].off == r + 4096 && x[0].len == 4096);
	CHECK_EQ(rblk_log_extents(&t_super, T_RING_BYTES - 8192, 8192, x), 1);
	CHECK(x[0].off == r + T_RING_BYTES - 8192 && x[0].len == 8192);
	CHECK_EQ(rblk_log_extents(&t_super, T_RING_BYTES - 4096, 12288, x), 2);
	CHECK(x[0].off == r + T_RING_BYTES - 4096 && x[0].len == 4096);
	CHECK(x[1].off == r && x[1].len == 8192);
	CHECK_EQ(rblk_log_extents(&t_super, 4096, T_RING_BYTES, x), 2);
	CHECK_EQ(x[0].len + x[1].len, T_RING_BYTES);
}

/* A record is not written over what is still needed, and not counted twice. */
static void misuse(void)
{
	struct log_record *r;

	fresh();
	tap_expect_asserts();
	r = t_submit(1, 1, 1);
	t_log.durable_seq = r->seq;
	rblk_log_done(&t_log, r, 0);
	CHECK_EQ(tap_asserts(), 1);
	fresh();
	t_append(1, 1, 1);
	CHECK_EQ(t_add(2, 1, 1), 0);
	t_log.super.ring_bytes = t_log.head_pos - t_log.floor_pos + 4096;
	CHECK(!rblk_log_submit(&t_log));
	CHECK_EQ(tap_asserts(), 2);
	t_log.super.ring_bytes += 4096;
	CHECK(rblk_log_submit(&t_log));
	CHECK_EQ(tap_asserts(), 2);
}

#define BREAK(stmt)						\
	do {							\
		t_log = good;					\
		stmt;						\
		CHECK_EQ(rblk_log_check(&t_log), -EUCLEAN);	\
	} while (0)

/* Every invariant is looked at: break them one by one. Two records are in flight, one is open. */
static void audit(void)
{
	static struct log good;
	struct log_record *r[4];
	u32 i;

	fresh();
	t_append(1, 1, 1);
	t_submit(2, 1, 1);
	t_submit(3, 1, 1);
	CHECK_EQ(t_add(4, 1, 1), 0);
	good = t_log;
	CHECK_EQ(good.nmarks, 2);
	for (i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = &t_log.rec[(good.tail + i) % LOG_INFLIGHT];
	tap_expect_asserts();
	BREAK(t_log.ndurable = LOG_INFLIGHT + 1);
	BREAK(t_log.tail += LOG_INFLIGHT);
	BREAK(r[0]->state = LOG_R_FREE);
	BREAK(r[0]->seq++);
	BREAK(r[0]->pos += 4096);
	BREAK(t_log.durable_seq = r[0]->seq);
	BREAK(t_log.nmarks = 0; t_log.floor_pos = t_log.head_pos);
	BREAK(r[2]->pos += 4096);
	BREAK(r[2]->seq++);
	BREAK(r[3]->state = LOG_R_DONE);
	BREAK(*r[3] = *r[2]);
	BREAK(t_log.nmarks = LOG_MARKS + 1);
	BREAK(t_log.floor_pos = r[0]->pos);
	BREAK(t_log.mark[1].pos = t_log.head_pos);
	BREAK(t_log.mark[1].pos = t_log.mark[0].pos);
	t_log = good;
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

static void audit_idle(void)
{
	static struct log good;

	fresh();
	t_append(1, 1, 1);
	good = t_log;
	tap_expect_asserts();
	BREAK(t_log.nmarks = 0; t_log.floor_pos = 512);
	BREAK(t_log.head_pos += 512);
	BREAK(t_log.head_pos += T_RING_BYTES);
	BREAK(t_log.nmarks = 0; t_log.floor_pos = t_log.head_pos + 4096);
	BREAK(t_log.next_seq = t_log.last_seq);
	BREAK(t_log.durable_seq = t_log.last_seq + 1);
	BREAK(t_log.nrec = 1);
	t_log = good;
	CHECK_EQ(rblk_log_check(&t_log), 0);
}

static const struct tap_case cases[] = {
	{ "group", group },
	{ "bounds_of_a_record", bounds_of_a_record },
	{ "refused", refused },
	{ "contiguous", contiguous },
	{ "announces", announces },
	{ "all_in_flight", all_in_flight },
	{ "closing", closing },
	{ "failure", failure },
	{ "truncation", truncation },
	{ "reserve", reserve },
	{ "reserve_by_kind", reserve_by_kind },
	{ "floor_and_trim", floor_and_trim },
	{ "floor_among_small_records", floor_among_small_records },
	{ "floor_in_flight", floor_in_flight },
	{ "extents", extents },
	{ "misuse", misuse },
	{ "audit", audit },
	{ "audit_idle", audit_idle },
};
TAP_MAIN(cases)
