// SPDX-License-Identifier: GPL-2.0
/* Recovery: what the scan reads, and what it takes each place for. */
#include "log-lib.h"

/* Whatever the device calls it, a bad sector is one, and ends no recovery by itself. */
static void media_errors(void)
{
	static const int error[] = { -EIO, -ENODATA, -EILSEQ, -EREMOTEIO };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(error); i++) {
		fill(4);
		t_read_error = error[i];
		unreadable(ids[4].pos);
		CHECK_EQ(t_recover(), -EBADMSG);
		CHECK_EQ(t_rep.finding, LOG_F_UNREADABLE);
		CHECK_EQ(t_rep.rot.first, 4);
		CHECK_EQ(t_rep.unreadable, 1);
	}
	t_read_error = -EIO;
}

/* A record that the ring's end cuts in two: what lies before it cannot be read. */
static void unreadable_before_the_end(void)
{
	u64 i, pos;

	t_format();
	t_open();
	for (i = 1; t_log.head_pos + 7 * RBLK_BLOCK_SIZE < T_RING_BYTES; i++) {
		t_append(i, 1, 6);
		if (rblk_log_floor(&t_log, i, &t_meta)) {
			t_meta.floor.index = i;
			t_write_meta();
			rblk_log_trim(&t_log, &t_meta);
		}
	}
	pos = t_log.head_pos;
	t_append(i, 1, 20);
	CHECK(t_log.head_pos > T_RING_BYTES);
	CHECK_EQ(t_recover(), 0);
	unreadable(pos + RBLK_BLOCK_SIZE);
	CHECK_EQ(t_recover(), -EBADMSG);
	CHECK_EQ(t_rep.finding, LOG_F_UNREADABLE);
}

/* A sound header as of record 4 at another place; the caller changes it and seals it again. */
static struct disk_record *plant(u64 at)
{
	struct disk_record *d = (void *)t_at(at);

	memcpy(d, t_at(ids[4].pos), RBLK_BLOCK_SIZE);
	d->pos = cpu_to_le64(at);
	return d;
}

static struct disk_record *plant_ahead(u64 seq)
{
	struct disk_record *d = plant(t_log.head_pos + 4 * RBLK_BLOCK_SIZE);

	d->seq = cpu_to_le64(seq);
	d->prev_seq = cpu_to_le64(seq - 1);
	seal_again(d);
	return d;
}

static void found(int rc, enum log_finding finding, u64 last)
{
	CHECK_EQ(t_recover(), rc);
	CHECK_EQ(t_rep.finding, finding);
	CHECK_EQ(t_last, last);
}

/* Of a start before this one, but it claims to be of this one. */
static void generation_ahead_of_its_place(void)
{
	struct disk_record *d;

	fill(3);
	t_open();
	found(0, LOG_F_END, 3);
	d = (void *)t_at(ids[3].pos);
	d->generation = cpu_to_le64(t_meta.start_generation);
	seal_again(d);
	found(-EBADMSG, LOG_F_ROT_UNKNOWN, 2);
}

/* At the floor, no generation before it explains a jump. */
static void jump_at_the_floor(void)
{
	struct disk_record *d;

	fill(3);
	t_open();
	d = (void *)t_at(ids[1].pos);
	d->seq = cpu_to_le64(50);
	seal_again(d);
	found(-EBADMSG, LOG_F_ROT, 0);
}

/* Where the log ends there is a header with a wrong sum: torn, if it is of this place. */
static void traces(void)
{
	struct disk_record *d;

	fill(4);
	d = plant(t_log.head_pos);
	d->head.crc ^= 1;
	found(0, LOG_F_TORN, 4);
	d->pos = cpu_to_le64(ids[4].pos);
	found(0, LOG_F_END, 4);
	d->pos = cpu_to_le64(ids[4].pos + ids[4].bytes);
	found(0, LOG_F_TORN, 4);
	d->head.store ^= 1;
	found(0, LOG_F_END, 4);

	/* The sum is right, and what it says is absurd: nobody wrote that. */
	d = plant(t_log.head_pos);
	d->nentries = cpu_to_le32(RBLK_RECORD_ENTRIES + 1);
	seal_again(d);
	found(-EBADMSG, LOG_F_ROT_UNKNOWN, 4);
	d->pos = cpu_to_le64(ids[4].pos);
	seal_again(d);
	found(0, LOG_F_END, 4);
}

