// SPDX-License-Identifier: GPL-2.0
/* Whom a node lets in: every combination of what a hello may say of itself. */
#include "node/internal.h"
#include "node/replica/internal.h"
#include "tap.h"

#define DEFAULT_ELECTION_NS	(600 * RBLK_NSEC_PER_MSEC)

enum { OTHER_UUID = 1, NO_UUID = 2 };

static struct rblk_node node;
static struct rblk_replica replica;
static u64 now = 1;

static const u8 uuid[RBLK_UUID_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* Node n1 of a volume, whose file says of n2 that it is a client, or that it is not. */
static void set_up(bool disks, bool peer_is_client)
{
	struct rblk_node_cfg *cfg = &node.g.cfg;

	memset(&node, 0, sizeof(node));
	memset(&replica, 0, sizeof(replica));
	memcpy(cfg->super.volume, uuid, RBLK_UUID_LEN);
	snprintf(cfg->super.volume_name, RBLK_NAME_MAX, "vol");
	cfg->super.store = 0xa1;
	snprintf(cfg->node, RBLK_NAME_MAX, "n1");
	cfg->npeers = node.g.npeers = 2;
	snprintf(cfg->peer[0].node, RBLK_NAME_MAX, "n2");
	cfg->peer[0].client = peer_is_client;
	snprintf(cfg->peer[1].node, RBLK_NAME_MAX, "n3");
	cfg->peer[1].client = !peer_is_client;
	replica.g = &node.g;
	node.replica = disks ? &replica : NULL;
}

static struct wire_hello hello_of(const char *from, bool client)
{
	struct wire_hello h = {
		.version_min = WIRE_VERSION, .version_max = WIRE_VERSION, .store = 0xa2,
		.role = client ? WIRE_CLIENT : WIRE_REPLICA,
		.ring_bytes = LOG_RING_MIN, .entries = NODE_ENTRIES_MIN,
	};

	memcpy(h.volume, uuid, RBLK_UUID_LEN);
	snprintf(h.name, RBLK_NAME_MAX, "vol");
	snprintf(h.node, RBLK_NAME_MAX, "%s", from);
	snprintf(h.peer, RBLK_NAME_MAX, "n1");
	return h;
}

static void spoil(struct wire_hello *h, int how)
{
	if (how == OTHER_UUID)
		h->volume[RBLK_UUID_LEN - 1]++;
	if (how == NO_UUID)
		memset(h->volume, 0, RBLK_UUID_LEN);
}

/* The name of the volume says nothing: somebody else may have one of that name. */
static void combination(bool disks, bool configured, bool client, int volume, bool known,
			bool meant)
{
	struct wire_hello h = hello_of(known ? "n2" : "n9", client);
	const struct rblk_peer *p = &node.g.peer[0];
	int want = 0;

	set_up(disks, configured);
	spoil(&h, volume);
	if (!meant)
		snprintf(h.peer, RBLK_NAME_MAX, "n3");
	if (volume)
		want = WIRE_R_VOLUME;
	else if (!known || !meant)
		want = WIRE_R_NODE;
	else if (client != configured)
		want = WIRE_R_ROLE;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), want);
	CHECK_EQ(p->last_reject, want);
	/* Who is refused leaves nothing behind. */
	CHECK_EQ(p->known, !want);
	CHECK_EQ(p->store, want ? 0 : 0xa2);
	CHECK_EQ(p->client, !want && client);
	CHECK(!memcmp(node.g.cfg.super.volume, uuid, RBLK_UUID_LEN));
}

static void t_combinations(void)
{
	int i, volume;

	for (i = 0; i < 32; i++)
		for (volume = 0; volume <= NO_UUID; volume++)
			combination(i & 1, i & 2, i & 4, volume, i & 8, i & 16);
}

/* The volume may have another name there, as long as it is the same one. */
static void t_name_of_volume(void)
{
	struct wire_hello h = hello_of("n2", true);

	set_up(true, true);
	snprintf(h.name, RBLK_NAME_MAX, "elsewhere");
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
}

/* What the volume has decided counts more than a file: a member does not come in as a client. */
static void t_member_is_no_client(void)
{
	struct wire_hello h = hello_of("n2", true);
	struct rblk_conf *c = &node.g.conf;

	set_up(true, true);
	c->index = 1;
	c->n = 2;
	snprintf(c->m[0].node, RBLK_NAME_MAX, "n1");
	c->m[0].store = 0xa1;
	snprintf(c->m[1].node, RBLK_NAME_MAX, "n3");
	c->m[1].store = 0xa3;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
	snprintf(c->m[1].node, RBLK_NAME_MAX, "n2");
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLE);
	/* Nor with the store of one, under a name of its own. */
	snprintf(c->m[1].node, RBLK_NAME_MAX, "n3");
	h.store = 0xa3;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLE);
}

