// SPDX-License-Identifier: GPL-2.0
#include "raft-net.h"

struct net net;
FILE *net_out;

u64 net_rand(u64 n)
{
	net.rng ^= net.rng << 13;
	net.rng ^= net.rng >> 7;
	net.rng ^= net.rng << 17;
	return (net.rng >> 11) % n;
}

const struct raft_conf *net_intern(const struct raft_conf *c)
{
	static struct raft_conf table[512];
	static u32 n;
	u32 i;

	for (i = 0; i < n; i++)
		if (!memcmp(&table[i], c, sizeof(*c)))
			return &table[i];
	CHECK(n < 512);
	table[n] = *c;
	return &table[n++];
}

struct raft_conf net_conf(const char *s)
{
	struct raft_conf c;

	memset(&c, 0, sizeof(c));
	while (*s) {
		struct raft_member *m = &c.m[c.n];

		while (*s == ' ')
			s++;
		if (!*s)
			break;
		m->store = strtoull(s, (char **)&s, 10);
		for (; *s && *s != ' '; s++)
			m->flags |= *s == 'i' ? RBLK_M_IN : *s == 'o' ? RBLK_M_OUT :
				    *s == 'l' ? RBLK_M_LEARNER : *s == 'w' ? RBLK_M_WITNESS : 0;
		c.n++;
	}
	return c;
}

static const char *net_conf_str(const struct raft_conf *c)
{
	static char buf[512];
	char *p = buf;
	u32 i;

	*p = 0;
	for (i = 0; i < c->n; i++)
		p += sprintf(p, "%s%llu%s%s%s%s", i ? " " : "", (unsigned long long)c->m[i].store,
			     c->m[i].flags & RBLK_M_IN ? "i" : "",
			     c->m[i].flags & RBLK_M_OUT ? "o" : "",
			     c->m[i].flags & RBLK_M_LEARNER ? "l" : "",
			     c->m[i].flags & RBLK_M_WITNESS ? "w" : "");
	return buf;
}

const char *net_role(enum raft_role role)
{
	static const char * const name[] = { "follower", "precandidate", "candidate", "leader",
					     "halted" };

	return name[role];
}

void net_print_msg(const struct raft_msg *m)
{
	static const char * const name[] = { "?", "prevote", "prevote-reply", "vote",
		"vote-reply", "append", "append-reply", "read", "read-reply", "timeout-now" };

	fprintf(net_out, "%llu->%llu %s term %llu", U(m->from), U(m->to), name[m->type],
		U(m->term));
	if (m->prev.index || m->type == RAFT_MSG_APPEND)
		fprintf(net_out, " at %llu/%llu", U(m->prev.term), U(m->prev.index));
	if (m->type == RAFT_MSG_APPEND) {
		if (m->ents.first <= m->ents.last)
			fprintf(net_out, " ents %llu..%llu of %llu", U(m->ents.first),
				U(m->ents.last), U(m->ents.term));
		if (m->ents.conf)
			fprintf(net_out, " conf [%s]", net_conf_str(m->ents.conf));
		fprintf(net_out, " commit %llu", U(m->commit));
	}
	if (m->reject)
		fprintf(net_out, " REJECT");
	if (m->reject_index)
		fprintf(net_out, " %llu run %llu", U(m->reject_index), U(m->run_first));
	if (m->read_seq && (m->type == RAFT_MSG_APPEND || m->type == RAFT_MSG_APPEND_REPLY))
		fprintf(net_out, " round %llu", U(m->read_seq));
	if (m->force)
		fprintf(net_out, " force");
	if (m->resync)
		fprintf(net_out, " resync");
	if (m->stalled)
		fprintf(net_out, " stalled");
	if (m->ordered && m->ents.first > m->ents.last)
		fprintf(net_out, " ordered");
}

