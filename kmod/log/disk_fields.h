/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything on a node's two devices, field by field: see fields.h for the words,
 * format.h for the constants and Documentation/disk-format.rst for the meaning of
 * the whole. Changing a row changes the format on disk.
 */

/* Every structure begins with it. */
FIELDS(disk_head, void)
	CODED(0,	id,	magic, ANY)	/* the bytes "raftblk" and a letter */
	CODED(8,	crc,	crc, ANY)	/* CRC-32C from offset 12 to the end */
	CODED(12,	le32,	version, ANY)			/* 1 */
	CODED(16,	le32,	compat, ANY)	/* features; unknown ones are ignored */
	CODED(20,	le32,	ro_compat, ANY)	/* features; unknown ones forbid a start */
	CODED(24,	le32,	incompat, ANY)	/* features; unknown ones are refused */
	CODED(28,	le32,	bytes, ANY)			/* size of the structure */
	CODED(32,	uuid,	volume, ANY)			/* the same on all members */
	CODED(48,	id,	store, ANY)	/* minted at format, like no other */
FIELDS_END(disk_head, 56)

/* Superblock of the log device. */
FIELDS(disk_super, struct log_super)
	NESTED(0,	disk_head, head)
	FIELD(56,	time,	created, created, ANY)		/* for people */
	FIELD(64,	name,	volume_name, volume_name, ANY)
	FIELD(96,	name,	node, node, ANY)
	FIELD(128,	le64,	dev_bytes, dev_bytes, ANY)	/* of the log device at format */
	FIELD(136,	le64,	data_bytes, data_bytes, ANY)	/* of the volume's image */
	FIELD(144,	le64,	map_off, map_off, ANY)		/* change map: offset */
	FIELD(152,	le64,	map_bytes, map_bytes, ANY)	/* change map: size */
	FIELD(160,	le64,	ring_off, ring_off, ANY)	/* ring: offset */
	FIELD(168,	le64,	ring_bytes, ring_bytes, ANY)	/* ring: size */
	FIELD(176,	le32,	block_size, block_size, ANY)	/* of the volume: 512 or 4096 */
	/* log2 of the bytes of a region of the change map, 16 to 30 */
	FIELD(180,	le32,	region_shift, region_shift, ANY)
FIELDS_END(disk_super, 184)

/* Header of the data device. */
FIELDS(disk_data, struct data_super)
	NESTED(0,	disk_head, head)
	FIELD(56,	le64,	seq, seq, ANY)			/* grows with each checkpoint */
	FIELD(64,	name,	volume_name, volume_name, ANY)
	FIELD(96,	name,	node, node, ANY)
	FIELD(128,	le64,	index, index, ANY)	/* the image has all entries up to it */
	FIELD(136,	le64,	term, term, ANY)		/* of the entry at that index */
FIELDS_END(disk_data, 144)

/* A line of a configuration. */
FIELDS(disk_member, struct rblk_member)
	FIELD(0,	id,	store, store, NOT_ZERO)	/* unlike that of any other member */
	/* 1 voter of the incoming, 2 of the outgoing configuration, 4 learner, 8 witness */
	FIELD(8,	u8,	flags, flags, NOT_ZERO)
	SPARE(9,	7, spare)
	FIELD(16,	name,	node, node, ANY)
	FIELD(48,	addr,	addr, addr, ANY)		/* host:port */
FIELDS_END(disk_member, 112)

/* A configuration. */
FIELDS(disk_conf, struct rblk_conf)
	FIELD(0,	le64,	index, index, ANY)		/* of its entry */
	FIELD(8,	id,	cluster, cluster, ANY)		/* names the cluster */
	FIELD(16,	le64,	sectors, sectors, ANY)		/* size of the volume */
	FIELD(24,	le32,	block_size, block_size, ANY)	/* of the volume: 512 or 4096 */
	FIELD(28,	le32,	election_ms, election_ms, ANY)	/* election timeout */
	FIELD(32,	le32,	heartbeat_ms, heartbeat_ms, ANY)	/* heartbeat interval */
	FIELD(36,	le32,	n, n, UPTO(RBLK_MEMBERS_MAX))	/* members */
	/* 1 shared: several sessions at once; others are refused */
	FIELD(40,	le32,	flags, flags, ANY)
	SPARE(44,	4, spare)
	TABLE(48,	disk_member, m, RBLK_MEMBERS_MAX)	/* members */
