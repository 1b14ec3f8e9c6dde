# SPDX-License-Identifier: GPL-2.0
"""A kernel for the tool that has the netlink family of the module, and no module.

What a request has, and what a status and an event become, is translated by the specification
of the family, as the tool and the module do. What is answered is up to the test: a volume is
"up" for as long as it is in Kernel.volumes.
"""

import errno
import os
import selectors
import socket
import struct
import subprocess
import threading
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
SPEC = yaml.safe_load((HERE.parent.parent / "Documentation/netlink/specs/raftblk.yaml").read_text())
SETS = {s["name"]: s["attributes"] for s in SPEC["attribute-sets"]}
ENUMS = {d["name"]: [e if isinstance(e, str) else e["name"] for e in d["entries"]]
         for d in SPEC["definitions"] if d["type"] == "enum"}
OPS = {n: o["name"] for n, o in enumerate(SPEC["operations"]["list"], 1)}
NUMBERS = {name: n for n, name in OPS.items()}
FAMILY, GROUP = 0x20, 0x10
ERROR, DONE, MULTI = 2, 3, 2
GENL_ID_CTRL = 0x10


def attr(number, payload):
    return struct.pack("=HH", len(payload) + 4, number) + payload + bytes(-len(payload) % 4)


def encode(o, name="raftblk"):
    """JSON, as "status --json" has it, into attributes."""
    out = b""
    for number, a in enumerate(SETS[name], 1):
        key = a["name"].replace("-", "_")
        if a.get("nested-attributes") == "status" and name == "raftblk" and "state" in o:
            out += attr(number, encode(o, "status"))
            continue
        if o.get(key) is None or o[key] is False:
            continue
        for value in o[key] if a.get("multi-attr") or isinstance(o[key], list) else [o[key]]:
            out += attr(number, encode_value(value, a))
    return out


def encode_value(value, a):
    if a["type"] == "nest":
        return encode(value, a["nested-attributes"])
    if a["type"] == "flag":
        return b""
    if a["type"] == "string":
        return value.encode() + b"\0"
    if "enum" in a and isinstance(value, str):
        value = ENUMS[a["enum"]].index(value)
    if a.get("display-hint") == "uuid":
        return bytes.fromhex(value.replace("-", ""))
    if a.get("display-hint") == "hex" and isinstance(value, str):
        value = int(value, 16)
    return struct.pack({"u32": "=I", "u64": "=Q"}[a["type"]], value)


def decode(data, name="raftblk"):
    """Attributes of a request, by their names."""
    o = {}
    while len(data) >= 4:
        size, number = struct.unpack_from("=HH", data)
        a, payload = SETS[name][(number & 0x3FFF) - 1], data[4:size]
        data = data[size + -size % 4:]
        value = (decode(payload, a["nested-attributes"]) if a["type"] == "nest" else
                 True if a["type"] == "flag" else
                 payload.rstrip(b"\0").decode() if a["type"] == "string" else
                 int.from_bytes(payload, "little") if a["type"] in ("u32", "u64") else payload)
        if a.get("multi-attr"):
            o.setdefault(a["name"], []).append(value)
        else:
            o[a["name"]] = value
    return o


def message(kind, flags, seq, payload):
    return struct.pack("=IHHII", len(payload) + 16, kind, flags, seq, 0) + payload


def generic(op, o):
    return struct.pack("=BBH", NUMBERS[op], 1, 0) + encode(o)


class Kernel:
    """Answers until it is closed. What a test sets, it sets under `lock`."""

    def __init__(self, d):
        self.lock = threading.RLock()
        self.volumes = {}                   # by name; as "status --json" has them
        self.others = []                    # those of other network namespaces
        self.asked = []                     # (operation, attributes)
        self.on = {}    # operation: function(attributes), which returns errno or (errno, text)
        self.listeners = set()
        self.path = d / "kernel.socket"
        self.lib = d / "kernel.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-o", self.lib, HERE / "kernel.c"],
                       check=True)
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server.bind(str(self.path))
        self.server.listen(16)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.server, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def env(self):
        return {**os.environ, "LD_PRELOAD": str(self.lib), "RAFTBLK_TEST_KERNEL": str(self.path)}

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.server:
                    self.selector.register(self.server.accept()[0], selectors.EVENT_READ)
                else:
                    self.read(key.fileobj)

    def read(self, s):
        try:
            data = s.recv(1 << 16)
        except OSError:
            data = b""
        with self.lock:
            if not data:
                self.listeners.discard(s)
                self.selector.unregister(s)
                s.close()
            elif data == b"E":
                self.listeners.add(s)
                s.send(data)
            else:
                self.request(s, data)

    def request(self, s, data):
        _, kind, flags, seq, _ = struct.unpack_from("=IHHII", data)
        if kind == GENL_ID_CTRL:
            group = attr(1, attr(1, SPEC["mcast-groups"]["list"][0]["name"].encode() + b"\0") +
                         attr(2, struct.pack("=I", GROUP)))
            s.send(message(GENL_ID_CTRL, 0, seq, struct.pack("=BBH", 1, 1, 0) +
                           attr(1, struct.pack("=H", FAMILY)) + attr(7, group)))
            error = 0
        else:
            op, o = OPS[data[16]], decode(data[20:])
            self.asked.append((op, o))
            error = self.get(s, seq, flags, o) if op == "get" else self.change(op, o)
        if error is not None:
            s.send(message(ERROR, 0, seq, struct.pack("=i", -error) + data[:16]))

    def get(self, s, seq, flags, o):
        if flags & 0x300:                   # a dump
            for v in [*self.volumes.values(), *self.others]:
                s.send(message(FAMILY, MULTI, seq, generic("get", v)))
            s.send(message(DONE, MULTI, seq, struct.pack("=i", 0)))
            return None
        v = self.find(o)
        if v:
            s.send(message(FAMILY, 0, seq, generic("get", v)))
        return 0 if v else errno.ENODEV

    def find(self, o):
        if "volume" in o:
            return self.volumes.get(o["volume"])
        return next((v for v in [*self.volumes.values(), *self.others]
                     if v["minor"] == o["minor"]), None)

    def change(self, op, o):
        """As in the module: an operation that is refused has its event before the error."""
        ended = self.on[op](o) if op in self.on else 0
        error, text = ended if isinstance(ended, tuple) else (ended, op)
        about = {k: v for k, v in (self.find(o) or o).items() if k in ("volume", "netns")}
        self.event("done", {**about, "op_id": o["op-id"], "error": error, "text": text})
        return error

    def event(self, op, o):
        with self.lock:
            for s in self.listeners:
                s.send(message(FAMILY, 0, 0, generic(op, o)))
