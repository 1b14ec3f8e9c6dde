/* SPDX-License-Identifier: GPL-2.0 */
/* Bits of an image that flip. */
#ifndef WORLD_FLIP_H
#define WORLD_FLIP_H

struct flip {
	u8 node;
	u64 sector;
};

struct node;

void flip_init(void);		/* none has, from now on */
void flip(struct node *n, u64 sector);
bool flip_at(u8 node, u64 sector);	/* WORLD_NONE: on any */
bool flip_lasts(const struct flip *f);
const struct flip *flip_nth(u32 i);	/* NULL: there are no more */

#endif
