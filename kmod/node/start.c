// SPDX-License-Identifier: GPL-2.0
/* Start and stop: one arena, recovery, and the end of everything. */
#include "internal.h"

#define DEFAULT_ENTRIES		32768
#define DEFAULT_ELECTION_MS	750
#define DEFAULT_HEARTBEAT_MS	150
#define DEFAULT_FOLLOW_MS	30000

static void set_default(u32 *field, u64 value)
{
	if (!*field)
		*field = (u32)min_t(u64, value, U32_MAX);
}

/**
 * rblk_node_limits_default() - fills what is not set
 * @l: limits
 * @pool_bytes: payload memory of the host, all budgets together
 * @s: superblock: the ring bounds what may be uncommitted
 */
void rblk_node_limits_default(struct rblk_node_limits *l, u64 pool_bytes, const struct log_super *s)
{
	/* A 4 KiB write takes up to 8 KiB of ring; half of the ring at most is uncommitted. */
	u64 ring_share = s->ring_bytes / 8;

	set_default(&l->entries, DEFAULT_ENTRIES);
	set_default(&l->versions, max_t(u64, pool_bytes >> RBLK_BLOCK_SHIFT, 4096));
	set_default(&l->ranges, 64);
	set_default(&l->reads, 256);
	/* The loop issues a batch in one go, and answers nobody meanwhile. */
	set_default(&l->batch, 64);
	/* Together well below what the host lets one budget have: apply comes before starving. */
	set_default(&l->uncommitted_bytes, min_t(u64, pool_bytes / 8, ring_share));
	set_default(&l->apply_bytes, min_t(u64, pool_bytes / 8, ring_share));
	set_default(&l->msg_ents, WIRE_ENTRIES_MAX);
	/* Few at a time: what arrives meanwhile goes together, and costs one frame, one ack. */
	set_default(&l->inflight_msgs, 4);
	set_default(&l->records_inflight, 2);
	set_default(&l->window, 256);
	set_default(&l->follow_ms, DEFAULT_FOLLOW_MS);
	set_default(&l->default_election_ms, DEFAULT_ELECTION_MS);
	set_default(&l->default_heartbeat_ms, DEFAULT_HEARTBEAT_MS);
}

static bool client_limits_ok(const struct rblk_node_limits *l)
{
	return l->window && !(l->window & (l->window - 1)) && l->reads &&
	       l->default_heartbeat_ms && l->default_election_ms > 2 * l->default_heartbeat_ms;
}

static bool limits_ok(const struct rblk_node_limits *l)
{
	return client_limits_ok(l) && l->entries >= 64 && !(l->entries & (l->entries - 1)) &&
	       l->batch >= RBLK_ENTRY_BLOCKS_MAX && l->versions >= l->batch && l->ranges &&
	       l->msg_ents && l->msg_ents <= WIRE_ENTRIES_MAX && l->inflight_msgs &&
	       l->uncommitted_bytes >= RBLK_WRITE_MAX && l->records_inflight &&
	       l->records_inflight <= LOG_INFLIGHT;
}

static const struct rblk_entry *entry_cb(void *ctx, u64 index)
{
	return rblk_node_entry(ctx, index);
}

static void volume_geom(const struct rblk_node_cfg *cfg, u64 sectors, struct vol_geom *g)
{
	memset(g, 0, sizeof(*g));
	g->sectors = sectors;
	g->block_size = cfg->super.block_size;
	g->region_shift = cfg->super.region_shift;
	g->versions = cfg->limits.versions;
	g->ranges = cfg->limits.ranges;
	g->batch = cfg->limits.batch;
	g->entry = entry_cb;
}

struct arena {
	u8 *base;
	size_t used;
};

static void *carve_node(struct arena *a, u64 n, size_t each)
{
	void *p = a->base ? a->base + a->used : NULL;

	a->used += round_up((size_t)n * each, 64);
	return p;
}

/* What clients have, with disks or without. With no base only the size is counted. */
static void lay_out_client(struct rblk_node *m, struct arena *a, const struct rblk_node_limits *l)
{
	void *p;

	carve_node(a, 1, sizeof(*m));
	p = carve_node(a, l->reads, sizeof(struct rblk_read));
	if (m)
		m->read = p;
	p = carve_node(a, l->window, sizeof(struct rblk_client_req));
	if (m)
		m->client.req = p;
	p = carve_node(a, RBLK_RECORD_ENTRIES + WIRE_ENTRIES_MAX, sizeof(struct rblk_buf *));
	if (m)
		m->bufs = p;
}

