# SPDX-License-Identifier: GPL-2.0
"""Virtual clusters for test scripts; tools/vm/cluster is a thin layer over this.

    import sys; sys.path.insert(0, ".../tools/vm")
    from lib import Cluster, wait_for

    with Cluster.start("/tmp/c", nodes=3) as c:
        c.run("n1", "mkfs.ext4", "-q", "/dev/disk/raftblk/data")
        c.cut("n1", "n2", one_way=True)
        wait_for(lambda: c.exec("n2", "true").code == 0, 10, "n2 to answer")
        c.check_logs()
"""

import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

import boot
import channel
import consoles
import disk
from channel import NodeDown, Timeout          # noqa: F401 (for users of this file)
from net import Network
from node import ENVIRONMENT, Node
from util import VmError, wait_for, write_atomic   # noqa: F401

RUN_ROOT = Path("/run/raftblk-vm")
BOOT_DEADLINE = int(os.environ.get("RAFTBLK_BOOT_TIMEOUT", "180"))

Result = namedtuple("Result", "code out err")


class Cluster:
    """A running cluster; `directory` holds its disks and consoles."""

    def __init__(self, directory):
        self.dir = Path(directory).resolve()
        self.run_dir, self.network = self._places(self.dir)
        try:
            self.config = json.loads((self.run_dir / "cluster.json").read_text())
        except OSError:
            raise VmError(f"no cluster is running in {directory}") from None
        self.nodes = [Node(self.dir, self.run_dir, f"n{i}", i, self.config)
                      for i in range(1, self.config["nodes"] + 1)]

    @staticmethod
    def _places(directory):
        """Derives from the directory where the sockets are, and the name of the namespace."""
        name = "rbvm-" + hashlib.sha256(os.fsencode(directory)).hexdigest()[:8]
        return RUN_ROOT / name, Network(name)

    # -- start and stop ----------------------------------------------------------

    @classmethod
    def start(cls, directory, nodes=3, kernel="stock", mem=None, cpus=None, log_size="256M",
              data_size="1G", disk_backend="file", zero_fill=False, share=(), append=(),
              udev=False, qemu_args=()):
        """Boot a new cluster; disks that are already in `directory` are kept.

        `qemu_args` go to each guest's QEMU, with {dir} replaced by the
        node's directory.
        """
        if os.geteuid() != 0:
            raise VmError("virtual clusters need root (network namespace and taps)")
        if not 1 <= nodes <= 200:
            raise VmError("a cluster has 1 to 200 nodes")
        sizes = {"log": disk.parse_size(log_size), "data": disk.parse_size(data_size)}
        found = boot.find_kernel(kernel)
        share = [str(Path(p).resolve(strict=True)) for p in share]
        config = {"nodes": nodes, "kernel": str(found.root), "version": found.version,
                  "accel": boot.choose_accel(found), "disk_backend": disk_backend,
                  "mem": mem or (1024 if kernel == "stock" else 1536),
                  "cpus": cpus or min(2, max(1, (os.cpu_count() or 1) // nodes)),
                  "share": share, "append": list(append), "udev": udev,
                  "qemu_args": list(qemu_args)}
        directory = Path(directory).resolve()
        run_dir, network = cls._places(directory)
        directory.mkdir(parents=True, exist_ok=True)
        try:
            run_dir.mkdir(parents=True)
        except FileExistsError:
            raise VmError(f"a cluster is already running in {directory}; "
                          f"stop it first: tools/vm/cluster stop {directory}") from None
        write_atomic(run_dir / "cluster.json", json.dumps(config))
        cluster = cls(directory)
        try:
            network.create([n.name for n in cluster.nodes])
            for node in cluster.nodes:
                node.dir.mkdir(exist_ok=True)
                for d in node.disks:
                    disk.create(d.image, sizes[d.name], zero_fill)
            cluster._boot_first()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def _boot_first(self):
        """Boots all guests; without KVM if the probe found it to work and no guest does."""
        on_trial = self.config["accel"] == "kvm" and not boot.forced_accel()
        try:
            self._boot(self.nodes, boot.KVM_BOOT_SECONDS if on_trial else BOOT_DEADLINE)
        except VmError as error:
            if not on_trial:
                raise
            print(f"KVM is no good on this host, guests are emulated: {error}", file=sys.stderr)
            boot.remember_accel("tcg")
            self.config["accel"] = "tcg"
            write_atomic(self.run_dir / "cluster.json", json.dumps(self.config))
            for node in self.nodes:
                node.stop()
            self._boot(self.nodes)

    def _boot(self, nodes, deadline=BOOT_DEADLINE):
        kernel = boot.Kernel(self.config["kernel"])
        for node in nodes:
            node.start(self.network, kernel)
        for node in nodes:
            node.wait_ready(deadline)

    def stop(self):
        """End every process, remove sockets and namespace; disks stay."""
        for node in self.nodes:
            node.stop()
        self.network.destroy()
        shutil.rmtree(self.run_dir, ignore_errors=True)
        if RUN_ROOT.exists() and not any(RUN_ROOT.iterdir()):
            with contextlib.suppress(OSError):      # another cluster came up meanwhile
                RUN_ROOT.rmdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def node(self, name):
        for node in self.nodes:
            if node.name == name:
                return node
        raise VmError(f"no node '{name}'; there are n1 to n{len(self.nodes)}")

    def group(self, names):
        """'n1,n2' or 'all' as nodes."""
        if names == "all":
            return self.nodes
        return [self.node(n) for n in names.split(",")]

    # -- commands ------------------------------------------------------------------

    def session(self, name, timeout=None):
        node = self.node(name)
        deadline = time.monotonic() + timeout if timeout else float("inf")
        return channel.Session(self.run_dir, name, lambda: node.alive, deadline)

    def exec(self, name, *argv, stdin=None, timeout=None, env=(), cwd="/"):
        """Run a command; Result of its exit code and what it wrote (bytes).

        Raises Timeout, after which the command is killed, and NodeDown.
        `stdin` is bytes; without it the command reads /dev/null.
        """
        out = {"O": bytearray(), "E": bytearray()}
        with _stdin_file(stdin) as fd:
            code = self.attach(name, argv, fd, lambda k, d: out[k].extend(d),
                               timeout, env, cwd)
        return Result(code, bytes(out["O"]), bytes(out["E"]))

    def run(self, name, *argv, **kwargs):
        """exec() that must succeed; returns stdout as text."""
        result = self.exec(name, *argv, **kwargs)
        if result.code:
            raise VmError(f"{name}: {' '.join(argv)}: exit {result.code}: "
                          f"{result.err.decode(errors='replace').strip()}")
        return result.out.decode(errors="replace")

    def attach(self, name, argv, stdin, on_output, timeout=None, env=(), cwd="/"):
        """Run a command with a file descriptor as input; its exit code."""
        session = self.session(name, timeout)
        try:
            flags = channel.RUN_STDIN if stdin is not None else 0
            session.run(argv, {**ENVIRONMENT, **dict(env)}, cwd, flags)
            return session.pump(stdin, on_output)
        finally:
            session.close()     # which ends a command that still runs

    def spawn(self, name, *argv, output="", env=(), cwd="/", timeout=60):
        """Start a command that outlives this call; returns its pid.

        Its output goes to the guest's file `output`, by default
        /run/raftblk-vm/jobs/PID.log.
        """
        session = self.session(name, timeout)
        try:
            session.run(argv, {**ENVIRONMENT, **dict(env)}, cwd, channel.RUN_DETACH, output)
            kind, data = session.wait_frame()[0]
            if kind != "P":
                raise VmError(f"{name}: command did not start")
            return int.from_bytes(data, "little")
        finally:
            session.close()

    def put(self, src, name, dst, timeout=None):
        """Copy a file or a directory to a node, with its modes."""
        src = Path(src)
        is_dir = src.is_dir()
        script = _PUT_DIR if is_dir else _PUT_FILE
        mode = oct(src.stat().st_mode & 0o7777)[2:]
        with _tar_of(src) if is_dir else open(src, "rb") as source:
            self._copy(name, source.fileno(), None, timeout, script, dst, src.name, mode)

    def get(self, name, src, dst, timeout=None):
        """Copy a file or a directory from a node."""
        dst = Path(dst)
        if self.exec(name, "test", "-d", src, timeout=timeout).code == 0:
            dst.mkdir(parents=True, exist_ok=True)
            with _untar_to(dst) as sink:
                self._copy(name, None, sink, timeout, 'exec tar -C "$1" -cf - .', src)
            return
        if dst.is_dir():
            dst = dst / Path(src).name
        with open(dst, "wb") as sink:
            self._copy(name, None, sink, timeout, 'exec cat "$1"', src)
        mode = self.run(name, "stat", "-Lc", "%a", src, timeout=timeout)
        dst.chmod(int(mode, 8))

    def _copy(self, name, stdin, sink, timeout, script, *args):
        errors = bytearray()

        def on_output(kind, data):
            if kind == "E":
                errors.extend(data)
            elif sink:
                sink.write(data)
        code = self.attach(name, ["sh", "-c", script, "copy", *args], stdin, on_output, timeout)
        if code:
            raise VmError(f"copy with {name}: {errors.decode(errors='replace').strip()}")

    # -- machines --------------------------------------------------------------------

    def kill(self, names):
        """kill -9 of the machines; their disks keep what was written."""
        for node in self.group(names):
            if not node.alive:
                raise VmError(f"{node.name} is down already")
            node.kill()

    def powercut(self, names, seed=None):
        """Cut the power of machines and disks at one instant.

        Each write that was not flushed is kept, lost or torn, as the seed
        says. Returns (seed, {node: {disk: account}}). If a disk cannot be cut, the
        machines are off all the same, and the error says what became of each disk.
        """
        if self.config["disk_backend"] != "powercut":
            raise VmError("the cluster was not started with --disk-backend powercut")
        seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
        # Who died a moment ago has taken its connections along, and loses nothing.
        nodes = [n for n in self.group(names) if n.qemu.signal(signal.SIGSTOP)]
        if not nodes:
            raise VmError(f"{names}: all down already")
        seeds = {(n, d): seed + 10 * n.number + i for n in nodes for i, d in enumerate(n.disks)}
        report = dict(zip(seeds, disk.cut_power([(d, s) for (_, d), s in seeds.items()]),
                          strict=True))
        for node in nodes:
            node.qemu.signal(signal.SIGKILL)
        for node in nodes:
            with contextlib.suppress(VmError):
                node.kill()
        if any(n.alive for n in nodes) or any(isinstance(a, VmError) for a in report.values()):
            raise VmError("\n".join([f"the power cut with seed {seed} is not complete:"] + [
                f"  {n.name}: {n.state() if n.alive else 'off'}" for n in nodes] + [
                f"  {n.name} {d.name}: " +
                (f"not cut: {account}" if isinstance(account, VmError) else f"cut: {account}")
                for (n, d), account in report.items()]))
        return seed, {n.name: {d.name: report[n, d] for d in n.disks} for n in nodes}

    def restart(self, names):
        """Boot again on the same disks; what is still running is killed first."""
        nodes = self.group(names)
        for node in nodes:
            node.kill()
        self._boot(nodes)

    def pause(self, names, freeze=False):
        """Stop the guests' processors; freeze: time goes on without them."""
        for node in self.group(names):
            if freeze:
                node.freeze()
            else:
                node.pause()

    def resume(self, names):
        for node in self.group(names):
            node.resume()

    # -- network -----------------------------------------------------------------------

    def _pairs(self, a, b):
        """All (from, to) from group a to group b."""
        return [(x.name, y.name) for x, y in itertools.product(self.group(a), self.group(b))
                if x is not y]

    def cut(self, a, b, one_way=False):
        """Drop what a sends to b, and b to a unless one_way. Groups: 'n1,n2'."""
        self.network.cut(self._pairs(a, b) + ([] if one_way else self._pairs(b, a)))

    def isolate(self, name, direction="both"):
        """Cut a node off from all others; 'in' or 'out': only that direction."""
        pairs = []
        if direction in ("both", "out"):
            pairs += self._pairs(name, "all")
        if direction in ("both", "in"):
            pairs += self._pairs("all", name)
        self.network.cut(pairs)

    def heal(self, a=None, b=None):
        """Undo cuts: all, those of a, or those between a and b."""
        if a is None:
            self.network.heal_all()
        else:
            b = b or "all"
            self.network.heal(self._pairs(a, b) + self._pairs(b, a))

    def netem(self, names, *args):
        """Delay, lose or reorder what nodes send (tc-netem); without args, stop that."""
        verb = ["replace", "dev", "eth0", "root", "netem", *args] if args else \
            ["del", "dev", "eth0", "root"]
        for node in self.group(names):
            result = self.exec(node.name, "tc", "qdisc", *verb, timeout=60)
            if result.code and args:
                raise VmError(f"{node.name}: tc: {result.err.decode().strip()}")

    # -- what is known ---------------------------------------------------------------

    def status(self):
        nodes = []
        for node in self.nodes:
            entry = {"name": node.name, "address": f"10.77.0.{node.number}",
                     "state": node.state(), "pid": node.qemu.pid,
                     "console": str(node.console),
                     "disks": {d.name: str(d.image) for d in node.disks}}
            if self.config["disk_backend"] == "powercut":
                entry["unflushed"] = {d.name: d.unflushed() for d in node.disks}
            nodes.append(entry)
        return {"directory": str(self.dir), "namespace": self.network.namespace,
                "kernel": self.config["version"], "accel": self.config["accel"],
                "disk_backend": self.config["disk_backend"],
                "cuts": [list(pair) for pair in self.network.cuts()], "nodes": nodes}

    def check_logs(self, ignore=None):
        """Raise if a kernel has complained on its console."""
        check_consoles(self.dir, ignore)

    def parallel(self, function, names="all"):
        """function(name) for several nodes at once; {name: result}."""
        import concurrent.futures       # slow to import, rarely needed
        nodes = [n.name for n in self.group(names)]
        with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
            return dict(zip(nodes, pool.map(function, nodes), strict=True))


def check_consoles(directory, ignore=None):
    """Like Cluster.check_logs(), but also for a cluster that was stopped."""
    found = []
    for name, path in consoles.console_files(directory).items():
        found += [f"--- {name} ({path})\n{e}" for e in consoles.complaints(path, ignore)]
    if found:
        raise VmError("kernel complaints:\n" + "\n".join(found))


# -- copying ---------------------------------------------------------------------------

_PUT_FILE = '''if [ -d "$1" ]; then set -- "$1/$2" "$2" "$3"; fi
cat > "$1" && chmod "$3" "$1"'''
_PUT_DIR = 'mkdir -p "$1" && exec tar -C "$1" -xf -'


@contextlib.contextmanager
def _stdin_file(data):
    """A file descriptor from which data can be read; None if data is None."""
    if data is None:
        yield None
        return
    with tempfile.TemporaryFile() as f:
        f.write(data)
        f.seek(0)
        yield f.fileno()


@contextlib.contextmanager
def _tar_of(directory):
    with subprocess.Popen(["tar", "-C", str(directory), "-cf", "-", "."],
                          stdout=subprocess.PIPE) as tar:
        yield tar.stdout


@contextlib.contextmanager
def _untar_to(directory):
    with subprocess.Popen(["tar", "-C", str(directory), "-xf", "-"],
                          stdin=subprocess.PIPE) as tar:
        yield tar.stdin
        tar.stdin.close()
    if tar.returncode:
        raise VmError(f"tar into {directory}: exit {tar.returncode}")
