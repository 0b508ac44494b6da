# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options of modules that connect VMs to the bridge of a worker."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(DATAPATH_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  bridge:
    description:
      - The bridge for the ports, created by M(cloudrepo.slices.ovs_bridge).
    type: str
    default: br-int
  gateway:
    description:
      - The gateway's IPv4 address on VLAN 400.
      - Its MAC address there is C(02:00:) followed by the four bytes of the IPv4 address, as configured by the role
        P(cloudrepo.slices.network_node#role). The same applies to O(dhcp_server).
    type: str
    default: 10.60.7.1
  dhcp_server:
    description:
      - The DHCP server's IPv4 address on VLAN 400.
    type: str
    default: 10.60.7.2
  prune_vlans:
    description:
      - Whether to limit the bridge's trunks to VLAN 400 and the VLANs of the ports on the bridge, of all slices. The
        trunks are updated together with the ports.
    type: bool
    default: false
"""
