#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# File systems: mkfs, a real tree, fio with verification, remount on another node.
. "$(dirname "$0")/lib.sh"
trap 'umount -q /tmp/rbmnt; cluster_down' EXIT
mkdir -p /tmp/rbmnt
RB_DATA_MIB=320	# XFS wants 300 MiB

starts() { cluster_up 3 vol; }

tree_sum() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }

on_a_file_system() {	# TYPE MKFS...
	local d l src=/usr/include/linux
	d=$(leader_device vol)
	"${@:2}" "$d" >/tmp/mkfs.out 2>&1 || { sed 's/^/# /' /tmp/mkfs.out; return 1; }
	mount -t "$1" "$d" /tmp/rbmnt
	cp -r "$src" /tmp/rbmnt/tree
	fio_write /tmp/rbmnt/file --fallocate=none
	sync -f /tmp/rbmnt
	[ "$(tree_sum "$src")" = "$(tree_sum /tmp/rbmnt/tree)" ]
	umount /tmp/rbmnt
	l=$(leader vol)
	rb "$l" transfer vol "rb$((l % 3 + 1))"
	until_ok 10 leader_is $((l % 3 + 1))
	d=$(leader_device vol)
	until_ok 10 mount -t "$1" "$d" /tmp/rbmnt
	[ "$(tree_sum "$src")" = "$(tree_sum /tmp/rbmnt/tree)" ]
	fio_write /tmp/rbmnt/file --verify_only
	umount /tmp/rbmnt
}

leader_is() { [ "$(leader vol)" = "$1" ]; }
ext4() { on_a_file_system ext4 mkfs.ext4 -q -F; fsck.ext4 -fn "$(leader_device vol)" >/dev/null 2>&1; }
xfs() { on_a_file_system xfs mkfs.xfs -q -f; xfs_repair -n "$(leader_device vol)" >/dev/null 2>&1; }
replicas_are_equal() { replicas_equal vol; }

for t in starts ext4 replicas_are_equal xfs replicas_are_equal; do tap $t; done
tap_end
