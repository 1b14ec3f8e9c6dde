// SPDX-License-Identifier: GPL-2.0
/* rblk_vol_check() must notice each kind of damage. */
#include "vol-world.h"
#include "volume/internal.h"

static struct world w;

/*
 * Entries: 1 open, 2-4 writes of one block (4 also of the next), 5 zeroes,
 * 6 write elsewhere. A batch up to 3 is planned.
 */
static void start(void)
{
	w_start(&w, 2041, 512, 64, 4, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 8)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 2, 3)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 4, 6)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_ZEROES, 100, 50)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 800, 8)));
	CHECK(w_plan(&w, 3));
	CHECK_EQ(rblk_vol_check(w.v), 0);
}

#define DAMAGE(name, what)						\
	static void damage_##name(void)					\
	{								\
		start();						\
		tap_expect_asserts();					\
		what;							\
		CHECK_EQ(rblk_vol_check(w.v), -EUCLEAN);			\
		CHECK(tap_asserts() > 0);				\
		w_stop(&w);						\
	}

/* Shared: 1 and 2 open by stores 1 and 2, 3 a write of 2's; nothing applied. */
static void start_shared(void)
{
	struct rblk_state zero = { 0 };

	w_start(&w, 2041, 512, 64, 4, 33);
	w.g.shared = true;
	memset(w.mem, 0, rblk_vol_size(&w.g));
	w.v = rblk_vol_init(w.mem, &w.g, &zero);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make_open(&w, 2)));
	w.cur = 1;
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 8)));
	CHECK_EQ(rblk_vol_check(w.v), 0);
}

/* The sessions as of the applied index, so that a replay does not notice: @n of them. */
static void shared_at(u32 n, u64 store, u64 epoch)
{
	u32 i;

	start_shared();
	for (i = 0; i < n; i++)
		w.v->executed.session[i] = (struct rblk_session){ .store = 10 + i, .epoch = 1 + i };
	w.v->executed.session[n - 1].store = store;
	w.v->executed.session[n - 1].epoch = epoch;
	w.v->executed.nsessions = n;
	w.v->executed.index = 20;
	w.v->applied = w.v->executed;
	w.v->nversion = 0;
	memset(w.v->bucket, 0xff, sizeof(u32) << (64 - w.v->bucket_shift));
}

#define SHARED(name, n, store, epoch, want)				\
	static void shared_##name(void)					\
	{								\
		shared_at(n, store, epoch);				\
		if (want)						\
			tap_expect_asserts();				\
		CHECK_EQ(rblk_vol_check(w.v), want);				\
		w_stop(&w);						\
	}

SHARED(full, RBLK_SESSIONS_MAX, 99, 17, 0)
SHARED(same_store, 3, 10, 17, -EUCLEAN)
SHARED(same_epoch, 3, 99, 2, -EUCLEAN)
SHARED(no_store, 3, 0, 17, -EUCLEAN)
SHARED(no_epoch, 3, 99, 0, -EUCLEAN)
SHARED(future_epoch, 3, 99, 21, -EUCLEAN)

/* What is not in the replay: the table itself has to be right. */
static void shared_too_many(void)
{
	shared_at(2, 99, 17);
	w.v->g.shared = false;
	tap_expect_asserts();
	CHECK_EQ(rblk_vol_check(w.v), -EUCLEAN);
	w_stop(&w);
}

#define SLOT(i)		w.v->version[i]

DAMAGE(mask_zero, SLOT(1).mask = 0)
DAMAGE(mask, SLOT(1).mask ^= 1)
DAMAGE(block, SLOT(4).block++)
DAMAGE(index_low, SLOT(0).index = 0)
DAMAGE(index_high, SLOT(4).index = 7)
DAMAGE(index_order, SLOT(0).index = 3)
DAMAGE(nth, SLOT(3).nth = 0)
DAMAGE(older, SLOT(1).older = VOL_NONE)
DAMAGE(older_wrong, SLOT(2).older = 0)
DAMAGE(newer, SLOT(1).newer = VOL_NONE)
DAMAGE(below, SLOT(2).below = 0x1c)
DAMAGE(next_of_older, SLOT(0).next = 4)
DAMAGE(count, w.v->nversion--)
DAMAGE(count_more, w.v->nversion++)
DAMAGE(tail, w.v->version_tail = 1)
DAMAGE(lost_bucket, w.v->bucket[rblk_vol_bucket_of(w.v, 100)] = VOL_NONE)
DAMAGE(loop, SLOT(4).next = 4)
DAMAGE(range_index, w.v->range[0].index = 7)
DAMAGE(range_applied, w.v->range[0].index = 0)
DAMAGE(range_size, w.v->range[0].nsect = 0)
DAMAGE(range_end, w.v->range[0].sector = 2000)
DAMAGE(range_count, w.v->nrange = 0)
DAMAGE(digest, w.v->executed.digest++)
DAMAGE(seq, w.v->executed.session[0].seq++)
DAMAGE(nonce, w.v->executed.session[0].nonce++)
DAMAGE(left_behind, w.v->executed.session[1].seq = 1)
DAMAGE(left_nonce, w.v->executed.session[1].nonce = 1)
DAMAGE(left_epoch, w.v->executed.session[15].epoch = 1)
DAMAGE(nsessions, w.v->executed.nsessions = 2)
DAMAGE(session_left, w.v->executed.nsessions = 0)
DAMAGE(session_future, w.v->applied.nsessions = 1;
       w.v->applied.session[0] = w.v->executed.session[0])