/* In chain, but its entries are not what they say, or leave a gap. */
static void entries_broken(void)
{
	struct rblk_entry e = { .index = 4 };
	struct disk_record *d;
	u32 crc[2];

	fill(4);
	d = (void *)t_at(ids[4].pos);
	d->entry[0].csum ^= cpu_to_le32(1);
	seal_again(d);
	found(-EBADMSG, LOG_F_ROT_UNKNOWN, 3);

	fill(4);
	d = (void *)t_at(ids[4].pos);
	crc[0] = le32_to_cpu(d->block_crc[0]);
	crc[1] = le32_to_cpu(d->block_crc[1]);
	disk_entry_get(&e, &d->entry[0]);
	e.index = 5;
	e.csum = rblk_entry_csum(&e, crc);
	disk_entry_put(&d->entry[0], &e);
	d->first = cpu_to_le64(5);
	seal_again(d);
	found(-EBADMSG, LOG_F_ROT_UNKNOWN, 3);
}

/* Below the checkpoint and the watermark only payload is passed over that is of no use. */
static void skipped(void)
{
	static u8 block[RBLK_BLOCK_SIZE];
	u64 i, pos, n = 30;
	struct rblk_entry e = { .index = 2, .term = 1, .kind = RBLK_E_CONF, .nblocks = 1 };
	struct log_record *r;
	u32 crc;

	memset(block, 0x5a, sizeof(block));
	crc = rblk_crc32c(0, block, sizeof(block));
	t_format();
	t_open();
	t_append(1, 1, 15);
	e.csum = rblk_entry_csum(&e, &crc);
	CHECK_EQ(rblk_log_add(&t_log, &e, &crc, 1, &pos), 0);
	memcpy(t_shadow + t_super.ring_off + pos, block, RBLK_BLOCK_SIZE);
	r = rblk_log_submit(&t_log);
	t_land(r);
	rblk_log_done(&t_log, r, 0);
	for (i = 3; i <= n; i++)
		t_append(i, 1, 15);
	rblk_log_watermark(&t_log, &t_meta);
	t_write_meta();
	t_rd.skip_index = n;
	t_reads = 0;
	found(0, LOG_F_END, n);
	t_rd.skip_index = 0;
	CHECK_EQ(t_confs, 1);
	/* The rest of the ring is searched. */
	CHECK(t_reads < T_RING_BYTES - t_log.head_pos + n * RBLK_BLOCK_SIZE +
			2 * LOG_SCRATCH_BYTES);
}

/* What lies ahead is of a later lap, and nothing else says so. */
static void later_lap(void)
{
	struct disk_record *d;

	fill(4);
	d = plant_ahead(100);
	found(0, LOG_F_TORN, 4);
	d->pos = cpu_to_le64(le64_to_cpu(d->pos) + T_RING_BYTES);
	d->floor_pos = cpu_to_le64(T_RING_BYTES);
	seal_again(d);
	found(-EBADMSG, LOG_F_ROT_UNKNOWN, 4);
}

/* A number that was used before this place says nothing of it. */
static void low_number_ahead(void)
{
	fill(4);
	plant_ahead(5);
	found(0, LOG_F_END, 4);
	plant_ahead(6);
	found(0, LOG_F_TORN, 4);
}

/* Numbers jump behind the highest one that was seen, wherever it is. */
static void highest_number(void)
{
	struct disk_record *d;

	fill(4);
	plant_ahead(9);
	d = plant(t_log.head_pos + 8 * RBLK_BLOCK_SIZE);
	d->seq = cpu_to_le64(7);
	seal_again(d);
	found(0, LOG_F_TORN, 4);
	CHECK_EQ(t_rep.cut_records, 2);
	CHECK_EQ(t_log.next_seq, 9 + LOG_SEQ_JUMP);
}

/* An identity counts if it can be that of the record here, and was durable. */
static void identities(void)
{
	static const struct { u64 seq; enum log_finding finding; } t[] = {
		{ 4, LOG_F_ROT_UNKNOWN }, { 5, LOG_F_ROT }, { 6, LOG_F_ROT },
		{ 7, LOG_F_ROT_UNKNOWN },
	};
	struct log_record_id id;
	struct disk_record *d;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		fill(4);
		id = ids[4];
		id.pos = t_log.head_pos;
		id.seq = t[i].seq;
		d = plant_ahead(9);
		disk_record_id_put(&d->id[0], &id);
		d->nids = cpu_to_le32(1);
		d->watermark = cpu_to_le64(6);
		seal_again(d);
		found(-EBADMSG, t[i].finding, 4);
	}
}

static u64 dead_from;

static int dies(void *ctx, u64 off, void *buf, u32 len)
{
	return off + len > dead_from ? -ENXIO : t_read(ctx, off, buf, len);
}

