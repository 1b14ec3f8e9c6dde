# SPDX-License-Identifier: GPL-2.0
"""What the tests on several machines share: a writer that counts, fio, and KTAP lines.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL.
"""

import sys
import threading
import time
import traceback
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/vm"))
from lib import Cluster, VmError                            # noqa: E402
from members import Members, MembersError, wait_for         # noqa: E402

__all__ = ["BESIDE_FIO", "TOP", "Cluster", "Fio", "Members", "MembersError", "Tap", "Writer",
           "arguments", "wait_for"]
ACKLOG = str(TOP / "build/selftests/acklog")
# Arguments for a Writer that stays clear of what Fio writes beside it.
BESIDE_FIO = {"count": 16000, "pause": 25000}
FIO = ("fio --name=v --filename={0} --offset=64m --size=12m --rw=randwrite --bs=4k --iodepth=16 "
       "--direct=1 --ioengine=libaio --rate_iops=600 --verify=crc32c --verify_fatal=1 "
       "--verify_state_save=0 --randseed={1}")


def arguments():
    """The directory for clusters, the module, and the kernel."""
    where, module, kernel = sys.argv[1:4]
    return Path(where), module, kernel


class Writer(threading.Thread):
    """acklog on a node; has the time that each acknowledged write took there."""

    def __init__(self, members, node, seed, path=None, count=60000, pause=0):
        super().__init__(daemon=True)
        self.members, self.node, self.seed = members, node, seed
        self.argv = [ACKLOG, "write", path or members.device(node), str(seed), str(count),
                     str(pause)]
        self.waits = []
        self.rest = b""
        self.error = ""
        self.code = None
        self.start()

    @property
    def acked(self):
        return len(self.waits)

    def output(self, kind, data):
        if kind == "E":
            self.error += data.decode(errors="replace")
        if kind != "O":
            return
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.waits += [int(line.split()[1]) / 1e6 for line in lines]

    def run(self):
        try:
            self.code = self.members.cluster.attach(self.node, self.argv, None, self.output)
        except VmError as e:    # the machine died, which is what these tests are about
            self.code = e

    def more(self, n, deadline=120):
        """Waits until `n` more writes are acknowledged; returns the longest wait among them."""
        first = self.acked
        wait_for(f"{n} more writes",
                 lambda: self.acked >= first + n or self.code is not None, deadline, 0.05)
        if self.acked < first + n:
            self.alive()
        return max(self.waits[first:])

    def alive(self):
        if self.code is not None:
            raise MembersError(f"the writer on {self.node} ended: {self.code} {self.error.strip()}")

    def fails(self):
        """The node is fenced, so a write has to fail."""
        self.join(60)
        if self.code != 1:
            raise MembersError(f"the writer on {self.node}, which was fenced: {self.code} "
                               f"{self.error.strip()}")

    def stop(self):
        """Ends the writer, which must not have ended before."""
        self.alive()
        self.members.sh(self.node, "killall -9 acklog; true")
        self.join(30)

    def check(self, node, path=None):
        """All that was acknowledged is there, seen from `node`."""
        path = path or self.members.device(node)
        out = self.members.sh(node, f"{ACKLOG} check {path} {self.seed} {self.acked} 2>&1",
                              timeout=300)
        print(f"# {self.acked} acknowledged: {out.strip()}", flush=True)


class Fio(threading.Thread):
    """fio on a node: one pass of writing and verifying after the other."""

    def __init__(self, m, node):
        super().__init__(daemon=True)
        self.m, self.node, self.over = m, node, False
        self.passes, self.error = 0, None
        self.start()

    def run(self):
        device = self.m.device(self.node)
        try:
            while not self.over:
                self.m.sh(self.node, FIO.format(device, self.passes), timeout=300)
                self.passes += 1
        except Exception as e:
            self.error = e

    def stop(self):
        self.over = True
        self.join(300)
        if self.error or not self.passes:
            raise MembersError(f"fio on {self.node}: {self.error or 'no pass'}")
        print(f"# fio wrote and verified {self.passes} times", flush=True)


class Tap:
    """Prints a line for each test; `failed` counts those that failed."""

    def __init__(self):
        self.number = self.failed = 0

    def result(self, ok, what):
        self.number += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.number} {what}", flush=True)

    def trouble(self, text):
        print("\n".join(f"# {line}" for line in text.splitlines()), flush=True)

    def attempt(self, name, test, *args):
        """Runs a test; returns whether it passed."""
        began = time.monotonic()
        try:
            test(*args)
        except Exception:
            self.trouble(traceback.format_exc())
            self.result(False, name)
            return False
        self.result(True, f"{name} ({time.monotonic() - began:.0f} s)")
        return True

    def in_turn(self, tests, *args):
        """Runs tests up to the first that fails: the others could not start from what it leaves."""
        return all(self.attempt(test.__name__, test, *args) for test in tests)

    def consoles(self, cluster):
        try:
            cluster.check_logs()
        except VmError as e:
            self.trouble(str(e))
            self.result(False, "no kernel complaint on any console")
        else:
            self.result(True, "no kernel complaint on any console")

    def end(self):
        sys.exit(1 if self.failed else 0)
