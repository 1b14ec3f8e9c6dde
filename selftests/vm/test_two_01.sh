#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Two volumes in one module do not affect each other.
RBLK_VOLUMES="one two"
. "$(dirname "$0")/lib.sh"
trap cluster_down EXIT
RBLK_LOG_MIB=64
RBLK_DATA_MIB=128

# Each node has two slices on each disk, one for each volume.
half() {	# KIND NODE VOLUME
	echo "/dev/mapper/rb$1$2$3"
}
log_dev() { half log "$1" "$2"; }
data_dev() { half data "$1" "$2"; }

disks_up() {
	local i k mib
	for i in $(seq "$1"); do
		k=0
		for v in one two; do
			mib=$(($2 / 2))
			dm_slices "rblog$i$v $RBLK_LOG_DISK $((((i - 1) * 2 + k) * mib * 2048)) $((mib * 2048))"
			mib=$(($3 / 2))
			dm_slices "rbdata$i$v $RBLK_DATA_DISK $((((i - 1) * 2 + k) * mib * 2048)) $((mib * 2048))"
			k=$((k + 1))
		done
	done
}

starts() { cluster_up 3 one two; }

devices_differ() { [ "$(device 1 one)" != "$(device 1 two)" ]; }

both_work_at_once() {
	local a b
	a=$(leader_device one)
	b=$(leader_device two)
	fio_write "$a" --size=16m --io_size=8m &
	fio --name=x --filename="$b" --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bs=4k \
		--size=16m --io_size=8m --verify=crc32c --verify_fatal=1 --minimal >/dev/null
	wait $!
	replicas_equal one
	replicas_equal two
}

one_goes_the_other_stays() {
	local i
	for i in 1 2 3; do rb "$i" down one --force; done
	dd if=/dev/urandom of="$(leader_device two)" bs=64k count=10 oflag=direct status=none
	for i in 1 2 3; do rb "$i" up one; done
	until_ok 30 leader one
	replicas_equal one
	replicas_equal two
}

for t in starts devices_differ both_work_at_once one_goes_the_other_stays; do tap $t; done
tap_end
