// SPDX-License-Identifier: GPL-2.0
/*
 * Stores that are set back while everything goes on: both devices of a member become what they
 * were at an earlier moment, of the same start or of one before it, as by an image of the machine.
 *
 * A store that was set back is noticed by what others remember of it, and only by that. So it
 * happens only to a member of which somebody remembers more, and what that member can do before
 * it is told must do no harm: either it hears nobody but those who know better, or everybody
 * else has all that is committed. Then nothing that was acknowledged is lost, as
 * long as fewer stores are set back than leave a majority, and once it is told it is silent.
 */
#include "sim.h"

#define SETBACK_BOUND	(30 * SEC)

enum state {
	B_WELL,
	B_DUE,			/* its next start is from the image */
	B_BACK,			/* it was set back, and does not know it */
	B_TOLD,			/* ... in this start it does */
	B_NOTED,		/* ... and in each later one */
};

static struct back {
	enum state state;
	bool apart;		/* it hears only those who know better */
	struct page **log, **data;	/* the image */
	struct wire_hello most;		/* the most that a hello of the image says */
	u64 match[WORLD_NODES];	/* newest entry that this node was told of, as the leader */
} back[WORLD_NODES];

/* ---- who knows better ---- */

/* What a member was told in its present start, as far as it is committed, it remembers. */
static void note_matches(const struct node *n)
{
	const struct raft_status *r = &n->st.raft;
	u32 i, k;

	for (i = 0; r->role == RAFT_LEADER && i < r->npeers; i++)
		for (k = 0; k < world.cfg.nodes; k++)
			if (world.node[k].super.store == r->peer[i].store)
				back[k].match[n->id] = max_t(u64, back[k].match[n->id],
							     min_t(u64, r->peer[i].match,
								   r->commit));
}

/* Is the start that was seen none of this store? */
static bool other_line(const struct wire_reject *seen, const struct wire_hello *h)
{
	u64 since = h->generation - seen->generation;

	return seen->nonce && seen->generation <= h->generation && since < RBLK_LINE &&
	       h->line[since] != seen->nonce;
}

/* Does this member know of more than this hello of @n says? */
static bool knows_better(const struct node *m, const struct node *n, const struct wire_hello *h)
{
	struct wire_reject seen;

	if (m == n || !m->up || m->halted || m->lost || m->set_back)
		return false;
	rblk_node_reject(m->m, WIRE_R_COPY, h, &seen);
	if (other_line(&seen, h))
		return true;
	return seen.generation > h->generation || seen.match > h->match || seen.term > h->term ||
	       back[n->id].match[m->id] > h->match;
}

static u32 count_better(const struct node *n, const struct wire_hello *h)
{
	u32 i, count = 0;

	for (i = 0; i < world.cfg.nodes; i++)
		count += knows_better(&world.node[i], n, h);
	return count;
}

static void hello_of(const struct node *n, struct wire_hello *h)
{
	rblk_node_hello(n->m, 0, WIRE_CONSENSUS, h);
}

/* Who hears a member that was set back and does not know it has to know better. */
static bool may_meet(const struct node *a, const struct node *b)
{
	const struct node *n = back[a->id].apart ? a : b, *m = n == a ? b : a;
	struct wire_hello h;

	if (!back[n->id].apart)
		return true;
	hello_of(n, &h);
	return !node_diskless(m) && knows_better(m, n, &h);
}

/* One that has lost its replica takes no part, however old its store is. */
static void met(struct node *m, u8 other, const struct wire_hello *h)
{
	WORLD_CHECK(node_diskless(m) || h->role == WIRE_LOST || back[other].state == B_WELL ||
		    !knows_better(m, &world.node[other], h),
		    "node %c saw more of the store of node %c, and lets it in", 'a' + m->id,
		    'a' + other);
}

/* ---- what it is told ---- */

static void refused(struct node *n, u8 by, const struct wire_reject *r)
{
	struct back *b = &back[n->id];

	if (b->state != B_BACK || (r->reason != WIRE_R_ROLLBACK && r->reason != WIRE_R_COPY))
		return;
	if (r->reason == WIRE_R_ROLLBACK && r->generation <= n->st.generation && r->term <= n->dur_term &&
	    r->match <= max_t(u64, n->dur_last, n->ckpt))
		return;
	TRACE(n->id, "told", by, r->match);
	b->state = B_TOLD;
}

static void sent(struct node *n, u8 to, const struct wire_frame *f)
{
	WORLD_CHECK(back[n->id].state < B_TOLD || f->type != WIRE_RAFT,
		    "node %c was told that it was set back, and takes part", 'a' + n->id);
}

static bool halted_for_it(const struct node *n)
{
	return n->st.halt == NODE_HALT_SET_BACK || n->st.halt == NODE_HALT_COPY;
}

void setback_ran(struct node *n)
{
	struct back *b = &back[n->id];

	if (!sim.cfg.back_mean || node_diskless(n))
		return;
	note_matches(n);
	if (b->state < B_BACK || !halted_for_it(n))
		return;
	b->state = B_NOTED;
	b->apart = false;
}

bool setback_noted(const struct node *n)
{
	return back[n->id].state == B_NOTED;
}

/* ---- images ---- */

static struct node *any_well(void)
{
	struct node *n = &world.node[rnd_below(R_BACK, world.cfg.nodes)], *lead = node_leader();

	if (lead && rnd_one_in(R_BACK, 3))
		n = lead;
	return n->up && !n->halted && !node_paused(n) && back[n->id].state == B_WELL ? n : NULL;
}

