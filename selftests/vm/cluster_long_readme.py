#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The commands of the README, taken from it, from "make" to a mounted file system and back.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines. What is replaced: addresses,
devices, and "scp", since guests have no ssh; the compiler has done its work on the host, and make
finds that in the guest, in which the tree is at the same path.
"""

import re
import shlex
import shutil
import subprocess

from machines import TOP, Cluster, Members, MembersError, Tap, arguments, wait_for

REPLACED = (("10.0.0.", "10.77.0."), ("/dev/nvme0n1p3", "/dev/disk/raftblk/log"),
            ("/dev/sdb1", "/dev/disk/raftblk/data"))
# A machine has the headers of its kernel, and a directory of modules that can be written to. There
# are few modules in it, since depmod reads them all, and nothing that only depmod can have made.
START = "/run/start"
MODULES = """
touch {START}
v=/lib/modules/$(uname -r); d=/run/modules; mkdir $d; cd $v
for m in ext4 $(modinfo -F depends {module} | tr , ' '); do
        modprobe --show-depends $m | sed -n "s|^insmod $v/||p"
done | sort -u | xargs cp --parents -t $d
cp modules.order modules.builtin modules.builtin.modinfo $d
ln -s {kdir} $d/build
mount --bind $d $v
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

    def __init__(self, m, tree, inside=""):
        self.m, self.tree, self.inside = m, tree, inside
        everybody, one = m.names, m.names[:1]
        blocks = commands(section("Quick start on real machines"))
        install, new, start, bootstrap, mount = blocks[:5]
        self.steps = [(install, everybody), (new, one), (start, everybody), (bootstrap, one),
                      (mount, one)]
        self.others = blocks[-1]

    def copy(self, line):
        """scp FILE NODE:DIRECTORY # and NODE"""
        path = line.split()[1]
        text = self.sh(self.m.names[0], f"cat {path}")
        for node in self.m.names[1:]:
            done = self.m.cluster.exec(node, "sh", "-c", f"{self.inside}sh -c 'cat >{path}'",
                                       stdin=text.encode())
            if done.code:
                raise MembersError(f"{node}: cannot write {path}")

    def sh(self, node, script, **kwargs):
        return self.m.sh(node, f"{self.inside}sh -c {shlex.quote(script)}", **kwargs)

    def on(self, node, line):
        out = self.sh(node, f"cd {self.tree} && {{ {line}\n}} 2>&1", timeout=1200)
        print("\n".join(f"# {node}: {ln}" for ln in [f"$ {line}", *out.splitlines()[-3:]]),
              flush=True)

    def quick_start(self):
        for lines, nodes in self.steps:
            for line in lines:
                if line.startswith("scp "):
                    self.copy(line)
                    continue
                self.m.cluster.parallel(lambda n, text=line: self.on(n, text), ",".join(nodes))

    def other_commands(self):
        """Each ends well on the first node, which leads; "events" would not end, "down" is last."""
        first = self.m.names[0]
        self.m.hand_over(first)
        for line in self.others[:-1]:
            line = line.split(" #")[0]
            self.on(first, line + " & kill $!" if "events" in line else line)

    def a_file_outlives_a_machine(self):
        """What the README promises of the mounted file system."""
        n1, n2 = self.m.names[:2]
        self.sh(n1, "echo there >/mnt/file && sync -f /mnt")
        self.m.cluster.kill(n1)
        wait_for(f"{n2} to mount it", lambda: self.m.cluster.exec(
            n2, "sh", "-c", f"{self.inside}mount /dev/raftblk0 /mnt", timeout=60).code == 0)
        self.sh(n2, "grep -qx there /mnt/file && umount /mnt")
        self.on(n2, self.others[-1].split(" #")[0])

    def back_to_a_clean_machine(self):
        """What is left is the configuration, and what is on the disks."""
        node = self.m.names[2]
        self.m.sh(node, "raftblk down vol --force && rmmod raftblk")
        self.on(node, "make uninstall")
        left = self.m.sh(node, "find /etc /usr/local/s* /usr/lib/ocf /lib/systemd /lib/udev "
                               f"/lib/modules/*/ -newer {START} -path '*raftblk*'").split()
        if left != ["/etc/raftblk", "/etc/raftblk/vol.conf"]:
            raise MembersError(f"{node}: there is {left}")
        if self.m.cluster.exec(node, "modprobe", "raftblk").code == 0:
            raise MembersError(f"{node}: the module is still installed")


def built(where):
    """A tree in which make has nothing left to do, as long as it stays at the same path."""
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
        script = MODULES.format(START=START, kdir=kdir, module=module)
        cluster.parallel(lambda n: (cluster.put(tree, n, str(tree)), m.sh(n, script)))
        walk = Walk(m, tree)
        tap.in_turn([walk.quick_start, walk.other_commands, walk.a_file_outlives_a_machine,
                     walk.back_to_a_clean_machine])
        tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
