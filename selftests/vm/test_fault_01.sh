#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Members leave, and networks are cut: no acknowledged write is lost, and a minority
# neither acknowledges nor reads anything.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="follower_goes_and_catches_up leader_is_not_heard leader_hears_nobody"
trap 'kill_writers; cluster_down' EXIT
ACKLOG=${ACKLOG:-$RBLK_TOP/build/selftests/acklog}

starts() { cluster_up 3 vol; }

writer() {	# NODE SEED: writes in the background; acknowledged numbers go to /tmp/ack.SEED
	"$ACKLOG" write "$(device "$1" vol)" "$2" 60000 >"/tmp/ack.$2" 2>/tmp/ack.err &
	WRITER=$!
}

kill_writers() {
	[ -z "${WRITER:-}" ] || kill -9 "$WRITER" 2>/dev/null || true
	wait 2>/dev/null || true
}
acked() { wc -l <"/tmp/ack.$1"; }
has_acked() { [ "$(acked "$1")" -ge "$2" ]; }
new_leader() { local l; until_ok 30 other_leader "$1" && leader vol; }

# Writes from another node, which works once the holder has been silent for long enough.
put_elsewhere() {	# NODE COUNT
	until_ok 60 dd if=/dev/urandom of="$(device "$1" vol)" bs=4k count="$2" seek=20000 oflag=direct
}

check() {	# NODE SEED
	local n
	n=$(acked "$2")
	[ "$n" -gt 0 ]
	"$ACKLOG" check "$(device "$1" vol)" "$2" "$n" | sed 's/^/# /'
	return "${PIPESTATUS[0]}"
}

follower_goes_and_catches_up() {
	local l f
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	writer "$l" 11
	until_ok 20 has_acked 11 50
	rb "$f" down vol --force
	until_ok 20 has_acked 11 $(($(acked 11) + 100))
	rb "$f" up vol
	until_ok 20 has_acked 11 $(($(acked 11) + 50))
	kill_writers
	check "$l" 11
	replicas_equal vol
}

leader_goes_and_comes_back() {
	local l n
	l=$(a_leader vol)
	writer "$l" 12
	until_ok 20 has_acked 12 100
	rb "$l" down vol --force
	kill_writers
	n=$(new_leader "$l")
	check "$n" 12
	rb "$l" up vol
	replicas_equal vol
}

leader_is_partitioned() {
	local l n before reader
	l=$(a_leader vol)
	writer "$l" 13
	until_ok 20 has_acked 13 100
	isolate "$l"
	n=$(new_leader "$l")
	before=$(acked 13)
	# The majority can write; the minority must not acknowledge anything.
	put_elsewhere "$n" 50
	[ "$(acked 13)" = "$before" ] || { say "the minority acknowledged"; return 1; }
	# It must not read either: a direct read waits until there is a quorum, and no
	# signal ends it.
	dd if="$(device "$l" vol)" of=/dev/null bs=4k count=1 iflag=direct status=none &
	reader=$!
	sleep 2
	kill -0 $reader || { say "the minority read"; return 1; }
	heal
	! wait $reader || { say "a fenced node read"; return 1; }
	kill_writers
	check "$n" 13
	replicas_equal vol
}

leader_is_not_heard() {	# it hears the others, but they do not hear it
	local l n i before
	l=$(a_leader vol)
	writer "$l" 14
	until_ok 20 has_acked 14 50
	for i in 1 2 3; do
		[ "$i" = "$l" ] || drop_from "$l" "$i"
	done
	n=$(new_leader "$l")
	before=$(acked 14)
	put_elsewhere "$n" 20
	[ "$(acked 14)" = "$before" ]
	heal
	kill_writers
	check "$n" 14
	replicas_equal vol
}

leader_hears_nobody() {	# the others hear it, but it hears nobody
	local l i n before
	l=$(a_leader vol)
	writer "$l" 15
	until_ok 20 has_acked 15 50
	for i in 1 2 3; do
		[ "$i" = "$l" ] || drop_from "$i" "$l"
	done
	n=$(new_leader "$l")
	before=$(acked 15)
	put_elsewhere "$n" 20
	[ "$(acked 15)" = "$before" ]
	heal
	kill_writers
	check "$n" 15
	replicas_equal vol
}

fenced_holder_gets_errors_until_closed() {
	local l n fd d
	until_ok 30 leader vol
	l=$(a_leader vol)
	n=$((l % 3 + 1))
	d=$(device "$l" vol)
	exec {fd}<>"$d"
	if rb "$n" take vol; then return 1; fi	# it takes nothing without --force
	rb "$n" take vol --force
	dd if=/dev/zero of="$(device "$n" vol)" bs=4k count=1 oflag=direct status=none
	until_ok 20 fenced "$l"
	# The device is still open since before the take, so the node stays fenced.
	if dd if=/dev/zero of="$d" bs=4k count=1 oflag=direct 2>/tmp/err; then return 1; fi
	grep -qi 'stale' /tmp/err
	if dd if="$d" of=/dev/null bs=4k count=1 iflag=direct 2>/tmp/err; then return 1; fi
	exec {fd}>&-
	until_ok 10 dd if=/dev/zero of="$d" bs=4k count=1 oflag=direct
}
fenced() { [ "$(field "$1" vol session)" = fenced ]; }

for t in starts follower_goes_and_catches_up leader_goes_and_comes_back \
	leader_is_partitioned leader_is_not_heard leader_hears_nobody \
	fenced_holder_gets_errors_until_closed; do
	tap $t
done
tap_end
