# SPDX-License-Identifier: GPL-2.0
"""
The unit tests as the judge of mutants. Every test is one command of make, which
compiles all of its layers: here objects are kept, and only what a mutant changed
is compiled again.
"""
import os
import re
import shlex
import subprocess
import time

from mutant import Bad, copy_sources, layer, sh

DIR = "selftests/unit"
DEADLINE = 60
FLAGS = "-O1 -g -w"


def groups(layers):
    """Each layer has tests of its own. Those of sim are no business of theirs."""
    return [[x] for x in layers if x != "sim"]


def takes(path):
    return layer(path) != "sim"


def obj_name(src):
    return re.sub(r"[^A-Za-z0-9]", "_", os.path.normpath(src)) + ".o"


class Net:
    def __init__(self, base, layers, args):
        self.base = base
        self.name = layers[0]
        self.parallel = args.j
        self.tests = {}         # name: (flags, sources)
        self.took = {}          # name: seconds; quick tests go first

    def plan(self):
        """How make builds the tests."""
        unit = os.path.join(self.base, DIR)
        for f in sorted(os.listdir(unit)):
            if not (f.startswith(f"t-{self.name}-") and f.endswith(".c")):
                continue
            test = f[:-2]
            out = sh(["make", "-s", "-n", "-B", "out=build", f"build/{test}"], unit,
                     env={**os.environ, "CFLAGS": FLAGS})
            lines = [ln for ln in out.stdout.splitlines() if f"-o build/{test}" in ln]
            if out.returncode or not lines:
                raise Bad(f"make cannot build {test}: {out.stdout}")
            words = [w for w in shlex.split(lines[-1])[1:] if w not in ("-o", f"build/{test}")]
            self.tests[test] = ([w for w in words if not w.endswith(".c")],
                                [w for w in words if w.endswith(".c")])
        if not self.tests:
            raise Bad("no test")

    def build(self, tree, changed=None):
        """Compiles what changed; a header, or None, is everything."""
        unit = os.path.join(tree, DIR)
        objs = os.path.join(tree, "objs")
        os.makedirs(objs, exist_ok=True)
        everything = changed is None or any(c.endswith(".h") for c in changed)
        done = set()
        for flags, srcs in self.tests.values():
            for src in srcs:
                rel = os.path.relpath(os.path.join(unit, src), tree)
                if src in done or not (everything or rel in changed):
                    continue
                done.add(src)
                res = sh(["cc", *flags, "-c", "-o", os.path.join(objs, obj_name(src)), src], unit)
                if res.returncode:
                    raise Bad("does not compile: " + res.stdout[:800])

    def run_test(self, tree, test):
        """What failed, or None."""
        flags, srcs = self.tests[test]
        objs = [os.path.join(tree, "objs", obj_name(src)) for src in srcs]
        res = sh(["cc", *flags, "-o", os.path.join(tree, test), *objs], tree)
        if res.returncode:
            raise Bad("does not link: " + res.stdout)
        try:
            res = sh([os.path.join(tree, test)], os.path.join(tree, DIR), timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            return f"it ran for more than {DEADLINE} s"
        if not res.returncode:
            return None
        bad = [ln.split()[-1] for ln in res.stdout.splitlines() if ln.startswith("not ok")]
        return " ".join(bad) or f"exit {res.returncode}"

    def prepare(self):
        copy_sources(self.base, "kmod", "selftests/lib", DIR)
        self.plan()
        self.build(self.base)
        for test in self.tests:
            began = time.monotonic()
            failed = self.run_test(self.base, test)
            if failed:
                raise Bad(f"{test} fails without a mutant: {failed}")
            self.took[test] = time.monotonic() - began
            os.unlink(os.path.join(self.base, test))

    def judge(self, tree, changed):
        """The first test that noticed and what failed in it, or None."""
        self.build(tree, changed)
        for test in sorted(self.tests, key=self.took.get):
            failed = self.run_test(tree, test)
            if failed:
                return f"killed by {test}: {failed}"
        return None
