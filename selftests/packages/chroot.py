# SPDX-License-Identifier: GPL-2.0
"""A fresh Debian 12 in a directory, for the tests of the packages.

It is made from the archive that this machine has its packages from, and kept in the cache for a
week, with all packages that are installed there later. What is done there are the commands of
Documentation/installation.rst.
"""

import contextlib
import hashlib
import json
import os
import re
import stat
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "raftblk"
PACKAGES = ("raftblk", "raftblk-dkms", "raftblk-ocf")
# Beside what is essential: what reads the files of the packages.
INSIDE = "apt,bash-completion,man-db,systemd,udev,zsh"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive", "TERM": "dumb"}
# What packages leave behind whichever they are: lists, caches and logs, and the users' database.
NOT_OURS = re.compile(r"(dev|proc|run|sys|tmp|debs|var/log|var/cache|var/lib/(apt|dpkg|systemd)"
                      r"|etc/ld\.so\.cache|etc/(passwd|group|g?shadow|sub[ug]id)-?)(/|$)")
def run(*argv, **kwargs):
    """stdout of a command on this machine; what it said if it fails."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kwargs)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}:\n"
                             f"{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def section(title):
    """The text of a section of the guide."""
    text = (TOP / "Documentation/installation.rst").read_text()
    return re.search(rf"^{title}\n=+\n(.*?)(?=^\S[^\n]*\n=+\n|\Z)", text, re.M | re.S)[1]


def documented(pattern, where="Packages of Debian"):
    """The one command of the guide that matches, without its comment."""
    text = section(where).replace("\\\n", " ")
    found = re.search(rf"(?:^ +|``)({pattern}.*?)(?:``|  +#|$)", text, re.M)
    expect(found, f"Documentation/installation.rst has no command '{pattern}' in '{where}'")
    return found[1]


# -- the fresh Debian ----------------------------------------------------------------------


def archive():
    """Lines for sources.list: where this machine has Debian 12 from."""
    out = run("apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)",
              "Created-By: Packages", "Origin: Debian")
    lines = {f"deb {uri} {name} {part}" for name, part, uri in map(str.split, out.splitlines())
             if name.startswith("bookworm") and part == "main"}
    expect(lines, "this machine has no sources of packages of Debian 12")
    return "".join(f"{line}\n" for line in sorted(lines))


def other_kernel():
    """A kernel that is not the newest one."""
    out = run("apt-cache", "search", "--names-only", r"^linux-headers-6\.1\.0-[0-9]*-amd64$")
    versions = sorted(re.findall(r"^linux-headers-(\S+)", out, re.M),
                      key=lambda v: [int(n) for n in re.findall(r"\d+", v)])
    expect(len(versions) > 1, f"the archive has one kernel only: {versions}")
    return versions[-2]


def base(debs):
    """A tar file of Debian 12, with the packages that will be needed in the cache of its apt."""
    needed = sorted({re.split(r"[ (|]", d.strip())[0] for deb in debs
                     for d in run("dpkg-deb", "-f", deb, "Depends").split(",")} - set(PACKAGES))
    kernel = other_kernel()
    needed += ["linux-headers-amd64", f"linux-headers-{kernel}"]
    what = json.dumps([INSIDE, needed])
    path = CACHE / "chroot" / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.tar"
    if not path.exists() or time.time() - path.stat().st_mtime > 7 * 24 * 3600:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}.tmp")
        print(f"# making a fresh Debian 12, with {' '.join(needed)} at hand", flush=True)
        run("mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={INSIDE}",
            '--aptopt=APT::Install-Recommends "0"', "--skip=cleanup/apt",
            "--customize-hook=chroot \"$1\" apt-get -qq update",
            '--customize-hook=chroot "$1" apt-get -qq -y --download-only install '
            + " ".join(needed), "bookworm", new, "-", input=archive())
        for old in path.parent.glob("*.tar"):
            old.unlink()
        new.replace(path)
    return path, kernel


class Machine:
    """The chroot."""

    def __init__(self, root):
        self.root = Path(root)

    @contextlib.contextmanager
    def up(self, base_tar):
        self.root.mkdir(parents=True, exist_ok=True)
        run("tar", "-C", self.root, "-xpf", base_tar)
        for fs in ("proc", "sysfs"):
            run("mount", "-t", fs, fs, self.root / fs.removesuffix("fs"))
        run("mount", "--bind", "/dev", self.root / "dev")
        try:
            yield self
        finally:
            for place in ("dev", "sys", "proc"):
                subprocess.run(["umount", "-l", self.root / place], check=False)

    def run(self, script):
        return run("chroot", self.root, "sh", "-c", f"cd / && {script}", env=ENVIRONMENT,
                   stdin=subprocess.DEVNULL)

    def apt(self, command):
        """A command of apt, which has in its cache what is to be installed."""
        expect(command.startswith("apt "), f"no command of apt: {command}")
        return self.run(f"apt-get -y {command.removeprefix('apt ')} 2>&1")

    def packages(self):
        return set(self.run("dpkg-query -W -f '${Package}\\n'").split())

    def modules(self):
        """{kernel: version of the module that modprobe would load there}"""
        found = {}
        for tree in sorted((self.root / "lib/modules").glob("*")):
            with contextlib.suppress(AssertionError):
                found[tree.name] = self.run(f"modinfo -k {tree.name} -F version raftblk").strip()
        return found

    def files(self):
        """All that is there: {path: what it is}."""
        found = {}
        for where, dirs, names in os.walk(self.root):
            here = os.path.relpath(where, self.root)
            dirs[:] = [d for d in dirs if not NOT_OURS.match(os.path.normpath(f"{here}/{d}"))]
            for name in dirs + names:
                path = os.path.normpath(f"{here}/{name}")
                if not NOT_OURS.match(path):
                    found[path] = self.look(self.root / path)
        return found

    @staticmethod
    def look(path):
        st = path.lstat()
        if stat.S_ISLNK(st.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(st.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = ""
        return f"{stat.filemode(st.st_mode)} {st.st_uid}:{st.st_gid} {content}"
