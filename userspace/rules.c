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

#define LASTS_ELECTIONS	10	/* nobody is elected any more by waiting */

static u64 waits_s(struct json_object *o)
{
	return ju(o, "waiting_ms") / 1000;
}

/* Has I/O not been served for longer than an election takes? */
static bool lasts(struct json_object *o)
{
	return ju(o, "waiting_ms") >= LASTS_ELECTIONS * election_ms(o);
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
		  "no other member has what is lost, and 'raftblk dump %s' shows which entries that are: restore a backup" },
		{ "set-back", "its store was set back to an older state: a member saw more of it than it has now",
		  "keep the other nodes running; restore the newest state of %s and of the data device, or see 'up --forget' in raftblk(8)" },
		{ "copy", "a member knows another start of its store: the devices of this node are a copy, or were copied",
		  "run only one machine under the name of this node, on the devices that it had all the time, and stop this one if %s is a copy; if it is the one to keep, see 'up --forget' in raftblk(8)" },
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

static bool not_a_member(struct json_object *o, struct said *s)
{
	struct json_object *p = peer_refusing(o, WIRE_R_STORE);

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
	struct json_object *p = peer_refusing(o, WIRE_R_ROLLBACK);

	if (!p || jb(o, "ready"))
		return false;
	cause(s,
	      "%s refuses the store of this node, which is older than it was seen to be: its devices were set back, or have lost what they said was durable",
	      jstr(p, "node"));
	step(s,
	     "attach the devices in their newest state, not an image or snapshot of them; if that is gone, keep the other nodes up: they have what was acknowledged; 'up --forget' in raftblk(8) says how the store can take part again");
	return true;
}

static bool copy(struct json_object *o, struct said *s)
{
	struct json_object *p = peer_refusing(o, WIRE_R_COPY);

	if (!p || jb(o, "ready"))
		return false;
	cause(s,
	      "%s refuses the store of this node, since it knows another start of it: the devices of this node are a copy, or were copied",
	      jstr(p, "node"));
	step(s, "%s", refusal_step(p));
	return true;
}

/* Whoever was never let in does not know whether the volume is bootstrapped. */
static bool refused(struct json_object *o, struct said *s)
{
	struct json_object *p = peer_with(o, peer_is_refused, NULL);

	if (js(o, "conf") || !p)
		return false;
	cause(s, js(p, "rejected") ? "this node refuses %s: %s" : "%s refuses this node: %s",
	      jstr(p, "node"), jstr(p, "reason"));
	step(s, "%s", refusal_step(p));
	return true;
}

static bool has_volume(struct json_object *o, struct json_object *p)
{
	return jb(p, "bootstrapped");
}

/* Members say so when they connect; what the volume is like, a leader tells. */
static bool not_joined(struct json_object *o, struct said *s)
{
	struct json_object *p = peer_with(o, has_volume, NULL);

	if (js(o, "conf") || !p)
		return false;
	cause(s, "%s has the volume, but no leader has told this node of it yet", jstr(p, "node"));
	step(s, "on %s, 'raftblk why %s' says whether there is a leader, and whether this node is let in",
	     jstr(p, "node"), jstr(o, "volume"));
	return true;
}

