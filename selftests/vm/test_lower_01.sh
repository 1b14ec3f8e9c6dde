#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Backing devices are slow or fail: the member loses its replica, and all users go on, its own, too.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="recovery_has_many_reads_in_flight leader_data_fails"
trap 'cluster_down' EXIT

starts() { cluster_up 3 vol; }

with_table() {	# SLICE TARGET: replaces the linear target by another one in the same place
	local sectors device from
	read -r _ sectors _ device from < <(dmsetup table "$1")
	case $2 in
	error) dm_table "$1" "0 $sectors error" ;;
	slow_reads*) dm_table "$1" "0 $sectors delay $device $from ${2#slow_reads} $device $from 0" ;;
	delay*) dm_table "$1" "0 $sectors delay $device $from 0 $device $from ${2#delay}" ;;
	*) dm_table "$1" "0 $sectors linear $device $from" ;;
	esac
}

slow_follower_does_not_matter() {
	local l f d
	modprobe dm-delay
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	SAVED=$(dmsetup table "rblog$f")
	with_table "rblog$f" delay$((200 * RBLK_SLOW))
	d=$(device "$l" vol)
	# If the slow member were in the path of a write, each would take 200 ms.
	fio --name=s --filename="$d" --direct=1 --rw=randwrite --bs=4k --size=8m --number_ios=100 \
		--output-format=json >/tmp/slow.json
	jq -e --argjson slow "$RBLK_SLOW" ".jobs[0].write.clat_ns.mean < 100000000 * \$slow" /tmp/slow.json
	dm_table "rblog$f" "$SAVED"
}

# How long requests were in progress on a slice, each by itself and all of them together, ms.
busy() { awk '{ print $11, $10 }' "/sys/block/$(dmsetup info -c --noheadings -o blkdevname "$1")/stat"; }

recovery_has_many_reads_in_flight() {
	local l f each all each0 all0
	modprobe dm-delay
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	dd if=/dev/urandom of="$(device "$l" vol)" bs=1M count=12 oflag=direct status=none
	rb "$f" down vol --force	# without a checkpoint, so that there is a log to read
	SAVED=$(dmsetup table "rblog$f")
	with_table "rblog$f" slow_reads50
	read -r each0 all0 < <(busy "rblog$f")
	rb "$f" up vol --timeout 120s
	read -r each all < <(busy "rblog$f")
	dm_table "rblog$f" "$SAVED"
	say "reads took $((each - each0)) ms, in $((all - all0)) ms"
	# The same, if there is one at a time. Headers, of what is applied already, are read so.
	[ $((each - each0)) -gt $(((all - all0) * 2)) ]
	replicas_equal vol
}

follower_log_fails() {
	local l f
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	SAVED=$(dmsetup table "rblog$f")
	with_table "rblog$f" error
	dd if=/dev/urandom of="$(device "$l" vol)" bs=4k count=20 oflag=direct status=none
	until_ok 20 lost "$f"
	rb "$f" why vol | grep -qi 'log'
	dd if=/dev/urandom of="$(device "$l" vol)" bs=4k count=20 oflag=direct status=none
	dm_table "rblog$f" "$SAVED"
	rb "$f" down vol --force
	rb "$f" up vol
	replicas_equal vol
}

lost() { [ "$(field "$1" vol lost)" != none ]; }

