# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network node's work order (docs/work-order.md): addresses and names on VLAN 400, and networks of slices."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import bounds
from .contract import Contract, flag, integer, ipv4_address, ipv4_network, ipv6_address, mac_address, many, text
from .errors import Refusal
from .shared_fields import (
    CLOUD_INCARNATION,
    CLOUD_TITLE,
    CLOUD_UUID,
    COMPLETE,
    ISSUED,
    RECEIPT,
    RECORD,
    REVISION,
    SLICE_ID,
    SLICE_UUID,
    mark,
)
from .vlans import pool_number
from .work_order import TRUNK, Crossing

_FIRST_NAME_PORT = 5300


@dataclass(frozen=True)
class Reservation(Contract):
    """The address of a VM on VLAN 400, and its name for the other VMs of its slice."""

    NOUN = "VM"
    KEY = "vm_id"

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, limit=bounds.ID))
    name: str = field(
        metadata=text(
            "Host name of the VM, sent by DHCP and resolved for the other VMs of its slice.",
            sample="vm1",
            form=bounds.VM_NAME,
        )
    )
    mac: str = field(metadata=mac_address("MAC address of its interface on VLAN 400.", sample="52:54:00:03:e9:00"))
    address: str = field(metadata=ipv4_address("Its IPv4 address.", sample="10.60.7.101"))
    loopback: str | None = field(
        default=None,
        metadata=ipv4_address("The IPv4 address with the DNS name C(lo.VM.internal).", sample="10.0.0.1"),
    )
    loopback6: str | None = field(
        default=None, metadata=ipv6_address("The IPv6 address with this name.", sample="2001:db8::1")
    )


@dataclass(frozen=True)
class Member(Contract):
    """An interface on a network, and the name of its VM."""

    NOUN = "member"
    KEY = "name"

    name: str = field(metadata=text("The VM's name.", sample="vm1", form=bounds.VM_NAME))
    mac: str = field(metadata=mac_address("The MAC address of its interface.", sample="52:54:00:03:e9:01"))
    address: str | None = field(
        default=None, metadata=ipv4_address("The static IPv4 address that its name has.", sample="192.168.101.2")
    )
    address6: str | None = field(
        default=None, metadata=ipv6_address("The static IPv6 address that its name has.", sample="2001:db8:101::2")
    )


@dataclass(frozen=True)
class Network(Contract):
    """A network that has a gateway or DHCP."""

    NOUN = "network"
    KEY = "name"

    vlan_id: int = field(metadata=integer("The network's VLAN.", sample=101, limit=bounds.VLAN))
    name: str = field(
        metadata=text(
            "The network's name. The DNS name of a member is C(MEMBER.NETWORK.internal).",
            sample="lan",
            form=bounds.LABEL,
        )
    )
    cidr: str = field(metadata=ipv4_network("Its subnet.", sample="192.168.101.0/24"))
    server_ip: str = field(
        metadata=ipv4_address(
            "The network node's address in the subnet: that of the gateway, or the first one if there is no gateway.",
            sample="192.168.101.1",
        )
    )
    members: tuple[Member, ...] = field(default=(), metadata=many(Member, "Its members, for DHCP and DNS."))
    gateway: bool = field(
        default=False, metadata=flag("Whether DHCP announces C(server_ip) as the router.", sample=True)
    )
    dhcp_range: str | None = field(
        default=None,
        metadata=text(
            "First and last address of the DHCP range, as C(FIRST,LAST). Without it, there is no DHCP.",
            sample="192.168.101.10,192.168.101.250",
        ),
    )
    nat: bool = field(
        default=False,
        metadata=flag(
            "Whether to translate outgoing traffic to the host's address (NAT). Requires a gateway.", sample=True
        ),
    )
    mtu: int = field(
        default=bounds.DEFAULT_MTU,
        metadata=integer(
            "MTU of the network node's port, and of the members' interfaces.",
            sample=9000,
            limit=bounds.MTU,
        ),
    )

    def faults(self, where: str) -> Iterator[Refusal]:
        """See C(Contract)."""
        if self.nat and not self.gateway:
            yield Refusal("option_needs_option", where, {"option": "nat", "needs": "gateway"})
        server = ipaddress.IPv4Address(self.server_ip)
        if server not in self.subnet:
            figures = {"option": "server_ip", "got": self.server_ip, "subnet": self.cidr}
            yield Refusal("address_outside_subnet", where, figures)
        yield from self._member_faults(where, server)
        if self.dhcp_range is not None:
            yield from bounds.DHCP_MTU.problems(where, "mtu of a network with DHCP", self.mtu)
            yield from self._range_faults(where, server)

    def _member_faults(self, where: str, server: ipaddress.IPv4Address) -> Iterator[Refusal]:
        ends = self.dhcp_ends
        for member in self.members:
            if member.address is None:
                continue
            address = ipaddress.IPv4Address(member.address)
            if address not in self.subnet:
                figures = {"option": f"the address of {member.name}", "got": member.address, "subnet": self.cidr}
                yield Refusal("address_outside_subnet", where, figures)
            if address == server or (ends is not None and ends[0] <= address <= ends[1]):
                reserved = self.server_ip if address == server else f"{ends[0]}-{ends[1]}" if ends else ""
                figures = {"vm": member.name, "got": member.address, "reserved": reserved}
                yield Refusal("address_is_reserved", where, figures)

    def _range_faults(self, where: str, server: ipaddress.IPv4Address) -> Iterator[Refusal]:
        ends = self.dhcp_ends
        if ends is None:
            yield Refusal("dhcp_range_format", where, {"got": self.dhcp_range, "subnet": self.cidr})
            return
        first, last = map(str, ends)
        if ends[0] <= server <= ends[1]:
            figures = {"option": "dhcp_range", "first": first, "last": last, "server": self.server_ip}
            yield Refusal("range_holds_server", where, figures)
        room = int(ends[1]) - int(ends[0]) + 1
        if len(self.members) > room:
            needed = len(self.members)
            counts = {"option": "dhcp_range", "got": self.dhcp_range, "room": room, "needed": needed}
            yield Refusal("subnet_too_small", where, counts)

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        """The subnet as an object."""
        return ipaddress.IPv4Network(self.cidr)

    @property
    def server(self) -> ipaddress.IPv4Interface:
        """The network node's address with its prefix length, such as C(192.168.101.1/24)."""
        return ipaddress.IPv4Interface(f"{self.server_ip}/{self.subnet.prefixlen}")

    @property
    def dhcp_ends(self) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None:
        """The first and the last address of the DHCP range; C(None) without DHCP, or if the range is invalid."""
        if self.dhcp_range is None:
            return None
        try:
            first, last = (ipaddress.IPv4Address(end) for end in self.dhcp_range.split(","))
        except ValueError:
            return None
        return (first, last) if first in self.subnet and last in self.subnet and first <= last else None

    @property
    def port(self) -> str:
        """The name of its port on the bridge. It is unique on the host, because no two slices share a VLAN."""
        return f"net_{self.vlan_id}"

    @property
    def mac(self) -> str:
        """The MAC of its port. It is fixed, so that ARP entries of the members survive a restart of the switch."""
        return f"02:01:00:00:{self.vlan_id >> 8:02x}:{self.vlan_id & 0xFF:02x}"


