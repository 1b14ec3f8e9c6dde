// SPDX-License-Identifier: GPL-2.0
/* Start and stop of a node: the arena that its parts share, and the release of everything. */
#include "internal.h"

#define ENTRIES_MIN		32768
#define ENTRIES_MAX		262144	/* 20 MiB of memory */
#define DEFAULT_ELECTION_MS	600
#define DEFAULT_HEARTBEAT_MS	120
#define DEFAULT_FOLLOW_MS	30000

static void set_default(u32 *field, u64 value)
{
	if (!*field)
		*field = (u32)min_t(u64, value, U32_MAX);
}

/* As many as the ring has blocks, so that it is full of writes before the table is. */
static u32 default_entries(u64 ring_bytes)
{
	u32 n = ENTRIES_MIN;

	while (n < ENTRIES_MAX && (u64)n * RBLK_BLOCK_SIZE < ring_bytes)
		n *= 2;
	return n;
}

/**
 * rblk_node_limits_default() - fills in every limit that is 0
 * @l: limits
 * @pool_bytes: payload memory of the host, all budgets together
 * @s: superblock; its ring bounds what may be uncommitted
 */
void rblk_node_limits_default(struct rblk_node_limits *l, u64 pool_bytes, const struct log_super *s)
{
	/*
	 * A 4 KiB write takes up to 8 KiB of ring; at most half of the ring may be
	 * uncommitted.
	 */
	u64 ring_share = s->ring_bytes / 8;

	set_default(&l->entries, default_entries(s->ring_bytes));
	set_default(&l->versions, max_t(u64, pool_bytes >> RBLK_BLOCK_SHIFT, 4096));
	set_default(&l->ranges, 64);
	set_default(&l->reads, 256);
	/* The loop issues a batch in one go, and does nothing else meanwhile. */
	set_default(&l->batch, 64);
	/*
	 * Together well below one budget of the host: the apply begins before
	 * memory runs out.
	 */
	set_default(&l->uncommitted_bytes, min_t(u64, pool_bytes / 8, ring_share));
	set_default(&l->apply_bytes, min_t(u64, pool_bytes / 8, ring_share));
	set_default(&l->msg_ents, WIRE_ENTRIES_MAX);
	/* Few: entries that arrive meanwhile share a frame and an acknowledgment. */
	set_default(&l->inflight_msgs, 4);
	set_default(&l->records_inflight, 2);
	set_default(&l->window, 256);
	set_default(&l->follow_ms, DEFAULT_FOLLOW_MS);
	set_default(&l->resync_min, NODE_RESYNC_MIN);
	set_default(&l->default_election_ms, DEFAULT_ELECTION_MS);
	set_default(&l->default_heartbeat_ms, DEFAULT_HEARTBEAT_MS);
}

static bool limits_ok(const struct rblk_node_limits *l)
{
	return l->window && !(l->window & (l->window - 1)) && l->reads &&
	       l->default_heartbeat_ms && l->default_election_ms > 2 * l->default_heartbeat_ms;
}

/* Lays out what every node has. An arena without memory only counts the size. */
static void lay_out_node(struct rblk_arena *a, const struct rblk_node_limits *l)
{
	struct rblk_node *n = rblk_arena_carve(a, 1, sizeof(*n));
	void *reads = rblk_arena_carve(a, l->reads + NODE_PULL_READS, sizeof(struct rblk_read));
	void *window = rblk_arena_carve(a, l->window, sizeof(struct rblk_client_req));
	void *bufs = rblk_arena_carve(a, RBLK_RECORD_ENTRIES + WIRE_ENTRIES_MAX,
				      sizeof(struct rblk_buf *));

	if (!n)
		return;
	n->reads.read = reads;
	n->client.req = window;
	n->g.bufs = bufs;
}

/**
 * rblk_node_size() - memory of a node with disks
 * @cfg: its configuration, limits filled
 *
 * Return: bytes; 0: the superblock or the limits make no sense.
 */
size_t rblk_node_size(const struct rblk_node_cfg *cfg)
{
	struct rblk_arena a = { 0 };

	if (!limits_ok(&cfg->limits) || !rblk_replica_limits_ok(cfg))
		return 0;
	lay_out_node(&a, &cfg->limits);
	rblk_replica_lay_out(&a, cfg);
	return a.used;
}

/**
 * rblk_node_pages_size() - page-aligned memory that a node does I/O from
 *
 * Return: bytes: record headers, a copy of the metadata, blocks of the change map.
 */
size_t rblk_node_pages_size(void)
{
	return LOG_INFLIGHT * LOG_HEADER_BYTES_MAX + LOG_META_BYTES +
	       NODE_MAP_RUN * RBLK_BLOCK_SIZE;
}

static void set_up_node(struct rblk_node *n, const struct rblk_node_cfg *cfg, u64 now)
{
	rblk_ground_init(&n->g, cfg, now);
	n->unready_since = now;
	rblk_reads_init(&n->reads, &n->g);
	rblk_client_init(&n->client, &n->g, &n->reads);
}

