// SPDX-License-Identifier: GPL-2.0
/*
 * What a member holds that goes on from the state of another one may be the last of its kind: its
 * own log and image, as of the time when it was left behind. Other members may be absent that
 * have the log, and not the image. So long as that could matter, it keeps what it has.
 *
 * The rule: a member may give up its log for a state as of some entry only if those that
 * lack that entry, or the image that it is in, itself included, are no quorum. Then any
 * quorum has somebody who has it, whatever happens to the others. The leader knows who holds what,
 * and tells a member that needs a resync up to which entry it is spared. Of who led before it, and
 * may be gone, it knows what that one said when it led.
 *
 * Without the rule, members that fall behind one after the other could leave one whole
 * member alone, and with it all that was acknowledged would be lost, though a quorum of stores is
 * intact. With it they become whole one after the other; and if the whole one is lost
 * meanwhile, those that are absent have the log that those need who were left behind.
 */
#include "internal.h"

struct spare {
	struct rblk_replica *r;
	u64 store;		/* the member that asks */
	u64 index;
};

/* The newest entry that a member holds, with the image that it is in. Nobody heard is known. */
static u64 held_by(struct rblk_replica *r, u64 store)
{
	const struct raft_peer_status *p = rblk_replica_progress(r, store);
	const struct rblk_peer *peer = rblk_ground_peer(r->g, store, NULL);
	u64 led = store == r->led.store ? r->led.held : 0;

	if (store == r->g->cfg.super.store)
		return r->absent ? 0 : r->rst.durable;
	return p && peer && !peer->says_absent && !peer->lost ? max_t(u64, p->match, led) : 0;
}

/* A leader says what it holds. */
void rblk_replica_spare_led(struct rblk_replica *r, const struct raft_msg *msg)
{
	r->led.store = msg->from;
	r->led.held = msg->absent ? 0 : min_t(u64, msg->durable, msg->commit);
}

static bool rblk_replica_lacks(void *ctx, u64 store)
{
	const struct spare *s = ctx;

	return store == s->store || held_by(s->r, store) < s->index;
}

/* Up to which entry is a member spared? 0: it has to keep what it has. */
u64 rblk_replica_spared(struct rblk_replica *r, u64 store)
{
	const struct rblk_conf *conf = &r->g->conf;
	struct spare s = { .r = r, .store = store };
	u64 most = 0;
	u32 i;

	for (i = 0; i < conf->n; i++) {
		s.index = held_by(r, conf->m[i].store);
		if (s.index > most && !rblk_replica_suffice(r, rblk_replica_lacks, &s))
			most = s.index;
	}
	return min_t(u64, most, r->commit);
}
