// SPDX-License-Identifier: GPL-2.0
/*
 * One primitive decides elections, commit, read rounds and lost quorums: the
 * largest value that a majority has reached. In a joint configuration it takes a
 * majority of either half.
 */
#include "internal.h"

/* An empty half gives U64_MAX, so that it does not restrain the other one. */
static u64 majority(const struct raft_conf *conf, const u64 *val, u8 half)
{
	u64 v[RBLK_MEMBERS_MAX];
	u32 n = 0, i, j;

	for (i = 0; i < conf->n; i++) {
		if (!(conf->m[i].flags & half))
			continue;
		for (j = n++; j && v[j - 1] < val[i]; j--)
			v[j] = v[j - 1];
		v[j] = val[i];
	}
	return n ? v[n / 2] : U64_MAX;
}

/*
 * The largest value that is reached by a majority of the incoming voters and,
 * if the configuration is joint, also by one of the outgoing voters; 0 without
 * voters. @val has a value for each member, in the order of @conf.
 */
u64 rblk_raft_quorum(const struct raft_conf *conf, const u64 *val)
{
	u64 in = majority(conf, val, RBLK_M_IN);
	u64 out = majority(conf, val, RBLK_M_OUT);

	if (in == U64_MAX && out == U64_MAX)
		return 0;
	return min_t(u64, in, out);
}

static u64 tally_self(const struct raft *r, enum raft_tally what)
{
	switch (what) {
	case RAFT_TALLY_MATCH:
		return r->durable;
	case RAFT_TALLY_CONTACT:
		return r->now;
	case RAFT_TALLY_READ:
		return r->round;
	case RAFT_TALLY_ABLE:
		return 1;
	case RAFT_TALLY_VOTE:
		/* Even a vote for oneself counts only once a restart cannot forget it. */
		return r->role == RAFT_PRECANDIDATE || rblk_raft_meta_is_durable(r);
	}
	return 0;
}

static u64 tally_peer(const struct raft *r, const struct raft_peer *p, enum raft_tally what)
{
	switch (what) {
	case RAFT_TALLY_MATCH:
		return p->match;
	case RAFT_TALLY_CONTACT:
		return p->last_contact;
	case RAFT_TALLY_READ:
		return p->read_ack;
	case RAFT_TALLY_ABLE:
		return rblk_raft_peer_active(r, p) && p->state != RAFT_PEER_RESYNC;
	case RAFT_TALLY_VOTE:
		return p->granted;
	}
	return 0;
}

/* The value that a quorum of the active configuration has reached. */
u64 rblk_raft_tally(const struct raft *r, enum raft_tally what)
{
	u64 val[RBLK_MEMBERS_MAX] = {};
	u32 i, k;

	for (i = 0; i < r->conf.n; i++) {
		if (r->conf.m[i].store == r->cfg.self)
			val[i] = tally_self(r, what);
		for (k = 0; k < RBLK_MEMBERS_MAX; k++)
			if (r->peer[k].store == r->conf.m[i].store)
				val[i] = tally_peer(r, &r->peer[k], what);
	}
	return rblk_raft_quorum(&r->conf, val);
}

/**
 * rblk_raft_suffice() - are these members a quorum of the active configuration?
 * @r: the core
 * @is: whether the member with this store is one of them
 * @ctx: of @is
 *
 * Return: true if they are.
 */
bool rblk_raft_suffice(const struct raft *r, bool (*is)(void *ctx, u64 store), void *ctx)
{
	u64 val[RBLK_MEMBERS_MAX] = {};
	u32 i;

	for (i = 0; i < r->conf.n; i++)
		val[i] = is(ctx, r->conf.m[i].store);
	return rblk_raft_quorum(&r->conf, val);
}
