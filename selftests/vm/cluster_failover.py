#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# rotates
"""The machine of the leader dies again and again while another node goes on writing.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines. RBLK_KILLS says how often;
by default 3 times, with the default timeouts only. cluster_long_failover.py sets it to 20, and
has more settings.
"""

import os
from statistics import median

from machines import (
    BESIDE_FIO,
    Cluster,
    Fio,
    Members,
    MembersError,
    Tap,
    Writer,
    arguments,
    wait_for,
)

KILLS = int(os.environ.get("RBLK_KILLS", "3"))
SETTINGS = (("default_timeouts", 0.6), ("fast_timeouts", 0.3))[:2 if KILLS > 3 else 1]


def leader_dies(m, w):
    """Kills the machine of the leader; returns the longest wait of a write around that time."""
    victim = wait_for("a leader", m.leader)
    if victim == w.node:
        victim = next(n for n in m.names if n != w.node)
        m.hand_over(victim)
    w.more(20)
    m.cluster.kill(victim)
    stall = w.more(30)
    m.cluster.restart(victim)
    m.rejoin(victim)
    there = m.status(m.leader())["executed_index"]      # the writer goes on
    wait_for(f"{victim} to catch up", lambda: m.status(victim)["executed_index"] >= there, 120)
    return stall


def figures(stalls, election):
    print(f"# {len(stalls)} leaders died: stall median {median(stalls):.2f} s, longest "
          f"{max(stalls):.2f} s; election timeout {election:.2f} s", flush=True)
    print("# " + " ".join(f"{s:.2f}" for s in stalls), flush=True)


def campaign(m, node, seed, election, longest):
    w = Writer(m, node, seed, **BESIDE_FIO)
    w.more(20)
    fio = Fio(m, node)
    stalls = [leader_dies(m, w) for _ in range(KILLS)]
    figures(stalls, election)
    fio.stop()
    w.stop()
    w.check(node)
    wanted = 2 * election if KILLS < 10 else min(2 * election, 1.0)
    if median(stalls) > wanted or max(stalls) > longest:
        raise MembersError(f"longer than wanted: median {wanted:.2f} s, "
                           f"at most {longest:.2f} s")
    m.compare_replicas()


def main():
    where, module, kernel = arguments()
    tap = Tap()
    for n, (name, election) in enumerate(SETTINGS, 1):
        with Cluster.start(where / f"c{n}", nodes=3, kernel=kernel,
                           log_size="128M", data_size="128M") as cluster:
            m = Members(cluster, module)
            m.start(**({"election_timeout": "300ms"} if election < 0.6 else {}))
            tap.attempt(name, campaign, m, m.names[0], 500 + n, election, 4 * election)
            tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
