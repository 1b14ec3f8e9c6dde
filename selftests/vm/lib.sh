# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For kselftests of the module: three members in three network namespaces of one
# kernel. Run this as root, with the module loaded, on a machine whose two disks in
# RBLK_LOG_DISK and RBLK_DATA_DISK may be destroyed (the guests of tools/vm have such
# disks). It prints KTAP with a line for each test function; exit code 4 is a skip.
#
# Members in one kernel share its memory. Under memory pressure they can wait for
# each other, which real machines cannot, so this is for tests only.

set -u
RBLK_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RBLK_LOG_DISK=${RBLK_LOG_DISK:-/dev/disk/raftblk/log}
RBLK_DATA_DISK=${RBLK_DATA_DISK:-/dev/disk/raftblk/data}
RB=/tmp/raftblk-tool/raftblk
RBLK_CONF=${RBLK_CONF:-/tmp/raftblk-test}
RBLK_NODES=3
RBLK_VOLUMES=${RBLK_VOLUMES:-vol}
RBLK_TAP_N=0
RBLK_TAP_FAILED=0
RBLK_SLOW=${RBLK_SLOW:-1}	# factor for all deadlines, for kernels with detectors on
RBLK_LONG=${RBLK_LONG:-}	# not empty: also what takes long and is much like the rest
RBLK_LONG_CASES=	# which cases of a file are that
export DM_DISABLE_UDEV=1	# the guests run no udevd: dmsetup makes the device nodes
export RAFTBLK_CONF_DIR=$RBLK_CONF

# The tree is on a network file system that caches nothing, and these run thousands of times.
mkdir -p /tmp/raftblk-tool
cp -u --remove-destination "$RBLK_TOP"/userspace/raftblk "$RBLK_TOP"/build/selftests/netns \
	/tmp/raftblk-tool || { echo "# there are no programs to test"; exit 1; }

die() { echo "# $*"; exit 1; }
say() { echo "# $*" >&2; }

# ---- KTAP ----

# tap NAME [FUNCTION [ARGS]]: runs FUNCTION (by default NAME) in a subshell, so what it
# sets is gone afterwards. set -e is on, and any status but 0 is a failure.
tap() {
	local name=$1 began=$SECONDS
	shift
	[[ $RBLK_LONG || " $RBLK_LONG_CASES " != *" $name "* ]] || return 0
	RBLK_TAP_N=$((RBLK_TAP_N + 1))
	RBLK_TAP_NAME=$name
	echo "raftblk-test: begin $name" >/dev/kmsg
	# This must not be part of a condition, since set -e would be off within it.
	(set -eE; trap 'say "line $LINENO: $BASH_COMMAND: failed"' ERR; "${@:-$name}")
	local ret=$?
	[ $ret = 0 ] || pkill -9 -x 'acklog|fio|dd'
	if [ $ret = 4 ]; then
		echo "ok $RBLK_TAP_N $name # SKIP"
	elif [ $ret != 0 ]; then
		echo "not ok $RBLK_TAP_N $name ($((SECONDS - began)) s)"
		RBLK_TAP_FAILED=1
	elif ! kernel_clean "$name"; then
		echo "not ok $RBLK_TAP_N $name: the kernel complained ($((SECONDS - began)) s)"
		RBLK_TAP_FAILED=1
	else
		echo "ok $RBLK_TAP_N $name ($((SECONDS - began)) s)"
	fi
	# The first test sets up what the others need; without it they would only wait.
	if [ $RBLK_TAP_N = 1 ] && [ $RBLK_TAP_FAILED = 1 ]; then
		tap_end
		exit 1
	fi
}

# Passes if the command fails. "! command" would not do: under set -e, its result never
# ends a test.
fails() {
	if "$@"; then
		say "did not fail: $*"
		return 1
	fi
}

# The last command of every test: its status is that of the test.
tap_end() {
	echo "1..$RBLK_TAP_N"
	return $RBLK_TAP_FAILED
}

