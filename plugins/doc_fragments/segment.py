# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of what a link or network carries."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that C(segment_arguments) in C(module_utils/_module/topology.py) makes."""

    DOCUMENTATION = r"""
options:
  mtu:
    description:
      - The largest packet that it carries, in bytes, without the Ethernet header and VLAN tags; 1500 for a new one.
        Guests set their own interfaces accordingly. Where it joins several workers, their trunks must carry it.
    type: int
  qinq:
    description:
      - Whether frames that guests have tagged themselves pass, below the tag of the link. Otherwise they are
        dropped. Between workers this takes 4 bytes more of the trunk's MTU.
    type: bool
  forward_bpdu:
    description:
      - Whether STP, LACP, LLDP and Cisco's CDP, VTP, PAgP and PVST+ pass, which bridges otherwise keep for themselves.
        Between workers the physical switches must let them pass as well.
    type: bool
"""
