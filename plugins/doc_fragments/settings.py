# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of what an operator decides for the whole cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(SETTINGS_ARGUMENTS) in C(module_utils/_module/topology.py)."""

    DOCUMENTATION = r"""
options:
  state_dir:
    description:
      - The folder on the workers below which disks and base images lie.
    type: path
    default: /var/lib/cloudrepo
  placement:
    description:
      - How a worker with room is chosen for a new VM. C(round_robin) takes the worker after the newest VM's,
        C(least_loaded) the one with the fewest VMs, C(pack) the first.
    type: str
    choices: [round_robin, least_loaded, pack]
    default: round_robin
  management_network:
    description:
      - The subnet of VLAN 400 and the range from which VMs get their addresses.
    type: dict
    default: {}
    suboptions:
      cidr:
        description:
          - The subnet.
        type: str
        default: 10.60.7.0/24
      gateway:
        description:
          - The network node's address in it.
        type: str
        default: 10.60.7.1
      dhcp_server:
        description:
          - The DHCP server's address in it.
        type: str
        default: 10.60.7.2
      first_address:
        description:
          - The first address for a VM.
        type: str
        default: 10.60.7.101
      last_address:
        description:
          - The last address for a VM.
        type: str
        default: 10.60.7.250
  infrastructure_networks:
    description:
      - Subnets of the hosts' own networks, none of which a network of a slice may overlap if it has a way out.
    type: list
    elements: str
    default: []
"""
