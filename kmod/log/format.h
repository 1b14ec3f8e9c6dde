/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the log layer: the structures on disk, which begin with the same head,
 * and what the files of the layer offer each other. t-log-format.c has golden bytes
 * of each structure.
 */
#ifndef RBLK_LOG_FORMAT_H
#define RBLK_LOG_FORMAT_H

#include "log.h"

/* "raftblk" and a letter, as the bytes lie on disk. */
#define DISK_MAGIC(c)		(0x006b6c6274666172ULL | (u64)(c) << 56)
#define DISK_MAGIC_SUPER	DISK_MAGIC('S')
#define DISK_MAGIC_DATA		DISK_MAGIC('D')
#define DISK_MAGIC_META		DISK_MAGIC('M')
#define DISK_MAGIC_MAP		DISK_MAGIC('C')
#define DISK_MAGIC_RECORD	DISK_MAGIC('R')
#define DISK_MAGIC_CONF		DISK_MAGIC('V')

#define DISK_ALIGN		0x100000u	/* alignment of the ring */
#define DISK_META_OFF		(64u << 10)	/* of copy 0; copy 1 is as far behind it */
#define DISK_MAP_OFF		LOG_FRONT_BYTES

/*
 * Positions, indexes, numbers of records and generations stay below, so that sums of
 * one of them and of anything that a device can hold do not overflow.
 */
#define DISK_COUNT_MAX		0x1000000000000000ULL
#define COUNT			BELOW(DISK_COUNT_MAX)	/* in field tables */

/* A record header in memory, without its tables. */
struct log_header {
	u64 generation;
	u64 seq, prev_seq;
	u64 pos;
	u64 floor_pos, floor_seq, floor_index;
	u64 watermark;
	u64 first;
	u32 chain, crc;
	u32 payload_blocks;
	u32 nentries, nids;
	u32 flags;
};

#define DISK_R_CLOSING		1u	/* flag: no entries, only raises the watermark */

/* struct disk_head and all that follow it on disk. */
#define RBLK_FIELDS		"log/disk_fields.h"
#define RBLK_FIELDS_ATTR
#include "fields.h"

/* An MBR: the partition table, and its magic in the last two bytes of the first sector. */
#define DISK_MBR_OFF		446
#define DISK_MBR_BYTES		66

static_assert(sizeof(struct disk_super) <= DISK_MBR_OFF);
static_assert(sizeof(struct disk_data) <= DISK_MBR_OFF);
static_assert(sizeof(struct disk_conf_block) <= RBLK_BLOCK_SIZE);
static_assert(sizeof(struct disk_meta) <= LOG_META_BYTES);
static_assert(sizeof(struct disk_map) == RBLK_BLOCK_SIZE);
static_assert(sizeof(struct disk_record) == LOG_HEADER_BYTES_MAX);

/* What else rblk_log_disk_open() found. */
struct disk_found {
	bool ro;		/* ro-compat features that are not known */
};

void rblk_log_disk_seal(struct disk_head *h, u64 magic, const u8 *volume, u64 store, u32 bytes);
int rblk_log_disk_open(const struct disk_head *h, u64 magic, u32 bytes, struct disk_found *found);
bool rblk_log_disk_ours(const struct disk_head *h, const struct log_super *s);

void rblk_log_disk_conf_put(struct disk_conf *d, const struct rblk_conf *c);
void rblk_log_disk_conf_get(struct rblk_conf *c, const struct disk_conf *d);
int rblk_log_disk_conf_check(const struct disk_conf *d);

int rblk_log_header_decode(const struct log_super *s, const void *block, struct log_header *h);
int rblk_log_header_check(const void *block, const struct log_header *h);
void rblk_log_header_entry(const void *block, const struct log_header *h, u32 n,
			   struct rblk_entry *e);
void rblk_log_header_self(const void *block, const struct log_header *h, struct log_record_id *id);

void rblk_log_mark_add(struct log *l, u64 first, u64 pos, u64 seq, u32 chain);

#endif /* RBLK_LOG_FORMAT_H */