u64 net_sendable(void *ctx, u64 peer, u64 first, u64 last)
{
	struct net_node *n = ctx;
	u64 i;

	if (peer > NET_NODES || n->cut_off[peer])
		return first - 1;
	last = min_t(u64, last, first + NET_MSG_ENTS - 1);
	for (i = first; i <= last; i++)
		if (n->log[i].conf && !n->greedy)
			return i == first ? i : i - 1;
	return last;
}

u64 net_takes(void *ctx, u64 first, u64 last)
{
	struct net_node *n = ctx;

	CHECK(first <= last);
	return n->room && n->room < last ? max_t(u64, n->room, first - 1) : last;
}

bool net_can_lead(void *ctx)
{
	struct net_node *n = ctx;

	return !n->crowded;
}

static struct net_op *net_op(struct net_node *n)
{
	struct net_op *op = &n->op[n->op_n++];

	CHECK(n->op_n <= NET_OPS);
	memset(op, 0, sizeof(*op));
	return op;
}

static void net_append(struct net_node *n, const struct raft_action *a)
{
	struct net_op *op = net_op(n);
	u64 i;

	op->first = a->ents.first;
	op->last = a->ents.last;
	op->trunc_epoch = a->trunc_epoch;
	CHECK(op->last - op->first < NET_MSG_ENTS);
	CHECK_EQ(op->first, n->last + 1);
	for (i = op->first; i <= op->last; i++) {
		if (net.handling && net.handling->m.type == RAFT_MSG_APPEND)
			n->log[i] = net.handling->e[i - net.handling->m.ents.first];
		CHECK_EQ(n->log[i].term, a->ents.term);
		CHECK(!n->log[i].conf == !a->ents.conf);
		CHECK(!a->ents.conf || a->ents.conf->index == i);
		op->e[i - op->first] = n->log[i];
	}
	n->last = op->last;
}

static void net_post(struct net_node *n, const struct raft_msg *m)
{
	struct net_msg *w;
	u64 i;

	net_judge_msg(n, m);
	if (net.nmsg == NET_MSGS) {	/* lossy: the oldest goes */
		memmove(net.msg, net.msg + 1, sizeof(net.msg[0]) * (NET_MSGS - 1));
		net.nmsg--;
	}
	w = &net.msg[net.nmsg++];
	memset(w, 0, sizeof(*w));
	w->m = *m;
	w->m.ents.conf = NULL;
	if (m->type != RAFT_MSG_APPEND || m->ents.first > m->ents.last)
		return;
	CHECK(m->ents.last - m->ents.first < NET_MSG_ENTS);
	for (i = m->ents.first; i <= m->ents.last; i++) {
		w->e[i - m->ents.first] = n->log[i];
		CHECK_EQ(n->log[i].term, m->ents.term);
		if (!n->log[i].conf)
			continue;
		CHECK_EQ(m->ents.first, m->ents.last);
		w->m.ents.conf = n->log[i].conf;
	}
}

static void net_act(struct net_node *n, const struct raft_action *a)
{
	struct raft_status st;

	switch (a->type) {
	case RAFT_ACT_META:
		CHECK(!n->meta_version);
		n->meta_new = a->meta;
		n->meta_version = a->meta_version;
		n->meta_written = false;
		break;
	case RAFT_ACT_TRUNCATE:
		CHECK_EQ(a->ents.last, n->last);
		n->last = a->ents.first - 1;
		*net_op(n) = (struct net_op){ .cut = true, .first = a->ents.first };
		break;
	case RAFT_ACT_APPEND:
		net_append(n, a);
		break;
	case RAFT_ACT_NOOP:
		n->log[a->ents.first] = (struct net_ent){ .term = a->ents.term };
		break;
	case RAFT_ACT_SEND:
		net_post(n, &a->msg);
		break;
	case RAFT_ACT_COMMIT:
		net_judge_commit(n, &a->ents);
		break;
	case RAFT_ACT_READ_OK:
		CHECK(a->read_id > n->answered && a->read_id <= n->reads);
		while (n->answered < a->read_id)
			CHECK(a->id.index >= n->need[++n->answered]);
		break;
	case RAFT_ACT_ROLE:
		rblk_raft_status(n->r, &st);
		if (st.role != RAFT_HALTED)
			net_judge_role(n);
		break;
	case RAFT_ACT_CONF:
		break;
	}
}

