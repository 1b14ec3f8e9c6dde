#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The life of a volume: format, up, bootstrap, I/O, down, up again, dump.
. "$(dirname "$0")/lib.sh"
trap cluster_down EXIT

life_starts() { cluster_up 3 vol; }

one_leader() {
	local i n=0
	for i in 1 2 3; do
		[ "$(field "$i" vol role)" = leader ] && n=$((n + 1))
	done
	[ $n = 1 ]
}

device_has_the_size() {
	local d
	d=$(leader_device vol)
	[ "$(blockdev --getsize64 "$d")" = "$(field 1 vol size)" ]
	[ "$(blockdev --getss "$d")" = 4096 ]
}

writes_are_verified() { fio_write "$(leader_device vol)"; }

followers_read_what_the_leader_wrote() {
	local d l i
	l=$(a_leader vol)
	d=$(device "$l" vol)
	dd if=/dev/urandom of="$d" bs=64k count=8 oflag=direct status=none
	for i in 1 2 3; do
		cmp <(dd if="$d" bs=64k count=8 iflag=direct status=none) \
			<(dd if="$(device "$i" vol)" bs=64k count=8 iflag=direct status=none)
	done
}

every_node_writes() {
	local i
	for i in 1 2 3; do
		dd if=/dev/urandom of="$(device "$i" vol)" bs=64k count=8 seek="$i" oflag=direct \
			status=none
	done
	replicas_equal vol
}

unwritten_reads_zero() {
	local d
	d=$(leader_device vol)
	cmp -n $((1 << 20)) <(dd if="$d" bs=1M skip=80 count=1 iflag=direct status=none) /dev/zero
}

replicas_are_equal() { replicas_equal vol; }

data_survives_down_and_up() {
	local d before after i
	before=$(dd if="$(leader_device vol)" bs=1M count=64 iflag=direct status=none | sha256sum)
	for i in 1 2 3; do rb "$i" down vol; done
	for i in 1 2 3; do rb "$i" up vol; done
	until_ok 30 leader vol
	after=$(dd if="$(leader_device vol)" bs=1M count=64 iflag=direct status=none | sha256sum)
	[ "$before" = "$after" ]
}

one_version_everywhere() {
	local v
	v=$("$RB" version --json | jq -er .tool.version)
	[ "$("$RB" version --json | jq -r .module.version)" = "$v" ]
	[ "$(field 1 vol version)" = "$v" ]
}

leadership_is_handed_over() {
	local l to
	l=$(a_leader vol)
	to=$((l % 3 + 1))
	rb "$l" transfer vol "rb$to"
	until_ok 10 leader_is "$to"
}

dump_reads_the_log_offline() {
	local i
	for i in 1 2 3; do rb "$i" down vol; done
	"$RB" dump "$(log_dev 1 vol)" | grep -q vol
	"$RB" dump "$(log_dev 1 vol)" --json | jq -e . >/dev/null
	for i in 1 2 3; do rb "$i" up vol; done
	until_ok 30 leader vol
}

for t in life_starts one_version_everywhere one_leader device_has_the_size writes_are_verified \
	followers_read_what_the_leader_wrote every_node_writes unwritten_reads_zero \
	replicas_are_equal data_survives_down_and_up leadership_is_handed_over \
	dump_reads_the_log_offline replicas_are_equal; do
	tap $t
done
tap_end
