# SPDX-License-Identifier: GPL-2.0
"""The walk through the states that last as the judge of the rules of the tool."""
import os

from mutant import Bad, copy_sources, layer, sh

DIR = "selftests/why"
DEADLINE = 120
SEEDS = 3
RARE = ("refused: ", "rule copy ")      # not all of these are met by so few seeds


def groups(layers):
    return [["why"]] if "why" in layers else []


def takes(path):
    return layer(path) == "why"


class Net:
    name = "why"

    def __init__(self, base, _layers, args):
        self.base = base
        self.parallel = args.j

    def walk(self, tree):
        """The first answer that misleads, or None."""
        out = sh(["make", "-s", "-C", os.path.join(tree, DIR)])
        if out.returncode:
            raise Bad("does not compile: " + out.stdout[:800])
        out = sh(["timeout", str(DEADLINE), os.path.join(tree, DIR, "build/walk"), "--seeds",
                  f"1..{SEEDS}"])
        if not any(ln.startswith("not ok") and not any(rare in ln for rare in RARE)
                   for ln in out.stdout.splitlines()):
            return None
        told = [ln for ln in out.stdout.splitlines() if ln.startswith("# ")]
        return told[0].removeprefix("# ") if told else "a rule was not met"

    def prepare(self):
        copy_sources(self.base, "kmod", "selftests/lib", "selftests/world", "userspace", DIR)
        found = self.walk(self.base)
        if found:
            raise Bad(f"fails without a mutant: {found}")

    def judge(self, tree, _changed, _path):
        found = self.walk(tree)
        return f"noticed: {found}" if found else None
