/* SPDX-License-Identifier: GPL-2.0 */
/* Between the two files of "raftblk hold": its states, and what is run in them. */
#ifndef RAFTBLK_HOLD_H
#define RAFTBLK_HOLD_H

#include "tool.h"

#define HOLD_RETRY_MS	1000

struct hold {
	const char *volume, *dir, *type, *mount_options, *start, *stop;
	bool fsck, once;
	u32 command_ms, patience_ms;
	struct nl *nl;
	struct json_object *status;	/* the newest; NULL: the volume is not up */
	int status_err;
	int signals;
	int fd;				/* keeps the session in use */
	u64 epoch;
	char device[32];
	bool mounted, started;
	char said[300];
	bool end, aside;
};

/* ---- hold.c ---- */

__attribute__((format(printf, 2, 3)))
void hold_say(struct hold *h, const char *fmt, ...);
void hold_rest(struct hold *h, u64 ms);
void hold_look(struct hold *h);
bool hold_is_lost(struct hold *h);

/* ---- hold_run.c ---- */

int hold_run_hook(struct hold *h, const char *what, const char *command, bool until_lost,
		  bool lost);
bool hold_find_mount(struct hold *h);
int hold_mount(struct hold *h);
void hold_umount(struct hold *h, bool lost);

#endif /* RAFTBLK_HOLD_H */