/* Smaller than the configuration says is too small; larger than the own ones is no reason. */
static void t_sizes(void)
{
	const u64 ring = LOG_RING_MIN, entries = NODE_ENTRIES_MIN;
	struct wire_hello h = hello_of("n2", false);

	set_up(true, false);
	node.g.cfg.super.ring_bytes = 4 * ring;
	node.g.cfg.limits.entries = 4 * (u32)entries;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);	/* nothing is agreed on yet */
	/* ... but a bootstrap would agree on the smallest. */
	h.ring_bytes = ring - 1;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_SIZES);
	h.ring_bytes = ring;
	h.entries = entries - 1;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_SIZES);
	node.g.conf.index = 1;
	node.g.conf.n = 1;
	snprintf(node.g.conf.m[0].node, RBLK_NAME_MAX, "n2");
	node.g.conf.m[0].store = 0xa2;
	node.g.conf.ring_bytes = 2 * ring;
	node.g.conf.entries = 2 * (u32)entries;
	h.ring_bytes = 2 * ring;
	h.entries = 2 * entries;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
	h.ring_bytes = 8 * ring;
	h.entries = 8 * entries;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
	h.ring_bytes = 2 * ring - 1;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_SIZES);
	h.ring_bytes = 2 * ring;
	h.entries = 2 * entries - 1;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_SIZES);
}

/* What is learned of a store while its answer is on the way may have overtaken that. */
static void t_answer(void)
{
	struct wire_hello h = hello_of("n2", false);
	struct log_peer_memory *seen = &replica.meta.peer[0];

	set_up(true, false);
	node.g.conf.index = 1;
	node.g.conf.n = 1;
	snprintf(node.g.conf.m[0].node, RBLK_NAME_MAX, "n2");
	node.g.conf.m[0].store = 0xa2;
	replica.meta.npeers = 1;
	*seen = (struct log_peer_memory){ .store = 0xa2, .match = 5 };
	h.match = 5;
	rblk_node_dialled(&node, 0, WIRE_CONSENSUS);
	seen->match = 9;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
	/* That was the answer. Whoever says hello unasked knows all that it said before. */
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLLBACK);
	/* Nor was this one asked, but on the other connection. */
	rblk_node_dialled(&node, 0, WIRE_CONSENSUS);
	seen->match = 10;
	h.match = 9;
	h.channel = WIRE_BULK;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLLBACK);
	h.channel = WIRE_CONSENSUS;
	h.match = 8;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLLBACK);
}

static void t_client_says_so(void)
{
	struct wire_hello h;

	set_up(false, false);
	rblk_node_hello(&node, 0, WIRE_BULK, &h);
	CHECK_EQ(h.role, WIRE_CLIENT);
	CHECK(!memcmp(h.volume, uuid, RBLK_UUID_LEN));
}

/*
 * A member that has lost its replica says so, under the name and with the store that it has, and
 * nothing of its log. Who does not know the members cannot let it in.
 */
static void t_lost(void)
{
	struct wire_hello h = hello_of("n2", false);

	set_up(true, false);
	h.role = WIRE_LOST;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLE);
	node.g.conf.index = 1;
	node.g.conf.n = 1;
	snprintf(node.g.conf.m[0].node, RBLK_NAME_MAX, "n2");
	node.g.conf.m[0].store = 0xa2;
	replica.meta.npeers = 1;
	replica.meta.peer[0] = (struct log_peer_memory){
		.store = 0xa2, .generation = 3, .match = 5, .term = 7,
	};
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
	CHECK(node.g.peer[0].lost && !node.g.peer[0].client);
	h.store = 0xa3;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_STORE);
	h.store = 0xa2;
	h.role = WIRE_REPLICA;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLLBACK);
	h = hello_of("n3", false);
	h.role = WIRE_LOST;
	CHECK_EQ(rblk_node_peer_hello(&node, 1, &h, now), WIRE_R_ROLE);
	node.lost = node.replica;
	node.replica = NULL;
	rblk_node_hello(&node, 0, WIRE_BULK, &h);
	CHECK_EQ(h.role, WIRE_LOST);
}

/* A refused peer is told of as such, unless it was somebody else who was refused. */
static void t_refused_in_status(void)
{
	static struct rblk_node_status st;
	struct wire_hello h = hello_of("n2", true);

	set_up(false, false);
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLE);
	rblk_node_status(&node, &st);
	CHECK_EQ(st.peer[0].last_reject, WIRE_R_ROLE);
	node.g.peer[0].up[WIRE_CONSENSUS] = true;
	node.g.peer[0].up[WIRE_BULK] = true;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_ROLE);
	node.g.peer[0].up[WIRE_BULK] = false;
	rblk_node_status(&node, &st);
	CHECK_EQ(st.peer[0].last_reject, 0);
}

/* A client that does not know its volume is not started. */
static void t_client_needs_uuid(void)
{
	static struct rblk_node_cfg cfg = { .super.store = 7 };

	rblk_node_limits_default(&cfg.limits, 64 << 20, &cfg.super);
	CHECK(rblk_client_size(&cfg));
	CHECK_EQ(rblk_node_start_client(&node, &cfg, 0), -EINVAL);
}

/* ---- whether a start still runs ---- */

static u8 room[WIRE_HEADER_BYTES + WIRE_HEAD_MAX];
static bool full;
static u32 said, noted;

static void *tx_begin(void *host, u32 slot, enum wire_channel ch)
{
	CHECK_EQ(ch, WIRE_CONSENSUS);
	return full ? NULL : room;
}

