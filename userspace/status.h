/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RAFTBLK_STATUS_H
#define RAFTBLK_STATUS_H

#include "tool.h"

/*
 * Status of @volume, or an array of all, from the kernel, or from a file with
 * what "status --json" printed. An exit code; the caller puts *@o.
 */
int status_get(const char *volume, const char *from, struct json_object **o);

#endif /* RAFTBLK_STATUS_H */