# Fails if the kernel has complained since the line that tap() wrote into its log.
kernel_clean() {
	dmesg | awk -v begin="raftblk-test: begin $1" '
		index($0, "raftblk-test: ") { since += index($0, begin) > 0; next }
		since && n < 5 && /BUG:|WARNING:|Oops|general protection|KASAN|UBSAN|possible circular|inconsistent lock|INFO: task .* blocked|soft lockup|suspicious RCU|sleeping function|unreferenced object|refcount_t/ {
			print "# " $0
			n++
		}
		END { exit n > 0 }'
}

# Has the kernel said this, a regular expression, since the test began? On a busy host, it says
# much besides.
kernel_said() { dmesg | sed "1,/raftblk-test: begin $RBLK_TAP_NAME\$/d" | grep -Eq -- "$1"; }

# until_ok SECONDS COMMAND...: waits until the command succeeds, or fails.
until_ok() {
	local deadline=$((EPOCHSECONDS + $1 * RBLK_SLOW))
	shift
	while ! "$@" >/dev/null 2>&1; do
		if [ $EPOCHSECONDS -ge $deadline ]; then
			say "gave up waiting for: $*"
			return 1
		fi
		sleep 0.1
	done
}

# within SECONDS COMMAND...: the command must end by itself; returns 124 if it did not.
within() {
	local s=$(($1 * RBLK_SLOW))
	shift
	timeout "$s" "$@"
}

need() {
	for c in "$@"; do
		command -v "$c" >/dev/null || { say "no $c here"; exit 4; }
	done
}

# ---- network: namespaces rb1 rb2 rb3 on a bridge ----

net_up() {	# NODES
	local i
	for ((i = 1; i <= $1; i++)); do
		echo "netns add rb$i"
	done | ip -batch - || die "no network namespaces"
	{
		echo "link add rbbr type bridge"
		echo "link set rbbr up"
		for ((i = 1; i <= $1; i++)); do
			echo "link add rbv$i type veth peer name eth0 netns rb$i"
			echo "link set rbv$i master rbbr up"
		done
	} | ip -batch - || die "no network"
	for ((i = 1; i <= $1; i++)); do
		printf '%s\n' "link set lo up" "addr add 10.99.0.$i/24 dev eth0" "link set eth0 up" |
			ip -n "rb$i" -batch - || die "no network in rb$i"
	done
}

# The other end of a link is in a namespace that the kernel removes later than "netns del" returns.
net_down() {
	local ns
	[ -e /sys/class/net/rbbr ] || [ -e /run/netns/rb1 ] || return 0
	{
		for ns in /sys/class/net/rbv*; do
			echo "link del ${ns##*/}"
		done
		echo "link del rbbr"
		for ns in /run/netns/rb*; do
			echo "netns del ${ns##*/}"
		done
	} | ip -force -batch - 2>/dev/null
	return 0
}

in_node() { local i=$1; shift; /tmp/raftblk-tool/netns "rb$i" "$@"; }
exec_in_node() { local i=$1; shift; exec /tmp/raftblk-tool/netns "rb$i" "$@"; }	# in a subshell

# drop_from A B: B no longer hears A. For both directions, call it twice.
drop_from() { in_node "$2" iptables -I INPUT -s "10.99.0.$1" -j DROP; }
isolate() {	# NODE: it hears nobody and is not heard
	in_node "$1" iptables -I INPUT -i eth0 -j DROP
	in_node "$1" iptables -I OUTPUT -o eth0 -j DROP
}
heal() {
	local i
	for ((i = 1; i <= RBLK_NODES + ${RBLK_CLIENTS:-0}; i++)); do
		in_node "$i" iptables -F
	done
}

# ---- lower devices: slices of the two disks, behind device mapper ----

# dm_table NAME "0 SECTORS TARGET ...": replaces the table of a slice; a line for each target.
dm_table() {
	dmsetup load "$1" <<<"$2"
	dmsetup suspend --nolockfs "$1"
	dmsetup resume "$1"
}

