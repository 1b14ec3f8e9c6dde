// SPDX-License-Identifier: GPL-2.0
/*
 * One primitive decides elections, commit, read rounds and lost quorums: the
 * largest value that a majority has reached, in a joint configuration a
 * majority of both.
 */
#include "internal.h"

/* U64_MAX for an empty half: it does not restrain the other one. */
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

/**
 * rblk_raft_quorum() - what a quorum has reached
 * @conf: the configuration, maybe joint
 * @val: one value for each of its members, in its order
 *
 * Return: the largest value that is reached by a majority of the incoming
 * voters and, if the configuration is joint, of the outgoing ones; 0 without
 * voters.
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
	case RAFT_TALLY_VOTE:
		/* A vote for oneself, too, counts only once it cannot be forgotten. */
		return r->role == RAFT_PRECANDIDATE || rblk_raft_meta_is_durable(r);
	}
	return 0;
}

static u64 tally_peer(const struct raft_peer *p, enum raft_tally what)
{
	switch (what) {
	case RAFT_TALLY_MATCH:
		return p->match;
	case RAFT_TALLY_CONTACT:
		return p->last_contact;
	case RAFT_TALLY_READ:
		return p->read_ack;
	case RAFT_TALLY_VOTE:
		return p->granted;
	}
	return 0;
}

/**
 * rblk_raft_tally() - what a quorum of the active configuration has reached
 * @r: the core
 * @what: the value in question
 *
 * Return: see rblk_raft_quorum().
 */
u64 rblk_raft_tally(const struct raft *r, enum raft_tally what)
{
	u64 val[RBLK_MEMBERS_MAX] = {};
	u32 i, k;

	for (i = 0; i < r->conf.n; i++) {
		if (r->conf.m[i].store == r->cfg.self)
			val[i] = tally_self(r, what);
		for (k = 0; k < RBLK_MEMBERS_MAX; k++)
			if (r->peer[k].store == r->conf.m[i].store)
				val[i] = tally_peer(&r->peer[k], what);
	}
	return rblk_raft_quorum(&r->conf, val);
}
