# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of a slice on the network node, for dnsmasq, nft and C(slices-host).

The role C(network_node) writes the files that all slices share to C(/etc/cloudrepo).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass

from ...network_order import Network, Reservation, Services
from . import dhcp_hosts
from .namespace import Layout, Port

SETTINGS_DIR = "/etc/cloudrepo"
DOMAIN = "internal"


@dataclass(frozen=True)
class Folders:
    """The locations of slices' files.

    Attributes:
        state_dir: the parent of all these folders.
        links: the subnet for the addresses of NAT links.
    """

    state_dir: str
    links: ipaddress.IPv4Network

    def network(self, slice_id: int) -> str:
        """Return the folder of the slice's networks, which is created before their other objects and removed last."""
        return f"{self.networks}/{slice_id}"

    @property
    def networks(self) -> str:
        """The folder of all slices' networks."""
        return f"{self.state_dir}/networks"

    @property
    def dhcp_hosts(self) -> str:
        """The folder of all slices' reservations."""
        return f"{self.state_dir}/dhcp/hosts.d"

    @property
    def all_shares(self) -> str:
        """The folder of all slices' shares."""
        return f"{self.state_dir}/shares"

    def reservations(self, slice_id: int) -> str:
        """Return the file with the slice's reservations, with the syntax of C(dhcp-hostsfile)."""
        return f"{self.dhcp_hosts}/{slice_id}"

    @property
    def name_servers(self) -> str:
        """The folder of all slices' name servers on VLAN 400."""
        return f"{self.state_dir}/names"

    def names(self, slice_id: int, kind: str) -> str:
        """Return a file of the slice's name server on VLAN 400: C(conf), C(hosts), or C(nft) for its clients."""
        return f"{self.name_servers}/{slice_id}.{kind}"

    def shares(self, slice_id: int) -> str:
        """Return the file with the slice's addresses, for the limits that its VMs share on the host."""
        return f"{self.all_shares}/{slice_id}.nft"

    def uuid(self, slice_id: int) -> str:
        """Return the file with the slice's UUID, which exists as long as the slice has services."""
        return self.names(slice_id, "uuid")

    def pending(self, slice_id: int) -> str:
        """Return the marker that exists until a run that changes the slice's files has reloaded its servers."""
        return self.names(slice_id, "pending")


def kinds(slice_id: int, folders: Folders) -> dict[str, str]:
    """Return the kind of each file that a slice may have, for messages, by path."""
    folder = folders.network(slice_id)
    return {
        folders.uuid(slice_id): "identity",
        folders.reservations(slice_id): "reservation",
        folders.names(slice_id, "conf"): "name server",
        folders.names(slice_id, "hosts"): "name",
        folders.names(slice_id, "nft"): "name server's clients",
        folders.shares(slice_id): "share of connections",
        f"{folder}/devices": "network",
        f"{folder}/dnsmasq.conf": "network server",
        f"{folder}/rules.nft": "network rule",
    }


def texts(order: Services, folders: Folders) -> dict[str, str]:
    """Return the contents of a slice's desired files, by path. They do not depend on the order of lists."""
    found = {}
    if order.slice_uuid is not None and (order.reservations or order.networks):
        found[folders.uuid(order.slice_id)] = f"{order.slice_uuid}\n"
    if order.reservations:
        reservations = sorted(order.reservations, key=lambda each: (each.vm_id, each.mac))
        found[folders.reservations(order.slice_id)] = _lines(
            dhcp_hosts.line(each.mac, str(each.address), each.name) for each in reservations
        )
        hosts = folders.names(order.slice_id, "hosts")
        found[folders.names(order.slice_id, "conf")] = _lines(
            [f"conf-file={SETTINGS_DIR}/names.conf", f"port={order.name_port}", f"addn-hosts={hosts}"]
        )
        found[hosts] = _lines(line for each in reservations for line in _host_lines(each))
        asking = ", ".join(f"{each.address} : {order.name_port}" for each in reservations)
        found[folders.names(order.slice_id, "nft")] = f"add element ip cloudrepo slices {{ {asking} }}\n"
    addresses = ", ".join(f"{address} : {order.slice_id}" for address in senders(order, folders))
    if addresses:
        found[folders.shares(order.slice_id)] = f"add element ip cloudrepo_shares slices {{ {addresses} }}\n"
    if order.networks:
        folder = folders.network(order.slice_id)
        found[f"{folder}/devices"] = str(_layout(order, folders))
        found[f"{folder}/dnsmasq.conf"] = _lines(_server(order, folder))
        found[f"{folder}/rules.nft"] = _lines(_rules(order))
    return found


def senders(order: Services, folders: Folders) -> list[str]:
    """Return the addresses from which the slice's connections come: its VMs' on VLAN 400, and that of its NAT link."""
    link = [order.nat_link(folders.links)[1].split("/")[0]] if order.has_nat else []
    return [*sorted(each.address for each in order.reservations), *link]


def restarts(path: str) -> bool:
    """Return whether a change of the file requires a restart of dnsmasq; a reload suffices for the others."""
    return os.path.basename(path).endswith((".conf", "devices", "rules.nft"))


def _host_lines(reservation: Reservation) -> Iterable[str]:
    yield f"{reservation.address} {reservation.name}"
    for address in (reservation.loopback, reservation.loopback6):
        if address is not None:
            yield f"{address} lo.{reservation.name}.{DOMAIN}"


def _networks(order: Services) -> list[Network]:
    return sorted(order.networks, key=lambda each: each.vlan_id)


def _layout(order: Services, folders: Folders) -> Layout:
    ports = (Port(network.port, str(network.server), network.mac, network.mtu) for network in _networks(order))
    return Layout(tuple(ports), order.nat_link(folders.links) if order.has_nat else None)


def _server(order: Services, folder: str) -> Iterable[str]:
    yield f"conf-file={SETTINGS_DIR}/networks.conf"
    yield f"dhcp-leasefile={folder}/leases"
    for network in _networks(order):
        yield f"interface={network.port}"
        yield f"domain={network.name}.{DOMAIN},{network.server.network}"
        if network.dhcp_ends is not None:
            yield from _dhcp(network, *network.dhcp_ends)
        for member in sorted(network.members, key=lambda each: each.mac):
            addresses = [each for each in (member.address, member.address6) if each is not None]
            if addresses:
                yield f"host-record={member.name}.{network.name}.{DOMAIN},{','.join(addresses)}"


def _dhcp(network: Network, first: ipaddress.IPv4Address, last: ipaddress.IPv4Address) -> Iterable[str]:
    yield f"dhcp-range=set:{network.port},{first},{last},{network.server.netmask},1h"
    # An empty value suppresses the option; by default, dnsmasq sends its own address.
    router = f",{network.server.ip}" if network.gateway else ""
    yield f"dhcp-option=tag:{network.port},option:router{router}"
    for member in sorted(network.members, key=lambda each: each.mac):
        yield f"dhcp-host={member.mac},{member.name}"


def _rules(order: Services) -> Iterable[str]:
    yield f'include "{SETTINGS_DIR}/network.nft"'
    ports = [network.port for network in _networks(order) if network.nat]
    if ports:
        yield "add element ip cloudrepo nat {{ {} }}".format(", ".join(f'"{port}"' for port in ports))


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
