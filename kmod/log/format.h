/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The form of everything on a member's two devices. Little-endian; every
 * structure begins with the same head. Documentation/disk-format.rst tells the
 * same story for people, t-log-format.c holds golden bytes of each structure.
 */
#ifndef RBLK_LOG_FORMAT_H
#define RBLK_LOG_FORMAT_H

#include "log.h"

#define DISK_VERSION		1

/* "raftblk" and a letter, as the bytes lie on disk. */
#define DISK_MAGIC(c)		(0x006b6c6274666172ULL | (u64)(c) << 56)
#define DISK_MAGIC_SUPER	DISK_MAGIC('S')
#define DISK_MAGIC_DATA		DISK_MAGIC('D')
#define DISK_MAGIC_META		DISK_MAGIC('M')
#define DISK_MAGIC_MAP		DISK_MAGIC('C')
#define DISK_MAGIC_RECORD	DISK_MAGIC('R')
#define DISK_MAGIC_CONF		DISK_MAGIC('V')

/* Features this code knows; a set bit outside of these has the meaning its word gives it. */
#define DISK_COMPAT		0u	/* unknown: ignore */
#define DISK_RO_COMPAT		0u	/* unknown: look, do not start */
#define DISK_INCOMPAT		0u	/* unknown: refuse */

#define DISK_ALIGN		0x100000u	/* of the ring */
#define DISK_META_OFF		(64u << 10)	/* copy 0; copy 1 follows after as much */
#define DISK_MAP_OFF		(192u << 10)

/*
 * Positions, record numbers and generations stay below: sums of them and of
 * anything that a device can hold do not overflow.
 */
#define DISK_COUNT_MAX		0x1000000000000000ULL

#define DISK_AT(t, f, off)	static_assert(offsetof(t, f) == (off), #t "." #f)
#define DISK_SIZE(t, n)		static_assert(sizeof(t) == (n), #t)

struct disk_head {
	__le64 magic;
	__le32 crc;		/* CRC-32C of all behind this field, to the structure's end */
	__le32 version;
	__le32 compat, ro_compat, incompat;
	__le32 bytes;		/* size of the structure, all of it checked by crc */
	u8 volume[RBLK_UUID_LEN];
	__le64 store;
};

DISK_SIZE(struct disk_head, 56);
DISK_AT(struct disk_head, magic, 0);
DISK_AT(struct disk_head, crc, 8);
DISK_AT(struct disk_head, version, 12);
DISK_AT(struct disk_head, compat, 16);
DISK_AT(struct disk_head, ro_compat, 20);
DISK_AT(struct disk_head, incompat, 24);
DISK_AT(struct disk_head, bytes, 28);
DISK_AT(struct disk_head, volume, 32);
DISK_AT(struct disk_head, store, 48);

