#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# The module and the machine that it runs on: what the block device promises to those
# above, and what it asks of the rest of the kernel.
. "$(dirname "$0")/lib.sh"
trap 'kill_all; cluster_down' EXIT
PIDS=()

kill_all() {
	local p
	for p in "${PIDS[@]}"; do kill -9 "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
}

disk_of() { basename "$(device "$1" vol)"; }

starts() {
	need python3
	cluster_up 3 vol
}

# nowait r|w DEVICE: one block, direct, with RWF_NOWAIT; prints the error, or "taken"
nowait() {
	timeout $((30 * RBLK_SLOW)) python3 - "$@" $((5 * RBLK_SLOW)) <<-'EOF'
		import mmap, os, sys, errno, time
		how, dev, limit = sys.argv[1:]
		fd = os.open(dev, os.O_DIRECT | (os.O_RDWR if how == "w" else os.O_RDONLY))
		buf = mmap.mmap(-1, 4096)
		began = time.monotonic()
		try:
		    if how == "w":
		        os.pwritev(fd, [buf], 0, os.RWF_NOWAIT)
		    else:
		        os.preadv(fd, [buf], 0, os.RWF_NOWAIT)
		    print("taken" if time.monotonic() - began < int(limit) else "waited")
		except OSError as e:
		    print(errno.errorcode[e.errno])
	EOF
}

# Its pool alone is larger than this memory cgroup.
whoever_starts_it_does_not_pay() {
	local cg=/tmp/cgroup i
	mkdir -p $cg
	mount -t cgroup2 none $cg
	grep -qw memory $cg/cgroup.controllers || { umount $cg; exit 4; }
	echo +memory >$cg/cgroup.subtree_control
	mkdir $cg/small
	echo 8M >$cg/small/memory.max
	rb 2 down vol
	(echo "$BASHPID" >$cg/small/cgroup.procs; exec_in_node 2 "$RB" --node rb2 up vol)
	until_ok 30 settled vol
	dd if=/dev/zero of="$(device 1 vol)" bs=256k count=32 oflag=direct status=none
	until_ok 60 settled vol
	grep -qx 'oom_kill 0' $cg/small/memory.events
	i=$(cat $cg/small/memory.current)	# up to 256 KiB a processor is only set aside
	[ "$i" -lt $((1024 * 1024)) ] || { say "$i bytes"; return 1; }
	rmdir $cg/small
	umount $cg
}

# Data is copied before it is replicated, so nobody has to wait before changing a page again.
pages_may_change_while_they_are_written() {
	local i
	for i in 1 2 3; do [ "$(cat "/sys/block/$(disk_of "$i")/queue/stable_writes")" = 0 ]; done
}

# Else io_uring hands every request to a worker thread.
requests_that_must_not_wait_are_taken() {
	[ "$(nowait r "$(device 1 vol)")" = taken ]
	[ "$(nowait w "$(device 1 vol)")" = taken ]
}

requests_that_must_not_wait_do_not() {
	local d tags fd
	d=$(device 1 vol)
	tags=$(cat "/sys/block/$(disk_of 1)/queue/nr_requests")
	exec {fd}<>"$d"		# keeps the session
	isolate 2
	isolate 3
	fio --name=fill --filename="$d" --direct=1 --ioengine=libaio --iodepth=$((tags * 2)) --rw=write \
		--bs=4k --size=16m >/dev/null 2>&1 &
	PIDS=($!)
	until_ok 20 full 1 "$tags"
	[ "$(nowait r "$d")" = EAGAIN ]
	[ "$(nowait w "$d")" = EAGAIN ]
	heal
	until_ok 60 gone "${PIDS[0]}"
	exec {fd}>&-
	replicas_equal vol
}
full() { [ "$(field "$1" vol inflight)" = "$2" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# A line may take milliseconds, in which the loop must not stand still.
the_loop_prints_no_events() {
	local t=/sys/kernel/tracing
	[ -e $t/trace ] || mount -t tracefs nodev $t
	[ -e $t/events/printk/console ] || exit 4
	echo >$t/trace
	echo 1 >$t/events/printk/console/enable
	rb "$(a_leader vol)" transfer vol
	until_ok 20 grep -q 'vol@rb.: leader in term' $t/trace
	echo 0 >$t/events/printk/console/enable
	fails grep '^ *raftblk[0-9]*-[0-9].*vol@rb.: .* in term' $t/trace
	[ "$(field 1 vol events_lost)" = 0 ]
}

# lsblk and the like show what a device is used by.
its_devices_are_shown_as_used() {
	local d dev
	for d in rblog1 rbdata1; do
		dev=$(dm_name "$d")
		[ -e "/sys/block/$dev/holders/$(disk_of 1)" ]
		[ -e "/sys/block/$(disk_of 1)/slaves/$dev" ]
	done
	lsblk -nro NAME "/dev/mapper/rblog1" | grep -qx "$(disk_of 1)"
}
dm_name() { dmsetup info -c --noheadings -o blkdevname "$1"; }

its_devices_are_free_when_it_is_down() {
	local d table
	rb 3 down vol
	[ -z "$(ls "/sys/block/$(dm_name rblog3)/holders")" ]
	for d in rblog3 rbdata3; do
		table=$(dmsetup table "$d")
		dmsetup remove "$d"	# at once, without --retry
		dmsetup create "$d" --table "$table"
	done
	rb 3 up vol
	replicas_equal vol
}

zoned_devices_are_refused() {
	need modprobe
	modprobe null_blk zoned=1 zone_size=64 gb=1 nr_devices=2 || exit 4
	trap 'rmmod null_blk' EXIT
	"$RB" new zoned --node rb1=10.99.0.1:7999,/dev/nullb0,/dev/nullb1 >/dev/null
	fails rb 1 format zoned 2>/tmp/err
	grep -q 'device /dev/nullb[01] is zoned' /tmp/err
}

# With the image, the node would be set back to before its last acknowledgements. pm_test
# lets the kernel only pretend to sleep.
can_pretend() { [ -e /sys/power/pm_test ] || exit 4; }

a_node_is_not_hibernated() {
	can_pretend
	echo freezer >/sys/power/pm_test
	fails eval 'echo disk >/sys/power/state' 2>/tmp/err
	echo none >/sys/power/pm_test
	grep -q 'busy' /tmp/err
	kernel_said "vol@rb3: hibernation refused.*raftblk down vol"
}

# The root file system of the guests does not survive that their devices sleep, too.
it_sleeps_and_wakes_up() {
	local i
	can_pretend
	echo freezer >/sys/power/pm_test
	echo mem >/sys/power/state
	echo none >/sys/power/pm_test
	kernel_said 'suspend debug'
	for i in 1 2 3; do until_ok 30 is_ready "$i"; done
	fio_write "$(leader_device vol)"
	replicas_equal vol
}
is_ready() { [ "$(field "$1" vol ready)" = true ]; }

without_a_node_it_is_hibernated() {
	can_pretend
	cluster_down || true
	echo freezer >/sys/power/pm_test
	echo disk >/sys/power/state
	echo none >/sys/power/pm_test
	starts
}

for t in starts whoever_starts_it_does_not_pay pages_may_change_while_they_are_written \
	requests_that_must_not_wait_are_taken requests_that_must_not_wait_do_not \
	the_loop_prints_no_events its_devices_are_shown_as_used \
	its_devices_are_free_when_it_is_down zoned_devices_are_refused \
	a_node_is_not_hibernated it_sleeps_and_wakes_up without_a_node_it_is_hibernated; do
	tap $t
done
tap_end