static bool not_bootstrapped(struct json_object *o, struct said *s)
{
	char down[384];

	if (js(o, "conf"))
		return false;
	if (peer_with(o, peer_is_down, NULL)) {
		cause(s, "the volume is not bootstrapped yet, and not all nodes are connected: %s",
		      list_peers(o, peer_is_down, down, sizeof(down)));
		step(s,
		     "run 'raftblk up %s' on the missing nodes; check addresses and firewalls, and that the file there has this node",
		     jstr(o, "volume"));
	} else {
		cause(s, "the volume is not bootstrapped yet");
		step(s, "run on one node, once: raftblk bootstrap %s", jstr(o, "volume"));
	}
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

/* How many members are connected; *@all: how many others there are; *@self: is this one? */
static size_t connected(struct json_object *o, size_t *all, size_t *self)
{
	struct json_object *members = js(o, "conf.members");
	size_t i, up, down;

	*self = 0;
	peer_with(o, replica_is_there, &up);
	peer_with(o, replica_is_down, &down);
	*all = up + down;
	for (i = 0; members && i < json_object_array_length(members); i++)
		*self |= is(json_object_array_get_idx(members, i), "store", jstr(o, "store"));
	return up;
}

/*
 * A client needs the one that leads; a member needs a majority, but for one whose leader has that:
 * then it is served.
 */
static bool no_quorum(struct json_object *o, struct said *s)
{
	size_t all, self, up = connected(o, &all, &self), needs;
	struct json_object *p = peer_with(o, replica_is_refused, NULL);
	char down[384];

	needs = is_client(o) ? 1 : (all + self) / 2 + 1 - (self && !is_lost(o));
	if (jb(o, "ready") || !all || up >= needs)
		return false;
	list_peers(o, replica_is_down, down, sizeof(down));
	if (is_client(o))
		cause(s, "this client is connected to none of the %zu nodes that have the volume: %s",
		      all, down);
	else
		cause(s, "no quorum: this node is connected to %zu of %zu other members, and needs %zu; missing: %s",
		      up, all, needs, down);
	step(s, "%s; I/O waits until then", p ? refusal_step(p) : "bring one of them back");
	return true;
}

/* It has been tried for long enough: who is missing, who is silent? */
static void nobody_leads(struct json_object *o, struct said *s)
{
	struct json_object *down = peer_with(o, replica_is_down, NULL);
	char list[384], own[300] = "";

	if (is_lost(o))
		snprintf(own, sizeof(own), "; the %s device of this node failed, so it cannot vote",
			 is(o, "lost", "data") ? "data" : "log");
	else if (ju(o, "owed_index"))
		snprintf(own, sizeof(own), "; the log of this node was damaged, so it votes only for a node that has all that it had acknowledged ('up --forget' in raftblk(8) tells what to do if there is none any more)");
	else if (ju(o, "log_late_ms"))
		snprintf(own, sizeof(own), "; the log device %s of this node does not respond, so it cannot vote",
			 jstr(o, "log_path"));
	cause(s, "no leader has been heard of for %llu s%s%s%s", (unsigned long long)waits_s(o), own,
	      peer_with(o, replica_is_absent, NULL) ? "; of no help: " : "",
	      list_peers(o, replica_is_absent, list, sizeof(list)));
	step(s, "run 'raftblk why %s' on the other nodes%s", jstr(o, "volume"),
	     down ? "; if one that is not connected leads, open the device here: leadership moves to a node that both hear" :
		    "");
}

static bool no_leader(struct json_object *o, struct said *s)
{
	if (strcmp(jstr(o, "leader_node"), ""))
		return false;
	if (lasts(o)) {
		nobody_leads(o, s);
		return true;
	}
	cause(s, "no leader is known; an election is in progress (term %llu)",
	      (unsigned long long)ju(o, "term"));
	step(s, "wait a moment; if it lasts, run 'raftblk why %s' again", jstr(o, "volume"));
	return true;
}

static bool too_few(struct json_object *o, struct said *s)
{
	struct json_object *p;
	char unable[384];
	bool late = ju(o, "log_late_ms");

	list_peers(o, replica_is_unable, unable, sizeof(unable));
	cause(s, "too few members can acknowledge writes; those that cannot: %s%s%s",
	      unable[0] || late ? unable : "they are connected, but do not answer",
	      unable[0] && late ? ", " : "",
	      late ? "this node (its log device does not respond)" : "");
	p = peer_with(o, peer_was_stuck, NULL);
	if (p)
		step(s,
		     "see with 'ping -M do -s 1472' whether large packets get to %s: if not, the MTU of an interface or tunnel on the way is too small",
		     jstr(p, "node"));
	else
		step(s,
		     "bring back one that is not connected, and see on the node of a device that does not respond what is wrong with it: dmesg; one that needs a resync helps once it has begun");
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
	if (jb(o, "leader_ready") || lasts(o))
		return too_few(o, s);
	cause(s, "this leader has not committed an entry of its term yet");
	step(s, "wait a moment; if it lasts, run 'raftblk why %s' again", jstr(o, "volume"));
	return true;
}

/* Payload is kept in memory until the data device has it. */
static bool data_hangs(struct json_object *o, struct said *s)
{
	struct json_object *list = js(o, "budgets"), *b;
	bool full = false;
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		b = json_object_array_get_idx(list, i);
		full |= is(b, "name", "submit") && ju(b, "free") < RBLK_WRITE_MAX / RBLK_BLOCK_SIZE;
	}
	if (!full || !ju(o, "data_late_ms"))
		return false;
	cause(s, "the memory for writes is used up: the data device %s has not responded for %llu s, and this node keeps what it has to take",
	      jstr(o, "data_path"), (unsigned long long)ju(o, "data_late_ms") / 1000);
	step(s, "see what is wrong with %s: dmesg; writes go on as soon as it responds",
	     jstr(o, "data_path"));
	return true;
}

