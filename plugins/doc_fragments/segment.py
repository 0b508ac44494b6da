# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the common options of links and networks."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that C(segment_arguments) in C(module_utils/_module/topology.py) makes."""

    DOCUMENTATION = r"""
options:
  mtu:
    description:
      - The MTU in bytes, without Ethernet header and VLAN tags. The default for a new link or network is 1500. The
        guests must configure it on their interfaces. Between workers, the trunks must support it.
      - With an IPv6 subnet, it must be at least 1280.
    type: int
  qinq:
    description:
      - Whether to forward frames that guests have tagged, inside the VLAN of the link (802.1ad). Otherwise they are
        dropped. Between workers, this requires 4 more bytes of the trunk's MTU.
    type: bool
  forward_bpdu:
    description:
      - Whether to forward STP, LACP, 802.1X, LLDP and Cisco's CDP, VTP, PAgP and PVST+, which bridges do not forward by
        default. Between workers, the physical switches must forward them as well.
    type: bool
"""
