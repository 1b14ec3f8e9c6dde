// SPDX-License-Identifier: GPL-2.0
/*
 * What this replica has seen of the other stores of the volume, kept in the
 * metadata. It shows when a store was set back (by a restored image, or a lost
 * cache).
 */
#include "internal.h"

#define NODE_JUMP_MAX	1000000u	/* starts or terms of a store that may go unseen */

/* Can a store have got from what is @known of it to what is @said? */
static bool absurd_jump(u64 known, u64 said)
{
	return said > known + NODE_JUMP_MAX;
}

static struct log_peer_memory *peer_memory(struct rblk_replica *r, u64 store, bool create)
{
	struct log_meta *meta = &r->meta;
	u32 i;

	for (i = 0; i < meta->npeers; i++)
		if (meta->peer[i].store == store)
			return &meta->peer[i];
	if (!create || meta->npeers == RBLK_MEMBERS_MAX)
		return NULL;
	meta->peer[meta->npeers] = (struct log_peer_memory){ .store = store };
	return &meta->peer[meta->npeers++];
}

/* Puts the number of the start that begins in front of those before it. */
void rblk_replica_begin_start(struct rblk_replica *r)
{
	u64 *line = r->meta.line;

	memmove(line + 1, line, (RBLK_LINE - 1) * sizeof(*line));
	line[0] = r->g->cfg.boot_nonce;
}

/*
 * The newest start is durable soon after it is seen, and not only with what is written next: after
 * a crash of this node, too, a copy of that store is told from it.
 */
static void see_start(struct rblk_replica *r, struct log_peer_memory *mem,
		      const struct rblk_peer *p)
{
	if (p->generation <= mem->generation && mem->nonce)
		return;
	mem->generation = max_t(u64, mem->generation, p->generation);
	mem->nonce = p->nonce;
	r->meta_dirty = true;
}

/*
 * Remembers what a member said in its hello, once it is known that it has accepted the
 * hello of this node, too: it sends a message of raft, or its connections have lasted. Of
 * its log only that counts which is in the own one as well, and committed.
 */
void rblk_replica_met(struct rblk_replica *r, struct rblk_peer *p)
{
	struct log_peer_memory *mem;

	/* The start of one that has lost its replica is none of its store. */
	if (p->established || p->lost || !rblk_peer_connected(p) ||
	    !rblk_ground_member(r->g, p->store))
		return;
	mem = peer_memory(r, p->store, true);
	if (!mem)
		return;
	p->established = true;
	see_start(r, mem, p);
	mem->term = max_t(u64, mem->term, p->term);
	if (p->match > r->base.index && p->match <= r->last &&
	    rblk_raft_term_at(r->raft, p->match) == p->match_term)
		mem->match = max_t(u64, mem->match, min_t(u64, p->match, r->commit));
}

/*
 * A leader has said how far its own log is both durable and committed. It counted itself when it
 * committed that, and nobody else was told.
 */
void rblk_replica_led(struct rblk_replica *r, const struct rblk_peer *p, u64 match)
{
	struct log_peer_memory *mem = p->established ? peer_memory(r, p->store, false) : NULL;

	if (mem)
		mem->match = max_t(u64, mem->match, match);
}

/**
 * rblk_replica_meet() - remembers the hellos of peers whose connections have lasted
 * @r: replica
 */
void rblk_replica_meet(struct rblk_replica *r)
{
	u64 lasted = rblk_ground_election_ns(r->g);
	u32 i;

	for (i = 0; i < r->g->npeers; i++)
		if (!r->g->peer[i].established && r->g->now >= r->g->peer[i].up_at + lasted)
			rblk_replica_met(r, &r->g->peer[i]);
}

/**
 * rblk_replica_remember() - notes in the metadata what is known of the other stores
 * @r: replica
 *
 * That is the hellos of peers whose connections have lasted and, if this node leads, the
 * newest durable index that each peer has acknowledged. Only committed entries count,
 * since an acknowledged tail may rightly be overruled. To be called before these notes are
 * consulted, before the metadata is written, before a connection is gone, and before a
 * leader loses its role and with it what it knows.
 */
void rblk_replica_remember(struct rblk_replica *r)
{
	u32 i;

	rblk_replica_meet(r);
	if (!rblk_replica_leads(r))
		return;
	for (i = 0; i < r->rst.npeers; i++) {
		u64 match = min_t(u64, r->rst.peer[i].match, r->commit);
		struct log_peer_memory *mem;

		if (r->rst.peer[i].store == r->g->cfg.super.store)
			continue;
		mem = peer_memory(r, r->rst.peer[i].store, true);
		if (mem && mem->match < match)
			mem->match = match;
	}
}

/**
 * rblk_replica_forgot() - a member has lost what it had acknowledged, and was started since
 * @r: replica
 * @store: which one
 *
 * What it holds is found out anew. Called before it is sent anything.
 */
void rblk_replica_forgot(struct rblk_replica *r, u64 store)
{
	if (r->led.store == store)
		r->led.held = 0;
	rblk_replica_step_store(r, RAFT_EV_FORGOT, store);
}

/**
 * rblk_replica_known() - what its next hello has to say of a store, at the least
 * @r: replica
 * @store: which one
 *
 * Return: a copy, all zero if nothing is known.
 */
