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

static void tables_put(struct disk_meta *d, const struct log_meta *m)
{
	u32 i;

	for (i = 0; i < m->state.nsessions && i < RBLK_SESSIONS_MAX; i++) {
		d->session[i].store = cpu_to_le64(m->state.session[i].store);
		d->session[i].epoch = cpu_to_le64(m->state.session[i].epoch);
		d->session[i].nonce = cpu_to_le64(m->state.session[i].nonce);
		d->session[i].seq = cpu_to_le64(m->state.session[i].seq);
	}
	for (i = 0; i < m->npeers && i < RBLK_MEMBERS_MAX; i++) {
		d->peer[i].store = cpu_to_le64(m->peer[i].store);
		d->peer[i].generation = cpu_to_le64(m->peer[i].generation);
		d->peer[i].match = cpu_to_le64(m->peer[i].match);
	}
}

static int meta_check(const struct disk_meta *d, const struct log_super *s)
{
	if (!rblk_log_disk_ours(&d->head, s) || !d->meta_version)
		return -EINVAL;
	if (le32_to_cpu(d->nsessions) > RBLK_SESSIONS_MAX ||
	    le32_to_cpu(d->npeers) > RBLK_MEMBERS_MAX)
		return -EINVAL;
	if (le64_to_cpu(d->floor_pos) % RBLK_BLOCK_SIZE ||
	    le64_to_cpu(d->start_pos) % RBLK_BLOCK_SIZE)
		return -EINVAL;
	if (le64_to_cpu(d->floor_pos) >= DISK_COUNT_MAX ||
	    le64_to_cpu(d->start_pos) >= DISK_COUNT_MAX ||
	    le64_to_cpu(d->floor_seq) >= DISK_COUNT_MAX ||
	    le64_to_cpu(d->start_seq) >= DISK_COUNT_MAX ||
	    le64_to_cpu(d->watermark) >= DISK_COUNT_MAX ||
	    le64_to_cpu(d->generation) >= DISK_COUNT_MAX ||
	    le64_to_cpu(d->floor_index) >= DISK_COUNT_MAX)
		return -EINVAL;
	/* What is below the floor is gone from the log: it must be in the data. */
	if (le64_to_cpu(d->floor_index) > le64_to_cpu(d->state_index))
		return -EINVAL;
	if (le64_to_cpu(d->start_generation) > le64_to_cpu(d->generation))
		return -EINVAL;
	if (rblk_log_disk_conf_check(&d->conf))
		return -EINVAL;
	return rblk_log_disk_conf_check(&d->prev_conf);
}

/**
 * rblk_log_meta_encode() - metadata as it lies in a copy
 * @m: metadata
 * @s: superblock
 * @buf: LOG_META_BYTES, filled
 */
void rblk_log_meta_encode(const struct log_meta *m, const struct log_super *s, void *buf)
{
	struct disk_meta *d = buf;

	memset(buf, 0, LOG_META_BYTES);
	d->meta_version = cpu_to_le64(m->version);
	d->generation = cpu_to_le64(m->generation);
	d->term = cpu_to_le64(m->raft.term);
	d->vote = cpu_to_le64(m->raft.vote);
	d->floor_term = cpu_to_le64(m->floor.term);
	d->floor_index = cpu_to_le64(m->floor.index);
	d->floor_pos = cpu_to_le64(m->floor_pos);
	d->floor_seq = cpu_to_le64(m->floor_seq);
	d->watermark = cpu_to_le64(m->watermark);
	d->start_generation = cpu_to_le64(m->start_generation);
	d->start_pos = cpu_to_le64(m->start_pos);
	d->start_seq = cpu_to_le64(m->start_seq);
	d->floor_chain = cpu_to_le32(m->floor_chain);
	d->nsessions = cpu_to_le32(m->state.nsessions);
	d->npeers = cpu_to_le32(m->npeers);
	d->state_index = cpu_to_le64(m->state.index);
	d->state_term = cpu_to_le64(m->state.term);
	d->digest = cpu_to_le64(m->state.digest);
	rblk_log_disk_conf_put(&d->conf, &m->conf);
	rblk_log_disk_conf_put(&d->prev_conf, &m->prev_conf);
	tables_put(d, m);
	rblk_log_disk_seal(&d->head, DISK_MAGIC_META, s->volume, s->store, LOG_META_BYTES);
	/* Metadata that we would refuse to read must not be written. */
	RBLK_ASSERT(!meta_check(d, s));
}

