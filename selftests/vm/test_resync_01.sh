#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# A member that the log no longer covers becomes whole again, by itself and while others write.
RBLK_VOLUMES="vol"
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="member_is_killed_meanwhile source_is_killed_meanwhile leader_is_killed_meanwhile data_disk_is_replaced data_disk_is_set_back"
trap cluster_down EXIT
RBLK_LOG_MIB=24
RBLK_DATA_MIB=96

starts() { cluster_up 3 vol; }

# Sets l to the leader, f to another member, t to the third one, d to the leader's device.
pick() {
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	t=$((6 - l - f))
	d=$(device "$l" vol)
}

# Writes more than the log holds, to the first MIB of the volume, while member $f is down.
away() {	# MIB
	rb "$f" down vol --force
	fio --name=away --filename="$d" --direct=1 --ioengine=libaio --iodepth=16 --rw=write --bs=64k \
		--size="$1m" --minimal >/dev/null
	fio --name=away --filename="$d" --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite \
		--bs=64k --size="$1m" --io_size=$((40 - $1))m --minimal >/dev/null
}

# Right after a start it does not know yet what it lacks: it has to have executed what was there.
back() {	# NODE
	mark=$(field "$(a_leader vol)" vol commit_index)
	rb "$1" up vol
}
whole() {	# NODE
	[ "$(field "$1" vol executed_index)" -ge "$mark" ] || return 1
	field_is "$1" vol absent false && field_is "$1" vol needs_resync false
}

# It pulls what has changed since, and not much more.
away_past_the_log() {
	local l f t d pulled
	pick
	away 16
	back "$f"
	until_ok 60 whole "$f"
	[ "$(field "$f" vol resyncs)" -ge 1 ]
	pulled=$(field "$f" vol resync_bytes)
	say "$((pulled >> 20)) MiB were pulled of 16 MiB that changed, of an image of 96 MiB"
	[ "$pulled" -ge $((8 << 20)) ]
	[ "$pulled" -le $(((16 << 20) * 12 / 10)) ]
	dmesg | grep -q "vol@rb$f: resync: the image is whole again"
	replicas_equal vol
}

# One block of each chunk is written, again and again. The others are there already, and are not sent.
small_writes() {
	local l f t d pulled same
	pick
	dd if=/dev/urandom of="$d" bs=1M count=32 oflag=direct status=none
	replicas_equal vol
	rb "$f" down vol --force
	fio --name=away --filename="$d" --direct=1 --ioengine=libaio --iodepth=16 --rw=write:124k --bs=4k \
		--size=32m --io_size=28m --minimal >/dev/null
	back "$f"
	until_ok 60 whole "$f"
	[ "$(field "$f" vol resyncs)" -ge 1 ]
	pulled=$(field "$f" vol resync_bytes)
	same=$(field "$f" vol resync_same_bytes)
	say "$((pulled >> 10)) KiB were pulled, $((same >> 10)) KiB of them there already; 1024 KiB had changed"
	[ "$pulled" -ge $((31 << 20)) ]
	[ $((pulled - same)) -ge $((1 << 20)) ]
	[ $((pulled - same)) -le $((2 << 20)) ]
	replicas_equal vol
}

pulled_at_least() { [ "$(field "$1" vol resync_bytes)" -ge $(($2 << 20)) ]; }	# NODE MIB

# The rate is bounded by what the file says, and by something else when that changes and is adjusted.
rate_is_adjusted() {
	local l f t d at ret=0 conf="$RBLK_CONF/vol.conf"
	pick
	away 16
	sed -i '1i resync-rate-min = 1M\nresync-rate-max = 1M' "$conf"
	at=$EPOCHREALTIME
	back "$f"
	until_ok 60 pulled_at_least "$f" 4
	at=$((${EPOCHREALTIME/./} - ${at/./}))
	say "4 MiB took $((at / 1000)) ms at 1 MiB a second"
	[ "$at" -ge 3000000 ]
	[ "$(field "$f" vol resync_rate_max)" = 1 ]
	field_is "$f" vol absent true
	sed -i '/^resync-rate/d' "$conf"
	rb "$f" adjust vol >/tmp/said
	grep -qx 'vol: resync-rate-min: 1M -> 4M' /tmp/said
	grep -qx 'vol: resync-rate-max: 1M -> no bound' /tmp/said
	[ "$(field "$f" vol resync_rate_max)" = 0 ]
	until_ok 60 whole "$f"
	rb "$f" adjust vol | grep -q '^vol: it runs already as '
	# What cannot change is said, and the rest is done all the same.
	sed -i '1i resync-rate-max = 9M\nminor = 77' "$conf"
	rb "$f" adjust vol >/tmp/said 2>/tmp/err || ret=$?
	sed -i '1,2d' "$conf"
	[ "$ret" = 4 ]
	grep -qx 'vol: resync-rate-max: no bound -> 9M' /tmp/said
	grep -q 'this cannot change while it is up: minor: it runs with [0-9]*, and the file says 77;' /tmp/err
	rb "$f" adjust vol
	replicas_equal vol
}