/* The device goes away while what lies ahead is looked at. */
static void dead_ahead(void)
{
	struct log_reader rd = { .read = dies, .scratch = t_scratch };

	fill(4);
	dead_from = t_super.ring_off + T_RING_BYTES / 2;
	rblk_log_init(&t_log, &t_super, t_headers);
	CHECK_EQ(rblk_log_recover(&t_log, &rd, &t_meta, NULL, NULL, &t_rep), -ENXIO);
}

static int dies_once(void *ctx, u64 off, void *buf, u32 len)
{
	bool dead = off + len > dead_from;

	dead_from = dead ? U64_MAX : dead_from;
	return dead ? -ENXIO : t_read(ctx, off, buf, len);
}

/* What is no bad sector ends the recovery, even if the next read would go well. */
static void dead_once(void)
{
	struct log_reader rd = { .read = dies_once, .scratch = t_scratch };

	fill(4);
	dead_from = t_super.ring_off;
	rblk_log_init(&t_log, &t_super, t_headers);
	CHECK_EQ(rblk_log_recover(&t_log, &rd, &t_meta, NULL, NULL, &t_rep), -ENXIO);
	CHECK_EQ(dead_from, U64_MAX);
}

/* A newer version's record that the ring has passed is not what this log goes on with. */
static void newer_version_passed(void)
{
	struct disk_record *d;

	fill(4);
	d = plant_ahead(9);
	d->head.incompat = cpu_to_le32(1);
	d->pos = cpu_to_le64(ids[4].pos);
	seal_again(d);
	found(0, LOG_F_END, 4);
}

static int refuse_first(void *ctx, const struct rblk_entry *e, const u32 *crc, u64 pos,
			const struct log_record *rec, const void *conf)
{
	return e->index == 5 ? -ENOMEM : 0;
}

/* An error ends the recovery in the middle of a record as well. */
static void callback_error_within(void)
{
	struct log_record *r;

	fill(4);
	CHECK_EQ(t_add(5, 1, 1), 0);
	CHECK_EQ(t_add(6, 1, 1), 0);
	r = rblk_log_submit(&t_log);
	t_land(r);
	rblk_log_init(&t_log, &t_super, t_headers);
	CHECK_EQ(rblk_log_recover(&t_log, &t_rd, &t_meta, refuse_first, NULL, &t_rep), -ENOMEM);
	rblk_log_init(&t_log, &t_super, t_headers);
	CHECK_EQ(rblk_log_recover(&t_log, &t_rd, &t_meta, NULL, NULL, &t_rep), 0);
	CHECK_EQ(t_log.last_index, 6);
}

static u64 changing;		/* a header on the device */
static bool sound;		/* what it becomes has a right checksum */
static u32 read_before;

static int changes(void *ctx, u64 off, void *buf, u32 len)
{
	struct disk_record *d = buf + (changing - off);
	int ret = t_read(ctx, off, buf, len);

	if (off > changing || off + len <= changing || !read_before++)
		return ret;
	d->entry[0].nblocks = cpu_to_le32(1);
	if (sound)
		seal_again(d);
	return ret;
}

/* A header is read alone, and then with its payload. It is not what it was any more. */
static void header_changes(void)
{
	struct log_reader rd = { .read = changes, .scratch = t_scratch, .skip_index = 100 };
	int i;

	for (i = 0; i < 2; i++) {
		fill(1);
		changing = t_super.ring_off + ids[1].pos;
		sound = i;
		read_before = 0;
		rblk_log_init(&t_log, &t_super, t_headers);
		CHECK_EQ(rblk_log_recover(&t_log, &rd, &t_meta, NULL, NULL, &t_rep), 0);
		CHECK(read_before > 1);
		CHECK_EQ(t_rep.finding, LOG_F_TORN);
		CHECK_EQ(t_log.last_index, 0);
	}
}

static const struct tap_case cases[] = {
	{ "media_errors", media_errors },
	{ "unreadable_before_the_end", unreadable_before_the_end },
	{ "generation_ahead_of_its_place", generation_ahead_of_its_place },
	{ "jump_at_the_floor", jump_at_the_floor },
	{ "traces", traces },
	{ "entries_broken", entries_broken },
	{ "skipped", skipped },
	{ "later_lap", later_lap },
	{ "low_number_ahead", low_number_ahead },
	{ "highest_number", highest_number },
	{ "identities", identities },
	{ "dead_ahead", dead_ahead },
	{ "dead_once", dead_once },
	{ "newer_version_passed", newer_version_passed },
	{ "callback_error_within", callback_error_within },
	{ "header_changes", header_changes },
};
TAP_MAIN(cases)
