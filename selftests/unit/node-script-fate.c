// SPDX-License-Identifier: GPL-2.0
/* Time passes, the network and the disks do not do what they should. */
#include "node-script.h"

/* run TIME */
void cmd_run(void)
{
	script_run(script_time(ts_word[1]), NULL);
}

/* ---- network ---- */

/* Between @a and @b, or all if there is no b. */
static void each_link(void (*what)(u8 a, u8 b))
{
	struct node *n = script_node_at(1);
	u8 i;

	if (ts_words > 2) {
		what(n->id, script_node_at(2)->id);
		return;
	}
	for (i = 0; i < world.cfg.all; i++)
		if (i != n->id)
			what(n->id, i);
}

static void stall(u8 a, u8 b)
{
	net_block(a, b, NEVER);
	net_block(b, a, NEVER);
}

static void reset(u8 a, u8 b)
{
	int ch;

	for (ch = 0; ch < WIRE_CHANNELS; ch++)
		net_reset(a, b, (enum wire_channel)ch);
}

static void cut(u8 a, u8 b)
{
	stall(a, b);
	reset(a, b);
}

static void join(u8 a, u8 b)
{
	net_unblock(a, b);
	net_unblock(b, a);
}

/*
 * narrow LINK BYTES: frames of more bytes do not get through, and what is sent on the same
 * connection waits behind them. wide LINK: that is over.
 */
void cmd_narrow(void)
{
	u32 above = strcmp(ts_word[0], "wide") ? (u32)ts_num(2) : 0;
	u8 from, to, a, b;

	script_link(ts_word[1], &from, &to);
	for (a = 0; a < world.cfg.all; a++)
		for (b = 0; b < world.cfg.all; b++)
			if (a != b && (from == WORLD_NONE || from == a) &&
			    (to == WORLD_NONE || to == b))
				net_swallow(a, b, above);
}

/*
 * cut NODE [NODE]: the connections break; stall: nobody is told, what is sent waits.
 * join NODE [NODE]: that is over. reset NODE [NODE]: they break, and come again.
 */
void cmd_cut(void)
{
	static const struct { const char *name; void (*what)(u8 a, u8 b); } words[] = {
		{ "cut", cut }, { "stall", stall }, { "join", join }, { "reset", reset },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(ts_word[0], words[i].name))
			each_link(words[i].what);
}

/* flap NODE N TIME: so often it is there for so long, then cut off for so long */
void cmd_flap(void)
{
	u64 i, count = ts_num(2), time = script_time(ts_word[3]);

	ts_words = 2;
	for (i = 0; i < count; i++) {
		script_run(time, NULL);
		each_link(cut);
		script_run(time, NULL);
		each_link(join);
	}
}

/* latency TIME: one way */
void cmd_latency(void)
{
	world.cfg.delay_min = world.cfg.delay_max = script_time(ts_word[1]);
}

/* rate BYTES: of a connection in a millisecond, one way */
void cmd_rate(void)
{
	world.cfg.bandwidth = ts_num(1);
	world.cfg.pipe = true;
}

static const struct { const char *name; u8 type, msg; bool entries; } kinds[] = {
	{ "submit", WIRE_SUBMIT, 0, false }, { "writes", WIRE_SUBMIT, 0, true },
	{ "reply", WIRE_REPLY, 0, false }, { "read", WIRE_READ, 0, false },
	{ "data", WIRE_DATA, 0, false }, { "raft", WIRE_RAFT, 0, false },
	{ "pull", WIRE_PULL, 0, false }, { "state", WIRE_STATE, 0, false },
	{ "map", WIRE_MAP, 0, false }, { "chunk", WIRE_CHUNK, 0, false },
	{ "mark", WIRE_MARK, 0, false }, { "sums", WIRE_SUMS, 0, false },
	{ "alive", WIRE_ALIVE, 0, false },
	{ "append", WIRE_RAFT, RAFT_MSG_APPEND, false },
	{ "entries", WIRE_RAFT, RAFT_MSG_APPEND, true },
	{ "append-reply", WIRE_RAFT, RAFT_MSG_APPEND_REPLY, false },
	{ "prevote", WIRE_RAFT, RAFT_MSG_PREVOTE, false },
	{ "vote", WIRE_RAFT, RAFT_MSG_VOTE, false },
	{ "vote-reply", WIRE_RAFT, RAFT_MSG_VOTE_REPLY, false },
	{ "timeout-now", WIRE_RAFT, RAFT_MSG_TIMEOUT_NOW, false },
};

