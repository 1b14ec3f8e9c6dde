/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the codec share: wire.c and wire_msg.c. */
#ifndef RBLK_WIRE_FRAME_H
#define RBLK_WIRE_FRAME_H

#include "wire.h"

static inline void *rblk_wire_head(void *buf)
{
	return (u8 *)buf + WIRE_HEADER_BYTES;
}

u32 rblk_wire_finish(void *buf, u8 type, u32 head_len, u32 payload_blocks, u64 term);

#endif /* RBLK_WIRE_FRAME_H */
