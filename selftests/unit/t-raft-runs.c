// SPDX-License-Identifier: GPL-2.0
/* The runs of the log's terms, against a plain array. */
#include "raft-net.h"

#define MODEL 200

static struct raft_runs runs;
static u64 model[MODEL];	/* term by index */
static u64 m_snap, m_last;

static void runs_equal(void)
{
	u64 i, k;

	CHECK(rblk_raft_runs_ok(&runs));
	CHECK_EQ(runs.snap.index, m_snap);
	CHECK_EQ(runs.last, m_last);
	CHECK_EQ(rblk_raft_runs_term(&runs, m_last + 1), 0);
	if (m_snap)
		CHECK_EQ(rblk_raft_runs_term(&runs, m_snap - 1), 0);
	for (i = m_snap; i <= m_last; i++) {
		CHECK_EQ(rblk_raft_runs_term(&runs, i), model[i]);
		for (k = i; k > m_snap && model[k - 1] == model[i]; k--)
			;
		CHECK_EQ(rblk_raft_run_first(&runs, i), k);
		for (k = i; k < m_last && model[k + 1] == model[i]; k++)
			;
		if (i > m_snap)
			CHECK_EQ(rblk_raft_run_last(&runs, i), k);
	}
}

static void runs_questions(void)
{
	struct raft_span s;
	u64 i = m_snap + net_rand(m_last - m_snap + 1), term = net_rand(model[m_last] + 3), k;

	for (k = i; k > m_snap && model[k] > term; k--)
		;
	CHECK_EQ(rblk_raft_runs_at_most(&runs, i, term), k);
	s.first = 1 + net_rand(m_last + 3);
	s.last = s.first + net_rand(10);
	s.term = 1 + net_rand(model[m_last] + 2);
	for (k = s.first; k <= s.last; k++)
		if (k > m_snap && (k > m_last || model[k] != s.term))
			break;
	CHECK_EQ(rblk_raft_runs_differs(&runs, &s), k);
}

static void runs_as_array(void)
{
	u64 step, n, i;

	net.rng = 77;
	memset(&runs, 0, sizeof(runs));
	m_snap = m_last = 0;
	model[0] = 0;
	for (step = 0; step < 20000; step++) {
		n = 1 + net_rand(5);
		switch (net_rand(4)) {
		case 0:
		case 1:
			if (m_last + n >= MODEL)
				break;
			i = model[m_last] + net_rand(3);
			CHECK_EQ(rblk_raft_runs_append(&runs, m_last + n, i), i > 0);
			while (i && n--)
				model[++m_last] = i;
			break;
		case 2:
			i = m_snap + 1 + net_rand(m_last - m_snap + 1);
			if (i > m_last || net_rand(3))
				break;
			rblk_raft_runs_truncate(&runs, i);
			m_last = i - 1;
			break;
		case 3:
			if (m_last == m_snap || net_rand(3))
				break;
			m_snap += 1 + net_rand(m_last - m_snap);
			rblk_raft_runs_compact(&runs, m_snap);
		}
		runs_equal();
		runs_questions();
		if (m_last + 8 >= MODEL) {
			memset(&runs, 0, sizeof(runs));
			m_snap = m_last = 0;
		}
	}
}

static void runs_refuses(void)
{
	u64 i;

	memset(&runs, 0, sizeof(runs));
	CHECK(!rblk_raft_runs_append(&runs, 0, 1));
	CHECK(!rblk_raft_runs_append(&runs, 1, 0));
	CHECK(!rblk_raft_runs_append(&runs, RAFT_NUM_MAX, 1));
	for (i = 1; i <= RAFT_RUNS_MAX; i++) {
		CHECK(rblk_raft_runs_fits(&runs, i, i, 0));
		CHECK_EQ(rblk_raft_runs_fits(&runs, i, i, 2), i + 2 <= RAFT_RUNS_MAX);
		CHECK(rblk_raft_runs_append(&runs, i, i));
	}
	CHECK(!rblk_raft_runs_fits(&runs, i, i, 0));
	CHECK(rblk_raft_runs_fits(&runs, i, i - 1, 0));
	CHECK(!rblk_raft_runs_append(&runs, i, i));
	CHECK(!rblk_raft_runs_append(&runs, i, i - 2));
	CHECK(rblk_raft_runs_append(&runs, i, i - 1));
	/* A cut makes room. */
	CHECK(rblk_raft_runs_fits(&runs, i - 1, i, 0));
	CHECK(rblk_raft_runs_ok(&runs));
}

/* Damage, which the audit has to notice, and recovery to refuse. */
static void runs_damaged(void)
{
	struct raft_runs good, t;

	memset(&good, 0, sizeof(good));
	CHECK(rblk_raft_runs_append(&good, 3, 5));
	CHECK(!rblk_raft_runs_append(&good, 4, 4));
	CHECK(rblk_raft_runs_append(&good, 7, 6));
	CHECK(rblk_raft_runs_ok(&good));
	t = good;
	t.run[0].term = 0;
	CHECK(!rblk_raft_runs_ok(&t));
	t = good;
	t.run[1].index = 3;
	t.last = 3;
	CHECK(!rblk_raft_runs_ok(&t));
	t = good;
	t.run[1].term = RAFT_NUM_MAX;
	CHECK(!rblk_raft_runs_ok(&t));
	t = good;
	t.run[1].index = RAFT_NUM_MAX;
	t.last = RAFT_NUM_MAX;
	CHECK(!rblk_raft_runs_ok(&t));
}

static const struct tap_case cases[] = {
	{ "runs_as_array", runs_as_array },
	{ "runs_refuses", runs_refuses },
	{ "runs_damaged", runs_damaged },
};

TAP_MAIN(cases)
