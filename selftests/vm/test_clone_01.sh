#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Two machines have the devices of one member, as after its virtual machine was cloned.
. "$(dirname "$0")/lib.sh"
RBLK_LONG_CASES="copied_while_it_was_down"
trap 'clone down vol --force || true; cluster_down' EXIT

RBLK_LOG_MIB=32 RBLK_DATA_MIB=32
CLONE_CONF=/tmp/raftblk-clone
export RBLK_LOG_MIB RBLK_DATA_MIB

# There is room for one machine more than the volume has members.
eval "$(declare -f net_up | sed '1s/net_up/net_of/')"
eval "$(declare -f disks_up | sed '1s/disks_up/disks_of/')"
net_up() { net_of $(($1 + 1)); }
disks_up() { disks_of $(($1 + 1)) "$2" "$3"; }

starts() { cluster_up 3 vol; }

clone() { RAFTBLK_CONF_DIR=$CLONE_CONF in_node 4 "$RB" --node rb1 "$@"; }
clone_is() { [ "$(clone status vol --field "$1")" = "$2" ]; }

# The devices of rb1 at this moment, under it: all that was written to them has arrived there.
copy_devices() {
	local slice sectors from disk
	for slice in rblog rbdata; do
		read -r _ sectors _ _ from < <(dmsetup table "${slice}1")
		disk=$RBLK_LOG_DISK
		[ $slice = rblog ] || disk=$RBLK_DATA_DISK
		dmsetup suspend --nolockfs "${slice}1"
		dd if="$disk" of="/dev/mapper/${slice}4" bs=64k iflag=skip_bytes,count_bytes,direct \
			skip=$((from * 512)) count=$((sectors * 512)) oflag=direct conv=fsync status=none
	done
	dmsetup resume rblog1
	dmsetup resume rbdata1
	rm -rf $CLONE_CONF
	cp -r "$RBLK_CONF" $CLONE_CONF
	sed -i 's/10\.99\.0\.1:/10.99.0.4:/; s,mapper/rblog1,mapper/rblog4,; s,mapper/rbdata1,mapper/rbdata4,' \
		$CLONE_CONF/*
}

write_some() { dd if=/dev/urandom of="$(leader_device vol)" bs=64k count=20 oflag=direct status=none; }

follows() { field_is "$1" vol role follower && leader vol; }	# NODE

told() { rb "$1" why vol | grep -q 'two machines have the store of rb1: .*10\.99\.0\.4.*10\.99\.0\.1'; }

# Original and copy are started, and the original keeps its place.
copy_is_refused() {
	clone up vol
	until_ok 20 clone_is halt copy
	clone why vol | grep -q 'run only one machine under the name of this node'
	dmesg | grep -q "two machines have the store of node 'rb1': .*10\.99\.0\.4.*10\.99\.0\.1"
	until_ok 10 told 2
	until_ok 10 told 3
	rb 2 status vol | grep 'two machines have its store'
	field_is 1 vol halt none
	write_some
	replicas_equal vol
	clone down vol --force
}

copied_while_it_was_down() {
	write_some
	rb 1 down vol
	copy_devices
	rb 1 up vol
	until_ok 20 settled vol
	copy_is_refused
}

# What is copied includes the start in which the original runs: it is asked whether it lives.
# It does not lead, since a leader whose log device is held up while it is copied is deposed: then the
# others have seen more of it than the copy has, and call that a store that was set back.
copied_while_it_ran() {
	[ "$(a_leader vol)" != 1 ] || rb 1 transfer vol rb2
	until_ok 20 follows 1
	until_ok 20 settled vol
	copy_devices
	copy_is_refused
}

# Nor is it let in when it is started again while its original is away.
copy_remembers() {
	rb 1 down vol
	clone up vol
	until_ok 20 clone_is halt copy
	clone down vol --force
	rb 1 up vol
	until_ok 20 settled vol
	replicas_equal vol
}

for t in starts copied_while_it_was_down copied_while_it_ran copy_remembers; do
	tap $t
done
tap_end
