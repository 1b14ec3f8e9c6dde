/* SPDX-License-Identifier: GPL-2.0 */
/* The operations of struct rblk_node_ops, by file. */
#ifndef WORLD_HOST_H
#define WORLD_HOST_H

#include "world.h"

/* host_buf.c: payload */
struct rblk_buf *host_buf_alloc(void *host, u32 nblocks);
void host_buf_get(void *host, struct rblk_buf *buf);
void host_buf_put(void *host, struct rblk_buf *buf);
void host_buf_sum(void *host, const struct rblk_buf *buf, u32 *crc);
bool host_buf_zero(void *host, const struct rblk_buf *buf);
void host_buf_hash(void *host, const struct rblk_buf *buf, u64 k0, u64 k1, u64 *hash);
void host_buf_cut(void *host, struct rblk_buf *buf, u32 drop);
void *host_buf_data(void *host, struct rblk_buf *buf);

/* host_read.c: reads */
void host_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect);
void host_read_copy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
		    u32 nsect);
void host_read_zero(void *host, u64 token, u32 off, u32 nsect);
void host_read_issued(void *host, u64 token);
struct rblk_buf *host_serve_begin(void *host, bool pull, u32 nblocks, u64 sector, u32 nsect,
				  u64 *token);

#endif /* WORLD_HOST_H */
