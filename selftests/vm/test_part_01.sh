#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Partitions: as on any disk, on every node, and never an old table under a new session.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="counts_in_the_same_blocks_on_a_client"
trap 'umount -q /tmp/rbmnt; cluster_down; losetup -D' EXIT
mkdir -p /tmp/rbmnt

RBLK_CLIENTS=1

starts() {
	need sfdisk
	cluster_up 3 vol
}

dev() { device "$1" vol; }
part() { echo "$(dev "$1")p$2"; }		# NODE PARTITION
sectors() { cat "/sys/class/block/$(basename "$(part "$1" "$2")")/size"; }	# NODE PARTITION
sectors_are() { [ "$(sectors "$1" "$2" 2>/dev/null)" = "$3" ]; }
# A partition that is looked for anew has another inode here.
identity() { stat -c %i "/sys/class/block/$(basename "$(part "$1" "$2")")/"; }
# NODE, and the table on stdin. Right after partitions were looked for, no session begins.
table() {
	local text
	text=$(cat)
	until_ok 5 write_table "$1" "$text"
}
write_table() { sfdisk -q --wipe always "$(dev "$1")" <<<"$2"; }
put() { dd if="$1" of="$2" bs=4k count=1 oflag=direct status=none; }	# FROM TO

shows_on_every_node() {
	local i
	table 1 <<<$'label: gpt\nsize=10MiB\nsize=40MiB'
	sectors_are 1 1 20480
	for i in 2 3; do
		until_ok 10 sectors_are $i 1 20480
		until_ok 10 sectors_are $i 2 81920
	done
}

# A node without disks looks when it gets a session.
shows_on_a_client() {
	until_ok 5 dd if=/dev/zero of="$(dev 4)" bs=4k seek=20000 count=1 oflag=direct status=none
	until_ok 10 sectors_are 4 1 20480
	until_ok 5 mkfs.ext4 -qF "$(part 4 1)"
}

holds_a_file_system() {
	until_ok 5 mkfs.ext4 -qF "$(part 1 2)"
	mount "$(part 1 2)" /tmp/rbmnt
	echo one >/tmp/rbmnt/file
	umount /tmp/rbmnt
	until_ok 5 mount "$(part 2 2)" /tmp/rbmnt
	[ "$(cat /tmp/rbmnt/file)" = one ]
	[ "$(field 2 vol session)" = held ]
	umount /tmp/rbmnt
}

changes_on_every_node() {
	table 3 <<<$'label: dos\nsize=20MiB'
	until_ok 10 sectors_are 1 1 40960
	until_ok 10 sectors_are 2 1 40960
	[ ! -e "$(part 1 2)" ]
}

# A superblock that is written again and again beside the table is no reason to look for it.
is_not_looked_for_without_need() {
	local before end
	before=$(identity 2 1)
	dd if="$(dev 1)" of=/tmp/head bs=4k count=1 iflag=direct status=none
	until_ok 5 put /tmp/head "$(dev 1)"
	end=$((SECONDS + 4 * RBLK_SLOW))	# it would be looked for after one
	while [ $SECONDS -lt $end ]; do
		dd if=/dev/urandom of=/tmp/head bs=1k count=1 seek=2 conv=notrunc status=none
		put /tmp/head "$(dev 1)"
	done
	[ "$before" = "$(identity 2 1)" ]
	table 1 <<<$'label: dos\nsize=10MiB\nsize=20MiB'	# and this one is
	until_ok 10 sectors_are 2 2 40960
	[ "$before" != "$(identity 2 1)" ]
}

# Nobody writes to where a partition was before.
old_table_is_not_used() {
	local fd
	exec {fd}<"$(part 2 1)"
	table 1 <<<$'label: dos\nsize=30MiB'
	if put /dev/zero "$(part 2 2)" 2>/tmp/err; then return 1; fi
	grep -qi busy /tmp/err
	kernel_said 'another node changed the partitions'
	sectors_are 2 1 20480
	exec {fd}<&-
	until_ok 10 sectors_are 2 1 61440
	until_ok 5 put /dev/zero "$(part 2 1)"
}

# What is in use cannot be taken away; and a start finds the partitions, once it is served.
comes_back_with_the_volume() {
	local fd i
	exec {fd}<"$(part 2 1)"
	fails rb 2 down vol 2>/dev/null
	exec {fd}<&-
	for i in 1 2 3 4; do rb $i down vol; done
	fails compgen -G '/dev/raftblk*p*'
	rb 1 up vol
	within 5 blockdev --getsize64 "$(dev 1)" >/dev/null	# no quorum, and nobody is kept waiting
	[ ! -e "$(part 1 1)" ]
	for i in 2 3 4; do rb $i up vol; done
	for i in 1 2 3 4; do until_ok 20 sectors_are $i 1 61440; done
}

# A node with the partition of a volume in use is told, when that volume goes by force.
goes_by_force() {
	until_ok 5 mkfs.ext4 -qF "$(part 1 1)"
	mount "$(part 1 1)" /tmp/rbmnt
	rb 1 down vol --force
	if put /dev/zero /tmp/rbmnt/file 2>/dev/null; then return 1; fi
	umount /tmp/rbmnt
	rb 1 up vol
	until_ok 20 sectors_are 1 1 61440
}

is_no_device_of_a_volume() {
	local log said
	need losetup
	modprobe -q loop || true
	truncate -s 20M /tmp/log.img
	log=$(losetup -f --show /tmp/log.img)
	wipefs -aq "$(part 1 1)"
	"$RB" new other --node "rb1=10.99.0.1:7900,$log,$(part 1 1)" >/dev/null
	rb 1 format other >/dev/null
	said=$(rb 1 up other 2>&1) && return 1
	[[ $said == *"is part of a raftblk device itself"* ]]
	losetup -d "$log"
}

# A table counts in blocks, so a client has to show those of the volume. It is told by a member, and
# not before that has started: nobody sees other blocks than those.
counts_in_the_same_blocks_on_a_client() {
	local i
	RBLK_BLOCK=512 cluster_up 3 vol
	table 1 <<<$'label: dos\nsize=10MiB'
	until_ok 10 sectors_are 2 1 20480
	for i in 1 2 3; do rb $i down vol; done
	rb 4 down vol
	rb 4 up vol
	fails dd if="$(dev 4)" of=/dev/null count=1 status=none 2>/dev/null
	for i in 1 2 3; do rb $i up vol; done
	within 20 mkfs.ext4 -q -b 1024 "$(dev 4)" 4096 2>/dev/null
	[ "$(blockdev --getss "$(dev 4)")" = 512 ]
	mkdir -p /mnt/p
	mount "$(dev 4)" /mnt/p
	umount /mnt/p
	mount "$(dev 2)" /mnt/p
	umount /mnt/p
	table 1 <<<$'label: dos\nsize=10MiB'
	until_ok 5 dd if=/dev/zero of="$(dev 4)" bs=4k seek=20000 count=1 oflag=direct status=none
	until_ok 10 sectors_are 4 1 20480
}

for t in starts shows_on_every_node shows_on_a_client holds_a_file_system changes_on_every_node \
	is_not_looked_for_without_need old_table_is_not_used comes_back_with_the_volume goes_by_force \
	is_no_device_of_a_volume counts_in_the_same_blocks_on_a_client; do
	tap $t
done
tap_end
