// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of an image that cannot be read any more, until they are written again. The content is on
 * other members, as long as those are whole: so no two lose the same page, and nothing is lost that
 * way while somebody lacks a part of the image, or nothing new may go wrong. In the end each of them
 * must have been rewritten.
 */
#include "sim.h"

#define BOUND		(60 * SEC)
#define PAGES_MAX	48	/* of a node: it does not mend more of them in an hour */

static u8 *chosen;		/* by page of the image */
static u32 nchosen;

static u64 pages(void)
{
	return DIV_ROUND_UP(world.cfg.sectors, PAGE_SECTORS);
}

static void mend_all(void)
{
	struct node *n;
	u64 i;

	for (n = world.node; n < world.node + world.cfg.nodes; n++)
		for (i = 0; i < pages(); i++)
			n->data.bad[IMAGE_PAGE + i] = DISK_GOOD;
}

static bool lacks(const struct node *n)
{
	return n->absent || n->lost || n->nodata || n->halted || (n->up && n->st.needs_resync) ||
	       !n->st.conf.index;
}

/* Who is resynchronised needs what the others have. */
void unread_ran(struct node *n)
{
	if (nchosen && n->id < world.cfg.nodes && lacks(n))
		mend_all();
}

void unread_spare(void)
{
	if (nchosen)
		mend_all();
}

static bool nobody_lacks(void)
{
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++)
		if (lacks(&world.node[i]))
			return false;
	return true;
}

static void unread_event(struct event *e)
{
	struct node *n = &world.node[rnd_below(R_UNREAD, world.cfg.nodes)];
	u64 page = rnd_below(R_UNREAD, pages());

	if (sim.healed)
		return;
	ev_push(world.now + rnd_exp(R_UNREAD, sim.cfg.unread_mean), unread_event, WORLD_NONE, 0, 0,
		NULL);
	if (sim.calm || nchosen == PAGES_MAX || chosen[page] || !nobody_lacks())
		return;
	chosen[page] = 1;
	nchosen++;
	WORLD_MARK(UNREADABLE);
	TRACE(n->id, "unreadable", page, 0);
	disk_unreadable(&n->data, (IMAGE_PAGE + page) * RBLK_BLOCK_SIZE, DISK_BAD);
}

void unread_init(void)
{
	chosen = mem_alloc(pages());
	nchosen = 0;
	if (sim.cfg.unread_mean)
		ev_push(world.now + rnd_exp(R_UNREAD, sim.cfg.unread_mean), unread_event,
			WORLD_NONE, 0, 0, NULL);
}

/* ---- the end ---- */

static bool all_good(void)
{
	const struct node *n;
	u64 i;

	for (n = world.node; n < world.node + world.cfg.nodes; n++)
		for (i = 0; n->up && i < pages(); i++)
			if (disk_is_bad(&n->data, (u32)(IMAGE_PAGE + i)) &&
			    !rblk_node_unwritten(n->m, i * PAGE_SECTORS))
				return false;
	return true;
}

void unread_run(void)
{
	u32 i = 0;

	if (!nchosen)
		return;
	final_settle();
	/* What is read by a session that is lost meanwhile may not be read at all. */
	while (i++ < 3 && !all_good()) {
		final_read_all();
		if (world_until(all_good, BOUND))
			return;
	}
	WORLD_CHECK(all_good(), "liveness: a page stays unreadable");
}
