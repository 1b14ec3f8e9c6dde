#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# A backing device has no room for more requests: nobody who does not need that device
# notices. Writes complete, leadership stays where it is, and the node answers.
#
# A submitter of bios sleeps when a queue has no tag left. So there is a loop device with
# few tags above each slice, which runs out of them when the slice below it is suspended.
. "$(dirname "$0")/lib.sh"
trap 'resume_all; cluster_down; nulls_down' EXIT
BELOW=loop
# Leadership does not follow the writer of a shared volume, and nobody loses an election
# because the host is busy.
RBLK_NEW_ARGS="--shared --election-timeout 3s"
STUCK_S=8
WORST_MS=$((2500 * RBLK_SLOW))	# less than an election takes

# ---- devices ----

log_dev() { if [ $BELOW = loop ]; then echo "/dev/loop2$1"; else echo "/dev/nullb2$1p1"; fi; }
data_dev() { if [ $BELOW = loop ]; then echo "/dev/loop3$1"; else echo "/dev/nullb3$1p1"; fi; }

few_tags() { echo 4 >"/sys/block/$(basename "$1")/queue/nr_requests"; }

disks_up() {	# NODES LOG_MIB DATA_MIB
	local i
	[ $BELOW = loop ] || return 0
	modprobe -q loop
	for i in $(seq "$1"); do
		dm_slices "rblog$i $RBLK_LOG_DISK $(((i - 1) * $2 * 2048)) $(($2 * 2048))" \
			"rbdata$i $RBLK_DATA_DISK $(((i - 1) * $3 * 2048)) $(($3 * 2048))"
		losetup --direct-io=on "$(log_dev "$i")" "/dev/mapper/rblog$i"
		losetup --direct-io=on "$(data_dev "$i")" "/dev/mapper/rbdata$i"
		few_tags "$(log_dev "$i")"
		few_tags "$(data_dev "$i")"
	done
}

disks_down() {
	local d
	for d in /dev/loop[23][1-3]; do
		losetup -d "$d" 2>/dev/null
	done
	slices_down
}

resume_all() {
	local d
	for d in $(dmsetup ls 2>/dev/null | awk '/^rb(log|data)/ { print $1 }'); do
		dmsetup resume "$d"
	done
}

null_up() {	# NAME MIB LATENCY_MS: a disk in memory with few tags
	local dir=/sys/kernel/config/nullb/$1
	mkdir "$dir"
	echo "$2" >"$dir/size"
	echo 1 >"$dir/memory_backed"
	echo 4096 >"$dir/blocksize"
	echo 1 >"$dir/submit_queues"
	echo 4 >"$dir/hw_queue_depth"
	echo 2 >"$dir/irqmode"
	echo $(($3 * 1000000)) >"$dir/completion_nsec"
	echo 1 >"$dir/power"
}

nulls_down() {
	rmdir /sys/kernel/config/nullb/nullb[23]* 2>/dev/null
	modprobe -qr null_blk
}

# ---- what is demanded ----

# Writes on one node, a hundred in a second, which no buffer of the cluster is too small for. They
# come in bursts: what is applied between two of them is more than a queue has room for.
write_on() {	# NODE SECONDS
	fio --name=w --filename="$(device "$1" vol)" --direct=1 --ioengine=libaio --iodepth=16 \
		--rw=randwrite --bs=4k --size=16m --thinktime=400000 --thinktime_blocks=48 \
		--time_based --runtime="$2" --output-format=json >/tmp/room.json
}

# All writes completed in time, and the term is the one from before.
undisturbed() {	# LEADER TERM
	local worst
	worst=$(jq -r '.jobs[0].write.clat_ns.max / 1000000 | floor' /tmp/room.json)
	say "longest write: $worst ms"
	[ "$worst" -lt $WORST_MS ]
	[ "$(field "$1" vol term)" = "$2" ]
	leader_is "$1"
}

# The node answers now, and its answer shows that the device is stuck.
answers_meanwhile() {	# NODE DATA|LOG
	local stuck='.last_index > .durable_index'
	[ "$2" = LOG ] || stuck='.executed_index > .applied_index + 20'
	[ "$(field "$1" vol age_ms)" -lt $((1000 * RBLK_SLOW)) ]
	query "$1" vol "$stuck" >/dev/null
}

