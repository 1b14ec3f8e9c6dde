// SPDX-License-Identifier: GPL-2.0
/* A node goes wrong by itself, as if by a bug: one field in one of its rooms is spoiled. */
#include "node/internal.h"
#include "raft/internal.h"
#include "volume/internal.h"
#include "node-script.h"
#include "tap.h"

static void break_client(struct rblk_node *m)
{
	m->client.sent = m->client.last + 1;
}

static void break_replica(struct rblk_node *m)
{
	m->replica->released = rblk_replica_applied(m->replica) + 1;
}

static void break_raft(struct rblk_node *m)
{
	m->replica->raft->read_ok = m->replica->raft->read_want + 1;
}

static void break_log(struct rblk_node *m)
{
	/* The second one is found, too; what is named is the first. */
	m->replica->log.ndurable = LOG_INFLIGHT + 1;
	m->replica->log.nmarks = LOG_MARKS + 1;
}

/* Only a batch meets this: no audit that takes little time looks for it. */
static void break_volume(struct rblk_node *m)
{
	m->replica->vol->plan.active = true;
}

/* The volume is smaller than what has been read of it before. */
static void break_size(struct rblk_node *m)
{
	m->replica->vol->g.sectors = 8;
}

/* The newest entry is not in the term that raft has it in. */
static void break_frames(struct rblk_node *m)
{
	struct rblk_replica *r = m->replica;

	r->ent[r->last & r->mask].e.term++;
}

/* break NODE ROOM: an invariant of the room is broken from now on; the node has to notice */
void cmd_break(void)
{
	static const struct {
		const char *room;
		void (*spoil)(struct rblk_node *m);
	} rooms[] = {
		{ "client", break_client }, { "replica", break_replica }, { "raft", break_raft },
		{ "log", break_log }, { "volume", break_volume }, { "size", break_size }, { "frames", break_frames },
	};
	struct node *n = script_up(1);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		if (!ts_text(rooms[i].room))
			continue;
		tap_expect_asserts();
		n->broken = true;
		rooms[i].spoil(n->m);
		return;
	}
	ts_wrong("no such room");
}
