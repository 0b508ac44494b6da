# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A packet capture on an interface of a VM: tcpdump on its tap, in a transient unit with limits of time and size.

The unit is in the systemd slice of the VM's slice and the file in the VM's folder, so that both are removed with them.
systemd opens the file. tcpdump, which parses the packets of tenants, runs in a sandbox with only C(CAP_NET_RAW).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from ... import bounds
from ...changes import Change, between
from ...errors import Refusal, Refused, SlicesError
from .. import files, systemd
from ..qemu.apply import Clock
from ..qemu.config import STARTED, read_started
from ..runner import Runner
from ..systemd import Unit
from ..work_order import folder_of

# The maximum of tcpdump, longer than any frame of a tap.
_SNAPLEN = 262144
_FILE_HEADER = 24
_RECORD_HEADER = 16
_MAGICS = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}
_PAUSE_S = 0.02
_LOOK_EVERY_S = 0.25
_SANDBOX = (
    "LimitCORE=0",
    "DynamicUser=yes",
    "AmbientCapabilities=CAP_NET_RAW",
    "CapabilityBoundingSet=CAP_NET_RAW",
    "PrivateDevices=yes",
    "ProtectHome=yes",
    "ProtectProc=invisible",
    "RestrictAddressFamilies=AF_PACKET AF_NETLINK AF_UNIX AF_INET",
    "RestrictNamespaces=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
)


@dataclass(frozen=True)
class Bounds:
    """The limits of a capture, which ends at the first one that is reached."""

    seconds: int
    mib: int

    def check(self) -> None:
        """Raise C(Refused) if a limit is out of range."""
        refusals = [
            *bounds.CAPTURE_S.problems("capture", "seconds", self.seconds),
            *bounds.CAPTURE_MIB.problems("capture", "mib", self.mib),
        ]
        if refusals:
            raise Refused(refusals)

    def __str__(self) -> str:
        return f"{self.seconds} s, {self.mib} MiB"


@dataclass(frozen=True)
class Target:
    """An interface of a VM on this host."""

    slice_id: int
    vm_id: int
    vm_name: str
    interface: str
    tap: str
    path: str

    @property
    def unit(self) -> str:
        """The unit of its capture."""
        return systemd.capture_unit(self.slice_id, self.vm_id, self.interface)

    @property
    def id(self) -> str:
        """Identifies the capture on this host."""
        return f"{self.vm_id}:{self.interface}"

    @property
    def name(self) -> str:
        """The name of the capture for messages."""
        return f"{self.vm_name}:{self.interface}"

    def __str__(self) -> str:
        return f"VM {self.vm_id} ({self.vm_name}) {self.interface}"

    def describe(self, bounds: Bounds) -> str:
        """Return the description of the unit, which contains the limits."""
        return f"Capture of {self.tap} of slice {self.slice_id}, {bounds}"


@dataclass(frozen=True)
class Capture:
    """The observed state of a capture.

    Attributes:
        running: the description of its unit; C(None) if the unit is not active.
        exists: whether the file exists.
        vm_runs: whether the VM is running.
    """

    running: str | None = None
    exists: bool = False
    vm_runs: bool = False

    @property
    def attributes(self) -> dict[str, str] | None:
        """The attributes for a change; C(None) if there is no capture."""
        if self.running is not None:
            return {"state": "running", "description": self.running}
        return {"state": "ended"} if self.exists else None


@dataclass(frozen=True)
class Todo:
    """The plan for a capture."""

    start: bool = False
    end: bool = False
    remove: bool = False
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Content:
    """The number of complete packets in a capture's file, and its size in bytes up to the last one."""

    packets: int
    size: int


def find(vm_id: int, interface: str, *, state_dir: str) -> Target | None:
    """Return the interface with the tap that its VM was started with; C(None) if the VM is not on this host.

    Raises:
        Refused: the VM has no interface of this name.
    """
    folder = folder_of(state_dir, vm_id)
    started = read_started(files.read_text(f"{folder}/{STARTED}"))
    if started is None:
        return None
    taps = {nic["name"]: nic["tap"] for nic in started["interfaces"]}
    if interface not in taps:
        figures = {"kind": "interface", "name": interface, "known": list(taps)}
        raise Refused([Refusal("unknown_reference", f"VM {vm_id} ({started['name']})", figures)])
    return Target(started["slice_id"], vm_id, started["name"], interface, taps[interface], f"{folder}/{interface}.pcap")


def need(target: Target | None, vm_id: int) -> Target:
    """Return the target.

    Raises:
        Refused: the VM is not on this host.
    """
    if target is None:
        raise Refused([Refusal("vm_not_on_host", f"VM {vm_id}")])
    return target


def observe(target: Target, runner: Runner) -> Capture:
    """Return the state of the interface's capture."""
    vm = systemd.look_again([Unit(target.slice_id, target.vm_id)], runner).get(target.vm_id)
    return Capture(_running(target, runner), os.path.exists(target.path), vm is not None and vm.live)


