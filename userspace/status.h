/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RAFTBLK_STATUS_H
#define RAFTBLK_STATUS_H

#include "tool.h"

/*
 * Status of @volume, or an array of all, from the kernel, or from a file with
 * what "status --json" printed. An exit code; the caller puts *@o.
 */
int status_get(const char *volume, const char *from, struct json_object **o);
/* What to do about a volume that is not up here, by name or device. Returns @buf. */
const char *not_up_step(const char *volume, char *buf, size_t size);
#define STEP_MAX	320
/* The parser of a command with no option but --input; its ctx is the "from" above. */
error_t status_parse_input(int key, char *arg, struct argp_state *state, void *ctx);

/* Adds to a status from the kernel what is known by number there: names, and the device. */
void status_complete(struct json_object *o);

/* ---- hold_state.c ---- */

/* The directory that has a file for each "raftblk hold". */
const char *hold_state_dir(void);
/* What the file @name there says, if its program lives; the caller puts it. */
struct json_object *hold_state_read(const char *name);
/* Adds it to the status of the volume. */
void hold_state_add(struct json_object *status);

/* ---- check.c ---- */

struct check {
	int verdict;		/* the worst: the exit code */
	char text[2048], data[1024];
};

void check_volume(struct json_object *o, struct check *c);

/* ---- rules.c ---- */

#define LOG_FULL	90	/* percent; writes may wait from here on */

/* What keeps the volume from being written to here, and what else is worth knowing. */
struct json_object *why_explain(struct json_object *o);
const char *why_rule(size_t i);		/* the name of the @i-th; NULL: there are not so many */
unsigned int log_percent(struct json_object *o);

/* ---- peers.c ---- */

typedef bool peer_test(struct json_object *o, struct json_object *p);

peer_test peer_is_down, peer_needs_resync, peer_is_impaired, peer_is_refused, peer_was_stuck,
	peer_is_blocked, peer_is_lost, peer_is_absent, peer_is_copied, peer_flaps;
/* Of those that have a replica of the volume. */
peer_test replica_is_down, replica_is_there, replica_is_silent, replica_lags, replica_is_absent,
	replica_is_unable, replica_is_refused;

/* The first peer of which @test is true, or NULL; *@count, unless NULL: how many there are. */
struct json_object *peer_with(struct json_object *o, peer_test *test, size_t *count);
/* "n2 (Connection refused), n3 (needs a resync)": those of which @test is true. Returns @buf. */
const char *list_peers(struct json_object *o, peer_test *test, char *buf, size_t size);
/* The first peer that refuses this node for this enum wire_reason; NULL: none does. */
struct json_object *peer_refusing(struct json_object *o, unsigned int reason);
const char *refusal_step(struct json_object *p);
/* How many replicas can acknowledge writes, as far as this node knows; *@all: there are. */
size_t able_members(struct json_object *o, size_t *all);
/* The element of @list, an array or NULL, whose node has this name; NULL: none has. */
struct json_object *node_in_list(struct json_object *list, const char *node);
bool is_client(struct json_object *o);		/* this node has no disks */
bool has_no_data(struct json_object *o);	/* ... its data alone: it votes with its log */
bool is_lost(struct json_object *o);		/* it has lost its replica: a device of it failed */
u64 election_ms(struct json_object *o);
u64 replica_lag(struct json_object *o, struct json_object *p);

/* Is the value at @path this one? */
static inline bool is(struct json_object *o, const char *path, const char *value)
{
	return !strcmp(jstr(o, path), value);
}

#endif /* RAFTBLK_STATUS_H */
