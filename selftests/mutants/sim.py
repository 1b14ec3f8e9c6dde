# SPDX-License-Identifier: GPL-2.0
"""The simulator as the judge of mutants."""
import os
import re

from mutant import Bad, copy_sources, is_for_sim, sh

DIR = "selftests/sim"
DEADLINE = 600
FEW = 300               # most mutants are noticed by then
COSTS = 60


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

    def simulate(self, tree, first, last, world=()):
        """(seed, what it found, the option for this kind of world), or None."""
        sim = os.path.join(tree, DIR, "build/sim")
        out = sh(["timeout", str(DEADLINE), sim, *world, "--seeds", f"{first}..{last}", "--jobs",
                  str(self.jobs), "--twice", "0", "--stop"])
        found = re.search(r"^# seed (\d+): (.*)", out.stdout, re.M)
        return (int(found[1]), found[2], world) if found else None

    def prepare(self):
        copy_sources(self.base, "kmod", "userspace/lib", "selftests/lib", "selftests/world", DIR)
        self.build(self.base)

    def judge(self, tree, _changed, _path):
        """The seed that noticed, which has to pass without the mutant; or None."""
        self.build(tree)
        found = None
        for seed in self.regressions():
            found = found or self.simulate(tree, seed, seed)
        first = min(FEW, self.seeds)
        found = found or self.simulate(tree, 1, first)
        found = found or self.simulate(tree, 1, COSTS, ["--cost"])
        found = found or self.simulate(tree, first + 1, self.seeds)
        if not found:
            return None
        seed, what, world = found
        if self.simulate(self.base, seed, seed, world):
            raise Bad(f"seed {seed} fails without it, too")
        return f"noticed by seed {seed} {' '.join(world)}: {what}"
