# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Allocation of ids, VLANs, MACs, ports and addresses: always the lowest free one, which the object keeps.

The functions read what is allocated and return a new value; they do not change the cluster.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from .. import allocations
from ..allocations import MAC_BLOCKS
from ..bounds import DEVICE_NAME_LENGTH, FIRST_VNC_PORT, ID, LAST_VNC_PORT
from ..cluster import Cluster
from ..defaults import DHCP_SERVER, GATEWAY
from ..errors import Refusal, Refused
from ..vlans import POOL_COUNT, pool_number, pool_range
from .addressing import is_special

WINDOW = 256
"""The count of MAC blocks per query."""


@dataclass(frozen=True)
class ManagementNetwork:
    """VLAN 400: its subnet, its gateway and DHCP server, and the range of addresses for eth0."""

    cidr: str = "10.60.7.0/24"
    gateway: str = GATEWAY
    dhcp_server: str = DHCP_SERVER
    first_address: str = "10.60.7.101"
    last_address: str = "10.60.7.250"

    def problems(self) -> Iterator[Refusal]:
        """Yield refusals for invalid settings."""
        where = "management network"
        try:
            subnet = ipaddress.IPv4Network(self.cidr)
        except ValueError as error:
            yield Refusal("invalid_subnet", where, {"option": "cidr", "got": self.cidr, "why": str(error)})
            return
        if is_special(subnet):
            yield Refusal("special_subnet", where, {"option": "cidr", "got": self.cidr})
        inside = {}
        for name in ("gateway", "dhcp_server", "first_address", "last_address"):
            address, problem = host_in(where, subnet, name, getattr(self, name))
            yield from problem
            if address is not None:
                inside[name] = address
        if len(inside) < 4:
            return
        ends = {"first": self.first_address, "last": self.last_address}
        if inside["first_address"] > inside["last_address"]:
            yield Refusal("range_reversed", where, {"option": "range for VMs", **ends})
        if inside["gateway"] == inside["dhcp_server"]:
            yield Refusal("same_address", where, {"got": self.gateway})
        for address in dict.fromkeys((inside["gateway"], inside["dhcp_server"])):
            if inside["first_address"] <= address <= inside["last_address"]:
                yield Refusal("range_holds_server", where, {"option": "range for VMs", "server": str(address), **ends})