static void image_event(struct event *e)
{
	struct node *n = any_well();
	struct back *b;

	if (sim.healed)
		return;
	ev_push(world.now + rnd_exp(R_BACK, sim.cfg.image_mean), image_event, WORLD_NONE, 0, 0, NULL);
	if (!n)
		return;
	b = &back[n->id];
	b->log = disk_image(&n->log);
	b->data = disk_image(&n->data);
	hello_of(n, &b->most);
	b->most.generation = n->st.generation + 1;
	memmove(b->most.line + 1, b->most.line, (RBLK_LINE - 1) * sizeof(b->most.line[0]));
	b->most.line[0] = 0;	/* not drawn yet: of no start that was seen */
	b->most.match = max_t(u64, n->dur_last, n->ckpt);
	b->most.term = max_t(u64, n->dur_term, n->vote_term);
	TRACE(n->id, "image", b->most.match, b->most.term);
}

static void back_event(struct event *e)
{
	struct node *n = any_well();
	u32 i, lost = 0;

	if (sim.healed)
		return;
	ev_push(world.now + rnd_exp(R_BACK, sim.cfg.back_mean), back_event, WORLD_NONE, 0, 0, NULL);
	for (i = 0; i < world.cfg.nodes; i++)
		lost += back[i].state != B_WELL;
	if (!n || !back[n->id].log || lost == world.cfg.nodes - quorum())
		return;
	back[n->id].state = B_DUE;
	node_stop(n, rnd_one_in(R_BACK, 2));
	fault_restart(n, sim.cfg.down_len);
}

/* Has everybody else all that is committed, and will nobody ask for a vote that @but gave? */
static bool all_have_all(const struct node *but)
{
	const struct node *lead = node_leader(), *m;
	u64 last = model_last();
	u32 i;

	if (!lead || lead == but || !lead->st.raft.leader_ready)
		return false;
	for (i = 0; i < world.cfg.nodes; i++) {
		m = &world.node[i];
		if (m == but)
			continue;
		if (!m->up || m->halted || m->set_back || m->st.raft.leader != lead->super.store ||
		    m->dur_term != lead->st.raft.term || m->dur_term < but->vote_term)
			return false;
		if (m->ckpt < last && (m->dur_last < last || m->dur[last].term != model_at(last)->term ||
				       m->dur[last].csum != model_at(last)->csum))
			return false;
	}
	return true;
}

void setback_start(struct node *n)
{
	struct back *b = &back[n->id];
	u32 i;

	if (!sim.cfg.back_mean)
		return;
	for (i = 0; i < world.cfg.nodes; i++)
		back[i].match[n->id] = 0;
	if (b->state == B_TOLD)
		b->state = B_BACK;
	if (b->state != B_DUE)
		return;
	b->state = B_WELL;
	if (!count_better(n, &b->most))
		return;		/* nobody would notice it */
	b->apart = !all_have_all(n);
	TRACE(n->id, "set-back", b->most.match, b->apart);
	if (b->apart)
		WORLD_MARK(SET_BACK_APART);
	else
		WORLD_MARK(SET_BACK_AMONG);
	node_set_back(n, b->log, b->data);
	b->state = B_BACK;
}

void setback_init(void)
{
	memset(back, 0, sizeof(back));
	if (!sim.cfg.back_mean)
		return;
	world.on.may_meet = may_meet;
	world.on.met = met;
	world.on.refused = refused;
	world.on.sent = sent;
	ev_push(world.now + rnd_exp(R_BACK, sim.cfg.image_mean), image_event, WORLD_NONE, 0, 0, NULL);
	ev_push(world.now + rnd_exp(R_BACK, sim.cfg.back_mean), back_event, WORLD_NONE, 0, 0, NULL);
}

/* ---- the end ---- */

/* Whoever was set back knows it, unless nobody that can be reached knows better. */
static bool all_told(void)
{
	struct wire_hello h;
	u32 i;

	for (i = 0; i < world.cfg.nodes; i++) {
		const struct node *n = &world.node[i];

		if (n->refused || back[i].state == B_NOTED)
			continue;
		if (!n->up || n->halted || back[i].state == B_TOLD)
			return false;
		hello_of(n, &h);
		if (back[i].state == B_BACK && count_better(n, &h))
			return false;
	}
	return true;
}

static struct node *starting;

static bool has_halted(void)
{
	return starting->halted;
}

/* It is as silent in a later start, whoever it meets. */
static void start_again(struct node *n)
{
	if (n->up)
		node_stop(n, rnd_one_in(R_BACK, 2));
	WORLD_CHECK(node_start(n), "node %c does not start", 'a' + n->id);
	starting = n;
	WORLD_CHECK(world_until(has_halted, SETBACK_BOUND) && halted_for_it(n),
		    "node %c has forgotten that it was set back", 'a' + n->id);
	WORLD_MARK(SET_BACK_TOLD);
}

void setback_end(void)
{
	u32 i;

	if (!sim.cfg.back_mean)
		return;
	WORLD_CHECK(world_until(all_told, SETBACK_BOUND),
		    "a node that was set back is not told by one that knows better");
	for (i = 0; i < world.cfg.nodes; i++) {
		struct node *n = &world.node[i];

		if (back[i].state == B_NOTED)
			start_again(n);
		/* What nobody remembers, only its administrator can tell. */
		if (back[i].state == B_NOTED || back[i].apart) {
			node_stop(n, true);
			n->refused = true;
		}
	}
	/* What follows has rules of its own. */
	world.on.may_meet = NULL;
	world.on.met = NULL;
	world.on.refused = NULL;
	world.on.sent = NULL;
}
