/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frames, field by field: see fields.h for the words, wire.h for what is done
 * with them and Documentation/protocol.rst for the meaning of the whole. Changing
 * a row changes the protocol.
 */

/* In front of every frame. Its first and last row are the same in all versions. */
FIELDS(frame_header, struct wire_header)
	CODED(0,	le32,	magic, ANY)		/* the bytes "rblk" */
	CODED(4,	u8,	version, ANY)		/* version of the protocol: 1 */
	/*
	 * 1 HELLO, 2 REJECT, 3 RAFT, 4 SUBMIT, 5 REPLY, 6 READ, 7 DATA, 8 PULL, 9 STATE,
	 * 10 MAP, 11 CHUNK, 12 MARK, 13 SUMS, 14 ALIVE
	 */
	FIELD(5,	u8,	type, RANGE(1, WIRE_TYPE_NR - 1))
	CODED(6,	le16,	flags, ANY)		/* 0; others make it unreadable */
	FIELD(8,	le32,	head_len, RANGE(1, WIRE_HEAD_MAX))	/* bytes of the head */
	/* blocks of payload; only RAFT, SUBMIT, DATA and CHUNK have any */
	FIELD(12,	le32,	payload_blocks, UPTO(WIRE_BLOCKS_MAX))
	/* term of a RAFT, SUBMIT or REPLY; of a HELLO: newest one that is durable; or 0 */
	FIELD(16,	le64,	term, ANY)
	FIELD(24,	crc,	head_crc, ANY)		/* CRC-32C of the head */
	CODED(28,	crc,	crc, ANY)		/* CRC-32C of the header before it */
FIELDS_END(frame_header, 32)

/* The first frame of each side. */
FIELDS(frame_hello, struct wire_hello)
	FIELD(0,	le16,	version_min, NOT_ZERO)	/* lowest version that is spoken */
	FIELD(2,	le16,	version_max, ANY)	/* highest version that is spoken */
	FIELD(4,	u8,	channel, BELOW(WIRE_CHANNELS))	/* 0 consensus, 1 bulk connection */
	FIELD(5,	u8,	bootstrapped, BOOL)	/* 1: the store is bootstrapped */
	/*
	 * 0 replica, 1 client, without disks, 2 member that has lost its replica, 3 replica whose
	 * log lacks what it has acknowledged
	 */
	FIELD(6,	u8,	role, UPTO(3))
	FIELD(7,	u8,	frees, BOOL)	/* 1: its data device frees what is zeroed */
	FIELD(8,	id,	features, ANY)		/* features, a bit each */
	FIELD(16,	uuid,	volume, ANY)		/* uuid of the volume */
	FIELD(32,	id,	cluster, ANY)		/* number that names the cluster */
	FIELD(40,	id,	store, NOT_ZERO)	/* store id */
	FIELD(48,	le64,	generation, ANY)	/* number of starts of the store */
	/* index of the newest entry that it has, or had, durably */
	FIELD(56,	le64,	match, ANY)
	FIELD(64,	le64,	match_term, ANY)	/* term of that entry */
	FIELD(72,	le64,	data_sectors, ANY)	/* room of its data device, in sectors */
	FIELD(80,	le64,	ring_bytes, ANY)	/* size of its ring */
	FIELD(88,	le64,	entries, ANY)		/* room of its table, in entries */
	FIELD(96,	name,	name, ANY)		/* name of the volume, for people */
	FIELD(128,	name,	node, NOT_ZERO)		/* name of the node that speaks */
	FIELD(160,	name,	peer, ANY)		/* name of the node that is spoken to */
	/* numbers of the newest starts, each random, the present one first; client: only that */
	VALUES(192,	id, line, RBLK_LINE)
FIELDS_END(frame_hello, 256)