def host_in(
    where: str, subnet: ipaddress.IPv4Network, option: str, text: str
) -> tuple[ipaddress.IPv4Address | None, list[Refusal]]:
    """Return a host address in a subnet, or C(None) and a refusal for the C(option) of C(where)."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return None, [Refusal("invalid_address", where, {"option": option, "got": text})]
    if address not in subnet or address in (subnet[0], subnet[-1]):
        return None, [Refusal("address_outside_subnet", where, {"option": option, "got": text, "subnet": str(subnet)})]
    return address, []


class Allocator:
    """Allocates free values of a cluster, each of them once.

    Args:
        cluster: the cluster. It is not changed; C(next_id) is the new value for its counter.
        network: VLAN 400.
    """

    def __init__(self, cluster: Cluster, network: ManagementNetwork) -> None:
        self.next_id = cluster.next_vm_id
        self._cluster = cluster
        self.network = network
        self.vlans = cluster.vlans
        self._blocks: dict[int, set[int]] = {}

    @cached_property
    def _pools(self) -> set[int]:
        """The numbers of the VLAN pools that are free."""
        left = self._cluster.left_behind(allocations.VLAN_POOL)
        return {*self.vlans.pools} - self._cluster.held(allocations.VLAN_POOL, 0, POOL_COUNT - 1) - left

    @cached_property
    def _vnc_ports(self) -> Iterator[int]:
        return self._free(allocations.VNC_PORT, FIRST_VNC_PORT, LAST_VNC_PORT)

    @cached_property
    def _addresses(self) -> Iterator[int]:
        first, last = self.network.first_address, self.network.last_address
        return self._free(allocations.ADDRESS, int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last)))

    def slice_id(self) -> int | None:
        """Return the next id whose VLAN pool is free, C(None) if all pools of the cloud are allocated."""
        if not self._pools:
            return None
        taken = self._take_id(lambda number: pool_number(number) in self._pools)
        self._pools.remove(pool_number(taken))
        return taken

    def further_pool(self) -> int | None:
        """Return the lowest free VLAN pool as a further pool of a slice, C(None) if there is none."""
        pool = min(self._pools, default=None)
        if pool is not None:
            self._pools.remove(pool)
        return pool

    def no_free_pool(self, where: str) -> Refusal:
        """Return the refusal for a slice that needs more VLAN pools than are free; C(where) is the slice."""
        vlans, free = self.vlans, Allocator(self._cluster, self.network)._pools
        figures = {"pools": vlans.pools_text, "used": len(vlans.pools) - len(free), "free": len(free)}
        return Refusal("no_free_pool", where, figures)

    def vm_id(self) -> int:
        """Return the next id whose block of MACs is free."""
        return self._take_id(lambda number: not self._holds_block(number % MAC_BLOCKS))

    def vnc_port(self) -> int | None:
        """Return the lowest free VNC port of the cluster, C(None) if there is none."""
        return next(self._vnc_ports, None)

    def address(self) -> str | None:
        """Return the lowest free address for eth0 on VLAN 400, C(None) if there is none."""
        number = next(self._addresses, None)
        return None if number is None else str(ipaddress.IPv4Address(number))

    def _free(self, kind: str, first: int, last: int) -> Iterator[int]:
        left = self._cluster.left_behind(kind)
        return (number for number in self._cluster.free(kind, first, last) if number not in left)

    def _holds_block(self, block: int) -> bool:
        first = block // WINDOW * WINDOW
        if first not in self._blocks:
            self._blocks[first] = self._cluster.held(allocations.MAC_BLOCK, first, first + WINDOW - 1)
        return block in self._blocks[first]

    def _take_id(self, fits: Callable[[int], bool]) -> int:
        taken = next(number for number in itertools.count(self.next_id) if fits(number))
        if not ID.allows(taken):
            raise Refused([Refusal("no_free_id", "cluster", {"most": ID.most})])
        self.next_id = taken + 1
        return taken


def mac_address(vm_id: int, index: int) -> str:
    """Return the MAC of a VM's interface C(index): C(52:54:00), the lower two bytes of the id, and the index."""
    return f"52:54:00:{vm_id >> 8 & 0xFF:02x}:{vm_id & 0xFF:02x}:{index:02x}"


def tap_name(vm_id: int, interface: str) -> str:
    """Return the name of an interface's tap on its worker.

    If the name would exceed the kernel's limit of 15 characters, it only contains the number of the interface.
    """
    name = f"tap_{vm_id}_{interface}"
    return name if len(name) <= DEVICE_NAME_LENGTH else f"tap_{vm_id}_{interface[3:]}"


def link_prefix(vlan_id: int) -> str:
    """Return the first three bytes of the /24 subnet for a link's VLAN.

    Up to VLAN 255, this is the subnet of the data model, otherwise one in 172.16.0.0/12, which has 4,096 of them.
    """
    return f"192.168.{vlan_id}" if vlan_id <= 255 else f"172.{16 + vlan_id // 256}.{vlan_id % 256}"


def server_ip(cidr: str, gateway_ip: str | None) -> str:
    """Return the network node's address in a network: that of the gateway, or the subnet's first address.

    Raises:
        Refused: the stored subnet is invalid.
    """
    try:
        return gateway_ip or str(ipaddress.IPv4Network(cidr)[1])
    except ValueError as error:
        figures = {"option": "stored cidr", "got": cidr, "why": str(error)}
        raise Refused([Refusal("invalid_subnet", "network", figures)]) from None


def pool_text(number: int, management_vlan: int | None = None) -> str:
    """Return the VLANs of a pool as text for messages, without the management VLAN if that is given."""
    vlans = pool_range(number)
    skipped = f" without {management_vlan}" if management_vlan in vlans else ""
    return f"{vlans[0]}–{vlans[-1]}{skipped}"
