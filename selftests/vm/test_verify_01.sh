#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Copies of the image are compared while they are written to: nothing is found where nothing
# differs, a bit that flips on a data device is, and it is mended.
RBLK_VOLUMES="vol"
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="leader_is_mended no_majority"
trap cluster_down EXIT
RBLK_LOG_MIB=24
RBLK_DATA_MIB=96

starts() { cluster_up 3 vol; }

# Sets l to the leader, f to another member, t to the third one, d to the leader's device.
pick() {
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	t=$((6 - l - f))
	d=$(device "$l" vol)
}

# Writes to the first 16 MiB, until it is told to stop.
load() {
	fio --name=load --filename="$d" --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite \
		--bs=4k-64k --blockalign=4k --size=16m --rate=4m --time_based --runtime=600 --minimal \
		>/tmp/load.out 2>&1 &
	fio=$!
}
unload() {
	kill -0 "$fio"
	kill "$fio"
	wait "$fio" || true
}

# flip NODE BYTE: a bit of this byte of the image, below the volume that is up.
flip() {
	local dev byte off=$(((1 << 20) + $2))
	dev=$(data_dev "$1" vol)
	dd if="$dev" of=/tmp/block bs=4k skip=$((off / 4096)) count=1 iflag=direct status=none
	byte=$(od -An -tu1 -j $((off % 4096)) -N 1 /tmp/block)
	printf %b "\\x$(printf %02x $((byte ^ 16)))" |
		dd of=/tmp/block bs=1 seek=$((off % 4096)) conv=notrunc status=none
	dd if=/tmp/block of="$dev" bs=4k seek=$((off / 4096)) oflag=direct conv=notrunc status=none
}

verify() { rb "$1" verify vol --rate none "${@:2}" 2>/dev/null; }

# On a busy host a run may stop, since somebody does not answer in time.
differs() { ! verify "$1" --range "$2" >/tmp/out && grep -q "$3" /tmp/out; }	# NODE RANGE PATTERN

alike_under_load() {
	local l f t d fio
	pick
	fio --name=fill --filename="$d" --direct=1 --rw=write --bs=128k --minimal >/dev/null
	load
	verify "$f" --range 0-16M >/tmp/out
	grep -q 'alike on all members$' /tmp/out
	verify "$l" --range 16M-20M --mend >/tmp/out
	unload
	[ "$(field "$f" vol verify_differing)" = 0 ]
	[ "$(field "$l" vol verify_differing)" = 0 ]
	[ "$(field "$t" vol verify_reads)" -ge 160 ]
	replicas_equal vol
}

flip_is_found_and_mended() {
	local l f t d fio
	pick
	replicas_equal vol
	load
	flip "$f" $((48 << 20 | 5000))
	until_ok 60 differs "$t" 46M-50M "bytes 50331648-50462720: differs: the copy of rb$f\$"
	rb "$t" why vol | grep -q "copy of the image on rb$f differs .* raftblk verify vol --mend"
	fails rb "$t" check vol | grep -q WARNING
	dmesg | grep -q "vol@rb$t: VERIFY: sectors 98304 to 98559 differ on rb$f "
	verify "$t" --range 46M-50M --mend --json >/tmp/out
	grep -q '"mended": 1' /tmp/out
	unload
	[ "$(rb "$t" status vol --field verify.open)" = none ]
	[ "$(field "$f" vol resync_bytes)" -ge $((128 << 10)) ]
	[ "$(field "$f" vol resync_bytes)" -le $((1 << 20)) ]
	replicas_equal vol
}

# The leader's own copy is wrong: it hands over while it mends.
leader_is_mended() {
	local l f t d fio
	pick
	replicas_equal vol
	flip "$l" $((64 << 20))
	load
	verify "$l" --range 62M-66M --mend >/tmp/out
	grep -q "mended; what differed was the copy of rb$l\$" /tmp/out
	unload
	replicas_equal vol
}

# One copy against one: it is said, and nothing is done. With the third one, it is mended.
no_majority() {
	local l f t d
	pick
	replicas_equal vol
	rb "$t" down vol
	flip "$f" $((72 << 20))
	fails verify "$l" --range 71M-73M --mend >/tmp/out
	grep -q "bytes 75497472-75628544: no copy is that of more than half of all members" /tmp/out
	rb "$t" up vol
	until_ok 30 well "$t"
	verify "$l" --range 71M-73M --mend >/tmp/out
	grep -q "mended; what differed was the copy of rb$f\$" /tmp/out
	replicas_equal vol
}
well() { [ "$(field "$1" vol executed_index)" = "$(field "$(a_leader vol)" vol executed_index)" ]; }

verify_late() { verify "$1" --range 80M-81M --mend >>/tmp/out; }

# A member that is down has its own log to compare with.
offline_with_its_own_log() {
	local l f t d
	pick
	replicas_equal vol
	fails rb "$f" verify vol --offline 2>/tmp/err
	grep -q 'a device is in use; .*raftblk down vol' /tmp/err
	fio --name=late --filename="$d" --direct=1 --rw=write --bs=64k --offset=80m --size=1m \
		--minimal >/dev/null
	replicas_equal vol
	rb "$f" down vol
	rb "$f" verify vol --offline >/tmp/out
	grep -q "the image on rb$f agrees with its log, in all that the log still has of it: [1-9]" /tmp/out
	flip "$f" $(((80 << 20) + 200000))
	fails rb "$f" verify vol --offline >/tmp/out 2>/tmp/err
	grep -q "bytes 84085760-84086272: the image on rb$f is not what its log says" /tmp/out
	grep -q '512 B of .* that the log has differ; to mend that: raftblk up vol' /tmp/err
	rb "$f" up vol
	# Who started a moment ago is not compared yet.
	rm /tmp/out
	until_ok 60 verify_late "$l"
	grep -q "mended; what differed was the copy of rb$f\$" /tmp/out
	replicas_equal vol
}

for t in starts alike_under_load flip_is_found_and_mended leader_is_mended no_majority \
	offline_with_its_own_log; do
	tap $t
done
tap_end
