#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Without a quorum, I/O waits and continues when the quorum is back. Or it fails after the
# io-timeout of the volume, and then nothing later overtakes the write that failed.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="starved_io_fails_in_time"
trap 'kill_all; cluster_down' EXIT
ACKLOG=${ACKLOG:-$RBLK_TOP/build/selftests/acklog}
PIDS=()

kill_all() {
	local p
	for p in "${PIDS[@]}"; do kill -9 "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
}
dev() { device "$1" vol; }
acked_more_than() { [ "$(wc -l </tmp/ack.q)" -gt "$1" ]; }

waits_for_a_quorum() { cluster_up 3 vol; }

waiting_io_goes_on() {
	local n
	: >/tmp/ack.q
	"$ACKLOG" write "$(dev 1)" 71 20000 >/tmp/ack.q 2>/tmp/ack.err &
	PIDS=($!)
	until_ok 20 acked_more_than 30
	isolate 2
	isolate 3
	until_ok 30 not_ready 1
	n=$(wc -l </tmp/ack.q)
	sleep 3			# nothing may happen, so there is no condition to wait for
	[ "$(wc -l </tmp/ack.q)" -le $((n + 1)) ]
	kill -0 "${PIDS[0]}"
	heal
	until_ok 40 acked_more_than $((n + 30))
	[ ! -s /tmp/ack.err ]
	kill_all
	"$ACKLOG" check "$(dev 1)" 71 "$(wc -l </tmp/ack.q)" | sed 's/^/# /'
	replicas_equal vol
}
not_ready() { field_is "$1" vol ready false; }

# The last close waits for what a reader that was killed was reading, and everybody for the close.
killed_reader_holds_up_nobody() {
	local p
	isolate 2
	isolate 3
	until_ok 30 not_ready 1
	dd if="$(dev 1)" of=/dev/null bs=4k skip=3000 count=1 status=none &
	p=$!
	PIDS=("$p")
	until_ok 10 grep -q '^State:.D' /proc/$p/status
	kill -9 $p
	until_ok 10 fails kill -0 $p
	(: <"$(dev 1)" && sync) &
	p=$!
	until_ok 10 fails kill -0 $p
	wait $p
	heal
	until_ok 30 leader vol
	fails kernel_said 'I/O error, dev raftblk|on dev raftblk.*async page read'
}

fails_after_a_deadline() { RBLK_NEW_ARGS="--io-timeout 3s" cluster_up 3 vol; }

late_io_fails_and_nothing_overtakes_it() {
	local began fd d
	d=$(dev 1)
	dd if=/dev/zero of="$d" bs=4k count=8 oflag=direct status=none
	exec {fd}<>"$d"		# keeps the session
	isolate 2
	isolate 3
	began=$(date +%s)
	# The outcome of the write is unknown: it still has its place in the order.
	if tr '\0' 'a' </dev/zero | dd of="$d" bs=4k count=1 iflag=fullblock oflag=direct \
		status=none 2>/tmp/err; then return 1; fi
	grep -qiE 'timed out|input/output' /tmp/err
	[ $(($(date +%s) - began)) -lt $((15 * RBLK_SLOW)) ]
	if dd if="$d" of=/dev/null bs=4k count=1 iflag=direct 2>/tmp/err; then return 1; fi
	heal
	# The next write of the session comes after it, so that one is read back.
	until_ok 60 write_b "$d"
	[ "$(dd if="$d" bs=4k count=1 iflag=direct status=none | tr -d b | wc -c)" = 0 ]
	exec {fd}>&-
	replicas_equal vol
	[ "$(dd if="$(dev 2)" bs=4k count=1 iflag=direct status=none | tr -d b | wc -c)" = 0 ]
}
write_b() {
	tr '\0' 'b' </dev/zero | dd of="$1" bs=4k count=1 iflag=fullblock oflag=direct status=none
}

# There is more I/O than memory for it: requests that wait for memory have a deadline, too.
starved_io_fails_in_time() {
	local began d
	d=$(dev 1)
	dd if=/dev/zero of="$d" bs=4k count=8 oflag=direct status=none
	isolate 2
	isolate 3
	until_ok 30 not_ready 1
	began=$(date +%s)
	fio --name=w --filename="$d" --direct=1 --ioengine=libaio --iodepth=64 --numjobs=4 \
		--rw=randwrite --bs=128k --size=64m --io_size=24m --continue_on_error=write \
		--minimal >/tmp/fio.s 2>&1 || true
	if dd if="$d" of=/dev/null bs=4k count=1 iflag=direct 2>/tmp/err; then return 1; fi
	# The requests of a writeback wait for each other, but their deadlines must not add up.
	if dd if=/dev/zero of="$d" bs=1M count=48 conv=fsync 2>/tmp/err; then return 1; fi
	echo "# $(($(date +%s) - began)) s"
	[ $(($(date +%s) - began)) -lt $((60 * RBLK_SLOW)) ]
	dmesg | grep -q 'the pool has no memory left for it'
	heal
	until_ok 60 write_b "$d"
	replicas_equal vol
}

for t in waits_for_a_quorum waiting_io_goes_on killed_reader_holds_up_nobody fails_after_a_deadline \
	late_io_fails_and_nothing_overtakes_it starved_io_fails_in_time; do
	tap $t
done
tap_end