/* The connection is refused. */
FIELDS(frame_reject, struct wire_reject)
	/*
	 * 1 no common version, 2 another volume, 3 another cluster, 4 not the expected
	 * node, 5 not a member's store, 6 older than it was seen to be, 7 connected
	 * already, 8 log ring or entry table too small, 9 absurd number of starts, or
	 * term, 10 a client under the name of a replica, or the reverse, 11 another start
	 * of the store is known
	 */
	FIELD(0,	u8,	reason, NOT_ZERO)
	/* reason 11: 1: the start that is known still runs */
	FIELD(1,	u8,	alive, BOOL)
	SPARE(2,	6, spare)
	/* reasons 6 and 11: what was seen of the store; else 0 */
	FIELD(8,	le64,	generation, ANY)	/* number of its starts */
	FIELD(16,	le64,	match, ANY)		/* index of an entry that it had durably */
	FIELD(24,	le64,	term, ANY)		/* a term that it had durably */
	FIELD(32,	uuid,	volume, ANY)		/* uuid of the volume */
	FIELD(48,	id,	from, ANY)		/* store id of the member that refuses */
	FIELD(56,	id,	to, ANY)		/* store id that is refused */
	FIELD(64,	id,	nonce, ANY)	/* reason 11: number of the start that is known */
	/* reason 11, or 7 while an earlier start is asked: number of the start that is refused */
	FIELD(72,	id,	start, ANY)
	/* reason 11: where the start that is known was met */
	FIELD(80,	addr,	addr, ANY)
	/* start of the member that refuses: generation */
	FIELD(144,	le64,	from_generation, ANY)
	/* start of the member that refuses: number */
	FIELD(152,	id,	from_nonce, ANY)
FIELDS_END(frame_reject, 160)

/* A message of Raft; descriptors of entries and sums of blocks follow. */
FIELDS(frame_raft, struct raft_msg)
	/*
	 * 1 PREVOTE, 2 its reply, 3 VOTE, 4 its reply, 5 APPEND, 6 its reply, 7 READ,
	 * 8 its reply, 9 TIMEOUT_NOW
	 */
	FIELD(0,	u8,	type, RANGE(1, RAFT_MSG_NR - 1))
	FIELD(1,	u8,	reject, BOOL)		/* 1: refused */
	FIELD(2,	u8,	force, BOOL)		/* 1: the leader wants this election */
	FIELD(3,	u8,	resync, BOOL)		/* 1: the receiver needs a resync */
	CODED(4,	le16,	n, UPTO(WIRE_ENTRIES_MAX))	/* entries that follow */
	FIELD(6,	u8,	stalled, BOOL)		/* 1: too few voters acknowledge */
	/* 1: the data device of the sender hangs, 2: its log device, so it acknowledges nothing */
	FIELD(7,	u8,	impaired, UPTO(2))
	FIELD(8,	id,	from, NOT_ZERO)		/* store id of the sender */
	FIELD(16,	id,	to, NOT_ZERO)		/* store id of the receiver */
	FIELD(24,	le64,	term, ANY)		/* term of the sender */
	/* term of the entry before, or named */
	FIELD_AS(32,	le64,	prev_term, prev.term, ANY)
	FIELD_AS(40,	le64,	prev_index, prev.index, ANY)	/* index of that entry */
	FIELD(48,	le64,	run_first, ANY)		/* first index of its term run */
	FIELD(56,	le64,	reject_index, ANY)	/* prev_index of what is refused */
	FIELD_AS(64,	le64,	first, ents.first, ANY)	/* index of the first entry that follows */
	FIELD_AS(72,	le64,	last, ents.last, ANY)	/* index of the last one */
	FIELD_AS(80,	le64,	ents_term, ents.term, ANY)	/* term of all of them */
	FIELD(88,	le64,	commit, ANY)		/* commit index of the leader */
	FIELD(96,	id,	read_seq, ANY)		/* round of reads, or nonce of a READ */
	FIELD(104,	id,	seeker, ANY)		/* store id of a node that lacks a leader */
	FIELD(112,	id,	cluster, ANY)		/* number that names the sender's cluster */
	FIELD(120,	u8,	blocked, BOOL)		/* 1: its payload reaches no majority */
	FIELD(121,	u8,	stuck, BOOL)		/* 1: its payload does not reach you */
	FIELD(122,	u8,	absent, BOOL)	/* 1: the sender lacks a part of the image */
	/*
	 * of the leader: 0 nobody writes, 1 writes are as quick as usual, 2 they are slower, 3 they
	 * are to be measured, so no content is to be pulled
	 */
	FIELD(123,	u8,	strain, UPTO(3))
	FIELD(124,	le32,	strain_no, ANY)		/* number of that finding */
	FIELD(128,	le64,	durable, ANY)		/* newest durable entry of the leader */
	/* with resync 1: the receiver may go on from a state up to this index */
	FIELD(136,	le64,	spared, ANY)