@dataclass(frozen=True)
class Services(Contract):
    """Everything that a slice needs on the network node."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=SLICE_ID)
    slice_uuid: str | None = field(default=None, metadata=SLICE_UUID)
    revision: int | None = field(default=None, metadata=REVISION)
    reservations: tuple[Reservation, ...] = field(
        default=(),
        metadata=many(
            Reservation,
            "All reservations of the slice on VLAN 400, for DHCP and DNS.",
        ),
    )
    networks: tuple[Network, ...] = field(
        default=(), metadata=many(Network, "All networks of the slice that have a gateway or DHCP.")
    )
    trunk: tuple[Crossing, ...] = field(default=(), metadata=TRUNK)
    record: str | None = field(default=None, metadata=RECORD)
    receipt: str | None = field(default=None, metadata=RECEIPT)

    @property
    def slot(self) -> int:
        """The number of its VLAN pool: a small number that no other live slice has."""
        return pool_number(self.slice_id)

    @property
    def name_port(self) -> int:
        """The port of its DNS server for VLAN 400."""
        return _FIRST_NAME_PORT + self.slot

    @property
    def namespace(self) -> str:
        """The network namespace of its networks on this host."""
        return f"slice-{self.slice_id}"

    @property
    def nat_device(self) -> str:
        """The host's end of the veth pair that joins host and namespace, for NAT."""
        return f"nat_{self.slice_id}"

    @property
    def has_nat(self) -> bool:
        """Whether any of its networks has NAT."""
        return any(network.nat for network in self.networks)

    def nat_link(self, links: ipaddress.IPv4Network) -> tuple[str, str]:
        """The addresses of the veth pair for NAT, on the host and in the namespace, from the range C(links)."""
        return f"{links[2 * self.slot]}/31", f"{links[2 * self.slot + 1]}/31"


@dataclass(frozen=True)
class LostMachine(Contract):
    """A machine that was declared lost, whose VMs must not start."""

    NOUN = "lost machine"
    KEY = "mark"

    mark: str = field(
        metadata=mark(
            "HMAC-SHA256 of its machine-id, with the UUID of the cloud as the key.",
        )
    )


@dataclass(frozen=True)
class NetworkOrder(Contract):
    """Everything that slices need on the network node."""

    slices: tuple[Services, ...] = field(
        metadata=many(
            Services,
            "Slices of the work order, each with B(everything) that it needs on the network node.",
        )
    )
    cloud_uuid: str | None = field(default=None, metadata=CLOUD_UUID)
    cloud_title: str | None = field(default=None, metadata=CLOUD_TITLE)
    cloud_incarnation: str | None = field(default=None, metadata=CLOUD_INCARNATION)
    lost_machines: tuple[LostMachine, ...] = field(
        default=(),
        metadata=many(
            LostMachine,
            "The machines that were declared lost. Workers ask the host for them before they start VMs.",
            "An order that names a cloud replaces the list, unless its C(revision) is lower than that of the list.",
        ),
    )
    revision: int | None = field(
        default=None,
        metadata=integer(
            "The revision of the database, as for the slices.",
            "A host ignores C(lost_machines) of an order that is older than the one whose list it has. The list of an "
            "order without a revision is always accepted.",
            sample=1795371735123,
            limit=bounds.REVISION,
        ),
    )
    issued_revisions: str | None = field(default=None, metadata=ISSUED)
    complete: bool = field(default=False, metadata=COMPLETE)
    machine_mark: str | None = field(
        default=None,
        metadata=mark(
            "HMAC-SHA256 of the network node's machine-id, with the UUID of the cloud as the key.",
            "A host with another machine-id refuses the call before anything is changed.",
        ),
    )
