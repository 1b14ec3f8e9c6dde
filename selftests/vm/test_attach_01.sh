#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# A device of a member fails under a file system that is in use there. The member is given its replica
# back, by the same device or by another one, and nobody unmounts anything, or gets an error.
. "$(dirname "$0")/lib.sh"
trap 'kill_writer; umount /tmp/mnt 2>/dev/null; cluster_down' EXIT
RBLK_LONG_CASES="disk_has_another_name log_fails_for_a_while"
f=2				# the member whose devices fail

starts() {
	cluster_up 3 vol
	mkdir -p /tmp/mnt
	mkfs.ext4 -qF "$(device "$f" vol)"
	mount "$(device "$f" vol)" /tmp/mnt
	write_on
	writes_on 100
	attach_refused 'has its replica'
}

# A writer in a file system on node $f; it ends at the first error.
write_on() {
	fio --name=u --directory=/tmp/mnt --size=16m --bs=4k --rw=randwrite --direct=1 --iodepth=4 \
		--ioengine=libaio --rate_iops=$((200 / RBLK_SLOW)) --time_based --runtime=3000 \
		--output=/tmp/fio.out >/dev/null 2>&1 &
	echo $! >/tmp/writer
}
kill_writer() { [ ! -e /tmp/writer ] || kill -INT "$(cat /tmp/writer)" 2>/dev/null; }
writer_is_gone() { fails kill -0 "$(cat /tmp/writer)"; }
writes_on() {	# so many writes more than now
	local seq
	kill -0 "$(cat /tmp/writer)"
	seq=$(field "$f" vol session_seq)
	until_ok 30 has_written $((seq + $1))
	fails grep -q ' /tmp/mnt ext4 ro' /proc/mounts
}
has_written() { [ "$(field "$f" vol session_seq)" -ge "$1" ]; }	# SEQUENCE-NUMBER

lost() { [ "$(field "$f" vol lost)" != none ]; }
attach_refused() {	# PATTERN
	rb "$f" attach vol >/tmp/attach.out 2>&1 && return 1
	grep -q "$1" /tmp/attach.out
}
released() { ! dmsetup info -c --noheadings -o open "rbdata$f" | grep -q '[1-9]'; }
whole() {
	[ "$(field "$f" vol lost)" = none ] && field_is "$f" vol absent false &&
		field_is "$f" vol needs_resync false &&
		[ "$(field "$f" vol executed_index)" -ge "$1" ]
}
is_whole() { until_ok 60 whole "$(field "$(a_leader vol)" vol commit_index)"; }

# From now on all I/O to a device of node $f fails, and it loses its replica, or the data of it.
fails_under_load() {	# log|data
	local sectors
	SAVED=$(dmsetup table "rb$1$f")
	read -r _ sectors _ <<<"$SAVED"
	dm_table "rb$1$f" "0 $sectors error"
	until_ok 30 lost
	writes_on 100
	until_ok 10 released
}

same_device_comes_back() {
	fails_under_load data
	rb "$f" why vol | grep -q "data device .* failed .*raftblk attach vol"
	attach_refused 'device /dev/mapper/rbdata'
	lost
	field_is "$f" vol votes true
	dm_table "rbdata$f" "$SAVED"
	rb "$f" attach vol | grep -q "node rb$f has its replica again"
	is_whole
	writes_on 100
	rb "$f" status vol | grep -q 'its replica was lost 1 time'
	dmesg | grep -q "vol@rb$f: the replica is attached"
}

# Without its data device it is one of the majority: another member may go.
it_votes_without_data() {
	fails_under_load data
	field_is "$f" vol votes true
	rb "$f" status vol | grep -q 'this node votes with its log'
	dmesg | grep -q "vol@rb$f: DATA LOST: the data device"
	isolate 3
	writes_on 100
	heal 3
	dm_table "rbdata$f" "$SAVED"
	rb "$f" attach vol
	is_whole
	writes_on 100
}

