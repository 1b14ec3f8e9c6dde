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
	return (replicated_ms ? replicated_ms : default_ms) * RB_NSEC_PER_MSEC;
}

/**
 * member_heartbeat_ns() - how often the leader speaks, and clients to it
 * @m: member
 *
 * Return: ns.
 */
u64 member_heartbeat_ns(const struct member *m)
{
	return timeout_ns(m->conf.heartbeat_ms, m->cfg.limits.default_heartbeat_ms);
}

/**
 * member_election_ns() - after which silence a leader is given up
 * @m: member
 *
 * Return: ns.
 */
u64 member_election_ns(const struct member *m)
{
	return timeout_ns(m->conf.election_ms, m->cfg.limits.default_election_ms);
}

/**
 * member_timeouts() - raft takes the timeouts of the active configuration
 * @m: member
 */
void member_timeouts(struct member *m)
{
	raft_set_timeouts(m->raft, member_heartbeat_ns(m), member_election_ns(m));
}

/**
 * member_raft_init() - (re)starts the Raft core
 * @m: member
 * @boot: what is durable
 *
 * Return: 0 or -EINVAL.
 */
int member_raft_init(struct member *m, const struct raft_boot *boot)
{
	const struct member_limits *l = &m->cfg.limits;
	struct raft_cfg cfg = {
		.self = m->cfg.super.store,
		.seed = m->cfg.seed,
		.heartbeat_ns = member_heartbeat_ns(m),
		.election_ns = member_election_ns(m),
		.msg_ents = l->msg_ents,
		.inflight_msgs = l->inflight_msgs,
		.uncommitted_bytes = l->uncommitted_bytes,
		.sendable = member_sendable,
		.can_lead = member_can_lead,
		.ctx = m,
	};
	int ret = raft_init(m->raft, &cfg, boot, m->now);

	raft_status(m->raft, &m->rst);
	return ret;
}

/*
 * Nothing ever happened here. A blank node never campaigns: a term above that of
 * a bootstrap cut short, or a vote, came from a cluster that there is already.
 */
static bool blank(const struct member *m)
{
	return !m->conf.index && !m->last && !m->bootstrapping && m->rst.term <= 1 &&
	       !m->rst.vote;
}

static int check_peers(const struct member *m, u64 sectors, u32 *slot)
{
	u32 i;

	for (i = 0; i < m->npeers; i++) {
		const struct member_peer *p = &m->peer[i];

		*slot = i;
		if (p->client || m->cfg.peer[i].client)
			continue;
		if (!p->known || !member_connected(p))
			return -ENOTCONN;
		if (p->bootstrapped || p->match)
			return -ENOTEMPTY;
		if (p->data_sectors < sectors)
			return -ENOSPC;
	}
	return 0;
}

static u64 smallest_device(const struct member *m)
{
	u64 min = m->cfg.super.data_bytes >> RB_SECTOR_SHIFT;
	u32 i;

	for (i = 0; i < m->npeers; i++)
		if (!m->peer[i].client && !m->cfg.peer[i].client)
			min = min_t(u64, min, m->peer[i].data_sectors);
	return min & ~(u64)(RB_SECTORS_PER_BLOCK - 1);
}

static void set_member(struct log_member *lm, u64 store, const char *node, const char *addr)
{
	lm->store = store;
	lm->flags = RAFT_M_IN;
	memcpy(lm->node, node, strnlen(node, LOG_NAME_MAX - 1));
	memcpy(lm->addr, addr, strnlen(addr, LOG_ADDR_MAX - 1));
}

/**
 * member_bootstrap_conf() - the configuration of this node and all its peers
 * @m: member
 * @self_addr: own address as text
 * @sectors: size of the volume; 0: what the smallest data device allows
 * @nonce: random, names the cluster
 * @conf: filled
 * @slot: on -ENOTCONN, -ENOTEMPTY and -ENOSPC: which peer
 *
 * Return: 0; -EEXIST: bootstrapped already; -ENOTCONN: a peer was not heard;
 * -ENOTEMPTY: a peer is not blank; -ENOSPC: a data device is too small.
 */
int member_bootstrap_conf(const struct member *m, const char *self_addr, u64 sectors,
			  u64 nonce, struct log_conf *conf, u32 *slot)
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
	conf->nonce = nonce;
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
 * member_bootstrap() - makes @conf the first entry of the volume's log
 * @m: member
 * @conf: from member_bootstrap_conf(); index is set here
 * @slot: as there
 *
 * Return: 0: under way, a CONF note follows; -ENOMEM: no payload buffer;
 * -EAGAIN: this start is not durable yet; -EINVAL: nobody could read that
 * configuration; else as member_bootstrap_conf().
 */
int member_bootstrap(struct member *m, struct log_conf *conf, u32 *slot)
{
	struct rb_entry e = { .kind = RB_E_CONF, .term = 1, .nblocks = 1 };
	struct rb_buf *buf;
	int ret;

	*slot = U32_MAX;
	if (m->halt != MEMBER_RUNNING)
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
	log_conf_encode(conf, m->ops->buf_data(m->host, buf));
	m->ops->buf_sum(m->host, buf, buf->crc);
	/* As the others will, and this node when it starts again. */
	ret = log_conf_decode(&m->rx_conf, m->ops->buf_data(m->host, buf));
	if (!ret)
		ret = member_stage(m, &e, buf);
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
 * member_bootstrap_run() - starts raft once the first entry is durable
 * @m: member
 */
void member_bootstrap_run(struct member *m)
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
	log_conf_to_raft(&m->conf, &boot.conf);
	boot.runs = &boot.last;
	boot.nruns = 1;
	if (member_volume_init(m) || member_raft_init(m, &boot)) {
		member_halt(m, MEMBER_HALT_INVARIANT, -EINVAL);
		return;
	}
	m->meta_ticket = 0;
	m->meta_ticket_written = 0;
	member_note(m, MEMBER_N_CONF, m->conf.index);
}
