// SPDX-License-Identifier: GPL-2.0
/*
 * Resync: how a replica that the log of the leader no longer covers, or whose data device
 * lacks a part of the image, becomes whole again. It pulls, from any member that is whole:
 *
 *   STATE	the replicated state as of what that member has applied
 *   MAP	which regions have changed since what is applied here; they are absent from now on
 *   INSTALL	the map, then metadata with that state, become durable; the log begins behind it
 *   PULL	the content of what is absent
 *
 * From INSTALL on this member is fed, writes to its log, acknowledges and votes like any
 * other: new writes have their redundancy back at once. What it has acknowledged and cannot
 * apply yet stays in its log: see volume/absent.c for the rules that make this safe in any
 * order, with any source, and however old an answer is.
 *
 * A data device that is older than the log, or blank, needs only the last step, as the log
 * holds all that follows the checkpoint.
 *
 * Nothing here is lost with a connection, a source or a leader: what is out is asked for
 * again, from somebody else if there is one.
 */
#include "internal.h"

#define RESYNC_STATE_BEATS	4	/* heartbeats until another state is asked for */
#define RESYNC_SETTLE_CHUNKS	512	/* 64 MiB: a crash makes no more than that absent again */

/* ---- from the state of another member ---- */

static void ask_state(struct rblk_replica *r)
{
	const struct rblk_resync *s = &r->resync;
	u32 i;

	if (r->g->now < s->ask_at || s->spared <= r->commit)
		return;
	for (i = 0; i < NODE_PULLS; i++)
		if (s->pull[i].id && s->pull[i].what == WIRE_P_STATE)
			return;
	rblk_replica_pull_new(r, WIRE_P_STATE, 0);
}

/* Could this node have been given this configuration by a leader? */
static bool base_conf_ok(struct rblk_replica *r, const struct rblk_conf *conf)
{
	const struct rblk_ground *g = r->g;

	rblk_log_conf_encode(conf, r->block);
	if (rblk_log_conf_decode(&r->rx_conf, r->block))
		return false;
	rblk_replica_raft_conf(conf, &r->raft_conf);
	return rblk_raft_conf_valid(&r->raft_conf) && conf->cluster == g->conf.cluster &&
	       conf->sectors == g->conf.sectors && conf->block_size == g->conf.block_size &&
	       conf->flags == g->conf.flags && conf->ring_bytes <= g->cfg.super.ring_bytes &&
	       conf->entries <= g->cfg.limits.entries;
}

/* Of the whole volume, in the map of that member. */
static u64 their_regions(const struct wire_state *st)
{
	return ((st->conf.sectors - 1) >> (st->region_shift - RBLK_SECTOR_SHIFT)) + 1;
}

/**
 * rblk_replica_resync_state() - a member says what this one can go on from
 * @r: replica
 * @slot: the member
 * @st: its state
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_replica_resync_state(struct rblk_replica *r, u32 slot, const struct wire_state *st)
{
	struct rblk_resync *s = &r->resync;
	struct rblk_pull *p = rblk_replica_pull_find(r, st->id, WIRE_P_STATE);
	struct rblk_id id = { .index = st->state.index, .term = st->state.term };

	if (!p || s->phase != RESYNC_STATE)
		return 0;
	/* The map of a checkpoint in progress is encoded in the same block. */
	if (r->ckpt != CKPT_IDLE || rblk_replica_mends(r)) {
		rblk_replica_pull_forget(r, p);
		return 0;
	}
	if (!base_conf_ok(r, &st->conf) || their_regions(st) > INT_MAX ||
	    st->state.nsessions > (st->conf.flags & RBLK_CONF_SHARED ? RBLK_SESSIONS_MAX : 1))
		return -EINVAL;
	rblk_replica_pull_forget(r, p);
	s->ask_at = r->g->now + RESYNC_STATE_BEATS * rblk_ground_heartbeat_ns(r->g);
	if (!rblk_raft_installable(r->raft, &id)) {
		rblk_replica_pull_avoid(r, slot);
		return 0;
	}
	s->base = *st;
	s->have_base = true;
	return 0;
}

