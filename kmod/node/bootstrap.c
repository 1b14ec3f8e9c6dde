// SPDX-License-Identifier: GPL-2.0
/*
 * The first configuration of a volume. The node that bootstraps writes it to
 * its own log as entry (term 1, index 1) and then starts raft on it; blank
 * peers take it over from the leader like any entry. A second bootstrap
 * elsewhere has another nonce, and the two refuse each other's connections.
 */
#include "internal.h"

static u64 timeout_ns(u32 replicated_ms, u32 default_ms)
{
	return (replicated_ms ? replicated_ms : default_ms) * RBLK_NSEC_PER_MSEC;
}

/**
 * rblk_node_heartbeat_ns() - how often the leader speaks, and clients to it
 * @m: member
 *
 * Return: ns.
 */
u64 rblk_node_heartbeat_ns(const struct rblk_node *m)
{
	return timeout_ns(m->conf.heartbeat_ms, m->cfg.limits.default_heartbeat_ms);
}

/**
 * rblk_node_election_ns() - after which silence a leader is given up
 * @m: member
 *
 * Return: ns.
 */
u64 rblk_node_election_ns(const struct rblk_node *m)
{
	return timeout_ns(m->conf.election_ms, m->cfg.limits.default_election_ms);
}

/**
 * rblk_replica_timeouts() - raft takes the timeouts of the active configuration
 * @m: member
 */
void rblk_replica_timeouts(struct rblk_node *m)
{
	rblk_raft_set_timeouts(m->raft, rblk_node_heartbeat_ns(m), rblk_node_election_ns(m));
}

/**
 * rblk_replica_raft_init() - (re)starts the Raft core
 * @m: member
 * @boot: what is durable
 *
 * Return: 0 or -EINVAL.
 */
int rblk_replica_raft_init(struct rblk_node *m, const struct raft_boot *boot)
{
	const struct rblk_node_limits *l = &m->cfg.limits;
	struct raft_cfg cfg = {
		.self = m->cfg.super.store,
		.seed = m->cfg.seed,
		.heartbeat_ns = rblk_node_heartbeat_ns(m),
		.election_ns = rblk_node_election_ns(m),
		.msg_ents = l->msg_ents,
		.inflight_msgs = l->inflight_msgs,
		.uncommitted_bytes = l->uncommitted_bytes,
		.sendable = rblk_replica_sendable,
		.can_lead = rblk_replica_can_lead,
		.ctx = m,
	};
	int ret = rblk_raft_init(m->raft, &cfg, boot, m->now);

	rblk_raft_status(m->raft, &m->rst);
	return ret;
}

/*
 * Nothing ever happened here. A blank node never campaigns: a term above that of
 * a bootstrap cut short, or a vote, came from a cluster that there is already.
 */
static bool blank(const struct rblk_node *m)
{
	return !m->conf.index && !m->last && !m->bootstrapping && m->rst.term <= 1 &&
	       !m->rst.vote;
}

static int check_peers(const struct rblk_node *m, u64 sectors, u32 *slot)
{
	u32 i;

	for (i = 0; i < m->npeers; i++) {
		const struct rblk_node_peer *p = &m->peer[i];

		*slot = i;
		if (p->client || m->cfg.peer[i].client)
			continue;
		if (!p->known || !rblk_node_connected(p))
			return -ENOTCONN;
		if (p->bootstrapped || p->match)
			return -ENOTEMPTY;
		if (p->data_sectors < sectors)
			return -ENOSPC;
	}
	return 0;
}

static u64 smallest_device(const struct rblk_node *m)
{
	u64 min = m->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT;
	u32 i;

	for (i = 0; i < m->npeers; i++)
		if (!m->peer[i].client && !m->cfg.peer[i].client)
			min = min_t(u64, min, m->peer[i].data_sectors);
	return min & ~(u64)(RBLK_SECTORS_PER_BLOCK - 1);
}

static void set_member(struct rblk_member *lm, u64 store, const char *node, const char *addr)
{
	lm->store = store;
	lm->flags = RBLK_M_IN;
	memcpy(lm->node, node, strnlen(node, RBLK_NAME_MAX - 1));
	memcpy(lm->addr, addr, strnlen(addr, RBLK_ADDR_MAX - 1));
}

