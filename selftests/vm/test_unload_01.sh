#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Volumes go down under load, with a file system mounted, and without a quorum. After the last
# close, the module can be unloaded.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="start_and_stop_many_times"
trap 'umount -q -l /tmp/rbmnt; cluster_down' EXIT
KO=${KO:-$RBLK_TOP/raftblk.ko}
mkdir -p /tmp/rbmnt

starts() { cluster_up 3 vol; }

load() {	# FILE: keeps 16 writes in flight, in the background
	fio --name=load --filename="$1" --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite --bs=4k \
		--size=32m --time_based --runtime=$((120 * RBLK_SLOW)) --minimal >/tmp/load.out 2>&1 &
	LOAD=$!
}

has_written() { [ "$(field "$1" vol writes)" -ge "$2" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }

down_under_load() {
	local l
	l=$(a_leader vol)
	load "$(device "$l" vol)"
	until_ok 30 has_written "$l" 100
	rb "$l" down vol --force
	until_ok 20 gone $LOAD
	rb "$l" up vol
	until_ok 30 leader vol
	replicas_equal vol
}

quorum_gone_with_a_file_system() {
	local l i d
	l=$(a_leader vol)
	d=$(device "$l" vol)
	mkfs.ext4 -q -F "$d"
	mount "$d" /tmp/rbmnt
	load /tmp/rbmnt/file
	until_ok 30 has_written "$l" 200
	for i in 1 2 3; do
		[ "$i" = "$l" ] || rb "$i" down vol --force
	done
	sleep 1		# lets writes pile up that can never complete
	fails gone $LOAD
	rb "$l" down vol --force
	until_ok 30 gone $LOAD
	within 30 umount /tmp/rbmnt
	rmmod raftblk
	modprobe -q libcrc32c; insmod "$KO"
	for i in 1 2 3; do rb "$i" up vol; done
	until_ok 30 leader vol
	fsck.ext4 -fp "$(leader_device vol)" >/dev/null || [ $? = 1 ]
	replicas_equal vol
}

unload_is_refused_while_up() { ! rmmod raftblk 2>/dev/null; }

unload_after_down() {
	local i
	for i in 1 2 3; do rb "$i" down vol; done
	rmmod raftblk
	modprobe -q libcrc32c; insmod "$KO"
	for i in 1 2 3; do rb "$i" up vol; done
	until_ok 30 leader vol
}

start_and_stop_many_times() {
	local i
	for _ in 1 2 3 4 5; do
		for i in 1 2 3; do rb "$i" down vol --force; done
		for i in 1 2 3; do rb "$i" up vol; done
	done
	until_ok 30 leader vol
	dd if=/dev/urandom of="$(leader_device vol)" bs=4k count=20 oflag=direct status=none
	replicas_equal vol
}

for t in starts down_under_load quorum_gone_with_a_file_system unload_is_refused_while_up \
	unload_after_down start_and_stop_many_times; do
	tap $t
done
tap_end
