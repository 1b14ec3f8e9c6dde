// SPDX-License-Identifier: GPL-2.0
/* Frames that a node did not send: what could be said, and may not be believed. */
#include "node-script.h"

static struct wire_frame frame;
static struct rblk_node_status st;

/* "name=5" sets a field, "+1" and "-1" change what would be true, "b" is the store of b. */
static u64 field(const char *name, u64 was)
{
	const char *s = ts_text(name);
	char *end;

	if (!s)
		return was;
	if (*s == '+')
		return was + strtoull(s + 1, &end, 10);
	if (*s == '-')
		return was - strtoull(s + 1, &end, 10);
	if (*s >= 'a' && *s <= 'z')
		return script_node(s)->super.store;
	return strtoull(s, &end, 0);
}

/* What the leader could tell @to just now, with nothing urgent in it. */
static void reply(struct node *from, struct node *to)
{
	struct wire_reply *r = &frame.reply;

	rblk_node_status(to->m, &st);
	frame.type = WIRE_REPLY;
	r->to = field("to", to->super.store);
	r->term = field("term", st.raft.term);
	r->leader = field("leader", from->super.store);
	r->index = field("index", st.executed_index);
	r->epoch = field("epoch", st.session_epoch);
	r->seq = field("seq", st.session_done);
	r->nonce = ts_text("grant-of") ? to->boot_nonce + ts_option("grant-of", 1) : 0;
	r->holder = field("holder", st.holder);
	r->holder_epoch = field("holder-epoch", st.holder_epoch);
	r->sectors = st.conf.sectors;
	r->cluster = field("cluster", st.conf.cluster);
	r->block_size = st.conf.block_size;
	r->next = field("next", r->seq + 1);
	r->keepalive = field("keepalive", 0);
	r->serving = field("serving", 1) != 0;
	r->busy = field("busy", 0) != 0;
	r->wanted = field("wanted", 0) != 0;
}

static u8 kind_of(const char *s)
{
	if (!strcmp(s, "open"))
		return RBLK_E_OPEN;
	return !strcmp(s, "close") ? RBLK_E_CLOSE : RBLK_E_ZEROES;
}

/* What a client says; with entry=open|close|zeroes there is an entry in it. */
static void submit(struct node *from, struct node *to)
{
	struct wire_submit *s = &frame.submit;
	struct rblk_entry *e = &frame.append.e[0];

	rblk_node_status(to->m, &st);
	frame.type = WIRE_SUBMIT;
	s->from = field("from", from->super.store);
	s->term = field("term", st.raft.term);
	s->keepalive = field("keepalive", 0);
	s->force = field("force", 0) != 0;
	if (!ts_text("entry"))
		return;
	frame.append.n = 1;
	*e = (struct rblk_entry){
		.kind = kind_of(ts_text("entry")), .store = field("store", from->super.store),
		.epoch = field("epoch", st.holder_epoch), .seq = field("seq", 1),
	};
	if (e->kind == RBLK_E_ZEROES) {
		e->store = 0;
		e->sector = field("sector", 0);
		e->nsect = 8;
	}
}

static void read(struct node *from)
{
	frame.type = WIRE_READ;
	frame.read = (struct wire_read){
		.from = field("from", from->super.store), .id = 1, .nsect = 8,
		.sector = field("sector", 0),
	};
}

/* What a member asks for that is resynchronised. */
static void pull(struct node *from)
{
	frame.type = WIRE_PULL;
	frame.pull = (struct wire_pull){
		.from = field("from", from->super.store), .id = 1, .what = WIRE_P_CHUNK,
		.at = field("at", 0), .nsect = (u32)field("nsect", 8),
	};
}

/*
 * The answer to its request number id=N: zeroes with nsect=N; nothing, with same=N, as all of it is
 * the same; else a refusal.
 */
static void chunk(struct node *to)
{
	frame.type = WIRE_CHUNK;
	frame.chunk = (struct wire_chunk){
		.to = field("to", to->super.store), .id = to->boot_nonce + field("id", 1),
		.index = field("index", 0), .upto = field("upto", 0),
		.same = (u32)field("same", 0),
	};
	if (!ts_text("nsect")) {
		frame.chunk.error = frame.chunk.same ? 0 : WIRE_E_AGAIN;
		return;
	}
	frame.append.n = 1;
	frame.append.e[0] = (struct rblk_entry){
		.kind = RBLK_E_ZEROES, .sector = field("sector", 0),
		.nsect = (u32)field("nsect", 0),
	};
}

static void vote(struct node *from, struct node *to)
{
	frame.type = WIRE_RAFT;
	frame.raft = (struct raft_msg){
		.type = RAFT_MSG_VOTE, .from = from->super.store, .to = to->super.store,
		.term = field("term", 2), .prev = { 1, 1 },
		.cluster = field("cluster", 0),
	};
}

/* A configuration of a leader that @to follows, behind all that it has, with one learner more. */
static struct rblk_buf *configuration(struct node *from, struct node *to)
{
	struct sbuf *sb = sbuf_new(to->id, 1, B_RECEIVE);
	struct rblk_entry *e = &frame.append.e[0];
	struct raft_msg *m = &frame.raft;
	struct rblk_member *lm;

