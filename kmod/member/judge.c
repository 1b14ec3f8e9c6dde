// SPDX-License-Identifier: GPL-2.0
/*
 * Verdicts: committed entries meet the state machine, in log order, and the
 * local requests that waited for them end. Apart from writing the data device.
 */
#include "internal.h"

/**
 * member_judge() - judges what is committed, as far as the volume has room
 * @m: member
 */
void member_judge(struct member *m)
{
	u64 before = member_judged(m), i;

	m->judge_blocked = false;
	for (i = before + 1; i <= m->commit; i++) {
		struct member_ent *ent = member_ent(m, i);
		int verdict;

		if (RB_ASSERT(ent)) {
			member_halt(m, MEMBER_HALT_INVARIANT, -EUCLEAN);
			return;
		}
		verdict = vol_commit(m->vol, &ent->e);
		if (verdict == -EAGAIN) {
			m->judge_blocked = true;
			break;
		}
		member_trace(m, MEMBER_T_VERDICT, i, (u64)-verdict);
		member_serve_judged(m, &ent->e);
	}
	if (m->client.index < member_judged(m))
		member_client_judged(m);
	if (member_judged(m) != before) {
		m->idle_since = m->now;
		member_reads_check(m);
	}
	member_serve_sync(m);
}
