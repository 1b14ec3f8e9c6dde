// SPDX-License-Identifier: GPL-2.0
/* Of the superblock, the data header and the metadata there are two copies: which one counts. */
#include "log-lib.h"

static struct log_copies copies;

static int super(u64 dev_bytes, struct log_super *s)
{
	copies = (struct log_copies){};
	return rblk_log_read_super(&t_rd, dev_bytes, s, &copies);
}

static int data(u64 store, struct data_super *d)
{
	copies = (struct log_copies){};
	return rblk_log_read_data(&t_rd, store, d, &copies);
}

static int meta(const struct log_super *s, struct log_meta *m)
{
	copies = (struct log_copies){};
	return rblk_log_read_meta(&t_rd, s, m, &copies);
}

#define IS_LOST(c)	(copies.damaged == LOG_C_BIT(c))

/* The superblock, else its copy; never past what a newer version wrote. */
static void read_super(void)
{
	struct log_super s, t = {};
	struct disk_head *h = (void *)t_img;

	t_format();
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(!memcmp(&s, &t_super, sizeof(s)));
	t_img[70] ^= 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	t_unreadable[0] = 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	t_img[rblk_log_super_offset(&t_super, 1)] ^= 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), -EIO);
	t_unreadable[0] = 0;
	CHECK_EQ(super(T_DEV_BYTES, &s), -EBADMSG);
	memset(t_img, 0, RBLK_BLOCK_SIZE);
	CHECK_EQ(super(T_DEV_BYTES, &s), -ENODATA);
	CHECK_EQ(super(4096, &s), -ENOSPC);

	t_format();
	CHECK_EQ(super(T_DEV_BYTES - 4096, &t), -ENOSPC);
	CHECK_EQ(t.dev_bytes, T_DEV_BYTES);
	h->incompat = cpu_to_le32(1);
	t_seal(t_img, sizeof(struct disk_super));
	CHECK_EQ(super(T_DEV_BYTES, &s), -EPROTONOSUPPORT);
	/* The second one, where the first is damaged. */
	memcpy(t_img + rblk_log_super_offset(&t_super, 1), t_img, RBLK_BLOCK_SIZE);
	t_img[70] ^= 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), -EPROTONOSUPPORT);
}

static void seal_newer(u8 *block, u32 bytes)
{
	((struct disk_head *)block)->incompat = cpu_to_le32(1);
	t_seal(block, bytes);
}

/* One is whole and the other one is not: that is told, and only if the store can be used. */
static void super_lost(void)
{
	u8 *second = t_img + rblk_log_super_offset(&t_super, 1);
	struct log_super s, other;

	t_format();
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(!copies.damaged);
	/* A device that has grown: the second one is where it was. */
	CHECK_EQ(super(T_DEV_BYTES + RBLK_BLOCK_SIZE, &s), 0);
	CHECK(!copies.damaged);
	t_img[70] ^= 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(IS_LOST(LOG_C_SUPER));
	second[70] ^= 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), -EBADMSG);
	CHECK(!copies.damaged);
	t_img[70] ^= 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(IS_LOST(LOG_C_SUPER2));
	second[70] ^= 1;
	t_unreadable[rblk_log_super_offset(&t_super, 1) / RBLK_BLOCK_SIZE] = 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(IS_LOST(LOG_C_SUPER2));
	t_unreadable[rblk_log_super_offset(&t_super, 1) / RBLK_BLOCK_SIZE] = 0;
	memset(second, 0, RBLK_BLOCK_SIZE);
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(IS_LOST(LOG_C_SUPER2));
	/* That of a store that was there before; what a newer version wrote is left alone. */
	other = t_super;
	other.store++;
	rblk_log_super_encode(&other, second);
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(s.store == t_super.store && IS_LOST(LOG_C_SUPER2));
	seal_newer(second, sizeof(struct disk_super));
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	CHECK(!copies.damaged);
	/* What was written over the first one makes the device somebody else's. */
	memset(t_img, 0, RBLK_BLOCK_SIZE);
	CHECK_EQ(super(T_DEV_BYTES, &s), -ENODATA);
	CHECK(!copies.damaged);
}

