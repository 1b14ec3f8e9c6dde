#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Faults of three machines: crashes, power cuts, pauses, cut links.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines.
"""

from machines import Cluster, Members, MembersError, Tap, Writer, arguments, wait_for


ACKED_MAX = 8000      # blocks that a writer has for itself at the beginning of the volume
PAUSE = 2000          # microseconds between them, so that they last on a fast machine, too


def put(m, node, count):
    """Writes from another node, which works once the holder has been silent for long enough."""
    argv = ["dd", "if=/dev/urandom", f"of={m.device(node)}", "bs=4k", f"count={count}",
            f"seek={ACKED_MAX}", "oflag=direct", "status=none"]
    wait_for(f"{node} to get the session",
             lambda: m.cluster.exec(node, *argv, timeout=60).code == 0)


def not_led_by(m, old):
    return wait_for("a new leader", lambda: m.leader([n for n in m.up_nodes() if n != old]), 60)


def leader_crashes(m, seed):
    old = m.leader()
    w = Writer(m, old, seed, count=ACKED_MAX, pause=PAUSE)
    w.more(100)
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
    w = Writer(m, lead, seed, count=ACKED_MAX, pause=PAUSE)
    w.more(50)
    m.cluster.kill(f)
    w.more(200)
    m.cluster.restart(f)
    m.rejoin(f)
    w.more(50)
    w.stop()
    w.check(lead)
    m.compare_replicas()


def all_lose_power(m, seed):
    lead = m.leader()
    w = Writer(m, lead, seed, count=ACKED_MAX, pause=PAUSE)
    w.more(300)
    m.cluster.powercut("all")
    w.join(30)
    m.cluster.restart("all")
    m.cluster.parallel(m.rejoin)
    new = wait_for("a leader", m.leader)
    w.check(new)
    m.compare_replicas()


def leader_is_paused(m, seed):
    old = m.leader()
    w = Writer(m, old, seed, count=ACKED_MAX, pause=PAUSE)
    w.more(50)
    m.cluster.pause(old)
    new = wait_for("a new leader", lambda: m.leader([n for n in m.names if n != old]), 60)
    put(m, new, 30)
    before = w.acked
    m.cluster.resume(old)
    # The node wakes up fenced: what it had in flight must not be acknowledged any more.
    wait_for("the resumed node follows", lambda: m.status(old)["role"] == "follower")
    w.fails()
    if w.acked > before + 1:
        raise MembersError(f"{w.acked - before} writes acknowledged after the pause")
    w.check(new)
    m.compare_replicas()


def leader_loses_one_direction(m, seed):
    old = m.leader()
    w = Writer(m, old, seed, count=ACKED_MAX, pause=PAUSE)
    w.more(50)
    m.cluster.isolate(old, "out")
    new = wait_for("a new leader", lambda: m.leader([n for n in m.names if n != old]), 60)
    before = w.acked
    put(m, new, 30)
    if w.acked != before:
        raise MembersError("the cut-off side acknowledged a write")
    m.cluster.heal()
    wait_for("the old leader follows", lambda: m.status(old)["role"] == "follower")
    w.fails()
    w.check(new)
    m.compare_replicas()


def main():
    where, module, kernel = arguments()
    tap = Tap()
    with Cluster.start(where / "c", nodes=3, kernel=kernel, disk_backend="powercut",
                       log_size="128M", data_size="48M") as cluster:
        m = Members(cluster, module)
        m.start()
        tests = [leader_crashes, follower_crashes, leader_is_paused, leader_loses_one_direction,
                 all_lose_power]
        for seed, test in enumerate(tests, 101):
            if not tap.attempt(test.__name__, test, m, seed):
                break   # the other tests could not start from this state
        tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
