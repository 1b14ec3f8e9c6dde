// SPDX-License-Identifier: GPL-2.0
#include "log-lib.h"

u8 t_img[T_DEV_BYTES] __aligned(4096);
u8 t_shadow[T_DEV_BYTES] __aligned(4096);
u8 t_unreadable[T_BLOCKS];
u8 t_headers[LOG_INFLIGHT * LOG_HEADER_BYTES_MAX] __aligned(4096);
u8 t_scratch[LOG_SCRATCH_BYTES] __aligned(4096);
struct log_super t_super;
struct log_meta t_meta;
struct log t_log;
struct log_report t_rep;
struct t_found t_found[T_ENTRIES];
u64 t_last;
u64 t_confs;
u64 t_reads;
int t_read_error = -EIO;
struct log_reader t_rd = { .read = t_read, .scratch = t_scratch };
struct log_record_id ids[MAXREC];

int t_read(void *ctx, u64 off, void *buf, u32 len)
{
	u64 b;

	CHECK(off + len <= T_DEV_BYTES);
	t_reads += len;
	for (b = off / RBLK_BLOCK_SIZE; b * RBLK_BLOCK_SIZE < off + len; b++)
		if (t_unreadable[b])
			return t_read_error;
	memcpy(buf, t_img + off, len);
	return 0;
}

void t_write_meta(void)
{
	int i;

	t_meta.version++;
	for (i = 0; i < 2; i++)
		rblk_log_meta_encode(&t_meta, &t_super, t_img + rblk_log_meta_offset(i));
}

void t_format(void)
{
	memset(&t_super, 0, sizeof(t_super));
	memset(t_img, 0, sizeof(t_img));
	memset(t_unreadable, 0, sizeof(t_unreadable));
	memset(t_super.volume, 0x5a, RBLK_UUID_LEN);
	strcpy(t_super.volume_name, "vol");
	strcpy(t_super.node, "node");
	t_super.store = 0x1122334455667788;
	CHECK_EQ(rblk_log_layout(&t_super, T_DEV_BYTES, 1ULL << 30, NULL), 0);
	CHECK_EQ(t_super.ring_bytes, T_RING_BYTES);
	rblk_log_super_encode(&t_super, t_img);
	rblk_log_super_encode(&t_super, t_img + rblk_log_super_offset(&t_super, 1));
	rblk_log_meta_init(&t_meta);
	t_meta.state.index = 1000000;	/* the tests of the log trim as they like */
	t_write_meta();
}

static int t_entry(void *ctx, const struct rblk_entry *e, const u32 *block_crc, u64 pos,
		   const struct log_record *rec, const void *conf)
{
	CHECK(e->index < T_ENTRIES);
	CHECK(e->index <= t_last + 1 || !t_last);
	CHECK_EQ(rblk_entry_csum(e, block_crc), e->csum);
	CHECK(pos >= rec->pos + rec->header_bytes &&
	      pos + e->nblocks * RBLK_BLOCK_SIZE <= rec->pos + rec->id.bytes);
	t_found[e->index] = (struct t_found){ .csum = e->csum, .pos = pos, .term = e->term };
	t_last = e->index;
	CHECK(!conf || (e->kind == RBLK_E_CONF &&
			rblk_crc32c(0, conf, RBLK_BLOCK_SIZE) == block_crc[0]));
	if (e->kind == RBLK_E_CONF && conf)
		t_confs++;
	return 0;
}

int t_recover(void)
{
	struct log_copies copies = {};
	int rc;

	rc = rblk_log_read_meta(&t_rd, &t_super, &t_meta, &copies);
	if (rc)
		return rc;
	t_last = t_meta.floor.index;
	t_confs = 0;
	rblk_log_init(&t_log, &t_super, t_headers);
	return rblk_log_recover(&t_log, &t_rd, &t_meta, t_entry, NULL, &t_rep);
}

void t_start(void)
{
	rblk_log_start(&t_log, &t_meta);
	t_write_meta();
}

void t_open(void)
{
	CHECK_EQ(t_recover(), 0);
	t_start();
}