/* The leader says only with its next heartbeats that a state as new as this may be gone on from. */
static void begin_map(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	struct rblk_id id = { .index = s->base.state.index, .term = s->base.state.term };

	if (!s->have_base || id.index > s->spared || r->apply_busy || r->ckpt != CKPT_IDLE)
		return;
	s->have_base = false;
	if (!rblk_raft_installable(r->raft, &id))
		return;
	/* All of that is flushed before the log that has it is given up. */
	s->since = r->nodata ? r->ckpt_index : rblk_replica_applied(r);
	s->map_asked = 0;
	s->map_known = 0;
	s->phase = RESYNC_MAP;
	/* Another state may have been asked for while a batch was in progress. */
	rblk_replica_pulls_forget(r);
	/* Nothing is applied meanwhile, and the map needs memory to be received. */
	rblk_replica_shed(r);
}

/* From now on this replica says that it lacks a part of the image. */
void rblk_replica_resync_begin(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;

	if (!r->absent)
		rblk_ground_note(r->g, NODE_N_RESYNC, NODE_RESYNC_BEGAN);
	r->absent = true;
	if (s->landing)
		s->landing->stale = true;
	/* What the log had before may be in nothing but the image. */
	s->from = max_t(u64, s->from, rblk_replica_executed(r));
	if (r->meta.flags & LOG_META_ABSENT && r->meta.absent_from == s->from)
		return;
	r->meta.flags |= LOG_META_ABSENT;
	r->meta.absent_from = s->from;
	r->meta_dirty = true;
}

static void map_complete(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;

	rblk_replica_resync_begin(r);
	s->phase = RESYNC_INSTALL;
}

static void ask_map(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;

	while (s->map_asked < their_regions(&s->base) &&
	       rblk_replica_pull_new(r, WIRE_P_MAP, s->map_asked))
		s->map_asked += RBLK_MAP_PER_BLOCK;
}

/* If the map is lost, what it may have said is unwritten counts as absent. */
static void note_unwritten(struct rblk_replica *r)
{
	if (!rblk_vol_unwritten(r->vol) || r->meta.flags & LOG_META_UNWRITTEN)
		return;
	r->meta.flags |= LOG_META_UNWRITTEN;
	r->meta_dirty = true;
}

/**
 * rblk_replica_resync_map() - a member says what has changed
 * @r: replica
 * @m: a part of its map
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_replica_resync_map(struct rblk_replica *r, const struct wire_map *m)
{
	struct rblk_resync *s = &r->resync;
	struct rblk_pull *p = rblk_replica_pull_find(r, m->id, WIRE_P_MAP);
	u32 i;

	if (!p || s->phase != RESYNC_MAP)
		return 0;
	if (m->first != p->at)
		return -EINVAL;
	rblk_replica_pull_forget(r, p);
	rblk_replica_resync_begin(r);
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		rblk_vol_want_like(r->vol, s->base.region_shift, (u32)m->first + i, m->v[i],
				   s->since);
	note_unwritten(r);
	s->map_known += RBLK_MAP_PER_BLOCK;
	if (s->map_known >= their_regions(&s->base))
		map_complete(r);
	return 0;
}

/*
 * The log and everything in memory that depends on it give way to the state. That begins when
 * nothing is in flight, and nothing is begun until it ends.
 */
static void install(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	struct rblk_id id = { .index = s->base.state.index, .term = s->base.state.term };

	if (s->installing)
		return;
	if (!rblk_raft_installable(r->raft, &id)) {
		s->phase = RESYNC_NONE;
		return;
	}
	if (r->ckpt != CKPT_IDLE || r->apply_busy || r->log.nrec || rblk_replica_mends(r))
		return;
	/* That something is absent has to be known before the map says what. */
	if (r->meta_dirty || r->meta_busy)
		return;
	s->installing = true;
	r->ckpt_state = s->base.state;
	/* The map says of what has landed so far that it is there. */
	if (!r->nodata)
		rblk_replica_data_sync(r);
	else
		rblk_replica_map_write(r);
}

static void drop_log(struct rblk_replica *r, const struct rblk_id *id)
{
	u64 i;

	for (i = r->base.index + 1; i <= r->last; i++)
		rblk_replica_drop(r, &r->ent[i & r->mask]);
	rblk_replica_feeds_drop(r, U64_MAX, U64_MAX);
	r->base = *id;
	r->last = id->index;
	r->log_next = id->index + 1;
	r->commit = id->index;
	r->released = id->index;
	r->boot_last = id->index;
	r->held_bytes = 0;
}

