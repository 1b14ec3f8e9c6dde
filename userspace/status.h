/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RAFTBLK_STATUS_H
#define RAFTBLK_STATUS_H

#include "tool.h"

/*
 * Status of @volume, or an array of all, from the kernel, or from a file with
 * what "status --json" printed. An exit code; the caller puts *@o.
 */
int status_get(const char *volume, const char *from, struct json_object **o);
/* The parser of a command with no option but --input; its ctx is the "from" above. */
error_t status_parse_input(int key, char *arg, struct argp_state *state, void *ctx);

/* Adds to a status from the kernel what is known by number there: names, and the device. */
void status_complete(struct json_object *o);

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
bool peer_is_down(struct json_object *p);
size_t able_members(struct json_object *o, size_t *all);
/* The element of @list, an array or NULL, whose node has this name; NULL: none has. */
struct json_object *node_in_list(struct json_object *list, const char *node);
unsigned int log_percent(struct json_object *o);

#endif /* RAFTBLK_STATUS_H */