DAMAGE(other_session, w.v->executed.session[3].store = 1)
DAMAGE(applied_term, w.v->applied.term = 2)
DAMAGE(entry_changed, w.e[4].csum++)
DAMAGE(entry_kind, w.e[4].kind = RBLK_E_ZEROES)
DAMAGE(entry_gone, w.applied = 1)
DAMAGE(plan_slots, w.v->plan.nversion++)
DAMAGE(plan_slots_less, w.v->plan.nversion--)
DAMAGE(plan_ranges, w.v->plan.nrange++)
DAMAGE(plan_last, w.v->plan.state.index = 4)
DAMAGE(plan_future, w.v->plan.state.index = 7)
DAMAGE(map_padding, w.v->map[w.v->regions] = 1)
DAMAGE(dirty_padding, w.v->map_dirty[0] = 4)
DAMAGE(absent_count, w.v->nabsent++)
DAMAGE(lacking_count, w.v->nlacking++)
DAMAGE(absent_untold, (w.v->absent[0] ^= 1, w.v->nabsent++))
DAMAGE(absent_in_count, w.v->absent_in[0]++)
DAMAGE(absent_unflagged, (w.v->absent[0] ^= 1, w.v->nabsent++, w.v->absent_in[0]++))

/* A write that took effect is in the index: a batch without it would pass it by. */
static void plan_misses_a_write(void)
{
	struct vol_batch b;

	w_start(&w, 64, 512, 33, 1, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 1)));
	tap_expect_asserts();
	w.v->nversion = 0;
	CHECK(!rblk_vol_apply_plan(w.v, U64_MAX, &b));
	CHECK_EQ(tap_asserts(), 1);
	w.v->nversion = 1;
	CHECK(rblk_vol_apply_plan(w.v, U64_MAX, &b));
	CHECK_EQ(b.nitem, 1);
	CHECK_EQ(tap_asserts(), 1);
	w_stop(&w);
}

/* A chain that leads in a circle, or to the wrong place, is not followed for ever. */
static void chain_without_end(void)
{
	struct vol_batch b;
	struct vol_seg seg;
	u32 i, done;

	w_start(&w, 64, 512, 33, 1, 33);
	CHECK(w_commit(&w, w_make_open(&w, 1)));
	CHECK(w_commit(&w, w_make(&w, RBLK_E_WRITE, 0, 1)));
	CHECK(rblk_vol_apply_plan(w.v, U64_MAX, &b));
	tap_expect_asserts();
	i = rblk_vol_ext_find(w.v, 0);
	w.v->version[i].block = 1;
	w.v->version[i].next = i;
	rblk_vol_lookup(w.v, 0, 8, &seg, 1, &done);
	CHECK_EQ(tap_asserts(), 1);
	w.v->version[i].block = 0;
	w.v->version[i].next = VOL_NONE;
	w.v->bucket[rblk_vol_bucket_of(w.v, 0)] = VOL_NONE;
	rblk_vol_apply_done(w.v);
	CHECK_EQ(tap_asserts(), 2);
	w_stop(&w);
}

static const struct tap_case cases[] = {
	{ "chain_without_end", chain_without_end },
	{ "plan_misses_a_write", plan_misses_a_write },
	{ "mask_zero", damage_mask_zero },
	{ "mask", damage_mask },
	{ "block", damage_block },
	{ "index_low", damage_index_low },
	{ "index_high", damage_index_high },
	{ "index_order", damage_index_order },
	{ "nth", damage_nth },
	{ "older", damage_older },
	{ "older_wrong", damage_older_wrong },
	{ "newer", damage_newer },
	{ "below", damage_below },
	{ "next_of_older", damage_next_of_older },
	{ "count", damage_count },
	{ "count_more", damage_count_more },
	{ "tail", damage_tail },
	{ "lost_bucket", damage_lost_bucket },
	{ "loop", damage_loop },
	{ "range_index", damage_range_index },
	{ "range_applied", damage_range_applied },
	{ "range_size", damage_range_size },
	{ "range_end", damage_range_end },
	{ "range_count", damage_range_count },
	{ "digest", damage_digest },
	{ "seq", damage_seq },
	{ "nonce", damage_nonce },
	{ "left_behind", damage_left_behind },
	{ "left_nonce", damage_left_nonce },
	{ "left_epoch", damage_left_epoch },
	{ "shared_full", shared_full },
	{ "shared_same_store", shared_same_store },
	{ "shared_same_epoch", shared_same_epoch },
	{ "shared_no_store", shared_no_store },
	{ "shared_no_epoch", shared_no_epoch },
	{ "shared_future_epoch", shared_future_epoch },
	{ "shared_too_many", shared_too_many },
	{ "nsessions", damage_nsessions },
	{ "session_left", damage_session_left },
	{ "session_future", damage_session_future },
	{ "other_session", damage_other_session },
	{ "applied_term", damage_applied_term },
	{ "entry_changed", damage_entry_changed },
	{ "entry_kind", damage_entry_kind },
	{ "entry_gone", damage_entry_gone },
	{ "plan_slots", damage_plan_slots },
	{ "plan_slots_less", damage_plan_slots_less },
	{ "plan_ranges", damage_plan_ranges },
	{ "plan_last", damage_plan_last },
	{ "plan_future", damage_plan_future },
	{ "map_padding", damage_map_padding },
	{ "dirty_padding", damage_dirty_padding },
	{ "absent_count", damage_absent_count },
	{ "lacking_count", damage_lacking_count },
	{ "absent_untold", damage_absent_untold },
	{ "absent_in_count", damage_absent_in_count },
	{ "absent_unflagged", damage_absent_unflagged },
};

TAP_MAIN(cases)
