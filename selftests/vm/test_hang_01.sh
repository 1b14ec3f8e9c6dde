#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# A device of the leader hangs: it reports no error, and what is in progress does not end.
# Leadership moves to another node, writers wait no longer than for an election, and people
# are told.
. "$(dirname "$0")/lib.sh"
trap 'resume_all; cluster_down' EXIT
# Leadership does not follow the writer of a shared volume.
ELECTION_S=2
RBLK_NEW_ARGS="--shared --election-timeout ${ELECTION_S}s"
WORST_MS=$((4 * ELECTION_S * 1000))

resume_all() {
	local d
	for d in $(dmsetup ls 2>/dev/null | awk '/^rb(log|data)/ { print $1 }'); do
		dmsetup resume "$d"
	done
}

# ---- what is demanded ----

says() {	# NODE COMMAND TEXT
	rb "$1" "$2" vol 2>&1 | grep -q "$3"
}

starts() {
	need jq fio
	cluster_up 3 vol
}

# 128 KiB at a time use up the memory for payload while the device hangs.
log_of_the_leader() {
	local l w fio worst
	trap resume_all EXIT
	l=$(a_leader vol)
	w=$((l % 3 + 1))
	fio --name=w --filename="$(device "$w" vol)" --direct=1 --ioengine=libaio --iodepth=4 \
		--rw=write --bs=128k --size=16m --rate_iops=20 --time_based --runtime=12 \
		--output-format=json >/tmp/hang.json &
	fio=$!
	sleep 2
	dmsetup suspend --nolockfs "rblog$l"
	until_ok $((4 * ELECTION_S)) other_leader "$l"
	until_ok 5 says "$l" status 'log .*no response for'
	until_ok 5 says "$(a_leader vol)" why "rb$l is held up: a device of it does not respond"
	until_ok 5 says "$(a_leader vol)" check 'WARNING.*2 of 3 replicas'
	dmesg | grep -q "vol.*the log device has not responded for"
	# Before the log of the others no longer covers it.
	dmsetup resume "rblog$l"
	wait $fio
	worst=$(jq -r '.jobs[0].write.clat_ns.max / 1000000 | floor' /tmp/hang.json)
	say "longest write: $worst ms"
	[ "$worst" -lt $WORST_MS ]
	# It comes back by itself.
	until_ok 60 settled vol
	dmesg | grep -q "vol.*the log device responds again"
	replicas_equal vol
}

for t in starts log_of_the_leader; do
	tap $t
done
tap_end
