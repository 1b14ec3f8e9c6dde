# SPDX-License-Identifier: GPL-2.0
"""Small things every module of the runner needs: errors, waits, processes."""

import os
import signal
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "raftblk"


class VmError(Exception):
    """An error that the user has to be told; the text says what and where."""


def wait_for(condition, deadline, what, interval=0.02):
    """Poll until condition() is true; VmError naming `what` after `deadline` s."""
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise VmError(f"not within {deadline:g} s: {what}")
        time.sleep(interval)


def run(*argv, check=True, **kwargs):
    """Run a command on the host; if it fails, its stderr becomes the error."""
    result = subprocess.run(list(map(str, argv)), capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, **kwargs)
    if check and result.returncode:
        raise VmError(f"{' '.join(map(str, argv))}: {result.stderr.strip()}")
    return result.stdout


def write_atomic(path, data):
    """Write a file so that a concurrent reader sees all of it or none."""
    tmp = Path(f"{path}.{os.getpid()}.tmp")
    if isinstance(data, str):
        data = data.encode()
    tmp.write_bytes(data)
    tmp.replace(path)


class Process:
    """A daemon of the cluster, known by pid and start time.

    The pair is kept in a file, which outlives this program. It cannot mean another
    process, even if the pid is used again.
    """

    def __init__(self, record):
        self.record = Path(record)

    def __str__(self):
        pid = self.pid
        fields = self._fields(pid) if pid else None
        return f"pid {pid} in state {fields[0]}" if fields else "which has ended"

    @staticmethod
    def _fields(pid):
        """What /proc has of a process from its state on, None if it has ended."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat[stat.rindex(")") + 2:].split()
        return None if fields[0] in "ZX" else fields

    def _start_time(self, pid):
        fields = self._fields(pid)
        return fields and fields[19]

    def remember(self, pid):
        write_atomic(self.record, f"{pid} {self._start_time(pid)}\n")

    @property
    def pid(self):
        """The pid as long as the process lives, else None."""
        try:
            pid, start = self.record.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if self._start_time(pid) == start else None

    def signal(self, sig):
        pid = self.pid
        if pid is None:
            return False
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            return False
        return True

    def kill(self):
        """Send SIGKILL, and return once the process is gone."""
        alive = self.signal(signal.SIGKILL)
        wait_for(lambda: self.pid is None, 30, f"end of process in {self.record}",
                 interval=0.002)
        self.record.unlink(missing_ok=True)
        return alive