/* Lays the parts out, likewise. Returns the volume's size. */
static size_t lay_out_node(struct rblk_node *m, struct arena *a, const struct rblk_node_cfg *cfg)
{
	const struct rblk_node_limits *l = &cfg->limits;
	struct vol_geom g;
	size_t vol_bytes;
	void *p;

	volume_geom(cfg, cfg->super.data_bytes >> RBLK_SECTOR_SHIFT, &g);
	vol_bytes = rblk_vol_size(&g);
	lay_out_client(m, a, l);
	p = carve_node(a, 1, rblk_raft_size());
	if (m)
		m->raft = p;
	p = carve_node(a, 1, sizeof(struct raft_out));
	if (m)
		m->out = p;
	p = carve_node(a, l->entries, sizeof(struct rblk_ent));
	if (m)
		m->ent = p;
	p = carve_node(a, l->batch, sizeof(struct rblk_buf *));
	if (m)
		m->apply_buf = p;
	p = carve_node(a, 1, vol_bytes);
	if (m)
		m->vol_mem = p;
	return vol_bytes;
}

/**
 * rblk_node_size() - memory of a member
 * @cfg: its configuration, limits filled
 *
 * Return: bytes; 0: the superblock or the limits make no sense.
 */
size_t rblk_node_size(const struct rblk_node_cfg *cfg)
{
	struct arena a = { 0 };

	if (!limits_ok(&cfg->limits) || !lay_out_node(NULL, &a, cfg))
		return 0;
	return a.used;
}

/**
 * rblk_node_pages_size() - page-aligned memory that a member does I/O from
 *
 * Return: bytes: record headers, a metadata slot, one block.
 */
size_t rblk_node_pages_size(void)
{
	return LOG_INFLIGHT * LOG_HEADER_BYTES_MAX + LOG_META_BYTES + RBLK_BLOCK_SIZE;
}

/**
 * rblk_replica_volume_init() - the volume takes the size that the configuration says
 * @m: member
 *
 * The configuration is the first entry of a volume; nothing was executed before it.
 *
 * Return: 0 or -EINVAL.
 */
int rblk_replica_volume_init(struct rblk_node *m)
{
	struct vol_geom g;
	struct vol *vol;
	u64 sectors = m->conf.sectors;

	if (m->vol && rblk_replica_executed(m))
		return 0;
	if (!m->conf.index)
		sectors = m->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT;
	/* The arena was laid out for the whole data device. */
	if (sectors > m->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT)
		return -EINVAL;
	volume_geom(&m->cfg, sectors, &g);
	g.shared = m->conf.flags & RBLK_CONF_SHARED;
	g.ctx = m;
	memset(m->vol_mem, 0, rblk_vol_size(&g));
	vol = rblk_vol_init(m->vol_mem, &g, &m->meta.state);
	if (!vol)
		return -EINVAL;
	m->vol = vol;
	return 0;
}

/* ---- recovery ---- */

static int recovered_conf(struct rblk_node *m, const struct rblk_entry *e, const void *block)
{
	if (e->index <= m->meta.conf.index)
		return 0;
	if (rblk_log_conf_decode(&m->rx_conf, block))
		return -EBADMSG;
	m->prev_conf = m->conf;
	m->conf = m->rx_conf;
	m->conf.index = e->index;
	return 0;
}

/* rblk_log_entry_fn: rebuilds the table; an index that came before truncates from there. */
static int recovered(void *ctx, const struct rblk_entry *e, const u32 *block_crc, u64 payload_pos,
		     const struct log_record *rec, const void *conf_block)
{
	struct rblk_node *m = ctx;
	struct rblk_ent *ent;

	if (e->index <= m->last) {
		m->last = max_t(u64, e->index - 1, m->base.index);
		if (m->conf.index >= e->index && m->conf.index > m->meta.conf.index)
			m->conf = m->prev_conf;
	}
	if (e->index <= m->base.index)
		return 0;
	if (e->index != m->last + 1)
		return -EBADMSG;
	if (!rblk_replica_free_entries(m))
		return -E2BIG;
	ent = &m->ent[e->index & m->mask];
	ent->e = *e;
	ent->buf = NULL;
	ent->pos = payload_pos;
	m->last = e->index;
	return e->kind == RBLK_E_CONF ? recovered_conf(m, e, conf_block) : 0;
}

