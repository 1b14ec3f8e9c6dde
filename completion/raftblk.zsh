#compdef raftblk
# SPDX-License-Identifier: GPL-2.0
# Completion of raftblk(8). Commands and options are what the tool's own help has.

_raftblk_volumes() {
	local -a found=(${RAFTBLK_CONF_DIR:-/etc/raftblk}/*.conf(N:t:r))
	compadd -a found
}

_raftblk_nodes() {
	local -a found=(${(f)"$(sed -n 's/^[[:space:]]*\[node[[:space:]]*\([^]]*\)\].*/\1/p' \
		${RAFTBLK_CONF_DIR:-/etc/raftblk}/$1.conf 2>/dev/null)"})
	compadd -a found
}

_raftblk() {
	local -a list
	local command=$words[2]

	if (( CURRENT == 2 )); then
		list=(${(f)"$(raftblk --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[^ ].*  \([^ ].*\)/\1:\2/p')"})
		_describe command list
	elif [[ $words[CURRENT-1] == --for ]]; then
		compadd up leader connected synced held
	elif [[ $words[CURRENT-1] == --on-error ]]; then
		compadd repair aside ignore
	elif [[ $words[CURRENT-1] == --data ]]; then
		_files
	elif [[ $words[CURRENT] == -* ]]; then
		list=(${(f)"$(raftblk $command --help 2>/dev/null | grep -oE '(^| )--[a-z][a-z-]*' | tr -d ' ' | sort -u)"})
		compadd -- $list
	elif [[ $command == (dump|wipe) ]]; then
		_files
	elif (( CURRENT == 3 )) && [[ $words[3] == /* && \
			$command == (status|sessions|why|check|transfer|take|down|verify) ]]; then
		list=(/dev/raftblk<->(N))
		compadd -a list
	elif (( CURRENT == 3 )); then
		_raftblk_volumes
	elif (( CURRENT == 4 )) && [[ $command == transfer ]]; then
		_raftblk_nodes $words[3]
	else
		_files
	fi
}

_raftblk "$@"
