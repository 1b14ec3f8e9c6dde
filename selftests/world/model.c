// SPDX-License-Identifier: GPL-2.0
/*
 * The one true history: every entry that any node took for committed, in order,
 * executed here by rules of our own, and which version each sector has after each
 * of them. Nodes, reads and disks are compared with it.
 */
#include "world.h"

struct reg {			/* an entry that some node's log held at this index */
	struct reg *next;
	u64 term, prev_term;
	u32 csum;
};

struct version {		/* of a sector */
	u32 index, prev;
};

static struct hist *hist;
static struct reg **regs;
static u64 last, maxhist;
static struct version *vers;
static u32 nvers, maxvers;
static u32 *head;		/* newest version of a sector */
static u64 *done;		/* newest version that a user knows of, by sector */
static struct rblk_state judge;	/* as the volume layer sees it: for the digest */
static struct vol_geom geom;
static struct sess {		/* as we see them */
	u64 store, epoch, nonce, seq, order;
	u8 node;
	bool held;
} sess[RBLK_SESSIONS_MAX];

/* How the session of a node, and the holder, changed: for what is said as of some index. */
static struct change {
	u64 index;
	u64 epoch, nonce, seq;	/* of the node's session after it; epoch 0: none */
	u64 holder;		/* store; of an exclusive volume */
} *changes[WORLD_NODES + 1];	/* by node; the last: of the holder */
static u64 nchanges[WORLD_NODES + 1], maxchanges[WORLD_NODES + 1];
static u64 last_writer;		/* epoch of the newest write */
static u64 session_changes;	/* how often a session was opened or closed */
static struct lost_open {
	u64 store, nonce, change;	/* the newest that lost, and after which change */
} lost_opens[3 * WORLD_NODES];	/* by store; wiped nodes have another one */

#define HIST_START	4096
#define CHANGES_START	256

void model_init(void)
{
	maxhist = HIST_START;
	hist = mem_alloc(maxhist * sizeof(*hist));
	regs = mem_alloc(maxhist * sizeof(*regs));
	last = 0;
	maxvers = 1 << 15;
	vers = mem_alloc(maxvers * sizeof(*vers));
	nvers = 1;		/* 0: never written */
	head = mem_alloc(world.cfg.sectors * sizeof(*head));
	done = mem_alloc(world.cfg.sectors * sizeof(*done));
	memset(&judge, 0, sizeof(judge));
	memset(&geom, 0, sizeof(geom));
	memset(sess, 0, sizeof(sess));
	memset(changes, 0, sizeof(changes));
	memset(nchanges, 0, sizeof(nchanges));
	memset(maxchanges, 0, sizeof(maxchanges));
	last_writer = 0;
	session_changes = 0;
	memset(lost_opens, 0, sizeof(lost_opens));
	geom.shared = world.cfg.shared;
	geom.sectors = world.cfg.sectors;
	geom.block_size = world.cfg.block_size;
}

static void *bigger(void *old, u64 n, size_t size)
{
	return memcpy(mem_alloc(2 * n * size), old, n * size);
}

static void room(u64 index)
{
	while (index >= maxhist) {
		hist = bigger(hist, maxhist, sizeof(*hist));
		regs = bigger(regs, maxhist, sizeof(*regs));
		maxhist *= 2;
	}
}

u64 model_last(void)
{
	return last;
}

const struct hist *model_at(u64 index)
{
	return &hist[index];
}

u64 model_digest(u64 index)
{
	WORLD_CHECK(index <= last, "entry %llu is not known to be committed",
		    (unsigned long long)index);
	return hist[index].digest;
}

u64 model_done(u64 sector)
{
	return done[sector];
}

/* ---- log matching: (index, term) names one entry, and one entry before it ---- */

static struct reg *reg_find(u64 index, u64 term)
{
	struct reg *r;

	if (index >= maxhist)
		return NULL;
	for (r = regs[index]; r && r->term != term; r = r->next)
		;
	return r;
}

void model_entry(struct node *n, const struct rblk_entry *e, u64 prev_term)
{
	struct reg *r;

	if (world.two_histories)
		return;
	room(e->index);
	r = reg_find(e->index, e->term);
	if (r) {
		WORLD_CHECK(r->csum == e->csum && r->prev_term == prev_term,
			    "log matching: entry %llu of term %llu differs on node %c (sum %x, %x; before it %llu, %llu)",
			    (unsigned long long)e->index, (unsigned long long)e->term, 'a' + n->id,
			    e->csum, r->csum, (unsigned long long)prev_term,
			    (unsigned long long)r->prev_term);
		return;
	}
	r = mem_alloc(sizeof(*r));
	r->term = e->term;
	r->prev_term = prev_term;
	r->csum = e->csum;
	r->next = regs[e->index];
	regs[e->index] = r;
}

