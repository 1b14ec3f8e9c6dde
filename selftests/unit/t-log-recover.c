// SPDX-License-Identifier: GPL-2.0
/* Recovery: how evidence is weighed. The decision table itself: t-log-table.c. */
#include "log-lib.h"

static void never_written(void)
{
	t_format();
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_rep.records, 0);
	CHECK_EQ(t_log.head_pos, 0);
	CHECK_EQ(t_log.next_seq, 1);
}

/* 5, 6, 7 in flight; 6 torn; 7 whole and above every watermark: cut, and never back. */
static void torn_middle(void)
{
	struct log_record *r[3];
	u64 pos5;
	int i;

	fill(4);
	for (i = 0; i < 3; i++)
		r[i] = t_submit(5 + i, 1, 2);
	pos5 = r[1]->pos;
	t_land(r[0]);
	t_land_part(r[1], 1, 3);
	t_land(r[2]);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
	CHECK_EQ(t_last, 5);
	CHECK_EQ(t_rep.cut_records, 1);
	CHECK_EQ(t_log.head_pos, pos5);
	CHECK(t_log.next_seq >= 7 + LOG_SEQ_JUMP);

	/* A record of the same size in its place: 7 would follow it by place. */
	t_start();
	t_append(6, 2, 2);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_last, 6);
	CHECK(t_has(6, 2, 2));
	t_start();

	/* ... and with the next torn, the stale one is no evidence. */
	r[0] = t_submit(7, 2, 2);
	t_land_part(r[0], 1, 3);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 6);
	CHECK_EQ(t_rep.finding, LOG_F_END);
}

/* Two cuts at one place: each time the numbers jump, and no record from before counts. */
static void cut_twice(void)
{
	struct log_record *a, *b;
	u64 seq;

	fill(4);
	a = t_submit(5, 1, 2);
	b = t_submit(6, 1, 2);
	t_land(b);
	(void)a;
	t_open();
	seq = t_log.next_seq;
	CHECK_EQ(t_meta.start_seq, seq);
	a = t_submit(5, 2, 2);
	b = t_submit(6, 2, 1);
	t_land(b);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
	CHECK_EQ(t_rep.cut_records, 1);
	CHECK_EQ(t_last, 4);
	CHECK(t_log.next_seq >= seq + LOG_SEQ_JUMP);
}

/* A stale record of a cut branch, higher than all, with a watermark: not ours any more. */
static void stale_generation(void)
{
	struct log_record *r;
	struct disk_record *d;

	fill(4);
	t_submit(5, 1, 2);
	t_submit(6, 1, 2);
	r = t_submit(7, 1, 2);
	t_land(r);
	d = (void *)t_at(r->pos);
	t_open();		/* cuts at 5; 7 stays as it lies */
	CHECK_EQ(le64_to_cpu(d->seq), 7);
	/* Suppose its number were among ours, and it claimed what was never true of them. */
	d->seq = cpu_to_le64(t_meta.start_seq + 2);
	d->watermark = cpu_to_le64(t_meta.start_seq + 1);
	seal_again(d);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_rep.cut_records, 0);
	CHECK_EQ(t_last, 4);
}

static void chain_mismatch(void)
{
	struct disk_record *d;

	/*
	 * A record of the current generation is at its place, but not the
	 * successor: that is damage.
	 */
	fill(6);
	d = (void *)t_at(ids[6].pos);
	d->chain = cpu_to_le32(le32_to_cpu(d->chain) ^ 1);
	seal_again(d);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.finding, LOG_F_ROT_UNKNOWN);
	CHECK_EQ(t_last, 5);

	/* The same with a number that does not follow. */
	fill(6);
	d = (void *)t_at(ids[6].pos);
	d->seq = cpu_to_le64(8);
	seal_again(d);
	CHECK_EQ(t_recover(), -EBADMSG);

	/* ... or another than this one before it. */
	fill(6);
	d = (void *)t_at(ids[6].pos);
	d->prev_seq = cpu_to_le64(4);
	seal_again(d);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_last, 5);

	/* Of another place it is nothing. */
	fill(6);
	d = (void *)t_at(ids[6].pos);
	d->pos = cpu_to_le64(ids[6].pos + RBLK_BLOCK_SIZE);
	seal_again(d);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 5);

	/* Of an older generation it is what a cut left behind. */
	fill(4);
	t_open();
	t_append(5, 1, 2);
	ids[6] = t_append(6, 1, 2);
	d = (void *)t_at(ids[6].pos);
	d->chain = cpu_to_le32(le32_to_cpu(d->chain) ^ 1);
	d->generation = cpu_to_le64(1);
	seal_again(d);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_last, 5);
}