/* Whatever it is: this very node has writes, and none of them ends. */
static bool writes_wait(struct json_object *o, struct said *s)
{
	u64 ms = ju(o, "writes_wait_ms");

	if (ms < LASTS_ELECTIONS * election_ms(o))
		return false;
	cause(s, "writes of this node have waited for %llu s, although %s leads and replies",
	      (unsigned long long)ms / 1000, jstr(o, "leader_node"));
	step(s, "on %s, 'raftblk check %s' names a device that does not respond; writes go on as soon as it does",
	     jstr(o, "leader_node"), jstr(o, "volume"));
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
	{ "copy", copy },
	{ "refused", refused },
	{ "not-joined", not_joined },
	{ "not-bootstrapped", not_bootstrapped },
	{ "fenced", fenced },
	{ "no-quorum", no_quorum },
	{ "no-leader", no_leader },
	{ "not-ready", not_ready },
	{ "data-hangs", data_hangs },
	{ "held-elsewhere", held_elsewhere },
	{ "writes-wait", writes_wait },
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

/* What of @text follows @known, with which it may begin. */
static const char *without(const char *text, const char *known)
{
	size_t n = strlen(known);

	return strncmp(text, known, n) ? text : text + n + strspn(text + n, ": ");
}

/* Nothing gives a replica back but a person, who has to know if that was in vain. */
static void remarks_lost(struct json_object *o, struct json_object *list)
{
	const char *volume = jstr(o, "volume");

	if (is(o, "lost", "rot"))
		remark(list, "this node has lost its replica: a part of the log on %s that it needs is damaged; its I/O goes on through the other members, and they have what is lost; to get it from them, run here: raftblk attach %s",
		       jstr(o, "log_path"), volume);
	else if (has_no_data(o))
		remark(list, "the data device %s failed (%s): this node votes with its log, and its I/O goes through the other members; when the device is back, run here: raftblk attach %s; if it was replaced, before that: raftblk format %s --data",
		       jstr(o, "data_path"), strerror(ju(o, "lost_error")), volume, volume);
	else if (is(o, "lost", "data"))
		remark(list, "this node has lost its replica: the data device %s failed (%s); its I/O goes on through the other members; when the device is back, run here: raftblk attach %s; if it was replaced, before that: raftblk format %s --data",
		       jstr(o, "data_path"), strerror(ju(o, "lost_error")), volume, volume);
	else if (is_lost(o))
		remark(list, "this node has lost its replica: the log device %s failed (%s); its I/O goes on through the other members; when the device is back with all that was on it, run here: raftblk attach %s; without it, this node needs a new store, which cannot take the place of the old one yet",
		       jstr(o, "log_path"), strerror(ju(o, "lost_error")), volume);
	if ((is_lost(o) || has_no_data(o)) && jb(o, "lost_again"))
		remark(list, "it has lost its replica %llu times since it was started, and the latest time within ten minutes of the one before: replace the device instead of attaching it again",
		       (unsigned long long)ju(o, "losses"));
}

/* What of this node is worth knowing. */
static void remarks_here(struct json_object *o, struct json_object *list)
{
	char absent[TITLE_MAX];

	remarks_lost(o, list);
	if (jb(o, "needs_resync"))
		remark(list, "this node was away for so long that the leader's log no longer covers it: its replica asks another member for a state to go on from; meanwhile its I/O goes to the leader");
	else if (jb(o, "absent") && !has_no_data(o))
		remark(list, "the data device %s lacks %s of the image, which %s: meanwhile reads on this node go to the leader",
		       jstr(o, "data_path"), human_bytes(ju(o, "absent_bytes"), absent, sizeof(absent)),
		       js(o, "resync_source") ? "is pulled from other members" :
						"no member can give now");
	if (ju(o, "owed_index"))
		remark(list, "the log on %s was damaged, and lacks entries that this node had acknowledged: the leader brings them again, and until then this node does not lead",
		       jstr(o, "log_path"));
	if (ju(o, "log_late_ms"))
		remark(list, "the log device %s has not responded for %llu s: this replica does not take part",
		       jstr(o, "log_path"), (unsigned long long)ju(o, "log_late_ms") / 1000);
	if (ju(o, "data_late_ms"))
		remark(list, "the data device %s has not responded for %llu s: reads on this node wait for it",
		       jstr(o, "data_path"), (unsigned long long)ju(o, "data_late_ms") / 1000);
}

/* A copy that differs stays so until somebody has it mended. */
static void remark_unreadable(struct json_object *o, struct json_object *list)
{
	if (ju(o, "blocks_left"))
		remark(list, "the data device %s cannot read %llu blocks of 4 KiB, though they were written again: other members read them for this node; replace the device, see 'format --data' in raftblk(8)",
		       jstr(o, "data_path"), (unsigned long long)ju(o, "blocks_left"));
}

static void remark_verify(struct json_object *o, struct json_object *list)
{
	u64 first = ju(o, "verify.open_sector") << RBLK_SECTOR_SHIFT;
	u64 end = first + (ju(o, "verify.open_sectors") << RBLK_SECTOR_SHIFT);
	const char *nodes = jstr(o, "verify.open_nodes"), *volume = jstr(o, "volume");

	if (is(o, "verify.open", "differs"))
		remark(list, "'raftblk verify' found that the copy of the image on %s differs from that of the others at bytes %llu-%llu; to mend it: raftblk verify %s --mend",
		       nodes, (unsigned long long)first, (unsigned long long)end, volume);
	else if (is(o, "verify.open", "split"))
		remark(list, "'raftblk verify' found that the copies of the image on %s differ at bytes %llu-%llu, and none of them has a majority: bring back the other members, if there are any, and then run 'raftblk verify %s --mend'; else write what belongs there",
		       nodes, (unsigned long long)first, (unsigned long long)end, volume);
}

/* ... and of the others. */
static void remarks_peers(struct json_object *o, struct json_object *list)
{
	struct json_object *p;
	size_t n;

	p = peer_with(o, peer_is_lost, NULL);
	if (p)
		remark(list, "%s has lost its replica, since a device of it failed: 'raftblk why %s' there says which",
		       jstr(p, "node"), jstr(o, "volume"));
	p = peer_with(o, peer_is_copied, NULL);
	if (p)
		remark(list, "two machines have the store of %s: %s; let only that one run which had its devices all the time",
		       jstr(p, "node"), jstr(p, "copy"));
	p = peer_with(o, peer_flaps, &n);
	if (p)
		remark(list, "%s%s was disconnected 4 times or more within the last minute: see to the network between, and to whether it starts again and again",
		       jstr(p, "node"), n > 1 ? ", and others as well," : "");
	p = peer_with(o, peer_is_impaired, NULL);
	if (p)
		remark(list, "%s is held up: a device of it does not respond", jstr(p, "node"));
	p = peer_with(o, peer_was_stuck, &n);
	if (p)
		remark(list, "payload to %s%s does not get through, though what is small does: see with 'ping -M do -s 1472' whether large packets get there",
		       jstr(p, "node"), n > 1 ? " and others" : "");
	p = peer_with(o, replica_lags, &n);
	if (p)
		remark(list, "%s is %llu entries behind%s: its network or its devices do not keep up with the writes",
		       jstr(p, "node"), (unsigned long long)replica_lag(o, p),
		       n > 1 ? ", and others are as well" : "");
	p = peer_with(o, peer_is_blocked, NULL);
	if (p)
		remark(list, "%s is not to lead: its payload reaches no majority", jstr(p, "node"));
	p = peer_with(o, peer_needs_resync, NULL);
	if (p)
		remark(list, "%s needs a resync: the log no longer covers it", jstr(p, "node"));
	p = peer_with(o, peer_is_absent, NULL);
	if (p)
		remark(list, "%s is resynchronised: its data device lacks a part of the image",
		       jstr(p, "node"));
}

static void remarks(struct json_object *o, struct json_object *list, bool quorum_told)
{
	struct json_object *p;
	char down[384];

	if (peer_with(o, peer_is_down, NULL) && !quorum_told) {
		p = peer_with(o, peer_is_refused, NULL);
		remark(list, "not connected: %s%s%s", list_peers(o, peer_is_down, down, sizeof(down)),
		       p ? "; " : "", p ? refusal_step(p) : "");
	}
	if (js(o, "hold.trouble"))
		remark(list, "%s: the service does not run here; 'raftblk hold' says: %s",
		       jstr(o, "hold.trouble"), without(jstr(o, "hold.text"), jstr(o, "hold.trouble")));
	remarks_here(o, list);
	remark_unreadable(o, list);
	remark_verify(o, list);
	remarks_peers(o, list);
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
	if (ju(o, "netns"))
		json_object_object_add(r, "netns", json_object_get(js(o, "netns")));
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
