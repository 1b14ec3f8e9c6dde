#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""From the packages to a mounted, replicated file system and back, on three machines.

On each of them a fresh Debian 12 with the packages is the root of all commands, which are those of
Documentation/installation.rst and of the README. The installation itself, with the compiler, is
done on the host.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines.
"""

import shutil
import subprocess
import sys

from cluster_long_readme import Walk
from machines import TOP, Cluster, Members, MembersError, Tap, arguments

sys.path.insert(0, str(TOP / "selftests/packages"))
import chroot

ROOT = "/run/debian"
# The kernel has its modules from there, too: the tool loads what it needs.
ENTER = f"""
mkdir -p {ROOT} /run/up /run/work
mount -t overlay debian -o lowerdir=$1,upperdir=/run/up,workdir=/run/work {ROOT}
for d in dev proc sys; do mount --rbind /$d {ROOT}/$d; done
mount --bind {ROOT}/lib/modules /lib/modules
printf '#!/bin/sh\\nexec chroot {ROOT} raftblk "$@"\\n' >/run/raftblk
chmod 755 /run/raftblk
"""


def kernel_modules(machine):
    """What the walk needs of the kernel of the guests, as if its package was installed."""
    modules = chroot.run(TOP / "tools/setup", "--print", "modules").strip()
    tree, _, version = modules.partition("/lib/modules/")
    if version not in machine.modules():
        raise MembersError(f"the packages have built the module for {machine.modules()}, "
                           f"not for {version}, which the guests run")
    depends = machine.run(f"modinfo -k {version} -F depends raftblk").strip().split(",")
    for name in ["ext4", *filter(None, depends)]:
        for line in chroot.run("modprobe", "-d", tree, "-S", version, "--show-depends",
                               name).splitlines():
            path = line.split()[1][len(tree):]
            (machine.root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree + path, machine.root / path.lstrip("/"))
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(f"{modules}/{name}", machine.root / "lib/modules" / version)
    machine.run(f"depmod {version}")


def installed(where):
    """A Debian in which the guide was followed."""
    chroot.run(TOP / "tools/deb", where / "build/deb")
    machine = chroot.Machine(where / "root")
    tar, _ = chroot.base(sorted((where / "build/deb").glob("raftblk*.deb")))
    with machine.up(tar):
        shutil.copytree(where / "build", machine.root / "root/build")
        machine.apt(chroot.documented("apt install").replace(" ./", " /root/"))
        kernel_modules(machine)
    return machine.root


class Packaged(Walk):
    """The README without its first step, which is the installation."""

    def __init__(self, m):
        super().__init__(m, "/root", f"chroot {ROOT} ")
        self.steps = self.steps[1:]

    def back_to_a_clean_machine(self):
        """What is left is the configuration, and what is on the disks."""
        node = self.m.names[2]
        self.sh(node, "raftblk down vol --force && rmmod raftblk")
        purge = chroot.documented("apt remove").replace("apt remove", "apt-get -y purge")
        self.on(node, f"DEBIAN_FRONTEND=noninteractive {purge}")
        left = self.sh(node, "find / -xdev -name '*raftblk*' ! -path '/root/*'").split()
        conf = self.sh(node, "ls /etc/raftblk").split()
        if left != ["/etc/raftblk"] or conf != ["vol.conf"]:
            raise MembersError(f"{node}: there is {left}, and {conf}")
        if self.m.cluster.exec(node, "modprobe", "raftblk").code == 0:
            raise MembersError(f"{node}: the module is still installed")


def main():
    where, module, kernel = arguments()
    tap = Tap()
    root = installed(where)
    with Cluster.start(where / "c", nodes=3, kernel=kernel, log_size="128M", data_size="128M",
                       share=[root]) as cluster:
        m = Members(cluster, module, tool="/run/raftblk")
        cluster.parallel(lambda n: cluster.run(n, "sh", "-ec", ENTER, "enter", str(root)))
        walk = Packaged(m)
        tap.in_turn([walk.quick_start, walk.a_file_outlives_a_machine,
                     walk.back_to_a_clean_machine])
        tap.consoles(cluster)
    subprocess.run(["rm", "-rf", "--one-file-system", root], check=False)
    tap.end()


if __name__ == "__main__":
    main()