/* ---- our own judgement ---- */

static void changed(u32 who, u64 index, u64 epoch, u64 nonce, u64 seq, u64 holder)
{
	if (who == WORLD_NONE)
		return;		/* nobody is left who could be told */
	if (nchanges[who] == maxchanges[who]) {
		struct change *old = changes[who];

		maxchanges[who] = maxchanges[who] ? 2 * maxchanges[who] : CHANGES_START;
		changes[who] = mem_alloc(maxchanges[who] * sizeof(*old));
		if (old)
			memcpy(changes[who], old, nchanges[who] * sizeof(*old));
	}
	changes[who][nchanges[who]++] = (struct change){ index, epoch, nonce, seq, holder };
}

/* What was true after entry @index. */
static const struct change *as_of(u32 who, u64 index)
{
	static const struct change never;
	u64 i = nchanges[who];

	while (i && changes[who][i - 1].index > index)
		i--;
	return i ? &changes[who][i - 1] : &never;
}

static struct sess *sess_of(u64 epoch)
{
	u32 i;

	for (i = 0; i < RBLK_SESSIONS_MAX; i++)
		if (sess[i].held && sess[i].epoch == epoch)
			return &sess[i];
	return NULL;
}

static bool judge_data(struct hist *h, const struct rblk_entry *e, const struct op *op)
{
	u32 unit = world.cfg.block_size / 512;
	struct sess *s = sess_of(e->epoch);

	if (!s) {
		WORLD_MARK(STALE_ENTRY);
		return false;
	}
	/* The verdict would bear it. But leaders propose in order, and nothing twice. */
	WORLD_CHECK(e->seq == s->seq + 1, "entry %llu: number %llu of its session, behind %llu",
		    (unsigned long long)e->index, (unsigned long long)e->seq,
		    (unsigned long long)s->seq);
	s->seq++;
	changed(s->node, e->index, s->epoch, s->nonce, s->seq, 0);
	if (e->sector % unit || e->nsect % unit || e->sector + e->nsect > world.cfg.sectors)
		return false;
	WORLD_CHECK(op && op->order > s->order && op->node == s->node,
		    "entry %llu: not in the order of its session", (unsigned long long)e->index);
	s->order = op->order;
	if (last_writer && last_writer != s->epoch && world.cfg.shared)
		WORLD_MARK(SHARED_WRITES);
	last_writer = s->epoch;
	return true;
}

/* Exclusive: there is one session. Shared: one a node. NULL: there is no place left. */
static struct sess *replaced(u64 store)
{
	u32 i, free = RBLK_SESSIONS_MAX;

	for (i = 0; i < RBLK_SESSIONS_MAX; i++) {
		if (sess[i].held && (!world.cfg.shared || sess[i].store == store))
			return &sess[i];
		if (!sess[i].held && free == RBLK_SESSIONS_MAX)
			free = i;
	}
	return free < RBLK_SESSIONS_MAX ? &sess[free] : NULL;
}

/*
 * An OPEN loses the race at most once for each change of the sessions: a leader that has it in
 * its log waits for what comes of it. So storms of opens do not fill the log.
 */
static void wasted(const struct rblk_entry *e)
{
	struct lost_open *o = lost_opens;

	while (o->store && o->store != e->store)
		o++;
	WORLD_CHECK(o->nonce != e->seq || o->change != session_changes,
		    "entry %llu: an open is in the log again, and no session has changed",
		    (unsigned long long)e->index);
	*o = (struct lost_open){ .store = e->store, .nonce = e->seq, .change = session_changes };
}

static bool judge_open(const struct rblk_entry *e)
{
	struct sess *s = replaced(e->store);
	bool took_over;
	u32 i;

	if (!s)
		return false;
	if (e->epoch != (s->held ? s->epoch : 0)) {
		WORLD_MARK(OPEN_RACE);
		wasted(e);
		return false;
	}
	WORLD_CHECK(!s->held || s->store != e->store || s->nonce != e->seq,
		    "entry %llu: an open takes effect twice", (unsigned long long)e->index);
	session_changes++;
	if (s->held && s->store != e->store)
		WORLD_MARK(SESSION_TAKEN);
	if (s->held && s->store == e->store)
		WORLD_MARK(SESSION_REOPENED);
	if (s->held)
		changed(s->node, e->index, 0, 0, 0, 0);
	took_over = s->held && s->store != e->store;
	*s = (struct sess){ .store = e->store, .epoch = e->index, .nonce = e->seq, .held = true };
	for (i = 0; i < world.cfg.all && world.node[i].super.store != e->store; i++)
		;
	WORLD_CHECK(i < world.cfg.all, "entry %llu: a session of nobody",
		    (unsigned long long)e->index);
	s->node = (u8)i;
	changed(i, e->index, s->epoch, s->nonce, 0, 0);
	if (!world.cfg.shared)
		changed(WORLD_NODES, e->index, s->epoch, 0, 0, s->store);
	if (took_over && !world.node[i].open_force)
		WORLD_MARK(SILENT_TAKEN);
	return true;
}