/* A chain across generations: the number jumps, and only where a generation begins. */
static void generations(void)
{
	struct disk_record *d;
	u64 pos;

	fill(3);
	(void)t_submit(4, 1, 2);
	t_land(t_submit(5, 1, 2));
	t_open();
	ids[4] = t_append(4, 2, 1);
	pos = ids[4].pos;
	t_open();
	t_append(5, 2, 1);
	t_open();
	CHECK_EQ(t_rep.records, 5);
	CHECK_EQ(t_last, 5);
	d = (void *)t_at(pos);
	CHECK(le64_to_cpu(d->seq) > LOG_SEQ_JUMP);
	CHECK_EQ(le64_to_cpu(d->prev_seq), 3);
	CHECK_EQ(le64_to_cpu(d->generation), 2);

	/* A jump inside a generation is none. */
	fill(3);
	t_open();
	d = (void *)t_at(ids[3].pos);
	d->seq = cpu_to_le64(50);
	seal_again(d);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_last, 2);

	/* A generation is not followed by an older one, though all else fits. */
	fill(3);
	t_open();
	t_append(4, 1, 2);
	ids[5] = t_append(5, 1, 2);
	t_open();
	d = (void *)t_at(ids[5].pos);
	d->generation = cpu_to_le64(1);
	seal_again(d);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_last, 4);
}

/* Several records are damaged: the first one is reported, whichever record shows it. */
static void rot_of_several(void)
{
	fill(9);
	rot(ids[4].pos);
	rot(ids[6].pos + RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.finding, LOG_F_ROT);
	CHECK_EQ(t_rep.rot.first, 4);

	fill(9);
	rot(ids[4].pos);
	rot(ids[5].pos);
	rot(ids[6].pos);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.finding, LOG_F_ROT_UNKNOWN);
	CHECK_EQ(t_rep.rot.first, 4);
	CHECK_EQ(t_rep.rot.last, 6);
}

/* With a full window in flight, the first who knows is far behind the bad one. */
static void far_evidence(void)
{
	struct log_record *r[LOG_INFLIGHT], *s[LOG_INFLIGHT];
	u64 head;
	int i;

	t_format();
	t_open();
	t_append(1, 1, 0);
	/* 2..17 in flight and done at once; 18..33 in flight, only the last lands. */
	for (i = 0; i < LOG_INFLIGHT; i++)
		r[i] = t_submit(2 + i, 1, 15);
	for (i = 0; i < LOG_INFLIGHT; i++)
		t_land(r[i]);
	head = r[0]->pos;
	for (i = 0; i < LOG_INFLIGHT; i++)
		rblk_log_done(&t_log, r[i], 0);
	for (i = 0; i < LOG_INFLIGHT; i++)
		s[i] = t_submit(18 + i, 1, 15);
	t_land(s[LOG_INFLIGHT - 1]);
	wipe(head);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.rot.pos, head);
	CHECK_EQ(t_rep.rot.first, 2);
	CHECK(t_rep.finding == LOG_F_ROT_UNKNOWN);
}

/* A watermark below the bad one, however many records carry it, is no evidence. */
static void low_watermark(void)
{
	struct log_record *r[LOG_INFLIGHT];
	int i;

	fill(4);
	for (i = 0; i < LOG_INFLIGHT; i++)
		r[i] = t_submit(5 + i, 1, 1);
	for (i = 1; i < LOG_INFLIGHT; i++) {
		t_land(r[i]);
		rblk_log_done(&t_log, r[i], 0);
	}
	CHECK_EQ(t_log.durable_seq, 4);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
	CHECK_EQ(t_rep.cut_records, LOG_INFLIGHT - 1);
	CHECK_EQ(t_last, 4);
	CHECK(t_log.next_seq > 4 + LOG_INFLIGHT);
}

/* A start announces what recovery found; the place where it began says so by itself. */
static void start_is_evidence(void)
{
	fill(5);
	t_open();
	CHECK_EQ(t_meta.watermark, 5);
	t_meta.watermark = 0;
	t_write_meta();
	rot(ids[5].pos);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.finding, LOG_F_ROT_UNKNOWN);
}

/* What the newest records were is known to the first header of the next generation too. */
static void identities_after_restart(void)
{
	fill(4);
	t_open();
	t_append(5, 2, 1);
	rot(ids[4].pos);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.finding, LOG_F_ROT);
	CHECK_EQ(t_rep.rot.first, 4);
	CHECK_EQ(t_rep.rot.csum, ids[4].csum);
}

