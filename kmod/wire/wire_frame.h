/* SPDX-License-Identifier: GPL-2.0 */
/* Inside of the wire layer: frames as they lie in a buffer, and what its files share. */
#ifndef RBLK_WIRE_FRAME_H
#define RBLK_WIRE_FRAME_H

#include "wire.h"

/* struct frame_header and what can follow it. They are packed, as a head may lie anywhere. */
#define RBLK_FIELDS		"wire/frame_fields.h"
#define RBLK_FIELDS_ATTR	__packed
#include "fields.h"

static_assert(sizeof(struct frame_header) == WIRE_HEADER_BYTES);
static_assert(sizeof(struct frame_raft) + WIRE_ENTRIES_MAX * sizeof(struct frame_entry) +
	      WIRE_BLOCKS_MAX * sizeof(struct frame_sum) <= WIRE_HEAD_MAX);
static_assert(sizeof(struct frame_submit) <= sizeof(struct frame_raft));

/* In front of payload there are a message, and at least one entry with one block. */
#define WIRE_LEAST_ENTRY	(sizeof(struct frame_entry) + sizeof(struct frame_sum))
static_assert(sizeof(struct frame_raft) >= WIRE_HEAD_PAYLOAD);
static_assert(sizeof(struct frame_submit) + WIRE_LEAST_ENTRY >= WIRE_HEAD_PAYLOAD);
static_assert(sizeof(struct frame_data) + WIRE_LEAST_ENTRY >= WIRE_HEAD_PAYLOAD);

static inline void *rblk_wire_head(void *buf)
{
	return (u8 *)buf + WIRE_HEADER_BYTES;
}

u32 rblk_wire_finish(void *buf, u8 type, u32 head_len, u32 payload_blocks, u64 term);

#endif /* RBLK_WIRE_FRAME_H */