static void tx_end(void *host, u32 slot, enum wire_channel ch, u32 len, struct rblk_buf *const *buf,
		   u32 n)
{
	said++;
}

static void note(void *host, enum rblk_node_note what, u64 arg)
{
	noted += what == NODE_N_COPIED;
}

static const struct rblk_node_ops alive_ops = {
	.tx_begin = tx_begin, .tx_end = tx_end, .note = note,
};

static void peer_of_start(u64 nonce)
{
	struct rblk_peer *p = &node.g.peer[0];

	node.g.ops = &alive_ops;
	node.g.cfg.boot_nonce = 0xb1;
	p->store = 0xa2;
	p->nonce = p->start[WIRE_CONSENSUS] = p->start[WIRE_BULK] = nonce;
	p->up[WIRE_CONSENSUS] = p->up[WIRE_BULK] = true;
	full = false;
	said = noted = 0;
}

static int hear_alive(u64 to, u64 nonce, u64 id, bool answer)
{
	static struct wire_frame f;

	f = (struct wire_frame){
		.type = WIRE_ALIVE,
		.alive = { .to = to, .nonce = nonce, .id = id, .answer = answer },
	};
	return rblk_node_recv(&node, 0, &f, NULL, now);
}

/* What is asked of this start is answered, as soon as there is room. */
static void t_answers(void)
{
	set_up(false, false);
	peer_of_start(0xc1);
	CHECK_EQ(hear_alive(0xa1, 0xb1, 7, false), 0);
	CHECK_EQ(said, 1);
	CHECK_EQ(hear_alive(0xa1, 0xb2, 7, false), -EINVAL);
	CHECK_EQ(hear_alive(0xa3, 0xb1, 7, false), -EINVAL);
	CHECK_EQ(said, 1);
	full = true;
	CHECK_EQ(hear_alive(0xa1, 0xb1, 8, false), 0);
	CHECK_EQ(said, 1);
	full = false;
	rblk_node_tx_ready(&node, 0, now);
	CHECK_EQ(said, 2);
	node.g.peer[0].tx_blocked = true;
	rblk_node_tx_ready(&node, 0, now);
	CHECK_EQ(said, 2);
}

/* A client has no disks that could be copied, but a name that two machines can have. */
static void t_two_clients(void)
{
	const u64 election = DEFAULT_ELECTION_NS;
	struct wire_hello h = hello_of("n2", true);

	set_up(false, true);
	peer_of_start(0xc1);
	node.g.cfg.limits.default_election_ms = 600;
	h.line[0] = 0xc2;
	/* Whoever cannot be asked now is given time until it can. */
	full = true;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_DUPLICATE);
	now += 2 * election;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_DUPLICATE);
	full = false;
	node.g.peer[0].tx_blocked = false;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_DUPLICATE);
	CHECK_EQ(said, 1);
	now += election - 1;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_DUPLICATE);
	CHECK_EQ(said, 1);
	CHECK_EQ(hear_alive(0xa1, 0xc2, node.g.peer[0].rival.question, true), 0);
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_DUPLICATE);
	CHECK_EQ(hear_alive(0xa1, 0xc1, node.g.peer[0].rival.question, true), 0);
	now += 2 * election;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_COPY);
	CHECK_EQ(noted, 1);
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_COPY);
	CHECK_EQ(noted, 1);
	CHECK_EQ(node.g.peer[0].nonce, 0xc1);
	/* The one that is connected may connect once more. */
	h.line[0] = 0xc1;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
	CHECK(!rblk_node_outlived(&node, 0, WIRE_BULK));
}

/* Half of it is gone already: nobody can be asked. The other half goes with it. */
static void t_half_gone(void)
{
	const u64 election = DEFAULT_ELECTION_NS;
	struct wire_hello h = hello_of("n2", true);

	set_up(false, true);
	peer_of_start(0xc1);
	node.g.cfg.limits.default_election_ms = 600;
	node.g.peer[0].up[WIRE_BULK] = false;
	h.line[0] = 0xc2;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_DUPLICATE);
	CHECK_EQ(said, 0);
	now += election;
	h.channel = WIRE_BULK;
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), WIRE_R_DUPLICATE);
	CHECK_EQ(rblk_node_peer_hello(&node, 0, &h, now), 0);
	CHECK(rblk_node_outlived(&node, 0, WIRE_CONSENSUS));
	CHECK(!rblk_node_outlived(&node, 0, WIRE_BULK));
}

static const struct tap_case cases[] = {
	{ "combinations", t_combinations },
	{ "name_of_volume", t_name_of_volume },
	{ "member_is_no_client", t_member_is_no_client },
	{ "sizes", t_sizes },
	{ "answer", t_answer },
	{ "client_says_so", t_client_says_so },
	{ "lost", t_lost },
	{ "refused_in_status", t_refused_in_status },
	{ "answers", t_answers },
	{ "two_clients", t_two_clients },
	{ "half_gone", t_half_gone },
	{ "client_needs_uuid", t_client_needs_uuid },
};

TAP_MAIN(cases)
