// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations: which ones are valid, which may follow which, and the active
 * one. A configuration becomes active when its entry is appended, not when it is
 * committed. The previous one is kept, since that entry may still be truncated.
 */
#include "internal.h"

static bool member_valid(const struct raft_member *m)
{
	u8 voter = m->flags & (RBLK_M_IN | RBLK_M_OUT);

	if (!m->store || m->flags & ~(RBLK_M_IN | RBLK_M_OUT | RBLK_M_LEARNER | RBLK_M_WITNESS))
		return false;
	if (m->flags & RBLK_M_LEARNER)
		return !(m->flags & RBLK_M_IN);
	return voter;
}

/**
 * rblk_raft_conf_valid() - does a configuration make sense?
 * @conf: from the network, from the disk or from the administrator
 *
 * Return: whether it has a voter, no member twice, and only sensible flags.
 */
bool rblk_raft_conf_valid(const struct raft_conf *conf)
{
	u32 i, j, voters = 0;

	if (conf->n > RBLK_MEMBERS_MAX)
		return false;
	for (i = 0; i < conf->n; i++) {
		if (!member_valid(&conf->m[i]))
			return false;
		for (j = 0; j < i; j++)
			if (conf->m[j].store == conf->m[i].store)
				return false;
		voters += !!(conf->m[i].flags & RBLK_M_IN);
	}
	return voters;
}

/* RBLK_M_* flags of a store; 0 if it is not a member. */
u8 rblk_raft_conf_flags(const struct raft_conf *conf, u64 store)
{
	u32 i;

	for (i = 0; i < conf->n; i++)
		if (conf->m[i].store == store)
			return conf->m[i].flags;
	return 0;
}

bool rblk_raft_conf_joint(const struct raft_conf *conf)
{
	u32 i;

	for (i = 0; i < conf->n; i++)
		if (conf->m[i].flags & RBLK_M_OUT)
			return true;
	return false;
}

/* Whether every member of @a with a flag of @fa is a member of @b with one of @fb. */
static bool subset(const struct raft_conf *a, u8 fa, const struct raft_conf *b, u8 fb)
{
	u32 i;

	for (i = 0; i < a->n; i++)
		if (a->m[i].flags & fa && !(rblk_raft_conf_flags(b, a->m[i].store) & fb))
			return false;
	return true;
}

static bool same_voters(const struct raft_conf *a, u8 fa, const struct raft_conf *b, u8 fb)
{
	return subset(a, fa, b, fb) && subset(b, fb, a, fa);
}

/*
 * Whether @next may directly replace @old. Voters change by joint consensus
 * only: a simple configuration is followed by one with the same voters, or by a
 * joint one of which it is the outgoing half; a joint one is followed by its
 * incoming half.
 */
bool rblk_raft_conf_follows(const struct raft_conf *old, const struct raft_conf *next)
{
	if (rblk_raft_conf_joint(next))
		return !rblk_raft_conf_joint(old) && same_voters(old, RBLK_M_IN, next, RBLK_M_OUT);
	return same_voters(old, RBLK_M_IN, next, RBLK_M_IN);
}

/* True for a voter of either half of the active configuration. */
bool rblk_raft_is_voter(const struct raft *r, u64 store)
{
	return rblk_raft_conf_flags(&r->conf, store) & (RBLK_M_IN | RBLK_M_OUT);
}

void rblk_raft_conf_activate(struct raft *r, const struct raft_conf *conf, u64 index)
{
	r->prev_conf = r->conf;
	r->conf = *conf;
	r->conf.index = index;
	rblk_raft_peers_sync(r);
	rblk_raft_act(r, RAFT_ACT_CONF);
}

/*
 * Goes back to the previous configuration if the entry of the active one is
 * among those that are truncated, which are @first and all after it.
 */
void rblk_raft_conf_undo(struct raft *r, u64 first)
{
	if (r->conf.index < first)
		return;
	/* There is never more than one uncommitted configuration. */
	if (RAFT_BROKEN(r, r->prev_conf.index < first))
		return;
	r->conf = r->prev_conf;
	memset(&r->prev_conf, 0, sizeof(r->prev_conf));
	rblk_raft_peers_sync(r);
	rblk_raft_act(r, RAFT_ACT_CONF);
}
