# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where ids, VLANs, MACs, ports and addresses come from: always the lowest free one, kept for life.

The rules are decisions 1 to 9 of the design. Every function takes what is held and returns what to give.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..cluster import Cluster
from ..models import MANAGEMENT_VLAN, POOL_COUNT, POOL_SIZE

FIRST_VNC_PORT = 5901
LAST_VNC_PORT = 65535
MAC_BLOCKS = 65536
MAX_TAP_LENGTH = 15


@dataclass(frozen=True)
class ManagementNetwork:
    """VLAN 400: its subnet, its gateway and the range that eth0 addresses are taken from."""

    cidr: str = "10.60.7.0/24"
    gateway: str = "10.60.7.1"
    first_address: str = "10.60.7.101"
    last_address: str = "10.60.7.250"

    def addresses(self) -> Iterator[str]:
        """Yield the addresses that VMs may get, lowest first."""
        first, last = ipaddress.IPv4Address(self.first_address), ipaddress.IPv4Address(self.last_address)
        for number in range(int(first), int(last) + 1):
            yield str(ipaddress.IPv4Address(number))

    def problems(self) -> list[str]:
        """Return what is wrong with the settings, a sentence each."""
        try:
            subnet = ipaddress.IPv4Network(self.cidr)
            inside = {
                name: ipaddress.IPv4Address(getattr(self, name))
                for name in ("gateway", "first_address", "last_address")
            }
        except ValueError as error:
            return [f"management network: {error}"]
        found = [
            f"management network: {name} {address} is not in {subnet}"
            for name, address in inside.items()
            if address not in subnet
        ]
        if inside["first_address"] > inside["last_address"]:
            found.append(f"management network: {self.first_address} comes after {self.last_address}")
        elif inside["first_address"] <= inside["gateway"] <= inside["last_address"]:
            found.append(f"management network: the range for VMs holds the gateway {self.gateway}")
        return found


class Allocator:
    """Hands out what is free in a cluster, each thing once.

    Args:
        cluster: the cluster as it stands; it is not changed (C(next_id) is what its counter shall become).
        network: VLAN 400.
    """

    def __init__(self, cluster: Cluster, network: ManagementNetwork) -> None:
        self.next_id = cluster.next_vm_id
        self._pools = {slice_id % POOL_COUNT for slice_id in cluster.slices}
        vms = list(cluster.vms())
        self._mac_blocks = {vm.vm_id % MAC_BLOCKS for vm in vms}
        ports = {vm.vnc_port for vm in vms}
        self._vnc_ports = (port for port in range(FIRST_VNC_PORT, LAST_VNC_PORT + 1) if port not in ports)
        held = held_addresses(cluster)
        self._addresses = (address for address in network.addresses() if address not in held)

    def slice_id(self) -> int | None:
        """Return the next id whose VLAN pool no live slice holds, or C(None) where all 100 pools are held."""
        if len(self._pools) == POOL_COUNT:
            return None
        taken = self._take_id(lambda number: number % POOL_COUNT not in self._pools)
        self._pools.add(taken % POOL_COUNT)
        return taken

    def vm_id(self) -> int:
        """Return the next id whose block of MACs no live VM holds."""
        return self._take_id(lambda number: number % MAC_BLOCKS not in self._mac_blocks)

    def vnc_port(self) -> int | None:
        """Return the lowest free VNC port of the cluster, or C(None)."""
        return next(self._vnc_ports, None)

    def address(self) -> str | None:
        """Return the lowest free eth0 address on VLAN 400, or C(None)."""
        return next(self._addresses, None)

    def _take_id(self, fits: Callable[[int], bool]) -> int:
        taken = next(number for number in itertools.count(self.next_id) if fits(number))
        self.next_id = taken + 1
        return taken


def mac_address(vm_id: int, index: int) -> str:
    """Return the MAC of a VM's interface C(index): C(52:54:00), two bytes of the id, the index."""
    return f"52:54:00:{vm_id >> 8 & 0xFF:02x}:{vm_id & 0xFF:02x}:{index:02x}"


def tap_name(vm_id: int, interface: str) -> str:
    """Return the name of an interface's tap on its worker.

    The kernel takes 15 characters; where the long form has more, the interface is told by its number alone.
    """
    name = f"tap_{vm_id}_{interface}"
    return name if len(name) <= MAX_TAP_LENGTH else f"tap_{vm_id}_{interface[3:]}"


def link_prefix(vlan_id: int) -> str:
    """Return the first three bytes of the /24 that a link's VLAN stands for: the data model's up to VLAN 255, above
    it one of 172.16.0.0/12, which has one for each of the 4,096."""
    return f"192.168.{vlan_id}" if vlan_id <= 255 else f"172.{16 + vlan_id // 256}.{vlan_id % 256}"


def held_addresses(cluster: Cluster) -> set[str]:
    """Return the addresses on VLAN 400 that VMs hold, or held until their hosts have let go of them."""
    held = {interface.ip_config["ip"] for vm in cluster.vms() for interface in vm.interfaces if interface.ip_config}
    for one in cluster.slices.values():
        held.update(one.extra.get("releasing", {}).get("addresses", ()))
    return held


def pool_text(slice_id: int) -> str:
    """Return a slice's VLAN pool for a message."""
    start = 100 + slice_id % POOL_COUNT * POOL_SIZE
    end = start + POOL_SIZE - 1
    skipped = f" without {MANAGEMENT_VLAN}" if start <= MANAGEMENT_VLAN <= end else ""
    return f"{start}–{end}{skipped}"
