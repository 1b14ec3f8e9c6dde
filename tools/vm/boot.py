# SPDX-License-Identifier: GPL-2.0
"""What a guest boots: kernel, initramfs, and whether KVM can be trusted."""

import bz2
import gzip
import hashlib
import lzma
import os
import struct
import subprocess
from pathlib import Path

from util import CACHE, TOP, VmError, run, write_atomic

GUEST_SOURCES = [Path(__file__).parent / "guest" / n
                 for n in ("init.c", "agent.c", "guest.h")]
# Loaded before there is a root to load anything else from.
BOOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_console",
                "virtio_rng", "9pnet_virtio", "9p", "overlay")
PROBE_SECONDS = 8
# A guest that really runs on KVM answers within a second or two.
KVM_BOOT_SECONDS = 30
TCG_CPU = "max,la57=off,pcid=off,erms=off"


class Kernel:
    """A kernel in a directory with the layout of Debian's image package."""

    def __init__(self, root):
        self.root = Path(root)
        images = sorted(self.root.glob("boot/vmlinuz-*"))
        if len(images) != 1:
            raise VmError(f"{self.root}: expected one boot/vmlinuz-VERSION, found {len(images)}")
        self.image = images[0]
        self.version = self.image.name.removeprefix("vmlinuz-")
        self.modules = self.root / "lib" / "modules" / self.version
        # KASAN or KCSAN: see tools/kernel/
        self.instrumented = self.version.endswith(("-debug", "-kcsan", "-ktkcsan"))

    def boot_modules(self):
        """The .ko files of BOOT_MODULES in loading order."""
        files = []
        for module in BOOT_MODULES:
            out = run("modprobe", "-d", self.root, "-S", self.version,
                      "--show-depends", module)
            for line in out.splitlines():
                kind, _, path = line.strip().partition(" ")
                if kind == "insmod" and path.split()[0] not in files:
                    files.append(path.split()[0])
        return files


def find_kernel(spec):
    """'stock', 'debug', 'kcsan' or a directory."""
    if spec == "stock":
        image = run(TOP / "tools" / "setup", "--print", "kernel").strip()
        return Kernel(Path(image).parents[1])
    if spec in ("debug", "kcsan"):
        root = run(TOP / "tools" / "kernel" / "build-debug", "--print", "root", spec).strip()
        return Kernel(root)
    path = Path(spec).resolve()
    return Kernel(path.parents[1] if path.is_file() else path)


