#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Looking at a volume whose loop stands still: there is an answer at once, which says how
# old it is, and nothing that is asked of the volume is done later behind one's back.
. "$(dirname "$0")/lib.sh"
SPIN=
trap 'loop_goes_on; cluster_down' EXIT

disk_of() { basename "$(device "$1" vol)"; }	# and the name of its thread

# The loop of a node gets no processor: a program with real-time priority has it. Returns
# when that shows: what is asked of the volume before may still be done.
loop_stands_still() {	# NODE
	local loop
	loop=$(pgrep -x "$(disk_of "$1")")
	[ "$(nproc)" -gt 1 ] || { say "one processor is too few"; exit 4; }
	sysctl -q kernel.sched_rt_runtime_us=-1
	taskset -pc 1 "$loop" >/dev/null
	rm -f /tmp/spinning
	taskset -c 1 chrt -f 50 sh -c 'echo >/tmp/spinning; while :; do :; done' &
	SPIN=$!
	until_ok 20 test -s /tmp/spinning
	until_ok 20 is_old "$1"
}

loop_goes_on() {
	[ -z "$SPIN" ] || kill -9 "$SPIN"
	SPIN=
	sysctl -q kernel.sched_rt_runtime_us=950000
}

starts() {
	need taskset chrt
	cluster_up 3 vol
}

is_fresh() { [ "$(field "$1" vol age_ms)" -lt 1000 ]; }
is_old() { [ "$(field "$1" vol age_ms)" -ge 1000 ]; }

a_status_is_of_now() {
	local i
	for i in 1 2 3; do
		is_fresh "$i"
		[ "$(cat "/sys/block/$(disk_of "$i")/raftblk/age_ms")" -lt 1000 ]
	done
}

# A follower, so that the others go on.
looking_needs_no_answer() {
	local l n dir
	l=$(a_leader vol)
	n=$((l % 3 + 1))
	dir=/sys/block/$(disk_of "$n")/raftblk
	trap 'loop_goes_on' EXIT
	loop_stands_still "$n"
	[ "$(cat "$dir/role")" = follower ]
	[ "$(cat "$dir/age_ms")" -ge 1000 ]
	rb "$n" status vol | grep -q 'the volume is unresponsive'
	rb "$n" why vol --json >/tmp/why || true
	[ "$(jq -r .rule /tmp/why)" = no-answer ]
	grep -q 'does not answer: error 110' "/sys/kernel/debug/raftblk/$(basename "${dir%/*}")/state"
	is_old "$n"		# all of these were answered while it stood still
}

# How often the thread of a node's loop has gone to sleep.
sleeps_of() { awk '/^voluntary/ { print $2 }' "/proc/$(pgrep -x "$(disk_of "$1")")/status"; }

hundred_writes() {	# NODE: prints how long they take and how often the loop slept, in ms
	local at slept
	at=$(date +%s%3N)
	slept=$(sleeps_of "$1")
	dd if=/dev/zero of="$(device "$1" vol)" bs=4k count=100 oflag=direct status=none
	echo $(($(date +%s%3N) - at)) $(($(sleeps_of "$1") - slept))
}

# The files in sysfs are for everybody. However many read them in a loop, the loop of the node
# wakes up twice every 5 ms for them: for a question, and when it is time to answer all.
readers_do_not_busy_the_loop() {
	local l file readers=() alone beside ms_alone ms_beside
	l=$(a_leader vol)
	file=/sys/block/$(disk_of "$l")/raftblk/role
	hundred_writes "$l" >/dev/null
	read -r ms_alone alone <<<"$(hundred_writes "$l")"
	for _ in {1..16}; do
		chrt -i 0 sh -c "while :; do read -r role <$file; done" &
		readers+=($!)
	done
	# shellcheck disable=SC2064 # those of now
	trap "kill ${readers[*]}" EXIT
	read -r ms_beside beside <<<"$(hundred_writes "$l")"
	say "100 writes: $ms_alone ms, the loop slept $alone times; beside readers $ms_beside ms, $beside"
	[ "$beside" -le $((alone + 2 * ms_beside / 5 + 10)) ]
}

asking_is_given_up() {
	local l n
	l=$(a_leader vol)
	n=$((l % 3 + 1))
	exec 9<>"$(device "$l" vol)"	# in use: only --force takes the session from there
	trap 'loop_goes_on' EXIT
	loop_stands_still "$n"
	fails rb "$n" take vol --force 2>/tmp/take.err
	grep -q 'does not answer' /tmp/take.err
	loop_goes_on
	until_ok 10 is_fresh "$n"
	# Had it been made after all, this one would have nothing left to do.
	fails rb "$n" take vol --wait 1s 2>/tmp/take.err
	grep -q "rb$l uses it" /tmp/take.err
	exec 9>&-
}

it_goes_on() {
	local i
	for i in 1 2 3; do until_ok 30 is_fresh "$i"; done
	fio_write "$(leader_device vol)"
	replicas_equal vol
}

for t in starts a_status_is_of_now readers_do_not_busy_the_loop looking_needs_no_answer \
	it_goes_on asking_is_given_up it_goes_on; do
	tap $t
done
tap_end