# A device of the node that leads fails, under a file system in use there: nobody gets an error.
goes_on_without() {	# log|data RW
	local l disk fio seq
	l=$(a_leader vol)
	disk=rb$1$l
	mkdir -p /tmp/mnt
	mkfs.ext4 -qF "$(device "$l" vol)"
	mount "$(device "$l" vol)" /tmp/mnt
	SAVED=$(dmsetup table "$disk")
	seq=$(field "$l" vol session_seq)
	fio --name=u --directory=/tmp/mnt --size=8m --bs=4k --rw="$2" --direct=1 --iodepth=8 \
		--ioengine=libaio --verify=crc32c --verify_fatal=1 --rate_iops=200 --output=/tmp/fio.out &
	fio=$!
	until_ok 30 has_written "$l" $((seq + 300))
	with_table "$disk" error
	until_ok 20 lost "$l"
	until_ok 30 other_leader "$l"
	rb "$l" why vol | grep -q "has lost its replica: the $1 device"
	rb "$(leader vol)" why vol | grep -q "rb$l has lost its replica"
	fails rb "$l" check vol
	wait $fio
	echo end >/tmp/mnt/end
	sync -f /tmp/mnt
	fails grep -q ' /tmp/mnt ext4 ro' /proc/mounts
	umount /tmp/mnt
	fsck.ext4 -fn "$(device "$l" vol)"
	dm_table "$disk" "$SAVED"
	rb "$l" down vol
	rb "$l" up vol
	replicas_equal vol
}
has_written() { [ "$(field "$1" vol session_seq)" -ge "$2" ]; }	# NODE SEQUENCE-NUMBER
leader_log_fails() { goes_on_without log randrw; }
leader_data_fails() { goes_on_without data randwrite; }

# A sector of a follower cannot be read until it is written: its user notices nothing, and then it is
# written. What is put there before that, in place of what was lost, has to be gone.
sector_is_rewritten() {
	local l f i
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	for i in 1 2 3 4 5; do
		lose_sector "$f"
		rewritten 1 && break
		say "it looked again before the others could answer, and found the sector to be well"
	done
	rewritten 1
	[ "$(field "$f" vol reads_failed)" = "$i" ]
	[ "$(field "$f" vol blocks_left)" = 0 ]
	rb "$f" status vol | grep -q '1 blocks were rewritten from other members'
	dmesg | grep -q 'could not read 4 KiB at 40960 of the volume: they were rewritten'
	replicas_equal vol
}
rewritten() { field_is "$f" vol blocks_rewritten "$1"; }

# The disk replaces it while the others cannot answer, so that nothing is rewritten too early.
lose_sector() {	# NODE
	local i sectors device from at=$((2048 + 80)) reader before
	dd if=/dev/urandom of="$(device "$l" vol)" bs=64k count=4 oflag=direct status=none
	until_ok 20 is_checkpointed "$1"
	SAVED=$(dmsetup table "rbdata$1")
	read -r _ sectors _ device from <<<"$SAVED"
	dm_table "rbdata$1" "0 $at linear $device $from
$at 8 error
$((at + 8)) $((sectors - at - 8)) linear $device $((from + at + 8))"
	for i in 1 2 3; do [ "$i" = "$1" ] || dmsetup suspend --nolockfs "rbdata$i"; done
	before=$(reads_ended "$1")
	dd if="$(device "$1" vol)" of=/tmp/there bs=64k count=1 iflag=direct status=none &
	reader=$!
	# All of it, then block after block, up to the one that is bad.
	until_ok 10 looked_at "$1" $((before + 1 + 11))
	dm_table "rbdata$1" "$SAVED"
	dd if=/dev/zero of="/dev/mapper/rbdata$1" bs=4k count=1 seek=$((at / 8)) oflag=direct conv=notrunc \
		status=none
	for i in 1 2 3; do [ "$i" = "$1" ] || dmsetup resume "rbdata$i"; done
	wait $reader
	dd if="$(device "$l" vol)" of=/tmp/here bs=64k count=1 iflag=direct status=none
	cmp /tmp/here /tmp/there
	# It reads the range to its end, whether it has rewritten the block or not.
	until_ok 10 looked_at "$1" $((before + 1 + 11 + 1 + 5))
}
reads_ended() {	# NODE: on its data device, well or not
	local n d=/dev/mapper/rbdata$1
	read -r n _ <"/sys/dev/block/$((0x$(stat -c %t "$d"))):$((0x$(stat -c %T "$d")))/stat"
	echo "$n"
}
looked_at() { [ "$(reads_ended "$1")" -ge "$2" ]; }	# NODE READS
is_checkpointed() { [ "$(field "$1" vol checkpoint_index)" -ge "$(field "$1" vol commit_index)" ]; }

