#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The leader's machine dies, again and again, under a node that goes on writing.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines. How often: RB_KILLS
(3, default timeouts only; 20 for each setting by cluster_long_failover.py).
"""

import os
import sys
import threading
import time
import traceback
from pathlib import Path
from statistics import median

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/vm"))
from lib import Cluster, VmError                            # noqa: E402
from members import Members, MembersError, wait_for         # noqa: E402

ACKLOG = str(TOP / "build/selftests/acklog")
KILLS = int(os.environ.get("RB_KILLS", "3"))
SETTINGS = (("default_timeouts", 0.75), ("fast_timeouts", 0.3))[:2 if KILLS > 3 else 1]


class Writer(threading.Thread):
    """acklog on a node that lives: when each write was acknowledged, and its wait."""

    def __init__(self, members, node, seed):
        super().__init__(daemon=True)
        self.members, self.node, self.seed = members, node, seed
        self.device = members.device(node)
        self.waits = []
        self.rest = b""
        self.code = None
        self.start()

    def output(self, kind, data):
        if kind == "E":
            print(f"# {self.node}: {data.decode(errors='replace').strip()}", flush=True)
        if kind != "O":
            return
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.waits += [int(line.split()[1]) / 1e6 for line in lines]

    def run(self):
        self.code = self.members.cluster.attach(
            self.node, [ACKLOG, "write", self.device, str(self.seed), "60000"], None, self.output)

    def more(self, n, deadline=120):
        """Until `n` more writes are acknowledged: the longest wait among them."""
        first = len(self.waits)
        wait_for(f"{n} more writes", lambda: len(self.waits) >= first + n or self.code is not None,
                 deadline, 0.05)
        if self.code is not None:
            raise MembersError(f"the writer on {self.node} ended: {self.code}")
        return max(self.waits[first:])


def leader_dies(m, w):
    """Longest wait of a write around the death of the leader's machine."""
    victim = next(n for n in m.names if n != w.node)
    m.hand_over(victim)
    w.more(20)
    m.cluster.kill(victim)
    stall = w.more(30)
    m.cluster.restart(victim)
    m.rejoin(victim)
    wait_for(f"{victim} to catch up", lambda: m.status(victim)["live_index"] >=
             m.status(w.node)["live_index"] - 200, 120)
    return stall


def figures(stalls, election):
    print(f"# {len(stalls)} leaders died: stall median {median(stalls):.2f} s, longest "
          f"{max(stalls):.2f} s; election timeout {election:.2f} s", flush=True)
    print("# " + " ".join(f"{s:.2f}" for s in stalls), flush=True)


def campaign(m, node, seed, election, longest):
    w = Writer(m, node, seed)
    w.more(20)
    stalls = [leader_dies(m, w) for _ in range(KILLS)]
    figures(stalls, election)
    m.sh(node, "killall -9 acklog; true")
    w.join(30)
    print("# " + m.sh(node, f"{ACKLOG} check {w.device} {seed} {len(w.waits)} 2>&1", timeout=300).strip())
    if median(stalls) > 2 * election or max(stalls) > longest:
        raise MembersError(f"longer than wanted: median {2 * election:.2f} s, at most {longest:.2f} s")
    m.compare_replicas()


def attempt(n, name, test):
    began = time.monotonic()
    try:
        test()
        print(f"ok {n} {name} ({time.monotonic() - began:.0f} s)", flush=True)
        return 0
    except Exception:
        print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
        print(f"not ok {n} {name}", flush=True)
        return 1


def main():
    where, module, kernel = sys.argv[1:4]
    failed = 0
    for n, (name, election) in enumerate(SETTINGS, 1):
        with Cluster.start(Path(where) / f"c{n}", nodes=3, kernel=kernel,
                           log_size="128M", data_size="128M") as cluster:
            m = Members(cluster, module)
            m.start(**({"election_timeout": "300ms"} if election < 0.75 else {}))
            failed += attempt(n, name, lambda m=m, election=election, n=n: campaign(
                m, m.names[0], 500 + n, election, 4 * election))
            try:
                cluster.check_logs()
            except VmError as e:
                failed += 1
                print("\n".join(f"# {line}" for line in str(e).splitlines()))
                print(f"not ok {name}: no kernel complaint on any console")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
