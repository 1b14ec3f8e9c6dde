/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything on a node's two devices, field by field: see fields.h for the words,
 * format.h for the constants and Documentation/disk-format.rst for the meaning of
 * the whole. Changing a row changes the format on disk.
 */

/* The head that every structure begins with. */
FIELDS(disk_head, void)
	CODED(0,	id,	magic, ANY)		/* the bytes "raftblk" and a letter */
	CODED(8,	crc,	crc, ANY)		/* CRC-32C from offset 12 to the end */
	CODED(12,	le32,	version, ANY)		/* version of the format: 1 */
	CODED(16,	le32,	compat, ANY)		/* features; unknown ones are ignored */
	CODED(20,	le32,	ro_compat, ANY)		/* features; unknown ones forbid a start */
	CODED(24,	le32,	incompat, ANY)		/* features; unknown ones are refused */
	CODED(28,	le32,	bytes, ANY)		/* size of the structure */
	CODED(32,	uuid,	volume, ANY)		/* uuid of the volume */
	CODED(48,	id,	store, ANY)		/* store id, drawn at format and never 0 */
FIELDS_END(disk_head, 56)

/* Superblock of the log device. */
FIELDS(disk_super, struct log_super)
	NESTED(0,	disk_head, head)		/* head, with the letter S */
	FIELD(56,	time,	created, ANY)		/* time of the format, since 1970 */
	FIELD(64,	name,	volume_name, ANY)	/* name of the volume */
	FIELD(96,	name,	node, ANY)		/* name of the node */
	FIELD(128,	le64,	dev_bytes, ANY)		/* size of the log device at format */
	FIELD(136,	le64,	data_bytes, ANY)	/* size of the volume's image */
	FIELD(144,	le64,	map_off, ANY)		/* offset of the change map */
	FIELD(152,	le64,	map_bytes, ANY)		/* size of the change map */
	FIELD(160,	le64,	ring_off, ANY)		/* offset of the ring */
	FIELD(168,	le64,	ring_bytes, ANY)	/* size of the ring */
	FIELD(176,	le32,	block_size, ANY)	/* logical block: 512 or 4096 */
	FIELD(180,	le32,	region_shift, ANY)	/* log2 of the bytes of a region */
FIELDS_END(disk_super, 184)

/* Header of the data device. */
FIELDS(disk_data, struct data_super)
	NESTED(0,	disk_head, head)		/* head, with the letter D */
	FIELD(56,	le64,	seq, ANY)		/* number of the checkpoint */
	FIELD(64,	name,	volume_name, ANY)	/* name of the volume */
	FIELD(96,	name,	node, ANY)		/* name of the node */
	FIELD(128,	le64,	index, ANY)		/* index of the checkpoint */
	FIELD(136,	le64,	term, ANY)		/* term of the entry at that index */
	/* 0, or a part is absent: what is there may include entries up to this one */
	FIELD(144,	le64,	upto, COUNT)
	/* 1 unwritten: nothing was written to it since the format; unknown ones are refused */
	FIELD(152,	le32,	flags, ANY)
	SPARE(156,	4, spare)
FIELDS_END(disk_data, 160)

/* A line of a configuration. */
FIELDS(disk_member, struct rblk_member)
	FIELD(0,	id,	store, NOT_ZERO)	/* store id, unlike that of the others */
	/* 1 voter of the incoming, 2 of the outgoing configuration, 4 learner, 8 witness */
	FIELD(8,	u8,	flags, NOT_ZERO)
	SPARE(9,	7, spare)
	FIELD(16,	name,	node, ANY)		/* name of the node */
	FIELD(48,	addr,	addr, ANY)		/* host:port */
FIELDS_END(disk_member, 112)

/* A configuration. */
FIELDS(disk_conf, struct rblk_conf)
	FIELD(0,	le64,	index, ANY)		/* index of its entry */
	FIELD(8,	id,	cluster, ANY)		/* number that names the cluster */
	FIELD(16,	le64,	sectors, ANY)		/* size of the volume, in sectors */
	FIELD(24,	le32,	block_size, ANY)	/* logical block: 512 or 4096 */
	FIELD(28,	le32,	election_ms, ANY)	/* election timeout, in ms */
	FIELD(32,	le32,	heartbeat_ms, ANY)	/* heartbeat interval, in ms */
	FIELD(36,	le32,	n, UPTO(RBLK_MEMBERS_MAX))	/* number of members */
	/* 1 shared: several sessions at once; unknown ones are refused */
	FIELD(40,	le32,	flags, ANY)
	FIELD(44,	le32,	entries, ANY)	/* smallest table of entries of a member */
	FIELD(48,	le64,	ring_bytes, ANY)	/* smallest ring of a member */
	TABLE(56,	disk_member, m, RBLK_MEMBERS_MAX)	/* members */
FIELDS_END(disk_conf, 1848)

