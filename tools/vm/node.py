# SPDX-License-Identifier: GPL-2.0
"""One guest: its QEMU, its console, its disks."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import boot
import channel
import net
from disk import DISKS, Disk
from util import Process, VmError, wait_for

COMMAND_LINE = ("console=ttyS0 quiet panic=-1 reboot=t random.trust_cpu=on mitigations=off "
                "kasan_multi_shot kmemleak=on net.ifnames=0")
# Debian's kernel clears every page that it hands out, then again when a user asks for that.
TCG_COMMAND_LINE = ("tsc=reliable no_timer_check clocksource=tsc rcupdate.rcu_cpu_stall_timeout=60 "
                    "init_on_alloc=0")
# Each PCI device has ACPI's table of interrupt routes interpreted. Under emulation this takes
# a kernel with KASAN 10 to 30 s. The BIOS has the routes, too.
INSTRUMENTED_COMMAND_LINE = "pci=noacpi"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "LANG": "C.UTF-8"}


class Node:
    """Node `name` of a cluster with configuration `config`."""

    def __init__(self, directory, run_dir, name, number, config):
        self.name, self.number, self.config = name, number, config
        self.dir, self.run_dir = Path(directory) / name, Path(run_dir)
        self.console = self.dir / "console.log"
        self.qemu = Process(self.run_dir / f"{name}.qemu.pid")
        self.disks = [Disk(self.dir, run_dir, name, d, config["disk_backend"])
                      for d in DISKS]

    @property
    def alive(self):
        return self.qemu.pid is not None

    # -- life ----------------------------------------------------------------

    def start(self, network, kernel):
        """Start QEMU; the guest is not up yet when this returns."""
        if self.alive:
            raise VmError(f"{self.name} is already running")
        for disk in self.disks:
            disk.start()
        self._write_initrd(kernel)
        pidfile = self.dir / "qemu.pidfile"
        pidfile.unlink(missing_ok=True)
        with open(self.console, "a") as console:
            console.write(f"--- {self.name} boots {time.strftime('%F %T')}\n")
        argv = network.enter() + self._command(kernel, pidfile)
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise VmError(f"QEMU of {self.name} did not start (exit {result.returncode}): "
                          f"{result.stderr.strip()}; log: {self.dir}/qemu.log")
        self.qemu.remember(int(pidfile.read_text()))

    def wait_ready(self, deadline):
        """Wait until the agent answers."""
        end = time.monotonic() + deadline
        try:
            channel.Session(self.run_dir, self.name, lambda: self.alive, end).close()
        except VmError as error:
            raise VmError(f"{self.name} did not boot within {deadline} s ({error}) with "
                          f"{self.config['accel']}; the end of its console, {self.console}:\n"
                          f"{self._console_end()}") from None

    def _console_end(self, lines=12):
        text = self.console.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in text[-lines:])

    def kill(self):
        """Crash the machine, while its disks keep their power."""
        self.qemu.kill()

    def stop(self):
        self.qemu.kill()
        for disk in self.disks:
            disk.stop()

    # -- pausing ---------------------------------------------------------------

    def freeze(self):
        """Stop the QEMU process: time goes on without the guest."""
        if not self.qemu.signal(signal.SIGSTOP):
            raise VmError(f"{self.name} is down")

    def pause(self):
        """Stop the guest's processors and its clock."""
        self.qmp("stop")

    def resume(self):
        if not self.qemu.signal(signal.SIGCONT):
            raise VmError(f"{self.name} is down")
        self.qmp("cont")

    def frozen(self):
        pid = self.qemu.pid
        return bool(pid) and Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] == "T"

    def state(self):
        """'down', 'frozen', or what QEMU says: running, paused, ..."""
        if not self.alive:
            return "down"
        if self.frozen():
            return "frozen"
        return self.qmp("query-status")["status"]

    def qmp(self, command, **arguments):
        """Run one QMP command and return its answer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            try:
                sock.connect(f"{self.run_dir}/{self.name}.qmp")
            except OSError as error:
                raise VmError(f"{self.name} is down ({error})") from None
            stream = sock.makefile("rw")
            stream.readline()
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = json.loads(stream.readline() or "{}")
                while "event" in answer:
                    answer = json.loads(stream.readline())
        if "return" not in answer:
            raise VmError(f"{self.name}: QMP {command}: {answer.get('error', 'no answer')}")
        return answer["return"]

    # -- what QEMU is told -----------------------------------------------------

    def shares(self):
        """(tag, mode, path) of the directories that are mounted at the same path."""
        shares = [("checkout", "ro", str(boot.TOP))]
        shares += [(f"share{i}", "rw", p) for i, p in enumerate(self.config["share"])]
        return shares

    def _write_initrd(self, kernel):
        lines = [f"name {self.name}", f"address {net.address(self.number)}"]
        lines += [f"host {net.address(i)} n{i}" for i in range(1, self.config["nodes"] + 1)]
        lines += [f"modules {kernel.modules} {kernel.version}"]
        lines += [f"share {tag} {mode} {path}" for tag, mode, path in self.shares()]
        lines += [f"ports {channel.PORTS}", f"udev {int(self.config['udev'])}"]
        config = "".join(line + "\n" for line in lines).encode()
        # The kernel unpacks several archives one after the other.
        with open(self.dir / "initrd", "wb") as out:
            with open(boot.base_initramfs(kernel), "rb") as base:
                shutil.copyfileobj(base, out)
            out.write(boot.cpio({"config": (0o100644, config)}))

    def _command(self, kernel, pidfile):
        cpus = self.config["cpus"]
        append = [COMMAND_LINE, *self.config["append"]]
        if self.config["accel"] == "tcg":
            append.insert(1, TCG_COMMAND_LINE)
            if kernel.instrumented:
                append.insert(1, INSTRUMENTED_COMMAND_LINE)
        argv = ["qemu-system-x86_64", "-name", f"raftblk-{self.name}",
                "-M", "pc", *boot.accel_options(self.config["accel"]),
                # With one processor and no room for another, QEMU leaves out memory
                # barriers that the thread of a disk relies on.
                "-smp", f"{cpus},maxcpus={max(2, cpus)}", "-m", f"{self.config['mem']}M",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-daemonize", "-pidfile", str(pidfile), "-D", str(self.dir / "qemu.log"),
                "-kernel", str(boot.boot_image(kernel)), "-initrd", str(self.dir / "initrd"),
                "-append", " ".join(append),
                "-chardev", f"file,id=console,path={self.console},append=on",
                "-serial", "chardev:console",
                "-qmp", f"unix:{self.run_dir}/{self.name}.qmp,server=on,wait=off",
                "-device", "virtio-rng-pci"]
        argv += self._network_options() + self._share_options() + self._port_options()
        for disk in self.disks:
            argv += disk.qemu_options()
        return argv + [a.replace("{dir}", str(self.dir)) for a in self.config.get("qemu_args", ())]

    def _network_options(self):
        tap = net.tap(self.name)
        vhost = self.config["accel"] == "kvm" and os.path.exists("/dev/vhost-net")
        return ["-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no,"
                           f"vhost={'on' if vhost else 'off'}",
                "-device", f"virtio-net-pci,netdev=net,mac={net.mac(self.number)},romfile="]

    def _share_options(self):
        options = ["-virtfs", "local,path=/,mount_tag=hostroot,security_model=none,"
                              "readonly=on,multidevs=remap"]
        for tag, mode, path in self.shares():
            readonly = ",readonly=on" if mode == "ro" else ""
            options += ["-virtfs", f"local,path={path.replace(',', ',,')},mount_tag={tag},"
                                   f"security_model=none,multidevs=remap{readonly}"]
        return options

    def _port_options(self):
        options = ["-device", f"virtio-serial-pci,max_ports={channel.PORTS + 1}"]
        for i in range(1, channel.PORTS + 1):
            options += ["-chardev", f"socket,id=p{i},path={self.run_dir}/{self.name}.p{i},"
                                    "server=on,wait=off",
                        "-device", f"virtserialport,chardev=p{i},name=exec{i},nr={i}"]
        return options

    def wait_down(self, deadline):
        wait_for(lambda: not self.alive, deadline, f"end of {self.name}")
