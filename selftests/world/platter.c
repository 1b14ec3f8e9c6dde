// SPDX-License-Identifier: GPL-2.0
/* What lies on the disks of a node, compared with what the one true history demands. */
#include "world.h"

/* By node: the newest entry as of touched_at that touched each region. */
static u64 *touched[WORLD_NODES], touched_at[WORLD_NODES];

void platter_init(void)
{
	memset(touched, 0, sizeof(touched));
}

/* ---- the change map, as it lies there ---- */

static bool map_block(struct node *n, u32 b, u64 *val)
{
	u32 copy;

	for (copy = 0; copy < LOG_COPIES; copy++) {
		u64 off = rblk_log_map_offset(&n->super, b, (int)copy);
		struct page *p = n->log.pg[off / RBLK_BLOCK_SIZE];

		if (p && !rblk_log_map_decode(&n->super, b, val, page_data(p)))
			return true;
	}
	return false;
}

/* Does it say that this sector reads as zeroes, whatever the data device holds? */
static bool said_unwritten(struct node *n, u64 sector)
{
	u64 val[RBLK_MAP_PER_BLOCK], region = sector >> (n->super.region_shift - RBLK_SECTOR_SHIFT);

	return world.unwritten && map_block(n, (u32)(region / RBLK_MAP_PER_BLOCK), val) &&
	       val[region % RBLK_MAP_PER_BLOCK] & RBLK_MAP_UNWRITTEN;
}

/* ---- the data device ---- */

static void check_sector(struct node *n, struct page *p, u64 s, u64 at, bool exact, const char *why)
{
	struct sref r = page_sector(p, s % PAGE_SECTORS);
	u64 want = model_demanded(s, at), v;

	if (!exact && flip_at(n->id, s))
		return;
	v = model_version(&r, s, want, why, n->id, !exact);
	WORLD_CHECK(exact ? v == want : v >= want,
		    "node %c: %s: sector %llu on the data device is version %llu, not %llu",
		    'a' + n->id, why, (unsigned long long)s, (unsigned long long)v,
		    (unsigned long long)want);
}

static void check_page(struct node *n, u32 pgno, u64 at, bool exact, const char *why)
{
	struct page *p = n->data.pg[pgno];
	u64 s, first = (u64)(pgno - IMAGE_PAGE) * PAGE_SECTORS;

	/* Of what it says is absent nothing is demanded; it has to be looked at later. */
	if (first < world.cfg.sectors && rblk_node_lacks(n->m, first)) {
		WORLD_CHECK(!exact, "node %c: %s: sector %llu is absent", 'a' + n->id, why,
			    (unsigned long long)first);
		n->data.again[n->data.nagain++] = pgno;
		return;
	}
	if (first < world.cfg.sectors && rblk_node_unwritten(n->m, first)) {
		p = NULL;	/* it reads as zeroes */
	} else if (!exact && first < world.cfg.sectors && said_unwritten(n, first)) {
		/* It was filled meanwhile, which the next checkpoint says. */
		n->data.again[n->data.nagain++] = pgno;
		return;
	}
	for (s = first; s < min_t(u64, first + PAGE_SECTORS, world.cfg.sectors); s++)
		if (p || model_demanded(s, U64_MAX))
			check_sector(n, p, s, at, exact, why);
}

/* What is demanded of some sectors has changed since @n was looked at as of @from. */
static void note_demands(struct node *n, u64 from, u64 at)
{
	const struct hist *h;
	u64 i, b;

	for (i = from + 1; i <= at; i++) {
		h = model_at(i);
		for (b = h->sector / PAGE_SECTORS;
		     h->op && b <= (h->sector + h->nsect - 1) / PAGE_SECTORS; b++)
			disk_news(&n->data, (u32)(IMAGE_PAGE + b));
	}
}

/*
 * The platter is looked at as a whole at the end (@exact). Before that, a page that passed
 * as of some index can only fail as of @at if it was written since, or if an entry between
 * the two demands more of it: what is demanded as of an earlier index is no more, and
 * what else is committed makes no version wrong that was right.
 */
void platter_data(struct node *n, u64 at, bool exact, const char *why)
{
	struct disk *d = &n->data;
	u32 i;

	WORLD_CHECK(at <= model_last(), "node %c: %s of %llu, which is not known to be committed",
		    'a' + n->id, why, (unsigned long long)at);
	if (exact) {
		for (i = IMAGE_PAGE; i < d->npg; i++)
			check_page(n, i, at, true, why);
		return;
	}
	note_demands(n, d->looked_at, at);
	d->looked_at = at;
	while (d->nnews) {
		u32 pgno = d->news[--d->nnews];

		d->is_new[pgno] = false;
		if (pgno >= IMAGE_PAGE)
			check_page(n, pgno, at, false, why);
	}
	while (d->nagain)
		disk_news(d, d->again[--d->nagain]);
}