follower_data_fails() {
	local l f
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	SAVED=$(dmsetup table "rbdata$f")
	with_table "rbdata$f" error
	dd if=/dev/urandom of="$(device "$l" vol)" bs=64k count=20 oflag=direct status=none
	until_ok 30 lost "$f"
	dm_table "rbdata$f" "$SAVED"
	rb "$f" down vol --force
	rb "$f" up vol
	replicas_equal vol
}

# What a store has twice is good for one loss. A start rewrites what is damaged of it.
damage() {	# DEVICE OFFSET
	printf 'rot!' | dd of="$1" bs=1 seek=$(($2 + 100)) conv=notrunc,fsync status=none
}
whole() {	# NODE
	"$RB" dump --json "$(log_dev "$1" vol)" |
		jq -e '[.superblocks[], .metadata[]] | length == 4 and all(has("error") | not)' >/dev/null &&
		"$RB" dump --json "$(data_dev "$1" vol)" |
			jq -e '.headers | length == 2 and all(has("error") | not)' >/dev/null
}
told() {	# NODE TEXT
	dmesg | sed -n "/raftblk-test: begin $T/,\$p" | grep -qF "vol@rb$1: $2"
}
damaged_copies_are_rewritten() {
	local T=damaged_copies_are_rewritten log data end
	cluster_up 3 vol
	log=$(log_dev 1 vol)
	data=$(data_dev 1 vol)
	end=$(($(blockdev --getsize64 "$log") / 4096 * 4096 - 4096))
	until_ok 30 leader vol
	rb 1 down vol --force
	whole 1
	damage "$log" 0
	damage "$log" $((128 << 10))
	damage "$data" $((64 << 10))
	fails whole 1
	rb 1 up vol
	until_ok 10 field_is 1 vol copies_mended 3
	whole 1
	until_ok 5 told 1 "the first superblock on log device $log was damaged, and was rewritten"
	until_ok 5 told 1 "the second copy of the metadata on log device $log was damaged"
	until_ok 5 told 1 "the second header on data device $data was damaged"
	rb 1 status vol | grep -q '3 copies'
	rb 1 down vol --force
	damage "$log" $end
	damage "$log" $((64 << 10))
	damage "$data" 0
	fails whole 1
	rb 1 up vol
	until_ok 10 field_is 1 vol copies_mended 3
	whole 1
	until_ok 5 told 1 "the second superblock on log device $log was damaged, and was rewritten"
	until_ok 5 told 1 "the first copy of the metadata on log device $log was damaged"
	until_ok 5 told 1 "the first header on data device $data was damaged"
	rb 1 down vol --force
	rb 1 up vol
	until_ok 30 field_is 1 vol ready true
	[ "$(field 1 vol copies_mended)" = 0 ]
}

a_copy_that_cannot_be_rewritten_is_told() {
	local T=a_copy_that_cannot_be_rewritten_is_told log sectors device from
	log=$(log_dev 1 vol)
	SAVED=$(dmsetup table rblog1)
	read -r _ sectors _ device from <<<"$SAVED"
	rb 1 down vol --force
	dm_table rblog1 "0 $((sectors - 8)) linear $device $from
$((sectors - 8)) 8 error"
	rb 1 up vol
	until_ok 10 told 1 "the second superblock on log device $log is damaged, and rewriting it failed"
	until_ok 30 field_is 1 vol ready true
	[ "$(field 1 vol copies_mended)" = 0 ]
	dd if=/dev/urandom of="$(leader_device vol)" bs=64k count=20 oflag=direct status=none
	rb 1 down vol --force
	dm_table rblog1 "$SAVED"
	damage "$log" $((sectors * 512 - 4096))
	rb 1 up vol
	until_ok 10 field_is 1 vol copies_mended 1
	whole 1
	replicas_equal vol
}