static void net_print_act(const struct net_node *n, const struct raft_action *a)
{
	struct raft_status st;

	fprintf(net_out, "  %llu: ", U(n->id));
	switch (a->type) {
	case RAFT_ACT_META:
		fprintf(net_out, "META term %llu vote %llu", U(a->meta.term), U(a->meta.vote));
		break;
	case RAFT_ACT_TRUNCATE:
		fprintf(net_out, "TRUNCATE %llu..%llu trunc-epoch %llu", U(a->ents.first),
			U(a->ents.last), U(a->trunc_epoch));
		break;
	case RAFT_ACT_APPEND:
		fprintf(net_out, "APPEND %llu..%llu of %llu trunc-epoch %llu", U(a->ents.first),
			U(a->ents.last), U(a->ents.term), U(a->trunc_epoch));
		break;
	case RAFT_ACT_NOOP:
		fprintf(net_out, "NOOP %llu", U(a->ents.first));
		break;
	case RAFT_ACT_SEND:
		net_print_msg(&a->msg);
		break;
	case RAFT_ACT_COMMIT:
		fprintf(net_out, "COMMIT %llu..%llu", U(a->ents.first), U(a->ents.last));
		break;
	case RAFT_ACT_READ_OK:
		fprintf(net_out, "READ_OK %llu at %llu", U(a->read_id), U(a->id.index));
		break;
	case RAFT_ACT_ROLE:
		rblk_raft_status(n->r, &st);
		fprintf(net_out, "ROLE %s term %llu leader %llu", net_role(st.role), U(st.term),
		       U(st.leader));
		break;
	case RAFT_ACT_CONF:
		fprintf(net_out, "CONF [%s] of %llu", net_conf_str(rblk_raft_conf_active(n->r)),
		       U(rblk_raft_conf_active(n->r)->index));
		break;
	}
	fprintf(net_out, "\n");
}

int net_step(struct net_node *n, struct raft_event *ev)
{
	static struct raft_out out;
	u32 i;
	int err;

	if (!n->up)
		return -ESHUTDOWN;
	ev->now = net.now;
	err = rblk_raft_step(n->r, ev, &out);
	CHECK(!err || !out.n);
	for (i = 0; i < out.n; i++) {
		if (net.verbose)
			net_print_act(n, &out.act[i]);
		net_act(n, &out.act[i]);
	}
	CHECK_EQ(rblk_raft_check(n->r), 0);
	return err;
}

int net_event(struct net_node *n, enum raft_event_type type, u64 x, u64 id)
{
	struct raft_event ev = { .type = type };

	if (type == RAFT_EV_TRANSFER || type == RAFT_EV_YIELD || type == RAFT_EV_UNREACHABLE ||
	    type == RAFT_EV_REACHABLE || type == RAFT_EV_FORGOT) {
		ev.store = x;
	} else if (type == RAFT_EV_UNSENT) {
		ev.store = x;
		ev.first = id;
	} else {
		ev.done.index = x;
		ev.done.read_id = id;
	}
	return net_step(n, &ev);
}

