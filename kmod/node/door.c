// SPDX-License-Identifier: GPL-2.0
/*
 * The doors of a node: what the host asks, and the ends of what it did. Each sets
 * the clock and hands over to the part that is meant.
 */
#include "internal.h"

/* ---- requests ---- */

/**
 * rblk_node_write() - accepts a write, or zeroes, whichever node leads
 * @n: node
 * @sector: first sector
 * @nsect: sectors
 * @buf: payload (the reference is taken over on success), NULL for zeroes
 * @token: complete(token) reports the end, perhaps much later: 0 once it is
 *	committed and has taken effect in order; an error only when this node is
 *	fenced (-ESTALE), halts or stops
 *
 * Return: 0; -EAGAIN: the window is full, retry after the next event, in order;
 * -EBUSY: no session is held; -ESTALE: the session was fenced; -EINVAL: beyond
 * the end, or not aligned; -ESHUTDOWN: halted.
 */
int rblk_node_write(struct rblk_node *n, u64 sector, u32 nsect, struct rblk_buf *buf, u64 token)
{
	if (n->g.halt != NODE_RUNNING)
		return -ESHUTDOWN;
	return rblk_client_write(&n->client, sector, nsect, buf, token);
}

/**
 * rblk_node_read() - a read arrives
 * @n: node
 * @sector: first sector
 * @nsect: sectors, within the volume
 * @token: the host's name of it, unique among what is under way
 * @now: ns
 *
 * Return: 0, read_*() calls and complete(token) follow; -EAGAIN: too many;
 * -ESTALE: fenced; -ESHUTDOWN: halted.
 */
int rblk_node_read(struct rblk_node *n, u64 sector, u32 nsect, u64 token, u64 now)
{
	struct rblk_read *rd;

	n->g.now = now;
	if (n->g.halt != NODE_RUNNING)
		return -ESHUTDOWN;
	if (n->client.state == NODE_S_FENCED)
		return -ESTALE;
	rd = rblk_client_read(&n->client, sector, nsect, token);
	if (!rd)
		return -EAGAIN;
	if (!n->g.remote)
		rblk_replica_look_up(n->replica, rd);
	return 0;
}

/**
 * rblk_node_read_done() - every part handed out for a read ended
 * @n: node
 * @token: which read
 * @error: 0 or the first -errno of its parts
 * @now: ns
 */
void rblk_node_read_done(struct rblk_node *n, u64 token, int error, u64 now)
{
	struct rblk_read *rd = rblk_reads_find(&n->reads, token);

	n->g.now = now;
	if (RBLK_ASSERT(&n->g.alarm, rd && rd->flags & NODE_R_PARTS))
		return;
	rd->flags &= ~NODE_R_PARTS;
	if (error && !rd->error)
		rd->error = error;
	/* The leader has confirmed what it sent; on a halted node nobody confirms the rest. */
	if (rd->flags & (NODE_R_GIVEN | NODE_R_RAW))
		rblk_reads_end(&n->reads, rd, rd->error);
	else if (n->g.halt != NODE_RUNNING)
		rblk_reads_end(&n->reads, rd, -EIO);
	else if (n->g.remote)
		rblk_client_read_done(&n->client, rd);
	else
		rblk_replica_read_done(n->replica, rd);
}

/* ---- session ---- */

/**
 * rblk_node_open() - asks for the volume's session for this node
 * @n: node
 * @flags: NODE_OPEN_FORCE, which fences the holder; NODE_OPEN_WAIT; NODE_OPEN_SERVED
 * @deadline: ns, when the opener stops waiting
 * @token: complete(token) reports the end: 0: the session is held; -EBUSY: another
 *	node uses it, as the leader said, with NODE_OPEN_WAIT until @deadline;
 *	-ETIMEDOUT: no answer until @deadline; -ESTALE: fenced meanwhile; or this
 *	node halts or stops
 *
 * The node goes on asking by itself, whoever leads, and asks once for all of its
 * openers. An opener that comes while the session is being given up waits for that.
 *
 * Return: 0; -EALREADY: held, and NODE_OPEN_SERVED is not asked for; -ESTALE:
 * fenced; -EAGAIN: NODE_OPENERS wait already; -ESHUTDOWN.
 */
int rblk_node_open(struct rblk_node *n, u32 flags, u64 deadline, u64 token)
{
	if (n->g.halt != NODE_RUNNING)
		return -ESHUTDOWN;
	return rblk_client_open(&n->client, flags, deadline, token);
}

/**
 * rblk_node_open_cancel() - an opener no longer waits for the session
 * @n: node
 * @token: of the opener, which is not completed; nothing happens if it was
 *
 * The session may be granted all the same, and is then held until another node asks.
 */
void rblk_node_open_cancel(struct rblk_node *n, u64 token)
{
	rblk_client_open_cancel(&n->client, token);
}

/**
 * rblk_node_close() - gives the session up
 * @n: node
 * @token: complete(token) reports the end
 *
 * Return: 0; -ENOENT: none is held; -EAGAIN: requests are under way; -ESHUTDOWN.
 */
int rblk_node_close(struct rblk_node *n, u64 token)
{
	if (n->g.halt != NODE_RUNNING)
		return -ESHUTDOWN;
	return rblk_client_close(&n->client, token);
}

/**
 * rblk_node_use() - is the device open on this node?
 * @n: node
 * @in_use: then the session is not given up when another node asks
 */