static bool judge_close(const struct rblk_entry *e)
{
	struct sess *s = sess_of(e->epoch);

	if (!s || e->store != s->store)
		return false;
	session_changes++;
	s->held = false;
	changed(s->node, e->index, 0, 0, 0, 0);
	if (!world.cfg.shared)
		changed(WORLD_NODES, e->index, 0, 0, 0, 0);
	if (s->node != WORLD_NONE && !world.node[s->node].closing)
		WORLD_MARK(SESSION_GIVEN_UP);
	return true;
}

void model_newcomer(struct node *n)
{
	u32 i;

	for (i = 0; i < RBLK_SESSIONS_MAX; i++)
		if (sess[i].node == n->id)
			sess[i].node = WORLD_NONE;
	changed(n->id, last, 0, 0, 0, 0);
}

static bool judge_entry(struct hist *h, const struct rblk_entry *e, const struct op *op)
{
	switch (e->kind) {
	case RBLK_E_WRITE:
	case RBLK_E_ZEROES:
		return judge_data(h, e, op);
	case RBLK_E_OPEN:
		return judge_open(e);
	case RBLK_E_CLOSE:
		return judge_close(e);
	default:
		return true;
	}
}

/* ---- effects ---- */

static void add_version(u64 sector, u64 index)
{
	if (nvers == maxvers) {
		vers = bigger(vers, maxvers, sizeof(*vers));
		maxvers *= 2;
	}
	vers[nvers] = (struct version){ (u32)index, head[sector] };
	head[sector] = nvers++;
}

static void take_effect(struct hist *h, const struct rblk_entry *e, struct op *op)
{
	u64 s;

	WORLD_CHECK(op, "entry %llu writes what no user asked for", (unsigned long long)e->index);
	WORLD_CHECK(!op->index, "request %llu took effect twice, at %llu and %llu",
		    (unsigned long long)op->id, (unsigned long long)op->index,
		    (unsigned long long)e->index);
	WORLD_CHECK(op->sector == e->sector && op->nsect == e->nsect &&
		    (op->kind == OP_WRITE) == (e->kind == RBLK_E_WRITE) &&
		    rblk_entry_csum(e, op->crc) == e->csum,
		    "entry %llu is not what request %llu asked for", (unsigned long long)e->index,
		    (unsigned long long)op->id);
	WORLD_CHECK(e->index > op->floor,
		    "request %llu is at %llu, but %llu was done before it began",
		    (unsigned long long)op->id, (unsigned long long)e->index,
		    (unsigned long long)op->floor);
	op->index = e->index;
	h->op = op->id;
	for (s = e->sector; s < e->sector + e->nsect; s++)
		add_version(s, e->index);
	if (e->kind == RBLK_E_ZEROES)
		WORLD_MARK(ZEROES);
}

static void append(struct node *n, const struct rblk_entry *e, u64 commit_term)
{
	struct hist *h;
	bool data = e->kind == RBLK_E_WRITE || e->kind == RBLK_E_ZEROES;
	struct op *op = data ? op_at(e->epoch, e->seq) : NULL;
	int verdict;

	WORLD_CHECK(e->index == last + 1, "node %c commits %llu, but %llu was never seen committed",
		    'a' + n->id, (unsigned long long)e->index, (unsigned long long)last + 1);
	check_holders_quorum(e->index, e->term, e->csum, "committed");
	room(e->index);
	h = &hist[e->index];
	h->term = e->term;
	h->commit_term = commit_term;
	h->csum = e->csum;
	h->kind = e->kind;
	h->sector = e->sector;
	h->nsect = e->nsect;
	last = e->index;
	h->effective = judge_entry(h, e, op);
	verdict = rblk_vol_verdict(&judge, &geom, e);
	WORLD_CHECK(!verdict == h->effective, "entry %llu: verdict %d, ours %s",
		    (unsigned long long)e->index, verdict,
		    h->effective ? "takes effect" : "refuses");
	h->digest = judge.digest;
	if (h->effective && data)
		take_effect(h, e, op);
}

void model_commit(struct node *n, const struct rblk_entry *e, u64 commit_term)
{
	const struct hist *h;

	if (e->index > last) {
		append(n, e, commit_term);
		return;
	}
	h = &hist[e->index];
	WORLD_CHECK(h->term == e->term && h->csum == e->csum,
		    "node %c commits another entry %llu: term %llu sum %x, not term %llu sum %x",
		    'a' + n->id, (unsigned long long)e->index, (unsigned long long)e->term, e->csum,
		    (unsigned long long)h->term, h->csum);
}

