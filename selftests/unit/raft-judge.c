// SPDX-License-Identifier: GPL-2.0
/* The referee: what must hold, whatever the cluster does. */
#include "raft-net.h"

/* Does a store hold this entry, whatever happens to its node? */
static bool net_has(const struct net_node *n, u64 i, const struct net_ent *e)
{
	return n->snap.index >= i ||
	       (n->disk_last >= i && n->disk[i].term == e->term && n->disk[i].val == e->val);
}

static bool net_majority(const struct raft_conf *c, u8 half, u64 i, const struct net_ent *e)
{
	u32 k, all = 0, has = 0;

	for (k = 0; k < c->n; k++) {
		if (!(c->m[k].flags & half))
			continue;
		all++;
		has += net_has(&net.node[c->m[k].store], i, e);
	}
	return !all || 2 * has > all;
}

void net_judge_commit(struct net_node *n, const struct raft_span *s)
{
	struct raft_status st;
	u64 i;

	if (net.blind)
		return;
	rblk_raft_status(n->r, &st);
	for (i = s->first; i <= s->last; i++) {
		const struct net_ent *e = &n->log[i];

		CHECK(i <= n->last);
		CHECK_EQ(rblk_raft_term_at(n->r, i), e->term);
		if (i > net.commit) {
			/* First of all: the term's leader, and only with a durable majority. */
			CHECK_EQ(net.leader_of[st.term], n->id);
			CHECK(net_majority(rblk_raft_conf_active(n->r), RBLK_M_IN, i, e));
			CHECK(net_majority(rblk_raft_conf_active(n->r), RBLK_M_OUT, i, e));
			CHECK_EQ(i, net.commit + 1);
			net.hist[i] = *e;
			net.commit = i;
		}
		CHECK_EQ(net.hist[i].term, e->term);
		CHECK_EQ(net.hist[i].val, e->val);
	}
}

void net_judge_msg(struct net_node *n, const struct raft_msg *m)
{
	u64 i;

	if (net.blind)
		return;
	switch (m->type) {
	case RAFT_MSG_VOTE:
		CHECK(n->meta.term == m->term && n->meta.vote == n->id);
		break;
	case RAFT_MSG_VOTE_REPLY:
		if (!m->reject)
			CHECK(n->meta.term == m->term && n->meta.vote == m->to);
		break;
	case RAFT_MSG_APPEND_REPLY:
		if (m->reject)
			break;
		CHECK(n->meta.term == m->term);
		i = m->prev.index;
		if (i > n->snap.index) {
			CHECK(i <= n->disk_last);
			CHECK_EQ(n->disk[i].term, m->prev.term);
			if (m->to <= NET_NODES && net.node[m->to].up &&
			    net.leader_of[m->term] == m->to &&
			    rblk_raft_term_at(net.node[m->to].r, i))
				CHECK_EQ(rblk_raft_term_at(net.node[m->to].r, i), m->prev.term);
		}
		break;
	}
}

void net_judge_role(struct net_node *n)
{
	struct raft_status st;
	u64 i;

	rblk_raft_status(n->r, &st);
	if (st.role != RAFT_LEADER || net.blind)
		return;
	/* Election safety, and leader completeness. */
	CHECK(!net.leader_of[st.term] || net.leader_of[st.term] == n->id);
	net.leader_of[st.term] = n->id;
	for (i = st.snap.index + 1; i <= net.commit; i++)
		CHECK(n->log[i].term == net.hist[i].term && n->log[i].val == net.hist[i].val);
}

void net_judge_logs(void)
{
	struct net_node *a, *b;
	u64 i;
	bool same;

	for (a = net.node + 1; a <= net.node + NET_NODES; a++) {
		for (b = net.node + 1; b < a; b++) {
			same = false;
			for (i = min_t(u64, a->last, b->last);
			     i > max_t(u64, a->snap.index, b->snap.index); i--) {
				if (a->log[i].term == b->log[i].term)
					same = true;
				if (same)
					CHECK(a->log[i].term == b->log[i].term &&
					      a->log[i].val == b->log[i].val);
			}
		}
	}
}
