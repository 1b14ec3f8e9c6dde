# SPDX-License-Identifier: GPL-2.0
"""What the units make of what the tool returns: a real systemd, with stand-ins for the tool and for
all units that are not ours, in namespaces of its own."""

import os
import signal
import subprocess
import time
from pathlib import Path

UNITS = ("raftblk@.service", "raftblk-mount@.service", "raftblk-active@.target")
STUBS = ("sysinit.target", "basic.target", "shutdown.target", "multi-user.target",
         "network-online.target", "remote-fs-pre.target", "test.target")
# "up" and "down" take their exit codes, one after the other, from a file; "kill" is a signal.
TOOL = """#!/usr/bin/env python3
import os, pathlib, signal, socket, sys
d, command = pathlib.Path("@D@"), sys.argv[1]
with open(d / "calls", "a") as f:
    f.write(command + "\\n")
codes = d / command
code = "0"
if codes.exists():
    code, _, rest = codes.read_text().partition(" ")
    codes.write_text(rest or "0")
up = d / "is-up"
if command == "hold":
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(os.environ["NOTIFY_SOCKET"])
    s.send(b"READY=1")
    signal.pause()
elif command == "wait":
    code = "0" if up.exists() else "5"
elif code == "0":
    up.touch() if command == "up" else up.unlink(missing_ok=True)
elif code == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(code))
"""
BEGIN = """
    set -e
    mount -t tmpfs none /run
    mkdir /run/systemd
    export container=test SYSTEMD_UNIT_PATH=@D@
    exec /lib/systemd/systemd --system --unit=test.target --log-target=null >/dev/null 2>&1
"""


class Systemd:
    def __init__(self, top, d):
        self.d = d / "units"
        self.d.mkdir()
        for name in STUBS:
            (self.d / name).write_text("[Unit]\nDescription=A stand-in\nDefaultDependencies=no\n")
        (self.d / "vol.conf").touch()
        for name in UNITS:
            text = (top / "systemd" / f"{name}.in").read_text()
            text = text.replace("@SBINDIR@", str(self.d)).replace("/etc/raftblk/", f"{self.d}/")
            text = text.replace("/sbin/modprobe", "/bin/true").replace("/srv/", f"{self.d}/srv/")
            (self.d / name).write_text(text)
            (self.d / f"{name}.d").mkdir()
        (self.d / "raftblk@.service.d/soon.conf").write_text("[Service]\nRestartSec=100ms\n")
        (self.d / "raftblk").write_text(TOOL.replace("@D@", str(self.d)))
        (self.d / "raftblk").chmod(0o755)
        self.process = subprocess.Popen(
            ["unshare", "--fork", "--pid", "--mount", "--cgroup", "--mount-proc", "--kill-child",
             "sh", "-c", BEGIN.replace("@D@", str(self.d))], stderr=subprocess.DEVNULL)
        self.pid = None
        self.until("systemd is up", lambda: self.show("test.target", "ActiveState") == "active")

    def end(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def ctl(self, *words):
        if not self.pid:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            self.pid = int((children.read_text().split() or [0])[0])
        done = subprocess.run(["nsenter", "-t", str(self.pid), "-m", "-p", "systemctl", *words],
                              capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def show(self, unit, what):
        return self.ctl("show", "--value", "-p", what, unit)

    def until(self, what, condition):
        end = time.monotonic() + 30
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not within 30 s: {what}")
            time.sleep(0.05)

    def becomes(self, unit, state):
        self.until(f"{unit} is {state}, not {self.show(unit, 'ActiveState')}",
                   lambda: self.show(unit, "ActiveState") == state and not self.show(unit, "Job")
                   .strip("0"))

    def reset(self, **codes):
        self.ctl("stop", "raftblk-mount@vol", "raftblk@vol")
        self.ctl("reset-failed")
        for name in ("up", "down", "calls", "is-up"):
            (self.d / name).unlink(missing_ok=True)
        for name, text in codes.items():
            (self.d / name).write_text(text)

    def calls(self, command):
        return (self.d / "calls").read_text().split().count(command)


def unit_starts_and_stops(s):
    s.reset()
    s.ctl("start", "raftblk@vol")
    s.becomes("raftblk@vol", "active")
    s.ctl("stop", "raftblk@vol")
    s.becomes("raftblk@vol", "inactive")
    return [] if s.calls("up") == s.calls("down") == 1 else [(s.d / "calls").read_text()]


def unit_tries_again_what_may_pass(s):
    s.reset(up="3 1 1 1 1 1 1 0")
    s.ctl("start", "raftblk@vol")
    s.becomes("raftblk@vol", "active")
    return [] if s.calls("up") == 8 else [(s.d / "calls").read_text()]


def unit_does_not_repeat_what_is_wrong(s):
    problems = []
    for code in ("4", "2"):
        s.reset(up=f"{code} 0")
        s.ctl("start", "raftblk@vol")
        s.becomes("raftblk@vol", "failed")
        if s.calls("up") != 1:
            problems.append(f"{code}: {(s.d / 'calls').read_text()}")
    return problems


def unit_survives_a_kill_of_up(s):
    s.reset(up="kill 0")
    s.ctl("start", "raftblk@vol")
    s.becomes("raftblk@vol", "active")
    return []


def unit_of_a_refused_stop_is_active(s):
    """For the volume is, also after a "down" that was killed."""
    s.reset(down="1 kill 0")
    s.ctl("start", "raftblk@vol")
    for _ in range(2):
        s.ctl("stop", "raftblk@vol")
        s.becomes("raftblk@vol", "active")
    s.ctl("stop", "raftblk@vol")
    s.becomes("raftblk@vol", "inactive")
    return [] if s.calls("down") == 3 else [(s.d / "calls").read_text()]


def unit_of_a_volume_that_runs_otherwise_fails(s):
    """Once: that the volume is up is no reason to start it again."""
    s.reset(up="4 4 4 4")
    (s.d / "is-up").touch()
    s.ctl("start", "raftblk@vol")
    s.becomes("raftblk@vol", "failed")
    return [] if s.calls("up") == 1 else [(s.d / "calls").read_text()]


def mount_unit_waits_for_the_volume(s):
    """It is there from the beginning, and stops and starts with the volume."""
    s.reset(up="3 3 0")
    s.ctl("start", "raftblk-mount@vol")
    s.becomes("raftblk-mount@vol", "active")
    s.becomes("raftblk@vol", "active")
    s.becomes("raftblk-mount@vol", "active")
    s.ctl("stop", "raftblk@vol")
    s.becomes("raftblk-mount@vol", "inactive")
    return []


TESTS = (unit_starts_and_stops, unit_tries_again_what_may_pass, unit_does_not_repeat_what_is_wrong,
         unit_survives_a_kill_of_up, unit_of_a_refused_stop_is_active,
         unit_of_a_volume_that_runs_otherwise_fails, mount_unit_waits_for_the_volume)


def walk(tap, top, d):
    tap.in_turn(TESTS, lambda: Systemd(top, d), Systemd.end)