FIELDS_END(disk_conf, 1840)

/* Payload of a configuration entry. */
FIELDS(disk_conf_block, void)
	NESTED(0,	disk_head, head)
	SPARE(56,	8, spare)
	NESTED(64,	disk_conf, conf)			/* configuration */
FIELDS_END(disk_conf_block, 1904)

/* A session. */
FIELDS(disk_session, struct rblk_session)
	FIELD(0,	id,	store, store, ANY)		/* whose */
	FIELD(8,	le64,	epoch, epoch, ANY)	/* index of the entry that opened it */
	FIELD(16,	id,	nonce, nonce, ANY)		/* of the start that asked for it */
	FIELD(24,	le64,	seq, seq, ANY)	/* newest sequence number executed */
FIELDS_END(disk_session, 32)

/* What is remembered of a peer. */
FIELDS(disk_peer, struct log_peer_memory)
	FIELD(0,	id,	store, store, ANY)
	FIELD(8,	le64,	generation, generation, ANY)	/* newest that was seen */
	FIELD(16,	le64,	match, match, ANY)		/* highest index it acknowledged */
FIELDS_END(disk_peer, 24)

/* Metadata. */
FIELDS(disk_meta, struct log_meta)
	NESTED(0,	disk_head, head)
	FIELD(56,	le64,	meta_version, version, NOT_ZERO)	/* grows with each write */
	/* grows with each start */
	FIELD(64,	le64,	generation, generation, BELOW(DISK_COUNT_MAX))
	FIELD(72,	le64,	term, raft.term, ANY)		/* Raft's current term */
	FIELD(80,	id,	vote, raft.vote, ANY)		/* and its vote in it; 0: none */
	/* floor: term and index of the entry before the first that is retained */
	FIELD(88,	le64,	floor_term, floor.term, ANY)
	FIELD(96,	le64,	floor_index, floor.index, BELOW(DISK_COUNT_MAX))
	/* floor: position and number of the first retained record */
	FIELD(104,	le64,	floor_pos, floor_pos, BELOW(DISK_COUNT_MAX))
	FIELD(112,	le64,	floor_seq, floor_seq, BELOW(DISK_COUNT_MAX))
	/* number up to which all records were durable */
	FIELD(120,	le64,	watermark, watermark, BELOW(DISK_COUNT_MAX))
	/* the newest start: its generation, position and number of its first record */
	FIELD(128,	le64,	start_generation, start_generation, ANY)
	FIELD(136,	le64,	start_pos, start_pos, BELOW(DISK_COUNT_MAX))
	FIELD(144,	le64,	start_seq, start_seq, BELOW(DISK_COUNT_MAX))
	/* header checksum of the record before the floor */
	FIELD(152,	crc,	floor_chain, floor_chain, ANY)
	FIELD(156,	le32,	nsessions, state.nsessions, UPTO(RBLK_SESSIONS_MAX))
	FIELD(160,	le32,	npeers, npeers, UPTO(RBLK_MEMBERS_MAX))
	SPARE(164,	4, spare)
	/* checkpoint: index and term, and the digest of all verdicts up to it */
	FIELD(168,	le64,	state_index, state.index, ANY)
	FIELD(176,	le64,	state_term, state.term, ANY)
	FIELD(184,	id,	digest, state.digest, ANY)
	SPARE(192,	48, spare2)
	NESTED(240,	disk_conf, conf)	/* configuration as of the checkpoint */
	NESTED(2080,	disk_conf, prev_conf)			/* the one before it */
	TABLE(3920,	disk_session, session, RBLK_SESSIONS_MAX)
	TABLE(4432,	disk_peer, peer, RBLK_MEMBERS_MAX)
FIELDS_END(disk_meta, 4816)

/* A block of the change map. */
FIELDS(disk_map, void)
	NESTED(0,	disk_head, head)
	CODED(56,	le64,	block, ANY)	/* its own number: shows a misdirected write */
	/* index of the last entry that touched the region; may err only high */
	VALUES(64,	le64, v, RBLK_MAP_PER_BLOCK)
