# SPDX-License-Identifier: GPL-2.0
"""What the kernel said on the consoles, and whether it complained."""

import re
from pathlib import Path

COMPLAINTS = re.compile("|".join((
    r"\bBUG: ", r"kernel BUG at", r"\bWARNING: ", r"\bOops\b", r"Kernel panic",
    r"general protection fault", r"Unable to handle kernel", r"unable to handle page fault",
    r"KASAN: ", r"KCSAN: ", r"UBSAN: ", r"KFENCE: ", r"refcount_t: ", r"ODEBUG: ",
    r"INFO: task .* blocked for more", r"rcu: INFO: ", r"INFO: rcu_", r"soft lockup",
    r"hard LOCKUP", r"workqueue lockup", r"possible circular locking",
    r"possible recursive locking", r"inconsistent lock state", r"suspicious RCU usage",
    r"sleeping function called", r"scheduling while atomic", r"DEBUG_LOCKS_WARN",
    r"list_(add|del) corruption", r"kmemleak: \d+ new suspected", r"unreferenced object",
    r"Redzone overwritten", r"Poison overwritten", r"Out of memory: Killed",
    r"stack-protector", r"raftblk.*assert", r"raftblk-vm: boot failed")), re.IGNORECASE)
CONTEXT_BEFORE, CONTEXT_AFTER = 2, 40


def console_files(directory):
    """{node: path} of a cluster's consoles, running or not."""
    found = {p.parent.name: p for p in Path(directory).glob("n[0-9]*/console.log")}
    return dict(sorted(found.items(), key=lambda item: int(item[0][1:])))


def read(path):
    return Path(path).read_text(errors="replace").replace("\r", "").splitlines()


def complaints(path, ignore=None):
    """Excerpts of a console around each complaint, overlapping ones merged."""
    lines = read(path)
    excerpts, end = [], -1
    for i, line in enumerate(lines):
        if i < end or not COMPLAINTS.search(line) or (ignore and re.search(ignore, line)):
            continue
        end = min(len(lines), i + CONTEXT_AFTER)
        excerpts.append("\n".join(lines[max(0, i - CONTEXT_BEFORE):end]))
    return excerpts
