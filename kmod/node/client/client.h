/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The client of a node: the session of this node, the window of its writes, and
 * its reads where no replica can serve them. It is the same with disks and
 * without; what it has for the leader goes over the wire, or to the server of
 * this very node (run.c).
 */
#ifndef RBLK_NODE_CLIENT_H
#define RBLK_NODE_CLIENT_H

#include "node/ground/ground.h"
#include "node/ground/reads.h"

#define NODE_NO_TOKEN		U64_MAX
#define NODE_OPENERS		2	/* at once: one of the device, one by administration */

/* A write or zeroes of this node, from rblk_node_write() to its verdict. */
struct rblk_client_req {
	u64 token;
	u64 sector;
	u32 nsect;
	struct rblk_buf *buf;	/* one reference; NULL: zeroes */
	u64 before;		/* blocks of all writes before this one, since the start */
};

/* Somebody on this node who waits for the session. */
struct rblk_client_opener {
	u64 token;
	u64 deadline;
	u64 from;		/* first keepalive that asked on behalf of this opener */
	u32 flags;		/* NODE_OPEN_* */
	bool refused;		/* what the leader last answered */
};

/* done <= sent <= last */
struct rblk_client {
	struct rblk_ground *g;
	struct rblk_reads *reads;
	bool seeks;		/* no replica here tells who leads: the members are asked */

	enum rblk_session_state state;
	bool in_use;		/* the device is open */
	bool wanted;		/* another node asks for the session */
	u8 asking;		/* for RBLK_E_OPEN (then OPENING) or RBLK_E_CLOSE; 0: for nothing */
	u64 close_token;	/* NODE_NO_TOKEN: nobody waits for the CLOSE */
	u32 nopeners;
	struct rblk_client_opener opener[NODE_OPENERS];	/* in the order in which they came */
	u64 opens;		/* OPENs asked for since the start */
	u64 nonce;		/* of the newest OPEN; 0: a session granted to it is not wanted */
	u64 epoch;		/* HELD: of the session */

	u64 index;		/* log index that the next three describe */
	u64 own_epoch;		/* epoch of the session of this node; 0: none */
	u64 holder;		/* store that holds the exclusive session; 0: none does */
	u64 holder_epoch;	/* epoch of that session */

	struct rblk_client_req *req;	/* window: by sequence number */
	u64 mask;
	u64 done;		/* newest sequence number whose verdict is known */
	u64 sent;		/* newest one that the leader was given */
	u64 last;		/* newest one accepted */
	u64 ended_at;		/* when a write ended last, or the first one, or an opener, came */
	u64 blocks;		/* of all writes accepted since the start */
	u64 limit;		/* of these, the leader may be given so many */
	u32 credit;		/* what it said last; 0: nothing may be sent */

	u64 leader, term;	/* that @sent speaks of */
	u64 keepalive;		/* number of the newest keepalive sent to it */
	u64 keepalive_marked;	/* the one whose reply is awaited; 0: none */
	u64 keepalive_sent;	/* value of @sent when that one went */
	u64 keepalive_at;	/* when the next is due */
	u64 last_contact;	/* when a leader that serves replied last */
	u64 seek_at;		/* when to ask everybody who leads, see @seeks */
	u64 read_again_at;	/* when reads sent to the leader count as lost */
	u64 away_at;		/* when those that other members were asked for do; 0: none was */

	u64 writes;
};

/* client.c */
void rblk_client_init(struct rblk_client *c, struct rblk_ground *g, struct rblk_reads *reads);
void rblk_client_learn(struct rblk_client *c, u64 index, const struct rblk_session *own,
		       u64 holder, u64 holder_epoch);
void rblk_client_fail(struct rblk_client *c, int error);
void rblk_client_run(struct rblk_client *c);
void rblk_client_restart(struct rblk_client *c);
void rblk_client_reply(struct rblk_client *c, const struct wire_reply *r);
u64 rblk_client_deadline(const struct rblk_client *c);
bool rblk_client_ok(const struct rblk_client *c);

/* opener.c: who waits for the session */
int rblk_client_open(struct rblk_client *c, u32 flags, u64 deadline, u64 token);
void rblk_client_open_cancel(struct rblk_client *c, u64 token);
void rblk_client_openers_run(struct rblk_client *c, bool served);
bool rblk_client_force(const struct rblk_client *c);

/* session.c: what else the host asks of the session */
int rblk_client_close(struct rblk_client *c, u64 token);
void rblk_client_use(struct rblk_client *c, bool in_use);
void rblk_client_session_reset(struct rblk_client *c);
bool rblk_client_uses(const struct rblk_client *c);

/* window.c: writes, and what goes to the leader */
int rblk_client_write(struct rblk_client *c, u64 sector, u32 nsect, struct rblk_buf *buf,
		      u64 token);
void rblk_client_send(struct rblk_client *c, u32 slot);
bool rblk_client_ask(struct rblk_client *c, struct rblk_entry *e);
bool rblk_client_peek(const struct rblk_client *c, struct rblk_entry *e,
		      const struct rblk_client_req **req);
void rblk_client_taken(struct rblk_client *c);
bool rblk_client_unsent(const struct rblk_client *c);
void rblk_client_credit(struct rblk_client *c, u64 seq, u32 credit);

/* remote.c: who leads, and reads that the leader serves */
bool rblk_client_silence(const struct rblk_client *c);
void rblk_client_alone(struct rblk_client *c);
void rblk_client_joined(struct rblk_client *c);
void rblk_client_found(struct rblk_client *c, const struct wire_reply *r);
struct rblk_read *rblk_client_read(struct rblk_client *c, u64 sector, u32 nsect, u64 token);
void rblk_client_read_done(struct rblk_client *c, struct rblk_read *rd);
void rblk_client_reads_switch(struct rblk_client *c);
int rblk_client_data(struct rblk_client *c, u32 slot, const struct wire_data *d,
		     const struct wire_append *a, struct rblk_buf **buf);

#endif /* RBLK_NODE_CLIENT_H */