static int collect_runs(struct rblk_node *m, struct raft_boot *boot, struct rblk_id *runs)
{
	u64 i;

	for (i = m->base.index + 1; i <= m->last; i++) {
		const struct rblk_entry *e = &m->ent[i & m->mask].e;

		if (!boot->nruns || runs[boot->nruns - 1].term != e->term) {
			if (boot->nruns == RAFT_RUNS_MAX)
				return -E2BIG;
			runs[boot->nruns++].term = e->term;
		}
		runs[boot->nruns - 1].index = i;
		boot->last.index = i;
		boot->last.term = e->term;
	}
	boot->runs = runs;
	return 0;
}

static int start_raft(struct rblk_node *m, void *scratch)
{
	struct raft_boot boot = {
		.meta = m->meta.raft,
		.snap = m->base,
		.last = m->base,
		.commit = m->meta.state.index,
	};
	int ret = collect_runs(m, &boot, scratch);

	if (ret)
		return ret;
	rblk_node_raft_conf(&m->conf, &boot.conf);
	boot.conf.index = m->conf.index;
	if (m->prev_conf.index != m->conf.index) {
		rblk_node_raft_conf(&m->prev_conf, &boot.prev_conf);
		boot.prev_conf.index = m->prev_conf.index;
	}
	return rblk_replica_raft_init(m, &boot);
}

/*
 * The data header is written before the metadata of its checkpoint, and names
 * only what the own log held durably and never gives up. So it is not older than
 * the metadata, and not newer than the log.
 */
static int check_data(const struct rblk_node *m, const struct data_super *data)
{
	if (memcmp(data->volume, m->cfg.super.volume, RBLK_UUID_LEN) ||
	    data->store != m->cfg.super.store)
		return -EINVAL;
	if (data->index > m->last)
		return -EBADMSG;
	return data->index < m->meta.state.index ? -ESTALE : 0;
}

static void set_up_client(struct rblk_node *m, const struct rblk_node_cfg *cfg, u64 now)
{
	m->cfg = *cfg;
	m->ops = cfg->ops;
	m->host = cfg->host;
	m->now = now;
	m->npeers = cfg->npeers;
	m->client.mask = cfg->limits.window - 1;
	m->client.token = NODE_NO_TOKEN;
	rblk_reads_init(m);
}

static void set_up(struct rblk_node *m, const struct rblk_node_cfg *cfg, u8 *pages, u64 now)
{
	u32 i;

	set_up_client(m, cfg, now);
	m->mask = cfg->limits.entries - 1;
	m->log_idle_at = U64_MAX;
	m->idle_since = now;
	m->meta_buf = pages + LOG_INFLIGHT * LOG_HEADER_BYTES_MAX;
	m->block = pages + LOG_INFLIGHT * LOG_HEADER_BYTES_MAX + LOG_META_BYTES;
	for (i = 0; i < m->npeers; i++)
		m->peer[i].rb.id = i;
	m->apply_rb.rb.id = NODE_PEERS_MAX;
	rblk_log_init(&m->log, &cfg->super, pages);
}

static int recover(struct rblk_node *m, const struct log_reader *rd, struct log_report *rep)
{
	struct log_reader reader = *rd;
	int bad, ret;

	ret = rblk_log_read_meta(rd, &m->cfg.super, &m->meta, &bad);
	if (ret)
		return ret;
	m->base = m->meta.floor;
	m->last = m->base.index;
	m->conf = m->meta.conf;
	m->prev_conf = m->meta.prev_conf;
	m->ckpt_index = m->meta.state.index;
	reader.skip_index = m->ckpt_index;
	ret = rblk_log_recover(&m->log, &reader, &m->meta, recovered, m, rep);
	if (ret)
		return ret;
	/* The checkpoint never passes what is durable: a shorter log has lost something. */
	return m->last < m->ckpt_index ? -EBADMSG : 0;
}

/**
 * rblk_node_start() - recovers and starts a member; see member.h
 * @m: rblk_node_size() zeroed bytes
 * @cfg: copied
 * @pages: rblk_node_pages_size() bytes, page aligned
 * @rd: reads the log device
 * @data: decoded header of the data device
 * @now: ns
 * @rep: filled: what was found in the ring
 *
 * Context: may sleep in @rd.
 * Return: 0 or -errno, see member.h.
 */
int rblk_node_start(struct rblk_node *m, const struct rblk_node_cfg *cfg, void *pages,
		    const struct log_reader *rd, const struct data_super *data, u64 now,
		    struct log_report *rep)
{
	struct arena a = { .base = (u8 *)m };
	int ret;

