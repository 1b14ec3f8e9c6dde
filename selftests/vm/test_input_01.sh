#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# Bad input to a running module gives a clear error, and nothing changes.
. "$(dirname "$0")/lib.sh"
trap 'umount -q /tmp/rbmnt; cluster_down' EXIT

starts() { cluster_up 3 vol; }

refused() {	# PATTERN COMMAND...: the command must fail, with a message that matches
	local pat=$1
	shift
	if "$@" >/tmp/out 2>&1; then
		say "was not refused: $*"
		return 1
	fi
	grep -Eqi "$pat" /tmp/out && return 0
	say "unclear: $(head -2 /tmp/out)"
	return 1
}

format_of_a_running_volume_is_refused() { refused 'busy|in use' rb 1 format vol --force; }
up_twice_is_no_failure() { rb 1 up vol | grep -q 'is up already as /dev/raftblk'; }
unknown_volume_is_refused() { refused 'no|not' rb 1 up nosuch; }
bootstrap_twice_is_refused() { refused 'already|bootstrapped' rb 1 bootstrap vol; }
transfer_to_nobody_is_refused() { refused 'no such|not a|unknown' rb "$(leader vol)" transfer vol nobody; }

down_of_an_open_device_is_refused() {
	local l fd d
	l=$(a_leader vol)
	d=$(device "$l" vol)
	exec {fd}<"$d"
	refused "is open .*: .* \\(pid $BASHPID\\) has it open" rb "$l" down vol --timeout 200ms
	exec {fd}<&-
	# Mounted in a mount namespace of others only, where this one does not see it.
	mkfs.ext4 -q "$d"
	mkdir -p /tmp/rbmnt
	unshare -m sh -c "mount $d /tmp/rbmnt; touch /tmp/mounted; exec sleep 100" &
	until_ok 10 test -e /tmp/mounted
	refused "is mounted on /tmp/rbmnt in the mount namespace of sleep \\(pid $!\\)" rb "$l" down vol
	# Programs that have a look at it are waited for.
	kill $!
	wait $! || true
	exec {fd}<"$d"
	(exec {fd}<&-; rb "$l" down vol) &
	sleep 0.3
	exec {fd}<&-
	wait $!
	rb "$l" up vol
}

garbage_frames_are_cut() {
	local before
	before=$(field 1 vol frames_bad)
	for _ in 1 2 3; do
		head -c 100000 /dev/urandom | in_node 2 timeout 5 nc -q1 10.99.0.1 7800 >/dev/null 2>&1 || true
	done
	until_ok 10 more_bad_frames "$before"
	dd if=/dev/urandom of="$(leader_device vol)" bs=4k count=5 oflag=direct status=none
}
more_bad_frames() { [ "$(field 1 vol frames_bad)" -gt "$1" ]; }

# 200 programs on n2 have a connection to another node, say nothing on it, and open the next one when
# it is cut. n1, whose name compares lowest, is the one that dials.
strangers_delay_no_rejoin() {
	local i ret=0 pid=()
	rb 1 down vol --force
	for i in 2 3; do
		exec_in_node 2 bash -c "trap 'kill \$(jobs -p)' TERM
			for k in {1..100}; do
				while :; do exec 9<>/dev/tcp/10.99.0.$i/7800; read -r -u 9; done &
			done
			wait" 2>/dev/null &
		pid+=($!)
	done
	until_ok 20 many_strangers 2 && until_ok 20 many_strangers 3 && rb 1 up vol &&
		rb 1 wait vol --for connected --timeout "$((5 * RBLK_SLOW))s" || ret=$?
	kill "${pid[@]}"
	wait "${pid[@]}" 2>/dev/null || true
	return "$ret"
}
many_strangers() { [ "$(in_node 2 ss -Htn dport = :7800 dst "10.99.0.$1" | wc -l)" -gt 50 ]; }

netlink_survives_noise() {
	within 120 "$RBLK_TOP/selftests/tool/fuzz-netlink" --count 2000 >/tmp/out ||
		{ sed 's/^/# /' /tmp/out; return 1; }
	grep '^# ' /tmp/out
	rb 1 status vol >/dev/null
}

