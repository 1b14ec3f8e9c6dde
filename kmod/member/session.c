// SPDX-License-Identifier: GPL-2.0
/*
 * The session of this node, and the writes that go under it. Who holds the
 * volume is decided in the log (volume/session.c): here is what this node may
 * believe of itself meanwhile. Fenced is sticky: whoever wrote under the lost
 * epoch must be gone before a new one can be had.
 */
#include "internal.h"

static void set_session(struct member *m, enum member_session_state s, u64 epoch)
{
	m->sess = s;
	m->sess_epoch = epoch;
	member_trace(m, MEMBER_T_SESSION, epoch, s);
	member_note(m, MEMBER_N_SESSION, s);
}

static u64 live_epoch(const struct member *m)
{
	const struct log_session *s = vol_session(m->vol);

	return s ? s->epoch : 0;
}

/**
 * member_session_judged() - an entry was judged: does it concern our session?
 * @m: member
 * @ent: the entry
 * @verdict: of it
 */
void member_session_judged(struct member *m, const struct member_ent *ent, int verdict)
{
	bool ours = ent->e.store == m->cfg.super.store && ent->e.seq == m->cfg.boot_nonce;

	if (ent->e.kind == RB_E_OPEN && ours && m->sess == MEMBER_S_OPENING) {
		if (verdict) {
			set_session(m, MEMBER_S_NONE, 0);
		} else {
			m->sess_seq = 1;
			set_session(m, MEMBER_S_HELD, ent->e.index);
		}
		return;
	}
	if (m->sess != MEMBER_S_HELD || live_epoch(m) == m->sess_epoch)
		return;
	if (ent->e.kind == RB_E_CLOSE && ent->e.store == m->cfg.super.store && !verdict)
		set_session(m, MEMBER_S_NONE, 0);
	else
		set_session(m, MEMBER_S_FENCED, m->sess_epoch);
}

/**
 * member_session_truncated() - an entry is given up: was it our open?
 * @m: member
 * @ent: the entry
 */
void member_session_truncated(struct member *m, const struct member_ent *ent)
{
	if (ent->e.kind == RB_E_OPEN && ent->e.store == m->cfg.super.store &&
	    ent->e.seq == m->cfg.boot_nonce && m->sess == MEMBER_S_OPENING)
		set_session(m, MEMBER_S_NONE, 0);
}

/**
 * member_session_sync() - a leader learns where its session stands
 * @m: member
 *
 * Once the leader's own no-op is judged, everything earlier leaders left is
 * decided: what of our session is not in the log by now never will be, and its
 * sequence goes on from there.
 */
void member_session_sync(struct member *m)
{
	const struct log_session *s;

	if (m->seq_synced || !m->rst.leader_ready || m->judge_blocked ||
	    member_judged(m) < m->commit)
		return;
	m->seq_synced = true;
	s = vol_session(m->vol);
	if (m->sess == MEMBER_S_HELD && s)
		m->sess_seq = s->seq + 1;
}

static int may_propose(const struct member *m)
{
	if (m->halt != MEMBER_RUNNING)
		return -ESHUTDOWN;
	if (!member_leads(m))
		return -EREMOTE;
	return m->seq_synced ? 0 : -EAGAIN;
}

/**
 * member_open() - takes the volume's session for this node
 * @m: member
 * @token: complete(token) tells the verdict
 *
 * Return: 0; -EALREADY: held; -ESTALE: fenced; -EREMOTE: another node leads;
 * -EAGAIN: later; -ESHUTDOWN.
 */
int member_open(struct member *m, u64 token)
{
	struct rb_entry e = {
		.kind = RB_E_OPEN,
		.store = m->cfg.super.store,
		.epoch = live_epoch(m),
		.seq = m->cfg.boot_nonce,
	};
	int ret;

	if (m->sess == MEMBER_S_FENCED)
		return -ESTALE;
	if (m->sess == MEMBER_S_HELD)
		return m->halt == MEMBER_RUNNING ? -EALREADY : -ESHUTDOWN;
	ret = may_propose(m);
	if (ret)
		return ret;
	if (m->sess == MEMBER_S_OPENING)
		return -EAGAIN;
	ret = member_propose(m, &e, NULL, token);
	if (!ret)
		set_session(m, MEMBER_S_OPENING, 0);
	return ret;
}

/**
 * member_close() - gives the session up
 * @m: member
 * @token: complete(token) tells the verdict
 *
 * Return: 0; -ENOENT: none is held; -EREMOTE, -EAGAIN, -ESHUTDOWN.
 */
int member_close(struct member *m, u64 token)
{
	struct rb_entry e = {
		.kind = RB_E_CLOSE,
		.store = m->cfg.super.store,
		.epoch = m->sess_epoch,
	};
	int ret = may_propose(m);

	if (m->sess != MEMBER_S_HELD)
		return -ENOENT;
	return ret ? ret : member_propose(m, &e, NULL, token);
}

/**
 * member_session_reset() - all openers are gone, cached pages dropped
 * @m: member
 */
void member_session_reset(struct member *m)
{
	if (m->sess == MEMBER_S_FENCED)
		set_session(m, MEMBER_S_NONE, 0);
}

/**
 * member_session() - where this node's session stands
 * @m: member
 *
 * Return: the state.
 */
enum member_session_state member_session(const struct member *m)
{
	return m->sess;
}

/**
 * member_write() - proposes a write, or zeroes
 * @m: member
 * @sector: first sector
 * @nsect: sectors
 * @buf: payload (the reference is taken over on success), NULL for zeroes
 * @token: complete(token) tells the end
 *
 * Return: 0; -EAGAIN: over a bound, later, in order; -EREMOTE: not the leader;
 * -EBUSY: no session; -ESTALE: fenced; -ESHUTDOWN.
 */
int member_write(struct member *m, u64 sector, u32 nsect, struct rb_buf *buf, u64 token)
{
	struct rb_entry e = {
		.kind = buf ? RB_E_WRITE : RB_E_ZEROES,
		.nblocks = buf ? buf->nblocks : 0,
		.sector = sector,
		.nsect = nsect,
		.epoch = m->sess_epoch,
		.seq = m->sess_seq,
	};
	int ret;

	if (m->sess == MEMBER_S_FENCED)
		return -ESTALE;
	ret = may_propose(m);
	if (ret)
		return ret;
	if (m->sess != MEMBER_S_HELD)
		return -EBUSY;
	if (member_room(m) <= MEMBER_ENTRIES_RESERVE || member_log_full(m))
		return -EAGAIN;
	ret = member_propose(m, &e, buf, token);
	if (ret)
		return ret;
	m->writes++;
	m->sess_seq++;
	return 0;
}
