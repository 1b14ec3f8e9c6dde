// SPDX-License-Identifier: GPL-2.0
/* Peers: who is connected, who they say they are, what they send. */
#include "internal.h"

/**
 * rblk_node_peer_of() - the peer that has a store
 * @m: member
 * @store: identity, 0 never matches
 * @slot: where to put its slot, may be NULL
 *
 * Return: the peer, or NULL: no node with that store has said hello.
 */
struct rblk_node_peer *rblk_node_peer_of(struct rblk_node *m, u64 store, u32 *slot)
{
	u32 i;

	for (i = 0; i < m->npeers; i++) {
		if (!store || m->peer[i].store != store)
			continue;
		if (slot)
			*slot = i;
		return &m->peer[i];
	}
	return NULL;
}

/**
 * rblk_node_peer_slot() - the slot of a node
 * @m: member
 * @node: its name
 *
 * Return: the slot, or -ENOENT.
 */
int rblk_node_peer_slot(const struct rblk_node *m, const char *node)
{
	u32 i;

	for (i = 0; i < m->npeers; i++)
		if (!strcmp(m->cfg.peer[i].node, node))
			return i;
	return -ENOENT;
}

/**
 * rblk_node_hello() - what this member says first
 * @m: member
 * @slot: to whom
 * @ch: on which connection
 * @h: filled
 */
void rblk_node_hello(const struct rblk_node *m, u32 slot, enum wire_channel ch,
		     struct wire_hello *h)
{
	memset(h, 0, sizeof(*h));
	h->version_min = WIRE_VERSION;
	h->version_max = WIRE_VERSION;
	memcpy(h->volume, m->cfg.super.volume, RBLK_UUID_LEN);
	h->cluster = m->conf.cluster;
	h->store = m->cfg.super.store;
	h->generation = m->meta.generation;
	h->match = m->rst.durable;
	h->match_term = m->diskless ? 0 : rblk_raft_term_at(m->raft, m->rst.durable);
	h->data_sectors = m->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT;
	h->ring_bytes = m->cfg.super.ring_bytes;
	h->entries = m->cfg.limits.entries;
	h->channel = ch;
	h->bootstrapped = m->conf.index != 0;
	h->client = m->diskless;
	memcpy(h->name, m->cfg.super.volume_name, sizeof(h->name));
	memcpy(h->node, m->cfg.node, sizeof(h->node));
	memcpy(h->peer, m->cfg.peer[slot].node, sizeof(h->peer));
}

static const struct rblk_member *conf_member(const struct rblk_conf *c, u64 store)
{
	u32 i;

	for (i = 0; i < c->n; i++)
		if (c->m[i].store == store)
			return &c->m[i];
	return NULL;
}

static struct log_peer_memory *peer_memory(struct rblk_node *m, u64 store, bool create)
{
	struct log_meta *meta = &m->meta;
	u32 i;

	for (i = 0; i < meta->npeers; i++)
		if (meta->peer[i].store == store)
			return &meta->peer[i];
	if (!create || meta->npeers == RBLK_MEMBERS_MAX)
		return NULL;
	meta->peer[meta->npeers].store = store;
	meta->peer[meta->npeers].generation = 0;
	meta->peer[meta->npeers].match = 0;
	return &meta->peer[meta->npeers++];
}

/**
 * rblk_replica_remember() - what each peer was seen to have becomes part of the metadata
 * @m: member; only a leader has seen anything
 *
 * The newest durable index that each acknowledged. Only what is committed counts:
 * an acknowledged tail may still be overruled, rightly. To be called before it is
 * asked for, before it is written, and before a leader forgets it.
 */
void rblk_replica_remember(struct rblk_node *m)
{
	u32 i;

	if (!rblk_replica_leads(m))
		return;
	for (i = 0; i < m->rst.npeers; i++) {
		u64 match = min_t(u64, m->rst.peer[i].match, m->commit);
		struct log_peer_memory *mem;

		if (m->rst.peer[i].store == m->cfg.super.store)
			continue;
		mem = peer_memory(m, m->rst.peer[i].store, true);
		if (mem && mem->match < match)
			mem->match = match;
	}
}

/* Is this store older than what we have seen of it (a restored image, a lost cache)? */
static bool rolled_back(struct rblk_node *m, const struct wire_hello *h)
{
	const struct log_peer_memory *mem;

	rblk_replica_remember(m);
	mem = peer_memory(m, h->store, false);
	return mem && (h->generation < mem->generation || h->match < mem->match);
}

static bool uuid_known(const struct rblk_node *m)
{
	static const u8 none[RBLK_UUID_LEN];

	return memcmp(m->cfg.super.volume, none, RBLK_UUID_LEN);
}

/* A client learns the uuid of the volume from the first member that it meets. */
static bool same_volume(const struct rblk_node *m, const struct wire_hello *h)
{
	if (h->client || !uuid_known(m))
		return !strcmp(h->name, m->cfg.super.volume_name);
	return !memcmp(h->volume, m->cfg.super.volume, RBLK_UUID_LEN);
}

