# SPDX-License-Identifier: GPL-2.0
"""raftblk on a virtual cluster: what the demo and the fault tests share.

Everything is done through the commands that a user has: insmod, the raftblk
tool, and the device.
"""

import json
import shlex
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LOG, DATA = "/dev/disk/raftblk/log", "/dev/disk/raftblk/data"
PORT = 7800


class MembersError(Exception):
    """A member, or the tool, did not do what it was told to do."""


def wait_for(what, condition, deadline=60.0, every=0.2):
    """The first true value of `condition()`; MembersError after `deadline` s."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise MembersError(f"gave up after {deadline:.0f} s: {what}")
        time.sleep(every)


class Members:
    """One volume on all nodes of a cluster; the last `clients` of them have no replica."""

    def __init__(self, cluster, module, volume="vol", tool=TOP / "userspace/raftblk", clients=0):
        self.cluster = cluster
        self.module = str(module)
        self.tool = str(tool)
        self.volume = volume
        names = [n.name for n in cluster.nodes]
        self.names = names[:len(names) - clients]
        self.clients = names[len(self.names):]
        self.conf = b""

    # -- commands ------------------------------------------------------------------

    def rb(self, node, *args, timeout=60, check=True):
        """Runs the tool on a node and returns its stdout."""
        done = self.cluster.exec(node, self.tool, *args, timeout=timeout)
        if check and done.code:
            raise MembersError(f"{node}: raftblk {' '.join(args)}: exit {done.code}: "
                               f"{(done.err + done.out).decode(errors='replace').strip()}")
        return done.out.decode(errors="replace")

    def sh(self, node, script, timeout=120):
        done = self.cluster.exec(node, "sh", "-c", script, timeout=timeout)
        if done.code:
            raise MembersError(f"{node}: {script}: exit {done.code}: "
                               f"{(done.err + done.out).decode(errors='replace').strip()[-600:]}")
        return done.out.decode(errors="replace")

    # -- life --------------------------------------------------------------------

    def configuration(self, **options):
        """The configuration file, the same on all nodes, as the tool writes it."""
        argv = [self.tool, "new", self.volume, "--print"]
        argv += [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
        for i, name in enumerate(self.names, 1):
            argv.append(f"--node={name}=10.77.0.{i}:{PORT},{LOG},{DATA}")
        for i, name in enumerate(self.clients, len(self.names) + 1):
            argv.append(f"--client={name}=10.77.0.{i}:{PORT}")
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout

    def prepare(self, node, fresh=True):
        """Loads the module, writes the configuration, formats, and brings the volume up."""
        # insmod does not load what a module depends on, which is libcrc32c on 6.1.
        self.sh(node, "grep -q ^raftblk /proc/modules || "
                      f"{{ modprobe -q libcrc32c; insmod {shlex.quote(self.module)}; }}")
        self.cluster.exec(node, "sh", "-c",
                          f"mkdir -p /etc/raftblk && cat > /etc/raftblk/{self.volume}.conf",
                          stdin=self.conf)
        if fresh and node not in self.clients:
            self.rb(node, "format", self.volume, "--force", timeout=180)
        self.rb(node, "up", self.volume)

    def start(self, **options):
        """Turns blank disks into a volume with a leader."""
        self.conf = self.configuration(**options)
        self.cluster.parallel(self.prepare)
        wait_for("all members hear each other", lambda: self.connected(self.names[0]))
        self.rb(self.names[0], "bootstrap", self.volume)
        return wait_for("a leader", self.leader)

    def rejoin(self, node):
        """Brings the volume up after a reboot, with the same disks and configuration."""
        self.prepare(node, fresh=False)

    # -- looking ------------------------------------------------------------------

    def status(self, node):
        return json.loads(self.rb(node, "status", self.volume, "--json", timeout=30))

    def connected(self, node):
        return all(p["consensus_up"] and p["bulk_up"] for p in self.status(node)["peers"])

    def up_nodes(self):
        return [n for n in self.names if self.cluster.node(n).alive]

    def leader(self, among=None):
        """The name of the node that leads and is ready, or None."""
        for name in among or self.up_nodes():
            try:
                st = self.status(name)
            except Exception:  # a node that just died, or a tool that timed out
                continue
            if st["role"] == "leader" and st["ready"]:
                return name
        return None

    def hand_over(self, node):
        """Makes a node the leader, which it stays for a while."""
        lead = wait_for("a leader", self.leader)
        if lead != node:
            self.rb(lead, "transfer", self.volume, node)
        wait_for(f"{node} to lead", lambda: self.leader() == node)

    def device(self, node):
        return self.status(node)["device"]

    def settled(self):
        """(index, digest) if all members have applied the same entries, else None."""
        seen = set()
        for name in self.names:
            st = self.status(name)
            if st["applied_index"] != st["executed_index"]:
                return None
            seen.add((st["executed_index"], st["digest"]))
        return seen.pop() if len(seen) == 1 else None

    def image_sum(self, node, size):
        """SHA-256 of the replica, read from the data device after its header."""
        return self.sh(node, f"dd if={DATA} bs=1M skip=1 count={size >> 20} iflag=direct "
                             "status=none | sha256sum", timeout=300).split()[0]

    def compare_replicas(self):
        """Compares digests, then data bit by bit; returns (index, digest, sha256, bytes)."""
        index, digest = wait_for("all members apply the same entries", self.settled, 120)
        size = self.status(self.names[0])["size"]
        sums = set()
        sums.update(self.cluster.parallel(lambda name: self.image_sum(name, size),
                                          ",".join(self.names)).values())
        if len(sums) != 1:
            raise MembersError(f"replicas differ: {sorted(sums)}")
        return index, digest, sums.pop(), size