def plan(target: Target, have: Capture, state: str, bounds: Bounds) -> Todo:
    """Return the plan for the state C(started), C(stopped) or C(absent).

    Raises:
        Refused: a limit is out of range, the VM is not running, a capture is running with other limits, or there is
            no capture to stop.
    """
    runs = have.running is not None
    if state == "absent":
        gone = between("capture", target.id, have.attributes, None, name=target.name)
        return Todo(end=runs, remove=have.exists, changes=(gone,) if runs or have.exists else ())
    if state == "stopped":
        if not have.exists:
            raise Refused([Refusal("capture_missing", str(target))])
        stop = Change("capture", target.id, "stop", have.attributes, {"state": "ended"}, name=target.name)
        return Todo(end=runs, changes=(stop,) if runs else ())
    bounds.check()
    if runs and have.running != target.describe(bounds):
        raise Refused([Refusal("capture_running", str(target), {"running": have.running})])
    if not runs and not have.vm_runs:
        raise Refused([Refusal("vm_not_running", f"VM {target.vm_id} ({target.vm_name})")])
    after = Capture(target.describe(bounds)).attributes
    start = Change("capture", target.id, "start", have.attributes, after, name=target.name)
    return Todo(start=not runs, changes=() if runs else (start,))


def apply(
    todo: Todo, target: Target, bounds: Bounds, runner: Runner, clock: Clock, *, wait: bool, timeout_s: float
) -> None:
    """Apply a plan. A capture that is started records all packets from the return of this function on.

    Args:
        wait: whether to wait until a capture to be ended reaches its limits, instead of stopping it.
        timeout_s: timeout for the start of tcpdump, in seconds.

    Raises:
        SlicesError: tcpdump did not start.
    """
    if todo.start:
        _start(target, bounds, runner, clock, timeout_s)
    while todo.end and wait and _running(target, runner) is not None:
        clock.sleep(_LOOK_EVERY_S)
    if todo.end and not wait:
        # The unit no longer exists if the capture has reached its limits in the meantime.
        runner.run(["systemctl", "stop", "--", target.unit], check=False)
    if todo.remove:
        files.remove(target.path)


def _running(target: Target, runner: Runner) -> str | None:
    shown = runner.run(["systemctl", "show", "--property=ActiveState,Description", "--", target.unit]).stdout
    values = dict(line.partition("=")[::2] for line in shown.splitlines())
    return None if values.get("ActiveState") in (None, "inactive", "failed") else values.get("Description", "")


def _start(target: Target, bounds: Bounds, runner: Runner, clock: Clock, timeout_s: float) -> None:
    # systemd would create the file readable by everybody.
    files.write_text(target.path, "", mode=0o600)
    runner.run(_command(target, bounds))
    deadline = clock.now() + timeout_s
    # tcpdump writes the header once its socket is bound to the tap.
    while os.path.getsize(target.path) < _FILE_HEADER:
        if _running(target, runner) is None or clock.now() >= deadline:
            runner.run(["systemctl", "stop", "--", target.unit], check=False)
            journal = systemd.last_words([target.unit], runner)[target.unit]
            files.remove(target.path)
            why = f":\n{journal}" if journal else ""
            raise SlicesError(f"{target}: tcpdump did not start on {target.tap}{why}")
        clock.sleep(_PAUSE_S)


def _command(target: Target, bounds: Bounds) -> list[str]:
    properties = (
        f"StandardOutput=truncate:{target.path}",
        "StandardError=journal",
        f"RuntimeMaxSec={bounds.seconds}",
        f"LimitFSIZE={bounds.mib * 1024 * 1024}",
        *_SANDBOX,
    )
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        "--service-type=exec",
        f"--unit={target.unit}",
        f"--slice={systemd.slice_name(target.slice_id)}",
        f"--description={target.describe(bounds)}",
        *(f"--property={each}" for each in properties),
        "--",
        "/usr/bin/tcpdump",
        f"--interface={target.tap}",
        f"--snapshot-length={_SNAPLEN}",
        "--no-promiscuous-mode",
        # Otherwise the last packets stay in the kernel's buffer when the capture is stopped.
        "--immediate-mode",
        "--packet-buffered",
        "-w",
        "-",
    ]


def read(path: str) -> Content:
    """Return the content of a capture's file.

    Raises:
        SlicesError: the file is not a capture.
    """
    with open(path, "rb") as file:
        magic = file.read(_FILE_HEADER)[:4]
        if magic not in _MAGICS or os.fstat(file.fileno()).st_size < _FILE_HEADER:
            raise SlicesError(f"{path} is not a pcap file of tcpdump")
        return _read(file, struct.Struct(f"{_MAGICS[magic]}8xI4x"), os.fstat(file.fileno()).st_size)


def trim(path: str) -> Content:
    """Cut off a last packet that was truncated by the size limit, and return the content of the file.

    Raises:
        SlicesError: the file is not a capture, or was removed in the meantime.
    """
    try:
        content = read(path)
        if content.size != os.path.getsize(path):
            os.truncate(path, content.size)
    except FileNotFoundError:
        raise SlicesError(f"{path} no longer exists: the capture or its VM was removed") from None
    return content


def _read(file: BinaryIO, record: struct.Struct, size: int) -> Content:
    """Return the content of a file whose header has been read."""
    packets, end = 0, _FILE_HEADER
    while end + _RECORD_HEADER <= size:
        (length,) = record.unpack(file.read(_RECORD_HEADER))
        if end + _RECORD_HEADER + length > size:
            break
        file.seek(length, os.SEEK_CUR)
        end += _RECORD_HEADER + length
        packets += 1
    return Content(packets, end)
