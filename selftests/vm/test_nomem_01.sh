#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# There is no memory for the threads of the volumes: I/O allocates nothing that may fail,
# except in the network, which then waits. This needs a kernel with fault injection.
. "$(dirname "$0")/lib.sh"
trap 'inject_none; cluster_down' EXIT
ACKLOG=${ACKLOG:-$RBLK_TOP/build/selftests/acklog}
DEBUGFS=/sys/kernel/debug
MANY=1000000000		# the kernel counts down from it with each failure it injects

can_inject() {
	if [ -d $DEBUGFS/failslab ] && [ -d $DEBUGFS/fail_page_alloc ]; then
		inject_none	# an earlier test may have left some on
		return 0
	fi
	say "this kernel cannot inject faults"
	exit 4
}

# Arms failslab or fail_page_alloc: every allocation of a marked task fails, even one that
# may sleep. None fails in interrupts, since those work for all tasks.
arm() {
	echo Y >$DEBUGFS/"$1"/task-filter	# must be first, or everything fails
	echo $MANY >$DEBUGFS/"$1"/times
	echo 1 >$DEBUGFS/"$1"/interval
	echo 0 >$DEBUGFS/"$1"/space
	echo 0 >$DEBUGFS/"$1"/verbose
	echo N >$DEBUGFS/"$1"/ignore-gfp-wait
	[ "$1" = failslab ] || echo 0 >$DEBUGFS/"$1"/min-order
	echo 100 >$DEBUGFS/"$1"/probability
	! (echo 1 >/proc/self/make-it-fail; exec cat /proc/version) >/dev/null 2>&1 ||
		{ say "$1 does not fail what it should"; return 1; }
	echo $MANY >$DEBUGFS/"$1"/times
}

failures() { echo $((MANY - $(cat $DEBUGFS/"$1"/times))); }

disk_of() { basename "$(device "$1" vol)"; }	# this is also the name of its thread

inject_into() { echo 1 >"/proc/$1/make-it-fail"; }
lift_from() { echo 0 >"/proc/$1/make-it-fail"; }

inject_none() {
	local f p
	for f in failslab fail_page_alloc; do
		[ ! -d $DEBUGFS/$f ] || echo 0 >$DEBUGFS/$f/probability
	done
	for p in $(pgrep '^raftblk[0-9]' || true); do lift_from "$p"; done
}

alone() { can_inject; cluster_up 1 vol; }

# With one member there is no network. This covers everything from submission to checkpoint.
alone_without() {	# failslab|fail_page_alloc
	# shellcheck disable=SC2034 # lib.sh uses it
	local loop d RBLK_NODES=1
	can_inject
	loop=$(pgrep -x "$(disk_of 1)")
	d=$(leader_device vol)
	dd if=/dev/zero of="$d" bs=4k count=1 oflag=direct status=none	# takes the session
	arm "$1"
	inject_into "$loop"
	fio_write "$d" --size=16m --io_size=24m
	blkdiscard -o $((4 << 20)) -l $((2 << 20)) "$d"
	cmp -n $((2 << 20)) <(dd if="$d" bs=1M skip=4 count=2 iflag=direct status=none) /dev/zero
	say "$(failures "$1") allocations failed"
	inject_none
	[ "$(field 1 vol halt)" = none ]
	replicas_equal vol
}

alone_without_slab() {
	alone_without failslab
	# The device mapper below allocates memory, so something must have failed.
	[ "$(failures failslab)" -gt 0 ]
}
alone_without_pages() { alone_without fail_page_alloc; }

# The election timeout is long, see all_stall().
three() { can_inject; RBLK_NEW_ARGS="--election-timeout $((5 * RBLK_SLOW))s" cluster_up 3 vol; }

leads() { [ "$(leader vol)" = "$1" ]; }
nobody_leads() { ! leader vol; }
acked() { wc -l </tmp/ack.nomem; }
more_acked() { [ "$(acked)" -ge "$1" ]; }
stands_still() { local n; n=$(acked); sleep 1; [ "$(acked)" = "$n" ]; }

# last_index NODE: read from debugfs without starting a program, since all_stall() has only
# an election timeout.
last_index() {
	local line
	while read -r line; do
		[[ $line =~ ' last '[0-9]+/([0-9]+) ]] || continue
		echo "${BASH_REMATCH[1]}"
		return
	done <"$DEBUGFS/raftblk/${DISK[$1]}/state"
}

is_ahead() {
	local i mine
	mine=$(last_index "$1")
	for i in 1 2 3; do
		[ "$i" = "$1" ] || [ "$(last_index "$i")" -lt "$mine" ] || return 1
	done
}

busy() { [ "$(field "$1" vol inflight)" -gt 4 ]; }

# Stops all members from sending, the leader first. It goes on filling its own log, so none of
# the others can be elected before it has learnt of these entries. Another leader would be a
# reason for errors, since only this one holds a session.
all_stall() {	# LEADER
	local i
	arm failslab
	STALLED=$SECONDS
	inject_into "${LOOP[$1]}"
	until_ok 4 is_ahead "$1"
	for i in 1 2 3; do inject_into "${LOOP[$i]}"; done
	until_ok 20 stands_still
}

# Lets the leader send again, and one member whose vote it needs; the third cannot vote yet.
# This must not last: what the two write must not outgrow the log, which the third needs.
goes_on() {	# LEADER
	local n
	n=$(acked)
	lift_from "${LOOP[$1]}"
	lift_from "${LOOP[$(($1 % 3 + 1))]}"
	until_ok 60 more_acked $((n + 20))
	n=$(failures failslab)
	say "$n allocations failed in $((SECONDS - STALLED)) s"
	[ "$n" -gt 0 ]
	[ "$n" -lt $((1000 * (SECONDS - STALLED))) ]	# they retry, but do not spin
	inject_none
	until_ok 60 leads "$1"
}

writers() {	# DEVICE: starts two writers; both end at the first error
	"$ACKLOG" write "$1" 21 15000 >/tmp/ack.nomem 2>/tmp/ack.err &
	WRITERS=($!)
	fio --name=w --filename="$1" --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite --bs=8k \
		--offset=64m --size=16m --time_based --runtime=3600 --minimal >/tmp/fio.out 2>&1 &
	WRITERS+=($!)
}

three_without_slab() {
	local l i
	can_inject
	l=$(a_leader vol)
	for i in 1 2 3; do
		DISK[i]=$(disk_of "$i")
		LOOP[i]=$(pgrep -x "${DISK[$i]}")
	done
	writers "$(device "$l" vol)"
	until_ok 60 more_acked 20
	until_ok 60 busy "$l"
	all_stall "$l"
	goes_on "$l"
	all_stall "$l"
	until_ok 60 nobody_leads
	goes_on "$l"
	for i in "${WRITERS[@]}"; do kill -0 "$i"; done
	pkill -9 -x 'acklog|fio'
	wait 2>/dev/null || true
	for i in 1 2 3; do [ "$(field "$i" vol halt)" = none ]; done
	"$ACKLOG" check "$(device "$l" vol)" 21 "$(acked)" >&2
	replicas_equal vol
}

for t in alone alone_without_slab alone_without_pages three three_without_slab; do tap $t; done
tap_end
