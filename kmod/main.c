// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk: block devices replicated by Raft. Here the module is loaded and
 * unloaded, with all that its volumes share. Each volume holds a reference to the
 * module, so that none is up when the module is unloaded.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "block/block.h"
#include "ctl/ctl.h"
#include "host/volume.h"
#include "life/life.h"
#include "version.h"

static int rblk_pm_notify(struct notifier_block *nb, unsigned long event, void *unused)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
		return notifier_from_errno(rblk_volumes_hibernate());
	case PM_POST_HIBERNATION:
		rblk_volumes_hibernated();
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block rblk_pm_notifier = {
	.notifier_call	= rblk_pm_notify,
};

static int __init rblk_init(void)
{
	int ret;

	ret = rblk_volumes_init();
	if (ret)
		return ret;
	ret = rblk_disk_init();
	if (ret)
		goto err_volumes;
	ret = register_pm_notifier(&rblk_pm_notifier);
	if (ret)
		goto err_disk;
	rblk_debugfs_init();
	ret = rblk_ctl_init();
	if (ret)
		goto err_debugfs;
	return 0;

err_debugfs:
	rblk_debugfs_exit();
	unregister_pm_notifier(&rblk_pm_notifier);
err_disk:
	rblk_disk_exit();
err_volumes:
	rblk_volumes_exit();
	return ret;
}

static void __exit rblk_exit(void)
{
	/*
	 * This comes first, since a work item may still report the end of its
	 * operation. No volume can come up any more.
	 */
	rblk_volumes_exit();
	rblk_ctl_exit();
	rblk_debugfs_exit();
	unregister_pm_notifier(&rblk_pm_notifier);
	rblk_disk_exit();
}

module_init(rblk_init);
module_exit(rblk_exit);
MODULE_AUTHOR("The raftblk developers");
MODULE_DESCRIPTION("Block devices replicated by Raft");
MODULE_LICENSE("GPL");
MODULE_VERSION(RAFTBLK_VERSION);
