#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The units, under a real systemd, which runs in a PID namespace on each of three machines.

The volume goes up, its file system is mounted on one node, and a service that needs it moves with
it: on request, when its node is cut off, and when its node dies.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines.
"""

from machines import TOP, Cluster, Members, MembersError, Tap, arguments, wait_for

UNITS = ("raftblk@.service", "raftblk-mount@.service", "raftblk-active@.target")
ACTIVE = "raftblk-active@vol.target"
# Nothing of the machine itself is to be started but what every service needs.
TARGET = """[Unit]
Description=Nothing but systemd itself
Requires=sysinit.target
After=sysinit.target
"""
TICKER = f"""[Unit]
Description=A service whose data is on the volume
After={ACTIVE}
PartOf={ACTIVE}
[Service]
ExecStart=/bin/sh -c 'i=0; while :; do echo $(hostname) $((i += 1)) >>/srv/vol/ticks && \\
    sync /srv/vol/ticks || exit 1; sleep 0.2; done'
[Install]
WantedBy={ACTIVE}
"""
SYSTEMD = """
	mkdir -p /etc/modprobe.d /run/systemd
	# The module is loaded, and not installed.
	echo 'install raftblk /bin/true' >/etc/modprobe.d/raftblk.conf
	ln -sf /dev/null /etc/systemd/system/systemd-udevd.service
	ln -sf /dev/null /etc/systemd/system/systemd-udev-trigger.service
	ln -sf /dev/null /etc/systemd/system/systemd-random-seed.service
	exec env container=test unshare --fork --pid --mount --mount-proc \\
		/lib/systemd/systemd --system --unit=raftblk-test.target --log-target=console
