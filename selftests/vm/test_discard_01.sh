#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Discards free what they discard on every data device, and it reads as zeroes. Where one
# device cannot free anything they are not offered, and nothing is written for them.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="one_cannot it_can_again"
trap 'cluster_down' EXIT
MIB=96
LEFT_MIB=16		# what may be left of a data device that was discarded

# Files in memory, since what they occupy can be counted.
image() { echo "/dev/shm/rbdata$1"; }
data_dev() { echo "/dev/loop3$1"; }

disks_up() {	# NODES LOG_MIB DATA_MIB
	local i
	modprobe -q loop
	for i in $(seq "$1"); do
		dm_slices "rblog$i $RBLK_LOG_DISK $(((i - 1) * $2 * 2048)) $(($2 * 2048))"
		truncate -s $MIB"M" "$(image "$i")"
		losetup "$(data_dev "$i")" "$(image "$i")"
	done
}

disks_down() {
	local i
	for i in 1 2 3; do
		losetup -d "$(data_dev "$i")" 2>/dev/null
		rm -f "$(image "$i")"
	done
	slices_down
}

occupied() { du -m "$(image "$1")" | cut -f1; }	# in MiB
written() { awk '{ print int($7 / 2048) }' "/sys/block/loop3$1/stat"; }	# in MiB, since it was made

offered() { cat "/sys/block/$(basename "$(device "$1" vol)")/queue/discard_max_bytes"; }
offers() { [ "$(offered "$1")" -gt 0 ]; }
offers_not() { [ "$(offered "$1")" = 0 ]; }

fill() {
	tr '\0' x </dev/zero | dd of="$(leader_device vol)" bs=128k iflag=fullblock oflag=direct status=none 2>/dev/null || true
	until_ok 60 settled vol
}

all_zeroes() {
	local d
	d=$(leader_device vol)
	cmp -n "$(blockdev --getsize64 "$d")" "$d" /dev/zero
}

starts() {
	need losetup blkdiscard mkfs.ext4
	cluster_up 3 vol
}

discards_free() {
	local i
	for i in 1 2 3; do until_ok 20 offers "$i"; done
	fill
	for i in 1 2 3; do [ "$(occupied "$i")" -gt $((MIB - 8)) ]; done
	blkdiscard -f "$(leader_device vol)"
	until_ok 60 settled vol
	for i in 1 2 3; do
		say "rb$i: $(occupied "$i") MiB are left"
		[ "$(occupied "$i")" -lt $LEFT_MIB ]
	done
	all_zeroes
	replicas_equal vol
}

restart_as() {	# NODE LIMIT: its data device discards as much at once, at most
	rb "$1" down vol --force
	echo "$2" >"/sys/block/loop3$1/queue/discard_max_bytes"
	rb "$1" up vol
}

one_cannot() {
	local l i before d
	l=$(a_leader vol)
	restart_as $((l % 3 + 1)) 0
	for i in 1 2 3; do until_ok 30 offers_not "$i"; done
	fill
	d=$(leader_device vol)
	fails blkdiscard -f "$d" 2>/dev/null
	before=$(written "$l")
	mkfs.ext4 -q -F "$d"
	until_ok 60 settled vol
	say "mkfs wrote $(($(written "$l") - before)) MiB"
	[ $(($(written "$l") - before)) -lt $LEFT_MIB ]
	# Zeroes can be written all the same.
	blkdiscard -f -z "$d"
	until_ok 60 settled vol
	all_zeroes
	replicas_equal vol
}

it_can_again() {
	local i
	for i in 1 2 3; do
		if offers_not "$i"; then restart_as "$i" $((1 << 30)); fi
	done
	for i in 1 2 3; do until_ok 30 offers "$i"; done
}

for t in starts discards_free one_cannot it_can_again; do tap $t; done
tap_end
