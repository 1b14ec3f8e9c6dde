# SPDX-License-Identifier: GPL-2.0
"""Which functions of the guests' kernels the instructions of a window went to.

Exact, not sampled: the plugin counts every block that is executed.
"""

import bisect
import struct
import time
from pathlib import Path

PLACE = struct.Struct("<QQ")
USER = "programs"
TOP_FUNCTIONS = 60


def snapshot(node):
    return (node.dir / "profile").read_bytes()


def places(data):
    """{address: instructions so far}; 0 is outside the kernel."""
    counts = {}
    for address, executed in PLACE.iter_unpack(data):
        if executed:
            counts[address] = counts.get(address, 0) + executed
    return counts


class Symbols:
    """The functions of a guest's kernel and its modules as they are loaded now."""

    def __init__(self, cluster, name):
        found = {}
        for line in cluster.run(name, "cat", "/proc/kallsyms", timeout=120).splitlines():
            address, kind, rest = line.split(" ", 2)
            if kind in "tTwW":
                function, _, module = rest.partition("\t")
                found.setdefault(int(address, 16), (function, module.strip("[]") or "kernel"))
        self.addresses = sorted(found)
        self.names = [found[a] for a in self.addresses]

    def of(self, address):
        if not address:
            return USER, USER
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.names[i] if i >= 0 else ("?", "?")


class Profile:
    """Counts of all nodes over one window."""

    def __init__(self, cluster, nodes):
        self.nodes = [n for n in cluster.nodes if n.name in nodes]
        self.symbols = {n.name: Symbols(cluster, n.name) for n in self.nodes}
        self.before, self.after, self.seconds = {}, {}, {}

    def begin(self):
        for node in self.nodes:
            self.before[node.name] = snapshot(node)
            self.seconds[node.name] = -time.monotonic()

    def end(self):
        for node in self.nodes:
            self.after[node.name] = snapshot(node)
            self.seconds[node.name] += time.monotonic()

    def functions(self, name):
        """{(function, module): instructions} of a node."""
        total, before = {}, places(self.before[name])
        for address, count in places(self.after[name]).items():
            count -= before.get(address, 0)
            if count:
                key = self.symbols[name].of(address)
                total[key] = total.get(key, 0) + count
        return total

    def text(self, rate):
        """Instructions for each request, by module and by function."""
        lines = []
        for node in self.nodes:
            requests = rate * self.seconds[node.name]
            functions = self.functions(node.name)
            total, modules = sum(functions.values()), {}
            for (_, module), count in functions.items():
                modules[module] = modules.get(module, 0) + count
            lines.append(f"{node.name}: {total / requests:.0f} instructions for each request")
            for title, counts, limit in (("module", modules, 12),
                                         ("function", functions, TOP_FUNCTIONS)):
                lines += ["", f"  {'each':>8} {'share':>6}  {title}"]
                for key, count in sorted(counts.items(), key=lambda i: -i[1])[:limit]:
                    label = key if isinstance(key, str) else \
                        key[0] + ("" if key[1] in ("kernel", USER) else f" [{key[1]}]")
                    lines.append(f"  {count / requests:8.0f} {count / total:6.1%}  {label}")
            lines.append("")
        return "\n".join(lines)

    def write(self, path, rate):
        """`rate`: requests a second."""
        Path(path).write_text(self.text(rate))