static void add_rule(enum net_fate fate)
{
	struct net_rule r = { .fate = fate };
	u32 i;

	script_link(ts_word[1], &r.from, &r.to);
	for (i = 0; ts_words > 2 && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(ts_word[2], kinds[i].name))
			break;
	if (i == ARRAY_SIZE(kinds))
		ts_wrong("no such kind of frame");
	if (ts_words > 2) {
		r.type = kinds[i].type;
		r.msg = kinds[i].msg;
		r.entries = kinds[i].entries;
	}
	r.count = ts_words > 3 ? (u32)ts_num(3) : 0;
	net_rule_add(&r);
}

/*
 * lose|twice|hold|count LINK [KIND [COUNT]]: frames are lost without a word, come twice, are
 * held back, or counted. counted: how many of these there were. free: no more of this, and what was
 * held arrives. forget: no more, and it is lost.
 */
void cmd_frames(void)
{
	static const struct { const char *name; enum net_fate fate; } words[] = {
		{ "lose", NET_LOSE }, { "twice", NET_TWICE }, { "hold", NET_HOLD },
		{ "count", NET_PASS },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(ts_word[0], words[i].name)) {
			add_rule(words[i].fate);
			return;
		}
	if (!strcmp(ts_word[0], "counted")) {
		SAY("%u frames\n", net_rules_seen());
		return;
	}
	net_rules_end();
	if (!strcmp(ts_word[0], "free"))
		net_release(WORLD_NONE, WORLD_NONE);
	else
		net_drop(WORLD_NONE, WORLD_NONE);
}

/* ---- disks ---- */

/*
 * disk NODE hold|lose|go|fail|part KIND: operations of a kind do not end, do not even leave traces
 * if the power goes, end, the next one fails, or a part of what does not end has ended (apply);
 * log, meta, map, readback on the log device, apply, sync, read on the other one
 */
void cmd_disk(void)
{
	static const char *const names[] = {
		[D_LOG] = "log", [D_META] = "meta", [D_MAP] = "map", [D_LOG_READ] = "readback",
		[D_APPLY] = "apply", [D_SYNC] = "sync", [D_READ] = "read",
	};
	struct node *n = script_node_at(1);
	struct disk *d;
	u32 k;

	for (k = 0; k < ARRAY_SIZE(names) && strcmp(ts_word[3], names[k]); k++)
		;
	if (k == ARRAY_SIZE(names))
		ts_wrong("no such kind of operation");
	d = k <= D_LOG_READ ? &n->log : &n->data;
	if (!strcmp(ts_word[2], "lose"))
		d->lose |= 1u << k;
	if (!strcmp(ts_word[2], "hold") || !strcmp(ts_word[2], "lose"))
		d->hold |= 1u << k;
	else if (!strcmp(ts_word[2], "fail"))
		d->fail |= 1u << k;
	else if (!strcmp(ts_word[2], "part"))
		rblk_node_apply_part(n->m, node_now(n));
	else
		disk_release(d, 1u << k);
}

/* adjust NODE [resync-min=MIB] [resync-max=MIB]: while it runs */
void cmd_adjust(void)
{
	struct node *n = script_up(1);
	struct rblk_node_tuning to = {
		.resync_min = (u32)ts_option("resync-min", 0),
		.resync_max = (u32)ts_option("resync-max", 0),
	};

	rblk_node_adjust(n->m, &to);
	node_after(n);
}

/* serves NODE N|any: so many reads for other nodes at once */
void cmd_serves(void)
{
	script_up(1)->serves = ts_text("any") ? U32_MAX : (u32)ts_num(2);
}