new_disk_takes_its_place() {
	fails_under_load data
	rb "$f" why vol | grep -q 'lost its replica 3 times .*replace the device'
	dm_table "rbdata$f" "$SAVED"
	blank "$(data_dev "$f" vol)"
	dd if=/dev/urandom of="$(data_dev "$f" vol)" bs=1M count=32 conv=fsync status=none
	attach_refused 'raftblk format vol --data'
	rb "$f" format vol --data | grep -q 'next: raftblk attach vol'
	rb "$f" attach vol
	is_whole
	say "$(($(field "$f" vol resync_bytes) >> 20)) MiB were pulled"
	writes_on 100
}

disk_has_another_name() {
	local spare=/dev/mapper/rbdataspare
	fails_under_load data
	dmsetup create rbdataspare --table "$SAVED"
	fails rb "$f" format vol --data=/tmp >/dev/null 2>&1
	fails rb "$f" attach vol --data $spare.none >/dev/null 2>&1
	rb "$f" attach vol --data $spare | grep -q "set data = $spare"
	is_whole
	[ "$(field "$f" vol data_path)" = $spare ]
	dmesg | grep -q "vol@rb$f: the replica is attached, on log device .* and data device $spare"
	writes_on 100
	# Back to its old name.
	dm_table rbdataspare "${SAVED%% linear*} error"
	until_ok 30 lost
	writes_on 100
	dm_table "rbdata$f" "$SAVED"
	rb "$f" attach vol
	dmsetup remove --retry rbdataspare
	is_whole
}

log_fails_for_a_while() {
	fails_under_load log
	rb "$f" why vol | grep -q 'log device .* failed .*when the device is back'
	dm_table "rblog$f" "$SAVED"
	rb "$f" attach vol
	is_whole
	writes_on 100
}

# What was written there meanwhile, and is gone, was acknowledged: the log is not used.
log_is_set_back() {
	local image=/tmp/image
	dd if="$(log_dev "$f" vol)" of=$image bs=1M iflag=direct status=none
	writes_on 50
	fails_under_load log
	dm_table "rblog$f" "$SAVED"
	dd if="$(log_dev "$f" vol)" of=$image.new bs=1M iflag=direct status=none
	dd if=$image of="$(log_dev "$f" vol)" bs=1M oflag=direct conv=notrunc status=none
	attach_refused 'lacks what this node had written to it'
	writes_on 50
	lost
	dd if=$image.new of="$(log_dev "$f" vol)" bs=1M oflag=direct conv=notrunc status=none
	rb "$f" attach vol
	is_whole
	rm $image $image.new
}

# All of it is in the file system, and in all copies.
nobody_noticed() {
	kill_writer
	until_ok 20 writer_is_gone
	fails grep -q 'err= *[1-9]' /tmp/fio.out
	umount /tmp/mnt
	fsck.ext4 -fn "$(device "$f" vol)"
	fails grep -q 'I/O error, dev raftblk' \
		<(dmesg | sed -n '/raftblk-test: begin same_device_comes_back/,$p')
	replicas_equal vol
}

# Its devices are closed by then.
goes_down_without_it() {
	local sectors
	SAVED=$(dmsetup table "rbdata$f")
	read -r _ sectors _ <<<"$SAVED"
	dm_table "rbdata$f" "0 $sectors error"
	dd if=/dev/urandom of="$(device "$f" vol)" bs=64k count=64 oflag=direct status=none
	until_ok 30 lost
	until_ok 10 released
	rb "$f" down vol
	dm_table "rbdata$f" "$SAVED"
	rb "$f" up vol
	replicas_equal vol
}

for t in starts same_device_comes_back it_votes_without_data new_disk_takes_its_place disk_has_another_name \
	log_fails_for_a_while log_is_set_back nobody_noticed goes_down_without_it; do
	tap $t
done
tap_end
