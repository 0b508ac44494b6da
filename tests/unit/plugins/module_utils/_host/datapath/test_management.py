# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The infrastructure on VLAN 400: two addresses, and the MACs that are derived from them."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.management import (
    Management,
    mac_of,
    read_management,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused


def test_two_addresses() -> None:
    read = read_management("10.60.7.1", "10.60.7.2", 3000)
    assert read == Management(gateway="10.60.7.1", dhcp_server="10.60.7.2", vlan_id=3000)
    assert read.addresses == ("10.60.7.1", "10.60.7.2")


@pytest.mark.parametrize(
    ("gateway", "dhcp_server", "count"),
    [
        ("x", "10.60.7.2", 1),
        ("10.60.7.1", "x", 1),
        ("x", "y", 2),
        ("10.60.7.1", "10.60.7.1", 1),
        ("x", "x", 3),
        ("10.60.7.256", "10.60.7.2", 1),
        ("::1", "10.60.7.2", 1),
        ("10.60.7.0/24", "10.60.7.2", 1),
    ],
)
def test_every_error_is_reported(gateway: str, dhcp_server: str, count: int) -> None:
    with pytest.raises(Refused) as caught:
        read_management(gateway, dhcp_server, 400)
    assert len(caught.value.refusals) == count


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("10.60.7.1", "02:00:0a:3c:07:01"),
        ("0.0.0.0", "02:00:00:00:00:00"),
        ("255.255.255.255", "02:00:ff:ff:ff:ff"),
    ],
)
def test_a_mac_is_derived_from_its_address(address: str, mac: str) -> None:
    assert mac_of(address) == mac


def test_an_invalid_address_has_no_mac() -> None:
    with pytest.raises(ValueError, match=r"10\.60\.7"):
        mac_of("10.60.7")
