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
static_assert(sizeof(struct frame_chunk) + WIRE_LEAST_ENTRY >= WIRE_HEAD_PAYLOAD);
static_assert(sizeof(struct frame_map) <= WIRE_HEAD_MAX);

static inline void *rblk_wire_head(void *buf)
{
	return (u8 *)buf + WIRE_HEADER_BYTES;
}

/* wire_msg.c: entries behind a message */
int rblk_wire_put_entry(void *at, const struct rblk_entry *e, const u32 *crc, u32 *len,
			u32 *blocks);
int rblk_wire_get_unplaced(struct wire_append *a, const void *at, u32 len, u32 blocks);

/* wire_pull.c: what rblk_wire_decode() hands on */
int rblk_wire_decode_pull(struct wire_pull *p, const struct wire_header *h, const void *head);
int rblk_wire_decode_state(struct wire_state *s, const struct wire_header *h, const void *head);
int rblk_wire_decode_map(struct wire_map *m, const struct wire_header *h, const void *head);
int rblk_wire_decode_chunk(struct wire_chunk *c, struct wire_append *a,
			   const struct wire_header *h, const void *head);

/* wire.c */
int rblk_wire_decode_alive(struct wire_alive *a, const struct wire_header *h, const void *head);

/* wire_verify.c */
int rblk_wire_decode_mark(struct wire_mark *m, const struct wire_header *h, const void *head);
int rblk_wire_decode_sums(struct wire_sums *s, const struct wire_header *h, const void *head);

u32 rblk_wire_finish(void *buf, u8 type, u32 head_len, u32 payload_blocks, u64 term);

#endif /* RBLK_WIRE_FRAME_H */
