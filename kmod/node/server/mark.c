// SPDX-License-Identifier: GPL-2.0
/* Marks in the log, for members that compare the copies of the image: see replica/verify.c. */
#include "server.h"

/**
 * rblk_server_mark() - a member asks for a mark
 * @sv: server
 * @w: of which range; it is from the store of that member
 *
 * If it cannot be had now, the member asks again.
 *
 * Return: 0; -EINVAL: hostile or absurd.
 */
int rblk_server_mark(struct rblk_server *sv, const struct wire_mark *w)
{
	struct rblk_entry e = {
		.kind = RBLK_E_VERIFY, .sector = w->sector, .nsect = w->nsect, .store = w->from,
		.seq = w->id,
	};

	if (!rblk_ground_member(sv->g, w->from) ||
	    !rblk_vol_fits(sv->g->conf.sectors, sv->g->conf.block_size, w->sector, w->nsect))
		return -EINVAL;
	if (rblk_server_serves(sv))
		rblk_replica_propose(sv->r, &e, NULL);
	return 0;
}
