# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab of the benchmark: its hosts, and commands to use them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from measurements import ROOT, CannotMeasure, Cost, run

HERE = Path(__file__).resolve().parent
PREFIX = "bench"
FOLDER = Path("/var/lib/cloudrepo-lab") / PREFIX
WORKERS = ("worker1", "worker2")
SLICE_SIZE = 10
FLAVORS = [
    {"name": "tiny", "cores": 1, "ram_gb": 0.0625, "disk_gb": 1, "image": "/var/cache/cloudrepo-lab/guest.qcow2"},
    # For VMs whose guests boot.
    {"name": "guest", "cores": 1, "ram_gb": 0.09375, "disk_gb": 1, "image": "/var/cache/cloudrepo-lab/guest.qcow2"},
]
GUEST_MIB = 96
SETTINGS: dict[str, Any] = {
    "lab_prefix": PREFIX,
    "cloudrepo_flavors": FLAVORS,
    "cloudrepo_users": [{"name": "admin", "quota_vms": 1000}],
    "worker_cpu_overcommit": 100,
}
LIBVIRT = ("libvirt-clients", "libvirt-daemon-system", "python3-libvirt", "python3-lxml")
# A copy for the alternatives, because libvirt gives base images to a user of its own.
BASE_IMAGE = "/var/lib/bench/base.img"
# Ansible keeps connections open for 120 s.
CONNECTED_S = 60
# A firmware that halts the CPU, so that guests take no time. A QEMU started with -S would be reported as one that does
# not run, and a drop-in for the units of VMs would be removed.
HALT = """set -eu
firmware=/usr/share/seabios/bios-256k.bin kept=/var/lib/bench/bios-256k.bin
[ -e $kept ] || cp $firmware $kept
cp /var/lib/bench/halt.rom $firmware
"""
UNHALT = "cp /var/lib/bench/bios-256k.bin /usr/share/seabios/"


class Lab:
    """Two workers and a network node on this machine."""

    def __init__(self) -> None:
        self._connected = float("-inf")
        self._folder = tempfile.TemporaryDirectory()

    def up(self) -> None:
        """Start the hosts, without VMs but with the base image. An existing lab is reused if it is empty."""
        if (FOLDER / "ssh_config").exists() and not self._is_clean():
            self.down()
        self.playbook("cloudrepo.slices.lab_up", lab_packages=[*self._packages(), *LIBVIRT])
        self.playbook("cloudrepo.slices.site")
        for worker in WORKERS:
            self.worker_script(worker, "prepare")
        self.halt(True)

    def down(self) -> None:
        self.playbook("cloudrepo.slices.lab_down")

    def halt(self, halted: bool) -> None:
        """Halt the CPUs of VMs that are started from now on, or let their guests boot."""
        for worker in WORKERS:
            self.ssh(worker, "bash -s", stdin=HALT if halted else UNHALT)

    def _is_clean(self) -> bool:
        try:
            return self.count() == (0, 0) and bool(self.ssh(WORKERS[0], "command -v virsh"))
        except CannotMeasure:
            return False

    def _packages(self) -> list[str]:
        import yaml

        defaults = yaml.safe_load((ROOT / "roles/lab/defaults/main.yml").read_text(encoding="utf-8"))
        return list(defaults["lab_packages"])

    def playbook(self, name: str, *, environment: dict[str, str] | None = None, **variables: Any) -> Cost:
        """Run a playbook. See C(run)."""
        return run(self.playbook_command(name, **variables), environment=environment)

    def playbook_command(self, name: str, **variables: Any) -> list[str]:
        """Return the command. Variables are passed in a file, because they may be too long for an argument."""
        file = Path(self._folder.name) / "variables.json"
        file.write_text(json.dumps({**SETTINGS, **variables}), encoding="utf-8")
        return ["ansible-playbook", "-e", f"@{file}", name]

    def connect(self) -> None:
        """Open Ansible's connections to all hosts, as if another playbook had just been run."""
        if time.monotonic() > self._connected + CONNECTED_S:
            run(["ansible", "-e", f"lab_prefix={PREFIX}", "-m", "ping", "servers"])
        self._connected = time.monotonic()

    def ssh(self, host: str, command: str, stdin: str = "") -> str:
        """Run a shell command on a host and return its output."""
        return run([*ssh_command(host), command], stdin=stdin).said

    def worker_script(self, worker: str, action: str) -> str:
        return self.ssh(worker, f"bash -s {action}", stdin=(HERE / "worker.sh").read_text(encoding="utf-8"))

    def on_workers(self, script: str, arguments: str) -> Cost:
        """Run a script on all workers in parallel; C({vlan}) in its arguments is the first VLAN of the worker."""
        begin, cpu_s = time.monotonic(), _children_cpu_s()
        running = [
            subprocess.Popen(
                [*ssh_command(worker), "bash -s " + arguments.format(vlan=1000 + 100 * index)],
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
        said = [process.stdout.read() if process.stdout else "" for process in running]
        if max([process.wait() for process in running]):  # wait for all of them first
            raise CannotMeasure("cannot measure: the script failed:\n" + "\n".join(said))
        return Cost("".join(said), time.monotonic() - begin, _children_cpu_s() - cpu_s, 0)

    def count(self) -> tuple[int, int]:
        """Return the number of running VMs on the workers, and the number of their ports on the bridges."""
        counts = [list(map(int, self.worker_script(worker, "count").split())) for worker in WORKERS]
        return sum(count[0] for count in counts), sum(count[1] for count in counts)

    def tidy(self) -> None:
        """Remove everything that the alternatives left on the workers."""
        self.on_workers((HERE / "worker.sh").read_text(encoding="utf-8"), "tidy")

    def versions(self) -> dict[str, str]:
        """Return the versions of the measured software."""
        said = self.ssh(
            WORKERS[0],
            "dpkg-query --show --showformat='${Package} ${Version}\\n' qemu-system-x86 openvswitch-switch "
            "libvirt-daemon-system systemd openssh-server python3",
        )
        found = dict(line.split() for line in said.splitlines())
        for collection in ("openvswitch/openvswitch", "community/libvirt"):
            manifest = ROOT / ".ansible/bench/ansible_collections" / collection / "MANIFEST.json"
            info = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]
            found[collection.replace("/", ".")] = info["version"]
        found["ansible-core"] = run(["ansible", "--version"]).said.split("]")[0].rpartition(" ")[2]
        return found


def vm(name: str) -> dict[str, Any]:
    return {"name": name, "flavor": "tiny", "data_interfaces": 1}


def topologies(size: int, slice_size: int = SLICE_SIZE) -> list[dict[str, Any]]:
    """Return slices with C(size) VMs in total, connected in pairs."""
    names = [f"vm{number}" for number in range(1, slice_size + 1)]
    links = [{"endpoints": [f"{one}:eth1", f"{two}:eth1"]} for one, two in zip(names[::2], names[1::2])]
    return [
        {"name": f"bench{number}", "vms": [vm(name) for name in names], "links": links}
        for number in range(size // slice_size)
    ]


def guests(size: int) -> dict[str, Any]:
    """Return the variables of a deploy that waits for C(size) guests, each with an address on VLAN 400."""
    slices = [
        {
            **slice_,
            "links": [],
            "vms": [{"name": one["name"], "flavor": "guest", "internet": True} for one in slice_["vms"]],
        }
        for slice_ in topologies(size)
    ]
    return {"slices": slices, "wait_ready": True, "wait_ready_seconds": 3600}


def ssh_command(host: str) -> list[str]:
    return ["ssh", "-F", str(FOLDER / "ssh_config"), host]


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system
