// SPDX-License-Identifier: GPL-2.0
/* What raft sends to the peers: which entries can go now, and their frames. */
#include "internal.h"

/*
 * Raft's callback: the last of the entries @first to @last that one append to a
 * peer can take along now, or @first - 1 for none. Asks for a readback where
 * payload is missing.
 */
u64 rblk_replica_sendable(void *ctx, u64 store, u64 first, u64 last)
{
	struct rblk_replica *r = ctx;
	u32 n = 0, blocks = 0, slot;
	struct rblk_peer *p = rblk_ground_peer(r->g, store, &slot);
	u64 i;

	if (!p || !rblk_peer_listens(p) || !rblk_peer_sendable(p) || r->feed[slot].unsent)
		return first - 1;
	for (i = first; i <= last && n < WIRE_ENTRIES_MAX; i++, n++) {
		struct rblk_ent *ent = rblk_replica_live(r, i);

		if (!ent)
			break;
		if (ent->e.kind == RBLK_E_CONF && n)
			break;
		if (blocks + ent->e.nblocks > WIRE_BLOCKS_MAX)
			break;
		if (ent->e.nblocks && !rblk_replica_payload_for(r, slot, i)) {
			/* What is rotten is about to be given up. */
			if (!n && i > r->rotten)
				rblk_replica_feed_want(&r->feed[slot], first, last);
			break;
		}
		blocks += ent->e.nblocks;
		if (ent->e.kind == RBLK_E_CONF)
			return i;
	}
	return i - 1;
}

struct frame {
	struct rblk_replica *r;
	u32 slot;
	u64 first;
	u32 nbufs;
};

static const struct rblk_entry *rblk_replica_frame_entry(void *ctx, u32 i, const u32 **crc)
{
	struct frame *f = ctx;
	struct rblk_ent *ent = rblk_replica_ent(f->r, f->first + i);
	struct rblk_buf *buf = NULL;

	if (ent->e.nblocks)
		buf = rblk_replica_payload_for(f->r, f->slot, ent->e.index);
	*crc = buf ? buf->crc : NULL;
	if (buf)
		f->r->g->bufs[f->nbufs++] = buf;
	return &ent->e;
}

/* What raft does not know: see recv.c, and server/follow.c for what a reply says. */
static void add_word(struct rblk_replica *r, struct raft_msg *m)
{
	const struct rblk_peer *to = rblk_ground_peer(r->g, m->to, NULL);

	m->cluster = r->g->conf.cluster;
	m->absent = r->absent;
	if (m->type == RAFT_MSG_APPEND) {
		m->stalled |= r->g->stalled;
		m->durable = r->rst.durable;
		m->spared = m->resync ? rblk_replica_spared(r, m->to) : 0;
		m->strain = r->strain.found;
		m->strain_no = r->strain.no;
	}
	if (m->type != RAFT_MSG_APPEND_REPLY)
		return;
	m->impaired = rblk_replica_mute(r)     ? NODE_P_MUTE :
		      rblk_replica_impaired(r) ? NODE_P_IMPAIRED :
						 NODE_P_WELL;
	m->blocked = rblk_replica_blocked(r);
	m->stuck = to && rblk_ground_path_stuck(r->g, to);
	m->seeker = rblk_ground_seeker(r->g, m->to);
}

/*
 * Encodes a message of raft and hands it to the host. A message that cannot go is
 * dropped, and of entries in it raft is told later, never from within the step that made
 * it.
 */
void rblk_replica_send(struct rblk_replica *r, const struct raft_msg *msg)
{
	struct rblk_ground *g = r->g;
	u32 slot, len, n = 0;
	struct rblk_peer *p = rblk_ground_peer(g, msg->to, &slot);
	struct frame f = { .r = r, .first = msg->ents.first };
	enum wire_channel ch = msg->ordered ? WIRE_BULK : WIRE_CONSENSUS;
	struct raft_msg said;
	void *buf;

	if (!p || !rblk_peer_listens(p))
		return;
	f.slot = slot;
	if (msg->type == RAFT_MSG_APPEND && msg->ents.first <= msg->ents.last)
		n = msg->ents.last - msg->ents.first + 1;
	buf = g->ops->tx_begin(g->host, slot, ch);
	if (!buf) {
		if (n) {
			p->tx_blocked = true;
			/* Of several appends of a step, those after the first cannot go, either. */
			if (!r->feed[slot].unsent)
				r->feed[slot].unsent = msg->ents.first;
		}
		return;
	}
	said = *msg;
	add_word(r, &said);
	len = rblk_wire_encode_raft(buf, &said, n, rblk_replica_frame_entry, &f);
	rblk_ground_trace(g, NODE_T_SEND, n ? msg->ents.last : 0, msg->type | (u64)slot << 8);
	rblk_ground_tx_end(g, slot, ch, len, g->bufs, f.nbufs);
	if (n)
		rblk_replica_feed_sent(r, slot, msg->ents.last);
}
