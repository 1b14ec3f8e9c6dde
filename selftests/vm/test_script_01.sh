#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# What scripts are made of: wait, events --now, status --field, and their exit codes.
. "$(dirname "$0")/lib.sh"
trap cluster_down EXIT
RBLK_LOG_MIB=16
RBLK_DATA_MIB=16

RBLK_CLIENTS=1

starts() { cluster_up 3 vol; }

# waits_in_vain NODE STATE TEXT: exit code 5, and what it said.
waits_in_vain() {
	local code=0 said
	said=$(rb "$1" wait vol --for "$2" --timeout 300ms 2>&1) || code=$?
	if [ $code != 5 ] || [ "$said" != "raftblk: vol: wait: $3, after 300ms; see: raftblk why vol" ]; then
		say "exit code $code: $said"
		return 1
	fi
}

waits_until_it_is_up() {
	local pid
	rb 1 down vol
	waits_in_vain 1 up 'the volume is not up on this node'
	rb 1 wait vol --for leader --timeout 30s &
	pid=$!
	rb 1 up vol
	wait $pid
	[ "$(rb 1 status vol --field ready)" = true ]
	rb 1 wait vol --for up
}

# A second "up" finds what runs as the file says, on members and a client, and tells what does not.
up_again_is_success() {
	local i code=0 said
	for i in 1 2 3 4; do
		rb $i up vol | grep -q '^vol is up already as /dev/raftblk[0-9]*, and as .*vol.conf says$'
	done
	sed 's/^\[node rb4\]/[node rb5]/; 1i pool = 32M' "$RBLK_CONF/vol.conf" >/tmp/other.conf
	said=$(rb 1 --config /tmp/other.conf up vol 2>&1) || code=$?
	[ $code = 4 ] && [[ $said == *"node rb5 is new in the file; node rb4 is not in the file; pool: it runs with 64M, and the file says 32M"* ]]
}

# An outgoing connection has the port: no listener, and with nothing that lets others share it.
up_waits_for_its_port() {
	local port up
	port=$(sed -n 's/^address = 10.99.0.4://p' "$RBLK_CONF/vol.conf")
	rb 4 down vol
	rm -f /tmp/connected
	in_node 4 python3 - "$port" 7800 <<-'P' &
		import os, signal, socket, struct, sys
		s = socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		s.bind(("10.99.0.4", int(sys.argv[1])))
		s.connect(("10.99.0.1", int(sys.argv[2])))
		open("/tmp/connected", "w").write(str(os.getpid()))
		signal.pause()
	P
	until_ok 20 test -s /tmp/connected
	fails rb 4 up vol --retry 0 2>/tmp/err
	grep -q "cannot listen on 10.99.0.4:$port: .*'ss -tanp sport = :$port'" /tmp/err
	rb 4 up vol --retry 60s 2>/tmp/err &
	up=$!
	until_ok 10 grep -q 'up: trying again for up to 1m' /tmp/err
	kill "$(cat /tmp/connected)"
	wait $up
	[ "$(rb 4 status vol --field state)" = running ]
}

waits_for_the_session() {
	waits_in_vain 2 held 'this node does not hold the session'
	exec 9<>"$(device 2 vol)"
	rb 2 wait vol --for held --timeout 10s
	[ "$(rb 2 status vol --field session)" = held ]
	exec 9>&-
}

waits_for_all_members() {
	local l f said code=0
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	rb "$l" wait vol --for connected --timeout 30s
	isolate $f
	until_ok 20 waits_in_vain "$l" connected 'not all members are connected to this node'
	dd if=/dev/urandom of="$(device "$l" vol)" bs=4k count=4 oflag=direct status=none
	waits_in_vain "$l" synced 'not all members have all that is committed'
	heal
	rb "$l" wait vol --for synced --timeout 30s
	rb "$l" wait vol --for connected --timeout 30s
	said=$(rb $f wait vol --for synced --timeout 30s 2>&1) || code=$?
	[ $code = 1 ] && [[ $said == *"only the leader knows who has what is committed; run it on rb$l" ]]
	replicas_equal vol
}

# The state comes first, then what changes; nothing that happens in between is missed.
events_begin_with_the_state() {
	local l n
	l=$(a_leader vol)
	n=$((l % 3 + 1))
	rm -f /tmp/events
	rb "$l" events vol --now --json >/tmp/events &
	EVENTS=$!
	until_ok 10 test -s /tmp/events
	head -1 /tmp/events | jq -e 'select(.event == "now" and .role == "leader" and .volume == "vol")' >/dev/null
	rb "$l" transfer vol "rb$n"
	until_ok 10 leader_is $n
	until_ok 10 grep -q '"event":"role"' /tmp/events
	kill $EVENTS
	rb "$n" events vol --now --count 1 | grep -Eq ' vol now: leader in term [0-9]+, ready, session [a-z]+(, holder rb[1-3])?; connected:( rb[1-4]){3}$'
}

# Its users go on, so there is what to wait for.
a_node_without_its_replica_is_waited_for() {
	local l f
	l=$(a_leader vol)
	f=$((l % 3 + 1))
	dm_table "rblog$f" "0 $((RBLK_LOG_MIB * 2048)) error"
	dd if=/dev/urandom of="$(device "$l" vol)" bs=4k count=4 oflag=direct status=none
	until_ok 10 field_is "$f" vol lost log
	rb $f wait vol --for leader --timeout 60s
	rb $f take vol --force
	rb $f wait vol --for held --timeout 60s
}

for t in starts up_again_is_success up_waits_for_its_port waits_until_it_is_up waits_for_the_session waits_for_all_members \
	events_begin_with_the_state a_node_without_its_replica_is_waited_for; do
	tap $t
done
tap_end
