# SPDX-License-Identifier: GPL-2.0
"""fio on the first guest."""

import json
import re
import threading

from util import VmError

FIO_DEADLINE = 180
RAMP = 1.0          # from the first completed request to the window
TAIL = 1.5          # from the window to the end of fio: on a busy host, all is late


class Fio(threading.Thread):
    """fio on n1 for a little longer than the window."""

    def __init__(self, cluster, device, options, size, seconds):
        super().__init__(daemon=True)
        self.cluster, self.result = cluster, None
        self.block_size = 1024 * int(re.search(r"--bs=(\d+)k", options)[1])
        self.argv = ["fio", "--name=bench", f"--filename={device}", f"--size={size}M",
                     "--direct=1", "--ioengine=libaio", "--norandommap", "--randrepeat=0",
                     "--thread", "--time_based", f"--ramp_time={RAMP:g}s",
                     f"--runtime={seconds + TAIL:g}s", "--percentile_list=50:99",
                     # From the call on: what is done within it differs from system to system.
                     "--lat_percentiles=1", "--clat_percentiles=0",
                     "--output-format=json", *options.split()]
        self.start()

    def run(self):
        try:
            self.result = self.cluster.exec("n1", *self.argv, timeout=FIO_DEADLINE)
        except (VmError, OSError) as error:
            self.result = error

    @property
    def ended(self):
        return not self.is_alive()

    def wait(self):
        """IOPS and latencies in microseconds."""
        self.join()
        if isinstance(self.result, Exception):
            raise self.result
        text = self.result.out.decode(errors="replace")
        if self.result.code or "{" not in text:
            raise VmError(f"fio: exit {self.result.code}: "
                          f"{self.result.err.decode(errors='replace').strip() or text[:500]}")
        job = json.loads(text[text.index("{"):])["jobs"][0]
        side = max(job["read"], job["write"], key=lambda s: s["total_ios"])
        figures = {"iops": side["iops"], "bytes_per_second": side["bw_bytes"],
                   "seconds": side["runtime"] / 1000, **latency(side["lat_ns"])}
        if job["sync"]["total_ios"]:
            figures["sync"] = latency(job["sync"]["lat_ns"])
        return figures


def latency(ns):
    percentiles = ns.get("percentile", {})
    return {"mean": ns["mean"] / 1000, "max": ns["max"] / 1000,
            **{name: percentiles.get(key, 0) / 1000
               for name, key in (("p50", "50.000000"), ("p99", "99.000000"))}}
