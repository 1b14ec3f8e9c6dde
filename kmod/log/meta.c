// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata: two copies, each version written to both in turn, so that one rotten
 * copy never takes the newest version (and with it a vote) away.
 */
#include "format.h"

/**
 * rblk_log_meta_init() - metadata of a store that was just formatted
 * @m: set
 */
void rblk_log_meta_init(struct log_meta *m)
{
	memset(m, 0, sizeof(*m));
	m->version = 1;
	m->floor_seq = 1;
	m->start_seq = 1;
}

static int meta_check(const struct disk_meta *d, const struct log_super *s)
{
	if (!rblk_log_disk_ours(&d->head, s) || !disk_meta_ok(d))
		return -EINVAL;
	if (le64_to_cpu(d->floor_pos) % RBLK_BLOCK_SIZE ||
	    le64_to_cpu(d->start_pos) % RBLK_BLOCK_SIZE)
		return -EINVAL;
	/* What is below the floor is gone from the log: it must be in the data. */
	if (le64_to_cpu(d->floor_index) > le64_to_cpu(d->state_index))
		return -EINVAL;
	if (le64_to_cpu(d->start_generation) > le64_to_cpu(d->generation))
		return -EINVAL;
	if (le32_to_cpu(d->flags) & ~LOG_META_FLAGS)
		return -EINVAL;
	if (rblk_log_disk_conf_check(&d->conf))
		return -EINVAL;
	return rblk_log_disk_conf_check(&d->prev_conf);
}

/**
 * rblk_log_meta_encode() - makes a copy of the metadata
 * @m: metadata
 * @s: superblock
 * @buf: LOG_META_BYTES, filled
 *
 * Return: 0; -EINVAL after RBLK_ASSERT fired: decoding would refuse it, so it must not
 * be written. It has no alarm to raise; the caller does.
 */
int rblk_log_meta_encode(const struct log_meta *m, const struct log_super *s, void *buf)
{
	struct disk_meta *d = buf;
	u32 i;

	memset(buf, 0, LOG_META_BYTES);
	disk_meta_put(d, m);
	rblk_log_disk_conf_put(&d->conf, &m->conf);
	rblk_log_disk_conf_put(&d->prev_conf, &m->prev_conf);
	for (i = 0; i < m->state.nsessions; i++)
		disk_session_put(&d->session[i], &m->state.session[i]);
	for (i = 0; i < m->npeers; i++) {
		disk_peer_put(&d->peer[i], &m->peer[i]);
		d->peer_term[i] = cpu_to_le64(m->peer[i].term);
		d->peer_nonce[i] = cpu_to_le64(m->peer[i].nonce);
	}
	for (i = 0; i < RBLK_LINE; i++)
		d->line[i] = cpu_to_le64(m->line[i]);
	rblk_log_disk_seal(&d->head, DISK_MAGIC_META, s->volume, s->store, LOG_META_BYTES);
	return RBLK_ASSERT(NULL, !meta_check(d, s)) ? -EINVAL : 0;
}

static int meta_open(const struct disk_meta *d, const struct log_super *s)
{
	int ret = rblk_log_disk_open(&d->head, DISK_MAGIC_META, LOG_META_BYTES, NULL);

	return ret ? ret : meta_check(d, s);
}

/**
 * rblk_log_meta_decode() - reads a copy of the metadata
 * @m: set on success
 * @s: superblock
 * @buf: LOG_META_BYTES
 *
 * Return: 0, or one of the errors of decoders: see log.h.
 */
int rblk_log_meta_decode(struct log_meta *m, const struct log_super *s, const void *buf)
{
	const struct disk_meta *d = buf;
	int ret = meta_open(d, s);
	u32 i;

	if (ret)
		return ret;
	memset(m, 0, sizeof(*m));
	disk_meta_get(m, d);
	rblk_log_disk_conf_get(&m->conf, &d->conf);
	rblk_log_disk_conf_get(&m->prev_conf, &d->prev_conf);
	for (i = 0; i < m->state.nsessions; i++)
		disk_session_get(&m->state.session[i], &d->session[i]);
	for (i = 0; i < m->npeers; i++) {
		disk_peer_get(&m->peer[i], &d->peer[i]);
		m->peer[i].term = le64_to_cpu(d->peer_term[i]);
		m->peer[i].nonce = le64_to_cpu(d->peer_nonce[i]);
	}
	for (i = 0; i < RBLK_LINE; i++)
		m->line[i] = le64_to_cpu(d->line[i]);
	return 0;
}

/**
 * rblk_log_read_meta() - reads both copies of the metadata
 * @rd: reader
 * @s: superblock
 * @m: set to the newest valid version on success
 * @c: set on success: which of them is damaged, and which has to be written first
 *
 * Return: 0; -EUCLEAN: both copies are bad; -EPROTONOSUPPORT: one of them was
 * written by a newer version, which this one must not overrule.
 */
int rblk_log_read_meta(const struct log_reader *rd, const struct log_super *s, struct log_meta *m,
		       struct log_copies *c)
{
	u64 version[LOG_COPIES] = {}, best = 0;
	int copy, ret;

	for (copy = 0; copy < LOG_COPIES; copy++) {
		const struct disk_meta *d = (void *)rd->scratch;

		ret = rd->read(rd->ctx, rblk_log_meta_offset(copy), rd->scratch, LOG_META_BYTES);
		if (!ret)
			ret = meta_open(d, s);
		if (ret == -EPROTONOSUPPORT)
			return ret;
		if (ret)
			continue;
		version[copy] = le64_to_cpu(d->version);
		if (version[copy] > best) {
			best = version[copy];
			rblk_log_meta_decode(m, s, rd->scratch);
		}
	}
	if (!best)
		return -EUCLEAN;
	for (copy = 0; copy < LOG_COPIES; copy++)
		if (!version[copy])
			c->damaged |= LOG_C_BIT(LOG_C_META + copy);
	c->meta_first = version[1] < version[0];
	return 0;
}
