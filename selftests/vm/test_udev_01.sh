#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# udev: volumes have names, nobody looks into the devices below them, and events take no
# session.
. "$(dirname "$0")/lib.sh"
RBLK_LOG_MIB=64
RBLK_DATA_MIB=64
udevd=/lib/systemd/systemd-udevd
rules=/run/udev/rules.d/61-raftblk.rules

finish() {
	cluster_down
	[ -e /run/raftblk-udevd ] && udevadm control --exit && rm -f /run/raftblk-udevd
	rm -f "$rules"
}
trap finish EXIT

starts() {
	[ -x $udevd ] || exit 4
	need udevadm losetup blkid
	mkdir -p /run/udev/rules.d
	sed "s|@SBINDIR@|$RBLK_TOP/userspace|" "$RBLK_TOP/udev/61-raftblk.rules.in" >$rules
	if udevadm control --reload 2>/dev/null; then
		:
	else
		$udevd --daemon
		touch /run/raftblk-udevd
		until_ok 20 udevadm control --ping
	fi
	cluster_up 3 vol
	udevadm settle -t 60
}

property() { udevadm info --query=property --property="$2" --value "$1"; }

is_announced() { [ "$(property "$1" SYSTEMD_READY)" != 0 ]; }

volumes_have_names() {
	local dev
	dev=$(readlink -f /dev/raftblk/by-volume/vol)
	for i in 1 2 3; do
		[ "$(device "$i" vol)" = "$dev" ] && found=1
		# The device gets its size later; whatever waits for the device is told then.
		until_ok 20 is_announced "$(device "$i" vol)"
	done
	[ "$found" = 1 ]
}

partitions_have_names() {
	need sfdisk
	sfdisk -q "$(device 1 vol)" <<<'size=10MiB'
	until_ok 20 test -b /dev/raftblk/by-volume/vol-part1
	is_announced /dev/raftblk/by-volume/vol-part1
	sfdisk -q --delete "$(device 1 vol)"
	until_ok 20 fails test -e /dev/raftblk/by-volume/vol-part1
}

devices_below_are_known() {
	local disk
	for disk in log data; do
		udevadm trigger --settle "$(readlink -f "/dev/disk/raftblk/$disk")"
		[ "$(property "/dev/disk/raftblk/$disk" ID_FS_TYPE)" = "raftblk_$disk" ]
		[ "$(property "/dev/disk/raftblk/$disk" RAFTBLK_VOLUME)" = vol ]
	done
}

# Writes a superblock of md 1.0, which is 8 KiB before the end, into the volume.
write_md_superblock() {	# DEVICE BYTES
	python3 - "$1" "$2" <<-'P'
	import os, struct, sys
	fd = os.open(sys.argv[1], os.O_WRONLY)
	at = (int(sys.argv[2]) - 8192) & ~4095
	sb = bytearray(4096)
	struct.pack_into("<II", sb, 0, 0xa92b4efc, 1)
	sb[16:32] = os.urandom(16)
	struct.pack_into("<Q", sb, 144, at // 512)
	os.pwrite(fd, bytes(sb), at)
	os.fsync(fd)
	P
}

has_no_type() {
	[ "$(blkid -p -s TYPE -s PTTYPE -o value "$1")" = PMBR ]
}

nothing_in_a_volume_is_found_below_it() {
	local dev
	dev=$(device 1 vol)
	mkfs.ext4 -q "$dev"
	until_ok 30 settled vol
	blockdev --flushbufs "$(data_dev 1 vol)"
	has_no_type "$(data_dev 1 vol)"
	has_no_type "$(log_dev 1 vol)"
	write_md_superblock "$dev" "$(field 1 vol size)"
	until_ok 30 settled vol
	rb 1 down vol
	blockdev --flushbufs "$(data_dev 1 vol)"
	# The end of the device is not of the volume, so not even a program that probes the device
	# by itself takes it for a part of an array.
	has_no_type "$(data_dev 1 vol)"
	modprobe -q loop || true
	loop=$(losetup -r -f --show "$(data_dev 1 vol)")
	udevadm trigger --settle "$loop"
	[ "$(property "$loop" ID_FS_TYPE)" = raftblk_data ]
	losetup -d "$loop"
	rb 1 up vol
	until_ok 30 leader vol
}

storms_take_no_session() {
	local i before after
	dd if=/dev/zero of="$(device 2 vol)" bs=4k count=1 oflag=direct status=none
	until_ok 10 field_is 1 vol holder_node rb2
	before=$(rb 3 sessions vol --json)
	dmesg -C
	for i in $(seq 10); do
		udevadm trigger --action=change --sysname-match='raftblk*'
		udevadm trigger --action=add --sysname-match='raftblk*'
	done
	udevadm settle -t 60
	after=$(rb 3 sessions vol --json)
	[ "$before" = "$after" ]
	fails eval "dmesg | grep 'open for writing'"
	for i in 1 2 3; do [ "$(field "$i" vol openers)" = 0 ]; done
}

for t in starts volumes_have_names partitions_have_names devices_below_are_known nothing_in_a_volume_is_found_below_it \
	storms_take_no_session; do tap $t; done
tap_end
