#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# The OCF resource agent is called as a cluster manager would call it.
. "$(dirname "$0")/lib.sh"
trap cluster_down EXIT
RBLK_LOG_MIB=64
RBLK_DATA_MIB=64

starts() { cluster_up 3 vol; }

# agent NODE ACTION [VARIABLE=VALUE...]: prints the exit code of the agent.
agent() {
	local i=$1 action=$2
	shift 2
	in_node "$i" env OCF_ROOT=/nowhere HA_RSCTMP="/tmp/ocf.$i" RAFTBLK="$RB" OCF_RESKEY_volume=vol \
		"$@" sh "$RBLK_TOP/ocf/raftblk.in" "$action" 2>>/tmp/ocf.err && echo 0 || echo $?
}

describes_itself() {
	in_node 1 sh "$RBLK_TOP/ocf/raftblk.in" meta-data |
		python3 -c 'import sys, xml.dom.minidom as m
names = [a.getAttribute("name") for a in m.parse(sys.stdin).getElementsByTagName("action")]
assert names == ["start", "stop", "monitor", "meta-data", "validate-all"], names'
}

refuses_what_is_wrong() {
	[ "$(agent 1 frobnicate)" = 3 ]
	[ "$(agent 1 validate-all)" = 0 ]
	[ "$(agent 1 validate-all OCF_RESKEY_volume=)" = 6 ]
	[ "$(agent 1 validate-all OCF_RESKEY_volume=a/b)" = 6 ]
	[ "$(agent 1 validate-all OCF_RESKEY_volume=other)" = 5 ]
	grep -q 'other: cannot read .*other.conf' /tmp/ocf.err
	[ "$(agent 1 start RAFTBLK=/nowhere)" = 5 ]
	[ "$(agent 1 stop RAFTBLK=/nowhere)" = 0 ]
	[ "$(agent 1 start OCF_RESKEY_volume=other)" = 1 ]
	[ "$(agent 1 monitor OCF_RESKEY_volume=other)" = 7 ]
	grep -q 'volume other is not up here' /tmp/ocf.err
}

is_on_one_node() {
	[ "$(agent 1 monitor)" = 7 ]
	[ "$(agent 1 stop)" = 0 ]
	[ "$(agent 1 start)" = 0 ]
	[ "$(agent 1 start)" = 0 ]
	[ "$(agent 1 monitor)" = 0 ]
	[ "$(agent 2 monitor)" = 7 ]
	dd if=/dev/urandom bs=4k count=4 oflag=direct status=none of="$(device 1 vol)"
	fails dd if=/dev/urandom bs=4k count=4 oflag=direct status=none of="$(device 2 vol)" 2>/dev/null
}

moves() {
	[ "$(agent 1 stop)" = 0 ]
	[ "$(agent 1 monitor)" = 7 ]
	[ "$(agent 2 start)" = 0 ]
	[ "$(agent 2 monitor)" = 0 ]
	[ "$(field 2 vol session)" = held ]
}

stopped_on() { [ "$(agent "$1" monitor)" = 7 ]; }

# Without force, a start waits until the timeout of the manager; with force, the old node is
# fenced.
force_fences() {
	in_node 3 timeout 5 env OCF_ROOT=/nowhere HA_RSCTMP=/tmp/ocf.3 RAFTBLK="$RB" OCF_RESKEY_volume=vol \
		sh "$RBLK_TOP/ocf/raftblk.in" start 2>/dev/null && false
	[ "$(agent 3 stop)" = 0 ]
	[ "$(agent 2 monitor)" = 0 ]
	[ "$(agent 3 start OCF_RESKEY_force=yes)" = 0 ]
	[ "$(agent 3 monitor)" = 0 ]
	# The process that held the session on node 2 has noticed this and ended.
	until_ok 20 stopped_on 2
	[ "$(agent 2 stop)" = 0 ]
	[ "$(agent 3 stop)" = 0 ]
	replicas_equal vol
}

for t in starts describes_itself refuses_what_is_wrong is_on_one_node moves force_fences; do tap $t; done
tap_end
