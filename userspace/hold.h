/* SPDX-License-Identifier: GPL-2.0 */
/* Between the two files of "raftblk hold": its states, and what is run in them. */
#ifndef RAFTBLK_HOLD_H
#define RAFTBLK_HOLD_H

#include "tool.h"

#define HOLD_RETRY_MS	1000

/* What is done about a file system that writes no more, or has found errors. */
enum hold_on_error { HOLD_REPAIR, HOLD_ASIDE, HOLD_IGNORE };

struct hold {
	const char *volume;		/* as it was asked for: by its name, or its device */
	char name[RBLK_NAME_MAX];	/* its name; "": not known yet */
	const char *dir, *type, *mount_options, *start, *stop;
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
	enum hold_on_error on_error;
	bool watched;			/* it is to write */
	u64 fs_errors;			/* that ext4 had counted then */
	u64 repaired;			/* when that was tried last; 0: never */
	char trouble[200];		/* why the service is stopped here; "": it is not, or should not run */
	int state_fd;
	char state_path[256];
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
void hold_failed(struct hold *h, const char *what, int ret);
int hold_mount(struct hold *h);
void hold_umount(struct hold *h, bool lost);

/* ---- hold_fs.c ---- */

bool hold_find_mount(struct hold *h);
bool hold_mount_is_hidden(struct hold *h);
void hold_fs_begin(struct hold *h);
bool hold_fs_failed(struct hold *h);

/* ---- hold_state.c ---- */

void hold_state_write(struct hold *h, const char *text);
void hold_state_end(struct hold *h);

#endif /* RAFTBLK_HOLD_H */
