# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options that are settings of the whole cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(SETTINGS_ARGUMENTS) in C(module_utils/_module/topology.py)."""

    DOCUMENTATION = r"""
options:
  state_dir:
    description:
      - The folder for disks and base images on the workers.
    type: path
    default: /var/lib/cloudrepo
  placement:
    description:
      - How a worker is selected for a new VM, among those with enough capacity. V(round_robin) selects the one after
        the worker of the newest VM, V(least_loaded) the one with the fewest VMs, V(pack) the first one.
    type: str
    choices: [round_robin, least_loaded, pack]
    default: round_robin
  management_network:
    description:
      - The subnet of VLAN 400 and the range of the VMs' addresses.
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
      - Subnets of the hosts' own networks. A network of a slice that has NAT must not overlap any of them.
    type: list
    elements: str
    default: []
"""
