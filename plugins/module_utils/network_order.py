# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network node's work order (docs/work-order.md): addresses and names on VLAN 400, and networks of slices."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from .bounds import DEFAULT_MTU, LEAST_MTU, MOST_MTU
from .contract import Contract, flag, integer, ipv4_address, ipv4_network, mac_address, many, text
from .errors import Refusal
from .vlans import MANAGEMENT_VLAN, pool_number
from .work_order import LABEL, REVISION, SLICE_ID, SLICE_UUID

_FIRST_NAME_PORT = 5300


@dataclass(frozen=True)
class Reservation(Contract):
    """The address of a VM on VLAN 400, and the name that VMs of its slice know it by."""

    NOUN = "VM"
    KEY = "vm_id"

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, least=1))
    name: str = field(
        metadata=text(
            "The name that the VM is told, and that others of its slice know it by.",
            sample="vm1",
            pattern=LABEL,
            rule="a host name",
        )
    )
    mac: str = field(metadata=mac_address("The MAC address that asks.", sample="52:54:00:03:e9:00"))
    address: str = field(metadata=ipv4_address("The IPv4 address that it gets.", sample="10.60.7.101"))


@dataclass(frozen=True)
class Member(Contract):
    """An interface on a network, and the name of its VM."""

    NOUN = "member"
    KEY = "name"

    name: str = field(metadata=text("The VM's name.", sample="vm1", pattern=LABEL, rule="a host name"))
    mac: str = field(metadata=mac_address("The MAC address of its interface.", sample="52:54:00:03:e9:01"))


@dataclass(frozen=True)
class Network(Contract):
    """A network that has a gateway or DHCP."""

    NOUN = "network"
    KEY = "name"

    vlan_id: int = field(metadata=integer("The network's VLAN.", sample=101, least=1, most=4094))
    name: str = field(
        metadata=text(
            "The network's name. Members find each other as C(MEMBER.NETWORK.internal).",
            sample="lan",
            pattern=LABEL,
            rule="a host name",
        )
    )
    cidr: str = field(metadata=ipv4_network("Its subnet.", sample="192.168.101.0/24"))
    server_ip: str = field(
        metadata=ipv4_address(
            "The network node's address in it: the gateway's, or else the first of the subnet.",
            sample="192.168.101.1",
        )
    )
    members: tuple[Member, ...] = field(default=(), metadata=many(Member, "Its members, which DHCP knows by name."))
    gateway: bool = field(
        default=False, metadata=flag("Whether members are told that this address is their router.", sample=True)
    )
    dhcp_range: str | None = field(
        default=None,
        metadata=text(
            "The first and the last address that DHCP hands out, as C(FIRST,LAST); without it there is no DHCP.",
            sample="192.168.101.10,192.168.101.250",
        ),
    )
    nat: bool = field(
        default=False,
        metadata=flag("Whether members get out under the host's address. It takes a gateway.", sample=True),
    )
    mtu: int = field(
        default=DEFAULT_MTU,
        metadata=integer(
            "The MTU of the network node's port in it, and of its members' interfaces.",
            sample=9000,
            least=LEAST_MTU,
            most=MOST_MTU,
        ),
    )

    def faults(self, where: str) -> Iterator[Refusal]:
        """See C(Contract)."""
        if self.vlan_id == MANAGEMENT_VLAN:
            yield Refusal("management_vlan", where, {"vlan": MANAGEMENT_VLAN})
        if self.nat and not self.gateway:
            yield Refusal("option_needs_option", where, {"option": "nat", "needs": "gateway"})
        server = ipaddress.IPv4Address(self.server_ip)
        if server not in self.subnet:
            figures = {"option": "server_ip", "got": self.server_ip, "subnet": self.cidr}
            yield Refusal("address_outside_subnet", where, figures)
        ends = self.dhcp_ends
        if self.dhcp_range is not None and ends is None:
            yield Refusal("dhcp_range_format", where, {"got": self.dhcp_range, "subnet": self.cidr})
        elif ends is not None and ends[0] <= server <= ends[1]:
            first, last = map(str, ends)
            figures = {"option": "dhcp_range", "first": first, "last": last, "server": self.server_ip}
            yield Refusal("range_holds_server", where, figures)

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        """Its addresses."""
        return ipaddress.IPv4Network(self.cidr)

    @property
    def server(self) -> ipaddress.IPv4Interface:
        """The network node's own address and its prefix, C(192.168.101.1/24)."""
        return ipaddress.IPv4Interface(f"{self.server_ip}/{self.subnet.prefixlen}")

    @property
    def dhcp_ends(self) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None:
        """The first and the last address to hand out; C(None) where there is no DHCP, or no such range."""
        if self.dhcp_range is None:
            return None
        try:
            first, last = (ipaddress.IPv4Address(end) for end in self.dhcp_range.split(","))
        except ValueError:
            return None
        return (first, last) if first in self.subnet and last in self.subnet and first <= last else None

    @property
    def port(self) -> str:
        """Its port on the bridge. No two slices share a VLAN, so it has a name of its own on the host."""
        return f"net_{self.vlan_id}"

    @property
    def mac(self) -> str:
        """The MAC of its port, which members may remember over a restart of the switch."""
        return f"02:01:00:00:{self.vlan_id >> 8:02x}:{self.vlan_id & 0xFF:02x}"


@dataclass(frozen=True)
class Services(Contract):
    """All that a slice wants of the network node."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=SLICE_ID)
    slice_uuid: str | None = field(default=None, metadata=SLICE_UUID)
    revision: int | None = field(default=None, metadata=REVISION)
    reservations: tuple[Reservation, ...] = field(
        default=(),
        metadata=many(
            Reservation,
            "All reservations of the slice on VLAN 400: for DHCP, and for the names that its VMs know each other by.",
        ),
    )
    networks: tuple[Network, ...] = field(
        default=(), metadata=many(Network, "All networks of the slice that have a gateway or DHCP.")
    )

    @property
    def slot(self) -> int:
        """A small number that no other live slice has: that of its VLAN pool."""
        return pool_number(self.slice_id)

    @property
    def name_port(self) -> int:
        """The port on which its name server for VLAN 400 listens."""
        return _FIRST_NAME_PORT + self.slot

    @property
    def namespace(self) -> str:
        """The network namespace that its networks have on this host."""
        return f"slice-{self.slice_id}"

    @property
    def nat_device(self) -> str:
        """The host's end of the way out of the namespace."""
        return f"nat_{self.slice_id}"

    @property
    def has_nat(self) -> bool:
        """Whether any of its networks has a way out."""
        return any(network.nat for network in self.networks)

    def nat_link(self, links: ipaddress.IPv4Network) -> tuple[str, str]:
        """The addresses of the way out, on the host and in the namespace, out of the range C(links)."""
        return f"{links[2 * self.slot]}/31", f"{links[2 * self.slot + 1]}/31"


@dataclass(frozen=True)
class NetworkOrder(Contract):
    """All that slices want of the network node."""

    slices: tuple[Services, ...] = field(
        metadata=many(
            Services,
            "Slices of the network node's work order, each with B(all) that it wants.",
        )
    )