int t_make(struct rblk_entry *e, u32 *crc, u8 *data, u64 index, u64 term, u32 nblocks)
{
	u32 i, k;

	memset(e, 0, sizeof(*e));
	e->index = index;
	e->term = term;
	e->kind = nblocks ? RBLK_E_WRITE : RBLK_E_NOOP;
	e->nblocks = nblocks;
	if (nblocks) {
		e->sector = index * 8;
		e->nsect = nblocks * 8;
		e->epoch = 7;
		e->seq = index;
	}
	for (i = 0; i < nblocks; i++) {
		u64 *p = (u64 *)(data + i * RBLK_BLOCK_SIZE);

		for (k = 0; k < RBLK_BLOCK_SIZE / 8; k++)
			p[k] = (index * 1000003 + term) * 2654435761u + i * 512 + k;
		crc[i] = rblk_crc32c(0, p, RBLK_BLOCK_SIZE);
	}
	e->csum = rblk_entry_csum(e, crc);
	return 0;
}

/* Copies between a buffer and a logical range, wherever it lies. */
static void t_copy_in(u8 *img, u64 pos, const u8 *from, u32 len)
{
	struct log_extent x[2];
	int i, n = rblk_log_extents(&t_super, pos, len, x);

	for (i = 0; i < n; from += x[i].len, i++)
		memcpy(img + x[i].off, from, x[i].len);
}

static u64 t_block(u64 pos)	/* device block at a logical position */
{
	return (t_super.ring_off + pos % t_super.ring_bytes) / RBLK_BLOCK_SIZE;
}

u8 *t_at(u64 pos)
{
	return t_img + t_super.ring_off + pos % t_super.ring_bytes;
}

int t_add(u64 index, u64 term, u32 nblocks)
{
	static u8 data[RBLK_ENTRY_BLOCKS_MAX * RBLK_BLOCK_SIZE] __aligned(4096);
	u32 crc[RBLK_ENTRY_BLOCKS_MAX];
	struct rblk_entry e;
	u64 pos;
	int rc;

	t_make(&e, crc, data, index, term, nblocks);
	rc = rblk_log_add(&t_log, &e, crc, term, &pos);
	if (!rc)
		t_copy_in(t_shadow, pos, data, nblocks * RBLK_BLOCK_SIZE);
	return rc;
}

const u8 *t_part(const struct log_record_id *id, const u8 *header, u32 n)
{
	u64 pos = id->pos + (u64)n * RBLK_BLOCK_SIZE;

	if (!n)
		return header;
	return t_shadow + t_super.ring_off + pos % t_super.ring_bytes;
}

void t_land_part(const struct log_record *r, u32 from, u32 to)
{
	u32 i;

	for (i = from; i < to; i++)
		memcpy(t_at(r->pos + (u64)i * RBLK_BLOCK_SIZE), t_part(&r->id, r->header, i),
		       RBLK_BLOCK_SIZE);
}

void t_land(const struct log_record *r)
{
	t_land_part(r, 0, r->id.bytes / RBLK_BLOCK_SIZE);
}

struct log_record *t_submit(u64 index, u64 term, u32 nblocks)
{
	struct log_record *r;

	CHECK_EQ(t_add(index, term, nblocks), 0);
	r = rblk_log_submit(&t_log);
	CHECK(r);
	return r;
}

struct log_record_id t_append(u64 index, u64 term, u32 nblocks)
{
	struct log_record *r = t_submit(index, term, nblocks);
	struct log_record_id id = r->id;

	t_land(r);
	CHECK(rblk_log_done(&t_log, r, 0));
	CHECK_EQ(rblk_log_check(&t_log), 0);
	return id;
}

bool t_has(u64 index, u64 term, u32 nblocks)
{
	static u8 data[RBLK_ENTRY_BLOCKS_MAX * RBLK_BLOCK_SIZE];
	u32 crc[RBLK_ENTRY_BLOCKS_MAX];
	struct rblk_entry e;

	t_make(&e, crc, data, index, term, nblocks);
	return index <= t_last && t_found[index].csum == e.csum && t_found[index].term == term;
}

void fill(u64 n)
{
	u64 i;

	t_format();
	t_open();
	for (i = 1; i <= n; i++)
		ids[i] = t_append(i, 1, 2);
}

void rot(u64 pos)
{
	t_at(pos)[100] ^= 1;
}

void wipe(u64 pos)
{
	memset(t_at(pos), 0, RBLK_BLOCK_SIZE);
}

void unreadable(u64 pos)
{
	t_unreadable[t_block(pos)] = 1;
}

void t_seal(void *block, u32 len)
{
	struct disk_head *h = block;
	u32 skip = offsetof(struct disk_head, version);

	h->crc = cpu_to_le32(rblk_crc32c(0, (u8 *)block + skip, len - skip));
}

void seal_again(struct disk_record *d)
{
	t_seal(d, le32_to_cpu(d->head.bytes));
}
