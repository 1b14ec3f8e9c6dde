#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# File systems: mkfs, a real tree of files, fio with verification, mounting on another node.
. "$(dirname "$0")/lib.sh"
trap 'umount -q /tmp/rbmnt; cluster_down' EXIT
mkdir -p /tmp/rbmnt
RBLK_DATA_MIB=320	# XFS needs at least 300 MiB

starts() { cluster_up 3 vol; }

# There are two phases with one seed: the second one verifies, on another node, what the
# first one has written.
fio_phase() {	# RW [ARGS]
	fio --name=f --filename=/tmp/rbmnt/file --direct=1 --ioengine=libaio --iodepth=16 --rw="$1" \
		--bs=16k --size=24m --verify=crc32c --verify_fatal=1 --randseed=7 --fallocate=none \
		--minimal "${@:2}" >/tmp/fio.out 2>&1 && return 0
	sed 's/^/# /' /tmp/fio.out | head -3
	return 1
}

on_a_file_system() {	# TYPE MKFS...
	local d l src=/usr/include/linux/netfilter
	umount -q /tmp/rbmnt || true
	d=$(leader_device vol)
	"${@:2}" "$d" >/tmp/mkfs.out 2>&1 || { sed 's/^/# /' /tmp/mkfs.out; return 1; }
	mount -t "$1" "$d" /tmp/rbmnt
	cp -r "$src" /tmp/rbmnt/tree
	fio_phase randwrite --do_verify=0
	sync -f /tmp/rbmnt
	diff -r "$src" /tmp/rbmnt/tree
	umount /tmp/rbmnt
	l=$(a_leader vol)
	rb "$l" transfer vol "rb$((l % 3 + 1))"
	until_ok 10 leader_is $((l % 3 + 1))
	d=$(leader_device vol)
	until_ok 10 mount -t "$1" "$d" /tmp/rbmnt
	diff -r "$src" /tmp/rbmnt/tree
	fio_phase randread
	umount /tmp/rbmnt
}

ext4() { on_a_file_system ext4 mkfs.ext4 -q -F; fsck.ext4 -fn "$(leader_device vol)" >/dev/null 2>&1; }
xfs() { on_a_file_system xfs mkfs.xfs -q -f; xfs_repair -n "$(leader_device vol)" >/dev/null 2>&1; }
replicas_are_equal() { replicas_equal vol; }

tests=(starts ext4 replicas_are_equal)
[ -z "$RBLK_LONG" ] || tests+=(xfs replicas_are_equal)
for t in "${tests[@]}"; do tap "$t"; done
tap_end