/* The metadata with the state is durable in both copies. */
void rblk_replica_resync_installed(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	struct raft_event ev = {
		.type = RAFT_EV_INSTALLED,
		.now = r->g->now,
		.installed = {
			.id = { .index = s->base.state.index, .term = s->base.state.term },
			.conf = &r->raft_conf,
		},
	};

	s->installing = false;
	s->waits = false;
	s->installs++;
	s->phase = RESYNC_PULL;
	s->from = s->base.state.index;
	s->target = max_t(u64, s->target, s->from);
	rblk_ground_trace(r->g, NODE_T_INSTALL, s->from, r->last);
	rblk_log_trim(&r->log, &r->meta);
	drop_log(r, &ev.installed.id);
	rblk_vol_install(r->vol, &s->base.state);
	r->g->conf = s->base.conf;
	r->prev_conf = s->base.conf;
	rblk_replica_raft_conf(&r->g->conf, &r->raft_conf);
	r->raft_conf.index = r->g->conf.index;
	r->reads_due = true;
	rblk_ground_note(r->g, NODE_N_RESYNC, NODE_RESYNC_INSTALLED);
	r->g->ops->head_changed(r->g->host);
	RBLK_ASSERT(&r->g->alarm, !rblk_replica_step(r, &ev));
}

/* ---- the whole ---- */

/* Does the map, with the next checkpoint, say more than the disk does? */
bool rblk_replica_resync_due(const struct rblk_replica *r)
{
	const struct rblk_resync *s = &r->resync;

	/* A start that found nothing absent, though the metadata allowed for it, has to say so. */
	if (rblk_vol_complete(r->vol))
		return r->absent && s->phase == RESYNC_NONE;
	if (s->phase == RESYNC_INSTALL)
		return false;
	return s->unsettled >= RESYNC_SETTLE_CHUNKS ||
	       (!rblk_vol_absent(r->vol) && rblk_replica_applied(r) >= s->target);
}

/*
 * What is absent, is absent of a state that the own log does not lead to: nothing of that log may
 * pass for it.
 */
bool rblk_replica_resync_holds(const struct rblk_replica *r)
{
	return r->resync.phase == RESYNC_MAP || r->resync.phase == RESYNC_INSTALL;
}

/* Has another write of the metadata to come before any checkpoint? */
bool rblk_replica_resync_forbids(const struct rblk_replica *r)
{
	return rblk_replica_resync_holds(r) || r->resync.old || r->verify.mends;
}

/* A checkpoint begins: the device is flushed afterwards. */
void rblk_replica_resync_settle(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	u64 applied = rblk_replica_applied(r);

	s->unsettled = 0;
	if (!rblk_vol_absent(r->vol) && applied >= s->target)
		rblk_vol_settle(r->vol);
}

/* For the header of the data device: what it may include, if it lacks anything. */
u64 rblk_replica_resync_upto(const struct rblk_replica *r)
{
	return rblk_vol_complete(r->vol) ? 0 : max_t(u64, r->resync.target, 1);
}

/*
 * After a start: what the map says is absent is pulled. Called before the map is loaded.
 * @r->data is the header of the data device.
 */
void rblk_replica_resync_init(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;

	s->from = r->ckpt_index;
	s->old = r->data.seq < r->meta.image_seq || r->data.flags & DATA_UNWRITTEN;
	if (r->data.flags & DATA_UNWRITTEN)
		r->meta.flags |= LOG_META_UNWRITTEN;
	if (s->old) {
		/* It may have lacked something itself when it was as new as this. */
		s->old_index = r->data.upto ? 0 : r->data.index;
		r->meta.flags |= LOG_META_ABSENT;
		r->meta.absent_from = s->from;
	} else if (r->meta.flags & LOG_META_ABSENT) {
		s->from = r->meta.absent_from;
		rblk_vol_want_all(r->vol);
	}
	s->source = NODE_PEERS_MAX;
	s->window = NODE_PULLS;
	s->target = r->data.upto;
	s->since_ns = r->g->now;
	r->absent = r->meta.flags & LOG_META_ABSENT;
}

/* Does the disk know block by block what is absent? Not of an older data device. */
bool rblk_replica_resync_bits(const struct rblk_replica *r)
{
	return r->absent && !r->resync.old;
}

/* A block of the change map was loaded: of its regions, these are not on an older data device. */
void rblk_replica_resync_loaded(struct rblk_replica *r, u32 block)
{
	const struct rblk_resync *s = &r->resync;
	u32 i, first = block * RBLK_MAP_PER_BLOCK;

	for (i = first; s->old && i < first + RBLK_MAP_PER_BLOCK; i++) {
		u64 value = rblk_vol_map_value(r->vol, i);

		/* What is unwritten by the map reads as zeroes on any device. */
		if (!value && r->data.flags & DATA_UNWRITTEN)
			rblk_vol_set_unwritten(r->vol, i, true);
		else if (!(value & RBLK_MAP_UNWRITTEN))
			rblk_vol_want(r->vol, i, value, s->old_index);
	}
}

