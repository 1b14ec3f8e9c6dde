# SPDX-License-Identifier: GPL-2.0
"""The host's end of the exec channel: see guest/agent.c for the frames.

A guest has a fixed number of ports, each a Unix socket on the host with a
lock file beside it. A session holds one port, and sessions share nothing else, so
they do not disturb each other, and no daemon is needed.
"""

import contextlib
import fcntl
import os
import select
import socket
import struct
import sys
import termios
import time
import tty
from pathlib import Path

from util import VmError

PORTS = 16
MAGIC = b"raftblk1"
HEADER = struct.Struct("<B3xI")
CHUNK = 32768
HELLO_RETRY = 1.0
RUN_TTY, RUN_DETACH, RUN_STDIN = 1, 2, 4
EXIT_TIMEOUT, EXIT_RUNNER = 124, 125


class NodeDown(VmError):
    """The guest ended while a command was running or starting."""


class Timeout(VmError):
    """The command did not end before its deadline."""


def frame(kind, payload=b""):
    return HEADER.pack(ord(kind), len(payload)) + payload


class Session:
    """One command on one guest."""

    def __init__(self, run_dir, node, alive, deadline):
        self.run_dir, self.node, self.alive = Path(run_dir), node, alive
        self.deadline = deadline
        self.buffer = bytearray()
        self.lock = self.sock = None
        self._connect()

    def _left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Timeout(f"{self.node}: no answer before the deadline")
        return left

    def _check_alive(self):
        if not self.alive():
            raise NodeDown(f"{self.node} is down")

    def _lock_port(self):
        """The socket path of a free port; waits while all are taken."""
        while True:
            for number in range(1, PORTS + 1):
                path = self.run_dir / f"{self.node}.p{number}"
                fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(fd)
                    continue
                self.lock = fd
                return str(path)
            self._check_alive()
            self._left()
            time.sleep(0.02)

    def _connect(self):
        path = self._lock_port()
        while True:
            self._check_alive()
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(path)
                if self._hello():
                    return
            except OSError:
                time.sleep(0.02)
            self.sock.close()
            self._left()

    def _hello(self):
        """Waits for the answer of the agent, and skips what an older session has left.

        Returns False if the guest has ended. The question is repeated on the same connection: if
        it were closed, the agent could learn of that at any time later, and take it for the end
        of the new one.
        """
        nonce = os.urandom(8)
        expect = frame("H", nonce)
        self.buffer.clear()
        while True:
            self.sock.sendall(MAGIC + nonce)
            self._check_alive()
            while select.select([self.sock], [], [], min(HELLO_RETRY, self._left()))[0]:
                data = self.sock.recv(65536)
                if not data:
                    return False
                self.buffer += data
                at = self.buffer.find(expect)
                if at >= 0:
                    del self.buffer[:at + len(expect)]
                    return True

    def close(self):
        self.sock.close()
        os.close(self.lock)

    def send(self, kind, payload=b""):
        self.sock.sendall(frame(kind, payload))

    def run(self, argv, env, cwd="/", flags=0, output="", size=(0, 0)):
        strings = [cwd, output, *argv, *(f"{k}={v}" for k, v in env.items())]
        if any("\0" in s for s in strings):
            raise VmError("an argument holds a NUL byte")
        payload = struct.pack("<HHHH", flags, *size, len(argv))
        payload += b"".join(os.fsencode(s) + b"\0" for s in strings)
        self.send("R", payload)

    def receive(self):
        """Read once from the socket; returns the complete frames."""
        data = self.sock.recv(65536)
        if not data:
            raise NodeDown(f"{self.node} went down")
        self.buffer += data
        frames = []
        while len(self.buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self.buffer)
            if len(self.buffer) < HEADER.size + length:
                break
            if kind != ord("H"):    # a late answer to a hello that was repeated
                frames.append((chr(kind), bytes(self.buffer[HEADER.size:HEADER.size + length])))
            del self.buffer[:HEADER.size + length]
        return frames

    def wait_frame(self):
        while True:
            ready, _, _ = select.select([self.sock], [], [], min(self._left(), 1))
            if ready:
                frames = self.receive()
                if frames:
                    return frames
            else:
                self._check_alive()

    def pump(self, stdin, on_output):
        """Carry input and output until the command ends; returns its exit code.

        stdin is a file descriptor or None. on_output(kind, data) gets the output, with kind
        'O' or 'E'. Input is only read as long as the guest accepts it, and never waited for
        while there is output.
        """
        self.sock.setblocking(False)
        outgoing = b""
        while True:
            reads = [self.sock]
            if stdin is not None and not outgoing:
                reads.append(stdin)
            ready, writable, _ = select.select(reads, [self.sock] if outgoing else [], [],
                                               min(self._left(), 1))
            if not ready and not writable:
                self._check_alive()
            if self.sock in ready:
                for kind, data in self.receive():
                    if kind == "X":
                        return struct.unpack("<i", data)[0]
                    if kind in "OE":
                        on_output(kind, data)
            if stdin in ready:
                data = os.read(stdin, CHUNK)
                outgoing = frame("I", data)
                if not data:
                    stdin = None
            if writable:
                with contextlib.suppress(BlockingIOError):
                    outgoing = outgoing[self.sock.send(outgoing):]


def write_fd(fd, data):
    while data:
        data = data[os.write(fd, data):]


def interactive(session, argv, env, cwd):
    """A terminal session: raw mode here, a pty there."""
    fd = sys.stdin.fileno()
    size = os.get_terminal_size(fd)
    session.run(argv, env, cwd, RUN_TTY | RUN_STDIN, size=(size.lines, size.columns))
    saved = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        return session.pump(fd, lambda _, data: write_fd(1, data))
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, saved)
