// SPDX-License-Identifier: GPL-2.0
/*
 * The loop of a volume: the one thread that, as owner, drives the pure node.
 *
 * A kick sets its bit and wakes the loop. The loop takes all bits *before* it looks
 * at the lists, and looks at the bits again after it has declared itself asleep. So
 * everything that was queued before a kick is seen in the pass that took its bit,
 * or in the next one.
 */
#include <linux/blkdev.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>

#include "block/block.h"
#include "life/internal.h"
#include "net/net.h"
#include "store/store.h"

#define RBLK_ROUNDS	4		/* times that a pass drains the disk's queue, at most */
#define RBLK_SLACK_NS	(50 * NSEC_PER_USEC)

/* Failures of devices that no operation reports. */
static void rblk_volume_devices(struct rblk_volume *v, u64 now)
{
	if (rblk_volume_diskless(v) || rblk_volume_released(v))
		return;
	if (rblk_logio_failed(v))
		rblk_node_device_lost(v->m, NODE_HALT_LOG, now);
	if (!rblk_data_released(v) && rblk_dataio_failed(v))
		rblk_node_device_lost(v->m, NODE_HALT_DATA, now);
}

/*
 * One pass. *@deadline is set to when the next one is due without a kick. Returns
 * true if it is due at once.
 */
static bool rblk_volume_pass(struct rblk_volume *v, u64 *deadline)
{
	struct blk_plug plug;
	unsigned long kicks;
	u32 fed, round;
	bool more;
	u64 now;

	mutex_lock(&v->owner);
	/*
	 * What the pass writes is submitted from here when the pass ends. Without
	 * the plug each bio would take a detour through a kworker. Nothing in a
	 * pass waits for a bio.
	 */
	blk_start_plug(&plug);
	now = rblk_now();
	kicks = xchg(&v->kicks, 0);	/* full barrier: the lists are looked at after it */
	rblk_volume_run_done(v, now);
	rblk_volume_devices(v, now);
	more = rblk_peers_poll(v, now);
	for (round = 0; round < RBLK_ROUNDS; round++) {
		fed = rblk_disk_drain(v, now);
		if (round && !fed)
			break;
		rblk_node_run(v->m, now);
		rblk_volume_notes(v, now);
	}
	blk_finish_plug(&plug);
	rblk_status_step(v, kicks & BIT(RBLK_KICK_LOOK), now);
	*deadline = min_t(u64, rblk_node_deadline(v->m), rblk_peers_deadline(v));
	*deadline = min_t(u64, *deadline, rblk_disk_deadline(v));
	*deadline = min_t(u64, *deadline, rblk_volume_ops_deadline(v));
	*deadline = min_t(u64, *deadline, rblk_status_deadline(v));
	mutex_unlock(&v->owner);
	return more || round == RBLK_ROUNDS;
}

static void rblk_volume_sleep(struct rblk_volume *v, u64 deadline)
{
	DEFINE_WAIT(wait);
	ktime_t t;
	u64 now;

	prepare_to_wait(&v->wait, &wait, TASK_IDLE);
	now = rblk_now();
	if (!READ_ONCE(v->kicks) && !kthread_should_stop() && deadline > now) {
		if (deadline == U64_MAX) {
			schedule();
		} else {
			t = ns_to_ktime(min_t(u64, deadline - now, 3600ULL * NSEC_PER_SEC));
			schedule_hrtimeout_range(&t, RBLK_SLACK_NS, HRTIMER_MODE_REL);
		}
	}
	finish_wait(&v->wait, &wait);
}

/*
 * The thread function of the loop. No allocation in it may recurse into the file
 * system or the block layer above.
 */
int rblk_volume_loop(void *arg)
{
	struct rblk_volume *v = arg;
	unsigned int noio = memalloc_noio_save();
	u64 deadline;

	while (!kthread_should_stop()) {
		if (!rblk_volume_pass(v, &deadline))
			rblk_volume_sleep(v, deadline);
		cond_resched();
	}
	memalloc_noio_restore(noio);
	return 0;
}