/**
 * rblk_node_bootstrap_conf() - the configuration of this node and all its peers
 * @m: member
 * @self_addr: own address as text
 * @sectors: size of the volume; 0: what the smallest data device allows
 * @cluster: random, names the cluster
 * @conf: filled
 * @slot: on -ENOTCONN, -ENOTEMPTY and -ENOSPC: which peer
 *
 * Return: 0; -EEXIST: bootstrapped already; -ENOTCONN: a peer was not heard;
 * -ENOTEMPTY: a peer is not blank; -ENOSPC: a data device is too small.
 */
int rblk_node_bootstrap_conf(const struct rblk_node *m, const char *self_addr, u64 sectors,
			     u64 cluster, struct rblk_conf *conf, u32 *slot)
{
	u32 i;
	int ret;

	*slot = U32_MAX;
	if (m->diskless)
		return -EINVAL;
	if (!blank(m))
		return -EEXIST;
	ret = check_peers(m, sectors, slot);
	if (ret)
		return ret;
	*slot = U32_MAX;
	memset(conf, 0, sizeof(*conf));
	conf->sectors = sectors ? sectors : smallest_device(m);
	if (!conf->sectors || conf->sectors > smallest_device(m))
		return -ENOSPC;
	conf->cluster = cluster;
	conf->block_size = m->cfg.super.block_size;
	conf->election_ms = m->cfg.limits.default_election_ms;
	conf->heartbeat_ms = m->cfg.limits.default_heartbeat_ms;
	conf->n = 1;
	set_member(&conf->m[0], m->cfg.super.store, m->cfg.node, self_addr);
	for (i = 0; i < m->npeers; i++)
		if (!m->peer[i].client && !m->cfg.peer[i].client)
			set_member(&conf->m[conf->n++], m->peer[i].store, m->cfg.peer[i].node,
				   m->cfg.peer[i].addr);
	return 0;
}

/**
 * rblk_node_bootstrap() - makes @conf the first entry of the volume's log
 * @m: member
 * @conf: from rblk_node_bootstrap_conf(); index is set here
 * @slot: as there
 *
 * Return: 0: under way, a CONF note follows; -ENOMEM: no payload buffer;
 * -EAGAIN: this start is not durable yet; -EINVAL: nobody could read that
 * configuration; else as rblk_node_bootstrap_conf().
 */
int rblk_node_bootstrap(struct rblk_node *m, struct rblk_conf *conf, u32 *slot)
{
	struct rblk_entry e = { .kind = RBLK_E_CONF, .term = 1, .nblocks = 1 };
	struct rblk_buf *buf;
	int ret;

	*slot = U32_MAX;
	if (m->halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (!blank(m))
		return -EEXIST;
	ret = check_peers(m, conf->sectors, slot);
	if (ret)
		return ret;
	if (!m->started)
		return -EAGAIN;
	buf = m->ops->buf_alloc(m->host, 1);
	if (!buf)
		return -ENOMEM;
	conf->index = 1;
	rblk_log_conf_encode(conf, m->ops->buf_data(m->host, buf));
	m->ops->buf_sum(m->host, buf, buf->crc);
	/* As the others will, and this node when it starts again. */
	ret = rblk_log_conf_decode(&m->rx_conf, m->ops->buf_data(m->host, buf));
	if (!ret)
		ret = rblk_replica_stage(m, &e, buf);
	if (ret) {
		m->ops->buf_put(m->host, buf);
		return ret;
	}
	m->rx_conf.index = conf->index;
	m->bootstrapping = true;
	m->meta.raft.term = 1;
	m->meta.raft.vote = 0;
	m->meta_dirty = true;
	return 0;
}

/**
 * rblk_replica_bootstrap_run() - starts raft once the first entry is durable
 * @m: member
 */
void rblk_replica_bootstrap_run(struct rblk_node *m)
{
	struct raft_boot boot = {
		.meta = { .term = 1 },
		.last = { .term = 1, .index = 1 },
	};

	if (!m->bootstrapping || m->log.durable_index < 1 || m->meta_busy || m->meta_dirty)
		return;
	m->bootstrapping = false;
	m->prev_conf = m->conf;
	m->conf = m->rx_conf;
	rblk_node_raft_conf(&m->conf, &boot.conf);
	boot.runs = &boot.last;
	boot.nruns = 1;
	if (rblk_replica_volume_init(m) || rblk_replica_raft_init(m, &boot)) {
		rblk_node_halt(m, NODE_HALT_INVARIANT, -EINVAL);
		return;
	}
	m->meta_version = 0;
	m->meta_version_written = 0;
	rblk_node_note(m, NODE_N_CONF, m->conf.index);
}