def cached(name, parts, make):
    """CACHE/vm/<name>-<hash of parts>, which make(path) makes if it is missing."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    path = CACHE / "vm" / f"{name}-{digest.hexdigest()[:16]}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        tmp = Path(f"{path}.{os.getpid()}.tmp")
        make(tmp)
        tmp.replace(path)
    return path


def guest_program():
    """The static init and agent, compiled once."""
    def compile_to(path):
        run("gcc", "-static", "-O2", "-s", "-Wall", "-Wextra", "-Wno-unused-result",
            "-o", path, *[s for s in GUEST_SOURCES if s.suffix == ".c"])
    return cached("guest", [s.read_bytes() for s in GUEST_SOURCES], compile_to)


def cpio(files):
    """A newc archive of {name: (mode, bytes)}."""
    out = bytearray()
    for ino, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4)
        out += data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


DECOMPRESSORS = ((b"\xfd7zXZ", lzma.decompress), (b"\x1f\x8b", gzip.decompress),
                 (b"BZh", bz2.decompress),
                 (b"\x28\xb5\x2f\xfd", lambda data: subprocess.run(
                     ["zstd", "-dc"], input=data, capture_output=True).stdout))


def decompress(data):
    for magic, function in DECOMPRESSORS:
        if data.startswith(magic):
            return function(data)
    return data


def base_initramfs(kernel):
    """The part that all nodes share: the program and the modules that it needs."""
    def build(path):
        files = {"init": (0o100755, guest_program().read_bytes())}
        names = []
        for ko in kernel.boot_modules():
            names.append("/" + Path(ko).name)
            files[Path(ko).name] = (0o100644, decompress(Path(ko).read_bytes()))
        files["modules.list"] = (0o100644, "".join(n + "\n" for n in names).encode())
        path.write_bytes(cpio(files))
    return cached("initramfs", [guest_program().read_bytes(), kernel_identity(kernel)], build)


def kernel_identity(kernel):
    stat = kernel.image.stat()
    return f"{kernel.image} {stat.st_size} {stat.st_mtime_ns} {BOOT_MODULES}".encode()


def boot_image(kernel):
    """The kernel, unpacked if possible.

    QEMU starts an ELF image with a PVH note directly. Unpacking on the host saves an
    emulated guest about three seconds. An instrumented kernel (KASAN, KCSAN) cannot be
    entered in that way on 6.1, so it boots the long way.
    """
    if kernel.instrumented:
        return kernel.image
    def unpack(path):
        path.write_bytes(unpacked_elf(kernel.image.read_bytes()) or b"")
    image = cached("vmlinux", [kernel_identity(kernel)], unpack)
    return image if image.stat().st_size else kernel.image


def unpacked_elf(data):
    """The ELF inside a bzImage (boot protocol 2.08), or None."""
    if data[0x202:0x206] != b"HdrS":
        return None
    start = (data[0x1f1] or 4) * 512 + 512
    offset, length = struct.unpack_from("<II", data, 0x248)
    payload = data[start + offset:start + offset + length]
    for magic, function in DECOMPRESSORS:
        if payload.startswith(magic):
            # the last word is the unpacked size, not part of the stream
            elf = lzma.LZMADecompressor().decompress(payload) \
                if function is lzma.decompress else function(payload[:-4])
            return elf if elf.startswith(b"\x7fELF") and has_pvh_note(elf) else None
    return None


def has_pvh_note(elf):
    """An ELF note of owner Xen, type 18 (PHYS32_ENTRY)."""
    return struct.pack("<III", 4, 8, 18) + b"Xen\0" in elf or \
        struct.pack("<III", 4, 4, 18) + b"Xen\0" in elf


def accel_options(accel):
    if accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", TCG_CPU]


def choose_accel(kernel):
    """'kvm' if a guest really runs on it, else 'tcg'; RAFTBLK_ACCEL overrides this."""
    forced = forced_accel()
    if forced:
        return forced
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    verdict = accel_verdict()
    if not verdict.exists():
        for old in verdict.parent.glob("accel-*"):
            old.unlink(missing_ok=True)
        remember_accel("kvm" if kvm_works(kernel) else "tcg")
    return verdict.read_text()


def forced_accel():
    forced = os.environ.get("RAFTBLK_ACCEL")
    if forced and forced not in ("tcg", "kvm"):
        raise VmError(f"RAFTBLK_ACCEL={forced}: expected tcg or kvm")
    return forced


def accel_verdict():
    """The file that says which accelerator works, for as long as this host is up."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return CACHE / "vm" / f"accel-{boot_id}"


def remember_accel(accel):
    verdict = accel_verdict()
    verdict.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(verdict, accel)


def kvm_works(kernel):
    """Boots a guest up to its init, since the existence of /dev/kvm proves nothing.

    With two processors, as guests have them: one of a pair can be the one that hangs.
    """
    argv = ["qemu-system-x86_64", "-M", "pc", *accel_options("kvm"), "-smp", "2", "-m", "256",
            "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
            "-no-reboot", "-kernel", str(boot_image(kernel)),
            "-initrd", str(base_initramfs(kernel)),
            "-append", "console=ttyS0 quiet raftblk.probe reboot=t"]
    try:
        out = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=PROBE_SECONDS).stdout
    except subprocess.TimeoutExpired:
        return False
    return b"probe ok" in out
