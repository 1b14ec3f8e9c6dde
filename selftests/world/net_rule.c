// SPDX-License-Identifier: GPL-2.0
/* What becomes of single frames: lost without a word, repeated, held back until told. */
#include "net.h"

#define RULES_MAX	16

struct kept {
	struct kept *next;
	struct conn *c;
	struct frame *f;
	u32 epoch;
	int from;
};

static struct net_rule rules[RULES_MAX];
static u32 nrules;
static struct kept *held;	/* in the order in which they arrived */
static bool again;		/* a frame that was kept already */

void net_rules_init(void)
{
	nrules = 0;
	held = NULL;
}

void net_rule_add(const struct net_rule *r)
{
	WORLD_CHECK(nrules < RULES_MAX, "too many rules for frames");
	rules[nrules++] = *r;
}

void net_rules_end(void)
{
	nrules = 0;
}

u32 net_rules_seen(void)
{
	u32 i, sum = 0;

	for (i = 0; i < nrules; i++)
		if (rules[i].fate == NET_PASS)
			sum += rules[i].seen;
	return sum;
}

static bool matches(const struct net_rule *r, u8 from, u8 to, const struct wire_frame *f)
{
	return (r->from == WORLD_NONE || r->from == from) && (r->to == WORLD_NONE || r->to == to) &&
	       (!r->type || r->type == f->type) && (!r->entries || f->append.n) &&
	       (!r->msg || (f->type == WIRE_RAFT && f->raft.type == r->msg));
}

enum net_fate net_fate(u8 from, u8 to, const struct wire_frame *f)
{
	u32 i;

	for (i = 0; i < nrules && !again; i++) {
		struct net_rule *r = &rules[i];

		if (!matches(r, from, to, f))
			continue;
		TRACE(to, "fate", from, r->fate);
		r->seen++;
		if (r->count && !--r->count)
			memmove(r, r + 1, (--nrules - i) * sizeof(*r));
		return r->fate;
	}
	return NET_PASS;
}

static void kept_event(struct event *e)
{
	struct kept *k = e->p;
	struct node *n = &world.node[k->c->node[!k->from]];

	if (node_paused(n)) {
		ev_push(n->resume_t, kept_event, WORLD_NONE, 0, 0, k);
		return;
	}
	if (k->epoch == k->c->epoch && k->c->side[!k->from].up && n->up) {
		again = true;
		net_arrives(k->c, k->from, k->f);
		again = false;
	}
	frame_free(k->f);
}

void net_keep(struct conn *c, int from, const struct frame *f, bool until_released)
{
	struct kept *k = mem_alloc(sizeof(*k)), **at = &held;

	*k = (struct kept){ .c = c, .f = frame_copy(f), .epoch = c->epoch, .from = from };
	if (!until_released) {
		ev_push(world.now, kept_event, WORLD_NONE, 0, 0, k);
		return;
	}
	while (*at)
		at = &(*at)->next;
	*at = k;
}

static void let_go(u8 from, u8 to, bool arrive)
{
	struct kept **at = &held, *k;

	while ((k = *at)) {
		if ((from != WORLD_NONE && k->c->node[k->from] != from) ||
		    (to != WORLD_NONE && k->c->node[!k->from] != to)) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		if (arrive)
			ev_push(world.now, kept_event, WORLD_NONE, 0, 0, k);
		else
			frame_free(k->f);
	}
}

void net_release(u8 from, u8 to)
{
	let_go(from, to, true);
}

void net_drop(u8 from, u8 to)
{
	let_go(from, to, false);
}