struct disk_super {
	struct disk_head head;
	__le64 created;
	char volume_name[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	__le64 dev_bytes, data_bytes;
	__le64 map_off, map_bytes;
	__le64 ring_off, ring_bytes;
	__le32 block_size, region_shift;
};

DISK_SIZE(struct disk_super, 184);
DISK_AT(struct disk_super, created, 56);
DISK_AT(struct disk_super, volume_name, 64);
DISK_AT(struct disk_super, node, 96);
DISK_AT(struct disk_super, dev_bytes, 128);
DISK_AT(struct disk_super, data_bytes, 136);
DISK_AT(struct disk_super, map_off, 144);
DISK_AT(struct disk_super, map_bytes, 152);
DISK_AT(struct disk_super, ring_off, 160);
DISK_AT(struct disk_super, ring_bytes, 168);
DISK_AT(struct disk_super, block_size, 176);
DISK_AT(struct disk_super, region_shift, 180);

struct disk_data {
	struct disk_head head;
	__le64 seq;
	char volume_name[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	__le64 index, term;
};

DISK_SIZE(struct disk_data, 144);
DISK_AT(struct disk_data, seq, 56);
DISK_AT(struct disk_data, volume_name, 64);
DISK_AT(struct disk_data, node, 96);
DISK_AT(struct disk_data, index, 128);
DISK_AT(struct disk_data, term, 136);

struct disk_member {
	__le64 store;
	u8 flags;
	u8 reserved[7];
	char node[RBLK_NAME_MAX];
	char addr[RBLK_ADDR_MAX];
};

DISK_SIZE(struct disk_member, 112);
DISK_AT(struct disk_member, flags, 8);
DISK_AT(struct disk_member, node, 16);
DISK_AT(struct disk_member, addr, 48);

struct disk_conf {
	__le64 index, cluster, sectors;
	__le32 block_size, election_ms, heartbeat_ms, n;
	__le32 flags, reserved;
	struct disk_member m[RBLK_MEMBERS_MAX];
};

DISK_SIZE(struct disk_conf, 1840);
DISK_AT(struct disk_conf, cluster, 8);
DISK_AT(struct disk_conf, sectors, 16);
DISK_AT(struct disk_conf, block_size, 24);
DISK_AT(struct disk_conf, election_ms, 28);
DISK_AT(struct disk_conf, heartbeat_ms, 32);
DISK_AT(struct disk_conf, n, 36);
DISK_AT(struct disk_conf, flags, 40);
DISK_AT(struct disk_conf, m, 48);

/* Payload of a configuration entry. The same on all members: no volume, no store in its head. */
struct disk_conf_block {
	struct disk_head head;
	__le64 reserved;
	struct disk_conf conf;
};

DISK_SIZE(struct disk_conf_block, 1904);
DISK_AT(struct disk_conf_block, conf, 64);

struct disk_session {
	__le64 store, epoch, nonce, seq;
};

DISK_SIZE(struct disk_session, 32);
DISK_AT(struct disk_session, epoch, 8);
DISK_AT(struct disk_session, nonce, 16);
DISK_AT(struct disk_session, seq, 24);

struct disk_peer {
	__le64 store, generation, match;
};

DISK_SIZE(struct disk_peer, 24);
DISK_AT(struct disk_peer, generation, 8);
DISK_AT(struct disk_peer, match, 16);

struct disk_meta {
	struct disk_head head;
	__le64 meta_version;
	__le64 generation;
	__le64 term, vote;
	__le64 floor_term, floor_index;
	__le64 floor_pos, floor_seq;
	__le64 watermark;
	__le64 start_generation, start_pos, start_seq;
	__le32 floor_chain;
	__le32 nsessions, npeers;
	__le32 reserved;
	__le64 state_index, state_term, digest;
	__le64 reserved2[6];
	struct disk_conf conf, prev_conf;
	struct disk_session session[RBLK_SESSIONS_MAX];
	struct disk_peer peer[RBLK_MEMBERS_MAX];
};

DISK_SIZE(struct disk_meta, 4816);
DISK_AT(struct disk_meta, meta_version, 56);
DISK_AT(struct disk_meta, generation, 64);
DISK_AT(struct disk_meta, term, 72);
DISK_AT(struct disk_meta, vote, 80);
DISK_AT(struct disk_meta, floor_term, 88);
DISK_AT(struct disk_meta, floor_index, 96);
DISK_AT(struct disk_meta, floor_pos, 104);
DISK_AT(struct disk_meta, floor_seq, 112);
DISK_AT(struct disk_meta, watermark, 120);
DISK_AT(struct disk_meta, start_generation, 128);
DISK_AT(struct disk_meta, start_pos, 136);
DISK_AT(struct disk_meta, start_seq, 144);
DISK_AT(struct disk_meta, floor_chain, 152);
DISK_AT(struct disk_meta, nsessions, 156);
DISK_AT(struct disk_meta, npeers, 160);
DISK_AT(struct disk_meta, state_index, 168);
DISK_AT(struct disk_meta, state_term, 176);
DISK_AT(struct disk_meta, digest, 184);
DISK_AT(struct disk_meta, conf, 240);
DISK_AT(struct disk_meta, prev_conf, 2080);
DISK_AT(struct disk_meta, session, 3920);
DISK_AT(struct disk_meta, peer, 4432);
static_assert(sizeof(struct disk_meta) <= LOG_META_BYTES, "metadata fits its copy");

struct disk_map {
	struct disk_head head;
	__le64 block;			/* its own number: catches misdirected writes */
	__le64 v[RBLK_MAP_PER_BLOCK];
};

DISK_SIZE(struct disk_map, RBLK_BLOCK_SIZE);
DISK_AT(struct disk_map, block, 56);
DISK_AT(struct disk_map, v, 64);

struct disk_record_id {
	__le64 seq, pos, first, last, term;
	__le32 bytes, chain, csum, reserved;
};

DISK_SIZE(struct disk_record_id, 56);
DISK_AT(struct disk_record_id, pos, 8);
DISK_AT(struct disk_record_id, first, 16);
DISK_AT(struct disk_record_id, last, 24);
DISK_AT(struct disk_record_id, term, 32);
DISK_AT(struct disk_record_id, bytes, 40);
DISK_AT(struct disk_record_id, chain, 44);
DISK_AT(struct disk_record_id, csum, 48);

/* The index is the record's first plus the descriptor's number. */
struct disk_entry {
	__le64 term, sector, store, epoch, seq;
	__le32 nsect, csum;
	__le32 nblocks;
	u8 kind;
	u8 reserved[3];
};

DISK_SIZE(struct disk_entry, 56);
DISK_AT(struct disk_entry, sector, 8);
DISK_AT(struct disk_entry, store, 16);
DISK_AT(struct disk_entry, epoch, 24);
DISK_AT(struct disk_entry, seq, 32);
DISK_AT(struct disk_entry, nsect, 40);
DISK_AT(struct disk_entry, csum, 44);
DISK_AT(struct disk_entry, nblocks, 48);
DISK_AT(struct disk_entry, kind, 52);

#define DISK_R_CLOSING		1u	/* flags: no entries, only raises the watermark */

/* head.crc of this header is the chain field of the next record. */
struct disk_record {
	struct disk_head head;
	__le64 generation;
	__le64 seq, prev_seq;
	__le64 pos;
	__le64 floor_pos, floor_seq, floor_index;
	__le64 watermark;
	__le64 first;
	__le32 chain;
	__le32 header_bytes;
	__le32 payload_blocks;
	__le32 nentries, nids;
	__le32 flags;
	__le64 reserved;
	struct disk_record_id id[LOG_INFLIGHT];
	struct disk_entry entry[RBLK_RECORD_ENTRIES];
	__le32 block_crc[RBLK_RECORD_BLOCKS];
	u8 reserved2[88];
};

DISK_SIZE(struct disk_record, LOG_HEADER_BYTES_MAX);
DISK_AT(struct disk_record, generation, 56);
DISK_AT(struct disk_record, seq, 64);
DISK_AT(struct disk_record, prev_seq, 72);
DISK_AT(struct disk_record, pos, 80);
DISK_AT(struct disk_record, floor_pos, 88);
DISK_AT(struct disk_record, floor_seq, 96);
DISK_AT(struct disk_record, floor_index, 104);
DISK_AT(struct disk_record, watermark, 112);
DISK_AT(struct disk_record, first, 120);
DISK_AT(struct disk_record, chain, 128);
DISK_AT(struct disk_record, header_bytes, 132);
DISK_AT(struct disk_record, payload_blocks, 136);
DISK_AT(struct disk_record, nentries, 140);
DISK_AT(struct disk_record, nids, 144);
DISK_AT(struct disk_record, flags, 148);
DISK_AT(struct disk_record, id, 160);
DISK_AT(struct disk_record, entry, 1056);
DISK_AT(struct disk_record, block_crc, 3744);
DISK_AT(struct disk_record, reserved2, 4008);

/* What rblk_log_disk_open() found besides the structure being whole. */
struct disk_found {
	bool ro;		/* unknown ro-compat features */
};

void rblk_log_disk_seal(struct disk_head *h, u64 magic, const u8 *volume, u64 store, u32 bytes);
int rblk_log_disk_open(const struct disk_head *h, u64 magic, u32 bytes, struct disk_found *found);
bool rblk_log_disk_ours(const struct disk_head *h, const struct log_super *s);
bool rblk_log_disk_name_ok(const char *name, u32 size);
void rblk_log_disk_name_put(char *to, const char *from, u32 size);

void rblk_log_disk_conf_put(struct disk_conf *d, const struct rblk_conf *c);
void rblk_log_disk_conf_get(struct rblk_conf *c, const struct disk_conf *d);
int rblk_log_disk_conf_check(const struct disk_conf *d);

/* Payload-independent part of a record header, decoded. */
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
	bool closing;
};

int rblk_log_header_decode(const struct log_super *s, const void *block, struct log_header *h);
int rblk_log_header_check(const void *block, const struct log_header *h);
void rblk_log_header_entry(const void *block, const struct log_header *h, u32 n,
			   struct rblk_entry *e);
void rblk_log_header_id(const void *block, u32 n, struct log_record_id *id);
void rblk_log_header_self(const void *block, const struct log_header *h, struct log_record_id *id);

void rblk_log_mark_add(struct log *l, u64 first, u64 pos, u64 seq, u32 chain);

#endif /* RBLK_LOG_FORMAT_H */
