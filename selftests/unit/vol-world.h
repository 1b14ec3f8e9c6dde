/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A volume next to a model of it that is simple enough to be believed: arrays
 * of sectors. The content of a sector is the index of the write that it is
 * from, 0 for zeroes, OLD + sector for what was there at first.
 */
#ifndef VOL_WORLD_H
#define VOL_WORLD_H

#include "tap.h"
#include "volume/volume.h"

#define W_SECTORS	2048
#define W_ENTRIES	4096
#define OLD		1000000ULL

struct world {
	struct vol_geom g;
	struct vol *v;
	void *mem;
	struct rblk_entry e[W_ENTRIES + 1];	/* by index */
	int verdict[W_ENTRIES + 1];
	u64 first, last, applied;		/* first: what the checkpoint covers */
	u64 committed[W_SECTORS];		/* content */
	u64 state[W_SECTORS];			/* content as of the applied index */
	u64 device[W_SECTORS];
	u64 ahead[W_SECTORS];			/* an aborted batch wrote up to this entry */
	bool planned;
	struct vol_batch b;
	u32 written;				/* zeroes and items of the batch on the device */
	struct rblk_session sess[RBLK_SESSIONS_MAX];	/* in order, the rest zeroes */
	u32 nsess, cur;				/* the sessions, and the one that writes next */
	u64 rnd;
};

u64 w_rand(struct world *w, u64 n);
/* Only what must still be in the log is there. */
const struct rblk_entry *w_entry(void *ctx, u64 index);
void w_start(struct world *w, u64 sectors, u32 block_size, u32 versions, u32 ranges, u32 batch);
/* Applies what can be; returns what is applied now. */
u64 w_apply(struct world *w);
void w_stop(struct world *w);
/* Whose entry is made next; all zero when there is no session. */
struct rblk_session *w_cur(struct world *w);
struct rblk_entry w_make(struct world *w, u8 kind, u64 sector, u32 nsect);
struct rblk_entry w_make_open(struct world *w, u64 store);
/* Commits; false: no room. */
bool w_commit(struct world *w, struct rblk_entry e);
bool w_plan(struct world *w, u64 limit);
/* Writes the next @n parts of the batch. */
void w_write(struct world *w, u32 n);
void w_done(struct world *w);
void w_abort(struct world *w);
void w_apply_all(struct world *w);
/* Every sector of a range is where rblk_vol_lookup() says, in the fewest segments. */
void w_read(struct world *w, u64 sector, u32 nsect, int max);
/* Exactly: applied entries by region, others by sector. */
void w_touched(struct world *w, u64 index, u64 sector, u32 nsect);
void w_map(struct world *w);
/* All there is to see. */
void w_check(struct world *w);

#endif
