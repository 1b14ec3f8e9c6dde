# SPDX-License-Identifier: GPL-2.0
"""Counters of a window of I/O: instructions, packets, requests, switches.

What a counter costs to read must not be in what it counts. Instructions,
packets, disk requests and processor time are read on the host; the requests
of the device under test and context switches by a program that waits in each
guest, just outside the window of the others.
"""

import os
import shutil
import struct
import subprocess
import threading
import time
from pathlib import Path

from boot import cached
from util import VmError, run

INSN_SOURCE = Path(__file__).with_name("insn.c")
PLUGIN_VERSIONS = range(1, 6)
COUNTER = struct.Struct("<Q56x")
UPPER_DISKS = ("drbd0", "raftblk0")
TICKS = os.sysconf("SC_CLK_TCK")

# One line in, the statistics out; no process is made for it.
SAMPLER = r'''
while read -r _; do
	for disk in "$@"; do
		if [ -r /sys/block/$disk/stat ]; then
			read -r line </sys/block/$disk/stat
			echo "$disk $line"
		fi
	done
	while read -r key value; do
		if [ "$key" = ctxt ]; then echo "ctxt $value"; fi
	done </proc/stat
	echo .
done
'''


def build_plugin(accel):
    """(path of the instruction counter, or None; why there is none)."""
    if accel != "tcg":
        return None, f"instructions are not counted under {accel}: plugins need TCG"
    for version in PLUGIN_VERSIONS:
        plugin = plugin_for(version)
        if plugin_loads(plugin):
            return plugin, ""
    return None, "instructions are not counted: this QEMU takes no TCG plugin"


def plugin_for(version):
    return cached(f"insn{version}", [INSN_SOURCE.read_bytes()],
                  lambda path: run("gcc", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared",
                                   "-fvisibility=hidden", "-x", "c", INSN_SOURCE,
                                   f"-DINSN_PLUGIN_VERSION={version}", "-o", path))


def plugin_loads(plugin):
    argv = ["qemu-system-x86_64", "-M", "none", "-accel", "tcg", "-nodefaults", "-display",
            "none", "-monitor", "stdio", "-plugin", f"{plugin},to=/dev/shm/insn.{os.getpid()}"]
    try:
        result = subprocess.run(argv, input=b"quit\n", capture_output=True, timeout=30)
    except subprocess.TimeoutExpired:
        return False
    finally:
        Path(f"/dev/shm/insn.{os.getpid()}").unlink(missing_ok=True)
    return result.returncode == 0


def instructions(path):
    """What the plugin has counted in a guest so far."""
    return sum(executed for executed, in COUNTER.iter_unpack(Path(path).read_bytes()))


class Sampler:
    """The resident program of one guest that reports its statistics."""

    def __init__(self, cluster, name):
        self.name = name
        path = cluster.run(name, "readlink", "-f", "/dev/disk/raftblk/data").strip()
        self.labels = {os.path.basename(path): "data", **{d: d for d in UPPER_DISKS}}
        self.output, self.lines = bytearray(), []
        self.cond = threading.Condition()
        self.ended = None
        read_end, self.stdin = os.pipe()
        argv = ["bash", "-c", SAMPLER, "sampler", *self.labels]
        self.thread = threading.Thread(target=self._serve, args=(cluster, argv, read_end),
                                       daemon=True)
        self.thread.start()

    def _serve(self, cluster, argv, read_end):
        try:
            cluster.attach(self.name, argv, read_end, self._take)
            error = VmError(f"sampler of {self.name} ended")
        except (VmError, OSError) as caught:
            error = caught
        with self.cond:
            self.ended = error
            self.cond.notify_all()
        os.close(read_end)

    def _take(self, kind, data):
        with self.cond:
            self.output += data
            *lines, rest = bytes(self.output).split(b"\n")
            self.output[:] = rest
            self.lines += [line.decode(errors="replace") for line in lines]
            self.cond.notify_all()

    def ask(self):
        with self.cond:
            self.lines.clear()
        os.write(self.stdin, b"\n")

    def answer(self, timeout=60):
        """{'ctxt': n, 'data': {...}, ...} of the last ask()."""
        with self.cond:
            done = self.cond.wait_for(lambda: "." in self.lines or self.ended, timeout)
            if not done or self.ended:
                raise self.ended or VmError(f"{self.name}: no statistics in {timeout} s")
            lines = self.lines[:]
        sample = {}
        for line in lines[:lines.index(".")]:
            key, *values = line.split()
            values = list(map(int, values))
            sample[self.labels.get(key, key)] = \
                values[0] if key == "ctxt" else disk_counts(values)
        return sample

    def sample(self):
        self.ask()
        return self.answer()

    def close(self):
        os.close(self.stdin)
        self.thread.join(10)


