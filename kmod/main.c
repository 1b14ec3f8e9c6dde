// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk: block devices replicated by Raft. The module's ends: what volumes
 * share. Each volume holds a reference to the module, so that none is up when
 * the module goes.
 */
#include <linux/module.h>

#include "host/host.h"

static int __init rb_init(void)
{
	int r;

	r = rb_volumes_init();
	if (r)
		return r;
	r = rb_disk_init();
	if (r)
		goto err_volumes;
	rb_debugfs_init();
	r = rb_ctl_init();
	if (r)
		goto err_disk;
	return 0;

err_disk:
	rb_debugfs_exit();
	rb_disk_exit();
err_volumes:
	rb_volumes_exit();
	return r;
}

static void __exit rb_exit(void)
{
	/* First: the end of a work may still tell its ticket. No volume can come up any more. */
	rb_volumes_exit();
	rb_ctl_exit();
	rb_debugfs_exit();
	rb_disk_exit();
}

module_init(rb_init);
module_exit(rb_exit);
MODULE_DESCRIPTION("Block devices replicated by Raft");
MODULE_LICENSE("GPL");
