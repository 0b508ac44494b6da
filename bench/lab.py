# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The benchmark's lab: its hosts, what runs on them, and the commands that reach them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import ROOT, CannotMeasure, Cost, run

HERE = Path(__file__).resolve().parent
PREFIX = "bench"
FOLDER = Path("/var/lib/cloudrepo-lab") / PREFIX
WORKERS = ("worker1", "worker2")
SLICE_SIZE = 10
FLAVORS = [
    {"name": "tiny", "cores": 1, "ram_gb": 0.0625, "disk_gb": 1, "image": "/var/cache/cloudrepo-lab/guest.qcow2"},
]
SETTINGS: dict[str, Any] = {
    "lab_prefix": PREFIX,
    "cloudrepo_flavors": FLAVORS,
    "cloudrepo_users": [{"name": "admin", "quota_vms": 1000}],
    "worker_cpu_overcommit": 100,
}
LIBVIRT = ("libvirt-clients", "libvirt-daemon-system", "python3-libvirt", "python3-lxml")
# Connections that Ansible opened stay for 120 s.
CONNECTED_S = 60
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


class Lab:
    """Two workers and a network node on this machine."""

    def __init__(self) -> None:
        self.base = ""
        self._connected = float("-inf")
        self._folder = tempfile.TemporaryDirectory()

    def up(self) -> None:
        """Have the hosts ready and empty, with the base image in place. A lab that is as it shall be is kept."""
        if (FOLDER / "ssh_config").exists() and not self._is_clean():
            self.down()
        self.playbook("cloudrepo.slices.lab_up", lab_packages=[*self._packages(), *LIBVIRT])
        self.playbook("cloudrepo.slices.site")
        for worker in WORKERS:
            self.ssh(worker, "bash -s", stdin=PAUSE)
            self.worker_script(worker, "prepare")
        self.base = self.ssh(WORKERS[0], "ls -d /var/lib/cloudrepo/images/*.img").split()[0]

    def down(self) -> None:
        self.playbook("cloudrepo.slices.lab_down")

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
        """Run a playbook; how, C(run) tells."""
        return run(self.playbook_command(name, **variables), environment=environment)

    def playbook_command(self, name: str, **variables: Any) -> list[str]:
        """Return the command; its variables are in a file, since there may be too many for an argument."""
        file = Path(self._folder.name) / "variables.json"
        file.write_text(json.dumps({**SETTINGS, **variables}), encoding="utf-8")
        return ["ansible-playbook", "-e", f"@{file}", name]

    def connect(self) -> None:
        """Have Ansible's connections to all hosts open, as they are while one playbook follows another."""
        if time.monotonic() > self._connected + CONNECTED_S:
            run(["ansible", "-e", f"lab_prefix={PREFIX}", "-m", "ping", "servers"])
        self._connected = time.monotonic()

    def ssh(self, host: str, command: str, stdin: str = "") -> str:
        """Run a shell command on a host and return what it printed."""
        return run([*ssh_command(host), command], stdin=stdin).said

    def worker_script(self, worker: str, action: str) -> str:
        return self.ssh(worker, f"bash -s {action}", stdin=(HERE / "worker.sh").read_text(encoding="utf-8"))

    def on_workers(self, script: str, arguments: str) -> Cost:
        """Run a script by one ssh for each worker, on all at once; C({vlan}) in its arguments is the worker's first."""
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
        if max([process.wait() for process in running]):  # all are reaped before any is judged
            raise CannotMeasure("could not measure: by hand it failed:\n" + "\n".join(said))
        return Cost("".join(said), time.monotonic() - begin, _children_cpu_s() - cpu_s, 0)

    def count(self) -> tuple[int, int]:
        """Return how many VMs run on the workers, and how many ports their bridges have for them."""
        counts = [list(map(int, self.worker_script(worker, "count").split())) for worker in WORKERS]
        return sum(count[0] for count in counts), sum(count[1] for count in counts)

    def tidy(self) -> None:
        """Take away what others than we left on the workers."""
        self.on_workers((HERE / "worker.sh").read_text(encoding="utf-8"), "tidy")

    def versions(self) -> dict[str, str]:
        """Return what is measured, by name."""
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
    """Return slices of so many VMs, joined in pairs."""
    names = [f"vm{number}" for number in range(1, slice_size + 1)]
    links = [{"endpoints": [f"{one}:eth1", f"{two}:eth1"]} for one, two in zip(names[::2], names[1::2])]
    return [
        {"name": f"bench{number}", "vms": [vm(name) for name in names], "links": links}
        for number in range(size // slice_size)
    ]


def ssh_command(host: str) -> list[str]:
    return ["ssh", "-F", str(FOLDER / "ssh_config"), host]


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system