void net_boot(struct net_node *n)
{
	static struct rblk_id runs[RAFT_RUNS_MAX];
	struct raft_boot b;
	u64 i;

	memset(&b, 0, sizeof(b));
	b.meta = n->meta;
	b.snap = n->snap;
	b.last = n->snap;
	b.conf = n->snap_conf;
	b.runs = runs;
	for (i = n->snap.index + 1; i <= n->disk_last; i++) {
		n->log[i] = n->disk[i];
		b.last = (struct rblk_id){ n->disk[i].term, i };
		if (!b.nruns || runs[b.nruns - 1].term != n->disk[i].term)
			b.nruns++;
		CHECK(b.nruns <= RAFT_RUNS_MAX);
		runs[b.nruns - 1] = b.last;
		if (n->disk[i].conf) {
			b.prev_conf = b.conf;
			b.conf = *n->disk[i].conf;
			b.conf.index = i;
		}
	}
	n->last = n->disk_last;
	b.commit = max_t(u64, n->ckpt, n->snap.index);
	b.owed = n->owed;
	n->meta_version = 0;
	n->op_n = 0;
	n->done_n = 0;
	n->reads = 0;
	n->answered = 0;
	n->cfg.self = n->id;
	n->cfg.seed += 0x1234567 * n->id + 1;
	n->cfg.sendable = net_sendable;
	n->cfg.takes = net_takes;
	n->cfg.can_lead = net_can_lead;
	n->cfg.ctx = n;
	if (!n->r)
		n->r = malloc(rblk_raft_size());
	CHECK_EQ(rblk_raft_init(n->r, &n->cfg, &b, net.now), 0);
	CHECK_EQ(rblk_raft_check(n->r), 0);
	n->up = true;
}

void net_crash(struct net_node *n)
{
	n->up = false;
}

void net_lose(struct net_node *n, u64 keep)
{
	struct rblk_id last = { n->disk[n->disk_last].term, n->disk_last };

	if (n->owed.term < last.term || (n->owed.term == last.term && n->owed.index < last.index))
		n->owed = last;
	n->disk_last = keep;
}

void net_start(u32 count, const struct raft_conf *conf, u64 seed)
{
	struct net_node *n;
	struct raft *keep;
	u32 i;

	net.now = 1000 * MS;
	net.rng = seed * 0x9e3779b97f4a7c15ULL + 0x1234567;
	net.nmsg = 0;
	net.blind = false;
	net_out = net_out ?: stdout;
	net.commit = 1;
	net.val = 0;
	net.handling = NULL;
	memset(net.hist, 0, sizeof(net.hist));
	memset(net.leader_of, 0, sizeof(net.leader_of));
	for (i = 1; i <= NET_NODES; i++) {
		n = &net.node[i];
		keep = n->r;
		memset(n, 0, offsetof(struct net_node, disk));
		n->last = 0;
		memset(n->cut_off, 0, sizeof(n->cut_off));
		n->room = 0;
		n->crowded = false;
		n->id = i;
		n->r = keep;
		n->cfg = (struct raft_cfg){
			.seed = seed, .heartbeat_ns = 100 * MS, .election_ns = 1000 * MS,
			.msg_ents = NET_MSG_ENTS, .inflight_msgs = 4, .uncommitted_bytes = 1000,
		};
		if (i > count)
			continue;
		if (conf && rblk_raft_conf_flags(conf, i)) {
			n->meta.term = 1;
			n->snap = (struct rblk_id){ 1, 1 };
			n->snap_conf = *conf;
			n->snap_conf.index = 1;
			n->disk_last = 1;
		}
	}
	if (conf) {
		net.hist[1].term = 1;
		net.hist[1].conf = net_intern(conf);
	}
}

void net_msg_drop(u32 i)
{
	memmove(&net.msg[i], &net.msg[i + 1], sizeof(net.msg[0]) * (net.nmsg - i - 1));
	net.nmsg--;
}

int net_handle(const struct net_msg *w)
{
	struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &w->m };
	struct raft_conf conf;
	struct net_msg copy = *w;
	int err;

	if (w->m.to > NET_NODES || !net.node[w->m.to].up)
		return -ESHUTDOWN;
	if (copy.m.ents.conf) {
		conf = *copy.m.ents.conf;
		conf.index = copy.m.ents.first;
		copy.m.ents.conf = &conf;
	}
	ev.msg = &copy.m;
	net.handling = &copy;
	err = net_step(&net.node[w->m.to], &ev);
	net.handling = NULL;
	return err;
}

int net_deliver(u32 i)
{
	struct net_msg w = net.msg[i];

	net_msg_drop(i);
	return net_handle(&w);
}

