# SPDX-License-Identifier: GPL-2.0
"""What "raftblk hold" makes of a file system that fails: a real one, on a loop device that stands
for the volume, with kernel.py in place of the module."""

import json
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from volumes import Volumes, expect

STOP = 'echo stop $RAFTBLK_LOST >>@D@/log; while [ -e @D@/busy ]; do sleep 0.1; done'


class Hold:
    def __init__(self, top, d, status):
        self.v = Volumes(top, d, status, "hold")
        self.d = self.v.d
        self.mnt = self.d / "a directory"
        self.mnt.mkdir()
        with open(self.d / "image", "wb") as f:
            f.truncate(32 << 20)
        self.run("mkfs.ext4", "-q", "-e", "remount-ro", self.d / "image")
        self.loop = self.run("losetup", "-f", "--show", self.d / "image").strip()
        # As nobody else has this loop device, no other run of these tests has this one.
        minor = 4095 - int(self.loop.removeprefix("/dev/loop"))
        self.device = Path(f"/dev/raftblk{minor}")
        self.device.unlink(missing_ok=True)
        self.device.symlink_to(self.loop)
        self.v.status.update(minor=minor, session="none", openers=1)
        self.process = self.volume = None

    @staticmethod
    def run(*argv):
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def end(self):
        self.device.unlink()
        self.run("losetup", "-d", self.loop)

    def take(self, _):
        self.v.kernel.volumes["r0"]["session"] = "held"
        return 0

    @contextmanager
    def holding(self, *options, volume="r0"):
        self.volume = volume
        self.v.reset()
        self.v.kernel.on["take"] = self.take
        for name in ("log", "busy", "out", "fails"):
            (self.d / name).unlink(missing_ok=True)
        with open(self.d / "out", "w") as out:
            self.process = self.v.start(
                "hold", volume, str(self.mnt), *options,
                "--start", f"echo start >>{self.d}/log; [ ! -e {self.d}/fails ] || exit 3",
                "--stop", STOP.replace("@D@", str(self.d)), stdout=out, stderr=out)
        try:
            self.until_said("active on")
            yield
        finally:
            (self.d / "busy").unlink(missing_ok=True)
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        if list((self.d / "run").iterdir()):
            raise OSError(f"left behind: {list((self.d / 'run').iterdir())}")

    def said(self):
        lines = (self.d / "out").read_text().splitlines()
        own = f"{self.volume}: "
        return [line.removeprefix(own) for line in lines if line.startswith(own)]

    def log(self):
        return (self.d / "log").read_text().split("\n")[:-1]

    def until(self, what, condition):
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not within 60 s: {what}; it said {self.said()}")
            time.sleep(0.05)

    def until_said(self, text, since=0):
        self.until(text, lambda: any(s.startswith(text) for s in self.said()[since:]))

    def break_it(self):
        """ext4 finds an error, and does what it is told to do then."""
        Path(f"/sys/fs/ext4/{Path(self.loop).name}/trigger_fs_error").write_text("1")


def hold_repairs(h):
    with h.holding():
        before = len(h.said())
        (h.d / "busy").touch()
        events = h.v.start("events", "r0", "--json", "--count", "1")
        h.until("events listens", lambda: h.v.kernel.listeners and len(h.v.kernel.listeners) == 2)
        h.break_it()
        h.until("the service is stopped", lambda: "stop 1" in h.log())
        why, check = h.v.run("why r0"), h.v.run("check r0")
        told = json.loads(events.communicate(timeout=30)[0])
        (h.d / "busy").unlink()
        h.until_said("active on", before)
        said, log = h.said()[before:], h.log()
        after = h.v.run("why r0")
    trouble = f"the file system on {h.mnt} became read-only after errors"
    problems = expect(why, 0, f"also: {trouble}: the service does not run here; "
                              "'raftblk hold' says: stopping, to repair it")
    problems += expect(check, 2, f"^RAFTBLK CRITICAL - r0: .*{trouble}")
    problems += expect(after, 0, "^r0 on n1: can be written to\n(?!also: the file)")
    if said[0] != f"{trouble}: stopping, to repair it" or \
            said[1:3] != ["checking the file system", "mounting"]:
        problems.append(f"said: {said}")
    if log != ["start", "stop 1", "start"]:
        problems.append(f"commands: {log}")
    if (told["event"], told["text"], told["trouble"]) != ("hold", said[0], trouble):
        problems.append(f"event: {told}")
    return problems