FIELDS_END(frame_raft, 144)

/* An entry, in RAFT, SUBMIT, DATA and CHUNK. */
FIELDS(frame_entry, struct rblk_entry)
	FIELD(0,	le64,	sector, ANY)		/* first sector */
	FIELD(8,	id,	store, ANY)	/* store id of a session, or of who compares */
	FIELD(16,	le64,	epoch, ANY)		/* epoch of the session */
	/* sequence number; of an OPEN: nonce; of a VERIFY: number of the mark */
	FIELD(24,	le64,	seq, ANY)
	FIELD(32,	le32,	nsect, ANY)		/* number of sectors */
	FIELD(36,	crc,	csum, ANY)		/* CRC-32C of the entry; in no log: 0 */
	FIELD(40,	le16,	nblocks, ANY)		/* blocks of payload */
	/* 1 no-op, 2 configuration, 3 write, 4 zeroes, 5 open, 6 close of a session, 7 verify */
	FIELD(42,	u8,	kind, ANY)
	ZERO(43,	u8,	zero)
FIELDS_END(frame_entry, 44)

/* Behind the entries, one for each block of their payload. */
FIELDS(frame_sum, void)
	CODED(0,	crc,	v, ANY)			/* CRC-32C of the block */
FIELDS_END(frame_sum, 4)

/* From a client to the leader; entries and sums of blocks follow. */
FIELDS(frame_submit, struct wire_submit)
	FIELD(0,	id,	from, NOT_ZERO)		/* store id of the client */
	FIELD(8,	le64,	term, ANY)		/* term of the leader; 0: any leader */
	FIELD(16,	le64,	keepalive, ANY)		/* grows with each SUBMIT without writes */
	CODED(24,	le32,	n, UPTO(WIRE_ENTRIES_MAX))	/* entries that follow */
	FIELD(28,	u8,	in_use, BOOL)		/* 1: the device is open on this node */
	FIELD(29,	u8,	force, BOOL)		/* 1: the OPEN takes the session over */
	FIELD(30,	u8,	seeks, BOOL)		/* 1: it does not hear the leader */
	ZERO(31,	u8,	zero)
	ZERO(32,	le64,	zero2)
	ZERO(40,	le64,	zero3)
	ZERO(48,	le64,	zero4)
FIELDS_END(frame_submit, 56)

