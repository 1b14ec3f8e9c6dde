/* SPDX-License-Identifier: GPL-2.0 */
/* The log device and the data device of a volume. */
#ifndef RBLK_STORE_H
#define RBLK_STORE_H

#include "host/volume.h"

int rblk_logio_open(struct rblk_volume *v, char *err);
int rblk_dataio_open(struct rblk_volume *v, char *err);
int rblk_logio_prepare(struct rblk_volume *v);
int rblk_dataio_prepare(struct rblk_volume *v);
int rblk_logio_start(struct rblk_volume *v);
int rblk_dataio_start(struct rblk_volume *v);
u64 rblk_logio_bytes(const struct rblk_volume *v);
bool rblk_dataio_frees(const struct rblk_volume *v);
u64 rblk_dataio_bytes(const struct rblk_volume *v);
int rblk_logio_flush(struct rblk_volume *v);
int rblk_dataio_flush(struct rblk_volume *v);
bool rblk_logio_flushes(const struct rblk_volume *v);
bool rblk_logio_failed(const struct rblk_volume *v);
bool rblk_dataio_failed(const struct rblk_volume *v);
struct rblk_lower *rblk_logio_lower(const struct rblk_volume *v);
struct rblk_lower *rblk_dataio_lower(const struct rblk_volume *v);
void rblk_logio_wait(struct rblk_volume *v);
void rblk_dataio_wait(struct rblk_volume *v);
void rblk_logio_close(struct rblk_volume *v);
void rblk_dataio_close(struct rblk_volume *v);
int rblk_logio_reader(struct rblk_volume *v, struct log_reader *rd);
int rblk_dataio_header(struct rblk_volume *v, struct data_super *ds, struct log_copies *c);

/* struct rblk_node_ops */
void rblk_log_write(void *host, struct log_record *rec, struct rblk_buf *const *buf, u32 n);
void rblk_meta_write(void *host, u64 off, const void *data);
void rblk_log_block_write(void *host, u64 off, const void *data, u32 n);
void rblk_log_read(void *host, struct rblk_node_readback *rb);
void rblk_data_apply(void *host, const struct vol_batch *b, struct rblk_buf *const *buf);
void rblk_data_sync(void *host, u64 off, const void *header_block, bool flush);

#endif /* RBLK_STORE_H */