	memset(rep, 0, sizeof(*rep));
	if (!rblk_node_size(cfg) || cfg->npeers > NODE_PEERS_MAX)
		return -EINVAL;
	lay_out_node(m, &a, cfg);
	set_up(m, cfg, pages, now);
	ret = recover(m, rd, rep);
	if (!ret)
		ret = check_data(m, data);
	if (!ret)
		ret = rblk_replica_volume_init(m);
	if (!ret)
		ret = start_raft(m, rd->scratch);
	if (ret)
		return ret;
	m->data_seq = data->seq;
	m->boot_last = m->last;
	m->log_next = m->last + 1;
	m->commit = m->ckpt_index;
	m->released = m->ckpt_index;
	rblk_log_start(&m->log, &m->meta);
	m->meta_dirty = true;
	return 0;
}

/**
 * rblk_client_size() - memory of a client without disks
 * @cfg: its configuration, limits filled
 *
 * Return: bytes; 0: the limits make no sense.
 */
size_t rblk_client_size(const struct rblk_node_cfg *cfg)
{
	struct arena a = { 0 };

	if (!client_limits_ok(&cfg->limits))
		return 0;
	lay_out_client(NULL, &a, &cfg->limits);
	return a.used;
}

/**
 * rblk_client_store() - the store of a client without disks is its name
 * @volume: name of the volume
 * @node: name of the node
 *
 * Return: a number, the same at each start, not 0.
 */
u64 rblk_client_store(const char *volume, const char *node)
{
	u32 lo = rblk_crc32c(rblk_crc32c(0, volume, strlen(volume)), node, strlen(node));
	u32 hi = rblk_crc32c(lo, volume, strlen(volume));

	return (u64)hi << 32 | lo | 1;
}

/**
 * rblk_node_start_client() - starts a client without disks; see member.h
 * @m: rblk_client_size() zeroed bytes
 * @cfg: copied
 * @now: ns
 *
 * Return: 0 or -EINVAL.
 */
int rblk_node_start_client(struct rblk_node *m, const struct rblk_node_cfg *cfg, u64 now)
{
	struct arena a = { .base = (u8 *)m };

	if (!rblk_client_size(cfg) || !cfg->super.store || cfg->npeers > NODE_PEERS_MAX)
		return -EINVAL;
	lay_out_client(m, &a, &cfg->limits);
	set_up_client(m, cfg, now);
	m->diskless = true;
	m->started = true;
	return 0;
}

static void put_readback(struct rblk_node *m, struct rblk_node_readback *rb)
{
	u32 i;

	for (i = 0; i < rb->n; i++)
		if (rb->buf[i])
			m->ops->buf_put(m->host, rb->buf[i]);
	rb->n = 0;
}

/**
 * rblk_node_stop() - the end: every request, every reference
 * @m: member
 * @error: what the requests end with, -errno
 *
 * The host may still have I/O in flight that it took its own references for; it
 * must not tell about it any more.
 */
void rblk_node_stop(struct rblk_node *m, int error)
{
	u64 i;
	u32 p;

	if (m->halt == NODE_RUNNING)
		m->halt = NODE_HALT_STOPPED;
	for (i = m->base.index + 1; i <= m->last; i++)
		rblk_replica_drop(m, &m->ent[i & m->mask]);
	rblk_client_fail(m, error);
	rblk_reads_fail(m, error, true);
	for (p = 0; p < m->npeers; p++)
		put_readback(m, &m->peer[p].rb);
	put_readback(m, &m->apply_rb.rb);
}

/**
 * rblk_node_map_blocks() - blocks of the change map on the log device
 * @m: member
 *
 * Return: how many there are to load.
 */
u32 rblk_node_map_blocks(const struct rblk_node *m)
{
	return m->diskless ? 0 : rblk_vol_map_blocks(m->vol);
}

/**
 * rblk_node_map_offset() - where a block of the change map is
 * @m: member
 * @block: which one
 *
 * Return: byte offset on the log device.
 */
u64 rblk_node_map_offset(const struct rblk_node *m, u32 block)
{
	return m->cfg.super.map_off + (u64)block * RBLK_BLOCK_SIZE;
}

/**
 * rblk_node_map_load() - a block of the change map was read
 * @m: member
 * @block: which one
 * @data: its content
 * @error: 0, or why it could not be read: its regions count as changed now
 */
void rblk_node_map_load(struct rblk_node *m, u32 block, const void *data, int error)
{
	u64 *val = (u64 *)m->block;	/* scratch: RBLK_MAP_PER_BLOCK values fit in a block */
	bool ok = !error && !rblk_log_map_decode(&m->cfg.super, block, val, data);

	rblk_vol_map_load(m->vol, block, val, ok, m->last);
}
