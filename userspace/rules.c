// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps a volume from being written to here, and what to do. The rules are in one table,
 * and the first one that applies is the answer. A rule sees the status only.
 */
#include "status.h"
#include "wire/wire.h"

struct said {
	char cause[512];
	char step[512];
};

__attribute__((format(printf, 2, 3)))
static void cause(struct said *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->cause, sizeof(s->cause), fmt, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3)))
static void step(struct said *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->step, sizeof(s->step), fmt, args);
	va_end(args);
}

static bool is(struct json_object *o, const char *path, const char *value)
{
	return !strcmp(jstr(o, path), value);
}

/* Finds the first peer of which @test is true; *@n is set to how many there are. */
static struct json_object *peer_with(struct json_object *o, bool (*test)(struct json_object *p),
				     size_t *n)
{
	struct json_object *peers = js(o, "peers"), *first = NULL, *p;
	size_t i;

	*n = 0;
	for (i = 0; peers && i < json_object_array_length(peers); i++) {
		p = json_object_array_get_idx(peers, i);
		if (!test(p))
			continue;
		(*n)++;
		first = first ? first : p;
	}
	return first;
}

bool peer_is_down(struct json_object *p)
{
	return !jb(p, "consensus_up") || !jb(p, "bulk_up");
}

static bool is_resync(struct json_object *p)
{
	return jb(p, "needs_resync");
}

static bool peer_is_impaired(struct json_object *p)
{
	return jb(p, "impaired");
}

struct json_object *node_in_list(struct json_object *list, const char *node)
{
	struct json_object *e;
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		e = json_object_array_get_idx(list, i);
		if (is(e, "node", node))
			return e;
	}
	return NULL;
}

/*
 * "n2 (Connection refused), n3 (refuses this node: another volume)": all peers that are not
 * connected; of them only those that are in @among, unless that is NULL.
 */
static void list_down(struct json_object *o, struct json_object *among, char *buf, size_t size)
{
	struct json_object *peers = js(o, "peers"), *p;
	size_t i, n = 0;

	buf[0] = 0;
	for (i = 0; peers && i < json_object_array_length(peers) && n < size; i++) {
		p = json_object_array_get_idx(peers, i);
		if (!peer_is_down(p) || (among && !node_in_list(among, jstr(p, "node"))))
			continue;
		n += snprintf(buf + n, size - n, "%s%s (%s%s)", n ? ", " : "", jstr(p, "node"),
			      js(p, "rejected") ? "refused by this node: " :
			      js(p, "refused")	? "refuses this node: " :
						  "",
			      jstr(p, "reason")[0] ? jstr(p, "reason") :
			      js(p, "error")	   ? strerror(ju(p, "error")) :
						     "no contact");
	}
}

/* ---- the rules; each returns true if it applies ---- */

static bool not_running(struct json_object *o, struct said *s)
{
	if (js(o, "role") && is(o, "state", "running"))
		return false;
	cause(s, "the volume is %s", js(o, "state") ? jstr(o, "state") :
	      "known by its name only: its status did not fit into the answer");
	step(s, "wait; 'dmesg' tells what it is doing");
	return true;
}

static bool no_answer(struct json_object *o, struct said *s)
{
	u64 ms = ju(o, "age_ms");

	if (ms < STATUS_OLD_MS)
		return false;
	cause(s, "the volume has been unresponsive on this node for %llu s",
	      (unsigned long long)(ms / 1000));
	if (jstr(o, "log_path")[0])
		step(s, "wait; if it lasts, I/O to %s or %s is stuck; see: dmesg",
		     jstr(o, "log_path"), jstr(o, "data_path"));
	else
		step(s, "wait; if it lasts, see: dmesg");
	return true;
}

static bool halted(struct json_object *o, struct said *s)
{
	static const struct {
		const char *halt, *cause, *step;
	} why[] = {
		{ "log", "its log device failed",
		  "repair or replace %s, then 'raftblk down --force' and 'raftblk up'" },
		{ "data", "its data device failed",
		  "repair or replace %s, then 'raftblk down --force' and 'raftblk up'" },
		{ "rot", "a committed entry in its log is damaged",
		  "keep the other nodes running; 'raftblk dump %s' shows which entries are lost" },
		{ "set-back", "its store was set back to an older state: a member saw more of it than it has now",
		  "keep the other nodes running; restore the newest state of %s and of the data device, or see 'up --forget' in raftblk(8)" },
		{ "invariant", "a broken invariant",
		  "if devices of any node were set back to an older image, that may be why: 'raftblk why' on the others says whose; else please report this with the kernel log; 'raftblk down --force' and 'raftblk up' start the node again from %s" },
	};
	const char *path = is(o, "halt", "data") ? "data_path" : "log_path";
	bool cond = js(o, "invariant");
	size_t i;

	if (is(o, "halt", "none"))
		return false;
	for (i = 0; i < ARRAY_SIZE(why); i++) {
		if (!is(o, "halt", why[i].halt))
			continue;
		cause(s, "this node is halted: %s%s%s%s", why[i].cause, cond ? ": " : " (",
		      cond ? jstr(o, "invariant") : strerror(ju(o, "halt_error")),
		      cond ? "" : ")");
		snprintf(s->step, sizeof(s->step), why[i].step, jstr(o, path));
		return true;
	}
	cause(s, "this node is halted: %s", jstr(o, "halt"));
	step(s, "see: dmesg");
	return true;
}

