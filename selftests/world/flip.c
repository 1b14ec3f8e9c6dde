// SPDX-License-Identifier: GPL-2.0
/*
 * Sectors of an image in which a bit flips: what is there is garbage, whoever reads it, until
 * it is mended, or written again. Nothing of that is an error of the node before then. Of what
 * is compared at the end nothing is forgiven.
 */
#include "world.h"

#define FLIPS_MAX	16

static struct flip flips[FLIPS_MAX];
static u32 nflips;

void flip_init(void)
{
	nflips = 0;
}

void flip(struct node *n, u64 sector)
{
	WORLD_CHECK(nflips < FLIPS_MAX, "too many bits are flipped");
	flips[nflips++] = (struct flip){ n->id, sector };
	disk_flip(&n->data, (u64)IMAGE_PAGE * RBLK_BLOCK_SIZE + sector * 512 + rnd_below(R_FLIP, 512));
	TRACE(n->id, "flip", sector, 0);
}

bool flip_at(u8 node, u64 sector)
{
	u32 i;

	for (i = 0; i < nflips; i++)
		if (flips[i].sector == sector && (node == WORLD_NONE || flips[i].node == node))
			return true;
	return false;
}

/* Is what a read of the device finds there still garbage? */
bool flip_lasts(const struct flip *f)
{
	struct page *p = disk_page(&world.node[f->node].data,
				   (u32)(IMAGE_PAGE + f->sector / PAGE_SECTORS));
	struct sref r = page_sector(p, f->sector % PAGE_SECTORS);

	return sector_id(&r, f->sector, false) == SECTOR_GARBAGE;
}

const struct flip *flip_nth(u32 i)
{
	return i < nflips ? &flips[i] : NULL;
}
