# SPDX-License-Identifier: GPL-2.0
"""What holds for all commands alike: options, examples, output that cannot be written, and
status files of the wrong shape."""

import json
import os
import re
import shlex
import shutil
import subprocess

OPTION = re.compile(r"^ +(?:-(\S), +)?--([a-z][a-z-]*)(?:=(\S+))?", re.M)
EXAMPLES = re.compile(r"^Examples?:\n((?:  .*\n)+)", re.M)
WIDTH = 79              # of a terminal, and where argp folds lines

# The argument of an option is named by what it is; an option that is not here has none.
# "new" is the one command whose --node describes a node, rather than naming this one.
ARGUMENTS = {
    "block-size": "4096|512", "client": "NAME=ADDRESS", "config": "FILE", "count": "N",
    "data": "DEVICE",
    "election-timeout": "TIME", "field": "NAME", "for": "STATE", "input": "FILE",
    "io-timeout": "TIME", "minor": "N", "node": "NODE", "on-error": "ACTION",
    "options": "OPTIONS", "output": "COLUMNS", "patience": "TIME", "pool": "SIZE", "retry": "TIME",
    "range": "FROM-TO", "rate": "SIZE", "size": "SIZE", "start": "COMMAND", "stop": "COMMAND",
    "timeout": "TIME", "type": "TYPE", "wait": "TIME",
}
LETTERS = {
    "e": "entries", "F": "field", "f": "force", "i": "input", "c": "count", "n": "dry-run",
    "o": "output", "p": "print", "q": "quiet", "s": "size", "t": "timeout", "u": "udev",
    "w": "wait", "?": "help",
}


def commands(tool):
    _, out, _ = tool("--help")
    return re.findall(r"^  ([a-z]+) +(?:\[|[A-Z]| )", out, re.M)


def check_options(tap, tool):
    """A letter stands for one option, and an option takes one kind of argument, everywhere."""
    for command in commands(tool):
        _, out, _ = tool(f"{command} --help")
        problems = []
        for letter, name, argument in OPTION.findall(EXAMPLES.sub("", out)):
            want = ARGUMENTS.get(name, "")
            if (command, name) == ("new", "node"):
                want = "NAME=ADDRESS,LOG,DATA"
            if (command, name) == ("format", "data"):
                want = ""       # it need not have one
            if argument != want:
                problems.append(f"--{name} takes '{argument}', not '{want}'")
            if letter and LETTERS.get(letter) != name:
                problems.append(f"-{letter} is --{name}, not --{LETTERS.get(letter)}")
        if not OPTION.search(out):
            problems.append(f"no options in: {out}")
        tap.case(f"options of raftblk {command}", problems)


def check_examples(tap, tool):
    """Examples can be pasted: no line was folded, and the options are there."""
    for command in commands(tool):
        _, out, _ = tool(f"{command} --help")
        found = EXAMPLES.search(out)
        text = found[1] if found else ""
        problems = [f"{len(line)} columns, so it may be folded: {line}"
                    for line in text.splitlines() if len(line) >= WIDTH]
        lines = text.replace("\\\n", " ").splitlines()
        for line in lines:
            try:
                words = shlex.split(line.split(" | ")[0], comments=True)
            except ValueError as e:
                problems.append(f"{line.strip()}: {e}")
                continue
            # --help last: all options before it are read, and nothing is done.
            code, _, err = tool(shlex.join([*words[1:], "--help"]))
            if words[0] != "raftblk" or words[1] != command or code:
                problems.append(f"{line.strip()}: exit code {code}: {err}")
        if not lines:
            problems.append(f"no example in: {out}")
        tap.case(f"examples of raftblk {command}", problems)


def check_full_disk(tap, tool):
    """Output that cannot be written is a failure."""
    for args in ("--help", "up --help", "config good", "version", "status --input @D@/status.json",
                 "status r0 --json --input @D@/status.json", "check r0 --input @D@/status.json",
                 "why r0 --input @D@/status.json", "dump @D@/madelog",
                 "new r9 --print --node n1=10.0.0.1:7800,/dev/vdb,/dev/vdc"):
        with open("/dev/full", "w") as full:
            code, _, err = tool(args, stdout=full)
        problems = []
        if code != 1:
            problems.append(f"exit code {code}, not 1")
        if "cannot write the output: No space left on device" not in err:
            problems.append(f"on stderr: {err}")
        tap.case(f"full disk: raftblk {args}", problems)


def spots(value, path=()):
    """Where there is a value in JSON."""
    items = (value.items() if isinstance(value, dict) else
             enumerate(value) if isinstance(value, list) else ())
    for key, inner in items:
        yield (*path, key)
        yield from spots(inner, (*path, key))


def replaced(text, path, new):
    top = value = json.loads(text)
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new
    return json.dumps(top)


