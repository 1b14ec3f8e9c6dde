/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frames, field by field: see fields.h for the words, wire.h for what is done
 * with them and Documentation/protocol.rst for the meaning of the whole. Changing
 * a row changes the protocol.
 */

/* In front of every frame. Its first and last row are the same in all versions. */
FIELDS(frame_header, struct wire_header)
	CODED(0,	le32,	magic, ANY)			/* the bytes "rblk" */
	CODED(4,	u8,	version, ANY)			/* 1 */
	/* 1 HELLO, 2 REJECT, 3 RAFT, 4 SUBMIT, 5 REPLY, 6 READ, 7 DATA */
	FIELD(5,	u8,	type, type, RANGE(1, WIRE_TYPE_NR - 1))
	CODED(6,	le16,	flags, ANY)			/* 0: any other is not understood */
	FIELD(8,	le32,	head_len, head_len, RANGE(1, WIRE_HEAD_MAX))	/* bytes of head */
	/* blocks of payload; only RAFT, SUBMIT and DATA have any */
	FIELD(12,	le32,	payload_blocks, payload_blocks, UPTO(WIRE_BLOCKS_MAX))
	FIELD(16,	le64,	term, term, ANY)	/* of RAFT, SUBMIT and REPLY; or 0 */
	FIELD(24,	crc,	head_crc, head_crc, ANY)	/* CRC-32C of the head */
	CODED(28,	crc,	crc, ANY)	/* CRC-32C of the header up to here */
FIELDS_END(frame_header, 32)

/* The first frame of each side. */
FIELDS(frame_hello, struct wire_hello)
	FIELD(0,	le16,	version_min, version_min, NOT_ZERO)	/* lowest version spoken */
	FIELD(2,	le16,	version_max, version_max, ANY)	/* highest */
	FIELD(4,	u8,	channel, channel, BELOW(WIRE_CHANNELS))	/* 0 consensus, 1 bulk */
	FIELD(5,	u8,	bootstrapped, bootstrapped, BOOL)	/* 1: bootstrapped */
	FIELD(6,	u8,	client, client, BOOL)		/* 1: it has no disks */
	ZERO(7,		u8,	zero)
	FIELD(8,	id,	features, features, ANY)	/* bits */
	FIELD(16,	uuid,	volume, volume, ANY)
	FIELD(32,	id,	cluster, cluster, ANY)		/* names it; 0: not bootstrapped */
	FIELD(40,	id,	store, store, NOT_ZERO)
	FIELD(48,	le64,	generation, generation, ANY)	/* counts the starts of the store */
	FIELD(56,	le64,	match, match, ANY)		/* newest durable entry */
	FIELD(64,	le64,	match_term, match_term, ANY)	/* its term */
	/* usable, of its data device */
	FIELD(72,	le64,	data_sectors, data_sectors, ANY)
	FIELD(80,	le64,	ring_bytes, ring_bytes, ANY)	/* of its log */
	FIELD(88,	le64,	entries, entries, ANY)		/* that its table holds */
	FIELD(96,	name,	name, name, ANY)		/* of the volume */
	FIELD(128,	name,	node, node, NOT_ZERO)		/* that speaks */
	FIELD(160,	name,	peer, peer, ANY)		/* that it believes to speak to */
FIELDS_END(frame_hello, 192)

/* The connection is refused. */
FIELDS(frame_reject, struct wire_reject)
	/*
	 * 1 no common version, 2 another volume, 3 another cluster, 4 not the expected
	 * node, 5 not a member's store, 6 older than it was seen to be, 7 connected
	 * already, 8 log ring or entry table of another size
	 */
	FIELD(0,	u8,	reason, reason, NOT_ZERO)
	SPARE(1,	7, spare)
FIELDS_END(frame_reject, 8)

/* A message of Raft; descriptors of entries and sums of blocks follow. */
FIELDS(frame_raft, struct raft_msg)
	FIELD(0,	u8,	type, type, RANGE(1, RAFT_MSG_NR - 1))	/* in the order of raft.h */
	FIELD(1,	u8,	reject, reject, BOOL)	/* vote refused, append does not fit */
	FIELD(2,	u8,	force, force, BOOL)		/* election blessed by the leader */
	FIELD(3,	u8,	resync, resync, BOOL)		/* the receiver needs a resync */
	CODED(4,	le32,	n, UPTO(WIRE_ENTRIES_MAX))	/* entries that follow */
	FIELD(8,	id,	from, from, NOT_ZERO)		/* store */
	FIELD(16,	id,	to, to, NOT_ZERO)		/* store */
	FIELD(24,	le64,	term, term, ANY)		/* as in the header */
	FIELD(32,	le64,	prev_term, prev.term, ANY)	/* of the entry that is named */
	FIELD(40,	le64,	prev_index, prev.index, ANY)	/* its index */
	FIELD(48,	le64,	run_first, run_first, ANY)	/* first index of the hint's term */
	FIELD(56,	le64,	reject_index, reject_index, ANY)	/* what was refused */
	FIELD(64,	le64,	first, ents.first, ANY)		/* first index of the entries */
	FIELD(72,	le64,	last, ents.last, ANY)		/* last */
	FIELD(80,	le64,	ents_term, ents.term, ANY)	/* of all of them */
	FIELD(88,	le64,	commit, commit, ANY)		/* the leader's commit index */
	FIELD(96,	id,	read_seq, read_seq, ANY)	/* names a round of reads */
FIELDS_END(frame_raft, 104)