# While others write all the time, at random and everywhere, as fast as they can: it is left behind once,
# and no more.
under_load() {
	local l f t d fio
	pick
	away 16
	fio --name=load --filename="$d" --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite \
		--bs=4k-64k --blockalign=4k --time_based --runtime=600 --minimal \
		>/tmp/load.out 2>&1 &
	fio=$!
	back "$f"
	until_ok 120 whole "$f"
	kill -0 $fio
	kill $fio
	wait $fio || true
	say "it went on from the state of another member $(field "$f" vol resyncs) times"
	[ "$(field "$f" vol resyncs)" -le 2 ]
	replicas_equal vol
}

# Whoever is gone in the middle of it: the rest goes on.
member_is_killed_meanwhile() {
	local l f t d
	pick
	away 32
	back "$f"
	until_ok 30 in_the_middle "$f"
	rb "$f" down vol --force
	back "$f"
	until_ok 60 whole "$f"
	replicas_equal vol
}
in_the_middle() { [ "$(field "$1" vol resync_bytes)" -gt 0 ]; }

source_is_killed_meanwhile() {
	local l f t d
	pick
	away 32
	back "$f"
	until_ok 30 in_the_middle "$f"
	rb "$t" down vol --force
	until_ok 60 whole "$f"
	back "$t"
	until_ok 60 whole "$t"
	replicas_equal vol
}

leader_is_killed_meanwhile() {
	local l f t d
	pick
	away 32
	back "$f"
	until_ok 30 in_the_middle "$f"
	rb "$l" down vol --force
	until_ok 30 other_leader "$l"
	l=$(a_leader vol)
	until_ok 60 whole "$f"
	fio_write "$(leader_device vol)" --size=8m --io_size=4m
	back $((6 - f - l))
	until_ok 60 whole $((6 - f - l))
	replicas_equal vol
}

# The data disk of a member is replaced: one command formats it, and the others fill it.
data_disk_is_replaced() {
	local l f t d
	pick
	rb "$f" down vol --force
	blank "$(data_dev "$f" vol)"
	dd if=/dev/urandom of="$(data_dev "$f" vol)" bs=1M count=32 conv=fsync status=none
	fails rb "$f" up vol >/tmp/up.out 2>&1
	grep -q 'raftblk format vol --data' /tmp/up.out
	rb "$f" format vol --data --dry-run | grep -q 'which stays as it is'
	rb "$f" format vol --data --quiet
	back "$f"
	until_ok 60 whole "$f"
	say "$(($(field "$f" vol resync_bytes) >> 20)) MiB were pulled"
	fio_write "$d" --size=8m --io_size=4m
	replicas_equal vol
}

# Bits flip in the log of a member, in the header of a record and in the payload of a later one: it
# starts without what follows, and the leader brings that again.
log_rots() {
	local l f t d
	pick
	fio_write "$d" --size=8m --io_size=4m
	rb "$f" down vol --force
	"$RB" dump --json --entries "$(log_dev "$f" vol)" >/tmp/dump.json
	flip record_pos 40 "$f"
	flip payload_pos 15 "$f"
	fails "$RB" dump "$(log_dev "$f" vol)" >/dev/null 2>&1
	back "$f"
	dmesg | grep -q "vol@rb$f: log device .* is damaged .*other members bring back"
	until_ok 60 whole "$f"
	until_ok 20 field_is "$f" vol owed_index 0
	[ "$(field "$f" vol log_rots)" = 1 ]
	dmesg | grep -q "vol@rb$f: .*has again all that this node had acknowledged"
	rb "$l" down vol --force
	until_ok 30 other_leader "$l"
	d=$(leader_device vol)
	fio_write "$d" --size=8m --io_size=2m
	back "$l"
	until_ok 60 whole "$l"
	"$RB" dump "$(log_dev "$f" vol)" >/dev/null
	replicas_equal vol
}
# flip FIELD NTH NODE: a byte of its log, where /tmp/dump.json says that the last but NTH write has it
flip() {
	local at
	at=$(jq -r --arg f "$1" --argjson n "$2" '(.superblock | .ring_off, .ring_bytes),
		([.entries[] | select(.kind == "write")] | .[length - $n][$f])' /tmp/dump.json |
		xargs | awk '{ print $1 + $3 % $2 + 9 }')
	say "$1: byte $at of $(log_dev "$3" vol)"
	printf '\xa5' | dd of="$(log_dev "$3" vol)" bs=1 seek="$at" conv=notrunc,fsync status=none
}

# An older image of the data device alone: it is noticed, and what has changed since is pulled.
data_disk_is_set_back() {
	local l f t d
	pick
	rb "$f" down vol --force
	dd if="$(data_dev "$f" vol)" of=/tmp/image bs=1M iflag=direct status=none
	rb "$f" up vol
	fio_write "$d" --size=8m --io_size=8m
	replicas_equal vol
	rb "$f" down vol
	dd if=/tmp/image of="$(data_dev "$f" vol)" bs=1M oflag=direct status=none
	rm /tmp/image
	back "$f"
	dmesg | grep -q "vol@rb$f: data device .* is older than the log"
	until_ok 60 whole "$f"
	[ "$(field "$f" vol resync_bytes)" -le $((16 << 20)) ]
	replicas_equal vol
}

for t in starts away_past_the_log small_writes rate_is_adjusted under_load member_is_killed_meanwhile \
	source_is_killed_meanwhile leader_is_killed_meanwhile data_disk_is_replaced \
	log_rots data_disk_is_set_back; do
	tap $t
done
tap_end
