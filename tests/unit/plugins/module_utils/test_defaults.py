# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Related defaults are consistent."""

from __future__ import annotations

import ipaddress
import os

from ansible_collections.cloudrepo.slices.plugins.module_utils import defaults
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.management import read_management

MOST_CHARACTERS_OF_A_DEVICE = 15


def test_the_infrastructure_of_vlan_400_is_within_the_network_and_outside_the_range() -> None:
    network = ManagementNetwork()
    assert (network.gateway, network.dhcp_server) == (defaults.GATEWAY, defaults.DHCP_SERVER)
    assert list(ManagementNetwork().problems()) == []
    assert read_management(defaults.GATEWAY, defaults.DHCP_SERVER, 400).addresses == (
        defaults.GATEWAY,
        defaults.DHCP_SERVER,
    )
    assert ipaddress.IPv4Address(defaults.GATEWAY).is_private


def test_the_database_is_in_the_state_folder() -> None:
    assert os.path.isabs(defaults.STATE_DIR)
    assert os.path.dirname(defaults.DATABASE) == defaults.STATE_DIR


def test_the_default_name_of_the_bridge_is_valid_for_linux() -> None:
    assert 0 < len(defaults.BRIDGE) <= MOST_CHARACTERS_OF_A_DEVICE
    assert not set(defaults.BRIDGE) & set("/ :")
