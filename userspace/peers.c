// SPDX-License-Identifier: GPL-2.0
/* The other nodes, as a status has them: who is there, who is not, and why. */
#include "status.h"
#include "wire/wire.h"

#define FLAPS		4	/* times that a peer is disconnected in a minute */
#define LAG_PART	16	/* of the table of entries: more is not merely on its way */

struct json_object *node_in_list(struct json_object *list, const char *node)
{
	struct json_object *e;
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		e = json_object_array_get_idx(list, i);
		if (!strcmp(jstr(e, "node"), node))
			return e;
	}
	return NULL;
}

bool is_client(struct json_object *o)
{
	return js(o, "role") && !jstr(o, "log_path")[0];
}

/* Its data device has failed, and it goes on with its log. */
bool has_no_data(struct json_object *o)
{
	return is(o, "lost", "data") && jb(o, "votes");
}

bool is_lost(struct json_object *o)
{
	return js(o, "lost") && !is(o, "lost", "none") && !jb(o, "votes");
}

u64 election_ms(struct json_object *o)
{
	u64 ms = ju(o, "conf.election_ms");

	return ms ? ms : STATUS_OLD_MS;
}

/* How many of the committed entries it lacks. */
u64 replica_lag(struct json_object *o, struct json_object *p)
{
	u64 commit = ju(o, "commit_index"), match = ju(p, "match");

	return commit > match ? commit - match : 0;
}

/* ---- what is true of a peer ---- */

bool peer_is_down(struct json_object *o, struct json_object *p)
{
	return !jb(p, "consensus_up") || !jb(p, "bulk_up");
}

bool peer_is_absent(struct json_object *o, struct json_object *p)
{
	return jb(p, "absent");
}

bool peer_needs_resync(struct json_object *o, struct json_object *p)
{
	return jb(p, "needs_resync");
}

bool peer_is_impaired(struct json_object *o, struct json_object *p)
{
	return jb(p, "impaired") && !jb(p, "lost");
}

bool peer_is_lost(struct json_object *o, struct json_object *p)
{
	return jb(p, "lost") && !peer_is_down(o, p);
}

/* It may be so no more: this node finds out when it sends what is large again. */
bool peer_was_stuck(struct json_object *o, struct json_object *p)
{
	return jb(p, "stuck");
}

bool peer_is_blocked(struct json_object *o, struct json_object *p)
{
	return jb(p, "blocked");
}

/* Who has all there is got it somehow: that it was stuck is a memory. */
static bool is_stuck(struct json_object *o, struct json_object *p)
{
	return jb(p, "stuck") && is(o, "role", "leader") && ju(p, "match") < ju(o, "last_index");
}

/* Who has a replica is in the configuration of the volume, which a client does not have. */
static bool has_replica(struct json_object *o, struct json_object *p)
{
	return is_client(o) ? !jb(p, "client") :
			      node_in_list(js(o, "conf.members"), jstr(p, "node")) != NULL;
}

bool replica_is_down(struct json_object *o, struct json_object *p)
{
	return has_replica(o, p) && peer_is_down(o, p);
}

bool replica_is_there(struct json_object *o, struct json_object *p)
{
	return has_replica(o, p) && !peer_is_down(o, p);
}

bool replica_is_silent(struct json_object *o, struct json_object *p)
{
	return replica_is_there(o, p) && ju(p, "silent_ms") >= 4 * election_ms(o);
}

/* So far behind the leader that its network or its devices do not keep up. */
bool replica_lags(struct json_object *o, struct json_object *p)
{
	return is(o, "role", "leader") && replica_is_there(o, p) && !jb(p, "needs_resync") &&
	       !jb(p, "lost") &&
	       replica_lag(o, p) > ju(o, "log_entries_max") / LAG_PART;
}

bool replica_is_absent(struct json_object *o, struct json_object *p)
{
	return replica_is_down(o, p) || replica_is_silent(o, p) || peer_is_lost(o, p);
}

bool replica_is_unable(struct json_object *o, struct json_object *p)
{
	return has_replica(o, p) && (peer_is_down(o, p) || jb(p, "needs_resync") || jb(p, "mute") ||
				     jb(p, "lost") || is_stuck(o, p));
}