# dm_slices "NAME DISK START SECTORS"...
dm_slices() {
	local name disk start sectors all=''
	while read -r name disk start sectors; do
		all+="$name,,,rw,0 $sectors linear $disk $start;"
	done < <(printf '%s\n' "$@")
	[ -e /dev/mapper/control ] || modprobe dm-mod
	dmsetup create --concise "${all%;}" || die "dmsetup create failed: $all"
}

disks_up() {	# NODES LOG_MIB DATA_MIB
	local i less slices=()
	for ((i = 0; i < $1; i++)); do
		less=$((i == $1 - 1 ? ${RBLK_LOG_LESS:-0} : 0))
		slices+=("rblog$((i + 1)) $RBLK_LOG_DISK $((i * $2 * 2048)) $((($2 - less) * 2048))"
			"rbdata$((i + 1)) $RBLK_DATA_DISK $((i * $3 * 2048)) $(($3 * 2048))")
	done
	dm_slices "${slices[@]}"
}

# The slices of all tests.
slices_down() {
	local d found=()
	for d in /dev/mapper/rb{log,data}*; do
		[ ! -e "$d" ] || found+=("${d##*/}")
	done
	[ -z "${found[*]}" ] || dmsetup remove --retry "${found[@]}"
}

disks_down() { slices_down; }

# ---- volumes ----

# Slices are not always in the same place, so they may hold parts of other slices, and of
# stores of earlier tests: "format" refuses to overwrite either.
blank() {	# DEVICE...
	local d
	for d in "$@"; do
		"$RB" wipe "$d" --force --quiet 2>/dev/null || true
	done
	wipefs -aq "$@"
}

# cluster_up NODES VOLUME...: formats, starts and bootstraps the volumes. RBLK_LOG_MIB
# and RBLK_DATA_MIB (both for each node), RBLK_LOG_LESS (the log of the last node is smaller by
# so many MiB), RBLK_BLOCK and RBLK_NEW_ARGS change the defaults.
# RBLK_NO_BOOTSTRAP leaves them blank. After the members there are RBLK_CLIENTS nodes without disks.
cluster_up() {
	local vol i args port=7800
	cluster_down || true	# removes what an earlier test has left
	RBLK_NODES=$1
	shift
	RBLK_VOLUMES=$*
	mkdir -p "$RBLK_CONF"
	net_up $((RBLK_NODES + ${RBLK_CLIENTS:-0}))
	disks_up "$RBLK_NODES" "${RBLK_LOG_MIB:-64}" "${RBLK_DATA_MIB:-96}"
	for vol in $RBLK_VOLUMES; do
		read -ra args <<<"${RBLK_NEW_ARGS:-}"
		for ((i = 1; i <= RBLK_NODES; i++)); do
			args+=(--node "rb$i=10.99.0.$i:$port,$(log_dev "$i" "$vol"),$(data_dev "$i" "$vol")")
		done
		for ((i = RBLK_NODES + 1; i <= RBLK_NODES + ${RBLK_CLIENTS:-0}; i++)); do
			args+=(--client "rb$i=10.99.0.$i:$port")
		done
		"$RB" new "$vol" --block-size "${RBLK_BLOCK:-4096}" "${args[@]}" >/dev/null ||
			die "raftblk new $vol failed"
		port=$((port + 1))
		for ((i = 1; i <= RBLK_NODES; i++)); do
			blank "$(log_dev "$i" "$vol")" "$(data_dev "$i" "$vol")"
			rb "$i" format "$vol" >/dev/null || die "format of $vol on rb$i failed"
			rb "$i" up "$vol" || die "up of $vol on rb$i failed"
		done
		[ -z "${RBLK_NO_BOOTSTRAP:-}" ] || continue
		rb 1 bootstrap "$vol" || die "bootstrap of $vol failed"
		until_ok 30 leader "$vol" || die "$vol has no leader"
		for ((i = RBLK_NODES + 1; i <= RBLK_NODES + ${RBLK_CLIENTS:-0}; i++)); do
			rb "$i" up "$vol" || die "up of $vol on rb$i failed"
		done
	done
}

