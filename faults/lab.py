# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab of the faults: its hosts, playbooks that run on it, and what is done to its hosts from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "faults"
FOLDER = Path("/var/lib/cloudrepo-lab") / PREFIX
STORE = ROOT / ".ansible/faults"
ADDRESSES = {"worker1": "10.0.10.1", "worker2": "10.0.10.2", "netnode": "10.0.10.3"}
ORCHESTRATOR = "localhost"
WORKERS = {ADDRESSES[name]: name for name in ("worker1", "worker2")}
DATABASE = FOLDER / "database/cluster.yaml"
STATE = "/var/lib/cloudrepo"
# File systems of their own, so that they can be full without harm to this machine. They outlive the hosts' processes.
SMALL = {FOLDER / "hosts/worker2/root" / STATE[1:]: "256m", DATABASE.parent: "2m"}
STILL = FOLDER / "still.img"
FLAVORS = [
    {"name": "still", "cores": 1, "ram_gb": 0.0625, "disk_gb": 1, "image": str(STILL)},
    {"name": "guest", "cores": 1, "ram_gb": 0.125, "disk_gb": 1, "image": "/var/cache/cloudrepo-lab/guest.qcow2"},
]
SETTINGS: dict[str, Any] = {
    "lab_prefix": PREFIX,
    "cloudrepo_database": str(DATABASE),
    "cloudrepo_flavors": FLAVORS,
    "cloudrepo_users": [{"name": name, "quota_vms": 100} for name in ("admin", "alice", "bob")],
    "worker_cpu_overcommit": 100,
}
# A boot sector that halts: cli; hlt; jmp to hlt. Such a guest takes no time.
HALT = b"\xfa\xf4\xeb\xfd".ljust(510, b"\0") + b"\x55\xaa"
PATIENCE_S = 300
PAUSE_S = 0.2
_CHANGED = re.compile(r"^(\w+)\s+: ok=\d+ +changed=[1-9]\d*", re.MULTILINE)


class Broken(Exception):
    """The lab does not do what a fault needs, so that nothing can be said about the collection."""


@dataclass(frozen=True)
class Run:
    """A run of a playbook that has ended.

    Attributes:
        rc: its exit code; negative if a signal has ended it.
        said: its output.
        seconds: how long it took.
    """

    rc: int
    said: str
    seconds: float

    @property
    def changed(self) -> list[str]:
        """The hosts on which it has changed something."""
        return _CHANGED.findall(self.said)


