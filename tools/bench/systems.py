# SPDX-License-Identifier: GPL-2.0
"""What is compared: the raw disk, DRBD, raftblk.

Each is started on the same guests and the same disks, and stopped so that
nothing of it is left there before the next one comes.
"""

import json
import os
import shutil
import time

from util import TOP, VmError, run, wait_for

DATA, LOG = "/dev/disk/raftblk/data", "/dev/disk/raftblk/log"
# Enough to hide the metadata of any of them from the next.
WIPE_MIB = 4


def wipe(cluster, names=("n1", "n2", "n3")):
    """Overwrite both ends of the disks with zeroes (no discard: no holes)."""
    script = f'''for disk in {DATA} {LOG}; do
	end=$(($(blockdev --getsize64 $disk) / 1048576 - {WIPE_MIB}))
	dd if=/dev/zero of=$disk bs=1M count={WIPE_MIB} oflag=direct conv=fsync &&
	dd if=/dev/zero of=$disk bs=1M count={WIPE_MIB} seek=$end oflag=direct conv=fsync &&
	blockdev --flushbufs $disk || exit 1
done 2>&1'''
    cluster.parallel(lambda name: cluster.run(name, "sh", "-c", script, timeout=120),
                     ",".join(names))


class System:
    """A way to a block device on n1; `nodes` take part in it."""

    name = title = upper = device = ""
    nodes = ()

    def __init__(self, cluster):
        self.cluster = cluster

    @classmethod
    def build(cls, kernel, out):
        """Makes what it needs that is of this tree."""

    def version(self):
        return ""

    def format(self):
        """Leaves the disks ready but unused: holes are filled after this."""

    def start(self):
        """Returns when `device` takes I/O on n1."""

    def stop(self):
        """Gives the disks back."""

    def ready(self):
        """Called before each job. Returns how often something had to be put right."""
        return 0

    def verify(self):
        """VmError unless what was measured is what its name says."""

    def run(self, name, *argv, timeout=120):
        return self.cluster.run(name, *argv, timeout=timeout)

    def everywhere(self, *argv, names=None, timeout=120):
        names = names or self.nodes
        return self.cluster.parallel(
            lambda name: self.run(name, *argv, timeout=timeout), ",".join(names))


class Raw(System):
    """The disk of n1 itself."""

    name, title, upper, device, nodes = "raw", "raw disk", "data", DATA, ("n1",)


class Drbd(System):
    """The kernel's own DRBD 8.4, protocol C, everything else as it comes."""

    name, title, upper = "drbd", "DRBD, 2 nodes", "drbd0"
    device, nodes = "/dev/drbd0", ("n1", "n2")

    RESOURCE = f'''
global {{ usage-count no; }}
resource bench {{
	net {{ protocol C; }}
	device /dev/drbd0;
	disk {DATA};
	meta-disk internal;
	on n1 {{ address 10.77.0.1:7788; }}
	on n2 {{ address 10.77.0.2:7788; }}
}}
'''

    REPLICATING = "cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C"

    def _drbd(self, name, *argv, **kwargs):
        return self.run(name, "drbdadm", "-c", "/run/drbd-bench.conf", *argv, **kwargs)

    def version(self):
        return self.run("n1", "sh", "-c", "modprobe drbd && sed -n 1p /proc/drbd").strip()

    def format(self):
        script = ('modprobe drbd && printf %s "$1" > /run/drbd-bench.conf && mkdir -p '
                  '/run/lock /var/lib/drbd && '
                  'drbdadm -c /run/drbd-bench.conf create-md --force bench')
        self.everywhere("sh", "-c", script, "format", self.RESOURCE)

    def start(self):
        self.cluster.parallel(lambda n: self._drbd(n, "up", "bench"), ",".join(self.nodes))
        self._wait_state("cs:Connected ro:Secondary/Secondary ds:Inconsistent/Inconsistent C")
        # Both copies count as equal: what is compared here is not resync.
        self._drbd("n1", "--", "--clear-bitmap", "new-current-uuid", "bench")
        self._wait_state("cs:Connected ro:Secondary/Secondary ds:UpToDate/UpToDate C")
        self._drbd("n1", "primary", "bench")

    def state(self):
        """As in /proc/drbd: connection, roles, disks, protocol."""
        for line in self.run("n1", "cat", "/proc/drbd").splitlines():
            if line.strip().startswith("0: "):
                return " ".join(line.split()[1:5])
        return "none"

    def _wait_state(self, wanted):
        wait_for(lambda: self.state() == wanted, 60, f"DRBD to be '{wanted}'", 0.2)

    def verify(self):
        if self.state() != self.REPLICATING:
            raise VmError(f"DRBD is not '{self.REPLICATING}' but '{self.state()}'")

    def stop(self):
        self._drbd("n1", "secondary", "bench")
        self.cluster.parallel(lambda n: self._drbd(n, "down", "bench"), ",".join(self.nodes))


