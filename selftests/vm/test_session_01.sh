#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Any node may write, one at a time, whichever leads. What is in flight on a node that
# lives outlasts the leader without an error.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="fio_verifies_across_transfers rolling_restart"
trap 'kill_all; cluster_down' EXIT
ACKLOG=${ACKLOG:-$RBLK_TOP/build/selftests/acklog}
PIDS=()

starts() { cluster_up 3 vol; }

kill_all() {
	local p
	for p in "${PIDS[@]}"; do kill -9 "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
}

dev() { device "$1" vol; }
put() { dd if=/dev/urandom of="$(dev "$1")" bs=4k count="${2:-1}" oflag=direct status=none; }
other() { echo $(($1 % 3 + 1)); }
# NODE: it leads, and stays so for a while. A transfer may be refused for a moment, as while leadership
# follows the session.
lead() { until_ok 60 made_leader "$1"; }
made_leader() {
	local l
	l=$(leader vol) || return
	[ "$l" = "$1" ] || { rb "$l" transfer vol "rb$1" && leader_is "$1"; }
}
session() { field "$1" vol session; }
session_is() { [ "$(session "$1")" = "$2" ]; }
entries() { field "$1" vol executed_index; }

second_writer_gets_busy_at_once() {
	local fd began
	lead 1
	exec {fd}<>"$(dev 2)"
	began=$(date +%s%3N)
	if put 3 2>/tmp/err; then return 1; fi
	grep -qi 'busy' /tmp/err
	[ $(($(date +%s%3N) - began)) -lt $((3000 * RBLK_SLOW)) ]	# giving up takes 5 s
	kernel_said 'rb2 holds the session'
	exec {fd}>&-
	put 3
	session_is 3 held
	session_is 2 none
}

reader_then_writer_elsewhere() {
	local fd
	put 1
	exec {fd}<"$(dev 1)"		# open for reading, which keeps the session of rb1
	cmp <(dd if="$(dev 1)" bs=4k count=1 iflag=direct status=none) \
		<(dd if="$(dev 3)" bs=4k count=1 iflag=direct status=none)
	if put 2 2>/dev/null; then return 1; fi
	exec {fd}<&-
	exec {fd}<"$(dev 3)"		# rb3 has no session, so this hinders nobody
	put 2
	cmp <(dd if="$(dev 2)" bs=4k count=1 iflag=direct status=none) \
		<(dd if="$(dev 3)" bs=4k count=1 iflag=direct status=none)
	exec {fd}<&-
}

# All nodes crash, and the holder leads again with nothing open: the session that is left over
# hinders nobody.
left_over_session_goes_to_who_asks() {
	local i
	put 1		# leadership follows the session
	lead 1
	for i in 1 2 3; do rb "$i" down vol --force; done
	for i in 1 2 3; do rb "$i" up vol; done
	lead 1
	[ "$(field 2 vol holder_node)" = rb1 ]
	put 2
	session_is 2 held
}

storms_do_not_grow_the_log() {
	local before i fd
	put 2
	before=$(entries 2)
	for i in $(seq 15); do
		exec {fd}<>"$(dev 2)"
		exec {fd}>&-
		blkid -p "$(dev 2)" >/dev/null || true
	done
	[ $(($(entries 2) - before)) -le 2 ]
}

two_race_to_open() {
	local i a b n
	for i in 1 2 3 4 5; do
		a=0 b=0
		(exec {fd}<>"$(dev 1)" && sleep 2) 2>/dev/null & a=$!
		(exec {fd}<>"$(dev 2)" && sleep 2) 2>/dev/null & b=$!
		n=0
		wait $a && n=$((n + 1))
		wait $b && n=$((n + 1))
		[ $n = 1 ] || { say "$n of two got it"; return 1; }
	done
}

# The leader leaves while a follower writes: there is no error, and nothing is lost.
leader_goes_under_a_follower() {
	local w=2 i l n
	for i in 1 ${RBLK_LONG:+2 3}; do
		: >/tmp/ack.s
		"$ACKLOG" write "$(dev $w)" $((20 + i)) 20000 >/tmp/ack.s 2>/tmp/ack.err &
		PIDS=($!)
		until_ok 20 acked_more_than 50
		# Leadership moves to the node that writes; after a transfer, it stays for a while.
		until_ok 40 leader_is $w
		l=$(other $w)
		lead "$l"
		rb "$l" down vol --force
		n=$(wc -l </tmp/ack.s)
		until_ok 30 acked_more_than $((n + 50))
		kill -0 "${PIDS[0]}"
		[ ! -s /tmp/ack.err ] || { sed 's/^/# /' /tmp/ack.err; return 1; }
		kill_all
		n=$(wc -l </tmp/ack.s)
		"$ACKLOG" check "$(dev $w)" $((20 + i)) "$n" | sed 's/^/# /'
		rb "$l" up vol
		until_ok 60 settled vol
	done
	replicas_equal vol
}
acked_more_than() { [ "$(wc -l </tmp/ack.s)" -gt "$1" ]; }