/* Neither a member nor a store: what could be wrong with it is in its name. */
static u8 judge_client(const struct rblk_node *m, const struct wire_hello *h)
{
	return conf_member(&m->conf, h->store) ? WIRE_R_STORE : 0;
}

static u8 judge_hello(struct rblk_node *m, u32 slot, const struct wire_hello *h)
{
	const struct rblk_member *lm;

	if (h->version_min > WIRE_VERSION || h->version_max < WIRE_VERSION || h->features)
		return WIRE_R_VERSION;
	if (!same_volume(m, h))
		return WIRE_R_VOLUME;
	if (strcmp(h->node, m->cfg.peer[slot].node) || strcmp(h->peer, m->cfg.node))
		return WIRE_R_NODE;
	if (!h->store || h->store == m->cfg.super.store)
		return WIRE_R_DUPLICATE;
	if (m->conf.cluster && h->cluster && m->conf.cluster != h->cluster)
		return WIRE_R_CLUSTER;
	if (h->client)
		return judge_client(m, h);
	if (m->diskless)
		return 0;
	lm = conf_member(&m->conf, h->store);
	if (m->conf.index && !lm)
		return WIRE_R_STORE;
	if (lm && strcmp(lm->node, h->node))
		return WIRE_R_NODE;
	if (rolled_back(m, h))
		return WIRE_R_ROLLBACK;
	/*
	 * What a leader may have uncommitted is bounded by its own ring and table.
	 * A smaller one would be full of it before the entry that commits it.
	 */
	if (h->ring_bytes != m->cfg.super.ring_bytes || h->entries != m->cfg.limits.entries)
		return WIRE_R_SIZES;
	return 0;
}

/**
 * rblk_node_peer_hello() - a peer has introduced itself
 * @m: member
 * @slot: the peer that the connection is for
 * @h: decoded
 *
 * Return: 0, or the enum wire_reason to refuse the connection with.
 */
int rblk_node_peer_hello(struct rblk_node *m, u32 slot, const struct wire_hello *h)
{
	struct rblk_node_peer *p = &m->peer[slot];
	struct log_peer_memory *mem;
	u8 reason = judge_hello(m, slot, h);

	p->last_reject = reason;
	if (reason)
		return reason;
	if (p->store && p->store != h->store && (p->up[0] || p->up[1]))
		return WIRE_R_DUPLICATE;
	p->known = true;
	p->client = h->client;
	if (!uuid_known(m))
		memcpy(m->cfg.super.volume, h->volume, RBLK_UUID_LEN);
	p->store = h->store;
	p->generation = h->generation;
	p->match = h->match;
	p->data_sectors = h->data_sectors;
	p->bootstrapped = h->bootstrapped;
	if (conf_member(&m->conf, h->store)) {
		mem = peer_memory(m, h->store, true);
		if (mem && mem->generation < h->generation)
			mem->generation = h->generation;
	}
	return 0;
}

/**
 * rblk_node_peer_up() - a connection is usable
 * @m: member
 * @slot: peer
 * @ch: which of its connections
 * @now: ns
 */
void rblk_node_peer_up(struct rblk_node *m, u32 slot, enum wire_channel ch, u64 now)
{
	struct rblk_node_peer *p = &m->peer[slot];

	m->now = now;
	p->up[ch] = true;
	if (!rblk_node_connected(p))
		return;
	p->tx_blocked = false;
	m->served[slot].keepalive = 0;	/* it may have started again, and its keepalives with it */
	m->served[slot].spoke = false;
	if (p->store == m->client.leader)
		rblk_client_restart(m);
	rblk_replica_step_store(m, RAFT_EV_REACHABLE, p->store);
	rblk_node_note(m, NODE_N_PEER, slot);
}

/**
 * rblk_node_peer_down() - a connection is gone, with whatever was in flight on it
 * @m: member
 * @slot: peer
 * @ch: which of its connections
 * @now: ns
 */
void rblk_node_peer_down(struct rblk_node *m, u32 slot, enum wire_channel ch, u64 now)
{
	struct rblk_node_peer *p = &m->peer[slot];
	bool was = rblk_node_connected(p);

	m->now = now;
	p->up[ch] = false;
	if (!was)
		return;
	rblk_replica_readback_forget(m, p);
	p->lost = false;
	rblk_replica_step_store(m, RAFT_EV_UNREACHABLE, p->store);
	rblk_node_note(m, NODE_N_PEER, slot);
}

/**
 * rblk_node_tx_ready() - frames can be queued to a peer again
 * @m: member
 * @slot: peer
 * @now: ns
 */
void rblk_node_tx_ready(struct rblk_node *m, u32 slot, u64 now)
{
	struct rblk_node_peer *p = &m->peer[slot];

	m->now = now;
	if (!p->tx_blocked)
		return;
	p->tx_blocked = false;
	rblk_replica_step_store(m, RAFT_EV_REACHABLE, p->store);
}

