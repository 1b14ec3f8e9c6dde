// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink attributes to JSON, by tables that follow
 * Documentation/netlink/specs/raftblk.yaml. What the tool prints and judges is
 * this JSON; unknown attributes of a newer module are passed over.
 */
#include <linux/genetlink.h>

#include "decode.h"
#include "tool.h"
#include "uapi/raftblk.h"

enum kind { K_U32, K_U64, K_HEX, K_STR, K_FLAG, K_ENUM, K_UUID, K_NEST, K_LIST, K_MERGE };

struct attr {
	u16 nr;
	u8 kind;
	const char *name;
	const void *arg;	/* names of an enum, set of a nest */
};

static const char *const state_names[] = { "starting", "running", "stopping", "failed", NULL };
static const char *const role_names[] = { "follower", "precandidate", "candidate", "leader",
					  "halted", NULL };
static const char *const halt_names[] = { "none", "log", "data", "rot", "invariant", "stopped",
					  NULL };
static const char *const session_names[] = { "none", "opening", "held", "fenced", NULL };
static const char *const replica_names[] = { "probe", "replicate", "resync", NULL };
static const char *const event_names[] = { "role", "peer", "session", "conf", "checkpoint",
					   "halted", "ready", NULL };

#define A(set, n, k, name, ...)	{ RAFTBLK_A_##set##n, K_##k, name, ##__VA_ARGS__ }

static const struct attr session_set[] = {
	A(SESSION_, STORE, HEX, "store"), A(SESSION_, EPOCH, U64, "epoch"),
	A(SESSION_, NONCE, HEX, "nonce"), A(SESSION_, SEQ, U64, "seq"), { 0 },
};

static const struct attr member_set[] = {
	A(MEMBER_, NODE, STR, "node"), A(MEMBER_, STORE, HEX, "store"),
	A(MEMBER_, FLAGS, U32, "flags"), A(MEMBER_, ADDRESS, STR, "address"), { 0 },
};

static const struct attr conf_set[] = {
	A(CONF_, INDEX, U64, "index"), A(CONF_, CLUSTER, HEX, "cluster"),
	A(CONF_, SECTORS, U64, "sectors"), A(CONF_, BLOCK_SIZE, U32, "block_size"),
	A(CONF_, ELECTION_MS, U32, "election_ms"), A(CONF_, HEARTBEAT_MS, U32, "heartbeat_ms"),
	A(CONF_, SHARED, FLAG, "shared"), A(CONF_, MEMBER, LIST, "members", member_set), { 0 },
};

static const struct attr peer_set[] = {
	A(PEER_STATUS_, NODE, STR, "node"), A(PEER_STATUS_, STORE, HEX, "store"),
	A(PEER_STATUS_, GENERATION, U64, "generation"),
	A(PEER_STATUS_, CONSENSUS_UP, FLAG, "consensus_up"),
	A(PEER_STATUS_, BULK_UP, FLAG, "bulk_up"),
	A(PEER_STATUS_, BOOTSTRAPPED, FLAG, "bootstrapped"),
	A(PEER_STATUS_, NEEDS_RESYNC, FLAG, "needs_resync"),
	A(PEER_STATUS_, REJECTED, U32, "rejected"), A(PEER_STATUS_, REFUSED, U32, "refused"),
	A(PEER_STATUS_, REASON, STR, "reason"), A(PEER_STATUS_, ERROR, U32, "error"),
	A(PEER_STATUS_, MATCH, U64, "match"), A(PEER_STATUS_, NEXT, U64, "next"),
	A(PEER_STATUS_, INFLIGHT, U32, "inflight"),
	A(PEER_STATUS_, REPLICA, ENUM, "replica", replica_names),
	A(PEER_STATUS_, ACTIVE, FLAG, "active"), { 0 },
};

static const struct attr budget_set[] = {
	A(BUDGET_, NAME, STR, "name"), A(BUDGET_, FREE, U32, "free"),
	A(BUDGET_, SIZE, U32, "size"), { 0 },
};