class Started:
    """A run of a playbook that has not ended."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log, self._begin = log, time.monotonic()
        with log.open("w", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    def said(self) -> str:
        """Return the output so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process, or as a terminal does to its process group, unless it has ended."""
        if self._process.poll() is None:
            (os.killpg if group else os.kill)(self._process.pid, number)

    def is_over(self, after_s: float) -> bool:
        """Wait until the run is this old, and return whether it has ended before."""
        try:
            self._process.wait(max(self._begin + after_s - time.monotonic(), 0.001))
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> Run:
        """Wait for the end of the run."""
        rc = self._process.wait(PATIENCE_S * 3)
        return Run(rc, self.said(), time.monotonic() - self._begin)


class Lab:
    """Two workers and a network node on this machine."""

    def __init__(self) -> None:
        self._number = 0
        self.environment: dict[str, str] = {}

    # -- playbooks ---------------------------------------------------------------------------------------------------

    def start(self, playbook: str, *options: str, **variables: Any) -> Started:
        """Start a playbook of the collection with extra variables."""
        self._number += 1
        file = STORE / f"runs/{self._number:04}-{playbook}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**SETTINGS, **variables}), encoding="utf-8")
        command = ["ansible-playbook", "-e", f"@{file}", f"cloudrepo.slices.{playbook}", *options]
        return Started(command, self.environment, file.with_suffix(".log"))

    def run(self, playbook: str, *options: str, **variables: Any) -> Run:
        """Run a playbook of the collection."""
        return self.start(playbook, *options, **variables).end()

    def must(self, playbook: str, *options: str, **variables: Any) -> Run:
        """Run a playbook that has to succeed.

        Raises:
            Broken: it has failed.
        """
        done = self.run(playbook, *options, **variables)
        if done.rc:
            raise Broken(f"{playbook} failed with code {done.rc}: {done.said[-4000:]}")
        return done

    def module(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a module of the collection on the orchestrator, and return its result."""
        encoded = json.dumps({"database": str(DATABASE), **arguments})
        command = ["ansible", "-e", f"lab_prefix={PREFIX}", "orchestrator", "-o"]
        command += ["-m", f"cloudrepo.slices.{name}", "-a", encoded]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        found: dict[str, Any] = json.loads(done.stdout.partition("=> ")[2] or "{}")
        if not found:
            raise Broken(f"{name}: {done.stdout}{done.stderr}")
        return found

    # -- hosts -------------------------------------------------------------------------------------------------------

    def ssh(self, host: str, command: str, stdin: str = "", *, timeout_s: float = PATIENCE_S) -> str:
        """Run a shell command on a host and return its output.

        Raises:
            Broken: it has failed.
        """
        done = subprocess.run(
            [*self.ssh_command(host), command],
            input=stdin,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if done.returncode:
            raise Broken(f"{host}: {command} failed with code {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def ssh_command(self, host: str) -> list[str]:
        """Return the command that a shell command is appended to."""
        return ["ssh", "-F", str(FOLDER / "ssh_config"), "-o", "ConnectTimeout=10", host]

    def script(self, host: str, path: Path, *arguments: str) -> str:
        """Run a Python script of this checkout on a host."""
        return self.ssh(host, " ".join(["python3", "-", *arguments]), path.read_text(encoding="utf-8"))

    def everywhere(self, path: Path, hosts: Sequence[str] = tuple(ADDRESSES)) -> dict[str, str]:
        """Run a Python script on hosts at the same time, and return its output by host."""
        with ThreadPoolExecutor() as pool:
            return dict(zip(hosts, pool.map(lambda host: self.script(host, path), hosts)))

    def power_off(self, host: str) -> None:
        """Kill every process of a host at once, beginning with its systemd."""
        pid = int((FOLDER / f"hosts/{host}/pid").read_text(encoding="ascii"))
        kill(_children(pid))
        await_that(lambda: not kill(_members(host)), f"the end of {host}")

    def power_on(self, *, degraded: bool = False) -> None:
        """Start the hosts that are off; C(degraded) if a unit on them is meant to fail."""
        done = self.run("lab_up")
        if done.rc and not (degraded and "is degraded" in done.said):
            raise Broken(f"lab_up failed with code {done.rc}: {done.said[-4000:]}")

    def set_cable(self, host: str, *, plugged: bool, network: str = "mgmt") -> None:
        """Plug or unplug the cable of a host to the management network or to the trunk."""
        octets = ADDRESSES[host].split(".")
        device = f"h{octets[2]}.{octets[3]}-{network}"
        command = ["ip", "-n", PREFIX, "link", "set", device, "up" if plugged else "down"]
        subprocess.run(command, check=True)

    # -- the lab itself ----------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Start the hosts and prepare them, unless that was done before."""
        if (FOLDER / "prepared").exists():
            self.must("lab_up")
            return
        self.down()
        self.must("lab_up")
        self.power_off("worker2")
        for place, size in SMALL.items():
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place)], check=True)
        STILL.write_bytes(HALT.ljust(1 << 20, b"\0"))
        self.must("lab_up")
        self.must("site")
        (FOLDER / "prepared").touch()

    def down(self) -> None:
        """Remove the lab."""
        for place in SMALL:
            while place.is_mount():
                subprocess.run(["umount", "--lazy", str(place)], check=True)
        self.must("lab_down")


def await_that(condition: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds.

    Raises:
        Broken: it does not.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise Broken(f"{what} has not come within {patience_s} s")
        time.sleep(PAUSE_S)


def kill(pids: Sequence[int]) -> bool:
    """Kill processes, and return whether there were any."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return bool(pids)


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in found.read_text(encoding="ascii").split()] if found.exists() else []


def _members(host: str) -> list[int]:
    """Return the processes in the cgroups of a host."""
    tops = [Path("/sys/fs/cgroup") / kind / "cloudrepo-lab" / PREFIX / host for kind in ("systemd", "unified", "")]
    texts = []
    for path in (path for top in tops if top.is_dir() for path in top.rglob("cgroup.procs")):
        try:
            texts.append(path.read_text(encoding="ascii"))
        except OSError:
            continue  # the cgroup is gone
    return sorted({int(pid) for text in texts for pid in text.split()} - {0})
