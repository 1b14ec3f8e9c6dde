# SPDX-License-Identifier: GPL-2.0
"""The network of a cluster: a bridge with a tap for each guest, in a namespace.

A partition is a set of (from, to) pairs that the bridge refuses to forward. This is
exact, takes effect at once, and can cut a link in one direction as easily as in both.
"""

import json
import subprocess
from pathlib import Path

from util import VmError, run

BRIDGE = "br0"
RULES = """
table bridge raftblk {
	set cuts {
		type ifname . ifname
	}
	chain forwarding {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @cuts counter drop
	}
}
"""


def address(number):
    return f"10.77.0.{number}"


def mac(number):
    return f"52:54:00:77:00:{number:02x}"


def tap(node):
    return f"t-{node}"


class Network:
    """One network namespace, named after the cluster."""

    def __init__(self, namespace):
        self.namespace = namespace

    def exists(self):
        return Path("/run/netns", self.namespace).exists()

    def enter(self):
        """The prefix of a command that is to run in the namespace."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}"]

    def _run(self, *argv, **kwargs):
        return run(*self.enter(), *argv, **kwargs)

    def create(self, nodes):
        run("ip", "netns", "add", self.namespace)
        lines = [f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                 "link set lo up"]
        for node in nodes:
            lines += [f"tuntap add {tap(node)} mode tap",
                      f"link set {tap(node)} master {BRIDGE}",
                      f"link set {tap(node)} up"]
        lines.append(f"link set {BRIDGE} up")
        # Only the guests may send on this bridge.
        self._run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1",
                  "net.ipv6.conf.all.disable_ipv6=1", check=False)
        self._run_lines(["ip", "-batch", "-"], lines)
        self._run_lines(["nft", "-f", "-"], [RULES])

    def _run_lines(self, argv, lines):
        result = subprocess.run(self.enter() + argv, input="\n".join(lines) + "\n",
                                capture_output=True, text=True)
        if result.returncode:
            raise VmError(f"{' '.join(argv)}: {result.stderr.strip()}")

    def destroy(self):
        if self.exists():
            run("ip", "netns", "del", self.namespace)

    def cut(self, pairs):
        self._elements("add", pairs)

    def heal(self, pairs):
        cut = set(self.cuts())
        self._elements("delete", [p for p in pairs if p in cut])

    def heal_all(self):
        self._run("nft", "flush", "set", "bridge", "raftblk", "cuts")

    def _elements(self, verb, pairs):
        if pairs:
            text = ", ".join(f'"{tap(a)}" . "{tap(b)}"' for a, b in pairs)
            self._run("nft", verb, "element", "bridge", "raftblk", "cuts", f"{{ {text} }}")

    def cuts(self):
        """The (from, to) pairs that are cut, sorted."""
        out = json.loads(self._run("nft", "-j", "list", "set", "bridge", "raftblk", "cuts"))
        pairs = []
        for item in out["nftables"]:
            for element in item.get("set", {}).get("elem", []):
                a, b = element["concat"]
                pairs.append((a.removeprefix("t-"), b.removeprefix("t-")))
        return sorted(pairs)