# With the volume down, no program holds the devices. What they carry has to be enough for
# those that look before they write.
stores_are_not_overwritten() {
	local dev
	rb 1 down vol --force
	# It was used, so it would have to be zeroed again.
	rb 1 format vol --force --dry-run | grep -q 'usable, zeroed as far as that goes in 10 s'
	for dev in "$(log_dev 1 vol)" "$(data_dev 1 vol)"; do
		blkid -p "$dev" | grep -q 'PTTYPE="PMBR"'
		fails eval "blkid -p '$dev' | grep -q ' TYPE='"
		[ ! -x "$(command -v mkfs.xfs)" ] || refused 'partition table' mkfs.xfs "$dev"
		[ ! -x "$(command -v pvcreate)" ] || refused 'partition' pvcreate -y "$dev"
	done
	rb 1 up vol
	until_ok 30 leader vol
}

# The pool has room for less than half of the device.
thin_device_is_not_filled() {
	local end conf=/tmp/thin.conf
	modprobe -q dm-thin-pool || exit 4
	end=$(($(blockdev --getsz "$RBLK_DATA_DISK") - 45 * 2048))
	dm_slices "rbdatam $RBLK_DATA_DISK $end 8192" "rbdatap $RBLK_DATA_DISK $((end + 8192)) 81920"
	dd if=/dev/zero of=/dev/mapper/rbdatam bs=4k count=1 oflag=direct status=none
	dd if=/dev/urandom of=/dev/mapper/rbdatap bs=1M count=40 oflag=direct status=none
	dmsetup create rbdatat --table "0 81920 thin-pool /dev/mapper/rbdatam /dev/mapper/rbdatap 128 0 1 error_if_no_space"
	dmsetup message rbdatat 0 "create_thin 0"
	dmsetup create rbdatav --table "0 $((96 * 2048)) thin /dev/mapper/rbdatat 0"
	truncate -s 20M /tmp/thinlog
	"$RB" new thin --print --node rb1=10.99.0.1:7900,/tmp/thinlog,/dev/mapper/rbdatav >$conf
	dd if=/dev/urandom of=/dev/mapper/rbdatav bs=64k seek=100 count=10 oflag=direct status=none
	rb 1 --config $conf format thin | grep -q 'its thin pool gives room as it is written'
	cmp -i 1M -n 94M /dev/mapper/rbdatav /dev/zero
	# Superblocks, the header and its copy.
	[ "$(dmsetup status rbdatat | cut -d ' ' -f 6)" = 2/640 ]
	dmsetup remove rbdatav rbdatat rbdatap rbdatam
}

swapped_devices_are_told() {
	local conf=/tmp/swapped.conf
	rb 1 down vol --force
	sed 's/rblog1/rbother1/; s/rbdata1/rblog1/; s/rbother1/rbdata1/' "$RBLK_CONF/vol.conf" >$conf
	refused 'rbdata1 is not a raftblk log device; it holds the data of raftblk volume vol, node rb1' \
		rb 1 --config $conf up vol
	refused 'holds the data of raftblk volume vol' rb 1 --config $conf format vol --force
	rb 1 up vol
	until_ok 30 leader vol
}

smaller_device_is_refused() {
	local name sectors device from
	rb 1 down vol --force
	for name in log data; do
		SAVED=$(dmsetup table rb${name}1)
		read -r _ sectors _ device from <<<"$SAVED"
		dm_table rb${name}1 "0 $((sectors - 8192)) linear $device $from"
		refused "$name device .*: it has $(((sectors - 8192) * 512)) bytes, and at least [0-9]* are needed; give it that size" \
			rb 1 up vol
		dm_table rb${name}1 "$SAVED"
	done
	rb 1 up vol
	until_ok 30 leader vol
}

