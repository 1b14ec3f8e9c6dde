// SPDX-License-Identifier: GPL-2.0
/*
 * Messages come from other machines. Nothing in them is trusted until it has been
 * checked: here, or by the handler of the message if that takes the state.
 */
#include "internal.h"

static bool id_valid(const struct rblk_id *id)
{
	return !id->index == !id->term && id->index < RAFT_NUM_MAX;
}

static bool ents_valid(const struct raft_msg *m)
{
	const struct raft_span *s = &m->ents;

	if (s->first > s->last)
		return !s->conf;
	if (s->first != m->prev.index + 1 || s->last >= RAFT_NUM_MAX)
		return false;
	if (!s->term || s->term < m->prev.term || s->term > m->term)
		return false;
	if (!s->conf)
		return true;
	return s->first == s->last && s->conf->index == s->first && rblk_raft_conf_valid(s->conf);
}

/* Whether a correct peer may send this message, whatever the state. */
bool rblk_raft_msg_valid(const struct raft *r, const struct raft_msg *m)
{
	if (!m->from || m->from == r->cfg.self || m->to != r->cfg.self)
		return false;
	if (!m->term || m->term >= RAFT_NUM_MAX || !id_valid(&m->prev))
		return false;
	switch (m->type) {
	case RAFT_MSG_PREVOTE:
	case RAFT_MSG_VOTE:
		return m->prev.term < m->term;
	case RAFT_MSG_APPEND:
		return m->prev.term <= m->term && m->commit < RAFT_NUM_MAX && ents_valid(m);
	case RAFT_MSG_APPEND_REPLY:
		/* Only a rejection has a hint, and not one because of an old term. */
		return m->prev.term <= m->term && m->run_first <= m->prev.index &&
		       (!m->reject_index || m->prev.index < m->reject_index);
	case RAFT_MSG_READ:
	case RAFT_MSG_READ_REPLY:
		return m->read_seq;
	case RAFT_MSG_PREVOTE_REPLY:
	case RAFT_MSG_VOTE_REPLY:
	case RAFT_MSG_TIMEOUT_NOW:
		return true;
	}
	return false;
}