static int meta_open(const struct disk_meta *d, const struct log_super *s)
{
	int rc = rblk_log_disk_open(&d->head, DISK_MAGIC_META, LOG_META_BYTES, NULL);

	return rc ? rc : meta_check(d, s);
}

static void tables_get(struct log_meta *m, const struct disk_meta *d)
{
	u32 i;

	for (i = 0; i < m->state.nsessions; i++) {
		m->state.session[i].store = le64_to_cpu(d->session[i].store);
		m->state.session[i].epoch = le64_to_cpu(d->session[i].epoch);
		m->state.session[i].nonce = le64_to_cpu(d->session[i].nonce);
		m->state.session[i].seq = le64_to_cpu(d->session[i].seq);
	}
	for (i = 0; i < m->npeers; i++) {
		m->peer[i].store = le64_to_cpu(d->peer[i].store);
		m->peer[i].generation = le64_to_cpu(d->peer[i].generation);
		m->peer[i].match = le64_to_cpu(d->peer[i].match);
	}
}

/**
 * rblk_log_meta_decode() - reads a metadata copy
 * @m: set on success
 * @s: superblock
 * @buf: LOG_META_BYTES
 *
 * Return: 0, -ENODATA, -EBADMSG, -EPROTONOSUPPORT, -EINVAL: see log.h.
 */
int rblk_log_meta_decode(struct log_meta *m, const struct log_super *s, const void *buf)
{
	const struct disk_meta *d = buf;
	int rc = meta_open(d, s);

	if (rc)
		return rc;
	memset(m, 0, sizeof(*m));
	m->version = le64_to_cpu(d->meta_version);
	m->generation = le64_to_cpu(d->generation);
	m->raft.term = le64_to_cpu(d->term);
	m->raft.vote = le64_to_cpu(d->vote);
	m->floor.term = le64_to_cpu(d->floor_term);
	m->floor.index = le64_to_cpu(d->floor_index);
	m->floor_pos = le64_to_cpu(d->floor_pos);
	m->floor_seq = le64_to_cpu(d->floor_seq);
	m->watermark = le64_to_cpu(d->watermark);
	m->start_generation = le64_to_cpu(d->start_generation);
	m->start_pos = le64_to_cpu(d->start_pos);
	m->start_seq = le64_to_cpu(d->start_seq);
	m->floor_chain = le32_to_cpu(d->floor_chain);
	m->state.nsessions = le32_to_cpu(d->nsessions);
	m->npeers = le32_to_cpu(d->npeers);
	m->state.index = le64_to_cpu(d->state_index);
	m->state.term = le64_to_cpu(d->state_term);
	m->state.digest = le64_to_cpu(d->digest);
	rblk_log_disk_conf_get(&m->conf, &d->conf);
	rblk_log_disk_conf_get(&m->prev_conf, &d->prev_conf);
	tables_get(m, d);
	return 0;
}

/**
 * rblk_log_read_meta() - reads both metadata copies
 * @rd: reader
 * @s: superblock
 * @m: set to the newest valid version on success
 * @bad_copies: set to 0, 1 or 2
 *
 * Return: 0, -EUCLEAN when both are bad, -EPROTONOSUPPORT when either was
 * written by a version that this one must not overrule.
 */
int rblk_log_read_meta(const struct log_reader *rd, const struct log_super *s, struct log_meta *m,
		       int *bad_copies)
{
	u64 version, best = 0;
	int copy, rc;

	*bad_copies = 0;
	for (copy = 0; copy < 2; copy++) {
		const struct disk_meta *d = (void *)rd->scratch;

		rc = rd->read(rd->ctx, rblk_log_meta_offset(copy), rd->scratch, LOG_META_BYTES);
		if (!rc)
			rc = meta_open(d, s);
		if (rc == -EPROTONOSUPPORT)
			return rc;
		if (rc) {
			++*bad_copies;
			continue;
		}
		version = le64_to_cpu(d->meta_version);
		if (version > best) {
			best = version;
			rblk_log_meta_decode(m, s, rd->scratch);
		}
	}
	return *bad_copies == 2 ? -EUCLEAN : 0;
}