FIELDS_END(disk_map, 4096)

/* Identity of a record. */
FIELDS(disk_record_id, struct log_record_id)
	FIELD(0,	le64,	seq, seq, ANY)			/* number */
	FIELD(8,	le64,	pos, pos, ANY)			/* position */
	FIELD(16,	le64,	first, first, ANY)		/* first index; 1 without entries */
	FIELD(24,	le64,	last, last, ANY)		/* last index; 0 without entries */
	FIELD(32,	le64,	term, term, ANY)		/* of the last entry */
	FIELD(40,	le32,	bytes, bytes, ANY)		/* header and payload */
	FIELD(44,	crc,	chain, chain, ANY)		/* its header checksum */
	FIELD(48,	crc,	csum, csum, ANY)		/* checksum of the last entry */
	SPARE(52,	4, spare)
FIELDS_END(disk_record_id, 56)

/* Descriptor of an entry. */
FIELDS(disk_entry, struct rblk_entry)
	FIELD(0,	le64,	term, term, ANY)
	FIELD(8,	le64,	sector, sector, ANY)		/* first sector */
	FIELD(16,	id,	store, store, ANY)		/* whose session */
	FIELD(24,	le64,	epoch, epoch, ANY)		/* of the session */
	FIELD(32,	le64,	seq, seq, ANY)			/* within the session */
	FIELD(40,	le32,	nsect, nsect, ANY)		/* sectors */
	FIELD(44,	crc,	csum, csum, ANY)		/* identity of the entry */
	FIELD(48,	le32,	nblocks, nblocks, ANY)		/* blocks of payload */
	/* 1 no-op, 2 configuration, 3 write, 4 zeroes, 5 open, 6 close of a session */
	FIELD(52,	u8,	kind, kind, ANY)
	SPARE(53,	3, spare)
FIELDS_END(disk_entry, 56)

/* Header of a record. */
FIELDS(disk_record, struct log_header)
	NESTED(0,	disk_head, head)
	FIELD(56,	le64,	generation, generation, RANGE(1, DISK_COUNT_MAX - 1))
	/* number: one more than that of the record before, or a jump, see below */
	FIELD(64,	le64,	seq, seq, BELOW(DISK_COUNT_MAX))
	FIELD(72,	le64,	prev_seq, prev_seq, ANY)	/* number of the record before */
	FIELD(80,	le64,	pos, pos, BELOW(DISK_COUNT_MAX))	/* position */
	FIELD(88,	le64,	floor_pos, floor_pos, ANY)	/* floor: position */
	FIELD(96,	le64,	floor_seq, floor_seq, ANY)	/* floor: number */
	FIELD(104,	le64,	floor_index, floor_index, ANY)	/* floor: index */
	/* number up to which all was durable *before this record was submitted* */
	FIELD(112,	le64,	watermark, watermark, ANY)
	/* index of the first entry; 0: none */
	FIELD(120,	le64,	first, first, BELOW(DISK_COUNT_MAX))
	FIELD(128,	crc,	chain, chain, ANY)		/* head.crc of the record before */
	/* 4096, always */
	CODED(132,	le32,	header_bytes, RANGE(LOG_HEADER_BYTES_MAX, LOG_HEADER_BYTES_MAX))
	FIELD(136,	le32,	payload_blocks, payload_blocks, UPTO(RBLK_RECORD_BLOCKS))
	FIELD(140,	le32,	nentries, nentries, UPTO(RBLK_RECORD_ENTRIES))
	FIELD(144,	le32,	nids, nids, UPTO(LOG_INFLIGHT))
	/* 1 closing record: no entries, only raises the watermark */
	FIELD(148,	le32,	flags, flags, ANY)
	SPARE(152,	8, spare)
	/* records that became durable since the header before */
	TABLE(160,	disk_record_id, id, LOG_INFLIGHT)
	/* the index of each is that of the first plus its place in the table */
	TABLE(1056,	disk_entry, entry, RBLK_RECORD_ENTRIES)
	/* CRC-32C of each payload block, entry after entry */
	VALUES(3744,	crc, block_crc, RBLK_RECORD_BLOCKS)
	SPARE(4008,	88, spare2)
FIELDS_END(disk_record, 4096)
