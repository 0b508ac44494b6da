# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures the load of many workers and VMs on the controller, with simulated hosts behind real connections.

Up to 50 hosts are addresses of one worker of the benchmark's lab. Each has its own connection and folders, and runs
the unmodified modules, or the program of that worker. Only the programs that these call are fakes, which record their
arguments and answer from a recording. Hosts and controller share the machine, so the controller's CPU time and memory
are more significant than wall time. A complete run writes simulation.json next to this file; a run of fewer cases
writes only .ansible/bench/simulation.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import profile_deploy
import report
from lab import FOLDER, HERE, PREFIX, WORKERS, Lab, topologies
from measurements import ROOT, CannotMeasure, Memory, memory_mib, run

HOST = WORKERS[0]
FIRST_ADDRESS = "10.0.10.101"
MOST_HOSTS = 50
# Each slice needs a pool of VLANs, and there are about a hundred.
SLICE_SIZE = 25
STATE_DIR = "/var/lib/cloudrepo"
DATABASE = FOLDER / "simulated.yaml"
Case = tuple[int, int, int]
# Workers, VMs, forks. Each of them is varied.
CASES: tuple[Case, ...] = (
    (10, 0, 25),
    (25, 0, 25),
    (50, 0, 25),
    (10, 500, 25),
    (25, 500, 25),
    (50, 500, 25),
    (50, 2000, 25),
    (50, 2000, 5),
    (50, 2000, 50),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cases", nargs="+", type=case, default=CASES, metavar="WORKERS,VMS,FORKS", help="for example 50,2000,25"
    )
    parser.add_argument("--keep-lab", action="store_true", help="do not remove the lab at the end")
    options = parser.parse_args()
    whole = set(options.cases) == set(CASES)
    file = (HERE if whole else ROOT / ".ansible/bench") / "simulation.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    lab = Lab()
    lab.up()
    simulation = Simulation(lab)
    simulation.up()
    found = []
    for workers, vms, forks in options.cases:
        figures = simulation.measure(workers, vms, forks)
        found.append(figures)
        print(json.dumps(figures), flush=True)
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    simulation.down()
    print(table(found))
    if whole:
        report.replace_part("simulated", table(found))
    if not options.keep_lab:
        lab.down()


def case(text: str) -> Case:
    workers, vms, forks = map(int, text.split(","))
    if workers > MOST_HOSTS or vms % SLICE_SIZE:
        raise argparse.ArgumentTypeError(f"at most {MOST_HOSTS} workers, and a multiple of {SLICE_SIZE} VMs")
    return workers, vms, forks


