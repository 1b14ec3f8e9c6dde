# SPDX-License-Identifier: GPL-2.0
"""What a mutant is, where they are, and the trees they are applied to."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FOR_SIM = "# sim: yes"


class Bad(Exception):
    """The mutant, or the tree without it, is itself broken."""


def sh(cmd, cwd=None, **kw):
    return subprocess.run(cmd, cwd=cwd, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kw)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def layers():
    return sorted(d for d in os.listdir(HERE)
                  if os.path.isdir(os.path.join(HERE, d)) and d != "__pycache__")


def find(in_layers, substring):
    return [os.path.join(HERE, layer, f) for layer in in_layers
            for f in sorted(os.listdir(os.path.join(HERE, layer)))
            if f.endswith(".mut") and substring in f]


def name(path):
    return os.path.splitext(os.path.relpath(path, HERE))[0]


def layer(path):
    return os.path.basename(os.path.dirname(path))


def parse(text):
    """(lines of the comment, [(file, old, new)])"""
    lines = iter(text.rstrip("\n").split("\n"))
    comment, edits, target = [], [], None

    def until(mark):
        res = []
        for line in lines:
            if line == mark:
                return "\n".join(res)
            res.append(line)
        raise Bad(f"no {mark} in it where one is due")

    for line in lines:
        if line.startswith("#") and not edits:
            comment.append(line)
        elif line.startswith("file "):
            target = line[len("file "):]
        elif line == "<<<<" and target:
            edits.append((target, until("===="), until(">>>>")))
        else:
            raise Bad(f"what is this line of it: {line}")
    if not edits:
        raise Bad("no edit in it")
    if not set(comment) - {FOR_SIM}:
        raise Bad("it does not say which rule it breaks")
    return comment, edits


def is_for_sim(path):
    return layer(path) == "sim" or FOR_SIM in parse(read(path))[0]


def apply(path, tree):
    """The files it changed."""
    changed = set()
    for target, old, new in parse(read(path))[1]:
        full = os.path.join(tree, target)
        if not os.path.exists(full):
            raise Bad(f"does not apply: there is no {target}")
        text = read(full)
        if not old or text.count(old) != 1:
            raise Bad(f"does not apply: its text occurs {text.count(old)} times in {target}")
        os.unlink(full)         # a link into the tree without mutants
        with open(full, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))
        changed.add(target)
    return changed


def copy_sources(tree, *subs):
    skip = shutil.ignore_patterns("build*", "*.o", "*.ko", ".*")
    for sub in subs:
        shutil.copytree(os.path.join(TOP, sub), os.path.join(tree, sub), ignore=skip)


def copy_built(base, tree):
    """
    All files are links, with their times: apply() replaces the sources that it changes, and
    compiler and linker unlink what they write. What they say of dependencies, which they
    write in place, is the same.
    """
    out = sh(["cp", "-al", f"{base}/.", tree])
    if out.returncode:
        raise Bad(out.stdout)
