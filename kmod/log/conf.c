// SPDX-License-Identifier: GPL-2.0
/* Configurations: in metadata, and as payload of a configuration entry. */
#include "format.h"

#define NODE_FLAGS	(RBLK_M_IN | RBLK_M_OUT | RBLK_M_LEARNER | RBLK_M_WITNESS)

static_assert(sizeof(struct disk_conf_block) <= RBLK_BLOCK_SIZE, "configuration");

/**
 * rblk_log_disk_conf_put() - to disk
 * @d: filled
 * @c: configuration
 */
void rblk_log_disk_conf_put(struct disk_conf *d, const struct rblk_conf *c)
{
	u32 i;

	memset(d, 0, sizeof(*d));
	d->index = cpu_to_le64(c->index);
	d->cluster = cpu_to_le64(c->cluster);
	d->sectors = cpu_to_le64(c->sectors);
	d->block_size = cpu_to_le32(c->block_size);
	d->election_ms = cpu_to_le32(c->election_ms);
	d->heartbeat_ms = cpu_to_le32(c->heartbeat_ms);
	d->n = cpu_to_le32(c->n);
	d->flags = cpu_to_le32(c->flags);
	for (i = 0; i < c->n && i < RBLK_MEMBERS_MAX; i++) {
		d->m[i].store = cpu_to_le64(c->m[i].store);
		d->m[i].flags = c->m[i].flags;
		rblk_log_disk_name_put(d->m[i].node, c->m[i].node, RBLK_NAME_MAX);
		rblk_log_disk_name_put(d->m[i].addr, c->m[i].addr, RBLK_ADDR_MAX);
	}
}

static bool member_ok(const struct disk_conf *d, u32 n)
{
	const struct disk_member *m = &d->m[n];
	u32 i;

	if (!m->store || !m->flags || (m->flags & ~NODE_FLAGS))
		return false;
	for (i = 0; i < n; i++)
		if (d->m[i].store == m->store)
			return false;
	return rblk_log_disk_name_ok(m->node, RBLK_NAME_MAX) &&
	       rblk_log_disk_name_ok(m->addr, RBLK_ADDR_MAX);
}

/**
 * rblk_log_disk_conf_check() - every field of a configuration from disk or wire
 * @d: configuration
 *
 * Return: 0 or -EINVAL.
 */
int rblk_log_disk_conf_check(const struct disk_conf *d)
{
	u32 bs = le32_to_cpu(d->block_size);
	u32 i, n = le32_to_cpu(d->n);

	if (n > RBLK_MEMBERS_MAX || le32_to_cpu(d->flags) & ~RBLK_CONF_FLAGS)
		return -EINVAL;
	/* Never written: a store that is not bootstrapped, an undo that is not there. */
	if (!n && !d->index && !bs)
		return 0;
	if (bs != 512 && bs != 4096)
		return -EINVAL;
	if (!d->sectors || le64_to_cpu(d->sectors) & ((bs >> RBLK_SECTOR_SHIFT) - 1))
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (!member_ok(d, i))
			return -EINVAL;
	return 0;
}

/**
 * rblk_log_disk_conf_get() - from disk
 * @c: set
 * @d: passed rblk_log_disk_conf_check()
 */
void rblk_log_disk_conf_get(struct rblk_conf *c, const struct disk_conf *d)
{
	u32 i;

	memset(c, 0, sizeof(*c));
	c->index = le64_to_cpu(d->index);
	c->cluster = le64_to_cpu(d->cluster);
	c->sectors = le64_to_cpu(d->sectors);
	c->block_size = le32_to_cpu(d->block_size);
	c->election_ms = le32_to_cpu(d->election_ms);
	c->heartbeat_ms = le32_to_cpu(d->heartbeat_ms);
	c->flags = le32_to_cpu(d->flags);
	c->n = (u8)le32_to_cpu(d->n);
	for (i = 0; i < c->n; i++) {
		c->m[i].store = le64_to_cpu(d->m[i].store);
		c->m[i].flags = d->m[i].flags;
		memcpy(c->m[i].node, d->m[i].node, RBLK_NAME_MAX);
		memcpy(c->m[i].addr, d->m[i].addr, RBLK_ADDR_MAX);
	}
}

/**
 * rblk_log_conf_encode() - payload of a configuration entry
 * @c: configuration
 * @block: RBLK_BLOCK_SIZE, filled; the same bytes on all members
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
 * @block: RBLK_BLOCK_SIZE, from the log or the wire
 *
 * Return: 0, -ENODATA, -EBADMSG, -EPROTONOSUPPORT, -EINVAL: see log.h.
 */
int rblk_log_conf_decode(struct rblk_conf *c, const void *block)
{
	const struct disk_conf_block *d = block;
	int rc = rblk_log_disk_open(&d->head, DISK_MAGIC_CONF, sizeof(*d), NULL);

	if (rc)
		return rc;
	if (rblk_log_disk_conf_check(&d->conf) || !d->conf.n)
		return -EINVAL;
	rblk_log_disk_conf_get(c, &d->conf);
	return 0;
}
