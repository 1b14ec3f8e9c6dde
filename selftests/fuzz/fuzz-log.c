// SPDX-License-Identifier: GPL-2.0
/*
 * Everything the log layer reads from a device, over arbitrary bytes: each
 * decoder, and recovery over a ring that the input vandalizes. Checksums are
 * mended where the input asks for it, else nothing behind them would ever be
 * tested. Built with -DSTANDALONE it replays the files given as arguments.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fieldtab.h"
#include "log/format.h"

static void die(const char *what)
{
	fprintf(stderr, "fuzz-log: %s\n", what);
	abort();
}

#define MUST(cond) do { if (!(cond)) die(#cond); } while (0)

void rblk_assert_failed(const char *what, const char *file, int line)
{
	die(what);
}

#define DEV_BYTES	(6u << 20)
#define RING_BLOCKS	(LOG_RING_MIN / RBLK_BLOCK_SIZE)

static u8 dev[DEV_BYTES] __aligned(4096);
static u8 pristine[DEV_BYTES] __aligned(4096);
static u8 unreadable[DEV_BYTES / RBLK_BLOCK_SIZE];
static u8 scratch[LOG_SCRATCH_BYTES] __aligned(4096);
static u8 headers[LOG_INFLIGHT * LOG_HEADER_BYTES_MAX] __aligned(4096);
static u8 buf[LOG_META_BYTES] __aligned(4096), again[LOG_META_BYTES] __aligned(4096);
static struct log_super super;
static struct log_meta meta;
static struct log log;

static void seal(void *p, u32 len)
{
	struct disk_head *h = p;
	u32 skip = offsetof(struct disk_head, version);

	h->crc = cpu_to_le32(rblk_crc32c(0, (u8 *)p + skip, len - skip));
}

/* ---- a log to vandalize: two generations, a cut between them, a wrap ---- */

static int dev_read(void *ctx, u64 off, void *to, u32 len)
{
	u64 b;

	MUST(off <= DEV_BYTES && len <= DEV_BYTES - off);
	for (b = off / RBLK_BLOCK_SIZE; b * RBLK_BLOCK_SIZE < off + len; b++)
		if (unreadable[b])
			return -EIO;
	memcpy(to, dev + off, len);
	return 0;
}

static const struct log_reader reader = { .read = dev_read, .scratch = scratch };

static void write_ring(u64 pos, const u8 *from, u32 len)
{
	struct log_extent x[2];
	int i, n = rblk_log_extents(&super, pos, len, x);

	for (i = 0; i < n; from += x[i].len, i++)
		memcpy(dev + x[i].off, from, x[i].len);
}

static int append(u64 index, u64 term, u32 blocks, int land)
{
	static u8 data[RBLK_WRITE_MAX];
	u32 crc[RBLK_ENTRY_BLOCKS_MAX], i;
	struct rblk_entry e = { .index = index, .term = term, .kind = RBLK_E_NOOP };
	struct log_record *r;
	u64 pos;
	int rc;

	if (blocks) {
		e.kind = RBLK_E_WRITE;
		e.nblocks = blocks;
		e.sector = index * 8;
		e.nsect = blocks * 8;
	}
	for (i = 0; i < blocks; i++) {
		memset(data + i * RBLK_BLOCK_SIZE, (int)(index + i), RBLK_BLOCK_SIZE);
		crc[i] = rblk_crc32c(0, data + i * RBLK_BLOCK_SIZE, RBLK_BLOCK_SIZE);
	}
	e.csum = rblk_entry_csum(&e, crc);
	rc = rblk_log_add(&log, &e, crc, term, &pos);
	if (rc)
		return rc;
	r = rblk_log_submit(&log);
	MUST(r);
	if (!land)
		return 0;
	write_ring(pos, data, blocks * RBLK_BLOCK_SIZE);
	write_ring(r->pos, r->header, r->header_bytes);
	rblk_log_done(&log, r, 0);
	return 0;
}

static void write_meta(void)
{
	meta.version++;
	rblk_log_meta_encode(&meta, &super, dev + rblk_log_meta_offset(0));
	rblk_log_meta_encode(&meta, &super, dev + rblk_log_meta_offset(1));
}