static void put_received(struct rblk_node *m, struct rblk_buf **buf, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		if (buf[i])
			m->ops->buf_put(m->host, buf[i]);
		buf[i] = NULL;
	}
}

/*
 * Who was blank when it said hello never campaigns or leads, unless it was
 * bootstrapped since: maybe by somebody else than we were. Only a new hello tells,
 * and terms and indexes of the two first entries are the same.
 */
static bool unheard_cluster(const struct rblk_node *m, const struct rblk_node_peer *p, u8 type)
{
	return m->conf.index && !p->bootstrapped &&
	       (type == RAFT_MSG_PREVOTE || type == RAFT_MSG_VOTE || type == RAFT_MSG_APPEND);
}

/* A configuration in the message: decode it before raft sees the entry. */
static int receive_conf(struct rblk_node *m, struct raft_msg *msg, const struct wire_append *a,
			struct rblk_buf **buf)
{
	if (a->n != 1 || a->e[0].kind != RBLK_E_CONF)
		return 0;
	if (rblk_log_conf_decode(&m->rx_conf, m->ops->buf_data(m->host, buf[0])))
		return -EINVAL;
	if (m->rx_conf.sectors > m->cfg.super.data_bytes >> RBLK_SECTOR_SHIFT ||
	    m->rx_conf.block_size != m->cfg.super.block_size)
		return -EINVAL;
	m->rx_conf.index = a->e[0].index;
	rblk_node_raft_conf(&m->rx_conf, &m->raft_conf);
	m->raft_conf.index = a->e[0].index;
	msg->ents.conf = &m->raft_conf;
	return 0;
}

static int recv_raft(struct rblk_node *m, u32 slot, struct raft_msg *msg,
		     const struct wire_append *a, struct rblk_buf **buf)
{
	struct raft_event ev = { .type = RAFT_EV_MSG, .now = m->now, .msg = msg };
	struct rblk_node_peer *p = &m->peer[slot];
	bool blank = !m->conf.index;
	int ret;

	if (msg->from != p->store || msg->to != m->cfg.super.store)
		return -EINVAL;
	if (unheard_cluster(m, p, msg->type))
		return -ECONNRESET;
	if (a->n) {
		/*
		 * No room: as good as lost on the way, raft sends it again. Some
		 * is left for the no-op, should this node have to lead next.
		 */
		if (msg->ents.last > m->base.index + m->mask + 1 - NODE_LEAD_RESERVE)
			return 0;
		ret = receive_conf(m, msg, a, buf);
		if (ret)
			return ret;
		m->rx = a;
		m->rx_buf = buf;
		m->rx_first = msg->ents.first;
	}
	rblk_node_trace(m, NODE_T_RECV, a->n ? msg->ents.last : 0, msg->type | (u64)slot << 8);
	ret = rblk_replica_step(m, &ev);
	m->rx = NULL;
	if (ret == -EINVAL)
		return ret;
	/* It gave us our configuration, or took ours. */
	if ((blank && m->conf.index) ||
	    (msg->type == RAFT_MSG_APPEND_REPLY && !msg->reject && msg->prev.index))
		p->bootstrapped = true;
	return 0;
}

/**
 * rblk_node_recv() - a frame of a peer
 * @m: member
 * @slot: whose connection it came on
 * @f: decoded; the configuration pointer of a raft message is set here
 * @buf: payload of entry i, NULL for none; all references are taken over
 * @now: ns
 *
 * Return: 0; -EINVAL: hostile or absurd, the connection should be cut;
 * -ECONNRESET: it should be, too, but for a new hello only.
 */
int rblk_node_recv(struct rblk_node *m, u32 slot, struct wire_frame *f, struct rblk_buf **buf,
		   u64 now)
{
	int ret = 0;

	m->now = now;
	if (!m->started || m->bootstrapping || m->halt != NODE_RUNNING)
		goto out;
	switch (f->type) {
	case WIRE_RAFT:
		if (m->diskless || m->peer[slot].client)
			ret = -EINVAL;
		else
			ret = recv_raft(m, slot, &f->raft, &f->append, buf);
		break;
	case WIRE_SUBMIT:
		ret = rblk_server_submit(m, slot, &f->submit, &f->append, buf);
		break;
	case WIRE_REPLY:
		ret = rblk_client_reply(m, slot, &f->reply);
		break;
	case WIRE_READ:
		ret = rblk_server_read(m, slot, &f->read);
		break;
	case WIRE_DATA:
		ret = rblk_remote_data(m, slot, &f->data, &f->append, buf);
		break;
	default:
		ret = -EINVAL;
	}
	/* Its keepalives may be held up behind payload that there is no memory for. */
	if (m->served[slot].spoke)
		m->served[slot].last_contact = now;
out:
	put_received(m, buf, f->append.n);
	return ret;
}