# mkfs with force, pvcreate and others leave the end of a device alone, where a copy of the
# superblock is.
overwritten_store_is_left_alone() {
	local dev
	rb 1 down vol --force
	dev=$(log_dev 1 vol)
	dd if="$dev" of=/tmp/front bs=4k count=16 status=none
	dd if=/dev/zero of="$dev" bs=2k count=1 conv=notrunc oflag=direct status=none
	refused 'not a raftblk log device; it holds a copy, behind an overwritten' rb 1 up vol
	refused 'copy, behind an overwritten beginning' rb 1 format vol
	fails eval "'$RB' dump --udev '$dev' | grep -q ."
	mkswap -f "$dev" >/dev/null
	refused 'swap' rb 1 format vol --force
	refused 'swap' "$RB" wipe "$dev" --force
	wipefs -aq "$dev"
	dd if=/tmp/front of="$dev" bs=4k count=16 conv=notrunc oflag=direct status=none
	rb 1 up vol
	until_ok 30 leader vol
}

mounted_device_is_refused() {
	rb 1 down vol --force
	mkfs.ext4 -q -F "$(log_dev 1 vol)"
	mkdir -p /tmp/rbmnt
	mount "$(log_dev 1 vol)" /tmp/rbmnt
	refused 'mounted|busy|in use' rb 1 format vol --force
	refused 'mounted|busy|in use|not a raftblk' rb 1 up vol
	umount /tmp/rbmnt
}

foreign_superblock_is_refused() {
	refused 'not a raftblk|ext4|foreign|no raftblk' rb 1 up vol
	refused 'ext4|force' rb 1 format vol
}

wiped_store_is_not_a_member() {
	refused 'ext4|wipefs' rb 1 format vol --force	# never overwrites anything foreign
	refused 'ext4|wipefs' "$RB" wipe "$(log_dev 1 vol)" --force
	wipefs -aq "$(log_dev 1 vol)"
	rb 1 format vol --force >/dev/null
	rb 1 up vol
	until_ok 20 says_why
	# The other two members go on, and the new store never votes.
	[ "$(field 1 vol role)" = follower ]
	# The session may belong to the store that was wiped, which is silent now.
	until_ok 30 dd if=/dev/urandom of="$(leader_device vol)" bs=4k count=5 oflag=direct
}
says_why() { rb 1 why vol | grep -Eqi 'not a member|wiped|new store'; }

# Taking it would leave nothing to others.
pool_beyond_memory_is_refused() {
	rb 1 down vol --force
	sed '/^uuid/a pool = 8G' "$RBLK_CONF/vol.conf" >/tmp/vol.conf
	refused 'no memory for a pool of 8192 MiB: [0-9]+ MiB are available' rb 1 --config /tmp/vol.conf up vol
	rb 1 up vol
	until_ok 30 leader vol
}

other_users_may_not() {
	local root='by a container, its unit or a security module'
	refused "CAP_NET_ADMIN: root may not do this here, $root" \
		setpriv --bounding-set=-all --inh-caps=-all "$RB" --node rb2 status
	refused "CAP_SYS_ADMIN.*; root may not do this here, $root" \
		in_node 2 setpriv --bounding-set=-all,+net_admin --inh-caps=-all "$RB" --node rb2 down vol
	if setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all true 2>/dev/null; then
		refused 'permi|root|privilege' setpriv --reuid 65534 --clear-groups "$RB" --node rb2 down vol &&
			refused 'permi|root|privilege' setpriv --reuid 65534 --clear-groups "$RB" status
	fi
}

for t in starts format_of_a_running_volume_is_refused up_twice_is_no_failure unknown_volume_is_refused \
	bootstrap_twice_is_refused transfer_to_nobody_is_refused down_of_an_open_device_is_refused \
	garbage_frames_are_cut strangers_delay_no_rejoin netlink_survives_noise pool_beyond_memory_is_refused \
	other_users_may_not stores_are_not_overwritten swapped_devices_are_told smaller_device_is_refused \
	overwritten_store_is_left_alone mounted_device_is_refused foreign_superblock_is_refused \
	wiped_store_is_not_a_member thin_device_is_not_filled; do
	tap $t
done
tap_end