/* What was written over a superblock makes the device somebody else's. */
static void super_overwritten(void)
{
	struct log_super s;

	t_format();
	memset(t_img, 0, 512);
	memcpy(t_img + 512, "LABELONE", 8);
	CHECK_EQ(super(T_DEV_BYTES, &s), -ENODATA);
	/* A medium error is not somebody else's magic, even if its number is the same. */
	t_unreadable[0] = 1;
	t_read_error = -ENODATA;
	CHECK_EQ(super(T_DEV_BYTES, &s), 0);
	t_img[rblk_log_super_offset(&t_super, 1)] ^= 1;
	CHECK_EQ(super(T_DEV_BYTES, &s), -EIO);
	t_read_error = -EIO;
}

static void put_data(u64 off, u64 store, u64 seq)
{
	struct data_super d = { .store = store, .seq = seq };

	memcpy(d.volume, t_super.volume, RBLK_UUID_LEN);
	strcpy(d.volume_name, "vol");
	strcpy(d.node, "node");
	rblk_log_data_super_encode(&d, t_img + off);
}

static void read_data(void)
{
	struct disk_head *h = (void *)t_img;
	struct data_super d;

	t_format();
	put_data(0, 5, 8);
	put_data(DATA_COPY_OFF, 5, 7);
	CHECK_EQ(data(5, &d), 0);
	CHECK(d.seq == 8 && !copies.damaged);
	t_img[57] ^= 1;
	CHECK_EQ(data(5, &d), 0);
	CHECK(d.seq == 7 && IS_LOST(LOG_C_DATA));
	CHECK_EQ(data(0, &d), 0);
	CHECK_EQ(data(6, &d), -EBADMSG);
	t_unreadable[0] = 1;
	t_read_error = -ENODATA;
	CHECK_EQ(data(5, &d), 0);
	CHECK(d.seq == 7 && IS_LOST(LOG_C_DATA));
	t_unreadable[0] = 0;
	t_read_error = -EIO;
	h->magic = 0;
	CHECK_EQ(data(5, &d), -ENODATA);
	put_data(0, 5, 8);
	h->incompat = cpu_to_le32(1);
	t_seal(h, sizeof(struct disk_data));
	CHECK_EQ(data(5, &d), -EPROTONOSUPPORT);
}

static void header_lost(void)
{
	struct data_super d;

	t_format();
	put_data(0, 5, 8);
	put_data(DATA_COPY_OFF, 5, 7);
	t_img[DATA_COPY_OFF + 57] ^= 1;
	CHECK_EQ(data(5, &d), 0);
	CHECK(d.seq == 8 && IS_LOST(LOG_C_DATA2));
	t_unreadable[DATA_COPY_OFF / RBLK_BLOCK_SIZE] = 1;
	CHECK_EQ(data(5, &d), 0);
	CHECK(d.seq == 8 && IS_LOST(LOG_C_DATA2));
	t_unreadable[DATA_COPY_OFF / RBLK_BLOCK_SIZE] = 0;
	put_data(DATA_COPY_OFF, 6, 9);
	CHECK_EQ(data(5, &d), 0);
	CHECK(d.seq == 8 && IS_LOST(LOG_C_DATA2));
	seal_newer(t_img + DATA_COPY_OFF, sizeof(struct disk_data));
	CHECK_EQ(data(5, &d), 0);
	CHECK(d.seq == 8 && !copies.damaged);
	/* Another one's copy does not become this one's header, and is not overwritten by it. */
	put_data(DATA_COPY_OFF, 6, 9);
	t_img[57] ^= 1;
	CHECK_EQ(data(5, &d), -EBADMSG);
	CHECK(!copies.damaged);
	memset(t_img, 0, RBLK_BLOCK_SIZE);
	put_data(DATA_COPY_OFF, 5, 7);
	CHECK_EQ(data(5, &d), -ENODATA);
	CHECK(!copies.damaged);
}

/* Neither can be used: nothing is set, and nothing that was read before is taken for either. */
static void data_lost(void)
{
	struct data_super d, before;

	t_format();
	put_data(0, 5, 8);
	put_data(DATA_COPY_OFF, 5, 7);
	CHECK_EQ(data(5, &d), 0);
	before = d;
	t_unreadable[0] = 1;
	t_unreadable[DATA_COPY_OFF / RBLK_BLOCK_SIZE] = 1;
	CHECK_EQ(data(5, &d), -EIO);
	t_unreadable[DATA_COPY_OFF / RBLK_BLOCK_SIZE] = 0;
	t_img[DATA_COPY_OFF + 57] ^= 1;
	CHECK_EQ(data(5, &d), -EIO);
	t_unreadable[0] = 0;
	t_img[57] ^= 1;
	put_data(DATA_COPY_OFF, 6, 7);
	CHECK_EQ(data(5, &d), -EBADMSG);
	CHECK(!memcmp(&d, &before, sizeof(d)));
}

