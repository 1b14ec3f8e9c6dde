#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Memory is short, and what would free it goes to the volume: swap, and dirty pages.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines. Each member has a
machine of its own, since members that share the memory of one kernel can wait for each other.
"""

from machines import Cluster, Members, MembersError, Tap, arguments

# Writes a different value to each page of so many MiB, and reads them all back; exits with 1 if
# one has changed.
HOG = """python3 -c '
import mmap, sys
n = int(sys.argv[1]) << 8
m = mmap.mmap(-1, n << 12)
for i in range(n):
    m[i << 12:(i << 12) + 8] = i.to_bytes(8, "little")
for i in range(n):
    if m[i << 12:(i << 12) + 8] != i.to_bytes(8, "little"):
        sys.exit("page %d" % i)
' """


def free_mib(m, node):
    return int(m.sh(node, "awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo"))


def swaps(m, node):
    device = m.device(node)
    m.sh(node, f"mkswap -f {device} >/dev/null && swapon {device}")
    mib = free_mib(m, node) + 96
    m.sh(node, HOG + str(mib), timeout=400)
    out = m.sh(node, "awk '/^pswpout/ { print $2 }' /proc/vmstat").strip()
    print(f"# {mib} MiB touched with {mib - 96} MiB free: {out} pages swapped out to {device}")
    if int(out) < 1000:
        raise MembersError(f"only {out} pages were swapped out: there was no pressure")
    m.sh(node, f"swapoff {device}", timeout=300)


def writes_back(m, node):
    device = m.device(node)
    mib = max(free_mib(m, node) - 48, 32)
    m.sh(node, f"mkfs.ext4 -qF {device} && mkdir -p /mnt/p && mount {device} /mnt/p")
    m.sh(node, f"""
        ( {HOG} {mib} ) & hog=$!
        dd if=/dev/urandom of=/tmp/seed bs=1M count=4 status=none
        for i in $(seq 24); do cat /tmp/seed; done | tee /mnt/p/big | sha256sum >/tmp/want
        sync -f /mnt/p; wait $hog; echo 3 >/proc/sys/vm/drop_caches
        sha256sum </mnt/p/big | cmp - /tmp/want && umount /mnt/p""", timeout=400)
    print(f"# 96 MiB written through the page cache while {mib} MiB were in use")


def under_pressure(m, test, follower):
    lead = m.leader()
    test(m, next(x for x in m.names if x != lead) if follower else lead)
    m.compare_replicas()


def main():
    where, module, kernel = arguments()
    tap = Tap()
    with Cluster.start(where / "c", nodes=3, kernel=kernel, mem=384,
                       log_size="128M", data_size="320M") as cluster:
        m = Members(cluster, module)
        m.start(pool="16M")
        tap.attempt("swaps", under_pressure, m, swaps, False)
        tap.attempt("writes_back", under_pressure, m, writes_back, True)
        tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
