#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The commands of the README, taken from it, from "make" to a mounted file system and back.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines. What is replaced: addresses,
devices, and "scp", since guests have no ssh; the compiler has done its work on the host, and make
finds that in the guest.
"""

import re
import shutil
import subprocess

from machines import TOP, Cluster, Members, MembersError, Tap, arguments, wait_for

HOME = "/root/raftblk"
REPLACED = (("10.0.0.", "10.77.0."), ("/dev/nvme0n1p3", "/dev/disk/raftblk/log"),
            ("/dev/sdb1", "/dev/disk/raftblk/data"))
# A machine has the headers of its kernel, and a directory of modules that can be written to.
MODULES = """
v=/lib/modules/$(uname -r); mkdir -p /run/over/up /run/over/work
mount -t overlay over -o lowerdir=$v,upperdir=/run/over/up,workdir=/run/over/work $v
[ -e $v/build ] || ln -s {kdir} $v/build
"""


def section(title):
    text = (TOP / "README.md").read_text()
    return re.search(rf"^## {title}$(.*?)(?=^## )", text, re.M | re.S)[1]


def commands(text):
    """The blocks of commands, each a list of lines; a line that ends in a backslash goes on."""
    blocks = re.findall(r"(?:^ {4,}.*\n)+", text, re.M)
    for old, new in REPLACED:
        blocks = [b.replace(old, new) for b in blocks]
    lines = [b.replace("\\\n", " ").splitlines() for b in blocks]
    return [[re.sub(r"\s+", " ", ln).strip() for ln in block] for block in lines]


class Walk:
    """The steps, each with the nodes that the README runs it on."""

    def __init__(self, m):
        self.m = m
        everybody, one = m.names, m.names[:1]
        blocks = commands(section("Quick start on real machines"))
        install, new, start, bootstrap, mount = blocks[:5]
        self.steps = [(install, everybody), (new, one), (start, everybody), (bootstrap, one),
                      (mount, one)]
        self.others = blocks[-1]

    def copy(self, line):
        """scp FILE NODE:DIRECTORY # and NODE"""
        path = line.split()[1]
        text = self.m.sh(self.m.names[0], f"cat {path}")
        for node in self.m.names[1:]:
            done = self.m.cluster.exec(node, "sh", "-c", f"mkdir -p /etc/raftblk && cat >{path}",
                                       stdin=text.encode())
            if done.code:
                raise MembersError(f"{node}: cannot write {path}")

    def on(self, node, line):
        out = self.m.sh(node, f"hostname {node}; cd {HOME} && {{ {line}\n}} 2>&1", timeout=1200)
        print("\n".join(f"# {node}: {ln}" for ln in [f"$ {line}", *out.splitlines()[-3:]]),
              flush=True)

    def quick_start(self):
        for lines, nodes in self.steps:
            for line in lines:
                if line.startswith("scp "):
                    self.copy(line)
                    continue
                self.m.cluster.parallel(lambda n, text=line: self.on(n, text), ",".join(nodes))

    def a_file_outlives_a_machine(self):
        """What the README promises of the mounted file system."""
        n1, n2 = self.m.names[:2]
        self.m.sh(n1, "echo there >/mnt/file && sync -f /mnt")
        self.m.cluster.kill(n1)
        wait_for(f"{n2} to mount it", lambda: self.m.cluster.exec(
            n2, "sh", "-c", "mount /dev/raftblk0 /mnt", timeout=60).code == 0)
        self.m.sh(n2, "grep -qx there /mnt/file")

    def other_commands(self):
        """Each ends well, on the node that leads; "events" would not end."""
        for line in self.others:
            line = line.split(" #")[0]
            lead = wait_for("a leader", self.m.leader)
            if "events" in line or "take" in line:
                line += " --count 1 & kill $!" if "events" in line else ""
            if "transfer" in line:
                line = line.rsplit(" ", 1)[0]
            if "down" in line:
                self.m.sh(self.m.names[1], "umount /mnt")
            self.on(lead, line)

    def back_to_a_clean_machine(self):
        node = self.m.names[2]
        self.m.sh(node, "raftblk down vol --force || true; rmmod raftblk")
        self.on(node, "make uninstall")
        left = self.m.sh(node, "find / -xdev -name '*raftblk*' -newer /config ! -path '/root/*' "
                               "! -path '/etc/*' ! -path '/proc/*' 2>/dev/null; true")
        if left.strip():
            raise MembersError(f"{node}: left behind: {left}")
        if self.m.cluster.exec(node, "modprobe", "raftblk").code == 0:
            raise MembersError(f"{node}: the module is still installed")


def built(where):
    """A tree in which make has nothing left to do."""
    tree = where / "tree"
    shutil.copytree(TOP, tree, symlinks=True,
                    ignore=shutil.ignore_patterns(".git", "build", "__pycache__", "*.log"))
    kdir = subprocess.run([TOP / "tools/setup", "--print", "kdir"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()
    subprocess.run(["make", "-s", "-C", tree, f"KDIR={kdir}"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return tree, kdir


def main():
    where, module, kernel = arguments()
    tap = Tap()
    tree, kdir = built(where)
    with Cluster.start(where / "c", nodes=3, kernel=kernel, mem=1536, log_size="128M",
                       data_size="128M") as cluster:
        m = Members(cluster, module, tool="raftblk")
        cluster.parallel(lambda n: (cluster.put(tree, n, HOME), m.sh(n, MODULES.format(kdir=kdir))))
        walk = Walk(m)
        tap.in_turn([walk.quick_start, walk.a_file_outlives_a_machine, walk.other_commands,
                     walk.back_to_a_clean_machine])
        tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
