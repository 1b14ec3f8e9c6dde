// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that are configured wrongly: of another volume, under the name of another node, in
 * the role of a replica for a client or the reverse, or at the address of another one.
 * Each is refused for what it is, and leaves nothing behind. And whoever answers where a
 * member should be may say what it likes of a store: it is not heeded.
 */
#include "sim.h"

#define STRANGER_MEAN	(200 * MSEC)

enum stranger { S_OTHER_VOLUME, S_NO_VOLUME, S_ROLE, S_ADDRESS, S_NR };

static u8 any_node(void)
{
	return (u8)rnd_below(R_STRANGER, world.cfg.all);
}

/* Makes the hello a wrong one, and returns the reason that it has to be refused for. */
static u8 make_wrong(struct wire_hello *h, const struct node *to, const struct node *as)
{
	switch ((enum stranger)rnd_below(R_STRANGER, S_NR)) {
	case S_OTHER_VOLUME:
		h->volume[rnd_below(R_STRANGER, RBLK_UUID_LEN)]++;
		return WIRE_R_VOLUME;
	case S_NO_VOLUME:
		memset(h->volume, 0, sizeof(h->volume));
		return WIRE_R_VOLUME;
	case S_ROLE:
		h->role = node_diskless(as) ? WIRE_REPLICA : WIRE_CLIENT;
		return WIRE_R_ROLE;
	default:
		memcpy(h->peer, as->name, sizeof(h->peer));
		return WIRE_R_NODE;
	}
}

static void knock(struct node *from, struct node *to, const struct node *as)
{
	static struct rblk_node_status before, after;
	u32 slot = to->node_slot[as->id];
	struct wire_hello h;
	u8 reason;
	int got;

	rblk_node_hello(from->m, from->node_slot[to->id],
			(enum wire_channel)rnd_below(R_STRANGER, WIRE_CHANNELS), &h);
	memcpy(h.node, as->name, sizeof(h.node));
	reason = make_wrong(&h, to, as);
	/* The first one sets the clock. */
	rblk_node_peer_hello(to->m, slot, &h, node_now(to));
	rblk_node_status(to->m, &before);
	got = rblk_node_peer_hello(to->m, slot, &h, node_now(to));
	rblk_node_status(to->m, &after);
	TRACE(to->id, "stranger", from->id, got);
	WORLD_CHECK(got == reason, "node %c answers a wrong hello with %d, not %u", 'a' + to->id, got,
		    reason);
	before.peer[slot].last_reject = after.peer[slot].last_reject;
	WORLD_CHECK(!memcmp(&before, &after, sizeof(before)), "a stranger changes node %c",
		    'a' + to->id);
	WORLD_MARK(STRANGER);
}

/* The same status, but for how long ago things were. */
static bool as_before(const struct rblk_node_status *a, const struct rblk_node_status *b)
{
	return a->halt == b->halt && !memcmp(&a->raft, &b->raft, sizeof(a->raft));
}

static void accuse(const struct node *from, struct node *to)
{
	static struct rblk_node_status before, after;
	struct wire_reject r = { .reason = WIRE_R_ROLLBACK, .from = from->super.store,
				 .to = to->super.store };

	rblk_node_status(to->m, &before);
	memcpy(r.volume, world.volume, sizeof(r.volume));
	r.from_nonce = from->boot_nonce;
	r.from_generation = from->st.generation;
	r.match = before.raft.durable + 1;
	switch (rnd_below(R_STRANGER, 5)) {
	case 0:
		r.volume[rnd_below(R_STRANGER, RBLK_UUID_LEN)]++;
		break;
	case 1:
		r.from = rnd(R_STRANGER);
		break;
	case 2:
		r.from = r.to;
		break;
	case 3:
		r.to = rnd(R_STRANGER);
		break;
	default:
		r.term = rnd(R_STRANGER) | 1ull << 62;
	}
	rblk_node_peer_refused(to->m, to->node_slot[from->id], &r, node_now(to));
	rblk_node_status(to->m, &after);
	WORLD_CHECK(as_before(&before, &after), "node %c heeds what a stranger says of its store",
		    'a' + to->id);
}

/* ---- another machine under the identity of a node, beside it ---- */

/* What the copy of @n says that was made just now, and was started @n for the first time. */
static void clone_hello(const struct node *n, const struct node *to, u64 nonce, struct wire_hello *h)
{
	rblk_node_hello(n->m, n->node_slot[to->id], WIRE_CONSENSUS, h);
	if (h->role == WIRE_REPLICA) {
		h->generation++;
		memmove(h->line + 1, h->line, (RBLK_LINE - 1) * sizeof(h->line[0]));
	}
	h->line[0] = nonce;
}

static bool connected(const struct node *to, const struct node *n)
{
	static struct rblk_node_status st;
	const struct rblk_node_peer_status *p = &st.peer[to->node_slot[n->id]];

	if (!to->up || to->halted || node_paused(to) || !n->up || n->halted ||
	    !rblk_node_greets(n->m) || !rblk_node_greets(to->m))
		return false;
	rblk_node_status(to->m, &st);
	return p->up[WIRE_CONSENSUS] && p->up[WIRE_BULK] && p->start == n->boot_nonce;
}

/* Whatever it says, the one that is connected keeps its place. */
static void clone_knocks(struct node *to, const struct node *n, u64 nonce)
{
	struct wire_hello h;
	int got;

	clone_hello(n, to, nonce, &h);
	got = rblk_node_peer_hello(to->m, to->node_slot[n->id], &h, node_now(to));
	TRACE(to->id, "clone", n->id, got);
	WORLD_CHECK(got, "node %c lets a copy of node %c in, which is connected", 'a' + to->id,
		    'a' + n->id);
	if (got == WIRE_R_COPY)
		WORLD_MARK(CLONE_REFUSED);
	node_after(to);
}

static void clone_again(struct event *e)
{
	struct node *to = &world.node[e->node], *n = &world.node[e->a];

	if (!sim.healed && connected(to, n))
		clone_knocks(to, n, e->b);
}

static void clone_comes(struct node *to, const struct node *n)
{
	u64 nonce = rnd_below(R_STRANGER, U32_MAX) << 1 | 1;
	u64 patience = world.cfg.limits.default_election_ms * MSEC;

	if (n == to || !connected(to, n))
		return;
	clone_knocks(to, n, nonce);
	ev_push(world.now + rnd_below(R_STRANGER, patience / 2), clone_again, to->id, n->id,
		nonce, NULL);
}

static void stranger_event(struct event *e)
{
	struct node *from = &world.node[any_node()], *to = &world.node[any_node()];
	const struct node *as = &world.node[any_node()];

	if (sim.healed)
		return;
	stranger_init();
	if (from != to && as != to && from->up && to->up && !node_paused(to))
		knock(from, to, as);
	if (from != to && to->up && !node_paused(to) && !node_diskless(to))
		accuse(from, to);
	clone_comes(to, as);
}

void stranger_init(void)
{
	ev_push(world.now + rnd_exp(R_STRANGER, STRANGER_MEAN), stranger_event, WORLD_NONE, 0, 0,
		NULL);
}
