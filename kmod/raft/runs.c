// SPDX-License-Identifier: GPL-2.0
/*
 * The term of every index of the live log, as runs of entries of one term. This is
 * all of the log that consensus needs; the payload is the caller's.
 *
 *   snap (2,10)   run 0: {2, 14}     run 1: {5, 15}   run 2: {7, 20}
 *                 11 12 13 14        15               16 .. 20
 */
#include "internal.h"

/* Number of the run that holds @index, which is in (snap, last]. */
static u32 runs_run(const struct raft_runs *t, u64 index)
{
	u32 lo = 0, hi = t->n;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->run[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static u64 run_first(const struct raft_runs *t, u32 i)
{
	return (i ? t->run[i - 1].index : t->snap.index) + 1;
}

/*
 * Takes over the runs that recovery found. Returns -EINVAL if they contradict
 * each other.
 */
int rblk_raft_runs_init(struct raft_runs *t, const struct raft_boot *boot)
{
	if (boot->nruns > RAFT_RUNS_MAX || (boot->nruns && !boot->runs))
		return -EINVAL;
	t->snap = boot->snap;
	t->last = boot->last.index;
	t->n = boot->nruns;
	if (t->n)
		memcpy(t->run, boot->runs, t->n * sizeof(t->run[0]));
	if (!rblk_raft_runs_ok(t) || rblk_raft_runs_term(t, t->last) != boot->last.term)
		return -EINVAL;
	return 0;
}

/* Whether the runs ascend and end at the last entry. */
bool rblk_raft_runs_ok(const struct raft_runs *t)
{
	u64 term = t->snap.term, index = t->snap.index;
	u32 i;

	if (!index != !term || t->n > RAFT_RUNS_MAX)
		return false;
	for (i = 0; i < t->n; i++) {
		/* Only the first run may continue the term of snap. */
		if (t->run[i].index <= index || t->run[i].term < term + !!i ||
		    !t->run[i].term)
			return false;
		term = t->run[i].term;
		index = t->run[i].index;
	}
	return t->last == index && index < RAFT_NUM_MAX && term < RAFT_NUM_MAX;
}

/* The term of an entry; 0 if it is neither in the log nor snap itself. */
u64 rblk_raft_runs_term(const struct raft_runs *t, u64 index)
{
	if (index == t->snap.index)
		return t->snap.term;
	if (index < t->snap.index || index > t->last)
		return 0;
	return t->run[runs_run(t, index)].term;
}

/*
 * The oldest known entry that has the term of @index, which is in [snap, last].
 * Never below snap.
 */
u64 rblk_raft_run_first(const struct raft_runs *t, u64 index)
{
	u32 i;

	if (index <= t->snap.index)
		return t->snap.index;
	i = runs_run(t, index);
	if (!i && t->run[0].term == t->snap.term)
		return t->snap.index;
	return run_first(t, i);
}

/* The newest entry that has the term of @index, which is in (snap, last]. */
u64 rblk_raft_run_last(const struct raft_runs *t, u64 index)
{
	return t->run[runs_run(t, index)].index;
}

/*
 * The newest entry, not above @index, whose term is at most @term; snap if no
 * entry of the log qualifies. @index is in [snap, last]. Terms grow along a
 * log, so a log that ends with @term can share nothing newer.
 */
u64 rblk_raft_runs_at_most(const struct raft_runs *t, u64 index, u64 term)
{
	u32 i;

	i = runs_run(t, index);
	while (t->run[i].term > term) {
		index = run_first(t, i) - 1;
		if (!i--)
			break;
	}
	return index;
}

/*
 * Where a span stops being what the log already has: its first index that is
 * absent or has another term, or an index after it if there is none. The span
 * follows an entry that matches. What snap covers is equal.
 */
u64 rblk_raft_runs_differs(const struct raft_runs *t, const struct raft_span *s)
{
	u64 i = max_t(u64, s->first, t->snap.index + 1);
	u32 k;

	for (k = runs_run(t, i); k < t->n && i <= s->last; k++) {
		if (t->run[k].term != s->term)
			return i;
		i = t->run[k].index + 1;
	}
	return min_t(u64, i, s->last + 1);
}

/*
 * Whether rblk_raft_runs_append() could add an entry of @term at @first, the
 * log being cut there, and leave @reserve runs free.
 */
bool rblk_raft_runs_fits(const struct raft_runs *t, u64 first, u64 term, u32 reserve)
{
	u32 n = t->n;

	while (n && run_first(t, n - 1) >= first)
		n--;
	if (n && t->run[n - 1].term == term)
		return true;
	return n + 1 + reserve <= RAFT_RUNS_MAX;
}

/*
 * Adds entries up to @last, of a term that is not below that of the newest
 * entry. Returns false, with nothing changed, if no run is free or this would
 * break the order.
 */
bool rblk_raft_runs_append(struct raft_runs *t, u64 last, u64 term)
{
	u64 end = rblk_raft_runs_term(t, t->last);

	if (last <= t->last || last >= RAFT_NUM_MAX || !term || term < end)
		return false;
	if (!t->n || term != end) {
		if (t->n == RAFT_RUNS_MAX)
			return false;
		t->run[t->n++].term = term;
	}
	t->run[t->n - 1].index = last;
	t->last = last;
	return true;
}

/* Forgets the entries from @first on, which is above snap. */
void rblk_raft_runs_truncate(struct raft_runs *t, u64 first)
{
	while (t->n && run_first(t, t->n - 1) >= first)
		t->n--;
	if (t->n)
		t->run[t->n - 1].index = min_t(u64, t->run[t->n - 1].index, first - 1);
	t->last = t->n ? t->run[t->n - 1].index : t->snap.index;
}

/* Forgets the entries up to @index, which is in (snap, last]. */
void rblk_raft_runs_compact(struct raft_runs *t, u64 index)
{
	u32 i = runs_run(t, index);

	t->snap.term = t->run[i].term;
	t->snap.index = index;
	if (t->run[i].index == index)
		i++;
	t->n -= i;
	memmove(t->run, t->run + i, t->n * sizeof(t->run[0]));
}
