/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A log device in memory for the tests of the log layer: what was written,
 * what can't be read, and a log on top whose writes land when the test says so.
 */
#ifndef LOG_LIB_H
#define LOG_LIB_H

#include "log/format.h"
#include "tap.h"

#define T_DEV_BYTES	(6u << 20)
#define T_RING_BYTES	(4u << 20)	/* what rblk_log_layout() makes of it: the smallest */
#define T_BLOCKS	(T_DEV_BYTES / RBLK_BLOCK_SIZE)
#define T_ENTRIES	65536

struct t_found {		/* the newest entry that recovery told of, by index */
	u32 csum;
	u64 pos;
	u64 term;
};

extern u8 t_img[T_DEV_BYTES];
extern u8 t_shadow[T_DEV_BYTES];	/* payload of what was added */
extern u8 t_unreadable[T_BLOCKS];
extern u8 t_headers[LOG_INFLIGHT * LOG_HEADER_BYTES_MAX];
extern u8 t_scratch[LOG_SCRATCH_BYTES];
extern struct log_super t_super;
extern struct log_meta t_meta;
extern struct log t_log;
extern struct log_report t_rep;
extern struct t_found t_found[T_ENTRIES];
extern u64 t_last;		/* newest index found */
extern u64 t_confs;		/* configuration payloads seen by recovery */
extern u64 t_reads;		/* bytes */
extern int t_read_error;	/* what reading an unreadable block returns */

int t_read(void *ctx, u64 off, void *buf, u32 len);

extern struct log_reader t_rd;

void t_write_meta(void);
void t_format(void);
/* Recovers; the log can be appended to after t_start(). */
int t_recover(void);
void t_start(void);
void t_open(void);
/* A write of @nblocks blocks (0: a no-op) whose content follows from index and term. */
int t_make(struct rblk_entry *e, u32 *crc, u8 *data, u64 index, u64 term, u32 nblocks);
u8 *t_at(u64 pos);
int t_add(u64 index, u64 term, u32 nblocks);
/* The bytes of a record as they go to the device: block @n of it. */
const u8 *t_part(const struct log_record_id *id, const u8 *header, u32 n);
/* Lands blocks [from, to) of a record. */
void t_land_part(const struct log_record *r, u32 from, u32 to);
void t_land(const struct log_record *r);
/* One entry, one record, submitted. */
struct log_record *t_submit(u64 index, u64 term, u32 nblocks);
/* ... and durable. */
struct log_record_id t_append(u64 index, u64 term, u32 nblocks);
bool t_has(u64 index, u64 term, u32 nblocks);

#define MAXREC	64

extern struct log_record_id ids[MAXREC]; /* by index, when each entry is a record of its own */

/* Entries 1..n, one record each, all durable; payload of two blocks. */
void fill(u64 n);
void rot(u64 pos);
void wipe(u64 pos);
void unreadable(u64 pos);
/* A right checksum after a change of a block of @len bytes, or of a record. */
void t_seal(void *block, u32 len);
void seal_again(struct disk_record *d);

#endif /* LOG_LIB_H */