/* Payload of a configuration entry. */
FIELDS(disk_conf_block, void)
	/* head, with the letter V; volume and store are zeroes */
	NESTED(0,	disk_head, head)
	SPARE(56,	8, spare)
	NESTED(64,	disk_conf, conf)		/* configuration */
FIELDS_END(disk_conf_block, 1912)

/* A session. */
FIELDS(disk_session, struct rblk_session)
	FIELD(0,	id,	store, ANY)		/* store id of its node */
	FIELD(8,	le64,	epoch, ANY)		/* index of the OPEN entry */
	FIELD(16,	id,	nonce, ANY)		/* nonce of the OPEN entry */
	FIELD(24,	le64,	seq, ANY)		/* newest sequence number executed */
FIELDS_END(disk_session, 32)

/* What is remembered of a peer. */
FIELDS(disk_peer, struct log_peer_memory)
	FIELD(0,	id,	store, ANY)		/* store id */
	FIELD(8,	le64,	generation, ANY)	/* highest generation seen */
	FIELD(16,	le64,	match, ANY)		/* highest index acknowledged */
FIELDS_END(disk_peer, 24)

/* Metadata. */
FIELDS(disk_meta, struct log_meta)
	NESTED(0,	disk_head, head)		/* head, with the letter M */
	FIELD(56,	le64,	version, RANGE(1, DISK_COUNT_MAX - 1))	/* number of this version */
	FIELD(64,	le64,	generation, COUNT)	/* number of starts of the store */
	FIELD_AS(72,	le64,	term, raft.term, ANY)	/* current term of Raft */
	FIELD_AS(80,	id,	vote, raft.vote, ANY)	/* store id it voted for; 0: none */
	/* floor: term of the entry before it */
	FIELD_AS(88,	le64,	floor_term, floor.term, ANY)
	/* floor: index of the entry before it */
	FIELD_AS(96,	le64,	floor_index, floor.index, COUNT)
	FIELD(104,	le64,	floor_pos, COUNT)	/* floor: position of its record */
	FIELD(112,	le64,	floor_seq, COUNT)	/* floor: number of its record */
	FIELD(120,	le64,	watermark, COUNT)	/* number up to which all was durable */
	FIELD(128,	le64,	start_generation, ANY)	/* newest start: generation */
	FIELD(136,	le64,	start_pos, COUNT)	/* newest start: position of its record */
	FIELD(144,	le64,	start_seq, COUNT)	/* newest start: number of its record */
	FIELD(152,	crc,	floor_chain, ANY)	/* floor: checksum of the header before */
	/* sessions in use */
	FIELD_AS(156,	le32,	nsessions, state.nsessions, UPTO(RBLK_SESSIONS_MAX))
	FIELD(160,	le32,	npeers, UPTO(RBLK_MEMBERS_MAX))	/* peers in use */
	/* 1 absent, 2 unwritten: what the map may say of the image; unknown ones are refused */
	FIELD(164,	le32,	flags, ANY)
	FIELD_AS(168,	le64,	state_index, state.index, ANY)	/* checkpoint: index */
	FIELD_AS(176,	le64,	state_term, state.term, ANY)	/* checkpoint: term */
	/* checkpoint: digest of all verdicts */
	FIELD_AS(184,	id,	digest, state.digest, ANY)
	/* newest entry in the records up to the watermark: index; 0: not known */
	FIELD_AS(192,	le64,	durable_index, durable.index, ANY)
	/* newest entry in the records up to the watermark: term */
	FIELD_AS(200,	le64,	durable_term, durable.term, ANY)
	/* set back: store id of the member that saw more of this store; 0: none did */
	FIELD_AS(208,	id,	seen_store, seen.store, ANY)
	/* set back: generation that it saw */
	FIELD_AS(216,	le64,	seen_generation, seen.generation, ANY)
	/* set back: index that it saw */
	FIELD_AS(224,	le64,	seen_match, seen.match, ANY)
	FIELD_AS(232,	le64,	seen_term, seen.term, ANY)	/* set back: term that it saw */
	FIELD(240,	le64,	image_seq, ANY)		/* number in the data header */
	/* flag 1: content that others send has to include the entries up to this one */
	FIELD(248,	le64,	absent_from, COUNT)
	NESTED(256,	disk_conf, conf)		/* configuration as of the checkpoint */
	NESTED(2104,	disk_conf, prev_conf)		/* configuration before that one */
	/* sessions as of the checkpoint */
	TABLE(3952,	disk_session, session, RBLK_SESSIONS_MAX)
	/* what is remembered of other stores */
	TABLE(4464,	disk_peer, peer, RBLK_MEMBERS_MAX)
	/* highest term seen of each of them */
	VALUES(4848,	le64, peer_term, RBLK_MEMBERS_MAX)
	/* numbers of the newest starts, each random, the present one first */
	VALUES(4976,	id, line, RBLK_LINE)
	/* number of the newest start seen of each of them; 0: not known */
	VALUES(5040,	id, peer_nonce, RBLK_MEMBERS_MAX)
	/* a copy: number of the start that the member saw; set back: 0 */
	FIELD_AS(5168,	id,	seen_nonce, seen.nonce, ANY)
	/* newest entry that was acknowledged and is lost: index; 0: none */
	FIELD_AS(5176,	le64,	owed_index, owed.index, COUNT)
	/* newest entry that was acknowledged and is lost: term */
	FIELD_AS(5184,	le64,	owed_term, owed.term, ANY)