/* From a member to a client. */
FIELDS(frame_reply, struct wire_reply)
	FIELD(0,	id,	to, NOT_ZERO)		/* store id of the client */
	FIELD(8,	le64,	term, ANY)		/* term of the sender */
	FIELD(16,	id,	leader, ANY)		/* store id of the leader; 0: not known */
	FIELD(24,	le64,	index, ANY)		/* the log is executed up to there */
	FIELD(32,	le64,	epoch, ANY)		/* epoch of its session there; 0: none */
	FIELD(40,	id,	nonce, ANY)		/* nonce of the OPEN that began it */
	FIELD(48,	le64,	seq, ANY)		/* all writes up to this number are done */
	FIELD(56,	id,	holder, ANY)		/* store id of the holder there; 0: none */
	FIELD(64,	le64,	holder_epoch, ANY)	/* epoch of that session */
	FIELD(72,	le64,	sectors, ANY)		/* size of the volume, in sectors */
	FIELD(80,	id,	cluster, ANY)		/* number that names the cluster */
	FIELD(88,	le64,	keepalive, ANY)		/* newest keepalive of the client */
	FIELD(96,	le64,	next, ANY)		/* sequence number that is expected next */
	FIELD(104,	le32,	block_size, ANY)	/* logical block: 512 or 4096 */
	FIELD(108,	le32,	flags, ANY)		/* flags of the volume: 1 shared */
	FIELD(112,	le32,	election_ms, ANY)	/* election timeout, in ms */
	FIELD(116,	le32,	heartbeat_ms, ANY)	/* heartbeat interval, in ms */
	FIELD(120,	u8,	serving, BOOL)		/* 1: the sender leads and serves */
	FIELD(121,	u8,	gap, BOOL)	/* 1: something was missed; go on from next */
	FIELD(122,	u8,	busy, BOOL)		/* 1: the holder uses its session */
	FIELD(123,	u8,	wanted, BOOL)		/* 1: another node asks for its session */
	FIELD(124,	u8,	stalled, BOOL)		/* 1: too few voters acknowledge */
	ZERO(125,	u8,	zero)
	/* blocks that the client may have given the leader, and that are not done */
	FIELD(126,	le16,	credit, ANY)
FIELDS_END(frame_reply, 128)

/* From a node without a replica of use to the leader. */
FIELDS(frame_read, struct wire_read)
	FIELD(0,	id,	from, NOT_ZERO)		/* store id of the client */
	FIELD(8,	id,	id, ANY)		/* number of the read */
	FIELD(16,	le64,	sector, ANY)		/* first sector */
	/* number of sectors */
	FIELD(24,	le32,	nsect, RANGE(1, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT))
	/* 1: who does not lead may answer, too */
	FIELD(28,	le32,	anyone, UPTO(1))
FIELDS_END(frame_read, 32)

/* The answer; the content follows as a WRITE entry with its sums. */
FIELDS(frame_data, struct wire_data)
	FIELD(0,	id,	to, NOT_ZERO)		/* store id of the client */
	FIELD(8,	id,	id, ANY)		/* number of the read */
	/* 0: content follows; 5: it cannot be read; 11: not now, ask again */
	FIELD(16,	le32,	error, ANY)
	CODED(20,	le32,	n, UPTO(1))		/* entries that follow */
	FIELD(24,	le64,	epoch, ANY)	/* epoch of its session when read; 0: none */
	ZERO(32,	le64,	zero)
	ZERO(40,	le64,	zero2)
	ZERO(48,	le64,	zero3)
FIELDS_END(frame_data, 56)

/* From a member that is resynchronised to another one. */
FIELDS(frame_pull, struct wire_pull)
	FIELD(0,	id,	from, NOT_ZERO)		/* store id of the sender */
	FIELD(8,	id,	id, ANY)		/* number of the request */
	/* entries up to this index have to be included; with a STATE, one more at least */
	FIELD(16,	le64,	least, ANY)
	/* MAP: first region. CHUNK, EXACT: first sector */
	FIELD(24,	le64,	at, ANY)
	/* CHUNK, EXACT: number of sectors */
	FIELD(32,	le32,	nsect, UPTO(RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT))
	/* 1 STATE, 2 MAP, 3 CHUNK, 4 EXACT */
	FIELD(36,	u8,	what, RANGE(1, WIRE_P_NR - 1))
	/* CHUNK: 1: what the sender has there follows, so that none of it is sent */
	FIELD(37,	u8,	compare, BOOL)
	ZERO(38,	le16,	zero)
	/* SipHash-2-4 of each block of it, keyed with id and from; else, and behind them, 0 */
	VALUES(40,	le64,	hash, WIRE_HASHES_MAX)