applied_all() { until_ok 60 settled vol; }

# The slice below a device of a node is suspended in the middle of the writes of a node.
suspended() {	# DATA|LOG WRITER LEADER STUCK_NODE
	local term fio slice
	slice=rb${1,,}$4
	term=$(field "$3" vol term)
	write_on "$2" $((STUCK_S + 4)) &
	fio=$!
	sleep 2
	dmsetup suspend --nolockfs "$slice"
	sleep $STUCK_S
	answers_meanwhile "$4" "$1"
	dmsetup resume "$slice"
	wait $fio
	undisturbed "$3" "$term"
	applied_all
}

# ---- tests ----

starts() {
	need losetup jq fio
	cluster_up 3 vol
}

data_of_the_leader_and_others_write() {
	local l
	trap resume_all EXIT
	l=$(a_leader vol)
	suspended DATA $((l % 3 + 1)) "$l" "$l"
}

data_of_the_leader_and_it_writes() {
	local l
	trap resume_all EXIT
	l=$(a_leader vol)
	suspended DATA "$l" "$l" "$l"
}

data_of_a_follower() {
	local l f
	trap resume_all EXIT
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	suspended DATA "$f" "$l" "$f"
}

# What is applied is durable in the log first, so it waits with the log.
log_of_a_follower() {
	local l f
	trap resume_all EXIT
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	suspended LOG "$l" "$l" "$f"
}

throttle() {	# MICROSECONDS: of the latency that is aimed at; 0: no throttling
	local i
	for i in 1 2 3; do echo "$1" >"/sys/block/nullb3$i/queue/wbt_lat_usec"; done
}

# Each request to a data device takes a tenth of a second, there are four at a time, and
# writeback throttling lets only some of them be writes. The devices are partitions: a
# bio that found no room has to go to the same place once more.
starts_on_disks() {
	local i
	cluster_down || true
	BELOW=disk
	modprobe -q null_blk nr_devices=0 || exit 4
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
	for i in 1 2 3; do
		null_up "nullb2$i" 64 1
		null_up "nullb3$i" 32 100
		addpart "/dev/nullb2$i" 1 2048 $((62 * 2048))
		addpart "/dev/nullb3$i" 1 2048 $((30 * 2048))
	done
	throttle 1000
	cluster_up 3 vol
}

# Somebody reads as well, more than fits into the queue. That is not on the leader, which would
# hand over to a node where no read waits for so long.
slow_disk_with_throttling() {
	BELOW=disk
	local l term reader other
	l=$(a_leader vol)
	term=$(field "$l" vol term)
	other=$(((l + 1) % 3 + 1))
	fio --name=r --filename="$(device $other vol)" --direct=1 --ioengine=libaio --iodepth=64 \
		--rw=randread --bs=4k --size=16m --time_based --runtime=$((STUCK_S + 4)) --readonly \
		--minimal >/tmp/reader &
	reader=$!
	write_on $((l % 3 + 1)) $((STUCK_S + 4)) &
	sleep $STUCK_S
	answers_meanwhile "$l" DATA
	wait $reader
	wait
	undisturbed "$l" "$term"
	throttle 0	# else it takes minutes until all is applied
	replicas_equal vol
}

verified() {	# DEVICE ARGS: writes 1 MiB, or reads what was written
	fio --name=v --filename="$1" --direct=1 --ioengine=libaio --iodepth=64 --bs=4k --size=16m \
		--io_size=1m --randseed=7 --verify=crc32c --verify_fatal=1 --minimal "${@:2}" >/tmp/verified
}

everything_is_where_it_belongs() {
	BELOW=disk
	local l d
	l=$(a_leader vol)
	d=$(device "$l" vol)
	verified "$d" --rw=randwrite --do_verify=0
	applied_all
	verified "$d" --rw=randread
	rb "$l" down vol --force
	rb "$l" up vol
	replicas_equal vol
}

for t in starts data_of_the_leader_and_others_write data_of_the_leader_and_it_writes \
	data_of_a_follower log_of_a_follower starts_on_disks slow_disk_with_throttling \
	everything_is_where_it_belongs; do
	tap $t
done
tap_end
