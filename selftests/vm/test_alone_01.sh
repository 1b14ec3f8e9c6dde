#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# A node that is alone from its start on has a device of the right size all the same. What
# reads or opens it waits, or fails with an error that says why: nothing takes it for an
# empty device, and nothing takes the end of a volume for the end of its device.
. "$(dirname "$0")/lib.sh"
PID=
trap 'stop_reader; cluster_down' EXIT

dev() { device "$1" vol; }
size_of() { cat "/sys/block/$(basename "$1")/size"; }

stop_reader() {
	[ -z "$PID" ] || kill -9 "$PID" 2>/dev/null || true
	wait 2>/dev/null || true
	PID=
}

# Nobody but this node is up.
alone() {	# NODE
	local i
	for i in 1 2 3; do rb "$i" down vol; done
	rb "$1" up vol
	fails field_is "$1" vol ready true
}

starts() {
	RBLK_NEW_ARGS="--io-timeout 4s" cluster_up 3 vol
	size_of "$(dev 1)" >/tmp/size	# every case is a process of its own
	[ "$(cat /tmp/size)" -gt 0 ]
	fio_write "$(leader_device vol)"
}

the_size_is_known_without_a_quorum() {
	alone 1
	[ "$(size_of "$(dev 1)")" = "$(cat /tmp/size)" ]
	[ "$(cat "/sys/block/$(basename "$(dev 1)")/raftblk/ready")" = 0 ]
	# Not a copy of nothing that "succeeds".
	fails dd if="$(dev 1)" of=/tmp/copy bs=1M count=1 status=none
}

a_refusal_is_not_taken_for_a_holder() {
	local began
	began=$(date +%s)
	fails dd if=/dev/zero of="$(dev 1)" bs=4k count=1 conv=notrunc,fsync status=none 2>/tmp/err
	grep -qi 'timed out' /tmp/err
	[ $(($(date +%s) - began)) -ge 3 ]
	[ $(($(date +%s) - began)) -lt $((20 * RBLK_SLOW)) ]
}

what_waits_goes_on() {
	RBLK_NEW_ARGS='' cluster_up 3 vol
	tr '\0' 'x' </dev/zero | dd of="$(leader_device vol)" bs=1M count=4 iflag=fullblock \
		oflag=direct status=none
	alone 1
	dd if="$(dev 1)" of=/tmp/copy bs=1M count=4 status=none &
	PID=$!
	dd if=/dev/zero of="$(dev 1)" bs=4k count=1 seek=1024 oflag=direct conv=notrunc status=none &
	sleep 7			# longer than an open waited once; nothing may end
	kill -0 "$PID"
	kill -0 $!
	rb 2 up vol
	wait $!
	wait "$PID"
	PID=
	[ "$(tr -d x </tmp/copy | wc -c)" = 0 ]
	[ "$(wc -c </tmp/copy)" = $((4 << 20)) ]
	rb 3 up vol
}

# Half of a volume must not look like all of it: not an end of file, but an error.
a_reader_sees_the_volume_go() {
	local d
	d=$(dev 1)
	exec 8<"$d"
	dd bs=1M count=1 status=none <&8 >/dev/null
	rb 1 down vol --force
	[ "$(size_of "$d")" = "$(cat /tmp/size)" ]
	fails dd bs=1M count=64 iflag=fullblock status=none <&8 >/tmp/copy 2>/tmp/err
	grep -qi 'input/output' /tmp/err
	fails dd if="$d" of=/dev/null bs=4k count=1 status=none
	exec 8>&-
	until_ok 10 gone "$d"
	rb 1 up vol
	until_ok 30 replicas_equal vol
}
gone() { [ ! -e "/sys/block/$(basename "$1")" ]; }

what_is_not_bootstrapped_is_not_empty() {
	RBLK_NO_BOOTSTRAP=1 cluster_up 1 vol
	fails dd if="$(dev 1)" of=/tmp/copy bs=4k count=1 status=none 2>/tmp/err
	grep -qi 'no such device' /tmp/err
	fails dd if=/dev/zero of="$(dev 1)" bs=4k count=1 status=none 2>/tmp/err
	grep -qi 'no such device' /tmp/err
	rb 1 bootstrap vol
	until_ok 30 leader vol
	fio_write "$(leader_device vol)"
}

for t in starts the_size_is_known_without_a_quorum a_refusal_is_not_taken_for_a_holder \
	what_waits_goes_on a_reader_sees_the_volume_go what_is_not_bootstrapped_is_not_empty; do
	tap $t
done
tap_end
