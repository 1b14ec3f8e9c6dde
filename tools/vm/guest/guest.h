/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one program in a guest's initramfs: init.c boots the guest, agent.c
 * runs commands for the host. Wire format in agent.c.
 */
#ifndef RAFTBLK_VM_GUEST_H
#define RAFTBLK_VM_GUEST_H

#define RUN_DIR		"/run/raftblk-vm"
#define DEFAULT_PATH	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/**
 * agent_serve() - run commands for the host, one after the other
 * @port: number of the virtio-serial port to serve
 */
void agent_serve(unsigned int port) __attribute__((noreturn));

#endif
