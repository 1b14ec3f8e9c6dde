# SPDX-License-Identifier: GPL-2.0
"""The simulator as the judge of mutants."""
import os
import re

from mutant import Bad, copy_sources, is_for_sim, sh

DIR = "selftests/sim"
DEADLINE = 600


def groups(layers):
    """Layers that share a tree: the simulator has them all in it."""
    return [layers]


def takes(path):
    return is_for_sim(path)


class Net:
    name = "sim"
    parallel = 1            # the simulator itself uses all CPUs

    def __init__(self, base, _layers, args):
        self.base = base
        self.seeds = args.s
        self.jobs = args.j

    def build(self, tree):
        out = sh(["make", "-s", f"-j{self.jobs}", "-C", os.path.join(tree, DIR)])
        if out.returncode:
            raise Bad("does not compile: " + out.stdout[:800])

    def regressions(self):
        """The seeds that found what is rare."""
        with open(os.path.join(self.base, DIR, "regressions"), encoding="utf-8") as f:
            return [int(line.split()[0]) for line in f if line[0] not in "#\n"]

    def simulate(self, tree, first, last):
        """(seed, what it found), or None."""
        sim = os.path.join(tree, DIR, "build/sim")
        out = sh(["timeout", str(DEADLINE), sim, "--seeds", f"{first}..{last}", "--jobs",
                  str(self.jobs), "--twice", "0", "--stop"])
        found = re.search(r"^# seed (\d+): (.*)", out.stdout, re.M)
        return (int(found[1]), found[2]) if found else None

    def prepare(self):
        copy_sources(self.base, "kmod", "selftests/lib", "selftests/world", DIR)
        self.build(self.base)

    def judge(self, tree, _changed):
        """The seed that noticed, which has to pass without the mutant; or None."""
        self.build(tree)
        found = None
        for seed in self.regressions():
            found = found or self.simulate(tree, seed, seed)
        found = found or self.simulate(tree, 1, self.seeds)
        if not found:
            return None
        if self.simulate(self.base, found[0], found[0]):
            raise Bad(f"seed {found[0]} fails without it, too")
        return f"noticed by seed {found[0]}: {found[1]}"