# A test with two volumes overrides these, since it has two slices on each disk.
log_dev() { echo "${RBLK_LOG_DEV:-/dev/mapper/rblog$1}"; }
data_dev() { echo "${RBLK_DATA_DEV:-/dev/mapper/rbdata$1}"; }

rb() { local i=$1; shift; in_node "$i" "$RB" --node "rb$i" "$@"; }

cluster_down() {
	local vol i pids=()
	for vol in ${RBLK_VOLUMES:-}; do
		for ((i = 1; i <= RBLK_NODES + ${RBLK_CLIENTS:-0}; i++)); do
			rb "$i" down "$vol" --force >/dev/null 2>&1 &
			pids+=($!)
		done
	done
	[ -z "${pids[*]}" ] || wait "${pids[@]}"
	net_down
	disks_down
	rm -rf "$RBLK_CONF"
}

# field NODE VOLUME NAME: a field of the node's status that is not part of a list; fails if there
# is none. A program that reads JSON takes several times as long to start as the tool itself.
field() {
	local line
	while IFS= read -r line; do
		[[ $line == "  \"$3\": "* ]] || continue
		line=${line#*: }
		line=${line%,}
		line=${line#\"}
		echo "${line%\"}"
		return 0
	done < <(rb "$1" status "$2" --json)
	return 1
}
# query NODE VOLUME FILTER: what jq makes of the node's status.
query() { rb "$1" status "$2" --json | jq -er "$3"; }
field_is() { [ "$(field "$1" "$2" "$3")" = "$4" ]; }	# NODE VOLUME NAME VALUE

# leader VOLUME: the number of the node that leads and is ready; fails if there is none.
leader() {
	local i st
	for ((i = 1; i <= RBLK_NODES; i++)); do
		st=$(rb "$i" status "$1" --json 2>/dev/null)
		if [[ $st == *'"role": "leader"'* && $st == *$'\n  "ready": true'* ]]; then
			echo "$i"
			return 0
		fi
	done
	return 1
}

leader_is() { [ "$(leader vol)" = "$1" ]; }
other_leader() { local l; l=$(leader vol) && [ "$l" != "$1" ]; }	# than NODE

device() { field "$1" "$2" device; }

# ---- what every test ends with ----

settled() {	# VOLUME: all members have executed and applied the same entries
	local i first='' at
	for ((i = 1; i <= RBLK_NODES; i++)); do
		at=$(rb "$i" status "$1" --json |
			jq -er 'select(.executed_index == .applied_index) | "\(.executed_index) \(.digest)"')
		[ -n "$at" ] || return 1
		first=${first:-$at}
		[ "$at" = "$first" ] || return 1
	done
}

# Compares the digests of all replicas and, bit by bit, the data on their data devices.
replicas_equal() {	# VOLUME
	local i bytes
	until_ok 60 settled "$1" || return 1
	bytes=$(field 1 "$1" size)
	for ((i = 1; i <= RBLK_NODES; i++)); do
		blockdev --flushbufs "$(data_dev "$i" "$1")"
		[ "$i" = 1 ] && continue
		if ! cmp -i 1M -n "$bytes" "$(data_dev 1 "$1")" "$(data_dev "$i" "$1")" >&2; then
			say "the data of rb$i differs from that of rb1"
			return 1
		fi
	done
}

# a_leader VOLUME: waits until a node leads, and prints its number.
a_leader() {
	local found
	until_ok 30 find_leader "$1" && echo "$found"
}
find_leader() { found=$(leader "$1"); }	# a local variable of the caller

# leader_device VOLUME: prints the device of the volume on the node that leads.
leader_device() {
	local l
	l=$(a_leader "$1") && device "$l" "$1"
}

fio_write() {	# DEVICE [ARGS]: random writes of various sizes, which are then verified
	fio --name=w --filename="$1" --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite \
		--bsrange=4k-64k --blockalign=4k --size=32m --io_size=12m --verify=crc32c --verify_fatal=1 \
		--randseed=7 --group_reporting --minimal "${@:2}" >/tmp/fio.out 2>&1 && return 0
	sed 's/^/# fio: /' /tmp/fio.out | tail -5
	return 1
}
