// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of every structure on disk survives being read and written, no byte
 * belongs to two fields or to none, and no value outside of its bounds is accepted.
 */
#include "fieldtab.h"
#include "log/format.h"
#include "roundtrip.h"
#include "tap.h"

static u8 buf[LOG_META_BYTES] __aligned(4096);

static struct log_super super;

/* Features that may be unknown are not kept. */
static const char *const features[] = { "disk_head.compat", "disk_head.ro_compat", NULL };

static void set_super(void)
{
	memset(&super, 0, sizeof(super));
	memset(super.volume, 0x5a, RBLK_UUID_LEN);
	memset(super.volume_name, 'v', RBLK_NAME_MAX - 1);
	memset(super.node, 'n', RBLK_NAME_MAX - 1);
	super.store = 0x1122334455667788;
	/* With few regions one block of the map has room for more; so has the ring's end. */
	CHECK_EQ(rblk_log_layout(&super, 16u << 20, 4u << 20, NULL), 0);
	super.ring_off += 1u << 20;
	super.ring_bytes = 8u << 20;
}

static void seal(u32 bytes)
{
	struct disk_head *h = (void *)buf;
	u32 skip = offsetof(struct disk_head, version);

	h->crc = cpu_to_le32(rblk_crc32c(0, buf + skip, bytes - skip));
}

static void cover(void)
{
	const struct fieldtab *const *t;

	for (t = fieldtabs; *t; t++)
		if (!strncmp((*t)->name, "disk_", 5))
			roundtrip_cover(*t);
}

/* ---- superblock, data header ---- */

static struct log_super super_read;

static int decode_super(void)
{
	return rblk_log_super_decode(&super_read, buf);
}

static void encode_super(u8 *to)
{
	rblk_log_super_encode(&super_read, to);
}

static void mend_super(void)
{
	seal(sizeof(struct disk_super));
}

static void superblock(void)
{
	/* The size of the map follows from that of the volume and its regions. */
	static const char *const rigid[] = { "disk_super.map_bytes", NULL };
	static const struct roundtrip_part part[] = { { "disk_super", 0 }, {} };
	static const struct roundtrip rt = {
		.part = part, .buf = buf, .len = LOG_SUPER_BYTES, .decode = decode_super,
		.encode = encode_super, .mend = mend_super, .fresh = features,
		.rigid = rigid,
	};

	set_super();
	rblk_log_super_encode(&super, buf);
	roundtrip(&rt);
}

static struct data_super data_read;

static int decode_data(void)
{
	return rblk_log_data_super_decode(&data_read, buf);
}

static void encode_data(u8 *to)
{
	rblk_log_data_super_encode(&data_read, to);
}

static void mend_data(void)
{
	seal(sizeof(struct disk_data));
}

static void data_header(void)
{
	static const struct roundtrip_part part[] = { { "disk_data", 0 }, {} };
	static const struct roundtrip rt = {
		.part = part, .buf = buf, .len = RBLK_BLOCK_SIZE, .decode = decode_data,
		.encode = encode_data, .mend = mend_data, .fresh = features,
	};
	struct data_super d = { .store = 1, .seq = 2, .index = 3, .term = 4,
				.upto = 5, .flags = DATA_UNWRITTEN };

	memset(d.volume, 0x5a, RBLK_UUID_LEN);
	memset(d.volume_name, 'v', RBLK_NAME_MAX - 1);
	memset(d.node, 'n', RBLK_NAME_MAX - 1);
	rblk_log_data_super_encode(&d, buf);
	roundtrip(&rt);
}

/* ---- configuration ---- */

static void set_conf(struct rblk_conf *c)
{
	u32 i;

	*c = (struct rblk_conf){
		.index = 1, .cluster = 2, .sectors = 0x1000, .block_size = 4096,
		.election_ms = 3, .heartbeat_ms = 4, .flags = RBLK_CONF_SHARED,
		.ring_bytes = 5, .entries = 6,
		.n = RBLK_MEMBERS_MAX,
	};
	for (i = 0; i < RBLK_MEMBERS_MAX; i++) {
		c->m[i].store = 0x100 << i;
		c->m[i].flags = RBLK_M_IN;
		memset(c->m[i].node, 'a' + i, RBLK_NAME_MAX - 1);
		memset(c->m[i].addr, 'A' + i, RBLK_ADDR_MAX - 1);
	}
}

static struct rblk_conf conf_read;

static int decode_conf(void)
{
	return rblk_log_conf_decode(&conf_read, buf);
}