/* The first peer that refuses this node for @reason; NULL: none does. */
static struct json_object *refusing(struct json_object *o, enum wire_reason reason)
{
	struct json_object *peers = js(o, "peers"), *p;
	size_t i;

	for (i = 0; peers && i < json_object_array_length(peers); i++) {
		p = json_object_array_get_idx(peers, i);
		if (ju(p, "refused") == reason)
			return p;
	}
	return NULL;
}

static bool not_a_member(struct json_object *o, struct said *s)
{
	struct json_object *p = refusing(o, WIRE_R_STORE);

	if (!p)
		return false;
	cause(s,
	      "the store of this node is not a member of the volume: it was wiped or swapped (%s refuses it)",
	      jstr(p, "node"));
	step(s,
	     "attach the devices that the volume was bootstrapped with; a new store cannot be added in this version");
	return true;
}

static bool set_back(struct json_object *o, struct said *s)
{
	struct json_object *p = refusing(o, WIRE_R_ROLLBACK);

	if (!p || jb(o, "ready"))
		return false;
	cause(s,
	      "%s refuses the store of this node, which is older than it was seen to be: its devices were set back, or have lost what they said was durable",
	      jstr(p, "node"));
	step(s,
	     "attach the devices in their newest state, not an image or snapshot of them; if that is gone, keep the other nodes up: they have what was acknowledged; 'up --forget' in raftblk(8) says how the store can take part again");
	return true;
}

/* A peer that is not connected, as one side refuses the other; of those in @among. NULL: none. */
static struct json_object *refused_peer(struct json_object *o, struct json_object *among)
{
	struct json_object *peers = js(o, "peers"), *p;
	size_t i;

	for (i = 0; peers && i < json_object_array_length(peers); i++) {
		p = json_object_array_get_idx(peers, i);
		if (peer_is_down(p) && (js(p, "rejected") || js(p, "refused")) &&
		    (!among || node_in_list(among, jstr(p, "node"))))
			return p;
	}
	return NULL;
}

static const char *refusal_step(struct json_object *p)
{
	return rblk_wire_reason_step(ju(p, js(p, "rejected") ? "rejected" : "refused"));
}

/* Whoever was never let in does not know whether the volume is bootstrapped. */
static bool refused(struct json_object *o, struct said *s)
{
	struct json_object *p = refused_peer(o, NULL);

	if (js(o, "conf") || !p)
		return false;
	cause(s, js(p, "rejected") ? "this node refuses %s: %s" : "%s refuses this node: %s",
	      jstr(p, "node"), jstr(p, "reason"));
	step(s, "%s", refusal_step(p));
	return true;
}

static bool not_bootstrapped(struct json_object *o, struct said *s)
{
	char down[384];
	size_t n;

	if (js(o, "conf"))
		return false;
	if (peer_with(o, peer_is_down, &n)) {
		list_down(o, NULL, down, sizeof(down));
		cause(s, "the volume is not bootstrapped yet, and not all nodes are connected: %s",
		      down);
		step(s,
		     "run 'raftblk up %s' on the missing nodes; check addresses and firewalls, and that the file there has this node",
		     jstr(o, "volume"));
	} else {
		cause(s, "the volume is not bootstrapped yet");
		step(s, "run on one node, once: raftblk bootstrap %s", jstr(o, "volume"));
	}
	return true;
}

static bool wants_resync(struct json_object *o, struct said *s)
{
	if (!jb(o, "needs_resync"))
		return false;
	cause(s, "this node was away for so long that the leader's log no longer covers it");
	step(s,
	     "its replica needs a resync, which this version cannot do yet; until then I/O on this node goes to the leader");
	return true;
}

