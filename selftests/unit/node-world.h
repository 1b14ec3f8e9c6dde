/* SPDX-License-Identifier: GPL-2.0 */
/* Small worlds of members, and what cases do in them. */
#ifndef NODE_WORLD_H
#define NODE_WORLD_H

#include "tap.h"
#include "node-host.h"

static void end_world(void)
{
	int i;

	while (nlag)
		free_frame(lag[--nlag].f);
	for (i = 0; i < nnodes; i++) {
		if (node[i].m)
			stop_node(&node[i]);
		free(node[i].log);
		free(node[i].data);
		free(node[i].pages);
		free(node[i].scratch);
	}
	nnodes = 0;
}

/* Fresh nodes, connected, blank. */
static void world(int n)
{
	static int once;
	int i;

	if (!once++)
		atexit(end_world);
	end_world();
	memset(req, 0, sizeof(req));
	arrives = NULL;
	nissued = 0;
	serve_max = nserving = nrefused = 0;
	latency_ms = 0;
	hold_served = false;
	hold_own = -1;
	nheld_read = 0;
	parts_most = 0;
	nnodes = n;
	for (i = 0; i < n; i++) {
		format_node(&node[i], i);
		CHECK_EQ(start_node(&node[i]), 0);
	}
	connect_all();
	run_ms(5);
}

static void bootstrapped(int n)
{
	static struct rblk_conf conf;
	u32 slot;

	world(n);
	CHECK_EQ(rblk_node_bootstrap_conf(node[0].m, "10.0.0.1:7800", 0, 4711, &conf, &slot), 0);
	conf.flags = shared ? RBLK_CONF_SHARED : 0;
	CHECK_EQ(rblk_node_bootstrap(node[0].m, &conf, &slot), 0);
	cuts = 0;
	run_ms(3000);
	CHECK(leader() >= 0);
	CHECK_EQ(cuts, 0);
}

/* Asks node @n for the session, and waits for the answer for up to @ms. */
static int open_on(int n, bool force, int ms)
{
	int r = new_req(), ret = rblk_node_open(node[n].m, force, r);

	if (ret) {
		req[r].used = false;
		return ret;
	}
	while (ms-- > 0 && !req[r].done)
		run_ms(1);
	return end_req(r);
}

static void opened(int n)
{
	int l, r;

	bootstrapped(n);
	l = leader();
	r = new_req();
	CHECK_EQ(rblk_node_open(node[l].m, false, r), 0);
	run_ms(10);
	CHECK_EQ(end_req(r), 0);
	CHECK_EQ(rblk_node_session(node[l].m), NODE_S_HELD);
}

/* Writes on @n and waits for the end of it. */
static int write_on(int n, u64 sector, u8 fill, int ms)
{
	int r = do_write(n, sector, 8, fill);

	if (r < 0)
		return r;
	while (ms-- > 0 && !req[r].done)
		run_ms(1);
	return end_req(r);
}

/* The first byte of a sector as @n reads it; -1: no answer, or an error. */
static int read_on(int n, u64 sector)
{
	int r = do_read(n, sector, 8), e;

	if (r < 0)
		return -1;
	run_ms(500);
	e = end_req(r);
	return e ? -1 : req[r].data[0];
}

static void write_some(int n, int count)
{
	int r, i;

	for (i = 0; i < count; i++) {
		r = do_write(n, i % 128 * 8, 8, i);
		CHECK(r >= 0);
		run_ms(1);
		CHECK_EQ(end_req(r), 0);
	}
}

/* @p is down until the log of the leader @l no longer reaches back to it. */
static void outlived(int *l, int *p, int *o)
{
	opened(3);
	*l = leader();
	*p = (*l + 1) % 3;
	*o = (*l + 2) % 3;
	stop_node(&node[*p]);
	write_some(*l, 1500);
	run_ms(2000);
}

/* And it comes back; leadership follows nobody. */
static void left_behind(int *l, int *p, int *o)
{
	follow_ms = 1000000000;
	outlived(l, p, o);
	CHECK_EQ(start_node(&node[*p]), 0);
	connect_all();
	run_ms(1000);
	follow_ms = 0;
}

/* The devices are done, see hold_served and hold_own. */
static void end_held(void)
{
	int i, n = nheld_read;

	nheld_read = 0;
	for (i = 0; i < n; i++)
		read_done(held_read[i]);
}

static void same_digests(void)
{
	struct rblk_node_status a, b;
	int i;

	rblk_node_status(node[0].m, &a);
	for (i = 1; i < nnodes; i++) {
		rblk_node_status(node[i].m, &b);
		CHECK_EQ(a.executed_index, b.executed_index);
		CHECK_EQ(a.digest, b.digest);
		CHECK(!memcmp(node[0].data + DATA_HEADER_BYTES, node[i].data + DATA_HEADER_BYTES,
			      DATA_DEV - DATA_HEADER_BYTES));
	}
}

#endif