class Simulation:
    """Simulated hosts on one worker."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def up(self) -> None:
        files = ("fake.sh", "qmp.py")
        self._lab.ssh(HOST, "mkdir -p /opt/simulated")
        for name in files:
            text = (HERE / "simulated" / name).read_text(encoding="utf-8")
            self._lab.ssh(HOST, f"cat > /opt/simulated/{name}", stdin=text)
        self._hosts("up")

    def down(self) -> None:
        profile_deploy.disconnect()
        self._hosts("down")

    def measure(self, workers: int, vms: int, forks: int) -> dict[str, Any]:
        """Deploy C(vms) VMs to C(workers) empty workers, and return time and memory.

        Raises:
            CannotMeasure: not all VMs were started.
        """
        self._reset()
        memory = Memory(every_s=0.3)
        with tempfile.TemporaryDirectory() as name:
            environment = {"ANSIBLE_INVENTORY": name, "ANSIBLE_FORKS": str(forks)}
            settings = self._register(environment, workers, vms)
            connecting = time.monotonic()
            run(["ansible", "-e", f"lab_prefix={PREFIX}", "-m", "ping", "servers"], environment=environment)
            connected = time.monotonic()
            wanted = {"slices": topologies(vms, SLICE_SIZE)} if vms else {"slice_all": True}
            deploy = profile_deploy.stamped(
                self._lab, "cloudrepo.slices.deploy", memory=memory, environment=environment, **settings, **wanted
            )
        started, calls = map(int, self._hosts("started").split())
        if started != vms:
            raise CannotMeasure(f"cannot measure: {started} of {vms} VMs were started")
        _check, plan, apply, record, *_wait = (round(end - begin, 2) for _name, begin, end in deploy.plays)
        return {
            "workers": workers,
            "vms": vms,
            "forks": forks,
            "wall_s": round(deploy.cost.wall_s, 2),
            "plan_s": plan,
            "apply_s": apply,
            "record_s": record,
            "controller_cpu_s": round(deploy.cost.cpu_s, 2),
            "largest_mib": round(deploy.cost.peak_mib, 1),
            "together_mib": round(memory.peak_mib, 1),
            "connecting_s": round(connected - connecting, 2),
            "connections_mib": round(memory_mib(connections()), 1),
            "host_calls": calls,
            "load": round(os.getloadavg()[0], 2),
        }

    def _reset(self) -> None:
        """Remove everything from the hosts, the database, and the open connections."""
        self._hosts("reset")
        for file in DATABASE.parent.glob(f"{DATABASE.name}*"):
            if file.is_file():
                file.unlink()
        profile_deploy.disconnect()

    def _register(self, environment: dict[str, str], workers: int, vms: int) -> dict[str, Any]:
        """Write the inventory, register the workers, and return the variables for playbooks."""
        write_inventory(Path(environment["ANSIBLE_INVENTORY"]), workers)
        settings = {
            "cloudrepo_database": str(DATABASE),
            "cloudrepo_users": [{"name": "admin", "quota_vms": 10 * vms}],
            "simulated_workers": [{"ip": address(number), "cores": 64, "ram_gb": 256} for number in range(workers)],
        }
        self._lab.playbook(str(HERE / "simulated/register.yml"), environment=environment, **settings)
        return settings

    def _hosts(self, action: str) -> str:
        script = (HERE / "simulated/hosts.sh").read_text(encoding="utf-8")
        return self._lab.ssh(HOST, f"bash -s {action} {MOST_HOSTS} {FIRST_ADDRESS} {STATE_DIR}", stdin=script)


def address(number: int) -> str:
    network, _dot, first = FIRST_ADDRESS.rpartition(".")
    return f"{network}.{int(first) + number}"


def write_inventory(folder: Path, workers: int) -> None:
    """Write an inventory like the lab's, with simulated workers."""
    (folder / "group_vars").symlink_to(HERE.parent / "inventory/lab/group_vars")
    hosts = {
        f"simulated{number}": {
            "ansible_host": address(number),
            # Modules and the program that applies work orders are both started by the shell.
            "ansible_shell_executable": f"/opt/simulated/{number}/sh",
            # All addresses belong to the same sshd, whose key the lab has pinned under this address.
            "ansible_ssh_extra_args": "-o HostKeyAlias=10.0.10.1",
        }
        for number in range(workers)
    }
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = {
        "orchestrator": {"hosts": {"localhost": local}},
        "servers": {
            "children": {
                "workers": {"hosts": hosts},
                "network_node": {"hosts": {"netnode": {"ansible_host": "10.0.10.3"}}},
            }
        },
    }
    (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")


def connections() -> Iterator[int]:
    """Yield the pids of ssh processes that keep Ansible's connections to the lab open."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # the process has ended
        if f"{FOLDER}/cp/" in command:
            yield int(folder.name)


def table(found: Sequence[dict[str, Any]]) -> str:
    """Return a table of the cases, and the cost of a worker and of a VM, if there are enough cases."""
    columns = {
        "workers": "workers",
        "vms": "VMs",
        "forks": "forks",
        "wall_s": "total, s",
        "plan_s": "plan, s",
        "apply_s": "apply, s",
        "record_s": "record, s",
        "controller_cpu_s": "controller's CPU time, s",
        "largest_mib": "largest process, MiB",
        "together_mib": "all processes, MiB",
        "connecting_s": "connections, s",
    }
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + "---:|" * len(columns)]
    lines.extend("| " + " | ".join(str(row[key]) for key in columns) + " |" for row in found)
    return "\n".join([*lines, "", *slopes(found)])


def slopes(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    by_case = {(row["workers"], row["vms"], row["forks"]): row for row in found}

    def slope(few: Case, many: Case, key: str, count: int) -> float:
        return float(by_case[many][key] - by_case[few][key]) / (many[count] - few[count])

    hosts, vms = ((10, 0, 25), (50, 0, 25)), ((50, 0, 25), (50, 2000, 25))
    if {*hosts, *vms} <= set(by_case):
        yield (
            f"On the controller, a worker takes {slope(*hosts, 'controller_cpu_s', 0) * 1000:.0f} ms of CPU time, and "
            f"{by_case[50, 0, 25]['connections_mib'] / 51:.1f} MiB for its connection. A VM takes "
            f"{slope(*vms, 'controller_cpu_s', 1) * 1000:.1f} ms of CPU time, {slope(*vms, 'plan_s', 1) * 1000:.1f} ms "
            f"of planning, {slope(*vms, 'record_s', 1) * 1000:.1f} ms of recording and "
            f"{slope(*vms, 'largest_mib', 1) * 1024:.0f} KiB of the largest process."
        )
        most = by_case[50, 2000, 25]
        alone_s = most["wall_s"] - most["apply_s"]
        yield (
            f"\nWith 50 workers and 2,000 VMs, {alone_s:.0f} of {most['wall_s']:.0f} s are spent in one process while "
            "the workers wait (start, plan, record). More forks or nodes do not shorten that."
        )
    by_forks = {forks: row for (workers, count, forks), row in by_case.items() if (workers, count) == (50, 2000)}
    if len(by_forks) > 1:
        by_number = ", ".join(
            f"{row['apply_s']:.0f} s and {row['together_mib']:.0f} MiB with {forks}"
            for forks, row in sorted(by_forks.items())
        )
        yield f"\nForks: applying the work orders takes {by_number}."


if __name__ == "__main__":
    main()