static bool fenced(struct json_object *o, struct said *s)
{
	if (!is(o, "session", "fenced"))
		return false;
	cause(s,
	      "the session of this node was taken over by %s, and I/O fails here until every opener is gone",
	      jstr(o, "holder_node")[0] ? jstr(o, "holder_node") : "another node");
	step(s, "unmount %s and close it everywhere on this node (%llu openers)", jstr(o, "device"),
	     (unsigned long long)ju(o, "openers"));
	return true;
}

static bool no_quorum(struct json_object *o, struct said *s)
{
	struct json_object *members = js(o, "conf.members"), *m, *p;
	size_t n = members ? json_object_array_length(members) : 0, self = 0, up = 0, i;
	char down[384];

	for (i = 0; i < n; i++) {
		m = json_object_array_get_idx(members, i);
		if (is(m, "store", jstr(o, "store"))) {
			self = 1;
			continue;
		}
		p = node_in_list(js(o, "peers"), jstr(m, "node"));
		up += p && !peer_is_down(p);
	}
	if (!n || self + up > n / 2)
		return false;
	list_down(o, members, down, sizeof(down));
	cause(s,
	      "no quorum: this node is connected to %zu of %zu %s, and needs %zu; missing: %s",
	      up, n - self, self ? "other members" : "members", n / 2 + 1 - self, down);
	p = refused_peer(o, members);
	step(s, "%s; I/O waits until then", p ? refusal_step(p) : "bring one of them back");
	return true;
}

static bool no_leader(struct json_object *o, struct said *s)
{
	if (strcmp(jstr(o, "leader_node"), ""))
		return false;
	cause(s, "no leader is known; an election is in progress (term %llu)",
	      (unsigned long long)ju(o, "term"));
	step(s, "wait a moment; if it lasts, run 'raftblk why %s' on the other nodes",
	     jstr(o, "volume"));
	return true;
}

/* "n2 (needs a resync), n3 (Connection refused)": the other members that cannot acknowledge. */
static void list_unable(struct json_object *o, char *buf, size_t size)
{
	struct json_object *peers = js(o, "peers"), *p;
	size_t i, n;

	list_down(o, js(o, "conf.members"), buf, size);
	n = strlen(buf);
	for (i = 0; peers && i < json_object_array_length(peers) && n < size; i++) {
		p = json_object_array_get_idx(peers, i);
		if (peer_is_down(p) || (!is_resync(p) && !peer_is_impaired(p)))
			continue;
		n += snprintf(buf + n, size - n, "%s%s (%s)", n ? ", " : "", jstr(p, "node"),
			      is_resync(p) ? "needs a resync" : "a device of it does not respond");
	}
}

static bool too_few(struct json_object *o, struct said *s)
{
	char unable[384];

	list_unable(o, unable, sizeof(unable));
	cause(s, "too few members can acknowledge writes; those that cannot: %s",
	      unable[0] ? unable : "they are connected, but do not answer");
	step(s,
	     "bring back one that is not connected; one that needs a resync does not help, and this version cannot resync it");
	return true;
}

static bool cannot_commit(struct json_object *o, struct said *s)
{
	cause(s, "too few members can acknowledge writes, says %s, which leads",
	      jstr(o, "leader_node"));
	step(s, "on %s, 'raftblk why %s' says which ones cannot, and why", jstr(o, "leader_node"),
	     jstr(o, "volume"));
	return true;
}

static bool not_ready(struct json_object *o, struct said *s)
{
	if (jb(o, "ready"))
		return false;
	if (!is(o, "role", "leader"))
		return cannot_commit(o, s);
	if (jb(o, "leader_ready"))
		return too_few(o, s);
	cause(s, "this leader has not committed an entry of its term yet");
	step(s,
	     "wait a moment; if it lasts, a majority cannot write: run 'raftblk status' on the other nodes");
	return true;
}

/* How many members can acknowledge writes, as the leader sees it; *@all: how many there are. */
size_t able_members(struct json_object *o, size_t *all)
{
	struct json_object *members = js(o, "conf.members"), *m, *p;
	size_t i, n = 0;

	*all = members ? json_object_array_length(members) : 0;
	for (i = 0; i < *all; i++) {
		m = json_object_array_get_idx(members, i);
		if (is(m, "store", jstr(o, "store"))) {
			/* What a data device holds up is not the acknowledgment. */
			n += is(o, "halt", "none") && !jb(o, "needs_resync") &&
			     !ju(o, "log_late_ms");
			continue;
		}
		p = node_in_list(js(o, "peers"), jstr(m, "node"));
		n += p && !peer_is_down(p) && !is_resync(p) && !peer_is_impaired(p);
	}
	return n;
}

