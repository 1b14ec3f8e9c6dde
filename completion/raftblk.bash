# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of raftblk(8). Commands and options are what the tool's own help has.

_raftblk_commands() { raftblk --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[^ ].*/\1/p'; }
_raftblk_options() { raftblk "$1" --help 2>/dev/null | grep -oE '(^| )--[a-z][a-z-]*=?' | tr -d ' ' | sort -u; }
_raftblk_volumes() {
	local f
	for f in "${RAFTBLK_CONF_DIR:-/etc/raftblk}"/*.conf; do
		f=${f##*/}
		[ "$f" = '*.conf' ] || echo "${f%.conf}"
	done
}
_raftblk_devices() { compgen -G "$cur*" | grep -E '/raftblk[0-9]+$'; }	# no partitions
_raftblk_nodes() { sed -n 's/^[[:space:]]*\[node[[:space:]]*\([^]]*\)\].*/\1/p' "${RAFTBLK_CONF_DIR:-/etc/raftblk}/$1.conf" 2>/dev/null; }

# The first words that are neither options nor their arguments: command, volume, ...
_raftblk_words() {
	local i word
	words=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--config | --node | --data) i=$((i + 1)) ;;
		-* | =) ;;
		*) words+=("$word") ;;
		esac
	done
}

_raftblk_files() {	# -f: files, -d: directories
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

_raftblk() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words list=''
	[ "$prev" != = ] || prev=${COMP_WORDS[COMP_CWORD - 2]}
	[ "$cur" != = ] || cur=''
	_raftblk_words
	case $prev in
	--config | --input | -i | --data) _raftblk_files -f; return ;;
	--for) list='up leader connected synced held' ;;
	--on-error) list='repair aside ignore' ;;
	--node) [ "${words[0]}" = new ] || list=$(_raftblk_nodes "${words[1]}") ;;
	*)
		case ${#words[@]},$cur,${words[0]} in
		0,-*) list='--config --node --help --version' ;;
		0,*) list=$(_raftblk_commands) ;;
		*,-*) list=$(_raftblk_options "${words[0]}") ;;
		1,*,dump | 1,*,wipe) _raftblk_files -f; return ;;
		1,/*,status | 1,/*,sessions | 1,/*,why | 1,/*,check | 1,/*,events | 1,/*,wait | 1,/*,transfer | \
		1,/*,verify | 1,/*,take | 1,/*,hold | 1,/*,down)
			list=$(_raftblk_devices)
			;;
		1,*) list=$(_raftblk_volumes) ;;
		2,*,transfer) list=$(_raftblk_nodes "${words[1]}") ;;
		2,*,hold) _raftblk_files -d; return ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur")
	[[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null
}

complete -F _raftblk raftblk
