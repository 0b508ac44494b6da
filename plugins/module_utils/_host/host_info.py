# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Information about a host: cores, memory, kernel features and its network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..bounds import MACHINE_ID
from . import files
from .runner import Runner

MACHINE_ID_PATH = "/etc/machine-id"
KVM_PATH = "/dev/kvm"
# In a temporary network namespace. modinfo finds neither built-in modules nor any module in containers.
TRY_NETEM = ("unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem")


@dataclass(frozen=True)
class Interface:
    """A network interface.

    Attributes:
        name: its name on the host.
        mtu: bytes.
        addresses: IPv4 addresses with their prefix lengths.
        kind: the kind of a virtual device, such as C(bridge), C(bond), C(vlan) or C(openvswitch).
        master: the device that it belongs to, such as a bridge or a bond.
    """

    name: str
    mtu: int
    addresses: tuple[str, ...]
    kind: str | None = None
    master: str | None = None


@dataclass(frozen=True)
class HostInfo:
    """Information about a host.

    Attributes:
        machine_id: the content of C(/etc/machine-id), or C(None) without a valid one.
        cores: logical CPUs that are online.
        ram_gb: GiB of memory.
        netem: whether the kernel can delay and lose packets.
        kvm: whether the kernel runs VMs on hardware virtualization.
        interfaces: all network interfaces; none if the command C(ip) is missing.
    """

    machine_id: str | None
    cores: int
    ram_gb: float
    netem: bool
    kvm: bool
    interfaces: tuple[Interface, ...]

    def mtu_of(self, name: str | None) -> int | None:
        """Return the MTU of an interface, None if there is none of that name."""
        return next((each.mtu for each in self.interfaces if each.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        interfaces = [{**asdict(each), "addresses": list(each.addresses)} for each in self.interfaces]
        return {**asdict(self), "interfaces": interfaces}


def look(runner: Runner) -> HostInfo:
    """Return the information about this host."""
    shown = runner.run(["ip", "-json", "-details", "address", "show"], check=False)
    return HostInfo(
        machine_id=read_machine_id(),
        cores=os.cpu_count() or 1,
        ram_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        netem=runner.run(TRY_NETEM, check=False).rc == 0,
        kvm=os.path.exists(KVM_PATH),
        interfaces=tuple(_interfaces(json.loads(shown.stdout))) if shown.rc == 0 else (),
    )


def missing_packages(packages: Sequence[str], runner: Runner) -> list[str]:
    """Return those of C(packages) that are not installed; all of them if dpkg is missing."""
    if not packages:
        return []
    shown = runner.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", "--", *packages], check=False
    )
    states = dict(line.partition(" ")[::2] for line in shown.stdout.splitlines())
    return [package for package in packages if states.get(package) != "installed"]


def read_machine_id() -> str | None:
    """Return the content of C(/etc/machine-id), or C(None) if there is no valid one, as before the first boot."""
    found = (files.read_text(MACHINE_ID_PATH) or "").strip()
    return found if MACHINE_ID.allows(found) else None


def _interfaces(devices: Sequence[dict[str, Any]]) -> Iterator[Interface]:
    for device in devices:
        # There is an empty entry for a device that is removed while ip lists devices.
        if "ifname" in device:
            ipv4 = [each for each in device.get("addr_info", ()) if each.get("family") == "inet"]
            yield Interface(
                device["ifname"],
                device["mtu"],
                tuple(f"{each['local']}/{each['prefixlen']}" for each in ipv4),
                kind=device.get("linkinfo", {}).get("info_kind"),
                master=device.get("master"),
            )
