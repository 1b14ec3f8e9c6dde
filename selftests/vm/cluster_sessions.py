#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Sessions across machines: holders go away and come back, leaders die under a client.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines.
"""

from cluster_failover import figures, leader_dies
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

MNT = "/mnt/v"


def volume_sum(m, node):
    """SHA-256 of the volume as `node` reads it, past the page cache."""
    return m.sh(node, f"dd if={m.device(node)} bs=1M iflag=direct status=none | sha256sum",
                timeout=300)


def refused(m, node, script):
    if m.cluster.exec(node, "sh", "-c", script, timeout=60).code == 0:
        raise MembersError(f"{node} is fenced, but this did not fail: {script}")


def holder_comes_back(m, seed, away, back):
    """A node with a file system mounted goes away, another one mounts it, the first comes back."""
    old, new = m.names[0], m.names[1]
    acks = f"{MNT}/acks"
    m.sh(old, f"mkfs.ext4 -qF {m.device(old)} && mkdir -p {MNT} && mount {m.device(old)} {MNT} && "
              f"fallocate -l 40M {acks} && echo one >{MNT}/file && sync -f {MNT}")
    w = Writer(m, old, seed, acks, count=10000)
    w.more(30)
    away(old)
    m.sh(new, f"mkdir -p {MNT}")
    wait_for(f"{new} to mount it", lambda: m.cluster.exec(
        new, "mount", m.device(new), MNT, timeout=60).code == 0)
    m.sh(new, f"grep -qx one {MNT}/file && echo two >{MNT}/file && sync -f {MNT}")
    w.check(new, acks)
    m.sh(new, f"umount {MNT}")
    before = volume_sum(m, new)
    back(old)
    wait_for(f"{old} to know that it is fenced", lambda: m.status(old)["session"] == "fenced")
    w.fails()
    refused(m, old, f"echo three >{MNT}/other && sync -f {MNT}")
    refused(m, old, f"dd if={m.device(old)} of=/dev/null bs=4k count=1 iflag=direct")
    refused(m, old, f"dd if=/dev/zero of={m.device(old)} bs=4k count=1 oflag=direct")
    m.sh(old, f"umount {MNT}")
    wait_for(f"{old} to have no session any more", lambda: m.status(old)["session"] == "none")
    if volume_sum(m, old) != before or volume_sum(m, new) != before:
        raise MembersError(f"{old} changed the volume after it had lost the session")
    m.sh(old, f"fsck.ext4 -fn {m.device(old)} && mount {m.device(old)} {MNT} && "
              f"grep -qx two {MNT}/file && [ ! -e {MNT}/other ] && umount {MNT}", timeout=300)
    m.compare_replicas()


def holder_is_paused(m):
    holder_comes_back(m, 701, m.cluster.pause, m.cluster.resume)


def holder_is_cut_off(m):
    holder_comes_back(m, 702, m.cluster.isolate, lambda _node: m.cluster.heal())


def holder_stays_with_the_majority(m):
    """The leader is cut off from the holder and the third node: the holder's writes go on."""
    holder, old = m.names[0], m.names[2]
    w = Writer(m, holder, 703)
    w.more(20)
    m.hand_over(old)
    w.more(20)
    m.cluster.isolate(old)
    print(f"# {old}, the leader, cut off: the holder's longest wait was {w.more(50):.2f} s")
    m.cluster.heal()
    wait_for(f"{old} to follow", lambda: m.status(old)["role"] == "follower")
    w.more(50)
    w.stop()
    w.check(holder)
    m.compare_replicas()


def leader_dies_under_a_client(m):
    node = m.clients[0]
    w = Writer(m, node, 704, **BESIDE_FIO)
    w.more(20)
    fio = Fio(m, node)
    figures([leader_dies(m, w)], 0.6)
    fio.stop()
    w.stop()
    w.check(node)
    w.check(m.leader())
    m.compare_replicas()


def main():
    where, module, kernel = arguments()
    tap = Tap()
    with Cluster.start(where / "c", nodes=4, kernel=kernel, log_size="128M",
                       data_size="97M") as cluster:
        m = Members(cluster, module, clients=1)
        m.start()
        tap.in_turn([holder_is_paused, holder_is_cut_off, holder_stays_with_the_majority,
                     leader_dies_under_a_client], m)
        tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