FIELDS_END(frame_pull, 296)

/* A member, in STATE. */
FIELDS(frame_member, struct rblk_member)
	FIELD(0,	id,	store, NOT_ZERO)	/* store id */
	/* 1 voter of the incoming, 2 of the outgoing configuration, 4 learner, 8 witness */
	FIELD(8,	u8,	flags, NOT_ZERO)
	SPARE(9,	7, spare)
	FIELD(16,	name,	node, ANY)		/* name of the node */
	FIELD(48,	addr,	addr, ANY)		/* host:port */
FIELDS_END(frame_member, 112)

/* A session, in STATE. */
FIELDS(frame_session, struct rblk_session)
	FIELD(0,	id,	store, NOT_ZERO)	/* store id of its node */
	FIELD(8,	le64,	epoch, NOT_ZERO)	/* index of the OPEN entry */
	FIELD(16,	id,	nonce, ANY)		/* nonce of the OPEN entry */
	FIELD(24,	le64,	seq, ANY)		/* newest sequence number executed */
FIELDS_END(frame_session, 32)

/* The answer to a PULL: what a replica can go on from. */
FIELDS(frame_state, struct wire_state)
	FIELD(0,	id,	to, NOT_ZERO)		/* store id of the receiver */
	FIELD(8,	id,	id, ANY)		/* number of the request */
	FIELD_AS(16,	le64,	index, state.index, NOT_ZERO)	/* the state is as of this entry */
	FIELD_AS(24,	le64,	state_term, state.term, NOT_ZERO)	/* term of that entry */
	FIELD_AS(32,	id,	digest, state.digest, ANY)	/* digest of all verdicts */
	/* sessions that follow */
	FIELD_AS(40,	le32,	nsessions, state.nsessions, UPTO(RBLK_SESSIONS_MAX))
	/* log2 of the bytes of a region */
	FIELD(44,	le32,	region_shift, RANGE(RBLK_REGION_SHIFT_MIN, RBLK_REGION_SHIFT_MAX))
	FIELD_AS(48,	le64,	conf_index, conf.index, NOT_ZERO)	/* configuration: index */
	FIELD_AS(56,	id,	cluster, conf.cluster, ANY)	/* number that names the cluster */
	FIELD_AS(64,	le64,	sectors, conf.sectors, ANY)	/* size of the volume, in sectors */
	FIELD_AS(72,	le32,	block_size, conf.block_size, ANY)	/* logical block */
	FIELD_AS(76,	le32,	election_ms, conf.election_ms, ANY)	/* election timeout */
	FIELD_AS(80,	le32,	heartbeat_ms, conf.heartbeat_ms, ANY)	/* heartbeat interval */
	/* members that follow */
	FIELD_AS(84,	le32,	n, conf.n, RANGE(1, RBLK_MEMBERS_MAX))
	FIELD_AS(88,	le32,	flags, conf.flags, ANY)	/* flags of the volume: 1 shared */
	FIELD_AS(92,	le32,	entries, conf.entries, ANY)	/* smallest table of a member */
	FIELD_AS(96,	le64,	ring_bytes, conf.ring_bytes, ANY)	/* smallest ring */
	TABLE(104,	frame_member, m, RBLK_MEMBERS_MAX)	/* members */
	TABLE(1896,	frame_session, session, RBLK_SESSIONS_MAX)	/* sessions */
FIELDS_END(frame_state, 2408)

/* The answer to a PULL: a part of the change map. */
FIELDS(frame_map, struct wire_map)
	FIELD(0,	id,	to, NOT_ZERO)		/* store id of the receiver */
	FIELD(8,	id,	id, ANY)		/* number of the request */
	FIELD(16,	le64,	first, ANY)		/* first region */
	ZERO(24,	le64,	zero)
	/* newest entry that touched the region, or a later one; 0: none did */
	VALUES(32,	le64, v, RBLK_MAP_PER_BLOCK)