def disk_counts(stat):
    """Fields of /sys/block/DISK/stat by name."""
    return {"bytes": (stat[2] + stat[6]) * 512}


class Probe:
    """All counters of all nodes of a cluster."""

    def __init__(self, cluster, plugin):
        self.nodes = cluster.nodes
        self.plugin = plugin
        self.samplers = {n.name: Sampler(cluster, n.name) for n in self.nodes}

    def close(self):
        for sampler in self.samplers.values():
            sampler.close()

    def transferred(self, name, disk):
        """Bytes that a disk of a guest has read and written."""
        return self.samplers[name].sample().get(disk, {}).get("bytes", 0)

    def window(self, seconds, profile=None):
        """Counts of `seconds` from now, by node, and the host's other load."""
        guests_begin, first = time.monotonic(), self._guests()
        outside_begin, begin = outside_load(self.nodes), self._host()
        if profile:
            profile.begin()
        time.sleep(seconds)
        if profile:
            profile.end()
        end, outside_end = self._host(), outside_load(self.nodes)
        guests_end, last = time.monotonic(), self._guests()
        length = end["time"] - begin["time"]
        # The guests' own counts span a little more time than the host's.
        scale = length / (guests_end - guests_begin)
        nodes = {name: {**scaled(difference(last[name], first[name]), scale),
                        **difference(end[name], begin[name])} for name in self.samplers}
        return {"seconds": length, "nodes": nodes,
                "outside_cores": max(0, outside_end - outside_begin) / length}

    def _guests(self):
        for sampler in self.samplers.values():
            sampler.ask()
        return {name: sampler.answer() for name, sampler in self.samplers.items()}

    def _host(self):
        found = {"time": time.monotonic()}
        for node in self.nodes:
            found[node.name] = {**tap_counts(node), **device_counts(node)}
            if self.plugin:
                found[node.name]["insns"] = instructions(node.dir / "insn")
        return found


def tap_counts(node):
    """What a guest sent and received; QEMU's own view of the namespace."""
    for line in Path(f"/proc/{node.qemu.pid}/net/dev").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name.strip() == f"t-{node.name}":
            f = list(map(int, rest.split()))
            return {"sent_bytes": f[0], "sent_packets": f[1],
                    "received_bytes": f[8], "received_packets": f[9]}
    raise VmError(f"{node.name} has no tap")


def device_counts(node):
    """Requests that reached a guest's two disks, together."""
    total = dict.fromkeys(("reads", "writes", "write_bytes", "flushes"), 0)
    for disk in node.qmp("query-blockstats"):
        if disk.get("node-name") in ("disk-log", "disk-data"):
            stats = disk["stats"]
            total["reads"] += stats["rd_operations"]
            total["writes"] += stats["wr_operations"]
            total["write_bytes"] += stats["wr_bytes"]
            total["flushes"] += stats["flush_operations"]
    return total


def outside_load(nodes):
    """Processor seconds that others than the guests have used on the host."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]))
    busy = sum(fields) - fields[3] - fields[4]
    for node in nodes:
        stat = Path(f"/proc/{node.qemu.pid}/stat").read_text().rpartition(")")[2].split()
        busy -= int(stat[11]) + int(stat[12])
    return busy / TICKS


def difference(last, first):
    """last - first, item by item; a disk that came meanwhile counts from 0."""
    if isinstance(last, dict):
        first = first or {}
        return {k: difference(v, first.get(k)) for k, v in last.items()}
    return last - (first or 0)


def scaled(counts, factor):
    if isinstance(counts, dict):
        return {k: scaled(v, factor) for k, v in counts.items()}
    return counts * factor


def fill_holes(image):
    """Write zeroes where an image has no blocks; returns how many bytes.

    Formatting discards; the first write to a hole would then measure how the
    host's file system allocates. To be called while nobody uses the disk.
    """
    written, size = 0, os.path.getsize(image)
    fd = os.open(image, os.O_RDWR)
    try:
        hole = os.lseek(fd, 0, os.SEEK_HOLE)
        while hole < size:
            try:
                end = os.lseek(fd, hole, os.SEEK_DATA)
            except OSError:
                end = size
            for at in range(hole, end, 1 << 20):
                written += os.pwrite(fd, bytes(min(1 << 20, end - at)), at)
            hole = os.lseek(fd, end, os.SEEK_HOLE) if end < size else size
        if written:
            os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
    return written


def need(*programs):
    """VmError unless all programs are there."""
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        raise VmError(f"not found: {', '.join(missing)}; run: tools/setup vm bench")