/* An entry, in RAFT, SUBMIT and DATA. */
FIELDS(frame_entry, struct rblk_entry)
	FIELD(0,	le64,	sector, sector, ANY)		/* first sector */
	FIELD(8,	id,	store, store, ANY)		/* whose session */
	FIELD(16,	le64,	epoch, epoch, ANY)		/* of the session */
	FIELD(24,	le64,	seq, seq, ANY)			/* within the session */
	FIELD(32,	le32,	nsect, nsect, ANY)		/* sectors */
	FIELD(36,	crc,	csum, csum, ANY)		/* identity; 0 outside of a log */
	FIELD(40,	le16,	nblocks, nblocks, ANY)		/* blocks of payload */
	/* 1 no-op, 2 configuration, 3 write, 4 zeroes, 5 open, 6 close of a session */
	FIELD(42,	u8,	kind, kind, ANY)
	ZERO(43,	u8,	zero)
FIELDS_END(frame_entry, 44)

/* Behind the entries, one for each block of their payload. */
FIELDS(frame_sum, void)
	CODED(0,	crc,	v, ANY)				/* CRC-32C of the block */
FIELDS_END(frame_sum, 4)

/* From a client to the leader; entries and sums of blocks follow. */
FIELDS(frame_submit, struct wire_submit)
	FIELD(0,	id,	from, from, NOT_ZERO)		/* store that speaks */
	/* of the leader that it is meant for, as in the header; 0: whoever leads */
	FIELD(8,	le64,	term, term, ANY)
	FIELD(16,	le64,	keepalive, keepalive, ANY)	/* grows by one without writes */
	CODED(24,	le32,	n, UPTO(WIRE_ENTRIES_MAX))	/* entries that follow */
	FIELD(28,	u8,	in_use, in_use, BOOL)		/* 1: the device is open there */
	FIELD(29,	u8,	force, force, BOOL)	/* 1: OPEN whoever has the session */
	ZERO(30,	le16,	zero)
	ZERO(32,	le64,	zero2)
	ZERO(40,	le64,	zero3)
	ZERO(48,	le64,	zero4)
FIELDS_END(frame_submit, 56)

/* From a member to a client. */
FIELDS(frame_reply, struct wire_reply)
	FIELD(0,	id,	to, to, NOT_ZERO)		/* store that it is meant for */
	FIELD(8,	le64,	term, term, ANY)	/* of the sender, as in the header */
	FIELD(16,	id,	leader, leader, ANY)		/* known to the sender; 0: nobody */
	FIELD(24,	le64,	index, index, ANY)	/* the log is executed up to there */
	FIELD(32,	le64,	epoch, epoch, ANY)	/* of the client's session; 0: none */
	FIELD(40,	id,	nonce, nonce, ANY)		/* of the OPEN that gave it */
	FIELD(48,	le64,	seq, seq, ANY)			/* all writes up to it are done */
	FIELD(56,	id,	holder, holder, ANY)	/* of the exclusive session; 0: nobody */
	FIELD(64,	le64,	holder_epoch, holder_epoch, ANY)	/* of that session */
	FIELD(72,	le64,	sectors, sectors, ANY)		/* size of the volume */
	FIELD(80,	id,	cluster, cluster, ANY)		/* names the cluster */
	FIELD(88,	le64,	keepalive, keepalive, ANY)	/* newest one of the client's */
	FIELD(96,	le64,	next, next, ANY)		/* number that is expected next */
	FIELD(104,	le32,	block_size, block_size, ANY)	/* of the volume: 512 or 4096 */
	FIELD(108,	le32,	flags, flags, ANY)		/* of the volume: 1 shared */
	FIELD(112,	le32,	election_ms, election_ms, ANY)	/* election timeout */
	FIELD(116,	le32,	heartbeat_ms, heartbeat_ms, ANY)	/* heartbeat interval */
	FIELD(120,	u8,	serving, serving, BOOL)		/* 1: the sender leads and serves */
	FIELD(121,	u8,	gap, gap, BOOL)			/* 1: go on from next */
	FIELD(122,	u8,	busy, busy, BOOL)		/* 1: the holder uses its session */
	FIELD(123,	u8,	wanted, wanted, BOOL)	/* 1: another asks for the session */
	ZERO(124,	le32,	zero)
FIELDS_END(frame_reply, 128)

/* From a node without a replica of use to the leader. */
FIELDS(frame_read, struct wire_read)
	FIELD(0,	id,	from, from, NOT_ZERO)		/* store */
	FIELD(8,	id,	id, id, ANY)			/* of the read, echoed */
	FIELD(16,	le64,	sector, sector, ANY)		/* first sector */
	/* sectors, at most 256 */
	FIELD(24,	le32,	nsect, nsect, RANGE(1, RBLK_WRITE_MAX >> RBLK_SECTOR_SHIFT))
	ZERO(28,	le32,	zero)
FIELDS_END(frame_read, 32)

/* The answer; the content follows as a WRITE entry with its sums. */
FIELDS(frame_data, struct wire_data)
	FIELD(0,	id,	to, to, NOT_ZERO)		/* store */
	FIELD(8,	id,	id, id, ANY)			/* of the read */
	/* why there is no content: 0 there is, 5 it cannot be read, 11 not now: ask again */
	FIELD(16,	le32,	error, error, ANY)
	CODED(20,	le32,	n, UPTO(1))			/* 1: content follows */
	FIELD(24,	le64,	epoch, epoch, ANY)	/* of the reader's session; 0: none */
	ZERO(32,	le64,	zero)
	ZERO(40,	le64,	zero2)
	ZERO(48,	le64,	zero3)
FIELDS_END(frame_data, 56)
