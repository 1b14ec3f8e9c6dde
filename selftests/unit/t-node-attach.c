// SPDX-License-Identifier: GPL-2.0
/*
 * What a node that has lost its replica is not given back: anything but the store that it had. What
 * becomes of it when it is given that is told by the stories attach*.txt.
 */
#include "node/internal.h"
#include "node/replica/internal.h"
#include "tap.h"

static struct rblk_node node, from;
static struct rblk_replica lost, next;

static void give_conf(struct rblk_node *n)
{
	struct rblk_node_cfg *cfg = &n->g.cfg;

	memset(cfg->super.volume, 7, RBLK_UUID_LEN);
	cfg->super.store = 0xa1;
	cfg->npeers = n->g.npeers = 2;
	cfg->limits.window = 64;
	cfg->limits.reads = 256;
	n->g.conf.index = 1;
	n->g.conf.cluster = 0xc1;
}

static void set_up(void)
{
	memset(&node, 0, sizeof(node));
	memset(&from, 0, sizeof(from));
	memset(&lost, 0, sizeof(lost));
	memset(&next, 0, sizeof(next));
	give_conf(&node);
	give_conf(&from);
	lost.g = &node.g;
	lost.reads = &node.reads;
	lost.rst.owed = (struct rblk_id){ .index = 9, .term = 2 };
	lost.term_durable = 2;
	lost.started = true;
	node.lost = &lost;
	node.lost_why = NODE_HALT_DATA;
	node.g.cfg.boot_nonce = 0xb1;
	next.g = &from.g;
	next.reads = &from.reads;
	next.rst.owed = lost.rst.owed;
	next.term_durable = 2;
	next.meta.line[0] = 0xb2;
	next.meta.line[1] = 0xb1;
	from.replica = &next;
	from.g.cfg.boot_nonce = 0xb2;
}

/* It is refused, and nothing has changed. */
#define REFUSED(error, change)							\
	do {									\
		set_up();							\
		change;								\
		CHECK_EQ(rblk_node_attach(&node, &from, 5), error);		\
		CHECK(node.lost == &lost && !node.replica);			\
		CHECK(from.replica == &next && next.g == &from.g);		\
		CHECK_EQ(node.lost_why, NODE_HALT_DATA);			\
		CHECK_EQ(node.g.cfg.boot_nonce, 0xb1);				\
	} while (0)

static void t_other_store(void)
{
	REFUSED(-EINVAL, from.g.cfg.super.store++);
	REFUSED(-EINVAL, from.g.cfg.super.volume[3]++);
	REFUSED(-EINVAL, from.g.conf.index = 0);
	REFUSED(-EINVAL, from.g.conf.cluster++);
	REFUSED(-EINVAL, from.g.cfg.npeers--);
	REFUSED(-EINVAL, from.g.cfg.limits.window *= 2);
	REFUSED(-EINVAL, from.g.cfg.limits.reads++);
	REFUSED(-EUCLEAN, from.g.halt = NODE_HALT_INVARIANT);
}

static void t_set_back(void)
{
	REFUSED(-ESTALE, next.meta.line[1]++);
	REFUSED(-ESTALE, next.term_durable--);
	REFUSED(-ESTALE, next.rst.owed.index--);
}

static void t_busy(void)
{
	enum rblk_io io;

	for (io = 0; io < RBLK_IO_NR; io++)
		REFUSED(-EBUSY, lost.watch[io].busy = 1);
}

static void t_not_now(void)
{
	set_up();
	CHECK_EQ(rblk_node_may_attach(&node), 0);
	node.g.halt = NODE_HALT_INVARIANT;
	CHECK_EQ(rblk_node_may_attach(&node), -ESHUTDOWN);
	set_up();
	node.lost = NULL;
	CHECK_EQ(rblk_node_may_attach(&node), -EOPNOTSUPP);
	node.replica = &next;
	CHECK_EQ(rblk_node_may_attach(&node), -EEXIST);
}

static const struct tap_case cases[] = {
	{ "other_store", t_other_store },
	{ "set_back", t_set_back },
	{ "busy", t_busy },
	{ "not_now", t_not_now },
};

TAP_MAIN(cases)
