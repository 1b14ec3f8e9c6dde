#compdef raftblk
# SPDX-License-Identifier: GPL-2.0
# Completion of raftblk(8). Commands and options are what the tool's own help has.

_raftblk_commands() {
	local -a found=(${(f)"$(raftblk --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[^ ].*  \([^ ].*\)/\1:\2/p')"})
	_describe command found
}

_raftblk_options() {
	local -a found=(${(f)"$(raftblk $1 --help 2>/dev/null | grep -oE '(^| )--[a-z][a-z-]*=?' | tr -d ' ' | sort -u)"})
	compadd -S '' -- ${(M)found:#*=}
	compadd -- ${found:#*=}
}

_raftblk_volumes() {
	local -a found=(${RAFTBLK_CONF_DIR:-/etc/raftblk}/*.conf(N:t:r))
	compadd -a found
}

_raftblk_devices() {
	local -a found=(${~${(b)words[CURRENT]}}*(N))
	found=(${(M)found:#*/raftblk<->})	# no partitions
	compadd -a found
}

_raftblk_nodes() {
	local -a found=(${(f)"$(sed -n 's/^[[:space:]]*\[node[[:space:]]*\([^]]*\)\].*/\1/p' \
		${RAFTBLK_CONF_DIR:-/etc/raftblk}/$1.conf 2>/dev/null)"})
	compadd -a found
}

_raftblk() {
	setopt localoptions extendedglob
	local -a args	# the first words that are neither options nor their arguments: command, volume, ...
	local i option=$words[CURRENT-1]

	for ((i = 2; i < CURRENT; i++)); do
		case $words[i] in
		--config | --node | --data) ((i++)) ;;
		-*) ;;
		*) args+=($words[i]) ;;
		esac
	done
	if [[ $words[CURRENT] == --*=* ]]; then
		option=${words[CURRENT]%%=*}
		compset -P '*='
	fi
	case $option in
	--config | --input | -i | --data) _files; return ;;
	--for) compadd up leader connected synced held; return ;;
	--on-error) compadd repair aside ignore; return ;;
	--node) [[ $args[1] == new ]] || _raftblk_nodes $args[2]; return ;;
	esac
	case $#args,$words[CURRENT],$args[1] in
	0,-*) compadd -- --config --node --help --version ;;
	0,*) _raftblk_commands ;;
	*,-*) _raftblk_options $args[1] ;;
	1,*,(dump|wipe)) _files ;;
	1,/*,(status|sessions|why|check|events|wait|transfer|verify|take|hold|down)) _raftblk_devices ;;
	1,*) _raftblk_volumes ;;
	2,*,transfer) _raftblk_nodes $args[2] ;;
	2,*,hold) _files -/ ;;
	esac
}

_raftblk "$@"
