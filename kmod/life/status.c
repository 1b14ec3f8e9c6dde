// SPDX-License-Identifier: GPL-2.0
/* The status of a volume, gathered from all rooms. */
#include <linux/math64.h>

#include "block/block.h"
#include "host/notify.h"
#include "host/pool.h"
#include "host/status.h"
#include "life/internal.h"
#include "net/net.h"

/* The newest snapshot of a loop that has work is never older than this. */
#define RBLK_SNAPSHOT_NS	RBLK_NSEC_PER_SEC
/* Anybody may look, and as often as they like, but the loop answers no more often than this. */
#define RBLK_LOOK_NS		(5 * RBLK_NSEC_PER_MSEC)

/* At the present rate, for how long a member may still be away before it needs a resync. */
static u64 rblk_away_ms(const struct rblk_node_status *st)
{
	u64 window = div_u64(st->away.rate_ns, NSEC_PER_MSEC), ms = U64_MAX;

	if (st->away.rate_bytes)
		ms = div64_u64(st->away.bytes * window, st->away.rate_bytes);
	if (st->away.rate_entries)
		ms = min(ms, div64_u64(st->away.entries * window, st->away.rate_entries));
	return ms == U64_MAX ? 0 : max_t(u64, ms, 1);
}

/* Publishes a snapshot. Called as owner, between passes of the node. */
void rblk_status_publish(struct rblk_volume *v)
{
	struct rblk_volume_info *info = rblk_snapshot_begin(v);
	int i;

	rblk_node_status(v->m, &info->st);
	for (i = 0; i < RBLK_DEVICES; i++)
		info->late_ms[i] = div_u64(info->st.late_ns[i], NSEC_PER_MSEC);
	info->waiting_ms = div_u64(info->st.waiting_ns, NSEC_PER_MSEC);
	info->away_ms = rblk_away_ms(&info->st);
	info->resync_ms = div_u64(info->st.resync.ns, NSEC_PER_MSEC);
	info->verify_ms = div_u64(info->st.verify.age_ns, NSEC_PER_MSEC);
	info->verify_open_ms = div_u64(info->st.verify.open_age_ns, NSEC_PER_MSEC);
	info->writes_ms = div_u64(info->st.writes_ns, NSEC_PER_MSEC);
	for (i = 0; i < NODE_PEERS_MAX; i++)
		info->peer_silent_ms[i] = div_u64(info->st.peer[i].silent_ns, NSEC_PER_MSEC);
	rblk_disk_info(v, info);
	rblk_peers_info(v, info);
	info->events_lost = rblk_events_lost(v);
	for (i = 0; i < RBLK_BUDGETS; i++) {
		info->pool_free[i] = rblk_pool_free(v->pool, i);
		info->pool_size[i] = rblk_pool_size(v->pool, i);
	}
	rblk_snapshot_publish(v);
}

/*
 * Publishes a snapshot if one is due; @looked: one was asked for. Called as owner,
 * between passes of the node.
 */
void rblk_status_step(struct rblk_volume *v, bool looked, u64 now)
{
	struct rblk_life *l = v->life;

	l->looked |= looked;
	if (now < rblk_snapshot_time(v) + (l->looked ? RBLK_LOOK_NS : RBLK_SNAPSHOT_NS))
		return;
	l->looked = false;
	rblk_status_publish(v);
}

u64 rblk_status_deadline(const struct rblk_volume *v)
{
	return v->life->looked ? rblk_snapshot_time(v) + RBLK_LOOK_NS : U64_MAX;
}
