# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The infrastructure on management VLAN 400: gateway and DHCP server, which all hosts know by address and MAC."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ...errors import Refusal, Refused


@dataclass(frozen=True)
class Management:
    """The infrastructure's addresses."""

    gateway: str
    dhcp_server: str

    @property
    def addresses(self) -> tuple[str, str]:
        """All of them."""
        return (self.gateway, self.dhcp_server)


def read_management(gateway: str, dhcp_server: str) -> Management:
    """The infrastructure's addresses.

    Raises:
        Refused: one that is not an IPv4 address, or both the same.
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
    return Management(gateway, dhcp_server)


def mac_of(address: str) -> str:
    """The MAC that infrastructure has, made from its address so that every host knows it.

    Raises:
        ValueError: not an IPv4 address.
    """
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ipaddress.IPv4Address(address).packed)