static int on_entry(void *ctx, const struct rblk_entry *e, const u32 *crc, u64 pos,
		    const struct log_record *rec, const void *conf)
{
	struct rblk_conf c;

	MUST(!rblk_entry_check(e) && rblk_entry_csum(e, crc) == e->csum);
	MUST(pos >= rec->pos + rec->header_bytes);
	MUST(pos + e->nblocks * RBLK_BLOCK_SIZE <= rec->pos + rec->id.bytes);
	if (conf)
		rblk_log_conf_decode(&c, conf);
	return 0;
}

static int recover(struct log_report *rep)
{
	struct log_copies copies = {};
	int rc;

	rc = rblk_log_read_super(&reader, DEV_BYTES, &super, &copies);
	if (!rc)
		rc = rblk_log_read_meta(&reader, &super, &meta, &copies);
	if (rc)
		return rc;
	rblk_log_init(&log, &super, headers);
	rc = rblk_log_recover(&log, &reader, &meta, on_entry, NULL, rep);
	MUST(log.failed == (rc != 0));
	MUST(rc || rep->finding == LOG_F_END || rep->finding == LOG_F_TORN);
	return rc;
}

static void build(void)
{
	struct log_report rep;
	u64 i;

	memset(super.volume, 1, RBLK_UUID_LEN);
	strcpy(super.volume_name, "v");
	strcpy(super.node, "n");
	super.store = 9;
	MUST(!rblk_log_layout(&super, DEV_BYTES, 1 << 30, NULL));
	rblk_log_super_encode(&super, dev);
	rblk_log_super_encode(&super, dev + rblk_log_super_offset(&super, 1));
	rblk_log_meta_init(&meta);
	meta.state.index = 1000;
	write_meta();
	MUST(!recover(&rep));
	rblk_log_start(&log, &meta);
	write_meta();
	for (i = 1; i <= 70; i++) {
		MUST(!append(i, 1, 16, 1));
		if (i > 20 && rblk_log_floor(&log, i - 10, &meta)) {
			meta.floor.index = i - 10;
			write_meta();
			rblk_log_trim(&log, &meta);
		}
	}
	MUST(!append(71, 1, 3, 0) && !append(72, 1, 2, 1));
	MUST(!recover(&rep) && rep.finding == LOG_F_TORN);
	rblk_log_start(&log, &meta);
	write_meta();
	for (i = 71; i <= 80; i++)
		MUST(!append(i, 2, i % 4, 1));
	MUST(log.head_pos > LOG_RING_MIN);
	memcpy(pristine, dev, DEV_BYTES);
}

/* ---- vandalism: commands of 8 bytes ---- */

static u16 touched[4096];
static u32 ntouched;

static u8 *touch(u32 block)
{
	if (ntouched < ARRAY_SIZE(touched))
		touched[ntouched++] = (u16)block;
	return dev + (size_t)block * RBLK_BLOCK_SIZE;
}

static u32 some_block(u32 n)
{
	u32 ring = (u32)(super.ring_off / RBLK_BLOCK_SIZE);
	u64 head = log.head_pos / RBLK_BLOCK_SIZE;

	/* Mostly near the head, where the decisions are. */
	return ring + (n & 0x8000 ? (u32)((head + 64 - (n & 0xff)) % RING_BLOCKS) :
				    n % RING_BLOCKS);
}

/* Three bytes of input choose a field of the structure and what becomes of it. */
static void vary(const char *name, u8 *p, const u8 *c)
{
	const struct fieldtab *t = fieldtab_of(name);
	const struct field *f;
	u32 off = 0;

	f = fieldtab_value(t, (c[0] | c[1] << 8) % fieldtab_values(t), &off);
	field_vary(f, p + off, c[2]);
}

static void patch(const char *name, u8 *p, const u8 *c, u32 size)
{
	u32 off = (c[3] | c[4] << 8) % size;

	/* Fields are where the interesting bytes are. */
	if (c[0] & 0x40) {
		vary(name, p, c + 3);
		return;
	}
	p[off] = c[5];
	if (c[0] & 0x20 && off + 2 < size) {
		p[off + 1] = c[6];
		p[off + 2] = c[7];
	}
}

