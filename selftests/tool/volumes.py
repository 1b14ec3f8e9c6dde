# SPDX-License-Identifier: GPL-2.0
"""What the tool makes of a volume that is up, or that cannot be started yet: kernel.py answers."""

import errno
import json
import os
import re
import stat
import subprocess

from kernel import Kernel

UUID = "8c666d46-8d92-4d52-ab6d-aadd58ad3189"
CONF = f"""uuid = {UUID}
[node n1]
address = 10.77.0.1:7800
log = @D@/n1log
data = @D@/n1data
[node n2]
address = 10.77.0.2:7800
log = @D@/n2log
data = @D@/n2data
[node c1]
address = 10.77.0.3:7800
client = yes
"""


class Volumes:
    def __init__(self, top, d, status, name):
        self.d, self.tool = d / name, top / "userspace/raftblk"
        self.d.mkdir()
        (self.d / "hosts").write_text("")
        self.conf(CONF)
        status = json.loads(status)
        names = ("n2", "c1")
        for p, name in zip(status["peers"], names, strict=True):
            p.update(node=name, client=name == "c1")
        self.status = {**status, "uuid": UUID, "node": "n1", "log_path": f"{self.d}/n1log",
                       "data_path": f"{self.d}/n1data", "resync_rate_min": 4, "resync_rate_max": 0}
        self.kernel = Kernel(self.d)

    def conf(self, text):
        (self.d / "r0.conf").write_text(text.replace("@D@", str(self.d)))

    def start(self, *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        """With a file of its own in place of /etc/hosts."""
        env = {**self.kernel.env(), "RAFTBLK_CONF_DIR": str(self.d),
               "RAFTBLK_RUN_DIR": str(self.d / "run"), "LC_ALL": "C", "NO_COLOR": "1"}
        inside = f'mount --bind {self.d}/hosts /etc/hosts && exec "$@"'
        return subprocess.Popen(["unshare", "-m", "sh", "-c", inside, "sh", self.tool, "--node",
                                 "n1", *args], env=env, text=True, stdout=stdout,
                                stderr=stderr)

    def run(self, args):
        p = self.start(*args.split())
        out, err = p.communicate(timeout=60)
        return p.returncode, out, err

    def reset(self, up=True):
        with self.kernel.lock:
            self.kernel.volumes = {"r0": dict(self.status)} if up else {}
            self.kernel.others = []
            self.kernel.asked.clear()
            self.kernel.on = {"up": self.up}
        self.conf(CONF)

    def up(self, _):
        self.kernel.volumes["r0"] = self.status
        return 0

    def asked(self, op):
        with self.kernel.lock:
            return [o for name, o in self.kernel.asked if name == op]

    def devices(self):
        for name in ("n1log", "n1data"):
            os.mknod(self.d / name, stat.S_IFBLK | 0o600, os.makedev(7, 1 + len(name)))


def expect(got, code, out, err=""):
    """What is wrong with (code, out, err); `out` and `err` are expressions, "" nothing at all."""
    problems = [] if got[0] == code else [f"exit code {got[0]}, not {code}"]
    for text, want in ((got[1], out), (got[2], err)):
        if not re.search(want, text) if want else text:
            problems.append(f"no match for: {want}\nin: {text}")
    return problems


def passes(v, args, problem, mend, out="^r0 is up as"):
    """It is told what is waited for, and the volume is up when that has passed."""
    p = v.start(*args.split())
    told = p.stderr.readline() + p.stderr.readline()
    with v.kernel.lock:
        mend()
    said, err = p.communicate(timeout=30)
    return expect((p.returncode, said, told + err), 0, out,
                  rf"^.*{problem}.*\nraftblk: r0: up: trying again for up to (20s|5m)\n$")


def up_starts(v):
    v.reset(up=False)
    problems = expect(v.run("up r0"), 0, r"^r0 is up as /dev/raftblk0\n$")
    asked = v.asked("up")[0]
    if [p["node"] for p in asked["peer"]] != ["n2", "c1"] or \
            asked["uuid"].hex() != UUID.replace("-", ""):
        problems.append(f"asked: {asked}")
    return problems


def up_of_what_is_up(v):
    v.reset()
    problems = expect(v.run("up r0"), 0,
                      r"^r0 is up already as /dev/raftblk0, and as .*/r0.conf says\n$")
    if v.asked("up"):
        problems.append("the kernel was asked to start it")
    return problems + expect(v.run("up r0 --forget"), 1, "", "can forget only when it starts")


DIFFERENCES = (
    ("uuid", (UUID, UUID.replace("8", "9")),
     "uuid: it runs with 8c666d46-.*, and the file says 9c666d46-"),
    ("minor", ("uuid", "minor = 5\nuuid"), "minor: it runs with 0, and the file says 5"),
    ("pool", ("uuid", "pool = 128M\nuuid"), "pool: it runs with 64M, and the file says 128M"),
    ("log", ("n1log", "n2log"), "log: it runs with .*/n1log, and the file says .*/n2log"),
    ("client", ("log = @D@/n1log\ndata = @D@/n1data", "client = yes"),
     "it runs with devices, and in the file this node is a client"),
    ("role of a peer", ("client = yes", "log = /dev/a\ndata = /dev/b"),
     "node c1: it is a client, and the file says a replica"),
    ("name of a peer", ("[node n2]", "[node n3]"),
     "node n3 is new in the file; node n2 is not in the file"),
)


def up_of_what_is_up_otherwise(v):
    problems = []
    for what, change, says in DIFFERENCES:
        v.reset()
        v.conf(CONF.replace(*change))
        problems += [f"{what}: {p}" for p in expect(
            v.run("up r0"), 4, "", f"up: it is up already, but not as .*r0.conf says: .*{says}"
            ".*; to start it as the file says: raftblk down r0, then up")]
    v.reset()
    with v.kernel.lock:
        v.kernel.volumes["r0"]["node"] = "n9"
    return problems + expect(v.run("up r0"), 4, "", "node: it runs with n9, and the file says n1")


RATES = ("uuid", "resync-rate-min = 8M\nresync-rate-max = 64M\nuuid")


def adjust_applies_what_changed(v):
    v.reset()
    v.conf(CONF.replace(*RATES))
    problems = expect(v.run("up r0"), 4, "", "up: it is up already, but not as .*r0.conf says: "
                      "resync-rate-min: it runs with 4M, and the file says 8M; resync-rate-max: it "
                      "runs with 0M, and the file says 64M; to change that: raftblk adjust r0\n$")
    problems += expect(v.run("adjust r0"), 0, "^r0: resync-rate-min: 4M -> 8M\n"
                       "r0: resync-rate-max: no bound -> 64M\n$")
    asked = [{k: o.get(k) for k in ("volume", "resync-rate-min", "resync-rate-max")}
             for o in v.asked("adjust")]
    if asked != [{"volume": "r0", "resync-rate-min": 8, "resync-rate-max": 64}]:
        problems.append(f"asked: {asked}")
    v.reset()
    problems += expect(v.run("adjust r0"), 0, "^r0: it runs already as .*/r0.conf says\n$")
    if v.asked("adjust"):
        problems.append("the kernel was asked for nothing")
    v.kernel.volumes["r0"].update(resync_rate_min=8, resync_rate_max=64)
    return problems + expect(v.run("adjust r0"), 0, "^r0: resync-rate-min: 8M -> 4M\n"
                             "r0: resync-rate-max: 64M -> no bound\n$")


def adjust_names_what_it_cannot(v):
    """And applies the rest all the same."""
    v.reset()
    v.conf(CONF.replace(*RATES).replace("uuid =", "pool = 128M\nuuid =", 1))
    problems = expect(v.run("adjust r0"), 4, "-> 8M\nr0: resync-rate-max: no bound -> 64M\n$",
                      "adjust: this cannot change while it is up: pool: it runs with 64M, and the "
                      "file says 128M; to start it as .*r0.conf says: raftblk down r0, then up\n$")
    v.kernel.on["adjust"] = lambda _: (errno.ETIMEDOUT, "volume r0 does not answer")
    problems += expect(v.run("adjust r0"), 1, "", "^raftblk: r0: adjust: volume r0 does not answer")
    v.kernel.volumes.clear()
    return problems + expect(v.run("adjust r0"), 3, "", "; to start it: raftblk up r0\n$")


def up_waits_for_a_start(v):
    """Of somebody else, who was killed perhaps."""
    v.reset()
    v.kernel.volumes["r0"]["state"] = "starting"

    def mend():
        v.kernel.volumes["r0"]["state"] = "running"
    problems = passes(v, "up r0", "up: the volume is starting on this node", mend,
                      "^r0 is up already")
    v.kernel.volumes["r0"]["state"] = "starting"
    return problems + expect(v.run("up r0 --timeout 300ms"), 5, "",
                             "the volume is starting on this node")


def up_waits_for_a_stop(v):
    v.reset()
    v.kernel.volumes["r0"]["state"] = "stopping"
    return passes(v, "up r0", "up: the volume is stopping on this node", v.kernel.volumes.clear)


def up_waits_for_devices(v):
    v.reset(up=False)
    for name in ("n1log", "n1data"):
        (v.d / name).unlink()
    problems = expect(v.run("up r0 --retry 0"), 3, "",
                      "^raftblk: r0: log device .*n1log: No such file.*\n$")
    problems += expect(v.run("up r0 --retry 300ms"), 3, "",
                       "^(raftblk: r0: log device .*n1log: No such file.*\n)"
                       "raftblk: r0: up: trying again for up to 300ms\n\\1$")
    return problems + passes(v, "up r0 --retry 20s", "log device .*n1log: No such file", v.devices)


def up_waits_for_names(v):
    """The name of the peer is told, and nothing is started before it is resolved."""
    v.reset(up=False)
    v.conf(CONF.replace("10.77.0.2:", "n2.invalid:"))
    unknown = "node n2: address: 'n2.invalid:7800' cannot be resolved"
    problems = expect(v.run("up r0 --retry 0"), 3, "", f"^raftblk: r0: .*r0.conf: {unknown}.*\n$")
    if v.asked("up"):
        problems.append("it was started without the address of a peer")
    problems += passes(v, "up r0 --retry 20s", unknown,
                       lambda: (v.d / "hosts").write_text("10.77.0.2 n2.invalid\n"))
    if [o["peer"][0]["sockaddr"][4:8] for o in v.asked("up")] != [bytes((10, 77, 0, 2))]:
        problems.append(f"asked: {v.asked('up')}")
    (v.d / "hosts").write_text("127.0.0.1 n2.invalid\n")
    v.reset(up=False)
    v.conf(CONF.replace("10.77.0.2:", "n2.invalid:"))
    return problems + expect(v.run("up r0 --retry 20s"), 4, "",
                             "'n2.invalid:7800' is this machine alone.*\n$")


def up_waits_for_its_port(v):
    v.reset(up=False)
    taken = (errno.EADDRINUSE, "cannot listen on 10.77.0.1:7800: the address is in use (error 98)")
    v.kernel.on["up"] = lambda _: taken
    hint = ("the address is in use.*; a program listens there, or it is this end of an outgoing "
            "connection: 'ss -tanp sport = :7800' .*: sysctl "
            "net.ipv4.ip_local_reserved_ports=7800")
    return passes(v, "up r0 --retry 20s", hint, lambda: v.kernel.on.update(up=v.up))


def up_does_not_repeat_what_stays_wrong(v):
    v.reset(up=False)
    v.kernel.on["up"] = lambda _: (errno.EMEDIUMTYPE, "log device x belongs to another volume")
    problems = expect(v.run("up r0 --retry 20s"), 1, "",
                      "^raftblk: r0: up: log device x belongs.*\n$")
    if len(v.asked("up")) != 1:
        problems.append(f"asked {len(v.asked('up'))} times")
    return problems


def here():
    """The inode of this network namespace."""
    return os.stat("/proc/self/ns/net").st_ino


def others(v):
    """Two more of the same name, in two network namespaces that this one sees."""
    v.kernel.volumes["r0"]["netns"] = here()
    v.kernel.others = [{**v.status, "minor": n, "node": f"n{n}", "netns": 4026532000 + n}
                       for n in (3, 4)]


def volumes_of_other_namespaces_are_marked(v):
    v.reset()
    others(v)
    problems = expect(v.run("status"), 0,
                      r"^r0 on n1: /dev/raftblk0, (.*\n)*r0 \(netns 4026532003\) on n3: "
                      r"/dev/raftblk3, (.*\n)*r0 \(netns 4026532004\) on n4: /dev/raftblk4, ")
    problems += expect(v.run("status --noheadings -o netns,node"), 0,
                       r"^ +n1\n4026532003 n3\n4026532004 n4\n$")
    problems += expect(v.run("status r0"), 0, r"^r0 on n1: ((?!netns).*\n)*$")
    problems += expect(v.run("status r0 --json"), 0, r'^((?!"netns").*\n)*$')
    problems += expect(v.run("status /dev/raftblk4 --field netns"), 0, "^4026532004\n$")
    problems += expect(v.run("why /dev/raftblk4"), 0, r"^r0 \(netns 4026532004\) on n4: can be ")
    problems += expect(v.run("sessions /dev/raftblk4"), 0, r"(?m)^r0 \(netns 4026532004\) ")
    return problems + expect(v.run("check"), 1,
                             r"^RAFTBLK WARNING - r0: .*; r0 \(netns 4026532003\): .*"
                             r"'r0_log'=.*'r0 \(netns 4026532004\)_log'=")


def a_volume_is_named_by_its_device(v):
    v.reset()
    others(v)
    problems = expect(v.run("down /dev/raftblk4"), 0, "^/dev/raftblk4: down\n$")
    problems += expect(v.run("transfer /dev/raftblk4 n2"), 0, "^/dev/raftblk4: transfer\n$")
    problems += expect(v.run("take /dev/raftblk4 --wait 1s"), 0, "^/dev/raftblk4: take\n$")
    problems += expect(v.run("wait /dev/raftblk4 --for up --timeout 5s"), 0, "")
    problems += expect(v.run("wait /dev/raftblk5 --for up --timeout 300ms"), 5, "",
                       "^raftblk: /dev/raftblk5: wait: the volume is not up on this node, after")
    problems += expect(v.run("events /dev/raftblk5"), 3, "",
                       "^raftblk: /dev/raftblk5: the volume is not up on this node; only the init")
    for op in ("down", "transfer", "take"):
        if [(o.get("minor"), o.get("volume")) for o in v.asked(op)] != [(4, None)]:
            problems.append(f"asked: {v.asked(op)}")
    for wrong in ("/dev/raftblk", "/dev/raftblk4096", "/dev/raftblk0p1", "/dev/raftblk-1",
                  "/dev/sda"):
        problems += expect(v.run(f"down {wrong}"), 2, "", f"'{wrong}' is not a valid name for a ")
    for command in ("up", "adjust", "attach", "bootstrap", "config", "format"):
        problems += expect(v.run(f"{command} /dev/raftblk0"), 2, "",
                           "'/dev/raftblk0' is not a valid name for a volume: it is a device, and "
                           "this command goes by the configuration file, which has the name\n")
    return problems


def what_is_not_up_here_may_be_elsewhere(v):
    v.reset(up=False)
    v.kernel.on["down"] = lambda _: errno.ENODEV
    problems = expect(v.run("down r0"), 3, "", "; to start it: raftblk up r0\n$")
    problems += expect(v.run("status /dev/raftblk9"), 3, "", "only the initial network namespace")
    v.kernel.volumes["r0"] = dict(v.status)
    others(v)
    v.kernel.volumes.clear()
    hint = ("; in other network namespaces this is the name of /dev/raftblk3, /dev/raftblk4: name "
            "the device, as in: raftblk status /dev/raftblk4\n$")
    problems += expect(v.run("down r0"), 3, "", hint)
    problems += expect(v.run("status r0"), 3, "", hint)
    return problems + expect(v.run("status r1"), 3, "", "; to start it: raftblk up r1\n$")


def events_of_other_namespaces_are_marked(v):
    """And those of a volume that was named do not come from its namesakes."""
    v.reset()
    others(v)
    problems = []
    there, own = r"\S+ r0 \(netns 4026532003\) role: there\n", r"\S+ r0 role: here\n"
    for args, told in (("--count 2", there + own), ("r0 --count 1", own),
                       ("/dev/raftblk0 --count 1", own), ("/dev/raftblk3 --count 1", there)):
        v.kernel.asked.clear()
        p = v.start("events", *args.split())
        # By then it knows which volume has the device.
        while not v.kernel.listeners or ("/dev" in args and not v.asked("get")):
            p.poll()
        for volume, text in ((v.kernel.others[0], "there"), (v.kernel.volumes["r0"], "here")):
            v.kernel.event("notice", {"volume": "r0", "netns": volume["netns"], "event": "role",
                                      "argument": 0, "text": text})
        out, err = p.communicate(timeout=30)
        problems += expect((p.returncode, out, err), 0, f"^{told}$")
        while v.kernel.listeners:
            pass
    return problems


TESTS = (up_starts, up_of_what_is_up, up_of_what_is_up_otherwise,
         adjust_applies_what_changed, adjust_names_what_it_cannot, up_waits_for_a_start,
         up_waits_for_a_stop, up_waits_for_devices, up_waits_for_names, up_waits_for_its_port,
         up_does_not_repeat_what_stays_wrong, volumes_of_other_namespaces_are_marked,
         a_volume_is_named_by_its_device, what_is_not_up_here_may_be_elsewhere,
         events_of_other_namespaces_are_marked)


def walk(tap, top, d, status):
    def begin():
        v = Volumes(top, d, status, "volumes")
        v.devices()
        return v

    tap.in_turn(TESTS, begin)