void rblk_node_use(struct rblk_node *n, bool in_use)
{
	rblk_client_use(&n->client, in_use);
}

/**
 * rblk_node_session_reset() - all openers are gone, cached pages dropped
 * @n: node
 */
void rblk_node_session_reset(struct rblk_node *n)
{
	rblk_client_session_reset(&n->client);
}

/**
 * rblk_node_session() - where this node's session stands
 * @n: node
 *
 * Return: the state.
 */
enum rblk_session_state rblk_node_session(const struct rblk_node *n)
{
	return n->client.state;
}

/* ---- bootstrap ---- */

/**
 * rblk_node_bootstrap_conf() - the configuration of this node and all its peers
 * @n: node
 * @self_addr: own address as text
 * @sectors: size of the volume; 0: what the smallest data device allows
 * @cluster: random, names the cluster
 * @conf: filled
 * @slot: on -ENOTCONN, -ENOTEMPTY and -ENOSPC: which peer
 *
 * Return: 0; -EEXIST: bootstrapped already; -ENOTCONN: a peer was not heard;
 * -ENOTEMPTY: a peer is not blank; -ENOSPC: a data device is too small;
 * -EINVAL: this node has no disks.
 */
int rblk_node_bootstrap_conf(const struct rblk_node *n, const char *self_addr, u64 sectors,
			     u64 cluster, struct rblk_conf *conf, u32 *slot)
{
	*slot = U32_MAX;
	if (!n->replica)
		return -EINVAL;
	return rblk_replica_bootstrap_conf(n->replica, self_addr, sectors, cluster, conf, slot);
}

/**
 * rblk_node_bootstrap() - makes @conf the first entry of the volume's log
 * @n: node
 * @conf: from rblk_node_bootstrap_conf(); index is set here
 * @slot: as there
 *
 * Return: 0: under way, a CONF note follows; -ENOMEM: no payload buffer;
 * -EAGAIN: this start is not durable yet; -EINVAL: nobody could read that
 * configuration; -ESHUTDOWN; else as rblk_node_bootstrap_conf().
 */
int rblk_node_bootstrap(struct rblk_node *n, struct rblk_conf *conf, u32 *slot)
{
	*slot = U32_MAX;
	if (!n->replica)
		return -EINVAL;
	if (n->g.halt != NODE_RUNNING)
		return -ESHUTDOWN;
	return rblk_replica_bootstrap(n->replica, conf, slot);
}

/* ---- ends of what the host does for the replica, and has done when it is lost ---- */

/* Is this the end of what the lost replica has asked for? It counts for nothing any more. */
static bool ended_late(struct rblk_node *n, enum rblk_io io)
{
	if (n->lost)
		rblk_replica_end(n->lost, io);
	return n->lost;
}

/**
 * rblk_node_log_done() - a record's write ended
 * @n: node
 * @rec: the record
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_log_done(struct rblk_node *n, struct log_record *rec, int error, u64 now)
{
	n->g.now = now;
	if (ended_late(n, RBLK_IO_RECORD))
		return;
	rblk_replica_log_done(n->replica, rec, error);
	rblk_node_outlives(n);
}

/**
 * rblk_node_meta_done() - a copy of the metadata is written
 * @n: node
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_meta_done(struct rblk_node *n, int error, u64 now)
{
	n->g.now = now;
	if (ended_late(n, RBLK_IO_META))
		return;
	rblk_replica_meta_done(n->replica, error);
	rblk_node_outlives(n);
}

/**
 * rblk_node_block_done() - a block of the change map, or a superblock, is written
 * @n: node
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_block_done(struct rblk_node *n, int error, u64 now)
{
	n->g.now = now;
	if (ended_late(n, RBLK_IO_BLOCK))
		return;
	rblk_replica_block_done(n->replica, error);
	rblk_node_outlives(n);
}

/**
 * rblk_node_readback_done() - the host has read payloads from the log
 * @n: node
 * @rb: as given to rblk_node_ops.log_read()
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_readback_done(struct rblk_node *n, struct rblk_node_readback *rb, int error, u64 now)
{
	n->g.now = now;
	if (ended_late(n, RBLK_IO_READBACK))
		return;
	rblk_replica_readback_done(n->replica, rb, error);
	rblk_node_outlives(n);
}

/**
 * rblk_node_apply_part() - a part of a batch is on the data device, which goes on
 * @n: node
 * @now: ns
 */
void rblk_node_apply_part(struct rblk_node *n, u64 now)
{
	n->g.now = now;
	if (!n->lost)
		rblk_replica_goes_on(n->replica, RBLK_IO_APPLY);
}

/**
 * rblk_node_apply_done() - a batch is on the data device
 * @n: node
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_apply_done(struct rblk_node *n, int error, u64 now)
{
	n->g.now = now;
	if (ended_late(n, RBLK_IO_APPLY))
		return;
	rblk_replica_apply_done(n->replica, error);
	rblk_node_outlives(n);
}

/**
 * rblk_node_data_sync_done() - a copy of the data header is written
 * @n: node
 * @error: 0 or -errno
 * @now: ns
 */
void rblk_node_data_sync_done(struct rblk_node *n, int error, u64 now)
{
	n->g.now = now;
	if (ended_late(n, RBLK_IO_SYNC))
		return;
	rblk_replica_data_sync_done(n->replica, error);
	rblk_node_outlives(n);
}
