#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The log wraps, fills up, and is trimmed; discard; blocks of 512 bytes.
RBLK_VOLUMES="vol small"
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="blocks_of_512_bytes"
trap cluster_down EXIT
RBLK_LOG_MIB=40

# The logs need not be of one size.
RBLK_LOG_LESS=8

starts() { cluster_up 3 vol; }

ring_wraps() {
	local d
	d=$(leader_device vol)
	# Writes more than the ring can hold, in places that overlap.
	fio_write "$d" --size=16m --io_size=64m
	[ "$(field 1 vol checkpoints)" -ge 2 ]
}

# Its newest records change while it is read, which is no damage.
live_log_can_be_dumped() {
	local i
	fio --name=live --filename="$(leader_device vol)" --direct=1 --ioengine=libaio --iodepth=32 \
		--rw=randwrite --bs=4k --size=16m --time_based --runtime=8 --minimal >/dev/null 2>&1 &
	for i in 1 2 3 1 2 3; do
		"$RB" dump --json "$(log_dev "$i" vol)" >/tmp/dump.json
		jq -e '.scan | .entries > 0 and (has("error") | not)' /tmp/dump.json >/dev/null
		"$RB" dump "$(data_dev "$i" vol)" >/dev/null
	done
	wait
	"$RB" dump --noheadings -o kind,sectors "$(log_dev 1 vol)" >/tmp/dump.table
	grep -qx 'write  *8' /tmp/dump.table
}

restart_after_the_wrap() {
	local i before after
	before=$(dd if="$(leader_device vol)" bs=1M count=32 iflag=direct status=none | sha256sum)
	for i in 1 2 3; do rb "$i" down vol --force; done
	for i in 1 2 3; do rb "$i" up vol; done
	until_ok 30 leader vol
	after=$(dd if="$(leader_device vol)" bs=1M count=32 iflag=direct status=none | sha256sum)
	[ "$before" = "$after" ]
}

# The data devices do not take anything for a while: the ring fills up, and writers wait, but
# none fails. No test of this volume may follow: so full a log keeps nothing for a member
# that is slower than the others, which may need a resync afterwards.
full_ring_waits_and_goes_on() {
	local l fio d used s
	cluster_up 3 vol
	l=$(a_leader vol)
	d=$(device "$l" vol)
	for s in 1 2 3; do dmsetup suspend --nolockfs "rbdata$s"; done
	fio --name=full --filename="$d" --direct=1 --ioengine=libaio --iodepth=32 --rw=write --bs=64k \
		--size=64m --minimal >/tmp/full.out 2>&1 &
	fio=$!
	until_ok 40 no_progress "$l"
	used=$(field "$l" vol ring_used)
	say "waiting with $used bytes of the ring used"
	kill -0 $fio
	for s in 1 2 3; do dmsetup resume "rbdata$s"; done
	wait $fio || { tail -3 /tmp/full.out; return 1; }
}

no_progress() {
	local a b
	a=$(field "$1" vol executed_index)
	sleep 1
	b=$(field "$1" vol executed_index)
	[ "$a" = "$b" ]
}

discard_reads_zero_everywhere() {
	local d i
	d=$(leader_device vol)
	dd if=/dev/urandom of="$d" bs=1M count=16 oflag=direct status=none
	blkdiscard -o $((2 << 20)) -l $((8 << 20)) "$d"
	blkdiscard -z -o $((12 << 20)) -l $((1 << 20)) "$d"
	for i in 1 2 3; do
		cmp -n $((8 << 20)) <(dd if="$(device "$i" vol)" bs=1M skip=2 count=8 iflag=direct status=none) /dev/zero
		cmp -n $((1 << 20)) <(dd if="$(device "$i" vol)" bs=1M skip=12 count=1 iflag=direct status=none) /dev/zero
	done
}

replicas_are_equal() { replicas_equal vol; }

blocks_of_512_bytes() {
	RBLK_BLOCK=512 cluster_up 3 small
	local d
	d=$(leader_device small)
	[ "$(blockdev --getss "$d")" = 512 ]
	fio_write "$d" --bsrange=512-16k --blockalign=512 --size=8m --io_size=4m
	mkfs.ext4 -q -F "$d"
	replicas_equal small
}

for t in starts ring_wraps live_log_can_be_dumped restart_after_the_wrap discard_reads_zero_everywhere \
	replicas_are_equal blocks_of_512_bytes full_ring_waits_and_goes_on; do
	tap $t
done
tap_end