/**
 * rblk_node_start() - recovers and starts a node with disks
 * @n: rblk_node_size() zeroed bytes
 * @cfg: copied
 * @pages: rblk_node_pages_size() bytes, page aligned
 * @rd: reads the log device
 * @data: decoded header of the data device
 * @now: ns
 * @rep: filled, on errors as well: what was found in the ring
 *
 * The host has flushed both devices before: what recovery finds counts as durable.
 * The new generation still has to be written: nothing is sent before it is.
 *
 * Context: may sleep in @rd.
 * Return: 0; -EBADMSG: rot in the log (see @rep), or it ends before what the data
 * device holds; -EUCLEAN: both copies of the metadata are bad; -EINVAL: log and
 * data belong to different volumes or stores, or the limits are absurd;
 * -E2BIG: more entries in the log than limits.entries, or more terms than raft can
 * hold; else -errno of @rd.
 */
int rblk_node_start(struct rblk_node *n, const struct rblk_node_cfg *cfg, void *pages,
		    const struct log_reader *rd, const struct data_super *data, u64 now,
		    struct log_report *rep)
{
	struct rblk_arena a = { .base = (u8 *)n };
	struct rblk_replica *r;
	int ret;

	memset(rep, 0, sizeof(*rep));
	if (!rblk_node_size(cfg) || cfg->npeers > NODE_PEERS_MAX)
		return -EINVAL;
	lay_out_node(&a, &cfg->limits);
	r = rblk_replica_lay_out(&a, cfg);
	set_up_node(n, cfg, now);
	ret = rblk_replica_start(r, &n->g, &n->reads, pages, rd, data, rep);
	if (ret)
		return ret;
	n->replica = r;
	rblk_server_init(&n->server, &n->g, r, &n->reads);
	return 0;
}

/**
 * rblk_client_size() - memory of a node without disks
 * @cfg: its configuration, limits filled
 *
 * Return: bytes; 0: the limits make no sense.
 */
size_t rblk_client_size(const struct rblk_node_cfg *cfg)
{
	struct rblk_arena a = { 0 };

	if (!limits_ok(&cfg->limits))
		return 0;
	lay_out_node(&a, &cfg->limits);
	return a.used;
}

/**
 * rblk_client_store() - makes the store id of a node without disks from its name
 * @volume: name of the volume
 * @node: name of the node
 *
 * Return: the same number at each start, never 0.
 */
u64 rblk_client_store(const char *volume, const char *node)
{
	u32 lo = rblk_crc32c(rblk_crc32c(0, volume, strlen(volume)), node, strlen(node));
	u32 hi = rblk_crc32c(lo, volume, strlen(volume));

	return (u64)hi << 32 | lo | 1;
}

/**
 * rblk_node_start_client() - starts a node without disks
 * @n: rblk_client_size() zeroed bytes
 * @cfg: copied; of its superblock only volume, volume_name, node and store count
 * @now: ns
 *
 * It has no device, no log and no vote, and sends its requests to the leader. Its
 * store id is made from its name, so that it is the same client after a reboot.
 *
 * Return: 0 or -EINVAL.
 */
int rblk_node_start_client(struct rblk_node *n, const struct rblk_node_cfg *cfg, u64 now)
{
	static const u8 none[RBLK_UUID_LEN];
	struct rblk_arena a = { .base = (u8 *)n };

	if (!rblk_client_size(cfg) || !memcmp(cfg->super.volume, none, RBLK_UUID_LEN) ||
	    !cfg->super.store || cfg->npeers > NODE_PEERS_MAX)
		return -EINVAL;
	lay_out_node(&a, &cfg->limits);
	set_up_node(n, cfg, now);
	n->g.remote = true;
	n->client.seeks = true;
	return 0;
}

/**
 * rblk_node_stop() - ends every request and drops every reference
 * @n: node
 * @error: what the requests end with, -errno
 *
 * The host may still have I/O in flight that it took its own references for; it
 * must no longer report when that ends.
 */
void rblk_node_stop(struct rblk_node *n, int error)
{
	rblk_ground_halt(&n->g, NODE_HALT_STOPPED, 0);
	n->halted = true;
	if (n->replica)
		rblk_replica_stop(n->replica);
	rblk_client_fail(&n->client, error);
	rblk_reads_fail(&n->reads, error, true);
}

/**
 * rblk_node_map_load() - reads the change map
 * @n: node with disks, started, that did nothing yet
 * @rd: reads the log device
 * @rep: filled: what was found
 *
 * What cannot be read counts as changed.
 *
 * Context: may sleep in @rd.
 */
void rblk_node_map_load(struct rblk_node *n, const struct log_reader *rd,
			struct rblk_map_report *rep)
{
	rblk_replica_map_load(n->replica, rd, rep);
}
