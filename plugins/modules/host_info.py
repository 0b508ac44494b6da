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
  packages:
    description:
      - Debian packages. Those that are not installed are returned as RV(missing_packages).
    type: list
    elements: str
    default: []
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
missing_packages:
  description: Those of O(packages) that are not installed.
  returned: success
  type: list
  elements: str
  sample: [tcpdump]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_info
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run

ARGUMENTS = {
    "uplink": {"type": "str"},
    "packages": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)

    def action() -> Outcome:
        runner = SubprocessRunner()
        info = host_info.look(runner)
        return Outcome(
            result={
                **info.to_dict(),
                "trunk_mtu": info.mtu_of(module.params["uplink"]),
                "missing_packages": host_info.missing_packages(module.params["packages"], runner),
            }
        )

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
