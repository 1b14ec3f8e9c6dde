#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Sessions: every node sees them, they can be taken from a node that uses one, and on a shared
# volume each node has its own.
. "$(dirname "$0")/lib.sh"
trap cluster_down EXIT
RBLK_LOG_MIB=64
RBLK_DATA_MIB=64

starts() { cluster_up 3 vol; }

other() { echo $(($1 % 3 + 1)); }

# hold NODE: keeps the device open for writing there, until let_go NODE.
hold() {
	rm -f "/tmp/hold.$1"
	in_node "$1" sh -c "exec 3>>$(device "$1" vol); echo \$\$ >/tmp/hold.$1; exec sleep 600" \
		</dev/null >/dev/null 2>&1 &
	until_ok 20 [ -s "/tmp/hold.$1" ]
}
let_go() { kill "$(cat "/tmp/hold.$1")"; }

has_another_leader() { [ "$(field "$1" vol leader_node)" != "$2" ] && field_is "$1" vol ready true; }
sessions_are() { [ "$(rb 3 sessions vol --json | jq ".sessions | length")" = "$1" ]; }
holder_is() { field_is "$1" vol holder_node "$2"; }

every_node_sees_the_session() {
	local i
	dd if=/dev/zero of="$(device 2 vol)" bs=4k count=4 oflag=direct status=none
	for i in 1 2 3; do until_ok 10 holder_is "$i" rb2; done
	rb 2 sessions vol --noheadings -o node,here | grep -q '^rb2 *yes'
	rb 1 sessions vol --noheadings -o node,here | grep -q '^rb2 *no'
	rb 1 sessions vol --json | jq -e '.shared == false and (.sessions | length) == 1'
}

nothing_is_taken_without_force() {
	hold 2
	until_ok 10 holder_is 1 rb2
	fails rb 1 take vol 2>/dev/null
	# The holder uses the session: waiting does not help, and the message says who has it.
	rb 1 take vol --wait 1s 2>&1 | grep -q 'rb2 uses it'
	holder_is 1 rb2
	let_go 2
	rb 1 take vol --wait 10s | grep -q 'rb1 holds the session$'
	field_is 1 vol session held
	until_ok 10 holder_is 1 rb1	# as executed there, which is a moment later
}

what_is_used_is_taken_by_force() {
	hold 2
	until_ok 10 holder_is 3 rb2
	dd if=/dev/zero bs=4k count=4 oflag=direct status=none of="$(device 2 vol)"
	rb 3 take vol --force | grep -q 'taken from rb2, which is fenced'
	field_is 3 vol session held
	until_ok 10 holder_is 3 rb3
	until_ok 10 field_is 2 vol session fenced
	fails dd if=/dev/zero bs=4k count=4 oflag=direct status=none of="$(device 2 vol)" 2>/dev/null
	rb 2 why vol | grep -q 'taken over by rb3'
	fails rb 2 take vol --force 2>/tmp/take.err
	grep -q 'was fenced itself' /tmp/take.err
	dd if=/dev/urandom bs=4k count=4 oflag=direct status=none of="$(device 3 vol)"
	let_go 2
	until_ok 10 field_is 2 vol session none
	dd if=/dev/zero bs=4k count=4 oflag=direct status=none of="$(device 2 vol)"
	replicas_equal vol
}

# The first open after the last close of a fenced device may come before the worker that
# resets the session: it must not find the device fenced for as long as it is open.
a_reader_comes_right_after_the_last_close() {
	local i d
	d=$(device 2 vol)
	for i in $(seq 5); do
		exec 7>>"$d"
		until_ok 10 holder_is 3 rb2
		rb 3 take vol --force >/dev/null
		until_ok 10 field_is 2 vol session fenced
		exec 7>&-
		dd if="$d" of=/dev/null bs=4k count=1 iflag=direct status=none
		until_ok 10 field_is 2 vol session none
	done
}

a_dead_holder_is_no_obstacle() {
	local lost
	dd if=/dev/zero bs=4k count=4 oflag=direct status=none of="$(device 1 vol)"
	isolate 1
	until_ok 30 has_another_leader 2 rb1
	rb 2 take vol --force | grep -q 'taken from rb1'
	lost=$(rb 1 take vol --wait 2s 2>&1 || true)
	heal
	until_ok 20 field_is 1 vol holder_node rb2
	replicas_equal vol
	echo "$lost" | grep -qE 'no answer|holds the session'
}

without_a_quorum_it_gives_up() {
	isolate 1
	isolate 2
	isolate 3
	until_ok 30 field_is 3 vol ready false
	fails rb 3 take vol --force 2>/tmp/take.err
	grep -q 'no quorum' /tmp/take.err
	heal
	until_ok 30 leader vol
}

# A node has mounted the volume read-only, without a session. What it has cached is older than
# what another node has written since.
what_is_cached_is_not_built_upon() {
	local d1 d2
	d1=$(device 1 vol)
	d2=$(device 2 vol)
	mkdir -p /mnt/t1 /mnt/t2
	mkfs.ext4 -qF "$d2"
	mount -o ro "$d1" /mnt/t1
	mount "$d2" /mnt/t2
	cp -r /usr/include/linux/netfilter /mnt/t2/
	umount /mnt/t2
	rb 1 take vol --wait 10s
	# The node has the session, but what it would write belongs to the old state.
	fails mount -o remount,rw /mnt/t1 2>/dev/null
	[ "$(blockdev --getro "$d1")" = 1 ]
	fails dd if=/dev/zero of="$d1" bs=4k count=1 oflag=direct status=none 2>/dev/null
	kernel_said 'is it mounted read-only'
	umount /mnt/t1
	mount "$d1" /mnt/t1
	[ "$(blockdev --getro "$d1")" = 0 ]
	diff -r /usr/include/linux/netfilter /mnt/t1/netfilter
	touch /mnt/t1/more
	umount /mnt/t1
	fsck.ext4 -fn "$d1" >/dev/null
	replicas_equal vol
}

shared_volumes_have_a_session_a_node() {
	cluster_down || true
	RBLK_NEW_ARGS="--shared" cluster_up 3 vol
	hold 1
	hold 2
	until_ok 20 sessions_are 2
	rb 3 sessions vol --json | jq -e .shared
	dd if=/dev/urandom bs=4k count=8 oflag=direct status=none of="$(device 1 vol)"
	dd if=/dev/urandom bs=4k count=8 seek=100 oflag=direct status=none of="$(device 2 vol)"
	fails rb 3 take vol --force 2>/tmp/take.err
	grep -q 'is shared' /tmp/take.err
	rb 3 status vol | grep -q 'session .*shared, held by rb1 since entry [0-9]*, rb2 since'
	let_go 1
	let_go 2
	replicas_equal vol
}

for t in starts every_node_sees_the_session nothing_is_taken_without_force \
	what_is_used_is_taken_by_force a_reader_comes_right_after_the_last_close \
	a_dead_holder_is_no_obstacle without_a_quorum_it_gives_up \
	what_is_cached_is_not_built_upon \
	shared_volumes_have_a_session_a_node; do tap $t; done
tap_end