	rblk_node_status(to->m, &st);
	st.conf.sectors = field("sectors", st.conf.sectors);
	st.conf.ring_bytes = field("ring", st.conf.ring_bytes);
	st.conf.entries = (u32)field("entries", st.conf.entries);
	lm = &st.conf.m[st.conf.n++];
	lm->store = 0x1ea47e4;
	lm->flags = RBLK_M_LEARNER;
	snprintf(lm->node, sizeof(lm->node), "learner");
	snprintf(lm->addr, sizeof(lm->addr), "learner:7800");
	st.conf.index = st.raft.last.index + 1;
	sb->pg[0] = page_copy(NULL);
	rblk_log_conf_encode(&st.conf, sb->pg[0]->data);
	sb->buf.crc[0] = page_crc(sb->pg[0]);
	*e = (struct rblk_entry){
		.kind = RBLK_E_CONF, .index = st.conf.index, .term = st.raft.term, .nblocks = 1,
	};
	e->csum = rblk_entry_csum(e, sb->buf.crc);
	frame.type = WIRE_RAFT;
	frame.append.n = 1;
	*m = (struct raft_msg){
		.type = RAFT_MSG_APPEND, .from = from->super.store, .to = to->super.store,
		.term = st.raft.term, .prev = st.raft.last, .commit = st.raft.commit,
		.ents = { .first = e->index, .last = e->index, .term = e->term },
		.cluster = field("cluster", st.conf.cluster),
	};
	return &sb->buf;
}

static void later_start(struct wire_hello *h)
{
	h->generation++;
	memmove(h->line + 1, h->line, (RBLK_LINE - 1) * sizeof(h->line[0]));
	h->line[0] = h->line[1] + 2;
}

/*
 * A hello, as the other node would say it; with "as=b", under the name of b, and with "later=2", as
 * after two more starts.
 */
static void hello(struct node *from, struct node *to)
{
	const struct node *as = ts_text("as") ? script_node(ts_text("as")) : from;
	struct wire_hello h;
	u64 starts;
	u8 reason;

	rblk_node_hello(from->m, from->node_slot[to->id], WIRE_CONSENSUS, &h);
	memcpy(h.node, as->name, sizeof(h.node));
	h.volume[0] = (u8)field("uuid", h.volume[0]);
	h.role = (u8)field("role", h.role);
	h.store = field("store", h.store);
	h.generation = field("generation", h.generation);
	h.match = field("match", h.match);
	h.term = field("term", h.term);
	for (starts = field("later", 0); starts; starts--)
		later_start(&h);
	h.line[0] = field("nonce", h.line[0]);
	reason = (u8)rblk_node_peer_hello(to->m, to->node_slot[as->id], &h, node_now(to));
	SAY("%c %s %c%s%s\n", N(to), reason ? "refuses" : "accepts", N(from), reason ? ": " : "",
	    reason ? rblk_wire_reason_text(reason) : "");
	node_after(to);
}

/* A refusal, as of a store that was set back, or is a copy; what was seen of it is what it has. */
/* In the name of another node, it says what that one is. */
static struct node *in_whose_name(struct node *from)
{
	const char *s = ts_text("from");

	return s && *s >= 'a' && *s <= 'z' ? script_node(s) : from;
}

static void refuse(struct node *from, struct node *to)
{
	struct wire_reject r = { .reason = WIRE_R_ROLLBACK };
	struct node *named = in_whose_name(from);
	struct wire_hello h;

	rblk_node_status(to->m, &st);
	r.reason = (u8)field("reason", r.reason);
	r.generation = field("generation", st.generation);
	r.match = field("match", st.raft.durable);
	r.term = field("term", st.raft.term);
	if (ts_text("before")) {	/* the start before this one */
		rblk_node_hello(to->m, 0, WIRE_CONSENSUS, &h);
		r.generation = h.generation - 1;
		r.nonce = h.line[1];
	}
	memcpy(r.volume, from->super.volume, sizeof(r.volume));
	r.volume[0] = (u8)field("uuid", r.volume[0]);
	r.from = field("from", from->super.store);
	r.to = field("to", to->super.store);
	r.nonce = field("nonce", r.nonce ? r.nonce : to->boot_nonce);
	r.start = field("start", to->boot_nonce);
	r.alive = field("alive", 0) != 0;
	rblk_node_status(named->m, &st);
	r.from_generation = field("from-generation", st.generation);
	r.from_nonce = field("from-nonce", named->boot_nonce);
	rblk_node_peer_refused(to->m, to->node_slot[from->id], &r, node_now(to));
	node_after(to);
}

/*
 * say FROM->TO reply|submit|read|pull|chunk|vote|conf|hello|reject [FIELD=...]...: TO hears it, and
 * perhaps believes it
 */
void cmd_say(void)
{
	struct rblk_buf *buf[WIRE_ENTRIES_MAX] = { NULL };
	struct node *a, *b;
	u8 from, to;
	int ret;

	script_link(ts_word[1], &from, &to);
	a = &world.node[from];
	b = &world.node[to];
	memset(&frame, 0, sizeof(frame));
	if (!strcmp(ts_word[2], "reply"))
		reply(a, b);
	else if (!strcmp(ts_word[2], "submit"))
		submit(a, b);
	else if (!strcmp(ts_word[2], "read"))
		read(a);
	else if (!strcmp(ts_word[2], "pull"))
		pull(a);
	else if (!strcmp(ts_word[2], "chunk"))
		chunk(b);
	else if (!strcmp(ts_word[2], "vote"))
		vote(a, b);
	else if (!strcmp(ts_word[2], "conf"))
		buf[0] = configuration(a, b);
	else if (strcmp(ts_word[2], "hello") && strcmp(ts_word[2], "reject"))
		ts_wrong("this cannot be said");
	if (!frame.type) {
		(*ts_word[2] == 'h' ? hello : refuse)(a, b);
		return;
	}
	ret = rblk_node_recv(b->m, b->node_slot[from], &frame, buf, node_now(b));
	if (ret)
		SAY("%c: %s\n", N(b), ret == -EINVAL ? "cuts this connection" : "wants a new hello");
	node_after(b);
}
