// SPDX-License-Identifier: GPL-2.0
/* Start and stop of a replica: its memory, its recovery, and the release of everything. */
#include "internal.h"

/**
 * rblk_replica_lay_out() - takes the memory of a replica from the arena
 * @a: arena; one without memory only counts the size
 * @cfg: of the node, limits filled
 *
 * Return: the replica, its pointers set, or NULL: the arena has no memory.
 */
struct rblk_replica *rblk_replica_lay_out(struct rblk_arena *a, const struct rblk_node_cfg *cfg)
{
	struct rblk_replica *r = rblk_arena_carve(a, 1, sizeof(*r));
	void *raft = rblk_arena_carve(a, 1, rblk_raft_size());
	void *out = rblk_arena_carve(a, 1, sizeof(struct raft_out));
	void *ent = rblk_arena_carve(a, cfg->limits.entries, sizeof(struct rblk_ent));
	void *apply = rblk_arena_carve(a, cfg->limits.batch, sizeof(struct rblk_buf *));
	struct vol_geom geo;
	void *vol;

	rblk_replica_geometry(cfg, cfg->super.data_bytes >> RBLK_SECTOR_SHIFT, &geo);
	vol = rblk_arena_carve(a, 1, rblk_vol_size(&geo));
	if (!r)
		return NULL;
	r->raft = raft;
	r->out = out;
	r->ent = ent;
	r->apply_buf = apply;
	r->vol_mem = vol;
	return r;
}

/**
 * rblk_replica_limits_ok() - do the limits, and the superblock, make sense?
 * @cfg: of the node, limits filled
 *
 * Return: whether they do.
 */
bool rblk_replica_limits_ok(const struct rblk_node_cfg *cfg)
{
	const struct rblk_node_limits *l = &cfg->limits;
	struct vol_geom geo;

	if (l->entries < NODE_ENTRIES_MIN || l->entries & (l->entries - 1) ||
	    l->batch < RBLK_ENTRY_BLOCKS_MAX || l->versions < l->batch || !l->ranges ||
	    !l->msg_ents || l->msg_ents > WIRE_ENTRIES_MAX || !l->inflight_msgs ||
	    l->uncommitted_bytes < RBLK_WRITE_MAX || !l->records_inflight ||
	    l->records_inflight > LOG_INFLIGHT)
		return false;
	rblk_replica_geometry(cfg, cfg->super.data_bytes >> RBLK_SECTOR_SHIFT, &geo);
	return rblk_vol_size(&geo) != 0;
}

/* The rooms below do not know whose replica it is. */
static void replica_broken(struct rblk_alarm *alarm, const char *cond)
{
	struct rblk_ground *g = container_of(alarm, struct rblk_replica, alarm)->g;

	g->alarm.raise(&g->alarm, cond);
}

static void set_up_replica(struct rblk_replica *r, u8 *pages)
{
	u32 i;

	r->alarm.raise = replica_broken;
	r->mask = r->g->cfg.limits.entries - 1;
	r->log_idle_at = U64_MAX;
	r->idle_since = r->g->now;
	r->meta_buf = pages + LOG_INFLIGHT * LOG_HEADER_BYTES_MAX;
	r->block = pages + LOG_INFLIGHT * LOG_HEADER_BYTES_MAX + LOG_META_BYTES;
	for (i = 0; i < r->g->npeers; i++)
		r->feed[i].rb.id = i;
	r->apply_feed.rb.id = NODE_PEERS_MAX;
	rblk_log_init(&r->log, &r->g->cfg.super, pages);
	r->log.alarm = &r->alarm;
}

/**
 * rblk_replica_start() - recovers and starts a replica
 * @r: laid out
 * @g: ground, whose configuration becomes the recovered one
 * @reads: reads of this node
 * @pages: rblk_node_pages_size() bytes, page aligned
 * @rd: reads the log device
 * @data: decoded header of the data device
 * @rep: filled: what was found in the ring
 *
 * Context: may sleep in @rd.
 * Return: 0 or -errno, see rblk_node_start().
 */
int rblk_replica_start(struct rblk_replica *r, struct rblk_ground *g, struct rblk_reads *reads,
		       u8 *pages, const struct log_reader *rd, const struct data_super *data,
		       struct log_report *rep)
{
	int ret;

	r->g = g;
	r->reads = reads;
	set_up_replica(r, pages);
	ret = rblk_replica_recover(r, rd, data, rep);
	if (ret)
		return ret;
	r->data = *data;
	r->data.mbr = g->cfg.super.mbr;
	rblk_replica_mend_init(r);
	/* The image may be newer than a log that was cut. */
	r->boot_last = max_t(u64, r->last, data->index);
	r->log_next = r->last + 1;
	r->commit = r->ckpt_index;
	r->released = r->ckpt_index;
	rblk_replica_resync_init(r);
	rblk_log_start(&r->log, &r->meta);
	rblk_replica_begin_start(r);
	r->meta_dirty = true;
	r->term_durable = r->meta.raft.term;
	if (g->cfg.forget) {
		memset(&r->meta.seen, 0, sizeof(r->meta.seen));
		r->meta.npeers = 0;
	}
	return 0;
}

/**
 * rblk_replica_move() - becomes the replica of another node
 * @r: replica, started, that did nothing yet
 * @g: ground of that node, whose configuration is that of the replica
 * @reads: reads of that node
 */
void rblk_replica_move(struct rblk_replica *r, struct rblk_ground *g, struct rblk_reads *reads)
{
	r->g = g;
	r->reads = reads;
	g->term = r->rst.term;
	g->leader = r->rst.leader;
}

/**
 * rblk_replica_stop() - drops every reference
 * @r: replica
 */
void rblk_replica_stop(struct rblk_replica *r)
{
	u64 i;

	for (i = r->base.index + 1; i <= r->last; i++)
		rblk_replica_drop(r, &r->ent[i & r->mask]);
	rblk_replica_feeds_put(r);
	rblk_replica_resync_put(r);
	rblk_replica_rewrite_put(r);
}

/**
 * rblk_replica_listens() - can messages of peers be taken in?
 * @r: replica
 *
 * Return: true if this start is durable, and no bootstrap is in progress.
 */
bool rblk_replica_listens(const struct rblk_replica *r)
{
	return r->started && !r->bootstrapping;
}

/**
 * rblk_replica_vouches() - the newest entry that this replica has acknowledged, or may have
 * @r: replica
 *
 * Return: the entry: the replica has it, or owes it.
 */
struct rblk_id rblk_replica_vouches(const struct rblk_replica *r)
{
	struct rblk_id id = r->rst.owed;

	if (!id.index) {
		id.index = r->rst.durable;
		id.term = rblk_raft_term_at(r->raft, id.index);
	}
	return id;
}

/**
 * rblk_replica_hello() - fills in what a hello says about the replica
 * @r: replica
 * @h: hello
 */
void rblk_replica_hello(const struct rblk_replica *r, struct wire_hello *h)
{
	h->generation = r->meta.generation;
	h->match = rblk_replica_vouches(r).index;
	h->match_term = rblk_replica_vouches(r).term;
	h->term = r->term_durable;
	if (r->cut || r->rst.owed.index)
		h->role = WIRE_OWES;
	memcpy(h->line, r->meta.line, sizeof(h->line));
}
