// SPDX-License-Identifier: GPL-2.0
/* Of the superblock and the metadata there are two copies: which one counts. */
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
}

static void copy(int n, u64 version)
{
	t_meta.version = version;
	rblk_log_meta_encode(&t_meta, &t_super, t_img + rblk_log_meta_offset(n));
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
	t_img[rblk_log_meta_offset(0) + 9000] ^= 1;
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), 0);
	CHECK(m.version == 10 && bad == 1);
	t_unreadable[rblk_log_meta_offset(1) / RBLK_BLOCK_SIZE] = 1;
	CHECK_EQ(rblk_log_read_meta(&t_rd, &t_super, &m, &bad), -EUCLEAN);
	CHECK_EQ(bad, 2);
	t_unreadable[rblk_log_meta_offset(1) / RBLK_BLOCK_SIZE] = 0;
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
	{ "read_meta", read_meta },
};
TAP_MAIN(cases)