# The superblock at the end is left. What somebody else wrote over the first one stays.
what_others_wrote_is_not_mended() {
	local log before
	log=$(log_dev 1 vol)
	rb 1 down vol --force
	dd if="$log" of=/tmp/front bs=4k count=1 status=none
	printf '%-4096s' LABELONE | dd of="$log" bs=4k count=1 conv=fsync status=none
	before=$(dd if="$log" bs=4k count=1 iflag=direct status=none | sha256sum)
	fails rb 1 up vol
	[ "$(dd if="$log" bs=4k count=1 iflag=direct status=none | sha256sum)" = "$before" ]
	dd if=/tmp/front of="$log" bs=4k count=1 conv=fsync status=none
	rb 1 up vol
	until_ok 30 field_is 1 vol ready true
}

the_scsi_disk() {
	echo /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*:*/block/sd* | grep -o 'sd[a-z]*$'
}
log3_is() {	# DEVICE
	ln -sfn "$1" /tmp/log3
	rb 3 up vol
	until_ok 30 field_is 3 vol ready true
}
# A disk that is pulled out reports nothing, and a node that has nothing to write does not notice by itself.
disk_is_pulled_out() {
	local disk host
	modprobe -q sd_mod && modprobe -q scsi_debug dev_size_mb=64 delay=0 || exit 4
	until_ok 5 the_scsi_disk
	disk=$(the_scsi_disk)
	host=$(echo /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*)
	rb 3 down vol
	dd if="$(log_dev 3 vol)" of="/dev/$disk" bs=1M oflag=direct status=none
	sed -i "s|$(log_dev 3 vol)|/tmp/log3|" "$RBLK_CONF/vol.conf"
	log3_is "/dev/$disk"
	until_ok 20 settled vol
	echo 1 >"/sys/block/$disk/device/delete"
	until_ok 5 lost 3
	rb 3 why vol | grep -q 'has lost its replica: the log device /tmp/log3 failed'
	rb 3 check vol | grep -q 'WARNING.*2 of 3 replicas'
	rb 3 down vol --timeout 10s
	# It comes back, perhaps by another name.
	echo '- - -' >"/sys/class/scsi_host/${host##*/}/scan"
	until_ok 5 the_scsi_disk
	log3_is "/dev/$(the_scsi_disk)"
	rb 3 down vol
	dd if=/tmp/log3 of="$(log_dev 3 vol)" bs=1M oflag=direct status=none
	modprobe -r scsi_debug
	log3_is "$(log_dev 3 vol)"
}

rot_is_reported_and_not_served() {
	local f l
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	dd if=/dev/urandom of="$(device "$l" vol)" bs=64k count=20 oflag=direct status=none
	until_ok 20 settled vol
	rb "$f" down vol --force
	# Damages records at the beginning of the ring: a watermark says that all but the
	# last ones were durable.
	local off
	off=$("$RB" dump "$(log_dev "$f" vol)" --json | jq -er '.superblock.ring_off')
	dd if=/dev/urandom of="$(log_dev "$f" vol)" bs=4k seek=$((off / 4096 + 1)) count=2 oflag=direct status=none
	fails "$RB" dump "$(log_dev "$f" vol)" >/dev/null 2>&1
	rb "$f" up vol
	dmesg | grep -q "vol@rb$f: log device .* is damaged"
	dd if=/dev/urandom of="$(device "$l" vol)" bs=4k count=5 oflag=direct status=none
	until_ok 20 field_is "$f" vol owed_index 0
	[ "$(field "$f" vol log_rots)" = 1 ]
	rb "$f" status vol | grep -q 'a part of it was damaged 1 times'
	replicas_equal vol
}

for t in starts slow_follower_does_not_matter recovery_has_many_reads_in_flight \
	follower_log_fails leader_log_fails leader_data_fails sector_is_rewritten follower_data_fails \
	damaged_copies_are_rewritten \
	a_copy_that_cannot_be_rewritten_is_told what_others_wrote_is_not_mended \
	disk_is_pulled_out rot_is_reported_and_not_served; do
	tap $t
done
tap_end
