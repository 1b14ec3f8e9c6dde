// SPDX-License-Identifier: GPL-2.0
/*
 * Whether the devices of this node respond. Most of the time a device that hangs reports no
 * error: its operations just do not end. What waits for it is noticed here, and told; who
 * leads instead is decided in server/follow.c.
 */
#include "internal.h"

/**
 * rblk_replica_begin() - an operation of a device begins
 * @r: replica
 * @io: its kind
 */
void rblk_replica_begin(struct rblk_replica *r, enum rblk_io io)
{
	struct rblk_watch *w = &r->watch[io];

	if (!w->busy++)
		w->since = r->g->now;
}

/**
 * rblk_replica_end() - an operation of a device has ended
 * @r: replica
 * @io: its kind
 *
 * Others of this kind that are in progress may have had to wait for it.
 */
void rblk_replica_end(struct rblk_replica *r, enum rblk_io io)
{
	struct rblk_watch *w = &r->watch[io];

	if (RBLK_ASSERT(&r->g->alarm, w->busy))
		return;
	w->busy--;
	w->since = r->g->now;
}

/**
 * rblk_replica_goes_on() - a part of an operation of a device has ended
 * @r: replica
 * @io: its kind
 *
 * A batch may take a slow device longer than it takes to notice one that hangs.
 */
void rblk_replica_goes_on(struct rblk_replica *r, enum rblk_io io)
{
	if (!RBLK_ASSERT(&r->g->alarm, r->watch[io].busy))
		r->watch[io].since = r->g->now;
}

/* When the oldest read of the data device in progress began; U64_MAX: there is none. */
static u64 oldest_read(const struct rblk_replica *r)
{
	const struct rblk_read *rd;
	u64 since = U64_MAX;
	u32 next;

	for (rd = rblk_reads_first(r->reads, &next); rd; rd = rblk_reads_next(r->reads, &next))
		if ((rd->flags & (NODE_R_PARTS | NODE_R_GIVEN)) == NODE_R_PARTS)
			since = min_t(u64, since, rd->since);
	return since;
}

static u64 patience(const struct rblk_replica *r)
{
	const struct rblk_node_limits *l = &r->g->cfg.limits;

	return l->late_ms ? l->late_ms * RBLK_NSEC_PER_MSEC : rblk_ground_election_ns(r->g);
}

/* Since when something waits for a device; U64_MAX: nothing does. */
static u64 waits_since(const struct rblk_replica *r, enum rblk_device dev)
{
	bool data = dev == RBLK_DATA_DEVICE;
	u64 since = data ? oldest_read(r) : U64_MAX;
	u32 io = data ? RBLK_IO_APPLY : 0, end = data ? RBLK_IO_NR : RBLK_IO_APPLY;

	for (; io < end; io++)
		if (r->watch[io].busy)
			since = min_t(u64, since, r->watch[io].since);
	return since;
}

/**
 * rblk_replica_idle() - has all ended that was asked of the devices?
 * @r: replica
 *
 * Return: true if so.
 */
bool rblk_replica_idle(const struct rblk_replica *r)
{
	return waits_since(r, RBLK_LOG_DEVICE) == U64_MAX && rblk_replica_data_idle(r);
}

/**
 * rblk_replica_data_idle() - has all ended that was asked of the data device?
 * @r: replica
 *
 * Return: true if so.
 */
bool rblk_replica_data_idle(const struct rblk_replica *r)
{
	return waits_since(r, RBLK_DATA_DEVICE) == U64_MAX;
}

/**
 * rblk_replica_watch_run() - notices devices that have stopped responding, or respond again
 * @r: replica
 *
 * Once a heartbeat is often enough, and there is a pass as often: heartbeats are sent or come.
 */
void rblk_replica_watch_run(struct rblk_replica *r)
{
	enum rblk_device dev;
	u64 since;
	bool is_late;

	if (r->g->now < r->watch_at)
		return;
	r->watch_at = r->g->now + rblk_ground_heartbeat_ns(r->g);
	rblk_replica_rate_run(r);
	for (dev = RBLK_LOG_DEVICE; dev < RBLK_DEVICES; dev++) {
		since = waits_since(r, dev);
		is_late = since != U64_MAX && r->g->now >= since + patience(r);
		/* Nothing waits for a device that has failed. */
		is_late &= dev == RBLK_LOG_DEVICE || !r->nodata;
		if (is_late != !!r->late_since[dev])
			rblk_ground_note(r->g, NODE_N_DEVICE, dev);
		r->late_since[dev] = is_late ? max_t(u64, since, 1) : 0;
	}
}

/* Has this device not responded for @grace longer than it takes to notice? */
static bool late(const struct rblk_replica *r, enum rblk_device dev, u64 grace)
{
	u64 since = r->late_since[dev];

	return since && r->g->now >= since + patience(r) + grace;
}

/* A batch of writes to a disk that is merely slow may take as long as it takes to notice. */
static bool impaired(const struct rblk_replica *r, u64 grace)
{
	return late(r, RBLK_LOG_DEVICE, grace) ||
	       (late(r, RBLK_DATA_DEVICE, grace + patience(r)) &&
		(rblk_replica_apply_urgent(r) || oldest_read(r) != U64_MAX));
}

/**
 * rblk_replica_mute() - does the log device keep this node from acknowledging?
 * @r: replica
 *
 * Return: true if so.
 */
bool rblk_replica_mute(const struct rblk_replica *r)
{
	return late(r, RBLK_LOG_DEVICE, 0);
}

/**
 * rblk_replica_impaired() - would a device of this node hold up the writes that it leads?
 * @r: replica
 *
 * Nothing is applied before the own log has it, and payload takes up memory until it is
 * applied. So a log device that does not respond stops all writes as soon as the memory is
 * used up, though a quorum of others may have them. A data device does so as well, but a
 * flush may take long when nothing waits for it.
 *
 * Return: true if leadership is better elsewhere.
 */
bool rblk_replica_impaired(const struct rblk_replica *r)
{
	return impaired(r, 0);
}

static bool rblk_replica_feeds(void *ctx, u64 store)
{
	struct rblk_replica *r = ctx;
	const struct rblk_peer *p = rblk_ground_peer(r->g, store, NULL);

	return !p || !p->stuck;
}

/**
 * rblk_replica_blocked() - as far as is known, would the payload of this node reach no majority?
 * @r: replica
 *
 * Return: true if leadership is better elsewhere.
 */
bool rblk_replica_blocked(struct rblk_replica *r)
{
	return !rblk_replica_suffice(r, rblk_replica_feeds, r);
}

/**
 * rblk_replica_must_yield() - is it time for a leader with such a device to hand over?
 * @r: replica
 *
 * That is when the others have had the time to say that they are no better.
 *
 * Return: true if it is.
 */
bool rblk_replica_must_yield(const struct rblk_replica *r)
{
	return impaired(r, 2 * rblk_ground_heartbeat_ns(r->g));
}
