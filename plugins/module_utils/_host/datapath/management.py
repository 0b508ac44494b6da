# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway and the DHCP server on the management VLAN, whose MACs are derived from their addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ...errors import Refusal, Refused
from ...vlans import MANAGEMENT_VLAN


@dataclass(frozen=True)
class Management:
    """The management VLAN, and the infrastructure's addresses on it."""

    gateway: str
    dhcp_server: str
    vlan_id: int = MANAGEMENT_VLAN

    @property
    def addresses(self) -> tuple[str, str]:
        """All addresses."""
        return (self.gateway, self.dhcp_server)


def read_management(gateway: str, dhcp_server: str, vlan_id: int) -> Management:
    """Return the management VLAN with the infrastructure's addresses.

    Raises:
        Refused: an address is not an IPv4 address, or both are the same.
    """
    where, refusals = "management network", []
    for name, address in (("gateway", gateway), ("dhcp_server", dhcp_server)):
        try:
            ipaddress.IPv4Address(address)
        except ValueError:
            refusals.append(Refusal("invalid_address", where, {"option": name, "got": address}))
    if gateway == dhcp_server:
        refusals.append(Refusal("same_address", where, {"got": gateway}))
    if refusals:
        raise Refused(refusals)
    return Management(gateway, dhcp_server, vlan_id)


def mac_of(address: str) -> str:
    """Return the MAC of a gateway or DHCP server, which is derived from its address.

    Raises:
        ValueError: not an IPv4 address.
    """
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ipaddress.IPv4Address(address).packed)
