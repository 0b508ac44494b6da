# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of where on a worker VMs are plugged in."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(WIRING_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  bridge:
    description:
      - The bridge that the ports are on; M(cloudrepo.slices.ovs_bridge) makes it.
    type: str
    default: br-int
  gateway:
    description:
      - The gateway's IPv4 address on VLAN 400.
      - Its MAC there is C(02:00:) and the four bytes of the address, as the role P(cloudrepo.slices.network_node#role)
        sets it. So is that of O(dhcp_server).
    type: str
    default: 10.60.7.1
  dhcp_server:
    description:
      - The DHCP server's IPv4 address on VLAN 400.
    type: str
    default: 10.60.7.2
  prune_vlans:
    description:
      - Whether the bridge's trunks carry only VLAN 400 and those that ports on the bridge are on, of whatever slice.
        They change together with the ports.
    type: bool
    default: false
"""