def mirror(files, to):
    """Copies of files of this tree, and no other sources, so make builds what changed."""
    wanted = {to / f.relative_to(TOP): f for f in files}
    for copy, original in wanted.items():
        if not copy.exists() or copy.stat().st_mtime != original.stat().st_mtime:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(original, copy)
    for copy in (to / "kmod").rglob("*.[ch]"):
        if copy not in wanted and not copy.name.endswith(".mod.c"):
            copy.unlink()


class Raftblk(System):
    """raftblk on three nodes, all settings as they come."""

    name, title, upper = "raftblk", "raftblk, 3 nodes", "raftblk0"
    device, nodes = "/dev/raftblk0", ("n1", "n2", "n3")
    tool, conf = TOP / "userspace" / "raftblk", "/run/raftblk-bench"

    @classmethod
    def build(cls, kernel, out):
        """The module for the guests' kernel, from a copy of its sources, and the tool."""
        printer = [TOP / "tools" / "kernel" / "build-debug", "--print", "kdir", kernel] \
            if kernel in ("debug", "kcsan") else [TOP / "tools" / "setup", "--print", "kdir"]
        kdir, source = run(*printer).strip(), out / "src"
        mirror([TOP / "Kbuild", *(TOP / "kmod").rglob("*.[ch]")], source)
        run("make", "-s", "-C", kdir, f"M={source}", f"-j{os.cpu_count()}", "modules")
        run("make", "-s", "-C", TOP / "userspace")
        cls.module = source / "raftblk.ko"

    def _raftblk(self, name, command, *argv, timeout=120):
        return self.cluster.run(name, str(self.tool), command, "bench", *argv, timeout=timeout,
                                env={"RAFTBLK_CONF_DIR": self.conf})

    def version(self):
        return run(self.tool, "version", check=False).split("\n")[0]

    def format(self):
        nodes = [f"--node={n}=10.77.0.{n[1:]}:7800,{LOG},{DATA}" for n in self.nodes]
        self.run("n1", "sh", "-c", f"mkdir -p {self.conf} && rm -f {self.conf}/bench.conf")
        self._raftblk("n1", "new", *nodes)
        text = self.run("n1", "cat", f"{self.conf}/bench.conf")
        self.everywhere("sh", "-c", f'mkdir -p {self.conf} && printf %s "$1" > '
                        f'{self.conf}/bench.conf', "conf", text)
        self.everywhere("sh", "-c", f"modprobe libcrc32c; insmod {self.module}")
        self.cluster.parallel(lambda n: self._raftblk(n, "format", "--force"))

    def start(self):
        self.cluster.parallel(lambda n: self._raftblk(n, "up"))
        self._bootstrap()
        self.ready()

    def ready(self):
        """The first node leads: on a busy host leadership may have moved."""
        moved = 0
        while wait_for(self._leader, 60, "raftblk to have a leader", 0.2) != "n1":
            moved += 1
            if moved > 20:
                raise VmError("raftblk on n1 does not keep the lead")
            self.cluster.exec(self._leader() or "n1", str(self.tool), "transfer", "bench", "n1",
                              timeout=60)
            time.sleep(0.5)
        return moved

    def _bootstrap(self):
        """It is refused until all members have been heard."""
        refused = ""

        def done():
            nonlocal refused
            try:
                self._raftblk("n1", "bootstrap")
            except VmError as error:
                refused = error
                return False
            return True
        try:
            wait_for(done, 30, "raftblk to be bootstrapped", 0.5)
        except VmError:
            raise refused or VmError("raftblk bootstrap hangs") from None

    def status(self, name):
        found = json.loads(self._raftblk(name, "status", "--json"))
        return found[0] if isinstance(found, list) else found

    def _leader(self):
        for name in self.nodes:
            status = self.status(name)
            if status.get("role") == "leader" and status.get("ready"):
                return name
        return None

    def _settled(self):
        states = [self.status(n) for n in self.nodes]
        return len({(s.get("executed_index"), s.get("digest")) for s in states}) == 1

    def verify(self):
        wait_for(self._settled, 60, "all members of raftblk to be equal", 0.5)

    def stop(self):
        self.cluster.parallel(lambda n: self._raftblk(n, "down"))
        self.everywhere("rmmod", "raftblk")


SYSTEMS = {s.name: s for s in (Raw, Drbd, Raftblk)}
