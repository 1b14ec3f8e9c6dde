// SPDX-License-Identifier: GPL-2.0
/* What there is to see. */
#include "node-script.h"

static struct rblk_node_status st;

static char name_of(u64 store)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++)
		if (world.node[i].super.store == store)
			return 'a' + (char)i;
	return store ? '?' : '-';
}

/* Nothing of what was in the structure before may be taken for a part of the status. */
static void take_status(struct node *n)
{
	static struct rblk_node_status other;

	memset(&st, 0, sizeof(st));
	memset(&other, 0xff, sizeof(other));
	rblk_node_status(n->m, &st);
	rblk_node_status(n->m, &other);
	WORLD_CHECK(!memcmp(&st, &other, sizeof(st)), "node %c: its status is not filled in whole",
		    N(n));
}

/* Who is asked for what it lacks. */
static char source_of(const struct node *n)
{
	return st.resync.source < st.npeers ? 'a' + (char)n->slot_node[st.resync.source] : '-';
}

/* status NODE FIELD...; what was pulled, of that zeroes, what is absent, and rates are in KiB */
void cmd_status(void)
{
	static const char *const bounds[] = {
		[NODE_B_NONE] = "none", [NODE_B_MAX] = "max", [NODE_B_USERS] = "users",
	};
	struct node *n = script_up(1);
	int i;
	u32 k;

	take_status(n);

	const struct { const char *name; u64 value; } fields[] = {
		{ "ready", st.ready }, { "needs-resync", st.needs_resync },
		{ "frees", st.frees }, { "mended", st.copies_mended },
		{ "conf", st.conf.index }, { "last", st.raft.last.index },
		{ "executed", st.executed_index }, { "applied", st.applied_index }, { "entries", st.log_entries },
		{ "checkpoints", st.checkpoints }, { "sessions", st.nsessions },
		{ "epoch", st.session_epoch },
		{ "serving", n->serving }, { "not-served", n->serves_refused },
		{ "head-changes", n->head_changes }, { "parts", n->most_parts }, { "members", st.conf.n },
		{ "raft-peers", st.raft.npeers }, { "elections", st.raft.elections },
		{ "readbacks", st.readbacks }, { "transferring", st.raft.transferee != 0 },
		{ "losses", st.losses }, { "lost-again", st.lost_again },
		{ "owes", st.raft.owed.index }, { "rots", st.rots },
		{ "absent", st.absent }, { "installs", st.resync.installs },
		{ "pulled", st.resync.bytes >> 10 }, { "zeroes", st.resync.zero_bytes >> 10 },
		{ "same", st.resync.same_bytes >> 10 }, { "lacks", st.resync.absent_bytes >> 10 },
		{ "unwritten", st.unwritten_bytes >> 10 },
		{ "rate", st.resync.rate },
		{ "reads-failed", st.reads_failed }, { "rewritten", st.blocks_rewritten },
		{ "left", st.blocks_left },
		{ "away-entries", st.away.entries }, { "away-bytes", st.away.bytes },
		{ "rate-entries", st.away.rate_entries }, { "rate-bytes", st.away.rate_bytes },
		{ "rate-ms", st.away.rate_ns / MSEC },
		{ "log-late", st.late_ns[RBLK_LOG_DEVICE] != 0 },
		{ "data-late", st.late_ns[RBLK_DATA_DEVICE] != 0 },
	};

	SAY("%c:", N(n));
	for (i = 2; i < ts_words; i++) {
		if (!strcmp(ts_word[i], "leader")) {
			fprintf(ts_out, " leader %c", name_of(st.raft.leader));
			continue;
		}
		if (!strcmp(ts_word[i], "source")) {
			fprintf(ts_out, " source %c", source_of(n));
			continue;
		}
		if (!strcmp(ts_word[i], "bound")) {
			fprintf(ts_out, " bound %s", bounds[st.resync.bound]);
			continue;
		}
		for (k = 0; k < ARRAY_SIZE(fields) && strcmp(ts_word[i], fields[k].name); k++)
			;
		if (k == ARRAY_SIZE(fields))
			ts_wrong("no such field");
		fprintf(ts_out, " %s %llu", ts_word[i], (unsigned long long)fields[k].value);
	}
	fprintf(ts_out, "\n");
}

/* sessions: as each node knows them */
void cmd_sessions(void)
{
	u32 i, k;

	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[i];

		if (!n->up)
			continue;
		rblk_node_status(n->m, &st);
		SAY("%c: ", N(n));
		if (!world.cfg.shared || node_diskless(n)) {
			fprintf(ts_out, "the holder is %c\n", name_of(st.holder));
			continue;
		}
		fprintf(ts_out, "sessions of");
		for (k = 0; k < st.nsessions; k++)
			fprintf(ts_out, " %c", name_of(st.sessions[k].store));
		fprintf(ts_out, "\n");
	}
}

/* peers NODE: whom it is connected with, and who needs a resync */
void cmd_peers(void)
{
	struct node *n = script_up(1);
	u32 i;

	rblk_node_status(n->m, &st);
	for (i = 0; i < st.npeers; i++) {
		const struct rblk_node_peer_status *p = &st.peer[i];

		SAY("%c: %c is %s%s%s%s%s%s%s%s\n", N(n), 'a' + n->slot_node[i],
		    p->up[0] && p->up[1] ? "connected" : p->up[0] || p->up[1] ? "half connected" :
		    "not connected", p->up[0] && !p->bootstrapped && !p->client ? ", blank" : "",
		    p->needs_resync ? ", needs a resync" : "", p->lost ? ", its replica is lost" : "",
		    p->impaired ? ", impaired" : "", p->blocked ? ", blocked" : "",
		    p->stuck ? ", payload to it is stuck" : "",
		    p->downs == NODE_DOWNS ? ", flaps" : "");
	}
}

/* Everything is executed, applied and checkpointed everywhere; who needs a resync is left out. */
static bool settled(void)
{
	const struct node *lead = node_leader();
	bool all = lead && lead->st.executed_index == lead->st.raft.last.index;
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++) {
		struct node *n = &world.node[i];

		if (!n->up || n->halted || n->st.needs_resync)
			continue;
		if (lead && n->st.executed_index == lead->st.executed_index && !n->st.absent &&
		    n->st.checkpoint_index == n->st.executed_index)
			continue;
		rblk_node_checkpoint(n->m);
		node_after(n);
		all = false;
	}
	return all;
}

/* alike: all members end up with the same log, and the same on their data devices */
void cmd_alike(void)
{
	const struct node *lead;
	u32 i, count = 0;

	if (!world_until(settled, 10 * SEC))
		ts_wrong("they do not become alike");
	lead = node_leader();
	for (i = 0; i < world.cfg.nodes; i++) {
		struct node *n = &world.node[i];

		if (!n->up || n->halted || n->st.needs_resync)
			continue;
		WORLD_CHECK(n->st.digest == lead->st.digest, "node %c: its digest differs", N(n));
		platter_check(n, n->st.executed_index, true, "alike");
		count++;
	}
	SAY("%u are alike\n", count);
}

/* copies NODE: what it has twice, and one of the two is damaged */
void cmd_copies(void)
{
	struct node *n = script_node_at(1);
	bool whole = true;
	u32 c;

	for (c = 0; c < LOG_C_NR; c++)
		if (!copy_whole(n, (enum log_copy)c)) {
			SAY("%c: %s is damaged\n", N(n), copy_name[c]);
			whole = false;
		}
	if (whole)
		SAY("%c: all copies are whole\n", N(n));
}
