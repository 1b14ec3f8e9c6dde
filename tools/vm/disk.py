# SPDX-License-Identifier: GPL-2.0
"""The disks of a guest: raw files, or raw files behind a cutdisk server.

A raw file loses nothing when a guest is killed, since the host's memory lives on.
cutdisk.c keeps track of what the guest has not flushed and loses it at a power cut,
in the way that a disk does.
"""

import os
import socket
import time
from pathlib import Path

from boot import cached
from util import Process, VmError, run

DISKS = ("log", "data")
# A server answers within milliseconds, if the host has a processor and a disk for it.
ANSWER_SECONDS, CUT_SECONDS = 30, 120
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text):
    """'256M' in bytes."""
    text = str(text).upper().removesuffix("B").removesuffix("I")
    unit = UNITS.get(text[-1:], 1)
    digits = text[:-1] if unit > 1 else text
    if not digits.isdigit() or int(digits) * unit % 512:
        raise VmError(f"size '{text}': expected a number with K, M or G, a multiple of 512")
    return int(digits) * unit


def create(path, size, zero_fill):
    """An existing image of the right size keeps its content."""
    if path.exists() and path.stat().st_size == size and not zero_fill:
        return
    with open(path, "wb") as image:
        if zero_fill:
            block = bytes(1 << 20)
            for _ in range(0, size, len(block)):
                image.write(block)
            os.fsync(image.fileno())
        image.truncate(size)


def direct_io(path):
    """Whether the file system of path takes O_DIRECT."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return False
    return True


class Disk:
    """One disk of one node."""

    def __init__(self, node_dir, run_dir, node, name, backend):
        self.name, self.backend = name, backend
        self.image = Path(node_dir) / f"{name}.img"
        self.sock = Path(run_dir) / f"{node}.{name}.nbd"
        self.ctl = Path(run_dir) / f"{node}.{name}.ctl"
        self.process = Process(Path(run_dir) / f"{node}.{name}.pid")

    def start(self):
        if self.backend != "powercut" or self.process.pid:
            return
        self.sock.unlink(missing_ok=True)
        self.ctl.unlink(missing_ok=True)
        pid = run(cutdisk(), self.image, self.sock, self.ctl)
        self.process.remember(int(pid))

    def stop(self):
        if self.backend == "powercut":
            self.process.kill()

    def qemu_options(self):
        if self.backend == "powercut":
            backend = f"driver=nbd,server.type=unix,server.path={self.sock}"
        else:
            direct = direct_io(self.image)
            aio = "native" if direct else "threads"
            backend = (f"driver=file,filename={self.image},discard=unmap,aio={aio},"
                       f"cache.direct={'on' if direct else 'off'}")
        return ["-object", f"iothread,id=io-{self.name}",
                "-blockdev", f"{backend},node-name=disk-{self.name}",
                "-device", f"virtio-blk-pci,drive=disk-{self.name},serial={self.name},"
                           f"iothread=io-{self.name},write-cache=on"]

    def unflushed(self):
        return self._answer(self._ask("status"), time.monotonic() + ANSWER_SECONDS)

    def _ask(self, request):
        """Puts a question to the server; the socket on which it will answer."""
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(self.ctl))
            sock.sendall(request.encode() + b"\n")
        except OSError as error:
            sock.close()
            raise self._error(f"no question reached {self._server()}: {error}") from None
        return sock

    def _answer(self, sock, end):
        seconds = end - time.monotonic()
        sock.settimeout(max(0.01, seconds))
        try:
            with sock:
                answer = sock.makefile().readline().strip()
        except OSError:
            raise self._error(f"no answer in time from {self._server()}") from None
        if not answer.startswith("ok "):
            raise self._error(f"{answer or 'no answer'} from {self._server()}")
        return answer[3:]

    def _server(self):
        return f"its server, {self.process}"

    def _error(self, text):
        return VmError(f"{self.image}: {text}")


def cut_power(disks):
    """Cuts the power of [(disk, seed)] at one instant: none waits for what another one has to lose.

    Returns what each one says of it, in the same order: an account, or a VmError.
    """
    asked = [_result(d._ask, f"cut {seed}") for d, seed in disks]
    end = time.monotonic() + CUT_SECONDS
    return [a if isinstance(a, VmError) else _result(d._answer, a, end)
            for (d, _), a in zip(disks, asked, strict=True)]


def _result(function, *args):
    try:
        return function(*args)
    except VmError as error:
        return error


def cutdisk():
    source = Path(__file__).with_name("cutdisk.c")
    return cached("cutdisk", [source.read_bytes()],
                  lambda path: run("gcc", "-O2", "-Wall", "-Wextra", "-x", "c", source,
                                   "-o", path))