struct log_peer_memory rblk_replica_known(struct rblk_replica *r, u64 store)
{
	const struct log_peer_memory *mem;

	rblk_replica_remember(r);
	mem = peer_memory(r, store, false);
	return mem ? *mem : (struct log_peer_memory){ .store = store };
}

/**
 * rblk_replica_rolled_back() - is this store older than what was seen of it?
 * @r: replica
 * @h: its hello
 * @asked: if the hello answers one of this node: what was known of a store then. What was
 *         learned since may have overtaken the answer, on the other connection. Else its
 *         store is 0.
 *
 * Return: whether it is.
 */
bool rblk_replica_rolled_back(struct rblk_replica *r, const struct wire_hello *h,
			      const struct log_peer_memory *asked)
{
	struct log_peer_memory mem = asked->store == h->store ? *asked :
							       rblk_replica_known(r, h->store);

	/* Term 0 is not said: an earlier version knows no better. */
	return h->generation < mem.generation || h->match < mem.match ||
	       (h->term && h->term < mem.term);
}

/**
 * rblk_replica_other_line() - is this a copy of the store that was seen, or its original?
 * @r: replica
 * @h: its hello
 *
 * Whatever began as a copy of a store has drawn another number in some start. It shows as long as
 * the start that was seen is one of the newest RBLK_LINE; of an older one nothing is known.
 *
 * Return: whether it is.
 */
bool rblk_replica_other_line(struct rblk_replica *r, const struct wire_hello *h)
{
	struct log_peer_memory mem = rblk_replica_known(r, h->store);
	u64 since = h->generation - mem.generation;

	return mem.nonce && h->generation >= mem.generation && since < RBLK_LINE &&
	       h->line[since] != mem.nonce;
}

/**
 * rblk_replica_seen() - what was seen of a store, for it to compare
 * @r: replica
 * @store: which one
 * @reject: filled in part
 */
void rblk_replica_seen(struct rblk_replica *r, u64 store, struct wire_reject *reject)
{
	const struct log_peer_memory *mem = peer_memory(r, store, false);

	if (!mem)
		return;
	reject->generation = mem->generation;
	reject->match = mem->match;
	reject->term = mem->term;
	reject->nonce = mem->nonce;
}

/* Is the start that a member knows of this store one of those before this one? */
static bool of_own_line(const struct rblk_replica *r, const struct wire_reject *reject)
{
	u64 since = r->meta.generation - reject->generation;

	return since < RBLK_LINE && r->meta.line[since] == reject->nonce;
}

/*
 * Does a member know what cannot be of this store, unless it is a copy or was set back? While a
 * start before this one runs, it runs on another machine.
 */
static bool convicted(const struct rblk_replica *r, const struct wire_reject *reject)
{
	if (reject->reason == WIRE_R_COPY)
		return reject->nonce && reject->start == r->g->cfg.boot_nonce &&
		       (reject->alive ? reject->nonce != reject->start : !of_own_line(r, reject));
	return reject->generation > r->meta.generation ||
	       reject->match > rblk_replica_vouches(r).index || reject->term > r->term_durable;
}

/**
 * rblk_replica_refused() - a member says that it saw what is not of this store
 * @r: replica
 * @reject: what it saw
 *
 * If this store has all that was seen of it, it was an older hello that was refused, and the
 * next one will say so. Otherwise the store was set back: it lost
 * entries that it had acknowledged, or forgot a vote. Or what was seen is a start of another
 * store with the same id, of which this one is a copy, or that is a copy of this one: what the one
 * acknowledged, the other does not have. It takes no part any more, in this
 * start or later ones: whoever is elected with its vote may lack what was acknowledged.
 * Nobody can have seen an absurd number of starts, or term. How many entries a store that
 * was set back has lost, nobody can judge.
 */
void rblk_replica_refused(struct rblk_replica *r, const struct wire_reject *reject)
{
	if (absurd_jump(r->meta.generation, reject->generation) ||
	    absurd_jump(r->rst.term, reject->term))
		return;
	if (r->meta.seen.store || !convicted(r, reject))
		return;
	r->meta.seen = (struct log_peer_memory){
		.store = reject->from, .generation = reject->generation, .match = reject->match,
		.term = reject->term, .nonce = reject->reason == WIRE_R_COPY ? reject->nonce : 0,
	};
	/* Silent at once, and halted as soon as the metadata says why. */
	rblk_replica_halt(r);
	r->meta_dirty = true;
}

/**
 * rblk_replica_absurd() - does a hello say what cannot be?
 * @r: replica
 * @h: the hello
 *
 * What is remembered of a store is the least that its next hello has to say. So a number
 * that it never reaches, said by a bug or by somebody else, would lock it out for ever.
 *
 * Return: whether it does.
 */
bool rblk_replica_absurd(struct rblk_replica *r, const struct wire_hello *h)
{
	const struct log_peer_memory *mem = peer_memory(r, h->store, false);
	u64 generation = mem ? mem->generation : 0;
	u64 term = max_t(u64, mem ? mem->term : 0, r->rst.term);

	return absurd_jump(generation, h->generation) || absurd_jump(term, h->term);
}