/*
 * What a header says is demanded of the platter, unless the other header says it already: then
 * nothing depends on this one. A start begins where its metadata says, which may be earlier,
 * and what it applies anew makes sectors older for a while.
 */
u64 platter_demanded(struct node *n, u64 off, const struct data_super *ds)
{
	u8 block[RBLK_BLOCK_SIZE];
	struct data_super other;

	WORLD_CHECK(!ds->index || !(ds->flags & DATA_UNWRITTEN),
		    "node %c: a data header with a checkpoint says that nothing was written",
		    'a' + n->id);
	if (disk_look(&n->data, off ? 0 : DATA_COPY_OFF, block, sizeof(block)) &&
	    !rblk_log_data_super_decode(&other, block) && other.index >= ds->index)
		return 0;
	return ds->index;
}

/*
 * A replica that is whole writes nothing but what its device should hold: for a block that it
 * could not read, which is still there for us. Nobody knows what it should hold after a bit flipped.
 */
static void check_rewrite(struct node *n, const struct dseg *seg)
{
	u64 first = (u64)(seg->pgno - IMAGE_PAGE) * PAGE_SECTORS;
	u32 i;

	for (i = 0; i < PAGE_SECTORS; i++) {
		struct sref was = page_sector(disk_page(&n->data, seg->pgno), i);
		struct sref is = page_sector(seg->pg, i);

		WORLD_CHECK(!(seg->mask & 1 << i) || flip_at(n->id, first + i) ||
				    !memcmp(sector_data(&was), sector_data(&is), 512),
			    "node %c: sector %llu is rewritten with something else", 'a' + n->id,
			    (unsigned long long)(first + i));
	}
}

void platter_landing(struct node *n, const struct dop *op)
{
	if (n->absent) {
		WORLD_MARK(CHUNK_LANDED);
		return;
	}
	WORLD_MARK(REWRITTEN);
	WORLD_CHECK(op->nseg == 1, "node %c: %u blocks are rewritten at once", 'a' + n->id, op->nseg);
	check_rewrite(n, op->seg);
}

/* ---- the change map ---- */

static void touch_regions(struct node *n, u64 at, u32 per)
{
	const struct hist *h;
	u64 i, r;

	if (!touched[n->id] || touched_at[n->id] > at) {
		touched[n->id] = mem_alloc((world.cfg.sectors / per + 1) * sizeof(u64));
		touched_at[n->id] = 0;
	}
	for (i = touched_at[n->id] + 1; i <= at; i++) {
		h = model_at(i);
		for (r = h->sector / per; h->op && r <= (h->sector + h->nsect - 1) / per; r++)
			touched[n->id][r] = i;
	}
	touched_at[n->id] = at;
}

/*
 * The change map of a checkpoint may say too much, never too little. A block
 * that cannot be read says "changed" of all its regions.
 */
static void check_map(struct node *n, u64 at)
{
	const u32 per = (1u << n->super.region_shift) / 512;
	u64 val[RBLK_MAP_PER_BLOCK], region, said, want;
	bool ok = false;

	touch_regions(n, at, per);
	for (region = 0; region * per < world.cfg.sectors; region++) {
		if (region % RBLK_MAP_PER_BLOCK == 0) {
			u32 b = (u32)(region / RBLK_MAP_PER_BLOCK);
			struct page *p = n->log.pg[n->super.map_off / RBLK_BLOCK_SIZE + b];

			ok = p && !rblk_log_map_decode(&n->super, b, val, page_data(p));
		}
		if (!ok)
			continue;
		said = val[region % RBLK_MAP_PER_BLOCK] & ~RBLK_MAP_ABSENT;
		want = touched[n->id][region];
		WORLD_CHECK(said >= want,
			    "node %c: the change map says %llu of region %llu, which %llu touched",
			    'a' + n->id, (unsigned long long)said, (unsigned long long)region,
			    (unsigned long long)want);
	}
}

void platter_check(struct node *n, u64 at, bool exact, const char *why)
{
	platter_data(n, at, exact, why);
	if (!exact && at)
		check_map(n, at);
}

/*
 * A node goes on without this data device. If its headers have lower numbers than the metadata, it
 * is an older one from now on, and is judged as such when it is attached, or at the next start.
 */
bool platter_left(struct node *n, u64 at, u64 seq)
{
	u8 block[RBLK_BLOCK_SIZE];
	struct data_super ds;
	int i;

	for (i = 0; i < LOG_COPIES; i++)
		if (disk_look(&n->data, i * DATA_COPY_OFF, block, sizeof(block)) &&
		    !rblk_log_data_super_decode(&ds, block) && ds.seq >= seq)
			return false;
	check_map(n, at);
	return true;
}