static const struct attr counters_set[] = {
	A(COUNTERS_, WRITES, U64, "writes"), A(COUNTERS_, READS, U64, "reads"),
	A(COUNTERS_, READS_RETRIED, U64, "reads_retried"),
	A(COUNTERS_, PROPOSALS_REFUSED, U64, "proposals_refused"),
	A(COUNTERS_, TRUNCATED, U64, "truncated"), A(COUNTERS_, READBACKS, U64, "readbacks"),
	A(COUNTERS_, RECORDS, U64, "records"), A(COUNTERS_, LOG_BYTES, U64, "log_bytes"),
	A(COUNTERS_, APPLIES, U64, "applies"),
	A(COUNTERS_, APPLIED_BLOCKS, U64, "applied_blocks"),
	A(COUNTERS_, CHECKPOINTS, U64, "checkpoints"),
	A(COUNTERS_, META_WRITES, U64, "meta_writes"),
	A(COUNTERS_, FRAMES_SENT, U64, "frames_sent"),
	A(COUNTERS_, FRAMES_RECEIVED, U64, "frames_received"),
	A(COUNTERS_, FRAMES_BAD, U64, "frames_bad"),
	A(COUNTERS_, BYTES_SENT, U64, "bytes_sent"),
	A(COUNTERS_, BYTES_RECEIVED, U64, "bytes_received"), { 0 },
};

static const struct attr status_set[] = {
	A(STATUS_, STATE, ENUM, "state", state_names),
	A(STATUS_, MINOR, U32, "minor"),
	A(STATUS_, UUID, UUID, "uuid"),
	A(STATUS_, STORE, HEX, "store"),
	A(STATUS_, SECTORS, U64, "sectors"),
	A(STATUS_, OPENERS, U64, "openers"),
	A(STATUS_, INFLIGHT, U64, "inflight"),
	A(STATUS_, ROLE, ENUM, "role", role_names),
	A(STATUS_, TERM, U64, "term"),
	A(STATUS_, VOTE, HEX, "vote"),
	A(STATUS_, LEADER, HEX, "leader"),
	A(STATUS_, TRANSFEREE, HEX, "transferee"),
	A(STATUS_, LEADER_READY, FLAG, "leader_ready"),
	A(STATUS_, FIRST_INDEX, U64, "first_index"),
	A(STATUS_, LAST_INDEX, U64, "last_index"),
	A(STATUS_, LAST_TERM, U64, "last_term"),
	A(STATUS_, DURABLE_INDEX, U64, "durable_index"),
	A(STATUS_, COMMIT_INDEX, U64, "commit_index"),
	A(STATUS_, ELECTIONS, U64, "elections"),
	A(STATUS_, BAD_MESSAGES, U64, "bad_messages"),
	A(STATUS_, HALT, ENUM, "halt", halt_names),
	A(STATUS_, HALT_ERROR, U32, "halt_error"),
	A(STATUS_, READY, FLAG, "ready"),
	A(STATUS_, NEEDS_RESYNC, FLAG, "needs_resync"),
	A(STATUS_, GENERATION, U64, "generation"),
	A(STATUS_, EXECUTED_INDEX, U64, "executed_index"),
	A(STATUS_, DIGEST, HEX, "digest"),
	A(STATUS_, APPLIED_INDEX, U64, "applied_index"),
	A(STATUS_, CHECKPOINT_INDEX, U64, "checkpoint_index"),
	A(STATUS_, UNAPPLIED_BYTES, U64, "unapplied_bytes"),
	A(STATUS_, RING_BYTES, U64, "ring_bytes"),
	A(STATUS_, RING_USED, U64, "ring_used"),
	A(STATUS_, LOG_ENTRIES, U64, "log_entries"),
	A(STATUS_, LOG_ENTRIES_MAX, U64, "log_entries_max"),
	A(STATUS_, INFLIGHT_RECORDS, U64, "inflight_records"),
	A(STATUS_, SESSION, ENUM, "session", session_names),
	A(STATUS_, SESSION_EPOCH, U64, "session_epoch"),
	A(STATUS_, SESSION_SEQ, U64, "session_seq"),
	A(STATUS_, SESSIONS, LIST, "sessions", session_set),
	A(STATUS_, CONF, NEST, "conf", conf_set),
	A(STATUS_, PEER, LIST, "peers", peer_set),
	A(STATUS_, BUDGET, LIST, "budgets", budget_set),
	A(STATUS_, COUNTERS, MERGE, "counters", counters_set),
	{ 0 },
};

