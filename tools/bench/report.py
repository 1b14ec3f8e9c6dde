# SPDX-License-Identifier: GPL-2.0
"""From results to tables and verdicts.

Figures of several rounds are joined by their median. Ratios are taken within
a round, between measurements that lie minutes apart, and joined afterwards:
the host's own speed changes more from hour to hour than from minute to minute.
"""

import json
from statistics import median

NODES = ("n1", "n2", "n3")
PARTS = {"raw": 1, "drbd": 2, "raftblk": 3}     # nodes that take part
NOISY_CORES = 0.3

# (job, what, systems, figure, limit): the figure of the first system over that of the second.
TARGETS = (
    ("write-32", "depth 32: IOPS not lower than DRBD's", "iops", ">=", 1.0),
    ("write-1", "depth 1: median latency at most 1.5 times DRBD's", "p50", "<=", 1.5),
)


def progress(title, result):
    """One line for the terminal while the run goes on."""
    fio, window = result["fio"], result["window"]
    text = f"{title:34}"
    if fio:
        text += f" {fio['iops']:8.0f} IOPS  p50 {latency_text(fio, 'p50')} us"
    if window["outside_cores"] > NOISY_CORES:
        text += f"  (others use {window['outside_cores']:.1f} cores)"
    return text


def latency_text(fio, which):
    """With fsync: of the write, then of both, from the start of the write."""
    text = f"{fio[which]:.0f}"
    return f"{text} ({fio['sync'][which]:.0f})" if "sync" in fio else text


class Table:
    """The results of one job."""

    def __init__(self, job, results):
        self.job = job
        self.by_system = {}
        for r in results:
            if r["job"] == job:
                self.by_system.setdefault(r["system"], []).append(r)

    def rounds(self, system, figure):
        """{round: value} of a figure of fio."""
        return {r["round"]: figure(r) for r in self.by_system.get(system, []) if r["fio"]}

    def value(self, system, figure):
        values = self.rounds(system, figure)
        return median(values.values()) if values else None

    def ratio(self, system, other, figure):
        """Median and range of the ratio within each round, or None."""
        mine, theirs = self.rounds(system, figure), self.rounds(other, figure)
        ratios = [mine[n] / theirs[n] for n in mine if theirs.get(n)]
        return (median(ratios), min(ratios), max(ratios)) if ratios else None

    def cost(self, system, figure):
        """Median over the rounds of figure(node counts, requests) for each node."""
        found = []
        for node in NODES[:PARTS[system]]:
            values = [figure(r["window"]["nodes"][node],
                             max(1, r["requests"]) if r["fio"] else r["window"]["seconds"])
                      for r in self.by_system[system]]
            values = [v for v in values if v is not None]
            found.append(median(values) if values else None)
        return found


def number(value):
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 0.01 else "~0"


def ratio_text(ratio):
    if ratio is None:
        return ""
    mid, low, high = ratio
    return f"{mid:.2f}" if low == high else f"{mid:.2f} ({low:.2f}-{high:.2f})"


def per_request(key, unit=1):
    return lambda counts, n: counts[key] / n / unit if key in counts else None


COSTS = (
    ("ki", per_request("insns", 1000)),
    ("packets sent", per_request("sent_packets")),
    ("bytes sent", per_request("sent_bytes")),
    ("disk writes", per_request("writes")),
    ("disk bytes", per_request("write_bytes")),
    ("flushes", per_request("flushes")),
    ("switches", per_request("ctxt")),
)


def slashed(values):
    return " / ".join(number(v) for v in values)


def speed_rows(table, systems):
    rows = [["system", "IOPS", "x raw", "x DRBD", "p50 us", "p99 us", "p50 x DRBD"]]
    for system in systems:
        if system in table.by_system:
            rows.append([system, number(table.value(system, iops)),
                         ratio_text(table.ratio(system, "raw", iops)),
                         ratio_text(table.ratio(system, "drbd", iops)),
                         latency_cell(table, system, "p50"), latency_cell(table, system, "p99"),
                         ratio_text(table.ratio(system, "drbd", whole_p50))])
    return rows


def latency_cell(table, system, which):
    fio = {which: table.value(system, lambda r: r["fio"][which])}
    if "sync" in table.by_system[system][0]["fio"]:
        fio["sync"] = {which: table.value(system, lambda r: r["fio"]["sync"][which])}
    return latency_text(fio, which)


def iops(result):
    return result["fio"]["iops"]


def whole_p50(result):
    """With fsync: of the write and the fsync together, as fio counts it."""
    fio = result["fio"]
    return fio["sync"]["p50"] if "sync" in fio else fio["p50"]