FIELDS_END(disk_meta, 5192)

/* A block of the change map. */
FIELDS(disk_map, void)
	NESTED(0,	disk_head, head)		/* head, with the letter C */
	CODED(56,	le64,	block, ANY)		/* number of the block */
	/* of regions: newest entry that touched it, or a later one; or bits */
	VALUES(64,	le64, v, RBLK_MAP_PER_BLOCK)
FIELDS_END(disk_map, 4096)

/* Identity of a record. */
FIELDS(disk_record_id, struct log_record_id)
	FIELD(0,	le64,	seq, ANY)		/* number of the record */
	FIELD(8,	le64,	pos, ANY)		/* position of the record */
	FIELD(16,	le64,	first, ANY)		/* index of its first entry; none: 1 */
	FIELD(24,	le64,	last, ANY)		/* index of its last entry; none: 0 */
	FIELD(32,	le64,	term, ANY)		/* term of its last entry */
	FIELD(40,	le32,	bytes, ANY)		/* size of header and payload */
	FIELD(44,	crc,	chain, ANY)		/* checksum of its header */
	FIELD(48,	crc,	csum, ANY)		/* checksum of its last entry */
	SPARE(52,	4, spare)
FIELDS_END(disk_record_id, 56)

/* Descriptor of an entry. */
FIELDS(disk_entry, struct rblk_entry)
	FIELD(0,	le64,	term, ANY)		/* term of the entry */
	FIELD(8,	le64,	sector, ANY)		/* first sector */
	FIELD(16,	id,	store, ANY)		/* store id of a session */
	FIELD(24,	le64,	epoch, ANY)		/* epoch of the session */
	FIELD(32,	le64,	seq, ANY)		/* sequence number; of an OPEN: nonce */
	FIELD(40,	le32,	nsect, ANY)		/* number of sectors */
	FIELD(44,	crc,	csum, ANY)		/* CRC-32C of the entry: its identity */
	FIELD(48,	le32,	nblocks, ANY)		/* blocks of payload */
	/* 1 no-op, 2 configuration, 3 write, 4 zeroes, 5 open, 6 close of a session, 7 verify */
	FIELD(52,	u8,	kind, ANY)
	SPARE(53,	3, spare)
FIELDS_END(disk_entry, 56)

/* Header of a record. */
FIELDS(disk_record, struct log_header)
	NESTED(0,	disk_head, head)		/* head, with the letter R */
	/* generation that wrote it */
	FIELD(56,	le64,	generation, RANGE(1, DISK_COUNT_MAX - 1))
	FIELD(64,	le64,	seq, COUNT)	/* number: one more than before, or a jump */
	FIELD(72,	le64,	prev_seq, ANY)		/* number of the record before */
	FIELD(80,	le64,	pos, COUNT)		/* position of the record */
	FIELD(88,	le64,	floor_pos, ANY)		/* position of the floor */
	FIELD(96,	le64,	floor_seq, ANY)		/* number of the record at the floor */
	FIELD(104,	le64,	floor_index, ANY)	/* index before the floor */
	/* number up to which all was durable before this record was submitted */
	FIELD(112,	le64,	watermark, ANY)
	FIELD(120,	le64,	first, COUNT)		/* index of the first entry; 0: none */
	FIELD(128,	crc,	chain, ANY)		/* checksum of the header before */
	/* size of the header: 4096 */
	CODED(132,	le32,	header_bytes, RANGE(LOG_HEADER_BYTES_MAX, LOG_HEADER_BYTES_MAX))
	/* blocks of payload */
	FIELD(136,	le32,	payload_blocks, UPTO(RBLK_RECORD_BLOCKS))
	FIELD(140,	le32,	nentries, UPTO(RBLK_RECORD_ENTRIES))	/* number of entries */
	FIELD(144,	le32,	nids, UPTO(LOG_INFLIGHT))	/* number of identities */
	FIELD(148,	le32,	flags, ANY)		/* 1 closing record */
	SPARE(152,	8, spare)
	/* records that became durable since the header before */
	TABLE(160,	disk_record_id, id, LOG_INFLIGHT)
	/* entries, in the order of their indexes */
	TABLE(1056,	disk_entry, entry, RBLK_RECORD_ENTRIES)
	/* CRC-32C of each block of payload, entry after entry */
	VALUES(3744,	crc, block_crc, RBLK_RECORD_BLOCKS)
	SPARE(4008,	88, spare2)
FIELDS_END(disk_record, 4096)