static const struct attr top_set[] = {
	A(, VOLUME, STR, "volume"), A(, NODE, STR, "node"), A(, LOG_PATH, STR, "log_path"),
	A(, DATA_PATH, STR, "data_path"), A(, OP_ID, HEX, "op_id"), A(, ERROR, U32, "error"),
	A(, EVENT, ENUM, "event", event_names), A(, ARGUMENT, U64, "argument"),
	A(, TEXT, STR, "text"),
	/* One flat object is handier than one in another. */
	A(, STATUS, MERGE, "status", status_set), { 0 },
};

struct walk {
	const struct attr *set;
	struct json_object *o;
};

static int on_attr(const struct nlattr *attr, void *data);

static struct json_object *nested(const struct nlattr *attr, const struct attr *set,
				  struct json_object *into)
{
	struct walk w = { .set = set, .o = into };
	const struct attr *a;

	/* What is absent because it is false or empty is there in JSON. */
	for (a = set; a->name; a++) {
		if (a->kind == K_FLAG)
			json_object_object_add(w.o, a->name, json_object_new_boolean(0));
		if (a->kind == K_LIST)
			json_object_object_add(w.o, a->name, json_object_new_array());
	}
	mnl_attr_parse_nested(attr, on_attr, &w);
	return w.o;
}

static u64 get_u64(const struct nlattr *attr)
{
	u64 v;

	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

static struct json_object *hex(u64 v)
{
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)v);
	return json_object_new_string(text);
}

static struct json_object *enum_name(u32 v, const char *const *names)
{
	u32 i;

	for (i = 0; names[i]; i++)
		if (i == v)
			return json_object_new_string(names[i]);
	return json_object_new_int64(v);
}

static size_t needs(const struct attr *a)
{
	switch (a->kind) {
	case K_U32:
	case K_ENUM:
		return sizeof(u32);
	case K_U64:
	case K_HEX:
		return sizeof(u64);
	case K_UUID:
		return RBLK_UUID_LEN;
	}
	return 0;
}

static struct json_object *value(const struct nlattr *attr, const struct attr *a)
{
	char text[37];

	switch (a->kind) {
	case K_U32:
		return json_object_new_int64(mnl_attr_get_u32(attr));
	case K_U64:
		return json_object_new_uint64(get_u64(attr));
	case K_HEX:
		return hex(get_u64(attr));
	case K_FLAG:
		return json_object_new_boolean(1);
	case K_ENUM:
		return enum_name(mnl_attr_get_u32(attr), a->arg);
	case K_UUID:
		uuid_format(mnl_attr_get_payload(attr), text);
		return json_object_new_string(text);
	case K_STR:
		return json_object_new_string_len(mnl_attr_get_payload(attr),
						  strnlen(mnl_attr_get_payload(attr),
							  mnl_attr_get_payload_len(attr)));
	}
	return nested(attr, a->arg, json_object_new_object());
}

static int on_attr(const struct nlattr *attr, void *data)
{
	struct walk *w = data;
	struct json_object *list;
	const struct attr *a;

	for (a = w->set; a->name; a++) {
		if (a->nr != mnl_attr_get_type(attr) || mnl_attr_get_payload_len(attr) < needs(a))
			continue;
		if (a->kind == K_MERGE)
			nested(attr, a->arg, w->o);
		else if (a->kind == K_LIST && json_object_object_get_ex(w->o, a->name, &list))
			json_object_array_add(list, value(attr, a));
		else
			json_object_object_add(w->o, a->name, value(attr, a));
	}
	return MNL_CB_OK;
}

struct json_object *decode(const struct nlmsghdr *nlh)
{
	struct walk w = { .set = top_set, .o = json_object_new_object() };

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_attr, &w);
	return w.o;
}