static void encode_conf(u8 *to)
{
	rblk_log_conf_encode(&conf_read, to);
}

static void mend_conf(void)
{
	seal(sizeof(struct disk_conf_block));
}

static const char *const counts[] = {
	"disk_conf.n", "disk_meta.nsessions", "disk_meta.npeers", "disk_record.nentries",
	"disk_record.nids", NULL
};

static void configuration(void)
{
	/* The same on all members: nobody's volume, nobody's store. */
	static const char *const fresh[] = { "disk_head.compat", "disk_head.ro_compat",
					     "disk_head.volume", "disk_head.store", NULL };
	static const struct roundtrip_part part[] = { { "disk_conf_block", 0 }, {} };
	static const struct roundtrip rt = {
		.part = part, .buf = buf, .len = RBLK_BLOCK_SIZE, .decode = decode_conf,
		.encode = encode_conf, .mend = mend_conf, .fresh = fresh,
		.counts = counts,
	};
	struct rblk_conf c;

	set_conf(&c);
	rblk_log_conf_encode(&c, buf);
	roundtrip(&rt);
}

/* ---- metadata ---- */

static struct log_meta meta_read;

static int decode_meta(void)
{
	return rblk_log_meta_decode(&meta_read, &super, buf);
}

static void encode_meta(u8 *to)
{
	rblk_log_meta_encode(&meta_read, &super, to);
}

static void mend_meta(void)
{
	seal(LOG_META_BYTES);
}

static void metadata(void)
{
	static const struct roundtrip_part part[] = { { "disk_meta", 0 }, {} };
	static const struct roundtrip rt = {
		.part = part, .buf = buf, .len = LOG_META_BYTES, .decode = decode_meta,
		.encode = encode_meta, .mend = mend_meta, .fresh = features,
		.counts = counts,
	};
	static struct log_meta m;
	u32 i;

	set_super();
	m = (struct log_meta){
		.flags = LOG_META_ABSENT, .image_seq = 999, .absent_from = 998,
		.version = 1, .generation = 9, .raft = { 2, 3 },
		.floor = { .term = 4, .index = 5 }, .floor_pos = 0x6000, .floor_seq = 7,
		.floor_chain = 8, .watermark = 9, .start_generation = 5,
		.start_pos = 0xb000, .start_seq = 12,
		.state = { .index = 1000, .term = 13, .digest = 14,
			   .nsessions = RBLK_SESSIONS_MAX },
		.owed = { .term = 15, .index = 16 },
		.npeers = RBLK_MEMBERS_MAX,
	};
	set_conf(&m.conf);
	set_conf(&m.prev_conf);
	for (i = 0; i < RBLK_SESSIONS_MAX; i++)
		m.state.session[i] = (struct rblk_session){ 1 + i, 2 + i, 3 + i, 4 + i };
	for (i = 0; i < RBLK_LINE; i++)
		m.line[i] = 20 + i;
	for (i = 0; i < RBLK_MEMBERS_MAX; i++)
		m.peer[i] = (struct log_peer_memory){ 5 + i, 6 + i, 7 + i, 8 + i, 9 + i };
	rblk_log_meta_encode(&m, &super, buf);
	roundtrip(&rt);
}

/* ---- change map ---- */

static u64 map_read[RBLK_MAP_PER_BLOCK];

static int decode_map(void)
{
	return rblk_log_map_decode(&super, 3, map_read, buf);
}

static void encode_map(u8 *to)
{
	rblk_log_map_encode(&super, 3, map_read, to);
}

static void mend_map(void)
{
	seal(RBLK_BLOCK_SIZE);
}

static void change_map(void)
{
	static const struct roundtrip_part part[] = { { "disk_map", 0 }, {} };
	static const struct roundtrip rt = {
		.part = part, .buf = buf, .len = RBLK_BLOCK_SIZE, .decode = decode_map,
		.encode = encode_map, .mend = mend_map, .fresh = features,
	};
	u32 i;

	set_super();
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		map_read[i] = i << 8;
	rblk_log_map_encode(&super, 3, map_read, buf);
	roundtrip(&rt);
}

/* ---- record header ---- */

static struct log_header header_read;
static struct rblk_entry entry_read[RBLK_RECORD_ENTRIES];
static struct log_record_id id_read[LOG_INFLIGHT];
static u32 crc_read[RBLK_RECORD_BLOCKS];