/* An earlier lap's records are no evidence, wherever they lie. */
static void earlier_lap(void)
{
	u64 i, n = 2 * T_RING_BYTES / (16 * RBLK_BLOCK_SIZE);
	struct log_record *r;

	t_format();
	t_open();
	for (i = 1; i <= n; i++) {
		t_append(i, 1, 15);
		if (rblk_log_used_bytes(&t_log) > T_RING_BYTES / 2 &&
		    rblk_log_floor(&t_log, i - 5, &t_meta)) {
			t_meta.floor.index = i - 5;
			t_write_meta();
			rblk_log_trim(&t_log, &t_meta);
		}
	}
	CHECK(t_log.head_pos > T_RING_BYTES);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_last, n);
	t_start();
	r = t_submit(n + 1, 1, 15);
	t_land_part(r, 3, 9);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_last, n);
	/* Half a header over an old one: torn. */
	memcpy(t_at(r->pos), r->header, 512);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
	CHECK_EQ(t_last, n);
}

/* Metadata older than the ring (both copies rolled back): never a clean end. */
static void old_metadata(void)
{
	static u8 old[2][LOG_META_BYTES];
	u64 i, n = 2 * T_RING_BYTES / (16 * RBLK_BLOCK_SIZE);
	int k;

	t_format();
	t_open();
	for (k = 0; k < 2; k++)
		memcpy(old[k], t_img + rblk_log_meta_offset(k), LOG_META_BYTES);
	for (i = 1; i <= n; i++) {
		t_append(i, 1, 15);
		if (rblk_log_used_bytes(&t_log) > T_RING_BYTES / 2 &&
		    rblk_log_floor(&t_log, i - 5, &t_meta)) {
			t_meta.floor.index = i - 5;
			t_write_meta();
			rblk_log_trim(&t_log, &t_meta);
		}
	}
	for (k = 0; k < 2; k++)
		memcpy(t_img + rblk_log_meta_offset(k), old[k], LOG_META_BYTES);
	CHECK_EQ(t_recover(), -EBADMSG);

	/* A later floor, all else as the metadata says. */
	t_format();
	t_open();
	for (i = 1; i <= 5; i++)
		t_append(i, 1, 15);
	for (k = 0; k < 2; k++)
		memcpy(old[k], t_img + rblk_log_meta_offset(k), LOG_META_BYTES);
	CHECK(rblk_log_floor(&t_log, 3, &t_meta));
	t_meta.floor.index = 3;
	t_write_meta();
	rblk_log_trim(&t_log, &t_meta);
	t_append(6, 1, 15);
	CHECK_EQ(t_recover(), 0);
	for (k = 0; k < 2; k++)
		memcpy(t_img + rblk_log_meta_offset(k), old[k], LOG_META_BYTES);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_last, 5);

	/* A later generation at its place. */
	fill(3);
	for (k = 0; k < 2; k++)
		memcpy(old[k], t_img + rblk_log_meta_offset(k), LOG_META_BYTES);
	t_open();
	t_append(4, 1, 1);
	for (k = 0; k < 2; k++)
		memcpy(t_img + rblk_log_meta_offset(k), old[k], LOG_META_BYTES);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_last, 3);
}

/* The record of a newer version is not ours to cut, at the bad place or ahead. */
static void newer_version(void)
{
	struct disk_record *d;
	u32 skip = offsetof(struct disk_head, version);
	int k;

	for (k = 0; k < 2; k++) {
		struct log_record *r[2];

		fill(4);
		r[0] = t_submit(5, 1, 1);
		r[1] = t_submit(6, 1, 1);
		if (!k)
			t_land(r[0]);
		t_land(r[1]);
		d = (void *)t_at(r[k]->pos);
		d->head.incompat = cpu_to_le32(1);
		d->head.crc = cpu_to_le32(rblk_crc32c(0, (u8 *)d + skip, sizeof(*d) - skip));
		CHECK_EQ(t_recover(), -EPROTONOSUPPORT);
		CHECK(t_log.failed);
	}
}

/* Bad sectors ahead of a torn place are counted and are no evidence. */
static void unreadable_ahead(void)
{
	fill(4);
	unreadable(t_log.head_pos + 5 * RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_END);
	CHECK_EQ(t_rep.unreadable, 1);
	CHECK_EQ(t_last, 4);
}

static int dead_read(void *ctx, u64 off, void *buf, u32 len)
{
	return off >= t_super.ring_off ? -ENXIO : t_read(ctx, off, buf, len);
}

static void reader_errors(void)
{
	struct log_reader rd = { .read = dead_read, .scratch = t_scratch };

	fill(4);
	rblk_log_init(&t_log, &t_super, t_headers);
	CHECK_EQ(rblk_log_recover(&t_log, &rd, &t_meta, NULL, NULL, &t_rep), -ENXIO);
	CHECK(t_log.failed);
}

static int refuse(void *ctx, const struct rblk_entry *e, const u32 *crc, u64 pos,
		  const struct log_record *rec, const void *conf)
{
	return e->index == 3 ? -ENOMEM : 0;
}

