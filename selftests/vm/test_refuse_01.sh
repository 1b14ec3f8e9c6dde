#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# rotates
# A machine that is not what the others are configured for is refused, both sides say why
# and what to do, once, and nothing comes of it.
. "$(dirname "$0")/lib.sh"
trap 'strange_down; cluster_down' EXIT
RBLK_CLIENTS=1
STRANGE=/tmp/strange.conf
LOGS=/tmp/refuse.log

starts() {
	cluster_up 3 vol
	until_ok 20 field_is 4 vol ready true
	dd if=/dev/urandom of="$(device 1 vol)" bs=64k count=4 oflag=direct status=none
}

# Its file is that of the others, changed by sed.
strange_up() {	# NAME SED-EXPRESSION...
	NAME=$1
	shift
	sed "$@" "$RBLK_CONF/vol.conf" >$STRANGE
	in_node 4 "$RB" --config $STRANGE --node "$NAME" up vol
}
strange_down() { in_node 4 "$RB" down vol --force >/dev/null 2>&1 || true; }
client_back() { rb 4 up vol; until_ok 20 field_is 4 vol ready true; }

told() { dmesg | sed -n "/raftblk-test: begin $1/,\$p" >$LOGS; grep -cE "$2" $LOGS; }
tells() { [ "$(told "$1" "$2")" -ge 1 ]; }

# It goes on trying for a while after it was told of.
bytes() { in_node 4 "$RB" status vol --json | jq -e '.bytes_sent + .bytes_received'; }
more_than() { [ "$(bytes)" -gt "$1" ]; }
tries_on() { until_ok 60 more_than $(($(bytes) + 3000)); }

told_once() {	# TEST REFUSER REFUSED: by each side, although attempts go on
	tries_on
	[ "$(told "$1" "@$2: refused .* '$3'")" = 1 ]
	[ "$(told "$1" "@$3: node '$2' .*refused")" = 1 ]
}

why_says() {	# NODE-COMMAND... REGEX: of "raftblk why", which fails
	local re=${*: -1}
	"${@:1:$#-1}" why vol >/tmp/why.txt || true
	grep -qE "$re" /tmp/why.txt || { say "why: $(cat /tmp/why.txt)"; return 1; }
}

unchanged() {
	dd if=/dev/urandom of="$(device 1 vol)" bs=64k seek=4 count=2 oflag=direct status=none
	replicas_equal vol
	[ "$(field 1 vol session)" = held ]
}

# Members dial it, and so it is the client that refuses them.
another_uuid() {
	rb 4 down vol
	strange_up rb4 -e 's/^uuid = .*/uuid = 123e4567-e89b-42d3-a456-426614174000/'
	until_ok 20 tells another_uuid "@rb1: node 'rb4' at .* refused the connection of this node: another volume; compare the uuid"
	until_ok 20 tells another_uuid "@rb4: refused the connection of node 'rb1' at .*: another volume \(its uuid is .*, the one here 123e4567-.*\); compare the uuid"
	told_once another_uuid rb4 rb1
	why_says rb 4 'this node refuses rb1: another volume'
	why_says rb 4 'next: compare the uuid in the configuration files of both nodes'
	why_says rb 1 'not connected: rb4 \(refuses this node: another volume\); compare the uuid'
	field_is 4 vol ready false
	strange_down
	# It refuses nobody any more.
	until_ok 20 why_says rb 1 'not connected: rb4 \(Connection refused'
	client_back
	unchanged
}

# rb1 is down, and a machine without disks comes in its name.
rb1_is_heard() { query 2 vol '.peers[] | select(.node == "rb1") | .consensus_up | tostring'; }
name_of_a_replica() {
	rb 4 down vol
	rb 1 down vol
	until_ok 30 leader vol
	strange_up rb1 -e '/^\[node rb1\]/,/^$/{/^log/d;s/^data.*/client = yes/;s/10.99.0.1:/10.99.0.4:/}' \
		-e "/^\[node rb4\]/,\$d"
	until_ok 20 tells name_of_a_replica "@rb2: refused the connection of node 'rb1' at 10.99.0.4.*: a client under the name of a replica, or the reverse \(it says that it is a client\); compare the key 'client'"
	until_ok 20 tells name_of_a_replica "@rb1: node 'rb2' at .* refused the connection of this node: a client under the name"
	told_once name_of_a_replica rb2 rb1
	why_says in_node 4 "$RB" --node rb1 "rb[23] refuses this node: a client under the name of a replica"
	why_says in_node 2 "$RB" 'rb1 \(refused by this node: a client under the name of a replica, or the reverse\).*; compare the key'
	[ "$(rb1_is_heard)" = false ]
	strange_down
	rb 1 up vol
	client_back
	until_ok 30 field_is 1 vol ready true
	[ "$(rb1_is_heard)" = true ]
	unchanged
}

# A name that the others do not have. Before theirs in the alphabet: it dials them.
name_of_nobody() {
	rb 4 down vol
	strange_up ra1 -e 's/^\[node rb4\]/[node ra1]/'
	until_ok 20 tells name_of_nobody "@rb1: refused the connection of node 'ra1' at 10.99.0.4.*: not a configured node.*; compare names and addresses"
	until_ok 20 tells name_of_nobody "@ra1: node 'rb1' at .* refused the connection of this node: not the expected node; compare names"
	told_once name_of_nobody rb1 ra1
	why_says in_node 4 "$RB" --node ra1 'rb1 refuses this node: not the expected node'
	strange_down
	client_back
	unchanged
}

# The log device of a member has to carry the uuid of its file.
member_of_another_uuid() {
	local text
	rb 3 down vol
	sed 's/^uuid = .*/uuid = 123e4567-e89b-42d3-a456-426614174000/' "$RBLK_CONF/vol.conf" >$STRANGE
	text=$(in_node 3 "$RB" --config $STRANGE --node rb3 up vol 2>&1 >/dev/null) && return 1
	grep -qE 'log device .* belongs to a volume with uuid [0-9a-f-]{36}; compare' <<<"$text" ||
		{ say "$text"; return 1; }
	rb 3 up vol
	until_ok 30 field_is 3 vol ready true
	unchanged
}

for t in starts another_uuid name_of_a_replica name_of_nobody member_of_another_uuid; do
	tap $t
done
tap_end
