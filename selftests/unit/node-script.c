// SPDX-License-Identifier: GPL-2.0
#include "node-script.h"

bool script_quiet;

/* What was told last, so that only changes are told. */
static struct told {
	enum rblk_session_state session;
	bool leads, votes;
	enum rblk_node_halt halt, lost;
	u8 refused[WORLD_NODES];	/* by whom: reason */
} told[WORLD_NODES];

/* ---- words ---- */

struct node *script_node(const char *s)
{
	if (s[0] < 'a' || s[0] >= 'a' + (int)world.cfg.all || s[1])
		ts_wrong("no such node");
	return &world.node[s[0] - 'a'];
}

struct node *script_node_at(int i)
{
	if (i >= ts_words)
		ts_wrong("a node is missing");
	return script_node(ts_word[i]);
}

struct node *script_up(int i)
{
	struct node *n = script_node_at(i);

	if (!n->up)
		ts_wrong("this node is not up");
	return n;
}

void script_link(const char *s, u8 *from, u8 *to)
{
	char name[2] = "";

	*from = WORLD_NONE;
	*to = WORLD_NONE;
	if (!strcmp(s, "all"))
		return;
	if (*s != '-') {
		name[0] = *s++;
		*from = script_node(name)->id;
	}
	if (strncmp(s, "->", 2))
		ts_wrong("neither a->b nor all");
	if (s[2])
		*to = script_node(s + 2)->id;
}

u64 script_time(const char *s)
{
	char *unit;
	u64 v = strtoull(s, &unit, 10);

	if (!strcmp(unit, "us"))
		return v * USEC;
	if (!strcmp(unit, "ms"))
		return v * MSEC;
	if (strcmp(unit, "s") || unit == s)
		ts_wrong("not a time");
	return v * SEC;
}

void script_range(const char *s, u64 *sector, u32 *nsect)
{
	char *end;

	*sector = strtoull(s, &end, 10);
	if (end == s || *end != '+')
		ts_wrong("not a range SECTOR+COUNT");
	*nsect = (u32)strtoul(end + 1, NULL, 10);
}

const char *script_took(u64 ns)
{
	static char buf[32];
	u64 ms = ns / MSEC;

	if (ms < 10)
		snprintf(buf, sizeof(buf), "%llu ms", (unsigned long long)ms);
	else if (ms < 1000)
		snprintf(buf, sizeof(buf), "%llu ms", (unsigned long long)(ms + 5) / 10 * 10);
	else
		snprintf(buf, sizeof(buf), "%llu.%llu s", (unsigned long long)(ms + 50) / 1000,
			 (unsigned long long)(ms + 50) / 100 % 10);
	return buf;
}

bool script_run(u64 ns, bool (*done)(void))
{
	u64 until = world.now + ns;

	while (!(done && done()))
		if (!ev_step(until))
			return false;
	return true;
}

const char *script_error(enum op_kind kind, int error)
{
	static const struct { int error; const char *text[OP_CLOSE + 1]; } words[] = {
		{ -EAGAIN, { "too many are in progress", "too many are in progress",
			     "too many are in progress", "too many wait for the session",
			     "writes are in progress" } },
		{ -EBUSY, { "no session", "no session", NULL, "in use elsewhere", NULL } },
		{ -ESTALE, { "fenced", "fenced", "fenced", "fenced", NULL } },
		{ -EINVAL, { "not a valid range", "not a valid range" } },
		{ -EALREADY, { NULL, NULL, NULL, "held already", "the session stays" } },
		{ -ENOENT, { NULL, NULL, NULL, NULL, "no session" } },
		{ -ETIMEDOUT, { NULL, NULL, NULL, "no answer", NULL } },
		{ -ESHUTDOWN, { "stopped", "stopped", "stopped", "stopped", "stopped" } },
		{ -EIO, { "I/O error", "I/O error", "I/O error", "I/O error", "I/O error" } },
	};
	static char number[24];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].error == error && words[i].text[kind])
			return words[i].text[kind];
	snprintf(number, sizeof(number), "error %u", (u32)-error);
	return number;
}

/* ---- what is told ---- */

static void tell_session(struct node *n, enum rblk_session_state s)
{
	static const char *const text[] = {
		[NODE_S_NONE] = "none", [NODE_S_HELD] = "held", [NODE_S_FENCED] = "fenced",
	};

	if (s == NODE_S_OPENING || s == told[n->id].session)
		return;
	told[n->id].session = s;
	if (script_quiet)
		return;
	SAY("%c: session %s\n", N(n), text[s]);
}

static void tell_role(struct node *n, bool leads)
{
	if (leads == told[n->id].leads)
		return;
	told[n->id].leads = leads;
	SAY("%c: leads%s\n", N(n), leads ? "" : " no longer");
}

static void traced(struct node *n, enum rblk_node_trace what, u64 index, u64 arg)
{
	if (what == NODE_T_SESSION)
		tell_session(n, (enum rblk_session_state)arg);
	else if (what == NODE_T_ROLE)
		tell_role(n, arg == RAFT_LEADER);
}

static void ran(struct node *n)
{
	static const char *const text[] = {
		[NODE_HALT_LOG] = "its log device", [NODE_HALT_DATA] = "its data device",
		[NODE_HALT_ROT] = "rot in its log", [NODE_HALT_INVARIANT] = "a broken invariant",
		[NODE_HALT_SET_BACK] = "its store was set back",
		[NODE_HALT_COPY] = "its store is a copy", [NODE_HALT_STOPPED] = "it was stopped",
	};
	struct told *t = &told[n->id];

	if (n->st.lost != t->lost || n->st.votes != t->votes) {
		t->lost = n->st.lost;
		t->votes = n->st.votes;
		if (t->votes)
			SAY("%c: its data device is lost: it votes with its log\n", N(n));
		else if (t->lost)
			SAY("%c: its replica is lost: %s\n", N(n), text[t->lost]);
		else
			SAY("%c: its replica is attached\n", N(n));
	}
	if (n->st.halt == t->halt)
		return;
	t->halt = n->st.halt;
	SAY("%c: halted: %s%s%s\n", N(n), text[t->halt], n->st.invariant ? ": " : "",
	    n->st.invariant ? n->st.invariant : "");
}

static void rejected(u8 node, u8 other, u8 reason)
{
	if (told[other].refused[node] == reason)
		return;
	told[other].refused[node] = reason;
	SAY("%c refuses %c: %s\n", 'a' + node, 'a' + other, rblk_wire_reason_text(reason));
}

static void copy(struct node *n, enum log_copy c, u64 error)
{
	SAY("%c: %s %s\n", N(n), copy_name[c],
	    error ? "is damaged, and cannot be rewritten" : "was damaged, and is rewritten");
}

void script_started(struct node *n)
{
	u32 i;

	memset(&told[n->id], 0, sizeof(told[n->id]));
	for (i = 0; i < WORLD_NODES; i++)
		told[i].refused[n->id] = 0;
}

static void failed(void)
{
	printf("# %s\n", world.why);
	longjmp(tap_jmp, 1);
}

void script_world(void)
{
	memset(told, 0, sizeof(told));
	script_ops_forget();
	world.on = (struct world_hooks){
		.ended = script_op_ended, .traced = traced, .ran = ran, .rejected = rejected,
		.failed = failed, .copy = copy,
	};
}
