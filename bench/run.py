# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures deploys and deletes on a lab of its own, against the same work by hand, all in one run.

VMs of 64 MiB, started paused so that guests' own CPU does not blur it; two interfaces; slices of 10 VMs joined in pairs
by 5 links. Every figure is wall time of a whole command. Writes results.json beside this file and prints the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PREFIX = "bench"
LAB = Path("/var/lib/cloudrepo-lab") / PREFIX
WORKERS = ("worker1", "worker2")
SLICE_SIZE = 10
# QEMU paused, everything else as the role worker has it.
PAUSE = r"""set -eu
folder=/etc/systemd/system/cloudrepo-.service.d
{
  echo '[Service]'
  echo ExecStart=
  awk '/^ExecStart=/ { on = 1 } on { print } on && !/\\$/ { exit }' $folder/vm.conf | sed 's/-display none/& -S/'
} > $folder/zz-paused.conf
systemctl daemon-reload
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 50, 100], help="numbers of VMs")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured")
    options = parser.parse_args()
    bench = Bench()
    bench.prepare()
    for size in options.sizes:
        for _run in range(options.runs):
            bench.measure(size)
    bench.write(options.sizes)
    bench.playbook("cloudrepo.slices.lab_down")


class Bench:
    """A lab, and the times measured on it: C(times[row][size]) in seconds, a list of runs."""

    def __init__(self) -> None:
        self.times: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.controller_mib: dict[int, list[float]] = defaultdict(list)
        self.base = ""

    def prepare(self) -> None:
        """Start the lab and have its hosts ready, with the base image in place."""
        self.playbook("cloudrepo.slices.lab_up")
        self.playbook("cloudrepo.slices.site")
        for worker in WORKERS:
            self.ssh(worker, "bash -s", stdin=PAUSE)
        self.base = self.ssh(WORKERS[0], "ls -d /var/lib/cloudrepo/images/*.img").split()[0]
        users = [{"name": "admin", "quota_vms": 1000}]
        self.playbook("cloudrepo.slices.site", cloudrepo_users=users)

    def measure(self, size: int) -> None:
        """Measure every row once for so many VMs."""
        self.clock("floor", size, lambda: self.floor("up", size))
        self.clock("floor_delete", size, lambda: self.floor("down", size))
        self.clock("empty_plays", size, lambda: self.playbook(str(HERE / "empty.yml")))
        slices = topologies(size)
        self.clock("deploy", size, lambda: self.playbook("cloudrepo.slices.deploy", slices=slices))
        said = self.clock("again", size, lambda: self.playbook("cloudrepo.slices.deploy", slice_all=True))
        if "changed=0" not in said or any(f"changed={digit}" in said for digit in range(1, 10)):
            raise SystemExit(f"deploying again changed something:\n{said}")
        one_more = [{**slices[0], "vms": [*slices[0]["vms"], vm("more")]}]
        self.clock("add_one", size, lambda: self.playbook("cloudrepo.slices.deploy", slices=one_more))
        self.clock("delete", size, lambda: self.playbook("cloudrepo.slices.delete", slice_all=True))

    def clock(self, row: str, size: int, action: Callable[[], str]) -> str:
        """Run the action, keep how long it took, and return what it said."""
        begin = time.monotonic()
        said = action()
        took = time.monotonic() - begin
        self.times[row][size].append(round(took, 3))
        print(f"{row:<12} {size:>4} VMs  {took:7.2f} s", flush=True)
        if row == "deploy":
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            self.controller_mib[size].append(round(peak, 1))
        return said

    def floor(self, action: str, size: int) -> str:
        """Do the work by hand on all workers at once."""
        script = (HERE / "floor.sh").read_text(encoding="utf-8")
        share = size // len(WORKERS)
        running = [
            subprocess.Popen(
                [*ssh_command(worker), f"bash -s {action} {share} {1000 + 100 * index} {self.base}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for index, worker in enumerate(WORKERS)
        ]
        for process in running:
            if process.stdin:
                process.stdin.write(script)
                process.stdin.close()
        for process in running:
            said = process.stdout.read() if process.stdout else ""
            if process.wait():
                raise SystemExit(f"the floor failed:\n{said}")
        return ""

    def playbook(self, name: str, **variables: Any) -> str:
        """Run a playbook on the bench's lab and return what it said."""
        settings = {"lab_prefix": PREFIX, "cloudrepo_flavors": FLAVORS, "worker_cpu_overcommit": 100}
        given = json.dumps({**settings, **variables})
        return run(["ansible-playbook", "-e", given, name])

    def ssh(self, host: str, command: str, stdin: str = "") -> str:
        """Run a shell command on a host of the lab."""
        return run([*ssh_command(host), command], stdin=stdin)

    def write(self, sizes: list[int]) -> None:
        """Write results.json and print the medians."""
        summary = {
            row: {str(size): round(statistics.median(by_size[size]), 2) for size in sizes}
            for row, by_size in self.times.items()
        }
        results = {
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
            "versions": run(["ansible", "--version"]).splitlines()[0],
            "runs": self.times,
            "controller_peak_mib": self.controller_mib,
            "summary": summary,
        }
        (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(f"\n{'seconds, medians':<18}" + "".join(f"{size:>8}" for size in sizes))
        for row, by_size in summary.items():
            print(f"{row:<18}" + "".join(f"{by_size[str(size)]:>8.2f}" for size in sizes))


FLAVORS = [
    {"name": "tiny", "cores": 1, "ram_gb": 0.0625, "disk_gb": 1, "image": "/var/cache/cloudrepo-lab/guest.qcow2"},
]


def vm(name: str) -> dict[str, Any]:
    return {"name": name, "flavor": "tiny", "data_interfaces": 1}


def topologies(size: int) -> list[dict[str, Any]]:
    """Return size/10 slices of 10 VMs, joined in pairs."""
    names = [f"vm{number}" for number in range(1, SLICE_SIZE + 1)]
    links = [{"endpoints": [f"{one}:eth1", f"{two}:eth1"]} for one, two in zip(names[::2], names[1::2])]
    return [
        {"name": f"bench{number}", "vms": [vm(name) for name in names], "links": links}
        for number in range(size // SLICE_SIZE)
    ]


def ssh_command(host: str) -> list[str]:
    return ["ssh", "-F", str(LAB / "ssh_config"), host]


def run(command: list[str], *, stdin: str = "") -> str:
    """Run a command and return its output; end with it when the command fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-4000:], file=sys.stderr)
        raise SystemExit(f"could not measure: {command[0]} {command[-1]} ended with {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
