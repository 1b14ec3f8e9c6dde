#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Root of the initial network namespace sees the volumes of all others, and ends them, also when
# nobody can enter their namespaces any more.
. "$(dirname "$0")/lib.sh"
trap 'end_all; cluster_down' EXIT
KO=${KO:-$RBLK_TOP/raftblk.ko}

# Commands without "rb" run in the initial namespace. The three nodes all have a volume "vol".
of_all() { "$RB" status --json | jq -er "$1" || return 1; }	# 4 would be a skip
of_node() { of_all ".[] | select(.node == \"rb$1\") | $2"; }	# NODE FILTER
inode() { stat -Lc %i "/run/netns/rb$1"; }
end_all() {
	local d
	for d in $("$RB" status --noheadings -o device); do "$RB" down "$d" --force; done
}

refused() {	# PATTERN COMMAND...
	local pat=$1
	shift
	fails "$@" >/tmp/out 2>&1
	grep -Eq "$pat" /tmp/out || { say "$(cat /tmp/out)"; return 1; }
}

starts() { cluster_up 3 vol; }

all_are_seen() {
	local i
	[ "$(of_all length)" = 3 ]
	for i in 1 2 3; do
		[ "$(of_node "$i" .netns)" = "$(inode "$i")" ]
		[ "$(of_node "$i" .device)" = "$(device "$i" vol)" ]
		"$RB" status | grep -q "^vol (netns $(inode "$i")) on rb$i: $(device "$i" vol), "
		# Its own namespace sees only that, and needs no number for it.
		[ "$(rb "$i" status --json | jq -c 'map([.node, .netns])')" = "[[\"rb$i\",null]]" ]
	done
	"$RB" why "$(device 2 vol)" | grep -q "^vol (netns $(inode 2)) on rb2: "
}

a_name_is_of_one_namespace() {
	local devices
	devices=$(of_all '[.[].device] | join(", ")')
	refused "no such volume is up in this network namespace; .* the name of $devices: .* status /dev/" \
		"$RB" down vol
	refused "the volume is not up on this node; .* the name of $devices: " "$RB" why vol
	refused "no such volume is up in this .*; to start it: raftblk up other" "$RB" down other
	[ "$(of_all length)" = 3 ]
}

others_reach_only_their_own() {
	local d
	d=$(device 2 vol)
	refused "no volume with this device is up in this network namespace; only the initial .* status$" \
		rb 1 down "$d" --force
	refused "only the initial network namespace" rb 1 status "$d"
	[ "$(of_node 2 .state)" = running ]
	rb 2 status "$d" --field node | grep -qx rb2
}

# Whoever asked in the initial namespace is told the end of a transfer, and so is everybody who
# listens, in either namespace, once.
ends_and_events_reach_both() {
	local l to d ns i log
	l=$(a_leader vol)
	to=$((l % 3 + 1))
	d=$(device "$l" vol)
	ns=$(inode "$l")
	"$RB" events --now >/tmp/initial 2>&1 &
	rb "$l" events --now >/tmp/own 2>&1 &
	for log in /tmp/initial /tmp/own; do until_ok 10 grep -q " now: leader" $log; done
	within 30 "$RB" transfer "$d" "rb$to"
	until_ok 10 grep -q "vol (netns $ns) role: follower .* leader: rb$to" /tmp/initial
	until_ok 10 grep -q "vol role: follower .* leader: rb$to" /tmp/own
	until_ok 10 leader_is "$to"
	kill %1 %2
	wait
	[ "$(grep -c "vol (netns $ns) done: rb$to" /tmp/initial)" = 1 ]
	[ "$(grep -c "vol done: rb$to" /tmp/own)" = 1 ]
	for i in 1 2 3; do
		grep -q "vol (netns $(inode "$i")) now: " /tmp/initial
	done
	fails grep -q 'vol [^(]' /tmp/initial
	fails grep -q netns /tmp/own
}

open_devices_are_refused() {
	local d fd
	d=$(of_node 3 .device)
	exec {fd}<"$d"
	refused "$d: down: $d is open \(1 openers\): bash .*; .*: raftblk down $d --force" "$RB" down "$d"
	exec {fd}<&-
	[ "$(of_node 3 .state)" = running ]
}

is_left() { [ "$(of_all length)" = "$1" ]; }

# What the sockets of the volumes keep has no name, so no command can be run in it.
namespaces_are_deleted() {
	local i
	for i in 1 2 3; do ip netns del "rb$i"; done
	fails rb 1 status 2>/dev/null
	is_left 3
	[ "$(of_node 1 .state)" = running ]
	fails rmmod raftblk 2>/dev/null
	within 60 "$RB" down "$(of_node 1 .device)" | grep -q ': down$'
	is_left 2
	within 60 "$RB" down "$(of_node 2 .device)" --force
	within 60 "$RB" down "$(of_node 3 .device)"
	"$RB" status | grep -qx 'no volume is up in this network namespace'
	rmmod raftblk
	modprobe -q libcrc32c; insmod "$KO"
}

for t in starts all_are_seen a_name_is_of_one_namespace others_reach_only_their_own \
	ends_and_events_reach_both open_devices_are_refused namespaces_are_deleted; do
	tap $t
done
tap_end
