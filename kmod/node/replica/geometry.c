// SPDX-License-Identifier: GPL-2.0
/* The volume of a replica: its geometry, and when it takes its size. */
#include "internal.h"

static const struct rblk_entry *rblk_replica_entry_cb(void *ctx, u64 index)
{
	const struct rblk_ent *ent = rblk_replica_ent(ctx, index);

	return ent ? &ent->e : NULL;
}

/* Fills in what does not depend on a configuration. */
void rblk_replica_geometry(const struct rblk_node_cfg *cfg, u64 sectors, struct vol_geom *geo)
{
	memset(geo, 0, sizeof(*geo));
	geo->sectors = sectors;
	geo->block_size = cfg->super.block_size;
	geo->region_shift = cfg->super.region_shift;
	geo->versions = cfg->limits.versions;
	geo->ranges = cfg->limits.ranges;
	geo->batch = cfg->limits.batch;
	geo->entry = rblk_replica_entry_cb;
}

/*
 * Nothing was written to any region, as nothing was executed. If that was of no account for some
 * of them, since they were zeroed, the disk need not be told that it is for these now.
 */
static void set_all_unwritten(struct rblk_replica *r)
{
	u32 i;

	for (i = 0; i < rblk_vol_regions(r->vol); i++)
		rblk_vol_set_unwritten(r->vol, i, r->resync.old);
}

/*
 * Gives the volume the size that the configuration says. The configuration is the
 * first entry of a volume, so nothing was executed before it. Returns 0 or -EINVAL.
 */
int rblk_replica_volume_init(struct rblk_replica *r)
{
	struct vol_geom geo;
	struct vol *vol;
	u32 unwritten = r->vol ? rblk_vol_unwritten(r->vol) : 0;
	u64 sectors = r->g->conf.sectors;

	if (r->vol && rblk_replica_executed(r))
		return 0;
	if (!r->g->conf.index)
		sectors = r->g->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT;
	/* The arena was laid out for the whole data device. */
	if (sectors > r->g->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT)
		return -EINVAL;
	rblk_replica_geometry(&r->g->cfg, sectors, &geo);
	geo.shared = r->g->conf.flags & RBLK_CONF_SHARED;
	geo.ctx = r;
	geo.alarm = &r->alarm;
	memset(r->vol_mem, 0, rblk_vol_size(&geo));
	vol = rblk_vol_init(r->vol_mem, &geo, &r->meta.state);
	if (!vol)
		return -EINVAL;
	r->vol = vol;
	if (unwritten)
		set_all_unwritten(r);
	return 0;
}
