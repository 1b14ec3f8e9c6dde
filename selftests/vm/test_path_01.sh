#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# What is small gets out of the leader, and what is large does not, as when the MTU of a path is
# smaller than that of its ends, and nobody says so. Heartbeats go on. Leadership moves to another
# node, writers wait no longer than for an election, and people are told.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="both_ways payload_of_the_leader"
trap cluster_down EXIT
# Leadership does not follow the writer of a shared volume.
ELECTION_S=2
RBLK_NEW_ARGS="--shared --election-timeout ${ELECTION_S}s"
WORST_MS=$((4 * ELECTION_S * 1000))

says() {	# NODE COMMAND TEXT
	rb "$1" "$2" vol 2>&1 | grep -q "$3"
}

# Also what is cut into packets behind the filter.
narrow() {	# NODE: nothing of 1000 bytes or more leaves it
	in_node "$1" iptables -I OUTPUT -o eth0 -m length --length 1000:65535 -j DROP
}
swallowed() {	# NODE: how many packets
	in_node "$1" iptables -nvxL OUTPUT | awk '/length/ { print $1 }'
}
committed_beyond() {	# NODE INDEX
	[ "$(field "$1" vol commit_index)" -gt "$2" ]
}
gets_through() {	# NODE: what it writes
	within 60 dd if=/dev/urandom of="$(device "$1" vol)" bs=16k count=8 seek=2048 \
		oflag=direct conv=notrunc status=none
}

starts() {
	need jq fio iptables
	cluster_up 3 vol
}

payload_of_the_leader() {
	local l w now fio worst
	trap heal EXIT
	l=$(a_leader vol)
	w=$((l % 3 + 1))
	fio --name=w --filename="$(device "$w" vol)" --direct=1 --ioengine=libaio --iodepth=4 \
		--rw=randwrite --bs=16k --size=16m --rate_iops=64 --verify=crc32c \
		--verify_fatal=1 --randseed=7 --output-format=json >/tmp/path.json &
	fio=$!
	now=$(field "$w" vol commit_index)
	until_ok 20 committed_beyond "$w" $((now + 64))
	narrow "$l"
	until_ok $((4 * ELECTION_S)) other_leader "$l"
	[ "$(swallowed "$l")" -gt 0 ]
	until_ok 5 says "$l" why 'payload to rb[1-3].* does not get through'
	until_ok 5 says "$l" status 'payload does not get through'
	until_ok 5 says "$(a_leader vol)" why "rb$l is not to lead: its payload reaches no majority"
	dmesg | grep -q 'payload to rb[1-3] does not get through, though it is heard'
	wait $fio
	worst=$(jq -r '.jobs[0].write.clat_ns.max / 1000000 | floor' /tmp/path.json)
	say "longest write: $worst ms"
	[ "$worst" -lt $WORST_MS ]
	other_leader "$l"
	# It comes back by itself, and what it writes shows that the path is well.
	heal
	gets_through "$l"
	until_ok 20 dmesg_says 'payload to rb[1-3] gets through again'
	until_ok 60 settled vol
	replicas_equal vol
}
dmesg_says() { dmesg | grep -q "$1"; }

# Nothing large reaches it, either: it is left behind until the path is well again.
both_ways() {
	local l i other
	trap heal EXIT
	l=$(a_leader vol)
	other=$((l % 3 + 1))
	narrow "$l"
	for i in 1 2 3; do
		[ "$i" = "$l" ] || in_node "$i" iptables -I OUTPUT -o eth0 -d "10.99.0.$l" \
			-m length --length 1000:65535 -j DROP
	done
	gets_through "$other"
	other_leader "$l"
	gets_through "$other"
	until_ok 10 says "$(a_leader vol)" check 'WARNING.*2 of 3 replicas'
	heal
	until_ok 60 settled vol
	gets_through "$l"
	replicas_equal vol
}

for t in starts payload_of_the_leader both_ways; do
	tap $t
done
tap_end
