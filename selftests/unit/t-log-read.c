// SPDX-License-Identifier: GPL-2.0
/* Of the superblock, the data header and the metadata there are two copies: which one counts. */
#include "log-lib.h"

/* The superblock, else its copy; never past what a newer version wrote. */
static void read_super(void)
{
	struct log_super s, t;
	struct disk_head *h = (void *)t_img;

	t_format();
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), 0);
	CHECK(!memcmp(&s, &t_super, sizeof(s)));
	t_img[70] ^= 1;
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), 0);
	t_unreadable[0] = 1;
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), 0);
	t_img[rblk_log_super_offset(&t_super, 1)] ^= 1;
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), -EIO);
	t_unreadable[0] = 0;
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), -EBADMSG);
	memset(t_img, 0, RBLK_BLOCK_SIZE);
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), -ENODATA);
	CHECK_EQ(rblk_log_read_super(&t_rd, 4096, &s), -ENOSPC);

	t_format();
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES - 4096, &t), -ENOSPC);
	h->incompat = cpu_to_le32(1);
	t_seal(t_img, sizeof(struct disk_super));
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), -EPROTONOSUPPORT);
	/* The second one, where the first is damaged. */
	memcpy(t_img + rblk_log_super_offset(&t_super, 1), t_img, RBLK_BLOCK_SIZE);
	t_img[70] ^= 1;
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), -EPROTONOSUPPORT);
}

/* What was written over a superblock makes the device somebody else's. */
static void super_overwritten(void)
{
	struct log_super s;

	t_format();
	memset(t_img, 0, 512);
	memcpy(t_img + 512, "LABELONE", 8);
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), -ENODATA);
	/* A medium error is not somebody else's magic, even if its number is the same. */
	t_unreadable[0] = 1;
	t_read_error = -ENODATA;
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), 0);
	t_img[rblk_log_super_offset(&t_super, 1)] ^= 1;
	CHECK_EQ(rblk_log_read_super(&t_rd, T_DEV_BYTES, &s), -EIO);
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
	int damage;

	t_format();
	put_data(0, 5, 8);
	put_data(DATA_COPY_OFF, 5, 7);
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), 0);
	CHECK(d.seq == 8 && !damage);
	t_img[57] ^= 1;
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), 0);
	CHECK(d.seq == 7 && damage == -EBADMSG);
	CHECK_EQ(rblk_log_read_data(&t_rd, 0, &d, &damage), 0);
	CHECK_EQ(rblk_log_read_data(&t_rd, 6, &d, &damage), -EBADMSG);
	t_unreadable[0] = 1;
	t_read_error = -ENODATA;
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), 0);
	CHECK(d.seq == 7 && damage == -EIO);
	t_unreadable[0] = 0;
	t_read_error = -EIO;
	h->magic = 0;
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), -ENODATA);
	put_data(0, 5, 8);
	h->incompat = cpu_to_le32(1);
	t_seal(h, sizeof(struct disk_data));
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), -EPROTONOSUPPORT);
}

/* Neither can be used: nothing is set, and nothing that was read before is taken for either. */
static void data_lost(void)
{
	struct data_super d, before;
	int damage;

	t_format();
	put_data(0, 5, 8);
	put_data(DATA_COPY_OFF, 5, 7);
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), 0);
	before = d;
	t_unreadable[0] = 1;
	t_unreadable[DATA_COPY_OFF / RBLK_BLOCK_SIZE] = 1;
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), -EIO);
	t_unreadable[DATA_COPY_OFF / RBLK_BLOCK_SIZE] = 0;
	t_img[DATA_COPY_OFF + 57] ^= 1;
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), -EIO);
	t_unreadable[0] = 0;
	t_img[57] ^= 1;
	put_data(DATA_COPY_OFF, 6, 7);
	CHECK_EQ(rblk_log_read_data(&t_rd, 5, &d, &damage), -EBADMSG);
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
	int bad;

	t_format();
	copy(0, 9);
	copy(1, 9);
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), 0);
	CHECK(m.version == 9 && !bad);
	copy(1, 10);
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), 0);
	CHECK(m.version == 10 && !bad);
	copy(0, 11);
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), 0);
	CHECK(m.version == 11 && !bad);
	/* What was read before is not taken for what cannot be read. */
	unreadable_copy(1, 1);
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), 0);
	CHECK(m.version == 11 && bad == 1);
	unreadable_copy(1, 0);
	t_img[rblk_log_meta_offset(0) + 9000] ^= 1;
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), 0);
	CHECK(m.version == 10 && bad == 1);
	unreadable_copy(1, 1);
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), -EUCLEAN);
	CHECK_EQ(bad, 2);
	unreadable_copy(1, 0);
	copy(0, 12);
	other = t_super;
	other.store++;
	CHECK_EQ(rblk_log_read_meta(&t_rd, &other, &m, &bad), -EUCLEAN);
	rblk_log_meta_encode(&t_meta, &other, t_img + rblk_log_meta_offset(1));
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), 0);
	CHECK(m.version == 12 && bad == 1);
	/* A newer version's copy is not overruled by an older one. */
	memcpy(copy1, t_img + rblk_log_meta_offset(0), LOG_META_BYTES);
	copy1->incompat = cpu_to_le32(1);
	t_seal(copy1, LOG_META_BYTES);
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), -EPROTONOSUPPORT);
}

static const struct tap_case cases[] = {
	{ "read_super", read_super },
	{ "super_overwritten", super_overwritten },
	{ "read_data", read_data },
	{ "data_lost", data_lost },
	{ "claims", claims },
	{ "read_meta", read_meta },
};
TAP_MAIN(cases)
