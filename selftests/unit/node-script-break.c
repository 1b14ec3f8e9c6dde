// SPDX-License-Identifier: GPL-2.0
/* A node goes wrong by itself, as if by a bug: a field is spoiled, or a function misused. */
#include "node/internal.h"
#include "node/replica/internal.h"
#include "raft/internal.h"
#include "volume/internal.h"
#include "node-script.h"
#include "tap.h"

static void break_client(struct rblk_node *m)
{
	m->client.sent = m->client.last + 1;
}

static void break_replica(struct rblk_node *m)
{
	m->replica->released = rblk_replica_applied(m->replica) + 1;
}

static void break_raft(struct rblk_node *m)
{
	m->replica->raft->read_ok = m->replica->raft->read_want + 1;
}

static void break_log(struct rblk_node *m)
{
	/* The second one is found, too; what is named is the first. */
	m->replica->log.ndurable = LOG_INFLIGHT + 1;
	m->replica->log.nmarks = LOG_MARKS + 1;
}

/* Only a batch meets this: no audit that takes little time looks for it. */
static void break_volume(struct rblk_node *m)
{
	m->replica->vol->plan.active = true;
}

/* The volume is smaller than what has been read of it before. */
static void break_size(struct rblk_node *m)
{
	m->replica->vol->g.sectors = 8;
}

/* The newest entry is not in the term that raft has it in. */
static void break_frames(struct rblk_node *m)
{
	struct rblk_replica *r = m->replica;

	r->ent[r->last & r->mask].e.term++;
}

static void break_reads(struct rblk_node *m)
{
	memset(m->reads.hash, 0, sizeof(m->reads.hash));
}

/* ---- what callers owe to the doors ---- */

static void break_stage(struct rblk_node *m)
{
	struct rblk_entry e = { .kind = RBLK_E_WRITE, .nsect = 8, .nblocks = 1 };

	rblk_replica_stage(m->replica, &e, NULL);
}

static void break_commit(struct rblk_node *m)
{
	m->replica->commit++;
}

static void break_compact(struct rblk_node *m)
{
	struct rblk_id base = { .index = m->replica->ckpt_index + 1 };

	rblk_replica_compact(m->replica, &base);
}

static void break_executed(struct rblk_node *m)
{
	m->replica->vol->executed.term++;
}

static void break_payload(struct rblk_node *m)
{
	rblk_replica_drop(m->replica, rblk_replica_ent(m->replica, m->replica->last));
}

static void break_generation(struct rblk_node *m)
{
	m->replica->log.generation = 0;
}

static void break_sequence(struct rblk_node *m)
{
	m->server.client[NODE_SLOT_SELF].next--;
}

static void break_take(struct rblk_node *m)
{
	struct rblk_entry e = { .kind = RBLK_E_ZEROES, .nsect = 8 };
	struct rblk_buf *buf = NULL;

	rblk_server_take(&m->server, NODE_SLOT_SELF, false, &e, &buf);
}

static void break_hello(struct rblk_node *m)
{
	struct wire_hello h = { .store = 1 };

	rblk_node_peer_hello(m, m->g.npeers, &h, m->g.now);
}

static void break_up(struct rblk_node *m)
{
	rblk_node_peer_up(m, m->g.npeers, WIRE_BULK, m->g.now);
}

static void break_recv(struct rblk_node *m)
{
	static struct wire_frame f = { .type = WIRE_REPLY, .append.n = 1 };
	struct rblk_buf *buf = m->g.ops->buf_alloc(m->g.host, 1);

	rblk_node_recv(m, m->g.npeers, &f, &buf, m->g.now);
}

/* ---- the host answers what it was not asked, or twice ---- */

static void answer_log(struct rblk_node *m)
{
	rblk_node_log_done(m, &m->replica->log.rec[LOG_INFLIGHT - 1], 0, m->g.now);
}

static void answer_meta(struct rblk_node *m)
{
	rblk_node_meta_done(m, 0, m->g.now);
}

static void answer_map(struct rblk_node *m)
{
	rblk_node_block_done(m, 0, m->g.now);
}

static void answer_sync(struct rblk_node *m)
{
	rblk_node_data_sync_done(m, 0, m->g.now);
}

static void answer_apply(struct rblk_node *m)
{
	rblk_node_apply_done(m, 0, m->g.now);
}

static void answer_readback(struct rblk_node *m)
{
	rblk_node_readback_done(m, &m->replica->apply_feed.rb, 0, m->g.now);
}

static void answer_read(struct rblk_node *m)
{
	rblk_node_read_done(m, 4711, 0, m->g.now);
}

static const struct fault {
	const char *name;
	void (*inflict)(struct rblk_node *m);
} faults[] = {
	{ "client", break_client },	{ "replica", break_replica },
	{ "raft", break_raft },		{ "log", break_log },
	{ "volume", break_volume },	{ "size", break_size },
	{ "reads", break_reads },
	{ "frames", break_frames },	{ "stage", break_stage },
	{ "commit", break_commit },	{ "compact", break_compact },
	{ "executed", break_executed },	{ "payload", break_payload },
	{ "generation", break_generation }, { "sequence", break_sequence },
	{ "take", break_take },		{ "hello", break_hello },
	{ "up", break_up },		{ "recv", break_recv },
	{ "answer-log", answer_log },	{ "answer-meta", answer_meta },
	{ "answer-map", answer_map },	{ "answer-sync", answer_sync },
	{ "answer-apply", answer_apply }, { "answer-readback", answer_readback },
	{ "answer-read", answer_read },
};

/* break NODE WHAT: a fault of the program, which the node has to notice; see the table */
void cmd_break(void)
{
	struct node *n = script_up(1);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!ts_text(faults[i].name))
			continue;
		tap_expect_asserts();
		n->broken = true;
		faults[i].inflict(n->m);
		node_after(n);
		return;
	}
	ts_wrong("no such fault");
}
