# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options of modules that configure a bridge."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(BRIDGE_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  datapath_type:
    description:
      - The datapath type, V(system) for the kernel datapath or V(netdev) for the userspace datapath.
      - If omitted, an existing bridge keeps its type, and a new bridge gets V(system).
    type: str
    choices: [system, netdev]
  fail_mode:
    description:
      - Behavior of the bridge without flows, V(standalone) for a learning switch or V(secure) to drop everything.
      - If omitted, an existing bridge keeps its mode, and a new bridge gets V(standalone).
    type: str
    choices: [standalone, secure]
  owner:
    description:
      - Owner of the ports, if a bridge is shared, for example by a worker and a network node on the same host. A port
        that two owners list belongs to the first one.
      - If omitted, the ports have no owner, and any later task that does not list them removes them.
    type: str
  ports:
    description:
      - All infrastructure ports of the owner on the bridge.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the port and of its network device.
        type: str
        required: true
      type:
        description:
          - V(system) for an existing network device, V(internal) for a device that Open vSwitch creates.
        type: str
        choices: [system, internal]
        default: system
      vlan_id:
        description:
          - The VLAN of an access port.
          - If omitted, the port is a trunk of VLANs 1 to 4094, listed one by one. A trunk without a list would also
            carry untagged frames as VLAN 0. With a list they are dropped, so there is no native VLAN.
        type: int
"""
