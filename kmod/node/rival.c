// SPDX-License-Identifier: GPL-2.0
/*
 * Two machines under one identity. Whoever says hello under the store of a peer that is connected
 * is that peer, started again before the old connections were found dead; or it is another
 * machine, with a copy of its devices, or a client of the same name. So the one that is connected
 * is asked whether it runs. If it answers, the two run at the same time: the other one is
 * refused for good. If it is silent for an election timeout, it is gone, and the new one takes its
 * place when it comes the next time.
 */
#include "internal.h"

static bool other_start(const struct rblk_peer *p, enum wire_channel ch, const struct wire_hello *h)
{
	return p->up[ch] && p->start[ch] != h->line[0];
}

static bool say_alive(struct rblk_node *n, u32 slot, u64 nonce, u64 id, bool answer)
{
	struct wire_alive a = {
		.to = n->g.peer[slot].store, .nonce = nonce, .id = id, .answer = answer,
	};
	void *room = rblk_ground_tx_begin(&n->g, slot, WIRE_CONSENSUS);

	if (room)
		rblk_ground_tx_end(&n->g, slot, WIRE_CONSENSUS, rblk_wire_encode_alive(room, &a),
				   NULL, 0);
	return room;
}

/* Whoever cannot be asked for now is given time until it can, unless it is half gone already. */
static void ask_whether_alive(struct rblk_node *n, u32 slot)
{
	struct rblk_peer *p = &n->g.peer[slot];
	u64 id = n->g.cfg.boot_nonce + ++n->questions;

	if (!rblk_peer_connected(p) || p->rival.question)
		return;
	p->rival.since = n->g.now;
	p->rival.late = false;
	if (say_alive(n, slot, p->start[WIRE_CONSENSUS], id, false))
		p->rival.question = id;
}

/*
 * Judges a hello that is right but for what is connected. Returns 0; or why it is refused:
 * WIRE_R_DUPLICATE: for now, until it is known whether the start that is connected runs.
 */
u8 rblk_node_rival(struct rblk_node *n, u32 slot, const struct wire_hello *h)
{
	struct rblk_peer *p = &n->g.peer[slot];
	struct rblk_rival *v = &p->rival;

	if (!other_start(p, WIRE_CONSENSUS, h) && !other_start(p, WIRE_BULK, h))
		return 0;
	if (v->nonce != h->line[0])
		*v = (struct rblk_rival){ .nonce = h->line[0], .since = n->g.now };
	if (v->refused)
		return WIRE_R_COPY;
	ask_whether_alive(n, slot);
	if (n->g.now < v->since + rblk_ground_election_ns(&n->g))
		return WIRE_R_DUPLICATE;
	/* This node may have stood still, and the answer be among what it has not read yet. */
	if (!v->late) {
		v->late = true;
		return WIRE_R_DUPLICATE;
	}
	return 0;
}

/* Asked by a peer, or answered. An answer to an earlier question is not about the present rival. */
int rblk_node_alive(struct rblk_node *n, u32 slot, const struct wire_alive *a)
{
	struct rblk_peer *p = &n->g.peer[slot];

	if (a->to != n->g.cfg.super.store)
		return -EINVAL;
	if (!a->answer) {
		if (a->nonce != n->g.cfg.boot_nonce)
			return -EINVAL;
		p->owed = a->id;
		rblk_node_alive_owed(n, slot);
	} else if (p->rival.question && a->id == p->rival.question &&
		   a->nonce == p->start[WIRE_CONSENSUS]) {
		p->rival.refused = true;
		rblk_ground_note(&n->g, NODE_N_PEER, slot);
	}
	return 0;
}

/* Answers, if an answer is due and there is room for it. */
void rblk_node_alive_owed(struct rblk_node *n, u32 slot)
{
	struct rblk_peer *p = &n->g.peer[slot];

	if (p->owed && rblk_peer_sendable(p) &&
	    say_alive(n, slot, n->g.cfg.boot_nonce, p->owed, true))
		p->owed = 0;
}

/**
 * rblk_node_outlived() - is a connection one of an earlier start of its peer?
 * @n: node
 * @slot: the peer, a hello of which was accepted
 * @ch: the other one of its connections
 *
 * Return: whether it is, and has to be cut before the new one is used.
 */
bool rblk_node_outlived(const struct rblk_node *n, u32 slot, enum wire_channel ch)
{
	const struct rblk_peer *p = &n->g.peer[slot];

	return p->up[ch] && p->start[ch] != p->nonce;
}
