#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Whoever waits for the module can be killed, wherever that is. Documentation/locking.rst lists
# the places.
. "$(dirname "$0")/lib.sh"
trap 'clear_up; cluster_down' EXIT
PIDS=()

clear_up() {
	heal 2>/dev/null
	for p in "${PIDS[@]}"; do kill -9 "$p" 2>/dev/null; done
	for d in 1 2 3; do dmsetup resume "rbdata$d" 2>/dev/null; done
}

dev() { device "$1" vol; }
gone() { ! kill -0 "$1" 2>/dev/null; }
waits_in() { grep -q "$2" "/proc/$1/stack"; }

# dies PID FUNCTION: it waits within FUNCTION (of those that are not inlined), and is gone right after
# it was killed.
dies() {
	until_ok 20 waits_in "$1" "$2"
	kill -9 "$1"
	until_ok 3 gone "$1"
	wait "$1" 2>/dev/null || true
}

starts() {
	need sfdisk
	cluster_up 3 vol
	sfdisk -q "$(dev 1)" <<<'size=10MiB'
	until_ok 10 test -e "$(dev 2)p1"
	until_ok 10 test -e "$(dev 3)p1"
}

opener_without_a_quorum() {
	isolate 2
	until_ok 20 field_is 2 vol ready false
	dd if=/dev/zero of="$(dev 2)" count=1 status=none &
	PIDS=($!)
	dies $! rblk_open_session
	heal
	until_ok 20 field_is 2 vol ready true
}

# Its session is granted, but its data device is what it reads from.
opener_reads_the_table() {
	dmsetup suspend --nolockfs rbdata3
	dd if=/dev/zero of="$(dev 3)" count=1 status=none &
	PIDS=($!)
	dies $! rblk_table_read
	dmsetup resume rbdata3
	until_ok 20 settled vol
}

# As above, and a reader is there before: where there are no partitions.
opener_behind_a_reader() {
	local i
	sfdisk -q --delete "$(dev 1)"
	until_ok 10 fails test -e "$(dev 2)p1"
	until_ok 20 settled vol
	# All of them: what is read ahead fails on a suspended device, and another member would answer.
	for i in 1 2 3; do dmsetup suspend --nolockfs "rbdata$i"; done
	dd if="$(dev 2)" of=/dev/null bs=4k skip=100 count=1 status=none &
	PIDS=($!)
	until_ok 20 waits_in $! folio_wait_bit
	dd if=/dev/zero of="$(dev 2)" bs=4k seek=1000 count=1 status=none &
	PIDS+=($!)
	dies $! folio_wait_bit
	for i in 1 2 3; do dmsetup resume "rbdata$i"; done
	wait "${PIDS[0]}"
	PIDS=()
	dd if=/dev/zero of="$(dev 2)" bs=4k seek=1000 count=1 oflag=direct status=none
	replicas_equal vol
}

for t in starts opener_without_a_quorum opener_reads_the_table opener_behind_a_reader; do
	tap $t
done
tap_end
