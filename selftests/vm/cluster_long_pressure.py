#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Memory is short while memory is written back to the volume: swap, and dirty pages.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines. On machines of their
own: members that share one kernel's memory can wait for each other.
"""

import sys
import time
import traceback
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/vm"))
from lib import Cluster, VmError                    # noqa: E402
from members import Members, MembersError           # noqa: E402

# Touches so many MiB, each page its own, twice over; exits 1 if one is not what it was.
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
    print(f"# 96 MiB written through the page cache beside {mib} MiB of others")


def main():
    where, module, kernel = sys.argv[1:4]
    failed = 0
    with Cluster.start(Path(where) / "c", nodes=3, kernel=kernel, mem=384,
                       log_size="128M", data_size="320M") as cluster:
        m = Members(cluster, module)
        m.start(pool="16M")
        for n, (test, follower) in enumerate(((swaps, False), (writes_back, True)), 1):
            began = time.monotonic()
            try:
                lead = m.leader()
                node = next(x for x in m.names if x != lead) if follower else lead
                test(m, node)
                m.compare_replicas()
                print(f"ok {n} {test.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
            except Exception:
                failed += 1
                print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
                print(f"not ok {n} {test.__name__}", flush=True)
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