fio_verifies_across_transfers() {
	local w=3 i l pid
	fio --name=v --filename="$(dev $w)" --direct=1 --ioengine=libaio --iodepth=16 \
		--rw=randwrite --bs=4k --size=16m --io_size=24m --verify=crc32c --verify_fatal=1 \
		--minimal >/tmp/fio.s 2>&1 &
	pid=$!
	PIDS=("$pid")
	for i in 1 2 1 2; do
		# It is not a failure if there is no leader just now, or if it refuses.
		if l=$(leader vol) && [ "$l" != $i ]; then rb "$l" transfer vol "rb$i" || true; fi
		sleep 0.5
		kill -0 $pid 2>/dev/null || break
	done
	wait $pid || { tail -3 /tmp/fio.s | sed 's/^/# fio: /'; return 1; }
	replicas_equal vol
}

# 30 s after the election that lead() was, and again 30 s after each attempt that fails, as on a
# host that is busy.
leadership_follows_the_session() {
	lead 1
	exec {fd}<>"$(dev 2)"
	until_ok 120 leader_is 2
	exec {fd}>&-
}

# The holder is cut off with a file system mounted, and another node takes over.
holder_is_cut_off_and_comes_back() {
	local before
	until_ok 30 leader vol
	mkfs.ext4 -qF "$(dev 1)"
	mkdir -p /mnt/s1 /mnt/s2
	mount "$(dev 1)" /mnt/s1
	echo one >/mnt/s1/file
	sync -f /mnt/s1
	isolate 1
	until_ok 60 mount_elsewhere
	[ "$(cat /mnt/s2/file)" = one ]
	echo two >/mnt/s2/file
	sync -f /mnt/s2	# I/O on the other node waits, since it has no quorum
	heal
	until_ok 30 session_is 1 fenced
	# The fenced node changes not one byte, and gets errors until the mount is gone.
	echo three >/mnt/s1/other 2>/dev/null || true
	sync -f /mnt/s1 2>/dev/null || true
	if dd if="$(dev 1)" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; then return 1; fi
	umount -l /mnt/s1
	[ "$(cat /mnt/s2/file)" = two ]
	[ ! -e /mnt/s2/other ]
	umount /mnt/s2
	before=$(dd if="$(dev 2)" bs=1M count=64 iflag=direct status=none | sha256sum)
	until_ok 30 session_is 1 none
	[ "$before" = "$(dd if="$(dev 1)" bs=1M count=64 iflag=direct status=none | sha256sum)" ]
	mount "$(dev 1)" /mnt/s1
	[ "$(cat /mnt/s1/file)" = two ]
	umount /mnt/s1
	replicas_equal vol
}
mount_elsewhere() { mount "$(dev 2)" /mnt/s2; }

# Each node in turn leaves and comes back under load: there is no error, and nothing is lost.
rolling_restart() {
	local i n
	: >/tmp/ack.s
	"$ACKLOG" write "$(dev 1)" 40 40000 >/tmp/ack.s 2>/tmp/ack.err &
	PIDS=($!)
	until_ok 20 acked_more_than 20
	for i in 2 3; do
		rb "$i" down vol
		n=$(wc -l </tmp/ack.s)
		until_ok 30 acked_more_than $((n + 20))
		rb "$i" up vol
		until_ok 60 caught_up "$i"
	done
	[ ! -s /tmp/ack.err ]
	kill_all
	n=$(wc -l </tmp/ack.s)
	rb 1 down vol		# the node of the writer, which has closed the device
	until_ok 30 leader vol
	"$ACKLOG" check "$(dev 2)" 40 "$n" | sed 's/^/# /'
	rb 1 up vol
	replicas_equal vol
}
caught_up() { [ "$(($(entries 1) - $(entries "$1")))" -lt 200 ]; }

for t in starts second_writer_gets_busy_at_once reader_then_writer_elsewhere \
	left_over_session_goes_to_who_asks storms_do_not_grow_the_log two_race_to_open leader_goes_under_a_follower \
	fio_verifies_across_transfers leadership_follows_the_session \
	holder_is_cut_off_and_comes_back rolling_restart; do
	tap $t
done
tap_end
