#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Three machines and what can happen to them: crashes, power cuts, pauses, cut links.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines.
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

ACKLOG = str(TOP / "build/selftests/acklog")


class Writer(threading.Thread):
    """acklog on a node; counts here what was acknowledged there."""

    def __init__(self, members, node, seed):
        super().__init__(daemon=True)
        self.members, self.node, self.seed = members, node, seed
        self.device = members.device(node)
        self.acked = 0
        self.rest = b""
        self.code = None
        self.start()

    def output(self, kind, data):
        if kind != "O":
            return
        self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        self.acked += len(lines)

    def run(self):
        try:
            self.code = self.members.cluster.attach(
                self.node, [ACKLOG, "write", self.device, str(self.seed), "50000"], None, self.output)
        except Exception as e:      # the machine died: that is what these tests do
            self.code = e

    def wait_acked(self, n, deadline=60):
        wait_for(f"{n} acknowledged writes", lambda: self.acked >= n or self.code is not None, deadline)
        if self.acked < n:
            raise MembersError(f"the writer on {self.node} ended: {self.code}")

    def check(self, node):
        out = self.members.sh(node, f"{ACKLOG} check {self.members.device(node)} {self.seed} "
                                    f"{self.acked} 2>&1", timeout=300)
        print(f"# {self.acked} acknowledged: {out.strip()}")


def put(m, node, count):
    """Writes from another node, as soon as the silent one that held the session is given up."""
    argv = ["dd", "if=/dev/urandom", f"of={m.device(node)}", "bs=4k", f"count={count}",
            "seek=60000", "oflag=direct", "status=none"]
    wait_for(f"{node} to get the session", lambda: m.cluster.exec(node, *argv, timeout=60).code == 0)


def not_led_by(m, old):
    return wait_for("a new leader", lambda: m.leader([n for n in m.up_nodes() if n != old]), 60)


def leader_crashes(m, seed):
    old = m.leader()
    w = Writer(m, old, seed)
    w.wait_acked(100)
    m.cluster.kill(old)
    new = not_led_by(m, old)
    w.join(30)
    w.check(new)
    put(m, new, 64)
    m.cluster.restart(old)
    m.rejoin(old)
    m.compare_replicas()


def follower_crashes(m, seed):
    lead = m.leader()
    f = next(n for n in m.names if n != lead)
    w = Writer(m, lead, seed)
    w.wait_acked(50)
    m.cluster.kill(f)
    w.wait_acked(w.acked + 200)
    m.cluster.restart(f)
    m.rejoin(f)
    w.wait_acked(w.acked + 50)
    m.sh(lead, "killall -9 acklog; true")
    w.join(30)
    w.check(lead)
    m.compare_replicas()


def all_lose_power(m, seed):
    lead = m.leader()
    w = Writer(m, lead, seed)
    w.wait_acked(300)
    m.cluster.powercut("all")
    w.join(30)
    m.cluster.restart("all")
    m.cluster.parallel(m.rejoin)
    new = wait_for("a leader", m.leader)
    w.check(new)
    m.compare_replicas()


def leader_is_paused(m, seed):
    old = m.leader()
    w = Writer(m, old, seed)
    w.wait_acked(50)
    m.cluster.pause(old)
    new = wait_for("a new leader", lambda: m.leader([n for n in m.names if n != old]), 60)
    put(m, new, 30)
    before = w.acked
    m.cluster.resume(old)
    # It wakes up fenced: nothing that it had in flight may be acknowledged as new.
    wait_for("the woken node follows", lambda: m.status(old)["role"] == "follower")
    m.sh(old, "killall -9 acklog; true")
    w.join(30)
    if w.acked > before + 1:
        raise MembersError(f"{w.acked - before} writes acknowledged after the pause")
    w.check(new)
    m.compare_replicas()


def leader_loses_one_direction(m, seed):
    old = m.leader()
    w = Writer(m, old, seed)
    w.wait_acked(50)
    m.cluster.isolate(old, "out")
    new = wait_for("a new leader", lambda: m.leader([n for n in m.names if n != old]), 60)
    before = w.acked
    put(m, new, 30)
    if w.acked != before:
        raise MembersError("the cut-off side acknowledged a write")
    m.cluster.heal()
    wait_for("the old leader follows", lambda: m.status(old)["role"] == "follower")
    m.sh(old, "killall -9 acklog; true")
    w.join(30)
    w.check(new)
    m.compare_replicas()


TESTS = [leader_crashes, follower_crashes, leader_is_paused, leader_loses_one_direction,
         all_lose_power, all_lose_power]


def main():
    where, module, kernel = sys.argv[1:4]
    failed = 0
    with Cluster.start(Path(where) / "c", nodes=3, kernel=kernel, disk_backend="powercut",
                       log_size="128M", data_size="320M") as cluster:
        m = Members(cluster, module)
        m.start()
        for n, test in enumerate(TESTS, 1):
            began = time.monotonic()
            try:
                test(m, 100 + n)
                print(f"ok {n} {test.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
            except Exception:
                failed += 1
                print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
                print(f"not ok {n} {test.__name__}", flush=True)
                break       # the cluster is not in a state that others could start from
        try:
            cluster.check_logs()
            print("ok no kernel complaint on any console")
        except VmError as e:
            failed += 1
            print("\n".join(f"# {line}" for line in str(e).splitlines()))
            print("not ok no kernel complaint on any console")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
