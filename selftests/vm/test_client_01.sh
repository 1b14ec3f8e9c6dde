#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# A node without disks reads and writes the volume of the others, across changes of
# the leader, and is the same client after a reboot.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="leaders_go_under_a_client"
trap 'kill_all; cluster_down' EXIT
ACKLOG=${ACKLOG:-$RBLK_TOP/build/selftests/acklog}
RBLK_CLIENTS=1
C=4
PIDS=()

starts() {
	cluster_up 3 vol
	until_ok 20 served
	[ "$(blockdev --getsize64 "$(dev)")" = "$(field 1 vol size)" ]
}
served() { [ "$(field $C vol ready)" = true ] && [ "$(blockdev --getsize64 "$(dev)")" -gt 0 ]; }

kill_all() {
	local p
	for p in "${PIDS[@]}"; do kill -9 "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
}
dev() { device "${1:-$C}" vol; }
acked_more_than() { [ "$(wc -l </tmp/ack.c)" -gt "$1" ]; }

reads_what_members_write() {
	dd if=/dev/urandom of="$(dev 2)" bs=64k count=8 oflag=direct status=none
	cmp <(dd if="$(dev 1)" bs=64k count=8 iflag=direct status=none) \
		<(dd if="$(dev)" bs=64k count=8 iflag=direct status=none)
	cmp -n 65536 <(dd if="$(dev)" bs=64k skip=1000 count=1 iflag=direct status=none) /dev/zero
}

writes_and_verifies() {
	fio_write "$(dev)"
	replicas_equal vol
}

file_system_of_a_client() {
	mkfs.ext4 -qF "$(dev)"
	mkdir -p /mnt/c1
	mount "$(dev)" /mnt/c1
	cp -r /usr/include/linux/netfilter /mnt/c1/
	sync -f /mnt/c1
	umount /mnt/c1
	mount "$(dev 3)" /mnt/c1	# the client gave the session up
	diff -r /usr/include/linux/netfilter /mnt/c1/netfilter
	umount /mnt/c1
}

leaders_go_under_a_client() {
	local l n
	: >/tmp/ack.c
	"$ACKLOG" write "$(dev)" 61 20000 >/tmp/ack.c 2>/tmp/ack.err &
	PIDS=($!)
	until_ok 20 acked_more_than 30
	for _ in 1 2; do
		l=$(a_leader vol)
		rb "$l" down vol --force
		until_ok 30 other_leader "$l"
		n=$(wc -l </tmp/ack.c)
		until_ok 30 acked_more_than $((n + 30))
		rb "$l" up vol
		until_ok 60 all_know "$l"
	done
	kill -0 "${PIDS[0]}"
	[ ! -s /tmp/ack.err ] || { sed 's/^/# /' /tmp/ack.err; return 1; }
	kill_all
	n=$(wc -l </tmp/ack.c)
	"$ACKLOG" check "$(dev)" 61 "$n" | sed 's/^/# /'
	replicas_equal vol
}
all_know() { [ "$(field "$1" vol ready)" = true ]; }

comes_back_as_the_same_client() {
	exec {fd}<>"$(dev)"
	if dd if=/dev/zero of="$(dev 1)" bs=4k count=1 oflag=direct status=none 2>/dev/null; then return 1; fi
	exec {fd}>&-
	rb $C down vol --force	# does not close the session
	rb $C up vol
	until_ok 20 served
	dd if=/dev/urandom of="$(dev)" bs=4k count=4 oflag=direct status=none
	replicas_equal vol
}

goes_without_ado() {
	local began
	began=$(date +%s%3N)
	rb $C down vol
	[ $(($(date +%s%3N) - began)) -lt $((4000 * RBLK_SLOW)) ]	# there is no checkpoint to wait for
	fails kernel_said checkpoint
}

for t in starts reads_what_members_write writes_and_verifies file_system_of_a_client \
	leaders_go_under_a_client comes_back_as_the_same_client goes_without_ado; do
	tap $t
done
tap_end
