# SPDX-License-Identifier: GPL-2.0
"""
The unit tests as the judge of mutants. What make would do to build a test is asked
of it once; then only what a mutant changed is compiled again. The file "killers" says
which test noticed each mutant last time: it goes first.
"""
import os
import shlex
import subprocess
import time

from mutant import HERE, Bad, copy_sources, layer, name, read, sh

DIR = "selftests/unit"
DEADLINE = 60
FLAGS = "-O1 -w"
OTHERS = ("sim", "why")
KILLERS = os.path.join(HERE, "killers")


def groups(layers):
    """Each layer has tests of its own. Those of sim and why are no business of theirs."""
    return [[x] for x in layers if x not in OTHERS]


def takes(path):
    return layer(path) not in OTHERS


def killers():
    """{mutant: test}; one that is wrong or missing costs time, and no more."""
    lines = read(KILLERS).splitlines() if os.path.exists(KILLERS) else []
    return dict(line.split() for line in lines if not line.startswith("#"))


def learn(killed):
    """Writes what killers() reads: {mutant: test} of this run, and of those that it left out."""
    killed = {**killers(), **killed}
    with open(KILLERS, "w", encoding="utf-8") as f:
        f.write("# SPDX-License-Identifier: GPL-2.0\n"
                "# Which unit test notices a mutant; 'run unit --learn' writes this.\n")
        f.writelines(f"{m} {t}\n" for m, t in sorted(killed.items()))


class Net:
    def __init__(self, base, layers, args):
        self.base = base
        self.name = layers[0]
        self.parallel = args.j
        self.tests = {}         # name: the command that links it
        self.compiles = {}      # source: the command that compiles it
        self.took = {}          # name: seconds; quick tests go first
        self.killers = killers()
        self.killed = {}        # mutant: the test that noticed

    def plan(self):
        """How make builds the tests."""
        unit = os.path.join(self.base, DIR)
        for f in sorted(os.listdir(unit)):
            if not (f.startswith(f"t-{self.name}-") and f.endswith(".c")):
                continue
            test = f[:-2]
            out = sh(["make", "-s", "-n", "-B", "out=build", f"build/{test}"], unit,
                     env={**os.environ, "CFLAGS": FLAGS})
            if out.returncode:
                raise Bad(f"make cannot build {test}: {out.stdout}")
            self.tests[test] = self.commands(out.stdout)
        if not self.tests:
            raise Bad("no test")

    def commands(self, printed):
        """The command that links, of those that make would run; the others go to compiles."""
        link = None
        for words in map(shlex.split, printed.splitlines()):
            if "-c" in words:
                self.compiles[words[-1]] = words
            elif "-o" in words:
                link = words
        if not link:
            raise Bad(f"make does not say how it links: {printed}")
        return link

    def build(self, tree, changed=None):
        """Compiles what changed; a header, or None, is everything."""
        unit = os.path.join(tree, DIR)
        everything = changed is None or any(c.endswith(".h") for c in changed)
        for src, command in self.compiles.items():
            rel = os.path.relpath(os.path.join(unit, src), tree)
            if not (everything or rel in changed):
                continue
            obj = os.path.join(unit, command[command.index("-o") + 1])
            os.makedirs(os.path.dirname(obj), exist_ok=True)
            res = sh(command, unit)
            if res.returncode:
                raise Bad("does not compile: " + res.stdout[:800])

    def run_test(self, tree, test, **env):
        """What failed, or None."""
        unit = os.path.join(tree, DIR)
        res = sh(self.tests[test], unit)
        if res.returncode:
            raise Bad("does not link: " + res.stdout)
        try:
            res = sh([f"build/{test}"], unit, timeout=DEADLINE, env={**os.environ, **env})
        except subprocess.TimeoutExpired:
            return f"it ran for more than {DEADLINE} s"
        if not res.returncode:
            return None
        bad = [ln.split()[-1] for ln in res.stdout.splitlines() if ln.startswith("not ok")]
        return " ".join(bad) or f"exit {res.returncode}"

    def prepare(self):
        copy_sources(self.base, "kmod", "userspace/lib", "selftests/lib", "selftests/world", DIR)
        self.plan()
        self.build(self.base)
        for test in self.tests:
            began = time.monotonic()
            failed = self.run_test(self.base, test)
            if failed:
                raise Bad(f"{test} fails without a mutant: {failed}")
            self.took[test] = time.monotonic() - began
            os.unlink(os.path.join(self.base, DIR, "build", test))

    def judge(self, tree, changed, path):
        """The first test that noticed and what failed in it, or None."""
        self.build(tree, changed)
        first = self.killers.get(name(path))
        for test in sorted(self.tests, key=lambda t: (t != first, self.took[t])):
            failed = self.run_test(tree, test)
            if failed:
                self.killed[name(path)] = test
                return f"killed by {test}: {failed}"
        return None