/*
 * Until the map says what is absent, and the metadata that it counts on no more than the header
 * says, no checkpoint begins: the next start would take the device for a current one.
 */
static bool mark(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;

	if (!s->old)
		return false;
	/* The map is made anew when the size of the volume is known. */
	if (!r->g->conf.index || r->ckpt != CKPT_IDLE || rblk_replica_mends(r))
		return true;
	s->marking = true;
	r->ckpt_state = r->meta.state;
	rblk_replica_map_write(r);
	return true;
}

/* The metadata that says so is durable in both copies. */
void rblk_replica_resync_marked(struct rblk_replica *r)
{
	r->resync.marking = false;
	r->resync.old = false;
	/* Perhaps the newest header came to the device, and its metadata did not. */
	r->data.seq = r->meta.image_seq + 1;
	r->data.flags &= ~DATA_UNWRITTEN;
	rblk_ground_note(r->g, NODE_N_RESYNC, NODE_RESYNC_BEGAN);
}

/* A new phase begins with what is the case now. */
static void choose_phase(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	enum rblk_resync_phase was = s->phase;
	bool behind = r->rst.resync && r->g->conf.index;

	if (!behind) {
		s->spared = 0;
		s->have_base = false;
	}
	if (!rblk_vol_absent(r->vol))
		s->only = 0;
	if (s->phase == RESYNC_INSTALL)
		return;
	if (behind && s->phase != RESYNC_MAP)
		s->phase = RESYNC_STATE;
	else if (!behind)
		s->phase = rblk_vol_absent(r->vol) && !r->nodata ? RESYNC_PULL : RESYNC_NONE;
	if (was == s->phase)
		return;
	rblk_replica_pulls_forget(r);
	if (was != RESYNC_NONE)
		return;
	s->since_ns = r->g->now;
	s->bytes_before = s->bytes;
	s->vain = 0;
	s->pace.rate = 0;
	s->pace.slowed = false;
}

/**
 * rblk_replica_resync_run() - does what a resync can do now
 * @r: replica, started
 */
void rblk_replica_resync_run(struct rblk_replica *r)
{
	struct rblk_resync *s = &r->resync;
	bool held = rblk_replica_resync_holds(r) || rblk_replica_content_turn(r) || s->waits;

	if (r->bootstrapping || mark(r))
		return;
	choose_phase(r);
	if (s->phase == RESYNC_STATE)
		begin_map(r);
	if (s->phase == RESYNC_STATE)
		ask_state(r);
	if (s->phase == RESYNC_MAP)
		ask_map(r);
	if (s->phase == RESYNC_INSTALL)
		install(r);
	if (s->phase == RESYNC_PULL)
		rblk_replica_content_run(r);
	if (held)
		rblk_replica_apply_run(r);
	rblk_replica_pulls_send(r);
}

/**
 * rblk_replica_resync_deadline() - when a resync has to look for another source at the latest
 * @r: replica, started
 *
 * Return: ns, U64_MAX for never.
 */
u64 rblk_replica_resync_deadline(const struct rblk_replica *r)
{
	const struct rblk_resync *s = &r->resync;
	u64 at = U64_MAX;
	u32 i;

	if (s->phase == RESYNC_NONE || s->phase == RESYNC_INSTALL)
		return at;
	for (i = 0; i < NODE_PULLS; i++)
		if (rblk_replica_pull_is_out(&s->pull[i]))
			at = min_t(u64, at, s->pull[i].since + rblk_replica_pull_ns(r));
	for (i = 0; i < r->g->npeers; i++)
		if (s->avoid[i] > r->g->now)
			at = min_t(u64, at, s->avoid[i]);
	if (s->phase == RESYNC_STATE && s->ask_at > r->g->now)
		at = min_t(u64, at, s->ask_at);
	if (s->phase == RESYNC_PULL && s->pace.at > r->g->now)
		at = min_t(u64, at, s->pace.at);
	return at;
}

/* Drops every reference. */
void rblk_replica_resync_put(struct rblk_replica *r)
{
	u32 i;

	for (i = 0; i < NODE_PULLS; i++)
		rblk_replica_pull_forget(r, &r->resync.pull[i]);
}
