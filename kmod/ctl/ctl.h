/* SPDX-License-Identifier: GPL-2.0 */
/* Generic netlink: requests of administration, and the status of volumes. */
#ifndef RBLK_CTL_H
#define RBLK_CTL_H

int rblk_ctl_init(void);
void rblk_ctl_exit(void);

#endif /* RBLK_CTL_H */
