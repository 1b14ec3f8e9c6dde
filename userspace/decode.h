/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RAFTBLK_DECODE_H
#define RAFTBLK_DECODE_H

#include <json.h>
#include <libmnl/libmnl.h>

/* Attributes of a message of the family, as JSON: see decode.c for the names. */
struct json_object *decode(const struct nlmsghdr *nlh);

#endif /* RAFTBLK_DECODE_H */