def hold_steps_aside_if_it_fails_again(h):
    with h.holding():
        for says in ("stopping, to repair it", "again: stopping, to let another node repair it"):
            before = len(h.said())
            h.break_it()
            h.until(says, lambda b=before, s=says: any(x.endswith(s) for x in h.said()[b:]))
            h.until_said("active on" if "again" not in says else "stepping aside for 10 s", before)
    return []


def hold_hands_over_if_told_to(h):
    with h.holding("--on-error", "aside", "--options", "errors=continue"):
        h.break_it()
        h.until_said("stepping aside")
        said = h.said()
    want = (f"the file system on {h.mnt} has found errors (1): stopping, "
            "to let another node repair it")
    return [] if want in said and "checking the file system" in said else [f"said: {said}"]


def hold_ignores_errors_if_told_to(h):
    with h.holding("--on-error", "ignore"):
        h.break_it()
        looked = len(h.v.asked("get"))
        h.until("three more looks", lambda: len(h.v.asked("get")) > looked + 3)
        log = h.log()
    return [] if log == ["start"] else [f"commands: {log}"]


def hold_repairs_when_it_is_served_again(h):
    """Writes timed out for want of a quorum: so would those of fsck."""
    with h.holding():
        before = len(h.said())
        h.v.kernel.volumes["r0"]["ready"] = False
        h.break_it()
        h.until_said("waiting to repair the file system: cut off", before)
        h.v.kernel.volumes["r0"]["ready"] = True
        h.until_said("active on", before)
    return []


def hold_tells_why_the_service_does_not_run(h):
    with h.holding():
        before = len(h.said())
        (h.d / "fails").touch()
        h.break_it()
        h.until_said("stepping aside", before)
        why, check = h.v.run("why r0"), h.v.run("check r0")
        log = h.log()
    trouble = r"the start command failed \(exit code 3\)"
    problems = expect(why, 0, f"also: {trouble}: the service does not run here; "
                              "'raftblk hold' says: stepping aside for 10 s")
    problems += expect(check, 2, f"^RAFTBLK CRITICAL - r0: .*{trouble}")
    as_wanted = log[:4] == ["start", "stop 1", "start", "stop"]
    return problems + ([] if as_wanted else [f"commands: {log}"])


def hold_of_a_device(h):
    """In another network namespace, where this one has no name for it."""
    h.v.status["netns"] = 4026532003
    with h.holding("--options", "errors=continue", volume=str(h.device)):
        state = json.loads(next((h.d / "run").glob("*.hold")).read_text())
        h.v.kernel.others, h.v.kernel.volumes = [h.v.kernel.volumes["r0"]], {}
        status = json.loads(h.v.run(f"status {h.device} --json")[1])
        took, said = h.v.asked("take"), h.said()
        h.v.kernel.volumes["r0"] = h.v.kernel.others[0]
    del h.v.status["netns"]
    problems = [] if said[-1].startswith(f"active on {h.device}, mounted") else [f"said: {said}"]
    if [state[k] for k in ("volume", "netns", "text")] != ["r0", 4026532003, said[-1]]:
        problems.append(f"state: {state}")
    if status["hold"]["text"] != said[-1] or "netns" in status["hold"]:
        problems.append(f"status: {status['hold']}")
    if {(o.get("minor"), o.get("volume")) for o in took} != {(h.v.status["minor"], None)}:
        problems.append(f"asked: {took}")
    return problems


TESTS = (hold_repairs, hold_steps_aside_if_it_fails_again, hold_hands_over_if_told_to,
         hold_ignores_errors_if_told_to, hold_repairs_when_it_is_served_again,
         hold_tells_why_the_service_does_not_run, hold_of_a_device)


def walk(tap, top, d, status):
    tap.in_turn(TESTS, lambda: Hold(top, d, status), Hold.end)
