# SPDX-License-Identifier: GPL-2.0
"""The simulator as the judge of mutants."""
import os
import re

from mutant import Bad, copy_sources, find, is_for_sim, layers, name, sh

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
        """The seeds that found what is rare, each with the mutant that brings it back."""
        with open(os.path.join(self.base, DIR, "regressions"), encoding="utf-8") as f:
            lines = [line.strip() for line in f if line[0] not in "#\n"]
        seeds = {int(line.split()[0]): line[line.rfind("(") + 1:-1] for line in lines}
        for seed, broken in seeds.items():
            if not any(is_for_sim(path) for path in find(layers(), f"{broken}.mut")):
                raise Bad(f"regression {seed} names no mutant of the simulator")
        return seeds

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

    def judge(self, tree, _changed, path):
        """The seed that noticed, which has to pass without the mutant; or None."""
        self.build(tree)
        found = None
        broken, seeds = os.path.basename(name(path)), self.regressions()
        for seed in sorted(seeds, key=lambda seed: seeds[seed] != broken):
            found = found or self.simulate(tree, seed, seed)
            if not found and seeds[seed] == broken:
                raise Bad(f"regression {seed} does not find it any more: look for another seed")
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