static int decode_record(void)
{
	const struct disk_record *d = (void *)buf;
	u32 i;

	if (rblk_log_header_decode(&super, buf, &header_read) ||
	    rblk_log_header_check(buf, &header_read))
		return -EINVAL;
	for (i = 0; i < header_read.nentries; i++)
		rblk_log_header_entry(buf, &header_read, i, &entry_read[i]);
	for (i = 0; i < header_read.nids; i++)
		disk_record_id_get(&id_read[i], &d->id[i]);
	for (i = 0; i < header_read.payload_blocks; i++)
		crc_read[i] = le32_to_cpu(d->block_crc[i]);
	return 0;
}

static void encode_record(u8 *to)
{
	struct disk_record *d = (void *)to;
	u32 i;

	memset(d, 0, sizeof(*d));
	disk_record_put(d, &header_read);
	d->header_bytes = cpu_to_le32(sizeof(*d));
	for (i = 0; i < header_read.nentries; i++)
		disk_entry_put(&d->entry[i], &entry_read[i]);
	for (i = 0; i < header_read.nids; i++)
		disk_record_id_put(&d->id[i], &id_read[i]);
	for (i = 0; i < header_read.payload_blocks; i++)
		d->block_crc[i] = cpu_to_le32(crc_read[i]);
	rblk_log_disk_seal(&d->head, DISK_MAGIC_RECORD, super.volume, super.store, sizeof(*d));
}

/* The sums of entries cover what their neighbours in the header say. */
static void mend_record(void)
{
	struct disk_record *d = (void *)buf;
	u32 crc[RBLK_ENTRY_BLOCKS_MAX], i, k, block = 0;
	struct rblk_entry e;

	for (i = 0; i < RBLK_RECORD_ENTRIES; i++) {
		disk_entry_get(&e, &d->entry[i]);
		e.index = le64_to_cpu(d->first) + i;
		if (e.nblocks > RBLK_ENTRY_BLOCKS_MAX || block + e.nblocks > RBLK_RECORD_BLOCKS)
			break;
		for (k = 0; k < e.nblocks; k++)
			crc[k] = le32_to_cpu(d->block_crc[block++]);
		d->entry[i].csum = cpu_to_le32(rblk_entry_csum(&e, crc));
	}
	seal(RBLK_BLOCK_SIZE);
}

static void set_record(void)
{
	u32 i;

	header_read = (struct log_header){
		.generation = 2, .seq = 100, .prev_seq = 7, .pos = 0x40000,
		.floor_pos = 0x1000, .floor_seq = 3, .floor_index = 4, .watermark = 5,
		.first = 50, .chain = 6, .payload_blocks = RBLK_RECORD_BLOCKS,
		.nentries = RBLK_RECORD_ENTRIES, .nids = LOG_INFLIGHT,
	};
	memset(entry_read, 0, sizeof(entry_read));
	for (i = 0; i < RBLK_RECORD_ENTRIES; i++)
		entry_read[i] = (struct rblk_entry){
			.term = 10, .kind = RBLK_E_OPEN, .store = 11, .epoch = 12, .seq = 13 + i,
		};
	for (i = 0; i < 2; i++) {
		entry_read[i].kind = RBLK_E_WRITE;
		entry_read[i].sector = 5;
		entry_read[i].nsect = (RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT) - 1;
		entry_read[i].nblocks = RBLK_ENTRY_BLOCKS_MAX;
	}
	for (i = 0; i < LOG_INFLIGHT; i++)
		id_read[i] = (struct log_record_id){ 20 + i, 21, 22, 23, 24, 25, 26, 27 };
	for (i = 0; i < RBLK_RECORD_BLOCKS; i++)
		crc_read[i] = 0xc0000000 + i;
}

static void record(void)
{
	/* How many blocks an entry has follows from its sectors; its sum, from all of it. */
	static const char *const rigid[] = { "disk_record.payload_blocks", "disk_entry.nblocks",
					     "disk_entry.csum", NULL };
	static const struct roundtrip_part part[] = { { "disk_record", 0 }, {} };
	static const struct roundtrip rt = {
		.part = part, .buf = buf, .len = RBLK_BLOCK_SIZE, .decode = decode_record,
		.encode = encode_record, .mend = mend_record, .fresh = features,
		.counts = counts, .rigid = rigid,
	};

	set_super();
	set_record();
	encode_record(buf);
	mend_record();
	roundtrip(&rt);
}

static const struct tap_case cases[] = {
	{ "cover", cover },
	{ "superblock", superblock },
	{ "data_header", data_header },
	{ "configuration", configuration },
	{ "metadata", metadata },
	{ "change_map", change_map },
	{ "record", record },
};

TAP_MAIN(cases)
