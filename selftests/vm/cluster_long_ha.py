#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A database that moves: PostgreSQL on a raftblk volume, "raftblk hold" on three machines.

A client inserts rows and counts those that were confirmed to it. The machine with the
database crashes, is cut off, or hands over. Afterwards every confirmed row has to be there.
This tests the program that the units run; cluster_long_systemd.py tests the units.

Run by selftests/vm/run: DIRECTORY MODULE KERNEL. Prints KTAP lines.
"""

import contextlib
import glob
import threading
import time

from machines import Cluster, Members, MembersError, Tap, arguments, wait_for

DIR = "/srv/ha"
PG = DIR + "/pg"
LOG = "/run/hold.log"
HOSTS = "10.77.0.1,10.77.0.2,10.77.0.3"
# With these, the client notices within seconds, not minutes, that a server has vanished.
CONNECT = (f"host={HOSTS} dbname=postgres user=postgres connect_timeout=3 tcp_user_timeout=3000 "
           "keepalives_idle=1 keepalives_interval=1 keepalives_count=3")
# Each database session numbers its rows independently, so it does not matter what became of an
# unconfirmed row.
CLIENT = r'''
s=$1
while :; do
	s=$((s + 1))
	i=0
	while echo "INSERT INTO t VALUES ($s, $((i += 1))) RETURNING s || '.' || n;"; do
		:
	done 2>/dev/null |
		stdbuf -oL "$3"/psql -qAt "$2" 2>/dev/null
	sleep 0.2
done
'''


def pg_bin():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))
    return found[-1].rsplit("/", 1)[0] if found else None


class Client(threading.Thread):
    """Inserts rows from a node, and knows which of them were confirmed."""
    sessions = 0

    def __init__(self, ha, node):
        super().__init__(daemon=True)
        self.ha, self.node, self.rest = ha, node, b""
        self.rows = set()
        self.longest, self.last = 0.0, time.monotonic()     # wait between two confirmations
        Client.sessions += 1000
        self.first = Client.sessions
        self.start()

    def output(self, kind, data):
        if kind != "O":
            return
        self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        self.rows.update(line.decode() for line in lines)
        if lines:
            self.longest = max(self.longest, time.monotonic() - self.last)
            self.last = time.monotonic()

    def run(self):
        argv = ["bash", "-c", CLIENT, "client", str(self.first), CONNECT, pg_bin()]
        with contextlib.suppress(Exception):    # it is killed in the end
            self.ha.m.cluster.attach(self.node, argv, None, self.output)

    def more(self, n, deadline=120):
        want = len(self.rows) + n
        wait_for(f"{n} rows more", lambda: len(self.rows) >= want, deadline)

    def outage(self, what):
        """Calls `what` and waits for rows; returns for how long none was confirmed."""
        self.longest = 0.0
        what()
        # Rows that arrive now may have been confirmed before.
        time.sleep(2)
        self.more(20)
        return self.longest

    def stop(self):
        self.ha.m.sh(self.node, "pkill -x bash; pkill -x psql; true")
        self.join(20)
        self.ha.confirmed |= self.rows


class Ha:
    def __init__(self, members):
        self.m = members
        self.confirmed = set()
        self.pid = {}

    def prepare(self):
        m, first, bindir = self.m, self.m.names[0], pg_bin()
        # It may be called again while the server runs; a pid file of another machine says nothing.
        pg_ctl = f"runuser -u postgres -- {bindir}/pg_ctl -D {PG} -w"
        self.start_command = ("pgrep -u postgres >/dev/null && exit 0; "
                              f"rm -f {PG}/postmaster.pid && {pg_ctl} -t 80 -l /tmp/pg.log start "
                              "</dev/null >/dev/null 2>&1")
        self.stop_command = ('if [ "$RAFTBLK_LOST" ]; then pkill -9 -u postgres; else '
                             f"{pg_ctl} -m fast -t 60 stop >/dev/null; fi; true")
        dev = m.device(first)
        m.sh(first, f"""set -e
            mkdir -p {DIR}; mkfs.ext4 -q {dev}; mount {dev} {DIR}
            mkdir {PG}; chown postgres: {PG}
            runuser -u postgres -- {bindir}/initdb -N -A trust -D {PG} >/dev/null
            printf '%s\\n' "listen_addresses = '*'" "unix_socket_directories = '/tmp'" \\
                "shared_buffers = 16MB" >>{PG}/postgresql.conf
            echo "host all all 10.77.0.0/24 trust" >>{PG}/pg_hba.conf
            ({self.start_command})
            {bindir}/psql -q -h /tmp -U postgres -c 'CREATE TABLE t (s int, n int)'
            RAFTBLK_LOST=; {self.stop_command}
            umount {DIR}""", timeout=400)
        for name in m.names:
            self.hold(name)

    def hold(self, node):
        self.m.sh(node, f"mkdir -p {DIR}")
        self.pid[node] = self.m.cluster.spawn(
            node, self.m.tool, "hold", self.m.volume, DIR, "--start", self.start_command,
            "--stop", self.stop_command, output=LOG)

    def active(self, among=None):
        """The node whose program says that it is active, or None."""
        for name in among or self.m.up_nodes():
            if self.says(name).startswith("active on"):
                return name
        return None

    def says(self, node):
        out = self.m.sh(node, f"tail -n 1 {LOG} 2>/dev/null; true")
        return out.strip().split(": ", 1)[-1]

    def others(self, node):
        return [n for n in self.m.names if n != node]

    def check_rows(self):
        """Checks that every confirmed row is there exactly once."""
        node = wait_for("an active node", self.active, 120)
        out = self.m.sh(node, f"{pg_bin()}/psql -qAt '{CONNECT}' -c "
                              "\"SELECT s || '.' || n FROM t\"", timeout=120)
        rows = out.split()
        missing = self.confirmed - set(rows)
        if missing:
            raise MembersError(f"{len(missing)} of {len(self.confirmed)} confirmed rows are gone: "
                               f"{sorted(missing)[:5]}")
        if len(rows) != len(set(rows)):
            raise MembersError("rows are there twice")
        print(f"# {len(self.confirmed)} rows confirmed, all of {len(rows)} rows read on {node}")


def served(ha):
    """The active node, and a client on another node whose rows it confirms."""
    node = ha.active()
    client = Client(ha, ha.others(node)[0])
    client.more(30)
    return node, client


def one_is_active(ha):
    node = wait_for("an active node", ha.active, 120)
    for other in ha.others(node):
        if not ha.says(other).startswith("waiting for the session"):
            raise MembersError(f"{other} says: {ha.says(other)}")
    client = Client(ha, ha.others(node)[0])
    client.more(20)
    client.stop()
    ha.check_rows()


def moves_when_the_machine_crashes(ha):
    old, client = served(ha)
    seconds = client.outage(lambda: ha.m.cluster.kill(old))
    print(f"# {old} killed: no row was confirmed for {seconds:.1f} s")
    client.stop()
    ha.check_rows()
    ha.m.cluster.restart(old)
    ha.m.rejoin(old)
    ha.hold(old)


def moves_when_the_machine_is_cut_off(ha):
    old, client = served(ha)
    seconds = client.outage(lambda: ha.m.cluster.isolate(old))
    print(f"# {old} cut off: no row was confirmed for {seconds:.1f} s")
    ha.m.cluster.heal()
    # The node is fenced when it is back: the service there has to stop, and the node waits again.
    began = time.monotonic()
    wait_for(f"{old} stops and waits",
             lambda: ha.says(old).startswith("waiting for the session"), 120)
    print(f"# {old} back: stopped and waiting after {time.monotonic() - began:.1f} s")
    ha.m.sh(old, f"! pgrep -u postgres && ! grep ' {DIR} ' /proc/mounts")
    log = ha.m.sh(old, f"cat {LOG}")
    if "the session was lost" not in log:
        raise MembersError(f"{old} does not say that it lost the session: {log}")
    client.more(10)
    client.stop()
    ha.check_rows()


def moves_when_asked_to(ha):
    old, client = served(ha)
    seconds = client.outage(lambda: ha.m.sh(old, f"kill -HUP {ha.pid[old]}"))
    print(f"# {old} handed over to {ha.active(ha.others(old))}: "
          f"no row was confirmed for {seconds:.1f} s")
    client.stop()
    ha.check_rows()


def its_program_may_die(ha):
    node, client = served(ha)
    ha.m.sh(node, f"kill -9 {ha.pid[node]}")
    ha.hold(node)
    wait_for("it is active again", lambda: ha.active([node]), 60)
    client.more(10)
    client.stop()
    ha.check_rows()


def ends_clean(ha):
    for name in ha.m.names:
        ha.m.sh(name, f"kill {ha.pid[name]}")
    for name in ha.m.names:
        wait_for(f"hold on {name} ends",
                 lambda name=name: ha.m.cluster.exec(name, "pgrep", "-f", "raftblk hold").code, 120)
        ha.m.sh(name, f"! pgrep -u postgres && ! grep ' {DIR} ' /proc/mounts")
    first = ha.m.names[0]
    ha.m.sh(first, f"fsck.ext4 -fn {ha.m.device(first)}", timeout=300)
    ha.m.compare_replicas()


def tell_logs(m):
    for name in m.up_nodes():
        log = m.cluster.exec(name, "tail", "-n", "20", LOG).out.decode(errors="replace")
        print("\n".join(f"# {name}: {line}" for line in log.splitlines()))


def main():
    where, module, kernel = arguments()
    if not pg_bin():
        print("ok 1 # SKIP no PostgreSQL here; tools/setup postgres installs it")
        return
    tap = Tap()
    with Cluster.start(where / "c", nodes=3, kernel=kernel, log_size="128M",
                       data_size="320M") as cluster:
        m = Members(cluster, module)
        m.start()
        ha = Ha(m)
        ha.prepare()
        if not tap.in_turn([one_is_active, moves_when_the_machine_crashes,
                            moves_when_the_machine_is_cut_off, moves_when_asked_to,
                            its_program_may_die, ends_clean], ha):
            tell_logs(m)
        tap.consoles(cluster)
    tap.end()


if __name__ == "__main__":
    main()
