// SPDX-License-Identifier: GPL-2.0
/*
 * What users put into sectors, and whose a sector is. Where only some sectors of a page
 * are replaced, which disks do all the time, nothing is copied: the new page refers to
 * the pages that its sectors come from, and gets data of its own only when somebody asks
 * for that. So a sector is looked at once, on however many disks it lies.
 */
#include "world.h"

#define TAG	(0xa5ull << 56)

#define STEP	0xd1342543de82ef95ull

static u64 word(u64 id, u64 sector, u32 n)
{
	return ((id * 0x9e3779b97f4a7c15) ^ (sector << 32)) + STEP * n;
}

void sector_fill(u8 *p, u64 id, u64 sector)
{
	u64 w[64], i, x = word(id, sector, 0);

	w[0] = TAG | id;
	for (i = 1; i < 64; i++)
		w[i] = x += STEP;
	memcpy(p, w, 512);
}

static const u8 zeroes[512];

static u64 id_of(const u8 *p, u64 sector, bool fast)
{
	u8 want[512];
	u64 w, end;

	memcpy(&w, p, 8);
	memcpy(&end, p + 504, 8);
	if (!w)
		return end || (!fast && memcmp(p, zeroes, 512)) ? SECTOR_GARBAGE : 0;
	if ((w & 0xff00000000000000) != TAG || end != word(w & ~TAG, sector, 63))
		return SECTOR_GARBAGE;
	if (fast)
		return w & ~TAG;
	sector_fill(want, w & ~TAG, sector);
	return memcmp(p, want, 512) ? SECTOR_GARBAGE : w & ~TAG;
}

/* A page does not change while others may know it, so what was found out stays true. */
u64 sector_id(const struct sref *r, u64 sector, bool fast)
{
	struct page *p = r->pg;
	u8 bit = (u8)(1 << r->nth);

	if (!p)
		return 0;
	if (r->nth != sector % PAGE_SECTORS)
		return id_of(p->data + 512 * r->nth, sector, fast);
	if (p->block != sector / PAGE_SECTORS) {
		p->block = sector / PAGE_SECTORS;
		p->known = p->whole = 0;
	}
	if (!((fast ? p->known : p->whole) & bit)) {
		p->id[r->nth] = id_of(p->data + 512 * r->nth, sector, fast);
		p->known |= bit;
		if (!fast)
			p->whole |= bit;
	}
	return p->id[r->nth];
}

const u8 *sector_data(const struct sref *r)
{
	return r->pg ? r->pg->data + 512 * r->nth : zeroes;
}

/* ---- mixed pages ---- */

static struct page *mixed(struct page *from)
{
	struct page *p = page_bare();
	u32 i;

	p->mixed = true;
	for (i = 0; i < PAGE_SECTORS; i++)
		p->sect[i] = page_get(page_sector(from, i).pg);
	return p;
}

/* All of its sectors come from one page, as that has them: then it is that page. */
static void unmix(struct page **slot)
{
	struct page *p = *slot;
	u32 i;

	for (i = 1; i < PAGE_SECTORS; i++)
		if (p->sect[i] != p->sect[0])
			return;
	if (!p->sect[0])
		return;
	*slot = page_get(p->sect[0]);
	page_put(p);
}

void page_mix(struct page **slot, u8 mask, struct page *pg)
{
	struct page *p = *slot;
	u32 i;

	if (!mask)
		return;
	if (mask == 0xff) {
		page_get(pg);
		page_put(*slot);
		*slot = pg;
		return;
	}
	if (!p || !p->mixed || p->ref > 1) {
		p = mixed(*slot);
		page_put(*slot);
		*slot = p;
	}
	for (i = 0; i < PAGE_SECTORS; i++) {
		struct page *old = p->sect[i];

		if (!(mask & 1 << i))
			continue;
		p->sect[i] = page_get(page_sector(pg, i).pg);
		page_put(old);
	}
	unmix(slot);
}

u8 *page_data(struct page *p)
{
	u32 i;

	if (!p->mixed)
		return p->data;
	if (!p->data)
		page_add_data(p);
	for (i = 0; i < PAGE_SECTORS; i++) {
		struct sref r = page_sector(p, i);

		memcpy(p->data + 512 * i, sector_data(&r), 512);
		page_put(r.pg);
	}
	p->mixed = false;
	return p->data;
}
