// SPDX-License-Identifier: GPL-2.0
/* Configurations: in metadata, and as the payload of a configuration entry. */
#include "format.h"

#define MEMBER_FLAGS	(RBLK_M_IN | RBLK_M_OUT | RBLK_M_LEARNER | RBLK_M_WITNESS)

/* Fills @d; members that are not used stay zeroes. */
void rblk_log_disk_conf_put(struct disk_conf *d, const struct rblk_conf *c)
{
	u32 i;

	memset(d->m, 0, sizeof(d->m));
	disk_conf_put(d, c);
	for (i = 0; i < c->n; i++)
		disk_member_put(&d->m[i], &c->m[i]);
}

static bool member_ok(const struct disk_conf *d, u32 n)
{
	const struct disk_member *m = &d->m[n];
	u32 i;

	for (i = 0; i < n; i++)
		if (d->m[i].store == m->store)
			return false;
	return disk_member_ok(m) && !(m->flags & ~MEMBER_FLAGS);
}

/* Checks every field of a configuration from a disk or a peer: 0 or -EINVAL. */
int rblk_log_disk_conf_check(const struct disk_conf *d)
{
	u32 bs = le32_to_cpu(d->block_size);
	u32 i, n = le32_to_cpu(d->n);

	if (!disk_conf_ok(d) || le32_to_cpu(d->flags) & ~RBLK_CONF_FLAGS)
		return -EINVAL;
	/* Never written: the store is not bootstrapped, or there was no configuration before. */
	if (!n && !d->index && !bs)
		return 0;
	if (bs != 512 && bs != 4096)
		return -EINVAL;
	if (!d->ring_bytes || !d->entries)
		return -EINVAL;
	if (!d->sectors || le64_to_cpu(d->sectors) & ((bs >> RBLK_SECTOR_SHIFT) - 1))
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (!member_ok(d, i))
			return -EINVAL;
	return 0;
}

/* Fills @c from what passed rblk_log_disk_conf_check(). */
void rblk_log_disk_conf_get(struct rblk_conf *c, const struct disk_conf *d)
{
	u32 i;

	memset(c, 0, sizeof(*c));
	disk_conf_get(c, d);
	for (i = 0; i < c->n; i++)
		disk_member_get(&c->m[i], &d->m[i]);
}

/**
 * rblk_log_conf_encode() - makes the payload of a configuration entry
 * @c: configuration
 * @block: RBLK_BLOCK_SIZE bytes; filled, with the same bytes on all members
 */
void rblk_log_conf_encode(const struct rblk_conf *c, void *block)
{
	struct disk_conf_block *d = block;

	memset(block, 0, RBLK_BLOCK_SIZE);
	rblk_log_disk_conf_put(&d->conf, c);
	rblk_log_disk_seal(&d->head, DISK_MAGIC_CONF, NULL, 0, sizeof(*d));
}

/**
 * rblk_log_conf_decode() - reads the payload of a configuration entry
 * @c: set on success
 * @block: RBLK_BLOCK_SIZE bytes from the log or a peer
 *
 * Return: 0, or one of the errors of decoders: see log.h.
 */
int rblk_log_conf_decode(struct rblk_conf *c, const void *block)
{
	const struct disk_conf_block *d = block;
	int ret = rblk_log_disk_open(&d->head, DISK_MAGIC_CONF, sizeof(*d), NULL);

	if (ret)
		return ret;
	if (rblk_log_disk_conf_check(&d->conf) || !d->conf.n)
		return -EINVAL;
	rblk_log_disk_conf_get(c, &d->conf);
	return 0;
}