/* The leader alone knows of the devices of the others. */
static bool devices_hang(struct json_object *o, struct said *s)
{
	char unable[384];
	size_t all, n = able_members(o, &all);

	if (!is(o, "role", "leader") || n > all / 2)
		return false;
	list_unable(o, unable, sizeof(unable));
	cause(s, "the devices of too many members do not respond; %zu of %zu members can acknowledge writes; those that cannot: %s%s%s",
	      n, all, unable, unable[0] && ju(o, "log_late_ms") ? ", " : "",
	      ju(o, "log_late_ms") ? "this node (its log device does not respond)" : "");
	step(s, "see what is wrong with these devices: 'dmesg' on their nodes; writes go on as soon as they respond");
	return true;
}

static bool held_elsewhere(struct json_object *o, struct said *s)
{
	const char *holder = jstr(o, "holder_node");

	if (!holder[0] || !strcmp(holder, jstr(o, "node")))
		return false;
	cause(s, "%s holds the session of the volume: one node writes at a time", holder);
	step(s,
	     "open the device here: %s gives up the session if it does not use the device; if it does, close it there, or take the session: raftblk take %s --force",
	     holder, jstr(o, "volume"));
	return true;
}

static const struct rule {
	const char *name;
	bool (*applies)(struct json_object *o, struct said *s);
} rules[] = {
	{ "not-running", not_running },
	{ "no-answer", no_answer },
	{ "halted", halted },
	{ "not-a-member", not_a_member },
	{ "set-back", set_back },
	{ "refused", refused },
	{ "not-bootstrapped", not_bootstrapped },
	{ "needs-resync", wants_resync },
	{ "fenced", fenced },
	{ "no-quorum", no_quorum },
	{ "no-leader", no_leader },
	{ "not-ready", not_ready },
	{ "devices-hang", devices_hang },
	{ "held-elsewhere", held_elsewhere },
};

const char *why_rule(size_t i)
{
	return i < ARRAY_SIZE(rules) ? rules[i].name : NULL;
}

/* How full the log is. */
unsigned int log_percent(struct json_object *o)
{
	u64 size = ju(o, "ring_bytes");

	return size ? ju(o, "ring_used") * 100 / size : 0;
}

/* ---- what does not prevent writing, but is worth knowing ---- */

static void remark(struct json_object *list, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_object_array_add(list, json_object_new_string(text));
}

static void remarks(struct json_object *o, struct json_object *list, bool quorum_told)
{
	struct json_object *p;
	char down[384];
	size_t n;

	p = peer_with(o, peer_is_down, &n);
	if (p && !quorum_told) {
		list_down(o, NULL, down, sizeof(down));
		p = refused_peer(o, NULL);
		remark(list, "not connected: %s%s%s", down, p ? "; " : "", p ? refusal_step(p) : "");
	}
	if (ju(o, "log_late_ms"))
		remark(list, "the log device %s has not responded for %llu s: this replica does not take part",
		       jstr(o, "log_path"), (unsigned long long)ju(o, "log_late_ms") / 1000);
	if (ju(o, "data_late_ms"))
		remark(list, "the data device %s has not responded for %llu s: reads on this node wait for it",
		       jstr(o, "data_path"), (unsigned long long)ju(o, "data_late_ms") / 1000);
	p = peer_with(o, peer_is_impaired, &n);
	if (p)
		remark(list, "%s is held up: a device of it does not respond", jstr(p, "node"));
	p = peer_with(o, is_resync, &n);
	if (p)
		remark(list, "%s needs a resync: the log no longer covers it", jstr(p, "node"));
	if (log_percent(o) > LOG_FULL)
		remark(list, "the log is %u%% full: writes wait for the data device %s",
		       log_percent(o), jstr(o, "data_path"));
	if (ju(o, "frames_bad"))
		remark(list, "%llu connections were closed because of invalid frames; see: dmesg",
		       (unsigned long long)ju(o, "frames_bad"));
}

struct json_object *why_explain(struct json_object *o)
{
	struct json_object *r = json_object_new_object(), *list = json_object_new_array();
	struct said s = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].applies(o, &s))
			break;
	json_object_object_add(r, "volume", json_object_new_string(jstr(o, "volume")));
	json_object_object_add(r, "node", json_object_new_string(jstr(o, "node")));
	json_object_object_add(r, "writable", json_object_new_boolean(i == ARRAY_SIZE(rules)));
	if (i < ARRAY_SIZE(rules)) {
		json_object_object_add(r, "rule", json_object_new_string(rules[i].name));
		json_object_object_add(r, "cause", json_object_new_string(s.cause));
		json_object_object_add(r, "next_step", json_object_new_string(s.step));
	}
	remarks(o, list, i < ARRAY_SIZE(rules) && strstr(s.cause, "connected"));
	json_object_object_add(r, "remarks", list);
	return r;
}