FIELDS_END(frame_map, 4064)

/*
 * The answer to a PULL. The content follows: as ZEROES of the whole range, or as a WRITE with the
 * blocks that are not the same, one behind the other. Nothing follows if all are.
 */
FIELDS(frame_chunk, struct wire_chunk)
	FIELD(0,	id,	to, NOT_ZERO)		/* store id of the receiver */
	FIELD(8,	id,	id, ANY)		/* number of the request */
	/* 0: content follows; 5: it cannot be read; 11: not now, ask again, or somebody else */
	FIELD(16,	le32,	error, ANY)
	CODED(20,	le32,	n, UPTO(1))		/* entries that follow */
	FIELD(24,	le64,	index, ANY)	/* entries up to this index are included */
	FIELD(32,	le64,	upto, ANY)	/* later ones up to this index may be, too */
	/* blocks of which the receiver has the content, a bit each, by their hashes */
	FIELD(40,	le32,	same, ANY)
	ZERO(44,	le32,	zero)
	ZERO(48,	le64,	zero2)
FIELDS_END(frame_chunk, 56)

/* From a member that compares the copies of the image: to the leader, or to a member. */
FIELDS(frame_mark, struct wire_mark)
	FIELD(0,	id,	from, NOT_ZERO)		/* store id of the sender */
	FIELD(8,	id,	id, ANY)		/* number of the mark */
	FIELD(16,	le64,	sector, ANY)		/* first sector */
	/* number of sectors */
	FIELD(24,	le32,	nsect, RANGE(1, WIRE_SUMS_MAX * RBLK_SECTORS_PER_BLOCK))
	/* MEND: members that agree, a bit each, by their place in the configuration; else 0 */
	FIELD(28,	le32,	good, UPTO((1u << RBLK_MEMBERS_MAX) - 1))
	FIELD(32,	le64,	conf, ANY)		/* index of that configuration */
	FIELD(40,	u8,	what, RANGE(1, WIRE_M_NR - 1))	/* 1 VERIFY, 2 MEND */
	ZERO(41,	u8,	zero)
	ZERO(42,	le16,	zero2)
	ZERO(44,	le32,	zero3)
FIELDS_END(frame_mark, 48)

/* To that member: what a replica has read of a range, exactly at the entry that says so. */
FIELDS(frame_sums, struct wire_sums)
	FIELD(0,	id,	to, NOT_ZERO)		/* store id of the receiver */
	FIELD(8,	id,	id, ANY)		/* number of the mark */
	FIELD(16,	le64,	index, NOT_ZERO)	/* index of its VERIFY entry */
	/* 0: it was read; 5: it cannot be read; 11: not now; 61: a part of the image is absent */
	FIELD(24,	le32,	error, ANY)
	FIELD(28,	le32,	n, UPTO(WIRE_SUMS_MAX))	/* blocks that were read */
	VALUES(32,	crc,	v, WIRE_SUMS_MAX)	/* CRC-32C of each block; behind them 0 */
FIELDS_END(frame_sums, 160)

/* Asks a node whether its start still runs, since another start of its store said hello. */
FIELDS(frame_alive, struct wire_alive)
	FIELD(0,	id,	to, NOT_ZERO)		/* store id of the receiver */
	FIELD(8,	id,	nonce, NOT_ZERO)	/* number of the start */
	FIELD(16,	id,	id, ANY)		/* number of the question */
	FIELD(24,	u8,	answer, BOOL)		/* 1: it does */
	ZERO(25,	u8,	zero)
	ZERO(26,	le16,	zero2)
	ZERO(28,	le32,	zero3)
FIELDS_END(frame_alive, 32)