static void command(const u8 *c)
{
	u32 block = some_block(c[1] | c[2] << 8);
	u8 *p;

	switch (c[0] & 7) {
	case 0:
		patch("disk_record", touch(block), c, RBLK_BLOCK_SIZE);
		break;
	case 1:
	case 2:
		p = touch(block);
		patch("disk_record", p, c, RBLK_BLOCK_SIZE);
		seal(p, RBLK_BLOCK_SIZE);
		break;
	case 3:
		unreadable[block] = 1;
		touch(block);
		break;
	case 4:
		memmove(touch(block), dev + (size_t)some_block(c[3] | c[4] << 8) * RBLK_BLOCK_SIZE,
			RBLK_BLOCK_SIZE);
		break;
	case 5:
		memset(touch(block), 0, RBLK_BLOCK_SIZE);
		break;
	default:
		p = dev + rblk_log_meta_offset(c[1] & 1);
		patch("disk_meta", p, c, sizeof(struct disk_meta));
		if (c[2] & 1)
			memcpy(dev + rblk_log_meta_offset(!(c[1] & 1)), p, LOG_META_BYTES);
		if (c[2] & 2) {
			seal(dev + rblk_log_meta_offset(0), LOG_META_BYTES);
			seal(dev + rblk_log_meta_offset(1), LOG_META_BYTES);
		}
	}
}

static void restore(void)
{
	while (ntouched--) {
		size_t at = (size_t)touched[ntouched] * RBLK_BLOCK_SIZE;

		unreadable[touched[ntouched]] = 0;
		memcpy(dev + at, pristine + at, RBLK_BLOCK_SIZE);
	}
	ntouched = 0;
	memcpy(dev, pristine, DISK_MAP_OFF);
}

static void fuzz_recover(const u8 *data, size_t size)
{
	struct log_report rep;
	u64 head = 0;
	u32 n;

	MUST(!recover(&rep));	/* and the image is as it was before */
	for (n = 0; size >= 8 && n < 64; data += 8, size -= 8, n++)
		command(data);
	/* No store is ever started, or its metadata written, as often as that can count. */
	if (!recover(&rep) && meta.generation < DISK_COUNT_MAX - 1 &&
	    meta.version < DISK_COUNT_MAX - 1) {
		/* Whatever was found, the log goes on from there and is found again. */
		rblk_log_start(&log, &meta);
		MUST(!rblk_log_check(&log));
		write_meta();
		n = log.last_index >= DISK_COUNT_MAX - 2 ? 0 :
		    !append(log.last_index + 1, 1ULL << 40, 0, 0);
		if (n) {
			struct log_record *r = &log.rec[log.tail];
			u64 block = (super.ring_off + r->pos % super.ring_bytes) / RBLK_BLOCK_SIZE;

			touch((u32)block);
			unreadable[block] = 0;
			write_ring(r->pos, r->header, r->header_bytes);
			head = log.head_pos;
			if (!recover(&rep))
				MUST(log.head_pos >= head);
			else
				MUST(rep.unreadable || rep.end_pos >= head ||
				     rep.finding == LOG_F_UNREADABLE);
		}
	}
	restore();
}

/* ---- decoders ---- */

static void round_trip(u32 len)
{
	MUST(!memcmp(((struct disk_head *)buf)->volume, ((struct disk_head *)again)->volume,
		     RBLK_UUID_LEN));
	MUST(len <= sizeof(again));
}

