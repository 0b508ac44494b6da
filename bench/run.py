# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures deploys and deletes on a separate lab, and compares them with the same work done in other ways.

VMs have 64 MiB, paused or halted CPUs, so that guests do not affect the results, and two interfaces. Slices have 10
VMs that are connected in pairs by 5 links. Every figure is the wall time of a complete command. A run measures every
row once, so that noise of the machine affects all of them. A complete run writes results.json next to this file after
every size, and then docs/benchmark.md; a partial run writes only .ansible/bench/results.json.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import time
from collections import defaultdict
from typing import Any

import profile_deploy
import report
from lab import HERE, SLICE_SIZE, Lab
from measurements import ROOT, CannotMeasure, noise_s
from rows import GROUPS, NAMES, ONCE, check

SIZES = [10, 50, 100]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of VMs (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="number of runs (%(default)s)")
    parser.add_argument("--rows", nargs="+", choices=NAMES, default=NAMES, metavar="ROW", help=", ".join(NAMES))
    parser.add_argument("--keep-lab", action="store_true", help="do not remove the lab at the end")
    options = parser.parse_args()
    if any(size < SLICE_SIZE or size % SLICE_SIZE or size > 200 for size in options.sizes):
        parser.error(f"sizes must be multiples of {SLICE_SIZE}, and at most 200")

    whole = options.sizes == SIZES and set(options.rows) == set(NAMES)
    file = (HERE if whole else ROOT / ".ansible/bench") / "results.json"

    lab = Lab()
    lab.up()
    results = start_results(lab)
    for size in options.sizes:
        for number in range(options.runs):
            measure(lab, size, number, set(options.rows), results)
        if "deploy" in options.rows:
            results["split"][str(size)] = profile_deploy.profile(lab, size)
        report.write_results(results, file)
    if whole:
        report.write_pages(results)
    print(report.table(results))
    if not options.keep_lab:
        lab.down()


def start_results(lab: Lab) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": {
            "cores": os.cpu_count(),
            "processor": processor(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "versions": lab.versions(),
        "runs": defaultdict(lambda: defaultdict(list)),
        "noise": [],
        "split": {},
        "summary": {},
    }


def processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def measure(lab: Lab, size: int, number: int, wanted: set[str], results: dict[str, Any]) -> None:
    """Measure every requested row once with C(size) VMs, together with the rows that it requires."""
    results["noise"].append({"vms": size, "run": number + 1, "work_s": round(noise_s(), 4)})
    for make_rows, names in GROUPS.values():
        if wanted.isdisjoint(names) or (number and make_rows in ONCE):
            continue
        for row in make_rows(lab, size):
            if row.by_ansible:
                lab.connect()
            load = os.getloadavg()[0]
            cost = row.action()
            check(row, cost, lab)
            figures = {"wall_s": round(cost.wall_s, 3), "cpu_s": round(cost.cpu_s, 3), "load": round(load, 2)}
            if row.by_ansible:
                figures["peak_mib"] = round(cost.peak_mib, 1)
            if row.name == "ready":
                figures["waited_s"] = waited_s(cost.said)
            results["runs"][row.name][str(size)].append(figures)
            print(f"{row.name:<24} {size:>4} VMs  {cost.wall_s:7.2f} s   load before {load:.1f}", flush=True)


def waited_s(said: str) -> float:
    """Return how long a deploy has waited for guests, from its output."""
    # Lines of progress have whole seconds.
    found = re.search(r"VMs are ready after ([0-9]+\.[0-9]) s", said)
    if found is None:
        raise CannotMeasure("cannot measure: the deploy did not wait for the guests")
    return float(found[1])


if __name__ == "__main__":
    main()