bool net_disk_one(struct net_node *n)
{
	struct net_op *op = n->op;
	u64 i;

	if (!n->up || !n->op_n)
		return false;
	if (op->cut) {
		n->disk_last = op->first - 1;
	} else {
		for (i = op->first; i <= op->last; i++)
			n->disk[i] = op->e[i - op->first];
		n->disk_last = op->last;
		CHECK(n->done_n < NET_OPS);
		n->done[n->done_n++] = (struct rblk_id){ op->trunc_epoch, op->last };
	}
	memmove(n->op, n->op + 1, sizeof(n->op[0]) * --n->op_n);
	return true;
}

bool net_done_one(struct net_node *n)
{
	struct rblk_id d = n->done[0];

	if (!n->up || !n->done_n)
		return false;
	memmove(n->done, n->done + 1, sizeof(n->done[0]) * --n->done_n);
	CHECK_EQ(net_event(n, RAFT_EV_LOG_DONE, d.index, d.term), 0);
	return true;
}

bool net_meta_write(struct net_node *n)
{
	if (!n->up || !n->meta_version || n->meta_written)
		return false;
	n->meta = n->meta_new;
	n->meta_written = true;
	return true;
}

bool net_meta_done(struct net_node *n)
{
	u64 version = n->meta_version;

	if (!n->up || !version || !n->meta_written)
		return false;
	n->meta_version = 0;
	CHECK_EQ(net_event(n, RAFT_EV_META_DONE, 0, version), 0);
	return true;
}

bool net_disk_all(struct net_node *n)
{
	bool any = false;

	while (net_meta_write(n) | net_meta_done(n) | net_disk_one(n) | net_done_one(n))
		any = true;
	return any;
}

int net_propose(struct net_node *n, u32 count, u32 bytes, const struct raft_conf *conf)
{
	struct raft_event ev = { .type = RAFT_EV_PROPOSE };
	struct raft_status st;
	struct raft_conf c;
	u32 i;

	rblk_raft_status(n->r, &st);
	for (i = 0; i < count && n->last + count < NET_LOG; i++)
		n->log[n->last + 1 + i] = (struct net_ent){ .term = st.term, .val = ++net.val };
	ev.propose.count = count;
	ev.propose.bytes = bytes;
	if (conf) {
		c = *conf;
		c.index = 0;
		n->log[n->last + 1].conf = net_intern(&c);
		ev.propose.conf = conf;
	}
	return net_step(n, &ev);
}

int net_read(struct net_node *n)
{
	CHECK(n->reads + 1 < NET_READS);
	n->need[++n->reads] = net.commit;
	return net_event(n, RAFT_EV_READ, 0, n->reads);
}

struct net_node *net_leader(void)
{
	struct net_node *n, *found = NULL;
	struct raft_status st;
	u64 term = 0;

	for (n = net.node + 1; n <= net.node + NET_NODES; n++) {
		if (!n->up)
			continue;
		rblk_raft_status(n->r, &st);
		if (st.role == RAFT_LEADER && st.term > term) {
			found = n;
			term = st.term;
		}
	}
	return found;
}

void net_tick_due(void)
{
	struct net_node *n;

	for (n = net.node + 1; n <= net.node + NET_NODES; n++)
		if (n->up && rblk_raft_deadline(n->r) <= net.now)
			net_event(n, RAFT_EV_TICK, 0, 0);
}

void net_settle(void)
{
	struct net_node *n;
	bool any = true;
	u32 rounds = 0;

	while (any) {
		any = false;
		CHECK(rounds++ < 100000);
		for (n = net.node + 1; n <= net.node + NET_NODES; n++) {
			any |= net_disk_all(n);
			if (n->up && rblk_raft_pending(n->r)) {
				u32 before = net.nmsg;

				net_event(n, RAFT_EV_PUMP, 0, 0);
				CHECK(net.nmsg > before || before == NET_MSGS);
				any = true;
			}
		}
		if (net.nmsg) {
			net_deliver(0);
			any = true;
		}
	}
}