static void fuzz_structs(u8 what)
{
	static struct log_meta m, m2;
	static struct log_super s, s2;
	static struct data_super d, d2;
	static struct rblk_conf c, c2;
	static u64 v[RBLK_MAP_PER_BLOCK];
	struct log_header h;
	struct rblk_entry e;
	u32 i;

	switch (what) {
	case 0:
		if (rblk_log_super_decode(&s, buf))
			return;
		rblk_log_super_encode(&s, again);
		MUST(!rblk_log_super_decode(&s2, again));
		s2.read_only = s.read_only;
		MUST(!memcmp(&s, &s2, sizeof(s)));
		round_trip(LOG_SUPER_BYTES);
		return;
	case 1:
		if (rblk_log_data_super_decode(&d, buf))
			return;
		rblk_log_data_super_encode(&d, again);
		MUST(!rblk_log_data_super_decode(&d2, again) && !memcmp(&d, &d2, sizeof(d)));
		return;
	case 2:
		if (rblk_log_meta_decode(&m, &super, buf))
			return;
		rblk_log_meta_encode(&m, &super, again);
		MUST(!rblk_log_meta_decode(&m2, &super, again) && !memcmp(&m, &m2, sizeof(m)));
		return;
	case 3:
		if (rblk_log_conf_decode(&c, buf))
			return;
		rblk_log_conf_encode(&c, again);
		MUST(!rblk_log_conf_decode(&c2, again) && !memcmp(&c, &c2, sizeof(c)));
		return;
	case 4:
		rblk_log_map_decode(&super, 3, v, buf);
		return;
	default:
		if (rblk_log_header_decode(&super, buf, &h))
			return;
		for (i = 0; i < h.nentries; i++)
			rblk_log_header_entry(buf, &h, i, &e);
		rblk_log_header_check(buf, &h);
	}
}

static const struct {
	const char *name;
	u64 magic;
	u32 len;
} structs[] = {
	{ "disk_super", DISK_MAGIC_SUPER, sizeof(struct disk_super) },
	{ "disk_data", DISK_MAGIC_DATA, sizeof(struct disk_data) },
	{ "disk_meta", DISK_MAGIC_META, LOG_META_BYTES },
	{ "disk_conf_block", DISK_MAGIC_CONF, sizeof(struct disk_conf_block) },
	{ "disk_map", DISK_MAGIC_MAP, RBLK_BLOCK_SIZE },
	{ "disk_record", DISK_MAGIC_RECORD, RBLK_BLOCK_SIZE },
};

/* A valid structure of the kind @what, which the input then changes in part. */
static void fresh(u8 what)
{
	struct data_super d = { .store = super.store, .seq = 1, .index = 2, .term = 3 };
	struct rblk_conf c = { .index = 1, .sectors = 8, .block_size = 4096, .n = 2 };

	memset(buf, 0, sizeof(buf));
	if (what == 0)
		memcpy(buf, pristine, RBLK_BLOCK_SIZE);
	else if (what == 2)
		memcpy(buf, pristine + rblk_log_meta_offset(0), LOG_META_BYTES);
	else if (what == 5)
		memcpy(buf, pristine + super.ring_off + log.floor_pos % super.ring_bytes,
		       RBLK_BLOCK_SIZE);
	else
		rblk_log_disk_seal((struct disk_head *)buf, structs[what].magic, super.volume,
				   super.store, structs[what].len);
	if (what == 1) {
		memcpy(d.volume, super.volume, RBLK_UUID_LEN);
		rblk_log_data_super_encode(&d, buf);
	}
	if (what == 3) {
		c.m[0] = (struct rblk_member){ .store = 1, .flags = RBLK_M_IN, .node = "a" };
		c.m[1] = (struct rblk_member){ .store = 2, .flags = RBLK_M_IN, .node = "b" };
		rblk_log_conf_encode(&c, buf);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 what, mode;
	u32 len;

	if (!log.super.store)
		build();
	if (size < 2)
		return 0;
	what = data[0] & 7;
	mode = data[1];
	data += 2;
	size -= 2;
	if (what >= ARRAY_SIZE(structs)) {
		fuzz_recover(data, size);
		return 0;
	}
	fresh(what);
	len = structs[what].len;
	if (mode & 1) {		/* raw */
		memcpy(buf, data, min_t(size_t, size, sizeof(buf)));
	} else if (mode & 4) {	/* fields */
		for (; size >= 3; data += 3, size -= 3)
			vary(structs[what].name, buf, data);
	} else {		/* three-byte patches */
		for (; size >= 3; data += 3, size -= 3)
			buf[(data[0] | data[1] << 8) % len] = data[2];
	}
	if (mode & 2)
		seal(buf, len);
	fuzz_structs(what);
	return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv)
{
	static u8 input[1 << 20];
	int i;

	for (i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t n;

		if (!f) {
			perror(argv[i]);
			return 1;
		}
		n = fread(input, 1, sizeof(input), f);
		fclose(f);
		LLVMFuzzerTestOneInput(input, n);
	}
	return 0;
}
#endif
