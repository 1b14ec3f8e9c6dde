// SPDX-License-Identifier: GPL-2.0
/*
 * The first configuration of a volume. The node that bootstraps writes it to
 * its own log as entry (term 1, index 1) and then starts raft on it; blank
 * peers take it over from the leader like any entry. A second bootstrap
 * elsewhere names another cluster, and the two refuse each other's connections.
 */
#include "internal.h"

/*
 * Has nothing ever happened here? A blank node never campaigns. So a vote, or a
 * term above the one that an interrupted bootstrap leaves, comes from a cluster
 * that exists already.
 */
static bool blank(const struct rblk_replica *r)
{
	return !r->g->conf.index && !r->last && !r->bootstrapping && r->rst.term <= 1 &&
	       !r->rst.vote;
}

static int check_peers(const struct rblk_replica *r, u64 sectors, u32 *slot)
{
	u32 i;

	for (i = 0; i < r->g->npeers; i++) {
		const struct rblk_peer *p = &r->g->peer[i];

		*slot = i;
		if (p->client || r->g->cfg.peer[i].client)
			continue;
		if (!p->known || !rblk_peer_connected(p))
			return -ENOTCONN;
		if (p->bootstrapped || p->match)
			return -ENOTEMPTY;
		if (p->data_sectors < sectors)
			return -ENOSPC;
	}
	return 0;
}

/* What the members have in common is as large as on the smallest one. */
static void set_sizes(const struct rblk_replica *r, struct rblk_conf *conf)
{
	const struct rblk_peer *p;
	u32 i;

	conf->sectors = r->g->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT;
	conf->ring_bytes = r->g->cfg.super.ring_bytes;
	conf->entries = r->g->cfg.limits.entries;
	for (i = 0; i < r->g->npeers; i++) {
		p = &r->g->peer[i];
		if (p->client || r->g->cfg.peer[i].client)
			continue;
		conf->sectors = min_t(u64, conf->sectors, p->data_sectors);
		conf->ring_bytes = min_t(u64, conf->ring_bytes, p->ring_bytes);
		conf->entries = min_t(u32, conf->entries, p->entries);
	}
	conf->sectors &= ~(u64)(RBLK_SECTORS_PER_BLOCK - 1);
}

static void set_member(struct rblk_member *lm, u64 store, const char *node, const char *addr)
{
	lm->store = store;
	lm->flags = RBLK_M_IN;
	memcpy(lm->node, node, strnlen(node, RBLK_NAME_MAX - 1));
	memcpy(lm->addr, addr, strnlen(addr, RBLK_ADDR_MAX - 1));
}

/**
 * rblk_replica_bootstrap_conf() - fills in the first configuration of a volume
 * @r: replica
 * @self_addr: own address as text
 * @sectors: size of the volume; 0: what the smallest data device allows
 * @cluster: random, names the cluster
 * @conf: filled
 * @slot: the peer that prevents it
 *
 * Return: see rblk_node_bootstrap_conf().
 */
int rblk_replica_bootstrap_conf(const struct rblk_replica *r, const char *self_addr, u64 sectors,
				u64 cluster, struct rblk_conf *conf, u32 *slot)
{
	u32 i;
	int ret;

	if (!blank(r))
		return -EEXIST;
	ret = check_peers(r, sectors, slot);
	if (ret)
		return ret;
	*slot = U32_MAX;
	memset(conf, 0, sizeof(*conf));
	set_sizes(r, conf);
	if (!conf->sectors || sectors > conf->sectors)
		return -ENOSPC;
	if (sectors)
		conf->sectors = sectors;
	conf->cluster = cluster;
	conf->block_size = r->g->cfg.super.block_size;
	conf->election_ms = r->g->cfg.limits.default_election_ms;
	conf->heartbeat_ms = r->g->cfg.limits.default_heartbeat_ms;
	conf->n = 1;
	set_member(&conf->m[0], r->g->cfg.super.store, r->g->cfg.node, self_addr);
	for (i = 0; i < r->g->npeers; i++)
		if (!r->g->peer[i].client && !r->g->cfg.peer[i].client)
			set_member(&conf->m[conf->n++], r->g->peer[i].store,
				   r->g->cfg.peer[i].node, r->g->cfg.peer[i].addr);
	return 0;
}

/**
 * rblk_replica_bootstrap() - begins to write the first configuration
 * @r: replica
 * @conf: from rblk_replica_bootstrap_conf(); index is set here
 * @slot: the peer that prevents it
 *
 * Return: see rblk_node_bootstrap().
 */
int rblk_replica_bootstrap(struct rblk_replica *r, struct rblk_conf *conf, u32 *slot)
{
	struct rblk_entry e = { .kind = RBLK_E_CONF, .term = 1, .nblocks = 1 };
	struct rblk_buf *buf;
	int ret;

	if (!blank(r))
		return -EEXIST;
	ret = check_peers(r, conf->sectors, slot);
	if (ret)
		return ret;
	if (!r->started)
		return -EAGAIN;
	buf = r->g->ops->buf_alloc(r->g->host, 1);
	if (!buf)
		return -ENOMEM;
	conf->index = 1;
	rblk_log_conf_encode(conf, r->g->ops->buf_data(r->g->host, buf));
	r->g->ops->buf_sum(r->g->host, buf, buf->crc);
	/* Decode it, as the peers will, and this node at its next start. */
	ret = rblk_log_conf_decode(&r->rx_conf, r->g->ops->buf_data(r->g->host, buf));
	if (!ret)
		ret = rblk_replica_stage(r, &e, buf);
	if (ret) {
		r->g->ops->buf_put(r->g->host, buf);
		return ret;
	}
	r->rx_conf.index = conf->index;
	r->bootstrapping = true;
	r->meta.raft.term = 1;
	r->meta.raft.vote = 0;
	r->meta_dirty = true;
	return 0;
}

static void bootstrap_end(struct rblk_replica *r)
{
	struct raft_boot boot = {
		.meta = { .term = 1 },
		.last = { .term = 1, .index = 1 },
	};

	r->bootstrapping = false;
	r->prev_conf = r->g->conf;
	r->g->conf = r->rx_conf;
	rblk_replica_raft_conf(&r->g->conf, &boot.conf);
	boot.runs = &boot.last;
	boot.nruns = 1;
	if (RBLK_ASSERT(&r->g->alarm, !rblk_replica_volume_init(r)) ||
	    RBLK_ASSERT(&r->g->alarm, !rblk_replica_raft_init(r, &boot)))
		return;
	r->meta_version = 0;
	r->meta_version_written = 0;
	rblk_ground_note(r->g, NODE_N_CONF, r->g->conf.index);
}

/**
 * rblk_replica_bootstrap_run() - starts raft once the first entry is durable
 * @r: replica
 */
void rblk_replica_bootstrap_run(struct rblk_replica *r)
{
	if (r->bootstrapping && r->log.durable_index && !r->meta_busy && !r->meta_dirty)
		bootstrap_end(r);
}
