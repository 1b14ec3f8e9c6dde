#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# raftblk hold: writes time out for want of a quorum, the file system becomes read-only, and the
# service is back when the quorum is.
. "$(dirname "$0")/lib.sh"
RBLK_LOG_MIB=32
RBLK_DATA_MIB=64
RBLK_NEW_ARGS='--io-timeout 2s'
DIR=/tmp/held
trap finish EXIT

finish() {
	pkill -x raftblk || true
	until_ok 20 gone
	cluster_down
}
gone() { ! pgrep -x -r S,D,R raftblk; }	# a zombie is gone
is_mounted() { grep -q " $DIR " /proc/self/mountinfo; }
says() { tail -n 1 /tmp/hold.out | grep -q "^vol: $1"; }
said() { grep -q "^vol: $1" /tmp/hold.out; }

starts() {
	need mkfs.ext4 fsck.ext4
	cluster_up 3 vol
	mkdir -p $DIR
	mkfs.ext4 -q -e remount-ro "$(device 1 vol)"
}

# It goes on after an error: ext4 ends with the first change after its journal has ended.
cat >/tmp/service <<'E'
echo $$ >/tmp/service.pid
while :; do echo line >>/tmp/held/lines && sync /tmp/held/lines; sleep 0.1; done
E

begin() {
	# shellcheck disable=SC2016 # for the shell that hold runs
	rb 1 hold vol $DIR --start 'setsid sh /tmp/service >/dev/null 2>&1 &' \
		--stop 'kill -9 $(cat /tmp/service.pid); true' >/tmp/hold.out 2>&1 &
	until_ok 60 says 'active on'
}

lines() { wc -l <$DIR/lines; }
more_than() { [ "$(lines)" -gt "$1" ]; }

the_service_is_back_after_writes_timed_out() {
	local before code=0
	begin
	until_ok 20 more_than 5
	before=$(lines)
	isolate 2
	isolate 3
	# The errors are counted first, so it is either that is told.
	until_ok 60 said "the file system on $DIR \\(became read-only\\|has found\\) .*: stopping, to repair it"
	until_ok 60 says 'waiting to repair the file system: cut off from the other nodes'
	rb 1 why vol | grep -q "^also: the file system on $DIR "
	rb 1 check vol || code=$?
	[ $code = 2 ]
	fails is_mounted
	heal
	until_ok 60 says 'active on'
	until_ok 20 more_than "$before"
	rb 1 check vol
}

it_ends() {
	fails grep -q 'mount namespace' /tmp/hold.out
	pkill -x raftblk
	until_ok 30 gone
	fails is_mounted
	replicas_equal vol
}

# As in the unit of a service that has PrivateMounts=.
a_mount_that_nobody_else_sees_is_told() {
	unshare -m --propagation slave /tmp/raftblk-tool/netns rb1 "$RB" --node rb1 hold vol $DIR \
		>/tmp/hold.out 2>&1 &
	until_ok 60 says 'active on'
	grep -q "^raftblk: vol: $DIR is mounted in a mount namespace of its own" /tmp/hold.out
	fails is_mounted
	pkill -x raftblk
	until_ok 30 gone
}

for t in starts the_service_is_back_after_writes_timed_out it_ends \
	a_mount_that_nobody_else_sees_is_told; do
	tap $t
done
tap_end