def cost_rows(table, systems):
    rows = [["system", *(name for name, _ in COSTS)]]
    for system in systems:
        if system in table.by_system:
            rows.append([system, *(slashed(table.cost(system, f)) for _, f in COSTS)])
    return rows


def summary_rows(results, order):
    """The figures that are quoted most, all jobs in one table."""
    rows = [["job", "system", "IOPS", "x raw", "x DRBD", "p50 us", "p99 us", "ki"]]
    for job in dict.fromkeys(r["job"] for r in results if r["fio"]):
        table = Table(job, results)
        for system in order:
            if system not in table.by_system:
                continue
            ratios = [table.ratio(system, other, iops) for other in ("raw", "drbd")]
            rows.append([job if system == order[0] else "", system,
                         number(table.value(system, iops)),
                         *(f"{r[0]:.3g}" if r else "" for r in ratios),
                         latency_cell(table, system, "p50"), latency_cell(table, system, "p99"),
                         slashed(table.cost(system, COSTS[0][1]))])
    return rows


def markdown(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]

    def line(row):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
    return "\n".join([line(rows[0]), "|" + "|".join("-" * (w + 2) for w in widths) + "|",
                      *map(line, rows[1:])])


def verdicts(results):
    """[(text, passed or None)] of the targets."""
    found = []
    for job, text, figure, sense, limit in TARGETS:
        ratio = Table(job, results).ratio("raftblk", "drbd", lambda r, f=figure: r["fio"][f])
        if ratio is None:
            found.append((f"{text}: not measured", None))
            continue
        passed = ratio[0] >= limit if sense == ">=" else ratio[0] <= limit
        found.append((f"{text}: {ratio_text(ratio)}, wanted {sense} {limit:g}", passed))
    return found


def noise(results):
    cores = [r["window"]["outside_cores"] for r in results]
    worst = max(cores)
    text = f"Others used {median(cores):.2f} cores of the host (median), {worst:.2f} at the worst."
    if median(cores) > NOISY_CORES:
        text += " NOISY: times are not to be quoted; counts are."
    repaired = sum(r.get("repaired", 0) for r in results)
    if repaired:
        text += f" Leadership had to be brought back to the first node {repaired} times."
    return text


def render(about, jobs, results):
    systems = list(dict.fromkeys(r["system"] for r in results))
    order = [s for s in PARTS if s in systems]
    lines = ["# raftblk: figures", "",
             f"{about['date']}, commit {about['commit']}; three guests ({about['accel']}, "
             f"{about['guest_cpus']} cpu, {about['guest_mib']} MiB, kernel "
             f"{about['guest_kernel']}) on {about['host_cpus']} host cores; {about['qemu']}; "
             f"{about['fio']}.",
             f"{about['rounds']} rounds, windows of {about['seconds']:g} s, region "
             f"{about['region_mib']} MiB. Instructions: {about['instructions']}.",
             *(f"{name}: {text}" for name, text in about["systems"].items() if text),
             noise(results), "",
             markdown(summary_rows(results, order)), "",
             "ki: thousands of instructions for each request, on n1 / n2 / n3.", ""]
    for job in dict.fromkeys(r["job"] for r in results):
        table = Table(job, results)
        lines += [f"## {jobs[job][0]}", ""]
        if jobs[job][1]:
            lines += [markdown(speed_rows(table, order)), "",
                      "For each request, on n1 / n2 / n3:"]
        else:
            lines += ["For each second, on n1 / n2 / n3:"]
        lines += ["", markdown(cost_rows(table, order)), ""]
    lines += ["## Targets", ""]
    words = {True: "PASS", False: "FAIL", None: "----"}
    lines += [f"- {words[passed]}: {text}" for text, passed in verdicts(results)]
    if median(r["window"]["outside_cores"] for r in results) > NOISY_CORES:
        lines += ["", "The host was busy: neither a pass nor a failure proves much."]
    return "\n".join(lines) + "\n"


def publish(out, about, jobs, results):
    """Print and write the tables; whether no target was missed."""
    text = render(about, jobs, results)
    stamp = about["date"][:19].replace(" ", "T").replace(":", "")
    for name in (f"bench-{stamp}", "latest"):
        (out / f"{name}.json").write_text(json.dumps({"about": about, "results": results},
                                                     indent=1) + "\n")
        (out / f"{name}.md").write_text(text)
    print("\n" + text)
    print(f"written: {out}/bench-{stamp}.md and .json (also as latest)")
    return all(passed is not False for _, passed in verdicts(results))
