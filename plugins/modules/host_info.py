#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Get information about a host's resources
version_added: 1.0.0
description:
  - Returns machine-id, cores, memory and network interfaces of a host.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  uplink:
    description:
      - The interface whose MTU is returned as RV(trunk_mtu).
    type: str
"""

EXAMPLES = r"""
- name: Get the host's resources
  cloudrepo.slices.host_info:
    uplink: eth1
  register: found
"""

RETURN = r"""
machine_id:
  description: The content of C(/etc/machine-id), null if there is none.
  returned: success
  type: str
  sample: 0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90
cores:
  description: The number of logical CPUs.
  returned: success
  type: int
  sample: 8
ram_gb:
  description: Memory in GiB.
  returned: success
  type: float
  sample: 31.2
netem:
  description: Whether the kernel has netem, which delays and drops packets.
  returned: success
  type: bool
  sample: true
trunk_mtu:
  description: The MTU of O(uplink), null if it is not set or does not exist.
  returned: success
  type: int
  sample: 9000
interfaces:
  description: The network interfaces with their IPv4 addresses. Empty if the command C(ip) is missing.
  returned: success
  type: list
  elements: dict
  sample: [{name: eth0, mtu: 1500, addresses: [192.0.2.11/24]}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_info
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run


def main() -> None:
    module = AnsibleModule(argument_spec={"uplink": {"type": "str"}}, supports_check_mode=True)

    def action() -> Outcome:
        info = host_info.look(SubprocessRunner())
        return Outcome(result={**info.to_dict(), "trunk_mtu": info.mtu_of(module.params["uplink"])})

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
