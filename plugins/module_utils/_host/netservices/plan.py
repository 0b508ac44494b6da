# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network node's work order as values (docs/work-order.md): addresses and names on VLAN 400, and networks.

What an order says becomes lines of configuration that root reads, so it is checked here, whoever wrote it.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...bounds import DEFAULT_MTU, LEAST_MTU, MOST_MTU
from ...errors import Refused
from ...vlans import MANAGEMENT_VLAN, POOL_COUNT, pool_number

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_FIRST_NAME_PORT = 5300


@dataclass(frozen=True)
class Reservation:
    """The address of a VM on VLAN 400, and the name that VMs of its slice know it by."""

    vm_id: int
    name: str
    mac: str
    address: str


@dataclass(frozen=True)
class Member:
    """An interface on a network, and the name of its VM."""

    name: str
    mac: str


@dataclass(frozen=True)
class Network:
    """A network that has a gateway or DHCP.

    Attributes:
        server: the network node's own address and its prefix, C(192.168.101.1/24).
        gateway: whether members are told that it is their router.
        dhcp_range: the first and the last address to hand out.
        nat: whether members get out by the gateway.
        mtu: of IP, as of members' interfaces.
    """

    vlan_id: int
    name: str
    server: ipaddress.IPv4Interface
    gateway: bool
    dhcp_range: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None
    nat: bool
    members: tuple[Member, ...]
    mtu: int

    @property
    def port(self) -> str:
        """Its port on the bridge. No two slices share a VLAN, so it has a name of its own on the host."""
        return f"net_{self.vlan_id}"

    @property
    def mac(self) -> str:
        """The MAC of its port, which members may remember over a restart of the switch."""
        return f"02:01:00:00:{self.vlan_id >> 8:02x}:{self.vlan_id & 0xFF:02x}"


@dataclass(frozen=True)
class Services:
    """All that a slice wants of the network node."""

    slice_id: int
    reservations: tuple[Reservation, ...] = ()
    networks: tuple[Network, ...] = ()

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


def read_links(text: str) -> ipaddress.IPv4Network:
    """The range from which ways out have their addresses, two for each slice.

    Raises:
        Refused: it is no network, or too small.
    """
    try:
        links = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise Refused([f"nat_links {text!r} is no IPv4 network: {error}"]) from None
    if links.num_addresses < 2 * POOL_COUNT:
        raise Refused([f"nat_links {links} has {links.num_addresses} addresses; {POOL_COUNT} slices take two each"])
    return links


def read_services(slices: Iterable[Mapping[str, Any]], *, links: ipaddress.IPv4Network) -> tuple[Services, ...]:
    """The slices of a work order.

    Args:
        slices: the order's C(slices), in the shapes of the module's argument specification.
        links: what no network with a way out may overlap.

    Raises:
        Refused: with all that no host should be given.
    """
    reasons: list[str] = []
    found = []
    for entry in slices:
        networks = [_network(entry["slice_id"], each, links, reasons) for each in entry.get("networks") or ()]
        found.append(
            Services(
                entry["slice_id"],
                tuple(sorted(_reservations(entry, reasons), key=lambda each: (each.vm_id, each.mac))),
                tuple(network for network in networks if network is not None),
            )
        )
    reasons += _repeated("slice", [one.slice_id for one in found])
    if not reasons:
        reasons += _repeated("VLAN pool", [one.slot for one in found])
        reasons += _repeated("address", [each.address for one in found for each in one.reservations])
        reasons += _repeated("VLAN", [network.vlan_id for one in found for network in one.networks])
        reasons += [reason for one in found for reason in _overlaps(one)]
    if reasons:
        raise Refused(reasons)
    return tuple(found)


def _reservations(entry: Mapping[str, Any], reasons: list[str]) -> Iterator[Reservation]:
    for each in entry.get("reservations") or ():
        who, mac = f"VM {each['vm_id']}", each["mac"].lower()
        reasons += [f"{who}: {fault}" for fault in _name_faults(each["name"], mac)]
        if _address(each["ip"]) is None:
            reasons.append(f"{who}: {each['ip']!r} is not an IPv4 address")
        yield Reservation(each["vm_id"], each["name"], mac, each["ip"])


def _network(
    slice_id: int, data: Mapping[str, Any], links: ipaddress.IPv4Network, reasons: list[str]
) -> Network | None:
    """The network; what is wrong with it is added to C(reasons)."""
    where = f"network {data['name']} of slice {slice_id}"
    members = tuple(Member(each["name"], each["mac"].lower()) for each in data.get("members") or ())
    faults = [fault for member in members for fault in _name_faults(member.name, member.mac)]
    if not _LABEL.fullmatch(data["name"]):
        faults.append(f"{data['name']!r} is not a name")
    if not 1 <= data["vlan_id"] <= 4094 or data["vlan_id"] == MANAGEMENT_VLAN:
        faults.append(f"VLAN {data['vlan_id']} is none that a network may have")
    if data["nat"] and not data["gateway"]:
        faults.append("it has a way out and no gateway")
    mtu = data.get("mtu") or DEFAULT_MTU
    if not LEAST_MTU <= mtu <= MOST_MTU:
        faults.append(f"MTU {mtu} is not between {LEAST_MTU} and {MOST_MTU}")
    try:
        subnet = ipaddress.IPv4Network(data["cidr"])
    except ValueError:
        reasons += [f"{where}: {fault}" for fault in (*faults, f"{data['cidr']!r} is not an IPv4 network")]
        return None
    if data["nat"] and subnet.overlaps(links):
        faults.append(f"{subnet} overlaps {links}, by which networks get out")
    server = _address(data["server_ip"])
    if server is None or server not in subnet:
        faults.append(f"its address {data['server_ip']!r} is not in {subnet}")
    dhcp_range = None
    if data.get("dhcp_range") is not None:
        ends = [_address(text) for text in data["dhcp_range"].split(",")]
        inside = [end for end in ends if end is not None and end in subnet]
        if len(ends) != 2 or len(inside) != 2 or inside[0] > inside[1]:
            faults.append(f"dhcp_range {data['dhcp_range']!r} is not FIRST,LAST in {subnet}")
        elif server is not None and inside[0] <= server <= inside[1]:
            faults.append(f"dhcp_range {data['dhcp_range']} holds its own address {server}")
        else:
            dhcp_range = inside[0], inside[1]
    reasons += [f"{where}: {fault}" for fault in faults]
    if faults or server is None:
        return None
    interface = ipaddress.IPv4Interface(f"{server}/{subnet.prefixlen}")
    return Network(data["vlan_id"], data["name"], interface, data["gateway"], dhcp_range, data["nat"], members, mtu)


def _name_faults(name: str, mac: str) -> Iterator[str]:
    if not _LABEL.fullmatch(name):
        yield f"{name!r} is not a host name"
    if not _MAC.fullmatch(mac):
        yield f"{mac!r} is not a MAC address"


def _address(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _overlaps(one: Services) -> Iterator[str]:
    for place, network in enumerate(one.networks):
        for other in one.networks[:place]:
            if network.server.network.overlaps(other.server.network):
                yield (
                    f"network {network.name} of slice {one.slice_id}: {network.server.network} overlaps "
                    f"{other.server.network} of network {other.name}"
                )


def _repeated(what: str, things: Iterable[Hashable]) -> list[str]:
    return [f"{what} {thing} is listed {count} times" for thing, count in Counter(things).items() if count > 1]