"""


class Machines:
    """systemd on every node of a cluster."""

    def __init__(self, members):
        self.m = members
        self.pid = {}

    def begin(self, node):
        m = self.m
        files = {"raftblk-test.target": TARGET, "ticker.service": TICKER}
        for unit in UNITS:
            text = (TOP / "systemd" / f"{unit}.in").read_text(encoding="utf-8")
            files[unit] = text.replace("@SBINDIR@", "/usr/sbin")
        for name, text in files.items():
            m.cluster.exec(node, "sh", "-c",
                           f"mkdir -p /etc/systemd/system; cat >/etc/systemd/system/{name}",
                           stdin=text.encode())
        m.sh(node, f"cp {m.tool} /usr/sbin/raftblk")
        m.cluster.spawn(node, "sh", "-c", SYSTEMD, output="/run/systemd.log")
        self.pid[node] = wait_for(f"systemd on {node}", lambda: m.sh(
            node, "pgrep -f '^/lib/systemd/systemd --system' || true").split()[:1])[0]
        wait_for(f"systemd on {node} to be up", lambda: self.ctl(
            node, "is-active raftblk-test.target").strip() == "active", 120)
        self.ctl(node, "add-wants " + ACTIVE + " ticker.service")

    def ctl(self, node, words, timeout=200):
        """systemctl, whatever comes of it."""
        return self.m.sh(node, f"nsenter -t {self.pid[node]} -m -p systemctl {words} 2>&1; true",
                         timeout=timeout)

    def inside(self, node, script):
        return self.m.sh(node, f"nsenter -t {self.pid[node]} -m -p sh -c '{script}'")

    def is_active(self, node, unit=ACTIVE):
        return self.ctl(node, f"is-active {unit}").strip() == "active"

    def active(self, among=None):
        found = [n for n in among or self.m.up_nodes() if self.is_active(n)]
        if len(found) > 1 and not self.m.cluster.network.cuts():
            raise MembersError(f"active on {found}")
        return found[0] if found else None

    def ticks(self, node):
        """The number of lines that the service has written on each node."""
        count = {}
        for line in self.inside(node, "cat /srv/vol/ticks").splitlines():
            count[line.split()[0]] = count.get(line.split()[0], 0) + 1
        return count

    def works_on(self, node, before=None):
        """Checks that the service runs with what was written before; returns what is synced."""
        first = self.ticks(node)
        for name, count in (before or {}).items():
            if first.get(name, 0) < count:
                raise MembersError(f"{count} lines of {name} were there, now {first.get(name, 0)}")
        wait_for(f"the service on {node} to go on",
                 lambda: self.ticks(node).get(node, 0) > first.get(node, 0) + 2)
        synced = self.ticks(node)
        synced[node] -= 1       # each line is synced before the next one is written
        return synced


def units_start(s):
    s.m.cluster.parallel(lambda n: s.ctl(n, "start raftblk-mount@vol"), ",".join(s.m.names))
    node = wait_for("an active node", s.active, 120)
    s.works_on(node)
    for other in s.m.names:
        if not s.is_active(other, "raftblk@vol") or not s.is_active(other, "raftblk-mount@vol"):
            raise MembersError(s.ctl(other, "status raftblk@vol raftblk-mount@vol"))
    print(f"# active on {node}", flush=True)


def reload_hands_over(s):
    old = s.active()
    before = s.works_on(old)
    s.ctl(old, "reload raftblk-mount@vol")
    new = wait_for("another active node", lambda: s.active([n for n in s.m.names if n != old]), 120)
    s.works_on(new, before)
    if s.is_active(old) or s.is_active(old, "ticker.service"):
        raise MembersError(f"{old} still serves")


def a_refused_stop_changes_nothing(s):
    """The device is open: the volume is up, and the unit says so."""
    node = next(n for n in s.m.names if n != s.active())
    s.m.cluster.spawn(node, "sh", "-c", f"exec sleep 600 <{s.m.device(node)}", output="/run/open")
    wait_for("the device to be open", lambda: s.m.rb(node, "status", "vol", "--field", "openers")
             .strip() != "0")
    s.ctl(node, "stop raftblk@vol")
    wait_for("the unit to be active again", lambda: s.is_active(node, "raftblk@vol"))
    if s.m.rb(node, "status", "vol", "--field", "state").strip() != "running":
        raise MembersError("the volume is not up")
    s.m.sh(node, "pkill -x sleep")
    s.ctl(node, "start raftblk-mount@vol")
    if not s.is_active(node, "raftblk-mount@vol"):
        raise MembersError(s.ctl(node, "status raftblk-mount@vol"))


def moves_when_cut_off(s):
    old = s.active()
    before = s.works_on(old)
    s.m.cluster.isolate(old)
    new = wait_for("another active node", lambda: s.active([n for n in s.m.names if n != old]), 120)
    s.works_on(new, before)
    s.m.cluster.heal()
    wait_for(f"{old} to stop",
             lambda: not s.is_active(old) and not s.is_active(old, "ticker.service"), 120)
    wait_for(f"{old} to be unmounted", lambda: "/srv/vol" not in s.inside(old, "cat /proc/mounts"))
    s.works_on(new)


def moves_when_the_machine_dies(s):
    old = s.active()
    before = s.works_on(old)
    s.m.cluster.kill(old)
    new = wait_for("another active node", lambda: s.active(s.m.up_nodes()), 120)
    after = s.works_on(new, before)
    print(f"# {sum(before.values())} lines before, {sum(after.values())} after: none is lost",
          flush=True)


def stop_takes_all_down(s):
    nodes = s.m.up_nodes()      # there are two left, and they need each other for a quorum
    for unit in ("raftblk-mount@vol", "raftblk@vol"):
        for node in nodes:
            s.ctl(node, f"stop {unit}")
    for node in nodes:
        if "/srv/vol" in s.inside(node, "cat /proc/mounts") or s.is_active(node, "raftblk@vol"):
            raise MembersError(s.ctl(node, "status raftblk@vol raftblk-mount@vol"))
        if s.m.cluster.exec(node, s.m.tool, "status", "vol").code == 0:
            raise MembersError(f"vol is still up on {node}")


def main():
    where, module, kernel = arguments()
    tap = Tap()
    with Cluster.start(where / "c", nodes=3, kernel=kernel, log_size="128M",
                       data_size="128M") as cluster:
        m = Members(cluster, module)
        m.start()
        m.sh(m.names[0], f"mkfs.ext4 -qF {m.device(m.names[0])}")
        s = Machines(m)
        cluster.parallel(lambda n: m.rb(n, "down", "vol"))
        if not tap.attempt("systemd_is_up", lambda: cluster.parallel(s.begin)) or \
           not tap.in_turn([units_start, reload_hands_over,
                            a_refused_stop_changes_nothing, moves_when_cut_off,
                            moves_when_the_machine_dies, stop_takes_all_down], s):
            for node in m.up_nodes():
                tap.trouble(m.sh(node, "tail -n 30 /run/systemd.log; true"))
        tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