/* ---- what users see ---- */

void model_write_done(struct node *n, struct op *op)
{
	const struct hist *h;
	u64 s;

	check_commits(n, n->executed_seen);	/* commit and completion may be one step */
	WORLD_CHECK(op->index, "request %llu was completed and took no effect",
		    (unsigned long long)op->id);
	h = &hist[op->index];
	check_holders_quorum(op->index, h->term, h->csum, "completed");
	for (s = op->sector; s < op->sector + op->nsect; s++)
		done[s] = max_t(u64, done[s], op->index);
}

/* What a node says of a session is what the log says, at that index. */
void model_reply(struct node *n, const struct wire_reply *r)
{
	const struct change *own, *holder = as_of(WORLD_NODES, r->index);
	u32 i;

	WORLD_CHECK(r->index <= last, "node %c replies as of %llu, which is not committed",
		    'a' + n->id, (unsigned long long)r->index);
	for (i = 0; i < world.cfg.all && world.node[i].super.store != r->to; i++)
		;
	WORLD_CHECK(i < world.cfg.all, "node %c replies to nobody", 'a' + n->id);
	own = as_of(i, r->index);
	WORLD_CHECK(r->epoch == own->epoch && r->nonce == own->nonce && r->seq == own->seq,
		    "node %c replies as of %llu with session %llu, done %llu; it was %llu, done %llu",
		    'a' + n->id, (unsigned long long)r->index, (unsigned long long)r->epoch,
		    (unsigned long long)r->seq, (unsigned long long)own->epoch,
		    (unsigned long long)own->seq);
	WORLD_CHECK(r->holder == holder->holder && r->holder_epoch == holder->epoch,
		    "node %c replies as of %llu with holder's epoch %llu, it was %llu", 'a' + n->id,
		    (unsigned long long)r->index, (unsigned long long)r->holder_epoch,
		    (unsigned long long)holder->epoch);
}

/* A session that a node has is one that the log gave it, to this very start of it. */
void model_held(struct node *n, u64 epoch)
{
	const struct change *c;

	check_commits(n, n->executed_seen);
	WORLD_CHECK(epoch && epoch <= last, "node %c holds session %llu, which is not committed",
		    'a' + n->id, (unsigned long long)epoch);
	c = as_of(n->id, epoch);
	WORLD_CHECK(c->index == epoch && c->epoch == epoch && !c->seq,
		    "node %c holds session %llu, which it was never given", 'a' + n->id,
		    (unsigned long long)epoch);
	WORLD_CHECK(n->sess_epoch < epoch, "node %c: session %llu comes back after %llu", 'a' + n->id,
		    (unsigned long long)epoch, (unsigned long long)n->sess_epoch);
}

static u64 zero_version(u64 sector, u64 floor)
{
	u32 v;

	for (v = head[sector]; v && vers[v].index >= floor; v = vers[v].prev)
		if (hist[vers[v].index].kind == RBLK_E_ZEROES)
			return vers[v].index;
	return 0;
}

u64 model_version(const struct sref *r, u64 sector, u64 floor, const char *what, u8 node,
		  bool fast)
{
	u64 id = sector_id(r, sector, fast);
	const u8 *p = sector_data(r);
	struct op *op;

	WORLD_CHECK(id != SECTOR_GARBAGE, "node %c: %s: sector %llu is garbage: %02x%02x%02x%02x",
		    'a' + node, what, (unsigned long long)sector, p[0], p[1], p[2], p[3]);
	if (!id)
		return zero_version(sector, floor);
	op = op_get(id);
	WORLD_CHECK(op->index, "node %c: %s: sector %llu shows request %llu, which took no effect",
		    'a' + node, what, (unsigned long long)sector, (unsigned long long)id);
	return op->index;
}

void model_read(struct node *n, struct op *op)
{
	u64 v, s;
	u32 i;

	check_commits(n, n->executed_seen);
	for (i = 0; i < op->nsect; i++) {
		s = op->sector + i;
		if (flip_at(WORLD_NONE, s) &&
		    sector_id(&op->from[i], s, false) == SECTOR_GARBAGE)
			continue;
		v = model_version(&op->from[i], s, op->seen[i], "read", n->id, false);
		WORLD_CHECK(v >= op->seen[i],
			    "node %c: read %llu of sector %llu shows version %llu, older than %llu, which was done before",
			    'a' + n->id, (unsigned long long)op->id, (unsigned long long)s,
			    (unsigned long long)v, (unsigned long long)op->seen[i]);
		done[s] = max_t(u64, done[s], v);
	}
}

u64 model_demanded(u64 sector, u64 at)
{
	u32 v = head[sector];

	while (v && vers[v].index > at)
		v = vers[v].prev;
	return vers[v].index;
}
