/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rare paths, counted over a campaign. A campaign fails if it never reached a path
 * that is required, since then its seeds proved less than they seem to. X(name,
 * required, what it means)
 */
#ifndef WORLD_MARK_H
#define WORLD_MARK_H

#define WORLD_MARKS(X)							\
	X(LEADER_CHANGE,	1, "a term with another leader")		\
	X(LOG_WRAP,		1, "a record straddled or passed the ring's end") \
	X(CHECKPOINT,		1, "a checkpoint became durable")		\
	X(TORN_TAIL,		1, "recovery cut a torn tail")		\
	X(ROT_REPORTED,		1, "recovery reported rot")		\
	X(ROT_AS_TORN,		0, "rot in the newest record passed for a torn write") \
	X(START_REFUSED,	1, "a store was refused at start")	\
	X(TRUNCATION,		1, "uncommitted entries were truncated")	\
	X(ONE_WAY_CUT,		1, "one-way partition of a leader")	\
	X(ONE_WAY_ELECTION,	1, "one-way partition while there was no leader") \
	X(MINORITY_LEADER,	1, "a leader was cut off from the majority") \
	X(TRANSFER_OK,		1, "a transfer made the named node leader") \
	X(READ_RETRY,		1, "a read was looked up again")		\
	X(READ_FOLLOWER,	1, "a read was served by a follower")	\
	X(READ_REMOTE,		1, "a client without disks read")	\
	X(READ_BEHIND,		1, "a node that needs a resync read") \
	X(READ_MIXED,		1, "a read took device, payload or zeroes together") \
	X(WRITE_AGAIN,		1, "a write was refused with -EAGAIN")	\
	X(READ_AGAIN,		1, "a read was refused with -EAGAIN")	\
	X(RING_FULL,		1, "the ring was nearly full")		\
	X(ENTRIES_FULL,		1, "the entry table was nearly full")	\
	X(READBACK,		1, "payload was read back from the log")	\
	X(NEEDS_RESYNC,		1, "a peer fell behind the leader's log")	\
	X(INSTALLED,		1, "a member went on from the state of another one") \
	X(CHUNK_LANDED,		1, "content of another member landed")	\
	X(PULL_SAME,		1, "some of it was there already, and was not sent") \
	X(UNREADABLE,		1, "a page of an image could not be read any more") \
	X(REWRITTEN,		1, "a block that could not be read was written again") \
	X(REREAD,		1, "... and could be read then")		\
	X(RESYNCED,		1, "a member that lacked content became whole") \
	X(RESYNC_YIELDS,	1, "a resync gave way to those who write") \
	X(CARETAKER,		1, "a member that lacked content led")	\
	X(DEPOSED_INFLIGHT,	1, "a leader was deposed with writes in flight") \
	X(SESSION_TAKEN,	1, "a session was taken over")		\
	X(SESSION_FENCED,	1, "a node found its session fenced")	\
	X(SESSION_RESET,	1, "a fenced session was reset")		\
	X(STALE_ENTRY,		1, "a committed entry had no effect: fenced") \
	X(OPEN_RACE,		1, "an open entry lost the compare-and-set") \
	X(SESSION_REOPENED,	1, "a node took over a session of its own")	\
	X(SUBMITTED,		1, "writes went to a leader elsewhere")	\
	X(OPEN_BUSY,		1, "an open was refused: another node uses the session") \
	X(OPEN_FORCED,		1, "an open took the session by force") \
	X(SILENT_TAKEN,		1, "an open took the session of a silent node") \
	X(SESSION_GIVEN_UP,	1, "a node gave up a session that another asked for") \
	X(SHARED_WRITES,	1, "writes of two sessions, one behind the other") \
	X(LEADER_HOLDS,		1, "leadership went to the node that writes") \
	X(WRITE_TIMED_OUT,	1, "the user of a write stopped waiting") \
	X(WRITE_LATE,		1, "a write took effect that nobody waited for") \
	X(OPEN_TIMED_OUT,	1, "an opener had no answer in time")	\
	X(OPEN_WAITED,		1, "an opener waited in vain for another node")	\
	X(OPEN_CANCELLED,	1, "the opener gave up waiting")	\
	X(WRITE_REFUSED,	1, "a write was refused: no session, or fenced") \
	X(WRITE_FAILED,		1, "an accepted write ended with an error")	\
	X(FRAME_LOST,		1, "a frame was lost without a reset")	\
	X(FRAME_DUP,		1, "a frame was delivered twice")		\
	X(FRAME_LATE,		1, "a frame overtook another")		\
	X(FRAME_GHOST,		1, "a frame came again, long after its time") \
	X(BAD_FRAME,		1, "a flipped bit was found, connection cut") \
	X(TX_FULL,		1, "a send buffer was full")		\
	X(CONN_RESET,		1, "a connection was reset")		\
	X(HELLO_ROLLBACK,	1, "a rolled-back store was refused")	\
	X(HELLO_STORE,		1, "a wiped store was refused")		\
	X(STRANGER,		1, "a node that is configured wrongly was refused") \
	X(DATA_STALE,		1, "a log older than its data device was refused") \
	X(DATA_CHANGED,		1, "a data device was set back or replaced while the others went on") \
	X(DATA_OLDER,		1, "an older or blank data device became whole")	\
	X(DATA_SWAPPED,		1, "another node's data device was refused") \
	X(META_TORN,		1, "one metadata slot was bad at start")	\
	X(COPY_MENDED,		1, "a damaged copy was rewritten from the other one") \
	X(COPY_UNMENDED,	0, "a damaged copy could not be rewritten")	\
	X(PAUSE,		1, "a node was frozen for longer than a timeout") \
	X(CUT_IN_WRITE,		1, "a power cut hit a write in flight")	\
	X(NO_READBACK,		1, "no memory to read payload back")	\
	X(RX_STALLED,		1, "no memory to receive payload: the stream waited") \
	X(BLACKOUT,		1, "all nodes lost power at once")	\
	X(LOG_ERROR,		0, "a node halted after a log error")	\
	X(DATA_ERROR,		0, "a node halted after a data error")	\
	X(LOG_LOST,		1, "a node lost its replica to a log error") \
	X(DATA_LOST,		1, "a data device failed, and its node goes on with its log") \
	X(NODATA_INSTALL,	1, "a node without data went on from the state of another one") \
	X(READ_LOST,		1, "a node that has lost its replica served a read") \
	X(ATTACHED,		1, "a node was given its lost replica back while it ran") \
	X(ROT_CUT,		0, "a node started without what rot had taken, and owed it")	\
	X(HALT_ROT,		0, "a running node found rot in its log")	\
	X(HALT_SET_BACK,	0, "a node heard that its store was set back")	\
	X(CLONE_REFUSED,	1, "a copy of a node was refused beside its original")	\
	X(HALT_COPY,		0, "a node heard that its store is a copy")	\
	X(SET_BACK_APART,	1, "a store was set back, and only who knew better heard it") \
	X(SET_BACK_AMONG,	0, "a store was set back, and all others had everything") \
	X(SET_BACK_TOLD,	1, "a store that was set back heard so, and stayed silent") \
	X(TURN,			1, "one of several users had a turn")	\
	X(FAIR,			1, "two writers on a shared volume, each with a share") \
	X(READ_ERROR,		1, "a read ended with a device error")	\
	X(READ_AWAY,		1, "another member read what a data device could not") \
	X(RECOVERED_MORE,	1, "recovery found more than was known durable") \
	X(APPLY_TORN,		1, "power went with unflushed applied data") \
	X(CLEAN_STOP,		1, "an orderly stop")			\
	X(ZEROES,		1, "a zeroes entry took effect")		\
	X(SINGLE_NODE,		1, "a cluster of one")			\
	X(CALM_MAJORITY,	1, "a node reached a majority in a calm spell") \
	X(LASTING_LINK,		1, "one link was broken for good, and writes went on") \
	X(LASTING_HANG,		1, "one device hung for good, and writes went on") \
	X(LASTING_FROZEN,	1, "one node was frozen for good, and writes went on") \
	X(LASTING_NARROW,	1, "what is large did not get through for good, and writes went on") \
	X(LASTING_BROKEN,	1, "one device failed for good, and writes went on") \
	X(SWALLOWED,		1, "a path swallowed a frame because it was large") \
	X(VERIFIED,		1, "copies of the image were compared, and alike") \
	X(FLIPPED,		1, "a bit of an image flipped")		\
	X(FLIP_MENDED,		1, "a copy that differed was mended")	\
	X(LIVENESS,		1, "the liveness phase was demanded and held") \
	X(LIVENESS_SKIPPED,	0, "no majority could be recovered")

enum world_mark {
#define X(name, req, text) MARK_##name,
	WORLD_MARKS(X)
#undef X
	MARK_NR
};

struct world_mark_info {
	const char *name, *text;
	int required;
};

extern const struct world_mark_info mark_info[MARK_NR];
extern unsigned long long mark_count[MARK_NR];	/* of this process; main.c sums */

#define WORLD_MARK(name)	(mark_count[MARK_##name]++)

#endif /* WORLD_MARK_H */