def check_shapes(tap, tool, d, text):
    """A value of the wrong type in a status file ends no command by a signal."""
    wrong = [7, "text", True, [], {}, None, [[]], [None]]
    problems, n = [], 0
    for i, path in enumerate(spots(json.loads(text))):
        for k, command in enumerate(("status r0", "why r0", "check r0", "sessions r0")):
            (d / "shape.json").write_text(replaced(text, path, wrong[(i + 2 * k) % len(wrong)]))
            code, _, err = tool(f"{command} --input @D@/shape.json")
            n += 1
            if code < 0 or code > 3 or "assert" in err.lower():
                problems.append(f"{command} with {wrong[(i + 2 * k) % len(wrong)]!r} as "
                                f"{'.'.join(map(str, path))}: exit code {code}: {err}")
    if not n:
        problems.append("nothing was tried")
    tap.case("status files of the wrong shape", problems[:20])


COMPLETED = (
    ("st", "status"), ("status fre", "fresh"), ("up good --t", "--timeout="),
    ("transfer good ", "n1 n2 n3"), ("wait good --for l", "leader"),
    ("hold good --on-error a", "aside"),
    ("--node n1 down good --f", "--force"), ("new r9 --sh", "--shared"),
    ("dump @D@/madel", "@D@/madelog"), ("down @D@/raft", "@D@/raftblk10"), ("up @D@/raft", ""),
    ("hold @D@/raft", "@D@/raftblk10"), ("down good --node ", "n1 n2 n3"),
    ("hold good @D@/directori", "@D@/directories"), ("up good --config @D@/madel", "@D@/madelog"),
    ("up good --config=@D@/madel", "@D@/madelog"), ("wait good --for=sy", "synced"),
)
COMPLETE = ('source completion/raftblk.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
            'COMPREPLY=(); _raftblk; echo "${COMPREPLY[*]}"')
# A shell with a terminal, in which the tab key is pressed. compadd, to which all goes that may be
# offered, tells what matches, and nothing comes after the first attempt.
ZSH_BEGIN = r"""
PS1= PS2=
fpath=(@D@/zsh $fpath)
autoload -U compinit && compinit -u -D
bindkey '^I' complete-word
zstyle ':completion:*' completer _complete
compadd() {
    local -a _matches   # not the name of an array of the caller
    local -i _i=$@[(i)(-|--)]
    if [[ " $@[1,_i] " != *' -'[OAD]' '* ]]; then
        builtin compadd -O _matches "$@"
        print -rl -- "" match:$^_matches
    fi
    builtin compadd "$@"
}
tell_end() { print end of matches; exit }
comppostfuncs=(tell_end)
print ready to complete
"""
ZSH = r"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'source @D@/zsh/begin'
zpty -r z out '*ready to complete*'
zpty -w -n z $1$'\t'
zpty -r z out '*end of matches*'
print -r -- $out
"""


def zsh(line, d, env):
    done = subprocess.run(["zsh", "-fc", ZSH.replace("@D@", str(d)), "zsh", f"raftblk {line}"],
                          env={**env, "TERM": "dumb", "ZDOTDIR": str(d / "zsh")}, text=True,
                          capture_output=True, timeout=60)
    found = sorted(set(re.findall(r"^match:(\S+)", done.stdout.replace("\r", ""), re.M)))
    # Of files, the directory is not part of what is offered.
    directory = re.split("[ =]", line)[-1].rpartition("/")[0]
    return " ".join(f if "/" in f or not directory else f"{directory}/{f}" for f in found), \
        done.stdout + done.stderr


def bash(line, top, env):
    words = line.replace("=", " = ").split(" ")        # as readline does
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", "raftblk", *words], cwd=top,
                          env=env, text=True, capture_output=True, timeout=60)
    return done.stdout.strip(), done.stderr


def check_completion(tap, top, d):
    """What bash and zsh offer for the last word."""
    env = {**os.environ, "PATH": f"{top}/userspace:{os.environ['PATH']}",
           "RAFTBLK_CONF_DIR": f"{d}/etc"}
    for name in ("raftblk10", "raftblk10p1"):
        (d / name).touch()
    (d / "directories").mkdir()
    (d / "directories.not").touch()
    (d / "zsh").mkdir()
    (d / "zsh/_raftblk").symlink_to(top / "completion/raftblk.zsh")
    (d / "zsh/begin").write_text(ZSH_BEGIN.replace("@D@", str(d)))
    for line, want in COMPLETED:
        line, want = line.replace("@D@", str(d)), want.replace("@D@", str(d))
        got, more = bash(line, top, env)
        tap.case(f"bash completes raftblk {line}", [] if got == want else [f"'{got}' {more}"])
    if not shutil.which("zsh"):
        tap.skip("completion of zsh", "no zsh here; tools/setup packages installs it")
        return
    for line, want in COMPLETED:
        line, want = line.replace("@D@", str(d)), want.replace("@D@", str(d))
        got, more = zsh(line, d, env)
        tap.case(f"zsh completes raftblk {line}", [] if got == want else [f"'{got}' {more}"])


def walk(tap, tool, top, d, text):
    checks = (check_options, check_examples, check_full_disk)
    for check in checks:
        if tap.wanted(check.__name__):
            check(tap, tool)
    if tap.wanted("check_completion"):
        check_completion(tap, top, d)
    if tap.wanted("check_shapes"):
        check_shapes(tap, tool, d, text)
