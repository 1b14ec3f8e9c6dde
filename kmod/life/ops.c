// SPDX-License-Identifier: GPL-2.0
/* The operations that a node asks of its host, and the rooms that carry them out. */
#include <linux/mm.h>

#include "block/block.h"
#include "host/pool.h"
#include "host/trace.h"
#include "life/internal.h"
#include "net/net.h"
#include "store/store.h"

static struct rblk_buf *rblk_buf_alloc(void *host, u32 nblocks)
{
	struct rblk_volume *v = host;
	struct rblk_payload *p = rblk_payload_alloc(v->pool, nblocks, RBLK_BUDGET_READBACK);

	return p ? &p->buf : NULL;
}

static void rblk_buf_get(void *host, struct rblk_buf *buf)
{
	rblk_payload_get(rblk_payload(buf));
}

static void rblk_buf_put(void *host, struct rblk_buf *buf)
{
	rblk_payload_put(rblk_payload(buf));
}

static void rblk_buf_sum(void *host, const struct rblk_buf *buf, u32 *crc)
{
	rblk_payload_sum(rblk_payload(buf), crc);
}

static bool rblk_buf_zero(void *host, const struct rblk_buf *buf)
{
	return rblk_payload_zero(rblk_payload(buf));
}

static void rblk_buf_hash(void *host, const struct rblk_buf *buf, u64 k0, u64 k1, u64 *hash)
{
	rblk_payload_hash(rblk_payload(buf), k0, k1, hash);
}

static void rblk_buf_cut(void *host, struct rblk_buf *buf, u32 drop)
{
	rblk_payload_cut(rblk_payload(buf), drop);
}

static void *rblk_buf_data(void *host, struct rblk_buf *buf)
{
	return rblk_payload(buf)->block[0];
}

static void rblk_complete(void *host, u64 token, int error)
{
	if (token == RBLK_TOKEN_TAKE)
		rblk_take_done(host, error);
	else
		rblk_disk_complete(host, token, error);
}

const struct rblk_node_ops rblk_host_ops = {
	.buf_alloc	= rblk_buf_alloc,
	.buf_get	= rblk_buf_get,
	.buf_put	= rblk_buf_put,
	.buf_sum	= rblk_buf_sum,
	.buf_zero	= rblk_buf_zero,
	.buf_hash	= rblk_buf_hash,
	.buf_cut	= rblk_buf_cut,
	.buf_data	= rblk_buf_data,
	.tx_begin	= rblk_peer_tx_begin,
	.tx_end		= rblk_peer_tx_end,
	.tx_unacked	= rblk_peer_tx_unacked,
	.log_write	= rblk_log_write,
	.meta_write	= rblk_meta_write,
	.block_write	= rblk_log_block_write,
	.log_read	= rblk_log_read,
	.data_apply	= rblk_data_apply,
	.data_sync	= rblk_data_sync,
	.serve_begin	= rblk_disk_serve_begin,
	.read_data	= rblk_disk_read_data,
	.read_copy	= rblk_disk_read_copy,
	.read_zero	= rblk_disk_read_zero,
	.read_issued	= rblk_disk_read_issued,
	.complete	= rblk_complete,
	.head_changed	= rblk_disk_head_changed,
	.note		= rblk_note,
	.trace		= rblk_trace,
};