/* Whose a block seems to be is said of a damaged one, too; names end where text does. */
static void claims(void)
{
	struct data_super d;

	t_format();
	t_img[8] ^= 1;
	t_img[96 + 2] = 7;
	CHECK_EQ(rblk_log_claim(t_img, &d), 'S');
	CHECK(!memcmp(d.volume, t_super.volume, RBLK_UUID_LEN) && d.store == t_super.store);
	CHECK(!strcmp(d.volume_name, "vol") && !strcmp(d.node, "no"));
	t_img[96 + 2] = 0x80;
	CHECK_EQ(rblk_log_claim(t_img, &d), 'S');
	CHECK(!strcmp(d.node, "no"));
	memset(t_img + 64, 'x', RBLK_NAME_MAX);
	CHECK_EQ(rblk_log_claim(t_img, &d), 'S');
	CHECK_EQ(strlen(d.volume_name), RBLK_NAME_MAX - 1);
	put_data(0, 5, 8);
	CHECK_EQ(rblk_log_claim(t_img, &d), 'D');
	CHECK_EQ(rblk_log_claim(t_img + rblk_log_meta_offset(0), &d), 0);
	CHECK(!d.store && !d.node[0]);
}

static void copy(int n, u64 version)
{
	t_meta.version = version;
	rblk_log_meta_encode(&t_meta, &t_super, t_img + rblk_log_meta_offset(n));
}

static void unreadable_copy(int n, u8 bad)
{
	t_unreadable[rblk_log_meta_offset(n) / RBLK_BLOCK_SIZE] = bad;
}

static void read_meta(void)
{
	struct disk_head *copy1 = (void *)(t_img + rblk_log_meta_offset(1));
	static struct log_meta m;
	struct log_super other;

	t_format();
	copy(0, 9);
	copy(1, 9);
	CHECK_EQ(meta(&t_super, &m), 0);
	CHECK(m.version == 9 && !copies.damaged);
	copy(1, 10);
	CHECK_EQ(meta(&t_super, &m), 0);
	CHECK(m.version == 10 && !copies.damaged && copies.meta_first == 0);
	copy(0, 11);
	CHECK_EQ(meta(&t_super, &m), 0);
	CHECK(m.version == 11 && !copies.damaged && copies.meta_first == 1);
	/* What was read before is not taken for what cannot be read. */
	unreadable_copy(1, 1);
	CHECK_EQ(meta(&t_super, &m), 0);
	CHECK(m.version == 11 && IS_LOST(LOG_C_META2) && copies.meta_first == 1);
	unreadable_copy(1, 0);
	t_img[rblk_log_meta_offset(0) + 9000] ^= 1;
	CHECK_EQ(meta(&t_super, &m), 0);
	CHECK(m.version == 10 && IS_LOST(LOG_C_META) && copies.meta_first == 0);
	unreadable_copy(1, 1);
	CHECK_EQ(meta(&t_super, &m), -EUCLEAN);
	CHECK(!copies.damaged);
	unreadable_copy(1, 0);
	copy(0, 12);
	other = t_super;
	other.store++;
	CHECK_EQ(meta(&other, &m), -EUCLEAN);
	rblk_log_meta_encode(&t_meta, &other, t_img + rblk_log_meta_offset(1));
	CHECK_EQ(meta(&t_super, &m), 0);
	CHECK(m.version == 12 && IS_LOST(LOG_C_META2));
	/* A newer version's copy is not overruled by an older one. */
	memcpy(copy1, t_img + rblk_log_meta_offset(0), LOG_META_BYTES);
	copy1->incompat = cpu_to_le32(1);
	t_seal(copy1, LOG_META_BYTES);
	CHECK_EQ(meta(&t_super, &m), -EPROTONOSUPPORT);
}

static const struct tap_case cases[] = {
	{ "read_super", read_super },
	{ "super_lost", super_lost },
	{ "super_overwritten", super_overwritten },
	{ "read_data", read_data },
	{ "header_lost", header_lost },
	{ "data_lost", data_lost },
	{ "claims", claims },
	{ "read_meta", read_meta },
};
TAP_MAIN(cases)