static void callback_error(void)
{
	fill(4);
	rblk_log_init(&t_log, &t_super, t_headers);
	CHECK_EQ(rblk_log_recover(&t_log, &t_rd, &t_meta, refuse, NULL, &t_rep), -ENOMEM);
	CHECK(t_log.failed);
	CHECK_EQ(t_rep.records, 2);
}

/* Below the checkpoint and the watermark, payload need not be read. */
static void skip_payload(void)
{
	u64 all;

	fill(8);
	t_meta.watermark = 6;
	t_write_meta();
	t_reads = 0;
	CHECK_EQ(t_recover(), 0);
	all = t_reads;
	/* Nothing is read twice. */
	CHECK(all <= T_RING_BYTES + LOG_SCRATCH_BYTES);
	t_rd.skip_index = 5;
	t_reads = 0;
	CHECK_EQ(t_recover(), 0);
	CHECK(t_reads < all + 8 * RBLK_BLOCK_SIZE);
	CHECK_EQ(t_last, 8);
	rot(ids[5].pos + RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), 0);
	rot(ids[6].pos + RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.rot.first, 6);
	/* Not below the watermark: looked at. */
	t_rd.skip_index = 100;
	fill(8);
	rot(ids[5].pos + RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), -EBADMSG);
	t_rd.skip_index = 0;
}

/* A record that the ring's end cuts in two is found and executed like any other. */
static void straddling(void)
{
	u64 i = 1, pos = 0;

	t_format();
	t_open();
	while (t_log.head_pos + 7 * RBLK_BLOCK_SIZE < T_RING_BYTES) {
		t_append(i, 1, 6);
		if (rblk_log_floor(&t_log, i, &t_meta)) {
			t_meta.floor.index = i;
			t_write_meta();
			rblk_log_trim(&t_log, &t_meta);
		}
		i++;
	}
	pos = t_log.head_pos;
	t_append(i, 1, 20);
	CHECK(t_log.head_pos > T_RING_BYTES);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, i);
	CHECK(t_has(i, 1, 20));
	rot(pos + 20 * RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.finding, LOG_F_TORN);
	CHECK_EQ(t_last, i - 1);
}

/* An entry that a later record replaces: recovery tells both, in order. */
static void truncation(void)
{
	fill(6);
	rblk_log_truncate(&t_log, 4);
	t_append(4, 2, 1);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_last, 4);
	CHECK(t_has(4, 2, 1));
	CHECK_EQ(t_log.last_index, 4);
	CHECK_EQ(t_log.durable_index, 4);
}

/*
 * The first record that the log ever had is torn and cut, twice. The floor is where the
 * next one goes, whose number is another one than the metadata had for that place.
 */
static void torn_at_the_floor(void)
{
	struct log_record *r;
	u64 seq = 1;
	int i;

	t_format();
	t_open();
	for (i = 0; i < 2; i++) {
		r = t_submit(1, 1 + i, 1);
		CHECK_EQ(r->seq, seq);
		t_land_part(r, 0, 1);
		t_open();
		CHECK_EQ(t_rep.finding, LOG_F_TORN);
		CHECK_EQ(t_log.head_pos, t_meta.floor_pos);
		CHECK(t_log.next_seq >= seq + LOG_SEQ_JUMP);
		seq = t_log.next_seq;
		CHECK_EQ(t_meta.floor_seq, seq);
		CHECK_EQ(t_log.floor_seq, seq);
	}
	t_append(1, 3, 1);
	/* From the next start on, floor_seq alone says which number is due there. */
	t_open();
	CHECK(t_meta.start_pos > t_meta.floor_pos);
	t_append(2, 3, 1);
	CHECK_EQ(t_recover(), 0);
	CHECK_EQ(t_rep.records, 2);
	CHECK_EQ(t_last, 2);
	CHECK(t_has(1, 3, 1));
}

static const struct tap_case cases[] = {
	{ "never_written", never_written },
	{ "torn_middle", torn_middle },
	{ "cut_twice", cut_twice },
	{ "stale_generation", stale_generation },
	{ "chain_mismatch", chain_mismatch },
	{ "generations", generations },
	{ "rot_of_several", rot_of_several },
	{ "far_evidence", far_evidence },
	{ "low_watermark", low_watermark },
	{ "start_is_evidence", start_is_evidence },
	{ "identities_after_restart", identities_after_restart },
	{ "earlier_lap", earlier_lap },
	{ "old_metadata", old_metadata },
	{ "newer_version", newer_version },
	{ "unreadable_ahead", unreadable_ahead },
	{ "reader_errors", reader_errors },
	{ "callback_error", callback_error },
	{ "skip_payload", skip_payload },
	{ "straddling", straddling },
	{ "truncation", truncation },
	{ "torn_at_the_floor", torn_at_the_floor },
};
TAP_MAIN(cases)