/* As often as the kernel counts. */
bool peer_flaps(struct json_object *o, struct json_object *p)
{
	return ju(p, "disconnects") >= FLAPS;
}

/* Another machine came in its name, and with its store, within the last minute. */
bool peer_is_copied(struct json_object *o, struct json_object *p)
{
	return js(p, "copy");
}

/* One side refuses the other, so they are not connected. */
bool peer_is_refused(struct json_object *o, struct json_object *p)
{
	return peer_is_down(o, p) && (js(p, "rejected") || js(p, "refused"));
}

bool replica_is_refused(struct json_object *o, struct json_object *p)
{
	return has_replica(o, p) && peer_is_refused(o, p);
}

/* ---- lists ---- */

struct json_object *peer_with(struct json_object *o, peer_test *test, size_t *count)
{
	struct json_object *peers = js(o, "peers"), *first = NULL, *p;
	size_t i, n = 0;

	for (i = 0; peers && i < json_object_array_length(peers); i++) {
		p = json_object_array_get_idx(peers, i);
		if (!test(o, p))
			continue;
		n++;
		first = first ? first : p;
	}
	if (count)
		*count = n;
	return first;
}

/* What keeps a peer from being of use. */
static const char *trouble(struct json_object *o, struct json_object *p, char *buf, size_t size)
{
	buf[0] = 0;
	if (peer_is_down(o, p))
		snprintf(buf, size, "%s%s",
			 js(p, "rejected") ? "refused by this node: " :
			 js(p, "refused")  ? "refuses this node: " :
					     "",
			 jstr(p, "reason")[0] ? jstr(p, "reason") :
			 js(p, "error")	      ? strerror(ju(p, "error")) :
						"no contact");
	else if (jb(p, "lost"))
		snprintf(buf, size, "has lost its replica: a device of it failed");
	else if (jb(p, "needs_resync"))
		snprintf(buf, size, "needs a resync");
	else if (jb(p, "mute"))
		snprintf(buf, size, "its log device does not respond, or it is frozen");
	else if (jb(p, "impaired"))
		snprintf(buf, size, "a device of it does not respond");
	else if (is_stuck(o, p))
		snprintf(buf, size, "payload to it does not get through");
	else if (replica_is_silent(o, p))
		snprintf(buf, size, "connected, but silent for %llu s",
			 (unsigned long long)ju(p, "silent_ms") / 1000);
	return buf;
}

const char *list_peers(struct json_object *o, peer_test *test, char *buf, size_t size)
{
	struct json_object *peers = js(o, "peers"), *p;
	size_t i, n = 0;
	char why[160];

	buf[0] = 0;
	for (i = 0; peers && i < json_object_array_length(peers) && n < size; i++) {
		p = json_object_array_get_idx(peers, i);
		if (test(o, p))
			n += snprintf(buf + n, size - n, "%s%s (%s)", n ? ", " : "",
				      jstr(p, "node"), trouble(o, p, why, sizeof(why)));
	}
	return buf;
}

struct json_object *peer_refusing(struct json_object *o, unsigned int reason)
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

const char *refusal_step(struct json_object *p)
{
	return rblk_wire_reason_step(ju(p, js(p, "rejected") ? "rejected" : "refused"));
}

/* What a data device holds up is not the acknowledgment. */
static bool self_is_able(struct json_object *o)
{
	return is(o, "halt", "none") && !is_lost(o) && !jb(o, "needs_resync") &&
	       !ju(o, "log_late_ms");
}

static bool any_replica(struct json_object *o, struct json_object *p)
{
	return has_replica(o, p);
}

size_t able_members(struct json_object *o, size_t *all)
{
	struct json_object *members = js(o, "conf.members"), *m, *p;
	size_t i, n = 0, lost;

	if (is_client(o)) {
		peer_with(o, any_replica, all);
		peer_with(o, replica_is_there, &n);
		peer_with(o, peer_is_lost, &lost);
		return n - lost;
	}
	*all = members ? json_object_array_length(members) : 0;
	for (i = 0; i < *all; i++) {
		m = json_object_array_get_idx(members, i);
		p = node_in_list(js(o, "peers"), jstr(m, "node"));
		n += is(m, "store", jstr(o, "store")) ? self_is_able(o) :
							p && !replica_is_unable(o, p);
	}
	return n;
}
