/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the wire codec share: a frame, its decoding, lies about it. */
#ifndef WIRE_LIB_H
#define WIRE_LIB_H

#include "tap.h"
#include "wire/wire.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define HEAD		WIRE_HEADER_BYTES
#define FRAME_MAX	(WIRE_HEADER_BYTES + WIRE_HEAD_MAX)

extern u8 buf[FRAME_MAX], copy[FRAME_MAX];
extern struct wire_frame *frame;
extern struct wire_append *app;
extern struct rblk_entry ent[WIRE_ENTRIES_MAX + 1];
extern u32 sums[2 * WIRE_BLOCKS_MAX], sum_at[WIRE_ENTRIES_MAX + 1];

/* Decodes what is in buf, all checks in order, as a receiver does. */
int decode(struct raft_msg *m, struct wire_hello *he, struct wire_reject *re);
int decode_any(void);
void put32(u32 at, u32 v);
u32 get32(u32 at);
/* Makes both sums right again, so that only the content can be refused. */
void seal(void);
const struct rblk_entry *entry_at(void *ctx, u32 i, const u32 **crc);
/* Fills entry @i; its sums begin at *@b. */
void fill(u32 i, u8 kind, u64 sector, u32 nsect, u32 *b);
void same_entry(const struct rblk_entry *a, const struct rblk_entry *b);
void golden(const char *hex, u32 len);
/* One bit anywhere, without a matching sum. */
void flip_all(u32 len);

struct bad {
	const char *what;
	u32 at;
	int width;		/* bytes */
	u64 value;
	int want;
	bool header;		/* refused before the head is even read */
};

/* Each lie comes with correct sums. */
void refuse(u32 (*encode)(void), const struct bad *bad, size_t n);

#endif
